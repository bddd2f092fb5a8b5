//! How far event time has come in one source partition, in offset order.
//!
//! The watermark is the greatest stamp that is *believed*. What is more than the allowed lateness behind it is late, so one
//! wrong clock must not carry it away. A stamp at most the allowed lateness ahead is believed at once: were it wrong, no true
//! record would be late. A stamp further ahead begins a *leap*, which is believed only once records near or behind it in time
//! have covered the allowed lateness again, with none between them that is nearer to the old time:
//!
//! | source | what happens |
//! |---|---|
//! | goes on after a pause | two minutes of its records confirm the leap; none of them is late meanwhile |
//! | speaks once in hours | each stamp is confirmed by the next: the watermark is one entry behind |
//! | one stamp is wrong | the next true record ends the leap |
//! | one of several hosts has a wrong clock | the others' records end its leaps, again and again |
//! | all clocks are wrong | nothing in the log says so; see below |
//!
//! Where it is known when a record was written, a stamp further behind that instant in the future than [`ahead_max`] is taken for that
//! instant and as much; it is counted as *ahead*. This holds for the very first stamp too. So a session that stamps its
//! statements with the future (`SET timestamp`) makes nobody's record late that was written within [`ahead_max`]
//! of its stamp. That is not proof (the producer's clock may be the same wrong one), so the rule of leaps holds for it too.
//!
//! Who speaks once in hours must not be judged only when he speaks again. A stamp that agrees with when its record was written, to the
//! allowed lateness, is *attested*; once the partition has fallen silent it is told as reached ([`Watermark::reached`]), so that
//! whoever waits for event time waits no longer. What is late is decided as ever, by the watermark. Clocks that are wrong together (of a host
//! that stamps its entries and its records) carry that away, but not beyond now: the ingest role tells no later time than its own.
//!
//! What remains: where that is not known (a file, a producer that writes no times), whoever has the log for himself for two entries, with
//! stamps more than the allowed lateness apart, carries event time away; and the first stamp is believed: there is nothing to
//! compare it with. To ask for more entries would not stop him, for he can send as many, and would hold up sources
//! that speak once a day. What is late then still counts in full, in the minute to which event time was carried.
//!
//! The losing alternatives: to believe any stamp within 24 hours at once (a clock wrong by an hour made an hour of true records
//! late); a fixed number of followers (a host with a wrong clock sends them in one burst, and a source that speaks
//! twice a day takes days).

use activity::{Span, Timestamp};

/// How far a stamp may be ahead of when its record was written: half the allowed lateness, so that even the furthest leaves as
/// much for others to be on their way; at most what Kerberos tolerates. Clocks that are set by NTP differ by less than a second.
pub(crate) fn ahead_max(allowed: Span) -> Span {
    Span::from_minutes(5).min(Span::from_millis(allowed.as_millis() / 2))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Watermark {
    greatest: Timestamp,
    leap: Option<Leap>,
    /// The greatest attested stamp.
    attested: Timestamp,
}

/// Stamps ahead that nothing has confirmed yet: the first of them, and the greatest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Leap {
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
}

impl Default for Watermark {
    fn default() -> Self {
        Watermark::new(Timestamp::MIN, None)
    }
}

impl Watermark {
    pub(crate) fn new(greatest: Timestamp, leap: Option<Leap>) -> Self {
        Watermark { greatest, leap, attested: Timestamp::MIN }
    }

    /// A stamp that agrees with when its record was written.
    pub(crate) fn attest(&mut self, at: Timestamp) {
        self.attested = self.attested.max(at);
    }

    /// The greatest attested stamp, where it is not believed yet.
    pub(crate) fn attested(&self) -> Option<Timestamp> {
        Some(self.attested).filter(|attested| self.greatest < *attested)
    }

    /// How far event time has come in a partition that has fallen silent.
    pub(crate) fn reached(&self) -> Timestamp {
        self.greatest.max(self.attested)
    }

    /// The greatest stamp believed so far; [`Timestamp::MIN`] if none.
    pub(crate) fn greatest(&self) -> Timestamp {
        self.greatest
    }

    pub(crate) fn leap(&self) -> Option<Leap> {
        self.leap
    }

    /// The latest that records have said, believed or not: what local times that occur twice are compared with.
    pub(crate) fn latest(&self) -> Timestamp {
        self.leap.map_or(self.greatest, |leap| leap.to)
    }

    /// Whether a record is late: more than `allowed` behind the greatest stamp before it.
    pub(crate) fn is_late(&self, at: Timestamp, allowed: Span) -> bool {
        at < self.greatest.saturating_sub(allowed)
    }

    /// Takes in a stamp. A late one says nothing of how far time has come, nor against a leap.
    pub(crate) fn advance(&mut self, at: Timestamp, allowed: Span) {
        if self.is_late(at, allowed) {
            return;
        }
        if self.greatest == Timestamp::MIN || at <= self.greatest.saturating_add(allowed) {
            *self = Watermark { greatest: self.greatest.max(at), leap: None, ..*self };
            return;
        }
        let Some(leap) = self.leap.filter(|leap| leap.from.saturating_sub(allowed) <= at) else {
            self.leap = Some(Leap { from: at, to: at });
            return;
        };
        let confirmed = leap.from.saturating_add(allowed) <= at;
        if at <= leap.to.saturating_add(allowed) {
            let to = leap.to.max(at);
            *self = if confirmed {
                Watermark { greatest: to, leap: None, ..*self }
            } else {
                Watermark { leap: Some(Leap { to, ..leap }), ..*self }
            };
        } else {
            // It confirms what came before, and is a leap itself.
            *self = Watermark { greatest: leap.to, leap: Some(Leap { from: at, to: at }), ..*self };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOWED: Span = Span::from_minutes(2);

    /// The watermark after stamps in seconds.
    fn after(seconds: &[i64]) -> i64 {
        let mut watermark = Watermark::default();
        seconds.iter().for_each(|second| watermark.advance(Timestamp::from_secs(*second), ALLOWED));
        watermark.greatest().as_secs()
    }

    /// How many true records are late, when `wrong` stamps of other clocks come in between.
    fn late(stamps: impl IntoIterator<Item = (i64, bool)>) -> usize {
        let mut watermark = Watermark::default();
        let mut late = 0;
        for (second, is_true) in stamps {
            let at = Timestamp::from_secs(second);
            late += usize::from(is_true && watermark.is_late(at, ALLOWED));
            watermark.advance(at, ALLOWED);
        }
        late
    }

    #[test]
    fn a_small_step_is_believed_and_makes_nothing_late() {
        assert_eq!(after(&[1000, 1120]), 1120);
        assert_eq!(late([(1000, true), (1120, false), (1000, true)]), 0);
    }

    #[test]
    fn one_wrong_stamp_does_not_carry_it_away() {
        for wrong in [121, 600, 3600, 86_400, 1 << 40] {
            assert_eq!(after(&[1000, 1000 + wrong, 1001]), 1001, "{wrong}");
            let records = (0..600).map(|at| if at == 300 { (at + wrong, false) } else { (at, true) });
            assert_eq!(late(records), 0, "{wrong}");
        }
        assert_eq!(after(&[1000, i64::MAX / 1000, 1001]), 1001);
    }

    #[test]
    fn one_wrong_clock_among_others_does_not_carry_it_away() {
        for (wrong, burst) in [(3600, 1), (3600, 50), (-3600, 50), (86_400, 20)] {
            // Bursts of `burst` records in one second, in turn from a right and a wrong host.
            let records = (0..3600).flat_map(|at| {
                let host = if at % 2 == 0 { (at, true) } else { (at + wrong, false) };
                std::iter::repeat_n(host, burst)
            });
            assert_eq!(late(records), 0, "{wrong} {burst}");
        }
    }

    #[test]
    fn a_pause_ends_after_the_allowed_lateness() {
        let resumed: Vec<i64> = std::iter::once(1000).chain((0..200).map(|at| 50_000 + at)).collect();
        assert_eq!(after(&resumed[..121]), 1000);
        assert_eq!(after(&resumed[..122]), 50_120);
        assert_eq!(after(&resumed), 50_199);
        assert_eq!(late(resumed.iter().map(|second| (*second, true))), 0);
    }

    #[test]
    fn a_sparse_source_is_one_entry_behind() {
        let hours = |hours: &[i64]| after(&hours.iter().map(|hour| hour * 3600).collect::<Vec<_>>()) / 3600;
        assert_eq!(hours(&[0, 3, 6, 9]), 6);
        assert_eq!(hours(&[0, 3, 9000, 6, 9]), 6);
        assert_eq!(hours(&[0, 9000, 3, 6]), 3);
        assert_eq!(hours(&[0, 3, 2, 6]), 2, "what comes in the wrong order confirms nothing");
    }

    #[test]
    fn a_clock_that_is_behind_does_not_hold_it_for_ever() {
        let records = (0..200).flat_map(|at| [50_000 + at, at - 5000]);
        let stamps: Vec<i64> = std::iter::once(1000).chain(records).collect();
        assert_eq!(after(&stamps), 50_199);
    }

    #[test]
    fn what_is_latest_includes_what_is_not_believed() {
        let mut watermark = Watermark::default();
        assert_eq!(watermark.latest(), Timestamp::MIN);
        for second in [1000, 5000] {
            watermark.advance(Timestamp::from_secs(second), ALLOWED);
        }
        assert_eq!((watermark.greatest().as_secs(), watermark.latest().as_secs()), (1000, 5000));
    }

    #[test]
    fn what_is_attested_is_reached_and_makes_nothing_late() {
        let mut watermark = Watermark::default();
        let at = Timestamp::from_secs;
        watermark.advance(at(1000), ALLOWED);
        watermark.attest(at(1000));
        assert_eq!((watermark.attested(), watermark.reached()), (None, at(1000)));
        watermark.advance(at(50_000), ALLOWED);
        assert_eq!(watermark.reached(), at(1000), "nobody knows when it was written");
        watermark.attest(at(50_000));
        assert_eq!((watermark.attested(), watermark.reached()), (Some(at(50_000)), at(50_000)));
        assert!(!watermark.is_late(at(900), ALLOWED));
        watermark.advance(at(60_000), ALLOWED);
        assert_eq!((watermark.greatest(), watermark.attested()), (at(50_000), None));
    }

    #[test]
    fn late_is_behind_the_greatest_stamp() {
        let mut watermark = Watermark::default();
        let at = Timestamp::from_secs;
        assert!(!watermark.is_late(at(0), Span::ZERO));
        watermark.advance(at(1000), ALLOWED);
        assert!(!watermark.is_late(at(880), ALLOWED));
        assert!(watermark.is_late(at(879), ALLOWED));
    }
}
