//! From an alert in Kafka to PagerDuty's acceptance, in a storm: `cargo bench --bench notices`.
//!
//! For one minute (`MINUTES=3` for more runs, each under a prefix of its own) 10,000 alerts a minute are written to
//! `breachd.alerts`, evenly: 100 are about somebody new and open incidents, half of the others join one of these, the rest
//! interrupts nobody. `breachd run --roles notifier` is a process of its own; PagerDuty is the strict sandbox in this one.
//! What counts is the wall time from the alert's handing to the producer (so with its linger) until the sandbox took the trigger.
//! The floor, in the same run: until a reader that does nothing has the alert.
//!
//! More than 100 critical incidents an hour are a storm and become one; so a run is a minute, and the next begins afresh.

#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

mod broker;

use activity::{DataClass, Entity, EntityKind, KnownBy, Mode, Span, Timestamp};
use broker::{Fallible, Folder, Kafka, PAUSE, breachd, cpu_seconds, metrics, unique, within};
use detector::{Alert, AlertId, AlertWindow, Severity};
use notifier::sandbox::{PagerDutySandbox, Sandbox};
use std::{
    collections::BTreeMap,
    fs,
    net::TcpListener,
    sync::Arc,
    time::{Duration, Instant},
};
use stream::{Broker, Outgoing, Reader, TopicSpec};

const ALERTS: usize = 10_000;
const NEW: usize = 100;
const SPREAD: Duration = Duration::from_mins(1);
const KEY: &str = "bench000bench000bench000bench000";

fn main() -> Fallible<()> {
    // `cargo test --benches` runs this too, without `--bench`.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let n_runs = std::env::var("MINUTES").map_or(Ok(1), |text| text.parse())?;
    let kafka = Kafka::find()?;
    let broker =
        stream::kafka(&stream::Settings { bootstrap_servers: kafka.address.clone(), ..stream::Settings::default() })?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let (mut told, mut read) = (Vec::new(), Vec::new());
    for _ in 0..n_runs {
        let pagerduty = runtime.block_on(PagerDutySandbox::start(KEY, "bench-token"))?;
        let minute = Minute { kafka: &kafka.address, broker: &broker, pagerduty: &pagerduty };
        minute.run(&mut told, &mut read)?;
    }
    println!("\n{} incidents, milliseconds {:>9} {:>8} {:>8} {:>8}", told.len(), "median", "p90", "p99", "most");
    for (name, times) in [("read (floor)", &mut read), ("accepted by PagerDuty", &mut told)] {
        times.sort_unstable();
        let at = |part: f64| times[((times.len() as f64 * part).ceil() as usize).clamp(1, times.len()) - 1];
        println!("{name:<28} {:>9} {:>8} {:>8} {:>8}", at(0.5), at(0.9), at(0.99), at(1.0));
    }
    Ok(())
}

struct Minute<'a> {
    kafka: &'a str,
    broker: &'a Arc<dyn Broker>,
    pagerduty: &'a PagerDutySandbox,
}

impl Minute<'_> {
    /// Adds the milliseconds of each new incident: until PagerDuty took it, until a reader had its alert.
    fn run(&self, told: &mut Vec<i64>, read: &mut Vec<i64>) -> Fallible<()> {
        let prefix = unique();
        let folder = Folder::new(&prefix)?;
        let console = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        fs::write(folder.0.join("routing-key"), KEY)?;
        let config = folder.0.join("breachd.toml");
        fs::write(&config, self.configuration(&prefix, &console))?;
        self.broker.create_topics(&[TopicSpec {
            name: format!("{prefix}-access"),
            partitions: 1,
            replication: None,
            compacted: false,
            retention: None,
        }])?;
        let began = Instant::now();
        let mut daemon = breachd("notifier", &config)?;
        while !metrics(&console).is_ok_and(|text| text.contains("breachd_journal_entries_total")) {
            within(began, "starting")?;
            daemon.alive()?;
            std::thread::sleep(PAUSE);
        }
        let topic = format!("{prefix}.alerts");
        // Somebody whom nobody is called about: once this is journaled, the notifier is at work.
        let mut appender = self.broker.appender()?;
        appender.send(outgoing(&topic, &alert("bench-first", ALERTS, false)))?;
        appender.flush()?;
        let is_at_work = |text: String| {
            let mut counts = text.lines().filter_map(|line| line.strip_prefix("breachd_journal_entries_total "));
            counts.any(|count| count.parse::<f64>().is_ok_and(|n| n > 0.0))
        };
        while !metrics(&console).is_ok_and(is_at_work) {
            within(began, "taking over")?;
            daemon.alive()?;
            std::thread::sleep(PAUSE);
        }
        let reader = self.reader(&topic, began)?;
        let arrivals = std::thread::spawn(move || arrivals(reader));
        let before = cpu_seconds(daemon.id())?;
        let sent = self.send(&topic)?;
        let accepted = loop {
            let accepted = self.accepted();
            if accepted.len() >= NEW {
                break accepted;
            }
            within(began, "telling PagerDuty")?;
            daemon.alive()?;
            std::thread::sleep(PAUSE);
        };
        let spent = cpu_seconds(daemon.id())? - before;
        println!("{ALERTS} alerts: {spent:.2} s of processor time");
        let arrived = arrivals.join().map_err(|_| "the reader failed")?;
        for (name, at) in sent {
            told.push((accepted[&name] - at).as_millis());
            read.push((arrived[&name] - at).as_millis());
        }
        Ok(())
    }

    fn configuration(&self, prefix: &str, console: &str) -> String {
        format!(
            "instance = \"bench\"\n\
             [kafka]\nbootstrap_servers = \"{}\"\n\
             [topics]\nprefix = \"{prefix}\"\n\
             [console]\nlisten = \"{console}\"\n\
             [[sources]]\nname = \"access\"\nformat = \"nginx_json\"\ntopic = \"{prefix}-access\"\n\
             [[triggers]]\nseverity_at_least = \"high\"\nchannels = [\"pager\"]\n\
             [[channels]]\nname = \"pager\"\nkind = \"pagerduty\"\nurl = \"{}\"\nrouting_key_file = \"routing-key\"\n",
            self.kafka,
            self.pagerduty.url(),
        )
    }

    /// The daemon creates the topic.
    fn reader(&self, topic: &str, began: Instant) -> Fallible<Box<dyn Reader>> {
        loop {
            if self.broker.partitions(topic)?.is_some() {
                match self.broker.read(&[(topic, Vec::new())]) {
                    Ok(reader) => return Ok(reader),
                    Err(error) if error.retry() => {}
                    Err(error) => return Err(error.into()),
                }
            }
            within(began, "creating topics")?;
            std::thread::sleep(PAUSE);
        }
    }

    /// Who opens an incident, and when its alert was sent.
    fn send(&self, topic: &str) -> Fallible<BTreeMap<String, Timestamp>> {
        let mut appender = self.broker.appender()?;
        let mut sent = BTreeMap::new();
        let began = Instant::now();
        let every = ALERTS / NEW;
        for n in 0..ALERTS {
            let due = SPREAD.mul_f64(n as f64 / ALERTS as f64);
            std::thread::sleep(due.saturating_sub(began.elapsed()));
            let (person, page) = match n % every {
                0 => (n / every, true),
                _ => (n / every * (n % 7) / 7, n % 2 == 0),
            };
            let name = person_name(person);
            let message = outgoing(topic, &alert(&name, n, page));
            let at = wall();
            appender.send(message)?;
            if n % every == 0 {
                sent.insert(name, at);
            }
        }
        appender.flush()?;
        Ok(sent)
    }

    /// When PagerDuty first took a trigger about each of them.
    fn accepted(&self) -> BTreeMap<String, Timestamp> {
        let mut accepted = BTreeMap::new();
        for received in self.pagerduty.received().into_iter().filter(|received| received.taken()) {
            let raw = String::from_utf8_lossy(&received.raw).into_owned();
            if let Some((_, behind)) = raw.split_once("bench-") {
                accepted.entry(format!("bench-{}", &behind[..5])).or_insert(received.at);
            }
        }
        accepted
    }
}

/// When each one's first alert was there to be read.
fn arrivals(mut reader: Box<dyn Reader>) -> BTreeMap<String, Timestamp> {
    let mut arrived = BTreeMap::new();
    let mut n = 0;
    // And the first one.
    while n <= ALERTS {
        let polled = reader.poll(1_000, PAUSE, &mut |record| {
            if let Ok(alert) = Alert::from_json(record.payload.unwrap_or_default()) {
                arrived.entry(alert.subject.id.to_string()).or_insert_with(wall);
            }
        });
        n += polled.expect("a readable topic");
    }
    arrived
}

fn outgoing(topic: &str, alert: &Alert) -> Outgoing {
    let payload = alert.to_json().into();
    Outgoing { topic: topic.to_owned(), partition: Some(0), payload, ..Outgoing::default() }
}

fn person_name(person: usize) -> String {
    format!("bench-{person:05}")
}

fn alert(name: &str, n: usize, page: bool) -> Alert {
    let subject = Entity::new(EntityKind::PortalUser, name);
    let at = Timestamp::from_millis(1_772_442_000_000 + n as i64);
    let window = AlertWindow { from: at, to: at + Span::from_minutes(5) };
    Alert {
        id: AlertId::of("volume", &subject, &subject, window, Mode::Live),
        raised_at: at,
        window,
        subject: subject.clone(),
        entity: subject,
        detector: "volume".into(),
        severity: Severity::Critical,
        page,
        suppressed_by: None,
        data_classes: DataClass::Hr.into(),
        observed: 1_840.0,
        expected: 12.4,
        unit: "rows".into(),
        p_value: Some(1.2e-9),
        why: format!("{name} read 1,840 rows of hr_payroll in 5 min; 12 is usual for payroll clerks on Monday 21:00"),
        facts: Vec::new(),
        actor_known_by: KnownBy::AccessLog,
        affected_records: 1_840,
        named: None,
        attack: vec!["T1213".into()],
        evidence: Vec::new(),
        mode: Mode::Live,
    }
}

fn wall() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("it is after 1970");
    Timestamp::from_millis(since.as_millis() as i64)
}
