//! What became of a notice: one report per attempt, and one when trying ends.

use crate::{NoticeId, wire};
use activity::Timestamp;
use serde::{Deserialize, Serialize};

/// One report; the journal keeps every one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryReport {
    #[serde(with = "wire")]
    pub notice: NoticeId,
    /// 1 for the first attempt.
    pub attempt: u32,
    /// Wall time at which the result was known.
    #[serde(with = "wire")]
    pub at: Timestamp,
    pub result: DeliveryResult,
}

/// `Accepted` (the service took it) is not `Confirmed` (someone, or the service's own incident, shows it).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum DeliveryResult {
    /// Terminal for sending. The receipt is the service's own word: a dedup key, a sys_id, an SMTP reply; printable.
    Accepted { receipt: String },
    /// After `Accepted`, where the service can be asked.
    Confirmed { receipt: String },
    /// This attempt failed, another follows at `next_at`.
    Retrying {
        reason: String,
        #[serde(with = "wire")]
        next_at: Timestamp,
    },
    /// Terminal: the service refused for good (400, 401, 404, SMTP 5yz).
    Rejected { reason: String },
    /// Terminal: the notice expired before any attempt succeeded.
    Expired { reason: String },
}

impl DeliveryResult {
    pub const fn as_str(&self) -> &'static str {
        match self {
            DeliveryResult::Accepted { .. } => "accepted",
            DeliveryResult::Confirmed { .. } => "confirmed",
            DeliveryResult::Retrying { .. } => "retrying",
            DeliveryResult::Rejected { .. } => "rejected",
            DeliveryResult::Expired { .. } => "expired",
        }
    }

    /// Whether sending is over, for better or worse.
    pub const fn ends_sending(&self) -> bool {
        !matches!(self, DeliveryResult::Retrying { .. })
    }
}
