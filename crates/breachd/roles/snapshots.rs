//! Snapshots of engines in `breachd.baselines`: written every few seconds, read at a start.
//!
//! Partition n of the topic belongs to tally partition n. A checkpoint ([`detector::Checkpoint`]) is one transaction: its messages, and as
//! the group's offset the position in the tallies that it stands for. So an instance that has lost the partition without knowing it
//! cannot write: its token is refused. The offset's metadata names the checkpoint and who wrote it. An engine that was kept over a
//! rebalance goes on only if that is still its own last one; else somebody else has been here, and it is restored like any other.
//!
//! A snapshot is never needed: it saves reading what is retained. Whatever is wrong with one (damaged, of a later version, of other
//! settings, parts missing) is said, counted, and the engine is built from the retained tallies instead. The position is the snapshot's
//! own; the group's offset only proves who wrote it, and shows other tools how far the detector is.
//!
//! Writing stops the partition's engine for as long as it takes, so it takes at most one part in [`limits::SNAPSHOT_SHARE`] of the time:
//! after a long one the next is later. The price is that so much more has to be read again after a crash.

use super::RoleError;
use crate::{context::Context, crash::Point, settings::limits};
use detector::{Checkpoint, Engine, NotRestored};
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};
use stream::{Assigned, CommitError, GroupToken, Offset, Outgoing, StreamError, Transactor};

pub(super) struct Snapshots {
    context: Arc<Context>,
    transactor: Box<dyn Transactor>,
    of: BTreeMap<i32, Written>,
}

/// Of the engine of one partition.
struct Written {
    /// As the group's metadata has it; empty: there is none.
    name: String,
    /// When what is not in it began to be taken in; `None`: everything is.
    behind_since: Option<Instant>,
    due: Instant,
    /// A message was too large: there is no use in trying again.
    refused: bool,
}

/// What came of an attempt to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Done,
    /// The engine's account of what is written is wrong now: it has to be restored.
    Aborted,
}

impl Snapshots {
    pub(super) fn open(context: &Arc<Context>) -> Result<Self, RoleError> {
        let id = format!("{}-detector-{}", context.topics.prefix(), context.settings.instance);
        let transactor = context.broker.transactor(&id)?;
        Ok(Snapshots { context: Arc::clone(context), transactor, of: BTreeMap::new() })
    }

    /// Whether an engine that is here may go on: the group's last snapshot of the partition is its own.
    pub(super) fn is_current(&self, assigned: &Assigned) -> bool {
        self.of.get(&assigned.partition).is_some_and(|written| written.name == assigned.metadata)
    }

    /// Whether the engine that is here has been restored, and nothing of it was refused since.
    pub(super) fn holds(&self, partition: i32) -> bool {
        self.of.contains_key(&partition)
    }

    /// Partitions that are not here any more.
    pub(super) fn retain(&mut self, keep: impl Fn(i32) -> bool) {
        self.of.retain(|partition, _| keep(*partition));
    }

    /// The engine of the last snapshot and where it goes on in the tallies; a new one and `None` where there is none that can be used.
    pub(super) fn restore(&mut self, assigned: &Assigned) -> Result<(Engine, Option<i64>), RoleError> {
        let began = self.context.instant();
        let partition = assigned.partition;
        let messages = self.read(partition)?;
        let bytes: usize = messages.values().map(Vec::len).sum();
        let all = messages.iter().map(|(key, value)| (&key[..], &value[..]));
        let restored = self.context.engine(partition).restored(all);
        drop(messages);
        let (engine, position) = match restored {
            Ok(Some((engine, position, number))) => {
                let took = self.context.since(began);
                let entities: usize = engine.stats().entities.values().sum();
                tracing::info!(partition, number, position, entities, bytes, ?took, "a snapshot is restored");
                if position < assigned.position {
                    let first = assigned.position;
                    tracing::error!(
                        partition,
                        position,
                        first,
                        "tallies were deleted before they were judged: they were kept for less time than nobody read them"
                    );
                }
                (engine, Some(position))
            }
            Ok(None) => (self.context.engine(partition), None),
            Err(error) => {
                match &error {
                    NotRestored::Settings => {
                        tracing::warn!(partition, %error, "the snapshot is of no use; the retained tallies are read")
                    }
                    _ => {
                        tracing::error!(partition, %error, "the snapshot cannot be used; the retained tallies are read")
                    }
                }
                self.context.metrics.snapshot_refused();
                (self.context.engine(partition), None)
            }
        };
        let due = self.context.instant() + self.context.settings.snapshots.interval.0;
        let name = assigned.metadata.clone();
        self.of.insert(partition, Written { name, behind_since: None, due, refused: false });
        Ok((engine, position))
    }

    /// The latest message of each key of the partition.
    fn read(&self, partition: i32) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, StreamError> {
        let mut reader = self.context.broker.read_partition(&self.context.topics.baselines(), partition)?;
        let mut latest = BTreeMap::new();
        while !reader.caught_up() && !self.context.stop.requested() {
            self.context.heartbeat(crate::cli::RoleName::Detector);
            reader.poll(limits::POLL_TALLIES, limits::POLL_WAIT, &mut |record| {
                latest.insert(record.key.unwrap_or_default().to_vec(), record.payload.unwrap_or_default().to_vec());
            })?;
        }
        Ok(latest)
    }

    /// Tallies of the partition have been taken in.
    pub(super) fn moved(&mut self, partition: i32) {
        if let Some(written) = self.of.get_mut(&partition) {
            written.behind_since.get_or_insert_with(|| self.context.instant());
        }
    }

    /// Whether something is to be written; `at_once`: without waiting for its time.
    pub(super) fn is_due(&self, partition: i32, at_once: bool) -> bool {
        let of = self.of.get(&partition).filter(|written| !written.refused && written.behind_since.is_some());
        of.is_some_and(|written| at_once || written.due <= self.context.instant())
    }

    /// Writes what has changed in an engine that has taken every tally before `position`.
    pub(super) fn write(
        &mut self,
        partition: i32,
        engine: &mut Engine,
        position: i64,
        token: &GroupToken,
    ) -> Result<Outcome, RoleError> {
        let Some(written) = self.of.get_mut(&partition) else { return Ok(Outcome::Done) };
        let began = self.context.instant();
        let checkpoint = engine.checkpoint(position);
        let (number, entities, bytes) = (checkpoint.number, checkpoint.n_entities, checkpoint.bytes());
        let name = format!("{number} {}", self.context.settings.instance);
        let topic = self.context.topics.baselines();
        self.transactor.begin()?;
        match send(self.transactor.as_mut(), &topic, partition, checkpoint) {
            Ok(()) => {}
            Err(StreamError::TooLarge { bytes, .. }) => {
                tracing::error!(
                    partition,
                    bytes,
                    "a snapshot has a part that no message can hold; none is written until the next start"
                );
                self.transactor.abort()?;
                self.context.metrics.snapshot_refused();
                written.refused = true;
                return Ok(Outcome::Done);
            }
            Err(error) => return Err(error.into()),
        }
        let tallies = self.context.topics.tallies();
        let offset = Offset { topic: tallies, partition, offset: position, metadata: name.clone() };
        self.context.crash.pass(Point::DetectorBeforeCommit);
        match self.transactor.commit(Some((token, &[offset]))) {
            Ok(()) => self.context.crash.pass(Point::DetectorAfterCommit),
            Err(CommitError::Aborted(reason)) => {
                tracing::warn!(partition, %reason, "a snapshot was not written; the last one is restored");
                return Ok(Outcome::Aborted);
            }
            Err(other) => return Err(other.into()),
        }
        let took = self.context.since(began);
        tracing::debug!(partition, number, position, entities, bytes, ?took, "a snapshot is written");
        self.context.metrics.snapshot_written(bytes);
        let interval: Duration = self.context.settings.snapshots.interval.0;
        let due = self.context.instant() + interval.max(took * limits::SNAPSHOT_SHARE);
        *written = Written { name, behind_since: None, due, refused: false };
        Ok(Outcome::Done)
    }

    /// For how long the oldest tallies that are in no snapshot have been here, at most over all partitions.
    pub(super) fn age(&self) -> Duration {
        let behind = self.of.values().filter_map(|written| written.behind_since);
        behind.min().map_or(Duration::ZERO, |since| self.context.since(since))
    }
}

fn send(
    transactor: &mut dyn Transactor,
    topic: &str,
    partition: i32,
    checkpoint: Checkpoint,
) -> Result<(), StreamError> {
    for (key, payload) in checkpoint.messages {
        let (topic, partition, key) = (topic.to_owned(), Some(partition), Some(key));
        transactor.send(Outgoing { topic, partition, key, payload, headers: Vec::new() })?;
    }
    Ok(())
}
