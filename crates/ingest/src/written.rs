//! What is known of when a record was written.

use activity::Timestamp;

/// When a record was written, as far as that is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Written {
    #[default]
    Unknown,
    /// The record says so itself: the broker or the producer stamped it. The time of an entry that carries none.
    At(Timestamp),
    /// Not later than this, as somebody stated who knows: when the file was closed.
    Until(Timestamp),
    /// Probably not later than this: when the file was last changed. That changes with every copy, so it settles only what would
    /// have no answer otherwise: the year of a stamp without one.
    Perhaps(Timestamp),
}

impl Written {
    pub(crate) fn at(self) -> Option<Timestamp> {
        match self {
            Written::At(at) => Some(at),
            Written::Unknown | Written::Until(_) | Written::Perhaps(_) => None,
        }
    }

    /// Stamps far behind it are wrong.
    pub(crate) fn sure(self) -> Option<Timestamp> {
        match self {
            Written::At(at) | Written::Until(at) => Some(at),
            Written::Unknown | Written::Perhaps(_) => None,
        }
    }

    /// Where it is only known what it is before.
    pub(crate) fn until(self) -> Option<Timestamp> {
        match self {
            Written::Until(at) | Written::Perhaps(at) => Some(at),
            Written::Unknown | Written::At(_) => None,
        }
    }
}
