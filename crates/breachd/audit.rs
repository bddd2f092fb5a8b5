//! `breachd audit`: the journal outside the daemon: verified, exported.

use crate::{settings::limits, topics::Topics};
use anyhow::{Context as _, bail};
use std::{
    io::{BufRead, Write},
    path::Path,
};
use stream::Broker;

/// Verifies a file of journal entries, one a line.
pub fn verify_file(file: &Path, out: &mut dyn Write) -> anyhow::Result<()> {
    let reader: Box<dyn BufRead> = if file == Path::new("-") {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(std::io::BufReader::new(
            std::fs::File::open(file).with_context(|| format!("`{}` cannot be opened", file.display()))?,
        ))
    };
    let mut verifier = journal::Verifier::new();
    let mut n = 0_u64;
    for line in reader.split(b'\n') {
        let line = line?;
        if !line.is_empty() {
            verifier.push(&line)?;
            n += 1;
        }
    }
    report(n, &verifier, out)
}

/// Verifies the journal topic.
pub fn verify_topic(broker: &dyn Broker, topics: &Topics, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut verifier = journal::Verifier::new();
    let mut n = 0_u64;
    each_line(broker, topics, &mut |line| {
        n += 1;
        Ok(verifier.push(line)?)
    })?;
    report(n, &verifier, out)
}

/// Writes the journal's entries, one a line.
pub fn export(broker: &dyn Broker, topics: &Topics, out: &mut dyn Write) -> anyhow::Result<()> {
    each_line(broker, topics, &mut |line| {
        out.write_all(line)?;
        Ok(out.write_all(b"\n")?)
    })
}

/// Every line of the journal topic, in its order.
pub(crate) fn each_line(
    broker: &dyn Broker,
    topics: &Topics,
    each: &mut dyn FnMut(&[u8]) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let topic = topics.journal();
    if broker.partitions(&topic)?.is_none() {
        bail!("there is no topic `{topic}`: has `breachd run` ever run here?");
    }
    let mut reader = broker.read(&[(&topic, Vec::new())])?;
    let mut outcome = Ok(());
    while !reader.caught_up() && outcome.is_ok() {
        reader.poll(limits::POLL_RECORDS, limits::POLL_WAIT, &mut |record| {
            if outcome.is_ok() {
                outcome = each(record.payload.unwrap_or_default());
            }
        })?;
    }
    outcome
}

fn report(n: u64, verifier: &journal::Verifier, out: &mut dyn Write) -> anyhow::Result<()> {
    let head = verifier.head();
    writeln!(out, "{n} entries, each follows from the one before; the last has the hash {}", head.hash)?;
    writeln!(out, "compare this hash with one kept elsewhere: a chain alone cannot show that its end was cut off")?;
    Ok(())
}
