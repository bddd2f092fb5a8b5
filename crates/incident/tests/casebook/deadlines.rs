//! Time limits: when they run, when they warn, and when they must not.

use crate::world::{World, alert, drill, milder, requested, start, verdict};
use activity::{DataClass, Span, Timestamp};
use detector::{Alert, Severity};
use incident::{Action, ClockStart, Deadline, Decision, Jurisdictions, NoticeKind, Settlement, Verdict};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn seventy_two_hours_are_absolute() {
    let jurisdictions = Jurisdictions::parse(Jurisdictions::DEFAULT).unwrap();
    let art_33 = jurisdictions.get("eu-gdpr-33-authority").unwrap();
    // Berlin loses an hour on 2026-03-29 at 01:00Z and gains one on 2026-10-25: 72 h stay 259,200 s.
    for (aware, due) in [
        ("2026-03-28T12:00:00Z", "2026-03-31T12:00:00Z"),
        ("2026-10-24T00:30:00Z", "2026-10-27T00:30:00Z"),
        ("2028-02-28T23:59:59.999Z", "2028-03-02T23:59:59.999Z"),
    ] {
        assert_eq!(art_33.due(at(aware)), Some(at(due)));
        assert_eq!((at(due) - at(aware)).as_secs(), 259_200);
    }
}

#[test]
fn calendar_days_never_end_later_than_the_authoritys_own_day() {
    let jurisdictions = Jurisdictions::parse(Jurisdictions::DEFAULT).unwrap();
    let california = jurisdictions.get("us-ca-individuals").unwrap();
    // 2026-03-01 19:30 in Los Angeles; the 30th day there ends 2026-04-01T07:00Z (summer time by then).
    assert_eq!(california.due(at("2026-03-02T03:30:00Z")), Some(at("2026-04-01T00:00:00Z")));
    // 23:30 in Los Angeles, the day before the clocks change: 30 × 24 h end 00:30 on the 31st day.
    assert_eq!(california.due(at("2026-03-08T07:30:00Z")), Some(at("2026-04-07T00:00:00Z")));
}

#[test]
fn steps_fall_where_they_should() {
    let jurisdictions = Jurisdictions::parse(Jurisdictions::DEFAULT).unwrap();
    let art_33 = jurisdictions.get("eu-gdpr-33-authority").unwrap();
    let mut deadline = Deadline::start(art_33, start(), Span::from_hours(1), false);
    let hours = |hours| start() + Span::from_hours(hours);
    for (now, step, next) in [
        (hours(36) - Span::from_millis(1), None, hours(36)),
        (hours(36), Some(50), hours(54)),
        (hours(53), None, hours(54)),
        (hours(54), Some(75), hours(64) + Span::from_minutes(48)),
        (hours(73), Some(100), hours(73)),
    ] {
        assert_eq!(deadline.step_due(now), step);
        deadline.warned_percent = step.unwrap_or(deadline.warned_percent);
        assert!(step == Some(100) || deadline.next_step_at() == Some(next));
    }
    assert_eq!((deadline.next_step_at(), deadline.remaining(hours(73))), (None, Some(Span::from_hours(-1))));
}

#[test]
fn every_step_is_told_once() {
    let mut world = World::new();
    world.alert(&alert("u1", 0));
    world.ask("ann", Some(1), Action::Acknowledge).unwrap();
    let settle = |obligation: &str| {
        let (obligation, reason) = (obligation.into(), "told by phone".into());
        Action::Settle { obligation, how: Settlement::Met, reason }
    };
    world.ask("ann", Some(1), settle("eu-gdpr-34-individuals")).unwrap();
    for (hours, percent, channels) in [(36, 50, 3), (54, 75, 3), (65, 90, 4), (72, 100, 4)] {
        world.now = start() + Span::from_hours(hours);
        assert!(world.book.next_due().unwrap() <= world.now);
        let decisions = world.after(Span::ZERO);
        let told = requested(&decisions);
        assert_eq!(told.len(), channels, "at {percent} %: {told:?}");
        assert!(told.iter().all(|(kind, _)| *kind == NoticeKind::DeadlineWarning));
        assert!(
            matches!(decisions.last(), Some(Decision::DeadlineWarned { percent: warned, .. }) if *warned == percent)
        );
        assert_eq!(world.after(Span::ZERO), []);
    }
    assert_eq!(world.book.next_due(), None);
    assert!(world.incident(1).timeline.iter().any(|line| line.what.contains("has passed at 2026-03-05T21:00:00Z")));
}

#[test]
fn after_a_long_sleep_only_the_last_step_is_told() {
    let mut world = World::new();
    world.alert(&alert("u1", 0));
    let decisions = world.after(Span::from_hours(70));
    let warned: Vec<_> = (decisions.iter())
        .filter_map(|decision| match decision {
            Decision::DeadlineWarned { obligation, percent, .. } => Some((obligation.as_str(), *percent)),
            _ => None,
        })
        .collect();
    assert_eq!(warned, [("eu-gdpr-33-authority", 90), ("eu-gdpr-34-individuals", 100)]);
}

#[test]
fn no_figure_in_the_law_is_no_due_date() {
    let mut world = World::new();
    world.alert(&alert("u1", 0));
    let deadline = world.incident(1).deadline("eu-gdpr-34-individuals").unwrap();
    assert_eq!((deadline.due_at, deadline.target_at), (None, Some(start() + Span::from_hours(24))));
    assert_eq!(deadline.elapsed(start() + Span::from_hours(5)), Span::from_hours(5));
    let fact = |obligation: &str| {
        let facts = &world.incident(1).notices[0].notice.deadlines;
        facts.iter().find(|fact| fact.obligation == obligation).unwrap().due_at
    };
    assert_eq!(fact("eu-gdpr-34-individuals"), None);
    assert_eq!(fact("eu-gdpr-33-authority"), Some(start() + Span::from_hours(72)));
}

#[test]
fn a_drill_never_starts_a_real_deadline() {
    let mut world = World::new();
    world.alert(&drill(alert("u1", 0), 9));
    world.ask("dpo", Some(1), verdict(Verdict::Breach)).unwrap();
    world.after(Span::from_hours(80));
    let incident = world.incident(1);
    assert_eq!(incident.deadlines.len(), 2);
    assert!(incident.deadlines.iter().all(|deadline| deadline.simulated) && incident.running_deadlines().is_empty());
    assert!(incident.notices.iter().all(|record| record.notice.drill.is_some()));
    assert!(incident.notices.iter().any(|record| record.notice.kind == NoticeKind::DeadlineWarning));
    assert!(incident.notices.iter().flat_map(|record| &record.notice.deadlines).all(|fact| fact.simulated));
    // Not even a journal that says otherwise makes it real, nor a real one simulated.
    let real = world.journal.iter().find_map(|decision| match decision {
        Decision::DeadlineArmed { at, because, incident, deadline } => Some(Decision::DeadlineArmed {
            at: *at,
            because: because.clone(),
            incident: *incident,
            deadline: Box::new(Deadline { simulated: false, ..Deadline::clone(deadline) }),
        }),
        _ => None,
    });
    world.book.apply(&real.unwrap());
    assert!(world.incident(1).running_deadlines().is_empty());
}

#[test]
fn what_is_not_meant_to_start_one_does_not() {
    let mut world = World::new();
    world.alert(&milder(alert("u1", 0), Severity::High, DataClass::Hr));
    world.alert(&milder(alert("u2", 0), Severity::Critical, DataClass::Customer));
    world.alert(&Alert { page: false, ..alert("u3", 0) });
    assert!(world.book.incidents().all(|incident| incident.deadlines.is_empty() && incident.aware.is_none()));
    // A person's verdict does, for any class it concerns.
    world.ask("dpo", Some(2), verdict(Verdict::Breach)).unwrap();
    assert_eq!(world.incident(2).running_deadlines().len(), 2);
}

#[test]
fn suspicion_starts_what_starts_with_suspicion() {
    let mut world = World::new();
    world.alert(&milder(alert("u1", 0), Severity::Low, DataClass::Payment));
    let running: Vec<_> = world.incident(1).deadlines.iter().map(|deadline| deadline.obligation.as_str()).collect();
    assert_eq!(running, ["card-visa-notify"]);
}

#[test]
fn a_verdict_moves_withdraws_and_restarts() {
    let mut world = World::new();
    world.alert(&alert("u1", 0));
    let due = |world: &World| {
        let deadline = world.incident(1).deadline("eu-gdpr-33-authority").unwrap();
        (deadline.due_at.unwrap() - start(), deadline.settled.as_ref().map(|settled| settled.how))
    };
    world.after(Span::from_hours(40));
    assert_eq!(due(&world), (Span::from_hours(72), None));
    world.ask("dpo", Some(1), verdict(Verdict::Breach)).unwrap();
    assert_eq!(due(&world), (Span::from_hours(112), None));
    assert_eq!(world.incident(1).deadline("eu-gdpr-33-authority").unwrap().warned_percent, 0);
    world.ask("dpo", Some(1), verdict(Verdict::NotABreach)).unwrap();
    assert_eq!(due(&world), (Span::from_hours(112), Some(Settlement::Withdrawn)));
    assert_eq!(world.after(Span::from_hours(100)), []);
    world.ask("dpo", Some(1), verdict(Verdict::Breach)).unwrap();
    assert_eq!(due(&world), (Span::from_hours(212), None));
    // What was met stays met.
    let met = Action::Settle {
        obligation: "eu-gdpr-33-authority".into(),
        how: Settlement::Met,
        reason: "filed at the portal".into(),
    };
    world.ask("dpo", Some(1), met).unwrap();
    world.ask("dpo", Some(1), verdict(Verdict::Breach)).unwrap();
    assert_eq!(due(&world), (Span::from_hours(212), Some(Settlement::Met)));
}

#[test]
fn classes_that_come_later_bring_their_obligations() {
    let mut world = World::new();
    world.alert(&alert("u1", 0));
    world.after(Span::from_hours(1));
    let payment = milder(alert("u1", 1), Severity::Low, DataClass::Payment);
    world.alert(&payment);
    let deadline = world.incident(1).deadline("card-visa-notify").unwrap();
    assert_eq!(deadline.starts_at, start());
}

#[test]
fn the_file_that_is_built_in_is_sound() {
    let jurisdictions = Jurisdictions::parse(Jurisdictions::DEFAULT).unwrap();
    assert_eq!(jurisdictions.obligations.len(), 12);
    let days: Vec<_> = jurisdictions.obligations.iter().filter_map(|obligation| obligation.calendar_days).collect();
    let hours: Vec<_> = jurisdictions.obligations.iter().filter_map(|obligation| obligation.hours).collect();
    assert_eq!((days, hours), (vec![30, 30], vec![72, 72, 24, 72]));
    assert!(
        jurisdictions
            .obligations
            .iter()
            .all(|obligation| !obligation.reviewed() && obligation.verified == "2026-11-23")
    );
    let suspicion =
        jurisdictions.obligations.iter().filter(|obligation| obligation.clock_start == ClockStart::Suspicion);
    assert_eq!(suspicion.count(), 1);
    for (from, to, problem) in [
        ("hours = 72", "hours = 0", "ten years"),
        ("hours = 72", "hours = 72\ncalendar_days = 3", "not both"),
        ("eu-gdpr-34-individuals", "eu-gdpr-33-authority", "used twice"),
        ("clock_start = \"awareness\"", "clock_start = \"rumour\"", "rumour"),
        ("hours = 72", "hourz = 72", "hourz"),
    ] {
        let bad = Jurisdictions::DEFAULT.replacen(from, to, 1);
        // The first mention of a name is in the comment at the top for none of these.
        let error = Jurisdictions::parse(&bad).unwrap_err().to_string();
        assert!(error.contains(problem), "{error}");
    }
}
