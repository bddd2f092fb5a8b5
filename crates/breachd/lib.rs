//! breachd: notices a breach of HR data on a Magento platform, and gets the right people told in time.
//!
//! This crate is the shell: it reads the configuration, wires the pure parts to Kafka and to the console, and gives each
//! role a thread. Where to start reading: [`run`] (what a running daemon consists of), then the loops in [`roles`].
//!
//! It decides nothing itself: what a log line says is up to `formats` and `ingest`, what is unusual to `detector`, who has to
//! know to `incident`, how they are told to `notifier`.

pub mod asked;
pub mod audit;
pub mod checkpoints;
pub mod cli;
pub mod command_id;
pub mod contacts;
pub mod context;
pub mod crash;
pub mod dead_letter;
pub mod demo;
pub mod desk;
pub mod discover;
pub mod drafts;
pub mod drill;
pub mod erase;
pub mod explain;
pub mod health;
pub mod hooks;
pub mod hr_systems;
pub mod incident_work;
pub mod incidents;
pub mod links;
pub mod manual;
pub mod metrics;
pub mod outbox;
pub mod persons;
pub mod probes;
pub mod register;
pub mod reload;
pub mod replay;
pub mod roles;
pub mod route_explain;
pub mod rules_watch;
pub mod run;
pub mod settings;
pub mod signatures;
pub mod silences;
pub mod size;
pub mod sources;
pub mod state;
pub mod topics;
pub mod verdicts;
pub mod wall;
