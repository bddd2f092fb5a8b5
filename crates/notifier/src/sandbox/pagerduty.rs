//! PagerDuty's Events API v2, with change events, and of its REST API the look-up of incidents by key.
//!
//! Stateful as the service is: a trigger joins an open alert of the same key and opens a new one after a resolve;
//! acknowledging or resolving what is not open is answered 202 and dropped.

use super::{
    Base, Sandbox,
    http::{self, Asked, Said},
    short,
};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

const EVENT_BYTES_MAX: usize = 512_000;
const SUMMARY_CHARACTERS_MAX: usize = 1024;
const DEDUP_KEY_CHARACTERS_MAX: usize = 255;

#[derive(Debug)]
pub struct PagerDutySandbox {
    base: Base,
    state: Arc<Mutex<State>>,
}

/// The latest alert of a dedup key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenAlert {
    /// `triggered`, `acknowledged` or `resolved`.
    pub status: &'static str,
    pub summary: String,
    /// Triggers that joined it.
    pub triggers: u32,
    /// Times a person was notified: a trigger that joins notifies nobody.
    pub notified: u32,
    /// Alerts this key has had.
    pub generation: u32,
}

#[derive(Debug, Default)]
struct State {
    alerts: BTreeMap<String, OpenAlert>,
    changes: Vec<Value>,
    muted: bool,
    generated: u32,
}

impl PagerDutySandbox {
    /// Takes events with this routing key (32 characters) and look-ups with this token.
    pub async fn start(routing_key: &str, api_token: &str) -> io::Result<Self> {
        let state = Arc::new(Mutex::new(State::default()));
        let (shared, routing_key, api_token) = (state.clone(), routing_key.to_owned(), api_token.to_owned());
        let base = http::serve("pagerduty", move |asked| {
            let mut state = shared.lock().unwrap_or_else(PoisonError::into_inner);
            match (asked.method.as_str(), asked.path.as_str()) {
                ("POST", "/v2/enqueue") => enqueue(&mut state, asked, &routing_key),
                ("POST", "/v2/change/enqueue") => take_change(&mut state, asked, &routing_key),
                ("GET", "/incidents") => incidents(&state, asked, &api_token),
                _ => Said::json(404, &json!({ "error": { "message": "Not Found", "code": 2100 } })),
            }
        })
        .await?;
        Ok(PagerDutySandbox { base, state })
    }

    /// For `url` of the channel.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port())
    }

    pub fn alert(&self, dedup_key: &str) -> Option<OpenAlert> {
        self.lock().alerts.get(dedup_key).cloned()
    }

    pub fn alerts(&self) -> BTreeMap<String, OpenAlert> {
        self.lock().alerts.clone()
    }

    /// Change events, oldest first.
    pub fn changes(&self) -> Vec<Value> {
        self.lock().changes.clone()
    }

    /// From now on events are accepted and open nothing, as in a maintenance window.
    pub fn mute(&self) {
        self.lock().muted = true;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sandbox for PagerDutySandbox {
    fn base(&self) -> &Base {
        &self.base
    }
}

fn enqueue(state: &mut State, asked: &Asked, routing_key: &str) -> Said {
    if asked.body.len() > EVENT_BYTES_MAX {
        return Said::json(
            413,
            &json!({ "status": "invalid event", "message": "Event object is too large", "errors": [] }),
        );
    }
    let Ok(Value::Object(event)) = serde_json::from_slice::<Value>(&asked.body) else {
        let body = json!({ "status": "Unrecognized object", "message": "Event object format is unrecognized", "errors": ["JSON parse error"] });
        return Said::json(400, &body).about("?", "no JSON object");
    };
    let event = Value::Object(event);
    let errors = mistakes(&event, routing_key);
    let key = event["dedup_key"].as_str().unwrap_or_default().to_owned();
    let action = event["event_action"].as_str().unwrap_or_default();
    let summary = event["payload"]["summary"].as_str().unwrap_or_default();
    let about = short(&format!("{action} {summary}"));
    if !errors.is_empty() {
        let body = json!({ "status": "invalid event", "message": "Event object is invalid", "errors": errors });
        return Said::json(400, &body).about(if key.is_empty() { "?".into() } else { key }, about);
    }
    let key = if key.is_empty() {
        state.generated += 1;
        format!("generated-{}", state.generated)
    } else {
        key
    };
    if !state.muted {
        apply(state, &key, action, summary);
    }
    let body = json!({ "status": "success", "message": "Event processed", "dedup_key": key });
    Said::json(202, &body).about(key, about)
}

/// Strict: nothing but what a change event has, and nothing that belongs to an alert.
fn take_change(state: &mut State, asked: &Asked, routing_key: &str) -> Said {
    let event: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
    let payload = &event["payload"];
    let summary = payload["summary"].as_str().unwrap_or_default();
    let is_known = |value: &Value, known: &[&str]| {
        value.as_object().is_some_and(|fields| fields.keys().all(|name| known.contains(&name.as_str())))
    };
    let is_fit = event["routing_key"] == routing_key
        && is_known(&event, &["routing_key", "payload", "links", "images"])
        && is_known(payload, &["summary", "source", "timestamp", "custom_details"])
        && (1..=SUMMARY_CHARACTERS_MAX).contains(&summary.chars().count())
        && asked.body.len() <= EVENT_BYTES_MAX;
    if !is_fit {
        let body = json!({ "status": "invalid event", "message": "Change event object is invalid", "errors": [] });
        return Said::json(400, &body).about("?", "an unfit change event");
    }
    let about = short(&format!("change {summary}"));
    state.changes.push(event);
    Said::json(202, &json!({ "status": "success", "message": "Change event processed" })).about("change", about)
}

fn apply(state: &mut State, key: &str, action: &str, summary: &str) {
    let open = state.alerts.get_mut(key).filter(|alert| alert.status != "resolved");
    match (action, open) {
        ("trigger", Some(alert)) => {
            alert.triggers += 1;
            alert.summary = summary.into();
        }
        ("trigger", None) => {
            let generation = state.alerts.get(key).map_or(0, |alert| alert.generation) + 1;
            let alert =
                OpenAlert { status: "triggered", summary: summary.into(), triggers: 1, notified: 1, generation };
            state.alerts.insert(key.to_owned(), alert);
        }
        ("acknowledge", Some(alert)) => alert.status = "acknowledged",
        ("resolve", Some(alert)) => alert.status = "resolved",
        _ => {}
    }
}

fn mistakes(event: &Value, routing_key: &str) -> Vec<String> {
    let mut errors = Vec::new();
    let characters = |value: &Value| value.as_str().map(|text| text.chars().count());
    match event["routing_key"].as_str() {
        None => errors.push("'routing_key' is missing or blank".into()),
        Some(key) if key.chars().count() != 32 => errors.push("'routing_key' must be 32 characters long".into()),
        Some(key) if key != routing_key => errors.push("Invalid routing key".into()),
        Some(_) => {}
    }
    let action = event["event_action"].as_str().unwrap_or_default();
    if !["trigger", "acknowledge", "resolve"].contains(&action) {
        errors.push("'event_action' is not one of trigger, acknowledge, resolve".into());
    }
    match characters(&event["dedup_key"]) {
        Some(length) if length > DEDUP_KEY_CHARACTERS_MAX => {
            errors.push(format!("'dedup_key' is too long (maximum is {DEDUP_KEY_CHARACTERS_MAX} characters)"));
        }
        None if action != "trigger" || !event["dedup_key"].is_null() => {
            errors.push("'dedup_key' is missing or blank".into())
        }
        _ => {}
    }
    let payload = &event["payload"];
    if action == "trigger" && !payload.is_object() {
        errors.push("'payload' is missing or blank".into());
    } else if payload.is_object() {
        match characters(&payload["summary"]) {
            None | Some(0) => errors.push("'payload.summary' is missing or blank".into()),
            Some(length) if length > SUMMARY_CHARACTERS_MAX => {
                errors.push(format!("'summary' is too long (maximum is {SUMMARY_CHARACTERS_MAX} characters)"));
            }
            Some(_) => {}
        }
        if characters(&payload["source"]).is_none_or(|length| length == 0) {
            errors.push("'payload.source' is missing or blank".into());
        }
        if !payload["severity"].as_str().is_some_and(|name| ["critical", "error", "warning", "info"].contains(&name)) {
            errors.push("'payload.severity' is invalid (must be one of the following: 'critical', 'warning', 'error' or 'info')".into());
        }
        let is_time = |text: &str| text.parse::<activity::Timestamp>().is_ok();
        if !payload["timestamp"].is_null() && !payload["timestamp"].as_str().is_some_and(is_time) {
            errors.push("'payload.timestamp' is not an ISO 8601 time".into());
        }
        for name in ["component", "group", "class"] {
            if !(payload[name].is_null() || payload[name].is_string()) {
                errors.push(format!("'payload.{name}' is not a string"));
            }
        }
        if !(payload["custom_details"].is_null() || payload["custom_details"].is_object()) {
            errors.push("'payload.custom_details' is not an object".into());
        }
    }
    let list = |name: &str| event[name].as_array().cloned().unwrap_or_default();
    if list("links").iter().any(|link| !link["href"].is_string())
        || !(event["links"].is_null() || event["links"].is_array())
    {
        errors.push("'links' need an 'href' each".into());
    }
    if list("images").iter().any(|image| !image["src"].as_str().is_some_and(|src| src.starts_with("https://"))) {
        errors.push("'images' need an https 'src' each".into());
    }
    errors
}

fn incidents(state: &State, asked: &Asked, api_token: &str) -> Said {
    if asked.header("authorization") != format!("Token token={api_token}") {
        return Said::json(401, &json!({ "error": { "message": "Unauthorized", "code": 2006 } }));
    }
    let key = asked.query.get("incident_key").cloned().unwrap_or_default();
    let found: Vec<Value> = state
        .alerts
        .get(&key)
        .map(|alert| json!({ "id": format!("P{:06}", alert.generation), "type": "incident", "status": alert.status, "incident_key": key, "title": alert.summary }))
        .into_iter()
        .collect();
    Said::json(200, &json!({ "incidents": found, "limit": 25, "offset": 0, "more": false, "total": null }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "0123456789abcdef0123456789abcdef";

    fn event(change: impl FnOnce(&mut Value)) -> Value {
        let mut event = json!({ "routing_key": KEY, "event_action": "trigger", "dedup_key": "k",
            "payload": { "summary": "s", "source": "x", "severity": "error" } });
        change(&mut event);
        event
    }

    /// What the real service refuses, its own schema in part does not: see the module doc of the sandbox.
    #[test]
    fn refuses_what_the_service_refuses() {
        assert_eq!(mistakes(&event(|_| {}), KEY), [""; 0]);
        let wrong: [fn(&mut Value); 13] = [
            |event| event["routing_key"] = Value::Null,
            |event| event["routing_key"] = "short".into(),
            |event| event["routing_key"] = "f".repeat(32).into(),
            |event| event["event_action"] = "open".into(),
            |event| event["dedup_key"] = "ü".repeat(256).into(),
            |event| event["payload"]["summary"] = "ü".repeat(1025).into(),
            |event| event["payload"]["severity"] = "high".into(),
            |event| event["payload"]["source"] = "".into(),
            |event| event["payload"]["timestamp"] = "yesterday".into(),
            |event| event["payload"]["custom_details"] = "text".into(),
            |event| event["payload"] = Value::Null,
            |event| event["links"] = json!([{ "text": "no href" }]),
            |event| *event = json!({ "routing_key": KEY, "event_action": "resolve" }),
        ];
        for (index, change) in wrong.into_iter().enumerate() {
            assert_eq!(mistakes(&event(change), KEY).len(), 1, "case {index}");
        }
        assert!(mistakes(&event(|event| event["payload"]["summary"] = "💥".repeat(1024).into()), KEY).is_empty());
    }

    #[test]
    fn an_alert_lives_from_trigger_to_resolve() {
        let mut state = State::default();
        apply(&mut state, "k", "resolve", "");
        apply(&mut state, "k", "acknowledge", "");
        assert!(state.alerts.is_empty(), "dropped");
        apply(&mut state, "k", "trigger", "one");
        apply(&mut state, "k", "acknowledge", "");
        apply(&mut state, "k", "trigger", "two");
        let alert = state.alerts["k"].clone();
        assert_eq!((alert.status, alert.triggers, alert.notified), ("acknowledged", 2, 1));
        apply(&mut state, "k", "resolve", "");
        apply(&mut state, "k", "trigger", "three");
        assert_eq!((state.alerts["k"].generation, state.alerts["k"].status), (2, "triggered"));
    }
}
