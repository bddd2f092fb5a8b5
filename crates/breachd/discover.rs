//! `breachd discover`: from real logs, and from a schema, to a classification of tables and routes.
//!
//! The files are read as a replay reads them, but entries are only observed ([`ingest::discover`]); nothing is tallied or judged,
//! and times play no part, so a format that needs a zone needs none here. What is proposed goes to standard output as TOML
//! that is valid as it stands, with the reason beside each line; what was read goes to standard error. The classification
//! written already (`--config`) goes before what is built in, so only what is new is proposed.
//!
//! A schema (`--schema`) is read for what it defines ([`formats::sql::definitions`]). A dump of one schema does not name it but in its
//! heading, so that is looked at; where nobody names it, nothing is guessed.

use crate::{
    cli::{InputFile, SchemaFile},
    replay::Lines,
    settings::{Settings, Usage},
};
use activity::{Mode, printable_within};
use anyhow::Context as _;
use ingest::{Discovery, Ingester, Plan, Raw, Resume};
use std::{io::Write, sync::Arc};
use tally::Tallier;

/// Lines after which what was observed is put together.
const LINES: u64 = 100_000;

/// Bytes of a schema that are read. A dump with data is longer, and of no use here.
const SCHEMA_BYTES_MAX: usize = 64 << 20;

/// Lines of a dump's beginning among which its heading is.
const HEADING_LINES: usize = 12;

/// Reads the files and proposes.
pub fn discover(
    settings: &Settings,
    inputs: &[InputFile],
    schemas: &[SchemaFile],
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> anyhow::Result<()> {
    let mut discovery = Discovery::new();
    for schema in schemas {
        let definitions = define(schema)?;
        discovery.define(&definitions);
        let mut names: Vec<_> = definitions.behind.iter().map(|(name, _)| name).collect();
        names.dedup();
        writeln!(
            err,
            "{}: {} tables; tables behind {} views, functions and triggers",
            printable_within(&schema.path.display().to_string(), 120),
            definitions.tables.len(),
            names.len()
        )?;
    }
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

fn define(SchemaFile { name, path }: &SchemaFile) -> anyhow::Result<formats::Definitions> {
    let cannot = || format!("`{}` cannot be read", path.display());
    let mut lines = Lines::open(path).with_context(cannot)?;
    let mut text = String::new();
    while let Some((_, line)) = lines.next_line().with_context(cannot)? {
        text.push_str(&String::from_utf8_lossy(line));
        text.push('\n');
        if SCHEMA_BYTES_MAX < text.len() {
            let most = SCHEMA_BYTES_MAX >> 20;
            anyhow::bail!("`{}` holds more than {most} MiB; dump the schema with --no-data", path.display());
        }
    }
    let schema = name.as_deref().or_else(|| named_in_heading(&text)).unwrap_or_default();
    let definitions = formats::sql::definitions(&text, schema);
    let is_nameless = definitions.tables.iter().any(|table| table.schema.is_empty())
        || definitions.behind.iter().any(|(name, _)| name.starts_with('.'));
    if is_nameless {
        let path = path.display();
        return Err(Usage(format!("`{path}` does not say which schema it is of; write --schema NAME={path}")).into());
    }
    Ok(definitions)
}

/// The schema in `-- Host: localhost    Database: hr`.
fn named_in_heading(dump: &str) -> Option<&str> {
    let mut headings = dump.lines().take(HEADING_LINES).filter(|line| line.starts_with("-- Host: "));
    let (_, name) = headings.find_map(|line| line.split_once("Database: "))?;
    Some(name.trim()).filter(|name| !name.is_empty())
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
