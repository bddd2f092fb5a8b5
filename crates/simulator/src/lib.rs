//! Seeded companies whose logs say what real ones would: for the demo, for drills, for tests on quiet weeks, for benches,
//! and to judge breachd by.
//!
//! ```text
//! company   who there is: people, networks, hosts        quiet/    everyday life of people, storefront and jobs
//! portal    pages of the employee portal                 attacks   what breachd has to find
//! schema, dump, log   what statements and events are     lines/    events to nginx, audit and slow log lines
//! demo, scenario, bench   the three things made of it    trial/     many companies that differ, to be judged on
//! score   what alerts are worth against labels           judge/     trial worlds, the built breachd, one table
//! ```
//!
//! The shapes of the lines are those of nginx 1.22 (`escape=json`) and MariaDB 10.11 (server_audit file, slow log), traps
//! included: rows for tables before their statement, text escaped and cut in one log and raw in the other, `# Time:` only
//! when the second changes.
//!
//! Invariants
//! - The same settings give the same bytes, on every machine: own randomness, no wall clock, no mathematics of the platform.
//! - An attack only adds events: a quiet world is exactly the background of the attacked one (connection, query and request
//!   ids apart, which count everything). One that silences a log takes lines away, never events.
//! - No text of the demo's world says a date except the stamps, so that the whole of it can be shifted in time.
//! - Nobody and nothing that exists is named: addresses of RFC 1918, 2544 and 5737, names under example.com.
//!
//! What it does not do: late lines, log rotation, hostile bytes, statements that fail. Those are tested where they are
//! handled, with lines written for the purpose; here they would make every other figure harder to read. A request runs
//! fewer statements than Magento does (no configuration, no sessions in the database): the ones that matter to breachd.

pub mod attacks;
pub mod bench;
pub mod company;
pub mod demo;
mod dump;
pub mod judge;
pub mod lines;
pub mod log;
pub mod portal;
pub mod quiet;
pub mod random;
pub mod scenario;
pub mod schema;
pub mod score;
pub mod trial;
pub mod workload;

use activity::Timestamp;
use attacks::{Attack, Breach};
use company::{Company, DAY_MS, START, Settings};
use lines::Logs;
use log::Event;

/// Everything that happens to a company, and what of it is wrong.
#[derive(Debug)]
pub struct World {
    pub company: Company,
    pub events: Vec<Event>,
    pub breaches: Vec<Breach>,
    /// The first instant after the data.
    pub end: Timestamp,
}

impl World {
    /// A company's life, with these attacks on their days (counted from the start, 0 is the first).
    pub fn new(settings: Settings, attacks: &[(&'static Attack, i64)]) -> World {
        let company = Company::new(settings);
        let mut events = quiet::events(&company);
        let breaches = attacks.iter().map(|(attack, day)| attack.strike(&company, *day, &mut events)).collect();
        let end = START.as_millis() + settings.days * DAY_MS;
        World { company, events, breaches, end: Timestamp::from_millis(end) }.cut()
    }

    /// The same, with the data ending earlier.
    pub fn ending(mut self, end: Timestamp) -> World {
        self.end = end;
        self.cut()
    }

    pub fn logs(&self) -> Logs {
        lines::write(&self.events)
    }

    /// People far from Greenwich begin before the first midnight or end after the last: those events are left out.
    fn cut(mut self) -> World {
        let window = START.as_millis()..self.end.as_millis();
        self.events.retain(|event| window.contains(&event.at_ms));
        self
    }
}
