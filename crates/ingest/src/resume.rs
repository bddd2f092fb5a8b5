//! What a source partition must know to go on after a restart: it travels with the committed offset.
//!
//! Everything is as it was when the pending entry began, because that is where reading goes on.

use crate::limits::METADATA_BYTES_MAX;
use crate::outcome::Outcome;
use crate::watermark::{Leap, Watermark};
use crate::wrapping::Lock;
use activity::Timestamp;

/// The rest of an entry of which a part was taken as complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rest {
    /// Nothing came since.
    Awaited,
    /// The first record that came was written then.
    Since(Timestamp),
}

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
    /// What the format remembers of the entries before: [`formats::Scratch::memory`].
    pub(crate) entries_memory: String,
    /// What records of the partition are wrapped in, and what format they have.
    pub(crate) lock: Lock,
    pub(crate) rest: Option<Rest>,
    /// Resubmitted records before this offset are done.
    pub(crate) resubmitted_to: i64,
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

    /// `1 w=1772409600712 j=…,… k=… l=3,1 s=… a=19 e=connect,filebeat p=mariadb-slow f=mariadb_slow_log t=7,9 m=…`: version; watermark, leap and
    /// what is attested in milliseconds; lines and their outcome; since when the rest of an entry comes, in milliseconds (`-`: it has not begun to);
    /// up to where resubmitted records are done; envelopes (`-` for none), program, format; what the format remembers of lines and of entries.
    pub(crate) fn metadata(&self) -> String {
        let mut text = format!("1 w={}", self.watermark.greatest().as_millis());
        if let Some(leap) = self.watermark.leap() {
            text += &format!(" j={},{}", leap.from.as_millis(), leap.to.as_millis());
        }
        if let Some(attested) = self.watermark.attested() {
            text += &format!(" k={}", attested.as_millis());
        }
        if 0 < self.lines_done {
            text += &format!(" l={},{}", self.lines_done, self.outcome_done as u8);
        }
        match self.rest {
            None => {}
            Some(Rest::Awaited) => text += " s=-",
            Some(Rest::Since(at)) => text += &format!(" s={}", at.as_millis()),
        }
        if 0 < self.resubmitted_to {
            text += &format!(" a={}", self.resubmitted_to);
        }
        for (key, value) in self.lock.fields() {
            text += &format!(" {key}={value}");
        }
        for (key, memory) in [("t", &self.lines_memory), ("m", &self.entries_memory)] {
            if !memory.is_empty() && text.len() + 3 + memory.len() <= METADATA_BYTES_MAX {
                text += &format!(" {key}={memory}");
            }
        }
        text
    }

    fn read(metadata: &str) -> Option<Self> {
        let mut resume = Resume::default();
        let (mut greatest, mut leap, mut attested) = (Timestamp::MIN, None, Timestamp::MIN);
        for field in metadata.strip_prefix("1 ")?.split(' ') {
            let (key, value) = field.split_once('=')?;
            match key {
                "w" => greatest = Timestamp::from_millis(value.parse().ok()?),
                "j" => {
                    let (from, to) = value.split_once(',')?;
                    let at = |text: &str| text.parse().ok().map(Timestamp::from_millis);
                    leap = Some(Leap { from: at(from)?, to: at(to)? });
                }
                "k" => attested = Timestamp::from_millis(value.parse().ok()?),
                "l" => {
                    let (lines, outcome) = value.split_once(',')?;
                    resume.lines_done = lines.parse().ok()?;
                    resume.outcome_done =
                        Outcome::ALL.into_iter().find(|known| outcome == (*known as u8).to_string())?;
                }
                "s" if value == "-" => resume.rest = Some(Rest::Awaited),
                "s" => resume.rest = Some(Rest::Since(Timestamp::from_millis(value.parse().ok()?))),
                "a" => resume.resubmitted_to = value.parse().ok()?,
                "t" => resume.lines_memory = value.to_owned(),
                "m" => resume.entries_memory = value.to_owned(),
                key => resume.lock.set_field(key, value)?,
            }
        }
        resume.watermark = Watermark::new(greatest, leap);
        resume.watermark.attest(attested);
        Some(resume)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comes_back_from_its_metadata() {
        let leap = Leap { from: Timestamp::from_millis(i64::MIN), to: Timestamp::from_millis(i64::MIN) };
        let longest = |name: &&str| name.len();
        let envelope = formats::envelope::ENVELOPES.iter().map(|envelope| envelope.name).max_by_key(longest).unwrap();
        let mut lock = Lock::default();
        lock.set_field("e", &[envelope; crate::limits::ENVELOPES_MAX].join(",")).unwrap();
        lock.set_field("p", &"p".repeat(crate::limits::PROGRAM_BYTES_MAX)).unwrap();
        lock.set_field("f", formats::FORMATS.iter().map(|format| format.name).max_by_key(longest).unwrap()).unwrap();
        let mut watermark = Watermark::new(Timestamp::from_millis(i64::MIN), Some(leap));
        watermark.attest(Timestamp::from_millis(-i64::MAX));
        let full = Resume {
            offset: Some(7),
            watermark,
            lines_done: u64::MAX,
            outcome_done: Outcome::Late,
            lines_memory: "7".repeat(formats::MEMORY_BYTES_MAX),
            entries_memory: "8".repeat(formats::MEMORY_BYTES_MAX),
            lock,
            rest: Some(Rest::Since(Timestamp::from_millis(i64::MIN))),
            resubmitted_to: i64::MAX,
        };
        assert_eq!(Resume::parse(7, &full.metadata()), full);
        assert!(full.metadata().len() <= METADATA_BYTES_MAX, "{}", full.metadata().len());
        let raw = Resume { lock: Lock { layers: Some(Vec::new()), ..Lock::default() }, ..full };
        assert!(raw.metadata().contains(" e=- "));
        assert_eq!(Resume::parse(7, &raw.metadata()), raw);
        let awaited = Resume { rest: Some(Rest::Awaited), ..raw };
        assert_eq!(Resume::parse(7, &awaited.metadata()), awaited);
        let none = Resume { offset: Some(7), ..Resume::fresh() };
        assert_eq!(Resume::parse(7, &none.metadata()), none);
    }

    #[test]
    fn what_is_not_ours_is_as_none() {
        for metadata in [
            "",
            "x",
            "1 ",
            "1 w=",
            "1 w=x",
            "2 w=1",
            "1 w=1 q=2",
            "1 j=1",
            "1 w=1 l=3",
            "1 w=1 l=3,9",
            "1 w=1 e=paper",
            "1 w=1 f=paper",
            "1 w=1 e=cri,cri,cri,cri,cri",
            "1 w=1 p=\u{1b}",
            "1 w=1 s=x",
            "1 w=1 k=x",
            "1 w=1 a=",
        ] {
            assert_eq!(Resume::parse(7, metadata), Resume { offset: Some(7), ..Resume::fresh() }, "{metadata}");
        }
    }
}
