//! Verdicts about alerts: read from a file for a replay, and sent to a running breachd as a command.
//!
//! A verdict goes to `breachd.commands` as it is; whoever reads that topic judges it by the same rule. The console and its API say
//! what an *incident* was; that is a finding about people's duties and starts time limits. This says what one alert was, and the
//! detector learns from it. The two are kept apart on purpose: nobody should teach the detector by closing a ticket.

use crate::{asked, replay::Lines, settings::Usage, topics::Topics};
use anyhow::Context as _;
use detector::{AlertVerdict, VerdictException};
use incident::{Action, Command};
use std::path::Path;
use stream::Broker;

/// Verdicts in one file at most. More are an error.
const VERDICTS_MAX: usize = 100_000;

/// Mistakes of a file that are told at once.
const MISTAKES_SHOWN: usize = 10;

/// Reads a file with one verdict a line; empty lines are passed over.
///
/// # Errors
/// It cannot be read; or [`Usage`], with each line that is no verdict.
pub fn read(path: &Path) -> anyhow::Result<Vec<AlertVerdict>> {
    let cannot = || format!("`{}` cannot be read", path.display());
    let mut lines = Lines::open(path).with_context(cannot)?;
    let (mut verdicts, mut mistakes) = (Vec::new(), Vec::new());
    while let Some((number, line)) = lines.next_line().with_context(cannot)? {
        if line.trim_ascii().is_empty() {
            continue;
        }
        match AlertVerdict::from_json(line) {
            Ok(verdict) => verdicts.push(verdict),
            Err(error) => mistakes.push(format!("{}:{number}: {error}", path.display())),
        }
        if verdicts.len() > VERDICTS_MAX {
            return Err(Usage(format!("`{}` holds more than {VERDICTS_MAX} verdicts", path.display())).into());
        }
    }
    let n_beyond = mistakes.len().saturating_sub(MISTAKES_SHOWN);
    mistakes.truncate(MISTAKES_SHOWN);
    if n_beyond > 0 {
        mistakes.push(format!("and {n_beyond} more"));
    }
    if mistakes.is_empty() { Ok(verdicts) } else { Err(Usage(mistakes.join("\n")).into()) }
}

/// Sends a verdict to whoever runs: the notifier journals it, the detectors go by it. Returns when the broker has it.
///
/// # Errors
/// The broker does not take it.
pub fn send(broker: &dyn Broker, topics: &Topics, instance: &str, verdict: &AlertVerdict) -> anyhow::Result<()> {
    let AlertVerdict { at, alert, ruling, by, reason, exception } = verdict.clone();
    let command = Command {
        // The same verdict sent twice is carried out once.
        id: format!("{instance}-{}-{alert}", at.as_millis()),
        by: format!("{by} (name as given)"),
        at,
        incident: None,
        action: Action::JudgeAlert { alert, verdict: ruling, reason, exception },
    };
    if let Some(Err(error)) = command.alert_verdict() {
        return Err(Usage(error.to_string()).into());
    }
    asked::send(broker, topics, &command).context("the verdict could not be sent")
}

/// `KIND=ID`, as the command line names a subject.
///
/// # Errors
/// What has to be written instead.
pub fn subject(text: &str) -> Result<detector::EntityName, String> {
    let (kind, id) = text.split_once('=').ok_or("write KIND=ID, such as portal_user=u1042")?;
    if activity::EntityKind::parse(kind).is_none() || id.is_empty() {
        let kinds: Vec<&str> = activity::EntityKind::ALL.iter().map(|kind| kind.as_str()).collect();
        return Err(format!("write KIND=ID with one of the kinds {}", kinds.join(", ")));
    }
    Ok(detector::EntityName { kind: kind.into(), id: id.into() })
}

/// The exception that the command line asks for, if it asks for one.
pub fn exception(
    until: Option<activity::Timestamp>,
    subject: Option<detector::EntityName>,
    detectors: Vec<String>,
) -> Option<VerdictException> {
    until.map(|until| VerdictException { until, subject, detectors })
}

#[cfg(test)]
mod tests {
    use super::*;
    use detector::{AlertId, Ruling};

    fn verdict() -> AlertVerdict {
        AlertVerdict {
            at: "2026-03-02T21:14:00Z".parse().unwrap(),
            alert: AlertId::parse(&"0f".repeat(16)).unwrap(),
            ruling: Ruling::Expected,
            by: "Ada".into(),
            reason: "CHG-1".into(),
            exception: None,
        }
    }

    #[test]
    fn a_file_is_read_whole_or_each_bad_line_is_named() {
        let path = std::env::temp_dir().join(format!("breachd-verdicts-{}.jsonl", std::process::id()));
        std::fs::write(&path, format!("{}\n\n{}\n", verdict().to_json(), verdict().to_json())).unwrap();
        assert_eq!(read(&path).unwrap(), [verdict(), verdict()]);
        let lines: Vec<String> =
            (0..14).map(|n| if n == 1 { verdict().to_json() } else { String::from("{}") }).collect();
        std::fs::write(&path, lines.join("\n")).unwrap();
        let error = read(&path).unwrap_err();
        assert!(error.is::<Usage>());
        let said = error.to_string();
        assert!(said.contains(".jsonl:1: ") && !said.contains(".jsonl:2: ") && said.ends_with("and 3 more"), "{said}");
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn what_is_sent_is_what_the_detector_hears() {
        let broker = stream::memory();
        let topics = Topics::new(crate::topics::TopicSettings::default());
        topics.prepare(broker.as_ref()).unwrap();
        send(broker.as_ref(), &topics, "host", &verdict()).unwrap();
        let topic = topics.commands();
        let mut reader = broker.read(&[(&topic, Vec::new())]).unwrap();
        let mut heard = Vec::new();
        while !reader.caught_up() {
            let wait = std::time::Duration::from_millis(10);
            reader
                .poll(10, wait, &mut |record| {
                    heard.push(Command::from_json(record.payload.unwrap_or_default()).unwrap())
                })
                .unwrap();
        }
        let heard: Vec<AlertVerdict> = heard.iter().map(|command| command.alert_verdict().unwrap().unwrap()).collect();
        assert_eq!(heard, [AlertVerdict { by: "Ada (name as given)".into(), ..verdict() }]);
    }

    #[test]
    fn subjects_are_a_kind_and_an_id() {
        assert_eq!(subject("portal_user=a=b").unwrap().id, "a=b");
        assert!(subject("portal_user").is_err() && subject("person=x").is_err() && subject("portal_user=").is_err());
    }
}
