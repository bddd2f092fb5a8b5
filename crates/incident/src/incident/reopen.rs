//! A closed incident is opened again.
//!
//! It is `open` then, not `acknowledged`, whoever was at work on it before and whoever asks for it: nobody looks after it until
//! somebody says so, and until then the un-acknowledged incident escalates as a new one does. The other way round, a
//! person who only passes a new fact on would have silenced the escalation. The owner stays by name.
//!
//! The verdict `not_a_breach` does not survive: it was found on what was known then, and under it no time limit runs. It is
//! `undecided` again, and the limits that were withdrawn run again from when they ran first (their withdrawal stays in
//! the timeline and in the journal); a limit that was met, or found not required, stays so. The verdict `breach` stays.
//!
//! Whoever was told of its end is told that it goes on: services that resolved theirs open it again under the same key.

use super::{Act, Incident, IncidentState, Verdict};
use activity::Timestamp;

impl Incident {
    pub(super) fn reopen(&mut self, act: Act) {
        if self.is_open() || self.merged_into.is_some() {
            return;
        }
        self.state = IncidentState::Open;
        (self.acknowledged, self.contained, self.closed) = (None, None, None);
        self.acknowledged_to.clear();
        self.reopened_to = self.told.keys().cloned().collect();
        self.hold_drafts_anew(None, act.at);
        self.reopened = Some(act);
        self.n_reopened = self.n_reopened.saturating_add(1);
        if self.verdict == Verdict::NotABreach {
            self.verdict = Verdict::Undecided;
        }
    }

    /// Since when it has waited for somebody to acknowledge it, unless somebody has.
    pub(crate) fn waits_since(&self) -> Timestamp {
        self.reopened.as_ref().map_or(self.opened_at, |act| act.at)
    }

    /// The step of a notice that each of its lives has once: `closed`, and after it was opened again `closed:1`.
    pub(crate) fn step(&self, step: &str) -> String {
        match self.n_reopened {
            0 => step.to_owned(),
            n => format!("{step}:{n}"),
        }
    }
}
