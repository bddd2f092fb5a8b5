//! One message: a manifest, and the tallies of one tally partition.
//!
//! Layout (version 6): magic `BT`, version, partition, partitions, manifest, table of texts, entries ascending by
//! (mode, kind, id, bucket), checksum (the stable hash of all before, 8 bytes, little endian). A text is written once and
//! named by its number; counts are sparse.
//!
//! Versions 4 and 5, which have fewer counts, are read as well: the detector is rebuilt from what `breachd.tallies` retains, and an update
//! should not cost four weeks of history. Where a tally of version 4 says that account numbers were written, all rows affected count as
//! theirs: that is what they were taken for when they were tallied. Neither knows pages, which is told apart from pages that nobody turned:
//! [`Metric::DeepestPage`] is at least 1 wherever there was a list.
//!
//! Records that were sampled under a key, and those that requests name, are parts of their own, told in the mask of parts. A message without
//! them has the bytes it has always had; a program that knows no such parts refuses one with them, and misreads nothing.

use crate::{
    few::Few,
    limits,
    marks::Marks,
    records::{Part, Records},
    requested::{Place, Requested},
    sample::RANK_BITS,
    set::Set,
    tally::{Login, Logins, Metric, Position, Positions, Tally},
    wire::{DecodeError, Decoder, Encoder},
};
use activity::{
    Bucket, DataClasses, DrillId, Entity, EntityKind, KnownBy, Level, Mark, Mode, Record, Signal, Signals, Timestamp,
};
use hashbrown::HashMap;
use std::sync::Arc;

const MAGIC: [u8; 2] = *b"BT";
const VERSION: u8 = 6;
const VERSION_OLDEST: u8 = 4;
/// The oldest in which tallies were kept by themselves.
const VERSION_PACKED_OLDEST: u8 = 6;

/// How many metrics a version knows: the first of [`Metric::ALL`].
const fn metrics_of(version: u8) -> usize {
    match version {
        ..=4 => 15,
        5 => 16,
        _ => Metric::COUNT,
    }
}

/// What one flush covers. Every flush lists every source partition its instance owns, also those with nothing new.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    pub instance: Box<str>,
    /// Flushes of this instance, counted.
    pub sequence: u64,
    pub ranges: Vec<Range>,
}

/// Offsets of one source partition and what became of them.
///
/// `contributed + ignored + dead_lettered + late + pending` (the change of `pending`, strictly) accounts for the records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Range {
    /// Name of the source.
    pub source: Box<str>,
    pub partition: i32,
    /// First offset covered.
    pub from: i64,
    /// The first offset no longer covered; equal to `from` if there was nothing.
    pub to: i64,
    pub contributed: u64,
    pub ignored: u64,
    pub dead_lettered: u64,
    pub late: u64,
    /// Records whose line is not yet complete.
    pub pending: u64,
    pub bytes: u64,
    /// Greatest stamp seen so far; [`Timestamp::MIN`] if none.
    pub watermark: Timestamp,
    /// Silent for so long that nobody waits for it.
    pub idle: bool,
    /// The partition was made anew before this range: its offsets do not follow those told before, which say nothing of what is in it.
    pub anew: bool,
}

/// One tally of one entity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub mode: Mode,
    pub kind: EntityKind,
    pub id: Arc<str>,
    pub bucket: Bucket,
    pub tally: Tally,
}

/// A decoded message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    pub partition: u32,
    pub partitions: u32,
    pub manifest: Manifest,
    pub entries: Vec<Entry>,
}

impl Manifest {
    /// Of a message that others of its flush follow: it covers nothing yet and moves no time. It names what the last one will cover, so that
    /// a repeat can be told; not what was made anew, as its offsets do not follow those that are known.
    pub(crate) fn of_part(&self) -> Manifest {
        let ranges = self.ranges.iter().filter(|range| range.from < range.to && !range.anew);
        let nothing = |Range { source, partition, from, .. }: &Range| Range {
            source: source.clone(),
            partition: *partition,
            from: *from,
            to: *from,
            watermark: Timestamp::MIN,
            ..Range::default()
        };
        Manifest { ranges: ranges.map(nothing).collect(), ..self.clone() }
    }

    /// Whether it is one of those. (A partition of which no time is known and nothing is new reads the same, and has nothing to say.)
    pub fn is_part(&self) -> bool {
        let is_nothing =
            |range: &Range| range.from == range.to && !range.anew && !range.idle && range.watermark == Timestamp::MIN;
        !self.ranges.is_empty() && self.ranges.iter().all(is_nothing)
    }
}

impl Entry {
    fn key(&self) -> (Mode, EntityKind, &str, Bucket) {
        (self.mode, self.kind, &self.id, self.bucket)
    }
}

/// What is to be encoded: as [`Entry`], borrowed.
pub(crate) type Borrowed<'a> = (Mode, EntityKind, &'a str, Bucket, &'a Tally);

impl Batch {
    /// As one message, however long.
    pub fn encode(&self) -> Vec<u8> {
        let entries: Vec<Borrowed<'_>> =
            self.entries.iter().map(|entry| (entry.mode, entry.kind, &*entry.id, entry.bucket, &entry.tally)).collect();
        encode(self.partition, self.partitions, &self.manifest, &entries, usize::MAX).concat()
    }

    pub fn decode(bytes: &[u8]) -> Result<Batch, DecodeError> {
        let (mut decoder, version) = Decoder::of_versions(bytes, MAGIC, VERSION_OLDEST..=VERSION)?;
        let small = |number: u64| u32::try_from(number).map_err(|_| DecodeError::Range("a partition"));
        let partition = small(decoder.number()?)?;
        let partitions = small(decoder.number()?)?;
        if partition >= partitions {
            return Err(DecodeError::Range("a partition"));
        }
        let manifest = decode_manifest(&mut decoder)?;
        let texts = decode_texts(&mut decoder)?;
        let count = decoder.count(ENTRY_BYTES_MIN)?;
        let mut entries: Vec<Entry> = Vec::with_capacity(count);
        let mut bucket = 0;
        for _ in 0..count {
            let entry = decode_entry(&mut decoder, version, &texts, &mut bucket)?;
            if entries.last().is_some_and(|last| last.key() >= entry.key()) {
                return Err(DecodeError::Order("an entry"));
            }
            entries.push(entry);
        }
        decoder.finish()?;
        Ok(Batch { partition, partitions, manifest, entries })
    }
}

/// One tally by itself, for whoever keeps it.
impl Tally {
    /// Appends it, with a table of texts of its own.
    pub fn pack(&self, to: &mut Encoder) {
        let mut texts = Texts::default();
        let mut body = Encoder::body();
        encode_tally(&mut body, &mut texts, self);
        to.byte(VERSION);
        to.number(texts.ordered.len() as u64);
        texts.ordered.iter().for_each(|text| to.text(text));
        to.append(&body.into_body());
    }

    /// # Errors
    /// Not what [`Tally::pack`] of this version or an earlier one writes.
    pub fn unpack(from: &mut Decoder<'_>) -> Result<Tally, DecodeError> {
        let version = from.byte()?;
        if !(VERSION_PACKED_OLDEST..=VERSION).contains(&version) {
            return Err(DecodeError::Version(version));
        }
        let texts = decode_texts(from)?;
        // The kind matters to versions before the first that was packed so.
        decode_tally(from, version, EntityKind::Source, &texts)
    }
}

/// As many messages as it takes for none to have more than `bytes_max` of tallies and one tally; the last has the manifest.
pub(crate) fn encode(
    partition: u32,
    partitions: u32,
    manifest: &Manifest,
    entries: &[Borrowed<'_>],
    bytes_max: usize,
) -> Vec<Vec<u8>> {
    // Sorted by numbers, and by the rest only where these are equal: what is sorted is small, and most ids differ in their beginning.
    let mut order: Vec<(u128, u32)> = (0u32..).zip(entries).map(|(at, entry)| (beginning(entry), at)).collect();
    order.sort_unstable_by(|(beginning, at), (other_beginning, other_at)| {
        beginning.cmp(other_beginning).then_with(|| {
            let key = |at: u32| {
                let (mode, kind, id, bucket, _) = entries[at as usize];
                (mode, kind, id, bucket)
            };
            key(*at).cmp(&key(*other_at))
        })
    });
    let mut messages = Vec::new();
    let mut left = &order[..];
    loop {
        let mut texts = Texts { numbers: HashMap::with_capacity(left.len()), ..Texts::default() };
        let mut body = Encoder::body();
        let mut last_bucket = 0;
        let mut n_entries = 0;
        for (_, at) in left {
            if bytes_max <= body.len() + texts.bytes {
                break;
            }
            encode_entry(&mut body, &mut texts, entries[*at as usize], &mut last_bucket);
            n_entries += 1;
        }
        left = &left[n_entries..];
        let mut message = Encoder::new(MAGIC, VERSION);
        message.number(u64::from(partition));
        message.number(u64::from(partitions));
        if left.is_empty() {
            encode_manifest(&mut message, manifest);
        } else {
            encode_manifest(&mut message, &manifest.of_part());
        }
        message.number(texts.ordered.len() as u64);
        texts.ordered.iter().for_each(|text| message.text(text));
        message.number(n_entries as u64);
        message.append(&body.into_body());
        messages.push(message.finish());
        if left.is_empty() {
            return messages;
        }
    }
}

/// A number that is smaller where mode, kind and id together are: the kind, and the first fifteen bytes of the id. Of drills, which are rare,
/// it says only that they are some.
fn beginning((mode, kind, id, ..): &Borrowed<'_>) -> u128 {
    if mode.is_drill() {
        return u128::MAX;
    }
    let id = id.as_bytes();
    let mut bytes = [0; 16];
    bytes[0] = *kind as u8;
    let length = id.len().min(15);
    bytes[1..=length].copy_from_slice(&id[..length]);
    u128::from_be_bytes(bytes)
}

/// Flags of a range.
const IDLE: u8 = 1;
const ANEW: u8 = 2;

fn encode_manifest(message: &mut Encoder, manifest: &Manifest) {
    message.text(&manifest.instance);
    message.number(manifest.sequence);
    message.number(manifest.ranges.len() as u64);
    for range in &manifest.ranges {
        message.text(&range.source);
        message.signed(i64::from(range.partition));
        message.signed(range.from);
        message.signed(range.to);
        for count in [range.contributed, range.ignored, range.dead_lettered, range.late, range.pending, range.bytes] {
            message.number(count);
        }
        message.signed(range.watermark.as_millis());
        message.byte((u8::from(range.idle) * IDLE) | (u8::from(range.anew) * ANEW));
    }
}

fn decode_manifest(decoder: &mut Decoder<'_>) -> Result<Manifest, DecodeError> {
    let instance = decoder.text()?.into();
    let sequence = decoder.number()?;
    let count = decoder.count(RANGE_BYTES_MIN)?;
    let mut ranges = Vec::with_capacity(count);
    for _ in 0..count {
        let mut range = Range {
            source: decoder.text()?.into(),
            partition: i32::try_from(decoder.signed()?).map_err(|_| DecodeError::Range("a partition"))?,
            from: decoder.signed()?,
            to: decoder.signed()?,
            contributed: decoder.number()?,
            ignored: decoder.number()?,
            dead_lettered: decoder.number()?,
            late: decoder.number()?,
            pending: decoder.number()?,
            bytes: decoder.number()?,
            watermark: Timestamp::from_millis(decoder.signed()?),
            idle: false,
            anew: false,
        };
        let flags = decoder.byte()?;
        if flags & !(IDLE | ANEW) != 0 {
            return Err(DecodeError::Range("a flag"));
        }
        (range.idle, range.anew) = (flags & IDLE != 0, flags & ANEW != 0);
        if range.to < range.from {
            return Err(DecodeError::Range("an offset"));
        }
        ranges.push(range);
    }
    Ok(Manifest { instance, sequence, ranges })
}

/// Texts in the order of their first use.
#[derive(Default)]
struct Texts<'a> {
    numbers: HashMap<&'a str, u64>,
    ordered: Vec<&'a str>,
    /// Of all texts with their lengths.
    bytes: usize,
    /// By where a text lies in memory: that place, its length, and its number. Most texts of a flush are shared (places, browsers, the
    /// source), and need not be read again to be known again. Empty until there are texts.
    places: Vec<(usize, usize, u64)>,
}

impl<'a> Texts<'a> {
    /// Room in `places`. Two texts that want one place are looked up as if there were none.
    const PLACES: usize = 1 << 11;

    fn number(&mut self, text: &'a str) -> u64 {
        let (at, length) = (text.as_ptr() as usize, text.len());
        // Allocations lie 16 bytes apart, or more.
        let place = ((at >> 4) ^ (at >> 15)) % Self::PLACES;
        if let Some((known, known_length, number)) = self.places.get(place)
            && (*known, *known_length) == (at, length)
        {
            return *number;
        }
        let number = *self.numbers.entry(text).or_insert_with(|| {
            self.ordered.push(text);
            self.bytes += TEXT_LENGTH_BYTES + length;
            self.ordered.len() as u64 - 1
        });
        if self.places.is_empty() && Self::FEW < self.ordered.len() {
            self.places.resize(Self::PLACES, (0, 0, 0));
        }
        if let Some(free) = self.places.get_mut(place) {
            *free = (at, length, number);
        }
        number
    }

    /// So many texts are not worth that room: a tally that is packed by itself.
    const FEW: usize = 64;
}

/// A text of the table with its stable hash.
type Known = (u64, Arc<str>);

fn decode_texts(decoder: &mut Decoder<'_>) -> Result<Vec<Known>, DecodeError> {
    let count = decoder.count(1)?;
    let mut texts = Vec::with_capacity(count);
    for _ in 0..count {
        let text = decoder.text()?;
        if text.len() > limits::TEXT_BYTES_MAX {
            return Err(DecodeError::Range("a text"));
        }
        texts.push((crate::stable_hash(&[text.as_bytes()]), text.into()));
    }
    Ok(texts)
}

/// Mode, kind, id, bucket, mask of counts, classes, signals, known by, parts, overflows: one byte each at least.
const ENTRY_BYTES_MIN: usize = 10;
const RANGE_BYTES_MIN: usize = 12;
/// Level, rule, title, number of techniques, matches.
const MARK_BYTES_MIN: usize = 5;

const PART_LOGINS: u64 = 1 << 8;
const PART_EVIDENCE: u64 = 1 << 9;
const PART_PERSON: u64 = 1 << 10;
const PART_RECORDS: u64 = 1 << 11;
const PART_MARKS: u64 = 1 << 12;
/// Records sampled under a key; [`PART_RECORDS`] are those in the public order.
const PART_KEYED: u64 = 1 << 13;
const PART_REQUESTED: u64 = 1 << 14;
const PART_REQUESTED_BY_ROUTE: u64 = 1 << 15;
const PARTS: u64 = 16;
/// Parts that do not overflow, or say so themselves.
const NEVER_OVERFLOWED: u64 =
    PART_EVIDENCE | PART_PERSON | PART_MARKS | PART_KEYED | PART_REQUESTED | PART_REQUESTED_BY_ROUTE;
/// Of a text's length, and of its number in the table: no message has as many texts as would take more.
const TEXT_LENGTH_BYTES: usize = 2;
const TEXT_NUMBER_BYTES: usize = 5;
/// Of any other number.
const NUMBER_BYTES: usize = 10;

/// Bytes of one tally in a message, with all its texts, at most.
pub(crate) const TALLY_BYTES_MAX: usize = {
    let text = TEXT_NUMBER_BYTES + TEXT_LENGTH_BYTES + limits::TEXT_BYTES_MAX;
    let members = limits::ADDRESSES_MAX
        + limits::PLACES_MAX
        + limits::TABLES_MAX
        + limits::ACCOUNTS_MAX
        + limits::AGENTS_MAX
        + limits::NETWORKS_MAX
        + limits::FINGERPRINTS_MAX
        + limits::CANDIDATES_MAX;
    let numbers = 16 + Metric::COUNT + 2 * limits::LOGINS_MAX + 3 * limits::EVIDENCE_MAX;
    let texts = 4 + members + limits::LOGINS_MAX + limits::EVIDENCE_MAX;
    let sample = 3 * NUMBER_BYTES + limits::RECORDS_MAX * (NUMBER_BYTES + RANK_BYTES as usize);
    let technique = TEXT_NUMBER_BYTES + TEXT_LENGTH_BYTES + Mark::TECHNIQUE_BYTES_MAX;
    let mark = 3 * NUMBER_BYTES + 2 * text + Mark::TECHNIQUES_MAX * technique;
    numbers * NUMBER_BYTES + texts * text + 3 * (NUMBER_BYTES + limits::SAMPLE_KEYS_MAX * sample) + Mark::MAX * mark
};

/// Bytes of a rank.
const RANK_BYTES: u32 = RANK_BITS / 8;
/// Key, overflow, number of records, and one record.
const SAMPLE_BYTES_MIN: usize = 4;

fn encode_entry<'a>(body: &mut Encoder, texts: &mut Texts<'a>, entry: Borrowed<'a>, last_bucket: &mut i64) {
    let (mode, kind, id, bucket, tally) = entry;
    match mode {
        Mode::Live => body.byte(0),
        Mode::Drill(drill) => {
            body.byte(1);
            body.number(drill.0);
        }
    }
    body.byte(kind.code());
    body.number(texts.number(id));
    body.signed(bucket.0.wrapping_sub(*last_bucket));
    *last_bucket = bucket.0;
    encode_tally(body, texts, tally);
}

fn encode_tally<'a>(body: &mut Encoder, texts: &mut Texts<'a>, tally: &'a Tally) {
    let mask = tally.counts.iter().enumerate().fold(0u64, |mask, (at, count)| mask | u64::from(*count > 0) << at);
    body.number(mask);
    tally.counts.iter().filter(|count| **count > 0).for_each(|count| body.number(*count));
    body.byte(tally.classes.bits());
    body.number(u64::from(tally.signals.bits()));
    body.byte(tally.known_by as u8);
    let (public, keyed) = match tally.records.parts() {
        [public, keyed @ ..] if public.key() == 0 => (Some(public), keyed),
        keyed => (None, keyed),
    };
    let has = [
        !tally.addresses.is_empty(),
        !tally.places.is_empty(),
        !tally.tables.is_empty(),
        !tally.accounts.is_empty(),
        !tally.agents.is_empty(),
        !tally.networks.is_empty(),
        !tally.fingerprints.is_empty(),
        !tally.candidates.is_empty(),
        !tally.logins.is_empty(),
        !tally.evidence.is_empty(),
        tally.person.is_some(),
        public.is_some(),
        !tally.marks.is_empty(),
        !keyed.is_empty(),
        tally.requested.is_some(),
        tally.requested_by_route.is_some(),
    ];
    let overflowed = [
        tally.addresses.overflowed(),
        tally.places.overflowed(),
        tally.tables.overflowed(),
        tally.accounts.overflowed(),
        tally.agents.overflowed(),
        tally.networks.overflowed(),
        tally.fingerprints.overflowed(),
        tally.candidates.overflowed(),
        tally.logins.overflowed(),
        false,
        false,
        public.is_some_and(Part::overflowed),
    ];
    let bits = |flags: &[bool]| flags.iter().enumerate().fold(0u64, |bits, (at, flag)| bits | u64::from(*flag) << at);
    body.number(bits(&has));
    body.number(bits(&overflowed));
    encode_set(body, texts, &tally.addresses);
    encode_set(body, texts, &tally.places);
    encode_set(body, texts, &tally.tables);
    encode_set(body, texts, &tally.accounts);
    encode_set(body, texts, &tally.agents);
    encode_set(body, texts, &tally.networks);
    encode_set(body, texts, &tally.fingerprints);
    encode_set(body, texts, &tally.candidates);
    if !tally.logins.is_empty() {
        body.number(tally.logins.earliest.len() as u64);
        for login in &tally.logins.earliest {
            body.signed(login.at.as_millis());
            body.number(texts.number(&login.account));
            body.byte(u8::from(login.ok));
        }
    }
    if !tally.evidence.is_empty() {
        body.number(tally.evidence.0.len() as u64);
        for position in tally.evidence.0.iter() {
            body.number(texts.number(&position.source));
            body.signed(i64::from(position.partition));
            body.signed(position.offset);
        }
    }
    if let Some(person) = &tally.person {
        body.number(texts.number(person));
    }
    if let Some(public) = public {
        encode_names(body, &public.sorted());
    }
    encode_marks(body, texts, &tally.marks);
    if !keyed.is_empty() {
        encode_samples(body, keyed, tally.records.keys_beyond());
    }
    for requested in [&tally.requested, &tally.requested_by_route].into_iter().flatten() {
        match &requested.place {
            Place::Nowhere => body.number(0),
            Place::Several => body.number(1),
            Place::One(place) => body.number(texts.number(place) + 2),
        }
        encode_samples(body, requested.records.parts(), requested.records.keys_beyond());
    }
}

fn encode_names(body: &mut Encoder, records: &[(Record, u64)]) {
    body.number(records.len() as u64);
    let mut last = 0;
    for (record, _) in records {
        body.number(record.0 - last);
        last = record.0;
    }
}

/// Whether there were more keys; then what came under each: the key, whether there were more records, the records, and their ranks where they
/// cannot be worked out.
fn encode_samples(body: &mut Encoder, parts: &[Part], keys_beyond: bool) {
    body.byte(u8::from(keys_beyond));
    body.number(parts.len() as u64);
    for part in parts {
        body.number(u64::from(part.key()));
        body.byte(u8::from(part.overflowed()));
        let records = part.sorted();
        encode_names(body, &records);
        for (_, rank) in records.iter().filter(|_| part.key() != 0) {
            (0..RANK_BYTES).for_each(|at| body.byte((rank >> (56 - 8 * at)) as u8));
        }
    }
}

fn encode_set<'a, const MAX: usize>(body: &mut Encoder, texts: &mut Texts<'a>, set: &'a Set<MAX>) {
    if !set.is_empty() {
        body.number(set.len() as u64);
        set.texts().for_each(|text| body.number(texts.number(text)));
    }
}

/// Each with what an alert says of it, and its matches; then the matches of what was left out.
fn encode_marks<'a>(body: &mut Encoder, texts: &mut Texts<'a>, marks: &'a Marks) {
    if marks.is_empty() {
        return;
    }
    body.number(marks.len() as u64);
    for (mark, times) in marks.iter() {
        body.byte(u8::from(mark.page) << 2 | mark.level as u8);
        body.number(texts.number(&mark.rule));
        body.number(texts.number(&mark.title));
        body.number(mark.techniques.len() as u64);
        mark.techniques.iter().for_each(|technique| body.number(texts.number(technique)));
        body.number(times);
    }
    body.number(marks.shed());
}

fn decode_marks(decoder: &mut Decoder<'_>, texts: &[Known]) -> Result<Marks, DecodeError> {
    let count = some(decoder.count(MARK_BYTES_MIN)?, Mark::MAX)?;
    let mut kept = Vec::with_capacity(count);
    let short = |decoder: &mut Decoder<'_>, bytes_max: usize| {
        let text = &known(decoder, texts)?.1;
        if text.len() <= bytes_max { Ok(text.clone()) } else { Err(DecodeError::Range("a rule's text")) }
    };
    for _ in 0..count {
        let byte = decoder.byte()?;
        let level = *Level::ALL.get(usize::from(byte & 3)).ok_or(DecodeError::Range("a level"))?;
        if byte >> 3 != 0 {
            return Err(DecodeError::Range("a level"));
        }
        let rule = short(decoder, Mark::RULE_BYTES_MAX)?;
        let title = short(decoder, Mark::TITLE_BYTES_MAX)?;
        let techniques = decoder.count(1)?;
        if Mark::TECHNIQUES_MAX < techniques {
            return Err(DecodeError::Range("a count"));
        }
        let techniques =
            (0..techniques).map(|_| short(decoder, Mark::TECHNIQUE_BYTES_MAX)).collect::<Result<_, _>>()?;
        let mark = Mark { page: byte & 4 != 0, level, rule, title, techniques };
        kept.push((Arc::new(mark), decoder.number()?));
    }
    Marks::from_parts(kept, decoder.number()?).ok_or(DecodeError::Order("a mark"))
}

fn decode_entry(
    decoder: &mut Decoder<'_>,
    version: u8,
    texts: &[Known],
    bucket: &mut i64,
) -> Result<Entry, DecodeError> {
    let mode = match decoder.byte()? {
        0 => Mode::Live,
        1 => Mode::Drill(DrillId(decoder.number()?)),
        _ => return Err(DecodeError::Range("a mode")),
    };
    let kind = EntityKind::from_code(decoder.byte()?).ok_or(DecodeError::Range("a kind"))?;
    let id = known(decoder, texts)?.1.clone();
    *bucket = bucket.wrapping_add(decoder.signed()?);
    let tally = decode_tally(decoder, version, kind, texts)?;
    if id.len() > Entity::ID_BYTES_MAX {
        return Err(DecodeError::Range("an id"));
    }
    Ok(Entry { mode, kind, id, bucket: Bucket(*bucket), tally })
}

fn decode_tally(
    decoder: &mut Decoder<'_>,
    version: u8,
    kind: EntityKind,
    texts: &[Known],
) -> Result<Tally, DecodeError> {
    let mut tally = Tally::default();
    let mask = decoder.number()?;
    if mask >> metrics_of(version) != 0 {
        return Err(DecodeError::Range("a metric"));
    }
    for (at, count) in tally.counts.iter_mut().enumerate() {
        if mask >> at & 1 == 1 {
            *count = decoder.number()?;
            if *count == 0 {
                return Err(DecodeError::Range("a count"));
            }
        }
    }
    let classes = decoder.byte()?;
    tally.classes = DataClasses::from_bits(classes);
    let signals = u32::try_from(decoder.number()?).map_err(|_| DecodeError::Range("a signal"))?;
    tally.signals = Signals::from_bits(signals);
    if tally.classes.bits() != classes || tally.signals.bits() != signals {
        return Err(DecodeError::Range("a class or signal"));
    }
    if version < 5 && kind == EntityKind::UserTable && tally.signals.contains(Signal::BankDetails) {
        tally.counts[Metric::BankRowsAffected as usize] = tally.counts[Metric::RowsAffected as usize];
    }
    tally.known_by =
        *KnownBy::ALL.get(usize::from(decoder.byte()?)).ok_or(DecodeError::Range("a way of knowing the actor"))?;
    let has = decoder.number()?;
    let overflowed = decoder.number()?;
    if has >> PARTS != 0 || overflowed & !has != 0 || overflowed & NEVER_OVERFLOWED != 0 {
        return Err(DecodeError::Range("an overflow"));
    }
    let flag = |bits: u64, at: u8| bits >> at & 1 == 1;
    tally.addresses = decode_set(decoder, texts, flag(has, 0), flag(overflowed, 0))?;
    tally.places = decode_set(decoder, texts, flag(has, 1), flag(overflowed, 1))?;
    tally.tables = decode_set(decoder, texts, flag(has, 2), flag(overflowed, 2))?;
    tally.accounts = decode_set(decoder, texts, flag(has, 3), flag(overflowed, 3))?;
    tally.agents = decode_set(decoder, texts, flag(has, 4), flag(overflowed, 4))?;
    tally.networks = decode_set(decoder, texts, flag(has, 5), flag(overflowed, 5))?;
    tally.fingerprints = decode_set(decoder, texts, flag(has, 6), flag(overflowed, 6))?;
    tally.candidates = decode_set(decoder, texts, flag(has, 7), flag(overflowed, 7))?;
    if has & PART_LOGINS != 0 {
        tally.logins = decode_logins(decoder, texts, overflowed & PART_LOGINS != 0)?;
    }
    if has & PART_EVIDENCE != 0 {
        tally.evidence = decode_evidence(decoder, texts)?;
    }
    if has & PART_PERSON != 0 {
        tally.person = Some(known(decoder, texts)?.1.clone());
    }
    let public = match has & PART_RECORDS {
        0 => None,
        _ => {
            let members = decode_names(decoder)?.into_iter().map(|record| (record.mixed(), record)).collect();
            Some(Part::new(0, members, overflowed & PART_RECORDS != 0).ok_or(DecodeError::Order("a record"))?)
        }
    };
    if has & PART_MARKS != 0 {
        tally.marks = decode_marks(decoder, texts)?;
    }
    let mut parts: Vec<Part> = public.into_iter().collect();
    let mut keys_beyond = false;
    if has & PART_KEYED != 0 {
        let (keyed, beyond) = decode_samples(decoder)?;
        if keyed.first().is_none_or(|part| part.key() == 0) {
            return Err(DecodeError::Range("a key"));
        }
        parts.extend(keyed);
        keys_beyond = beyond;
    }
    tally.records = Records::from_parts(parts, keys_beyond).ok_or(DecodeError::Order("a key"))?;
    if has & PART_REQUESTED != 0 {
        tally.requested = Some(Box::new(decode_requested(decoder, texts)?));
    }
    if has & PART_REQUESTED_BY_ROUTE != 0 {
        tally.requested_by_route = Some(Box::new(decode_requested(decoder, texts)?));
    }
    Ok(tally)
}

/// Ascending.
fn decode_names(decoder: &mut Decoder<'_>) -> Result<Vec<Record>, DecodeError> {
    let count = some(decoder.count(1)?, limits::RECORDS_MAX)?;
    let mut records: Vec<Record> = Vec::with_capacity(count);
    for _ in 0..count {
        let last = records.last().map(|record| record.0);
        let number = last.unwrap_or(0).checked_add(decoder.number()?).ok_or(DecodeError::Range("a record"))?;
        if last.is_some_and(|last| number <= last) {
            return Err(DecodeError::Order("a record"));
        }
        records.push(Record(number));
    }
    Ok(records)
}

/// What [`encode_samples`] writes. Ranks are believed: whoever works them out has the key.
fn decode_samples(decoder: &mut Decoder<'_>) -> Result<(Vec<Part>, bool), DecodeError> {
    let flag = |byte: u8| if byte <= 1 { Ok(byte == 1) } else { Err(DecodeError::Range("a flag")) };
    let keys_beyond = flag(decoder.byte()?)?;
    let count = some(decoder.count(SAMPLE_BYTES_MIN)?, limits::SAMPLE_KEYS_MAX)?;
    let mut parts = Vec::with_capacity(count);
    for _ in 0..count {
        let key = u32::try_from(decoder.number()?).map_err(|_| DecodeError::Range("a key"))?;
        let overflowed = flag(decoder.byte()?)?;
        let mut members = Vec::new();
        for record in decode_names(decoder)? {
            members.push((record.mixed(), record));
        }
        for (rank, _) in members.iter_mut().filter(|_| key != 0) {
            *rank = 0;
            for at in 0..RANK_BYTES {
                *rank |= u64::from(decoder.byte()?) << (56 - 8 * at);
            }
        }
        parts.push(Part::new(key, members, overflowed).ok_or(DecodeError::Order("a record"))?);
    }
    Ok((parts, keys_beyond))
}

fn decode_requested(decoder: &mut Decoder<'_>, texts: &[Known]) -> Result<Requested, DecodeError> {
    let place = match decoder.number()? {
        0 => Place::Nowhere,
        1 => Place::Several,
        text => {
            let text = usize::try_from(text - 2).ok().and_then(|at| texts.get(at));
            Place::One(text.ok_or(DecodeError::Range("a text"))?.1.clone())
        }
    };
    let (parts, keys_beyond) = decode_samples(decoder)?;
    let records = Records::from_parts(parts, keys_beyond).ok_or(DecodeError::Order("a key"))?;
    Ok(Requested { place, records })
}

fn known<'t>(decoder: &mut Decoder<'_>, texts: &'t [Known]) -> Result<&'t Known, DecodeError> {
    let number = usize::try_from(decoder.number()?).map_err(|_| DecodeError::Range("a text"))?;
    texts.get(number).ok_or(DecodeError::Range("a text"))
}

fn decode_set<const MAX: usize>(
    decoder: &mut Decoder<'_>,
    texts: &[Known],
    there: bool,
    overflowed: bool,
) -> Result<Set<MAX>, DecodeError> {
    if !there {
        return Ok(Set::new());
    }
    let count = some(decoder.count(1)?, MAX)?;
    let mut members = Few::with_room(count);
    for _ in 0..count {
        members.push(known(decoder, texts)?.clone());
    }
    Set::from_members(members, overflowed).ok_or(DecodeError::Order("a set"))
}

fn decode_logins(decoder: &mut Decoder<'_>, texts: &[Known], overflowed: bool) -> Result<Logins, DecodeError> {
    let count = some(decoder.count(3)?, limits::LOGINS_MAX)?;
    let mut earliest: Vec<Login> = Vec::with_capacity(count);
    for _ in 0..count {
        let at = Timestamp::from_millis(decoder.signed()?);
        let account = (&*known(decoder, texts)?.1).into();
        let ok = match decoder.byte()? {
            0 => false,
            1 => true,
            _ => return Err(DecodeError::Range("a flag")),
        };
        earliest.push(Login { at, account, ok });
    }
    if !earliest.is_sorted() || (overflowed && count < limits::LOGINS_MAX) {
        return Err(DecodeError::Order("a login"));
    }
    Ok(Logins { earliest, overflowed })
}

fn decode_evidence(decoder: &mut Decoder<'_>, texts: &[Known]) -> Result<Positions, DecodeError> {
    let count = some(decoder.count(3)?, limits::EVIDENCE_MAX)?;
    let mut positions: Few<Position> = Few::with_room(count);
    for _ in 0..count {
        let source = known(decoder, texts)?.1.clone();
        let partition = i32::try_from(decoder.signed()?).map_err(|_| DecodeError::Range("a partition"))?;
        positions.push(Position { source, partition, offset: decoder.signed()? });
    }
    if positions.windows(2).any(|pair| pair[0] >= pair[1]) {
        return Err(DecodeError::Order("a position"));
    }
    Ok(Positions(positions))
}

fn some(count: usize, max: usize) -> Result<usize, DecodeError> {
    if (1..=max).contains(&count) { Ok(count) } else { Err(DecodeError::Range("a count")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes as a message of another version.
    fn of_version(bytes: &[u8], version: u8) -> Vec<u8> {
        let mut body = bytes[..bytes.len() - 8].to_vec();
        body[2] = version;
        let sum = crate::stable_hash(&[&body]);
        body.extend(sum.to_le_bytes());
        body
    }

    fn batch(kind: EntityKind, bank_rows: u64) -> Batch {
        let mut tally = Tally::default();
        tally.add(Metric::RowsAffected, 23);
        tally.add(Metric::BankRowsAffected, bank_rows);
        tally.signals.insert(Signal::BankDetails);
        let entry = Entry { mode: Mode::Live, kind, id: "u7|hr.bank_accounts".into(), bucket: Bucket(7), tally };
        Batch { partition: 0, partitions: 1, manifest: Manifest::default(), entries: vec![entry] }
    }

    #[test]
    fn messages_of_the_versions_before_are_read() {
        let decoded = |kind, bank_rows, version| Batch::decode(&of_version(&batch(kind, bank_rows).encode(), version));
        assert_eq!(decoded(EntityKind::UserTable, 4, VERSION), Ok(batch(EntityKind::UserTable, 4)));
        assert_eq!(decoded(EntityKind::UserTable, 0, 4), Ok(batch(EntityKind::UserTable, 23)), "as it was meant");
        assert_eq!(decoded(EntityKind::Table, 0, 4), Ok(batch(EntityKind::Table, 0)));
        assert_eq!(decoded(EntityKind::Table, 4, 4), Err(DecodeError::Range("a metric")), "it did not know that");
        assert_eq!(decoded(EntityKind::UserTable, 4, 5), Ok(batch(EntityKind::UserTable, 4)));
        let mut paged = batch(EntityKind::PortalUser, 0);
        paged.entries[0].tally.add(Metric::DeepestPage, 44);
        assert_eq!(Batch::decode(&paged.encode()), Ok(paged.clone()));
        assert_eq!(Batch::decode(&of_version(&paged.encode(), 5)), Err(DecodeError::Range("a metric")));
        for version in [3, VERSION + 1] {
            assert_eq!(decoded(EntityKind::Table, 0, version), Err(DecodeError::Version(version)));
        }
    }
}
