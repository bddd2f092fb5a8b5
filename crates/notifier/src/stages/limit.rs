//! Stage 3: how many attempts per minute, how many at once, and pauses the service asked for.
//!
//! The minute is a sliding one, as PagerDuty and others count it: a bucket that refills would let twice the rate through
//! in some minute. A pause (`Retry-After`) holds for the channel, not only for the notice that met it; questions
//! whether the service shows a notice have a limit of their own, and a pause that only they met holds for them alone. After
//! [`TROUBLE_ATTEMPTS`] failures in a row one attempt at a time goes out, until one succeeds.

use crate::{Pace, RETRY_AFTER_MAX, TROUBLE_ATTEMPTS, clock::after};
use activity::{Span, Timestamp};
use std::{collections::VecDeque, time::Duration};

#[derive(Debug)]
pub(crate) struct Limit {
    per_minute: usize,
    concurrency: usize,
    gap: Span,
    /// Starts of the last `per_minute` attempts.
    started: VecDeque<Timestamp>,
    paused_until: Option<Timestamp>,
    failures_in_row: u32,
}

impl Limit {
    pub(crate) fn new(pace: &Pace) -> Self {
        Limit {
            per_minute: (pace.rate_per_minute as usize).max(1),
            concurrency: pace.concurrency.max(1),
            gap: Span::from_millis(i64::try_from(pace.gap.as_millis()).unwrap_or(i64::MAX)),
            started: VecDeque::new(),
            paused_until: None,
            failures_in_row: 0,
        }
    }

    /// How many attempts may run at once now.
    pub(crate) fn width(&self) -> usize {
        if self.failures_in_row >= TROUBLE_ATTEMPTS { 1 } else { self.concurrency }
    }

    /// When the next attempt may start; `now` or earlier means at once.
    pub(crate) fn free_at(&self, now: Timestamp) -> Timestamp {
        let by_rate = match self.started.front() {
            Some(first) if self.started.len() >= self.per_minute => *first + Span::from_minutes(1),
            _ => now,
        };
        let by_gap = self.started.back().map_or(now, |last| *last + self.gap);
        // A wall clock that was set back must not hold the channel for longer than the minute, or the gap, it stands for.
        let by_pace = by_rate.min(now + Span::from_minutes(1)).max(by_gap.min(now + self.gap));
        by_pace.max(self.paused_until.unwrap_or(now))
    }

    pub(crate) fn start(&mut self, now: Timestamp) {
        if self.started.len() >= self.per_minute {
            self.started.pop_front();
        }
        self.started.push_back(now);
    }

    pub(crate) fn succeed(&mut self) {
        self.failures_in_row = 0;
    }

    /// The service failed, or asked for a pause.
    pub(crate) fn fail(&mut self, now: Timestamp, pause: Option<Duration>) {
        self.failures_in_row = self.failures_in_row.saturating_add(1);
        if let Some(pause) = pause {
            let until = after(now, pause.min(RETRY_AFTER_MAX));
            self.paused_until = Some(self.paused_until.map_or(until, |already| already.max(until)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Period, Retry};

    fn limit(rate_per_minute: u32) -> Limit {
        let gap = Period::from_secs(0);
        Limit::new(&Pace {
            timeout: Period::from_secs(1),
            rate_per_minute,
            concurrency: 4,
            gap,
            retry: Retry::default(),
        })
    }

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    #[test]
    fn no_sliding_minute_holds_more_than_the_rate() {
        let mut limit = limit(3);
        let mut starts = Vec::new();
        let mut now = at(0);
        for step in 0..50 {
            now = limit.free_at(now).max(now) + Span::from_secs(step % 7);
            limit.start(now);
            starts.push(now);
        }
        for start in &starts {
            let within = starts.iter().filter(|other| *start <= **other && **other < *start + Span::from_minutes(1));
            assert!(within.count() <= 3);
        }
    }

    #[test]
    fn a_pause_is_kept_and_bounded() {
        let mut limit = limit(60);
        limit.fail(at(10), Some(Duration::from_secs(30)));
        limit.fail(at(11), Some(Duration::from_secs(1)));
        assert_eq!(limit.free_at(at(12)), at(40));
        limit.fail(at(12), Some(Duration::from_secs(u64::MAX)));
        assert_eq!(limit.free_at(at(12)), at(12 + 3600));
    }

    #[test]
    fn trouble_narrows_and_success_widens() {
        let mut limit = limit(60);
        (0..TROUBLE_ATTEMPTS).for_each(|_| limit.fail(at(0), None));
        assert_eq!(limit.width(), 1);
        limit.succeed();
        assert_eq!(limit.width(), 4);
    }

    #[test]
    fn a_gap_lies_between_any_two_starts() {
        let mut limit = Limit { gap: Span::from_secs(1), ..limit(60) };
        assert_eq!(limit.free_at(at(5)), at(5));
        limit.start(at(5));
        assert_eq!(limit.free_at(at(5)), at(6));
        assert_eq!(limit.free_at(at(9)), at(9));
        assert_eq!(limit.free_at(at(1)), at(2), "a clock set back holds for one gap only");
    }

    #[test]
    fn a_clock_set_back_holds_nothing_for_long() {
        let mut limit = limit(1);
        limit.start(at(1_000_000));
        assert_eq!(limit.free_at(at(0)), at(60));
    }
}
