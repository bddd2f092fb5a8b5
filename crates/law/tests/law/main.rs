//! The engine against worked cases, and the file of obligations against the engine.

#![allow(clippy::unwrap_used, reason = "a test that cannot read its own table should stop there")]

mod catalogue;
mod days_off;
mod people;
mod worked;
