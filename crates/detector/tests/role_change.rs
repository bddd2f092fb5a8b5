//! After a change of roles: what the new role reads, what the old one reads, and what neither does.

use crate::world::World;
use detector::{Alert, Settings};

const HOME: (&str, &str) = ("DE/home", "92.20.1.1");
const PAY: &str = "hr.payroll";
const BENEFITS: &str = "hr.benefits";
const MEDICAL: &str = "hr.medical_records";

/// Three weeks: clerks of pay read PAY, those of benefits BENEFITS, and doctors MEDICAL; `moved` went from the first to the second
/// so many days before Monday, 2026-03-23, and reads PAY until then.
fn routine(moved_days_ago: i64) -> World {
    let day = |ago: i64| {
        let at: activity::Timestamp = "2026-03-23T00:00:00Z".parse().expect("a time");
        (at - activity::Span::from_hours(24 * ago)).to_string()[..10].to_owned()
    };
    let mut directory = String::from("user,role,department,employee_id,from,to,zone\n");
    for n in 0..10 {
        for role in ["payroll", "benefits", "doctor"] {
            directory.push_str(&format!("{role}{n},{role},d,{n},,,UTC\n"));
        }
    }
    directory.push_str(&format!("moved,payroll,d,77,,{},UTC\n", day(moved_days_ago + 1)));
    directory.push_str(&format!("moved,benefits,d,77,{},,UTC\n", day(moved_days_ago)));
    let mut settings = Settings::default();
    settings.maxima.portal_user = 50;
    let mut world = World::with_directory(settings, &directory);
    for hour in 0..21 * 24 + 8 {
        if world.office() {
            for n in 0..10 {
                for (role, table) in [("payroll", PAY), ("benefits", BENEFITS), ("doctor", MEDICAL)] {
                    world.read(&format!("{role}{n}"), table, 5 + hour % 3, 5, HOME, 5 * n);
                }
            }
            let in_new_role = hour as i64 / 24 >= 21 - moved_days_ago;
            world.read("moved", if in_new_role { BENEFITS } else { PAY }, 5 + hour % 3, 5, HOME, 31);
        }
        world.next_hour();
    }
    world
}

/// What is raised about `moved` when this is read on Monday, twelve rows in an hour.
fn reading(moved_days_ago: i64, table: &str) -> Vec<Alert> {
    let mut world = routine(moved_days_ago);
    let from = activity::Bucket(world.hour * 60).start();
    (0..2).for_each(|_| world.next_hour());
    world.read("moved", table, 12, 12, HOME, 20);
    (0..30).for_each(|_| world.next_hour());
    world.alerts.retain(|alert| alert.raised_at >= from && &*alert.subject.id == "moved");
    world.alerts
}

fn of<'a>(alerts: &'a [Alert], detector: &str) -> Vec<&'a Alert> {
    alerts.iter().filter(|alert| alert.detector == detector).collect()
}

#[test]
fn a_table_that_neither_role_reads_pages() {
    let alerts = reading(5, MEDICAL);
    let found = of(&alerts, "first_seen");
    assert!(found.len() == 1 && found[0].page, "{alerts:?}");
    assert!(
        found[0].why.ends_with("; this person was payroll until 5 days ago, and neither role uses it"),
        "{found:?}"
    );
}

#[test]
fn what_the_new_role_reads_and_what_is_handed_over_does_not() {
    // On the first day in the new role.
    let alerts = reading(0, BENEFITS);
    assert!(alerts.iter().all(|alert| !alert.page), "{alerts:?}");
    let alerts = reading(5, PAY);
    assert!(alerts.iter().all(|alert| !alert.page), "{alerts:?}");
    assert!(of(&alerts, "former_role").is_empty(), "work to hand over: {alerts:?}");
}

#[test]
fn rights_that_linger_are_a_line_in_the_digest() {
    let alerts = reading(40, PAY);
    let found = of(&alerts, "former_role");
    assert_eq!(found.len(), 1, "{alerts:?}");
    assert!(!found[0].page);
    assert_eq!(
        found[0].why,
        "moved read hr.payroll, which is what payroll reads and benefits does not, 40 days after the change of roles"
    );
    assert!(of(&reading(40, BENEFITS), "former_role").is_empty(), "the present role's own");
}
