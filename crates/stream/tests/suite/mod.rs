//! What every host must do. Run against the in-memory log and against Kafka.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![allow(clippy::print_stdout, reason = "how long each check took; shown with --nocapture")]

use activity::Span;
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};
use stream::{
    Assigned, Broker, CommitError, GroupSpec, Member, Offset, Outgoing, Polled, Reader, Start, StreamError, TopicSpec,
    Transactor,
};

/// Longest wait for anything; a host that needs longer has failed.
const PATIENCE: Duration = Duration::from_secs(60);
const STEP: Duration = Duration::from_millis(50);

type Check = (&'static str, fn(&dyn Broker));

macro_rules! checks {
    ($($name:ident),* $(,)?) => { [$((stringify!($name), $name)),*] };
}

const CHECKS: [Check; 18] = checks![
    topics_are_created_once,
    records_come_back_as_they_were_sent,
    a_large_message_fits_and_a_larger_one_is_refused,
    a_missing_topic_is_named,
    keys_decide_the_partition,
    a_reader_starts_where_it_is_told,
    a_reader_of_one_partition_asks_for_no_other,
    a_reader_of_several_topics_catches_up_with_all,
    offsets_and_their_metadata_are_committed,
    a_transaction_is_visible_at_once,
    an_aborted_transaction_is_invisible,
    a_reader_is_not_held_up_by_what_is_aborted,
    a_younger_transactor_fences_the_older,
    a_rewind_delivers_again,
    the_beginning_is_the_beginning,
    partitions_are_shared_and_stale_tokens_refused,
    a_static_member_is_replaced_by_its_successor,
    lag_counts_what_is_not_delivered,
];

/// Runs the whole suite.
pub(crate) fn suite(broker: &Arc<dyn Broker>) {
    for (name, check) in CHECKS {
        let began = Instant::now();
        check(broker.as_ref());
        println!("{name}: {:?}", began.elapsed());
    }
}

fn topics_are_created_once(broker: &dyn Broker) {
    let name = fresh("created");
    assert_eq!(broker.partitions(&name).unwrap(), None);
    let spec = TopicSpec {
        name: name.clone(),
        partitions: 3,
        replication: None,
        compacted: true,
        retention: Some(Span::from_hours(1)),
    };
    broker.create_topics(std::slice::from_ref(&spec)).unwrap();
    assert_eq!(broker.partitions(&name).unwrap(), Some(3));
    broker.create_topics(&[TopicSpec { partitions: 5, ..spec }]).unwrap();
    assert_eq!(broker.partitions(&name).unwrap(), Some(3), "an existing topic is left as it is");
    assert_eq!(broker.end_offsets(&name).unwrap(), [0, 0, 0]);
}

fn records_come_back_as_they_were_sent(broker: &dyn Broker) {
    let topic = topic(broker, "round", 1);
    let before = wall_millis();
    let mut appender = broker.appender().unwrap();
    let headers = vec![("mark".into(), b"a\0b".to_vec()), ("mark".into(), b"second".to_vec()), ("e".into(), vec![])];
    let full = Outgoing {
        topic: topic.clone(),
        partition: Some(0),
        key: Some(b"key".to_vec()),
        payload: b"\0payload\xff".to_vec(),
        headers,
    };
    appender.send(full).unwrap();
    appender.send(plain(&topic, 0, "")).unwrap();
    appender.flush().unwrap();
    let after = wall_millis();
    let mut reader = broker.read(&[(&topic, vec![])]).unwrap();
    let mut seen = 0;
    poll_until(|| {
        reader
            .poll(10, STEP, &mut |record| {
                assert_eq!((record.topic, record.partition, record.offset), (topic.as_str(), 0, seen));
                let stamp = record.stamped_at.as_millis();
                assert!(before <= stamp && stamp <= after, "{before} <= {stamp} <= {after}");
                if seen == 0 {
                    assert_eq!(record.key, Some(b"key".as_slice()));
                    assert_eq!(record.payload, Some(b"\0payload\xff".as_slice()));
                    assert_eq!(record.header("mark"), Some(b"a\0b".as_slice()), "the first of that name");
                    assert_eq!(record.header("e"), Some(b"".as_slice()));
                    assert_eq!(record.header("missing"), None);
                    let names: Vec<String> = record.headers().into_iter().map(|(name, _)| name).collect();
                    assert_eq!(names, ["mark", "mark", "e"]);
                } else {
                    assert_eq!(record.key, None);
                    assert_eq!(record.payload, Some(b"".as_slice()));
                    assert_eq!(record.header("mark"), None);
                }
                seen += 1;
            })
            .unwrap();
        seen == 2
    });
    assert_eq!(broker.end_offsets(&topic).unwrap(), [2]);
}

fn a_large_message_fits_and_a_larger_one_is_refused(broker: &dyn Broker) {
    let topic = topic(broker, "large", 1);
    let mut appender = broker.appender().unwrap();
    // Not compressible, so that it is as large on the wire.
    let mut state = 1_u32;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    })
    .take(5_000_000)
    .collect();
    appender
        .send(Outgoing { topic: topic.clone(), partition: Some(0), payload: noise.clone(), ..Outgoing::default() })
        .unwrap();
    appender.flush().unwrap();
    let mut reader = broker.read(&[(&topic, vec![])]).unwrap();
    let mut whole = false;
    poll_until(|| {
        reader.poll(1, STEP, &mut |record| whole = record.payload == Some(noise.as_slice())).unwrap();
        whole
    });
    let payload = vec![0; stream::limits::MESSAGE_BYTES_MAX + 1];
    let refused = appender.send(Outgoing { topic, partition: Some(0), payload, ..Outgoing::default() }).unwrap_err();
    assert!(matches!(refused, StreamError::TooLarge { .. }), "{refused}");
    appender.flush().unwrap();
}

fn a_missing_topic_is_named(broker: &dyn Broker) {
    let missing = fresh("missing");
    let named = StreamError::NoSuchTopic { topic: missing.clone() };
    assert_eq!(broker.partitions(&missing).unwrap(), None);
    assert_eq!(broker.end_offsets(&missing).unwrap_err(), named);
    assert_eq!(broker.read(&[(&missing, vec![])]).err(), Some(named.clone()));
    assert_eq!(broker.join(group(&fresh("group"), None, &missing)).err(), Some(named.clone()));
    assert_eq!(broker.appender().unwrap().send(plain(&missing, 0, "x")).unwrap_err(), named);
    let mut transactor = broker.transactor(&fresh("id")).unwrap();
    transactor.begin().unwrap();
    assert_eq!(transactor.send(plain(&missing, 0, "x")).unwrap_err(), named);
    transactor.abort().unwrap();
    assert!(!named.retry());
}

/// The same partitions on every host: 160 keys, three partitions, the first of each seen.
fn keys_decide_the_partition(broker: &dyn Broker) {
    let topic = topic(broker, "keys", 3);
    let mut appender = broker.appender().unwrap();
    for n in 0..160 {
        let key = Some(format!("key-{n}").into_bytes());
        appender.send(Outgoing { topic: topic.clone(), key, payload: vec![], ..Outgoing::default() }).unwrap();
    }
    appender.flush().unwrap();
    let mut reader = broker.read(&[(&topic, vec![])]).unwrap();
    let mut partitions: BTreeMap<String, i32> = BTreeMap::new();
    poll_until(|| {
        reader
            .poll(1000, STEP, &mut |record| {
                let key = String::from_utf8(record.key.unwrap().to_vec()).unwrap();
                partitions.insert(key, record.partition);
            })
            .unwrap();
        reader.caught_up()
    });
    assert_eq!(partitions.len(), 160);
    let some: Vec<i32> = ["key-0", "key-1", "key-2", "key-3", "key-42"].map(|key| partitions[key]).into();
    assert_eq!(some, [1, 0, 2, 2, 0]);
}

fn a_reader_starts_where_it_is_told(broker: &dyn Broker) {
    let topic = topic(broker, "start", 2);
    let mut appender = broker.appender().unwrap();
    for n in 0..6 {
        appender.send(plain(&topic, n % 2, &n.to_string())).unwrap();
    }
    appender.flush().unwrap();
    let mut reader = broker.read(&[(&topic, vec![(1, 2)])]).unwrap();
    assert!(!reader.caught_up());
    assert_eq!(read_all(reader.as_mut()), ["0", "2", "4", "5"]);
    let mut at_the_end = broker.read(&[(&topic, vec![(0, 3), (1, 3)])]).unwrap();
    assert_eq!(read_all(at_the_end.as_mut()), [""; 0]);
    appender.send(plain(&topic, 1, "late")).unwrap();
    appender.flush().unwrap();
    let mut late = Vec::new();
    poll_until(|| {
        at_the_end.poll(10, STEP, &mut |record| late.push(text(record.payload))).unwrap();
        !late.is_empty()
    });
    assert_eq!(late, ["late"]);
    assert!(at_the_end.caught_up(), "what came later does not count");
}

fn a_reader_of_one_partition_asks_for_no_other(broker: &dyn Broker) {
    let topic = topic(broker, "one", 3);
    let mut appender = broker.appender().unwrap();
    for n in 0..6 {
        appender.send(plain(&topic, n % 3, &n.to_string())).unwrap();
    }
    appender.flush().unwrap();
    let mut reader = broker.read_partition(&topic, 1).unwrap();
    assert!(!reader.caught_up());
    assert_eq!(read_all(reader.as_mut()), ["1", "4"]);
    assert!(broker.read_partition(&topic, 3).is_err());
    assert!(matches!(broker.read_partition(&fresh("none"), 0), Err(StreamError::NoSuchTopic { .. })));
}

fn a_reader_of_several_topics_catches_up_with_all(broker: &dyn Broker) {
    let topics = ["several-a", "several-b", "several-c"].map(|what| topic(broker, what, 2));
    fill(broker, &topics[0], 2, 30);
    fill(broker, &topics[2], 2, 30);
    let from: Vec<(&str, Vec<(i32, i64)>)> = topics.iter().map(|topic| (topic.as_str(), vec![])).collect();
    let mut reader = broker.read(&from).unwrap();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    poll_until(|| {
        reader.poll(7, STEP, &mut |record| *seen.entry(record.topic.to_owned()).or_default() += 1).unwrap();
        reader.caught_up()
    });
    assert_eq!(seen.into_values().collect::<Vec<_>>(), [60, 60]);
}

fn offsets_and_their_metadata_are_committed(broker: &dyn Broker) {
    let (topic, group_name) = (topic(broker, "offsets", 2), fresh("group"));
    fill(broker, &topic, 2, 10);
    let mut member = broker.join(group(&group_name, None, &topic)).unwrap();
    let assigned = assignment(member.as_mut(), 2);
    assert!(assigned.iter().all(|place| place.position == 0 && place.metadata.is_empty()), "{assigned:?}");
    take(member.as_mut(), 20);
    let mut transactor = broker.transactor(&fresh("id")).unwrap();
    let metadata = "wm=12;é∑\"{}".to_owned();
    transactor.begin().unwrap();
    let offset = Offset { topic: topic.clone(), partition: 1, offset: 4, metadata: metadata.clone() };
    transactor.commit(Some((&member.token(), &[offset]))).unwrap();
    drop(member);

    let mut next = broker.join(group(&group_name, None, &topic)).unwrap();
    let expected = [
        Assigned { topic: topic.clone(), partition: 0, position: 0, metadata: String::new(), anew: false },
        Assigned { topic: topic.clone(), partition: 1, position: 4, metadata, anew: false },
    ];
    assert_eq!(assignment(next.as_mut(), 2), expected);
    let taken = take(next.as_mut(), 16);
    assert_eq!(taken.iter().filter(|(partition, ..)| *partition == 1).map(|(_, offset, _)| *offset).min(), Some(4));

    let too_long = "x".repeat(stream::limits::METADATA_BYTES_MAX + 1);
    transactor.begin().unwrap();
    let offset = Offset { topic: topic.clone(), partition: 0, offset: 4, metadata: too_long };
    let refused = transactor.commit(Some((&next.token(), &[offset]))).unwrap_err();
    assert!(matches!(refused, CommitError::Aborted(_)), "{refused}");
}

fn a_transaction_is_visible_at_once(broker: &dyn Broker) {
    let (one, two) = (topic(broker, "atomic-a", 1), topic(broker, "atomic-b", 2));
    let mut transactor = broker.transactor(&fresh("id")).unwrap();
    transactor.begin().unwrap();
    for n in 0..50 {
        transactor.send(plain(&one, 0, &format!("a{n}"))).unwrap();
        transactor.send(plain(&two, n % 2, &format!("b{n}"))).unwrap();
    }
    // What another producer commits is there; what is open is not.
    let mut appender = broker.appender().unwrap();
    let seen = topic(broker, "atomic-seen", 1);
    appender.send(plain(&seen, 0, "committed")).unwrap();
    appender.flush().unwrap();
    let mut seen_reader = broker.read(&[(&seen, vec![])]).unwrap();
    assert_eq!(read_all(seen_reader.as_mut()), ["committed"]);
    let mut reader = broker.read(&[(&one, vec![])]).unwrap();
    assert_eq!(reader.poll(100, STEP, &mut |_| {}).unwrap(), 0, "an open transaction is invisible");
    transactor.commit(None).unwrap();
    let mut after = broker.read(&[(&one, vec![])]).unwrap();
    assert_eq!(read_all(after.as_mut()).len(), 50);
    let mut after = broker.read(&[(&two, vec![])]).unwrap();
    assert_eq!(read_all(after.as_mut()).len(), 50);
    let mut late = 0;
    poll_until(|| {
        late += reader.poll(100, STEP, &mut |_| {}).unwrap();
        late == 50
    });
    // An empty one is fine too.
    transactor.begin().unwrap();
    transactor.commit(None).unwrap();
}

fn an_aborted_transaction_is_invisible(broker: &dyn Broker) {
    let (topic, group_name) = (topic(broker, "abort", 1), fresh("group"));
    fill(broker, &topic, 1, 3);
    let mut transactor = broker.transactor(&fresh("id")).unwrap();
    transactor.begin().unwrap();
    transactor.send(plain(&topic, 0, "aborted")).unwrap();
    transactor.abort().unwrap();
    transactor.abort().unwrap();
    transactor.begin().unwrap();
    transactor.send(plain(&topic, 0, "committed")).unwrap();
    transactor.commit(None).unwrap();
    let mut member = broker.join(group(&group_name, None, &topic)).unwrap();
    assignment(member.as_mut(), 1);
    let payloads: Vec<String> = take(member.as_mut(), 4).into_iter().map(|(_, _, payload)| payload).collect();
    assert_eq!(payloads, ["0", "1", "2", "committed"]);
    // Dropped within a transaction: as if aborted.
    transactor.begin().unwrap();
    transactor.send(plain(&topic, 0, "dropped")).unwrap();
    drop(transactor);
    let mut appender = broker.appender().unwrap();
    appender.send(plain(&topic, 0, "after")).unwrap();
    appender.flush().unwrap();
    drop(broker.transactor("unrelated").unwrap());
}

/// A log that ends in an aborted transaction has an end that no record reaches.
fn a_reader_is_not_held_up_by_what_is_aborted(broker: &dyn Broker) {
    let topic = topic(broker, "tail", 2);
    let id = fresh("id");
    let mut transactor = broker.transactor(&id).unwrap();
    transactor.begin().unwrap();
    transactor.send(plain(&topic, 0, "kept")).unwrap();
    transactor.commit(None).unwrap();
    transactor.begin().unwrap();
    transactor.send(plain(&topic, 0, "aborted")).unwrap();
    transactor.abort().unwrap();
    let mut reader = broker.read(&[(&topic, vec![])]).unwrap();
    assert_eq!(read_all(reader.as_mut()), ["kept"]);
    // Left open by one that is gone: the successor's opening settles it.
    transactor.begin().unwrap();
    transactor.send(plain(&topic, 1, "left open")).unwrap();
    let _successor = broker.transactor(&id).unwrap();
    let mut reader = broker.read(&[(&topic, vec![])]).unwrap();
    assert_eq!(read_all(reader.as_mut()), ["kept"]);
}

fn a_younger_transactor_fences_the_older(broker: &dyn Broker) {
    let (topic, id) = (topic(broker, "fence", 1), fresh("id"));
    let mut older = broker.transactor(&id).unwrap();
    older.begin().unwrap();
    older.send(plain(&topic, 0, "older")).unwrap();
    let mut younger = broker.transactor(&id).unwrap();
    younger.begin().unwrap();
    younger.send(plain(&topic, 0, "younger")).unwrap();
    younger.commit(None).unwrap();
    let refused = older.commit(None).unwrap_err();
    assert!(matches!(refused, CommitError::Fenced), "{refused}");
    younger.begin().unwrap();
    younger.send(plain(&topic, 0, "still there")).unwrap();
    younger.commit(None).unwrap();
    let mut reader = broker.read(&[(&topic, vec![])]).unwrap();
    assert_eq!(read_all(reader.as_mut()), ["younger", "still there"]);
}

fn a_rewind_delivers_again(broker: &dyn Broker) {
    let topic = topic(broker, "rewind", 2);
    fill(broker, &topic, 2, 5);
    let mut member = broker.join(group(&fresh("group"), None, &topic)).unwrap();
    assignment(member.as_mut(), 2);
    take(member.as_mut(), 10);
    member.rewind(&[(topic.clone(), 1, 3), (topic.clone(), 7, 0), ("another".into(), 0, 0)]).unwrap();
    let again = take(member.as_mut(), 2);
    assert_eq!(again.iter().map(|(partition, offset, _)| (*partition, *offset)).collect::<Vec<_>>(), [(1, 3), (1, 4)]);
    // In the middle of what has been fetched but not delivered.
    member.rewind(&[(topic.clone(), 0, 0), (topic.clone(), 1, 0)]).unwrap();
    let mut first = Vec::new();
    poll_until(|| {
        member.poll(1, STEP, &mut |record| first.push((record.partition, record.offset))).unwrap();
        !first.is_empty()
    });
    member.rewind(&[(topic.clone(), 0, 0), (topic.clone(), 1, 0)]).unwrap();
    let mut all = take(member.as_mut(), 10);
    all.sort();
    let expected: Vec<_> = (0..2).flat_map(|partition| (0..5).map(move |offset| (partition, offset))).collect();
    assert_eq!(all.iter().map(|(partition, offset, _)| (*partition, *offset)).collect::<Vec<_>>(), expected);
}

fn the_beginning_is_the_beginning(broker: &dyn Broker) {
    let (topic, group_name) = (topic(broker, "beginning", 1), fresh("group"));
    fill(broker, &topic, 1, 5);
    let spec = GroupSpec { start: Start::Beginning, ..group(&group_name, None, &topic) };
    let mut member = broker.join(spec.clone()).unwrap();
    assignment(member.as_mut(), 1);
    take(member.as_mut(), 5);
    let mut transactor = broker.transactor(&fresh("id")).unwrap();
    transactor.begin().unwrap();
    let offset = Offset { topic: topic.clone(), partition: 0, offset: 5, metadata: "m".into() };
    transactor.commit(Some((&member.token(), &[offset]))).unwrap();
    drop(member);
    let mut member = broker.join(spec).unwrap();
    let expected = Assigned { topic: topic.clone(), partition: 0, position: 0, metadata: "m".into(), anew: false };
    assert_eq!(assignment(member.as_mut(), 1), [expected]);
    assert_eq!(take(member.as_mut(), 5).len(), 5);
}

fn partitions_are_shared_and_stale_tokens_refused(broker: &dyn Broker) {
    let (input, output, group_name) = (topic(broker, "in", 4), topic(broker, "out", 1), fresh("group"));
    fill(broker, &input, 4, 6);
    let mut first = broker.join(group(&group_name, None, &input)).unwrap();
    assignment(first.as_mut(), 4);
    take(first.as_mut(), 24);
    let mut transactor = broker.transactor(&fresh("id")).unwrap();
    commit_at(transactor.as_mut(), first.as_ref(), &input, &[0, 1, 2, 3], 2).unwrap();
    let stale = first.token();

    // A second one joins: both end up with two partitions each, all at the committed offset.
    let mut second = broker.join(group(&group_name, None, &input)).unwrap();
    let (mut of_first, mut of_second) = (Vec::new(), Vec::new());
    poll_until(|| {
        for (member, mine) in [(&mut first, &mut of_first), (&mut second, &mut of_second)] {
            match member.poll(1, STEP, &mut |record| mine.push((record.partition, record.offset))).unwrap() {
                // Everything of the new assignment comes after this.
                Polled::Rebalanced => mine.clear(),
                Polled::Records(n) => assert_eq!(n, 1),
                Polled::Idle => {}
            }
        }
        first.assignment().len() == 2 && second.assignment().len() == 2 && of_first.len() == 8 && of_second.len() == 8
    });
    let mut all = [of_first, of_second].concat();
    all.sort_unstable();
    let expected: Vec<_> = (0..4).flat_map(|partition| (2..6).map(move |offset| (partition, offset))).collect();
    assert_eq!(all, expected, "each record once, from the committed offset on");

    // The token of the generation before is refused, and nothing of its transaction shows.
    transactor.begin().unwrap();
    transactor.send(plain(&output, 0, "stale")).unwrap();
    let offset = Offset { topic: input.clone(), partition: 0, offset: 6, metadata: String::new() };
    let refused = transactor.commit(Some((&stale, &[offset]))).unwrap_err();
    assert!(matches!(refused, CommitError::Aborted(_)), "{refused}");
    // The transactor goes on, with a fresh token.
    let mine: Vec<i32> = second.assignment().iter().map(|place| place.partition).collect();
    commit_at(transactor.as_mut(), second.as_ref(), &input, &mine, 5).unwrap();
    transactor.begin().unwrap();
    transactor.send(plain(&output, 0, "fresh")).unwrap();
    transactor.commit(None).unwrap();
    let mut reader = broker.read(&[(&output, vec![])]).unwrap();
    assert_eq!(read_all(reader.as_mut()), ["fresh"]);

    // The second one leaves: the first has everything, from what was committed.
    drop(second);
    let assigned = assignment(first.as_mut(), 4);
    for place in assigned {
        assert_eq!(place.position, if mine.contains(&place.partition) { 5 } else { 2 }, "{place:?}");
    }
}

fn a_static_member_is_replaced_by_its_successor(broker: &dyn Broker) {
    let (topic, group_name) = (topic(broker, "static", 2), fresh("group"));
    fill(broker, &topic, 2, 2);
    let mut older = broker.join(group(&group_name, Some("i-1"), &topic)).unwrap();
    assignment(older.as_mut(), 2);
    let mut younger = broker.join(group(&group_name, Some("i-1"), &topic)).unwrap();
    let began = Instant::now();
    assert_eq!(assignment(younger.as_mut(), 2).len(), 2);
    assert!(began.elapsed() < Duration::from_secs(5), "at once, not after the session time-out");
    let mut fenced = None;
    poll_until(|| {
        fenced = older.poll(1, STEP, &mut |_| {}).err();
        fenced.is_some()
    });
    assert_eq!(fenced, Some(StreamError::Fenced { id: "i-1".into() }));
    drop(older);
    assert_eq!(take(younger.as_mut(), 4).len(), 4, "the older one's end does not disturb the younger");
}

fn lag_counts_what_is_not_delivered(broker: &dyn Broker) {
    let topic = topic(broker, "lag", 2);
    fill(broker, &topic, 2, 10);
    let mut member = broker.join(group(&fresh("group"), None, &topic)).unwrap();
    assignment(member.as_mut(), 2);
    let mut taken = 0;
    poll_until(|| {
        if taken < 15
            && let Polled::Records(n) = member.poll(1, STEP, &mut |_| {}).unwrap()
        {
            taken += n;
        }
        if taken == 15 {
            member.poll(0, STEP, &mut |_| {}).unwrap();
        }
        taken == 15 && member.lag().iter().map(|(_, _, records)| records).sum::<i64>() == 5
    });
}

// --- tools ---------------------------------------------------------------------------------------

/// A name that no other run has used.
pub(crate) fn fresh(what: &str) -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    format!("{what}-{}-{}", std::process::id(), now.as_nanos())
}

pub(crate) fn topic(broker: &dyn Broker, what: &str, partitions: u32) -> String {
    let name = fresh(what);
    let spec = TopicSpec { name: name.clone(), partitions, replication: None, compacted: false, retention: None };
    broker.create_topics(&[spec]).unwrap();
    name
}

pub(crate) fn plain(topic: &str, partition: i32, payload: &str) -> Outgoing {
    Outgoing { topic: topic.into(), partition: Some(partition), payload: payload.into(), ..Outgoing::default() }
}

pub(crate) fn group(group: &str, instance: Option<&str>, topic: &str) -> GroupSpec {
    GroupSpec {
        group: group.into(),
        instance: instance.map(str::to_owned),
        topics: vec![topic.into()],
        start: Start::Committed,
    }
}

fn fill(broker: &dyn Broker, topic: &str, partitions: i32, each: i32) {
    let mut appender = broker.appender().unwrap();
    for n in 0..each {
        for partition in 0..partitions {
            appender.send(plain(topic, partition, &n.to_string())).unwrap();
        }
    }
    appender.flush().unwrap();
}

/// Polls until the member owns so many partitions; nothing may be delivered before that is said.
pub(crate) fn assignment(member: &mut dyn Member, n_partitions: usize) -> Vec<Assigned> {
    poll_until(|| {
        let polled = member.poll(0, STEP, &mut |_| panic!("none was asked for")).unwrap();
        polled == Polled::Rebalanced && member.assignment().len() == n_partitions
    });
    member.assignment()
}

/// Exactly so many records: (partition, offset, payload).
fn take(member: &mut dyn Member, n_records: usize) -> Vec<(i32, i64, String)> {
    let mut taken = Vec::new();
    poll_until(|| {
        let left = n_records - taken.len();
        let polled = member
            .poll(left, STEP, &mut |record| taken.push((record.partition, record.offset, text(record.payload))))
            .unwrap();
        assert_ne!(polled, Polled::Rebalanced);
        taken.len() == n_records
    });
    taken
}

fn read_all(reader: &mut dyn Reader) -> Vec<String> {
    let mut payloads = Vec::new();
    poll_until(|| {
        reader.poll(1000, STEP, &mut |record| payloads.push(text(record.payload))).unwrap();
        reader.caught_up()
    });
    payloads.sort_by_key(|payload: &String| (payload.len(), payload.clone()));
    payloads
}

fn commit_at(
    transactor: &mut dyn Transactor,
    member: &dyn Member,
    topic: &str,
    partitions: &[i32],
    offset: i64,
) -> Result<(), CommitError> {
    let place =
        |partition: &i32| Offset { topic: topic.into(), partition: *partition, offset, metadata: String::new() };
    let offsets: Vec<Offset> = partitions.iter().map(place).collect();
    transactor.begin().unwrap();
    transactor.commit(Some((&member.token(), &offsets)))
}

/// Calls `done`, which itself waits in a poll, until it says so.
pub(crate) fn poll_until(mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < PATIENCE, "not within {PATIENCE:?}");
    }
}

fn text(payload: Option<&[u8]>) -> String {
    String::from_utf8(payload.unwrap_or_default().to_vec()).unwrap()
}

fn wall_millis() -> i64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis() as i64
}
