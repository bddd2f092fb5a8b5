//! Signatures as data: Sigma rules over requests and statements.
//!
//! A rule is a YAML file of the [Sigma specification](https://sigmahq.io/docs/), looks at one entry of a log, and says how bad a match is.
//! What of the specification is read stands in [`Category`] (fields), in `pattern` (modifiers, wildcards) and in `condition`; whatever is
//! not read is *refused*, with its file and line, and never passed over: a rule that silently means less than its writer thinks is
//! worse than none. Refused are correlations, filters, collections (`action`), `timeframe`, counting conditions, `expand`, `fieldref`,
//! UTF-16, `logsource.product` and `service`. Custom section: `breachd: { page: false, examples: [...] }`.
//!
//! # Why a reader of our own
//! Looked at in November 2026, all of them pure Rust at the surface, MIT or Apache-2.0:
//!
//! | crate | good | why not |
//! |---|---|---|
//! | `rsigma-parser`, `rsigma-eval` 0.23 | the whole specification, bounded conditions, lively upkeep | reads YAML through a C parser translated to unsafe Rust; keeps no lines, and stops at the first mistake of a document; the evaluator brings flate2, pest and some fifty thousand lines, asks for JSON-like events, and knows nothing of forms (raw, decoded) |
//! | `sigma-rust` 0.7 | small, safe, the whole condition grammar | makes owned events and small-letter copies for each comparison, no sieve; no lines, first mistake only |
//! | `sigmars` 0.2 | correlations | brings chrono, and tokio unless switched off; `serde_yaml`, which is given up; compares `Value`s |
//! | `tau-engine` 1.16 | fast, has a sieve | its own rule language: Sigma has to be translated first, and mistakes are those of the translation |
//!
//! What decides is not matching, which is some four hundred lines, but what stands around it: *every mistake at once with file and line*
//! needs YAML with positions, and *one scan for an ordinary line* needs the rules' own structure. So the language is read here over
//! [`saphyr_parser`] (pure, no unsafe, positions), matching is `regex` (linear) and
//! a word search of our own, see `words`.
//!
//! # What it costs
//! An ordinary entry costs one pass over the texts that the client could write, see `sieve`. `cargo bench --bench signatures` shows
//! the ratio of parsing with the shipped rules to parsing alone: 1.10 to 1.18 for an ordinary day, 1.2 for samples full of oddities, 2 for lines
//! that all match.
//!
//! # What it does not notice
//! Bodies, cookies and headers, which logs do not have. Statements inside literals (`PREPARE … FROM '…'`), which the lexer of `formats`
//! follows and rules do not. Letters beyond ASCII in another case.

mod condition;
mod example;
mod field;
pub mod limits;
mod pattern;
mod rule;
mod set;
mod sieve;
mod words;
mod yaml;

pub use example::Example;
pub use field::Category;
pub use rule::Rule;
pub use set::{File, Matcher, Set};

use std::fmt;

/// What is wrong in a file of rules.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mistake {
    /// As the caller named it.
    pub file: String,
    /// Counted from 1.
    pub line: usize,
    pub problem: String,
}

impl Mistake {
    pub(crate) fn at(line: usize, problem: impl Into<String>) -> Self {
        Mistake { file: String::new(), line, problem: problem.into() }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.problem)
    }
}

/// A text of a file, fit for a message.
pub(crate) fn shown(text: &str) -> String {
    activity::printable_within(text, 80)
}
