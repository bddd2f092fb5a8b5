//! Patience: an administrator takes a few dozen records more than the work needs, every afternoon, for ten days.

use super::{Attack, Plot, Scene, table, user_table};
use crate::{
    company::{Company, DAY_MS, HOUR_MS, Role},
    portal::{self, Page, Session},
};
use activity::{DataClass, Entity, EntityKind};

pub(super) const ATTACK: Attack = Attack {
    name: "drip",
    title: "An HR administrator looks up forty employees more than usual every afternoon for ten days",
    kind: "slow_drip",
    begins_ms: 14 * HOUR_MS,
    lasts_days: DAYS,
    detectors: &["volume"],
    plot,
};

const DAYS: i64 = 10;
const LOOK_UPS_PER_DAY: i64 = 40;

fn plot(company: &Company, scene: Scene) -> Plot {
    let Scene { at_ms, mut random, .. } = scene;
    let admin = company.of_role(Role::HrAdmin).nth(1).expect("a company has at least two HR administrators");
    let mut events = Vec::new();
    for day in 0..DAYS {
        let mut at_ms = at_ms + day * DAY_MS + random.between(0, HOUR_MS / 2);
        let session = Session::new(admin.office_address(), admin.agent, &mut random);
        events.push(portal::log_in(&admin.login, Some(admin.employee_id), &session, at_ms, &mut random));
        for nth in 0..LOOK_UPS_PER_DAY {
            at_ms += 8_000 + random.exponential(30_000.0) as i64;
            let page = Page::BenefitsOf { employee: (day * LOOK_UPS_PER_DAY + nth) % company.headcount + 1 };
            events.push(portal::visit(company, admin, &session, at_ms, page, &mut random));
        }
    }
    let tables = ["hr_benefits", "hr_document"];
    let mut subjects = vec![Entity::new(EntityKind::PortalUser, &*admin.login)];
    subjects.extend(tables.map(table));
    subjects.extend(tables.map(|table| user_table(&admin.login, table)));
    Plot { events, subjects, classes: vec![DataClass::Hr] }
}
