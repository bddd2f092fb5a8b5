//! x
pub mod load;
