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
    n_entries: usize,
    crashes: u32,
    repeated_at_most: u32,
}

/// Sends to everybody; the relay refuses persons whose number can be divided. Crashes before each step that `crash` names, after which only
/// the journal is left: whose batch has ended.
fn send(n: u32, per_minute: usize, refuse: u32, crash: &BTreeSet<u32>) -> Sent {
    let mut now: Timestamp = "2026-03-02T21:00:00Z".parse().unwrap();
    let mut mailing = Mailing::new(people(n), "document", per_minute).unwrap();
    let mut sent = Sent { mails: BTreeMap::new(), times: Vec::new(), n_entries: 0, crashes: 0, repeated_at_most: 0 };
    let (mut done, mut lost) = (BTreeSet::new(), BTreeSet::new());
    let is_refused = |person: &str| person.parse::<u32>().unwrap().is_multiple_of(refuse);
    let mut in_flight = Vec::new();
    for step in 0.. {
        if crash.contains(&step) {
            sent.crashes += 1;
            in_flight.clear();
            let rest = people(n).into_iter().filter(|recipient| !done.contains(&recipient.person));
            mailing =
                Mailing::new(rest.collect(), "document", per_minute).unwrap().not_before(now + Span::from_minutes(1));
        }
        match mailing.next(now) {
            Next::Journal(progress) => {
                let person = |at: u32| mailing.recipient(at).unwrap().person.clone();
                match &progress {
                    Progress::Started { .. } => {}
                    Progress::Begun { from, to } => sent.repeated_at_most = sent.repeated_at_most.max(to - from),
                    Progress::Ended { from, to, refused } => {
                        done.extend((*from..*to).map(person));
                        lost.extend(refused.iter().map(|at| person(*at)));
                    }
                }
                sent.n_entries += 1;
                mailing.apply(&progress);
            }
            Next::Send(at) => {
                *sent.mails.entry(mailing.token(at).unwrap()).or_default() += 1;
                sent.times.push(now);
                in_flight.push(at);
            }
            Next::Waiting => {
                assert_eq!(mailing.in_flight(), in_flight);
                // Results come in any order.
                for at in std::mem::take(&mut in_flight).into_iter().rev() {
                    let is_refused = is_refused(&mailing.recipient(at).unwrap().person);
                    mailing.result(at, if is_refused { Outcome::Refused } else { Outcome::Accepted });
                }
            }
            Next::Wait(until) => {
                assert!(now < until, "time goes on");
                now = until;
            }
            Next::Done => break,
        }
    }
    assert_eq!(mailing.rest(), Some(&[][..]));
    assert_eq!(done.len(), n as usize);
    let refused: BTreeSet<String> = people(n).into_iter().map(|of| of.person).filter(|of| is_refused(of)).collect();
    assert_eq!(lost, refused);
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
    assert_eq!(sent.n_entries, 1 + 2 * 50_000_usize.div_ceil(256));
    let took = *sent.times.last().unwrap() - sent.times[0];
    assert!(took <= Span::from_minutes(84), "{took}");
}

#[test]
fn a_crash_repeats_what_was_in_flight_under_the_same_ids_and_nothing_else() {
    let crash: BTreeSet<u32> = (1..20).map(|n| n * 2_600).collect();
    let sent = send(50_000, 600, 1_000, &crash);
    assert_eq!(sent.mails.len(), 50_000, "no id but the 50,000");
    assert_paced(&sent, 600);
    let repeats: u32 = sent.mails.values().map(|times| times - 1).sum();
    assert!(sent.crashes > 15 && repeats > 0);
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
fn a_list_is_the_same_whoever_makes_it_and_nobody_is_on_it_twice() {
    let list = |people| Mailing::new(people, "document", 1).unwrap().list().to_owned();
    let turned = people(3).into_iter().rev().collect();
    assert_eq!(list(people(3)), list(turned));
    assert_ne!(list(people(3)), list(people(4)));
    let mut twice = people(2);
    twice.push(Recipient { email: "other@example.com".into(), ..twice[0].clone() });
    assert_eq!(Mailing::new(twice, "document", 1).err(), Some(NoMailing::Twice("000000".into())));
}

#[test]
fn an_id_is_of_one_document_to_one_person() {
    let mailing = Mailing::new(people(3), "document", 60).unwrap();
    let other = Mailing::new(people(3), "another document", 60).unwrap();
    assert_ne!(other.token(1), mailing.token(1), "a new version is a new mail");
    let fewer = Mailing::new(people(2), "document", 60).unwrap();
    let person = mailing.recipient(1).unwrap().person.as_str();
    assert_eq!((mailing.place(person), mailing.place("x")), (Some(1), None));
    assert_eq!(fewer.place(person).and_then(|at| fewer.token(at)), mailing.token(1), "on whatever list");
}
