//! What people say of alerts, and what comes of it: learned, kept out, or quiet until a day; never before its time.

use crate::world::World;
use activity::{DataClass, EntityKind, Level, Mark, Record, Signal, Span, Timestamp};
use detector::{
    Alert, AlertVerdict, EntityName, ExceptionSettings, Maxima, Ruling, Settings, Severity, VerdictException,
};
use std::{collections::BTreeSet, sync::Arc};
use tally::Metric;

const HOME: (&str, &str) = ("DE/home", "92.20.1.1");
const TABLE: &str = "hr.employees";

fn users() -> Vec<String> {
    (0..10).map(|n| format!("e{n}")).collect()
}

fn work(world: &mut World) {
    if world.office() {
        for (n, user) in users().iter().enumerate() {
            let rows = 5 + (world.hour as u64 * 7 + n as u64 * 3) % 20;
            world.read(user, TABLE, rows, 4, HOME, (n as i64 * 5) % 60);
        }
    }
}

/// Three weeks of office work, up to Monday 08:00.
fn routine(settings: Settings) -> World {
    let mut world = World::new(settings, &users());
    for _ in 0..21 * 24 + 8 {
        work(&mut world);
        world.next_hour();
    }
    assert!(world.alerts.iter().all(|alert| !alert.page), "routine pages: {:?}", world.alerts);
    world.alerts.clear();
    world
}

/// So many hours of work, and an event in each that is given its number.
fn go_on(world: &mut World, hours: i64, event: impl Fn(&mut World, i64)) {
    for hour in 0..hours {
        work(world);
        event(world, hour);
        world.next_hour();
    }
}

/// The same with an event in one of the hours only.
fn go_on_with(world: &mut World, hours: i64, at: i64, event: impl Fn(&mut World)) {
    go_on(world, hours, |world, hour| {
        if hour == at {
            event(world);
        }
    });
}

fn verdict(alert: &Alert, at: Timestamp, ruling: Ruling) -> AlertVerdict {
    let (by, reason) = ("Jana Weiss".into(), "CHG-1".into());
    AlertVerdict { at, alert: alert.id, ruling, by, reason, exception: None }
}

/// The same verdict about all pages so far, given now.
fn rule(world: &mut World, ruling: Ruling) {
    let now = activity::Bucket(world.hour * 60).start();
    let verdicts: Vec<_> =
        world.alerts.iter().filter(|alert| alert.page).map(|alert| verdict(alert, now, ruling)).collect();
    assert!(!verdicts.is_empty());
    verdicts.iter().for_each(|verdict| world.hear(verdict));
}

fn export(world: &mut World) {
    world.read("e3", TABLE, 40_000, 30, HOME, 10);
}

/// Days from the first Monday on which a detector pages.
fn days(world: &World, detector: &str) -> BTreeSet<i64> {
    let first = world.alerts.iter().map(|alert| alert.window.from.bucket().hour().div_euclid(24)).min().unwrap_or(0);
    let pages = world.alerts.iter().filter(|alert| alert.page && alert.detector == detector);
    pages.map(|alert| alert.window.from.bucket().hour().div_euclid(24) - first).collect()
}

/// An export on Monday, a verdict two hours later, and the same export on the four days after.
fn exports(ruling: Option<Ruling>) -> World {
    let mut world = routine(Settings::default());
    go_on_with(&mut world, 3, 0, export);
    ruling.into_iter().for_each(|ruling| rule(&mut world, ruling));
    for _ in 1..5 {
        go_on_with(&mut world, 24, 21, export);
    }
    go_on(&mut world, 26, |_, _| ());
    world
}

#[test]
fn what_is_expected_is_learned_at_once() {
    assert!(days(&exports(None), "volume").len() >= 2, "it would page again");
    let world = exports(Some(Ruling::Expected));
    assert_eq!(days(&world, "volume"), [0].into(), "{:?}", world.alerts);
}

#[test]
fn what_was_benign_once_changes_nothing() {
    let ids = |world: World| world.alerts.into_iter().map(|alert| (alert.id, alert.page)).collect::<BTreeSet<_>>();
    assert_eq!(ids(exports(Some(Ruling::BenignOnce))), ids(exports(None)));
}

#[test]
fn a_breach_is_never_learned_however_often_it_comes() {
    let breaches = |judged: bool| {
        let mut world = routine(Settings::default());
        for _ in 0..12 {
            go_on_with(&mut world, 24, 2, |world| {
                if world.office() {
                    export(world);
                }
            });
            if judged {
                rule(&mut world, Ruling::True);
            }
        }
        days(&world, "volume")
    };
    assert!(breaches(false).len() < 6, "told often enough, then a habit");
    assert_eq!(breaches(true), [0, 1, 2, 3, 4, 7, 8, 9, 10, 11].into());
}

#[test]
fn where_a_breach_came_from_stays_news() {
    let from_abroad = |ruling: Option<Ruling>| {
        let maxima = Maxima { portal_user: 20, ..Maxima::default() };
        let mut world = routine(Settings { maxima, ..Settings::default() });
        let abroad = |world: &mut World| world.read("e3", TABLE, 20, 10, ("VN/home", "113.20.1.1"), 30);
        go_on_with(&mut world, 3, 0, abroad);
        ruling.into_iter().for_each(|ruling| rule(&mut world, ruling));
        go_on(&mut world, 24, |_, _| ());
        go_on_with(&mut world, 30, 0, abroad);
        days(&world, "first_seen")
    };
    assert_eq!(from_abroad(None), [0].into());
    assert_eq!(from_abroad(Some(Ruling::Expected)), [0].into());
    assert_eq!(from_abroad(Some(Ruling::True)), [0, 1].into());
}

fn attack(world: &mut World) {
    let tally = world.tally(EntityKind::PortalUser, "e3", 10);
    tally.signals.insert(Signal::SqlInjection);
    tally.classes.insert(DataClass::Hr);
}

/// Hours from the first on, each with whether it paged and who answers for it if it did not.
fn hours(world: &World, detector: &str) -> Vec<(i64, bool, Option<String>)> {
    let of = world.alerts.iter().filter(|alert| alert.detector == detector);
    let mut hours: Vec<_> = of
        .map(|alert| {
            let by = alert.suppressed_by.as_ref().map(|by| format!("{}: {} until {}", by.owner, by.reason, by.until));
            (alert.window.from.bucket().hour(), alert.page, by)
        })
        .collect();
    hours.sort();
    let first = hours.first().map_or(0, |(hour, _, _)| *hour);
    hours.into_iter().map(|(hour, page, by)| (hour - first, page, by)).collect()
}

#[test]
fn an_exception_holds_from_its_hour_to_its_end_and_hides_nothing() {
    let mut world = routine(Settings::default());
    go_on(&mut world, 1, |world, _| attack(world));
    let alert = world.alerts.iter().find(|alert| alert.detector == "sql_injection").expect("it pages").clone();
    // Monday 08:20.
    let at = alert.window.from + Span::from_minutes(20);
    let until = alert.window.from + Span::from_hours(7);
    let exception = VerdictException { until, subject: None, detectors: Vec::new() };
    let expected = AlertVerdict { exception: Some(exception), ..verdict(&alert, at, Ruling::Expected) };
    world.hear(&expected);
    go_on(&mut world, 9, |world, _| attack(world));
    let by = Some(format!("Jana Weiss: CHG-1 until {until}"));
    let expected: Vec<_> =
        (0..10).map(|hour| (hour, !(2..7).contains(&hour), by.clone().filter(|_| (2..7).contains(&hour)))).collect();
    assert_eq!(hours(&world, "sql_injection"), expected);
    assert!(world.alerts.iter().all(|alert| alert.severity == Severity::High || alert.detector != "sql_injection"));
}

#[test]
fn a_later_verdict_ends_an_exception_and_a_late_one_is_counted() {
    let mut world = routine(Settings::default());
    go_on(&mut world, 2, |world, _| attack(world));
    let alert = world.alerts.iter().find(|alert| alert.detector == "sql_injection").expect("it pages").clone();
    let subject = Some(EntityName { kind: "portal_user".into(), id: "e3".into() });
    let exception =
        VerdictException { until: alert.window.from + Span::from_hours(200), subject, detectors: Vec::new() };
    let at = alert.window.from + Span::from_minutes(20);
    let expected = AlertVerdict { exception: Some(exception), ..verdict(&alert, at, Ruling::Expected) };
    let paged = |world: &World| {
        hours(world, "sql_injection")
            .into_iter()
            .filter(|(_, page, _)| *page)
            .map(|(hour, _, _)| hour)
            .collect::<Vec<_>>()
    };
    // Heard four hours late: nothing that is open changes.
    go_on(&mut world, 4, |world, _| attack(world));
    world.hear(&expected);
    go_on(&mut world, 4, |world, _| attack(world));
    assert_eq!(paged(&world), [0, 1, 2, 3, 4, 5, 6]);
    assert_eq!(world.verdicts_late(), 1);
    world.hear(&verdict(&alert, alert.window.from + Span::from_minutes(10 * 60 + 1), Ruling::True));
    go_on(&mut world, 4, |world, _| attack(world));
    assert_eq!(paged(&world), [0, 1, 2, 3, 4, 5, 6, 12, 13]);
    assert_eq!(world.verdicts_late(), 1);
}

#[test]
fn a_configured_exception_covers_all_but_what_has_to_be_named() {
    let exception = |detectors: &[&str]| ExceptionSettings {
        subject: Some(EntityName { kind: "db_account".into(), id: "root@10.0.9.9".into() }),
        detectors: detectors.iter().map(|name| (*name).to_owned()).collect(),
        owner: "Jana Weiss".into(),
        reason: "migration".into(),
        from: "2026-03-01".into(),
        until: "2026-06-01".into(),
        ..ExceptionSettings::default()
    };
    let quiet = |exceptions: Vec<ExceptionSettings>| {
        let mut world = routine(Settings { exceptions, ..Settings::default() });
        go_on(&mut world, 3, |world, hour| {
            if hour == 0 {
                let tally = world.tally(EntityKind::DbAccount, "root@10.0.9.9", 5);
                tally.add(Metric::Statements, 3);
                tally.signals.insert(Signal::Grant);
                tally.signals.insert(Signal::AuditOff);
            }
        });
        let alerts = world.alerts.iter().filter(|alert| ["grant", "audit_off"].contains(&&*alert.detector));
        let quiet: BTreeSet<String> =
            alerts.clone().filter(|alert| !alert.page).map(|alert| alert.detector.clone()).collect();
        assert_eq!(alerts.count(), 2, "both are raised all the same");
        quiet
    };
    assert_eq!(quiet(Vec::new()), BTreeSet::new());
    assert_eq!(quiet(vec![exception(&[])]), ["grant".to_owned()].into());
    assert_eq!(quiet(vec![exception(&["audit_off"])]), ["audit_off".to_owned()].into());
    let over = ExceptionSettings { from: "2026-01-01".into(), until: "2026-03-01".into(), ..exception(&[]) };
    assert_eq!(quiet(vec![over]), BTreeSet::new());
}

#[test]
fn an_exception_names_a_rule_and_one_that_hides_tracks_has_to_be_named() {
    let exception = |detectors: &[&str]| ExceptionSettings {
        subject: Some(EntityName { kind: "address".into(), id: "203.0.113.9".into() }),
        detectors: detectors.iter().map(|name| (*name).to_owned()).collect(),
        owner: "Jana Weiss".into(),
        reason: "scanner of our own".into(),
        from: "2026-03-01".into(),
        until: "2026-06-01".into(),
        ..ExceptionSettings::default()
    };
    let quiet = |technique: &str, exception: ExceptionSettings| {
        let settings = Settings { exceptions: vec![exception], ..Settings::default() };
        assert_eq!(settings.check(), []);
        let mut world = routine(settings);
        go_on_with(&mut world, 3, 0, |world| {
            let mark = Mark {
                page: true,
                level: Level::High,
                rule: "log_file_moved".into(),
                title: "x".into(),
                techniques: Arc::new([technique.into()]),
            };
            world.tally(EntityKind::Address, "203.0.113.9", 7).marks.insert(&Arc::new(mark), 1);
        });
        let alert = world.alerts.iter().find(|alert| alert.detector == "log_file_moved").expect("raised all the same");
        assert_eq!(alert.attack, [technique]);
        !alert.page
    };
    assert!(quiet("T1595", exception(&[])));
    assert!(!quiet("T1070.001", exception(&[])), "it hides tracks");
    assert!(quiet("T1070.001", exception(&["log_file_moved"])));
    assert!(!quiet("T1595", exception(&["another_rule"])));
}

#[test]
fn what_an_exception_keeps_quiet_was_told_to_nobody() {
    // Strangers' records on Monday, under an exception or not, and an export on Wednesday.
    let export_pages = |exceptions: Vec<ExceptionSettings>| {
        let maxima = Maxima { portal_user: 20, ..Maxima::default() };
        let mut world = routine(Settings { exceptions, maxima, ..Settings::default() });
        go_on_with(&mut world, 48, 1, |world| {
            world.read("e3", TABLE, 60, 60, HOME, 10);
            let tally = world.tally(EntityKind::PortalUser, "e3", 10);
            (0..60).for_each(|n: u64| tally.records.insert(Record::new("employee", &n.to_string())));
        });
        let told = world.alerts.iter().find(|alert| alert.detector == "new_records").expect("raised in any case");
        assert_eq!(told.page, told.suppressed_by.is_none(), "{told:?}");
        world.alerts.clear();
        go_on_with(&mut world, 6, 1, |world| world.read("e3", TABLE, 300, 4, HOME, 10));
        let of_user = |alert: &&Alert| alert.detector == "volume" && alert.entity.kind == EntityKind::PortalUser;
        world.alerts.iter().filter(of_user).any(|alert| alert.page)
    };
    let exception = ExceptionSettings {
        subject: Some(EntityName { kind: "portal_user".into(), id: "e3".into() }),
        detectors: vec!["new_records".into()],
        owner: "Jana Weiss".into(),
        reason: "audit".into(),
        from: "2026-03-01".into(),
        until: "2026-06-01".into(),
        ..ExceptionSettings::default()
    };
    assert!(!export_pages(Vec::new()), "somebody looks at e3 already");
    assert!(export_pages(vec![exception]));
}

#[test]
fn whoever_has_been_looked_at_is_news_again() {
    // Strangers' records on Monday, a verdict on that or none, and an export days later.
    let export_pages = |ruling: Option<Ruling>, rows: u64| {
        let maxima = Maxima { portal_user: 20, ..Maxima::default() };
        let mut world = routine(Settings { maxima, ..Settings::default() });
        go_on_with(&mut world, 24, 1, |world| {
            world.read("e3", TABLE, 60, 60, HOME, 10);
            let tally = world.tally(EntityKind::PortalUser, "e3", 10);
            (0..60).for_each(|n: u64| tally.records.insert(Record::new("employee", &n.to_string())));
        });
        let told = world.alerts.iter().find(|alert| alert.detector == "new_records").expect("it is told").clone();
        assert!(told.page);
        if let Some(ruling) = ruling {
            world.hear(&verdict(&told, told.window.to + Span::from_hours(3), ruling));
        }
        go_on_with(&mut world, 24, i64::MAX, |_| {});
        world.alerts.clear();
        go_on_with(&mut world, 6, 1, |world| world.read("e3", TABLE, rows, 4, HOME, 10));
        let of_user = |alert: &&Alert| alert.detector == "volume" && alert.entity.kind == EntityKind::PortalUser;
        world.alerts.iter().filter(of_user).any(|alert| alert.page)
    };
    assert!(!export_pages(None, 300), "somebody looks at e3 already");
    for ruling in [Ruling::BenignOnce, Ruling::Expected, Ruling::True] {
        assert!(export_pages(Some(ruling), 300), "{ruling:?}");
    }
    assert!(export_pages(None, 30_000), "far more than that is news at once");
}
