//! What all clients of one cluster share: settings, the inspector, and how errors are told.

use super::{
    producer::Deliveries,
    report::{Events, Report, denied},
};
use crate::{Settings, StreamError, limits};
use rdkafka::{
    ClientContext,
    client::Client,
    config::{ClientConfig, RDKafkaLogLevel},
    consumer::{BaseConsumer, Consumer as _, ConsumerContext},
    error::KafkaError,
    producer::BaseProducer,
    types::RDKafkaErrorCode,
};
use std::{
    fs,
    path::Path,
    sync::{Arc, Mutex, PoisonError, Weak},
    thread,
    time::{Duration, Instant},
};

pub(super) type ProducerClient = BaseProducer<Deliveries>;

pub(super) struct Connection {
    settings: Settings,
    report: Arc<Report>,
    inspector: BaseConsumer<Events>,
    /// Served by the housekeeper while nobody sends.
    producers: Mutex<Vec<Weak<ProducerClient>>>,
}

impl ConsumerContext for Events {}

impl Connection {
    pub(super) fn open(settings: &Settings) -> Result<Arc<Connection>, StreamError> {
        let mistakes: Vec<String> =
            settings.check().into_iter().map(|(key, problem)| format!("`{key}` {problem}")).collect();
        if !mistakes.is_empty() {
            return Err(StreamError::Settings(mistakes.join("; ")));
        }
        let report = Arc::new(Report::default());
        let mut config = client_config(settings)?;
        // It asks for the very end of a log, committed or not.
        config.set("isolation.level", "read_uncommitted");
        let inspector: BaseConsumer<Events> = config
            .create_with_context(Events::new("inspector", &report))
            .map_err(|error| StreamError::Settings(error.to_string()))?;
        let connection =
            Arc::new(Connection { settings: settings.clone(), report, inspector, producers: Mutex::default() });
        keep_house(&connection);
        connection.await_broker()?;
        Ok(connection)
    }

    /// The first answer of any broker.
    fn await_broker(&self) -> Result<(), StreamError> {
        let deadline = Instant::now() + self.settings.request_timeout;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let step = left.min(limits::HOUSEKEEPING_EVERY);
            if self.inspector.client().fetch_cluster_id(step).is_some() {
                self.report.fine();
                return Ok(());
            }
            if self.report.trouble().is_some_and(|trouble| trouble.denied) || left.is_zero() {
                return Err(self.blame_code("connect", RDKafkaErrorCode::OperationTimedOut, "no answer in time"));
            }
        }
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(super) fn report(&self) -> &Arc<Report> {
        &self.report
    }

    pub(super) fn inspector(&self) -> &BaseConsumer<Events> {
        &self.inspector
    }

    /// What every client is configured with. Secrets are read from their files each time.
    pub(super) fn config(&self) -> Result<ClientConfig, StreamError> {
        client_config(&self.settings)
    }

    /// What every client that reads records is configured with.
    pub(super) fn consumer_config(&self) -> Result<ClientConfig, StreamError> {
        let mut config = self.config()?;
        config
            .set("isolation.level", "read_committed")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "earliest")
            .set("allow.auto.create.topics", "false")
            .set("check.crcs", "true");
        for (key, value) in [
            ("fetch.max.bytes", limits::FETCH_BYTES_MAX.to_string()),
            ("max.partition.fetch.bytes", limits::FETCH_PARTITION_BYTES_MAX.to_string()),
            ("queued.max.messages.kbytes", (limits::RECEIVE_QUEUE_BYTES_MAX >> 10).to_string()),
            // Ask again as soon as there is room: the default of 1 s makes a reader with a small queue stutter.
            ("fetch.queue.backoff.ms", "10".into()),
        ] {
            self.set_default(&mut config, key, value);
        }
        Ok(config)
    }

    /// Sets what the settings' `properties` do not.
    pub(super) fn set_default(&self, config: &mut ClientConfig, key: &str, value: String) {
        if !self.settings.properties.contains_key(key) {
            config.set(key, value);
        }
    }

    pub(super) fn adopt_producer(&self, producer: &Arc<ProducerClient>) {
        let mut producers = self.producers.lock().unwrap_or_else(PoisonError::into_inner);
        producers.retain(|producer| producer.strong_count() > 0);
        producers.push(Arc::downgrade(producer));
    }

    pub(super) fn partitions(&self, topic: &str) -> Result<Option<u32>, StreamError> {
        self.partitions_within(topic, self.settings.request_timeout)
    }

    pub(super) fn partitions_within(&self, topic: &str, timeout: Duration) -> Result<Option<u32>, StreamError> {
        const DOING: &str = "ask about a topic";
        let metadata =
            self.inspector.fetch_metadata(Some(topic), timeout).map_err(|error| self.blame(DOING, &error))?;
        let Some(found) = metadata.topics().iter().find(|found| found.name() == topic) else { return Ok(None) };
        match found.error().map(RDKafkaErrorCode::from) {
            Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => Ok(None),
            // It exists; one of its partitions has no leader at the moment.
            None | Some(RDKafkaErrorCode::LeaderNotAvailable) if found.partitions().is_empty() => Ok(None),
            None | Some(RDKafkaErrorCode::LeaderNotAvailable) => {
                Ok(Some(u32::try_from(found.partitions().len()).unwrap_or(u32::MAX)))
            }
            Some(code) => Err(self.blame_code(DOING, code, &format!("topic `{topic}`: {code}"))),
        }
    }

    /// Partitions of a topic that has to exist.
    pub(super) fn existing(&self, topic: &str) -> Result<i32, StreamError> {
        let n_partitions =
            self.partitions(topic)?.ok_or_else(|| StreamError::NoSuchTopic { topic: topic.to_owned() })?;
        Ok(i32::try_from(n_partitions).unwrap_or(i32::MAX))
    }

    /// Waits until a topic that has been created is known, and each partition has a leader.
    pub(super) fn await_topic(&self, topic: &str) -> Result<(), StreamError> {
        let deadline = Instant::now() + self.settings.request_timeout;
        loop {
            let led = |partition| self.watermarks(self.inspector.client(), topic, partition).is_ok();
            if self.partitions(topic)?.is_some_and(|n| (0..i32::try_from(n).unwrap_or(i32::MAX)).all(led)) {
                return Ok(());
            }
            if Instant::now() >= deadline {
                let reason = format!("`{topic}` has been created and is not there yet");
                return Err(StreamError::Failed { doing: "create topics", reason, retry: true });
            }
            thread::sleep(limits::RETRY_PAUSE);
        }
    }

    /// (first offset, end) of a partition, as this client may see it: to one that reads committed records only, the end is
    /// where the oldest open transaction begins.
    pub(super) fn watermarks<C: ClientContext>(
        &self,
        client: &Client<C>,
        topic: &str,
        partition: i32,
    ) -> Result<(i64, i64), StreamError> {
        let deadline = Instant::now() + self.settings.request_timeout;
        loop {
            let found = client.fetch_watermarks(topic, partition, self.settings.request_timeout);
            let error = match found {
                Ok(watermarks) => return Ok(watermarks),
                Err(error) => self.blame("ask for offsets", &error),
            };
            // A partition whose leader is being elected has one in a moment; of a broker that is away it has been waited for already.
            let passes = matches!(error, StreamError::Failed { retry: true, .. });
            if !passes || deadline <= Instant::now() {
                return Err(error);
            }
            thread::sleep(limits::RETRY_PAUSE);
        }
    }

    /// Says what an error of the client library means for the caller.
    pub(super) fn blame(&self, doing: &'static str, error: &KafkaError) -> StreamError {
        match error {
            KafkaError::ClientConfig(..) | KafkaError::ClientCreation(_) => StreamError::Settings(error.to_string()),
            KafkaError::Transaction(inner) => self.blame_code(doing, inner.code(), &inner.string()),
            _ => match error.rdkafka_error_code() {
                Some(code) => self.blame_code(doing, code, &error.to_string()),
                None => StreamError::Failed { doing, reason: error.to_string(), retry: false },
            },
        }
    }

    pub(super) fn blame_code(&self, doing: &'static str, code: RDKafkaErrorCode, reason: &str) -> StreamError {
        use RDKafkaErrorCode as Code;
        if denied(code) {
            return StreamError::NotAllowed { doing, reason: reason.to_owned() };
        }
        match code {
            Code::AllBrokersDown
            | Code::BrokerTransportFailure
            | Code::Resolve
            | Code::OperationTimedOut
            | Code::RequestTimedOut
            | Code::MessageTimedOut
            | Code::TimedOutQueue
            | Code::WaitingForCoordinator
            | Code::NetworkException => match self.report.trouble() {
                Some(trouble) if trouble.denied => StreamError::NotAllowed { doing, reason: trouble.reason },
                trouble => StreamError::Unreachable {
                    doing,
                    servers: self.settings.bootstrap_servers.clone(),
                    reason: trouble.map_or_else(|| reason.to_owned(), |trouble| trouble.reason),
                },
            },
            Code::CoordinatorLoadInProgress
            | Code::CoordinatorNotAvailable
            | Code::NotCoordinator
            | Code::LeaderNotAvailable
            | Code::NotLeaderForPartition
            | Code::NotEnoughReplicas
            | Code::NotEnoughReplicasAfterAppend
            | Code::ConcurrentTransactions
            | Code::RebalanceInProgress
            // Of a topic that is there: it has been created a moment ago, and not all brokers, or this client, know it yet.
            | Code::UnknownPartition
            | Code::UnknownTopicOrPartition
            | Code::UnstableOffsetCommit => StreamError::Failed { doing, reason: reason.to_owned(), retry: true },
            _ => StreamError::Failed { doing, reason: reason.to_owned(), retry: false },
        }
    }
}

/// Serves the inspector, and producers that nobody uses at the moment, for as long as the connection lives.
fn keep_house(connection: &Arc<Connection>) {
    let weak = Arc::downgrade(connection);
    let work = move || {
        while let Some(connection) = weak.upgrade() {
            // Without a group and an assignment, nothing but logs and errors comes from it.
            let _ = connection.inspector.poll(limits::HOUSEKEEPING_EVERY);
            let producers = connection.producers.lock().unwrap_or_else(PoisonError::into_inner).clone();
            for producer in producers.iter().filter_map(Weak::upgrade) {
                producer.poll(Duration::ZERO);
            }
        }
    };
    if let Err(error) = thread::Builder::new().name("kafka-events".into()).spawn(work) {
        tracing::warn!(%error, "no thread for kafka's events; they are told late");
    }
}

fn client_config(settings: &Settings) -> Result<ClientConfig, StreamError> {
    let mut config = ClientConfig::new();
    config.set_log_level(RDKafkaLogLevel::Info);
    config
        .set("client.id", "breachd")
        // A broker that comes back is found soon; the default is 10 s.
        .set("reconnect.backoff.max.ms", "2000")
        .set("socket.keepalive.enable", "true")
        .set("log.connection.close", "false");
    for (key, value) in &settings.properties {
        config.set(key, value);
    }
    config
        .set("bootstrap.servers", &settings.bootstrap_servers)
        .set("security.protocol", settings.security_protocol.as_str());
    for (key, file) in [
        ("ssl.ca.location", &settings.ssl_ca_file),
        ("ssl.certificate.location", &settings.ssl_certificate_file),
        ("ssl.key.location", &settings.ssl_key_file),
    ] {
        if let Some(file) = file {
            config.set(key, file.to_string_lossy());
        }
    }
    if let Some(mechanism) = settings.sasl_mechanism {
        config.set("sasl.mechanisms", mechanism.as_str());
    }
    if let Some(username) = &settings.sasl_username {
        config.set("sasl.username", username);
    }
    for (key, file) in
        [("sasl.password", &settings.sasl_password_file), ("ssl.key.password", &settings.ssl_key_password_file)]
    {
        if let Some(file) = file {
            config.set(key, secret(file)?);
        }
    }
    Ok(config)
}

fn secret(file: &Path) -> Result<String, StreamError> {
    let text = fs::read_to_string(file)
        .map_err(|error| StreamError::Settings(format!("`{}` cannot be read: {error}", file.display())))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}
