//! How many records an incident concerns, and why no closer than that.

use crate::world::{World, alert, identified};
use activity::{Entity, EntityKind, Record};
use detector::{Alert, NamedRecords};
use incident::{AffectedPeople, AlertFact, limits};
use std::ops::Range;

pub(crate) fn named(table: &str, sort: &str, ids: Range<u64>) -> Option<NamedRecords> {
    let mut records: Vec<Record> = ids.map(|id| Record::new(sort, &id.to_string())).collect();
    records.sort_by_key(|record| record.mixed());
    let ids: String = records.iter().map(|record| format!("{:016x}", record.0)).collect();
    Some(serde_json::from_value(serde_json::json!({"v": 1, "table": table, "ids": ids})).unwrap())
}

/// What a deployment with a key writes: here a rank is the number, turned over by the key.
fn keyed(table: &str, key: u64, ids: Range<u64>) -> Option<NamedRecords> {
    let mut ranked: Vec<(u64, Record)> =
        ids.map(|id| (Record(id << 8 | key).mixed() >> 24, Record::new("employee", &id.to_string()))).collect();
    ranked.sort_unstable();
    let below = ranked.get(255).map_or(String::new(), |(rank, _)| format!("{rank:010x}"));
    ranked.truncate(255);
    let ids: String = ranked.iter().map(|(_, record)| format!("{:016x}", record.0)).collect();
    let ranks: String = ranked.iter().map(|(rank, _)| format!("{rank:010x}")).collect();
    let part = serde_json::json!({"key": format!("{key:08x}"), "below": below, "ids": ids, "ranks": ranks});
    Some(serde_json::from_value(serde_json::json!({"v": 2, "table": table, "keyed": [part]})).unwrap())
}

/// What statements name, and requests to a route that nothing links to a table.
fn with_route(named: Option<NamedRecords>, sort: &str, ids: Range<u64>) -> Option<NamedRecords> {
    let by_route = self::named("", sort, ids)?.records;
    Some(NamedRecords { route: "/rest/*/hr/people/*".into(), by_route, ..named.unwrap_or_default() })
}

/// An alert of the `n`th hour.
fn of(user: &str, n: u32, affected_records: u64, named: Option<NamedRecords>) -> Alert {
    identified(Alert { affected_records, named, ..alert(user, 60 * n) })
}

#[test]
fn a_record_read_by_two_views_on_three_occasions_counts_once() {
    let mut world = World::new();
    world.alert(&of("u1", 0, 40, named("hr.hr_payroll", "employee", 0..40)));
    world.alert(&of("u1", 2, 40, named("hr.hr_payroll", "employee", 0..40)));
    let user = Entity::new(EntityKind::PortalUser, "u1");
    let other_table = named("hr.hr_reviews", "employee", 30..50);
    world.alert(&identified(Alert { entity: user, ..of("u1", 4, 20, other_table) }));
    let affected = world.incident(1).affected();
    assert_eq!((affected.lower, affected.estimate, affected.upper), (50, 50, 80));
    assert_eq!(affected.people, Some(AffectedPeople { lower: 50, estimate: 50, upper: 50 }));
    let tables: Vec<(&str, u64)> = affected.tables.iter().map(|of| (&*of.table, of.estimate)).collect();
    assert_eq!(tables, [("hr.hr_payroll", 40), ("hr.hr_reviews", 20)]);
    assert!(affected.reason.contains("counts three times"), "{}", affected.reason);
    assert_eq!(world.incident(1).affected_records, affected.upper);
}

#[test]
fn two_subjects_who_read_the_same_records_count_them_once() {
    let mut world = World::new();
    let shared = alert("u1", 0).evidence;
    world.alert(&of("u1", 0, 40, named("hr.hr_payroll", "employee", 0..40)));
    let by_other = of("u2", 0, 40, named("hr.hr_payroll", "employee", 0..40));
    world.alert(&Alert { evidence: shared, ..by_other });
    let affected = world.incident(1).affected();
    assert_eq!(world.incident(1).subjects.len(), 2);
    assert_eq!((affected.lower, affected.estimate, affected.upper), (40, 40, 80));
}

#[test]
fn where_no_log_names_ids_the_bounds_say_so() {
    let mut world = World::new();
    world.alert(&alert("u1", 0));
    let affected = world.incident(1).affected();
    assert_eq!((affected.lower, affected.estimate, affected.upper), (1, 1840, 1840));
    assert!(affected.reason.contains("no log names ids"), "{}", affected.reason);
    assert_eq!((affected.people, affected.tables.len()), (None, 0));

    world.alert(&of("u1", 2, 9, named("shop.sales_order", "order", 0..9)));
    let affected = world.incident(1).affected();
    assert_eq!(
        (affected.lower, affected.estimate, affected.upper),
        (9, 1849, 1849),
        "knowing more of some makes no others unlikely"
    );
    assert!(affected.people_reason.contains("not employees' numbers"), "{}", affected.people_reason);
    assert!(affected.reason.contains("1 of its alerts tell of rows without ids"), "{}", affected.reason);
}

#[test]
fn tables_and_ids_beyond_the_limits_are_counted_and_said() {
    let mut world = World::new();
    let n_tables = limits::AFFECTED_TABLES_KEPT as u64 + 3;
    for n in 0..n_tables {
        let table = format!("hr.t{n:02}\u{1b}[31m");
        world.alert(&of("u1", n as u32, 200, named(&table, "employee", n * 200..n * 200 + 200)));
    }
    let affected = world.incident(1).affected();
    assert_eq!((affected.tables.len(), affected.n_tables_beyond), (limits::AFFECTED_TABLES_KEPT, 3));
    assert!(affected.tables.iter().all(|of| !of.table.contains('\u{1b}') && of.estimate == 200));
    let truth = 200 * n_tables;
    assert!((affected.lower..=affected.upper).contains(&truth) && affected.lower < truth, "{affected:?}");
    assert!(affected.estimate.abs_diff(truth) < truth / 8, "{affected:?}");
    assert!(affected.reason.contains("estimated from a sample"), "{}", affected.reason);
}

#[test]
fn the_order_of_alerts_changes_nothing_and_old_journals_read() {
    let alerts: Vec<Alert> = (0..6)
        .map(|n| of("u1", n, 300, named("hr.hr_payroll", "employee", 150 * u64::from(n)..150 * u64::from(n) + 300)))
        .collect();
    let told = |alerts: &mut dyn Iterator<Item = &Alert>| {
        let mut world = World::new();
        alerts.for_each(|alert| drop(world.alert(alert)));
        world.incident(1).affected()
    };
    assert_eq!(told(&mut alerts.iter()), told(&mut alerts.iter().rev()));

    let fact = AlertFact::from(&alerts[0]);
    let mut json = serde_json::to_value(&fact).unwrap();
    assert_eq!(serde_json::from_value::<AlertFact>(json.clone()).unwrap(), fact);
    json.as_object_mut().unwrap().remove("named");
    assert_eq!(serde_json::from_value::<AlertFact>(json).unwrap(), AlertFact { named: None, ..fact });
}

#[test]
fn a_key_that_is_changed_in_the_middle_keeps_what_is_known_and_bounds_the_rest() {
    let mut world = World::new();
    world.alert(&of("u1", 0, 40, keyed("hr.hr_payroll", 1, 0..40)));
    world.alert(&of("u1", 2, 40, keyed("hr.hr_payroll", 2, 20..60)));
    let affected = world.incident(1).affected();
    assert_eq!((affected.lower, affected.estimate), (60, 60), "ids are ids under any key");
    assert!(!affected.reason.contains("sample"), "{}", affected.reason);

    for (hour, key) in [(4, 1), (6, 2)] {
        world.alert(&of("u1", hour, 3_000, keyed("hr.hr_payroll", key, 0..3_000)));
    }
    let affected = world.incident(1).affected();
    assert!((2_400..=3_000).contains(&affected.lower), "{affected:?}");
    assert!((2_400..=4_500).contains(&affected.estimate) && 6_000 <= affected.upper, "{affected:?}");
    assert!(affected.reason.contains("the key of samples was changed"), "{}", affected.reason);
    assert!(!affected.reason.contains("can distort"), "nobody can who has no key: {}", affected.reason);
    let people = affected.people.expect("they are employees");
    assert!(people.lower <= 3_000 && 3_000 <= people.upper, "{people:?}");
}

#[test]
fn ids_of_routes_that_nothing_links_are_bounded_and_never_counted_twice() {
    let mut world = World::new();
    let statements = named("hr.hr_payroll", "employee", 0..40);
    world.alert(&of("u1", 0, 40, with_route(statements, "employee", 30..60)));
    let affected = world.incident(1).affected();
    assert_eq!((affected.lower, affected.estimate, affected.upper), (40, 60, 70));
    let people = affected.people.expect("they are employees");
    assert_eq!((people.lower, people.estimate, people.upper), (40, 60, 70));
    assert!(affected.reason.contains("at least the greater count, at most both"), "{}", affected.reason);
    assert!(affected.people_reason.contains("only by a word in a route"), "{}", affected.people_reason);
    let tables: Vec<(&str, u64)> = affected.tables.iter().map(|of| (&*of.table, of.estimate)).collect();
    assert_eq!(tables, [("/rest/*/hr/people/*", 30), ("hr.hr_payroll", 40)]);

    // The same people by another word.
    world.alert(&of("u1", 2, 0, with_route(None, "person", 30..60)));
    let affected = world.incident(1).affected();
    assert_eq!(
        (affected.lower, affected.estimate, affected.upper),
        (40, 60, 100),
        "one more word for them makes no more"
    );
    assert!(affected.people_reason.contains("records of other kinds"), "{}", affected.people_reason);
}

#[test]
fn a_log_of_requests_alone_tells_of_people() {
    let mut world = World::new();
    world.alert(&of("u1", 0, 30, with_route(None, "employee", 0..30)));
    world.alert(&of("u1", 2, 30, with_route(None, "employee", 10..40)));
    let affected = world.incident(1).affected();
    assert_eq!((affected.lower, affected.estimate), (40, 40));
    assert_eq!(affected.people, Some(AffectedPeople { lower: 40, estimate: 40, upper: 40 }));
}
