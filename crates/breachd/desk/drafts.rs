//! Drafts as the console shows them, and what people do with them as commands.

use crate::settings::limits;
use activity::Timestamp;
use console::{CommandRefusal, DraftAct, views};
use draft::{Document, Field, Looks, Phase};
use incident::{Approval, Draft, DraftState, Incident, Loss, Mailed, Policy};

/// The command's words as the casebook takes them.
pub(super) fn act(act: &DraftAct) -> Result<incident::DraftAct, CommandRefusal> {
    let invalid = |problem: String| CommandRefusal::Invalid(problem);
    Ok(match act {
        DraftAct::Make { obligation } => incident::DraftAct::Make { obligation: obligation.clone() },
        DraftAct::Edit { field, text } => {
            let field = Field::parse(field).ok_or_else(|| invalid(format!("`{field}` is no field of a draft")))?;
            incident::DraftAct::Edit { field, text: text.clone() }
        }
        DraftAct::Redraft { phase } => {
            let known = [Phase::Initial, Phase::FollowUp, Phase::Final];
            let parsed = phase.as_ref().map(|word| {
                let found = known.into_iter().find(|phase| phase.as_str() == word);
                found.ok_or_else(|| invalid(format!("`{word}` is none of `initial`, `follow_up`, `final`")))
            });
            incident::DraftAct::Redraft { phase: parsed.transpose()? }
        }
        DraftAct::Approve { version } => incident::DraftAct::Approve { version: *version },
        DraftAct::Stop => incident::DraftAct::Stop,
        DraftAct::Send { version } => incident::DraftAct::Send { version: *version },
        DraftAct::Bounced { who } => incident::DraftAct::Bounced { who: who.clone() },
    })
}

pub(super) fn row(incident: &Incident, draft: &Draft) -> views::DraftRow {
    views::DraftRow {
        number: draft.number,
        title: draft.title.as_str().into(),
        obligation: draft.obligation.as_str().into(),
        state: match draft.state() {
            DraftState::AwaitsApproval => "awaits_approval",
            DraftState::Held => "held",
            DraftState::Approved => "approved",
            DraftState::Stopped => "stopped",
            DraftState::Sent => "sent",
        },
        version: draft.version(),
        n_open: draft.newest().map_or(0, |version| version.open.len() as u64),
        goes_at: incident.draft_goes_at(draft),
    }
}

/// `None`: it has no version, which cannot be.
pub(super) fn page(policy: &Policy, incident: &Incident, draft: &Draft, now: Timestamp) -> Option<views::DraftPage> {
    let newest = draft.newest()?;
    let obligation = policy.law().get(&draft.obligation);
    let field = |field: &Field| views::DraftField {
        field: field.as_str(),
        text: draft.answers.get(field).cloned().unwrap_or_default(),
    };
    let version = |of: &incident::DraftVersion| views::DraftVersion {
        version: of.version,
        at: of.at,
        by: of.by.as_str().into(),
        because: of.because.as_str().into(),
        phase: of.phase.as_str(),
        sha256: of.sha256.clone(),
        n_open: of.open.len() as u64,
    };
    let sent = |of: &incident::DraftSent| views::DraftSent {
        version: of.version,
        sha256: of.sha256.clone(),
        at: of.act.at,
        by: of.act.by.as_str().into(),
        because: of.act.because.as_str().into(),
        notice: of.notice.as_ref().map(ToString::to_string),
        could_stop: of.could_stop.iter().map(|name| name.as_str().into()).collect(),
        failed: of.failed.as_deref().map(Into::into),
        mailing: of.mailing.as_ref().map(mailed),
    };
    Some(views::DraftPage {
        at: now,
        incident: incident.id.to_string(),
        mode: incident.mode,
        summary: row(incident, draft),
        name: obligation.map_or(draft.obligation.as_str(), |of| of.name.as_str()).into(),
        notes: obligation.map_or("", |of| of.notes.as_str()).into(),
        language: draft.language.tag(),
        approval: match draft.terms.approval {
            Approval::Required => "required",
            Approval::ByException => "by_exception",
        },
        approvers: draft.terms.approvers.iter().map(|name| name.as_str().into()).collect(),
        channel: draft.terms.channel.as_deref().map(Into::into),
        text: draft.text.clone(),
        sha256: newest.sha256.clone(),
        html: Document::read(&draft.text, draft.language).html(Looks::Part),
        open: newest.open.iter().map(|open| open.as_str().into()).collect(),
        stale: incident.is_open() && incident.draft_is_stale(policy, draft, now),
        fields: draft.form.fields().iter().map(field).collect(),
        versions: draft.versions.iter().map(version).collect(),
        sent: draft.sent.iter().map(sent).collect(),
        to_each: draft.terms.mailing.is_some(),
        is_mailing: draft.being_mailed().is_some(),
        can_change: incident.is_open(),
    })
}

/// `None`: no version went out by mails.
pub(super) fn mailing(incident: &Incident, draft: &Draft, now: Timestamp) -> Option<views::MailingPage> {
    let (sent, of) = draft.sent.iter().rev().find_map(|sent| Some((sent, sent.mailing.as_ref()?)))?;
    let people = of.lost().take(limits::MISSED_SHOWN);
    Some(views::MailingPage {
        at: now,
        incident: incident.id.to_string(),
        draft: draft.number,
        version: sent.version,
        sha256: sent.sha256.clone(),
        summary: mailed(of),
        people: people.map(|(person, loss)| views::NotTold { employee: person.into(), why: loss.as_str() }).collect(),
        n_beyond: of.n_lost().saturating_sub(limits::MISSED_SHOWN as u64),
    })
}

fn mailed(of: &Mailed) -> views::Mailing {
    let n_left = u64::from(of.n_left);
    views::Mailing {
        state: match () {
            () if of.completed_at.is_some() => "completed",
            () if of.stopped.is_some() => "stopped",
            () if of.started_at.is_some() => "running",
            () => "waiting",
        },
        n: of.n_reached() + of.n_lost() + n_left,
        n_reached: of.n_reached(),
        n_left,
        n_on_the_way: of.n_on_the_way(),
        not_reached: Loss::ALL
            .into_iter()
            .map(|loss| views::NotReached { why: loss.as_str(), n: of.n_lost_by(loss) })
            .filter(|of| of.n > 0)
            .collect(),
        concerned_at_least: of.concerned.lower,
        concerned_at_most: of.concerned.upper,
        started_at: of.started_at,
        completed_at: of.completed_at,
        stopped: of.stopped.as_ref().map(|act| format!("by {}: {}", act.by, act.because).as_str().into()),
    }
}
