//! A working day of one portal user.
//!
//! Counts are overdispersed: a gamma factor for the day times Poisson within it. Hours are the person's own; addresses
//! change as providers, phones and days in the office make them. Passwords are mistyped and forgotten.

use crate::{
    company::{Company, DAY_MS, HOUR_MS, Person, Role, START, is_month_end, is_pay_slip_day, weekday},
    log::Event,
    portal::{self, PERIOD, Page, Session},
    random::Random,
};

pub(super) fn day(company: &Company, person: &Person, day: i64, events: &mut Vec<Event>) {
    let mut random = person.random.fork("day", day as u64);
    if person.role == Role::Service {
        return service_day(company, person, day, &mut random, events);
    }
    let habit = habit(person.role);
    let weekend = weekday(day) >= 5;
    let away = on_leave(person, day) || random.chance(0.03);
    let mut sessions = habit.sessions_per_day * person.pace * random.gamma(1.0, 4.0);
    if weekend || away {
        sessions *= habit.weekend_share;
    }
    if is_pay_slip_day(day) {
        sessions += 0.8;
    }
    if is_month_end(day) && person.role == Role::Payroll {
        sessions *= 1.5;
    }
    let in_office = !weekend && random.chance(person.in_office);
    for _ in 0..random.poisson(sessions) {
        let evening = !in_office && random.chance(habit.evening_share);
        let local_hour = match (evening, weekend) {
            (true, _) => random.real(18.5, 22.5),
            (_, true) => random.real(9.5, 21.0),
            _ => person.begins + random.real(0.1, 8.6),
        };
        let at_ms =
            START.as_millis() + day * DAY_MS + ((local_hour - person.zone_hours as f64) * HOUR_MS as f64) as i64;
        let mobile = !in_office && random.chance(habit.mobile_share);
        let (address, agent) = match (mobile, in_office && !evening) {
            (true, _) => (person.mobile_address(&mut random), person.mobile_agent),
            (_, true) => (person.office_address(), person.agent),
            _ => (person.home_address(day), person.agent),
        };
        let session = Session::new(address, agent, &mut random);
        sitting(company, person, day, session, at_ms, &mut random, events);
    }
    if person.role == Role::Payroll {
        exports(company, person, day, &mut random, events);
    }
}

/// How a role uses the portal.
struct Habit {
    sessions_per_day: f64,
    pages_per_session: f64,
    weekend_share: f64,
    evening_share: f64,
    mobile_share: f64,
}

fn habit(role: Role) -> Habit {
    let habit = |sessions_per_day, pages_per_session, weekend_share, evening_share, mobile_share| Habit {
        sessions_per_day,
        pages_per_session,
        weekend_share,
        evening_share,
        mobile_share,
    };
    match role {
        Role::EmployeeSelfService | Role::Service => habit(0.8, 4.5, 0.35, 0.2, 0.35),
        Role::Manager => habit(2.0, 7.0, 0.15, 0.1, 0.15),
        Role::Payroll => habit(4.0, 18.0, 0.02, 0.0, 0.0),
        Role::HrAdmin => habit(3.5, 13.0, 0.05, 0.02, 0.0),
    }
}

/// A week of leave, for most people, somewhere in every twelve.
fn on_leave(person: &Person, day: i64) -> bool {
    let mut random = person.random.fork("leave", (day / 84) as u64);
    random.between(0, 12) == day % 84 / 7
}

/// From the login to the last page.
fn sitting(
    company: &Company,
    person: &Person,
    day: i64,
    session: Session,
    mut at_ms: i64,
    random: &mut Random,
    events: &mut Vec<Event>,
) {
    if random.chance(0.06) {
        for _ in 0..random.between(1, 4) {
            events.push(portal::log_in(&person.login, None, &session, at_ms, random));
            at_ms += 4_000 + random.exponential(9_000.0) as i64;
        }
        if random.chance(0.2) {
            events.push(portal::plain(None, &session, at_ms, "GET", "/employee-portal/password/forgot"));
            events.push(portal::plain(None, &session, at_ms + 24_000, "POST", "/employee-portal/password/forgot"));
            at_ms += 150_000 + random.exponential(120_000.0) as i64;
        }
    }
    events.push(portal::log_in(&person.login, Some(person.employee_id), &session, at_ms, random));
    let pages = 1 + random.count(habit(person.role).pages_per_session - 1.0, 1.6);
    for nth in 0..pages {
        at_ms += 1_500 + random.exponential(if nth == 0 { 500.0 } else { 26_000.0 }) as i64;
        let page = if nth == 0 { Page::Dashboard } else { choose(company, person, day, random) };
        events.push(portal::visit(company, person, &session, at_ms, page, random));
    }
    if random.chance(0.3) {
        at_ms += 9_000 + random.exponential(20_000.0) as i64;
        events.push(portal::plain(Some(person), &session, at_ms, "POST", "/employee-portal/logout"));
    }
}

fn choose(company: &Company, person: &Person, day: i64, random: &mut Random) -> Page {
    let me = person.employee_id;
    let last_period = if is_pay_slip_day(day) { 1 } else { 3 };
    let own = [
        (
            Page::PaySlip { employee: me, period: PERIOD - random.between(0, last_period) },
            if is_pay_slip_day(day) { 5.0 } else { 1.5 },
        ),
        (Page::Leave, 1.5),
        (Page::RequestLeave, 0.3),
        (Page::Benefits, 0.8),
        (Page::Documents, 0.5),
        (Page::Employee { employee: me }, 0.8),
        (Page::StaffShop, 0.7),
        (Page::Dashboard, 1.0),
    ];
    if person.role == Role::EmployeeSelfService || random.chance(0.08) {
        return own[random.weighted(&own.map(|(_, weight)| weight))].0;
    }
    // People work through neighbouring cases, not through random ones.
    let team = me - me % 10 + random.between(0, 10);
    let anyone = random.between(1, company.headcount);
    match person.role {
        Role::Manager => match random.weighted(&[2.0, 3.0, 1.5, 1.5]) {
            0 => Page::Team,
            1 => Page::Employee { employee: team },
            2 => Page::Review { employee: team },
            _ => Page::ApproveLeave { leave: 1000 + anyone },
        },
        Role::Payroll => match random.weighted(&[3.0, 1.6, 3.0, 2.0]) {
            0 => Page::Employee { employee: anyone },
            1 => Page::PayrollList { period: PERIOD, page: random.between(0, company.headcount / 50) },
            2 => Page::PayrollEdit { employee: anyone },
            _ => Page::Search { department: random.between(1, 14), page: 0 },
        },
        _ => match random.weighted(&[3.0, 2.0, 1.5, 2.0]) {
            0 => Page::Employee { employee: anyone },
            1 => Page::Search { department: random.between(1, 14), page: random.between(0, 2) },
            2 => Page::EmployeeSave { employee: anyone },
            _ => Page::BenefitsOf { employee: anyone },
        },
    }
}

/// The first clerk exports the pay run for the bank, and a week and a half earlier the draft for the auditor.
fn exports(company: &Company, person: &Person, day: i64, random: &mut Random, events: &mut Vec<Event>) {
    let first = company.of_role(Role::Payroll).next().is_some_and(|clerk| clerk.login == person.login);
    let month_day = day.rem_euclid(28);
    if first && (month_day == 11 || month_day == 24) {
        let hour = person.begins + random.real(1.5, 4.0) - person.zone_hours as f64;
        let mut at_ms = START.as_millis() + day * DAY_MS + (hour * HOUR_MS as f64) as i64;
        let session = Session::new(person.office_address(), person.agent, random);
        events.push(portal::log_in(&person.login, Some(person.employee_id), &session, at_ms, random));
        for period in [PERIOD, PERIOD - 1] {
            at_ms += 40_000 + random.exponential(30_000.0) as i64;
            events.push(portal::visit(company, person, &session, at_ms, Page::PayrollExport { period }, random));
        }
    }
}

/// Programs work by the clock: time sheets five times a day, benefits once a night; now and then an answer is asked for again.
fn service_day(company: &Company, person: &Person, day: i64, random: &mut Random, events: &mut Vec<Event>) {
    let session = Session {
        agent: "HRConnect-Integration/3.2",
        ..Session::new(person.office_address(), "", &mut person.random.fork("token", (day / 14) as u64))
    };
    let (hours, api): (&[i64], fn(i64) -> Page) = if &*person.login == "svc-timeclock" {
        (&[2, 6, 10, 14, 18], |page| Page::ApiEmployees { page })
    } else {
        (&[3], |page| Page::ApiBenefits { page })
    };
    for hour in hours {
        let mut at_ms = START.as_millis() + day * DAY_MS + hour * HOUR_MS + random.between(2_000, 50_000);
        let mut page = 0;
        while page * 100 < company.headcount {
            events.push(portal::visit(company, person, &session, at_ms, api(page), random));
            at_ms += random.between(900, 4_000);
            page += i64::from(!random.chance(0.03));
        }
    }
}
