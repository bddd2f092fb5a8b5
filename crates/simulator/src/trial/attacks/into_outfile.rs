//! One statement writes a table into a file on the server.

use super::{Kind, Plot, Scene, account, table};
use crate::{
    company::HOUR_MS,
    log::Event,
    trial::{names::Table, portal::read},
};

pub(super) const KIND: Kind = Kind { name: "into_outfile", lasts_days: 1, on_working_days: false, plot };

fn plot(scene: &mut Scene<'_>) -> Plot {
    let company = scene.company;
    let chosen = scene.random.pick(&[Table::Bank, Table::Payslips, Table::Employees, Table::Reviews]);
    let (name, at) = (company.profile.names.table(chosen), scene.random.between(0, 24 * HOUR_MS - HOUR_MS));
    let (hidden, file) = (scene.is_hard(), scene.random.next_u64() as u32);
    let sql = if hidden {
        format!(
            "(SELECT * FROM `{name}` LIMIT 900) UNION (SELECT * FROM `{name}`) INTO/**/OUTFILE '/var/tmp/sess_{file:08x}'"
        )
    } else {
        format!("SELECT * FROM {name} INTO OUTFILE '/tmp/{file:08x}.csv' FIELDS TERMINATED BY ','")
    };
    let rows = company.rows(chosen);
    let at_ms = company.midnight(scene.day) + at;
    let client = company.app(scene.random.between(0, 4) as usize);
    let mut entities = vec![table(company, chosen)];
    entities.extend(account(client.account, client.host));
    let statements = vec![read(&[(chosen, name)], rows, sql).scanning(rows)];
    Plot { events: vec![Event { at_ms, request: None, client, statements, attack: None }], entities, lost: None }
}
