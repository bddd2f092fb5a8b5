//! What the pages and the API show: plain data, filled in by the root crate, newest truth at the time of the question.
//!
//! These are also the JSON of the API: adding a field is fine, renaming one is not. Times are RFC 3339 in UTC, lengths of
//! time are seconds.

mod drafts;

use crate::{Readiness, limits};
use activity::{DataClasses, Entity, Mode, Span, Timestamp};
pub use drafts::{DraftField, DraftPage, DraftRow, DraftSent, DraftVersion, Mailing, MailingPage, NotReached, NotTold};
use serde::{Serialize, Serializer, ser::SerializeStruct};
use std::{fmt, ops};

/// The page of all incidents.
#[derive(Clone, Debug, Serialize)]
pub struct Overview {
    /// Wall time at which this was true.
    #[serde(serialize_with = "time")]
    pub at: Timestamp,
    /// Most urgent first; the desk's order is kept.
    pub incidents: Vec<IncidentRow>,
    /// How many more there are than `incidents` holds.
    pub incidents_left_off: u64,
    /// One per state, in the order of work; states without an incident may be left out.
    pub counts: Vec<StateCount>,
    /// Of all open incidents, nearest first.
    pub deadlines: Vec<DeadlineOf>,
    pub readiness: Readiness,
    /// One sentence each on what needs a person besides incidents: notices that do not get out, overdue reviews.
    pub troubles: Vec<Text>,
}

/// One incident in a list.
#[derive(Clone, Debug, Serialize)]
pub struct IncidentRow {
    /// As in `INC-7`.
    pub id: String,
    /// One line: what happened.
    pub title: Text,
    #[serde(serialize_with = "entity")]
    pub subject: Entity,
    pub severity: Severity,
    /// The state's word, such as `open`.
    pub state: Text,
    /// Whether anybody still has work with it.
    pub open: bool,
    pub owner: Option<Text>,
    #[serde(flatten, serialize_with = "mode")]
    pub mode: Mode,
    /// Wall time.
    #[serde(serialize_with = "time")]
    pub opened_at: Timestamp,
    #[serde(serialize_with = "classes")]
    pub data_classes: DataClasses,
    pub n_alerts: u64,
    /// Upper estimate.
    pub affected_records: u64,
    pub nearest_deadline: Option<Deadline>,
}

#[derive(Clone, Debug, Serialize)]
pub struct StateCount {
    pub state: Text,
    pub incidents: u64,
}

/// A deadline and whose it is.
#[derive(Clone, Debug, Serialize)]
pub struct DeadlineOf {
    pub incident: String,
    pub title: Text,
    #[serde(flatten, serialize_with = "mode")]
    pub mode: Mode,
    pub deadline: Deadline,
}

/// A legal or contractual time limit of one incident.
#[derive(Clone, Debug, Serialize)]
pub struct Deadline {
    /// Id of the obligation, such as `eu-gdpr-33-authority`.
    pub obligation: Text,
    pub name: Text,
    /// Who has to be told.
    pub recipient: Text,
    /// The law's place, for reading.
    pub legal_reference: Text,
    /// Wall time of awareness it counts from.
    #[serde(serialize_with = "time_or_null")]
    pub aware_at: Option<Timestamp>,
    /// `None`: "without undue delay", no figure in the law.
    #[serde(serialize_with = "time_or_null")]
    pub due_at: Option<Timestamp>,
    pub state: DeadlineState,
    /// How it was reckoned, in words.
    pub reckoning: Text,
    /// What a person has to weigh before anybody is told.
    pub condition: Text,
    /// Thresholds that count as met because the number of people is not known well enough: they are open.
    pub assumed: Vec<Text>,
    /// The numbers by which they are open; empty: none is.
    pub counted: Text,
    /// The file of obligations it was reckoned by: version and SHA-256.
    pub law: Text,
    /// What another file of obligations has changed of it; empty: nothing.
    pub revised: Text,
    /// Obligations whose notice has to be sent before this one's.
    pub after: Vec<Text>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DeadlineState {
    /// It would run if a person finds a breach.
    NotStarted,
    Running,
    Met,
    Missed,
    /// A drill's: never runs.
    Simulated,
}

/// The page of one incident.
#[derive(Clone, Debug, Serialize)]
pub struct IncidentPage {
    #[serde(serialize_with = "time")]
    pub at: Timestamp,
    #[serde(flatten)]
    pub summary: IncidentRow,
    #[serde(flatten)]
    pub life: Life,
    pub affected: Affected,
    pub verdict: Option<Verdict>,
    /// The alerts' reasons, first first.
    pub reasons: Vec<Text>,
    pub deadlines: Vec<Deadline>,
    /// Obligations that do not run because the number of people, as far as it is known, misses a threshold.
    pub missed_by_number: Vec<Missed>,
    /// What the law wants told, by number.
    pub drafts: Vec<DraftRow>,
    pub deliveries: Vec<Delivery>,
    pub alerts: Vec<AlertRow>,
    /// Oldest first.
    pub timeline: Vec<Moment>,
    pub actions: Actions,
}

/// Whose work it is, what is still to be done, and what other incidents have to do with it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Life {
    /// Who gave it to its owner; `None`: nobody did, the summary's `owner` has acknowledged it.
    pub assigned_by: Option<Text>,
    /// In the order they were added.
    pub tasks: Vec<Task>,
    /// The incident in which this one goes on.
    pub merged_into: Option<String>,
    /// Incidents that go on in this one.
    pub merged: Vec<String>,
    /// The incident some of whose alerts this one began with.
    pub split_from: Option<String>,
    pub split_into: Vec<String>,
    /// How often it was opened again.
    pub n_reopened: u64,
    /// Alerts that would have opened incidents of their own, had an inhibition not kept them quiet.
    pub n_inhibited: u64,
}

/// Something to be done.
#[derive(Clone, Debug, Serialize)]
pub struct Task {
    /// Its number, by which commands name it.
    pub task: u32,
    pub title: Text,
    pub owner: Option<Text>,
    /// Wall time.
    #[serde(serialize_with = "time_or_null")]
    pub due_at: Option<Timestamp>,
    pub state: TaskState,
    pub added_by: Text,
    pub done_by: Option<Text>,
    #[serde(serialize_with = "time_or_null")]
    pub done_at: Option<Timestamp>,
    /// What came of it.
    pub outcome: Option<Text>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskState {
    Open,
    /// Open, and its time is past.
    Overdue,
    Done,
}

impl TaskState {
    pub const fn as_str(self) -> &'static str {
        match self {
            TaskState::Open => "open",
            TaskState::Overdue => "overdue",
            TaskState::Done => "done",
        }
    }
}

/// How many different records it concerns; the greatest number is the summary's `affected_records`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Affected {
    pub lower: u64,
    pub estimate: u64,
    pub upper: u64,
    /// Why the bounds are what they are.
    pub reason: Text,
    /// `None`: the ids do not tell.
    pub people: Option<AffectedPeople>,
    /// Whom that counts, or why nobody.
    pub people_reason: Text,
    /// The places of people who are known, the most people first.
    pub places: Vec<AffectedPlace>,
    /// How they were counted, and of whom nobody knows where they live; empty: they were not.
    pub places_reason: Text,
    /// SHA-256 of the directory by which they were; empty: by none.
    pub directory: Text,
    /// By name.
    pub tables: Vec<AffectedTable>,
    /// Alerts that named records of further tables.
    pub n_tables_beyond: u64,
}

/// How many people of one place it concerns.
#[derive(Clone, Debug, Serialize)]
pub struct AffectedPlace {
    /// ISO 3166 code; of a country with its subdivisions.
    pub place: Text,
    pub lower: u64,
    /// `None`: nothing bounds it.
    pub upper: Option<u64>,
    /// A person recorded it; else alerts' numbers of employees were looked up in the directory.
    pub by_person: bool,
    /// How many people of the directory live there; `None`: it was not asked.
    pub directory: Option<u64>,
}

/// An obligation that does not run, and why.
#[derive(Clone, Debug, Serialize)]
pub struct Missed {
    pub name: Text,
    pub because: Text,
}

/// Different employees.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct AffectedPeople {
    pub lower: u64,
    pub estimate: u64,
    pub upper: u64,
}

/// Different records of one table that ids name.
#[derive(Clone, Debug, Serialize)]
pub struct AffectedTable {
    pub table: Text,
    pub lower: u64,
    pub estimate: u64,
    pub upper: u64,
}

#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    /// The word the command takes.
    pub verdict: String,
    /// As a person says it.
    pub label: Text,
    pub by: Text,
    #[serde(serialize_with = "time")]
    pub at: Timestamp,
}

/// One entry of the incident's story.
#[derive(Clone, Debug, Serialize)]
pub struct Moment {
    /// Wall time.
    #[serde(serialize_with = "time")]
    pub at: Timestamp,
    /// A sentence.
    pub what: Text,
    /// A person's name; `None`: breachd itself.
    pub by: Option<Text>,
    /// Number of the journal's entry.
    pub entry: Option<u64>,
}

/// One notice and what became of it.
#[derive(Clone, Debug, Serialize)]
pub struct Delivery {
    pub notice: String,
    /// What it says: `opened`, `escalated`, `deadline_warning`, …
    pub kind: Text,
    pub channel: Text,
    pub state: DeliveryState,
    pub attempts: u32,
    #[serde(serialize_with = "time")]
    pub decided_at: Timestamp,
    /// It may not leave before, and can be stopped until then.
    #[serde(serialize_with = "time_or_null")]
    pub hold_until: Option<Timestamp>,
    /// The service took it.
    #[serde(serialize_with = "time_or_null")]
    pub accepted_at: Option<Timestamp>,
    /// Someone, or the service's own incident, shows it.
    #[serde(serialize_with = "time_or_null")]
    pub confirmed_at: Option<Timestamp>,
    /// Next attempt.
    #[serde(serialize_with = "time_or_null")]
    pub next_at: Option<Timestamp>,
    /// The service's own word: a dedup key, a number, an SMTP reply.
    pub receipt: Option<Text>,
    /// Why the last attempt failed.
    pub problem: Option<Text>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// Waits for its hold time.
    Held,
    /// Waits for its turn.
    Pending,
    Retrying,
    Accepted,
    Confirmed,
    Rejected,
    Expired,
    /// A person stopped it before it left.
    Stopped,
}

/// One alert, with its arithmetic.
#[derive(Clone, Debug, Serialize)]
pub struct AlertRow {
    #[serde(rename = "alert_id")]
    pub id: String,
    pub detector: Text,
    pub severity: Severity,
    /// Event time.
    #[serde(serialize_with = "time")]
    pub raised_at: Timestamp,
    #[serde(serialize_with = "time")]
    pub window_from: Timestamp,
    #[serde(serialize_with = "time")]
    pub window_to: Timestamp,
    #[serde(serialize_with = "entity")]
    pub entity: Entity,
    pub why: Text,
    pub observed: f64,
    pub expected: f64,
    pub unit: Text,
    /// `None`: a signature, there is no probability.
    pub p_value: Option<f64>,
    pub page: bool,
    /// How the actor is known: `sql_tag`, `access_log`, …
    pub actor_known_by: &'static str,
    pub affected_records: u64,
    /// MITRE ATT&CK techniques.
    pub attack: Vec<Text>,
    /// Where the records lie, such as `logs.mariadb.audit 0 @ 123` or `audit line 5107`.
    pub evidence: Vec<Text>,
    #[serde(flatten, serialize_with = "mode")]
    pub mode: Mode,
}

/// The alerts that interrupted nobody of late.
#[derive(Clone, Debug, Serialize)]
pub struct AlertsPage {
    #[serde(serialize_with = "time")]
    pub at: Timestamp,
    /// The worst first.
    pub alerts: Vec<AlertRow>,
    /// Notices of the last daily digests, newest first; none: nobody is sent one.
    pub digests: Vec<Delivery>,
}

/// The page of one alert.
#[derive(Clone, Debug, Serialize)]
pub struct AlertPage {
    #[serde(serialize_with = "time")]
    pub at: Timestamp,
    #[serde(flatten)]
    pub summary: AlertRow,
    /// Whom or what to look at first.
    #[serde(serialize_with = "entity")]
    pub subject: Entity,
    /// The figures behind it, in words; empty where they are not remembered.
    pub figures: Vec<Figure>,
    /// The incident it is part of, if it is part of one that is remembered.
    pub incident: Option<String>,
    /// What people said of it, oldest first.
    pub verdicts: Vec<AlertVerdict>,
    /// What a person can say of it; empty: nothing is learned from it.
    pub rulings: Vec<RulingChoice>,
    /// How many days ahead an exception may end.
    pub exception_days_max: u64,
}

#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    /// `seen`, `usual`, `peers`, `probability`, …
    pub name: Text,
    pub words: Text,
}

/// One verdict about an alert.
#[derive(Clone, Debug, Serialize)]
pub struct AlertVerdict {
    /// The word the API takes.
    pub verdict: String,
    /// As a person says it.
    pub label: Text,
    pub by: Text,
    pub reason: Text,
    /// Wall time at which it was given.
    #[serde(serialize_with = "time")]
    pub at: Timestamp,
    /// The like pages nobody until then.
    #[serde(serialize_with = "time_or_null")]
    pub exception_until: Option<Timestamp>,
    /// Number of the journal's entry.
    pub entry: u64,
}

/// What can be said of an alert.
#[derive(Clone, Debug, Serialize)]
pub struct RulingChoice {
    /// The word the API takes.
    pub verdict: String,
    pub label: Text,
    /// What the detector makes of it, asked about before it is recorded.
    pub consequence: Text,
    /// Whether an exception may go with it.
    pub takes_exception: bool,
}

/// What a person may do with the incident now. Beside these: settle a deadline, while [`Deadline::can_be_settled`], and stop
/// a notice that is [`DeliveryState::Held`].
#[derive(Clone, Debug, Default, Serialize)]
pub struct Actions {
    pub acknowledge: bool,
    pub note: bool,
    pub contain: bool,
    pub close: bool,
    /// Open it again.
    pub reopen: bool,
    /// Give it to somebody, add and end tasks, merge it, split alerts off.
    pub organise: bool,
    pub verdicts: Vec<VerdictChoice>,
}

#[derive(Clone, Debug, Serialize)]
pub struct VerdictChoice {
    /// The word the command takes.
    pub verdict: String,
    pub label: Text,
    /// What it sets off, asked about before it is done: "starts the 72 hours of GDPR article 33".
    pub consequence: Text,
}

/// How a drill went.
#[derive(Clone, Debug, Serialize)]
pub struct DrillReport {
    pub drill_id: String,
    pub scenario: Text,
    #[serde(serialize_with = "time")]
    pub started_at: Timestamp,
    pub started_by: Text,
    pub state: DrillState,
    /// From the first planted record to the alert.
    #[serde(rename = "detected_after_seconds", serialize_with = "seconds")]
    pub detected_after: Option<Span>,
    pub incident: Option<String>,
    pub channels: Vec<DrillChannel>,
    /// What went wrong, one sentence each.
    pub problems: Vec<Text>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DrillState {
    Running,
    Passed,
    Failed,
}

/// Lengths count from the first planted record.
#[derive(Clone, Debug, Serialize)]
pub struct DrillChannel {
    pub channel: Text,
    pub state: DeliveryState,
    pub attempts: u32,
    #[serde(rename = "accepted_after_seconds", serialize_with = "seconds")]
    pub accepted_after: Option<Span>,
    #[serde(rename = "confirmed_after_seconds", serialize_with = "seconds")]
    pub confirmed_after: Option<Span>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Low,
    Medium,
    High,
    Critical,
}

/// Free text, fit for a person's eyes: no controls, no direction marks, at most
/// [`limits::TEXT_CHARACTERS_MAX`] characters. There is no way around the constructor.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Text(String);

impl Text {
    pub fn new(text: &str) -> Self {
        Text(activity::printable_within(text, limits::TEXT_CHARACTERS_MAX))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Text::new(text)
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Text::new(&text)
    }
}

impl ops::Deref for Text {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Severity {
    pub const ALL: [Severity; 4] = [Severity::Low, Severity::Medium, Severity::High, Severity::Critical];

    pub const fn as_str(self) -> &'static str {
        match self {
            Severity::Low => "low",
            Severity::Medium => "medium",
            Severity::High => "high",
            Severity::Critical => "critical",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|severity| severity.as_str() == word)
    }
}

impl Deadline {
    /// Whether a person can say that it is met, or not required. A missed one can still be met, late.
    pub const fn can_be_settled(&self) -> bool {
        matches!(self.state, DeadlineState::Running | DeadlineState::Missed | DeadlineState::Simulated)
    }
}

impl DeliveryState {
    pub const fn as_str(self) -> &'static str {
        match self {
            DeliveryState::Held => "held",
            DeliveryState::Pending => "pending",
            DeliveryState::Retrying => "retrying",
            DeliveryState::Accepted => "accepted",
            DeliveryState::Confirmed => "confirmed",
            DeliveryState::Rejected => "rejected",
            DeliveryState::Expired => "expired",
            DeliveryState::Stopped => "stopped",
        }
    }

    /// Whether the notice did not get through and nothing more will be tried.
    pub const fn is_lost(self) -> bool {
        matches!(self, DeliveryState::Rejected | DeliveryState::Expired)
    }
}

impl DrillState {
    pub const fn as_str(self) -> &'static str {
        match self {
            DrillState::Running => "running",
            DrillState::Passed => "passed",
            DrillState::Failed => "failed",
        }
    }
}

fn time<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(at)
}

fn time_or_null<S: Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => serializer.collect_str(at),
        None => serializer.serialize_none(),
    }
}

fn seconds<S: Serializer>(span: &Option<Span>, serializer: S) -> Result<S::Ok, S::Error> {
    match span {
        Some(span) => serializer.serialize_f64(span.as_millis() as f64 / 1000.0),
        None => serializer.serialize_none(),
    }
}

fn entity<S: Serializer>(entity: &Entity, serializer: S) -> Result<S::Ok, S::Error> {
    let mut fields = serializer.serialize_struct("Entity", 2)?;
    fields.serialize_field("kind", entity.kind.as_str())?;
    fields.serialize_field("id", &activity::printable(&entity.id))?;
    fields.end()
}

fn classes<S: Serializer>(classes: &DataClasses, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(classes.iter().map(activity::DataClass::as_str))
}

/// Two fields beside the others, as in the alert: `mode`, and `drill_id` (null when live).
fn mode<S: Serializer>(mode: &Mode, serializer: S) -> Result<S::Ok, S::Error> {
    let mut fields = serializer.serialize_struct("Mode", 2)?;
    fields.serialize_field("mode", mode.as_str())?;
    fields.serialize_field("drill_id", &mode.drill().map(|drill| drill.to_string()))?;
    fields.end()
}

#[cfg(test)]
mod tests {
    use super::*;
    use activity::DrillId;

    #[test]
    fn text_is_printable_and_bounded_whatever_comes_in() {
        assert_eq!(Text::new("evil\u{1b}[31m\u{202e}").as_str(), "evil␛[31m\\u{202e}");
        let long = Text::from("é".repeat(limits::TEXT_CHARACTERS_MAX + 1));
        assert_eq!(long.chars().count(), limits::TEXT_CHARACTERS_MAX);
        assert!(long.ends_with('…'));
    }

    #[test]
    fn a_drill_says_so_in_json() {
        let row = DeadlineOf {
            incident: "INC-1".into(),
            title: "t".into(),
            mode: Mode::Drill(DrillId(7)),
            deadline: Deadline {
                obligation: "eu-gdpr-33-authority".into(),
                name: "n".into(),
                recipient: "r".into(),
                legal_reference: "l".into(),
                aware_at: None,
                due_at: Some(Timestamp::from_secs(0)),
                state: DeadlineState::Simulated,
                reckoning: Text::new("72 h after that"),
                condition: Text::new(""),
                assumed: Vec::new(),
                counted: Text::new(""),
                law: Text::new(""),
                revised: Text::new(""),
                after: Vec::new(),
            },
        };
        let json = serde_json::to_value(&row).unwrap();
        assert_eq!(json["mode"], "drill");
        assert_eq!(json["drill_id"], "drill-0000000000000007");
        assert_eq!(json["deadline"]["due_at"], "1970-01-01T00:00:00Z");
        assert_eq!(json["deadline"]["aware_at"], serde_json::Value::Null);
    }
}
