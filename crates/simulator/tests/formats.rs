//! Every line the simulator writes is an entry of its format to breachd's own parsers, and means what it was written for.

use crate::parsing;

use activity::{Activity, Actor, Operation, Outcome, Timestamp};
use formats::Context;
use parsing::{lines, slow_entries};
use simulator::{
    World,
    attacks::DEMO,
    company::{START, Settings},
    lines::Logs,
    log::{Access, Connection, Event},
};

fn world() -> World {
    let settings = Settings { seed: 11, days: 9, users: 22, shop_visits_per_day: 30.0 };
    World::new(settings, &DEMO.map(|attack| (attack, 7)))
}

fn read_all<'a>(format: &str, entries: impl Iterator<Item = &'a [u8]>, mut each: impl FnMut(&Activity<'_>)) -> usize {
    parsing::read_all(format, Context::default(), entries, |activity| {
        assert!(START <= activity.at, "{activity:?}");
        each(activity);
    })
}

#[test]
fn access_lines_tell_who_logged_in_and_who_did_not() {
    let world = world();
    let Logs { access, .. } = world.logs();
    let (mut denied, mut granted) = (0, 0);
    let mut before = Timestamp::MIN;
    let count = read_all("nginx_json", lines(&access), |activity| {
        assert!(before <= activity.at);
        before = activity.at;
        if activity.operation == Operation::Login {
            assert!(matches!(activity.actor, Actor::PortalUser(_)), "{activity:?}");
            denied += usize::from(activity.outcome == Outcome::Denied);
            granted += usize::from(activity.outcome == Outcome::Success);
        }
    });
    let requests: Vec<_> = world.events.iter().filter_map(|event| event.request.as_ref()).collect();
    assert_eq!(count, requests.len());
    let logins = |status| {
        requests.iter().filter(|request| request.target == "/employee-portal/login" && request.status == status).count()
    };
    assert_eq!((denied, granted), (logins(401), logins(302)));
    assert!(denied > 55 && granted > 55, "{denied} {granted}");
}

#[test]
fn audit_rows_name_the_tables_and_the_portal_user() {
    let world = world();
    let (mut tables, mut tagged, mut refused) = (0, 0, 0);
    read_all("mariadb_server_audit", lines(&world.logs().audit), |activity| {
        tables += usize::from(matches!(activity.operation, Operation::TableRead | Operation::TableWrite));
        tagged += usize::from(activity.tag_user.is_some());
        refused += usize::from(activity.operation == Operation::Connect && activity.outcome == Outcome::Denied);
    });
    let statements = || world.events.iter().flat_map(|event| &event.statements);
    assert_eq!(tables, statements().map(|statement| statement.tables.len()).sum::<usize>());
    let named = statements().filter(|statement| statement.tag.as_ref().is_some_and(|tag| tag.user.is_some()));
    assert_eq!(tagged, named.count());
    let turned_away = |event: &&Event| matches!(event.client.connection, Connection::Refused(_));
    assert_eq!(refused, world.events.iter().filter(turned_away).count());
    assert!(tagged > 1000 && refused > 0, "{tagged} {refused}");
}

#[test]
fn slow_entries_carry_the_rows_that_were_read() {
    let world = world();
    let logs = world.logs();
    let entries = slow_entries(&logs.slow);
    let (mut rows, mut payroll) = (0, 0);
    let count = read_all("mariadb_slow_log", entries.iter().copied(), |activity| {
        let sent = activity.measures.rows_sent.unwrap_or_default();
        rows += sent;
        payroll += if format!("{:?}", activity.resources).contains("hr_payroll") { sent } else { 0 };
    });
    let statements = || world.events.iter().flat_map(|event| &event.statements);
    let of_payroll = statements().filter(|statement| statement.tables.contains(&(Access::Read, "hr_payroll")));
    assert_eq!(count, statements().count());
    assert_eq!(rows, statements().map(|statement| statement.rows_sent as u64).sum::<u64>());
    assert_eq!(payroll, of_payroll.map(|statement| statement.rows_sent as u64).sum::<u64>());
    assert!(payroll > 0);
}
