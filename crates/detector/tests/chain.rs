//! An entry, a foothold, reads: in this order they are one story, told once; in another, or apart, they are none.

use crate::world::World;
use activity::{DataClass, DrillId, EntityKind, Level, Mark, Mode};
use detector::{Alert, Evidence, Settings, Severity};
use std::sync::Arc;
use tally::Metric;

const ATTACKER: &str = "203.0.113.7";
const HOST: &str = "10.0.1.12";
const ENTRY: &[&str] = &["T1190"];
const FOOTHOLD: &[&str] = &["T1505.003"];

/// Three weeks in which the host says for whom it reads, up to Monday 08:00.
fn routine() -> World {
    let mut world = World::new(Settings::default(), &["e1".to_owned()]);
    for _ in 0..21 * 24 + 8 {
        if world.office() {
            world.read("e1", "hr.employees", 9, 4, ("DE/home", "92.20.1.1"), 5);
            reads_of_host(&mut world, 0, 9);
            asks(&mut world, "92.20.1.1", 9);
        }
        world.next_hour();
    }
    world
}

fn reads_of_host(world: &mut World, unnamed: u64, minute: i64) {
    let tally = world.tally(EntityKind::AppHost, HOST, minute);
    tally.add(Metric::Statements, 40);
    tally.add(Metric::UnnamedStatements, unnamed);
    tally.classes.insert(DataClass::Hr);
    tally.tables.insert("hr.payroll_runs");
    tally.evidence.insert(&"log".into(), 0, 5107);
}

fn asks(world: &mut World, address: &str, minute: i64) {
    asks_in(world, Mode::Live, address, minute);
}

fn asks_in(world: &mut World, mode: Mode, address: &str, minute: i64) {
    let tally = world.tally_in(mode, EntityKind::Address, address, minute);
    tally.add(Metric::Requests, 1);
    tally.add(Metric::ClassifiedRequests, 1);
    tally.classes.insert(DataClass::Hr);
}

/// Name and techniques.
type Rule<'a> = (&'a str, &'a [&'a str]);

fn matches(world: &mut World, address: &str, rule: Rule<'_>, minute: i64) {
    matches_in(world, Mode::Live, address, rule, minute);
}

fn matches_in(world: &mut World, mode: Mode, address: &str, (rule, techniques): Rule<'_>, minute: i64) {
    let techniques: Vec<Arc<str>> = techniques.iter().map(|technique| Arc::from(*technique)).collect();
    let mark = Mark {
        page: false,
        level: Level::High,
        rule: rule.into(),
        title: "a rule".into(),
        techniques: techniques.into(),
    };
    let tally = world.tally_in(mode, EntityKind::Address, address, minute);
    tally.add(Metric::Requests, 1);
    tally.marks.insert(&Arc::new(mark), 1);
}

fn pass(world: &mut World, hours: usize) {
    (0..hours).for_each(|_| world.next_hour());
}

fn chains(mut world: World) -> Vec<Alert> {
    pass(&mut world, 30);
    world.alerts.retain(|alert| alert.detector == "chain");
    world.alerts
}

#[test]
fn a_foothold_and_reads_that_nobody_explains_are_one_story() {
    let mut world = routine();
    matches(&mut world, ATTACKER, ("script_runs", FOOTHOLD), 10);
    matches(&mut world, ATTACKER, ("script_runs", FOOTHOLD), 40);
    reads_of_host(&mut world, 7, 20);
    let alerts = chains(world);
    let [alert] = alerts.as_slice() else { panic!("{alerts:?}") };
    assert_eq!(
        alert.why,
        "10.0.1.12 read classified data (7 statements on hr.payroll_runs that name nobody) on 2026-03-23 at 08:20; before \
         that, at 08:10, address 203.0.113.7 left a foothold (rule script_runs, T1505.003)"
    );
    assert_eq!((alert.page, alert.severity, alert.subject.kind), (true, Severity::Critical, EntityKind::AppHost));
    assert!(alert.data_classes.contains(DataClass::Hr), "known two hours later, it still says what was read");
    assert_eq!(alert.evidence.len(), 1);
}

#[test]
fn a_slow_chain_is_told_once_and_not_again_tomorrow() {
    let mut world = routine();
    matches(&mut world, ATTACKER, ("script_runs", FOOTHOLD), 10);
    pass(&mut world, 14);
    for _ in 0..6 {
        // From 22:00 to 03:00 of the next day.
        reads_of_host(&mut world, 2, 20);
        world.next_hour();
    }
    assert_eq!(chains(world).len(), 1);
    let mut world = routine();
    for _ in 0..2 {
        matches(&mut world, ATTACKER, ("script_runs", FOOTHOLD), 10);
        reads_of_host(&mut world, 2, 20);
        pass(&mut world, 24);
    }
    assert_eq!(chains(world).len(), 2, "another foothold is another chain");
}

#[test]
fn footholds_without_reads_after_them_are_no_chain() {
    let mut world = routine();
    reads_of_host(&mut world, 7, 20);
    matches(&mut world, ATTACKER, ("script_runs", FOOTHOLD), 30);
    assert_eq!(chains(world), [], "the reads came first");

    let mut world = routine();
    matches(&mut world, ATTACKER, ("script_runs", FOOTHOLD), 10);
    reads_of_host(&mut world, 0, 20);
    assert_eq!(chains(world), [], "people's own reads go on");

    let mut world = routine();
    matches(&mut world, ATTACKER, ("script_runs", FOOTHOLD), 10);
    pass(&mut world, 25);
    reads_of_host(&mut world, 7, 20);
    assert_eq!(chains(world), [], "more than a day between them");

    let mut world = routine();
    matches(&mut world, ATTACKER, ("injected", ENTRY), 10);
    reads_of_host(&mut world, 7, 20);
    assert_eq!(chains(world), [], "strangers try every day");
}

#[test]
fn one_actor_that_enters_stays_and_asks_is_a_chain() {
    let mut world = routine();
    matches(&mut world, ATTACKER, ("injected", ENTRY), 10);
    pass(&mut world, 5);
    matches(&mut world, ATTACKER, ("account_made", &["T1136"]), 10);
    pass(&mut world, 1);
    asks(&mut world, ATTACKER, 20);
    let alerts = chains(world);
    let [alert] = alerts.as_slice() else { panic!("{alerts:?}") };
    assert_eq!(
        alert.why,
        "203.0.113.7 asked for classified data on 2026-03-23 at 14:20; before that, at 13:10, it left a foothold (rule \
         account_made, T1136), after an entry at 08:10 (rule injected, T1190)"
    );
    assert!(alert.page && alert.subject.kind == EntityKind::Address);
}

#[test]
fn an_office_that_works_beside_a_scanner_is_no_chain() {
    let office = |steps: &[(&str, Rule<'_>, i64)]| {
        let mut world = routine();
        for (address, rule, minute) in steps {
            matches(&mut world, address, *rule, *minute);
        }
        asks(&mut world, "92.20.1.1", 50);
        pass(&mut world, 1);
        asks(&mut world, "92.20.1.1", 50);
        chains(world)
    };
    let (entry, foothold) = (("injected", ENTRY), ("script_runs", FOOTHOLD));
    assert_eq!(office(&[(ATTACKER, entry, 10), (ATTACKER, foothold, 20)]), [], "others did that");
    assert_eq!(office(&[("92.20.1.1", entry, 10)]), [], "tests of one's own leave nothing behind");
    assert_eq!(office(&[("92.20.1.1", foothold, 10), ("92.20.1.1", entry, 20)]), [], "not in this order");
    assert_eq!(office(&[("92.20.1.1", entry, 10), ("92.20.1.1", foothold, 20)]).len(), 1);
}

#[test]
fn each_alert_of_a_long_attack_names_the_lines_of_its_own_hour() {
    let mut world = routine();
    matches(&mut world, ATTACKER, ("script_runs", FOOTHOLD), 10);
    reads_of_host(&mut world, 7, 20);
    pass(&mut world, 2);
    let tally = world.tally(EntityKind::AppHost, HOST, 30);
    tally.add(Metric::Statements, 3);
    tally.add(Metric::UnnamedStatements, 3);
    tally.classes.insert(DataClass::Hr);
    tally.tables.insert("hr.bank_accounts");
    tally.evidence.insert(&"log".into(), 0, 6001);
    pass(&mut world, 30);
    let lines = |alert: &Alert| {
        let line = |evidence: &Evidence| match evidence {
            Evidence::File { line, .. } => *line,
            Evidence::Topic { .. } => 0,
        };
        alert.evidence.iter().map(line).collect::<Vec<_>>()
    };
    let of = |detector: &str| world.alerts.iter().filter(|alert| alert.detector == detector).collect::<Vec<_>>();
    let reads = of("unexplained_reads");
    let [first, second] = reads.as_slice() else { panic!("{reads:?}") };
    assert_eq!((lines(first), lines(second)), (vec![5107], vec![6001]));
    assert!(second.why.contains("3 statements on hr.bank_accounts that"), "{}", second.why);
    let chains = of("chain");
    let [chain] = chains.as_slice() else { panic!("{chains:?}") };
    assert!(chain.why.contains("(7 statements on hr.payroll_runs that name nobody)"), "{}", chain.why);
    assert_eq!(lines(chain), [5107], "those of the reads it tells of");
}

#[test]
fn a_drills_chain_does_not_depend_on_what_others_do() {
    let chains_of_drill = |others_work: bool| {
        let (mut world, drill) = (routine(), Mode::Drill(DrillId(7)));
        let go_on = |world: &mut World, hours: usize| {
            for _ in 0..hours {
                if others_work {
                    asks(world, "92.20.1.1", 9);
                }
                world.next_hour();
            }
        };
        matches_in(&mut world, drill, ATTACKER, ("injected", ENTRY), 10);
        go_on(&mut world, 5);
        matches_in(&mut world, drill, ATTACKER, ("account_made", &["T1136"]), 10);
        go_on(&mut world, 2);
        asks_in(&mut world, drill, ATTACKER, 20);
        chains(world)
    };
    let (busy, alone) = (chains_of_drill(true), chains_of_drill(false));
    assert_eq!(busy, alone);
    assert_eq!((busy.len(), busy[0].mode.is_drill()), (1, true));
}
