//! ServiceNow's Table API, as far as a ticket needs it, and a client that looks after it: PySNC, which others wrote for the
//! real one, reads and writes records here.
//!
//! Like the real one: nothing is unique but `sys_id`, unknown fields and unknown groups are dropped without a word, every
//! value is a string, too long text is cut, priority follows from impact and urgency, and work notes can be read only as
//! display values. Stricter in one thing: a query that it does not understand is refused, where the real one may answer with everything.

mod inlets;
mod tokens;

use self::tokens::Tokens;
use super::{
    Base, Sandbox,
    http::{self, Asked, Said},
    short,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};
use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, PoisonError},
};

/// Fields that exist, and how many characters fit.
const FIELDS: [(&str, usize); 11] = [
    ("short_description", 160),
    ("description", 4000),
    ("impact", 1),
    ("urgency", 1),
    ("category", 40),
    ("subcategory", 40),
    ("correlation_id", 100),
    ("correlation_display", 100),
    ("assignment_group", 40),
    ("contact_type", 40),
    ("state", 2),
];

#[derive(Debug)]
pub struct ServiceNowSandbox {
    base: Base,
    records: Arc<Mutex<Vec<Record>>>,
    tokens: Arc<Mutex<Tokens>>,
    events: Arc<Mutex<Vec<Map<String, Value>>>>,
}

#[derive(Clone, Debug, Default)]
struct Record {
    fields: BTreeMap<String, String>,
    work_notes: Vec<String>,
}

impl ServiceNowSandbox {
    /// Knows one account, one table and one assignment group. The account's name and password are also an OAuth client's id and
    /// secret. Rows of the staging table `u_breachd` are transformed into records; events are taken.
    pub async fn start(user: &str, password: &str, table: &str, group: &str) -> io::Result<Self> {
        let records: Arc<Mutex<Vec<Record>>> = Arc::default();
        let desk = Desk {
            authorization: format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))),
            path: format!("/api/now/table/{table}"),
            group: group.to_owned(),
        };
        let tokens: Arc<Mutex<Tokens>> = Arc::default();
        let events: Arc<Mutex<Vec<Map<String, Value>>>> = Arc::default();
        let (shared, issued, taken) = (records.clone(), tokens.clone(), events.clone());
        let (client_id, client_secret) = (user.to_owned(), password.to_owned());
        let base = http::serve("servicenow", move |asked| {
            let mut tokens = issued.lock().unwrap_or_else(PoisonError::into_inner);
            if asked.path == "/oauth_token.do" {
                return tokens.answer(asked, &client_id, &client_secret);
            }
            let authorization = asked.header("authorization");
            if authorization != desk.authorization && !tokens.admits(authorization) {
                return error(401, "User Not Authenticated", "Required to provide Auth information");
            }
            if asked.path == inlets::EVENTS_PATH {
                return inlets::events(&mut taken.lock().unwrap_or_else(PoisonError::into_inner), asked);
            }
            let mut records = shared.lock().unwrap_or_else(PoisonError::into_inner);
            match (asked.path.strip_prefix("/api/now/import/"), asked.path.strip_prefix("/api/now/table/")) {
                (Some(inlets::STAGING_TABLE), _) => inlets::import(&mut records, &desk.group, asked),
                (_, Some(inlets::STAGING_TABLE)) if asked.method == "GET" => Said::json(200, &json!({ "result": [] })),
                _ => desk.answer(&mut records, asked),
            }
        })
        .await?;
        Ok(ServiceNowSandbox { base, records, tokens, events })
    }

    /// For `instance` of the channel.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port())
    }

    /// Access tokens handed out so far.
    pub fn n_tokens(&self) -> usize {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner).n_issued
    }

    /// No token that was handed out is taken any more.
    pub fn withdraw_tokens(&self) {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner).withdraw();
    }

    /// Every event that was taken, oldest first.
    pub fn events(&self) -> Vec<Map<String, Value>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Someone closes the record of this index.
    pub fn close(&self, index: usize) {
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(record) = records.get_mut(index) {
            record.fields.insert("state".into(), "7".into());
        }
    }

    /// The fields of every record, oldest first; `work_notes` holds the notes, newest first, between blank lines.
    pub fn records(&self) -> Vec<BTreeMap<String, String>> {
        let records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        let with_notes = |record: &Record| {
            let mut fields = record.fields.clone();
            fields.insert("work_notes".into(), record.journal());
            fields
        };
        records.iter().map(with_notes).collect()
    }

    /// People write this many long work notes on the record of this index.
    pub fn chatter(&self, index: usize, n_notes: usize) {
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(record) = records.get_mut(index) {
            record.work_notes.extend(std::iter::repeat_n("word ".repeat(400), n_notes));
        }
    }

    /// Makes a record behind everyone's back, as a second sender in the same moment would.
    pub fn plant(&self, correlation_id: &str) {
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        let mut record = Record::numbered(records.len());
        record.fields.insert("correlation_id".into(), correlation_id.into());
        records.push(record);
    }
}

impl Sandbox for ServiceNowSandbox {
    fn base(&self) -> &Base {
        &self.base
    }
}

struct Desk {
    authorization: String,
    path: String,
    group: String,
}

impl Desk {
    fn answer(&self, records: &mut Vec<Record>, asked: &Asked) -> Said {
        let Some(below) = asked.path.strip_prefix(&self.path) else {
            return error(400, "Invalid table", "");
        };
        let sys_id = below.strip_prefix('/');
        let of_one = |record: &Record| record.field("sys_id") == sys_id.unwrap_or_default();
        match (asked.method.as_str(), sys_id) {
            ("GET", None) => list(records, asked),
            ("GET", Some(_)) => match records.iter().find(|record| of_one(record)) {
                Some(record) => Said::json(200, &json!({ "result": record.shown(&named(asked), View::of(asked)) })),
                None => nowhere(),
            },
            ("DELETE", Some(_)) => {
                let n_before = records.len();
                records.retain(|record| !of_one(record));
                if records.len() < n_before { Said { status: 204, ..Said::default() } } else { nowhere() }
            }
            ("POST", None) => self.write(asked, |fields| {
                let mut record = Record::numbered(records.len());
                record.set(fields, &self.group);
                records.push(record.clone());
                Ok((201, record))
            }),
            ("PATCH" | "PUT", Some(_)) => self.write(asked, |fields| {
                let record = records.iter_mut().find(|record| of_one(record)).ok_or(())?;
                record.set(fields, &self.group);
                Ok((200, record.clone()))
            }),
            _ => error(405, "Method not allowed", ""),
        }
    }

    fn write(&self, asked: &Asked, write: impl FnOnce(&Map<String, Value>) -> Result<(u16, Record), ()>) -> Said {
        if !asked.header("content-type").starts_with("application/json") {
            return error(415, "Unsupported Media Type", "");
        }
        let Ok(Value::Object(fields)) = serde_json::from_slice(&asked.body) else {
            return error(400, "Exception while reading request", "The payload is not valid JSON.");
        };
        match write(&fields) {
            Err(()) => nowhere(),
            Ok((status, record)) => {
                let verb = if status == 201 { "created" } else { "updated" };
                let line = format!("{} {verb}: {}", record.fields["number"], record.field("short_description"));
                let location = format!("{}/{}", self.path, record.fields["sys_id"]);
                let mut said = Said::json(status, &json!({ "result": record.shown(&[], View::of(asked)) }));
                said.headers.push(("location", location));
                said.about(record.field("correlation_id"), short(&line))
            }
        }
    }
}

/// `sysparm_display_value`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum View {
    Values,
    Displayed,
    All,
}

impl View {
    fn of(asked: &Asked) -> View {
        match parameter(asked, "sysparm_display_value") {
            "true" => View::Displayed,
            "all" => View::All,
            _ => View::Values,
        }
    }
}

fn parameter<'a>(asked: &'a Asked, name: &str) -> &'a str {
    asked.query.get(name).map(String::as_str).unwrap_or_default()
}

/// `sysparm_fields`; empty: all.
fn named(asked: &Asked) -> Vec<&str> {
    parameter(asked, "sysparm_fields").split(',').filter(|name| !name.is_empty()).collect()
}

fn list(records: &[Record], asked: &Asked) -> Said {
    let parts = parameter(asked, "sysparm_query").split('^').filter(|part| !part.is_empty());
    let (orders, conditions): (Vec<&str>, Vec<&str>) = parts.partition(|part| part.starts_with("ORDERBY"));
    let Some(conditions) = conditions.iter().map(|part| condition(part)).collect::<Option<Vec<_>>>() else {
        return error(400, "Invalid query", "A condition has no operator that is known here.");
    };
    let meets =
        |record: &&Record| conditions.iter().all(|(name, holds, value)| holds(record.field(name).as_str(), value));
    let mut found: Vec<&Record> = records.iter().filter(meets).collect();
    for order in orders.iter().rev() {
        match order.strip_prefix("ORDERBYDESC") {
            Some(name) => found.sort_by_key(|record| std::cmp::Reverse(record.field(name))),
            None => found.sort_by_key(|record| record.field(&order["ORDERBY".len()..])),
        }
    }
    let number = |name: &str, otherwise| parameter(asked, name).parse().unwrap_or(otherwise);
    let total = found.len().to_string();
    let page = found.into_iter().skip(number("sysparm_offset", 0)).take(number("sysparm_limit", 10_000));
    let page: Vec<Value> = page.map(|record| record.shown(&named(asked), View::of(asked))).collect();
    let mut said = Said::json(200, &json!({ "result": page }));
    said.headers.push(("x-total-count", total));
    said
}

type Holds = fn(&str, &str) -> bool;

/// `nameOPERATORvalue`.
fn condition(part: &str) -> Option<(&str, Holds, &str)> {
    let operators: [(&str, Holds); 4] = [
        ("!=", |field, value| field != value),
        ("=", |field, value| field == value),
        ("STARTSWITH", |field, value| field.starts_with(value)),
        ("LIKE", |field, value| field.contains(value)),
    ];
    let first = operators.into_iter().filter_map(|(operator, holds)| Some((part.find(operator)?, operator, holds)));
    let (at, operator, holds) = first.min_by_key(|(at, ..)| *at)?;
    Some((&part[..at], holds, &part[at + operator.len()..]))
}

impl Record {
    fn numbered(n_before: usize) -> Self {
        let number = n_before + 1;
        let fields =
            [("sys_id", format!("{number:032x}")), ("number", format!("INC{number:07}")), ("state", "1".into())];
        Record {
            fields: fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            work_notes: Vec::new(),
        }
    }

    fn field(&self, name: &str) -> String {
        self.fields.get(name).cloned().unwrap_or_default()
    }

    fn set(&mut self, fields: &Map<String, Value>, group: &str) {
        for (name, value) in fields {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            if name == "work_notes" && !text.is_empty() {
                self.work_notes.push(text.chars().take(4000).collect());
            } else if let Some((_, characters)) = FIELDS.iter().find(|(known, _)| known == name) {
                let dropped = name == "assignment_group" && text != group;
                let text = if dropped { String::new() } else { text.chars().take(*characters).collect() };
                self.fields.insert(name.clone(), text);
            }
        }
        // 1 by 1 is 1, 3 by 3 is 5, and each step adds one.
        let grade =
            |name: &str| self.field(name).parse::<u8>().ok().filter(|grade| (1..=3).contains(grade)).unwrap_or(3);
        let priority = grade("impact") + grade("urgency") - 1;
        self.fields.insert("priority".into(), priority.to_string());
    }

    fn journal(&self) -> String {
        let notes: Vec<String> =
            self.work_notes.iter().rev().map(|note| format!("breachd (Work notes)\n{note}\n")).collect();
        notes.join("\n")
    }

    fn shown(&self, names: &[&str], view: View) -> Value {
        let fields = self.fields.iter().map(|(name, value)| (name.as_str(), value.clone(), value.clone()));
        let notes = ("work_notes", String::new(), self.journal());
        let wanted = |name: &str| names.is_empty() || names.contains(&name);
        let shown = fields.chain([notes]).filter(|(name, ..)| wanted(name)).map(|(name, value, displayed)| {
            let is_reference = name == "assignment_group" && !value.is_empty();
            let value = match view {
                View::Values if is_reference => json!({ "link": "x", "value": value }),
                View::Displayed if is_reference => json!({ "link": "x", "display_value": displayed }),
                View::Values => value.into(),
                View::Displayed => displayed.into(),
                View::All => json!({ "value": value, "display_value": displayed }),
            };
            (name.to_owned(), value)
        });
        Value::Object(shown.collect())
    }
}

fn nowhere() -> Said {
    error(404, "No Record found", "Record doesn't exist or ACL restricts the record retrieval")
}

fn error(status: u16, message: &str, detail: &str) -> Said {
    Said::json(status, &json!({ "error": { "message": message, "detail": detail }, "status": "failure" }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(json: Value) -> Map<String, Value> {
        json.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn drops_without_a_word_what_it_does_not_know() {
        let mut record = Record::numbered(0);
        record.set(
            &fields(json!({ "nonsense": "x", "assignment_group": "Nobody", "impact": 1, "urgency": "1" })),
            "Privacy office",
        );
        assert_eq!(record.field("nonsense"), "");
        assert_eq!(record.field("assignment_group"), "");
        assert_eq!((record.field("impact").as_str(), record.field("priority").as_str()), ("1", "1"));
    }

    #[test]
    fn conditions_are_taken_at_their_first_operator() {
        let holds = |part: &str, field: &str| {
            condition(part).map(|(name, holds, value)| (name.to_owned(), holds(field, value)))
        };
        assert_eq!(holds("state!=7", "7"), Some(("state".into(), false)));
        assert_eq!(holds("correlation_id=a=b", "a=b"), Some(("correlation_id".into(), true)));
        assert_eq!(holds("short_descriptionLIKEpayroll", "read payroll"), Some(("short_description".into(), true)));
        assert_eq!(holds("numberSTARTSWITHINC", "TASK1"), Some(("number".into(), false)));
        assert!(condition("stateISEMPTY").is_none());
    }

    #[test]
    fn work_notes_show_as_display_values_only() {
        let mut record = Record::numbered(0);
        record.set(&fields(json!({ "work_notes": "first" })), "");
        record.set(&fields(json!({ "work_notes": "second" })), "");
        assert_eq!(record.shown(&["work_notes"], View::Values), json!({ "work_notes": "" }));
        let shown = record.shown(&[], View::Displayed)["work_notes"].as_str().unwrap_or_default().to_owned();
        assert!(shown.find("second") < shown.find("first"));
    }
}
