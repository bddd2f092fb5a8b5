//! What people say of single alerts: on record, heard by the detector under the same rule, and no change to the incident.

use crate::world::{World, alert, kinds};
use activity::Span;
use detector::{Ruling, VerdictException};
use incident::{Action, Command, Decision, Refusal};

fn judge(n: u32, verdict: Ruling, exception: Option<VerdictException>) -> Action {
    Action::JudgeAlert { alert: alert("u1", n).id, verdict, reason: "CHG-1".into(), exception }
}

#[test]
fn a_verdict_about_an_alert_is_written_down_with_its_incident() {
    let mut world = World::new();
    world.alert(&alert("u1", 0));
    let before = world.incident(1).clone();
    let until = world.now + Span::from_hours(48);
    let exception = VerdictException { until, subject: None, detectors: Vec::new() };
    let decisions = world.ask("ann", None, judge(0, Ruling::Expected, Some(exception))).unwrap();
    assert_eq!(kinds(&decisions), ["alert_judged"]);
    assert_eq!(Decision::from_json(&decisions[0].to_json()).unwrap(), decisions[0]);
    let words = format!("alert {} judged `expected`, no pages about the like until {until}: CHG-1", alert("u1", 0).id);
    assert_eq!((decisions[0].in_words(), decisions[0].by()), (words, "ann"));
    let after = world.incident(1);
    assert_eq!((after.state, after.verdict, after.severity), (before.state, before.verdict, before.severity));
    assert_eq!(after.timeline.len(), before.timeline.len() + 1);
    // About an alert that is in no incident: on record all the same.
    let decisions = world.ask("ann", None, judge(9, Ruling::True, None)).unwrap();
    assert_eq!((kinds(&decisions), decisions[0].incident()), (vec!["alert_judged"], None));
}

#[test]
fn casebook_and_detector_refuse_the_same() {
    let mut world = World::new();
    world.alert(&alert("u1", 0));
    let exception = |hours| {
        Some(VerdictException { until: world.now + Span::from_hours(hours), subject: None, detectors: Vec::new() })
    };
    let cases = [
        ("ann", judge(0, Ruling::Expected, exception(24)), true),
        ("ann", judge(0, Ruling::Expected, exception(24 * 29)), false),
        ("ann", judge(0, Ruling::True, exception(24)), false),
        (" ", judge(0, Ruling::True, None), false),
        ("Policy", judge(0, Ruling::True, None), false),
    ];
    for (by, action, fits) in cases {
        let command = Command { id: "c".into(), by: by.into(), at: world.now, incident: None, action };
        let sent = Command::from_json(command.to_json().as_bytes()).unwrap();
        assert_eq!(sent, command);
        let heard = command.alert_verdict().expect("it is about an alert");
        assert_eq!(heard.is_ok(), fits, "{command:?}");
        let decided = world.book.command(world.now, &command);
        assert_eq!(decided.is_ok(), fits, "{command:?}");
        assert!(fits || matches!(decided, Err(Refusal::AlertVerdict(_) | Refusal::Text { .. })));
    }
    let other = Command { id: "c".into(), by: "ann".into(), at: world.now, incident: None, action: Action::Close };
    assert!(other.alert_verdict().is_none());
}
