//! `breachd register export`: the register of breaches (GDPR Art. 33(5)), from the journal.
//!
//! Incidents are folded from the journal as everywhere; an entry is taken when its incident is closed and once more at the end, so
//! that incidents that the casebook has left to the journal are in it too. Drills are no breaches and never in it; an incident that was
//! merged into another one is in it as that one, which has all that it knew.

use crate::{asked::Journal, cli::RegisterFormat, topics::Topics};
use activity::Timestamp;
use draft::Entry;
use incident::{Casebook, Decision, Incident, IncidentId, Policy, Verdict};
use std::{collections::BTreeMap, io::Write, sync::Arc};
use stream::Broker;

/// What of the register is wanted.
pub struct Request {
    pub format: RegisterFormat,
    /// Opened from then on.
    pub from: Option<Timestamp>,
    /// Opened before.
    pub to: Option<Timestamp>,
    /// Those that were found to be none, with the reason.
    pub dismissed: bool,
}

/// Reads the journal, verifies its chain, writes the register.
pub fn export(
    broker: &dyn Broker,
    topics: &Topics,
    policy: Arc<Policy>,
    request: &Request,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let mut closed = Closed::default();
    let journal = Journal::fold(broker, topics, policy, &mut |casebook, decision| closed.take(casebook, decision))?;
    write(&closed.entries(&journal.casebook, request), request.format, out)?;
    Ok(())
}

/// Incidents as they were at their closing.
#[derive(Clone, Default)]
struct Closed(BTreeMap<IncidentId, (Verdict, Entry)>);

impl Closed {
    fn take(&mut self, casebook: &Casebook, decision: &Decision) {
        if let Decision::Closed { incident, .. } = decision
            && let Some(incident) = casebook.incident(*incident)
            && is_registered(incident)
        {
            self.0.insert(incident.id, (incident.verdict, incident.register_entry()));
        }
    }

    /// In the order of the incidents' numbers.
    fn entries(mut self, casebook: &Casebook, request: &Request) -> Vec<Entry> {
        for incident in casebook.incidents().filter(|incident| is_registered(incident)) {
            self.0.insert(incident.id, (incident.verdict, incident.register_entry()));
        }
        let wanted = |(verdict, entry): &(Verdict, Entry)| {
            request.from.is_none_or(|from| from <= entry.opened_at)
                && request.to.is_none_or(|to| entry.opened_at < to)
                && (request.dismissed || *verdict != Verdict::NotABreach)
        };
        self.0.into_values().filter(wanted).map(|(_, entry)| entry).collect()
    }
}

fn is_registered(incident: &Incident) -> bool {
    !incident.mode.is_drill() && incident.merged_into.is_none()
}

fn write(entries: &[Entry], format: RegisterFormat, out: &mut dyn Write) -> std::io::Result<()> {
    if format == RegisterFormat::Csv {
        out.write_all(Entry::csv_header().as_bytes())?;
    }
    entries.iter().try_for_each(|entry| match format {
        RegisterFormat::Csv => out.write_all(entry.csv().as_bytes()),
        RegisterFormat::Jsonl => writeln!(out, "{}", entry.json()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use activity::{DataClass, Entity, EntityKind};
    use incident::{Action, Command};

    #[test]
    fn what_was_closed_and_dismissed_is_told_when_asked_for() {
        let settings: incident::Settings = toml::from_str("").unwrap();
        let law = law::Catalogue::parse(law::Catalogue::DEFAULT).unwrap();
        let policy = Arc::new(Policy::new(settings, &law).unwrap());
        let (mut casebook, mut closed) = (Casebook::new(policy), Closed::default());
        let now: Timestamp = "2026-03-02T21:00:00Z".parse().unwrap();
        let declare = |user: &str| Action::Declare {
            subject: Entity::new(EntityKind::PortalUser, user),
            severity: detector::Severity::Critical,
            data_classes: DataClass::Hr.into(),
            reason: "=seen, by Ada".into(),
        };
        let no_breach = Action::SetVerdict { verdict: Verdict::NotABreach, reason: "a test".into(), aware_at: None };
        let merge = Action::Merge { into: IncidentId(2), reason: "the same thief".into() };
        let all = [
            (None, declare("u1")),
            (None, declare("u2")),
            (Some(1), no_breach),
            (Some(1), Action::Close),
            (None, declare("u3")),
            (Some(3), merge),
        ];
        for (n, (incident, action)) in all.into_iter().enumerate() {
            let incident = incident.map(IncidentId);
            let command = Command { id: format!("c{n}"), by: "Ada".into(), at: now, incident, action };
            for decision in casebook.command(now, &command).unwrap() {
                casebook.apply(&decision);
                closed.take(&casebook, &decision);
            }
        }
        assert!(closed.0.contains_key(&IncidentId(1)), "kept though the casebook may forget it");
        let told = |request: Request| {
            let mut out = Vec::new();
            write(&closed.clone().entries(&casebook, &request), request.format, &mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        let jsonl = Request { format: RegisterFormat::Jsonl, from: None, to: None, dismissed: false };
        let breaches = told(jsonl);
        assert_eq!(breaches.lines().count(), 1);
        assert!(
            breaches.contains("\"reference\":\"INC-2\"") && breaches.contains("eu-gdpr-33-authority"),
            "{breaches}"
        );
        let csv = Request { format: RegisterFormat::Csv, from: Some(now), to: None, dismissed: true };
        let all = told(csv);
        assert_eq!(all.lines().count(), 3, "a header and two incidents: {all}");
        assert!(casebook.incident(IncidentId(3)).is_some() && !all.contains("INC-3,"), "one breach, one line");
        assert!(all.contains("INC-1,") && all.contains("not_a_breach"));
        let later = Request { format: RegisterFormat::Jsonl, from: None, to: Some(now), dismissed: true };
        assert_eq!(told(later), "");
    }
}
