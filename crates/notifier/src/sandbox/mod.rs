//! Strict receivers on loopback: what the demo delivers to, and what the tests test against.
//!
//! Each is as strict as the real service is known to be, and stricter than its published schema: PagerDuty's own OpenAPI
//! lets a summary of 2,000 characters through, the service does not. Each remembers what it received and when, and can be
//! told to misbehave ([`Fault`]). Nothing here shares code with the channels: what both sides believe wrongly would
//! otherwise agree.
//!
//! Bound to 127.0.0.1, on a port of the system's choosing. Not for production: memory is bounded, but every sender on the
//! machine is trusted to be a test.

mod alertmanager;
mod all;
mod http;
mod pagerduty;
mod servicenow;
mod slack;
mod sms;
mod smtp;
mod teams;
mod webhook;

pub use alertmanager::AlertmanagerSandbox;
pub use all::All;
pub use pagerduty::{OpenAlert, PagerDutySandbox};
pub use servicenow::ServiceNowSandbox;
pub use slack::SlackSandbox;
pub use sms::SmsSandbox;
pub use smtp::{SmtpOptions, SmtpSandbox};
pub use teams::TeamsSandbox;
pub use webhook::WebhookSandbox;

use activity::Timestamp;
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::watch;

/// Messages one sandbox remembers. Beyond: the oldest is forgotten.
pub const RECEIVED_MAX: usize = 10_000;

/// One message that a sandbox understood, whether it took it or refused it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// `pagerduty`, `servicenow`, `webhook`, `smtp`, `slack`, `teams`, `alertmanager` or `sms`.
    pub service: &'static str,
    /// Wall time of arrival.
    pub at: Timestamp,
    /// The service's idempotency key: dedup key, correlation id, webhook-id, Message-ID; where the service knows none, what
    /// the message itself says.
    pub id: String,
    /// One line: what a person would see.
    pub summary: String,
    /// HTTP or SMTP status that was answered (for a lost answer: that would have been).
    pub status: u16,
    /// HTTP headers; empty for SMTP, whose message has its own.
    pub headers: Vec<(String, String)>,
    pub raw: Vec<u8>,
}

impl Received {
    pub const fn taken(&self) -> bool {
        200 <= self.status && self.status < 300
    }
}

/// How to misbehave at the next message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Answer with this status instead of looking at the message; SMTP: to MAIL.
    Answer { status: u16, retry_after: Option<String> },
    /// Take the message and never answer.
    Hang,
    /// Cut the connection before looking at the message.
    Reset,
    /// Behave this once; for the fault after it to meet the second message.
    Pass,
    /// Take the message, then cut the connection in the middle of the answer.
    LoseAnswer,
    /// Take the message, and stop for good in the middle of the answer. HTTP only.
    Stall,
    /// Answer 200 with a web page instead of looking at the message, as a proxy's log-in does. HTTP only.
    Rubbish,
}

impl Fault {
    pub const fn status(status: u16) -> Self {
        Fault::Answer { status, retry_after: None }
    }
}

/// What every sandbox remembers.
#[derive(Clone, Debug)]
struct Ledger {
    inner: Arc<Mutex<Inner>>,
    arrivals: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct Inner {
    received: VecDeque<Received>,
    faults: VecDeque<Fault>,
}

impl Ledger {
    fn new() -> Self {
        Ledger { inner: Arc::default(), arrivals: watch::Sender::new(0) }
    }

    /// Held for a queue operation, never across an await.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something arrived, whatever comes of it; the fault to commit, if any.
    fn arrive(&self) -> Option<Fault> {
        let fault = self.lock().faults.pop_front();
        self.arrivals.send_modify(|arrivals| *arrivals += 1);
        fault
    }

    fn record(&self, received: Received) {
        let mut inner = self.lock();
        if inner.received.len() >= RECEIVED_MAX {
            inner.received.pop_front();
        }
        inner.received.push_back(received);
    }
}

/// What every sandbox can be asked and told.
pub trait Sandbox {
    #[doc(hidden)]
    fn base(&self) -> &Base;

    /// Where it listens.
    fn port(&self) -> u16 {
        self.base().port
    }

    /// Everything it understood, in order of arrival.
    fn received(&self) -> Vec<Received> {
        self.base().ledger.lock().received.iter().cloned().collect()
    }

    /// Misbehaves so at the next message; several queue up.
    fn fail_next(&self, fault: Fault) {
        self.base().ledger.lock().faults.push_back(fault);
    }

    /// Messages that have arrived since the start, failed ones included.
    fn n_arrived(&self) -> usize {
        *self.base().ledger.arrivals.borrow()
    }

    /// Returns when at least `n` messages have arrived since the start, failed ones included.
    fn arrived(&self, n: usize) -> impl Future<Output = ()> + Send {
        let mut arrivals = self.base().ledger.arrivals.subscribe();
        async move {
            // The sender lives as long as the sandbox; if that is gone, nothing will arrive any more.
            let _ = arrivals.wait_for(|arrivals| *arrivals >= n).await;
        }
    }
}

/// A listening task, ended when dropped.
#[derive(Debug)]
pub struct Base {
    port: u16,
    ledger: Ledger,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Base {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The first characters of hostile or long text, for a summary.
fn short(text: &str) -> String {
    activity::printable_within(text, 200)
}
