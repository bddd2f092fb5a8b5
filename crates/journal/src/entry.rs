//! One entry, and the one line that stands for it.

use crate::{Head, canonical};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::{collections::BTreeMap, fmt};

/// One decision, as it was made.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// 1, 2, 3, …: without a gap.
    pub seq: u64,
    /// Wall time of the decision, milliseconds since 1970-01-01T00:00:00Z.
    pub at: i64,
    /// What kind of decision; the body's shape goes by it.
    pub kind: String,
    pub body: Value,
    /// `topic/partition` → offset of the next record to read: what had been read when this was decided.
    pub positions: BTreeMap<String, i64>,
    /// Hash of the entry before.
    pub prev: Hash,
    pub hash: Hash,
}

/// SHA-256; shown as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub [u8; 32]);

/// Why a line is not an entry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAnEntry {
    #[error("no JSON: {0}")]
    Json(String),
    #[error("member `{0}` is missing or has the wrong type")]
    Member(&'static str),
    #[error("unknown member `{0}`")]
    Unknown(String),
    #[error("not written canonically: the line was changed or written by another program")]
    NotCanonical,
    #[error("its hash is `{stated}`, but its content hashes to `{computed}`")]
    WrongHash { stated: Hash, computed: Hash },
}

impl Entry {
    /// The entry as one line of JSON, without a line break.
    pub fn to_line(&self) -> String {
        self.canonical().expect("a chain appends only what is canonical").0
    }

    /// Reads one line, without its line break. The hash is checked; whether the entry fits after another one is the
    /// [`crate::Verifier`]'s business.
    pub fn from_line(line: &[u8]) -> Result<Self, NotAnEntry> {
        let value: Value = serde_json::from_slice(line).map_err(|error| NotAnEntry::Json(error.to_string()))?;
        let Value::Object(mut members) = value else { return Err(NotAnEntry::Json("no object".into())) };
        let entry = Entry {
            seq: take(&mut members, "seq", |value| value.as_u64())?,
            at: take(&mut members, "at", |value| value.as_i64())?,
            kind: take(&mut members, "kind", |value| value.as_str().map(str::to_owned))?,
            body: members.remove("body").ok_or(NotAnEntry::Member("body"))?,
            positions: take(&mut members, "positions", |value| {
                value.as_object()?.iter().map(|(name, next)| Some((name.clone(), next.as_i64()?))).collect()
            })?,
            prev: take(&mut members, "prev", |value| Hash::parse(value.as_str()?))?,
            hash: take(&mut members, "hash", |value| Hash::parse(value.as_str()?))?,
        };
        if let Some((name, _)) = members.into_iter().next() {
            return Err(NotAnEntry::Unknown(name));
        }
        let canonical = entry.canonical().filter(|(text, _)| text.as_bytes() == line);
        let (text, hash_at) = canonical.ok_or(NotAnEntry::NotCanonical)?;
        match hash_without(&text, hash_at) {
            computed if computed == entry.hash => Ok(entry),
            computed => Err(NotAnEntry::WrongHash { stated: entry.hash, computed }),
        }
    }

    /// Where the chain ends after this entry.
    pub fn head(&self) -> Head {
        Head { seq: self.seq, hash: self.hash }
    }

    /// What the hash should be.
    pub(crate) fn content_hash(&self) -> Hash {
        let (text, hash_at) = self.canonical().expect("a chain appends only what is canonical");
        hash_without(&text, hash_at)
    }

    /// Members in sorted order: at, body, hash, kind, positions, prev, seq; and where the hash's begins. `None`: the body holds a
    /// fraction.
    fn canonical(&self) -> Option<(String, usize)> {
        let mut out = format!("{{\"at\":{},\"body\":", self.at);
        if !canonical::write(&self.body, &mut out) {
            return None;
        }
        let hash_at = out.len();
        out.push_str(&format!(",\"hash\":\"{}\"", self.hash));
        out.push_str(",\"kind\":");
        canonical::write_string(&self.kind, &mut out);
        out.push_str(",\"positions\":{");
        for (at, (name, next)) in self.positions.iter().enumerate() {
            if at > 0 {
                out.push(',');
            }
            canonical::write_string(name, &mut out);
            out.push_str(&format!(":{next}"));
        }
        out.push_str(&format!("}},\"prev\":\"{}\",\"seq\":{}}}", self.prev, self.seq));
        Some((out, hash_at))
    }
}

/// Of a canonical line without the member that holds its hash.
fn hash_without(text: &str, hash_at: usize) -> Hash {
    const MEMBER_BYTES: usize = r#","hash":"""#.len() + 64;
    let (before, after) = (&text[..hash_at], &text[hash_at + MEMBER_BYTES..]);
    let digest = Sha256::new().chain_update("breachd journal 1\n").chain_update(before).chain_update(after).finalize();
    Hash(std::array::from_fn(|at| digest[at]))
}

fn take<T>(
    members: &mut Map<String, Value>,
    name: &'static str,
    read: impl Fn(&Value) -> Option<T>,
) -> Result<T, NotAnEntry> {
    members.remove(name).as_ref().and_then(read).ok_or(NotAnEntry::Member(name))
}

impl Hash {
    /// Before the first entry.
    pub const GENESIS: Hash = Hash([0; 32]);

    /// 64 hexadecimal digits in lower case.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        if digits.len() != 64 || !digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
            return None;
        }
        let value = |digit: u8| if digit <= b'9' { digit - b'0' } else { digit - b'a' + 10 };
        Some(Hash(std::array::from_fn(|at| value(digits[2 * at]) << 4 | value(digits[2 * at + 1]))))
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
