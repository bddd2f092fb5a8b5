//! Which alerts were raised of late, so that a repeat from behind the horizon is told from news.
//!
//! While an hour is open its entities know what they have said of it (`paged`, `said`), so nothing here is asked for every tally. What
//! is left are records that come after their hour was closed, and drills that wait in silent logs. For those a bounded memory is
//! enough: an alert raised twice has one id, and readers count an id once. What stays at the limit does not depend on the order in
//! which it came: the latest windows, of one window the greatest ids.

use crate::{alert::AlertId, limits::RAISED_MAX, packed::packed};
use std::collections::BTreeSet;

/// Ids with the end of their nominal window, in hours.
#[derive(Debug, Default)]
pub(crate) struct Raised {
    ids: BTreeSet<(i64, AlertId)>,
    /// Ids forgotten before their time.
    pub(crate) forgotten: u64,
}

impl Raised {
    /// Remembers an id; false if it was known. One that finds no room counts as unknown.
    pub(crate) fn insert(&mut self, hour: i64, id: AlertId) -> bool {
        let is_new = self.ids.insert((hour, id));
        while RAISED_MAX < self.ids.len() {
            self.ids.pop_first();
            self.forgotten += 1;
        }
        is_new
    }

    pub(crate) fn contains(&self, hour: i64, id: AlertId) -> bool {
        self.ids.contains(&(hour, id))
    }

    /// Forgets what ended before this hour.
    pub(crate) fn forget(&mut self, before: i64) {
        while self.ids.first().is_some_and(|(hour, _)| *hour < before) {
            self.ids.pop_first();
        }
    }
}

packed!(Raised { ids, forgotten });

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::AlertWindow;
    use activity::{Entity, EntityKind, Mode, Timestamp};

    fn id(n: usize) -> AlertId {
        let entity = Entity::new(EntityKind::Address, n.to_string());
        let window = AlertWindow { from: Timestamp::from_secs(0), to: Timestamp::from_secs(3_600) };
        AlertId::of("volume", &entity, &entity, window, Mode::Live)
    }

    #[test]
    fn what_stays_at_the_limit_does_not_depend_on_the_order() {
        let hour = |n: usize| (n / 1_000) as i64;
        let n = RAISED_MAX + 2_500;
        let (mut upwards, mut downwards) = (Raised::default(), Raised::default());
        assert!((0..n).all(|n| upwards.insert(hour(n), id(n))));
        (0..n).rev().for_each(|n| assert!(downwards.insert(hour(n), id(n))));
        assert_eq!((upwards.ids.len(), upwards.forgotten, downwards.forgotten), (RAISED_MAX, 2_500, 2_500));
        assert!(upwards.ids == downwards.ids);
        assert!(!upwards.insert(hour(n - 1), id(n - 1)) && upwards.contains(hour(n - 1), id(n - 1)));
        assert!(!upwards.contains(0, id(0)) && upwards.insert(0, id(0)), "forgotten, so told once more");
        upwards.forget(i64::MAX);
        assert!(upwards.ids.is_empty());
    }
}
