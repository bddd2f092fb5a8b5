//! Every target is this file under another name: the name says which check is run.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| breachd_fuzz::check(env!("CARGO_BIN_NAME"), bytes));
