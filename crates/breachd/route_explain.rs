//! `breachd route explain`: who would have to know of a supposed incident, by the configuration as it is written. The casebook
//! decides ([`incident::Explanation`]); this lays it out. Nothing is sent, and no broker is asked.

use crate::{
    cli::ConfigFiles,
    settings::{Settings, Usage},
};
use activity::{DataClass, Entity, Timestamp};
use clap::Args;
use detector::Severity;
use incident::{Condition, Decision, Explanation, Standing, Supposed, Verdict};
use law::{Headcount, Moment};
use std::{
    collections::BTreeMap,
    io::{self, Write},
};

#[derive(Debug, Args)]
pub struct ExplainArgs {
    #[command(flatten)]
    pub config: ConfigFiles,
    /// hr, payment, hr_adjacent, customer or credentials; may be repeated.
    #[arg(long = "data-class", value_parser = data_class)]
    pub data_classes: Vec<DataClass>,
    /// low, medium, high or critical.
    #[arg(long, default_value = "high", value_parser = severity)]
    pub severity: Severity,
    /// A detector that raised an alert, such as `volume`; may be repeated. Absent: a person declared it.
    #[arg(long = "kind")]
    pub kinds: Vec<String>,
    /// Whom or what it is about, `KIND=ID`.
    #[arg(long, default_value = "portal_user=u1042", value_parser = subject)]
    pub subject: Entity,
    /// How many records are concerned, at most.
    #[arg(long, default_value_t = 0)]
    pub affected: u64,
    /// How many people, `N` or `AT_LEAST-AT_MOST`. Absent: nobody has counted them.
    #[arg(long, value_parser = headcount)]
    pub people: Option<Headcount>,
    /// How many live where, such as `DE=300` or `US-CA=10-20`; may be repeated. Absent: nobody knows.
    #[arg(long = "place", value_parser = place)]
    pub places: Vec<(String, Headcount)>,
    /// What a person has found: undecided, breach or not_a_breach.
    #[arg(long, default_value = "undecided", value_parser = verdict)]
    pub verdict: Verdict,
    /// Something else that came to pass and starts time limits, such as `materiality`; may be repeated.
    #[arg(long = "moment", value_parser = moment)]
    pub moments: Vec<Moment>,
}

fn data_class(text: &str) -> Result<DataClass, &'static str> {
    let class = DataClass::parse(text).filter(|class| *class != DataClass::None);
    class.ok_or("one of hr, payment, hr_adjacent, customer, credentials")
}

fn severity(text: &str) -> Result<Severity, &'static str> {
    let found = Severity::ALL.into_iter().find(|severity| severity.as_str() == text);
    found.ok_or("one of low, medium, high, critical")
}

fn verdict(text: &str) -> Result<Verdict, &'static str> {
    let found = Verdict::ALL.into_iter().find(|verdict| verdict.as_str() == text);
    found.ok_or("one of undecided, breach, not_a_breach")
}

fn moment(text: &str) -> Result<Moment, String> {
    let words: Vec<&str> = Moment::ALL.iter().map(|moment| moment.as_str()).collect();
    Moment::parse(text).ok_or_else(|| format!("one of {}", words.join(", ")))
}

fn subject(text: &str) -> Result<Entity, String> {
    let name = crate::verdicts::subject(text)?;
    let kind = activity::EntityKind::parse(&name.kind).ok_or("write KIND=ID, such as portal_user=u1042")?;
    Ok(Entity::new(kind, name.id.to_string()))
}

fn headcount(text: &str) -> Result<Headcount, &'static str> {
    let (lower, upper) = text.split_once('-').unwrap_or((text, text));
    match (lower.parse(), upper.parse()) {
        (Ok(lower), Ok(upper)) if lower <= upper => Ok(Headcount::between(lower, upper)),
        _ => Err("write a whole number, or two with a dash: 300, 10-20"),
    }
}

fn place(text: &str) -> Result<(String, Headcount), String> {
    let (place, count) = text.split_once('=').ok_or("write PLACE=N, such as DE=300")?;
    let is_code = place.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '-') && place.len() >= 2;
    if !is_code || place.len() > 6 {
        return Err(format!("`{}` is no code of a place, such as DE or US-CA", activity::printable_within(place, 20)));
    }
    Ok((place.to_owned(), headcount(count)?))
}

/// Prints what would follow, now.
///
/// # Errors
/// What is supposed contradicts itself, or nobody reads.
pub fn explain(
    settings: &Settings,
    now: Timestamp,
    arguments: &ExplainArgs,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let known: Vec<&str> = detector::DETECTORS.iter().map(|detector| detector.name).collect();
    if let Some(other) = arguments.kinds.iter().find(|kind| !known.contains(&kind.as_str())) {
        let other = activity::printable_within(other, 60);
        return Err(Usage(format!("there is no detector `{other}`; there are {}", known.join(", "))).into());
    }
    let places: BTreeMap<String, Headcount> = arguments.places.iter().cloned().collect();
    let supposed = Supposed {
        subject: arguments.subject.clone(),
        severity: arguments.severity,
        data_classes: arguments.data_classes.iter().copied().collect(),
        kinds: arguments.kinds.clone(),
        affected_records: arguments.affected,
        people: arguments.people,
        places,
        verdict: arguments.verdict,
        moments: arguments.moments.clone(),
    };
    let explanation = Explanation::of(&settings.policy(), now, &supposed);
    print(settings, &explanation, now, out)?;
    Ok(())
}

fn print(settings: &Settings, explained: &Explanation, now: Timestamp, out: &mut dyn Write) -> io::Result<()> {
    let incident = &explained.incident;
    writeln!(out, "Triggers")?;
    for (number, trigger) in (1..).zip(&explained.triggers) {
        let what = if trigger.matches { "matches" } else { "does not match" };
        line(out, format!("  {number} {what}: {}", trigger.channels.join(", ")))?;
        for Condition { name, met, wanted, found } in &trigger.conditions {
            let met = if *met { "met" } else { "NOT met" };
            line(out, format!("      {met}: {name} = {wanted}; there is {found}"))?;
        }
        if trigger.conditions.is_empty() {
            line(out, "      no condition: every incident".into())?;
        }
    }
    if !explained.triggers.iter().any(|trigger| trigger.matches) {
        line(out, "  none matches: the fallback channels are told".into())?;
    }

    writeln!(out, "\nWho is told")?;
    let mut nobody = true;
    for decision in &explained.decisions {
        let Decision::NoticeRequested { notice, because, may_stop, .. } = decision else { continue };
        nobody = false;
        let kind = settings.channels.iter().find(|channel| channel.name() == notice.channel);
        let kind = kind.map_or("unknown", notifier::ChannelSettings::kind);
        let hold = notice.hold_until.map_or_else(
            || "at once".to_owned(),
            |until| format!("held for {}, unless {} stops it", until - now, may_stop.join(" or ")),
        );
        line(out, format!("  {} ({kind}), {hold}: {}", notice.channel, notice.title))?;
        line(out, format!("      {because}"))?;
        if let Some(wording) = &notice.wording {
            line(out, format!("      begins with: {wording}"))?;
        }
    }
    if nobody {
        line(out, "  nobody".into())?;
    }
    let policy = settings.policy();
    let (escalation, fallback) = (&policy.settings().escalation, &policy.settings().fallback);
    let named = |names: &[String]| if names.is_empty() { "nobody".to_owned() } else { names.join(", ") };
    line(out, format!("  not acknowledged within {}: {}", escalation.after, named(&escalation.channels)))?;
    line(out, format!("  a channel that fails for good: {}", named(&fallback.channels)))?;

    writeln!(out, "\nTime limits")?;
    match &incident.aware {
        Some(aware) => line(out, format!("  aware since {}: {}", aware.at, aware.because))?,
        None => line(out, "  nobody is aware of a breach yet: only what starts with a suspicion runs".into())?,
    }
    for one in explained.obligations.iter().filter(|one| one.runs) {
        let due = one.due_at.map_or_else(|| "without undue delay".to_owned(), |due_at| format!("due {due_at}"));
        line(out, format!("  runs: {} to {}, {due} ({})", one.name, one.recipient, one.obligation))?;
        line(out, format!("      {}", one.because))?;
        for assumed in &one.assumed {
            line(out, format!("      counts as met, as nobody knows better: {assumed}"))?;
        }
    }
    for Standing { name, obligation, because, .. } in explained.obligations.iter().filter(|one| !one.runs) {
        line(out, format!("  does not run: {name} ({obligation}): {because}"))?;
    }
    if explained.obligations.is_empty() {
        line(out, "  no obligation is named in [jurisdictions] applicable".into())?;
    }
    Ok(())
}

/// Texts of the configuration and of the command line reach the terminal printable.
fn line(out: &mut dyn Write, words: String) -> io::Result<()> {
    writeln!(out, "{}", activity::printable(&words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_places_are_read_or_refused() {
        assert_eq!(headcount("300"), Ok(Headcount::exactly(300)));
        assert_eq!(place("US-CA=10-20"), Ok(("US-CA".into(), Headcount::between(10, 20))));
        assert!(headcount("20-10").is_err() && headcount("-3").is_err() && headcount("").is_err());
        assert!(place("DE").is_err() && place("Germany=3").is_err() && place("=3").is_err() && place("DE=x").is_err());
        assert!(data_class("none").is_err() && subject("person=x").is_err() && moment("noon").is_err());
    }
}
