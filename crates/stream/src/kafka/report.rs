//! What librdkafka has to say, brought to tracing, and remembered where an error of ours needs its reason.
//!
//! Its own lines repeat with every attempt to connect, from every client. So warnings are told once per kind and
//! [`limits::WARN_EVERY`] for all clients together, with the number of those left out.

use crate::limits;
use rdkafka::{ClientContext, config::RDKafkaLogLevel, error::KafkaError, types::RDKafkaErrorCode};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

/// Shared by all clients of one connection.
#[derive(Default)]
pub(super) struct Report {
    told: Mutex<HashMap<String, Told>>,
    trouble: Mutex<Option<Trouble>>,
}

struct Told {
    at: Instant,
    left_out: u64,
}

/// The last thing heard about connections.
#[derive(Clone)]
pub(super) struct Trouble {
    pub(super) reason: String,
    /// It was about credentials or certificates.
    pub(super) denied: bool,
}

/// The callbacks of one client.
pub(super) struct Events {
    client: &'static str,
    report: Arc<Report>,
}

impl Report {
    /// Tells a warning unless the same kind was told a short while ago.
    pub(super) fn warn(&self, client: &str, kind: &str, reason: &str) {
        if let Some(left_out) = self.due(kind, Instant::now()) {
            tracing::warn!(client, kind, left_out, "kafka: {reason}");
        }
    }

    /// How many of this kind were left out since the last that was told; `None`: leave this one out too.
    fn due(&self, kind: &str, now: Instant) -> Option<u64> {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let kind = if told.len() < limits::WARN_KINDS_MAX || told.contains_key(kind) { kind } else { "other" };
        match told.get_mut(kind) {
            None => {
                told.insert(kind.to_owned(), Told { at: now, left_out: 0 });
                Some(0)
            }
            Some(earlier) if now.duration_since(earlier.at) >= limits::WARN_EVERY => {
                earlier.at = now;
                Some(std::mem::take(&mut earlier.left_out))
            }
            Some(earlier) => {
                earlier.left_out += 1;
                None
            }
        }
    }

    pub(super) fn trouble(&self) -> Option<Trouble> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// An answer has come: earlier trouble explains nothing any more.
    pub(super) fn fine(&self) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn remember(&self, code: RDKafkaErrorCode, reason: &str) {
        let denied = denied(code);
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        // "All brokers are down" says less than why the last one could not be reached.
        let better =
            code != RDKafkaErrorCode::AllBrokersDown && (denied || !trouble.as_ref().is_some_and(|was| was.denied));
        if better || trouble.is_none() {
            *trouble = Some(Trouble { reason: reason.to_owned(), denied });
        }
    }
}

/// Whether a code means that credentials, certificates or permissions are at fault.
pub(super) fn denied(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        code,
        Code::Authentication
            | Code::SSL
            | Code::SaslAuthenticationFailed
            | Code::UnsupportedSASLMechanism
            | Code::TopicAuthorizationFailed
            | Code::GroupAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::TransactionalIdAuthorizationFailed
            | Code::SecurityDisabled
    )
}

impl Events {
    pub(super) fn new(client: &'static str, report: &Arc<Report>) -> Self {
        Events { client, report: Arc::clone(report) }
    }
}

impl ClientContext for Events {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        match level {
            RDKafkaLogLevel::Emerg
            | RDKafkaLogLevel::Alert
            | RDKafkaLogLevel::Critical
            | RDKafkaLogLevel::Error
            | RDKafkaLogLevel::Warning => self.report.warn(self.client, facility, line),
            RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => {
                tracing::debug!(client = self.client, facility, "kafka: {line}");
            }
            RDKafkaLogLevel::Debug => tracing::trace!(client = self.client, facility, "kafka: {line}"),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::PartitionEOF) => {}
            Some(code) => {
                self.report.remember(code, reason);
                self.report.warn(self.client, &format!("{code:?}"), reason);
            }
            None => self.report.warn(self.client, "error", reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_warning_is_told_once_a_minute_with_the_number_left_out() {
        let report = Report::default();
        let start = Instant::now();
        assert_eq!(report.due("AllBrokersDown", start), Some(0));
        for n in 1..=5 {
            assert_eq!(report.due("AllBrokersDown", start + limits::WARN_EVERY * n / 6), None);
        }
        assert_eq!(report.due("FAIL", start), Some(0), "another kind is another matter");
        assert_eq!(report.due("AllBrokersDown", start + limits::WARN_EVERY), Some(5));
        assert_eq!(report.due("AllBrokersDown", start + limits::WARN_EVERY), None);
    }

    #[test]
    fn kinds_are_bounded() {
        let report = Report::default();
        let now = Instant::now();
        for n in 0..10 * limits::WARN_KINDS_MAX {
            report.due(&n.to_string(), now);
        }
        assert!(report.told.lock().unwrap().len() <= limits::WARN_KINDS_MAX + 1);
    }

    #[test]
    fn the_reason_is_remembered_not_its_consequence() {
        let report = Report::default();
        report.remember(RDKafkaErrorCode::AllBrokersDown, "1/1 brokers are down");
        report.remember(RDKafkaErrorCode::BrokerTransportFailure, "connection refused");
        report.remember(RDKafkaErrorCode::AllBrokersDown, "1/1 brokers are down");
        assert_eq!(report.trouble().unwrap().reason, "connection refused");
        report.remember(RDKafkaErrorCode::Authentication, "wrong password");
        report.remember(RDKafkaErrorCode::BrokerTransportFailure, "disconnected");
        let trouble = report.trouble().unwrap();
        assert!(trouble.denied && trouble.reason == "wrong password");
        report.fine();
        assert!(report.trouble().is_none());
    }
}
