//! Leaked passwords, many names, one attempt each; one fits.

use super::{Kind, Plot, Scene, ip, spread, user};
use crate::{
    company::{AGENTS, MINUTE_MS},
    portal::Session,
    trial::{
        portal::{PERIOD, Page},
        staff::Role,
    },
};
use std::rc::Rc;

pub(super) const KIND: Kind = Kind { name: "cred_stuffing", lasts_days: 2, on_working_days: false, plot };

fn plot(scene: &mut Scene<'_>) -> Plot {
    let company = scene.company;
    let victim = scene.culprit(&[Role::SelfService, Role::Manager, Role::HrAdmin], KIND.lasts_days);
    let (attempts, hosts) = (scene.count(180, 60), scene.count(2, 14));
    let country = victim.country;
    let addresses: Vec<Rc<str>> = (0..hosts).map(|_| scene.stranger(country)).collect();
    let from_ms = company.midnight(scene.day) + scene.random.between(0, 20 * 60 * MINUTE_MS);
    let span_ms = scene.scale(15.0, 240.0) as i64 * MINUTE_MS;
    let mut events = Vec::new();
    for at_ms in spread(&mut scene.random, attempts, from_ms, from_ms + span_ms) {
        // Half of the names in the list never worked here.
        let login: Rc<str> = if scene.random.chance(0.5) {
            company.people[scene.random.between(0, company.people.len() as i64) as usize].login.clone()
        } else {
            format!("x{}", scene.random.between(100, 9_000)).into()
        };
        let address = addresses[scene.random.between(0, hosts) as usize].clone();
        let agent = scene.random.pick(&AGENTS);
        let session = Session { id: 0, ..company.session(address, agent, &mut scene.random) };
        events.push(company.log_in(&login, None, &session, at_ms, &mut scene.random));
    }
    let address = addresses[scene.random.between(0, hosts) as usize].clone();
    let session = company.session(address, AGENTS[0], &mut scene.random);
    let me = victim.number;
    let slips = (0..scene.count(12, 4)).map(|back| Page::PaySlip { employee: me, period: PERIOD - back });
    let own = [Page::Dashboard, Page::Employee { employee: me }, Page::Bank { employee: me }, Page::Leave];
    let pages = own.into_iter().chain(slips).collect();
    let begins = from_ms + span_ms * 4 / 5;
    events.extend(scene.sitting(victim, &session, begins, pages, 12_000));
    let mut entities: Vec<String> = addresses.iter().map(|address| ip(address)).collect();
    entities.extend([user(victim), "global".into()]);
    Plot { events, entities, lost: None }
}
