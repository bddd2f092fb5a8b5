//! Time limits: when they run, when they warn, and when they must not.

use crate::world::{World, alert, drill, milder, requested, start, verdict};
use activity::{DataClass, Span, Timestamp};
use detector::{Alert, Severity};
use incident::{Action, Deadline, Decision, NoticeKind, Refusal, Settlement, Verdict};
use law::Moment;

#[test]
fn steps_fall_where_they_should() {
    let mut world = World::new();
    world.alert(&alert("u1", 0));
    let mut deadline = world.incident(1).deadline("eu-gdpr-33-authority").unwrap().clone();
    assert_eq!(deadline.starts_at, start());
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
        Action::Settle { obligation, how: Settlement::Met, reason, told_at: None }
    };
    world.ask("ann", Some(1), settle("eu-gdpr-34-individuals")).unwrap();
    for (hours, percent, channels) in [(36, 50, 3), (54, 75, 3), (65, 90, 4), (72, 100, 4)] {
        world.deliver();
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
            Decision::DeadlineWarned { obligations, percent, .. } => Some((obligations.join(" "), *percent)),
            _ => None,
        })
        .collect();
    assert_eq!(warned, [("eu-gdpr-33-authority".to_owned(), 90), ("eu-gdpr-34-individuals".to_owned(), 100)]);
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
        told_at: None,
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

const LAW: &str = r#"
[[triggers]]
channels = ["console"]
[jurisdictions]
applicable = ["eu-gdpr-33-authority", "us-ca-*", "us-md-*", "us-sec-8k-105", "us-ak-*"]
arm_unverified = ["us-ak-individuals"]
"#;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn due(world: &World, obligation: &str) -> Option<Timestamp> {
    world.incident(1).deadline(obligation).filter(|deadline| deadline.is_running()).and_then(|deadline| deadline.due_at)
}

fn count(place: &str, lower: u64, upper: Option<u64>) -> Action {
    Action::CountPeople { place: place.into(), lower, upper, reason: "from payroll".into() }
}

/// 21:00Z on 2026-03-02 is the 2nd in Los Angeles and in New York.
#[test]
fn limits_are_reckoned_by_the_law_of_their_place() {
    let mut world = World::with(LAW);
    world.alert(&alert("u1", 0));
    assert_eq!(due(&world, "us-ca-individuals"), Some(at("2026-04-02T06:59:59Z")));
    assert_eq!(due(&world, "us-md-individuals"), Some(at("2026-04-17T03:59:59Z")));
    assert_eq!(due(&world, "us-md-ag"), Some(at("2026-04-17T03:59:59Z")));
    let residents = world.incident(1).deadline("us-md-individuals").unwrap();
    assert_eq!((residents.after.as_slice(), residents.assumed.len()), (["us-md-ag".to_owned()].as_slice(), 1));
    assert!(residents.reckoning.contains("45 calendar days after 2026-03-02"), "{}", residents.reckoning);
    // Said by name; without a figure.
    assert!(world.incident(1).deadline("us-ak-individuals").is_some_and(|deadline| deadline.due_at.is_none()));
    // Nothing has started these.
    assert!(world.incident(1).deadline("us-ca-ag").is_none() && world.incident(1).deadline("us-sec-8k-105").is_none());
}

#[test]
fn a_notice_that_was_sent_starts_the_one_that_hangs_on_it() {
    let mut world = World::with(LAW);
    world.alert(&alert("u1", 0));
    world.after(Span::from_hours(24 * 10));
    let told = |told_at| Action::Settle {
        obligation: "us-ca-individuals".into(),
        how: Settlement::Met,
        reason: "mailed".into(),
        told_at,
    };
    assert_eq!(world.ask("dpo", Some(1), told(Some(world.now + Span::from_hours(1)))), Err(Refusal::ToldAt));
    // Mailed two days before somebody recorded it: the 15 days count from then.
    world.ask("dpo", Some(1), told(Some(at("2026-03-10T18:00:00Z")))).unwrap();
    assert_eq!(due(&world, "us-ca-ag"), Some(at("2026-03-26T06:59:59Z")));
    let wrong = Action::Settle {
        obligation: "us-ca-ag".into(),
        how: Settlement::NotRequired,
        reason: "few".into(),
        told_at: Some(start()),
    };
    assert_eq!(world.ask("dpo", Some(1), wrong), Err(Refusal::ToldAt));
}

#[test]
fn who_counts_the_people_withdraws_what_does_not_apply() {
    let mut world = World::with(LAW);
    world.alert(&alert("u1", 0));
    world.ask("dpo", Some(1), count("US-CA", 3, Some(3))).unwrap();
    assert!(due(&world, "us-md-individuals").is_some(), "of the others nobody knows where they live");
    world.ask("dpo", Some(1), count("", 3, Some(3))).unwrap();
    let maryland = world.incident(1).deadline("us-md-individuals").unwrap();
    let settled = maryland.settled.as_ref().unwrap();
    assert_eq!(
        (settled.how, settled.reason.as_str()),
        (Settlement::Withdrawn, "it takes at least 1 residents; here it is 0")
    );
    assert_eq!(due(&world, "us-ca-individuals"), Some(at("2026-04-02T06:59:59Z")));
    assert!(world.incident(1).deadline("us-ca-individuals").unwrap().assumed.is_empty());
    // More turn up: it runs again, from the same start.
    world.after(Span::from_hours(48));
    world.ask("dpo", Some(1), count("", 3, Some(9))).unwrap();
    assert_eq!(due(&world, "us-md-individuals"), Some(at("2026-04-17T03:59:59Z")));
    for bad in [count("Maryland", 1, None), count("us-md", 1, None), count("US-MD", 5, Some(4)), count("US-", 1, None)]
    {
        assert_eq!(world.ask("dpo", Some(1), bad), Err(Refusal::Headcount));
    }
}

#[test]
fn what_a_person_records_to_have_come_to_pass_starts_limits() {
    let mut world = World::with(LAW);
    world.alert(&alert("u1", 0));
    let material = |since| Action::RecordMoment { moment: Moment::Materiality, since, reason: "the board met".into() };
    assert_eq!(world.ask("cfo", Some(1), material(Some(world.now + Span::from_hours(1)))), Err(Refusal::MomentAhead));
    world.after(Span::from_hours(20));
    world.ask("cfo", Some(1), material(None)).unwrap();
    // 17:00Z on Tuesday, 3 March: Wednesday, Thursday, Friday, Monday (by then New York has summer time).
    assert_eq!(due(&world, "us-sec-8k-105"), Some(at("2026-03-10T03:59:59Z")));
    assert_eq!(world.incident(1).moments[&Moment::Materiality].by, "cfo");
    // Known earlier than it seemed: the limit moves, whoever was warned of the old one is warned of the new one.
    let earlier = Action::RecordMoment {
        moment: Moment::Awareness,
        since: Some(at("2026-03-01T09:00:00Z")),
        reason: "a colleague had written to support".into(),
    };
    world.ask("dpo", Some(1), earlier).unwrap();
    assert_eq!(due(&world, "eu-gdpr-33-authority"), Some(at("2026-03-04T09:00:00Z")));
    assert_eq!(world.incident(1).deadline("eu-gdpr-33-authority").unwrap().warned_percent, 75);
}

#[test]
fn limits_that_reach_a_step_together_are_told_together() {
    let mut world =
        World::with(&LAW.replace("\"us-ca-*\"", "\"us-ca-*\", \"us-ny-individuals\", \"us-fl-*\", \"us-tx-*\""));
    world.alert(&alert("u1", 0));
    world.ask("dpo", Some(1), verdict(Verdict::Breach)).unwrap();
    let running = world.incident(1).running_deadlines().len();
    assert!(running >= 9, "{running}");
    let decisions = world.after(Span::from_hours(24 * 100));
    let warned: Vec<_> = (decisions.iter())
        .filter_map(|decision| match decision {
            Decision::DeadlineWarned { percent: 100, obligations, .. } => Some(obligations.len()),
            _ => None,
        })
        .collect();
    assert_eq!(warned, [running]);
    let told = requested(&decisions);
    assert_eq!(told.len(), 1, "{told:?}");
    let notice = &world.incident(1).notices.last().unwrap().notice;
    assert!(
        notice.title.starts_with("The ") && notice.title.contains(&format!("and of {} more", running - 1)),
        "{}",
        notice.title
    );
    assert_eq!(notice.deadlines.len() as u64 + notice.n_deadlines_beyond, running as u64);
    assert_eq!(world.after(Span::ZERO), []);
}

/// What hangs on a notice that was sent neither starts nor comes back once nobody holds that it is a breach.
#[test]
fn what_is_not_a_breach_stays_withdrawn() {
    let mut world = World::with(LAW);
    world.alert(&alert("u1", 0));
    let told = Action::Settle {
        obligation: "us-ca-individuals".into(),
        how: Settlement::Met,
        reason: "mailed".into(),
        told_at: None,
    };
    world.ask("dpo", Some(1), told).unwrap();
    assert!(due(&world, "us-ca-ag").is_some());
    world.ask("dpo", Some(1), verdict(Verdict::NotABreach)).unwrap();
    assert!(world.incident(1).running_deadlines().is_empty());
    for _ in 0..3 {
        assert_eq!(world.after(Span::from_hours(24 * 5)), []);
    }
    world.ask("dpo", Some(1), Action::Close).unwrap();
}

#[test]
fn a_count_does_not_outlive_what_logs_prove_and_awareness_takes_discovery_along() {
    let mut world = World::with(LAW);
    world.alert(&alert("u1", 0));
    world.ask("dpo", Some(1), count("", 0, Some(2))).unwrap();
    world.ask("dpo", Some(1), count("US-CA", 5, Some(5))).unwrap();
    let people = world.incident(1).people_concerned();
    assert_eq!((people.total.lower, people.total.upper), (5, Some(5)), "five of two are five");
    let earlier = Action::RecordMoment {
        moment: Moment::Awareness,
        since: Some(at("2026-02-20T18:00:00Z")),
        reason: "the helpdesk knew".into(),
    };
    world.ask("dpo", Some(1), earlier).unwrap();
    assert_eq!(due(&world, "us-ca-individuals"), Some(at("2026-03-23T06:59:59Z")));
}

#[test]
fn a_warning_of_one_limit_reads_as_it_was_written_earlier() {
    let json = serde_json::json!({
        "kind": "deadline_warned", "at": "2026-03-04T09:00:00Z", "because": "half of it is gone", "incident": "INC-1",
        "obligation": "eu-gdpr-33-authority", "percent": 50,
    });
    let Ok(Decision::DeadlineWarned { obligations, percent: 50, .. }) = Decision::from_json(&json) else {
        panic!("it is not read");
    };
    assert_eq!(obligations, ["eu-gdpr-33-authority"]);
}
