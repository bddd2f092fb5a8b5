//! Appending, with and without transactions.

use super::Shared;
use crate::{Appender, CommitError, GroupToken, Offset, Outgoing, StreamError, Transactor, transaction::Token};
use std::sync::Arc;

pub(super) struct MemoryAppender {
    shared: Arc<Shared>,
}

pub(super) struct MemoryTransactor {
    shared: Arc<Shared>,
    id: String,
    epoch: u64,
    /// Messages with their partitions, within a transaction.
    open: Option<Vec<(Outgoing, i32)>>,
}

impl MemoryAppender {
    pub(super) fn open(shared: &Arc<Shared>) -> Self {
        MemoryAppender { shared: Arc::clone(shared) }
    }
}

impl Appender for MemoryAppender {
    fn send(&mut self, message: Outgoing) -> Result<(), StreamError> {
        let now = (self.shared.clock)();
        let mut state = self.shared.lock();
        let partition = state.place(&message)?;
        state.append(message, partition, now);
        drop(state);
        self.shared.changed.notify_all();
        Ok(())
    }

    fn flush(&mut self) -> Result<(), StreamError> {
        Ok(())
    }
}

impl MemoryTransactor {
    pub(super) fn open(shared: &Arc<Shared>, id: &str) -> Self {
        let mut state = shared.lock();
        let epoch = state.epochs.entry(id.to_owned()).or_default();
        *epoch += 1;
        MemoryTransactor { shared: Arc::clone(shared), id: id.to_owned(), epoch: *epoch, open: None }
    }
}

impl Transactor for MemoryTransactor {
    fn begin(&mut self) -> Result<(), StreamError> {
        if self.open.is_some() {
            return Err(StreamError::Misuse("a transaction begun within another"));
        }
        if self.shared.lock().epochs.get(&self.id) != Some(&self.epoch) {
            return Err(StreamError::Fenced { id: self.id.clone() });
        }
        self.open = Some(Vec::new());
        Ok(())
    }

    fn send(&mut self, message: Outgoing) -> Result<(), StreamError> {
        let Some(open) = &mut self.open else {
            return Err(StreamError::Misuse("a message outside a transaction"));
        };
        let partition = self.shared.lock().place(&message)?;
        open.push((message, partition));
        Ok(())
    }

    fn commit(&mut self, offsets: Option<(&GroupToken, &[Offset])>) -> Result<(), CommitError> {
        let Some(messages) = self.open.take() else {
            return Err(CommitError::Fatal(StreamError::Misuse("a commit outside a transaction")));
        };
        let now = (self.shared.clock)();
        let mut state = self.shared.lock();
        if state.epochs.get(&self.id) != Some(&self.epoch) {
            return Err(CommitError::Fenced);
        }
        if let Some((token, offsets)) = offsets {
            let Token::Memory(token) = &token.0 else {
                return Err(CommitError::Fatal(StreamError::Misuse("a token of another host")));
            };
            let Some(group) = state.groups.get_mut(token.group()) else {
                return Err(CommitError::Aborted(format!("there is no group `{}`", token.group())));
            };
            group.check(token, offsets).map_err(CommitError::Aborted)?;
            group.commit(offsets);
        }
        for (message, partition) in messages {
            state.append(message, partition, now);
        }
        drop(state);
        self.shared.changed.notify_all();
        Ok(())
    }

    fn abort(&mut self) -> Result<(), StreamError> {
        self.open = None;
        Ok(())
    }
}
