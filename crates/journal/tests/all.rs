//! The chain, its checkpoints and its audit, in one binary. Each further one would be linked for itself, with the whole crate in it.

mod audit;
mod chain;
mod checkpoints;
mod independent;
mod sealing;
