//! The services breachd can speak to, one file each: what is peculiar to a service, with its limits, and nothing else.
//!
//! One more channel is one more file, one line in [`build`] and in [`ChannelSettings`], a sandbox, and a call of
//! `assert_channel_compliance` in the tests.

mod alertmanager;
mod email;
mod http;
mod integration;
pub(crate) mod pagerduty;
mod partly;
mod servicenow;
mod slack;
mod sms;
mod teams;
pub(crate) mod webhook;

pub use alertmanager::AlertmanagerSettings;
pub use email::{EmailSettings, SmtpTls};
pub(crate) use http::Outside;
pub use integration::{Integration, IntegrationSettings};
pub use pagerduty::{PagerDutySettings, Region};
pub use servicenow::ServiceNowSettings;
pub use slack::SlackSettings;
pub use sms::{SmsFormat, SmsSettings};
pub use teams::TeamsSettings;
pub use webhook::{WebhookFormat, WebhookSettings};

use crate::{
    ChannelError, Secret, SecretSource, channel::AnyChannel, settings::ChannelSettings, stages::classify::Failure,
};
use std::sync::Arc;

/// A channel as its settings say, its secrets read.
pub(crate) fn build(settings: &ChannelSettings, outside: &Outside) -> Result<AnyChannel, ChannelError> {
    Ok(match settings {
        ChannelSettings::PagerDuty(settings) => Arc::new(pagerduty::PagerDuty::new(settings, outside)?),
        ChannelSettings::ServiceNow(settings) => Arc::new(servicenow::ServiceNow::new(settings, outside)?),
        ChannelSettings::Email(settings) => Arc::new(email::Email::new(settings)?),
        ChannelSettings::Webhook(settings) => Arc::new(webhook::Webhook::new(settings, outside)?),
        ChannelSettings::Slack(settings) => Arc::new(slack::Slack::new(settings, outside)?),
        ChannelSettings::Teams(settings) => Arc::new(teams::Teams::new(settings, outside)?),
        ChannelSettings::Alertmanager(settings) => Arc::new(alertmanager::Alertmanager::new(settings, outside)?),
        ChannelSettings::Sms(settings) => Arc::new(sms::Sms::new(settings, outside)?),
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
