//! What people ask for about drafts.

use super::{Asked, text};
use crate::{
    Answer, Approval, Decision, Draft, DraftAct, DraftChange, DraftState, Incident, Loss, MailingProgress, Policy,
    Refusal,
    drafts::{self, Order},
    limits,
};
use activity::printable_within;
use draft::Phase;

pub(super) fn decide(
    policy: &Policy,
    incident: &Incident,
    asked: Asked,
    number: u32,
    act: &DraftAct,
    reason: &str,
) -> Result<Decision, Refusal> {
    let Asked { now: at, by, command, .. } = asked;
    let refuse = |why: String| Refusal::Draft(why);
    let because = text("reason", reason)?;
    if let DraftAct::Bounced { who } = act {
        let draft = incident.draft(number).ok_or_else(|| refuse(format!("there is no draft {number}")))?;
        if who.len() > limits::BOUNCED_MAX {
            return Err(refuse(format!("at most {} at a time, please", limits::BOUNCED_MAX)));
        }
        let (version, persons) = draft.bounced(incident.id, who).map_err(|unknown| {
            // Not whom: the journal has them by token only.
            refuse(format!("no mail of draft {number} was sent to {} of them", unknown.len()))
        })?;
        let progress = Box::new(MailingProgress::NotReached { persons, loss: Loss::Bounced });
        let (incident, draft) = (incident.id, number);
        return Ok(Decision::MailingProgressed { at, because, incident, draft, version, by, progress, command });
    }
    // Mails go on when an incident is closed or merged, and so does what is decided about them.
    let about_mails = incident.draft(number).is_some_and(|draft| match act {
        DraftAct::Stop => draft.being_mailed().is_some(),
        DraftAct::Approve { version } => draft.mailed(*version).is_some_and(|mailed| mailed.stopped.is_some()),
        _ => false,
    });
    if !incident.is_open() && !about_mails {
        return Err(refuse(format!("incident `{}` is closed: its drafts stay as they are", incident.id)));
    }
    if let DraftAct::Make { obligation } = act {
        if incident.drafts.iter().any(|draft| draft.obligation == *obligation) {
            return Err(refuse(format!("there is a draft for `{obligation}` already")));
        }
        if incident.drafts.len() >= limits::DRAFTS_MAX {
            return Err(refuse(format!("an incident has at most {} drafts", limits::DRAFTS_MAX)));
        }
        let shown = || printable_within(obligation, limits::NAME_MAX);
        let order = Order::of(policy, obligation).ok_or_else(|| {
            refuse(format!("no document is known for `{}`, or it is not among the obligations that apply", shown()))
        })?;
        let change = Box::new(order.made(policy, incident, at));
        let draft = incident.next_draft();
        return Ok(Decision::DraftChanged { at, because, incident: incident.id, by, draft, change, command });
    }
    let draft = incident.draft(number).ok_or_else(|| refuse(format!("there is no draft {number}")))?;
    let change = Box::new(change(policy, incident, draft, act, &by, at)?);
    Ok(Decision::DraftChanged { at, because, incident: incident.id, by, draft: number, change, command })
}

fn change(
    policy: &Policy,
    incident: &Incident,
    draft: &Draft,
    act: &DraftAct,
    by: &str,
    at: activity::Timestamp,
) -> Result<DraftChange, Refusal> {
    let refuse = |why: String| Refusal::Draft(why);
    let number = draft.number;
    let sha256 = draft.newest().map_or_else(String::new, |version| version.sha256.clone());
    let newest = |version: u32| {
        let newest = draft.version();
        let right = version == newest;
        right
            .then_some(())
            .ok_or_else(|| refuse(format!("version {newest} of draft {number} is the newest: look at that one")))
    };
    let may_decide = || {
        let names = draft.terms.approvers.join(" or ");
        draft
            .may_decide(by)
            .then_some(())
            .ok_or_else(|| refuse(format!("only {names} may approve or stop draft {number}")))
    };
    let unsent = || {
        let unsent = !draft.is_sent();
        unsent
            .then_some(())
            .ok_or_else(|| refuse(format!("version {} of draft {number} was sent already", draft.version())))
    };
    let has_room = || {
        let (most, has_room) = (limits::DRAFT_VERSIONS_MAX, draft.sent.len() < limits::DRAFT_VERSIONS_MAX);
        has_room.then_some(()).ok_or_else(|| refuse(format!("draft {number} was sent {most} times, which is the most")))
    };
    match act {
        DraftAct::Make { .. } | DraftAct::Bounced { .. } => Err(refuse("a draft is made once".into())),
        DraftAct::Edit { field, text } => {
            if !draft.form.fields().contains(field) {
                return Err(refuse(format!("`{}` has no place in this document", field.as_str())));
            }
            let written = draft::paragraphs(text);
            let (chars, paragraphs) = (draft::limits::FIELD_MAX, draft::limits::PARAGRAPHS_MAX);
            if text.chars().nth(chars).is_some() || written.len() > paragraphs {
                return Err(refuse(format!("at most {chars} characters in {paragraphs} paragraphs, please")));
            }
            let answer = Answer { field: *field, text: written.join("\n") };
            let mut answers = draft.answers.clone();
            answers.remove(field);
            if !answer.text.is_empty() {
                answers.insert(*field, answer.text.clone());
            }
            revised(policy, incident, draft, &answers, drafts::phase_now(draft), Some(answer), at)
        }
        DraftAct::Redraft { phase } => {
            let phase = match (phase, draft.last_sent().is_none()) {
                (None, _) => drafts::phase_now(draft),
                (Some(phase), true) if *phase == Phase::Initial => Phase::Initial,
                (Some(Phase::Initial), false) => return Err(refuse("the initial notice has been sent".into())),
                (Some(_), true) => return Err(refuse("nothing has been sent that this could follow".into())),
                (Some(phase), false) => *phase,
            };
            revised(policy, incident, draft, &draft.answers, phase, None, at)
        }
        DraftAct::Approve { version } => {
            // Whoever is left of its mails is written to after all, whatever was written since.
            if draft.mailed(*version).is_some_and(|mailed| mailed.stopped.is_some()) {
                may_decide()?;
                let of = draft.versions.iter().find(|of| of.version == *version);
                let sha256 = of.map_or_else(String::new, |of| of.sha256.clone());
                return Ok(DraftChange::Approved { version: *version, sha256 });
            }
            newest(*version)?;
            unsent()?;
            may_decide()?;
            if draft.is_approved() {
                return Err(refuse(format!("version {version} of draft {number} is approved already")));
            }
            has_room()?;
            Ok(DraftChange::Approved { version: *version, sha256 })
        }
        DraftAct::Stop => {
            if let Some(version) = draft.being_mailed() {
                may_decide()?;
                return Ok(DraftChange::Stopped { version });
            }
            unsent()?;
            may_decide()?;
            if draft.state() == DraftState::Stopped {
                return Err(refuse(format!("draft {number} is stopped already")));
            }
            Ok(DraftChange::Stopped { version: draft.version() })
        }
        DraftAct::Send { version } => {
            newest(*version)?;
            unsent()?;
            has_room()?;
            if draft.terms.channel.is_some() {
                may_decide()?;
                return Ok(DraftChange::Approved { version: *version, sha256 });
            }
            if draft.terms.approval == Approval::Required && !draft.is_approved() {
                return Err(refuse(format!("draft {number} must be approved before it is sent")));
            }
            Ok(DraftChange::Sent { version: *version, sha256, notice: None, could_stop: Vec::new(), mailing: None })
        }
    }
}

fn revised(
    policy: &Policy,
    incident: &Incident,
    draft: &Draft,
    answers: &draft::Answers,
    phase: Phase,
    answer: Option<Answer>,
    at: activity::Timestamp,
) -> Result<DraftChange, Refusal> {
    if draft.versions.len() >= limits::DRAFT_VERSIONS_MAX {
        return Err(Refusal::Draft(format!("a draft has at most {} versions", limits::DRAFT_VERSIONS_MAX)));
    }
    let written = drafts::rewritten(policy, incident, draft, answers, phase, at);
    if written.text == draft.text {
        return Err(Refusal::Draft("that changes nothing in the document".into()));
    }
    Ok(DraftChange::Revised { answer, version: drafts::next_version(draft, written, phase, at) })
}
