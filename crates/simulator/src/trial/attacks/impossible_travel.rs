//! Here, and within the hour in another country.

use super::{Kind, Plot, Scene, ip, user};
use crate::{
    company::{AGENTS, MINUTE_MS},
    trial::{
        life,
        staff::{self, COUNTRIES, Role},
    },
};

pub(super) const KIND: Kind = Kind { name: "impossible_travel", lasts_days: 4, on_working_days: true, plot };

fn plot(scene: &mut Scene<'_>) -> Plot {
    let company = scene.company;
    let (victim, seen) = scene.victim(&[Role::HrAdmin, Role::Payroll, Role::Manager], KIND.lasts_days);
    let Some((at_ms, session)) = seen.last() else { return Plot::default() };
    let abroad = (victim.country + scene.random.between(1, COUNTRIES.len() as i64) as usize) % COUNTRIES.len();
    let address = if scene.is_hard() {
        let third = scene.random.between(0, 16);
        staff::home(abroad, third, scene.random.between(2, 254))
    } else {
        staff::hosted(&mut scene.random)
    };
    let agent = if scene.is_hard() { session.agent } else { AGENTS[2] };
    let session = company.session(address.clone(), agent, &mut scene.random);
    let mut pages = Vec::new();
    for _ in 0..scene.count(20, 7) {
        pages.push(life::choose(company, victim, victim.role, scene.day, &mut scene.random));
    }
    let begins = at_ms + scene.random.between(20 * MINUTE_MS, 70 * MINUTE_MS);
    let events = scene.sitting(victim, &session, begins, pages, 40_000);
    Plot { events, entities: vec![user(victim), ip(&address)], lost: None }
}
