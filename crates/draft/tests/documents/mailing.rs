//! A mailing to many people, cut off anywhere.

use activity::{Span, Timestamp};
use draft::{
    Language,
    mailing::{Mailing, Next, NoMailing, Outcome, Progress, Recipient},
};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

fn people(n: u32) -> Vec<Recipient> {
    // Not in order: the list must not depend on who made it.
    let person = |n: u32| format!("{:06}", n.wrapping_mul(7_919) % 1_000_003);
    (0..n)
        .map(|n| Recipient { person: person(n), email: format!("p{n}@example.com"), language: Language::English })
        .collect()
}

struct Sent {
    /// How often each Message-ID was handed over.
    mails: BTreeMap<String, u32>,
    times: Vec<Timestamp>,
    journal: Vec<Progress>,
    crashes: u32,
    repeated_at_most: u32,
}

/// Sends to everybody; crashes before each step that `crash` names, after which only the journal is left.
fn send(n: u32, per_minute: usize, refuse: u32, crash: &BTreeSet<u32>) -> Sent {
    let fresh = Mailing::new(people(n), "document", per_minute).unwrap();
    let start = || fresh.clone();
    let mut now: Timestamp = "2026-03-02T21:00:00Z".parse().unwrap();
    let mut mailing = start();
    let mut sent =
        Sent { mails: BTreeMap::new(), times: Vec::new(), journal: Vec::new(), crashes: 0, repeated_at_most: 0 };
    let mut in_flight = Vec::new();
    for step in 0.. {
        if crash.contains(&step) {
            sent.crashes += 1;
            in_flight.clear();
            mailing = start().resume(&sent.journal, now).unwrap();
        }
        match mailing.next(now) {
            Next::Journal(progress) => {
                if let Progress::Begun { from, to } = progress {
                    sent.repeated_at_most = sent.repeated_at_most.max(to - from);
                }
                sent.journal.push(progress.clone());
                mailing.apply(&progress);
            }
            Next::Send(at) => {
                *sent.mails.entry(mailing.token(at).unwrap()).or_default() += 1;
                sent.times.push(now);
                in_flight.push(at);
            }
            Next::Waiting => {
                // Results come in any order.
                for at in std::mem::take(&mut in_flight).into_iter().rev() {
                    mailing.result(at, if at % refuse == 0 { Outcome::Refused } else { Outcome::Accepted });
                }
            }
            Next::Wait(until) => {
                assert!(now < until, "time goes on");
                now = until;
            }
            Next::Done => break,
        }
    }
    let lost = n.div_ceil(refuse);
    assert_eq!(mailing.counts(), (n - lost, lost, 0));
    assert_eq!(mailing.not_reached().count(), lost as usize);
    sent
}

fn assert_paced(sent: &Sent, per_minute: usize) {
    for window in sent.times.windows(per_minute + 1) {
        assert!(window[per_minute] - window[0] >= Span::from_minutes(1), "more than {per_minute} in a minute");
    }
}

#[test]
fn fifty_thousand_are_told_once_paced_in_few_entries() {
    let sent = send(50_000, 600, 1_000, &BTreeSet::new());
    assert_eq!(sent.mails.len(), 50_000, "everybody, each under an id of their own");
    assert!(sent.mails.values().all(|times| *times == 1));
    assert_paced(&sent, 600);
    assert_eq!(sent.journal.len(), 1 + 2 * 50_000_usize.div_ceil(256));
    let took = *sent.times.last().unwrap() - sent.times[0];
    assert!(took <= Span::from_minutes(84), "{took}");
}

#[test]
fn a_crash_repeats_what_was_in_flight_under_the_same_ids_and_nothing_else() {
    let crash: BTreeSet<u32> = (1..60).map(|n| n * 867).collect();
    let sent = send(50_000, 600, 1_000, &crash);
    assert_eq!(sent.mails.len(), 50_000, "no id but the 50,000");
    assert_paced(&sent, 600);
    let repeats: u32 = sent.mails.values().map(|times| times - 1).sum();
    assert!(sent.crashes > 50 && repeats > 0);
    assert!(repeats <= sent.crashes * sent.repeated_at_most, "{repeats} repeats in {} crashes", sent.crashes);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn wherever_it_is_cut_off_everybody_is_told(n in 1..120u32, per_minute in 1..40usize, crash in prop::collection::btree_set(0..400u32, 0..6)) {
        let sent = send(n, per_minute, 7, &crash);
        prop_assert_eq!(sent.mails.len() as u32, n);
        assert_paced(&sent, per_minute);
        let repeats: u32 = sent.mails.values().map(|times| times - 1).sum();
        prop_assert!(repeats <= sent.crashes * sent.repeated_at_most);
    }
}

#[test]
fn another_list_is_another_mailing() {
    let now = "2026-03-02T21:00:00Z".parse().unwrap();
    let mut first = Mailing::new(people(3), "document", 1).unwrap();
    let Next::Journal(started) = first.next(now) else { panic!("nothing is sent that the journal does not know of") };
    let turned = people(3).into_iter().rev().collect();
    assert!(Mailing::new(turned, "document", 1).unwrap().resume(std::slice::from_ref(&started), now).is_ok());
    let other = Mailing::new(people(4), "document", 1).unwrap().resume(&[started], now);
    assert_eq!(other.err(), Some(NoMailing::OtherList));
    let mut twice = people(2);
    twice.push(Recipient { email: "other@example.com".into(), ..twice[0].clone() });
    assert_eq!(Mailing::new(twice, "document", 1).err(), Some(NoMailing::Twice("000000".into())));
}

#[test]
fn mail_that_comes_back_is_marked_once() {
    let now = "2026-03-02T21:00:00Z".parse().unwrap();
    let mut mailing = Mailing::new(people(3), "document", 60).unwrap();
    for _ in 0..20 {
        match mailing.next(now) {
            Next::Journal(progress) => mailing.apply(&progress),
            Next::Send(at) => mailing.result(at, Outcome::Accepted),
            _ => {}
        }
    }
    assert_eq!(mailing.counts(), (3, 0, 0));
    let token = mailing.token(1).unwrap();
    let other = Mailing::new(people(3), "another document", 60).unwrap();
    assert_ne!(other.token(1), Some(token.clone()), "a new version is a new mail");
    let bounce = mailing.bounced(&token).unwrap();
    mailing.apply(&bounce);
    assert_eq!((mailing.bounced(&token), mailing.bounced("x")), (None, None));
    assert_eq!(mailing.counts(), (2, 1, 0));
    assert_eq!(mailing.not_reached().next(), mailing.recipient(1));
}
