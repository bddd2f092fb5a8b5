//! Sends one notice of each kind that tells of an incident, and a digest, over each channel of a file and says what became of it: what programs in other languages
//! are shown, to judge it by libraries of their own.
//!
//! `send CHANNELS.json`: an array of `[[channels]]` tables. Prints a report per line, as the journal has it; exits 1 if a
//! notice was neither accepted nor rejected in time.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it is a program that reports")]

use activity::{DataClass, Entity, EntityKind, Span, Timestamp};
use detector::Severity;
use incident::{DeadlineFact, IncidentId, Notice, NoticeId, NoticeKind};
use notifier::{Dispatcher, NoObserver, Settings, Submission};
use std::{error::Error, process::ExitCode, sync::Arc, time::Duration};

/// For all of it.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let file = std::env::args().nth(1).ok_or("which file of channels?")?;
    let settings: Settings = serde_json::from_str(&std::fs::read_to_string(file)?)?;
    let (sender, mut reports) = tokio::sync::mpsc::channel(100);
    let dispatcher = Dispatcher::start(&settings, sender, Arc::new(NoObserver))?;
    let channels: Vec<String> = dispatcher.channels().map(str::to_owned).collect();
    for channel in &channels {
        match dispatcher.probe(channel).await {
            Ok(words) => println!("{}", serde_json::json!({ "channel": channel, "probe": words })),
            Err(error) => println!("{}", serde_json::json!({ "channel": channel, "failed": error.to_string() })),
        }
    }
    let mut open = 0;
    for channel in &channels {
        // What is for one contact, or a document, goes by mail.
        let kinds =
            NoticeKind::ALL.into_iter().filter(|kind| !matches!(kind, NoticeKind::ContactTest | NoticeKind::Draft));
        for (number, kind) in kinds.enumerate() {
            if dispatcher.submit(notice(channel, number, kind)?) == Submission::Queued {
                open += 1;
            }
        }
    }
    let reported = tokio::time::timeout(PATIENCE, async {
        while open > 0 {
            let Some(report) = reports.recv().await else { break };
            open -= usize::from(report.result.ends_sending());
            println!("{}", serde_json::json!(report));
        }
    });
    Ok(if reported.await.is_ok() && open == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// With characters that signatures and encodings like to stumble over.
fn notice(channel: &str, number: usize, kind: NoticeKind) -> Result<Notice, Box<dyn Error>> {
    let elapsed = std::time::SystemTime::UNIX_EPOCH.elapsed()?;
    let decided_at = Timestamp::from_millis(i64::try_from(elapsed.as_millis())?);
    Ok(Notice {
        id: NoticeId(format!("{channel}-{number}")),
        incident: IncidentId(7),
        kind,
        channel: channel.to_owned(),
        decided_at,
        hold_until: None,
        expires_at: decided_at + Span::from_hours(1),
        severity: Severity::High,
        subject: Entity::new(EntityKind::PortalUser, "müller\u{1f600}"),
        data_classes: DataClass::Hr.into(),
        affected_records: 1840,
        title: "müller read 1,840 rows of \"hr_payroll\" \u{1f600} \\ \u{2028}".into(),
        wording: None,
        reasons: vec!["read 1,840 rows in 5 min; 12 is usual".into()],
        checkpoint: None,
        figures: Vec::new(),
        affected: None,
        digest: Vec::new(),
        n_alerts: 1,
        first_seen_at: decided_at - Span::from_minutes(2),
        deadlines: vec![DeadlineFact {
            obligation: "eu-gdpr-33-authority".into(),
            name: "GDPR Art. 33: tell the authority".into(),
            due_at: Some(decided_at + Span::from_hours(72)),
            simulated: false,
            assumed: Vec::new(),
        }],
        n_deadlines_beyond: 0,
        link: Some("https://breachd.example/incidents/INC-7".into()),
        drill: None,
        recipient: None,
        again: 0,
        document: None,
    })
}
