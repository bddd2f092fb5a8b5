//! Transactions: records and the offsets of what they were made from, visible together or not at all.

use crate::{GroupToken, Outgoing, StreamError, memory::MemberToken};
use rdkafka::consumer::ConsumerGroupMetadata;

/// A producer whose writes become visible at [`Transactor::commit`], all at once. One transaction at a time.
///
/// Dropped within a transaction, it aborts it (at the latest when the broker's time-out for transactions ends).
pub trait Transactor: Send {
    /// Begins a transaction.
    ///
    /// # Errors
    /// [`StreamError::Fenced`] if another one has been opened with this id.
    fn begin(&mut self) -> Result<(), StreamError>;

    /// Adds a message to the transaction.
    ///
    /// # Errors
    /// [`StreamError::TooLarge`]: not added, the transaction goes on. Anything else: abort it, or commit and be told so.
    fn send(&mut self, message: Outgoing) -> Result<(), StreamError>;

    /// Commits what was sent, and with it the offsets consumed by the group's member that gave the token.
    ///
    /// A failure is never half a commit. `Fatal` may come with the outcome unknown (the broker was lost in the middle):
    /// open a new transactor, which settles it, and read the committed offsets.
    fn commit(&mut self, offsets: Option<(&GroupToken, &[Offset])>) -> Result<(), CommitError>;

    /// Throws away what was sent since [`Transactor::begin`]; outside a transaction it does nothing.
    fn abort(&mut self) -> Result<(), StreamError>;
}

/// How far a partition has been consumed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offset {
    pub topic: String,
    pub partition: i32,
    /// The next offset to read.
    pub offset: i64,
    /// Comes back in [`crate::Assigned::metadata`]; at most [`crate::limits::METADATA_BYTES_MAX`].
    pub metadata: String,
}

/// Why a transaction was not committed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CommitError {
    /// It has been aborted, nothing of it is visible; rewind and go on.
    #[error("the transaction was aborted: {0}")]
    Aborted(String),
    /// Another one works under this id now; nothing of this transaction is visible. End.
    #[error("fenced: another instance has taken over under the same id")]
    Fenced,
    /// This transactor is of no more use; open a new one, or end and be restarted.
    #[error("the transactor has failed: {0}")]
    Fatal(#[source] StreamError),
}

/// A [`GroupToken`] as its host holds it.
pub(crate) enum Token {
    Kafka(ConsumerGroupMetadata),
    /// The member has no part in the group at present, and may commit nothing. Kafka would believe a transaction that names
    /// no generation.
    Outside,
    Memory(MemberToken),
}
