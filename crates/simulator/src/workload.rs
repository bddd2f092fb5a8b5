//! The workload by which breachd is compared with what a user would run instead (`cargo bench --bench streams`): the lines of one day, in
//! order of time, in memory of a constant size.
//!
//! Most of the work falls on few: the number of a person, and of a table, is the square of a uniform draw. Once an hour, at its 40th minute,
//! something stands out for a minute: in even hours a person pulls pages in bulk, in odd ones a table is swept.
//!
//! [`Shape::Distinct`] is the other extreme, for memory: everybody comes once, from an address and with a session of their own.

use crate::{company::START, random::Random};
use activity::{Span, Timestamp};
use std::{fmt::Write as _, io};

/// What is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Workload {
    pub seed: u64,
    pub records: u64,
    /// People; each is a portal user in one log and a database account in the other.
    pub users: u64,
    pub tables: u64,
    pub shape: Shape,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// 70 % nginx JSON of about 300 bytes, 30 % rows of the audit log of about 190.
    Mixed,
    /// nginx JSON only, one person after the other.
    Distinct,
}

/// Where a line belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Log {
    /// `nginx_json`
    Access,
    /// `mariadb_server_audit`, in UTC
    Audit,
}

const DAY_MS: u64 = 24 * HOUR_MS;
const HOUR_MS: u64 = 60 * 60 * 1000;

/// When something stands out.
const BULK_MINUTE: u64 = 40;

const SUBJECTS: [&str; 8] =
    ["salaries", "employees", "reviews", "contracts", "leave", "benefits", "candidates", "payroll"];
const AGENTS: [&str; 4] = [
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/126.0.0.0 Safari/537.36",
    "python-requests/2.32.3",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) Version/17.5 Safari/605.1.15",
];

impl Workload {
    /// Hands over each line, without a line break.
    ///
    /// # Errors
    /// The first of `each`.
    pub fn write(&self, each: &mut dyn FnMut(Log, &str) -> io::Result<()>) -> io::Result<()> {
        let mut random = Random::new(self.seed).fork("workload", 0);
        let mut line = String::new();
        for record in 0..self.records {
            line.clear();
            let log = match self.shape {
                Shape::Mixed => self.mixed(&mut random, record, &mut line),
                Shape::Distinct => {
                    write_access(&mut line, &mut random, self.at(record), record % self.users, Kind::First);
                    Log::Access
                }
            };
            each(log, &line)?;
        }
        Ok(())
    }

    /// When a record was written: the day's begin, and evenly on.
    pub fn at(&self, record: u64) -> Timestamp {
        START.saturating_add(Span::from_millis(self.millis(record) as i64))
    }

    fn millis(&self, record: u64) -> u64 {
        (u128::from(record) * u128::from(DAY_MS) / u128::from(self.records.max(1))) as u64
    }

    fn mixed(&self, random: &mut Random, record: u64, line: &mut String) -> Log {
        let (at, millis) = (self.at(record), self.millis(record));
        let squared = |random: &mut Random, n: u64| {
            let drawn = random.unit();
            (drawn * drawn * n as f64) as u64
        };
        let (mut user, mut table) = (squared(random, self.users), squared(random, self.tables));
        let mut audit = random.chance(0.3);
        let hour = millis / HOUR_MS;
        let stands_out = millis / 60_000 % 60 == BULK_MINUTE && random.chance(0.4);
        if stands_out {
            // People and a table that are seldom seen otherwise.
            audit = !hour.is_multiple_of(2);
            (user, table) =
                if audit { (self.users * 4 / 5 + hour, self.tables - 1) } else { (self.users * 3 / 5 + hour, table) };
        }
        if audit {
            write_audit(line, random, at, (user, table, record), stands_out);
            return Log::Audit;
        }
        write_access(line, random, at, user, if stands_out { Kind::Bulk } else { Kind::Usual });
        Log::Access
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Usual,
    Bulk,
    /// With a session, which the others do not log.
    First,
}

/// `10.0.0.0/8`, one address for each person.
fn address(user: u64) -> String {
    format!("10.{}.{}.{}", user >> 16 & 255, user >> 8 & 255, user & 255)
}

fn write_access(line: &mut String, random: &mut Random, at: Timestamp, user: u64, kind: Kind) {
    let (year, month, day, hour, minute, second, millis) = at.to_civil();
    let status = match random.between(0, 100) {
        0 => 401,
        1 => 403,
        2 => 500,
        3..=5 => 304,
        6..=7 => 404,
        _ => 200,
    };
    let bytes = if kind == Kind::Bulk { random.between(400_000, 500_000) } else { random.between(200, 20_200) };
    let session = if kind == Kind::First { format!(",\"session\":\"{user:08x}\"") } else { String::new() };
    let (employee, took, agent) = (random.between(0, 90_000), random.between(0, 2_000), random.pick(&AGENTS));
    let (address, id) = (address(user), random.next_u64());
    // Writing to a `String` cannot fail.
    let _ = write!(
        line,
        "{{\"time\":\"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}+00:00\",\"remote_addr\":\"{address}\",\"remote_user\":\"u{user:07}\",\"request_method\":\"GET\",\"uri\":\"/api/v1/employees/{employee}/profile\",\"status\":{status},\"body_bytes_sent\":{bytes},\"request_time\":{}.{:03},\"host\":\"hr.example.com\",\"user_agent\":\"{agent}\",\"request_id\":\"{id:016x}\"{session}}}",
        took / 1000,
        took % 1000,
    );
}

fn write_audit(line: &mut String, random: &mut Random, at: Timestamp, who: (u64, u64, u64), bulk: bool) {
    let (year, month, day, hour, minute, second, _) = at.to_civil();
    let (user, table, record) = who;
    let table = format!("hr_{}{}", SUBJECTS[(table % 8) as usize], table / 8);
    let result = if random.chance(0.005) { 1045 } else { 0 };
    let _ = write!(
        line,
        "{year:04}{month:02}{day:02} {hour:02}:{minute:02}:{second:02},hrdb1,u{user:07},{},{},{},QUERY,hr,'SELECT id, name, amount, updated_at FROM {table} WHERE employee_id = {} AND period >= \\'2025-{:02}\\' ORDER BY id LIMIT {}',{result}",
        address(user),
        1_000 + user,
        5_000_000 + record,
        random.between(0, 90_000),
        random.between(1, 13),
        if bulk { 50_000 } else { 50 },
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn lines(workload: Workload) -> Vec<(Log, String)> {
        let mut lines = Vec::new();
        workload
            .write(&mut |log, line| {
                lines.push((log, line.to_owned()));
                Ok(())
            })
            .unwrap();
        lines
    }

    const MIXED: Workload = Workload { seed: 1, records: 20_000, users: 500, tables: 40, shape: Shape::Mixed };

    #[test]
    fn it_is_the_stated_mixture_of_one_day_and_the_same_each_time() {
        let all = lines(MIXED);
        assert_eq!((all.len(), &all), (20_000, &lines(MIXED)));
        let n_access = all.iter().filter(|(log, _)| *log == Log::Access).count();
        // Binomial, give or take five standard deviations, and the minutes that stand out.
        assert!((13_600..14_400).contains(&n_access), "{n_access}");
        let bytes = |wanted: Log| {
            let of = all.iter().filter(|(log, _)| *log == wanted);
            of.clone().map(|(_, line)| line.len()).sum::<usize>() / of.count()
        };
        assert!((290..350).contains(&bytes(Log::Access)), "{}", bytes(Log::Access));
        assert!((170..210).contains(&bytes(Log::Audit)), "{}", bytes(Log::Audit));
        assert_eq!(MIXED.at(0), START);
        assert!(START.saturating_add(Span::from_hours(23)) < MIXED.at(19_999));
        assert!(MIXED.at(19_999) < START.saturating_add(Span::from_hours(24)));
    }

    #[test]
    fn breachd_reads_every_line() {
        let context = formats::Context::default();
        for (log, line) in lines(Workload { records: 2_000, ..MIXED }) {
            let name = match log {
                Log::Access => "nginx_json",
                Log::Audit => "mariadb_server_audit",
            };
            let format = formats::FORMATS.iter().find(|format| format.name == name).unwrap();
            let mut scratch = formats::Scratch::default();
            let parsed = format.parse(line.as_bytes(), &mut scratch, &context);
            assert!(matches!(parsed, Ok(formats::Parsed::Activity(_))), "{line}");
        }
    }

    #[test]
    fn distinct_people_come_once_each() {
        let all = lines(Workload { records: 300, users: 300, shape: Shape::Distinct, ..MIXED });
        let field = |line: &str, name: &str| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()[name].as_str().unwrap().to_owned()
        };
        for name in ["remote_user", "remote_addr", "session"] {
            let values: BTreeSet<String> = all.iter().map(|(_, line)| field(line, name)).collect();
            assert_eq!(values.len(), 300, "{name}");
        }
    }
}
