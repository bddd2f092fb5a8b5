//! What an operator can set, with the defaults. `[detector]` in the configuration.

use crate::{
    exception::{self, ExceptionSettings},
    limits,
};
use activity::{EntityKind, Span, Timestamp};
use serde::{Deserialize, Deserializer, de};
use std::ops::RangeInclusive;

/// `[detector]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Expected pages per week that no attack caused, for the whole fleet and all detectors together.
    pub false_pages_per_week: f64,
    /// How far a record may lie behind the greatest stamp of its source partition; also how long an hour stays open.
    /// Written as a number and a unit: `500ms`, `90s`, `2m`, `1h`, `1d`.
    #[serde(deserialize_with = "span")]
    pub allowed_lateness: Span,
    /// How each detector shares in the budget; the sum is at most 1.
    pub shares: Shares,
    /// The greatest number of entities of each kind that is reckoned with. The budget is kept up to these numbers.
    pub maxima: Maxima,
    /// How many entities of each kind are held at most in each tally partition, as a multiple of [`limits::entities_max`]: it bounds the memory
    /// that made-up names can take.
    pub capacity: f64,
    pub volume: VolumeSettings,
    pub first_seen: FirstSeenSettings,
    pub new_records: NewRecordSettings,
    pub enumeration: EnumerationSettings,
    pub page_depth: PageDepthSettings,
    pub off_hours: OffHoursSettings,
    pub bank_details: BankDetailSettings,
    pub crowd: CrowdSettings,
    pub login_failures: LoginFailureSettings,
    pub login_spray: LoginSpraySettings,
    pub shared_session: SharedSessionSettings,
    pub travel: TravelSettings,
    pub signature: SignatureSettings,
    pub silence: SilenceSettings,
    /// Alerts that page nobody until a day, each with who answers for it.
    pub exceptions: Vec<ExceptionSettings>,
}

/// Parts of `false_pages_per_week`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Shares {
    pub volume: f64,
    pub first_seen: f64,
    pub new_records: f64,
    pub enumeration: f64,
    pub page_depth: f64,
    pub drift: f64,
    pub off_hours: f64,
    pub leaver: f64,
    pub bank_details: f64,
    pub crowd: f64,
    pub login_failures: f64,
    pub login_spray: f64,
    pub shared_session: f64,
    pub travel: f64,
    pub signature: f64,
    pub silence: f64,
}

/// Entities reckoned with.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Maxima {
    pub portal_user: u32,
    pub user_table: u32,
    pub table: u32,
    pub db_account: u32,
    pub app_host: u32,
    pub address: u32,
    pub integration_key: u32,
}

/// `[detector.volume]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VolumeSettings {
    /// How much more than the entity's and its peers' usual extremes it has to be, as a factor.
    pub margin: f64,
    /// Index α of the power-law tail with which the past maximum is extrapolated: P(> c × maximum) falls as c^-α.
    pub tail_index: f64,
    /// History is forgotten by half in so many days. After a change, what was learned before fades at the new pace. Below 9 it would be
    /// forgotten before it is long enough to say that somebody never works at an hour (`off_hours`).
    pub half_life_days: f64,
    /// In periods of the calendar that change behaviour the usual extremes count this many times as large.
    pub calendar_widening: f64,
    /// The digest lists what is at most this many times as probable as what pages.
    pub digest_factor: f64,
}

/// `[detector.first_seen]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FirstSeenSettings {
    /// Days of activity after which an entity counts as known.
    pub known_after_days: f64,
    /// Rows or requests of classified data from the new place, or of the new table, in the hour, before it pages.
    pub page_amount: u64,
}

/// `[detector.new_records]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NewRecordSettings {
    /// New records of a day below which nobody is told.
    pub least: u64,
}

/// `[detector.enumeration]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EnumerationSettings {
    /// Records in a row below which nobody is told.
    pub least: u64,
}

/// `[detector.page_depth]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PageDepthSettings {
    /// Pages of lists beyond the fifth, of a day, below which nobody is told.
    pub least: u64,
}

/// `[detector.off_hours]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OffHoursSettings {
    /// Requests of a night below which nobody is told.
    pub least: u64,
}

/// `[detector.bank_details]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BankDetailSettings {
    /// Rows with account numbers changed in a day below which nobody is told.
    pub least: u64,
    /// People who are given one account number within four weeks, below which nobody is told.
    pub people: u64,
}

/// `[detector.crowd]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CrowdSettings {
    /// People below which nobody is told.
    pub least: u64,
}

/// `[detector.login_spray]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LoginSpraySettings {
    /// Accounts tried by strangers in a day below which nobody is told.
    pub least: u64,
}

/// `[detector.shared_session]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SharedSessionSettings {
    /// Minutes of one place that lie between those of another.
    pub minutes: u32,
}

/// `[detector.travel]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TravelSettings {
    /// Minutes in which nobody gets to another country.
    pub minutes: u32,
}

/// `[detector.login_failures]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LoginFailureSettings {
    /// Different accounts failing from one address in an hour.
    pub accounts_per_address: u64,
    /// Failures before a success that make the success suspicious.
    pub failures_before_success: u64,
    /// Failures of one account in an hour.
    pub failures_per_account: u64,
}

/// `[detector.signature]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SignatureSettings {
    /// A dump on at least this many earlier days at about this hour is a habit and does not page.
    pub regular_dump_days: u32,
}

/// `[detector.silence]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SilenceSettings {
    /// Minutes without a record, in an hour in which the source usually has some in every minute.
    pub minutes: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            false_pages_per_week: 2.0,
            allowed_lateness: Span::from_minutes(2),
            shares: Shares::default(),
            maxima: Maxima::default(),
            capacity: 1.0,
            volume: VolumeSettings::default(),
            first_seen: FirstSeenSettings::default(),
            new_records: NewRecordSettings::default(),
            enumeration: EnumerationSettings::default(),
            page_depth: PageDepthSettings::default(),
            off_hours: OffHoursSettings::default(),
            bank_details: BankDetailSettings::default(),
            crowd: CrowdSettings::default(),
            login_failures: LoginFailureSettings::default(),
            login_spray: LoginSpraySettings::default(),
            shared_session: SharedSessionSettings::default(),
            travel: TravelSettings::default(),
            signature: SignatureSettings::default(),
            silence: SilenceSettings::default(),
            exceptions: Vec::new(),
        }
    }
}

impl Default for Shares {
    fn default() -> Self {
        Shares {
            volume: 0.16,
            first_seen: 0.12,
            new_records: 0.22,
            enumeration: 0.04,
            page_depth: 0.02,
            drift: 0.06,
            off_hours: 0.04,
            leaver: 0.01,
            bank_details: 0.02,
            crowd: 0.03,
            login_failures: 0.07,
            login_spray: 0.05,
            shared_session: 0.03,
            travel: 0.02,
            signature: 0.08,
            silence: 0.03,
        }
    }
}

impl Default for Maxima {
    fn default() -> Self {
        Maxima {
            portal_user: 5_000,
            user_table: 20_000,
            table: 2_000,
            db_account: 200,
            app_host: 200,
            address: 50_000,
            integration_key: 500,
        }
    }
}

impl Default for VolumeSettings {
    fn default() -> Self {
        VolumeSettings {
            margin: 1.5,
            tail_index: 4.0,
            half_life_days: 21.0,
            calendar_widening: 2.0,
            digest_factor: 1_000.0,
        }
    }
}

impl Default for FirstSeenSettings {
    fn default() -> Self {
        FirstSeenSettings { known_after_days: 5.0, page_amount: 5 }
    }
}

impl Default for NewRecordSettings {
    fn default() -> Self {
        NewRecordSettings { least: 6 }
    }
}

impl Default for EnumerationSettings {
    fn default() -> Self {
        EnumerationSettings { least: 10 }
    }
}

impl Default for PageDepthSettings {
    fn default() -> Self {
        PageDepthSettings { least: 10 }
    }
}

impl Default for OffHoursSettings {
    fn default() -> Self {
        OffHoursSettings { least: 12 }
    }
}

impl Default for BankDetailSettings {
    fn default() -> Self {
        BankDetailSettings { least: 4, people: 3 }
    }
}

impl Default for CrowdSettings {
    fn default() -> Self {
        CrowdSettings { least: 5 }
    }
}

impl Default for LoginSpraySettings {
    fn default() -> Self {
        LoginSpraySettings { least: 15 }
    }
}

impl Default for SharedSessionSettings {
    fn default() -> Self {
        SharedSessionSettings { minutes: 3 }
    }
}

impl Default for TravelSettings {
    fn default() -> Self {
        TravelSettings { minutes: 120 }
    }
}

impl Default for LoginFailureSettings {
    fn default() -> Self {
        LoginFailureSettings { accounts_per_address: 8, failures_before_success: 6, failures_per_account: 30 }
    }
}

impl Default for SignatureSettings {
    fn default() -> Self {
        SignatureSettings { regular_dump_days: 3 }
    }
}

impl Default for SilenceSettings {
    fn default() -> Self {
        SilenceSettings { minutes: 20 }
    }
}

impl Maxima {
    /// 1 for kinds of which there are few by nature.
    pub fn of(&self, kind: EntityKind) -> u32 {
        match kind {
            EntityKind::PortalUser => self.portal_user,
            EntityKind::UserTable => self.user_table,
            EntityKind::Table => self.table,
            EntityKind::DbAccount => self.db_account,
            EntityKind::AppHost => self.app_host,
            EntityKind::Address => self.address,
            EntityKind::IntegrationKey => self.integration_key,
            EntityKind::Network | EntityKind::Session | EntityKind::Route | EntityKind::Source | EntityKind::Fleet => 1,
        }
    }
}

impl Settings {
    /// What `capacity` may be.
    pub const CAPACITY: RangeInclusive<f64> = 0.01..=10.0;

    pub(crate) fn entities_held_max(&self, kind: EntityKind) -> usize {
        limits::entities_held_max(kind, self.capacity)
    }

    /// What is wrong with the values: (key path below `detector`, what to do about it).
    pub fn check(&self) -> Vec<(String, String)> {
        let mut mistakes = Vec::new();
        let mut require = |right: bool, key: &str, problem: &str| {
            if !right {
                mistakes.push((key.to_owned(), problem.to_owned()));
            }
        };
        let between = |value: f64, low: f64, high: f64| value.is_finite() && (low..=high).contains(&value);
        require(
            between(self.false_pages_per_week, 0.001, 1000.0),
            "false_pages_per_week",
            "must be from 0.001 to 1000",
        );
        let (low, high) = (Settings::CAPACITY.start(), Settings::CAPACITY.end());
        require(between(self.capacity, *low, *high), "capacity", "must be from 0.01 to 10");
        let lateness = self.allowed_lateness.as_millis();
        require((0..=3_600_000).contains(&lateness), "allowed_lateness", "must be from 0s to 1h");
        let Shares {
            volume,
            first_seen,
            new_records,
            enumeration,
            page_depth,
            drift,
            off_hours,
            leaver,
            bank_details,
            crowd,
            login_failures,
            login_spray,
            shared_session,
            travel,
            signature,
            silence,
        } = self.shares;
        let shares = [
            volume,
            first_seen,
            new_records,
            enumeration,
            page_depth,
            drift,
            off_hours,
            leaver,
            bank_details,
            crowd,
            login_failures,
            login_spray,
            shared_session,
            travel,
            signature,
            silence,
        ];
        require(shares.iter().all(|share| between(*share, 0.0, 1.0)), "shares", "each must be from 0 to 1");
        require(shares.iter().sum::<f64>() <= 1.0 + 1e-9, "shares", "their sum must be at most 1");
        let Maxima { portal_user, user_table, table, db_account, app_host, address, integration_key } = self.maxima;
        let maxima = [portal_user, user_table, table, db_account, app_host, address, integration_key];
        require(maxima.iter().all(|n| *n >= 1), "maxima", "each must be at least 1");
        require(between(self.volume.margin, 1.0, 100.0), "volume.margin", "must be from 1 to 100");
        require(between(self.volume.tail_index, 1.0, 20.0), "volume.tail_index", "must be from 1 to 20");
        require(between(self.volume.half_life_days, 9.0, 365.0), "volume.half_life_days", "must be from 9 to 365");
        require(
            between(self.volume.calendar_widening, 1.0, 100.0),
            "volume.calendar_widening",
            "must be from 1 to 100",
        );
        require(between(self.volume.digest_factor, 1.0, 1e9), "volume.digest_factor", "must be from 1 to 1e9");
        let days = self.first_seen.known_after_days;
        require(between(days, 0.0, 365.0), "first_seen.known_after_days", "must be from 0 to 365");
        require(self.new_records.least >= 1, "new_records.least", "must be at least 1");
        require(self.enumeration.least >= 4, "enumeration.least", "must be at least 4");
        require(self.page_depth.least >= 1, "page_depth.least", "must be at least 1");
        require(self.off_hours.least >= 1, "off_hours.least", "must be at least 1");
        require(self.bank_details.least >= 1, "bank_details.least", "must be at least 1");
        require(self.bank_details.people >= 2, "bank_details.people", "must be at least 2");
        require(self.crowd.least >= 2, "crowd.least", "must be at least 2");
        require(self.login_spray.least >= 2, "login_spray.least", "must be at least 2");
        require((1..=60).contains(&self.shared_session.minutes), "shared_session.minutes", "must be from 1 to 60");
        require((1..=180).contains(&self.travel.minutes), "travel.minutes", "must be from 1 to 180");
        let login = &self.login_failures;
        require(
            (2..=64).contains(&login.accounts_per_address),
            "login_failures.accounts_per_address",
            "must be from 2 to 64",
        );
        require(
            (1..=63).contains(&login.failures_before_success),
            "login_failures.failures_before_success",
            "must be from 1 to 63",
        );
        require(login.failures_per_account >= 1, "login_failures.failures_per_account", "must be at least 1");
        require((1..=60).contains(&self.silence.minutes), "silence.minutes", "must be from 1 to 60");
        mistakes.extend(exception::check(&self.exceptions));
        mistakes
    }

    /// Names in exceptions that have to be a signature rule's, as no detector has them: (key path below `detector`, name). Rules are data
    /// that is not known here.
    pub fn rules_excepted(&self) -> impl Iterator<Item = (String, &str)> {
        let each = self.exceptions.iter().enumerate();
        each.flat_map(|(at, exception)| {
            exception.rules().map(move |name| (format!("exceptions[{at}].detectors"), name))
        })
    }

    /// Exceptions that are over at that time and do nothing any more: (key path below `detector`, who answers for it).
    pub fn exceptions_over(&self, now: Timestamp) -> Vec<(String, String)> {
        let over = self.exceptions.iter().enumerate().filter(|(_, exception)| exception.is_over(now));
        over.map(|(at, exception)| (format!("exceptions[{at}]"), exception.owner.clone())).collect()
    }
}

/// `90s`, `2m`, `1h`: a whole number and one of ms, s, m, h, d.
pub fn parse_span(text: &str) -> Option<Span> {
    let digits = text.len() - text.trim_start_matches(|character: char| character.is_ascii_digit()).len();
    let number: i64 = text[..digits].parse().ok()?;
    let millis = match text[digits..].trim() {
        "ms" => 1,
        "s" => 1_000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.checked_mul(millis).map(Span::from_millis)
}

fn span<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_span(&text)
        .ok_or_else(|| de::Error::custom("not a duration: write a whole number and ms, s, m, h or d, such as \"2m\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_have_no_mistake() {
        assert_eq!(Settings::default().check(), []);
    }

    #[test]
    fn reads_the_contract_and_refuses_unknown_keys() {
        let read = |json: &str| serde_json::from_str::<Settings>(json);
        let settings = read(r#"{"false_pages_per_week": 1, "allowed_lateness": "90s"}"#).unwrap();
        assert_eq!((settings.false_pages_per_week, settings.allowed_lateness), (1.0, Span::from_secs(90)));
        assert!(read(r#"{"false_pages": 1}"#).unwrap_err().to_string().contains("unknown field"));
        assert!(read(r#"{"allowed_lateness": "two minutes"}"#).unwrap_err().to_string().contains("duration"));
        assert!(read(r#"{"allowed_lateness": 120}"#).is_err());
    }

    #[test]
    fn names_every_mistake() {
        let mut settings = Settings { false_pages_per_week: 0.0, ..Settings::default() };
        settings.shares.volume = 0.9;
        settings.volume.margin = f64::NAN;
        settings.capacity = 0.0;
        let keys: Vec<String> = settings.check().into_iter().map(|(key, _)| key).collect();
        assert_eq!(keys, ["false_pages_per_week", "capacity", "shares", "volume.margin"]);
    }

    #[test]
    fn spans_have_a_unit() {
        assert_eq!(parse_span("1h"), Some(Span::from_hours(1)));
        for text in ["", "2", "m", "-1s", "2 weeks", "99999999999999999999s", "9223372036854775807d"] {
            assert_eq!(parse_span(text), None, "{text}");
        }
    }
}
