//! The casebook as its users see it: inputs, decisions, and what they add up to.

mod world;

mod deadlines;
mod deliveries;
mod folding;
mod grouping;
mod notices;
mod policies;
mod silences;
mod states;
