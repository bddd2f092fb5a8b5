//! The reading half of a replay: lines to packed messages.

use super::Lines;
use crate::{
    cli::InputFile,
    settings::Settings,
    sources::{self, Report, SourceState},
};
use activity::{Mode, Span, Timestamp};
use anyhow::Context as _;
use ingest::{DeadLetter, Ingester, Raw, Resume, Written};
use std::{collections::HashMap, sync::mpsc::SyncSender};
use tally::{Manifest, Range, Tallier};

/// Lines read from one file before the files' event times are compared again, at most; they are as soon as it enters another minute.
const STEP_LINES: usize = 2_000;

/// Bytes of tallies merged before they are handed to the engines.
const FLUSH_BYTES: usize = 4 << 20;

/// Lines read, in all files, between two flushes at most. Usually a flush comes when event time enters another minute, so that an alert is
/// raised in the minute in which a running breachd would raise it. Flushing by lines alone, as was done first, was a third faster and
/// raised each alert at the end of its hour.
const FLUSH_LINES: u64 = 100_000;

/// What was read since the last flush.
pub(super) struct Flush {
    /// One for each tally partition, with its number.
    pub(super) messages: Vec<(u32, Vec<u8>)>,
    pub(super) ranges: Vec<Range>,
    /// Format, reason, lines.
    pub(super) rejected: Vec<(&'static str, &'static str, u64)>,
    pub(super) dead: Vec<DeadLetter>,
    /// The earliest and the latest watermark so far.
    pub(super) reach: [Option<Timestamp>; 2],
    /// Of text, from the beginning.
    pub(super) bytes: u64,
}

struct Source {
    lines: Lines,
    written: Written,
    ingester: Ingester,
    finished: bool,
    watermark: Timestamp,
}

/// Reads all files to their end, or until nobody listens any more; what the sources have shown.
pub(super) fn read(
    settings: &Settings,
    inputs: &[InputFile],
    partitions: u32,
    out: &SyncSender<Flush>,
) -> anyhow::Result<Report> {
    let mut reader = Reader {
        sources: open(settings, inputs)?,
        tallier: Tallier::default(),
        dead: Vec::new(),
        sequence: 0,
        reach: [None; 2],
        partitions,
    };
    let (mut unflushed, mut minute) = (0, None);
    while let Some(at) = reader.behind() {
        unflushed += reader.step(at)?;
        let reached = reader.behind().map(|at| reader.sources[at].watermark.bucket());
        if reached > minute || unflushed >= FLUSH_LINES || reader.tallier.bytes() >= FLUSH_BYTES {
            (unflushed, minute) = (0, reached.max(minute));
            if out.send(reader.flush()).is_err() {
                break;
            }
        }
    }
    // If nobody listens, the caller knows why.
    let _ = out.send(reader.flush());
    let state =
        |source: &Source| SourceState { coverage: source.ingester.coverage().clone(), ..SourceState::default() };
    let states: Vec<SourceState> = reader.sources.iter().map(state).collect();
    let latest = reader.reach[1].unwrap_or(Timestamp::MIN);
    Ok(sources::report(&settings.ingest_of(inputs), &states, latest, &HashMap::new()))
}

fn open(settings: &Settings, inputs: &[InputFile]) -> anyhow::Result<Vec<Source>> {
    let plans = settings.replay_plans(inputs)?;
    let open = |(input, plan): (&InputFile, _)| {
        let lines = Lines::open(&input.path).with_context(|| format!("`{}` cannot be read", input.path.display()))?;
        Ok(Source {
            lines,
            written: input.written,
            ingester: Ingester::new(plan, 0, Resume::fresh()),
            finished: false,
            watermark: Timestamp::MIN,
        })
    };
    inputs.iter().zip(plans).map(open).collect()
}

struct Reader {
    sources: Vec<Source>,
    tallier: Tallier,
    dead: Vec<DeadLetter>,
    sequence: u64,
    reach: [Option<Timestamp>; 2],
    partitions: u32,
}

/// How far the last entries of a file may be ahead of all others and be believed, though nothing confirms them: after a long weekend,
/// not after a clock gone wrong.
const END_BELIEVED: Span = Span::from_hours(24 * 7);

impl Reader {
    /// The unfinished source that is behind in event time.
    fn behind(&self) -> Option<usize> {
        let unfinished = (0..self.sources.len()).filter(|at| !self.sources[*at].finished);
        unfinished.min_by_key(|at| self.sources[*at].watermark)
    }

    fn step(&mut self, at: usize) -> anyhow::Result<u64> {
        let source = &mut self.sources[at];
        let mut n = 0;
        // The first step is one line: it says when the file begins.
        let lines = if source.watermark == Timestamp::MIN { 1 } else { STEP_LINES };
        for _ in 0..lines {
            let Some((number, line)) = source.lines.next_line()? else {
                source.ingester.expire(&mut self.tallier, &mut self.dead);
                source.finished = true;
                break;
            };
            let offset = i64::try_from(number).unwrap_or(i64::MAX);
            source.ingester.take(
                Raw {
                    bytes: line,
                    offset,
                    mode: Mode::Live,
                    forged_mark: false,
                    written: source.written,
                    resubmitted: None,
                },
                &mut self.tallier,
                &mut self.dead,
            );
            n += 1;
            if source.ingester.watermark().bucket() > source.watermark.bucket() {
                break;
            }
        }
        source.watermark = source.ingester.watermark();
        if source.finished {
            // Nothing comes that could confirm how the file ends.
            let latest = source.ingester.latest();
            let believed = self.reach[1].unwrap_or(source.watermark).max(source.watermark);
            if latest <= believed.saturating_add(END_BELIEVED) {
                source.watermark = latest;
            }
        }
        let watermark = source.watermark;
        if watermark > Timestamp::MIN {
            let [first, last] = self.reach.map(|known| known.unwrap_or(watermark));
            self.reach = [Some(first.min(watermark)), Some(last.max(watermark))];
        }
        Ok(n)
    }

    fn flush(&mut self) -> Flush {
        self.sequence += 1;
        let mut manifest = Manifest { instance: "replay".into(), sequence: self.sequence, ranges: Vec::new() };
        let mut rejected = Vec::new();
        for source in &mut self.sources {
            let mut range = source.ingester.flushed();
            range.idle = source.finished;
            range.watermark = source.watermark;
            rejected.extend(source.ingester.take_rejected());
            manifest.ranges.push(range);
        }
        let messages = self.tallier.flush(self.partitions, &manifest);
        Flush {
            messages,
            ranges: manifest.ranges,
            rejected,
            dead: std::mem::take(&mut self.dead),
            reach: self.reach,
            bytes: self.sources.iter().map(|source| source.lines.bytes()).sum(),
        }
    }
}
