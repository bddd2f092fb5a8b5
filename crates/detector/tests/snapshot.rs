//! Snapshots: a restored engine is the engine that wrote them, to the byte; damaged ones are refused; the topic stays within bounds.

use activity::{DataClass, EntityKind, KnownBy, Mode, Span, Timestamp};
use detector::{Calendar, Checkpoint, Directory, Engine, EngineSpec, NotRestored, Settings};
use std::{collections::BTreeMap, sync::Arc};
use tally::{Batch, Manifest, Metric, Range, Tallier};

type Topic = BTreeMap<Vec<u8>, Vec<u8>>;

fn start() -> Timestamp {
    "2026-03-02T00:00:00Z".parse().expect("a time")
}

fn engine_with(settings: Settings) -> Engine {
    let spec = EngineSpec { partition: 0, partitions: 1, sources: vec![("web".into(), 1)], ..EngineSpec::default() };
    let (directory, calendar) = (Arc::new(Directory::default()), Arc::new(Calendar::default()));
    Engine::new(spec, Arc::new(settings), directory, calendar)
}

fn engine() -> Engine {
    engine_with(Settings::default())
}

fn restored(topic: &Topic) -> Result<Option<(Engine, i64, u64)>, NotRestored> {
    engine().restored(topic.iter().map(|(key, value)| (&key[..], &value[..])))
}

fn write(topic: &mut Topic, checkpoint: &Checkpoint) {
    topic.extend(checkpoint.messages.iter().cloned());
}

/// What `users` do in one hour after the start, each from an address of their own.
fn hour(number: i64, users: std::ops::Range<u64>) -> Batch {
    let mut tallier = Tallier::new();
    let at = start() + Span::from_hours(number);
    for user in users {
        let (name, address) = (format!("u{user}"), format!("10.{}.{}.7", user / 256 % 256, user % 256));
        for (kind, id) in [(EntityKind::PortalUser, name.as_str()), (EntityKind::Address, address.as_str())] {
            let tally = tallier.tally(Mode::Live, kind, id, (at + Span::from_secs(user as i64 % 3_000)).bucket());
            tally.add(Metric::Requests, 1 + user % 7);
            tally.add(Metric::ClassifiedRequests, 1 + user % 5);
            tally.classes.insert(DataClass::Hr);
            tally.known(KnownBy::AccessLog);
            tally.addresses.insert(&address);
            tally.records.insert(activity::Record::new("employee", &(user * 31 + number as u64 % 9).to_string()));
        }
    }
    let range = Range {
        source: "web".into(),
        partition: 0,
        from: number,
        to: number + 1,
        watermark: at + Span::from_secs(3_599),
        ..Range::default()
    };
    let manifest = Manifest { instance: "i".into(), sequence: number as u64 + 1, ranges: vec![range] };
    let (_, message) = tallier.flush(1, &manifest).remove(0);
    Batch::decode(&message).expect("its own message")
}

/// Takes a message, and hears of what it rolls up.
fn take(engine: &mut Engine, batch: &Batch) {
    let mut rollups = engine.take(batch).rollups;
    while let Some(rollup) = rollups.pop() {
        rollups.extend(engine.rollup(&rollup).rollups);
    }
}

#[test]
fn a_restored_engine_is_the_one_that_wrote_to_the_byte() {
    let (mut first, mut topic) = (engine(), Topic::new());
    for number in 0..60 {
        take(&mut first, &hour(number, 0..40 + number as u64));
        if number % 7 == 3 {
            write(&mut topic, &first.checkpoint(number + 1));
        }
    }
    let checkpoint = first.checkpoint(60);
    write(&mut topic, &checkpoint);
    let (mut second, position, number) = restored(&topic).expect("a sound snapshot").expect("there is one");
    assert_eq!((position, number), (60, checkpoint.number));
    assert_eq!(second.stats().entities, first.stats().entities);
    assert_eq!(second.horizon(), first.horizon());
    // Nothing has changed since; and after the same messages both write the same.
    assert_eq!(first.checkpoint(60), second.checkpoint(60));
    for number in 60..90 {
        for engine in [&mut first, &mut second] {
            take(engine, &hour(number, 20..90));
        }
        let (one, other) = (first.checkpoint(number + 1), second.checkpoint(number + 1));
        assert!(one.n_entities > 70 && one == other, "hour {number}");
    }
}

#[test]
fn what_is_damaged_or_missing_is_refused_and_says_which() {
    let (mut engine, mut topic) = (engine(), Topic::new());
    (0..30).for_each(|number| take(&mut engine, &hour(number, 0..9)));
    write(&mut topic, &engine.checkpoint(30));
    assert!(matches!(restored(&topic), Ok(Some(_))));
    assert!(matches!(restored(&Topic::new()), Ok(None)));
    for (key, value) in &topic {
        let name = String::from_utf8(key.clone()).expect("text").split_off(2);
        let mut without = topic.clone();
        without.remove(key);
        match restored(&without) {
            Ok(None) => assert_eq!(name, "core"),
            Err(NotRestored::Missing(missing)) => assert_eq!(missing, name),
            other => panic!("{name}: {other:?}"),
        }
        for at in (0..value.len()).step_by(value.len() / 60 + 1) {
            let mut damaged = value.clone();
            damaged[at] ^= 0x41;
            let damage =
                |value: Vec<u8>| restored(&Topic::from_iter(topic.clone().into_iter().chain([(key.clone(), value)])));
            assert!(matches!(damage(damaged.clone()), Err(NotRestored::Part { part, .. }) if part == name));
            // The same from somebody who knows how to make a checksum: whatever comes of it, no panic and no endless memory.
            damaged.truncate(value.len() - 8);
            damaged.extend(tally::stable_hash(&[&damaged]).to_le_bytes());
            let _ = damage(damaged);
            assert!(damage(value[..at].to_vec()).is_err());
        }
    }
    // Of a later version.
    let core = topic.get_mut(&b"0|core"[..]).expect("a core");
    core[2] += 1;
    let body = core.len() - 8;
    let sum = tally::stable_hash(&[&core[..body]]).to_le_bytes();
    core[body..].copy_from_slice(&sum);
    let error = restored(&topic).expect_err("nobody knows this version").to_string();
    assert!(error.contains("version 4 is unknown to this program"), "{error}");
}

#[test]
fn another_number_of_partitions_refuses_a_snapshot_and_other_settings_do_not() {
    let (mut engine, mut topic) = (engine(), Topic::new());
    (0..30).for_each(|number| take(&mut engine, &hour(number, 0..9)));
    write(&mut topic, &engine.checkpoint(30));
    let with = |change: &dyn Fn(&mut Settings)| {
        let mut settings = Settings::default();
        change(&mut settings);
        engine_with(settings)
            .restored(topic.iter().map(|(key, value)| (&key[..], &value[..])))
            .map(|found| found.is_some())
    };
    assert_eq!(with(&|settings| settings.false_pages_per_week = 7.0), Ok(true));
    assert_eq!(with(&|settings| settings.allowed_lateness = Span::from_minutes(9)), Ok(true));
    assert_eq!(with(&|settings| settings.capacity = 0.1), Ok(true));
    assert_eq!(with(&|settings| settings.volume.half_life_days += 1.0), Ok(true));
    let spec = EngineSpec { partition: 0, partitions: 2, ..EngineSpec::default() };
    let other = Engine::new(spec, Arc::default(), Arc::default(), Arc::default());
    let restored = other.restored(topic.iter().map(|(key, value)| (&key[..], &value[..])));
    assert_eq!(restored.map(|found| found.is_some()), Err(NotRestored::Settings));
}

#[test]
fn a_capacity_that_was_lowered_gives_up_who_has_least_history_and_goes_on() {
    const USERS: u64 = 1_500;
    let (mut engine, mut topic) = (engine(), Topic::new());
    (0..12).for_each(|number| take(&mut engine, &hour(number, 0..100)));
    take(&mut engine, &hour(12, 0..USERS));
    (13..20).for_each(|number| take(&mut engine, &hour(number, 0..100)));
    write(&mut topic, &engine.checkpoint(20));
    let settings = Settings { capacity: 0.01, ..Settings::default() };
    let lowered = engine_with(settings).restored(topic.iter().map(|(key, value)| (&key[..], &value[..])));
    let (mut lowered, ..) = lowered.expect("a sound snapshot").expect("there is one");
    let users = |engine: &Engine| engine.stats().entities[&EntityKind::PortalUser];
    assert_eq!(users(&lowered), USERS as usize);
    (20..24).for_each(|number| take(&mut lowered, &hour(number, 0..100)));
    assert!((100..=500).contains(&users(&lowered)), "{}", users(&lowered));
    // All that were known are still.
    let before = users(&lowered);
    (24..27).for_each(|number| take(&mut lowered, &hour(number, 0..100)));
    assert_eq!(users(&lowered), before);
}

#[test]
fn the_topic_holds_about_twice_the_state_however_often_it_changes() {
    const USERS: u64 = 9_000;
    let (mut engine, mut topic) = (engine(), Topic::new());
    take(&mut engine, &hour(0, 0..USERS));
    write(&mut topic, &engine.checkpoint(1));
    let whole: usize = topic.values().map(Vec::len).sum();
    assert!(whole > 4 << 20, "{whole}: too little to be cut into segments");
    let mut written = 0;
    for round in 0..60 {
        // Each time another third of them, and nobody ever all.
        let from = round as u64 * 1_700 % (USERS * 2 / 3);
        take(&mut engine, &hour(1 + round, from..from + USERS / 3));
        let checkpoint = engine.checkpoint(2 + round);
        written += checkpoint.bytes();
        write(&mut topic, &checkpoint);
        let all: usize = topic.values().map(Vec::len).sum();
        assert!(all < 3 * whole + (8 << 20), "round {round}: {all} bytes for {whole}");
    }
    assert!(written > 6 * whole, "{written}: not much has changed");
    let (restored, position, _) = restored(&topic).expect("a sound snapshot").expect("there is one");
    assert_eq!((position, restored.stats().entities), (61, engine.stats().entities));
}

#[test]
fn a_flush_of_several_messages_leaves_what_one_message_leaves_and_a_repeat_of_it_nothing() {
    let mut tallier = Tallier::new();
    for user in 0..2_500 {
        let tally = tallier.tally(Mode::Live, EntityKind::PortalUser, &format!("u{user}"), start().bucket());
        tally.add(Metric::ClassifiedRequests, 1);
        (0..256).for_each(|n| tally.records.insert(activity::Record(u64::MAX / 300 * n + user)));
    }
    let range = Range { source: "web".into(), to: 9, watermark: start() + Span::from_hours(3), ..Range::default() };
    let manifest = Manifest { instance: "i".into(), sequence: 1, ranges: vec![range] };
    let messages = tallier.flush(1, &manifest);
    let batches: Vec<Batch> = messages.iter().map(|(_, message)| Batch::decode(message).expect("its own")).collect();
    assert!(1 < batches.len());
    let entries = batches.iter().flat_map(|batch| batch.entries.clone()).collect();
    let whole = Batch { partition: 0, partitions: 1, manifest, entries };
    let (mut one, mut other) = (engine(), engine());
    take(&mut one, &whole);
    batches.iter().for_each(|batch| take(&mut other, batch));
    assert!(one.horizon() == other.horizon() && one.checkpoint(1) == other.checkpoint(1));
    batches.iter().for_each(|batch| take(&mut other, batch));
    assert_eq!((other.stats().repeated, other.checkpoint(1).n_entities), (batches.len() as u64, 0));
}

/// A topic in a file: for each message the lengths of key and value (4 bytes each, little endian), and they.
fn read_topic(mut bytes: &[u8]) -> Topic {
    let mut topic = Topic::new();
    let length = |bytes: &mut &[u8]| {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        *bytes = rest;
        usize::try_from(u32::from_le_bytes(*length)).ok()
    };
    while let (Some(key), Some(value)) = (length(&mut bytes), length(&mut bytes)) {
        let (message, rest) = bytes.split_at(key + value);
        topic.insert(message[..key].to_vec(), message[key..].to_vec());
        bytes = rest;
    }
    topic
}

fn written_topic(topic: &Topic) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (key, value) in topic {
        for part in [key, value] {
            bytes.extend((part.len() as u32).to_le_bytes());
        }
        bytes.extend(key.iter().chain(value));
    }
    bytes
}

/// What earlier programs have written is kept in files, and is read for ever. A change of the layout needs a new version and a new file
/// beside the old ones: `BLESS=1 cargo test -p detector snapshot` writes it.
#[test]
fn snapshots_of_every_version_are_read() {
    let mut engine = engine();
    (0..30).for_each(|number| take(&mut engine, &hour(number, 0..9)));
    let mut topic = Topic::new();
    write(&mut topic, &engine.checkpoint(30));
    let version = topic[&b"0|core"[..]][2];
    let file = |version: u8| {
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/snapshot-{version}.bin"))
    };
    if std::env::var_os("BLESS").is_some() && !file(version).exists() {
        std::fs::write(file(version), written_topic(&topic)).expect("a golden file");
    }
    for of in 1..=version {
        let golden = read_topic(&std::fs::read(file(of)).expect("a file of each version"));
        assert!(of < version || golden == topic, "the layout has changed and the version has not");
        let (mut old, position, _) = restored(&golden).expect("it is read").expect("there is one");
        assert_eq!((position, old.horizon()), (30, engine.horizon()));
        assert_eq!(old.stats().entities, engine.stats().entities);
        take(&mut old, &hour(30, 0..9));
        // The first two do not tell the half-life, only whether it is the same.
        let mut settings = Settings::default();
        settings.volume.half_life_days *= 2.0;
        let other = engine_with(settings).restored(golden.iter().map(|(key, value)| (&key[..], &value[..])));
        assert_eq!(other.err(), (of < 3).then_some(NotRestored::Settings));
    }
}
