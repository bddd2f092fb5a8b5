//! From real log lines in a real Kafka to alerts, incidents, and notices at strict receivers; and the same over files.

use crate::harness::{
    BINARY, Daemon, Scratch, broker, contents, free_port, get, kafka_address, lines, post, sample, topic, unique, until,
};
use crate::smtp::SmtpServer;
use detector::Alert;
use notifier::sandbox::{All, Sandbox};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::Command,
};
use stream::{Broker, Outgoing};

/// (source, format, samples in the order they were written)
pub(crate) const SOURCES: [(&str, &str, &[&str]); 3] = [
    ("access", "nginx_json", &["nginx-access_json_normal", "nginx-access_json_breach_nasty"]),
    (
        "audit",
        "mariadb_server_audit",
        &[
            "mariadb_server_audit_file-normal",
            "mariadb_server_audit_file-odd",
            "mariadb_server_audit_file-failed_logins",
            "mariadb_server_audit_file-breach",
        ],
    ),
    ("slow", "mariadb_slow_log", &["mariadb_slow_log-normal", "mariadb_slow_log-odd", "mariadb_slow_log-breach"]),
];

/// What decides an alert, apart from when it fired within its bucket.
pub(crate) type Essence = (String, String, String, String, bool, String);

pub(crate) fn essence(alert: &Alert) -> Essence {
    (
        alert.id.to_string(),
        alert.detector.clone(),
        alert.subject.to_string(),
        alert.severity.as_str().to_owned(),
        alert.page,
        format!("{} to {}", alert.window.from, alert.window.to),
    )
}

pub(crate) fn alerts_in(broker: &dyn Broker, topic: &str) -> BTreeMap<String, Alert> {
    contents(broker, topic)
        .iter()
        .map(|(_, payload)| Alert::from_json(payload).expect("an alert"))
        .map(|alert| (alert.id.to_string(), alert))
        .collect()
}

struct World {
    scratch: Scratch,
    prefix: String,
    console: String,
    config: PathBuf,
    smtp: SmtpServer,
}

impl World {
    fn new(name: &str, sandbox: &All, extra: &str) -> World {
        let scratch = Scratch::new(name);
        let prefix = unique(name);
        let smtp = SmtpServer::start(&scratch);
        let console = format!("127.0.0.1:{}", free_port());
        scratch.write("drill-key", "a key for exercises, long enough");
        let key = journal::SigningKey::new("example.com/journal", &[7; 32]).expect("a key");
        scratch.write("audit-key", key.to_text());
        let channel = |name: &str| {
            let all = sandbox.settings();
            let one = notifier::Settings {
                channels: all.channels.iter().filter(|channel| channel.name() == name).cloned().collect(),
                ..notifier::Settings::default()
            };
            #[derive(serde::Serialize)]
            struct Channels {
                channels: notifier::Settings,
            }
            toml::to_string(&Channels { channels: one }).expect("settings of ours")
        };
        let sources: String = SOURCES
            .iter()
            .map(|(source, format, _)| format!("[[sources]]\nname = \"{source}\"\nformat = \"{format}\"\nzone = \"UTC\"\ntopic = \"{prefix}-{source}\"\n"))
            .collect();
        let config = scratch.write(
            "breachd.toml",
            format!(
                "instance = \"one\"\n[kafka]\nbootstrap_servers = \"{kafka}\"\n[topics]\nprefix = \"{prefix}\"\ntally_partitions = 3\n\
                 [ingest]\nflush_interval = \"50ms\"\nexpire_after = \"1s\"\nidle_after = \"3s\"\n\
                 [console]\nlisten = \"{console}\"\n[drill]\nkey_file = \"drill-key\"\n[audit]\nkey_file = \"audit-key\"\n\
                 [attribution]\nsql_tags = [{{ key = \"user\", position = \"end\" }}]\n\
                 {sources}\n\
                 [[triggers]]\ndata_classes = [\"hr\"]\nchannels = [\"pager\", \"tickets\", \"hook\", \"office\"]\n\
                 [[triggers]]\nseverity_at_least = \"high\"\nchannels = [\"pager\"]\n\
                 [awareness]\nseverity_at_least = \"high\"\ndata_classes = [\"hr\"]\n{extra}\n\
                 {pager}{tickets}{hook}\n\
                 [[channels]]\nname = \"office\"\nkind = \"email\"\nhost = \"localhost\"\nport = {smtp}\nca_file = \"smtp.pem\"\n\
                 from = \"breachd <breachd@example.com>\"\nto = [\"privacy@example.com\"]\n",
                kafka = kafka_address(),
                pager = channel("pager"),
                tickets = channel("tickets"),
                hook = channel("hook"),
                smtp = smtp.port,
            ),
        );
        assert!(smtp.certificate.exists());
        World { scratch, prefix, console, config, smtp }
    }

    fn topic(&self, name: &str) -> String {
        format!("{}.{name}", self.prefix)
    }

    fn create_raw_topics(&self, broker: &dyn Broker) {
        let topics: Vec<_> =
            SOURCES.iter().map(|(source, ..)| topic(&format!("{}-{source}", self.prefix), 1)).collect();
        broker.create_topics(&topics).unwrap();
    }

    /// Writes the samples to their topics line by line, as shippers do; returns the files `replay` reads.
    fn produce(&self, broker: &dyn Broker) -> Vec<(String, String, PathBuf)> {
        let mut appender = broker.appender().unwrap();
        let mut files = Vec::new();
        for (source, format, samples) in SOURCES {
            let text: Vec<u8> = samples.iter().flat_map(|name| sample(name)).collect();
            for line in lines(&text) {
                let topic = format!("{}-{source}", self.prefix);
                appender
                    .send(Outgoing {
                        topic,
                        partition: Some(0),
                        key: None,
                        payload: line.to_vec(),
                        headers: Vec::new(),
                    })
                    .unwrap();
            }
            let file = self.scratch.write(&format!("{source}.log"), &text);
            files.push((source.to_owned(), format.to_owned(), file));
        }
        appender.flush().unwrap();
        files
    }
}

pub(crate) fn replay(
    config: &Path,
    files: &[(String, String, PathBuf)],
    out: &Path,
    partitions: u32,
) -> BTreeMap<String, Alert> {
    let mut command = Command::new(BINARY);
    command
        .args(["replay", "--config"])
        .arg(config)
        .arg("--alerts")
        .arg(out)
        .args(["--partitions", &partitions.to_string()]);
    for (name, format, path) in files {
        command.arg("--input").arg(format!("{name}:{format}={}@UTC", path.display()));
    }
    let output = command.output().expect("breachd replay");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = std::fs::read_to_string(out).expect("the alerts");
    text.lines()
        .map(|line| Alert::from_json(line.as_bytes()).expect("an alert"))
        .map(|alert| (alert.id.to_string(), alert))
        .collect()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

#[test]
fn real_samples_become_alerts_and_notices_and_replay_agrees() {
    let runtime = runtime();
    let secrets = Scratch::new("secrets");
    let sandbox = runtime.block_on(All::start(&secrets.0)).unwrap();
    let world = World::new("pipeline", &sandbox, "");
    let broker = broker();
    world.create_raw_topics(broker.as_ref());
    let mut daemon = Daemon::run(&world.config, &[], world.scratch.0.join("daemon.log"));
    until("the daemon is ready", || get(&world.console, "/readyz").filter(|(status, _)| *status == 200));
    let files = world.produce(broker.as_ref());

    // The same records as files give the same alerts, whatever the number of tally partitions.
    let replayed = replay(&world.config, &files, &world.scratch.0.join("alerts.jsonl"), 1);
    let split = replay(&world.config, &files, &world.scratch.0.join("alerts-4.jsonl"), 4);
    let essences = |alerts: &BTreeMap<String, Alert>| -> BTreeSet<Essence> { alerts.values().map(essence).collect() };
    assert_eq!(essences(&replayed), essences(&split));
    let detectors: BTreeSet<&str> = replayed.values().map(|alert| alert.detector.as_str()).collect();
    assert!(detectors.contains("into_outfile") && detectors.contains("login_failures"), "{detectors:?}");
    assert!(
        replayed.values().any(|alert| alert.detector == "into_outfile" && alert.page),
        "the OUTFILE of an HR table pages"
    );
    let live = until("run raises what replay raised", || {
        let live = alerts_in(broker.as_ref(), &world.topic("alerts"));
        (live.len() >= replayed.len()).then_some(live)
    });
    assert_eq!(essences(&live), essences(&replayed));

    // Notices reached every kind of receiver, each by its own contract.
    until("PagerDuty has an open alert", || (!sandbox.pagerduty.alerts().is_empty()).then_some(()));
    until("ServiceNow has a record", || (!sandbox.servicenow.records().is_empty()).then_some(()));
    until("the webhook was called", || (!sandbox.webhook.received().is_empty()).then_some(()));
    let mail = until("a mail arrived over STARTTLS", || world.smtp.mails().into_iter().next());
    assert!(mail.contains("Auto-Submitted: auto-generated") && mail.contains("[INCIDENT]"), "{mail}");
    for received in sandbox.received() {
        assert!((200..300).contains(&received.status), "{received:?}");
    }

    // The journal verifies, the console and the metrics tell the same story.
    let settled = until("every notice is settled", || {
        let (status, body) = get(&world.console, "/metrics")?;
        assert_eq!(status, 200);
        let pending: f64 = body
            .lines()
            .filter(|line| line.starts_with("breachd_outbox_pending{"))
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum();
        (pending == 0.0).then_some(body)
    });
    assert!(
        settled.contains("breachd_records_total{") && settled.contains("breachd_journal_entries_total"),
        "{settled}"
    );
    let (status, page) = get(&world.console, "/").unwrap();
    assert!(status == 200 && page.contains("INC-1"), "{page}");
    let verified = Command::new(BINARY).args(["audit", "verify", "--config"]).arg(&world.config).output().unwrap();
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
    let said = String::from_utf8_lossy(&verified.stdout).into_owned();
    assert!(said.contains("signed checkpoints hold"), "{said}");

    // A restart raises nothing twice and tells nobody twice.
    let pages_before = sandbox.pagerduty.received().len();
    assert_eq!(daemon.terminate(), Some(0));
    let mut daemon = Daemon::run(&world.config, &[], world.scratch.0.join("daemon.log"));
    until("the daemon is ready again", || get(&world.console, "/readyz").filter(|(status, _)| *status == 200));
    let drill =
        Command::new(BINARY).args(["drill", "run", "--url", &format!("http://{}", world.console)]).output().unwrap();
    let said = String::from_utf8_lossy(&drill.stdout).into_owned() + &String::from_utf8_lossy(&drill.stderr);
    assert!(drill.status.success(), "{said}");
    assert!(said.contains("detected    after") && said.contains("pager"), "{said}");
    let ids: Vec<String> = contents(broker.as_ref(), &world.topic("alerts"))
        .iter()
        .map(|(_, payload)| Alert::from_json(payload).unwrap())
        .filter(|alert| !alert.mode.is_drill())
        .map(|alert| alert.id.to_string())
        .collect();
    assert_eq!(ids.len(), replayed.len(), "an alert was written twice, or a restart raised a new one");
    let repeated: Vec<_> = sandbox
        .pagerduty
        .received()
        .into_iter()
        .skip(pages_before)
        .filter(|received| !received.summary.contains("DRILL"))
        .collect();
    assert!(repeated.is_empty(), "{repeated:?}");

    // A drill is marked everywhere and starts no real deadline.
    let drilled: Vec<_> =
        sandbox.pagerduty.received().into_iter().filter(|received| received.summary.contains("[DRILL]")).collect();
    assert!(!drilled.is_empty());
    let metrics = get(&world.console, "/metrics").unwrap().1;
    assert!(metrics.contains("breachd_invariant_violations_total"));
    assert!(
        !metrics.lines().any(|line| line.starts_with("breachd_invariant_violations_total") && !line.ends_with(" 0")),
        "{metrics}"
    );

    // Somebody takes it on.
    let (status, body) =
        post(&world.console, "/api/v1/incidents/INC-1/commands", r#"{"command":"acknowledge","by":"Ada"}"#).unwrap();
    assert_eq!(status, 200, "{body}");
    until("PagerDuty hears of it", || {
        sandbox.pagerduty.alerts().values().any(|alert| alert.status == "acknowledged").then_some(())
    });
    assert_eq!(daemon.terminate(), Some(0));
}

#[test]
fn receivers_that_fail_are_tried_again_and_nothing_is_lost() {
    use notifier::sandbox::Fault;
    let runtime = runtime();
    let secrets = Scratch::new("secrets");
    let sandbox = runtime.block_on(All::start(&secrets.0)).unwrap();
    let world = World::new("faults", &sandbox, "");
    let broker = broker();
    world.create_raw_topics(broker.as_ref());
    sandbox.pagerduty.fail_next(Fault::Answer { status: 429, retry_after: Some("1".into()) });
    sandbox.servicenow.fail_next(Fault::Answer { status: 500, retry_after: None });
    sandbox.webhook.fail_next(Fault::Reset);
    let mut daemon = Daemon::run(&world.config, &["--roles", "ingest,detector"], world.scratch.0.join("daemon.log"));
    let text = sample("mariadb_server_audit_file-breach");
    let mut appender = broker.appender().unwrap();
    for line in lines(&text) {
        appender
            .send(Outgoing {
                topic: format!("{}-audit", world.prefix),
                partition: Some(0),
                key: None,
                payload: line.to_vec(),
                headers: Vec::new(),
            })
            .unwrap();
    }
    // What cannot be read is kept with its reason; the rest goes on.
    for garbage in [&b"not a log line"[..], &[0xff, 0xfe, 0x00], &vec![b'x'; 900_000][..]] {
        appender
            .send(Outgoing {
                topic: format!("{}-audit", world.prefix),
                partition: Some(0),
                key: None,
                payload: garbage.to_vec(),
                headers: Vec::new(),
            })
            .unwrap();
    }
    appender.flush().unwrap();
    let letters = until("three dead letters", || {
        let letters = contents(broker.as_ref(), &world.topic("dead-letter"));
        (letters.len() >= 3).then_some(letters)
    });
    assert_eq!(letters.len(), 3);
    for (_, letter) in &letters {
        let letter: serde_json::Value = serde_json::from_slice(letter).unwrap();
        assert!(letter["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{letter}");
    }
    until("an alert", || (!alerts_in(broker.as_ref(), &world.topic("alerts")).is_empty()).then_some(()));
    // The roles are split: another process notifies.
    let elsewhere = world.scratch.write("second.toml", format!("[console]\nlisten = \"127.0.0.1:{}\"\n", free_port()));
    let more = ["--config", elsewhere.to_str().unwrap(), "--roles", "notifier,console"];
    let mut second = Daemon::run(&world.config, &more, world.scratch.0.join("second.log"));
    until("PagerDuty has an open alert, after a 429", || (!sandbox.pagerduty.alerts().is_empty()).then_some(()));
    until("ServiceNow has a record, after a 500", || (!sandbox.servicenow.records().is_empty()).then_some(()));
    until("the webhook was called, after a reset", || {
        sandbox.webhook.received().into_iter().find(|received| received.status < 300)
    });
    assert_eq!(daemon.terminate(), Some(0));
    assert_eq!(second.terminate(), Some(0));
}
