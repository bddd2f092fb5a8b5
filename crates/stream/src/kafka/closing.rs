//! A member's consumer that is closed in bounded time.
//!
//! librdkafka (2.12) never answers what a terminated group is asked, and may call back after it has terminated: if a revocation waits for
//! its callback while the consumer is closed, a second one is queued behind it, and the answer to the first ends the group. So callbacks that
//! wait are served before it is closed, one that comes after the end asks nothing, and whoever drops a consumer waits only so long.

use crate::limits;
use rdkafka::consumer::{BaseConsumer, ConsumerContext};
use std::{
    ops::Deref,
    sync::mpsc::{RecvTimeoutError, channel},
    thread,
    time::Instant,
};

pub(super) struct Closing<C: ConsumerContext + 'static>(Option<BaseConsumer<C>>);

impl<C: ConsumerContext + 'static> Closing<C> {
    pub(super) fn new(consumer: BaseConsumer<C>) -> Self {
        Closing(Some(consumer))
    }
}

impl<C: ConsumerContext + 'static> Deref for Closing<C> {
    type Target = BaseConsumer<C>;

    fn deref(&self) -> &Self::Target {
        self.0.as_ref().expect("it is there until it is dropped")
    }
}

impl<C: ConsumerContext + 'static> Drop for Closing<C> {
    fn drop(&mut self) {
        let Some(consumer) = self.0.take() else { return };
        let until = Instant::now() + limits::DRAIN_CALLBACKS;
        loop {
            let began = Instant::now();
            // It returns early for a record, which nobody wants any more, and for a callback, behind which there may be another.
            let polled = consumer.poll(limits::DRAIN_QUIET);
            let is_quiet = polled.is_none() && began.elapsed() >= limits::DRAIN_QUIET;
            if is_quiet || until <= Instant::now() {
                break;
            }
        }
        let (done, waits) = channel::<()>();
        let close = move || {
            drop(consumer);
            drop(done);
        };
        // If there can be no thread, the consumer is dropped here, with the closure.
        if thread::Builder::new().name("kafka-close".into()).spawn(close).is_ok()
            && waits.recv_timeout(limits::CLOSE_PATIENCE) == Err(RecvTimeoutError::Timeout)
        {
            tracing::warn!("a consumer does not close; it is left to itself");
        }
    }
}
