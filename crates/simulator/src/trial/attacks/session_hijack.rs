//! A stolen cookie: while its owner works, the same session reads on from another network.

use super::{Kind, Plot, Scene, ip, user};
use crate::{
    company::AGENTS,
    portal::Session,
    trial::{life, staff::Role},
};

pub(super) const KIND: Kind = Kind { name: "session_hijack", lasts_days: 4, on_working_days: true, plot };

fn plot(scene: &mut Scene<'_>) -> Plot {
    let company = scene.company;
    let (victim, seen) = scene.victim(&[Role::HrAdmin, Role::Payroll, Role::Manager], KIND.lasts_days);
    let Some((at_ms, stolen)) = seen.get(seen.len().min(9) / 2) else { return Plot::default() };
    let address = scene.stranger(victim.country);
    // The same browser, or another one.
    let agent = if scene.is_hard() { stolen.agent } else { AGENTS[3] };
    let session = Session { address: address.clone(), agent, ..stolen.clone() };
    let mut pages = Vec::new();
    for _ in 0..scene.count(80, 15) {
        pages.push(life::choose(company, victim, victim.role, scene.day, &mut scene.random));
    }
    let begins = at_ms + scene.random.between(60_000, 240_000);
    let events = scene.pages(victim, &session, begins, pages, 40_000);
    Plot { events, entities: vec![user(victim), ip(&address)], lost: None }
}
