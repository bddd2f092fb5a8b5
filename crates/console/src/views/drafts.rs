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
}
