//! Records in order, groups, transactions: all that breachd needs of Kafka, and nothing else of it.
//!
//! The idea: the roles are written against one narrow, blocking [`Broker`], behind which two hosts stand.
//!
//! - [`kafka()`]: Apache Kafka through librdkafka. Production, and every exactly-once claim in the tests.
//! - [`memory()`]: a log in this process, with the same groups, generations, fencing and real transactions. For
//!   `breachd demo`, for tests and for simulation: no socket, no background thread, no time-outs; what happens depends
//!   on the order of the calls alone (and on the clock it is given, for the stamps).
//!
//! One suite of tests runs against both.
//!
//! Why not librdkafka's own mock cluster for the demo: it keeps 5 MiB or 100,000 batches a partition and then forgets
//! silently, its transactions are a fake (aborted records are visible, offsets of a transaction are thrown away, nobody is
//! fenced), it knows no compaction and takes 3 s to form a group. State must never be restored from such a log, and a demo
//! that is exactly-once in name only would show something other than the product.
//!
//! Invariants
//! - Readers see committed records only. A transaction (records and consumed offsets) becomes visible whole or not at all.
//! - Only the member that owns a partition in the group's current generation can commit offsets for it. A token taken
//!   before a rebalance is refused and the transaction aborted.
//! - After every change of assignment [`Member::poll`] says [`Polled::Rebalanced`] before it delivers anything of the new
//!   assignment; every partition then starts at its committed offset. What the caller had not committed is thrown away.
//! - One live [`Transactor`] for each id: a younger one fences the older.
//! - Nothing waits for ever: each call has a bound from [`limits`] or the settings. A broker lost later is no error of
//!   `poll`: it is [`Polled::Idle`] and a warning, and goes on by itself when the broker is back.
//! - This is the only crate that knows rdkafka, and it knows nothing of breachd: no topic's name, no record's meaning.
//!
//! Groups rebalance cooperatively in Kafka, and in memory all at once: there it costs nothing, and a caller that is right about losing
//! everything is right about losing some.
//!
//! It does not offer: asynchronous calls (each role has a thread of its own, and a `Future` around a blocking C library
//! hides where it blocks), the new consumer protocol (KIP-848 with a static id and kill -9 ends in a fatal
//! `UnreleasedInstanceId`), automatic commits, or offsets committed outside a transaction.

mod error;
mod group;
mod kafka;
pub mod limits;
mod memory;
mod record;
mod settings;
mod transaction;

pub use error::{Fault, StreamError};
pub use group::{Assigned, GroupSpec, GroupToken, Member, Polled, Start};

pub use kafka::kafka;
pub use memory::{Clock, Memory, memory, memory_with};
pub use record::{Outgoing, RecordRef};
pub use settings::{Protocol, SaslMechanism, Settings};
pub use transaction::{CommitError, Offset, Transactor};

use activity::Span;
use std::time::Duration;

/// Where to begin in the partitions of one topic: (partition, offset); missing ones begin at their first offset.
pub type From<'a> = (&'a str, Vec<(i32, i64)>);

/// A host of topics.
pub trait Broker: Send + Sync {
    /// Creates those that do not exist yet; existing ones are left as they are.
    fn create_topics(&self, topics: &[TopicSpec]) -> Result<(), StreamError>;

    /// How many partitions a topic has; `None`: there is no such topic.
    fn partitions(&self, topic: &str) -> Result<Option<u32>, StreamError>;

    /// Joins a consumer group. Partitions arrive with the first [`Polled::Rebalanced`].
    ///
    /// # Errors
    /// [`StreamError::NoSuchTopic`] if one of the topics does not exist.
    fn join(&self, group: GroupSpec) -> Result<Box<dyn Member>, StreamError>;

    /// Reads all partitions of these topics, outside any group.
    ///
    /// # Errors
    /// [`StreamError::NoSuchTopic`] if one of the topics does not exist.
    fn read(&self, topics: &[From<'_>]) -> Result<Box<dyn Reader>, StreamError>;

    /// Reads one partition from its first record on, outside any group. No other partition is asked for.
    ///
    /// # Errors
    /// [`StreamError::NoSuchTopic`] if the topic does not exist.
    fn read_partition(&self, topic: &str, partition: i32) -> Result<Box<dyn Reader>, StreamError>;

    /// Opens a transactional producer. Whoever held this id before is fenced, and what they had not committed is aborted
    /// before this returns.
    fn transactor(&self, id: &str) -> Result<Box<dyn Transactor>, StreamError>;

    /// Opens a producer without transactions: acknowledged by all in-sync replicas, no duplicates by retries.
    fn appender(&self) -> Result<Box<dyn Appender>, StreamError>;

    /// The offset after the last record (committed or not) of each partition.
    fn end_offsets(&self, topic: &str) -> Result<Vec<i64>, StreamError>;
}

/// Reads topics, outside any group.
pub trait Reader: Send {
    /// Delivers up to `max` committed records and returns how many; waits up to `wait` for the first.
    fn poll(&mut self, max: usize, wait: Duration, each: &mut dyn FnMut(RecordRef<'_>)) -> Result<usize, StreamError>;

    /// Whether everything has been delivered whose commit was acknowledged before this reader was opened.
    fn caught_up(&self) -> bool;
}

/// Appends without transactions.
pub trait Appender: Send {
    /// Queues a message; waits while the queue is full. Its fate is known after [`Appender::flush`].
    ///
    /// # Errors
    /// [`StreamError::TooLarge`] beyond [`limits::MESSAGE_BYTES_MAX`]; the message is not queued.
    fn send(&mut self, message: Outgoing) -> Result<(), StreamError>;

    /// Waits until everything queued is acknowledged.
    ///
    /// # Errors
    /// The first reason why a message since the last flush was not written. Others may have been.
    fn flush(&mut self) -> Result<(), StreamError>;
}

/// What a topic should be like when it is created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicSpec {
    pub name: String,
    pub partitions: u32,
    /// Copies of each partition; `None`: the broker's default. With 3 or more, a write needs two of them.
    pub replication: Option<i16>,
    /// Keep the latest record of each key instead of the latest stretch of time.
    pub compacted: bool,
    /// How long records are kept; `None`: for ever.
    pub retention: Option<Span>,
}

impl TopicSpec {
    /// What Kafka calls topic configurations, beside partitions and copies.
    pub fn config(&self) -> Vec<(&'static str, String)> {
        let mut config = vec![
            // Else a producer whose clock is an hour ahead is refused, and what one whose clock was reset writes is deleted as too old.
            ("message.timestamp.type", "LogAppendTime".to_owned()),
            ("cleanup.policy", if self.compacted { "compact" } else { "delete" }.to_owned()),
            ("retention.ms", self.retention.map_or(-1, Span::as_millis).to_string()),
            ("max.message.bytes", (limits::MESSAGE_BYTES_MAX + limits::BATCH_OVERHEAD_BYTES).to_string()),
        ];
        if self.compacted {
            // What was overwritten is gone after this long at the latest, however little is written.
            config.push(("max.compaction.lag.ms", limits::COMPACTION_LAG.as_millis().to_string()));
            config.push(("segment.bytes", limits::COMPACTED_SEGMENT_BYTES.to_string()));
        }
        if self.retention.is_none() {
            config.push(("retention.bytes", "-1".into()));
        }
        if self.replication.is_some_and(|copies| copies >= 3) {
            config.push(("min.insync.replicas", "2".into()));
        }
        config
    }
}
