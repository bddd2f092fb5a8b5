//! What happens to a notice, written down once.
//!
//! The lane ([`crate::lane`]) walks this list; each stage is one file of pure decisions that take the time as an argument.

pub(crate) mod attempt;
pub(crate) mod classify;
pub(crate) mod confirm;
pub(crate) mod dedup;
pub(crate) mod hold;
pub(crate) mod limit;
pub(crate) mod record;
pub(crate) mod retry;

/// The stages in order: name, and what the stage decides.
pub const STAGES: [(&str, &str); 8] = [
    ("dedup", "a notice id that is known is not taken in again"),
    ("hold", "nothing leaves before `hold_until`; one incident's notices keep their order; the gravest go first"),
    ("limit", "attempts per minute, attempts at once, pauses the service asked for"),
    ("attempt", "one try, with its time limit; a panic is a failed try"),
    ("classify", "an answer or its absence: taken, refused for good, or worth another try"),
    ("retry", "when the next try is: exponential, spread by chance, never past `expires_at`"),
    ("confirm", "the service is asked whether it shows what it accepted"),
    ("record", "one report for each attempt and one at the end; metrics"),
];
