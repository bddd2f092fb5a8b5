//! # PagerDuty: Events API v2
//!
//! An incident is one alert there: `Opened` and `Escalated` trigger under the same dedup key, `Acknowledged` acknowledges,
//! `Closed` resolves. A deadline warning gets a dedup key of its own (`…/deadline/…`), since a repeated trigger of an
//! acknowledged alert notifies nobody, and so does what is escalated after an acknowledgement lapsed (`…/again/N`). Both are
//! acknowledged and resolved together with their incident; of a deadline's alert only the channel that sent it knows, so after a
//! restart, a SIGHUP or a failover it is resolved by hand.
//!
//! ```toml
//! [[channels]]
//! name = "pager"
//! kind = "pagerduty"
//! region = "eu"                                              # us or eu
//! routing_key_file = "/run/credentials/breachd/pagerduty"    # the integration key, 32 characters
//! api_token_file = "/run/credentials/breachd/pagerduty-api"  # optional: confirms that an incident is really open
//! webhook_secret_file = "/run/credentials/breachd/pagerduty-webhook"   # optional: answers come back
//! ```
//! `change_events = true`: a closed incident is also a change event, which notifies nobody and stands in the service's timeline for 90
//! days, where those look who ask what happened here before. PagerDuty does not know a repeat of one: after a lost answer it may
//! stand there twice.
//!
//! With `webhook_secret_file`, acknowledgements and notes made in PagerDuty come back (see [`crate::ChannelHook`]).
//! The daily digest is refused: it may interrupt nobody.
//!
//! Accepted means 202: PagerDuty took the event. A disabled service, a maintenance window or a suppression rule still tell
//! nobody; with a REST token breachd looks for the incident itself and reports `Confirmed`. Rotating the routing
//! key orphans open alerts (acknowledging and resolving go to the key): close incidents first.

use super::{
    http::{Http, Outside, below},
    not_for_a_digest, read_secret, unfit,
};
use crate::{
    ChannelError, Pace, Period, Retry, Secret, SecretSource,
    channel::{Answer, Channel, Confirmation, Receipt},
    render::{AFFECTED_HEADING, Facts},
    settings::{self, Problems},
    stages::classify::{Failure, FailureKind},
};
use activity::printable_within;
use detector::Severity;
use incident::{IncidentId, Notice, NoticeKind};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

// Vendor's limits: https://developer.pagerduty.com/docs/send-alert-event
/// `payload.summary`, in characters. Beyond: cut.
const SUMMARY_CHARACTERS_MAX: usize = 1024;
/// The whole event ("512 KB"), in bytes. Beyond: `custom_details` is dropped.
const EVENT_BYTES_MAX: usize = 512_000;
/// `dedup_key`, in characters. Ours are shorter by construction.
const DEDUP_KEY_CHARACTERS_MAX: usize = 255;
/// An integration key, in characters.
const ROUTING_KEY_CHARACTERS: usize = 32;

/// Incidents whose deadline warnings are remembered, and warnings of each. Beyond: the lowest number, the oldest, goes.
const WARNED_INCIDENTS_MAX: usize = 1000;
const WARNINGS_MAX: usize = 20;
/// Lapsed acknowledgements of one incident whose alerts are ended with it, the last. Beyond: by hand.
const AGAIN_MAX: u32 = 20;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PagerDutySettings {
    /// Unique; `a-z 0-9 - _`.
    pub name: String,
    /// Where the PagerDuty account lives.
    #[serde(default)]
    pub region: Region,
    /// For trials: another address instead of the region's, on loopback only.
    pub url: Option<String>,
    /// File with the integration key.
    pub routing_key_file: Option<PathBuf>,
    /// Or the environment variable that holds it.
    pub routing_key_env: Option<String>,
    /// File with a read-only REST API token, for confirmations.
    pub api_token_file: Option<PathBuf>,
    /// Or the environment variable that holds it.
    pub api_token_env: Option<String>,
    /// Whether a closed incident is also told as a change event.
    #[serde(default)]
    pub change_events: bool,
    /// File with the secrets of the webhook subscription (version 3), one a line: more than one while it is being changed. With it, what
    /// people do to our incidents in PagerDuty comes back through `POST /hooks/NAME` of the console.
    pub webhook_secret_file: Option<PathBuf>,
    /// Which breachd speaks: `payload.source`, and the first part of every dedup key. Two installations that share an
    /// integration need two sources.
    #[serde(default = "default_source")]
    pub source: String,
    /// Longest wait for an answer.
    #[serde(default = "settings::default_timeout")]
    pub timeout: Period,
    /// Attempts in any 60 seconds; PagerDuty takes about 120 per key, by its own clock.
    #[serde(default = "default_rate_per_minute")]
    pub rate_per_minute: u32,
    /// Attempts at once.
    #[serde(default = "settings::default_concurrency")]
    pub concurrency: usize,
    #[serde(default)]
    pub retry: Retry,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Region {
    #[default]
    Us,
    Eu,
}

impl Region {
    const fn events(self) -> &'static str {
        match self {
            Region::Us => "https://events.pagerduty.com",
            Region::Eu => "https://events.eu.pagerduty.com",
        }
    }

    const fn rest(self) -> &'static str {
        match self {
            Region::Us => "https://api.pagerduty.com",
            Region::Eu => "https://api.eu.pagerduty.com",
        }
    }
}

fn default_source() -> String {
    "breachd".into()
}

const fn default_rate_per_minute() -> u32 {
    110
}

impl PagerDutySettings {
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
        problems.add_some("routing_key", self.routing_key().problem("routing_key"));
        problems.add_some("url", self.url.as_ref().and_then(|url| settings::check_url(url, true)));
        if self.api_token().is_given() {
            problems.add_some("api_token", self.api_token().problem("api_token"));
        }
        if self.source.is_empty() || self.source.chars().count() > 100 || self.source.contains(char::is_control) {
            problems.add("source", "must be 1 to 100 characters");
        }
    }

    /// Where it will go, for [`crate::DeliverySettings`].
    pub(crate) fn urls(&self) -> Vec<(&'static str, &str)> {
        let events = self.url.as_deref().unwrap_or(self.region.events());
        let rest = self.url.as_deref().unwrap_or(self.region.rest());
        std::iter::once(("region", events)).chain(self.api_token().is_given().then_some(("api_token", rest))).collect()
    }

    fn routing_key(&self) -> SecretSource {
        SecretSource::of(&self.routing_key_file, &self.routing_key_env)
    }

    fn api_token(&self) -> SecretSource {
        SecretSource::of(&self.api_token_file, &self.api_token_env)
    }
}

pub(super) struct PagerDuty {
    http: Http,
    enqueue: String,
    /// Where change events go, if any do.
    change: Option<String>,
    incidents: String,
    source: String,
    routing_key: Secret,
    api_token: Option<Secret>,
    /// Dedup keys of deadline warnings by incident. Held for a map operation, never across an await.
    warnings: Mutex<BTreeMap<IncidentId, Vec<String>>>,
}

impl PagerDuty {
    pub(super) fn new(settings: &PagerDutySettings, outside: &Outside) -> Result<Self, ChannelError> {
        let routing_key = read_secret(&settings.name, "routing_key_file", &settings.routing_key())?;
        if routing_key.expose().chars().count() != ROUTING_KEY_CHARACTERS {
            let problem = format!("the routing key must have {ROUTING_KEY_CHARACTERS} characters");
            return Err(unfit(&settings.name, problem));
        }
        if settings.change_events && routing_key.expose().starts_with('R') {
            return Err(unfit(&settings.name, "a routing key of an event orchestration (R…) takes no change events"));
        }
        let api_token = settings
            .api_token()
            .is_given()
            .then(|| read_secret(&settings.name, "api_token_file", &settings.api_token()))
            .transpose()?;
        let events = settings.url.as_deref().unwrap_or(settings.region.events());
        let rest = settings.url.as_deref().unwrap_or(settings.region.rest());
        Ok(PagerDuty {
            http: Http::new(&settings.name, settings.timeout, None, outside)?,
            enqueue: below(events, "/v2/enqueue"),
            change: settings.change_events.then(|| below(events, "/v2/change/enqueue")),
            incidents: below(rest, "/incidents"),
            source: settings.source.clone(),
            routing_key,
            api_token,
            warnings: Mutex::default(),
        })
    }

    /// Posts one event; the answer's dedup key.
    async fn enqueue(&self, event: &Map<String, Value>) -> Result<String, Failure> {
        let mut event = event.clone();
        event.insert("routing_key".into(), self.routing_key.expose().into());
        let mut body = Value::Object(event.clone()).to_string();
        if body.len() > EVENT_BYTES_MAX
            && let Some(payload) = event.get_mut("payload").and_then(Value::as_object_mut)
        {
            payload.insert("custom_details".into(), json!({ "left_out": "the details were too long" }));
            body = Value::Object(event).to_string();
        }
        let is_answer = |json: &Value| Some(json.get("dedup_key")?.as_str()?.to_owned());
        self.post(&self.enqueue, body, is_answer).await
    }

    /// One exchange; what is looked for in PagerDuty's own answer.
    async fn post<T>(&self, address: &str, body: String, is_answer: fn(&Value) -> Option<T>) -> Result<T, Failure> {
        let request = self.http.client().post(address).header("content-type", "application/json").body(body);
        let answered = self.http.succeed(request, error_words).await?;
        let status = answered.status.as_u16();
        let found = answered.json().as_ref().and_then(is_answer);
        found.ok_or_else(|| Failure::passing(format!("HTTP {status}, but not PagerDuty's answer")))
    }

    /// Posts what has changed, if that is wanted.
    async fn tell_change(&self, notice: &Notice) -> Result<(), Failure> {
        let Some(address) = &self.change else { return Ok(()) };
        let mut event = change(notice, &self.source);
        event["routing_key"] = self.routing_key.expose().into();
        self.post(address, event.to_string(), |json| (json["status"] == "success").then_some(())).await
    }

    fn incident_key(&self, notice: &Notice) -> String {
        format!("{}/{}", self.source, notice.incident)
    }

    fn key(&self, notice: &Notice) -> String {
        let incident = self.incident_key(notice);
        match notice.kind {
            NoticeKind::DeadlineWarning => format!("{incident}/deadline/{}", notice.id),
            NoticeKind::Escalated if notice.again > 0 => self.again_key(notice, notice.again),
            _ => incident,
        }
    }

    fn remember_warning(&self, notice: &Notice) {
        let mut warnings = self.warnings.lock().unwrap_or_else(PoisonError::into_inner);
        let keys = warnings.entry(notice.incident).or_default();
        let key = self.key(notice);
        if !keys.contains(&key) && keys.len() < WARNINGS_MAX {
            keys.push(key);
        }
        if warnings.len() > WARNED_INCIDENTS_MAX {
            warnings.pop_first();
        }
    }

    /// What goes the way of the incident's own alert: what is remembered, and what whoever sent before may have sent. PagerDuty
    /// takes what it does not know, and drops it.
    fn warnings_of(&self, notice: &Notice) -> Vec<String> {
        let warnings = self.warnings.lock().unwrap_or_else(PoisonError::into_inner);
        let mut keys = warnings.get(&notice.incident).cloned().unwrap_or_default();
        drop(warnings);
        for again in notice.again.saturating_sub(AGAIN_MAX - 1).max(1)..=notice.again {
            let key = self.again_key(notice, again);
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        keys
    }

    fn again_key(&self, notice: &Notice, again: u32) -> String {
        format!("{}/again/{again}", self.incident_key(notice))
    }
}

impl Channel for PagerDuty {
    fn send<'a>(&'a self, notice: &'a Notice, _attempt: u32) -> Answer<'a, Receipt> {
        Box::pin(async move {
            let Some(action) = action(notice.kind) else { return Err(not_for_a_digest()) };
            let key = self.key(notice);
            let receipt = if action == "trigger" {
                let receipt = self.enqueue(&trigger(notice, &key, &self.source)).await?;
                if key != self.incident_key(notice) {
                    self.remember_warning(notice);
                }
                receipt
            } else {
                for warning in self.warnings_of(notice) {
                    self.enqueue(&follow_up(action, &warning)).await?;
                }
                let mut event = follow_up(action, &key);
                if action == "resolve" {
                    // Its log entry then says how it ended: closed, or merged into which other incident.
                    event.insert("payload".into(), end(notice, &self.source));
                }
                let receipt = self.enqueue(&event).await?;
                if action == "resolve" {
                    // Last: if it fails, the next try resolves what is resolved, which is dropped there.
                    // What PagerDuty refuses for good is no reason to call the resolving itself undelivered.
                    if let Err(failure) = self.tell_change(notice).await {
                        if failure.kind != FailureKind::Refused {
                            return Err(failure);
                        }
                        tracing::warn!(notice = %notice.id, reason = %failure.reason, "PagerDuty took the end of the incident and refused the change event");
                    }
                }
                receipt
            };
            if action == "resolve" {
                self.warnings.lock().unwrap_or_else(PoisonError::into_inner).remove(&notice.incident);
            }
            Ok(Receipt(receipt))
        })
    }

    fn can_confirm(&self) -> bool {
        self.api_token.is_some()
    }

    fn confirm<'a>(&'a self, notice: &'a Notice) -> Answer<'a, Confirmation> {
        Box::pin(async move {
            let Some(token) = &self.api_token else { return Ok(Confirmation::NotYet) };
            let key = self.key(notice);
            let mut address = reqwest::Url::parse(&self.incidents).map_err(|_| Failure::refused("no address"))?;
            address.query_pairs_mut().append_pair("incident_key", &key).append_pair("date_range", "all");
            let request = self
                .http
                .client()
                .get(address)
                .header("accept", "application/vnd.pagerduty+json;version=2")
                .header("authorization", format!("Token token={}", token.expose()));
            let answered = self.http.succeed(request, rest_error_words).await?;
            let json = answered.json().unwrap_or_default();
            let shown = json["incidents"].as_array().into_iter().flatten().find(|incident| {
                let status = incident["status"].as_str().unwrap_or_default();
                incident["incident_key"] == key && shows(notice.kind, status)
            });
            Ok(match shown {
                Some(incident) => {
                    let status = incident["status"].as_str().unwrap_or_default();
                    let id = incident["id"].as_str().unwrap_or_default();
                    Confirmation::Shown(Receipt(format!("incident {id} is {status}")))
                }
                None => Confirmation::NotYet,
            })
        })
    }

    fn probe(&self) -> Answer<'_, String> {
        Box::pin(async move {
            // Acknowledging what was never triggered passes every check of the event and is then dropped.
            self.enqueue(&follow_up("acknowledge", &format!("{}/test", self.source))).await?;
            Ok("PagerDuty took an event that tells nobody; the routing key's form and the way are right".into())
        })
    }

    fn secrets(&self) -> Vec<&Secret> {
        std::iter::once(&self.routing_key).chain(&self.api_token).collect()
    }
}

/// PagerDuty's id of the incident in the receipt of a confirmation.
pub(crate) fn incident_in_receipt(receipt: &str) -> Option<&str> {
    receipt.strip_prefix("incident ")?.split(' ').next()
}

/// `None`: nothing that may interrupt anybody.
const fn action(kind: NoticeKind) -> Option<&'static str> {
    Some(match kind {
        NoticeKind::Opened | NoticeKind::Escalated | NoticeKind::DeadlineWarning => "trigger",
        NoticeKind::Acknowledged => "acknowledge",
        NoticeKind::Closed => "resolve",
        NoticeKind::Digest | NoticeKind::ContactTest | NoticeKind::Draft => return None,
    })
}

/// Whether an incident in this status shows that the notice has arrived.
fn shows(kind: NoticeKind, status: &str) -> bool {
    match action(kind) {
        Some("acknowledge") => matches!(status, "acknowledged" | "resolved"),
        Some("resolve") => status == "resolved",
        // Someone may have been quicker than our look.
        _ => matches!(status, "triggered" | "acknowledged" | "resolved"),
    }
}

const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "critical",
        Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low => "info",
    }
}

/// An event but for the routing key.
fn trigger(notice: &Notice, key: &str, source: &str) -> Map<String, Value> {
    let facts = Facts::of(notice);
    let mut details: Map<String, Value> =
        facts.rows.iter().map(|(name, value)| ((*name).to_owned(), value.as_str().into())).collect();
    if let Some(drill) = &facts.drill {
        details.insert("Drill".into(), drill.as_str().into());
    }
    details.insert("Why".into(), json!(facts.reasons));
    if !facts.affected.is_empty() {
        details.insert(AFFECTED_HEADING.into(), json!(facts.affected));
    }
    if !facts.figures.is_empty() {
        let words: Vec<&str> = facts.figures.iter().map(|(_, words)| words.as_str()).collect();
        details.insert("The figures behind it".into(), json!(words));
    }
    let deadlines: Map<String, Value> =
        facts.deadlines.iter().map(|(name, due)| (name.clone(), due.as_str().into())).collect();
    details.insert("Deadlines".into(), deadlines.into());
    let classes: Vec<&str> = notice.data_classes.iter().map(|class| class.as_str()).collect();
    let what = if notice.kind == NoticeKind::Opened { String::new() } else { format!("{}: ", facts.headline) };
    let drill = if notice.drill.is_some() { "[DRILL] " } else { "" };
    let summary = format!("{drill}{} {}: {what}{}", facts.severity, facts.incident, facts.title);
    let mut event = json!({
        "event_action": "trigger",
        "dedup_key": printable_within(key, DEDUP_KEY_CHARACTERS_MAX),
        "client": "breachd",
        "payload": {
            "summary": printable_within(&summary, SUMMARY_CHARACTERS_MAX),
            "source": source,
            "severity": severity(notice.severity),
            "timestamp": notice.decided_at.to_string(),
            "component": notice.subject.kind.as_str(),
            "group": if classes.is_empty() { "none".to_owned() } else { classes.join(",") },
            "class": notice.kind.as_str(),
            "custom_details": details,
        },
    });
    if let Some(link) = &facts.link {
        event["client_url"] = link.as_str().into();
        event["links"] = json!([{ "href": link, "text": format!("{} in breachd", facts.incident) }]);
    }
    match event {
        Value::Object(event) => event,
        _ => Map::new(),
    }
}

/// How an incident ended, as a payload without what a page needs.
fn end(notice: &Notice, source: &str) -> Value {
    let facts = Facts::of(notice);
    let drill = if notice.drill.is_some() { "[DRILL] " } else { "" };
    let summary = format!("{drill}{} {}: {}", facts.severity, facts.incident, facts.title);
    json!({
        "summary": printable_within(&summary, SUMMARY_CHARACTERS_MAX),
        "source": source,
        "severity": severity(notice.severity),
    })
}

/// A change event but for the routing key. No custom details: it lies there longer than the alert.
fn change(notice: &Notice, source: &str) -> Value {
    let facts = Facts::of(notice);
    let drill = if notice.drill.is_some() { "[DRILL] " } else { "" };
    let summary = format!("{drill}{}: {}: {}", facts.incident, facts.headline, facts.title);
    let mut event = json!({
        "payload": {
            "summary": printable_within(&summary, SUMMARY_CHARACTERS_MAX),
            "source": source,
            "timestamp": notice.decided_at.to_string(),
        },
    });
    if let Some(link) = &facts.link {
        event["links"] = json!([{ "href": link, "text": format!("{} in breachd", facts.incident) }]);
    }
    event
}

fn follow_up(action: &str, key: &str) -> Map<String, Value> {
    let fields = [("event_action", action.to_owned()), ("dedup_key", printable_within(key, DEDUP_KEY_CHARACTERS_MAX))];
    fields.into_iter().map(|(name, value)| (name.to_owned(), Value::String(value))).collect()
}

/// `{"status":"invalid event","message":"Event object is invalid","errors":["…"]}`
fn error_words(json: &Value) -> String {
    let errors = json["errors"].as_array().into_iter().flatten().filter_map(Value::as_str);
    json["message"].as_str().into_iter().chain(errors).collect::<Vec<_>>().join("; ")
}

/// `{"error":{"message":"…","code":2001,"errors":["…"]}}`
fn rest_error_words(json: &Value) -> String {
    error_words(&json["error"])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::example;
    use activity::DrillId;

    #[test]
    fn an_event_holds_every_fact_within_the_vendors_limits() {
        let notice = Notice { title: "💥".repeat(3000), drill: Some(DrillId(5)), ..example() };
        let event = trigger(&notice, "breachd/INC-7", "breachd");
        let summary = event["payload"]["summary"].as_str().unwrap();
        assert!(summary.starts_with("[DRILL] CRITICAL INC-7: 💥"));
        assert!(summary.chars().count() <= SUMMARY_CHARACTERS_MAX);
        assert_eq!(event["payload"]["severity"], "critical");
        assert_eq!(event["payload"]["custom_details"]["Records concerned, at most"], "1,840");
        assert_eq!(event["payload"]["custom_details"]["The figures behind it"][1], "normal: more such hours");
        assert_eq!(
            event["payload"]["custom_details"]["How many it concerns"][1],
            "people: 240 (different employees' numbers)"
        );
        assert_eq!(event["links"][0]["href"], "https://breachd.example/incidents/INC-7");
        assert!(Value::Object(event).to_string().len() < EVENT_BYTES_MAX);
    }

    #[test]
    fn a_confirmations_receipt_names_the_incident_there() {
        assert_eq!(incident_in_receipt("incident PGR0VU2 is triggered"), Some("PGR0VU2"));
        assert_eq!(incident_in_receipt("breachd/INC-7"), None);
    }

    #[test]
    fn every_severity_has_the_vendors_word() {
        let words: Vec<_> = Severity::ALL.into_iter().map(severity).collect();
        assert_eq!(words, ["info", "warning", "error", "critical"]);
    }

    #[test]
    fn an_errors_words_are_found() {
        let json = json!({ "status": "invalid event", "message": "Event object is invalid", "errors": ["'summary' is missing"] });
        assert_eq!(error_words(&json), "Event object is invalid; 'summary' is missing");
        assert_eq!(rest_error_words(&json!({ "error": json })), error_words(&json));
        assert_eq!(error_words(&Value::Null), "");
    }
}
