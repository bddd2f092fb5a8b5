//! People called one after the other, and acknowledgements that are left lying.

use crate::world::*;
use activity::{DataClass, Span};
use incident::*;
use law::Catalogue;
use oncall::{Book, Written};
use std::{collections::BTreeMap, sync::Arc};

pub(crate) const CONTACTS: &str = r#"
[[contacts]]
name = "ada"
title = "Ada Lovelace"
addresses = { email = "ada@example.com" }
[[contacts]]
name = "ben"
title = "Ben Okri"
addresses = { email = "ben@example.com" }
[[contacts]]
name = "boss"
title = "The Boss"
addresses = { email = "boss@example.com" }
[[schedules]]
name = "desk"
zone = "Europe/Berlin"
[[schedules.layers]]
members = ["ada", "ben"]
from = "2026-03-02"
turn = "1d"
hand_over = "22:25"
[[schedules]]
name = "later"
zone = "UTC"
[[schedules.layers]]
members = ["ada"]
from = "2027-01-01"
[[policies]]
name = "hr"
repeat = 1
[[policies.steps]]
whom = ["schedule:desk"]
channels = ["mail"]
timeout = "10m"
[[policies.steps]]
whom = ["schedule:later"]
channels = ["mail"]
timeout = "10m"
[[policies.steps]]
whom = ["contact:boss"]
channels = ["mail", "pager"]
timeout = "30m"
"#;

const SETTINGS: &str = r#"
[[triggers]]
channels = ["console"]
[escalation]
after = "15m"
policy = "hr"
channels = ["manager"]
[fallback]
channels = ["phone"]
"#;

pub(crate) fn with_contacts(settings: &str, contacts: &str) -> Arc<Policy> {
    let written: Written = toml::from_str(contacts).unwrap();
    let book = Arc::new(Book::new(written, &|_| Err("no file".into())).unwrap());
    let channels = [
        ("mail", "email"),
        ("pager", "pagerduty"),
        ("console", "webhook"),
        ("manager", "webhook"),
        ("phone", "webhook"),
        ("texts", "sms"),
    ];
    let channels: BTreeMap<String, String> = channels.map(|(name, kind)| (name.into(), kind.into())).into();
    let contacts = Contacts { book, channels, review_every: Span::from_hours(90 * 24) };
    assert_eq!(contacts.check(), []);
    let settings: Settings = toml::from_str(settings).unwrap();
    let policy = Policy::new(settings, &Catalogue::parse(Catalogue::DEFAULT).unwrap()).unwrap();
    Arc::new(policy.with_contacts(Some(contacts)).unwrap())
}

fn world(settings: &str) -> World {
    let mut world = World::with(SETTINGS.split("[escalation]").next().unwrap());
    world.book.set_policy(with_contacts(settings, CONTACTS));
    world
}

/// Who is told, as `channel` or `channel/contact`.
fn told(decisions: &[Decision]) -> Vec<String> {
    let name = |notice: &Notice| match &notice.recipient {
        Some(recipient) => format!("{}/{}", notice.channel, recipient.contact),
        None => notice.channel.clone(),
    };
    let requested = decisions.iter().filter_map(|decision| match decision {
        Decision::NoticeRequested { notice, .. } => Some(name(notice)),
        _ => None,
    });
    requested.collect()
}

fn kinds(decisions: &[Decision]) -> Vec<&'static str> {
    let others = decisions.iter().filter(|decision| !matches!(decision, Decision::NoticeRequested { .. }));
    others.map(Decision::kind).collect()
}

/// Ticks whenever something is due, as the notifier does, for so long: (minutes since the opening, who is told).
fn run(world: &mut World, minutes: i64) -> Vec<(i64, Vec<String>)> {
    let end = world.now + Span::from_minutes(minutes);
    let mut all = Vec::new();
    let due = |world: &World| world.book.next_due().filter(|due| *due <= end);
    while due(world).is_some() {
        world.deliver();
        let Some(due) = due(world) else { break };
        world.now = world.now.max(due);
        let decisions = world.book.tick(world.now);
        assert!(!decisions.is_empty(), "what is due must lead to something, or it is due for ever");
        world.take(decisions.clone());
        all.push(((world.now - start()).as_secs() / 60, told(&decisions)));
        assert_eq!(world.book.tick(world.now), [], "deciding twice decides nothing");
    }
    world.now = end;
    all
}

/// Medium: no time limit runs beside it.
fn medium(n: u32) -> detector::Alert {
    milder(alert("u1", n), detector::Severity::Medium, DataClass::Hr)
}

#[test]
fn steps_are_taken_one_by_one_until_the_end_of_the_list() {
    let mut world = world(SETTINGS);
    world.alert(&medium(0));
    let all = run(&mut world, 24 * 60);
    let names = |names: &[&str]| -> Vec<String> { names.iter().map(|name| (*name).to_owned()).collect() };
    assert_eq!(
        all,
        [
            // 22:15 in Berlin: before the first hand-over of the first day nobody is on call, by no schedule. Nobody is waited
            // for: the boss hears at once, and the pager, which knows whom to wake.
            (15, names(&["manager", "mail/boss", "pager"])),
            // Again: by now it is Ada's turn.
            (45, names(&["mail/ada"])),
            // Nobody is on call by the second schedule.
            (55, names(&["mail/boss", "pager"])),
            (85, names(&["mail/ada", "mail/boss", "pager", "manager", "phone"])),
        ]
    );
    let of_kind =
        |kind: &str| -> Vec<&Decision> { world.journal.iter().filter(|decision| decision.kind() == kind).collect() };
    let reasons: Vec<&str> = of_kind("escalation_stepped").iter().map(|decision| decision.because()).collect();
    assert_eq!(
        reasons,
        [
            "step 1 of 6 of escalation policy `hr`: nobody is on call by schedule `desk`",
            "step 2 of 6 of escalation policy `hr`: nobody is on call by schedule `later`",
            "step 3 of 6 of escalation policy `hr`: `boss` (named in the step)",
            "step 4 of 6 of escalation policy `hr`: `ada` (on call: schedule `desk`, layer 1, turn from 2026-03-02T21:25:00Z until 2026-03-03T21:25:00Z)",
            "step 5 of 6 of escalation policy `hr`: nobody is on call by schedule `later`",
            "step 6 of 6 of escalation policy `hr`: `boss` (named in the step)",
        ]
    );
    assert_eq!(of_kind("escalation_ended").len(), 1);
    assert!(
        world.incident(1).timeline.iter().any(|line| line.what.starts_with("escalation is at its end: all 6 steps"))
    );
}

#[test]
fn an_acknowledgement_stops_the_steps_and_is_told_to_who_was_called() {
    let mut world = world(&SETTINGS.replace("15m", "30m"));
    world.alert(&medium(0));
    assert_eq!(run(&mut world, 30), [(30, vec!["manager".to_owned(), "mail/ada".to_owned()])]);
    let decisions = world.ask("ada", Some(1), Action::Acknowledge).unwrap();
    assert_eq!(told(&decisions), ["console", "manager", "mail/ada"]);
    let Decision::NoticeRequested { notice, .. } = &decisions[3] else { panic!("{decisions:?}") };
    assert_eq!(
        (notice.kind, notice.recipient.as_ref().unwrap().address.as_str()),
        (NoticeKind::Acknowledged, "ada@example.com")
    );
    assert_eq!(run(&mut world, 24 * 60), []);
    let decisions = world.ask("ada", Some(1), Action::Close).unwrap();
    assert_eq!(told(&decisions), ["console", "manager", "mail/ada"]);
}

#[test]
fn at_once_means_with_the_opening() {
    let mut world = world(&SETTINGS.replace("15m", "0s"));
    let decisions = world.alert(&medium(30));
    assert_eq!(told(&decisions), ["console", "manager", "mail/boss", "pager"]);
    assert_eq!(
        kinds(&decisions),
        ["incident_opened", "escalation_stepped", "escalation_stepped", "escalation_stepped"]
    );
    assert_eq!(world.after(Span::from_minutes(29)), []);
}

#[test]
fn a_step_that_reaches_nobody_is_not_waited_for() {
    let mut world = world(&SETTINGS.replace("15m", "30m"));
    world.alert(&medium(0));
    run(&mut world, 30);
    let failed = |world: &World| -> Vec<NoticeId> {
        let records = world.incident(1).notices.iter();
        records
            .filter(|record| record.step == "escalation:0:0" && !record.has_failed())
            .map(|record| record.notice.id.clone())
            .collect()
    };
    let rejected = DeliveryResult::Rejected { reason: "550 no such user".into() };
    let decisions = world.report(&failed(&world)[0], rejected.clone());
    assert_eq!(told(&decisions), ["phone"], "the fallback stands in, and is waited for");
    let decisions = world.report(&failed(&world)[0], rejected);
    assert_eq!(told(&decisions), ["mail/boss", "pager"], "the next step that has somebody");
    assert_eq!(run(&mut world, 0), []);
    assert!(world.journal.iter().any(|decision| decision.kind() == "notice_undeliverable"));
}

#[test]
fn who_was_down_for_hours_calls_one_after_the_other() {
    let mut world = world(&SETTINGS.replace("15m", "30m"));
    world.alert(&medium(0));
    let decisions = world.after(Span::from_hours(5));
    assert_eq!(told(&decisions), ["manager", "mail/ada"]);
    assert_eq!(world.book.next_due(), Some(world.now + Span::from_minutes(10)));
}

#[test]
fn an_acknowledgement_that_is_left_lying_lapses_and_all_begins_anew() {
    let settings = SETTINGS.replace("15m", "30m").replace("policy", "unacknowledge_after = \"4h\"\npolicy");
    let mut world = world(&settings);
    world.alert(&medium(0));
    world.ask("ada", Some(1), Action::Acknowledge).unwrap();
    world.after(Span::from_hours(3));
    world.ask("ada", Some(1), Action::Note { text: "reading logs".into() }).unwrap();
    assert_eq!(world.book.next_due(), Some(start() + Span::from_hours(7)), "who does something is at work");
    assert_eq!(world.after(Span::from_minutes(239)), []);
    let decisions = world.after(Span::from_minutes(1));
    assert_eq!(kinds(&decisions), ["acknowledgement_lapsed", "escalation_stepped"]);
    assert_eq!(told(&decisions), ["manager", "mail/ada"]);
    let Decision::NoticeRequested { notice, .. } = &decisions[1] else { panic!("{decisions:?}") };
    assert_eq!(notice.again, 1);
    assert_eq!(world.incident(1).state, IncidentState::Open);
    let decisions = world.ask("ben", Some(1), Action::Acknowledge).unwrap();
    assert_eq!(told(&decisions), ["console", "manager", "mail/ada"], "they hear of the second one, too");
    world.ask("ben", Some(1), Action::Contain { reason: "account locked".into() }).unwrap();
    assert_eq!(run(&mut world, 48 * 60), [], "contained is not left lying");
}

#[test]
fn a_journal_cut_off_anywhere_calls_everybody_and_folds_without_contacts() {
    let settings = SETTINGS.replace("policy", "unacknowledge_after = \"4h\"\npolicy");
    let mut whole = world(&settings);
    whole.alert(&medium(0));
    run(&mut whole, 24 * 60);
    let text: Vec<_> = whole.journal.iter().map(Decision::to_json).collect();
    let mut folded = Casebook::new(policy(""));
    text.iter().for_each(|json| folded.apply(&Decision::from_json(json).unwrap()));
    assert_eq!(folded, whole.book);
    let called = |decisions: &[Decision]| {
        let mut names = told(decisions);
        names.sort();
        names.dedup();
        names
    };
    for cut in 1..whole.journal.len() {
        let mut again = world(&settings);
        again.take(whole.journal[..cut].to_vec());
        again.now = whole.journal[cut - 1].at();
        let rest = again.book.tick(again.now);
        again.take(rest);
        run(&mut again, 24 * 60);
        assert_eq!(called(&again.journal), called(&whole.journal), "cut after {cut}");
        assert!(again.incident(1).escalation.is_over);
    }
}

#[test]
fn a_policy_that_is_not_there_is_refused() {
    let settings: Settings = toml::from_str(SETTINGS).unwrap();
    let policy = Policy::new(settings, &Catalogue::default());
    let wrong = |policy: Result<Policy, Vec<(String, String)>>| policy.unwrap_err();
    let without = Settings {
        jurisdictions: JurisdictionSettings { applicable: Vec::new(), ..JurisdictionSettings::default() },
        ..toml::from_str(SETTINGS).unwrap()
    };
    assert!(policy.is_err(), "no obligations in an empty catalogue");
    let policy = Policy::new(without, &Catalogue::default()).unwrap();
    assert!(wrong(policy.clone().with_contacts(None))[0].1.contains("write `[contacts] file`"));
    let empty = Contacts { book: Arc::default(), channels: BTreeMap::new(), review_every: Span::from_hours(1) };
    assert_eq!(wrong(policy.with_contacts(Some(empty)))[0].1, "there is no policy `hr` in the file of contacts");
    let written: Written =
        toml::from_str(&CONTACTS.replace("addresses = { email = \"boss@example.com\" }", "")).unwrap();
    let book = Arc::new(Book::new(written, &|_| Err(String::new())).unwrap());
    let channels = BTreeMap::from([("mail".to_owned(), "email".to_owned())]);
    let found = Contacts { book, channels, review_every: Span::from_hours(1) }.check();
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].1.starts_with("step 3 of policy `hr`: there is no channel `pager`"));
    let mistakes =
        toml::from_str::<Settings>("[escalation]\nafter = \"0s\"\nunacknowledge_after = \"1m\"\n").unwrap().check();
    let keys: Vec<&str> = mistakes.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["escalation.after", "escalation.unacknowledge_after"], "at once is for a policy");
}
