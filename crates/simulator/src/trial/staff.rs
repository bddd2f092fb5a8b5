//! Who works here, from where, at which hours; who comes, goes, moves, travels and changes duties.

use super::{Settings, benign, calendar::Calendar, names::Table, profile::Profile};
use crate::{
    company::{AGENTS, DAY_MS, HOUR_MS, MINUTE_MS, MOBILE_AGENTS},
    lines::Lost,
    random::Random,
    scenario::Benign,
};
use std::{fmt::Write as _, ops::Range, rc::Rc};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    SelfService,
    Manager,
    Payroll,
    HrAdmin,
    /// Insurances, sick notes.
    Benefits,
    /// A program with a login of its own.
    Service,
}

impl Role {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Role::SelfService => "ess",
            Role::Manager => "manager",
            Role::Payroll => "payroll",
            Role::HrAdmin => "hradmin",
            Role::Benefits => "benefits",
            Role::Service => "service",
        }
    }
}

/// When somebody works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shift {
    Day,
    Night,
    /// Early, late and night, a week each.
    Turns,
}

/// A week abroad or so: days, and the country.
#[derive(Clone, Debug)]
pub(super) struct Trip {
    pub(super) days: Range<i64>,
    pub(super) country: usize,
}

#[derive(Clone, Debug)]
pub(super) struct Person {
    pub(super) login: Rc<str>,
    pub(super) role: Role,
    pub(super) department: i64,
    /// Which employee, counted from 0; see [`Company::employee_id`].
    pub(super) number: i64,
    pub(super) zone_hours: i64,
    pub(super) country: usize,
    pub(super) site: usize,
    /// Local hour at which the working day begins.
    pub(super) begins: f64,
    shift: Shift,
    pub(super) pace: f64,
    /// Growth of the pace over the world.
    pub(super) drift: f64,
    pub(super) in_office: f64,
    pub(super) agent: &'static str,
    pub(super) mobile_agent: &'static str,
    /// Whom this person looks after or leads: numbers of employees.
    pub(super) people: Range<i64>,
    pub(super) vacations: Vec<Range<i64>>,
    pub(super) trips: Vec<Trip>,
    pub(super) moves: Option<i64>,
    pub(super) new_role: Option<(i64, Role)>,
    /// First and last day of work.
    pub(super) joins: Option<i64>,
    pub(super) leaves: Option<i64>,
    /// Days after which somebody calls at night.
    pub(super) nights: Vec<i64>,
    /// Own stream for everything this person does.
    pub(super) random: Random,
}

/// Everybody, and what the company is like.
#[derive(Clone, Debug)]
pub(super) struct Company {
    pub(super) profile: Profile,
    pub(super) people: Vec<Person>,
    pub(super) calendar: Calendar,
    pub(super) random: Random,
    pub(super) start_ms: i64,
    pub(super) days: i64,
    pub(super) headcount: i64,
    /// When no log was written at all.
    pub(super) outages: Vec<Lost>,
    /// What of the people's lives looks like an attack.
    pub(super) benign: Vec<Benign>,
}

/// Country and its distance from UTC in hours. Each has a network for homes and one for phones.
pub(super) const COUNTRIES: [(&str, i64); 12] = [
    ("DE", 1),
    ("GB", 0),
    ("US", -5),
    ("NL", 1),
    ("PL", 1),
    ("IN", 5),
    ("BR", -3),
    ("ES", 1),
    ("FR", 1),
    ("CA", -5),
    ("SG", 8),
    ("IE", 0),
];
/// Where servers are rented.
const HOSTING: [&str; 4] = ["NL", "RO", "SG", "US"];

impl Company {
    pub(super) fn new(settings: &Settings) -> Company {
        let random = Random::new(settings.seed).fork("trial", 0);
        let profile = Profile::new(settings, &random);
        let calendar = Calendar::new(settings, &profile, &random);
        let (days, start_ms) = (settings.weeks * 7, profile.start_ms);
        let headcount = profile.users as i64 * profile.headcount_each;
        let count = profile.users;
        let at_least = |least: usize, share: f64| least.max((count as f64 * share) as usize);
        let mut roles = vec![Role::Service; profile.services];
        for (role, count) in [
            (Role::HrAdmin, at_least(4, profile.hr_admins)),
            (Role::Payroll, at_least(4, profile.payroll)),
            (Role::Benefits, at_least(2, profile.benefits)),
            (Role::Manager, at_least(6, profile.managers)),
        ] {
            roles.extend(vec![role; count]);
        }
        roles.resize(count.max(roles.len() + 12), Role::SelfService);
        let people: Vec<Person> = roles
            .iter()
            .enumerate()
            .map(|(at, role)| Person::new(*role, at, &profile, headcount, days, random.fork("person", at as u64)))
            .collect();
        let mut company = Company {
            profile,
            people,
            calendar,
            random,
            start_ms,
            days,
            headcount,
            outages: Vec::new(),
            benign: Vec::new(),
        };
        company.fates(settings.warm_up_weeks * 7);
        company.fail();
        company
    }

    pub(super) fn end_ms(&self) -> i64 {
        self.midnight(self.days)
    }

    /// UTC.
    pub(super) fn midnight(&self, day: i64) -> i64 {
        self.start_ms + day * DAY_MS
    }

    pub(super) fn day_of(&self, at_ms: i64) -> i64 {
        (at_ms - self.start_ms).div_euclid(DAY_MS)
    }

    /// The number of the employee counted from 0; as sparse as the company's numbers are.
    pub(super) fn employee_id(&self, number: i64) -> i64 {
        let (base, step) = (self.profile.id_base, self.profile.id_step);
        base + number * step + if step > 1 { number * 7919 % step } else { 0 }
    }

    pub(super) fn of_role(&self, role: Role) -> impl Iterator<Item = &Person> {
        self.people.iter().filter(move |person| person.role == role)
    }

    /// How many rows a table has.
    pub(super) fn rows(&self, table: Table) -> i64 {
        (self.headcount as f64 * table.rows_each()) as i64 + 4
    }

    /// How often something that comes so often in six weeks comes in this world; at least `least` times.
    pub(super) fn often(&self, in_six_weeks: f64, least: i64) -> i64 {
        least.max((in_six_weeks * self.days as f64 / 42.0 + 0.5) as i64)
    }

    pub(super) fn directory_csv(&self) -> String {
        let mut text = String::from("user,role,department,employee_id,from,to,zone,email,language,jurisdiction\n");
        let date = |day: Option<i64>| {
            let civil = day.map(|day| activity::Timestamp::from_millis(self.midnight(day)).to_civil());
            civil.map(|(year, month, day, ..)| format!("{year:04}-{month:02}-{day:02}")).unwrap_or_default()
        };
        for person in &self.people {
            // The sign of these names is the reverse of everyday use: Etc/GMT-1 is UTC+1.
            let zone = match person.zone_hours {
                0 => "Etc/GMT".to_owned(),
                hours => format!("Etc/GMT{:+}", -hours),
            };
            let id = if person.role == Role::Service { 0 } else { self.employee_id(person.number) };
            let (email, place) = match person.role {
                Role::Service => (String::new(), ""),
                _ => (format!("{}@example.com", person.login), COUNTRIES[person.country].0),
            };
            // Writing to a `String` cannot fail.
            let _ = writeln!(
                text,
                "{},{},d{},{id},{},{},{zone},{email},,{place}",
                person.login,
                person.role.as_str(),
                person.department,
                date(person.joins),
                date(person.leaves)
            );
        }
        text
    }

    /// Single turns of single lives. They are drawn here and not with each person, so that every world has some of each.
    fn fates(&mut self, judged_from: i64) {
        let (days, mut draw) = (self.days, self.random.fork("fates", 0));
        let draw = &mut draw;
        let of = |company: &Company, roles: &[Role]| -> Vec<usize> {
            let people = company.people.iter().enumerate();
            people.filter(|(_, person)| roles.contains(&person.role)).map(|(at, _)| at).collect()
        };
        let self_service = of(self, &[Role::SelfService]);
        let office = of(self, &[Role::HrAdmin, Role::Payroll, Role::Manager, Role::Benefits]);
        let travellers = of(self, &[Role::SelfService, Role::Manager, Role::HrAdmin]);
        let everybody = [self_service.clone(), office.clone()].concat();
        let share = |company: &Company, share: f64, least: i64| {
            company.often(company.profile.users as f64 * share, least) as usize
        };

        // Comers and goers are people who look after own data; one of the goers is gone when the judged weeks begin.
        let turnover = draw.sample(&self_service, share(self, 0.03, 2) + share(self, 0.03, 3));
        for (nth, at) in turnover.into_iter().enumerate() {
            let user = vec![format!("user:{}", self.people[at].login)];
            if nth % 2 == 0 {
                let last =
                    if nth < 4 { draw.between(judged_from - 10, judged_from - 2) } else { draw.between(8, days) };
                self.people[at].leaves = Some(last);
                self.benign.push(benign("leaver", self.midnight(last), self.midnight(last + 1), user));
            } else {
                let first = draw.between(4, days - 3);
                self.people[at].joins = Some(first);
                self.benign.push(benign("joiner", self.midnight(first), self.midnight((first + 10).min(days)), user));
            }
        }
        for at in draw.sample(&travellers, share(self, 0.03, 3)) {
            let first = draw.between(2, (days - 3).max(3));
            let trip = first..(first + draw.between(2, 8)).min(days - 1);
            let country =
                (self.people[at].country + draw.between(1, COUNTRIES.len() as i64) as usize) % COUNTRIES.len();
            let user = vec![format!("user:{}", self.people[at].login)];
            self.benign.push(benign("travel", self.midnight(trip.start), self.midnight(trip.end), user));
            self.people[at].trips.push(Trip { days: trip, country });
        }
        for at in draw.sample(&everybody, share(self, 0.03, 2)) {
            let day = draw.between(5, days - 2);
            let user = vec![format!("user:{}", self.people[at].login)];
            self.benign.push(benign("new_home", self.midnight(day), self.midnight((day + 7).min(days)), user));
            self.people[at].moves = Some(day);
        }
        let steady: Vec<usize> = everybody
            .iter()
            .copied()
            .filter(|at| self.people[*at].joins.is_none() && self.people[*at].leaves.is_none())
            .collect();
        for at in draw.sample(&steady, share(self, 0.015, 2)) {
            let day = draw.between(judged_from - 7, days - 4);
            let day = day - (day.rem_euclid(7) - 4).max(0);
            let others = [Role::Payroll, Role::HrAdmin, Role::Benefits, Role::Manager];
            let role = others[(draw.between(0, 4) as usize)..]
                .iter()
                .chain(&others)
                .find(|role| **role != self.people[at].role)
                .copied()
                .unwrap_or(Role::Payroll);
            let user = vec![format!("user:{}", self.people[at].login)];
            self.benign.push(benign("role_change", self.midnight(day), self.midnight((day + 14).min(days)), user));
            self.people[at].new_role = Some((day, role));
            let first = self.people[at].people.start;
            let many = if role == Role::Manager { 4 + first % 10 } else { (self.headcount / 3).clamp(60, 700) };
            self.people[at].people = first..(first + many).min(self.headcount);
        }
        for _ in 0..self.often(12.0, 4) {
            let at = office[draw.between(0, office.len() as i64) as usize];
            let day = draw.between(0, days - 1);
            let person = &self.people[at];
            if person.nights.len() < 1 + (days / 42) as usize && !person.nights.contains(&day) && !person.is_away(day) {
                self.people[at].nights.push(day);
                let from = self.people[at].local_ms(self.midnight(day), 24.0);
                let user = vec![format!("user:{}", self.people[at].login)];
                self.benign.push(benign("oncall_night", from, from + 6 * HOUR_MS, user));
            }
        }
        for person in &self.people {
            for days in &person.vacations {
                let user = vec![format!("user:{}", person.login)];
                let (from, to) = (self.midnight(days.start), self.midnight((days.end + 2).min(self.days)));
                self.benign.push(benign("vacation", from, to, user));
            }
        }
    }

    /// Ten to forty minutes of which no log knows anything, now and then.
    fn fail(&mut self) {
        let mut draw = self.random.fork("outages", 0);
        for _ in 0..self.often(3.0, 2) {
            let from_ms = self.start_ms + draw.between(2 * DAY_MS, self.days * DAY_MS - DAY_MS);
            let to_ms = from_ms + draw.between(10 * MINUTE_MS, 40 * MINUTE_MS);
            self.outages.push(Lost { from_ms, to_ms, audit_only: false });
            self.benign.push(benign("pipeline_outage", from_ms, to_ms, vec!["*".into()]));
        }
    }
}

impl Person {
    fn new(role: Role, at: usize, profile: &Profile, headcount: i64, days: i64, random: Random) -> Person {
        let mut draw = random.fork("traits", 0);
        // Pay is run at the head office, programs know no zones.
        let site = match role {
            Role::SelfService | Role::Manager => {
                draw.weighted(&profile.sites.iter().map(|(_, _, weight)| *weight).collect::<Vec<_>>())
            }
            _ => 0,
        };
        let (zone_hours, country, _) = profile.sites[site];
        let look_after = match role {
            Role::Manager => draw.between(4, 15),
            _ => (headcount / 3).clamp(60, 700),
        };
        let first = draw.between(0, (headcount - look_after).max(1));
        let shift = match role {
            Role::SelfService if draw.chance(profile.shifts) => {
                if draw.chance(0.3) {
                    Shift::Night
                } else {
                    Shift::Turns
                }
            }
            _ => Shift::Day,
        };
        // A week or two of leave, for about one in seven in six weeks.
        let mut vacations = Vec::new();
        for cycle in 0..days / 42 + 1 {
            if draw.chance(0.16) {
                let monday = cycle * 42 + draw.between(0, 6) * 7;
                vacations.push(monday..monday + if draw.chance(0.3) { 14 } else { 7 });
            }
        }
        Person {
            vacations,
            login: if role == Role::Service {
                format!("svc-{}", SERVICES[at % SERVICES.len()]).into()
            } else {
                login(profile.login_form, at, &mut draw)
            },
            role,
            department: draw.between(1, 3 + profile.users as i64 / 20),
            number: (at as i64 * profile.headcount_each + draw.between(0, profile.headcount_each)).min(headcount - 1),
            zone_hours: if role == Role::Service { 0 } else { zone_hours },
            country,
            site,
            begins: draw.real(6.8, 9.6),
            shift,
            pace: draw.gamma(1.0, 5.0),
            drift: draw.real(-0.3, 0.4),
            in_office: (profile.office + draw.real(-0.2, 0.2)).clamp(0.02, 0.95),
            agent: draw.pick(&AGENTS),
            mobile_agent: draw.pick(&MOBILE_AGENTS),
            people: first..(first + look_after).min(headcount),
            trips: Vec::new(),
            moves: None,
            new_role: None,
            joins: None,
            leaves: None,
            nights: Vec::new(),
            random,
        }
    }

    /// On this day.
    pub(super) fn role_on(&self, day: i64) -> Role {
        match self.new_role {
            Some((from, role)) if from <= day => role,
            _ => self.role,
        }
    }

    /// Offices know no shifts.
    pub(super) fn shift_on(&self, day: i64) -> Shift {
        if self.role_on(day) == Role::SelfService { self.shift } else { Shift::Day }
    }

    pub(super) fn is_employed(&self, day: i64) -> bool {
        self.joins.is_none_or(|first| first <= day) && self.leaves.is_none_or(|last| day <= last)
    }

    pub(super) fn is_away(&self, day: i64) -> bool {
        self.vacations.iter().any(|days| days.contains(&day))
    }

    pub(super) fn trip(&self, day: i64) -> Option<&Trip> {
        self.trips.iter().find(|trip| trip.days.contains(&day))
    }

    /// The instant at which this person's clock shows `hour` on the day that begins at `midnight_ms` UTC.
    pub(super) fn local_ms(&self, midnight_ms: i64, hour: f64) -> i64 {
        midnight_ms + ((hour - self.zone_hours as f64) * HOUR_MS as f64) as i64
    }

    /// The provider gives a new address every one to three weeks, mostly in the same neighbourhood.
    pub(super) fn home_address(&self, day: i64) -> Rc<str> {
        let moved = self.moves.is_some_and(|from| from <= day);
        let mut draw = self.random.fork("home", u64::from(moved));
        let (lease_days, near) = (draw.between(6, 22), draw.between(0, 16));
        let mut draw = self.random.fork("lease", ((day + lease_days) / lease_days * 2 + i64::from(moved)) as u64);
        let third = if draw.chance(0.15) { draw.between(0, 16) } else { near };
        home(self.country, third, draw.between(2, 254))
    }

    pub(super) fn hotel_address(&self, trip: &Trip) -> Rc<str> {
        let mut draw = self.random.fork("hotel", trip.days.start as u64);
        home(trip.country, draw.between(0, 16), draw.between(2, 254))
    }

    /// The carrier's gateway a phone happens to be behind; few of them.
    pub(super) fn mobile_address(&self, country: usize, random: &mut Random) -> Rc<str> {
        let third = country as i64 * 4 + random.between(0, 2);
        format!("198.19.{third}.{}", random.between(2, 14)).into()
    }

    pub(super) fn office_address(&self) -> Rc<str> {
        format!("203.0.113.{}", 10 + self.site).into()
    }
}

const SERVICES: [&str; 8] = ["timeclock", "benefits", "directory", "badges", "travel", "learning", "bank", "planning"];

fn login(form: usize, at: usize, draw: &mut Random) -> Rc<str> {
    const FIRST: [&str; 16] = [
        "anna", "ben", "carla", "dirk", "eva", "finn", "gita", "hugo", "ines", "jan", "kim", "leo", "mara", "nils",
        "olga", "paul",
    ];
    const LAST: [&str; 16] = [
        "adler", "berg", "conte", "dahl", "eden", "falk", "gomez", "hahn", "iyer", "jonas", "keller", "lund", "moreau",
        "nowak", "otto", "patel",
    ];
    match form {
        0 => format!("u{at:04}").into(),
        1 => format!("e{}", 1000 + at).into(),
        _ => format!("{}.{}{at}", draw.pick(&FIRST), draw.pick(&LAST)).into(),
    }
}

/// An address at somebody's home in this country; `third` below 16.
pub(super) fn home(country: usize, third: i64, last: i64) -> Rc<str> {
    format!("198.18.{}.{last}", country as i64 * 16 + third).into()
}

/// Of a rented server.
pub(super) fn hosted(random: &mut Random) -> Rc<str> {
    format!("198.19.{}.{}", 64 + random.between(0, 64), random.between(2, 254)).into()
}

/// Of somebody in the shop.
pub(super) fn visitor(random: &mut Random) -> Rc<str> {
    format!("198.19.{}.{}", 128 + random.between(0, 128), random.between(2, 254)).into()
}

/// network, country, kind: what a geographical database would say.
pub(super) fn geo_csv() -> String {
    let mut text =
        String::from("network,country,kind\n203.0.113.0/24,,office\n192.0.2.0/24,,vpn\n198.51.100.0/24,,hosting\n");
    // Writing to a `String` cannot fail.
    for (at, (country, _)) in COUNTRIES.iter().enumerate() {
        let _ = writeln!(text, "198.18.{}.0/20,{country},home", at * 16);
        let _ = writeln!(text, "198.19.{}.0/22,{country},mobile", at * 4);
    }
    for (at, country) in HOSTING.iter().enumerate() {
        let _ = writeln!(text, "198.19.{}.0/20,{country},hosting", 64 + at * 16);
    }
    for (at, (country, _)) in COUNTRIES.iter().take(8).enumerate() {
        let _ = writeln!(text, "198.19.{}.0/20,{country},home", 128 + at * 16);
    }
    text
}
