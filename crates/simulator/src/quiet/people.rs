//! A working day of one portal user.
//!
//! Counts are overdispersed: a gamma factor for the day times Poisson within it. Hours are the person's own. Addresses
//! change as providers, phones, the VPN, days in the office and a week abroad make them, now and then in the middle of a
//! session. Passwords are mistyped and forgotten.

use crate::{
    company::{Company, DAY_MS, HOUR_MS, Person, Role, START, is_holiday, is_month_end, is_pay_slip_day, weekday},
    log::Event,
    portal::{self, PERIOD, Page, Session},
    random::Random,
};
use std::rc::Rc;

pub(super) fn day(company: &Company, person: &Person, day: i64, events: &mut Vec<Event>) {
    let random = person.random.fork("day", day as u64);
    let mut today = Day { company, person, day, random, events };
    match person.role {
        Role::Service => today.service(),
        _ => today.work(),
    }
    if person.role == Role::Payroll {
        today.exports();
    }
}

struct Day<'a> {
    company: &'a Company,
    person: &'a Person,
    day: i64,
    random: Random,
    events: &'a mut Vec<Event>,
}

impl Day<'_> {
    fn work(&mut self) {
        let (person, day) = (self.person, self.day);
        let habit = habit(person.role);
        let free = weekday(day) >= 5 || is_holiday(day);
        let away = on_leave(person, day) || self.random.chance(0.03);
        let mut sittings = habit.sittings_per_day * person.pace * self.random.gamma(1.0, 4.0);
        if free || away {
            sittings *= habit.free_day_share;
        }
        if is_pay_slip_day(day) {
            sittings += 0.8;
        }
        if is_month_end(day) && person.role == Role::Payroll {
            sittings *= 1.5;
        }
        let in_office = !free && !abroad(person, day) && self.random.chance(person.in_office);
        for _ in 0..self.random.poisson(sittings) {
            let evening = !in_office && self.random.chance(habit.evening_share);
            let local_hour = match (evening, free) {
                (true, _) => self.random.real(18.5, 22.5),
                (_, true) => self.random.real(9.5, 21.0),
                _ => person.begins + self.random.real(0.1, 8.6),
            };
            let at_ms = self.at_local(local_hour);
            let session = self.somewhere(in_office, habit.mobile_share);
            self.sitting(at_ms, session);
        }
    }

    /// The instant at which the clock on this person's wall says so, in milliseconds since the epoch.
    fn at_local(&self, hour: f64) -> i64 {
        START.as_millis() + self.day * DAY_MS + ((hour - self.person.zone_hours as f64) * HOUR_MS as f64) as i64
    }

    fn somewhere(&mut self, in_office: bool, mobile_share: f64) -> Session {
        let (person, random) = (self.person, &mut self.random);
        let (address, agent): (Rc<str>, _) = match () {
            () if in_office => (person.office_address(), person.agent),
            () if random.chance(mobile_share) => (person.mobile_address(random), person.mobile_agent),
            () if abroad(person, self.day) => (person.hotel_address(self.day), person.agent),
            () if random.chance(0.1) => (format!("192.0.2.{}", random.between(4, 9)).into(), person.agent),
            () => (person.home_address(self.day), person.agent),
        };
        Session::new(address, agent, random)
    }

    /// From the login to the last page.
    fn sitting(&mut self, mut at_ms: i64, mut session: Session) {
        let Day { company, person, .. } = *self;
        if self.random.chance(0.06) {
            at_ms = self.mistyped(at_ms, &session);
        }
        let random = &mut self.random;
        self.events.push(portal::log_in(&person.login, Some(person.employee_id), &session, at_ms, random));
        let pages = 1 + random.count(habit(person.role).pages_per_sitting - 1.0, 1.6);
        for nth in 0..pages {
            at_ms += 1_500 + self.random.exponential(if nth == 0 { 500.0 } else { 26_000.0 }) as i64;
            let page = if nth == 0 { Page::Dashboard } else { self.choose() };
            if self.random.chance(0.004) {
                session.address = person.mobile_address(&mut self.random);
            }
            self.events.push(portal::visit(company, person, &session, at_ms, page, &mut self.random));
        }
        if self.random.chance(0.3) {
            at_ms += 9_000 + self.random.exponential(20_000.0) as i64;
            self.events.push(portal::plain(Some(person), &session, at_ms, "POST", "/employee-portal/logout"));
        }
    }

    /// One to three wrong passwords, sometimes until a new one is asked for; when the right one follows.
    fn mistyped(&mut self, mut at_ms: i64, session: &Session) -> i64 {
        let random = &mut self.random;
        for _ in 0..random.between(1, 4) {
            self.events.push(portal::log_in(&self.person.login, None, session, at_ms, random));
            at_ms += 4_000 + random.exponential(9_000.0) as i64;
        }
        if random.chance(0.2) {
            let forgot = "/employee-portal/password/forgot";
            self.events.push(portal::plain(None, session, at_ms, "GET", forgot));
            self.events.push(portal::plain(None, session, at_ms + 24_000, "POST", forgot));
            at_ms += 150_000 + random.exponential(120_000.0) as i64;
        }
        at_ms
    }

    fn choose(&mut self) -> Page {
        let (headcount, role, me) = (self.company.headcount, self.person.role, self.person.employee_id);
        let (random, pay_slips) = (&mut self.random, is_pay_slip_day(self.day));
        let slip = Page::PaySlip { employee: me, period: PERIOD - random.between(0, if pay_slips { 1 } else { 3 }) };
        let own = [
            (slip, if pay_slips { 5.0 } else { 1.5 }),
            (Page::Leave, 1.5),
            (Page::RequestLeave, 0.3),
            (Page::Benefits, 0.8),
            (Page::Documents, 0.5),
            (Page::Employee { employee: me }, 0.8),
            (Page::StaffShop, 0.7),
            (Page::Dashboard, 1.0),
        ];
        if role == Role::EmployeeSelfService || random.chance(0.08) {
            return own[random.weighted(&own.map(|(_, weight)| weight))].0;
        }
        // A manager's people have neighbouring numbers.
        let team = me - me % 10 + random.between(0, 10);
        let anyone = random.between(1, headcount);
        match role {
            Role::Manager => match random.weighted(&[2.0, 3.0, 1.5, 1.5]) {
                0 => Page::Team,
                1 => Page::Employee { employee: team },
                2 => Page::Review { employee: team },
                _ => Page::ApproveLeave { leave: 1000 + anyone },
            },
            Role::Payroll => match random.weighted(&[3.0, 1.6, 3.0, 2.0]) {
                0 => Page::Employee { employee: anyone },
                1 => Page::PayrollList { period: PERIOD, page: random.between(0, headcount / 50) },
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

    /// The first clerk exports the pay run for the bank, and two weeks earlier the draft for the auditor.
    fn exports(&mut self) {
        let Day { company, person, .. } = *self;
        let first = company.of_role(Role::Payroll).next().is_some_and(|clerk| clerk.login == person.login);
        if !first || !EXPORT_DAYS.contains(&self.day.rem_euclid(28)) {
            return;
        }
        let hour = person.begins + self.random.real(1.5, 4.0);
        let mut at_ms = self.at_local(hour);
        let random = &mut self.random;
        let session = Session::new(person.office_address(), person.agent, random);
        self.events.push(portal::log_in(&person.login, Some(person.employee_id), &session, at_ms, random));
        for period in [PERIOD, PERIOD - 1] {
            at_ms += 40_000 + random.exponential(30_000.0) as i64;
            let page = Page::PayrollExport { period };
            self.events.push(portal::visit(company, person, &session, at_ms, page, random));
        }
    }

    /// Programs work by the clock: time sheets five times a day, benefits once a night. Now and then an answer is asked
    /// for again.
    fn service(&mut self) {
        let Day { company, person, day, .. } = *self;
        let token = Session::new(person.office_address(), "", &mut person.random.fork("token", (day / 14) as u64));
        let session = Session { agent: "HRConnect-Integration/3.2", ..token };
        let (hours, api): (&[i64], fn(i64) -> Page) = if &*person.login == "svc-timeclock" {
            (&[2, 6, 10, 14, 18], |page| Page::ApiEmployees { page })
        } else {
            (&[3], |page| Page::ApiBenefits { page })
        };
        for hour in hours {
            let random = &mut self.random;
            let mut at_ms = START.as_millis() + day * DAY_MS + hour * HOUR_MS + random.between(2_000, 50_000);
            let mut page = 0;
            while page * 100 < company.headcount {
                self.events.push(portal::visit(company, person, &session, at_ms, api(page), random));
                at_ms += random.between(900, 4_000);
                page += i64::from(!random.chance(0.03));
            }
        }
    }
}

/// Days of every four weeks on which pay runs are exported with good reason.
pub(crate) const EXPORT_DAYS: [i64; 2] = [10, 24];

/// How a role uses the portal.
struct Habit {
    sittings_per_day: f64,
    pages_per_sitting: f64,
    /// On week-ends, holidays and in one's leave, of what is usual.
    free_day_share: f64,
    evening_share: f64,
    mobile_share: f64,
}

fn habit(role: Role) -> Habit {
    let habit = |sittings_per_day, pages_per_sitting, free_day_share, evening_share, mobile_share| Habit {
        sittings_per_day,
        pages_per_sitting,
        free_day_share,
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
    person.random.fork("leave", (day / 84) as u64).between(0, 12) == day % 84 / 7
}

/// One in twenty weeks is spent travelling; clerks and administrators stay.
fn abroad(person: &Person, day: i64) -> bool {
    let travels = matches!(person.role, Role::EmployeeSelfService | Role::Manager);
    travels && person.random.fork("travel", (day / 7) as u64).chance(0.05)
}
