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
    /// Records before this offset are done, but for those of `hosts`; not before `offset`.
    pub(crate) done_to: i64,
    pub(crate) watermark: Watermark,
    /// What records of the partition are wrapped in, and what format they have.
    pub(crate) lock: Lock,
    /// The first to be remembered first; those left out have nothing to be remembered.
    pub(crate) hosts: Vec<OfHost>,
}

/// What there is of one host's entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct OfHost {
    /// Hash of its name; `None`: of records that do not name one.
    pub(crate) host: Option<u64>,
    /// Its records from this offset on are not done; `None`: from where all are not.
    pub(crate) from: Option<i64>,
    /// Lines at the beginning of that record which are done, and what became of them.
    pub(crate) lines_done: u64,
    pub(crate) outcome_done: Outcome,
    /// What the format's [`formats::Lines`] remembers.
    pub(crate) lines_memory: String,
    /// What the format remembers of the entries before: [`formats::Scratch::memory`].
    pub(crate) entries_memory: String,
    pub(crate) rest: Option<Rest>,
}

impl Resume {
    /// Nothing was read before.
    pub fn fresh() -> Self {
        Self::default()
    }

    /// From a committed offset and its metadata. Metadata that is not ours is as none: the watermark starts anew.
    pub fn parse(offset: i64, metadata: &str) -> Self {
        let resume = Self::read(metadata).unwrap_or_default();
        Resume { offset: Some(offset), done_to: resume.done_to.max(offset), ..resume }
    }

    /// `1 w=1772409600712 j=…,… k=… n=29 e=connect,filebeat p=mariadb-slow f=mariadb_slow_log h=…;17;3;1;-;7,9;…`: version; watermark, leap
    /// and what is attested in milliseconds; up to where records are done; envelopes (`-` for none), program, format. Then each host by the hash of
    /// its name (empty for none): from where its records are not done; lines of that one which are, and their outcome; since when the rest of an
    /// entry comes, in milliseconds (`-`: it has not begun to); what the format remembers of lines and of entries.
    ///
    /// Where there is no room, what the format remembers is left out, of who is remembered last at first.
    pub(crate) fn metadata(&self) -> String {
        let mut text = format!("1 w={}", self.watermark.greatest().as_millis());
        if let Some(leap) = self.watermark.leap() {
            text += &format!(" j={},{}", leap.from.as_millis(), leap.to.as_millis());
        }
        if let Some(attested) = self.watermark.attested() {
            text += &format!(" k={}", attested.as_millis());
        }
        if self.offset.unwrap_or(0) < self.done_to {
            text += &format!(" n={}", self.done_to);
        }
        for (key, value) in self.lock.fields() {
            text += &format!(" {key}={value}");
        }
        // What has to be read again goes before all else.
        let mut room = METADATA_BYTES_MAX.saturating_sub(text.len());
        let mut fields: Vec<String> = Vec::new();
        for host in &self.hosts {
            let field = host.field();
            let is_needed = host.from.is_some() || host.rest.is_some();
            let fits = is_needed && field.len() <= room;
            room -= if fits { field.len() } else { 0 };
            fields.push(if fits { field } else { String::new() });
        }
        for (host, field) in self.hosts.iter().zip(&mut fields) {
            let with_memory = host.field_with_memory();
            let more = with_memory.len().saturating_sub(field.len());
            if !(host.lines_memory.is_empty() && host.entries_memory.is_empty()) && more <= room {
                room -= more;
                *field = with_memory;
            }
        }
        text + &fields.concat()
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
                "n" => resume.done_to = value.parse().ok()?,
                "h" => resume.hosts.push(OfHost::read(value)?),
                key => resume.lock.set_field(key, value)?,
            }
        }
        resume.watermark = Watermark::new(greatest, leap);
        resume.watermark.attest(attested);
        Some(resume)
    }
}

impl OfHost {
    /// As it stands in the metadata, without what the format remembers.
    fn field(&self) -> String {
        let host = self.host.map_or(String::new(), |host| format!("{host:x}"));
        let from = self.from.map_or(String::new(), |from| from.to_string());
        let rest = match self.rest {
            None => String::new(),
            Some(Rest::Awaited) => "-".into(),
            Some(Rest::Since(at)) => at.as_millis().to_string(),
        };
        format!(" h={host};{from};{};{};{rest}", self.lines_done, self.outcome_done as u8)
    }

    fn field_with_memory(&self) -> String {
        format!("{};{};{}", self.field(), self.lines_memory, self.entries_memory)
    }

    fn read(field: &str) -> Option<Self> {
        let mut parts = field.split(';');
        let (host, from, lines, outcome, rest) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        Some(OfHost {
            host: if host.is_empty() { None } else { Some(u64::from_str_radix(host, 16).ok()?) },
            from: if from.is_empty() { None } else { Some(from.parse().ok()?) },
            lines_done: lines.parse().ok()?,
            outcome_done: Outcome::ALL.into_iter().find(|known| outcome == (*known as u8).to_string())?,
            rest: match rest {
                "" => None,
                "-" => Some(Rest::Awaited),
                since => Some(Rest::Since(Timestamp::from_millis(since.parse().ok()?))),
            },
            lines_memory: parts.next().unwrap_or_default().to_owned(),
            entries_memory: parts.next().unwrap_or_default().to_owned(),
        })
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
        let of_host = |host: Option<u64>| OfHost {
            host,
            from: Some(i64::MAX - 1),
            lines_done: u64::MAX,
            outcome_done: Outcome::Late,
            rest: Some(Rest::Since(Timestamp::from_millis(i64::MIN))),
            lines_memory: "7".repeat(formats::MEMORY_BYTES_MAX),
            entries_memory: "8".repeat(formats::MEMORY_BYTES_MAX),
        };
        let hosts: Vec<_> = (0..crate::limits::HOSTS_OPEN_MAX as u64).map(|n| of_host(Some(u64::MAX - n))).collect();
        let full = Resume { offset: Some(7), done_to: i64::MAX, watermark, lock, hosts };
        // There is room for all that has to be read again, and for what the format remembers of who comes first.
        let read = Resume::parse(7, &full.metadata());
        let forgetful =
            |host: &OfHost| OfHost { lines_memory: String::new(), entries_memory: String::new(), ..host.clone() };
        let first = &full.hosts[..1];
        let hosts = first.iter().cloned().chain(full.hosts[1..].iter().map(forgetful)).collect();
        assert_eq!(read, Resume { hosts, ..full.clone() });
        assert!(full.metadata().len() <= METADATA_BYTES_MAX, "{}", full.metadata().len());
        let raw =
            Resume { lock: Lock { layers: Some(Vec::new()), ..Lock::default() }, hosts: vec![of_host(None)], ..full };
        assert!(raw.metadata().contains(" e=- "));
        assert_eq!(Resume::parse(7, &raw.metadata()), raw);
        let awaited = OfHost { rest: Some(Rest::Awaited), from: None, ..OfHost::default() };
        let awaited = Resume { hosts: vec![awaited], done_to: 7, ..raw };
        assert_eq!(Resume::parse(7, &awaited.metadata()), awaited);
        // Who has nothing to be remembered is left out.
        let idle = Resume { hosts: vec![OfHost { host: Some(7), ..OfHost::default() }], ..awaited };
        assert_eq!(Resume::parse(7, &idle.metadata()), Resume { hosts: Vec::new(), ..idle });
        let none = Resume { offset: Some(7), done_to: 7, ..Resume::fresh() };
        assert_eq!(Resume::parse(7, &none.metadata()), none);
    }

    #[test]
    fn what_is_not_ours_is_as_none() {
        let none = Resume { offset: Some(7), done_to: 7, ..Resume::fresh() };
        for metadata in [
            "",
            "x",
            "1 ",
            "1 w=",
            "1 w=x",
            "2 w=1",
            "1 w=1 q=2",
            "1 j=1",
            "1 w=1 h=",
            "1 w=1 h=;;0;0",
            "1 w=1 h=;;0;9;",
            "1 w=1 h=x;;0;0;",
            "1 w=1 e=paper",
            "1 w=1 f=paper",
            "1 w=1 e=cri,cri,cri,cri,cri",
            "1 w=1 p=\u{1b}",
            "1 w=1 h=;;0;0;x",
            "1 w=1 k=x",
            "1 w=1 n=",
        ] {
            assert_eq!(Resume::parse(7, metadata), none, "{metadata}");
        }
    }
}
