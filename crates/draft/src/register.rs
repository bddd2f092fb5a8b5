//! The register of breaches (GDPR Art. 33(5)): of each incident its facts, its effects and the remedial action taken, whether or not
//! anybody outside had to be told.
//!
//! An entry is made from what the casebook and its drafts hold when the register is asked for; it is not kept a second time. What nobody
//! wrote is empty and listed under `open`.

use crate::Count;
use activity::Timestamp;
use serde_json::{Value, json};

/// One incident in the register.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Such as `INC-7`.
    pub reference: String,
    pub opened_at: Timestamp,
    pub closed_at: Option<Timestamp>,
    /// `breach`, `not_a_breach`, `undecided`.
    pub verdict: String,
    pub verdict_by: String,
    pub verdict_because: String,
    pub aware_at: Option<Timestamp>,
    /// Event time.
    pub first_seen_at: Timestamp,
    pub last_seen_at: Timestamp,
    /// Classes of data.
    pub classes: Vec<String>,
    pub people: Count,
    pub people_reason: String,
    pub records: Count,
    pub records_reason: String,
    pub facts: String,
    pub effects: String,
    pub remedial: String,
    pub obligations: Vec<Register>,
}

/// What became of one obligation to tell.
#[derive(Clone, Debug, PartialEq)]
pub struct Register {
    pub obligation: String,
    pub name: String,
    pub due_at: Option<Timestamp>,
    /// `running`, `met`, `not_required`, `withdrawn`.
    pub state: String,
    /// When it ended, or its recipient was told.
    pub at: Option<Timestamp>,
    pub by: String,
    pub because: String,
    /// The last version of its document that was sent: number and SHA-256 of its text.
    pub sent: Option<(u32, String)>,
}

/// The columns of the CSV, in their order.
const COLUMNS: [&str; 21] = [
    "reference",
    "opened_at",
    "closed_at",
    "verdict",
    "verdict_by",
    "verdict_because",
    "aware_at",
    "first_seen_at",
    "last_seen_at",
    "data_classes",
    "people_at_least",
    "people_at_most",
    "people_reason",
    "records_at_least",
    "records_at_most",
    "records_reason",
    "facts",
    "effects",
    "remedial_action",
    "obligations",
    "open",
];

impl Entry {
    /// What is missing in it.
    pub fn open(&self) -> Vec<&'static str> {
        let missing = [
            ("verdict", self.verdict == "undecided"),
            ("facts", self.facts.is_empty()),
            ("effects", self.effects.is_empty()),
            ("remedial_action", self.remedial.is_empty()),
            ("people", !self.people.is_known()),
            ("records", !self.records.is_known()),
        ];
        missing.into_iter().filter(|(_, is_missing)| *is_missing).map(|(name, _)| name).collect()
    }

    /// One line of JSON, without a line break.
    pub fn json(&self) -> String {
        let count =
            |count: &Count, reason: &str| json!({ "at_least": count.lower, "at_most": count.upper, "reason": reason });
        let obligation = |of: &Register| {
            json!({
                "obligation": of.obligation, "name": of.name, "due_at": time(of.due_at), "state": of.state, "at": time(of.at),
                "by": of.by, "because": of.because,
                "sent": of.sent.as_ref().map(|(version, sha256)| json!({ "version": version, "sha256": sha256 })),
            })
        };
        let all = json!({
            "reference": self.reference,
            "opened_at": time(Some(self.opened_at)),
            "closed_at": time(self.closed_at),
            "verdict": self.verdict,
            "verdict_by": self.verdict_by,
            "verdict_because": self.verdict_because,
            "aware_at": time(self.aware_at),
            "first_seen_at": time(Some(self.first_seen_at)),
            "last_seen_at": time(Some(self.last_seen_at)),
            "data_classes": self.classes,
            "people": count(&self.people, &self.people_reason),
            "records": count(&self.records, &self.records_reason),
            "facts": self.facts,
            "effects": self.effects,
            "remedial_action": self.remedial,
            "obligations": self.obligations.iter().map(obligation).collect::<Vec<_>>(),
            "open": self.open(),
        });
        all.to_string()
    }

    /// The CSV's first line, with its line break.
    pub fn csv_header() -> String {
        format!("{}\r\n", COLUMNS.join(","))
    }

    /// One row, with its line break (RFC 4180).
    pub fn csv(&self) -> String {
        let when = |at: Option<Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
        let upper = |count: &Count| count.upper.map(|upper| upper.to_string()).unwrap_or_default();
        let obligations: Vec<String> = self
            .obligations
            .iter()
            .map(|of| {
                let at = of.at.map_or_else(String::new, |at| format!(" {at}"));
                format!("{}: {}{at}", of.obligation, of.state)
            })
            .collect();
        let cells: [String; COLUMNS.len()] = [
            self.reference.clone(),
            when(Some(self.opened_at)),
            when(self.closed_at),
            self.verdict.clone(),
            self.verdict_by.clone(),
            self.verdict_because.clone(),
            when(self.aware_at),
            when(Some(self.first_seen_at)),
            when(Some(self.last_seen_at)),
            self.classes.join("; "),
            self.people.lower.to_string(),
            upper(&self.people),
            self.people_reason.clone(),
            self.records.lower.to_string(),
            upper(&self.records),
            self.records_reason.clone(),
            self.facts.clone(),
            self.effects.clone(),
            self.remedial.clone(),
            obligations.join("; "),
            self.open().join("; "),
        ];
        format!("{}\r\n", cells.map(|text| cell(&text)).join(","))
    }
}

fn time(at: Option<Timestamp>) -> Value {
    at.map_or(Value::Null, |at| Value::String(at.to_string()))
}

/// A spreadsheet takes a cell that begins with one of these for a formula: what somebody wrote must not be one.
fn cell(text: &str) -> String {
    let formula = text.trim_start().starts_with(['=', '+', '-', '@']);
    let text = if formula { format!("'{text}") } else { text.to_owned() };
    if text.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::KnownBy;

    fn entry() -> Entry {
        let at: Timestamp = "2026-03-02T21:00:00Z".parse().unwrap();
        Entry {
            reference: "INC-7".into(),
            opened_at: at,
            closed_at: None,
            verdict: "breach".into(),
            verdict_by: "Ada".into(),
            verdict_because: "=HYPERLINK(\"x\"), really".into(),
            aware_at: Some(at),
            first_seen_at: at,
            last_seen_at: at,
            classes: vec!["hr".into(), "payment".into()],
            people: Count { lower: 3, lower_by: KnownBy::Ids, upper: None, upper_by: KnownBy::Nothing },
            people_reason: "different numbers".into(),
            records: Count::UNKNOWN,
            records_reason: String::new(),
            facts: "one\ntwo".into(),
            effects: String::new(),
            remedial: "closed the account".into(),
            obligations: vec![Register {
                obligation: "eu-gdpr-33-authority".into(),
                name: "GDPR Art. 33".into(),
                due_at: Some(at),
                state: "met".into(),
                at: Some(at),
                by: "Ada".into(),
                because: "sent".into(),
                sent: Some((2, "ab".into())),
            }],
        }
    }

    #[test]
    fn a_row_has_a_cell_for_each_column_and_is_no_formula() {
        let header = Entry::csv_header();
        assert_eq!(header.trim_end().split(',').count(), COLUMNS.len());
        let row = entry().csv();
        assert!(row.contains("\"'=HYPERLINK(\"\"x\"\"), really\""), "{row}");
        assert!(row.contains("\"one\ntwo\"") && row.contains(",3,,different numbers,0,,,"), "{row}");
        assert!(row.ends_with(",eu-gdpr-33-authority: met 2026-03-02T21:00:00Z,effects; records\r\n"), "{row}");
    }

    #[test]
    fn json_says_what_is_open() {
        let line = entry().json();
        assert!(!line.contains('\n'));
        let value: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["open"], json!(["effects", "records"]));
        assert_eq!(value["people"], json!({ "at_least": 3, "at_most": null, "reason": "different numbers" }));
        assert_eq!(value["obligations"][0]["sent"], json!({ "version": 2, "sha256": "ab" }));
    }
}
