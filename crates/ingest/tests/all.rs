//! Records in, tallies and letters out: in one binary. Each further one would be linked for itself, with the whole crate in it.

mod attribution;
mod corpus;
mod discover;
mod ingest;
mod letters;
mod privacy;
mod resubmitted;
mod support;
mod time;
mod wrapped;
