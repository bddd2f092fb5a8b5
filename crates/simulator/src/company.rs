//! Who there is: people, networks, hosts; and the files that tell breachd about them.
//!
//! All addresses lie in networks reserved for benchmarks and documentation (RFC 2544, RFC 5737) or in private ones, all
//! names under example.com: nobody is named who exists. Time zones are fixed offsets: no change of the clock inside a world
//! whose stamps are going to be shifted.

use crate::random::Random;
use activity::{Span, Timestamp};
use std::{fmt::Write as _, rc::Rc};

/// A world's size. Equal settings give equal worlds.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    pub seed: u64,
    /// Days from [`START`] on, from midnight to midnight UTC; the last may be cut by `end`.
    pub days: i64,
    /// Portal users, service logins included; at least 20.
    pub users: usize,
    /// Visits of the storefront on an average day.
    pub shop_visits_per_day: f64,
}

/// Monday 2026-01-05T00:00:00Z.
pub const START: Timestamp = Timestamp::from_secs(1_767_571_200);
pub const DAY_MS: i64 = 86_400_000;
pub const HOUR_MS: i64 = 3_600_000;
pub const MINUTE_MS: i64 = 60_000;

/// The hosts the application runs on, as the database sees them.
pub const APP_HOSTS: [&str; 2] = ["10.20.1.11", "10.20.1.12"];
pub const APP_ACCOUNT: &str = "magento_app";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Looks after own data only.
    EmployeeSelfService,
    Manager,
    Payroll,
    HrAdmin,
    /// A program with a login of its own.
    Service,
}

impl Role {
    pub fn as_str(self) -> &'static str {
        match self {
            Role::EmployeeSelfService => "ess",
            Role::Manager => "manager",
            Role::Payroll => "payroll",
            Role::HrAdmin => "hradmin",
            Role::Service => "service",
        }
    }
}

/// A portal user.
#[derive(Clone, Debug)]
pub struct Person {
    pub login: Rc<str>,
    pub role: Role,
    pub department: usize,
    pub employee_id: i64,
    /// Hours to add to UTC for this person's local time.
    pub zone_hours: i64,
    /// Local hour at which the working day begins.
    pub begins: f64,
    /// How much busier than the average of the role.
    pub pace: f64,
    /// Share of the days spent in the office.
    pub in_office: f64,
    pub agent: &'static str,
    pub mobile_agent: &'static str,
    /// Own stream for everything this person does.
    pub random: Random,
}

/// Everybody, and how large the company is that they administer.
#[derive(Clone, Debug)]
pub struct Company {
    pub settings: Settings,
    pub people: Vec<Person>,
    /// Employees in `hr_employee`; most of them (warehouse, shops) have no login.
    pub headcount: i64,
    pub random: Random,
}

/// Desktop and mobile browsers.
pub const AGENTS: [&str; 5] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:127.0) Gecko/20100101 Firefox/127.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36 Edg/126.0",
];
pub const MOBILE_AGENTS: [&str; 2] = [
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Mobile Safari/537.36",
];

/// network, country, kind: what a geographical database would say.
const NETWORKS: [(&str, &str, &str); 10] = [
    ("203.0.113.0/24", "DE", "office"),
    ("192.0.2.0/24", "DE", "vpn"),
    ("198.18.0.0/18", "DE", "home"),
    ("198.18.64.0/18", "GB", "home"),
    ("198.18.128.0/18", "US", "home"),
    ("198.18.192.0/19", "DE", "mobile"),
    ("198.18.224.0/19", "GB", "mobile"),
    ("198.19.0.0/18", "NL", "hosting"),
    ("198.19.64.0/18", "SG", "hosting"),
    ("198.19.128.0/17", "RO", "hosting"),
];

impl Company {
    pub fn new(settings: Settings) -> Company {
        let random = Random::new(settings.seed);
        let count = settings.users.max(20);
        let at_least = |least: usize, share: f64| least.max((count as f64 * share) as usize);
        let (services, admins) = (at_least(2, 0.015), at_least(2, 0.02));
        let (clerks, managers) = (at_least(2, 0.025), at_least(3, 0.08));
        let people = (0..count)
            .map(|index| {
                let role = match index {
                    index if index < services => Role::Service,
                    index if index < services + admins => Role::HrAdmin,
                    index if index < services + admins + clerks => Role::Payroll,
                    index if index < services + admins + clerks + managers => Role::Manager,
                    _ => Role::EmployeeSelfService,
                };
                Person::new(role, index, random.fork("person", index as u64))
            })
            .collect();
        Company { settings, people, headcount: count as i64 * 12, random }
    }

    pub fn end(&self) -> Timestamp {
        START + Span::from_hours(24 * self.settings.days)
    }

    pub fn of_role(&self, role: Role) -> impl Iterator<Item = &Person> {
        self.people.iter().filter(move |person| person.role == role)
    }

    /// Whoever may log in, then all other employees, who have a place and mostly an address.
    pub fn directory_csv(&self) -> String {
        let mut text = String::from("user,role,department,employee_id,from,to,zone,email,language,jurisdiction\n");
        for person in &self.people {
            // The sign of these names is the reverse of everyday use: Etc/GMT-1 is UTC+1.
            let zone = match person.zone_hours {
                0 => "Etc/GMT".to_owned(),
                hours => format!("Etc/GMT{:+}", -hours),
            };
            let contact = match (person.role, person.zone_hours) {
                (Role::Service, _) => ",,".to_owned(),
                (_, 1) => format!("{}@example.com,de,DE", person.login),
                (_, 0) => format!("{}@example.com,en,GB", person.login),
                (_, _) => format!("{}@example.com,en,US-NY", person.login),
            };
            let _ = writeln!(
                text,
                "{},{},d{},{},,,{zone},{contact}",
                person.login,
                person.role.as_str(),
                person.department,
                person.employee_id
            );
        }
        for id in (1..=self.headcount).filter(|id| self.people.iter().all(|person| person.employee_id != *id)) {
            let (language, place) = match id % 10 {
                0..=5 => ("de", "DE"),
                6 | 7 => ("en", "GB"),
                8 => ("en", "US-CA"),
                _ => ("en", "US-NY"),
            };
            // Every seventh never gave an address.
            let email = if id % 7 == 0 { String::new() } else { format!("employee{id}@example.com") };
            let _ = writeln!(text, ",,,{id},,,,{email},{language},{place}");
        }
        text
    }

    /// Days that are known beforehand: month ends with pay-slip day, a release, holidays.
    pub fn calendar_csv(&self) -> String {
        let mut text = String::from("from,to,kind\n");
        for day in 0..self.settings.days {
            let kinds =
                [(is_holiday(day), "holiday"), (day == RELEASE_DAY, "release"), (is_month_end(day), "month_end")];
            for (_, kind) in kinds.into_iter().filter(|(is_so, _)| *is_so) {
                let at = |day| START + Span::from_hours(24 * day);
                let _ = writeln!(text, "{},{},{kind}", at(day), at(day + 1));
            }
        }
        text
    }
}

impl Person {
    fn new(role: Role, index: usize, random: Random) -> Person {
        let mut draw = random.fork("traits", 0);
        let service = role == Role::Service;
        let zone_hours = if service { 0 } else { [1, 0, -5][draw.weighted(&[0.7, 0.2, 0.1])] };
        Person {
            login: match (service, index) {
                (true, 0) => "svc-timeclock".into(),
                (true, 1) => "svc-benefits".into(),
                (true, more) => format!("svc-feed{more}").into(),
                _ => format!("e{}", 1000 + index).into(),
            },
            role,
            department: draw.between(1, 9) as usize,
            employee_id: if service { 0 } else { 11 + index as i64 * 9 + draw.between(0, 9) },
            // Pay is run at the head office.
            zone_hours: if matches!(role, Role::Payroll | Role::HrAdmin) { 1 } else { zone_hours },
            begins: draw.real(7.4, 9.3),
            pace: draw.gamma(1.0, 6.0),
            in_office: draw.real(0.2, 0.8),
            agent: draw.pick(&AGENTS),
            mobile_agent: draw.pick(&MOBILE_AGENTS),
            random,
        }
    }

    /// The address at home on this day: the provider gives a new one every one to three weeks.
    pub fn home_address(&self, day: i64) -> Rc<str> {
        let mut draw = self.random.fork("provider", 0);
        let lease_days = draw.between(6, 22);
        let third = match self.zone_hours {
            1 => 0,
            0 => 64,
            _ => 128,
        } + draw.between(0, 60);
        let mut draw = self.random.fork("lease", ((day + lease_days) / lease_days) as u64);
        format!("198.18.{}.{}", third + draw.between(0, 3), draw.between(2, 254)).into()
    }

    /// Of the hotel in a week abroad.
    pub fn hotel_address(&self, day: i64) -> Rc<str> {
        let mut draw = self.random.fork("hotel", (day / 7) as u64);
        let third = if self.zone_hours == 0 { 128 } else { 64 } + draw.between(0, 60);
        format!("198.18.{third}.{}", draw.between(2, 254)).into()
    }

    /// The carrier's gateway a phone happens to be behind; few of them.
    pub fn mobile_address(&self, random: &mut Random) -> Rc<str> {
        let third = if self.zone_hours == 1 { 192 } else { 224 };
        format!("198.18.{third}.{}", random.between(2, 14)).into()
    }

    pub fn office_address(&self) -> Rc<str> {
        if self.role == Role::Service { "10.20.3.7".into() } else { "203.0.113.10".into() }
    }
}

pub fn geo_csv() -> String {
    let mut text = String::from("network,country,kind\n");
    for (network, country, kind) in NETWORKS {
        let _ = writeln!(text, "{network},{country},{kind}");
    }
    text
}

/// Monday is 0.
pub fn weekday(day: i64) -> i64 {
    day.rem_euclid(7)
}

/// Wednesday to Friday of every fourth week.
pub fn is_month_end(day: i64) -> bool {
    (23..=25).contains(&day.rem_euclid(28))
}

/// A Tuesday in every quarter.
pub fn is_holiday(day: i64) -> bool {
    day.rem_euclid(84) == 8
}

/// The day of the portal's new version; from then on the dashboard shows benefits, too.
pub const RELEASE_DAY: i64 = 15;

/// Pay slips are published on the last of the month-end days.
pub fn is_pay_slip_day(day: i64) -> bool {
    day.rem_euclid(28) == 25
}
