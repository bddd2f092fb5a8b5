//! What a person holds of an alert, as the detector hears it.
//!
//! A verdict is part of the input, beside the records and the configuration: it names an alert by its id, and its own time
//! decides from when on it counts, not when it was heard. What it does is told in [`docket`](crate::docket).

use crate::{
    alert::AlertId,
    exception::{EntityName, is_name},
    limits::{VERDICT_EXCEPTION_DAYS_MAX, VERDICT_TEXT_MAX},
    packed::{packed, packed_as},
};
use activity::{Span, Timestamp};
use serde::{Deserialize, Serialize};

/// One verdict of one person.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AlertVerdict {
    /// When it was given: wall time, which in a live system is close to event time.
    pub at: Timestamp,
    pub alert: AlertId,
    pub ruling: Ruling,
    /// Who: as authenticated by what received the verdict.
    pub by: String,
    pub reason: String,
    /// Only with [`Ruling::Expected`].
    pub exception: Option<VerdictException>,
}

/// What an alert was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ruling {
    /// A new normal of the entity: what was left out of its baseline because of this alert is learned.
    Expected,
    /// This once. What was left out stays out, what was learned stays learned; what comes after pages as if nobody had been told before.
    BenignOnce,
    /// A breach: what was left out is never learned, and values first met on that day are forgotten.
    True,
}

/// With the verdict that it was expected: no pages about the like until then.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerdictException {
    /// RFC 3339.
    #[serde(with = "time")]
    pub until: Timestamp,
    /// All alerts about this one. Absent: those that are judged by the past of the alert's entity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<EntityName>,
    /// Detectors and signature rules. Empty: of a subject all, of the entity the alert's own; but none of those that have to be named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub detectors: Vec<String>,
}

/// What is wrong with a verdict. Nothing of it takes effect.
#[derive(Debug, thiserror::Error)]
pub enum NotAVerdict {
    #[error("not a verdict: {0}")]
    Json(#[from] serde_json::Error),
    #[error("`alert_id` must be 32 hexadecimal digits")]
    AlertId,
    #[error("`at` must lie in the years 1970 to 9999")]
    At,
    #[error("`{0}` must not be empty nor longer than {VERDICT_TEXT_MAX} characters")]
    Text(&'static str),
    #[error("an exception goes only with the verdict `expected`")]
    ExceptionOf,
    #[error(
        "`exception.until` must lie after `at`, by at most {VERDICT_EXCEPTION_DAYS_MAX} days; a longer one is written as `[[detector.exceptions]]`"
    )]
    Until,
    #[error(
        "`exception.subject` must be a kind of entity and an id, such as {{\"kind\":\"portal_user\",\"id\":\"u1042\"}}"
    )]
    Subject,
    #[error("there can be no detector and no signature rule `{0}`")]
    Detector(String),
}

/// As it is written, one on a line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct VerdictRecord {
    alert_id: String,
    verdict: Ruling,
    #[serde(with = "time")]
    at: Timestamp,
    by: String,
    reason: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exception: Option<VerdictException>,
}

impl Ruling {
    pub const ALL: [Ruling; 3] = [Ruling::Expected, Ruling::BenignOnce, Ruling::True];

    pub const fn as_str(self) -> &'static str {
        match self {
            Ruling::Expected => "expected",
            Ruling::BenignOnce => "benign_once",
            Ruling::True => "true",
        }
    }
}

impl AlertVerdict {
    /// One line of JSON, without a line break.
    pub fn to_json(&self) -> String {
        let record = VerdictRecord {
            alert_id: self.alert.to_string(),
            verdict: self.ruling,
            at: self.at,
            by: self.by.clone(),
            reason: self.reason.clone(),
            exception: self.exception.clone(),
        };
        serde_json::to_string(&record).expect("strings and lists of them serialise")
    }

    /// # Errors
    /// [`NotAVerdict`]: malformed, or [`check`](Self::check) refuses it.
    pub fn from_json(json: &[u8]) -> Result<Self, NotAVerdict> {
        let record: VerdictRecord = serde_json::from_slice(json)?;
        let verdict = AlertVerdict {
            at: record.at,
            alert: AlertId::parse(&record.alert_id).ok_or(NotAVerdict::AlertId)?,
            ruling: record.verdict,
            by: record.by,
            reason: record.reason,
            exception: record.exception,
        };
        verdict.check().map(|()| verdict)
    }

    /// Whether it may take effect.
    ///
    /// # Errors
    /// Every kind of [`NotAVerdict`] but those of the JSON's form.
    pub fn check(&self) -> Result<(), NotAVerdict> {
        if !AT_MILLIS.contains(&self.at.as_millis()) {
            return Err(NotAVerdict::At);
        }
        for (field, text) in [("by", &self.by), ("reason", &self.reason)] {
            if text.trim().is_empty() || text.chars().nth(VERDICT_TEXT_MAX).is_some() {
                return Err(NotAVerdict::Text(field));
            }
        }
        let Some(exception) = &self.exception else { return Ok(()) };
        if self.ruling != Ruling::Expected {
            return Err(NotAVerdict::ExceptionOf);
        }
        let latest = self.at.saturating_add(Span::from_hours(24 * VERDICT_EXCEPTION_DAYS_MAX));
        if exception.until <= self.at || latest < exception.until {
            return Err(NotAVerdict::Until);
        }
        if exception.subject.as_ref().is_some_and(|subject| subject.resolve().is_none()) {
            return Err(NotAVerdict::Subject);
        }
        // Which rules there were when the alert was raised, nobody knows any more: a name that none has does nothing.
        let unknown = exception.detectors.iter().find(|name| !is_name(name));
        unknown.map_or(Ok(()), |name| Err(NotAVerdict::Detector(activity::printable_within(name, 64))))
    }
}

/// Years that RFC 3339 can say, with room for an exception.
const AT_MILLIS: std::ops::Range<i64> = 0..253_370_764_800_000;

/// RFC 3339, as everywhere in the contracts.
mod time {
    use activity::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(at)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|_| D::Error::custom("not an RFC 3339 time such as \"2026-03-02T21:14:00Z\""))
    }
}

packed_as!(VerdictException: (Timestamp, Option<(String, String)>, Vec<String>),
    |exception| (exception.until, exception.subject.as_ref().map(|subject| (subject.kind.clone(), subject.id.clone())), exception.detectors.clone()),
    |(until, subject, detectors)| {
        Some(VerdictException { until, subject: subject.map(|(kind, id)| EntityName { kind, id }), detectors })
    },
    "an exception");
packed!(AlertVerdict { at, alert, ruling, by, reason, exception });
packed_as!(Ruling: u8, |ruling| *ruling as u8, |at| [Ruling::Expected, Ruling::BenignOnce, Ruling::True].get(usize::from(at)).copied(), "a ruling");

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<AlertVerdict, String> {
        AlertVerdict::from_json(json.as_bytes()).map_err(|error| error.to_string())
    }

    fn line(verdict: &str, exception: &str) -> String {
        format!(
            r#"{{"alert_id":"{}","verdict":"{verdict}","at":"2026-03-02T21:14:00Z","by":"Jana Weiss","reason":"CHG-1"{exception}}}"#,
            "0f".repeat(16)
        )
    }

    #[test]
    fn comes_back_from_its_line() {
        for ruling in Ruling::ALL {
            let text = line(ruling.as_str(), "");
            assert_eq!(read(&text).unwrap().to_json(), text);
        }
        let text = line(
            "expected",
            r#","exception":{"until":"2026-03-30T00:00:00Z","subject":{"kind":"portal_user","id":"u1"},"detectors":["volume"]}"#,
        );
        let verdict = read(&text).unwrap();
        assert_eq!(verdict.to_json(), text);
    }

    #[test]
    fn refuses_what_has_no_owner_no_reason_or_no_end() {
        let refused = |text: String, part: &str| {
            let error = read(&text).unwrap_err();
            assert!(error.contains(part), "{error}");
        };
        refused(line("expected", "").replace("Jana Weiss", "  "), "`by`");
        refused(line("expected", "").replace("CHG-1", &"x".repeat(VERDICT_TEXT_MAX + 1)), "`reason`");
        refused(line("maybe", ""), "unknown variant");
        refused(line("expected", r#","colour":1"#), "unknown field");
        refused(line("expected", "").replace("0f0f", "zz"), "`alert_id`");
        refused(line("expected", r#","exception":{}"#), "until");
        refused(line("expected", r#","exception":{"until":"2026-03-02T21:14:00Z"}"#), "after `at`");
        refused(line("expected", r#","exception":{"until":"2027-03-02T21:14:00Z"}"#), "28 days");
        refused(
            line("expected", r#","exception":{"until":"2026-03-03T00:00:00Z","subject":{"kind":"person","id":"x"}}"#),
            "`exception.subject`",
        );
        refused(line("true", "").replace("2026-03", "9999-12"), "1970 to 9999");
        refused(line("true", r#","exception":{"until":"2026-03-03T21:14:00Z"}"#), "only with");
        refused(line("expected", r#","exception":{"until":"2026-03-03T00:00:00Z","detectors":["X"]}"#), "rule `X`");
    }
}
