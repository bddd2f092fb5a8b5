//! A clerk of the shop opens one order after the other, by counting up the number in the address, for their payments.

use super::{Kind, Plot, Scene, card_export::at_work, user};
use crate::trial::payments::{self, ORDERS, Paid};

pub(super) const KIND: Kind = Kind { name: "card_enumeration", lasts_days: 4, on_working_days: true, plot };

fn plot(scene: &mut Scene<'_>) -> Plot {
    let Some(clerk) = at_work(scene, KIND.lasts_days) else { return Plot::default() };
    let company = scene.company;
    let total = scene.count(600, 70);
    // All at once, or a few every day.
    let days = scene.working_days(1 + (scene.scale(0.0, 2.0) + 0.5) as usize);
    let each = total / days.len().max(1) as i64 + 1;
    let mut next = scene.random.between(0, ORDERS / 2);
    let mut events = Vec::new();
    for day in days {
        let (mut at_ms, session) = (scene.moment(clerk, day), scene.usual_session(clerk, day));
        events.push(company.log_in(&clerk.login, Some(clerk.number), &session, at_ms, &mut scene.random));
        for _ in 0..each {
            at_ms += 2_000 + scene.random.exponential(scene.scale(2_000.0, 40_000.0)) as i64;
            let order = Paid::Order { order: next % ORDERS };
            events.push(payments::ask(company, clerk, &session, at_ms, order, &mut scene.random));
            next += 1;
        }
    }
    Plot { events, entities: vec![user(clerk), "table:sales_order_payment".into()], lost: None }
}
