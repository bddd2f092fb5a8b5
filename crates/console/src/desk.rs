//! What the root crate gives the console: answers, and a place to send commands.

use crate::views::{AlertPage, AlertsPage, DraftPage, DrillReport, IncidentPage, MailingPage, Overview, Text};
use activity::Timestamp;
use serde::Serialize;
use std::{collections::BTreeMap, future::Future, pin::Pin};

/// An answer that takes a while: a command waits until the journal has it.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = Result<T, CommandRefusal>> + Send + 'a>>;

/// What a hook's request came to, or why it is refused.
pub type HookPending<'a> = Pin<Box<dyn Future<Output = Result<HookReceipt, HookRefusal>> + Send + 'a>>;

/// The other side of the counter; implemented by the root crate.
///
/// The questions answer from memory and never wait for a dependency: a probe that tests Kafka through us takes us down
/// together with it.
pub trait Desk: Send + Sync + 'static {
    fn overview(&self) -> Overview;
    fn incident(&self, id: &str) -> Option<IncidentPage>;
    /// A draft of an incident, by its number.
    fn draft(&self, incident: &str, number: u32) -> Option<DraftPage>;

    /// How the mails of a draft stand, of the newest version that went out by mails.
    fn mailing(&self, incident: &str, number: u32) -> Option<MailingPage>;
    /// Those that interrupted nobody in the last day, the worst first.
    fn alerts(&self) -> AlertsPage;
    fn alert(&self, id: &str) -> Option<AlertPage>;
    fn drill(&self, id: &str) -> Option<DrillReport>;
    /// What the log sources have shown and leave unknown, as a JSON object; names of sources and tables, never of people.
    fn sources(&self) -> serde_json::Value;
    /// Own state only: partitions assigned, state restored, disk writable.
    fn readiness(&self) -> Readiness;
    /// Whether the loops make progress.
    fn live(&self) -> bool;
    /// Prometheus text, ending in a line break. `breachd_http_…` is added by the console.
    fn metrics(&self) -> String;
    /// Resolves once the journal has the command, or has not.
    fn command(&self, command: CommandRequest) -> Pending<'_, CommandReceipt>;
    /// What one alert was. Resolves once the journal has it.
    fn judge_alert(&self, request: JudgeRequest) -> Pending<'_, JudgeReceipt>;
    fn start_drill(&self, request: DrillRequest) -> Pending<'_, DrillStarted>;
    /// What a signed link of a message asks. Changes nothing: scanners of mail open every link.
    fn link(&self, token: &str) -> Result<LinkPage, LinkRefusal>;
    /// Answers it, in the name of whom it was made for. Resolves once the journal has it; a second time changes nothing.
    fn answer_link(&self, token: String) -> Pending<'_, ()>;
    /// What a program posted: judged by its signature. Resolves once what follows from it is on its way; the journal has it a moment
    /// later, since services do not wait for long.
    fn hook(&self, request: HookRequest) -> HookPending<'_>;
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Readiness {
    pub ready: bool,
    /// Why not, one sentence each; empty when ready.
    pub reasons: Vec<Text>,
}

/// Checked as to form; whether it is allowed is for the desk to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandRequest {
    pub incident: String,
    /// Who commands, in their own words: 1 to [`crate::limits::NAME_CHARACTERS_MAX`] printable characters. The token is
    /// shared, so this name is a claim and the journal should say so.
    pub by: String,
    pub action: Action,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// What was written beside it follows as a note.
    Acknowledge,
    /// The word is one of those offered, or the desk refuses it.
    Verdict {
        verdict: String,
        comment: Option<Text>,
    },
    /// Never empty.
    Note {
        text: Text,
    },
    /// No more data gets out.
    Contain {
        comment: Option<Text>,
    },
    /// The obligation's recipient has been told, or need not be.
    Settle {
        /// As in [`crate::views::Deadline::obligation`]; whether it runs is for the desk to say.
        obligation: String,
        how: Settlement,
        /// When the recipient was told; `None`: now. The desk refuses it with [`Settlement::NotRequired`].
        told_at: Option<Timestamp>,
        comment: Option<Text>,
    },
    /// Something came to pass that starts deadlines.
    RecordMoment {
        /// A word; which there are is for the desk to say.
        moment: String,
        /// `None`: now.
        since: Option<Timestamp>,
        comment: Option<Text>,
    },
    /// How many people are concerned.
    CountPeople {
        /// Code of where they live, such as `DE` or `US-CA`; empty: all of them.
        place: String,
        lower: u64,
        /// `None`: nothing bounds it.
        upper: Option<u64>,
        comment: Option<Text>,
    },
    /// Stops a notice that is still held.
    StopNotice {
        /// As in [`crate::views::Delivery::notice`].
        notice: String,
        comment: Option<Text>,
    },
    /// About what the law wants told.
    Draft {
        draft: u32,
        act: DraftAct,
        comment: Option<Text>,
    },
    /// What was written beside it has come before, as a note.
    Close,
    /// It is not over.
    Reopen {
        reason: Text,
    },
    /// Whose work it is: a name, checked as [`CommandRequest::by`] is.
    Assign {
        owner: String,
        comment: Option<Text>,
    },
    /// Nobody's in particular.
    Unassign {
        comment: Option<Text>,
    },
    AddTask {
        title: Text,
        owner: Option<String>,
        due_at: Option<Timestamp>,
    },
    FinishTask {
        /// As in [`crate::views::Task::task`].
        task: u32,
        comment: Option<Text>,
    },
    ReopenTask {
        task: u32,
        comment: Option<Text>,
    },
    /// It goes on in another incident.
    Merge {
        /// Id of that one.
        into: String,
        reason: Text,
    },
    /// Some of its alerts become an incident of their own.
    Split {
        /// Their ids; at least one.
        alerts: Vec<String>,
        reason: Text,
    },
}

/// What to do about a draft; whether it fits is for the desk to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DraftAct {
    /// A first version for an obligation.
    Make {
        obligation: String,
    },
    /// One field's text, one paragraph a line; empty: what was written is taken out.
    Edit {
        field: String,
        text: String,
    },
    /// Written again by what is known now; `Some`: as the notice of this phase.
    Redraft {
        phase: Option<String>,
    },
    Approve {
        version: u32,
    },
    Stop,
    /// It goes out, or a person has sent it.
    Send {
        version: u32,
    },
    /// Mails to these people came back: numbers of employees, or the left parts of the mails' Message-IDs.
    Bounced {
        who: Vec<String>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settlement {
    Met,
    NotRequired,
}

impl Action {
    pub const fn as_str(&self) -> &'static str {
        match self {
            Action::Acknowledge => "acknowledge",
            Action::Verdict { .. } => "verdict",
            Action::Note { .. } => "note",
            Action::Contain { .. } => "contain",
            Action::Settle { .. } => "settle",
            Action::RecordMoment { .. } => "record_moment",
            Action::CountPeople { .. } => "count_people",
            Action::StopNotice { .. } => "stop_notice",
            Action::Draft { act: DraftAct::Make { .. }, .. } => "draft_make",
            Action::Draft { act: DraftAct::Edit { .. }, .. } => "draft_edit",
            Action::Draft { act: DraftAct::Redraft { .. }, .. } => "draft_redraft",
            Action::Draft { act: DraftAct::Approve { .. }, .. } => "draft_approve",
            Action::Draft { act: DraftAct::Stop, .. } => "draft_stop",
            Action::Draft { act: DraftAct::Send { .. }, .. } => "draft_send",
            Action::Draft { act: DraftAct::Bounced { .. }, .. } => "draft_bounced",
            Action::Close => "close",
            Action::Reopen { .. } => "reopen",
            Action::Assign { .. } => "assign",
            Action::Unassign { .. } => "unassign",
            Action::AddTask { .. } => "add_task",
            Action::FinishTask { .. } => "finish_task",
            Action::ReopenTask { .. } => "reopen_task",
            Action::Merge { .. } => "merge",
            Action::Split { .. } => "split",
        }
    }
}

/// The command is in the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CommandReceipt {
    pub incident: String,
    /// The state after it.
    pub state: Text,
    /// Number of the journal's entry, where it is known already.
    pub entry: Option<u64>,
}

/// A verdict about one alert, checked as to form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JudgeRequest {
    /// Id of the alert.
    pub alert: String,
    /// A word; which there are is for the desk to say.
    pub verdict: String,
    /// As [`CommandRequest::by`].
    pub by: String,
    /// Never empty.
    pub reason: Text,
    /// As in a file of verdicts; checked by the desk.
    pub exception: Option<serde_json::Value>,
}

/// The verdict is in the journal; the detectors hear it as well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct JudgeReceipt {
    pub alert_id: String,
    pub verdict: String,
    /// Number of the journal's entry.
    pub entry: u64,
}

/// What a signed link asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkPage {
    /// What its button says, such as "Acknowledge INC-7".
    pub question: Text,
    /// What it is about, in a sentence.
    pub about: Text,
    /// In whose name it answers.
    pub who: Text,
    pub until: Timestamp,
    pub drill: bool,
    /// Nothing is left to answer, and why.
    pub done: Option<Text>,
}

/// Why a link is not answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkRefusal {
    /// 403
    #[error("{0}")]
    Forged(String),
    /// 410
    #[error("{0}")]
    Expired(String),
}

/// Whose door it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hook {
    /// A channel's service, by the channel's name.
    Channel(String),
    /// A third party's HR system, by its name.
    HrSystem(String),
}

/// As it came: nothing has been judged yet but its size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookRequest {
    pub hook: Hook,
    /// Header fields that came once, by their names in lower case.
    pub headers: BTreeMap<String, String>,
    /// At most [`crate::limits::HOOK_BODY_BYTES_MAX`] bytes.
    pub body: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HookReceipt {
    /// A word: `taken`, or why nothing follows from it.
    pub outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HookRefusal {
    /// 404
    #[error("there is no such hook; `webhook_secret_file` of a channel, or `[[hr_systems]]`, opens one")]
    Unknown,
    /// 401
    #[error("{0}")]
    Forged(String),
    /// 422
    #[error("{0}")]
    Invalid(String),
    /// 503: sending it again is safe.
    #[error("{0}")]
    Unavailable(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrillRequest {
    /// A word, checked by the desk.
    pub scenario: String,
    /// As [`CommandRequest::by`].
    pub by: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DrillStarted {
    pub drill_id: String,
}

/// Why a command was not taken. The reason is shown to whoever sent it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandRefusal {
    /// 404
    #[error("there is no such incident or scenario")]
    NotFound,
    /// 409: right in itself, but not in this state (closed already, a drill runs already).
    #[error("{0}")]
    Conflict(String),
    /// 422: never right, such as an unknown verdict.
    #[error("{0}")]
    Invalid(String),
    /// 503: the journal could not be reached in time. The command may still take effect; sending it again is safe.
    #[error("{0}")]
    Unavailable(String),
}
