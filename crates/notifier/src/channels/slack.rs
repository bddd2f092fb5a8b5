//! # Slack: an incoming webhook
//!
//! One message per notice in one Slack channel. Blocks are for the eyes; `text` says the same facts in the same order for
//! screen readers and notifications, which read nothing else.
//!
//! ```toml
//! [[channels]]
//! name = "chat"
//! kind = "slack"
//! url_file = "/run/credentials/breachd/slack"        # https://hooks.slack.com/services/…: the whole address is the secret
//! tell = "counts"                                    # counts (nobody's name, no text from logs) or names
//! ```
//! Accepted means that Slack answered `ok`: it is in the channel. Nobody can be asked whether it was read, and Slack knows
//! no idempotency key: after a lost answer the message stands there twice, with the same notice id in its last line. The
//! daily digest is refused: it may interrupt nobody.
//!
//! Text from logs stands in `plain_text` objects only, and `text` is sent with `mrkdwn` off and `parse` at `none`: no
//! asterisk, backtick or colon means anything there, so none has to be escaped; `&`, `<` and `>` always are, and with
//! them mentions (`<!channel>`) and hidden links. Escaping the signs of mrkdwn one by one was dropped: Slack has no
//! escape for them, and invisible characters between them stay behind in whatever is copied out.

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

// Vendor's limits: https://docs.slack.dev/reference/block-kit/blocks, in characters. Counted after escaping, since it is
// not said whether before. Beyond: cut.
const HEADER_CHARACTERS_MAX: usize = 150;
const SECTION_CHARACTERS_MAX: usize = 3000;
const FIELD_CHARACTERS_MAX: usize = 2000;
const FIELDS_MAX: usize = 10;
/// `text`: "no more than 4,000 characters" (https://docs.slack.dev/reference/methods/chat.postMessage). Beyond: cut.
const TEXT_CHARACTERS_MAX: usize = 4000;
/// Messages: one per second, with short bursts (https://docs.slack.dev/apis/web-api/rate-limits).
const GAP: Period = Period::from_secs(1);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlackSettings {
    /// Unique; `a-z 0-9 - _`.
    pub name: String,
    /// File with the webhook's address, which is a secret as a whole.
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
    /// Attempts in any 60 seconds; at most one begins per second.
    #[serde(default = "settings::default_rate_per_minute")]
    pub rate_per_minute: u32,
    /// Attempts at once.
    #[serde(default = "settings::default_concurrency")]
    pub concurrency: usize,
    #[serde(default)]
    pub retry: Retry,
}

impl SlackSettings {
    pub(crate) const fn pace(&self) -> Pace {
        Pace {
            timeout: self.timeout,
            rate_per_minute: self.rate_per_minute,
            concurrency: self.concurrency,
            gap: GAP,
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

pub(super) struct Slack {
    http: Http,
    url: SecretUrl,
    tell: Tell,
}

impl Slack {
    pub(super) fn new(settings: &SlackSettings, outside: &Outside) -> Result<Self, ChannelError> {
        let url = read_secret(&settings.name, "url_file", &settings.url())?;
        Ok(Slack {
            http: Http::new(&settings.name, settings.timeout, settings.ca_file.as_ref(), outside)?,
            url: SecretUrl::new(&settings.name, &url, outside)?,
            tell: settings.tell,
        })
    }

    /// Slack answers in plain words: `ok`, `invalid_payload`, `no_service`, …
    async fn post(&self, message: &Value) -> Result<(), Failure> {
        let request = self.http.client().post(self.url.url.clone()).header("content-type", "application/json");
        let answered = self.http.exchange(request.body(message.to_string())).await?;
        let words = answered.words();
        match answered.status.is_success() {
            true if words == "ok" => Ok(()),
            true => Err(Failure::passing(format!("HTTP {}, but not Slack's `ok`", answered.status.as_u16()))),
            false => Err(self.http.failure(&answered, if is_status_word(&words) { &words } else { "" })),
        }
    }
}

impl Channel for Slack {
    fn send<'a>(&'a self, notice: &'a Notice, _attempt: u32) -> Answer<'a, Receipt> {
        Box::pin(async move {
            if matches!(notice.kind, NoticeKind::Digest | NoticeKind::Draft) {
                return Err(not_for_a_digest());
            }
            self.post(&message(notice, &Facts::told(notice, self.tell))).await?;
            Ok(Receipt("Slack posted it".into()))
        })
    }

    fn probe(&self) -> Answer<'_, String> {
        Box::pin(async move {
            // A message without text is refused after the address and its token have been looked up, and posts nothing.
            let request = self.http.client().post(self.url.url.clone()).header("content-type", "application/json");
            let answered = self.http.exchange(request.body("{}")).await?;
            let words = answered.words();
            match words.as_str() {
                "no_text" | "invalid_payload" => {
                    Ok("Slack knows the address and refused an empty message, as it should; nothing was posted".into())
                }
                _ if answered.status.is_success() => Err(Failure::refused("Slack took an empty message: is it Slack?")),
                words => Err(self.http.failure(&answered, if is_status_word(words) { words } else { "" })),
            }
        })
    }

    fn secrets(&self) -> Vec<&Secret> {
        self.url.secrets()
    }
}

/// `channel_is_archived`; a web page is none.
fn is_status_word(words: &str) -> bool {
    !words.is_empty() && words.len() <= 60 && words.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

fn message(notice: &Notice, facts: &Facts) -> Value {
    let header = facts.subject_line();
    let mut blocks = vec![json!({ "type": "header", "text": plain(&header, HEADER_CHARACTERS_MAX) })];
    let section = |text: &str| json!({ "type": "section", "text": plain(text, SECTION_CHARACTERS_MAX) });
    blocks.extend(facts.drill.iter().map(|drill| section(drill)));
    blocks.push(section(&format!("{}: {}", facts.headline, facts.title)));
    let fields: Vec<Value> = facts
        .rows
        .iter()
        .take(FIELDS_MAX)
        .map(|(name, value)| plain(&format!("{name}\n{value}"), FIELD_CHARACTERS_MAX))
        .collect();
    blocks.push(json!({ "type": "section", "fields": fields }));
    let list = |heading: &str, items: &mut dyn Iterator<Item = String>| {
        let items: Vec<String> = items.map(|item| format!("\n• {item}")).collect();
        (!items.is_empty()).then(|| section(&format!("{heading}{}", items.concat())))
    };
    blocks.extend(list("Deadlines", &mut facts.deadlines.iter().map(|(name, due)| format!("{name}: {due}"))));
    blocks.extend(list(facts.reasons_heading, &mut facts.reasons.iter().cloned()));
    blocks.extend(list(AFFECTED_HEADING, &mut facts.affected.iter().cloned()));
    if let Some(link) = &facts.link {
        // The one place with mrkdwn: our own address, and our own words.
        let link = format!("<{}|See and act on it>", escaped(&link.replace('|', "%7C"), SECTION_CHARACTERS_MAX - 30));
        blocks.push(json!({ "type": "section", "text": { "type": "mrkdwn", "text": link, "verbatim": true } }));
    }
    let id = plain(&format!("notice {}", notice.id), FIELD_CHARACTERS_MAX);
    blocks.push(json!({ "type": "context", "elements": [id] }));
    let text = format!("{header}\n{}", facts.plain_text());
    json!({
        "text": escaped(text.trim_end(), TEXT_CHARACTERS_MAX),
        "mrkdwn": false,
        "parse": "none",
        "link_names": false,
        "unfurl_links": false,
        "unfurl_media": false,
        "blocks": blocks,
    })
}

fn plain(text: &str, characters_max: usize) -> Value {
    json!({ "type": "plain_text", "text": escaped(text, characters_max), "emoji": false })
}

/// `&`, `<` and `>` as Slack wants them, cut to so many characters in all, never within an escape.
fn escaped(text: &str, characters_max: usize) -> String {
    let mut shown = String::new();
    let mut length = 0;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let mut own = [0; 4];
        let piece: &str = match character {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' => "&gt;",
            other => other.encode_utf8(&mut own),
        };
        let n = if piece.len() > 3 && piece.starts_with('&') { piece.len() } else { 1 };
        let ellipsis = usize::from(characters.peek().is_some());
        if length + n + ellipsis > characters_max {
            shown.push('…');
            return shown;
        }
        length += n;
        shown.push_str(piece);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::example;
    use proptest::prelude::*;

    fn of(notice: &Notice, tell: Tell) -> Value {
        message(notice, &Facts::told(notice, tell))
    }

    /// Every text in the message, with its type.
    fn texts(value: &Value, found: &mut Vec<(String, String)>) {
        match value {
            Value::Object(map) => {
                if let (Some(kind), Some(text)) = (map.get("type").and_then(Value::as_str), map.get("text")) {
                    found.extend(text.as_str().map(|text| (kind.to_owned(), text.to_owned())));
                }
                map.values().for_each(|inner| texts(inner, found));
            }
            Value::Array(list) => list.iter().for_each(|inner| texts(inner, found)),
            _ => {}
        }
    }

    #[test]
    fn the_text_says_what_the_blocks_say() {
        let message = of(&example(), Tell::Names);
        let text = message["text"].as_str().unwrap();
        assert!(text.starts_with("[INCIDENT] CRITICAL INC-7: u1042 read 1,840 rows of hr_payroll\n"));
        let mut shown = Vec::new();
        texts(&message["blocks"], &mut shown);
        for (_, block) in shown {
            let fragments = block.split('\n').map(|line| line.trim_start_matches("• "));
            for fragment in fragments.filter(|line| !line.starts_with("notice ") && !line.starts_with('<')) {
                assert!(text.contains(fragment), "`{fragment}` is not in {text}");
            }
        }
        assert!(message["blocks"].to_string().contains("<https://breachd.example/incidents/INC-7|See and act on it>"));
        assert_eq!((&message["mrkdwn"], &message["parse"]), (&json!(false), &json!("none")));
    }

    #[test]
    fn names_stay_here_unless_asked_for() {
        let told = of(&example(), Tell::Counts).to_string();
        for name in ["u1042", "hr_payroll", "12 is usual"] {
            assert!(!told.contains(name), "{name}: {told}");
        }
        for fact in ["INC-7", "1,840", "people: 240", "GDPR Art. 33", "critical"] {
            assert!(told.contains(fact), "{fact}: {told}");
        }
    }

    #[test]
    fn cuts_by_characters_and_never_within_an_escape() {
        assert_eq!(escaped("a<b&c>", 100), "a&lt;b&amp;c&gt;");
        assert_eq!(escaped("<<<", 12), "&lt;&lt;&lt;");
        assert_eq!(escaped("<<<", 11), "&lt;&lt;…");
        assert_eq!(escaped("<<<", 8), "&lt;…");
        assert_eq!(escaped("üüü", 3), "üüü");
        assert_eq!(escaped("üüüü", 3), "üü…");
    }

    proptest! {
        #[test]
        fn hostile_text_mentions_nobody_links_nowhere_and_fits(title in any::<String>(), reason in "[<>&*_~`|@:!# a-z\u{1f600}]{0,900}", who in "[<!@#>a-z]{0,300}") {
            let subject = activity::Entity::new(activity::EntityKind::PortalUser, who);
            let message = of(&Notice { title, reasons: vec![reason; 10], subject, ..example() }, Tell::Names);
            let mut shown = Vec::new();
            texts(&message["blocks"], &mut shown);
            shown.push(("text".into(), message["text"].as_str().unwrap().to_owned()));
            for (kind, text) in shown {
                let limit = match kind.as_str() { "text" => TEXT_CHARACTERS_MAX, _ => SECTION_CHARACTERS_MAX };
                prop_assert!(text.chars().count() <= limit);
                if kind == "mrkdwn" {
                    prop_assert_eq!(text, "<https://breachd.example/incidents/INC-7|See and act on it>");
                } else {
                    prop_assert!(!text.contains(['<', '>']), "{}", text);
                    prop_assert!(text.split('&').skip(1).all(|after| ["amp;", "lt;", "gt;"].iter().any(|entity| after.starts_with(entity))), "{}", text);
                }
            }
            let header = message["blocks"][0]["text"]["text"].as_str().unwrap();
            prop_assert!(header.chars().count() <= HEADER_CHARACTERS_MAX);
        }
    }
}
