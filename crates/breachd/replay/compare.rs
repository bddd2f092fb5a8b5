//! Back-testing: the same logs under two configurations, and what would have been different.
//!
//! Pages are told apart by the alert's id, which depends on detector, subject, entity and nominal window only: the same id in both is
//! the same page, whatever its figures. A page that is missing on one side may be an alert there all the same; it is said which.

use activity::{Entity, Span, Timestamp, printable, printable_within};
use detector::{Alert, AlertId, Severity};
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
};

/// Pages listed in each part of the text; the JSON has them all.
const LISTED_MAX: usize = 1_000;

/// Alerts that page nobody whose ids are kept for each side. Beyond: they count as not raised.
const QUIET_MAX: usize = 2_000_000;

/// What one configuration raised.
#[derive(Debug, Default)]
pub struct Side {
    pages: BTreeMap<AlertId, Page>,
    /// Alerts that page nobody.
    quiet: BTreeMap<AlertId, Otherwise>,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq)]
struct Page {
    raised_at: Timestamp,
    detector: String,
    subject: Entity,
    severity: Severity,
    why: String,
    p_value: Option<f64>,
}

/// What became of a page under the other configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Otherwise {
    NotRaised,
    Digest,
    Suppressed,
}

/// Both sides, and what is different.
#[derive(Debug, Serialize)]
pub struct Comparison {
    /// Length of the logs.
    weeks: f64,
    before: Figures,
    after: Figures,
    new: Vec<Changed>,
    gone: Vec<Changed>,
    same: Vec<Same>,
}

#[derive(Debug, Serialize)]
struct Figures {
    config: Vec<String>,
    /// As the budget counts: all paging alerts about one subject within one hour are one.
    pages: usize,
    pages_per_week: Option<f64>,
    by_detector: BTreeMap<String, OfDetector>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
struct OfDetector {
    pages: usize,
    pages_per_week: Option<f64>,
}

#[derive(Debug, Serialize)]
struct Changed {
    #[serde(flatten)]
    page: Shown,
    /// On the other side.
    otherwise: Otherwise,
    why: String,
}

#[derive(Debug, Serialize)]
struct Same {
    #[serde(flatten)]
    page: Shown,
    why_before: String,
    why_after: String,
}

#[derive(Debug, Serialize)]
struct Shown {
    alert_id: String,
    raised_at: String,
    detector: String,
    subject: ShownEntity,
    severity: Severity,
    p_value: Option<f64>,
}

#[derive(Debug, Serialize)]
struct ShownEntity {
    kind: &'static str,
    id: String,
}

impl Side {
    pub fn alert(&mut self, alert: &Alert) {
        if alert.page {
            let page = Page {
                raised_at: alert.raised_at,
                detector: alert.detector.clone(),
                subject: alert.subject.clone(),
                severity: alert.severity,
                why: alert.why.clone(),
                p_value: alert.p_value,
            };
            self.pages.insert(alert.id, page);
        } else if self.quiet.len() < QUIET_MAX {
            let otherwise = if alert.suppressed_by.is_some() { Otherwise::Suppressed } else { Otherwise::Digest };
            self.quiet.insert(alert.id, otherwise);
        }
    }

    /// From when to when the logs reach.
    pub fn reaches(&mut self, first: Option<Timestamp>, last: Option<Timestamp>) {
        (self.first, self.last) = (first, last);
    }

    fn weeks(&self) -> f64 {
        let span = self.first.zip(self.last).map_or(Span::from_millis(0), |(first, last)| last - first);
        span.as_millis() as f64 / (7.0 * 86_400_000.0)
    }

    fn otherwise(&self, id: &AlertId) -> Otherwise {
        self.quiet.get(id).copied().unwrap_or(Otherwise::NotRaised)
    }

    fn figures(&self, config: Vec<String>, weeks: f64) -> Figures {
        // Of less than a day of logs no rate can be told.
        let rate = |pages: usize| (weeks >= 1.0 / 7.0).then(|| pages as f64 / weeks);
        let hour = |page: &Page| (page.subject.clone(), page.raised_at.as_secs().div_euclid(3600));
        let mut of: BTreeMap<String, BTreeSet<_>> = BTreeMap::new();
        for page in self.pages.values() {
            of.entry(page.detector.clone()).or_default().insert(hour(page));
        }
        let pages = self.pages.values().map(hour).collect::<BTreeSet<_>>().len();
        let by_detector = of
            .into_iter()
            .map(|(detector, hours)| (detector, OfDetector { pages: hours.len(), pages_per_week: rate(hours.len()) }));
        Figures { config, pages, pages_per_week: rate(pages), by_detector: by_detector.collect() }
    }
}

impl Page {
    fn shown(&self, id: &AlertId) -> Shown {
        Shown {
            alert_id: id.to_string(),
            raised_at: self.raised_at.to_string(),
            detector: self.detector.clone(),
            subject: ShownEntity { kind: self.subject.kind.as_str(), id: printable(&self.subject.id).into_owned() },
            severity: self.severity,
            p_value: self.p_value,
        }
    }
}

impl Comparison {
    pub fn of(before: (&Side, Vec<String>), after: (&Side, Vec<String>)) -> Comparison {
        let ((before, before_config), (after, after_config)) = (before, after);
        let weeks = before.weeks().max(after.weeks());
        let only = |one: &Side, other: &Side| {
            let mut pages: Vec<_> = one.pages.iter().filter(|(id, _)| !other.pages.contains_key(id)).collect();
            pages.sort_by_key(|(id, page)| (page.raised_at, **id));
            let changed = |(id, page): (&AlertId, &Page)| Changed {
                page: page.shown(id),
                otherwise: other.otherwise(id),
                why: page.why.clone(),
            };
            pages.into_iter().map(changed).collect::<Vec<_>>()
        };
        let mut same: Vec<_> =
            after.pages.iter().filter_map(|(id, page)| Some((id, before.pages.get(id)?, page))).collect();
        same.sort_by_key(|(id, _, page)| (page.raised_at, **id));
        Comparison {
            weeks,
            before: before.figures(before_config, weeks),
            after: after.figures(after_config, weeks),
            new: only(after, before),
            gone: only(before, after),
            same: same
                .into_iter()
                .map(|(id, before, after)| Same {
                    page: after.shown(id),
                    why_before: before.why.clone(),
                    why_after: after.why.clone(),
                })
                .collect(),
        }
    }

    pub fn print(&self, out: &mut dyn Write) -> std::io::Result<()> {
        writeln!(out, "before  {}", self.before.config.join(" "))?;
        writeln!(out, "after   {}", self.after.config.join(" "))?;
        writeln!(out, "over {:.2} weeks of logs", self.weeks)?;
        writeln!(out)?;
        writeln!(out, "{:<24} {:>8} {:>8} {:>12} {:>12}", "pages", "before", "after", "before/week", "after/week")?;
        let rate = |rate: Option<f64>| rate.map_or_else(|| "-".to_owned(), |rate| format!("{rate:.2}"));
        let mut row = |name: &str, before: OfDetector, after: OfDetector| {
            let (before_rate, after_rate) = (rate(before.pages_per_week), rate(after.pages_per_week));
            writeln!(out, "{name:<24} {:>8} {:>8} {before_rate:>12} {after_rate:>12}", before.pages, after.pages)
        };
        let names: BTreeSet<&String> = self.before.by_detector.keys().chain(self.after.by_detector.keys()).collect();
        let of = |figures: &Figures, name: &str| figures.by_detector.get(name).copied().unwrap_or_default();
        for name in names {
            row(name, of(&self.before, name), of(&self.after, name))?;
        }
        let all = |figures: &Figures| OfDetector { pages: figures.pages, pages_per_week: figures.pages_per_week };
        row("all, as the budget counts", all(&self.before), all(&self.after))?;
        changed(out, "new", &self.new, "before")?;
        changed(out, "gone", &self.gone, "after")?;
        writeln!(out, "\n{} the same", alerts(self.same.len()))?;
        for same in self.same.iter().take(LISTED_MAX) {
            writeln!(out, "  {}", same.page)?;
            if same.why_before == same.why_after {
                writeln!(out, "      {}", printable(&same.why_after))?;
            } else {
                writeln!(out, "      before: {}", printable(&same.why_before))?;
                writeln!(out, "      after:  {}", printable(&same.why_after))?;
            }
        }
        beyond(out, self.same.len())
    }
}

fn alerts(n: usize) -> String {
    format!("{n} paging alert{}", if n == 1 { "" } else { "s" })
}

fn changed(out: &mut dyn Write, what: &str, pages: &[Changed], other: &str) -> std::io::Result<()> {
    writeln!(out, "\n{} {what}", alerts(pages.len()))?;
    for changed in pages.iter().take(LISTED_MAX) {
        let otherwise = match changed.otherwise {
            Otherwise::NotRaised => "not raised",
            Otherwise::Digest => "for the digest",
            Otherwise::Suppressed => "under an exception",
        };
        writeln!(out, "  {} ({other}: {otherwise})", changed.page)?;
        writeln!(out, "      {}", printable(&changed.why))?;
    }
    beyond(out, pages.len())
}

fn beyond(out: &mut dyn Write, n: usize) -> std::io::Result<()> {
    match n.saturating_sub(LISTED_MAX) {
        0 => Ok(()),
        beyond => writeln!(out, "  and {beyond} more; --json lists them all"),
    }
}

impl std::fmt::Display for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Shown { alert_id, raised_at, detector, subject, severity, .. } = self;
        let id = printable_within(&subject.id, 64);
        write!(f, "{raised_at} {alert_id} {detector} ({}) {} {id}", severity.as_str(), subject.kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use activity::{EntityKind, KnownBy, Mode};
    use detector::{AlertWindow, Suppression};

    fn alert(user: &str, hour: i64, page: bool) -> Alert {
        let subject = Entity::new(EntityKind::PortalUser, user);
        let at = Timestamp::from_secs(1_772_485_200 + hour * 3600);
        let window = AlertWindow { from: at, to: at + Span::from_hours(1) };
        Alert {
            id: AlertId::of("volume", &subject, &subject, window, Mode::Live),
            raised_at: at,
            window,
            entity: subject.clone(),
            subject,
            detector: "volume".into(),
            severity: Severity::High,
            page,
            suppressed_by: None,
            data_classes: Default::default(),
            observed: 1.0,
            expected: 0.0,
            unit: "rows".into(),
            p_value: Some(1e-9),
            why: format!("{user} read\u{1b}[31m"),
            facts: Vec::new(),
            actor_known_by: KnownBy::SqlTag,
            affected_records: 0,
            named: None,
            attack: Vec::new(),
            evidence: Vec::new(),
            mode: Mode::Live,
        }
    }

    fn side(alerts: &[Alert]) -> Side {
        let mut side = Side::default();
        alerts.iter().for_each(|alert| side.alert(alert));
        side.reaches(Some(Timestamp::from_secs(0)), Some(Timestamp::from_secs(14 * 86_400)));
        side
    }

    #[test]
    fn tells_new_gone_and_same_by_id() {
        let until = Timestamp::from_secs(1_775_000_000);
        let suppressed_by = Some(Suppression { owner: "o".into(), reason: "r".into(), until });
        let before = side(&[alert("a", 0, true), alert("b", 0, true), alert("c", 1, true), alert("e", 2, false)]);
        let after = side(&[
            alert("a", 0, false),
            Alert { suppressed_by, ..alert("b", 0, false) },
            Alert { why: "otherwise".into(), ..alert("c", 1, true) },
            alert("d", 2, true),
            alert("e", 2, true),
        ]);
        let compared = Comparison::of((&before, vec!["a.toml".into()]), (&after, vec!["b.toml".into()]));
        let of = |changed: &[Changed]| {
            changed.iter().map(|changed| (changed.page.subject.id.clone(), changed.otherwise)).collect::<Vec<_>>()
        };
        let (a, b) = (alert("a", 0, true).id, alert("b", 0, true).id);
        let mut gone = vec![(a, ("a".to_owned(), Otherwise::Digest)), (b, ("b".to_owned(), Otherwise::Suppressed))];
        gone.sort_by_key(|(id, _)| *id);
        assert_eq!(of(&compared.gone), gone.into_iter().map(|(_, gone)| gone).collect::<Vec<_>>());
        let mut new = of(&compared.new);
        new.sort_by(|one, other| one.0.cmp(&other.0));
        assert_eq!(new, [("d".to_owned(), Otherwise::NotRaised), ("e".to_owned(), Otherwise::Digest)]);
        assert_eq!(compared.same.len(), 1);
        assert_eq!((compared.before.pages, compared.before.pages_per_week), (3, Some(1.5)));
        assert_eq!(compared.after.by_detector["volume"], OfDetector { pages: 3, pages_per_week: Some(1.5) });
        let mut text = Vec::new();
        compared.print(&mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(text.contains("2 paging alerts new") && text.contains("(after: under an exception)"), "{text}");
        assert!(text.contains("      after:  otherwise") && !text.contains('\u{1b}'), "{text}");
        let json = serde_json::to_value(&compared).unwrap();
        assert_eq!(json["same"][0]["why_after"], "otherwise");
        assert_eq!(json["new"][0]["subject"]["kind"], "portal_user");
    }

    #[test]
    fn two_alerts_about_one_subject_in_one_hour_are_one_page_and_a_short_log_has_no_rate() {
        let mut one = side(&[alert("a", 0, true), Alert { id: alert("b", 9, true).id, ..alert("a", 0, true) }]);
        one.reaches(Some(Timestamp::from_secs(0)), Some(Timestamp::from_secs(3600)));
        let compared = Comparison::of((&one, Vec::new()), (&one, Vec::new()));
        assert_eq!((compared.before.pages, compared.before.pages_per_week, compared.same.len()), (1, None, 2));
    }
}
