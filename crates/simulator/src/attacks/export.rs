//! An insider: a clerk with every right to do so takes the pay of a year home.

use super::{Attack, Plot, Scene, table, user_table};
use crate::{
    company::{Company, DAY_MS, HOUR_MS, MINUTE_MS, Role, START},
    portal::{self, PERIOD, Page, Session},
};
use activity::{DataClass, Entity, EntityKind};

pub(super) const ATTACK: Attack = Attack {
    name: "export",
    title: "A payroll clerk exports fourteen pay runs in the evening, within twenty minutes",
    kind: "bulk_export",
    begins_ms: 20 * HOUR_MS + 8 * MINUTE_MS,
    lasts_days: 1,
    detectors: &["volume"],
    plot: |company, scene| export(company, scene, 21_000, 28),
};

/// The same within five minutes.
pub(super) fn hasty(company: &Company, scene: Scene) -> Plot {
    export(company, scene, 7_000, 16)
}

/// Pauses about as long as given, then so many pages of lists.
fn export(company: &Company, scene: Scene, pause_ms: i64, lists: i64) -> Plot {
    let Scene { mut at_ms, mut random, .. } = scene;
    let random = &mut random;
    let clerk = company.of_role(Role::Payroll).nth(1).expect("a company has at least two payroll clerks");
    let session = Session::new(clerk.home_address((at_ms - START.as_millis()) / DAY_MS), clerk.agent, random);
    let mut events = vec![portal::log_in(&clerk.login, Some(clerk.employee_id), &session, at_ms, random)];
    let exports = (0..14).map(|back| Page::PayrollExport { period: PERIOD - back });
    let lists = (0..lists).map(|nth| Page::PayrollList { period: PERIOD - nth / 9, page: nth % 9 });
    for page in [Page::Dashboard].into_iter().chain(exports).chain(lists) {
        at_ms += pause_ms + random.between(0, pause_ms / 3);
        events.push(portal::visit(company, clerk, &session, at_ms, page, random));
    }
    let tables = ["hr_payroll", "hr_employee"];
    let mut subjects = vec![Entity::new(EntityKind::PortalUser, &*clerk.login)];
    subjects.extend(tables.map(table));
    subjects.extend(tables.map(|table| user_table(&clerk.login, table)));
    Plot { events, subjects, classes: vec![DataClass::Hr] }
}
