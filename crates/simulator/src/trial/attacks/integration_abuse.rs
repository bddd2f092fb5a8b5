//! A program's key in other hands: from another address, for a table the program has no business with.

use super::{Kind, Plot, Scene, ip, table, user};
use crate::{
    portal::Session,
    trial::{names::Table, portal::Page, services, staff::Role},
};

pub(super) const KIND: Kind = Kind { name: "integration_abuse", lasts_days: 1, on_working_days: false, plot };

fn plot(scene: &mut Scene<'_>) -> Plot {
    let company = scene.company;
    let program = scene.culprit(&[Role::Service], 1);
    let own = services::table_of(program);
    let foreign = if own == Table::Benefits { Table::Bank } else { Table::Medical };
    // Its own vendor's network where it is done the hard way.
    let address = if scene.is_hard() {
        format!("198.51.100.{}", scene.random.between(100, 250)).into()
    } else {
        scene.stranger(company.profile.sites[0].1)
    };
    let session = Session { address, ..services::token(company, program, scene.day) };
    let all = company.rows(foreign) / 100 + 1;
    let mut pages = Vec::new();
    for page in 0..scene.count(110, 12) {
        pages.push(Page::Api { table: foreign, page: page % all });
    }
    let from_ms = scene.moment(program, scene.day);
    let pause_ms = scene.scale(4_000.0, 300_000.0) as i64;
    let events = scene.pages(program, &session, from_ms, pages, pause_ms);
    let entities = vec![user(program), ip(&session.address), table(company, foreign)];
    Plot { events, entities, lost: None }
}
