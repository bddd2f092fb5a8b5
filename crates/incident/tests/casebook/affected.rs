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
