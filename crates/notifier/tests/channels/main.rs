//! Each channel against its sandbox, over real sockets and frozen time.

// Helpers outside of a `#[test]` are tests too.
#![allow(clippy::unwrap_used)]

mod alertmanager;
mod compliance;
mod email;
mod pagerduty;
mod servicenow;
mod slack;
mod sms;
mod support;
mod teams;
mod tls;
mod together;
mod webhook;
