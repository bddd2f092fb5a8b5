//! Drafts of what the law wants told: of each obligation one document, in versions.
//!
//! A version's text lies in the journal entry that made it, together with its SHA-256: the chain then vouches for the text itself, and who
//! has the journal can read every version ever, with no program of ours. It costs 3 to 8 KiB a version (never more than
//! [`draft::limits::TEXT_BYTES_MAX`]); a store of texts beside the journal would have been one more thing to keep, to erase and to lose.
//! The casebook keeps the newest version's text and that of the last one sent; of the others number, hash, author and reason.
//!
//! Approval is of one version, by its number; a newer one needs it anew. *Required*: nothing goes out before it. *By exception*: it goes
//! out when its hold is over unless somebody stops it; who could have stopped it is journaled with the sending. Whatever is undecided is
//! told in every warning of the time limit; that nobody decided never means that nobody has to be told.
//!
//! Sent means handed to a channel, or that a person said so; it settles no time limit, since a relay's answer does not prove that an
//! authority has it. What a channel could not deliver counts as not sent: the draft stops, says why, and waits for an approval anew. A
//! drill's drafts go through all of it, and nothing leaves.
//!
//! A hold begins anew whenever its document could not have gone out in between: when a limit runs that had ended, and when the incident is
//! opened again. Else a hold that had long passed would send the document in the very moment that somebody takes a verdict back, and
//! nobody could stop it.

use crate::{
    Act, Decision, Incident, Mailed, MailingTerms, NoticeId, Policy, Settlement, Verdict, limits, policy::DraftRule,
    wire,
};
use activity::{EntityKind, Timestamp};
use draft::{Answers, Count, Entry, Facts, Field, Form, KnownBy, Language, Open, Phase, Previous, Sign, Told, Written};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What a person asks for about a draft.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case")]
pub enum DraftAct {
    /// A first version for an obligation that has none; the command's number is not looked at.
    Make { obligation: String },
    /// A new version with this text for one field; empty: what was written is taken out.
    Edit { field: Field, text: String },
    /// A new version by what is known now; with another phase, if one is given.
    Redraft {
        #[serde(default)]
        phase: Option<Phase>,
    },
    /// The newest version may go out, and does at once where a channel is configured.
    Approve { version: u32 },
    /// It does not go out until somebody approves it after all.
    Stop,
    /// As [`DraftAct::Approve`] where a channel is configured; else: a person has sent the newest version.
    Send { version: u32 },
    /// Mails to these people came back: numbers of employees, or the left parts of the mails' Message-IDs.
    Bounced { who: Vec<String> },
}

/// What happened to a draft.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum DraftChange {
    Made {
        obligation: String,
        form: Form,
        language: Language,
        terms: Terms,
        version: VersionText,
    },
    Revised {
        answer: Option<Answer>,
        version: VersionText,
    },
    Approved {
        version: u32,
        sha256: String,
    },
    Stopped {
        version: u32,
    },
    Sent {
        version: u32,
        sha256: String,
        /// `None`: a person sent it, or it is a drill's.
        #[serde(with = "wire")]
        notice: Option<NoticeId>,
        /// Who could have stopped it while it was held.
        could_stop: Vec<String>,
        /// It goes to many people, each by a mail of their own: progress is journaled apart.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        mailing: Option<MailingTerms>,
    },
}

/// What a person wrote for one field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    pub field: Field,
    pub text: String,
}

/// A version with its text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionText {
    pub version: u32,
    pub phase: Phase,
    /// Of the text's bytes.
    pub sha256: String,
    pub open: Vec<Open>,
    pub title: String,
    pub text: String,
    /// By exception: it goes out then.
    #[serde(with = "wire")]
    pub hold_until: Option<Timestamp>,
}

/// Under what terms a draft goes out, as they were when it was made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    pub approval: Approval,
    /// Who may approve and stop it; empty: anybody who may command.
    pub approvers: Vec<String>,
    /// `None`: a person sends it, and says so.
    pub channel: Option<String>,
    pub hold_secs: i64,
    /// The channel brings it to each of these people; `None`: to whom the channel tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mailing: Option<MailingTerms>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Approval {
    #[default]
    Required,
    ByException,
}

/// One document and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Draft {
    /// Within its incident, from 1 on.
    pub number: u32,
    pub obligation: String,
    pub form: Form,
    pub language: Language,
    pub terms: Terms,
    pub answers: Answers,
    /// Oldest first.
    pub versions: Vec<DraftVersion>,
    pub title: String,
    /// Of the newest version.
    #[serde(skip)]
    pub text: String,
    pub approved: Option<DraftApproval>,
    pub stopped: Option<Act>,
    #[serde(with = "wire")]
    pub hold_until: Option<Timestamp>,
    /// Oldest first, those in vain too; at most [`limits::DRAFT_VERSIONS_MAX`].
    pub sent: Vec<DraftSent>,
}

/// A version without its text.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DraftVersion {
    pub version: u32,
    #[serde(with = "wire")]
    pub at: Timestamp,
    pub by: String,
    pub because: String,
    pub phase: Phase,
    pub sha256: String,
    pub open: Vec<Open>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DraftApproval {
    pub version: u32,
    pub act: Act,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DraftSent {
    pub version: u32,
    pub phase: Phase,
    pub sha256: String,
    #[serde(with = "wire")]
    pub notice: Option<NoticeId>,
    pub could_stop: Vec<String>,
    pub act: Act,
    /// Why the channel could not deliver it; such a sending counts as none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
    /// Of the last two that count; empty for the others.
    #[serde(skip)]
    text: String,
    /// How the mails to many people stand.
    pub mailing: Option<Mailed>,
}

/// Where a draft stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DraftState {
    /// Nothing goes out before somebody approves it.
    AwaitsApproval,
    /// It goes out at the end of its hold.
    Held,
    /// Approved; a person has to send it.
    Approved,
    Stopped,
    /// The newest version has been sent.
    Sent,
}

impl Draft {
    /// The same as part of another incident.
    pub(crate) fn renumbered(&self, number: u32) -> Draft {
        let mut draft = Draft { number, ..self.clone() };
        // Mails go on where they began, once.
        draft.sent.iter_mut().for_each(|sent| sent.mailing = None);
        draft
    }

    /// Number of the newest version.
    pub fn version(&self) -> u32 {
        self.versions.last().map_or(0, |version| version.version)
    }

    pub fn newest(&self) -> Option<&DraftVersion> {
        self.versions.last()
    }

    pub fn phase(&self) -> Phase {
        self.newest().map_or(Phase::Initial, |version| version.phase)
    }

    /// Whether the newest version has been sent, and not in vain.
    pub fn is_sent(&self) -> bool {
        self.last_sent().is_some_and(|sent| sent.version == self.version())
    }

    /// The last sending that was not in vain.
    pub fn last_sent(&self) -> Option<&DraftSent> {
        self.sent_before(u32::MAX)
    }

    /// The last sending of an earlier version than this that was not in vain.
    fn sent_before(&self, version: u32) -> Option<&DraftSent> {
        self.sent.iter().rev().find(|sent| sent.failed.is_none() && sent.version < version)
    }

    /// Why the newest version could not be delivered, if nothing has happened since.
    fn failed(&self) -> Option<&str> {
        let last = self.sent.last().filter(|last| last.version == self.version() && !self.is_approved())?;
        last.failed.as_deref()
    }

    /// Whether the newest version is approved.
    pub fn is_approved(&self) -> bool {
        self.approved.as_ref().is_some_and(|approved| approved.version == self.version())
    }

    pub fn state(&self) -> DraftState {
        match () {
            () if self.is_sent() => DraftState::Sent,
            () if self.is_approved() => DraftState::Approved,
            () if self.stopped.is_some() => DraftState::Stopped,
            () if self.terms.approval == Approval::ByException => DraftState::Held,
            () => DraftState::AwaitsApproval,
        }
    }

    /// The mails of a version that was sent to many people.
    pub fn mailed(&self, version: u32) -> Option<&Mailed> {
        self.sent.iter().rev().find(|sent| sent.version == version)?.mailing.as_ref()
    }

    pub(crate) fn mailed_mut(&mut self, version: u32) -> Option<&mut Mailed> {
        self.sent.iter_mut().rev().find(|sent| sent.version == version)?.mailing.as_mut()
    }

    /// Whether this person may approve and stop it. A name that is only claimed counts as claimed.
    pub(crate) fn may_decide(&self, by: &str) -> bool {
        let name = by.strip_suffix(NAME_AS_GIVEN).unwrap_or(by).trim();
        self.terms.approvers.is_empty()
            || self.terms.approvers.iter().any(|approver| approver.eq_ignore_ascii_case(name))
    }

    fn take(&mut self, version: &VersionText, decision: &Decision) {
        self.versions.push(DraftVersion {
            version: version.version,
            at: decision.at(),
            by: decision.by().to_owned(),
            because: decision.because().to_owned(),
            phase: version.phase,
            sha256: version.sha256.clone(),
            open: version.open.clone(),
        });
        self.hold_until = version.hold_until;
        self.title.clone_from(&version.title);
        self.text.clone_from(&version.text);
    }

    fn apply(&mut self, change: &DraftChange, decision: &Decision) {
        let act = || Act { at: decision.at(), by: decision.by().to_owned(), because: decision.because().to_owned() };
        match change {
            DraftChange::Made { .. } => {}
            DraftChange::Revised { answer, version } => {
                if let Some(Answer { field, text }) = answer {
                    if text.is_empty() {
                        self.answers.remove(field);
                    } else {
                        self.answers.insert(*field, text.clone());
                    }
                }
                self.take(version, decision);
            }
            DraftChange::Approved { version, .. } => {
                if let Some(mailed) = self.mailed_mut(*version) {
                    mailed.stopped = None;
                    return;
                }
                self.approved = Some(DraftApproval { version: *version, act: act() });
                self.stopped = None;
            }
            DraftChange::Stopped { version } => {
                if let Some(mailed) = self.mailed_mut(*version) {
                    mailed.stopped = Some(act());
                    // A newer version that is held or approved does not go out either.
                    if self.is_sent() {
                        return;
                    }
                }
                self.approved = None;
                self.stopped = Some(act());
            }
            DraftChange::Sent { version, sha256, notice, could_stop, mailing } => {
                let phase =
                    self.versions.iter().find(|other| other.version == *version).map_or(self.phase(), |of| of.phase);
                self.stopped = None;
                self.sent.push(DraftSent {
                    version: *version,
                    phase,
                    sha256: sha256.clone(),
                    notice: notice.clone(),
                    could_stop: could_stop.clone(),
                    act: act(),
                    failed: None,
                    text: self.text.clone(),
                    mailing: mailing.clone().map(|terms| Mailed::new(terms, &self.title, &self.text)),
                });
                self.forget_texts();
            }
        }
    }

    /// A follow-up is written by what the sending before it said, and whether a sent one still holds by the one before that.
    fn forget_texts(&mut self) {
        let mut kept = 0;
        for sent in self.sent.iter_mut().rev() {
            if sent.failed.is_some() || kept == 2 {
                sent.text = String::new();
            } else {
                kept += 1;
            }
        }
    }

    /// A channel has delivered a sending or could not. Reports may come in another order: what arrived after all has arrived.
    fn ended(&mut self, notice: &NoticeId, at: Timestamp, failed: Option<&str>) {
        let newest = self.version();
        let Some(sent) = self.sent.iter_mut().find(|sent| sent.notice.as_ref() == Some(notice)) else { return };
        if sent.failed.is_some() == failed.is_some() {
            return;
        }
        sent.failed = failed.map(str::to_owned);
        if sent.version == newest {
            self.approved = None;
            let because = |problem| format!("it could not be delivered: {problem}");
            self.stopped = failed.map(|problem| Act { at, by: crate::POLICY.to_owned(), because: because(problem) });
        }
        self.forget_texts();
    }

    /// The same document of another incident that goes on in this one. What has left is not sent again, and what somebody stopped does
    /// not go out because of a merge.
    pub(crate) fn absorb(&mut self, theirs: &Draft) {
        let mut missing = theirs.answers.clone();
        if theirs.last_sent().is_some() && self.last_sent().is_none() {
            missing = std::mem::replace(self, theirs.renumbered(self.number)).answers;
        } else if theirs.stopped.is_some() && !self.is_sent() && !self.is_approved() {
            self.stopped = self.stopped.take().or_else(|| theirs.stopped.clone());
        }
        for (field, text) in missing {
            self.answers.entry(field).or_insert(text);
        }
    }
}

/// What the desk puts behind a name that nobody has proved.
const NAME_AS_GIVEN: &str = "(name as given)";

/// Takes in what happened to a draft. What does not fit changes nothing.
pub(crate) fn apply(drafts: &mut Vec<Draft>, number: u32, change: &DraftChange, decision: &Decision) {
    if let DraftChange::Made { obligation, form, language, terms, version } = change {
        if drafts.len() < limits::DRAFTS_MAX && drafts.iter().all(|draft| draft.number != number) {
            let mut draft = Draft {
                number,
                obligation: obligation.clone(),
                form: *form,
                language: *language,
                terms: terms.clone(),
                answers: Answers::new(),
                versions: Vec::new(),
                title: String::new(),
                text: String::new(),
                approved: None,
                stopped: None,
                hold_until: None,
                sent: Vec::new(),
            };
            draft.take(version, decision);
            drafts.push(draft);
        }
    } else if let Some(draft) = drafts.iter_mut().find(|draft| draft.number == number) {
        draft.apply(change, decision);
    }
}

impl Terms {
    /// End of a hold that begins now: never past the limit itself, unless that has passed already, in which case those who may stop it
    /// have their time all the same. `None`: it is not held.
    fn hold_until(&self, deadline: Option<&crate::Deadline>, at: Timestamp) -> Option<Timestamp> {
        let end = at + activity::Span::from_secs(self.hold_secs);
        let limit = deadline.and_then(crate::Deadline::limit).filter(|limit| at < *limit);
        (self.approval == Approval::ByException).then(|| limit.map_or(end, |limit| end.min(limit)))
    }
}

/// What a first version is made of.
pub(crate) struct Order<'a> {
    pub(crate) obligation: &'a str,
    pub(crate) form: Form,
    pub(crate) language: Language,
    pub(crate) terms: Terms,
}

impl Order<'_> {
    pub(crate) fn of<'a>(policy: &Policy, obligation: &'a str) -> Option<Order<'a>> {
        let form = Form::of(policy.law().get(obligation)?)?;
        let rule = policy.draft_rule(obligation);
        let language = rule.map_or(Language::English, |rule| rule.language);
        let mut terms = rule.map(DraftRule::terms).unwrap_or_default();
        if let Some(rule) = rule.filter(|rule| form != Form::Authority && rule.channel.is_some()) {
            let residents_of = policy.law().get(obligation)?.residents_of.clone();
            terms.mailing = Some(MailingTerms { to: rule.recipients.unwrap_or_default(), residents_of });
        }
        Some(Order { obligation, form, language, terms })
    }

    /// The change that makes it.
    pub(crate) fn made(self, policy: &Policy, incident: &Incident, at: Timestamp) -> DraftChange {
        let Order { obligation, form, language, terms } = self;
        let facts = facts(policy, incident, obligation, at);
        let written = draft::write(form, language, &facts, &Answers::new(), Phase::Initial, None);
        let hold = terms.hold_until(incident.deadline(obligation), at);
        let language = written.language;
        let version = versioned(1, Phase::Initial, written, hold);
        DraftChange::Made { obligation: obligation.to_owned(), form, language, terms, version }
    }
}

/// What a draft would say now.
pub(crate) fn rewritten(
    policy: &Policy,
    incident: &Incident,
    draft: &Draft,
    answers: &Answers,
    phase: Phase,
    at: Timestamp,
) -> Written {
    rewritten_as(draft.version() + 1, policy, incident, draft, answers, phase, at)
}

fn rewritten_as(
    version: u32,
    policy: &Policy,
    incident: &Incident,
    draft: &Draft,
    answers: &Answers,
    phase: Phase,
    at: Timestamp,
) -> Written {
    let facts = facts(policy, incident, &draft.obligation, at);
    let sent = draft.sent_before(version).map(|sent| Previous { at: sent.act.at, text: &sent.text });
    draft::write(draft.form, draft.language, &facts, answers, phase, sent.filter(|_| phase != Phase::Initial))
}

/// The next version of a draft. The first one after a sending begins a hold of its own.
pub(crate) fn next_version(draft: &Draft, written: Written, phase: Phase, at: Timestamp) -> VersionText {
    let anew = draft.is_sent() && draft.terms.approval == Approval::ByException;
    let hold = if anew { Some(at + activity::Span::from_secs(draft.terms.hold_secs)) } else { draft.hold_until };
    versioned(draft.version() + 1, phase, written, hold)
}

fn versioned(version: u32, phase: Phase, written: Written, hold_until: Option<Timestamp>) -> VersionText {
    let Written { title, text, open, .. } = written;
    VersionText { version, phase, sha256: draft::sha256(&text), open, title, text, hold_until }
}

/// The phase of what is written next: after something was sent it is a follow-up, and where nothing arrived it is the first.
pub(crate) fn phase_now(draft: &Draft) -> Phase {
    match (draft.phase(), draft.last_sent()) {
        (_, None) => Phase::Initial,
        (Phase::Initial, Some(_)) => Phase::FollowUp,
        (phase, Some(_)) => phase,
    }
}

impl Incident {
    pub fn draft(&self, number: u32) -> Option<&Draft> {
        self.drafts.iter().find(|draft| draft.number == number)
    }

    /// When a draft goes out by itself, if nothing else happens; `None`: it does not.
    pub fn draft_goes_at(&self, draft: &Draft) -> Option<Timestamp> {
        if !self.is_open() || self.verdict == Verdict::NotABreach || draft.is_sent() {
            return None;
        }
        let leaves = draft.terms.channel.is_some() || self.mode.is_drill();
        if draft.is_approved() {
            return draft.approved.as_ref().filter(|_| leaves).map(|approved| approved.act.at);
        }
        // A person who says that the limit is met has told them, so a first document would be a second one.
        let is_due = self.deadline(&draft.obligation).is_some_and(|deadline| match &deadline.settled {
            None => true,
            Some(settled) => settled.how == Settlement::Met && draft.last_sent().is_some(),
        });
        draft.hold_until.filter(|_| is_due && leaves && draft.state() == DraftState::Held)
    }

    /// Whether a draft would say something else now.
    pub fn draft_is_stale(&self, policy: &Policy, draft: &Draft, now: Timestamp) -> bool {
        let version = draft.version();
        rewritten_as(version, policy, self, draft, &draft.answers, draft.phase(), now).text != draft.text
    }

    /// The hold of what is not sent begins now, for this obligation or for all.
    pub(crate) fn hold_drafts_anew(&mut self, obligation: Option<&str>, at: Timestamp) {
        let Incident { drafts, deadlines, .. } = self;
        let concerned = |draft: &&mut Draft| obligation.is_none_or(|of| of == draft.obligation) && !draft.is_sent();
        for draft in drafts.iter_mut().filter(concerned) {
            let deadline = deadlines.iter().find(|deadline| deadline.obligation == draft.obligation);
            draft.hold_until = draft.terms.hold_until(deadline, at);
        }
    }

    /// What became of a document's notice: why it failed, if it did.
    pub(crate) fn document_sent(&mut self, notice: &NoticeId, at: Timestamp, failed: Option<&str>) {
        self.drafts.iter_mut().for_each(|draft| draft.ended(notice, at, failed));
    }

    /// What its drafts wait for, for warnings of these obligations' limits; empty: for nothing.
    pub(crate) fn drafts_wait(&self, obligations: &[&str]) -> String {
        let of = |draft: &&Draft| obligations.contains(&draft.obligation.as_str());
        let words = self.drafts.iter().filter(of).filter_map(|draft| {
            let number = draft.number;
            Some(match draft.state() {
                DraftState::AwaitsApproval if draft.terms.approvers.is_empty() => {
                    format!("draft {number} is not approved yet")
                }
                DraftState::AwaitsApproval => {
                    format!("draft {number} is not approved yet, by {}", draft.terms.approvers.join(" or "))
                }
                DraftState::Stopped if draft.failed().is_some() => {
                    format!("draft {number} could not be delivered: {}", draft.failed().unwrap_or_default())
                }
                DraftState::Stopped => {
                    let by = draft.stopped.as_ref().map_or("somebody", |act| act.by.as_str());
                    format!("draft {number} was stopped by {by} and is not sent")
                }
                DraftState::Approved if draft.terms.channel.is_none() => {
                    format!("draft {number} is approved, and nobody has sent it")
                }
                DraftState::Held => match draft.hold_until {
                    Some(until) => format!("draft {number} goes out at {until} unless somebody stops it"),
                    None => return None,
                },
                DraftState::Sent => return draft.mails_wait(),
                DraftState::Approved => return None,
            })
        });
        words.collect::<Vec<_>>().join("; ")
    }

    /// Its entry in the register of breaches.
    pub fn register_entry(&self) -> Entry {
        let written = |field: Field| {
            let texts: BTreeSet<&String> = self.drafts.iter().filter_map(|draft| draft.answers.get(&field)).collect();
            texts.into_iter().cloned().collect::<Vec<_>>().join("\n")
        };
        let seen =
            self.alerts.iter().filter(|alert| alert.page).take(limits::REASONS_MAX).map(|alert| alert.why.clone());
        let facts = seen.chain([written(Field::Nature)]).filter(|text| !text.is_empty());
        let contained = self.contained.as_ref().map(|act| format!("contained at {}: {}", act.at, act.because));
        let remedial = contained.into_iter().chain([written(Field::Measures)]).filter(|text| !text.is_empty());
        let affected = self.affected();
        let verdict = self.timeline.iter().rev().find(|line| line.kind == "verdict_set");
        Entry {
            reference: self.id.to_string(),
            opened_at: self.opened_at,
            closed_at: self.closed.as_ref().map(|act| act.at),
            verdict: self.verdict.to_string(),
            verdict_by: verdict.map_or_else(String::new, |line| line.by.clone()),
            verdict_because: verdict.map_or_else(String::new, |line| line.what.clone()),
            aware_at: self.moments().get(&law::Moment::Awareness).copied(),
            first_seen_at: self.first_seen_at,
            last_seen_at: self.last_seen_at,
            classes: self.data_classes.iter().map(|class| class.as_str().to_owned()).collect(),
            people: self.people_count(),
            people_reason: affected.people_reason.clone(),
            records: records(&affected),
            records_reason: affected.reason,
            facts: facts.collect::<Vec<_>>().join("\n"),
            effects: written(Field::Consequences),
            remedial: remedial.collect::<Vec<_>>().join("\n"),
            obligations: self.deadlines.iter().map(|deadline| self.registered(deadline)).collect(),
        }
    }

    fn registered(&self, deadline: &crate::Deadline) -> draft::Register {
        let sent = self.drafts.iter().filter(|draft| draft.obligation == deadline.obligation);
        let sent = sent.filter_map(Draft::last_sent).next_back();
        let settled = deadline.settled.as_ref();
        let state = match settled.map(|settled| settled.how) {
            None => "running",
            Some(Settlement::Met) => "met",
            Some(Settlement::NotRequired) => "not_required",
            Some(Settlement::Withdrawn) => "withdrawn",
        };
        draft::Register {
            obligation: deadline.obligation.clone(),
            name: deadline.name.clone(),
            due_at: deadline.due_at,
            state: state.to_owned(),
            at: deadline.told_at().or(settled.map(|settled| settled.at)),
            by: settled.map_or_else(String::new, |settled| settled.by.clone()),
            because: settled.map_or_else(String::new, |settled| settled.reason.clone()),
            sent: sent.map(|sent| (sent.version, sent.sha256.clone())),
        }
    }

    fn people_count(&self) -> Count {
        let total = self.people_concerned().total;
        let by = |by_logs: KnownBy| if self.people.is_empty() { by_logs } else { KnownBy::Person };
        Count { lower: total.lower, lower_by: by(KnownBy::Ids), upper: total.upper, upper_by: by(KnownBy::Directory) }
    }
}

fn records(affected: &crate::AffectedRecords) -> Count {
    if affected.upper == 0 {
        return Count::UNKNOWN;
    }
    // One is what rows without ids prove.
    let lower_by = if affected.lower > 1 { KnownBy::Ids } else { KnownBy::Rows };
    Count { lower: affected.lower, lower_by, upper: Some(affected.upper), upper_by: KnownBy::Rows }
}

fn facts(policy: &Policy, incident: &Incident, obligation: &str, at: Timestamp) -> Facts {
    let deadline = incident.deadline(obligation);
    let due_at = deadline.and_then(|deadline| deadline.due_at);
    let mut through: BTreeMap<EntityKind, u64> = BTreeMap::new();
    for subject in &incident.subjects {
        *through.entry(subject.kind).or_default() += 1;
    }
    let signs: BTreeSet<Sign> = incident.detectors.iter().filter_map(|detector| Sign::of(detector)).collect();
    let places = incident.residences().into_iter().map(|of| {
        let by = if of.by_person { KnownBy::Person } else { KnownBy::Directory };
        (of.place, Count { lower: of.count.lower, lower_by: by, upper: of.count.upper, upper_by: by })
    });
    let told = incident.deadlines.iter().filter(|other| other.obligation != obligation);
    Facts {
        organisation: policy.settings().organisation.clone(),
        reference: incident.id.to_string(),
        drill: incident.mode.is_drill(),
        classes: incident.data_classes,
        signs: signs.into_iter().collect(),
        through: through.into_iter().collect(),
        first_seen_at: incident.first_seen_at,
        last_seen_at: incident.last_seen_at,
        aware_at: incident.moments().get(&law::Moment::Awareness).copied(),
        contained: incident.contained.as_ref().map(|act| draft::Act { at: act.at, words: act.because.clone() }),
        records: records(&incident.affected()),
        people: incident.people_count(),
        places: places.collect(),
        told: told.filter_map(|other| Some(Told { name: other.name.clone(), at: other.told_at()? })).collect(),
        due_at,
        is_late: due_at.is_some_and(|due_at| due_at < at),
    }
}
