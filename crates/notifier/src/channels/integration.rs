//! # Integrations: other systems' interfaces, tried on a schedule
//!
//! HR systems, the directory, the portal: what the procedure relies on besides the channels. A trial is one GET, which changes nothing; what
//! shows that all is well is a status and, where that says too little (a maintenance page with 200), a place in the JSON answer.
//!
//! ```toml
//! [[integrations]]
//! name = "payroll"
//! url = "https://payroll.example.com/api/v1/status"
//! header_files = { Authorization = "/run/credentials/breachd/payroll" }   # the header's whole value, such as `Bearer …`
//! status = [200]                     # absent: any 2xx
//! pointer = "/status"                # optional: this place in the JSON answer (RFC 6901) …
//! value = "ok"                       # … must hold this
//! timeout = "10s"
//! ```
//! It goes the way of the HTTP channels: no redirects, no proxies, `[delivery]` says where to. An answer's text is never repeated, since
//! it is other people's data: only whether it was what was expected.

use super::{
    http::{self, Http, Outside},
    unfit,
};
use crate::{
    ChannelError, DeliverySettings, Period, Secret,
    clock::Surroundings,
    reach::Reach,
    settings::{self, Problems},
};
use reqwest::header::HeaderMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

/// Integrations of a configuration; more is a mistake.
const INTEGRATIONS_MAX: usize = 64;

/// `[[integrations]]`: one interface that is tried.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IntegrationSettings {
    /// Unique; `a-z 0-9 - _`.
    pub name: String,
    /// What is asked by GET: https, or http on loopback.
    pub url: String,
    /// Headers and the files that hold their whole values.
    #[serde(default)]
    pub header_files: BTreeMap<String, PathBuf>,
    /// Answers that mean that all is well. Absent: any 2xx.
    #[serde(default)]
    pub status: Vec<u16>,
    /// JSON pointer to what says so too.
    pub pointer: Option<String>,
    /// What has to stand there.
    pub value: Option<Value>,
    /// PEM certificates to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Longest wait for an answer.
    #[serde(default = "settings::default_timeout")]
    pub timeout: Period,
}

impl IntegrationSettings {
    /// Every mistake in a list of them: key path and what is wrong. Reads no files.
    pub fn check(integrations: &[IntegrationSettings], delivery: &DeliverySettings) -> Vec<(String, String)> {
        let reach = Reach::of(delivery);
        let mut problems = Problems::default();
        let mut names = BTreeSet::new();
        if integrations.len() > INTEGRATIONS_MAX {
            let problem = format!("are {}, at most {INTEGRATIONS_MAX}", integrations.len());
            return vec![("integrations".into(), problem)];
        }
        for (index, one) in integrations.iter().enumerate() {
            problems.enter(format!("integrations[{index}]"));
            problems.add_some("name", settings::name_problem(&one.name));
            if !names.insert(&one.name) {
                problems.add("name", format!("`{}` is used twice", one.name));
            }
            problems.add_some("url", settings::check_url(&one.url, false));
            if let Ok(url) = reqwest::Url::parse(&one.url) {
                problems.add_some("url", reach.permits(&url).err().map(|error| format!("may not be used: {error}")));
            }
            settings::check_headers(&one.header_files, &mut problems);
            settings::check_pointer("pointer", one.pointer.as_ref(), &mut problems);
            if one.pointer.is_some() != one.value.is_some() {
                problems.add("pointer", "and `value` belong together");
            }
            for status in one.status.iter().filter(|status| !(100..600).contains(*status)) {
                problems.add("status", format!("`{status}` is no status of HTTP"));
            }
            settings::check_timeout(one.timeout, &mut problems);
        }
        problems.found()
    }
}

/// An interface, ready to be tried.
pub struct Integration {
    http: Http,
    settings: IntegrationSettings,
    headers: HeaderMap,
    secrets: Vec<Secret>,
}

impl Integration {
    /// Reads the secrets.
    ///
    /// # Errors
    /// A secret or a certificate cannot be read.
    pub fn new(settings: &IntegrationSettings, delivery: &DeliverySettings) -> Result<Self, ChannelError> {
        // Someone else in the process may have chosen the same provider already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let outside = Outside { surroundings: Surroundings::real(), reach: Reach::of(delivery) };
        if let Some(problem) = settings::check_url(&settings.url, false) {
            return Err(unfit(&settings.name, problem));
        }
        let (headers, secrets) = http::headers(&settings.name, &settings.header_files)?;
        let http = Http::new(&settings.name, settings.timeout, settings.ca_file.as_ref(), &outside)?;
        Ok(Integration { http, settings: settings.clone(), headers, secrets })
    }

    /// Asks once. What it showed, in words.
    ///
    /// # Errors
    /// What was not as expected, in words without secrets.
    pub async fn probe(&self) -> Result<String, String> {
        let blanked = |text: String| self.secrets.iter().fold(text, |text, secret| secret.redact(&text));
        let request = self.http.client().get(&self.settings.url).headers(self.headers.clone());
        let answered = self.http.exchange(request).await.map_err(|failure| blanked(failure.reason))?;
        let status = answered.status.as_u16();
        let wanted = &self.settings.status;
        let is_wanted = if wanted.is_empty() { answered.status.is_success() } else { wanted.contains(&status) };
        if !is_wanted {
            return Err(format!("it answers {status}, which is not what is expected"));
        }
        let (Some(pointer), Some(value)) = (&self.settings.pointer, &self.settings.value) else {
            return Ok(format!("it answers {status}"));
        };
        let Some(json) = answered.json() else { return Err(format!("it answers {status}, and the answer is no JSON")) };
        match json.pointer(pointer) {
            Some(found) if found == value => Ok(format!("it answers {status}, with {value} at `{pointer}`")),
            Some(_) => Err(format!("it answers {status}, and `{pointer}` holds something else than {value}")),
            None => Err(format!("it answers {status}, and there is no `{pointer}` in it")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::{Sandbox, SmsSandbox};

    fn integration(url: String) -> IntegrationSettings {
        IntegrationSettings {
            name: "payroll".into(),
            url,
            header_files: BTreeMap::new(),
            status: Vec::new(),
            pointer: None,
            value: None,
            ca_file: None,
            timeout: Period::from_secs(5),
        }
    }

    #[tokio::test]
    async fn what_is_expected_passes_and_all_else_says_why() {
        // It answers a GET with 404 and JSON: `{"error":"no such path"}`.
        let sandbox = SmsSandbox::start("token").await.unwrap();
        let at = integration(format!("http://127.0.0.1:{}/status", sandbox.port()));
        let ask = async |settings: &IntegrationSettings| {
            Integration::new(settings, &DeliverySettings::default()).unwrap().probe().await
        };
        assert_eq!(ask(&at).await, Err("it answers 404, which is not what is expected".into()));
        let expected = IntegrationSettings { status: vec![200, 404], ..at.clone() };
        assert_eq!(ask(&expected).await, Ok("it answers 404".into()));
        let holds = |pointer: &str, value: &str| IntegrationSettings {
            pointer: Some(pointer.into()),
            value: Some(value.into()),
            ..expected.clone()
        };
        assert!(ask(&holds("/error", "no such path")).await.is_ok());
        let other = ask(&holds("/error", "ok")).await.unwrap_err();
        assert_eq!(
            other, "it answers 404, and `/error` holds something else than \"ok\"",
            "the answer's text is not told"
        );
        assert!(ask(&holds("/status", "ok")).await.unwrap_err().contains("no `/status`"));
        let dead = integration("http://127.0.0.1:1/".into());
        assert!(ask(&dead).await.unwrap_err().contains("connect"), "{:?}", ask(&dead).await);
    }

    #[test]
    fn mistakes_are_told_with_their_places() {
        let mut wrong = integration("http://payroll.example.com/".into());
        wrong.pointer = Some("status".into());
        wrong.status = vec![99];
        wrong.header_files = BTreeMap::from([("no header".into(), PathBuf::from("x"))]);
        let found = IntegrationSettings::check(
            &[wrong, integration("https://a.example/".into())],
            &DeliverySettings::default(),
        );
        let keys: Vec<&str> = found.iter().map(|(key, _)| key.as_str()).collect();
        let of = |key: &str| format!("integrations[0].{key}");
        assert_eq!(
            keys,
            [of("url"), of("header_files"), of("pointer"), of("pointer"), of("status"), "integrations[1].name".into()]
        );
    }
}
