//! # SMS: a gateway by HTTP
//!
//! Gateways have no protocol in common, so the request is written in the configuration: where to POST, which secret headers,
//! and a body whose texts may name `{recipient}`, `{text}` and `{id}`, and nothing else. What is filled in is data and
//! never read as a template again.
//!
//! ```toml
//! [[channels]]
//! name = "sms"
//! kind = "sms"
//! url = "https://sms.example.com/v1/messages"
//! to = ["+4915112345678"]
//! header_files = { Authorization = "/run/credentials/breachd/sms" }   # the header's whole value, such as `Bearer …`
//! format = "json"                                    # json or form
//! body = { to = "{recipient}", body = "{text}", reference = "{id}" }
//! success_status = [200, 201, 202]                   # absent: any 2xx
//! success_pointer = "/status"                        # optional: this place in the JSON answer (RFC 6901) …
//! success_value = "queued"                           # … must hold this
//! receipt_pointer = "/id"                            # optional: the gateway's own number of the message
//! segments_max = 2
//! ```
//! A text message goes through many hands in the clear, so it says severity, incident, what happened, the link, what the
//! recipient is to note (the wording that was configured, a document that did not arrive) and the nearest deadline, and nothing
//! of whom or what it is about; there is no setting for more. What exceeds `segments_max` segments is
//! left out from the end, and never cut within. Each recipient gets a message of their own, under an id of their own that is
//! the same in every repeat. Accepted means that the gateway took every recipient's; if it refuses one for good, the notice
//! is `Rejected` once the others have theirs. A 2xx with JSON that is not as `success_status` and `success_pointer` want it is a
//! refusal, too: the message may be under way, and repeats of it would reach people all night, while the fallback
//! hears of a refusal at once. The daily digest and documents are refused: they may interrupt nobody.

mod segments;

use super::{
    http::{self, Http, Outside},
    not_for_a_digest,
    partly::Partly,
};
use crate::{
    ChannelError, Pace, Period, RECIPIENTS_MAX, Retry, Secret,
    channel::{Answer, Channel, Receipt},
    render::{Facts, mark},
    settings::{self, Problems},
    stages::classify::{Failure, FailureKind},
};
use incident::{Notice, NoticeKind, limits::TEXT_MAX};
use reqwest::header::HeaderMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::{collections::BTreeMap, path::PathBuf};

/// What a template may name.
const NAMES: [&str; 3] = ["recipient", "text", "id"];
/// Secret headers. Beyond: refused by `check`.
const HEADERS_MAX: usize = 10;
/// Characters of a contact's code. Beyond: cut.
const CODE_CHARACTERS_MAX: usize = 60;
/// Characters of a receipt. Beyond: cut.
const RECEIPT_CHARACTERS_MAX: usize = 60;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmsSettings {
    /// Unique; `a-z 0-9 - _`.
    pub name: String,
    /// Where to POST: https, or http on loopback. It is shown in places; what is secret belongs into a header.
    pub url: String,
    /// Numbers as `+`, country and subscriber: each gets a message of their own.
    pub to: Vec<String>,
    /// Headers and the files that hold their whole values.
    #[serde(default)]
    pub header_files: BTreeMap<String, PathBuf>,
    /// How the body is sent.
    #[serde(default)]
    pub format: SmsFormat,
    /// The body: `{recipient}`, `{text}` and `{id}` in its texts are filled in. A form is flat.
    pub body: Map<String, Value>,
    /// Answers that mean success. Absent: any 2xx.
    #[serde(default)]
    pub success_status: Vec<u16>,
    /// JSON pointer to what says whether it was taken.
    pub success_pointer: Option<String>,
    /// What must stand there.
    pub success_value: Option<Value>,
    /// JSON pointer to the gateway's own number of the message.
    pub receipt_pointer: Option<String>,
    /// Segments (160 characters of the GSM alphabet or 70 others; a little less if there are several) of one message.
    #[serde(default = "default_segments_max")]
    pub segments_max: usize,
    /// PEM certificates to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Longest wait for an answer.
    #[serde(default = "settings::default_timeout")]
    pub timeout: Period,
    /// Attempts in any 60 seconds; one goes to all recipients.
    #[serde(default = "settings::default_rate_per_minute")]
    pub rate_per_minute: u32,
    /// Attempts at once.
    #[serde(default = "settings::default_concurrency")]
    pub concurrency: usize,
    #[serde(default)]
    pub retry: Retry,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SmsFormat {
    #[default]
    Json,
    /// `application/x-www-form-urlencoded`
    Form,
}

const fn default_segments_max() -> usize {
    2
}

impl SmsSettings {
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
        problems.add_some("url", settings::check_url(&self.url, false));
        if self.to.is_empty() || self.to.len() > RECIPIENTS_MAX {
            problems.add("to", format!("must name 1 to {RECIPIENTS_MAX} recipients"));
        }
        for (index, to) in self.to.iter().enumerate().filter(|(_, to)| !is_number(to)) {
            let to = activity::printable_within(to, 40);
            problems.add(&format!("to[{index}]"), format!("`{to}` must be `+` and 8 to 15 digits"));
        }
        if self.header_files.len() > HEADERS_MAX {
            problems.add("header_files", format!("are {}, at most {HEADERS_MAX}", self.header_files.len()));
        }
        settings::check_headers(&self.header_files, problems);
        self.check_body(problems);
        for status in self.success_status.iter().filter(|status| !(200..300).contains(*status)) {
            problems.add("success_status", format!("`{status}` is no success: 200 to 299"));
        }
        settings::check_pointer("success_pointer", self.success_pointer.as_ref(), problems);
        settings::check_pointer("receipt_pointer", self.receipt_pointer.as_ref(), problems);
        if self.success_pointer.is_some() != self.success_value.is_some() {
            problems.add("success_pointer", "and `success_value` belong together");
        }
        if !(1..=10).contains(&self.segments_max) {
            problems.add("segments_max", format!("`{}` must be between 1 and 10", self.segments_max));
        }
    }

    fn check_body(&self, problems: &mut Problems) {
        let mut named = Vec::new();
        let mut wrong = Vec::new();
        each_text(&Value::Object(self.body.clone()), &mut |text| match fields(text) {
            Ok(found) => named.extend(found),
            Err(problem) => wrong.push(problem),
        });
        wrong.into_iter().for_each(|problem| problems.add("body", problem));
        for name in NAMES.iter().take(2).filter(|name| !named.iter().any(|found| found == **name)) {
            problems.add("body", format!("must hold `{{{name}}}` somewhere"));
        }
        if self.format == SmsFormat::Form && self.body.values().any(|value| value.is_object() || value.is_array()) {
            problems.add("body", "must be flat where it is sent as a form");
        }
    }
}

fn is_number(text: &str) -> bool {
    text.strip_prefix('+').is_some_and(|digits| {
        (8..=15).contains(&digits.len()) && !digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}

fn each_text(value: &Value, act: &mut dyn FnMut(&str)) {
    match value {
        Value::String(text) => act(text),
        Value::Array(list) => list.iter().for_each(|inner| each_text(inner, act)),
        Value::Object(map) => map.values().for_each(|inner| each_text(inner, act)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The names in a template.
fn fields(template: &str) -> Result<Vec<String>, String> {
    let mut found = Vec::new();
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        let name = rest[at..].strip_prefix('{').and_then(|after| after.split_once('}'));
        let known = name.filter(|(name, _)| NAMES.contains(name));
        let Some((name, after)) = known else {
            return Err("may hold braces only as `{recipient}`, `{text}` and `{id}`".to_owned());
        };
        found.push(name.to_owned());
        rest = after;
    }
    Ok(found)
}

/// What fills a template.
struct Filling<'a> {
    recipient: &'a str,
    text: &'a str,
    id: &'a str,
}

impl Filling<'_> {
    /// One pass: what was filled in is not looked at again.
    fn text(&self, template: &str) -> String {
        let mut filled = String::new();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            filled.push_str(before);
            let (name, behind) = after.split_once('}').unwrap_or((after, ""));
            filled.push_str(match name {
                "recipient" => self.recipient,
                "text" => self.text,
                "id" => self.id,
                _ => "",
            });
            rest = behind;
        }
        filled.push_str(rest);
        filled
    }

    fn value(&self, template: &Value) -> Value {
        match template {
            Value::String(text) => Value::String(self.text(text)),
            Value::Array(list) => list.iter().map(|inner| self.value(inner)).collect(),
            Value::Object(map) => {
                Value::Object(map.iter().map(|(key, inner)| (key.clone(), self.value(inner))).collect())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => template.clone(),
        }
    }
}

pub(super) struct Sms {
    http: Http,
    settings: SmsSettings,
    headers: HeaderMap,
    secrets: Vec<Secret>,
    partly: Partly,
}

impl Sms {
    pub(super) fn new(settings: &SmsSettings, outside: &Outside) -> Result<Self, ChannelError> {
        let (headers, secrets) = http::headers(&settings.name, &settings.header_files)?;
        Ok(Sms {
            http: Http::new(&settings.name, settings.timeout, settings.ca_file.as_ref(), outside)?,
            settings: settings.clone(),
            headers,
            secrets,
            partly: Partly::default(),
        })
    }

    fn body(&self, filling: &Filling<'_>) -> Result<(&'static str, String), Failure> {
        match self.settings.format {
            SmsFormat::Json => {
                Ok(("application/json", filling.value(&Value::Object(self.settings.body.clone())).to_string()))
            }
            SmsFormat::Form => {
                let mut pairs = reqwest::Url::parse("http://localhost/")
                    .map_err(|_| Failure::refused("the form cannot be written"))?;
                for (name, value) in &self.settings.body {
                    let value = filling.value(value);
                    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                    pairs.query_pairs_mut().append_pair(name, &text);
                }
                Ok(("application/x-www-form-urlencoded", pairs.query().unwrap_or_default().to_owned()))
            }
        }
    }

    /// The contact that the notice is for, or whom this channel tells else.
    fn recipients(&self, notice: &Notice) -> Result<Vec<String>, Failure> {
        let Some(recipient) = &notice.recipient else { return Ok(self.settings.to.clone()) };
        if !is_number(&recipient.address) {
            let reason = format!("the address of contact `{}` is no number such as +4915112345678", recipient.contact);
            return Err(Failure::refused(reason));
        }
        Ok(vec![recipient.address.clone()])
    }

    /// The gateway's own number of the message, if it says one.
    async fn send_to(&self, filling: Filling<'_>) -> Result<String, Failure> {
        let (kind, body) = self.body(&filling)?;
        let request = self.http.client().post(&self.settings.url).headers(self.headers.clone());
        let answered = self.http.succeed(request.header("content-type", kind).body(body), |_| String::new()).await?;
        let status = answered.status.as_u16();
        let listed = &self.settings.success_status;
        // What the gateway says in JSON it means, and it may well have the message: people would get every repeat. What is no
        // JSON comes from something on the way.
        let json = answered.json();
        let unlike = |reason: String| if json.is_some() { Failure::refused(reason) } else { Failure::passing(reason) };
        if !listed.is_empty() && !listed.contains(&status) {
            return Err(unlike(format!("HTTP {status}, which is not among `success_status`")));
        }
        if let (Some(pointer), Some(wanted)) = (&self.settings.success_pointer, &self.settings.success_value) {
            match json.as_ref().and_then(|json| json.pointer(pointer)) {
                Some(found) if found == wanted => {}
                Some(_) => return Err(unlike(format!("HTTP {status}, but `{pointer}` is not as wanted"))),
                None => return Err(unlike(format!("HTTP {status}, but there is no `{pointer}` in the answer"))),
            }
        } else if answered.is_web_page() {
            return Err(Failure::passing(format!("HTTP {status} with a web page")));
        }
        let receipt = self.settings.receipt_pointer.as_deref().zip(json.as_ref());
        let receipt = receipt
            .and_then(|(pointer, json)| json.pointer(pointer))
            .map(|receipt| receipt.as_str().map_or_else(|| receipt.to_string(), str::to_owned));
        Ok(activity::printable_within(&receipt.unwrap_or_default(), RECEIPT_CHARACTERS_MAX))
    }
}

impl Channel for Sms {
    fn send<'a>(&'a self, notice: &'a Notice, attempt: u32) -> Answer<'a, Receipt> {
        Box::pin(async move {
            if matches!(notice.kind, NoticeKind::Digest | NoticeKind::Draft) {
                return Err(not_for_a_digest());
            }
            let text = text(notice, self.settings.segments_max);
            let mut told = self.partly.told(notice);
            let mut receipts = Vec::new();
            let all = self.recipients(notice)?;
            for index in told.open(all.len(), attempt) {
                let (recipient, id) = (&all[index], format!("{}-{index}", notice.id));
                match self.send_to(Filling { recipient, text: &text, id: &id }).await {
                    Ok(receipt) => {
                        told.taken.insert(index);
                        // At once: this attempt may be cut off while it waits for the next recipient.
                        self.partly.remember(notice, &told);
                        receipts.extend((!receipt.is_empty()).then_some(receipt));
                    }
                    Err(Failure { reason, kind: FailureKind::Refused }) => told.refuse(index, reason),
                    Err(passing) => {
                        self.partly.remember(notice, &told);
                        return Err(passing);
                    }
                }
            }
            self.partly.forget(notice);
            let n_taken = told.all_taken(all.len())?;
            let numbers = if receipts.is_empty() { String::new() } else { format!(": {}", receipts.join(", ")) };
            Ok(Receipt(format!("the gateway took {n_taken} of {} messages{numbers}", all.len())))
        })
    }

    fn reaches_contacts(&self) -> bool {
        true
    }

    fn probe(&self) -> Answer<'_, String> {
        Box::pin(async move {
            let to = self.settings.to.first().ok_or_else(|| Failure::refused("nobody is named"))?;
            let id = format!("test-{}", self.http.now().as_millis());
            let text = "breachd: test of this way. Nothing has happened.";
            self.send_to(Filling { recipient: to, text, id: &id }).await?;
            Ok("the gateway took a message to the first recipient that says it is a test".into())
        })
    }

    fn secrets(&self) -> Vec<&Secret> {
        self.secrets.iter().collect()
    }
}

/// The most important first; what does not fit whole is left out.
fn text(notice: &Notice, segments_max: usize) -> String {
    let facts = Facts::of(notice);
    let drill = if notice.drill.is_some() { " Nothing has happened." } else { "" };
    let mut text = match notice.kind {
        NoticeKind::ContactTest => format!("breachd {}: please confirm that this has arrived.", mark(notice)),
        _ => format!("breachd {} {} {}: {}.{drill}", mark(notice), facts.severity, facts.incident, facts.headline),
    };
    let due =
        notice.deadlines.iter().filter(|deadline| !deadline.simulated).filter_map(|deadline| deadline.due_at).min();
    let due = due.map(|due| format!(" Nearest deadline {due}."));
    let code = notice.recipient.as_ref().and_then(|to| to.reply.as_ref()?.code.as_ref());
    let code = code.map(|code| format!(" Code {}.", activity::printable_within(code, CODE_CHARACTERS_MAX)));
    // A contact's own link answers, the other one only shows.
    let link = facts.answer.and_then(|answer| answer.link).or(facts.link);
    let note = notice.wording.as_ref().map(|text| format!(" {}", activity::printable_within(text, TEXT_MAX)));
    for more in [link.map(|link| format!(" {link}")), code, note, due].into_iter().flatten() {
        let longer = format!("{text}{more}");
        if segments::count(&longer) <= segments_max {
            text = longer;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::example;
    use activity::DrillId;
    use proptest::prelude::*;

    #[test]
    fn says_what_it_may_and_no_more() {
        let expected = "breachd INCIDENT CRITICAL INC-7: New incident. https://breachd.example/incidents/INC-7 Nearest deadline 2026-03-05T21:15:00Z.";
        assert_eq!(text(&example(), 2), expected);
        assert_eq!(segments::count(expected), 1);
        let drill = text(&Notice { drill: Some(DrillId(1)), ..example() }, 2);
        assert!(drill.starts_with("breachd DRILL CRITICAL INC-7: New incident. Nothing has happened."), "{drill}");
        let long = Notice { link: Some(format!("https://breachd.example/{}", "x".repeat(300))), ..example() };
        assert_eq!(
            text(&long, 1),
            "breachd INCIDENT CRITICAL INC-7: New incident. Nearest deadline 2026-03-05T21:15:00Z.",
            "a link is left out rather than cut"
        );
    }

    #[test]
    fn what_the_recipient_is_to_note_is_said_whole_or_not() {
        let wording = "A document that the law wants sent was not delivered over channel authority-mail.";
        let notice = Notice { wording: Some(wording.into()), ..example() };
        let expected = format!(
            "breachd INCIDENT CRITICAL INC-7: New incident. https://breachd.example/incidents/INC-7 {wording} Nearest deadline 2026-03-05T21:15:00Z."
        );
        assert_eq!(text(&notice, 2), expected);
        assert_eq!(text(&notice, 1), text(&example(), 1));
    }

    #[test]
    fn templates_hold_known_names_only() {
        assert_eq!(fields("a{text}b{id}").unwrap(), ["text", "id"]);
        for wrong in ["{name}", "{", "}", "{{text}}", "{text", "{ text }"] {
            assert!(fields(wrong).is_err(), "{wrong}");
        }
        let filling = Filling { recipient: "+49{id}", text: "{recipient}\"&", id: "7" };
        assert_eq!(filling.text("{text}/{recipient}/{id}."), "{recipient}\"&/+49{id}/7.", "filled in once");
    }

    #[test]
    fn numbers_are_international() {
        for number in ["+4915112345678", "+12025550123"] {
            assert!(is_number(number), "{number}");
        }
        for number in ["", "+", "015112345678", "+0151123456", "+49 151 123", "+1234567", "+1234567890123456"] {
            assert!(!is_number(number), "{number}");
        }
    }

    proptest! {
        #[test]
        fn nothing_of_a_log_is_in_it_and_it_fits(title in any::<String>(), who in "[a-z]{5,40}", link in proptest::option::of("https://[a-z\u{fc}\u{1f600}]{1,200}"), segments_max in 1usize..4) {
            let subject = activity::Entity::new(activity::EntityKind::PortalUser, who);
            let plain = text(&Notice { link: link.clone(), ..example() }, segments_max);
            let notice = Notice { title: title.clone(), reasons: vec![title.clone()], subject, link, ..example() };
            let text = text(&notice, segments_max);
            prop_assert!(segments::count(&text) <= segments_max);
            prop_assert_eq!(text, plain);
        }
    }
}
