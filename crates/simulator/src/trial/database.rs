//! What programs and administrators do in the database beside the application.

use super::{names::Table, portal::read, staff::Company};
use crate::{
    company::{HOUR_MS, MINUTE_MS},
    log::{Access, Client, Connection, Event, Statement},
};

/// Accounts beside the application's, and where each is at home.
pub(super) const BACKUP: (&str, &str) = ("backup", "10.20.9.5");
pub(super) const REPORTS: (&str, &str) = ("report_ro", "10.20.5.5");
pub(super) const ORDERS: (&str, &str) = ("erp_sync", "10.20.6.4");
pub(super) const ADMINISTRATOR: (&str, &str) = ("dba", "10.20.8.21");

/// A session of its own.
pub(super) fn session(who: (&'static str, &'static str), at_ms: i64, statements: Vec<Statement>) -> Event {
    let client = Client { account: who.0, host: who.1, connection: Connection::Own };
    Event { at_ms, request: None, client, statements, attack: None }
}

/// A statement on tables of the shop.
pub(super) fn of_shop(tables: &[&'static str], rows: i64, sql: String) -> Statement {
    Statement {
        tables: tables.iter().map(|table| (Access::Read, *table)).collect(),
        rows_sent: rows,
        rows_examined: rows,
        bytes_sent: 900 + rows * 210,
        took_us: 120 + rows * 5,
        ..Statement::plain(sql)
    }
}

pub(super) fn day(company: &Company, day: i64, events: &mut Vec<Event>) {
    let mut random = company.random.fork("database", day as u64);
    let (random, midnight) = (&mut random, company.midnight(day));
    for quarter in 0..96 {
        let sql = "SELECT `cron_schedule`.* FROM `cron_schedule` WHERE (`status` = 'pending')";
        events.push(Event {
            at_ms: midnight + quarter * 15 * MINUTE_MS + 1_200,
            request: None,
            client: company.app(1),
            statements: vec![of_shop(&["cron_schedule"], 9, sql.into())],
            attack: None,
        });
    }
    for hour in 0..24 {
        let rows = random.count(if (7..22).contains(&hour) { 1.5 } else { 0.4 }, 2.0);
        let sql = "SELECT o.entity_id, o.increment_id, o.grand_total, p.method, p.amount_paid FROM sales_order o JOIN sales_order_payment p ON p.parent_id = o.entity_id WHERE o.status = 'pending'";
        let at_ms = midnight + hour * HOUR_MS + 7 * MINUTE_MS + random.between(0, 4_000);
        events.push(session(ORDERS, at_ms, vec![of_shop(&["sales_order", "sales_order_payment"], rows, sql.into())]));
    }
    if company.profile.nightly_batch {
        events.push(batch(company, midnight + 2 * HOUR_MS + 20 * MINUTE_MS + random.between(0, 30_000)));
    }
    events.push(reports(company, midnight + 5 * HOUR_MS + 10 * MINUTE_MS + random.between(0, 20_000)));
    events.push(session(
        BACKUP,
        midnight + HOUR_MS + 30 * MINUTE_MS + random.between(0, 9_000),
        dump(company, &Table::HR, true),
    ));
    if day.rem_euclid(7) < 5 && random.chance(0.5) {
        let at_ms = midnight + random.between(8 * HOUR_MS, 16 * HOUR_MS);
        if random.chance(0.15) {
            let client =
                Client { account: ADMINISTRATOR.0, host: ADMINISTRATOR.1, connection: Connection::Refused(1045) };
            let (request, statements) = (None, Vec::new());
            events.push(Event { at_ms: at_ms - 9_000, request, client, statements, attack: None });
        }
        let table = random.pick(&["sales_order", "quote", "cron_schedule", "customer_entity"]);
        let count = of_shop(&[table], 1, format!("SELECT count(*) FROM {table}")).scanning(20_000);
        let statements = vec![
            Statement::plain("SHOW FULL PROCESSLIST"),
            Statement::plain("SHOW ENGINE INNODB STATUS").after_ms(21_000),
            count.after_ms(44_000),
        ];
        events.push(session(ADMINISTRATOR, at_ms, statements));
    }
}

/// The application's own work on everybody's leave: no request, no person.
fn batch(company: &Company, at_ms: i64) -> Event {
    let name = company.profile.names.table(Table::Leave);
    let rows = company.rows(Table::Leave) / 40 + 1;
    let due = read(&[(Table::Leave, name)], rows, format!("SELECT * FROM `{name}` WHERE status = 'requested'"));
    let expire = Statement::write(name, format!("UPDATE `{name}` SET status = 'expired' WHERE status = 'requested'"));
    let statements = vec![due, expire.after_ms(900)];
    Event { at_ms, request: None, client: company.app(1), statements, attack: None }
}

fn reports(company: &Company, at_ms: i64) -> Event {
    let names = company.profile.names;
    let (people, units) = (names.table(Table::Employees), names.table(Table::Departments));
    let sql = format!("SELECT d.name, count(*) FROM {people} e JOIN {units} d USING(department_id) GROUP BY d.name");
    let by_unit = read(&[(Table::Departments, units), (Table::Employees, people)], 14, sql).scanning(company.headcount);
    let sold = of_shop(&["sales_order"], 1, "SELECT count(*), sum(grand_total) FROM sales_order".into());
    session(REPORTS, at_ms, vec![by_unit, sold.scanning(19_000).after_ms(600)])
}

/// What mysqldump sends for these tables; `single_transaction`: the nightly way.
pub(super) fn dump(company: &Company, tables: &[Table], single_transaction: bool) -> Vec<Statement> {
    let mut all =
        vec![Statement::plain("/*!40100 SET @@SQL_MODE='' */"), Statement::plain("/*!40103 SET TIME_ZONE='+00:00' */")];
    if single_transaction {
        all.push(Statement::plain("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ"));
        all.push(Statement::plain("START TRANSACTION /*!40100 WITH CONSISTENT SNAPSHOT */"));
    }
    for table in tables {
        let (name, rows) = (company.profile.names.table(*table), company.rows(*table));
        all.push(Statement { bytes_sent: 420, ..Statement::plain(format!("show create table `{name}`")) });
        let sql = format!("SELECT /*!40001 SQL_NO_CACHE */ * FROM `{name}`");
        all.push(read(&[(*table, name)], rows, sql).scanning(rows));
    }
    all
}
