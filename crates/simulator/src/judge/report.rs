//! What came out, for people (a table) and for programs (JSON).

use super::Options;
use crate::{
    scenario::{Label, Labels},
    score::{Page, Score, look_alike},
};
use serde::Serialize;
use statrs::distribution::{ContinuousCDF, Gamma};
use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
};

/// Kinds that go on for longer than this are slow: found within days, not within minutes.
const SLOW_SECS: f64 = 24.0 * 3600.0;
/// Of the interval around the rate of pages.
const CONFIDENCE: f64 = 0.95;
/// A quiet world may cost this much more than the budget before it counts as too loud.
const LOUD: f64 = 1.5;

#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub difficulty: f64,
    pub budget: f64,
    pub worlds: Vec<Verdict>,
    /// `None` where all worlds were quiet.
    pub attacked: Option<Totals>,
    pub quiet: QuietTotals,
}

/// One world.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    pub seed: u64,
    pub users: usize,
    /// Of the quiet twin's logs.
    pub lines: usize,
    pub weeks: f64,
    pub quiet_pages: Vec<Woken>,
    /// One for every label; none where the world was only judged quiet.
    pub findings: Vec<Finding>,
    pub true_pages: usize,
    pub false_pages: Vec<Woken>,
}

/// An attack, and whether it was found.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    pub kind: String,
    /// Seconds since the epoch.
    pub start: f64,
    pub hours: f64,
    pub entities: Vec<String>,
    pub minutes_to_detect: Option<f64>,
    /// The strongest alert about it that did not page.
    pub unpaged: Option<Woken>,
}

/// A page, or an alert that was none.
#[derive(Clone, Debug, Serialize)]
pub struct Woken {
    /// RFC 3339.
    pub at: String,
    pub subject: String,
    pub detector: String,
    /// The harmless thing it was probably about, as labels call it.
    pub look_alike: Option<String>,
    pub why: String,
}

/// Attacked worlds together.
#[derive(Clone, Debug, Serialize)]
pub struct Totals {
    pub attacks: usize,
    pub found: usize,
    pub recall: f64,
    pub false_pages_per_week: f64,
    pub median_minutes_bursts: Option<f64>,
    pub median_minutes_slow: Option<f64>,
    /// Found, and how many there were.
    pub kinds: BTreeMap<String, (usize, usize)>,
    /// False pages by the detector of their first alert, and by what they were probably about.
    pub false_pages: BTreeMap<String, usize>,
    pub look_alikes: BTreeMap<String, usize>,
}

/// Quiet worlds together.
#[derive(Clone, Debug, Serialize)]
pub struct QuietTotals {
    pub worlds: usize,
    pub weeks: f64,
    pub pages: usize,
    pub pages_per_week: f64,
    /// Exact (Garwood) for a Poisson total, 95 %. Companies differ by more than chance, so the truth is wider.
    pub interval: (f64, f64),
    /// Worlds with at most 1.5 times the budget.
    pub within: usize,
    pub detectors: BTreeMap<String, usize>,
    pub look_alikes: BTreeMap<String, usize>,
}

impl Verdict {
    pub(super) fn quiet(labels: &Labels, lines: usize, score: Score) -> Verdict {
        Verdict {
            seed: labels.meta.seed,
            users: labels.meta.users,
            lines,
            weeks: score.weeks,
            quiet_pages: woken(labels, score.false_pages),
            findings: Vec::new(),
            true_pages: 0,
            false_pages: Vec::new(),
        }
    }

    /// What became of the attacked twin.
    pub(super) fn add(&mut self, labels: &Labels, score: Score) {
        let answers = score.found.into_iter().zip(score.unpaged);
        let finding = |(label, (found, unpaged)): (&Label, (Option<f64>, Option<Page>))| Finding {
            kind: label.kind.clone(),
            start: label.start,
            hours: (label.end - label.start) / 3600.0,
            entities: label.entities.clone(),
            minutes_to_detect: found.map(|secs| secs / 60.0),
            unpaged: unpaged.map(|page| Woken::new(labels, page)),
        };
        self.findings = labels.labels.iter().zip(answers).map(finding).collect();
        self.true_pages = score.true_pages;
        self.false_pages = woken(labels, score.false_pages);
    }

    fn totals(&self) -> Totals {
        Totals::of(std::slice::from_ref(self))
    }

    fn quiet_pages_per_week(&self) -> f64 {
        self.quiet_pages.len() as f64 / self.weeks
    }
}

fn woken(labels: &Labels, pages: Vec<Page>) -> Vec<Woken> {
    pages.into_iter().map(|page| Woken::new(labels, page)).collect()
}

fn stamp(secs: f64) -> String {
    activity::Timestamp::from_millis((secs * 1000.0) as i64).to_string()
}

impl Woken {
    fn new(labels: &Labels, page: Page) -> Woken {
        Woken {
            look_alike: look_alike(labels, &page).map(str::to_owned),
            at: stamp(page.at),
            subject: page.subject,
            detector: page.detector,
            why: page.why,
        }
    }

    fn detector(&self) -> &str {
        &self.detector
    }

    fn look_alike(&self) -> &str {
        self.look_alike.as_deref().unwrap_or("nothing special")
    }
}

impl Finding {
    fn is_slow(&self) -> bool {
        self.hours * 3600.0 > SLOW_SECS
    }
}

impl Totals {
    fn of(worlds: &[Verdict]) -> Totals {
        let findings = || worlds.iter().flat_map(|world| &world.findings);
        let mut kinds = BTreeMap::new();
        for finding in findings() {
            let (found, of) = kinds.entry(finding.kind.clone()).or_insert((0, 0));
            *found += usize::from(finding.minutes_to_detect.is_some());
            *of += 1;
        }
        let minutes = |slow| {
            median(
                findings().filter(|finding| finding.is_slow() == slow).filter_map(|finding| finding.minutes_to_detect),
            )
        };
        let (attacks, found) = kinds.values().fold((0, 0), |(attacks, found), (hit, of)| (attacks + of, found + hit));
        let false_pages: usize = worlds.iter().map(|world| world.false_pages.len()).sum();
        Totals {
            attacks,
            found,
            recall: found as f64 / (attacks as f64).max(1.0),
            false_pages_per_week: false_pages as f64 / weeks(worlds),
            median_minutes_bursts: minutes(false),
            median_minutes_slow: minutes(true),
            kinds,
            false_pages: counted(worlds.iter().flat_map(|world| &world.false_pages), Woken::detector),
            look_alikes: counted(worlds.iter().flat_map(|world| &world.false_pages), Woken::look_alike),
        }
    }
}

impl Report {
    pub(super) fn new(options: &Options, worlds: Vec<Verdict>) -> Report {
        let (weeks, pages) = (weeks(&worlds), worlds.iter().map(|world| world.quiet_pages.len()).sum());
        let (low, high) = garwood(pages, CONFIDENCE);
        let quiet = QuietTotals {
            worlds: worlds.len(),
            weeks,
            pages,
            pages_per_week: pages as f64 / weeks,
            interval: (low / weeks, high / weeks),
            within: worlds.iter().filter(|world| world.quiet_pages_per_week() <= LOUD * options.budget).count(),
            detectors: counted(worlds.iter().flat_map(|world| &world.quiet_pages), Woken::detector),
            look_alikes: counted(worlds.iter().flat_map(|world| &world.quiet_pages), Woken::look_alike),
        };
        let attacked = (!options.quiet_only).then(|| Totals::of(&worlds));
        Report { difficulty: options.difficulty, budget: options.budget, worlds, attacked, quiet }
    }
}

fn weeks(worlds: &[Verdict]) -> f64 {
    worlds.iter().map(|world| world.weeks).sum()
}

fn counted<'a>(pages: impl Iterator<Item = &'a Woken>, by: fn(&Woken) -> &str) -> BTreeMap<String, usize> {
    pages.fold(BTreeMap::new(), |mut counts, page| {
        *counts.entry(by(page).to_owned()).or_default() += 1;
        counts
    })
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        odd if odd % 2 == 1 => Some(values[middle]),
        _ => Some((values[middle - 1] + values[middle]) / 2.0),
    }
}

/// The exact interval for the mean of a Poisson variable that was seen to be `count` (F. Garwood, "Fiducial limits for the
/// Poisson distribution", Biometrika 28, 1936): quantiles of gamma distributions.
fn garwood(count: usize, confidence: f64) -> (f64, f64) {
    let tail = (1.0 - confidence) / 2.0;
    // Shapes are positive, and both quantiles lie inside the unit interval: neither can fail.
    let quantile = |shape: usize, p: f64| Gamma::new(shape as f64, 1.0).map_or(f64::NAN, |gamma| gamma.inverse_cdf(p));
    let low = if count == 0 { 0.0 } else { quantile(count, tail) };
    (low, quantile(count + 1, 1.0 - tail))
}

/// One line about a world that has just been judged; `verbose`: and one for every miss and false page.
pub(super) fn progress(world: &Verdict, verbose: bool) -> String {
    let mut text = format!("seed {}: quiet {:.2} pages a week", world.seed, world.quiet_pages_per_week());
    if !world.findings.is_empty() {
        let Totals { found, attacks, false_pages_per_week, .. } = world.totals();
        // Writing to a `String` cannot fail, here and below.
        let _ = write!(text, "; attacked: {found} of {attacks} found, {false_pages_per_week:.2} false pages a week");
    }
    text.push('\n');
    if verbose {
        for finding in world.findings.iter().filter(|finding| finding.minutes_to_detect.is_none()) {
            let Finding { kind, start, hours, entities, unpaged, .. } = finding;
            let (at, named) = (stamp(*start), entities.join(" "));
            let hint = match unpaged {
                Some(alert) => format!("did not page: {}: {}", alert.detector, alert.why),
                None => "no alert at all".to_owned(),
            };
            let _ = writeln!(text, "  missed {kind} from {at} for {hours:.1} h: {named}; {hint}");
        }
        for (which, pages) in [("false page", &world.false_pages), ("quiet page", &world.quiet_pages)] {
            for page in pages {
                let (detector, alike) = (page.detector(), page.look_alike());
                let _ = writeln!(text, "  {which} {} {detector} ({alike}): {}", page.at, page.why);
            }
        }
    }
    text
}

/// One world that was scored from files.
pub(super) fn scored(world: &Verdict) -> String {
    let totals = world.totals();
    format!("{totals}\ntrue pages: {}\n", world.true_pages)
}

impl fmt::Display for Totals {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Totals { attacks, found, recall, false_pages_per_week, .. } = self;
        let (bursts, slow) = (minutes(self.median_minutes_bursts), hours(self.median_minutes_slow));
        let kinds: Vec<String> = self.kinds.iter().map(|(kind, (found, of))| format!("{kind} {found}/{of}")).collect();
        writeln!(
            out,
            "{found} of {attacks} found, recall {recall:.2}; {false_pages_per_week:.2} false pages a week; median time to detect: bursts {bursts} min, slow kinds {slow} h"
        )?;
        writeln!(out, "found: {}", kinds.join(", "))?;
        writeln!(out, "false pages: {}", listed(&self.false_pages))?;
        write!(out, "  about: {}", listed(&self.look_alikes))
    }
}

fn minutes(minutes: Option<f64>) -> String {
    minutes.map_or("-".into(), |minutes| format!("{minutes:.0}"))
}

fn hours(minutes: Option<f64>) -> String {
    minutes.map_or("-".into(), |minutes| format!("{:.1}", minutes / 60.0))
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{HEAD}")?;
        for world in &self.worlds {
            let mut row = format!("{:>5} {:>6} {:>9}", world.seed, world.users, world.lines);
            match world.findings.is_empty() {
                true => row.push_str(&format!(" {:>8} {:>7} {:>11} {:>9} {:>8}", "-", "-", "-", "-", "-")),
                false => {
                    let totals = world.totals();
                    let found = format!("{}/{}", totals.found, totals.attacks);
                    let (bursts, slow) = (minutes(totals.median_minutes_bursts), hours(totals.median_minutes_slow));
                    let (recall, pages) = (totals.recall, totals.false_pages_per_week);
                    // Writing to a `String` cannot fail.
                    let _ = write!(row, " {found:>8} {recall:>7.2} {pages:>11.2} {bursts:>9} {slow:>8}");
                }
            }
            writeln!(out, "{row} {:>11.2}", world.quiet_pages_per_week())?;
        }
        if let Some(all) = &self.attacked {
            writeln!(out, "\nattacked, difficulty {}, budget {} a week: {all}", self.difficulty, self.budget)?;
        }
        let QuietTotals { worlds, weeks, pages, pages_per_week, interval: (low, high), within, .. } = &self.quiet;
        writeln!(
            out,
            "\nquiet: {pages} pages in {weeks:.0} weeks of {worlds} worlds, {pages_per_week:.2} a week (95 % {low:.2} to {high:.2}); {within} of {worlds} worlds at most {LOUD} x budget"
        )?;
        writeln!(out, "pages: {}", listed(&self.quiet.detectors))?;
        writeln!(out, "  about: {}", listed(&self.quiet.look_alikes))
    }
}

const HEAD: &str = " seed  users     lines    found  recall  false/week  bursts m   slow h  quiet/week";

fn listed(counts: &BTreeMap<String, usize>) -> String {
    let mut counts: Vec<_> = counts.iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let parts: Vec<String> = counts.into_iter().map(|(name, count)| format!("{name} {count}")).collect();
    if parts.is_empty() { "none".into() } else { parts.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_garwoods() {
        // Values of the published tables.
        for (count, low, high) in [(0, 0.0, 3.689), (1, 0.0253, 5.572), (10, 4.795, 18.39), (100, 81.36, 121.63)] {
            let (lower, upper) = garwood(count, 0.95);
            assert!((lower - low).abs() < 0.01 && (upper - high).abs() < 0.01, "{count}: {lower} {upper}");
        }
    }

    #[test]
    fn medians_of_none_odd_and_even_counts() {
        assert_eq!(median([].into_iter()), None);
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), Some(2.0));
        assert_eq!(median([4.0, 1.0].into_iter()), Some(2.5));
    }
}
