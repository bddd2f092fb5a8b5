//! Topics and partitions: records by offset.

use super::group::Group;
use crate::{Outgoing, RecordRef, StreamError, TopicSpec, limits, record::HeadersRef};
use activity::Timestamp;
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

/// Everything the host holds.
pub(super) struct State {
    topics: HashMap<String, Topic>,
    pub(super) groups: HashMap<String, Group>,
    /// The latest epoch of each transactional id.
    pub(super) epochs: HashMap<String, u64>,
    partition_bytes_max: Option<usize>,
}

pub(super) struct Topic {
    name: Arc<str>,
    partitions: Vec<Partition>,
    compacted: bool,
    /// Whether old records may go.
    expires: bool,
    /// Next partition for a message without key and partition.
    turn: usize,
}

/// Records by offset; compaction and retention leave holes.
#[derive(Default)]
pub(super) struct Partition {
    records: BTreeMap<i64, Arc<Stored>>,
    /// Offset of the next record.
    end: i64,
    bytes: usize,
    /// Offset of the latest record of each key; compacted topics only.
    latest: HashMap<Vec<u8>, i64>,
}

pub(super) struct Stored {
    topic: Arc<str>,
    partition: i32,
    offset: i64,
    stamped_at: Timestamp,
    key: Option<Vec<u8>>,
    payload: Vec<u8>,
    headers: Vec<(String, Vec<u8>)>,
}

/// How far one partition has been read.
pub(super) struct Position {
    pub(super) topic: String,
    pub(super) partition: i32,
    pub(super) next: i64,
}

impl State {
    pub(super) fn new(partition_bytes_max: Option<usize>) -> Self {
        State { topics: HashMap::new(), groups: HashMap::new(), epochs: HashMap::new(), partition_bytes_max }
    }

    pub(super) fn create(&mut self, spec: &TopicSpec) -> Result<(), StreamError> {
        if self.topics.contains_key(&spec.name) {
            return Ok(());
        }
        if spec.partitions == 0 || spec.name.is_empty() {
            let reason = format!("`{}` with {} partitions is no topic", spec.name, spec.partitions);
            return Err(StreamError::Failed { doing: "create a topic", reason, retry: false });
        }
        let topic = Topic {
            name: spec.name.as_str().into(),
            partitions: (0..spec.partitions).map(|_| Partition::default()).collect(),
            compacted: spec.compacted,
            expires: spec.retention.is_some() && !spec.compacted,
            turn: 0,
        };
        self.topics.insert(spec.name.clone(), topic);
        Ok(())
    }

    pub(super) fn topic(&self, name: &str) -> Result<&Topic, StreamError> {
        self.topics.get(name).ok_or_else(|| StreamError::NoSuchTopic { topic: name.to_owned() })
    }

    /// Refuses what a broker would refuse; says which partition a message belongs to.
    pub(super) fn place(&mut self, message: &Outgoing) -> Result<i32, StreamError> {
        let bytes = message.size();
        if bytes > limits::MESSAGE_BYTES_MAX {
            let (topic, bytes_max) = (message.topic.clone(), limits::MESSAGE_BYTES_MAX);
            return Err(StreamError::TooLarge { topic, bytes, bytes_max });
        }
        let Some(topic) = self.topics.get_mut(&message.topic) else {
            return Err(StreamError::NoSuchTopic { topic: message.topic.clone() });
        };
        let n_partitions = topic.partitions.len();
        let partition = match (message.partition, &message.key) {
            (Some(partition), _) => partition,
            (None, Some(key)) => number((murmur2(key) & 0x7fff_ffff) as usize % n_partitions),
            (None, None) => {
                topic.turn = (topic.turn + 1) % n_partitions;
                number(topic.turn)
            }
        };
        if usize::try_from(partition).is_ok_and(|index| index < n_partitions) {
            Ok(partition)
        } else {
            Err(StreamError::Misuse("a message for a partition that does not exist"))
        }
    }

    /// Appends a message whose place [`State::place`] has said.
    pub(super) fn append(&mut self, message: Outgoing, partition: i32, now: Timestamp) {
        let topic = self.topics.get_mut(&message.topic).expect("its place was found, and topics are never deleted");
        let log = &mut topic.partitions[index(partition)];
        log.append(
            Stored {
                topic: Arc::clone(&topic.name),
                partition,
                offset: log.end,
                stamped_at: now,
                key: message.key,
                payload: message.payload,
                headers: message.headers,
            },
            topic.compacted,
        );
        if let (Some(bytes_max), true) = (self.partition_bytes_max, topic.expires) {
            log.trim(bytes_max);
        }
    }

    /// Up to `max` records from these positions, beginning with the `first` of them, and moves the positions on.
    pub(super) fn take(&self, positions: &mut [Position], first: usize, max: usize) -> Vec<Arc<Stored>> {
        let mut taken = Vec::new();
        for step in 0..positions.len() {
            let at = (first + step) % positions.len();
            let position = &mut positions[at];
            let Some(log) = self.partition(&position.topic, position.partition) else { continue };
            let from = taken.len();
            taken.extend(log.records.range(position.next..).take(max - from).map(|(_, stored)| Arc::clone(stored)));
            if let Some(last) = taken[from..].last() {
                position.next = last.offset + 1;
            }
            if taken.len() >= max {
                break;
            }
        }
        taken
    }

    pub(super) fn partition(&self, topic: &str, partition: i32) -> Option<&Partition> {
        self.topics.get(topic)?.partitions.get(usize::try_from(partition).ok()?)
    }
}

impl Topic {
    pub(super) fn count(&self) -> u32 {
        u32::try_from(self.partitions.len()).expect("it was created from a u32")
    }

    pub(super) fn ends(&self) -> Vec<i64> {
        self.partitions.iter().map(|partition| partition.end).collect()
    }
}

impl Partition {
    /// The first offset that is still there; the end if there is none.
    pub(super) fn first(&self) -> i64 {
        self.records.first_key_value().map_or(self.end, |(offset, _)| *offset)
    }

    pub(super) fn end(&self) -> i64 {
        self.end
    }

    fn append(&mut self, stored: Stored, compacted: bool) {
        if let (true, Some(key)) = (compacted, &stored.key)
            && let Some(older) = self.latest.insert(key.clone(), stored.offset)
            && let Some(older) = self.records.remove(&older)
        {
            self.bytes -= older.bytes();
        }
        self.end = stored.offset + 1;
        self.bytes += stored.bytes();
        self.records.insert(stored.offset, Arc::new(stored));
    }

    fn trim(&mut self, bytes_max: usize) {
        while self.bytes > bytes_max && self.records.len() > 1 {
            if let Some((_, oldest)) = self.records.pop_first() {
                self.bytes -= oldest.bytes();
            }
        }
    }
}

impl Stored {
    pub(super) fn borrowed(&self) -> RecordRef<'_> {
        RecordRef {
            topic: &self.topic,
            partition: self.partition,
            offset: self.offset,
            stamped_at: self.stamped_at,
            key: self.key.as_deref(),
            payload: Some(&self.payload),
            headers: HeadersRef::Memory(&self.headers),
        }
    }

    fn bytes(&self) -> usize {
        let headers: usize = self.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        self.key.as_ref().map_or(0, Vec::len) + self.payload.len() + headers
    }
}

fn index(partition: i32) -> usize {
    usize::try_from(partition).expect("a partition's number is not negative")
}

pub(super) fn number(index: usize) -> i32 {
    i32::try_from(index).expect("a topic has fewer than 2^31 partitions")
}

/// Austin Appleby's MurmurHash2 with the seed of Kafka's default partitioner, so that keys lie in the same partition on
/// both hosts.
fn murmur2(bytes: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let mut hash = 0x9747_b28c ^ bytes.len() as u32;
    let mut chunks = bytes.chunks_exact(4);
    for chunk in &mut chunks {
        let mut k = u32::from_le_bytes(chunk.try_into().expect("chunks of four")).wrapping_mul(M);
        k = (k ^ k >> 24).wrapping_mul(M);
        hash = hash.wrapping_mul(M) ^ k;
    }
    let rest = chunks.remainder();
    if !rest.is_empty() {
        for (at, byte) in rest.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * at);
        }
        hash = hash.wrapping_mul(M);
    }
    hash = (hash ^ hash >> 13).wrapping_mul(M);
    hash ^ hash >> 15
}

#[cfg(test)]
mod tests {
    use super::*;
    use activity::Span;

    fn state(partition_bytes_max: Option<usize>, compacted: bool, retention: Option<Span>) -> State {
        let mut state = State::new(partition_bytes_max);
        let name = "t".to_owned();
        state.create(&TopicSpec { name, partitions: 1, replication: None, compacted, retention }).unwrap();
        state
    }

    fn append(state: &mut State, key: &str, payload: &str) {
        let message =
            Outgoing { topic: "t".into(), key: Some(key.into()), payload: payload.into(), ..Outgoing::default() };
        let partition = state.place(&message).unwrap();
        state.append(message, partition, Timestamp::from_millis(7));
    }

    fn all(state: &State) -> Vec<(i64, String)> {
        let mut positions = [Position { topic: "t".into(), partition: 0, next: 0 }];
        let taken = state.take(&mut positions, 0, 100);
        taken.iter().map(|stored| (stored.offset, String::from_utf8(stored.payload.clone()).unwrap())).collect()
    }

    #[test]
    fn a_byte_limit_drops_the_oldest_and_keeps_the_latest() {
        let mut state = state(Some(10), false, Some(Span::from_hours(1)));
        for n in 0..5 {
            append(&mut state, "k", &format!("{n}abc"));
        }
        assert_eq!(all(&state), [(3, "3abc".into()), (4, "4abc".into())]);
        append(&mut state, "k", "more than the limit");
        assert_eq!(all(&state), [(5, "more than the limit".into())]);
        let log = state.partition("t", 0).unwrap();
        assert_eq!((log.first(), log.end()), (5, 6));
    }

    #[test]
    fn what_is_kept_for_ever_is_not_limited() {
        let mut state = state(Some(10), false, None);
        for n in 0..5 {
            append(&mut state, "k", &format!("{n}abc"));
        }
        assert_eq!(all(&state).len(), 5);
    }

    #[test]
    fn compaction_keeps_the_latest_of_each_key_and_its_offset() {
        let mut state = state(None, true, None);
        for (key, payload) in [("a", "1"), ("b", "2"), ("a", "3"), ("b", "4"), ("c", "5"), ("a", "6")] {
            append(&mut state, key, payload);
        }
        assert_eq!(all(&state), [(3, "4".into()), (4, "5".into()), (5, "6".into())]);
        assert_eq!(state.partition("t", 0).unwrap().bytes, 6);
    }

    /// Values computed with Kafka's own `Utils.murmur2` (its unit test lists them).
    #[test]
    fn keys_hash_as_in_kafka() {
        let known: [(&[u8], i32); 6] = [
            (b"21", -973_932_308),
            (b"foobar", -790_332_482),
            (b"a-little-bit-long-string", -985_981_536),
            (b"a-little-bit-longer-string", -1_486_304_829),
            (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            (b"abc", 479_470_107),
        ];
        for (key, hash) in known {
            assert_eq!(murmur2(key).cast_signed(), hash, "{}", String::from_utf8_lossy(key));
        }
    }
}
