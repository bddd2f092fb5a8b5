//! A host in this process: the same semantics as Kafka, without a broker.
//!
//! One mutex guards everything: the sections under it copy references and never call out, so nothing waits for long, and
//! the order in which it is taken is the order of all events. A transaction is kept by its transactor and appended at the
//! commit, so an aborted one leaves no trace and the end of a partition is always stable. A member's `poll` waits on a
//! condition variable that every append and every change of a group wakes.
//!
//! Different from Kafka, on purpose: a rebalance concerns all members at once; members have no session time-out (one that is dropped leaves its group at once, a
//! static one too); records expire by bytes only, if a limit is given; nothing survives the process.

mod group;
mod log;
mod reader;
mod writer;

pub(crate) use group::MemberToken;

use crate::{Appender, Broker, From, GroupSpec, Member, Reader, StreamError, TopicSpec, Transactor};
use activity::Timestamp;
use group::MemoryMember;
use log::State;
use reader::MemoryReader;
use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime},
};
use writer::{MemoryAppender, MemoryTransactor};

/// Where the stamps of records come from.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// An empty in-memory host without a limit.
pub fn memory() -> Arc<dyn Broker> {
    Arc::new(Memory::new(None, wall_clock()))
}

/// An empty in-memory host that keeps at most `bytes_max` bytes in each partition, as Kafka's `retention.bytes` does:
/// the oldest records go first, and the latest always stays. Topics that are compacted or kept for ever are not limited.
pub fn memory_with(bytes_max: usize) -> Arc<dyn Broker> {
    Arc::new(Memory::new(Some(bytes_max), wall_clock()))
}

/// The in-memory host.
pub struct Memory {
    shared: Arc<Shared>,
}

/// What the handles of one host have in common.
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    clock: Clock,
}

impl Memory {
    pub fn new(partition_bytes_max: Option<usize>, clock: Clock) -> Self {
        Memory {
            shared: Arc::new(Shared {
                state: Mutex::new(State::new(partition_bytes_max)),
                changed: Condvar::new(),
                clock,
            }),
        }
    }
}

impl Broker for Memory {
    fn create_topics(&self, topics: &[TopicSpec]) -> Result<(), StreamError> {
        let mut state = self.shared.lock();
        topics.iter().try_for_each(|spec| state.create(spec))
    }

    fn partitions(&self, topic: &str) -> Result<Option<u32>, StreamError> {
        Ok(self.shared.lock().topic(topic).ok().map(|topic| topic.count()))
    }

    fn join(&self, group: GroupSpec) -> Result<Box<dyn Member>, StreamError> {
        Ok(Box::new(MemoryMember::join(&self.shared, group)?))
    }

    fn read(&self, topics: &[From<'_>]) -> Result<Box<dyn Reader>, StreamError> {
        Ok(Box::new(MemoryReader::open(&self.shared, topics)?))
    }

    fn read_partition(&self, topic: &str, partition: i32) -> Result<Box<dyn Reader>, StreamError> {
        Ok(Box::new(MemoryReader::of_partition(&self.shared, topic, partition)?))
    }

    fn transactor(&self, id: &str) -> Result<Box<dyn Transactor>, StreamError> {
        Ok(Box::new(MemoryTransactor::open(&self.shared, id)))
    }

    fn appender(&self) -> Result<Box<dyn Appender>, StreamError> {
        Ok(Box::new(MemoryAppender::open(&self.shared)))
    }

    fn end_offsets(&self, topic: &str) -> Result<Vec<i64>, StreamError> {
        Ok(self.shared.lock().topic(topic)?.ends())
    }
}

impl Shared {
    /// A panic elsewhere cannot leave the state half changed: callers' code never runs under the lock.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks again and again, waking at every change, until `find` finds something or `wait` is over.
    fn wait_for<T>(&self, wait: Duration, mut find: impl FnMut(&mut State) -> Option<T>) -> Option<T> {
        let deadline = Instant::now() + wait;
        let mut state = self.lock();
        loop {
            if let Some(found) = find(&mut state) {
                return Some(found);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

fn wall_clock() -> Clock {
    Arc::new(|| {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    })
}
