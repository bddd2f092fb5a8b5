//! Every bound of this crate, with its unit and what happens beyond it.

use std::time::Duration;

/// Largest message, in bytes of key, payload and headers together. Beyond it `send` refuses with
/// [`crate::StreamError::TooLarge`]. Topics created here are told to take messages of this size; others keep their own limit.
pub const MESSAGE_BYTES_MAX: usize = 8 << 20;

/// What a batch may add to a message of the greatest size, in bytes.
pub(crate) const BATCH_OVERHEAD_BYTES: usize = 64 << 10;

/// Largest metadata of a committed offset, in bytes: Kafka's default `offset.metadata.max.bytes`. Beyond it a commit is
/// aborted.
pub const METADATA_BYTES_MAX: usize = 4096;

/// Records waiting to be sent, in bytes and in number, for each producer. Beyond it `send` waits.
pub const SEND_QUEUE_BYTES_MAX: usize = 64 << 20;
pub const SEND_QUEUE_RECORDS_MAX: usize = 200_000;

/// Records fetched ahead of the caller, in bytes, for each member or reader. Beyond it fetching pauses; it may be overrun
/// by one fetch ([`FETCH_BYTES_MAX`], unpacked).
pub const RECEIVE_QUEUE_BYTES_MAX: usize = 32 << 20;

/// One fetch from one broker, and the part of one partition in it, in bytes as on the wire.
pub const FETCH_BYTES_MAX: usize = 16 << 20;
pub const FETCH_PARTITION_BYTES_MAX: usize = 2 << 20;

/// Longest wait for an answer about topics, offsets or the group, when nothing is said in the settings.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// How old the figures of [`crate::Member::lag`] may be.
pub const LAG_EVERY: Duration = Duration::from_secs(2);

/// So long after it was told where to read a partition, librdkafka's account of what it has fetched of it may still be the one from before.
pub const FETCH_SETTLES: Duration = Duration::from_secs(1);

/// What was heard of an end so long ago says nothing any more: twice the interval, for one may come late.
pub const LAG_BELIEVED: Duration = Duration::from_secs(4);

/// The same warning (no broker reachable, one that refuses connections …) at most once in this time; the others are
/// counted and told with the next one.
pub const WARN_EVERY: Duration = Duration::from_secs(60);

/// Kinds of warnings that are told apart for [`WARN_EVERY`]; the rest counts as one kind.
pub(crate) const WARN_KINDS_MAX: usize = 64;

/// Pause between attempts at something the broker was not ready for.
pub(crate) const RETRY_PAUSE: Duration = Duration::from_millis(100);

/// Time between two looks at whether the broker has acknowledged what was sent.
pub(crate) const DRAIN_STEP: Duration = Duration::from_micros(300);

/// How often logs and errors of clients that nobody uses at the moment are taken in.
pub(crate) const HOUSEKEEPING_EVERY: Duration = Duration::from_millis(250);

/// Longest wait for the coordinator of a transactional id, in requests' time-outs: it may have to settle what an earlier
/// producer left open, or be elected first.
pub(crate) const OPEN_TRANSACTOR_REQUESTS: u32 = 3;

/// A partition whose reading cannot be moved for so long has a fetcher that stands still.
pub(crate) const SEEK_PATIENCE: Duration = Duration::from_secs(5);

/// Pause between two looks at who owns what in a group, and how long one answer may take. After one that failed the pause is twice as
/// long, up to the longest.
pub(crate) const CENSUS_EVERY: Duration = Duration::from_secs(3);
pub(crate) const CENSUS_TIMEOUT: Duration = Duration::from_secs(2);
pub(crate) const CENSUS_PAUSE_MAX: Duration = Duration::from_secs(60);

/// How long a partition may have no owner until the group is made to share again, at most: twice as long each time that this did not help.
pub(crate) const CENSUS_PATIENCE_MAX: Duration = Duration::from_secs(1800);

/// A member that belongs to no generation for so many sessions, while its group is at rest without it, has lost touch with it.
pub(crate) const OUTSIDE_SESSIONS: u32 = 6;

/// How long a member that ends serves callbacks that wait at most, for how long none may come, and how long it waits for its consumer to be
/// closed.
pub(crate) const DRAIN_QUIET: Duration = Duration::from_millis(50);
pub(crate) const DRAIN_CALLBACKS: Duration = Duration::from_secs(1);
pub(crate) const CLOSE_PATIENCE: Duration = Duration::from_secs(15);

/// A consumer that has not been polled for so long is taken for dead and its partitions are given to others.
pub(crate) const POLL_PAUSE_MAX: Duration = Duration::from_secs(300);

/// How long messages of a transaction that is to be aborted may still arrive before they are purged.
pub(crate) const ABORT_GRACE: Duration = Duration::from_secs(2);

/// What was overwritten in a compacted topic that is created here is removed after so long at the latest, instead of when enough was written.
pub const COMPACTION_LAG: Duration = Duration::from_secs(24 * 3600);

/// Segments of a compacted topic that is created here. The one that is written to is never compacted, and whoever starts reads all of it: with
/// Kafka's 1 GiB that would be a gigabyte a partition to find some megabytes that count.
pub const COMPACTED_SEGMENT_BYTES: usize = 64 << 20;
const _: () = assert!(MESSAGE_BYTES_MAX + BATCH_OVERHEAD_BYTES <= COMPACTED_SEGMENT_BYTES);
