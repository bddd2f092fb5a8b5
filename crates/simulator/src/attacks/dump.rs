//! A direct dump of the HR tables: nobody asked a web page for anything.

use super::{Attack, Plot, Scene, table};
use crate::{
    company::{APP_ACCOUNT, Company, HOUR_MS, MINUTE_MS},
    dump,
    log::{Client, Connection, Event},
};
use activity::{DataClass, Entity, EntityKind};

pub(super) const ATTACK: Attack = Attack {
    name: "dump",
    title: "The application's database account dumps all HR tables from a host it was never used on",
    kind: "direct_db_dump",
    begins_ms: 3 * HOUR_MS + 12 * MINUTE_MS,
    lasts_days: 1,
    detectors: &["dump_shape", "first_seen", "volume"],
    plot,
};

fn plot(company: &Company, scene: Scene) -> Plot {
    let Scene { at_ms, day, .. } = scene;
    const HOST: &str = "10.20.7.148";
    const TABLES: [&str; 7] = [
        "hr_benefits",
        "hr_department",
        "hr_document",
        "hr_employee",
        "hr_leave",
        "hr_payroll",
        "hr_performance_review",
    ];
    let client = |connection| Client { account: APP_ACCOUNT, host: HOST, connection };
    let refused =
        Event { at_ms, request: None, client: client(Connection::Refused(1045)), statements: Vec::new(), attack: None };
    let mut statements = dump::statements(company, day, &TABLES, false);
    for statement in &mut statements {
        statement.delay_ms += 900;
    }
    let dump =
        Event { at_ms: at_ms + 41_000, request: None, client: client(Connection::Own), statements, attack: None };
    let mut subjects = vec![
        Entity::new(EntityKind::DbAccount, format!("{APP_ACCOUNT}@{HOST}")),
        Entity::new(EntityKind::AppHost, HOST),
    ];
    subjects.extend(TABLES.map(table));
    Plot { events: vec![refused, dump], subjects, classes: vec![DataClass::Hr] }
}
