//! What a command does, or why it does nothing.

mod drafts;

use crate::{
    Action, Awareness, Casebook, Command, Decision, Incident, IncidentState, Opening, Refusal, Settlement, Silence,
    Verdict, decision::POLICY, life, limits,
};
use activity::{Mode, Timestamp, printable_within};

/// The one decision a command makes; what follows from it is found missing afterwards.
pub(crate) fn decide(casebook: &Casebook, now: Timestamp, command: &Command) -> Result<Decision, Refusal> {
    let by = text("by", &command.by)?;
    let command_id = Some(text("id", &command.id)?);
    match &command.action {
        Action::Declare { subject, severity, data_classes, reason } => {
            let opening = Opening {
                subject: subject.clone(),
                mode: Mode::Live,
                severity: *severity,
                data_classes: *data_classes,
                follows: casebook.closed_before(&command.action),
                alert: None,
                by,
                people: None,
                command: command_id,
            };
            let because = text("reason", reason)?;
            let opening = Box::new(opening);
            Ok(Decision::IncidentOpened { at: now, because, incident: casebook.next_id(), opening })
        }
        Action::Silence { subject, detector, until, reason } => {
            if *until <= now || now + limits::SILENCE_MAX < *until {
                return Err(Refusal::SilenceTime);
            }
            if casebook.silences().count() >= limits::SILENCES_MAX {
                return Err(Refusal::TooManySilences);
            }
            let reason = text("reason", reason)?;
            let silence = Silence {
                id: casebook.next_silence(),
                subject: subject.clone(),
                detector: detector.as_deref().map(|detector| text("detector", detector)).transpose()?,
                until: *until,
                reason: reason.clone(),
                proposed_by: by,
                approved_by: None,
                n_alerts: 0,
            };
            Ok(Decision::SilenceProposed { at: now, because: reason, silence, command: command_id })
        }
        Action::ApproveSilence { silence: id } => {
            let silence = find_silence(casebook, *id)?;
            if silence.proposed_by == by {
                return Err(Refusal::SamePerson);
            }
            if silence.approved_by.is_some() {
                return Err(Refusal::Approved(*id));
            }
            if silence.until <= now {
                return Err(Refusal::SilenceTime);
            }
            let because = format!("proposed by {}, approved by {by}", silence.proposed_by);
            Ok(Decision::SilenceApproved { at: now, because, silence: *id, by, command: command_id })
        }
        Action::ErasePersons { tokens, reason } => {
            let is_token = |token: &String| {
                let in_token = |c: char| c.is_ascii_alphanumeric() || c == '-';
                (1..=limits::NAME_MAX).contains(&token.len()) && token.chars().all(in_token)
            };
            if !(1..=limits::ERASED_AT_ONCE).contains(&tokens.len()) || !tokens.iter().all(is_token) {
                return Err(Refusal::Erasure("name the tokens that stand for the person".to_owned()));
            }
            let because = text("reason", reason)?;
            Ok(Decision::PersonsErased { at: now, because, by, tokens: tokens.clone(), command: command_id })
        }
        Action::EndSilence { silence } => {
            find_silence(casebook, *silence)?;
            let because = format!("ended by {by}");
            Ok(Decision::SilenceEnded { at: now, because, silence: *silence, by, command: command_id })
        }
        Action::JudgeAlert { alert, verdict, reason, exception } => {
            if let Some(Err(refusal)) = command.alert_verdict() {
                return Err(Refusal::AlertVerdict(refusal.to_string()));
            }
            Ok(Decision::AlertJudged {
                at: now,
                because: text("reason", reason)?,
                incident: casebook.incident_of(*alert),
                by,
                alert: *alert,
                verdict: *verdict,
                asked_at: command.at,
                exception: exception.clone(),
                command: command_id,
            })
        }
        action => {
            let id = command.incident.ok_or(Refusal::NamesNoIncident)?;
            let incident = casebook.incident(id).ok_or(Refusal::NoSuchIncident(id))?;
            let asked_at = command.at.min(now);
            let asked = Asked { now, asked_at, by, command: command_id };
            if let Action::Draft { draft, act, reason } = action {
                return drafts::decide(casebook.policy(), incident, asked, *draft, act, reason);
            }
            life::decide(casebook, incident, &asked, action).unwrap_or_else(|| about_incident(incident, asked, action))
        }
    }
}

/// Who asks for something, and when.
pub(crate) struct Asked {
    pub(crate) now: Timestamp,
    /// When the person asked; not after `now`.
    asked_at: Timestamp,
    pub(crate) by: String,
    pub(crate) command: Option<String>,
}

fn about_incident(incident: &Incident, asked: Asked, action: &Action) -> Result<Decision, Refusal> {
    let Asked { now: at, asked_at, by, command } = asked;
    let (id, state) = (incident.id, incident.state);
    let must = |fits: bool, wanted: &'static str| {
        if fits { Ok(()) } else { Err(Refusal::NotInThisState { incident: id, state, wanted }) }
    };
    match action {
        Action::Acknowledge => {
            must(state == IncidentState::Open, "acknowledged")?;
            let because = format!("{by} looks after it");
            Ok(Decision::Acknowledged { at, because, incident: id, by, command })
        }
        Action::Contain { reason } => {
            must(state < IncidentState::Contained, "contained")?;
            Ok(Decision::Contained { at, because: text("reason", reason)?, incident: id, by, command })
        }
        Action::SetVerdict { verdict, reason, aware_at } => {
            must(incident.is_open(), "judged")?;
            let because = text("reason", reason)?;
            if aware_at.is_some_and(|aware_at| at < aware_at || *verdict != Verdict::Breach) {
                return Err(Refusal::AwareAt);
            }
            let aware = match verdict {
                Verdict::Breach => {
                    let since = aware_at.unwrap_or(asked_at);
                    Some(Awareness { at: since, by: by.clone(), because: because.clone() })
                }
                Verdict::NotABreach => None,
                // A person who is not sure does not stop what runs.
                Verdict::Undecided => incident.aware.clone(),
            };
            Ok(Decision::VerdictSet { at, because, incident: id, by, verdict: *verdict, aware, command })
        }
        Action::Note { text: note } => {
            Ok(Decision::Noted { at, because: text("text", note)?, incident: id, by, command })
        }
        Action::Settle { obligation, how, reason, told_at } => {
            if *how == Settlement::Withdrawn {
                return Err(Refusal::Withdrawn);
            }
            if told_at.is_some_and(|told_at| at < told_at || *how != Settlement::Met) {
                return Err(Refusal::ToldAt);
            }
            if !incident.deadline(obligation).is_some_and(|deadline| deadline.is_running()) {
                return Err(Refusal::NoSuchDeadline(printable_within(obligation, limits::NAME_MAX)));
            }
            let because = text("reason", reason)?;
            let (obligation, how, told_at) = (obligation.clone(), *how, *told_at);
            Ok(Decision::DeadlineSettled { at, because, incident: id, obligation, how, by, told_at, command })
        }
        Action::RecordMoment { moment, since, reason } => {
            must(incident.is_open(), "changed")?;
            let since = since.unwrap_or(asked_at);
            if at < since {
                return Err(Refusal::MomentAhead);
            }
            let because = text("reason", reason)?;
            Ok(Decision::MomentRecorded { at, because, incident: id, by, moment: *moment, since, command })
        }
        Action::CountPeople { place, lower, upper, reason } => {
            must(incident.is_open(), "changed")?;
            let place = match place.as_str() {
                "" => String::new(),
                written => detector::place(written).map_err(|_| Refusal::Headcount)?.into_string(),
            };
            if upper.is_some_and(|upper| upper < *lower) || !incident.has_room_for(&place) {
                return Err(Refusal::Headcount);
            }
            let because = text("reason", reason)?;
            let (lower, upper) = (*lower, *upper);
            Ok(Decision::PeopleCounted { at, because, incident: id, by, place, lower, upper, command })
        }
        Action::StopNotice { notice, reason } => {
            let held = incident
                .notice(notice)
                .is_some_and(|record| record.is_unsent() && record.notice.hold_until.is_some_and(|until| at < until));
            if !held {
                return Err(Refusal::NotHeld(notice.clone()));
            }
            let because = text("reason", reason)?;
            Ok(Decision::NoticeStopped { at, because, incident: id, notice: notice.clone(), by, command })
        }
        Action::Close => {
            must(incident.is_open(), "closed")?;
            let running: Vec<_> = incident.running_deadlines().iter().map(|deadline| deadline.name.clone()).collect();
            if !running.is_empty() {
                return Err(Refusal::DeadlinesRun(running.join("; ")));
            }
            let tasks: Vec<_> = incident.open_tasks().map(|task| format!("{} {}", task.number, task.title)).collect();
            if !tasks.is_empty() {
                return Err(Refusal::TasksOpen(printable_within(&tasks.join("; "), limits::TEXT_MAX)));
            }
            let because = match incident.verdict {
                Verdict::Undecided => format!("by {by}, without a verdict"),
                verdict => format!("by {by}, with the verdict `{verdict}`"),
            };
            Ok(Decision::Closed { at, because, incident: id, by, command })
        }
        Action::Declare { .. }
        | Action::Report { .. }
        | Action::Draft { .. }
        | Action::JudgeAlert { .. }
        | Action::Silence { .. }
        | Action::ApproveSilence { .. }
        | Action::EndSilence { .. }
        | Action::Reopen { .. }
        | Action::Assign { .. }
        | Action::Unassign { .. }
        | Action::AddTask { .. }
        | Action::FinishTask { .. }
        | Action::ReopenTask { .. }
        | Action::Merge { .. }
        | Action::Split { .. }
        | Action::TestContact { .. }
        | Action::ConfirmContact { .. }
        | Action::ErasePersons { .. }
        | Action::AttestContact { .. } => Err(Refusal::NamesNoIncident),
    }
}

fn find_silence(casebook: &Casebook, id: u64) -> Result<&Silence, Refusal> {
    casebook.silences().find(|silence| silence.id == id).ok_or(Refusal::NoSuchSilence(id))
}

/// What a person wrote: neither empty nor endless, and printable from here on. Nobody may sign as the policy.
pub(crate) fn text(field: &'static str, written: &str) -> Result<String, Refusal> {
    let trimmed = written.trim();
    let signs_as_policy = field == "by" && trimmed.eq_ignore_ascii_case(POLICY);
    if trimmed.is_empty() || signs_as_policy || trimmed.chars().nth(limits::TEXT_MAX).is_some() {
        return Err(Refusal::Text { field });
    }
    Ok(printable_within(trimmed, limits::TEXT_MAX))
}
