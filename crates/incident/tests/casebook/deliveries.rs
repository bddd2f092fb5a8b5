//! What channels report, and what becomes of a notice that cannot be delivered.

use crate::world::{World, alert, kinds, requested};
use activity::Span;
use incident::{Action, Decision, DeliveryResult, DeliveryState, NoticeId, NoticeKind};

fn accepted() -> DeliveryResult {
    DeliveryResult::Accepted { receipt: "250 queued as 4F2".into() }
}

fn confirmed() -> DeliveryResult {
    DeliveryResult::Confirmed { receipt: "Q1A2B3".into() }
}

fn retrying(world: &World) -> DeliveryResult {
    DeliveryResult::Retrying { reason: "HTTP 503".into(), next_at: world.now + Span::from_secs(30) }
}

fn rejected() -> DeliveryResult {
    DeliveryResult::Rejected { reason: "HTTP 401".into() }
}

fn expired() -> DeliveryResult {
    DeliveryResult::Expired { reason: "24 h without success".into() }
}

#[test]
fn reports_in_any_order_end_in_the_best_that_was_reported() {
    use DeliveryState::{Accepted, Confirmed, Expired, Rejected, Retrying};
    let world = World::new();
    let retrying = || retrying(&world);
    let table = [
        (vec![retrying()], Retrying),
        (vec![retrying(), accepted()], Accepted),
        (vec![accepted(), retrying()], Accepted),
        (vec![accepted(), confirmed()], Confirmed),
        (vec![confirmed(), accepted()], Confirmed),
        (vec![retrying(), rejected()], Rejected),
        (vec![rejected(), retrying()], Rejected),
        (vec![rejected(), accepted()], Accepted),
        (vec![accepted(), rejected()], Accepted),
        (vec![retrying(), expired()], Expired),
        (vec![confirmed(), expired()], Confirmed),
    ];
    for (reports, state) in table {
        let mut world = World::new();
        world.alert(&alert("u1", 0));
        let notice = world.notice(1, NoticeKind::Opened, "pager");
        for report in &reports {
            assert_eq!(world.report(&notice, report.clone())[0].kind(), "delivery_recorded");
        }
        let record = world.incident(1).notice(&notice).unwrap();
        assert_eq!(record.state, state, "{reports:?}");
        assert_eq!(record.accepted_at.is_some(), reports.contains(&accepted()));
        assert_eq!(world.book.unsent().any(|unsent| unsent.id == notice), state == Retrying);
    }
}

#[test]
fn a_rejected_notice_goes_to_the_fallback_once() {
    for failure in [rejected(), expired()] {
        let mut world = World::new();
        world.alert(&alert("u1", 0));
        let (pager, mail) =
            (world.notice(1, NoticeKind::Opened, "pager"), world.notice(1, NoticeKind::Opened, "privacy-mail"));
        let decisions = world.report(&pager, failure.clone());
        assert_eq!(requested(&decisions), [(NoticeKind::Opened, "phone")]);
        assert!(matches!(&decisions[1], Decision::NoticeRequested { fallback_of: Some(first), .. } if *first == pager));
        // Again, and another channel of the same step: the phone has it already.
        assert_eq!(kinds(&world.report(&pager, failure.clone())), ["delivery_recorded"]);
        assert_eq!(kinds(&world.report(&mail, failure.clone())), ["delivery_recorded"]);
        assert_eq!(world.wait(Span::from_minutes(1)), []);
        // The phone fails too: all three are undeliverable, and it is written down.
        let phone = world.notice(1, NoticeKind::Opened, "phone");
        let decisions = world.report(&phone, failure);
        assert_eq!(
            kinds(&decisions),
            ["delivery_recorded", "notice_undeliverable", "notice_undeliverable", "notice_undeliverable"]
        );
        assert_eq!(world.wait(Span::from_minutes(1)), []);
        assert_eq!(world.book.counts().notices_undeliverable, 3);
    }
}

#[test]
fn a_channel_that_keeps_failing_does_not_spend_the_notices_time() {
    let mut world = World::new();
    world.alert(&alert("u1", 0));
    let pager = world.notice(1, NoticeKind::Opened, "pager");
    let again = retrying(&world);
    assert_eq!(kinds(&world.report(&pager, again.clone())), ["delivery_recorded"]);
    world.deliver();
    world.now = world.now + Span::from_minutes(14);
    assert_eq!(requested(&world.report(&pager, again.clone())), []);
    world.now = world.now + Span::from_minutes(1);
    let decisions = world.report(&pager, again.clone());
    let stand_ins: Vec<_> = (decisions.iter())
        .filter_map(|decision| match decision {
            Decision::NoticeRequested { notice, fallback_of: Some(first), because, .. } => {
                Some((notice.channel.as_str(), first == &pager, because.as_str()))
            }
            _ => None,
        })
        .collect();
    let because = "channel `pager` has not brought it for 15 min, and is tried on: HTTP 503";
    assert_eq!(stand_ins, [("phone", true, because)]);
    assert_eq!(kinds(&world.report(&pager, again)), ["delivery_recorded"], "once");
    // It is still tried, and may still arrive; or fail, and the phone has it.
    assert!(world.book.unsent().any(|unsent| unsent.id == pager));
    assert_eq!(kinds(&world.report(&pager, expired())), ["delivery_recorded"]);
    assert_eq!(world.report(&pager, accepted()).len(), 1);
    assert_eq!(world.incident(1).notice(&pager).unwrap().state, DeliveryState::Accepted);
}

#[test]
fn a_channel_that_does_not_even_try_is_no_better() {
    let mut world = World::new();
    world.alert(&alert("u1", 0));
    let pager = world.notice(1, NoticeKind::Opened, "pager");
    for other in ["console", "privacy-mail"] {
        let notice = world.notice(1, NoticeKind::Opened, other);
        world.report(&notice, accepted());
    }
    // No report comes: time itself has to bring it.
    assert_eq!(world.book.next_due(), Some(world.now + Span::from_minutes(15)));
    let decisions = world.wait(Span::from_minutes(15));
    let stand_in = decisions.iter().find_map(|decision| match decision {
        Decision::NoticeRequested { notice, fallback_of: Some(first), because, .. } if *first == pager => {
            Some((notice.channel.as_str(), because.as_str()))
        }
        _ => None,
    });
    let because = "channel `pager` has not brought it for 15 min, and is tried on: not tried yet";
    assert_eq!(stand_in, Some(("phone", because)));
    // Over, and still to be told.
    world.ask("ann", Some(1), crate::world::verdict(incident::Verdict::NotABreach)).unwrap();
    world.ask("ann", Some(1), Action::Close).unwrap();
    world.deliver();
    assert_eq!(world.book.next_due(), None);
}

#[test]
fn without_a_fallback_it_is_undeliverable_at_once() {
    let mut world = World::with("[[triggers]]\nchannels = [\"pager\"]\n");
    world.alert(&alert("u1", 0));
    let pager = world.notice(1, NoticeKind::Opened, "pager");
    let decisions = world.report(&pager, rejected());
    assert_eq!(kinds(&decisions), ["delivery_recorded", "notice_undeliverable"]);
    assert_eq!(decisions[1].because(), "HTTP 401; no fallback channel is configured");
    assert!(world.incident(1).notice(&pager).unwrap().undeliverable);
}

#[test]
fn a_notice_of_the_end_that_fails_falls_back_too() {
    let mut world = World::with(
        "[[triggers]]\nchannels = [\"pager\"]\n[fallback]\nchannels = [\"phone\"]\n[awareness]\nenabled = false\n",
    );
    world.alert(&alert("u1", 0));
    world.ask("ann", Some(1), Action::Close).unwrap();
    let pager = world.notice(1, NoticeKind::Closed, "pager");
    let decisions = world.report(&pager, rejected());
    assert_eq!(requested(&decisions), [(NoticeKind::Closed, "phone")]);
}

#[test]
fn a_report_on_an_unknown_notice_is_recorded_and_counted() {
    let mut world = World::new();
    let decisions = world.report(&NoticeId("0".repeat(32)), accepted());
    assert!(matches!(&decisions[..], [Decision::DeliveryRecorded { incident: None, .. }]));
    assert_eq!(world.book.counts().reports_unknown, 1);
}

#[test]
fn retries_do_not_flood_the_timeline() {
    let mut world = World::new();
    world.alert(&alert("u1", 0));
    let notice = world.notice(1, NoticeKind::Opened, "pager");
    let before = world.incident(1).timeline.len();
    for _ in 0..1000 {
        let retry = retrying(&world);
        world.report(&notice, retry);
    }
    assert_eq!(world.incident(1).timeline.len(), before);
    assert_eq!(world.incident(1).n_timeline_beyond, 1000);
}
