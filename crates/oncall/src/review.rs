//! When a contact has to be looked at again.
//!
//! A contact is right on the day somebody answered for it, and less so every day after. Its review is due so long after the
//! last of two: the day in the file, and the last attestation in the journal. One that nobody ever answered for is overdue.

use crate::{Contact, schedule::instant};
use activity::{Span, Timestamp};
use jiff::{civil::Time, tz::TimeZone};

/// One contact's review.
#[derive(Clone, Debug, PartialEq)]
pub struct Review<'a> {
    pub contact: &'a Contact,
    /// When somebody last answered for it.
    pub reviewed_at: Option<Timestamp>,
    /// `None`: it never was.
    pub due_at: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReviewState {
    Reviewed,
    Overdue,
    Never,
}

impl<'a> Review<'a> {
    /// `attested_at`: the last attestation in the journal.
    pub fn of(contact: &'a Contact, attested_at: Option<Timestamp>, every: Span) -> Self {
        // The day began in the contact's own zone: the strict reading.
        let of_day = contact.reviewed_on.and_then(|day| {
            let zone = contact.zone.clone().unwrap_or(TimeZone::UTC);
            instant(&zone, day.to_datetime(Time::midnight()))
        });
        let reviewed_at = of_day.max(attested_at);
        Review { contact, reviewed_at, due_at: reviewed_at.map(|at| at.saturating_add(every)) }
    }

    pub fn state(&self, now: Timestamp) -> ReviewState {
        match self.due_at {
            None => ReviewState::Never,
            Some(due_at) if due_at <= now => ReviewState::Overdue,
            Some(_) => ReviewState::Reviewed,
        }
    }

    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.state(now) != ReviewState::Reviewed
    }

    /// A finding, if it is one.
    pub fn finding(&self, now: Timestamp) -> Option<String> {
        let Contact { name, owner, .. } = self.contact;
        match (self.state(now), self.reviewed_at, self.due_at) {
            (ReviewState::Reviewed, ..) => None,
            (_, Some(reviewed_at), Some(due_at)) => Some(format!(
                "contact `{name}` was reviewed at {reviewed_at}, and is overdue since {due_at}; `{owner}` attests it"
            )),
            _ => Some(format!("contact `{name}` was never reviewed; `{owner}` attests it")),
        }
    }
}
