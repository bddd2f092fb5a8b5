//! The laws on which exactly-once and "same input, same answer" rest, over random tallies.

use activity::{Bucket, DataClasses, DrillId, EntityKind, KnownBy, Level, Mark, Mode, Record, Signals, Timestamp};
use proptest::prelude::*;
use std::{collections::BTreeMap, sync::Arc};
use tally::{Batch, DecodeError, Entry, Manifest, Metric, Range, SampleKey, Tallier, Tally, limits, partition_of};

/// One thing that was seen, as ingest would add it.
#[derive(Clone, Debug)]
enum Seen {
    Count(usize, u64),
    Bits(u8, u32, usize),
    Text(u8, u8),
    Login(i64, u8, bool),
    /// Key, first number.
    Record(u8, u16),
    /// Linked to a table, place, key, number.
    Requested(bool, u8, u8, u16),
    Evidence(u8, i64),
    Person(u8),
    /// Page, level, rule, title, times.
    Mark(bool, usize, u8, bool, u64),
}

fn seen() -> impl Strategy<Value = Seen> {
    prop_oneof![
        (0..Metric::COUNT, prop_oneof![0..100u64, Just(u64::MAX / 2)]).prop_map(|(metric, n)| Seen::Count(metric, n)),
        (any::<u8>(), any::<u32>(), 0..5usize).prop_map(|(classes, signals, by)| Seen::Bits(classes, signals, by)),
        (0..8u8, any::<u8>()).prop_map(|(set, text)| Seen::Text(set, text)),
        (0..90i64, 0..4u8, any::<bool>()).prop_map(|(at, account, ok)| Seen::Login(at, account, ok)),
        (0..6u8, 0..900u16).prop_map(|(key, n)| Seen::Record(key, n)),
        (any::<bool>(), 0..2u8, 0..6u8, 0..900u16)
            .prop_map(|(linked, place, key, n)| Seen::Requested(linked, place, key, n)),
        (0..2u8, 0..9i64).prop_map(|(source, offset)| Seen::Evidence(source, offset)),
        (0..9u8).prop_map(Seen::Person),
        (any::<bool>(), 0..4usize, 0..16u8, any::<bool>(), prop_oneof![1..9u64, Just(u64::MAX / 2)])
            .prop_map(|(page, level, rule, title, times)| Seen::Mark(page, level, rule, title, times)),
    ]
}

/// More keys than a set takes, the public order among them.
fn key(of: u8) -> SampleKey {
    if of == 0 { SampleKey::PUBLIC } else { SampleKey::new(u32::from(of), [of; 16]) }
}

fn add(tally: &mut Tally, seen: &Seen) {
    match *seen {
        Seen::Count(metric, n) => tally.add(Metric::ALL[metric], n),
        Seen::Bits(classes, signals, by) => {
            tally.classes = tally.classes.union(DataClasses::from_bits(classes));
            tally.signals = tally.signals.union(Signals::from_bits(signals));
            tally.known(KnownBy::ALL[by]);
        }
        Seen::Text(set, text) => {
            let text = format!("text {text}");
            match set {
                0 => tally.addresses.insert(&text),
                1 => tally.places.insert(&text),
                2 => tally.tables.insert(&text),
                3 => tally.accounts.insert(&text),
                4 => tally.agents.insert(&text),
                5 => tally.networks.insert(&text),
                6 => tally.fingerprints.insert(&text),
                _ => tally.candidates.insert(&text),
            }
        }
        Seen::Login(at, account, ok) => tally.logins.insert(Timestamp::from_secs(at), &format!("u{account}"), ok),
        Seen::Record(of, n) => {
            (n..n + 40).for_each(|n| tally.records.insert_under(key(of), Record::new("employee", &n.to_string())));
        }
        Seen::Requested(linked, place, of, n) => {
            let requested = if linked { &mut tally.requested } else { &mut tally.requested_by_route };
            let requested = requested.get_or_insert_default();
            requested.at(&format!("/place {place}"));
            requested.records.insert_under(key(of), Record::new("employee", &n.to_string()));
        }
        Seen::Evidence(source, offset) => tally.evidence.insert(&Arc::from(format!("s{source}")), 0, offset),
        Seen::Person(person) => tally.name_person(&format!("p{person}")),
        Seen::Mark(page, level, rule, title, times) => {
            let techniques: Vec<Arc<str>> = (0..rule % 3).map(|at| format!("T100{at}").into()).collect();
            let mark = Mark {
                page,
                level: Level::ALL[level],
                rule: format!("rule_{rule}").into(),
                title: if title { "a title" } else { "another" }.into(),
                techniques: techniques.into(),
            };
            tally.marks.insert(&Arc::new(mark), times);
        }
    }
}

fn tally_of(seen: &[Seen]) -> Tally {
    let mut tally = Tally::default();
    seen.iter().for_each(|seen| add(&mut tally, seen));
    tally
}

fn merged(tallies: &[&Tally]) -> Tally {
    let mut sum = Tally::default();
    tallies.iter().for_each(|tally| sum.merge(tally));
    sum
}

/// Who, when, what.
type Event = (u8, u8, Seen);

fn place(tallier: &mut Tallier, (who, minute, seen): &Event) {
    let mode = if who % 3 == 2 { Mode::Drill(DrillId(7)) } else { Mode::Live };
    let id = format!("u{}", who / 3);
    add(tallier.tally(mode, EntityKind::PortalUser, &id, Bucket(i64::from(*minute))), seen);
}

fn manifest() -> Manifest {
    let range = Range {
        source: "audit".into(),
        from: 5,
        to: 9,
        contributed: 3,
        late: 1,
        watermark: Timestamp::from_secs(1_772_409_600),
        ..Range::default()
    };
    let silent = Range {
        source: "slow".into(),
        partition: 3,
        watermark: Timestamp::MIN,
        idle: true,
        anew: true,
        ..Range::default()
    };
    Manifest { instance: "one".into(), sequence: 4, ranges: vec![range, silent] }
}

type Sums = BTreeMap<(Mode, EntityKind, Arc<str>, Bucket), Tally>;

fn collect(sums: &mut Sums, messages: Vec<(u32, Vec<u8>)>) {
    for (partition, message) in messages {
        let batch = Batch::decode(&message).expect("its own message");
        assert_eq!((batch.partition, &batch.manifest), (partition, &manifest()));
        for Entry { mode, kind, id, bucket, tally } in batch.entries {
            assert_eq!(partition_of(mode, kind, &id, batch.partitions), partition);
            sums.entry((mode, kind, id, bucket)).or_default().merge(&tally);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn merging_is_associative_commutative_and_neutral(
        a in prop::collection::vec(seen(), 0..150),
        b in prop::collection::vec(seen(), 0..150),
        c in prop::collection::vec(seen(), 0..150),
    ) {
        let (x, y, z) = (tally_of(&a), tally_of(&b), tally_of(&c));
        prop_assert_eq!(merged(&[&x, &y]), merged(&[&y, &x]));
        prop_assert_eq!(merged(&[&merged(&[&x, &y]), &z]), merged(&[&x, &merged(&[&y, &z])]));
        prop_assert_eq!(merged(&[&x]), x);
        let all: Vec<Seen> = [a, b, c].concat();
        prop_assert_eq!(merged(&[&tally_of(&all)]), tally_of(&all.into_iter().rev().collect::<Vec<_>>()));
    }

    #[test]
    fn any_cut_into_flushes_and_partitions_merges_to_the_same(
        events in prop::collection::vec((0..12u8, 0..3u8, seen()), 0..120),
        cuts in prop::collection::vec(any::<bool>(), 120),
        partitions in 1..5u32,
    ) {
        let mut whole = Tallier::new();
        events.iter().for_each(|event| place(&mut whole, event));
        let mut expected = Sums::new();
        collect(&mut expected, whole.flush(1, &manifest()));

        let mut cut = Tallier::new();
        let mut sums = Sums::new();
        for (event, flush) in events.iter().zip(cuts) {
            place(&mut cut, event);
            if flush {
                let messages = cut.flush(partitions, &manifest());
                prop_assert_eq!(messages.len(), partitions as usize);
                prop_assert!(cut.is_empty() && cut.bytes() == 0);
                collect(&mut sums, messages);
            }
        }
        collect(&mut sums, cut.flush(partitions, &manifest()));
        prop_assert_eq!(sums, expected);
    }

    #[test]
    fn encoding_is_canonical(events in prop::collection::vec((0..12u8, 0..3u8, seen()), 0..120)) {
        let mut forward = Tallier::new();
        let mut backward = Tallier::new();
        events.iter().for_each(|event| place(&mut forward, event));
        events.iter().rev().for_each(|event| place(&mut backward, event));
        let messages = forward.flush(2, &manifest());
        prop_assert_eq!(&messages, &backward.flush(2, &manifest()));
        for (_, message) in messages {
            prop_assert_eq!(Batch::decode(&message).unwrap().encode(), message);
        }
    }

    #[test]
    fn hostile_bytes_are_an_error_and_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(Batch::decode(&bytes).is_err());
        // With a right frame, so that the inside is reached.
        let mut framed = b"BT\x04".to_vec();
        framed.extend(&bytes);
        framed.extend(tally::stable_hash(&[&framed]).to_le_bytes());
        if let Ok(batch) = Batch::decode(&framed) {
            prop_assert_eq!(batch.encode().len(), framed.len());
        }
    }

    #[test]
    fn a_damaged_inside_never_panics(
        events in prop::collection::vec((0..12u8, 0..3u8, seen()), 1..40),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut tallier = Tallier::new();
        events.iter().for_each(|event| place(&mut tallier, event));
        let (_, mut message) = tallier.flush(1, &manifest()).remove(0);
        message.truncate(message.len() - 8);
        for (at, byte) in damage {
            let at = 3 + at.index(message.len() - 3);
            message[at] = byte;
        }
        message.extend(tally::stable_hash(&[&message]).to_le_bytes());
        let _ = Batch::decode(&message);
    }
}

#[test]
fn every_partition_gets_a_message_also_an_empty_one() {
    let mut tallier = Tallier::new();
    tallier.tally(Mode::Live, EntityKind::Table, "hr.payroll", Bucket(1)).add(Metric::RowsSent, 2);
    let messages = tallier.flush(5, &manifest());
    assert_eq!(messages.iter().map(|(partition, _)| *partition).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    let counts: Vec<usize> =
        messages.iter().map(|(_, message)| Batch::decode(message).unwrap().entries.len()).collect();
    assert_eq!(counts.iter().sum::<usize>(), 1);
}

#[test]
fn says_what_is_wrong_with_a_message() {
    let (_, good) = Tallier::new().flush(1, &manifest()).remove(0);
    let damaged = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        Batch::decode(&bytes)
    };
    assert_eq!(damaged(0, b'X'), Err(DecodeError::Magic));
    assert_eq!(damaged(2, 9), Err(DecodeError::Version(9)));
    assert_eq!(damaged(5, 0xee), Err(DecodeError::Checksum));
    assert_eq!(Batch::decode(&good[..7]), Err(DecodeError::Truncated));
    assert!(Batch::decode(&good).is_ok());
}

#[test]
fn ids_and_texts_have_a_limit() {
    let mut tallier = Tallier::new();
    let long = "x".repeat(10_000);
    let tally = tallier.tally(Mode::Live, EntityKind::PortalUser, &long, Bucket(0));
    tally.name_person(&long);
    tally.agents.insert(&long);
    tally.logins.insert(Timestamp::from_secs(1), &long, true);
    tallier.tally(Mode::Live, EntityKind::PortalUser, &long, Bucket(0));
    assert_eq!(tallier.len(), 1);
    let (_, message) = tallier.flush(1, &manifest()).remove(0);
    assert!(message.len() < 3 * limits::TEXT_BYTES_MAX + 200, "{}", message.len());
    assert!(Batch::decode(&message).is_ok());
}

/// Everything that a tally can hold, each text as long as may be.
fn full(of: usize) -> Tally {
    let mut tally = Tally::default();
    Metric::ALL.iter().for_each(|metric| tally.add(*metric, u64::MAX));
    tally.classes = DataClasses::from_bits(u8::MAX);
    tally.signals = Signals::from_bits(u32::MAX);
    let text = |n: usize| format!("{:0>width$}", of * 1_000 + n, width = limits::TEXT_BYTES_MAX);
    for n in 0..limits::ACCOUNTS_MAX + 1 {
        let sets = [8, 16, 24, 32, 40, 48, 56].map(|set| text(set * 1_000_000 + n));
        tally.addresses.insert(&sets[0]);
        tally.places.insert(&sets[1]);
        tally.tables.insert(&sets[2]);
        tally.agents.insert(&sets[3]);
        tally.networks.insert(&sets[4]);
        tally.fingerprints.insert(&sets[5]);
        tally.candidates.insert(&sets[6]);
        tally.accounts.insert(&text(n));
        tally.logins.insert(Timestamp::from_millis(i64::MAX - n as i64), &text(64_000_000 + n), true);
    }
    let mut requested = tally::Requested::default();
    requested.at(&text(72_000_000));
    for of in 1..5 {
        for n in 0..limits::RECORDS_MAX + 9 {
            let record = Record::new("employee", &n.to_string());
            tally.records.insert_under(key(of), record);
            requested.records.insert_under(key(of), record);
        }
    }
    tally.requested = Some(Box::new(requested.clone()));
    tally.requested_by_route = Some(Box::new(requested));
    for n in 0..limits::EVIDENCE_MAX {
        tally.evidence.insert(&Arc::from(text(80_000_000 + n)), i32::MAX, i64::MAX);
    }
    for n in 0..=Mark::MAX {
        let word = |width: usize, sort: usize| -> Arc<str> { format!("{:0>width$}", sort * 1_000 + n).into() };
        let techniques: Vec<Arc<str>> =
            (0..Mark::TECHNIQUES_MAX).map(|sort| word(Mark::TECHNIQUE_BYTES_MAX, sort)).collect();
        let mark = Mark {
            page: false,
            level: Level::Critical,
            rule: word(Mark::RULE_BYTES_MAX, 8),
            title: word(Mark::TITLE_BYTES_MAX, 9),
            techniques: techniques.into(),
        };
        tally.marks.insert(&Arc::new(mark), 1 << 40);
    }
    tally.name_person(&text(88_000_000));
    tally
}

#[test]
fn no_tally_takes_more_in_a_message_than_is_said() {
    let batch = |entries| Batch { partition: 0, partitions: 1, manifest: manifest(), entries };
    let entry = Entry {
        mode: Mode::Drill(DrillId(u64::MAX)),
        kind: EntityKind::PortalUser,
        id: "i".repeat(192).into(),
        bucket: Bucket(i64::MAX),
        tally: full(1),
    };
    let bytes = batch(vec![entry]).encode().len() - batch(Vec::new()).encode().len();
    assert!(limits::TALLY_BYTES_MAX / 2 < bytes && bytes <= limits::TALLY_BYTES_MAX, "{bytes}");
}

#[test]
fn what_no_broker_would_take_as_one_message_is_several_of_which_the_last_covers_what_was_read() {
    let mut tallier = Tallier::new();
    let mut expected = Sums::new();
    for n in 0..150 {
        let id = format!("u{n:04}");
        *tallier.tally(Mode::Live, EntityKind::PortalUser, &id, Bucket(7)) = full(n);
        expected.insert((Mode::Live, EntityKind::PortalUser, id.into(), Bucket(7)), full(n));
    }
    let messages = tallier.flush(1, &manifest());
    let frame = Batch { partition: 0, partitions: 1, manifest: manifest(), entries: Vec::new() }.encode().len();
    let mut sums = Sums::new();
    let mut last_key = None;
    for (at, (_, message)) in messages.iter().enumerate() {
        assert!(message.len() <= limits::TALLIES_BYTES_MAX + limits::TALLY_BYTES_MAX + frame);
        let batch = Batch::decode(message).expect("its own message");
        assert_eq!(batch.manifest.is_part(), at + 1 < messages.len());
        if at + 1 < messages.len() {
            // What was read, but for the partition that was made anew; and nothing of it is covered.
            let [range] = &batch.manifest.ranges[..] else { panic!("{:?}", batch.manifest) };
            assert_eq!((&*range.source, range.from, range.to, range.watermark), ("audit", 5, 5, Timestamp::MIN));
            assert!(limits::TALLIES_BYTES_MAX <= message.len());
        } else {
            assert_eq!(batch.manifest, manifest());
        }
        for Entry { mode, kind, id, bucket, tally } in batch.entries {
            assert!(last_key.as_ref() < Some(&id));
            last_key = Some(id.clone());
            sums.insert((mode, kind, id, bucket), tally);
        }
    }
    assert!(2 < messages.len() && sums == expected, "{} messages", messages.len());
}
