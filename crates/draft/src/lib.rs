//! What the law wants told of a breach, written from what is known. Pure: no clock, no I/O, no randomness.
//!
//! ```text
//! Facts (what the casebook knows) ─┐
//! Answers (what people wrote) ─────┼─► write ─► Document ─► text (canonical, hashed) ─► HTML
//! Form (what one law wants told) ──┘        └─► open points
//! ```
//!
//! Nothing is made up. What nobody knows yet stands in the document as such, and its [`Open`] point is counted. Facts come as
//! numbers, classes and times, and names of persons, accounts and tables stay out: a notice leaves the house.
//!
//! One model, two writers: the text is all there is of a document. It is plain enough to be read by people, and strict enough that the
//! HTML is written from the text alone ([`Document::read`]); so both say the same, and an auditor needs nothing but the text and
//! `sha256sum`. The alternative, storing a tree and writing both from it, would have made the hash depend on our writer's version.
//!
//! Sources of what a form holds: Regulation (EU) 2016/679 Art. 33(3), 33(4), 33(5), 34(2); Cal. Civ. Code 1798.82(d)(1); M.G.L. c. 93H s. 3
//! and 3A with the Commonwealth's page on notices to residents. Other authorities ask for more, on forms of their own: which is not
//! known here.
//!
//! Not here: who has to be told and when (law), who may approve (incident), how it is sent (notifier).

mod document;
mod facts;
mod form;
mod html;
pub mod limits;
pub mod mailing;
mod news;
mod notices;
mod register;
mod words;
mod write;

pub use document::{Block, Document, paragraphs, sha256};
pub use facts::{Act, Count, Facts, KnownBy, Organisation, Phase, Previous, Sign, Told};
pub use form::{Answers, Field, Form, Open};
pub use html::Looks;
pub use register::{Entry, Register};
pub use words::Language;
pub use write::{Written, write};
