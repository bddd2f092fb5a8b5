//! The engine of `breachd discover`: from real logs, and from a schema, to a classification.
//!
//! A [`Plan`](crate::Plan) made by [`Plan::discovering`](crate::Plan::discovering) makes an
//! [`Ingester`](crate::Ingester) observe instead of tally; [`Ingester::take_discovery`](crate::Ingester::take_discovery) hands
//! out what it saw, [`Discovery::merge`] puts sources and partitions together, [`Discovery::proposal`] proposes, and
//! [`Proposal::to_toml`] writes it as configuration with the reasons beside it. Texts of statements are looked at and not
//! kept.
//!
//! # What it goes by
//! - **Names** of tables and path segments, in words (`hr_performance_review` is `hr`, `performance`, `review`). Magento's own
//!   tables are known; a *review* is one of an employee only beside other signs of HR, else of a product.
//! - **Columns** that statements name ([`DISCOVERY_COLUMNS`]), as the reader of SQL sees them: `salary`, `iban`, `ssn`,
//!   `employee_id` …; in a join, those with a table's name or alias before their dot; of a schema, those that CREATE TABLE defines
//!   ([`Discovery::define`]). A table of which nothing else tells, beside columns that may be its own, or always beside HR tables, is
//!   left to a person.
//! - **Copies**: a table filled from an HR table holds HR data.
//! - **Views and triggers**: READ and WRITE rows of server_audit that stand before a statement which does not name their
//!   tables, every time; the text of CREATE VIEW; and, before all of these, what a schema defines, which alone knows of stored
//!   functions.
//! - **Company**: a route whose requests nearly always come with a statement on HR tables by the same user within two
//!   seconds reads HR data, whatever its name. Needs attribution tags and a web log that names users.
//!
//! Every proposal is checked against all tables that were seen before it is handed out: what the written patterns would
//! class otherwise gets a line of its own.
//!
//! # What it cannot know
//! What no log showed and no schema defines; what a name in another language than English and German means; whether a route of a person's own record
//! is worth watching (such are proposed as comments). Read the proposal before you ship it.
//!
//! Bounded: see the constants; the smallest names stay, and what was left out is counted in a comment. The answer does not
//! depend on the order of sources.

mod names;
mod toml;

use crate::classification::Patterns;
use crate::settings::{ByChange, Triggers};
use activity::{Activity, Actor, DataClass, Operation, Outcome, Resource};
use formats::Behind as Through;
use names::{Hint, Route};
use std::collections::{BTreeMap, BTreeSet};
use tally::{Set, stable_hash};

/// Names of columns that tell what a table holds; see [`crate::discover`].
pub const DISCOVERY_COLUMNS: &[&str] = names::COLUMNS;

/// Keys of comment tags that may name a portal user.
pub const DISCOVERY_TAGS: &[&str] =
    &["uid", "user", "user_id", "username", "portal_user", "puser", "employee", "emp", "actor", "login"];

/// Keys of comment tags that may give a request's id.
const REQUEST_TAGS: &[&str] = &["request_id", "rid", "req", "requestid"];

/// Tables, routes and accounts that are remembered, each.
const NAMES_MAX: usize = 4096;

/// Keys of tags that are remembered.
const TAGS_MAX: usize = 64;

/// Moments at which a user ran a statement, or made a request; beyond, only of every second user, every fourth …
const MOMENTS_MAX: usize = 200_000;

/// Tables of READ and WRITE rows before one statement.
const RUN_MAX: usize = 64;

/// Seconds between a request's end and its statements: before, after.
const SECONDS_APART: [i64; 2] = [2, 1];

/// What was seen.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Discovery {
    sources: BTreeMap<Box<str>, Source>,
    tables: BTreeMap<Box<str>, Table>,
    /// Tables that stood in one statement, with a line break between, and the columns that may be of any of them.
    joins: BTreeMap<Box<str>, BTreeSet<&'static str>>,
    routes: BTreeMap<Box<str>, Seen>,
    logins: BTreeMap<Box<str>, u64>,
    /// By `account@host`.
    accounts: BTreeMap<Box<str>, Account>,
    app_hosts: BTreeMap<Box<str>, u64>,
    tags: BTreeMap<(Box<str>, Place), Tag>,
    /// Statements that name a table.
    statements: u64,
    request_ids: u64,
    /// Portal users that the web log names.
    users: Set<512>,
    views: BTreeMap<Box<str>, Behind>,
    /// CREATE VIEW texts.
    defined: BTreeMap<Box<str>, BTreeSet<Box<str>>>,
    triggers: BTreeMap<Box<str>, Behind>,
    schema: Schema,
    moments: Moments,
    beyond: u64,
    /// READ and WRITE rows since the last statement; true: written.
    run: Vec<(Box<str>, bool)>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Source {
    format: &'static str,
    entries: u64,
    /// Its format needs one and it has none.
    zone_missing: bool,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Table {
    statements: u64,
    /// Statements that name no other.
    alone: u64,
    rows: u64,
    /// READ and WRITE rows that name it.
    row_events: u64,
    columns: BTreeSet<&'static str>,
    /// A schema defines it.
    defined: bool,
    /// Tables it was filled from.
    filled_from: BTreeSet<Box<str>>,
}

/// What a schema puts behind names.
#[derive(Clone, Debug, Default, PartialEq)]
struct Schema {
    /// Tables it defines.
    tables: u64,
    views: BTreeMap<Box<str>, BTreeSet<Box<str>>>,
    functions: BTreeMap<Box<str>, BTreeSet<Box<str>>>,
    triggers: BTreeMap<Box<str>, Fired>,
}

/// Tables that triggers touch, by what the triggers fire at.
#[derive(Clone, Debug, Default, PartialEq)]
struct Fired {
    any: BTreeSet<Box<str>>,
    insert: BTreeSet<Box<str>>,
    update: BTreeSet<Box<str>>,
    delete: BTreeSet<Box<str>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Seen {
    requests: u64,
    bytes: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    Front,
    End,
}

/// A database account.
#[derive(Clone, Debug, Default, PartialEq)]
struct Account {
    statements: u64,
    /// Statements that carry a tag, by its key.
    tagged: BTreeMap<Box<str>, u64>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Tag {
    statements: u64,
    values: Set<512>,
}

/// Tables seen together with a name, and how often the name was seen.
#[derive(Clone, Debug, Default, PartialEq)]
struct Behind {
    seen: u64,
    tables: BTreeMap<Box<str>, u64>,
}

/// When users ran statements on tables, and made requests; of users whose hash is at most `kept`.
#[derive(Clone, Debug, PartialEq)]
struct Moments {
    kept: u64,
    statements: BTreeSet<(u64, i64, Box<str>)>,
    requests: BTreeSet<(u64, i64, Box<str>)>,
}

/// What is proposed, each list in the order of its names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Proposal {
    pub tables: Vec<Proposed>,
    /// Tables of which too little is known: to be decided by a person.
    pub tables_to_decide: Vec<Proposed>,
    /// Tables that the built-in patterns class rightly.
    pub built_in: Vec<Proposed>,
    pub routes: Vec<Proposed>,
    /// Routes that read HR data, probably the user's own: to be decided by a person.
    pub routes_to_decide: Vec<Proposed>,
    /// View → tables behind it.
    pub views: BTreeMap<String, Vec<String>>,
    /// Stored function → tables it reads.
    pub functions: BTreeMap<String, Vec<String>>,
    /// Table → tables that its triggers touch.
    pub triggers: BTreeMap<String, Triggers>,
    /// Key, whether it stands at the front, and its share of the statements.
    pub tags: Vec<(String, bool, f64)>,
    pub request_ids: bool,
    /// Accounts whose statements carry one of these tags.
    pub tagged_accounts: Vec<TaggedAccount>,
    /// Beyond the built-in ones.
    pub login_routes: Vec<String>,
    /// What else was seen, one line each.
    pub notes: Vec<String>,
}

/// A database account whose statements carry tags that name users.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaggedAccount {
    /// `account@host`.
    pub name: String,
    pub statements: u64,
    pub tagged: u64,
    /// Tags are so rare with it that a person has to decide whether they are the application's.
    pub doubtful: bool,
}

/// One pattern with its class, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposed {
    pub pattern: String,
    pub class: DataClass,
    pub reason: String,
    /// Statements or requests.
    pub seen: u64,
}

impl Default for Moments {
    fn default() -> Self {
        Moments { kept: u64::MAX, statements: BTreeSet::new(), requests: BTreeSet::new() }
    }
}

impl Discovery {
    pub fn new() -> Self {
        Self::default()
    }

    /// A source that is read. `zone_missing`: its format needs one and none is configured.
    pub(crate) fn source(&mut self, name: &str, format: &'static str, zone_missing: bool) {
        let source = self.sources.entry(name.into()).or_default();
        (source.format, source.zone_missing) = (format, zone_missing);
        source.entries += 1;
    }

    /// Takes in one entry: what was read from it, and its text, which is not kept. `postgres`: its statements are PostgreSQL's.
    pub fn observe(&mut self, activity: &Activity<'_>, text: &[u8], postgres: bool) {
        match activity.operation {
            Operation::Request | Operation::Login => self.request(activity),
            Operation::TableRead | Operation::TableWrite => self.table_row(activity),
            Operation::Read | Operation::Write | Operation::Administer | Operation::Other => {
                self.statement(activity, text, postgres);
                self.run.clear();
            }
            Operation::Connect | Operation::Disconnect => {}
        }
    }

    /// Takes in what a schema defines: its tables with their columns, and what lies behind its views, functions and triggers.
    pub fn define(&mut self, definitions: &formats::Definitions) {
        let is_view = |name: &str| {
            definitions
                .behind
                .iter()
                .any(|(view, table)| table.through == Through::View && view.eq_ignore_ascii_case(name))
        };
        for formats::TableDefinition { schema, name, columns } in &definitions.tables {
            let name = format!("{schema}.{name}");
            // A dump of MySQL's holds the place of a view with a table.
            if is_view(&name) {
                continue;
            }
            self.schema.tables += 1;
            let Some(table) = slot(&mut self.tables, &name, &mut self.beyond) else { continue };
            table.defined = true;
            table.columns.extend(columns.iter().filter_map(|column| names::column(column)));
        }
        for (name, table) in &definitions.behind {
            let Schema { views, functions, triggers, .. } = &mut self.schema;
            let tables = match table.through {
                Through::View => slot(views, name, &mut self.beyond),
                Through::Function => slot(functions, name, &mut self.beyond),
                through => slot(triggers, name, &mut self.beyond).map(|fired| fired.by(through)),
            };
            let behind = format!("{}.{}", table.schema, table.name);
            if let Some(tables) = tables {
                tables.insert(behind.as_str().into());
            }
        }
    }

    /// Adds what was seen elsewhere.
    pub fn merge(&mut self, other: Discovery) {
        for (name, source) in other.sources {
            let known = self.sources.entry(name).or_default();
            known.entries += source.entries;
            (known.format, known.zone_missing) = (source.format, source.zone_missing);
        }
        for (name, table) in other.tables {
            let Some(known) = slot(&mut self.tables, &name, &mut self.beyond) else { continue };
            known.statements += table.statements;
            known.alone += table.alone;
            known.rows = known.rows.saturating_add(table.rows);
            known.row_events += table.row_events;
            known.columns.extend(table.columns);
            known.defined |= table.defined;
            known.filled_from.extend(table.filled_from);
        }
        for (tables, columns) in other.joins {
            slot(&mut self.joins, &tables, &mut self.beyond).unwrap_or(&mut BTreeSet::new()).extend(columns);
        }
        for (route, seen) in other.routes {
            let Some(known) = slot(&mut self.routes, &route, &mut self.beyond) else { continue };
            known.requests += seen.requests;
            known.bytes = known.bytes.saturating_add(seen.bytes);
        }
        for (name, account) in other.accounts {
            let Some(known) = slot(&mut self.accounts, &name, &mut self.beyond) else { continue };
            known.statements += account.statements;
            account.tagged.into_iter().for_each(|(key, count)| *known.tagged.entry(key).or_default() += count);
        }
        for (mine, theirs) in [(&mut self.logins, other.logins), (&mut self.app_hosts, other.app_hosts)] {
            for (name, count) in theirs {
                *slot(mine, &name, &mut self.beyond).unwrap_or(&mut 0) += count;
            }
        }
        for (key, tag) in other.tags {
            let known = self.tags.entry(key).or_default();
            known.statements += tag.statements;
            known.values.merge(&tag.values);
        }
        self.statements += other.statements;
        self.request_ids += other.request_ids;
        self.users.merge(&other.users);
        for (mine, theirs) in [(&mut self.views, other.views), (&mut self.triggers, other.triggers)] {
            for (name, behind) in theirs {
                let Some(known) = slot(mine, &name, &mut self.beyond) else { continue };
                known.seen += behind.seen;
                behind.tables.into_iter().for_each(|(table, count)| *known.tables.entry(table).or_default() += count);
            }
        }
        for (view, tables) in other.defined {
            slot(&mut self.defined, &view, &mut self.beyond).unwrap_or(&mut BTreeSet::new()).extend(tables);
        }
        self.schema.tables += other.schema.tables;
        for (mine, theirs) in
            [(&mut self.schema.views, other.schema.views), (&mut self.schema.functions, other.schema.functions)]
        {
            for (name, tables) in theirs {
                slot(mine, &name, &mut self.beyond).unwrap_or(&mut BTreeSet::new()).extend(tables);
            }
        }
        for (name, fired) in other.schema.triggers {
            slot(&mut self.schema.triggers, &name, &mut self.beyond).unwrap_or(&mut Fired::default()).merge(fired);
        }
        self.moments.kept = self.moments.kept.min(other.moments.kept);
        self.moments.statements.extend(other.moments.statements);
        self.moments.requests.extend(other.moments.requests);
        self.moments.shrink(false);
        self.beyond += other.beyond;
    }

    /// Names for [`crate::Settings::lint`].
    pub fn seen(&self) -> crate::settings::Seen<'_> {
        crate::settings::Seen {
            tables: self.tables.keys().map(|name| &**name).collect(),
            routes: self.routes.keys().map(|route| &**route).collect(),
        }
    }

    fn request(&mut self, activity: &Activity<'_>) {
        let user = match &activity.actor {
            Actor::PortalUser(user) if activity.operation == Operation::Request => Some(&**user),
            _ => None,
        };
        user.iter().for_each(|user| self.users.insert(user));
        self.request_ids += u64::from(activity.request_id.is_some());
        if let Some(host) = &activity.app_host {
            *slot(&mut self.app_hosts, host, &mut self.beyond).unwrap_or(&mut 0) += 1;
        }
        let path = activity.resources.iter().find_map(|resource| match resource {
            Resource::Route(path) => Some(path),
            Resource::Table { .. } => None,
        });
        let Some(path) = path else { return };
        let path = formats::comparable_path(path);
        // By name alone: where Basic authentication is refused, and in the application's own log, logins name routes of all sorts.
        let is_post = activity.asked.as_ref().is_some_and(|asked| matches!(&*asked.method, "POST" | "PUT"));
        if is_post && names::is_login(&path) {
            let route = names::collapsed(&path);
            *slot(&mut self.logins, &route, &mut self.beyond).unwrap_or(&mut 0) += 1;
        }
        // What was refused or is not there says nothing of what the application holds.
        if activity.outcome != Outcome::Success || !names::is_plain_path(&path) {
            return;
        }
        let route = names::collapsed(&path);
        if let Some(user) = user {
            self.moments.request(user, activity.at.as_secs(), &route);
        }
        let Some(seen) = slot(&mut self.routes, &route, &mut self.beyond) else { return };
        seen.requests += 1;
        seen.bytes = seen.bytes.saturating_add(activity.measures.bytes.unwrap_or(0));
    }

    fn table_row(&mut self, activity: &Activity<'_>) {
        for name in table_names(activity) {
            if let Some(table) = slot(&mut self.tables, &name, &mut self.beyond) {
                table.row_events += 1;
            }
            if self.run.len() < RUN_MAX {
                self.run.push((name.into(), activity.operation == Operation::TableWrite));
            }
        }
    }

    fn statement(&mut self, activity: &Activity<'_>, text: &[u8], postgres: bool) {
        let named: Vec<String> = table_names(activity).collect();
        if named.is_empty() || activity.outcome != Outcome::Success {
            return;
        }
        let text = String::from_utf8_lossy(text);
        if let Some(view) = names::view_defined(&text) {
            let schema = named.first().map_or("", |name| names::parts(name).0);
            let view = if view.contains('.') { view } else { format!("{schema}.{view}") };
            if let Some(tables) = slot(&mut self.defined, &view, &mut self.beyond) {
                tables.extend(named.iter().filter(|table| **table != view).map(|table| Box::from(table.as_str())));
            }
        }
        let tags = names::tags(&text);
        if let Actor::DbAccount(account) = &activity.actor {
            let name = format!("{account}@{}", activity.client_host.as_deref().unwrap_or_default());
            let mut unknown = Account::default();
            let known = slot(&mut self.accounts, &name, &mut self.beyond).unwrap_or(&mut unknown);
            known.statements += 1;
            for key in tags.iter().map(|(key, ..)| *key).collect::<BTreeSet<_>>() {
                if known.tagged.len() < TAGS_MAX || known.tagged.contains_key(key) {
                    *known.tagged.entry(key.into()).or_default() += 1;
                }
            }
        }
        if !matches!(activity.operation, Operation::Read | Operation::Write) && !names::copies(&text) {
            return;
        }
        self.statements += 1;
        let placed = formats::sql::placed(activity, postgres);
        let in_text: Vec<String> = placed.tables.iter().map(table_name).collect();
        let columns = |is_of: &dyn Fn(Option<usize>) -> bool| -> Vec<&'static str> {
            placed.columns.iter().filter(|(_, at)| is_of(*at)).filter_map(|(column, _)| names::column(column)).collect()
        };
        let together: BTreeSet<&str> = named.iter().chain(&in_text).map(String::as_str).collect();
        for name in &named {
            let Some(table) = slot(&mut self.tables, name, &mut self.beyond) else { continue };
            table.statements += 1;
            table.rows = table.rows.saturating_add(activity.measures.rows_sent.unwrap_or(0));
            table.alone += u64::from(together.len() == 1);
            // An entry about a table behind the only one that the text names.
            table.columns.extend(columns(&|at| at.is_some_and(|at| in_text.len() == 1 || in_text[at] == *name)));
        }
        if 1 < together.len() {
            let tables: Vec<_> = together.into_iter().collect();
            if let Some(unplaced) = slot(&mut self.joins, &tables.join("\n"), &mut self.beyond) {
                unplaced.extend(columns(&|at| at.is_none()));
            }
        }
        if let (true, [to, from @ ..]) = (names::copies(&text), named.as_slice())
            && let Some(table) = slot(&mut self.tables, to, &mut self.beyond)
        {
            table.filled_from.extend(from.iter().take(RUN_MAX).map(|name| Box::from(name.as_str())));
        }
        for (key, value, place) in tags {
            let at = (key.into(), place);
            if self.tags.len() < TAGS_MAX || self.tags.contains_key(&at) {
                let tag = self.tags.entry(at).or_default();
                tag.statements += 1;
                tag.values.insert(value);
            }
        }
        if let Some(user) = &activity.tag_user {
            named.iter().for_each(|name| self.moments.statement(user, activity.at.as_secs(), name));
        }
        self.behind(activity, &named, &text);
    }

    /// What the rows before a statement tell of views and triggers.
    fn behind(&mut self, activity: &Activity<'_>, named: &[String], text: &str) {
        let verb = names::verb(text);
        if names::is_of_a_trigger(text) {
            // It stands between the rows of the statement that fired it and that statement.
            let fired_by =
                self.run.iter().find(|(table, written)| *written && !named.iter().any(|name| **name == **table));
            if let Some((table, _)) = fired_by
                && let Some(behind) = slot(&mut self.triggers, &format!("{table} NEW"), &mut self.beyond)
            {
                behind.seen += 1;
                named.iter().for_each(|name| *behind.tables.entry(name.as_str().into()).or_default() += 1);
            }
            return;
        }
        let in_run = |name: &String| self.run.iter().any(|(table, _)| **table == **name);
        let surplus: BTreeSet<(Box<str>, bool)> = self
            .run
            .iter()
            .filter(|(table, _)| !named.iter().any(|name| **name == **table) && !names::is_system(table))
            .cloned()
            .collect();
        if let (false, [view]) =
            (self.run.is_empty(), named.iter().filter(|name| !in_run(name)).collect::<Vec<_>>().as_slice())
        {
            let behind = slot(&mut self.views, view, &mut self.beyond);
            if let Some(behind) = behind {
                behind.seen += 1;
                surplus.iter().for_each(|(table, _)| *behind.tables.entry(table.clone()).or_default() += 1);
            }
        } else if let (Operation::Write, [table], true) = (activity.operation, named, named.iter().all(in_run))
            // A trigger is of one verb.
            && let Some(behind) = slot(&mut self.triggers, &format!("{table} {verb}"), &mut self.beyond)
        {
            behind.seen += 1;
            for (other, _) in surplus.iter().filter(|(_, written)| *written) {
                *behind.tables.entry(other.clone()).or_default() += 1;
            }
        }
    }

    /// What it comes to.
    pub fn proposal(&self) -> Proposal {
        let (views, triggers) = (self.views_found(), self.triggers_found());
        let classes = self.classes(&views);
        let functions = self.schema.functions.iter().filter(|(name, _)| is_writable(name));
        let functions = functions.map(|(name, tables)| (name.to_string(), texts(tables))).collect();
        let mut proposal = Proposal { views, functions, triggers, ..Proposal::default() };
        self.propose_tables(&classes, &mut proposal);
        self.propose_routes(&classes, &mut proposal);
        self.propose_attribution(&mut proposal);
        self.note(&classes, &mut proposal);
        proposal
    }

    fn views_found(&self) -> BTreeMap<String, Vec<String>> {
        let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (view, behind) in &self.views {
            let own_rows = self.tables.get(view).map_or(0, |table| table.row_events);
            let always: Vec<String> = behind.always();
            if own_rows == 0 && !always.is_empty() {
                found.insert(view.to_string(), always);
            }
        }
        for (view, tables) in self.defined.iter().filter(|(_, tables)| !tables.is_empty()) {
            found.insert(view.to_string(), texts(tables));
        }
        for (view, tables) in &self.schema.views {
            found.retain(|other, _| !other.eq_ignore_ascii_case(view));
            found.insert(view.to_string(), texts(tables));
        }
        found.retain(|view, tables| is_writable(view) && !tables.iter().any(|table| table.eq_ignore_ascii_case(view)));
        found
    }

    fn triggers_found(&self) -> BTreeMap<String, Triggers> {
        let mut found: BTreeMap<String, Fired> = BTreeMap::new();
        for (name, behind) in &self.triggers {
            let Some((table, verb)) = name.rsplit_once(' ') else { continue };
            let always = behind.always();
            if !always.is_empty() {
                let through = match verb {
                    "INSERT" => Through::InsertTrigger,
                    "UPDATE" => Through::UpdateTrigger,
                    "DELETE" => Through::DeleteTrigger,
                    // REPLACE does two of them, and of a statement inside a trigger it is not known.
                    _ => Through::Trigger,
                };
                let tables = found.entry(table.to_owned()).or_default().by(through);
                tables.extend(always.into_iter().map(String::into_boxed_str));
            }
        }
        for (table, fired) in &self.schema.triggers {
            found.retain(|other, _| !other.eq_ignore_ascii_case(table));
            found.insert(table.to_string(), fired.clone());
        }
        found.retain(|table, _| is_writable(table));
        found.into_iter().map(|(table, fired)| (table, fired.into_triggers())).collect()
    }

    /// The class of every table, and why.
    fn classes(&self, views: &BTreeMap<String, Vec<String>>) -> BTreeMap<&str, (DataClass, String)> {
        let mut hr_schemas: BTreeMap<&str, [u64; 2]> = BTreeMap::new();
        let hints: BTreeMap<&str, Hint> = self
            .tables
            .iter()
            .map(|(name, table)| {
                let hint = Hint::of(name, &table.columns);
                let (schema, _) = names::parts(name);
                let counts = hr_schemas.entry(schema).or_default();
                counts[usize::from(hint.is_hr())] += 1;
                (&**name, hint)
            })
            .collect();
        let of_schema = |schema: &str| {
            let [other, hr] = hr_schemas.get(schema).copied().unwrap_or_default();
            if names::is_hr_schema(schema) || 3 <= hr && other * 4 <= hr {
                names::Schema::Hr
            } else if 2 <= hr && other < hr {
                names::Schema::MostlyHr
            } else {
                names::Schema::Other
            }
        };
        let mut classes: BTreeMap<&str, (DataClass, String)> = BTreeMap::new();
        for (name, hint) in &hints {
            classes.insert(name, hint.decide(of_schema(names::parts(name).0)));
        }
        // Copies and views hold what they were made from; a few rounds, for copies of copies.
        for _ in 0..4 {
            let mut found = Vec::new();
            for (name, table) in &self.tables {
                let is_none = classes.get(&**name).is_none_or(|(class, _)| *class == DataClass::None);
                let own = table.filled_from.iter().map(|from| &**from);
                let behind = views.get(&**name).into_iter().flatten().map(String::as_str);
                let sources = own.map(|from| (from, "filled from")).chain(behind.map(|from| (from, "a view of")));
                let worst = sources
                    .filter_map(|(from, how)| Some((classes.get(from)?.0, how, from)))
                    .filter(|(class, ..)| *class == DataClass::Hr)
                    .min();
                if let (true, Some((class, how, from))) = (is_none, worst) {
                    found.push((&**name, (class, format!("{how} {}", activity::printable(from)))));
                }
            }
            if found.is_empty() {
                break;
            }
            classes.extend(found);
        }
        classes
    }

    /// Of the tables without a class, those of which that cannot be told.
    fn doubts<'d>(&'d self, classes: &BTreeMap<&'d str, (DataClass, String)>) -> BTreeMap<&'d str, Doubt> {
        let class = |name: &str| classes.get(name).map_or(DataClass::None, |(class, _)| *class);
        let is_open = |name: &str| class(name) == DataClass::None && !names::is_system(name);
        let is_defined = |name: &str| self.tables.get(name).is_some_and(|table| table.defined);
        let worst = |columns: &BTreeSet<&'static str>| {
            columns.iter().map(|column| (names::class_of_column(column), *column)).min()
        };
        let mut doubts: BTreeMap<&str, Doubt> = BTreeMap::new();
        let mut doubt = |name: &'d str, new: Doubt| match doubts.get(name) {
            Some(known) if *known <= new => {}
            _ => drop(doubts.insert(name, new)),
        };
        // By table: those of HR beside it; None once it stood without one.
        let mut beside: BTreeMap<&str, Option<&str>> = BTreeMap::new();
        for (joined, columns) in &self.joins {
            let members: Vec<&str> = joined.split('\n').collect();
            let is_explained = members.iter().any(|name| class(name) != DataClass::None);
            let hr = members.iter().copied().find(|name| class(name) == DataClass::Hr);
            for name in members.iter().copied().filter(|name| is_open(name) && !is_defined(name)) {
                let known = beside.entry(name).or_insert(hr);
                *known = known.and(hr);
                if let Some((class, column)) = worst(columns) {
                    let others = members.iter().filter(|other| **other != name).take(3);
                    let others: Vec<_> = others.map(|other| activity::printable(other)).collect();
                    let reason = format!("column {column} is its own, or that of {}", others.join(" or "));
                    doubt(name, Doubt { is_explained, class, reason });
                }
            }
        }
        for (name, table) in self.tables.iter().filter(|(name, _)| is_open(name)) {
            if let Some((DataClass::Hr, column)) = worst(&table.columns) {
                let reason = format!("column {column}, but the name of a shop's table");
                doubt(name, Doubt { is_explained: false, class: DataClass::Hr, reason });
            }
            if let (Some(Some(hr)), 0) = (beside.get(&**name), table.alone) {
                let reason = format!("never named without a table of HR, such as {}", activity::printable(hr));
                doubt(name, Doubt { is_explained: true, class: DataClass::Hr, reason });
            }
        }
        doubts
    }

    fn propose_tables(&self, classes: &BTreeMap<&str, (DataClass, String)>, proposal: &mut Proposal) {
        let built_in = Patterns::of_tables([]);
        let doubts = self.doubts(classes);
        let mut lines: BTreeMap<String, Proposed> = BTreeMap::new();
        let mut put = |pattern: &str, class: DataClass, reason: String, seen: u64| {
            lines.insert(pattern.to_owned(), Proposed { pattern: pattern.to_owned(), class, reason, seen });
        };
        let seen = |name: &str| self.tables.get(name).map_or(0, |table| table.statements.max(table.row_events));
        let rows = |names: &[&str]| -> String {
            let rows = names
                .iter()
                .filter_map(|name| self.tables.get(*name))
                .fold(0u64, |sum, table| sum.saturating_add(table.rows));
            if rows == 0 { String::new() } else { format!(", {rows} rows sent") }
        };
        // Patterns for whole schemas and prefixes.
        let mut groups: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for name in classes.keys().filter(|name| is_writable(name)) {
            let (schema, table) = names::parts(name);
            if !schema.is_empty() {
                groups.entry(format!("{schema}.*")).or_default().push(name);
                if let Some((prefix, _)) = table.split_once('_').filter(|(prefix, _)| names::is_hr_prefix(prefix)) {
                    groups.entry(format!("{schema}.{prefix}_*")).or_default().push(name);
                }
            }
        }
        let mut grouped: Vec<(String, DataClass)> = Vec::new();
        for (pattern, members) in &groups {
            let hr = members.iter().filter(|name| classes[**name].0 == DataClass::Hr).count();
            let whole = if pattern.ends_with(".*") { members.len() < 2 * hr } else { hr == members.len() };
            let within = grouped.iter().any(|(other, _)| {
                formats::Glob::table(other).is_some_and(|glob| members.iter().all(|member| glob.matches(member)))
            });
            if whole && 2 <= hr && !within {
                let total =
                    members.iter().filter(|name| classes[**name].0 == DataClass::Hr).map(|name| seen(name)).sum();
                let reason = format!("{hr} of {} tables seen hold HR data{}", members.len(), rows(members));
                put(pattern, DataClass::Hr, reason, total);
                grouped.push((pattern.clone(), DataClass::Hr));
            }
        }
        let with_groups = Patterns::of_tables(grouped.iter().map(|(pattern, class)| (pattern.as_str(), *class)));
        for (name, (class, reason)) in classes {
            let by_groups = with_groups.class(name);
            if !is_writable(name) || names::is_system(name) {
                continue;
            }
            if let (Some(doubt), DataClass::None) = (doubts.get(name), class) {
                let Doubt { is_explained, class, reason } = doubt.clone();
                // What the line would change: what a wider pattern says, or that nothing does.
                let class = if by_groups == DataClass::None { class } else { DataClass::None };
                if !is_explained || class == DataClass::None {
                    proposal.tables_to_decide.push(Proposed {
                        pattern: (*name).into(),
                        class,
                        reason,
                        seen: seen(name),
                    });
                }
                continue;
            }
            if by_groups == *class
                && (*class != DataClass::Hr || built_in.class(name) == by_groups && !grouped_by(&grouped, name))
            {
                if *class != DataClass::None && *class != DataClass::Hr {
                    let known =
                        Proposed { pattern: (*name).into(), class: *class, reason: reason.clone(), seen: seen(name) };
                    proposal.built_in.push(known);
                } else if *class == DataClass::Hr {
                    put(name, *class, reason.clone() + &rows(&[name]), seen(name));
                }
            } else if by_groups != *class {
                put(name, *class, reason.clone() + &rows(&[name]), seen(name));
            }
        }
        // What is written must mean what is proposed.
        let written: Vec<_> = lines.values().map(|line| (line.pattern.clone(), line.class)).collect();
        let patterns = Patterns::of_tables(written.iter().map(|(pattern, class)| (pattern.as_str(), *class)));
        for (name, (class, reason)) in classes {
            let is_left_open = *class == DataClass::None && doubts.contains_key(name);
            if is_writable(name) && !names::is_system(name) && !is_left_open && patterns.class(name) != *class {
                let line =
                    Proposed { pattern: (*name).into(), class: *class, reason: reason.clone(), seen: seen(name) };
                lines.insert((*name).into(), line);
            }
        }
        proposal.tables = lines.into_values().collect();
    }

    fn propose_routes(&self, classes: &BTreeMap<&str, (DataClass, String)>, proposal: &mut Proposal) {
        let built_in = Patterns::of_routes([]);
        let company =
            self.moments.in_company(|table| classes.get(table).is_some_and(|(class, _)| *class == DataClass::Hr));
        let is_portal = |path: &str| {
            let first = path.split('/').nth(1).unwrap_or_default();
            self.routes
                .keys()
                .any(|other| other.split('/').nth(1) == Some(first) && names::route(other, false).is_some())
        };
        let mut lines: BTreeMap<String, Proposed> = BTreeMap::new();
        let mut to_decide: BTreeMap<String, Proposed> = BTreeMap::new();
        let add = |to: &mut BTreeMap<String, Proposed>, pattern: String, reason: String, seen: u64| {
            let new = || Proposed { pattern: pattern.clone(), class: DataClass::Hr, reason, seen: 0 };
            to.entry(pattern.clone()).or_insert_with(new).seen += seen;
        };
        for (route, seen) in &self.routes {
            if !is_writable(route) {
                continue;
            }
            if let Some(Route { pattern, word }) = names::route(route, is_portal(route)) {
                add(&mut lines, pattern, format!("`{word}` in the path"), seen.requests);
            } else if let Some(together) = company.get(&**route).filter(|together| together.is_close()) {
                let reason = format!(
                    "{:.0} % of its requests by a named user come with a statement on {}",
                    together.share() * 100.0,
                    activity::printable(&together.table)
                );
                let own = names::is_own_page(route) || names::is_login(route);
                let (to, pattern) =
                    if own { (&mut to_decide, route.to_string()) } else { (&mut lines, route.to_string()) };
                add(to, pattern, reason, seen.requests);
            } else if built_in.class(route) == DataClass::Hr {
                let line = Proposed {
                    pattern: route.to_string(),
                    class: DataClass::None,
                    reason: "a product page, not HR".into(),
                    seen: seen.requests,
                };
                lines.insert(route.to_string(), line);
            }
        }
        // A pattern that another one covers says nothing.
        let patterns: Vec<String> =
            lines.values().filter(|line| line.class == DataClass::Hr).map(|line| line.pattern.clone()).collect();
        lines.retain(|pattern, line| {
            let covers = |other: &&String| {
                **other != *pattern
                    && other.ends_with("/**")
                    && formats::Glob::path(other).is_some_and(|glob| glob.matches(pattern))
            };
            line.class != DataClass::Hr || !patterns.iter().any(|other| covers(&other))
        });
        proposal.routes = lines.into_values().collect();
        proposal.routes_to_decide = to_decide.into_values().collect();
    }

    fn propose_attribution(&self, proposal: &mut Proposal) {
        let mut tags: Vec<(String, bool, f64)> = Vec::new();
        for ((key, place), tag) in &self.tags {
            let share = tag.statements as f64 / self.statements.max(1) as f64;
            if REQUEST_TAGS.contains(&&**key) {
                proposal.request_ids |= 0 < self.request_ids;
                continue;
            }
            let known = tag.values.iter().filter(|(_, value)| self.users.contains(value)).count();
            let names_users = DISCOVERY_TAGS.contains(&&**key) || tag.values.len() < 4 * known;
            if names_users && 2 <= tag.statements && 0.05 <= share {
                tags.push((key.to_string(), *place == Place::Front, share));
            }
        }
        tags.sort_by(|(key, front, share), (other_key, other_front, other)| {
            other.total_cmp(share).then((other_front, key).cmp(&(front, other_key)))
        });
        proposal.tags = tags;
        proposal.tagged_accounts = self.tagged_accounts(&proposal.tags);
        let known: Vec<_> =
            formats::Context::LOGIN_ROUTES.iter().filter_map(|pattern| formats::Glob::path(pattern)).collect();
        let classes = Patterns::of_routes(proposal.routes.iter().map(|line| (line.pattern.as_str(), line.class)));
        proposal.login_routes = self
            .logins
            .keys()
            .filter(|route| is_writable(route) && classes.class(route) == DataClass::None)
            .filter(|route| !known.iter().any(|glob| glob.matches(route)))
            .map(ToString::to_string)
            .collect();
    }

    /// Whoever tags least of all may be posing as the application.
    fn tagged_accounts(&self, tags: &[(String, bool, f64)]) -> Vec<TaggedAccount> {
        let tagged = |account: &Account| tags.iter().filter_map(|(key, ..)| account.tagged.get(&**key)).max().copied();
        let accounts: Vec<_> = self
            .accounts
            .iter()
            .filter(|(name, _)| is_writable(name))
            .filter_map(|(name, account)| Some((&**name, account.statements, tagged(account)?)))
            .collect();
        let most = accounts.iter().map(|(.., tagged)| *tagged).max().unwrap_or(0);
        let account = |(name, statements, tagged): (&str, u64, u64)| TaggedAccount {
            name: name.to_string(),
            statements,
            tagged,
            doubtful: tagged < 2 || tagged * 20 < most || tagged * 20 < statements,
        };
        accounts.into_iter().map(account).collect()
    }

    fn note(&self, classes: &BTreeMap<&str, (DataClass, String)>, proposal: &mut Proposal) {
        let notes = &mut proposal.notes;
        for (name, Source { format, entries, zone_missing }) in &self.sources {
            let zone = if *zone_missing { "; its stamps carry no zone: write the server's" } else { "" };
            notes.push(format!("source {}: {format}, {entries} entries{zone}", activity::printable(name)));
        }
        let mut most: Vec<_> = self.accounts.iter().collect();
        most.sort_by_key(|(name, account)| (std::cmp::Reverse(account.statements), *name));
        for (name, account) in most.into_iter().take(20) {
            let name = activity::printable(name.trim_end_matches('@'));
            notes.push(format!("database account {name}: {} statements", account.statements));
        }
        for (host, count) in self.app_hosts.iter().take(20) {
            notes.push(format!("application host {} in web logs: {count} requests", activity::printable(host)));
        }
        for (route, count) in self.logins.iter().take(20) {
            notes.push(format!("login route {}: {count} requests", activity::printable(route)));
        }
        if 0 < self.schema.tables {
            notes.push(format!("schema: {} tables", self.schema.tables));
        }
        if self.tags.is_empty() && classes.values().any(|(class, _)| *class == DataClass::Hr) && 0 < self.statements {
            notes.push(
                "no statement carries an attribution tag: nobody can be named for what the database shows".into(),
            );
        }
        let unwritable = |name: &&str| !is_writable(name) && !names::is_system(name);
        let (bare, tables): (Vec<_>, Vec<_>) =
            self.tables.keys().map(|name| &**name).filter(unwritable).partition(|name| name.starts_with('.'));
        let routes = self.routes.keys().map(|route| &**route).filter(unwritable).count();
        for (count, left_out) in [
            (bare.len(), "tables were left out, as their schema is not known"),
            (tables.len(), "tables were left out, as no pattern can be written of their names"),
            (routes, "routes were left out, as no pattern can be written of them"),
        ] {
            if 0 < count {
                notes.push(format!("{count} {left_out}"));
            }
        }
        if 0 < self.beyond {
            notes.push(format!("{} sightings of names beyond {NAMES_MAX} were left out", self.beyond));
        }
    }
}

impl Fired {
    fn by(&mut self, through: Through) -> &mut BTreeSet<Box<str>> {
        match through {
            Through::InsertTrigger => &mut self.insert,
            Through::UpdateTrigger => &mut self.update,
            Through::DeleteTrigger => &mut self.delete,
            Through::Trigger | Through::View | Through::Function => &mut self.any,
        }
    }

    fn merge(&mut self, other: Fired) {
        self.any.extend(other.any);
        self.insert.extend(other.insert);
        self.update.extend(other.update);
        self.delete.extend(other.delete);
    }

    /// As configuration: one list if for one of the tables it is not known what fires.
    fn into_triggers(mut self) -> Triggers {
        if self.any.is_empty() {
            let [insert, update, delete] = [&self.insert, &self.update, &self.delete].map(texts);
            return Triggers::ByChange(ByChange { insert, update, delete });
        }
        self.any.extend([self.insert, self.update, self.delete].into_iter().flatten());
        Triggers::Any(texts(&self.any))
    }
}

impl Behind {
    /// Tables that were there every time.
    fn always(&self) -> Vec<String> {
        self.tables.iter().filter(|(_, count)| **count == self.seen).map(|(table, _)| table.to_string()).collect()
    }
}

/// Why nothing is said of a table. The gravest is the least.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Doubt {
    /// By other tables beside it, which have a class.
    is_explained: bool,
    class: DataClass,
    reason: String,
}

/// How often requests of a route come with a statement on an HR table by the same user.
struct Together {
    requests: u64,
    accompanied: u64,
    /// The table, by its smallest name.
    table: Box<str>,
}

impl Together {
    fn share(&self) -> f64 {
        self.accompanied as f64 / self.requests as f64
    }

    fn is_close(&self) -> bool {
        3 <= self.requests && 0.8 <= self.share()
    }
}

impl Moments {
    fn statement(&mut self, user: &str, second: i64, table: &str) {
        let user = stable_hash(&[user.as_bytes()]);
        if user <= self.kept {
            self.statements.insert((user, second, table.into()));
            self.shrink(true);
        }
    }

    fn request(&mut self, user: &str, second: i64, route: &str) {
        let user = stable_hash(&[user.as_bytes()]);
        if user <= self.kept {
            self.requests.insert((user, second, route.into()));
            self.shrink(true);
        }
    }

    /// Fewer users where there are too many moments. The same for the same moments, in whatever order they came.
    fn shrink(&mut self, kept_before: bool) {
        let mut cut = !kept_before;
        while MOMENTS_MAX < self.statements.len().max(self.requests.len()) {
            self.kept /= 2;
            cut = true;
            let kept = self.kept;
            self.statements.retain(|(user, ..)| *user <= kept);
            self.requests.retain(|(user, ..)| *user <= kept);
            if self.kept == 0 {
                break;
            }
        }
        if cut {
            let kept = self.kept;
            self.statements.retain(|(user, ..)| *user <= kept);
            self.requests.retain(|(user, ..)| *user <= kept);
        }
    }

    /// By route. A request that comes with several tables is noted with each of HR.
    fn in_company(&self, is_hr: impl Fn(&str) -> bool) -> BTreeMap<&str, Together> {
        let hr: BTreeSet<(u64, i64, &str)> = self
            .statements
            .iter()
            .filter(|(_, _, table)| is_hr(table))
            .map(|(user, second, table)| (*user, *second, &**table))
            .collect();
        let mut routes: BTreeMap<&str, (Together, BTreeMap<&str, u64>)> = BTreeMap::new();
        for (user, second, route) in &self.requests {
            let new = || (Together { requests: 0, accompanied: 0, table: Box::default() }, BTreeMap::new());
            let (together, tables) = routes.entry(route).or_insert_with(new);
            together.requests += 1;
            let from = (*user, second.saturating_sub(SECONDS_APART[0]), "");
            let to = (*user, second.saturating_add(SECONDS_APART[1] + 1), "");
            let near: BTreeSet<&str> = hr.range(from..to).map(|(_, _, table)| *table).collect();
            together.accompanied += u64::from(!near.is_empty());
            near.into_iter().for_each(|table| *tables.entry(table).or_default() += 1);
        }
        let usual = |(mut together, tables): (Together, BTreeMap<&str, u64>)| {
            let most = tables.into_iter().max_by_key(|(table, count)| (*count, std::cmp::Reverse(*table)));
            together.table = most.map(|(table, _)| table.into()).unwrap_or_default();
            together
        };
        routes.into_iter().map(|(route, seen)| (route, usual(seen))).collect()
    }
}

fn texts(names: &BTreeSet<Box<str>>) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

/// Names of the tables, as `schema.table`.
fn table_names<'a>(activity: &'a Activity<'_>) -> impl Iterator<Item = String> + 'a {
    activity.resources.iter().filter(|resource| matches!(resource, Resource::Table { .. })).map(table_name)
}

fn table_name(table: &Resource<'_>) -> String {
    match table {
        Resource::Table { schema, .. } if schema.is_empty() => format!(".{}", table.name()),
        _ => table.name().into_owned(),
    }
}

/// Where a name is counted; `None` beyond [`NAMES_MAX`], unless it is smaller than another.
fn slot<'m, T: Default>(map: &'m mut BTreeMap<Box<str>, T>, name: &str, beyond: &mut u64) -> Option<&'m mut T> {
    if !map.contains_key(name) {
        if NAMES_MAX <= map.len() {
            *beyond += 1;
            if map.last_key_value().is_none_or(|(last, _)| **last <= *name) {
                return None;
            }
            map.pop_last();
        }
        map.insert(name.into(), T::default());
    }
    map.get_mut(name)
}

fn grouped_by(grouped: &[(String, DataClass)], name: &str) -> bool {
    grouped.iter().any(|(pattern, _)| formats::Glob::table(pattern).is_some_and(|glob| glob.matches(name)))
}

/// Whether a name or path can stand in a configuration as a pattern of itself, or of its ids.
fn is_writable(name: &str) -> bool {
    let has_stars_of_its_own = !name.starts_with('/') && name.contains('*');
    !name.starts_with('.') && name.len() <= 100 && !has_stars_of_its_own && !name.chars().any(char::is_control)
}
