//! Alerts become incidents, deadlines and notices. Pure: no clock, no I/O, no randomness.
//!
//! An *alert* is statistics; an *incident* is people's work; a *breach* is a person's (or the policy's) finding, which
//! starts *deadlines*; a *notice* tells one recipient over one channel. The [`Casebook`] holds them. It is a fold over
//! [`Decision`]s: the caller asks it what an alert, a command, a report or the time leads to, journals the decisions,
//! and applies them.
//!
//! ```text
//! alert ─► grouping ─► incident ─► pending: severity ─► people by place ─► awareness ─► deadlines ─► drafts ─► notices ─► fallbacks
//! command ─► commands, life ─┘        (what is missing now)
//! alert that interrupts nobody ─► daily: told once a day
//! nobody acknowledges ─► escalation: people called one after the other
//! contact ─► reviews: tested, confirmed, attested
//! ```
//!
//! Invariants
//! - [`Casebook::apply`] is the only way to change, and does not look at the policy: a journal folds to the same
//!   casebook under any policy.
//! - Deciding twice on the same input decides nothing the second time (alerts, commands; notices by their id).
//! - A journal cut off after any decision loses no notice: what is missing is found by the next tick. A day has one digest.
//! - A drill's deadlines are simulated, a live incident's are real, whatever a decision says; modes never meet.
//! - Everything is bounded ([`limits`]); nothing that still has to be told is forgotten.
//!
//! Not here: sending (notifier), the journal's chain (journal), who may give which command (what receives it).

mod affected;
mod alert_fact;
mod casebook;
mod command;
mod commands;
mod daily;
mod deadline;
mod decision;
mod delivery;
mod digest;
mod drafts;
mod escalation;
mod explain;
mod grouping;
mod incident;
mod inhibit;
mod life;
pub mod limits;
mod located;
mod mailing;
mod notice;
mod pending;
mod policy;
mod probes;
mod rejoin;
mod reported;
mod reviews;
mod revised;
mod silence;
mod state;
mod unnamed;
mod wire;
mod words;

pub use affected::{AffectedPeople, AffectedRecords, AffectedTable};
pub use alert_fact::{AlertFact, Figure};
pub use casebook::Casebook;
pub use command::{Action, Command, Refusal};
pub use deadline::{Deadline, Revised, Settled, Settlement};
pub use decision::{Decision, NotADecision, Opening, POLICY};
pub use delivery::{DeliveryReport, DeliveryResult};
pub use digest::Digest;
pub use drafts::{
    Answer, Approval, Draft, DraftAct, DraftApproval, DraftChange, DraftSent, DraftState, DraftVersion, Terms,
    VersionText,
};
pub use escalation::Escalation;
pub use explain::{Condition, Explanation, Standing, Supposed, TriggerStanding};
pub use incident::{
    Act, Awareness, DeliveryState, Incident, IncidentState, NoticeRecord, Owner, Task, TimelineEntry, Told, Verdict,
};
pub use inhibit::{Inhibition, Matcher, Same};
pub use law::Headcount;
pub use located::{Located, LocatedPlace, Residence};
pub use mailing::{Loss, MailTo, Mailed, MailingProgress, MailingTerms, NamedEmployees, Unfinished};
pub use notice::{
    DeadlineFact, DigestLine, IncidentId, Notice, NoticeAffected, NoticeDocument, NoticeFigure, NoticeId, NoticeKind,
    NoticePlace, Recipient, Reply,
};
pub use policy::{
    AwarenessSettings, Contacts, DigestSettings, DraftRule, EscalationSettings, FallbackSettings, FiguresShown,
    JurisdictionSettings, NoticeSettings, PeopleAtMost, Policy, Route, Settings, Target, Trigger,
};
pub use probes::ProbeRecord;
pub use reviews::ContactRecord;
pub use silence::Silence;
pub use state::Counts;
