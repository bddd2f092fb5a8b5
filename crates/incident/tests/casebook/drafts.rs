//! What the law wants told: made, edited, approved or stopped, sent; and the texts are in the journal.

use crate::world::{World, alert, drill, kinds, policy, requested, start, verdict};
use activity::Span;
use draft::{Field, Open, Phase};
use incident::*;
use law::Catalogue;

const BASE: &str = r#"
[[triggers]]
channels = ["pager"]
[fallback]
channels = ["phone"]
[organisation]
name = "Example GmbH"
contact = "dpo@example.com"
"#;

const REQUIRED: &str = r#"
[[drafts]]
obligations = ["eu-gdpr-33-authority"]
approvers = ["Ada"]
channel = "authority"
"#;

const BY_EXCEPTION: &str = r#"
[[drafts]]
obligations = ["eu-gdpr-33-authority"]
approval = "by_exception"
approvers = ["Ada", "Bob"]
hold = "4h"
channel = "authority"
"#;

const BY_HAND: &str = r#"
[[drafts]]
obligations = ["eu-gdpr-33-authority", "eu-gdpr-34-*"]
language = "de"
"#;

fn world(rules: &str) -> World {
    World::with(&format!("{BASE}{rules}"))
}

fn act(world: &mut World, by: &str, draft: u32, act: DraftAct) -> Result<Vec<Decision>, String> {
    let action = Action::Draft { draft, act, reason: "reason".into() };
    world.ask(by, Some(1), action).map_err(|refusal| refusal.to_string())
}

fn edit(field: Field, text: &str) -> DraftAct {
    DraftAct::Edit { field, text: text.into() }
}

fn draft(world: &World) -> &Draft {
    world.incident(1).draft(1).expect("a draft")
}

/// The documents that were requested to be sent.
fn documents(decisions: &[Decision]) -> Vec<(&str, &NoticeDocument)> {
    decisions
        .iter()
        .filter_map(|decision| match decision {
            Decision::NoticeRequested { notice, .. } => Some((notice.channel.as_str(), notice.document.as_deref()?)),
            _ => None,
        })
        .collect()
}

#[test]
fn a_limit_that_runs_has_its_draft_and_the_journal_has_the_text() {
    let mut world = world(REQUIRED);
    let decisions = world.alert(&alert("u1", 0));
    assert_eq!(kinds(&decisions)[..3], ["incident_opened", "awareness_set", "deadline_armed"]);
    let made = decisions.iter().find_map(|decision| match decision {
        Decision::DraftChanged { change, .. } => Some(&**change),
        _ => None,
    });
    let Some(DraftChange::Made { obligation, version, .. }) = made else { panic!("no draft: {decisions:?}") };
    assert_eq!((obligation.as_str(), version.version), ("eu-gdpr-33-authority", 1));
    assert_eq!(version.sha256, draft::sha256(&version.text), "anybody can check it");
    assert!(version.text.contains("Example GmbH") && version.text.contains("1,840"), "{}", version.text);
    assert!(
        !version.text.contains("u1") && !version.text.contains("hr_payroll"),
        "no name of a person or table leaves"
    );
    assert_eq!(version.open[..2], [Open::Nature, Open::Information]);
    assert_eq!(draft(&world).state(), DraftState::AwaitsApproval);
    assert_eq!(requested(&decisions), [(NoticeKind::Opened, "pager")], "nothing went to the authority");
    assert!(world.after(Span::from_minutes(1)).is_empty(), "made once");
}

#[test]
fn required_means_that_nothing_goes_out_before_somebody_named_approves_this_very_version() {
    let mut world = world(REQUIRED);
    world.alert(&alert("u1", 0));
    act(&mut world, "Eve", 1, edit(Field::Consequences, "fraud in their names")).unwrap();
    let newest = |refused: Result<Vec<Decision>, String>| refused.unwrap_err();
    assert_eq!(
        newest(act(&mut world, "Ada", 1, DraftAct::Approve { version: 1 })),
        "version 2 of draft 1 is the newest: look at that one"
    );
    assert_eq!(
        newest(act(&mut world, "Eve", 1, DraftAct::Approve { version: 2 })),
        "only Ada may approve or stop draft 1"
    );
    let sent = act(&mut world, "ada (name as given)", 1, DraftAct::Approve { version: 2 }).unwrap();
    assert_eq!(kinds(&sent), ["draft_changed", "notice_requested", "draft_changed"]);
    let documents = documents(&sent);
    let (channel, document) = documents[0];
    assert_eq!((channel, document.version, &document.text), ("authority", 2, &draft(&world).text));
    assert!(document.text.contains("fraud in their names"));
    assert_eq!(document.sha256, draft(&world).newest().unwrap().sha256);
    assert_eq!(draft(&world).state(), DraftState::Sent);
    let refused = act(&mut world, "Ada", 1, DraftAct::Approve { version: 2 }).unwrap_err();
    assert_eq!(refused, "version 2 of draft 1 was sent already");
    assert!(
        world.incident(1).deadline("eu-gdpr-33-authority").unwrap().is_running(),
        "sent is not proof: a person settles"
    );
    // Whoever is told a document is not told how the incident goes on.
    world.ask("Ada", Some(1), verdict(Verdict::NotABreach)).unwrap();
    let closed = world.ask("Ada", Some(1), Action::Close).unwrap();
    assert_eq!(requested(&closed), [(NoticeKind::Closed, "pager")]);
}

#[test]
fn a_missing_approval_shows_in_the_warnings() {
    let mut world = world(REQUIRED);
    world.alert(&alert("u1", 0));
    let warned = world.after(Span::from_hours(37));
    let told = warned.iter().find_map(|decision| match decision {
        Decision::NoticeRequested { notice, .. } => Some(notice.title.clone()),
        _ => None,
    });
    let title = told.expect("a warning");
    assert!(
        title.starts_with("50 % of the time limit") && title.contains("; draft 1 is not approved yet, by Ada"),
        "{title}"
    );
    act(&mut world, "Ada", 1, DraftAct::Stop).unwrap();
    let warned = world.after(Span::from_hours(18));
    let said = warned.iter().any(|decision| decision.because().contains("draft 1 was stopped by Ada and is not sent"));
    assert!(said, "undecided or stopped never means not needed: {warned:?}");
    act(&mut world, "Ada", 1, DraftAct::Approve { version: 1 }).unwrap();
    let warned = world.after(Span::from_hours(12));
    assert!(!warned.is_empty() && warned.iter().all(|decision| !decision.because().contains("draft")));
}

#[test]
fn by_exception_it_goes_out_at_the_end_of_its_hold_with_what_is_known_then() {
    let mut world = world(BY_EXCEPTION);
    world.alert(&alert("u1", 0));
    assert_eq!(draft(&world).hold_until, Some(start() + Span::from_hours(4)));
    world.after(Span::from_hours(3));
    world
        .ask(
            "Ada",
            Some(1),
            Action::CountPeople { place: String::new(), lower: 12, upper: Some(12), reason: "r".into() },
        )
        .unwrap();
    assert!(documents(&world.journal).is_empty());
    let sent = world.after(Span::from_hours(1));
    let (channel, document) = documents(&sent)[0];
    assert_eq!((channel, document.version), ("authority", 2), "a version of its own, since more is known by now");
    assert!(document.text.contains("| People | 12 | a person's count | 12 | a person's count |"), "{}", document.text);
    let last = draft(&world).sent.last().unwrap();
    assert_eq!(last.could_stop, ["Ada", "Bob"]);
    assert_eq!(last.act.because, "its hold is over, and nobody stopped it; who could have: Ada, Bob");
    assert!(world.after(Span::from_hours(1)).iter().all(|decision| decision.kind() != "draft_changed"), "sent once");
}

#[test]
fn a_hold_never_passes_the_limit_and_a_stop_holds() {
    let mut world = world(&BY_EXCEPTION.replace("4h", "72h"));
    world.alert(&alert("u1", 0));
    assert_eq!(draft(&world).hold_until, world.incident(1).deadline("eu-gdpr-33-authority").unwrap().due_at);
    assert_eq!(act(&mut world, "Eve", 1, DraftAct::Stop).unwrap_err(), "only Ada or Bob may approve or stop draft 1");
    act(&mut world, "Bob", 1, DraftAct::Stop).unwrap();
    let later = world.after(Span::from_hours(80));
    assert!(documents(&later).is_empty() && draft(&world).state() == DraftState::Stopped);
    let late = act(&mut world, "Eve", 1, DraftAct::Redraft { phase: None }).unwrap();
    let Decision::DraftChanged { change, .. } = &late[0] else { panic!("{late:?}") };
    let DraftChange::Revised { version, .. } = &**change else { panic!("{change:?}") };
    assert!(version.open.contains(&Open::Delay), "it is late now, and says so");
    let sent = act(&mut world, "Bob", 1, DraftAct::Send { version: 2 }).unwrap();
    assert_eq!(documents(&sent).len(), 1, "approved after all");
}

#[test]
fn what_need_not_be_told_does_not_go_out_by_itself() {
    let mut world = world(BY_EXCEPTION);
    world.alert(&alert("u1", 0));
    let settle = Action::Settle {
        obligation: "eu-gdpr-33-authority".into(),
        how: Settlement::NotRequired,
        reason: "no risk".into(),
        told_at: None,
    };
    world.ask("Ada", Some(1), settle).unwrap();
    assert!(documents(&world.after(Span::from_hours(10))).is_empty());
}

#[test]
fn a_follow_up_says_what_is_new_and_begins_a_hold_of_its_own() {
    let mut world = world(BY_EXCEPTION);
    world.alert(&alert("u1", 0));
    world.after(Span::from_hours(5));
    act(&mut world, "Ada", 1, edit(Field::Measures, "the account is locked")).unwrap();
    let of = draft(&world);
    assert_eq!((of.phase(), of.hold_until), (Phase::FollowUp, Some(world.now + Span::from_hours(4))));
    assert!(of.text.contains("follow-up notification") && of.text.contains("## What is new"), "{}", of.text);
    assert!(of.text.contains("- the account is locked\n"));
    act(&mut world, "Ada", 1, DraftAct::Redraft { phase: Some(Phase::Final) }).unwrap();
    let sent = world.after(Span::from_hours(4));
    assert!(documents(&sent)[0].1.text.contains("final notification"));
    let phases: Vec<_> = draft(&world).sent.iter().map(|sent| sent.phase).collect();
    assert_eq!(phases, [Phase::Initial, Phase::Final]);
    assert_eq!(draft(&world).sent.len(), 2);
}

#[test]
fn without_a_channel_a_person_sends_it_and_says_so() {
    let mut world = world(BY_HAND);
    world.alert(&alert("u1", 0));
    let languages: Vec<_> = world.incident(1).drafts.iter().map(|draft| draft.language.tag()).collect();
    assert_eq!(languages, ["de", "de"]);
    assert!(world.incident(1).draft(2).unwrap().text.starts_with("# Ihre personenbezogenen Daten"));
    let refused = act(&mut world, "Eve", 1, DraftAct::Send { version: 1 }).unwrap_err();
    assert_eq!(refused, "draft 1 must be approved before it is sent");
    act(&mut world, "Eve", 1, DraftAct::Approve { version: 1 }).unwrap();
    assert_eq!(draft(&world).state(), DraftState::Approved);
    let sent = act(&mut world, "Eve", 1, DraftAct::Send { version: 1 }).unwrap();
    assert_eq!(kinds(&sent), ["draft_changed"]);
    assert_eq!(draft(&world).sent[0].notice, None);
    let refused = act(&mut world, "Eve", 1, edit(Field::Monitoring, "x")).unwrap_err();
    assert_eq!(refused, "`monitoring` has no place in this document");
    let long = "x".repeat(draft::limits::FIELD_MAX + 1);
    assert!(act(&mut world, "Eve", 1, edit(Field::Nature, &long)).unwrap_err().starts_with("at most"));
}

#[test]
fn a_drills_draft_goes_through_all_of_it_and_nothing_leaves() {
    let mut world = world(BY_EXCEPTION);
    world.alert(&drill(alert("u1", 0), 7));
    assert!(draft(&world).text.contains("EXERCISE"));
    let later = world.after(Span::from_hours(5));
    assert!(documents(&later).is_empty());
    let sent = draft(&world).sent.last().expect("as if it had been sent");
    assert!(sent.notice.is_none() && sent.act.because.ends_with("an exercise: nothing leaves"));
}

#[test]
fn what_cannot_be_delivered_is_told_to_people_not_shown_to_them() {
    let mut world = world(REQUIRED);
    world.alert(&alert("u1", 0));
    act(&mut world, "Ada", 1, DraftAct::Approve { version: 1 }).unwrap();
    let id = world.notice(1, NoticeKind::Draft, "authority");
    let decisions = world.report(&id, DeliveryResult::Rejected { reason: "550 unknown".into() });
    assert_eq!(requested(&decisions), [(NoticeKind::Escalated, "phone")]);
    let Some(Decision::NoticeRequested { notice, .. }) = decisions.last() else { panic!("{decisions:?}") };
    assert!(notice.title.starts_with("Not delivered over `authority`: Notification of"), "{}", notice.title);
    // Channels that show no title still say it.
    let wording = "A document that the law wants sent was not delivered over channel authority.";
    assert_eq!(notice.wording.as_deref(), Some(wording));
    assert!(notice.document.is_none());
}

#[test]
fn people_ask_for_a_draft_of_what_applies() {
    let mut world = world("");
    world.alert(&alert("u1", 0));
    assert!(world.incident(1).drafts.is_empty());
    let make = |id: &str| DraftAct::Make { obligation: id.into() };
    assert!(act(&mut world, "Ada", 0, make("us-ca-ag")).unwrap_err().contains("not among the obligations"));
    act(&mut world, "Ada", 0, make("eu-gdpr-34-individuals")).unwrap();
    assert!(act(&mut world, "Ada", 0, make("eu-gdpr-34-individuals")).unwrap_err().contains("already"));
    assert_eq!(draft(&world).terms, Terms::default(), "required, by anybody, by hand");
}

#[test]
fn versions_have_an_end() {
    let mut world = world(REQUIRED);
    world.alert(&alert("u1", 0));
    let refused = (0..200).find_map(|n| act(&mut world, "Ada", 1, edit(Field::Nature, &format!("text {n}"))).err());
    assert_eq!(refused.as_deref(), Some("a draft has at most 100 versions"));
    assert_eq!(draft(&world).version() as usize, limits::DRAFT_VERSIONS_MAX);
}

#[test]
fn the_register_holds_facts_effects_and_remedies() {
    let mut world = world(REQUIRED);
    world.alert(&alert("u1", 0));
    act(&mut world, "Ada", 1, edit(Field::Consequences, "fraud")).unwrap();
    act(&mut world, "Ada", 1, edit(Field::Measures, "passwords changed")).unwrap();
    world.ask("Ada", Some(1), Action::Contain { reason: "account locked".into() }).unwrap();
    world.ask("Ada", Some(1), verdict(Verdict::Breach)).unwrap();
    act(&mut world, "Ada", 1, DraftAct::Approve { version: 3 }).unwrap();
    let entry = world.incident(1).register_entry();
    assert_eq!(
        (entry.reference.as_str(), entry.verdict.as_str(), entry.verdict_by.as_str()),
        ("INC-1", "breach", "Ada")
    );
    assert_eq!(entry.effects, "fraud");
    assert!(
        entry.remedial.starts_with("contained at") && entry.remedial.ends_with("passwords changed"),
        "{}",
        entry.remedial
    );
    assert!(entry.facts.contains("read 1,840 rows"));
    assert_eq!(entry.open(), ["people"]);
    let of = entry.obligations.iter().find(|of| of.obligation == "eu-gdpr-33-authority").unwrap();
    assert_eq!((of.state.as_str(), of.sent.as_ref().map(|(version, _)| *version)), ("running", Some(3)));
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let refused = |rule: &str| {
        let settings: Settings = toml::from_str(&format!("{BASE}[[drafts]]\n{rule}")).unwrap();
        let law = Catalogue::parse(Catalogue::DEFAULT).unwrap();
        let mistakes = Policy::new(settings, &law).err().unwrap_or_default();
        mistakes.into_iter().map(|(key, _)| key).collect::<Vec<_>>()
    };
    let authority = "obligations = [\"eu-gdpr-33-authority\"]\n";
    assert!(refused(authority).is_empty());
    assert_eq!(refused("obligations = []"), ["drafts[0].obligations"]);
    assert_eq!(refused("obligations = [\"us-ca-*\"]"), ["drafts[0].obligations[0]"], "it does not apply");
    assert_eq!(refused("obligations = [\"card-visa-notify\"]"), ["drafts[0].obligations[0]"], "no document is known");
    let by_exception = format!("{authority}approval = \"by_exception\"");
    assert_eq!(refused(&by_exception), ["drafts[0].approvers", "drafts[0].channel", "drafts[0].hold"]);
    assert_eq!(refused(&format!("{authority}hold = \"4h\"")), ["drafts[0].hold"]);
    let people = "obligations = [\"eu-gdpr-34-individuals\"]\nrecipients = \"directory\"\n";
    assert_eq!(refused(people), ["drafts[0].recipients"], "nobody would write to them");
    assert!(refused(&format!("{people}channel = \"mail\"")).is_empty());
    let mixed = "obligations = [\"eu-gdpr-3*\"]\nchannel = \"mail\"";
    assert_eq!(refused(mixed), ["drafts[0].obligations[0]"], "the authority's address is not the people's");
    let authority = format!("{authority}recipients = \"named\"\nchannel = \"mail\"");
    assert_eq!(refused(&authority), ["drafts[0].obligations[0]"]);
    let named = policy(&format!("{BASE}{REQUIRED}")).settings().channels();
    assert!(named.contains(&("drafts[0].channel".into(), "authority".into())));
}

#[test]
fn every_detector_is_a_sign_of_something() {
    let without = detector::DETECTORS.iter().map(|spec| spec.name).filter(|name| draft::Sign::of(name).is_none());
    assert_eq!(without.collect::<Vec<_>>(), ["silence"]);
}

#[test]
fn a_hold_begins_anew_when_what_had_ended_goes_on() {
    let authority = "eu-gdpr-33-authority";
    let mut world = world(BY_EXCEPTION);
    world.alert(&alert("u1", 0));
    world.ask("Ada", Some(1), verdict(Verdict::NotABreach)).unwrap();
    world.after(Span::from_hours(6));
    assert!(documents(&world.journal).is_empty());
    let back = world.ask("Ada", Some(1), verdict(Verdict::Breach)).unwrap();
    assert!(documents(&back).is_empty(), "who may stop it has the whole hold: {back:?}");
    assert_eq!(draft(&world).hold_until, Some(world.now + Span::from_hours(4)));
    assert_eq!(documents(&world.after(Span::from_hours(4))).len(), 1);
    // Over for longer than the limit itself, and opened again.
    let mut world = self::world(BY_EXCEPTION);
    world.alert(&alert("u1", 0));
    world.ask("Ada", Some(1), verdict(Verdict::NotABreach)).unwrap();
    world.ask("Ada", Some(1), Action::Close).unwrap();
    world.after(Span::from_hours(100));
    let again = world.ask("Ada", Some(1), Action::Reopen { reason: "it was one".into() }).unwrap();
    let limit = world.incident(1).deadline(authority).unwrap();
    assert!(limit.is_running() && limit.due_at.unwrap() < world.now, "{limit:?}");
    assert!(documents(&again).is_empty(), "late is no reason to send what nobody has seen");
    assert_eq!(documents(&world.after(Span::from_hours(4))).len(), 1);
}

#[test]
fn what_did_not_arrive_counts_as_not_sent_and_can_be_sent_again() {
    let mut world = world(BY_EXCEPTION);
    world.alert(&alert("u1", 0));
    let sent = world.after(Span::from_hours(4));
    let first = draft(&world).sent[0].notice.clone().unwrap();
    assert_eq!((documents(&sent).len(), draft(&world).state()), (1, DraftState::Sent));
    world.report(&first, DeliveryResult::Rejected { reason: "550 unknown".into() });
    assert_eq!(draft(&world).sent[0].failed.as_deref(), Some("550 unknown"));
    assert_eq!(draft(&world).state(), DraftState::Stopped);
    let warned = world.after(Span::from_hours(33));
    let said = "draft 1 could not be delivered: 550 unknown";
    assert!(warned.iter().any(|decision| decision.because().contains(said)), "{warned:?}");
    let of = world.incident(1).register_entry().obligations;
    assert!(of.iter().all(|of| of.sent.is_none()), "the register does not say that it was sent");
    let refused = act(&mut world, "Ada", 1, DraftAct::Redraft { phase: Some(Phase::FollowUp) }).unwrap_err();
    assert_eq!(refused, "nothing has been sent that this could follow");
    let version = draft(&world).version();
    let again = act(&mut world, "Ada", 1, DraftAct::Approve { version }).unwrap();
    assert_eq!(documents(&again).len(), 1, "the same text, as a notice of its own");
    let second = draft(&world).sent[1].notice.clone().unwrap();
    assert_ne!(second, first);
    world.report(&second, DeliveryResult::Accepted { receipt: "250".into() });
    assert_eq!(draft(&world).state(), DraftState::Sent);
    // A report that comes in another order: what arrived after all has arrived.
    world.report(&first, DeliveryResult::Accepted { receipt: "250".into() });
    assert!(draft(&world).sent.iter().all(|sent| sent.failed.is_none()));
}

#[test]
fn a_person_who_says_that_the_limit_is_met_has_told_them() {
    let mut world = world(BY_EXCEPTION);
    world.alert(&alert("u1", 0));
    let settle = Action::Settle {
        obligation: "eu-gdpr-33-authority".into(),
        how: Settlement::Met,
        reason: "told over their portal".into(),
        told_at: None,
    };
    world.ask("Ada", Some(1), settle).unwrap();
    assert!(documents(&world.after(Span::from_hours(10))).is_empty(), "the authority has it once");
}

#[test]
fn a_sent_follow_up_says_what_it_would_say_now() {
    let mut world = world(BY_EXCEPTION);
    world.alert(&alert("u1", 0));
    world.after(Span::from_hours(4));
    act(&mut world, "Ada", 1, edit(Field::Measures, "the account is locked")).unwrap();
    world.after(Span::from_hours(4));
    assert_eq!((draft(&world).sent.len(), draft(&world).state()), (2, DraftState::Sent));
    let stale = |world: &World| world.incident(1).draft_is_stale(world.book.policy(), draft(world), world.now);
    assert!(!stale(&world));
    world.ask("Ada", Some(1), Action::Contain { reason: "the door is shut".into() }).unwrap();
    assert!(stale(&world));
}

#[test]
fn a_merge_sends_nothing_twice_and_forgets_no_stop() {
    let merge = Action::Merge { into: IncidentId(2), reason: "the same".into() };
    let mut world = world(BY_EXCEPTION);
    world.alert(&alert("u1", 0));
    world.after(Span::from_hours(2));
    world.alert(&alert("u2", 120));
    world.after(Span::from_hours(2));
    let first = draft(&world).sent[0].notice.clone().unwrap();
    act_on(&mut world, 2, "Ada", edit(Field::Measures, "locked")).unwrap();
    world.ask("Ada", Some(1), merge.clone()).unwrap();
    let home = world.incident(2).draft(1).unwrap();
    assert_eq!((home.sent.len(), home.answers.get(&Field::Measures).map(String::as_str)), (1, Some("locked")));
    assert!(documents(&world.wait(Span::from_hours(10))).is_empty(), "the authority has the initial notice");
    world.report(&first, DeliveryResult::Rejected { reason: "550".into() });
    assert_eq!(world.incident(2).draft(1).unwrap().state(), DraftState::Stopped, "heard where it goes on");

    let mut world = self::world(BY_EXCEPTION);
    world.alert(&alert("u1", 0));
    world.alert(&alert("u2", 1));
    act(&mut world, "Bob", 1, DraftAct::Stop).unwrap();
    world.ask("Ada", Some(1), merge).unwrap();
    assert!(documents(&world.after(Span::from_hours(10))).is_empty());
    assert_eq!(world.incident(2).draft(1).unwrap().stopped.as_ref().unwrap().by, "Bob");
}

fn act_on(world: &mut World, incident: u64, by: &str, act: DraftAct) -> Result<Vec<Decision>, Refusal> {
    world.ask(by, Some(incident), Action::Draft { draft: 1, act, reason: "reason".into() })
}
