//! # ServiceNow: a record per incident
//!
//! The first notice of an incident creates a record, later ones add a work note and set impact and urgency; breachd never
//! changes a record's state, that is people's business. ServiceNow has no idempotency of its own (`correlation_id` is
//! not unique), so breachd looks before it creates, looks again after a lost answer, and after creating: if two
//! records came to be, the older one holds and the younger gets a note that says so. A work note carries the notice's id,
//! and a repeat that finds it there writes nothing.
//!
//! ```toml
//! [[channels]]
//! name = "tickets"
//! kind = "servicenow"
//! instance = "https://example.service-now.com"
//! table = "incident"                       # or sn_si_incident
//! user = "breachd"                         # a local account without interactive log-in
//! password_file = "/run/credentials/breachd/servicenow"
//! category = "security"
//! assignment_group = "Privacy office"
//! impact = { critical = 1, high = 1, medium = 2, low = 3 }
//! urgency = { critical = 1, high = 2, medium = 2, low = 3 }
//! ```
//! Instead of `user` and its password, OAuth client credentials: `client_id` and `client_secret_file` of an OAuth API endpoint
//! for external clients, to whose application user the rights belong. The token comes from `/oauth_token.do` of the instance.
//!
//! `api` says which way in, all with the same correlation id, `source:INC-…`:
//!
//! - `table`, the default: as above. The account reads, creates and writes in `table`.
//! - `import_set`: a row per notice in the staging table `table`, with the columns `short_description`, `description`,
//!   `work_notes`, `impact`, `urgency`, `category`, `assignment_group`, `correlation_id`, `correlation_display`, `notice` and
//!   `notice_kind`. Your transform map coalesces on `correlation_id`, writes `work_notes` unless a note with that `notice` is
//!   there, and decides what later notices overwrite. Inserted or updated is accepted, and confirmed a second later; ignored
//!   or error is refused, with the map's message.
//! - `events`: an event per notice for Event Management (`/api/global/em/jsonv2`, role `evt_mgmt_integration`), with
//!   `message_key` as the correlation id, severity 1 to 4 from critical to low, and 0 with `Closing` when the incident closes.
//!   Accepted, never confirmed: event rules decide later.
//!
//! For `table`, accepted means that the write was answered 200 or 201. Confirmed means that reading it back shows the record with its
//! short description, and with its assignment group if one is set: unknown fields and groups are dropped there without an
//! error.

mod access;
mod inlets;

use self::{access::Access, inlets::Transformed};
use super::{
    http::{Answered, Http, Outside, below},
    not_for_a_digest, read_secret,
};
use crate::{
    ChannelError, Pace, Period, Retry, Secret, SecretSource,
    channel::{Answer, Channel, Confirmation, Receipt},
    render::Facts,
    settings::{self, Problems},
    stages::classify::Failure,
};
use activity::printable_within;
use detector::Severity;
use incident::{Notice, NoticeKind};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::path::PathBuf;

// Vendor's limits: lengths of the columns of table `task` as delivered; an instance may widen them.
/// `short_description`, in characters. Beyond: cut.
const SHORT_DESCRIPTION_CHARACTERS_MAX: usize = 160;
/// `description` and one work note, in characters. Beyond: cut.
const DESCRIPTION_CHARACTERS_MAX: usize = 4000;
/// `correlation_id`, in characters. Ours are shorter by construction.
const CORRELATION_ID_CHARACTERS_MAX: usize = 100;

/// Records of one correlation id that are looked at. There should be one.
const RECORDS_MAX: usize = 10;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceNowSettings {
    /// Unique; `a-z 0-9 - _`.
    pub name: String,
    /// Address of the instance: https, or http on loopback.
    pub instance: String,
    /// Which way in.
    #[serde(default)]
    pub api: ServiceNowApi,
    /// Table to write to, or the staging table of an import set; events need none.
    #[serde(default = "default_table")]
    pub table: String,
    /// Account for basic authentication, without MFA. Empty: `client_id` is given instead.
    #[serde(default)]
    pub user: String,
    /// File with its password.
    pub password_file: Option<PathBuf>,
    /// Or the environment variable that holds it.
    pub password_env: Option<String>,
    /// OAuth client credentials instead: the client's id.
    pub client_id: Option<String>,
    /// File with its secret.
    pub client_secret_file: Option<PathBuf>,
    /// Or the environment variable that holds it.
    pub client_secret_env: Option<String>,
    /// PEM certificates to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// File with the secrets (`whsec_…`) that the instance's business rule signs with, one a line. With it, assignments and work notes come
    /// back through `POST /hooks/NAME` of the console.
    pub webhook_secret_file: Option<PathBuf>,
    /// Values of `state` in which a record that is assigned to somebody is looked after.
    #[serde(default = "default_acknowledged_states")]
    pub acknowledged_states: Vec<String>,
    /// First part of `correlation_id`: two installations that share a table need two sources.
    #[serde(default = "default_source")]
    pub source: String,
    /// `category`, as the instance calls it.
    pub category: Option<String>,
    /// `assignment_group`: name or sys_id.
    pub assignment_group: Option<String>,
    /// `impact` by severity, 1 (high) to 3.
    #[serde(default = "default_grades")]
    pub impact: Grades,
    /// `urgency` by severity, 1 (high) to 3. Priority follows from the two.
    #[serde(default = "default_grades")]
    pub urgency: Grades,
    /// Longest wait for an answer; one attempt is up to four exchanges.
    #[serde(default = "settings::default_timeout")]
    pub timeout: Period,
    /// Attempts in any 60 seconds; questions whether it shows what it took have as many of their own.
    #[serde(default = "settings::default_rate_per_minute")]
    pub rate_per_minute: u32,
    /// Attempts at once.
    #[serde(default = "settings::default_concurrency")]
    pub concurrency: usize,
    #[serde(default)]
    pub retry: Retry,
}

/// The ways in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServiceNowApi {
    /// Records, by the Table API.
    #[default]
    Table,
    /// Rows of a staging table, by the Import Set API.
    ImportSet,
    /// Events, for Event Management.
    Events,
}

/// A number from 1 to 3 for each severity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grades {
    pub critical: u8,
    pub high: u8,
    pub medium: u8,
    pub low: u8,
}

impl Grades {
    const fn of(self, severity: Severity) -> u8 {
        match severity {
            Severity::Critical => self.critical,
            Severity::High => self.high,
            Severity::Medium => self.medium,
            Severity::Low => self.low,
        }
    }
}

fn default_table() -> String {
    "incident".into()
}

fn default_source() -> String {
    "breachd".into()
}

const fn default_grades() -> Grades {
    Grades { critical: 1, high: 2, medium: 2, low: 3 }
}

/// `In Progress`, as delivered.
fn default_acknowledged_states() -> Vec<String> {
    vec!["2".into()]
}

impl ServiceNowSettings {
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
        problems.add_some("instance", settings::check_url(&self.instance, false));
        self.check_access(problems);
        let is_word =
            |text: &str| text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        if self.table.is_empty() || !is_word(&self.table) {
            problems.add("table", "must be a table's name: a-z, 0-9 and `_`");
        }
        if self.api == ServiceNowApi::ImportSet && self.table == default_table() {
            problems.add("table", "must name the staging table: rows are imported there, not into the table itself");
        }
        // `^` separates conditions in an encoded query.
        if self.source.is_empty() || self.source.chars().count() > 40 || self.source.contains(['^', '\n', '\r', ' ']) {
            problems.add("source", "must be 1 to 40 characters, without spaces and `^`");
        }
        for (name, grades) in [("impact", self.impact), ("urgency", self.urgency)] {
            if Severity::ALL.into_iter().any(|severity| !(1..=3).contains(&grades.of(severity))) {
                problems.add(name, "must be 1, 2 or 3 for each severity");
            }
        }
    }

    fn check_access(&self, problems: &mut Problems) {
        let Some(client_id) = &self.client_id else {
            problems.add_some("password", self.password().problem("password"));
            if self.user.is_empty() || self.user.contains([':', '\n', '\r']) {
                problems.add("user", "must not be empty or hold a colon");
            }
            if self.client_secret().is_given() {
                problems.add("client_id", "is missing: a client's secret is given");
            }
            return;
        };
        problems.add_some("client_secret", self.client_secret().problem("client_secret"));
        if client_id.is_empty() || client_id.chars().any(char::is_control) {
            problems.add("client_id", "must not be empty or hold control characters");
        }
        if self.password().is_given() {
            problems.add("client_id", "is given beside a password: keep one of the two");
        }
        if self.webhook_secret_file.is_some() && self.user.is_empty() {
            problems.add("user", "is missing: the OAuth application's user, whose own changes are not heard again");
        }
    }

    fn password(&self) -> SecretSource {
        SecretSource::of(&self.password_file, &self.password_env)
    }

    fn client_secret(&self) -> SecretSource {
        SecretSource::of(&self.client_secret_file, &self.client_secret_env)
    }

    /// Reads the secret it needs.
    fn access(&self) -> Result<Access, ChannelError> {
        let Some(client_id) = &self.client_id else {
            let password = read_secret(&self.name, "password_file", &self.password())?;
            return Ok(Access::basic(&self.user, password));
        };
        let secret = read_secret(&self.name, "client_secret_file", &self.client_secret())?;
        let endpoint = reqwest::Url::parse(&below(&self.instance, "/oauth_token.do"))
            .map_err(|_| super::unfit(&self.name, "`instance` is no URL"))?;
        Ok(Access::oauth(endpoint, client_id, secret))
    }
}

pub(super) struct ServiceNow {
    http: Http,
    settings: ServiceNowSettings,
    records: String,
    access: Access,
    /// What import sets said.
    transformed: Transformed,
}

/// One record, as far as breachd looks.
struct Record {
    sys_id: String,
    number: String,
    short_description: String,
    assignment_group: String,
    /// All work notes; `None`: not asked for.
    work_notes: Option<String>,
}

impl ServiceNow {
    pub(super) fn new(settings: &ServiceNowSettings, outside: &Outside) -> Result<Self, ChannelError> {
        Ok(ServiceNow {
            http: Http::new(&settings.name, settings.timeout, settings.ca_file.as_ref(), outside)?,
            records: below(&settings.instance, &format!("/api/now/table/{}", settings.table)),
            settings: settings.clone(),
            access: settings.access()?,
            transformed: Transformed::default(),
        })
    }

    /// One exchange that must end in 2xx; an empty body is none.
    async fn succeed(&self, method: Method, address: reqwest::Url, body: &str) -> Result<Answered, Failure> {
        let request = || {
            let request = self
                .http
                .client()
                .request(method.clone(), address.clone())
                .header("accept", "application/json")
                .header("content-type", "application/json");
            if body.is_empty() { request } else { request.body(body.to_owned()) }
        };
        self.access.succeed(&self.http, request).await
    }

    fn address(&self, below: &str) -> Result<reqwest::Url, Failure> {
        reqwest::Url::parse(&format!("{}{below}", self.records)).map_err(|_| Failure::refused("no address"))
    }

    fn below_instance(&self, path: &str) -> Result<reqwest::Url, Failure> {
        reqwest::Url::parse(&below(&self.settings.instance, path)).map_err(|_| Failure::refused("no address"))
    }

    fn correlation_id(&self, notice: &Notice) -> String {
        printable_within(&format!("{}:{}", self.settings.source, notice.incident), CORRELATION_ID_CHARACTERS_MAX)
    }

    /// The records of the notice's incident, oldest first, with their work notes unless those are too long to read.
    async fn find(&self, notice: &Notice) -> Result<Vec<Record>, Failure> {
        for with_notes in [true, false] {
            let fields = "sys_id,number,short_description,assignment_group";
            let correlation_id = self.correlation_id(notice);
            let mut address = self.address("")?;
            address
                .query_pairs_mut()
                .append_pair(
                    "sysparm_query",
                    &format!("correlation_id={correlation_id}^ORDERBYsys_created_on^ORDERBYnumber"),
                )
                .append_pair("sysparm_fields", &format!("{fields}{}", if with_notes { ",work_notes" } else { "" }))
                // Work notes exist as display values only.
                .append_pair("sysparm_display_value", if with_notes { "true" } else { "false" })
                .append_pair("sysparm_limit", &RECORDS_MAX.to_string());
            let answered = self.succeed(Method::GET, address, "").await?;
            if answered.cut && with_notes {
                continue;
            }
            let json =
                answered.json().ok_or_else(|| Failure::passing("the answer is no JSON: is the instance asleep?"))?;
            let records = json["result"].as_array().ok_or_else(|| Failure::passing("the answer holds no result"))?;
            return Ok(records.iter().map(Record::of).collect());
        }
        Err(Failure::passing("the answer is too long"))
    }

    async fn create(&self, notice: &Notice, facts: &Facts) -> Result<(), Failure> {
        let body = Value::Object(self.new_record(notice, facts)).to_string();
        self.succeed(Method::POST, self.address("")?, &body).await.map(|_| ())
    }

    async fn update(&self, record: &Record, fields: Map<String, Value>) -> Result<(), Failure> {
        let id: String = record.sys_id.chars().filter(char::is_ascii_alphanumeric).collect();
        let body = Value::Object(fields).to_string();
        self.succeed(Method::PATCH, self.address(&format!("/{id}"))?, &body).await.map(|_| ())
    }

    fn new_record(&self, notice: &Notice, facts: &Facts) -> Map<String, Value> {
        let mut fields = self.grades(notice);
        let mut set = |name: &str, value: String| fields.insert(name.into(), Value::String(value));
        set("short_description", printable_within(&facts.subject_line(), SHORT_DESCRIPTION_CHARACTERS_MAX));
        set("description", long_text(&facts.plain_text()));
        set("work_notes", self.note(notice, "Made by breachd."));
        set("correlation_id", self.correlation_id(notice));
        set("correlation_display", "breachd".into());
        if let Some(category) = &self.settings.category {
            set("category", category.clone());
        }
        if let Some(group) = &self.settings.assignment_group {
            set("assignment_group", group.clone());
        }
        fields
    }

    fn grades(&self, notice: &Notice) -> Map<String, Value> {
        let grades = [("impact", self.settings.impact), ("urgency", self.settings.urgency)];
        grades.into_iter().map(|(name, grades)| (name.into(), grades.of(notice.severity).to_string().into())).collect()
    }

    fn note(&self, notice: &Notice, text: &str) -> String {
        long_text(&format!("{}\n{text}", note_mark(notice)))
    }
}

impl Channel for ServiceNow {
    fn send<'a>(&'a self, notice: &'a Notice, _attempt: u32) -> Answer<'a, Receipt> {
        Box::pin(async move {
            if matches!(notice.kind, NoticeKind::Digest | NoticeKind::Draft) {
                return Err(not_for_a_digest());
            }
            match self.settings.api {
                ServiceNowApi::Table => {}
                ServiceNowApi::ImportSet => return self.import(notice).await,
                ServiceNowApi::Events => return self.raise(notice).await,
            }
            let facts = Facts::of(notice);
            let found = self.find(notice).await?;
            if let Some(record) = found.first() {
                // It is there if an earlier attempt, or an earlier life of this process, did not hear the answer.
                if record.has_note(notice) != Some(true) {
                    let mut fields = match notice.kind {
                        NoticeKind::Acknowledged | NoticeKind::Closed => Map::new(),
                        _ => self.grades(notice),
                    };
                    fields.insert("work_notes".into(), self.note(notice, &facts.plain_text()).into());
                    self.update(record, fields).await?;
                }
                return Ok(record.receipt());
            }
            self.create(notice, &facts).await?;
            let mut created = self.find(notice).await?.into_iter();
            let Some(first) = created.next() else {
                return Err(Failure::passing("the record was taken, but reading it back shows none"));
            };
            for younger in created {
                let text = format!("Made twice by a repeated delivery; {} is the one to work on.", first.number);
                let note = Map::from_iter([("work_notes".to_owned(), self.note(notice, &text).into())]);
                self.update(&younger, note).await?;
            }
            Ok(first.receipt())
        })
    }

    fn can_confirm(&self) -> bool {
        self.settings.api != ServiceNowApi::Events
    }

    fn confirm<'a>(&'a self, notice: &'a Notice) -> Answer<'a, Confirmation> {
        Box::pin(async move {
            if self.settings.api != ServiceNowApi::Table {
                return Ok(self.transformed.confirm(notice));
            }
            let found = self.find(notice).await?;
            let group_set =
                |record: &Record| self.settings.assignment_group.is_none() || !record.assignment_group.is_empty();
            Ok(match found.first() {
                Some(record)
                    if !record.short_description.is_empty()
                        && group_set(record)
                        && record.has_note(notice) != Some(false) =>
                {
                    Confirmation::Shown(record.receipt())
                }
                _ => Confirmation::NotYet,
            })
        })
    }

    fn probe(&self) -> Answer<'_, String> {
        Box::pin(async move {
            if self.settings.api == ServiceNowApi::Events {
                return self.raise_nothing().await;
            }
            let mut address = self.address("")?;
            address.query_pairs_mut().append_pair("sysparm_fields", "sys_id").append_pair("sysparm_limit", "1");
            self.succeed(Method::GET, address, "").await?;
            Ok(format!("the account may read table {}; writing was not tried", self.settings.table))
        })
    }

    fn secrets(&self) -> Vec<&Secret> {
        self.access.secrets()
    }
}

impl Record {
    fn of(json: &Value) -> Self {
        // A reference field is `{"link":…,"value":…}`, or `{"link":…,"display_value":…}` if display values were asked for.
        let text = |name: &str| {
            let field = &json[name];
            let text = field.as_str().or(field["display_value"].as_str()).or(field["value"].as_str());
            text.unwrap_or_default().to_owned()
        };
        Record {
            sys_id: text("sys_id"),
            number: text("number"),
            short_description: text("short_description"),
            assignment_group: text("assignment_group"),
            work_notes: json.get("work_notes").map(|_| text("work_notes")),
        }
    }

    /// `None`: not known.
    fn has_note(&self, notice: &Notice) -> Option<bool> {
        self.work_notes.as_ref().map(|notes| notes.contains(&note_mark(notice)))
    }

    fn receipt(&self) -> Receipt {
        Receipt(format!("{} (sys_id {})", self.number, self.sys_id))
    }
}

/// By this a repeat knows that the note has been written.
fn note_mark(notice: &Notice) -> String {
    format!("breachd notice {}", notice.id)
}

/// Text whose lines are already printable, cut, and with the tags undone by which a journal field would show it as HTML.
fn long_text(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('[') {
        let (before, bracket) = rest.split_at(at);
        plain.push_str(before);
        let is_tag = |tag: &str| bracket.get(..tag.len()).is_some_and(|start| start.eq_ignore_ascii_case(tag));
        plain.push_str(if is_tag("[code]") || is_tag("[/code]") { "[ " } else { "[" });
        rest = &bracket[1..];
    }
    plain.push_str(rest);
    if plain.chars().count() <= DESCRIPTION_CHARACTERS_MAX {
        return plain;
    }
    plain.chars().take(DESCRIPTION_CHARACTERS_MAX - 1).chain(['…']).collect()
}

/// `{"error":{"message":"…","detail":"…"},"status":"failure"}`
fn error_words(json: &Value) -> String {
    let words = ["message", "detail"].map(|name| json["error"][name].as_str().unwrap_or_default());
    words.into_iter().filter(|words| !words.is_empty()).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn journal_markup_is_undone() {
        assert_eq!(long_text("a [code]<b>x</b>[/CODE] [drill] [[code]"), "a [ code]<b>x</b>[ /CODE] [drill] [[ code]");
        assert_eq!(long_text(&"ü".repeat(5000)).chars().count(), DESCRIPTION_CHARACTERS_MAX);
        assert_eq!(long_text("[cod"), "[cod");
    }

    #[test]
    fn a_record_reads_with_and_without_display_values() {
        let shown = Record::of(&serde_json::json!({
            "sys_id": "abc", "number": "INC1", "assignment_group": { "link": "https://x", "display_value": "Privacy office" }
        }));
        assert_eq!((shown.number.as_str(), shown.assignment_group.as_str()), ("INC1", "Privacy office"));
        let stored = Record::of(&serde_json::json!({ "assignment_group": { "link": "https://x", "value": "f00" } }));
        assert_eq!(stored.assignment_group, "f00");
        assert_eq!(Record::of(&serde_json::json!({ "assignment_group": "" })).assignment_group, "");
    }

    #[test]
    fn an_errors_words_are_found() {
        let json = serde_json::json!({ "error": { "message": "User Not Authenticated", "detail": "Required to provide Auth" }, "status": "failure" });
        assert_eq!(error_words(&json), "User Not Authenticated; Required to provide Auth");
    }
}
