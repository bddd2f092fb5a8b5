//! Worlds and what is judged by them, in one binary. Each further one would be linked for itself, with the whole crate in it.

mod formats;
mod judge;
mod parsing;
mod trials;
mod worlds;
