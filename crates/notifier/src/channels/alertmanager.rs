//! # Alertmanager: a mirror of what is open
//!
//! An incident is one alert, `BreachdIncident`, in Alertmanager's API v2, so that it stands beside the alerts of the
//! machines, with their routes, silences and inhibitions. Near deadlines are alerts of their own, `BreachdDeadline`, one
//! per warning. Closing an incident ends its alerts.
//!
//! ```toml
//! [[channels]]
//! name = "mirror"
//! kind = "alertmanager"
//! url = "https://alertmanager.example.com"           # below it: /api/v2/alerts
//! token_file = "/run/credentials/breachd/alertmanager"   # optional: a bearer token; or user and password_file
//! labels = { team = "privacy" }                      # optional, added to every alert
//! keep = "7d"                                        # how long an alert is kept after its last notice
//! tell = "counts"                                    # counts (nobody's name, no text from logs) or names
//! ```
//! Labels are what an alert *is*: `alertname`, `source`, `incident`, `severity`, `mode` and yours. What changes (counts,
//! deadlines, who acknowledged) stands in annotations, or each change would be a new alert. Severity does change, seldom,
//! and routes need it: when an incident gets graver, the same request ends its alert of the other severities. Accepted
//! means 200. Confirmed means that Alertmanager lists the alert, or after closing lists none of the incident's; a silence
//! there does not matter. The daily digest is refused.
//!
//! Alertmanager forgets an alert after five minutes unless it says when it ends or is sent again. Sending again would need
//! to know what is open, which a channel does not, and after a restart not even from memory; so each alert says that it
//! ends `keep` from now. What that costs: an incident of which nothing is heard for so long leaves the mirror, and if
//! Alertmanager restarts, which loses its alerts, the mirror lacks each incident until its next notice. It is a mirror;
//! the journal is the record. Warnings of deadlines are remembered by the channel that sent them only, so after a restart,
//! a SIGHUP or a failover those of before end by themselves, within a day at the latest.

use super::{
    http::{Http, Outside, below},
    not_for_a_digest, read_secret,
};
use crate::{
    ChannelError, Pace, Period, Retry, Secret, SecretSource, Tell,
    channel::{Answer, Channel, Confirmation, Receipt},
    clock::after,
    render::{AFFECTED_HEADING, Facts},
    settings::{self, Problems},
    stages::classify::Failure,
};
use activity::{Timestamp, printable_within};
use base64::{Engine, engine::general_purpose::STANDARD};
use detector::Severity;
use incident::{IncidentId, Notice, NoticeKind};
use reqwest::RequestBuilder;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// Labels of one's own, and characters of a value. Alertmanager sets no limit; these keep a group's key readable.
const LABELS_MAX: usize = 20;
const LABEL_CHARACTERS_MAX: usize = 200;
/// Names that are ours.
const OWN_LABELS: [&str; 6] = ["alertname", "source", "incident", "severity", "mode", "warning"];
/// Characters of an annotation. Beyond: cut.
const ANNOTATION_CHARACTERS_MAX: usize = 4000;
/// The longest a warning of a deadline is kept.
const WARNING_KEPT: Duration = Duration::from_secs(24 * 3600);
/// Incidents whose warnings are remembered, and warnings of each. Beyond: the oldest incident is forgotten, and its
/// warnings end by themselves; further warnings too.
const WARNED_INCIDENTS_MAX: usize = 1000;
const WARNINGS_MAX: usize = 20;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlertmanagerSettings {
    /// Unique; `a-z 0-9 - _`.
    pub name: String,
    /// Alertmanager's base address: https, or http on loopback.
    pub url: String,
    /// Account, if it wants one (basic authentication).
    pub user: Option<String>,
    /// File with its password.
    pub password_file: Option<PathBuf>,
    /// Or the environment variable that holds it.
    pub password_env: Option<String>,
    /// File with a bearer token, instead of an account.
    pub token_file: Option<PathBuf>,
    /// Or the environment variable that holds it.
    pub token_env: Option<String>,
    /// Added to every alert.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// An alert ends so long after its last notice, if nothing is heard of its incident.
    #[serde(default = "default_keep")]
    pub keep: Period,
    /// How much the annotations tell.
    #[serde(default)]
    pub tell: Tell,
    /// Which breachd speaks: label `source`. Two installations that share an Alertmanager need two.
    #[serde(default = "default_source")]
    pub source: String,
    /// PEM certificates to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Longest wait for an answer.
    #[serde(default = "settings::default_timeout")]
    pub timeout: Period,
    /// Attempts in any 60 seconds.
    #[serde(default = "settings::default_rate_per_minute")]
    pub rate_per_minute: u32,
    /// Attempts at once.
    #[serde(default = "settings::default_concurrency")]
    pub concurrency: usize,
    #[serde(default)]
    pub retry: Retry,
}

const fn default_keep() -> Period {
    Period::from_secs(7 * 24 * 3600)
}

fn default_source() -> String {
    "breachd".into()
}

impl AlertmanagerSettings {
    pub(crate) const fn pace(&self) -> Pace {
        Pace {
            timeout: self.timeout,
            rate_per_minute: self.rate_per_minute,
            concurrency: self.concurrency,
            gap: Period::from_secs(0),
            retry: self.retry,
        }
    }

    pub(crate) fn check(&self, problems: &mut Problems) {
        problems.add_some("url", settings::check_url(&self.url, false));
        match (&self.user, self.password().is_given(), self.token().is_given()) {
            (Some(_), _, true) => problems.add("token", "and `user` exclude each other"),
            (Some(user), _, _) if user.is_empty() || user.contains([':', '\n', '\r']) => {
                problems.add("user", "must not be empty or hold a colon");
            }
            (Some(_), _, false) => problems.add_some("password", self.password().problem("password")),
            (None, true, _) => problems.add("user", "is missing: a password is given"),
            (None, false, true) => problems.add_some("token", self.token().problem("token")),
            (None, false, false) => {}
        }
        if self.labels.len() > LABELS_MAX {
            problems.add("labels", format!("are {}, at most {LABELS_MAX}", self.labels.len()));
        }
        for (name, value) in &self.labels {
            let key = format!("labels.{name}");
            let starts = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
            let fits = name.bytes().next().is_some_and(starts)
                && name.bytes().all(|byte| starts(byte) || byte.is_ascii_digit());
            if !fits {
                problems.add(&key, "must be a label's name: a-z, A-Z, 0-9 and `_`, not beginning with a digit");
            } else if OWN_LABELS.contains(&name.as_str()) {
                problems.add(&key, "is a label that breachd sets itself");
            }
            if value.is_empty() || value.chars().count() > LABEL_CHARACTERS_MAX || value.contains(char::is_control) {
                problems.add(&key, format!("must hold 1 to {LABEL_CHARACTERS_MAX} characters"));
            }
        }
        if self.keep < Period::from_secs(3600) || Period::from_secs(90 * 24 * 3600) < self.keep {
            problems.add("keep", format!("`{}` must be between 1h and 90d", self.keep));
        }
        if self.source.is_empty() || self.source.chars().count() > 100 || self.source.contains(char::is_control) {
            problems.add("source", "must be 1 to 100 characters");
        }
    }

    fn password(&self) -> SecretSource {
        SecretSource::of(&self.password_file, &self.password_env)
    }

    fn token(&self) -> SecretSource {
        SecretSource::of(&self.token_file, &self.token_env)
    }
}

pub(super) struct Alertmanager {
    http: Http,
    settings: AlertmanagerSettings,
    /// What follows `authorization:`, its scheme first.
    authorization: Option<String>,
    secrets: Vec<Secret>,
    /// Warnings of deadlines by incident. Held for a map operation, never across an await.
    warnings: Mutex<BTreeMap<IncidentId, Vec<String>>>,
}

impl Alertmanager {
    pub(super) fn new(settings: &AlertmanagerSettings, outside: &Outside) -> Result<Self, ChannelError> {
        let (authorization, secrets) = match (&settings.user, settings.token().is_given()) {
            (Some(user), _) => {
                let password = read_secret(&settings.name, "password_file", &settings.password())?;
                let basic = STANDARD.encode(format!("{user}:{}", password.expose()));
                (Some(format!("Basic {basic}")), vec![password, Secret::new(basic)])
            }
            (None, true) => {
                let token = read_secret(&settings.name, "token_file", &settings.token())?;
                (Some(format!("Bearer {}", token.expose())), vec![token])
            }
            (None, false) => (None, Vec::new()),
        };
        Ok(Alertmanager {
            http: Http::new(&settings.name, settings.timeout, settings.ca_file.as_ref(), outside)?,
            settings: settings.clone(),
            authorization,
            secrets,
            warnings: Mutex::default(),
        })
    }

    fn authorized(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.authorization {
            Some(authorization) => request.header("authorization", authorization),
            None => request,
        }
    }

    fn address(&self, path: &str) -> String {
        below(&self.settings.url, path)
    }

    /// Labels that do not change as long as the incident lives, but for the severity.
    fn labels(&self, notice: &Notice, severity: Severity, warning: Option<&str>) -> Value {
        let mut labels: BTreeMap<&str, String> = self
            .settings
            .labels
            .iter()
            .map(|(name, value)| (name.as_str(), value.clone()))
            .chain([
                ("alertname", if warning.is_some() { "BreachdDeadline" } else { "BreachdIncident" }.to_owned()),
                ("source", self.settings.source.clone()),
                ("incident", notice.incident.to_string()),
                ("severity", severity.as_str().to_owned()),
                ("mode", if notice.drill.is_some() { "drill" } else { "live" }.to_owned()),
            ])
            .collect();
        labels.extend(warning.map(|warning| ("warning", warning.to_owned())));
        json!(labels)
    }

    fn alerts(&self, notice: &Notice, now: Timestamp) -> Vec<Value> {
        let facts = Facts::told(notice, self.settings.tell);
        // Alertmanager takes an end that lies in the past, or now, as an end; but none before the start.
        let started = notice.decided_at.min(now);
        let alert = |labels: Value, ends_at: Timestamp, annotations: Value| {
            let mut alert = json!({ "labels": labels, "annotations": annotations, "endsAt": ends_at.to_string() });
            alert["startsAt"] = started.to_string().into();
            if let Some(link) = &facts.link {
                alert["generatorURL"] = link.as_str().into();
            }
            alert
        };
        let ended = |labels: Value| alert(labels, now, json!({}));
        match notice.kind {
            NoticeKind::Closed => {
                let warnings = self.warnings_of(notice.incident);
                let warnings: Vec<Option<&str>> =
                    std::iter::once(None).chain(warnings.iter().map(|warning| Some(warning.as_str()))).collect();
                let of = |severity| warnings.iter().map(move |warning| (severity, *warning));
                Severity::ALL
                    .into_iter()
                    .flat_map(of)
                    .map(|(severity, warning)| ended(self.labels(notice, severity, warning)))
                    .collect()
            }
            NoticeKind::DeadlineWarning => {
                let warning = warning(notice);
                let due = notice.deadlines.iter().filter_map(|deadline| deadline.due_at).filter(|due| *due > now).min();
                let ends_at = after(now, WARNING_KEPT).min(due.unwrap_or(Timestamp::MAX));
                vec![alert(self.labels(notice, notice.severity, Some(&warning)), ends_at, annotations(&facts))]
            }
            _ => {
                let others = Severity::ALL
                    .into_iter()
                    .filter(|severity| notice.kind == NoticeKind::Escalated && *severity != notice.severity);
                let others: Vec<Value> = others.map(|severity| ended(self.labels(notice, severity, None))).collect();
                let ends_at = after(now, self.settings.keep.0);
                let current = alert(self.labels(notice, notice.severity, None), ends_at, annotations(&facts));
                std::iter::once(current).chain(others).collect()
            }
        }
    }

    fn remember_warning(&self, notice: &Notice) {
        let mut warnings = self.warnings.lock().unwrap_or_else(PoisonError::into_inner);
        let known = warnings.entry(notice.incident).or_default();
        let warning = warning(notice);
        if !known.contains(&warning) && known.len() < WARNINGS_MAX {
            known.push(warning);
        }
        if warnings.len() > WARNED_INCIDENTS_MAX {
            warnings.pop_first();
        }
    }

    fn warnings_of(&self, incident: IncidentId) -> Vec<String> {
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner).get(&incident).cloned().unwrap_or_default()
    }
}

impl Channel for Alertmanager {
    fn send<'a>(&'a self, notice: &'a Notice, _attempt: u32) -> Answer<'a, Receipt> {
        Box::pin(async move {
            if matches!(notice.kind, NoticeKind::Digest | NoticeKind::Draft) {
                return Err(not_for_a_digest());
            }
            let body = Value::from(self.alerts(notice, self.http.now())).to_string();
            let request = self.http.client().post(self.address("/api/v2/alerts"));
            let request = self.authorized(request).header("content-type", "application/json").body(body);
            let answered = self.http.succeed(request, error_words).await?;
            if answered.is_web_page() {
                let status = answered.status.as_u16();
                return Err(Failure::passing(format!(
                    "HTTP {status} with a web page, which is not Alertmanager's answer"
                )));
            }
            match notice.kind {
                NoticeKind::DeadlineWarning => self.remember_warning(notice),
                NoticeKind::Closed => {
                    self.warnings.lock().unwrap_or_else(PoisonError::into_inner).remove(&notice.incident);
                }
                _ => {}
            }
            Ok(Receipt(format!("Alertmanager took {}", notice.incident)))
        })
    }

    fn can_confirm(&self) -> bool {
        true
    }

    fn confirm<'a>(&'a self, notice: &'a Notice) -> Answer<'a, Confirmation> {
        Box::pin(async move {
            let mut address =
                reqwest::Url::parse(&self.address("/api/v2/alerts")).map_err(|_| Failure::refused("no address"))?;
            let of_incident = format!("incident=\"{}\"", notice.incident);
            address.query_pairs_mut().append_pair("filter", &of_incident);
            let request = self.authorized(self.http.client().get(address));
            let answered = self.http.succeed(request, error_words).await?;
            let json = answered.json().unwrap_or_default();
            let Some(listed) = json.as_array() else { return Err(Failure::passing("the answer is no list of alerts")) };
            let warning = (notice.kind == NoticeKind::DeadlineWarning).then(|| warning(notice));
            let wanted = self.labels(notice, notice.severity, warning.as_deref());
            let ours = |alert: &&Value| ["source", "mode"].iter().all(|name| alert["labels"][name] == wanted[name]);
            let shown = match notice.kind {
                NoticeKind::Closed => !listed.iter().any(|alert| ours(&alert)),
                _ => listed.iter().any(|alert| alert["labels"] == wanted),
            };
            Ok(match (shown, notice.kind) {
                (false, _) => Confirmation::NotYet,
                (true, NoticeKind::Closed) => Confirmation::Shown(Receipt("no alert is left".into())),
                (true, _) => Confirmation::Shown(Receipt("the alert is listed".into())),
            })
        })
    }

    fn probe(&self) -> Answer<'_, String> {
        Box::pin(async move {
            let request = self.authorized(self.http.client().get(self.address("/api/v2/status")));
            let answered = self.http.succeed(request, error_words).await?;
            let json = answered.json().unwrap_or_default();
            let version = json["versionInfo"]["version"].as_str().map(|version| printable_within(version, 40));
            let version = version.ok_or_else(|| Failure::passing("the answer is not Alertmanager's"))?;
            Ok(format!("Alertmanager {version} answers; no alert was sent"))
        })
    }

    fn secrets(&self) -> Vec<&Secret> {
        self.secrets.iter().collect()
    }
}

/// Which warning: the beginning of the notice's id.
fn warning(notice: &Notice) -> String {
    notice.id.0.chars().take(16).collect()
}

/// 400 is a string or an object with a `message`, 422 such an object.
fn error_words(json: &Value) -> String {
    json.as_str().or_else(|| json["message"].as_str()).unwrap_or_default().to_owned()
}

fn annotations(facts: &Facts) -> Value {
    let shown = |text: String| printable_within(&text, ANNOTATION_CHARACTERS_MAX);
    let lines = |lines: Vec<String>| (!lines.is_empty()).then(|| shown(lines.join("; ")));
    let deadlines = facts.deadlines.iter().map(|(name, due)| format!("{name}: {due}")).collect();
    let rows = facts.rows.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    let told = [
        ("drill", facts.drill.clone()),
        ("summary", Some(facts.subject_line())),
        ("description", lines(rows)),
        ("deadlines", lines(deadlines)),
        ("why", lines(facts.reasons.clone())),
        ("affected", lines(facts.affected.clone()).map(|counts| format!("{AFFECTED_HEADING}: {counts}"))),
        ("state", Some(facts.headline.to_owned())),
    ];
    let told: BTreeMap<&str, String> = told.into_iter().filter_map(|(name, text)| Some((name, text?))).collect();
    json!(told)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Surroundings, reach::Reach, render::example};
    use activity::Span;

    fn channel(tell: &str) -> Alertmanager {
        // As the dispatcher does; another test may have been quicker.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let settings =
            json!({ "name": "c", "url": "http://127.0.0.1:9093", "labels": { "team": "privacy" }, "tell": tell });
        let settings: AlertmanagerSettings = serde_json::from_value(settings).unwrap();
        let outside = Outside { surroundings: Surroundings::real(), reach: Reach::of(&Default::default()) };
        Alertmanager::new(&settings, &outside).unwrap()
    }

    fn at(secs: i64) -> Timestamp {
        example().decided_at + Span::from_secs(secs)
    }

    #[test]
    fn labels_stay_while_facts_change() {
        let channel = channel("names");
        let [first] = channel.alerts(&example(), at(1)).try_into().unwrap();
        let more = Notice { affected_records: 9999, n_alerts: 77, title: "another title".into(), ..example() };
        let [later] = channel.alerts(&Notice { kind: NoticeKind::Acknowledged, ..more }, at(600)).try_into().unwrap();
        assert_eq!(first["labels"], later["labels"]);
        assert_eq!(
            first["labels"],
            json!({ "alertname": "BreachdIncident", "source": "breachd", "incident": "INC-7", "severity": "critical", "mode": "live", "team": "privacy" })
        );
        assert_ne!(first["annotations"], later["annotations"]);
        assert_eq!(first["endsAt"], at(1 + 7 * 24 * 3600).to_string());
    }

    #[test]
    fn a_graver_incident_ends_its_lighter_alert_and_the_end_ends_all() {
        let channel = channel("counts");
        let graver = channel.alerts(&Notice { kind: NoticeKind::Escalated, ..example() }, at(1));
        let ends = |alert: &Value| alert["endsAt"] == at(1).to_string();
        let severities = |alerts: &[Value], ended: bool| {
            let of = alerts.iter().filter(|alert| ends(alert) == ended);
            of.map(|alert| alert["labels"]["severity"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(severities(&graver, false), ["critical"]);
        assert_eq!(severities(&graver, true).len(), 3);
        let warned = Notice { kind: NoticeKind::DeadlineWarning, ..example() };
        let [warning] = channel.alerts(&warned, at(1)).try_into().unwrap();
        assert_eq!(warning["labels"]["alertname"], "BreachdDeadline");
        assert_eq!(warning["endsAt"], at(1 + 24 * 3600).to_string());
        channel.remember_warning(&warned);
        let closed = channel.alerts(&Notice { kind: NoticeKind::Closed, ..example() }, at(1));
        assert!(closed.len() == 8 && closed.iter().all(ends));
        assert!(closed.iter().any(|alert| alert["labels"] == warning["labels"]));
    }

    #[test]
    fn names_stay_here_unless_asked_for() {
        let told = Value::from(channel("counts").alerts(&example(), at(1))).to_string();
        assert!(!told.contains("u1042") && !told.contains("hr_payroll") && told.contains("people: 240"), "{told}");
        let told = Value::from(channel("names").alerts(&example(), at(1))).to_string();
        assert!(told.contains("portal_user u1042") && told.contains("12 is usual"), "{told}");
    }
}
