//! An incident's life: owner, tasks, opening again, merging, splitting.

use crate::world::{World, alert, drill, identified, kinds, milder, requested, start, verdict};
use activity::{DataClass, Entity, EntityKind, Span};
use detector::{Alert, Severity};
use incident::*;

fn why(text: &str) -> String {
    text.into()
}

fn merge(into: u64) -> Action {
    Action::Merge { into: IncidentId(into), reason: why("the same thief") }
}

fn reopen() -> Action {
    Action::Reopen { reason: why("a copy was found") }
}

fn split(alerts: &[Alert]) -> Action {
    Action::Split { alerts: alerts.iter().map(|alert| alert.id).collect(), reason: why("another matter") }
}

/// Folded from its journal, under another policy.
fn folds(world: &World) {
    let mut book = Casebook::new(crate::world::policy("[[triggers]]\nchannels = [\"other\"]\n"));
    world.journal.iter().for_each(|decision| book.apply(&Decision::from_json(&decision.to_json()).unwrap()));
    assert!(book == world.book, "the journal folds to the same casebook");
}

#[test]
fn an_owner_is_a_name_and_not_who_acknowledged() {
    let mut world = World::new();
    world.alert(&alert("u1", 0));
    world.ask("ann", Some(1), Action::Acknowledge).unwrap();
    assert_eq!(world.incident(1).looked_after_by(), Some("ann"));
    let assign = |owner: &str| Action::Assign { owner: owner.into(), reason: why("on duty") };
    world.ask("ann", Some(1), assign(" bob\u{202e} ")).unwrap();
    let owner = world.incident(1).owner.clone().unwrap();
    assert_eq!((owner.name.as_str(), owner.by.as_str(), owner.since), ("bob\\u{202e}", "ann", start()));
    world.ask("ann", Some(1), assign("cyd")).unwrap();
    assert_eq!(world.ask("ann", Some(1), assign("cyd")), Err(Refusal::OwnerAlready(IncidentId(1), "cyd".into())));
    for name in ["", " ", "Policy", &"x".repeat(limits::NAME_MAX + 1)] {
        assert_eq!(world.ask("ann", Some(1), assign(name)), Err(Refusal::Name { field: "owner" }), "{name}");
    }
    let unassign = Action::Unassign { reason: why("on leave") };
    world.ask("ann", Some(1), unassign.clone()).unwrap();
    assert_eq!(world.ask("ann", Some(1), unassign), Err(Refusal::NoOwner(IncidentId(1))));
    assert_eq!(world.incident(1).looked_after_by(), Some("ann"));
    let said: Vec<&str> = world.incident(1).timeline.iter().rev().take(3).map(|line| line.what.as_str()).collect();
    assert_eq!(said, ["has no owner any more: on leave", "given to cyd: on duty", "given to bob\\u{202e}: on duty"]);
    folds(&world);
}

#[test]
fn an_incident_does_not_close_over_an_open_task() {
    let mut world = World::new();
    world.alert(&drill(alert("u1", 0), 3));
    let due_at = Some(start() + Span::from_hours(2));
    let add = |due_at| Action::AddTask { title: why("call the bank"), owner: Some("bob".into()), due_at };
    assert_eq!(world.ask("ann", Some(1), add(Some(start() - Span::from_millis(1)))), Err(Refusal::TaskDue));
    world.ask("ann", Some(1), add(due_at)).unwrap();
    world.ask("ann", Some(1), add(None)).unwrap();
    let done = |task| Action::FinishTask { task, reason: why("they stopped it") };
    assert_eq!(world.ask("ann", Some(1), done(3)), Err(Refusal::NoSuchTask(IncidentId(1), 3)));
    world.after(Span::from_hours(3));
    let overdue: Vec<u32> =
        world.incident(1).tasks.iter().filter(|task| task.is_overdue(world.now)).map(|task| task.number).collect();
    assert_eq!(overdue, [1]);
    world.ask("bob", Some(1), done(1)).unwrap();
    assert_eq!(world.ask("bob", Some(1), done(1)), Err(Refusal::TaskDone(1)));
    let act = world.incident(1).task(1).unwrap().done.clone().unwrap();
    assert_eq!((act.by.as_str(), act.at, act.because.as_str()), ("bob", world.now, "they stopped it"));
    let refused = world.ask("ann", Some(1), Action::Close).unwrap_err();
    assert_eq!(refused.to_string(), "tasks are open: 2 call the bank; record what came of them first");
    let again = Action::ReopenTask { task: 1, reason: why("it did not hold") };
    world.ask("bob", Some(1), again.clone()).unwrap();
    assert_eq!(world.ask("bob", Some(1), again), Err(Refusal::TaskOpen(1)));
    world.ask("bob", Some(1), done(1)).unwrap();
    world.ask("bob", Some(1), done(2)).unwrap();
    world.ask("ann", Some(1), Action::Close).unwrap();
    assert!(matches!(world.ask("ann", Some(1), add(None)), Err(Refusal::NotInThisState { .. })));
    folds(&world);
}

#[test]
fn tasks_are_bounded() {
    let mut world = World::new();
    world.alert(&drill(alert("u1", 0), 3));
    let add = || Action::AddTask { title: why("look"), owner: None, due_at: None };
    for _ in 0..limits::TASKS_MAX {
        world.ask("ann", Some(1), add()).unwrap();
    }
    assert_eq!(world.ask("ann", Some(1), add()), Err(Refusal::TooManyTasks(IncidentId(1))));
}

#[test]
fn opened_again_it_waits_for_somebody_and_what_was_withdrawn_runs_again() {
    let mut world = World::new();
    world.alert(&alert("u1", 0));
    world.ask("ann", Some(1), Action::Acknowledge).unwrap();
    assert!(matches!(world.ask("ann", Some(1), reopen()), Err(Refusal::NotInThisState { .. })));
    let ran: Vec<_> =
        world.incident(1).deadlines.iter().map(|one| (one.obligation.clone(), one.starts_at, one.due_at)).collect();
    world.ask("dpo", Some(1), verdict(Verdict::NotABreach)).unwrap();
    world.ask("dpo", Some(1), Action::Close).unwrap();
    assert_eq!(world.book.counts().incidents_opened, 1);
    let told: Vec<String> = world.incident(1).told.keys().cloned().collect();

    world.after(Span::from_hours(30));
    let decisions = world.ask("bob", Some(1), reopen()).unwrap();
    let incident = world.incident(1);
    assert_eq!((incident.state, incident.verdict, incident.n_reopened), (IncidentState::Open, Verdict::Undecided, 1));
    assert!(incident.acknowledged.is_none() && incident.contained.is_none() && incident.closed.is_none());
    // From when they ran first, not from now.
    let runs: Vec<_> =
        incident.running_deadlines().iter().map(|one| (one.obligation.clone(), one.starts_at, one.due_at)).collect();
    assert!(!ran.is_empty() && ran.iter().all(|one| runs.contains(one)), "{ran:?} {runs:?}");
    let opened: Vec<_> =
        requested(&decisions).into_iter().filter(|(kind, _)| *kind == NoticeKind::Opened).map(|(_, to)| to).collect();
    assert_eq!(opened, told, "whoever heard of its end hears that it goes on");
    let titles = decisions.iter().filter_map(|decision| match decision {
        Decision::NoticeRequested { notice, .. } if notice.kind == NoticeKind::Opened => Some(notice.title.clone()),
        _ => None,
    });
    assert!(titles.into_iter().all(|title| title.starts_with("Open again: ")));
    // Nobody looks after it: it escalates, a quarter of an hour after it was opened again.
    assert!(world.after(Span::from_minutes(14)).iter().all(|decision| decision.kind() != "notice_requested"));
    assert_eq!(requested(&world.after(Span::from_minutes(1))), [(NoticeKind::Escalated, "manager")]);
    // Later alerts of its subject are its own again, and its second end is told as its first was.
    assert_eq!(kinds(&world.alert(&alert("u1", 1)))[0], "alert_grouped");
    world.ask("dpo", Some(1), verdict(Verdict::NotABreach)).unwrap();
    let closed = requested(&world.ask("dpo", Some(1), Action::Close).unwrap()).len();
    assert_eq!(closed, world.incident(1).told.len());
    folds(&world);
}

#[test]
fn what_was_met_stays_met_when_it_is_opened_again() {
    let mut world = World::new();
    world.alert(&alert("u1", 0));
    let met: Vec<String> = world.incident(1).running_deadlines().iter().map(|one| one.obligation.clone()).collect();
    for obligation in &met {
        let (obligation, how) = (obligation.clone(), Settlement::Met);
        world.ask("dpo", Some(1), Action::Settle { obligation, how, reason: why("filed"), told_at: None }).unwrap();
    }
    world.ask("dpo", Some(1), Action::Close).unwrap();
    world.ask("dpo", Some(1), reopen()).unwrap();
    let incident = world.incident(1);
    assert!(met.iter().all(|obligation| incident.deadline(obligation).unwrap().told_at().is_some()));
    assert!(incident.running_deadlines().is_empty());
}

/// Two live incidents: customers' data at first, payroll data two hours later.
fn two() -> World {
    let mut world = World::new();
    world.alert(&milder(alert("u1", 0), Severity::High, DataClass::Customer));
    world.after(Span::from_hours(2));
    world.alert(&alert("u2", 120));
    world
}

#[test]
fn merged_one_goes_on_in_the_other_with_the_earliest_awareness() {
    let mut world = two();
    let aware_at = start() + Span::from_minutes(5);
    let breach = Action::SetVerdict { verdict: Verdict::Breach, reason: why("seen"), aware_at: Some(aware_at) };
    world.ask("dpo", Some(1), breach).unwrap();
    world.ask("dpo", Some(1), Action::AddTask { title: why("call"), owner: None, due_at: None }).unwrap();
    world.ask("dpo", Some(1), Action::Assign { owner: "bob".into(), reason: why("on duty") }).unwrap();
    let (records, later) = (world.incident(1).affected_records, world.incident(2).aware.clone().unwrap().at);
    assert!(aware_at < later);
    let before = world.incident(2).clone();

    let decisions = world.ask("ann", Some(1), merge(2)).unwrap();
    assert_eq!(decisions[0].kind(), "incident_merged");
    let (gone, home) = (world.incident(1), world.incident(2));
    assert_eq!((gone.state, gone.merged_into), (IncidentState::Closed, Some(IncidentId(2))));
    assert!(gone.running_deadlines().is_empty());
    assert_eq!((home.state, home.merged.as_slice()), (IncidentState::Open, &[IncidentId(1)][..]));
    assert_eq!(home.aware.as_ref().unwrap().at, aware_at);
    assert_eq!((home.verdict, home.severity), (Verdict::Breach, Severity::Critical));
    assert_eq!(home.data_classes, [DataClass::Hr, DataClass::Customer].into_iter().collect());
    assert_eq!((home.n_alerts, home.alerts.len()), (2, 2));
    assert_eq!(home.affected_records, records + before.affected_records);
    assert_eq!(home.looked_after_by(), Some("bob"));
    assert_eq!(home.open_tasks().map(|task| task.title.as_str()).collect::<Vec<_>>(), ["call"]);
    let authority = home.deadline("eu-gdpr-33-authority").unwrap();
    assert_eq!(authority.starts_at, aware_at);
    assert!(authority.due_at < before.deadline("eu-gdpr-33-authority").unwrap().due_at);
    // Whoever had heard of the first hears of its end, and where it goes on.
    let ends: Vec<_> = decisions
        .iter()
        .filter_map(|decision| match decision {
            Decision::NoticeRequested { notice, .. } if notice.incident == IncidentId(1) => {
                Some((notice.kind, notice.title.clone()))
            }
            _ => None,
        })
        .collect();
    assert_eq!(ends.len(), gone.told.len());
    assert!(
        ends.iter().all(|(kind, title)| *kind == NoticeKind::Closed && title.starts_with("Merged into INC-2: ")),
        "{ends:?}"
    );
    // Its later alerts, by subject and by evidence, group there.
    assert_eq!(world.alert(&alert("u1", 121))[0].incident(), Some(IncidentId(2)));
    assert_eq!(world.book.by_urgency()[0].id, IncidentId(2));
    // It is over for good.
    let elsewhere = Err(Refusal::GoesOnElsewhere(IncidentId(1), IncidentId(2)));
    assert_eq!(world.ask("ann", Some(1), reopen()), elsewhere);
    assert_eq!(world.ask("ann", Some(1), merge(2)), elsewhere);
    folds(&world);
}

#[test]
fn a_merge_loses_no_notice_and_doubles_none() {
    let mut world = World::new();
    world.alert(&milder(alert("u1", 0), Severity::High, DataClass::Customer));
    world.alert(&alert("u2", 1));
    let outstanding: Vec<NoticeId> = world.book.unsent().map(|notice| notice.id.clone()).collect();
    assert!(!outstanding.is_empty());
    world.ask("ann", Some(1), merge(2)).unwrap();
    let after: Vec<NoticeId> = world.book.unsent().map(|notice| notice.id.clone()).collect();
    let mut different = after.clone();
    different.sort();
    different.dedup();
    assert_eq!(different.len(), after.len());
    assert!(outstanding.iter().all(|notice| after.contains(notice)));
    // What the first one's channel says is recorded there, and falls back from there.
    let first = world.notice(1, NoticeKind::Opened, "console");
    let decisions = world.report(&first, DeliveryResult::Rejected { reason: "401".into() });
    // The phone, which had heard of nothing, hears of the beginning and of the end.
    assert_eq!(requested(&decisions), [(NoticeKind::Opened, "phone"), (NoticeKind::Closed, "phone")]);
    assert_eq!(world.after(Span::ZERO), []);
}

#[test]
fn a_merge_never_eases_anything() {
    let mut world = two();
    // The one it goes into was found to be no breach: the other was not.
    world.ask("dpo", Some(2), verdict(Verdict::NotABreach)).unwrap();
    assert!(world.incident(2).running_deadlines().is_empty());
    let count =
        |lower, upper| Action::CountPeople { place: "DE".into(), lower, upper: Some(upper), reason: why("payroll") };
    world.ask("dpo", Some(1), count(5, 10)).unwrap();
    world.ask("dpo", Some(2), count(3, 4)).unwrap();
    let decisions = world.ask("ann", Some(1), merge(2)).unwrap();
    let home = world.incident(2);
    assert_eq!(home.verdict, Verdict::Undecided);
    assert!(!home.running_deadlines().is_empty(), "{:?}", kinds(&decisions));
    let people = home.people_concerned().residents_of("DE");
    assert_eq!((home.people["DE"].lower, home.people["DE"].upper, people.lower), (5, Some(14), 5));
    assert_eq!(home.suspected_at, start(), "suspicion began with the first");
}

#[test]
fn what_cannot_be_merged_is_refused() {
    let mut world = two();
    world.alert(&drill(alert("u3", 1), 7));
    world.alert(&drill(alert("u4", 1), 8));
    assert_eq!(world.ask("ann", Some(1), merge(1)), Err(Refusal::Itself));
    assert_eq!(world.ask("ann", Some(1), merge(9)), Err(Refusal::NoSuchIncident(IncidentId(9))));
    for (from, into) in [(1, 3), (3, 1), (3, 4)] {
        let refused = world.ask("ann", Some(from), merge(into));
        assert_eq!(refused, Err(Refusal::Modes(IncidentId(from), IncidentId(into))));
    }
    // A journal that says so all the same changes neither.
    let before = world.incident(3).n_alerts;
    let (at, by) = (world.now, "x".to_owned());
    world.book.apply(&Decision::IncidentMerged {
        at,
        because: "x".into(),
        incident: IncidentId(1),
        into: IncidentId(3),
        by,
        command: None,
    });
    assert!(world.incident(1).is_open() && world.incident(3).n_alerts == before);
    world.ask("ann", Some(3), Action::Close).unwrap();
    world.alert(&drill(alert("u5", 1), 7));
    assert!(matches!(world.ask("ann", Some(5), merge(3)), Err(Refusal::NotInThisState { .. })));
    let nothing = Action::Merge { into: IncidentId(2), reason: " ".into() };
    assert_eq!(world.ask("ann", Some(1), nothing), Err(Refusal::Text { field: "reason" }));
}

#[test]
fn split_alerts_are_an_incident_as_old_as_the_one_they_were_in() {
    let table = Entity::new(EntityKind::Table, "hr.hr_payroll");
    let mut world = World::new();
    world.alert(&identified(Alert { subject: table.clone(), entity: table.clone(), ..alert("many", 0) }));
    let (one, two) = (alert("u1", 1), alert("u1", 2));
    world.alert(&one);
    world.alert(&two);
    assert_eq!((world.book.incidents().count(), world.incident(1).n_alerts), (1, 3));
    let (ran, aware) = (world.incident(1).deadlines.clone(), world.incident(1).aware.clone());
    world.after(Span::from_hours(5));

    assert!(matches!(world.ask("ann", Some(1), split(&[alert("u9", 1)])), Err(Refusal::NotItsAlert(..))));
    assert_eq!(world.ask("ann", Some(1), split(&[])), Err(Refusal::SplitsNothing(IncidentId(1))));
    let decisions = world.ask("ann", Some(1), split(&[two.clone(), one.clone(), one.clone()])).unwrap();
    assert_eq!(decisions[0].kind(), "incident_split");
    let (old, new) = (world.incident(1), world.incident(2));
    assert_eq!(
        (old.n_alerts, old.subjects.as_slice(), old.split_into.as_slice()),
        (1, &[table.clone()][..], &[IncidentId(2)][..])
    );
    assert_eq!((new.n_alerts, new.subject.id.as_ref(), new.split_from), (2, "u1", Some(IncidentId(1))));
    assert_eq!((&new.aware, &new.deadlines), (&aware, &ran), "the strictest legal times");
    assert_eq!(old.deadlines, ran);
    assert_eq!(new.severity, Severity::Critical);
    let told = requested(&decisions);
    assert!(
        told.contains(&(NoticeKind::Opened, "pager")) && told.iter().all(|(kind, _)| *kind == NoticeKind::Opened),
        "{told:?}"
    );
    // Each goes on by itself.
    assert_eq!(world.book.counts().incidents_opened, 2);
    let entity = Entity::new(EntityKind::PortalUser, "u1");
    assert_eq!(world.alert(&identified(Alert { entity, ..alert("u1", 3) }))[0].incident(), Some(IncidentId(2)));
    let other = identified(Alert { subject: table.clone(), entity: table, ..alert("many", 4) });
    assert_eq!(world.alert(&other)[0].incident(), Some(IncidentId(1)));
    // One alert stays, or there would be nothing left.
    let rest: Vec<Alert> = vec![identified(Alert { ..other.clone() })];
    world.ask("ann", Some(1), split(&rest)).unwrap();
    assert_eq!(world.incident(1).n_alerts, 1);
    folds(&world);
    // What was split can be merged again, and no record counts twice.
    let (records, n) = (world.incident(1).affected_records, world.incident(2).n_alerts);
    world.ask("ann", Some(2), merge(1)).unwrap();
    assert_eq!((world.incident(1).affected_records, world.incident(1).n_alerts), (records, 1 + n));
}

#[test]
fn a_storm_is_few_incidents_the_gravest_first_and_nothing_is_lost() {
    let mut world = World::new();
    let (mut severities, mut seen) = ([0_u64; 4], std::collections::BTreeSet::new());
    for n in 0..10_000_u32 {
        world.now = start() + Span::from_millis(i64::from(n) * 6);
        let at = if n % 1_000 == 999 { 3 } else { (n % 3) as usize };
        severities[at] += 1;
        let raised = identified(milder(alert(&format!("u{n}"), n / 200), Severity::ALL[at], DataClass::Customer));
        seen.insert(raised.id);
        assert!(!world.alert(&raised).is_empty());
        assert_eq!(world.alert(&raised), [], "once");
    }
    assert_eq!((severities[3], seen.len()), (10, 10_000));
    let n_incidents = world.book.incidents().count();
    assert_eq!(n_incidents, limits::STORM_OPENINGS + 1 + 10, "thirty, the storm's, and each critical one");
    assert_eq!(world.book.incidents().map(|incident| incident.n_alerts).sum::<u64>(), 10_000);
    assert_eq!(
        world.journal.iter().filter(|decision| matches!(decision.kind(), "incident_opened" | "alert_grouped")).count(),
        10_000
    );
    let order: Vec<Severity> = world.book.by_urgency().iter().map(|incident| incident.severity).collect();
    assert!(
        order.is_sorted_by(|one, next| one >= next)
            && order[..10].iter().all(|severity| *severity == Severity::Critical)
    );
    assert!(world.book.unsent().count() < 100, "{} notices", world.book.unsent().count());
}
