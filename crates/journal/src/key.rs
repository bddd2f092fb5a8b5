//! Keys that sign checkpoints, in the text forms of C2SP signed notes.
//!
//! ```text
//! public   NAME+ID+BASE64( 0x01 ‖ public key, 32 bytes )
//! private  PRIVATE+KEY+NAME+ID+BASE64( 0x01 ‖ seed, 32 bytes )
//! ID       first 4 bytes of SHA-256( NAME ‖ "\n" ‖ 0x01 ‖ public key ), 8 hexadecimal digits
//! ```
//!
//! The private form is the one of Go's `golang.org/x/mod/sumdb/note`, so that its tools can be used. The name says whose
//! journal it is and is the checkpoints' origin: a new key keeps the name and has another id, and old checkpoints go on being
//! verified by the old public key.
//!
//! Signing is deterministic (RFC 8032); a new key's seed comes from outside, as all randomness.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_dalek::Signer as _;
use sha2::{Digest, Sha256};
use std::fmt;

/// Characters of a key's name, at most.
pub const NAME_CHARACTERS_MAX: usize = 200;

const PRIVATE: &str = "PRIVATE+KEY+";

/// The only kind of signature here: Ed25519.
const ED25519: u8 = 1;

/// Signs checkpoints. Never shown but by [`Self::to_text`].
#[derive(Clone)]
pub struct SigningKey {
    public: PublicKey,
    secret: ed25519_dalek::SigningKey,
}

/// Verifies checkpoints.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    name: String,
    id: u32,
    key: ed25519_dalek::VerifyingKey,
}

/// Why a text is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    #[error("the name must be 1 to {NAME_CHARACTERS_MAX} characters without spaces, controls and `+`")]
    Name,
    #[error("no public key; one looks like `example.com/journal+1a2b3c4d+AZ…`")]
    Public,
    #[error("no private key; `breachd audit keygen` makes one")]
    Private,
    #[error("its id does not fit its name and key: it was cut or changed")]
    Id,
}

impl SigningKey {
    /// `seed`: 32 random bytes, the private key of RFC 8032.
    pub fn new(name: &str, seed: &[u8; 32]) -> Result<Self, BadKey> {
        let secret = ed25519_dalek::SigningKey::from_bytes(seed);
        Ok(SigningKey { public: PublicKey::new(name, secret.verifying_key())?, secret })
    }

    pub fn parse(text: &str) -> Result<Self, BadKey> {
        let (name, id, seed) = text.trim().strip_prefix(PRIVATE).and_then(parts).ok_or(BadKey::Private)?;
        let key = SigningKey::new(name, &seed)?;
        if key.public.id == id { Ok(key) } else { Err(BadKey::Id) }
    }

    /// The secret itself.
    pub fn to_text(&self) -> String {
        let PublicKey { name, id, .. } = &self.public;
        format!("{PRIVATE}{name}+{id:08x}+{}", encoded(self.secret.as_bytes()))
    }

    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    pub(crate) fn sign(&self, text: &str) -> [u8; 64] {
        self.secret.sign(text.as_bytes()).to_bytes()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.public)
    }
}

impl PublicKey {
    fn new(name: &str, key: ed25519_dalek::VerifyingKey) -> Result<Self, BadKey> {
        let plain = |c: char| !(c.is_whitespace() || c.is_control() || c == '+');
        if name.is_empty() || name.chars().count() > NAME_CHARACTERS_MAX || !name.chars().all(plain) {
            return Err(BadKey::Name);
        }
        let hash =
            Sha256::new().chain_update(name).chain_update([b'\n', ED25519]).chain_update(key.as_bytes()).finalize();
        let id = u32::from_be_bytes(std::array::from_fn(|at| hash[at]));
        Ok(PublicKey { name: name.to_owned(), id, key })
    }

    pub fn parse(text: &str) -> Result<Self, BadKey> {
        let (name, id, bytes) = parts(text.trim()).ok_or(BadKey::Public)?;
        let key = ed25519_dalek::VerifyingKey::from_bytes(&bytes).map_err(|_| BadKey::Public)?;
        let key = PublicKey::new(name, key)?;
        if key.id == id { Ok(key) } else { Err(BadKey::Id) }
    }

    /// Whose journal it is: the checkpoints' origin.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn id(&self) -> u32 {
        self.id
    }

    pub(crate) fn verifies(&self, text: &str, signature: &[u8; 64]) -> bool {
        self.key.verify_strict(text.as_bytes(), &ed25519_dalek::Signature::from_bytes(signature)).is_ok()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{:08x}+{}", self.name, self.id, encoded(self.key.as_bytes()))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn encoded(key: &[u8; 32]) -> String {
    let mut bytes = [ED25519; 33];
    bytes[1..].copy_from_slice(key);
    STANDARD.encode(bytes)
}

/// `NAME+ID+KEY`
fn parts(text: &str) -> Option<(&str, u32, [u8; 32])> {
    let (name, rest) = text.split_once('+')?;
    let (id, key) = rest.split_once('+')?;
    let is_id = id.len() == 8 && id.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    let bytes = STANDARD.decode(key).ok()?;
    let (kind, key) = bytes.split_first()?;
    if !is_id || *kind != ED25519 {
        return None;
    }
    Some((name, u32::from_str_radix(id, 16).ok()?, key.try_into().ok()?))
}
