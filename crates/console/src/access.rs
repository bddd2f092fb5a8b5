//! Who may ask what: host name, origin, access token, form token.
//!
//! Threats and answers
//! - A web site points its own name at our address (DNS rebinding): only known host names and numeric addresses are
//!   answered. A browser sends the name in the address bar, and the attacker has no other.
//! - A web site posts our form (CSRF): `Origin` (or, where a browser leaves it out, `Sec-Fetch-Site`) must be our own, and
//!   the form carries a token that is an HMAC over a cookie the site can neither read nor set (`HttpOnly`,
//!   `SameSite=Strict`) and the incident. JSON cannot be posted across sites without a preflight, which is never granted.
//! - Somebody else reaches the listener: beyond loopback there is always a token.
//!
//! `Referrer-Policy: no-referrer` would make browsers send `Origin: null` with our own forms; `same-origin` tells other
//! sites just as little, and keeps the check possible.

use crate::{
    Settings,
    limits::TOKEN_BYTES,
    problem::{Kind, Problem},
};
use axum::http::{HeaderMap, Method, header};
use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, Ipv6Addr},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

/// The cookie the form token is bound to.
pub(crate) const COOKIE: &str = "breachd_form";

/// Decides about requests by their head.
pub(crate) struct Access {
    token_file: Option<PathBuf>,
    loopback: bool,
    hosts: BTreeSet<String>,
    public_authority: Option<(bool, String)>,
    /// Drawn at start: forms of an earlier process are out of date.
    key: [u8; 32],
    n_cookies: AtomicU64,
}

/// Who asks, as far as they say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Caller {
    /// The user name given with HTTP Basic: a claim.
    pub(crate) name: Option<String>,
}

/// Why the access token cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    #[error("token_file `{}` cannot be read: {source}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("token_file `{}` must hold {} to {} printable ASCII characters without spaces", path.display(), TOKEN_BYTES.start(), TOKEN_BYTES.end())]
    Unfit { path: PathBuf },
}

impl Access {
    pub(crate) fn new(settings: &Settings, key: [u8; 32]) -> Self {
        let public_authority = settings.public_origin();
        let mut hosts: BTreeSet<String> = settings.allowed_hosts.iter().map(|host| host.to_ascii_lowercase()).collect();
        hosts.insert("localhost".into());
        hosts.extend(public_authority.as_ref().map(|(_, authority)| host_of(authority).to_owned()));
        Access {
            token_file: settings.token_file.clone(),
            loopback: settings.listen.ip().is_loopback(),
            hosts,
            public_authority,
            key,
            n_cookies: AtomicU64::new(0),
        }
    }

    /// The host must be a name we know, or a number.
    pub(crate) fn admit_host(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let Some(authority) = sole(headers, header::HOST) else {
            return Err(Problem::new(Kind::Malformed, "exactly one Host header is needed"));
        };
        let host = host_of(authority).to_ascii_lowercase();
        let numeric = host.parse::<Ipv4Addr>().is_ok()
            || host
                .strip_prefix('[')
                .and_then(|rest| rest.strip_suffix(']'))
                .is_some_and(|v6| v6.parse::<Ipv6Addr>().is_ok());
        if numeric || self.hosts.contains(&host) {
            return Ok(());
        }
        Err(Problem::new(
            Kind::ForeignHost,
            format!("`{host}` is not in console.allowed_hosts and not the public_url's host"),
        ))
    }

    /// A change must not come from another site's page.
    ///
    /// Programs send neither header and are let through here: they can only use JSON, which pages cannot post.
    pub(crate) fn admit_origin(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let foreign =
            |what: &str| Err(Problem::new(Kind::ForeignOrigin, format!("{what}; open the page here and try again")));
        match sole(headers, "sec-fetch-site") {
            Some("same-origin" | "none") => {}
            Some(_) => return foreign("the browser says that another site's page sent this"),
            None if headers.contains_key("sec-fetch-site") => return foreign("Sec-Fetch-Site cannot be read"),
            None => {}
        }
        if !headers.contains_key(header::ORIGIN) {
            return Ok(());
        }
        let Some(origin) = sole(headers, header::ORIGIN).map(str::to_ascii_lowercase) else {
            return foreign("the Origin header cannot be read");
        };
        let own = match origin.split_once("://") {
            Some((scheme, authority)) => {
                let secure = scheme == "https";
                let by_host = scheme == "http"
                    && sole(headers, header::HOST).is_some_and(|host| host.eq_ignore_ascii_case(authority));
                let by_url =
                    self.public_authority.as_ref().is_some_and(|(https, url)| *https == secure && url == authority);
                matches!(scheme, "http" | "https") && (by_host || by_url)
            }
            None => false,
        };
        if own { Ok(()) } else { foreign(&format!("`{origin}` is not this console")) }
    }

    /// Whether a request of this method for other than probes and assets needs the token.
    pub(crate) fn needs_token(&self, method: &Method) -> bool {
        self.token_file.is_some() && (!self.loopback || !matches!(*method, Method::GET | Method::HEAD))
    }

    /// Compares with the file's token as it is now: a new one needs no restart.
    pub(crate) async fn admit_token(&self, headers: &HeaderMap) -> Result<Caller, Problem> {
        let Some(path) = &self.token_file else { return Ok(Caller::default()) };
        let token = read_token(path).await.map_err(|error| {
            tracing::error!(%error, "the console's access token cannot be read: all that need it are refused");
            Problem::new(Kind::Unavailable, "the access token's file cannot be read; see breachd's log")
        })?;
        let (name, presented) = credentials(headers).unwrap_or_default();
        // Keyed digests are compared, so the comparison's length tells nothing of the token.
        if self.mac(&[b"token", presented.as_bytes()]) == self.mac(&[b"token", token.as_bytes()]) {
            return Ok(Caller { name });
        }
        Err(Problem::new(
            Kind::Unauthorized,
            "send the access token as `Authorization: Bearer TOKEN`, or in a browser as the password, with your name as the user",
        ))
    }

    /// The browser's form cookie, or a new one and the `Set-Cookie` for it.
    pub(crate) fn form_cookie(&self, headers: &HeaderMap) -> (String, Option<String>) {
        if let Some(cookie) = cookie(headers) {
            return (cookie, None);
        }
        let number = self.n_cookies.fetch_add(1, Ordering::Relaxed);
        let cookie = hex(&self.mac(&[b"cookie", &number.to_le_bytes()]));
        let secure = if self.public_authority.as_ref().is_some_and(|(https, _)| *https) { "; Secure" } else { "" };
        let header = format!("{COOKIE}={cookie}; Path=/; HttpOnly; SameSite=Strict{secure}");
        (cookie, Some(header))
    }

    /// What the form about this incident must bring along.
    pub(crate) fn form_token(&self, cookie: &str, incident: &str) -> String {
        hex(&self.mac(&[b"form", cookie.as_bytes(), incident.as_bytes()]))
    }

    pub(crate) fn admit_form(&self, headers: &HeaderMap, incident: &str, token: &str) -> Result<(), Problem> {
        // A browser always sends one of the two with a form; what sends neither is no browser and has the API.
        if !headers.contains_key(header::ORIGIN) && !headers.contains_key("sec-fetch-site") {
            return Err(Problem::new(Kind::ForeignOrigin, "a form needs an Origin header; programs use /api/v1"));
        }
        let expected = cookie(headers).map(|cookie| self.form_token(&cookie, incident));
        if expected.as_deref().is_some_and(|expected| self.mac(&[expected.as_bytes()]) == self.mac(&[token.as_bytes()]))
        {
            return Ok(());
        }
        Err(Problem::new(
            Kind::FormExpired,
            "breachd was restarted since the page was loaded, or the browser refuses cookies; open the incident again and repeat",
        ))
    }

    /// HMAC-SHA-256 over the parts, each with its length.
    fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes keys of any length");
        for part in parts {
            mac.update(&(part.len() as u64).to_le_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

/// The token in the file, without white space around it.
pub(crate) async fn read_token(path: &Path) -> Result<String, TokenError> {
    let text = tokio::fs::read_to_string(path)
        .await
        .map_err(|source| TokenError::Unreadable { path: path.to_owned(), source })?;
    let token = text.trim();
    if TOKEN_BYTES.contains(&token.len()) && token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(token.to_owned());
    }
    Err(TokenError::Unfit { path: path.to_owned() })
}

/// (user name, token) from `Authorization: Bearer` or `Basic`.
fn credentials(headers: &HeaderMap) -> Option<(Option<String>, String)> {
    let (scheme, value) = sole(headers, header::AUTHORIZATION)?.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some((None, value.trim().to_owned()));
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(BASE64_STANDARD.decode(value.trim()).ok()?).ok()?;
    let (name, password) = decoded.split_once(':')?;
    let name = name.trim();
    Some(((!name.is_empty()).then(|| name.to_owned()), password.to_owned()))
}

/// Our cookie, if it has the form of one.
fn cookie(headers: &HeaderMap) -> Option<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, value)| {
            *name == COOKIE && value.len() == 64 && value.bytes().all(|byte| byte.is_ascii_hexdigit())
        })
        .map(|(_, value)| value.to_owned())
}

/// The header's value, if it is there exactly once and ASCII.
fn sole(headers: &HeaderMap, name: impl header::AsHeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

/// `host` of `host:port`, `[v6]` of `[v6]:port`.
fn host_of(authority: &str) -> &str {
    match authority.rfind(':') {
        Some(at) if authority[at + 1..].bytes().all(|byte| byte.is_ascii_digit()) => &authority[..at],
        _ => authority,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn access(settings: Settings) -> Access {
        Access::new(&settings, [7; 32])
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    #[test]
    fn hosts_we_are_known_by_and_others() {
        let access = access(Settings {
            public_url: Some("https://breachd.example.org:8443".into()),
            allowed_hosts: vec!["breachd.monitoring.svc".into()],
            ..Settings::default()
        });
        for host in [
            "localhost",
            "LOCALHOST:8420",
            "127.0.0.1:8420",
            "[::1]:8420",
            "[::1]",
            "10.1.2.3",
            "breachd.example.org",
            "breachd.monitoring.svc:8420",
        ] {
            assert!(access.admit_host(&headers(&[("host", host)])).is_ok(), "{host}");
        }
        for host in
            ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "", "::1", "[evil]", "127.0.0.1:x"]
        {
            assert!(access.admit_host(&headers(&[("host", host)])).is_err(), "{host}");
        }
        assert!(access.admit_host(&headers(&[])).is_err());
        assert!(access.admit_host(&headers(&[("host", "localhost"), ("host", "evil.example")])).is_err());
    }

    #[test]
    fn origins_of_our_own_and_of_others() {
        let access = access(Settings { public_url: Some("https://breachd.example.org".into()), ..Settings::default() });
        let admit = |pairs: &[(&'static str, &str)]| access.admit_origin(&headers(pairs)).is_ok();
        let host = ("host", "localhost:8420");
        assert!(admit(&[host]), "a program");
        assert!(admit(&[host, ("origin", "http://localhost:8420")]));
        assert!(admit(&[host, ("origin", "https://breachd.example.org"), ("sec-fetch-site", "same-origin")]));
        for origin in [
            "null",
            "https://evil.example",
            "http://localhost",
            "http://localhost:8421",
            "https://localhost:8420",
            "http://breachd.example.org",
            "http://localhost:8420.evil.example",
            "ftp://localhost:8420",
        ] {
            assert!(!admit(&[host, ("origin", origin)]), "{origin}");
        }
        for site in ["cross-site", "same-site", ""] {
            assert!(!admit(&[host, ("origin", "http://localhost:8420"), ("sec-fetch-site", site)]), "{site}");
        }
        assert!(!admit(&[host, ("origin", "http://localhost:8420"), ("origin", "null")]));
    }

    #[test]
    fn a_form_token_is_bound_to_cookie_and_incident() {
        let access = access(Settings::default());
        let (one, set) = access.form_cookie(&headers(&[]));
        let (two, _) = access.form_cookie(&headers(&[]));
        assert_ne!(one, two);
        assert!(set.unwrap().contains("HttpOnly; SameSite=Strict"));
        let sent =
            |cookie: &str| headers(&[("cookie", &format!("a=b; {COOKIE}={cookie}")), ("origin", "http://localhost")]);
        assert_eq!(access.form_cookie(&sent(&one)), (one.clone(), None));
        let token = access.form_token(&one, "INC-1");
        assert!(access.admit_form(&sent(&one), "INC-1", &token).is_ok());
        assert!(access.admit_form(&sent(&one), "INC-2", &token).is_err());
        assert!(access.admit_form(&sent(&two), "INC-1", &token).is_err());
        assert!(access.admit_form(&headers(&[("origin", "http://localhost")]), "INC-1", &token).is_err());
        assert!(
            access.admit_form(&headers(&[("cookie", &format!("{COOKIE}={one}"))]), "INC-1", &token).is_err(),
            "no browser"
        );
        assert!(
            Access::new(&Settings::default(), [8; 32]).admit_form(&sent(&one), "INC-1", &token).is_err(),
            "restarted"
        );
    }

    #[test]
    fn credentials_come_as_bearer_or_as_basic_password() {
        let of = |value: &str| credentials(&headers(&[("authorization", value)]));
        assert_eq!(of("Bearer abc"), Some((None, "abc".into())));
        assert_eq!(of("basic YWxpY2U6YTpi"), Some((Some("alice".into()), "a:b".into())));
        assert_eq!(of("Basic OmFi"), Some((None, "ab".into())));
        for value in ["", "abc", "Basic !", "Digest abc"] {
            assert_eq!(of(value), None, "{value}");
        }
    }

    #[test]
    fn when_a_token_is_needed() {
        let with = |listen: &str, token: bool| {
            access(Settings {
                listen: listen.parse().unwrap(),
                token_file: token.then(|| "t".into()),
                ..Settings::default()
            })
        };
        assert!(!with("127.0.0.1:1", false).needs_token(&Method::POST));
        assert!(with("127.0.0.1:1", true).needs_token(&Method::POST));
        assert!(!with("127.0.0.1:1", true).needs_token(&Method::GET));
        assert!(with("0.0.0.0:1", true).needs_token(&Method::GET));
    }
}
