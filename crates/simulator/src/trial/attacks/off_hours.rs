//! Two nights at the kitchen table: somebody who never works at night reads what the job would show by day.

use super::{Kind, Plot, Scene, user};
use crate::trial::{life, staff::Role};

pub(super) const KIND: Kind = Kind { name: "off_hours", lasts_days: 3, on_working_days: false, plot };

fn plot(scene: &mut Scene<'_>) -> Plot {
    let company = scene.company;
    let person = scene.culprit(&[Role::HrAdmin, Role::Payroll, Role::Benefits], KIND.lasts_days);
    let mut events = Vec::new();
    for day in [scene.day, scene.day + 1] {
        let mut pages = Vec::new();
        for _ in 0..scene.count(70, 15) {
            pages.push(life::choose(company, person, person.role, day, &mut scene.random));
        }
        let hour = scene.random.real(24.8, 27.5);
        let from_ms = scene.local(person, day, hour);
        let session = company.session(person.home_address(day + 1), person.agent, &mut scene.random);
        events.extend(scene.sitting(person, &session, from_ms, pages, 30_000));
    }
    Plot { events, entities: vec![user(person)], lost: None }
}
