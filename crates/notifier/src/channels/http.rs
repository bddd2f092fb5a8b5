//! What the HTTP channels share: a client that follows nothing, goes nowhere but where it may, waits not for ever and
//! reads not without end.

use crate::{
    ANSWER_BYTES_MAX, ChannelError, Period, Secret, SecretSource,
    clock::Surroundings,
    reach::Reach,
    settings,
    stages::classify::{self, Failure},
};
use reqwest::{
    RequestBuilder, StatusCode, Url,
    header::{HeaderMap, HeaderName, HeaderValue},
    redirect,
};
use std::{collections::BTreeMap, path::PathBuf};

/// What the HTTP channels need of the world.
pub(crate) struct Outside {
    pub(crate) surroundings: Surroundings,
    pub(crate) reach: Reach,
}

pub(super) struct Http {
    client: reqwest::Client,
    timeout: Period,
    surroundings: Surroundings,
    reach: Reach,
}

/// Characters of an answer's own words that are repeated. Beyond: cut.
const WORDS_CHARACTERS_MAX: usize = 100;

pub(super) struct Answered {
    pub(super) status: StatusCode,
    headers: HeaderMap,
    /// At most [`ANSWER_BYTES_MAX`] bytes.
    pub(super) body: Vec<u8>,
    /// Whether the answer was longer.
    pub(super) cut: bool,
}

impl Http {
    /// `ca_file`: PEM certificates to trust instead of the system's.
    pub(super) fn new(
        channel: &str,
        timeout: Period,
        ca_file: Option<&PathBuf>,
        outside: &Outside,
    ) -> Result<Self, ChannelError> {
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("breachd/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .no_proxy()
            .dns_resolver(outside.reach.clone())
            .connect_timeout(timeout.0)
            .timeout(timeout.0);
        if let Some(file) = ca_file {
            let unfit = |error: &dyn std::fmt::Display| {
                super::unfit(channel, format!("`ca_file` `{}`: {error}", file.display()))
            };
            let pem = std::fs::read(file).map_err(|error| unfit(&error))?;
            let certificates = reqwest::Certificate::from_pem_bundle(&pem).map_err(|error| unfit(&error))?;
            if certificates.is_empty() {
                return Err(unfit(&"holds no certificate"));
            }
            builder = builder.tls_certs_only(certificates);
        }
        let client = builder.build().map_err(|error| super::unfit(channel, classify::http_error(error).reason))?;
        let Outside { surroundings, reach } = outside;
        Ok(Http { client, timeout, surroundings: surroundings.clone(), reach: reach.clone() })
    }

    pub(super) fn client(&self) -> &reqwest::Client {
        &self.client
    }

    pub(super) fn now(&self) -> activity::Timestamp {
        self.surroundings.now()
    }

    /// One exchange, with whatever status; failures are those of the way.
    pub(super) async fn exchange(&self, request: RequestBuilder) -> Result<Answered, Failure> {
        let request = request.build().map_err(classify::http_error)?;
        self.reach.permits(request.url()).map_err(|unreachable| Failure::refused(unreachable.to_string()))?;
        let exchange = async {
            let mut response = self.client.execute(request).await.map_err(classify::http_error)?;
            let mut body = Vec::new();
            let mut cut = false;
            while let Some(chunk) = response.chunk().await.map_err(classify::http_error)? {
                let room = ANSWER_BYTES_MAX - body.len();
                body.extend_from_slice(&chunk[..chunk.len().min(room)]);
                if room < chunk.len() {
                    cut = true;
                    break;
                }
            }
            Ok(Answered { status: response.status(), headers: response.headers().clone(), body, cut })
        };
        tokio::time::timeout(self.timeout.0, exchange).await.unwrap_or_else(|_| Err(Failure::timed_out(self.timeout.0)))
    }

    /// One exchange that must end in 2xx. `words` finds what the service says of an error in its JSON.
    pub(super) async fn succeed(
        &self,
        request: RequestBuilder,
        words: fn(&serde_json::Value) -> String,
    ) -> Result<Answered, Failure> {
        let answered = self.exchange(request).await?;
        if answered.status.is_success() {
            return Ok(answered);
        }
        let said = answered.json().map(|json| words(&json)).unwrap_or_default();
        Err(self.failure(&answered, &said))
    }

    /// What an answer that is not 2xx means; `said` is what the service said of it.
    pub(super) fn failure(&self, answered: &Answered, said: &str) -> Failure {
        classify::http(answered.status, &answered.headers, said, self.now())
    }
}

impl Answered {
    pub(super) fn json(&self) -> Option<serde_json::Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// The first words of an answer that is no JSON.
    pub(super) fn words(&self) -> String {
        let head = &self.body[..self.body.len().min(4 * WORDS_CHARACTERS_MAX)];
        activity::printable_within(String::from_utf8_lossy(head).trim(), WORDS_CHARACTERS_MAX)
    }

    /// A log-in page, an error page of something on the way: nothing that a service for programs says.
    pub(super) fn is_web_page(&self) -> bool {
        let kind = self.headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
        kind.starts_with("text/html") || self.words().starts_with('<')
    }
}

/// Headers from files that hold their whole values, and what must not appear in a report.
pub(super) fn headers(
    channel: &str,
    files: &BTreeMap<String, PathBuf>,
) -> Result<(HeaderMap, Vec<Secret>), ChannelError> {
    let mut headers = HeaderMap::new();
    let mut secrets = Vec::new();
    for (name, file) in files {
        let secret = super::read_secret(channel, "header_files", &SecretSource::of(&Some(file.clone()), &None))?;
        let unfit = || super::unfit(channel, format!("`header_files` `{name}`: no header can hold that"));
        let mut value = HeaderValue::from_str(secret.expose()).map_err(|_| unfit())?;
        value.set_sensitive(true);
        headers.insert(HeaderName::from_bytes(name.as_bytes()).map_err(|_| unfit())?, value);
        // Also without its scheme: `Bearer …`.
        secrets.extend(secret.expose().split_once(' ').map(|(_, token)| Secret::new(token)));
        secrets.push(secret);
    }
    Ok((headers, secrets))
}

/// An address that is itself a secret, as services hand them out: checked like one that is written openly, and never shown.
pub(super) struct SecretUrl {
    pub(super) url: Url,
    /// The whole, and what follows the host: a service may repeat either.
    secrets: [Secret; 2],
}

impl SecretUrl {
    pub(super) fn new(channel: &str, secret: &Secret, outside: &Outside) -> Result<Self, ChannelError> {
        let unfit = |problem: String| super::unfit(channel, format!("the secret address {problem}"));
        if let Some(problem) = settings::check_url(secret.expose(), false) {
            return Err(unfit(problem));
        }
        let url = Url::parse(secret.expose()).map_err(|_| unfit("is no URL".into()))?;
        outside.reach.permits(&url).map_err(|unreachable| unfit(format!("is not allowed: {unreachable}")))?;
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        let below = Secret::new(format!("{}{query}", url.path()));
        Ok(SecretUrl { url, secrets: [secret.clone(), below] })
    }

    pub(super) fn secrets(&self) -> Vec<&Secret> {
        self.secrets.iter().collect()
    }
}

/// The address of a path below a base address, with query parameters.
pub(super) fn below(base: &str, path: &str) -> String {
    format!("{}{path}", base.trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        DeliverySettings,
        sandbox::{Sandbox, SmsSandbox},
        stages::classify::FailureKind,
    };

    /// The name is resolved, and leads to where something listens: what is asked is whether it is connected to.
    #[tokio::test]
    async fn what_a_name_leads_to_is_judged_when_connecting() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let sandbox = SmsSandbox::start("token").await.unwrap();
        let ask = async |delivery: &DeliverySettings| {
            let reach = Reach::answering(delivery, &["127.0.0.1"]);
            let outside = Outside { surroundings: Surroundings::real(), reach };
            let http = Http::new("c", Period::from_secs(5), None, &outside).unwrap();
            let url = format!("http://hooks.example.com:{}/messages", sandbox.port());
            http.exchange(http.client().post(url)).await.map(|answered| answered.status.as_u16())
        };
        let failure = ask(&DeliverySettings::default()).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Refused, "{}", failure.reason);
        assert!(failure.reason.contains("`hooks.example.com` leads to 127.0.0.1"), "{}", failure.reason);
        assert_eq!(sandbox.n_arrived(), 0, "not even connected");
        let allowed = DeliverySettings { private_networks: vec!["127.0.0.0/8".into()], ..DeliverySettings::default() };
        assert_eq!(ask(&allowed).await.unwrap(), 401);
        let elsewhere = DeliverySettings { hosts: vec!["other.example.com".into()], ..allowed };
        let failure = ask(&elsewhere).await.unwrap_err();
        assert!(failure.reason.contains("`[delivery] hosts`") && failure.kind == FailureKind::Refused);
        assert_eq!(sandbox.n_arrived(), 1);
    }
}
