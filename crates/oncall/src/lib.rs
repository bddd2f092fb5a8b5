//! Who is to be called when something has happened, and why these: contacts, teams, on-call schedules, escalation policies.
//! Pure: no clock, no I/O.
//!
//! A file that people write ([`Written`]) becomes a [`Book`], checked as a whole. It answers three questions, each with its
//! reason in words, because what comes of them is journaled: who is on call by a schedule at a time; whom a step of a policy
//! calls; when a contact has to be reviewed.
//!
//! ```text
//! contacts ◄── teams ◄─────────────┐
//!     ▲                            ├── policies: steps (whom, by which channels, time-out), how often again
//!     └── schedules: overrides ► layer n ► … ► layer 1
//!                                 └ turns of members, or a calendar (RFC 5545)
//! ```
//!
//! Time: a turn begins at a time of day in the schedule's zone, and lasts a number of *days*, so that a hand-over at 09:00
//! stays at 09:00 when clocks change; the turn in between is an hour shorter or longer. A time of day that clocks skip comes
//! an hour later, one that they repeat is the first of both. Of several layers the last that has somebody counts; overrides
//! go before all layers, the last one written first.
//!
//! Handing over to a service's own schedules (PagerDuty) needs none of this: name its channel, and it calls whom it knows.
//!
//! Not here: reading files, sending, and what becomes of an incident (incident).

mod book;
mod calendar;
mod contact;
pub mod limits;
mod policy;
mod review;
mod schedule;
mod span;

pub use book::{Book, Called, Calling, Written};
pub use contact::{Contact, Team, address_problem};
pub use policy::{Policy, Step, Whom};
pub use review::{Review, ReviewState};
pub use schedule::{Gap, OnCall, Schedule};

/// What is wrong, by key path (`schedules[0].layers[1].turn`) and in words.
pub(crate) type Mistakes = Vec<(String, String)>;
