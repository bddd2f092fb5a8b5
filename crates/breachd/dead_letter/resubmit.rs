//! Another try for what could not be read, after the reason is mended (a new version, a corrected zone or format).
//!
//! The *original records* are copied from the raw topic to the end of the same partition of the same topic, each with its key,
//! its headers and one more, [`MARK_HEADER`], that says where it came from. Ingest then reads them as any other record.
//!
//! - **Once.** The offsets that were resubmitted are kept in the compacted `PREFIX.state`, one record per raw partition, written
//!   in the transaction that holds the copies. A second call, a crash in the middle or two people at once resubmit nothing
//!   twice: the transactional id fences the older of two. Copies that cannot be read either have letters and positions of their
//!   own, and may be resubmitted after the next fix. An offset is forgotten once its letter has expired.
//! - **Gone.** What retention has deleted from the raw topic cannot be resubmitted; it is counted and said.
//! - **Shared.** A record that also holds entries which were read and counted (several lines shipped as one message) is not
//!   resubmitted, because they would count twice; it is counted and said.
//! - **Late.** Event time is judged as always: what lies more than `allowed_lateness` behind its partition's newest stamp is
//!   counted as late, and all it says is shown in the minute of that stamp. Resubmit soon, or replay the raw topic's file offline
//!   instead.
//!
//! The alternative to the ledger, looking for the marks in the raw topics, would read them whole each time and forget with
//! their retention, which is often shorter than the letters'.

use super::{Filter, each_letter, each_record};
use crate::{roles::ingest::DRILL_HEADER, settings::Settings, state, topics::Topics};
use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
};
use stream::{Broker, Outgoing, RecordRef, Transactor};

/// Header of a copy: `TOPIC/PARTITION/OFFSET` of the first original.
pub const MARK_HEADER: &str = "breachd-resubmitted";

/// Letters in one transaction.
const TRANSACTION_LETTERS: usize = 256;

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
    let mut wanted: BTreeMap<Place, BTreeMap<i64, i64>> = BTreeMap::new();
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
        if ledgers.get(&place).is_some_and(|ledger| ledger.offsets.contains(&position.offset)) {
            done.already += 1;
        } else if letter.shares_records {
            done.shared += 1;
        } else if !settings.sources.iter().any(|source| source.topic.as_deref() == Some(&place.0)) {
            done.elsewhere += 1;
        } else if done.letters - done.already - done.shared - done.elsewhere > limit {
            done.left += 1;
        } else {
            let last = wanted.entry(place).or_default().entry(position.offset).or_insert(position.offset);
            *last = (*last).max(letter.to_offset);
        }
    })?;
    for (place, letters) in wanted {
        let ledger = ledgers.entry(place.clone()).or_default();
        if let Some(alive) = alive.get(&place) {
            ledger.offsets.retain(|offset| alive.contains(offset));
        }
        let mut copying = Copying { transactor: transactor.as_deref_mut(), topics: &topics, place, ledger };
        copying.copy(broker, &letters, &mut done)?;
    }
    Ok(done)
}

struct Copying<'a> {
    /// `None`: a dry run.
    transactor: Option<&'a mut (dyn Transactor + 'static)>,
    topics: &'a Topics,
    place: Place,
    ledger: &'a mut Ledger,
}

impl Copying<'_> {
    /// Copies the records of these letters (first → last offset) of one partition, in their order.
    fn copy(
        &mut self,
        broker: &dyn Broker,
        letters: &BTreeMap<i64, i64>,
        done: &mut Resubmission,
    ) -> anyhow::Result<()> {
        let letters: Vec<(i64, i64)> = letters.iter().map(|(first, last)| (*first, *last)).collect();
        for some in letters.chunks(TRANSACTION_LETTERS) {
            let offsets: BTreeSet<i64> = some.iter().flat_map(|(first, last)| *first..=*last).collect();
            let offsets: Vec<i64> = offsets.into_iter().collect();
            let (topic, partition) = self.place.clone();
            let mut copies: Vec<(i64, Outgoing)> = Vec::new();
            each_record(broker, &topic, partition, &offsets, &mut |record| {
                // A drill's record that lies between the lines of an entry is an entry of its own.
                let between =
                    record.header(DRILL_HEADER).is_some() && !some.iter().any(|(first, _)| *first == record.offset);
                if !between {
                    copies.push((record.offset, copy_of(&record)));
                }
            })?;
            // An entry of which the beginning is gone is gone.
            let there = |first: i64| copies.binary_search_by_key(&first, |(offset, _)| *offset).is_ok();
            let (whole, gone): (Vec<_>, Vec<_>) = some.iter().partition(|(first, _)| there(*first));
            done.gone += gone.len() as u64;
            copies.retain(|(offset, _)| whole.iter().any(|(first, last)| first <= offset && offset <= last));
            done.records += copies.len() as u64;
            if !copies.is_empty() {
                self.commit(copies, &whole)?;
            }
        }
        Ok(())
    }

    /// Copies and ledger in one transaction.
    fn commit(&mut self, copies: Vec<(i64, Outgoing)>, letters: &[(i64, i64)]) -> anyhow::Result<()> {
        let Some(transactor) = self.transactor.as_deref_mut() else { return Ok(()) };
        self.ledger.offsets.extend(letters.iter().map(|(first, _)| *first));
        while OFFSETS_MAX < self.ledger.offsets.len() {
            self.ledger.offsets.pop_first();
        }
        transactor.begin()?;
        for (_, copy) in copies {
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

/// The record for the end of its own partition, with the mark.
fn copy_of(record: &RecordRef<'_>) -> Outgoing {
    let mut headers = record.headers();
    if !headers.iter().any(|(name, _)| name == MARK_HEADER) {
        let mark = format!("{}/{}/{}", record.topic, record.partition, record.offset);
        headers.push((MARK_HEADER.into(), mark.into_bytes()));
    }
    Outgoing {
        topic: record.topic.to_owned(),
        partition: Some(record.partition),
        key: record.key.map(<[u8]>::to_vec),
        payload: record.payload.unwrap_or_default().to_vec(),
        headers,
    }
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
        let Resubmission { letters, records, already, gone, shared, elsewhere, left } = *self;
        let verb = if dry_run { "would be resubmitted" } else { "resubmitted" };
        writeln!(out, "{letters} dead letters; {records} records {verb}")?;
        for (n, what) in [
            (already, "were resubmitted before"),
            (gone, "cannot be: their records are not in the raw topic any more"),
            (shared, "are not: their records also hold entries that were read and counted"),
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
