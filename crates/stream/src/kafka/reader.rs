//! Reads whole topics, outside any group.
//!
//! *Caught up* is not a matter of offsets alone: the end of a log may be the mark of a transaction, or an aborted record,
//! which nobody is ever given. So a partition is read once everything that lay in it at the opening is decided (its last
//! stable offset has reached that end; usually at once, at the latest when the broker gives up on an open transaction), and
//! it is caught up when librdkafka then says that it has reached the end. As that message does not name the topic, each
//! topic has a client of its own. Most logs end in a record, and then its offset says so earlier.

use super::{connection::Connection, member::Slots, report::Events};
use crate::{From, Reader, RecordRef, StreamError, limits};
use rdkafka::{
    consumer::{BaseConsumer, Consumer as _},
    error::KafkaError,
    message::Message as _,
    types::RDKafkaErrorCode,
};
use std::{
    collections::BTreeMap,
    ops::Range,
    sync::Arc,
    time::{Duration, Instant},
};

pub(super) struct KafkaReader {
    connection: Arc<Connection>,
    topics: Vec<TopicReader>,
    /// Whose turn it is to deliver first.
    turn: usize,
}

struct TopicReader {
    topic: String,
    consumer: BaseConsumer<Events>,
    stage: Stage,
}

enum Stage {
    /// Partitions with the offset to begin at and the end at the opening.
    Undecided { places: Vec<(i32, i64, i64)>, asked_at: Option<Instant> },
    /// `behind`: the partitions that have not reached their end at the opening, with that end.
    Reading { slots: Slots, behind: BTreeMap<i32, i64> },
}

impl KafkaReader {
    pub(super) fn open(connection: &Arc<Connection>, topics: &[From<'_>]) -> Result<Self, StreamError> {
        let open = |(topic, starts): &From<'_>| {
            let partitions = 0..connection.existing(topic)?;
            TopicReader::open(connection, topic, partitions, starts)
        };
        let topics = topics.iter().map(open).collect::<Result<_, _>>()?;
        Ok(KafkaReader { connection: Arc::clone(connection), topics, turn: 0 })
    }

    pub(super) fn of_partition(connection: &Arc<Connection>, topic: &str, partition: i32) -> Result<Self, StreamError> {
        connection.existing(topic)?;
        let only = TopicReader::open(connection, topic, partition..partition + 1, &[])?;
        Ok(KafkaReader { connection: Arc::clone(connection), topics: vec![only], turn: 0 })
    }
}

impl Reader for KafkaReader {
    fn poll(&mut self, max: usize, wait: Duration, each: &mut dyn FnMut(RecordRef<'_>)) -> Result<usize, StreamError> {
        let deadline = Instant::now() + wait;
        let n_topics = self.topics.len();
        self.turn += 1;
        loop {
            let mut n_records = 0;
            for step in 0..n_topics {
                let reader = &mut self.topics[(self.turn + step) % n_topics];
                let left = deadline.saturating_duration_since(Instant::now());
                // With several topics, none may keep the others waiting.
                let patience = match (n_records, n_topics) {
                    (0, 1) => left,
                    (0, _) => left.min(SLICE),
                    _ => Duration::ZERO,
                };
                n_records += reader.poll(&self.connection, max - n_records, patience, each)?;
            }
            if n_records > 0 || Instant::now() >= deadline {
                return Ok(n_records);
            }
        }
    }

    fn caught_up(&self) -> bool {
        self.topics.iter().all(TopicReader::caught_up)
    }
}

/// How long one topic of several is waited for.
const SLICE: Duration = Duration::from_millis(10);

impl TopicReader {
    fn open(
        connection: &Arc<Connection>,
        topic: &str,
        partitions: Range<i32>,
        starts: &[(i32, i64)],
    ) -> Result<Self, StreamError> {
        let mut config = connection.consumer_config()?;
        // It joins no group and commits nothing; without a name librdkafka refuses to be assigned anything.
        config.set("group.id", "breachd-reader").set("enable.partition.eof", "true");
        // The end is reported by the answer that brings nothing, and that one waits as long as it is allowed to.
        connection.set_default(&mut config, "fetch.wait.max.ms", "100".into());
        let consumer: BaseConsumer<Events> = config
            .create_with_context(Events::new("reader", connection.report()))
            .map_err(|error| connection.blame("read a topic", &error))?;
        let mut places = Vec::new();
        for partition in partitions {
            let (first, end) = connection.watermarks(connection.inspector().client(), topic, partition)?;
            let start = starts.iter().find(|(number, _)| *number == partition).map_or(first, |(_, offset)| *offset);
            places.push((partition, start.max(first), end));
        }
        let stage = Stage::Undecided { places, asked_at: None };
        let mut reader = TopicReader { topic: topic.to_owned(), consumer, stage };
        reader.advance(connection)?;
        Ok(reader)
    }

    /// Begins to read once everything at the opening is decided.
    fn advance(&mut self, connection: &Connection) -> Result<(), StreamError> {
        let Stage::Undecided { places, asked_at } = &mut self.stage else { return Ok(()) };
        if asked_at.is_some_and(|at| at.elapsed() < limits::RETRY_PAUSE) {
            return Ok(());
        }
        *asked_at = Some(Instant::now());
        for (partition, _, end) in places.iter() {
            let (_, stable) = connection.watermarks(self.consumer.client(), &self.topic, *partition)?;
            if stable < *end {
                return Ok(());
            }
        }
        let slots = Slots::new(places.iter().map(|(partition, start, _)| (self.topic.clone(), *partition, *start)));
        let behind =
            places.iter().filter(|(_, start, end)| start < end).map(|(partition, _, end)| (*partition, *end)).collect();
        let list = slots.list().map_err(|error| connection.blame("read a topic", &error))?;
        self.consumer.assign(&list).map_err(|error| connection.blame("read a topic", &error))?;
        self.stage = Stage::Reading { slots, behind };
        Ok(())
    }

    fn poll(
        &mut self,
        connection: &Connection,
        max: usize,
        patience: Duration,
        each: &mut dyn FnMut(RecordRef<'_>),
    ) -> Result<usize, StreamError> {
        let deadline = Instant::now() + patience;
        let mut n_records = 0;
        while n_records < max {
            match self.advance(connection) {
                Err(error) if error.retry() => connection.report().warn("reader", "advance", &error.to_string()),
                result => result?,
            }
            let mut left =
                if n_records > 0 { Duration::ZERO } else { deadline.saturating_duration_since(Instant::now()) };
            if matches!(self.stage, Stage::Undecided { .. }) {
                left = left.min(limits::RETRY_PAUSE);
            }
            match (self.consumer.poll(super::waitable(left)), &mut self.stage) {
                (Some(Ok(message)), Stage::Reading { slots, behind }) => {
                    n_records += usize::from(slots.deliver(&message, each));
                    if behind.get(&message.partition()).is_some_and(|end| message.offset() + 1 >= *end) {
                        behind.remove(&message.partition());
                    }
                }
                (Some(Err(KafkaError::PartitionEOF(partition))), Stage::Reading { behind, .. }) => {
                    // Whoever waits to have caught up need not wait for more.
                    if behind.remove(&partition).is_some() && behind.is_empty() {
                        break;
                    }
                }
                (Some(Err(error)), _) => judge(connection, &error)?,
                (Some(Ok(_)), Stage::Undecided { .. }) => {}
                (None, _) if n_records > 0 || Instant::now() >= deadline => break,
                (None, _) => {}
            }
        }
        Ok(n_records)
    }

    fn caught_up(&self) -> bool {
        matches!(&self.stage, Stage::Reading { behind, .. } if behind.is_empty())
    }
}

/// Whether an error ends the reader; the others pass by themselves and have been told already.
fn judge(connection: &Connection, error: &KafkaError) -> Result<(), StreamError> {
    match error.rdkafka_error_code() {
        Some(code @ RDKafkaErrorCode::TopicAuthorizationFailed) => {
            Err(connection.blame_code("read a topic", code, &error.to_string()))
        }
        _ if matches!(error, KafkaError::MessageConsumptionFatal(_)) => Err(connection.blame("read a topic", error)),
        _ => Ok(()),
    }
}
