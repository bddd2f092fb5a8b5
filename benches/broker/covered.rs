//! What the manifests of a tallies topic cover.

use crate::broker::{Daemon, Fallible, PAUSE, within};
use std::time::Instant;
use stream::{Broker, Reader};
use tally::Batch;

/// Records whose tallies are committed. Each tally partition has all manifests: one is enough.
pub(crate) struct Covered {
    reader: Box<dyn Reader>,
    pub(crate) records: u64,
    pub(crate) dead_lettered: u64,
    pub(crate) late: u64,
}

impl Covered {
    /// The daemon creates the topic.
    pub(crate) fn wait_for(broker: &dyn Broker, topic: &str, began: Instant, daemon: &mut Daemon) -> Fallible<Covered> {
        loop {
            if broker.partitions(topic)?.is_some() {
                match broker.read(&[(topic, Vec::new())]) {
                    Ok(reader) => return Ok(Covered { reader, records: 0, dead_lettered: 0, late: 0 }),
                    // A topic is there a moment before its partitions have leaders.
                    Err(error) if error.retry() => {}
                    Err(error) => return Err(error.into()),
                }
            }
            within(began, "creating topics")?;
            daemon.alive()?;
            std::thread::sleep(PAUSE);
        }
    }

    pub(crate) fn poll(&mut self) -> Fallible<()> {
        let mut payloads = Vec::new();
        self.reader.poll(1000, PAUSE, &mut |record| {
            if record.partition == 0 {
                payloads.push(record.payload.unwrap_or_default().to_vec());
            }
        })?;
        for payload in payloads {
            for range in Batch::decode(&payload)?.manifest.ranges {
                self.records += u64::try_from(range.to - range.from)?;
                self.dead_lettered += range.dead_lettered;
                self.late += range.late;
            }
        }
        Ok(())
    }
}
