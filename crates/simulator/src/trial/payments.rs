//! Work on what customers paid: a few people look at orders in the shop's administration, and a program fetches them.
//!
//! They are people and a program of the company with other duties besides, and have a stream of random numbers of their own:
//! a world without this work is the same bytes whether or not this file exists.

use super::{
    database::of_shop,
    portal::Answer,
    services,
    staff::{Company, Person, Role},
};
use crate::{
    company::HOUR_MS,
    log::{Event, Statement},
    portal::Session,
    random::Random,
};

/// Orders there are, and the number of the first of them; ids do not tell the year.
pub(super) const ORDERS: i64 = 18_900;
/// People who look after them.
const CLERKS: usize = 3;
/// Orders on one page of a program's answer.
pub(super) const ORDERS_EACH: i64 = 50;
/// Share of orders that were paid with a stored card.
const STORED_CARDS: i64 = 3;

/// What of the shop's payments somebody asks for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Paid {
    /// One order with its payment.
    Order { order: i64 },
    /// The grid of orders as CSV, so many rows; with the stored cards behind it.
    Export { rows: i64 },
    /// A page of orders with their payments, for a program.
    Orders { page: i64 },
}

/// Who looks after payments.
pub(super) fn clerks(company: &Company) -> impl Iterator<Item = &Person> {
    company.of_role(Role::Manager).take(CLERKS)
}

/// The program that fetches orders.
pub(super) fn program(company: &Company) -> Option<&Person> {
    company.of_role(Role::Service).next()
}

pub(super) fn day(company: &Company, day: i64, events: &mut Vec<Event>) {
    let mut random = company.random.fork("payments", day as u64);
    for person in clerks(company) {
        if person.is_employed(day) && !person.is_away(day) && !company.calendar.is_free(day) {
            work(company, person, day, &mut random, events);
        }
    }
    let Some(program) = program(company) else { return };
    let session = services::token(company, program, day);
    for hour in (0..24).step_by(2) {
        let mut at_ms = company.midnight(day) + hour * HOUR_MS + random.between(2_000, 50_000);
        for page in 0..1 + random.count(1.0, 2.0) {
            events.push(ask(company, program, &session, at_ms, Paid::Orders { page }, &mut random));
            at_ms += random.between(900, 4_000);
        }
    }
}

/// Refunds and questions of customers, mostly about orders of late; on Mondays the week's orders as CSV.
fn work(company: &Company, person: &Person, day: i64, random: &mut Random, events: &mut Vec<Event>) {
    let address = if random.chance(person.in_office) { person.office_address() } else { person.home_address(day) };
    let session = company.session(address, person.agent, random);
    let midnight = company.midnight(day);
    let mut at_ms = person.local_ms(midnight, person.begins + random.real(0.3, 5.0));
    events.push(company.log_in(&person.login, Some(person.number), &session, at_ms, random));
    for _ in 0..random.count(9.0, 4.0) {
        at_ms += 20_000 + random.exponential(180_000.0) as i64;
        let order = ORDERS - 1 - random.exponential(160.0) as i64 % ORDERS;
        events.push(ask(company, person, &session, at_ms, Paid::Order { order }, random));
    }
    if day.rem_euclid(7) == 0 {
        let rows = 90 + random.count(60.0, 8.0);
        events.push(ask(company, person, &session, at_ms + 50_000, Paid::Export { rows }, random));
    }
}

/// A request for payments, answered.
pub(super) fn ask(
    company: &Company,
    person: &Person,
    session: &Session,
    at_ms: i64,
    paid: Paid,
    random: &mut Random,
) -> Event {
    company.answered(person, session, at_ms, answer(paid), random)
}

fn answer(paid: Paid) -> Answer {
    let get = |target: String, controller, action, statements| Answer {
        method: "GET",
        target,
        controller,
        action,
        statements,
    };
    match paid {
        Paid::Order { order } => {
            let of_order = |table: &'static str, key: &str| {
                of_shop(&[table], 1, format!("SELECT `{table}`.* FROM `{table}` WHERE (`{table}`.`{key}` = '{order}')"))
            };
            let statements = vec![of_order("sales_order", "entity_id"), of_order("sales_order_payment", "parent_id")];
            get(format!("/shop_admin/sales/order/view/order_id/{order}/"), "order", "view", statements)
        }
        Paid::Export { rows } => {
            let sql = format!(
                "SELECT g.increment_id, p.method, p.cc_last_4, p.cc_exp_month, p.cc_exp_year FROM sales_order_grid g JOIN sales_order_payment p ON p.parent_id = g.entity_id ORDER BY g.entity_id DESC LIMIT {rows}"
            );
            let orders = of_shop(&["sales_order_grid", "sales_order_payment"], rows, sql);
            get(
                "/shop_admin/mui/export/gridToCsv/?namespace=sales_order_grid".into(),
                "export",
                "gridToCsv",
                vec![orders.scanning(rows * 2)],
            )
        }
        Paid::Orders { page } => {
            let rows = ORDERS_EACH;
            let sql = format!(
                "SELECT `main_table`.*, p.method, p.amount_paid FROM `sales_order` AS `main_table` JOIN `sales_order_payment` AS p ON p.parent_id = main_table.entity_id ORDER BY main_table.entity_id DESC LIMIT {rows} OFFSET {}",
                page * rows
            );
            get(
                format!("/rest/V1/orders?searchCriteria[pageSize]={rows}&searchCriteria[currentPage]={}", page + 1),
                "rest",
                "getList",
                vec![of_shop(&["sales_order", "sales_order_payment"], rows, sql)],
            )
        }
    }
}

/// The stored cards of so many customers.
pub(super) fn stored_cards(rows: i64, offset: i64) -> Statement {
    let rows = (rows / STORED_CARDS).max(1);
    let sql = format!(
        "SELECT public_hash, gateway_token, details FROM vault_payment_token WHERE is_active = 1 LIMIT {rows} OFFSET {offset}"
    );
    of_shop(&["vault_payment_token"], rows, sql)
}
