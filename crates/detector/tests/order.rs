//! "Same input, same answer": which alerts there are, with which severity and page, does not depend on how source
//! partitions interleave, where batches are cut, over how many tally partitions entities are spread, in which order
//! engines and the fleet are heard, or whether messages are repeated; nor on when verdicts are heard, if they are heard in time; nor on
//! where engines die and are restored from a snapshot.

use activity::{DataClass, DrillId, EntityKind, KnownBy, Level, Mark, Mode, Signal, Span, Timestamp};
use detector::{
    Alert, AlertId, AlertVerdict, Calendar, Directory, Effects, Engine, EngineSpec, EntityName, ExceptionSettings,
    Rollup, Ruling, Settings, Severity, VerdictException,
};
use proptest::prelude::*;
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};
use tally::{Batch, Manifest, Metric, Range, Tallier};

/// Small, fast, seeded (Steele, Lea, Flood 2014: SplitMix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    fn below(&mut self, n: u64) -> u64 {
        self.next() % n.max(1)
    }
    fn once_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

#[derive(Clone, Debug)]
struct Record {
    at: Timestamp,
    user: u64,
    table: u64,
    rows: u64,
    address: u64,
    login: Option<bool>,
    signal: Option<Signal>,
    drill: bool,
}

const SOURCES: [(&str, u32); 2] = [("access", 2), ("audit", 1)];
const LATENESS: Span = Span::from_minutes(2);
const DAYS: i64 = 9;

fn start() -> Timestamp {
    "2026-03-02T00:00:00Z".parse().expect("a time")
}

/// Records of each source partition, in offset order: nearly in order of time, some a little late, some too late.
fn world(seed: u64) -> Vec<Vec<Record>> {
    let mut random = Random(seed);
    (0..3)
        .map(|partition| {
            let mut records = Vec::new();
            for hour in 0..DAYS * 24 {
                records.extend(story(partition, hour));
                let office = (8..18).contains(&(hour % 24));
                let n = if office { 4 + random.below(8) } else { random.below(2) };
                let mut stamps: Vec<i64> = (0..n).map(|_| random.below(3600) as i64).collect();
                stamps.sort_unstable();
                for second in stamps {
                    let most = if random.once_in(20) { 400 } else { 60 };
                    let jitter = random.below(most) as i64;
                    let attack = hour > 5 * 24 && random.once_in(60);
                    let login = random.once_in(6);
                    let fails = random.once_in(if attack { 1 } else { 4 });
                    let signal =
                        random.once_in(60).then_some(Signal::ALL[random.below(Signal::ALL.len() as u64) as usize]);
                    records.push(Record {
                        at: start() + Span::from_secs(hour * 3600 + second - jitter),
                        user: random.below(6),
                        table: if attack { random.below(9) } else { random.below(2) },
                        rows: if attack { 200 + random.below(5000) } else { random.below(12) },
                        address: if attack || random.once_in(50) { random.below(90) } else { random.below(3) },
                        login: login.then_some(!fails),
                        signal,
                        drill: random.once_in(80),
                    });
                }
            }
            records
        })
        .collect()
}

/// What happens in every world: somebody leaves something behind, and three hours later, in another source partition, reads that name
/// nobody follow on a host where all others do.
fn story(partition: i32, hour: i64) -> Option<Record> {
    // The rule is told by the rows; see `add`.
    let (signal, rows) = match (partition, hour - 7 * 24) {
        (0, 11) => (Some(Signal::ScriptInFiles), 7),
        (2, 14) => (None, 5_000),
        _ => return None,
    };
    let at = start() + Span::from_secs(hour * 3600);
    Some(Record { at, user: 0, table: 0, rows, address: 70, login: None, signal, drill: false })
}

fn add(tallier: &mut Tallier, source: &str, record: &Record) {
    let mode = if record.drill { Mode::Drill(DrillId(5)) } else { Mode::Live };
    let (user, table) = (format!("u{}", record.user), format!("hr.t{}", record.table));
    let address = format!("10.{}.0.{}", record.address, record.address);
    let account = format!("app@10.0.0.{}", record.table / 2);
    let entities = [
        (EntityKind::PortalUser, user.clone()),
        (EntityKind::UserTable, format!("{user}|{table}")),
        (EntityKind::Table, table.clone()),
        (EntityKind::DbAccount, account),
        (EntityKind::Address, address.clone()),
        (EntityKind::AppHost, format!("10.0.0.{}", record.table / 3)),
        (EntityKind::Source, source.to_owned()),
        (EntityKind::Session, format!("{user}|s{}", record.at.as_secs() / 7200)),
    ];
    for (kind, id) in entities {
        let tally = tallier.tally(mode, kind, &id, record.at.bucket());
        for metric in [Metric::Requests, Metric::ClassifiedRequests, Metric::Statements, Metric::TableTouches] {
            tally.add(metric, 1);
        }
        tally.add(Metric::RowsSent, record.rows);
        tally.classes.insert(DataClass::Hr);
        tally.known(KnownBy::SqlTag);
        tally.addresses.insert(&address);
        tally.places.insert(&format!("C{}", record.address / 3));
        tally.tables.insert(&table);
        tally.accounts.insert(&user);
        tally.agents.insert(&format!("browser {}", record.address % 5));
        if matches!(kind, EntityKind::PortalUser | EntityKind::UserTable) {
            // A few that one knows; in an attack, others.
            let numbers =
                if record.rows < 200 { record.user * 9..record.user * 9 + 3 } else { record.rows..record.rows + 9 };
            numbers.for_each(|number| tally.records.insert(activity::Record::new("employee", &number.to_string())));
        }
        if kind == EntityKind::AppHost && 4900 < record.rows {
            tally.add(Metric::UnnamedStatements, 1);
        }
        if let Some(signal) = record.signal {
            tally.signals.insert(signal);
            // More rules than a tally holds, of which a few page.
            for number in [record.rows % 48, record.at.as_secs().unsigned_abs() % 48] {
                let level = Level::ALL[number as usize % 4];
                let rule = format!("rule_{number}").into();
                let techniques: Arc<[Arc<str>]> = match number % 6 {
                    0 => Arc::new(["T1190".into()]),
                    1 => Arc::new(["T1505.003".into(), "T1059".into()]),
                    _ => Arc::new([]),
                };
                let mark = Mark { page: number < 6, level, rule, title: "x".into(), techniques };
                tally.marks.insert(&Arc::new(mark), 1);
            }
        }
        if let Some(ok) = record.login {
            tally.logins.insert(record.at, &user, ok);
            tally.add(if ok { Metric::LoginsOk } else { Metric::LoginsFailed }, 1);
        }
    }
}

fn add_to_fleet(tallier: &mut Tallier, record: &Record) {
    let Some(ok) = record.login.filter(|_| !record.drill) else { return };
    let address = format!("10.{}.0.{}", record.address, record.address);
    let tally = tallier.tally(Mode::Live, EntityKind::Fleet, "all", record.at.bucket());
    if ok {
        tally.add(Metric::LoginsOk, 1);
        tally.records.insert(activity::Record::new("address", &address));
    } else {
        tally.add(Metric::LoginsFailed, 1);
        tally.accounts.insert(&format!("{address} a{}", record.rows));
    }
}

/// Reads the world in some interleaving and cut, as ingest would: lateness is judged per source partition.
fn messages(world: &[Vec<Record>], partitions: u32, random: &mut Random, ahead: Option<usize>) -> Vec<Vec<Vec<u8>>> {
    let names: Vec<(&str, i32)> =
        SOURCES.iter().flat_map(|(name, n)| (0..*n as i32).map(move |number| (*name, number))).collect();
    let mut tallier = Tallier::new();
    let mut read = vec![0usize; world.len()];
    let mut flushed = vec![0usize; world.len()];
    let mut watermarks = vec![Timestamp::MIN; world.len()];
    let mut all: Vec<Vec<Vec<u8>>> = vec![Vec::new(); partitions as usize];
    let chunk = 1 + random.below(200);
    let flush_once_in = 1 + random.below(6);
    let mut sequence = 0;
    loop {
        let open: Vec<usize> = (0..world.len()).filter(|at| read[*at] < world[*at].len()).collect();
        if !open.is_empty() {
            let favourite = ahead.filter(|at| open.contains(at) && !random.once_in(8));
            let at = favourite.unwrap_or_else(|| open[random.below(open.len() as u64) as usize]);
            for _ in 0..1 + random.below(chunk) {
                let Some(record) = world[at].get(read[at]) else { break };
                read[at] += 1;
                if record.at >= watermarks[at].saturating_sub(LATENESS) {
                    add(&mut tallier, names[at].0, record);
                    add_to_fleet(&mut tallier, record);
                }
                watermarks[at] = watermarks[at].max(record.at);
            }
        }
        if open.is_empty() || random.once_in(flush_once_in) {
            sequence += 1;
            let ranges = (0..world.len())
                .map(|at| Range {
                    source: names[at].0.into(),
                    partition: names[at].1,
                    from: flushed[at] as i64,
                    to: read[at] as i64,
                    watermark: watermarks[at],
                    ..Range::default()
                })
                .collect();
            flushed.clone_from(&read);
            let manifest = Manifest { instance: "test".into(), sequence, ranges };
            for (partition, message) in tallier.flush(partitions, &manifest) {
                all[partition as usize].push(message);
            }
        }
        if open.is_empty() {
            return all;
        }
    }
}

fn directory() -> Directory {
    let mut text = String::from("user,role,department,employee_id,from,to,zone\n");
    (0..6).for_each(|user| text.push_str(&format!("u{user},{},d,{user},,,UTC\n", ["ess", "payroll"][user % 2])));
    Directory::parse(&text).expect("a directory")
}

/// Loose enough that much fires: the more alerts, the more to get wrong.
fn settings() -> Settings {
    let mut settings = Settings { false_pages_per_week: 900.0, allowed_lateness: LATENESS, ..Settings::default() };
    let maxima = &mut settings.maxima;
    for n in [
        &mut maxima.portal_user,
        &mut maxima.user_table,
        &mut maxima.table,
        &mut maxima.db_account,
        &mut maxima.address,
    ] {
        *n = 20;
    }
    settings.volume.margin = 1.0;
    settings.volume.tail_index = 2.0;
    settings.first_seen.known_after_days = 1.0;
    settings.login_failures.accounts_per_address = 2;
    settings.login_failures.failures_before_success = 1;
    settings.login_failures.failures_per_account = 3;
    let exception = ExceptionSettings {
        owner: "o".into(),
        reason: "r".into(),
        from: "2026-03-06T11:00:00Z".into(),
        until: "2026-03-10".into(),
        ..ExceptionSettings::default()
    };
    settings.exceptions = vec![
        ExceptionSettings { subject: Some(user(1)), ..exception.clone() },
        ExceptionSettings { entity: Some(user(2)), detectors: vec!["first_seen".into()], ..exception },
    ];
    settings
}

fn user(number: u64) -> EntityName {
    EntityName { kind: "portal_user".into(), id: format!("u{number}") }
}

/// What people say of some of the alerts, a while after their window; of some twice.
fn verdicts(of: &Answer, seed: u64) -> Vec<AlertVerdict> {
    let mut random = Random(seed);
    let mut verdicts = Vec::new();
    for (alert, (_, _, what)) in of {
        for _ in 0..random.below(3) {
            let from: Timestamp = what.rsplit(' ').next().and_then(|from| from.parse().ok()).expect("its window");
            let at = from + Span::from_minutes(random.below(40 * 60) as i64);
            let ruling = Ruling::ALL[random.below(3) as usize];
            let exception = (ruling == Ruling::Expected).then(|| VerdictException {
                until: at + Span::from_hours(1 + random.below(60) as i64),
                detectors: if random.once_in(2) { Vec::new() } else { vec!["volume".into(), "first_seen".into()] },
                subject: random.once_in(2).then(|| user(random.below(6))),
            });
            let (by, reason) = ("p".into(), "r".into());
            verdicts.push(AlertVerdict { at, alert: *alert, ruling, by, reason, exception });
        }
    }
    verdicts.sort();
    verdicts
}

type Answer = BTreeMap<AlertId, (Severity, bool, String)>;

struct Run {
    engines: Vec<Engine>,
    alerts: Vec<Alert>,
    fleet: VecDeque<Rollup>,
    /// Every roll-up, as the topic keeps them.
    rolled_up: Vec<Rollup>,
    /// The compacted topic of snapshots.
    snapshots: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Engines restored from one, and those that died before there was one.
    restored: (usize, usize),
}

/// What an engine of this world is made of.
fn parts() -> (Arc<Settings>, Arc<Directory>, Arc<Calendar>) {
    let calendar = Calendar::parse("from,to,kind\n2026-03-08,2026-03-08,release\n").expect("a calendar");
    (Arc::new(settings()), Arc::new(directory()), Arc::new(calendar))
}

fn spec(partition: u32, partitions: u32) -> EngineSpec {
    let sources = SOURCES.map(|(name, n)| (name.into(), n)).into();
    EngineSpec { partition, partitions, sources, ..EngineSpec::default() }
}

impl Run {
    fn new(partitions: u32) -> Self {
        let engine = |partition| {
            let (settings, directory, calendar) = parts();
            Engine::new(spec(partition, partitions), settings, directory, calendar)
        };
        let engines = (0..partitions).map(engine).collect();
        Run {
            engines,
            alerts: Vec::new(),
            fleet: VecDeque::new(),
            rolled_up: Vec::new(),
            snapshots: BTreeMap::new(),
            restored: (0, 0),
        }
    }

    fn note(&mut self, effects: Effects) {
        assert_eq!(effects.violations, []);
        self.alerts.extend(effects.alerts);
        for rollup in effects.rollups {
            assert_eq!(Rollup::decode(&rollup.encode()), Ok(rollup.clone()));
            self.rolled_up.push(rollup.clone());
            self.fleet.push_back(rollup);
        }
    }

    /// Writes down what this engine knows.
    fn checkpoint(&mut self, at: usize, position: usize) {
        self.snapshots.extend(self.engines[at].checkpoint(position as i64).messages);
    }

    /// The engine dies, and goes on where its last snapshot was made; which message is its next.
    fn kill(&mut self, at: usize, verdicts: &[&AlertVerdict]) -> usize {
        let spec = spec(at as u32, self.engines.len() as u32);
        let messages = self.snapshots.iter().map(|(key, value)| (&key[..], &value[..]));
        let fresh = || {
            let (settings, directory, calendar) = parts();
            Engine::new(spec.clone(), settings, directory, calendar)
        };
        let restored = fresh().restored(messages).expect("a sound snapshot");
        let (engine, position) = match restored {
            Some((engine, position, _)) => {
                self.restored.0 += 1;
                (engine, position as usize)
            }
            None => {
                self.restored.1 += 1;
                (fresh(), 0)
            }
        };
        self.engines[at] = engine;
        self.alerts.clone().iter().for_each(|alert| self.engines[at].recall(alert));
        verdicts.iter().for_each(|verdict| self.engines[at].hear(verdict));
        for rollup in self.rolled_up.clone() {
            let effects = self.engines[at].rollup(&rollup);
            self.note(effects);
        }
        position
    }

    fn hear_fleet(&mut self, random: &mut Random, at_most: usize) {
        for _ in 0..at_most {
            if self.fleet.is_empty() {
                return;
            }
            let rollup = self.fleet.remove(random.below(self.fleet.len() as u64) as usize).expect("it is inside");
            for at in 0..self.engines.len() {
                let effects = self.engines[at].rollup(&rollup);
                self.note(effects);
                if random.once_in(5) {
                    let repeat = self.engines[at].rollup(&rollup);
                    self.note(repeat);
                }
            }
        }
    }

    fn finish(mut self, random: &mut Random) -> Answer {
        self.hear_fleet(random, usize::MAX);
        for at in 0..self.engines.len() {
            let effects = self.engines[at].finish();
            self.note(effects);
        }
        self.hear_fleet(random, usize::MAX);
        let mut answer = Answer::new();
        for alert in &self.alerts {
            let by = alert.suppressed_by.as_ref().map_or("", |by| &by.owner);
            let what = format!("{} {} {by} {}", alert.detector, alert.entity, alert.window.from);
            assert!(by.is_empty() || !alert.page);
            let now = (alert.severity, alert.page, what);
            let before = answer.insert(alert.id, now.clone());
            assert!(before.is_none() || self.restored != (0, 0) && before == Some(now), "an id is raised once");
            assert_eq!(Alert::from_json(alert.to_json().as_bytes()).expect("its own JSON").id, alert.id);
        }
        answer
    }
}

fn answer(
    world: &[Vec<Record>],
    partitions: u32,
    seed: u64,
    ahead: Option<usize>,
    verdicts: &[AlertVerdict],
) -> Answer {
    answer_with_deaths(world, partitions, seed, ahead, verdicts, None).0
}

/// The answer, and how often engines were restored and begun anew if one dies once in so many turns.
fn answer_with_deaths(
    world: &[Vec<Record>],
    partitions: u32,
    seed: u64,
    ahead: Option<usize>,
    verdicts: &[AlertVerdict],
    dies_once_in: Option<u64>,
) -> (Answer, (usize, usize)) {
    let random = &mut Random(seed);
    let messages = messages(world, partitions, random, ahead);
    let mut next = vec![0; messages.len()];
    let mut run = Run::new(partitions);
    let mut unheard: VecDeque<&AlertVerdict> = verdicts.iter().collect();
    let mut heard: Vec<&AlertVerdict> = Vec::new();
    // Engines read their partitions at their own pace.
    while next.iter().zip(&messages).any(|(next, messages)| *next < messages.len()) {
        let at = random.below(u64::from(partitions)) as usize;
        for _ in 0..1 + random.below(20) {
            if let Some(once_in) = dies_once_in {
                if random.once_in(once_in) {
                    next[at] = run.kill(at, &heard);
                } else if random.once_in(6) {
                    run.checkpoint(at, next[at]);
                }
            }
            let Some(message) = messages[at].get(next[at]) else { break };
            next[at] += 1;
            let batch = Batch::decode(message).expect("its own message");
            // As late as may be: before event time has passed the next full hour by the allowed lateness. (Once in a while early.)
            let come = batch.manifest.ranges.iter().map(|range| range.watermark).max().unwrap_or(Timestamp::MIN);
            let early = random.once_in(9);
            while let Some(verdict) = unheard.pop_front_if(|verdict| verdict.at <= come || early) {
                for engine in &mut run.engines {
                    engine.hear(verdict);
                }
                heard.push(verdict);
            }
            let effects = run.engines[at].take(&batch);
            run.note(effects);
            if random.once_in(10) && batch.manifest.ranges.iter().any(|range| range.from < range.to) {
                let repeat = run.engines[at].take(&batch);
                assert_eq!(repeat, Effects::default(), "a repeated message changes nothing");
            }
        }
        let hear = random.below(8) as usize;
        run.hear_fleet(random, hear);
    }
    let restored = run.restored;
    (run.finish(random), restored)
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 20, ..ProptestConfig::with_cases(16) })]

    #[test]
    fn alerts_do_not_depend_on_order_cuts_or_partitions(world_seed in any::<u64>(), seed in any::<u64>()) {
        let world = world(world_seed);
        let unruled = answer(&world, 1, 1, None, &[]);
        let chain = |kind: &str| unruled.values().any(|(_, _, what)| what.starts_with(&format!("chain {kind} ")));
        prop_assert!(chain("app_host") && chain("address"), "a chain is not raised");
        let verdicts = verdicts(&unruled, world_seed);
        let reference = answer(&world, 1, 1, None, &verdicts);
        let kinds: BTreeSet<&str> = reference.values().filter_map(|(_, _, what)| what.split(' ').next()).collect();
        prop_assert!(reference.len() > 20 && kinds.len() >= 5, "too little fires to prove anything: {kinds:?}");
        let excepted = |by: &str| reference.values().any(|(_, _, what)| what.split(' ').rev().nth(1) == Some(by));
        prop_assert!(excepted("o") || excepted("p"), "no page fell under an exception");
        prop_assert!(reference.values().any(|(_, page, _)| *page) && reference.values().any(|(_, page, _)| !*page));
        for (partitions, ahead) in [(1, Some(0)), (1, Some(2)), (3, None), (3, Some(1)), (7, Some(2))] {
            let other = answer(&world, partitions, seed ^ u64::from(partitions), ahead, &verdicts);
            let missing: Vec<_> = reference.iter().filter(|(id, what)| other.get(id) != Some(what)).collect();
            let invented: Vec<_> = other.iter().filter(|(id, what)| reference.get(id) != Some(what)).collect();
            prop_assert!(missing.is_empty() && invented.is_empty(), "{partitions} partitions, {ahead:?} ahead: missing {missing:?}, invented {invented:?}");
        }
    }
}

#[test]
fn alerts_do_not_depend_on_where_engines_die() {
    let mut deaths = (0, 0);
    for seed in 1..=6 {
        let world = world(seed);
        let verdicts = verdicts(&answer(&world, 1, 1, None, &[]), seed);
        let reference = answer(&world, 1, 1, None, &verdicts);
        assert!(reference.len() > 20);
        let (partitions, ahead) = if seed % 2 == 0 { (1, None) } else { (3, Some(1)) };
        let (other, died) = answer_with_deaths(&world, partitions, seed, ahead, &verdicts, Some(8));
        deaths = (deaths.0 + died.0, deaths.1 + died.1);
        let missing: Vec<_> = reference.iter().filter(|(id, what)| other.get(id) != Some(what)).collect();
        let invented: Vec<_> = other.iter().filter(|(id, what)| reference.get(id) != Some(what)).collect();
        assert!(
            missing.is_empty() && invented.is_empty(),
            "seed {seed}, {died:?}: missing {missing:?}, invented {invented:?}"
        );
    }
    assert!(deaths.0 >= 20, "{deaths:?}: restored and begun anew");
}
