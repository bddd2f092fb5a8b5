//! `breachd discover`: from real logs to a classification of tables and routes.
//!
//! The files are read as a replay reads them, but entries are only observed ([`ingest::discover`]); nothing is tallied or judged,
//! and times play no part, so a format that needs a zone needs none here. What is proposed goes to standard output as TOML
//! that is valid as it stands, with the reason beside each line; what was read goes to standard error. The classification
//! written already (`--config`) goes before what is built in, so only what is new is proposed.

use crate::{cli::InputFile, replay::Lines, settings::Settings};
use activity::{Mode, printable_within};
use anyhow::Context as _;
use ingest::{Discovery, Ingester, Plan, Raw, Resume};
use std::{io::Write, sync::Arc};
use tally::Tallier;

/// Lines after which what was observed is put together.
const LINES: u64 = 100_000;

/// Reads the files and proposes.
pub fn discover(
    settings: &Settings,
    inputs: &[InputFile],
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> anyhow::Result<()> {
    let mut discovery = Discovery::new();
    for (input, plan) in inputs.iter().zip(settings.discovery_plans(inputs)?) {
        let read = observe(input, plan, &mut discovery)?;
        writeln!(
            err,
            "{}: {} lines, {} entries read, {} ignored, {} unreadable",
            printable_within(&input.path.display().to_string(), 120),
            read.lines,
            read.read,
            read.ignored,
            read.unreadable
        )?;
    }
    let proposal = discovery.proposal();
    write!(out, "{}", proposal.to_toml())?;
    writeln!(err, "{} tables and {} routes proposed", proposal.tables.len(), proposal.routes.len())?;
    Ok(())
}

#[derive(Default)]
struct Read {
    lines: u64,
    read: u64,
    ignored: u64,
    unreadable: u64,
}

fn observe(input: &InputFile, plan: Arc<Plan>, discovery: &mut Discovery) -> anyhow::Result<Read> {
    let mut lines = Lines::open(&input.path).with_context(|| format!("`{}` cannot be read", input.path.display()))?;
    let mut ingester = Ingester::new(plan, 0, Resume::fresh());
    let (mut tallier, mut dead) = (Tallier::default(), Vec::new());
    let mut read = Read::default();
    while let Some((number, line)) =
        lines.next_line().with_context(|| format!("`{}` cannot be read", input.path.display()))?
    {
        let offset = i64::try_from(number).unwrap_or(i64::MAX);
        let raw = Raw {
            bytes: line,
            offset,
            mode: Mode::Live,
            forged_mark: false,
            written: input.written,
            resubmitted: None,
        };
        ingester.take(raw, &mut tallier, &mut dead);
        read.lines += 1;
        dead.clear();
        if read.lines.is_multiple_of(LINES) {
            discovery.merge(ingester.take_discovery());
            tallier.clear();
        }
    }
    ingester.expire(&mut tallier, &mut dead);
    discovery.merge(ingester.take_discovery());
    let range = ingester.flushed();
    (read.read, read.ignored, read.unreadable) = (range.contributed + range.late, range.ignored, range.dead_lettered);
    Ok(read)
}
