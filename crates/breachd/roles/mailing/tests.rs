use super::*;
use activity::{DataClass, Entity, EntityKind};
use detector::Severity;
use incident::{Action, Casebook, Command, DraftAct, IncidentId, Mailed, Policy};
use law::Catalogue;

const POLICY_OF: &str = r#"
[[drafts]]
obligations = ["eu-gdpr-34-individuals"]
channel = "mail"
recipients = "directory"
"#;

const PER_MINUTE: usize = 600;

fn draft(act: DraftAct) -> Action {
    Action::Draft { draft: 1, act, reason: "read".into() }
}

fn channels(name: &str) -> Vec<ChannelSettings> {
    let channel = serde_json::json!({
        "name": name, "kind": "email", "host": "relay.example.com", "from": "privacy@example.com", "to": ["dpo@example.com"],
        "mails_per_minute": PER_MINUTE,
    });
    vec![serde_json::from_value(channel).unwrap()]
}

fn directory(rows: impl Iterator<Item = (usize, String)>) -> Directory {
    let rows: String = rows.map(|(id, email)| format!("u{id},,,{id},,,,{email},,\n")).collect();
    let header = "user,role,department,employee_id,from,to,zone,email,language,jurisdiction\n";
    Directory::parse(&format!("{header}{rows}")).unwrap()
}

fn everybody(n: usize) -> Directory {
    directory((0..n).map(|id| (id, format!("p{id}@example.com"))))
}

/// The notifier without a broker and a relay: what was decided is applied, what was handed over is answered at once.
struct World {
    book: Casebook,
    mailings: Mailings,
    now: Timestamp,
    n_entries: usize,
    /// How often a mail went to each address, and under which ids.
    sent: BTreeMap<String, Vec<NoticeId>>,
    times: Vec<Timestamp>,
    at_once: usize,
    refuses: fn(&str) -> bool,
    /// The relay says nothing while this holds.
    silent: bool,
}

impl World {
    /// With an approved draft.
    fn new() -> Self {
        let settings: incident::Settings = toml::from_str(POLICY_OF).unwrap();
        let policy = Policy::new(settings, &Catalogue::parse(Catalogue::DEFAULT).unwrap()).unwrap();
        let now = "2026-03-02T21:00:00Z".parse().unwrap();
        let subject = Entity::new(EntityKind::PortalUser, "u1");
        let (severity, data_classes) = (Severity::Critical, DataClass::Hr.into());
        let mut world = World {
            book: Casebook::new(Arc::new(policy)),
            mailings: Mailings::default(),
            now,
            n_entries: 0,
            sent: BTreeMap::new(),
            times: Vec::new(),
            at_once: 0,
            refuses: |_| false,
            silent: false,
        };
        world.ask("c1", None, Action::Declare { subject, severity, data_classes, reason: "seen".into() });
        world.ask("c3", Some(1), draft(DraftAct::Approve { version: 1 }));
        world.n_entries = 0;
        world
    }

    fn ask(&mut self, id: &str, incident: Option<u64>, action: Action) {
        let (incident, at) = (incident.map(IncidentId), self.now);
        let command = Command { id: id.into(), by: "Ada".into(), at, incident, action };
        let decisions = self.book.command(at, &command).unwrap();
        self.take(&decisions);
    }

    fn take(&mut self, decisions: &[Decision]) {
        self.n_entries += decisions.len();
        // As a journal has them.
        let read = decisions.iter().map(|decision| Decision::from_json(&decision.to_json()).unwrap());
        read.for_each(|decision| self.book.apply(&decision));
    }

    /// One look; how many mails left.
    fn look(&mut self, people: &Directory) -> usize {
        let due = self.mailings.due(&self.book, people, &channels("mail"), self.now);
        self.take(&due.decisions);
        for notice in &due.notices {
            let address = notice.recipient.as_ref().unwrap().address.clone();
            self.times.push(self.now);
            self.sent.entry(address.clone()).or_default().push(notice.id.clone());
        }
        self.at_once = self.at_once.max(self.mailings.handed_over.len());
        let notices = due.notices.iter().filter(|_| !self.silent);
        for notice in notices {
            let address = &notice.recipient.as_ref().unwrap().address;
            let result = match (self.refuses)(address) {
                true => DeliveryResult::Rejected { reason: format!("550 <{address}> unknown") },
                false => DeliveryResult::Accepted { receipt: "taken".into() },
            };
            let report = DeliveryReport { notice: notice.id.clone(), attempt: 1, at: self.now, result };
            assert!(self.mailings.take(&report));
        }
        due.notices.len()
    }

    /// Looks until nothing is left, moving the clock when nothing happens.
    fn finish(&mut self, people: &Directory) {
        while self.book.mailings().next().is_some() {
            let before = self.n_entries;
            if self.look(people) == 0 && self.n_entries == before {
                self.now = self.now + Span::from_secs(5);
            }
        }
    }

    fn crash(&mut self) {
        self.mailings = Mailings::default();
    }

    fn mailed(&self) -> &Mailed {
        self.book.mailed(IncidentId(1), 1, 1).unwrap()
    }
}

#[test]
fn fifty_thousand_are_written_to_paced_in_bounded_batches_and_a_crash_repeats_one() {
    const N: usize = 50_000;
    let people = everybody(N);
    let mut world = World::new();
    world.refuses = |address| address.starts_with("p777");
    while world.sent.len() < N / 2 {
        let before = world.n_entries;
        if world.look(&people) == 0 && world.n_entries == before {
            world.now = world.now + Span::from_secs(5);
        }
    }
    world.silent = true;
    while world.look(&people) == 0 {
        world.now = world.now + Span::from_secs(5);
    }
    world.crash();
    world.silent = false;
    world.finish(&people);
    let n_refused = (0..N).filter(|id| id.to_string().starts_with("777")).count() as u64;
    let mailed = world.mailed();
    assert_eq!((mailed.n_reached(), mailed.n_lost_by(Loss::Refused)), (N as u64 - n_refused, n_refused));
    assert_eq!(world.sent.len(), N, "everybody");
    assert!(world.sent.values().all(|ids| ids.iter().all(|id| *id == ids[0])), "one id a person");
    let repeated = world.sent.values().filter(|ids| ids.len() > 1).count();
    assert!(0 < repeated && repeated <= draft::limits::IN_FLIGHT_MAX, "{repeated}");
    assert!(world.at_once <= draft::limits::IN_FLIGHT_MAX, "{} at once", world.at_once);
    for window in world.times.windows(PER_MINUTE + 1) {
        assert!(window[PER_MINUTE] - window[0] >= MINUTE, "more than {PER_MINUTE} in a minute");
    }
    let batches = N.div_ceil(draft::limits::IN_FLIGHT_MAX);
    assert!(world.n_entries <= 2 * batches + 10, "{} entries", world.n_entries);
}

#[test]
fn a_word_to_stop_keeps_the_results_that_are_there() {
    let people = everybody(100);
    let mut world = World::new();
    world.look(&people);
    world.look(&people);
    world.silent = true;
    assert_eq!(world.look(&people), 100);
    for (address, ids) in world.sent.clone() {
        let result = match address.as_str() {
            "p1@example.com" => DeliveryResult::Rejected { reason: "550".into() },
            "p2@example.com" => DeliveryResult::Expired { reason: "down".into() },
            "p3@example.com" => continue,
            _ => DeliveryResult::Accepted { receipt: "taken".into() },
        };
        world.mailings.take(&DeliveryReport { notice: ids[0].clone(), attempt: 1, at: world.now, result });
    }
    let cut = world.mailings.cut(world.book.mailings(), world.now);
    world.take(&cut);
    world.crash();
    world.silent = false;
    world.finish(&people);
    let twice: Vec<&String> = world.sent.iter().filter(|(_, ids)| ids.len() > 1).map(|(to, _)| to).collect();
    assert_eq!(twice, ["p3@example.com"]);
    assert_eq!((world.mailed().n_reached(), world.mailed().loss_of("2")), (98, Some(Loss::Expired)));
}

#[test]
fn a_person_who_stops_a_mailing_and_goes_on_with_it_repeats_nobody() {
    let people = everybody(1_000);
    // Gone on with while results are missing; after all of them came; or after some came, and breachd was told to end.
    for (n_before, ends) in [(50, false), (256, false), (200, true)] {
        let mut world = World::new();
        world.look(&people);
        world.look(&people);
        world.silent = true;
        assert_eq!(world.look(&people), 256);
        world.ask("c4", Some(1), draft(DraftAct::Stop));
        let handed_over: Vec<(String, NoticeId)> =
            world.sent.iter().map(|(to, ids)| (to.clone(), ids[0].clone())).collect();
        let answer = |world: &mut World, (to, notice): &(String, NoticeId)| {
            let result = match to.as_str() {
                "p1@example.com" => DeliveryResult::Rejected { reason: "550".into() },
                _ => DeliveryResult::Accepted { receipt: "taken".into() },
            };
            assert!(world.mailings.take(&DeliveryReport { notice: notice.clone(), attempt: 1, at: world.now, result }));
        };
        let (before, behind) = handed_over.split_at(n_before);
        before.iter().for_each(|of| answer(&mut world, of));
        assert_eq!(world.look(&people), 0, "nothing leaves that was not handed over");
        assert_eq!(world.book.stopped_mailings().count(), usize::from(!behind.is_empty()), "{n_before}");
        let mailed = world.mailed();
        let on_the_way = if behind.is_empty() { 0 } else { 256 };
        assert_eq!((mailed.n_on_the_way(), mailed.n_reached() > 0), (on_the_way, behind.is_empty()));
        if ends {
            let stopped = world.mailings.cut(world.book.stopped_mailings(), world.now);
            world.take(&stopped);
            world.crash();
        }
        world.ask("c5", Some(1), draft(DraftAct::Approve { version: 1 }));
        world.silent = false;
        assert_eq!(world.look(&people), 0, "not before the batch has its results");
        if !ends {
            behind.iter().for_each(|of| answer(&mut world, of));
        }
        world.finish(&people);
        let twice: BTreeSet<&String> = world.sent.iter().filter(|(_, ids)| ids.len() > 1).map(|(to, _)| to).collect();
        let unanswered = behind.iter().filter(|_| ends).map(|(to, _)| to).collect();
        assert_eq!(twice, unanswered, "{n_before}");
        assert!(world.sent.values().all(|ids| ids.iter().all(|id| *id == ids[0])), "one id a person");
        assert_eq!((world.mailed().n_reached(), world.mailed().loss_of("1")), (999, Some(Loss::Refused)));
    }
}

#[test]
fn a_mailing_beyond_those_at_once_waits_and_pushes_none_out() {
    const N: usize = 10;
    let people = everybody(N);
    let mut world = World::new();
    world.ask("stop", Some(1), draft(DraftAct::Stop));
    let others = 2..=limits::MAILINGS_AT_ONCE as u64 + 1;
    for incident in others.clone() {
        let subject = Entity::new(EntityKind::PortalUser, format!("u{incident}"));
        let (severity, data_classes) = (Severity::Critical, DataClass::Hr.into());
        world.ask(
            &format!("d{incident}"),
            None,
            Action::Declare { subject, severity, data_classes, reason: "seen".into() },
        );
        world.ask(&format!("a{incident}"), Some(incident), draft(DraftAct::Approve { version: 1 }));
    }
    world.silent = true;
    (0..2).for_each(|_| assert_eq!(world.look(&people), 0));
    assert_eq!(world.look(&people), limits::MAILINGS_AT_ONCE * N);

    // The oldest incident's mails go on, when there is no place for them.
    world.ask("again", Some(1), draft(DraftAct::Approve { version: 1 }));
    (0..3).for_each(|_| assert_eq!(world.look(&people), 0));
    let oldest = world.book.mailed(IncidentId(1), 1, 1).unwrap();
    assert!(oldest.started_at.is_none() && !oldest.is_over(), "it waits");
    for notice in world.sent.values().flatten().cloned().collect::<Vec<_>>() {
        let result = DeliveryResult::Accepted { receipt: "taken".into() };
        assert!(world.mailings.take(&DeliveryReport { notice, attempt: 1, at: world.now, result }));
    }
    world.silent = false;
    world.finish(&people);
    let ids: Vec<&NoticeId> = world.sent.values().flatten().collect();
    assert_eq!(ids.len(), (limits::MAILINGS_AT_ONCE + 1) * N, "nobody twice");
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
    for incident in others.chain([1]) {
        assert_eq!(world.book.mailed(IncidentId(incident), 1, 1).unwrap().n_reached(), N as u64, "INC-{incident}");
    }
}

#[test]
fn a_relay_that_refuses_everybody_stops_the_mailing_after_a_batch() {
    let people = everybody(1_000);
    let mut world = World::new();
    world.refuses = |_| true;
    world.finish(&people);
    let stopped = world.mailed().stopped.clone().expect("stopped");
    assert_eq!((stopped.by.as_str(), world.sent.len()), (POLICY, draft::limits::IN_FLIGHT_MAX));
    assert!(stopped.because.contains("every one of 256"), "{}", stopped.because);
    // It was the relay; somebody mends it and approves anew.
    world.ask("c4", Some(1), draft(DraftAct::Approve { version: 1 }));
    world.refuses = |_| false;
    world.finish(&people);
    assert_eq!((world.mailed().n_reached(), world.mailed().n_lost()), (1_000, 0), "and nobody is blamed");
}

#[test]
fn another_directory_is_another_list_of_who_is_left() {
    let mut world = World::new();
    let few = directory([(1, String::new()), (2, "two@example.com".into())].into_iter());
    while world.sent.is_empty() {
        world.look(&few);
    }
    let more = directory(
        [(1, "one@example.com".into()), (2, "new@example.com".into()), (3, "x@example.com".into())].into_iter(),
    );
    world.finish(&more);
    let sent: Vec<&String> = world.sent.keys().collect();
    assert_eq!(sent, ["one@example.com", "two@example.com", "x@example.com"], "nobody is told twice at a new address");
    assert_eq!((world.mailed().n_reached(), world.mailed().n_lost()), (3, 0));
}

#[test]
fn without_its_channel_a_mailing_waits_and_refuses_nobody() {
    let people = everybody(3);
    let mut world = World::new();
    let due = world.mailings.due(&world.book, &people, &channels("another"), world.now);
    assert!(due.decisions.is_empty() && due.notices.is_empty());
    world.finish(&people);
    assert_eq!(world.mailed().n_reached(), 3);
}

#[test]
fn a_few_whom_the_relay_refuses_without_exception_are_asked_about_too() {
    let people = everybody(5);
    let mut world = World::new();
    world.refuses = |_| true;
    world.finish(&people);
    assert!(
        world.mailed().stopped.is_some() && world.mailed().n_lost() == 0,
        "nobody was reached: is it the addresses?"
    );
    world.ask("c4", Some(1), draft(DraftAct::Approve { version: 1 }));
    world.refuses = |address| address.starts_with("p3");
    world.finish(&people);
    assert_eq!((world.mailed().n_reached(), world.mailed().loss_of("3")), (4, Some(Loss::Refused)));
}

#[test]
fn a_mailbox_in_trouble_holds_nobody_behind_it_up_for_long() {
    let people = everybody(600);
    let mut world = World::new();
    // The mail to the first is tried in vain until its time is over; all others are taken.
    let mut expired = 0;
    while world.book.mailings().next().is_some() {
        let before = world.n_entries;
        let in_hand: Vec<(NoticeId, String, Timestamp)> = {
            let due = world.mailings.due(&world.book, &people, &channels("mail"), world.now);
            world.take(&due.decisions);
            due.notices
                .iter()
                .map(|notice| {
                    (notice.id.clone(), notice.recipient.as_ref().unwrap().contact.clone(), notice.expires_at)
                })
                .collect()
        };
        for (notice, person, expires_at) in &in_hand {
            let (at, result) = if person == "1" {
                expired += 1;
                (*expires_at, DeliveryResult::Expired { reason: "452 mailbox full".into() })
            } else {
                (world.now, DeliveryResult::Accepted { receipt: "taken".into() })
            };
            assert!(world.mailings.take(&DeliveryReport { notice: notice.clone(), attempt: 1, at, result }));
            if person == "1" && *expires_at < world.now + Span::from_hours(1) {
                assert_eq!(*expires_at, world.now + limits::MAIL_PASS);
            }
        }
        if in_hand.is_empty() && world.n_entries == before {
            world.now = world.now + Span::from_secs(5);
        }
    }
    assert_eq!((world.mailed().n_reached(), world.mailed().loss_of("1")), (599, Some(Loss::Expired)));
    assert_eq!(expired, 2, "once for a while, and once for long behind all others");
}
