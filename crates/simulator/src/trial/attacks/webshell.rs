//! A file that should not exist asks the database for staff and their accounts, through the application's own account.

use super::{Kind, Plot, Scene, account, ip, spread};
use crate::{
    company::{AGENTS, HOUR_MS},
    quiet::Visitor,
    trial::{names::Table, portal::read},
};

pub(super) const KIND: Kind = Kind { name: "webshell", lasts_days: 2, on_working_days: false, plot };

const PATHS: [&str; 4] = [
    "/media/custom_options/quote/s/t/style.php",
    "/pub/errors/503.php",
    "/media/catalog/product/cache/ss_4f1c/sync.php",
    "/static/_cache/merged/load.phtml",
];

fn plot(scene: &mut Scene<'_>) -> Plot {
    let company = scene.company;
    let names = company.profile.names;
    let (path, address) = (scene.random.pick(&PATHS), scene.stranger(company.profile.sites[0].1));
    let host = scene.random.between(0, names.hosts.len() as i64) as usize;
    let visitor = Visitor { address: address.clone(), agent: scene.random.pick(&AGENTS), session: 0, host: 0 };
    let from_ms = company.midnight(scene.day) + scene.random.between(0, 22 * HOUR_MS);
    let span_ms = (scene.scale(1.0, 20.0) * HOUR_MS as f64) as i64;
    let chosen = [Table::Employees, scene.random.pick(&[Table::Bank, Table::Payslips, Table::Documents])];
    let count = scene.count(36, 6);
    let mut events = Vec::new();
    for (nth, at_ms) in spread(&mut scene.random, count, from_ms, from_ms + span_ms).into_iter().enumerate() {
        let rows = scene.count(500, 25).min(company.headcount);
        let mut event = visitor.post(at_ms, path.into(), 200, 600 + rows * 120, &mut scene.random);
        let table = chosen[nth % 2];
        let sql = format!("SELECT * FROM {} LIMIT {rows} OFFSET {}", names.table(table), nth as i64 / 2 * rows);
        event.statements.push(read(&[(table, names.table(table))], rows, sql).scanning((nth as i64 / 2 + 1) * rows));
        event.client = company.app(host);
        events.push(event);
    }
    let client = company.app(host);
    let mut entities = vec![ip(&address), format!("path:{path}")];
    entities.extend(account(client.account, client.host));
    entities.retain(|entity| !entity.starts_with("dbuser:"));
    Plot { events, entities, lost: None }
}
