//! Every bound of this crate, with its unit and with what happens beyond it.

/// Characters of a line of a document. Beyond: cut, ending in `…`.
pub const LINE_MAX: usize = 2_000;
/// Characters that a person may write for one field. Beyond: refused.
pub const FIELD_MAX: usize = 4_000;
/// Paragraphs of one field. Beyond: refused.
pub const PARAGRAPHS_MAX: usize = 40;
/// Bytes of a document's text. Beyond: its last blocks are left off, and the document says so.
pub const TEXT_BYTES_MAX: usize = 48 * 1024;
/// Places whose people are counted in a document: those with most people. The rest is counted.
pub const PLACES_MAX: usize = 60;
/// Others who have been told, in a document. The rest is counted.
pub const TOLD_MAX: usize = 60;
/// New lines that a follow-up repeats at its head. The rest is counted.
pub const NEWS_MAX: usize = 40;
/// Characters of a name, an address, a contact of the organisation. Beyond: refused.
pub const ORGANISATION_MAX: usize = 500;
/// Recipients of one mailing. Beyond: refused, make two.
pub const RECIPIENTS_MAX: usize = 500_000;
/// Mails of a mailing in flight: the most that a crash repeats.
pub const IN_FLIGHT_MAX: usize = 256;
