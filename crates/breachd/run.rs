//! Wires the roles together and runs them until they are told to stop, or one of them ends.

use crate::{
    cli::RoleName,
    context::{Context, Stop, Ticks},
    crash::{self, Crash},
    desk::{Desk, follower},
    health::Healths,
    metrics::{Known, Metrics},
    reload::{self, Current},
    roles::{self, RoleError},
    rules_watch,
    settings::{Settings, Usage, limits, load},
    topics::Topics,
    wall,
};
use activity::Span;
use anyhow::{Context as _, bail};
use std::{
    net::SocketAddr,
    panic::{self, AssertUnwindSafe},
    path::PathBuf,
    sync::{Arc, Mutex, atomic::AtomicU64, mpsc},
    thread,
    time::{Duration, Instant},
};
use stream::Broker;

/// How often a supervisor is told that the loops make progress.
const WATCHDOG: Duration = Duration::from_secs(5);

/// How often it is looked whether topics of sources have got more partitions.
const PARTITIONS_EVERY: Duration = Duration::from_secs(60);

/// How far the wall clock may be set back at once.
const SET_BACK_MAX: Span = Span::from_secs(2);

/// What a role's thread does.
type Work = Box<dyn FnOnce(&Arc<Context>) -> Result<(), RoleError> + Send>;

/// One running process: its roles on threads, its console on the runtime.
pub struct Daemon {
    pub context: Arc<Context>,
    /// Where console, probes and metrics are served.
    pub console: SocketAddr,
    /// What the console reads.
    pub model: Arc<follower::ReadModel>,
    threads: Vec<(RoleName, thread::JoinHandle<()>)>,
    ended: mpsc::Receiver<(RoleName, Result<(), RoleError>)>,
}

/// TLS for what speaks HTTP and SMTP; installed once per process, a second time is no error.
pub fn install_tls_provider() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Starts the roles. Errors: what a person has to mend before it can start.
pub async fn start(settings: Arc<Settings>, broker: Arc<dyn Broker>, roles: &[RoleName]) -> anyhow::Result<Daemon> {
    install_tls_provider();
    let preparing = (Arc::clone(&settings), Arc::clone(&broker));
    let source_partitions = tokio::task::spawn_blocking(move || prepare(&preparing.0, preparing.1.as_ref())).await??;
    let runtime = tokio::runtime::Handle::current();
    let crash = Crash::from_environment().map_err(Usage)?;
    if crash.is_set() {
        tracing::warn!(at = %crash, "{} is set: this process is going to end itself. That is for tests", crash::VARIABLE);
    }
    let ticks = Arc::new(Instant::now);
    let metrics = metrics(&settings);
    let context = Arc::new(Context { crash, ..context(settings, metrics, broker, source_partitions, runtime, ticks) });
    if roles.contains(&RoleName::Notifier) {
        // Not only when this instance's turn to notify comes.
        channels_start(&context, &context.settings)?;
    }
    for role in roles {
        context.healths.starting(*role);
    }
    let (sender, ended) = mpsc::channel();
    // Every process answers probes and shows its metrics; only one with the role `console` follows the incidents.
    let model = follower::ReadModel::new(&context, roles.contains(&RoleName::Console));
    tokio::spawn(reload::watch(Arc::clone(&context)));
    tokio::spawn(rules_watch::watch(Arc::clone(&context)));
    tokio::spawn(partitions_watch(Arc::clone(&context)));
    let console = serve(Arc::clone(&context), Arc::clone(&model)).await?;
    let mut daemon =
        Daemon { context: Arc::clone(&context), console, model: Arc::clone(&model), threads: Vec::new(), ended };
    for role in roles {
        let work: Work = match role {
            RoleName::Ingest => Box::new(roles::ingest::run),
            RoleName::Detector => Box::new(roles::detector::run),
            RoleName::Notifier => Box::new(|context| roles::notifier::run(context)),
            RoleName::Console => {
                let model = Arc::clone(&model);
                Box::new(move |context| follower::follow(context, &model))
            }
        };
        let (context, sender, role) = (Arc::clone(&context), sender.clone(), *role);
        let thread = thread::Builder::new().name(role.to_string()).spawn(move || {
            let outcome = panic::catch_unwind(AssertUnwindSafe(|| work(&context))).unwrap_or(Err(RoleError::Panicked));
            if outcome.is_err() {
                context.healths.failed(role);
            }
            let _ = sender.send((role, outcome));
        })?;
        daemon.threads.push((role, thread));
    }
    Ok(daemon)
}

/// What the roles of one process share, none of them started.
pub fn context(
    settings: Arc<Settings>,
    metrics: Metrics,
    broker: Arc<dyn Broker>,
    source_partitions: Vec<(Box<str>, u32)>,
    runtime: tokio::runtime::Handle,
    ticks: Ticks,
) -> Context {
    Context {
        topics: Topics::new(settings.topics.clone()),
        metrics,
        policy: settings.policy(),
        drills: settings.drill_key(),
        healths: Arc::new(Healths::default()),
        ticks,
        crash: Crash::default(),
        runtime,
        stop: Stop::default(),
        source_partitions: Current::new(Arc::new(source_partitions)),
        taken: AtomicU64::new(0),
        networks: Current::new(Arc::clone(&settings.networks)),
        people: Current::new(Arc::clone(&settings.people)),
        rules: Current::new(Arc::clone(&settings.rules)),
        latest: Mutex::new(Arc::clone(&settings)),
        broker,
        settings,
    }
}

/// Topics: ours are made, the sources' must be there. Returns how many partitions each source has.
pub fn prepare(settings: &Settings, broker: &dyn Broker) -> anyhow::Result<Vec<(Box<str>, u32)>> {
    let mut missing = Vec::new();
    let mut partitions = Vec::new();
    for source in &settings.sources {
        let Some(topic) = &source.topic else {
            bail!("source `{}` names no `topic`: `breachd run` reads from Kafka", source.name)
        };
        match broker.partitions(topic)? {
            Some(n) => partitions.push((source.name.as_str().into(), n)),
            None => missing.push(format!("`{topic}` (of source `{}`)", source.name)),
        }
    }
    if !missing.is_empty() {
        bail!(
            "topics of log sources do not exist: {}; create them, or correct `topic` in `[[sources]]`",
            missing.join(", ")
        );
    }
    Topics::new(settings.topics.clone()).prepare(broker)?;
    Ok(partitions)
}

/// Looks whether the sources' topics have got more partitions: what comes on those is waited for like the others. Fewer cannot be but by
/// a topic that was made anew, and then the next start knows.
async fn partitions_watch(context: Arc<Context>) {
    loop {
        tokio::time::sleep(PARTITIONS_EVERY).await;
        let asked = Arc::clone(&context);
        let grown = tokio::task::spawn_blocking(move || grown(&asked)).await;
        if let Ok(Some(sources)) = grown {
            tracing::info!(?sources, "a topic of a log source has got more partitions");
            context.source_partitions.set(sources);
        }
    }
}

/// What the sources have by now, if it is more.
fn grown(context: &Context) -> Option<Vec<(Box<str>, u32)>> {
    let known = context.source_partitions.get();
    let now = |(name, n): &(Box<str>, u32)| {
        let source = context.settings.sources.iter().find(|source| *source.name == **name);
        let topic = source.and_then(|source| source.topic.as_deref());
        // A broker that does not answer says nothing new.
        let has = topic.and_then(|topic| context.broker.partitions(topic).ok().flatten());
        (name.clone(), has.unwrap_or(0).max(*n))
    };
    let sources: Vec<_> = known.iter().map(now).collect();
    (sources != *known).then_some(sources)
}

/// Those of a process with these settings.
pub fn metrics(settings: &Settings) -> Metrics {
    let sources: Vec<&str> = settings.sources.iter().map(|source| source.name.as_str()).collect();
    let channels: Vec<&str> = settings.channels.iter().map(notifier::ChannelSettings::name).collect();
    let detectors: Vec<&str> = detector::DETECTORS.iter().map(|detector| detector.name).collect();
    let hooks = settings.hooks().names();
    let hooks: Vec<&str> = hooks.iter().map(String::as_str).collect();
    let known = Known { sources: &sources, channels: &channels, hooks: &hooks, detectors: &detectors };
    let metrics = Metrics::new(env!("CARGO_PKG_VERSION"), wall::now(), &known);
    metrics.false_page_budget(settings.detector.false_pages_per_week);
    metrics.reload_successful(true);
    metrics.signatures(settings.rules.rules().len(), settings.rules.digest(), wall::now());
    metrics
}

async fn serve(context: Arc<Context>, model: Arc<follower::ReadModel>) -> anyhow::Result<SocketAddr> {
    let settings = context.settings.console.clone();
    let desk = Arc::new(Desk::new(Arc::clone(&context), model));
    let server = console::Server::bind(&settings, desk)
        .await
        .with_context(|| format!("the console cannot listen at {}", settings.listen))?;
    let address = server.local_addr();
    tracing::info!(%address, "console listens");
    tokio::spawn(async move {
        let stopped = async move {
            while !context.stop.requested() {
                tokio::time::sleep(limits::POLL_WAIT).await;
            }
        };
        server.run(stopped).await;
    });
    Ok(address)
}

impl Daemon {
    /// The first role that ended, if one has.
    pub fn ended(&self) -> Option<(RoleName, Result<(), RoleError>)> {
        self.ended.try_recv().ok()
    }

    /// Tells the roles to stop and waits for them, at most [`limits::SHUTDOWN`]. False: some did not end in time.
    pub fn stop(self) -> bool {
        self.context.stop.request();
        let until = Instant::now() + limits::SHUTDOWN;
        let mut left = self.threads.len();
        while left > 0 {
            match self.ended.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok((role, Ok(()))) => tracing::debug!(%role, "ended"),
                Ok((role, Err(error))) => tracing::error!(%role, %error, "ended with an error"),
                Err(_) => break,
            }
            left -= 1;
        }
        left == 0
    }
}

/// `breachd run`: until SIGTERM or SIGINT, or until a role ends. True: it ended because it was told to. SIGHUP reads the
/// files again: triggers, channels, secrets, deadlines and signature rules change, or nothing does.
pub async fn run(settings: Settings, files: &[PathBuf], roles: &[RoleName]) -> anyhow::Result<bool> {
    let settings = Arc::new(settings);
    let broker = stream::kafka(&settings.kafka)?;
    let mut daemon = Some(start(settings, broker, roles).await?);
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    let mut hangup = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup())?;
    let mut announced = false;
    let mut clock = wall::Steps::from_now_on();
    let told = loop {
        let running = daemon.as_ref().expect("taken only after the loop");
        tokio::select! {
            _ = terminate.recv() => break true,
            _ = tokio::signal::ctrl_c() => break true,
            _ = hangup.recv() => reload(&running.context, files),
            () = tokio::time::sleep(Duration::from_millis(250)) => {}
        }
        if let Some((role, outcome)) = running.ended() {
            match outcome {
                Ok(()) => tracing::error!(%role, "ended by itself"),
                Err(error) => tracing::error!(%role, %error, "failed"),
            }
            break false;
        }
        let back = clock.back();
        if SET_BACK_MAX < back {
            // librdkafka waits until a time of the wall clock: each wait under way, for heartbeats too, now lasts so much longer.
            tracing::error!(%back, "the wall clock was set back; the process ends, so that its waits begin anew at the next start");
            break false;
        }
        announced = notify_supervisor(&running.context, announced);
    };
    tracing::info!("stopping");
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
    let daemon = daemon.take().expect("taken only here");
    let clean = tokio::task::spawn_blocking(move || daemon.stop()).await?;
    if !clean {
        tracing::warn!("some roles did not end in time; what they had not committed is done again at the next start");
    }
    Ok(told)
}

/// Whether the channels can be set up: their secrets are there and fit. Starts and stops them; nothing is sent.
fn channels_start(context: &Context, settings: &Settings) -> Result<(), notifier::ChannelError> {
    let _inside = context.runtime.enter();
    let (reporter, _reports) = tokio::sync::mpsc::channel(1);
    notifier::Dispatcher::start(&settings.notifier(), reporter, Arc::new(notifier::NoObserver)).map(drop)
}

/// Reads the configuration again. What is wrong is said, and the old one stays whole.
fn reload(context: &Context, files: &[PathBuf]) {
    match Settings::load(files, &load::environment()) {
        Ok(settings) => match channels_start(context, &settings) {
            Ok(()) => {
                context.reload(settings);
                context.metrics.reload_successful(true);
            }
            Err(error) => {
                tracing::error!(%error, "the new configuration is not taken up");
                context.metrics.reload_successful(false);
            }
        },
        Err(mistakes) => {
            for mistake in mistakes {
                tracing::error!(%mistake, "the new configuration is not taken up");
            }
            context.metrics.reload_successful(false);
        }
    }
}

/// READY once, then a sign of life as long as every loop makes progress.
fn notify_supervisor(context: &Context, announced: bool) -> bool {
    thread_local! {
        static LAST: std::cell::Cell<Option<Instant>> = const { std::cell::Cell::new(None) };
    }
    let ready = announced || context.healths.unready().is_empty();
    if ready && !announced {
        tracing::info!("ready");
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
    }
    let due = LAST.get().is_none_or(|last| last.elapsed() >= WATCHDOG);
    if due && context.healths.live() {
        LAST.set(Some(Instant::now()));
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Watchdog]);
    }
    ready
}
