//! `breachd explain`: the arithmetic behind an alert, in words.

use anyhow::{Context as _, bail};
use detector::{Alert, Evidence};
use std::{
    io::{BufRead, Write},
    path::Path,
};

/// Finds the alert whose id begins so and writes its arithmetic.
pub fn run(alert_id: &str, alerts: &Path, out: &mut dyn Write) -> anyhow::Result<()> {
    let reader: Box<dyn BufRead> = if alerts == Path::new("-") {
        Box::new(std::io::stdin().lock())
    } else {
        let file = std::fs::File::open(alerts).with_context(|| format!("`{}` cannot be opened", alerts.display()))?;
        Box::new(std::io::BufReader::new(file))
    };
    let wanted = alert_id.to_ascii_lowercase();
    let mut found: Option<Alert> = None;
    for (number, line) in reader.lines().enumerate() {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let alert = Alert::from_json(line.as_bytes())
            .with_context(|| format!("line {} of `{}`", number + 1, alerts.display()))?;
        if !alert.id.to_string().starts_with(&wanted) {
            continue;
        }
        match &found {
            Some(first) if first.id != alert.id => bail!("`{alert_id}` begins more than one id; write more of it"),
            _ => found = Some(alert),
        }
    }
    let Some(alert) = found else {
        bail!("no alert with an id that begins with `{alert_id}` in `{}`", alerts.display())
    };
    explain(&alert, out)?;
    Ok(())
}

fn explain(alert: &Alert, out: &mut dyn Write) -> std::io::Result<()> {
    writeln!(
        out,
        "alert {} ({}{})",
        alert.id,
        alert.severity.as_str(),
        if alert.mode.is_drill() { ", a drill" } else { "" }
    )?;
    writeln!(out, "  {}", activity::printable(&alert.why))?;
    writeln!(out, "  about {}, judged by the past of {}", alert.subject, alert.entity)?;
    writeln!(out, "  the person is known by: {}", alert.actor_known_by.as_str())?;
    writeln!(
        out,
        "  raised at {} in event time, for the window {} to {} ({})",
        alert.raised_at,
        alert.window.from,
        alert.window.to,
        alert.window.to - alert.window.from
    )?;
    match alert.p_value {
        Some(p) => {
            writeln!(
                out,
                "  seen {} {}, expected {}: {}",
                number(alert.observed),
                alert.unit,
                number(alert.expected),
                ratio(alert)
            )?;
            writeln!(
                out,
                "  probability of that much or more, if nothing had changed: {p:.2e} (about 1 in {})",
                number(1.0 / p)
            )?;
        }
        None => writeln!(
            out,
            "  a signature: the shape of the entry alone says it, there is no probability; seen {} {}",
            number(alert.observed),
            alert.unit
        )?,
    }
    let paged = match (alert.page, alert.p_value) {
        (true, Some(_)) => "the false-page budget lets it page: its probability lies beyond the bound of its detector",
        (true, None) => "it pages: signatures have their own share of the false-page budget",
        (false, _) => "it does not page: it is ranked in the digest",
    };
    match &alert.suppressed_by {
        None => writeln!(out, "  {paged}")?,
        Some(by) => writeln!(
            out,
            "  it would have paged; {} answers for it that it did not, until {}: {}",
            activity::printable(&by.owner),
            by.until,
            activity::printable(&by.reason)
        )?,
    }
    for fact in &alert.facts {
        writeln!(out, "  {}", activity::printable(&fact.words))?;
    }
    let classes: Vec<&str> = alert.data_classes.iter().map(|class| class.as_str()).collect();
    writeln!(
        out,
        "  data classes: {}; records concerned, at most: {}",
        if classes.is_empty() { "none".into() } else { classes.join(", ") },
        alert.affected_records
    )?;
    if !alert.attack.is_empty() {
        writeln!(out, "  MITRE ATT&CK: {}", alert.attack.join(", "))?;
    }
    for evidence in &alert.evidence {
        match evidence {
            Evidence::Topic { topic, partition, offset } => {
                writeln!(out, "  evidence: topic {topic}, partition {partition}, offset {offset}")?
            }
            Evidence::File { input, line } => writeln!(out, "  evidence: input {input}, line {line}")?,
        }
    }
    if alert.mode.is_drill() {
        return Ok(());
    }
    writeln!(out, "  what was it? say so, and the detector learns from it:")?;
    for ruling in ["--expected", "--benign-once", "--true"] {
        writeln!(out, "    breachd alert verdict {} {ruling} --by NAME --reason TEXT --config FILE", alert.id)?;
    }
    writeln!(
        out,
        "  no page about the like for a while: --expected --except-until TIME, or in the configuration for up to {} days\n    \
         [[detector.exceptions]] entity = {{ kind = \"{}\", id = {:?} }}, detectors = [\"{}\"], owner, reason, from, until",
        detector::limits::EXCEPTION_DAYS_MAX,
        alert.entity.kind,
        activity::printable(&alert.entity.id),
        activity::printable(&alert.detector)
    )
}

fn ratio(alert: &Alert) -> String {
    if alert.expected > 0.0 {
        format!("{} times as much", number(alert.observed / alert.expected))
    } else {
        "nothing at all was expected".into()
    }
}

/// 1,840 · 12.4 · 0.031
fn number(value: f64) -> String {
    if value.abs() >= 100.0 {
        let digits = format!("{:.0}", value.abs());
        let grouped: Vec<&str> =
            digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).expect("digits")).collect();
        return format!("{}{}", if value < 0.0 { "-" } else { "" }, grouped.join(","));
    }
    if value.abs() >= 1.0 { format!("{value:.1}") } else { format!("{value:.2}") }
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn numbers_read_as_people_write_them() {
        assert_eq!(number(1840.0), "1,840");
        assert_eq!(number(1_234_567.8), "1,234,568");
        assert_eq!(number(12.44), "12.4");
        assert_eq!(number(0.5), "0.50");
        assert_eq!(number(-100.0), "-100");
    }
}
