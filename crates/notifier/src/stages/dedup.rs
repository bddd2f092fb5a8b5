//! Stage 1: a notice id that is known is not taken in again; a full outbox takes nothing.

use crate::{OUTBOX_NOTICES_MAX, SETTLED_IDS_MAX};
use incident::NoticeId;
use std::collections::{HashSet, VecDeque};

/// What became of a submission. Only `Full` asks something of the caller: keep the notice and submit it again later.
#[must_use = "a notice that was not taken in must be kept"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Submission {
    Queued,
    /// It is in hand, or was settled not long ago.
    Repeated,
    /// The channel holds [`OUTBOX_NOTICES_MAX`] unsettled notices, or is being drained.
    Full,
}

/// The ids of one channel: unsettled, and lately settled.
#[derive(Debug, Default)]
pub(crate) struct Ids {
    unsettled: HashSet<NoticeId>,
    settled: HashSet<NoticeId>,
    settled_in_order: VecDeque<NoticeId>,
}

impl Ids {
    pub(crate) fn admit(&mut self, id: &NoticeId) -> Submission {
        if self.unsettled.contains(id) || self.settled.contains(id) {
            return Submission::Repeated;
        }
        if self.unsettled.len() >= OUTBOX_NOTICES_MAX {
            return Submission::Full;
        }
        self.unsettled.insert(id.clone());
        Submission::Queued
    }

    /// It was admitted, but could not be handed on after all.
    pub(crate) fn release(&mut self, id: &NoticeId) {
        self.unsettled.remove(id);
    }

    pub(crate) fn unsettled(&self) -> usize {
        self.unsettled.len()
    }

    pub(crate) fn settle(&mut self, id: &NoticeId) {
        if !self.unsettled.remove(id) {
            return;
        }
        self.settled.insert(id.clone());
        self.settled_in_order.push_back(id.clone());
        if self.settled_in_order.len() > SETTLED_IDS_MAX
            && let Some(oldest) = self.settled_in_order.pop_front()
        {
            self.settled.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: usize) -> NoticeId {
        NoticeId(format!("{number:032x}"))
    }

    #[test]
    fn an_id_is_taken_once_also_after_it_is_settled() {
        let mut ids = Ids::default();
        assert_eq!(ids.admit(&id(1)), Submission::Queued);
        assert_eq!(ids.admit(&id(1)), Submission::Repeated);
        ids.settle(&id(1));
        assert_eq!(ids.admit(&id(1)), Submission::Repeated);
    }

    #[test]
    fn both_memories_are_bounded() {
        let mut ids = Ids::default();
        for number in 0..OUTBOX_NOTICES_MAX {
            assert_eq!(ids.admit(&id(number)), Submission::Queued);
        }
        assert_eq!(ids.admit(&id(OUTBOX_NOTICES_MAX)), Submission::Full);
        ids.settle(&id(0));
        assert_eq!(ids.admit(&id(OUTBOX_NOTICES_MAX)), Submission::Queued);
        for number in 0..=SETTLED_IDS_MAX {
            let _ = ids.admit(&id(number));
            ids.settle(&id(number));
        }
        assert_eq!(ids.settled.len(), SETTLED_IDS_MAX);
        assert_eq!(ids.admit(&id(0)), Submission::Queued, "the oldest is forgotten");
    }

    #[test]
    fn settling_what_is_unknown_changes_nothing() {
        let mut ids = Ids::default();
        ids.settle(&id(7));
        assert_eq!(ids.admit(&id(7)), Submission::Queued);
    }
}
