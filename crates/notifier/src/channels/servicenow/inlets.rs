//! The two other ways in: an import set, whose transform map is the customer's, and Event Management.
//!
//! Neither needs rights on the table where people work, and neither is looked at before it is written to: the map coalesces on
//! `correlation_id`, Event Management on `message_key`. So a repeat makes no second record and no second alert. What the
//! transform made of a row stands in the answer; it is kept until the confirmation asks for it, in memory: after a restart a
//! delivery stays accepted.

use super::{ServiceNow, long_text};
use crate::{
    channel::{Confirmation, Receipt},
    render::Facts,
    stages::classify::Failure,
};
use activity::{Timestamp, printable_within};
use detector::Severity;
use incident::{Notice, NoticeId, NoticeKind};
use reqwest::Method;
use serde_json::{Map, Value, json};
use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

/// Transformed rows that are remembered for their confirmation. Beyond: the oldest is forgotten, and stays accepted.
const TRANSFORMED_MAX: usize = 1000;
/// Columns of `em_event` as delivered, in characters. Beyond: cut.
const EVENT_COLUMN_CHARACTERS_MAX: usize = 100;

/// What transforms said, oldest first. Locked to look or to add, never across an exchange.
#[derive(Default)]
pub(super) struct Transformed(Mutex<VecDeque<(NoticeId, Receipt)>>);

impl Transformed {
    fn remember(&self, notice: &Notice, receipt: &Receipt) {
        let mut rows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if rows.len() >= TRANSFORMED_MAX {
            rows.pop_front();
        }
        rows.push_back((notice.id.clone(), receipt.clone()));
    }

    pub(super) fn confirm(&self, notice: &Notice) -> Confirmation {
        let rows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match rows.iter().find(|(id, _)| *id == notice.id) {
            Some((_, receipt)) => Confirmation::Shown(receipt.clone()),
            None => Confirmation::NotYet,
        }
    }
}

impl ServiceNow {
    /// One row for the staging table; what its transform map says of it decides.
    pub(super) async fn import(&self, notice: &Notice) -> Result<Receipt, Failure> {
        let row = Value::Object(self.row(notice, &Facts::of(notice))).to_string();
        let answered = self.succeed(Method::POST, self.below_instance(&self.import_path())?, &row).await?;
        let json = answered.json().ok_or_else(|| Failure::passing("the answer is no JSON: is the instance asleep?"))?;
        let receipt = transformed(&json)?;
        self.transformed.remember(notice, &receipt);
        Ok(receipt)
    }

    /// One event, by `jsonv2`. That it was taken does not say that an alert came of it: event rules decide that later.
    pub(super) async fn raise(&self, notice: &Notice) -> Result<Receipt, Failure> {
        let facts = Facts::of(notice);
        let message_key = self.correlation_id(notice);
        let details: Map<String, Value> =
            facts.rows.iter().map(|(name, words)| ((*name).to_owned(), words.clone().into())).collect();
        let details = json!({
            "notice": notice.id.to_string(),
            "kind": notice.kind.as_str(),
            "facts": details,
            "link": facts.link,
            "mode": if notice.drill.is_some() { "drill" } else { "live" },
        });
        let ends = notice.kind == NoticeKind::Closed;
        self.post_event(json!({
            "source": self.settings.source,
            "event_class": "breachd",
            "node": printable_within(&notice.subject.to_string(), EVENT_COLUMN_CHARACTERS_MAX),
            "type": "HR data",
            "resource": printable_within(&facts.incident, EVENT_COLUMN_CHARACTERS_MAX),
            "metric_name": notice.kind.as_str(),
            "message_key": message_key,
            "severity": if ends { "0" } else { grade(notice.severity) },
            "resolution_state": if ends { "Closing" } else { "New" },
            "time_of_event": instance_time(notice.decided_at),
            "description": long_text(&format!("{}\n{}", facts.subject_line(), facts.plain_text())),
            "additional_info": details.to_string(),
        }))
        .await?;
        Ok(Receipt(format!("message_key {message_key}")))
    }

    /// An event that clears what nothing raised: it makes no alert, and shows that the account may send.
    pub(super) async fn raise_nothing(&self) -> Result<String, Failure> {
        self.post_event(json!({
            "source": self.settings.source,
            "event_class": "breachd",
            "node": "breachd",
            "type": "test",
            "metric_name": "test",
            "message_key": format!("{}:test", self.settings.source),
            "severity": "0",
            "resolution_state": "Closing",
            "time_of_event": instance_time(self.http.now()),
            "description": "breachd tries out its way to Event Management. Nothing has happened.",
        }))
        .await?;
        Ok("the account may send events; one that clears nothing was sent".into())
    }

    pub(super) fn import_path(&self) -> String {
        format!("/api/now/import/{}", self.settings.table)
    }

    async fn post_event(&self, event: Value) -> Result<(), Failure> {
        let address = self.below_instance("/api/global/em/jsonv2")?;
        let answered = self.succeed(Method::POST, address, &json!({ "records": [event] }).to_string()).await?;
        // An instance that sleeps, or a log-in page on the way, answers 200 too.
        answered.json().map(|_| ()).ok_or_else(|| Failure::passing("the answer is no JSON: is the instance asleep?"))
    }

    /// The columns of a record, what tells a repeat (`notice`) and what tells a first notice from later ones (`notice_kind`).
    fn row(&self, notice: &Notice, facts: &Facts) -> Map<String, Value> {
        let mut row = self.new_record(notice, facts);
        if matches!(notice.kind, NoticeKind::Acknowledged | NoticeKind::Closed) {
            row.remove("impact");
            row.remove("urgency");
        }
        row.insert("work_notes".into(), self.note(notice, &facts.plain_text()).into());
        row.insert("notice".into(), notice.id.to_string().into());
        row.insert("notice_kind".into(), notice.kind.as_str().into());
        row
    }
}

/// `{"result":[{"status":"inserted","table":"incident","display_value":"INC1","sys_id":"…"}]}`: one per transform map. 201 says
/// only that the row was staged.
fn transformed(json: &Value) -> Result<Receipt, Failure> {
    let results = json["result"].as_array().ok_or_else(|| Failure::passing("the answer holds no result"))?;
    let text = |result: &Value, name: &str| result[name].as_str().unwrap_or_default().to_owned();
    let mut receipt = None;
    let mut ignored = None;
    for result in results {
        let said = ["error_message", "status_message"].map(|name| text(result, name));
        let said = said.into_iter().filter(|said| !said.is_empty()).collect::<Vec<_>>().join("; ");
        match text(result, "status").as_str() {
            "inserted" | "updated" => {
                let words = format!("{} (sys_id {})", text(result, "display_value"), text(result, "sys_id"));
                receipt.get_or_insert(Receipt(words));
            }
            "ignored" => ignored = Some(format!("the transform map ignored it: {said}")),
            "error" => return Err(Failure::refused(format!("the transform map failed: {said}"))),
            other => {
                let other = printable_within(other, 40);
                return Err(Failure::refused(format!("the transform map says `{other}`: {said}")));
            }
        }
    }
    receipt.ok_or_else(|| {
        Failure::refused(
            ignored.unwrap_or_else(|| "no transform map took it: is one active for this staging table?".into()),
        )
    })
}

/// Event Management's severity: 1 critical, 2 major, 3 minor, 4 warning.
const fn grade(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "1",
        Severity::High => "2",
        Severity::Medium => "3",
        Severity::Low => "4",
    }
}

/// `yyyy-MM-dd HH:mm:ss`, UTC.
fn instance_time(at: Timestamp) -> String {
    at.to_string().chars().take(19).map(|character| if character == 'T' { ' ' } else { character }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_transform_says_decides() {
        let verdict = |result: Value| transformed(&json!({ "result": result })).map_err(|failure| failure.reason);
        let inserted = json!({ "status": "inserted", "display_value": "INC1", "sys_id": "a" });
        assert_eq!(verdict(json!([inserted])), Ok(Receipt("INC1 (sys_id a)".into())));
        let ignored = json!({ "status": "ignored", "status_message": "by onBefore script" });
        assert_eq!(verdict(json!([ignored])), Err("the transform map ignored it: by onBefore script".into()));
        assert!(verdict(json!([ignored, inserted])).is_ok(), "another map took it");
        let failed = json!({ "status": "error", "error_message": "no such group" });
        assert_eq!(verdict(json!([inserted, failed])), Err("the transform map failed: no such group".into()));
        assert!(verdict(json!([])).is_err_and(|reason| reason.contains("no transform map")));
        assert!(transformed(&json!({})).is_err());
    }

    #[test]
    fn times_are_as_the_instance_writes_them() {
        assert_eq!(instance_time(Timestamp::from_millis(1_649_367_553_250)), "2022-04-07 21:39:13");
    }
}
