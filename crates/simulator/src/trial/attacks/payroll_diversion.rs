//! Wages on the way to somebody else: one who rarely changes account numbers changes those of several employees to the
//! same one.

use super::{Kind, Plot, Scene, table, user};
use crate::trial::{names::Table, portal::Page, staff::Role};

pub(super) const KIND: Kind = Kind { name: "payroll_diversion", lasts_days: 4, on_working_days: true, plot };

fn plot(scene: &mut Scene<'_>) -> Plot {
    let company = scene.company;
    let person = scene.culprit(&[Role::HrAdmin, Role::Benefits], KIND.lasts_days);
    let iban = scene.random.between(1, i64::from(i32::MAX));
    let total = scene.count(14, 4);
    let takes_days = if scene.is_hard() { 2 } else { 1 };
    let days = scene.working_days(takes_days);
    let mut events = Vec::new();
    for day in &days {
        let mut pages = Vec::new();
        for _ in 0..total / days.len() as i64 + 1 {
            let employee = scene.random.between(person.people.start, person.people.end);
            pages.extend([Page::Bank { employee }, Page::BankSave { employee, iban }]);
        }
        let (from_ms, session) = (scene.moment(person, *day), scene.usual_session(person, *day));
        events.extend(scene.sitting(person, &session, from_ms, pages, 25_000));
    }
    Plot { events, entities: vec![user(person), table(company, Table::Bank)], lost: None }
}
