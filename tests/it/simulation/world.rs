//! What the raw topics hold: a few days of few people, an export, a guessing of passwords; torn, late and senseless lines.

use crate::harness::Scratch;
use breachd::settings::Settings;
use simulator::{
    company::{self, AGENTS, Company, DAY_MS, HOUR_MS, Role, START},
    lines,
    log::Event,
    portal::{self, PERIOD, Page, Session},
    random::Random,
};
use std::sync::Arc;

/// (source, format); each has a topic of its name.
pub(crate) const SOURCES: [(&str, &str); 3] =
    [("access", "nginx_json"), ("audit", "mariadb_server_audit"), ("slow", "mariadb_slow_log")];
pub(crate) const PARTITIONS: u32 = 2;
pub(crate) const TALLY_PARTITIONS: u32 = 3;
pub(super) const INSTANCES: [&str; 3] = ["one", "two", "three"];

/// The longest that a refused call or a lost member may hold up everybody is far below the wait for the fleet, which is twice this
/// and ten seconds.
pub(super) const IDLE_AFTER_MS: i64 = 10_000;

/// Days of event time.
pub(crate) const DAYS: i64 = 6;

/// Records of one raw partition, in their order.
pub(crate) struct Raw {
    pub(crate) topic: &'static str,
    pub(crate) partition: i32,
    pub(crate) records: Vec<Vec<u8>>,
    /// Where each day ends: a partition that is silent then, and is not waited for, has nothing to say of the day.
    pub(crate) days: Vec<usize>,
    /// When the last of those that are gone was written.
    pub(crate) written_ms: i64,
}

/// What the sources are and mean; their topics begin with `topics`. `more` says how it is run.
pub(crate) fn configuration(topics: &str, more: &str) -> String {
    let source = |(name, format): &(&str, &str)| {
        format!("[[sources]]\nname = \"{name}\"\nformat = \"{format}\"\nzone = \"UTC\"\ntopic = \"{topics}{name}\"\n")
    };
    let sources: String = SOURCES.iter().map(source).collect();
    format!(
        "{more}\
         [attribution]\nsql_tags = [{{ key = \"user\", position = \"end\" }}]\n\
         [detector]\nfalse_pages_per_week = 100\n\
         [detector.maxima]\nportal_user = 20\nuser_table = 40\ntable = 20\ndb_account = 10\naddress = 20\n\
         [detector.volume]\nmargin = 1.0\n[detector.first_seen]\nknown_after_days = 1.0\n\
         [classification.tables]\n\"magento.hr_*\" = \"hr\"\n\"magento.employee_portal_session\" = \"credentials\"\n\
         [classification.routes]\n\"/employee-portal/hr/**\" = \"hr\"\n\"/employee-portal/login\" = \"credentials\"\n\
         {sources}"
    )
}

/// Instance by instance, the same but for its name.
pub(super) fn settings() -> Vec<Arc<Settings>> {
    let scratch = Scratch::new("simulation");
    let more = format!(
        "[topics]\ntally_partitions = {TALLY_PARTITIONS}\n\
         [snapshots]\ninterval = \"200ms\"\n\
         [ingest]\nflush_interval = \"200ms\"\nexpire_after = \"5s\"\nidle_after = \"{IDLE_AFTER_MS}ms\"\n"
    );
    let file = scratch.write("breachd.toml", configuration("", &more));
    let named = |name: &&str| {
        let environment = [("BREACHD__INSTANCE".to_owned(), (*name).to_owned())];
        let loaded = Settings::load(std::slice::from_ref(&file), &environment);
        Arc::new(loaded.unwrap_or_else(|mistakes| panic!("{mistakes:?}")))
    };
    INSTANCES.iter().map(named).collect()
}

/// The last event lies before this: records are written after it.
pub(super) fn written_from() -> i64 {
    START.as_millis() + (DAYS + 1) * DAY_MS
}

pub(crate) fn raw(seed: u64) -> Vec<Raw> {
    let mut random = Random::new(seed).fork("world", 0);
    let sources = SOURCES.map(|(topic, _)| topic);
    let fresh = |(topic, partition)| Raw {
        topic,
        partition,
        records: Vec::new(),
        days: Vec::new(),
        written_ms: written_from(),
    };
    let mut raw: Vec<Raw> =
        (0..PARTITIONS as i32).flat_map(|partition| sources.map(|topic| (topic, partition))).map(fresh).collect();
    let events = events(&mut random);
    for day in events.chunk_by(|one, next| one.at_ms / DAY_MS == next.at_ms / DAY_MS) {
        // Each half has servers, hence partitions, of its own.
        let is_second = |event: &&Event| event.request.as_ref().is_some_and(|request| request.session % 4 == 1);
        let (second, first): (Vec<_>, Vec<_>) = day.iter().partition(is_second);
        for (half, raw) in [first, second].into_iter().zip(raw.chunks_mut(sources.len())) {
            let logs = lines::write(&half.into_iter().cloned().collect::<Vec<_>>());
            let split = |text: &str| text.lines().map(|line| line.as_bytes().to_vec()).collect::<Vec<_>>();
            raw[0].records.extend(disturbed(split(&logs.access), &mut random));
            raw[1].records.extend(disturbed(split(&logs.audit), &mut random));
            raw[2].records.extend(torn(&split(&logs.slow), &mut random));
        }
        raw.iter_mut().for_each(|raw| raw.days.push(raw.records.len()));
    }
    raw
}

fn events(random: &mut Random) -> Vec<Event> {
    let settings = company::Settings { seed: 7, days: DAYS, users: 20, shop_visits_per_day: 0.0 };
    let company = Company::new(settings);
    let clerk = company.of_role(Role::Payroll).next().expect("a clerk");
    let people = [clerk, company.of_role(Role::Manager).next().expect("a manager"), &company.people[19]];
    let mut events = Vec::new();
    for day in 0..DAYS {
        for person in people {
            let session = Session::new(person.office_address(), person.agent, random);
            let mut at_ms = START.as_millis() + day * DAY_MS + random.between(8 * HOUR_MS, 15 * HOUR_MS);
            for page in [Page::PaySlip { employee: person.employee_id, period: PERIOD }, Page::Leave] {
                at_ms += random.between(1_000, 40 * 60_000);
                events.push(portal::visit(&company, person, &session, at_ms, page, random));
            }
        }
    }
    let mut at_ms = START.as_millis() + (DAYS - 1) * DAY_MS + random.between(17 * HOUR_MS, 21 * HOUR_MS);
    let session = Session::new(clerk.home_address(DAYS), clerk.agent, random);
    for nth in 0..random.between(6, 12) {
        at_ms += random.between(2_000, 30_000);
        events.push(portal::visit(
            &company,
            clerk,
            &session,
            at_ms,
            Page::PayrollExport { period: PERIOD - nth },
            random,
        ));
    }
    let guesser = Session { id: 0, ..Session::new("198.19.44.17".into(), AGENTS[0], random) };
    for nth in 0..random.between(15, 30) {
        at_ms += random.between(500, 9_000);
        events.push(portal::log_in(&format!("e{}", 640 + nth).into(), None, &guesser, at_ms, random));
    }
    events.sort_by_key(|event| event.at_ms);
    events
}

/// Access lines of names that nobody has, each tried once from an address of its own, within the last minute of a day; with their partitions.
pub(crate) fn crowd(day: i64, n: usize, each: &mut dyn FnMut(i32, Vec<u8>)) {
    /// Events written at once.
    const CHUNK: usize = 10_000;
    let mut random = Random::new(day as u64).fork("crowd", 0);
    let from_ms = START.as_millis() + (day + 1) * DAY_MS - 60_000;
    for first in (0..n).step_by(CHUNK) {
        let attempt = |nth: usize| {
            let address = std::net::Ipv4Addr::from_bits(0x6440_0000 + nth as u32).to_string();
            let session = Session { id: 0, ..Session::new(address.into(), AGENTS[0], &mut random) };
            let at_ms = from_ms + (nth * 60_000 / n) as i64;
            portal::log_in(&format!("made.up{nth}").into(), None, &session, at_ms, &mut random)
        };
        let events: Vec<Event> = (first..n.min(first + CHUNK)).map(attempt).collect();
        for (nth, line) in lines::write(&events).access.lines().enumerate() {
            each((nth as u32 % PARTITIONS) as i32, line.into());
        }
    }
}

/// Lines that come behind later ones, some by more than the allowed lateness, and lines without sense.
fn disturbed(mut lines: Vec<Vec<u8>>, random: &mut Random) -> Vec<Vec<u8>> {
    if lines.is_empty() {
        return lines;
    }
    for _ in 0..random.between(0, 3) {
        let from = random.between(0, lines.len() as i64) as usize;
        let to = (from + random.between(1, 20) as usize).min(lines.len() - 1);
        lines[from..=to].rotate_left(1);
    }
    for _ in 0..random.between(0, 2) {
        let at = random.between(0, lines.len() as i64) as usize;
        lines.insert(at, format!("no line of a log, number {}", random.between(0, 1000)).into_bytes());
    }
    lines
}

/// One to nine lines a record, whatever entry they belong to.
fn torn(lines: &[Vec<u8>], random: &mut Random) -> Vec<Vec<u8>> {
    let mut records = Vec::new();
    let mut rest = lines;
    while !rest.is_empty() {
        let (some, behind) = rest.split_at(rest.len().min(random.between(1, 10) as usize));
        records.push(some.join(&b'\n'));
        rest = behind;
    }
    records
}
