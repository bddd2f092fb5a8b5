//! What a line of Monolog says, in whichever of its formats it came.
//!
//! | channel | becomes |
//! |---|---|
//! | `hr_audit` | what the person did, see [`crate::hr_audit`] |
//! | any other, where the message begins with a refusal of the database | a statement or connection that was denied |
//! | any other | nothing (rule `application_message`) |
//!
//! A refusal is MariaDB's text behind PDO's `SQLSTATE[…]`, alone or behind the name of an exception's class: errors 1044,
//! 1045, 1142, 1143 and 1370, which name the account, the host, the command and often the table. Only the beginning of a
//! message counts: further inside it may be what a visitor typed. All other messages (syntax errors, time-outs, missing
//! routes) name nobody, so there is nothing to count them for.

use crate::hr_audit::{CHANNEL, HrAudit};
use crate::scalar::Scalar;
use crate::zone::LocalTime;
use crate::{Context, Parsed, Rejected, Zone};
use activity::{Activity, Actor, Operation, Outcome, Resource, Timestamp};
use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::{borrow::Cow, fmt};

/// Longest name of an exception's class before `SQLSTATE`, in bytes.
const CLASS_BYTES_MAX: usize = 128;

/// One entry.
#[derive(Debug)]
pub(crate) struct Entry<'t, 'a> {
    pub(crate) at: Timestamp,
    pub(crate) channel: &'t str,
    pub(crate) message: &'t str,
    /// The context, if it is an object.
    pub(crate) audit: Option<HrAudit<'a>>,
    pub(crate) host: Scalar<'a>,
}

impl<'a> Entry<'_, 'a> {
    pub(crate) fn activity(self, context: &Context) -> Result<Parsed<'a>, Rejected> {
        if self.channel == CHANNEL {
            return self.audit.ok_or(Rejected::MissingField)?.activity(self.at, self.host, context);
        }
        Ok(refusal(self.at, self.message).map_or(Parsed::Ignored("application_message"), Parsed::Activity))
    }
}

/// `2026-11-23T13:08:21.006286+00:00`; Monolog 1 wrote local times, Magento's in UTC unless the source says otherwise.
pub(crate) fn time(text: &str, context: &Context) -> Option<Timestamp> {
    let text = text.trim();
    text.parse().ok().or_else(|| context.zone.instant(LocalTime::parse_iso(text)?, context.after))
}

/// The stamp of a JSON line: a text, or Monolog 1's `{"date":"2021-03-02 12:00:00.000000","timezone":"UTC"}`.
#[derive(Debug, Default, PartialEq)]
pub(crate) enum Stamp<'a> {
    #[default]
    Absent,
    Text(Cow<'a, str>),
    Dated {
        date: Cow<'a, str>,
        timezone: Cow<'a, str>,
    },
}

impl Stamp<'_> {
    pub(crate) fn instant(&self, context: &Context) -> Option<Timestamp> {
        match self {
            Stamp::Absent => None,
            Stamp::Text(text) => time(text, context),
            Stamp::Dated { date, timezone } => match Zone::parse(timezone) {
                Some(zone) => zone.instant(LocalTime::parse_iso(date)?, context.after),
                None => format!("{date}{timezone}").parse().ok(),
            },
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Stamp<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize)]
        struct Dated<'a> {
            #[serde(borrow, default)]
            date: Scalar<'a>,
            #[serde(borrow, default)]
            timezone: Scalar<'a>,
        }
        struct OfStamp;
        impl<'de> Visitor<'de> for OfStamp {
            type Value = Stamp<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a stamp")
            }
            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Stamp<'de>, E> {
                Ok(Stamp::Text(Cow::Borrowed(text)))
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Stamp<'de>, E> {
                Ok(Stamp::Text(Cow::Owned(text.to_owned())))
            }
            fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<Stamp<'de>, A::Error> {
                let dated = Dated::deserialize(de::value::MapAccessDeserializer::new(fields))?;
                Ok(match (dated.date, dated.timezone) {
                    (Scalar::Text(date), Scalar::Text(timezone)) => Stamp::Dated { date, timezone },
                    _ => Stamp::Absent,
                })
            }
            fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Stamp<'de>, A::Error> {
                IgnoredAny.visit_seq(items).map(|_| Stamp::Absent)
            }
            fn visit_unit<E: de::Error>(self) -> Result<Stamp<'de>, E> {
                Ok(Stamp::Absent)
            }
        }
        deserializer.deserialize_any(OfStamp)
    }
}

/// What the database refused, if the message begins with that.
fn refusal(at: Timestamp, message: &str) -> Option<Activity<'static>> {
    let message = message.trim_start();
    let text = match message.strip_prefix("SQLSTATE[") {
        Some(text) => text,
        None => {
            let (class, text) = message.split_once(": SQLSTATE[")?;
            let named = class.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"\\_".contains(&byte));
            if !named || CLASS_BYTES_MAX < class.len() {
                return None;
            }
            text
        }
    };
    let line = text.lines().next()?;
    let code = ["1044", "1045", "1142", "1143", "1370"].into_iter().find(|code| {
        // `42000]: Syntax error or access violation: 1142 …`, `HY000] [1045] …`
        let place = line.find(code).filter(|place| *place < CLASS_BYTES_MAX);
        place.is_some_and(|place| matches!(line.as_bytes().get(place.wrapping_sub(1)), Some(b' ' | b'[')))
    })?;
    let said = &line[line.find(code)? + code.len()..];
    let said = said.trim_start_matches([']', ' ']);
    let (command, account) = match said.strip_prefix("Access denied for user ") {
        Some(account) => (None, account),
        None => {
            let (command, account) = said.split_once(" command denied to user ")?;
            (Some(command), account)
        }
    };
    let (user, rest) = account.strip_prefix('\'')?.split_once("'@'")?;
    let (host, rest) = rest.split_once('\'')?;
    let operation = match command.map(|command| command.split([' ', ',']).next().unwrap_or_default()) {
        None => Operation::Connect,
        Some("SELECT" | "SHOW") => Operation::Read,
        Some("INSERT" | "UPDATE" | "DELETE" | "REPLACE") => Operation::Write,
        Some("EXECUTE") => Operation::Other,
        Some(_) => Operation::Administer,
    };
    let mut activity = Activity::new(at, operation);
    activity.actor = Actor::DbAccount(user.to_owned().into());
    activity.client_host = Some(host.to_owned().into());
    activity.address = host.parse().ok();
    activity.outcome = Outcome::Denied;
    if operation != Operation::Connect
        && let Some((_, named)) = rest.split_once(" table ")
    {
        activity.resources.extend(table(named));
    }
    Some(activity)
}

/// `` `magento`.`hr_payroll`, query was: … `` or `'hr_payroll'`.
fn table(text: &str) -> Option<Resource<'static>> {
    let (first, rest) = quoted(text)?;
    let (schema, name) = match rest.strip_prefix('.').and_then(quoted) {
        Some((name, _)) => (first, name),
        None => (String::new(), first),
    };
    Some(Resource::Table { schema: schema.into(), name: name.into() })
}

/// A name in backticks, doubled inside, or in quotes; and what is behind it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let quote = text.chars().next().filter(|quote| matches!(quote, '`' | '\''))?;
    let mut name = String::new();
    let mut rest = &text[1..];
    loop {
        let end = rest.find(quote)?;
        name.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix(quote) {
            Some(behind) if quote == '`' => {
                name.push(quote);
                rest = behind;
            }
            _ => return Some((name, rest)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(message: &str) -> Option<(Operation, String, String, Vec<String>)> {
        let activity = refusal(Timestamp::from_secs(1_795_439_301), message)?;
        assert_eq!(activity.outcome, Outcome::Denied);
        let Actor::DbAccount(account) = &activity.actor else { panic!("no account") };
        let tables = activity.resources.iter().map(|table| table.name().into_owned()).collect();
        Some((activity.operation, account.to_string(), activity.client_host?.into_owned(), tables))
    }

    #[test]
    fn refusals_of_the_database() {
        let said = |operation, account: &str, host: &str, tables: &[&str]| {
            Some((operation, account.to_owned(), host.to_owned(), tables.iter().map(|name| name.to_string()).collect()))
        };
        assert_eq!(
            refused(
                "SQLSTATE[42000]: Syntax error or access violation: 1142 SELECT command denied to user 'hr_sync'@'10.0.0.9' for table `magento`.`hr_payroll`, query was: SELECT 1"
            ),
            said(Operation::Read, "hr_sync", "10.0.0.9", &["magento.hr_payroll"])
        );
        assert_eq!(
            refused(
                "Zend_Db_Statement_Exception: SQLSTATE[42000]: Syntax error or access violation: 1142 INSERT command denied to user 'o'brien, jr'@'web1' for table 'hr_leave'"
            ),
            said(Operation::Write, "o'brien, jr", "web1", &["hr_leave"])
        );
        assert_eq!(
            refused(
                "SQLSTATE[42000]: Syntax error or access violation: 1143 SELECT command denied to user 'a'@'h' for column 'iban' in table 'hr_employee'"
            ),
            said(Operation::Read, "a", "h", &["hr_employee"])
        );
        assert_eq!(
            refused("SQLSTATE[HY000] [1045] Access denied for user 'magento'@'10.0.1.12' (using password: YES)"),
            said(Operation::Connect, "magento", "10.0.1.12", &[])
        );
        assert_eq!(
            refused(
                "SQLSTATE[42000]: Syntax error or access violation: 1142 DROP command denied to user 'a'@'h' for table `x``y`.`z`"
            ),
            said(Operation::Administer, "a", "h", &["x`y.z"])
        );
    }

    #[test]
    fn other_messages_are_none() {
        for message in [
            "",
            "SQLSTATE[",
            "SQLSTATE[42000]: Syntax error or access violation: 1064 You have an error",
            "SQLSTATE[42S02]: Base table or view not found: 1146 Table 'm.t1142' doesn't exist",
            "No such entity: SQLSTATE[42000]: x: 1142 SELECT command denied to user 'a'@'h' for table `b`.`c`",
            "SQLSTATE[42000]: x: 1142 SELECT command denied to user 'a",
            "SQLSTATE[42000]: x: 1142 SELECT command denied",
        ] {
            assert_eq!(refused(message), None, "{message}");
        }
    }

    #[test]
    fn stamps() {
        let context = Context::default();
        let instant = |json: &'static str| serde_json::from_str::<Stamp<'_>>(json).unwrap().instant(&context);
        let at = "2026-11-23T13:08:21Z".parse().ok();
        assert_eq!(instant(r#""2026-11-23T14:08:21+01:00""#), at);
        assert_eq!(instant(r#""2026-11-23 13:08:21""#), at);
        assert_eq!(
            instant(r#"{"date":"2026-11-23 14:08:21.000000","timezone_type":3,"timezone":"Europe/Berlin"}"#),
            at
        );
        assert_eq!(instant(r#"{"date":"2026-11-23 14:08:21.000000","timezone_type":1,"timezone":"+01:00"}"#), at);
        assert_eq!((instant(r#""noon""#), instant("{}"), instant("[]"), instant("null")), (None, None, None, None));
    }
}
