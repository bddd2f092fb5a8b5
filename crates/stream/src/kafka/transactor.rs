//! Transactions.
//!
//! Before a commit everything queued is drained in small steps, because the client library's own flush waits out 100 ms.
//! Before an abort what is queued gets a moment to arrive; the rest is purged and its reports taken in. Both are needed: an
//! abort with records under way fails, and if they are purged before the coordinator has heard of the transaction (it may
//! still be busy with the one before), the broker refuses to end what never began and the client library takes that for
//! fatal. A commit whose answer does not come is asked for again: that is the only way to learn its outcome. If it does not
//! come at all, the outcome is settled by whoever opens the next transactor with this id.

use super::{connection::Connection, producer::Sender};
use crate::{CommitError, GroupToken, Offset, Outgoing, StreamError, Transactor, limits, transaction::Token};
use rdkafka::{
    Offset as At, TopicPartitionList,
    consumer::ConsumerGroupMetadata,
    error::{KafkaError, KafkaResult},
    producer::{Producer as _, PurgeConfig},
    types::RDKafkaErrorCode,
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

pub(super) struct KafkaTransactor {
    sender: Sender,
    id: String,
    open: bool,
}

impl KafkaTransactor {
    pub(super) fn open(connection: &Arc<Connection>, id: &str) -> Result<Self, StreamError> {
        let settings = connection.settings();
        let mut config = Sender::config(connection)?;
        config
            .set("transactional.id", id)
            .set("transaction.timeout.ms", settings.transaction_timeout.as_millis().to_string())
            // A message cannot outlive its transaction.
            .set(
                "message.timeout.ms",
                settings.delivery_timeout.min(settings.transaction_timeout).as_millis().to_string(),
            );
        let sender = Sender::open(connection, &config, "transactor")?;
        let transactor = KafkaTransactor { sender, id: id.to_owned(), open: false };
        let patience = settings.request_timeout * limits::OPEN_TRANSACTOR_REQUESTS;
        transactor
            .retried(patience, |timeout| transactor.sender.client.init_transactions(timeout))
            .map_err(|error| transactor.blame("open a transactor", &error))?;
        Ok(transactor)
    }

    /// Commits, or says why not; the abort is the caller's.
    fn try_commit(&self, offsets: Option<(&ConsumerGroupMetadata, &[Offset])>) -> Result<(), Failure> {
        let client = &self.sender.client;
        let patience = self.sender.connection.settings().transaction_timeout;
        if !self.sender.drain(patience) {
            return Err(Failure::Abort("messages were not acknowledged in time".into()));
        }
        if let Some((code, n)) = self.sender.take_failure() {
            return Err(self.failed(format!("{n} messages were not written: {code}")));
        }
        if let Some((metadata, offsets)) = offsets {
            let list = list(offsets).map_err(|error| Failure::Abort(error.to_string()))?;
            self.retried(patience, |timeout| client.send_offsets_to_transaction(&list, metadata, timeout))
                .map_err(|error| self.failed(error.to_string()))?;
        }
        match self.retried(patience, |timeout| client.commit_transaction(timeout)) {
            Ok(()) => Ok(()),
            // Nobody knows whether it is committed: an abort could be refused or, worse, be wrong.
            Err(KafkaError::Transaction(error)) if error.is_retriable() => Err(Failure::Unknown(error.string())),
            Err(error) => Err(self.failed(error.to_string())),
        }
    }

    /// A failure is fatal if the client says it is of no more use; else the transaction can be aborted.
    fn failed(&self, reason: String) -> Failure {
        match self.sender.client.client().fatal_error() {
            Some((code, _)) if fenced(code) => Failure::Fenced,
            Some((code, text)) => Failure::Fatal(code, text),
            None => Failure::Abort(reason),
        }
    }

    fn try_abort(&self) -> Result<(), StreamError> {
        let client = &self.sender.client;
        let patience = self.sender.connection.settings().transaction_timeout;
        let drained = self.sender.drain(limits::ABORT_GRACE) || {
            client.purge(PurgeConfig::default().queue().inflight());
            self.sender.drain(patience)
        };
        // Purged messages count as failed.
        let _ = self.sender.take_failure();
        if !drained {
            let reason = "purged messages did not come back".to_owned();
            return Err(StreamError::Failed { doing: "abort a transaction", reason, retry: false });
        }
        self.retried(patience, |timeout| client.abort_transaction(timeout))
            .map_err(|error| self.blame("abort a transaction", &error))
    }

    /// Repeats what may be repeated, as long as `patience` lasts.
    fn retried(&self, patience: Duration, attempt: impl Fn(Duration) -> KafkaResult<()>) -> KafkaResult<()> {
        let deadline = Instant::now() + patience;
        loop {
            match attempt(deadline.saturating_duration_since(Instant::now())) {
                Err(KafkaError::Transaction(error)) if error.is_retriable() && Instant::now() < deadline => {
                    self.sender.client.poll(limits::RETRY_PAUSE);
                }
                done => return done,
            }
        }
    }

    fn blame(&self, doing: &'static str, error: &KafkaError) -> StreamError {
        let fatal = self.sender.client.client().fatal_error().map(|(code, _)| code);
        match error {
            _ if fatal.is_some_and(fenced) => StreamError::Fenced { id: self.id.clone() },
            KafkaError::Transaction(inner) if fenced(inner.code()) => StreamError::Fenced { id: self.id.clone() },
            _ => self.sender.connection.blame(doing, error),
        }
    }
}

/// Why a commit did not happen.
enum Failure {
    Abort(String),
    Fenced,
    Fatal(RDKafkaErrorCode, String),
    Unknown(String),
}

impl Transactor for KafkaTransactor {
    fn begin(&mut self) -> Result<(), StreamError> {
        if self.open {
            return Err(StreamError::Misuse("a transaction begun within another"));
        }
        let _ = self.sender.take_failure();
        self.sender.client.begin_transaction().map_err(|error| self.blame("begin a transaction", &error))?;
        self.open = true;
        Ok(())
    }

    fn send(&mut self, message: Outgoing) -> Result<(), StreamError> {
        if !self.open {
            return Err(StreamError::Misuse("a message outside a transaction"));
        }
        self.sender.send(&message)
    }

    fn commit(&mut self, offsets: Option<(&GroupToken, &[Offset])>) -> Result<(), CommitError> {
        const DOING: &str = "commit a transaction";
        if !self.open {
            return Err(CommitError::Fatal(StreamError::Misuse("a commit outside a transaction")));
        }
        let tried = match offsets {
            None => self.try_commit(None),
            Some((GroupToken(Token::Kafka(metadata)), offsets)) => self.try_commit(Some((metadata, offsets))),
            Some((GroupToken(Token::Outside), _)) => Err(Failure::Abort("the member is not in the group".into())),
            Some((GroupToken(Token::Memory(_)), _)) => Err(Failure::Abort("a token of another host".into())),
        };
        self.open = false;
        match tried {
            Ok(()) => Ok(()),
            Err(Failure::Fenced) => Err(CommitError::Fenced),
            Err(Failure::Fatal(code, reason)) => {
                Err(CommitError::Fatal(self.sender.connection.blame_code(DOING, code, &reason)))
            }
            Err(Failure::Unknown(reason)) => Err(CommitError::Fatal(StreamError::Unreachable {
                doing: DOING,
                servers: self.sender.connection.settings().bootstrap_servers.clone(),
                reason,
            })),
            Err(Failure::Abort(reason)) => match self.try_abort() {
                Ok(()) => Err(CommitError::Aborted(reason)),
                Err(StreamError::Fenced { .. }) => Err(CommitError::Fenced),
                Err(error) => Err(CommitError::Fatal(error)),
            },
        }
    }

    fn abort(&mut self) -> Result<(), StreamError> {
        if !self.open {
            return Ok(());
        }
        self.open = false;
        self.try_abort()
    }
}

fn list(offsets: &[Offset]) -> KafkaResult<TopicPartitionList> {
    let mut list = TopicPartitionList::with_capacity(offsets.len());
    for offset in offsets {
        let mut place = list.add_partition(&offset.topic, offset.partition);
        place.set_offset(At::Offset(offset.offset))?;
        place.set_metadata(&offset.metadata);
    }
    Ok(list)
}

fn fenced(code: RDKafkaErrorCode) -> bool {
    matches!(code, RDKafkaErrorCode::Fenced | RDKafkaErrorCode::ProducerFenced | RDKafkaErrorCode::InvalidProducerEpoch)
}
