//! A working day of one person.
//!
//! Counts are overdispersed twice: a gamma factor for the company's day, one for the person's, Poisson within. The rest is
//! what makes single people look suspicious: turns of shifts, trips, moves, nights on call, weeks of leave and the pile of
//! work after them, addresses that change in the middle of a session.

use super::{
    names::Table,
    portal::{PERIOD, Page},
    staff::{Company, Person, Role, Shift},
};
use crate::{company::DAY_MS, log::Event, portal::Session, random::Random};
use std::rc::Rc;

pub(super) fn day(company: &Company, person: &Person, day: i64, events: &mut Vec<Event>) {
    if person.role == Role::Service || !person.is_employed(day) {
        return;
    }
    let random = person.random.fork("day", day as u64);
    let mut today = Day { company, person, day, role: person.role_on(day), random, events };
    if !person.is_away(day) {
        today.work();
    }
    if person.nights.contains(&day) {
        today.night();
    }
}

/// One person's day while it is being written.
struct Day<'a> {
    company: &'a Company,
    person: &'a Person,
    day: i64,
    role: Role,
    random: Random,
    events: &'a mut Vec<Event>,
}

/// How a role uses the portal.
struct Habit {
    sittings_per_day: f64,
    pages_per_sitting: f64,
    /// On free days, of what is usual.
    free_day_share: f64,
    evening_share: f64,
    mobile: bool,
}

fn habit(role: Role) -> Habit {
    let habit = |sittings_per_day, pages_per_sitting, free_day_share, evening_share, mobile| Habit {
        sittings_per_day,
        pages_per_sitting,
        free_day_share,
        evening_share,
        mobile,
    };
    match role {
        Role::SelfService | Role::Service => habit(0.8, 4.5, 0.3, 0.2, true),
        Role::Manager => habit(2.0, 7.0, 0.12, 0.1, true),
        Role::Payroll => habit(4.0, 18.0, 0.02, 0.01, false),
        Role::HrAdmin => habit(3.5, 14.0, 0.04, 0.03, false),
        Role::Benefits => habit(3.0, 12.0, 0.03, 0.02, false),
    }
}

/// Pages this person asks for on a working day, about.
pub(super) fn pages_per_day(company: &Company, person: &Person, day: i64) -> f64 {
    let habit = habit(person.role_on(day));
    habit.sittings_per_day * habit.pages_per_sitting * person.pace * company.profile.pace
}

/// What the shift and the hour of the day's first and last work are, on this person's clock.
pub(super) fn hours(person: &Person, day: i64) -> (f64, f64) {
    let begins = match person.shift_on(day) {
        Shift::Day => person.begins,
        Shift::Night => 21.5,
        Shift::Turns => [5.8, 13.8, 21.8][(day / 7 + person.number).rem_euclid(3) as usize],
    };
    (begins, begins + 8.4)
}

impl Day<'_> {
    fn work(&mut self) {
        let Day { company, person, day, role, .. } = *self;
        let (calendar, profile) = (&company.calendar, &company.profile);
        let (habit, works_shifts) = (habit(role), person.shift_on(day) != Shift::Day);
        let free = if works_shifts { self.random.chance(0.28) } else { calendar.is_free(day) };
        let company_factor = company.random.fork("mood", day as u64).gamma(1.0, profile.company_shape);
        let grown = 1.0 + person.drift * day as f64 / 42.0;
        let own_factor = self.random.gamma(1.0, profile.day_shape);
        let mut sittings = habit.sittings_per_day * person.pace * profile.pace * grown.max(0.2) * company_factor;
        sittings *= own_factor;
        if free || self.random.chance(0.03) {
            sittings *= habit.free_day_share;
        }
        if person.is_away(day - 1) || (person.is_away(day - 3) && day % 7 == 0) {
            // Everything that was left lying about.
            sittings *= 1.7;
        }
        if calendar.is_month_end(day) && role == Role::Payroll {
            sittings *= 1.6;
        }
        if !free {
            sittings += if calendar.is_pay_day(day) { 0.8 } else { 0.0 };
            sittings += if calendar.is_enrolment(day) { 0.5 } else { 0.0 };
            sittings += if calendar.is_review(day) && role == Role::Manager { 1.0 } else { 0.0 };
        }
        let in_office = !free && person.trip(day).is_none() && self.random.chance(person.in_office);
        let (begins, ends) = hours(person, day);
        for _ in 0..self.random.poisson(sittings) {
            let evening = !in_office && !works_shifts && self.random.chance(habit.evening_share);
            let hour = match (evening, free && !works_shifts) {
                (true, _) => self.random.real(18.5, 22.5),
                (_, true) => self.random.real(9.5, 21.0),
                _ => self.random.real(begins + 0.1, ends),
            };
            let at_ms = person.local_ms(company.midnight(day), hour);
            if self.is_under_way(at_ms) {
                continue;
            }
            let session = self.somewhere(in_office, habit.mobile);
            self.sitting(at_ms, session, habit.pages_per_sitting);
        }
    }

    /// Nobody logs in from a plane: the half day before a trip and the half day after it are spent on the way.
    fn is_under_way(&self, at_ms: i64) -> bool {
        let noon = |day: i64| self.person.local_ms(self.company.midnight(day), 12.0);
        self.person.trips.iter().any(|trip| {
            let (out, back) = (noon(trip.days.start), noon(trip.days.end));
            (out - DAY_MS / 2..out).contains(&at_ms) || (back - DAY_MS / 2..back).contains(&at_ms)
        })
    }

    fn somewhere(&mut self, in_office: bool, goes_mobile: bool) -> Session {
        let Day { company, person, day, .. } = *self;
        let (random, profile) = (&mut self.random, &company.profile);
        let trip = person.trip(day);
        let country = trip.map_or(person.country, |trip| trip.country);
        let (address, agent): (Rc<str>, _) = match trip {
            _ if in_office => (person.office_address(), person.agent),
            _ if goes_mobile && random.chance(profile.mobile) => {
                (person.mobile_address(country, random), person.mobile_agent)
            }
            Some(trip) => (person.hotel_address(trip), person.agent),
            None if random.chance(profile.vpn) => (format!("192.0.2.{}", random.between(4, 9)).into(), person.agent),
            None => (person.home_address(day), person.agent),
        };
        company.session(address, agent, random)
    }

    /// From the login to the last page.
    fn sitting(&mut self, mut at_ms: i64, mut session: Session, mean_pages: f64) {
        let Day { company, person, day, .. } = *self;
        let wave = company.calendar.is_password_wave(day);
        if self.random.chance(if wave { 0.4 } else { company.profile.mistyped }) {
            at_ms = self.mistyped(at_ms, &session, if wave { 0.6 } else { 0.2 });
        }
        let random = &mut self.random;
        self.events.push(company.log_in(&person.login, Some(person.number), &session, at_ms, random));
        let pages = 1 + random.count(mean_pages - 1.0, 1.6);
        for nth in 0..pages {
            at_ms += 1_500 + self.random.exponential(if nth == 0 { 500.0 } else { 26_000.0 }) as i64;
            let page = if nth == 0 { Page::Dashboard } else { self.choose() };
            if self.random.chance(0.004) {
                let country = person.trip(day).map_or(person.country, |trip| trip.country);
                session.address = person.mobile_address(country, &mut self.random);
            }
            self.events.push(company.visit(person, &session, at_ms, page, &mut self.random));
        }
        if self.random.chance(0.3) {
            at_ms += 9_000 + self.random.exponential(20_000.0) as i64;
            self.events.push(company.plain(Some(&person.login), &session, at_ms, true, "/logout"));
        }
    }

    /// One to three wrong passwords, sometimes until a new one is asked for; when the right one follows.
    fn mistyped(&mut self, mut at_ms: i64, session: &Session, forgets: f64) -> i64 {
        let (company, random) = (self.company, &mut self.random);
        for _ in 0..random.between(1, 4) {
            self.events.push(company.log_in(&self.person.login, None, session, at_ms, random));
            at_ms += 4_000 + random.exponential(9_000.0) as i64;
        }
        if random.chance(forgets) {
            self.events.push(company.plain(None, session, at_ms, false, "/password/forgot"));
            self.events.push(company.plain(None, session, at_ms + 24_000, true, "/password/forgot"));
            at_ms += 150_000 + random.exponential(120_000.0) as i64;
        }
        at_ms
    }

    /// Somebody calls in the night: a few pages from home, or from the hotel.
    fn night(&mut self) {
        let Day { company, person, day, .. } = *self;
        let at_ms = person.local_ms(company.midnight(day), self.random.real(24.3, 28.5));
        let address = person.trip(day).map_or_else(|| person.home_address(day + 1), |trip| person.hotel_address(trip));
        let session = company.session(address, person.agent, &mut self.random);
        self.events.push(company.log_in(&person.login, Some(person.number), &session, at_ms, &mut self.random));
        let mut at_ms = at_ms;
        for _ in 0..self.random.between(3, 9) {
            at_ms += 20_000 + self.random.exponential(60_000.0) as i64;
            let page = self.choose();
            self.events.push(company.visit(person, &session, at_ms, page, &mut self.random));
        }
    }

    fn choose(&mut self) -> Page {
        let Day { company, person, day, role, .. } = *self;
        choose(company, person, role, day, &mut self.random)
    }
}

/// The next page of somebody in this role.
pub(super) fn choose(company: &Company, person: &Person, role: Role, day: i64, random: &mut Random) -> Page {
    let (calendar, me) = (&company.calendar, person.number);
    let (pays, enrols) = (calendar.is_pay_day(day), calendar.is_enrolment(day));
    if role == Role::SelfService || random.chance(if enrols || pays { 0.2 } else { 0.08 }) {
        let slip = Page::PaySlip { employee: me, period: PERIOD - random.between(0, if pays { 1 } else { 3 }) };
        let own = [
            (slip, if pays { 5.0 } else { 1.5 }),
            (Page::Leave, 1.5),
            (Page::RequestLeave, 0.3),
            (Page::Benefits { employee: me }, if enrols { 5.0 } else { 0.8 }),
            (Page::Documents { employee: me }, if enrols { 1.5 } else { 0.5 }),
            (Page::Employee { employee: me }, 0.8),
            (Page::Bank { employee: me }, 0.15),
            (Page::Dashboard, 1.0),
        ];
        return own[random.weighted(&own.map(|(_, weight)| weight))].0;
    }
    let employee = whom(company, person, random);
    let department = random.between(1, 3 + company.profile.users as i64 / 20);
    let page = random.between(0, 2);
    match role {
        Role::Manager => {
            let reviews = if calendar.is_review(day) { 9.0 } else { 1.0 };
            match random.weighted(&[2.0, 3.0, reviews, 1.5]) {
                0 => Page::Team,
                1 => Page::Employee { employee },
                2 => Page::Review { employee },
                _ => Page::ApproveLeave { employee },
            }
        }
        Role::Payroll => match random.weighted(&[3.0, 1.4, 3.0, 1.6, 1.2, 0.3]) {
            0 => Page::Employee { employee },
            1 => Page::PayList { page: random.between(0, 1 + company.headcount / 50) },
            2 => Page::PayEdit { employee },
            3 => Page::Search { department, page },
            4 => Page::Bank { employee },
            _ => Page::BankSave { employee, iban: random.between(1, i64::from(i32::MAX)) },
        },
        Role::Benefits => match random.weighted(&[3.0, 2.0, 2.0, 1.5]) {
            0 => Page::Benefits { employee },
            1 => Page::Medical { employee },
            2 => Page::Employee { employee },
            _ => Page::Documents { employee },
        },
        _ => match random.weighted(&[3.0, 2.0, 1.5, 1.5, 1.0]) {
            0 => Page::Employee { employee },
            1 => Page::Search { department, page },
            2 => Page::EmployeeSave { employee },
            3 => Page::Documents { employee },
            _ => Page::Review { employee },
        },
    }
}

/// Mostly somebody this person looks after, else anybody.
fn whom(company: &Company, person: &Person, random: &mut Random) -> i64 {
    let own = random.chance(company.profile.own_people) || person.role == Role::Manager;
    let people = if own { person.people.clone() } else { 0..company.headcount };
    random.between(people.start, people.end)
}

/// Tables whose rows a role's pages show of other people.
pub(super) fn duties(role: Role) -> &'static [Table] {
    match role {
        Role::SelfService | Role::Service => &[],
        Role::Manager => &[Table::Employees, Table::Reviews],
        Role::Payroll => &[Table::Employees, Table::Payslips, Table::Bank],
        Role::HrAdmin => &[Table::Employees, Table::Documents, Table::Reviews],
        Role::Benefits => &[Table::Benefits, Table::Medical, Table::Employees],
    }
}
