//! `breachd outbox`: what is decided and has not got out yet, read from the journal.
//!
//! The outbox is not a store of its own: a notice is in it from the entry that requests it to the entry that ends it, so it survives whatever
//! the journal survives. That is also why this asks no running breachd: whoever wants to know what hangs may have nothing else left that answers.
//! It is as old as the last report in the journal: a try that runs right now is not in it.

use crate::{asked::Journal, settings::Settings};
use activity::{Timestamp, printable};
use incident::{DeliveryState, IncidentId, NoticeRecord};
use serde::Serialize;
use std::{cmp::Reverse, io::Write};
use stream::Broker;

/// What is wanted of it.
pub struct Request {
    /// Over this channel alone.
    pub channel: Option<String>,
    /// A JSON object a line instead of words.
    pub json: bool,
}

/// One notice that waits.
#[derive(Debug, Serialize)]
struct Waiting {
    notice: String,
    /// `None`: a digest, or a test of a contact.
    incident: Option<String>,
    kind: &'static str,
    channel: String,
    /// The contact it is for, if it is for one.
    contact: Option<String>,
    severity: &'static str,
    drill: bool,
    title: String,
    state: &'static str,
    decided_at: String,
    /// It does not leave before.
    hold_until: Option<String>,
    attempts: u32,
    next_attempt_at: Option<String>,
    problem: Option<String>,
    /// Trying ends then.
    expires_at: String,
}

/// Lists what waits, in the order in which it leaves. False: something could not be delivered to anybody, or has been tried in vain.
///
/// # Errors
/// Those of the broker; the chain is broken.
pub fn run(
    broker: &dyn Broker,
    settings: &Settings,
    request: &Request,
    now: Timestamp,
    out: &mut dyn Write,
) -> anyhow::Result<bool> {
    let casebook = Journal::read(broker, settings)?.casebook;
    let mut records: Vec<&NoticeRecord> = casebook.outbox().collect();
    records.retain(|record| request.channel.as_ref().is_none_or(|channel| *channel == record.notice.channel));
    // As each channel takes them: what may leave before what is held, live before drills, the graver and then the older first.
    records.sort_by_key(|record| {
        let notice = &record.notice;
        (
            notice.hold_until.is_some_and(|until| now < until),
            notice.drill.is_some(),
            Reverse(notice.severity),
            notice.decided_at,
        )
    });
    let well = records.iter().all(|record| record.state == DeliveryState::Requested);
    if request.json {
        for record in &records {
            writeln!(out, "{}", serde_json::to_string(&waiting(record))?)?;
        }
        return Ok(well);
    }
    for record in &records {
        let words = line(&waiting(record), now < record.notice.hold_until.unwrap_or(now));
        words.into_iter().try_for_each(|words| writeln!(out, "{}", printable(&words)))?;
    }
    match records.len() {
        0 => writeln!(out, "nothing waits")?,
        n => writeln!(out, "{n} waiting")?,
    }
    Ok(well)
}

fn waiting(record: &NoticeRecord) -> Waiting {
    let notice = &record.notice;
    let time = |at: Timestamp| at.to_string();
    Waiting {
        notice: notice.id.to_string(),
        incident: (notice.incident != IncidentId::NONE).then(|| notice.incident.to_string()),
        kind: notice.kind.as_str(),
        channel: notice.channel.clone(),
        contact: notice.recipient.as_ref().map(|to| to.contact.clone()),
        severity: notice.severity.as_str(),
        drill: notice.drill.is_some(),
        title: notice.title.clone(),
        state: if record.undeliverable { "undeliverable" } else { record.state.as_str() },
        decided_at: time(notice.decided_at),
        hold_until: notice.hold_until.map(time),
        attempts: record.attempts,
        next_attempt_at: record.next_attempt_at.map(time),
        problem: record.problem.clone(),
        expires_at: time(notice.expires_at),
    }
}

fn line(waiting: &Waiting, held: bool) -> Vec<String> {
    let Waiting { notice, kind, channel, severity, title, state, decided_at, attempts, expires_at, .. } = waiting;
    let to = waiting.contact.as_ref().map_or_else(|| channel.clone(), |contact| format!("{channel}, {contact}"));
    let about = waiting.incident.as_deref().unwrap_or("-");
    let drill = if waiting.drill { ", drill" } else { "" };
    let mut lines = vec![format!("{about} {kind} over {to} ({severity}{drill}): {title}")];
    lines.push(match (held, &waiting.hold_until) {
        (true, Some(until)) => format!("    held until {until}; decided {decided_at}; notice {notice}"),
        _ => format!("    {state} since {decided_at}, {attempts} tries, given up at {expires_at}; notice {notice}"),
    });
    if let Some(problem) = &waiting.problem {
        let next = waiting.next_attempt_at.as_ref().map_or_else(String::new, |next| format!("; next try {next}"));
        lines.push(format!("    {problem}{next}"));
    }
    lines
}
