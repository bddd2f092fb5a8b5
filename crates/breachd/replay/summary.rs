//! What a replay found, for a person.

use crate::{cli::InputFile, sources::Report};
use activity::{Span, Timestamp};
use detector::{Alert, AlertId, AlertVerdict, Severity};
use ingest::DeadLetter;
use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
};
use tally::Range;

/// A page: all paging alerts about one subject within one hour of event time.
type Page = (String, i64);

/// Examples of dead letters that are kept for the summary.
const EXAMPLES_MAX: usize = 5;

#[derive(Debug, Default)]
pub struct Summary {
    sources: BTreeMap<String, Source>,
    rejected: BTreeMap<(String, String), u64>,
    examples: Vec<(String, i64, &'static str)>,
    alerts: BTreeMap<(String, Severity, bool), u64>,
    pages: BTreeSet<Page>,
    /// Alerts that an exception kept from paging.
    suppressed: u64,
    /// Verdicts given, and the alerts among them that have not been raised so far.
    verdicts: usize,
    unknown: BTreeSet<AlertId>,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    pub violations: u64,
    /// What the sources have shown, and what they leave unknown.
    pub coverage: Report,
}

#[derive(Debug, Default)]
struct Source {
    contributed: u64,
    ignored: u64,
    dead_lettered: u64,
    late: u64,
    bytes: u64,
}

impl Summary {
    pub fn new(inputs: &[InputFile], verdicts: &[AlertVerdict]) -> Summary {
        Summary {
            verdicts: verdicts.len(),
            unknown: verdicts.iter().map(|verdict| verdict.alert).collect(),
            sources: inputs.iter().map(|input| (input.name.clone(), Source::default())).collect(),
            ..Summary::default()
        }
    }

    pub(super) fn range(&mut self, range: &Range) {
        let source = self.sources.entry(range.source.to_string()).or_default();
        source.contributed += range.contributed;
        source.ignored += range.ignored;
        source.dead_lettered += range.dead_lettered;
        source.late += range.late;
        source.bytes += range.bytes;
    }

    /// How far a file's event time has come.
    pub(super) fn seen(&mut self, watermark: Timestamp) {
        if watermark > Timestamp::MIN {
            self.first = Some(self.first.map_or(watermark, |first| first.min(watermark)));
            self.last = Some(self.last.map_or(watermark, |last| last.max(watermark)));
        }
    }

    pub(super) fn rejected(&mut self, format: &str, reason: &str, n: u64) {
        *self.rejected.entry((format.to_owned(), reason.to_owned())).or_default() += n;
    }

    pub(super) fn dead_letter(&mut self, letter: &DeadLetter) {
        if self.examples.len() < EXAMPLES_MAX {
            self.examples.push((letter.source.to_string(), letter.offset, letter.reason));
        }
    }

    pub(super) fn alert(&mut self, alert: &Alert) {
        *self.alerts.entry((alert.detector.clone(), alert.severity, alert.page)).or_default() += 1;
        self.suppressed += u64::from(alert.suppressed_by.is_some());
        self.unknown.remove(&alert.id);
        if alert.page {
            self.pages.insert((alert.subject.to_string(), alert.raised_at.as_secs().div_euclid(3600)));
        }
    }

    /// From when to when the logs reach.
    pub fn reach(&self) -> (Option<Timestamp>, Option<Timestamp>) {
        (self.first, self.last)
    }

    pub fn records(&self) -> u64 {
        self.sources
            .values()
            .map(|source| source.contributed + source.ignored + source.dead_lettered + source.late)
            .sum()
    }

    pub fn dead_lettered(&self) -> u64 {
        self.sources.values().map(|source| source.dead_lettered).sum()
    }

    /// What was read, what became of it, what was raised.
    pub fn print(&self, took: Span, out: &mut dyn Write) -> std::io::Result<()> {
        writeln!(
            out,
            "{:<20} {:>12} {:>10} {:>10} {:>8} {:>10}",
            "source", "contributed", "ignored", "unreadable", "late", "MiB"
        )?;
        for (name, source) in &self.sources {
            let mebibytes = source.bytes as f64 / 1_048_576.0;
            let Source { contributed, ignored, dead_lettered, late, .. } = source;
            writeln!(
                out,
                "{:<20} {contributed:>12} {ignored:>10} {dead_lettered:>10} {late:>8} {mebibytes:>10.1}",
                activity::printable_within(name, 20)
            )?;
        }
        for ((format, reason), n) in &self.rejected {
            writeln!(out, "  {n} of {format}: {reason}")?;
        }
        for (source, offset, reason) in &self.examples {
            writeln!(out, "  for example {} line {offset}: {reason}", activity::printable_within(source, 60))?;
        }
        writeln!(out)?;
        if self.alerts.is_empty() {
            writeln!(out, "no alerts")?;
        }
        for ((detector, severity, page), n) in &self.alerts {
            let (severity, paged) = (severity.as_str(), if *page { "pages" } else { "digest" });
            writeln!(out, "{n:>8} {detector} ({severity}, {paged})")?;
        }
        let n_pages = self.pages.len();
        if let (Some(first), Some(last)) = (self.first, self.last) {
            let weeks = (last - first).as_millis() as f64 / (7.0 * 86_400_000.0);
            let rate =
                if weeks >= 1.0 / 7.0 { format!(" ({:.2} a week)", n_pages as f64 / weeks) } else { String::new() };
            writeln!(out, "{n_pages} pages{rate} in {} of logs", last - first)?;
        }
        if self.suppressed > 0 {
            writeln!(out, "{} alerts would have paged but for an exception", self.suppressed)?;
        }
        if self.verdicts > 0 {
            let (n, unknown) = (self.verdicts, self.unknown.len());
            writeln!(out, "{n} verdicts; {unknown} alerts that they name were not raised here")?;
        }
        writeln!(out)?;
        self.coverage.print(out)?;
        writeln!(out)?;
        if self.violations > 0 {
            writeln!(
                out,
                "INVARIANT VIOLATED {} times: tallies were missing or doubled; please report this",
                self.violations
            )?;
        }
        let seconds = took.as_millis().max(1) as f64 / 1000.0;
        writeln!(out, "{} entries in {took} ({:.0} a second)", self.records(), self.records() as f64 / seconds)
    }
}
