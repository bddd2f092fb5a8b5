//! Credential stuffing: leaked passwords, many names, one attempt each, from two rented servers; one fits.

use super::{Attack, Plot, Scene};
use crate::{
    company::{AGENTS, Company, HOUR_MS, MINUTE_MS, Person, Role},
    portal::{self, PERIOD, Page, Session},
};
use activity::{DataClass, Entity, EntityKind};
use std::rc::Rc;

pub(super) const ATTACK: Attack = Attack {
    name: "stuffing",
    title: "Leaked passwords are tried on some sixty accounts from two addresses; one fits, and its owner's HR pages are read",
    kind: "cred_stuffing",
    begins_ms: 12 * HOUR_MS + 24 * MINUTE_MS,
    lasts_days: 1,
    detectors: &["login_failures", "first_seen"],
    plot,
};

fn plot(company: &Company, scene: Scene) -> Plot {
    let Scene { at_ms, mut random, .. } = scene;
    let random = &mut random;
    let addresses = ["198.19.44.17", "198.19.44.23"];
    let victim = company
        .of_role(Role::EmployeeSelfService)
        .nth(7)
        .expect("a company has at least twenty people, eleven of them ess");
    let known: Vec<&Person> = company.people.iter().filter(|person| person.login != victim.login).take(36).collect();
    let mut names: Vec<Rc<str>> = known.iter().map(|person| person.login.clone()).collect();
    // People who left long ago: their passwords are in the list, too.
    names.extend((0..22).map(|left| format!("e{}", 640 + left * 7).into()));
    let mut events = Vec::new();
    let span_ms = 15 * MINUTE_MS;
    for (nth, name) in names.iter().enumerate() {
        let address = addresses[nth % 2];
        let session = Session { id: 0, ..Session::new(address.into(), AGENTS[0], random) };
        let jitter = random.between(0, 5_000);
        let at_ms = at_ms + span_ms * nth as i64 / (names.len() as i64 + 1) + jitter;
        events.push(portal::log_in(name, None, &session, at_ms, random));
    }
    let session = Session::new(addresses[1].into(), AGENTS[0], random);
    let mut at_ms = at_ms + span_ms - 20_000;
    events.push(portal::log_in(&victim.login, Some(victim.employee_id), &session, at_ms, random));
    let me = victim.employee_id;
    let pages = (0..8).map(|back| Page::PaySlip { employee: me, period: PERIOD - back });
    for page in [Page::Dashboard, Page::Employee { employee: me }, Page::Benefits, Page::Documents, Page::Leave]
        .into_iter()
        .chain(pages)
    {
        at_ms += 7_000 + random.exponential(9_000.0) as i64;
        events.push(portal::visit(company, victim, &session, at_ms, page, random));
    }
    let mut subjects = vec![Entity::new(EntityKind::PortalUser, &*victim.login)];
    subjects.extend(addresses.map(|address| Entity::new(EntityKind::Address, address)));
    subjects.push(Entity::new(EntityKind::Network, "198.19.44.0/24"));
    subjects.push(Entity::new(EntityKind::Route, "/employee-portal/login"));
    subjects.push(Entity::new(EntityKind::Fleet, "all"));
    Plot { events, subjects, classes: vec![DataClass::Credentials, DataClass::Hr] }
}
