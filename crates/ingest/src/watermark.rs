//! How far event time has come in one source partition, in offset order.
//!
//! The watermark is the greatest stamp so far. One wrong clock must not carry it away: were it in next year, everything
//! after would be late. So a stamp more than [`LEAP`] ahead moves it only once [`FOLLOWERS`] more records have come near
//! that stamp, as after a pause of the source. Until then its record counts where it stands, and the watermark does not
//! move. The first stamp of all is believed: there is nothing to compare it with.

use activity::{Span, Timestamp};

/// How far ahead a stamp may be to be believed at once.
pub(crate) const LEAP: Span = Span::from_hours(24);

/// How many records must follow a leap.
pub(crate) const FOLLOWERS: u8 = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Watermark {
    greatest: Timestamp,
    leap: Option<Leap>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Leap {
    pub(crate) to: Timestamp,
    pub(crate) followers: u8,
}

impl Default for Watermark {
    fn default() -> Self {
        Watermark { greatest: Timestamp::MIN, leap: None }
    }
}

impl Watermark {
    pub(crate) fn new(greatest: Timestamp, leap: Option<Leap>) -> Self {
        Watermark { greatest, leap }
    }

    /// The greatest stamp so far; [`Timestamp::MIN`] if none.
    pub(crate) fn greatest(&self) -> Timestamp {
        self.greatest
    }

    pub(crate) fn leap(&self) -> Option<Leap> {
        self.leap
    }

    /// Whether a record is late: more than `allowed` behind the greatest stamp before it.
    pub(crate) fn is_late(&self, at: Timestamp, allowed: Span) -> bool {
        at < self.greatest.saturating_sub(allowed)
    }

    pub(crate) fn advance(&mut self, at: Timestamp) {
        if self.greatest == Timestamp::MIN || at <= self.greatest + LEAP {
            self.greatest = self.greatest.max(at);
            self.leap = None;
            return;
        }
        let leap = match self.leap {
            Some(leap) if leap.to.saturating_sub(LEAP) <= at && at <= leap.to + LEAP => {
                Leap { to: leap.to.max(at), followers: leap.followers + 1 }
            }
            _ => Leap { to: at, followers: 0 },
        };
        self.leap = Some(leap);
        if FOLLOWERS <= leap.followers {
            *self = Watermark { greatest: leap.to, leap: None };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(hours: &[i64]) -> i64 {
        let mut watermark = Watermark::default();
        hours.iter().for_each(|hour| watermark.advance(Timestamp::from_secs(hour * 3600)));
        watermark.greatest().as_secs() / 3600
    }

    #[test]
    fn one_wrong_clock_does_not_carry_it_away() {
        assert_eq!(after(&[100, 101, 90]), 101);
        assert_eq!(after(&[100, 9000, 101]), 101);
        assert_eq!(after(&[100, 9000, 9000, 9000, 101, 9000]), 101);
    }

    #[test]
    fn a_pause_does() {
        assert_eq!(after(&[100, 200, 200, 201]), 100);
        assert_eq!(after(&[100, 200, 200, 201, 199]), 201);
        assert_eq!(after(&[100, 9000, 200, 200, 200, 200]), 200);
    }

    #[test]
    fn late_is_behind_the_greatest_stamp() {
        let mut watermark = Watermark::default();
        let at = Timestamp::from_secs;
        assert!(!watermark.is_late(at(0), Span::ZERO));
        watermark.advance(at(1000));
        assert!(!watermark.is_late(at(880), Span::from_minutes(2)));
        assert!(watermark.is_late(at(879), Span::from_minutes(2)));
    }
}
