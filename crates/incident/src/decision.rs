//! Everything that can be decided, each with its time and its reason. The journal holds these and nothing else about
//! incidents; a [`crate::Casebook`] is what remains of them when they are applied in order.

use crate::{
    AlertFact, Awareness, Deadline, DeliveryReport, DeliveryResult, DraftChange, IncidentId, Located, MailingProgress,
    Notice, NoticeId, Settlement, Silence, Verdict, wire,
};
use activity::{DataClasses, Entity, Mode, Timestamp};
use detector::{AlertId, Ruling, Severity, VerdictException};
use law::Moment;
use serde::{Deserialize, Deserializer, Serialize};

/// One decision. `at` is wall time; `because` is the reason, printable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Decision {
    /// An alert that may interrupt people (or a person) opens an incident.
    IncidentOpened {
        #[serde(with = "wire")]
        at: Timestamp,
        because: String,
        #[serde(with = "wire")]
        incident: IncidentId,
        opening: Box<Opening>,
    },
    /// An alert joins an open incident.
    AlertGrouped {
        #[serde(with = "wire")]
        at: Timestamp,
        because: String,
        #[serde(with = "wire")]
        incident: IncidentId,
        alert: Box<AlertFact>,
    },
    /// An alert that would have opened an incident joins another one instead, because the policy says that it follows from that.
    AlertInhibited {
        #[serde(with = "wire")]
        at: Timestamp,
        because: String,
        #[serde(with = "wire")]
        incident: IncidentId,
        alert: Box<AlertFact>,
    },
    /// An alert waits for the daily digest.
    AlertRanked {
        #[serde(with = "wire")]
        at: Timestamp,
        because: String,
        #[serde(with = "wire", default)]
        mode: Mode,
        alert: Box<AlertFact>,
    },
    /// An alert fell under a silence. It is recorded and counted, and nobody is told.
    AlertSilenced {
        #[serde(with = "wire")]
        at: Timestamp,
        because: String,
        silence: u64,
        alert: Box<AlertFact>,
    },
    /// All notices of a day's digest have been requested, or there was nothing to say and nobody wants to hear that.
    DigestMade {
        #[serde(with = "wire")]
        at: Timestamp,
        because: String,
        /// In the digest's zone, as in `2026-03-02`.
        day: String,
        n_alerts: u64,
    },
    SeverityRaised {
        #[serde(with = "wire")]
        at: Timestamp,
        because: String,
        #[serde(with = "wire")]
        incident: IncidentId,
        from: Severity,
        to: Severity,
    },
    /// The policy holds that we are aware, until a person says otherwise.
    AwarenessSet {
        #[serde(with = "wire")]
        at: Timestamp,
        because: String,
        #[serde(with = "wire")]
        incident: IncidentId,
        #[serde(with = "wire")]
        aware_at: Timestamp,
    },
    /// A deadline starts, or starts anew from another time.
    DeadlineArmed {
        #[serde(with = "wire")]
        at: Timestamp,
        because: String,
        #[serde(with = "wire")]
        incident: IncidentId,
        deadline: Box<Deadline>,
    },
    /// All notices of this warning have been requested: of all limits that reached the step at once, so that a journal
    /// cut off anywhere has the whole warning, or none of it and repeats it.
    DeadlineWarned {
        #[serde(with = "wire")]
        at: Timestamp,
        because: String,
        #[serde(with = "wire")]
        incident: IncidentId,
        /// Of one obligation alone, as entries had it before several were told of together, its id.
        #[serde(alias = "obligation", deserialize_with = "one_or_many")]
        obligations: Vec<String>,
        percent: u8,
    },
    DeadlineSettled {
        #[serde(with = "wire")]
        at: Timestamp,
        because: String,
        #[serde(with = "wire")]
        incident: IncidentId,
        obligation: String,
        how: Settlement,
        by: String,
        /// When the recipient was told, if earlier than `at`.
        #[serde(with = "wire", default)]
        told_at: Option<Timestamp>,
        command: Option<String>,
    },
    /// A person recorded when something came to pass that starts time limits.
    MomentRecorded {
        #[serde(with = "wire")]
        at: Timestamp,
        because: String,
        #[serde(with = "wire")]
        incident: IncidentId,
        by: String,
        moment: Moment,
        #[serde(with = "wire")]
        since: Timestamp,
        command: Option<String>,
    },
    /// A person recorded how many people are concerned.
    PeopleCounted {
        #[serde(with = "wire")]
        at: Timestamp,
        because: String,
        #[serde(with = "wire")]
        incident: IncidentId,
        by: String,
        /// ISO 3166 code of where they live; empty: all of them.
        place: String,
        lower: u64,
        upper: Option<u64>,
        command: Option<String>,
    },
    /// The people whom alerts name were counted by where they live, through the directory as it was then.
    PeopleLocated {
        #[serde(with = "wire")]
        at: Timestamp,
        because: String,
        #[serde(with = "wire")]
        incident: IncidentId,
        located: Box<Located>,
    },
    /// A document that the law wants was written, changed, approved, stopped or sent; its texts are kept here and nowhere else.
    DraftChanged {
        #[serde(with = "wire")]
        at: Timestamp,
        because: String,
        #[serde(with = "wire")]
        incident: IncidentId,
        by: String,
        /// Its number within the incident.
        draft: u32,
        change: Box<DraftChange>,
        command: Option<String>,
    },
    /// How far the mails of a draft's version have come that goes to many people; by the batch, not by the mail.
    MailingProgressed {
        #[serde(with = "wire")]
        at: Timestamp,
        because: String,
        #[serde(with = "wire")]
        incident: IncidentId,
        /// Its number within the incident.
        draft: u32,
        version: u32,
        by: String,
        progress: Box<MailingProgress>,
        command: Option<String>,
    },
    /// Somebody has to know.
    NoticeRequested {
        notice: Box<Notice>,
        because: String,
        /// What of the incident it tells; part of the notice's id.
        step: String,
        /// The notice that could not be delivered, if this one stands in for it.
        #[serde(with = "wire")]
        fallback_of: Option<NoticeId>,
        /// Who could stop it while it is held.
        may_stop: Vec<String>,
    },
    /// A person stopped a notice that was held.
    NoticeStopped {
        #[serde(with = "wire")]
        at: Timestamp,
        because: String,
        #[serde(with = "wire")]
        incident: IncidentId,
        #[serde(with = "wire")]
        notice: NoticeId,
        by: String,
        command: Option<String>,
    },
    /// A notice failed for good and nothing is left that could stand in for it.
    NoticeUndeliverable {
        #[serde(with = "wire")]
        at: Timestamp,
        because: String,
        #[serde(with = "wire")]
        incident: IncidentId,
        #[serde(with = "wire")]
        notice: NoticeId,
    },
    /// What a channel said of one attempt.
    DeliveryRecorded {
        /// `None`: a notice this journal does not know, or has left behind.
        #[serde(with = "wire")]
        incident: Option<IncidentId>,
        report: DeliveryReport,
    },
    /// A step of an escalation policy was taken: all its notices have been requested.
    EscalationStepped {
        #[serde(with = "wire")]
        at: Timestamp,
        /// Who is called, and by which schedule or override, or why nobody is.
        because: String,
        #[serde(with = "wire")]
        incident: IncidentId,
        policy: String,
        /// From 0, repetitions included; begins anew when an acknowledgement has lapsed.
        step: u32,
        /// Names of contacts.
        called: Vec<String>,
        /// The next one follows then, unless somebody acknowledges.
        #[serde(with = "wire")]
        next_at: Timestamp,
    },
    /// All steps were taken and nobody has acknowledged: everybody on the list has been told so.
    EscalationEnded {
        #[serde(with = "wire")]
        at: Timestamp,
        because: String,
        #[serde(with = "wire")]
        incident: IncidentId,
        policy: String,
    },
    /// An acknowledgement that nothing followed counts no more.
    AcknowledgementLapsed {
        #[serde(with = "wire")]
        at: Timestamp,
        because: String,
        #[serde(with = "wire")]
        incident: IncidentId,
    },
    Acknowledged {
        #[serde(with = "wire")]
        at: Timestamp,
        because: String,
        #[serde(with = "wire")]
        incident: IncidentId,
        by: String,
        command: Option<String>,
    },
    /// A person holds that no more data gets out.
    Contained {
        #[serde(with = "wire")]
        at: Timestamp,
        because: String,
        #[serde(with = "wire")]
        incident: IncidentId,
        by: String,
        command: Option<String>,
    },
    VerdictSet {
        #[serde(with = "wire")]
        at: Timestamp,
        because: String,
        #[serde(with = "wire")]
        incident: IncidentId,
        by: String,
        verdict: Verdict,
        /// Since when we are aware, after this verdict; `None`: we are not.
        aware: Option<Awareness>,
        command: Option<String>,
    },
    /// A person said what one alert was: the detector learns from it, no incident changes by it.
    AlertJudged {
        #[serde(with = "wire")]
        at: Timestamp,
        because: String,
        /// The incident that the alert is part of, if one here remembers it.
        #[serde(with = "wire")]
        incident: Option<IncidentId>,
        by: String,
        #[serde(with = "wire")]
        alert: AlertId,
        verdict: Ruling,
        /// When the person said so: from then on it counts.
        #[serde(with = "wire")]
        asked_at: Timestamp,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        exception: Option<VerdictException>,
        command: Option<String>,
    },
    Noted {
        #[serde(with = "wire")]
        at: Timestamp,
        /// The note.
        because: String,
        #[serde(with = "wire")]
        incident: IncidentId,
        by: String,
        command: Option<String>,
    },
    /// Another system reported something about the subject of an open incident.
    Reported {
        #[serde(with = "wire")]
        at: Timestamp,
        /// What it said.
        because: String,
        #[serde(with = "wire")]
        incident: IncidentId,
        by: String,
        severity: Severity,
        /// Whom it is about, if the incident is about something else, too.
        #[serde(default, with = "wire", skip_serializing_if = "Option::is_none")]
        subject: Option<Entity>,
        #[serde(default, with = "wire")]
        data_classes: DataClasses,
        /// How many people are concerned at least; `None`: it did not say, or more is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        people: Option<u64>,
        command: Option<String>,
    },
    Closed {
        #[serde(with = "wire")]
        at: Timestamp,
        because: String,
        #[serde(with = "wire")]
        incident: IncidentId,
        by: String,
        command: Option<String>,
    },
    /// A closed incident is open again.
    Reopened {
        #[serde(with = "wire")]
        at: Timestamp,
        because: String,
        #[serde(with = "wire")]
        incident: IncidentId,
        by: String,
        command: Option<String>,
    },
    /// Whose work it is from now on.
    OwnerSet {
        #[serde(with = "wire")]
        at: Timestamp,
        because: String,
        #[serde(with = "wire")]
        incident: IncidentId,
        by: String,
        /// `None`: nobody's.
        owner: Option<String>,
        command: Option<String>,
    },
    TaskAdded {
        #[serde(with = "wire")]
        at: Timestamp,
        /// The task's title.
        because: String,
        #[serde(with = "wire")]
        incident: IncidentId,
        by: String,
        task: u32,
        owner: Option<String>,
        #[serde(with = "wire")]
        due_at: Option<Timestamp>,
        command: Option<String>,
    },
    TaskDone {
        #[serde(with = "wire")]
        at: Timestamp,
        /// What came of it.
        because: String,
        #[serde(with = "wire")]
        incident: IncidentId,
        by: String,
        task: u32,
        command: Option<String>,
    },
    TaskReopened {
        #[serde(with = "wire")]
        at: Timestamp,
        because: String,
        #[serde(with = "wire")]
        incident: IncidentId,
        by: String,
        task: u32,
        command: Option<String>,
    },
    /// An incident goes on in another one. One decision for both, so that a journal cut off anywhere has it for both or for
    /// neither.
    IncidentMerged {
        #[serde(with = "wire")]
        at: Timestamp,
        because: String,
        #[serde(with = "wire")]
        incident: IncidentId,
        #[serde(with = "wire")]
        into: IncidentId,
        by: String,
        command: Option<String>,
    },
    /// Alerts of an incident become one of their own. One decision for both.
    IncidentSplit {
        #[serde(with = "wire")]
        at: Timestamp,
        because: String,
        #[serde(with = "wire")]
        incident: IncidentId,
        /// The new one.
        #[serde(with = "wire")]
        into: IncidentId,
        #[serde(with = "wire")]
        alerts: Vec<AlertId>,
        by: String,
        command: Option<String>,
    },
    /// A person asked for what cannot be.
    CommandRefused {
        #[serde(with = "wire")]
        at: Timestamp,
        because: String,
        /// The incident the command named, whether or not there is one.
        #[serde(with = "wire")]
        incident: Option<IncidentId>,
        by: String,
        command: Option<String>,
    },
    /// Proposed by one person; silences nothing until another approves it.
    SilenceProposed {
        #[serde(with = "wire")]
        at: Timestamp,
        because: String,
        silence: Silence,
        command: Option<String>,
    },
    SilenceApproved {
        #[serde(with = "wire")]
        at: Timestamp,
        because: String,
        silence: u64,
        by: String,
        command: Option<String>,
    },
    SilenceEnded {
        #[serde(with = "wire")]
        at: Timestamp,
        because: String,
        silence: u64,
        by: String,
        command: Option<String>,
    },
    /// A contact was sent a test message: all its notices have been requested.
    ContactTested {
        #[serde(with = "wire")]
        at: Timestamp,
        because: String,
        contact: String,
        #[serde(with = "wire")]
        notices: Vec<NoticeId>,
        by: String,
        command: Option<String>,
    },
    /// The message arrived.
    ContactConfirmed {
        #[serde(with = "wire")]
        at: Timestamp,
        because: String,
        contact: String,
        /// Which test. Entries that do not say it prove no address.
        #[serde(default, with = "wire")]
        test: Option<NoticeId>,
        by: String,
        command: Option<String>,
    },
    /// A channel's way, or another system's interface, was tried.
    ProbeRecorded {
        #[serde(with = "wire")]
        at: Timestamp,
        /// What it showed, in words.
        because: String,
        /// `channel/NAME` or `integration/NAME`.
        probe: String,
        passed: bool,
        /// How long it took.
        millis: u64,
    },
    /// What the journal held of somebody was erased: the tokens stand for nobody any more.
    PersonsErased {
        #[serde(with = "wire")]
        at: Timestamp,
        because: String,
        by: String,
        tokens: Vec<String>,
        command: Option<String>,
    },
    /// Its owner answers for it.
    ContactAttested {
        #[serde(with = "wire")]
        at: Timestamp,
        because: String,
        contact: String,
        /// SHA-256 of the contact's addresses as they were; empty in entries from before it was kept.
        #[serde(default)]
        addresses_sha256: String,
        by: String,
        command: Option<String>,
    },
}

fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        One(String),
        Many(Vec<String>),
    }
    Ok(match Written::deserialize(deserializer)? {
        Written::One(id) => vec![id],
        Written::Many(ids) => ids,
    })
}

/// What an incident begins with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Opening {
    #[serde(with = "wire")]
    pub subject: Entity,
    #[serde(with = "wire")]
    pub mode: Mode,
    pub severity: Severity,
    #[serde(with = "wire")]
    pub data_classes: DataClasses,
    /// The last incident of the same subject, closed by now.
    #[serde(with = "wire")]
    pub follows: Option<IncidentId>,
    /// `None`: a person declared it.
    pub alert: Option<AlertFact>,
    /// `policy`, or who declared it.
    pub by: String,
    /// How many people are concerned at least, where a system that reported it said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub people: Option<u64>,
    pub command: Option<String>,
}

/// What is wrong with a decision's JSON.
#[derive(Debug, thiserror::Error)]
#[error("not a decision: {0}")]
pub struct NotADecision(#[from] serde_json::Error);

/// Who decides when no person does.
pub const POLICY: &str = "policy";

impl Decision {
    /// The body of a journal entry; `kind` is in it too.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::to_value(self).expect("strings, integers and lists of them serialise")
    }

    pub fn from_json(json: &serde_json::Value) -> Result<Self, NotADecision> {
        Ok(Decision::deserialize(json)?)
    }

    /// The journal entry's kind.
    pub const fn kind(&self) -> &'static str {
        match self {
            Decision::IncidentOpened { .. } => "incident_opened",
            Decision::AlertGrouped { .. } => "alert_grouped",
            Decision::AlertInhibited { .. } => "alert_inhibited",
            Decision::AlertRanked { .. } => "alert_ranked",
            Decision::AlertSilenced { .. } => "alert_silenced",
            Decision::DigestMade { .. } => "digest_made",
            Decision::SeverityRaised { .. } => "severity_raised",
            Decision::AwarenessSet { .. } => "awareness_set",
            Decision::DeadlineArmed { .. } => "deadline_armed",
            Decision::DeadlineWarned { .. } => "deadline_warned",
            Decision::DeadlineSettled { .. } => "deadline_settled",
            Decision::MomentRecorded { .. } => "moment_recorded",
            Decision::PeopleCounted { .. } => "people_counted",
            Decision::PeopleLocated { .. } => "people_located",
            Decision::DraftChanged { .. } => "draft_changed",
            Decision::MailingProgressed { .. } => "mailing_progressed",
            Decision::NoticeRequested { .. } => "notice_requested",
            Decision::NoticeStopped { .. } => "notice_stopped",
            Decision::NoticeUndeliverable { .. } => "notice_undeliverable",
            Decision::DeliveryRecorded { .. } => "delivery_recorded",
            Decision::EscalationStepped { .. } => "escalation_stepped",
            Decision::EscalationEnded { .. } => "escalation_ended",
            Decision::AcknowledgementLapsed { .. } => "acknowledgement_lapsed",
            Decision::Acknowledged { .. } => "acknowledged",
            Decision::Contained { .. } => "contained",
            Decision::VerdictSet { .. } => "verdict_set",
            Decision::AlertJudged { .. } => "alert_judged",
            Decision::Noted { .. } => "noted",
            Decision::Reported { .. } => "reported",
            Decision::Closed { .. } => "closed",
            Decision::Reopened { .. } => "reopened",
            Decision::OwnerSet { .. } => "owner_set",
            Decision::TaskAdded { .. } => "task_added",
            Decision::TaskDone { .. } => "task_done",
            Decision::TaskReopened { .. } => "task_reopened",
            Decision::IncidentMerged { .. } => "incident_merged",
            Decision::IncidentSplit { .. } => "incident_split",
            Decision::CommandRefused { .. } => "command_refused",
            Decision::SilenceProposed { .. } => "silence_proposed",
            Decision::SilenceApproved { .. } => "silence_approved",
            Decision::SilenceEnded { .. } => "silence_ended",
            Decision::ContactTested { .. } => "contact_tested",
            Decision::ContactConfirmed { .. } => "contact_confirmed",
            Decision::ContactAttested { .. } => "contact_attested",
            Decision::PersonsErased { .. } => "persons_erased",
            Decision::ProbeRecorded { .. } => "probe_recorded",
        }
    }

    /// Wall time.
    pub fn at(&self) -> Timestamp {
        match self {
            Decision::NoticeRequested { notice, .. } => notice.decided_at,
            Decision::DeliveryRecorded { report, .. } => report.at,
            Decision::IncidentOpened { at, .. }
            | Decision::AlertGrouped { at, .. }
            | Decision::AlertInhibited { at, .. }
            | Decision::AlertRanked { at, .. }
            | Decision::AlertSilenced { at, .. }
            | Decision::DigestMade { at, .. }
            | Decision::SeverityRaised { at, .. }
            | Decision::AwarenessSet { at, .. }
            | Decision::DeadlineArmed { at, .. }
            | Decision::DeadlineWarned { at, .. }
            | Decision::DeadlineSettled { at, .. }
            | Decision::NoticeStopped { at, .. }
            | Decision::NoticeUndeliverable { at, .. }
            | Decision::Acknowledged { at, .. }
            | Decision::Contained { at, .. }
            | Decision::VerdictSet { at, .. }
            | Decision::MomentRecorded { at, .. }
            | Decision::PeopleCounted { at, .. }
            | Decision::PeopleLocated { at, .. }
            | Decision::DraftChanged { at, .. }
            | Decision::MailingProgressed { at, .. }
            | Decision::AlertJudged { at, .. }
            | Decision::Noted { at, .. }
            | Decision::Reported { at, .. }
            | Decision::Closed { at, .. }
            | Decision::Reopened { at, .. }
            | Decision::OwnerSet { at, .. }
            | Decision::TaskAdded { at, .. }
            | Decision::TaskDone { at, .. }
            | Decision::TaskReopened { at, .. }
            | Decision::IncidentMerged { at, .. }
            | Decision::IncidentSplit { at, .. }
            | Decision::CommandRefused { at, .. }
            | Decision::SilenceProposed { at, .. }
            | Decision::SilenceApproved { at, .. }
            | Decision::SilenceEnded { at, .. }
            | Decision::EscalationStepped { at, .. }
            | Decision::EscalationEnded { at, .. }
            | Decision::AcknowledgementLapsed { at, .. }
            | Decision::ContactTested { at, .. }
            | Decision::ContactConfirmed { at, .. }
            | Decision::PersonsErased { at, .. }
            | Decision::ProbeRecorded { at, .. }
            | Decision::ContactAttested { at, .. } => *at,
        }
    }

    /// The reason, in words.
    pub fn because(&self) -> &str {
        match self {
            Decision::DeliveryRecorded { report, .. } => match &report.result {
                DeliveryResult::Accepted { receipt } | DeliveryResult::Confirmed { receipt } => receipt,
                DeliveryResult::Retrying { reason, .. }
                | DeliveryResult::Rejected { reason }
                | DeliveryResult::Expired { reason } => reason,
            },
            Decision::NoticeRequested { because, .. }
            | Decision::IncidentOpened { because, .. }
            | Decision::AlertGrouped { because, .. }
            | Decision::AlertInhibited { because, .. }
            | Decision::AlertRanked { because, .. }
            | Decision::AlertSilenced { because, .. }
            | Decision::DigestMade { because, .. }
            | Decision::SeverityRaised { because, .. }
            | Decision::AwarenessSet { because, .. }
            | Decision::DeadlineArmed { because, .. }
            | Decision::DeadlineWarned { because, .. }
            | Decision::DeadlineSettled { because, .. }
            | Decision::NoticeStopped { because, .. }
            | Decision::NoticeUndeliverable { because, .. }
            | Decision::Acknowledged { because, .. }
            | Decision::Contained { because, .. }
            | Decision::VerdictSet { because, .. }
            | Decision::MomentRecorded { because, .. }
            | Decision::PeopleCounted { because, .. }
            | Decision::PeopleLocated { because, .. }
            | Decision::DraftChanged { because, .. }
            | Decision::MailingProgressed { because, .. }
            | Decision::AlertJudged { because, .. }
            | Decision::Noted { because, .. }
            | Decision::Reported { because, .. }
            | Decision::Closed { because, .. }
            | Decision::Reopened { because, .. }
            | Decision::OwnerSet { because, .. }
            | Decision::TaskAdded { because, .. }
            | Decision::TaskDone { because, .. }
            | Decision::TaskReopened { because, .. }
            | Decision::IncidentMerged { because, .. }
            | Decision::IncidentSplit { because, .. }
            | Decision::CommandRefused { because, .. }
            | Decision::SilenceProposed { because, .. }
            | Decision::SilenceApproved { because, .. }
            | Decision::SilenceEnded { because, .. }
            | Decision::EscalationStepped { because, .. }
            | Decision::EscalationEnded { because, .. }
            | Decision::AcknowledgementLapsed { because, .. }
            | Decision::ContactTested { because, .. }
            | Decision::ContactConfirmed { because, .. }
            | Decision::PersonsErased { because, .. }
            | Decision::ProbeRecorded { because, .. }
            | Decision::ContactAttested { because, .. } => because,
        }
    }

    /// The incident it belongs to, if it belongs to one.
    pub fn incident(&self) -> Option<IncidentId> {
        match self {
            Decision::NoticeRequested { notice, .. } => notice.incident.some(),
            Decision::NoticeUndeliverable { incident, .. } => incident.some(),
            Decision::DeliveryRecorded { incident, .. }
            | Decision::CommandRefused { incident, .. }
            | Decision::AlertJudged { incident, .. } => *incident,
            Decision::IncidentOpened { incident, .. }
            | Decision::AlertGrouped { incident, .. }
            | Decision::AlertInhibited { incident, .. }
            | Decision::SeverityRaised { incident, .. }
            | Decision::AwarenessSet { incident, .. }
            | Decision::DeadlineArmed { incident, .. }
            | Decision::DeadlineWarned { incident, .. }
            | Decision::DeadlineSettled { incident, .. }
            | Decision::NoticeStopped { incident, .. }
            | Decision::EscalationStepped { incident, .. }
            | Decision::EscalationEnded { incident, .. }
            | Decision::AcknowledgementLapsed { incident, .. }
            | Decision::Acknowledged { incident, .. }
            | Decision::Contained { incident, .. }
            | Decision::VerdictSet { incident, .. }
            | Decision::MomentRecorded { incident, .. }
            | Decision::PeopleCounted { incident, .. }
            | Decision::PeopleLocated { incident, .. }
            | Decision::DraftChanged { incident, .. }
            | Decision::MailingProgressed { incident, .. }
            | Decision::Noted { incident, .. }
            | Decision::Reported { incident, .. }
            | Decision::Reopened { incident, .. }
            | Decision::OwnerSet { incident, .. }
            | Decision::TaskAdded { incident, .. }
            | Decision::TaskDone { incident, .. }
            | Decision::TaskReopened { incident, .. }
            | Decision::IncidentMerged { incident, .. }
            | Decision::IncidentSplit { incident, .. }
            | Decision::Closed { incident, .. } => Some(*incident),
            Decision::AlertRanked { .. }
            | Decision::AlertSilenced { .. }
            | Decision::DigestMade { .. }
            | Decision::SilenceProposed { .. }
            | Decision::SilenceApproved { .. }
            | Decision::SilenceEnded { .. }
            | Decision::ContactTested { .. }
            | Decision::ContactConfirmed { .. }
            | Decision::PersonsErased { .. }
            | Decision::ProbeRecorded { .. }
            | Decision::ContactAttested { .. } => None,
        }
    }

    /// Who decided: a person's name, or [`POLICY`].
    pub fn by(&self) -> &str {
        match self {
            Decision::IncidentOpened { opening, .. } => &opening.by,
            Decision::SilenceProposed { silence, .. } => &silence.proposed_by,
            Decision::DeadlineSettled { by, .. }
            | Decision::NoticeStopped { by, .. }
            | Decision::Acknowledged { by, .. }
            | Decision::Contained { by, .. }
            | Decision::VerdictSet { by, .. }
            | Decision::MomentRecorded { by, .. }
            | Decision::PeopleCounted { by, .. }
            | Decision::DraftChanged { by, .. }
            | Decision::MailingProgressed { by, .. }
            | Decision::AlertJudged { by, .. }
            | Decision::Noted { by, .. }
            | Decision::Reported { by, .. }
            | Decision::Closed { by, .. }
            | Decision::Reopened { by, .. }
            | Decision::OwnerSet { by, .. }
            | Decision::TaskAdded { by, .. }
            | Decision::TaskDone { by, .. }
            | Decision::TaskReopened { by, .. }
            | Decision::IncidentMerged { by, .. }
            | Decision::IncidentSplit { by, .. }
            | Decision::CommandRefused { by, .. }
            | Decision::SilenceApproved { by, .. }
            | Decision::SilenceEnded { by, .. }
            | Decision::ContactTested { by, .. }
            | Decision::ContactConfirmed { by, .. }
            | Decision::PersonsErased { by, .. }
            | Decision::ContactAttested { by, .. } => by,
            _ => POLICY,
        }
    }

    /// Id of the command that led to it, if one did.
    pub fn command(&self) -> Option<&str> {
        match self {
            Decision::IncidentOpened { opening, .. } => opening.command.as_deref(),
            Decision::DeadlineSettled { command, .. }
            | Decision::NoticeStopped { command, .. }
            | Decision::Acknowledged { command, .. }
            | Decision::Contained { command, .. }
            | Decision::VerdictSet { command, .. }
            | Decision::MomentRecorded { command, .. }
            | Decision::PeopleCounted { command, .. }
            | Decision::DraftChanged { command, .. }
            | Decision::MailingProgressed { command, .. }
            | Decision::AlertJudged { command, .. }
            | Decision::Noted { command, .. }
            | Decision::Reported { command, .. }
            | Decision::Closed { command, .. }
            | Decision::Reopened { command, .. }
            | Decision::OwnerSet { command, .. }
            | Decision::TaskAdded { command, .. }
            | Decision::TaskDone { command, .. }
            | Decision::TaskReopened { command, .. }
            | Decision::IncidentMerged { command, .. }
            | Decision::IncidentSplit { command, .. }
            | Decision::CommandRefused { command, .. }
            | Decision::SilenceProposed { command, .. }
            | Decision::SilenceApproved { command, .. }
            | Decision::SilenceEnded { command, .. }
            | Decision::ContactTested { command, .. }
            | Decision::ContactConfirmed { command, .. }
            | Decision::PersonsErased { command, .. }
            | Decision::ContactAttested { command, .. } => command.as_deref(),
            _ => None,
        }
    }
}
