//! A half-life that is changed: what was learned is known after the restart as before it.

use crate::world::World;
use activity::{EntityKind, Record};
use detector::{Alert, Settings};
use tally::Metric;

const HOME: (&str, &str) = ("DE/home", "92.20.1.1");
/// Two of them were there for an hour, ten days before the restart.
const OFFICE: (&str, &str) = ("DE/office", "80.108.1.1");
const NOWHERE: (&str, &str) = ("DE/hosting", "177.1.1.1");
const TABLE: &str = "hr.employees";

/// Of the settings.
const BEFORE: f64 = 21.0;

fn settings(half_life_days: f64) -> Settings {
    let mut settings = Settings::default();
    settings.maxima.portal_user = 50;
    settings.volume.half_life_days = half_life_days;
    settings
}

fn users() -> Vec<String> {
    (0..10).map(|n| format!("e{n}")).collect()
}

fn work(world: &mut World) {
    if !world.office() {
        return;
    }
    let hour = world.hour as u64;
    for (n, user) in (0..).zip(users()) {
        let rows = 5 + (hour * 7 + n * 3) % 20;
        world.read(&user, TABLE, rows, 4, HOME, (n as i64 * 5) % 60);
        touch(world, &user, (0..4).map(|k| n * 100 + (hour * 5 + k * 3) % 12));
    }
}

/// Reads records that have these numbers.
fn touch(world: &mut World, user: &str, numbers: impl Iterator<Item = u64>) {
    let records: Vec<Record> = numbers.map(|number| Record::new("employee", &number.to_string())).collect();
    let tally = world.tally(EntityKind::PortalUser, user, 40);
    records.into_iter().for_each(|record| tally.records.insert(record));
}

/// Three weeks of office work up to Monday 12:00, when one person has just read far too much; a restart under this half-life; and a day and
/// a half, in which the same work goes on and something else happens on Tuesday at 15:00. What was raised at any time.
fn outcome(half_life_days: Option<f64>, event: impl Fn(&mut World)) -> Vec<Alert> {
    let mut world = World::new(settings(BEFORE), &users());
    for hour in 0..21 * 24 + 12 {
        work(&mut world);
        if hour == 11 * 24 + 20 {
            for user in ["e7", "e8"] {
                let tally = world.tally(EntityKind::PortalUser, user, 20);
                tally.add(Metric::Requests, 1);
                tally.places.insert(OFFICE.0);
            }
        }
        if hour == 21 * 24 + 11 {
            world.read("e5", TABLE, 6_000, 40, HOME, 10);
        }
        world.next_hour();
    }
    if let Some(half_life_days) = half_life_days {
        world.restart(settings(half_life_days));
    }
    for hour in 12..60 {
        work(&mut world);
        if hour == 24 + 15 {
            event(&mut world);
        }
        world.next_hour();
    }
    world.alerts
}

/// By whom and what.
fn pages(alerts: &[Alert]) -> Vec<(&str, &str)> {
    let mut pages: Vec<(&str, &str)> =
        alerts.iter().filter(|alert| alert.page).map(|alert| (&*alert.subject.id, &*alert.detector)).collect();
    pages.sort_unstable();
    // The person, and the person at the table.
    pages.dedup();
    pages
}

#[test]
fn an_ordinary_day_raises_nothing_new_and_what_was_raised_stays_raised() {
    let ids = |alerts: &[Alert]| {
        let mut ids: Vec<String> = alerts.iter().map(|alert| alert.id.to_string()).collect();
        ids.sort_unstable();
        ids
    };
    let undisturbed = outcome(None, |_| ());
    assert_eq!(pages(&undisturbed), [("e5", "volume")]);
    for half_life in [BEFORE / 2.0, BEFORE * 2.0, BEFORE / 7.0] {
        let alerts = outcome(Some(half_life), |_| ());
        assert_eq!(ids(&alerts), ids(&undisturbed), "{half_life}: {alerts:?}");
    }
}

#[test]
fn what_was_seen_long_ago_is_no_news_and_what_nobody_saw_is() {
    let known = |world: &mut World| {
        world.read("e2", TABLE, 40, 20, OFFICE, 30);
        touch(world, "e3", (0..12).map(|k| 300 + k));
    };
    let unknown = |world: &mut World| {
        world.read("e1", TABLE, 5_000, 40, HOME, 30);
        world.read("e2", TABLE, 40, 20, NOWHERE, 30);
        touch(world, "e3", (0..40).map(|k| 7_000 + k * k * 37));
    };
    for half_life in [BEFORE / 2.0, BEFORE * 2.0, BEFORE / 7.0] {
        let half_life = Some(half_life);
        assert_eq!(pages(&outcome(half_life, known)), [("e5", "volume")], "{half_life:?}");
        let news = [("e1", "volume"), ("e2", "first_seen"), ("e3", "new_records"), ("e5", "volume")];
        assert_eq!(pages(&outcome(half_life, unknown)), news, "{half_life:?}");
    }
}
