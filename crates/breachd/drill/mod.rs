//! Drills: a simulated breach through the real path.
//!
//! A drill's records are real log lines in the real topics, told apart by a signed mark alone ([`mark`]). Everything after
//! that is the production path: the same parser, detectors, incidents, channels and journal, with mode `drill` on every
//! record of it, acting on shadow entities that learn nothing and start no legal deadline.

pub mod client;
pub mod inject;
pub mod mark;
