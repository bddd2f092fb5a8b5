//! Who hears of what, and when.

use crate::affected::named;
use crate::world::{POLICY, World, alert, drill, identified, milder, policy, requested, start, verdict};
use activity::{DataClass, Entity, EntityKind, Span};
use detector::{Alert, Severity};
use incident::{
    Action, Decision, DeliveryState, NoticeAffected, NoticeKind, Policy, Refusal, Settings, Verdict, limits,
};
use std::collections::BTreeSet;

/// The channels that hear of one alert under one trigger (and `fallback` if they do not).
fn channels(trigger: &str, alert: &Alert) -> Vec<String> {
    let toml = format!("[[triggers]]\nchannels = [\"told\"]\n{trigger}\n[fallback]\nchannels = [\"fallback\"]\n");
    let mut world = World::with(&toml);
    requested(&world.alert(alert)).into_iter().map(|(_, channel)| channel.to_owned()).collect()
}

#[test]
fn each_condition_alone_and_together() {
    let critical_hr = alert("u1", 0);
    let low_customer = milder(alert("u1", 0), Severity::Low, DataClass::Customer);
    let signature = identified(Alert { detector: "signature".into(), ..alert("u1", 0) });
    let table = Entity::new(EntityKind::Table, "hr.t");
    let about_a_table = identified(Alert { subject: table.clone(), entity: table, ..alert("u1", 0) });
    let few = Alert { affected_records: 3, ..alert("u1", 0) };
    let cases: [(&str, &Alert, bool); 15] = [
        ("", &low_customer, true),
        ("data_classes = []", &low_customer, true),
        ("data_classes = [\"hr\"]", &critical_hr, true),
        ("data_classes = [\"payment\", \"hr\"]", &critical_hr, true),
        ("data_classes = [\"hr\"]", &low_customer, false),
        ("severity_at_least = \"critical\"", &critical_hr, true),
        ("severity_at_least = \"medium\"", &low_customer, false),
        ("kinds = [\"signature\"]", &signature, true),
        ("kinds = [\"signature\"]", &critical_hr, false),
        ("subjects = [\"portal_user\"]", &critical_hr, true),
        ("subjects = [\"portal_user\"]", &about_a_table, false),
        ("affected_at_least = 3", &few, true),
        ("affected_at_least = 4", &few, false),
        (
            "data_classes = [\"hr\"]\nseverity_at_least = \"high\"\nkinds = [\"volume\"]\nsubjects = [\"portal_user\"]\naffected_at_least = 1000",
            &critical_hr,
            true,
        ),
        (
            "data_classes = [\"hr\"]\nseverity_at_least = \"high\"\nkinds = [\"volume\"]\nsubjects = [\"portal_user\"]\naffected_at_least = 1000",
            &few,
            false,
        ),
    ];
    for (trigger, alert, told) in cases {
        let expected = if told { "told" } else { "fallback" };
        assert_eq!(channels(trigger, alert), [expected], "{trigger}");
    }
}

#[test]
fn every_combination_of_triggers_adds_up() {
    // Three triggers that match, each with its own and a common channel: any subset names its channels once each.
    for subset in 1..8u32 {
        let chosen = (0..3).filter(|trigger| subset & (1 << trigger) != 0);
        let toml: String =
            chosen.clone().map(|trigger| format!("[[triggers]]\nchannels = [\"c{trigger}\", \"all\"]\n")).collect();
        let mut world = World::with(&toml);
        let decisions = world.alert(&alert("u1", 0));
        let told: Vec<_> = requested(&decisions).into_iter().map(|(_, channel)| channel).collect();
        let expected: BTreeSet<_> = chosen.map(|trigger| format!("c{trigger}")).chain(["all".to_owned()]).collect();
        assert_eq!(told.len(), expected.len());
        assert!(told.iter().all(|channel| expected.contains(*channel)));
    }
}

#[test]
fn first_contact_is_an_opening_and_what_grows_worse_is_told_again() {
    use NoticeKind::{Escalated, Opened};
    let mut world = World::new();
    let decisions = world.alert(&milder(alert("u1", 0), Severity::Medium, DataClass::Hr));
    assert_eq!(requested(&decisions), [(Opened, "console")]);
    // The trigger of the pager matches only now; the console has heard of it before.
    let decisions = world.alert(&milder(alert("u1", 1), Severity::High, DataClass::Hr));
    assert_eq!(requested(&decisions), [(Opened, "pager"), (Opened, "privacy-mail"), (Escalated, "console")]);
    let decisions = world.alert(&milder(alert("u1", 2), Severity::Low, DataClass::Customer));
    assert_eq!(requested(&decisions), [(Escalated, "console"), (Escalated, "pager"), (Escalated, "privacy-mail")]);
    let decisions = world.alert(&milder(alert("u1", 3), Severity::High, DataClass::Hr));
    assert_eq!(requested(&decisions), []);
}

#[test]
fn unacknowledged_escalates_once() {
    use NoticeKind::{Acknowledged, Escalated};
    let mut world = World::new();
    world.alert(&alert("u1", 0));
    assert_eq!(world.book.next_due(), Some(start() + Span::from_minutes(15)));
    assert_eq!(world.after(Span::from_minutes(14)), []);
    let decisions = world.after(Span::from_minutes(1));
    assert_eq!(requested(&decisions), [(Escalated, "manager")]);
    assert_eq!(world.after(Span::from_minutes(60)), []);
    let decisions = world.ask("ann", Some(1), Action::Acknowledge).unwrap();
    let told: Vec<_> = ["console", "manager", "pager", "privacy-mail"].map(|channel| (Acknowledged, channel)).into();
    assert_eq!(requested(&decisions), told);

    let mut world = World::new();
    world.alert(&alert("u1", 0));
    world.ask("ann", Some(1), Action::Acknowledge).unwrap();
    assert_eq!(world.after(Span::from_hours(1)), []);
}

#[test]
fn the_end_is_told_to_whoever_heard_of_the_beginning() {
    let mut world = World::new();
    world.alert(&alert("u1", 0));
    world.ask("dpo", Some(1), verdict(Verdict::NotABreach)).unwrap();
    let decisions = world.ask("dpo", Some(1), Action::Close).unwrap();
    let told: Vec<_> = ["console", "pager", "privacy-mail"].map(|channel| (NoticeKind::Closed, channel)).into();
    assert_eq!(requested(&decisions), told);
    assert_eq!(world.after(Span::from_hours(1)), []);
}

#[test]
fn a_held_notice_goes_out_unless_somebody_stops_it() {
    let toml = r#"
[[triggers]]
channels = ["regulator-draft", "pager"]
hold = "10m"
may_stop = ["privacy officer"]
[[triggers]]
channels = ["pager"]
"#;
    let mut world = World::with(toml);
    let decisions = world.alert(&alert("u1", 0));
    let held = (decisions.iter())
        .find_map(|decision| match decision {
            Decision::NoticeRequested { notice, may_stop, .. } if notice.hold_until.is_some() => {
                Some((notice, may_stop))
            }
            _ => None,
        })
        .unwrap();
    assert_eq!(
        (held.0.channel.as_str(), held.1.as_slice()),
        ("regulator-draft", ["privacy officer".to_owned()].as_slice())
    );
    assert_eq!(held.0.hold_until, Some(start() + Span::from_minutes(10)));
    assert_eq!(held.0.expires_at, start() + Span::from_minutes(10) + Span::from_hours(24));
    let id = held.0.id.clone();
    let stop = |reason: &str| Action::StopNotice { notice: id.clone(), reason: reason.into() };

    // The shortest hold wins: the pager's notice is not held, so it cannot be stopped.
    let pager = world.notice(1, NoticeKind::Opened, "pager");
    let refused = world.ask("dpo", Some(1), Action::StopNotice { notice: pager.clone(), reason: "r".into() });
    assert_eq!(refused, Err(Refusal::NotHeld(pager)));

    let mut late = World::with(toml);
    late.alert(&alert("u1", 0));
    late.now = late.now + Span::from_minutes(10);
    assert_eq!(late.ask("dpo", Some(1), stop("too late")), Err(Refusal::NotHeld(id.clone())));
    assert_eq!(late.book.unsent().count(), 2);

    world.ask("dpo", Some(1), stop("counsel files it")).unwrap();
    assert_eq!(world.incident(1).notice(&id).unwrap().state, DeliveryState::Stopped);
    assert!(world.book.unsent().all(|notice| notice.id != id));
    assert_eq!(world.after(Span::from_minutes(5)), []);
}

#[test]
fn a_notice_says_what_a_channel_needs() {
    let mut world = World::new();
    for n in 0..20 {
        world.alert(&alert("u\u{1b}[31m", n));
    }
    world.after(Span::from_minutes(15));
    let escalated = world.incident(1).notices.last().unwrap().notice.clone();
    assert_eq!(escalated.link.as_deref(), Some("https://breachd.example/incidents/INC-1"));
    assert_eq!(escalated.n_alerts, 20);
    assert_eq!(escalated.reasons.len(), limits::REASONS_MAX);
    assert!(escalated.reasons[0].ends_with("(alert 0)"));
    assert_eq!(
        escalated.title,
        "Not acknowledged for 15 min: Possible breach of data of class hr (critical): portal_user u␛[31m"
    );
    assert!(!escalated.title.contains("DRILL") && escalated.drill.is_none());
}

#[test]
fn ids_are_the_same_again_and_differ_where_they_must() {
    let ids = |world: &mut World, alert: &Alert| -> Vec<String> {
        world.alert(alert);
        world.book.unsent().map(|notice| notice.id.to_string()).collect()
    };
    let first = ids(&mut World::new(), &alert("u1", 0));
    assert_eq!(first, ids(&mut World::new(), &alert("u1", 0)));
    let mut later = World::new();
    later.now = later.now + Span::from_millis(1);
    let others = [
        ids(&mut later, &alert("u1", 0)),
        ids(&mut World::new(), &drill(alert("u1", 0), 1)),
        ids(&mut World::new(), &drill(alert("u1", 0), 2)),
    ];
    let distinct: BTreeSet<_> = others.iter().flatten().chain(&first).collect();
    assert_eq!(distinct.len(), 12);
    assert!(distinct.iter().all(|id| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit())));
}

#[test]
fn a_new_policy_finds_what_is_missing_under_it() {
    let mut world = World::new();
    world.alert(&alert("u1", 0));
    let more =
        "[[triggers]]\nchannels = [\"console\", \"chat\"]\n[jurisdictions]\napplicable = [\"us-ny-individuals\"]\n";
    world.book.set_policy(policy(more));
    let decisions = world.wait(Span::from_minutes(1));
    assert_eq!(requested(&decisions), [(NoticeKind::Opened, "chat")]);
    // What ran before goes on: a changed file does not lift an obligation.
    assert_eq!(world.incident(1).running_deadlines().len(), 3);
}

#[test]
fn notices_tell_the_figures_of_the_gravest_alert_as_far_as_they_may() {
    let fact = |name: &str, value: Option<f64>, unit: &str, words: &str| detector::Fact {
        name: name.into(),
        value,
        unit: unit.into(),
        words: words.into(),
    };
    let facts = vec![
        fact("seen", Some(1840.0), "rows", "seen: 1,840 rows"),
        fact("contributing", Some(2.0), "addresses", "addresses in the hour: 203.0.113.7, 203.0.113.9"),
        fact("contributing", None, "", "the hour: 1,840 rows"),
        fact("normal", None, "", "normal: never"),
    ];
    let first = milder(alert("u1", 0), Severity::High, DataClass::Hr);
    let told = |figures: &str| {
        let mut world = World::with(&POLICY.replace("[notices]", &format!("[notices]\nfigures = \"{figures}\"")));
        world.alert(&Alert { facts: vec![fact("seen", Some(1.0), "rows", "seen: 1 row")], ..first.clone() });
        world.alert(&Alert { facts: facts.clone(), ..alert("u1", 1) });
        let of = |world: &World, kind| {
            let records = world.incident(1).notices.iter();
            let mut of_kind = records.filter(|record| record.notice.kind == kind);
            of_kind.next_back().unwrap().notice.figures.iter().map(|figure| figure.words.clone()).collect::<Vec<_>>()
        };
        assert_eq!(of(&world, NoticeKind::Opened).len(), usize::from(figures != "none"), "as it was then");
        let escalated = of(&world, NoticeKind::Escalated);
        world.ask("Ada", Some(1), Action::Acknowledge).unwrap();
        assert!(of(&world, NoticeKind::Acknowledged).is_empty(), "nothing is asked any more");
        escalated
    };
    assert_eq!(told("full")[1], "addresses in the hour: 203.0.113.7, 203.0.113.9");
    assert_eq!(
        told("counts"),
        ["seen: 1,840 rows", "addresses in the hour: 2", "the hour: 1,840 rows", "normal: never"]
    );
    assert!(told("none").is_empty());
}

#[test]
fn notices_count_records_and_people_as_far_as_they_may() {
    let told = |figures: &str, affected_records: u64| {
        let mut world = World::with(&POLICY.replace("[notices]", &format!("[notices]\nfigures = \"{figures}\"")));
        world.alert(&Alert {
            affected_records,
            named: named("hr.hr_payroll", "employee", 0..affected_records.min(12)),
            ..alert("u1", 0)
        });
        world.ask("Ada", Some(1), Action::Acknowledge).unwrap();
        let notices = &world.incident(1).notices;
        let of = |kind| notices.iter().find(|record| record.notice.kind == kind).map(|record| &record.notice);
        assert_eq!(of(NoticeKind::Acknowledged).and_then(|notice| notice.affected.as_ref()), None);
        of(NoticeKind::Opened).expect("somebody is told").affected.clone()
    };
    let full = told("full", 40).expect("counts with reasons");
    assert_eq!((full.lower, full.estimate, full.upper), (12, 12, 40));
    assert!(full.reason.starts_with("at least: different ids"), "{}", full.reason);
    assert_eq!(full.people.map(|people| (people.lower, people.upper)), Some((12, 12)));
    assert_eq!((full.n_tables, &*full.tables[0].table), (1, "hr.hr_payroll"));
    let counts = told("counts", 40).expect("counts with reasons");
    assert_eq!(counts, NoticeAffected { tables: Vec::new(), ..full });
    assert!(!serde_json::to_string(&counts).expect("as JSON").contains("hr_payroll"));
    assert_eq!((told("none", 40), told("full", 0)), (None, None));
}

#[test]
fn a_notices_id_does_not_say_whom_it_is_about() {
    let opened = |user: &str| {
        let mut world = World::new();
        world.alert(&alert(user, 0));
        world.notice(1, NoticeKind::Opened, "pager")
    };
    // After an erasure the folded incident is about `erased-…`: what was told must not be told again.
    assert_eq!(opened("u1"), opened("erased-abcdefghij"));
}

#[test]
fn a_third_party_that_listens_is_nobody_of_ours_who_hears() {
    let told = |severity: Severity| {
        let toml = "[[triggers]]\nchannels = [\"pager\"]\nseverity_at_least = \"high\"\nhold = \"30m\"\nmay_stop = [\"ada\"]\n\
                    [[triggers]]\nchannels = [\"vendor\", \"pager\"]\n[fallback]\nchannels = [\"phone\"]\n";
        let mut settings: Settings = toml::from_str(toml).unwrap();
        settings.triggers[1].subscription = true;
        let law = law::Catalogue::parse(law::Catalogue::DEFAULT).unwrap();
        let mut world = World::of(std::sync::Arc::new(Policy::new(settings, &law).unwrap()));
        world.alert(&milder(alert("u1", 0), severity, DataClass::Hr));
        let notices = world.incident(1).notices.iter();
        let opened = notices.filter(|record| record.notice.kind == NoticeKind::Opened);
        opened
            .map(|record| (record.notice.channel.clone(), record.notice.hold_until.is_some()))
            .collect::<BTreeSet<_>>()
    };
    let of = |channel: &str, held: bool| (channel.to_owned(), held);
    assert_eq!(told(Severity::Medium), [of("pager", false), of("phone", false), of("vendor", false)].into());
    assert_eq!(told(Severity::High), [of("pager", true), of("vendor", false)].into(), "the hold is kept");
}
