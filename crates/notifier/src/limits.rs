//! Every bound of this crate, with its unit and what happens beyond it. Vendors' limits stand beside the vendor's code.

use std::time::Duration;

/// Notices one channel holds that are not settled. Beyond: [`crate::Submission::Full`], and the caller keeps it.
pub const OUTBOX_NOTICES_MAX: usize = 10_000;

/// Ids of settled notices one channel remembers, to know a repeat. Beyond: the oldest is forgotten, and a repeat of it
/// would be sent again under the same idempotency key.
pub const SETTLED_IDS_MAX: usize = 10_000;

/// Channels. Beyond: refused by `check`.
pub const CHANNELS_MAX: usize = 64;

/// Longest single attempt, whatever a channel's own time-outs add up to. Beyond: counts as a time-out.
pub const ATTEMPT_MAX: Duration = Duration::from_secs(300);

/// Longest wait a service may ask for by `Retry-After`. Beyond: taken as this long.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(3600);

/// Failed attempts in a row after which a channel tries one notice at a time until one is taken.
pub const TROUBLE_ATTEMPTS: u32 = 3;

/// When a service is asked whether it really shows what it accepted, counted from the acceptance; then never again.
pub const CONFIRM_AFTER: [Duration; 5] = [
    Duration::from_secs(1),
    Duration::from_secs(10),
    Duration::from_secs(60),
    Duration::from_secs(300),
    Duration::from_secs(1200),
];

/// Longest sleep of a channel's task: the wall clock may be set, and due times are wall times.
pub const WAKE_MAX: Duration = Duration::from_secs(60);

/// Bytes of an answer that are read. Beyond: the rest is left unread and the connection closed.
pub const ANSWER_BYTES_MAX: usize = 1_048_576;

/// Characters of a service's own words in a report or an error. Beyond: cut, with an ellipsis.
pub const REASON_CHARACTERS_MAX: usize = 300;

/// Bytes of a secret file. Beyond: refused.
pub const SECRET_BYTES_MAX: usize = 4096;

/// Recipients of one e-mail channel. Beyond: refused by `check`.
pub const RECIPIENTS_MAX: usize = 20;
