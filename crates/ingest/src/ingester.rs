//! One source partition: records in, tallies out, and an account of every record.
//!
//! Records come in offset order. Each ends as exactly one of contributed, ignored, dead-lettered or late, or is pending
//! while its entry is not complete. A record that holds several entries, or parts of them, takes the outcome that says most
//! of trouble. Nothing depends on where the records are cut into batches or flushes.
//!
//! What a container runtime tore is put together first (`torn`). Then what shippers wrapped around the lines comes off: `wrapping` says when. A record may hold several lines or entries, also of
//! a format of single lines; empty lines are nothing.
//!
//! # Entries that span lines
//! They are put together as the format's [`formats::Lines`] says, across records as well as within one. An entry is complete where
//! the next one begins, where the format knows that nothing can follow, or when nothing has come for a while
//! ([`Ingester::expire`]).
//!
//! Beyond [`ENTRY_BYTES_MAX`] an entry is not kept, but *followed*: were it taken as complete there, a visitor's literal of so many
//! bytes could go on with a line that looks like a beginning, and forge an entry. What was kept is read as cut
//! ([`formats::Context::cut`]) and counted as `truncated`: the counts of a statement stand before its text, and padding must not
//! hide them. What was cut and cannot be read is dead-lettered as `too_long`. What the text says behind the cut is not seen: a
//! table that is named there only is known by another log, if at all.
//!
//! Only an entry that goes on for [`ENTRY_SPAN_MAX`] is given up, so that a quote that was lost with the rest of its line does not
//! swallow all that follows.
//!
//! Where the envelopes name the host, each has an [`Assembly`] of its own: see `hosts`.
//!
//! # The rest of an entry
//! An entry that is taken as complete in its middle (nothing came for a while, a record was too long to be looked into, other hosts
//! went on) has a *rest*: what still comes of it may stand in a literal, and a line there that looks like a beginning would forge
//! an entry. So the format goes on to follow the text ([`formats::Lines::abandon`]), and its lines are dead-lettered as
//! [`REST_OF_ENTRY`] until the text ends, a banner of the server stands outside of quotes, or a record was written more than [`REST_SPAN`]
//! after the first that came. The lines of a record that is too long are followed too, unless they are in an envelope, which is not opened.
//!
//! Two errors are possible, and each is bounded by that span. If the rest never comes (the server died, the disk was full), true entries
//! behind an open quote are taken for it: a minute of them at most, whatever their text says, and they are kept as dead letters. If the
//! rest comes more slowly than that, what is left of it is read as entries. We err on the side of reading: a source that nobody can blind for
//! longer than a minute is worth more than a literal that nobody can use, for that needs a shipper who stops in the middle of
//! what the server wrote at once, and is then slower than a minute. The losing alternatives: a number of beginnings or bytes (whoever writes the
//! literal would write more of them; if they are many, a torn entry blinds a quiet source for days).
//! Where records do not say when they were written, a rest is not followed, as nothing would bound it.
//! What remains: only the slow and the general log are followed so; of other formats (quotes of `postgres_csv`, contexts of `monolog_line`) the rest
//! of what timed out may still pose as an entry. Who stops twice within a minute in one literal is followed still, from where he stopped.
//!
//! # Restart
//! The offset to commit is that of the record in which the first pending entry began. Its metadata say up to where all else is done,
//! which is what was read; of each host with a pending entry in which record that began and how many lines of it are done;
//! how far event time had come, what the formats remembered as of the beginning of those entries, and what the records are wrapped in. So nothing is
//! lost, and nothing counted twice: a record that is read again is taken if it is of such a host, from there on, and passed over else.
//! A flush may thus tell of records behind the offset that it commits.
//!
//! # Resubmitted records
//! A record with the mark of [`Resubmitted`] holds whole entries, mostly one, and is judged at once by machinery of its own: lines,
//! memory of the format, envelopes if none are decided. It has no part in a pending entry nor in event time; what it tells may
//! be late. Sessions of a general log that began before are unknown to it: those of today are others. What cannot be read again is a dead letter
//! again, which tells how often it was tried.
//!
//! # Drills
//! A drill's record holds a whole entry and bypasses the putting together of lines. It leaves no trace in event time or in what the
//! format remembers.
//!
//! # Time
//! A stamp later than its record was written by more than half the allowed lateness is taken for that, and counted:
//! [`Ingester::take_ahead`]. What it tells is then shown in that minute, so that nobody can put what he does into a minute that no
//! detector looks at. `watermark` says which stamps move event time.
//!
//! A late entry counts in full, in the minute of the greatest stamp before it, and its record is accounted for as late. The stamp is not to be
//! trusted: whoever may send statements may send `SET timestamp = 1`, and the slow log says 1970 then. Were what is late not
//! counted, that would hide any number of rows. The cost: a host that was cut off for hours pours them into the minute in which it comes
//! back, behind the others of its partition, and that may page. One host for each partition has no late entries.

mod hosts;
mod torn;

use crate::attribution::{Attributor, Place};
use crate::coverage::{Coverage, Records};
use crate::dead_letter::DeadLetter;
use crate::discover::Discovery;
use crate::limits::{
    ENTRY_BYTES_MAX, ENTRY_SPAN_MAX, ENVELOPES_MAX, LETTERS_PER_RECORD_MAX, LINE_BYTES_MAX, RECORD_BYTES_MAX, REST_SPAN,
};
use crate::outcome::Outcome;
use crate::plan::{Enveloping, Plan};
use crate::resubmitted::Resubmitted;
use crate::resume::{OfHost, Rest, Resume};
use crate::skew::Skew;
use crate::watermark::{Watermark, ahead_max};
use crate::wrapping::{Lock, unwrapped};
use crate::written::Written;
use activity::{EntityKind, Mode, Signal, Timestamp};
use formats::envelope::{self, Hints, Inner};
use formats::{Context, FormatSpec, Framing, Lines, Parsed, Scratch, Step, Zone};
use std::{collections::BTreeMap, sync::Arc};
use tally::{Metric, Range, Tallier, stable_hash};

/// Why a line is refused that comes behind a part of its entry which was taken as complete.
pub const REST_OF_ENTRY: &str = "rest_of_entry";

/// One record as it was read.
#[derive(Clone, Copy, Debug)]
pub struct Raw<'a> {
    pub bytes: &'a [u8],
    /// Offset in the topic, or number of the line.
    pub offset: i64,
    pub mode: Mode,
    /// It carried a drill's mark that does not verify: it is live, and that is a signal.
    pub forged_mark: bool,
    pub written: Written,
    /// It holds what could not be read before, whole.
    pub resubmitted: Option<Resubmitted<'a>>,
}

/// Takes in the records of one source partition.
#[derive(Debug)]
pub struct Ingester {
    plan: Arc<Plan>,
    /// The plan's, or what was decided for `auto`.
    format: &'static FormatSpec,
    lock: Lock,
    partition: i32,
    context: Context,
    attributor: Attributor,
    watermark: Watermark,
    /// Of the host whose record was taken last.
    assembly: Assembly,
    /// Of the other hosts.
    others: Vec<Assembly>,
    torn: Option<torn::Torn>,
    /// Records that the one which is being taken stands for: one, but for a line that was torn.
    pieces: u64,
    /// The offset behind the last record taken.
    next_offset: Option<i64>,
    /// Where the last range ended.
    flushed_to: Option<i64>,
    counts: Counts,
    rejected: BTreeMap<(&'static str, &'static str), u64>,
    /// Dead letters of the record at this offset.
    letters: (i64, u64),
    skew: Option<Skew>,
    ahead: u64,
    /// Entries read, of whatever outcome but a dead letter; to tell whether a record holds more than one.
    entries_read: u64,
    /// Records before this offset are done, but for those that `from` of their host's assembly excepts.
    done_to: i64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    outcomes: [u64; Outcome::ALL.len()],
    bytes: u64,
}

/// Lines on their way to an entry, of one host.
#[derive(Debug, Default)]
struct Assembly {
    /// Hash of its name; `None`: the records do not name it.
    host: Option<u64>,
    /// `None` for a format of single lines.
    lines: Option<Box<dyn Lines>>,
    pending: Option<Pending>,
    /// Its records before this offset are done; of the one here, so many lines, and what became of them.
    from: i64,
    lines_done: u64,
    outcome_done: Outcome,
    /// Its last record, and when that was written.
    last_offset: i64,
    last_written: Option<Timestamp>,
    /// Room of the last entry, to be used again.
    spare: Vec<u8>,
    /// The rest of an entry may still come.
    rest: Option<Rest>,
    /// For a resubmitted record, which holds all there is.
    whole: bool,
    /// What the format remembers of its entries.
    scratch: Scratch,
}

/// An entry that is not complete.
#[derive(Debug)]
struct Pending {
    /// At most [`ENTRY_BYTES_MAX`].
    bytes: Vec<u8>,
    /// Of all its lines, with their line ends.
    length: usize,
    lines: usize,
    /// The record in which it began, and how many of that record's lines stand before it.
    origin: Origin,
    lines_before: u64,
    /// What became of the entries that stand in that record before it.
    outcome_before: Outcome,
    /// Records taken that are to be accounted for with it.
    records: u64,
    /// How many of these, but for the first, also hold what is dead-lettered.
    records_dead: u64,
    /// Other hosts' records came in between.
    is_parted: bool,
}

/// Where bytes come from: the record, and what its envelopes say.
#[derive(Clone, Debug)]
struct Origin {
    offset: i64,
    mode: Mode,
    forged_mark: bool,
    written: Written,
    shipped_at: Option<Timestamp>,
    host: Option<Arc<str>>,
    /// How often it was resubmitted.
    tries: u32,
}

/// A record of a format whose entries span lines, while its lines are taken.
struct Record {
    origin: Origin,
    /// All of it was done before a restart, or so many lines at its beginning.
    is_done: bool,
    lines_done: u64,
    /// Number of the line.
    at: u64,
    /// What became of the entries that ended in it.
    outcome: Outcome,
    /// Whether the pending entry has a line in it.
    shares: bool,
    /// Entries that have a line in it.
    entries: u64,
}

/// Where everything goes.
struct Out<'a> {
    tallier: &'a mut Tallier,
    dead: &'a mut Vec<DeadLetter>,
}

impl Ingester {
    pub fn new(plan: Arc<Plan>, partition: i32, resume: Resume) -> Self {
        let Resume { offset, done_to, watermark, mut lock, hosts } = resume;
        lock.format = lock.format.filter(|_| plan.format.is_auto());
        let lock_before = lock.clone();
        match plan.enveloping {
            Enveloping::Auto => {}
            Enveloping::None => lock.layers = Some(Vec::new()),
            // What is configured goes before what is remembered.
            Enveloping::Named(envelope) => {
                let same = lock
                    .layers
                    .as_ref()
                    .is_some_and(|layers| layers.first().is_some_and(|first| first.name == envelope.name));
                if !same {
                    (lock.layers, lock.program) = (None, None);
                }
            }
        }
        // Out of other envelopes, or in single lines, nobody could be found again whose entry is pending: all is read again, rather than that lost.
        let format = lock.format.unwrap_or(plan.format);
        let is_known = lock == lock_before && matches!(format.framing, Framing::Lines(_));
        let done_to = if is_known { done_to } else { offset.unwrap_or(0) };
        let mut ingester = Ingester {
            context: plan.context.clone(),
            attributor: Attributor::new(plan.clone(), partition),
            format: plan.format,
            plan,
            lock,
            partition,
            watermark,
            assembly: Assembly { from: done_to, ..Assembly::default() },
            others: Vec::new(),
            torn: None,
            pieces: 1,
            next_offset: offset,
            flushed_to: offset,
            counts: Counts::default(),
            rejected: BTreeMap::new(),
            letters: (-1, 0),
            skew: None,
            ahead: 0,
            entries_read: 0,
            done_to,
        };
        ingester.adopt("");
        for (nth, before) in (1..).zip(hosts) {
            ingester.enter(before.host);
            let lines = ingester.fresh_lines(&before.lines_memory);
            let assembly = &mut ingester.assembly;
            assembly.scratch.remember(&before.entries_memory);
            let OfHost { from, lines_done, outcome_done, rest, .. } =
                if is_known { before } else { OfHost { rest: before.rest, ..OfHost::default() } };
            let from = from.unwrap_or(done_to);
            (assembly.lines, assembly.rest) = (lines, rest);
            assembly.last_offset = done_to.saturating_sub(nth);
            (assembly.from, assembly.lines_done, assembly.outcome_done) = (from, lines_done, outcome_done);
        }
        ingester
    }

    /// Goes on by another plan of the same source: its networks, classes or privacy changed.
    pub fn replan(&mut self, plan: &Arc<Plan>) {
        let after = self.context.after;
        self.context = plan.context.clone();
        self.context.after = after;
        self.attributor.replan(plan.clone());
        self.plan = plan.clone();
    }

    /// What this source partition has shown so far.
    pub fn coverage(&self) -> &Coverage {
        &self.attributor.coverage
    }

    /// Goes on with what was shown before a restart.
    pub fn restore_coverage(&mut self, before: &Coverage) {
        self.attributor.coverage.merge(before);
    }

    /// What was observed by a plan that discovers; empty otherwise.
    pub fn take_discovery(&mut self) -> Discovery {
        self.attributor.take_discovery()
    }

    /// Takes in the next record. Dead letters are added to `dead`.
    pub fn take(&mut self, raw: Raw<'_>, tallier: &mut Tallier, dead: &mut Vec<DeadLetter>) {
        let out = &mut Out { tallier, dead };
        self.flushed_to.get_or_insert(raw.offset);
        if !self.take_piece(&raw, out) {
            self.record(raw, out);
        }
    }

    /// A record that is none of several pieces.
    fn record(&mut self, raw: Raw<'_>, out: &mut Out<'_>) {
        self.next_offset = Some(raw.offset.saturating_add(1));
        let Raw { bytes, offset, mode, forged_mark, written, resubmitted } = raw;
        let is_done = offset < self.done_to;
        if is_done && (resubmitted.is_some() || mode.is_drill()) {
            return;
        }
        if !is_done {
            self.counts.bytes += bytes.len() as u64;
        }
        let origin = Origin { offset, mode, forged_mark, written, shipped_at: None, host: None, tries: 0 };
        if let Some(mark) = resubmitted {
            return self.resubmitted(bytes, &mark, origin, out);
        }
        if RECORD_BYTES_MAX < bytes.len() {
            // Its lines are missing from a pending entry.
            self.end_all(Some(false), out);
            if !mode.is_drill() {
                self.follow(bytes, written);
            }
            self.dead(bytes, &origin, "too_long", out);
            return self.counts.add(Outcome::DeadLettered, 1);
        }
        let bytes = bare(bytes);
        if mode.is_drill() {
            self.end_stale(true, &origin, out);
            return self.drilled(bytes, &origin, out);
        }
        self.decide_format(bytes, &origin);
        let (read_before, letters_before) = (self.entries_read, out.dead.len());
        let entries = if self.assembly.lines.is_none() {
            let outcome = self.single(bytes, &origin, out);
            self.counts.add(outcome, self.pieces);
            self.entries_read.wrapping_sub(read_before) + (out.dead.len() - letters_before) as u64
        } else {
            self.lines(bytes, Record::new(origin), out)
        };
        if 1 < entries {
            let in_it = |letter: &&mut DeadLetter| letter.offset <= offset && offset <= letter.to_offset;
            out.dead[letters_before..].iter_mut().filter(in_it).for_each(|letter| letter.shares_records = true);
        }
    }

    /// Takes a pending entry as complete: at the end of a file, or when nothing has come for a while.
    pub fn expire(&mut self, tallier: &mut Tallier, dead: &mut Vec<DeadLetter>) {
        let out = &mut Out { tallier, dead };
        self.mend(out);
        self.end_all(None, out);
    }

    /// What happened since the last call.
    pub fn flushed(&mut self) -> Range {
        let to = self.position();
        let from = self.flushed_to.unwrap_or(to);
        self.flushed_to = self.flushed_to.map(|_| to);
        let Counts { outcomes: [ignored, contributed, late, dead_lettered], bytes } = std::mem::take(&mut self.counts);
        self.attributor.coverage.account(Records { contributed, ignored, late, dead_lettered, bytes });
        Range {
            source: (&*self.plan.source).into(),
            partition: self.partition,
            from,
            to,
            contributed,
            ignored,
            dead_lettered,
            late,
            pending: self.pending(),
            bytes,
            watermark: self.watermark.greatest(),
            idle: false,
            anew: false,
        }
    }

    /// The offset to commit and its metadata, at most [`crate::limits::METADATA_BYTES_MAX`] bytes.
    pub fn resume(&self) -> (i64, String) {
        let (position, next) = (self.position(), self.next_offset.unwrap_or(0));
        let done_to = self.done_to.max(next);
        let mut hosts: Vec<&Assembly> = self.assemblies().collect();
        hosts.sort_by_key(|assembly| std::cmp::Reverse(assembly.last_offset));
        let of_host = |assembly: &Assembly| {
            let (from, lines_done, outcome_done) = match &assembly.pending {
                Some(pending) => (pending.origin.offset, pending.lines_before, pending.outcome_before),
                None if assembly.from < next => (next, 0, Outcome::Ignored),
                None => (assembly.from, assembly.lines_done, assembly.outcome_done),
            };
            OfHost {
                host: assembly.host,
                from: Some(from).filter(|from| *from < done_to),
                lines_done,
                outcome_done,
                rest: assembly.rest,
                lines_memory: assembly.lines.as_ref().map_or_else(String::new, |lines| lines.memory()),
                entries_memory: assembly.scratch.memory(),
            }
        };
        let hosts = hosts.into_iter().map(of_host).collect();
        let resume =
            Resume { offset: Some(position), done_to, watermark: self.watermark, lock: self.lock.clone(), hosts };
        (position, resume.metadata())
    }

    /// The greatest stamp so far; [`Timestamp::MIN`] if none.
    pub fn watermark(&self) -> Timestamp {
        self.watermark.greatest()
    }

    /// How far event time has come, once the partition has fallen silent: as [`Ingester::watermark`], or up to a stamp that agrees with when its
    /// record was written.
    pub fn reached(&self) -> Timestamp {
        self.watermark.reached()
    }

    /// The latest that records have said, believed or not.
    pub fn latest(&self) -> Timestamp {
        self.watermark.latest()
    }

    /// Entries that could not be read since the last call, or only as far as they were kept (`truncated`): format, reason, how many.
    pub fn take_rejected(&mut self) -> Vec<(&'static str, &'static str, u64)> {
        std::mem::take(&mut self.rejected).into_iter().map(|((format, reason), n)| (format, reason, n)).collect()
    }

    /// How far stamps were from when their records were written, or else shipped, since the last call; `None` if nothing is known
    /// of that.
    pub fn take_skew(&mut self) -> Option<Skew> {
        self.skew.take()
    }

    /// Entries since the last call whose stamps were so far behind the writing of their record in the future that they were taken
    /// for less.
    pub fn take_ahead(&mut self) -> u64 {
        std::mem::take(&mut self.ahead)
    }

    /// Records that are not accounted for yet.
    fn pending(&self) -> u64 {
        let pending = self.assemblies().filter_map(|assembly| assembly.pending.as_ref());
        self.torn.as_ref().map_or(0, |torn| torn.records) + pending.map(|pending| pending.records).sum::<u64>()
    }

    fn assemblies(&self) -> impl Iterator<Item = &Assembly> {
        std::iter::once(&self.assembly).chain(&self.others)
    }

    /// The first offset that is not done.
    fn position(&self) -> i64 {
        let pending = self.assemblies().filter_map(|assembly| assembly.pending.as_ref());
        pending.map(|pending| pending.origin.offset).chain(self.next_offset).min().unwrap_or(0)
    }

    /// Takes over the format that was decided.
    fn adopt(&mut self, memory: &str) {
        self.format = self.lock.format.unwrap_or(self.plan.format);
        self.assembly.lines = self.fresh_lines(memory);
    }

    fn fresh_lines(&self, memory: &str) -> Option<Box<dyn Lines>> {
        match self.format.framing {
            Framing::Line => None,
            Framing::Lines(remembering) => Some(remembering(memory)),
        }
    }

    /// What helps to read the envelope of a record.
    fn hints<'a>(&self, zone: &'a Zone, origin: &Origin) -> Hints<'a> {
        let latest = Some(self.watermark.latest()).filter(|latest| *latest != Timestamp::MIN);
        let near = origin.written.at().or(latest).unwrap_or(self.plan.context.after);
        Hints { zone, near, until: origin.written.until() }
    }

    /// For `auto`, unless the format is decided.
    fn decide_format(&mut self, bytes: &[u8], origin: &Origin) {
        if self.plan.format.is_auto() && self.lock.format.is_none() {
            let zone = self.context.zone.clone();
            let hints = self.hints(&zone, origin);
            self.lock.decide_format(self.plan.format, self.plan.enveloping, bytes, &hints);
            self.adopt("");
        }
    }

    /// A record that holds whole entries, by machinery of its own.
    fn resubmitted(&mut self, bytes: &[u8], mark: &Resubmitted<'_>, origin: Origin, out: &mut Out<'_>) {
        let written = match (mark.written_at, origin.written) {
            (Some(first), Written::At(copy)) => Written::At(first.min(copy)),
            (Some(first), _) => Written::At(first),
            (None, written) => written,
        };
        let origin = Origin { written, tries: mark.tries, ..origin };
        if RECORD_BYTES_MAX < bytes.len() {
            self.dead(bytes, &origin, "too_long", out);
            return self.counts.add(Outcome::DeadLettered, 1);
        }
        let (read_before, letters_before) = (self.entries_read, out.dead.len());
        let (format, lock) = (self.format, self.lock.clone());
        let assembly = std::mem::replace(&mut self.assembly, Assembly { whole: true, ..Assembly::default() });
        let outcome = self.whole(&mark.originals(bytes), &origin, &assembly, out);
        (self.format, self.lock, self.assembly) = (format, lock, assembly);
        self.counts.add(outcome, 1);
        let entries = self.entries_read.wrapping_sub(read_before) + (out.dead.len() - letters_before) as u64;
        for letter in &mut out.dead[letters_before..] {
            letter.shares_records = 1 < entries || letter.reason == DeadLetter::MORE;
        }
    }

    /// Originals that hold whole entries, with nothing pending before and behind.
    fn whole(
        &mut self,
        originals: &[&[u8]],
        origin: &Origin,
        assembly_before: &Assembly,
        out: &mut Out<'_>,
    ) -> Outcome {
        if let Some(first) = originals.first() {
            self.decide_format(bare(first), origin);
        }
        self.adopt(&assembly_before.lines.as_ref().map_or_else(String::new, |lines| lines.memory()));
        self.close();
        let mut record = Record::new(origin.clone());
        for original in originals {
            let original = bare(original);
            if self.assembly.lines.is_none() {
                record.outcome = record.outcome.max(self.single(original, origin, out));
            } else {
                self.unwrapped_lines(original, &mut record, out);
            }
        }
        record.outcome.max(self.complete(Some(true), out))
    }

    fn drilled(&mut self, bytes: &[u8], origin: &Origin, out: &mut Out<'_>) {
        let outcome = if self.assembly.lines.is_none() {
            self.single(bytes, origin, out)
        } else {
            self.judge(bytes, bytes.len(), origin, out)
        };
        self.counts.add(outcome, 1);
    }

    /// A record of a format of single lines.
    fn single(&mut self, bytes: &[u8], origin: &Origin, out: &mut Out<'_>) -> Outcome {
        let Enveloping::Named(envelope) = self.plan.enveloping else {
            return self.texts(bytes, origin, 0, out);
        };
        if bytes.is_empty() || origin.mode.is_drill() {
            return self.texts(bytes, origin, 0, out);
        }
        let zone = self.context.zone.clone();
        match envelope.open(bytes, &self.hints(&zone, origin)) {
            Some(opened) => self.opened(opened.entries, origin, 1, out),
            None => self.dead(bytes, origin, "not_in_envelope", out),
        }
    }

    /// What was in an envelope.
    fn opened(&mut self, entries: Vec<Inner<'_>>, origin: &Origin, depth: usize, out: &mut Out<'_>) -> Outcome {
        let mut outcome = Outcome::Ignored;
        for inner in entries {
            outcome = outcome.max(self.texts(&inner.bytes, &origin.within(&inner, &self.plan), depth, out));
        }
        outcome
    }

    /// One or more lines, each an entry by itself.
    fn texts(&mut self, bytes: &[u8], origin: &Origin, depth: usize, out: &mut Out<'_>) -> Outcome {
        let mut outcome = Outcome::Ignored;
        for line in split_lines(bytes) {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if !line.trim_ascii_start().is_empty() {
                outcome = outcome.max(self.text(line, origin, depth, out));
            }
        }
        outcome
    }

    /// One line: an entry as it is, or in an envelope.
    fn text(&mut self, line: &[u8], origin: &Origin, depth: usize, out: &mut Out<'_>) -> Outcome {
        // What is cut in an envelope could pass for an entry that was cut: it must look like one.
        let is_claimed = line.len() < LINE_BYTES_MAX || self.claims(line);
        let read = if is_claimed { self.read(line, line.len(), origin, out) } else { Err("too_long") };
        let reason = match read {
            Ok(outcome) => return outcome,
            Err(reason) => reason,
        };
        if depth < ENVELOPES_MAX && !matches!(self.plan.enveloping, Enveloping::None) {
            let zone = self.context.zone.clone();
            if let Some(opened) = envelope::open(line, &self.hints(&zone, origin)) {
                return self.opened(opened.entries, origin, depth + 1, out);
            }
        }
        self.dead(line, origin, reason, out)
    }

    /// Whether a line looks like an entry of the format.
    fn claims(&self, line: &[u8]) -> bool {
        if self.format.is_auto() { FormatSpec::sniff(line).is_some() } else { (self.format.looks_like)(line) }
    }

    /// A record of a format whose entries span lines. Returns how many entries have a part in it.
    fn lines(&mut self, bytes: &[u8], mut record: Record, out: &mut Out<'_>) -> u64 {
        self.unwrapped_lines(bytes, &mut record, out);
        if record.is_done {
            return 0;
        }
        match &mut self.assembly.pending {
            Some(pending) if record.shares => {
                if pending.origin.offset == record.origin.offset {
                    pending.outcome_before = record.outcome;
                } else {
                    let dead = record.outcome == Outcome::DeadLettered;
                    pending.records_dead += if dead { self.pieces } else { 0 };
                }
                pending.records += self.pieces;
            }
            _ => self.counts.add(record.outcome, self.pieces),
        }
        record.entries
    }

    /// The lines of a record, out of its envelopes.
    fn unwrapped_lines(&mut self, bytes: &[u8], record: &mut Record, out: &mut Out<'_>) {
        let zone = self.context.zone.clone();
        let hints = self.hints(&zone, &record.origin);
        if self.lock.layers.is_none() {
            self.lock.decide(self.format, self.plan.enveloping, bytes, &hints);
        }
        if self.lock.layers.as_ref().is_some_and(Vec::is_empty) {
            if self.turn(None, record, out) {
                self.inner_lines(bytes, &record.origin.clone(), record, out);
            }
        } else if self.lock.layers.is_some() {
            self.enveloped_lines(bytes, &hints, record, out);
        } else if !bytes.trim_ascii_start().is_empty() {
            let is_in = match self.plan.enveloping {
                Enveloping::Named(envelope) => envelope.open(bytes, &hints).is_some(),
                Enveloping::Auto | Enveloping::None => true,
            };
            let reason = if is_in { "no_header" } else { "not_in_envelope" };
            record.outcome = self.dead(bytes, &record.origin, reason, out);
        }
    }

    /// A record that should be in the envelopes of its partition.
    fn enveloped_lines(&mut self, bytes: &[u8], hints: &Hints<'_>, record: &mut Record, out: &mut Out<'_>) {
        let (mut ours, mut others) = (Vec::new(), Vec::new());
        let (layers, program) = (self.lock.layers.as_deref().unwrap_or_default(), self.lock.program.as_deref());
        let whole = Inner { bytes: bytes.into(), ..Inner::default() };
        let mut host = None;
        let is_in = unwrapped(layers, whole, hints, &mut |inner| {
            let is_ours = program.is_none() || inner.program.is_none() || program == inner.program.as_deref();
            let origin = record.origin.within(&inner, &self.plan);
            if is_ours {
                host = host.or_else(|| inner.host.as_deref().map(|host| stable_hash(&[host.as_bytes()])));
                ours.push((inner.bytes.into_owned(), origin));
            } else {
                others.push((inner.bytes.into_owned(), origin));
            }
        });
        // What is no part of an entry is done at once, also while one is pending. That is not taken as complete here: the rest of a
        // literal could pose as entries.
        let was_done = record.origin.offset < self.done_to;
        if ours.is_empty() {
            record.is_done = was_done;
            if !was_done && !self.assembly.whole {
                self.end_stale(true, &record.origin, out);
            }
        } else if !self.turn(host, record, out) {
            return;
        }
        let mut dead: Vec<_> =
            others.iter().map(|(bytes, origin)| (bytes.as_slice(), origin, "other_program")).collect();
        let origin = record.origin.clone();
        if !is_in {
            dead.push((bytes, &origin, "not_in_envelope"));
        }
        for (bytes, origin, reason) in dead {
            record.outcome = Outcome::DeadLettered;
            if !was_done {
                self.dead(bytes, origin, reason, out);
            }
            record.at += 1;
        }
        for (bytes, origin) in ours {
            self.inner_lines(&bytes, &origin, record, out);
        }
    }

    /// The lines of one text that was in a record.
    fn inner_lines(&mut self, bytes: &[u8], origin: &Origin, record: &mut Record, out: &mut Out<'_>) {
        let text = envelope::unfolded(bytes);
        for line in split_lines(bare(&text)) {
            if record.lines_done <= record.at {
                self.line(line, origin, record, out);
            }
            record.at += 1;
        }
    }

    fn line(&mut self, line: &[u8], origin: &Origin, record: &mut Record, out: &mut Out<'_>) {
        let step = self.assembly.lines.as_mut().map_or(Step::Orphan, |lines| lines.step(line));
        match step {
            Step::Begin => {
                let outcome = self.complete(Some(record.shares), out);
                record.outcome = record.outcome.max(outcome);
                record.shares = false;
                self.assembly.rest = None;
                let mut bytes = std::mem::take(&mut self.assembly.spare);
                bytes.clear();
                self.assembly.pending = Some(Pending {
                    bytes,
                    length: 0,
                    lines: 0,
                    origin: Origin { forged_mark: false, ..origin.clone() },
                    lines_before: record.at,
                    outcome_before: record.outcome,
                    records: 0,
                    records_dead: 0,
                    is_parted: false,
                });
            }
            Step::Continue => {}
            Step::Banner | Step::Orphan => {
                let outcome = self.complete(Some(record.shares), out);
                record.outcome = record.outcome.max(outcome);
                record.shares = false;
                if step == Step::Banner {
                    self.assembly.rest = None;
                    return;
                }
                if !line.trim_ascii_start().is_empty() {
                    record.entries += 1;
                    // What may be text inside a literal is not read, whatever it looks like.
                    let outcome = match self.assembly.rest {
                        Some(_) => self.dead(line, origin, REST_OF_ENTRY, out),
                        None => self.judge(line, line.len(), origin, out),
                    };
                    record.outcome = record.outcome.max(outcome);
                }
                return;
            }
        }
        record.entries += u64::from(!record.shares);
        record.shares = true;
        let pending = self.assembly.pending.as_mut().expect("a line begins or continues the pending entry");
        pending.origin.forged_mark |= origin.forged_mark;
        pending.lines += 1;
        pending.keep(line);
        let full = ENTRY_SPAN_MAX < pending.length;
        let is = |question: fn(&dyn Lines) -> bool| self.assembly.lines.as_deref().is_some_and(question);
        let (gives_up, is_complete) = (is(|lines| lines.holds_too_many()), is(|lines| lines.is_complete()));
        if gives_up || full || is_complete {
            let outcome = self.complete(Some(true), out);
            record.outcome = record.outcome.max(outcome);
            if gives_up {
                self.abandon()
            } else {
                self.close()
            }
            record.shares = false;
        }
    }

    fn close(&mut self) {
        self.assembly.rest = None;
        if let Some(lines) = &mut self.assembly.lines {
            lines.close();
        }
    }

    /// The open entry was taken as complete in its middle: its rest may come.
    fn abandon(&mut self) {
        let goes_on = self.assembly.lines.as_mut().is_some_and(|lines| lines.abandon());
        self.assembly.rest = goes_on.then_some(Rest::Awaited);
    }

    /// Whatever comes too long behind the first record of a rest is none of it.
    fn bound_rest(&mut self, written: Written) {
        match (self.assembly.rest, written.at()) {
            (None, _) => {}
            (Some(Rest::Awaited), Some(at)) => self.assembly.rest = Some(Rest::Since(at)),
            (Some(Rest::Since(first)), Some(at))
                if at.as_millis().abs_diff(first.as_millis()) <= REST_SPAN.as_millis().unsigned_abs() => {}
            (Some(_), _) => self.close(),
        }
    }

    /// The lines of a record that is not looked into: an entry may begin or end in it.
    fn follow(&mut self, bytes: &[u8], written: Written) {
        if !self.lock.layers.as_ref().is_some_and(Vec::is_empty) {
            return;
        }
        self.bound_rest(written);
        if let Some(lines) = &mut self.assembly.lines {
            split_lines(bare(bytes)).for_each(|line| _ = lines.step(line));
            self.abandon();
        }
    }

    /// The pending entry is complete. `shared`: a record is being taken, and it has lines of the entry (then the outcome
    /// returned is part of its own).
    fn complete(&mut self, shared: Option<bool>, out: &mut Out<'_>) -> Outcome {
        let Some(pending) = self.assembly.pending.take() else { return Outcome::Ignored };
        let Pending { bytes, length, origin, outcome_before, records, records_dead, lines_before, is_parted, .. } =
            pending;
        let letters_before = out.dead.len();
        let outcome = self.judge(&bytes, length, &origin, out);
        // Before the record that is being taken, if that has no part of it.
        let behind = self.next_offset.unwrap_or(0).saturating_sub(i64::from(shared == Some(false)));
        for letter in &mut out.dead[letters_before..] {
            letter.shares_records |= 0 < lines_before || is_parted;
            letter.to_offset = behind.saturating_sub(1).max(letter.offset);
        }
        self.assembly.spare = bytes;
        if 0 < records {
            // The first record may hold earlier entries; the others hold nothing else.
            self.counts.add(outcome.max(outcome_before), 1);
            self.counts.add(outcome, (records - 1).saturating_sub(records_dead));
            self.counts.add(Outcome::DeadLettered, records_dead);
        }
        if shared == Some(true) { outcome } else { Outcome::Ignored }
    }

    /// One entry, or what was taken for one: what was kept of it, and its length.
    fn judge(&mut self, bytes: &[u8], length: usize, origin: &Origin, out: &mut Out<'_>) -> Outcome {
        self.read(bytes, length, origin, out)
            .unwrap_or_else(|reason| self.dead_of(&DeadLetter::excerpt(bytes), length, origin, reason, out))
    }

    /// What could not be read.
    fn dead(&mut self, bytes: &[u8], origin: &Origin, reason: &'static str, out: &mut Out<'_>) -> Outcome {
        self.dead_of(&DeadLetter::excerpt(bytes), bytes.len(), origin, reason, out)
    }

    fn dead_of(
        &mut self,
        excerpt: &[u8],
        length: usize,
        origin: &Origin,
        reason: &'static str,
        out: &mut Out<'_>,
    ) -> Outcome {
        let Origin { offset, mode, forged_mark, tries, .. } = *origin;
        *self.rejected.entry((self.format.name, reason)).or_default() += 1;
        self.attributor.coverage.reject(reason, 1);
        self.letters = (offset, if self.letters.0 == offset { self.letters.1 + 1 } else { 1 });
        let withheld = self.letters.1.saturating_sub(LETTERS_PER_RECORD_MAX as u64);
        let mut letter = DeadLetter {
            source: self.plan.source.clone(),
            format: self.format.name,
            partition: self.partition,
            offset,
            to_offset: offset,
            shares_records: false,
            reason,
            excerpt: Vec::new(),
            bytes: length as u64,
            mode,
            tries,
        };
        if withheld == 0 {
            letter.excerpt = self.plan.privacy.excerpt(excerpt);
            out.dead.push(letter);
        } else {
            letter.reason = DeadLetter::MORE;
            letter.shares_records = true;
            let is_same = |last: &&mut DeadLetter| {
                (last.reason, last.offset, last.partition) == (DeadLetter::MORE, offset, self.partition)
                    && last.source == self.plan.source
            };
            if let Some(before) = out.dead.last_mut().filter(is_same) {
                letter.bytes = letter.bytes.saturating_add(before.bytes);
                letter.to_offset = letter.to_offset.max(before.to_offset);
                *before = letter;
            } else {
                out.dead.push(letter);
            }
            if let Some(letter) = out.dead.last_mut() {
                letter.excerpt = withheld.to_string().into_bytes();
            }
        }
        if forged_mark {
            let at = self.watermark.greatest().max(Timestamp::from_secs(0));
            forged(&self.plan, Place { mode, bucket: at.bucket(), partition: self.partition, offset }, out.tallier);
        }
        Outcome::DeadLettered
    }

    /// Reads an entry, or what was kept of it, and tallies what it says; else why it cannot be read.
    fn read(
        &mut self,
        bytes: &[u8],
        length: usize,
        origin: &Origin,
        out: &mut Out<'_>,
    ) -> Result<Outcome, &'static str> {
        let Origin { offset, mode, forged_mark, written, shipped_at, ref host, tries, .. } = *origin;
        // A drill has no part in the event time of its source, nor has what is resubmitted.
        let (written_at, is_apart) = (written.at(), mode.is_drill() || 0 < tries);
        let limit = if self.assembly.lines.is_none() { LINE_BYTES_MAX } else { ENTRY_BYTES_MAX };
        let bytes = &bytes[..bytes.len().min(limit)];
        self.context.cut = limit <= length;
        let latest = Some(self.watermark.latest()).filter(|latest| *latest != Timestamp::MIN);
        let written_or_latest = if is_apart { written_at.or(latest) } else { latest.or(written_at) };
        self.context.after = written_or_latest.or(shipped_at).unwrap_or(self.plan.context.after);
        self.context.shipped_at = shipped_at.or(written_at);
        if self.plan.envelope_host {
            self.context.app_host = host.clone().or_else(|| self.plan.context.app_host.clone());
        }
        let mut apart;
        let scratch = if mode.is_drill() {
            apart = Scratch::default();
            &mut apart
        } else {
            &mut self.assembly.scratch
        };
        let mut activity = match self.format.parse(bytes, scratch, &self.context) {
            Ok(Parsed::Activity(activity)) => Some(activity),
            Ok(Parsed::Ignored(_)) => None,
            Err(_) if self.context.cut => return Err("too_long"),
            Err(rejected) => return Err(rejected.reason()),
        };
        if self.context.cut {
            *self.rejected.entry((self.format.name, "truncated")).or_default() += 1;
        }
        if let Some(activity) = activity.as_mut().filter(|_| !mode.is_drill()) {
            if let Some(written) = written_at.or(shipped_at).filter(|_| !is_apart) {
                let skew = Skew::of(written - activity.at);
                match &mut self.skew {
                    Some(before) => before.merge(skew),
                    None => self.skew = Some(skew),
                }
            }
            if let Some(most) = written.sure().map(|written| written + ahead_max(self.plan.allowed_lateness))
                && most < activity.at
            {
                activity.at = most;
                self.ahead += 1;
            }
        }
        let allowed = self.plan.allowed_lateness;
        if let (Some(activity), Some(written)) = (activity.as_ref().filter(|_| !is_apart), written_at)
            && (written - activity.at).as_millis().unsigned_abs() <= allowed.as_millis().unsigned_abs()
        {
            self.watermark.attest(activity.at);
        }
        let late =
            activity.as_ref().is_some_and(|activity| !mode.is_drill() && self.watermark.is_late(activity.at, allowed));
        // What came late is shown where event time is: its own minute may be closed, or none that anybody looks at.
        if let Some(activity) = activity.as_mut().filter(|_| late) {
            activity.at = self.watermark.greatest();
        }
        let at = activity.as_ref().map_or(self.watermark.greatest(), |activity| activity.at);
        let place = Place { mode, bucket: at.bucket(), partition: self.partition, offset };
        if forged_mark {
            forged(&self.plan, place, out.tallier);
        }
        self.entries_read = self.entries_read.wrapping_add(1);
        let Some(activity) = activity else { return Ok(Outcome::Ignored) };
        if self.plan.discovers {
            self.watermark.advance(activity.at, allowed);
            self.attributor.observe(&activity, bytes);
            return Ok(Outcome::Contributed);
        }
        if !is_apart && !late {
            self.watermark.advance(activity.at, allowed);
            self.attributor.coverage.seen(activity.at, written_at);
        }
        // Every entry, also one that is ignored: silence is judged by the minutes in which a source speaks at all.
        out.tallier.tally(mode, EntityKind::Source, &self.plan.source, place.bucket).add(Metric::Requests, 1);
        Ok(match self.attributor.add(&activity, place, out.tallier) {
            _ if late => Outcome::Late,
            true => Outcome::Contributed,
            false => Outcome::Ignored,
        })
    }
}

impl Record {
    fn new(origin: Origin) -> Self {
        Record { origin, is_done: false, lines_done: 0, at: 0, outcome: Outcome::Ignored, shares: false, entries: 0 }
    }
}

impl Pending {
    /// Takes in a line, as far as there is room.
    fn keep(&mut self, line: &[u8]) {
        let line_end: &[u8] = if self.lines == 1 { b"" } else { b"\n" };
        for part in [line_end, line] {
            let room = ENTRY_BYTES_MAX.saturating_sub(self.bytes.len());
            self.bytes.extend_from_slice(&part[..part.len().min(room)]);
            self.length = self.length.saturating_add(part.len());
        }
    }
}

impl Origin {
    /// Of what was in an envelope of it.
    fn within(&self, inner: &Inner<'_>, plan: &Plan) -> Origin {
        let host = inner.host.as_deref().filter(|_| plan.envelope_host).map(Arc::from);
        Origin { shipped_at: inner.shipped_at.or(self.shipped_at), host: host.or(self.host.clone()), ..self.clone() }
    }
}

impl Counts {
    fn add(&mut self, outcome: Outcome, records: u64) {
        self.outcomes[outcome as usize] += records;
    }
}

/// A drill's mark that does not verify: somebody writes to the source who should not.
fn forged(plan: &Plan, place: Place, tallier: &mut Tallier) {
    let tally = tallier.tally(place.mode, EntityKind::Source, &plan.source, place.bucket);
    tally.signals.insert(Signal::ForgedDrillMark);
    tally.evidence.insert(&plan.source, place.partition, place.offset);
}

fn split_lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(bytes);
    std::iter::from_fn(move || {
        let bytes = rest?;
        let end = memchr::memchr(b'\n', bytes);
        rest = end.map(|end| &bytes[end + 1..]);
        Some(end.map_or(bytes, |end| &bytes[..end]))
    })
}

/// Without the mark that a file may begin with, and one line end.
fn bare(bytes: &[u8]) -> &[u8] {
    let bytes = envelope::without_mark(bytes);
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    bytes.strip_suffix(b"\r").unwrap_or(bytes)
}
