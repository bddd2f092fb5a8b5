//! Everything that is asked of engines from outside, in one binary. Each further one would be linked for itself, with the whole crate in it.

mod chain;
mod every_detector;
mod flood;
mod footprint;
mod half_life;
mod order;
mod patient;
mod quiet;
mod role_change;
mod rules;
mod snapshot;
mod verdicts;
mod world;
