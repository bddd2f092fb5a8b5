//! From the way in to people's data: a cart that no customer has asks for shipping costs (as CosmicSting does) or a file
//! comes in as part of an address (as with SessionReaper), a script that lies among uploads answers, and then the
//! application's own account reads staff in nobody's name.

use super::{Kind, Plot, Scene, account, ip};
use crate::{
    company::{AGENTS, HOUR_MS, MINUTE_MS},
    quiet::Visitor,
    trial::{names::Table, portal::read},
};

pub(super) const KIND: Kind = Kind { name: "shell_chain", lasts_days: 2, on_working_days: false, plot };

const SHELL: &str = "/media/customer_address/s/e/sess_4f1c9d.php";

fn plot(scene: &mut Scene<'_>) -> Plot {
    let company = scene.company;
    let names = company.profile.names;
    let address = scene.stranger(company.profile.sites[0].1);
    let host = scene.random.between(0, names.hosts.len() as i64) as usize;
    let visitor = Visitor { address: address.clone(), agent: scene.random.pick(&AGENTS), session: 0, host: 0 };
    let from_ms = company.midnight(scene.day) + scene.random.between(0, 20 * HOUR_MS);
    let random = &mut scene.random;
    let enters = if random.chance(0.5) {
        visitor.post(from_ms, "/rest/V1/guest-carts/1/estimate-shipping-methods".into(), 400, 240, random)
    } else {
        visitor.post(from_ms, "/customer/address_file/upload".into(), 200, 180, random)
    };
    // An hour's rest or none.
    let waits = (scene.scale(2.0, 50.0) * MINUTE_MS as f64) as i64;
    let mut events = vec![enters, visitor.post(from_ms + waits, SHELL.into(), 200, 60, &mut scene.random)];
    let mut at_ms = from_ms + 2 * waits;
    for nth in 0..scene.count(14, 3) {
        let rows = scene.count(600, 20).min(company.headcount);
        let table = [Table::Employees, Table::Bank][nth as usize % 2];
        let mut event = visitor.post(at_ms, SHELL.into(), 200, 500 + rows * 120, &mut scene.random);
        let sql = format!("SELECT * FROM {} LIMIT {rows} OFFSET {}", names.table(table), nth / 2 * rows);
        event.statements.push(read(&[(table, names.table(table))], rows, sql));
        events.push(event);
        at_ms += scene.random.between(20_000, 400_000);
    }
    for event in &mut events {
        event.client = company.app(host);
    }
    let client = company.app(host);
    let mut entities = vec![ip(&address), format!("path:{SHELL}")];
    entities.extend(account(client.account, client.host));
    entities.retain(|entity| !entity.starts_with("dbuser:"));
    Plot { events, entities, lost: None }
}
