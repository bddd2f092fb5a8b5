//! What the law wants told, as pages and API show it.

use super::{Text, mode, time, time_or_null};
use activity::{Mode, Timestamp};
use serde::Serialize;

/// One draft in a list.
#[derive(Clone, Debug, Serialize)]
pub struct DraftRow {
    /// Within its incident, from 1 on.
    pub number: u32,
    pub title: Text,
    /// Id of the obligation that it meets.
    pub obligation: Text,
    /// `awaits_approval`, `held`, `approved`, `stopped`, `sent`.
    pub state: &'static str,
    /// Number of the newest version.
    pub version: u32,
    /// How many points are not known yet.
    pub n_open: u64,
    /// It goes out then unless somebody stops it.
    #[serde(serialize_with = "time_or_null")]
    pub goes_at: Option<Timestamp>,
}

/// The page of one draft.
#[derive(Clone, Debug, Serialize)]
pub struct DraftPage {
    #[serde(serialize_with = "time")]
    pub at: Timestamp,
    pub incident: String,
    #[serde(flatten, serialize_with = "mode")]
    pub mode: Mode,
    #[serde(flatten)]
    pub summary: DraftRow,
    /// The obligation in words, and what the file of obligations notes about it.
    pub name: Text,
    pub notes: Text,
    /// BCP 47.
    pub language: &'static str,
    /// `required` or `by_exception`.
    pub approval: &'static str,
    /// Who may approve and stop it; empty: everybody who may command.
    pub approvers: Vec<Text>,
    /// `None`: a person sends it.
    pub channel: Option<Text>,
    /// The newest version's canonical text, and the SHA-256 of its bytes.
    pub text: String,
    pub sha256: String,
    /// The same as HTML, every text in it escaped by whoever wrote it.
    #[serde(skip)]
    pub html: String,
    /// What it should say and nobody knows yet.
    pub open: Vec<Text>,
    /// By what is known now it would say something else.
    pub stale: bool,
    /// What people may write, in the document's order.
    pub fields: Vec<DraftField>,
    /// Oldest first.
    pub versions: Vec<DraftVersion>,
    pub sent: Vec<DraftSent>,
    /// It goes to each of the people it concerns, by a mail of their own.
    pub to_each: bool,
    /// Mails of a version are still to leave.
    pub is_mailing: bool,
    /// Whether anything can be done with it still.
    pub can_change: bool,
}

/// What a person wrote for one field.
#[derive(Clone, Debug, Serialize)]
pub struct DraftField {
    /// The word that the command takes.
    pub field: &'static str,
    /// One paragraph a line.
    pub text: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct DraftVersion {
    pub version: u32,
    #[serde(serialize_with = "time")]
    pub at: Timestamp,
    pub by: Text,
    pub because: Text,
    /// `initial`, `follow_up`, `final`.
    pub phase: &'static str,
    pub sha256: String,
    pub n_open: u64,
}

#[derive(Clone, Debug, Serialize)]
pub struct DraftSent {
    pub version: u32,
    pub sha256: String,
    #[serde(serialize_with = "time")]
    pub at: Timestamp,
    pub by: Text,
    pub because: Text,
    /// Its notice among the incident's deliveries; `None`: a person sent it, or it is a drill's.
    pub notice: Option<String>,
    /// Who could have stopped it while it was held.
    pub could_stop: Vec<Text>,
    /// Why the channel could not deliver it; such a sending counts as none.
    pub failed: Option<Text>,
    /// Of one that goes to many people, each by a mail of their own.
    pub mailing: Option<Mailing>,
}

/// How the mails of a version stand.
#[derive(Clone, Debug, Serialize)]
pub struct Mailing {
    /// `waiting`, `running`, `completed`, `stopped`.
    pub state: &'static str,
    /// People known by number to whom it was to go: those reached, those not reached, those left.
    pub n: u64,
    /// Whose mail the relay took, and did not come back.
    pub n_reached: u64,
    pub n_left: u64,
    /// Of these, in the batch on its way; of a mailing that was stopped: whose result is still to come, or never came.
    pub n_on_the_way: u64,
    /// People to be told another way, by the reason; no reason twice.
    pub not_reached: Vec<NotReached>,
    /// How many people it concerns, as far as it is known; `None`: nothing bounds it.
    pub concerned_at_least: u64,
    pub concerned_at_most: Option<u64>,
    #[serde(serialize_with = "time_or_null")]
    pub started_at: Option<Timestamp>,
    #[serde(serialize_with = "time_or_null")]
    pub completed_at: Option<Timestamp>,
    /// Who stopped it and why.
    pub stopped: Option<Text>,
}

/// How many people were not reached for one reason.
#[derive(Clone, Debug, Serialize)]
pub struct NotReached {
    /// `no_address`, `not_listed`, `refused`, `expired`, `bounced`.
    pub why: &'static str,
    pub n: u64,
}

/// Who has to be told another way than by the mails of a draft.
#[derive(Clone, Debug, Serialize)]
pub struct MailingPage {
    #[serde(serialize_with = "time")]
    pub at: Timestamp,
    pub incident: String,
    pub draft: u32,
    /// The newest that went out by mails.
    pub version: u32,
    pub sha256: String,
    #[serde(flatten)]
    pub summary: Mailing,
    /// By number.
    pub people: Vec<NotTold>,
    /// Beyond those.
    pub n_beyond: u64,
}

/// Somebody who was not reached.
#[derive(Clone, Debug, Serialize)]
pub struct NotTold {
    pub employee: Text,
    pub why: &'static str,
}

impl DraftPage {
    /// Whether people are left of the newest version's mails, and nobody writes to them.
    pub(crate) fn mails_stopped(&self) -> bool {
        let newest = self.sent.iter().rev().find(|sent| sent.version == self.summary.version);
        newest.and_then(|sent| sent.mailing.as_ref()).is_some_and(|mailing| mailing.state == "stopped")
    }
}

impl Mailing {
    pub fn n_not_reached(&self) -> u64 {
        self.not_reached.iter().map(|of| of.n).sum()
    }
}
