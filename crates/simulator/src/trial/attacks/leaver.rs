//! The last day is over, the account still works.

use super::{Kind, Plot, Scene, user};
use crate::trial::{
    life,
    portal::{PERIOD, Page},
};

pub(super) const KIND: Kind = Kind { name: "leaver", lasts_days: 1, on_working_days: false, plot };

fn plot(scene: &mut Scene<'_>) -> Plot {
    let company = scene.company;
    let gone = |last: i64| last + 2 <= scene.day;
    let Some(person) = company.people.iter().find(|person| person.leaves.is_some_and(gone)) else {
        return Plot::default();
    };
    let me = person.number;
    let mut pages = vec![Page::Dashboard];
    for back in 0..scene.count(20, 4) {
        pages.push(match back % 3 {
            0 => Page::PaySlip { employee: me, period: PERIOD - back },
            1 => Page::Documents { employee: me },
            _ => life::choose(company, person, person.role, scene.day, &mut scene.random),
        });
    }
    let hour = scene.random.real(9.0, 21.0);
    let from_ms = scene.local(person, scene.day, hour);
    let session = company.session(person.home_address(scene.day), person.agent, &mut scene.random);
    let events = scene.sitting(person, &session, from_ms, pages, 30_000);
    Plot { events, entities: vec![user(person)], lost: None }
}
