//! A decision in words: for timelines, the console and exports.

use crate::{Decision, DraftChange, Settlement};
use law::Headcount;

impl Decision {
    /// One sentence, without its time and without who decided. Holds text from logs: make it printable where it is
    /// shown, unless it comes from a timeline.
    pub fn in_words(&self) -> String {
        match self {
            Decision::IncidentOpened { because, opening, .. } => {
                let follows = opening.follows.map_or(String::new(), |before| format!(", follows {before}"));
                format!("opened as {}{follows}: {because}", opening.severity.as_str())
            }
            Decision::AlertGrouped { because, alert, .. } => {
                format!("alert of `{}` joined ({because}): {}", alert.detector, alert.why)
            }
            Decision::AlertInhibited { because, alert, .. } => {
                format!("alert of `{}` kept quiet ({because}): {}", alert.detector, alert.why)
            }
            Decision::AlertRanked { because, alert, .. } => {
                format!("alert of `{}` left to the digest ({because}): {}", alert.detector, alert.why)
            }
            Decision::AlertSilenced { because, alert, .. } => {
                format!("alert of `{}` silenced ({because}): {}", alert.detector, alert.why)
            }
            Decision::DigestMade { because, n_alerts, .. } => {
                format!("daily digest of {n_alerts} alerts made: {because}")
            }
            Decision::SeverityRaised { because, from, to, .. } => {
                format!("severity raised from {} to {}: {because}", from.as_str(), to.as_str())
            }
            Decision::AwarenessSet { because, aware_at, .. } => format!("aware since {aware_at}: {because}"),
            Decision::DeadlineArmed { because, deadline, .. } => {
                let simulated = if deadline.simulated { "simulated time limit" } else { "time limit" };
                let due = match deadline.due_at {
                    Some(due_at) => format!("due {due_at}"),
                    None => "without undue delay".to_owned(),
                };
                format!("{simulated} of {} runs, {due}: {because}", deadline.name)
            }
            Decision::DeadlineWarned { because, .. } => because.clone(),
            Decision::DeadlineSettled { because, obligation, how, .. } => {
                let how = match how {
                    Settlement::Met => "met",
                    Settlement::NotRequired => "not required",
                    Settlement::Withdrawn => "withdrawn",
                };
                format!("time limit `{obligation}` {how}: {because}")
            }
            Decision::MomentRecorded { because, moment, since, .. } => {
                format!("{moment} recorded, at {since}: {because}")
            }
            Decision::PeopleCounted { because, place, lower, upper, .. } => {
                let count = Headcount { lower: *lower, upper: *upper };
                let place = if place.is_empty() { String::new() } else { format!(" who live in {place}") };
                format!("people concerned{place}: {count}: {because}")
            }
            Decision::PeopleLocated { because, located, .. } => {
                format!("people by where they live: {} ({because})", located.in_words())
            }
            Decision::DraftChanged { because, draft, change, .. } => {
                let what = match &**change {
                    DraftChange::Made { obligation, version, .. } => {
                        format!("made for `{obligation}`: {}", version.sha256)
                    }
                    DraftChange::Revised { version, .. } => {
                        format!("has version {}: {}", version.version, version.sha256)
                    }
                    DraftChange::Approved { version, sha256 } => format!("approved, version {version}: {sha256}"),
                    DraftChange::Stopped { version } => format!("stopped, version {version}"),
                    DraftChange::Sent { version, sha256, .. } => format!("sent, version {version}: {sha256}"),
                };
                format!("draft {draft} {what} ({because})")
            }
            Decision::MailingProgressed { because, draft, version, .. } => {
                format!("mails of draft {draft}, version {version}: {because}")
            }
            Decision::NoticeRequested { notice, because, .. } => {
                let held = notice.hold_until.map_or(String::new(), |until| format!(", held until {until}"));
                let to = notice.recipient.as_ref().map_or(String::new(), |to| format!(" for contact `{}`", to.contact));
                format!("notice `{}` to channel `{}`{to}{held}: {because}", notice.kind.as_str(), notice.channel)
            }
            Decision::NoticeStopped { because, notice, .. } => format!("notice {notice} stopped: {because}"),
            Decision::NoticeUndeliverable { because, notice, .. } => {
                format!("notice {notice} is undeliverable: {because}")
            }
            Decision::DeliveryRecorded { report, .. } => format!(
                "notice {}: attempt {} {}: {}",
                report.notice,
                report.attempt,
                report.result.as_str(),
                self.because()
            ),
            Decision::Acknowledged { .. } => "acknowledged".to_owned(),
            Decision::EscalationStepped { because, next_at, .. } => {
                format!("escalated, the next step at {next_at}: {because}")
            }
            Decision::EscalationEnded { because, .. } => format!("escalation is at its end: {because}"),
            Decision::AcknowledgementLapsed { because, .. } => format!("acknowledgement lapsed: {because}"),
            Decision::ContactTested { because, .. } => because.clone(),
            Decision::ContactConfirmed { because, contact, .. } => {
                format!("test of contact `{contact}` confirmed: {because}")
            }
            Decision::ProbeRecorded { because, probe, passed, .. } => {
                let outcome = if *passed { "passed" } else { "FAILED" };
                format!("trial of `{probe}` {outcome}: {because}")
            }
            Decision::PersonsErased { because, tokens, .. } => {
                format!("who {} was is erased: {because}", tokens.join(", "))
            }
            Decision::ContactAttested { because, contact, .. } => format!("contact `{contact}` attested: {because}"),
            Decision::Contained { because, .. } => format!("contained: {because}"),
            Decision::VerdictSet { because, verdict, .. } => format!("verdict `{verdict}`: {because}"),
            Decision::AlertJudged { because, alert, verdict, exception, .. } => {
                let until = exception
                    .as_ref()
                    .map_or(String::new(), |exception| format!(", no pages about the like until {}", exception.until));
                format!("alert {alert} judged `{}`{until}: {because}", verdict.as_str())
            }
            Decision::Noted { because, .. } => format!("note: {because}"),
            Decision::Reported { because, severity, .. } => format!("reported as {}: {because}", severity.as_str()),
            Decision::Closed { because, .. } => format!("closed: {because}"),
            Decision::Reopened { because, .. } => format!("opened again: {because}"),
            Decision::OwnerSet { because, owner: Some(owner), .. } => format!("given to {owner}: {because}"),
            Decision::OwnerSet { because, owner: None, .. } => format!("has no owner any more: {because}"),
            Decision::TaskAdded { because, task, owner, due_at, .. } => {
                let owner = owner.as_ref().map_or(String::new(), |owner| format!(" for {owner}"));
                let due = due_at.map_or(String::new(), |due_at| format!(", due {due_at}"));
                format!("task {task}{owner}{due}: {because}")
            }
            Decision::TaskDone { because, task, .. } => format!("task {task} done: {because}"),
            Decision::TaskReopened { because, task, .. } => format!("task {task} open again: {because}"),
            Decision::IncidentMerged { because, incident, into, .. } => {
                format!("{incident} merged into {into}: {because}")
            }
            Decision::IncidentSplit { because, incident, into, alerts, .. } => {
                format!("{} alerts of {incident} split off as {into}: {because}", alerts.len())
            }
            Decision::CommandRefused { because, .. } => format!("a command was refused: {because}"),
            Decision::SilenceProposed { because, silence, .. } => {
                format!(
                    "silence {} of {} until {} proposed: {because}",
                    silence.id, silence.subject.kind, silence.until
                )
            }
            Decision::SilenceApproved { silence, .. } => format!("silence {silence} approved"),
            Decision::SilenceEnded { because, silence, .. } => format!("silence {silence} ended: {because}"),
        }
    }
}
