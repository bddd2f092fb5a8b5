//! The daily digest, live: once a day, whatever happens.

use crate::world::{World, alert, drill, identified, kinds, policy};
use activity::{Entity, EntityKind, Mode, Span, Timestamp};
use detector::{Alert, Severity, Suppression};
use incident::{Action, Casebook, Decision, DeliveryResult, IncidentId, Notice, NoticeKind, limits};

/// The tests begin at 21:00 UTC, which is 22:00 in Berlin.
const DIGEST: &str = r#"
[[triggers]]
channels = ["pager"]
[notices]
link_base = "https://breachd.example/"
[digest]
channels = ["mail", "hook"]
at = "08:00"
zone = "Europe/Berlin"
lines = 3
"#;

fn quiet(user: &str, n: u32, severity: Severity, p_value: Option<f64>) -> Alert {
    identified(Alert { page: false, severity, p_value, why: format!("alert {n}"), ..alert(user, n) })
}

impl World {
    /// The clock moves on, and the digest is asked for.
    fn daily(&mut self, span: Span) -> Vec<Decision> {
        self.now = self.now + span;
        let decisions = self.book.daily(self.now);
        self.take(decisions)
    }

    /// A world whose first digest, of nothing, has been made.
    fn begun(toml: &str) -> World {
        let mut world = World::with(toml);
        world.daily(Span::ZERO);
        world
    }
}

fn notices(decisions: &[Decision]) -> Vec<&Notice> {
    fn notice(decision: &Decision) -> Option<&Notice> {
        match decision {
            Decision::NoticeRequested { notice, .. } => Some(notice),
            _ => None,
        }
    }
    decisions.iter().filter_map(notice).collect()
}

#[test]
fn it_is_made_once_a_day_and_tells_the_worst_first() {
    let mut world = World::with(DIGEST);
    let first = world.daily(Span::ZERO);
    assert_eq!(kinds(&first), ["notice_requested", "notice_requested", "digest_made"], "the first comes at once");
    assert_eq!(notices(&first)[0].title, "nothing to report, 2026-03-02");
    world.alert(&quiet("u1", 1, Severity::Low, Some(1e-4)));
    world.alert(&quiet("u2", 2, Severity::Low, None));
    world.alert(&quiet("u3", 3, Severity::Medium, None));
    world.alert(&quiet("u4", 4, Severity::Low, Some(1e-9)));
    world.alert(&alert("u5", 5));
    assert_eq!(world.daily(Span::from_hours(9) + Span::from_minutes(59)), [], "it is 07:59 in Berlin");
    let made = world.daily(Span::from_minutes(1));
    let told = notices(&made);
    assert_eq!(told.iter().map(|notice| notice.channel.as_str()).collect::<Vec<_>>(), ["mail", "hook"]);
    assert_ne!(told[0].id, told[1].id);
    let lines: Vec<_> = told[0].digest.iter().map(|line| (line.why.as_str(), line.one_in)).collect();
    assert_eq!(lines, [("alert 3", None), ("alert 4", Some(1_000_000_000)), ("alert 1", Some(10_000))]);
    assert_eq!((told[0].n_alerts, told[0].severity, told[0].kind), (4, Severity::Medium, NoticeKind::Digest));
    assert_eq!(told[0].first_seen_at, crate::world::start(), "since the last one");
    assert_eq!(told[0].link.as_deref(), Some("https://breachd.example/alerts"));
    assert!(made.iter().all(|decision| decision.incident().is_none() && !decision.because().is_empty()));
    assert_eq!(world.daily(Span::from_hours(23)), []);
    assert_eq!(notices(&world.daily(Span::from_hours(1)))[0].n_alerts, 0, "told once");
    // Two days without a process: one digest, of the day that is due by then.
    let late = world.daily(Span::from_hours(50));
    assert!(matches!(late.last(), Some(Decision::DigestMade { day, .. }) if day == "2026-03-06"), "{late:?}");
}

#[test]
fn nobody_gets_one_who_does_not_want_it() {
    let mut world = World::with("[[triggers]]\nchannels = [\"pager\"]\n");
    world.alert(&quiet("u1", 1, Severity::Low, None));
    assert_eq!(world.daily(Span::from_hours(50)), []);
    let mut world = World::begun(&DIGEST.replace("lines = 3", "when_empty = false"));
    assert_eq!(kinds(&world.journal), ["digest_made"], "the journal says that nothing was sent");
    assert!(world.journal[0].because().contains("nothing to report"));
    world.alert(&quiet("u1", 1, Severity::Low, None));
    assert_eq!(notices(&world.daily(Span::from_hours(24))).len(), 2);
}

#[test]
fn another_time_of_day_or_a_clock_set_back_brings_no_second_one() {
    let mut world = World::begun(DIGEST);
    assert_eq!(notices(&world.daily(Span::from_hours(11))).len(), 2, "09:00 in Berlin");
    world.book.set_policy(policy(&DIGEST.replace("08:00", "18:00")));
    assert_eq!(world.daily(Span::from_hours(10)), [], "that day's was made in the morning");
    assert_eq!(notices(&world.daily(Span::from_hours(24))).len(), 2);
    assert_eq!(world.daily(Span::from_hours(-40)), []);
    assert_eq!(world.daily(Span::from_hours(40)), []);
}

#[test]
fn a_journal_cut_off_anywhere_tells_each_channel_once() {
    let mut world = World::begun(DIGEST);
    world.alert(&quiet("u1", 1, Severity::Low, None));
    let before = world.book.clone();
    let decisions = world.daily(Span::from_hours(24));
    for cut in 1..=decisions.len() {
        let mut crashed = before.clone();
        decisions[..cut].iter().for_each(|decision| crashed.apply(decision));
        assert_eq!(crashed.daily(world.now), decisions[cut..], "cut after {cut}");
        // Some time later the rest follows, and nobody hears twice.
        let later = crashed.daily(world.now + Span::from_hours(2));
        let channels: Vec<_> = notices(&later).iter().map(|notice| notice.channel.clone()).collect();
        assert_eq!(channels, ["mail", "hook"][cut.min(2)..], "cut after {cut}");
    }
    // Through the journal's own words, and under another policy: the same casebook, the same notices still to be sent.
    let mut folded = Casebook::new(policy("[[triggers]]\nchannels = [\"other\"]\n"));
    for decision in &world.journal {
        let read = Decision::from_json(&decision.to_json()).unwrap();
        assert_eq!(read, *decision);
        folded.apply(&read);
    }
    assert!(folded == world.book);
    assert_eq!(folded.unsent().count(), 4);
}

#[test]
fn what_became_of_it_is_recorded_and_a_failure_calls_nobody() {
    let mut world = World::begun(&DIGEST.replace("[digest]", "[fallback]\nchannels = [\"phone\"]\n[digest]"));
    let ids: Vec<_> = world.book.digests().map(|record| record.notice.id.clone()).collect();
    world.report(&ids[0], DeliveryResult::Accepted { receipt: "250 ok".into() });
    let refused = world.report(&ids[1], DeliveryResult::Rejected { reason: "410".into() });
    assert_eq!(kinds(&refused), ["delivery_recorded", "notice_undeliverable"]);
    assert_eq!((world.book.unsent().count(), world.book.counts().notices_undeliverable), (0, 1));
    assert_eq!(world.book.counts().reports_unknown, 0);
    assert!(world.book.notice(&ids[1]).unwrap().undeliverable);
    assert_eq!(world.daily(Span::ZERO), [], "told once");
    assert_eq!(world.book.incident(IncidentId::NONE), None);
}

#[test]
fn lines_say_who_answers_and_what_is_a_drill() {
    let mut world = World::begun(&DIGEST.replace("lines = 3", "lines = 100"));
    let until = world.now + Span::from_hours(48);
    let suppressed_by = Some(Suppression { owner: "Jana Weiss".into(), reason: "CHG-1".into(), until });
    world.alert(&identified(Alert { suppressed_by, ..quiet("u1", 1, Severity::High, None) }));
    world.alert(&drill(quiet("u2", 2, Severity::Medium, None), 7));
    let subject = Entity::new(EntityKind::PortalUser, "u3");
    let silence =
        Action::Silence { subject, detector: None, until: world.now + Span::from_hours(4), reason: "test".into() };
    world.ask("Ada", None, silence).unwrap();
    world.ask("Bob", None, Action::ApproveSilence { silence: 1 }).unwrap();
    world.alert(&Alert { severity: Severity::Low, ..alert("u3", 3) });
    let made = world.daily(Span::from_hours(24));
    let lines = &notices(&made)[0].digest;
    let note = |at: usize| lines[at].note.as_deref().unwrap_or_default();
    assert!(note(0).contains("Jana Weiss answers: CHG-1"), "{lines:?}");
    assert!(lines[1].note.is_none() && lines[1].mode.is_drill(), "{lines:?}");
    assert!(note(2).contains("silence 1") && lines[2].mode == Mode::Live, "{lines:?}");
}

#[test]
fn it_is_bounded_whatever_is_ranked() {
    let mut world = World::begun(&DIGEST.replace("lines = 3", "lines = 100"));
    let long = "\u{202e}ü\"\\".repeat(2_000);
    for n in 0..700 {
        world.alert(&identified(Alert { why: long.clone(), ..quiet(&format!("u{n}"), n, Severity::Low, None) }));
    }
    let made = world.daily(Span::from_hours(24));
    let told = notices(&made)[0];
    assert_eq!((told.n_alerts, told.digest.len()), (700, limits::DIGEST_LINES_MAX));
    let largest = made.iter().map(|decision| decision.to_json().to_string().len()).max().unwrap();
    assert!(largest < 500_000, "{largest} bytes");
    // What nobody was told for a week is old news.
    let mut world = World::begun(DIGEST);
    world.alert(&quiet("u1", 1, Severity::Low, None));
    world.now = world.now + limits::DIGEST_REACH + Span::from_hours(1);
    world.alert(&quiet("u2", 2, Severity::Low, None));
    let late = world.daily(Span::ZERO);
    let told = notices(&late)[0];
    assert_eq!((told.digest.len(), told.n_alerts), (1, 1));
    assert_eq!(told.first_seen_at, world.now - limits::DIGEST_REACH);
    let far = Timestamp::from_millis(i64::MAX);
    assert_eq!(world.book.daily(far), [], "a time beyond the calendar");
}

#[test]
fn lines_name_tables_and_addresses_only_where_they_may_leave() {
    let told = |figures: &str, facts: &[(&str, &str)]| {
        let mut world = World::begun(&DIGEST.replace("[notices]", &format!("[notices]\nfigures = \"{figures}\"")));
        let fact = |(name, words): &(&str, &str)| detector::Fact {
            name: (*name).into(),
            value: None,
            unit: String::new(),
            words: (*words).into(),
        };
        let facts = facts.iter().map(fact).collect();
        let why = "u1 read hr.hr_payroll from 203.0.113.7".to_owned();
        world.alert(&Alert { why, facts, ..quiet("u1", 1, Severity::Low, Some(1e-4)) });
        let decisions = world.daily(Span::from_hours(24));
        notices(&decisions)[0].digest[0].why.clone()
    };
    let seen = [("usual", "usual: 3 rows"), ("seen", "seen: 40 rows in the hour")];
    assert_eq!(told("full", &seen), "u1 read hr.hr_payroll from 203.0.113.7");
    assert_eq!(told("counts", &seen), "seen: 40 rows in the hour");
    assert_eq!([told("counts", &[]), told("none", &seen)], ["the console tells why", "the console tells why"]);
}

#[test]
fn a_drill_that_nobody_is_told_of_is_still_one_in_the_list() {
    let mut world = World::begun(DIGEST);
    world.alert(&drill(quiet("u1", 1, Severity::Low, None), 7));
    world.alert(&quiet("u2", 2, Severity::Low, None));
    let mut modes: Vec<bool> = world.book.digest().map(|(_, mode, _)| mode.is_drill()).collect();
    modes.sort_unstable();
    assert_eq!(modes, [false, true]);
}

#[test]
fn a_way_that_failed_when_it_was_tried_is_told_until_it_passes() {
    let mut world = World::with(&DIGEST.replace("lines = 3", "lines = 3\nwhen_empty = false"));
    world.daily(Span::ZERO);
    let tried = |world: &mut World, passed: bool| {
        let (at, because, probe) = (world.now, "the relay hung up".to_owned(), "channel/mail".to_owned());
        world.take(vec![Decision::ProbeRecorded { at, because, probe, passed, millis: 40 }]);
    };
    let told = |world: &mut World| {
        let made = world.daily(Span::from_hours(24));
        notices(&made).first().map(|notice| notice.reasons.clone())
    };
    tried(&mut world, false);
    let since = world.now;
    assert_eq!(
        told(&mut world),
        Some(vec![format!("ways that failed when they were tried: channel/mail since {since} (the relay hung up)")])
    );
    tried(&mut world, false);
    let (name, record) = world.book.probes().next().unwrap();
    assert_eq!((name, record.failing_since, record.at), ("channel/mail", Some(since), world.now));
    tried(&mut world, true);
    assert_eq!(told(&mut world), None, "nothing to say");
    // What is no longer configured is forgotten after a month.
    tried(&mut world, false);
    world.now = world.now + Span::from_hours(40 * 24);
    let at = world.now;
    let other = Decision::ProbeRecorded {
        at,
        because: "it answers".into(),
        probe: "channel/sms".into(),
        passed: true,
        millis: 1,
    };
    world.take(vec![other]);
    assert_eq!(world.book.probes().map(|(name, _)| name).collect::<Vec<_>>(), ["channel/sms"]);
}
