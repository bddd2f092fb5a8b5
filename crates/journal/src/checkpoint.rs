//! Signed checkpoints: what the journal was, in a form that others can keep and check.
//!
//! A checkpoint is a C2SP tlog checkpoint (c2sp.org/tlog-checkpoint): the origin, the number of entries and the root of the
//! [`Tree`] over them, as a signed note (c2sp.org/signed-note):
//!
//! ```text
//! example.com/journal
//! 1042
//! CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
//!
//! — example.com/journal GivoXVNXjZN5…
//! ```
//!
//! It says what a chain alone cannot: that its end was cut off, or that all of it was written anew. It carries no time, since a
//! time is nothing that the tree proves; its last entry has one.
//!
//! [`in_text`] finds checkpoints in a topic's record, in a file of many, and in a mail: it goes by words, so that lines that
//! were joined, wrapped, indented or quoted on the way are no obstacle. This takes nothing from a signature: it is checked over the
//! exact text that the specification gives, which is made anew from the three words.

use crate::{Hash, PublicKey, SigningKey, Tree};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use std::fmt;

/// Signatures of one checkpoint that are read, at most: others may add theirs to it.
const SIGNATURES_MAX: usize = 32;

/// A journal's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    pub origin: String,
    /// Entries.
    pub size: u64,
    pub root: Hash,
}

/// A checkpoint as it was found, not yet believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedCheckpoint {
    /// Unless a key [verifies](Self::verify) it, only what somebody wrote.
    pub stated: Checkpoint,
    signatures: Vec<Signature>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Signature {
    name: String,
    key: u32,
    /// Of another length: no signature of ours.
    bytes: Vec<u8>,
}

/// Why a checkpoint is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotBelieved {
    #[error("the checkpoint of {size} entries is signed by none of the keys given")]
    UnknownKey { size: u64 },
    #[error(
        "the checkpoint of {size} entries bears the name of the key `{key}`, but that key has not signed it: it is forged"
    )]
    Forged { size: u64, key: String },
}

impl Checkpoint {
    /// Of the journal that is called as the key is.
    pub fn sign(tree: &Tree, key: &SigningKey) -> SignedCheckpoint {
        let public = key.public();
        let stated = Checkpoint { origin: public.name().to_owned(), size: tree.size(), root: tree.root() };
        let bytes = key.sign(&stated.to_string()).to_vec();
        let signatures = vec![Signature { name: public.name().to_owned(), key: public.id(), bytes }];
        SignedCheckpoint { stated, signatures }
    }
}

/// The text that is signed.
impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}\n{}\n", self.origin, self.size, STANDARD.encode(self.root.0))
    }
}

impl SignedCheckpoint {
    /// What it states, if one of these keys has signed it for its own journal.
    pub fn verify(&self, keys: &[PublicKey]) -> Result<&Checkpoint, NotBelieved> {
        let size = self.stated.size;
        let text = self.stated.to_string();
        let mut verified = false;
        for signature in &self.signatures {
            let known = keys.iter().find(|key| key.id() == signature.key && *key.name() == *signature.name);
            let Some(key) = known else { continue };
            let signed = signature.bytes.as_slice().try_into().is_ok_and(|bytes| key.verifies(&text, bytes));
            if !signed {
                return Err(NotBelieved::Forged { size, key: key.to_string() });
            }
            verified |= *key.name() == *self.stated.origin;
        }
        if verified { Ok(&self.stated) } else { Err(NotBelieved::UnknownKey { size }) }
    }
}

/// The signed note.
impl fmt::Display for SignedCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.stated)?;
        for Signature { name, key, bytes } in &self.signatures {
            let mut all = key.to_be_bytes().to_vec();
            all.extend(bytes);
            writeln!(f, "— {name} {}", STANDARD.encode(all))?;
        }
        Ok(())
    }
}

/// Every checkpoint in a text that its own journal's key, by its name, has signed first, in their order. What is none is passed over, also
/// what was torn on the way.
pub fn in_text(text: &str) -> Vec<SignedCheckpoint> {
    let words: Vec<&str> = text.split_whitespace().filter(|word| !matches!(*word, ">" | "-" | "*" | "|")).collect();
    let mut found: Vec<SignedCheckpoint> = Vec::new();
    // Where the signature that was read last ends: another one there signs the same checkpoint.
    let mut ends = 0;
    for at in words.iter().enumerate().filter(|(_, word)| **word == "—").map(|(at, _)| at) {
        let Some(signature) = words.get(at + 1..at + 3).and_then(signature) else { continue };
        if at == ends
            && let Some(last) = found.last_mut()
        {
            if last.signatures.len() < SIGNATURES_MAX {
                last.signatures.push(signature);
            }
        } else if let Some(stated) = at.checked_sub(3).and_then(|from| stated(&words[from..at]))
            && stated.origin == signature.name
        {
            found.push(SignedCheckpoint { stated, signatures: vec![signature] });
        } else {
            continue;
        }
        ends = at + 3;
    }
    found
}

fn signature(words: &[&str]) -> Option<Signature> {
    let [name, signed] = words else { return None };
    let bytes = STANDARD.decode(signed).ok()?;
    let (key, bytes) = bytes.split_first_chunk()?;
    Some(Signature { name: (*name).to_owned(), key: u32::from_be_bytes(*key), bytes: bytes.to_vec() })
}

fn stated(words: &[&str]) -> Option<Checkpoint> {
    let [origin, size, root] = words else { return None };
    let size: u64 = size.parse().ok().filter(|number: &u64| number.to_string() == **size)?;
    let root = STANDARD.decode(root).ok()?;
    Some(Checkpoint { origin: (*origin).to_owned(), size, root: Hash(root.try_into().ok()?) })
}
