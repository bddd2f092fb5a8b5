//! Which recipients of one channel have a notice already, while not all have.
//!
//! A notice that three of five recipients have is tried again for the other two only. This is forgotten with the process:
//! then some get it twice, under the same key.

use crate::stages::classify::Failure;
use incident::{Notice, NoticeId};
use std::{
    collections::{BTreeSet, HashMap},
    sync::{Mutex, PoisonError},
};

/// Notices for which it is remembered who has them already. Beyond: all is forgotten, and some get one twice, under the
/// same key.
const PARTLY_SENT_MAX: usize = 1000;

/// Held for a map operation, never across an await.
#[derive(Default)]
pub(super) struct Partly(Mutex<HashMap<NoticeId, Told>>);

/// Indices of recipients for whom trying is over.
#[derive(Clone, Default)]
pub(super) struct Told {
    pub(super) taken: BTreeSet<usize>,
    refused: BTreeSet<usize>,
    refusal: String,
}

impl Partly {
    pub(super) fn told(&self, notice: &Notice) -> Told {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&notice.id).cloned().unwrap_or_default()
    }

    pub(super) fn remember(&self, notice: &Notice, told: &Told) {
        let mut sent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if sent.len() >= PARTLY_SENT_MAX {
            sent.clear();
        }
        sent.insert(notice.id.clone(), told.clone());
    }

    pub(super) fn forget(&self, notice: &Notice) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&notice.id);
    }
}

impl Told {
    /// Those of `n` recipients who are still to be tried. Each attempt (from 1) begins with another one: the first trouble ends it,
    /// and one whose mailbox is full must not keep it from all behind.
    pub(super) fn open(&self, n: usize, attempt: u32) -> Vec<usize> {
        let is_open = |index: &usize| !self.taken.contains(index) && !self.refused.contains(index);
        let mut open: Vec<usize> = (0..n).filter(is_open).collect();
        let first = (attempt as usize).saturating_sub(1) % open.len().max(1);
        open.rotate_left(first);
        open
    }

    pub(super) fn refuse(&mut self, index: usize, reason: String) {
        self.refused.insert(index);
        self.refusal = reason;
    }

    /// How many have it; if somebody was refused for good, somebody was not told, and that is a failure.
    pub(super) fn all_taken(&self, n: usize) -> Result<usize, Failure> {
        let (n_taken, n_refused) = (self.taken.len(), self.refused.len());
        if n_refused > 0 {
            let reason = format!("{n_refused} of {n} recipients refused, {n_taken} taken: {}", self.refusal);
            return Err(Failure::refused(reason));
        }
        Ok(n_taken)
    }
}
