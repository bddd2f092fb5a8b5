//! What programs and administrators do in the database: cron, the ERP system's order feed, nightly reports, the nightly
//! backup from its own host, and a DBA who looks after it all.

use crate::{
    company::{Company, DAY_MS, HOUR_MS, MINUTE_MS, START, weekday},
    dump,
    log::{Client, Connection, Event, Statement},
    portal,
    random::Random,
    schema,
};

pub(super) fn day(company: &Company, day: i64, events: &mut Vec<Event>) {
    let mut random = company.random.fork("jobs", day as u64);
    let midnight = START.as_millis() + day * DAY_MS;
    cron(midnight, events);
    orders_to_erp(midnight, &mut random, events);
    reports(company, midnight + 5 * HOUR_MS + 10 * MINUTE_MS + random.between(0, 20_000), day, events);
    events.push(backup(company, midnight + HOUR_MS + 30 * MINUTE_MS + random.between(0, 9_000), day));
    if weekday(day) < 5 && random.chance(0.5) {
        let at_ms = midnight + random.between(8 * HOUR_MS, 16 * HOUR_MS);
        administration(company, at_ms, day, &mut random, events);
    }
}

fn session(account: &'static str, host: &'static str, at_ms: i64, statements: Vec<Statement>) -> Event {
    let client = Client { account, host, connection: Connection::Own };
    Event { at_ms, request: None, client, statements, attack: None }
}

fn cron(midnight: i64, events: &mut Vec<Event>) {
    for quarter in 0..96 {
        let sql = "SELECT `cron_schedule`.* FROM `cron_schedule` WHERE (`status` = 'pending')";
        events.push(Event {
            at_ms: midnight + quarter * 15 * MINUTE_MS + 1_200,
            request: None,
            client: portal::app(1),
            statements: vec![Statement::read(&["cron_schedule"], 9, sql)],
            attack: None,
        });
    }
}

/// Every hour the orders since the last time, with how they were paid.
fn orders_to_erp(midnight: i64, random: &mut Random, events: &mut Vec<Event>) {
    for hour in 0..24 {
        let rows = random.count(if (7..22).contains(&hour) { 1.2 } else { 0.3 }, 2.0);
        let sql = "SELECT o.entity_id, o.increment_id, o.grand_total, p.method, p.amount_paid FROM sales_order o JOIN sales_order_payment p ON p.parent_id = o.entity_id WHERE o.status = 'pending'";
        let at_ms = midnight + hour * HOUR_MS + 7 * MINUTE_MS + random.between(0, 4_000);
        events.push(session(
            "erp_sync",
            "10.20.6.4",
            at_ms,
            vec![Statement::read(&["sales_order", "sales_order_payment"], rows, sql)],
        ));
    }
}

fn reports(company: &Company, at_ms: i64, day: i64, events: &mut Vec<Event>) {
    let scanned = |table: &str| schema::table(table).rows(company.headcount, day);
    let statements = vec![
        Statement::read(
            &["hr_department", "hr_employee"],
            14,
            "SELECT d.name, count(*), avg(e.salary) FROM hr_employee e JOIN hr_department d USING(department_id) GROUP BY d.name",
        )
        .scanning(scanned("hr_employee")),
        Statement::read(&["sales_order"], 1, "SELECT count(*), sum(grand_total) FROM sales_order")
            .scanning(scanned("sales_order"))
            .after_ms(600),
    ];
    events.push(session("report_ro", "10.20.5.5", at_ms, statements));
}

fn backup(company: &Company, at_ms: i64, day: i64) -> Event {
    let tables: Vec<&str> = schema::TABLES.iter().map(|table| table.name).collect();
    session("backup", "10.20.9.5", at_ms, dump::statements(company, day, &tables, true))
}

fn administration(company: &Company, at_ms: i64, day: i64, random: &mut Random, events: &mut Vec<Event>) {
    if random.chance(0.15) {
        let client = Client { account: "dba", host: "10.20.8.21", connection: Connection::Refused(1045) };
        events.push(Event { at_ms: at_ms - 9_000, request: None, client, statements: Vec::new(), attack: None });
    }
    let table = random.pick(&["sales_order", "quote", "cron_schedule", "customer_entity", "magento_logging_event"]);
    let rows = schema::table(table).rows(company.headcount, day);
    let mut statements =
        vec![Statement::plain("SHOW FULL PROCESSLIST"), Statement::plain("SHOW ENGINE INNODB STATUS").after_ms(21_000)];
    statements
        .push(Statement::read(&[table], 1, format!("SELECT count(*) FROM {table}")).scanning(rows).after_ms(44_000));
    if random.chance(0.3) {
        statements.push(Statement { delay_ms: 65_000, ..Statement::write(table, format!("ANALYZE TABLE {table}")) });
    }
    events.push(session("dba", "10.20.8.21", at_ms, statements));
}
