//! What is counted of which kind of entity, and over which spans.

use activity::EntityKind;
use tally::{Metric, Tally};

/// Metrics of one kind at most.
pub(crate) const METRICS_MAX: usize = 4;

/// The spans that are judged. Windows are *aligned*, so that an alert's id does not depend on when it fired; what straddles
/// an edge is seen with at least half its size in one of the two. The five minutes slide within their hour and are
/// judged by the greatest of them, which makes them one test an hour instead of sixty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scale {
    /// The whole hour.
    Hour,
    /// The busiest five minutes of the hour.
    FiveMinutes,
    /// The UTC day, up to and with the hour judged.
    Day,
}

impl Scale {
    pub(crate) const ALL: [Scale; 3] = [Scale::Hour, Scale::FiveMinutes, Scale::Day];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Scale::Hour => "1 h",
            Scale::FiveMinutes => "5 min",
            Scale::Day => "1 day",
        }
    }
}

/// Amounts of one entity, by the metrics of its kind.
pub(crate) type Amounts = [u64; METRICS_MAX];

/// Number of (metric, scale) pairs.
pub(crate) const CELLS: usize = METRICS_MAX * Scale::ALL.len();

/// Beside the pairs: records a person touched on a day for the first time, and how many times the usual number that is.
pub(crate) const NEW_RECORDS: usize = CELLS;
pub(crate) const NOVELTY: usize = CELLS + 1;
/// And how far the share of a day's records that was new lay above the person's usual one, at most: of its logit, in [`STEPS`].
pub(crate) const SHARE_STEP: usize = CELLS + 2;
pub(crate) const STEPS: f64 = 64.0;
/// And a day's requests at hours when the person never works.
pub(crate) const OFF_HOURS: usize = CELLS + 3;

/// And the rows that a person changed in a table on a day with statements that write account numbers.
pub(crate) const BANK_ROWS: usize = CELLS + 4;

/// And the longest walk through records new to a person, of a day.
pub(crate) const WALK: usize = CELLS + 5;

/// And the deep pages of lists that a person turned, on a day with a list.
pub(crate) const DEEP_PAGES: usize = CELLS + 6;

/// Number of all cells that peers are compared by.
pub(crate) const CELLS_OF_PEERS: usize = CELLS + 7;

/// Place of a (metric, scale) pair.
pub(crate) const fn cell(metric: usize, scale: Scale) -> usize {
    metric * Scale::ALL.len() + scale as usize
}

/// What is counted of a kind; at most [`METRICS_MAX`]. Kinds without any have no volume that could be judged.
pub(crate) const fn metrics(kind: EntityKind) -> &'static [Metric] {
    match kind {
        EntityKind::PortalUser | EntityKind::IntegrationKey => {
            &[Metric::RowsSent, Metric::ClassifiedRequests, Metric::Statements, Metric::Bytes]
        }
        EntityKind::UserTable => &[Metric::RowsSent, Metric::TableTouches, Metric::Statements, Metric::RowsAffected],
        EntityKind::Table => &[Metric::RowsSent, Metric::TableTouches, Metric::Statements],
        EntityKind::DbAccount => &[Metric::RowsSent, Metric::Statements, Metric::Denied],
        EntityKind::AppHost => &[Metric::RowsSent, Metric::Statements, Metric::TableTouches],
        EntityKind::Address => &[Metric::ClassifiedRequests, Metric::Requests, Metric::Bytes],
        EntityKind::Fleet => &[Metric::LoginsFailed, Metric::ClassifiedRequests, Metric::RowsSent, Metric::Denied],
        EntityKind::Network | EntityKind::Session | EntityKind::Route | EntityKind::Source => &[],
    }
}

pub(crate) fn amounts(kind: EntityKind, tally: &Tally) -> Amounts {
    let mut amounts = [0; METRICS_MAX];
    for (amount, metric) in amounts.iter_mut().zip(metrics(kind)) {
        *amount = tally.get(*metric);
        // Rows that a statement packed into fewer were read all the same.
        if *metric == Metric::RowsSent {
            *amount = amount.saturating_add(tally.get(Metric::RowsGathered));
        }
    }
    amounts
}

pub(crate) fn add(sum: &mut Amounts, more: &Amounts) {
    for (sum, more) in sum.iter_mut().zip(more) {
        *sum = sum.saturating_add(*more);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_distinct_and_fit() {
        let mut cells: Vec<usize> =
            (0..METRICS_MAX).flat_map(|metric| Scale::ALL.map(|scale| cell(metric, scale))).collect();
        cells.sort_unstable();
        assert_eq!(cells, (0..CELLS).collect::<Vec<_>>());
        assert!(EntityKind::ALL.iter().all(|kind| metrics(*kind).len() <= METRICS_MAX));
    }
}
