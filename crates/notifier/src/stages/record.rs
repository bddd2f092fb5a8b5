//! Stage 8: one report for each attempt and one at the end, and the same to the metrics.

use crate::dispatcher::Observer;
use activity::Timestamp;
use incident::{DeliveryReport, DeliveryResult, Notice};
use std::sync::Arc;
use tokio::sync::mpsc;

/// Where a channel's results go.
#[derive(Clone)]
pub(crate) struct Record {
    pub(crate) channel: Arc<str>,
    pub(crate) reports: mpsc::Sender<DeliveryReport>,
    pub(crate) observer: Arc<dyn Observer>,
}

impl Record {
    /// Waits while the reader of reports is busy: a report is never dropped for its sake.
    pub(crate) async fn report(&self, notice: &Notice, attempt: u32, at: Timestamp, result: DeliveryResult) {
        match &result {
            // The relay's words name the address of somebody who never asked to be known here, and there may be thousands.
            DeliveryResult::Retrying { .. } | DeliveryResult::Rejected { .. } | DeliveryResult::Expired { .. }
                if notice.is_of_mailing() =>
            {
                tracing::info!(channel = %self.channel, notice = %notice.id, attempt, result = result.as_str(), "a mail of a mailing");
            }
            DeliveryResult::Retrying { reason, .. } => {
                tracing::info!(channel = %self.channel, notice = %notice.id, attempt, reason, "delivery failed, retrying");
            }
            DeliveryResult::Rejected { reason } | DeliveryResult::Expired { reason } => {
                tracing::error!(channel = %self.channel, notice = %notice.id, attempt, reason, "notice undeliverable");
            }
            DeliveryResult::Accepted { .. } | DeliveryResult::Confirmed { .. } => {}
        }
        if !matches!(result, DeliveryResult::Retrying { .. }) {
            self.observer.settled(&self.channel, notice, &result, at);
        }
        let report = DeliveryReport { notice: notice.id.clone(), attempt, at, result };
        if self.reports.send(report).await.is_err() {
            tracing::error!(channel = %self.channel, notice = %notice.id, "nobody reads delivery reports");
        }
    }
}
