//! What the HTTP channels share: a client that follows nothing, waits not for ever and reads not without end.

use crate::{
    ANSWER_BYTES_MAX, ChannelError, Period,
    clock::Surroundings,
    stages::classify::{self, Failure},
};
use reqwest::{RequestBuilder, StatusCode, header::HeaderMap, redirect};
use std::path::PathBuf;

pub(super) struct Http {
    client: reqwest::Client,
    timeout: Period,
    surroundings: Surroundings,
}

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
        surroundings: &Surroundings,
    ) -> Result<Self, ChannelError> {
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("breachd/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .no_proxy()
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
        Ok(Http { client, timeout, surroundings: surroundings.clone() })
    }

    pub(super) fn client(&self) -> &reqwest::Client {
        &self.client
    }

    pub(super) fn now(&self) -> activity::Timestamp {
        self.surroundings.now()
    }

    /// One exchange, with whatever status; failures are those of the way.
    pub(super) async fn exchange(&self, request: RequestBuilder) -> Result<Answered, Failure> {
        let exchange = async {
            let mut response = request.send().await.map_err(classify::http_error)?;
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
        Err(classify::http(answered.status, &answered.headers, &said, self.now()))
    }
}

impl Answered {
    pub(super) fn json(&self) -> Option<serde_json::Value> {
        serde_json::from_slice(&self.body).ok()
    }
}

/// The address of a path below a base address, with query parameters.
pub(super) fn below(base: &str, path: &str) -> String {
    format!("{}{path}", base.trim_end_matches('/'))
}
