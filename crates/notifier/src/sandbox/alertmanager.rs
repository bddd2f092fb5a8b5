//! Alertmanager's API v2, as far as alerts are posted and listed. The tests ask a real one too.

use super::{
    Base, Sandbox,
    http::{self, Asked, Said},
    short,
};
use activity::Timestamp;
use serde_json::{Map, Value, json};
use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// By labels, in their canonical order.
type Alerts = BTreeMap<String, Value>;

#[derive(Debug)]
pub struct AlertmanagerSandbox {
    base: Base,
    alerts: Arc<Mutex<Alerts>>,
}

impl AlertmanagerSandbox {
    /// Takes alerts with this bearer token.
    pub async fn start(token: &str) -> io::Result<Self> {
        let alerts: Arc<Mutex<Alerts>> = Arc::default();
        let (shared, wanted) = (alerts.clone(), format!("Bearer {token}"));
        let base = http::serve("alertmanager", move |asked| {
            if asked.header("authorization") != wanted {
                return Said { status: 401, body: "Unauthorized".into(), ..Said::default() };
            }
            let mut alerts = shared.lock().unwrap_or_else(PoisonError::into_inner);
            match (asked.method.as_str(), asked.path.as_str()) {
                ("POST", "/api/v2/alerts") => take(&mut alerts, asked),
                ("GET", "/api/v2/alerts") => list(&alerts, asked, crate::clock::wall_now()),
                ("GET", "/api/v2/status") => Said::json(200, &json!({ "versionInfo": { "version": "sandbox" } })),
                _ => Said::json(404, &json!({ "code": 404, "message": "path was not found" })),
            }
        })
        .await?;
        Ok(AlertmanagerSandbox { base, alerts })
    }

    /// For `url` of the channel.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port())
    }

    /// Labels of the alerts that have not ended at that time.
    pub fn firing(&self, at: Timestamp) -> Vec<Value> {
        self.lock().values().filter(|alert| !has_ended(alert, at)).map(|alert| alert["labels"].clone()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Alerts> {
        self.alerts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sandbox for AlertmanagerSandbox {
    fn base(&self) -> &Base {
        &self.base
    }
}

fn time(alert: &Value, name: &str) -> Option<Timestamp> {
    alert[name].as_str().and_then(|text| text.parse().ok())
}

fn has_ended(alert: &Value, at: Timestamp) -> bool {
    time(alert, "endsAt").is_none_or(|ends_at| ends_at <= at)
}

fn take(alerts: &mut Alerts, asked: &Asked) -> Said {
    let posted: Vec<Value> = match serde_json::from_slice(&asked.body) {
        Ok(Value::Array(posted)) => posted,
        _ => return Said::json(400, &json!({ "code": 400, "message": "parsing alerts body failed" })),
    };
    let first = posted.first().cloned().unwrap_or_default();
    let id = first["labels"]["incident"].as_str().unwrap_or("?").to_owned();
    let about = short(first["annotations"]["summary"].as_str().unwrap_or_default());
    if posted.iter().any(|alert| alert["labels"].as_object().is_none_or(Map::is_empty)) {
        return Said::json(422, &json!({ "code": 602, "message": "labels in body is required" })).about(id, about);
    }
    let is_name =
        |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let texts = |value: &Value| {
        let map = value.as_object().cloned().unwrap_or_default();
        map.iter().all(|(name, text)| is_name(name) && text.is_string())
    };
    let timely = |alert: &Value| time(alert, "startsAt").zip(time(alert, "endsAt")).is_none_or(|(from, to)| from <= to);
    if !posted.iter().all(|alert| texts(&alert["labels"]) && texts(&alert["annotations"]) && timely(alert)) {
        return Said::json(400, &json!("invalid label set or time")).about(id, about);
    }
    alerts.extend(posted.into_iter().map(|alert| (alert["labels"].to_string(), alert)));
    Said { status: 200, ..Said::default() }.about(id, about)
}

fn list(alerts: &Alerts, asked: &Asked, now: Timestamp) -> Said {
    let filter = asked.query.get("filter").cloned().unwrap_or_default();
    let fits = |alert: &&Value| {
        let (name, value) = filter.split_once('=').unwrap_or_default();
        filter.is_empty() || alert["labels"][name] == value.trim_matches('"')
    };
    let found: Vec<&Value> = alerts.values().filter(|alert| !has_ended(alert, now)).filter(fits).collect();
    Said::json(200, &json!(found))
}
