//! How fast what was learned fades: by the half-life of the settings, and in the time before that was changed by the one before it.
//!
//! What rests is not touched hour by hour; when it is needed again it fades for all the time since. A rate alone would then count a change
//! as if it had always been so for whatever rested, and not for what lies beside it and was active: a place that a group had not used for
//! three weeks would lose half its share of the group's hours on the day on which the half-life is halved. So the changes are kept, in the
//! snapshot as well. What they cost is a loop over none of them, or few. Dropped: letting everything fade to the hour of the change and
//! storing it so (hours that wait to be learned lie before that, and the next checkpoint would write every entity).

use crate::packed::{packed, packed_as};

/// Changes that are remembered: what was in force before the oldest of them counts as having always been.
const CHANGES_MAX: usize = 16;

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pace {
    /// Now, in hours.
    half_life: HalfLife,
    /// Ascending.
    earlier: Vec<Earlier>,
}

/// In hours; positive.
#[derive(Clone, Copy, Debug, PartialEq)]
struct HalfLife(f64);

/// A half-life that was in force through an hour.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Earlier {
    through: i64,
    half_life: HalfLife,
}

impl Pace {
    pub(crate) fn of_days(half_life: f64) -> Self {
        Pace { half_life: HalfLife(half_life * 24.0), earlier: Vec::new() }
    }

    /// This one from the end of hour `through` on, and `before` until then.
    pub(crate) fn after(self, before: Pace, through: i64) -> Self {
        if before.half_life == self.half_life {
            return before;
        }
        let mut earlier = before.earlier;
        // Nothing may have closed since the last change.
        if earlier.last().is_none_or(|last| last.through < through) {
            earlier.push(Earlier { through, half_life: before.half_life });
        }
        earlier.drain(..earlier.len().saturating_sub(CHANGES_MAX));
        Pace { earlier, ..self }
    }

    /// What is left in hour `to` of what there was in hour `from`.
    pub(crate) fn keep(&self, from: i64, to: i64) -> f64 {
        let (mut half_lives, mut from) = (0.0, from.min(to));
        for Earlier { through, half_life } in &self.earlier {
            let until = (*through).clamp(from, to);
            half_lives += half_life.in_hours(from, until);
            from = until;
        }
        (-(half_lives + self.half_life.in_hours(from, to))).exp2()
    }
}

impl HalfLife {
    fn in_hours(self, from: i64, to: i64) -> f64 {
        to.saturating_sub(from) as f64 / self.0
    }
}

packed!(Pace { half_life, earlier });
packed!(Earlier { through, half_life });
packed_as!(HalfLife: f64, |hours| hours.0,
    |hours| (hours.is_finite() && hours > 0.0).then_some(HalfLife(hours)), "a half-life");

#[cfg(test)]
mod tests {
    use super::*;

    fn halves(pace: &Pace, from: i64, to: i64) -> f64 {
        -pace.keep(from, to).log2()
    }

    #[test]
    fn what_rests_fades_by_what_was_in_force() {
        let pace = Pace::of_days(2.0).after(Pace::of_days(1.0), 100).after(Pace::of_days(1.0), 100);
        let pace = Pace::of_days(0.5).after(pace, 148);
        assert_eq!(halves(&pace, 76, 100), 1.0);
        assert_eq!(halves(&pace, 100, 148), 1.0);
        assert_eq!(halves(&pace, 148, 160), 1.0);
        assert_eq!(halves(&pace, 52, 172), 5.0);
        assert_eq!((pace.keep(7, 7), pace.keep(9, 7), pace.keep(100, 100)), (1.0, 1.0, 1.0));
        // In one step or in many.
        let steps: f64 = (52..172).map(|hour| pace.keep(hour, hour + 1)).product();
        assert!((steps / pace.keep(52, 172) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn no_change_is_none_and_two_in_an_hour_are_one() {
        let pace = Pace::of_days(1.0).after(Pace::of_days(1.0), 5);
        assert_eq!(pace, Pace::of_days(1.0));
        let pace = Pace::of_days(3.0).after(Pace::of_days(2.0).after(pace, 5), 5);
        assert_eq!((halves(&pace, -19, 5), halves(&pace, 5, 77)), (1.0, 1.0));
        assert_eq!(pace.earlier.len(), 1);
    }

    #[test]
    fn so_many_changes_and_no_more() {
        let days = |change: i64| 1.0 + (change % 2) as f64;
        let pace = (0..100).fold(Pace::of_days(2.0), |pace, change| Pace::of_days(days(change)).after(pace, change));
        assert_eq!(pace.earlier.len(), CHANGES_MAX);
        assert!(pace.keep(i64::MIN, i64::MAX) == 0.0 && halves(&pace, 99, 99 + 48) == 1.0);
    }
}
