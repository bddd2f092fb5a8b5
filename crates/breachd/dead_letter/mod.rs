//! `breachd dead-letter`: what could not be read, why, where from, how often; and another try after a fix.
//!
//! The ingest role writes one letter per unreadable entry into `PREFIX.dead-letter` (see [`ingest::DeadLetter`]): source,
//! topic, partition, offset, reason, length and what `[privacy] dead_letters` lets it keep of the text. The original stays where
//! it was, in the raw log topic. So these commands need the operator's rights on the raw topics (read to show, write to
//! resubmit), which the daemon itself does not have.
//!
//! A letter's number is its offset in the dead-letter topic. Text from logs is hostile and may hold passwords: `list` shows
//! only its shape (letters as `a`, digits as `0`), `show` escapes what a terminal would obey.

mod resubmit;

pub use resubmit::{Resubmission, resubmit};

use crate::{
    settings::{Settings, limits},
    topics::Topics,
};
use activity::{Timestamp, printable, printable_within};
use anyhow::{Context as _, bail};
use base64::Engine as _;
use serde::Deserialize;
use std::{collections::BTreeMap, fmt, io::Write, str::FromStr};
use stream::{Broker, RecordRef};

/// Groups that a list tells apart. Beyond: the letters of further ones are counted together.
const GROUPS_MAX: usize = 10_000;

/// Characters of a shape: what tells one way of being unreadable from another, and fits on a line.
const SHAPE_CHARACTERS_MAX: usize = 100;

/// Bytes of a record that `show` prints; `--raw` writes them all.
const SHOWN_BYTES_MAX: usize = 64 << 10;

/// Which letters are meant.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub source: Option<String>,
    pub reason: Option<String>,
    /// Written to the dead-letter topic at this time or later.
    pub since: Option<Timestamp>,
}

/// One letter, as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// Its place in the dead-letter topic.
    pub partition: i32,
    pub number: i64,
    pub written_at: Timestamp,
    pub source: String,
    /// Where the entry began; the topic is missing where neither letter nor configuration know it.
    pub topic: Option<String>,
    pub from_partition: i32,
    pub from_offset: i64,
    /// The last record with a part of the entry.
    pub to_offset: i64,
    /// Its records hold parts of other entries too, which have been counted.
    pub shares_records: bool,
    pub reason: String,
    pub bytes: u64,
    pub excerpt: Vec<u8>,
    pub drill: Option<String>,
    /// What it was read as; empty in letters that do not say.
    pub format: String,
    /// How often it was resubmitted before.
    pub tries: u32,
}

/// The JSON of [`ingest::DeadLetter`], in any version so far.
#[derive(Deserialize)]
struct Wire {
    source: String,
    #[serde(default)]
    topic: Option<String>,
    partition: i32,
    offset: i64,
    #[serde(default)]
    to_offset: Option<i64>,
    #[serde(default)]
    shares_records: bool,
    reason: String,
    #[serde(default)]
    bytes: u64,
    #[serde(default)]
    excerpt: String,
    #[serde(default)]
    drill: Option<String>,
    #[serde(default)]
    format: String,
    #[serde(default)]
    tries: u32,
}

/// `TOPIC/PARTITION/OFFSET`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
}

/// What `show` is asked for: the position of a record in a raw log topic, or the number of a letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    Position(Position),
    Letter(i64),
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.topic, self.partition, self.offset)
    }
}

impl FromStr for Position {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.rsplitn(3, '/');
        let (offset, partition, topic) = (parts.next(), parts.next(), parts.next().filter(|topic| !topic.is_empty()));
        match (topic, partition.and_then(|part| part.parse().ok()), offset.and_then(|part| part.parse().ok())) {
            (Some(topic), Some(partition), Some(offset)) if 0 <= partition && 0 <= offset => {
                Ok(Position { topic: topic.to_owned(), partition, offset })
            }
            _ => Err("write TOPIC/PARTITION/OFFSET".into()),
        }
    }
}

impl FromStr for Which {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix('#').unwrap_or(text).parse() {
            Ok(number) if 0 <= number => Ok(Which::Letter(number)),
            _ => text.parse().map(Which::Position).map_err(|problem| format!("{problem}, or a letter's number")),
        }
    }
}

impl Filter {
    fn admits(&self, letter: &Letter) -> bool {
        self.source.as_ref().is_none_or(|source| *source == letter.source)
            && self.reason.as_ref().is_none_or(|reason| *reason == letter.reason)
            && self.since.is_none_or(|since| since <= letter.written_at)
    }
}

impl Letter {
    /// `None`: not a letter, or one of a version that cannot be read.
    fn read(record: &RecordRef<'_>, settings: &Settings) -> Option<Letter> {
        let wire: Wire = serde_json::from_slice(record.payload?).ok()?;
        let configured = || settings.sources.iter().find(|source| source.name == wire.source)?.topic.clone();
        Some(Letter {
            partition: record.partition,
            number: record.offset,
            written_at: record.stamped_at,
            topic: wire.topic.or_else(configured),
            source: wire.source,
            from_partition: wire.partition,
            from_offset: wire.offset,
            to_offset: wire.to_offset.unwrap_or(wire.offset),
            shares_records: wire.shares_records,
            reason: wire.reason,
            bytes: wire.bytes,
            excerpt: base64::engine::general_purpose::STANDARD.decode(wire.excerpt).unwrap_or_default(),
            drill: wire.drill,
            format: wire.format,
            tries: wire.tries,
        })
    }

    /// Where the entry began.
    pub fn position(&self) -> Option<Position> {
        let topic = self.topic.clone()?;
        Some(Position { topic, partition: self.from_partition, offset: self.from_offset })
    }
}

/// Reads the whole dead-letter topic; what the filter admits is handed to `each`. Returns how many could not be read.
fn each_letter(
    broker: &dyn Broker,
    settings: &Settings,
    filter: &Filter,
    each: &mut dyn FnMut(Letter),
) -> anyhow::Result<u64> {
    let topic = Topics::new(settings.topics.clone()).dead_letter();
    if broker.partitions(&topic)?.is_none() {
        bail!("there is no topic `{topic}`: has `breachd run` ever run here?");
    }
    let mut reader = broker.read(&[(&topic, Vec::new())])?;
    let mut unreadable = 0;
    while !reader.caught_up() {
        reader.poll(limits::POLL_RECORDS, limits::POLL_WAIT, &mut |record| match Letter::read(&record, settings) {
            Some(letter) if filter.admits(&letter) => each(letter),
            Some(_) => {}
            None => unreadable += 1,
        })?;
    }
    Ok(unreadable)
}

#[derive(Debug)]
struct Group {
    n: u64,
    first: Timestamp,
    last: Timestamp,
    /// The latest letter.
    number: i64,
    position: String,
    bytes: u64,
}

/// Prints the letters in groups of one source, reason and shape, the largest first.
pub fn list(
    broker: &dyn Broker,
    settings: &Settings,
    filter: &Filter,
    limit: usize,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let mut groups: BTreeMap<(String, String, String), Group> = BTreeMap::new();
    let (mut n, mut beyond) = (0_u64, 0_u64);
    let unreadable = each_letter(broker, settings, filter, &mut |letter| {
        n += 1;
        let position = letter.position().map_or_else(|| "of a topic not known here".into(), |place| place.to_string());
        let key = (letter.source, letter.reason, shape(&letter.excerpt));
        let full = GROUPS_MAX <= groups.len();
        match groups.get_mut(&key) {
            Some(group) => {
                group.n += 1;
                group.first = group.first.min(letter.written_at);
                group.last = group.last.max(letter.written_at);
                (group.number, group.position, group.bytes) = (letter.number, position, letter.bytes);
            }
            None if full => beyond += 1,
            None => {
                let (first, last) = (letter.written_at, letter.written_at);
                groups.insert(key, Group { n: 1, first, last, number: letter.number, position, bytes: letter.bytes });
            }
        }
    })?;
    writeln!(out, "{n} dead letters in {} groups of one source, reason and shape", groups.len())?;
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by(|(key, group), (other_key, other)| other.n.cmp(&group.n).then_with(|| key.cmp(other_key)));
    for ((source, reason, shape), group) in groups.iter().take(limit) {
        let (source, reason) = (printable_within(source, 60), printable_within(reason, 40));
        let Group { n, first, last, number, position, bytes } = group;
        writeln!(out, "\n{n:>8}  {source}  {reason}  {first} … {last}")?;
        writeln!(out, "          e.g. #{number} {}, {bytes} bytes", printable_within(position, 280))?;
        if !shape.is_empty() {
            writeln!(out, "          {}", printable(shape))?;
        }
    }
    if limit < groups.len() {
        writeln!(out, "\n{} more groups; --limit shows them", groups.len() - limit)?;
    }
    if 0 < beyond {
        writeln!(out, "{beyond} more letters of other shapes: more than {GROUPS_MAX} groups are not told apart")?;
    }
    if 0 < unreadable {
        writeln!(out, "{unreadable} records in the dead-letter topic are no letters")?;
    }
    Ok(())
}

/// What a text looks like: runs of letters are `a`, of digits `0`, of space and control characters one space.
fn shape(excerpt: &[u8]) -> String {
    let mut shape = String::new();
    let mut last = '\0';
    let mut length = 0;
    for character in String::from_utf8_lossy(excerpt).chars() {
        let shown = match character {
            letter if letter.is_alphabetic() => 'a',
            digit if digit.is_numeric() => '0',
            space if space.is_whitespace() || space.is_control() => ' ',
            other => other,
        };
        if shown == last && matches!(shown, 'a' | '0' | ' ') {
            continue;
        }
        if length == SHAPE_CHARACTERS_MAX {
            shape.push('…');
            break;
        }
        shape.push(shown);
        (last, length) = (shown, length + 1);
    }
    shape
}

/// Prints a record of a raw log topic, found by its position or by the letter about it; `raw`: its bytes and nothing else.
pub fn show(
    broker: &dyn Broker,
    settings: &Settings,
    which: &Which,
    raw: bool,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let mut letters = Vec::new();
    each_letter(broker, settings, &Filter::default(), &mut |letter| {
        let meant = match which {
            Which::Letter(number) => *number == letter.number,
            Which::Position(position) => letter.position().as_ref() == Some(position),
        };
        if meant {
            letters.push(letter);
        }
    })?;
    let (position, last) = match (which, letters.first()) {
        (Which::Position(position), letter) => {
            (position.clone(), letter.map_or(position.offset, |letter| letter.to_offset))
        }
        (Which::Letter(number), None) => bail!("there is no dead letter #{number}: has it expired?"),
        (Which::Letter(_), Some(letter)) => {
            let source = printable_within(&letter.source, 60);
            let position = letter.position().with_context(|| {
                format!("source `{source}` is not in this configuration: which topic the letter is about is not known")
            })?;
            (position, letter.to_offset)
        }
    };
    if !raw {
        for letter in &letters {
            let Letter { number, written_at, reason, bytes, tries, .. } = letter;
            let tried = if 0 < *tries { format!(", resubmitted {tries} times before") } else { String::new() };
            let source = printable_within(&letter.source, 60);
            let drill = letter.drill.as_deref().map(|drill| format!(", {}", printable_within(drill, 40)));
            let reason = printable_within(reason, 60);
            let drill = drill.unwrap_or_default();
            writeln!(out, "letter #{number}: {source}, {reason}, {bytes} bytes, {written_at}{drill}{tried}")?;
        }
    }
    let mut shown: anyhow::Result<u64> = Ok(0);
    let wanted = (position.offset..=last).collect::<Vec<_>>();
    each_record(broker, &position.topic, position.partition, &wanted, &mut |record| {
        if let Ok(n) = &mut shown {
            *n += 1;
            if let Err(error) = print_record(&record, raw, out) {
                shown = Err(error);
            }
        }
    })?;
    if shown? == 0 {
        bail!(
            "the record {position} is not there any more, or not yet: the topic's retention decides how long it is kept"
        );
    }
    Ok(())
}

fn print_record(record: &RecordRef<'_>, raw: bool, out: &mut dyn Write) -> anyhow::Result<()> {
    let payload = record.payload.unwrap_or_default();
    if raw {
        out.write_all(payload)?;
        return Ok(out.write_all(b"\n")?);
    }
    let RecordRef { topic, partition, offset, stamped_at, .. } = record;
    writeln!(out, "\n{topic}/{partition}/{offset}, {stamped_at}, {} bytes", payload.len())?;
    if let Some(key) = record.key {
        writeln!(out, "key: {}", escaped(key))?;
    }
    for (name, value) in record.headers() {
        writeln!(out, "header {}: {}", printable(&name), escaped(&value))?;
    }
    writeln!(out, "{}", escaped(&payload[..payload.len().min(SHOWN_BYTES_MAX)]))?;
    if SHOWN_BYTES_MAX < payload.len() {
        writeln!(out, "… {} bytes more; --raw writes them", payload.len() - SHOWN_BYTES_MAX)?;
    }
    Ok(())
}

/// Text as it is, line breaks too; whatever a terminal would obey, and bytes that are no text, escaped.
fn escaped(bytes: &[u8]) -> String {
    let mut shown = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for (at, line) in chunk.valid().split('\n').enumerate() {
            if 0 < at {
                shown.push('\n');
            }
            shown.push_str(&printable(line));
        }
        chunk.invalid().iter().for_each(|byte| shown.push_str(&format!("\\x{byte:02x}")));
    }
    shown
}

/// Hands over the records at these offsets (sorted) of one partition, those that are still there.
///
/// Neighbours are read in one go; over a wide gap it is cheaper to open the topic anew than to read what lies between.
fn each_record(
    broker: &dyn Broker,
    topic: &str,
    partition: i32,
    offsets: &[i64],
    each: &mut dyn FnMut(RecordRef<'_>),
) -> anyhow::Result<()> {
    const GAP_MAX: i64 = 20_000;
    let ends = match broker.end_offsets(topic) {
        Ok(ends) => ends,
        Err(stream::StreamError::NoSuchTopic { .. }) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let end = usize::try_from(partition).ok().and_then(|at| ends.get(at)).copied().unwrap_or(0);
    let mut rest = &offsets[..offsets.partition_point(|offset| *offset < end)];
    while let Some(first) = rest.first() {
        let n = 1 + rest.windows(2).take_while(|pair| pair[1] - pair[0] <= GAP_MAX).count();
        let (run, behind) = rest.split_at(n);
        rest = behind;
        let last = run[run.len() - 1];
        // The other partitions are read from their end on: nothing.
        let starts = (0..).zip(&ends).map(|(number, end)| (number, if number == partition { *first } else { *end }));
        let mut reader = broker.read(&[(topic, starts.collect())])?;
        let mut at = *first;
        while at <= last && !reader.caught_up() {
            reader.poll(limits::POLL_RECORDS, limits::POLL_WAIT, &mut |record| {
                if record.partition == partition {
                    at = record.offset + 1;
                    if run.binary_search(&record.offset).is_ok() {
                        each(record);
                    }
                }
            })?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
