//! Which alerts are one incident.

use crate::world::{World, alert, drill, identified, kinds, milder, start, verdict};
use activity::{DataClass, Entity, EntityKind, Span};
use detector::{Alert, Evidence, Severity};
use incident::{Action, IncidentId, Verdict, limits};

#[test]
fn the_same_alert_twice_is_one() {
    let mut world = World::new();
    assert_eq!(world.alert(&alert("u1", 0))[0].kind(), "incident_opened");
    assert_eq!(world.alert(&alert("u1", 0)), []);
    let quiet = Alert { page: false, ..alert("u2", 0) };
    assert_eq!(kinds(&world.alert(&quiet)), ["alert_ranked"]);
    assert_eq!(world.alert(&quiet), []);
    assert_eq!(world.incident(1).n_alerts, 1);
}

#[test]
fn one_subject_within_a_day_of_event_time_is_one_incident() {
    let minutes = |hours: u32| hours * 60;
    let mut world = World::new();
    world.alert(&alert("u1", minutes(48)));
    for (n, joins) in
        [(minutes(72), true), (minutes(96), true), (minutes(24), true), (minutes(96) + 24 * 60 + 1, false)]
    {
        let expected = if joins { "alert_grouped" } else { "incident_opened" };
        assert_eq!(world.alert(&alert("u1", n))[0].kind(), expected, "minute {n}");
    }
    assert_eq!(world.incident(1).n_alerts, 4);
    assert_eq!(world.incident(1).first_seen_at, start() + Span::from_hours(24));
    assert_eq!(world.alert(&alert("u2", minutes(96)))[0].kind(), "incident_opened");
}

#[test]
fn a_closed_incident_is_followed_by_a_new_one() {
    let mut world = World::new();
    world.alert(&alert("u1", 0));
    world.ask("dpo", Some(1), verdict(Verdict::NotABreach)).unwrap();
    world.ask("dpo", Some(1), Action::Close).unwrap();
    world.alert(&alert("u1", 1));
    assert_eq!(world.incident(1).n_alerts, 1);
    assert_eq!(world.incident(2).follows, Some(IncidentId(1)));
}

#[test]
fn an_entity_that_names_the_subject_or_a_shared_record_joins() {
    let table = Entity::new(EntityKind::Table, "hr.hr_payroll");
    let mut world = World::new();
    world.alert(&identified(Alert { subject: table.clone(), entity: table.clone(), ..alert("many", 0) }));
    // Its entity is `u1|hr.hr_payroll`.
    world.alert(&alert("u1", 1));
    // Another entity, but the record that raised the alert of u1.
    let address = Entity::new(EntityKind::Address, "192.0.2.7");
    let evidence = vec![Evidence::File { input: "audit-u1".into(), line: 1 }];
    world.alert(&identified(Alert { subject: address.clone(), entity: address.clone(), evidence, ..alert("x", 2) }));
    assert_eq!(world.book.incidents().count(), 1);
    let subjects = [table, Entity::new(EntityKind::PortalUser, "u1"), address];
    assert_eq!(world.incident(1).subjects, subjects);
    // From now on u1 belongs there.
    let elsewhere = Entity::new(EntityKind::PortalUser, "u1");
    assert_eq!(kinds(&world.alert(&identified(Alert { entity: elsewhere, ..alert("u1", 3) })))[0], "alert_grouped");
}

#[test]
fn modes_never_meet() {
    let mut world = World::new();
    world.alert(&alert("u1", 0));
    world.alert(&drill(alert("u1", 1), 1));
    world.alert(&drill(alert("u1", 2), 2));
    world.alert(&drill(alert("u1", 3), 1));
    let counts: Vec<_> = world.book.incidents().map(|incident| (incident.mode.is_drill(), incident.n_alerts)).collect();
    assert_eq!(counts, [(false, 1), (true, 2), (true, 1)]);
}

#[test]
fn an_alert_that_may_not_page_opens_nothing_and_changes_nothing_of_what_is_open() {
    let mut world = World::new();
    world.alert(&milder(alert("u1", 0), Severity::Low, DataClass::Customer));
    let quiet = Alert { page: false, ..alert("u1", 1) };
    assert_eq!(kinds(&world.alert(&quiet)), ["alert_grouped"]);
    let incident = world.incident(1);
    assert_eq!((incident.severity, incident.data_classes), (Severity::Low, DataClass::Customer.into()));
    assert_eq!((incident.n_alerts, incident.affected_records), (2, 1840));
}

#[test]
fn severity_and_classes_only_rise() {
    let mut world = World::new();
    world.alert(&milder(alert("u1", 0), Severity::Medium, DataClass::Hr));
    world.alert(&milder(alert("u1", 1), Severity::Critical, DataClass::Customer));
    world.alert(&milder(alert("u1", 2), Severity::Low, DataClass::None));
    let incident = world.incident(1);
    assert_eq!(incident.severity, Severity::Critical);
    assert_eq!(incident.data_classes, [DataClass::Hr, DataClass::Customer].into_iter().collect());
}

#[test]
fn records_seen_by_several_detectors_and_windows_count_once() {
    let mut world = World::new();
    let user = Entity::new(EntityKind::PortalUser, "u1");
    let of = |n, entity: &Entity, affected_records| {
        identified(Alert { entity: entity.clone(), affected_records, ..alert("u1", n) })
    };
    let (payroll, reviews) = (alert("u1", 0).entity, Entity::new(EntityKind::UserTable, "u1|hr.hr_reviews"));
    for (alert, total) in [
        (of(0, &payroll, 100), 100),
        (of(1, &payroll, 140), 140), // the same window, overlapping
        (of(1, &reviews, 30), 170),  // another table of the same user
        (of(1, &user, 150), 170),    // the user: another view of the same rows
        (of(2, &user, 200), 200),
        (of(60, &user, 50), 250), // an hour later
    ] {
        world.alert(&alert);
        assert_eq!(world.incident(1).affected_records, total);
    }
}

#[test]
fn a_storm_of_subjects_is_few_incidents_and_still_says_what_is_worst() {
    let mut world = World::new();
    for n in 0..10_000 {
        world.now = start() + Span::from_millis(i64::from(n) * 6);
        let alert = milder(alert(&format!("u{n}"), n / 200), Severity::Medium, DataClass::Customer);
        world.alert(&identified(alert));
    }
    assert_eq!(world.book.incidents().count(), limits::STORM_OPENINGS + 1);
    let storm = world.book.incidents().last().unwrap();
    assert_eq!(storm.subject, Entity::new(EntityKind::Fleet, "all"));
    assert_eq!(storm.n_alerts as usize, 10_000 - limits::STORM_OPENINGS);
    assert_eq!((storm.alerts.len(), storm.subjects.len()), (limits::ALERTS_KEPT, limits::SUBJECTS_KEPT));
    assert!(storm.timeline.len() <= limits::TIMELINE_KEPT);
    assert_eq!(storm.notices.len(), 1, "one notice, not thousands");

    // A flood of small ones does not hide a large one.
    let decisions = world.alert(&alert("thief", 40));
    assert_eq!(decisions[0].kind(), "incident_opened");
    // And when even those are too many, the storm incident itself grows worse and says so.
    for n in 0..200 {
        world.alert(&alert(&format!("v{n}"), 41));
    }
    assert!(world.book.incidents().count() <= limits::STORM_OPENINGS_CRITICAL + 1);
    assert_eq!(world.incident(limits::STORM_OPENINGS as u64 + 1).severity, Severity::Critical);
    // An hour later it is over.
    world.now = world.now + limits::STORM_WINDOW;
    assert_eq!(world.alert(&alert("next", 100))[0].incident(), Some(IncidentId(world.book.counts().incidents_opened)));
}

#[test]
fn the_digest_keeps_the_worst_of_a_day() {
    let mut world = World::new();
    for n in 0..limits::DIGEST_KEPT as u32 + 100 {
        let severity = if n == 3 { Severity::High } else { Severity::Low };
        let p_value = Some(0.01 / f64::from(n + 1));
        world.alert(&Alert { page: false, severity, p_value, ..alert(&format!("u{n}"), n) });
    }
    let digest: Vec<_> = world.book.digest().collect();
    assert_eq!((digest.len(), world.book.counts().digest_beyond), (limits::DIGEST_KEPT, 100));
    assert_eq!(digest[0].2.severity, Severity::High);
    assert!(digest[1..].windows(2).all(|pair| pair[0].2.surprise_milli >= pair[1].2.surprise_milli));
    world.now = world.now + limits::DIGEST + Span::from_millis(1);
    world.alert(&Alert { page: false, ..alert("late", 9999) });
    assert_eq!(world.book.digest().count(), 1);
}
