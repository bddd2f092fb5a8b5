//! How far the stamps in a log are from when its records were written: wrong clocks, wrong zones, slow shippers.

use activity::Span;

/// Time of writing less the stamp: positive where the record came later than what it tells, which is usual; negative where the
/// log's clock is ahead of the broker's, or its zone is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Skew {
    pub min: Span,
    pub max: Span,
    /// Of all entries; saturating.
    pub sum: Span,
    pub count: u64,
}

impl Skew {
    pub(crate) fn of(skew: Span) -> Self {
        Skew { min: skew, max: skew, sum: skew, count: 1 }
    }

    pub(crate) fn merge(&mut self, other: Skew) {
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.sum = self.sum + other.sum;
        self.count += other.count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skews_add_up() {
        let mut skew = Skew::of(Span::from_secs(3));
        skew.merge(Skew::of(Span::from_secs(-5)));
        let whole = Skew { min: Span::from_secs(-5), max: Span::from_secs(3), sum: Span::from_secs(-2), count: 2 };
        assert_eq!(skew, whole);
    }
}
