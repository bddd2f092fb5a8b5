//! Every bound of the crate, with its unit and what happens beyond it.

use std::time::Duration;

/// Characters of one [`crate::Text`]; longer text is cut and ends in `…`.
pub const TEXT_CHARACTERS_MAX: usize = 1000;

/// Bytes of a request's body; a longer one is refused with 413.
pub const BODY_BYTES_MAX: usize = 16 * 1024;

/// Bytes of what a program posts to a hook; more is refused with 413. PagerDuty promises at most 55 KB.
pub const HOOK_BODY_BYTES_MAX: usize = 64 * 1024;

/// Bytes of a request's head; a longer one is refused with 431.
pub const HEAD_BYTES_MAX: usize = 16 * 1024;

/// Header fields of a request; more are refused with 431.
pub const HEADERS_MAX: usize = 64;

/// Connections served at once; further ones wait in the kernel's queue.
pub const CONNECTIONS_MAX: usize = 256;

/// From the first byte of a request's head to its last; then the connection is closed.
pub const HEAD_READ_MAX: Duration = Duration::from_secs(10);

/// From the end of the head to the answer, the body's arrival included; then 503.
pub const REQUEST_MAX: Duration = Duration::from_secs(15);

/// Life of a connection, so that a client that does not read cannot hold one for ever; then it is closed.
pub const CONNECTION_MAX: Duration = Duration::from_secs(300);

/// How long running requests are waited for at shutdown; then they are cut.
pub const DRAIN_MAX: Duration = Duration::from_secs(10);

/// Bytes of an incident's or a drill's id in a path; a longer one does not exist (404).
pub const ID_BYTES_MAX: usize = 64;

/// Bytes of the token of a signed link.
pub const LINK_BYTES_MAX: usize = 300;

/// Characters of the reason for a verdict about an alert; more are refused with 422.
pub const REASON_CHARACTERS_MAX: usize = 400;

/// Characters of the name of who commands; more are refused with 422.
pub const NAME_CHARACTERS_MAX: usize = 80;

/// Characters of a comment; more are refused with 422.
pub const COMMENT_CHARACTERS_MAX: usize = TEXT_CHARACTERS_MAX;

/// Characters of one field of a draft; more are refused with 422.
pub const DRAFT_FIELD_CHARACTERS_MAX: usize = 4_000;

/// Bytes of a verdict's or scenario's word; more are refused with 422.
pub const WORD_BYTES_MAX: usize = 48;

/// Bytes of the code of a place (ISO 3166, with its part after a dash); more are refused with 422.
pub const PLACE_BYTES_MAX: usize = 6;

/// Rows of any one list on a page; the page says how many are left off. The API gives all the desk gives.
pub const ROWS_MAX: usize = 200;

/// Bytes of the access token, from and to; a file with less or more is refused at start.
pub const TOKEN_BYTES: std::ops::RangeInclusive<usize> = 24..=512;
