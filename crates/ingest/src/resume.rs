//! What a source partition must know to go on after a restart: it travels with the committed offset.

use crate::limits::METADATA_BYTES_MAX;
use crate::outcome::Outcome;
use crate::watermark::{Leap, Watermark};
use activity::Timestamp;

/// Where a source partition goes on, and with what in mind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resume {
    /// The offset to read next; `None` at the very beginning.
    pub(crate) offset: Option<i64>,
    pub(crate) watermark: Watermark,
    /// Lines at the beginning of that record which are done, and what became of them.
    pub(crate) lines_done: u64,
    pub(crate) outcome_done: Outcome,
    /// What the format's [`formats::Lines`] remembers.
    pub(crate) lines_memory: String,
}

impl Resume {
    /// Nothing was read before.
    pub fn fresh() -> Self {
        Self::default()
    }

    /// From a committed offset and its metadata. Metadata that is not ours is as none: the watermark starts anew.
    pub fn parse(offset: i64, metadata: &str) -> Self {
        Self::read(metadata)
            .map(|resume| Resume { offset: Some(offset), ..resume })
            .unwrap_or(Resume { offset: Some(offset), ..Resume::default() })
    }

    /// `1 w=1772409600712 j=…,2 l=3,1 t=7,9`: version, watermark and leap in milliseconds, lines and their outcome, what
    /// the format remembers of lines.
    pub(crate) fn metadata(&self) -> String {
        let mut text = format!("1 w={}", self.watermark.greatest().as_millis());
        if let Some(leap) = self.watermark.leap() {
            text += &format!(" j={},{}", leap.to.as_millis(), leap.followers);
        }
        if 0 < self.lines_done {
            text += &format!(" l={},{}", self.lines_done, self.outcome_done as u8);
        }
        if !self.lines_memory.is_empty() && text.len() + 3 + self.lines_memory.len() <= METADATA_BYTES_MAX {
            text += " t=";
            text += &self.lines_memory;
        }
        text
    }

    fn read(metadata: &str) -> Option<Self> {
        let mut resume = Resume::default();
        let (mut greatest, mut leap) = (Timestamp::MIN, None);
        for field in metadata.strip_prefix("1 ")?.split(' ') {
            let (key, value) = field.split_once('=')?;
            match key {
                "w" => greatest = Timestamp::from_millis(value.parse().ok()?),
                "j" => {
                    let (to, followers) = value.split_once(',')?;
                    let to = Timestamp::from_millis(to.parse().ok()?);
                    leap = Some(Leap { to, followers: followers.parse().ok()? });
                }
                "l" => {
                    let (lines, outcome) = value.split_once(',')?;
                    resume.lines_done = lines.parse().ok()?;
                    resume.outcome_done =
                        Outcome::ALL.into_iter().find(|known| outcome == (*known as u8).to_string())?;
                }
                "t" => resume.lines_memory = value.to_owned(),
                _ => return None,
            }
        }
        resume.watermark = Watermark::new(greatest, leap);
        Some(resume)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comes_back_from_its_metadata() {
        let leap = Leap { to: Timestamp::from_millis(i64::MAX), followers: 2 };
        let full = Resume {
            offset: Some(7),
            watermark: Watermark::new(Timestamp::from_millis(1_772_409_600_712), Some(leap)),
            lines_done: u64::MAX,
            outcome_done: Outcome::Late,
            lines_memory: "7".repeat(formats::MEMORY_BYTES_MAX),
        };
        assert!(full.metadata().len() <= METADATA_BYTES_MAX, "{}", full.metadata().len());
        let usual = Resume { lines_memory: "14440,7".into(), ..full };
        assert_eq!(Resume::parse(7, &usual.metadata()), usual);
        let none = Resume { offset: Some(7), ..Resume::fresh() };
        assert_eq!(Resume::parse(7, &none.metadata()), none);
    }

    #[test]
    fn what_is_not_ours_is_as_none() {
        for metadata in ["", "x", "1 ", "1 w=", "1 w=x", "2 w=1", "1 w=1 q=2", "1 j=1", "1 w=1 l=3", "1 w=1 l=3,9"] {
            assert_eq!(Resume::parse(7, metadata), Resume { offset: Some(7), ..Resume::fresh() }, "{metadata}");
        }
    }
}
