//! What breachd's alerts are worth against the labels of a world.
//!
//! A *page* is one subject in one hour of event time: whoever is woken twice in an hour for the same person has been woken
//! once. A page is true if one of its alerts names an entity of a label while that label is on, or within the patience
//! after it; everything else is false. An alert that fires in the quiet twin as well (same subject, same hour, a p-value
//! at most ten times larger) was not caused by the attack: its page is false and finds nothing, however well it fits.
//! Without that rule a detector that wakes people at every month-end would find whatever happens at month-end.
//!
//! Only what would have woken somebody counts. Ranking all alerts and choosing the threshold afterwards flatters: nobody
//! has that threshold beforehand.

use crate::scenario::{Benign, Label, Labels};
use anyhow::{Context, Result};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// How long after a label's end an alert may still come, in seconds; after windows longer than this, as long as the window.
pub const PATIENCE_SECS: f64 = 3600.0;
/// The longest window that counts so, in seconds.
const WINDOW_SECS_MAX: f64 = 86_400.0;
/// Stamps are cut to the second or to the minute: an alert may seem to come this much before its label, in seconds.
const EARLY_SECS: f64 = 60.0;
/// Orders of magnitude of the p-value by which an alert must be stronger than in the quiet twin.
const STRONGER: f64 = 1.0;
const WEEK_SECS: f64 = 604_800.0;

/// What the scorer needs of an alert.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// Seconds since the epoch.
    pub at: f64,
    /// Length of its window, in seconds, at most a day.
    pub window_secs: f64,
    /// `kind:id` of whom the page is about.
    pub subject: String,
    /// What labels would call its subject and its entity.
    pub names: BTreeSet<String>,
    /// -log10 of the p-value, or what stands for it where there is none.
    pub strength: f64,
    pub page: bool,
    pub detector: String,
    pub why: String,
}

/// One subject in one hour.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    pub at: f64,
    pub subject: String,
    /// As of its first alert.
    pub names: BTreeSet<String>,
    pub detector: String,
    pub why: String,
}

/// One world's alerts against its labels.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Score {
    /// Weeks that count: those after the warm-up.
    pub weeks: f64,
    pub true_pages: usize,
    /// Each with the first alert that made it, in order of time.
    pub false_pages: Vec<Page>,
    /// For every label, in their order: seconds from its start to its first page, if there was one.
    pub found: Vec<Option<f64>>,
    /// For every label: the strongest alert about it that did not page, if there was one.
    pub unpaged: Vec<Option<Page>>,
}

/// The alerts of a file that `breachd replay --alerts` wrote, one JSON object a line.
///
/// Errors: a line is no alert; the message has its number.
pub fn read(text: &str) -> Result<Vec<Alert>> {
    let filled = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    filled
        .map(|(at, line)| {
            let wire: Wire = serde_json::from_str(line).with_context(|| format!("alert in line {}", at + 1))?;
            Alert::new(wire).with_context(|| format!("alert in line {}", at + 1))
        })
        .collect()
}

/// Judges the alerts that page. `quiet`: what the same configuration raised on the same world without attacks.
pub fn score(labels: &Labels, alerts: &[Alert], quiet: &[Alert]) -> Score {
    let meta = &labels.meta;
    let anyway = [strongest(quiet, false), strongest(quiet, true)];
    // Stronger than in the quiet twin, pages against pages.
    let caused = |alert: &Alert| {
        let there = anyway[usize::from(alert.page)].get(&alert.hour());
        there.is_none_or(|strength| *strength < alert.strength - STRONGER)
    };
    let mut found = vec![None; labels.labels.len()];
    // By hour: the first alert, and whether any of them fits a label.
    let mut pages: BTreeMap<(&str, i64), (&Alert, bool)> = BTreeMap::new();
    let judged = meta.warmup_end..=meta.end + PATIENCE_SECS;
    for alert in alerts.iter().filter(|alert| alert.page && judged.contains(&alert.at)) {
        let (caused, mut fits) = (caused(alert), false);
        for (label, first) in labels.labels.iter().zip(&mut found) {
            if caused && alert.fits(label) {
                let after = alert.at - label.start;
                *first = Some(first.map_or(after, |first: f64| first.min(after)));
                fits = true;
            }
        }
        let page = pages.entry(alert.hour()).or_insert((alert, false));
        page.1 |= fits;
        if alert.at < page.0.at {
            page.0 = alert;
        }
    }
    let true_pages = pages.values().filter(|(_, fits)| *fits).count();
    let mut false_pages: Vec<Page> =
        pages.into_values().filter(|(_, fits)| !fits).map(|(alert, _)| alert.as_page()).collect();
    false_pages.sort_by(|one, other| one.at.total_cmp(&other.at).then_with(|| one.subject.cmp(&other.subject)));
    let silent = |label: &Label| {
        let about = alerts.iter().filter(|alert| !alert.page && alert.fits(label) && caused(alert));
        about.max_by(|one, other| one.strength.total_cmp(&other.strength)).map(Alert::as_page)
    };
    let unpaged = labels.labels.iter().map(silent).collect();
    Score { weeks: (meta.end - meta.warmup_end) / WEEK_SECS, true_pages, false_pages, found, unpaged }
}

/// By subject and hour, the strength of the strongest alert that pages, or does not.
fn strongest(alerts: &[Alert], page: bool) -> HashMap<(&str, i64), f64> {
    let mut all: HashMap<(&str, i64), f64> = HashMap::new();
    for alert in alerts.iter().filter(|alert| alert.page == page) {
        let strength = all.entry(alert.hour()).or_insert(f64::NEG_INFINITY);
        *strength = strength.max(alert.strength);
    }
    all
}

/// What harmless thing a false page was probably about: the look-alike of its person, table or account that was going on
/// or had just ended, else what concerned the whole company then.
pub fn look_alike<'a>(labels: &'a Labels, page: &Page) -> Option<&'a str> {
    let going_on = |benign: &&Benign| (benign.start - EARLY_SECS..=benign.end + WINDOW_SECS_MAX).contains(&page.at);
    let of = |is_meant: &dyn Fn(&String) -> bool| {
        let mut all = labels.benign.iter().filter(going_on);
        all.find(|benign| benign.entities.iter().any(is_meant)).map(|benign| benign.kind.as_str())
    };
    of(&|entity| page.names.contains(entity)).or_else(|| of(&|entity| entity == "*"))
}

impl Score {
    pub fn false_pages_per_week(&self) -> f64 {
        self.false_pages.len() as f64 / self.weeks
    }
}

/// An alert as it is written.
#[derive(Deserialize)]
struct Wire {
    raised_at: String,
    window: Window,
    subject: Named,
    entity: Named,
    detector: String,
    severity: String,
    page: bool,
    p_value: Option<f64>,
    #[serde(default)]
    why: String,
}

#[derive(Deserialize)]
struct Window {
    from: String,
    to: String,
}

#[derive(Deserialize)]
struct Named {
    kind: String,
    id: String,
}

impl Alert {
    fn new(wire: Wire) -> Result<Alert> {
        let strength = match wire.p_value {
            Some(p) => -p.max(1e-300).log10(),
            None => by_severity(&wire.severity)?,
        };
        let mut names = wire.subject.names();
        names.append(&mut wire.entity.names());
        Ok(Alert {
            at: secs(&wire.raised_at)?,
            window_secs: (secs(&wire.window.to)? - secs(&wire.window.from)?).min(WINDOW_SECS_MAX),
            subject: format!("{}:{}", wire.subject.kind, wire.subject.id),
            names,
            strength,
            page: wire.page,
            detector: wire.detector,
            why: wire.why,
        })
    }

    /// The page it belongs to.
    fn hour(&self) -> (&str, i64) {
        (&self.subject, (self.at / 3600.0).floor() as i64)
    }

    fn fits(&self, label: &Label) -> bool {
        let until = label.end + self.window_secs.max(PATIENCE_SECS);
        (label.start - EARLY_SECS..=until).contains(&self.at)
            && label.entities.iter().any(|entity| self.names.contains(entity))
    }

    fn as_page(&self) -> Page {
        Page {
            at: self.at,
            subject: self.subject.clone(),
            names: self.names.clone(),
            detector: self.detector.clone(),
            why: self.why.clone(),
        }
    }
}

/// Seconds since the epoch.
fn secs(stamp: &str) -> Result<f64> {
    let at: jiff::Timestamp = stamp.parse().with_context(|| format!("`{stamp}` is no RFC 3339 stamp"))?;
    Ok(at.as_millisecond() as f64 / 1000.0)
}

/// What stands for -log10 p where a rule has none.
fn by_severity(severity: &str) -> Result<f64> {
    match severity {
        "critical" => Ok(300.0),
        "high" => Ok(12.0),
        "medium" => Ok(6.0),
        "low" => Ok(3.0),
        other => anyhow::bail!("`{other}` is no severity"),
    }
}

impl Named {
    /// What labels call it: without schema, an account with and without its host.
    fn names(&self) -> BTreeSet<String> {
        let id = &self.id;
        let bare = |table: &str| format!("table:{}", table.rsplit('.').next().unwrap_or(table));
        let names = match self.kind.as_str() {
            "portal_user" => vec![format!("user:{id}")],
            "integration_key" => vec![format!("user:{id}"), format!("key:{id}")],
            "user_table" => match id.split_once('|') {
                Some((user, table)) => vec![format!("user:{user}"), bare(table)],
                None => vec![format!("user:{id}"), "table:".into()],
            },
            "table" => vec![bare(id)],
            "address" => vec![format!("ip:{id}")],
            "app_host" => vec![format!("dbhost:{id}")],
            "source" => SOURCES
                .iter()
                .filter(|(_, parts)| parts.iter().any(|part| id.contains(part)))
                .map(|(name, _)| format!("source:{name}"))
                .collect(),
            "fleet" => vec!["global".into()],
            "route" => vec![format!("path:{id}")],
            "db_account" => {
                let (user, host) = id.split_once('@').unwrap_or((id, ""));
                let host = (!host.is_empty()).then(|| format!("dbhost:{host}"));
                [format!("dbuser:{user}"), format!("db:{id}")].into_iter().chain(host).collect()
            }
            kind => vec![format!("{kind}:{id}")],
        };
        names.into_iter().collect()
    }
}

/// What a log is called in labels, and what its source's name contains.
const SOURCES: [(&str, &[&str]); 3] =
    [("access", &["access", "nginx", "apache"]), ("audit", &["audit"]), ("slow", &["slow"])];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Meta;

    const HOUR: f64 = 3600.0;
    /// A Monday, midnight.
    const MONDAY: f64 = 1_767_571_200.0;
    const WARM: f64 = MONDAY + 7.0 * 24.0 * HOUR;

    fn labels(entities: &[&str]) -> Labels {
        let label = Label {
            id: 1,
            kind: "bulk_export".into(),
            start: WARM + 10.0 * HOUR,
            end: WARM + 11.0 * HOUR,
            entities: entities.iter().map(|name| (*name).to_owned()).collect(),
            rows: 1,
            events: 1,
        };
        let meta = Meta {
            seed: 1,
            start: MONDAY,
            warmup_end: WARM,
            end: WARM + 14.0 * 24.0 * HOUR,
            users: 2,
            difficulty: 0.0,
        };
        Labels { meta, labels: vec![label], benign: Vec::new() }
    }

    fn alert(user: &str, at: f64) -> Alert {
        let named = Named { kind: "portal_user".into(), id: user.into() };
        Alert {
            at,
            window_secs: HOUR,
            subject: format!("portal_user:{user}"),
            names: named.names(),
            strength: 8.0,
            page: true,
            detector: "volume".into(),
            why: String::new(),
        }
    }

    #[test]
    fn a_page_is_one_subject_in_one_hour() {
        let at = WARM + 30.0 * HOUR;
        let alerts = [
            alert("a", at),
            alert("a", at + 3599.0),
            alert("a", at + 3600.0),
            alert("b", at),
            Alert { page: false, ..alert("c", at) },
        ];
        let score = score(&labels(&["user:z"]), &alerts, &[]);
        assert_eq!((score.false_pages.len(), score.true_pages, score.weeks), (3, 0, 2.0));
        assert_eq!(score.false_pages_per_week(), 1.5);
    }

    #[test]
    fn what_comes_in_the_warm_up_or_long_after_the_end_does_not_count() {
        let end = WARM + 14.0 * 24.0 * HOUR;
        let alerts = [alert("a", WARM - 1.0), alert("a", end + PATIENCE_SECS + 1.0)];
        assert_eq!(score(&labels(&["user:a"]), &alerts, &[]).false_pages.len(), 0);
        let alerts = [alert("a", WARM), alert("a", end + PATIENCE_SECS)];
        assert_eq!(score(&labels(&["user:a"]), &alerts, &[]).false_pages.len(), 2);
    }

    #[test]
    fn an_alert_finds_a_label_by_name_within_its_time_and_patience() {
        let start = WARM + 10.0 * HOUR;
        let found = |alert: Alert| score(&labels(&["user:a", "table:payslips"]), &[alert], &[]).found[0];
        assert_eq!(found(alert("a", start + 120.0)), Some(120.0));
        assert_eq!(found(alert("b", start + 120.0)), None);
        assert_eq!(found(alert("a", start - 61.0)), None);
        assert_eq!(found(alert("a", start - 60.0)), Some(-60.0));
        assert_eq!(found(alert("a", start + 2.0 * HOUR)), Some(2.0 * HOUR));
        assert_eq!(found(alert("a", start + 2.0 * HOUR + 1.0)), None);
        let of_the_day = |secs| Alert { window_secs: 24.0 * HOUR, ..alert("a", start + HOUR + secs) };
        assert_eq!(found(of_the_day(24.0 * HOUR)), Some(25.0 * HOUR));
        assert_eq!(found(of_the_day(24.0 * HOUR + 1.0)), None);
    }

    #[test]
    fn what_fires_in_the_quiet_twin_too_finds_nothing_and_is_false() {
        let at = WARM + 10.5 * HOUR;
        let quiet = [alert("a", at)];
        let judged = |strength| score(&labels(&["user:a"]), &[Alert { strength, ..alert("a", at) }], &quiet);
        assert_eq!((judged(8.9).found[0], judged(8.9).false_pages.len()), (None, 1));
        assert_eq!((judged(9.1).found[0], judged(9.1).false_pages.len()), (Some(0.5 * HOUR), 0));
        let unpaged = [Alert { page: false, ..alert("a", at) }];
        assert_eq!(score(&labels(&["user:a"]), &[alert("a", at)], &unpaged).true_pages, 1);
    }

    #[test]
    fn a_false_page_is_laid_to_what_its_person_was_doing_before_what_the_company_was() {
        let benign = |kind: &str, entity: &str| Benign {
            kind: kind.into(),
            start: WARM,
            end: WARM + HOUR,
            entities: vec![entity.into()],
        };
        let mut labels = labels(&["user:z"]);
        labels.benign = vec![benign("month_end", "*"), benign("travel", "user:a"), benign("travel", "user:c")];
        let laid_to = |user: &str, at| look_alike(&labels, &alert(user, at).as_page()).map(str::to_owned);
        assert_eq!(laid_to("a", WARM).as_deref(), Some("travel"));
        assert_eq!(laid_to("b", WARM + 2.0 * HOUR).as_deref(), Some("month_end"));
        assert_eq!(laid_to("a", WARM + 26.0 * HOUR), None);
    }

    #[test]
    fn the_strongest_alert_that_did_not_page_is_remembered() {
        let unpaged = |strength, at| Alert { page: false, strength, ..alert("a", at) };
        let at = WARM + 10.5 * HOUR;
        let alerts = [unpaged(5.0, at), Alert { detector: "crowd".into(), ..unpaged(7.0, at) }, unpaged(9.0, WARM)];
        let remembered = |quiet: &[Alert]| {
            let score = score(&labels(&["user:a"]), &alerts, quiet);
            (score.found[0], score.unpaged[0].as_ref().map(|page| page.detector.clone()))
        };
        assert_eq!(remembered(&[]), (None, Some("crowd".into())));
        assert_eq!(remembered(&[unpaged(6.5, at)]), (None, None));
    }

    #[test]
    fn one_true_alert_makes_the_hours_page_true() {
        let mut other = alert("a", WARM + 10.1 * HOUR);
        other.names = BTreeSet::from(["user:q".to_owned()]);
        let score = score(&labels(&["user:a"]), &[other, alert("a", WARM + 10.2 * HOUR)], &[]);
        assert_eq!((score.true_pages, score.false_pages.len()), (1, 0));
    }

    #[test]
    fn alerts_are_read_with_the_names_labels_use() {
        let line = |subject: &str, entity: &str| {
            format!(
                r#"{{"raised_at":"2026-01-12T10:00:30.5Z","window":{{"from":"2026-01-12T10:00:00Z","to":"2026-01-12T11:00:00Z"}},"subject":{subject},"entity":{entity},"detector":"d","severity":"medium","page":true,"p_value":null,"why":"w"}}"#
            )
        };
        let text = line(r#"{"kind":"portal_user","id":"u1"}"#, r#"{"kind":"user_table","id":"u1|hr.payslips"}"#);
        let alert = &read(&text).unwrap()[0];
        assert_eq!(alert.names.iter().map(String::as_str).collect::<Vec<_>>(), ["table:payslips", "user:u1"]);
        assert_eq!((alert.at, alert.window_secs, alert.strength), (1_768_212_030.5, HOUR, 6.0));
        let text = line(r#"{"kind":"db_account","id":"app@10.0.0.1"}"#, r#"{"kind":"source","id":"hr-audit-1"}"#);
        let names = &read(&text).unwrap()[0].names;
        let expected = ["db:app@10.0.0.1", "dbhost:10.0.0.1", "dbuser:app", "source:audit"];
        assert_eq!(names.iter().map(String::as_str).collect::<Vec<_>>(), expected);
        assert!(read("{}").unwrap_err().to_string().contains("line 1"));
    }
}
