//! A silence takes two people, ends by itself, and hides nothing.

use crate::world::{World, alert, drill, identified, kinds};
use activity::{Entity, EntityKind, Span};
use detector::Alert;
use incident::{Action, Refusal, limits};

fn silence(world: &World, span: Span) -> Action {
    Action::Silence {
        subject: Entity::new(EntityKind::PortalUser, "u1"),
        detector: None,
        until: world.now + span,
        reason: "annual payroll run".into(),
    }
}

#[test]
fn it_takes_two_people() {
    let mut world = World::new();
    let hour = silence(&world, Span::from_hours(1));
    world.ask("ann", None, hour).unwrap();
    assert_eq!(world.ask("ann", None, Action::ApproveSilence { silence: 1 }), Err(Refusal::SamePerson));
    assert_eq!(world.alert(&alert("u1", 0))[0].kind(), "incident_opened", "proposed is not in force");
    world.ask("bob", None, Action::ApproveSilence { silence: 1 }).unwrap();
    assert_eq!(world.ask("cyd", None, Action::ApproveSilence { silence: 1 }), Err(Refusal::Approved(1)));
    assert_eq!(world.ask("cyd", None, Action::ApproveSilence { silence: 2 }), Err(Refusal::NoSuchSilence(2)));
}

#[test]
fn a_silenced_alert_tells_nobody_starts_nothing_and_is_on_record() {
    let mut world = World::new();
    let hour = silence(&world, Span::from_hours(1));
    world.ask("ann", None, hour).unwrap();
    world.ask("bob", None, Action::ApproveSilence { silence: 1 }).unwrap();
    assert_eq!(kinds(&world.alert(&alert("u1", 0))), ["alert_silenced"]);
    assert_eq!(world.alert(&alert("u1", 0)), []);
    assert_eq!((world.book.incidents().count(), world.book.unsent().count()), (0, 0));
    assert_eq!((world.book.digest().count(), world.book.silences().next().unwrap().n_alerts), (1, 1));
    // Others, and drills, are heard.
    assert_eq!(world.alert(&alert("u2", 0))[0].kind(), "incident_opened");
    assert_eq!(world.alert(&drill(alert("u1", 0), 3))[0].kind(), "incident_opened");

    assert_eq!(world.book.next_due(), Some(world.now + Span::from_minutes(15)));
    world.after(Span::from_minutes(59));
    let decisions = world.after(Span::from_minutes(1));
    assert_eq!(decisions[0].because(), "its time is over; 1 alerts fell under it");
    assert_eq!(world.alert(&alert("u1", 61))[0].kind(), "incident_opened");
}

#[test]
fn it_is_in_force_until_its_end_whether_or_not_the_clock_ticks() {
    let mut world = World::new();
    let hour = silence(&world, Span::from_hours(1));
    world.ask("ann", None, hour).unwrap();
    world.ask("bob", None, Action::ApproveSilence { silence: 1 }).unwrap();
    world.now = world.now + Span::from_hours(1);
    assert_eq!(world.alert(&alert("u1", 60))[0].kind(), "incident_opened");
}

#[test]
fn it_may_name_one_detector_and_can_be_ended() {
    let mut world = World::new();
    let mut action = silence(&world, limits::SILENCE_MAX);
    if let Action::Silence { detector, .. } = &mut action {
        *detector = Some("volume".into());
    }
    world.ask("ann", None, action).unwrap();
    world.ask("bob", None, Action::ApproveSilence { silence: 1 }).unwrap();
    assert_eq!(kinds(&world.alert(&alert("u1", 0))), ["alert_silenced"]);
    let other = identified(Alert { detector: "first_seen".into(), ..alert("u1", 1) });
    assert_eq!(world.alert(&other)[0].kind(), "incident_opened");
    world.ask("ann", None, Action::EndSilence { silence: 1 }).unwrap();
    assert_eq!(world.alert(&alert("u1", 2))[0].kind(), "alert_grouped");
}

#[test]
fn it_is_short_and_there_are_few() {
    let mut world = World::new();
    for span in [Span::ZERO, Span::from_hours(-1), limits::SILENCE_MAX + Span::from_millis(1)] {
        let action = silence(&world, span);
        assert_eq!(world.ask("ann", None, action), Err(Refusal::SilenceTime));
    }
    for _ in 0..limits::SILENCES_MAX {
        let action = silence(&world, Span::from_hours(1));
        world.ask("ann", None, action).unwrap();
    }
    let one_more = silence(&world, Span::from_hours(1));
    assert_eq!(world.ask("ann", None, one_more), Err(Refusal::TooManySilences));
}
