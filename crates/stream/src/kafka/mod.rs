//! Apache Kafka through librdkafka.
//!
//! Each member, reader, transactor and appender is a client of its own, used by one thread. One more client, the
//! *inspector*, answers questions about topics and offsets, and a small thread serves the events of clients that nobody
//! is using, so that their logs are told when they happen and do not pile up.

mod census;
mod closing;
mod connection;
mod member;
mod producer;
mod reader;
mod report;
mod standing;
mod transactor;

pub(crate) use member::{header, headers};

use crate::{Appender, Broker, From, GroupSpec, Member, Reader, Settings, StreamError, TopicSpec, Transactor};
use connection::Connection;
use member::KafkaMember;
use producer::KafkaAppender;
use rdkafka::{
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    consumer::Consumer as _,
    types::RDKafkaErrorCode,
};
use reader::KafkaReader;
use report::Events;
use std::{
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
    time::Duration,
};
use transactor::KafkaTransactor;

/// Connects to Kafka; waits for the first answer at most [`Settings::request_timeout`].
///
/// # Errors
/// [`StreamError::Settings`] with all mistakes; [`StreamError::Unreachable`] or [`StreamError::NotAllowed`] with the reason
/// the client library gives.
pub fn kafka(settings: &Settings) -> Result<Arc<dyn Broker>, StreamError> {
    Ok(Arc::new(Kafka { connection: Connection::open(settings)? }))
}

struct Kafka {
    connection: Arc<Connection>,
}

impl Broker for Kafka {
    fn create_topics(&self, topics: &[TopicSpec]) -> Result<(), StreamError> {
        const DOING: &str = "create topics";
        let connection = &self.connection;
        let configs: Vec<Vec<(&str, String)>> = topics.iter().map(TopicSpec::config).collect();
        let news = topics.iter().zip(&configs).map(|(spec, config)| {
            let partitions = i32::try_from(spec.partitions).unwrap_or(i32::MAX);
            let replication = TopicReplication::Fixed(spec.replication.map_or(-1, i32::from));
            let new = NewTopic::new(&spec.name, partitions, replication);
            config.iter().fold(new, |new, (key, value)| new.set(key, value))
        });
        let news: Vec<NewTopic<'_>> = news.collect();
        if news.is_empty() {
            return Ok(());
        }
        let events = Events::new("admin", connection.report());
        let admin: AdminClient<Events> =
            connection.config()?.create_with_context(events).map_err(|error| connection.blame(DOING, &error))?;
        let timeout = Some(connection.settings().request_timeout);
        let options = AdminOptions::new().request_timeout(timeout).operation_timeout(timeout);
        let results =
            block_on(admin.create_topics(&news, &options)).map_err(|error| connection.blame(DOING, &error))?;
        for result in results {
            match result {
                Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((topic, code)) => {
                    return Err(connection.blame_code(DOING, code, &format!("topic `{topic}`: {code}")));
                }
            }
        }
        // The controller knows them; wait until the broker that is asked knows them too.
        topics.iter().try_for_each(|spec| connection.await_topic(&spec.name))
    }

    fn partitions(&self, topic: &str) -> Result<Option<u32>, StreamError> {
        self.connection.partitions(topic)
    }

    fn join(&self, group: GroupSpec) -> Result<Box<dyn Member>, StreamError> {
        Ok(Box::new(KafkaMember::join(&self.connection, group)?))
    }

    fn read(&self, topics: &[From<'_>]) -> Result<Box<dyn Reader>, StreamError> {
        Ok(Box::new(KafkaReader::open(&self.connection, topics)?))
    }

    fn read_partition(&self, topic: &str, partition: i32) -> Result<Box<dyn Reader>, StreamError> {
        Ok(Box::new(KafkaReader::of_partition(&self.connection, topic, partition)?))
    }

    fn transactor(&self, id: &str) -> Result<Box<dyn Transactor>, StreamError> {
        Ok(Box::new(KafkaTransactor::open(&self.connection, id)?))
    }

    fn appender(&self) -> Result<Box<dyn Appender>, StreamError> {
        Ok(Box::new(KafkaAppender::open(&self.connection)?))
    }

    fn end_offsets(&self, topic: &str) -> Result<Vec<i64>, StreamError> {
        let connection = &self.connection;
        let n_partitions = connection.existing(topic)?;
        let end = |partition| Ok(connection.watermarks(connection.inspector().client(), topic, partition)?.1);
        (0..n_partitions).map(end).collect()
    }
}

/// A wait as librdkafka can wait: it counts in whole milliseconds, so the rest of one would be no wait, and asking again until it is over a busy
/// loop (an idle notifier took 7 % of a core so).
fn waitable(wait: Duration) -> Duration {
    Duration::from_millis(u64::try_from(wait.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX))
}

/// Waits for a future on this thread. The administration calls are rdkafka's only ones without a blocking form, and one
/// small function is less than an executor.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn without_a_broker_it_says_so_in_time() {
        // Port 9 (discard) on loopback: nobody listens there.
        let settings = Settings {
            bootstrap_servers: "127.0.0.1:9".into(),
            request_timeout: Duration::from_secs(1),
            ..Settings::default()
        };
        let began = Instant::now();
        let error = kafka(&settings).err().expect("nobody is there");
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        assert!(matches!(error, StreamError::Unreachable { .. }), "{error}");
        assert!(error.retry());
        let text = error.to_string();
        assert!(text.contains("127.0.0.1:9") && text.contains("refused"), "{text}");
    }

    #[test]
    fn refused_settings_name_every_mistake() {
        let settings =
            Settings { bootstrap_servers: "nowhere".into(), compression: "rar".into(), ..Settings::default() };
        let text = kafka(&settings).err().expect("two mistakes").to_string();
        assert!(text.contains("`bootstrap_servers`") && text.contains("`compression`"), "{text}");
        let properties = [("no.such.property".to_owned(), "1".to_owned())].into();
        let error = kafka(&Settings { properties, ..Settings::default() }).err().expect("librdkafka refuses it");
        assert!(matches!(&error, StreamError::Settings(why) if why.contains("no.such.property")), "{error}");
    }

    #[test]
    fn a_topic_kept_for_ever_has_no_limit_of_any_kind() {
        let spec = TopicSpec {
            name: "journal".into(),
            partitions: 1,
            replication: Some(3),
            compacted: false,
            retention: None,
        };
        let config = spec.config();
        for expected in [("retention.ms", "-1"), ("retention.bytes", "-1"), ("min.insync.replicas", "2")] {
            assert!(config.iter().any(|(key, value)| (*key, value.as_str()) == expected), "{expected:?}: {config:?}");
        }
    }
}
