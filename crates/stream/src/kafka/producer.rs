//! Sending: what the appender and the transactor have in common, and the appender.

use super::{
    connection::{Connection, ProducerClient},
    report::Events,
};
use crate::{Appender, Outgoing, StreamError, limits};
use rdkafka::{
    ClientContext,
    config::{ClientConfig, RDKafkaLogLevel},
    error::KafkaError,
    message::{DeliveryResult, Header, OwnedHeaders},
    producer::{BaseRecord, Producer as _, ProducerContext},
    types::RDKafkaErrorCode,
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// A producer client and what it knows of its topics.
pub(super) struct Sender {
    pub(super) connection: Arc<Connection>,
    pub(super) client: Arc<ProducerClient>,
    /// Partitions of each topic that was sent to. A topic that is not there is found out before librdkafka queues for it,
    /// which would say so half a minute later.
    topics: HashMap<String, i32>,
    sent: u64,
}

/// Notes the first message since the last look that was not written.
pub(super) struct Deliveries {
    events: Events,
    failure: Mutex<Option<(RDKafkaErrorCode, u64)>>,
}

/// How often, in messages, delivery reports are taken in while sending.
const REPORTS_EVERY: u64 = 256;

impl Sender {
    /// What every producer is configured with.
    pub(super) fn config(connection: &Connection) -> Result<ClientConfig, StreamError> {
        let mut config = connection.config()?;
        config
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("message.timeout.ms", connection.settings().delivery_timeout.as_millis().to_string())
            .set("compression.type", &connection.settings().compression)
            .set("message.max.bytes", (limits::MESSAGE_BYTES_MAX + limits::BATCH_OVERHEAD_BYTES).to_string())
            // The default of every Java client, and of the in-memory host.
            .set("partitioner", "murmur2_random");
        for (key, value) in [
            ("linger.ms", "5".to_owned()),
            ("queue.buffering.max.kbytes", (limits::SEND_QUEUE_BYTES_MAX >> 10).to_string()),
            ("queue.buffering.max.messages", limits::SEND_QUEUE_RECORDS_MAX.to_string()),
        ] {
            connection.set_default(&mut config, key, value);
        }
        Ok(config)
    }

    pub(super) fn open(
        connection: &Arc<Connection>,
        config: &ClientConfig,
        name: &'static str,
    ) -> Result<Self, StreamError> {
        let events = Deliveries { events: Events::new(name, connection.report()), failure: Mutex::default() };
        let client: ProducerClient =
            config.create_with_context(events).map_err(|error| connection.blame("open a producer", &error))?;
        let client = Arc::new(client);
        connection.adopt_producer(&client);
        Ok(Sender { connection: Arc::clone(connection), client, topics: HashMap::new(), sent: 0 })
    }

    /// Queues a message; waits while the queue is full.
    pub(super) fn send(&mut self, message: &Outgoing) -> Result<(), StreamError> {
        self.check(message)?;
        self.sent += 1;
        if self.sent.is_multiple_of(REPORTS_EVERY) {
            self.client.poll(Duration::ZERO);
        }
        let mut record: BaseRecord<'_, Vec<u8>, Vec<u8>> = BaseRecord::to(&message.topic).payload(&message.payload);
        record.key = message.key.as_ref();
        record.partition = message.partition;
        if !message.headers.is_empty() {
            let headers = OwnedHeaders::new_with_capacity(message.headers.len());
            let add = |headers: OwnedHeaders, (key, value): &(String, Vec<u8>)| {
                headers.insert(Header { key, value: Some(value) })
            };
            record.headers = Some(message.headers.iter().fold(headers, add));
        }
        let deadline = Instant::now() + self.connection.settings().delivery_timeout;
        loop {
            match self.client.send(record) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back))
                    if Instant::now() < deadline =>
                {
                    self.client.poll(Duration::from_millis(5));
                    record = back;
                }
                Err((error, _)) => return Err(self.connection.blame("send a message", &error)),
            }
        }
    }

    fn check(&mut self, message: &Outgoing) -> Result<(), StreamError> {
        let (bytes, bytes_max) = (message.size(), limits::MESSAGE_BYTES_MAX);
        if bytes > bytes_max {
            return Err(StreamError::TooLarge { topic: message.topic.clone(), bytes, bytes_max });
        }
        let n_partitions = match self.topics.get(&message.topic) {
            Some(n_partitions) => *n_partitions,
            None => {
                let n_partitions = self.connection.existing(&message.topic)?;
                self.topics.insert(message.topic.clone(), n_partitions);
                n_partitions
            }
        };
        match message.partition {
            Some(partition) if !(0..n_partitions).contains(&partition) => {
                Err(StreamError::Misuse("a message for a partition that does not exist"))
            }
            _ => Ok(()),
        }
    }

    /// Waits until nothing is under way any more, or `patience` is over: false. rdkafka's own `flush` waits out 100 ms, and its `poll` counts
    /// in whole milliseconds and spends the rest of the last one in a busy loop: of a notifier that journals 10,000 decisions a minute
    /// that was two thirds of its processor time. So the looks are short and the waiting is ours.
    pub(super) fn drain(&self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        loop {
            self.client.poll(Duration::ZERO);
            if self.client.in_flight_count() == 0 {
                return true;
            }
            if Instant::now() >= deadline {
                return false;
            }
            std::thread::sleep(limits::DRAIN_STEP);
        }
    }

    /// The first failure since the last look, and how many there were.
    pub(super) fn take_failure(&self) -> Option<(RDKafkaErrorCode, u64)> {
        self.client.context().failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        self.events.log(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.events.error(error, reason);
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, _)) = result {
            let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown);
            let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
            match &mut *failure {
                Some((_, n)) => *n += 1,
                none => *none = Some((code, 1)),
            }
        }
    }
}

pub(super) struct KafkaAppender {
    sender: Sender,
}

impl KafkaAppender {
    pub(super) fn open(connection: &Arc<Connection>) -> Result<Self, StreamError> {
        let config = Sender::config(connection)?;
        Ok(KafkaAppender { sender: Sender::open(connection, &config, "appender")? })
    }
}

impl Appender for KafkaAppender {
    fn send(&mut self, message: Outgoing) -> Result<(), StreamError> {
        self.sender.send(&message)
    }

    fn flush(&mut self) -> Result<(), StreamError> {
        let connection = &self.sender.connection;
        // Each message gives up by itself after the delivery time-out; a little more for the last reports.
        let drained = self.sender.drain(connection.settings().delivery_timeout + limits::REQUEST_TIMEOUT);
        match self.sender.take_failure() {
            Some((code, n)) => Err(connection.blame_code("write messages", code, &format!("{n} not written: {code}"))),
            None if drained => Ok(()),
            None => {
                Err(connection.blame_code("write messages", RDKafkaErrorCode::OperationTimedOut, "not acknowledged"))
            }
        }
    }
}
