//! A dispatcher, its reports, and a clock that only moves when told to.

use activity::{DataClass, Entity, EntityKind, Span, Timestamp};
use detector::Severity;
use incident::{DeadlineFact, DeliveryReport, DeliveryResult, IncidentId, Notice, NoticeFigure, NoticeId, NoticeKind};
use notifier::{Dispatcher, NoObserver, Settings, Submission, Surroundings};
use serde_json::{Value, json};
use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    time::{Duration, SystemTime},
};
use tokio::{sync::mpsc as tokio_mpsc, time::Instant};

/// Paused tokio time jumps to the next timer whenever nothing runs, also while bytes are on their way through a socket. A
/// blocking task keeps it from jumping; the test moves it. After a minute of real time it lets go, so that a test that
/// waits for what never comes fails instead of hanging.
struct Frozen {
    _release: mpsc::Sender<()>,
}

impl Frozen {
    fn new() -> Self {
        let (release, released) = mpsc::channel();
        tokio::task::spawn_blocking(move || {
            // An error means that the test is over.
            let _ = released.recv_timeout(Duration::from_secs(60));
        });
        Frozen { _release: release }
    }
}

pub(crate) struct World {
    pub(crate) dispatcher: Dispatcher,
    reports: tokio_mpsc::Receiver<DeliveryReport>,
    start: Timestamp,
    started: Instant,
    _frozen: Frozen,
}

impl World {
    /// `channels`: an array of `[[channels]]` tables.
    pub(crate) fn new(channels: Value) -> Self {
        let settings: Settings = serde_json::from_value(channels).unwrap();
        let frozen = Frozen::new();
        let (sender, reports) = tokio_mpsc::channel(1000);
        let start = wall_now();
        let dispatcher =
            Dispatcher::start_within(&settings, sender, Arc::new(NoObserver), Surroundings::following_tokio(start))
                .unwrap();
        World { dispatcher, reports, start, started: Instant::now(), _frozen: frozen }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.start + Span::from_millis(self.started.elapsed().as_millis() as i64)
    }

    pub(crate) fn submit(&self, notice: &Notice) {
        assert_eq!(self.dispatcher.submit(notice.clone()), Submission::Queued);
    }

    pub(crate) async fn next(&mut self) -> DeliveryReport {
        tokio::time::timeout(Duration::from_secs(86_400), self.reports.recv()).await.expect("a report").unwrap()
    }

    /// Every report until sending ends, moving the clock to each retry.
    pub(crate) async fn settle(&mut self) -> Vec<DeliveryReport> {
        let mut reports = Vec::new();
        loop {
            let report = self.next().await;
            reports.push(report.clone());
            match report.result {
                DeliveryResult::Retrying { next_at, .. } => self.advance_to(next_at).await,
                _ => return reports,
            }
        }
    }

    /// Submits and settles: the results' names.
    pub(crate) async fn deliver(&mut self, notice: &Notice) -> Vec<&'static str> {
        self.submit(notice);
        self.settle().await.iter().map(|report| report.result.as_str()).collect()
    }

    pub(crate) async fn advance_to(&self, at: Timestamp) {
        let wait = (at - self.now()).as_millis().max(0) as u64;
        tokio::time::advance(Duration::from_millis(wait)).await;
    }

    pub(crate) async fn advance(&self, secs: u64) {
        tokio::time::advance(Duration::from_secs(secs)).await;
    }
}

pub(crate) fn wall_now() -> Timestamp {
    Timestamp::from_millis(SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis() as i64)
}

/// A notice of its own incident, for the channel called `c`.
pub(crate) fn notice() -> Notice {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let decided_at = wall_now();
    Notice {
        id: NoticeId(format!("{number:032x}")),
        incident: IncidentId(number),
        kind: NoticeKind::Opened,
        channel: "c".into(),
        decided_at,
        hold_until: None,
        expires_at: decided_at + Span::from_hours(4),
        severity: Severity::High,
        subject: Entity::new(EntityKind::PortalUser, "u1042"),
        data_classes: DataClass::Hr.into(),
        affected_records: 1840,
        title: "u1042 read 1,840 rows of hr_payroll".into(),
        reasons: vec!["read 1,840 rows of hr_payroll in 5 min; 12 is usual".into()],
        figures: vec![NoticeFigure { name: "seen".into(), words: "seen: 1,840 rows in the hour".into() }],
        affected: None,
        n_alerts: 1,
        first_seen_at: decided_at - Span::from_minutes(2),
        deadlines: vec![DeadlineFact {
            obligation: "eu-gdpr-33-authority".into(),
            name: "GDPR Art. 33: tell the authority".into(),
            due_at: Some(decided_at + Span::from_hours(72)),
            simulated: false,
            assumed: Vec::new(),
        }],
        n_deadlines_beyond: 0,
        wording: None,
        checkpoint: None,
        link: Some("https://breachd.example/incidents/INC-7".into()),
        digest: Vec::new(),
        document: None,
        drill: None,
        recipient: None,
        again: 0,
    }
}

/// What follows in the same incident.
pub(crate) fn follow_up(first: &Notice, kind: NoticeKind) -> Notice {
    Notice { id: notice().id, kind, ..first.clone() }
}

/// A file with this text, for a setting that wants one.
pub(crate) fn file(text: &str) -> PathBuf {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let path = directory.join(format!("{}-{number}", std::process::id()));
    std::fs::write(&path, text).unwrap();
    path
}

/// The table with another key or two.
pub(crate) fn with(channel: &Value, more: Value) -> Value {
    let mut channel = channel.clone();
    let more = more.as_object().cloned().unwrap();
    channel.as_object_mut().unwrap().extend(more);
    channel
}

pub(crate) fn only(channel: &Value) -> Value {
    json!([channel])
}

/// A port nobody listens at.
pub(crate) fn closed_port() -> u16 {
    std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}
