//! A document that goes to each of the people it concerns: what the journal has of it, and what it folds to.

use crate::world::{World, alert, drill, identified, kinds};
use activity::Record;
use detector::Alert;
use incident::*;
use serde_json::json;

const PEOPLE: &str = r#"
[[triggers]]
channels = ["pager"]
[[drafts]]
obligations = ["eu-gdpr-34-individuals"]
approvers = ["Ada"]
channel = "mail"
recipients = "directory"
"#;

fn naming(user: &str, numbers: std::ops::Range<u64>) -> Alert {
    let mut records: Vec<Record> = numbers.map(|id| Record::new("employee", &id.to_string())).collect();
    records.sort_by_key(|record| record.mixed());
    let ids: String = records.iter().map(|record| format!("{:016x}", record.0)).collect();
    let named = serde_json::from_value(json!({ "v": 1, "table": "hr.t", "ids": ids })).unwrap();
    identified(Alert { named: Some(named), ..alert(user, 0) })
}

fn act(world: &mut World, by: &str, act: DraftAct) -> Result<Vec<Decision>, String> {
    world
        .ask(by, Some(1), Action::Draft { draft: 1, act, reason: "reason".into() })
        .map_err(|refusal| refusal.to_string())
}

/// With a draft that was approved.
fn sent(alert: &Alert) -> (World, Vec<Decision>) {
    let mut world = World::with(PEOPLE);
    world.alert(alert);
    if world.incident(1).drafts.is_empty() {
        act(&mut world, "Ada", DraftAct::Make { obligation: "eu-gdpr-34-individuals".into() }).unwrap();
    }
    let decisions = act(&mut world, "Ada", DraftAct::Approve { version: 1 }).unwrap();
    (world, decisions)
}

fn progress(world: &mut World, progress: MailingProgress) {
    let decision = world.book.mailings().next().expect("a mailing").progressed(world.now, progress);
    world.take(vec![decision]);
}

fn people(numbers: &[u32]) -> Vec<String> {
    numbers.iter().map(u32::to_string).collect()
}

fn mailed(world: &World) -> &Mailed {
    world.book.mailed(IncidentId(1), 1, 1).expect("mails")
}

fn started(world: &mut World, n: u32) {
    let (list, directory) = ("ab".repeat(32), "cd".repeat(32));
    progress(
        world,
        MailingProgress::Started { list, n, directory, concerned: law::Headcount { lower: n.into(), upper: None } },
    );
}

/// Reached, left, on the way.
fn counts(world: &World) -> (u64, u32, u64) {
    (mailed(world).n_reached(), mailed(world).n_left, mailed(world).n_on_the_way())
}

#[test]
fn what_is_for_people_goes_to_each_of_them_and_not_to_the_channels_own() {
    let (world, decisions) = sent(&naming("u1", 1..5));
    assert_eq!(kinds(&decisions), ["draft_changed", "draft_changed"], "no notice for the channel's `to`");
    let unfinished = world.book.mailings().next().expect("a mailing");
    assert_eq!((unfinished.mailed.terms.to, &*unfinished.mailed.text), (MailTo::Directory, &*unfinished.draft.text));
    let named = unfinished.incident.named_employees();
    assert_eq!(named.records, (1..5).map(|id| Record::new("employee", &id.to_string())).collect::<Vec<_>>());
    let (exercise, _) = sent(&drill(naming("u1", 1..5), 7));
    assert_eq!(exercise.book.mailings().count(), 0, "an exercise: nothing leaves");
}

#[test]
fn the_journal_folds_to_who_was_reached_who_was_not_and_who_is_left() {
    let (mut world, _) = sent(&naming("u1", 1..5));
    started(&mut world, 4);
    progress(&mut world, MailingProgress::NotReached { persons: people(&[9]), loss: Loss::NoAddress });
    progress(&mut world, MailingProgress::Begun { persons: people(&[1, 2, 3]) });
    assert_eq!(counts(&world), (0, 4, 3));
    let (refused, open) = (people(&[2]), people(&[3]));
    progress(&mut world, MailingProgress::Ended { refused, expired: Vec::new(), open });
    assert_eq!(counts(&world), (1, 2, 0));
    let lost: Vec<_> = mailed(&world).lost().map(|(person, loss)| (person.to_owned(), loss)).collect();
    assert_eq!(lost, [("2".to_owned(), Loss::Refused), ("9".to_owned(), Loss::NoAddress)]);
    let awaited: Vec<u32> = (1..10).filter(|n| mailed(&world).awaits(&n.to_string())).collect();
    assert_eq!(
        awaited,
        [3, 4, 5, 6, 7, 8, 9],
        "told once, refused for good; whoever may yet have an address is waited for"
    );
    // Another directory knows an address.
    started(&mut world, 3);
    progress(&mut world, MailingProgress::Begun { persons: people(&[3, 4, 9]) });
    progress(&mut world, MailingProgress::Ended { refused: Vec::new(), expired: people(&[4]), open: Vec::new() });
    assert_eq!((counts(&world), mailed(&world).n_lost()), ((3, 0, 0), 2));
    progress(&mut world, MailingProgress::Completed);
    assert!(mailed(&world).is_over() && world.book.mailings().count() == 0);
    let wait = world.incident(1).draft(1).unwrap().mails_wait();
    assert_eq!(wait.as_deref(), Some("2 people were not reached by the mails of draft 1: tell them another way"));

    let mut again = World::with(PEOPLE);
    again.take(world.journal.iter().map(|decision| Decision::from_json(&decision.to_json()).unwrap()).collect());
    assert_eq!(again.book, world.book, "the journal says it all");
    let timeline = &world.incident(1).timeline;
    let lines: Vec<&str> =
        timeline.iter().filter(|line| line.kind == "mailing_progressed").map(|line| line.what.as_str()).collect();
    assert_eq!(lines.len(), 3, "milestones only: {lines:?}");
    assert!(
        lines[2].ends_with("mails to 3 people were taken by the relay; 2 people have to be told another way"),
        "{lines:?}"
    );
}

#[test]
fn mail_that_comes_back_makes_somebody_to_be_told_another_way() {
    let (mut world, _) = sent(&naming("u1", 1..5));
    started(&mut world, 3);
    progress(&mut world, MailingProgress::Begun { persons: people(&[1, 2, 3]) });
    progress(&mut world, MailingProgress::Ended { refused: people(&[3]), expired: Vec::new(), open: Vec::new() });
    let occasion = world.book.mailings().next().unwrap().occasion();
    progress(&mut world, MailingProgress::Completed);
    let bounced = |who: &[&str]| DraftAct::Bounced { who: who.iter().map(|who| (*who).to_owned()).collect() };
    let refused = act(&mut world, "Eve", bounced(&["1", "3"])).unwrap_err();
    assert_eq!(refused, "no mail of draft 1 was sent to 1 of them", "the relay had refused that one");
    let (ours, theirs) = (draft::mailing::token(&occasion, "2"), "0".repeat(32));
    assert!(act(&mut world, "Eve", bounced(&[&theirs])).is_err(), "others' mail");
    act(&mut world, "Eve", bounced(&[&theirs, &ours])).unwrap();
    assert_eq!((mailed(&world).n_reached(), mailed(&world).loss_of("2")), (1, Some(Loss::Bounced)));
    act(&mut world, "Eve", bounced(&["1"])).unwrap();
    assert_eq!(mailed(&world).n_lost_by(Loss::Bounced), 2);
}

#[test]
fn mails_can_be_stopped_and_only_by_who_may() {
    let (mut world, _) = sent(&naming("u1", 1..5));
    started(&mut world, 4);
    progress(&mut world, MailingProgress::Begun { persons: people(&[1, 2]) });
    assert_eq!(act(&mut world, "Eve", DraftAct::Stop).unwrap_err(), "only Ada may approve or stop draft 1");
    act(&mut world, "Ada", DraftAct::Stop).unwrap();
    assert_eq!(world.book.mailings().count(), 0);
    let wait = world.incident(1).draft(1).unwrap().mails_wait();
    assert_eq!(wait.as_deref(), Some("the mails of draft 1 were stopped by Ada: 4 people have none"));
    assert_eq!((counts(&world), mailed(&world).stopped.as_ref().unwrap().by.as_str()), ((0, 4, 2), "Ada"));
    assert_eq!(act(&mut world, "Ada", DraftAct::Stop).unwrap_err(), "version 1 of draft 1 was sent already");
    assert_eq!(
        act(&mut world, "Eve", DraftAct::Approve { version: 1 }).unwrap_err(),
        "only Ada may approve or stop draft 1"
    );
    act(&mut world, "Ada", DraftAct::Approve { version: 1 }).unwrap();
    let awaits =
        |world: &World| (1..5).all(|n: u32| world.book.mailings().next().unwrap().mailed.awaits(&n.to_string()));
    assert!(awaits(&world), "it goes on with whoever is left");
}

#[test]
fn a_stop_holds_a_newer_version_back_as_well() {
    let (mut world, _) = sent(&naming("u1", 1..5));
    started(&mut world, 4);
    act(&mut world, "Ada", DraftAct::Edit { field: draft::Field::Consequences, text: "fraud".into() }).unwrap();
    act(&mut world, "Ada", DraftAct::Stop).unwrap();
    let of = world.incident(1).draft(1).unwrap();
    assert!(mailed(&world).stopped.is_some() && of.stopped.is_some(), "{of:?}");
    assert_eq!(of.state(), DraftState::Stopped);
}

#[test]
fn mails_that_stopped_go_on_after_the_incident_is_closed() {
    let (mut world, _) = sent(&naming("u1", 1..5));
    started(&mut world, 4);
    act(&mut world, "Ada", DraftAct::Edit { field: draft::Field::Consequences, text: "fraud".into() }).unwrap();
    act(&mut world, "Ada", DraftAct::Stop).unwrap();
    world.ask("Ada", Some(1), crate::world::verdict(Verdict::NotABreach)).unwrap();
    world.ask("Ada", Some(1), Action::Close).unwrap();
    assert!(world.incident(1).has_mails_left(), "and the console says so");
    act(&mut world, "Ada", DraftAct::Approve { version: 1 }).unwrap();
    assert_eq!(world.book.mailings().count(), 1);
    let other = act(&mut world, "Ada", DraftAct::Approve { version: 2 }).unwrap_err();
    assert!(other.contains("is closed"), "{other}");
}
