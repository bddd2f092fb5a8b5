//! A notice: one message for one recipient over one channel, with every fact a channel may need.
//!
//! Channels render it; they decide nothing. It holds counts, classes, ids and reasons, never a record's value, a
//! statement's text or a password: it leaves our boundary.

use crate::{AffectedPeople, AffectedTable, Residence, wire};
use activity::{DataClasses, DrillId, Entity, Mode, Timestamp};
use detector::{AlertId, Severity};
use draft::Language;
use law::Headcount;
use serde::{Deserialize, Serialize};
use std::fmt;

/// `INC-` and a running number in the order of the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IncidentId(pub u64);

/// 32 hexadecimal digits: SHA-256 of (incident, step, channel, content version). It is the idempotency key at the
/// service, and the same for every repeat.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NoticeId(pub String);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeKind {
    /// A new incident.
    Opened,
    /// Its severity rose, or its data classes widened.
    Escalated,
    /// A deadline comes near.
    DeadlineWarning,
    Acknowledged,
    Closed,
    /// Of no incident: what interrupted nobody since the last one.
    Digest,
    /// Of no incident: whether a contact can be reached.
    ContactTest,
    /// What the law wants told, to whom it wants it told: [`Notice::document`], and nothing else of the incident.
    Draft,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    #[serde(with = "wire")]
    pub id: NoticeId,
    /// [`IncidentId::NONE`]: a digest, or a contact's test.
    #[serde(with = "wire")]
    pub incident: IncidentId,
    pub kind: NoticeKind,
    /// Name of the configured channel: `[[channels]] name`.
    pub channel: String,
    /// Wall time at which it was decided.
    #[serde(with = "wire")]
    pub decided_at: Timestamp,
    /// It may not leave before (approval by exception).
    #[serde(with = "wire")]
    pub hold_until: Option<Timestamp>,
    /// Trying ends then, and the notice is undeliverable.
    #[serde(with = "wire")]
    pub expires_at: Timestamp,
    pub severity: Severity,
    #[serde(with = "wire")]
    pub subject: Entity,
    #[serde(with = "wire")]
    pub data_classes: DataClasses,
    /// Upper estimate of the records concerned.
    pub affected_records: u64,
    /// One line, printable, without marks such as `[DRILL]` (channels add them).
    pub title: String,
    /// What its recipient is told before anything else, as the policy words it for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wording: Option<String>,
    /// The alerts' `why`s, first first; at most 10. Of a digest: what is to be done about contacts.
    pub reasons: Vec<String>,
    /// Of a digest: the signed checkpoint of the journal, in one line, if one is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<String>,
    /// The figures behind the gravest alert, as far as `[notices] figures` lets them leave: what was seen, what is usual, for peers too,
    /// how improbable it is, what contributed, what would make it normal. Empty where nothing is asked of anybody any more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub figures: Vec<NoticeFigure>,
    /// How many different records and people it concerns, with bounds and their reasons, as far as `[notices] figures` lets it leave.
    /// `None`: it may not, no alert tells of records, or nothing is asked of anybody any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub affected: Option<NoticeAffected>,
    /// Of a digest: the worst of its alerts, the worst first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub digest: Vec<DigestLine>,
    /// Of [`NoticeKind::Draft`]: all that may be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<Box<NoticeDocument>>,
    /// How many alerts there are in all.
    pub n_alerts: u64,
    /// Event time of the first alert; of a digest, wall time from which on it tells.
    #[serde(with = "wire")]
    pub first_seen_at: Timestamp,
    pub deadlines: Vec<DeadlineFact>,
    /// Running limits beyond those listed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub n_deadlines_beyond: u64,
    /// The incident's page in the console, if the console's public address is configured.
    pub link: Option<String>,
    /// Set: this is a drill, and every rendering must say so first.
    #[serde(with = "wire")]
    pub drill: Option<DrillId>,
    /// Set: it is for this contact, at this address, instead of whom the channel tells else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipient: Option<Recipient>,
    /// How often an acknowledgement of the incident had lapsed by then.
    #[serde(default, skip_serializing_if = "is_none_yet")]
    pub again: u32,
}

/// The contact that a notice is for, as the contacts said when it was decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipient {
    /// Name of the contact.
    pub contact: String,
    /// As people call it.
    pub title: String,
    /// Of the kind that the channel needs.
    pub address: String,
    /// How this very contact can answer. Put in when the notice is handed over, and never journaled: whoever reads the journal
    /// could answer in the contact's name.
    #[serde(skip)]
    pub reply: Option<Reply>,
}

/// What whoever has it can answer with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Opens a page that asks for a confirmation.
    pub link: Option<String>,
    /// To be typed in instead.
    pub code: Option<String>,
}

/// One alert in a digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DigestLine {
    #[serde(with = "wire")]
    pub alert: AlertId,
    /// Event time.
    #[serde(with = "wire")]
    pub raised_at: Timestamp,
    pub severity: Severity,
    #[serde(with = "wire")]
    pub subject: Entity,
    pub detector: String,
    pub why: String,
    /// One in so many, if nothing had changed: the inverse of its probability, rounded. `None`: a signature.
    pub one_in: Option<u64>,
    #[serde(with = "wire")]
    pub mode: Mode,
    /// Why it did not page, if that was not the budget's doing: an exception or a silence, and who answers for it.
    pub note: Option<String>,
}

/// A version of a draft, as approved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeDocument {
    pub draft: u32,
    pub version: u32,
    /// Of the text's bytes.
    pub sha256: String,
    pub language: Language,
    /// From which the HTML is written too.
    pub text: String,
}

/// One figure behind an alert, in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeFigure {
    /// As [`crate::Figure::name`].
    pub name: String,
    pub words: String,
}

/// [`crate::AffectedRecords`] as they may leave: counts and reasons, and no names but those of tables.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeAffected {
    pub lower: u64,
    pub estimate: u64,
    /// The notice's `affected_records`.
    pub upper: u64,
    /// Why the bounds are what they are, in words.
    pub reason: String,
    /// Different employees; `None`: the ids do not tell.
    pub people: Option<AffectedPeople>,
    /// Whom that counts, or why nobody.
    pub people_reason: String,
    /// By where they live, those of the most people first; at most [`crate::limits::NOTICE_PLACES`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub places: Vec<NoticePlace>,
    /// Places beyond those.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub n_places_beyond: u64,
    /// How they were counted through the directory; empty: they were not.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub places_reason: String,
    /// Tables whose ids are named.
    pub n_tables: u64,
    /// Of those, with `figures = "full"` only, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<AffectedTable>,
}

/// How many people of one place it concerns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticePlace {
    /// ISO 3166 code.
    pub place: String,
    #[serde(flatten)]
    pub count: Headcount,
    /// A person recorded it.
    #[serde(default)]
    pub by_person: bool,
}

impl From<Residence> for NoticePlace {
    fn from(residence: Residence) -> Self {
        NoticePlace { place: residence.place, count: residence.count, by_person: residence.by_person }
    }
}

/// What a notice says of a legal time limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadlineFact {
    /// Id in `config/jurisdictions.yaml`, e.g. `eu-gdpr-33-authority`.
    pub obligation: String,
    pub name: String,
    /// `None`: "without undue delay", no figure in the law.
    #[serde(with = "wire")]
    pub due_at: Option<Timestamp>,
    /// A drill's deadlines never run: shown as an exercise.
    pub simulated: bool,
    /// Thresholds that count as met because the number of people is not known well enough.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assumed: Vec<String>,
}

impl Notice {
    /// One mail of a mailing: a document for one of many people, and of no interest to the others' order.
    pub const fn is_of_mailing(&self) -> bool {
        matches!(self.kind, NoticeKind::Draft) && self.recipient.is_some()
    }
}

impl NoticeKind {
    pub const ALL: [NoticeKind; 8] = [
        NoticeKind::Opened,
        NoticeKind::Escalated,
        NoticeKind::DeadlineWarning,
        NoticeKind::Acknowledged,
        NoticeKind::Closed,
        NoticeKind::Digest,
        NoticeKind::ContactTest,
        NoticeKind::Draft,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            NoticeKind::Opened => "opened",
            NoticeKind::Escalated => "escalated",
            NoticeKind::DeadlineWarning => "deadline_warning",
            NoticeKind::Acknowledged => "acknowledged",
            NoticeKind::Closed => "closed",
            NoticeKind::Digest => "digest",
            NoticeKind::ContactTest => "contact_test",
            NoticeKind::Draft => "draft",
        }
    }
}

impl IncidentId {
    /// None at all: numbers begin at 1.
    pub const NONE: IncidentId = IncidentId(0);

    pub(crate) fn some(self) -> Option<Self> {
        (self != IncidentId::NONE).then_some(self)
    }

    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("INC-")?;
        (!digits.starts_with('+')).then(|| digits.parse().ok().map(IncidentId)).flatten()
    }
}

impl fmt::Display for IncidentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "INC-{}", self.0)
    }
}

impl fmt::Display for NoticeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Recipient {
    pub(crate) fn of(contact: &oncall::Contact, address: &str) -> Self {
        let (contact, title) = (contact.name.clone(), contact.title.clone());
        Recipient { contact, title, address: address.to_owned(), reply: None }
    }
}

fn is_none_yet(n: &u32) -> bool {
    *n == 0
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}
