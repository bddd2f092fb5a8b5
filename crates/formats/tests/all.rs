//! Formats and envelopes against real lines, in one binary. Each further one would be linked for itself, with the whole crate in it.

mod database_logs;
mod dump;
mod envelopes;
mod golden;
mod support;
mod truth;
mod web_logs;
mod whole;
