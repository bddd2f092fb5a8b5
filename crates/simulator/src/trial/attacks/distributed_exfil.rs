//! Many accounts, a little each: twenty to forty people read some colleagues' sheets within two or three days.

use super::{Kind, Plot, Scene, table, user};
use crate::trial::{names::Table, portal::Page, staff::Role};

pub(super) const KIND: Kind = Kind { name: "distributed_exfil", lasts_days: 5, on_working_days: true, plot };

fn plot(scene: &mut Scene<'_>) -> Plot {
    let company = scene.company;
    let day = scene.day;
    let fit: Vec<usize> = (0..company.people.len())
        .filter(|at| {
            let person = &company.people[*at];
            person.role == Role::SelfService
                && person.is_employed(day)
                && person.leaves.is_none()
                && !person.is_away(day)
        })
        .collect();
    let accounts = scene.count(25, 38) as usize;
    let chosen = scene.random.sample(&fit, accounts);
    let days = scene.working_days(3);
    let (mut events, mut entities) = (Vec::new(), vec!["global".to_owned(), table(company, Table::Employees)]);
    for at in chosen {
        let person = &company.people[at];
        let total = scene.count(45, 14);
        for day in &days {
            let mut pages = Vec::new();
            for _ in 0..total / days.len() as i64 + 1 {
                pages.push(Page::Employee { employee: scene.anybody() });
            }
            let (from_ms, session) = (scene.moment(person, *day), scene.usual_session(person, *day));
            events.extend(scene.sitting(person, &session, from_ms, pages, 40_000));
        }
        entities.push(user(person));
    }
    Plot { events, entities, lost: None }
}
