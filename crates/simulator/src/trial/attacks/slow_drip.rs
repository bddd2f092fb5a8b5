//! Patience: every working day for three weeks a few records more than the work needs.

use super::{Kind, Plot, Scene, user};
use crate::trial::{life, names::Table, portal::Page, staff::Role};

pub(super) const KIND: Kind = Kind { name: "slow_drip", lasts_days: 19, on_working_days: false, plot };

fn plot(scene: &mut Scene<'_>) -> Plot {
    let (company, lasts) = (scene.company, KIND.lasts_days);
    let person = scene.culprit(&[Role::HrAdmin, Role::Payroll, Role::Benefits], lasts);
    let each_day = (scene.usual_pages(person) * scene.scale(2.5, 0.4)).max(6.0);
    let strangers = scene.scale(1.0, 0.6);
    let mut events = Vec::new();
    for day in scene.day..(scene.day + lasts + 1).min(scene.end) {
        if company.calendar.is_free(day) || person.is_away(day) {
            continue;
        }
        let count = scene.random.count(each_day, 8.0).max(2);
        let mut pages = Vec::new();
        for _ in 0..count {
            let own = !scene.random.chance(strangers);
            let people = if own { person.people.clone() } else { 0..company.headcount };
            let employee = scene.random.between(people.start, people.end);
            let nth = scene.random.between(0, 2) as usize;
            pages.push(match life::duties(person.role).get(nth).copied().unwrap_or(Table::Employees) {
                Table::Documents => Page::Documents { employee },
                Table::Benefits => Page::Benefits { employee },
                Table::Medical => Page::Medical { employee },
                Table::Payslips => Page::PaySlip { employee, period: crate::trial::portal::PERIOD },
                _ => Page::Employee { employee },
            });
        }
        let (begins, _) = life::hours(person, day);
        let hour = begins + scene.random.real(0.5, 4.0);
        let from_ms = scene.local(person, day, hour);
        let session = scene.usual_session(person, day);
        events.extend(scene.sitting(person, &session, from_ms, pages, 45_000));
    }
    Plot { events, entities: vec![user(person)], lost: None }
}
