//! Formats whose entries span lines: where an entry begins.
//!
//! A shipper may send lines one by one, in any cut; the `ingest` crate puts them together as a [`Lines`] says. A [`Lines`] is
//! total and linear, and follows quotes and comments, so that a line inside a literal cannot pose as an entry.

/// What a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The first line of an entry: what was before is complete.
    Begin,
    /// Another line of the entry.
    Continue,
    /// A line that is nothing (a banner that a server writes when it opens its log): what was before is complete.
    Banner,
    /// No entry is open and none begins here: what was before is complete.
    Orphan,
}

/// Follows the lines of one log.
pub trait Lines: std::fmt::Debug + Send {
    /// Takes in a line, without its line end.
    fn step(&mut self, line: &[u8]) -> Step;

    /// Whether the open entry is complete by what has been read, so that nothing that comes can belong to it. `false` if that
    /// cannot be told.
    fn is_complete(&self) -> bool {
        false
    }

    /// Whether the open entry is in its midst for certain: none may begin here.
    fn is_open(&self) -> bool {
        false
    }

    /// Whether so many lines of the open entry look like an entry's that it has to be given up, as if too much time had passed.
    fn holds_too_many(&self) -> bool {
        false
    }

    /// Forgets the open entry, if there is one.
    fn close(&mut self);

    /// The open entry was taken as it is, though its text may go on. Says whether that is followed: then its lines are
    /// [`Step::Orphan`] until it has ended, [`Lines::memory`] tells of it while no other entry is open, and it is for the caller to
    /// [`Lines::close`] where it waited too long. Otherwise it is forgotten.
    fn abandon(&mut self) -> bool {
        self.close();
        false
    }

    /// What must be remembered over a restart, as it was when the open entry began: letters, digits, `,` and `:` only, at
    /// most [`MEMORY_BYTES_MAX`] bytes; empty if nothing.
    fn memory(&self) -> String {
        String::new()
    }
}

/// Bytes of what a format remembers, of [`Lines`] and of [`crate::Scratch`] each.
pub const MEMORY_BYTES_MAX: usize = 1024;
