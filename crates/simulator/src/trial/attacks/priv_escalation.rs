//! Somebody who looks after own data only reads what belongs to other duties.

use super::{Kind, Plot, Scene, table, user};
use crate::trial::{names::Table, portal::Page, staff::Role};

pub(super) const KIND: Kind = Kind { name: "priv_escalation", lasts_days: 1, on_working_days: true, plot };

fn plot(scene: &mut Scene<'_>) -> Plot {
    let company = scene.company;
    let someone = scene.culprit(&[Role::SelfService], 1);
    let mut pages = Vec::new();
    for _ in 0..scene.count(60, 10) {
        let employee = scene.anybody();
        pages.push(if scene.random.chance(0.5) { Page::Medical { employee } } else { Page::Bank { employee } });
    }
    let (from_ms, session) = (scene.moment(someone, scene.day), scene.usual_session(someone, scene.day));
    let pause_ms = scene.scale(15_000.0, 300_000.0) as i64;
    let events = scene.sitting(someone, &session, from_ms, pages, pause_ms);
    let entities = vec![user(someone), table(company, Table::Medical), table(company, Table::Bank)];
    Plot { events, entities, lost: None }
}
