//! The daemon as its users meet it: the real binary, a real Kafka, a real SMTP server, strict fakes of what cannot be had.
//!
//! One binary for all, so that it links once. The broker is the one named by `BREACHD_TEST_KAFKA`, or one that
//! `tests/kafka` starts; topics have a prefix per test.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test's helper fails the test, and says why")]

/// As the binary has: the simulation allocates as much.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[path = "it/audit.rs"]
mod audit;
#[path = "it/cli.rs"]
mod cli;
#[path = "it/contacts.rs"]
mod contacts;
#[path = "it/digest.rs"]
mod digest;
#[path = "it/erased.rs"]
mod erased;
#[path = "it/exact.rs"]
mod exact;
#[path = "it/faults.rs"]
mod faults;
#[path = "it/harness.rs"]
mod harness;
#[path = "it/hooks.rs"]
mod hooks;
#[path = "it/letters.rs"]
mod letters;
#[path = "it/mailing.rs"]
mod mailing;
#[path = "it/mailpit.rs"]
mod mailpit;
#[path = "it/outages.rs"]
mod outages;
#[path = "it/outbox.rs"]
mod outbox;
#[path = "it/pipeline.rs"]
mod pipeline;
#[path = "it/places.rs"]
mod places;
#[path = "it/probed.rs"]
mod probed;
#[path = "it/real.rs"]
mod real;
#[path = "it/real_servers.rs"]
mod real_servers;
#[path = "it/reload.rs"]
mod reload;
#[path = "it/repository.rs"]
mod repository;
#[path = "it/signatures.rs"]
mod signatures;
#[path = "it/simulation/mod.rs"]
mod simulation;
#[path = "it/size.rs"]
mod size;
#[path = "it/smtp.rs"]
mod smtp;
#[path = "it/snapshots.rs"]
mod snapshots;
#[path = "it/stalled.rs"]
mod stalled;
#[path = "it/told.rs"]
mod told;
#[path = "it/torn.rs"]
mod torn;
#[path = "it/verdicts.rs"]
mod verdicts;
