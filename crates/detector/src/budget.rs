//! The false-page budget as arithmetic, fixed beforehand.
//!
//! A test is one look at one amount of one entity that did something in one hour (or day). By linearity of expectation
//! the expected number of false pages a week is at most Σ (tests a week × bound), whatever the dependence between
//! tests, if each p-value is valid. So the bound of a test of kind k is
//!
//! ```text
//! bound(k) = false_pages_per_week × share(detector) × share(k) / tests(k)
//! tests(k) = maxima(k) × metrics(k) × (2 × active hours a week(k) + 7)       hour, five minutes; and days
//! ```
//!
//! With the defaults, portal users: 2 × 0.16 × 0.5 / (5,000 × 4 × (2 × 45 + 7)) = 8.2e-8. Maxima are configured, not
//! counted, so that the bound does not move and no attacker can move it; shares keep fifty thousand addresses from
//! drowning two hundred accounts. Nothing is spent: a real attack does not use up anybody's budget.
//!
//! What this does not promise. The p-values are models: shared shifts and legitimate bulk work are not exchangeable with
//! an entity's past, and such an event pages some hours in a row until it is learned. Rules (`first_seen`,
//! `login_failures`, signatures, `silence`) have no valid p-value at all: their shares are declarations, which nothing here
//! enforces, and their false pages grow with the number of people. Signature rules that users write (`marks.rs`) have part in
//! `shares.signature` only if they say that they page. The tests on quiet worlds check the sum of everything
//! for forty users; a larger fleet has to be measured by a replay of its own logs.

use crate::{
    settings::Settings,
    watch::{Scale, metrics},
};
use activity::EntityKind;

/// Bounds per kind.
#[derive(Clone, Debug)]
pub struct Budget {
    rows: Vec<BudgetRow>,
    digest_factor: f64,
    false_pages_per_week: f64,
    /// Person-days of a week: of portal users and of integration keys, each with its part of what is tested daily.
    daily: [f64; 2],
}

/// The arithmetic for one kind, for people who want to check it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BudgetRow {
    pub kind: EntityKind,
    /// Entities reckoned with.
    pub entities: u32,
    /// Tests a week at most.
    pub tests_per_week: f64,
    /// False pages a week this kind may cost.
    pub pages_per_week: f64,
    /// Greatest p-value that pages.
    pub bound: f64,
}

/// How the volume detector's share is divided among kinds, and the hours a week in which one of them is active at most.
const KINDS: [(EntityKind, f64, f64); 8] = [
    (EntityKind::PortalUser, 0.50, 45.0),
    (EntityKind::UserTable, 0.05, 20.0),
    (EntityKind::Table, 0.10, 168.0),
    (EntityKind::DbAccount, 0.10, 168.0),
    (EntityKind::AppHost, 0.05, 168.0),
    (EntityKind::Address, 0.05, 3.0),
    (EntityKind::IntegrationKey, 0.05, 168.0),
    (EntityKind::Fleet, 0.10, 168.0),
];

const DAYS_A_WEEK: f64 = 7.0;

impl Budget {
    pub fn new(settings: &Settings) -> Self {
        let rows = KINDS.map(|(kind, share, hours)| {
            let entities = settings.maxima.of(kind);
            let tests_per_week = f64::from(entities) * metrics(kind).len() as f64 * (2.0 * hours + 7.0);
            let pages_per_week = settings.false_pages_per_week * settings.shares.volume * share;
            BudgetRow { kind, entities, tests_per_week, pages_per_week, bound: pages_per_week / tests_per_week }
        });
        let daily =
            |part: f64, entities: u32| settings.false_pages_per_week * part / (DAYS_A_WEEK * f64::from(entities));
        let daily = [daily(0.9, settings.maxima.portal_user), daily(0.1, settings.maxima.integration_key)];
        Budget {
            rows: rows.into(),
            digest_factor: settings.volume.digest_factor,
            false_pages_per_week: settings.false_pages_per_week,
            daily,
        }
    }

    /// Greatest p-value that pages, of a detector with this share of the budget and one test a day for each person or key.
    pub(crate) fn daily(&self, share: f64, kind: EntityKind) -> f64 {
        share * self.daily[usize::from(kind == EntityKind::IntegrationKey)]
    }

    /// The same of a detector that looks at the whole fleet once a day.
    pub(crate) fn daily_of_fleet(&self, share: f64) -> f64 {
        self.false_pages_per_week * share / DAYS_A_WEEK
    }

    /// One row per kind that is judged by volume.
    pub fn rows(&self) -> &[BudgetRow] {
        &self.rows
    }

    /// Greatest p-value that pages, and the greatest that the digest lists.
    pub(crate) fn bounds(&self, kind: EntityKind, _scale: Scale) -> Option<(f64, f64)> {
        let row = self.rows.iter().find(|row| row.kind == kind)?;
        Some((row.bound, (row.bound * self.digest_factor).min(1e-3)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_what_was_allowed() {
        let settings = Settings::default();
        let budget = Budget::new(&settings);
        let sum: f64 = budget.rows().iter().map(|row| row.tests_per_week * row.bound).sum();
        let allowed = settings.false_pages_per_week * settings.shares.volume;
        assert!((sum / allowed - 1.0).abs() < 1e-9, "{sum} of {allowed}");
    }

    #[test]
    fn more_entities_make_each_bound_smaller() {
        let mut settings = Settings::default();
        let bound = |settings: &Settings| Budget::new(settings).bounds(EntityKind::Table, Scale::Hour).unwrap().0;
        let before = bound(&settings);
        settings.maxima.table *= 10;
        assert!((before / bound(&settings) - 10.0).abs() < 1e-9);
    }
}
