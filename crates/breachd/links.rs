//! Links by which a contact answers a notice: signed, for one question, one contact and a while.
//!
//! `…/ack/TOKEN`, where `TOKEN` is the claim in base64url, a dot, and HMAC-SHA-256 (RFC 2104) of it under the key of `[contacts]`.
//! Nothing is stored: the claim says what it is for, the tag that it is ours. Opening a link changes nothing, because mail
//! scanners open every link; the page behind it asks, and its form is what answers.
//!
//! A token is put in when a notice is handed over to its channel, and is never journaled: whoever may read the audit trail
//! must not be able to act in other people's names. The same notice has the same token, so a repeated mail is the same mail.

use crate::command_id;
use activity::{Span, Timestamp};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use incident::{IncidentId, Notice, NoticeId, NoticeKind, Reply};
use sha2::Sha256;

/// An incident can be acknowledged by a link for so long after the notice was decided.
const ACKNOWLEDGE_WITHIN: Span = Span::from_hours(72);
/// Bytes of a token; ours are shorter by construction.
const TOKEN_BYTES_MAX: usize = 300;

/// The key that signs; without one there are no links.
#[derive(Clone, Default)]
pub struct LinkKey(Option<Vec<u8>>);

/// What a link says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    pub claim: Claim,
    /// Name of the contact in whose name it answers.
    pub contact: String,
    pub until: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// I look after this incident.
    Acknowledge(IncidentId),
    /// This test arrived.
    Confirm(NoticeId),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadLink {
    #[error("it is not one of ours, or it was cut off on the way: open it from the message itself")]
    Forged,
    #[error("its time is over")]
    Expired,
}

impl std::fmt::Debug for LinkKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() { "LinkKey(set)" } else { "LinkKey(unset)" })
    }
}

impl LinkKey {
    /// Shortest key that is accepted, in bytes.
    pub const BYTES_MIN: usize = 16;

    /// Surrounding white space is not part of the key (files end in a line break).
    pub fn new(key: &[u8]) -> Option<Self> {
        let key = key.trim_ascii();
        (key.len() >= Self::BYTES_MIN).then(|| LinkKey(Some(key.to_vec())))
    }

    pub fn is_set(&self) -> bool {
        self.0.is_some()
    }

    /// `None` without a key.
    pub fn token(&self, link: &Link) -> Option<String> {
        let Link { claim, contact, until } = link;
        let claim = match claim {
            Claim::Acknowledge(incident) => format!("a|{}", incident.0),
            Claim::Confirm(notice) => format!("c|{}", notice.0),
        };
        let body = BASE64_URL_SAFE_NO_PAD.encode(format!("{claim}|{contact}|{}", until.as_millis()));
        let tag = self.mac(&["link", &body])?.finalize().into_bytes();
        Some(format!("{body}.{}", BASE64_URL_SAFE_NO_PAD.encode(tag)))
    }

    /// Constant time in the tag.
    pub fn read(&self, token: &str, now: Timestamp) -> Result<Link, BadLink> {
        let link = self.genuine(token).ok_or(BadLink::Forged)?;
        if link.until <= now { Err(BadLink::Expired) } else { Ok(link) }
    }

    fn genuine(&self, token: &str) -> Option<Link> {
        if token.len() > TOKEN_BYTES_MAX {
            return None;
        }
        let (body, tag) = token.split_once('.')?;
        let tag = BASE64_URL_SAFE_NO_PAD.decode(tag).ok()?;
        self.mac(&["link", body])?.verify_slice(&tag).ok()?;
        let text = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(body).ok()?).ok()?;
        let mut parts = text.split('|');
        let (kind, what, contact, until) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let claim = match kind {
            "a" => Claim::Acknowledge(IncidentId(what.parse().ok()?)),
            "c" => Claim::Confirm(NoticeId(what.to_owned())),
            _ => return None,
        };
        Some(Link { claim, contact: contact.to_owned(), until: Timestamp::from_millis(until.parse().ok()?) })
    }

    /// Eight digits that only whoever got this test can know; `None` without a key.
    pub fn code(&self, test: &NoticeId) -> Option<String> {
        let tag = self.mac(&["code", &test.0])?.finalize().into_bytes();
        let number = tag.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        Some(format!("{:08}", number % 100_000_000))
    }

    /// Puts into a notice for one contact how that contact can answer. `base`: the console's public address.
    pub fn answerable(&self, mut notice: Notice, base: Option<&str>) -> Notice {
        let Some(to) = &mut notice.recipient else { return notice };
        let (claim, within) = match notice.kind {
            NoticeKind::Escalated => (Claim::Acknowledge(notice.incident), ACKNOWLEDGE_WITHIN),
            NoticeKind::ContactTest => (Claim::Confirm(notice.id.clone()), incident::limits::TEST_VALID),
            _ => return notice,
        };
        let code = matches!(claim, Claim::Confirm(_)).then(|| self.code(&notice.id)).flatten();
        let link = Link { claim, contact: to.contact.clone(), until: notice.decided_at + within };
        let link = base.and_then(|base| Some(format!("{}/ack/{}", base.trim_end_matches('/'), self.token(&link)?)));
        to.reply = (link.is_some() || code.is_some()).then_some(Reply { link, code });
        notice
    }

    fn mac(&self, parts: &[&str]) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.as_ref()?).expect("HMAC takes a key of any length");
        mac.update(b"breachd answer 1");
        for part in parts {
            mac.update(&(part.len() as u64).to_le_bytes());
            mac.update(part.as_bytes());
        }
        Some(mac)
    }
}

/// Id of the command that a link gives: pressing its button twice is one command. `life`: what it answers can come anew (an incident that
/// was opened again, an acknowledgement that lapsed), and then the same link answers anew.
pub fn command_id(token: &str, life: &str) -> String {
    command_id::derived("link", &[token, life])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> LinkKey {
        LinkKey::new(b"0123456789abcdef\n").unwrap()
    }

    fn link() -> Link {
        let until = Timestamp::from_secs(1_000);
        Link { claim: Claim::Acknowledge(IncidentId(7)), contact: "ada".into(), until }
    }

    #[test]
    fn a_token_says_what_it_was_made_for_until_its_end() {
        let before = Timestamp::from_secs(999);
        for claim in [Claim::Acknowledge(IncidentId(7)), Claim::Confirm(NoticeId("0f".repeat(16)))] {
            let link = Link { claim, ..link() };
            let token = key().token(&link).unwrap();
            assert_eq!(key().read(&token, before), Ok(link.clone()));
            assert_eq!(key().read(&token, link.until), Err(BadLink::Expired));
            assert!(
                token.len() < TOKEN_BYTES_MAX
                    && token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
            );
        }
        assert_eq!(LinkKey::default().token(&link()), None);
        assert!(LinkKey::new(b"  too short  ").is_none());
    }

    #[test]
    fn no_other_token_is_ours() {
        let token = key().token(&link()).unwrap();
        let (body, tag) = token.split_once('.').unwrap();
        let other = BASE64_URL_SAFE_NO_PAD.encode("a|8|ada|1000000");
        let foreign = LinkKey::new(b"another key of 16 bytes").unwrap().token(&link()).unwrap();
        let flipped = (0..token.len()).map(|at| {
            let mut bytes = token.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            String::from_utf8(bytes).unwrap()
        });
        let wrong = [
            format!("{other}.{tag}"),
            body.to_owned(),
            format!("{body}."),
            format!(".{tag}"),
            String::new(),
            foreign,
            "x".repeat(10_000),
        ];
        for wrong in wrong.into_iter().chain(flipped) {
            // The last character of a tag has bits that say nothing: another one with the same meaning is refused as well.
            assert_eq!(key().read(&wrong, Timestamp::from_secs(1)), Err(BadLink::Forged), "{wrong}");
            assert_eq!(LinkKey::default().read(&wrong, Timestamp::from_secs(1)), Err(BadLink::Forged));
        }
    }

    #[test]
    fn a_link_answers_once_in_each_life_of_what_it_asks() {
        let (token, other) =
            (key().token(&link()).unwrap(), key().token(&Link { contact: "ben".into(), ..link() }).unwrap());
        assert_eq!(command_id(&token, "0.0"), command_id(&token, "0.0"));
        assert_ne!(command_id(&token, "0.0"), command_id(&token, "0.1"));
        assert_ne!(command_id(&token, "0.0"), command_id(&other, "0.0"));
    }

    #[test]
    fn codes_are_eight_digits_of_one_test() {
        let (one, other) = (NoticeId("1".repeat(32)), NoticeId("2".repeat(32)));
        let code = key().code(&one).unwrap();
        assert!(code.len() == 8 && code.bytes().all(|byte| byte.is_ascii_digit()));
        assert_eq!(key().code(&one), Some(code.clone()));
        assert_ne!(key().code(&other), Some(code));
    }
}
