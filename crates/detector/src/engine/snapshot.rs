//! Snapshots: what an engine knows at one position in its tallies, so that a start need not read all that is retained.
//!
//! # The scheme
//! A log of segments in a compacted topic. A [`Checkpoint`] holds the entities that have changed since the last one, packed into segments
//! of about a megabyte; three parts, cut into *pieces* of a megabyte, each piece only if it has changed: the work (hours and lists of
//! entities), the peers, and what was raised; and the core (position, which segments and which pieces count). An entity's latest copy
//! counts; its place in the engine names it, and a place that became empty is written as empty. When more than half of what lies in the segments is outdated, the oldest is given up: what still counts in it goes into the
//! checkpoint once more, and the next segment takes its key, its *slot*. So the topic holds about twice the state at most, each change is
//! written about twice, and reading it back takes one pass, newest first.
//!
//! # Why it is right
//! The engine is a pure function of its messages, so its state at position n and the tallies from n on give what all tallies give. All
//! messages of a checkpoint are made between two tallies and must be written in one transaction, with the position as the group's offset:
//! whoever has lost the partition cannot commit. Segments are given up in the order in which they came, so nothing older than a place
//! written as empty is left when that is forgotten. A reader believes a snapshot only whole: the core names the segments, their slots and
//! their hashes, and the pieces by their hashes; each message has a version and a checksum, and anything else is an error; then the
//! retained tallies are read instead. Pieces that a part had when it was longer stay in the topic, and nobody reads them.
//!
//! No message is much longer than a megabyte, whatever the limits: one that the broker refuses would end all snapshots.
//!
//! # What a changed setting does to it
//! Nothing is relearned. What fades are sums, the weight they have, and maxima, all together, so they are right under any half-life: when
//! `half_life_days` was changed they stay what they are, and fade at the new pace from the last closed hour on. The core has the half-lives
//! before (see `pace.rs`), so that what rests fades neither more nor less than what lies beside it. Its price: an engine that is restored
//! after a change is not the one that all tallies would give under the new setting, until the old weights have faded. After fifteen of the
//! new half-lives baselines differ by less than one part in a thousand, if it was four times as long before; until then they remember
//! longer than is set. Where it was made longer, the hours that were forgotten stay so. Dropped: refusing the snapshot and reading the
//! tallies again. Then it is that other engine at once, but it reads 35 days of tallies, and what is older is gone: records, networks,
//! places and tables that somebody has used before, and under a long half-life most of the baselines.
//!
//! Only another number of partitions refuses a snapshot: entities lie elsewhere then. Versions 1 and 2 have one hash of that and of the
//! half-life, so they are refused under another half-life, too.
//!
//! # What it costs
//! Four bytes an entity in memory, and for each checkpoint the time to encode what changed, the work and what was raised; the peers, which
//! may be much longer, only if a counter says that they have changed. The price of that counter is that whoever changes them must count: a
//! debug build encodes them all the same, and compares. Dropped: a message for each entity (librdkafka
//! and broker take longer for a million of them than for all else here); the whole state each time (what changes in ten seconds is a small
//! part of a million entities); fixed pages of entities, rewritten when one of them changes (it writes as many times more as a page has
//! entities); tombstones for segments and pieces (a null value, which nothing else here needs); parts cut by what is in them, as entities
//! are (a group or a verdict has no bytes that are small by nature, a piece has).

use super::{Engine, EngineSpec, Snapshot, Work};
use crate::{
    alert::{Alert, AlertId},
    docket::Docket,
    entity::EntityState,
    fleet::{Fleet, Peers},
    pace::Pace,
    packed::{Packed, Unpacker, VERSION, VERSION_OLDEST},
    progress::Progress,
    raised::Raised,
};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};
use tally::{DecodeError, Decoder, Encoder, stable_hash};

const MAGIC: [u8; 2] = *b"BS";

/// A segment is closed when it has so many bytes; it has one entity more at most. A piece has no more.
pub(crate) const SEGMENT_BYTES: usize = 1 << 20;

/// Outdated bytes that may lie in segments, beside as many as count.
const SLACK_BYTES: u64 = 4 << 20;

/// Name of the part that names all others.
const CORE: &str = "core";

/// A part that may be long.
struct Part {
    name: &'static str,
    pack: fn(&Engine, &mut Encoder),
    unpack: fn(&mut Engine, &mut Unpacker<'_>) -> Result<(), NotRestoredOr>,
    /// The same mark twice: it has not changed in between, and need not be packed to know that. `None`: only packing tells.
    mark: fn(&Engine) -> Option<Mark>,
}

/// Changes of the fleet, and the hours that are open.
type Mark = (u64, Vec<i64>);

/// Read in this order: what is usual belongs to hours that are known.
const PARTS: [Part; 3] = [
    Part { name: "work", pack: Engine::pack_work, unpack: Engine::unpack_work, mark: |_| None },
    Part { name: "peers", pack: Engine::pack_peers, unpack: Engine::unpack_peers, mark: Engine::mark_of_peers },
    Part { name: "raised", pack: Engine::pack_raised, unpack: Engine::unpack_raised, mark: |_| None },
];

/// Hashes of the pieces of each part.
type Pieces = [Vec<u64>; PARTS.len()];

/// In version 1 a part was one message.
const VERSION_PIECES: u8 = 2;
/// In the versions before, a hash was all that was told of the half-life.
const VERSION_PACE: u8 = 3;

/// Marks in [`Ledger::written`]; numbers of segments begin after the first.
const NOWHERE: u32 = 0;
const CHANGED: u32 = u32::MAX;

/// Peer groups of an hour, each with the number of its view.
type Names = Vec<(Box<str>, u64)>;

/// What a snapshot's writer has to send, all of it in one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Key and value.
    pub messages: Vec<(Vec<u8>, Vec<u8>)>,
    /// Counts the checkpoints of this partition.
    pub number: u64,
    /// Entities written.
    pub n_entities: usize,
}

impl Checkpoint {
    /// Of all values.
    pub fn bytes(&self) -> usize {
        self.messages.iter().map(|(_, value)| value.len()).sum()
    }
}

/// Why a snapshot is not used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotRestored {
    #[error("its part `{part}` cannot be read: {error}")]
    Part { part: String, error: DecodeError },
    #[error("its part `{0}` is missing")]
    Missing(String),
    #[error(
        "it is of another `topics.tally_partitions`, or an earlier version wrote it under another \
         `detector.volume.half_life_days`"
    )]
    Settings,
    #[error("it contradicts itself: {0}")]
    Contradiction(&'static str),
}

/// Where the latest copy of each entity lies.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// By place: a segment, [`NOWHERE`] or [`CHANGED`].
    written: Vec<u32>,
    /// Places that are [`CHANGED`].
    changed: Vec<u32>,
    segments: BTreeMap<u32, Segment>,
    last_segment: u32,
    /// As they were last written.
    pieces: Pieces,
    /// Of then; `None` after a start.
    marks: [Option<Mark>; PARTS.len()],
    n_checkpoints: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Segment {
    slot: u32,
    /// Numbers begin anew with an engine that is built from the tallies, so they do not tell its segments from those of the one before.
    hash: u64,
    bytes: u64,
    places: u32,
    /// Of them those whose latest copy this is.
    counting: u32,
}

impl Segment {
    fn counting_bytes(&self) -> u64 {
        self.bytes * u64::from(self.counting) / u64::from(self.places.max(1))
    }
}

impl Ledger {
    /// Something of this place has changed, or is about to.
    pub(super) fn touch(&mut self, at: u32) {
        let place = at as usize;
        if self.written.len() <= place {
            self.written.resize(place + 1, NOWHERE);
        }
        let before = std::mem::replace(&mut self.written[place], CHANGED);
        if before == CHANGED {
            return;
        }
        self.changed.push(at);
        if let Some(segment) = self.segments.get_mut(&before) {
            segment.counting -= 1;
        }
    }

    /// Gives up the oldest segments while too much is outdated. What counts in them counts as changed.
    fn clean(&mut self, is_held: impl Fn(usize) -> bool) {
        loop {
            let sum = |of: fn(&Segment) -> u64| self.segments.values().map(of).sum::<u64>();
            let (all, counting) = (sum(|segment| segment.bytes), sum(Segment::counting_bytes));
            if all <= 2 * counting + SLACK_BYTES {
                return;
            }
            let Some((oldest, _)) = self.segments.pop_first() else { return };
            for at in 0..self.written.len() {
                if self.written[at] != oldest {
                } else if is_held(at) {
                    self.written[at] = CHANGED;
                    self.changed.push(at as u32);
                } else {
                    // Nothing older says otherwise.
                    self.written[at] = NOWHERE;
                }
            }
        }
    }

    /// The lowest that no segment has.
    fn free_slot(&self) -> u32 {
        let taken: BTreeSet<u32> = self.segments.values().map(|segment| segment.slot).collect();
        (0..).find(|slot| !taken.contains(slot)).unwrap_or(u32::MAX)
    }
}

impl Engine {
    /// What has changed since the last checkpoint, of an engine that has taken all tallies before `position`. Whoever cannot write it must
    /// not go on with this engine's checkpoints, but restore one.
    pub fn checkpoint(&mut self, position: i64) -> Checkpoint {
        let mut messages = Vec::new();
        let entities = &self.entities;
        let ledger = &mut self.ledger;
        ledger.clean(|at| entities.get(at).is_some_and(Option::is_some));
        let mut changed = std::mem::take(&mut ledger.changed);
        changed.sort_unstable();
        let mut left = &changed[..];
        while !left.is_empty() {
            ledger.last_segment += 1;
            let number = ledger.last_segment;
            let mut message = Encoder::new(MAGIC, VERSION);
            message.number(u64::from(number));
            let mut n = 0;
            for at in left {
                let mut body = Encoder::body();
                self.entities[*at as usize].pack(&mut body);
                message.number(u64::from(*at));
                message.bytes(&body.into_body());
                ledger.written[*at as usize] = number;
                n += 1;
                if SEGMENT_BYTES <= message.len() {
                    break;
                }
            }
            left = &left[n..];
            let value = message.finish();
            let (slot, hash, n) = (ledger.free_slot(), stable_hash(&[&value]), n as u32);
            ledger.segments.insert(number, Segment { slot, hash, bytes: value.len() as u64, places: n, counting: n });
            messages.push((self.spec.key(&slot.to_string()), value));
        }
        ledger.n_checkpoints += 1;
        let number = ledger.n_checkpoints;
        for (at, part) in PARTS.iter().enumerate() {
            let mark = (part.mark)(self);
            if mark.is_some() && mark == self.ledger.marks[at] {
                debug_assert!(
                    self.pieces_of(part).map(|piece| stable_hash(&[&piece])).eq(self.ledger.pieces[at].iter().copied()),
                    "{} has changed and its mark has not",
                    part.name
                );
                continue;
            }
            let before = std::mem::take(&mut self.ledger.pieces[at]);
            for (number, value) in self.pieces_of(part).enumerate() {
                let hash = stable_hash(&[&value]);
                if before.get(number) != Some(&hash) {
                    messages.push((self.spec.key(&piece_name(part.name, number)), value));
                }
                self.ledger.pieces[at].push(hash);
            }
            self.ledger.marks[at] = mark;
        }
        messages.push((self.spec.key(CORE), self.pack_core(position)));
        Checkpoint { messages, number, n_entities: changed.len() }
    }

    /// Its messages.
    fn pieces_of(&self, part: &Part) -> impl Iterator<Item = Vec<u8>> + use<> {
        let mut body = Encoder::body();
        (part.pack)(self, &mut body);
        let body = body.into_body();
        (0..body.len().div_ceil(SEGMENT_BYTES)).map(move |number| {
            let from = number * SEGMENT_BYTES;
            let mut message = Encoder::new(MAGIC, VERSION);
            message.bytes(&body[from..body.len().min(from + SEGMENT_BYTES)]);
            message.finish()
        })
    }

    /// This engine, which must be new, as it was at the latest checkpoint among these messages (key, value; later ones of a key win); the
    /// position from which it wants tallies, and the checkpoint's number. `None`: there is none. Roll-ups, verdicts and alerts may be told to
    /// it again, all of them: what it knows changes nothing.
    ///
    /// # Errors
    /// The snapshot is damaged, incomplete, of a later version, or of other settings.
    pub fn restored<'a>(
        mut self,
        messages: impl IntoIterator<Item = (&'a [u8], &'a [u8])>,
    ) -> Result<Option<(Engine, i64, u64)>, NotRestored> {
        let prefix = self.spec.key("");
        let mut latest: BTreeMap<&[u8], &[u8]> = BTreeMap::new();
        for (key, value) in messages {
            if let Some(name) = key.strip_prefix(&prefix[..]) {
                latest.insert(name, value);
            }
        }
        let Some(core) = latest.get(CORE.as_bytes()) else { return Ok(None) };
        let engine = &mut self;
        let Core { version, position, segments, pieces } = read(CORE, core, |from| engine.unpack_core(from))?;
        let part =
            |name: &str| latest.get(name.as_bytes()).copied().ok_or_else(|| NotRestored::Missing(name.to_owned()));
        for (at, Part { name, unpack, .. }) in PARTS.iter().enumerate() {
            let Some(pieces) = &pieces else {
                // The work lay in the core.
                if 0 < at {
                    read(name, part(name)?, |from| unpack(engine, from))?;
                }
                continue;
            };
            let mut body = Vec::new();
            for (number, hash) in pieces[at].iter().enumerate() {
                let name = piece_name(name, number);
                let value = part(&name)?;
                read(&name, value, |from| {
                    body.extend_from_slice(from.from.bytes()?);
                    Ok(())
                })?;
                if stable_hash(&[value]) != *hash {
                    return Err(NotRestored::Contradiction("a piece is not the one that the core names"));
                }
            }
            // Whoever writes the core of a version writes all pieces in it.
            read_body(name, Unpacker { from: Decoder::of_body(&body), version }, |from| unpack(engine, from))?;
        }
        engine.ledger.pieces = pieces.unwrap_or_default();
        for (number, (slot, named)) in segments.into_iter().rev() {
            let name = slot.to_string();
            let value = part(&name)?;
            let segment = read(&name, value, |from| engine.unpack_segment(from, number))?;
            let hash = stable_hash(&[value]);
            if named.is_some_and(|named| named != hash) {
                return Err(NotRestored::Contradiction("a segment is not the one that the core names"));
            }
            engine.ledger.segments.insert(number, Segment { slot, hash, bytes: value.len() as u64, ..segment });
        }
        engine.settle()?;
        let number = engine.ledger.n_checkpoints;
        Ok(Some((self, position, number)))
    }

    /// Fingerprint of the settings under which a snapshot can be read at all. Of all others a change takes effect from then on, and
    /// relearns nothing.
    fn shape(&self, version: u8) -> u64 {
        let place = [self.spec.partition.to_le_bytes(), self.spec.partitions.to_le_bytes()].concat();
        if version < VERSION_PACE {
            let half_life = self.settings.volume.half_life_days.to_bits().to_le_bytes();
            return stable_hash(&[&half_life, &place]);
        }
        stable_hash(&[&place])
    }

    fn pack_core(&self, position: i64) -> Vec<u8> {
        let mut to = Encoder::new(MAGIC, VERSION);
        self.shape(VERSION).pack(&mut to);
        position.pack(&mut to);
        self.ledger.n_checkpoints.pack(&mut to);
        self.ledger.last_segment.pack(&mut to);
        let named = |(number, segment): (&u32, &Segment)| (*number, (segment.slot, segment.hash));
        self.ledger.segments.iter().map(named).collect::<BTreeMap<_, _>>().pack(&mut to);
        self.progress.pack(&mut to);
        self.closed.pack(&mut to);
        self.sent.pack(&mut to);
        self.ledger.pieces.pack(&mut to);
        self.pace.pack(&mut to);
        to.finish()
    }

    fn unpack_core(&mut self, from: &mut Unpacker<'_>) -> Result<Core, NotRestoredOr> {
        if u64::unpack(from)? != self.shape(from.version) {
            return Err(NotRestored::Settings.into());
        }
        let position = Packed::unpack(from)?;
        self.ledger.n_checkpoints = Packed::unpack(from)?;
        self.ledger.last_segment = Packed::unpack(from)?;
        let segments = if from.version < VERSION_PIECES {
            let slots = BTreeMap::<u32, u32>::unpack(from)?;
            slots.into_iter().map(|(number, slot)| (number, (slot, None))).collect()
        } else {
            let named = BTreeMap::<u32, (u32, u64)>::unpack(from)?;
            named.into_iter().map(|(number, (slot, hash))| (number, (slot, Some(hash)))).collect()
        };
        let progress = Progress::unpack(from)?;
        self.progress = progress;
        self.progress.expect(&self.spec.sources, self.settings.allowed_lateness);
        if from.version < VERSION_PIECES {
            self.unpack_work(from)?;
        }
        self.closed = Packed::unpack(from)?;
        self.sent = Packed::unpack(from)?;
        let pieces = if from.version < VERSION_PIECES { None } else { Some(Packed::unpack(from)?) };
        let before = if from.version < VERSION_PACE { None } else { Some(Pace::unpack(from)?) };
        // Where no hour has closed nothing is learned.
        if let (Some(before), Some(closed)) = (before, self.closed) {
            let of_settings = Pace::clone(&self.pace);
            self.pace = Arc::new(of_settings.after(before, closed));
        }
        Ok(Core { version: from.version, position, segments, pieces })
    }

    fn pack_work(&self, to: &mut Encoder) {
        self.hours.iter().map(|(hour, work)| (*hour, work.touched.clone())).collect::<Vec<_>>().pack(to);
        self.days.pack(to);
        self.unlearned.pack(to);
        self.sources.pack(to);
    }

    fn unpack_work(&mut self, from: &mut Unpacker<'_>) -> Result<(), NotRestoredOr> {
        let hours = Vec::<(i64, Vec<u32>)>::unpack(from)?;
        self.hours = hours.into_iter().map(|(hour, touched)| (hour, Work { touched, usual: None })).collect();
        self.days = Packed::unpack(from)?;
        self.unlearned = Packed::unpack(from)?;
        self.sources = Packed::unpack(from)?;
        Ok(())
    }

    /// Views that several hours share are written once.
    fn pack_peers(&self, to: &mut Encoder) {
        let mut numbers: HashMap<*const Peers, u64> = HashMap::new();
        let mut views: Vec<&Peers> = Vec::new();
        let mut maps: Vec<(Option<i64>, Names)> = Vec::new();
        let open = self.hours.iter().filter_map(|(hour, work)| Some((Some(*hour), work.usual.as_ref()?)));
        let current = self.fleet.current();
        for (hour, snapshot) in std::iter::once((None, &current)).chain(open) {
            let mut names: Vec<_> = snapshot.iter().collect();
            names.sort_unstable_by_key(|(name, _)| *name);
            let mut map = Vec::with_capacity(names.len());
            for (name, peers) in names {
                let number = *numbers.entry(Arc::as_ptr(peers)).or_insert_with(|| {
                    views.push(peers);
                    views.len() as u64 - 1
                });
                map.push((name.clone(), number));
            }
            maps.push((hour, map));
        }
        to.number(views.len() as u64);
        views.iter().for_each(|view| view.pack(to));
        maps.pack(to);
        self.fleet.pack_all(to);
    }

    /// What is usual in an hour is set when it opens, after the fleet has changed, and goes with it.
    fn mark_of_peers(&self) -> Option<Mark> {
        let open = self.hours.iter().filter(|(_, work)| work.usual.is_some());
        Some((self.fleet.changes(), open.map(|(hour, _)| *hour).collect()))
    }

    fn unpack_peers(&mut self, from: &mut Unpacker<'_>) -> Result<(), NotRestoredOr> {
        let views: Vec<Arc<Peers>> = Vec::<Peers>::unpack(from)?.into_iter().map(Arc::new).collect();
        let mut current = Snapshot::default();
        for (hour, map) in Vec::<(Option<i64>, Names)>::unpack(from)? {
            let mut snapshot = HashMap::with_capacity(map.len());
            for (name, number) in map {
                let view = usize::try_from(number).ok().and_then(|number| views.get(number));
                snapshot.insert(name, view.ok_or(DecodeError::Range("a view"))?.clone());
            }
            match hour {
                None => current = Arc::new(snapshot),
                Some(hour) => {
                    let work = self.hours.get_mut(&hour).ok_or(NotRestored::Contradiction("an hour"))?;
                    work.usual = Some(Arc::new(snapshot));
                }
            }
        }
        self.fleet = Fleet::new(self.spec.partitions).unpack_all(from, current)?;
        Ok(())
    }

    fn pack_raised(&self, to: &mut Encoder) {
        self.raised.pack(to);
        self.docket.pack(to);
    }

    fn unpack_raised(&mut self, from: &mut Unpacker<'_>) -> Result<(), NotRestoredOr> {
        self.raised = Raised::unpack(from)?;
        self.docket = Docket::unpack(from)?;
        Ok(())
    }

    /// Takes those entities of which no later segment had a copy.
    fn unpack_segment(&mut self, from: &mut Unpacker<'_>, number: u32) -> Result<Segment, NotRestoredOr> {
        if u32::unpack(from)? != number {
            return Err(NotRestored::Contradiction("a segment's number").into());
        }
        let mut segment = Segment::default();
        while !from.from.is_empty() {
            let at = u32::unpack(from)?;
            let body = from.from.bytes()?;
            segment.places += 1;
            let place = at as usize;
            // A hostile place would reserve memory: places are dense.
            if PLACES_MAX <= place {
                return Err(DecodeError::Range("a place").into());
            }
            if self.ledger.written.len() <= place {
                self.ledger.written.resize(place + 1, NOWHERE);
                self.entities.resize_with(place + 1, || None);
            }
            if self.ledger.written[place] != NOWHERE {
                continue;
            }
            segment.counting += 1;
            self.ledger.written[place] = number;
            let mut body = Unpacker { from: Decoder::of_body(body), version: from.version };
            self.entities[place] = Option::<EntityState>::unpack(&mut body)?;
            body.from.finish()?;
        }
        Ok(segment)
    }

    /// What follows from the parts: the index, counts, free places, shared rules. Whether every place that is named is held.
    fn settle(&mut self) -> Result<(), NotRestored> {
        let mut marks = std::mem::take(&mut self.marks);
        for (at, entity) in self.entities.iter_mut().enumerate() {
            let at = at as u32;
            match entity {
                None => {
                    self.free.insert(at);
                }
                Some(entity) => {
                    entity.hours.iter_mut().for_each(|hour| hour.share_marks(&mut marks));
                    *self.held.entry(entity.key.kind).or_default() += 1;
                    if self.index.insert(entity.key.clone(), at).is_some() {
                        return Err(NotRestored::Contradiction("an entity is there twice"));
                    }
                }
            }
        }
        self.marks = marks;
        let is_held = |at: &u32| self.entities.get(*at as usize).is_some_and(Option::is_some);
        // Those that have not learned may have gone since; the others are kept while they are named.
        let named = self.hours.values().flat_map(|work| &work.touched).chain(self.days.values().flatten());
        if !named.chain(&self.sources).all(is_held) {
            return Err(NotRestored::Contradiction("a place that is named is empty"));
        }
        let places = self.entities.len() as u32;
        self.unlearned.values_mut().for_each(|places_of| places_of.retain(|at| *at < places));
        Ok(())
    }
}

/// Far more than the limits of all kinds together.
const PLACES_MAX: usize = 1 << 26;

/// What reading a part comes to.
enum NotRestoredOr {
    Decode(DecodeError),
    Not(NotRestored),
}

impl From<DecodeError> for NotRestoredOr {
    fn from(error: DecodeError) -> Self {
        NotRestoredOr::Decode(error)
    }
}

impl From<NotRestored> for NotRestoredOr {
    fn from(error: NotRestored) -> Self {
        NotRestoredOr::Not(error)
    }
}

/// What a core tells of the others.
struct Core {
    version: u8,
    position: i64,
    /// Those that count, with their slots and, since version 2, their hashes.
    segments: BTreeMap<u32, (u32, Option<u64>)>,
    /// `None`: each part is one message.
    pieces: Option<Pieces>,
}

/// The first has the part's own name, as the only one had.
fn piece_name(part: &str, number: usize) -> String {
    if number == 0 { part.to_owned() } else { format!("{part}.{number}") }
}

fn read<T>(
    part: &str,
    value: &[u8],
    unpack: impl FnOnce(&mut Unpacker<'_>) -> Result<T, NotRestoredOr>,
) -> Result<T, NotRestored> {
    let (from, version) = Decoder::of_versions(value, MAGIC, VERSION_OLDEST..=VERSION)
        .map_err(|error| NotRestored::Part { part: part.to_owned(), error })?;
    read_body(part, Unpacker { from, version }, unpack)
}

fn read_body<T>(
    part: &str,
    mut from: Unpacker<'_>,
    unpack: impl FnOnce(&mut Unpacker<'_>) -> Result<T, NotRestoredOr>,
) -> Result<T, NotRestored> {
    let read = unpack(&mut from).and_then(|read| from.from.finish().map(|()| read).map_err(NotRestoredOr::from));
    read.map_err(|error| match error {
        NotRestoredOr::Decode(error) => NotRestored::Part { part: part.to_owned(), error },
        NotRestoredOr::Not(not) => not,
    })
}

impl EngineSpec {
    /// Of a part in the topic.
    fn key(&self, name: &str) -> Vec<u8> {
        format!("{}|{name}", self.partition).into_bytes()
    }
}

/// As JSON, with the floating-point numbers beside it: reading JSON may change their last digit.
impl Packed for Alert {
    fn pack(&self, to: &mut Encoder) {
        to.text(&self.to_json());
        self.observed.pack(to);
        self.expected.pack(to);
        self.p_value.pack(to);
        self.facts.iter().map(|fact| fact.value).collect::<Vec<_>>().pack(to);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Result<Self, DecodeError> {
        let json = from.from.text()?;
        let mut alert = Alert::from_json(json.as_bytes()).map_err(|_| DecodeError::Range("an alert"))?;
        alert.observed = Packed::unpack(from)?;
        alert.expected = Packed::unpack(from)?;
        alert.p_value = Packed::unpack(from)?;
        for (fact, value) in alert.facts.iter_mut().zip(Vec::<Option<f64>>::unpack(from)?) {
            fact.value = value;
        }
        Ok(alert)
    }
}

impl Packed for AlertId {
    fn pack(&self, to: &mut Encoder) {
        to.append(&self.to_bytes());
    }

    fn unpack(from: &mut Unpacker<'_>) -> Result<Self, DecodeError> {
        from.from.array().map(AlertId::from_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        entity::Key,
        footprint::GROUP_BYTES,
        limits::{GROUPS_MAX, RAISED_MAX},
        rollup::{GroupHour, Rollup},
        settings::Settings,
    };
    use activity::{Bucket, EntityKind, Mode};
    use tally::{Batch, Manifest, Metric, Range, Tallier};

    type Topic = BTreeMap<Vec<u8>, Vec<u8>>;

    /// What the broker takes: more than any message here may have.
    const MESSAGE_BYTES_MAX: usize = 8 << 20;
    const START: i64 = 492_000;

    /// One of two partitions.
    fn engine() -> Engine {
        let sources = vec![("web".into(), 1)];
        let spec = EngineSpec { partition: 0, partitions: 2, sources, ..EngineSpec::default() };
        Engine::new(spec, Arc::new(Settings::default()), Arc::default(), Arc::default())
    }

    /// A person of this partition does something in an hour.
    fn batch(hour: i64) -> Batch {
        let mut tallier = Tallier::new();
        for user in 0..8 {
            let of = tallier.tally(Mode::Live, EntityKind::PortalUser, &format!("u{user}"), Bucket(hour * 60));
            of.add(Metric::RowsSent, 9);
        }
        let from = hour - START;
        let watermark = Bucket(hour * 60 + 59).start();
        let range = Range { source: "web".into(), from, to: from + 1, watermark, ..Range::default() };
        let manifest = Manifest { instance: "i".into(), sequence: 1, ranges: vec![range] };
        Batch::decode(&tallier.flush(2, &manifest)[0].1).expect("its own message")
    }

    /// What twenty people of each group did in an hour, as the other partition tells it.
    fn rollup(hour: i64) -> Rollup {
        let group = |n: usize| {
            let mut group = GroupHour { active: 20, novel: [1, 0, 2], ..GroupHour::default() };
            for member in 0..20_u64 {
                (0..2).for_each(|sort| group.see(sort, stable_hash(&[&(n as u64 + member).to_le_bytes()])));
                for cell in 0..12 {
                    let amount = (n as u64 + 7 * member + hour as u64) % 40;
                    group.cells.entry(cell).or_default().add(amount * amount);
                }
            }
            group
        };
        let name = |n: usize| format!("user_table|role-{}|hr.classified_table_{}", n / 100, n % 100).into();
        // Some that differ are enough.
        let different: Vec<GroupHour> = (0..50).map(group).collect();
        let groups = (0..GROUPS_MAX).map(|n| (name(n), different[n % 50].clone())).collect();
        Rollup { partition: 1, hour, previous: (START < hour).then_some(hour - 1), groups }
    }

    fn hear(engine: &mut Engine, rollups: Vec<Rollup>) {
        let mut waiting = rollups;
        while let Some(rollup) = waiting.pop() {
            waiting.extend(engine.rollup(&rollup).rollups);
        }
    }

    fn write(topic: &mut Topic, engine: &mut Engine) -> Checkpoint {
        let checkpoint = engine.checkpoint(7);
        let longest = checkpoint.messages.iter().map(|(_, value)| value.len()).max();
        assert!(longest.is_some_and(|bytes| bytes <= SEGMENT_BYTES + (64 << 10)), "{longest:?}");
        topic.extend(checkpoint.messages.iter().cloned());
        checkpoint
    }

    fn restored(topic: &Topic) -> Engine {
        let all = topic.iter().map(|(key, value)| (&key[..], &value[..]));
        engine().restored(all).expect("a sound snapshot").expect("there is one").0
    }

    fn bodies(engine: &Engine) -> [Vec<u8>; PARTS.len()] {
        PARTS.each_ref().map(|part| {
            let mut body = Encoder::body();
            (part.pack)(engine, &mut body);
            body.into_body()
        })
    }

    #[test]
    fn as_many_groups_as_there_may_be_go_into_pieces_and_come_back() {
        let (mut engine, mut topic) = (engine(), Topic::new());
        for hour in START..START + 3 {
            let effects = engine.take(&batch(hour));
            hear(&mut engine, effects.rollups);
            hear(&mut engine, vec![rollup(hour)]);
        }
        assert_eq!(engine.stats().groups, GROUPS_MAX);
        let first = write(&mut topic, &mut engine);
        let [_, peers, _] = bodies(&engine);
        assert!(MESSAGE_BYTES_MAX < peers.len(), "{}: it would have gone into one message", peers.len());
        // And so many bytes a group takes in memory, as is said beforehand.
        let ratio = engine.groups_bytes() as f64 / (GROUPS_MAX * GROUP_BYTES) as f64;
        assert!((0.8..1.2).contains(&ratio), "{ratio}");
        // What is heard of an hour that nobody has folded yet stands last.
        hear(&mut engine, vec![rollup(START + 3)]);
        let second = write(&mut topic, &mut engine);
        assert!(0 < second.bytes() && second.bytes() < first.bytes() / 2, "{} {}", first.bytes(), second.bytes());
        let mut other = restored(&topic);
        assert!(other.checkpoint(7) == engine.checkpoint(7));
    }

    #[test]
    fn lists_at_their_limits_go_into_pieces_and_those_of_longer_days_are_not_read() {
        let (mut engine, mut topic) = (engine(), Topic::new());
        for n in 0..20_000 {
            let id = format!("{n}").as_str().into();
            engine.entity(Key { mode: Mode::Live, kind: EntityKind::Address, id });
        }
        let all: Vec<u32> = (0..20_000).collect();
        for hour in START..START + 80 {
            engine.hours.insert(hour, Work { touched: all.clone(), usual: None });
            engine.unlearned.insert(hour - 80, all.clone());
            engine.days.insert(hour, all.clone());
        }
        for n in 0..RAISED_MAX as u128 {
            engine.raised.insert(START, AlertId::from_bytes(n.to_be_bytes()));
        }
        write(&mut topic, &mut engine);
        let [work, _, raised] = bodies(&engine);
        assert!(MESSAGE_BYTES_MAX < work.len() && 3 << 20 < raised.len(), "{} {}", work.len(), raised.len());
        assert!(bodies(&restored(&topic)) == bodies(&engine));
        // Much less, and then a piece of the longer time is damaged.
        engine.days.clear();
        engine.raised.forget(i64::MAX);
        write(&mut topic, &mut engine);
        let key = engine.spec.key("raised.1");
        assert!(topic.insert(key, b"nonsense".to_vec()).is_some());
        assert!(bodies(&restored(&topic)) == bodies(&engine));
    }

    #[test]
    fn peers_have_another_mark_when_they_have_changed_and_only_then() {
        let (mut engine, mut topic) = (engine(), Topic::new());
        let of_other = |hour: i64| {
            let groups = [("portal_user|".into(), GroupHour { active: 3, ..GroupHour::default() })].into();
            Rollup { partition: 1, hour, previous: (START - 2 < hour).then_some(hour - 1), groups }
        };
        write(&mut topic, &mut engine);
        let mut happens = |what: &dyn Fn(&mut Engine)| {
            let (before, bytes) = (engine.mark_of_peers(), bodies(&engine));
            what(&mut engine);
            let [_, peers, _] = bodies(&engine);
            let changes = peers != bytes[1];
            assert_eq!(engine.mark_of_peers() != before, changes);
            // Where the mark is the same, a debug build packs them all the same, and compares.
            let checkpoint = write(&mut topic, &mut engine);
            let key = engine.spec.key("peers");
            assert_eq!(checkpoint.messages.iter().any(|(of, _)| *of == key), changes);
            assert!(bodies(&restored(&topic)) == bodies(&engine));
            changes
        };
        for hour in START..START + 5 {
            let rollups = std::cell::RefCell::new(Vec::new());
            let takes = |engine: &mut Engine| rollups.borrow_mut().extend(engine.take(&batch(hour)).rollups);
            assert_eq!(happens(&takes), START < hour, "an hour closes, and the next waits for the other partition");
            assert!(!happens(&takes), "a repeat");
            assert!(happens(&|engine| hear(engine, rollups.take())));
            assert!(happens(&|engine| hear(engine, vec![of_other(hour - 2)])));
            assert!(!happens(&|engine| hear(engine, vec![of_other(hour - 2)])), "a repeat");
            assert!(happens(&|engine| engine.fleet.release(hour - 9)));
            assert!(!happens(&|engine| engine.fleet.release(hour - 9)), "a repeat");
        }
    }

    #[test]
    fn a_piece_of_another_checkpoint_is_refused() {
        let (mut engine, mut topic) = (engine(), Topic::new());
        let effects = engine.take(&batch(START));
        hear(&mut engine, effects.rollups);
        write(&mut topic, &mut engine);
        let key = engine.spec.key("work");
        let before = topic[&key].clone();
        engine.take(&batch(START + 1));
        write(&mut topic, &mut engine);
        assert_ne!(topic.insert(key, before.clone()), Some(before));
        let all = topic.iter().map(|(key, value)| (&key[..], &value[..]));
        let error = super::tests::engine().restored(all).expect_err("two checkpoints are mixed");
        assert!(matches!(error, NotRestored::Contradiction(_)), "{error}");
    }
}
