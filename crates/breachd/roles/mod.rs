//! The parts of the work, each a loop of its own on a thread of its own.
//!
//! Nothing in the loops is shared: values travel through Kafka topics (or the in-memory log), so one process with all
//! roles and four processes with one each behave the same.

pub mod detector;
pub mod ingest;
mod mailing;
pub mod notifier;
mod snapshots;

use stream::{CommitError, StreamError};

/// What ends a role. The process then ends too, and its supervisor starts it anew: state lies in Kafka.
#[derive(Debug, thiserror::Error)]
pub enum RoleError {
    #[error(transparent)]
    Stream(#[from] StreamError),
    #[error("a transaction could not be committed: {0}")]
    Commit(#[from] CommitError),
    #[error("the journal cannot be trusted: {0}; nothing is notified until a person has looked at it")]
    JournalBroken(String),
    #[error("a panic; its message is in the log")]
    Panicked,
    #[error("a decision could not be journaled: {0}")]
    JournalAborted(String),
    #[error("the system gives no random bytes: {0}")]
    Random(#[from] getrandom::Error),
    #[error("a channel cannot be set up: {0}")]
    Channel(String),
}

impl RoleError {
    pub fn channel(error: impl std::fmt::Display) -> Self {
        RoleError::Channel(error.to_string())
    }
}
