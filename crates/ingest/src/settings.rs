//! What is configured: sources, classification, attribution.

use crate::classification::{Columns, PatternKind};
use crate::coverage::Coverage;
use crate::geo::Geo;
use crate::plan::{Counts, Enveloping, Plan, classes, host_key, is_own_log, may_lack_schema, rank};
use crate::route_rule::{self, RouteRule};
use activity::{DataClass, Span};
use formats::envelope::ENVELOPES;
use formats::{Behind, FORMATS, FormatSpec, Glob, TagPosition, Zone};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{MapAccess, SeqAccess, Visitor, value},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::PathBuf,
    sync::Arc,
};

/// The part of the configuration that ingest reads.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    pub sources: Vec<Source>,
    pub classification: Classification,
    pub attribution: Attribution,
    pub network: Network,
    pub privacy: Privacy,
}

/// One log that is read.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Name of the source in alerts and metrics; unique.
    pub name: String,
    /// Name of its format, as `breachd formats` lists them.
    pub format: String,
    /// IANA time zone of stamps that carry none, such as `Europe/Berlin`; required where the format's stamps never carry one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// What the shipper wraps around the lines: `auto` (told from the records), `none`, or a name that `breachd formats` lists.
    /// Name it where it is known: for entries of several lines `auto` goes by the first entry it sees, and stays with it.
    #[serde(default = "auto")]
    pub envelope: String,
    /// Web logs: the host that the envelope names is the one that runs the application.
    #[serde(default, skip_serializing_if = "is_false")]
    pub envelope_host: bool,
    /// Kafka topic; absent in a replay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// Which database this log is about, if there are several. Each measure of a database is counted from one kind of log,
    /// so that a statement which two logs saw is counted once: see [`Measure`].
    #[serde(default)]
    pub database: String,
    /// The measures for which this log is the source of record of its database, instead of what breachd would choose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<Vec<Measure>>,
    /// The log holds one of so many statements (`log_slow_rate_limit`): its rows and bytes are multiplied by it.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub one_in: u32,
    /// Web logs: the host that runs the application, as the database names it, where the log does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_host: Option<String>,
    /// The schema of tables that the log names without one, as an application's own log and Magento's `db.log` do: what is classified and
    /// counted is `schema.table`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// `server_audit_query_log_limit` of the server, in bytes: texts that come near it may have been cut.
    #[serde(default = "query_log_limit")]
    pub query_log_limit: usize,
}

/// What is counted of a database, each from one kind of log.
///
/// | measure | counted from the first of these that a database has |
/// |---|---|
/// | statements, tables touched | audit log (server_audit, MySQL's, pgaudit), general log, slow log, Magento's `db.log`, Debezium, hr_audit |
/// | rows, bytes | slow log, pgaudit and other audit logs that know rows, `db.log`, Debezium, hr_audit |
/// | failed logins | audit log, error log, general log |
/// | people | whatever counts statements and rows; name it for an hr_audit log where SQL carries no tags |
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Measure {
    /// Statements and the tables they touch.
    Statements,
    /// Rows and bytes.
    Rows,
    /// Logins at the database.
    Logins,
    /// Statements and rows of portal users.
    People,
}

/// `[network]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Network {
    /// Proxies whose X-Forwarded-For is believed, in CIDR notation, such as `10.0.0.0/8`. Anybody can write that header: what
    /// comes from elsewhere is not looked at.
    pub trusted_proxies: Vec<String>,
}

/// `[privacy]`: what may leave the reading of logs.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Privacy {
    /// File with the key (at least 16 bytes) of the hashes that stand for sessions, integration keys and pseudonyms, and of the order by
    /// which large numbers of records are sampled. Without one whoever knows a session id can find its hash, and whoever chooses ids
    /// of records can distort the estimate of how many were read. The same key on every instance; a new key makes everybody a newcomer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_file: Option<PathBuf>,
    /// Portal users become pseudonyms (`p-` and 16 digits), in alerts too; needs a key. The directory is mapped alike.
    pub pseudonymise_users: bool,
    /// What a dead letter keeps of its record.
    pub dead_letters: DeadLetters,
}

/// What a dead letter keeps of its record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DeadLetters {
    /// Its shape: letters become `a`, digits `0`; field names and SQL keywords stay.
    #[default]
    Masked,
    /// Its bytes: they may hold passwords and personal data.
    Full,
    /// Nothing but where it lies and how long it is.
    None,
}

/// What tables and routes hold. A class is one of `hr`, `payment`, `hr_adjacent`, `customer`, `credentials`, `none`. In a
/// pattern `*` stands for any text without `.` (tables) or `/` (routes), `**` for any text. The most specific pattern
/// decides, and any pattern here goes before the built-in ones.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Classification {
    /// Pattern of `schema.table` → class.
    pub tables: BTreeMap<String, String>,
    /// Pattern of a request path → class, or `{ class, table, id, of }`: also of which table the records are that its requests name, and
    /// where in the request their ids stand.
    pub routes: BTreeMap<String, RouteRule>,
    /// Pattern of `schema.table.column` → class: a statement that names such a column, or all columns of such a table, gives
    /// its table that class.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub columns: BTreeMap<String, String>,
    /// View → tables behind it, each `schema.name`: whoever reads or writes the view does so with them, and the view itself is
    /// counted nowhere. What is behind may be a view in turn.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub views: BTreeMap<String, Vec<String>>,
    /// Stored function → tables it reads, each `schema.name`: whoever calls it reads them. Procedures need none: their statements
    /// have log entries of their own.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub functions: BTreeMap<String, Vec<String>>,
    /// Table → tables that its triggers touch: whoever writes the table touches them. A list, or lists by what the triggers fire
    /// at: `{ insert = […], update = […], delete = […] }`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub triggers: BTreeMap<String, Triggers>,
    /// What a record is a number of (`employee` for `employee_id = 7`) → ids of records that nobody has a reason to ask for.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub canaries: BTreeMap<String, Vec<String>>,
}

/// Tables that the triggers of a table touch, each `schema.name`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Triggers {
    /// Whatever is done to the table's rows.
    Any(Vec<String>),
    ByChange(ByChange),
}

/// The same, by what is done. REPLACE inserts and deletes; INSERT … ON DUPLICATE KEY UPDATE inserts and updates.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct ByChange {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub insert: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub update: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub delete: Vec<String>,
}

/// What the configuration puts behind a name.
pub(crate) struct BehindName<'a> {
    /// Path of the key that says so.
    pub(crate) key: String,
    pub(crate) name: &'a str,
    pub(crate) through: Behind,
    pub(crate) tables: &'a [String],
}

/// How a person is recognised.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Attribution {
    /// SQL comment tags that name the portal user, the first found counts. A tag elsewhere than at its position is ignored.
    pub sql_tags: Vec<Tag>,
    /// The application's database accounts, as `account@host` with `*` for any text, such as `magento_app@10.0.1.*`; the host is
    /// what the log names, and nothing where it names none. A tag is believed from these only: from any other account it is
    /// ignored, and told as a signal. Empty: any account may name any user.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tagged_accounts: Vec<String>,
    /// Request paths at which a POST is an attempt to log in.
    pub login_routes: Vec<String>,
    /// Name of an application host in web logs → the host as the database sees it, so that both logs speak of one. As in the lines, brackets
    /// and port do not matter, and an address of IPv4 that is mapped into IPv6 is that of IPv4.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub app_hosts: BTreeMap<String, String>,
    /// Web and SQL share a request id: note which requests may be behind statements that carry nothing else. Such statements
    /// still count as unnamed.
    pub request_ids: bool,
}

/// One tag: `/*key=value*/` or sqlcommenter's `/*key='value'*/`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Tag {
    pub key: String,
    pub position: Position,
}

/// Where a tag stands in a statement. At the front no truncation reaches it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Position {
    Front,
    End,
}

fn auto() -> String {
    "auto".into()
}

// serde hands a reference over.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_false(value: &bool) -> bool {
    !value
}

fn one() -> u32 {
    1
}

// serde hands a reference over.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_one(number: &u32) -> bool {
    *number == 1
}

fn query_log_limit() -> usize {
    formats::Context::QUERY_LOG_LIMIT
}

impl Source {
    /// A source of that name and format, with defaults for the rest.
    pub fn new(name: &str, format: &str) -> Self {
        Source {
            name: name.into(),
            format: format.into(),
            zone: None,
            envelope: auto(),
            envelope_host: false,
            topic: None,
            database: String::new(),
            counts: None,
            one_in: one(),
            app_host: None,
            schema: None,
            query_log_limit: query_log_limit(),
        }
    }
}

/// By hand, because an untagged enum would not say which of its keys is wrong.
impl<'de> Deserialize<'de> for Triggers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ListOrTable;

        impl<'de> Visitor<'de> for ListOrTable {
            type Value = Triggers;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a list of tables, or `{ insert = […], update = […], delete = […] }`")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Triggers, A::Error> {
                Vec::deserialize(value::SeqAccessDeserializer::new(items)).map(Triggers::Any)
            }

            fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<Triggers, A::Error> {
                ByChange::deserialize(value::MapAccessDeserializer::new(entries)).map(Triggers::ByChange)
            }
        }

        deserializer.deserialize_any(ListOrTable)
    }
}

impl Classification {
    /// All that lies behind views, functions and triggers. What a table of triggers leaves out is left out.
    pub(crate) fn behind(&self) -> Vec<BehindName<'_>> {
        let mut all = Vec::new();
        for (section, names, through) in
            [("views", &self.views, Behind::View), ("functions", &self.functions, Behind::Function)]
        {
            all.extend(names.iter().map(|(name, tables)| BehindName {
                key: format!("classification.{section}.{name:?}"),
                name,
                through,
                tables,
            }));
        }
        for (name, triggers) in &self.triggers {
            let key = format!("classification.triggers.{name:?}");
            let mut add = |key, through, tables| all.push(BehindName { key, name, through, tables });
            match triggers {
                Triggers::Any(tables) => add(key, Behind::Trigger, tables.as_slice()),
                Triggers::ByChange(by) if *by == ByChange::default() => add(key, Behind::Trigger, &[]),
                Triggers::ByChange(ByChange { insert, update, delete }) => {
                    for (change, through, tables) in [
                        ("insert", Behind::InsertTrigger, insert),
                        ("update", Behind::UpdateTrigger, update),
                        ("delete", Behind::DeleteTrigger, delete),
                    ] {
                        if !tables.is_empty() {
                            add(format!("{key}.{change}"), through, tables);
                        }
                    }
                }
            }
        }
        all
    }

    /// Views from which a way through views leads back to them: a statement on one of them would touch nothing.
    fn circular_views(&self) -> BTreeSet<&str> {
        let views: BTreeMap<String, &[String]> =
            self.views.iter().map(|(name, tables)| (name.to_ascii_lowercase(), tables.as_slice())).collect();
        let leads_back = |name: &str| {
            let (mut seen, mut next) = (BTreeSet::new(), vec![name.to_ascii_lowercase()]);
            while let Some(at) = next.pop() {
                for table in views.get(&at).into_iter().copied().flatten() {
                    let table = table.to_ascii_lowercase();
                    if table.eq_ignore_ascii_case(name) {
                        return true;
                    }
                    if seen.insert(table.clone()) {
                        next.push(table);
                    }
                }
            }
            false
        };
        self.views.keys().map(String::as_str).filter(|name| leads_back(name)).collect()
    }
}

impl Default for Attribution {
    fn default() -> Self {
        let context = formats::Context::default();
        let tag = |tag: &formats::SqlTag| Tag { key: tag.key.clone(), position: tag.position.into() };
        Attribution {
            sql_tags: context.sql_tags.iter().map(tag).collect(),
            tagged_accounts: Vec::new(),
            login_routes: context.login_routes.iter().map(|route| route.pattern().to_owned()).collect(),
            app_hosts: BTreeMap::new(),
            request_ids: false,
        }
    }
}

impl From<TagPosition> for Position {
    fn from(position: TagPosition) -> Self {
        match position {
            TagPosition::Front => Position::Front,
            TagPosition::End => Position::End,
        }
    }
}

impl From<Position> for TagPosition {
    fn from(position: Position) -> Self {
        match position {
            Position::Front => TagPosition::Front,
            Position::End => TagPosition::End,
        }
    }
}

impl Measure {
    pub const fn as_str(self) -> &'static str {
        match self {
            Measure::Statements => "statements",
            Measure::Rows => "rows",
            Measure::Logins => "logins",
            Measure::People => "people",
        }
    }
}

/// Names that logs hold, for [`Settings::lint`]. Empty: not known.
#[derive(Clone, Debug, Default)]
pub struct Seen<'a> {
    /// `schema.table`.
    pub tables: Vec<&'a str>,
    /// Paths.
    pub routes: Vec<&'a str>,
}

impl<'a> Seen<'a> {
    /// Classified tables that sources have named; nothing if one of them knows more than it names.
    pub fn of(seen: &'a [Coverage]) -> Self {
        let whole = seen.iter().all(|coverage| coverage.tables_beyond == 0);
        let tables = seen.iter().filter(|_| whole).flat_map(|coverage| coverage.tables.keys().map(String::as_str));
        Seen { tables: tables.collect(), routes: Vec::new() }
    }
}

impl Settings {
    /// Every mistake: the key's path, and what to do about it.
    pub fn check(&self) -> Vec<(String, String)> {
        let mut problems = Vec::new();
        for (at, source) in self.sources.iter().enumerate() {
            let mut problem = |key: &str, text: String| problems.push((format!("sources[{at}].{key}"), text));
            if source.name.is_empty()
                || !source.name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
            {
                problem("name", format!("name `{}` must be letters, digits, `_`, `-` or `.`", printable(&source.name)));
            }
            if self.sources[..at].iter().any(|other| other.name == source.name) {
                problem("name", format!("name `{}` is used twice; choose another", printable(&source.name)));
            }
            let format = FormatSpec::by_name(&source.format);
            if format.is_none() {
                let known: Vec<_> = FORMATS.iter().map(|format| format.name).collect();
                problem(
                    "format",
                    format!("format `{}` is not known; use one of `{}`", printable(&source.format), known.join("`, `")),
                );
            }
            if Enveloping::of(&source.envelope).is_none() {
                let known: Vec<_> = ENVELOPES.iter().map(|envelope| envelope.name).collect();
                problem(
                    "envelope",
                    format!(
                        "envelope `{}` is not known; use `auto`, `none` or one of `{}`",
                        printable(&source.envelope),
                        known.join("`, `")
                    ),
                );
            }
            match &source.zone {
                Some(zone) if Zone::parse(zone).is_none() => problem(
                    "zone",
                    format!(
                        "zone `{}` is no IANA time zone; use one such as `Europe/Berlin` or `UTC`",
                        printable(zone)
                    ),
                ),
                None if format.is_some_and(|format| format.needs_zone) => {
                    let which = if format.is_some_and(FormatSpec::is_auto) { "some logs that" } else { "stamps of" };
                    let verb = if format.is_some_and(FormatSpec::is_auto) { "reads carry" } else { "carry" };
                    problem(
                        "zone",
                        format!(
                            "zone is missing, and {which} `{}` {verb} none; write the zone the server writes them in, such \
                             as `Europe/Berlin` or `UTC`",
                            source.format
                        ),
                    );
                }
                _ => {}
            }
            for measure in source.counts.iter().flatten() {
                let known = *measure == Measure::People || rank(&source.format, *measure).is_some();
                if format.is_some() && !known {
                    let text = format!(
                        "counts `{}`, which a log of format `{}` does not know",
                        measure.as_str(),
                        source.format
                    );
                    problem("counts", text);
                }
            }
            if source.app_host.as_ref().is_some_and(String::is_empty) {
                problem(
                    "app_host",
                    "app_host is empty; name the host as the database sees it, or leave the key out".into(),
                );
            }
            if let Some(schema) = &source.schema
                && (schema.is_empty() || schema.contains(['.', '*']))
            {
                problem(
                    "schema",
                    format!("schema `{}` must be the name of one, without dots and stars", printable(schema)),
                );
            }
            if source.one_in == 0 {
                problem("one_in", "one_in `0` must be at least 1: the log holds one of so many statements".into());
            }
            if source.topic.as_ref().is_some_and(String::is_empty) {
                problem("topic", "topic is empty; name a topic, or leave the key out for a replay".into());
            }
            let shared = self.sources[..at].iter().any(|other| other.topic.is_some() && other.topic == source.topic);
            if shared {
                problem(
                    "topic",
                    format!(
                        "topic `{}` is read by another source; one topic is one source",
                        printable(source.topic.as_deref().unwrap_or_default())
                    ),
                );
            }
            if source.query_log_limit < 64 {
                problem(
                    "query_log_limit",
                    format!(
                        "query_log_limit `{}` is too small; give the server's `server_audit_query_log_limit` in bytes",
                        source.query_log_limit
                    ),
                );
            }
        }
        self.check_sections(&mut problems);
        let classes: Vec<_> = DataClass::ALL.iter().map(|class| class.as_str()).collect();
        let written = |patterns: &'_ BTreeMap<String, String>| -> Vec<(String, String)> {
            patterns.iter().map(|(pattern, class)| (pattern.clone(), class.clone())).collect()
        };
        let routes = &self.classification.routes;
        let routes = routes.iter().map(|(pattern, rule)| (pattern.clone(), rule.class().to_owned())).collect();
        let patterns = [
            ("classification.tables", written(&self.classification.tables), Glob::table as fn(&str) -> Option<Glob>),
            ("classification.routes", routes, Glob::path),
            ("classification.columns", written(&self.classification.columns), |pattern| {
                Columns::parts(pattern).map(|(table, _)| table)
            }),
        ];
        for (section, patterns, glob) in &patterns {
            for (pattern, class) in patterns {
                let key = format!("{section}.{pattern:?}");
                if glob(pattern).is_none() {
                    let text = if section.ends_with("columns") {
                        "a column is `schema.table.column`; only schema and table may hold stars".into()
                    } else {
                        format!("a pattern has 1 to {} characters", Glob::LENGTH_MAX)
                    };
                    problems.push((key.clone(), text));
                }
                if DataClass::parse(class).is_none() {
                    problems.push((
                        key,
                        format!("class `{}` is not known; use one of `{}`", printable(class), classes.join("`, `")),
                    ));
                }
            }
        }
        for (pattern, rule) in &self.classification.routes {
            let key = |within| format!("classification.routes.{pattern:?}.{within}");
            problems.extend(rule.problems().into_iter().map(|(within, text)| (key(within), text)));
        }
        for (at, tag) in self.attribution.sql_tags.iter().enumerate() {
            if tag.key.is_empty() || !tag.key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
            {
                let text = format!("key `{}` must be letters, digits, `_`, `-` or `.`", printable(&tag.key));
                problems.push((format!("attribution.sql_tags[{at}].key"), text));
            }
        }
        for (at, pattern) in self.attribution.tagged_accounts.iter().enumerate() {
            let key = || format!("attribution.tagged_accounts[{at}]");
            if Glob::path(pattern).is_none() {
                problems.push((key(), format!("a pattern has 1 to {} characters", Glob::LENGTH_MAX)));
            } else if !pattern.contains('@') {
                let text = format!("`{}` must be `account@host`, such as `magento_app@10.0.1.*`", printable(pattern));
                problems.push((key(), text));
            }
        }
        for (at, route) in self.attribution.login_routes.iter().enumerate() {
            if Glob::path(route).is_none() {
                let text = format!("a pattern has 1 to {} characters", Glob::LENGTH_MAX);
                problems.push((format!("attribution.login_routes[{at}]"), text));
            }
        }
        problems
    }

    /// The smaller sections.
    fn check_sections(&self, problems: &mut Vec<(String, String)>) {
        for (at, net) in self.network.trusted_proxies.iter().enumerate() {
            if formats::network(net).is_none() {
                let text = format!("`{}` is no network in CIDR notation, such as `10.0.0.0/8`", printable(net));
                problems.push((format!("network.trusted_proxies[{at}]"), text));
            }
        }
        if self.privacy.pseudonymise_users && self.privacy.key_file.is_none() {
            let text = "pseudonyms need a key, else anybody can make them from the names; write the path of a file";
            problems.push(("privacy.key_file".into(), text.into()));
        }
        for (sort, ids) in &self.classification.canaries {
            let is_sort = !sort.is_empty() && sort.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            let key = format!("classification.canaries.{sort:?}");
            if !is_sort || sort.ends_with("_id") {
                let text =
                    "must be what the number is of: `employee` for the column `employee_id` or the table `employees`";
                problems.push((key, text.into()));
            } else if ids.is_empty() || ids.iter().any(|id| id.is_empty() || id.len() > 64) {
                problems.push((key, "must list ids, each of 1 to 64 bytes".into()));
            }
        }
        let circular = self.classification.circular_views();
        for BehindName { key, name, through, tables } in self.classification.behind() {
            let is_name = |name: &str| {
                name.split_once('.').is_some_and(|(schema, table)| !schema.is_empty() && !table.is_empty())
            };
            let names = std::iter::once(name).chain(tables.iter().map(String::as_str));
            let wrong = names.into_iter().find(|name| !is_name(name) || name.contains('*'));
            if let Some(wrong) = wrong {
                let text = format!("`{}` must be `schema.name`, without stars", printable(wrong));
                problems.push((key, text));
            } else if tables.is_empty() {
                problems.push((key, "names no table".into()));
            } else if through == Behind::View && circular.contains(name) {
                let text = "the view is behind itself, so whoever reads it would seem to read nothing; name the tables behind it";
                problems.push((key, text.into()));
            }
        }
        let mut hosts: BTreeMap<String, &str> = BTreeMap::new();
        for (web, database) in &self.attribution.app_hosts {
            let key = || format!("attribution.app_hosts.{web:?}");
            if web.is_empty() || database.is_empty() {
                problems.push((key(), "names no host".into()));
            } else if let Some(other) = hosts.insert(host_key(web), web) {
                problems.push((key(), format!("is the same host as `{}`; keep one of them", printable(other))));
            }
        }
    }

    /// What is allowed and probably not meant: the key's path, and why. `seen`: what logs hold, as far as known.
    pub fn lint(&self, seen: &Seen<'_>) -> Vec<(String, String)> {
        let mut notes = Vec::new();
        if self.privacy.key_file.is_none() {
            let text = "no key: sessions leave as hashes that whoever knows a session's id can make too, and whoever chooses ids \
                        of records can foresee which stay in a sample; write the path of a file with at least 16 random bytes";
            notes.push(("privacy.key_file".into(), text.into()));
        }
        let has_sql = self.sources.iter().any(|source| {
            FormatSpec::by_name(&source.format).is_some_and(|format| format.knows.statements)
                && !is_own_log(&source.format)
        });
        if has_sql && !self.attribution.sql_tags.is_empty() && self.attribution.tagged_accounts.is_empty() {
            let text = "empty: any database account can pose as any portal user by a tag; name the application's accounts, \
                        such as `magento_app@10.0.1.*`";
            notes.push(("attribution.tagged_accounts".into(), text.into()));
        }
        if self.privacy.dead_letters == DeadLetters::Full {
            let text = "dead letters keep the bytes of records, with passwords and personal data in them";
            notes.push(("privacy.dead_letters".into(), text.into()));
        }
        for (at, net) in self.network.trusted_proxies.iter().enumerate() {
            if formats::network(net).is_some_and(|net| net.prefix_len() < shortest_prefix(&net)) {
                let text = "holds half the world: whoever writes X-Forwarded-For is believed, and can be at any address; name your proxies";
                notes.push((format!("network.trusted_proxies[{at}]"), text.into()));
            }
        }
        let tables: Vec<_> = classes(&self.classification.tables).collect();
        let routes: Vec<_> = route_rule::classes(&self.classification.routes).collect();
        for (section, written, seen, kind) in [
            ("classification.tables", tables, &seen.tables, PatternKind::Table),
            ("classification.routes", routes, &seen.routes, PatternKind::Route),
        ] {
            let found = crate::classification::lint(&written, seen, kind);
            notes.extend(found.into_iter().map(|(pattern, text)| (format!("{section}.{pattern:?}"), text)));
        }
        for (at, source) in self.sources.iter().enumerate() {
            if 1 < source.one_in && !FormatSpec::by_name(&source.format).is_some_and(|format| format.knows.rows) {
                let text = format!("a log of format `{}` has no rows to multiply", source.format);
                notes.push((format!("sources[{at}].one_in"), text));
            }
            if source.schema.is_none() && may_lack_schema(&source.format) {
                let text = "where this log names a table without its schema, no pattern such as `hr.*` matches it, and it counts apart \
                            from the `schema.table` of other logs; write which schema is meant";
                notes.push((format!("sources[{at}].schema"), text.into()));
            }
            let other = self.sources[..at].iter().find(|other| {
                other.database == source.database
                    && other.format != source.format
                    && other.counts.is_none()
                    && source.counts.is_none()
                    && rank(&other.format, Measure::Statements) == rank(&source.format, Measure::Statements)
                    && Counts::of(self, source).statements
            });
            if let Some(other) = other {
                let text = format!(
                    "counts the same statements as `{}` if both are logs of one server; give one of them `counts = []`, or \
                     each its `database`",
                    other.name
                );
                notes.push((format!("sources[{at}].format"), text));
            }
        }
        notes
    }

    /// A plan for each source, in their order. Errors: as [`Settings::check`].
    pub fn plans(&self, geo: &Arc<Geo>, allowed_lateness: Span) -> Result<Vec<Arc<Plan>>, Vec<(String, String)>> {
        let problems = self.check();
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok((0..self.sources.len())
            .map(|at| Arc::new(Plan::new(self, at, geo, allowed_lateness).expect("checked just above")))
            .collect())
    }
}

/// That of the widest networks which are private ones: `10.0.0.0/8`, `fc00::/7`.
fn shortest_prefix(network: &ipnet::IpNet) -> u8 {
    match network {
        ipnet::IpNet::V4(_) => 8,
        ipnet::IpNet::V6(_) => 7,
    }
}

fn printable(text: &str) -> String {
    activity::printable_within(text, 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contract_is_read() {
        let settings: Settings = toml::from_str(
            r#"
            [classification.tables]
            "hr.*" = "hr"
            "hr.portal_users" = "credentials"
            [classification.routes]
            "/rest/V1/hr/**" = "hr"
            [attribution]
            sql_tags = [{ key = "uid", position = "end" }]
            [[sources]]
            name = "audit"
            format = "mariadb_server_audit"
            zone = "Europe/Berlin"
            topic = "logs.mariadb.audit"
            "#,
        )
        .unwrap();
        assert_eq!(settings.check(), []);
        assert_eq!(settings.attribution.sql_tags, [Tag { key: "uid".into(), position: Position::End }]);
        assert_eq!(settings.attribution.login_routes.len(), 3, "what is not written keeps its default");
        assert_eq!(settings.plans(&Arc::default(), Span::from_minutes(2)).unwrap().len(), 1);
    }

    #[test]
    fn auto_needs_a_zone_as_it_may_be_a_log_without_one() {
        let mut settings: Settings = toml::from_str("[[sources]]\nname='a'\nformat='auto'").unwrap();
        let problems = settings.check();
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].0, "sources[0].zone");
        assert!(
            problems[0].1.starts_with("zone is missing, and some logs that `auto` reads carry none"),
            "{problems:?}"
        );
        settings.sources[0].zone = Some("Europe/Berlin".into());
        assert_eq!(settings.check(), []);
    }

    #[test]
    fn unknown_keys_are_refused() {
        assert!(toml::from_str::<Settings>("[[sources]]\nname='a'\nformat='nginx_json'\nzones='UTC'").is_err());
        assert!(toml::from_str::<Settings>("[attribution]\nsql_tags=[{key='a',position='middle'}]").is_err());
    }

    #[test]
    fn mistakes_of_the_smaller_sections_are_named() {
        let settings: Settings = toml::from_str(
            r#"
            network.trusted_proxies = ["10.0.0.0/8", "10.0.0.1/99"]
            privacy = { pseudonymise_users = true }
            attribution.app_hosts = { "web1" = "", "[::ffff:10.0.0.2]:80" = "a", "10.0.0.2" = "a" }
            [classification]
            columns = { "*.*.salary" = "hr", "salary" = "hr", "hr.t.sal*" = "hr", "hr.t.iban" = "bank" }
            views = { "hr.v" = ["hr.employees"], "v" = ["hr.employees"], "hr.w" = [] }
            triggers = { "hr.t" = ["log"], "hr.u" = { insert = ["hr.log"], delete = ["log"] }, "hr.w" = {} }
            functions = { "hr.f" = ["*.employees"], "f" = ["hr.employees"], "hr.g" = [] }
            canaries = { "employee" = ["7"], "employee_id" = ["7"], "run" = [] }
            [[sources]]
            name = "audit"
            format = "mariadb_server_audit"
            counts = ["statements", "rows"]
            one_in = 0
            app_host = ""
            schema = "hr.*"
            "#,
        )
        .unwrap();
        let keys: Vec<_> = settings.check().into_iter().map(|(key, _)| key).collect();
        assert_eq!(
            keys,
            [
                "sources[0].zone",
                "sources[0].counts",
                "sources[0].app_host",
                "sources[0].schema",
                "sources[0].one_in",
                "network.trusted_proxies[1]",
                "privacy.key_file",
                "classification.canaries.\"employee_id\"",
                "classification.canaries.\"run\"",
                "classification.views.\"hr.w\"",
                "classification.views.\"v\"",
                "classification.functions.\"f\"",
                "classification.functions.\"hr.f\"",
                "classification.functions.\"hr.g\"",
                "classification.triggers.\"hr.t\"",
                "classification.triggers.\"hr.u\".delete",
                "classification.triggers.\"hr.w\"",
                "attribution.app_hosts.\"[::ffff:10.0.0.2]:80\"",
                "attribution.app_hosts.\"web1\"",
                "classification.columns.\"hr.t.iban\"",
                "classification.columns.\"hr.t.sal*\"",
                "classification.columns.\"salary\"",
            ]
        );
        assert!(toml::from_str::<Settings>("[[sources]]\nname='a'\nformat='nginx_json'\ncounts=['row']").is_err());
    }

    #[test]
    fn a_view_that_is_behind_itself_is_a_mistake() {
        let settings: Settings = toml::from_str(
            r#"
            [classification.views]
            "hr.a" = ["hr.B"]
            "hr.b" = ["hr.c", "hr.employees"]
            "hr.c" = ["hr.A"]
            "hr.d" = ["hr.a"]
            "hr.e" = ["hr.f", "hr.f"]
            "hr.f" = ["hr.employees"]
            "#,
        )
        .unwrap();
        let problems = settings.check();
        let keys: Vec<_> = problems.iter().map(|(key, _)| &**key).collect();
        assert_eq!(keys, ["a", "b", "c"].map(|name| format!("classification.views.\"hr.{name}\"")));
        assert!(problems.iter().all(|(_, text)| text.contains("behind itself")), "{problems:?}");
    }

    #[test]
    fn triggers_are_a_list_or_lists_by_change_and_nothing_else() {
        let read = |written: &str| {
            toml::from_str::<Settings>(&format!("[classification.triggers]\n\"hr.t\" = {written}"))
                .map(|settings| settings.classification.triggers["hr.t"].clone())
                .map_err(|error| error.message().to_owned())
        };
        assert_eq!(read("['hr.log']"), Ok(Triggers::Any(vec!["hr.log".into()])));
        let by_change = ByChange { update: vec!["hr.log".into()], ..ByChange::default() };
        assert_eq!(read("{ update = ['hr.log'] }"), Ok(Triggers::ByChange(by_change)));
        for (written, said) in
            [("{ truncate = [] }", "unknown field `truncate`"), ("7", "a list of tables"), ("[7]", "a string")]
        {
            let problem = read(written).unwrap_err();
            assert!(problem.contains(said), "{problem}");
        }
    }

    #[test]
    fn what_is_probably_not_meant_is_told() {
        let settings: Settings = toml::from_str(
            r#"
            network.trusted_proxies = ["10.0.0.0/8", "fc00::/7", "0.0.0.0/0", "::ffff:0:0/96", "::/0"]
            [classification.tables]
            "hr.*" = "hr"
            "HR.*" = "customer"
            "hr.employees" = "hr"
            "hr.portal_users" = "credentials"
            "shop.*" = "none"
            "shop.sales_order" = "payment"
            "shop.gone" = "payment"
            [classification.routes]
            "/rest/V1/hr/**" = "hr"
            [[sources]]
            name = "audit"
            format = "mariadb_server_audit"
            zone = "UTC"
            one_in = 10
            [[sources]]
            name = "portal"
            format = "hr_audit_json"
            [[sources]]
            name = "payroll"
            format = "hr_audit_json"
            schema = "hr"
            "#,
        )
        .unwrap();
        assert_eq!(settings.check(), []);
        let seen = Seen {
            tables: vec!["hr.employees", "hr.portal_users", "shop.sales_order"],
            routes: vec!["/product-1.html"],
        };
        let notes: Vec<_> = settings.lint(&seen).into_iter().map(|(key, text)| format!("{key}: {text}")).collect();
        let told = |key: &str, part: &str| notes.iter().any(|note| note.starts_with(key) && note.contains(part));
        assert!(told("privacy.key_file", "no key"), "{notes:#?}");
        assert!(told("attribution.tagged_accounts", "any database account"), "{notes:#?}");
        assert!(told("classification.tables.\"HR.*\"", "never decides"), "{notes:#?}");
        assert!(told("classification.tables.\"hr.employees\"", "`hr.*`"), "{notes:#?}");
        assert!(told("classification.tables.\"shop.*\"", "hides"), "{notes:#?}");
        assert!(told("classification.tables.\"shop.gone\"", "matches nothing"), "{notes:#?}");
        assert!(told("classification.routes.\"/rest/V1/hr/**\"", "matches nothing"), "{notes:#?}");
        assert!(told("sources[0].one_in", "no rows"), "{notes:#?}");
        assert!(told("sources[1].schema", "counts apart"), "{notes:#?}");
        for at in 2..5 {
            assert!(told(&format!("network.trusted_proxies[{at}]"), "any address"), "{notes:#?}");
        }
        assert_eq!(notes.len(), 12, "{notes:#?}");
    }

    #[test]
    fn every_mistake_is_named_with_its_key() {
        let settings: Settings = toml::from_str(
            r#"
            classification.tables = { "hr.*" = "secret", "" = "hr" }
            attribution = { sql_tags = [{ key = "", position = "end" }], login_routes = [""], tagged_accounts = ["app", "app@*"] }
            sources = [
                { name = "a b", format = "x", zone = "Mars", topic = "", envelope = "paper" },
                { name = "c", format = "nginx_json", topic = "t" },
                { name = "c", format = "nginx_json", topic = "t", query_log_limit = 1 },
            ]
            "#,
        )
        .unwrap();
        let keys: Vec<_> = settings.check().into_iter().map(|(key, _)| key).collect();
        assert_eq!(
            keys,
            [
                "sources[0].name",
                "sources[0].format",
                "sources[0].envelope",
                "sources[0].zone",
                "sources[0].topic",
                "sources[2].name",
                "sources[2].topic",
                "sources[2].query_log_limit",
                "classification.tables.\"\"",
                "classification.tables.\"hr.*\"",
                "attribution.sql_tags[0].key",
                "attribution.tagged_accounts[0]",
                "attribution.login_routes[0]",
            ]
        );
        assert!(settings.plans(&Arc::default(), Span::ZERO).is_err());
    }
}
