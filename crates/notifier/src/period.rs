//! A length of time as people write it in settings: `"250ms"`, `"10s"`, `"5m"`, `"2h"`, `"1d"`.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use std::{fmt, str::FromStr, time::Duration};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period(pub Duration);

const UNITS: [(&str, u64); 5] = [("ms", 1), ("s", 1000), ("m", 60 * 1000), ("h", 3600 * 1000), ("d", 24 * 3600 * 1000)];

impl Period {
    pub const fn from_secs(secs: u64) -> Self {
        Period(Duration::from_secs(secs))
    }

    pub fn as_millis(self) -> u64 {
        u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX)
    }
}

impl FromStr for Period {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.len() - text.trim_start_matches(|character: char| character.is_ascii_digit()).len();
        let (number, unit) = text.split_at(digits);
        let millis = UNITS.iter().find(|(name, _)| *name == unit.trim_start()).and_then(|(_, millis)| {
            let number: u64 = number.parse().ok()?;
            number.checked_mul(*millis)
        });
        millis
            .map(|millis| Period(Duration::from_millis(millis)))
            .ok_or_else(|| format!("`{text}` is no length of time: write a whole number and ms, s, m, h or d"))
    }
}

/// In the largest unit that is exact.
impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.as_millis();
        let (name, unit) =
            UNITS.iter().rev().find(|(_, unit)| millis >= *unit && millis.is_multiple_of(*unit)).unwrap_or(&UNITS[0]);
        write!(f, "{}{name}", millis / unit)
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl Serialize for Period {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_the_same_words() {
        for text in ["0ms", "250ms", "10s", "90s", "5m", "2h", "1d"] {
            assert_eq!(text.parse::<Period>().map(|period| period.to_string()), Ok(text.to_owned()));
        }
        assert_eq!("60 s".parse(), Ok(Period::from_secs(60)));
    }

    #[test]
    fn refuses_the_rest() {
        for text in ["", "10", "s", "1.5s", "-1s", "1w", "99999999999999999999s", "18446744073709551615d", "1s1"] {
            assert!(text.parse::<Period>().is_err(), "{text}");
        }
    }
}
