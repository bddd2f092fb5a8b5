//! Slack's incoming webhooks, as strict with blocks as Slack, and stricter with `text`: both must be there.

use super::{
    Base, Sandbox,
    http::{self, Asked, Said},
    short,
};
use serde_json::Value;
use std::io;

const BLOCKS_MAX: usize = 50;
const HEADER_CHARACTERS_MAX: usize = 150;
const SECTION_CHARACTERS_MAX: usize = 3000;
const FIELD_CHARACTERS_MAX: usize = 2000;
const FIELDS_MAX: usize = 10;
const TEXT_CHARACTERS_MAX: usize = 4000;

#[derive(Debug)]
pub struct SlackSandbox {
    base: Base,
    path: String,
}

impl SlackSandbox {
    /// Takes messages at an address that ends in this token.
    pub async fn start(token: &str) -> io::Result<Self> {
        let path = format!("/services/T0/B0/{token}");
        let right = path.clone();
        let base = http::serve("slack", move |asked| receive(asked, &right)).await?;
        Ok(SlackSandbox { base, path })
    }

    /// For `url_file` of the channel.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}{}", self.port(), self.path)
    }
}

impl Sandbox for SlackSandbox {
    fn base(&self) -> &Base {
        &self.base
    }
}

fn receive(asked: &Asked, path: &str) -> Said {
    let said = |status: u16, words: &str| Said { status, body: words.into(), ..Said::default() };
    if asked.method.as_str() != "POST" {
        return said(405, "method_not_allowed");
    }
    if asked.path != path {
        return if asked.path.starts_with("/services/T0/B0/") {
            said(403, "invalid_token")
        } else {
            said(404, "no_service")
        };
    }
    let Ok(message) = serde_json::from_slice::<Value>(&asked.body) else { return said(400, "invalid_payload") };
    let text = message["text"].as_str().unwrap_or_default();
    if text.is_empty() {
        return said(400, "no_text");
    }
    let blocks = message["blocks"].as_array().cloned().unwrap_or_default();
    // Slack knows no idempotency key: what a reader would know the message by.
    let id = blocks.last().and_then(|block| block["elements"][0]["text"].as_str()).unwrap_or("?").to_owned();
    let answer = match mistake(&message, text, &blocks) {
        None => said(200, "ok"),
        Some(words) => said(400, words),
    };
    answer.about(id, short(text.lines().next().unwrap_or_default()))
}

fn mistake(message: &Value, text: &str, blocks: &[Value]) -> Option<&'static str> {
    if text.chars().count() > TEXT_CHARACTERS_MAX || !is_escaped(text) || message["mrkdwn"] != false {
        return Some("invalid_text");
    }
    let right = |text: &Value, characters_max: usize| {
        let words = text["text"].as_str().unwrap_or_default();
        let fits = (1..=characters_max).contains(&words.chars().count());
        match text["type"].as_str() {
            Some("plain_text") => fits && is_escaped(words),
            // One link and nothing else.
            Some("mrkdwn") => {
                let link = words.strip_prefix("<https://").and_then(|rest| rest.strip_suffix('>'));
                fits && link.is_some_and(is_escaped)
            }
            _ => false,
        }
    };
    let fits = |block: &Value| match block["type"].as_str() {
        Some("header") => block["text"]["type"] == "plain_text" && right(&block["text"], HEADER_CHARACTERS_MAX),
        Some("section") => {
            let fields = block["fields"].as_array().cloned().unwrap_or_default();
            let text = block["text"].is_object();
            (text || !fields.is_empty())
                && (!text || right(&block["text"], SECTION_CHARACTERS_MAX))
                && fields.len() <= FIELDS_MAX
                && fields.iter().all(|field| right(field, FIELD_CHARACTERS_MAX))
        }
        Some("context") => {
            let elements = block["elements"].as_array().cloned().unwrap_or_default();
            (1..=FIELDS_MAX).contains(&elements.len())
                && elements.iter().all(|element| right(element, FIELD_CHARACTERS_MAX))
        }
        Some("divider") => true,
        _ => false,
    };
    (blocks.is_empty() || blocks.len() > BLOCKS_MAX || !blocks.iter().all(fits)).then_some("invalid_blocks")
}

/// No bare `<`, `>` or `&`.
fn is_escaped(text: &str) -> bool {
    let entity = |after: &str| ["amp;", "lt;", "gt;"].iter().any(|name| after.starts_with(name));
    !text.contains(['<', '>']) && text.split('&').skip(1).all(entity)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn refuses_what_slack_refuses_and_what_would_be_obeyed() {
        let message = |change: &dyn Fn(&mut Value)| {
            let plain = |text: &str| json!({ "type": "plain_text", "text": text });
            let mut message = json!({ "text": "a &amp; b", "mrkdwn": false, "blocks": [
                { "type": "header", "text": plain("x") },
                { "type": "section", "fields": [plain("y")] },
                { "type": "section", "text": { "type": "mrkdwn", "text": "<https://a.example|b>" } },
            ] });
            change(&mut message);
            let blocks = message["blocks"].as_array().cloned().unwrap_or_default();
            mistake(&message, message["text"].as_str().unwrap_or_default(), &blocks)
        };
        assert_eq!(message(&|_| {}), None);
        let wrong: [&dyn Fn(&mut Value); 9] = [
            &|message| message["text"] = "<!channel>".into(),
            &|message| message["text"] = "a & b".into(),
            &|message| message["mrkdwn"] = Value::Null,
            &|message| message["blocks"] = json!([]),
            &|message| message["blocks"][0]["text"]["text"] = "ü".repeat(151).into(),
            &|message| message["blocks"][1]["fields"][0]["text"] = "".into(),
            &|message| message["blocks"][1]["fields"][0]["text"] = "ü".repeat(2001).into(),
            &|message| message["blocks"][2]["text"]["text"] = "*bold*".into(),
            &|message| message["blocks"][1]["type"] = "video".into(),
        ];
        for (index, change) in wrong.into_iter().enumerate() {
            assert!(message(change).is_some(), "case {index}");
        }
    }
}
