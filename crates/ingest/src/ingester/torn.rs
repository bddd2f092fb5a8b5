//! Lines that a container runtime tore into pieces ([`formats::envelope::piece`]): they are put together before anything else is done.
//!
//! The pieces of a line follow each other in their source partition. While one is open, its records are pending: the offset to commit is
//! that of the first, so that after a restart all are read again. A record that is no piece of the open line (another container's, say, in the
//! same partition) ends it: what there is of it is then read as it is, and dead-lettered if it cannot be. A runtime writes the pieces of a line at once,
//! so to remember more than one line is not worth what it costs.
//!
//! A visitor who writes into a log can make his line long, but not its envelope; and what the format can read as it is, or what is not
//! in the envelope of its partition, is no piece.
//!
//! Bounded as an entry of several lines is: [`LINE_BYTES_MAX`] bytes are kept, what is longer is read as cut; beyond [`ENTRY_SPAN_MAX`] it is
//! given up.

use super::{Ingester, Out, Raw};
use crate::Written;
use crate::limits::{ENTRY_SPAN_MAX, LINE_BYTES_MAX};
use crate::plan::Enveloping;
use activity::Mode;
use formats::envelope::{self, Piece};

/// Envelopes of container runtimes.
const ENVELOPES: [&str; 3] = ["docker", "cri", "fluent_bit"];

/// A line of which the last piece has not come.
#[derive(Debug)]
pub(super) struct Torn {
    /// The record of the first piece.
    first: Vec<u8>,
    offset: i64,
    last_offset: i64,
    forged_mark: bool,
    written: Written,
    of: String,
    /// At most [`LINE_BYTES_MAX`].
    line: Vec<u8>,
    /// Of all pieces.
    length: usize,
    pub(super) records: u64,
    /// Of their records.
    bytes: u64,
}

impl Ingester {
    /// Takes a record in that is a piece of a line; false if it is none.
    pub(super) fn take_piece(&mut self, raw: &Raw<'_>, out: &mut Out<'_>) -> bool {
        if self.torn.is_none() && !envelope::may_go_on(raw.bytes) {
            return false;
        }
        let Some(piece) = self.piece(raw) else {
            self.mend(out);
            return false;
        };
        if self.torn.as_ref().is_some_and(|torn| torn.of != piece.of) {
            self.mend(out);
        }
        if self.torn.is_none() && (!piece.goes_on || envelope::mended(raw.bytes, &[]).is_none()) {
            return false;
        }
        self.next_offset.get_or_insert(raw.offset);
        let torn = self.torn.get_or_insert_with(|| Torn::new(raw, &piece));
        torn.add(raw, &piece);
        if !piece.goes_on || ENTRY_SPAN_MAX < torn.length {
            self.mend(out);
        }
        true
    }

    fn piece(&self, raw: &Raw<'_>) -> Option<Piece> {
        let is_one_of = |name: &str| ENVELOPES.contains(&name);
        let may_be = match self.plan.enveloping {
            Enveloping::None => false,
            Enveloping::Named(envelope) => is_one_of(envelope.name),
            Enveloping::Auto => true,
        };
        // Where entries span lines: in no other envelope besides, as the line alone would not be in that.
        let layers = self.lock.layers.as_deref();
        let may_be_here =
            self.assembly.lines.is_none() || layers.is_none_or(|layers| layers.len() == 1 && is_one_of(layers[0].name));
        let short = raw.bytes.len() < LINE_BYTES_MAX;
        if raw.mode != Mode::Live
            || raw.resubmitted.is_some()
            || !may_be
            || !may_be_here
            || !short
            || self.claims(raw.bytes)
        {
            return None;
        }
        envelope::piece(raw.bytes)
    }

    /// Reads what there is of an open line.
    pub(super) fn mend(&mut self, out: &mut Out<'_>) {
        let Some(torn) = self.torn.take() else { return };
        let Torn { first, offset, last_offset, forged_mark, written, line, records, bytes, .. } = torn;
        let whole = envelope::mended(&first, &line).expect("it was tried with the first piece");
        let (bytes_before, letters_before) = (self.counts.bytes, out.dead.len());
        self.pieces = records;
        self.record(Raw { bytes: &whole, offset, mode: Mode::Live, forged_mark, written, resubmitted: None }, out);
        self.pieces = 1;
        self.counts.bytes = bytes_before.saturating_add(if offset < self.done_to { 0 } else { bytes });
        self.next_offset = Some(last_offset.saturating_add(1));
        let of_line = |letter: &&mut crate::DeadLetter| letter.offset == offset;
        for letter in out.dead[letters_before..].iter_mut().filter(of_line) {
            letter.to_offset = letter.to_offset.max(last_offset);
        }
    }
}

impl Torn {
    fn new(raw: &Raw<'_>, piece: &Piece) -> Self {
        Torn {
            first: raw.bytes.to_vec(),
            offset: raw.offset,
            last_offset: raw.offset,
            forged_mark: false,
            written: raw.written,
            of: piece.of.clone(),
            line: Vec::new(),
            length: 0,
            records: 0,
            bytes: 0,
        }
    }

    fn add(&mut self, raw: &Raw<'_>, piece: &Piece) {
        let room = LINE_BYTES_MAX - self.line.len();
        self.line.extend_from_slice(&piece.bytes[..piece.bytes.len().min(room)]);
        self.length = self.length.saturating_add(piece.bytes.len());
        self.last_offset = raw.offset;
        self.forged_mark |= raw.forged_mark;
        self.records += 1;
        self.bytes = self.bytes.saturating_add(raw.bytes.len() as u64);
    }
}
