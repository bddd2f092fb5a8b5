//! The operators' door: console pages, HTTP API, probes and metrics on one listener.
//!
//! The root crate hands in a [`Desk`], which answers with plain [`views`] and takes commands; this crate turns views
//! into HTML or JSON and requests into commands. It never decides anything about an incident: which actions a page
//! offers comes with the view, and whether a command is taken is the desk's answer.
//!
//! Invariants
//! - Every free text in a view is a [`Text`]: printable and bounded by construction. Pages escape it once more for HTML.
//! - Nothing is changed by GET. A change needs a POST from our own pages (same origin, form token bound to a cookie) or
//!   JSON; and the access token, if one is configured. Or it is signed by a program whose secret the desk knows.
//! - No page needs JavaScript, and the content security policy allows none.
//! - Every limit has a name in [`limits`]; what is refused is counted in `breachd_http_refused_total{reason}`.
//! - A drill says so in words: in the title, the heading, each row and the JSON.
//!
//! It does not know Kafka, the journal, the detector or the incident's state machine, and not even their crates: states,
//! verdicts and drills' scenarios come as words. TLS is left to a proxy in front. Sessions were dropped: the shared
//! token travels as `Bearer`, or as the password of HTTP Basic, which every browser asks for accessibly and without a
//! script, and there is no session to steal, fix or forget.

mod access;
mod alerts;
mod desk;
mod drafts;
mod hooks;
mod life;
pub mod limits;
mod links;
mod openapi;
mod pages;
mod problem;
mod routes;
mod server;
mod settings;
pub mod views;
mod words;

pub use desk::{
    Action, CommandReceipt, CommandRefusal, CommandRequest, Desk, DraftAct, DrillRequest, DrillStarted, Hook,
    HookPending, HookReceipt, HookRefusal, HookRequest, JudgeReceipt, JudgeRequest, LinkPage, LinkRefusal, Pending,
    Readiness, Settlement,
};
pub use server::{ServeError, Server, serve};
pub use settings::Settings;
pub use views::Text;
