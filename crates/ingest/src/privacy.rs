//! What leaves ingest instead of what identifies: keyed hashes and pseudonyms.
//!
//! No text of a statement, literal, password, token or session id leaves ingest. Session ids and integration keys become
//! HMAC-SHA-256, cut to 128 bits and written as 32 hexadecimal digits; each kind under its own prefix, so that equal texts of
//! different kinds do not meet. Account numbers that are written leave as the first 16 digits of such a hash. The key comes from `[privacy] key_file`. **Without a key** the same function runs with an
//! empty one: hashes then only hide the text; who knows a session id can find its hash (`breachd check` says so).
//!
//! With `pseudonymise_users` every portal user becomes `p-` and 16 digits of HMAC, wherever the user appears: ids, pairs,
//! logins, candidates, persons. The HR directory must be mapped with the same function: [`Pseudonyms::of`]. The key is what
//! leads back from a pseudonym to a person (by hashing the names of the directory), so who has only alerts cannot. Of a path that is told of,
//! only steps that are known to be those of pages stay: those that patterns of routes name, and words for what is done.
//!
//! The name tried in a login that was refused is a user's name here, because failures and the success behind them must meet
//! in one entity. But people type passwords into that field, too: what cannot be an account's name ([`Pseudonyms::tried`])
//! leaves as `tried-` and 12 digits of HMAC. **A password of letters, digits and `. _ @ + ' -` looks like a name and leaves as
//! one**; only pseudonyms hide that. Cost: users whose names hold other characters are not recognised in their failed logins.
//!
//! From the key comes another, of the order in which records are sampled ([`tally::SampleKey`]): whoever chooses ids of records does not know
//! which stay in a sample. Without a key that order is public, because a random one would differ from run to run. A third is that of the ids
//! of alerts, which name nobody to whoever lacks it.
//!
//! Not hidden: names of database accounts, those of refused connections too, of tables, hosts, addresses and browsers.

use crate::settings::{self, DeadLetters};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use std::{borrow::Cow, fmt};
use tally::SampleKey;

/// Hashes and pseudonyms under one key. The key's two blocks are hashed once, when it is made.
#[derive(Clone)]
pub struct Pseudonyms {
    keyed: Hmac<Sha256>,
    sample: SampleKey,
    has_key: bool,
    users: bool,
    dead_letters: DeadLetters,
}

/// Sorts of text that are hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    Session,
    IntegrationKey,
    RequestId,
    User,
    TriedName,
    Payee,
}

impl Sort {
    /// Written before the text; ends in a byte that is in no such text.
    const fn prefix(self) -> &'static [u8] {
        match self {
            Sort::Session => b"breachd session v1\0",
            Sort::IntegrationKey => b"breachd integration key v1\0",
            Sort::RequestId => b"breachd request id v1\0",
            Sort::User => b"breachd user v1\0",
            Sort::TriedName => b"breachd tried name v1\0",
            Sort::Payee => b"breachd payee v1\0",
        }
    }
}

impl Default for Pseudonyms {
    /// No key, no pseudonyms.
    fn default() -> Self {
        Pseudonyms::new(&settings::Privacy::default(), None)
    }
}

impl fmt::Debug for Pseudonyms {
    /// Never the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pseudonyms").field("has_key", &self.has_key).field("users", &self.users).finish_non_exhaustive()
    }
}

impl Pseudonyms {
    /// Bytes of a key, at least.
    pub const KEY_BYTES_MIN: usize = 16;

    /// `key`: what `key_file` holds.
    pub fn new(privacy: &settings::Privacy, key: Option<&[u8]>) -> Self {
        let keyed = Hmac::new_from_slice(key.unwrap_or_default()).expect("HMAC takes keys of any length");
        let has_key = key.is_some_and(|key| !key.is_empty());
        Pseudonyms {
            sample: if has_key { sample_key(keyed.clone()) } else { SampleKey::PUBLIC },
            keyed,
            has_key,
            users: privacy.pseudonymise_users,
            dead_letters: privacy.dead_letters,
        }
    }

    /// What stands for a portal user: the pseudonym if that is configured, else the name.
    pub fn of<'a>(&self, user: &'a str) -> Cow<'a, str> {
        if !self.users || user.is_empty() {
            return Cow::Borrowed(user);
        }
        let mut pseudonym = String::with_capacity(18);
        pseudonym.push_str("p-");
        self.write::<8>(Sort::User, user, &mut pseudonym);
        Cow::Owned(pseudonym)
    }

    /// What stands for the name tried in a login that was refused: as [`Pseudonyms::of`], but if it cannot be an account's name,
    /// `tried-` and 12 digits of its hash.
    pub(crate) fn tried<'a>(&self, name: &'a str) -> Cow<'a, str> {
        let is_name = name.len() <= TRIED_NAME_BYTES_MAX
            && name.chars().all(|sign| sign.is_alphanumeric() || "._@+'-".contains(sign));
        if is_name || self.users {
            return self.of(name);
        }
        let mut tried = String::with_capacity(18);
        tried.push_str("tried-");
        self.write::<6>(Sort::TriedName, name, &mut tried);
        Cow::Owned(tried)
    }

    /// Whether portal users become pseudonyms.
    pub fn hides_users(&self) -> bool {
        self.users
    }

    /// Whether there is a key.
    pub fn has_key(&self) -> bool {
        self.has_key
    }

    /// The order in which records are sampled: the deployment's own, or the public one without a key.
    pub fn sample_key(&self) -> SampleKey {
        self.sample
    }

    /// What ids of alerts go by; `None` without a key.
    pub fn alert_key(&self) -> Option<[u8; 32]> {
        let mut keyed = self.keyed.clone();
        keyed.update(b"breachd ids of alerts v1\0");
        self.has_key.then(|| keyed.finalize().into_bytes().into())
    }

    /// Appends the first `BYTES` of the hash, in hexadecimal digits.
    pub(crate) fn write<const BYTES: usize>(&self, sort: Sort, text: &str, to: &mut String) {
        let mut keyed = self.keyed.clone();
        keyed.update(sort.prefix());
        keyed.update(text.as_bytes());
        for byte in keyed.finalize().into_bytes().iter().take(BYTES) {
            for digit in [byte >> 4, byte & 15] {
                to.push(char::from(HEXADECIMAL[usize::from(digit)]));
            }
        }
    }

    /// What a dead letter keeps of these bytes.
    pub fn excerpt(&self, bytes: &[u8]) -> Vec<u8> {
        match self.dead_letters {
            DeadLetters::Full => bytes.to_vec(),
            DeadLetters::None => Vec::new(),
            DeadLetters::Masked => masked(bytes),
        }
    }
}

const HEXADECIMAL: &[u8; 16] = b"0123456789abcdef";

/// 16 bytes of the hash are the key, the next four its id.
fn sample_key(mut keyed: Hmac<Sha256>) -> SampleKey {
    keyed.update(b"breachd sample of records v1\0");
    let hash: [u8; 32] = keyed.finalize().into_bytes().into();
    let id = u32::from_be_bytes(std::array::from_fn(|at| hash[16 + at]));
    SampleKey::new(id, std::array::from_fn(|at| hash[at]))
}

/// Bytes of a name tried in a login that leaves as it is.
const TRIED_NAME_BYTES_MAX: usize = 64;

/// Words of log formats and of SQL that stay in a masked dead letter, because they tell its shape; sorted.
const WORDS: &[&str] = &[
    "AND",
    "CONNECT",
    "DELETE",
    "DISCONNECT",
    "FAILED_CONNECT",
    "FROM",
    "GET",
    "HTTP",
    "Host",
    "INSERT",
    "INTO",
    "Id",
    "JOIN",
    "LIMIT",
    "Lock_time",
    "ORDER",
    "POST",
    "PUT",
    "QC_hit",
    "QUERY",
    "Query",
    "Query_time",
    "READ",
    "Rows_affected",
    "Rows_examined",
    "Rows_sent",
    "SELECT",
    "SET",
    "Schema",
    "Thread_id",
    "Time",
    "UPDATE",
    "User",
    "VALUES",
    "WHERE",
    "WRITE",
    "after",
    "args",
    "before",
    "body_bytes_sent",
    "bytes",
    "bytes_sent",
    "channel",
    "connection_id",
    "context",
    "datetime",
    "error",
    "event",
    "extra",
    "false",
    "fields",
    "host",
    "http_user_agent",
    "ip",
    "level",
    "level_name",
    "log",
    "message",
    "method",
    "msg",
    "null",
    "op",
    "payload",
    "portal_user",
    "realip",
    "remote_addr",
    "remote_user",
    "request",
    "request_id",
    "request_method",
    "request_time",
    "request_uri",
    "route",
    "rows",
    "schema",
    "server_protocol",
    "session",
    "source",
    "statement",
    "status",
    "table",
    "time",
    "time_iso8601",
    "timestamp",
    "true",
    "ts_ms",
    "uri",
    "use",
    "user",
    "user_agent",
    "x_forwarded_for",
];

/// The shape of a text: letters become `a`, digits `0`, bytes beyond ASCII `?`; signs and [`WORDS`] stay.
fn masked(bytes: &[u8]) -> Vec<u8> {
    let mut shape = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || !byte.is_ascii();
        let length = bytes[at..].iter().take_while(|byte| is_word(byte)).count();
        if length == 0 {
            shape.push(bytes[at]);
            at += 1;
            continue;
        }
        let word = &bytes[at..at + length];
        let known = std::str::from_utf8(word).is_ok_and(|word| WORDS.binary_search(&word).is_ok());
        shape.extend(word.iter().map(|byte| match byte {
            _ if known => *byte,
            b'0'..=b'9' => b'0',
            b'_' => b'_',
            _ if byte.is_ascii() => b'a',
            _ => b'?',
        }));
        at += length;
    }
    shape
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keyed(users: bool) -> Pseudonyms {
        let privacy = settings::Privacy { pseudonymise_users: users, ..Default::default() };
        Pseudonyms::new(&privacy, Some(b"0123456789abcdef"))
    }

    #[test]
    fn hashes_are_hmac_sha_256() {
        // RFC 4231 has no such message; computed with: printf 'breachd session v1\0s1' | openssl dgst -sha256 -hmac 0123456789abcdef
        let hash = |pseudonyms: &Pseudonyms, sort: Sort| {
            let mut hash = String::new();
            pseudonyms.write::<16>(sort, "s1", &mut hash);
            hash
        };
        assert_eq!(hash(&keyed(false), Sort::Session), "8b9f07c490781992f4ed4aafff1fc71d");
        assert_ne!(hash(&keyed(false), Sort::IntegrationKey), "8b9f07c490781992f4ed4aafff1fc71d");
        assert_ne!(hash(&Pseudonyms::default(), Sort::Session), "8b9f07c490781992f4ed4aafff1fc71d");
    }

    #[test]
    fn the_order_of_samples_comes_from_the_key() {
        // printf 'breachd sample of records v1\0' | openssl dgst -sha256 -hmac 0123456789abcdef
        let key = 0xe3c1_af14_b349_da01_25a7_46e7_5369_532b_u128;
        assert_eq!(keyed(false).sample_key(), SampleKey::new(0xbd6d_3b39, key.to_be_bytes()));
        assert_eq!(keyed(true).sample_key(), keyed(false).sample_key());
        for key in [None, Some(&b""[..])] {
            assert_eq!(Pseudonyms::new(&settings::Privacy::default(), key).sample_key(), SampleKey::PUBLIC);
        }
        let other = Pseudonyms::new(&settings::Privacy::default(), Some(b"0123456789abcdeg")).sample_key();
        assert_ne!(other.id(), keyed(false).sample_key().id());
    }

    #[test]
    fn ids_of_alerts_have_a_key_of_their_own() {
        // printf 'breachd ids of alerts v1\0' | openssl dgst -sha256 -hmac 0123456789abcdef
        let key = keyed(false).alert_key().unwrap();
        assert_eq!(key[..8], 0x890d_4925_7239_cac6_u64.to_be_bytes());
        assert_eq!(Pseudonyms::default().alert_key(), None);
    }

    #[test]
    fn users_become_pseudonyms_only_if_configured() {
        assert_eq!(keyed(false).of("u1"), "u1");
        let pseudonym = keyed(true).of("u1").into_owned();
        assert_eq!(pseudonym, "p-82fd79c81927cf79");
        assert_eq!(keyed(true).of(""), "");
        assert_ne!(
            Pseudonyms::new(&settings::Privacy { pseudonymise_users: true, ..Default::default() }, None).of("u1"),
            pseudonym
        );
    }

    #[test]
    fn only_what_may_be_an_accounts_name_stays_of_a_refused_login() {
        for name in ["u1", "anna.schmidt@example.com", "o'brien", "zoë", "x+y_z-1", ""] {
            assert_eq!(keyed(false).tried(name), name);
        }
        for name in ["my pass", "Secret#1", "a\nb", "pass\u{0}", &"x".repeat(65)] {
            let tried = keyed(false).tried(name).into_owned();
            assert!(tried.starts_with("tried-") && tried.len() == 18, "{tried}");
            assert_ne!(tried, Pseudonyms::default().tried(name), "the key decides");
            assert_eq!(keyed(true).tried(name), keyed(true).of(name));
        }
    }

    #[test]
    fn a_mask_keeps_the_shape_and_the_words_of_formats() {
        assert!(WORDS.is_sorted());
        let text = "20260302 00:00:01,db1,root,10.0.0.1,7,1,QUERY,hr,'SET PASSWORD = \\'SECRETxyz\u{fc}\\'',0";
        let shape = "00000000 00:00:00,aa0,aaaa,00.0.0.0,0,0,QUERY,aa,'SET aaaaaaaa = \\'aaaaaaaaa??\\'',0";
        assert_eq!(String::from_utf8(masked(text.as_bytes())).expect("ASCII"), shape);
    }

    #[test]
    fn dead_letters_keep_what_is_configured() {
        let of = |dead_letters| {
            Pseudonyms::new(&settings::Privacy { dead_letters, ..Default::default() }, None).excerpt(b"a1 READ")
        };
        assert_eq!(of(DeadLetters::Masked), b"a0 READ");
        assert_eq!(of(DeadLetters::Full), b"a1 READ");
        assert_eq!(of(DeadLetters::None), b"");
    }
}
