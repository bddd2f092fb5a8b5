//! A Teams workflow that takes cards: 202 and no word, whatever becomes of the card afterwards; what a card must be like is
//! checked here at once.

use super::{
    Base, Sandbox,
    http::{self, Asked, Said},
    short,
};
use serde_json::{Value, json};
use std::io;

const MESSAGE_BYTES_MAX: usize = 28 * 1024;

#[derive(Debug)]
pub struct TeamsSandbox {
    base: Base,
    signature: String,
}

impl TeamsSandbox {
    /// Takes cards at an address with this `sig`.
    pub async fn start(signature: &str) -> io::Result<Self> {
        let right = signature.to_owned();
        let base = http::serve("teams", move |asked| receive(asked, &right)).await?;
        Ok(TeamsSandbox { base, signature: signature.to_owned() })
    }

    /// For `url_file` of the channel.
    pub fn url(&self) -> String {
        let path = "/workflows/0/triggers/manual/paths/invoke?api-version=2016-06-01&sig=";
        format!("http://127.0.0.1:{}{path}{}", self.port(), self.signature)
    }
}

impl Sandbox for TeamsSandbox {
    fn base(&self) -> &Base {
        &self.base
    }
}

fn receive(asked: &Asked, signature: &str) -> Said {
    let error = |status: u16, code: &str| Said::json(status, &json!({ "error": { "code": code, "message": "" } }));
    if asked.method.as_str() != "POST" || !asked.path.ends_with("/paths/invoke") {
        return error(404, "ResourceNotFound");
    }
    if asked.query.get("sig").is_none_or(|given| given != signature) {
        return error(401, "DirectApiAuthorizationRequired");
    }
    if asked.body.len() > MESSAGE_BYTES_MAX {
        return error(413, "RequestEntityTooLarge");
    }
    let Ok(message) = serde_json::from_slice::<Value>(&asked.body) else { return error(400, "InvalidRequestContent") };
    let card = &message["attachments"][0]["content"];
    let last = card["body"].as_array().and_then(|body| body.last()).cloned().unwrap_or_default();
    // Teams knows no idempotency key: what a reader would know the card by.
    let id = last["inlines"][0]["text"].as_str().unwrap_or("?").to_owned();
    let about = short(card["fallbackText"].as_str().unwrap_or_default());
    let answer = match mistake(&message, card) {
        None => Said { status: 202, ..Said::default() },
        Some(code) => error(400, code),
    };
    answer.about(id, about)
}

fn mistake(message: &Value, card: &Value) -> Option<&'static str> {
    let attachment = &message["attachments"][0];
    if message["type"] != "message" || attachment["contentType"] != "application/vnd.microsoft.card.adaptive" {
        return Some("NoCard");
    }
    let version = card["version"].as_str().is_some_and(|version| ["1.4", "1.5"].contains(&version));
    let said = |name: &str| card[name].as_str().is_some_and(|text| !text.is_empty());
    if card["type"] != "AdaptiveCard" || !version || !said("fallbackText") || !said("speak") {
        return Some("BadCard");
    }
    let element = |element: &Value| match element["type"].as_str() {
        // Markdown lives here: nothing that looks like a link or a mention may.
        Some("TextBlock") => {
            element["text"].as_str().is_some_and(|text| !text.contains("](") && !text.contains("<at>"))
        }
        Some("RichTextBlock") => element["inlines"].as_array().is_some_and(|runs| {
            let literal = |run: &Value| run["type"] == "TextRun" && run["text"].is_string();
            !runs.is_empty() && runs.iter().all(literal)
        }),
        _ => false,
    };
    let body = card["body"].as_array().cloned().unwrap_or_default();
    if body.is_empty() || !body.iter().all(element) {
        return Some("BadBody");
    }
    let action = |action: &Value| {
        action["type"] == "Action.OpenUrl" && action["url"].as_str().is_some_and(|url| url.starts_with("https://"))
    };
    let actions = card["actions"].as_array().cloned().unwrap_or_default();
    (!actions.iter().all(action) || !card["msteams"]["entities"].is_null()).then_some("BadAction")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_is_no_card_and_what_would_be_obeyed() {
        let judged = |change: &dyn Fn(&mut Value)| {
            let mut message = json!({ "type": "message", "attachments": [{
                "contentType": "application/vnd.microsoft.card.adaptive",
                "content": { "type": "AdaptiveCard", "version": "1.4", "fallbackText": "x", "speak": "x",
                    "body": [{ "type": "TextBlock", "text": "x" }] } }] });
            change(&mut message["attachments"][0]["content"]);
            mistake(&message, &message["attachments"][0]["content"])
        };
        assert_eq!(judged(&|_| {}), None);
        let wrong: [&dyn Fn(&mut Value); 6] = [
            &|card| card["version"] = "1.0".into(),
            &|card| card["speak"] = Value::Null,
            &|card| card["body"] = json!([]),
            &|card| card["body"][0]["text"] = "[x](https://evil.example)".into(),
            &|card| card["body"][0]["type"] = "Media".into(),
            &|card| card["actions"] = json!([{ "type": "Action.OpenUrl", "url": "javascript:alert(1)" }]),
        ];
        for (index, change) in wrong.into_iter().enumerate() {
            assert!(judged(change).is_some(), "case {index}");
        }
    }
}
