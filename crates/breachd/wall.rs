//! The wall clock: the only place in the workspace's heart-side code that reads it. Everything else is handed the time.

use activity::{Span, Timestamp};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Now, in UTC milliseconds.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Whether the wall clock is moved, beside one that nobody can move.
pub struct Steps {
    wall: Timestamp,
    at: Instant,
}

impl Steps {
    pub fn from_now_on() -> Self {
        Steps { wall: now(), at: Instant::now() }
    }

    /// By how much the wall clock was set back since it was asked last, at least; negative if it was set forward.
    pub fn back(&mut self) -> Span {
        let next = Steps::from_now_on();
        let passed_ms = i64::try_from((next.at - self.at).as_millis()).unwrap_or(i64::MAX);
        let back = Span::from_millis(passed_ms.saturating_sub((next.wall - self.wall).as_millis()));
        *self = next;
        back
    }
}
