//! Each channel against its sandbox, over real sockets and frozen time.

// Helpers outside of a `#[test]` are tests too.
#![allow(clippy::unwrap_used)]

mod compliance;
mod email;
mod pagerduty;
mod servicenow;
mod support;
mod together;
mod webhook;
