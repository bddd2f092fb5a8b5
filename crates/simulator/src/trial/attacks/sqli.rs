//! A page that does not check its number: what follows it in the address becomes part of the statement.

use super::{Kind, Plot, Scene, ip, table, user};
use crate::{
    log::Access,
    trial::{names::Table, portal::Page, staff::Role},
};

pub(super) const KIND: Kind = Kind { name: "sqli", lasts_days: 1, on_working_days: true, plot };

/// What follows the number in the address; `BANK` becomes the table of account numbers. Each ends the literal it stands in
/// and comments out the rest, as one that works does. Those that only provoke a syntax error are left out: they read
/// nothing, and the writers of these logs know no statement that failed.
const PLAIN: [&str; 3] =
    ["%27%20UNION%20SELECT%20NULL,a,b%20FROM%20BANK--%20-", "%27%20OR%201=1--%20-", "%27%20AND%20SLEEP(3)--%20-"];
const HIDDEN: [&str; 3] = [
    "%27/**/uNiOn/**/sElEcT/**/NULL,a,b/**/fRoM/**/BANK--%20-",
    "%27%20oR%20%272%27%3E%271%27--%20-",
    "%27%20AND%20ASCII(SUBSTR((SELECT%20USER()),1,1))%3E77--%20-",
];

fn plot(scene: &mut Scene<'_>) -> Plot {
    let company = scene.company;
    let someone = scene.culprit(&[Role::SelfService, Role::Manager], 1);
    let bank = company.profile.names.table(Table::Bank);
    let attempts = scene.count(90, 12);
    let address = scene.stranger(someone.country);
    let session = company.session(address.clone(), someone.agent, &mut scene.random);
    let pages = vec![Page::Employee { employee: someone.number }; attempts as usize];
    let from_ms = scene.moment(someone, scene.day);
    let pause_ms = scene.scale(8_000.0, 180_000.0) as i64;
    let mut events = scene.sitting(someone, &session, from_ms, pages, pause_ms);
    // The first entry is the login.
    for event in events.iter_mut().skip(1) {
        let payloads = if scene.is_hard() { HIDDEN } else { PLAIN };
        let nth = scene.random.between(0, 3) as usize;
        let sent = payloads[nth].replace("BANK", bank);
        let got = sent.replace("%20", " ").replace("%27", "'").replace("%3E", ">");
        if let Some(request) = &mut event.request {
            request.target.push_str(&sent);
        }
        if let Some(statement) = event.statements.first_mut() {
            let end = statement.sql.rfind('\'').unwrap_or(statement.sql.len());
            statement.sql.insert_str(end, &got);
            if nth == 0 {
                statement.tables.push((Access::Read, bank));
            }
            statement.rows_sent = if nth == 2 { 0 } else { 3 };
        }
    }
    let host = company.app(session.host);
    let entities = vec![
        user(someone),
        ip(&address),
        table(company, Table::Employees),
        table(company, Table::Bank),
        format!("db:{}@{}", host.account, host.host),
        format!("dbhost:{}", host.host),
    ];
    Plot { events, entities, lost: None }
}
