//! A clerk of the shop exports the grid of orders with the cards they were paid with: all of it, at an hour that is not his.

use super::{Kind, Plot, Scene, user};
use crate::trial::{
    life,
    payments::{self, ORDERS, Paid},
    staff::Person,
};

pub(super) const KIND: Kind = Kind { name: "card_export", lasts_days: 1, on_working_days: true, plot };

fn plot(scene: &mut Scene<'_>) -> Plot {
    let Some(clerk) = at_work(scene, KIND.lasts_days) else { return Plot::default() };
    let company = scene.company;
    let rows = scene.count(ORDERS, 1_100);
    // Everything at once, or in parts.
    let parts = if scene.is_hard() { 4 } else { 1 };
    let (begins, ends) = life::hours(clerk, scene.day);
    // Late, or somewhat later than usual.
    let hour = if scene.is_hard() { ends + 0.5 } else { begins + 13.5 };
    let (mut at_ms, session) = (scene.local(clerk, scene.day, hour), scene.usual_session(clerk, scene.day));
    let mut events = vec![company.log_in(&clerk.login, Some(clerk.number), &session, at_ms, &mut scene.random)];
    for _ in 0..parts {
        at_ms += scene.random.between(40_000, 200_000);
        let export = Paid::Export { rows: rows / parts };
        events.push(payments::ask(company, clerk, &session, at_ms, export, &mut scene.random));
    }
    Plot { events, entities: vec![user(clerk), "table:sales_order_payment".into()], lost: None }
}

/// Somebody who looks after payments and is at work on these days; if nobody is, the first of them.
pub(super) fn at_work<'a>(scene: &mut Scene<'a>, days: i64) -> Option<&'a Person> {
    let (company, day) = (scene.company, scene.day);
    let is_there = |person: &&&Person| {
        (day..day + days).all(|day| person.is_employed(day) && !person.is_away(day)) && person.new_role.is_none()
    };
    let all: Vec<&Person> = payments::clerks(company).collect();
    let there: Vec<&Person> = all.iter().filter(is_there).copied().collect();
    let from = if there.is_empty() { all } else { there };
    if from.is_empty() { None } else { Some(scene.random.pick(&from)) }
}
