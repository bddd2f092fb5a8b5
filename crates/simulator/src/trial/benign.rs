//! What only looks wrong and is no part of anybody's usual day: exports of pay, a program that catches up, work on the
//! database.

use super::{
    benign, database,
    names::Table,
    portal::{PERIOD, Page, read},
    services,
    staff::{Company, Role},
};
use crate::{
    company::{HOUR_MS, MINUTE_MS},
    log::{Event, Statement},
    random::Random,
    scenario::Benign,
};

/// Adds all of it; what labels say about it.
pub(super) fn once(company: &Company, events: &mut Vec<Event>) -> Vec<Benign> {
    let mut all = Vec::new();
    let mut draw = company.random.fork("benign", 0);
    exports(company, &mut draw, events, &mut all);
    if let Some((from, to, login)) = services::back_fill(company, events) {
        all.push(benign("integration_backfill", from, to, vec![format!("user:{login}")]));
    }
    for _ in 0..company.often(1.5, 1) {
        all.push(maintenance(company, &mut draw, events));
    }
    all
}

/// Pay is exported for the bank and the auditor, by several clerks, near the turn of the month but on no fixed day.
fn exports(company: &Company, draw: &mut Random, events: &mut Vec<Event>, all: &mut Vec<Benign>) {
    let clerks: Vec<_> = company.of_role(Role::Payroll).collect();
    let near: Vec<i64> = company.calendar.month_ends().iter().map(|days| days.start).collect();
    for nth in 0..company.often(5.0, 4) {
        let turn = near.get(nth as usize % near.len().max(1)).copied().unwrap_or(20);
        let day = (turn + draw.between(-6, 9)).clamp(1, company.days - 2);
        let day = day - (day.rem_euclid(7) - 4).max(0);
        // Two of them do it in turn; sometimes anybody does.
        let clerk =
            clerks[if draw.chance(0.8) { nth as usize % 2 } else { draw.between(0, clerks.len() as i64) as usize }];
        if clerk.is_away(day) || clerk.role_on(day) != Role::Payroll {
            continue;
        }
        let mut random = draw.fork("export", nth as u64);
        let from_ms = clerk.local_ms(company.midnight(day), clerk.begins + random.real(0.5, 7.5));
        let session = company.session(clerk.office_address(), clerk.agent, &mut random);
        events.push(company.log_in(&clerk.login, Some(clerk.number), &session, from_ms, &mut random));
        let mut at_ms = from_ms;
        for back in 0..random.between(1, 4) {
            at_ms += 40_000 + random.exponential(60_000.0) as i64;
            let employees = if random.chance(0.7) { company.headcount } else { company.headcount / 3 };
            let page = Page::Export { period: PERIOD - back, employees };
            events.push(company.visit(clerk, &session, at_ms, page, &mut random));
        }
        all.push(benign("legit_bulk_export", from_ms, at_ms + MINUTE_MS, vec![format!("user:{}", clerk.login)]));
    }
}

/// The administrator changes a table and looks whether all is well.
fn maintenance(company: &Company, draw: &mut Random, events: &mut Vec<Event>) -> Benign {
    let (table, day) = (draw.pick(&Table::HR), draw.between(3, company.days - 1));
    let name = company.profile.names.table(table);
    let day = day - (day.rem_euclid(7) - 4).max(0);
    let at_ms = company.midnight(day) + draw.between(7 * HOUR_MS, 19 * HOUR_MS);
    let rows = company.rows(table);
    let count = |after_ms| {
        let sql = format!("SELECT count(*) FROM `{name}`");
        read(&[(table, name)], 1, sql).scanning(rows).after_ms(after_ms)
    };
    let alter = Statement::write(name, format!("ALTER TABLE `{name}` ADD KEY `k_updated` (`updated_at`)"));
    let look = read(&[(table, name)], 10, format!("SELECT * FROM `{name}` LIMIT 10")).after_ms(40_000);
    let statements = vec![count(9_000), look, alter.after_ms(90_000), count(60_000)];
    events.push(database::session(database::ADMINISTRATOR, at_ms, statements));
    let (account, host) = database::ADMINISTRATOR;
    let entities = vec![format!("db:{account}@{host}"), format!("table:{name}")];
    benign("dba_work", at_ms, at_ms + 10 * MINUTE_MS, entities)
}
