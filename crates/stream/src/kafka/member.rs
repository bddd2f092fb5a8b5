//! A member of a consumer group, which rebalances cooperatively: who keeps partitions reads on while others come and go, and most
//! partitions stay where they are (`cooperative-sticky`).
//!
//! A change comes in three steps, so that nothing of a new assignment is delivered before the caller has heard of it:
//!
//! 1. librdkafka's callback, within a poll, lets go of what is revoked, notes what is assigned without taking it, and notes the
//!    [`Standing`] in which it was said;
//! 2. the poll then asks the coordinator for the committed offsets with their metadata (open transactions are waited for)
//!    and the brokers for the ends; if that fails, e.g. because a broker is away, the next poll tries again, while the
//!    membership is kept alive in the background;
//! 3. it returns [`Polled::Rebalanced`], and the poll after that takes the new partitions at exactly these offsets, and seeks to
//!    them in those that stay; or to where the caller has gone meanwhile. What a partition delivers before that worked is passed over.
//!
//! A member whose partitions stay all the same hears nothing at all of others that come and go. That is safe because its id stayed:
//! one that was taken for dead comes back under another id, and then takes up everything anew. Its reading is sought to where it is all
//! the same: librdkafka (2.12) stops all fetching around a rebalance, and goes on where it believes the caller to be.
//!
//! # What cooperation costs
//! With eager rebalancing librdkafka joins a new generation only after the caller has let go of everything. Here it joins by itself, and
//! for a moment (for long, if the caller does not poll) is a member of a generation of whose assignment the caller knows nothing; Kafka
//! checks the generation of a transaction's offsets, not who owns their partitions. One that was frozen, taken for dead and thawed could
//! commit in its new generation what it read in its old one. So a token is refused here unless the member still has the standing that
//! came with the last change; reading it takes the only unsafe code of breachd ([`super::standing`]). It is refused also while the
//! membership is lost: librdkafka would then name no generation at all, and Kafka believes a transaction that names none (for the sake
//! of old clients).
//!
//! A member whose partitions change throws away what it has not committed, also of those that stay: up to a flush is done twice.
//! Keeping it lost: work of several partitions is one transaction, and cannot be told apart.
//!
//! A partition can be left without an owner, which an eager group never does: [`super::census`].
//!
//! Why it is worth that: an eager rebalance stops everybody for about a second, throws away what nobody had committed anywhere, and has the
//! active notifier fold its journal anew, each time an instance comes or goes; a rollout is one after the other.

use super::{
    census::{self, Census, Finding},
    closing::Closing,
    connection::Connection,
    report::Events,
    standing::Standing,
};
use crate::{
    Assigned, GroupSpec, GroupToken, Member, Polled, RecordRef, Start, StreamError, limits, record::HeadersRef,
    transaction::Token,
};
use activity::Timestamp;
use rdkafka::{
    ClientContext, Offset, Statistics, TopicPartitionList,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, Consumer as _, ConsumerContext, RebalanceProtocol},
    error::KafkaError,
    message::{BorrowedMessage, Headers as _, Message as _},
    statistics::Broker,
    types::{RDKafkaErrorCode, RDKafkaRespErr},
};
use std::{
    collections::{HashMap, HashSet, VecDeque},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

pub(super) struct KafkaMember {
    connection: Arc<Connection>,
    consumer: Closing<GroupEvents>,
    spec: GroupSpec,
    /// To be taken up at their committed offsets, which are not known yet.
    pending: Option<Vec<Place>>,
    slots: Slots,
    /// As it was when the last change was said.
    standing: Option<Standing>,
    /// Since when librdkafka does not read where it should.
    untold_since: Option<Instant>,
    /// Of one that has come back under its name, or may have: until everything in the group has an owner.
    census: Option<Census>,
    settled: Settled,
    /// Partitions that have begun anew under this member: what was committed is about records that are gone.
    anew: HashSet<Place>,
}

/// Topic and partition.
pub(super) type Place = (String, i32);

/// Whether the member has stood where it was told lately.
struct Settled {
    looked_at: Instant,
    at: Instant,
}

/// The partitions that are read, and how far.
#[derive(Default)]
pub(super) struct Slots {
    slots: Vec<Slot>,
    /// Where the last record belonged: the next one most likely belongs there too.
    last: usize,
}

struct Slot {
    assigned: Assigned,
    /// The next offset to deliver.
    next: i64,
    /// Whether librdkafka has been told to go on there.
    told: bool,
    /// And when.
    told_at: Instant,
}

/// Offset and metadata of each partition for which something was committed.
type Committed = HashMap<Place, (i64, String)>;

struct GroupEvents {
    events: Events,
    /// Not yet taken up, in their order. An error: librdkafka did not take what the callback answered.
    changes: Mutex<VecDeque<Result<Change, KafkaError>>>,
    ends: Mutex<HashMap<Place, End>>,
    /// When the client was made; statistics tell the time since then.
    born: Instant,
}

/// What the callback was told.
struct Change {
    added: Vec<Place>,
    gone: Vec<Place>,
    standing: Option<Standing>,
}

/// What was last heard of a partition's end: when it was taken up, or by statistics.
#[derive(Clone, Copy)]
struct End {
    /// When it was so: statistics wait to be polled for.
    at: Instant,
    end: i64,
    /// The next offset to deliver, if everything before the end had been delivered by then; below zero if nothing was delivered since librdkafka was
    /// told where to read. What is left between is not records but the marks of transactions.
    drained_at: Option<i64>,
}

impl KafkaMember {
    pub(super) fn join(connection: &Arc<Connection>, spec: GroupSpec) -> Result<Self, StreamError> {
        for topic in &spec.topics {
            connection.existing(topic)?;
        }
        let settings = connection.settings();
        let session = settings.session_timeout;
        let mut config = connection.consumer_config()?;
        config
            .set("group.id", &spec.group)
            // Whoever goes on at the first record that is left must know that some are gone.
            .set("auto.offset.reset", "error")
            .set("group.protocol", "classic")
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("session.timeout.ms", session.as_millis().to_string())
            .set("heartbeat.interval.ms", (session / 3).min(Duration::from_secs(3)).as_millis().to_string())
            .set("max.poll.interval.ms", session.max(limits::POLL_PAUSE_MAX).as_millis().to_string())
            .set("statistics.interval.ms", limits::LAG_EVERY.as_millis().to_string());
        if let Some(instance) = &spec.instance {
            config.set("group.instance.id", instance);
        }
        let events = GroupEvents {
            events: Events::new("member", connection.report()),
            changes: Mutex::default(),
            ends: Mutex::default(),
            born: Instant::now(),
        };
        let consumer: BaseConsumer<GroupEvents> =
            config.create_with_context(events).map_err(|error| connection.blame("join a group", &error))?;
        let census = spec.instance.is_some().then(|| Census::new(session));
        let now = Instant::now();
        let member = KafkaMember {
            connection: Arc::clone(connection),
            consumer: Closing::new(consumer),
            spec,
            pending: None,
            slots: Slots::default(),
            standing: None,
            untold_since: None,
            census,
            settled: Settled { looked_at: now, at: now },
            anew: HashSet::new(),
        };
        member.subscribe()?;
        Ok(member)
    }

    fn subscribe(&self) -> Result<(), StreamError> {
        let topics: Vec<&str> = self.spec.topics.iter().map(String::as_str).collect();
        self.consumer.subscribe(&topics).map_err(|error| self.connection.blame("join a group", &error))
    }

    /// Whether it is in the generation of whose assignment it knows, and in none since.
    fn stands(&self) -> bool {
        let now = Standing::of(&self.consumer);
        now.is_some() && now == self.standing
    }

    /// Looks now and then after what nobody tells: whether everything has an owner ([`super::census`]), and whether the group gets on.
    fn look_around(&mut self) -> Result<(), StreamError> {
        let now = Instant::now();
        let pause = now.duration_since(self.settled.looked_at);
        if pause < limits::CENSUS_EVERY {
            return Ok(());
        }
        self.settled.looked_at = now;
        if pause > self.connection.settings().session_timeout {
            // Frozen, or held up: nobody has looked for so long.
            self.settled.at = now;
        }
        if !self.stands() {
            return self.despair(now);
        }
        self.settled.at = now;
        let Some(census) = self.census.as_mut().filter(|census| self.pending.is_none() && census.is_due(now)) else {
            return Ok(());
        };
        match census.look(&self.connection, &self.spec.group, &self.spec.topics) {
            Finding::Complete => self.census = None,
            Finding::Open => {}
            Finding::Orphans(orphans) => {
                tracing::warn!(
                    group = self.spec.group,
                    partitions = ?orphans,
                    "partitions without an owner, left by a member that ended while it gave them up; the group shares again"
                );
                *census = census.more_patient();
                // It lets go of all of its own and joins with nothing, which is another subscription than before: reason for a round.
                self.consumer.unsubscribe();
                self.subscribe()?;
            }
        }
        Ok(())
    }

    /// librdkafka (2.12) can lose touch with its group for good, if the topics change while it waits for an answer to a rebalance. An error,
    /// and the process starts again. Nothing is wrong as long as the group is changing, or its coordinator does not answer.
    fn despair(&mut self, now: Instant) -> Result<(), StreamError> {
        let session = self.connection.settings().session_timeout;
        let waited = now.duration_since(self.settled.at);
        if waited <= session {
            return Ok(());
        }
        if !census::is_at_rest(&self.connection, &self.spec.group) {
            self.settled.at = now;
        } else if waited > limits::OUTSIDE_SESSIONS * session {
            let reason = format!("it is at rest, and this member has had no part in it for {} s", waited.as_secs());
            return Err(StreamError::Failed { doing: "take part in a group", reason, retry: false });
        }
        Ok(())
    }

    /// The noted partitions at their committed offsets.
    fn adopt(&self, noted: &[Place]) -> Result<Slots, StreamError> {
        if noted.is_empty() {
            return Ok(Slots::default());
        }
        let committed = self.committed(noted)?;
        let mut slots = Vec::with_capacity(noted.len());
        for (topic, partition) in noted {
            let inspector = self.connection.inspector().client();
            let (at, (first, end)) = (Instant::now(), self.connection.watermarks(inspector, topic, *partition)?);
            let place = (topic.clone(), *partition);
            self.consumer.context().hear(place.clone(), End { at, end, drained_at: None });
            let is_anew = self.anew.contains(&place);
            let known = committed.get(&place);
            let (topic, partition) = place;
            let (position, metadata, anew) = match known {
                None => (first, "", false),
                Some((_, metadata)) if self.spec.start == Start::Beginning => (first, &**metadata, false),
                Some((offset, _)) if *offset > end || is_anew => {
                    tracing::error!(
                        topic,
                        partition,
                        committed = offset,
                        end,
                        first,
                        "the committed offset is not of these records: the topic was made anew or has lost its tail; read from its first record"
                    );
                    (first, "", true)
                }
                Some((offset, metadata)) => {
                    if *offset < first {
                        tracing::error!(
                            topic,
                            partition,
                            committed = offset,
                            first,
                            "records were deleted before they were read: retention is shorter than the backlog"
                        );
                    }
                    (first.max(*offset), &**metadata, false)
                }
            };
            let assigned = Assigned { topic, partition, position, metadata: metadata.to_owned(), anew };
            slots.push(Slot { next: assigned.position, assigned, told: false, told_at: at });
        }
        slots.sort_by(|one, other| one.assigned.cmp(&other.assigned));
        Ok(Slots { slots, last: 0 })
    }

    fn committed(&self, noted: &[Place]) -> Result<Committed, StreamError> {
        const DOING: &str = "read committed offsets";
        let mut asked = TopicPartitionList::with_capacity(noted.len());
        for (topic, partition) in noted {
            asked.add_partition(topic, *partition);
        }
        let timeout = self.connection.settings().request_timeout;
        let answer =
            self.consumer.committed_offsets(asked, timeout).map_err(|error| self.connection.blame(DOING, &error))?;
        let mut committed = HashMap::new();
        for place in answer.elements() {
            place.error().map_err(|error| self.connection.blame(DOING, &error))?;
            if let Offset::Offset(offset) = place.offset() {
                let metadata = place.metadata().to_owned();
                committed.insert((place.topic().to_owned(), place.partition()), (offset, metadata));
            }
        }
        Ok(committed)
    }

    /// Has librdkafka read where the slots say. A seek is refused while a partition's fetcher is on its way to somewhere else: then the next
    /// poll tries again, and after a while all of them are taken anew. Why not let go of a partition and take it again at once: while a change waits
    /// for its callback librdkafka would take either for the answer to it, and twice in a row it aborts the process (2.12).
    fn tell(&mut self) -> Result<(), StreamError> {
        const DOING: &str = "take partitions";
        if self.slots.are_told() {
            return Ok(());
        }
        if self.untold_since.get_or_insert_with(Instant::now).elapsed() > limits::SEEK_PATIENCE {
            return self.take_again();
        }
        let blame = |error: KafkaError| self.connection.blame(DOING, &error);
        let held = self.consumer.assignment().map_err(blame)?;
        let is_held = |slot: &Slot| held.find_partition(&slot.assigned.topic, slot.assigned.partition).is_some();
        let new = list(self.slots.slots.iter().filter(|slot| !slot.told && !is_held(slot))).map_err(blame)?;
        if new.count() > 0 {
            self.consumer.incremental_assign(&new).map_err(blame)?;
        }
        let moved = list(self.slots.slots.iter().filter(|slot| !slot.told && is_held(slot))).map_err(blame)?;
        let sought = if moved.count() > 0 {
            self.consumer.seek_partitions(moved, self.connection.settings().request_timeout)
        } else {
            Ok(moved)
        };
        let sought = sought.inspect_err(|error| self.connection.report().warn("member", "seek", &error.to_string()));
        let done = sought.unwrap_or_default();
        for slot in &mut self.slots.slots {
            let (topic, partition) = (&*slot.assigned.topic, slot.assigned.partition);
            let found = |list: &TopicPartitionList| {
                list.find_partition(topic, partition).is_some_and(|place| place.error().is_ok())
            };
            if found(&new) || found(&done) {
                (slot.told, slot.told_at) = (true, Instant::now());
            }
        }
        self.untold_since.take_if(|_| self.slots.are_told());
        Ok(())
    }

    /// The same partitions once more, as after a rebalance.
    fn take_again(&mut self) -> Result<(), StreamError> {
        self.pending = Some(self.places());
        self.slots = Slots::default();
        self.untold_since = None;
        // The fetcher of one that has begun anew stands still, and cannot be sent anywhere.
        let held = self.consumer.assignment().and_then(|held| self.consumer.incremental_unassign(&held));
        held.map_err(|error| self.connection.blame("let go of partitions", &error))
    }

    /// All that it has, known to the caller or not.
    fn places(&self) -> Vec<Place> {
        self.pending.clone().unwrap_or_else(|| self.slots.places())
    }

    /// Takes up what the callback has noted.
    fn change(&mut self, change: Change) {
        let stayed = |before: &Standing| change.standing.as_ref().is_some_and(|now| now.member == before.member);
        let is_same = self.standing.as_ref().is_some_and(stayed);
        let stays = change.added.is_empty() && change.gone.is_empty() && is_same;
        self.standing = change.standing;
        if !is_same && self.spec.instance.is_some() {
            // It has come back under its name, as after a start.
            let session = self.connection.settings().session_timeout;
            self.census.get_or_insert_with(|| Census::new(session));
        }
        if stays && self.pending.is_none() {
            // Around each rebalance librdkafka (2.12) stops fetching, and goes on where it believes the caller to be: that may be one record too
            // early, and an error that was on its way is lost.
            self.slots.slots.iter_mut().for_each(|slot| slot.told = false);
            return;
        }
        let mut places = self.places();
        places.retain(|place| !change.gone.contains(place) && !change.added.contains(place));
        places.extend(change.added);
        self.slots = Slots::default();
        self.untold_since = None;
        self.pending = Some(places);
    }

    /// Whether an error of the consumer ends it; the others pass by themselves and have been told already.
    fn judge(&self, error: &KafkaError) -> Result<(), StreamError> {
        use RDKafkaErrorCode as Code;
        const DOING: &str = "read as a member of a group";
        if let Some((code, reason)) = self.consumer.client().fatal_error() {
            return Err(match (code, &self.spec.instance) {
                (Code::FencedInstanceId, Some(instance)) => StreamError::Fenced { id: instance.clone() },
                _ => StreamError::Failed { doing: DOING, reason, retry: false },
            });
        }
        match error.rdkafka_error_code() {
            Some(code @ (Code::GroupAuthorizationFailed | Code::TopicAuthorizationFailed)) => {
                Err(self.connection.blame_code(DOING, code, &error.to_string()))
            }
            Some(code @ (Code::InvalidSessionTimeout | Code::InconsistentGroupProtocol | Code::InvalidGroupId)) => Err(
                StreamError::Settings(format!("the broker refuses the member of group `{}`: {code}", self.spec.group)),
            ),
            _ => Ok(()),
        }
    }
}

impl Member for KafkaMember {
    fn poll(&mut self, max: usize, wait: Duration, each: &mut dyn FnMut(RecordRef<'_>)) -> Result<Polled, StreamError> {
        let deadline = Instant::now() + wait;
        let mut n_records = 0;
        self.look_around()?;
        self.tell()?;
        loop {
            let mut left = deadline.saturating_duration_since(Instant::now());
            if let Some(noted) = &self.pending {
                match self.adopt(noted) {
                    Ok(slots) => {
                        self.slots = slots;
                        self.pending = None;
                        self.anew.clear();
                        return Ok(Polled::Rebalanced);
                    }
                    Err(error) if error.retry() => {
                        self.connection.report().warn("member", "adopt", &error.to_string());
                        left = left.min(limits::RETRY_PAUSE);
                    }
                    Err(error) => return Err(error),
                }
            }
            // Once something has been delivered, take what is there and do not wait for more.
            let patience = if n_records > 0 { Duration::ZERO } else { left };
            let polled = self.consumer.poll(super::waitable(patience));
            let nothing = polled.is_none();
            match polled {
                Some(Ok(message)) => match self.slots.told(&message) {
                    None => {}
                    Some(at) if message.offset() < self.slots.slots[at].next => {
                        // Deleted and made again between two looks at the cluster: no rebalance, and librdkafka goes on at the first
                        // record. Whoever took it as what follows would tell of a range that ends before it begins.
                        self.anew.insert((message.topic().to_owned(), message.partition()));
                        self.take_again()?;
                        continue;
                    }
                    Some(at) if max == 0 => self.slots.slots[at].go_to(message.offset()),
                    Some(at) => {
                        self.slots.hand_over(at, &message, each);
                        n_records += 1;
                    }
                },
                Some(Err(error)) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AutoOffsetReset) => {
                    // Deleted before they were read, or the log has lost its tail: as at a start, [`KafkaMember::adopt`] sees which.
                    self.take_again()?;
                    continue;
                }
                Some(Err(error)) => self.judge(&error)?,
                None => {}
            }
            let mut changed = false;
            while let Some(change) = self.consumer.context().take_change() {
                self.change(change.map_err(|error| self.connection.blame("answer a rebalance", &error))?);
                changed = true;
            }
            if changed && self.pending.is_some() {
                continue;
            }
            if changed {
                // Where everything stays, before anything of it is delivered.
                self.tell()?;
            }
            let enough = n_records >= max.max(1) || n_records > 0 && nothing || max == 0 && !nothing;
            if enough || n_records == 0 && Instant::now() >= deadline {
                return Ok(if n_records > 0 { Polled::Records(n_records) } else { Polled::Idle });
            }
        }
    }

    fn assignment(&self) -> Vec<Assigned> {
        self.slots.slots.iter().map(|slot| slot.assigned.clone()).collect()
    }

    fn rewind(&mut self, to: &[(String, i32, i64)]) -> Result<(), StreamError> {
        self.slots.rewind(to);
        Ok(())
    }

    fn token(&self) -> GroupToken {
        let before = self.stands();
        let metadata = self.consumer.group_metadata();
        // Asked in this order: if the membership was lost, or another one begun, before the first answer, the later ones say so.
        let lost = self.consumer.assignment_lost();
        let stood = before && self.stands();
        match metadata {
            Some(metadata) if stood && !lost && !self.slots.slots.is_empty() => GroupToken(Token::Kafka(metadata)),
            _ => GroupToken(Token::Outside),
        }
    }

    fn lag(&self) -> Vec<(String, i32, i64)> {
        let (ends, now) = (self.consumer.context().ends(), Instant::now());
        let lag = |slot: &Slot| {
            let (topic, partition) = (slot.assigned.topic.clone(), slot.assigned.partition);
            let records = ends.get(&(topic.clone(), partition))?.behind(slot, now)?;
            Some((topic, partition, records))
        };
        self.slots.slots.iter().filter_map(lag).collect()
    }
}

impl End {
    /// How many records lie there from the next one on. `None`: it was heard too long ago to be believed.
    fn behind(&self, slot: &Slot, now: Instant) -> Option<i64> {
        if now.saturating_duration_since(self.at) > limits::LAG_BELIEVED {
            return None;
        }
        // Just sent elsewhere, librdkafka (2.12) has thrown away what it had fetched, and does not say so yet.
        let has_settled = || slot.told && slot.told_at + limits::FETCH_SETTLES <= self.at;
        let drained = self.drained_at.is_some_and(|at| if at < 0 { has_settled() } else { at <= slot.next });
        Some(if drained { 0 } else { (self.end - slot.next).max(0) })
    }
}

impl Slot {
    fn go_to(&mut self, offset: i64) {
        (self.next, self.told) = (offset, false);
    }
}

impl Slots {
    pub(super) fn new(places: impl IntoIterator<Item = (String, i32, i64)>) -> Self {
        let slot = |(topic, partition, position)| Slot {
            assigned: Assigned { topic, partition, position, metadata: String::new(), anew: false },
            next: position,
            told: true,
            told_at: Instant::now(),
        };
        Slots { slots: places.into_iter().map(slot).collect(), last: 0 }
    }

    /// Hands over one record and notes how far it goes. False: it belongs to none of them.
    pub(super) fn deliver(&mut self, message: &BorrowedMessage<'_>, each: &mut dyn FnMut(RecordRef<'_>)) -> bool {
        let at = self.told(message);
        at.inspect(|at| self.hand_over(*at, message, each)).is_some()
    }

    fn hand_over(&mut self, at: usize, message: &BorrowedMessage<'_>, each: &mut dyn FnMut(RecordRef<'_>)) {
        self.last = at;
        self.slots[at].next = message.offset() + 1;
        each(RecordRef {
            topic: message.topic(),
            partition: message.partition(),
            offset: message.offset(),
            stamped_at: Timestamp::from_millis(message.timestamp().to_millis().unwrap_or(0)),
            key: message.key(),
            payload: message.payload(),
            headers: HeadersRef::Kafka(message),
        });
    }

    /// Whose it is, if that one is read from there.
    fn told(&self, message: &BorrowedMessage<'_>) -> Option<usize> {
        self.find(message.topic(), message.partition()).filter(|at| self.slots[*at].told)
    }

    fn are_told(&self) -> bool {
        self.slots.iter().all(|slot| slot.told)
    }

    fn places(&self) -> Vec<Place> {
        self.slots.iter().map(|slot| (slot.assigned.topic.clone(), slot.assigned.partition)).collect()
    }

    fn find(&self, topic: &str, partition: i32) -> Option<usize> {
        let is = |slot: &Slot| slot.assigned.partition == partition && slot.assigned.topic == topic;
        if self.slots.get(self.last).is_some_and(is) {
            return Some(self.last);
        }
        self.slots.iter().position(is)
    }

    fn rewind(&mut self, to: &[(String, i32, i64)]) {
        for (topic, partition, offset) in to {
            if let Some(at) = self.find(topic, *partition) {
                self.slots[at].go_to(*offset);
            }
        }
    }

    /// As librdkafka wants it.
    pub(super) fn list(&self) -> Result<TopicPartitionList, KafkaError> {
        list(&self.slots)
    }
}

fn list<'a>(slots: impl IntoIterator<Item = &'a Slot>) -> Result<TopicPartitionList, KafkaError> {
    let mut list = TopicPartitionList::new();
    for slot in slots {
        let place = &slot.assigned;
        list.add_partition_offset(&place.topic, place.partition, Offset::Offset(slot.next))?;
    }
    Ok(list)
}

impl GroupEvents {
    fn take_change(&self) -> Option<Result<Change, KafkaError>> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    fn ends(&self) -> MutexGuard<'_, HashMap<Place, End>> {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Unless something later is known.
    fn hear(&self, place: Place, end: End) {
        let mut ends = self.ends();
        if ends.get(&place).is_none_or(|known| known.at <= end.at) {
            ends.insert(place, end);
        }
    }

    fn note(&self, change: Result<Change, KafkaError>) {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner).push_back(change);
    }
}

impl ClientContext for GroupEvents {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        self.events.log(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.events.error(error, reason);
    }

    fn stats(&self, statistics: Statistics) {
        // Those that nobody polled for lie in a queue, each as old as it is.
        let at = self.born + Duration::from_micros(statistics.age.max(0).unsigned_abs());
        self.ends().retain(|_, known| at < known.at);
        let heard_from =
            |(_, broker): (&String, &Broker)| is_heard(&broker.state, broker.rxidle).then_some(broker.nodeid);
        let brokers: HashSet<i32> = statistics.brokers.iter().filter_map(heard_from).collect();
        for (topic, statistics) in statistics.topics {
            for (partition, heard) in statistics.partitions {
                if partition >= 0 && heard.ls_offset >= 0 && brokers.contains(&heard.broker) {
                    let drained = heard.fetchq_cnt == 0 && heard.next_offset >= heard.ls_offset;
                    let end = End { at, end: heard.ls_offset, drained_at: drained.then_some(heard.app_offset) };
                    self.hear((topic.clone(), partition), end);
                }
            }
        }
    }
}

/// Whether a broker is connected and has said something lately. What it said before says nothing of what lies there now. A broker that is
/// fetched from answers twice a second, also if it has nothing.
fn is_heard(state: &str, silent_us: i64) -> bool {
    let silent = Duration::from_micros(silent_us.max(0).unsigned_abs());
    matches!(state, "UP" | "UPDATE" | "REAUTH") && silent < limits::LAG_BELIEVED
}

impl ConsumerContext for GroupEvents {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, event: RDKafkaRespErr, list: &mut TopicPartitionList) {
        if consumer.closed() {
            // Nobody would answer.
            return;
        }
        let named = list.elements().iter().map(|place| (place.topic().to_owned(), place.partition())).collect();
        // Before it is answered: until then the generation is the one that this is said in.
        let standing = Standing::of(consumer);
        let cooperative = matches!(consumer.rebalance_protocol(), RebalanceProtocol::Cooperative);
        let done = if event == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            self.note(Ok(Change { added: named, gone: Vec::new(), standing }));
            let none = TopicPartitionList::new();
            if cooperative { consumer.incremental_assign(&none) } else { consumer.assign(&none) }
        } else {
            let held = consumer.assignment().map(|held| both(&held, &named));
            self.note(Ok(Change { added: Vec::new(), gone: named, standing }));
            // Some may never have been taken, and librdkafka refuses to let go of those.
            if cooperative { held.and_then(|held| consumer.incremental_unassign(&held)) } else { consumer.unassign() }
        };
        if let Err(error) = done {
            self.note(Err(error));
        }
    }
}

/// Those of the named ones that are held.
fn both(held: &TopicPartitionList, named: &[Place]) -> TopicPartitionList {
    let mut both = TopicPartitionList::new();
    for (topic, partition) in named {
        if held.find_partition(topic, *partition).is_some() {
            both.add_partition(topic, *partition);
        }
    }
    both
}

/// The first header of this name. rdkafka panics at a header whose name is not UTF-8, and whoever can write to a log topic
/// can write such a one: it is passed over.
pub(crate) fn header<'a>(message: &'a BorrowedMessage<'a>, name: &str) -> Option<&'a [u8]> {
    headers(message).find(|(key, _)| *key == name).map(|(_, value)| value)
}

/// All headers whose names are text, in their order.
pub(crate) fn headers<'a>(message: &'a BorrowedMessage<'a>) -> impl Iterator<Item = (&'a str, &'a [u8])> {
    message.headers().into_iter().flat_map(|headers| {
        let at = move |index: usize| catch_unwind(AssertUnwindSafe(|| headers.try_get(index))).ok().flatten();
        (0..headers.count()).filter_map(at).map(|header| (header.key, header.value.unwrap_or_default()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_heard_long_ago_is_not_believed() {
        let at = Instant::now();
        let end = End { at, end: 10, drained_at: Some(8) };
        let slot = |next: i64| Slot { next, ..Slots::new([("t".to_owned(), 0, 0)]).slots.remove(0) };
        let behind = |next: i64, then: Instant| end.behind(&slot(next), then);
        assert_eq!((behind(7, at), behind(8, at), behind(12, at)), (Some(3), Some(0), Some(0)));
        assert_eq!(behind(8, at + limits::LAG_BELIEVED), Some(0));
        assert_eq!(behind(8, at + limits::LAG_BELIEVED + Duration::from_millis(1)), None);
    }

    #[test]
    fn an_empty_queue_behind_a_seek_says_nothing() {
        let end = End { at: Instant::now() + limits::FETCH_SETTLES, end: 10, drained_at: Some(-1001) };
        let mut slot = Slots::new([("t".to_owned(), 0, 5)]).slots.remove(0);
        assert_eq!(end.behind(&slot, end.at), Some(5), "told a moment ago");
        slot.told_at -= Duration::from_secs(1);
        assert_eq!(end.behind(&slot, end.at), Some(0), "marks of transactions");
        slot.told = false;
        assert_eq!(end.behind(&slot, end.at), Some(5));
    }

    #[test]
    fn a_broker_that_is_away_or_hangs_is_not_heard() {
        assert!(is_heard("UP", 480_000));
        assert!(!is_heard("UP", 30_000_000), "it hangs");
        assert!(!is_heard("DOWN", 480_000) && !is_heard("TRY_CONNECT", 0));
    }
}
