//! What must be in the topics: the same records through one ingester for each partition and one engine, undisturbed.

use super::world::{PARTITIONS, SOURCES};
use crate::harness::until;
use activity::{Bucket, EntityKind, Mode};
use breachd::{settings::Settings, topics::Topics};
use detector::{Alert, Effects};
use ingest::{DeadLetter, Ingester, Raw, Resume, Written};
use sha2::{Digest as _, Sha256};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};
use stream::{Broker, RecordRef};
use tally::{Batch, Manifest, Range, Tallier, Tally};

/// What decides an alert, apart from when it fired within its bucket.
type Essence = (String, String, String, bool, String);

/// A place in event time and what was done there.
type Key = (Mode, EntityKind, Arc<str>, Bucket);

/// What an account of all records comes to.
#[derive(Debug, Default)]
pub(crate) struct Account {
    pub(crate) alerts: BTreeMap<String, Essence>,
    /// (source, partition): covered up to, contributed, ignored, dead-lettered, late, pending.
    ranges: BTreeMap<(Box<str>, i32), (i64, [u64; 5])>,
    tallies: BTreeMap<Key, Tally>,
    letters: Vec<String>,
    wrong: Vec<String>,
}

/// The names of differences; none if all is as it must be.
pub(crate) fn differences(found: &Account, expected: &Account) -> Vec<String> {
    let mut wrong = found.wrong.clone();
    for (id, essence) in &expected.alerts {
        match found.alerts.get(id) {
            None => wrong.push(format!("no alert {id} {essence:?}")),
            Some(other) if other != essence => wrong.push(format!("alert {id} is {other:?}, must be {essence:?}")),
            Some(_) => {}
        }
    }
    let invented = found.alerts.iter().filter(|(id, _)| !expected.alerts.contains_key(*id));
    wrong.extend(invented.map(|(id, essence)| format!("an alert too many: {id} {essence:?}")));
    if found.ranges != expected.ranges {
        wrong.push(format!("records counted: {:?}, must be {:?}", found.ranges, expected.ranges));
    }
    if found.letters != expected.letters {
        let (found, expected) = (found.letters.len(), expected.letters.len());
        wrong.push(format!("{found} dead letters, must be {expected} (or their texts differ)"));
    }
    let keys: BTreeSet<&Key> = found.tallies.keys().chain(expected.tallies.keys()).collect();
    let differ: Vec<_> = keys.into_iter().filter(|key| found.tallies.get(key) != expected.tallies.get(key)).collect();
    if let Some(first) = differ.first() {
        let (is, must) = (found.tallies.get(first), expected.tallies.get(first));
        wrong.push(format!("{} tallies differ, the first at {first:?}: {is:?}, must be {must:?}", differ.len()));
    }
    wrong
}

/// Everything in a topic.
fn each(host: &dyn Broker, topic: &str, each: &mut dyn FnMut(RecordRef<'_>)) {
    // A topic is there a moment before its partitions have leaders, and some brokers are busy.
    let mut reader = until("a topic can be read", || host.read(&[(topic, Vec::new())]).ok());
    while !reader.caught_up() {
        reader.poll(10_000, Duration::from_millis(100), each).expect("a readable topic");
    }
}

/// By source partition: the offset that comes next, and outcomes counted.
type Covered = BTreeMap<(Box<str>, i32), (i64, [u64; 5])>;

/// What the processes left behind.
pub(crate) fn found(host: &dyn Broker, settings: &Settings) -> Account {
    let topics = Topics::new(settings.topics.clone());
    let mut account = Account::default();
    let mut per_partition: BTreeMap<i32, Covered> = BTreeMap::new();
    each(host, &topics.tallies(), &mut |record| {
        let Ok(batch) = Batch::decode(record.payload.unwrap_or_default()) else {
            account.wrong.push(format!("a tally message at {} cannot be read", record.offset));
            return;
        };
        let ranges = per_partition.entry(record.partition).or_default();
        for range in &batch.manifest.ranges {
            let (end, counts) = ranges.entry((range.source.clone(), range.partition)).or_default();
            if range.from != *end && range.from < range.to {
                account.wrong.push(format!("a gap or a doubled range: {range:?} behind {end}"));
            }
            *end = range.to.max(*end);
            let [contributed, ignored, dead, late, pending] = counts;
            *contributed += range.contributed;
            *ignored += range.ignored;
            *dead += range.dead_lettered;
            *late += range.late;
            *pending = range.pending;
        }
        merge(&mut account.tallies, batch);
    });
    let mut of_all = per_partition.into_values();
    account.ranges = of_all.next().unwrap_or_default();
    if of_all.any(|ranges| ranges != account.ranges) {
        account.wrong.push("tally partitions tell of different records".into());
    }
    each(host, &topics.alerts(), &mut |record| {
        note(&mut account.alerts, &Alert::from_json(record.payload.unwrap_or_default()).expect("an alert"));
    });
    each(host, &topics.dead_letter(), &mut |record| {
        let letter: serde_json::Value = serde_json::from_slice(record.payload.unwrap_or_default()).expect("JSON");
        account.letters.push(text_of(letter));
    });
    account.letters.sort();
    account
}

/// The same records, undisturbed.
pub(crate) fn expected(host: &dyn Broker, settings: &Settings) -> Account {
    let mut account = Account::default();
    let (mut tallier, mut dead) = (Tallier::default(), Vec::new());
    let mut manifest = Manifest { instance: "judge".into(), sequence: 1, ranges: Vec::new() };
    for (topic, plan) in settings.plans() {
        let fresh = |partition| Ingester::new(Arc::clone(&plan), partition, Resume::fresh());
        let mut ingesters: Vec<Ingester> = (0..PARTITIONS as i32).map(fresh).collect();
        each(host, &topic, &mut |record| {
            let raw = Raw {
                bytes: record.payload.unwrap_or_default(),
                offset: record.offset,
                mode: Mode::Live,
                forged_mark: false,
                written: Written::At(record.stamped_at),
                resubmitted: None,
            };
            ingesters[record.partition as usize].take(raw, &mut tallier, &mut dead);
        });
        for ingester in &mut ingesters {
            ingester.expire(&mut tallier, &mut dead);
            let range = ingester.flushed();
            let Range { contributed, ignored, dead_lettered, late, pending, .. } = range;
            let counts = [contributed, ignored, dead_lettered, late, pending];
            account.ranges.insert((range.source.clone(), range.partition), (range.to, counts));
            manifest.ranges.push(range);
        }
    }
    account.letters =
        dead.iter().map(DeadLetter::to_json).map(|letter| text_of(letter.parse().expect("JSON"))).collect();
    account.letters.sort();
    let partitions = SOURCES.map(|(name, _)| (name.into(), PARTITIONS));
    let mut engine = settings.engine(0, 1, &partitions, false);
    let mut told = Vec::new();
    for (_, message) in tallier.flush(1, &manifest) {
        let batch = Batch::decode(&message).expect("a message of ours");
        told.push(engine.take(&batch));
        merge(&mut account.tallies, batch);
    }
    told.push(engine.finish());
    let mut told = VecDeque::from(told);
    while let Some(Effects { alerts, rollups, violations }) = told.pop_front() {
        assert_eq!(violations, []);
        alerts.iter().for_each(|alert| note(&mut account.alerts, alert));
        told.extend(rollups.iter().map(|rollup| engine.rollup(rollup)));
    }
    account
}

fn note(alerts: &mut BTreeMap<String, Essence>, alert: &Alert) {
    let essence = (
        alert.detector.clone(),
        alert.subject.to_string(),
        alert.severity.as_str().to_owned(),
        alert.page,
        format!("{} to {}", alert.window.from, alert.window.to),
    );
    alerts.insert(alert.id.to_string(), essence);
}

fn merge(tallies: &mut BTreeMap<Key, Tally>, batch: Batch) {
    for entry in batch.entries {
        tallies.entry((entry.mode, entry.kind, entry.id, entry.bucket)).or_default().merge(&entry.tally);
    }
}

/// A letter apart from its topic, which only a role knows.
fn text_of(mut letter: serde_json::Value) -> String {
    letter.as_object_mut().expect("an object").remove("topic");
    letter.to_string()
}

/// Every byte of every topic.
pub(super) fn digest(host: &dyn Broker, settings: &Settings) -> String {
    let topics = Topics::new(settings.topics.clone());
    let own = topics.specs().into_iter().map(|spec| spec.name);
    let mut sha = Sha256::new();
    for topic in SOURCES.iter().map(|(name, _)| (*name).to_owned()).chain(own) {
        sha.update(topic.as_bytes());
        each(host, &topic, &mut |record| {
            let (key, payload) = (record.key.unwrap_or_default(), record.payload.unwrap_or_default());
            let place = (record.partition, record.offset, record.stamped_at.as_millis(), key.len(), payload.len());
            sha.update(format!("{place:?}{:?}", record.headers()));
            sha.update(key);
            sha.update(payload);
        });
    }
    sha.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
