//! One common password, every account once, slowly and from many addresses; it fits nowhere.

use super::{Kind, Plot, Scene, ip, spread};
use crate::{
    company::{AGENTS, HOUR_MS},
    portal::Session,
};
use std::rc::Rc;

pub(super) const KIND: Kind = Kind { name: "password_spray", lasts_days: 3, on_working_days: false, plot };

fn plot(scene: &mut Scene<'_>) -> Plot {
    let company = scene.company;
    let hosts = scene.count(6, 40);
    let country = company.profile.sites[0].1;
    let addresses: Vec<Rc<str>> = (0..hosts).map(|_| scene.stranger(country)).collect();
    let accounts = scene.count(150, 70) as usize;
    let people: Vec<usize> = (0..company.people.len()).collect();
    let chosen = scene.random.sample(&people, accounts);
    let from_ms = company.midnight(scene.day) + scene.random.between(0, 20 * HOUR_MS);
    let to_ms = from_ms + (scene.scale(3.0, 24.0) * HOUR_MS as f64) as i64;
    let times = spread(&mut scene.random, chosen.len() as i64, from_ms, to_ms);
    let mut events = Vec::new();
    for (at_ms, person) in times.into_iter().zip(chosen) {
        let address = addresses[scene.random.between(0, hosts) as usize].clone();
        let agent = scene.random.pick(&AGENTS);
        let session = Session { id: 0, ..company.session(address, agent, &mut scene.random) };
        events.push(company.log_in(&company.people[person].login, None, &session, at_ms, &mut scene.random));
    }
    // An address that was never used is not part of it.
    let mut entities: Vec<String> =
        events.iter().filter_map(|event| event.request.as_ref()).map(|request| ip(&request.address)).collect();
    entities.push("global".into());
    Plot { events, entities, lost: None }
}
