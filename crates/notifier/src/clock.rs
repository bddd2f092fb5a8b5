//! What the dispatcher takes from the outside world besides the services: the wall clock and chance.
//!
//! Due times are wall times (people's and legal time); waiting is tokio's. Tests hand in a clock that follows tokio's
//! paused time, and a jitter without chance.

use activity::Timestamp;
use std::{
    fmt,
    hash::{BuildHasher, Hasher, RandomState},
    sync::Arc,
    time::{Duration, SystemTime},
};

#[derive(Clone)]
pub struct Surroundings {
    now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    jitter: Arc<dyn Fn() -> f64 + Send + Sync>,
}

impl Surroundings {
    /// The system's clock and the process's own randomness.
    pub fn real() -> Self {
        Surroundings { now: Arc::new(wall_now), jitter: Arc::new(random_unit) }
    }

    /// `now` is wall time, `jitter` is from 0 to 1: how much of the uncertain half of a wait is waited.
    pub fn new(
        now: impl Fn() -> Timestamp + Send + Sync + 'static,
        jitter: impl Fn() -> f64 + Send + Sync + 'static,
    ) -> Self {
        Surroundings { now: Arc::new(now), jitter: Arc::new(jitter) }
    }

    /// A wall clock that starts at `start` and follows tokio's time, paused or not, and a jitter that never varies.
    pub fn following_tokio(start: Timestamp) -> Self {
        let base = tokio::time::Instant::now();
        Surroundings::new(move || after(start, base.elapsed()), || 1.0)
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.now)()
    }

    pub(crate) fn jitter(&self) -> f64 {
        (self.jitter)().clamp(0.0, 1.0)
    }
}

impl fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Surroundings")
    }
}

/// Wall time; before 1970 counts as 1970.
pub(crate) fn wall_now() -> Timestamp {
    after(Timestamp::default(), SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default())
}

pub(crate) fn after(at: Timestamp, wait: Duration) -> Timestamp {
    at.saturating_add(activity::Span::from_millis(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)))
}

/// How long from `now` until `at`; zero if that is past.
pub(crate) fn until(at: Timestamp, now: Timestamp) -> Duration {
    Duration::from_millis(u64::try_from((at - now).as_millis()).unwrap_or(0))
}

/// In [0, 1): std's keys for hash maps are random per process and differ from call to call. Spreading retries needs no
/// better source.
fn random_unit() -> f64 {
    let bits = RandomState::new().build_hasher().finish() >> 11;
    bits as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_is_in_range_and_varies() {
        let drawn: Vec<f64> = (0..100).map(|_| random_unit()).collect();
        assert!(drawn.iter().all(|unit| (0.0..1.0).contains(unit)));
        assert!(drawn.iter().any(|unit| *unit < 0.5) && drawn.iter().any(|unit| *unit >= 0.5));
    }

    #[test]
    fn waiting_for_the_past_is_no_wait() {
        let now = Timestamp::from_secs(100);
        assert_eq!(until(Timestamp::from_secs(90), now), Duration::ZERO);
        assert_eq!(until(Timestamp::from_secs(101), now), Duration::from_secs(1));
        assert_eq!(after(now, Duration::from_millis(1500)), Timestamp::from_millis(101_500));
    }
}
