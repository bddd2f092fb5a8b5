//! Each detector's rule, its edge, and what it must refuse to alert to.

use crate::world::World;
use activity::{DataClass, DrillId, EntityKind, Level, Mark, Mode, Signal, Timestamp};
use detector::{Alert, AlertKey, Settings, Severity};
use std::sync::Arc;
use tally::{Metric, Tally};

const HOME: (&str, &str) = ("DE/home", "92.20.1.1");
const TABLE: &str = "hr.employees";

/// For so many people as there are.
fn settings() -> Settings {
    let mut settings = Settings::default();
    settings.maxima.portal_user = 50;
    settings
}

fn users() -> Vec<String> {
    (0..10).map(|n| format!("e{n}")).collect()
}

/// Three weeks of office work, all alike, up to Monday 08:00.
fn routine(every_hour: impl Fn(&mut World)) -> World {
    routine_in(World::new(settings(), &users()), every_hour)
}

fn routine_in(mut world: World, every_hour: impl Fn(&mut World)) -> World {
    for hour in 0..21 * 24 + 8 {
        every_hour(&mut world);
        if world.office() {
            for (n, user) in users().iter().enumerate() {
                let rows = 5 + (hour as u64 * 7 + n as u64 * 3) % 20;
                world.read(user, TABLE, rows, 4, HOME, (n as i64 * 5) % 60);
            }
        }
        world.next_hour();
    }
    world
}

#[test]
fn a_key_changes_the_ids_of_alerts_and_nothing_else() {
    let alerts = |key: Option<AlertKey>| {
        let mut world = World::new(settings(), &users());
        world.key(key);
        let mut world = routine_in(world, |_| ());
        let from = world.hour;
        world.read("e1", TABLE, 5_000, 40, HOME, 10);
        let mut alerts = outcome(world, from);
        // Those of one hour come in the order of their ids.
        alerts.sort_by(|one, other| one.why.cmp(&other.why));
        alerts
    };
    let (plain, keyed) = (alerts(None), alerts(Some(AlertKey::new([7; 32]))));
    assert!(!plain.is_empty() && plain.len() == keyed.len());
    for (one, other) in plain.iter().zip(&keyed) {
        assert_ne!(one.id, other.id);
        assert_eq!(Alert { id: other.id, ..one.clone() }, *other);
    }
}

/// Goes on until everything has been decided; what was raised since the event.
fn outcome(mut world: World, from: i64) -> Vec<Alert> {
    for _ in 0..30 {
        world.next_hour();
    }
    let from = activity::Bucket(from * 60).start();
    world.alerts.retain(|alert| alert.raised_at >= from && alert.detector != "silence");
    world.alerts
}

fn after(event: impl FnOnce(&mut World)) -> Vec<Alert> {
    after_with(|_| (), event)
}

fn after_with(every_hour: impl Fn(&mut World), event: impl FnOnce(&mut World)) -> Vec<Alert> {
    let mut world = routine(every_hour);
    assert!(world.alerts.iter().all(|alert| !alert.page), "routine pages: {:?}", world.alerts);
    let from = world.hour;
    event(&mut world);
    outcome(world, from)
}

fn pages<'a>(alerts: &'a [Alert], detector: &str) -> Vec<&'a Alert> {
    alerts.iter().filter(|alert| alert.page && alert.detector == detector).collect()
}

#[test]
fn volume_pages_for_far_more_than_ever_and_says_why() {
    let alerts = after(|world| world.read("e3", TABLE, 40_000, 30, HOME, 10));
    let found = pages(&alerts, "volume");
    let of_user = found
        .iter()
        .find(|alert| alert.entity.kind == EntityKind::PortalUser && !alert.why.contains("in 1 day"))
        .expect("the user");
    assert!(
        of_user.why.starts_with("e3 read 40,000 rows in ") && of_user.why.contains("for ess on Monday 08:00"),
        "{}",
        of_user.why
    );
    assert_eq!((of_user.severity, &*of_user.unit, of_user.affected_records), (Severity::High, "rows", 40_000));
    assert!(of_user.p_value.is_some_and(|p| p > 0.0 && p < 1e-6) && of_user.expected < 30.0, "{of_user:?}");
    let of_pair = alerts.iter().find(|alert| alert.entity.kind == EntityKind::UserTable).expect("the pair");
    assert_eq!((of_pair.subject.kind, &*of_pair.subject.id, of_pair.page), (EntityKind::PortalUser, "e3", false));
}

#[test]
fn every_alert_carries_its_figures() {
    let alerts = after(|world| {
        world.read("e3", TABLE, 40_000, 30, HOME, 10);
        signal(world, EntityKind::DbAccount, "root@10.0.9.9\u{1b}[31m", Signal::Grant);
    });
    for alert in &alerts {
        let names: Vec<&str> = alert.facts.iter().map(|fact| fact.name.as_str()).collect();
        assert!(names.first() == Some(&"seen") && names.last() == Some(&"normal"), "{alert:?}");
        assert!(names.len() <= detector::limits::FACTS_MAX, "{names:?}");
        assert_eq!(names.contains(&"probability"), alert.p_value.is_some(), "{names:?}");
        let plain = |text: &str| !text.chars().any(char::is_control);
        assert!(alert.facts.iter().all(|fact| plain(&fact.words) && fact.words.chars().count() <= 300), "{alert:?}");
    }
    let volume = pages(&alerts, "volume");
    let hour = volume
        .iter()
        .find(|alert| alert.entity.kind == EntityKind::PortalUser && alert.why.contains("in 1 h"))
        .or_else(|| volume.iter().find(|alert| alert.entity.kind == EntityKind::PortalUser))
        .expect("the user");
    let fact = |name: &str| hour.facts.iter().find(|fact| fact.name == name).expect(name);
    assert_eq!((fact("seen").value, &*fact("seen").unit), (Some(40_000.0), "rows"));
    assert_eq!(fact("usual").value, Some(hour.expected));
    assert_eq!(fact("probability").value, hour.p_value);
    let words = &fact("probability").words;
    assert!(
        words.contains(
            "pages up to 8.2e-6 = 2 false pages a week × 0.16 for volume × 0.50 for portal_user, over 19,400 tests"
        ),
        "{words}"
    );
    assert!(fact("peers").words.starts_with("peers of the role ess: "), "{}", fact("peers").words);
    assert!(fact("contributing").words.contains("30 statements"), "{:?}", hour.facts);
    assert!(fact("normal").words.contains("verdict `expected`"));
    let grant = pages(&alerts, "grant")[0];
    assert!(grant.facts.iter().any(|fact| fact.name == "rule" && fact.value == Some(0.16)), "{:?}", grant.facts);
}

#[test]
fn volume_does_not_page_for_twice_the_most_so_far() {
    let alerts = after(|world| world.read("e3", TABLE, 50, 8, HOME, 10));
    assert_eq!(pages(&alerts, "volume"), Vec::<&Alert>::new());
}

#[test]
fn volume_judges_a_newcomer_by_the_peers() {
    let alerts = after(|world| world.read("e99", TABLE, 60_000, 30, HOME, 10));
    assert!(!pages(&alerts, "volume").is_empty(), "{alerts:?}");
    let alerts = after(|world| world.read("e99", TABLE, 24, 4, HOME, 10));
    assert_eq!(pages(&alerts, "volume"), Vec::<&Alert>::new());
}

#[test]
fn what_keeps_paging_is_learned_in_the_end() {
    let alerts = after(|world| {
        for _ in 0..24 * 5 {
            if world.office() {
                world.read("e3", TABLE, 40_000, 30, HOME, 10);
            }
            world.next_hour();
        }
    });
    let first = pages(&alerts, "volume").iter().map(|alert| alert.raised_at).min().expect("it pages at first");
    let last = pages(&alerts, "volume").iter().map(|alert| alert.raised_at).max().expect("it pages at first");
    assert!((last - first).as_secs() < 36 * 3600, "from {first} to {last}");
}

#[test]
fn a_drill_is_judged_by_the_real_peers_and_leaves_no_trace() {
    let drill = Mode::Drill(DrillId(7));
    let shadow = |world: &mut World| world.read_in(drill, ("e3", TABLE), (60_000, 30), HOME, 10);
    let alerts = after(shadow);
    let found = pages(&alerts, "volume");
    assert!(!found.is_empty() && alerts.iter().all(|alert| alert.mode == drill));
    // The same again, live, on the next day: nothing has been learned from the drill, by the user or by the peers.
    let live = |alerts: &[Alert]| -> Vec<String> {
        alerts
            .iter()
            .filter(|alert| alert.mode == Mode::Live)
            .map(|alert| format!("{} {} {:?}", alert.id, alert.expected, alert.p_value))
            .collect()
    };
    let event = |world: &mut World| {
        for _ in 0..24 {
            world.next_hour();
        }
        world.read("e3", TABLE, 40_000, 30, HOME, 10);
    };
    let with = after(|world| {
        shadow(world);
        event(world);
    });
    assert_eq!(live(&with), live(&after(event)));
}

#[test]
fn first_seen_pages_for_a_new_place_with_enough_classified_data() {
    let from =
        |requests: u64| after(|world| world.read("e3", TABLE, requests, requests, ("NG/hosting", "41.1.1.1"), 10));
    let alerts = from(5);
    let found = pages(&alerts, "first_seen");
    assert_eq!(found.len(), 1);
    assert!(found[0].why.contains("the place NG/hosting for the first time"), "{}", found[0].why);
    let words = |name: &str| &found[0].facts.iter().find(|fact| fact.name == name).expect(name).words;
    assert!(
        words("probability")
            .contains("pages up to 3.1e-4 = 2 false pages a week × 0.12 for first_seen × 0.5 for places")
    );
    assert!(words("rule").starts_with("and by a rule: at least 5 rows or requests"), "{}", words("rule"));
    assert_eq!(pages(&from(4), "first_seen"), Vec::<&Alert>::new());
}

#[test]
fn first_seen_refuses_who_travels_all_the_time_and_places_that_peers_know() {
    let travels = |world: &mut World| {
        if world.office() && world.hour_of_day() == 9 {
            let place = format!("C{}/hotel", world.hour / 24);
            world.read("e3", TABLE, 6, 2, (&place, "77.1.1.1"), 10);
        }
    };
    let alerts = after_with(travels, |world| world.read("e3", TABLE, 9, 9, ("NG/hotel", "41.1.1.1"), 10));
    assert_eq!(pages(&alerts, "first_seen"), Vec::<&Alert>::new());
    let known = |world: &mut World| {
        if world.office() {
            world.read("e4", TABLE, 3, 1, ("FR/home", "81.1.1.1"), 10);
        }
    };
    let alerts = after_with(known, |world| world.read("e3", TABLE, 9, 9, ("FR/home", "81.1.9.9"), 10));
    assert_eq!(pages(&alerts, "first_seen"), Vec::<&Alert>::new());
}

#[test]
fn where_a_newcomer_comes_from_is_still_news_of_the_others() {
    let everybody: Vec<String> = users().into_iter().chain(["e99".into()]).collect();
    let mut world = routine_in(World::new(settings(), &everybody), |_| ());
    let from = world.hour;
    let abroad = ("NG/hosting", "41.1.1.1");
    world.read("e99", TABLE, 2, 2, abroad, 10);
    (0..4).for_each(|_| world.next_hour());
    world.read("e3", TABLE, 9, 9, abroad, 10);
    let found = outcome(world, from);
    let who: Vec<&str> = pages(&found, "first_seen").iter().map(|alert| &*alert.entity.id).collect();
    assert_eq!(who, ["e3"]);
}

#[test]
fn ids_that_somebody_invents_fill_no_memory_and_hide_nothing() {
    let mut world = routine(|_| ());
    let from = world.hour;
    let max = detector::limits::entities_max(EntityKind::IntegrationKey) * detector::limits::OPEN_FACTOR_MAX;
    for n in 0..max {
        world.tally(EntityKind::IntegrationKey, &format!("{n:06}"), 1).add(Metric::Requests, 1);
    }
    // Entries come in the order of their ids.
    signal(&mut world, EntityKind::IntegrationKey, "zz", Signal::SqlInjection);
    world.tally(EntityKind::IntegrationKey, "zz", 7).classes.insert(DataClass::Hr);
    world.next_hour();
    let stats = world.stats();
    let of = EntityKind::IntegrationKey;
    assert_eq!((stats.entities.get(&of), stats.evicted.get(&of)), (Some(&max), Some(&1)));
    assert_eq!(pages(&outcome(world, from), "sql_injection").len(), 1);
}

#[test]
fn first_seen_pages_for_a_table_that_no_peer_reads() {
    let alerts = after(|world| world.read("e3", "hr.medical_records", 9, 9, HOME, 10));
    assert!(
        pages(&alerts, "first_seen").iter().any(|alert| alert.why.contains("the table hr.medical_records")),
        "{alerts:?}"
    );
}

fn statements(world: &mut World, account: &str, minute: i64) {
    let tally = world.tally(EntityKind::DbAccount, account, minute);
    tally.add(Metric::Statements, 10);
    tally.add(Metric::RowsSent, 20);
    tally.classes.insert(activity::DataClass::Hr);
    tally.tables.insert(TABLE);
}

#[test]
fn attempts_to_connect_neither_make_an_account_known_nor_newcomers_a_habit() {
    let steady = |world: &mut World| statements(world, "app@10.0.0.1", 5);
    let mut world = routine(steady);
    let from = world.hour;
    for account in ["app@10.0.9.9", "root@10.0.9.9", "a@10.0.9.9", "b@10.0.9.9", "c@10.0.9.9"] {
        world.tally(EntityKind::DbAccount, account, 3).add(Metric::LoginsFailed, 1);
    }
    (0..4).for_each(|_| world.next_hour());
    statements(&mut world, "app@10.0.9.9", 5);
    let found = outcome(world, from);
    assert_eq!(pages(&found, "first_seen").len(), 1, "{found:?}");
}

#[test]
fn an_account_never_seen_is_news_where_accounts_are_few_but_not_where_they_come_and_go() {
    let steady = |world: &mut World| statements(world, "app@10.0.0.1", 5);
    let alerts = after_with(steady, |world| statements(world, "app@10.0.9.9", 5));
    assert_eq!(pages(&alerts, "first_seen").len(), 1, "{alerts:?}");
    let mut world = World::new(settings(), &users());
    for hour in 0..21 * 24 {
        statements(&mut world, "app@10.0.0.1", 5);
        if hour % 12 == 0 {
            statements(&mut world, &format!("app@10.1.0.{hour}"), 5);
        }
        world.next_hour();
    }
    let from = world.hour;
    statements(&mut world, "app@10.0.9.9", 5);
    assert_eq!(pages(&outcome(world, from), "first_seen"), Vec::<&Alert>::new());
}

fn failures(world: &mut World, address: &str, accounts: u64) {
    for n in 0..accounts {
        let tally = world.tally(EntityKind::Address, address, 1);
        tally.add(Metric::LoginsFailed, 1);
        tally.accounts.insert(&format!("e{n}"));
    }
}

#[test]
fn many_accounts_from_one_address_page_from_eight_on() {
    assert_eq!(pages(&after(|world| failures(world, "185.1.1.1", 8)), "login_failures").len(), 1);
    assert_eq!(after(|world| failures(world, "185.1.1.1", 7)), []);
}

#[test]
fn failures_that_name_nobody_page_by_their_number_also_beside_named_ones() {
    let at = |nameless: i64, named: i64| {
        after(|world| {
            let start = activity::Bucket(world.hour * 60).start().as_secs();
            let tally = world.tally(EntityKind::Address, "185.1.1.1", 1);
            for n in 0..nameless + named {
                tally.add(Metric::LoginsFailed, 1);
                let account = if n < named { format!("e{n}") } else { String::new() };
                tally.logins.insert(Timestamp::from_secs(start + n), &account, false);
                if n < named {
                    tally.accounts.insert(&account);
                }
            }
        })
    };
    assert_eq!(pages(&at(30, 0), "login_failures").len(), 1);
    assert_eq!(pages(&at(30, 3), "login_failures").len(), 1, "a named attempt hides nothing");
    assert_eq!(at(29, 3), []);
    assert_eq!(pages(&at(90, 3), "login_failures").len(), 1, "more than are kept in order");
}

#[test]
fn an_office_that_many_share_is_not_a_spray() {
    let office = |world: &mut World| {
        if world.office() {
            for user in users() {
                let at = activity::Bucket(world.hour * 60 + 2).start();
                let tally = world.tally(EntityKind::Address, "92.20.1.1", 2);
                tally.accounts.insert(&user);
                tally.add(Metric::LoginsOk, 1);
                tally.logins.insert(at, &user, true);
            }
        }
    };
    assert_eq!(
        pages(&after_with(office, |world| failures(world, "92.20.1.1", 10)), "login_failures"),
        Vec::<&Alert>::new()
    );
}

#[test]
fn a_spray_that_grows_from_below_makes_nothing_usual() {
    // Seven accounts are never told; three hours later three times as many, and so on.
    let mut world = routine(|_| ());
    let from = world.hour;
    for accounts in [7, 21, 49] {
        failures(&mut world, "45.155.1.1", accounts);
        (0..3).for_each(|_| world.next_hour());
    }
    let found = outcome(world, from);
    let seen: Vec<f64> = pages(&found, "login_failures").iter().map(|alert| alert.observed).collect();
    assert_eq!(seen, [21.0, 49.0]);
}

fn guesses(world: &mut World, failures: i64, address: &str) {
    let start = activity::Bucket(world.hour * 60).start();
    let tally = world.tally(EntityKind::PortalUser, "e3", 0);
    for n in 0..failures {
        tally.add(Metric::LoginsFailed, 1);
        tally.logins.insert(Timestamp::from_secs(start.as_secs() + n), "e3", false);
    }
    tally.add(Metric::LoginsOk, 1);
    tally.logins.insert(Timestamp::from_secs(start.as_secs() + failures), "e3", true);
    tally.addresses.insert(address);
}

#[test]
fn a_success_after_failures_pages_from_elsewhere_only() {
    let at = |failures, address: &str| after(|world| guesses(world, failures, address));
    assert_eq!(pages(&at(6, "45.155.1.1"), "login_failures").len(), 1);
    assert_eq!(pages(&at(5, "45.155.1.1"), "login_failures"), Vec::<&Alert>::new());
    assert_eq!(pages(&at(9, "92.20.7.7"), "login_failures"), Vec::<&Alert>::new(), "a network that e3 uses");
}

fn signal(world: &mut World, kind: EntityKind, id: &str, signal: Signal) {
    world.tally(kind, id, 7).signals.insert(signal);
}

#[test]
fn signatures_page_at_once_without_a_p_value() {
    let of = |kind, id: &str, seen| {
        let alerts = after(|world| signal(world, kind, id, seen));
        assert_eq!(alerts.len(), 1, "{alerts:?}");
        assert!(alerts[0].page && alerts[0].p_value.is_none());
        (alerts[0].detector.clone(), alerts[0].severity)
    };
    let account = EntityKind::DbAccount;
    assert_eq!(of(EntityKind::PortalUser, "e3", Signal::CanaryRecord), ("canary_record".into(), Severity::Critical));
    assert_eq!(of(account, "a@h", Signal::IntoOutfile), ("into_outfile".into(), Severity::Critical));
    assert_eq!(of(account, "a@h", Signal::IntoDumpfile), ("into_outfile".into(), Severity::Critical));
    assert_eq!(of(account, "a@h", Signal::Grant), ("grant".into(), Severity::High));
    assert_eq!(of(account, "a@h", Signal::AuditOff), ("audit_off".into(), Severity::Critical));
    assert_eq!(of(account, "a@h", Signal::DumpShape), ("dump_shape".into(), Severity::High));
    assert_eq!(of(EntityKind::PortalUser, "e1", Signal::IntoOutfile), ("into_outfile".into(), Severity::Critical));
    assert_eq!(of(account, "a@h", Signal::ForgedEntry), ("forged_entry".into(), Severity::High));
    assert_eq!(of(EntityKind::Source, "audit", Signal::ForgedDrillMark), ("forged_drill_mark".into(), Severity::High));
}

/// A rule's mark on an entity of the hour.
fn mark(world: &mut World, kind: EntityKind, id: &str, page: bool, level: Level) {
    let mark = Mark {
        page,
        level,
        rule: "own_rule".into(),
        title: "something of our own".into(),
        techniques: Arc::new(["T1190".into(), "T1505.003".into()]),
    };
    world.tally(kind, id, 7).marks.insert(&Arc::new(mark), 3);
}

#[test]
fn rules_become_alerts_with_all_that_they_say() {
    for (page, level, severity) in [
        (false, Level::High, Severity::High),
        (true, Level::Medium, Severity::Medium),
        (false, Level::Low, Severity::Low),
        (true, Level::Critical, Severity::Critical),
    ] {
        for (kind, id) in
            [(EntityKind::Address, "203.0.113.9"), (EntityKind::DbAccount, "a@h"), (EntityKind::Source, "web")]
        {
            let alerts = after(|world| {
                mark(world, kind, id, page, level);
                mark(world, kind, id, page, level);
            });
            assert_eq!(alerts.len(), 1, "{alerts:?}");
            let alert = &alerts[0];
            assert_eq!((&*alert.detector, alert.page, alert.severity), ("own_rule", page, severity));
            assert_eq!((alert.observed, &*alert.unit, alert.p_value), (6.0, "entries", None));
            assert_eq!(alert.why, format!("{id}: something of our own (6 entries, rule `own_rule`)"));
            assert_eq!(alert.attack, ["T1190", "T1505.003"]);
            assert_eq!((alert.subject.kind, &*alert.subject.id), (kind, id));
        }
    }
}

#[test]
fn one_statement_is_one_alert_though_it_touches_several_entities() {
    let alerts = after(|world| {
        signal(world, EntityKind::DbAccount, "a@h", Signal::IntoOutfile);
        signal(world, EntityKind::Table, "hr.t", Signal::IntoOutfile);
        signal(world, EntityKind::AppHost, "h", Signal::IntoOutfile);
    });
    assert_eq!(alerts.len(), 1);
}

#[test]
fn a_regular_dump_pages_until_it_is_a_habit_and_again_at_another_hour() {
    let mut world = World::new(settings(), &users());
    for _ in 0..10 * 24 {
        if world.hour_of_day() == 2 {
            signal(&mut world, EntityKind::DbAccount, "backup@h", Signal::DumpShape);
        }
        world.next_hour();
    }
    let paged: Vec<bool> = world.alerts.iter().map(|alert| alert.page).collect();
    assert_eq!(paged, [true, true, true, false, false, false, false, false, false, false]);
    while world.hour_of_day() != 14 {
        world.next_hour();
    }
    let from = world.hour;
    signal(&mut world, EntityKind::DbAccount, "backup@h", Signal::DumpShape);
    assert_eq!(pages(&outcome(world, from), "dump_shape").len(), 1);
}

/// Sources that speak in every so many minutes of each hour, but in the last hour not in those of the silence.
fn silence(sources: &[(&str, i64, std::ops::Range<i64>)]) -> Vec<Alert> {
    let mut world = World::new(settings(), &users());
    for hour in 0..8 * 24 + 2 {
        for (source, speaks_every, silent) in sources {
            for minute in (0..60).step_by(*speaks_every as usize) {
                if hour != 7 * 24 + 10 || !silent.contains(&minute) {
                    world.tally(EntityKind::Source, source, minute).add(Metric::Requests, 1);
                }
            }
        }
        world.next_hour();
    }
    world.alerts
}

#[test]
fn silence_pages_where_a_source_always_speaks() {
    let alone = |speaks_every, silent| silence(&[("audit", speaks_every, silent)]);
    let alerts = alone(1, 20..60);
    assert_eq!(alerts.len(), 1, "{alerts:?}");
    assert!(alerts[0].why.starts_with("the source audit was silent for 40 min"), "{}", alerts[0].why);
    assert_eq!(alone(1, 0..60).len(), 1, "also without any record in the hour");
    assert_eq!(alone(1, 20..39), [], "shorter than configured");
    assert_eq!(alone(12, 20..60), [], "quiet by nature");
}

#[test]
fn one_source_that_falls_silent_pages_and_an_outage_of_all_does_not() {
    let alerts = silence(&[("access", 1, 0..0), ("audit", 1, 10..55), ("slow", 2, 10..55)]);
    let paged: Vec<&str> = alerts.iter().filter(|alert| alert.page).map(|alert| &*alert.entity.id).collect();
    assert_eq!(paged, ["audit"], "one page for one database server: {alerts:?}");
    assert_eq!(
        alerts.iter().find(|alert| alert.page).map(|alert| &*alert.why),
        Some(
            "the source audit was silent for 45 min together with slow while access went on; it usually talks in 56 of 60 minutes on Monday 10:00"
        )
    );
    let outage = silence(&[("access", 1, 10..55), ("audit", 1, 12..53), ("slow", 2, 10..56)]);
    assert_eq!(outage.len(), 1, "{outage:?}");
    assert!(!outage[0].page && outage[0].why.starts_with("all sources were silent for 41 min"), "{outage:?}");
}

#[test]
fn a_handler_read_pages_on_classified_tables_only() {
    let of = |classes: &[DataClass]| {
        after(|world| {
            signal(world, EntityKind::DbAccount, "a@h", Signal::HandlerRead);
            classes.iter().for_each(|class| world.tally(EntityKind::DbAccount, "a@h", 7).classes.insert(*class));
        })
    };
    assert_eq!(pages(&of(&[DataClass::Hr]), "handler_read").len(), 1);
    assert_eq!(of(&[]), []);
}

#[test]
fn weaknesses_are_for_the_digest() {
    for (kind, id, seen, detector) in [
        (EntityKind::DbAccount, "a@h", Signal::MisplacedTag, "misplaced_tag"),
        (EntityKind::Route, "/portal/search", Signal::PersonalDataInUrl, "personal_data_in_url"),
    ] {
        let alerts = after(|world| signal(world, kind, id, seen));
        assert_eq!(alerts.len(), 1, "{alerts:?}");
        assert!(!alerts[0].page && alerts[0].detector == detector, "{alerts:?}");
    }
    let elsewhere = after(|world| signal(world, EntityKind::PortalUser, "e1", Signal::PersonalDataInUrl));
    assert_eq!(elsewhere, [], "the route answers for it, once");
}

#[test]
fn gathered_rows_were_read() {
    let alerts = after(|world| {
        for (kind, id) in [(EntityKind::PortalUser, "e1"), (EntityKind::UserTable, "e1|hr.employees")] {
            let tally = world.tally(kind, id, 3);
            tally.add(Metric::Statements, 1);
            tally.add(Metric::RowsSent, 1);
            tally.add(Metric::RowsGathered, 30_000);
            tally.classes.insert(DataClass::Hr);
        }
    });
    let paged = pages(&alerts, "volume");
    assert!(!paged.is_empty() && paged.iter().all(|alert| alert.observed >= 30_001.0), "{alerts:?}");
}

/// What an application host does in an hour of work: so many statements, of which so many name nobody.
fn host(world: &mut World, statements: u64, unnamed: u64, people: &[&str]) {
    let tally = world.tally(EntityKind::AppHost, "10.0.1.12", 9);
    tally.add(Metric::Statements, statements);
    tally.add(Metric::UnnamedStatements, unnamed);
    tally.classes.insert(DataClass::Hr);
    tally.tables.insert(TABLE);
    people.iter().for_each(|person| tally.candidates.insert(person));
}

fn tagged_work(world: &mut World) {
    if world.office() {
        host(world, 40, 0, &["e1", "e2"]);
    }
}

#[test]
fn unexplained_reads_page_where_everything_is_explained() {
    let alerts = after_with(tagged_work, |world| host(world, 40, 3, &["e5", "e2", "e3", "e1"]));
    let paged = pages(&alerts, "unexplained_reads");
    assert_eq!(paged.len(), 1, "{alerts:?}");
    assert_eq!(
        paged[0].why,
        "10.0.1.12 ran 3 statements on hr.employees that name nobody; in 135 of its last 135 active hours all did; people \
         with requests for such data on that host were e1, e2, e3 and 1 other"
    );
    assert_eq!(paged[0].subject.kind, EntityKind::AppHost);
    let by_id = after_with(tagged_work, |world| {
        host(world, 40, 3, &["e5", &Tally::request_member("aa11", "e7")]);
        let tally = world.tally(EntityKind::AppHost, "10.0.1.12", 9);
        tally.accounts.insert(&Tally::request_member("aa11", TABLE));
    });
    let why = &pages(&by_id, "unexplained_reads")[0].why;
    assert!(why.ends_with("; by the id of the request: e7 (hr.employees)"), "{why}");
    let nobody = after_with(tagged_work, |world| host(world, 1, 1, &[]));
    assert!(
        pages(&nobody, "unexplained_reads")[0].why.ends_with("no person's request for such data is known on that host")
    );
}

#[test]
fn unexplained_reads_are_quiet_where_tags_are_not_in_use() {
    let untagged = |world: &mut World| host(world, 40, 40, &[]);
    assert_eq!(after_with(untagged, untagged), [], "no tags at all");
    let mixed = |world: &mut World| {
        if world.office() {
            let unnamed = u64::from(world.hour % 10 == 0);
            host(world, 40, unnamed, &[]);
        }
    };
    let alerts = after_with(mixed, |world| host(world, 40, 2, &[]));
    assert!(alerts.iter().all(|alert| !alert.page), "a habit is for the digest: {alerts:?}");
    assert_eq!(alerts.iter().filter(|alert| alert.detector == "unexplained_reads").count(), 1);
    let fresh = |world: &mut World| {
        if world.hour % 24 == 9 && world.office() {
            host(world, 40, 0, &[]);
        }
    };
    let alerts = after_with(fresh, |world| host(world, 40, 2, &[]));
    assert_eq!(pages(&alerts, "unexplained_reads"), Vec::<&Alert>::new(), "too few hours are known");
}

#[test]
fn unexplained_work_that_goes_on_is_learned_in_the_end() {
    let mut world = routine(tagged_work);
    let from = world.hour;
    for _ in 0..21 * 24 {
        if world.office() {
            host(&mut world, 40, 1, &[]);
        }
        world.next_hour();
    }
    let n = pages(&outcome(world, from), "unexplained_reads").len();
    assert!((12..=20).contains(&n), "told often enough, then a habit: {n}");
}
