//! What one SQL statement says: its operation, its tables, its attribution tag, and what its shape gives away.
//!
//! This is no parser of SQL. It follows the few words that introduce tables (FROM, JOIN, INTO, UPDATE, …) through
//! parentheses, and knows which of them are something else (`EXTRACT(… FROM …)`, `FOR UPDATE`, `SHOW … FROM`). So it is
//! total and linear, and right on text that was cut, where a grammar would give up.
//!
//! Where text is ambiguous it errs towards naming a table. It does not see tables behind views, routines, prepared
//! statements and `EXECUTE IMMEDIATE`: server_audit's READ and WRITE rows do.

mod lexer;
mod tags;

use crate::Context;
use activity::{Activity, Operation, Resource, Signal, Signals};
use lexer::{Lexer, Token};
use std::borrow::Cow;
pub use tags::{SqlTag, TagPosition};

/// Most tables of one statement; the rest is not named.
const TABLES_MAX: usize = 64;

/// Deepest nesting of parentheses that is followed; deeper ones are read as if they stood one beside the other.
const NESTING_MAX: usize = 64;

/// Longest keyword.
const KEYWORD_BYTES_MAX: usize = 20;

/// How the text of a statement reached us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completeness {
    Whole,
    /// It may have been cut: a name that touches the end may be half a name, and a tag at the end may be one that was
    /// placed there so that the true one was cut off.
    MaybeCut,
}

/// What a statement says.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement<'a> {
    pub operation: Operation,
    /// [`Resource::Table`]s in order of appearance, each once.
    pub tables: Vec<Resource<'a>>,
    pub signals: Signals,
    /// The portal user that a tag at its configured position names.
    pub tag_user: Option<Cow<'a, str>>,
    /// The request's id, from the same comment.
    pub request_id: Option<Cow<'a, str>>,
    /// Of [`Context::watched_columns`], those that the text names.
    pub columns: Vec<Cow<'a, str>>,
    /// Columns that are not named may have been read too: `SELECT *`.
    pub star: bool,
    /// Hash of the statement without its literals; see [`Activity::fingerprint`].
    pub fingerprint: Option<u64>,
}

impl<'a> Statement<'a> {
    /// Reads a statement of MariaDB or MySQL. `schema` is the current one, for tables named without; empty if unknown.
    pub fn read(text: &'a str, schema: &'a str, completeness: Completeness, context: &Context) -> Self {
        let mut reader = Reader::new(Lexer::new(text), schema, completeness);
        reader.read();
        if reader.lexer.ended_in_quotes() && completeness == Completeness::Whole && text.contains('\\') {
            // An open quote in a whole text: backslashes do not escape in this session.
            let mut second = Reader::new(Lexer::without_backslash_escapes(text), schema, completeness);
            second.read();
            if !second.lexer.ended_in_quotes() {
                reader = second;
            }
        }
        reader.finish(context)
    }

    /// Reads a statement of PostgreSQL.
    pub fn read_postgres(text: &'a str, schema: &'a str, completeness: Completeness, context: &Context) -> Self {
        Statement::read(text, schema, completeness, context)
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

/// One level of parentheses.
#[derive(Clone, Debug)]
struct Level<'a> {
    state: State,
    /// A query began at this level: its FROM introduces tables.
    query: bool,
    /// The common table expression whose query this level is.
    cte: Option<Cow<'a, str>>,
    /// The name read in [`State::CteName`].
    cte_pending: Option<Cow<'a, str>>,
    /// WITH RECURSIVE: inside its own query the name is the expression, else it is a table of that name.
    recursive: bool,
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
    Handler,
    Explain,
    SetStatement,
    Set,
    Show,
    Create,
    Alter,
    Drop,
    Rename,
    Lock,
    Maintain,
    Truncate,
    Grant,
    Revoke,
    Uninstall,
    Compound,
    Other,
}

struct Reader<'a> {
    lexer: Lexer<'a>,
    schema: &'a str,
    completeness: Completeness,
    verb: Verb,
    operation: Operation,
    levels: Vec<Level<'a>>,
    /// Parentheses open beyond [`NESTING_MAX`].
    deeper: usize,
    /// Common table expressions in force, each with the number of levels it was defined at.
    ctes: Vec<(usize, Cow<'a, str>)>,
    tables: Vec<Resource<'a>>,
    signals: Signals,
    /// The table of HANDLER, named only if it is read.
    handled: Option<Resource<'a>>,
    /// Tables of routine bodies are not touched by their definition.
    names_tables: bool,
    reads: bool,
    dump_comment: bool,
    selective: bool,
    /// The keyword before the current token, lower-case; empty if that was something else.
    before: &'static str,
    /// The sign before the current token, or 0.
    sign_before: u8,
}

/// The keywords that mean something here; everything else is an identifier.
const KEYWORDS: &[&str] = &[
    "after",
    "alter",
    "analyze",
    "as",
    "atomic",
    "backup",
    "before",
    "begin",
    "binary",
    "call",
    "change",
    "check",
    "checksum",
    "commit",
    "concurrent",
    "create",
    "data",
    "deallocate",
    "delayed",
    "delete",
    "desc",
    "describe",
    "do",
    "drop",
    "dual",
    "dumpfile",
    "else",
    "event",
    "except",
    "execute",
    "exists",
    "explain",
    "fetch",
    "flush",
    "for",
    "from",
    "function",
    "global",
    "grant",
    "group",
    "handler",
    "having",
    "high_priority",
    "if",
    "ignore",
    "index",
    "insert",
    "install",
    "intersect",
    "into",
    "join",
    "key",
    "kill",
    "lateral",
    "like",
    "limit",
    "load",
    "local",
    "lock",
    "low_priority",
    "next",
    "not",
    "on",
    "online",
    "only",
    "optimize",
    "or",
    "order",
    "outfile",
    "package",
    "password",
    "persist",
    "plugin",
    "prepare",
    "procedure",
    "proxy",
    "purge",
    "quick",
    "read",
    "recursive",
    "rename",
    "repair",
    "replace",
    "reset",
    "returning",
    "revoke",
    "rollback",
    "savepoint",
    "select",
    "set",
    "show",
    "shutdown",
    "soname",
    "sql_no_cache",
    "start",
    "statement",
    "straight_join",
    "system_time",
    "table",
    "tables",
    "temporary",
    "then",
    "to",
    "trigger",
    "truncate",
    "uninstall",
    "union",
    "unlock",
    "update",
    "use",
    "using",
    "value",
    "values",
    "view",
    "where",
    "window",
    "with",
    "xa",
];

fn keyword_of(word: &str) -> &'static str {
    if KEYWORD_BYTES_MAX < word.len() || word.len() < 2 {
        return "";
    }
    let mut lower = [0; KEYWORD_BYTES_MAX];
    let lower = &mut lower[..word.len()];
    lower.copy_from_slice(word.as_bytes());
    lower.make_ascii_lowercase();
    KEYWORDS.binary_search_by(|keyword| keyword.as_bytes().cmp(lower)).map_or("", |at| KEYWORDS[at])
}

impl<'a> Reader<'a> {
    fn new(lexer: Lexer<'a>, schema: &'a str, completeness: Completeness) -> Self {
        Reader {
            lexer,
            schema,
            completeness,
            verb: Verb::None,
            operation: Operation::Other,
            levels: vec![Level { state: State::Start, query: false, cte: None, cte_pending: None, recursive: false }],
            deeper: 0,
            ctes: Vec::new(),
            tables: Vec::new(),
            signals: Signals::EMPTY,
            handled: None,
            names_tables: true,
            reads: false,
            dump_comment: false,
            selective: false,
            before: "",
            sign_before: 0,
        }
    }

    fn finish(mut self, context: &Context) -> Statement<'a> {
        let cut = self.completeness == Completeness::MaybeCut;
        if self.operation == Operation::Other && self.reads && (!self.tables.is_empty() || cut) {
            self.operation = Operation::Read;
        }
        if self.dump_comment && !self.selective && (!self.tables.is_empty() || cut) {
            self.signals.insert(Signal::DumpShape);
        }
        let edge = self.lexer.edge_comments();
        let tag_user = context.sql_tags.iter().find_map(|tag| {
            let comment = match tag.position {
                TagPosition::Front => edge.front,
                TagPosition::End if cut => None,
                TagPosition::End => edge.end,
            };
            tags::value(comment?, &tag.key)
        });
        Statement {
            operation: self.operation,
            tables: self.tables,
            signals: self.signals,
            tag_user,
            request_id: None,
            columns: Vec::new(),
            star: false,
            fingerprint: None,
        }
    }

    fn read(&mut self) {
        while let Some(token) = self.lexer.next() {
            let (before, sign_before) = (self.before, self.sign_before);
            self.sign_before = 0;
            self.before = "";
            match token {
                Token::Sign(sign) => {
                    self.sign(sign, before);
                    self.sign_before = sign;
                }
                // Behind a dot every word is a name.
                Token::Word(word) => match if sign_before == b'.' { "" } else { keyword_of(word) } {
                    "" => self.name(Cow::Borrowed(word), sign_before),
                    keyword => {
                        self.before = keyword;
                        self.keyword(word, keyword, before);
                    }
                },
                Token::Quoted(name) => self.name(name, sign_before),
                Token::Text { raw, double: true } if self.expects_table() => self.name(Cow::Borrowed(raw), sign_before),
                Token::Text { raw, .. } => self.text(raw),
                Token::Variable(variable) => self.assigned(variable, sign_before),
            }
        }
    }

    fn level(&mut self) -> &mut Level<'a> {
        self.levels.last_mut().expect("the outermost level is never removed")
    }

    fn state(&self) -> State {
        self.levels.last().map_or(State::Idle, |level| level.state)
    }

    fn expects_table(&self) -> bool {
        matches!(self.state(), State::Table | State::OneTable)
    }

    fn is_outermost(&self) -> bool {
        self.levels.len() == 1
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

    fn sign(&mut self, sign: u8, before: &'static str) {
        match sign {
            b'(' => self.open(before),
            b')' => self.close(),
            b';' => {
                self.levels.truncate(1);
                self.deeper = 0;
                self.ctes.clear();
                *self.level() =
                    Level { state: State::Start, query: false, cte: None, cte_pending: None, recursive: false };
                if self.verb != Verb::Compound {
                    self.verb = Verb::None;
                }
            }
            b',' => match self.state() {
                State::Listed => self.level().state = State::Table,
                // Another common table expression.
                State::Start if self.level().cte_pending.is_some() => self.level().state = State::CteName,
                _ => {}
            },
            // ODBC's `{oj table …}`: the word behind the brace is no table.
            b'{' if self.expects_table() => {
                let mut ahead = self.lexer;
                if let Some(Token::Word(_)) = ahead.next() {
                    self.lexer = ahead;
                }
            }
            // `*` among the names of DELETE and GRANT, the dot of `.table`: no change.
            _ => {}
        }
    }

    fn open(&mut self, before: &'static str) {
        let state = match self.state() {
            State::Table => {
                self.level().state = State::Listed;
                State::Table
            }
            State::OneTable => {
                self.level().state = State::Idle;
                State::Start
            }
            State::Privileges | State::CteName => State::Idle,
            _ => State::Start,
        };
        let cte =
            if self.state() == State::CteBody && before == "as" { self.level().cte_pending.clone() } else { None };
        if let (Some(name), true) = (&cte, self.level().recursive) {
            let depth = self.levels.len();
            self.ctes.push((depth, name.clone()));
        }
        if NESTING_MAX <= self.levels.len() {
            self.deeper += 1;
            self.level().state = state;
            return;
        }
        self.levels.push(Level { state, query: false, cte, cte_pending: None, recursive: false });
    }

    fn close(&mut self) {
        if 0 < self.deeper {
            self.deeper -= 1;
            self.level().state = State::Listed;
            return;
        }
        if self.is_outermost() {
            return;
        }
        let closed = self.levels.pop();
        let depth = self.levels.len();
        self.ctes.retain(|(defined_at, _)| *defined_at <= depth);
        if let Some(name) = closed.and_then(|level| level.cte) {
            self.ctes.push((depth, name));
            self.level().state = State::Start;
        }
    }

    fn keyword(&mut self, word: &'a str, keyword: &'static str, before: &'static str) {
        if keyword == "select" && self.state() != State::Privileges {
            if self.verb == Verb::None {
                self.verb = Verb::Select;
            }
            self.reads = true;
            let level = self.level();
            level.query = true;
            level.state = State::Idle;
            return;
        }
        if keyword == "sql_no_cache" {
            self.dump_comment |= self.lexer.is_in_dump_comment();
            return;
        }
        if before == "into" && matches!(keyword, "outfile" | "dumpfile") {
            self.signals.insert(if keyword == "outfile" { Signal::IntoOutfile } else { Signal::IntoDumpfile });
            self.level().state = State::Idle;
            return;
        }
        match self.state() {
            State::Start => self.begin(keyword),
            State::Table | State::OneTable => self.before_table(word, keyword),
            State::CteName if keyword == "recursive" => self.level().recursive = true,
            State::CteName => self.name(Cow::Borrowed(word), 0),
            State::CteBody => {}
            State::Privileges => match keyword {
                "on" => self.granted(),
                "proxy" => self.level().state = State::Idle,
                _ => {}
            },
            State::Listed | State::Idle => self.clause(keyword, before),
        }
    }

    /// A keyword where a statement may begin.
    fn begin(&mut self, keyword: &'static str) {
        let outermost = self.is_outermost();
        let call = self.lexer.peek() == Some(Token::Sign(b'('));
        match keyword {
            "with" => {
                self.reads = true;
                self.level().state = State::CteName;
                return;
            }
            "values" => {
                self.level().state = State::Idle;
                return;
            }
            _ if !outermost => return self.clause(keyword, ""),
            _ => {}
        }
        let (verb, operation, state) = match keyword {
            "insert" | "replace" if !call => (Verb::Insert, Operation::Write, State::OneTable),
            "update" => (Verb::Update, Operation::Write, State::Table),
            "delete" => {
                self.level().query = true;
                (Verb::Delete, Operation::Write, State::Idle)
            }
            "load" => (Verb::Load, Operation::Write, State::Idle),
            "truncate" if !call => (Verb::Truncate, Operation::Write, State::OneTable),
            "handler" => (Verb::Handler, Operation::Other, State::OneTable),
            // ANALYZE TABLE t: nothing is read from it for anybody.
            "table" if self.verb == Verb::Maintain => (Verb::Maintain, Operation::Administer, State::Table),
            "table" => {
                self.reads = true;
                (Verb::Select, Operation::Other, State::OneTable)
            }
            "explain" | "describe" | "desc" => (Verb::Explain, Operation::Other, State::Start),
            "analyze" => (Verb::Maintain, Operation::Other, State::Start),
            "optimize" | "repair" | "check" | "checksum" => (Verb::Maintain, Operation::Administer, State::Idle),
            "set" => return self.begin_set(),
            "show" => (Verb::Show, Operation::Other, State::Idle),
            "create" => (Verb::Create, Operation::Administer, State::Idle),
            "alter" => (Verb::Alter, Operation::Administer, State::Idle),
            "drop" => (Verb::Drop, Operation::Administer, State::Idle),
            "rename" => (Verb::Rename, Operation::Administer, State::Idle),
            "lock" => (Verb::Lock, Operation::Other, State::Idle),
            "grant" => (Verb::Grant, Operation::Administer, State::Privileges),
            "revoke" => (Verb::Revoke, Operation::Administer, State::Privileges),
            "uninstall" => (Verb::Uninstall, Operation::Administer, State::Idle),
            "install" | "flush" | "purge" | "kill" | "shutdown" | "reset" | "change" | "backup" => {
                (Verb::Other, Operation::Administer, State::Idle)
            }
            "begin" | "then" | "else" | "do" if keyword != "do" || self.verb == Verb::Compound => {
                (Verb::Compound, Operation::Other, State::Start)
            }
            // BEGIN NOT ATOMIC, ANALYZE LOCAL TABLE: a statement is still to come.
            "not" | "atomic" | "for" | "local" => return,
            _ => (Verb::Other, Operation::Other, State::Idle),
        };
        if self.verb != Verb::Compound || verb != Verb::Other {
            self.verb = verb;
        }
        self.did(operation);
        self.level().state = state;
    }

    fn begin_set(&mut self) {
        let statement = matches!(self.lexer.peek(), Some(Token::Word(word)) if keyword_of(word) == "statement");
        self.verb = if statement { Verb::SetStatement } else { Verb::Set };
        self.level().state = State::Idle;
    }

    /// A keyword where a table is expected: a modifier that may stand before the name, or the end of the expectation.
    fn before_table(&mut self, word: &'a str, keyword: &'static str) {
        match keyword {
            "low_priority" | "high_priority" | "delayed" | "quick" | "ignore" | "into" | "table" | "tables" | "if"
            | "not" | "exists" | "lateral" | "only" | "concurrent" | "local" => {}
            "values" | "set" | "where" => self.level().state = State::Idle,
            "with" => self.level().state = State::CteName,
            "dual" => self.level().state = State::Listed,
            _ => self.name(Cow::Borrowed(word), 0),
        }
    }

    /// A keyword inside a statement.
    fn clause(&mut self, keyword: &'static str, before: &'static str) {
        let outermost = self.is_outermost();
        match keyword {
            "from" if self.level().query => self.level().state = State::Table,
            "join" | "straight_join" if self.state() == State::Listed => self.level().state = State::Table,
            "using" if self.verb == Verb::Delete && outermost && self.lexer.peek() != Some(Token::Sign(b'(')) => {
                self.level().state = State::Table;
            }
            "where" => {
                self.selective |= outermost && !self.is_constant_condition();
                self.level().state = State::Idle;
            }
            "group" | "having" | "order" | "limit" | "window" | "set" | "values" | "returning" | "lock" | "union"
            | "except" | "intersect" | "fetch" => self.level().state = State::Idle,
            "procedure" if self.verb != Verb::Create => self.level().state = State::Idle,
            "for" => match self.lexer.peek() {
                Some(Token::Word(word)) if keyword_of(word) == "system_time" => {}
                // USE INDEX FOR JOIN (…).
                Some(Token::Word(word))
                    if self.state() == State::Listed && matches!(keyword_of(word), "join" | "order" | "group") =>
                {
                    self.lexer.next();
                }
                _ if self.verb == Verb::SetStatement => self.level().state = State::Start,
                _ => self.level().state = State::Idle,
            },
            "into" if self.verb == Verb::Load => self.level().state = State::OneTable,
            "into" if self.state() == State::Listed => self.level().state = State::Idle,
            "read" if self.verb == Verb::Handler && outermost => {
                if let Some(table) = self.handled.take() {
                    self.did(Operation::Read);
                    self.touch(table);
                }
            }
            "table" | "tables" if outermost && self.state() == State::Idle => match self.verb {
                Verb::Create | Verb::Alter => self.level().state = State::OneTable,
                Verb::Drop | Verb::Rename | Verb::Lock | Verb::Maintain => self.level().state = State::Table,
                _ => {}
            },
            "to" if self.verb == Verb::Rename && self.state() == State::Listed => self.level().state = State::Table,
            "like" if self.verb == Verb::Create && outermost && !self.level().query => {
                self.level().state = State::OneTable;
            }
            // CREATE INDEX … ON t.
            "on" if matches!(self.verb, Verb::Create | Verb::Drop)
                && outermost
                && !self.level().query
                && before.is_empty() =>
            {
                self.level().state = State::OneTable;
            }
            "function" | "trigger" | "event" | "package" | "procedure" if self.verb == Verb::Create => {
                self.names_tables = false;
            }
            "password" if self.verb == Verb::Set => self.did(Operation::Administer),
            "global" | "persist" if self.verb == Verb::Set => self.did(Operation::Administer),
            "then" | "else" | "do" if self.verb == Verb::Compound => self.level().state = State::Start,
            _ => {}
        }
    }

    /// Whether a WHERE has just been read whose condition selects nothing: `WHERE 1`, `WHERE 1 LIMIT …`.
    fn is_constant_condition(&self) -> bool {
        let mut ahead = self.lexer;
        let constant =
            matches!(ahead.next(), Some(Token::Word(word)) if word.bytes().all(|byte| byte.is_ascii_digit()));
        constant
            && match ahead.next() {
                None | Some(Token::Sign(b';')) => true,
                Some(Token::Word(word)) => matches!(keyword_of(word), "limit" | "order"),
                _ => false,
            }
    }

    /// An identifier, or a keyword in the place of one.
    fn name(&mut self, name: Cow<'a, str>, sign_before: u8) {
        match self.state() {
            State::CteName => {
                let level = self.level();
                level.cte_pending = Some(name);
                level.state = State::CteBody;
            }
            State::Table | State::OneTable => self.table(name),
            _ => self.assigned_name(&name, sign_before),
        }
    }

    /// A table's name, whose first part has been read.
    fn table(&mut self, first: Cow<'a, str>) {
        let (list, handler) = (self.state() == State::Table, self.verb == Verb::Handler);
        self.level().state = if list { State::Listed } else { State::Idle };
        let Some((schema, name)) = self.dotted(first) else { return };
        // `FROM JSON_TABLE(…)` is a function; `INSERT INTO t (…)` is not.
        if list && self.lexer.peek() == Some(Token::Sign(b'(')) {
            return;
        }
        if schema.is_none() && self.ctes.iter().any(|(_, cte)| cte.eq_ignore_ascii_case(&name)) {
            return;
        }
        let table = Resource::Table { schema: schema.unwrap_or(Cow::Borrowed(self.schema)), name };
        if handler { self.handled = Some(table) } else { self.touch(table) }
    }

    /// The rest of `first.second`; `None` if the text may have been cut inside.
    fn dotted(&mut self, first: Cow<'a, str>) -> Option<(Option<Cow<'a, str>>, Cow<'a, str>)> {
        let mut parts = (None, first);
        while self.lexer.peek() == Some(Token::Sign(b'.')) {
            let mut ahead = self.lexer;
            ahead.next();
            let part = match ahead.next() {
                Some(Token::Word(word)) => Cow::Borrowed(word),
                Some(Token::Quoted(name)) => name,
                Some(Token::Text { raw, double: true }) => Cow::Borrowed(raw),
                Some(Token::Sign(b'*')) => Cow::Borrowed("*"),
                _ => break,
            };
            self.lexer = ahead;
            parts = (Some(parts.1), part);
            if parts.1 == "*" {
                break;
            }
        }
        let touches_end = self.completeness == Completeness::MaybeCut && self.lexer.is_at_end();
        (!touches_end).then_some(parts)
    }

    fn touch(&mut self, table: Resource<'a>) {
        if self.names_tables && self.tables.len() < TABLES_MAX && !self.tables.contains(&table) {
            self.tables.push(table);
        }
    }

    /// Behind the ON of GRANT and REVOKE.
    fn granted(&mut self) {
        self.level().state = State::Idle;
        let mut ahead = self.lexer;
        let mut first = ahead.next();
        if let Some(Token::Word(word)) = first {
            match keyword_of(word) {
                "procedure" | "function" | "package" => return,
                "table" => first = ahead.next(),
                _ => {}
            }
        }
        let first = match first {
            Some(Token::Word(word)) => Cow::Borrowed(word),
            Some(Token::Quoted(name)) => name,
            Some(Token::Sign(b'*')) => Cow::Borrowed("*"),
            _ => return,
        };
        self.lexer = ahead;
        let Some((schema, name)) = self.dotted(first) else { return };
        if self.verb == Verb::Grant {
            self.signals.insert(Signal::Grant);
        }
        self.touch(Resource::Table { schema: schema.unwrap_or(Cow::Borrowed(self.schema)), name });
    }

    /// A variable: in SET, what is assigned.
    fn assigned(&mut self, variable: &'a str, sign_before: u8) {
        if self.verb != Verb::Set || sign_before == b'=' {
            return;
        }
        let name = variable.trim_start_matches('@');
        let (scope, name) = name.split_once('.').unwrap_or(("", name));
        if variable.starts_with("@@") {
            if scope.eq_ignore_ascii_case("global") || scope.eq_ignore_ascii_case("persist") {
                self.did(Operation::Administer);
            }
            self.assigned_name(name, sign_before);
        }
    }

    fn assigned_name(&mut self, name: &str, sign_before: u8) {
        let of_audit = name.get(..12).is_some_and(|start| start.eq_ignore_ascii_case("server_audit"));
        if !of_audit {
            return;
        }
        let off = match self.verb {
            Verb::Uninstall => true,
            Verb::Set if sign_before != b'=' => {
                !(name.eq_ignore_ascii_case("server_audit_logging") && self.is_switched_on())
            }
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
        while matches!(value, Some(Token::Sign(b':' | b'='))) {
            value = ahead.next();
        }
        let value = match value {
            Some(Token::Word(word)) => word,
            Some(Token::Text { raw, .. }) => raw,
            _ => return false,
        };
        ["on", "1", "true"].iter().any(|on| value.eq_ignore_ascii_case(on))
    }

    fn text(&mut self, raw: &str) {
        if self.verb == Verb::Uninstall {
            self.assigned_name(raw, 0);
        }
    }
}

#[cfg(test)]
mod tests;
