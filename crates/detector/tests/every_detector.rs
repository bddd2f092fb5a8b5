//! Every detector finds what it is for, and leaves alone what looks like it: one row for each entry of `DETECTORS`.
//!
//! A row is two stories in the same small company, told hour by hour: three weeks of everyday life, then the attack, or
//! its benign look-alike. What a statement or an address gives away is told in lines of logs, through ingest; what only
//! numbers give away is told in tallies. Of the attack the detector must say its subject; of the look-alike *no* detector
//! may page, and this one, if it only ever writes to the digest, must be silent.

// Helpers outside of #[test] functions; the exemption for tests does not reach them.
#![allow(clippy::unwrap_used)]

use crate::world::World;
use activity::{Bucket, DataClass, DrillId, EntityKind, Level, Mark, Mode, Record, Signal, Span};
use detector::{Alert, DETECTORS, Settings};
use ingest::{Geo, Ingester, Plan, Raw, Resume, Written};
use std::{
    collections::BTreeSet,
    sync::{Arc, LazyLock},
};
use tally::Metric;

/// What happens in an hour, counted from the event: Monday, 2026-03-23, 08:00. Before it the numbers are negative.
type Story = fn(&mut World, i64);

struct Row {
    detector: &'static str,
    /// Kind and id of whom the alert is about.
    subject: (EntityKind, &'static str),
    /// Whether it pages, or is for the digest by design.
    page: bool,
    /// Hours after the event in which all is over.
    hours: i64,
    attack: Story,
    /// Harmless, and not to be told from it at a glance.
    look_alike: Story,
}

impl Row {
    const fn new(detector: &'static str, kind: EntityKind, id: &'static str, attack: Story, look_alike: Story) -> Row {
        Row { detector, subject: (kind, id), page: true, hours: 2 * DAY, attack, look_alike }
    }

    const fn for_the_digest(self) -> Row {
        Row { page: false, ..self }
    }

    const fn over(self, hours: i64) -> Row {
        Row { hours, ..self }
    }
}

const DAY: i64 = 24;

const ROWS: &[Row] = &[
    Row::new("volume", PortalUser, "e3", volume::export, volume::busy_hour),
    Row::new("first_seen", PortalUser, "e3", first_seen::from_abroad, first_seen::where_a_colleague_works),
    Row::new("new_records", PortalUser, "e3", new_records::walk, new_records::busy_with_the_known),
    Row::new("enumeration", PortalUser, "e3", enumeration::walk, enumeration::in_no_order),
    Row::new("page_depth", PortalUser, "e3", page_depth::every_page, page_depth::the_last_page_and_the_same_page),
    Row::new("drift", PortalUser, "e3", drift::a_few_strangers_daily, drift::more_work_with_the_known).over(9 * DAY),
    Row::new("bank_details", PortalUser, "e3", bank_details::of_many, bank_details::own_and_a_clerks_work),
    Row::new("off_hours", PortalUser, "e3", off_hours::two_nights, off_hours::one_night_on_call),
    Row::new("leaver", PortalUser, "gone", leaver::after_the_last_day, leaver::on_the_last_day),
    Row::new("former_role", PortalUser, "moved", former_role::still_pay, former_role::own_role).for_the_digest(),
    Row::new("crowd", Fleet, "all", crowd::many, crowd::few),
    Row::new("login_failures", Address, "185.1.1.1", login_failures::from_one_address, login_failures::in_the_office),
    Row::new("login_spray", Fleet, "all", login_spray::by_strangers, login_spray::passwords_expire),
    Row::new("shared_session", PortalUser, "e3", shared_session::stolen, shared_session::phone_at_lunch),
    Row::new("impossible_travel", PortalUser, "e3", travel::within_the_hour, travel::by_plane),
    Row::new("into_outfile", DbAccount, APP, lines::into_outfile, lines::outfile_in_a_literal),
    Row::new("dump_shape", DbAccount, "backup@10.20.9.5", dump_shape::by_day, dump_shape::every_night),
    Row::new("grant", DbAccount, APP, lines::grant, lines::show_grants),
    Row::new("audit_off", DbAccount, APP, lines::audit_off, lines::audit_looked_at),
    Row::new("canary_record", PortalUser, "e3", lines::canary, lines::beside_the_canary),
    Row::new("forged_drill_mark", Source, "audit", lines::forged_mark, lines::true_mark),
    Row::new("forged_entry", DbAccount, APP, lines::forged_entry, lines::several_lines),
    Row::new("handler_read", DbAccount, APP, lines::handler, lines::handler_elsewhere),
    Row::new("misplaced_tag", DbAccount, APP, lines::tag_in_the_middle, lines::tag_in_its_place).for_the_digest(),
    Row::new("sql_injection", PortalUser, "e3", lines::injection, lines::irish_name),
    Row::new("template_injection", PortalUser, "e3", lines::template, lines::braces),
    Row::new("script_in_files", Address, STRANGER, lines::script_of_uploads, lines::upload).for_the_digest(),
    Row::new("personal_data_in_url", Route, "/portal/search", lines::mail_in_address, lines::name_in_address)
        .for_the_digest(),
    Row::new("unexplained_reads", AppHost, HOST, unexplained::nobody_asked, unexplained::a_batch_among_others),
    Row::new("chain", AppHost, HOST, chain::script_then_reads, chain::script_and_everyday_reads),
    Row::new("silence", Source, "audit", silence::of_one, silence::of_all),
];

use EntityKind::{Address, AppHost, DbAccount, Fleet, PortalUser, Route, Source};

const HOST: &str = "10.0.1.12";
const APP: &str = "portal_app@10.0.1.12";
const STRANGER: &str = "203.0.113.7";
const HOME: (&str, &str) = ("DE/home", "92.20.1.1");
const TABLE: &str = "hr.employees";
const USERS: u64 = 40;

#[test]
fn every_detector_has_its_row() {
    let rows: BTreeSet<&str> = ROWS.iter().map(|row| row.detector).collect();
    let detectors: BTreeSet<&str> = DETECTORS.iter().map(|spec| spec.name).collect();
    assert_eq!(rows, detectors, "a detector without a scenario, or a scenario without its detector");
    assert_eq!(rows.len(), ROWS.len());
}

#[test]
fn every_detector_finds_its_attack() {
    let missed: Vec<String> = ROWS.iter().filter_map(|row| missed(row).err()).collect();
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

fn missed(row: &Row) -> Result<(), String> {
    let alerts = told(row.attack, row.hours).alerts;
    let is_it = |alert: &Alert| {
        (&*alert.detector, alert.page) == (row.detector, row.page)
            && (alert.subject.kind, &*alert.subject.id) == row.subject
    };
    if alerts.iter().any(is_it) { Ok(()) } else { Err(format!("{} missed, of {:#?}", row.detector, shown(&alerts))) }
}

#[test]
fn every_detector_leaves_its_look_alike_alone() {
    let wrong: Vec<String> = ROWS.iter().filter_map(|row| wrong(row).err()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn wrong(row: &Row) -> Result<(), String> {
    let mut alerts = told(row.look_alike, row.hours).alerts;
    alerts.retain(|alert| alert.page || (!row.page && alert.detector == row.detector));
    if alerts.is_empty() { Ok(()) } else { Err(format!("what looks like {}: {:#?}", row.detector, shown(&alerts))) }
}

fn shown(alerts: &[Alert]) -> Vec<String> {
    alerts.iter().map(|alert| format!("{} (page: {}): {}", alert.detector, alert.page, alert.why)).collect()
}

/// Three weeks of everyday life and the story; only what was raised since the event.
fn told(story: Story, hours: i64) -> World {
    let mut world = World::with_directory(settings(), &directory());
    let before = 21 * DAY + 8;
    let event = Bucket((world.hour + before) * 60).start();
    for hour in -before..hours {
        everyday(&mut world, hour);
        story(&mut world, hour);
        world.next_hour();
    }
    // What the last hours said is decided two hours later.
    (0..3).for_each(|_| world.next_hour());
    world.alerts.retain(|alert| alert.raised_at >= event);
    world
}

fn settings() -> Settings {
    let mut settings = Settings::default();
    settings.maxima.portal_user = 50;
    settings
}

/// Forty people who look after own data, two clerks, somebody who has left and somebody who leaves today, and somebody who was a
/// clerk until two months ago.
fn directory() -> String {
    let mut text = String::from("user,role,department,employee_id,from,to,zone\n");
    (0..USERS).for_each(|n| text.push_str(&format!("e{n},ess,d,1,,,UTC\n")));
    text + "p1,payroll,d,2,,,UTC\np2,payroll,d,3,,,UTC\ngone,ess,d,4,,2026-03-20,UTC\ngoing,ess,d,5,,2026-03-23,UTC\n\
     moved,payroll,d,6,,2026-01-31,UTC\nmoved,ess,d,6,2026-02-01,,UTC\n"
}

/// Everybody works with the same twelve people and logs in every morning; the application says for whom it reads; clerks
/// change account numbers.
fn everyday(world: &mut World, hour: i64) {
    if !world.office() {
        return;
    }
    let (place, address) = HOME;
    for n in 0..USERS {
        let user = format!("e{n}");
        touch(world, &user, (0..4).map(|k| n * 100 + (hour.unsigned_abs() * 5 + k * 3 + n) % 12), (n as i64 * 5) % 60);
        // One more in some three weeks.
        if (hour.unsigned_abs() * 7 + n * 13).is_multiple_of(190) {
            touch(world, &user, [n * 100 + 20 + hour.unsigned_abs() % 70], 30);
        }
        session(world, &format!("{user}|fedcba9876543210"), (place, address, "Firefox"), 7);
        if world.hour_of_day() == 8 {
            login(world, &user, &format!("92.20.{n}.1"), true, 2);
        }
    }
    host(world, 40, 0, 9);
    let account = world.tally(DbAccount, APP, 9);
    account.add(Metric::Statements, 40);
    account.classes.insert(DataClass::Hr);
    account.tables.insert(TABLE);
    if world.hour_of_day() == 9 {
        (1..=2).for_each(|n| change(world, &format!("p{n}"), 6 + (hour.unsigned_abs() / 24 + n) % 5));
        (0..USERS).filter(|n| (hour.unsigned_abs() / 24 + n).is_multiple_of(17)).for_each(|n| {
            change(world, &format!("e{n}"), 1);
        });
    }
}

/// Reads records by their numbers, beside as many rows.
fn touch(world: &mut World, user: &str, numbers: impl IntoIterator<Item = u64>, minute: i64) {
    let records: Vec<Record> = numbers.into_iter().map(|number| Record::new("employee", &number.to_string())).collect();
    world.read(user, TABLE, records.len() as u64, records.len() as u64, HOME, minute);
    let tally = world.tally(PortalUser, user, minute);
    records.iter().for_each(|record| tally.records.insert(*record));
}

/// Requests for classified data that name no record.
fn requests(world: &mut World, user: &str, n: u64) {
    world.read(user, TABLE, n, n, HOME, 20);
}

fn login(world: &mut World, account: &str, address: &str, ok: bool, minute: i64) {
    let tally = world.tally(Fleet, "all", minute);
    if ok {
        tally.add(Metric::LoginsOk, 1);
        tally.records.insert(Record::new("address", address));
    } else {
        tally.add(Metric::LoginsFailed, 1);
        tally.accounts.insert(&format!("{address} {account}"));
    }
}

fn session(world: &mut World, id: &str, (place, address, agent): (&str, &str, &str), minute: i64) {
    let tally = world.tally(EntityKind::Session, id, minute);
    tally.add(Metric::Requests, 1);
    tally.addresses.insert(address);
    tally.places.insert(place);
    tally.agents.insert(agent);
}

/// So many statements of the application, of which so many name nobody.
fn host(world: &mut World, statements: u64, unnamed: u64, minute: i64) {
    let tally = world.tally(AppHost, HOST, minute);
    tally.add(Metric::Statements, statements);
    tally.add(Metric::UnnamedStatements, unnamed);
    tally.classes.insert(DataClass::Hr);
    tally.tables.insert(TABLE);
}

/// Changes so many account numbers.
fn change(world: &mut World, user: &str, rows: u64) {
    let tally = world.tally(EntityKind::UserTable, &format!("{user}|hr.bank_accounts"), 15);
    tally.add(Metric::RowsAffected, rows);
    tally.add(Metric::BankRowsAffected, rows);
    tally.add(Metric::TableTouches, rows);
    tally.classes.insert(DataClass::Hr);
    tally.signals.insert(Signal::BankDetails);
}

mod volume {
    use super::*;

    pub(super) fn export(world: &mut World, hour: i64) {
        if hour == 2 {
            world.read("e3", TABLE, 40_000, 30, HOME, 10);
        }
    }

    pub(super) fn busy_hour(world: &mut World, hour: i64) {
        if hour == 2 {
            world.read("e3", TABLE, 16, 16, HOME, 10);
        }
    }
}

mod first_seen {
    use super::*;

    pub(super) fn from_abroad(world: &mut World, hour: i64) {
        if hour == 2 {
            world.read("e3", TABLE, 9, 9, ("NG/hosting", "41.1.1.1"), 10);
        }
    }

    pub(super) fn where_a_colleague_works(world: &mut World, hour: i64) {
        if world.office() {
            world.read("e4", TABLE, 3, 1, ("FR/home", "81.1.1.1"), 10);
        }
        // In the evening: within hours of another place it would be a journey.
        if hour == 14 {
            world.read("e3", TABLE, 9, 9, ("FR/home", "81.1.9.9"), 10);
        }
    }
}

mod new_records {
    use super::*;

    pub(super) fn walk(world: &mut World, hour: i64) {
        if (2..8).contains(&hour) {
            touch(world, "e3", (0..5).map(|k| 7_000 + hour as u64 * 5 + k), 40);
        }
    }

    pub(super) fn busy_with_the_known(world: &mut World, hour: i64) {
        if (2..8).contains(&hour) {
            touch(world, "e3", (0..12).map(|k| 300 + k), 40);
        }
    }
}

mod enumeration {
    use super::*;

    /// Sixteen colleagues in the order of their numbers, slowly.
    pub(super) fn walk(world: &mut World, hour: i64) {
        if (2..4).contains(&hour) {
            touch(world, "e3", (0..8).map(|k| 7_000 + hour as u64 * 8 + k), 40);
        }
    }

    /// As many new ones as somebody's work brings with it.
    pub(super) fn in_no_order(world: &mut World, hour: i64) {
        if hour == 2 {
            touch(world, "e3", [7_003, 7_041, 7_112, 7_290], 40);
        }
    }
}

mod page_depth {
    use super::*;

    fn turn(world: &mut World, user: &str, deep: u64, deepest: u64) {
        let tally = world.tally(PortalUser, user, 33);
        // The web server and the database both tell of a page.
        tally.add(Metric::DeepRequests, deep);
        tally.add(Metric::DeepStatements, deep);
        tally.add(Metric::DeepestPage, deepest);
    }

    /// People look at the first pages, and a clerk's program goes through all of them each night.
    fn searches(world: &mut World) {
        if world.office() && world.hour_of_day() == 10 {
            (0..USERS).for_each(|n| turn(world, &format!("e{n}"), 0, 1 + n % 4));
        }
        if world.hour_of_day() == 2 {
            turn(world, "p1", 55, 60);
        }
    }

    /// Thirty-nine pages behind the fifth, in two hours.
    pub(super) fn every_page(world: &mut World, hour: i64) {
        searches(world);
        if hour == 2 || hour == 3 {
            turn(world, "e3", 19 + hour as u64 % 2, 25 + 19 * (hour as u64 % 2));
        }
    }

    pub(super) fn the_last_page_and_the_same_page(world: &mut World, hour: i64) {
        searches(world);
        if hour == 2 {
            turn(world, "e3", 1, 4_300);
            turn(world, "e4", 60, 8);
        }
        // It did not end, and began anew.
        if hour == 19 {
            turn(world, "p1", 70, 75);
        }
    }
}

mod drift {
    use super::*;

    pub(super) fn a_few_strangers_daily(world: &mut World, hour: i64) {
        if hour >= 0 && world.hour_of_day() == 10 && world.office() {
            touch(world, "e3", (0..5).map(|k| 9_000 + hour as u64 * 5 + k), 40);
        }
    }

    pub(super) fn more_work_with_the_known(world: &mut World, hour: i64) {
        if hour >= 0 && world.office() {
            requests(world, "e3", 12);
        }
    }
}

mod bank_details {
    use super::*;

    pub(super) fn of_many(world: &mut World, hour: i64) {
        if hour == 3 {
            change(world, "e3", 23);
        }
    }

    pub(super) fn own_and_a_clerks_work(world: &mut World, hour: i64) {
        if hour == 3 {
            change(world, "e3", 1);
            change(world, "p1", 8);
        }
    }
}

mod off_hours {
    use super::*;

    pub(super) fn two_nights(world: &mut World, hour: i64) {
        if hour == 18 || hour == 42 {
            requests(world, "e3", 28);
        }
    }

    pub(super) fn one_night_on_call(world: &mut World, hour: i64) {
        if hour == 18 {
            requests(world, "e3", 28);
        }
    }
}

mod leaver {
    use super::*;

    pub(super) fn after_the_last_day(world: &mut World, hour: i64) {
        if hour == 2 {
            requests(world, "gone", 3);
        }
    }

    pub(super) fn on_the_last_day(world: &mut World, hour: i64) {
        if hour == 2 {
            requests(world, "going", 3);
        }
    }
}

mod former_role {
    use super::*;

    /// What clerks read all day.
    const PAY: &str = "hr.payroll";

    fn clerks_work(world: &mut World) {
        if world.office() {
            (1..=2).for_each(|n| world.read(&format!("p{n}"), PAY, 20, 20, HOME, 11));
        }
    }

    /// Once a week all the time, and today.
    pub(super) fn still_pay(world: &mut World, hour: i64) {
        clerks_work(world);
        if hour.rem_euclid(7 * DAY) == 2 {
            world.read("moved", PAY, 6, 6, HOME, 20);
        }
    }

    pub(super) fn own_role(world: &mut World, hour: i64) {
        clerks_work(world);
        if hour.rem_euclid(7 * DAY) == 2 {
            world.read("moved", TABLE, 6, 6, HOME, 20);
        }
    }
}

mod crowd {
    use super::*;

    pub(super) fn many(world: &mut World, hour: i64) {
        take(world, hour, 30);
    }

    pub(super) fn few(world: &mut World, hour: i64) {
        take(world, hour, 3);
    }

    /// Four records new to them each, within four hours.
    fn take(world: &mut World, hour: i64, people: u64) {
        for n in (0..people).filter(|n| hour == 2 + *n as i64 % 4) {
            touch(world, &format!("e{n}"), (0..4).map(|k| 8_000 + n * 4 + k), 50);
        }
    }
}

mod login_failures {
    use super::*;

    pub(super) fn from_one_address(world: &mut World, hour: i64) {
        if hour == 2 {
            fail(world, "185.1.1.1");
        }
    }

    /// Where everybody logs in every hour.
    pub(super) fn in_the_office(world: &mut World, hour: i64) {
        if world.office() {
            let at = Bucket(world.hour * 60 + 2).start();
            let tally = world.tally(Address, "92.20.1.1", 2);
            for n in 0..USERS {
                tally.accounts.insert(&format!("e{n}"));
                tally.add(Metric::LoginsOk, 1);
                tally.logins.insert(at, &format!("e{n}"), true);
            }
        }
        if hour == 2 {
            fail(world, "92.20.1.1");
        }
    }

    fn fail(world: &mut World, address: &str) {
        let tally = world.tally(Address, address, 1);
        for n in 0..8 {
            tally.add(Metric::LoginsFailed, 1);
            tally.accounts.insert(&format!("e{n}"));
        }
    }
}

mod login_spray {
    use super::*;

    pub(super) fn by_strangers(world: &mut World, hour: i64) {
        if (2..8).contains(&hour) {
            for n in 0..6 {
                login(world, &format!("e{}", hour * 6 + n - 12), &format!("185.220.{hour}.{}", n % 3), false, 20);
            }
        }
    }

    /// Everybody's on one day, where they always are.
    pub(super) fn passwords_expire(world: &mut World, hour: i64) {
        if hour == 1 {
            (0..USERS).for_each(|n| login(world, &format!("e{n}"), &format!("92.20.{n}.1"), false, 20));
        }
    }
}

mod shared_session {
    use super::*;

    const OFFICE: (&str, &str, &str) = ("/office", "203.0.113.9", "Firefox");
    const PHONE: (&str, &str, &str) = ("GB/mobile", "100.70.1.1", "Firefox");
    const THIEF: (&str, &str, &str) = ("RU/hosting", "45.155.82.72", "Chrome");

    pub(super) fn stolen(world: &mut World, hour: i64) {
        if hour == 3 {
            (0..50).for_each(|minute| request(world, if minute % 7 == 3 { THIEF } else { OFFICE }, minute));
        }
    }

    pub(super) fn phone_at_lunch(world: &mut World, hour: i64) {
        if hour == 3 {
            let at_lunch = |minute| (20..40).contains(&minute);
            (0..60).for_each(|minute| request(world, if at_lunch(minute) { PHONE } else { OFFICE }, minute));
        }
    }

    fn request(world: &mut World, from: (&str, &str, &str), minute: i64) {
        session(world, "e3|0123456789abcdef", from, minute);
    }
}

mod travel {
    use super::*;

    /// Work ends at 17:00, nine hours after the event.
    pub(super) fn within_the_hour(world: &mut World, hour: i64) {
        abroad(world, hour == 9);
    }

    pub(super) fn by_plane(world: &mut World, hour: i64) {
        abroad(world, hour == 14);
    }

    fn abroad(world: &mut World, now: bool) {
        if now {
            world.read("e3", TABLE, 2, 2, ("VN/home", "113.20.1.1"), 30);
        }
    }
}

mod dump_shape {
    use super::*;

    const TABLE_BY_TABLE: &str = "SELECT /*!40001 SQL_NO_CACHE */ * FROM `settings`";

    pub(super) fn every_night(world: &mut World, _: i64) {
        if world.hour_of_day() == 2 {
            lines::statement(world, "backup@10.20.9.5", TABLE_BY_TABLE);
        }
    }

    pub(super) fn by_day(world: &mut World, hour: i64) {
        every_night(world, hour);
        if hour == 6 {
            lines::statement(world, "backup@10.20.9.5", TABLE_BY_TABLE);
        }
    }
}

mod unexplained {
    use super::*;

    pub(super) fn nobody_asked(world: &mut World, hour: i64) {
        if hour == 3 {
            host(world, 0, 3, 20);
        }
    }

    /// A batch that names nobody runs at ten every day.
    pub(super) fn a_batch_among_others(world: &mut World, _: i64) {
        if world.office() && world.hour_of_day() == 10 {
            host(world, 0, 3, 20);
        }
    }
}

mod chain {
    use super::*;

    pub(super) fn script_then_reads(world: &mut World, hour: i64) {
        script(world, hour);
        if hour == 4 {
            host(world, 0, 3, 20);
        }
    }

    /// People's own reads go on.
    pub(super) fn script_and_everyday_reads(world: &mut World, hour: i64) {
        script(world, hour);
    }

    /// A rule for the digest says that a script runs which lies among uploads.
    fn script(world: &mut World, hour: i64) {
        if hour == 3 {
            let mark = Mark {
                page: false,
                level: Level::High,
                rule: "script_runs".into(),
                title: "a script among uploads runs".into(),
                techniques: Arc::new(["T1505.003".into()]),
            };
            let tally = world.tally(Address, STRANGER, 10);
            tally.add(Metric::Requests, 1);
            tally.marks.insert(&Arc::new(mark), 1);
        }
    }
}

mod silence {
    use super::*;

    /// The audit log is switched off for three quarters of an hour while requests go on.
    pub(super) fn of_one(world: &mut World, hour: i64) {
        speak(world, &[("access", false), ("audit", hour == 2), ("slow", hour == 2)]);
    }

    /// The shipper of all of them restarts.
    pub(super) fn of_all(world: &mut World, hour: i64) {
        speak(world, &[("access", hour == 2), ("audit", hour == 2), ("slow", hour == 2)]);
    }

    fn speak(world: &mut World, sources: &[(&str, bool)]) {
        for (at, (source, is_silent)) in sources.iter().enumerate() {
            // The slow log has an entry every other minute.
            for minute in (0..60).step_by(1 + at / 2).filter(|minute| !(*is_silent && (10..55).contains(minute))) {
                world.tally(Source, source, minute).add(Metric::Requests, 1);
            }
        }
    }
}

/// What logs say, read by ingest.
mod lines {
    use super::*;

    static PLANS: LazyLock<Vec<Arc<Plan>>> = LazyLock::new(|| {
        let mut settings: ingest::Settings = toml::from_str(
            r#"
            [attribution]
            sql_tags = [{ key = "uid", position = "end" }]
            [classification.tables]
            "hr.employees" = "hr"
            [classification.canaries]
            employee = ["99999"]
            "#,
        )
        .unwrap();
        let source = |(name, format): (&str, &str)| ingest::settings::Source {
            zone: Some("UTC".into()),
            ..ingest::settings::Source::new(name, format)
        };
        let sources = [("access", "nginx_json"), ("audit", "mariadb_server_audit"), ("slow", "mariadb_slow_log")];
        settings.sources = sources.into_iter().map(source).collect();
        settings.plans(&Arc::new(Geo::parse("network,country,kind\n").unwrap()), Span::from_minutes(2)).unwrap()
    });

    /// How a record came.
    const LIVE: (Mode, bool) = (Mode::Live, false);

    fn read(world: &mut World, source: usize, text: &str, (mode, forged_mark): (Mode, bool)) {
        let mut ingester = Ingester::new(PLANS[source].clone(), 0, Resume::fresh());
        let mut dead = Vec::new();
        for (offset, line) in (0..).zip(text.lines()) {
            let written = Written::Unknown;
            let raw = Raw { bytes: line.as_bytes(), offset, mode, forged_mark, written, resubmitted: None };
            ingester.take(raw, &mut world.tallier, &mut dead);
        }
        ingester.expire(&mut world.tallier, &mut dead);
        assert!(dead.is_empty(), "{text}: {dead:?}");
    }

    fn now(world: &World) -> activity::Timestamp {
        Bucket(world.hour * 60 + 7).start()
    }

    fn audited(world: &mut World, account: &str, sql: &str, how: (Mode, bool)) {
        let (user, host) = account.split_once('@').unwrap();
        let (year, month, day, hour, minute, ..) = now(world).to_civil();
        let sql = sql.replace('\'', "\\'");
        let line = format!(
            "{year:04}{month:02}{day:02} {hour:02}:{minute:02}:01,db1,{user},{host},14440,1001,QUERY,hr,'{sql}',0\n"
        );
        read(world, 1, &line, how);
    }

    /// In the audit log.
    pub(super) fn statement(world: &mut World, account: &str, sql: &str) {
        audited(world, account, sql, LIVE);
    }

    /// In the slow log, which writes line breaks as they are.
    fn slow(world: &mut World, sql: &str) {
        let at = now(world).as_secs();
        let text = format!(
            "# User@Host: portal_app[portal_app] @  [10.0.1.12]\n# Thread_id: 14440  Schema: hr  QC_hit: No\n# Query_time: \
             0.0006  Lock_time: 0.00  Rows_sent: 1  Rows_examined: 1\n# Rows_affected: 0  Bytes_sent: 80\nSET \
             timestamp={at};\n{sql};\n"
        );
        read(world, 2, &text, LIVE);
    }

    /// A request answered with 200; an empty `user` is nobody's.
    fn request(world: &mut World, address: &str, user: &str, target: &str) {
        let at = now(world);
        let (path, args) = target.split_once('?').unwrap_or((target, ""));
        let text = format!(
            r#"{{"time_iso8601":"{at}","msec":{}.001,"remote_addr":"{address}","portal_user":"{user}","session":"-","method":"GET","uri":"{path}","request_uri":"{target}","args":"{args}","status":200,"bytes_sent":900,"request_time":0.01,"user_agent":"Firefox"}}"#,
            at.as_secs()
        );
        read(world, 0, &text, LIVE);
    }

    /// The stories: once, two hours after the event.
    macro_rules! at_ten {
        ($($name:ident => $does:expr;)*) => {
            $(pub(super) fn $name(world: &mut World, hour: i64) {
                let does: fn(&mut World) = $does;
                if hour == 2 {
                    does(world);
                }
            })*
        };
    }

    at_ten! {
        into_outfile => |world| statement(world, APP, "SELECT * FROM settings INTO OUTFILE '/tmp/x.csv'");
        outfile_in_a_literal => |world| statement(world, APP, "INSERT INTO notes VALUES ('SELECT 1 INTO OUTFILE /tmp/x.csv')");
        grant => |world| statement(world, APP, "GRANT SELECT ON hr.* TO 'x'@'%'");
        show_grants => |world| statement(world, APP, "SHOW GRANTS FOR CURRENT_USER");
        audit_off => |world| statement(world, APP, "SET GLOBAL server_audit_logging=OFF");
        audit_looked_at => |world| statement(world, APP, "SHOW VARIABLES LIKE 'server_audit%'");
        canary => |world| statement(world, APP, "SELECT * FROM employees WHERE employee_id = 99999 /*uid=e3*/");
        beside_the_canary => |world| statement(world, APP, "SELECT * FROM employees WHERE employee_id = 99998 /*uid=e3*/");
        forged_mark => |world| audited(world, APP, "SELECT 1", (Mode::Live, true));
        true_mark => |world| audited(world, APP, "SELECT 1", (Mode::Drill(DrillId(7)), false));
        forged_entry => |world| slow(world, "INSERT INTO notes VALUES ('x\n# User@Host: root[root] @ localhost []\n')");
        several_lines => |world| slow(world, "INSERT INTO notes VALUES ('x\n# User and host\n')");
        handler => |world| statement(world, APP, "HANDLER employees READ FIRST");
        handler_elsewhere => |world| statement(world, "dba@10.20.8.21", "HANDLER cron_schedule READ FIRST");
        tag_in_the_middle => |world| statement(world, APP, "SELECT 1 /*uid=e5*/ FROM settings");
        tag_in_its_place => |world| statement(world, APP, "SELECT 1 FROM settings /*uid=e5*/");
        injection => |world| request(world, HOME.1, "e3", "/portal/list?id=1%27%20UNION%20SELECT%20NULL,a,b%20FROM%20c--%20-");
        irish_name => |world| request(world, HOME.1, "e3", "/portal/list?q=o%27brien+union+select+committee");
        template => |world| request(world, HOME.1, "e3", "/portal/list?q=%7B%7Bblock%20class=a%7D%7D");
        braces => |world| request(world, HOME.1, "e3", "/portal/list?q=%7B%7B+sale+%7D%7D");
        script_of_uploads => |world| request(world, STRANGER, "", "/media/custom_options/quote/x.php");
        upload => |world| request(world, STRANGER, "", "/media/custom_options/quote/photo.jpg");
        mail_in_address => |world| request(world, STRANGER, "", "/portal/search?email=anna.schmidt%40example.com");
        name_in_address => |world| request(world, STRANGER, "", "/portal/search?q=anna+at+example");
    }
}
