//! A member of a consumer group.
//!
//! Eager rebalancing in three steps, so that nothing of a new assignment is delivered before the caller has heard of it:
//!
//! 1. librdkafka's callback, within a poll, only notes the partitions and takes them with an *empty* assignment;
//! 2. the poll then asks the coordinator for the committed offsets with their metadata (open transactions are waited for)
//!    and the brokers for the ends; if that fails, e.g. because a broker is away, the next poll tries again, while the
//!    membership is kept alive in the background;
//! 3. it returns [`Polled::Rebalanced`], and the poll after that assigns the partitions at exactly these offsets, or at
//!    those to which the caller has gone meanwhile: librdkafka (2.12) aborts the process now and then if it is assigned
//!    partitions twice in a row. A revocation is told in the same way, with an empty assignment.
//!
//! A token is refused here already while the membership is lost: librdkafka would then name no generation at all, and
//! Kafka believes a transaction that names none (for the sake of old clients).

use super::{
    connection::Connection,
    report::{Events, Report},
};
use crate::{
    Assigned, GroupSpec, GroupToken, Member, Polled, RecordRef, Start, StreamError, limits, record::HeadersRef,
    transaction::Token,
};
use activity::Timestamp;
use rdkafka::{
    ClientContext, Offset, Statistics, TopicPartitionList,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, Consumer as _, ConsumerContext},
    error::KafkaError,
    message::{BorrowedMessage, Headers as _, Message as _},
    statistics::Broker,
    types::{RDKafkaErrorCode, RDKafkaRespErr},
};
use std::{
    collections::{HashMap, HashSet},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

pub(super) struct KafkaMember {
    connection: Arc<Connection>,
    consumer: BaseConsumer<GroupEvents>,
    spec: GroupSpec,
    /// Noted by the callback, not yet taken.
    pending: Option<Vec<(String, i32)>>,
    slots: Slots,
    /// librdkafka has not been told of them, or of where they go on.
    untold: bool,
    /// Partitions that have begun anew under this member: what was committed is about records that are gone.
    anew: HashSet<(String, i32)>,
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
}

/// Offset and metadata of each partition for which something was committed.
type Committed = HashMap<(String, i32), (i64, String)>;

struct GroupEvents {
    events: Events,
    change: Mutex<Option<Change>>,
    ends: Mutex<HashMap<(String, i32), End>>,
}

enum Change {
    Assigned(Vec<(String, i32)>),
    Revoked,
}

/// What the last statistics said of a partition.
#[derive(Clone, Copy)]
struct End {
    end: i64,
    /// The next offset to deliver, if everything before the end had been delivered by then. What is left between is not
    /// records but the marks of transactions.
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
            .set("partition.assignment.strategy", "range")
            .set("session.timeout.ms", session.as_millis().to_string())
            .set("heartbeat.interval.ms", (session / 3).min(Duration::from_secs(3)).as_millis().to_string())
            .set("max.poll.interval.ms", session.max(limits::POLL_PAUSE_MAX).as_millis().to_string())
            .set("statistics.interval.ms", limits::LAG_EVERY.as_millis().to_string());
        if let Some(instance) = &spec.instance {
            config.set("group.instance.id", instance);
        }
        let events = GroupEvents {
            events: Events::new("member", connection.report()),
            change: Mutex::default(),
            ends: Mutex::default(),
        };
        let consumer: BaseConsumer<GroupEvents> =
            config.create_with_context(events).map_err(|error| connection.blame("join a group", &error))?;
        let topics: Vec<&str> = spec.topics.iter().map(String::as_str).collect();
        consumer.subscribe(&topics).map_err(|error| connection.blame("join a group", &error))?;
        Ok(KafkaMember {
            connection: Arc::clone(connection),
            consumer,
            spec,
            pending: None,
            slots: Slots::default(),
            untold: false,
            anew: HashSet::new(),
        })
    }

    /// The noted partitions at their committed offsets.
    fn adopt(&self, noted: &[(String, i32)]) -> Result<Slots, StreamError> {
        let committed = self.committed(noted)?;
        let mut slots = Vec::with_capacity(noted.len());
        for (topic, partition) in noted {
            let inspector = self.connection.inspector().client();
            let (first, end) = self.connection.watermarks(inspector, topic, *partition)?;
            let place = (topic.clone(), *partition);
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
            slots.push(Slot { next: assigned.position, assigned });
        }
        slots.sort_by(|one, other| one.assigned.cmp(&other.assigned));
        Ok(Slots { slots, last: 0 })
    }

    fn committed(&self, noted: &[(String, i32)]) -> Result<Committed, StreamError> {
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

    /// Assigning throws away what was fetched ahead, in every state of the fetcher; a seek does not work in all.
    fn tell(&mut self) -> Result<(), StreamError> {
        if std::mem::take(&mut self.untold) {
            let assigned = self.slots.list().and_then(|list| self.consumer.assign(&list));
            assigned.map_err(|error| self.connection.blame("take partitions", &error))?;
        }
        Ok(())
    }

    /// The same partitions once more, as after a rebalance.
    fn take_again(&mut self) {
        self.pending = Some(self.slots.places());
        self.let_go();
    }

    /// Lets go of all of them.
    fn let_go(&mut self) {
        self.slots = Slots::default();
        self.untold = false;
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
        self.tell()?;
        loop {
            let mut left = deadline.saturating_duration_since(Instant::now());
            if let Some(noted) = &self.pending {
                match self.adopt(noted) {
                    Ok(slots) => {
                        self.slots = slots;
                        self.untold = true;
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
                Some(Ok(message)) if max == 0 => {
                    self.untold |=
                        self.slots.rewind(&[(message.topic().to_owned(), message.partition(), message.offset())]);
                }
                Some(Ok(message)) if self.slots.is_behind(&message) => {
                    // Deleted and made again between two looks at the cluster: no rebalance, and librdkafka goes on at the first record.
                    // Whoever took it as what follows would tell of a range that ends before it begins.
                    self.anew.insert((message.topic().to_owned(), message.partition()));
                    self.take_again();
                    continue;
                }
                Some(Ok(message)) => n_records += usize::from(self.slots.deliver(&message, each)),
                Some(Err(error)) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AutoOffsetReset) => {
                    // Deleted before they were read, or the log has lost its tail: as at a start, [`KafkaMember::adopt`] sees which.
                    self.take_again();
                    continue;
                }
                Some(Err(error)) => self.judge(&error)?,
                None => {}
            }
            match self.consumer.context().take_change() {
                None => {}
                Some(Change::Revoked) => {
                    self.pending = None;
                    self.let_go();
                    return Ok(Polled::Rebalanced);
                }
                Some(Change::Assigned(noted)) => {
                    self.let_go();
                    self.pending = Some(noted);
                    continue;
                }
            }
            if n_records >= max.max(1)
                || nothing && (n_records > 0 || Instant::now() >= deadline)
                || max == 0 && !nothing
            {
                return Ok(if n_records > 0 { Polled::Records(n_records) } else { Polled::Idle });
            }
        }
    }

    fn assignment(&self) -> Vec<Assigned> {
        self.slots.slots.iter().map(|slot| slot.assigned.clone()).collect()
    }

    fn rewind(&mut self, to: &[(String, i32, i64)]) -> Result<(), StreamError> {
        self.untold |= self.slots.rewind(to);
        Ok(())
    }

    fn token(&self) -> GroupToken {
        let metadata = self.consumer.group_metadata();
        // Asked in this order: if the membership was lost before the first answer, the second one says so.
        let lost = self.consumer.assignment_lost();
        match metadata {
            Some(metadata) if !lost && !self.slots.slots.is_empty() => GroupToken(Token::Kafka(metadata)),
            _ => GroupToken(Token::Outside),
        }
    }

    fn lag(&self) -> Vec<(String, i32, i64)> {
        let ends = self.consumer.context().ends.lock().unwrap_or_else(PoisonError::into_inner);
        let lag = |slot: &Slot| {
            let (topic, partition) = (slot.assigned.topic.clone(), slot.assigned.partition);
            let heard = ends.get(&(topic.clone(), partition))?;
            let drained = heard.drained_at.is_some_and(|next| next <= slot.next);
            Some((topic, partition, if drained { 0 } else { (heard.end - slot.next).max(0) }))
        };
        self.slots.slots.iter().filter_map(lag).collect()
    }
}

impl Slots {
    pub(super) fn new(places: impl IntoIterator<Item = (String, i32, i64)>) -> Self {
        let slot = |(topic, partition, position)| Slot {
            assigned: Assigned { topic, partition, position, metadata: String::new(), anew: false },
            next: position,
        };
        Slots { slots: places.into_iter().map(slot).collect(), last: 0 }
    }

    /// Hands over one record and notes how far it goes. False: it belongs to none of them.
    pub(super) fn deliver(&mut self, message: &BorrowedMessage<'_>, each: &mut dyn FnMut(RecordRef<'_>)) -> bool {
        let (topic, partition, offset) = (message.topic(), message.partition(), message.offset());
        let Some(at) = self.find(topic, partition) else { return false };
        self.last = at;
        self.slots[at].next = offset + 1;
        each(RecordRef {
            topic,
            partition,
            offset,
            stamped_at: Timestamp::from_millis(message.timestamp().to_millis().unwrap_or(0)),
            key: message.key(),
            payload: message.payload(),
            headers: HeadersRef::Kafka(message),
        });
        true
    }

    /// Whether the record lies before the next one of its partition, which no reading on leads to.
    fn is_behind(&self, message: &BorrowedMessage<'_>) -> bool {
        let at = self.find(message.topic(), message.partition());
        at.is_some_and(|at| message.offset() < self.slots[at].next)
    }

    fn places(&self) -> Vec<(String, i32)> {
        self.slots.iter().map(|slot| (slot.assigned.topic.clone(), slot.assigned.partition)).collect()
    }

    fn find(&self, topic: &str, partition: i32) -> Option<usize> {
        let is = |slot: &Slot| slot.assigned.partition == partition && slot.assigned.topic == topic;
        if self.slots.get(self.last).is_some_and(is) {
            return Some(self.last);
        }
        self.slots.iter().position(is)
    }

    /// Whether any of them is concerned.
    fn rewind(&mut self, to: &[(String, i32, i64)]) -> bool {
        let mut any = false;
        for (topic, partition, offset) in to {
            if let Some(at) = self.find(topic, *partition) {
                self.slots[at].next = *offset;
                any = true;
            }
        }
        any
    }

    /// As librdkafka wants it.
    pub(super) fn list(&self) -> Result<TopicPartitionList, KafkaError> {
        let mut list = TopicPartitionList::with_capacity(self.slots.len());
        for slot in &self.slots {
            let place = &slot.assigned;
            list.add_partition_offset(&place.topic, place.partition, Offset::Offset(slot.next))?;
        }
        Ok(list)
    }
}

impl GroupEvents {
    fn take_change(&self) -> Option<Change> {
        self.change.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn note(&self, change: Change) {
        *self.change.lock().unwrap_or_else(PoisonError::into_inner) = Some(change);
    }

    fn report(&self) -> &Report {
        self.events.report()
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
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        ends.clear();
        let heard_from =
            |(_, broker): (&String, &Broker)| is_heard(&broker.state, broker.rxidle).then_some(broker.nodeid);
        let brokers: HashSet<i32> = statistics.brokers.iter().filter_map(heard_from).collect();
        for (topic, statistics) in statistics.topics {
            for (partition, heard) in statistics.partitions {
                if partition >= 0 && heard.ls_offset >= 0 && brokers.contains(&heard.broker) {
                    let drained = heard.fetchq_cnt == 0 && heard.next_offset >= heard.ls_offset;
                    let end = End { end: heard.ls_offset, drained_at: drained.then_some(heard.app_offset) };
                    ends.insert((topic.clone(), partition), end);
                }
            }
        }
    }
}

/// Whether a broker is connected and has said something lately. What it said before says nothing of what lies there now. A broker that is
/// fetched from answers twice a second, also if it has nothing.
fn is_heard(state: &str, silent_us: i64) -> bool {
    let silent = Duration::from_micros(silent_us.max(0).unsigned_abs());
    matches!(state, "UP" | "UPDATE" | "REAUTH") && silent < 2 * limits::LAG_EVERY
}

impl ConsumerContext for GroupEvents {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, event: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let done = if event == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            let noted = list.elements().iter().map(|place| (place.topic().to_owned(), place.partition())).collect();
            self.note(Change::Assigned(noted));
            consumer.assign(&TopicPartitionList::new())
        } else {
            self.note(Change::Revoked);
            consumer.unassign()
        };
        if let Err(error) = done {
            self.report().warn("member", "rebalance", &error.to_string());
        }
    }
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
    fn a_broker_that_is_away_or_hangs_is_not_heard() {
        assert!(is_heard("UP", 480_000));
        assert!(!is_heard("UP", 30_000_000), "it hangs");
        assert!(!is_heard("DOWN", 480_000) && !is_heard("TRY_CONNECT", 0));
    }
}
