//! Drafts that are missing, and drafts that have to go out.

use super::Wanted;
use crate::{
    Approval, Decision, DraftChange, Incident, NoticeDocument, NoticeKind, POLICY, Policy, Verdict,
    drafts::{self, Order},
    limits,
};
use activity::Timestamp;

/// A first version for every limit that runs, where the policy wants one.
pub(super) fn drafts(policy: &Policy, incident: &Incident, at: Timestamp) -> Vec<Decision> {
    if !incident.is_open() || incident.verdict == Verdict::NotABreach {
        return Vec::new();
    }
    let lacks = |obligation: &str| incident.drafts.iter().all(|draft| draft.obligation != obligation);
    let wanted = incident.deadlines.iter().filter(|deadline| {
        deadline.is_running() && lacks(&deadline.obligation) && policy.draft_rule(&deadline.obligation).is_some()
    });
    let room = limits::DRAFTS_MAX.saturating_sub(incident.drafts.len());
    let orders = wanted.filter_map(|deadline| Some((deadline, Order::of(policy, &deadline.obligation)?))).take(room);
    let made = orders.zip(incident.next_draft()..).map(|((deadline, order), number)| {
        let because = format!("the time limit of {} runs", deadline.name);
        changed(incident, at, because, number, order.made(policy, incident, at))
    });
    made.collect()
}

/// What is approved, or whose hold is over, goes out: the newest version, and by exception with what is known by then.
pub(super) fn releases(policy: &Policy, incident: &Incident, now: Timestamp) -> Vec<Decision> {
    let mut wanted = Wanted::new(policy, incident, now);
    for draft in &incident.drafts {
        if incident.draft_goes_at(draft).is_none_or(|at| now < at) {
            continue;
        }
        let (mut version, mut title, mut text) = (draft.version(), draft.title.clone(), draft.text.clone());
        let because = match &draft.approved {
            Some(approved) if draft.is_approved() => format!("version {version} was approved by {}", approved.act.by),
            _ => {
                let phase = drafts::phase_now(draft);
                let written = drafts::rewritten(policy, incident, draft, &draft.answers, phase, now);
                if written.text != text && draft.versions.len() < limits::DRAFT_VERSIONS_MAX {
                    let next = drafts::next_version(draft, written, phase, now);
                    (version, title, text) = (next.version, next.title.clone(), next.text.clone());
                    let because = "what is known has changed since the last version".to_owned();
                    let change = DraftChange::Revised { answer: None, version: next };
                    wanted.decisions.push(changed(incident, now, because, draft.number, change));
                }
                let names = draft.terms.approvers.join(", ");
                format!("its hold is over, and nobody stopped it; who could have: {names}")
            }
        };
        let sha256 = draft::sha256(&text);
        let could_stop = match draft.terms.approval {
            Approval::ByException => draft.terms.approvers.clone(),
            Approval::Required => Vec::new(),
        };
        let (mut notice, mut mailing) = (None, None);
        let mut because = because;
        match &draft.terms.channel {
            _ if incident.mode.is_drill() => because.push_str("; an exercise: nothing leaves"),
            Some(_) if draft.terms.mailing.is_some() => mailing.clone_from(&draft.terms.mailing),
            Some(channel) => {
                let document = NoticeDocument {
                    draft: draft.number,
                    version,
                    sha256: sha256.clone(),
                    language: draft.language,
                    text,
                };
                // What could not be delivered and is approved anew is a notice of its own.
                let before = draft.sent.iter().filter(|sent| sent.sha256 == sha256).count();
                notice = Some(wanted.document(channel, &because, title, document, &could_stop, before));
            }
            None => {}
        }
        // Last: before it is journaled, the draft counts as not sent.
        let change = DraftChange::Sent { version, sha256, notice, could_stop, mailing };
        wanted.decisions.push(changed(incident, now, because, draft.number, change));
    }
    wanted.decisions
}

impl Wanted<'_> {
    /// A notice that is this document and nothing else.
    fn document(
        &mut self,
        channel: &str,
        because: &str,
        title: String,
        document: NoticeDocument,
        may_stop: &[String],
        before: usize,
    ) -> crate::NoticeId {
        let mut step = format!("draft:{}:{}:{}", document.draft, document.version, document.sha256);
        if before > 0 {
            step.push_str(&format!(":{before}"));
        }
        let id = super::notice_id(self.incident, &step, channel);
        if self.incident.requested.contains(&id) || !self.asked.insert(id.clone()) {
            return id;
        }
        let mut notice = self.written(id.clone(), NoticeKind::Draft, channel, None, title, None);
        // Whoever gets it is told the document, and nothing of ours.
        notice.reasons = Vec::new();
        notice.deadlines = Vec::new();
        notice.n_deadlines_beyond = 0;
        notice.link = None;
        notice.document = Some(Box::new(document));
        self.decisions.push(Decision::NoticeRequested {
            notice: Box::new(notice),
            because: because.to_owned(),
            step,
            fallback_of: None,
            may_stop: may_stop.to_vec(),
        });
        id
    }
}

fn changed(incident: &Incident, at: Timestamp, because: String, draft: u32, change: DraftChange) -> Decision {
    Decision::DraftChanged {
        at,
        because,
        incident: incident.id,
        by: POLICY.into(),
        draft,
        change: Box::new(change),
        command: None,
    }
}
