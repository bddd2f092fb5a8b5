//! An import set with a transform map that coalesces on `correlation_id`, and Event Management's `jsonv2`.

use super::{Record, error};
use crate::sandbox::{
    http::{Asked, Said},
    short,
};
use serde_json::{Map, Value, json};

/// The one staging table.
pub(super) const STAGING_TABLE: &str = "u_breachd";

/// Where events go.
pub(super) const EVENTS_PATH: &str = "/api/global/em/jsonv2";

/// Stages a row and transforms it. A group that does not exist is an error of the transform here, and a closed record ignores.
pub(super) fn import(records: &mut Vec<Record>, group: &str, asked: &Asked) -> Said {
    let row = match object(asked) {
        Ok(row) => row,
        Err(said) => return said,
    };
    let text = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default();
    let answer = |result: Value| {
        Said::json(201, &json!({ "import_set": "ISET0010001", "staging_table": STAGING_TABLE, "result": [result] }))
    };
    let correlation_id = text("correlation_id").to_owned();
    if correlation_id.is_empty() {
        return answer(
            json!({ "transform_map": "breachd", "status": "error", "error_message": "nothing to coalesce on" }),
        );
    }
    if !["", group].contains(&text("assignment_group")) {
        return answer(
            json!({ "transform_map": "breachd", "status": "error", "error_message": "assignment_group: no such reference" }),
        );
    }
    let at = records.iter().position(|record| record.field("correlation_id") == correlation_id);
    let at = at.unwrap_or_else(|| {
        records.push(Record::numbered(records.len()));
        records.len() - 1
    });
    let status = if records[at].field("correlation_id").is_empty() { "inserted" } else { "updated" };
    if records[at].field("state") == "7" {
        return answer(
            json!({ "transform_map": "breachd", "status": "ignored", "status_message": "the record is closed" }),
        );
    }
    // The map writes a note only if its notice is not there yet.
    let mut row = row.clone();
    let mark = text("notice").to_owned();
    if records[at].journal().contains(&mark) {
        row.remove("work_notes");
    }
    records[at].set(&row, group);
    let line = format!("{} {status}: {}", records[at].field("number"), records[at].field("short_description"));
    let result = json!({
        "transform_map": "breachd", "table": "incident", "display_name": "number", "status": status,
        "display_value": records[at].field("number"), "sys_id": records[at].field("sys_id"),
    });
    answer(result).about(correlation_id, short(&line))
}

/// Strict: every column of an event is a string, `additional_info` holds JSON, severity is 0 to 5.
pub(super) fn events(taken: &mut Vec<Map<String, Value>>, asked: &Asked) -> Said {
    let unfit = |detail: &str| error(400, "Invalid event", detail);
    let body = match object(asked) {
        Ok(body) => body,
        Err(said) => return said,
    };
    let Some([Value::Object(event)]) = body.get("records").and_then(Value::as_array).map(Vec::as_slice) else {
        return unfit("records: one object is expected");
    };
    let text = |name: &str| event.get(name).and_then(Value::as_str).unwrap_or_default();
    if event.values().any(|value| !value.is_string()) {
        return unfit("every column is a string");
    }
    if ["source", "node", "type", "metric_name", "message_key", "time_of_event"]
        .iter()
        .any(|name| text(name).is_empty())
    {
        return unfit("a column is missing");
    }
    if !["0", "1", "2", "3", "4", "5"].contains(&text("severity"))
        || !["New", "Closing"].contains(&text("resolution_state"))
    {
        return unfit("severity is 0 to 5, resolution_state New or Closing");
    }
    if !text("additional_info").is_empty()
        && serde_json::from_str::<Map<String, Value>>(text("additional_info")).is_err()
    {
        return unfit("additional_info is no JSON object in a string");
    }
    let first_line = text("description").lines().next().unwrap_or_default().to_owned();
    let (key, line) = (text("message_key").to_owned(), format!("severity {}: {first_line}", text("severity")));
    taken.push(event.clone());
    Said::json(200, &json!({ "result": { "Default Bulk Endpoint": "1 events were inserted" } }))
        .about(key, short(&line))
}

fn object(asked: &Asked) -> Result<Map<String, Value>, Said> {
    if asked.method != "POST" {
        return Err(error(405, "Method not allowed", ""));
    }
    if !asked.header("content-type").starts_with("application/json") {
        return Err(error(415, "Unsupported Media Type", ""));
    }
    match serde_json::from_slice(&asked.body) {
        Ok(Value::Object(body)) => Ok(body),
        _ => Err(error(400, "Exception while reading request", "The payload is not valid JSON.")),
    }
}
