//! The keys that shippers of JSON use, read once from a record. All others are skipped unread.

use activity::Timestamp;
use serde::{
    Deserialize,
    de::{self, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;
use std::{borrow::Cow, fmt};

/// A record that is a JSON object. A known key that comes twice makes it none: two readers could see two truths.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Object<'a> {
    #[serde(borrow, rename = "@timestamp")]
    pub(super) at_timestamp: Field<'a>,
    #[serde(borrow, rename = "@version")]
    pub(super) at_version: Field<'a>,
    #[serde(borrow, rename = "@metadata")]
    pub(super) at_metadata: Field<'a>,
    #[serde(borrow)]
    pub(super) agent: Field<'a>,
    #[serde(borrow)]
    pub(super) beat: Field<'a>,
    #[serde(borrow)]
    pub(super) channel: Field<'a>,
    #[serde(borrow)]
    pub(super) container: Field<'a>,
    #[serde(borrow)]
    pub(super) date: Field<'a>,
    #[serde(borrow)]
    pub(super) event: Field<'a>,
    #[serde(borrow)]
    pub(super) facility: Field<'a>,
    #[serde(borrow)]
    pub(super) host: Field<'a>,
    #[serde(borrow)]
    pub(super) hostname: Field<'a>,
    #[serde(borrow)]
    pub(super) ident: Field<'a>,
    #[serde(borrow)]
    pub(super) input: Field<'a>,
    #[serde(borrow, rename = "_HOSTNAME")]
    pub(super) journal_host: Field<'a>,
    #[serde(borrow, rename = "MESSAGE")]
    pub(super) journal_message: Field<'a>,
    #[serde(borrow, rename = "SYSLOG_IDENTIFIER")]
    pub(super) journal_program: Field<'a>,
    #[serde(borrow, rename = "__REALTIME_TIMESTAMP")]
    pub(super) journal_time: Field<'a>,
    /// As it stands there.
    #[serde(borrow)]
    pub(super) json: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) kubernetes: Field<'a>,
    #[serde(borrow)]
    pub(super) log: Field<'a>,
    #[serde(borrow)]
    pub(super) message: Field<'a>,
    #[serde(borrow)]
    pub(super) msg: Field<'a>,
    #[serde(borrow)]
    pub(super) offset: Field<'a>,
    #[serde(borrow)]
    pub(super) partition: Field<'a>,
    #[serde(borrow)]
    pub(super) payload: Field<'a>,
    #[serde(borrow)]
    pub(super) pri: Field<'a>,
    #[serde(borrow)]
    pub(super) program: Field<'a>,
    #[serde(borrow)]
    pub(super) programname: Field<'a>,
    #[serde(borrow)]
    pub(super) rawmsg: Field<'a>,
    #[serde(borrow, rename = "resourceLogs")]
    pub(super) resource_logs: Field<'a>,
    #[serde(borrow)]
    pub(super) schema: Field<'a>,
    #[serde(borrow)]
    pub(super) severity: Field<'a>,
    #[serde(borrow)]
    pub(super) source_type: Field<'a>,
    #[serde(borrow)]
    pub(super) stream: Field<'a>,
    #[serde(borrow)]
    pub(super) syslogtag: Field<'a>,
    #[serde(borrow, rename = "syslog-tag")]
    pub(super) syslog_tag: Field<'a>,
    #[serde(borrow)]
    pub(super) tag: Field<'a>,
    #[serde(borrow)]
    pub(super) time: Field<'a>,
    #[serde(borrow)]
    pub(super) timereported: Field<'a>,
    #[serde(borrow)]
    pub(super) timestamp: Field<'a>,
    #[serde(borrow)]
    pub(super) topic: Field<'a>,
    #[serde(borrow)]
    pub(super) ts: Field<'a>,
}

/// A value, as far as shippers' keys need it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Field<'a> {
    #[default]
    Absent,
    Null,
    Text(Cow<'a, str>),
    Number(f64),
    /// An object's `name` (also `host` or `hostname`) and `original`.
    Object {
        name: Option<Cow<'a, str>>,
        original: Option<Cow<'a, str>>,
    },
    /// A list, `true` or `false`.
    Other,
}

impl<'a> Object<'a> {
    pub(super) fn read(text: &'a str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    pub(super) fn is_otlp(&self) -> bool {
        self.resource_logs.is_there()
    }

    /// Monolog's own formatters write some of the shippers' keys. That is a format.
    pub(super) fn is_monolog(&self) -> bool {
        self.channel.is_there()
    }

    pub(super) fn take_host(&mut self) -> Option<Cow<'a, str>> {
        self.host.take_name().or_else(|| self.hostname.take_text()).or_else(|| self.agent.take_name())
    }
}

impl<'a> Field<'a> {
    pub(super) fn is_there(&self) -> bool {
        !matches!(self, Field::Absent | Field::Null)
    }

    pub(super) fn is_text(&self) -> bool {
        matches!(self, Field::Text(_))
    }

    pub(super) fn is_object(&self) -> bool {
        matches!(self, Field::Object { .. })
    }

    pub(super) fn number(&self) -> Option<f64> {
        if let Field::Number(number) = self { Some(*number) } else { None }
    }

    pub(super) fn take_text(&mut self) -> Option<Cow<'a, str>> {
        match std::mem::take(self) {
            Field::Text(text) => Some(text),
            other => {
                *self = other;
                None
            }
        }
    }

    /// The text, or the object's name.
    pub(super) fn take_name(&mut self) -> Option<Cow<'a, str>> {
        let name = match std::mem::take(self) {
            Field::Text(text) => Some(text),
            Field::Object { name, .. } => name,
            _ => None,
        };
        name.filter(|name| !name.is_empty())
    }

    pub(super) fn take_original(&mut self) -> Option<Cow<'a, str>> {
        if let Field::Object { original, .. } = self { original.take() } else { None }
    }

    /// Microseconds since the epoch, as text.
    pub(super) fn micros(&self) -> Option<Timestamp> {
        let Field::Text(text) = self else { return None };
        text.parse::<u64>().ok().and_then(|micros| millis((micros / 1000) as f64))
    }

    /// RFC 3339, or seconds since the epoch.
    pub(super) fn time(&self) -> Option<Timestamp> {
        match self {
            Field::Text(text) => text.parse().ok(),
            Field::Number(seconds) => millis(seconds * 1000.0),
            _ => None,
        }
    }
}

/// Milliseconds since the epoch, from 1970 to 9999.
pub(super) fn millis(millis: f64) -> Option<Timestamp> {
    const YEAR_9999: f64 = 253_402_300_800_000.0;
    (0.0 < millis && millis < YEAR_9999).then(|| Timestamp::from_millis(millis.round() as i64))
}

impl<'de: 'a, 'a> Deserialize<'de> for Field<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FieldVisitor)
    }
}

struct FieldVisitor;

impl<'de> Visitor<'de> for FieldVisitor {
    type Value = Field<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any value")
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Field::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Field::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Field::Number(number))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Field::Number(number as f64))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Field::Number(number as f64))
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Field::Other)
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(Field::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Field::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let (mut name, mut original) = (None, None);
        while let Some(Text(key)) = entries.next_key::<Text<'de>>()? {
            match &*key {
                "name" | "host" | "hostname" if name.is_none() => name = entries.next_value::<Loose<'de>>()?.0,
                "original" if original.is_none() => original = entries.next_value::<Loose<'de>>()?.0,
                _ => drop(entries.next_value::<IgnoredAny>()?),
            }
        }
        Ok(Field::Object { name, original })
    }
}

/// A string, borrowed if it holds no escape.
#[derive(Deserialize)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

/// A string; `None` if it is something else.
struct Loose<'a>(Option<Cow<'a, str>>);

impl<'de: 'a, 'a> Deserialize<'de> for Loose<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LooseVisitor)
    }
}

struct LooseVisitor;

impl<'de> Visitor<'de> for LooseVisitor {
    type Value = Loose<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any value")
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Loose(Some(Cow::Borrowed(text))))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Loose(Some(Cow::Owned(text.to_owned()))))
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Loose(None))
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Loose(None))
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Loose(None))
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Loose(None))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(Loose(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Loose(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Loose(None))
    }
}
