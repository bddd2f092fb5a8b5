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
//!
//! # Two threads
//! One reads, parses and tallies ([`reader`]), the other judges; messages go from one to the other in their order, a bounded number of
//! them ahead. What an engine hears, and when its alerts are told, does not depend on how the threads take turns. One thread for both, as
//! was done first, took nearly twice as long on two cores. An engine for each core would need more tally partitions than one.

mod compare;
mod input;
mod reader;
mod summary;

pub use compare::{Comparison, Side};
pub use input::{LINE_BYTES_MAX, Lines, open, written};
pub use summary::Summary;

use crate::{cli::InputFile, settings::Settings};
use anyhow::Context as _;
use detector::{Alert, AlertVerdict, Effects, Engine, Rollup};
use reader::Flush;
use std::{collections::VecDeque, sync::mpsc, thread};
use tally::Batch;

/// Flushes that are read ahead of the engines, at most. Beyond: the reader waits.
const FLUSHES_AHEAD_MAX: usize = 32;

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

/// Replays; each alert is handed to `each` as it is raised, `progress` hears the bytes of text read so far. Both are called on the
/// caller's thread.
pub fn replay(
    request: Request<'_>,
    each: &mut dyn FnMut(Alert),
    progress: &mut dyn FnMut(u64),
) -> anyhow::Result<Summary> {
    let Request { settings, inputs, partitions, verdicts } = request;
    let names: Vec<(Box<str>, u32)> = inputs.iter().map(|input| (input.name.as_str().into(), 1)).collect();
    let mut engines: Vec<Engine> =
        (0..partitions).map(|number| settings.engine(number, partitions, &names, true)).collect();
    for engine in &mut engines {
        verdicts.iter().for_each(|verdict| engine.hear(verdict));
    }
    let mut judge = Judge { summary: Summary::new(inputs, verdicts), engines: &mut engines, each };
    let coverage = thread::scope(|threads| {
        let (out, flushes) = mpsc::sync_channel(FLUSHES_AHEAD_MAX);
        let reader = threads.spawn(move || reader::read(settings, inputs, partitions, &out));
        let judged = flushes.iter().try_for_each(|flush| {
            let bytes = flush.bytes;
            judge.flush(flush).inspect(|()| progress(bytes))
        });
        // Whoever reads on for nobody stops.
        drop(flushes);
        let read = reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        judged.and(read)
    })?;
    judge.finish();
    judge.summary.coverage = coverage;
    Ok(judge.summary)
}

struct Judge<'a> {
    summary: Summary,
    engines: &'a mut [Engine],
    each: &'a mut dyn FnMut(Alert),
}

impl Judge<'_> {
    fn flush(&mut self, flush: Flush) -> anyhow::Result<()> {
        let Flush { messages, ranges, rejected, dead, reach, bytes: _ } = flush;
        reach.into_iter().flatten().for_each(|watermark| self.summary.seen(watermark));
        for (format, reason, n) in rejected {
            self.summary.rejected(format, reason, n);
        }
        ranges.iter().for_each(|range| self.summary.range(range));
        dead.iter().for_each(|letter| self.summary.dead_letter(letter));
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
