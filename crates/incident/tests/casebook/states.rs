//! The state machine, as a table, and what people may not do.

use crate::world::{World, alert, drill, kinds, start, verdict};
use activity::{DataClass, Entity, EntityKind, Span};
use detector::Severity;
use incident::{Action, Command, IncidentId, IncidentState, Refusal, Settlement, Verdict};

/// Brings a drill's incident (no deadline holds it open) into a state.
fn in_state(state: IncidentState) -> World {
    let mut world = World::new();
    world.alert(&drill(alert("u1", 0), 7));
    let steps: &[Action] = match state {
        IncidentState::Open => &[],
        IncidentState::Acknowledged => &[Action::Acknowledge],
        IncidentState::Contained => &[Action::Contain { reason: "account locked".into() }],
        IncidentState::Closed => &[Action::Close],
    };
    for step in steps {
        world.ask("ann", Some(1), step.clone()).unwrap();
    }
    assert_eq!(world.incident(1).state, state);
    world
}

#[test]
fn each_action_in_each_state() {
    use IncidentState::{Acknowledged, Closed, Contained, Open};
    let contain = Action::Contain { reason: "locked".into() };
    let note = Action::Note { text: "called them".into() };
    // Where each action leads from open, acknowledged, contained and closed; `None`: refused.
    let table = [
        (Action::Acknowledge, [Some(Acknowledged), None, None, None]),
        (contain, [Some(Contained), Some(Contained), None, None]),
        (verdict(Verdict::Breach), [Some(Open), Some(Acknowledged), Some(Contained), None]),
        (verdict(Verdict::NotABreach), [Some(Open), Some(Acknowledged), Some(Contained), None]),
        (note, [Some(Open), Some(Acknowledged), Some(Contained), Some(Closed)]),
        (Action::Close, [Some(Closed), Some(Closed), Some(Closed), None]),
    ];
    for (action, targets) in table {
        for (state, target) in IncidentState::ALL.into_iter().zip(targets) {
            let mut world = in_state(state);
            let before = world.book.clone();
            let answer = world.ask("bob", Some(1), action.clone());
            match target {
                Some(target) => {
                    assert!(answer.is_ok(), "{action:?} in {state}: {answer:?}");
                    assert_eq!(world.incident(1).state, target, "{action:?} in {state}");
                }
                None => {
                    assert!(matches!(answer, Err(Refusal::NotInThisState { .. })), "{action:?} in {state}: {answer:?}");
                    assert!(world.book == before);
                }
            }
        }
    }
}

#[test]
fn a_command_is_carried_out_once() {
    let mut world = World::new();
    world.alert(&alert("u1", 0));
    let note = Action::Note { text: "n".into() };
    let command =
        Command { id: "x".into(), by: "ann".into(), at: start(), incident: Some(IncidentId(1)), action: note };
    let decisions = world.book.command(start(), &command).unwrap();
    assert_eq!(kinds(&decisions), ["noted"]);
    decisions.iter().for_each(|decision| world.book.apply(decision));
    assert_eq!(world.book.command(start(), &command).unwrap(), []);
    assert_eq!(Command::from_json(command.to_json().as_bytes()).unwrap(), command);
}

#[test]
fn a_refusal_can_be_journaled_and_changes_only_the_story() {
    let mut world = World::new();
    world.alert(&alert("u1", 0));
    let command = Command {
        id: "x".into(),
        by: "a\nnn".into(),
        at: start(),
        incident: Some(IncidentId(1)),
        action: Action::Close,
    };
    let refusal = world.book.command(start(), &command).unwrap_err();
    let decision = refusal.decision(&command, start());
    let before = world.incident(1).clone();
    world.book.apply(&decision);
    assert_eq!((decision.by(), world.incident(1).state), ("a␊nn", before.state));
    assert_eq!(world.incident(1).timeline.len(), before.timeline.len() + 1);
    // Asked again under the same id, nothing happens; under another, it is decided anew.
    assert_eq!(world.book.command(start(), &command).unwrap(), []);
    assert!(world.ask("ann", Some(1), Action::Close).is_err());
}

#[test]
fn an_incident_does_not_close_over_a_running_time_limit() {
    let mut world = World::new();
    world.alert(&alert("u1", 0));
    let refused = world.ask("ann", Some(1), Action::Close).unwrap_err();
    assert!(matches!(&refused, Refusal::DeadlinesRun(names) if names.contains("GDPR Art. 33")), "{refused}");

    let settle = |obligation: &str, how| Action::Settle {
        obligation: obligation.into(),
        how,
        reason: "filed".into(),
        told_at: None,
    };
    world.ask("ann", Some(1), settle("eu-gdpr-33-authority", Settlement::Met)).unwrap();
    assert!(matches!(
        world.ask("ann", Some(1), settle("eu-gdpr-33-authority", Settlement::Met)),
        Err(Refusal::NoSuchDeadline(_))
    ));
    assert_eq!(
        world.ask("ann", Some(1), settle("eu-gdpr-34-individuals", Settlement::Withdrawn)),
        Err(Refusal::Withdrawn)
    );
    world.ask("ann", Some(1), settle("eu-gdpr-34-individuals", Settlement::NotRequired)).unwrap();
    world.ask("ann", Some(1), Action::Close).unwrap();
    assert_eq!(world.incident(1).state, IncidentState::Closed);
}

#[test]
fn who_writes_nothing_or_signs_as_the_policy_is_refused() {
    let mut world = World::new();
    world.alert(&alert("u1", 0));
    let note = |text: &str| Action::Note { text: text.into() };
    assert_eq!(world.ask("ann", Some(1), note(" \n ")), Err(Refusal::Text { field: "text" }));
    assert_eq!(world.ask("ann", Some(1), note(&"x".repeat(1001))), Err(Refusal::Text { field: "text" }));
    assert_eq!(world.ask("Policy", Some(1), note("x")), Err(Refusal::Text { field: "by" }));
    assert_eq!(world.ask("ann", None, note("x")), Err(Refusal::NamesNoIncident));
    assert_eq!(world.ask("ann", Some(2), note("x")), Err(Refusal::NoSuchIncident(IncidentId(2))));
    world.ask("a\u{1b}nn", Some(1), note("line\nbreak")).unwrap();
    let line = world.incident(1).timeline.last().unwrap();
    assert_eq!((line.what.as_str(), line.by.as_str()), ("note: line␊break", "a␛nn"));
}

#[test]
fn a_person_can_declare_what_no_detector_saw() {
    let mut world = World::new();
    let declare = Action::Declare {
        subject: Entity::new(EntityKind::Table, "hr.hr_payroll"),
        severity: Severity::Critical,
        data_classes: DataClass::Hr.into(),
        reason: "a colleague found the table on the internet".into(),
    };
    let decisions = world.ask("ann", None, declare).unwrap();
    assert_eq!(decisions[0].by(), "ann");
    let incident = world.incident(1);
    assert_eq!((incident.n_alerts, incident.alerts.len()), (0, 0));
    assert!(!incident.running_deadlines().is_empty());
    assert!(
        incident.notices.iter().all(|record| record.notice.reasons == ["a colleague found the table on the internet"])
    );
}

#[test]
fn awareness_is_the_policys_until_a_person_decides() {
    let mut world = World::new();
    world.alert(&alert("u1", 0));
    let provisional = world.incident(1).aware.clone().unwrap();
    assert_eq!((provisional.at, provisional.by.as_str()), (start(), "policy"));

    world.after(Span::from_hours(2));
    world.ask("dpo", Some(1), verdict(Verdict::Undecided)).unwrap();
    assert_eq!(world.incident(1).aware, Some(provisional));

    world.ask("dpo", Some(1), verdict(Verdict::Breach)).unwrap();
    let found = world.incident(1).aware.clone().unwrap();
    assert_eq!((found.at, found.by.as_str()), (world.now, "dpo"));

    let earlier = world.now - Span::from_hours(1);
    let aware_at = |verdict, aware_at| Action::SetVerdict { verdict, reason: "r".into(), aware_at: Some(aware_at) };
    world.ask("dpo", Some(1), aware_at(Verdict::Breach, earlier)).unwrap();
    assert_eq!(world.incident(1).aware.as_ref().unwrap().at, earlier);
    let later = world.now + Span::from_millis(1);
    assert_eq!(world.ask("dpo", Some(1), aware_at(Verdict::Breach, later)), Err(Refusal::AwareAt));
    assert_eq!(world.ask("dpo", Some(1), aware_at(Verdict::NotABreach, earlier)), Err(Refusal::AwareAt));
}
