//! The Kafka host, against a real broker: the suite, a broker that goes away and comes back, and kill -9 in the middle of
//! transactions.
//!
//! `BREACHD_TEST_KAFKA=host:port` names a broker to use; without it one is started by `tests/kafka` (which needs Java and
//! Maven) and stopped at the end. All in one test, because there is one broker, and one of its parts kills it.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![allow(clippy::print_stdout, reason = "what it measured; shown with --nocapture")]

mod suite;

use std::{
    collections::BTreeMap,
    env,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};
use stream::{Broker, CommitError, GroupSpec, Member, Offset, Outgoing, Polled, Settings};
use suite::{assignment, fresh, group, plain, poll_until, topic};

const STEP: Duration = Duration::from_millis(50);

#[test]
fn on_a_real_broker() {
    if env::var_os(FORWARD).is_some() {
        return forward();
    }
    let cluster = Cluster::up();
    let settings = settings(&cluster.servers);
    let broker = stream::kafka(&settings).unwrap();
    suite::suite(&broker);
    commits_are_quick(&broker);
    // Each has a group of its own, and most of them wait.
    thread::scope(|scope| {
        scope.spawn(|| whose_partition_stays_hears_nothing_of_others(&broker));
        scope.spawn(|| who_does_not_answer_holds_nobody_up(&broker));
        scope.spawn(|| what_was_heard_long_ago_is_not_believed(&broker));
        scope.spawn(|| what_a_member_left_ownerless_gets_an_owner(&broker));
        scope.spawn(|| who_ends_before_it_answers_ends(&broker));
        scope.spawn(|| who_waits_for_a_living_member_waits(&broker, settings.session_timeout));
    });
    nothing_is_lost_or_doubled_by_kill_9(&broker, &cluster.servers);
    a_broker_that_goes_away_comes_back(&broker, &cluster);
}

fn settings(servers: &str) -> Settings {
    Settings {
        bootstrap_servers: servers.into(),
        session_timeout: Duration::from_secs(6),
        transaction_timeout: Duration::from_secs(20),
        ..Settings::default()
    }
}

/// rdkafka's own commit never takes less than 100 ms, because its flush waits out a poll of 100 ms.
fn commits_are_quick(broker: &Arc<dyn Broker>) {
    let topic = topic(broker.as_ref(), "quick", 1);
    let mut transactor = broker.transactor(&fresh("id")).unwrap();
    let mut took: Vec<Duration> = (0..20)
        .map(|n| {
            transactor.begin().unwrap();
            transactor.send(plain(&topic, 0, &n.to_string())).unwrap();
            let began = Instant::now();
            transactor.commit(None).unwrap();
            began.elapsed()
        })
        .collect();
    took.sort();
    println!("commit of one message: median {:?}, slowest {:?}", took[10], took[19]);
    assert!(took[0] < Duration::from_millis(90), "{took:?}");
}

/// One that was held up knows nothing of what has come meanwhile, and must not say that nothing has.
fn what_was_heard_long_ago_is_not_believed(broker: &Arc<dyn Broker>) {
    let topic = topic(broker.as_ref(), "heard", 1);
    let mut member = broker.join(group(&fresh("group"), None, &topic)).unwrap();
    assignment(member.as_mut(), 1);
    assert_eq!(member.lag(), [(topic.clone(), 0, 0)], "known at once");
    let mut appender = broker.appender().unwrap();
    (0..5).for_each(|n| appender.send(plain(&topic, 0, &n.to_string())).unwrap());
    appender.flush().unwrap();
    // Held up, until what it had heard is too old; others work meanwhile.
    poll_until(|| {
        thread::sleep(STEP);
        member.lag().is_empty()
    });
    poll_until(|| {
        member.poll(0, STEP, &mut |_| {}).unwrap();
        let lag = member.lag();
        assert!(lag.is_empty() || lag == [(topic.clone(), 0, 5)], "statistics from before wait in a queue: {lag:?}");
        !lag.is_empty()
    });
}

fn whose_partition_stays_hears_nothing_of_others(broker: &Arc<dyn Broker>) {
    let (topic, group_name) = (topic(broker.as_ref(), "stays", 1), fresh("group"));
    let mut appender = broker.appender().unwrap();
    let mut first = broker.join(group(&group_name, None, &topic)).unwrap();
    assignment(first.as_mut(), 1);
    let mut transactor = broker.transactor(&fresh("id")).unwrap();
    let (mut sent, mut taken, mut committed, mut commits, mut refused) = (0, 0, 0, 0, 0);
    // Others come and go; the one that has the partition reads on and commits.
    for _ in 0..2 {
        let mut second = broker.join(group(&group_name, None, &topic)).unwrap();
        let mut heard = false;
        let before = taken;
        poll_until(|| {
            appender.send(plain(&topic, 0, &sent.to_string())).unwrap();
            appender.flush().unwrap();
            sent += 1;
            let polled = first.poll(10, STEP, &mut |record| {
                assert_eq!(record.payload, Some(taken.to_string().as_bytes()), "each once, in its order");
                taken += 1;
            });
            assert_ne!(polled.unwrap(), Polled::Rebalanced);
            if first.token().may_commit() {
                match commit_number(transactor.as_mut(), first.as_ref(), &topic, taken) {
                    Ok(()) => (committed, commits) = (taken, commits + 1),
                    // The generation may end between the two looks.
                    Err(CommitError::Aborted(_)) => refused += 1,
                    Err(other) => panic!("{other}"),
                }
            } else {
                refused += 1;
            }
            heard |= second.poll(10, STEP, &mut |_| panic!("it has no partition")).unwrap() == Polled::Rebalanced;
            heard && taken > before && second.assignment().is_empty()
        });
        drop(second);
    }
    println!("one that stays: {taken} records and {commits} commits while others came, {refused} postponed");
    drop(first);
    let mut next = broker.join(group(&group_name, None, &topic)).unwrap();
    assert_eq!(assignment(next.as_mut(), 1)[0].position, committed, "what it committed meanwhile counts");
}

fn commit_number(
    transactor: &mut dyn stream::Transactor,
    member: &dyn Member,
    topic: &str,
    offset: i64,
) -> Result<(), CommitError> {
    transactor.begin().unwrap();
    commit(transactor, member, topic, &BTreeMap::from([(0, offset)]))
}

/// A third one joins, and one of the two that have to make room does not poll: the other keeps reading and committing.
fn who_does_not_answer_holds_nobody_up(broker: &Arc<dyn Broker>) {
    let (topic, group_name) = (topic(broker.as_ref(), "room", 6), fresh("group"));
    let mut members: Vec<Box<dyn Member>> =
        (0..2).map(|_| broker.join(group(&group_name, None, &topic)).unwrap()).collect();
    let settle = |members: &mut [Box<dyn Member>], each: usize| {
        poll_until(|| {
            for member in members.iter_mut() {
                member.poll(0, STEP, &mut |_| {}).unwrap();
            }
            members.iter().all(|member| member.assignment().len() == each)
        });
    };
    settle(&mut members, 3);
    members.push(broker.join(group(&group_name, None, &topic)).unwrap());
    let mut appender = broker.appender().unwrap();
    let mut transactor = broker.transactor(&fresh("id")).unwrap();
    let (mut made_room, mut commits_after) = (false, 0);
    poll_until(|| {
        (0..6).for_each(|partition| appender.send(plain(&topic, partition, "x")).unwrap());
        appender.flush().unwrap();
        let [first, _silent, third] = &mut members[..] else { unreachable!() };
        let mut last = BTreeMap::new();
        let polled = first.poll(100, STEP, &mut |record| {
            last.insert(record.partition, record.offset + 1);
        });
        third.poll(100, STEP, &mut |_| {}).unwrap();
        made_room |= first.assignment().len() == 2;
        if matches!(polled.unwrap(), Polled::Records(_)) && first.token().may_commit() {
            transactor.begin().unwrap();
            match commit(transactor.as_mut(), first.as_ref(), &topic, &last) {
                Ok(()) => commits_after += i32::from(made_room),
                // The generation may end between the two looks.
                Err(CommitError::Aborted(reason)) => println!("refused: {reason}"),
                Err(other) => panic!("{other}"),
            }
        }
        commits_after >= 20
    });
    assert_eq!(members[1].assignment().len(), 3, "it has not been polled");
    assert!(!members[1].token().may_commit(), "it is in a generation of which it knows nothing");
    settle(&mut members, 2);
    let mut owned: Vec<i32> =
        members.iter().flat_map(|member| member.assignment()).map(|place| place.partition).collect();
    owned.sort_unstable();
    assert_eq!(owned, [0, 1, 2, 3, 4, 5], "each has one owner");
}

/// A static member of two partitions that is to give up one of them and does not poll, as whom it joined, and the member that came.
fn one_that_has_not_answered(broker: &Arc<dyn Broker>, name: &str) -> (GroupSpec, Box<dyn Member>, Box<dyn Member>) {
    let (topic, group_name) = (topic(broker.as_ref(), name, 2), fresh("group"));
    let spec = |instance: &str| group(&group_name, Some(instance), &topic);
    let mut first = broker.join(spec("a")).unwrap();
    assignment(first.as_mut(), 2);
    let mut second = broker.join(spec("b")).unwrap();
    // What the first one is left is decided as soon as the second one hears of the round.
    poll_until(|| second.poll(0, STEP, &mut |_| {}).unwrap() == Polled::Rebalanced);
    (spec("a"), first, second)
}

/// A static member dies after the group has decided that it gives a partition up, and before it did: it comes back to what it was left, and
/// the partition would have no owner.
fn what_a_member_left_ownerless_gets_an_owner(broker: &Arc<dyn Broker>) {
    let (spec, first, mut second) = one_that_has_not_answered(broker, "orphan");
    assert_eq!(second.assignment(), []);
    // Nobody calls it back any more: as good as dead, and fenced by its successor.
    std::mem::forget(first);
    let mut first = broker.join(spec).unwrap();
    poll_until(|| {
        second.poll(0, STEP, &mut |_| {}).unwrap();
        first.poll(0, STEP, &mut |_| {}).unwrap() == Polled::Rebalanced
    });
    assert_eq!(first.assignment().len(), 1);
    let began = Instant::now();
    let mut n_owned = Vec::new();
    poll_until(|| {
        for member in [&mut first, &mut second] {
            member.poll(0, STEP, &mut |_| {}).unwrap();
        }
        let owned = first.assignment().len() + second.assignment().len();
        n_owned.push(owned);
        owned == 2
    });
    println!("a partition had no owner for {:?}", began.elapsed());
    assert_eq!(n_owned[0], 1, "one has no owner at first");
    assert!(began.elapsed() < Duration::from_secs(25), "{:?}", began.elapsed());
    let mut owned: Vec<i32> =
        [&first, &second].iter().flat_map(|member| member.assignment()).map(|place| place.partition).collect();
    owned.sort_unstable();
    assert_eq!(owned, [0, 1], "each has one owner");
}

/// librdkafka calls back once more when the group has ended, and never answers what is asked of it then.
fn who_ends_before_it_answers_ends(broker: &Arc<dyn Broker>) {
    for _ in 0..3 {
        let (_, first, _second) = one_that_has_not_answered(broker, "ends");
        let began = Instant::now();
        drop(first);
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    }
}

/// What a living member was told to give up and has not given up yet looks ownerless, too: whoever had the group share again for it would lose its
/// own partitions until that member polls.
fn who_waits_for_a_living_member_waits(broker: &Arc<dyn Broker>, session: Duration) {
    let (topic, group_name) = (topic(broker.as_ref(), "waits", 3), fresh("group"));
    let join = |instance: &str| broker.join(group(&group_name, Some(instance), &topic)).unwrap();
    let mut first = join("a");
    assignment(first.as_mut(), 3);
    let mut second = join("b");
    poll_until(|| {
        for member in [&mut first, &mut second] {
            member.poll(0, STEP, &mut |_| {}).unwrap();
        }
        // Whoever has not been called back yet would hold up the next round.
        let are_told = [&first, &second].iter().all(|member| member.token().may_commit());
        first.assignment().len() == 2 && second.assignment().len() == 1 && are_told
    });
    // The first one has to make room, and does not poll.
    let mut third = broker.join(group(&group_name, None, &topic)).unwrap();
    poll_until(|| {
        second.poll(0, STEP, &mut |_| {}).unwrap();
        third.poll(0, STEP, &mut |_| {}).unwrap() == Polled::Rebalanced
    });
    assert_eq!(third.assignment(), []);
    // The second one is started again, and looks whether everything has an owner.
    drop(second);
    let mut second = join("b");
    assignment(second.as_mut(), 1);
    let until = Instant::now() + 2 * session + Duration::from_secs(4);
    while Instant::now() < until {
        for member in [&mut second, &mut third] {
            assert_ne!(member.poll(0, STEP, &mut |_| {}).unwrap(), Polled::Rebalanced, "nothing happens");
        }
    }
    poll_until(|| {
        let mut members = [&mut first, &mut second, &mut third];
        members.iter_mut().for_each(|member| assert!(member.poll(0, STEP, &mut |_| {}).is_ok()));
        members.iter().all(|member| member.assignment().len() == 1)
    });
}

/// A broker killed under a member and a transactor: polls say idle, no error; afterwards everything goes on.
fn a_broker_that_goes_away_comes_back(broker: &Arc<dyn Broker>, cluster: &Cluster) {
    let Some(dir) = &cluster.started else { return };
    let (input, output) = (topic(broker.as_ref(), "away-in", 2), topic(broker.as_ref(), "away-out", 1));
    let mut appender = broker.appender().unwrap();
    let mut member = broker.join(group(&fresh("group"), None, &input)).unwrap();
    let mut reader = broker.read(&[(&output, vec![])]).unwrap();
    let mut transactor = broker.transactor(&fresh("id")).unwrap();
    assignment(member.as_mut(), 2);
    let mut leaver = broker.join(group(&fresh("group"), None, &input)).unwrap();
    assignment(leaver.as_mut(), 2);
    let mut broken_off = broker.transactor(&fresh("id")).unwrap();
    broken_off.begin().unwrap();
    broken_off.send(plain(&output, 0, "never")).unwrap();

    kafka_tool(&["kill", "--dir", dir.to_str().unwrap()]);
    let gone = Instant::now();
    while gone.elapsed() < Duration::from_secs(3) {
        assert_eq!(member.poll(10, STEP, &mut |_| {}).unwrap(), Polled::Idle);
        assert_eq!(reader.poll(10, STEP, &mut |_| {}).unwrap(), 0);
    }
    let leaving = Instant::now();
    drop((leaver, broken_off));
    println!("without a broker: a member and a transactor end in {:?}", leaving.elapsed());
    assert!(leaving.elapsed() < Duration::from_secs(10), "an end must not wait for the broker");
    let short = Settings { request_timeout: Duration::from_secs(1), ..settings(&cluster.servers) };
    let error = stream::kafka(&short).err().unwrap();
    assert!(error.retry(), "{error}");
    kafka_tool(&["start", "--dir", dir.to_str().unwrap()]);
    let back = Instant::now();

    for n in 0..10 {
        appender.send(plain(&input, n % 2, &n.to_string())).unwrap();
    }
    appender.flush().unwrap();
    let mut taken = BTreeMap::new();
    poll_until(|| {
        let polled = member.poll(10, STEP, &mut |record| {
            taken.insert((record.partition, record.offset), record.payload.unwrap_or_default().to_vec());
        });
        if polled.unwrap() == Polled::Rebalanced {
            taken.clear();
        }
        taken.len() == 10
    });
    println!("after the broker's return: all records after {:?}", back.elapsed());
    let offsets: Vec<Offset> = member
        .assignment()
        .into_iter()
        .map(|place| Offset { topic: place.topic, partition: place.partition, offset: 5, metadata: "back".into() })
        .collect();
    transactor.begin().unwrap();
    transactor.send(plain(&output, 0, "back")).unwrap();
    transactor.commit(Some((&member.token(), &offsets))).unwrap();
    let mut seen = 0;
    poll_until(|| {
        seen += reader.poll(10, STEP, &mut |_| {}).unwrap();
        seen == 1
    });
    println!("after the broker's return: a transaction read after {:?}", back.elapsed());
}

// --- kill -9 -------------------------------------------------------------------------------------

/// Set: this process is the one to be killed. `servers|input|output|group|id`.
const FORWARD: &str = "BREACHD_TEST_FORWARD";

const PARTITIONS: i32 = 4;
const RECORDS: i32 = 40_000;
const KILLS: u32 = 8;

/// Forwards numbers in transactions with their offsets, killed again and again; every number must arrive once.
fn nothing_is_lost_or_doubled_by_kill_9(broker: &Arc<dyn Broker>, servers: &str) {
    let (input, output) = (topic(broker.as_ref(), "kill-in", PARTITIONS as u32), topic(broker.as_ref(), "kill-out", 3));
    let task = format!("{servers}|{input}|{output}|{}|{}", fresh("group"), fresh("id"));
    let mut appender = broker.appender().unwrap();
    for n in 0..RECORDS {
        appender.send(plain(&input, n % PARTITIONS, &n.to_string())).unwrap();
    }
    appender.flush().unwrap();

    let mut reader = broker.read(&[(&output, vec![])]).unwrap();
    let mut seen: BTreeMap<i32, u32> = BTreeMap::new();
    let mut random = Random(seed());
    let mut kills = 0;
    let began = Instant::now();
    let mut child = Forwarder::start(&task);
    // Each life ends after some more numbers have come through, and then at a random moment.
    let mut alive_until = random.below(1500) as usize;
    poll_until(|| {
        reader
            .poll(500, STEP, &mut |record| {
                let number = std::str::from_utf8(record.payload.unwrap()).unwrap().parse().unwrap();
                *seen.entry(number).or_default() += 1;
            })
            .unwrap();
        if kills < KILLS && seen.len() >= alive_until {
            let moment = Instant::now() + Duration::from_micros(random.below(30_000));
            while Instant::now() < moment {
                std::hint::spin_loop();
            }
            drop(child.take());
            kills += 1;
            println!("kill {kills} after {:?}: {} numbers have arrived", began.elapsed(), seen.len());
            alive_until = seen.len() + random.below(4000) as usize;
            child = Forwarder::start(&task);
        }
        seen.len() == RECORDS as usize
    });
    drop(child);
    let mut rest = broker.read(&[(&output, vec![])]).unwrap();
    let mut all = 0;
    poll_until(|| {
        all += rest.poll(1000, STEP, &mut |_| {}).unwrap();
        rest.caught_up()
    });
    let doubled: Vec<i32> = seen.iter().filter(|(_, times)| **times > 1).map(|(number, _)| *number).collect();
    println!("kill -9: {kills} kills, {} numbers, {all} records in {:?}", seen.len(), began.elapsed());
    assert!(doubled.is_empty(), "seed {}: doubled {doubled:?}", seed());
    assert_eq!(all, RECORDS as usize, "seed {}", seed());
    assert_eq!(kills, KILLS, "seed {}: too quick to be killed; raise RECORDS", seed());
}

/// The process that is killed: reads, and writes what it has read with its offsets in batches of random size.
fn forward() {
    let task = env::var(FORWARD).unwrap();
    let [servers, input, output, group_name, id] = task.split('|').collect::<Vec<_>>().try_into().unwrap();
    let broker = stream::kafka(&settings(servers)).unwrap();
    let mut member = broker.join(group(group_name, Some("forwarder"), input)).unwrap();
    let mut transactor = broker.transactor(id).unwrap();
    let mut random = Random(u64::from(std::process::id()));
    let mut committed: BTreeMap<i32, i64> = BTreeMap::new();
    loop {
        let mut batch = Vec::new();
        let max = 1 + random.below(400) as usize;
        let polled = member
            .poll(max, STEP, &mut |record| {
                batch.push((record.partition, record.offset, record.payload.unwrap().to_vec()))
            })
            .unwrap();
        match polled {
            Polled::Idle => continue,
            Polled::Rebalanced => {
                committed = member.assignment().iter().map(|place| (place.partition, place.position)).collect();
                continue;
            }
            Polled::Records(_) => {}
        }
        let mut next = committed.clone();
        transactor.begin().unwrap();
        for (partition, offset, payload) in batch {
            next.insert(partition, offset + 1);
            let partition = Some(random.below(3) as i32);
            transactor.send(Outgoing { topic: output.into(), partition, payload, ..Outgoing::default() }).unwrap();
        }
        // Sometimes it changes its mind.
        let outcome = if random.below(10) == 0 {
            transactor.abort().unwrap();
            Err(CommitError::Aborted("on purpose".into()))
        } else {
            commit(transactor.as_mut(), member.as_ref(), input, &next)
        };
        match outcome {
            Ok(()) => committed = next,
            Err(CommitError::Aborted(_)) => {
                let back: Vec<_> =
                    committed.iter().map(|(partition, offset)| (input.to_owned(), *partition, *offset)).collect();
                member.rewind(&back).unwrap();
            }
            Err(other) => panic!("{other}"),
        }
    }
}

fn commit(
    transactor: &mut dyn stream::Transactor,
    member: &dyn Member,
    input: &str,
    next: &BTreeMap<i32, i64>,
) -> Result<(), CommitError> {
    let place = |(partition, offset): (&i32, &i64)| Offset {
        topic: input.into(),
        partition: *partition,
        offset: *offset,
        metadata: format!("at {offset}"),
    };
    let offsets: Vec<Offset> = next.iter().map(place).collect();
    transactor.commit(Some((&member.token(), &offsets)))
}

/// The child process; dropped, it is killed with SIGKILL.
struct Forwarder(Child);

impl Forwarder {
    fn start(task: &str) -> Option<Self> {
        let child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "on_a_real_broker", "--nocapture"])
            .env(FORWARD, task)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Some(Forwarder(child))
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// Knuth's MMIX generator: enough to choose moments and sizes.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

/// From `BREACHD_TEST_SEED`, else the process id; it is printed when the test fails.
fn seed() -> u64 {
    let given = env::var("BREACHD_TEST_SEED").ok().and_then(|text| text.parse().ok());
    given.unwrap_or_else(|| u64::from(std::process::id()))
}

// --- the broker ----------------------------------------------------------------------------------

struct Cluster {
    servers: String,
    /// Its directory, if this test has started it.
    started: Option<PathBuf>,
}

impl Cluster {
    fn up() -> Cluster {
        if let Ok(servers) = env::var("BREACHD_TEST_KAFKA") {
            return Cluster { servers, started: None };
        }
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("kafka-stream-test");
        let servers = kafka_tool(&["up", "--port", "29392", "--dir", dir.to_str().unwrap()]);
        Cluster { servers, started: Some(dir) }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(dir) = &self.started {
            kafka_tool(&["clean", "--dir", dir.to_str().unwrap()]);
        }
    }
}

fn kafka_tool(args: &[&str]) -> String {
    let tool = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/kafka");
    let output = Command::new(tool).args(args).stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "tests/kafka {args:?}: {}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
