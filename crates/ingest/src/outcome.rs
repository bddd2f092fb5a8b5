//! What becomes of a record.

/// Exactly one for each record; the greater says more of trouble, and a record that holds parts of several entries takes
/// the greatest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    /// Nothing in it is counted, by a rule.
    #[default]
    Ignored,
    Contributed,
    Late,
    DeadLettered,
}

impl Outcome {
    pub(crate) const ALL: [Outcome; 4] = [Outcome::Ignored, Outcome::Contributed, Outcome::Late, Outcome::DeadLettered];
}
