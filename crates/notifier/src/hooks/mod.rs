//! Answers that come back: what services post to us, signed.
//!
//! A hook judges the signature over the raw bytes before it looks at anything in them, and then says in our words what happened to one
//! of our incidents over there. What follows from that, and whether it was heard before, is not decided here. Pure: the time comes in
//! as an argument.
//!
//! A body that is signed but makes no sense is [`BadHook::Unreadable`], apart from [`BadHook::Forged`]: a service that is refused
//! too often stops posting, so what it means well with is taken and counted.

mod pagerduty;
mod servicenow;
mod standard;

use crate::{ChannelSettings, SECRET_BYTES_MAX};
use activity::{Timestamp, printable_within};
use hmac::{Hmac, KeyInit, Mac};
use incident::IncidentId;
use pagerduty::PagerDutyHook;
use servicenow::ServiceNowHook;
pub use standard::{Signed, StandardHook};
use std::{collections::BTreeMap, fmt, fs, path::Path};

/// Bytes of one hook's secret, at least. Shorter ones are refused: they can be guessed.
const HOOK_SECRET_BYTES_MIN: usize = 16;
/// Secrets of one hook: the one in use, and others while it is being changed. More are refused.
const HOOK_SECRETS_MAX: usize = 4;
/// Characters of a name that a service gives. Beyond: cut.
const NAME_CHARACTERS_MAX: usize = 80;
/// Characters of a note. Beyond: cut.
const NOTE_CHARACTERS_MAX: usize = 900;
/// Bytes of an event's id, and of a service's own id of its incident. Beyond: unreadable.
const ID_BYTES_MAX: usize = 128;

/// Header fields of a request by their names in lower case; those that came twice are left out.
pub type HookHeaders = BTreeMap<String, String>;

/// What one channel's service may post to us.
#[derive(Clone, Debug)]
pub struct ChannelHook(Of);

#[derive(Clone, Debug)]
enum Of {
    PagerDuty(PagerDutyHook),
    ServiceNow(ServiceNowHook),
}

/// What a service says happened there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// The service's id of the event, the same in every try.
    pub id: String,
    /// When it happened, by the service's clock.
    pub at: Timestamp,
    /// Which of our incidents it is about, where the service says so.
    pub incident: Option<IncidentId>,
    /// The service's own id of its incident, where it has told one.
    pub theirs: Option<String>,
    /// Who, with the service's name behind it; the service alone, if no person did it.
    pub by: String,
    /// What to do about it; empty: nothing.
    pub acts: Vec<HeardAct>,
    /// It only repeats what we did there ourselves.
    pub own: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeardAct {
    /// A person looks after it.
    Acknowledge,
    Note(String),
}

/// Why a request is not heard.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadHook {
    /// Nobody who knows a secret has sent it, or not now.
    #[error("{0}")]
    Forged(&'static str),
    /// Signed, but of another form than is known.
    #[error("{0}")]
    Unreadable(String),
}

/// What requests to one hook may be signed with.
#[derive(Clone)]
struct HookSecrets(Vec<Vec<u8>>);

impl fmt::Debug for HookSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} secrets]", self.0.len())
    }
}

impl HookSecrets {
    /// A file with one secret a line; `key` makes a key of each.
    fn read(file: &Path, key: impl Fn(&str) -> Result<Vec<u8>, &'static str>) -> Result<Self, String> {
        let shown = file.display();
        let text = fs::read_to_string(file).map_err(|error| format!("`{shown}` cannot be read: {error}"))?;
        if text.len() > SECRET_BYTES_MAX {
            return Err(format!("`{shown}` has more than {SECRET_BYTES_MAX} bytes"));
        }
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let keys: Vec<Vec<u8>> = lines.map(key).collect::<Result<_, _>>().map_err(|why| format!("`{shown}`: {why}"))?;
        if (1..=HOOK_SECRETS_MAX).contains(&keys.len()) {
            return Ok(HookSecrets(keys));
        }
        Err(format!("`{shown}` must hold 1 to {HOOK_SECRETS_MAX} secrets, one a line"))
    }

    /// Whether any of the tags is the HMAC-SHA-256 (RFC 2104) of the parts under any of the secrets. Each comparison takes constant
    /// time; how many there are depends on the request alone.
    fn sign(&self, parts: &[&[u8]], tags: &[Vec<u8>]) -> bool {
        let mut signed = false;
        for key in &self.0 {
            let mut mac = Hmac::<sha2::Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
            parts.iter().for_each(|part| mac.update(part));
            for tag in tags {
                signed |= mac.clone().verify_slice(tag).is_ok();
            }
        }
        signed
    }
}

impl ChannelHook {
    /// The hook of a channel, if it has one. The error: the key within the channel's table, and what is wrong.
    pub fn of(settings: &ChannelSettings) -> Option<Result<ChannelHook, (&'static str, String)>> {
        let read = match settings {
            ChannelSettings::PagerDuty(settings) => PagerDutyHook::of(settings)?.map(Of::PagerDuty),
            ChannelSettings::ServiceNow(settings) => ServiceNowHook::of(settings)?.map(Of::ServiceNow),
            _ => return None,
        };
        Some(read.map(ChannelHook).map_err(|problem| ("webhook_secret_file", problem)))
    }

    /// What a request says.
    pub fn read(&self, headers: &HookHeaders, body: &[u8], now: Timestamp) -> Result<Heard, BadHook> {
        match &self.0 {
            Of::PagerDuty(hook) => hook.read(headers, body),
            Of::ServiceNow(hook) => hook.read(headers, body, now),
        }
    }
}

impl ChannelHook {
    /// The service's own id of its incident in a receipt of the channel, if it holds one.
    pub fn their_id<'a>(&self, receipt: &'a str) -> Option<&'a str> {
        match &self.0 {
            Of::PagerDuty(_) => crate::channels::pagerduty::incident_in_receipt(receipt),
            Of::ServiceNow(_) => None,
        }
    }
}

/// The incident a correlation key names, if the key is ours: `SOURCE/INC-7` as PagerDuty has it, perhaps with more behind it, or
/// `SOURCE:INC-7` as ServiceNow has it.
fn incident_of(key: &str, source: &str) -> Option<IncidentId> {
    let rest = key.strip_prefix(source)?.strip_prefix(['/', ':'])?;
    IncidentId::parse(rest.split('/').next()?)
}

/// `NAME (SERVICE)`, or the service alone.
fn signed_by(name: Option<&str>, service: &str) -> String {
    match name.map(|name| printable_within(name.trim(), NAME_CHARACTERS_MAX)).filter(|name| !name.is_empty()) {
        Some(name) => format!("{name} ({service})"),
        None => service.to_owned(),
    }
}

fn note(text: &str) -> HeardAct {
    HeardAct::Note(printable_within(text.trim(), NOTE_CHARACTERS_MAX))
}

/// An id as it is kept: neither empty nor endless.
fn id(text: &str) -> Result<String, BadHook> {
    let fits = (1..=ID_BYTES_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if fits { Ok(text.to_owned()) } else { Err(BadHook::Unreadable("its id is empty, long or not ASCII".into())) }
}

/// As text, with the bytes that JSON and our limits allow.
fn unreadable(error: &serde_json::Error) -> BadHook {
    BadHook::Unreadable(printable_within(&format!("the JSON body: {error}"), 200))
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let pair = |at: usize| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
    let digits = text.len().is_multiple_of(2) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    digits.then(|| (0..text.len()).step_by(2).filter_map(pair).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_ours_name_incidents_and_others_do_not() {
        let of = |key: &str| incident_of(key, "breachd");
        assert_eq!(of("breachd/INC-7"), Some(IncidentId(7)));
        assert_eq!(of("breachd:INC-7"), Some(IncidentId(7)));
        assert_eq!(of("breachd/INC-7/deadline/0f"), Some(IncidentId(7)));
        assert_eq!(of("breachd/INC-7/again/2"), Some(IncidentId(7)));
        for key in
            ["", "INC-7", "breachd", "breachd/", "breachd/INC-", "breachd/INC-x", "breachd2/INC-7", "x/breachd/INC-7"]
        {
            assert_eq!(of(key), None, "{key}");
        }
    }

    #[test]
    fn secrets_are_read_one_a_line_and_never_shown() {
        let file = std::env::temp_dir().join(format!("breachd-hook-secrets-{}", std::process::id()));
        let plain = |line: &str| if line.len() < 16 { Err("too short") } else { Ok(line.as_bytes().to_vec()) };
        fs::write(&file, "0123456789abcdef\n\n  fedcba9876543210\n").unwrap();
        let secrets = HookSecrets::read(&file, plain).unwrap();
        assert_eq!(secrets.0.len(), 2);
        assert!(!format!("{secrets:?}").contains("0123"));
        fs::write(&file, "\n").unwrap();
        assert!(HookSecrets::read(&file, plain).unwrap_err().contains("1 to 4 secrets"));
        fs::write(&file, "short\n").unwrap();
        assert!(HookSecrets::read(&file, plain).unwrap_err().contains("too short"));
        fs::write(&file, "0123456789abcdef\n".repeat(5)).unwrap();
        assert!(HookSecrets::read(&file, plain).is_err());
        fs::remove_file(&file).unwrap();
        assert!(HookSecrets::read(&file, plain).unwrap_err().contains("cannot be read"));
    }

    #[test]
    fn names_are_those_of_people_at_a_service() {
        assert_eq!(signed_by(Some(" Ada\u{202e} "), "PagerDuty"), "Ada\\u{202e} (PagerDuty)");
        assert_eq!(signed_by(Some("  "), "PagerDuty"), "PagerDuty");
        assert_eq!(signed_by(None, "ServiceNow"), "ServiceNow");
        assert_eq!(signed_by(Some(&"x".repeat(500)), "S").chars().count(), NAME_CHARACTERS_MAX + 4);
    }

    #[test]
    fn hex_is_pairs_of_digits() {
        assert_eq!(hex("00fF"), Some(vec![0, 255]));
        for text in ["0", "0g", "+1", "é"] {
            assert_eq!(hex(text), None, "{text}");
        }
    }
}
