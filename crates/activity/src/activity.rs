//! What one log entry says.

use crate::{DataClass, Payee, Record, Timestamp};
use std::{borrow::Cow, net::IpAddr};

/// What one log entry says: who did what to what, from where, how much, with what result, when.
///
/// Borrowed from the line where it can be: a parser allocates only for what it had to decode.
#[derive(Clone, Debug, PartialEq)]
pub struct Activity<'a> {
    /// Event time as the source stamped it, already in UTC.
    pub at: Timestamp,
    /// Who the entry itself names. The person behind a database account comes from `tag_user`, by the source's
    /// attribution, not from here.
    pub actor: Actor<'a>,
    /// The portal user named by an SQL comment tag *at its configured position*.
    pub tag_user: Option<Cow<'a, str>>,
    /// How a portal user in `actor` is known.
    pub known_by: KnownBy,
    /// The request's id, which a web log and the comment tag of a statement may share.
    pub request_id: Option<Cow<'a, str>>,
    /// Web: the host that ran the application for this request, as far as the log says; the database sees it as
    /// `client_host`.
    pub app_host: Option<Cow<'a, str>>,
    /// Client address as the log gives it (web: the client; database: the client host, if it is an address).
    pub address: Option<IpAddr>,
    /// Client host as the database names it.
    pub client_host: Option<Cow<'a, str>>,
    pub session: Option<Cow<'a, str>>,
    pub agent: Option<Cow<'a, str>>,
    pub operation: Operation,
    pub resources: Vec<Resource<'a>>,
    /// Of the columns that the source's configuration watches, those that the statement names; `*`: all may have been read.
    pub columns: Vec<Cow<'a, str>>,
    /// Hash of a statement without its literals: the same for statements that differ in values only.
    pub fingerprint: Option<u64>,
    /// Which records were asked for, as far as the text says.
    pub records: Vec<Record>,
    /// Which account numbers were written, and whose they became.
    pub payees: Vec<Payee>,
    /// Which page of a list was asked for, from 1, the last if several; 0: no list, or it does not say.
    pub page: u64,
    pub measures: Measures,
    pub outcome: Outcome,
    pub signals: Signals,
    /// Web: the request as it was asked for. Read by signature rules, and for the ids of records that it names.
    pub asked: Option<Asked<'a>>,
    /// Database: the text of the statement, as far as the log keeps it. Read by signature rules, and by nobody else: it holds
    /// whatever the client wrote.
    pub statement: Option<Cow<'a, str>>,
}

/// A request in the client's own words; empty where the log does not say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked<'a> {
    pub method: Cow<'a, str>,
    /// Behind the question mark, percent-encoded as it came. (The path is a [`Resource::Route`].)
    pub query: Cow<'a, str>,
    pub status: u16,
    /// The virtual host.
    pub host: Cow<'a, str>,
    pub referer: Cow<'a, str>,
}

/// Who the entry names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor<'a> {
    /// Login name at the employee portal (or the name tried, for a failed login).
    PortalUser(Cow<'a, str>),
    DbAccount(Cow<'a, str>),
    /// Hash of an integration key.
    IntegrationKey(Cow<'a, str>),
    /// Nobody by name.
    Anonymous,
}

/// How the actor of an alert is known; in order of trust.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KnownBy {
    SqlTag,
    HrAudit,
    AccessLog,
    DbAccount,
    #[default]
    Guess,
}

impl KnownBy {
    pub const ALL: [KnownBy; 5] =
        [KnownBy::SqlTag, KnownBy::HrAudit, KnownBy::AccessLog, KnownBy::DbAccount, KnownBy::Guess];

    pub const fn as_str(self) -> &'static str {
        match self {
            KnownBy::SqlTag => "sql_tag",
            KnownBy::HrAudit => "hr_audit",
            KnownBy::AccessLog => "access_log",
            KnownBy::DbAccount => "db_account",
            KnownBy::Guess => "guess",
        }
    }
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// An HTTP request that is none of the below.
    Request,
    /// An attempt to log in at the portal; the outcome says how it went.
    Login,
    /// A statement that reads.
    Read,
    /// A statement that changes data.
    Write,
    /// DDL, grants, settings: changes to structure, rights or the server.
    Administer,
    /// A database connection opened, refused or closed.
    Connect,
    Disconnect,
    /// A statement that touches no data (SET NAMES, SELECT 1).
    Other,
    /// One table touched by a statement that has its own entry (server_audit's READ and WRITE rows).
    TableRead,
    TableWrite,
}

/// What it was done to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resource<'a> {
    /// Path without query, percent-encoded as it came.
    Route(Cow<'a, str>),
    /// `schema` is empty where the log does not know it.
    Table { schema: Cow<'a, str>, name: Cow<'a, str> },
}

/// How much. `None`: this log cannot know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Measures {
    pub rows_sent: Option<u64>,
    pub rows_examined: Option<u64>,
    pub rows_affected: Option<u64>,
    /// Bytes of the response, or of the result set.
    pub bytes: Option<u64>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Outcome {
    #[default]
    Success,
    /// Refused for want of rights or a wrong password (401, 403, MariaDB 1044, 1045, 1142, 1143, 1227).
    Denied,
    /// Went wrong otherwise.
    Failed,
}

/// What a single entry gives away by its shape alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Signal {
    /// SELECT … INTO OUTFILE.
    IntoOutfile,
    /// SELECT … INTO DUMPFILE.
    IntoDumpfile,
    /// The shape of a dump tool: `/*!40001 SQL_NO_CACHE */` on a whole table.
    DumpShape,
    /// GRANT that names a table, a schema or everything.
    Grant,
    /// Audit logging switched off or narrowed: server_audit settings, UNINSTALL PLUGIN.
    AuditOff,
    /// A drill's mark that does not verify: treated as live.
    ForgedDrillMark,
    /// LOAD DATA, LOAD XML, LOAD_FILE(): a file of the server or the client read into the database.
    LoadFile,
    /// HANDLER … READ: a table read past the usual statements.
    HandlerRead,
    /// SET GLOBAL, SET PERSIST: a setting of the whole server changed.
    SetGlobal,
    /// A read of a table without WHERE, LIMIT, grouping or aggregation.
    UnboundedRead,
    /// Many rows packed into few: GROUP_CONCAT, JSON_ARRAYAGG and the like. Rows sent say little then.
    GathersRows,
    /// A comment with an attribution tag's key elsewhere than at its configured position, or two that disagree.
    MisplacedTag,
    /// Personal data in the query or path of a request, where every log, proxy and browser history keeps it.
    PersonalDataInUrl,
    /// A line inside a literal that poses as a log entry of its own.
    ForgedEntry,
    /// SQL in the address of a request.
    SqlInjection,
    /// A directive of a template, or code, in the address of a request.
    TemplateInjection,
    /// A request for a script in a directory of uploads or static files.
    ScriptInFiles,
    /// An account number written: a statement that changes rows and names a column such as `iban`.
    BankDetails,
    /// A canary: a record that nobody has a reason to ask for.
    CanaryRecord,
}

impl Signal {
    pub const ALL: [Signal; 19] = [
        Signal::IntoOutfile,
        Signal::IntoDumpfile,
        Signal::DumpShape,
        Signal::Grant,
        Signal::AuditOff,
        Signal::ForgedDrillMark,
        Signal::LoadFile,
        Signal::HandlerRead,
        Signal::SetGlobal,
        Signal::UnboundedRead,
        Signal::GathersRows,
        Signal::MisplacedTag,
        Signal::PersonalDataInUrl,
        Signal::ForgedEntry,
        Signal::SqlInjection,
        Signal::TemplateInjection,
        Signal::ScriptInFiles,
        Signal::BankDetails,
        Signal::CanaryRecord,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Signal::IntoOutfile => "into_outfile",
            Signal::IntoDumpfile => "into_dumpfile",
            Signal::DumpShape => "dump_shape",
            Signal::Grant => "grant",
            Signal::AuditOff => "audit_off",
            Signal::ForgedDrillMark => "forged_drill_mark",
            Signal::LoadFile => "load_file",
            Signal::HandlerRead => "handler_read",
            Signal::SetGlobal => "set_global",
            Signal::UnboundedRead => "unbounded_read",
            Signal::GathersRows => "gathers_rows",
            Signal::MisplacedTag => "misplaced_tag",
            Signal::PersonalDataInUrl => "personal_data_in_url",
            Signal::ForgedEntry => "forged_entry",
            Signal::SqlInjection => "sql_injection",
            Signal::TemplateInjection => "template_injection",
            Signal::ScriptInFiles => "script_in_files",
            Signal::BankDetails => "bank_details",
            Signal::CanaryRecord => "canary_record",
        }
    }

    const fn bit(self) -> u32 {
        1 << self as u16
    }
}

/// A set of signals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signals(u32);

impl Signals {
    pub const EMPTY: Signals = Signals(0);

    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
    pub const fn contains(self, signal: Signal) -> bool {
        self.0 & signal.bit() != 0
    }
    pub const fn insert(&mut self, signal: Signal) {
        self.0 |= signal.bit();
    }
    #[must_use]
    pub const fn union(self, other: Signals) -> Self {
        Signals(self.0 | other.0)
    }
    pub const fn bits(self) -> u32 {
        self.0
    }
    /// Unknown bits are dropped.
    pub const fn from_bits(bits: u32) -> Self {
        Signals(bits & ((1 << Signal::ALL.len()) - 1))
    }
    pub fn iter(self) -> impl Iterator<Item = Signal> {
        Signal::ALL.into_iter().filter(move |signal| self.contains(*signal))
    }
}

impl<'a> Activity<'a> {
    /// An activity about which nothing but its time and operation is known.
    pub fn new(at: Timestamp, operation: Operation) -> Self {
        Activity {
            at,
            actor: Actor::Anonymous,
            tag_user: None,
            known_by: KnownBy::Guess,
            request_id: None,
            app_host: None,
            address: None,
            client_host: None,
            session: None,
            agent: None,
            operation,
            resources: Vec::new(),
            columns: Vec::new(),
            fingerprint: None,
            records: Vec::new(),
            payees: Vec::new(),
            page: 0,
            measures: Measures::default(),
            outcome: Outcome::default(),
            signals: Signals::EMPTY,
            asked: None,
            statement: None,
        }
    }
}

impl Resource<'_> {
    /// `schema.table`, the table alone where the schema is unknown, or the path.
    pub fn name(&self) -> Cow<'_, str> {
        match self {
            Resource::Route(path) => Cow::Borrowed(path),
            Resource::Table { schema, name } if schema.is_empty() => Cow::Borrowed(name),
            Resource::Table { schema, name } => Cow::Owned(format!("{schema}.{name}")),
        }
    }
}

/// The most sensitive of some classes; [`DataClass::None`] of none.
impl DataClass {
    pub fn most_sensitive(classes: impl IntoIterator<Item = DataClass>) -> DataClass {
        classes.into_iter().min().unwrap_or(DataClass::None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_come_back_from_their_bits() {
        for signal in Signal::ALL {
            let mut set = Signals::EMPTY;
            set.insert(signal);
            assert_eq!(Signals::from_bits(set.bits()).iter().collect::<Vec<_>>(), [signal]);
        }
        assert_eq!(Signals::from_bits(u32::MAX).iter().count(), Signal::ALL.len());
    }

    #[test]
    fn trust_goes_down_the_list() {
        assert!(KnownBy::SqlTag < KnownBy::AccessLog && KnownBy::DbAccount < KnownBy::Guess);
        assert_eq!(DataClass::most_sensitive([DataClass::Customer, DataClass::Hr]), DataClass::Hr);
    }
}
