//! Consumer groups: who reads which partitions, and how far.

use crate::{RecordRef, StreamError, transaction::Token};
use std::time::Duration;

/// One reader among those of a group.
pub trait Member: Send {
    /// Delivers up to `max` records and says what else happened; waits up to `wait` for the first. With `max` 0 it only
    /// serves the group.
    ///
    /// After a change of assignment it returns [`Polled::Rebalanced`] before any record of the new assignment; records
    /// delivered by earlier calls and not committed will be delivered again, to whoever owns their partition then, also those of
    /// partitions that stay. A change may come in several steps: first what goes, then what comes. While others change, a member
    /// whose partitions stay hears nothing of it and goes on.
    ///
    /// # Errors
    /// [`StreamError::Fenced`] if another member has joined under this one's instance id; whatever else cannot be mended
    /// by waiting. A lost broker is no error: it is [`Polled::Idle`].
    fn poll(&mut self, max: usize, wait: Duration, each: &mut dyn FnMut(RecordRef<'_>)) -> Result<Polled, StreamError>;

    /// The partitions this member owns, sorted.
    fn assignment(&self) -> Vec<Assigned>;

    /// Reads again from these offsets (topic, partition, offset), e.g. after an aborted transaction. Partitions no longer
    /// owned are left alone.
    fn rewind(&mut self, to: &[(String, i32, i64)]) -> Result<(), StreamError>;

    /// Says in whose name, and in which generation, offsets are committed. Take it afresh for each transaction.
    fn token(&self) -> GroupToken;

    /// Records between the next one to be delivered and the end (topic, partition, records), as was last heard: usually at most
    /// [`crate::limits::LAG_EVERY`] ago, never more than [`crate::limits::LAG_BELIEVED`]. A partition of which nothing was heard for so long is left
    /// out: its broker is away, or this member was held up. Costs no request.
    fn lag(&self) -> Vec<(String, i32, i64)>;
}

/// How a member joins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupSpec {
    pub group: String,
    /// With an instance id (static membership), a restart within the session time-out keeps its partitions and disturbs
    /// nobody; a killed one is taken over by its successor at once. Two living members must not share one.
    pub instance: Option<String>,
    pub topics: Vec<String>,
    pub start: Start,
}

/// Where a partition starts when it is assigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At the group's committed offset; where there is none, at the first offset.
    Committed,
    /// At the first offset, always. What was committed is told all the same, see [`Assigned::metadata`].
    Beginning,
}

/// What a poll brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Polled {
    /// So many records were delivered; at least one.
    Records(usize),
    /// The assignment has changed. Throw away what is not committed, then ask for [`Member::assignment`].
    Rebalanced,
    /// Nothing arrived within the wait.
    Idle,
}

/// One partition of an assignment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Assigned {
    pub topic: String,
    pub partition: i32,
    /// Where reading started when it was assigned.
    pub position: i64,
    /// What was committed last, with whatever offset; empty if nothing was.
    pub metadata: String,
    /// What was committed is of records that are gone: the topic was made anew, or has lost its tail.
    pub anew: bool,
}

/// A member's identity at one moment, for [`crate::Transactor::commit`].
pub struct GroupToken(pub(crate) Token);

impl GroupToken {
    /// Whether a commit has a chance. False for a moment while a new generation of the group is being formed, and as long as the member
    /// has lost its membership: better to wait for what the next polls say than to have a transaction aborted.
    pub fn may_commit(&self) -> bool {
        !matches!(self.0, Token::Outside)
    }
}
