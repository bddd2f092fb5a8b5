//! What people ask for; console, command line and webhooks all send these through one topic.

use crate::{
    Decision, DraftAct, IncidentId, IncidentState, NoticeId, Settlement, Verdict, commands::text, limits, wire,
};
use activity::{DataClasses, Entity, Timestamp, printable_within};
use detector::{AlertId, AlertVerdict, NotAVerdict, Ruling, Severity, VerdictException};
use law::Moment;
use serde::{Deserialize, Serialize};

/// One request of one person. Repeating an id does nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Command {
    pub id: String,
    /// Who: as authenticated by what received the command.
    pub by: String,
    /// Wall time at which the person asked.
    #[serde(with = "wire")]
    pub at: Timestamp,
    /// `None` only for what is not about one incident: [`Action::Declare`], [`Action::Report`], [`Action::JudgeAlert`], the silences and the contacts.
    #[serde(with = "wire")]
    pub incident: Option<IncidentId>,
    pub action: Action,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// I look after it.
    Acknowledge,
    /// No more data gets out.
    Contain {
        reason: String,
    },
    SetVerdict {
        verdict: Verdict,
        reason: String,
        /// Since when we have been aware; `None`: since this verdict. Only with [`Verdict::Breach`].
        #[serde(with = "wire", default)]
        aware_at: Option<Timestamp>,
    },
    /// What one alert was. The detector hears it as well, and goes by [`Command::at`].
    JudgeAlert {
        #[serde(with = "wire")]
        alert: AlertId,
        verdict: Ruling,
        reason: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        exception: Option<VerdictException>,
    },
    Note {
        text: String,
    },
    /// The obligation's recipient has been told, or need not be.
    Settle {
        obligation: String,
        how: Settlement,
        reason: String,
        /// When the recipient was told; `None`: now. Only with [`Settlement::Met`].
        #[serde(with = "wire", default)]
        told_at: Option<Timestamp>,
    },
    /// Something came to pass that starts time limits: found material, confirmed, discovered earlier than it seemed.
    RecordMoment {
        moment: Moment,
        /// `None`: now.
        #[serde(with = "wire", default)]
        since: Option<Timestamp>,
        reason: String,
    },
    /// How many people are concerned, as a person found out.
    CountPeople {
        /// ISO 3166 code of where they live, such as `DE` or `US-CA`; empty: all of them.
        #[serde(default)]
        place: String,
        lower: u64,
        /// `None`: nothing bounds it.
        #[serde(default)]
        upper: Option<u64>,
        reason: String,
    },
    /// Stops a notice that is still held.
    StopNotice {
        #[serde(with = "wire")]
        notice: NoticeId,
        reason: String,
    },
    /// About what the law wants told.
    Draft {
        /// Number of the draft within the incident.
        draft: u32,
        act: DraftAct,
        reason: String,
    },
    Close,
    /// A closed incident is not over.
    Reopen {
        reason: String,
    },
    /// Whose work it is from now on.
    Assign {
        /// A person's name.
        owner: String,
        reason: String,
    },
    Unassign {
        reason: String,
    },
    AddTask {
        title: String,
        #[serde(default)]
        owner: Option<String>,
        /// Wall time; not in the past.
        #[serde(with = "wire", default)]
        due_at: Option<Timestamp>,
    },
    FinishTask {
        task: u32,
        /// What came of it.
        reason: String,
    },
    ReopenTask {
        task: u32,
        reason: String,
    },
    /// The incident goes on in another one, with all its alerts and legal times.
    Merge {
        #[serde(with = "wire")]
        into: IncidentId,
        reason: String,
    },
    /// Some of its alerts become an incident of their own.
    Split {
        #[serde(with = "wire")]
        alerts: Vec<AlertId>,
        reason: String,
    },
    /// Opens an incident without an alert: somebody saw something.
    Declare {
        #[serde(with = "wire")]
        subject: Entity,
        severity: Severity,
        #[serde(with = "wire")]
        data_classes: DataClasses,
        reason: String,
    },
    /// What another system noticed: opens an incident, or joins the open one about the subject.
    Report {
        #[serde(with = "wire")]
        subject: Entity,
        severity: Severity,
        #[serde(with = "wire")]
        data_classes: DataClasses,
        /// How many people are concerned at least.
        #[serde(default)]
        people: Option<u64>,
        reason: String,
    },
    Silence {
        #[serde(with = "wire")]
        subject: Entity,
        #[serde(default)]
        detector: Option<String>,
        #[serde(with = "wire")]
        until: Timestamp,
        reason: String,
    },
    ApproveSilence {
        silence: u64,
    },
    EndSilence {
        silence: u64,
    },
    /// Sends a contact a message that asks to be confirmed.
    TestContact {
        contact: String,
        /// `None`: one channel of each kind that the contact has an address for.
        #[serde(default)]
        channel: Option<String>,
    },
    /// This test message arrived: whoever says so had the link or the code in it, as checked by what received the command.
    ConfirmContact {
        contact: String,
        #[serde(default, with = "crate::wire")]
        test: Option<NoticeId>,
        reason: String,
    },
    /// Nothing may say any more for whom these tokens of the journal stand. Who they were is not in the command, which is kept for a while.
    ErasePersons {
        tokens: Vec<String>,
        reason: String,
    },
    /// The contact is right, says its owner.
    AttestContact {
        contact: String,
        reason: String,
    },
}

/// Why a command is not carried out. Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("there is no incident `{0}`")]
    NoSuchIncident(IncidentId),
    #[error("the command must name an incident")]
    NamesNoIncident,
    #[error("incident `{incident}` is {state}: it cannot be {wanted}")]
    NotInThisState { incident: IncidentId, state: IncidentState, wanted: &'static str },
    #[error("`{field}` must not be empty nor longer than {} characters", limits::TEXT_MAX)]
    Text { field: &'static str },
    #[error(
        "time limits are running: {0}; meet them, or give the verdict `not_a_breach`, or say why they are not required"
    )]
    DeadlinesRun(String),
    #[error("tasks are open: {0}; record what came of them first")]
    TasksOpen(String),
    #[error("`{field}`: a name of at most {} characters is needed, and not that of the policy", limits::NAME_MAX)]
    Name { field: &'static str },
    #[error("incident `{0}` is {1}'s already")]
    OwnerAlready(IncidentId, String),
    #[error("incident `{0}` has no owner")]
    NoOwner(IncidentId),
    #[error("incident `{0}` has {max} tasks already, which is as many as there can be", max = limits::TASKS_MAX)]
    TooManyTasks(IncidentId),
    #[error("incident `{0}` has no task {1}")]
    NoSuchTask(IncidentId, u32),
    #[error("task {0} is done already")]
    TaskDone(u32),
    #[error("task {0} is open already")]
    TaskOpen(u32),
    #[error("a task's time lies ahead, not behind")]
    TaskDue,
    #[error("incident `{0}` was merged into `{1}`: what is new belongs there")]
    GoesOnElsewhere(IncidentId, IncidentId),
    #[error("an incident is not merged into itself")]
    Itself,
    #[error("`{0}` and `{1}` are not of one mode: a drill and a live incident, or two drills, never meet")]
    Modes(IncidentId, IncidentId),
    #[error("`{0}` has taken in {max} incidents already, which is as many as it can", max = limits::MERGED_MAX)]
    TooManyMerged(IncidentId),
    #[error("together the incidents have more than {} tasks: record what came of some first", limits::TASKS_MAX)]
    TooManyTasksTogether,
    #[error("incident `{0}` keeps no alert `{1}` (it keeps its first {max})", max = limits::ALERTS_KEPT)]
    NotItsAlert(IncidentId, AlertId),
    #[error("name the alerts that are about something else: at least one, and not all that `{0}` keeps")]
    SplitsNothing(IncidentId),
    #[error("`{0}` has been split {max} times already, which is as often as it can be", max = limits::SPLITS_MAX)]
    TooManySplits(IncidentId),
    #[error("`aware_at` must not lie in the future, and goes only with the verdict `breach`")]
    AwareAt,
    /// The detector refuses it as well.
    #[error("{0}")]
    AlertVerdict(String),
    #[error("no time limit of obligation `{0}` is running")]
    NoSuchDeadline(String),
    #[error("a person says `met` or `not_required`; `withdrawn` follows from the verdict")]
    Withdrawn,
    #[error("`told_at` must not lie in the future, and goes only with `met`")]
    ToldAt,
    #[error("what has come to pass does not lie in the future")]
    MomentAhead,
    #[error(
        "a number of people: `upper` not below `lower`, `place` a code of ISO 3166 such as `DE` or `US-CA` or nothing, at most {} places",
        limits::PLACES_MAX
    )]
    Headcount,
    #[error("there is no notice `{0}` that is still held")]
    NotHeld(NoticeId),
    /// Why nobody is erased.
    #[error("{0}")]
    Erasure(String),
    /// Why a draft stays as it is.
    #[error("{0}")]
    Draft(String),
    #[error("a silence must end in the future, at most {} from now", limits::SILENCE_MAX)]
    SilenceTime,
    #[error("there are {} silences already; end one first", limits::SILENCES_MAX)]
    TooManySilences,
    #[error("there is no silence {0}")]
    NoSuchSilence(u64),
    #[error("a silence takes two people: somebody else must approve it")]
    SamePerson,
    #[error("silence {0} is approved already")]
    Approved(u64),
    #[error("{0}")]
    Contact(String),
}

impl Command {
    /// One line of JSON: the value in the topic of commands.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("strings, integers and lists of them serialise")
    }

    pub fn from_json(json: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(json)
    }

    /// What the detector hears of it; `None`: it is about something else.
    ///
    /// # Errors
    /// It may not take effect; the casebook refuses it for the same reason.
    pub fn alert_verdict(&self) -> Option<Result<AlertVerdict, NotAVerdict>> {
        let Action::JudgeAlert { alert, verdict, reason, exception } = &self.action else { return None };
        let verdict = AlertVerdict {
            at: self.at,
            alert: *alert,
            ruling: *verdict,
            by: self.by.clone(),
            reason: reason.clone(),
            exception: exception.clone(),
        };
        let written = [("id", &self.id), ("by", &self.by), ("reason", reason)];
        let unfit = written.into_iter().find(|(field, written)| text(field, written).is_err());
        Some(unfit.map_or_else(|| verdict.check(), |(field, _)| Err(NotAVerdict::Text(field))).map(|()| verdict))
    }
}

impl Refusal {
    /// The refusal as a decision, for the journal: what people asked for in vain is part of the story too.
    pub fn decision(&self, command: &Command, now: Timestamp) -> Decision {
        let shown = |text: &str| match text.trim() {
            "" => "(nobody)".to_owned(),
            name => printable_within(name, limits::NAME_MAX),
        };
        Decision::CommandRefused {
            at: now,
            because: self.to_string(),
            incident: command.incident,
            by: shown(&command.by),
            command: Some(shown(&command.id)),
        }
    }
}
