//! Faults between the roles and the in-memory host: what a process, a network and a broker may do to a call.
//!
//! Every call of a role passes [`Faulty::pass`]. There the process may die, others may take a turn in between, or the broker may not
//! answer. Randomness and time are those of the [`Fate`] that all processes of a run share.

use super::stage;
use activity::Timestamp;
use simulator::random::Random;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};
use stream::{
    Appender, Assigned, Broker, CommitError, From, GroupSpec, GroupToken, Member, Memory, Offset, Outgoing, Polled,
    Reader, RecordRef, Start, StreamError, TopicSpec, Transactor,
};

/// A mistake that the judge must find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bug {
    /// Offsets are committed although their records are lost.
    OffsetsWithoutRecords,
    /// Records are written although their offsets are not committed.
    RecordsWithoutOffsets,
    /// A partition is read again from an earlier record, and nobody is told.
    RecordsTwice,
    /// An alert that was acknowledged is not there.
    AlertLost,
}

/// What the processes of one run share: chance and time.
pub(super) struct Fate {
    random: Mutex<Random>,
    now_ms: AtomicI64,
    /// Faults happen; later they cease.
    storm: AtomicBool,
    /// Of so many calls, one kills its process.
    dies_once_in: u64,
    pub(super) bug: Option<Bug>,
    /// Members of the dead, until their sessions end.
    graveyard: Mutex<Vec<(i64, Box<dyn Member>)>>,
    /// What happened how often.
    happened: Mutex<BTreeMap<&'static str, u64>>,
}

/// One process.
#[derive(Default)]
pub(super) struct Life {
    dead: AtomicBool,
    /// Calls that the broker will not answer.
    refused: AtomicU64,
    /// Groups that have given up on this process, which does not know yet.
    evicted: Mutex<BTreeSet<String>>,
}

/// The host as one process meets it.
#[derive(Clone)]
pub(super) struct Faulty {
    pub(super) host: Arc<Memory>,
    pub(super) fate: Arc<Fate>,
    pub(super) life: Arc<Life>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Fate {
    pub(super) fn new(seed: u64, start_ms: i64, bug: Option<Bug>) -> Fate {
        let mut random = Random::new(seed).fork("fate", 0);
        let dies_once_in = [100, 300, 1_500][random.between(0, 3) as usize];
        Fate {
            random: Mutex::new(random),
            now_ms: AtomicI64::new(start_ms),
            storm: AtomicBool::new(true),
            dies_once_in,
            bug,
            graveyard: Mutex::default(),
            happened: Mutex::default(),
        }
    }

    pub(super) fn below(&self, n: usize) -> usize {
        lock(&self.random).between(0, i64::try_from(n).unwrap_or(i64::MAX)) as usize
    }

    /// True once in so many calls while faults happen; then it is counted.
    pub(super) fn strikes(&self, what: &'static str, once_in: u64) -> bool {
        let strikes = self.storm.load(Ordering::Relaxed) && self.below(once_in as usize) == 0;
        if strikes {
            self.note(what);
        }
        strikes
    }

    pub(super) fn note(&self, what: &'static str) {
        *lock(&self.happened).entry(what).or_default() += 1;
    }

    pub(super) fn happened(&self) -> BTreeMap<&'static str, u64> {
        lock(&self.happened).clone()
    }

    pub(super) fn now_ms(&self) -> i64 {
        self.now_ms.load(Ordering::Relaxed)
    }

    pub(super) fn pass_ms(&self, ms: i64) {
        self.now_ms.fetch_add(ms, Ordering::Relaxed);
    }

    /// No more faults; whoever is dead is known to be.
    pub(super) fn calm(&self) {
        self.storm.store(false, Ordering::Relaxed);
        self.bury(i64::MAX);
    }

    /// Sessions of dead members that end by then.
    pub(super) fn bury(&self, by_ms: i64) {
        let all = std::mem::take(&mut *lock(&self.graveyard));
        let (over, rest): (Vec<_>, Vec<_>) = all.into_iter().partition(|(until_ms, _)| *until_ms <= by_ms);
        lock(&self.graveyard).extend(rest);
        drop(over);
    }
}

impl Life {
    pub(super) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Relaxed)
    }

    pub(super) fn end(&self) {
        self.dead.store(true, Ordering::Relaxed);
    }

    pub(super) fn refuse(&self, calls: u64) {
        self.refused.store(calls, Ordering::Relaxed);
    }
}

impl Faulty {
    /// A group has waited in vain for this process.
    pub(super) fn evict(&self, spec: GroupSpec) {
        lock(&self.life.evicted).insert(spec.group.clone());
        // Takes its place in the group and leaves it.
        drop(self.host.join(spec));
    }

    /// Everybody has to join anew, and nobody has come or gone.
    pub(super) fn disturb(&self, group: &str, topics: Vec<String>) {
        let spec =
            GroupSpec { group: group.into(), instance: Some("passer-by".into()), topics, start: Start::Committed };
        drop(self.host.join(spec));
    }

    /// Whether the broker answers.
    fn pass(&self, doing: &'static str) -> Result<bool, StreamError> {
        let died = || StreamError::Failed { doing, reason: "the process was killed".into(), retry: false };
        if self.life.is_dead() {
            return Err(died());
        }
        if self.fate.strikes(doing, self.fate.dies_once_in) {
            self.life.end();
            return Err(died());
        }
        if self.fate.strikes("others in between", 12) {
            stage::meanwhile();
            if self.life.is_dead() {
                return Err(died());
            }
        }
        let left = self.life.refused.load(Ordering::Relaxed);
        if left > 0 {
            self.life.refused.store(left - 1, Ordering::Relaxed);
            self.fate.pass_ms(self.fate.below(120) as i64);
            // The others hear it.
            stage::meanwhile();
        }
        Ok(left == 0)
    }

    fn answered(&self, doing: &'static str) -> Result<(), StreamError> {
        if self.pass(doing)? { Ok(()) } else { Err(unreachable(doing)) }
    }
}

fn unreachable(doing: &'static str) -> StreamError {
    StreamError::Unreachable { doing, servers: "simulation".into(), reason: "it refuses".into() }
}

impl Broker for Faulty {
    fn create_topics(&self, topics: &[TopicSpec]) -> Result<(), StreamError> {
        self.answered("killed at creating topics")?;
        self.host.create_topics(topics)
    }

    fn partitions(&self, topic: &str) -> Result<Option<u32>, StreamError> {
        self.answered("killed at asking for partitions")?;
        self.host.partitions(topic)
    }

    fn join(&self, group: GroupSpec) -> Result<Box<dyn Member>, StreamError> {
        self.answered("killed at joining")?;
        let inner = Some(self.host.join(group.clone())?);
        let (next, ends) = (BTreeMap::new(), BTreeMap::new());
        Ok(Box::new(FaultyMember { broker: self.clone(), spec: group, inner, away: false, next, ends, told_ms: 0 }))
    }

    fn read(&self, topics: &[From<'_>]) -> Result<Box<dyn Reader>, StreamError> {
        self.answered("killed at opening a reader")?;
        Ok(Box::new(FaultyReader { broker: self.clone(), inner: self.host.read(topics)? }))
    }

    fn read_partition(&self, topic: &str, partition: i32) -> Result<Box<dyn Reader>, StreamError> {
        self.answered("killed at opening a reader")?;
        Ok(Box::new(FaultyReader { broker: self.clone(), inner: self.host.read_partition(topic, partition)? }))
    }

    fn transactor(&self, id: &str) -> Result<Box<dyn Transactor>, StreamError> {
        self.answered("killed at opening a transactor")?;
        Ok(Box::new(FaultyTransactor { broker: self.clone(), inner: self.host.transactor(id)? }))
    }

    fn appender(&self) -> Result<Box<dyn Appender>, StreamError> {
        self.answered("killed at opening an appender")?;
        Ok(Box::new(FaultyAppender { broker: self.clone(), inner: self.host.appender()?, queue: Vec::new() }))
    }

    fn end_offsets(&self, topic: &str) -> Result<Vec<i64>, StreamError> {
        self.answered("killed at asking for ends")?;
        self.host.end_offsets(topic)
    }
}

struct FaultyMember {
    broker: Faulty,
    spec: GroupSpec,
    inner: Option<Box<dyn Member>>,
    /// It has lost its membership and not joined again.
    away: bool,
    /// The next offset of each partition.
    next: BTreeMap<(String, i32), i64>,
    /// Ends as last told.
    ends: BTreeMap<(String, i32), i64>,
    told_ms: i64,
}

impl FaultyMember {
    fn inner(&self) -> &dyn Member {
        self.inner.as_deref().expect("taken only when dropped")
    }

    /// As librdkafka's statistics: now and then, and of what was read from.
    fn hear_ends(&mut self) {
        let now_ms = self.broker.fate.now_ms();
        if self.told_ms + stream::limits::LAG_EVERY.as_millis() as i64 <= now_ms {
            self.told_ms = now_ms;
            let ends = |(topic, partition): &(String, i32)| {
                let ends = self.broker.host.end_offsets(topic).ok()?;
                Some(((topic.clone(), *partition), ends[usize::try_from(*partition).ok()?]))
            };
            self.ends = self.next.keys().filter_map(ends).collect();
        }
    }

    fn adopt(&mut self) {
        self.away = false;
        let next = |place: Assigned| ((place.topic, place.partition), place.position);
        self.next = self.inner().assignment().into_iter().map(next).collect();
        self.ends.clear();
    }

    /// Hears of a change of the assignment that has just happened.
    fn change(&mut self) -> Result<Polled, StreamError> {
        let inner = self.inner.as_mut().expect("taken only when dropped");
        let polled = inner.poll(0, Duration::ZERO, &mut |_| {})?;
        if polled == Polled::Rebalanced {
            self.adopt();
        }
        Ok(polled)
    }

    /// A detector may read a tally message again: it is known by its manifest. (So may ingest, if a bug is planted.)
    fn step_back(&mut self) {
        let fate = &self.broker.fate;
        let detects = self.spec.start == Start::Beginning;
        let once_in = if detects { 30 } else { 10 };
        let may = detects || fate.bug == Some(Bug::RecordsTwice);
        if may && !self.next.is_empty() && fate.strikes("records delivered again", once_in) {
            let at = fate.below(self.next.len());
            let back = 1 + fate.below(4) as i64;
            let (place, next) = self.next.iter_mut().nth(at).expect("one of them");
            *next = (*next - back).max(0);
            let to = (place.0.clone(), place.1, *next);
            let _ = self.inner.as_mut().expect("taken only when dropped").rewind(&[to]);
        }
    }
}

impl Member for FaultyMember {
    fn poll(
        &mut self,
        max: usize,
        _wait: Duration,
        each: &mut dyn FnMut(RecordRef<'_>),
    ) -> Result<Polled, StreamError> {
        if !self.broker.pass("killed before a poll")? {
            return Ok(Polled::Idle);
        }
        self.hear_ends();
        self.step_back();
        let max = if self.broker.fate.strikes("short poll", 2) { 1 + self.broker.fate.below(max.min(60)) } else { max };
        let next = &mut self.next;
        let polled = self.inner.as_mut().expect("taken only when dropped").poll(max, Duration::ZERO, &mut |record| {
            next.insert((record.topic.to_owned(), record.partition), record.offset + 1);
            each(record);
        });
        match polled {
            Err(StreamError::Fenced { .. }) if lock(&self.broker.life.evicted).remove(&self.spec.group) => {
                self.inner = Some(self.broker.host.join(self.spec.clone())?);
                self.away = true;
                self.next.clear();
                self.ends.clear();
                return Ok(Polled::Rebalanced);
            }
            Ok(Polled::Rebalanced) => self.adopt(),
            Ok(Polled::Idle) => self.broker.fate.pass_ms(self.broker.fate.below(40) as i64),
            _ => {}
        }
        let polled = polled?;
        self.broker.pass("killed after a poll")?;
        if matches!(polled, Polled::Records(_)) && self.broker.fate.strikes("a rebalance behind records", 40) {
            // As with librdkafka: within one call, records are delivered and then the assignment changes.
            self.broker.disturb(&self.spec.group, self.spec.topics.clone());
            return self.change();
        }
        Ok(polled)
    }

    fn assignment(&self) -> Vec<Assigned> {
        if self.away { Vec::new() } else { self.inner().assignment() }
    }

    fn rewind(&mut self, to: &[(String, i32, i64)]) -> Result<(), StreamError> {
        for (topic, partition, offset) in to {
            if let Some(next) = self.next.get_mut(&(topic.clone(), *partition)) {
                *next = *offset;
            }
        }
        self.inner.as_mut().expect("taken only when dropped").rewind(to)
    }

    fn token(&self) -> GroupToken {
        self.inner().token()
    }

    fn lag(&self) -> Vec<(String, i32, i64)> {
        if self.broker.life.refused.load(Ordering::Relaxed) > 0 {
            return Vec::new();
        }
        let lag = |((topic, partition), next): (&(String, i32), &i64)| {
            let end = self.ends.get(&(topic.clone(), *partition))?;
            Some((topic.clone(), *partition, (end - next).max(0)))
        };
        self.next.iter().filter_map(lag).collect()
    }
}

impl Drop for FaultyMember {
    fn drop(&mut self) {
        let fate = &self.broker.fate;
        if let Some(inner) = self.inner.take().filter(|_| self.broker.life.is_dead()) {
            // The group learns of it when the session ends.
            let until_ms = fate.now_ms() + fate.below(6_000) as i64;
            lock(&fate.graveyard).push((until_ms, inner));
        }
    }
}

struct FaultyReader {
    broker: Faulty,
    inner: Box<dyn Reader>,
}

impl Reader for FaultyReader {
    fn poll(&mut self, max: usize, _wait: Duration, each: &mut dyn FnMut(RecordRef<'_>)) -> Result<usize, StreamError> {
        if !self.broker.pass("killed at reading")? {
            return Ok(0);
        }
        let max = if self.broker.fate.strikes("short read", 4) { 1 + self.broker.fate.below(max.min(20)) } else { max };
        self.inner.poll(max, Duration::ZERO, each)
    }

    fn caught_up(&self) -> bool {
        self.inner.caught_up()
    }
}

struct FaultyTransactor {
    broker: Faulty,
    inner: Box<dyn Transactor>,
}

impl Transactor for FaultyTransactor {
    fn begin(&mut self) -> Result<(), StreamError> {
        self.broker.answered("killed before a transaction")?;
        self.inner.begin()
    }

    fn send(&mut self, message: Outgoing) -> Result<(), StreamError> {
        self.broker.answered("killed within a transaction")?;
        self.inner.send(message)
    }

    fn commit(&mut self, offsets: Option<(&GroupToken, &[Offset])>) -> Result<(), CommitError> {
        let fate = Arc::clone(&self.broker.fate);
        let failed = |reason: &str| {
            let (doing, reason) = ("commit a transaction", reason.into());
            CommitError::Fatal(StreamError::Failed { doing, reason, retry: false })
        };
        match self.broker.pass("killed before a commit") {
            Ok(true) => {}
            Ok(false) => {
                let _ = self.inner.abort();
                return Err(failed("the broker does not answer"));
            }
            Err(error) => return Err(CommitError::Fatal(error)),
        }
        if fate.strikes("commit aborted", 20) {
            if fate.bug == Some(Bug::RecordsWithoutOffsets) {
                self.inner.commit(None)?;
            } else {
                self.inner.abort().map_err(CommitError::Fatal)?;
            }
            return Err(CommitError::Aborted("as the fate will have it".into()));
        }
        if fate.bug == Some(Bug::OffsetsWithoutRecords) && fate.strikes("records lost", 15) {
            self.inner.abort().and_then(|()| self.inner.begin()).map_err(CommitError::Fatal)?;
        }
        self.inner.commit(offsets)?;
        if fate.strikes("killed after a commit", fate.dies_once_in / 8) {
            self.broker.life.end();
            return Err(failed("the process was killed"));
        }
        if fate.strikes("committed, and nobody heard", 60) {
            return Err(failed("the broker was lost in the middle"));
        }
        Ok(())
    }

    fn abort(&mut self) -> Result<(), StreamError> {
        self.inner.abort()
    }
}

struct FaultyAppender {
    broker: Faulty,
    inner: Box<dyn Appender>,
    /// Not acknowledged yet.
    queue: Vec<Outgoing>,
}

impl FaultyAppender {
    fn write(&mut self, n: usize) -> Result<(), StreamError> {
        for message in self.queue.drain(..n) {
            let is_alert = message.topic.ends_with(".alerts");
            let fate = &self.broker.fate;
            // Always the same ones: whoever is restored would raise another again.
            let subject = message.key.iter().flatten().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
            if !(is_alert && fate.bug == Some(Bug::AlertLost) && subject % 2 == 0) {
                self.inner.send(message)?;
            }
        }
        self.inner.flush()
    }
}

impl Appender for FaultyAppender {
    fn send(&mut self, message: Outgoing) -> Result<(), StreamError> {
        self.queue.push(message);
        self.broker.answered("killed after a send")
    }

    fn flush(&mut self) -> Result<(), StreamError> {
        if self.queue.is_empty() {
            return Ok(());
        }
        self.broker.answered("killed before a flush")?;
        self.write(self.queue.len())
    }
}

impl Drop for FaultyAppender {
    fn drop(&mut self) {
        // What a dead process had sent may have arrived, as far as it goes.
        let n = self.broker.fate.below(self.queue.len() + 1);
        let _ = self.write(n);
    }
}

/// A wall clock, for the stamps of records.
pub(super) fn clock(fate: &Arc<Fate>) -> stream::Clock {
    let fate = Arc::clone(fate);
    Arc::new(move || Timestamp::from_millis(fate.now_ms()))
}
