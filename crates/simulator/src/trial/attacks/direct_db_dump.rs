//! The application's database account, from a host it was never used on: nobody asked a web page for anything.

use super::{Kind, Plot, Scene, account, table};
use crate::{
    company::{HOUR_MS, MINUTE_MS},
    log::{Client, Connection, Event},
    trial::{database, names::Table, portal::read},
};

pub(super) const KIND: Kind = Kind { name: "direct_db_dump", lasts_days: 1, on_working_days: true, plot };

/// Hosts in the application's networks that do not run it.
const HOSTS: [&str; 4] = ["10.20.7.148", "10.31.4.90", "172.20.8.77", "10.0.12.60"];

fn plot(scene: &mut Scene<'_>) -> Plot {
    let (company, host) = (scene.company, scene.random.pick(&HOSTS));
    let names = company.profile.names;
    let client = |connection| Client { account: names.account, host, connection };
    let by_day = scene.is_hard();
    let hour = if by_day { scene.random.real(8.0, 16.0) } else { scene.random.real(1.0, 5.0) };
    let at_ms = company.midnight(scene.day) + (hour * HOUR_MS as f64) as i64;
    let count = scene.count(9, 2).min(9) as usize;
    let tables = scene.random.sample(&Table::HR, count);
    let mut events = Vec::new();
    let session = |at_ms, statements, connection| Event {
        at_ms,
        request: None,
        client: client(connection),
        statements,
        attack: None,
    };
    if !scene.is_hard() {
        events.push(session(at_ms - MINUTE_MS, Vec::new(), Connection::Refused(1045)));
    }
    if scene.is_hard() {
        // In pieces, as a program would read.
        let mut statements = Vec::new();
        for table in &tables {
            let name = names.table(*table);
            for piece in 0..(company.rows(*table) / 1_000).min(40) + 1 {
                let sql = format!("SELECT * FROM `{name}` LIMIT 1000 OFFSET {}", piece * 1_000);
                let rows = (company.rows(*table) - piece * 1_000).clamp(0, 1_000);
                statements.push(read(&[(*table, name)], rows, sql).scanning(piece * 1_000 + rows).after_ms(4_000));
            }
        }
        events.push(session(at_ms, statements, Connection::Own));
    } else {
        events.push(session(at_ms, database::dump(company, &tables, false), Connection::Own));
    }
    let mut entities: Vec<String> = tables.iter().map(|dumped| table(company, *dumped)).collect();
    entities.extend(account(names.account, host));
    Plot { events, entities, lost: None }
}
