//! Rules and sets of rules, in one binary. Each further one would be linked for itself, with the whole crate in it.

mod sets;
mod shipped;
