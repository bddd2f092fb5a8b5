//! One source partition: records in, tallies out, and an account of every record.
//!
//! Records come in offset order. Each ends as exactly one of contributed, ignored, dead-lettered or late, or is pending
//! while its entry is not complete. A record that holds parts of several entries takes the outcome that says most of
//! trouble. Nothing depends on where the records are cut into batches or flushes.
//!
//! Restart: the offset to commit is that of the record in which the pending entry began; its metadata says how many lines
//! of that record are done, and how far event time had come. So nothing is lost, and nothing counted twice.
//!
//! A drill's record holds a whole entry and bypasses the putting together of lines. While a live entry is pending it waits,
//! because it must not be committed before records that were read earlier.

use crate::attribution::{Attributor, Place};
use crate::coverage::{Coverage, Records};
use crate::dead_letter::DeadLetter;
use crate::discover::Discovery;
use crate::limits::{DRILLS_WAITING_MAX, ENTRY_BYTES_MAX, ENTRY_LINES_MAX, LINE_BYTES_MAX};
use crate::outcome::Outcome;
use crate::plan::Plan;
use crate::resume::Resume;
use crate::watermark::Watermark;
use activity::{EntityKind, Mode, Signal, Timestamp};
use formats::{Context, Framing, Lines, Parsed, Scratch, Step};
use std::{collections::BTreeMap, sync::Arc};
use tally::{Metric, Range, Tallier};

/// One record as it was read.
#[derive(Clone, Copy, Debug)]
pub struct Raw<'a> {
    pub bytes: &'a [u8],
    /// Offset in the topic, or number of the line.
    pub offset: i64,
    pub mode: Mode,
    /// It carried a drill's mark that does not verify: it is live, and that is a signal.
    pub forged_mark: bool,
    /// When the broker or the producer says it was written; `None` for a file's line.
    pub written_at: Option<Timestamp>,
}

/// Takes in the records of one source partition.
#[derive(Debug)]
pub struct Ingester {
    plan: Arc<Plan>,
    partition: i32,
    context: Context,
    scratch: Scratch,
    attributor: Attributor,
    watermark: Watermark,
    assembly: Assembly,
    /// The offset behind the last record taken.
    next_offset: Option<i64>,
    /// Where the last range ended.
    flushed_to: Option<i64>,
    counts: Counts,
    rejected: BTreeMap<&'static str, u64>,
    /// When the record being taken was written.
    written_at: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    outcomes: [u64; Outcome::ALL.len()],
    bytes: u64,
}

/// Lines on their way to an entry.
#[derive(Debug, Default)]
struct Assembly {
    /// `None` for a format of single lines.
    lines: Option<Box<dyn Lines>>,
    pending: Option<Pending>,
    /// Lines of the next record that were done before a restart, and what became of them.
    lines_done: u64,
    outcome_done: Outcome,
    /// Drill records behind the pending entry.
    drills: Vec<(Vec<u8>, i64, Mode)>,
    /// Room of the last entry, to be used again.
    spare: Vec<u8>,
}

/// An entry that is not complete.
#[derive(Debug)]
struct Pending {
    bytes: Vec<u8>,
    lines: usize,
    /// The record in which it began, and how many of that record's lines stand before it.
    offset: i64,
    lines_before: u64,
    /// What became of the entries that stand in that record before it.
    outcome_before: Outcome,
    /// Records taken that are to be accounted for with it.
    records: u64,
    forged_mark: bool,
}

/// An entry to be judged.
#[derive(Clone, Copy)]
struct Entry<'a> {
    bytes: &'a [u8],
    lines: usize,
    offset: i64,
    mode: Mode,
    forged_mark: bool,
}

impl Ingester {
    pub fn new(plan: Arc<Plan>, partition: i32, resume: Resume) -> Self {
        let Resume { offset, watermark, lines_done, outcome_done, lines_memory } = resume;
        let lines = match plan.format.framing {
            Framing::Line => None,
            Framing::Lines(remembering) => Some(remembering(&lines_memory)),
        };
        Ingester {
            context: plan.context.clone(),
            attributor: Attributor::new(plan.clone(), partition),
            plan,
            partition,
            scratch: Scratch::default(),
            watermark,
            assembly: Assembly { lines, lines_done, outcome_done, ..Assembly::default() },
            next_offset: offset,
            flushed_to: offset,
            counts: Counts::default(),
            rejected: BTreeMap::new(),
            written_at: None,
        }
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
        self.flushed_to.get_or_insert(raw.offset);
        self.next_offset = Some(raw.offset.saturating_add(1));
        self.written_at = raw.written_at;
        self.counts.bytes += raw.bytes.len() as u64;
        let done = (std::mem::take(&mut self.assembly.lines_done), std::mem::take(&mut self.assembly.outcome_done));
        let Raw { bytes, offset, mode, forged_mark, .. } = raw;
        if mode.is_drill() {
            self.drill(bytes, offset, mode, tallier, dead);
        } else if self.assembly.lines.is_none() {
            let bytes = without_line_end(bytes);
            let outcome = if bytes.is_empty() {
                Outcome::Ignored
            } else {
                self.judge(Entry { bytes, lines: 1, offset, mode, forged_mark }, tallier, dead)
            };
            self.counts.add(outcome, 1);
        } else {
            self.lines(raw, done, tallier, dead);
        }
    }

    /// Takes a pending entry as complete: at the end of a file, or when nothing has come for a while.
    pub fn expire(&mut self, tallier: &mut Tallier, dead: &mut Vec<DeadLetter>) {
        self.complete(None, tallier, dead);
        self.close();
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
        }
    }

    /// The offset to commit and its metadata, at most [`crate::limits::METADATA_BYTES_MAX`] bytes.
    pub fn resume(&self) -> (i64, String) {
        let pending = self.assembly.pending.as_ref();
        let resume = Resume {
            offset: None,
            watermark: self.watermark,
            lines_done: pending.map_or(self.assembly.lines_done, |pending| pending.lines_before),
            outcome_done: pending.map_or(self.assembly.outcome_done, |pending| pending.outcome_before),
            lines_memory: self.assembly.lines.as_ref().map_or_else(String::new, |lines| lines.memory()),
        };
        (self.position(), resume.metadata())
    }

    /// The greatest stamp so far; [`Timestamp::MIN`] if none.
    pub fn watermark(&self) -> Timestamp {
        self.watermark.greatest()
    }

    /// Entries that could not be read since the last call: format, reason, how many.
    pub fn take_rejected(&mut self) -> Vec<(&'static str, &'static str, u64)> {
        let format = self.plan.format.name;
        std::mem::take(&mut self.rejected).into_iter().map(|(reason, n)| (format, reason, n)).collect()
    }

    /// Records that are not accounted for yet.
    fn pending(&self) -> u64 {
        self.assembly.pending.as_ref().map_or(0, |pending| pending.records) + self.assembly.drills.len() as u64
    }

    /// The first offset that is not done.
    fn position(&self) -> i64 {
        self.assembly.pending.as_ref().map(|pending| pending.offset).or(self.next_offset).unwrap_or(0)
    }

    fn drill(&mut self, bytes: &[u8], offset: i64, mode: Mode, tallier: &mut Tallier, dead: &mut Vec<DeadLetter>) {
        if self.assembly.pending.is_some() {
            if DRILLS_WAITING_MAX <= self.assembly.drills.len() {
                self.expire(tallier, dead);
            } else {
                self.assembly.drills.push((bytes.to_vec(), offset, mode));
                return;
            }
        }
        let outcome = self.judge(Entry { bytes, lines: 1, offset, mode, forged_mark: false }, tallier, dead);
        self.counts.add(outcome, 1);
    }

    /// A record with one or more lines of a format whose entries span lines.
    /// `done`: how many of its lines were done before a restart, and what became of them.
    fn lines(&mut self, raw: Raw<'_>, done: (u64, Outcome), tallier: &mut Tallier, dead: &mut Vec<DeadLetter>) {
        let Raw { bytes, offset, mode, forged_mark, .. } = raw;
        // What became of the entries that ended in this record, and whether the pending one has a line in it.
        let (lines_done, mut outcome) = done;
        let mut shares = false;
        for (at, line) in without_line_end(bytes).split(|byte| *byte == b'\n').enumerate() {
            if (at as u64) < lines_done {
                continue;
            }
            let step = self.assembly.lines.as_mut().map_or(Step::Orphan, |lines| lines.step(line));
            match step {
                Step::Begin => {
                    outcome = outcome.max(self.complete(Some(shares), tallier, dead));
                    let mut bytes = std::mem::take(&mut self.assembly.spare);
                    bytes.clear();
                    self.assembly.pending = Some(Pending {
                        bytes,
                        lines: 0,
                        offset,
                        lines_before: at as u64,
                        outcome_before: outcome,
                        records: 0,
                        forged_mark: false,
                    });
                }
                Step::Continue => {}
                Step::Banner => {
                    outcome = outcome.max(self.complete(Some(shares), tallier, dead));
                    shares = false;
                    continue;
                }
                Step::Orphan => {
                    if !line.trim_ascii().is_empty() {
                        outcome = outcome.max(self.judge(
                            Entry { bytes: line, lines: 1, offset, mode, forged_mark },
                            tallier,
                            dead,
                        ));
                    }
                    continue;
                }
            }
            shares = true;
            let pending = self.assembly.pending.as_mut().expect("a line begins or continues the pending entry");
            pending.forged_mark |= forged_mark;
            pending.lines += 1;
            let room = (ENTRY_BYTES_MAX + 1).saturating_sub(pending.bytes.len());
            if 1 < pending.lines && 0 < room {
                pending.bytes.push(b'\n');
            }
            pending.bytes.extend_from_slice(&line[..line.len().min(room)]);
            if ENTRY_BYTES_MAX < pending.bytes.len() || ENTRY_LINES_MAX < pending.lines {
                outcome = outcome.max(self.complete(Some(true), tallier, dead));
                self.close();
                shares = false;
            }
        }
        match &mut self.assembly.pending {
            Some(pending) if shares => {
                if pending.offset == offset {
                    pending.outcome_before = outcome;
                }
                pending.records += 1;
            }
            _ => self.counts.add(outcome, 1),
        }
    }

    fn close(&mut self) {
        if let Some(lines) = &mut self.assembly.lines {
            lines.close();
        }
    }

    /// The pending entry is complete. `shared`: a record is being taken, and it has lines of the entry (then the outcome
    /// returned is part of its own).
    fn complete(&mut self, shared: Option<bool>, tallier: &mut Tallier, dead: &mut Vec<DeadLetter>) -> Outcome {
        let Some(pending) = self.assembly.pending.take() else { return Outcome::Ignored };
        let Pending { bytes, lines, offset, outcome_before, records, forged_mark, .. } = pending;
        let outcome = self.judge(Entry { bytes: &bytes, lines, offset, mode: Mode::Live, forged_mark }, tallier, dead);
        self.assembly.spare = bytes;
        if 0 < records {
            // The first record may hold earlier entries; the others hold nothing else.
            self.counts.add(outcome.max(outcome_before), 1);
            self.counts.add(outcome, records - 1);
        }
        for (bytes, offset, mode) in std::mem::take(&mut self.assembly.drills) {
            let outcome =
                self.judge(Entry { bytes: &bytes, lines: 1, offset, mode, forged_mark: false }, tallier, dead);
            self.counts.add(outcome, 1);
        }
        if shared == Some(true) { outcome } else { Outcome::Ignored }
    }

    /// One whole entry, or what was taken for one.
    fn judge(&mut self, entry: Entry<'_>, tallier: &mut Tallier, dead: &mut Vec<DeadLetter>) -> Outcome {
        let Entry { bytes, lines, offset, mode, forged_mark } = entry;
        let limit = if self.assembly.lines.is_none() { LINE_BYTES_MAX } else { ENTRY_BYTES_MAX };
        self.context.after = self.watermark.greatest();
        let parsed = if limit < bytes.len() || ENTRY_LINES_MAX < lines {
            Err("too_long")
        } else {
            self.plan.format.parse(bytes, &mut self.scratch, &self.context).map_err(|rejected| rejected.reason())
        };
        let activity = match parsed {
            Ok(Parsed::Activity(activity)) => Some(activity),
            Ok(Parsed::Ignored(_)) => None,
            Err(reason) => {
                *self.rejected.entry(reason).or_default() += 1;
                self.attributor.coverage.reject(reason);
                dead.push(DeadLetter {
                    source: self.plan.source.clone(),
                    partition: self.partition,
                    offset,
                    reason,
                    excerpt: self.plan.privacy.excerpt(&DeadLetter::excerpt(bytes)),
                    bytes: bytes.len() as u64,
                    mode,
                });
                if forged_mark {
                    let at = self.watermark.greatest().max(Timestamp::from_secs(0));
                    forged(&self.plan, Place { mode, bucket: at.bucket(), partition: self.partition, offset }, tallier);
                }
                return Outcome::DeadLettered;
            }
        };
        // A drill has no part in the event time of its source.
        let late = activity.as_ref().is_some_and(|activity| {
            !mode.is_drill() && self.watermark.is_late(activity.at, self.plan.allowed_lateness)
        });
        let at = match &activity {
            Some(activity) if !late => activity.at,
            // What came late is shown where event time is: its own minute may be closed.
            _ => self.watermark.greatest(),
        };
        let place = Place { mode, bucket: at.bucket(), partition: self.partition, offset };
        if forged_mark {
            forged(&self.plan, place, tallier);
        }
        let Some(activity) = activity else { return Outcome::Ignored };
        if self.plan.discovers {
            self.watermark.advance(activity.at);
            self.attributor.observe(&activity, bytes);
            return Outcome::Contributed;
        }
        if late {
            if !activity.signals.is_empty() {
                self.attributor.add_signals(&activity, activity.signals, place, tallier);
            }
            return Outcome::Late;
        }
        if !mode.is_drill() {
            self.watermark.advance(activity.at);
            self.attributor.coverage.seen(activity.at, self.written_at);
        }
        // Every entry, also one that is ignored: silence is judged by the minutes in which a source speaks at all.
        tallier.tally(mode, EntityKind::Source, &self.plan.source, place.bucket).add(Metric::Requests, 1);
        if self.attributor.add(&activity, place, tallier) { Outcome::Contributed } else { Outcome::Ignored }
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

/// Without one line end.
fn without_line_end(bytes: &[u8]) -> &[u8] {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    bytes.strip_suffix(b"\r").unwrap_or(bytes)
}
