//! The `[console]` section of the configuration.

use serde::Deserialize;
use std::{net::SocketAddr, path::PathBuf};

/// `[console]`: the listener for operators.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Address and port to listen at. Anything but a loopback address needs `token_file`, and TLS from a proxy in front.
    /// On loopback without a token, whoever has an account on the machine may read and command.
    pub listen: SocketAddr,
    /// File with the access token (24 to 512 printable ASCII characters; white space around it is ignored), read anew for
    /// each request that needs it. With a token, commands need it; when not listening on loopback, reading pages and the
    /// API needs it too. Probes and metrics never do: they hold no personal data.
    pub token_file: Option<PathBuf>,
    /// The console's address as people reach it, such as `https://breachd.example.org`, for links in notices. No path.
    /// Behind a proxy with TLS it is needed for the pages' forms, too: their `https` origin is known by it.
    pub public_url: Option<String>,
    /// Further host names by which the console may be called. Always allowed: `localhost`, numeric addresses, the host
    /// of `public_url`. Other names are refused, so that no web site can point its own name here (DNS rebinding).
    pub allowed_hosts: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            listen: SocketAddr::from(([127, 0, 0, 1], 8420)),
            token_file: None,
            public_url: None,
            allowed_hosts: Vec::new(),
        }
    }
}

impl Settings {
    /// All mistakes that can be seen without I/O: (key within the section, problem).
    pub fn check(&self) -> Vec<(String, String)> {
        let mut mistakes = Vec::new();
        let mut wrong = |key: &str, problem: String| mistakes.push((key.to_owned(), problem));
        if !self.listen.ip().is_loopback() && self.token_file.is_none() {
            let problem =
                format!("`{}` can be reached from outside: name a `token_file`, or listen at 127.0.0.1", self.listen);
            wrong("listen", problem);
        }
        if let Some(url) = &self.public_url
            && self.public_origin().is_none()
        {
            wrong(
                "public_url",
                format!("`{url}` is not of the form `https://host` or `https://host:port`, without a path"),
            );
        }
        for (at, host) in self.allowed_hosts.iter().enumerate() {
            if !is_host_name(host) {
                wrong(&format!("allowed_hosts[{at}]"), format!("`{host}` is no host name; leave out scheme and port"));
            }
        }
        mistakes
    }

    /// (whether https, `host[:port]` in lower case) of `public_url`; `None` without one, or if it is malformed.
    pub(crate) fn public_origin(&self) -> Option<(bool, String)> {
        let url = self.public_url.as_deref()?;
        let (secure, rest) = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (None, Some(rest)) => (false, rest),
            (None, None) => return None,
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        let valid = authority.parse::<axum::http::uri::Authority>().is_ok_and(|parsed| !parsed.host().is_empty());
        (valid && !authority.contains(['@', '/', '?', '#'])).then(|| (secure, authority.to_ascii_lowercase()))
    }
}

fn is_host_name(name: &str) -> bool {
    let label =
        |label: &str| !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    name.len() <= 253 && name.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(settings: &Settings) -> Vec<String> {
        settings.check().into_iter().map(|(key, _)| key).collect()
    }

    #[test]
    fn the_default_is_loopback_and_right() {
        assert_eq!(keys(&Settings::default()), [""; 0]);
    }

    #[test]
    fn outside_needs_a_token_and_all_mistakes_come_at_once() {
        let open = Settings {
            listen: "0.0.0.0:8420".parse().unwrap(),
            public_url: Some("breachd.example.org".into()),
            allowed_hosts: vec!["ok.example".into(), "https://x".into()],
            ..Settings::default()
        };
        assert_eq!(keys(&open), ["listen", "public_url", "allowed_hosts[1]"]);
        let closed = Settings { token_file: Some("token".into()), listen: open.listen, ..Settings::default() };
        assert_eq!(keys(&closed), [""; 0]);
    }

    #[test]
    fn a_public_url_has_no_path_and_no_credentials() {
        let origin = |url: &str| Settings { public_url: Some(url.into()), ..Settings::default() }.public_origin();
        assert_eq!(origin("https://Breachd.Example.org/"), Some((true, "breachd.example.org".into())));
        assert_eq!(origin("http://127.0.0.1:8420"), Some((false, "127.0.0.1:8420".into())));
        for url in ["", "https://", "ftp://a", "https://a/b", "https://u:p@a", "https://a?b", "javascript:alert(1)"] {
            assert_eq!(origin(url), None, "{url}");
        }
    }
}
