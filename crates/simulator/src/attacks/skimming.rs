//! A web shell: a file that should not exist asks the database for cards, customers and what staff bought.

use super::{Attack, Plot, Scene, table};
use crate::{
    company::{AGENTS, APP_ACCOUNT, Company, HOUR_MS, MINUTE_MS},
    log::Statement,
    portal,
    quiet::Visitor,
};
use activity::{DataClass, Entity, EntityKind};

pub(super) const ATTACK: Attack = Attack {
    name: "skimming",
    title: "Through a web shell, payment data and staff orders are read in bulk for an hour",
    kind: "webshell",
    begins_ms: 15 * HOUR_MS + 5 * MINUTE_MS,
    lasts_days: 1,
    detectors: &["volume", "first_seen"],
    plot,
};

fn plot(_: &Company, scene: Scene) -> Plot {
    let Scene { at_ms, mut random, .. } = scene;
    let random = &mut random;
    const SHELL: &str = "/media/custom_options/quote/s/t/style.php";
    const PAGE: i64 = 500;
    let address = "198.19.201.66";
    let visitor = Visitor { address: address.into(), agent: AGENTS[2], session: 0, host: 1 };
    // The file came in as an option of a product in a cart; then a look whether it runs.
    let upload = visitor.post(at_ms, "/rest/default/V1/guest-carts/5b1e77c0/items".into(), 200, 212, random);
    let mut events = vec![upload, visitor.get(at_ms + 41_000, SHELL.into(), 200, 14, random)];
    let mut at = at_ms + 3 * MINUTE_MS;
    for page in 0..36 {
        let mut event = visitor.post(at, SHELL.into(), 200, 61_000 + random.between(0, 4_000), random);
        let offset = page * PAGE;
        let orders = format!(
            "SELECT p.method, p.cc_last_4, p.cc_exp_month, p.cc_exp_year, p.additional_information, o.customer_email FROM sales_order_payment p JOIN sales_order o ON o.entity_id = p.parent_id LIMIT {PAGE} OFFSET {offset}"
        );
        let quotes = format!(
            "SELECT quote_id, method, cc_last_4, additional_information FROM quote_payment LIMIT {PAGE} OFFSET {offset}"
        );
        let staff = format!(
            "SELECT s.employee_id, s.payroll_deduction, o.customer_firstname, o.customer_lastname FROM hr_staff_order s JOIN sales_order o ON o.entity_id = s.order_id LIMIT {PAGE} OFFSET {offset}"
        );
        event
            .statements
            .push(Statement::read(&["sales_order_payment", "sales_order"], PAGE, orders).scanning(offset + PAGE));
        event.statements.push(Statement::read(&["quote_payment"], PAGE, quotes).scanning(offset + PAGE).after_ms(40));
        if offset < 4000 {
            event.statements.push(
                Statement::read(&["hr_staff_order", "sales_order"], PAGE, staff).scanning(offset + PAGE).after_ms(40),
            );
        }
        if let Some(request) = &mut event.request {
            request.took_ms += 160;
        }
        events.push(event);
        at += 70_000 + random.between(0, 60_000);
    }
    let mut subjects = vec![
        Entity::new(EntityKind::Address, address),
        Entity::new(EntityKind::Route, SHELL),
        Entity::new(EntityKind::DbAccount, format!("{APP_ACCOUNT}@{}", portal::app(1).host)),
        Entity::new(EntityKind::AppHost, portal::app(1).host),
    ];
    subjects.extend(["sales_order_payment", "quote_payment", "hr_staff_order", "sales_order"].map(table));
    Plot { events, subjects, classes: vec![DataClass::Payment, DataClass::Customer, DataClass::HrAdjacent] }
}
