//! What all channels share, checked once.

use crate::support::{World, closed_port, notice, only, with};
use activity::{DrillId, Span};
use incident::{DeliveryResult, Notice, NoticeKind};
use notifier::{
    Dispatcher, NoObserver, Settings,
    sandbox::{Fault, Sandbox},
};
use serde_json::{Value, json};
use std::{collections::BTreeSet, sync::Arc};

/// How one channel differs from the others.
pub(crate) struct Channel<'a, S> {
    pub(crate) sandbox: &'a S,
    /// Its table, named `c`.
    pub(crate) table: Value,
    /// What leads to a port nobody listens at.
    pub(crate) to_port: fn(u16) -> Value,
    /// The service's word for "never" and for "not now".
    pub(crate) refusal: u16,
    pub(crate) trouble: u16,
    /// Whether it speaks HTTP, and so knows `Retry-After`.
    pub(crate) http: bool,
    /// What becomes of a notice that is answered 200 with a web page.
    pub(crate) rubbish: &'static str,
    /// Texts that no report may hold.
    pub(crate) secrets: Vec<&'static str>,
}

pub(crate) async fn assert_channel_compliance<S: Sandbox>(channel: Channel<'_, S>) {
    channel.delivers_every_kind().await;
    channel.retries_what_may_pass().await;
    channel.refusals_end_at_once().await;
    channel.waits_as_told().await;
    channel.statuses_mean_the_same_everywhere().await;
    channel.redirects_lead_nowhere().await;
    channel.rubbish_is_no_acceptance().await;
    channel.goes_only_where_it_may().await;
    channel.silence_is_a_failed_try().await;
    channel.broken_connections_are_failed_tries().await;
    channel.a_dead_service_ends_in_expiry().await;
    channel.hostile_text_and_drills_arrive().await;
    channel.probe_tells_nobody().await;
}

impl<S: Sandbox> Channel<'_, S> {
    fn world(&self) -> World {
        World::new(only(&self.table))
    }

    fn n_taken(&self) -> usize {
        self.sandbox.received().iter().filter(|received| received.taken()).count()
    }

    async fn deliver(&self, notice: &Notice) -> Vec<DeliveryResult> {
        let mut world = self.world();
        world.submit(notice);
        let reports = world.settle().await;
        for (index, report) in reports.iter().enumerate() {
            assert_eq!((&report.notice, report.attempt), (&notice.id, index as u32 + 1), "a report for every attempt");
            let shown = format!("{:?}", report.result);
            assert!(!self.secrets.iter().any(|secret| shown.contains(secret)), "{shown}");
        }
        reports.into_iter().map(|report| report.result).collect()
    }

    async fn names(&self, notice: &Notice) -> Vec<&'static str> {
        self.deliver(notice).await.iter().map(DeliveryResult::as_str).collect()
    }

    async fn delivers_every_kind(&self) {
        for kind in NoticeKind::ALL {
            let before = self.n_taken();
            // A digest interrupts nobody: what may interrupt refuses it.
            // A contact's test goes where an address is, a document where it is a letter.
            let is_one_of = |kinds: &[&str]| kinds.iter().any(|name| self.table["kind"] == *name);
            let refuses = match kind {
                NoticeKind::Digest => !is_one_of(&["email", "webhook"]),
                NoticeKind::ContactTest => !is_one_of(&["email", "sms"]),
                NoticeKind::Draft => !is_one_of(&["email"]),
                _ => false,
            };
            let expected = if refuses { "rejected" } else { "accepted" };
            assert_eq!(self.names(&Notice { kind, ..notice() }).await, [expected], "{kind:?}");
            assert_eq!(self.n_taken() > before, !refuses);
        }
    }

    async fn retries_what_may_pass(&self) {
        self.sandbox.fail_next(Fault::status(self.trouble));
        self.sandbox.fail_next(Fault::status(self.trouble));
        assert_eq!(self.names(&notice()).await, ["retrying", "retrying", "accepted"]);
    }

    async fn refusals_end_at_once(&self) {
        self.sandbox.fail_next(Fault::status(self.refusal));
        let results = self.deliver(&notice()).await;
        assert!(
            matches!(&results[..], [DeliveryResult::Rejected { reason }] if reason.contains(&self.refusal.to_string())),
            "{results:?}"
        );
    }

    async fn waits_as_told(&self) {
        if !self.http {
            return;
        }
        let date = httpdate::fmt_http_date(std::time::SystemTime::now() + std::time::Duration::from_secs(90));
        for (word, at_least_secs) in [("77", 77), (date.as_str(), 85)] {
            let mut world = self.world();
            self.sandbox.fail_next(Fault::Answer { status: 429, retry_after: Some(word.into()) });
            world.submit(&notice());
            let report = world.next().await;
            let DeliveryResult::Retrying { next_at, reason } = report.result else { panic!("{:?}", report.result) };
            assert!(reason.contains("429"));
            let wait = (next_at - report.at).as_secs();
            assert!(at_least_secs <= wait && wait <= at_least_secs + 6, "{wait}");
            world.advance_to(next_at).await;
            assert_eq!(world.next().await.result.as_str(), "accepted");
        }
    }

    async fn statuses_mean_the_same_everywhere(&self) {
        if !self.http {
            return;
        }
        for status in [400, 401, 403, 404, 405, 410, 413, 415, 422] {
            self.sandbox.fail_next(Fault::status(status));
            assert_eq!(self.names(&notice()).await, ["rejected"], "HTTP {status}");
        }
        for status in [408, 425, 429, 500, 502, 503, 504] {
            self.sandbox.fail_next(Fault::status(status));
            assert_eq!(self.names(&notice()).await, ["retrying", "accepted"], "HTTP {status}");
        }
    }

    async fn redirects_lead_nowhere(&self) {
        if !self.http {
            return;
        }
        for status in [301, 302, 303, 307, 308] {
            let before = self.sandbox.n_arrived();
            self.sandbox.fail_next(Fault::status(status));
            let results = self.deliver(&notice()).await;
            let [DeliveryResult::Rejected { reason }] = &results[..] else { panic!("HTTP {status}: {results:?}") };
            assert!(reason.contains("redirects are not followed"), "{reason}");
            assert_eq!(self.sandbox.n_arrived(), before + 1, "HTTP {status} was followed");
        }
    }

    async fn rubbish_is_no_acceptance(&self) {
        if !self.http {
            return;
        }
        self.sandbox.fail_next(Fault::Rubbish);
        assert_eq!(self.names(&notice()).await[0], self.rubbish);
    }

    async fn goes_only_where_it_may(&self) {
        if !self.http {
            return;
        }
        let mut settings: Settings = serde_json::from_value(only(&self.table)).unwrap();
        settings.delivery.hosts = vec!["elsewhere.example.com".into()];
        let (sender, _reports) = tokio::sync::mpsc::channel(1);
        let error = Dispatcher::start(&settings, sender, Arc::new(NoObserver)).unwrap_err().to_string();
        assert!(error.contains("is not among `[delivery] hosts`"), "{error}");
        assert!(!self.secrets.iter().any(|secret| error.contains(secret)), "{error}");
    }

    async fn silence_is_a_failed_try(&self) {
        let faults: &[Fault] = if self.http { &[Fault::Hang, Fault::Stall] } else { &[Fault::Hang] };
        for fault in faults {
            let mut world = World::new(only(&with(&self.table, json!({ "timeout": "3s" }))));
            let before = self.sandbox.n_arrived();
            self.sandbox.fail_next(fault.clone());
            world.submit(&notice());
            self.sandbox.arrived(before + 1).await;
            world.advance(4).await;
            let report = world.next().await;
            let DeliveryResult::Retrying { next_at, .. } = report.result else { panic!("{:?}", report.result) };
            world.advance_to(next_at).await;
            assert_eq!(world.settle().await.last().unwrap().result.as_str(), "accepted", "{fault:?}");
        }
    }

    async fn broken_connections_are_failed_tries(&self) {
        self.sandbox.fail_next(Fault::Reset);
        assert_eq!(self.names(&notice()).await, ["retrying", "accepted"], "cut before it was read");

        let before = self.sandbox.received().len();
        self.sandbox.fail_next(Fault::LoseAnswer);
        assert_eq!(self.names(&notice()).await, ["retrying", "accepted"], "cut in the middle of the answer");
        let ids: BTreeSet<String> =
            self.sandbox.received()[before..].iter().map(|received| received.id.clone()).collect();
        assert_eq!(ids.len(), 1, "a repeat has the same key: {ids:?}");
    }

    async fn a_dead_service_ends_in_expiry(&self) {
        let mut world = World::new(only(&with(&self.table, (self.to_port)(closed_port()))));
        let notice = Notice { expires_at: world.now() + Span::from_minutes(5), ..notice() };
        world.submit(&notice);
        let reports = world.settle().await;
        let last = reports.last().unwrap();
        assert!(matches!(last.result, DeliveryResult::Expired { .. }), "{:?}", last.result);
        assert!(reports.len() > 3 && last.at < notice.expires_at);
    }

    async fn hostile_text_and_drills_arrive(&self) {
        let hostile = "x\r\n.\r\nBcc: a@b\r\n\0\u{1b}[2J\u{202e}<script>\"'&[code]".repeat(50);
        let before = self.n_taken();
        let drill = Notice {
            title: hostile.clone(),
            reasons: vec![hostile.clone(); 10],
            subject: activity::Entity::new(activity::EntityKind::PortalUser, hostile),
            drill: Some(DrillId(0xd1)),
            ..notice()
        };
        assert_eq!(self.names(&drill).await, ["accepted"]);
        let received = self.sandbox.received();
        let taken: Vec<_> = received.iter().filter(|received| received.taken()).skip(before).collect();
        assert!(!taken.is_empty());
        for one in taken {
            let text = String::from_utf8_lossy(&one.raw);
            assert!(text.contains("DRILL") || text.contains("\"mode\":\"drill\""), "{text}");
            let controls = |character: char| character.is_control() && !matches!(character, '\r' | '\n');
            assert!(!text.contains(controls) && !text.contains('\u{202e}'), "{text}");
        }
    }

    async fn probe_tells_nobody(&self) {
        let world = self.world();
        let before = self.n_taken();
        assert!(!world.dispatcher.probe("c").await.unwrap().is_empty());
        for received in &self.sandbox.received()[before.min(self.sandbox.received().len())..] {
            assert!(!received.summary.contains("INC-"), "{received:?}");
        }
        let dead = World::new(only(&with(&self.table, (self.to_port)(closed_port()))));
        assert!(dead.dispatcher.probe("c").await.is_err());
    }
}
