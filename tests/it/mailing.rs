//! A document for people, a mail for each of them: over the log in memory with a relay that refuses some; and on a real Kafka with a real
//! SMTP server, killed in the middle; nightly, the same with 50,000 people.

use crate::{
    digest::raise,
    harness::{BINARY, Daemon, Scratch, broker, contents, free_port, get, kafka_address, post, until, within},
    mailpit::{self, Mailpit},
    places::alert,
    smtp::SmtpServer,
};
use activity::Timestamp;
use breachd::{cli::RoleName, persons::Persons, run, settings::Settings, topics::Topics};
use notifier::sandbox::{Sandbox, SmtpOptions, SmtpSandbox};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};
use stream::Broker;

/// To the people of Germany, as soon as something is suspected.
pub(crate) const LAW: &str = "schema_version: 1\nversion: \"2026-01\"\nobligations:\n\
    - { id: de-people, group: g, name: Tell the people, citation: c, recipient: individuals, applies_to: [hr], residents_of: DE, starts: [suspicion], \
    phrase: soon, thresholds: [], status: in_force, verified: yes, as_of: d, sources: [] }\n";

/// Rows of employees: number, address, place.
pub(crate) fn directory(scratch: &Scratch, rows: impl Iterator<Item = (u32, String, &'static str)>) {
    let rows: String = rows.map(|(id, email, place)| format!(",,,{id},,,,{email},de,{place}\n")).collect();
    let header = "user,role,department,employee_id,from,to,zone,email,language,jurisdiction\n";
    scratch.write("directory.csv", format!("{header}{rows}"));
}

pub(crate) fn address(id: u32) -> String {
    format!("p{id}@staff.example")
}

fn config(rest: &str, port: u16, recipients: &str, more: &str) -> String {
    format!(
        "instance = \"one\"\n{rest}[directory]\nfile = \"directory.csv\"\n[obligations]\nfile = \"law.yaml\"\n[jurisdictions]\napplicable = [\"*\"]\n\
         [organisation]\nname = \"Example GmbH\"\ncontact = \"dpo@example.com\"\n\
         [[triggers]]\nchannels = [\"mail\"]\n\
         [[drafts]]\nobligations = [\"de-people\"]\napprovers = [\"Ada\"]\nchannel = \"mail\"\n{recipients}\
         [[channels]]\nname = \"mail\"\nkind = \"email\"\nhost = \"localhost\"\nport = {port}\nfrom = \"privacy@example.com\"\n\
         to = [\"dpo@example.com\"]\nretry = {{ first = \"1s\", max = \"2s\" }}\n{more}"
    )
}

fn json_of(console: &str, path: &str) -> Option<Value> {
    let (status, body) = get(console, path)?;
    (status == 200).then(|| serde_json::from_str(&body).unwrap())
}

pub(crate) fn approve(console: &str) {
    until("the draft", || json_of(console, "/api/v1/incidents/INC-1/drafts/1"));
    let approve = json!({ "command": "draft_approve", "draft": 1, "version": 1, "by": "Ada", "comment": "read" });
    let (status, body) = post(console, "/api/v1/incidents/INC-1/commands", &approve.to_string()).unwrap();
    assert_eq!(status, 200, "{body}");
}

pub(crate) fn mailing(console: &str) -> Option<Value> {
    json_of(console, "/api/v1/incidents/INC-1/drafts/1/mailing")
}

fn breachd(console: &str, arguments: &[&str]) -> String {
    let url = format!("http://{console}");
    let output = Command::new(BINARY).args(arguments).args(["--url", &url]).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// The progress of mailings, as the journal has it.
fn journaled(broker: &dyn Broker, topics: &Topics) -> Vec<Value> {
    let entries = contents(broker, &topics.journal());
    let entries = entries.iter().map(|(_, line)| journal::Entry::from_line(line).unwrap());
    // In the journal tokens stand for the people.
    let mut persons = Persons::open(broker, topics).unwrap();
    let entries = entries.filter(|entry| entry.kind == "mailing_progressed");
    entries.map(|entry| persons.unsealed(broker, &entry).unwrap()["progress"].clone()).collect()
}

fn persons(progress: &Value) -> BTreeSet<String> {
    let named = progress["persons"].as_array().unwrap();
    named.iter().map(|person| person.as_str().unwrap().to_owned()).collect()
}

#[test]
fn everybody_named_is_written_to_and_who_cannot_be_is_listed() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    // 22 is refused; 23 has no address; 24 lives elsewhere; 40 is not in the directory.
    let options = SmtpOptions { unknown: [address(22)].into(), ..SmtpOptions::default() };
    let relay = runtime.block_on(SmtpSandbox::start(options)).unwrap();
    let scratch = Scratch::new("mailing");
    scratch.write("law.yaml", LAW);
    let rows = |with_23: bool| {
        (1..40).map(move |id| {
            let email = if id == 23 && !with_23 { String::new() } else { address(id) };
            (id, email, if id == 24 { "FR" } else { "DE" })
        })
    };
    directory(&scratch, rows(false));
    let more = "tls = \"none\"\nmails_per_minute = 10\nrate_per_minute = 60\n";
    let file = scratch.write(
        "breachd.toml",
        config("[console]\nlisten = \"127.0.0.1:0\"\n", relay.port(), "", more).replace("localhost", "127.0.0.1"),
    );
    let settings = Arc::new(Settings::load(std::slice::from_ref(&file), &[]).unwrap());
    let broker = stream::memory();
    let topics = Topics::new(settings.topics.clone());
    topics.prepare(broker.as_ref()).unwrap();
    raise(broker.as_ref(), &topics, &alert("u1", (21..36).chain([40]), 0));
    let roles = [RoleName::Notifier, RoleName::Console];
    let daemon = runtime.block_on(run::start(settings, Arc::clone(&broker), &roles)).unwrap();
    let console = daemon.console.to_string();
    approve(&console);

    // The first minute's ten, and then the pace.
    let first =
        until("the first batch", || mailing(&console).filter(|page| page["n_left"] == 3 && page["n_on_the_way"] == 3));
    assert_eq!((&first["state"], &first["n"], &first["n_reached"]), (&json!("running"), &json!(15), &json!(9)));
    let reasons =
        json!([{ "why": "no_address", "n": 1 }, { "why": "not_listed", "n": 1 }, { "why": "refused", "n": 1 }]);
    assert_eq!(first["not_reached"], reasons, "{first:#}");
    let mails = |to: &str| relay.received().iter().filter(|mail| mail.summary.starts_with(&format!("to {to}"))).count();
    assert_eq!((mails("p"), mails("p24@"), mails("p36@")), (9, 0, 0));

    // A page over the same channel, while the mailing waits for its minute.
    let before = (mails("dpo@"), Instant::now());
    raise(broker.as_ref(), &topics, &alert("u2", 1..3, 0));
    until("a page", || Some(()).filter(|()| before.0 < mails("dpo@")));
    assert!(before.1.elapsed() < Duration::from_secs(20), "{:?}", before.1.elapsed());
    assert_eq!(mails("p"), 9, "the mailing keeps its pace");

    // An address comes to be known on the way.
    directory(&scratch, rows(true));
    let done = until("the end", || mailing(&console).filter(|page| page["state"] == "completed"));
    assert_eq!((&done["n_reached"], &done["n_left"]), (&json!(13), &json!(0)), "{done:#}");
    let people = json!([{ "employee": "22", "why": "refused" }, { "employee": "40", "why": "not_listed" }]);
    assert_eq!(done["people"], people);
    let ids: BTreeSet<String> =
        relay.received().iter().filter(|mail| mail.summary.starts_with("to p")).map(|mail| mail.id.clone()).collect();
    assert_eq!((ids.len(), mails("p"), mails("p23@")), (13, 13, 1), "each once");
    let overview = json_of(&console, "/api/v1/incidents").unwrap();
    let trouble = "INC-1: 2 people were not reached by the mails of draft 1: tell them another way";
    assert_eq!(overview["troubles"], json!([trouble]));
    let shown = breachd(&console, &["drafts", "mailing", "INC-1", "1"]);
    for expected in ["taken       13 of 15 by the relay", "22          refused", "40          not_listed"] {
        assert!(shown.contains(expected), "{expected} in\n{shown}");
    }

    // A mail comes back.
    let id = relay.received().iter().find(|mail| mail.summary.starts_with("to p25@")).unwrap().id.clone();
    let report = format!("Subject: returned\r\n\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\nMessage-ID: {id}\r\n");
    let report = scratch.write("returned.eml", report);
    let mails = report.to_str().unwrap();
    let said =
        breachd(&console, &["drafts", "bounced", "INC-1", "1", "--mails", mails, "--by", "Ada", "--reason", "DSN"]);
    assert!(said.contains("recorded: 1"), "{said}");
    let bounced = until("the bounce", || mailing(&console).filter(|page| page["n_reached"] == 12));
    assert_eq!(bounced["people"][1], json!({ "employee": "25", "why": "bounced" }));

    let entries = contents(broker.as_ref(), &topics.journal());
    let text: String = entries.iter().map(|(_, line)| String::from_utf8_lossy(line).into_owned()).collect();
    assert!(!text.contains("@staff.example"), "nobody's address is in the journal");
    assert!(daemon.stop());
}

#[test]
fn a_stop_by_a_person_keeps_the_results_of_what_was_handed_over() {
    const N: u32 = 9;
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let scratch = Scratch::new("mailing-stop");
    scratch.write("law.yaml", LAW);
    directory(&scratch, (1..=N).map(|id| (id, address(id), "DE")));
    // Nobody listens there yet.
    let (port, certificate) = (free_port(), crate::smtp::certificate(&scratch).0);
    let more = format!("ca_file = \"{}\"\nmails_per_minute = 600\n", certificate.display());
    let recipients = "recipients = \"directory\"\n";
    let file = scratch.write("breachd.toml", config("[console]\nlisten = \"127.0.0.1:0\"\n", port, recipients, &more));
    let settings = Arc::new(Settings::load(std::slice::from_ref(&file), &[]).unwrap());
    let broker = stream::memory();
    let topics = Topics::new(settings.topics.clone());
    topics.prepare(broker.as_ref()).unwrap();
    raise(broker.as_ref(), &topics, &alert("u1", 1..4, 0));
    let roles = [RoleName::Notifier, RoleName::Console];
    let daemon = runtime.block_on(run::start(settings, Arc::clone(&broker), &roles)).unwrap();
    let console = daemon.console.to_string();
    approve(&console);
    until("a batch on its way", || mailing(&console).filter(|page| page["n_on_the_way"] == N));
    let stop = json!({ "command": "draft_stop", "draft": 1, "by": "Ada", "comment": "wait" });
    let (status, body) = post(&console, "/api/v1/incidents/INC-1/commands", &stop.to_string()).unwrap();
    assert_eq!(status, 200, "{body}");
    let stopped = until("it is stopped", || mailing(&console).filter(|page| page["state"] == "stopped"));
    assert_eq!((&stopped["n_on_the_way"], &stopped["n_reached"]), (&json!(N), &json!(0)));

    // What the relay takes later counts, though nobody has gone on with the mailing.
    let relay = SmtpServer::start_at(&scratch, port);
    let told = until("they are reached", || mailing(&console).filter(|page| page["n_reached"] == N));
    assert_eq!((&told["state"], &told["n_on_the_way"]), (&json!("stopped"), &json!(0)));
    approve(&console);
    until("the end", || mailing(&console).filter(|page| page["state"] == "completed"));
    let all = delivered(&relay);
    assert_eq!((all.len(), all.values().flatten().count()), (N as usize, N as usize), "everybody once");
    let progress = journaled(broker.as_ref(), &topics);
    assert_eq!(progress.iter().filter(|of| of["progress"] == "begun").count(), 1, "nothing was handed over again");
    assert!(daemon.stop());
}

/// Message-IDs of the mails to each recipient, in no order.
fn delivered(server: &SmtpServer) -> BTreeMap<String, Vec<String>> {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for mail in server.mails() {
        let header = |name: &str| mail.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().to_owned();
        all.entry(header("To: ")).or_default().push(header("Message-ID: "));
    }
    all.retain(|to, _| to.ends_with("@staff.example"));
    all
}

#[test]
fn a_kill_repeats_what_was_in_flight_under_the_same_ids_and_nobody_is_forgotten() {
    const N: u32 = 700;
    let scratch = Scratch::new("mailing-kill");
    let prefix = crate::harness::unique("mailing");
    let broker = broker();
    let mut server = SmtpServer::start(&scratch);
    scratch.write("law.yaml", LAW);
    directory(&scratch, (1..=N).map(|id| (id, address(id), "DE")));
    let console = format!("127.0.0.1:{}", free_port());
    let kafka = kafka_address();
    let rest = format!(
        "[kafka]\nbootstrap_servers = \"{kafka}\"\n[topics]\nprefix = \"{prefix}\"\ntally_partitions = 1\n[console]\nlisten = \"{console}\"\n"
    );
    let more = format!("ca_file = \"{}\"\nmails_per_minute = 6000\ntimeout = \"100s\"\n", server.certificate.display());
    let recipients = "recipients = \"directory\"\n";
    let file = scratch.write("breachd.toml", config(&rest, server.port, recipients, &more));
    let settings = Settings::load(std::slice::from_ref(&file), &[]).unwrap();
    let topics = Topics::new(settings.topics.clone());
    topics.prepare(broker.as_ref()).unwrap();
    raise(broker.as_ref(), &topics, &alert("u1", 1..4, 0));
    let run = |file: &Path| Daemon::run(file, &["--roles", "notifier,console"], scratch.0.join("daemon.log"));
    let mut daemon = run(&file);
    approve(&console);
    until("the second batch is on its way", || Some(delivered(&server).len()).filter(|n| *n >= 300));
    daemon.kill();
    let before = delivered(&server);
    let until_then = journaled(broker.as_ref(), &topics);
    let in_flight = until_then.iter().rev().find(|of| of["progress"] == "begun").map(persons).unwrap();
    let ended = until_then.iter().filter(|of| of["progress"] == "ended").count();
    assert!(before.len() < N as usize && ended >= 1, "killed in the middle: {} mails, {ended} batches", before.len());

    // An answer that is waited for in vain would be another reason to repeat a mail, on a machine as busy as this: hence `timeout`.
    // The relay is away as well for a moment: nobody is lost by that.
    let port = server.port;
    drop(server);
    let mut daemon = run(&file);
    until("it goes on", || mailing(&console).filter(|page| page["state"] == "running"));
    server = SmtpServer::start_at(&scratch, port);
    let done = until("the end", || mailing(&console).filter(|page| page["state"] == "completed"));
    assert_eq!((&done["n_reached"], &done["not_reached"]), (&json!(N), &json!([])), "{done:#}");
    let all = delivered(&server);
    assert_eq!(all.len(), N as usize, "everybody");
    let ids: BTreeSet<&String> = all.values().flatten().collect();
    assert_eq!(ids.len(), N as usize, "each mail to one person has one id");
    let repeated: Vec<&String> = all.iter().filter(|(_, ids)| ids.len() > 1).map(|(to, _)| to).collect();
    assert!(repeated.len() <= in_flight.len() && in_flight.len() <= 256, "{} repeated", repeated.len());
    for to in &repeated {
        let person = to.trim_start_matches('p').split('@').next().unwrap();
        assert!(in_flight.contains(person) && all[*to].len() == 2, "{to} was not in flight");
    }
    // Each delivery is proven: every person is in a batch that ended without naming them.
    let progress = journaled(broker.as_ref(), &topics);
    let begun: BTreeSet<String> = progress.iter().filter(|of| of["progress"] == "begun").flat_map(persons).collect();
    assert_eq!(begun.len(), N as usize);
    assert!(progress.len() <= 20, "by the batch, not by the mail: {}", progress.len());
    assert_eq!(daemon.terminate(), Some(0));
}

#[test]
#[ignore = "nightly"]
fn nightly_mailpit_gets_fifty_thousand_letters_paced_and_whole_after_a_kill() {
    let n: u32 = std::env::var("BREACHD_TEST_MAILING").map_or(50_000, |n| n.parse().expect("a number of people"));
    const PER_MINUTE: u32 = 6000;
    let patience = Duration::from_secs(90 * 60);
    let scratch = Scratch::new("mailing-many");
    let prefix = crate::harness::unique("mailing-many");
    let broker = broker();
    let mut relay = Mailpit::start(&scratch);
    scratch.write("law.yaml", LAW);
    scratch.write("relay-password", mailpit::PASSWORD);
    directory(&scratch, (1..=n).map(|id| (id, address(id), "DE")));
    let console = format!("127.0.0.1:{}", free_port());
    let channel = mailpit::channel(&relay.certificate, relay.port, PER_MINUTE);
    let file = scratch.write(
        "breachd.toml",
        format!(
            "instance = \"one\"\n[kafka]\nbootstrap_servers = \"{kafka}\"\n[topics]\nprefix = \"{prefix}\"\ntally_partitions = 1\n\
             [console]\nlisten = \"{console}\"\n[directory]\nfile = \"directory.csv\"\n[obligations]\nfile = \"law.yaml\"\n\
             [jurisdictions]\napplicable = [\"*\"]\n[organisation]\nname = \"Example GmbH\"\ncontact = \"dpo@example.com\"\n\
             [[triggers]]\nchannels = [\"mail\"]\n\
             [[drafts]]\nobligations = [\"de-people\"]\napprovers = [\"Ada\"]\nchannel = \"mail\"\nrecipients = \"directory\"\n\
             {channel}concurrency = 16\ntimeout = \"100s\"\n",
            kafka = kafka_address(),
        ),
    );
    let settings = Settings::load(std::slice::from_ref(&file), &[]).unwrap();
    let topics = Topics::new(settings.topics.clone());
    topics.prepare(broker.as_ref()).unwrap();
    raise(broker.as_ref(), &topics, &alert("u1", 1..4, 0));
    let run = || Daemon::run(&file, &["--roles", "notifier,console"], scratch.0.join("daemon.log"));
    let from = Instant::now();
    let mut daemon = run();
    approve(&console);
    within(patience, "half of them have it, and some of the batch on its way", || {
        let page = mailing(&console)?;
        let (reached, on_the_way) = (page["n_reached"].as_u64()?, page["n_on_the_way"].as_u64()?);
        Some(()).filter(|()| reached >= u64::from(n / 2) && on_the_way > 0 && relay.n_mails() >= reached + 50)
    });
    let (until_kill, before) = (from.elapsed(), daemon.used());
    daemon.kill();
    let until_then = journaled(broker.as_ref(), &topics);
    let last = until_then.last().unwrap();
    let in_flight = if last["progress"] == "begun" { persons(last) } else { BTreeSet::new() };

    // The relay is away for a moment, and comes back with what it had.
    let port = relay.port;
    drop(relay);
    let again = Instant::now();
    let mut daemon = run();
    until("it goes on", || mailing(&console).filter(|page| page["state"] == "running"));
    relay = Mailpit::start_at(&scratch, port);
    let done = within(patience, "the end", || mailing(&console).filter(|page| page["state"] == "completed"));
    let (since_kill, behind) = (again.elapsed(), daemon.used());
    assert_eq!((&done["n_reached"], &done["not_reached"]), (&json!(n), &json!([])), "{done:#}");
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut times = Vec::new();
    for mail in relay.mails() {
        let to = mailpit::to(&mail).to_owned();
        if to.ends_with("@staff.example") {
            times.push(mail["Created"].as_str().unwrap().parse::<Timestamp>().expect("a time").as_millis());
            all.entry(to).or_default().push(mail["MessageID"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(all.len(), n as usize, "everybody");
    let ids: BTreeSet<&String> = all.values().flatten().collect();
    assert_eq!(ids.len(), n as usize, "each mail to one person has one id");
    let repeated: Vec<&String> = all.iter().filter(|(_, ids)| ids.len() > 1).map(|(to, _)| to).collect();
    assert!(!repeated.is_empty(), "it was not killed in the middle of a batch");
    assert!(repeated.len() <= in_flight.len() && in_flight.len() <= 256, "{} repeated", repeated.len());
    for to in &repeated {
        let person = to.trim_start_matches('p').split('@').next().unwrap();
        assert!(in_flight.contains(person) && all[*to].len() == 2, "{to} was not in flight");
    }
    // They leave at the pace; those that were slow on their way may arrive in the next minute, at most a batch.
    times.sort_unstable();
    let in_a_minute = |at: usize| times[at..].partition_point(|time| *time < times[at] + 60_000);
    let most = (0..times.len()).map(in_a_minute).max().unwrap();
    assert!(most <= PER_MINUTE as usize + 256, "{most} in a minute");
    let progress = journaled(broker.as_ref(), &topics);
    let begun: BTreeSet<String> = progress.iter().filter(|of| of["progress"] == "begun").flat_map(persons).collect();
    assert_eq!(begun.len(), n as usize);
    let n_batches = (n as usize).div_ceil(256);
    assert!(progress.len() <= 2 * n_batches + 10, "by the batch, not by the mail: {}", progress.len());
    let verified = Command::new(BINARY).args(["audit", "verify", "--config"]).arg(&file).output().unwrap();
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
    println!(
        "{n} letters: {:.0} s to the kill at half of them, {:.0} s from the restart to the end; {} repeated of {} in flight; \
         at most {most} in a minute; {} entries; peak {} and {} MiB, {:.0} and {:.0} s of processor time",
        until_kill.as_secs_f64(),
        since_kill.as_secs_f64(),
        repeated.len(),
        in_flight.len(),
        progress.len(),
        before.0,
        behind.0,
        before.1,
        behind.1,
    );
    assert_eq!(daemon.terminate(), Some(0));
}
