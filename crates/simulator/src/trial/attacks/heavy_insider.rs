//! In the own role, in the own tables, among the own people: only several times as much of it, for two or three days.

use super::{Kind, Plot, Scene, table, user};
use crate::trial::{
    life,
    names::Table,
    portal::{PERIOD, Page},
    staff::Role,
};

pub(super) const KIND: Kind = Kind { name: "heavy_insider", lasts_days: 5, on_working_days: true, plot };

fn plot(scene: &mut Scene<'_>) -> Plot {
    let company = scene.company;
    let person = scene.culprit(&[Role::HrAdmin, Role::Payroll, Role::Benefits], KIND.lasts_days);
    let favourite = *life::duties(person.role).get(1).unwrap_or(&Table::Employees);
    let each_day = (scene.usual_pages(person) * scene.scale(5.0, 2.5)).max(30.0);
    let count = 2 + scene.random.between(0, 2) as usize;
    let mut events = Vec::new();
    for day in scene.working_days(count) {
        let (begins, ends) = life::hours(person, day);
        let mut pages = Vec::new();
        for _ in 0..scene.random.count(each_day, 20.0).max(10) {
            let employee = scene.random.between(person.people.start, person.people.end);
            pages.push(match favourite {
                Table::Payslips => Page::PaySlip { employee, period: PERIOD },
                Table::Medical => Page::Medical { employee },
                Table::Documents => Page::Documents { employee },
                _ => Page::Employee { employee },
            });
        }
        let pause_ms = ((ends - begins - 1.0) * 3_600_000.0 / pages.len() as f64) as i64;
        let (from_ms, session) = (scene.local(person, day, begins + 0.4), scene.usual_session(person, day));
        events.extend(scene.sitting(person, &session, from_ms, pages, pause_ms.clamp(3_000, 60_000)));
    }
    Plot { events, entities: vec![user(person), table(company, favourite)], lost: None }
}
