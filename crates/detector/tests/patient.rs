//! What patient attackers do, and what looks like it and is none: records that are new to a person, crowds, sprays, shared
//! sessions, travel, attacks in addresses.

use crate::world::World;
use activity::{DataClass, EntityKind, Record, Signal};
use detector::{Alert, Settings};
use tally::{Metric, Tally};

const HOME: (&str, &str) = ("DE/home", "92.20.1.1");
const TABLE: &str = "hr.employees";
const USERS: u64 = 40;

fn users() -> Vec<String> {
    (0..USERS).map(|n| format!("e{n}")).collect()
}

/// Reads records by their numbers, beside as many rows.
fn touch(world: &mut World, user: &str, numbers: impl IntoIterator<Item = u64>, minute: i64) {
    let records: Vec<Record> = numbers.into_iter().map(|number| Record::new("employee", &number.to_string())).collect();
    world.read(user, TABLE, records.len() as u64, records.len() as u64, HOME, minute);
    let tally = world.tally(EntityKind::PortalUser, user, minute);
    records.iter().for_each(|record| tally.records.insert(*record));
}

fn login(world: &mut World, account: &str, address: &str, ok: bool, minute: i64) {
    let tally = world.tally(EntityKind::Fleet, "all", minute);
    if ok {
        tally.add(Metric::LoginsOk, 1);
        tally.records.insert(Record::new("address", address));
    } else {
        tally.add(Metric::LoginsFailed, 1);
        tally.accounts.insert(&format!("{address} {account}"));
    }
}

/// Three weeks: everybody works with the same twelve people, now and then with one more; logs in every morning, and sometimes
/// forgets the password at home.
fn routine() -> World {
    routine_of(Settings::default().maxima.portal_user)
}

/// The same where so many people are reckoned with.
fn routine_of(people: u32) -> World {
    let mut settings = Settings::default();
    settings.maxima.portal_user = people;
    let mut world = World::new(settings, &users());
    for hour in 0..21 * 24 + 8 {
        work(&mut world, hour);
        world.next_hour();
    }
    world
}

fn work(world: &mut World, hour: i64) {
    if !world.office() {
        return;
    }
    let (place, address) = HOME;
    (0..8).for_each(|n| session(world, &format!("e{n}|fedcba9876543210"), (place, address, "Firefox"), 7));
    for (n, user) in (0..USERS).zip(users()) {
        let own = n * 100;
        touch(world, &user, (0..4).map(|k| own + (hour as u64 * 5 + k * 3 + n) % 12), (n as i64 * 5) % 60);
        // One more in some three weeks.
        if (hour as u64 * 7 + n * 13).is_multiple_of(190) {
            touch(world, &user, [own + 20 + hour as u64 % 70], 30);
        }
        if world.hour_of_day() == 8 {
            let address = format!("92.20.{n}.1");
            if (hour as u64 + n).is_multiple_of(11) {
                login(world, &user, &address, false, 1);
            }
            login(world, &user, &address, true, 2);
        }
    }
}

/// Goes on working for two days; what was raised since.
fn outcome(world: World, event: impl FnMut(&mut World, i64)) -> Vec<Alert> {
    outcome_of(world, 54, event)
}

/// The same for so many hours.
fn outcome_of(mut world: World, hours: i64, mut event: impl FnMut(&mut World, i64)) -> Vec<Alert> {
    let from = activity::Bucket(world.hour * 60).start();
    for hour in 0..hours {
        work(&mut world, 21 * 24 + 8 + hour);
        event(&mut world, hour);
        world.next_hour();
    }
    world.alerts.retain(|alert| alert.raised_at >= from && alert.detector != "silence");
    world.alerts
}

fn pages<'a>(alerts: &'a [Alert], detector: &str) -> Vec<&'a Alert> {
    alerts.iter().filter(|alert| alert.page && alert.detector == detector).collect()
}

#[test]
fn the_routine_pages_nobody() {
    let world = routine();
    assert!(world.alerts.iter().all(|alert| !alert.page), "{:?}", world.alerts);
    let alerts = outcome(world, |_, _| ());
    assert!(alerts.iter().all(|alert| !alert.page), "{alerts:?}");
}

#[test]
fn new_records_page_and_as_many_known_ones_do_not() {
    let walk = |world: &mut World, hour: i64| {
        if (2..8).contains(&hour) {
            touch(world, "e3", (0..5).map(|k| 7_000 + hour as u64 * 5 + k), 40);
        }
    };
    let alerts = outcome(routine(), walk);
    let found = pages(&alerts, "new_records");
    assert_eq!(found.len(), 1, "{alerts:?}");
    assert_eq!((&*found[0].subject.id, found[0].unit.as_str()), ("e3", "records"));
    assert!(found[0].p_value.is_some_and(|p| p > 0.0 && p < 1e-3) && found[0].observed >= 6.0);
    let affected = found[0].facts.iter().find(|fact| fact.name == "affected").expect("records are named");
    assert!(affected.value.is_some_and(|named| named >= 5.0), "{affected:?}");
    assert!(
        affected.words.contains("records, named by their ids (exactly); ") && affected.words.contains(" rows"),
        "{affected:?}"
    );
    let known = |world: &mut World, hour: i64| {
        if (2..8).contains(&hour) {
            touch(world, "e3", (0..12).map(|k| 300 + k), 40);
        }
    };
    let alerts = outcome(routine(), known);
    assert!(alerts.iter().all(|alert| !alert.page), "busy with those one knows: {alerts:?}");
}

#[test]
fn a_walk_through_numbers_pages_and_as_many_in_no_order_do_not() {
    let walk = |world: &mut World, hour: i64| {
        if hour == 2 {
            touch(world, "e3", (0..16).map(|k| 7_000 + 3 * k), 40);
        }
    };
    let alerts = outcome(routine_of(250), walk);
    let found = pages(&alerts, "enumeration");
    assert_eq!(found.len(), 1, "{alerts:?}");
    assert_eq!((&*found[0].subject.id, found[0].observed), ("e3", 16.0));
    assert!(
        found[0].why.contains("16 records in a row, every 3rd number") && found[0].p_value.is_some_and(|p| p < 1e-4)
    );
    // Over the end of an hour.
    let on = |world: &mut World, hour: i64| {
        if (2..4).contains(&hour) {
            touch(world, "e3", (0..8).map(|k| 7_000 + (hour as u64 - 2) * 8 + k), 40);
        }
    };
    let alerts = outcome(routine_of(250), on);
    assert_eq!(
        pages(&alerts, "enumeration").iter().map(|alert| alert.observed).collect::<Vec<_>>(),
        [16.0],
        "{alerts:?}"
    );
    // The same number of new records as a new duty brings them.
    let duty = |world: &mut World, hour: i64| {
        if hour == 2 {
            touch(world, "e3", (0..16).map(|k| 7_000 + (k * k * 31 + k) % 211), 40);
        }
    };
    let alerts = outcome(routine_of(250), duty);
    assert!(alerts.iter().all(|alert| alert.detector != "enumeration"), "{alerts:?}");
    // Known ones, in their order.
    let known = |world: &mut World, hour: i64| {
        if (2..8).contains(&hour) {
            touch(world, "e3", 300..312, 40);
        }
    };
    let alerts = outcome(routine_of(250), known);
    assert!(alerts.iter().all(|alert| alert.detector != "enumeration"), "{alerts:?}");
}

/// A key of a payroll system walks through all employees every night, and goes on with those hired of late, in the order of their numbers;
/// somebody at the front desk enters a dozen of them at the beginning of each week.
#[test]
fn jobs_that_walk_every_night_and_new_hires_in_a_row_are_usual() {
    let mut world = World::new(
        Settings { maxima: detector::Maxima { portal_user: 250, ..Default::default() }, ..Default::default() },
        &users(),
    );
    for hour in 0..6 * 7 * 24 {
        work(&mut world, hour);
        let (day, hired) = (hour as u64 / 24, 20_000 + hour as u64 / 168 * 12);
        if world.hour_of_day() == 2 {
            let tally = world.tally(EntityKind::IntegrationKey, "svc", 30);
            tally.add(Metric::Statements, 212);
            tally.classes.insert(DataClass::Hr);
            let numbers = (0..200).chain(30_000 + 12 * day..30_000 + 12 * day + 12);
            numbers.for_each(|number| tally.records.insert(Record::new("employee", &number.to_string())));
        }
        if hour % 168 == 9 {
            touch(&mut world, "e5", hired..hired + 12, 20);
        }
        // A duty from the fourth week on, of which somebody is told once.
        if 21 <= day && world.office() && world.hour_of_day() == 10 {
            touch(&mut world, "e7", 50_000 + 70 * day..50_000 + 70 * day + 60, 20);
        }
        world.next_hour();
    }
    let told: Vec<&str> = pages(&world.alerts, "enumeration").iter().map(|alert| &*alert.subject.id).collect();
    assert_eq!(told, ["e7"]);
}

#[test]
fn a_persons_own_record_and_a_newcomers_first_days_are_no_news() {
    let newcomer = |world: &mut World, hour: i64| {
        if world.office() {
            touch(world, "e-new", (0..10).map(|k| 9_000 + hour as u64 * 10 + k), 40);
        }
    };
    let alerts = outcome(routine(), newcomer);
    assert_eq!(pages(&alerts, "new_records"), Vec::<&Alert>::new());
}

#[test]
fn a_new_duty_is_told_once() {
    let duty = |world: &mut World, hour: i64| {
        if world.office() {
            touch(world, "e3", (0..8).map(|k| 5_000 + hour as u64 * 8 + k), 40);
        }
    };
    let alerts = outcome(routine(), duty);
    let days: std::collections::BTreeSet<_> =
        pages(&alerts, "new_records").iter().map(|alert| alert.window.from).collect();
    assert_eq!(days.len(), 1, "{alerts:?}");
}

#[test]
fn a_crowd_pages_where_no_one_of_it_would() {
    let crowd = |world: &mut World, hour: i64| {
        for n in 0..30 {
            if hour == 2 + n % 4 {
                touch(world, &format!("e{n}"), (0..5).map(|k| 8_000 + n as u64 * 5 + k), 50);
            }
        }
    };
    let alerts = outcome(routine(), crowd);
    assert_eq!(pages(&alerts, "crowd").len(), 1, "{alerts:?}");
    assert_eq!(pages(&alerts, "new_records"), Vec::<&Alert>::new(), "five each are too few");
    let few = |world: &mut World, hour: i64| {
        if hour == 3 {
            (0..3).for_each(|n| touch(world, &format!("e{n}"), (0..5).map(|k| 8_000 + n * 5 + k), 50));
        }
    };
    assert_eq!(pages(&outcome(routine(), few), "crowd"), Vec::<&Alert>::new());
}

#[test]
fn a_spray_by_strangers_pages_and_forgotten_passwords_at_home_do_not() {
    let spray = |world: &mut World, hour: i64| {
        if (2..8).contains(&hour) {
            for n in 0..6 {
                login(world, &format!("e{}", hour * 6 + n - 12), &format!("185.220.{hour}.{}", n % 3), false, 20);
            }
        }
    };
    let alerts = outcome(routine(), spray);
    let found = pages(&alerts, "login_spray");
    assert_eq!(found.len(), 1, "{alerts:?}");
    assert_eq!((found[0].subject.kind, &*found[0].subject.id), (EntityKind::Fleet, "all"));
    // The day on which all passwords expire.
    let expiry = |world: &mut World, hour: i64| {
        if hour == 1 {
            (0..USERS).for_each(|n| login(world, &format!("e{n}"), &format!("92.20.{n}.1"), false, 20));
        }
    };
    assert_eq!(pages(&outcome(routine(), expiry), "login_spray"), Vec::<&Alert>::new());
}

fn request(world: &mut World, from: (&str, &str, &str), minute: i64) {
    session(world, "e3|0123456789abcdef", from, minute);
}

fn session(world: &mut World, id: &str, (place, address, agent): (&str, &str, &str), minute: i64) {
    let tally = world.tally(EntityKind::Session, id, minute);
    tally.add(Metric::Requests, 1);
    tally.addresses.insert(address);
    tally.places.insert(place);
    tally.agents.insert(agent);
}

#[test]
fn a_session_by_turns_pages_its_user_and_a_hand_over_does_not() {
    const OFFICE: (&str, &str, &str) = ("/office", "203.0.113.9", "Firefox");
    const PHONE: (&str, &str, &str) = ("GB/mobile", "100.70.1.1", "Firefox");
    const THIEF: (&str, &str, &str) = ("RU/hosting", "45.155.82.72", "Chrome");
    let shared = |thief: (&'static str, &'static str, &'static str)| {
        move |world: &mut World, hour: i64| {
            if hour == 3 {
                for minute in 0..50 {
                    request(world, if minute % 7 == 3 { thief } else { OFFICE }, minute);
                }
            }
        }
    };
    let alerts = outcome(routine(), shared(THIEF));
    let found = pages(&alerts, "shared_session");
    assert_eq!(found.len(), 1, "{alerts:?}");
    assert_eq!((found[0].subject.kind, &*found[0].subject.id), (EntityKind::PortalUser, "e3"));
    let machine = ("/office", "203.0.113.44", "Chrome");
    assert_eq!(pages(&outcome(routine(), shared(machine)), "shared_session").len(), 1, "two machines of one place");
    let stolen = |world: &mut World, hour: i64| {
        if hour == 3 {
            (0..60).for_each(|minute| request(world, if minute < 20 { OFFICE } else { machine }, minute));
        }
    };
    assert_eq!(pages(&outcome(routine(), stolen), "shared_session").len(), 1, "another browser went on with it");
    let address_only = ("/office", "203.0.113.44", "Firefox");
    assert_eq!(pages(&outcome(routine(), shared(address_only)), "shared_session"), Vec::<&Alert>::new());
    let lunch = |world: &mut World, hour: i64| {
        if hour == 3 {
            (0..60).for_each(|minute| request(world, if (20..40).contains(&minute) { PHONE } else { OFFICE }, minute));
        }
    };
    assert_eq!(pages(&outcome(routine(), lunch), "shared_session"), Vec::<&Alert>::new());
}

#[test]
fn a_thief_in_the_same_minutes_as_the_owner_is_at_another_place() {
    const OWNER: (&str, &str, &str) = ("GB/home", "81.2.1.9", "Firefox");
    const THIEF: (&str, &str, &str) = ("GB/hosting", "45.155.82.72", "Firefox");
    let both = |minutes: std::ops::Range<i64>| {
        move |world: &mut World, hour: i64| {
            if hour == 3 {
                (0..40).for_each(|minute| request(world, OWNER, minute));
                minutes.clone().for_each(|minute| request(world, THIEF, minute));
            }
        }
    };
    assert_eq!(pages(&outcome(routine(), both(10..20)), "shared_session").len(), 1, "both in each minute");
    assert_eq!(pages(&outcome(routine(), both(39..60)), "shared_session"), Vec::<&Alert>::new(), "one hand-over");
}

#[test]
fn nobody_gets_from_one_house_to_another_in_five_minutes() {
    type From = (&'static str, &'static str, &'static str);
    const HERE: From = ("IE/home", "198.18.181.57", "Firefox");
    let moves = |there: From, begins: i64| {
        move |world: &mut World, hour: i64| {
            let (at, minute) = (3 + begins / 60, begins % 60);
            if hour == 3 {
                (20..55).for_each(|minute| request(world, HERE, minute));
            }
            if hour == at {
                for minute in minute..60 {
                    request(world, there, minute);
                    world.tally(EntityKind::Session, "e3|0123456789abcdef", minute).add(Metric::ClassifiedRequests, 1);
                }
            }
        }
    };
    let found = |there: From, begins: i64| pages(&outcome(routine(), moves(there, begins)), "shared_session").len();
    let other_house = ("IE/home", "198.18.178.32", "Firefox");
    assert_eq!(found(other_house, 57), 1);
    assert_eq!(found(other_house, 59), 1, "within five minutes");
    assert_eq!(found(other_house, 75), 0, "twenty minutes later, at a neighbour's");
    assert_eq!(found(("IE/home", "198.18.181.99", "Firefox"), 57), 0, "another address of the same line");
    for vpn in ["/office", "IE/mobile", "/vpn", "US/hosting"] {
        assert_eq!(found((vpn, "203.0.113.9", "Firefox"), 57), 0, "{vpn}");
    }
    assert_eq!(found(("IE/home", "2001:db8::1", "Firefox"), 57), 0, "the same line speaks IPv6 too");
}

#[test]
fn nobody_is_in_a_new_country_an_hour_after_work() {
    let abroad = |at: i64| {
        move |world: &mut World, hour: i64| {
            if hour == at {
                world.read("e3", TABLE, 2, 2, ("VN/home", "113.20.1.1"), 30);
            }
        }
    };
    // Work ends at 17:00, nine hours after the routine.
    let alerts = outcome(routine(), abroad(9));
    assert_eq!(pages(&alerts, "impossible_travel").len(), 1, "{alerts:?}");
    assert_eq!(pages(&outcome(routine(), abroad(14)), "impossible_travel"), Vec::<&Alert>::new(), "there are flights");
    let mobile = |world: &mut World, hour: i64| {
        if hour == 9 {
            world.read("e3", TABLE, 2, 2, ("VN/mobile", "113.20.1.1"), 30);
        }
    };
    assert_eq!(pages(&outcome(routine(), mobile), "impossible_travel"), Vec::<&Alert>::new());
}

#[test]
fn sql_in_an_address_pages_behind_the_login_and_scanners_are_for_the_digest() {
    let attack = |kind: EntityKind, id: &'static str| {
        move |world: &mut World, hour: i64| {
            if hour == 3 {
                let tally = world.tally(kind, id, 10);
                tally.add(Metric::Requests, 1);
                tally.signals.insert(Signal::SqlInjection);
                tally.classes.insert(DataClass::Hr);
            }
        }
    };
    assert_eq!(pages(&outcome(routine(), attack(EntityKind::PortalUser, "e3")), "sql_injection").len(), 1);
    let alerts = outcome(routine(), attack(EntityKind::Address, "41.58.1.1"));
    assert_eq!(alerts.iter().filter(|alert| alert.detector == "sql_injection").count(), 1);
    assert_eq!(pages(&alerts, "sql_injection"), Vec::<&Alert>::new());
}

/// Requests for classified data, with records that everybody knows by now.
fn requests(world: &mut World, user: &str, n: u64, minute: i64) {
    world.read(user, TABLE, n, n, HOME, minute);
}

#[test]
fn two_nights_page_and_one_night_on_call_does_not() {
    let nights = |which: &'static [i64], n: u64| {
        move |world: &mut World, hour: i64| {
            // The routine stops at 08:00: hours 18 and 42 are at 02:00.
            if which.contains(&hour) {
                requests(world, "e3", n, 20);
            }
        }
    };
    let alerts = outcome(routine_of(60), nights(&[18, 42], 28));
    let found = pages(&alerts, "off_hours");
    assert_eq!(found.len(), 1, "{alerts:?}");
    assert!(found[0].why.contains("and 28 in a night before"), "{}", found[0].why);
    assert_eq!(pages(&outcome(routine_of(60), nights(&[18], 28)), "off_hours"), Vec::<&Alert>::new(), "on call");
    let by_day = |world: &mut World, hour: i64| {
        if hour == 2 || hour == 26 {
            requests(world, "e3", 40, 20);
        }
    };
    assert_eq!(pages(&outcome(routine_of(60), by_day), "off_hours"), Vec::<&Alert>::new());
}

#[test]
fn a_few_requests_late_neither_numb_an_hour_nor_make_the_next_night_suspicious() {
    let nights = |amounts: &'static [(i64, u64)]| {
        let event = move |world: &mut World, hour: i64| {
            amounts.iter().filter(|(at, _)| *at == hour).for_each(|(_, n)| requests(world, "e3", *n, 20));
        };
        pages(&outcome_of(routine_of(60), 150, event), "off_hours").len()
    };
    // Tuesday and Wednesday at 02:00, a night off, Friday and Saturday.
    assert_eq!(nights(&[(18, 1), (42, 1), (90, 28), (114, 28)]), 1);
    assert_eq!(nights(&[(18, 4), (42, 28)]), 0);
    assert_eq!(nights(&[(18, 8), (30, 1), (33, 8), (66, 28)]), 0, "two short nights are not one");
}

#[test]
fn a_great_night_of_one_person_does_not_hide_that_of_the_next() {
    let event = |world: &mut World, hour: i64| match hour {
        18 => requests(world, "e5", 4_000, 20),
        90 => requests(world, "e3", 200, 20),
        _ => (),
    };
    let alerts = outcome_of(routine_of(60), 120, event);
    let found: Vec<&str> = pages(&alerts, "off_hours").iter().map(|alert| &*alert.entity.id).collect();
    assert_eq!(found, ["e5", "e3"], "the day that paged is not what is usual among people");
}

#[test]
fn more_new_records_day_after_day_page_and_more_requests_do_not() {
    // The first days are too few to be news; together they are.
    let strangers = |world: &mut World, hour: i64| {
        if world.hour_of_day() == 10 && world.office() {
            touch(world, "e3", (0..6).map(|k| 9_000 + hour as u64 * 6 + k), 40);
        }
    };
    let alerts = long_outcome(routine(), strangers);
    let found = pages(&alerts, "drift");
    assert_eq!(found.len(), 1, "{alerts:?}");
    assert!(found[0].p_value.is_some_and(|p| p < 1e-4) && found[0].unit == "records", "{}", found[0].why);
    let known = |world: &mut World, _: i64| {
        if world.office() {
            requests(world, "e3", 12, 50);
        }
    };
    let alerts = long_outcome(routine(), known);
    assert!(alerts.iter().any(|alert| alert.detector == "drift") && pages(&alerts, "drift").is_empty(), "{alerts:?}");
}

/// The same over nine days.
fn long_outcome(mut world: World, mut event: impl FnMut(&mut World, i64)) -> Vec<Alert> {
    for hour in 0..9 * 24 {
        work(&mut world, 21 * 24 + 8 + hour);
        event(&mut world, hour);
        world.next_hour();
    }
    world.alerts
}

#[test]
fn a_leavers_account_pages_and_a_colleagues_does_not() {
    let gone =
        "user,role,department,employee_id,from,to,zone\ne3,ess,d,1,,2026-03-20,UTC\ne4,ess,d,2,,2026-03-23,UTC\n";
    let mut world = World::with_directory(Settings::default(), gone);
    // Monday, 2026-03-23: e3 left on Friday, e4 leaves today.
    for hour in 0..21 * 24 + 12 {
        if hour >= 21 * 24 + 10 {
            requests(&mut world, "e3", 3, 5);
            requests(&mut world, "e4", 3, 5);
            requests(&mut world, "e5", 3, 5);
        }
        world.next_hour();
    }
    let found = pages(&world.alerts, "leaver");
    assert_eq!(found.len(), 1, "{:?}", world.alerts);
    assert_eq!(found[0].why, "e3 made 3 requests for classified data 2 days after the end of this employment");
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

#[test]
fn account_numbers_of_many_page_and_ones_own_or_a_clerks_work_do_not() {
    let mut settings = Settings::default();
    settings.maxima.portal_user = 50;
    let everybody: Vec<String> = users().into_iter().chain(["p1".into(), "p2".into()]).collect();
    let mut world = World::new(settings, &everybody);
    let mut twins = Vec::new();
    for hour in 0..22 * 24 {
        if world.office() && world.hour_of_day() == 9 {
            // Two clerks change six to ten a day, employees their own now and then.
            (1..=2).for_each(|n| change(&mut world, &format!("p{n}"), 6 + (hour as u64 / 24 + n) % 5));
            (0..40).filter(|n| (hour / 24 + n) % 17 == 0).for_each(|n| change(&mut world, &format!("e{n}"), 1));
        }
        if hour == 21 * 24 + 11 {
            change(&mut world, "e3", 23);
            change(&mut world, "p1", 8);
            change(&mut world, "e4", 2);
            // One account number, and another column of forty people.
            change(&mut world, "e5", 1);
            world.tally(EntityKind::UserTable, "e5|hr.bank_accounts", 20).add(Metric::RowsAffected, 40);
        }
        world.next_hour();
        twins.extend(world.alerts.drain(..).filter(|alert| alert.detector == "bank_details" && alert.page));
    }
    let who: Vec<(&str, f64)> = twins.iter().map(|alert| (&*alert.subject.id, alert.observed)).collect();
    assert_eq!(who.last(), Some(&("e3", 23.0)), "{twins:?}");
    assert_eq!(who.iter().filter(|(who, _)| *who != "e3").count(), 0, "{twins:?}");
}

/// Writes an account number to the rows of these people.
fn pay(world: &mut World, user: &str, account: &str, people: std::ops::Range<u64>) {
    change(world, user, people.end - people.start);
    let pair = format!("{user}|hr.bank_accounts");
    for (kind, id) in [(EntityKind::UserTable, &*pair), (EntityKind::Table, "hr.bank_accounts")] {
        let tally = world.tally(kind, id, 15);
        tally.classes.insert(DataClass::Hr);
        tally.signals.insert(Signal::BankDetails);
        for one in people.clone() {
            let whose = if kind == EntityKind::Table { user.to_owned() } else { format!("{one:016x}") };
            tally.candidates.insert(&Tally::payee_member(account, &whose));
        }
    }
}

/// Three weeks in which clerks give many people account numbers of their own, and now and then a couple the same; then what is done
/// on Monday at so many hours.
fn after_payroll_work(habit: u64, event: impl Fn(&mut World, i64)) -> Vec<Alert> {
    let mut settings = Settings::default();
    settings.maxima.portal_user = 50;
    let everybody: Vec<String> = users().into_iter().chain(["p1".into(), "p2".into()]).collect();
    let mut world = World::new(settings, &everybody);
    for hour in 0..23 * 24 {
        let day = hour as u64 / 24;
        if world.office() {
            for clerk in 1..=2 {
                let tally = world.tally(EntityKind::UserTable, &format!("p{clerk}|hr.bank_accounts"), 5);
                tally.add(Metric::TableTouches, 3);
                world.tally(EntityKind::Table, "hr.bank_accounts", 5).add(Metric::TableTouches, 3);
            }
        }
        if world.office() && world.hour_of_day() == 9 {
            for clerk in 1..=2 {
                for n in 0..8 {
                    let one = (day * 2 + clerk) * 8 + n;
                    pay(
                        &mut world,
                        &format!("p{clerk}"),
                        &format!("{one:016x}"),
                        one * 2..one * 2 + 1 + u64::from(n == 0),
                    );
                }
            }
            // A card provider's account for many, where that is usual.
            if day < habit {
                pay(&mut world, "p1", "card", 500 + 5 * day..505 + 5 * day);
            }
        }
        event(&mut world, hour - 21 * 24);
        world.next_hour();
    }
    world.alerts.retain(|alert| alert.detector == "bank_details" && alert.page);
    world.alerts
}

#[test]
fn one_account_for_several_people_pages_and_a_couples_does_not() {
    // By a clerk who changes as many every day, on two days; and for two people only.
    let alerts = after_payroll_work(0, |world, hour| match hour {
        10 => pay(world, "p1", "thief", 7000..7002),
        34 => pay(world, "p1", "thief", 7002..7004),
        35 => pay(world, "p2", "couple", 8000..8002),
        _ => {}
    });
    assert_eq!(alerts.len(), 1, "{alerts:?}");
    assert_eq!((&*alerts[0].subject.id, alerts[0].entity.kind, alerts[0].observed), ("p1", EntityKind::UserTable, 4.0));
    assert_eq!(
        alerts[0].why,
        "p1 wrote one account number to the rows of 4 people in hr.bank_accounts within 28 days, 2 of them in this hour"
    );
}

#[test]
fn one_account_by_several_people_pages_for_the_table() {
    // Each of them the own row, with a phished password.
    let alerts = after_payroll_work(0, |world, hour| {
        if (10..13).contains(&hour) {
            pay(world, &format!("e{hour}"), "mule", hour as u64..hour as u64 + 1);
        }
    });
    assert_eq!(alerts.len(), 1, "{alerts:?}");
    assert_eq!((alerts[0].subject.kind, &*alerts[0].subject.id), (EntityKind::Table, "hr.bank_accounts"));
}

#[test]
fn where_one_account_for_many_is_a_habit_it_does_not_page() {
    let theft = |world: &mut World, hour: i64| {
        if hour == 10 {
            pay(world, "p2", "thief", 7000..7005);
        }
    };
    let told = |habit| after_payroll_work(habit, theft).iter().filter(|alert| &*alert.subject.id == "p2").count();
    assert_eq!((told(0), told(15)), (1, 0));
}
