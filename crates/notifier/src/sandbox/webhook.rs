//! A receiver that checks a Standard Webhooks signature and a CloudEvents envelope, by code of its own.

use super::{
    Base, Sandbox,
    http::{self, Asked, Said},
    short,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use std::io;

/// Seconds a timestamp may be off.
const TOLERANCE_SECS: i64 = 300;

#[derive(Debug)]
pub struct WebhookSandbox {
    base: Base,
}

impl WebhookSandbox {
    /// Takes events signed with this secret, `whsec_…`.
    pub async fn start(secret: &str) -> io::Result<Self> {
        let secret = secret.to_owned();
        let base = http::serve("webhook", move |asked| receive(asked, &secret)).await?;
        Ok(WebhookSandbox { base })
    }

    /// For `url` of the channel.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook", self.port())
    }
}

impl Sandbox for WebhookSandbox {
    fn base(&self) -> &Base {
        &self.base
    }
}

fn receive(asked: &Asked, secret: &str) -> Said {
    let id = asked.header("webhook-id").to_owned();
    let event: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
    let title = event["data"]["title"].as_str().unwrap_or_default();
    let about = short(&format!("{} {title}", event["type"].as_str().unwrap_or("?")));
    let said = match verdict(asked, &event, secret, crate::clock::wall_now().as_secs()) {
        Ok(()) => Said { status: 204, ..Said::default() },
        Err((status, error)) => Said::json(status, &json!({ "error": error })),
    };
    said.about(if id.is_empty() { "?".into() } else { id }, about)
}

fn verdict(asked: &Asked, event: &Value, secret: &str, now_secs: i64) -> Result<(), (u16, &'static str)> {
    if asked.method.as_str() != "POST" {
        return Err((405, "POST only"));
    }
    if asked.header("content-type").split(';').next() != Some("application/cloudevents+json") {
        return Err((415, "content-type must be application/cloudevents+json"));
    }
    let (id, timestamp) = (asked.header("webhook-id"), asked.header("webhook-timestamp"));
    let Ok(sent_at) = timestamp.parse::<i64>() else { return Err((400, "no timestamp")) };
    if id.is_empty() {
        return Err((400, "no id"));
    }
    if (now_secs - sent_at).abs() > TOLERANCE_SECS {
        return Err((400, "the timestamp is too far off"));
    }
    let key = STANDARD.decode(secret.trim_start_matches("whsec_")).map_err(|_| (500, "the secret is no base64"))?;
    let signed = [id.as_bytes(), b".", timestamp.as_bytes(), b".", &asked.body].concat();
    let matches =
        asked.header("webhook-signature").split(' ').filter_map(|part| part.strip_prefix("v1,")).any(|part| {
            let Ok(signature) = STANDARD.decode(part) else { return false };
            let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&key) else { return false };
            mac.update(&signed);
            mac.verify_slice(&signature).is_ok()
        });
    if !matches {
        return Err((401, "no signature matches"));
    }
    let required =
        ["id", "source", "type"].into_iter().all(|name| event[name].as_str().is_some_and(|text| !text.is_empty()));
    if event["specversion"] != "1.0" || !required || event["id"] != id {
        return Err((400, "no CloudEvents 1.0 event of this id"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderMap, Method};

    const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    const ID: &str = "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk";

    fn asked(signature: &str, body: &'static [u8]) -> Asked {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("webhook-id", ID),
            ("webhook-timestamp", "1649367553"),
            ("webhook-signature", signature),
            ("content-type", "application/cloudevents+json"),
        ] {
            headers.insert(name, value.parse().unwrap());
        }
        Asked { method: Method::POST, path: "/".into(), query: Default::default(), headers, body: body.into() }
    }

    /// The published vector is no CloudEvent: that it fails only there shows that its signature was taken.
    #[test]
    fn judges_the_published_vector() {
        let body = br#"{"email":"test@example.com","username":"test_user"}"#;
        let good = "v1,AAAA v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=";
        let judge = |signature, now| verdict(&asked(signature, body), &Value::Null, SECRET, now);
        assert_eq!(judge(good, 1_649_367_553), Err((400, "no CloudEvents 1.0 event of this id")));
        assert_eq!(judge("v1,tZ1I4", 1_649_367_553), Err((401, "no signature matches")));
        assert_eq!(judge(good, 1_649_367_553 + 301), Err((400, "the timestamp is too far off")));
    }
}
