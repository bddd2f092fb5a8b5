//! `breachd replay`: the same heart over files.
//!
//! Each file is one source partition. The files are read in step: whichever is behind in event time is read on, so that no
//! detector has to hold more than the skew between two steps. Nothing else is done about their order: lateness is judged
//! per file, and the detector's answer does not depend on how files interleave. What goes to the engines is the packed
//! message that `run` would write to Kafka, through its encoding and decoding, so that the two cannot drift apart.
//!
//! # When the lines were written
//! Kafka stamps each record, a file has one time for all its lines: no line is from after its end. Who replays can state when that
//! was ([`Written::Until`]); then stamps from after it are cut back and counted, as `run` does. Else the file's time of change is taken
//! ([`Written::Perhaps`]). It changes with each copy and each checkout, and files that were made up may tell of next year. So it
//! decides only the year of stamps that have none (RFC 3164): whatever says its own year is read the same whenever the file was changed.
//! The time of a file never serves as that of an entry that has none: all its entries would be of one minute.

mod compare;
mod input;
mod summary;

pub use compare::{Comparison, Side};
pub use input::{LINE_BYTES_MAX, Lines, written};
pub use summary::Summary;

use crate::{
    cli::InputFile,
    settings::Settings,
    sources::{self, SourceState},
};
use activity::{Mode, Timestamp};
use anyhow::Context as _;
use detector::{Alert, AlertVerdict, Effects, Engine, Rollup};
use ingest::{DeadLetter, Ingester, Raw, Resume, Written};
use std::collections::{HashMap, VecDeque};
use tally::{Batch, Manifest, Tallier};

/// Lines read from one file before the files' event times are compared again, at most; they are as soon as it enters another minute.
const STEP_LINES: usize = 2_000;

/// Bytes of tallies merged before they are handed to the engines.
const FLUSH_BYTES: usize = 4 << 20;

/// Lines read, in all files, between two flushes at most. Usually a flush comes when event time enters another minute, so that an alert is
/// raised in the minute in which a running breachd would raise it. Flushing by lines alone, as was done first, was a third faster and
/// raised each alert at the end of its hour.
const FLUSH_LINES: u64 = 100_000;

struct Source {
    lines: Lines,
    written: Written,
    ingester: Ingester,
    finished: bool,
    watermark: Timestamp,
}

/// What is replayed.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    pub settings: &'a Settings,
    pub inputs: &'a [InputFile],
    /// Tally partitions to simulate.
    pub partitions: u32,
    /// What people said of the alerts; all of it is known beforehand, and counts from the time of each.
    pub verdicts: &'a [AlertVerdict],
}

/// Replays; each alert is handed to `each` as it is raised, `progress` hears the bytes of text read so far.
pub fn replay(
    request: Request<'_>,
    each: &mut dyn FnMut(Alert),
    progress: &mut dyn FnMut(u64),
) -> anyhow::Result<Summary> {
    let Request { settings, inputs, partitions, verdicts } = request;
    let mut sources = open(settings, inputs)?;
    let names: Vec<(Box<str>, u32)> = inputs.iter().map(|input| (input.name.as_str().into(), 1)).collect();
    let mut engines: Vec<Engine> =
        (0..partitions).map(|number| settings.engine(number, partitions, &names, true)).collect();
    for engine in &mut engines {
        verdicts.iter().for_each(|verdict| engine.hear(verdict));
    }
    let mut replay = Replay {
        tallier: Tallier::default(),
        dead: Vec::new(),
        summary: Summary::new(inputs, verdicts),
        sequence: 0,
        engines: &mut engines,
        each,
    };
    let (mut unflushed, mut minute) = (0, None);
    while let Some(at) = behind(&sources) {
        unflushed += replay.step(&mut sources[at])?;
        let reached = behind(&sources).map(|at| sources[at].watermark.bucket());
        if reached > minute || unflushed >= FLUSH_LINES || replay.tallier.bytes() >= FLUSH_BYTES {
            (unflushed, minute) = (0, reached.max(minute));
            replay.flush(&mut sources)?;
            progress(sources.iter().map(|source| source.lines.bytes()).sum());
        }
    }
    replay.flush(&mut sources)?;
    replay.finish();
    let states: Vec<SourceState> = sources
        .iter()
        .map(|source| SourceState { coverage: source.ingester.coverage().clone(), ..SourceState::default() })
        .collect();
    let latest = replay.summary.last().unwrap_or(Timestamp::MIN);
    replay.summary.coverage = sources::report(&settings.ingest_of(inputs), &states, latest, &HashMap::new());
    progress(sources.iter().map(|source| source.lines.bytes()).sum());
    Ok(replay.summary)
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

/// The unfinished source that is behind in event time.
fn behind(sources: &[Source]) -> Option<usize> {
    (0..sources.len()).filter(|at| !sources[*at].finished).min_by_key(|at| sources[*at].watermark)
}

struct Replay<'a> {
    tallier: Tallier,
    dead: Vec<DeadLetter>,
    summary: Summary,
    sequence: u64,
    engines: &'a mut [Engine],
    each: &'a mut dyn FnMut(Alert),
}

impl Replay<'_> {
    fn step(&mut self, source: &mut Source) -> anyhow::Result<u64> {
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
        self.summary.seen(source.watermark);
        Ok(n)
    }

    fn flush(&mut self, sources: &mut [Source]) -> anyhow::Result<()> {
        self.sequence += 1;
        let mut manifest = Manifest { instance: "replay".into(), sequence: self.sequence, ranges: Vec::new() };
        for source in sources.iter_mut() {
            let mut range = source.ingester.flushed();
            range.idle = source.finished;
            for (format, reason, n) in source.ingester.take_rejected() {
                self.summary.rejected(format, reason, n);
            }
            self.summary.range(&range);
            manifest.ranges.push(range);
        }
        for letter in self.dead.drain(..) {
            self.summary.dead_letter(&letter);
        }
        let partitions = u32::try_from(self.engines.len()).expect("at most 64 partitions");
        let messages = self.tallier.flush(partitions, &manifest);
        self.tallier.clear();
        for (number, payload) in messages {
            let batch = Batch::decode(&payload).context("a tally message of our own cannot be read back")?;
            let effects = self.engines[number as usize].take(&batch);
            self.carry_out(effects);
        }
        Ok(())
    }

    /// Alerts out, roll-ups to every engine, until none has more to say.
    fn carry_out(&mut self, effects: Effects) {
        let mut rollups: VecDeque<Rollup> = self.collect(effects).into();
        while let Some(rollup) = rollups.pop_front() {
            for at in 0..self.engines.len() {
                let effects = self.engines[at].rollup(&rollup);
                rollups.extend(self.collect(effects));
            }
        }
    }

    fn collect(&mut self, effects: Effects) -> Vec<Rollup> {
        self.summary.violations += effects.violations.len() as u64;
        for alert in effects.alerts {
            self.summary.alert(&alert);
            (self.each)(alert);
        }
        effects.rollups
    }

    fn finish(&mut self) {
        for at in 0..self.engines.len() {
            let effects = self.engines[at].finish();
            self.carry_out(effects);
        }
    }
}
