//! Stage 6: when the next try is.
//!
//! Attempt *n* failed: the wait is `first · 2^(n-1)`, at most `max`, of which the lower half is certain and the upper half
//! is left to chance ("equal jitter"), so that many notices do not come back at once. A service's own `Retry-After` is a
//! lower bound. A try that would come at or after `expires_at` is not waited for: the notice expires now, and people
//! gain the time.

use crate::{RETRY_AFTER_MAX, Retry, clock::after};
use activity::Timestamp;
use std::time::Duration;

/// The wall time of the next try; `None`: there is no time for one.
pub(crate) fn next_at(
    retry: &Retry,
    attempts: u32,
    retry_after: Option<Duration>,
    jitter: f64,
    now: Timestamp,
    expires_at: Timestamp,
) -> Option<Timestamp> {
    let doublings = attempts.saturating_sub(1).min(31);
    let full = retry.first.0.saturating_mul(1 << doublings).min(retry.max.0);
    let own = full.div_f64(2.0) + full.div_f64(2.0).mul_f64(jitter);
    let wait = own.max(retry_after.unwrap_or_default().min(RETRY_AFTER_MAX)).max(Duration::from_millis(1));
    let next = after(now, wait);
    (next < expires_at).then_some(next)
}

#[cfg(test)]
mod tests {
    use super::*;
    use activity::Span;
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp::from_secs(1000);

    fn wait_secs(attempts: u32, retry_after: Option<u64>, jitter: f64) -> Option<i64> {
        next_at(
            &Retry::default(),
            attempts,
            retry_after.map(Duration::from_secs),
            jitter,
            NOW,
            NOW + Span::from_hours(9),
        )
        .map(|at| (at - NOW).as_secs())
    }

    #[test]
    fn doubles_up_to_the_greatest() {
        let waits: Vec<_> = (1..=10).filter_map(|attempts| wait_secs(attempts, None, 1.0)).collect();
        assert_eq!(waits, [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
        assert_eq!(wait_secs(1, None, 0.0), Some(1));
        assert_eq!(wait_secs(u32::MAX, None, 1.0), Some(300));
    }

    #[test]
    fn the_services_word_is_a_lower_bound() {
        assert_eq!(wait_secs(1, Some(77), 0.0), Some(77));
        assert_eq!(wait_secs(9, Some(1), 1.0), Some(300));
        assert_eq!(wait_secs(1, Some(u64::MAX), 0.0), Some(3600));
    }

    proptest! {
        #[test]
        fn never_at_or_past_the_end_and_always_later(attempts in 1u32..100, after_secs in proptest::option::of(0u64..10_000), jitter in 0.0f64..1.0, left_ms in 0i64..4_000_000) {
            let expires_at = NOW + Span::from_millis(left_ms);
            let next = next_at(&Retry::default(), attempts, after_secs.map(Duration::from_secs), jitter, NOW, expires_at);
            if let Some(next) = next {
                prop_assert!(NOW < next && next < expires_at);
            }
        }
    }
}
