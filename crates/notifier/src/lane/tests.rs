//! The stages together, on paused time and with a channel that does what a script says.

use super::*;
use crate::{
    Dispatcher, NoObserver, Observer, Pace, Period, RETRY_AFTER_MAX, Secret, Submission,
    channel::{Answer, Channel},
    render::example,
};
use activity::{Span, Timestamp};
use incident::{DeliveryReport, IncidentId, NoticeId, NoticeKind};
use std::collections::VecDeque;

/// What the scripted channel does at one call.
enum Act {
    Take,
    Refuse,
    Fail,
    Pause(u64),
    Hang,
    Panic,
}

#[derive(Default)]
struct Script {
    acts: Mutex<VecDeque<Act>>,
    looks: Mutex<VecDeque<Result<Confirmation, Failure>>>,
    /// Id and attempt of every call, and the seconds since the start.
    calls: Mutex<Vec<(String, u32, u64)>>,
    started: Mutex<Option<Instant>>,
    confirms: bool,
    secret: Option<Secret>,
}

impl Script {
    fn of(acts: impl IntoIterator<Item = Act>) -> Self {
        Script { acts: Mutex::new(acts.into_iter().collect()), ..Script::default() }
    }

    fn calls(&self) -> Vec<(String, u32, u64)> {
        self.calls.lock().unwrap().clone()
    }
}

impl Channel for Script {
    fn send<'a>(&'a self, notice: &'a Notice, attempt: u32) -> Answer<'a, Receipt> {
        let start = *self.started.lock().unwrap().get_or_insert_with(Instant::now);
        self.calls.lock().unwrap().push((notice.id.0.clone(), attempt, start.elapsed().as_secs()));
        let act = self.acts.lock().unwrap().pop_front().unwrap_or(Act::Take);
        Box::pin(async move {
            match act {
                Act::Take => Ok(Receipt("taken".into())),
                Act::Refuse => Err(Failure::refused("HTTP 400: secret-key-123\u{1b}[2J")),
                Act::Fail => Err(Failure::passing("HTTP 500")),
                Act::Pause(secs) => Err(Failure {
                    reason: "HTTP 429".into(),
                    kind: FailureKind::Passing { retry_after: Some(Duration::from_secs(secs)) },
                }),
                Act::Hang => std::future::pending().await,
                Act::Panic => panic!("a bug in a channel"),
            }
        })
    }

    fn can_confirm(&self) -> bool {
        self.confirms
    }

    fn confirm<'a>(&'a self, _notice: &'a Notice) -> Answer<'a, Confirmation> {
        let look = self.looks.lock().unwrap().pop_front().unwrap_or(Ok(Confirmation::NotYet));
        Box::pin(async move { look })
    }

    fn probe(&self) -> Answer<'_, String> {
        Box::pin(async { Err(Failure::refused("secret-key-123 is wrong")) })
    }

    fn secrets(&self) -> Vec<&Secret> {
        self.secret.iter().collect()
    }
}

struct World {
    dispatcher: Dispatcher,
    reports: mpsc::Receiver<DeliveryReport>,
    start: Timestamp,
}

impl World {
    fn new(channels: Vec<(&str, Arc<Script>)>) -> Self {
        Self::with(channels, Pace::default(), Arc::new(NoObserver))
    }

    fn with(channels: Vec<(&str, Arc<Script>)>, pace: Pace, observer: Arc<dyn Observer>) -> Self {
        let start = example().decided_at;
        let (sender, reports) = mpsc::channel(100);
        let channels =
            channels.into_iter().map(|(name, script)| (name.to_owned(), pace, script as AnyChannel)).collect();
        let dispatcher = Dispatcher::of_channels(channels, sender, observer, Surroundings::following_tokio(start));
        World { dispatcher, reports, start }
    }

    /// The next report: notice, attempt, result, seconds since the start.
    async fn next(&mut self) -> (String, u32, &'static str, i64) {
        let report = self.reports.recv().await.unwrap();
        (report.notice.0, report.attempt, report.result.as_str(), (report.at - self.start).as_secs())
    }
}

fn notice(id: &str, change: impl FnOnce(&mut Notice)) -> Notice {
    let mut notice = Notice { id: NoticeId(id.into()), channel: "a".into(), ..example() };
    change(&mut notice);
    notice
}

#[tokio::test(start_paused = true)]
async fn retries_until_taken_and_reports_each_attempt() {
    let script = Arc::new(Script::of([Act::Fail, Act::Fail, Act::Take]));
    let mut world = World::new(vec![("a", script.clone())]);
    assert_eq!(world.dispatcher.submit(notice("n", |_| {})), Submission::Queued);
    let report = world.reports.recv().await.unwrap();
    let next_at = world.start + Span::from_secs(2);
    assert_eq!(report.result, DeliveryResult::Retrying { reason: "HTTP 500".into(), next_at });
    assert_eq!(world.next().await, ("n".into(), 2, "retrying", 2));
    assert_eq!(world.next().await, ("n".into(), 3, "accepted", 6));
    assert_eq!(world.dispatcher.submit(notice("n", |_| {})), Submission::Repeated);
    assert_eq!(world.dispatcher.drain(Duration::from_secs(60)).await, 0);
    assert!(world.reports.recv().await.is_none(), "no further report");
    assert_eq!(script.calls().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_ends_it_without_secrets_or_control_characters() {
    let script = Script { secret: Some(Secret::new("secret-key-123")), ..Script::of([Act::Refuse]) };
    let mut world = World::new(vec![("a", Arc::new(script))]);
    let _ = world.dispatcher.submit(notice("n", |_| {}));
    let report = world.reports.recv().await.unwrap();
    assert_eq!(report.result, DeliveryResult::Rejected { reason: "HTTP 400: [secret]␛[2J".into() });
    let error = world.dispatcher.probe("a").await.unwrap_err();
    assert_eq!(error.to_string(), "channel `a`: [secret] is wrong");
    assert!(matches!(world.dispatcher.probe("b").await, Err(ProbeError::NoSuchChannel { .. })));
}

#[tokio::test(start_paused = true)]
async fn never_tries_past_the_end() {
    let script = Arc::new(Script::of((0..100).map(|_| Act::Fail)));
    let mut world = World::new(vec![("a", script.clone())]);
    let expires_at = world.start + Span::from_secs(60);
    let _ = world.dispatcher.submit(notice("n", |notice| notice.expires_at = expires_at));
    let mut last = world.next().await;
    while last.2 == "retrying" {
        last = world.next().await;
    }
    assert_eq!((last.1, last.2), (5, "expired"));
    assert!(last.3 < 60 && script.calls().iter().all(|(_, _, secs)| *secs < 60), "{last:?}");
}

#[tokio::test(start_paused = true)]
async fn what_waits_too_long_expires_untried() {
    let script = Arc::new(Script::of([Act::Hang]));
    let mut world = World::with(vec![("a", script)], Pace { concurrency: 1, ..Pace::default() }, Arc::new(NoObserver));
    let _ = world.dispatcher.submit(notice("stuck", |notice| notice.incident = IncidentId(1)));
    let expires_at = world.start + Span::from_secs(30);
    let _ = world.dispatcher.submit(notice("late", |notice| notice.expires_at = expires_at));
    let report = world.reports.recv().await.unwrap();
    assert_eq!((report.notice.0.as_str(), report.attempt), ("late", 0));
    assert!(matches!(report.result, DeliveryResult::Expired { .. }));
    assert!((report.at - world.start).as_secs() <= 60, "within the longest sleep of a lane");
}

#[tokio::test(start_paused = true)]
async fn a_dead_channel_delays_no_other() {
    let dead = Arc::new(Script::of((0..100).map(|_| Act::Hang)));
    let mut world = World::new(vec![("dead", dead), ("a", Arc::new(Script::default()))]);
    for id in 0..50 {
        let _ = world.dispatcher.submit(notice(&format!("dead{id}"), |notice| {
            notice.channel = "dead".into();
            notice.incident = IncidentId(id);
        }));
    }
    let _ = world.dispatcher.submit(notice("n", |_| {}));
    assert_eq!(world.next().await, ("n".into(), 1, "accepted", 0));
}

#[tokio::test(start_paused = true)]
async fn the_services_pause_holds_for_the_whole_channel() {
    let script = Arc::new(Script::of([Act::Pause(40)]));
    let mut world =
        World::with(vec![("a", script.clone())], Pace { concurrency: 1, ..Pace::default() }, Arc::new(NoObserver));
    let _ = world.dispatcher.submit(notice("1", |notice| notice.incident = IncidentId(1)));
    let _ = world.dispatcher.submit(notice("2", |notice| notice.incident = IncidentId(2)));
    for _ in 0..3 {
        world.next().await;
    }
    let calls = script.calls();
    assert_eq!(calls[0].2, 0);
    assert!(calls[1..].iter().all(|(_, _, secs)| *secs >= 40), "{calls:?}");
}

#[tokio::test(start_paused = true)]
async fn looks_keep_the_pause_that_a_notice_was_given() {
    let script = Script { confirms: true, ..Script::of([Act::Take, Act::Pause(40)]) };
    script.looks.lock().unwrap().push_back(Ok(Confirmation::Shown(Receipt("incident P1".into()))));
    let mut world = World::new(vec![("a", Arc::new(script))]);
    let _ = world.dispatcher.submit(notice("1", |notice| notice.incident = IncidentId(1)));
    let _ = world.dispatcher.submit(notice("2", |notice| notice.incident = IncidentId(2)));
    let confirmed = loop {
        let report = world.next().await;
        if report.2 == "confirmed" {
            break report;
        }
    };
    assert!(confirmed.0 == "1" && confirmed.3 >= 40, "{confirmed:?}");
}

#[tokio::test(start_paused = true)]
async fn notices_leave_while_looks_are_to_pause() {
    let script = Script { confirms: true, ..Script::default() };
    let retry_after = Some(Duration::from_secs(3000));
    let kind = FailureKind::Passing { retry_after };
    script.looks.lock().unwrap().push_back(Err(Failure { reason: "HTTP 429".into(), kind }));
    let mut world = World::new(vec![("a", Arc::new(script))]);
    let _ = world.dispatcher.submit(notice("1", |notice| notice.incident = IncidentId(1)));
    assert_eq!(world.next().await.2, "accepted");
    tokio::time::sleep(Duration::from_secs(20)).await;
    let _ = world.dispatcher.submit(notice("2", |notice| notice.incident = IncidentId(2)));
    assert_eq!(world.next().await, ("2".into(), 1, "accepted", 20));
}

#[tokio::test(start_paused = true)]
async fn an_absurd_pause_is_cut() {
    let mut world = World::new(vec![("a", Arc::new(Script::of([Act::Pause(u64::MAX)])))]);
    let expires_at = world.start + Span::from_hours(5);
    let _ = world.dispatcher.submit(notice("n", |notice| notice.expires_at = expires_at));
    assert_eq!(world.next().await.2, "retrying");
    assert_eq!(world.next().await, ("n".into(), 2, "accepted", RETRY_AFTER_MAX.as_secs() as i64));
}

#[tokio::test(start_paused = true)]
async fn a_hang_and_a_panic_are_failed_tries() {
    let mut world = World::new(vec![("a", Arc::new(Script::of([Act::Panic, Act::Hang, Act::Take])))]);
    let _ = world.dispatcher.submit(notice("n", |_| {}));
    assert_eq!(world.next().await.2, "retrying");
    let hung = world.next().await;
    assert_eq!((hung.1, hung.2), (2, "retrying"));
    assert!(hung.3 >= crate::ATTEMPT_MAX.as_secs() as i64);
    assert_eq!(world.next().await.2, "accepted");
}

#[tokio::test(start_paused = true)]
async fn the_end_is_never_told_before_the_beginning() {
    let script = Arc::new(Script::of([Act::Fail, Act::Fail]));
    let mut world = World::new(vec![("a", script.clone())]);
    let _ = world.dispatcher.submit(notice("opened", |_| {}));
    let _ = world.dispatcher.submit(notice("closed", |notice| notice.kind = NoticeKind::Closed));
    while world.next().await.0 != "closed" {}
    let order: Vec<String> = script.calls().into_iter().map(|(id, ..)| id).collect();
    assert_eq!(order, ["opened", "opened", "opened", "closed"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_held_waits_for_its_time() {
    let mut world = World::new(vec![("a", Arc::new(Script::default()))]);
    let hold_until = world.start + Span::from_minutes(15);
    let _ = world.dispatcher.submit(notice("n", |notice| notice.hold_until = Some(hold_until)));
    assert_eq!(world.next().await, ("n".into(), 1, "accepted", 900));
}

#[tokio::test(start_paused = true)]
async fn accepted_is_not_confirmed_until_the_service_shows_it() {
    let script = Script { confirms: true, ..Script::default() };
    script.looks.lock().unwrap().extend([
        Ok(Confirmation::NotYet),
        Err(Failure::passing("HTTP 503")),
        Ok(Confirmation::Shown(Receipt("incident P1".into()))),
    ]);
    let mut world = World::new(vec![("a", Arc::new(script))]);
    let _ = world.dispatcher.submit(notice("n", |_| {}));
    assert_eq!(world.next().await, ("n".into(), 1, "accepted", 0));
    let report = world.reports.recv().await.unwrap();
    assert_eq!(report.result, DeliveryResult::Confirmed { receipt: "incident P1".into() });
    assert_eq!((report.at - world.start).as_secs(), 60);
}

#[tokio::test(start_paused = true)]
async fn what_never_shows_is_not_called_confirmed() {
    let mut world = World::new(vec![("a", Arc::new(Script { confirms: true, ..Script::default() }))]);
    let _ = world.dispatcher.submit(notice("n", |_| {}));
    assert_eq!(world.next().await.2, "accepted");
    let silence = tokio::time::timeout(Duration::from_secs(86_400), world.reports.recv()).await;
    assert!(silence.is_err());
    assert_eq!(world.dispatcher.drain(Duration::from_secs(1)).await, 0);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_channel_is_reported_not_ignored() {
    let mut world = World::new(vec![]);
    let _ = world.dispatcher.submit(notice("n", |notice| notice.channel = "pagre".into()));
    let report = world.reports.recv().await.unwrap();
    assert_eq!(report.result, DeliveryResult::Rejected { reason: "no channel `pagre` is configured".into() });
}

#[tokio::test(start_paused = true)]
async fn draining_says_what_is_left_and_does_not_wait_for_what_cannot_be() {
    let script = Arc::new(Script::of([Act::Fail]));
    let world = World::new(vec![("a", script)]);
    let hold_until = world.start + Span::from_hours(2);
    let _ = world.dispatcher.submit(notice("soon", |notice| notice.incident = IncidentId(1)));
    let _ = world.dispatcher.submit(notice("held", |notice| {
        notice.hold_until = Some(hold_until);
        notice.expires_at = hold_until + Span::from_hours(1);
    }));
    let before = Instant::now();
    assert_eq!(world.dispatcher.drain(Duration::from_secs(3600)).await, 1);
    assert!(before.elapsed() < Duration::from_secs(120), "the retry was made, the hold not awaited");
}

#[tokio::test(start_paused = true)]
async fn draining_ends_in_time_though_a_service_hangs() {
    let world = World::new(vec![("a", Arc::new(Script::of([Act::Hang])))]);
    let _ = world.dispatcher.submit(notice("n", |_| {}));
    tokio::task::yield_now().await;
    let before = Instant::now();
    assert_eq!(world.dispatcher.drain(Duration::from_secs(5)).await, 1);
    assert!(before.elapsed() <= Duration::from_secs(7));
}

#[derive(Default)]
struct Counts(Mutex<Vec<String>>);

impl Observer for Counts {
    fn attempt(&self, channel: &str, result: &'static str, seconds: f64) {
        assert!(seconds >= 0.0);
        self.0.lock().unwrap().push(format!("attempt {channel} {result}"));
    }
    fn pending(&self, _channel: &str, n: usize, oldest: Option<Timestamp>) {
        assert_eq!(n > 0, oldest.is_some());
    }
    fn settled(&self, channel: &str, _notice: &Notice, result: &DeliveryResult, _at: Timestamp) {
        self.0.lock().unwrap().push(format!("settled {channel} {}", result.as_str()));
    }
}

#[tokio::test(start_paused = true)]
async fn metrics_see_every_attempt_and_every_end() {
    let counts = Arc::new(Counts::default());
    let script = Arc::new(Script::of([Act::Fail, Act::Take]));
    let mut world = World::with(vec![("a", script)], Pace::default(), counts.clone());
    let _ = world.dispatcher.submit(notice("n", |_| {}));
    while world.next().await.2 != "accepted" {}
    assert_eq!(*counts.0.lock().unwrap(), ["attempt a retrying", "attempt a accepted", "settled a accepted"]);
}

#[tokio::test(start_paused = true)]
async fn the_rate_is_kept_in_a_storm_and_nothing_is_lost() {
    let script = Arc::new(Script::default());
    let pace = Pace { rate_per_minute: 10, timeout: Period::from_secs(1), ..Pace::default() };
    let mut world = World::with(vec![("a", script.clone())], pace, Arc::new(NoObserver));
    for id in 0..35 {
        let _ = world.dispatcher.submit(notice(&format!("{id}"), |notice| notice.incident = IncidentId(id)));
    }
    for _ in 0..35 {
        assert_eq!(world.next().await.2, "accepted");
    }
    let seconds: Vec<u64> = script.calls().iter().map(|(_, _, secs)| *secs).collect();
    assert_eq!((seconds[9], seconds[10], seconds[20], seconds[34]), (0, 60, 120, 180));
}

#[tokio::test(start_paused = true)]
async fn a_full_outbox_refuses_and_is_worked_off() {
    let pace = Pace { rate_per_minute: 6000, concurrency: 64, ..Pace::default() };
    let mut world = World::with(vec![("a", Arc::new(Script::default()))], pace, Arc::new(NoObserver));
    let numbered = |id: usize| notice(&format!("{id}"), |notice| notice.incident = IncidentId(id as u64));
    for id in 0..crate::OUTBOX_NOTICES_MAX {
        assert_eq!(world.dispatcher.submit(numbered(id)), Submission::Queued);
    }
    assert_eq!(world.dispatcher.submit(numbered(usize::MAX)), Submission::Full);
    for _ in 0..crate::OUTBOX_NOTICES_MAX {
        assert_eq!(world.next().await.2, "accepted");
    }
    assert_eq!(world.dispatcher.submit(numbered(usize::MAX)), Submission::Queued);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_dispatcher_stops() {
    let script = Arc::new(Script::default());
    let World { dispatcher, mut reports, start, .. } = World::new(vec![("a", script.clone())]);
    let hold_until = start + Span::from_minutes(1);
    let _ = dispatcher.submit(notice("n", |notice| notice.hold_until = Some(hold_until)));
    drop(dispatcher);
    assert!(reports.recv().await.is_none(), "every lane has ended");
    assert!(script.calls().is_empty());
}
