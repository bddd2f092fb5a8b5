//! What one SQL statement says: its operation, its tables, its attribution tag, and what its shape gives away.
//!
//! This is no parser of SQL. It follows the few words that introduce tables (FROM, JOIN, INTO, UPDATE, …) through
//! parentheses, and knows which of them are something else (`EXTRACT(… FROM …)`, `FOR UPDATE`, `SHOW … FROM`). So it is
//! total and linear, and right on text that was cut, where a grammar would give up.
//!
//! Where text is ambiguous it errs towards naming a table. Tables behind views, triggers and stored functions are named if
//! [`Context::tables_behind`] says so ([`definitions`] reads them out of a schema); those behind procedures and prepared
//! statements have log entries of their own. `EXECUTE IMMEDIATE` of literals is read, of variables it cannot be.
//! server_audit's READ and WRITE rows see all of these: `tests/truth.rs` measures how far both agree.
//!
//! What a name in a cut text was, what a condition selects, and whether a double-quoted word is a name (ANSI_QUOTES) it
//! cannot know: half a name is none, every condition but constants selects, and a double-quoted word is a name only where a
//! table is expected.

mod account_number;
mod condition;
mod definitions;
mod fingerprint;
mod keywords;
mod lexer;
mod literals;
mod modes;
mod payees;
mod placed;
mod records;
mod shapes;
mod tags;
mod words;

use crate::{Behind, Context, TableBehind};
use account_number::{is_account_number, is_account_table};
use activity::{Activity, Operation, Payee, Record, Resource, Signal, Signals};
pub use definitions::definitions;
use fingerprint::Fingerprint;
use keywords::Keyword;
pub(crate) use lexer::CodeComment;
use lexer::{Dialect, Lexer, Token, unquoted};
use literals::Skipped;
pub(crate) use modes::QuoteModes;
use payees::Payees;
pub use placed::{Placed, placed};
pub use records::{noun_of_column, noun_of_table};
pub use shapes::Shapes;
use shapes::{Literals, Shape};
use std::borrow::Cow;
pub use tags::{SqlTag, TagPosition};
pub(crate) use words::find_either;
use words::hash_of;

/// Most tables of one statement; the rest is not named.
const TABLES_MAX: usize = 128;

/// So many tables are found again by hash.
const TABLES_MANY: usize = 8;

/// Most columns of one statement that are watched for; the rest is not named.
const COLUMNS_MAX: usize = 32;

/// Longest name of a column that is watched for, in bytes.
const COLUMN_BYTES_MAX: usize = 64;

/// Most common table expressions of one statement; a name beyond is taken for a table.
const CTES_MAX: usize = 64;

/// Deepest nesting of parentheses that is followed; deeper ones are read as if they stood one beside the other.
const NESTING_MAX: usize = 64;

/// A LIMIT of so many rows or more bounds nothing.
const LIMIT_HUGE: f64 = 10_000.0;

/// How the text of a statement reached us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completeness {
    Whole,
    /// It may have been cut: a name that touches the end may be half a name, and a tag at the end may be one that was
    /// placed there so that the true one was cut off. What such a statement lacks it may have had: it has no fingerprint,
    /// and is not called unbounded.
    MaybeCut,
}

/// What a statement says.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement<'a> {
    /// What was read; empty of a statement in a literal.
    pub text: &'a str,
    pub operation: Operation,
    /// [`Resource::Table`]s in order of appearance, each once.
    pub tables: Vec<Resource<'a>>,
    pub signals: Signals,
    /// The portal user that a tag at its configured position names.
    pub tag_user: Option<Cow<'a, str>>,
    /// The request's id, from the same comment.
    pub request_id: Option<Cow<'a, str>>,
    /// Of [`Context::watched_columns`], those that the text names, and `*` where all of them may have been read.
    pub columns: Vec<Cow<'a, str>>,
    /// Columns that are not named may have been read too: `SELECT *`.
    pub star: bool,
    /// Hash of the statement without its literals; see [`Activity::fingerprint`]. Its arithmetic is in `fingerprint.rs`.
    pub fingerprint: Option<u64>,
    /// The records that its conditions name, each once; see `records.rs`.
    pub records: Vec<Record>,
    /// The account numbers that it writes; see `payees.rs`.
    pub payees: Vec<Payee>,
    /// Which page of a list it reads, see [`Activity::page`]: LIMIT and OFFSET, told in pages.
    pub page: u64,
}

impl<'a> Statement<'a> {
    /// Reads a statement of MariaDB or MySQL. `schema` is the current one, for tables named without; empty if unknown.
    pub fn read(text: &'a str, schema: &'a str, completeness: Completeness, context: &Context) -> Self {
        let mut reader = Reader::new(Lexer::of(text, Dialect::MariaDb), schema, completeness, context);
        reader.read();
        if reader.lexer.ended_in_quotes() && reader.completeness == Completeness::Whole && text.contains('\\') {
            // An open quote in a whole text: backslashes do not escape in this session.
            let plain = Lexer::of(text, Dialect::MariaDbPlainBackslash);
            let mut second = Reader::new(plain, schema, completeness, context);
            second.read();
            if !second.lexer.ended_in_quotes() {
                reader = second;
            }
        }
        reader.finish(text)
    }

    /// As [`Statement::read`] of a whole text, and what others of its shape say.
    fn read_with_shape(text: &'a str, schema: &'a str, context: &Context) -> (Self, Option<Shape>) {
        let mut reader = Reader::new(Lexer::of(text, Dialect::MariaDb), schema, Completeness::Whole, context);
        reader.literals = Some(Literals::default());
        reader.read();
        if reader.lexer.ended_in_quotes() || reader.inner.is_some() {
            return (Statement::read(text, schema, Completeness::Whole, context), None);
        }
        let statement = reader.finish(text);
        let literals = reader.literals.take().unwrap_or_default();
        let shape = Shape::of(text, schema, &reader.lexer, literals, reader.pages, &statement);
        (statement, shape)
    }

    /// Reads a statement of PostgreSQL.
    pub fn read_postgres(text: &'a str, schema: &'a str, completeness: Completeness, context: &Context) -> Self {
        let mut reader = Reader::new(Lexer::of(text, Dialect::Postgres), schema, completeness, context);
        reader.read();
        reader.finish(text)
    }

    /// Says all this in an activity.
    pub fn fill(self, activity: &mut Activity<'a>) {
        activity.operation = self.operation;
        activity.resources = self.tables;
        activity.signals = self.signals;
        activity.tag_user = self.tag_user;
        activity.request_id = self.request_id;
        activity.columns = self.columns;
        activity.fingerprint = self.fingerprint;
        activity.records = self.records;
        activity.payees = self.payees;
        activity.page = self.page;
        activity.statement = Some(Cow::Borrowed(self.text));
    }
}

/// What the next identifier at this level of parentheses is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// A statement may begin here.
    Start,
    /// Nothing of interest.
    Idle,
    /// A table, the only one.
    OneTable,
    /// A table, and more after commas and joins.
    Table,
    /// Inside a list of tables, behind a name: an alias, a condition.
    Listed,
    /// The name of a common table expression.
    CteName,
    /// Behind that name: its columns, or AS and its query.
    CteBody,
    /// Behind GRANT or REVOKE: privileges, until ON.
    Privileges,
}

/// What a pair of parentheses is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Part of an expression, or a list.
    Expression,
    /// A part of a condition that, if it is always true, may make the whole condition so.
    Condition,
    /// A query in the place of a query: `(SELECT …) UNION (SELECT …)`.
    Query,
    /// A query in the place of a table, or tables.
    Source,
}

/// One level of parentheses.
#[derive(Clone, Copy, Debug)]
struct Level {
    state: State,
    place: Place,
    /// A query began at this level: its FROM introduces tables.
    query: bool,
    /// It is a SELECT, whose rows go somewhere.
    select: bool,
    /// It reads from a table, or from a query that reads a whole table.
    source: bool,
    /// It has a condition, a limit or an aggregate.
    selective: bool,
    limited: bool,
    aggregated: bool,
    /// Behind WHERE.
    condition: bool,
    /// In a [`Place::Condition`]: it is always true.
    widened: bool,
    /// A query of this level, before UNION, reads a whole table.
    unbounded: bool,
    /// WITH RECURSIVE: inside its own query the name is the expression, else it is a table of that name.
    recursive: bool,
    /// The common table expression whose query this level is: its number among the names, from 1; 0 for none.
    cte: u8,
    /// The one read in [`State::CteName`].
    cte_pending: u8,
}

impl Level {
    const fn new(state: State, place: Place) -> Self {
        Level {
            state,
            place,
            query: false,
            select: false,
            source: false,
            selective: false,
            limited: false,
            aggregated: false,
            condition: false,
            widened: false,
            unbounded: false,
            recursive: false,
            cte: 0,
            cte_pending: 0,
        }
    }

    /// The query is over, and another may follow.
    fn end_query(&mut self) {
        self.unbounded |= self.select && self.source && !self.selective && !self.limited && !self.aggregated;
        (self.select, self.source, self.selective, self.limited, self.aggregated) = (false, false, false, false, false);
        self.condition = false;
    }
}

/// A common table expression in force.
struct Cte<'a> {
    /// The number of levels around the one it was defined at.
    depth: usize,
    name: Cow<'a, str>,
    hash: u64,
    /// It reads a whole table.
    unbounded: bool,
}

/// What the statement began with, as far as it matters later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    None,
    Select,
    Insert,
    Update,
    Delete,
    Load,
    Copy,
    Handler,
    Explain,
    SetStatement,
    Set,
    Show,
    /// CREATE, until it is known of what.
    Create,
    CreateTable,
    CreateView,
    Alter,
    Drop,
    Rename,
    Lock,
    Maintain,
    Truncate,
    Grant,
    Revoke,
    Uninstall,
    Prepare,
    Execute,
    Compound,
    Other,
}

/// How a statement writes to a table: what its triggers fire by.
mod writes {
    pub(super) const NONE: u8 = 0;
    pub(super) const INSERT: u8 = 1;
    pub(super) const UPDATE: u8 = 2;
    pub(super) const DELETE: u8 = 4;
    pub(super) const ANY: u8 = 7;
}

struct Reader<'a, 'c> {
    lexer: Lexer<'a>,
    fingerprint: Fingerprint,
    context: &'c Context,
    schema: &'a str,
    completeness: Completeness,
    verb: Verb,
    /// How its verb writes.
    written_by: u8,
    operation: Operation,
    level: Level,
    /// The levels around it, the outermost first.
    around: Vec<Level>,
    /// Parentheses open beyond [`NESTING_MAX`].
    deeper: usize,
    ctes: Vec<Cte<'a>>,
    cte_names: Vec<Cow<'a, str>>,
    tables: Vec<Resource<'a>>,
    /// Of the tables, once they are many.
    hashes: Vec<u64>,
    /// For each table, how it is written to.
    writes: [u8; TABLES_MAX],
    columns: Vec<Cow<'a, str>>,
    /// Double-quoted words that are watched columns, if double quotes are for names.
    columns_if_ansi: Vec<Cow<'a, str>>,
    ansi_quotes: bool,
    star: bool,
    signals: Signals,
    /// The table of HANDLER, named only if it is read.
    handled: Option<Resource<'a>>,
    /// There are columns to watch for.
    watches: bool,
    /// There are tables behind others.
    has_behind: bool,
    /// Tables of routine bodies are not touched by their definition.
    names_tables: bool,
    reads: bool,
    gathers: bool,
    unbounded: bool,
    dump_comment: bool,
    /// It names account numbers to be written, or a table of them whole.
    pays: bool,
    selective: bool,
    /// What EXECUTE IMMEDIATE runs, itself read.
    inner: Option<Box<Statement<'static>>>,
    /// This is such a text: it may not have another inside.
    is_inner: bool,
    /// A name with a dot behind it, where there are functions to be called.
    qualifier: Cow<'a, str>,
    /// Behind WHERE.
    filters: bool,
    /// The last name, which a literal may be compared with.
    column: &'a str,
    /// The last sign was `=`, and not the end of another operator.
    equals: bool,
    /// Behind `column IN (`.
    lists: bool,
    records: Vec<Record>,
    /// Records of the statements of this text that are over.
    records_before: usize,
    payees: Payees<'a>,
    page: u64,
    /// How many pages have been read of, and what said which the last one was.
    pages: usize,
    skipped: Option<Skipped>,
    /// Where the values of literals have been looked at to, which others of its shape may not have.
    looked_to: usize,
    /// What the text's shape is told by, if it is to be.
    literals: Option<Literals>,
}

impl<'a, 'c> Reader<'a, 'c> {
    fn new(lexer: Lexer<'a>, schema: &'a str, completeness: Completeness, context: &'c Context) -> Self {
        let completeness = if context.cut { Completeness::MaybeCut } else { completeness };
        Reader {
            lexer,
            fingerprint: Fingerprint::new(),
            context,
            schema,
            completeness,
            verb: Verb::None,
            written_by: writes::NONE,
            operation: Operation::Other,
            level: Level::new(State::Start, Place::Query),
            around: Vec::new(),
            deeper: 0,
            ctes: Vec::new(),
            cte_names: Vec::new(),
            tables: Vec::new(),
            hashes: Vec::new(),
            writes: [writes::NONE; TABLES_MAX],
            columns: Vec::new(),
            columns_if_ansi: Vec::new(),
            ansi_quotes: lexer.dialect() == Dialect::Postgres,
            star: false,
            signals: Signals::EMPTY,
            handled: None,
            watches: !context.watched_columns.is_empty(),
            has_behind: !context.tables_behind.is_empty(),
            names_tables: true,
            reads: false,
            gathers: false,
            unbounded: false,
            dump_comment: false,
            pays: false,
            selective: false,
            inner: None,
            is_inner: false,
            qualifier: Cow::Borrowed(""),
            filters: false,
            column: "",
            equals: false,
            lists: false,
            records: Vec::new(),
            records_before: 0,
            payees: Payees::default(),
            page: 0,
            pages: 0,
            skipped: None,
            looked_to: 0,
            literals: None,
        }
    }

    fn finish(&mut self, text: &'a str) -> Statement<'a> {
        let cut = self.completeness == Completeness::MaybeCut;
        self.end_statement();
        self.expand();
        if self.ansi_quotes {
            self.columns.append(&mut self.columns_if_ansi);
        }
        if self.operation == Operation::Other && self.reads && (!self.tables.is_empty() || cut) {
            self.operation = Operation::Read;
        }
        let touches = !self.tables.is_empty() || cut;
        for (signal, shown) in [
            (Signal::DumpShape, self.dump_comment && !self.selective && touches),
            (Signal::GathersRows, self.gathers && touches),
            (Signal::BankDetails, self.pays && self.operation == Operation::Write),
            (Signal::UnboundedRead, self.unbounded && !self.tables.is_empty() && !cut),
        ] {
            if shown {
                self.signals.insert(signal);
            }
        }
        let tagged = tags::tagged(&self.lexer, cut, &self.context.sql_tags);
        if tagged.misplaced {
            self.signals.insert(Signal::MisplacedTag);
        }
        let mut statement = Statement {
            text,
            operation: self.operation,
            tables: std::mem::take(&mut self.tables),
            signals: self.signals,
            tag_user: tagged.user,
            request_id: tagged.request_id,
            columns: std::mem::take(&mut self.columns),
            star: self.star,
            fingerprint: (!cut).then(|| self.fingerprint.finish()),
            records: std::mem::take(&mut self.records),
            payees: if self.signals.contains(Signal::BankDetails) { self.payees.take() } else { Vec::new() },
            page: self.page,
        };
        if let Some(inner) = self.inner.take() {
            statement.take_in(*inner, self.verb == Verb::Prepare);
        }
        if statement.star
            && !statement.columns.iter().any(|name| name == "*")
            && !self.context.watched_columns.is_empty()
        {
            statement.columns.push(Cow::Borrowed("*"));
        }
        statement
    }

    /// All tokens, each with one jump: what a token is to the fingerprint stands beside what it is to the statement.
    fn read(&mut self) {
        let (mut before, mut sign_before) = (Keyword::None, 0);
        while let Some(token) = self.lexer.next_in_place() {
            let (last, last_sign) = (std::mem::replace(&mut before, Keyword::None), std::mem::take(&mut sign_before));
            match token {
                Token::Sign(sign) => {
                    match sign {
                        // The most usual ones are nothing else to anybody.
                        b'.' => self.fingerprint.plain_sign(sign),
                        b'=' => {
                            self.equals = !matches!(last_sign, b'<' | b'>' | b'!');
                            self.fingerprint.plain_sign(sign);
                        }
                        b',' => {
                            self.fingerprint.sign(b',');
                            self.comma();
                        }
                        b'(' => {
                            self.fingerprint.sign(b'(');
                            self.open(last, last_sign);
                        }
                        b')' => {
                            self.fingerprint.sign(b')');
                            self.lists = false;
                            self.close();
                        }
                        _ => {
                            self.fingerprint.sign(sign);
                            self.sign(sign, last_sign);
                        }
                    }
                    sign_before = sign;
                }
                Token::Word { text, keyword, hash } => {
                    self.fingerprint.word(hash, keyword);
                    self.watch(text);
                    // Behind a dot every word is a name.
                    if keyword == Keyword::None || last_sign == b'.' {
                        self.compare(text);
                        self.pay(text);
                        if self.uses_names() || self.state() == State::Start {
                            self.name(Cow::Borrowed(text), last_sign);
                        }
                    } else {
                        before = keyword;
                        if keyword == Keyword::Values {
                            self.payees.values();
                        }
                        self.keyword(text, keyword, last);
                    }
                }
                Token::Quoted { raw, quote, hash } => {
                    self.fingerprint.name(hash);
                    self.compare(raw);
                    self.pay(raw);
                    if self.uses_names() {
                        let name = unquoted(raw, quote);
                        self.watch(&name);
                        self.name(name, last_sign);
                    }
                }
                Token::Text { raw, double } => {
                    self.fingerprint.literal();
                    if double && self.expects_table() {
                        self.ansi_quotes = true;
                        self.fingerprint.name(hash_of(raw));
                        self.name(unquoted(raw, b'"'), last_sign);
                    } else {
                        self.text(raw, double);
                        self.compared(raw, last_sign);
                    }
                }
                Token::Variable(variable) => {
                    self.fingerprint.name(hash_of(variable));
                    self.assigned(variable, last, last_sign);
                }
                Token::Number(digits) => {
                    self.fingerprint.literal();
                    self.compared(digits, last_sign);
                }
            }
        }
    }

    /// The next token, for what belongs together: where else one is consumed.
    fn advance(&mut self) -> Option<Token<'a>> {
        let token = self.lexer.next()?;
        self.fingerprint.feed(&token);
        Some(token)
    }

    /// Whether [`Reader::watch`] or [`Reader::name`] would do anything with a name.
    #[inline]
    fn uses_names(&self) -> bool {
        self.watches
            || self.has_behind
            || matches!(self.state(), State::CteName | State::Table | State::OneTable)
            || matches!(self.verb, Verb::Set | Verb::Uninstall)
    }

    /// A name that a literal may be compared with.
    fn compare(&mut self, name: &'a str) {
        if !self.filters {
            return;
        }
        self.lists = name.eq_ignore_ascii_case("in");
        if !self.lists {
            self.column = name;
        }
    }

    /// A literal, which may name a record.
    fn compared(&mut self, literal: &str, sign_before: u8) {
        let is_equal = sign_before == b'=' && self.equals;
        let is_compared = self.filters && (is_equal || (self.lists && matches!(sign_before, b'(' | b',')));
        let may_count = is_compared && (self.records.len() < records::RECORDS_MAX || self.literals.is_some());
        let sort = if may_count { records::sort(self.column, &self.tables) } else { None };
        if let Some(sort) = sort {
            records::add(&mut self.records, sort, literal);
        }
        if let Some(literals) = &mut self.literals {
            let is_of_data = matches!(self.verb, Verb::Select | Verb::Insert | Verb::Update | Verb::Delete);
            let looked_to = if is_of_data { self.looked_to } else { usize::MAX };
            literals.take(&self.lexer, literal, sort, looked_to, self.skipped);
        }
        if self.operation == Operation::Write && !self.filters {
            let may_be_half = self.completeness == Completeness::MaybeCut && self.lexer.token_touches_end();
            if is_equal && !may_be_half {
                self.payees.assigned(literal);
            } else if self.is_in_row() && matches!(sign_before, b'(' | b',') && !may_be_half {
                self.payees.cell(literal, &self.tables);
            }
        }
    }

    /// In the outermost parentheses of an INSERT: its columns, or the cells of a row.
    fn is_in_row(&self) -> bool {
        self.verb == Verb::Insert && self.around.len() == 1
    }

    /// Notes a column that is watched for.
    #[inline(always)]
    fn watch(&mut self, name: &str) {
        if self.watches {
            self.note_column(name);
        }
    }

    /// Notes that the statement writes an account number, by the column's name.
    #[inline(always)]
    fn pay(&mut self, name: &'a str) {
        // The columns of COPY stand before it is known which way it goes.
        if (self.operation == Operation::Write || self.verb == Verb::Copy) && is_account_number(name) {
            self.pays = true;
        }
        if self.operation == Operation::Write && !self.filters {
            let listed = self.is_in_row();
            self.payees.column(name, listed);
        }
    }

    /// Whether what is written to a table, whose name has just been read, may be all its columns, of which none is named. Of LOAD
    /// and COPY the list of columns, if there is one, comes too late or after too much: they are rare, and taken to write all.
    fn writes_every_column(&self) -> bool {
        let mut ahead = self.lexer;
        match (self.verb, ahead.next()) {
            (Verb::Load | Verb::Copy, _) => true,
            (Verb::Insert, Some(Token::Sign(b'('))) => match ahead.next() {
                Some(Token::Word { keyword, .. }) => {
                    matches!(keyword, Keyword::Select | Keyword::With | Keyword::Values | Keyword::Table)
                }
                Some(Token::Sign(sign)) => sign == b'(',
                _ => false,
            },
            (Verb::Insert, Some(Token::Word { keyword, .. })) => keyword != Keyword::Set,
            _ => false,
        }
    }

    fn note_column(&mut self, name: &str) {
        if !self.expects_table() && self.columns.len() < COLUMNS_MAX {
            self.columns.extend(self.watched(name).filter(|name| !self.columns.contains(name)));
        }
    }

    fn watched(&self, name: &str) -> Option<Cow<'a, str>> {
        let mut lower = [0; COLUMN_BYTES_MAX];
        let lower = lower.get_mut(..name.len())?;
        lower.copy_from_slice(name.as_bytes());
        lower.make_ascii_lowercase();
        let watched = self.context.watched_columns.get(std::str::from_utf8(lower).ok()?)?;
        Some(Cow::Owned(watched.to_string()))
    }

    fn state(&self) -> State {
        self.level.state
    }

    fn expects_table(&self) -> bool {
        matches!(self.state(), State::Table | State::OneTable)
    }

    fn is_outermost(&self) -> bool {
        self.around.is_empty()
    }

    fn did(&mut self, operation: Operation) {
        let rank = |operation| match operation {
            Operation::Administer => 3,
            Operation::Write => 2,
            Operation::Read => 1,
            _ => 0,
        };
        if rank(self.operation) < rank(operation) {
            self.operation = operation;
        }
    }

    fn comma(&mut self) {
        if self.is_in_row() {
            self.payees.next_cell();
        }
        match self.state() {
            State::Listed => self.level.state = State::Table,
            // Another common table expression.
            State::Start if self.level.cte_pending != 0 => self.level.state = State::CteName,
            _ => {}
        }
    }

    /// A sign other than a comma and parentheses.
    fn sign(&mut self, sign: u8, sign_before: u8) {
        match sign {
            b';' => {
                self.filters = false;
                self.end_statement();
                self.ctes.clear();
                if self.verb != Verb::Compound {
                    self.verb = Verb::None;
                }
            }
            // ODBC's `{oj table …}`: the word behind the brace is no table.
            b'{' if self.expects_table() => {
                if let Some(Token::Word { .. }) = { self.lexer }.next() {
                    self.advance();
                }
            }
            b'*' => {
                let level = self.level;
                if level.select && !level.source {
                    let behind = self.lexer.peek_byte();
                    self.star |= matches!(behind, 0 | b',' | b';' | b')')
                        || matches!(self.lexer.peek_keyword(), Keyword::From | Keyword::Into | Keyword::Union);
                }
            }
            // `||` is OR, unless the session says otherwise.
            b'|' if sign_before == b'|' => self.widens(),
            // `*` among the names of DELETE and GRANT, the dot of `.table`: no change.
            _ => {}
        }
    }

    fn open(&mut self, before: Keyword, sign_before: u8) {
        let parent = self.level;
        let mut cte = 0;
        let (state, place) = match parent.state {
            State::Table => {
                self.level.state = State::Listed;
                (State::Table, Place::Source)
            }
            State::OneTable => {
                self.level.state = State::Idle;
                (State::Start, Place::Query)
            }
            State::Privileges | State::CteName => (State::Idle, Place::Expression),
            State::CteBody if before == Keyword::As || parent.condition => {
                self.level.condition = false;
                cte = parent.cte_pending;
                (State::Start, Place::Query)
            }
            State::CteBody => (State::Idle, Place::Expression),
            State::Start => (State::Start, Place::Query),
            // INSERT INTO t (SELECT …).
            _ if self.is_outermost() && !parent.query && matches!(self.verb, Verb::Insert | Verb::CreateTable) => {
                (State::Start, Place::Query)
            }
            _ => {
                let leads = match parent.place {
                    _ if parent.condition => matches!(before, Keyword::Where | Keyword::Or | Keyword::Having),
                    Place::Condition => before == Keyword::Or || sign_before == b'(',
                    _ => false,
                };
                (State::Start, if leads { Place::Condition } else { Place::Expression })
            }
        };
        if let (1.., true) = (cte, parent.recursive) {
            self.define(cte, false);
        }
        if NESTING_MAX <= self.around.len() {
            self.deeper += 1;
            self.level.state = state;
            return;
        }
        let inside = Level { cte, ..Level::new(state, place) };
        self.around.push(std::mem::replace(&mut self.level, inside));
        if self.is_in_row() {
            self.payees.open_row();
        }
    }

    fn close(&mut self) {
        if 0 < self.deeper {
            self.deeper -= 1;
            self.level.state = State::Listed;
            return;
        }
        if self.is_outermost() {
            return;
        }
        if self.is_in_row() {
            self.payees.close_row();
        }
        let closed = self.leave();
        // The innermost are last.
        while self.ctes.last().is_some_and(|cte| self.around.len() < cte.depth) {
            self.ctes.pop();
        }
        if closed.cte != 0 {
            self.define(closed.cte, closed.unbounded);
            self.level.state = State::Start;
        }
        if closed.widened && self.lexer.peek_keyword() != Keyword::And {
            self.widen();
        }
    }

    /// Out of one level of parentheses, and what that says of the one around.
    fn leave(&mut self) -> Level {
        let Some(level) = self.around.pop() else { return self.level };
        let mut closed = std::mem::replace(&mut self.level, level);
        let Level { query: is_query, source, aggregated, .. } = closed;
        closed.end_query();
        let level = &mut self.level;
        match closed.place {
            Place::Source => level.source |= closed.unbounded || (!is_query && source),
            Place::Query if closed.cte == 0 => level.unbounded |= closed.unbounded,
            Place::Expression if !is_query => level.aggregated |= aggregated,
            _ => {}
        }
        closed
    }

    fn end_statement(&mut self) {
        while !self.is_outermost() {
            self.leave();
        }
        self.level.end_query();
        self.unbounded |= self.level.unbounded;
        self.level = Level::new(State::Start, Place::Query);
        self.deeper = 0;
        let records = self.records.get(self.records_before..).unwrap_or_default();
        self.payees.end_statement(records);
        self.records_before = self.records.len();
    }

    fn define(&mut self, cte: u8, unbounded: bool) {
        let Some(name) = usize::from(cte).checked_sub(1).and_then(|at| self.cte_names.get(at)) else { return };
        if self.ctes.len() < CTES_MAX {
            let hash = hash_of(name);
            self.ctes.push(Cte { depth: self.around.len(), name: name.clone(), hash, unbounded });
        }
    }

    fn keyword(&mut self, word: &'a str, keyword: Keyword, before: Keyword) {
        match keyword {
            Keyword::Select if self.state() != State::Privileges => return self.select(),
            Keyword::SqlNoCache => {
                self.dump_comment |= self.lexer.is_in_dump_comment();
                return;
            }
            Keyword::Outfile | Keyword::Dumpfile if before == Keyword::Into => {
                let outfile = keyword == Keyword::Outfile;
                self.signals.insert(if outfile { Signal::IntoOutfile } else { Signal::IntoDumpfile });
                self.level.state = State::Idle;
                return;
            }
            Keyword::LoadFile if self.lexer.peek_byte() == b'(' => {
                self.signals.insert(Signal::LoadFile);
                return;
            }
            _ if keyword.is_aggregate() && !self.expects_table() && self.state() != State::CteName => {
                if self.lexer.peek_byte() == b'(' {
                    self.level.aggregated = true;
                    self.gathers |= keyword.gathers();
                    return;
                }
                return self.name(Cow::Borrowed(word), 0);
            }
            _ => {}
        }
        match self.state() {
            State::Start => self.begin(word, keyword),
            State::Table | State::OneTable => self.before_table(word, keyword),
            State::CteName if keyword == Keyword::Recursive => self.level.recursive = true,
            State::CteName => self.name(Cow::Borrowed(word), 0),
            // AS, then MATERIALIZED or not, then the query.
            State::CteBody => self.level.condition |= keyword == Keyword::As,
            State::Privileges => match keyword {
                Keyword::On => self.granted(),
                Keyword::Proxy => self.level.state = State::Idle,
                _ => {}
            },
            State::Listed | State::Idle => self.clause(keyword, before),
        }
    }

    fn select(&mut self) {
        if self.verb == Verb::None {
            self.verb = Verb::Select;
        }
        self.reads = true;
        let shows_rows = self.names_tables && !matches!(self.verb, Verb::Explain | Verb::Maintain | Verb::CreateView);
        let level = &mut self.level;
        level.end_query();
        level.query = true;
        level.select = shows_rows;
        level.state = State::Idle;
    }

    /// A keyword where a statement may begin.
    fn begin(&mut self, word: &'a str, keyword: Keyword) {
        use Keyword as K;
        let outermost = self.is_outermost();
        let call = self.lexer.peek_byte() == b'(';
        match keyword {
            K::With => {
                self.reads = true;
                self.level.state = State::CteName;
                return;
            }
            K::Values => {
                self.level.state = State::Idle;
                return;
            }
            K::Distinct => return,
            K::Union | K::Except | K::Intersect | K::Limit | K::Order | K::Offset | K::Fetch | K::Into => {
                return self.clause(keyword, K::None);
            }
            // TABLE t; but ANALYZE TABLE t reads nothing for anybody.
            K::Table if self.verb != Verb::Maintain => {
                self.reads = true;
                self.star = true;
                self.verb = if outermost { Verb::Select } else { self.verb };
                let level = &mut self.level;
                (level.query, level.select, level.source) = (true, true, true);
                level.state = State::OneTable;
                return;
            }
            _ if !outermost => return self.clause(keyword, K::None),
            _ => {}
        }
        let (verb, operation, state) = match keyword {
            K::Insert | K::Replace if !call => (Verb::Insert, Operation::Write, State::OneTable),
            K::Update => (Verb::Update, Operation::Write, State::Table),
            K::Delete => {
                self.level.query = true;
                (Verb::Delete, Operation::Write, State::Idle)
            }
            K::Load => {
                if matches!(self.lexer.peek_keyword(), K::Data | K::Xml) {
                    self.signals.insert(Signal::LoadFile);
                }
                (Verb::Load, Operation::Write, State::Idle)
            }
            K::Copy if self.lexer.dialect() == Dialect::Postgres => (Verb::Copy, Operation::Other, State::OneTable),
            K::Truncate if !call => (Verb::Truncate, Operation::Write, State::OneTable),
            K::Handler => (Verb::Handler, Operation::Other, State::OneTable),
            K::Table => (Verb::Maintain, Operation::Administer, State::Table),
            K::Explain | K::Describe | K::Desc => (Verb::Explain, Operation::Other, State::Start),
            K::Analyze => (Verb::Maintain, Operation::Other, State::Start),
            K::Optimize | K::Repair | K::Check | K::Checksum => (Verb::Maintain, Operation::Administer, State::Idle),
            K::Set => return self.begin_set(),
            K::Show => (Verb::Show, Operation::Other, State::Idle),
            K::Create => (Verb::Create, Operation::Administer, State::Idle),
            K::Alter => (Verb::Alter, Operation::Administer, State::Idle),
            K::Drop => (Verb::Drop, Operation::Administer, State::Idle),
            K::Rename => (Verb::Rename, Operation::Administer, State::Idle),
            K::Lock => (Verb::Lock, Operation::Other, State::Idle),
            K::Grant => (Verb::Grant, Operation::Administer, State::Privileges),
            K::Revoke => (Verb::Revoke, Operation::Administer, State::Privileges),
            K::Uninstall => (Verb::Uninstall, Operation::Administer, State::Idle),
            K::Prepare => (Verb::Prepare, Operation::Other, State::Idle),
            K::Execute => (Verb::Execute, Operation::Other, State::Idle),
            K::Install | K::Flush | K::Purge | K::Kill | K::Shutdown | K::Reset | K::Change | K::Backup => {
                (Verb::Other, Operation::Administer, State::Idle)
            }
            K::Begin | K::Then | K::Else => (Verb::Compound, Operation::Other, State::Start),
            K::Do if self.verb == Verb::Compound => (Verb::Compound, Operation::Other, State::Start),
            // BEGIN NOT ATOMIC, ANALYZE LOCAL TABLE: a statement is still to come.
            K::Not | K::Atomic | K::For | K::Local => return,
            _ => {
                self.name(Cow::Borrowed(word), 0);
                (Verb::Other, Operation::Other, State::Idle)
            }
        };
        if self.verb != Verb::Compound || verb != Verb::Other {
            self.verb = verb;
        }
        self.written_by = match keyword {
            K::Insert | K::Copy => writes::INSERT,
            K::Replace | K::Load => writes::INSERT | writes::DELETE,
            K::Update => writes::UPDATE,
            K::Delete => writes::DELETE,
            _ => writes::NONE,
        };
        self.did(operation);
        self.level.state = state;
    }

    fn begin_set(&mut self) {
        let statement = self.lexer.peek_keyword() == Keyword::Statement;
        self.verb = if statement { Verb::SetStatement } else { Verb::Set };
        self.level.state = State::Idle;
    }

    /// A keyword where a table is expected: a modifier that may stand before the name, or the end of the expectation.
    fn before_table(&mut self, word: &'a str, keyword: Keyword) {
        use Keyword as K;
        match keyword {
            K::LowPriority
            | K::HighPriority
            | K::Delayed
            | K::Quick
            | K::Ignore
            | K::Into
            | K::Table
            | K::Tables
            | K::If
            | K::Not
            | K::Exists
            | K::Lateral
            | K::Only
            | K::Concurrent
            | K::Local => {}
            K::Values | K::Set | K::Where => self.level.state = State::Idle,
            K::With => self.level.state = State::CteName,
            K::Dual => self.level.state = State::Listed,
            _ => self.name(Cow::Borrowed(word), 0),
        }
    }

    /// A keyword inside a statement.
    fn clause(&mut self, keyword: Keyword, before: Keyword) {
        use Keyword as K;
        let outermost = self.is_outermost();
        let level = self.level;
        match keyword {
            K::From if level.query || (self.verb == Verb::Update && outermost) => self.level.state = State::Table,
            K::From if self.verb == Verb::Prepare => self.run_inside(),
            K::From | K::To if self.verb == Verb::Copy && outermost => self.copied(keyword),
            K::Join | K::StraightJoin if level.state == State::Listed => self.level.state = State::Table,
            K::Using if self.verb == Verb::Delete && outermost && self.lexer.peek_byte() != b'(' => {
                self.level.state = State::Table;
            }
            K::Where | K::Having => {
                self.filters = true;
                let selects = !self.is_always_true();
                self.selective |= outermost && selects && keyword == K::Where;
                let level = &mut self.level;
                level.selective |= selects;
                level.condition = true;
                level.state = State::Idle;
            }
            K::Or => self.widens(),
            K::Over => self.level.aggregated = false,
            K::Limit | K::Fetch => self.limit(keyword),
            K::Union | K::Except | K::Intersect => {
                let level = &mut self.level;
                level.end_query();
                (level.query, level.state) = (false, State::Start);
            }
            K::Group | K::Order | K::Window | K::Set | K::Values | K::Returning | K::Lock | K::Offset => {
                if keyword == K::Offset {
                    self.turn(keyword);
                }
                let level = &mut self.level;
                level.aggregated |= keyword == K::Group;
                (level.condition, level.state) = (false, State::Idle);
            }
            K::Procedure if self.verb != Verb::Create => self.level.state = State::Idle,
            K::For => match self.lexer.peek_keyword() {
                K::SystemTime => {}
                // USE INDEX FOR JOIN (…).
                K::Join | K::Order | K::Group if level.state == State::Listed => drop(self.advance()),
                _ if self.verb == Verb::SetStatement => self.level.state = State::Start,
                _ => self.level.state = State::Idle,
            },
            K::Into if self.verb == Verb::Load => self.level.state = State::OneTable,
            K::Into if level.state == State::Listed => self.level.state = State::Idle,
            K::Read | K::Open
                if self.verb == Verb::Handler
                    && outermost
                    // What is opened under another name is read by that.
                    && (keyword == K::Read || !matches!(self.lexer.peek_byte(), 0 | b';')) =>
            {
                if let Some(table) = self.handled.take() {
                    self.did(Operation::Read);
                    self.signals.insert(Signal::HandlerRead);
                    self.star = true;
                    self.touch(table, writes::NONE);
                }
            }
            K::Table | K::Tables if outermost && level.state == State::Idle => match self.verb {
                Verb::Create => {
                    self.verb = Verb::CreateTable;
                    self.level.state = State::OneTable;
                }
                Verb::CreateTable | Verb::Alter => self.level.state = State::OneTable,
                Verb::Drop | Verb::Rename | Verb::Lock | Verb::Maintain => self.level.state = State::Table,
                _ => {}
            },
            K::View if self.verb == Verb::Create => self.verb = Verb::CreateView,
            K::To if self.verb == Verb::Rename && level.state == State::Listed => self.level.state = State::Table,
            // CREATE INDEX … ON t.
            K::On
                if matches!(self.verb, Verb::Create | Verb::Drop) && outermost && !level.query && before == K::None =>
            {
                self.level.state = State::OneTable;
            }
            K::Function | K::Trigger | K::Event | K::Package | K::Procedure if self.verb == Verb::Create => {
                self.names_tables = false;
                self.verb = Verb::Other;
            }
            // ON DUPLICATE KEY UPDATE.
            K::Update if self.verb == Verb::Insert && outermost && !self.tables.is_empty() => {
                self.writes[0] |= writes::UPDATE;
            }
            K::Write if self.verb == Verb::Lock => {
                if let Some(writes) = self.tables.len().checked_sub(1).and_then(|at| self.writes.get_mut(at)) {
                    *writes = writes::ANY;
                }
            }
            K::Immediate if self.verb == Verb::Execute && before == K::Execute => self.run_inside(),
            K::Password if self.verb == Verb::Set => self.did(Operation::Administer),
            K::Global | K::Persist | K::PersistOnly if self.verb == Verb::Set && outermost => self.set_global(),
            K::Then | K::Else | K::Do if self.verb == Verb::Compound => self.level.state = State::Start,
            _ => {}
        }
    }

    /// OR: what follows may make a condition true for every row.
    fn widens(&mut self) {
        let level = self.level;
        if (level.condition || level.place == Place::Condition) && self.is_always_true() {
            self.widen();
        }
    }

    /// Whether the condition that comes next is.
    fn is_always_true(&mut self) -> bool {
        let mut ahead = self.lexer;
        let is_true = condition::is_always_true(&mut ahead);
        self.looked_to = self.looked_to.max(ahead.position());
        is_true
    }

    fn widen(&mut self) {
        self.selective &= !self.is_outermost();
        let level = &mut self.level;
        if level.condition {
            level.selective = false;
        } else if level.place == Place::Condition {
            level.widened = true;
        }
    }

    /// Which page the number of rows to be left out comes to.
    fn turn(&mut self, keyword: Keyword) {
        let cut = self.completeness == Completeness::MaybeCut;
        let mut ahead = self.lexer;
        if let Some(page) = literals::page(&mut ahead, keyword, cut) {
            self.page = self.page.max(page.number);
            (self.pages, self.skipped) = (self.pages + 1, page.skipped);
        }
        self.looked_to = self.looked_to.max(ahead.position());
    }

    fn limit(&mut self, keyword: Keyword) {
        self.turn(keyword);
        let mut ahead = self.lexer;
        let rows = literals::limit(&mut ahead);
        self.looked_to = self.looked_to.max(ahead.position());
        let level = &mut self.level;
        (level.condition, level.state) = (false, State::Idle);
        // FETCH also reads from a cursor.
        if keyword == Keyword::Limit || rows.is_some() {
            level.limited = rows.is_none_or(|rows| rows < LIMIT_HUGE);
            level.unbounded &= !level.limited;
        }
    }

    fn set_global(&mut self) {
        self.did(Operation::Administer);
        self.signals.insert(Signal::SetGlobal);
    }

    /// PostgreSQL's COPY, behind FROM or TO.
    fn copied(&mut self, keyword: Keyword) {
        let to_file = match { self.lexer }.next() {
            Some(Token::Text { .. }) => true,
            Some(Token::Word { text, .. }) => text.eq_ignore_ascii_case("program"),
            _ => false,
        };
        let out = keyword == Keyword::To;
        self.did(if out { Operation::Read } else { Operation::Write });
        if to_file {
            self.signals.insert(if out { Signal::IntoOutfile } else { Signal::LoadFile });
        }
        // Of a table: with all its rows and columns; of a query, that has been judged.
        if out && !self.reads {
            self.unbounded = true;
            self.star = true;
        }
        self.level.state = State::Idle;
    }

    /// Behind EXECUTE IMMEDIATE or PREPARE … FROM: a statement in a literal.
    fn run_inside(&mut self) {
        if self.is_inner {
            return;
        }
        let Some(text) = literals::evaluate(self.lexer) else { return };
        let lexer = Lexer::of(&text, self.lexer.dialect());
        let mut reader = Reader::new(lexer, self.schema, self.completeness, self.context);
        reader.is_inner = true;
        reader.read();
        self.inner = Some(Box::new(reader.finish("").into_owned()));
    }

    /// An identifier, or a keyword in the place of one.
    fn name(&mut self, name: Cow<'a, str>, sign_before: u8) {
        match self.state() {
            State::CteName => {
                // Beyond what a number can tell apart, it has none, and is taken for a table.
                let pending = u8::try_from(self.cte_names.len() + 1).unwrap_or(0);
                if pending != 0 {
                    self.cte_names.push(name);
                }
                let level = &mut self.level;
                (level.cte_pending, level.condition, level.state) = (pending, false, State::CteBody);
            }
            State::Table | State::OneTable => self.table(name),
            _ => {
                if self.has_behind {
                    let schema =
                        if sign_before == b'.' { std::mem::take(&mut self.qualifier) } else { self.schema.into() };
                    match self.lexer.peek_byte() {
                        b'(' => self.called(&schema, &name),
                        b'.' => self.qualifier = name.clone(),
                        _ => {}
                    }
                }
                if matches!(self.verb, Verb::Set | Verb::Uninstall) {
                    self.assigned_name(&name, sign_before);
                }
            }
        }
    }

    /// A function that reads tables of its own.
    fn called(&mut self, schema: &str, name: &str) {
        let context = self.context;
        for table in behind(context, schema, name) {
            if table.through == Behind::Function {
                self.touch(owned(table), writes::NONE);
            }
        }
    }

    /// A table's name, whose first part has been read.
    fn table(&mut self, first: Cow<'a, str>) {
        let (list, handler) = (self.state() == State::Table, self.verb == Verb::Handler);
        self.level.state = if list { State::Listed } else { State::Idle };
        let Some((schema, name)) = self.dotted(first) else { return };
        // `FROM JSON_TABLE(…)` is a function; `INSERT INTO t (…)` is not.
        if list && self.lexer.peek_byte() == b'(' {
            return;
        }
        let hash = if schema.is_none() && !self.ctes.is_empty() { hash_of(&name) } else { 0 };
        if schema.is_none()
            && let Some(cte) = self.ctes.iter().find(|cte| cte.hash == hash && cte.name.eq_ignore_ascii_case(&name))
        {
            let unbounded = cte.unbounded;
            self.level.source |= unbounded;
            return;
        }
        self.level.source |= list;
        let table = Resource::Table { schema: schema.unwrap_or(Cow::Borrowed(self.schema)), name };
        let is_written = match self.verb {
            Verb::Insert | Verb::Load | Verb::Copy => !list,
            Verb::Update | Verb::Delete => list && self.is_outermost(),
            _ => false,
        };
        if let (true, Resource::Table { name, .. }) = (is_written, &table) {
            self.pays |= is_account_table(name) && self.writes_every_column();
        }
        let writes = if is_written { self.written_by } else { writes::NONE };
        if handler { self.handled = Some(table) } else { self.touch(table, writes) }
    }

    /// The rest of `first.second`; `None` if the text may have been cut inside.
    fn dotted(&mut self, first: Cow<'a, str>) -> Option<(Option<Cow<'a, str>>, Cow<'a, str>)> {
        let mut parts = (None, first);
        while self.lexer.peek_byte() == b'.' {
            let mut ahead = self.lexer;
            ahead.next();
            let part = match ahead.next() {
                Some(Token::Word { text, .. }) => Cow::Borrowed(text),
                Some(Token::Quoted { raw, quote, .. }) => unquoted(raw, quote),
                Some(Token::Text { raw, double: true }) => unquoted(raw, b'"'),
                Some(Token::Sign(b'*')) => Cow::Borrowed("*"),
                _ => break,
            };
            self.advance();
            if let Some(Token::Text { raw, .. }) = self.advance() {
                self.fingerprint.name(hash_of(raw));
            }
            parts = (Some(parts.1), part);
            if parts.1 == "*" {
                break;
            }
        }
        let touches_end = self.completeness == Completeness::MaybeCut && self.lexer.token_touches_end();
        (!touches_end).then_some(parts)
    }

    fn touch(&mut self, table: Resource<'a>, writes: u8) {
        if !self.names_tables {
            return;
        }
        match self.position(&table) {
            Some(at) => self.writes[at] |= writes,
            None if self.tables.len() < TABLES_MAX => {
                self.writes[self.tables.len()] = writes;
                self.tables.push(table);
            }
            None => {}
        }
    }

    /// Where a table stands among those that are named already. Many are told apart by their hashes.
    fn position(&mut self, table: &Resource<'a>) -> Option<usize> {
        if self.tables.len() < TABLES_MANY {
            return self.tables.iter().position(|known| known == table);
        }
        for known in &self.tables[self.hashes.len()..] {
            self.hashes.push(hash_of_table(known));
        }
        let hash = hash_of_table(table);
        self.hashes.iter().position(|known| *known == hash).filter(|at| self.tables[*at] == *table)
    }

    /// Views become the tables behind them; what triggers touch is added.
    fn expand(&mut self) {
        let context = self.context;
        if !self.has_behind {
            return;
        }
        let mut is_view = [false; TABLES_MAX];
        let mut at = 0;
        while let Some(Resource::Table { schema, name }) = self.tables.get(at) {
            let writes = self.writes[at];
            for table in behind(context, schema, name) {
                match table.through {
                    Behind::View => {
                        is_view[at] = true;
                        self.touch(owned(table), writes);
                    }
                    Behind::Trigger if writes != writes::NONE => self.touch(owned(table), writes::ANY),
                    Behind::InsertTrigger if writes & writes::INSERT != 0 => self.touch(owned(table), writes::ANY),
                    Behind::UpdateTrigger if writes & writes::UPDATE != 0 => self.touch(owned(table), writes::ANY),
                    Behind::DeleteTrigger if writes & writes::DELETE != 0 => self.touch(owned(table), writes::ANY),
                    _ => {}
                }
            }
            at += 1;
        }
        let mut views = is_view.iter();
        self.tables.retain(|_| views.next() != Some(&true));
    }

    /// Behind the ON of GRANT and REVOKE.
    fn granted(&mut self) {
        self.level.state = State::Idle;
        let mut first = self.advance();
        if let Some(Token::Word { keyword, .. }) = first {
            match keyword {
                Keyword::Procedure | Keyword::Function | Keyword::Package => return,
                Keyword::Table => first = self.advance(),
                _ => {}
            }
        }
        let first = match first {
            Some(Token::Word { text, .. }) => Cow::Borrowed(text),
            Some(Token::Quoted { raw, quote, .. }) => unquoted(raw, quote),
            Some(Token::Sign(b'*')) => Cow::Borrowed("*"),
            _ => return,
        };
        if self.verb == Verb::Grant {
            self.signals.insert(Signal::Grant);
        }
        let Some((schema, name)) = self.dotted(first) else { return };
        self.touch(Resource::Table { schema: schema.unwrap_or(Cow::Borrowed(self.schema)), name }, writes::NONE);
    }

    /// A variable: in SET, what is assigned.
    fn assigned(&mut self, variable: &'a str, before: Keyword, sign_before: u8) {
        if self.verb != Verb::Set || sign_before == b'=' || !variable.starts_with("@@") {
            return;
        }
        let name = variable.trim_start_matches('@');
        let (scope, name) = name.split_once('.').unwrap_or(("", name));
        let of_server = ["global", "persist", "persist_only"].iter().any(|global| scope.eq_ignore_ascii_case(global));
        if of_server && self.is_outermost() && (before == Keyword::Set || sign_before == b',') {
            self.set_global();
        }
        self.assigned_name(name, sign_before);
    }

    fn assigned_name(&mut self, name: &str, sign_before: u8) {
        if !name.get(..12).is_some_and(|start| start.eq_ignore_ascii_case("server_audit")) {
            return;
        }
        let off = match self.verb {
            Verb::Uninstall => true,
            _ if sign_before != b'=' => !(name.eq_ignore_ascii_case("server_audit_logging") && self.is_switched_on()),
            _ => return,
        };
        if off {
            self.did(Operation::Administer);
            self.signals.insert(Signal::AuditOff);
        }
    }

    /// Whether `= ON` (or `:= 1`, `= TRUE`) comes next.
    fn is_switched_on(&self) -> bool {
        let mut ahead = self.lexer;
        let mut value = ahead.next();
        for _ in 0..2 {
            if matches!(value, Some(Token::Sign(b':' | b'='))) {
                value = ahead.next();
            }
        }
        let value = match value {
            Some(Token::Word { text, .. } | Token::Number(text)) => text,
            Some(Token::Text { raw, .. }) => raw,
            _ => return false,
        };
        ["on", "1", "true"].iter().any(|on| value.eq_ignore_ascii_case(on))
    }

    fn text(&mut self, raw: &str, double: bool) {
        if self.verb == Verb::Uninstall {
            self.assigned_name(raw, 0);
        }
        if double && self.watches && self.columns_if_ansi.len() < COLUMNS_MAX {
            self.columns_if_ansi.extend(self.watched(raw).filter(|name| !self.columns.contains(name)));
        }
    }
}

impl<'a> Statement<'a> {
    /// What a statement that is run by this one does; of one that is only prepared, what it gives away.
    fn take_in(&mut self, inner: Statement<'static>, only_prepared: bool) {
        self.signals = self.signals.union(inner.signals);
        self.columns.extend(inner.columns);
        self.records.extend(inner.records);
        self.payees.extend(inner.payees);
        self.star |= inner.star;
        if only_prepared {
            return;
        }
        self.page = self.page.max(inner.page);
        self.operation = inner.operation;
        for table in inner.tables {
            if self.tables.len() < TABLES_MAX && !self.tables.contains(&table) {
                self.tables.push(table);
            }
        }
    }

    fn into_owned(self) -> Statement<'static> {
        let owned = |text: Cow<'a, str>| Cow::Owned(text.into_owned());
        Statement {
            text: "",
            operation: self.operation,
            tables: self
                .tables
                .into_iter()
                .map(|table| match table {
                    Resource::Table { schema, name } => Resource::Table { schema: owned(schema), name: owned(name) },
                    Resource::Route(path) => Resource::Route(owned(path)),
                })
                .collect(),
            signals: self.signals,
            tag_user: self.tag_user.map(owned),
            request_id: self.request_id.map(owned),
            columns: self.columns.into_iter().map(owned).collect(),
            star: self.star,
            fingerprint: self.fingerprint,
            records: self.records,
            payees: self.payees,
            page: self.page,
        }
    }
}

fn hash_of_table(table: &Resource<'_>) -> u64 {
    match table {
        Resource::Table { schema, name } => hash_of(schema) ^ hash_of(name).rotate_left(1),
        Resource::Route(path) => hash_of(path),
    }
}

/// The tables that the configuration puts behind a name.
fn behind<'c>(context: &'c Context, schema: &str, name: &str) -> &'c [TableBehind] {
    let schema = if schema.is_empty() { &context.schema } else { schema };
    let mut key = String::with_capacity(schema.len() + 1 + name.len());
    key.extend([schema, ".", name]);
    key.make_ascii_lowercase();
    context.tables_behind.get(key.as_str()).map_or(&[], Vec::as_slice)
}

fn owned(table: &TableBehind) -> Resource<'static> {
    Resource::Table { schema: table.schema.to_string().into(), name: table.name.to_string().into() }
}

#[cfg(test)]
mod tests;
