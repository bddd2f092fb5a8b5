//! Brings notices to people, and says honestly what became of each.
//!
//! In goes an [`incident::Notice`], out come [`incident::DeliveryReport`]s: one for every attempt, and one when trying
//! ends. Every channel has a task of its own, so one that is slow or dead never delays another; within a channel the
//! notices of one incident keep their order, since a service that is told of the end before the beginning opens an
//! alert that nobody closes.
//!
//! A notice passes the stages of [`STAGES`], in that order, each a small file.
//!
//! Invariants
//! - At least once, always under the same idempotency key: the service's own deduplication makes it once for people.
//! - `Accepted` (the service took it) is not `Confirmed` (the service's own incident shows it).
//! - Nothing is lost silently: what is not taken in is refused to the caller's face ([`Submission::Full`]), and what is
//!   taken in ends in a report.
//! - No try after `expires_at`: people's time to escalate is not spent on hoping.
//! - Secrets come from files or the environment and appear in no error, report or `Debug` output. Text in notices comes
//!   from logs and is hostile: it is made printable once, in [`render`], and escaped by each format's own means.
//! - TLS everywhere except on loopback; no option turns verification off; redirects and proxies are not followed; what a
//!   name resolves to is judged when connecting ([`DeliverySettings`]).
//! - Chat, text messages and the Alertmanager mirror are told counts, not names, unless their settings say otherwise.
//!
//! What it does not do: decide *whether* people must be told (`incident` does), remember across restarts (the journal
//! does; after a start, unfinished notices are submitted again), or speak to anything but the kinds of service in
//! [`channels`]. Dropped: an outbox on disk (a second truth beside the journal), a circuit breaker with states of its
//! own (a channel in trouble simply narrows to one attempt at a time, and what it has not brought by `[fallback] after` goes
//! elsewhere as well: `incident` decides that from the reports).

mod channel;
mod channels;
mod clock;
mod dispatcher;
mod hooks;
mod lane;
mod limits;
mod period;
mod reach;
mod render;
pub mod sandbox;
mod secret;
mod settings;
mod stages;

pub use channels::{
    AlertmanagerSettings, EmailSettings, Integration, IntegrationSettings, PagerDutySettings, Region,
    ServiceNowSettings, SlackSettings, SmsFormat, SmsSettings, SmtpTls, TeamsSettings, WebhookFormat, WebhookSettings,
};
pub use clock::Surroundings;
pub use dispatcher::{ChannelError, Dispatcher, NoObserver, Observer, ProbeError, Submission};
pub use hooks::{BadHook, ChannelHook, Heard, HeardAct, HookHeaders, Signed, StandardHook};
pub use limits::*;
pub use period::Period;
pub use reach::DeliverySettings;
pub use secret::{Secret, SecretError, SecretSource};
pub use settings::{ChannelSettings, Pace, Retry, Settings, Tell, name_problem};
pub use stages::STAGES;
