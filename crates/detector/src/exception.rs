//! Exceptions: somebody answers for it that alerts of a kind, about somebody, page nobody until a day.
//!
//! An alert under an exception is raised as always: same id, same severity, same effect on what is learned. Only `page` is
//! false, and `suppressed_by` says who answers for that. So nothing is lost for whoever looks back, and when the exception
//! ends nothing that happened under it comes up late.
//!
//! Whether an alert falls under one is decided by the beginning of its nominal window, which is the same for every reader; so an
//! exception reaches detectors that judge whole days from the first UTC day that begins under it.
//!
//! What hides an attacker's tracks, and signatures of severity `critical`, fall under an exception only if it names their
//! detector or rule: nobody gives away the alarm on the alarm by writing `everything about root`. Signature rules are data, of which
//! nothing is known here: whoever has read them asks [`Settings::rules_excepted`](crate::Settings::rules_excepted) and says which do not
//! exist.

use crate::{
    alert::{Severity, Suppression},
    detectors::{DETECTORS, Finding},
    directory::moment,
    limits::{EXCEPTION_DAYS_MAX, EXCEPTIONS_MAX, VERDICT_TEXT_MAX},
    packed::{packed, packed_as},
};
use activity::{Entity, EntityKind, Mark, Span, Timestamp, printable_within};
use serde::{Deserialize, Serialize};

/// `[[detector.exceptions]]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ExceptionSettings {
    /// Alerts that were judged by the past of this entity. Either this or `subject`.
    pub entity: Option<EntityName>,
    /// All alerts about this one.
    pub subject: Option<EntityName>,
    /// Names of detectors and of signature rules, as in `detector` of an alert. Empty: all but those that have to be named.
    pub detectors: Vec<String>,
    /// Who answers for it.
    pub owner: String,
    /// Why; a ticket's number, too.
    pub reason: String,
    /// From when on: a date or an RFC 3339 time.
    pub from: String,
    /// The first moment after it, at most 180 days later; of a date, the end of that day.
    pub until: String,
}

/// An entity as an alert names it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EntityName {
    pub kind: String,
    pub id: String,
}

/// By which of an alert's two names it falls under an exception.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Covers {
    Entity,
    Subject,
}

/// An exception, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Exception {
    pub(crate) covers: Covers,
    pub(crate) whom: Entity,
    pub(crate) detectors: Vec<String>,
    /// Where no detector is named: only this one. `None`: any.
    pub(crate) without_name: Option<String>,
    pub(crate) owner: String,
    pub(crate) reason: String,
    pub(crate) from: Timestamp,
    pub(crate) until: Timestamp,
}

/// The alert that may fall under an exception.
pub(crate) struct Candidate<'a> {
    /// The detector's name, or the rule's.
    pub(crate) detector: &'a str,
    pub(crate) finding: &'a Finding,
    /// MITRE ATT&CK techniques: the detector's, or those that the rule names.
    pub(crate) attack: &'a [String],
    pub(crate) subject: &'a Entity,
    pub(crate) entity: &'a Entity,
    /// The beginning of its nominal window.
    pub(crate) from: Timestamp,
}

/// Techniques that hide what was done: impairing defences, removing indicators, masquerading.
const TRACKS: [&str; 3] = ["T1562", "T1070", "T1036"];

pub(crate) fn knows_detector(name: &str) -> bool {
    DETECTORS.iter().any(|spec| spec.name == name)
}

/// Whether a detector or a signature rule may have this name.
pub(crate) fn is_name(name: &str) -> bool {
    let is_fit = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    (1..=Mark::RULE_BYTES_MAX).contains(&name.len()) && name.bytes().all(is_fit)
}

impl Candidate<'_> {
    /// Falls under an exception only by its name.
    fn has_to_be_named(&self) -> bool {
        let hides = self.attack.iter().any(|technique| TRACKS.iter().any(|track| technique.starts_with(track)));
        self.finding.p_value.is_none() && (self.finding.severity == Severity::Critical || hides)
    }
}

impl EntityName {
    /// `None`: there is no such kind, or no id.
    pub(crate) fn resolve(&self) -> Option<Entity> {
        let kind = EntityKind::parse(&self.kind).filter(|_| !self.id.is_empty())?;
        Some(Entity::new(kind, self.id.as_str()))
    }
}

impl Exception {
    pub(crate) fn matches(&self, alert: &Candidate<'_>) -> bool {
        let whom = match self.covers {
            Covers::Entity => alert.entity,
            Covers::Subject => alert.subject,
        };
        let named = self.detectors.iter().any(|name| name == alert.detector);
        let meant = self.detectors.is_empty() && self.without_name.as_ref().is_none_or(|name| name == alert.detector);
        self.from <= alert.from
            && alert.from < self.until
            && *whom == self.whom
            && (named || (meant && !alert.has_to_be_named()))
    }

    pub(crate) fn suppression(&self) -> Suppression {
        let shown = |text: &str| printable_within(text.trim(), VERDICT_TEXT_MAX);
        Suppression { owner: shown(&self.owner), reason: shown(&self.reason), until: self.until }
    }
}

impl ExceptionSettings {
    /// What is wrong with it: (key, what to do about it).
    pub(crate) fn check(&self) -> Vec<(&'static str, String)> {
        let mut mistakes = Vec::new();
        let mut require = |right: bool, key, problem: &str| {
            if !right {
                mistakes.push((key, problem.to_owned()));
            }
        };
        require(
            self.entity.is_some() != self.subject.is_some(),
            "entity",
            "write either `entity` or `subject`, as `{ kind = \"…\", id = \"…\" }`",
        );
        for (key, name) in [("entity.kind", &self.entity), ("subject.kind", &self.subject)] {
            let known = name.as_ref().is_none_or(|name| EntityKind::parse(&name.kind).is_some());
            require(known, key, "must be a kind of entity, such as portal_user, db_account, user_table or source");
        }
        for (key, name) in [("entity.id", &self.entity), ("subject.id", &self.subject)] {
            require(name.as_ref().is_none_or(|name| !name.id.is_empty()), key, "must not be empty");
        }
        for name in self.detectors.iter().filter(|name| !is_name(name)) {
            let name = printable_within(name, 64);
            require(false, "detectors", &format!("there can be no detector and no signature rule `{name}`"));
        }
        for (key, text) in [("owner", &self.owner), ("reason", &self.reason)] {
            let fits = !text.trim().is_empty() && text.chars().nth(VERDICT_TEXT_MAX).is_none();
            require(fits, key, "must say who answers for it and why; at most 400 characters");
        }
        let (from, until) = self.times();
        require(from.is_some(), "from", "must be a date or an RFC 3339 time");
        require(until.is_some(), "until", "must be a date or an RFC 3339 time: every exception ends");
        if let (Some(from), Some(until)) = (from, until) {
            let longest = Span::from_hours(24 * EXCEPTION_DAYS_MAX);
            let fits = from < until && until <= from.saturating_add(longest);
            require(
                fits,
                "until",
                "must lie after `from`, by at most 180 days; renew it when somebody has looked again",
            );
        }
        mistakes
    }

    /// Names that are no detector's, and so have to be a signature rule's.
    pub(crate) fn rules(&self) -> impl Iterator<Item = &str> {
        self.detectors.iter().map(String::as_str).filter(|name| !knows_detector(name) && is_name(name))
    }

    /// `None` where it is not a time.
    fn times(&self) -> (Option<Timestamp>, Option<Timestamp>) {
        (moment(&self.from, false).flatten(), moment(&self.until, true).flatten())
    }

    /// Over by then. False if it is not even well written.
    pub(crate) fn is_over(&self, now: Timestamp) -> bool {
        self.times().1.is_some_and(|until| until <= now)
    }

    /// `None` if [`check`](Self::check) refuses it.
    pub(crate) fn resolve(&self) -> Option<Exception> {
        if !self.check().is_empty() {
            return None;
        }
        let (from, until) = self.times();
        let (covers, name) = match (&self.entity, &self.subject) {
            (Some(name), _) => (Covers::Entity, name),
            (None, subject) => (Covers::Subject, subject.as_ref()?),
        };
        Some(Exception {
            covers,
            whom: name.resolve()?,
            detectors: self.detectors.clone(),
            without_name: None,
            owner: self.owner.clone(),
            reason: self.reason.clone(),
            from: from?,
            until: until?,
        })
    }
}

/// Mistakes of all of them: (key path below `detector`, what to do about it).
pub(crate) fn check(exceptions: &[ExceptionSettings]) -> Vec<(String, String)> {
    let each = exceptions.iter().enumerate().flat_map(|(at, exception)| {
        exception.check().into_iter().map(move |(key, problem)| (format!("exceptions[{at}].{key}"), problem))
    });
    let mut mistakes: Vec<(String, String)> = each.collect();
    if EXCEPTIONS_MAX < exceptions.len() {
        mistakes.push(("exceptions".into(), format!("must be at most {EXCEPTIONS_MAX}")));
    }
    mistakes
}

packed!(Exception { covers, whom, detectors, without_name, owner, reason, from, until });
packed_as!(Covers: bool, |covers| *covers == Covers::Subject, |is_subject| Some(if is_subject { Covers::Subject } else { Covers::Entity }), "a cover");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detectors::Window;

    fn written() -> ExceptionSettings {
        ExceptionSettings {
            subject: Some(EntityName { kind: "db_account".into(), id: "backup@10.0.0.9".into() }),
            owner: "Jana Weiss".into(),
            reason: "CHG-1".into(),
            from: "2026-03-01".into(),
            until: "2026-03-31".into(),
            ..ExceptionSettings::default()
        }
    }

    fn finding(severity: Severity, p_value: Option<f64>) -> Finding {
        Finding {
            window: Window::Hour,
            page: true,
            severity,
            observed: 1.0,
            expected: 0.0,
            unit: "rows",
            p_value,
            why: String::new(),
            affected_records: 0,
            attack: &[],
        }
    }

    fn matches(
        exception: &ExceptionSettings,
        detector: &str,
        (finding, technique): &(Finding, &str),
        from: &str,
    ) -> bool {
        let whom = Entity::new(EntityKind::DbAccount, "backup@10.0.0.9");
        let (from, attack) = (from.parse().unwrap(), &[(*technique).to_owned()]);
        let alert = Candidate { detector, finding, attack, subject: &whom, entity: &whom, from };
        exception.resolve().unwrap().matches(&alert)
    }

    #[test]
    fn holds_from_its_beginning_to_the_end_of_its_last_day() {
        let volume = (finding(Severity::High, Some(1e-9)), "T1213");
        let at = |from: &str| matches(&written(), "volume", &volume, from);
        assert!(!at("2026-02-28T23:00:00Z"));
        assert!(at("2026-03-01T00:00:00Z") && at("2026-03-31T23:00:00Z"));
        assert!(!at("2026-04-01T00:00:00Z"));
        assert!(!written().is_over("2026-03-31T23:59:59Z".parse().unwrap()));
        assert!(written().is_over("2026-04-01T00:00:00Z".parse().unwrap()));
    }

    #[test]
    fn what_hides_tracks_has_to_be_named() {
        let now = "2026-03-02T00:00:00Z";
        let audit_off = (finding(Severity::Critical, None), "T1562.001");
        let forged = (finding(Severity::High, None), "T1070");
        let silence = (finding(Severity::Medium, Some(1e-12)), "T1562.008");
        let dump = (finding(Severity::High, None), "T1005");
        for (name, finding, covered) in [
            ("audit_off", &audit_off, false),
            ("forged_entry", &forged, false),
            ("silence", &silence, true),
            ("dump_shape", &dump, true),
        ] {
            assert_eq!(matches(&written(), name, finding, now), covered, "{name}");
            let naming = ExceptionSettings { detectors: vec![name.into()], ..written() };
            assert!(matches(&naming, name, finding, now), "{name}");
            assert!(!matches(&naming, "grant", finding, now), "and nothing but that");
        }
    }

    #[test]
    fn every_mistake_has_its_key() {
        let wrong = ExceptionSettings {
            entity: Some(EntityName { kind: "person".into(), id: String::new() }),
            detectors: vec!["volume".into(), "a_rule".into(), "Every Thing".into()],
            owner: " ".into(),
            from: "soon".into(),
            until: String::new(),
            ..written()
        };
        let keys: Vec<&str> = wrong.check().into_iter().map(|(key, _)| key).collect();
        assert_eq!(keys, ["entity", "entity.kind", "entity.id", "detectors", "owner", "from", "until"]);
        assert_eq!(wrong.rules().collect::<Vec<_>>(), ["a_rule"]);
        let long = ExceptionSettings { until: "2026-08-28".into(), ..written() };
        assert_eq!(long.check().into_iter().map(|(key, _)| key).collect::<Vec<_>>(), ["until"], "181 days");
        assert_eq!(ExceptionSettings { until: "2026-08-27".into(), ..written() }.check(), []);
        assert!(ExceptionSettings { until: "2026-02-01".into(), ..written() }.resolve().is_none());
    }
}
