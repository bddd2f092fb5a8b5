//! What trial worlds promise: the same bytes for the same seed, attacks that only add, and that everything labels speak of
//! is really there, read back from the lines by breachd's own parsers.

use crate::parsing;

use activity::{Activity, Actor, Operation, Outcome, Resource};
use formats::{Context, SqlTag, TagPosition};
use simulator::{
    lines::Logs,
    scenario::{Benign, Label, Labels},
    trial::{KINDS, PAYMENT_KINDS, Settings, Trial},
};
use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::LazyLock,
};

const SETTINGS: Settings =
    Settings { seed: 7, weeks: 6, warm_up_weeks: 3, difficulty: 0.6, attacked: true, users: Some(60), payment: false };
const DAY: f64 = 86_400.0;

/// Every kind that labels call harmless.
const LOOK_ALIKES: [&str; 18] = [
    "month_end",
    "pay_slip_day",
    "holiday",
    "release_shift",
    "open_enrolment",
    "review_season",
    "password_expiry",
    "leaver",
    "joiner",
    "travel",
    "new_home",
    "role_change",
    "oncall_night",
    "vacation",
    "legit_bulk_export",
    "integration_backfill",
    "dba_work",
    "pipeline_outage",
];

/// One line of one log.
struct Line {
    source: &'static str,
    /// Seconds since the epoch.
    at: f64,
    /// What labels would call what it names.
    names: Vec<String>,
    rows: u64,
    login: Option<Outcome>,
}

struct Read {
    labels: Labels,
    files: HashMap<&'static str, String>,
    lines: Vec<Line>,
}

static ATTACKED: LazyLock<Read> = LazyLock::new(|| Read::new(SETTINGS));
static QUIET: LazyLock<Read> = LazyLock::new(|| Read::new(Settings { attacked: false, ..SETTINGS }));

impl Read {
    fn new(settings: Settings) -> Read {
        let trial = Trial::new(settings);
        let Logs { access, audit, slow } = trial.logs();
        let files: HashMap<_, _> = trial.files(2.0).into_iter().collect();
        let mut lines = Vec::new();
        let context = || Context { sql_tags: vec![tag(&files["judge.toml"])], ..Context::default() };
        let entries: [(&str, &str, Vec<&[u8]>); 3] = [
            ("access", "nginx_json", parsing::lines(&access).collect()),
            ("audit", "mariadb_server_audit", parsing::lines(&audit).collect()),
            ("slow", "mariadb_slow_log", parsing::slow_entries(&slow)),
        ];
        for (source, format, entries) in entries {
            let count = parsing::read_all(format, context(), entries.into_iter(), |activity| {
                lines.push(Line::new(source, activity));
            });
            assert!(count > 10_000, "{source}: {count}");
        }
        Read { labels: trial.labels, files, lines }
    }

    /// Lines from `from` to `to`, in seconds since the epoch, that name this.
    fn naming<'a>(&'a self, name: &'a str, from: f64, to: f64) -> impl Iterator<Item = &'a Line> {
        let within = move |line: &&Line| (from..=to).contains(&line.at);
        self.lines.iter().filter(within).filter(move |line| line.names.iter().any(|named| named == name))
    }

    fn benign(&self, kind: &str) -> Vec<&Benign> {
        let found: Vec<_> = self.labels.benign.iter().filter(|benign| benign.kind == kind).collect();
        assert!(!found.is_empty(), "no {kind}");
        found
    }

    /// Logins of this role.
    fn of_role(&self, role: &str) -> HashSet<String> {
        let fields = self.files["directory.csv"].lines().map(|line| line.split(',').collect::<Vec<_>>());
        fields.filter(|fields| fields[1] == role).map(|fields| format!("user:{}", fields[0])).collect()
    }

    fn table(&self, wanted: &str) -> String {
        let toml: toml::Table = self.files["judge.toml"].parse().expect("TOML");
        let tables = toml["classification"]["tables"].as_table().expect("a table");
        let name = tables.keys().find(|name| wanted.split('|').any(|part| name.contains(part)));
        format!("table:{}", name.unwrap_or_else(|| panic!("no {wanted}")).rsplit('.').next().unwrap_or_default())
    }

    /// Lines a working day that name all of these, inside the periods of a kind and outside of all of them.
    fn rates(&self, kind: &str, source: &str, name: Option<&str>, by: Option<&HashSet<String>>) -> (f64, f64) {
        let periods = self.benign(kind);
        let start = self.labels.meta.start;
        let is_inside = |at: f64| periods.iter().any(|period| (period.start..period.end).contains(&at));
        let (mut counts, mut days) = ([0.0; 2], [0.0; 2]);
        for day in (0..SETTINGS.weeks * 7).filter(|day| day % 7 < 5) {
            days[usize::from(is_inside(start + (day as f64 + 0.5) * DAY))] += 1.0;
        }
        for line in self.lines.iter().filter(|line| line.source == source) {
            let on_working_day = ((line.at - start) / DAY) as i64 % 7 < 5;
            let named = name.is_none_or(|name| line.names.iter().any(|named| named == name));
            let theirs = by.is_none_or(|by| line.names.iter().any(|named| by.contains(named)));
            if on_working_day && named && theirs {
                counts[usize::from(is_inside(line.at))] += 1.0;
            }
        }
        (counts[1] / days[1], counts[0] / days[0])
    }
}

impl Line {
    fn new(source: &'static str, activity: &Activity<'_>) -> Line {
        let mut names = Vec::new();
        match (&activity.actor, &activity.client_host) {
            (Actor::PortalUser(user), _) => names.push(format!("user:{user}")),
            (Actor::DbAccount(account), Some(host)) => {
                names.extend([format!("db:{account}@{host}"), format!("dbuser:{account}"), format!("dbhost:{host}")]);
            }
            _ => {}
        }
        names.extend(activity.tag_user.iter().map(|user| format!("user:{user}")));
        names.extend(activity.address.iter().map(|address| format!("ip:{address}")));
        names.extend(activity.resources.iter().map(|resource| match resource {
            Resource::Route(path) => format!("path:{path}"),
            Resource::Table { name, .. } => format!("table:{name}"),
        }));
        Line {
            source,
            at: activity.at.as_millis() as f64 / 1000.0,
            names,
            rows: activity.measures.rows_sent.unwrap_or_default(),
            login: (activity.operation == Operation::Login).then_some(activity.outcome),
        }
    }
}

/// As the configuration names it.
fn tag(configuration: &str) -> SqlTag {
    let toml: toml::Table = configuration.parse().expect("TOML");
    let tag = &toml["attribution"]["sql_tags"][0];
    let position = match tag["position"].as_str() {
        Some("front") => TagPosition::Front,
        _ => TagPosition::End,
    };
    SqlTag { key: tag["key"].as_str().expect("a key").into(), position }
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_does_not() {
    let settings = Settings { users: Some(30), ..SETTINGS };
    let files = |settings| Trial::new(settings).files(2.0);
    assert!(files(settings) == files(settings));
    assert!(files(settings) != files(Settings { seed: 8, ..settings }));
}

#[test]
fn attacks_only_add_to_the_background() {
    let settings = Settings { users: Some(40), ..SETTINGS };
    let (quiet, attacked) = (Trial::new(Settings { attacked: false, ..settings }), Trial::new(settings));
    let background: Vec<_> = attacked.events.iter().filter(|event| event.attack.is_none()).collect();
    assert!(background.iter().copied().eq(&quiet.events));
    assert!(attacked.events.len() > quiet.events.len());
    assert!(quiet.labels.labels.is_empty());
    let same = |one: &[Benign], other: &[Benign]| {
        one.iter().map(|benign| (&benign.kind, &benign.entities)).eq(other.iter().map(|b| (&b.kind, &b.entities)))
    };
    assert!(same(&quiet.labels.benign, &attacked.labels.benign));
}

#[test]
fn every_kind_of_attack_happens_once_within_the_judged_weeks() {
    for seed in [7, 11, 12] {
        let trial = Trial::new(Settings { seed, users: Some(40), ..SETTINGS });
        let kinds: BTreeSet<&str> = trial.labels.labels.iter().map(|label| label.kind.as_str()).collect();
        assert_eq!(kinds, KINDS.iter().map(|kind| kind.name).collect(), "seed {seed}");
        assert_eq!(trial.labels.labels.len(), KINDS.len());
        let harmless: BTreeSet<&str> = trial.labels.benign.iter().map(|benign| benign.kind.as_str()).collect();
        assert_eq!(harmless, BTreeSet::from(LOOK_ALIKES), "seed {seed}");
        let meta = &trial.labels.meta;
        for label in &trial.labels.labels {
            assert!(meta.warmup_end <= label.start && label.start < label.end && label.end <= meta.end, "{label:?}");
            let events = trial.events.iter().filter(|event| event.attack == Some(label.kind.as_str())).count();
            assert_eq!(events, label.events, "seed {seed}: {}", label.kind);
        }
    }
}

#[test]
fn short_and_long_worlds_hold_together() {
    for (weeks, warm_up_weeks, difficulty) in [(4, 3, 0.0), (5, 2, 1.0), (14, 2, 0.5)] {
        let trial = Trial::new(Settings { weeks, warm_up_weeks, difficulty, users: Some(30), ..SETTINGS });
        let meta = &trial.labels.meta;
        assert_eq!(meta.end - meta.start, weeks as f64 * 7.0 * DAY);
        assert_eq!(trial.labels.labels.len(), KINDS.len(), "{weeks} weeks");
        for label in &trial.labels.labels {
            assert!(meta.warmup_end <= label.start && label.end <= meta.end + 3_600.0, "{weeks} weeks: {label:?}");
        }
        assert!(trial.events.iter().all(|event| (meta.start..meta.end).contains(&(event.at_ms as f64 / 1000.0))));
    }
}

#[test]
fn lines_of_an_attack_name_the_entities_of_its_label() {
    for label in &ATTACKED.labels.labels {
        // The audit log has whole seconds.
        let (from, to) = (label.start - 1.0, label.end + 1.0);
        for entity in label.entities.iter().filter(|entity| *entity != "global" && *entity != "source:audit") {
            // Nobody has to be seen switching a log off.
            if label.kind != "log_silence" {
                assert!(ATTACKED.naming(entity, from, to).next().is_some(), "{}: no {entity}", label.kind);
            }
        }
    }
}

/// A label's entities are found in the attacked world's lines; these must not be in the quiet one's at the same time.
#[test]
fn what_attackers_bring_with_them_is_not_there_without_them() {
    let label = |kind: &str| ATTACKED.labels.labels.iter().find(|label| label.kind == kind).unwrap();
    let brought = |label: &Label, prefix: &str| -> Vec<String> {
        label.entities.iter().filter(|entity| entity.starts_with(prefix)).cloned().collect()
    };
    for (kind, prefix) in [
        ("webshell", "path:"),
        ("webshell", "ip:"),
        ("direct_db_dump", "dbhost:"),
        ("direct_db_dump", "db:"),
        ("session_hijack", "ip:"),
        ("impossible_travel", "ip:"),
        ("integration_abuse", "ip:"),
    ] {
        let names = brought(label(kind), prefix);
        assert!(!names.is_empty());
        for name in names {
            assert!(QUIET.naming(&name, 0.0, f64::MAX).next().is_none(), "{kind}: {name} in the quiet world");
        }
    }
    let gone = label("leaver");
    assert!(QUIET.naming(&gone.entities[0], gone.start - DAY, f64::MAX).next().is_none());
}

#[test]
fn the_audit_log_alone_falls_silent() {
    let silence = ATTACKED.labels.labels.iter().find(|label| label.kind == "log_silence").unwrap();
    let heard = |read: &Read, source: &str| {
        let lines = read.lines.iter().filter(|line| line.source == source);
        lines.filter(|line| (silence.start + 6.0..silence.end - 1.0).contains(&line.at)).count()
    };
    assert_eq!(heard(&ATTACKED, "audit"), 0);
    assert!(heard(&QUIET, "audit") > 0 && heard(&ATTACKED, "access") > 0 && heard(&ATTACKED, "slow") > 0);
}

#[test]
fn harder_attacks_read_less() {
    let rows = |difficulty| -> HashMap<String, i64> {
        let trial = Trial::new(Settings { difficulty, users: Some(40), ..SETTINGS });
        trial.labels.labels.into_iter().map(|label| (label.kind, label.rows)).collect()
    };
    let (easy, hard) = (rows(0.0), rows(1.0));
    for kind in ["bulk_export", "slow_drip", "id_enumeration", "heavy_insider", "webshell", "integration_abuse"] {
        assert!(easy[kind] > hard[kind] && hard[kind] > 0, "{kind}: {} {}", easy[kind], hard[kind]);
    }
}

#[test]
fn outages_leave_no_line_in_any_log() {
    for outage in QUIET.benign("pipeline_outage") {
        let (from, to) = (outage.start + 1.0, outage.end - 1.0);
        assert!((600.0..2400.0).contains(&(outage.end - outage.start)));
        assert!(!QUIET.lines.iter().any(|line| (from..to).contains(&line.at)));
        assert!(!ATTACKED.lines.iter().any(|line| (from..to).contains(&line.at)));
    }
}

#[test]
fn single_lives_take_the_turns_the_labels_tell() {
    let (read, forever) = (&*QUIET, f64::MAX);
    let user = |benign: &Benign| benign.entities[0].clone();
    for night in read.benign("oncall_night") {
        let pages = read.naming(&user(night), night.start, night.end).filter(|line| line.source == "access").count();
        assert!((1..=40).contains(&pages), "{night:?}: {pages}");
    }
    for vacation in read.benign("vacation") {
        // Days of people far from Greenwich begin earlier or later; the label includes the days after the return.
        let (from, to) = (vacation.start + DAY, vacation.end - 3.0 * DAY);
        let nights: HashSet<String> = read.benign("oncall_night").into_iter().map(user).collect();
        if !nights.contains(&user(vacation)) {
            assert!(read.naming(&user(vacation), from, to).next().is_none(), "{vacation:?}");
        }
    }
    for leaver in read.benign("leaver") {
        assert!(read.naming(&user(leaver), leaver.end + DAY, forever).next().is_none(), "{leaver:?}");
    }
    for joiner in read.benign("joiner") {
        assert!(read.naming(&user(joiner), 0.0, joiner.start - DAY).next().is_none(), "{joiner:?}");
    }
    assert!(
        read.benign("joiner").iter().any(|benign| read.naming(&user(benign), benign.start, forever).next().is_some())
    );
    let networks = |name: &str, from: f64, to: f64| -> BTreeSet<String> {
        let lines = read.naming(name, from, to).filter(|line| line.source == "access");
        lines
            .flat_map(|line| &line.names)
            .filter_map(|name| name.strip_prefix("ip:198.18."))
            .map(|rest| {
                // A country's homes lie in sixteen networks.
                let third: u32 = rest.split('.').next().unwrap().parse().expect("TOML");
                (third / 16).to_string()
            })
            .collect()
    };
    let abroad = |trip: &&&Benign| {
        let (home, away) = (networks(&user(trip), 0.0, trip.start - DAY), networks(&user(trip), trip.start, trip.end));
        !home.is_empty() && away.difference(&home).next().is_some()
    };
    assert!(read.benign("travel").iter().any(|trip| abroad(&trip)));
    let tables = |name: &str, from: f64, to: f64| -> BTreeSet<String> {
        let lines = read.naming(name, from, to).filter(|line| line.source == "audit");
        lines.flat_map(|line| &line.names).filter(|name| name.starts_with("table:")).cloned().collect()
    };
    for change in read.benign("role_change") {
        let (before, after) =
            (tables(&user(change), 0.0, change.start - DAY), tables(&user(change), change.start, forever));
        let rows = |from, to| read.naming(&change.entities[0], from, to).map(|line| line.rows).sum::<u64>();
        let (was, is) = (rows(0.0, change.start - DAY), rows(change.start, forever));
        assert!(after.difference(&before).next().is_some() || is > 2 * was, "{change:?}: {before:?} {after:?}");
    }
    for export in read.benign("legit_bulk_export") {
        let most = read.naming(&export.entities[0], export.start, export.end + 60.0).map(|line| line.rows).max();
        assert!(most.is_some_and(|rows| rows >= 40), "{export:?}: {most:?}");
    }
    let clerks: HashSet<String> = read.benign("legit_bulk_export").into_iter().map(user).collect();
    assert!(clerks.len() > 1, "one clerk does it all");
    let back_fill = read.benign("integration_backfill")[0];
    let pages = |from, to| read.naming(&back_fill.entities[0], from, to).filter(|line| line.source == "access").count();
    let usual =
        pages(0.0, back_fill.start - 3.0 * DAY) as f64 / ((back_fill.start - 3.0 * DAY - read.labels.meta.start) / DAY);
    assert!(pages(back_fill.start - 1.0, back_fill.end + 1.0) as f64 > 1.5 * usual / 24.0);
    for work in read.benign("dba_work") {
        for entity in &work.entities {
            assert!(read.naming(entity, work.start - 1.0, work.end).next().is_some(), "{work:?}");
        }
    }
}

#[test]
fn days_of_the_whole_company_differ_as_the_labels_tell() {
    let read = &*QUIET;
    let people: HashSet<String> =
        ["ess", "manager", "payroll", "hradmin", "benefits"].iter().flat_map(|role| read.of_role(role)).collect();
    let (payroll, managers) = (read.of_role("payroll"), read.of_role("manager"));
    let (inside, outside) = read.rates("holiday", "access", None, Some(&people));
    assert!(inside < 0.6 * outside, "holiday: {inside} {outside}");
    let (inside, outside) = read.rates("month_end", "access", None, Some(&payroll));
    assert!(inside > 1.15 * outside, "month_end: {inside} {outside}");
    let slips = read.table("payroll|payslip|salary|paystub");
    let (inside, outside) = read.rates("pay_slip_day", "audit", Some(&slips), Some(&read.of_role("ess")));
    assert!(inside > 1.5 * outside, "pay_slip_day: {inside} {outside}");
    let benefits = read.table("benefits|perk|insurance");
    let (inside, outside) = read.rates("open_enrolment", "audit", Some(&benefits), Some(&read.of_role("ess")));
    assert!(inside > 1.5 * outside, "open_enrolment: {inside} {outside}");
    let reviews = read.table("review|appraisal|evaluation");
    let (inside, outside) = read.rates("review_season", "audit", Some(&reviews), Some(&managers));
    assert!(inside > 2.0 * outside, "review_season: {inside} {outside}");
    let waves = read.benign("password_expiry");
    let refused = |line: &&Line| line.login == Some(Outcome::Denied);
    let in_wave = |line: &&Line| waves.iter().any(|wave| (wave.start..wave.end).contains(&line.at));
    let within = read.lines.iter().filter(refused).filter(in_wave).count() as f64 / (2 * waves.len()) as f64;
    let all = read.lines.iter().filter(refused).count() as f64 / (SETTINGS.weeks * 7) as f64;
    assert!(within > 2.5 * all, "password_expiry: {within} {all}");
    let release = read.benign("release_shift")[0];
    let changed = |line: &&Line| line.names.iter().any(|name| name.starts_with("path:") && name.contains("/v2/"));
    let first = read.lines.iter().filter(changed).map(|line| line.at).fold(f64::MAX, f64::min);
    assert!((release.start..release.start + DAY).contains(&first), "{release:?}: {first}");
}

/// A scanner, a program, a nightly dump: what is there on any day.
#[test]
fn everyday_look_alikes_are_there_every_week() {
    let read = &*QUIET;
    let weeks = |name: &str| -> usize {
        let start = read.labels.meta.start;
        let lines = read.naming(name, 0.0, f64::MAX);
        lines.map(|line| ((line.at - start) / DAY) as i64 / 7).collect::<HashSet<_>>().len()
    };
    for name in ["db:backup@10.20.9.5", "db:dba@10.20.8.21", "db:report_ro@10.20.5.5", "path:/.env"] {
        assert!(weeks(name) >= 5, "{name}: {} weeks", weeks(name));
    }
}

/// Work on payments, and attacks on them, come on top: everything else is the same world.
#[test]
fn payments_only_add_and_each_kind_of_theirs_happens_once() {
    for difficulty in [0.0, 1.0] {
        let settings = Settings { users: Some(40), difficulty, ..SETTINGS };
        let (without, with) = (Trial::new(settings), Trial::new(Settings { payment: true, ..settings }));
        let kinds: BTreeSet<&str> = with.labels.labels.iter().map(|label| label.kind.as_str()).collect();
        assert_eq!(kinds, KINDS.iter().chain(&PAYMENT_KINDS).map(|kind| kind.name).collect());
        assert_eq!(with.labels.labels.len(), KINDS.len() + PAYMENT_KINDS.len());
        let kept = |label: &&Label| PAYMENT_KINDS.iter().all(|kind| kind.name != label.kind);
        let same = |one: &Label, other: &Label| {
            (&one.kind, one.start, one.end, &one.entities) == (&other.kind, other.start, other.end, &other.entities)
        };
        let mut both = with.labels.labels.iter().filter(kept).zip(&without.labels.labels);
        assert!(both.all(|(one, other)| same(one, other)));
        let mut more = with.events.iter();
        assert!(without.events.iter().all(|event| more.any(|one| one == event)), "an event was changed or moved");
        for label in with.labels.labels.iter().filter(|label| !kept(label)) {
            let events = with.events.iter().filter(|event| event.attack == Some(label.kind.as_str())).count();
            assert_eq!(events, label.events, "{}", label.kind);
        }
    }
}
