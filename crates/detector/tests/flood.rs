//! Bounded under attack: whoever makes up names costs neither more memory than the limits allow, nor what is known of others, nor an alert.

use crate::world::World;
use activity::{DataClass, EntityKind, Signal};
use detector::{
    Alert, Settings, Severity,
    limits::{OPEN_FACTOR_MAX, entities_max},
};
use std::collections::BTreeMap;
use tally::Metric;

const HOME: (&str, &str) = ("DE/home", "92.20.1.1");
const TABLE: &str = "hr.employees";
const KEY: EntityKind = EntityKind::IntegrationKey;
const KNOWN_KEYS: usize = 50;

/// More than may be held while an hour is open. Without optimisation a million take a minute.
const CROWD: usize = if cfg!(debug_assertions) { 450_000 } else { 1_000_000 };

fn settings() -> Settings {
    let mut settings = Settings::default();
    settings.maxima.portal_user = 50;
    settings
}

fn users() -> Vec<String> {
    (0..10).map(|n| format!("e{n}")).collect()
}

/// Three weeks of office work and of programs that come at nine, up to Monday 00:00.
fn routine() -> World {
    routine_with(settings())
}

fn routine_with(settings: Settings) -> World {
    let mut world = World::new(settings, &users());
    for hour in 0..21 * 24 {
        office(&mut world, hour);
        world.next_hour();
    }
    assert!(world.alerts.iter().all(|alert| !alert.page), "routine pages: {:?}", world.alerts);
    world
}

fn office(world: &mut World, hour: i64) {
    if !world.office() {
        return;
    }
    for (n, user) in users().iter().enumerate() {
        let rows = 5 + (hour as u64 * 7 + n as u64 * 3) % 20;
        world.read(user, TABLE, rows, 4, HOME, (n as i64 * 5) % 60);
    }
    for n in 0..KNOWN_KEYS {
        let requests = 20 + (hour as u64 * 5 + n as u64 * 3) % 10;
        ask(world, &format!("known-{n}"), n as i64, requests);
    }
}

/// A program asks for what is classified.
fn ask(world: &mut World, key: &str, minute: i64, requests: u64) {
    let tally = world.tally(KEY, key, minute);
    tally.add(Metric::ClassifiedRequests, requests);
    tally.classes.insert(DataClass::Hr);
}

/// New ones within ten minutes, one request each.
fn flood(world: &mut World, kind: EntityKind, n: usize) {
    for at in 0..n {
        let tally = world.tally(kind, &format!("made-up-{at:07}"), at as i64 % 10);
        tally.add(Metric::Requests, 1);
        tally.add(Metric::LoginsFailed, 1);
    }
}

/// Goes on until everything has been decided; what was raised about these, by id, since the event.
fn outcome(mut world: World, from: i64, who: &[&str]) -> BTreeMap<String, (String, Severity, bool)> {
    for _ in 0..30 {
        world.next_hour();
    }
    let from = activity::Bucket(from * 60).start();
    let about = |alert: &&Alert| alert.raised_at >= from && who.contains(&&*alert.subject.id);
    let alerts = world.alerts.iter().filter(about);
    alerts.map(|alert| (alert.id.to_string(), (alert.detector.clone(), alert.severity, alert.page))).collect()
}

#[test]
fn a_crowd_of_new_addresses_in_ten_minutes_hides_no_theft() {
    let theft = |n_addresses: usize| {
        let mut world = routine();
        (0..9).for_each(|_| world.next_hour());
        let from = world.hour;
        flood(&mut world, EntityKind::Address, n_addresses);
        world.read("e3", TABLE, 40_000, 30, HOME, 5);
        world.next_hour();
        let stats = world.stats();
        // While its hour is open.
        let held = stats.entities.get(&EntityKind::Address).copied().unwrap_or(0);
        assert!(held <= entities_max(EntityKind::Address) * OPEN_FACTOR_MAX, "{held}");
        (0..3).for_each(|_| world.next_hour());
        let stats = world.stats();
        let held = stats.entities.get(&EntityKind::Address).copied().unwrap_or(0);
        assert!(held <= entities_max(EntityKind::Address), "{held}");
        let given_up = stats.evicted.get(&EntityKind::Address).copied().unwrap_or(0);
        assert!(held as u64 + given_up >= n_addresses as u64, "each is held or counted: {held} and {given_up}");
        outcome(world, from, &["e3"])
    };
    let (quiet, flooded) = (theft(0), theft(CROWD));
    assert!(quiet.values().any(|(detector, _, page)| detector == "volume" && *page), "{quiet:?}");
    assert_eq!(quiet, flooded, "the same ids, severities and pages");
}

#[test]
fn a_tenth_of_the_capacity_holds_a_tenth_and_a_theft_in_the_crowd_is_still_told() {
    let limit = entities_max(EntityKind::Address) / 10;
    let theft = |n_addresses: usize| {
        let mut world = routine_with(Settings { capacity: 0.1, ..settings() });
        (0..9).for_each(|_| world.next_hour());
        let from = world.hour;
        flood(&mut world, EntityKind::Address, n_addresses);
        world.read("e3", TABLE, 40_000, 30, HOME, 5);
        world.next_hour();
        let held = |world: &World| world.stats().entities.get(&EntityKind::Address).copied().unwrap_or(0);
        assert_eq!(held(&world), n_addresses.min(limit * OPEN_FACTOR_MAX), "while its hour is open");
        (0..3).for_each(|_| world.next_hour());
        assert!(held(&world) <= limit && (n_addresses == 0 || limit / 2 < held(&world)), "{}", held(&world));
        outcome(world, from, &["e3"])
    };
    let (quiet, flooded) = (theft(0), theft(6 * limit));
    assert!(quiet.values().any(|(detector, _, page)| detector == "volume" && *page), "{quiet:?}");
    assert_eq!(quiet, flooded, "the same ids, severities and pages");
}

#[test]
fn who_is_known_and_rests_outlasts_a_crowd_that_has_just_come() {
    let limit = entities_max(KEY);
    let theft = |n_keys: usize| {
        let mut world = routine();
        // At two in the night, when all who are known rest.
        (0..2).for_each(|_| world.next_hour());
        flood(&mut world, KEY, n_keys);
        // The hours until nine: the flood's closes, and the limit holds again on the same day.
        (0..7).for_each(|_| world.next_hour());
        let stats = world.stats();
        let (held, gone) = (stats.entities[&KEY], stats.evicted.get(&KEY).copied().unwrap_or(0));
        assert!(held <= limit, "{held}");
        assert_eq!(held + gone as usize, KNOWN_KEYS + n_keys, "each is held or counted");
        let from = world.hour;
        // What only who knows its past sees: it was never more than 30.
        ask(&mut world, "known-7", 10, 2_000);
        let found = outcome(world, from, &["known-7"]);
        assert!(found.values().any(|(detector, ..)| detector == "volume"), "{found:?}");
        found
    };
    let (quiet, flooded) = (theft(0), theft(3 * limit));
    assert_eq!(quiet, flooded, "the same ids, severities and pages");
}

#[test]
fn who_was_suspicious_outlasts_the_crowd_and_no_crowd_of_suspicious_ones_outlasts_history() {
    let limit = entities_max(KEY);
    let gone = |world: &World| world.stats().evicted.get(&KEY).copied().unwrap_or(0);
    let held = |world: &World| world.stats().entities[&KEY];
    let mut world = routine();
    (0..2).for_each(|_| world.next_hour());
    // One of the crowd injects.
    world.tally(KEY, "injects", 1).signals.insert(Signal::SqlInjection);
    flood(&mut world, KEY, 3 * limit);
    (0..3).for_each(|_| world.next_hour());
    assert!(held(&world) <= limit);
    // Its next request is no newcomer's: it is held.
    let before = held(&world);
    world.tally(KEY, "injects", 1).add(Metric::Requests, 1);
    world.next_hour();
    assert_eq!(held(&world), before, "nobody had to be made for it");

    // Now all of a crowd inject.
    let before_wild = gone(&world);
    for n in 0..2 * limit {
        world.tally(KEY, &format!("wild-{n:06}"), 3).signals.insert(Signal::SqlInjection);
    }
    // Who was suspicious is not given up on the same day.
    (0..25).for_each(|_| world.next_hour());
    assert!(held(&world) <= limit && before_wild < gone(&world));
    let before = held(&world);
    for n in 0..KNOWN_KEYS {
        world.tally(KEY, &format!("known-{n}"), n as i64).add(Metric::Requests, 1);
    }
    world.next_hour();
    assert_eq!(held(&world), before, "all that were known still are");
}
