//! Properties of any history: the journal is all there is.

use crate::{
    escalation::{CONTACTS, with_contacts},
    world::{World, alert, drill, identified, milder, policy},
};
use activity::{DataClass, DataClasses, Entity, EntityKind, Span};
use detector::{Alert, Ruling, Severity, VerdictException};
use incident::*;
use journal::{Chain, Verifier};
use law::Moment;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Something that happens.
#[derive(Clone, Debug)]
enum Input {
    Alert(Box<Alert>),
    Command { by: u8, incident: u64, action: Action },
    Report { notice: prop::sample::Index, result: DeliveryResult },
    Wait(Span),
}

/// With obligations that hang on another notice and on the number of people, and with people who are called one by one.
fn world() -> World {
    let law = r#"applicable = ["eu-gdpr-33-authority", "eu-gdpr-34-individuals", "card-visa-notify", "us-ca-*"]"#;
    let drafts = r#"
[[drafts]]
obligations = ["eu-gdpr-33-authority"]
approval = "by_exception"
approvers = ["p0", "p1"]
hold = "5h"
channel = "authority"
[[drafts]]
obligations = ["eu-gdpr-34-individuals"]
"#;
    let called = "[escalation]\npolicy = \"hr\"\nunacknowledge_after = \"6h\"";
    let settings = crate::world::POLICY.replace("[escalation]", called);
    let mut world = World::new();
    let policy = with_contacts(&format!("{settings}[jurisdictions]\n{law}\n{drafts}"), CONTACTS);
    let policy = incident::Policy::clone(&policy).with_residents(crate::located::residents());
    world.book.set_policy(std::sync::Arc::new(policy));
    world
}

fn alerts() -> impl Strategy<Value = Input> {
    let classes = prop::collection::vec(prop::sample::select(&DataClass::ALL[..]), 0..3);
    let severity = prop::sample::select(&Severity::ALL[..]);
    let why = prop_oneof!["[a-z ]{0,20}", any::<String>()];
    ((0..4u8, 0..4_000u32, 0..3u64), severity, classes, any::<bool>(), why, 0..5_000u64).prop_map(
        |((user, n, mode), severity, classes, page, why, affected_records)| {
            let classes: DataClasses = classes.into_iter().collect();
            let live = milder(alert(&format!("u{user}"), n), severity, classes);
            // Some name employees, of whom a few live in another place or are not in the directory.
            let ids = 590 + affected_records % 120..590 + affected_records % 140;
            let named = (affected_records % 3 == 0).then(|| crate::affected::named("hr.t", "employee", ids)).flatten();
            let live = identified(Alert { page: page || user == 0, why, affected_records, named, ..live });
            Input::Alert(Box::new(if mode == 0 { drill(live, u64::from(user % 2)) } else { live }))
        },
    )
}

fn actions() -> impl Strategy<Value = Action> {
    let reason = prop_oneof![4 => "[a-z]{1,9}", 1 => any::<String>()];
    let verdicts = prop::sample::select(&Verdict::ALL[..]);
    let obligations = prop::sample::select(
        &["eu-gdpr-33-authority", "eu-gdpr-34-individuals", "card-visa-notify", "us-ca-individuals", "us-ca-ag", "x"][..],
    );
    let settlements = prop::sample::select(&[Settlement::Met, Settlement::NotRequired, Settlement::Withdrawn][..]);
    let subject = || (0..4u8).prop_map(|user| Entity::new(EntityKind::PortalUser, format!("u{user}")));
    prop_oneof![
        3 => Just(Action::Acknowledge),
        1 => reason.clone().prop_map(|reason| Action::Contain { reason }),
        3 => (verdicts, reason.clone()).prop_map(|(verdict, reason)| Action::SetVerdict { verdict, reason, aware_at: None }),
        2 => (obligations, settlements, reason.clone())
            .prop_map(|(obligation, how, reason)| Action::Settle { obligation: obligation.into(), how, reason, told_at: None }),
        1 => (prop::sample::select(&Moment::ALL[..]), 0..200i64, reason.clone()).prop_map(|(moment, hours, reason)| {
            Action::RecordMoment { moment, since: Some(crate::world::start() + Span::from_hours(hours - 48)), reason }
        }),
        1 => (prop::sample::select(&["", "US-CA", "DE"][..]), 0..5u64, 0..5u64, reason.clone()).prop_map(
            |(place, lower, more, reason)| Action::CountPeople { place: place.into(), lower, upper: Some(lower + more), reason }
        ),
        2 => Just(Action::Close),
        2 => reason.clone().prop_map(|reason| Action::Reopen { reason }),
        1 => ("[a-z]{0,3}", reason.clone()).prop_map(|(owner, reason)| Action::Assign { owner, reason }),
        1 => reason.clone().prop_map(|reason| Action::Unassign { reason }),
        1 => reason.clone().prop_map(|title| Action::AddTask { title, owner: None, due_at: None }),
        1 => (1..3u32, reason.clone()).prop_map(|(task, reason)| Action::FinishTask { task, reason }),
        1 => (1..3u32, reason.clone()).prop_map(|(task, reason)| Action::ReopenTask { task, reason }),
        3 => (1..5u64, reason.clone()).prop_map(|(into, reason)| Action::Merge { into: IncidentId(into), reason }),
        // Which alerts is filled in when there is an incident.
        2 => reason.clone().prop_map(|reason| Action::Split { alerts: Vec::new(), reason }),
        3 => (1..4u32, acts(), reason.clone()).prop_map(|(draft, act, reason)| Action::Draft { draft, act, reason }),
        2 => (prop::sample::select(&Ruling::ALL[..]), 0..4u8, 0..4u32, reason.clone()).prop_map(|(verdict, user, n, reason)| {
            let alert = crate::world::alert(&format!("u{user}"), n).id;
            let until = crate::world::start() + Span::from_hours(24);
            let exception = VerdictException { until, subject: None, detectors: Vec::new() };
            Action::JudgeAlert { alert, verdict, reason, exception: (n % 2 == 0).then_some(exception) }
        }),
        1 => reason.clone().prop_map(|text| Action::Note { text }),
        1 => (subject(), prop::sample::select(&Severity::ALL[..]), reason.clone()).prop_map(|(subject, severity, reason)| {
            Action::Declare { subject, severity, data_classes: DataClass::Hr.into(), reason }
        }),
        1 => (subject(), prop::sample::select(&Severity::ALL[..]), prop::option::of(0..9u64), reason.clone()).prop_map(
            |(subject, severity, people, reason)| Action::Report {
                subject, severity, data_classes: DataClass::Hr.into(), people, reason,
            }
        ),
        1 => (subject(), 1..12i64, reason).prop_map(|(subject, hours, reason)| {
            let until = crate::world::start() + Span::from_hours(hours);
            Action::Silence { subject, detector: None, until, reason }
        }),
        1 => (1..4u64).prop_map(|silence| Action::ApproveSilence { silence }),
        1 => (1..4u64).prop_map(|silence| Action::EndSilence { silence }),
    ]
}

fn acts() -> impl Strategy<Value = DraftAct> {
    let obligations = prop::sample::select(&["eu-gdpr-34-individuals", "us-ca-ag", "x"][..]);
    prop_oneof![
        1 => obligations.prop_map(|obligation| DraftAct::Make { obligation: obligation.into() }),
        3 => (prop::sample::select(&draft::Field::ALL[..]), any::<String>())
            .prop_map(|(field, text)| DraftAct::Edit { field, text }),
        1 => prop::option::of(Just(draft::Phase::Final)).prop_map(|phase| DraftAct::Redraft { phase }),
        3 => (1..3u32).prop_map(|version| DraftAct::Approve { version }),
        1 => Just(DraftAct::Stop),
        1 => (1..3u32).prop_map(|version| DraftAct::Send { version }),
    ]
}

fn results() -> impl Strategy<Value = DeliveryResult> {
    any::<String>().prop_flat_map(|text| {
        let next_at = crate::world::start();
        prop::sample::select(vec![
            DeliveryResult::Accepted { receipt: text.clone() },
            DeliveryResult::Confirmed { receipt: text.clone() },
            DeliveryResult::Retrying { reason: text.clone(), next_at },
            DeliveryResult::Rejected { reason: text.clone() },
            DeliveryResult::Expired { reason: text },
        ])
    })
}

fn inputs() -> impl Strategy<Value = Vec<Input>> {
    let input = prop_oneof![
        4 => alerts(),
        3 => (0..3u8, 1..5u64, actions()).prop_map(|(by, incident, action)| Input::Command { by, incident, action }),
        3 => (any::<prop::sample::Index>(), results())
            .prop_map(|(notice, result)| Input::Report { notice, result }),
        3 => (0..40 * 3_600_000i64).prop_map(|millis| Input::Wait(Span::from_millis(millis))),
    ];
    prop::collection::vec(input, 1..24)
}

impl World {
    /// Decides and applies; the decisions.
    fn happens(&mut self, input: &Input) -> Vec<Decision> {
        match input {
            Input::Alert(alert) => self.alert(alert),
            Input::Command { by, incident, action } => {
                let mut action = action.clone();
                if let (Action::Split { alerts, .. }, Some(of)) =
                    (&mut action, self.book.incident(IncidentId(*incident)))
                {
                    alerts.extend(of.alerts.last().map(|alert| alert.id));
                }
                let command = Command {
                    id: format!("r{}", self.journal.len()),
                    by: format!("p{by}"),
                    at: self.now,
                    incident: Some(IncidentId(*incident)),
                    action,
                };
                match self.book.command(self.now, &command) {
                    Ok(decisions) => self.take(decisions),
                    Err(refusal) => self.take(vec![refusal.decision(&command, self.now)]),
                }
            }
            Input::Report { notice, result } => {
                let notices: Vec<_> = self
                    .book
                    .incidents()
                    .flat_map(|incident| &incident.notices)
                    .map(|record| record.notice.id.clone())
                    .collect();
                let unknown = NoticeId("0".repeat(32));
                let notice = if notices.is_empty() { &unknown } else { notice.get(&notices) };
                self.report(&notice.clone(), result.clone())
            }
            Input::Wait(span) => self.wait(*span),
        }
    }
}

fn folded<'a>(journal: impl IntoIterator<Item = &'a Decision>) -> Casebook {
    // Another policy: applying must not ask it.
    let mut book = Casebook::new(policy("[[triggers]]\nchannels = [\"other\"]\n"));
    journal.into_iter().for_each(|decision| book.apply(decision));
    book
}

proptest! {
    #[test]
    fn the_journal_folds_to_the_same_casebook(inputs in inputs()) {
        let mut world = world();
        inputs.iter().for_each(|input| drop(world.happens(input)));
        let (mut chain, mut verifier) = (Chain::new(), Verifier::new());
        let read: Vec<_> = (world.journal.iter())
            .map(|decision| {
                let entry = chain.append(decision.at().as_millis(), decision.kind(), decision.to_json(), BTreeMap::new());
                let entry = verifier.read(entry.to_line().as_bytes()).unwrap();
                assert_eq!(entry.body["kind"], entry.kind.as_str());
                Decision::from_json(&entry.body).unwrap()
            })
            .collect();
        prop_assert_eq!(&read, &world.journal);
        prop_assert!(folded(&read) == world.book);
    }

    #[test]
    fn a_journal_cut_off_anywhere_loses_nothing(inputs in inputs()) {
        let mut world = world();
        for input in &inputs {
            let before = world.book.clone();
            let decisions = world.happens(input);
            prop_assert_eq!(world.book.tick(world.now), [], "settled after {:?}", input);
            for cut in 1..decisions.len() {
                let mut crashed = before.clone();
                decisions[..cut].iter().for_each(|decision| crashed.apply(decision));
                let rest = crashed.tick(world.now);
                prop_assert_eq!(&rest[..], &decisions[cut..], "cut after {} of {:?}", cut, input);
            }
            // What was decided and not sent is there after a start.
            let unsent = |book: &Casebook| book.unsent().map(|notice| notice.id.clone()).collect::<Vec<_>>();
            prop_assert_eq!(unsent(&folded(&world.journal)), unsent(&world.book));
        }
    }

    #[test]
    fn what_must_never_be(inputs in inputs()) {
        let mut world = world();
        let mut notices = std::collections::BTreeSet::new();
        for input in &inputs {
            let severities: BTreeMap<_, _> = world.book.incidents().map(|incident| (incident.id, incident.severity)).collect();
            for decision in world.happens(input) {
                let reported = matches!(decision, Decision::DeliveryRecorded { .. });
                prop_assert!(reported || !decision.because().is_empty(), "without a reason: {:?}", decision);
                if let Decision::NoticeRequested { notice, .. } = &decision {
                    prop_assert!(notices.insert(notice.id.clone()), "requested twice");
                }
            }
            world.wait(Span::ZERO);
            prop_assert!(world.book.next_due().is_none_or(|due| world.now < due), "the clock has done its work");
            if let Input::Alert(alert) = input {
                prop_assert_eq!(world.book.alert(world.now, alert), []);
            }
            for incident in world.book.incidents() {
                let is_drill = incident.mode.is_drill();
                prop_assert!(incident.deadlines.iter().all(|deadline| deadline.simulated == is_drill));
                prop_assert!(incident.notices.iter().all(|record| record.notice.drill == incident.mode.drill()));
                prop_assert!(is_drill || incident.is_open() || incident.running_deadlines().is_empty());
                prop_assert!(severities.get(&incident.id).is_none_or(|before| *before <= incident.severity));
                for deadline in incident.deadlines.iter().filter(|deadline| deadline.is_running()) {
                    let by_suspicion = deadline.obligation == "card-visa-notify";
                    let recorded = !incident.moments.is_empty();
                    let somebody = by_suspicion || recorded || incident.aware.is_some();
                    prop_assert!(somebody, "nobody is aware: {:?}", deadline);
                }
            }
            for id in 1..=world.book.counts().incidents_opened {
                prop_assert!(world.book.incident(IncidentId(id)).is_some(), "numbers have no gap");
            }
        }
    }
}

#[test]
fn a_decision_fits_into_a_message() {
    let mut world = world();
    let long = "\u{202e}ü\"\\".repeat(2_000);
    for n in 0..30 {
        let attack = vec![long.clone(); 50];
        world.alert(&identified(Alert {
            why: long.clone(),
            unit: long.clone(),
            attack,
            detector: long.clone(),
            ..alert(&long, n)
        }));
    }
    world.after(Span::from_hours(80));
    let largest = world.journal.iter().map(|decision| decision.to_json().to_string().len()).max().unwrap();
    assert!((1_000..100_000).contains(&largest), "{largest} bytes");
}
