//! The services breachd can speak to, one file each: what is peculiar to a service, with its limits, and nothing else.
//!
//! One more channel is one more file, one line in [`build`] and in [`ChannelSettings`], a sandbox, and a call of
//! `assert_channel_compliance` in the tests.

mod email;
mod http;
mod pagerduty;
mod servicenow;
mod webhook;

pub use email::{EmailSettings, SmtpTls};
pub use pagerduty::{PagerDutySettings, Region};
pub use servicenow::ServiceNowSettings;
pub use webhook::WebhookSettings;

use crate::{
    ChannelError, Secret, SecretSource, channel::AnyChannel, clock::Surroundings, settings::ChannelSettings,
    stages::classify::Failure,
};
use std::sync::Arc;

/// A channel as its settings say, its secrets read.
pub(crate) fn build(settings: &ChannelSettings, surroundings: &Surroundings) -> Result<AnyChannel, ChannelError> {
    Ok(match settings {
        ChannelSettings::PagerDuty(settings) => Arc::new(pagerduty::PagerDuty::new(settings, surroundings)?),
        ChannelSettings::ServiceNow(settings) => Arc::new(servicenow::ServiceNow::new(settings, surroundings)?),
        ChannelSettings::Email(settings) => Arc::new(email::Email::new(settings)?),
        ChannelSettings::Webhook(settings) => Arc::new(webhook::Webhook::new(settings, surroundings)?),
    })
}

fn read_secret(channel: &str, setting: &'static str, source: &SecretSource) -> Result<Secret, ChannelError> {
    source.read().map_err(|error| ChannelError::Secret { channel: channel.to_owned(), setting, error })
}

/// The configuration keeps digests from channels that may interrupt people; this keeps the promise if one comes all the same.
fn not_for_a_digest() -> Failure {
    Failure::refused(
        "a digest goes by e-mail or webhook, and what the law wants told by e-mail: neither interrupts anybody",
    )
}

fn unfit(channel: &str, problem: impl Into<String>) -> ChannelError {
    ChannelError::Unfit { channel: channel.to_owned(), problem: problem.into() }
}
