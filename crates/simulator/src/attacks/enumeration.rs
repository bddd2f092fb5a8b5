//! A hole in the portal: an employee counts up the number in the address, and sees a colleague each time.

use super::{Attack, Plot, Scene, table, user_table};
use crate::{
    company::{Company, HOUR_MS, MINUTE_MS, Role},
    portal::{self, Page, Session},
};
use activity::{DataClass, Entity, EntityKind};

pub(super) const ATTACK: Attack = Attack {
    name: "enumeration",
    title: "An employee reads two hundred colleagues' sheets by counting up the number in the address",
    kind: "id_enumeration",
    begins_ms: 10 * HOUR_MS + 15 * MINUTE_MS,
    lasts_days: 1,
    detectors: &["volume"],
    plot,
};

const SHEETS: i64 = 200;

fn plot(company: &Company, scene: Scene) -> Plot {
    let Scene { mut at_ms, day, mut random } = scene;
    let someone =
        company.of_role(Role::EmployeeSelfService).nth(3).expect("a company has at least eleven people with ess");
    let session = Session::new(someone.home_address(day), someone.agent, &mut random);
    let mut events = vec![portal::log_in(&someone.login, Some(someone.employee_id), &session, at_ms, &mut random)];
    let first = random.between(1, company.headcount);
    for nth in 0..SHEETS {
        at_ms += 6_000 + random.between(0, 8_000);
        let page = Page::Employee { employee: (first + nth) % company.headcount + 1 };
        events.push(portal::visit(company, someone, &session, at_ms, page, &mut random));
    }
    let subjects = vec![
        Entity::new(EntityKind::PortalUser, &*someone.login),
        table("hr_employee"),
        user_table(&someone.login, "hr_employee"),
    ];
    Plot { events, subjects, classes: vec![DataClass::Hr] }
}
