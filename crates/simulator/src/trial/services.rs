//! Programs with a login of their own: they work by the clock, ask again when an answer fails to come, and catch up.

use super::{
    names::Table,
    portal::{API_ROWS, Page},
    staff::{Company, Person, Role},
};
use crate::{
    company::{HOUR_MS, MINUTE_MS},
    log::Event,
    portal::Session,
};
use std::rc::Rc;

/// What a program fetches, at which hours UTC.
struct Feed {
    table: Table,
    hours: Vec<i64>,
    /// The whole table, or the first pages: what changed.
    whole: bool,
}

fn feed(person: &Person) -> Feed {
    let mut draw = person.random.fork("feed", 0);
    let table = draw.pick(&[Table::Employees, Table::Leave, Table::Benefits, Table::Employees]);
    match draw.between(0, 3) {
        0 => Feed { table, hours: vec![draw.between(0, 6)], whole: true },
        1 => Feed { table, hours: (0..24).collect(), whole: false },
        _ => Feed { table, hours: (0..6).map(|nth| nth * 4 + draw.between(0, 2)).collect(), whole: false },
    }
}

/// The table a program reads: what it must not read is any other.
pub(super) fn table_of(person: &Person) -> Table {
    feed(person).table
}

/// Where it runs: here, or at the vendor's.
pub(super) fn address(person: &Person) -> Rc<str> {
    let mut draw = person.random.fork("place", 0);
    if draw.chance(0.5) {
        format!("10.20.3.{}", draw.between(5, 60)).into()
    } else {
        format!("198.51.100.{}", draw.between(5, 60)).into()
    }
}

/// Its key of these weeks as a session.
pub(super) fn token(company: &Company, person: &Person, day: i64) -> Session {
    let mut draw = person.random.fork("token", (day / 21) as u64);
    company.session(address(person), AGENT, &mut draw)
}

const AGENT: &str = "HRConnect-Integration/3.2";

pub(super) fn day(company: &Company, day: i64, events: &mut Vec<Event>) {
    for person in company.of_role(Role::Service) {
        let feed = feed(person);
        let mut random = person.random.fork("day", day as u64);
        for hour in &feed.hours {
            if failure(company, person).is_some_and(|(from, to)| (from..to).contains(&(day * 24 + hour))) {
                continue;
            }
            let at_ms = company.midnight(day) + hour * HOUR_MS + random.between(2_000, 50_000);
            let all = company.rows(feed.table) / API_ROWS + 1;
            let pages = if feed.whole { all } else { (1 + random.count(2.0, 2.0)).min(all) };
            fetch(company, person, day, at_ms, feed.table, pages, events);
        }
    }
}

/// Hours since the start between which a program gets no answer; one of the programs, once in a world.
fn failure(company: &Company, person: &Person) -> Option<(i64, i64)> {
    let mut draw = company.random.fork("failure", 0);
    let programs = company.of_role(Role::Service).count() as i64;
    let chosen = company.of_role(Role::Service).nth(draw.between(0, programs) as usize)?;
    let from = draw.between(15 * 24, (company.days - 4) * 24);
    (chosen.login == person.login).then_some((from, from + draw.between(9, 40)))
}

/// After the failure it fetches everything, some of it twice. When that was, and who.
pub(super) fn back_fill(company: &Company, events: &mut Vec<Event>) -> Option<(i64, i64, Rc<str>)> {
    let (person, (_, to)) =
        company.of_role(Role::Service).find_map(|person| Some((person, failure(company, person)?)))?;
    let table = feed(person).table;
    let from_ms = company.midnight(0) + to * HOUR_MS + 12 * MINUTE_MS;
    let pages = (company.rows(table) / API_ROWS + 1) * 2;
    fetch(company, person, to / 24, from_ms, table, pages, events);
    Some((from_ms, events.last().map_or(from_ms, |event| event.at_ms), person.login.clone()))
}

/// Page after page; now and then one is asked for again.
fn fetch(
    company: &Company,
    person: &Person,
    day: i64,
    mut at_ms: i64,
    table: Table,
    pages: i64,
    events: &mut Vec<Event>,
) {
    let session = token(company, person, day);
    let mut random = person.random.fork("fetch", at_ms as u64);
    let all = company.rows(table) / API_ROWS + 1;
    let mut page = 0;
    while page < pages {
        let page_of_table = Page::Api { table, page: page % all };
        events.push(company.visit(person, &session, at_ms, page_of_table, &mut random));
        at_ms += random.between(900, 4_000);
        page += i64::from(!random.chance(0.03));
    }
}
