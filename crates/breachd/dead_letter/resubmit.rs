//! Another try for what could not be read, after the reason is mended (a new version, a corrected zone or format).
//!
//! The *original records* of a letter are copied from the raw topic to the end of the same partition, as **one** record that holds
//! the whole entry, with the key and the headers of the first and one more, the mark of [`ingest::Resubmitted`]: where it came from, how
//! often it was tried, when it was first written, and the length of each original. Ingest judges a marked record by itself. Were the lines
//! copied one by one, they would come between those of an entry that is just being put together, and both would be spoilt.
//!
//! - **Pieces.** Where a log of entries of several lines was read as something else, each line has a letter. Letters of neighbouring records
//!   that tell of pieces ([`PIECES`], or another format than is configured now) become one record, of [`PIECES_MAX`] and
//!   [`JOINED_BYTES_MAX`] at most. An entry that is cut there, or that began before the first letter, stays unread.
//! - **Once.** The offsets that were resubmitted are kept in the compacted `PREFIX.state`, one record per raw partition, written
//!   in the transaction that holds the copies. A second call, a crash in the middle or two people at once resubmit nothing
//!   twice: the transactional id fences the older of two. Copies that cannot be read either have letters and positions of their
//!   own, which tell how often they were tried, and may be resubmitted after the next fix. An offset is forgotten once its letter has expired.
//! - **Gone.** What retention has deleted from the raw topic cannot be resubmitted; it is counted and said.
//! - **Shared.** A record that also holds entries which were read and counted (several lines shipped as one message) is not
//!   resubmitted, because they would count twice; it is counted and said. That goes for pieces that hold several entries, too, when some of them
//!   still cannot be read.
//! - **Too large.** Records whose entry is larger than a message may be, put together; it is counted and said.
//! - **Held.** What was read as the rest of an entry ([`ingest::REST_OF_ENTRY`]) may be text in a visitor's literal, made to look like entries.
//!   It is resubmitted only by its reason: somebody has looked.
//! - **Late.** Event time is judged as always, and not moved: what lies more than `allowed_lateness` behind its partition's newest stamp is
//!   counted as late, and all it says is shown in the minute of that stamp. Resubmit soon, or replay the raw topic's file offline
//!   instead.
//!
//! The alternative to the ledger, looking for the marks in the raw topics, would read them whole each time and forget with
//! their retention, which is often shorter than the letters'.

use super::{Filter, Letter, each_letter, each_record};
use crate::{roles::ingest::DRILL_HEADER, settings::Settings, state, topics::Topics};
use activity::Timestamp;
use anyhow::Context as _;
use formats::{FormatSpec, Framing};
use ingest::{REST_OF_ENTRY, Resubmitted};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
};
use stream::{Broker, Outgoing, RecordRef, Transactor};

/// Letters in one transaction; a record of more pieces has one of its own.
const TRANSACTION_LETTERS: usize = 256;

/// Letters of pieces that become one record. Beyond: the next one begins.
const PIECES_MAX: usize = 4_096;

/// Bytes of a record put together, the mark included: what Kafka takes unless it is configured otherwise. Beyond: of pieces the next one
/// begins; an entry is not resubmitted. What lies in one record is copied whatever its size.
const JOINED_BYTES_MAX: usize = 1_000_000;

/// Reasons of letters that tell of a piece, not of an entry.
const PIECES: [&str; 5] = ["no_header", "not_in_envelope", "other_program", "unknown_format", REST_OF_ENTRY];

/// Offsets remembered per raw partition. Beyond: the lowest are forgotten, and could be resubmitted again.
const OFFSETS_MAX: usize = 200_000;

/// What was done, or in a dry run what would be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resubmission {
    /// Letters that the filter admits.
    pub letters: u64,
    /// Records copied.
    pub records: u64,
    /// Letters whose records were copied by an earlier call.
    pub already: u64,
    /// Letters whose records are not there any more.
    pub gone: u64,
    /// Letters that share a record with entries that were counted.
    pub shared: u64,
    /// Letters of an entry that is too large for one record.
    pub too_large: u64,
    /// Letters of what may be the rest of a literal, for which nobody asked by their reason.
    pub held: u64,
    /// Letters about a topic that this configuration does not name.
    pub elsewhere: u64,
    /// Letters left for another call, by the limit.
    pub left: u64,
}

/// Offsets of one raw partition that were resubmitted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
struct Ledger {
    offsets: BTreeSet<i64>,
}

type Place = (String, i32);

/// Key of a ledger in the state topic.
fn key((topic, partition): &Place) -> String {
    format!("resubmitted/{topic}/{partition}")
}

/// Copies the originals of the letters that the filter admits, at most `limit` letters.
pub fn resubmit(
    broker: &dyn Broker,
    settings: &Settings,
    filter: &Filter,
    limit: u64,
    dry_run: bool,
) -> anyhow::Result<Resubmission> {
    let topics = Topics::new(settings.topics.clone());
    // Before the ledger is read: from now on no other call can write to it.
    let mut transactor = match dry_run {
        true => None,
        false => Some(broker.transactor(&format!("{}-resubmit", topics.prefix()))?),
    };
    let mut ledgers = ledgers(broker, &topics)?;
    let mut done = Resubmission::default();
    // All letters that are left, to forget what has expired; and those that are meant, by where they lie.
    let mut alive: BTreeMap<Place, BTreeSet<i64>> = BTreeMap::new();
    let mut wanted: BTreeMap<Place, BTreeMap<i64, Wanted>> = BTreeMap::new();
    each_letter(broker, settings, &Filter::default(), &mut |letter| {
        let Some(position) = letter.position() else {
            done.elsewhere += u64::from(filter.admits(&letter));
            return;
        };
        let place = (position.topic, position.partition);
        alive.entry(place.clone()).or_default().insert(position.offset);
        if !filter.admits(&letter) {
            return;
        }
        done.letters += 1;
        let source = settings.sources.iter().find(|source| source.topic.as_deref() == Some(&place.0));
        if ledgers.get(&place).is_some_and(|ledger| ledger.offsets.contains(&position.offset)) {
            done.already += 1;
        } else if letter.shares_records {
            done.shared += 1;
        } else if letter.reason == REST_OF_ENTRY && filter.reason.is_none() {
            done.held += 1;
        } else if let Some(source) = source {
            let passed = done.already + done.shared + done.held + done.elsewhere;
            if done.letters - passed > limit {
                done.left += 1;
            } else {
                let is_piece = is_piece(&letter, &source.format);
                let new = Wanted { last: letter.to_offset, tries: letter.tries, is_piece };
                let wanted = wanted.entry(place).or_default().entry(position.offset).or_insert(new);
                wanted.last = wanted.last.max(letter.to_offset);
            }
        } else {
            done.elsewhere += 1;
        }
    })?;
    for (place, letters) in wanted {
        let ledger = ledgers.entry(place.clone()).or_default();
        let alive = alive.remove(&place).unwrap_or_default();
        ledger.offsets.retain(|offset| alive.contains(offset));
        let mut copying = Copying { transactor: transactor.as_deref_mut(), topics: &topics, place, ledger, alive };
        copying.copy(broker, &letters, &mut done)?;
    }
    Ok(done)
}

/// A letter that is meant, by where its entry began.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    last: i64,
    tries: u32,
    is_piece: bool,
}

/// Whether a letter tells of a piece of an entry, as the source is read now.
fn is_piece(letter: &Letter, format: &str) -> bool {
    let Some(format) = FormatSpec::by_name(format) else { return false };
    let is_other = !format.is_auto() && !letter.format.is_empty() && letter.format != format.name;
    let spans_lines = format.is_auto() || matches!(format.framing, Framing::Lines(_));
    spans_lines && (is_other || PIECES.contains(&letter.reason.as_str()))
}

/// Letters that become one record: first offset of each, and the records they lie in.
#[derive(Clone, Debug)]
struct Joined {
    letters: Vec<i64>,
    last: i64,
    tries: u32,
    is_piece: bool,
}

/// Neighbouring pieces together, all else by itself.
fn joined(letters: &BTreeMap<i64, Wanted>) -> Vec<Joined> {
    let mut all: Vec<Joined> = Vec::new();
    for (first, Wanted { last, tries, is_piece }) in letters {
        let goes_on = |before: &&mut Joined| {
            before.is_piece && *is_piece && before.last + 1 == *first && before.letters.len() < PIECES_MAX
        };
        if let Some(before) = all.last_mut().filter(goes_on) {
            before.letters.push(*first);
            (before.last, before.tries) = (*last, before.tries.max(*tries));
        } else {
            all.push(Joined { letters: vec![*first], last: *last, tries: *tries, is_piece: *is_piece });
        }
    }
    all
}

/// One original.
struct Original {
    key: Option<Vec<u8>>,
    headers: Vec<(String, Vec<u8>)>,
    payload: Vec<u8>,
    written_at: Timestamp,
}

struct Copying<'a> {
    /// `None`: a dry run.
    transactor: Option<&'a mut (dyn Transactor + 'static)>,
    topics: &'a Topics,
    place: Place,
    ledger: &'a mut Ledger,
    /// Where letters begin, in this partition.
    alive: BTreeSet<i64>,
}

impl Copying<'_> {
    /// Copies the records of these letters of one partition, in their order.
    fn copy(
        &mut self,
        broker: &dyn Broker,
        letters: &BTreeMap<i64, Wanted>,
        done: &mut Resubmission,
    ) -> anyhow::Result<()> {
        let (mut some, mut n) = (Vec::new(), 0);
        for joined in joined(letters) {
            if 0 < n && TRANSACTION_LETTERS < n + joined.letters.len() {
                self.copy_some(broker, &std::mem::take(&mut some), done)?;
                n = 0;
            }
            n += joined.letters.len();
            some.push(joined);
        }
        self.copy_some(broker, &some, done)
    }

    /// In one transaction.
    fn copy_some(&mut self, broker: &dyn Broker, some: &[Joined], done: &mut Resubmission) -> anyhow::Result<()> {
        let offsets: BTreeSet<i64> = some.iter().flat_map(|joined| joined.letters[0]..=joined.last).collect();
        let offsets: Vec<i64> = offsets.into_iter().collect();
        let (topic, partition) = self.place.clone();
        let mut originals: BTreeMap<i64, Original> = BTreeMap::new();
        each_record(broker, &topic, partition, &offsets, &mut |record| {
            originals.insert(record.offset, Original::of(&record));
        })?;
        let (mut copies, mut copied) = (Vec::new(), Vec::new());
        for joined in some {
            // An entry of which the beginning is gone is gone.
            let (there, gone): (Vec<i64>, Vec<i64>) =
                joined.letters.iter().partition(|first| originals.contains_key(first));
            done.gone += gone.len() as u64;
            let Some(first) = there.first() else { continue };
            let parts: Vec<(i64, &Original)> = originals
                .range(first..=&joined.last)
                .filter(|(offset, original)| there.contains(offset) || self.is_part(**offset, original))
                .map(|(offset, original)| (*offset, original))
                .collect();
            if joined.is_piece {
                let mut rest = parts.as_slice();
                while !rest.is_empty() {
                    let (some, behind) = rest.split_at(fitting(rest).max(1));
                    copies.push(self.joined(some, joined.tries));
                    rest = behind;
                }
            } else if 1 < parts.len() && fitting(&parts) < parts.len() {
                done.too_large += there.len() as u64;
                continue;
            } else {
                copies.push(self.joined(&parts, joined.tries));
            }
            copied.extend(there);
        }
        done.records += copies.len() as u64;
        if copies.is_empty() { Ok(()) } else { self.commit(copies, copied) }
    }

    /// Whether a record between the first and the last of an entry is a part of it. Drills, copies of other letters and what has a letter of
    /// its own are not.
    fn is_part(&self, offset: i64, original: &Original) -> bool {
        let is_marked = |(name, _): &(String, Vec<u8>)| name == DRILL_HEADER || name == Resubmitted::HEADER;
        !self.alive.contains(&offset) && !original.headers.iter().any(is_marked)
    }

    /// The record for the end of its own partition, with the mark. It names the very first original.
    fn joined(&self, parts: &[(i64, &Original)], tries: u32) -> Outgoing {
        let (offset, first) = parts[0];
        let (topic, partition) = &self.place;
        let before = first.headers.iter().find(|(name, _)| name == Resubmitted::HEADER);
        let before = before.and_then(|(_, mark)| Resubmitted::parse(mark));
        let place = before.map_or_else(|| format!("{topic}/{partition}/{offset}"), |before| before.place.to_owned());
        let stamp = Some(first.written_at).filter(|at| 0 < at.as_millis());
        let written_at = before.and_then(|before| before.written_at).or(stamp);
        let texts: Vec<Vec<&[u8]>> = parts.iter().map(|(_, original)| original.texts()).collect();
        let texts: Vec<&[u8]> = texts.concat();
        let lengths: Vec<usize> = texts.iter().map(|text| text.len()).collect();
        let mark = Resubmitted::mark(&place, tries.saturating_add(1), written_at, &lengths);
        let mut headers = first.headers.clone();
        headers.retain(|(name, _)| name != Resubmitted::HEADER);
        headers.push((Resubmitted::HEADER.to_owned(), mark.into_bytes()));
        Outgoing {
            topic: topic.clone(),
            partition: Some(*partition),
            key: first.key.clone(),
            payload: texts.join(&b'\n'),
            headers,
        }
    }

    /// Copies and ledger in one transaction.
    fn commit(&mut self, copies: Vec<Outgoing>, letters: Vec<i64>) -> anyhow::Result<()> {
        let Some(transactor) = self.transactor.as_deref_mut() else { return Ok(()) };
        self.ledger.offsets.extend(letters);
        while OFFSETS_MAX < self.ledger.offsets.len() {
            self.ledger.offsets.pop_first();
        }
        transactor.begin()?;
        for copy in copies {
            transactor.send(copy)?;
        }
        transactor.send(Outgoing {
            topic: self.topics.state(),
            partition: None,
            key: Some(key(&self.place).into_bytes()),
            payload: serde_json::to_vec(&self.ledger).context("numbers are JSON")?,
            headers: Vec::new(),
        })?;
        transactor.commit(None).context("the copies could not be committed: none of this batch was written")
    }
}

impl Original {
    fn of(record: &RecordRef<'_>) -> Self {
        Original {
            key: record.key.map(<[u8]>::to_vec),
            headers: record.headers(),
            payload: record.payload.unwrap_or_default().to_vec(),
            written_at: record.stamped_at,
        }
    }

    /// What it holds: of a copy the originals.
    fn texts(&self) -> Vec<&[u8]> {
        let mark = self.headers.iter().find(|(name, _)| name == Resubmitted::HEADER);
        match mark.and_then(|(_, mark)| Resubmitted::parse(mark)) {
            Some(mark) => mark.originals(&self.payload),
            None => vec![&self.payload],
        }
    }

    /// Its bytes in a record put together: text, line end, and its length in the mark.
    fn room(&self) -> usize {
        self.texts().iter().map(|text| text.len() + 12).sum()
    }
}

/// How many of these fit into one record, with key and headers of the first.
fn fitting(parts: &[(i64, &Original)]) -> usize {
    let Some((_, first)) = parts.first() else { return 0 };
    let headers: usize = first.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    let mut room = JOINED_BYTES_MAX.saturating_sub(headers + first.key.as_ref().map_or(0, Vec::len) + 512);
    let fits = |(_, part): &&(i64, &Original)| {
        let left = room.checked_sub(part.room());
        room = left.unwrap_or(0);
        left.is_some()
    };
    parts.iter().take_while(fits).count()
}

/// What earlier calls have resubmitted.
fn ledgers(broker: &dyn Broker, topics: &Topics) -> anyhow::Result<BTreeMap<Place, Ledger>> {
    let mut ledgers = BTreeMap::new();
    state::each(broker, topics, &mut |key, value| {
        let place = key.strip_prefix("resubmitted/").and_then(|place| place.rsplit_once('/'));
        if let Some((topic, Ok(partition))) = place.map(|(topic, partition)| (topic, partition.parse()))
            && let Ok(ledger) = serde_json::from_slice(value)
        {
            ledgers.insert((topic.to_owned(), partition), ledger);
        }
    })?;
    Ok(ledgers)
}

impl Resubmission {
    /// In words, one line for each count that is not 0.
    pub fn print(&self, dry_run: bool, out: &mut dyn Write) -> std::io::Result<()> {
        let Resubmission { letters, records, already, gone, shared, too_large, held, elsewhere, left } = *self;
        let verb = if dry_run { "would be resubmitted" } else { "resubmitted" };
        writeln!(out, "{letters} dead letters; {records} records {verb}")?;
        for (n, what) in [
            (already, "were resubmitted before"),
            (gone, "cannot be: their records are not in the raw topic any more"),
            (shared, "are not: their records also hold entries that were read and counted"),
            (too_large, "are not: their records, put together as one entry, are larger than a message may be"),
            (
                held,
                "are not: they may be text that a visitor wrote; look at them, and ask for them by --reason rest_of_entry",
            ),
            (elsewhere, "are not: this configuration has no source that reads their topic"),
            (left, "are left for another call: see --limit"),
        ] {
            if 0 < n {
                writeln!(out, "{n} {what}")?;
            }
        }
        Ok(())
    }
}
