//! What a channel is: something that can bring one notice, say whether it arrived, and be tried out.
//!
//! A channel knows one service's protocol and nothing of queues, retries or other channels. It puts time limits on its own
//! exchanges, is safe to call again with the same notice, and hands failures to [`crate::stages::classify`].

use crate::{Secret, stages::classify::Failure};
use incident::Notice;
use std::{pin::Pin, sync::Arc};

pub(crate) type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, Failure>> + Send + 'a>>;

/// The service's own word for what it took: a dedup key, a record's number. Printable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Receipt(pub(crate) String);

/// What one look showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Confirmation {
    Shown(Receipt),
    NotYet,
}

pub(crate) trait Channel: Send + Sync {
    /// `attempt` counts from 1. From the second on, an earlier try may have arrived although its answer was lost.
    fn send<'a>(&'a self, notice: &'a Notice, attempt: u32) -> Answer<'a, Receipt>;

    /// Whether it brings a notice to the address of one contact ([`Notice::recipient`]), and so can test one.
    fn reaches_contacts(&self) -> bool {
        false
    }

    /// Whether the service can be asked if it shows what it accepted.
    fn can_confirm(&self) -> bool {
        false
    }

    /// Asks it.
    fn confirm<'a>(&'a self, _notice: &'a Notice) -> Answer<'a, Confirmation> {
        Box::pin(async { Ok(Confirmation::NotYet) })
    }

    /// Tries the way without telling anyone of an incident; says in words what that has shown. A service that can only be sent
    /// to gets a message that says it is a test.
    fn probe(&self) -> Answer<'_, String>;

    /// What must not appear in a report.
    fn secrets(&self) -> Vec<&Secret>;
}

/// Where notices for channels nobody configured go: each is refused, so that each is reported.
pub(crate) struct Nowhere;

impl Channel for Nowhere {
    fn send<'a>(&'a self, notice: &'a Notice, _attempt: u32) -> Answer<'a, Receipt> {
        let name = activity::printable_within(&notice.channel, 60);
        Box::pin(async move { Err(Failure::refused(format!("no channel `{name}` is configured"))) })
    }

    fn probe(&self) -> Answer<'_, String> {
        Box::pin(async { Err(Failure::refused("no such channel is configured")) })
    }

    fn secrets(&self) -> Vec<&Secret> {
        Vec::new()
    }
}

pub(crate) type AnyChannel = Arc<dyn Channel>;
