//! An ingest that cannot commit, in memory: that its records wait has to show while it lasts, or nobody is paged for it.

use crate::harness::{Scratch, topic};
use breachd::{context::Context, roles::ingest::IngestRole, run, settings::Settings};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use stream::{
    Appender, Broker, CommitError, From, GroupSpec, GroupToken, Member, Offset, Outgoing, Reader, StreamError,
    TopicSpec, Transactor,
};

/// A broker that takes no transaction while it is told so, as one whose replicas are too few.
struct Refusing {
    host: Arc<dyn Broker>,
    refuses: Arc<AtomicBool>,
}

impl Broker for Refusing {
    fn create_topics(&self, topics: &[TopicSpec]) -> Result<(), StreamError> {
        self.host.create_topics(topics)
    }

    fn partitions(&self, topic: &str) -> Result<Option<u32>, StreamError> {
        self.host.partitions(topic)
    }

    fn join(&self, group: GroupSpec) -> Result<Box<dyn Member>, StreamError> {
        self.host.join(group)
    }

    fn read(&self, topics: &[From<'_>]) -> Result<Box<dyn Reader>, StreamError> {
        self.host.read(topics)
    }

    fn read_partition(&self, topic: &str, partition: i32) -> Result<Box<dyn Reader>, StreamError> {
        self.host.read_partition(topic, partition)
    }

    fn transactor(&self, id: &str) -> Result<Box<dyn Transactor>, StreamError> {
        Ok(Box::new(RefusingTransactor { inner: self.host.transactor(id)?, refuses: Arc::clone(&self.refuses) }))
    }

    fn appender(&self) -> Result<Box<dyn Appender>, StreamError> {
        self.host.appender()
    }

    fn end_offsets(&self, topic: &str) -> Result<Vec<i64>, StreamError> {
        self.host.end_offsets(topic)
    }
}

struct RefusingTransactor {
    inner: Box<dyn Transactor>,
    refuses: Arc<AtomicBool>,
}

impl Transactor for RefusingTransactor {
    fn begin(&mut self) -> Result<(), StreamError> {
        self.inner.begin()
    }

    fn send(&mut self, message: Outgoing) -> Result<(), StreamError> {
        self.inner.send(message)
    }

    fn commit(&mut self, offsets: Option<(&GroupToken, &[Offset])>) -> Result<(), CommitError> {
        if self.refuses.load(Ordering::Relaxed) {
            self.inner.abort().map_err(CommitError::Fatal)?;
            return Err(CommitError::Aborted("too few replicas".into()));
        }
        self.inner.commit(offsets)
    }

    fn abort(&mut self) -> Result<(), StreamError> {
        self.inner.abort()
    }
}

struct World {
    host: Arc<dyn Broker>,
    refuses: Arc<AtomicBool>,
    /// Milliseconds of the clock.
    now: Arc<AtomicU64>,
    context: Arc<Context>,
    _runtime: tokio::runtime::Runtime,
}

impl World {
    fn new() -> World {
        let scratch = Scratch::new("stalled");
        let config = "[ingest]\nflush_interval = \"200ms\"\n[[sources]]\nname = \"web\"\nformat = \"nginx_json\"\ntopic = \"web\"\n";
        let settings = Settings::load(&[scratch.write("breachd.toml", config)], &[]).unwrap();
        let (host, refuses, now) = (stream::memory(), Arc::new(AtomicBool::new(false)), Arc::default());
        host.create_topics(&[topic("web", 1)]).unwrap();
        let partitions = run::prepare(&settings, host.as_ref()).unwrap();
        let broker = Refusing { host: Arc::clone(&host), refuses: Arc::clone(&refuses) };
        let (began, millis) = (Instant::now(), Arc::clone(&now));
        let ticks = Arc::new(move || began + Duration::from_millis(AtomicU64::load(&millis, Ordering::Relaxed)));
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let handle = runtime.handle().clone();
        let metrics = run::metrics(&settings);
        let context = run::context(Arc::new(settings), metrics, Arc::new(broker), partitions, handle, ticks);
        World { host, refuses, now, context: Arc::new(context), _runtime: runtime }
    }

    fn turns(&self, role: &mut IngestRole, n: u32) {
        for _ in 0..n {
            self.now.fetch_add(300, Ordering::Relaxed);
            role.step().unwrap();
        }
    }

    /// `breachd_consumer_lag_records` of the topic.
    fn lag(&self) -> Option<String> {
        let text = self.context.metrics.render();
        let line = text.lines().find_map(|line| line.strip_prefix("breachd_consumer_lag_records{topic=\"web\"} "));
        line.map(str::to_owned)
    }

    fn produce(&self, n: u32) {
        let mut appender = self.host.appender().unwrap();
        for second in 0..n {
            let line = format!(
                "{{\"time\":\"2026-03-02T08:00:{second:02}Z\",\"remote_addr\":\"10.0.0.7\",\"request_method\":\"GET\",\"uri\":\"/\",\"status\":200}}"
            );
            let payload = line.into_bytes();
            appender.send(Outgoing { topic: "web".into(), payload, ..Outgoing::default() }).unwrap();
        }
        appender.flush().unwrap();
    }
}

#[test]
fn what_waits_shows_while_nothing_can_be_committed() {
    let world = World::new();
    let mut role = IngestRole::join(&world.context).unwrap();
    world.turns(&mut role, 10);
    assert_eq!(world.lag().as_deref(), Some("0"));
    world.refuses.store(true, Ordering::Relaxed);
    world.produce(7);
    world.turns(&mut role, 60);
    assert_eq!(world.lag().as_deref(), Some("7"), "they are read again and again");
    world.refuses.store(false, Ordering::Relaxed);
    world.turns(&mut role, 10);
    assert_eq!(world.lag().as_deref(), Some("0"));
}

#[test]
fn who_reads_a_topic_no_more_is_not_behind_in_it() {
    let world = World::new();
    let mut role = IngestRole::join(&world.context).unwrap();
    world.turns(&mut role, 10);
    world.refuses.store(true, Ordering::Relaxed);
    world.produce(7);
    world.turns(&mut role, 60);
    assert_eq!(world.lag().as_deref(), Some("7"));
    // Somebody else takes the only partition over.
    let group = GroupSpec {
        group: world.context.group("ingest"),
        instance: Some("0-before-all-others".into()),
        topics: vec!["web".into()],
        start: stream::Start::Committed,
    };
    let mut other = world.host.join(group).unwrap();
    for _ in 0..10 {
        other.poll(0, Duration::from_millis(1), &mut |_| {}).unwrap();
        world.turns(&mut role, 1);
    }
    assert_eq!(other.assignment().len(), 1, "it is the first by its name");
    assert_eq!(world.lag().as_deref(), Some("0"));
}
