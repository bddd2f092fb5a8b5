//! A hole in the portal: somebody counts up the number in the address, and sees a colleague each time.

use super::{Kind, Plot, Scene, user};
use crate::{
    company::HOUR_MS,
    trial::{portal::Page, staff::Role},
};

pub(super) const KIND: Kind = Kind { name: "id_enumeration", lasts_days: 6, on_working_days: true, plot };

fn plot(scene: &mut Scene<'_>) -> Plot {
    let company = scene.company;
    let someone = scene.culprit(&[Role::SelfService, Role::Manager], KIND.lasts_days);
    let total = scene.count(400, 40).min(company.headcount);
    let stride = if scene.is_hard() { scene.random.between(2, 6) } else { 1 };
    let mut next = scene.anybody();
    // All at once, or a few every day.
    let sittings = 1 + (scene.scale(0.0, 5.0) + 0.5) as usize;
    let days = scene.working_days(sittings);
    let each = total / days.len().max(1) as i64 + 1;
    let mut events = Vec::new();
    for day in days {
        let mut pages = Vec::new();
        for _ in 0..each {
            pages.push(Page::Employee { employee: next % company.headcount });
            next += stride;
        }
        let (from_ms, session) = (scene.moment(someone, day), scene.usual_session(someone, day));
        let pause_ms = (HOUR_MS / each).clamp(3_000, 60_000);
        events.extend(scene.sitting(someone, &session, from_ms, pages, pause_ms));
    }
    Plot { events, entities: vec![user(someone)], lost: None }
}
