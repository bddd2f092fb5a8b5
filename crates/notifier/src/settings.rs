//! `[[channels]]`: the ways out.
//!
//! ```toml
//! [[channels]]
//! name = "pager"
//! kind = "pagerduty"
//! region = "eu"
//! routing_key_file = "/run/credentials/breachd/pagerduty"
//! ```

use crate::{
    CHANNELS_MAX, Period,
    channels::{EmailSettings, PagerDutySettings, ServiceNowSettings, WebhookSettings},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// All channels, in the order written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Settings {
    pub channels: Vec<ChannelSettings>,
}

/// One `[[channels]]` table; `kind` says which.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum ChannelSettings {
    PagerDuty(PagerDutySettings),
    ServiceNow(ServiceNowSettings),
    Email(EmailSettings),
    Webhook(WebhookSettings),
}

/// How fast, how long, how often: the same for every channel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// Longest wait for the answer to one exchange.
    pub timeout: Period,
    /// Attempts in any 60 seconds.
    pub rate_per_minute: u32,
    /// Attempts at once.
    pub concurrency: usize,
    pub retry: Retry,
}

/// Waits between the tries of one notice.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retry {
    /// After the first failure, doubled after each further one.
    pub first: Period,
    /// The longest.
    pub max: Period,
}

impl Default for Retry {
    fn default() -> Self {
        Retry { first: Period::from_secs(2), max: Period::from_secs(300) }
    }
}

impl Default for Pace {
    fn default() -> Self {
        Pace {
            timeout: default_timeout(),
            rate_per_minute: default_rate_per_minute(),
            concurrency: default_concurrency(),
            retry: Retry::default(),
        }
    }
}

pub(crate) const fn default_timeout() -> Period {
    Period::from_secs(10)
}

pub(crate) const fn default_rate_per_minute() -> u32 {
    60
}

pub(crate) const fn default_concurrency() -> usize {
    4
}

impl Settings {
    /// Every mistake: key path (`channels[1].url`) and what is wrong. Reads no files.
    pub fn check(&self) -> Vec<(String, String)> {
        let mut problems = Problems::default();
        if self.channels.len() > CHANNELS_MAX {
            problems.path = "channels".into();
            problems.found.push(("channels".into(), format!("are {}, at most {CHANNELS_MAX}", self.channels.len())));
        }
        let mut names = BTreeSet::new();
        for (index, channel) in self.channels.iter().enumerate() {
            problems.path = format!("channels[{index}]");
            check_name(channel.name(), &mut problems);
            if !names.insert(channel.name()) {
                problems.add("name", format!("`{}` is used twice", channel.name()));
            }
            check_pace(&channel.pace(), &mut problems);
            match channel {
                ChannelSettings::PagerDuty(settings) => settings.check(&mut problems),
                ChannelSettings::ServiceNow(settings) => settings.check(&mut problems),
                ChannelSettings::Email(settings) => settings.check(&mut problems),
                ChannelSettings::Webhook(settings) => settings.check(&mut problems),
            }
        }
        problems.found
    }
}

impl ChannelSettings {
    pub fn name(&self) -> &str {
        match self {
            ChannelSettings::PagerDuty(settings) => &settings.name,
            ChannelSettings::ServiceNow(settings) => &settings.name,
            ChannelSettings::Email(settings) => &settings.name,
            ChannelSettings::Webhook(settings) => &settings.name,
        }
    }

    pub const fn kind(&self) -> &'static str {
        match self {
            ChannelSettings::PagerDuty(_) => "pagerduty",
            ChannelSettings::ServiceNow(_) => "servicenow",
            ChannelSettings::Email(_) => "email",
            ChannelSettings::Webhook(_) => "webhook",
        }
    }

    /// Whether it can bring a digest: what such a channel brings may interrupt nobody.
    pub const fn takes_digests(&self) -> bool {
        matches!(self, ChannelSettings::Email(_) | ChannelSettings::Webhook(_))
    }

    /// Whether it can bring what the law wants told to whom the law wants it told, and nothing else.
    pub const fn takes_documents(&self) -> bool {
        matches!(self, ChannelSettings::Email(_))
    }

    pub const fn pace(&self) -> Pace {
        match self {
            ChannelSettings::PagerDuty(settings) => settings.pace(),
            ChannelSettings::ServiceNow(settings) => settings.pace(),
            ChannelSettings::Email(settings) => settings.pace(),
            ChannelSettings::Webhook(settings) => settings.pace(),
        }
    }
}

/// Mistakes found so far, and where we are.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    path: String,
    found: Vec<(String, String)>,
}

impl Problems {
    pub(crate) fn add(&mut self, key: &str, problem: impl Into<String>) {
        self.found.push((format!("{}.{key}", self.path), problem.into()));
    }

    pub(crate) fn add_some(&mut self, key: &str, problem: Option<String>) {
        if let Some(problem) = problem {
            self.add(key, problem);
        }
    }
}

/// A name is a metric label, a journal entry and a word on the command line.
fn check_name(name: &str, problems: &mut Problems) {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
    if name.is_empty() || name.len() > 40 || !name.bytes().all(fits) {
        problems.add("name", "must be 1 to 40 of a-z, 0-9, `-` and `_`");
    }
}

fn check_pace(pace: &Pace, problems: &mut Problems) {
    let hour = Period::from_secs(3600);
    if !(Period(std::time::Duration::from_millis(100)) <= pace.timeout && pace.timeout <= Period::from_secs(120)) {
        problems.add("timeout", format!("`{}` must be between 100ms and 120s", pace.timeout));
    }
    if !(1..=6000).contains(&pace.rate_per_minute) {
        problems.add("rate_per_minute", format!("`{}` must be between 1 and 6000", pace.rate_per_minute));
    }
    if !(1..=64).contains(&pace.concurrency) {
        problems.add("concurrency", format!("`{}` must be between 1 and 64", pace.concurrency));
    }
    if pace.retry.first < Period(std::time::Duration::from_millis(10)) || pace.retry.first > hour {
        problems.add("retry.first", format!("`{}` must be between 10ms and 1h", pace.retry.first));
    }
    if pace.retry.max < pace.retry.first || pace.retry.max > hour {
        problems.add("retry.max", format!("`{}` must be between retry.first and 1h", pace.retry.max));
    }
}

/// The base address of a service: https, or http on loopback; no user, query or fragment.
pub(crate) fn check_url(url: &str, loopback_only: bool) -> Option<String> {
    let Ok(parsed) = reqwest::Url::parse(url) else { return Some("is no URL".into()) };
    let loopback = parsed.host_str().is_some_and(is_loopback);
    if !matches!(parsed.scheme(), "https" | "http") || parsed.host_str().is_none() {
        return Some("must be an https URL".into());
    }
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return Some("must not hold a user or password: addresses are shown, secrets are not".into());
    }
    if loopback_only && !loopback {
        return Some("may only be set to a loopback address, for trials; choose the region instead".into());
    }
    if parsed.scheme() == "http" && !loopback {
        return Some("must be https: plain http is for loopback only".into());
    }
    None
}

/// Whether a host, as in a URL, is this machine itself. Names other than `localhost` are not resolved.
pub(crate) fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Root {
        channels: Settings,
    }

    fn parse(text: &str) -> Result<Settings, toml::de::Error> {
        toml::from_str::<Root>(text).map(|root| root.channels)
    }

    fn problems(text: &str) -> Vec<String> {
        let found = parse(text).unwrap().check();
        found.iter().map(|(key, problem)| format!("{key} {problem}")).collect()
    }

    const ALL_KINDS: &str = r#"
        [[channels]]
        name = "pager"
        kind = "pagerduty"
        region = "eu"
        routing_key_file = "/run/credentials/pagerduty"

        [[channels]]
        name = "tickets"
        kind = "servicenow"
        instance = "https://example.service-now.com"
        user = "breachd"
        password_env = "SERVICENOW_PASSWORD"

        [[channels]]
        name = "mail"
        kind = "email"
        host = "mail.example.com"
        from = "breachd <breachd@example.com>"
        to = ["dpo@example.com", "ciso@example.com"]

        [[channels]]
        name = "soar"
        kind = "webhook"
        url = "https://soar.example.com/hooks/breachd"
        secret_file = "/run/credentials/webhook"
        timeout = "5s"
        retry = { first = "1s" }
    "#;

    #[test]
    fn every_kind_reads_with_its_defaults() {
        let settings = parse(ALL_KINDS).unwrap();
        assert_eq!(settings.check(), []);
        let kinds: Vec<_> = settings.channels.iter().map(ChannelSettings::kind).collect();
        assert_eq!(kinds, ["pagerduty", "servicenow", "email", "webhook"]);
        let pace = settings.channels[3].pace();
        assert_eq!((pace.timeout, pace.concurrency), (Period::from_secs(5), 4));
        assert_eq!(pace.retry, Retry { first: Period::from_secs(1), ..Retry::default() });
    }

    #[test]
    fn unknown_keys_are_refused() {
        let error = parse(&ALL_KINDS.replace("region", "regoin")).unwrap_err();
        assert!(error.to_string().contains("regoin"), "{error}");
        assert!(parse(&ALL_KINDS.replace("\"webhook\"", "\"fax\"")).is_err());
    }

    #[test]
    fn every_mistake_is_said_with_its_key() {
        let wrong = ALL_KINDS
            .replace("\"tickets\"", "\"pager\"")
            .replace("https://soar", "http://soar")
            .replace("timeout = \"5s\"", "timeout = \"5ms\"\nrate_per_minute = 0\nconcurrency = 100")
            .replace("[\"dpo@example.com\", \"ciso@example.com\"]", "[\"dpo\"]")
            .replace("routing_key_file = \"/run/credentials/pagerduty\"", "url = \"https://evil.example\"");
        let found = problems(&wrong);
        let expected = [
            "channels[0].routing_key",
            "channels[0].url may only be",
            "channels[1].name `pager` is used twice",
            "channels[2].to[0]",
            "channels[3].timeout `5ms`",
            "channels[3].rate_per_minute",
            "channels[3].concurrency",
            "channels[3].url must be https",
        ];
        assert_eq!(found.len(), expected.len(), "{found:#?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.starts_with(expected), "{found} / {expected}");
        }
    }

    #[test]
    fn only_this_machine_is_loopback() {
        for host in ["127.0.0.1", "127.8.8.8", "localhost", "[::1]"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["0.0.0.0", "10.0.0.1", "localhost.example.com", "[::ffff:10.0.0.1]", "127.0.0.1.example.com", ""] {
            assert!(!is_loopback(host), "{host}");
        }
        assert!(check_url("http://127.0.0.1:8080/x", true).is_none());
        assert!(check_url("https://user:pw@example.com/", false).is_some());
        assert!(check_url("ftp://127.0.0.1/", false).is_some());
        assert!(check_url("http://2130706433/", true).is_none(), "the URL's decimal host is 127.0.0.1");
    }
}
