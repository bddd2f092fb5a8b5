//! `PREFIX.state`: the compacted topic of what has to be remembered by key, and is read whole.
//!
//! | key | value | written by |
//! |---|---|---|
//! | `coverage/SOURCE/PARTITION` | what the source partition has shown so far ([`crate::sources`]) | the ingest role, with its offsets |
//! | `resubmitted/TOPIC/PARTITION` | offsets of records that were resubmitted | `breachd dead-letter resubmit` |
//! | `person/TOKEN` | whom a token of the journal stands for, or that he was erased ([`crate::persons`]) | the notifier, with the entry |
//!
//! A few records per source partition, and one for each person that the journal concerns: reading it takes a moment. It has one partition, so its order is one.

use crate::{settings::limits, topics::Topics};
use stream::{Broker, StreamError};

/// Hands over each key with its value, older values of a key before newer ones; nothing if there is no such topic yet.
pub fn each(broker: &dyn Broker, topics: &Topics, each: &mut dyn FnMut(&str, &[u8])) -> Result<(), StreamError> {
    let topic = topics.state();
    if broker.partitions(&topic)?.is_none() {
        return Ok(());
    }
    let mut reader = broker.read(&[(&topic, Vec::new())])?;
    while !reader.caught_up() {
        reader.poll(limits::POLL_RECORDS, limits::POLL_WAIT, &mut |record| {
            if let (Some(Ok(key)), Some(value)) = (record.key.map(std::str::from_utf8), record.payload) {
                each(key, value);
            }
        })?;
    }
    Ok(())
}
