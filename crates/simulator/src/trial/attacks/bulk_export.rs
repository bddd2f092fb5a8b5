//! A clerk with every right to do so takes the pay of several months home.

use super::{Kind, Plot, Scene, table, user};
use crate::trial::{
    names::Table,
    portal::{PERIOD, Page},
    staff::Role,
};

pub(super) const KIND: Kind = Kind { name: "bulk_export", lasts_days: 1, on_working_days: true, plot };

fn plot(scene: &mut Scene<'_>) -> Plot {
    let clerk = scene.culprit(&[Role::Payroll], 1);
    let (runs, company) = (scene.count(14, 3), scene.company);
    let part = if scene.is_hard() { company.headcount / 3 } else { company.headcount };
    let pages = (0..runs).map(|back| Page::Export { period: PERIOD - back, employees: part }).collect();
    let (from_ms, session) = (scene.moment(clerk, scene.day), scene.usual_session(clerk, scene.day));
    let pause_ms = scene.scale(20_000.0, 300_000.0) as i64;
    let events = scene.sitting(clerk, &session, from_ms, pages, pause_ms);
    Plot { events, entities: vec![user(clerk), table(company, Table::Payslips)], lost: None }
}
