//! Statements of a known shape: what differs from one to the next is found without the rest being read again.
//!
//! An application sends a few hundred statements again and again, with other numbers and texts in them. So what was read of one is
//! kept, with its text, in which literals and the comments at its edges are holes. A text that is the same but for these, byte for
//! byte, says the same but for the records that its literals name, the page of a list and the tag in its comments; and those are told
//! from the holes.
//!
//! **There is one truth**, the reader's: a shape is what it said of a text, and a hole is only where it did not look. Literals that it
//! looks at (`WHERE 1=1`, the rows behind LIMIT, what SET assigns), that have escapes or stand in double quotes, and comments elsewhere
//! belong to the shape and are compared. A hole ends where the lexer would end what stands in it, or the text is not of the shape. A
//! property and the fuzz target of SQL hold what is told of a known shape to what is read.
//!
//! Callgrind, on the samples of server_audit: 3,450 instructions a line where shapes are known, 5,310 where each statement is read. The
//! alternatives: reading every token in less time, which has been tried until one wrong guess of the processor a token was what
//! remained; and keeping whole texts, of which in practice none comes twice.
//!
//! What it costs: for each partition of a source with statements up to [`SHAPES_MAX`] shapes, whose texts take 1 MiB and all of it 5 MiB
//! at most. To learn a shape takes 1.4 times as long as reading the statement, with many literals 2.3 times; of new ones only one in
//! [`LEARNING`] is learned in the long run, so that who sends nothing else costs a sixth more at most. A text that nearly is of eight
//! shapes, and differs from each at its very end, takes three times as long as its reading.
//!
//! Not kept: texts that may have been cut, that end in an open quote or have more than [`TEXT_BYTES_MAX`] bytes or [`HOLES_MAX`]
//! literals; PostgreSQL's; those that write account numbers, hold a statement in a literal, name a record by a literal that is no hole,
//! or assign something in a comment that is not at an edge. Of statements other than SELECT, INSERT, UPDATE and DELETE no literal is a
//! hole.

use super::lexer::{CodeComment, EdgeComments, Lexer, behind_digits, is_word};
use super::literals::{self, Skipped};
use super::tags::tagged;
use super::{Completeness, Statement, records, words};
use crate::places::Places;
use crate::{Context, TableBehind};
use activity::{Operation, Resource, Signal, Signals};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use wide::u8x16;

/// A longer text is always read, in bytes.
const TEXT_BYTES_MAX: usize = 2048;

/// Most holes of a shape; a text with more literals is always read.
const HOLES_MAX: usize = 32;

/// Shapes that are kept.
const SHAPES_MAX: usize = 512;

/// Shapes whose keys fall together.
const SHAPES_OF_SET_MAX: usize = 8;

const SETS: usize = SHAPES_MAX / SHAPES_OF_SET_MAX;

/// How many tables a shape has at most, and how long the name of its schema and of a sort of records is, in bytes.
const TABLES_KEPT_MAX: usize = 32;
const SCHEMA_BYTES_MAX: usize = 256;
const SORT_BYTES_MAX: usize = 64;

/// How many statements pay for learning one shape.
const LEARNING: u32 = 8;

/// How much may be saved up, and what there is to begin with.
const SAVED_MAX: u32 = 2048;

/// Bytes of a text by which its shape is looked for.
const KEY_BYTES: usize = 32;

/// The shapes of the statements of a source.
#[derive(Debug)]
pub struct Shapes {
    /// By their keys; those that are asked for more often are further in front.
    sets: Vec<Vec<Shape>>,
    /// What may be spent on learning: every statement brings one.
    saved: u32,
    /// Under what they were read.
    under: Option<Under>,
    known: u64,
}

/// What of the context decides what a text says.
#[derive(Debug)]
struct Under {
    watched_columns: Arc<BTreeSet<Box<str>>>,
    tables_behind: Arc<BTreeMap<Box<str>, Vec<TableBehind>>>,
    schema: Arc<str>,
}

/// What all statements of a shape say.
#[derive(Debug)]
pub(super) struct Shape {
    key: u64,
    /// The current schema.
    schema: Box<str>,
    /// The text without what stands in the holes.
    fixed: Box<str>,
    holes: Box<[Hole]>,
    tables: Box<[(Part, Part)]>,
    operation: Operation,
    signals: Signals,
    columns: Box<[Box<str>]>,
    star: bool,
    fingerprint: Option<u64>,
    page: u64,
}

#[derive(Debug)]
struct Hole {
    /// Where in [`Shape::fixed`].
    at: usize,
    kind: Kind,
}

#[derive(Debug, PartialEq)]
enum Kind {
    /// Between single quotes, without escapes; what sort of record it names.
    Text(Option<Box<str>>),
    /// `7`, `12.50`; what sort of record it names.
    Number(Option<Box<str>>),
    /// How many rows are left out, of a list of which so many are read.
    Skipped(u64),
    /// The comment before all else, without its signs.
    Front,
    /// That behind all else.
    End,
}

/// From where to where each hole of a shape is in a text.
type Spans = [(usize, usize); HOLES_MAX];

/// A name, and where it comes from.
#[derive(Debug)]
enum Part {
    /// The text: behind how many holes, where in [`Shape::fixed`], and how long.
    Text { behind: usize, at: usize, length: usize },
    /// The current schema.
    Schema,
    /// Neither.
    Own(Box<str>),
}

/// The literals of a text, as its reader came by.
#[derive(Debug, Default)]
pub(super) struct Literals {
    found: Vec<Literal>,
    /// One that is no hole names a record.
    unfit: bool,
}

#[derive(Debug)]
struct Literal {
    start: usize,
    end: usize,
    kind: Kind,
}

impl Literals {
    /// The literal that was the last token. `looked_to`: to where the reader has looked at values; behind that nothing but the sort of
    /// record depends on it. `skipped`: on that one nothing but the page does.
    pub(super) fn take(
        &mut self,
        lexer: &Lexer<'_>,
        raw: &str,
        sort: Option<&str>,
        looked_to: usize,
        skipped: Option<Skipped>,
    ) {
        let (text, token_end, sort_kept) = (lexer.text(), lexer.token_end(), sort.map(Box::from));
        let (start, end, is_plain, kind) = if lexer.byte_before(token_end) == b'\'' {
            let end = token_end - 1;
            let start = end.saturating_sub(raw.len());
            let is_quoted = looked_to < start && lexer.byte_before(start) == b'\'';
            let is_plain = is_quoted && !raw.bytes().any(|byte| matches!(byte, b'\'' | b'\\'));
            (start, end, is_plain, Kind::Text(sort_kept))
        } else {
            let start = token_end.saturating_sub(raw.len());
            // Glued to what may be read with it: a name's point, the mark of a comment with code in it.
            let is_alone = !matches!(lexer.byte_before(start), b'.' | b'!') && lexer.byte(token_end) != b'.';
            let is_plain = is_alone && is_plain_number(raw);
            match skipped.filter(|skipped| skipped.end == token_end && looked_to < usize::MAX && sort.is_none()) {
                Some(Skipped { rows, .. }) => (start, token_end, is_plain, Kind::Skipped(rows)),
                None => (start, token_end, is_plain && looked_to <= start, Kind::Number(sort_kept)),
            }
        };
        let is_short = sort.is_none_or(|sort| sort.len() <= SORT_BYTES_MAX);
        if is_plain && is_short && text.get(start..end) == Some(raw) && self.found.len() <= HOLES_MAX {
            self.found.push(Literal { start, end, kind });
        } else {
            self.unfit |= sort.is_some();
        }
    }
}

impl Default for Shapes {
    fn default() -> Self {
        Shapes { sets: Vec::new(), saved: SAVED_MAX, under: None, known: 0 }
    }
}

impl Shapes {
    /// As [`Statement::read`], which it always equals.
    pub fn read<'a>(
        &mut self,
        text: &'a str,
        schema: &'a str,
        completeness: Completeness,
        context: &Context,
    ) -> Statement<'a> {
        if completeness == Completeness::MaybeCut || context.cut || TEXT_BYTES_MAX < text.len() {
            return Statement::read(text, schema, completeness, context);
        }
        self.go_under(context);
        self.saved = (self.saved + 1).min(SAVED_MAX);
        let key = key(text, schema);
        let set = &mut self.sets[key as usize % SETS];
        let mut spans = [(0, 0); HOLES_MAX];
        for at in 0..set.len() {
            let shape = &set[at];
            if shape.key == key && *shape.schema == *schema && shape.fits(text, &mut spans) {
                let statement = shape.says(text, schema, &spans, context);
                set.swap(at, at.saturating_sub(1));
                self.known += 1;
                return statement;
            }
        }
        let Some(saved) = self.saved.checked_sub(LEARNING) else {
            return Statement::read(text, schema, completeness, context);
        };
        self.saved = saved;
        let (statement, shape) = Statement::read_with_shape(text, schema, context);
        if let Some(shape) = shape {
            if set.len() == SHAPES_OF_SET_MAX {
                set.pop();
            }
            set.push(shape);
        }
        statement
    }

    /// How many statements were of a known shape.
    pub fn known(&self) -> u64 {
        self.known
    }

    /// Forgets all that was read under another configuration.
    fn go_under(&mut self, context: &Context) {
        let is_same = self.under.as_ref().is_some_and(|under| {
            Arc::ptr_eq(&under.watched_columns, &context.watched_columns)
                && Arc::ptr_eq(&under.tables_behind, &context.tables_behind)
                && Arc::ptr_eq(&under.schema, &context.schema)
        });
        if !is_same {
            self.sets.clear();
            self.sets.resize_with(SETS, Vec::new);
            self.saved = SAVED_MAX;
            // Held, so that no other can come to stand at the same address.
            self.under = Some(Under {
                watched_columns: Arc::clone(&context.watched_columns),
                tables_behind: Arc::clone(&context.tables_behind),
                schema: Arc::clone(&context.schema),
            });
        }
    }
}

impl Shape {
    /// The shape of a text that has been read to its end: what it said, and which of its literals have not been looked at.
    /// `None` if it says something that is not told from holes.
    pub(super) fn of(
        text: &str,
        schema: &str,
        lexer: &Lexer<'_>,
        literals: Literals,
        pages: usize,
        statement: &Statement<'_>,
    ) -> Option<Self> {
        let says_more = [Signal::BankDetails, Signal::MisplacedTag].iter().any(|one| statement.signals.contains(*one));
        let is_large = SCHEMA_BYTES_MAX < schema.len() || TABLES_KEPT_MAX < statement.tables.len();
        if says_more || is_large || literals.unfit {
            return None;
        }
        let edge = lexer.edge_comments();
        let assigning = [edge.front, edge.end].iter().flatten().filter(|comment| comment.contains('=')).count();
        if usize::try_from(lexer.assigning_comments()) != Ok(assigning) {
            return None;
        }
        let mut found = literals.found;
        // Of several pages the greatest is told, and which that is may change.
        let turns = found.iter().any(|literal| matches!(literal.kind, Kind::Skipped(_)));
        if turns && pages != 1 {
            return None;
        }
        if let Some(front) = edge.front {
            // Before all else is before white space, too.
            let start = offset(text, front).filter(|start| *start == 2)?;
            found.insert(0, Literal { start, end: start + front.len(), kind: Kind::Front });
        }
        if let Some(end) = edge.end {
            let start = offset(text, end)?;
            found.push(Literal { start, end: start + end.len(), kind: Kind::End });
        }
        let is_in_order = found.is_sorted_by(|one, next| one.end < next.start);
        if HOLES_MAX < found.len() || !is_in_order {
            return None;
        }
        let mut fixed = String::with_capacity(text.len());
        let mut from = 0;
        for literal in &found {
            fixed.push_str(text.get(from..literal.start)?);
            from = literal.end;
        }
        fixed.push_str(text.get(from..)?);
        let mut left_out = 0;
        let part = |name: &str| match offset(text, name) {
            _ if std::ptr::eq(name, schema) => Part::Schema,
            Some(start) => {
                let before = || found.iter().take_while(|literal| literal.end <= start);
                let left_out: usize = before().map(|literal| literal.end - literal.start).sum();
                Part::Text { behind: before().count(), at: start - left_out, length: name.len() }
            }
            None => Part::Own(name.into()),
        };
        let tables = statement.tables.iter().map(|table| match table {
            Resource::Table { schema, name } => Some((part(schema), part(name))),
            Resource::Route(_) => None,
        });
        let tables = tables.collect::<Option<_>>()?;
        let hole = |literal: Literal| {
            let at = literal.start - left_out;
            left_out += literal.end - literal.start;
            Hole { at, kind: literal.kind }
        };
        let shape = Shape {
            key: key(text, schema),
            schema: schema.into(),
            fixed: fixed.into(),
            holes: found.into_iter().map(hole).collect(),
            tables,
            operation: statement.operation,
            signals: statement.signals,
            columns: statement.columns.iter().map(|name| Box::from(&**name)).collect(),
            star: statement.star,
            fingerprint: statement.fingerprint,
            page: if turns { 0 } else { statement.page },
        };
        // `1.5FROM`: what is read so because of what stands in it.
        shape.fits(text, &mut [(0, 0); HOLES_MAX]).then_some(shape)
    }

    /// Whether the text is of this shape; then also from where to where each hole is in it.
    fn fits(&self, text: &str, spans: &mut Spans) -> bool {
        let (bytes, fixed) = (text.as_bytes(), self.fixed.as_bytes());
        let (mut at, mut from) = (0, 0);
        for (hole, span) in self.holes.iter().zip(spans) {
            let segment = &fixed[from..hole.at];
            if !bytes[at..].starts_with(segment) {
                return false;
            }
            (at, from) = (at + segment.len(), hole.at);
            let Some(end) = hole.kind.end(bytes, at) else { return false };
            *span = (at, end);
            at = end;
        }
        bytes[at..] == fixed[from..]
    }

    /// What a text of this shape says.
    fn says<'a>(&self, text: &'a str, schema: &'a str, spans: &Spans, context: &Context) -> Statement<'a> {
        let (mut records, mut edge, mut page) = (Vec::new(), EdgeComments::default(), self.page);
        for (hole, &(start, end)) in self.holes.iter().zip(spans) {
            match &hole.kind {
                Kind::Text(Some(sort)) | Kind::Number(Some(sort)) => {
                    records::add(&mut records, sort, &text[start..end])
                }
                Kind::Text(None) | Kind::Number(None) => {}
                Kind::Skipped(rows) => {
                    page = text[start..end].parse().map_or(0, |skipped| literals::page_behind(skipped, *rows));
                }
                Kind::Front => edge.front = Some(&text[start..end]),
                Kind::End => edge.end = Some(&text[start..end]),
            }
        }
        let tagged = tagged(&Lexer::behind(text, edge), false, &context.sql_tags);
        let mut signals = self.signals;
        if tagged.misplaced {
            signals.insert(Signal::MisplacedTag);
        }
        let part = |part: &Part| match part {
            Part::Text { behind, at, length } => {
                let start = match behind.checked_sub(1) {
                    Some(last) => at - self.holes[last].at + spans[last].1,
                    None => *at,
                };
                Cow::Borrowed(&text[start..start + length])
            }
            Part::Schema => Cow::Borrowed(schema),
            Part::Own(name) => Cow::Owned(name.to_string()),
        };
        Statement {
            text,
            operation: self.operation,
            tables: self
                .tables
                .iter()
                .map(|(schema, name)| Resource::Table { schema: part(schema), name: part(name) })
                .collect(),
            signals,
            tag_user: tagged.user,
            request_id: tagged.request_id,
            columns: self.columns.iter().map(|name| Cow::Owned(name.to_string())).collect(),
            star: self.star,
            fingerprint: self.fingerprint,
            records,
            payees: Vec::new(),
            page,
        }
    }
}

impl Kind {
    /// Where what stands in such a hole ends; `None` if nothing does that the lexer would take for it.
    #[inline]
    fn end(&self, bytes: &[u8], start: usize) -> Option<usize> {
        match self {
            // A quote that is doubled does not match what follows, for there one follows that is not.
            Kind::Text(_) => words::find_either(bytes, start, b'\'', b'\\').filter(|end| bytes[*end] == b'\''),
            Kind::Number(_) | Kind::Skipped(_) => {
                let mut end = behind_digits(bytes, start);
                if end == start {
                    return None;
                }
                if bytes.get(end) == Some(&b'.') {
                    let point = end;
                    end = behind_digits(bytes, point + 1);
                    if end == point + 1 {
                        return None;
                    }
                }
                let is_alone = |byte: &u8| !is_word(*byte) && *byte != b'.';
                bytes.get(end).is_none_or(is_alone).then_some(end)
            }
            Kind::Front | Kind::End => comment_end(bytes, start),
        }
    }
}

/// Where a comment that is no code ends, by where it begins behind its sign.
fn comment_end(bytes: &[u8], start: usize) -> Option<usize> {
    let rest = &bytes[start..];
    let end = if CodeComment::read(rest).is_some() { None } else { memchr::memmem::find(rest, b"*/") };
    end.map(|length| start + length)
}

fn is_plain_number(raw: &str) -> bool {
    let bytes = raw.as_bytes();
    Kind::Number(None).end(bytes, 0) == Some(bytes.len())
}

/// Where in the text a part of it begins; `None` if it is none.
fn offset(text: &str, part: &str) -> Option<usize> {
    let start = part.as_ptr().addr().checked_sub(text.as_ptr().addr())?;
    (start + part.len() <= text.len()).then_some(start)
}

/// The same for all texts of a shape: of what stands before the first byte that may be in a hole the length, and the end; the schema.
fn key(text: &str, schema: &str) -> u64 {
    let bytes = text.as_bytes();
    let front = if bytes.starts_with(b"/*") { comment_end(bytes, 2).map_or(0, |end| end + 2) } else { 0 };
    let rest = &bytes[front..];
    let quote = u8x16::splat(b'\'');
    // The slash is the sign before the digits.
    let (from, to) = (u8x16::splat(b'/'), u8x16::splat(b'9'));
    let mut ends = Places::by(rest, |block: u8x16| {
        block.simd_eq(quote) | (block.max(from).simd_eq(block) & block.min(to).simd_eq(block))
    });
    let before = &rest[..ends.next().unwrap_or(rest.len())];
    let last = &before[before.len().saturating_sub(KEY_BYTES)..];
    let mut hash = words::taken(words::hash_of(schema), before.len() as u64);
    let (eights, others) = last.as_chunks();
    for eight in eights {
        hash = words::taken(hash, u64::from_le_bytes(*eight));
    }
    let few = others.iter().fold(0, |few, byte| few << 8 | u64::from(*byte));
    let hash = words::taken(hash, few);
    hash ^ hash >> 32
}

#[cfg(test)]
mod tests;
