//! An SMS gateway of no particular make: JSON or a form with `to`, `text` and `ref`, a bearer token, and an answer that says
//! whether the message is queued.

use super::{
    Base, Sandbox,
    http::{self, Asked, Said},
    short,
};
use serde_json::{Value, json};
use std::io;

#[derive(Debug)]
pub struct SmsSandbox {
    base: Base,
}

impl SmsSandbox {
    /// Takes messages with this bearer token; numbers that end in 000 are unknown to it.
    pub async fn start(token: &str) -> io::Result<Self> {
        let wanted = format!("Bearer {token}");
        let base = http::serve("sms", move |asked| receive(asked, &wanted)).await?;
        Ok(SmsSandbox { base })
    }

    /// For `url` of the channel.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/messages", self.port())
    }
}

impl Sandbox for SmsSandbox {
    fn base(&self) -> &Base {
        &self.base
    }
}

fn receive(asked: &Asked, wanted: &str) -> Said {
    if asked.method.as_str() != "POST" || asked.path != "/messages" {
        return Said::json(404, &json!({ "error": "no such path" }));
    }
    if asked.header("authorization") != wanted {
        return Said::json(401, &json!({ "error": "who are you?" }));
    }
    let message = match asked.header("content-type") {
        "application/json" => serde_json::from_slice::<Value>(&asked.body).unwrap_or_default(),
        "application/x-www-form-urlencoded" => json!(http::parse_query(&String::from_utf8_lossy(&asked.body))),
        _ => return Said::json(415, &json!({ "error": "JSON or a form" })),
    };
    let said = |name: &str| message[name].as_str().unwrap_or_default();
    let (to, text, reference) = (said("to"), said("text"), said("ref"));
    let digits = to.strip_prefix('+').unwrap_or_default();
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) || text.is_empty() || reference.is_empty()
    {
        return Said::json(400, &json!({ "error": "to, text and ref" })).about("?", short(text));
    }
    let status = if to.ends_with("000") { "unknown number" } else { "queued" };
    let answer =
        Said::json(if status == "queued" { 202 } else { 200 }, &json!({ "message": { "id": 77, "status": status } }));
    answer.about(reference, short(text))
}
