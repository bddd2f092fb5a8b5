//! Reading whole topics, outside any group.

use super::{
    Shared,
    log::{Position, number},
};
use crate::{From, Reader, RecordRef, StreamError};
use std::{sync::Arc, time::Duration};

pub(super) struct MemoryReader {
    shared: Arc<Shared>,
    positions: Vec<Position>,
    /// The ends when it was opened, parallel to `positions`.
    targets: Vec<i64>,
    turn: usize,
}

impl MemoryReader {
    pub(super) fn open(shared: &Arc<Shared>, topics: &[From<'_>]) -> Result<Self, StreamError> {
        let state = shared.lock();
        let (mut positions, mut targets) = (Vec::new(), Vec::new());
        for (topic, starts) in topics {
            for (at, end) in state.topic(topic)?.ends().into_iter().enumerate() {
                let partition = number(at);
                let start = starts.iter().find(|(number, _)| *number == partition).map(|(_, offset)| *offset);
                let first = state.partition(topic, partition).map_or(0, |log| log.first());
                positions.push(Position { topic: (*topic).to_owned(), partition, next: start.unwrap_or(first) });
                targets.push(end);
            }
        }
        drop(state);
        Ok(MemoryReader { shared: Arc::clone(shared), positions, targets, turn: 0 })
    }

    pub(super) fn of_partition(shared: &Arc<Shared>, topic: &str, partition: i32) -> Result<Self, StreamError> {
        let mut all = MemoryReader::open(shared, &[(topic, Vec::new())])?;
        let only = |position: &Position| position.partition == partition;
        let at = all.positions.iter().position(only).ok_or(StreamError::Misuse("there is no such partition"))?;
        (all.positions, all.targets) = (vec![all.positions.swap_remove(at)], vec![all.targets[at]]);
        Ok(all)
    }
}

impl Reader for MemoryReader {
    fn poll(&mut self, max: usize, wait: Duration, each: &mut dyn FnMut(RecordRef<'_>)) -> Result<usize, StreamError> {
        let (positions, turn) = (&mut self.positions, self.turn);
        let taken = self.shared.wait_for(wait, |state| {
            let taken = state.take(positions, turn, max);
            (!taken.is_empty()).then_some(taken)
        });
        let taken = taken.unwrap_or_default();
        self.turn = (self.turn + 1) % self.positions.len().max(1);
        taken.iter().for_each(|stored| each(stored.borrowed()));
        Ok(taken.len())
    }

    fn caught_up(&self) -> bool {
        self.positions.iter().zip(&self.targets).all(|(position, target)| position.next >= *target)
    }
}
