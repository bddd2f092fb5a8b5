//! What an entity costs in memory, at rest: when everything it did has been learned.

use crate::world::World;
use activity::{DataClass, EntityKind, Level, Mark, Record, Timestamp};
use detector::Settings;
use std::sync::Arc;
use tally::{Metric, Tally};

/// Ids of our own, of the length of real ones.
const KINDS: [(EntityKind, &str); 10] = [
    (EntityKind::PortalUser, "e0001"),
    (EntityKind::UserTable, "e0001|hr.employee_bank_accounts"),
    (EntityKind::Session, "e0001|0123456789abcdef"),
    (EntityKind::Address, "2001:db8:1234:5678:9abc:def0:1234:5678"),
    (EntityKind::Table, "hr.employee_bank_accounts"),
    (EntityKind::DbAccount, "magento"),
    (EntityKind::AppHost, "10.20.30.40"),
    (EntityKind::IntegrationKey, "0123456789abcdef"),
    (EntityKind::Network, "AS64500 Some Network Operator"),
    (EntityKind::Route, "/rest/V1/hr/employees/:id/payslips"),
];

fn mark(technique: &str, hour: i64) -> Arc<Mark> {
    let techniques: Vec<Arc<str>> = vec![technique.into()];
    let (rule, title) = (format!("{technique} {}", hour % 40).into(), "a rule".into());
    Arc::new(Mark { page: false, level: Level::High, rule, title, techniques: techniques.into() })
}

/// Everything a tally can hold, and new each hour.
fn fill(tally: &mut Tally, hour: i64) {
    Metric::ALL.iter().for_each(|metric| tally.add(*metric, 1_000 + hour as u64));
    for n in 0..64 {
        let name = |what: &str| format!("{what}{}", hour * 64 + n);
        tally.addresses.insert(&format!("{}.{}.{n}.1", hour % 200 + 1, n * 4 % 250));
        tally.places.insert(&format!("{}/home", name("P")));
        tally.tables.insert(&name("hr.table_with_a_long_name_"));
        tally.accounts.insert(&name("account_"));
        tally.agents.insert(&name("Mozilla/5.0 (X11; Linux x86_64) "));
        tally.networks.insert(&name("AS"));
        tally.fingerprints.insert(&format!("{:016x}", hour * 64 + n));
        tally.candidates.insert(&name("u"));
        tally.logins.insert(Timestamp::from_secs(hour * 3600 + n), &name("u"), n % 2 == 0);
    }
    (0..256).for_each(|n| tally.records.insert(Record::new("employee", &(hour * 256 + n).to_string())));
    tally.signals.insert(activity::Signal::DumpShape);
    tally.signals.insert(activity::Signal::SqlInjection);
    tally.classes.insert(DataClass::Hr);
    ["T1190", "T1505.003"].into_iter().for_each(|technique| tally.marks.insert(&mark(technique, hour), 1));
    tally.name_person("e0001");
}

/// Six weeks in which every hour is as full as a tally can be, and two days of rest.
fn at_all_limits() -> World {
    let mut world = World::new(Settings::default(), &["e0001".into()]);
    for _ in 0..6 * 7 * 24 {
        let hour = world.hour;
        for (kind, id) in KINDS {
            fill(world.tally(kind, id, hour % 60), hour);
        }
        world.next_hour();
    }
    (0..48).for_each(|_| world.next_hour());
    world
}

/// At most, at rest, whatever the kind. (That no limit lets it become more is computed from the limits in `src/footprint.rs`.)
const BYTES_MAX: usize = 4 << 10;

#[test]
fn an_entity_at_all_limits_costs_no_more_than_said() {
    let mut wrong = Vec::new();
    for (kind, footprint) in at_all_limits().footprint() {
        if footprint.resting_bytes_max > BYTES_MAX || footprint.resting != footprint.entities {
            wrong.push((kind, footprint));
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn who_came_once_costs_little_more_than_the_baseline() {
    let mut world = World::new(Settings::default(), &["e0001".into()]);
    for n in 0..200 {
        let tally = world.tally(EntityKind::Address, &format!("192.0.2.{n}"), n % 60);
        tally.add(Metric::Requests, 3);
        (0..20).for_each(|account| tally.accounts.insert(&format!("account{account}")));
        tally.signals.insert(activity::Signal::SqlInjection);
    }
    (0..48).for_each(|_| world.next_hour());
    let footprint = world.footprint()[&EntityKind::Address];
    assert_eq!((footprint.entities, footprint.resting), (200, 200));
    assert!(footprint.resting_bytes <= 200 * 1_000, "{footprint:?}");
}
