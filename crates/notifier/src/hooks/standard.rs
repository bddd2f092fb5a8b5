//! Standard Webhooks, received: the same signature that our webhook channel sends.
//!
//! `webhook-id`, `webhook-timestamp` (Unix seconds) and `webhook-signature`: a list, separated by spaces, of `v1,` and the base64 of
//! the HMAC-SHA-256 of `id.timestamp.body`. Secrets are `whsec_` and 24 to 64 bytes in base64. The time is signed and must be within
//! [`TOLERANCE`] of ours, so an old request cannot be repeated; within it the id tells a repeat.
//!
//! Source: <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>.

use super::{BadHook, HookHeaders, HookSecrets, id};
use crate::channels::webhook::{KEY_PROBLEM, key_of};
use activity::{Span, Timestamp};
use base64::{Engine, engine::general_purpose::STANDARD};
use std::path::Path;

/// How far a sender's clock may be from ours, either way.
const TOLERANCE: Span = Span::from_minutes(5);
/// Signatures of one request that are looked at.
const SIGNATURES_MAX: usize = 8;

/// Reads what is signed in this way.
#[derive(Clone, Debug)]
pub struct StandardHook(HookSecrets);

/// What is known of a request whose signature fits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The sender's id of the message, the same in every try.
    pub id: String,
    /// When this try was sent, by the sender's clock.
    pub at: Timestamp,
}

impl StandardHook {
    /// A file of secrets, one a line.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn of(file: &Path) -> Result<Self, String> {
        HookSecrets::read(file, |line| key_of(line).ok_or(KEY_PROBLEM)).map(StandardHook)
    }

    /// Who has not signed with a secret, or not in time, is [`BadHook::Forged`].
    pub fn check(&self, headers: &HookHeaders, body: &[u8], now: Timestamp) -> Result<Signed, BadHook> {
        let header = |name: &str| headers.get(name).map(|value| value.trim());
        let (Some(name), Some(seconds), Some(signatures)) =
            (header("webhook-id"), header("webhook-timestamp"), header("webhook-signature"))
        else {
            return Err(BadHook::Forged("webhook-id, webhook-timestamp and webhook-signature are needed, each once"));
        };
        let tags = signatures.split_ascii_whitespace().filter_map(|one| STANDARD.decode(one.strip_prefix("v1,")?).ok());
        let tags: Vec<Vec<u8>> = tags.take(SIGNATURES_MAX).collect();
        if !self.0.sign(&[name.as_bytes(), b".", seconds.as_bytes(), b".", body], &tags) {
            return Err(BadHook::Forged("no signature fits"));
        }
        let at = seconds.parse::<u32>().map_err(|_| BadHook::Forged("webhook-timestamp is no time in seconds"))?;
        let at = Timestamp::from_secs(i64::from(at));
        if at < now - TOLERANCE || now + TOLERANCE < at {
            return Err(BadHook::Forged("it was sent more than five minutes ago, or by a clock that is wrong"));
        }
        Ok(Signed { id: id(name)?, at })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use standardwebhooks::Webhook;

    pub(in super::super) const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    const OTHER: &str = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    pub(in super::super) fn hook() -> StandardHook {
        let keys = [OTHER, SECRET].map(|secret| STANDARD.decode(&secret["whsec_".len()..]).unwrap());
        StandardHook(HookSecrets(keys.to_vec()))
    }

    /// Signed by the library of the standard's authors.
    pub(in super::super) fn signed(secret: &str, name: &str, at: i64, body: &[u8]) -> HookHeaders {
        let signature = Webhook::new(secret).unwrap().sign(name, at, body).unwrap();
        [("webhook-id", name.to_owned()), ("webhook-timestamp", at.to_string()), ("webhook-signature", signature)]
            .map(|(name, value)| (name.to_owned(), value))
            .into()
    }

    #[test]
    fn what_the_standards_own_library_signs_is_read_in_its_time() {
        let (now, body) = (Timestamp::from_secs(1_000_000), b"{}".as_slice());
        let check = |headers: &HookHeaders, body: &[u8]| hook().check(headers, body, now);
        for secret in [SECRET, OTHER] {
            for at in [1_000_000 - 300, 1_000_000, 1_000_000 + 300] {
                let read = check(&signed(secret, "msg_1", at, body), body).unwrap();
                assert_eq!(read, Signed { id: "msg_1".into(), at: Timestamp::from_secs(at) });
            }
        }
        for at in [1_000_000 - 301, 1_000_000 + 301] {
            assert!(matches!(check(&signed(SECRET, "msg_1", at, body), body), Err(BadHook::Forged(_))));
        }
        let foreign = signed("whsec_BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB", "msg_1", 1_000_000, body);
        assert!(matches!(check(&foreign, body), Err(BadHook::Forged(_))));
        let mut two = signed(SECRET, "msg_1", 1_000_000, body);
        let list = format!("{} v1a,AAAA {}", foreign["webhook-signature"], two["webhook-signature"]);
        two.insert("webhook-signature".into(), list);
        assert!(check(&two, body).is_ok());
        assert!(matches!(check(&two, b"{ }"), Err(BadHook::Forged(_))));
        for (name, value) in [("webhook-id", "msg_2"), ("webhook-timestamp", "1000001"), ("webhook-signature", "v1,")] {
            let mut changed = signed(SECRET, "msg_1", 1_000_000, body);
            changed.insert(name.into(), value.into());
            assert!(matches!(check(&changed, body), Err(BadHook::Forged(_))), "{name}");
            changed.remove(name);
            assert!(matches!(check(&changed, body), Err(BadHook::Forged(_))), "without {name}");
        }
    }
}
