//! # Microsoft Teams: a Workflows webhook
//!
//! One Adaptive Card per notice, to the workflow "When a Teams webhook request is received" (Office 365 connectors, which
//! took other cards, are gone). The card says the same to a screen reader (`speak`) and to a client that cannot show it
//! (`fallbackText`), in short.
//!
//! ```toml
//! [[channels]]
//! name = "teams"
//! kind = "teams"
//! url_file = "/run/credentials/breachd/teams"        # the workflow's address: its `sig=` makes the whole of it the secret
//! tell = "counts"                                    # counts (nobody's name, no text from logs) or names
//! ```
//! Accepted means 202: the request is *queued*. Whether the flow ran and posted is told to nobody who called it, so there is
//! no confirmation, and `breachd channels test` must be followed by a look into the channel. A flow belongs to the
//! person who made it and stops when they leave: give it a second owner. Teams knows no idempotency key; a repeat shows
//! the same notice id in its last line. The daily digest is refused: it may interrupt nobody.
//!
//! Text from logs stands in `TextRun`s only, which take no Markdown; `TextBlock`s, which do, hold breachd's own words. A
//! mention needs an entry in `msteams.entities`, and there is none; `<at>` and the functions `{{DATE(…)}}` are broken up
//! all the same, for clients that are more eager than the specification.

use super::{
    http::{Http, Outside, SecretUrl},
    not_for_a_digest, read_secret,
};
use crate::{
    ChannelError, Pace, Period, Retry, Secret, SecretSource, Tell,
    channel::{Answer, Channel, Receipt},
    render::{AFFECTED_HEADING, Facts},
    settings::{self, Problems},
    stages::classify::Failure,
};
use incident::{Notice, NoticeKind};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Vendor's limit: "28 KB" for a message
/// (https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using). Beyond: reasons,
/// then counts, then deadlines are dropped from the end.
const MESSAGE_BYTES_MAX: usize = 28_000;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TeamsSettings {
    /// Unique; `a-z 0-9 - _`.
    pub name: String,
    /// File with the workflow's address, which is a secret as a whole.
    pub url_file: Option<PathBuf>,
    /// Or the environment variable that holds it.
    pub url_env: Option<String>,
    /// How much is told: everybody in the channel reads along.
    #[serde(default)]
    pub tell: Tell,
    /// PEM certificates to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Longest wait for an answer.
    #[serde(default = "settings::default_timeout")]
    pub timeout: Period,
    /// Attempts in any 60 seconds.
    #[serde(default = "settings::default_rate_per_minute")]
    pub rate_per_minute: u32,
    /// Attempts at once.
    #[serde(default = "settings::default_concurrency")]
    pub concurrency: usize,
    #[serde(default)]
    pub retry: Retry,
}

impl TeamsSettings {
    pub(crate) const fn pace(&self) -> Pace {
        Pace {
            timeout: self.timeout,
            rate_per_minute: self.rate_per_minute,
            concurrency: self.concurrency,
            gap: Period::from_secs(0),
            retry: self.retry,
        }
    }

    pub(crate) fn check(&self, problems: &mut Problems) {
        problems.add_some("url", self.url().problem("url"));
    }

    fn url(&self) -> SecretSource {
        SecretSource::of(&self.url_file, &self.url_env)
    }
}

pub(super) struct Teams {
    http: Http,
    url: SecretUrl,
    tell: Tell,
}

impl Teams {
    pub(super) fn new(settings: &TeamsSettings, outside: &Outside) -> Result<Self, ChannelError> {
        let url = read_secret(&settings.name, "url_file", &settings.url())?;
        Ok(Teams {
            http: Http::new(&settings.name, settings.timeout, settings.ca_file.as_ref(), outside)?,
            url: SecretUrl::new(&settings.name, &url, outside)?,
            tell: settings.tell,
        })
    }

    async fn post(&self, message: String) -> Result<(), Failure> {
        let request = self.http.client().post(self.url.url.clone()).header("content-type", "application/json");
        let answered = self.http.succeed(request.body(message), error_words).await?;
        if answered.is_web_page() {
            let status = answered.status.as_u16();
            return Err(Failure::passing(format!("HTTP {status} with a web page, which no workflow answers")));
        }
        Ok(())
    }
}

impl Channel for Teams {
    fn send<'a>(&'a self, notice: &'a Notice, _attempt: u32) -> Answer<'a, Receipt> {
        Box::pin(async move {
            if matches!(notice.kind, NoticeKind::Digest | NoticeKind::Draft) {
                return Err(not_for_a_digest());
            }
            self.post(message(notice, Facts::told(notice, self.tell))).await?;
            Ok(Receipt("the workflow queued it; whether it was posted is not told".into()))
        })
    }

    fn probe(&self) -> Answer<'_, String> {
        Box::pin(async move {
            let words = "Test of breachd: nothing has happened. If you read this, notices can reach you here.";
            self.post(enveloped(words, &[run(words, false)], None)).await?;
            Ok("the workflow queued a message that says it is a test; look into the channel whether it is there".into())
        })
    }

    fn secrets(&self) -> Vec<&Secret> {
        self.url.secrets()
    }
}

fn error_words(json: &Value) -> String {
    json["error"]["code"].as_str().unwrap_or_default().to_owned()
}

fn message(notice: &Notice, mut facts: Facts) -> String {
    loop {
        let message = written(notice, &facts);
        let cut = message.len() > MESSAGE_BYTES_MAX
            && (facts.reasons.pop().is_some() || facts.affected.pop().is_some() || facts.deadlines.pop().is_some());
        if !cut {
            return message;
        }
    }
}

fn written(notice: &Notice, facts: &Facts) -> String {
    // Of breachd's own words only: readers of it may take Markdown.
    let mut short = format!("[{}] {} {}: {}.", facts.mark, facts.severity, facts.incident, facts.headline);
    if let Some(drill) = &facts.drill {
        short = format!("{short} {drill}");
    }
    let mut body: Vec<Value> = facts.drill.iter().map(|drill| run(drill, true)).collect();
    body.push(run(&format!("{}: {}", facts.headline, facts.title), false));
    body.extend(facts.rows.iter().map(|(name, value)| run(&format!("{name}: {value}"), false)));
    let mut list = |heading: &str, items: &mut dyn Iterator<Item = String>| {
        for (index, item) in items.enumerate() {
            if index == 0 {
                body.push(run(heading, true));
            }
            body.push(run(&format!("• {item}"), false));
        }
    };
    list("Deadlines", &mut facts.deadlines.iter().map(|(name, due)| format!("{name}: {due}")));
    list(facts.reasons_heading, &mut facts.reasons.iter().cloned());
    list(AFFECTED_HEADING, &mut facts.affected.iter().cloned());
    body.push(run(&format!("notice {}", notice.id), false));
    enveloped(&short, &body, facts.link.as_deref())
}

fn enveloped(short: &str, below: &[Value], link: Option<&str>) -> String {
    let heading = json!({ "type": "TextBlock", "text": short, "style": "heading", "weight": "Bolder", "wrap": true });
    let body: Vec<&Value> = std::iter::once(&heading).chain(below).collect();
    let open = link.map(|link| json!({ "type": "Action.OpenUrl", "title": "See and act on it", "url": link }));
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "lang": "en",
                "fallbackText": short,
                "speak": short,
                "msteams": { "width": "Full" },
                "body": body,
                "actions": open.into_iter().collect::<Vec<_>>(),
            },
        }],
    })
    .to_string()
}

/// One line of literal text.
fn run(text: &str, bold: bool) -> Value {
    let text = text.replace("{{", "{\u{200b}{").replace("</", "<\u{200b}/").replace("<at", "<\u{200b}at");
    let weight = if bold { "Bolder" } else { "Default" };
    json!({ "type": "RichTextBlock", "inlines": [{ "type": "TextRun", "text": text, "weight": weight }] })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::example;
    use activity::DrillId;

    fn card(notice: &Notice, tell: Tell) -> Value {
        let message: Value = serde_json::from_str(&message(notice, Facts::told(notice, tell))).unwrap();
        message["attachments"][0]["content"].clone()
    }

    #[test]
    fn the_card_has_every_fact_and_says_itself_in_short() {
        let card = card(&example(), Tell::Names);
        assert_eq!(card["speak"], "[INCIDENT] CRITICAL INC-7: New incident.");
        assert_eq!(card["fallbackText"], card["speak"]);
        let shown = card["body"].to_string();
        for fact in Facts::of(&example()).rows.iter().map(|(_, value)| value.as_str()) {
            assert!(shown.contains(fact), "{fact}");
        }
        assert!(shown.contains("12 is usual") && shown.contains("GDPR Art. 33"));
        assert_eq!(card["actions"][0]["url"], "https://breachd.example/incidents/INC-7");
        let drill = Notice { drill: Some(DrillId(1)), ..example() };
        let message: Value = serde_json::from_str(&message(&drill, Facts::of(&drill))).unwrap();
        let drill = message["attachments"][0]["content"]["speak"].as_str().unwrap();
        assert!(drill.starts_with("[DRILL] ") && drill.contains("Nothing has happened"), "{drill}");
    }

    #[test]
    fn names_stay_here_unless_asked_for() {
        let told = card(&example(), Tell::Counts).to_string();
        assert!(!told.contains("u1042") && !told.contains("hr_payroll") && told.contains("people: 240"), "{told}");
    }

    #[test]
    fn markdown_and_mentions_are_text_and_a_card_fits() {
        let hostile =
            "[click](https://evil.example) **x** <at>everyone</at> {{DATE(2026-01-01)}} \u{1f600}\"".repeat(30);
        let notice = Notice {
            title: hostile.clone(),
            reasons: vec![hostile.clone(); 10],
            subject: activity::Entity::new(activity::EntityKind::PortalUser, hostile),
            n_alerts: 10,
            ..example()
        };
        let card = card(&notice, Tell::Names);
        for element in card["body"].as_array().unwrap() {
            let kind = element["type"].as_str().unwrap();
            assert!(kind == "RichTextBlock" || !element.to_string().contains("click"), "{element}");
        }
        let all = card.to_string();
        assert!(!all.contains("<at>") && !all.contains("{{") && all.contains("[click](https://evil.example)"));
        assert!(card["msteams"]["entities"].is_null());
        let deadline = notice.deadlines[0].clone();
        let name = "\u{1f600}".repeat(400);
        let long = incident::DeadlineFact { name: name.clone(), ..deadline };
        let notice = Notice { deadlines: vec![long; 10], reasons: vec![name; 10], ..notice };
        let message = message(&notice, Facts::of(&notice));
        assert!(message.len() <= MESSAGE_BYTES_MAX, "{}", message.len());
        assert!(message.contains("INC-7") && message.contains("See and act on it"));
    }
}
