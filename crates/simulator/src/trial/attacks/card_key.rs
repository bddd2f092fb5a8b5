//! The key of a program that fetches staff, in other hands: it reads orders, and the cards that customers have stored.

use super::{Kind, Plot, Scene, ip, user};
use crate::{
    portal::Session,
    trial::{
        payments::{self, ORDERS_EACH, Paid},
        services,
        staff::Role,
    },
};

pub(super) const KIND: Kind = Kind { name: "card_key", lasts_days: 1, on_working_days: false, plot };

fn plot(scene: &mut Scene<'_>) -> Plot {
    let company = scene.company;
    let owner = payments::program(company).map(|program| program.login.clone());
    let programs: Vec<_> =
        company.of_role(Role::Service).filter(|program| Some(&program.login) != owner.as_ref()).collect();
    if programs.is_empty() {
        return Plot::default();
    }
    let program = scene.random.pick(&programs);
    // Its own vendor's network where it is done the hard way.
    let address = if scene.is_hard() {
        format!("198.51.100.{}", scene.random.between(100, 250)).into()
    } else {
        scene.stranger(company.profile.sites[0].1)
    };
    let session = Session { address, ..services::token(company, program, scene.day) };
    let mut at_ms = scene.moment(program, scene.day);
    let mut events = Vec::new();
    for page in 0..scene.count(120, 10) {
        let mut event = payments::ask(company, program, &session, at_ms, Paid::Orders { page }, &mut scene.random);
        let tag = event.statements.first().and_then(|statement| statement.tag.clone());
        event.statements.push(crate::log::Statement { tag, ..payments::stored_cards(ORDERS_EACH, page * ORDERS_EACH) });
        events.push(event);
        at_ms += scene.scale(4_000.0, 200_000.0) as i64 + scene.random.between(0, 3_000);
    }
    let tables = ["table:sales_order_payment".into(), "table:vault_payment_token".into()];
    let entities = [user(program), ip(&session.address)].into_iter().chain(tables).collect();
    Plot { events, entities, lost: None }
}
