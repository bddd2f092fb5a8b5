//! As whom a member stands in its group, and in which generation. librdkafka knows both, its Rust binding shows neither, so they are
//! asked for through the C interface: the only unsafe code of breachd. Without it no consumer could rebalance cooperatively and commit
//! exactly once ([`super::member`]).

#![expect(unsafe_code, reason = "no safe binding tells a member's id and generation")]

use rdkafka::{
    bindings,
    consumer::{BaseConsumer, Consumer as _, ConsumerContext},
};
use std::ffi::CStr;

/// A membership at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    /// Given by the coordinator. One that was taken for dead gets another when it comes back.
    pub(super) member: String,
    generation: i32,
}

impl Standing {
    /// `None`: it belongs to no generation at present.
    pub(super) fn of<C: ConsumerContext>(consumer: &BaseConsumer<C>) -> Option<Self> {
        // SAFETY: the pointer is that of a living client, which the borrow of the consumer keeps. What it answers is null or belongs to
        // us until it is destroyed, once, below; the text lives as long, is ended by a zero, and is copied before.
        unsafe {
            let metadata = bindings::rd_kafka_consumer_group_metadata(consumer.client().native_ptr());
            if metadata.is_null() {
                return None;
            }
            let generation = bindings::rd_kafka_consumer_group_metadata_generation_id(metadata);
            let member = bindings::rd_kafka_consumer_group_metadata_member_id(metadata);
            let member =
                if member.is_null() { String::new() } else { CStr::from_ptr(member).to_string_lossy().into_owned() };
            bindings::rd_kafka_consumer_group_metadata_destroy(metadata);
            (generation >= 0 && !member.is_empty()).then_some(Standing { member, generation })
        }
    }
}
