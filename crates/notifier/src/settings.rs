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
    channels::{
        AlertmanagerSettings, EmailSettings, PagerDutySettings, ServiceNowSettings, SlackSettings, SmsSettings,
        TeamsSettings, WebhookSettings,
    },
    reach::{DeliverySettings, Reach},
};
use reqwest::header::HeaderName;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

/// All channels, in the order written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Settings {
    pub channels: Vec<ChannelSettings>,
    /// `[delivery]`, a section of its own.
    #[serde(skip)]
    pub delivery: DeliverySettings,
}

/// One `[[channels]]` table; `kind` says which.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum ChannelSettings {
    PagerDuty(PagerDutySettings),
    ServiceNow(ServiceNowSettings),
    Email(EmailSettings),
    Webhook(WebhookSettings),
    Slack(SlackSettings),
    Teams(TeamsSettings),
    Alertmanager(AlertmanagerSettings),
    Sms(SmsSettings),
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
    /// Least time between the starts of two attempts.
    pub gap: Period,
    pub retry: Retry,
}

/// How much is told where many read along, or where it is kept for good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tell {
    /// Severity, classes of data, counts, limits, and the link to the rest: nobody's name and no text from logs.
    #[default]
    Counts,
    /// Also whom it is about and why, as a pager is told.
    Names,
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
            gap: Period::from_secs(0),
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

pub(crate) const fn default_mails_per_minute() -> u32 {
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
        let reach = Reach::of(&self.delivery);
        for (index, channel) in self.channels.iter().enumerate() {
            problems.path = format!("channels[{index}]");
            problems.add_some("name", name_problem(channel.name()));
            if !names.insert(channel.name()) {
                problems.add("name", format!("`{}` is used twice", channel.name()));
            }
            check_pace(&channel.pace(), &mut problems);
            match channel {
                ChannelSettings::PagerDuty(settings) => settings.check(&mut problems),
                ChannelSettings::ServiceNow(settings) => settings.check(&mut problems),
                ChannelSettings::Email(settings) => settings.check(&mut problems),
                ChannelSettings::Webhook(settings) => settings.check(&mut problems),
                ChannelSettings::Slack(settings) => settings.check(&mut problems),
                ChannelSettings::Teams(settings) => settings.check(&mut problems),
                ChannelSettings::Alertmanager(settings) => settings.check(&mut problems),
                ChannelSettings::Sms(settings) => settings.check(&mut problems),
            }
            for (key, url) in channel.urls() {
                let Ok(url) = reqwest::Url::parse(url) else { continue };
                problems.add_some(key, reach.permits(&url).err().map(|error| format!("may not be used: {error}")));
            }
        }
        problems.found.extend(self.delivery.check());
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
            ChannelSettings::Slack(settings) => &settings.name,
            ChannelSettings::Teams(settings) => &settings.name,
            ChannelSettings::Alertmanager(settings) => &settings.name,
            ChannelSettings::Sms(settings) => &settings.name,
        }
    }

    /// Whether trying it sends a message that says it is a test: there is nothing else that it can be asked.
    pub const fn trial_is_a_message(&self) -> bool {
        matches!(self, ChannelSettings::Teams(_) | ChannelSettings::Sms(_) | ChannelSettings::Webhook(_))
    }

    pub const fn kind(&self) -> &'static str {
        match self {
            ChannelSettings::PagerDuty(_) => "pagerduty",
            ChannelSettings::ServiceNow(_) => "servicenow",
            ChannelSettings::Email(_) => "email",
            ChannelSettings::Webhook(_) => "webhook",
            ChannelSettings::Slack(_) => "slack",
            ChannelSettings::Teams(_) => "teams",
            ChannelSettings::Alertmanager(_) => "alertmanager",
            ChannelSettings::Sms(_) => "sms",
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

    /// Mails of a mailing that it may hand over in any minute, beside its other notices; `None`: it takes no mailings.
    pub const fn mails_per_minute(&self) -> Option<u32> {
        match self {
            ChannelSettings::Email(settings) => Some(settings.mails_per_minute),
            _ => None,
        }
    }

    pub const fn pace(&self) -> Pace {
        match self {
            ChannelSettings::PagerDuty(settings) => settings.pace(),
            ChannelSettings::ServiceNow(settings) => settings.pace(),
            ChannelSettings::Email(settings) => settings.pace(),
            ChannelSettings::Webhook(settings) => settings.pace(),
            ChannelSettings::Slack(settings) => settings.pace(),
            ChannelSettings::Teams(settings) => settings.pace(),
            ChannelSettings::Alertmanager(settings) => settings.pace(),
            ChannelSettings::Sms(settings) => settings.pace(),
        }
    }

    /// The addresses that are written openly, and the keys that say them. Secret ones are judged when they are read.
    fn urls(&self) -> Vec<(&'static str, &str)> {
        match self {
            ChannelSettings::PagerDuty(settings) => settings.urls(),
            ChannelSettings::ServiceNow(settings) => vec![("instance", &settings.instance)],
            ChannelSettings::Webhook(settings) => vec![("url", &settings.url)],
            ChannelSettings::Alertmanager(settings) => vec![("url", &settings.url)],
            ChannelSettings::Sms(settings) => vec![("url", &settings.url)],
            ChannelSettings::Email(_) | ChannelSettings::Slack(_) | ChannelSettings::Teams(_) => Vec::new(),
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
    /// What is found next lies below this key.
    pub(crate) fn enter(&mut self, path: String) {
        self.path = path;
    }

    pub(crate) fn found(self) -> Vec<(String, String)> {
        self.found
    }

    pub(crate) fn add(&mut self, key: &str, problem: impl Into<String>) {
        self.found.push((format!("{}.{key}", self.path), problem.into()));
    }

    pub(crate) fn add_some(&mut self, key: &str, problem: Option<String>) {
        if let Some(problem) = problem {
            self.add(key, problem);
        }
    }
}

/// What is wrong with a name, which is a metric label, a journal entry, a path of an address and a word on the command line.
pub fn name_problem(name: &str) -> Option<String> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
    let is_name = (1..=40).contains(&name.len()) && name.bytes().all(fits);
    (!is_name).then(|| "must be 1 to 40 of a-z, 0-9, `-` and `_`".to_owned())
}

/// Longest wait for an answer.
pub(crate) fn check_timeout(timeout: Period, problems: &mut Problems) {
    if !(Period(std::time::Duration::from_millis(100)) <= timeout && timeout <= Period::from_secs(120)) {
        problems.add("timeout", format!("`{timeout}` must be between 100ms and 120s"));
    }
}

/// Names of `header_files`.
pub(crate) fn check_headers(files: &BTreeMap<String, PathBuf>, problems: &mut Problems) {
    for name in files.keys().filter(|name| HeaderName::from_bytes(name.as_bytes()).is_err()) {
        problems.add("header_files", format!("`{}` is no header's name", activity::printable_within(name, 40)));
    }
}

/// A place in a JSON answer (RFC 6901).
pub(crate) fn check_pointer(key: &str, pointer: Option<&String>, problems: &mut Problems) {
    if pointer.is_some_and(|pointer| !pointer.starts_with('/')) {
        problems.add(key, "must begin with `/`, as in `/messages/0/status`");
    }
}

fn check_pace(pace: &Pace, problems: &mut Problems) {
    let hour = Period::from_secs(3600);
    check_timeout(pace.timeout, problems);
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

        [[channels]]
        name = "chat"
        kind = "slack"
        url_file = "/run/credentials/slack"

        [[channels]]
        name = "teams"
        kind = "teams"
        url_env = "TEAMS_URL"
        tell = "names"

        [[channels]]
        name = "mirror"
        kind = "alertmanager"
        url = "https://alertmanager.example.com"
        token_file = "/run/credentials/alertmanager"
        labels = { team = "privacy" }

        [[channels]]
        name = "sms"
        kind = "sms"
        url = "https://sms.example.com/v1/messages"
        to = ["+4915112345678"]
        header_files = { Authorization = "/run/credentials/sms" }
        body = { to = "{recipient}", messages = [{ text = "{text}" }], reference = "{id}", priority = 1 }
    "#;

    #[test]
    fn every_kind_reads_with_its_defaults() {
        let settings = parse(ALL_KINDS).unwrap();
        assert_eq!(settings.check(), []);
        let kinds: Vec<_> = settings.channels.iter().map(ChannelSettings::kind).collect();
        let expected = ["pagerduty", "servicenow", "email", "webhook", "slack", "teams", "alertmanager", "sms"];
        assert_eq!(kinds, expected);
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
    fn mistakes_of_the_newer_kinds_are_said_too() {
        let wrong = ALL_KINDS
            .replace("url_file = \"/run/credentials/slack\"", "")
            .replace("labels = {", "user = \"x\"\nkeep = \"5m\"\nlabels = { incident = \"x\", \"1a\" = \"y\",")
            .replace("\"+4915112345678\"", "\"0151 1\"")
            .replace("\"{text}\"", "\"{name}\"")
            .replace("reference =", "success_pointer = \"x\", reference =")
            .replace(
                "header_files = { Authorization",
                "success_pointer = \"x\"\nsegments_max = 0\nheader_files = { \"A B\"",
            );
        let found = problems(&wrong);
        let expected = [
            "channels[4].url is missing",
            "channels[6].token and `user`",
            "channels[6].labels.1a must be",
            "channels[6].labels.incident is a label",
            "channels[6].keep `5m`",
            "channels[7].to[0]",
            "channels[7].header_files `A B`",
            "channels[7].body may hold braces only",
            "channels[7].body must hold `{text}`",
            "channels[7].success_pointer must begin",
            "channels[7].success_pointer and `success_value`",
            "channels[7].segments_max",
        ];
        assert_eq!(found.len(), expected.len(), "{found:#?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.starts_with(expected), "{found} / {expected}");
        }
    }

    #[test]
    fn addresses_are_held_to_where_notices_may_go() {
        let mut settings = parse(ALL_KINDS).unwrap();
        settings.delivery.hosts = vec!["*.example.com".into(), "example.service-now.com".into()];
        let found = settings.check();
        assert_eq!(found.len(), 1, "{found:#?}");
        assert!(found[0].0 == "channels[0].region" && found[0].1.contains("events.eu.pagerduty.com"), "{found:?}");
        let mut inner = parse(&ALL_KINDS.replace("https://soar.example.com", "https://10.1.2.3")).unwrap();
        assert!(inner.check()[0].1.contains("private_networks"));
        inner.delivery.private_networks = vec!["10.1.0.0/16".into()];
        assert_eq!(inner.check(), []);
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
