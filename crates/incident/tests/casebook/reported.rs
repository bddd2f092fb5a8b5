//! What other systems report.

use crate::world::*;
use activity::{DataClass, DataClasses, Entity, EntityKind, Span};
use detector::Severity;
use incident::*;

fn report(user: &str, severity: Severity, classes: impl Into<DataClasses>, people: Option<u64>) -> Action {
    Action::Report {
        subject: Entity::new(EntityKind::PortalUser, user),
        severity,
        data_classes: classes.into(),
        people,
        reason: "mailbox taken over".into(),
    }
}

#[test]
fn a_report_opens_an_incident_with_at_least_so_many_people() {
    let mut world = World::new();
    let grave = report("u1", Severity::Critical, DataClass::Hr, Some(12));
    let decisions = world.ask("payroll (HR system)", None, grave).unwrap();
    assert_eq!((decisions[0].kind(), decisions[0].by()), ("incident_opened", "payroll (HR system)"));
    let told: Vec<_> = requested(&decisions);
    assert!(told.contains(&(NoticeKind::Opened, "pager")), "{told:?}");
    assert!(!world.incident(1).running_deadlines().is_empty(), "the policy holds us aware");
    let people = world.incident(1).people.get("").copied().unwrap();
    assert_eq!((people.lower, people.upper), (12, None), "a program rules nothing out");
    assert!(matches!(&decisions[0], Decision::IncidentOpened { because, .. } if because == "mailbox taken over"));
}

#[test]
fn a_second_report_joins_and_may_raise_the_severity() {
    let mut world = World::new();
    world.alert(&milder(alert("u1", 0), Severity::Medium, DataClass::Hr));
    let joined = world.ask("payroll", None, report("u1", Severity::High, DataClass::Hr, Some(3))).unwrap();
    assert_eq!(kinds(&joined)[..2], ["reported", "severity_raised"]);
    assert!(requested(&joined).contains(&(NoticeKind::Opened, "pager")), "{:?}", requested(&joined));
    assert_eq!((world.incident(1).severity, world.book.incidents().count()), (Severity::High, 1));
    assert_eq!(world.incident(1).people.get("").unwrap().lower, 3);
    // Nothing new but the words.
    let again = world.ask("payroll", None, report("u1", Severity::Low, DataClasses::default(), Some(2))).unwrap();
    assert_eq!(kinds(&again), ["reported"]);
    assert_eq!(world.incident(1).people.get("").unwrap().lower, 3);
    assert_eq!(world.incident(1).timeline.last().unwrap().what, "reported as low: mailbox taken over");
    // Other people have to know of payment data.
    let other = world.ask("payroll", None, report("u1", Severity::Low, DataClass::Payment, None)).unwrap();
    assert_eq!((kinds(&other)[0], other[0].command()), ("incident_opened", Some("c3")));
    // What is closed takes nothing in.
    world.ask("dpo", Some(2), verdict(Verdict::NotABreach)).unwrap();
    world.ask("dpo", Some(2), Action::Close).unwrap();
    let after = world.ask("payroll", None, report("u1", Severity::Low, DataClass::Payment, None)).unwrap();
    assert!(matches!(&after[0], Decision::IncidentOpened { opening, .. } if opening.follows == Some(IncidentId(2))));
}

#[test]
fn what_a_person_counted_stays_and_a_repeat_does_nothing() {
    let mut world = World::new();
    let command = Command {
        id: "hook-1".into(),
        by: "payroll".into(),
        at: world.now,
        incident: None,
        action: report("u1", Severity::High, DataClass::Hr, Some(7)),
    };
    assert_eq!(Command::from_json(command.to_json().as_bytes()).unwrap(), command);
    let decisions = world.book.command(world.now, &command).unwrap();
    world.take(decisions);
    world.after(Span::from_hours(1));
    assert_eq!(world.book.command(world.now, &command), Ok(Vec::new()));
    let count = Action::CountPeople { place: String::new(), lower: 1, upper: Some(2), reason: "asked around".into() };
    world.ask("dpo", Some(1), count).unwrap();
    world.ask("payroll", None, report("u1", Severity::High, DataClass::Hr, Some(500))).unwrap();
    assert_eq!(world.incident(1).people.get("").copied(), Some(Headcount { lower: 1, upper: Some(2) }));
    let Action::Report { subject, severity, data_classes, people, .. } = command.action else { unreachable!() };
    let empty = Action::Report { subject, severity, data_classes, people, reason: "  ".into() };
    assert_eq!(world.ask("payroll", None, empty), Err(Refusal::Text { field: "reason" }));
}

#[test]
fn a_program_gone_wrong_does_not_bury_people() {
    let mut world = World::new();
    for n in 0..200 {
        world.ask("payroll", None, report(&format!("u{n}"), Severity::High, DataClass::Hr, None)).unwrap();
    }
    assert_eq!(world.book.incidents().count(), limits::STORM_OPENINGS + 1);
    let storm = world.book.incidents().last().unwrap();
    assert_eq!(storm.subject.kind, EntityKind::Fleet);
}

#[test]
fn in_a_storm_a_report_says_whom_it_is_about_and_brings_its_classes() {
    let mut world = World::new();
    for n in 0..200 {
        let alert = milder(alert(&format!("c{n}"), n), Severity::Medium, DataClass::Customer);
        world.alert(&alert);
    }
    let storm = world.book.incidents().find(|incident| incident.subject.kind == EntityKind::Fleet).expect("a storm").id;
    let told = world.ask("payroll", None, report("u77", Severity::Medium, DataClass::Payment, None)).unwrap();
    let Decision::Reported { incident, subject, .. } = &told[0] else { panic!("{told:?}") };
    assert_eq!((*incident, subject.as_ref().map(|subject| &*subject.id)), (storm, Some("u77")));
    let incident = world.book.incident(storm).unwrap();
    assert!(
        incident.data_classes.contains(DataClass::Payment),
        "its triggers and obligations are those of payment data"
    );
}

#[test]
fn reports_of_alternating_classes_find_their_incidents_again() {
    let mut world = World::new();
    for class in [DataClass::Hr, DataClass::Payment, DataClass::Hr, DataClass::Payment, DataClass::Hr] {
        world.ask("payroll", None, report("u1", Severity::Low, class, None)).unwrap();
    }
    assert_eq!(world.book.incidents().count(), 2);
}
