//! One obligation, as it stands in the file.

use crate::Moment;
use activity::DataClass;
use jiff::{civil::Date, tz::TimeZone, tz::TimeZoneDatabase};
use serde::{Deserialize, Deserializer, de::Error};
use std::fmt;

/// Whom one law or contract obliges to tell, from when and until when.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Obligation {
    /// Stable id, e.g. `eu-gdpr-33-authority`.
    pub id: String,
    /// Family of laws, e.g. `eu` or `us-state`.
    pub group: String,
    pub name: String,
    /// Where it is written.
    pub citation: String,
    pub recipient: Recipient,
    /// Which authority or office, where one is named.
    #[serde(default)]
    pub addressee: String,
    /// ISO 3166 code of the place where people must live for it to apply; empty: anywhere.
    #[serde(default)]
    pub residents_of: String,
    /// Of the authority; `None`: not known, the strictest reading holds.
    #[serde(default, deserialize_with = "zone")]
    pub zone: Option<TimeZone>,
    /// Classes of data it is about; empty: an incident of any kind.
    #[serde(deserialize_with = "classes")]
    pub applies_to: Vec<DataClass>,
    /// The first of these to come starts it.
    #[serde(default)]
    pub starts: Vec<Moment>,
    /// It (also) starts when the notice of this obligation was sent.
    #[serde(default)]
    pub after_sending: Option<String>,
    /// The time counts from the end of the calendar year of the start.
    #[serde(default)]
    pub from_end_of_year: bool,
    #[serde(default)]
    pub order: Option<Order>,
    /// `None`: the law gives no figure, only a phrase.
    #[serde(default)]
    pub limit: Option<Limit>,
    #[serde(default)]
    pub latest: Option<Latest>,
    /// How the law puts it where it gives no figure, e.g. "without undue delay".
    #[serde(default)]
    pub phrase: String,
    /// All of them have to be met.
    #[serde(default)]
    pub thresholds: Vec<Threshold>,
    /// What held earlier.
    #[serde(default)]
    pub before: Vec<Before>,
    /// First day on which it holds.
    #[serde(default, deserialize_with = "date")]
    pub in_force_from: Option<Date>,
    /// First day on which it does not hold any more.
    #[serde(default, deserialize_with = "date")]
    pub in_force_until: Option<Date>,
    /// What has to be weighed before telling anybody, in a few words.
    #[serde(default)]
    pub condition: String,
    pub status: Status,
    pub verified: Verified,
    /// Day on which it was read.
    pub as_of: String,
    /// In what sources disagree.
    #[serde(default)]
    pub conflict: String,
    pub sources: Vec<String>,
    #[serde(default)]
    pub notes: String,
    /// Counsel who confirmed it; empty: shown as unreviewed.
    #[serde(default)]
    pub reviewed_by: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recipient {
    Authority,
    Individuals,
    ConsumerReportingAgencies,
    CardBrandViaAcquirer,
    DataOwner,
    Media,
    /// A duty to finish something within, not to tell somebody outside.
    Internal,
}

impl Recipient {
    pub const fn as_str(self) -> &'static str {
        match self {
            Recipient::Authority => "the authority",
            Recipient::Individuals => "the people whose data it is",
            Recipient::ConsumerReportingAgencies => "consumer reporting agencies",
            Recipient::CardBrandViaAcquirer => "the card brand, through the acquirer",
            Recipient::DataOwner => "the owner of the data",
            Recipient::Media => "the media",
            Recipient::Internal => "nobody outside: a duty to be done within",
        }
    }
}

/// A time limit.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "WrittenLimit")]
pub enum Limit {
    Hours(u32),
    CalendarDays(u32),
    BusinessDays {
        days: u16,
        /// Id of a [`crate::Calendar`].
        calendar: String,
    },
    Months(u32),
}

/// A second limit with a start of its own: the earlier of both holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Latest {
    pub starts: Moment,
    pub hours: u32,
}

/// Which of two notices has to come first. Its limit is that of the other one.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Before the other: the other one waits for it.
    Before(String),
    /// Not later than the other.
    Together(String),
}

impl Order {
    /// Id of the other obligation.
    pub fn other(&self) -> &str {
        match self {
            Order::Before(other) | Order::Together(other) => other,
        }
    }
}

/// How many people it takes. The difference between "more than" and "at least" is one person, and sources get it wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "WrittenThreshold")]
pub enum Threshold {
    MoreThan(u64, Whose),
    AtLeast(u64, Whose),
    FewerThan(u64, Whose),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Whose {
    /// Everybody whose data it is.
    People,
    /// Who of them lives in the obligation's own place.
    Residents,
    /// Who of them lives in that state of the United States where most do.
    ResidentsOfOneState,
    /// Everybody, where only employees can be meant.
    Employees,
}

/// What held for starts before a day, where the law has changed.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Before {
    /// First day of the newer rule, in the authority's zone.
    #[serde(deserialize_with = "day")]
    pub until: Date,
    #[serde(default)]
    pub limit: Option<Limit>,
    #[serde(default)]
    pub phrase: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    InForce,
    PhasedIn,
    Proposed,
    Unverified,
}

/// Whether limit, start and threshold were read in a text that names the law.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verified {
    Yes,
    /// In one secondary source, or in sources that disagree.
    Partial,
    No,
}

impl Obligation {
    pub fn is_reviewed(&self) -> bool {
        !self.reviewed_by.is_empty()
    }

    /// Why it must not run unless somebody says so by name; `None`: it may.
    pub fn unarmed(&self) -> Option<&'static str> {
        if self.is_reviewed() {
            return None;
        }
        match (self.status, self.verified) {
            (Status::Proposed, _) => Some("it is proposed, not law"),
            (Status::Unverified, _) => Some("nobody verified that it is in force"),
            (_, Verified::No) => Some("nobody verified its limit"),
            _ => None,
        }
    }

    /// Whom it obliges to tell: the office that is named, else the kind of recipient.
    pub fn addressee(&self) -> &str {
        if self.addressee.is_empty() { self.recipient.as_str() } else { &self.addressee }
    }
}

impl Threshold {
    pub fn whose(self) -> Whose {
        let (Threshold::MoreThan(_, whose) | Threshold::AtLeast(_, whose) | Threshold::FewerThan(_, whose)) = self;
        whose
    }

    /// Whether a number of people meets it.
    pub fn meets(self, n: u64) -> bool {
        match self {
            Threshold::MoreThan(limit, _) => n > limit,
            Threshold::AtLeast(limit, _) => n >= limit,
            Threshold::FewerThan(limit, _) => n < limit,
        }
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, n) = match self {
            Threshold::MoreThan(n, _) => ("more than", n),
            Threshold::AtLeast(n, _) => ("at least", n),
            Threshold::FewerThan(n, _) => ("fewer than", n),
        };
        let whose = match self.whose() {
            Whose::People => "people",
            Whose::Residents => "residents",
            Whose::ResidentsOfOneState => "residents of one state",
            Whose::Employees => "employees",
        };
        write!(f, "{word} {n} {whose}")
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenLimit {
    hours: Option<u32>,
    calendar_days: Option<u32>,
    business_days: Option<u16>,
    months: Option<u32>,
    calendar: Option<String>,
}

/// Longest limit: ten years.
const DAYS_MAX: u32 = 3_660;

impl TryFrom<WrittenLimit> for Limit {
    type Error = &'static str;

    fn try_from(written: WrittenLimit) -> Result<Self, &'static str> {
        let WrittenLimit { hours, calendar_days, business_days, months, calendar } = written;
        let limit = match (hours, calendar_days, business_days, months, calendar) {
            (Some(hours), None, None, None, None) if hours <= 24 * DAYS_MAX => Limit::Hours(hours),
            (None, Some(days), None, None, None) if days <= DAYS_MAX => Limit::CalendarDays(days),
            (None, None, Some(days), None, Some(calendar)) if u32::from(days) <= DAYS_MAX => {
                Limit::BusinessDays { days, calendar }
            }
            (None, None, Some(_), None, None) => return Err("`business_days` needs the `calendar` of its days off"),
            (None, None, None, Some(months), None) if months <= DAYS_MAX / 30 => Limit::Months(months),
            _ => return Err("give one of `hours`, `calendar_days`, `business_days` and `months`, at most ten years"),
        };
        let is_zero = matches!(
            limit,
            Limit::Hours(0) | Limit::CalendarDays(0) | Limit::BusinessDays { days: 0, .. } | Limit::Months(0)
        );
        if is_zero {
            Err("a limit is at least 1; for `at the same time` write `order: { together: ID }`")
        } else {
            Ok(limit)
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenThreshold {
    more_than: Option<u64>,
    at_least: Option<u64>,
    fewer_than: Option<u64>,
    of: Whose,
}

impl TryFrom<WrittenThreshold> for Threshold {
    type Error = &'static str;

    fn try_from(written: WrittenThreshold) -> Result<Self, &'static str> {
        match (written.more_than, written.at_least, written.fewer_than) {
            (Some(n), None, None) => Ok(Threshold::MoreThan(n, written.of)),
            (None, Some(n), None) => Ok(Threshold::AtLeast(n, written.of)),
            (None, None, Some(n)) => Ok(Threshold::FewerThan(n, written.of)),
            _ => Err("give one of `more_than`, `at_least` and `fewer_than`"),
        }
    }
}

fn zone<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<TimeZone>, D::Error> {
    let name = String::deserialize(deserializer)?;
    // Bundled: what a zone means must not depend on the machine.
    let zone = TimeZoneDatabase::bundled().get(&name);
    zone.map(Some)
        .map_err(|_| D::Error::custom(format!("there is no zone `{name}`; write one such as `Europe/Berlin`")))
}

fn classes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<DataClass>, D::Error> {
    let names = Vec::<String>::deserialize(deserializer)?;
    let class =
        |name: &String| DataClass::parse(name).ok_or_else(|| D::Error::custom(format!("`{name}` is no class of data")));
    names.iter().map(class).collect()
}

fn day<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Date, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| D::Error::custom(format!("`{text}` is no day; write one such as 2026-01-31")))
}

pub(crate) fn date<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Date>, D::Error> {
    day(deserializer).map(Some)
}
