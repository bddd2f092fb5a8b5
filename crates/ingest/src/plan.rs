//! What the settings mean for one source: resolved once, shared by its partitions.
//!
//! # One source of record
//! Two logs of one database see the same statement, in different topics, so they are not joined record by record. Instead
//! each [`Measure`] of a database is counted from one kind of log; the table is at [`Measure`]. Where several sources are of
//! that same kind they are taken for logs of different servers and all count. A source that writes `counts` takes exactly
//! those measures, and takes them from all that do not write it. A source of format `auto` may hold any log; it counts what
//! no named format of its database counts, and if it holds both logs of one database it counts twice: name the formats.
//!
//! Bytes of a **portal user** are another measure than bytes of a result set: wherever a web log is read they are those sent over
//! HTTP, and result sets count for tables, user × table, hosts and database accounts only. Without a web log they are those of
//! result sets. Which logs there are decides it, not what they happen to hold: a web log that names nobody beside a database log
//! with tags leaves portal users with rows and no bytes. Choosing by what was seen would change the measure under the baseline.
//!
//! What it costs: a statement that only the other log holds is not counted (a server-side cursor leaves no slow entry, so its
//! rows are nowhere; the audit log's [`Metric::Statements`](tally::Metric::Statements) then exceed the slow log's
//! [`Metric::CountedStatements`](tally::Metric::CountedStatements), which shows it). Joining both logs on time and text was the
//! alternative: it needs both topics in one instance, and stamps of one second are not enough to tell statements apart.

use crate::classification::{Columns, Pages, Patterns};
use crate::geo::Geo;
use crate::privacy::Pseudonyms;
use crate::route_rule::{self, RouteRules};
use crate::settings::{BehindName, Measure, Settings, Source};
use activity::{DataClass, Record, Span, Timestamp};
use formats::envelope::Envelope;
use formats::{Context, FormatSpec, Glob, SqlTag, TableBehind, Zone};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// How one source is read.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(crate) source: Arc<str>,
    pub(crate) format: &'static FormatSpec,
    pub(crate) enveloping: Enveloping,
    /// The host that the envelope names is the application's.
    pub(crate) envelope_host: bool,
    pub(crate) context: Context,
    pub(crate) tables: Patterns,
    pub(crate) routes: Patterns,
    /// What of their paths names nobody.
    pub(crate) pages: Arc<Pages>,
    /// What requests to them name.
    pub(crate) route_rules: Arc<RouteRules>,
    pub(crate) columns: Columns,
    /// Records that nobody has a reason to ask for, ascending.
    pub(crate) canaries: Arc<[Record]>,
    /// Tables that the configuration names without stars, lower-case.
    named_tables: Arc<BTreeSet<Box<str>>>,
    pub(crate) geo: Arc<Geo>,
    pub(crate) privacy: Arc<Pseudonyms>,
    pub(crate) allowed_lateness: Span,
    pub(crate) counts: Counts,
    /// Rows and bytes stand for so many times as many.
    pub(crate) one_in: u64,
    /// Bytes of a portal user are those sent over HTTP, not those of result sets.
    pub(crate) http_bytes_of_users: bool,
    /// Application hosts by their name in web logs, as [`formats::host`] has it, lower-case.
    pub(crate) app_hosts: Arc<BTreeMap<Box<str>, Box<str>>>,
    pub(crate) request_ids: bool,
    /// Accounts, as `account@host`, whose tags are believed; empty: all.
    pub(crate) tagged_accounts: Arc<[Glob]>,
    /// Its stamps carry no zone and none is configured.
    pub(crate) zone_missing: bool,
    /// Rules that are in force.
    pub(crate) signatures: Arc<signatures::Set>,
    /// Observe instead of tally.
    pub(crate) discovers: bool,
}

/// What is known of a source's envelopes beforehand.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Enveloping {
    Auto,
    None,
    /// All records are in this one; what is in it may be in another.
    Named(&'static Envelope),
}

impl Enveloping {
    pub(crate) fn of(name: &str) -> Option<Self> {
        match name {
            "auto" => Some(Enveloping::Auto),
            "none" => Some(Enveloping::None),
            name => Envelope::by_name(name).map(Enveloping::Named),
        }
    }
}

/// The measures for which a source is the source of record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub statements: bool,
    /// And bytes of result sets.
    pub rows: bool,
    /// At the database.
    pub logins: bool,
    /// Statements and rows of a portal user.
    pub statements_of_people: bool,
    pub rows_of_people: bool,
    /// At the portal: of users, and from addresses.
    pub logins_of_users: bool,
    pub logins_of_addresses: bool,
}

fn canaries(settings: &Settings) -> Arc<[Record]> {
    let canaries = settings.classification.canaries.iter();
    let mut records: Vec<Record> =
        canaries.flat_map(|(sort, ids)| ids.iter().map(move |id| Record::new(sort, id))).collect();
    records.sort_unstable();
    records.into()
}

impl Plan {
    /// The plan of `settings.sources[at]`; `None` if there is none, or its format or zone is not known.
    ///
    /// All sources are looked at, because each measure has one source of record.
    pub fn new(settings: &Settings, at: usize, geo: &Arc<Geo>, allowed_lateness: Span) -> Option<Self> {
        let source = settings.sources.get(at)?;
        let tag = |tag: &crate::settings::Tag| SqlTag { key: tag.key.clone(), position: tag.position.into() };
        let attribution = &settings.attribution;
        let columns = Columns::new(classes(&settings.classification.columns));
        let context = Context {
            zone: source.zone.as_deref().map_or(Some(Zone::UTC), Zone::parse)?,
            after: Timestamp::MIN,
            sql_tags: attribution.sql_tags.iter().map(tag).collect(),
            login_routes: attribution.login_routes.iter().filter_map(|route| Glob::path(route)).collect(),
            query_log_limit: source.query_log_limit,
            app_host: source.app_host.as_deref().map(Arc::from),
            schema: source.schema.as_deref().unwrap_or_default().into(),
            trusted_proxies: settings.network.trusted_proxies.iter().filter_map(|net| formats::network(net)).collect(),
            watched_columns: Arc::new(columns.names().map(Box::from).collect()),
            tables_behind: Arc::new(tables_behind(settings)),
            ..Context::default()
        };
        Some(Plan {
            source: source.name.as_str().into(),
            format: FormatSpec::by_name(&source.format)?,
            enveloping: Enveloping::of(&source.envelope)?,
            envelope_host: source.envelope_host,
            context,
            tables: Patterns::of_tables(classes(&settings.classification.tables)),
            routes: Patterns::of_routes(route_rule::classes(&settings.classification.routes)),
            pages: {
                let patterns = settings.classification.routes.keys().chain(&attribution.login_routes);
                Arc::new(Pages::new(patterns.map(String::as_str)))
            },
            route_rules: Arc::new(RouteRules::new(&settings.classification.routes)),
            columns,
            canaries: canaries(settings),
            named_tables: Arc::new(
                settings
                    .classification
                    .tables
                    .keys()
                    .filter(|pattern| !pattern.contains('*'))
                    .map(|name| name.to_ascii_lowercase().into())
                    .collect(),
            ),
            geo: geo.clone(),
            privacy: Arc::new(Pseudonyms::new(&settings.privacy, None)),
            allowed_lateness,
            counts: Counts::of(settings, source),
            one_in: u64::from(source.one_in.max(1)),
            http_bytes_of_users: http_bytes_of_users(settings),
            app_hosts: Arc::new(
                attribution
                    .app_hosts
                    .iter()
                    .map(|(web, database)| (host_key(web).into(), database.as_str().into()))
                    .collect(),
            ),
            request_ids: attribution.request_ids,
            tagged_accounts: attribution.tagged_accounts.iter().filter_map(|pattern| Glob::path(pattern)).collect(),
            zone_missing: source.zone.is_none() && FormatSpec::by_name(&source.format)?.needs_zone,
            signatures: Arc::default(),
            discovers: false,
        })
    }

    /// The same, with the hashes and pseudonyms under the key that `[privacy] key_file` holds.
    #[must_use]
    pub fn with_privacy(self, privacy: &Arc<Pseudonyms>) -> Self {
        Plan { privacy: privacy.clone(), ..self }
    }

    /// The same with other networks: the file was changed.
    #[must_use]
    pub fn with_geo(&self, geo: &Arc<Geo>) -> Self {
        Plan { geo: geo.clone(), ..self.clone() }
    }

    /// The same with other signature rules: none are in force until they are given.
    #[must_use]
    pub fn with_signatures(&self, signatures: &Arc<signatures::Set>) -> Self {
        Plan { signatures: signatures.clone(), ..self.clone() }
    }

    /// The same, for `breachd discover`: entries are observed, nothing is tallied. Tags are looked for by many keys, at both
    /// ends, and columns by the names that tell of what a table holds.
    #[must_use]
    pub fn discovering(mut self) -> Self {
        let tags = crate::discover::DISCOVERY_TAGS.iter().flat_map(|key| {
            [formats::TagPosition::Front, formats::TagPosition::End]
                .map(|position| SqlTag { key: (*key).to_owned(), position })
        });
        self.context.sql_tags = tags.collect();
        self.context.watched_columns =
            Arc::new(crate::discover::DISCOVERY_COLUMNS.iter().map(|name| Box::from(*name)).collect());
        Plan { discovers: true, ..self }
    }

    /// Name of the source.
    pub fn source(&self) -> &Arc<str> {
        &self.source
    }

    pub fn format(&self) -> &'static FormatSpec {
        self.format
    }

    /// What this source is the source of record for.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Whether the configuration names the table, without stars.
    pub(crate) fn names_table(&self, name: &str) -> bool {
        !self.named_tables.is_empty() && self.named_tables.contains(name.to_ascii_lowercase().as_str())
    }

    /// An application host as the database names it.
    pub(crate) fn app_host<'a>(&'a self, name: &'a str) -> &'a str {
        if self.app_hosts.is_empty() {
            return name;
        }
        self.app_hosts.get(name.to_ascii_lowercase().as_str()).map_or(name, |host| host)
    }
}

impl Counts {
    /// What `source` counts of its database.
    pub(crate) fn of(settings: &Settings, source: &Source) -> Self {
        let counts = |measure: Measure| match &source.counts {
            Some(counts) => counts.contains(&measure),
            None => {
                let Some(rank) = rank(&source.format, measure) else { return false };
                settings.sources.iter().filter(|other| other.database == source.database).all(|other| {
                    match &other.counts {
                        Some(counts) => !counts.contains(&measure),
                        None => rank <= self::rank(&other.format, measure).unwrap_or(u8::MAX),
                    }
                })
            }
        };
        let (statements, rows) = (counts(Measure::Statements), counts(Measure::Rows));
        let claims = |source: &Source, measure| source.counts.as_ref().is_some_and(|counts| counts.contains(&measure));
        let people_elsewhere =
            settings.sources.iter().any(|other| other.database == source.database && claims(other, Measure::People));
        let of_people = |counts: bool| claims(source, Measure::People) || counts && !people_elsewhere;
        // The application knows whom it refused, the web server from where; each serves for both where the other is not read.
        let is_web = |source: &Source| FormatSpec::by_name(&source.format).is_some_and(|format| format.knows.requests);
        let is_application = |source: &Source| is_own_log(&source.format);
        let any = |is: &dyn Fn(&Source) -> bool| settings.sources.iter().any(is);
        let web_claims = any(&|source| is_web(source) && claims(source, Measure::Logins));
        let application_counts = any(&is_application) && !web_claims;
        Counts {
            statements,
            rows,
            logins: counts(Measure::Logins),
            statements_of_people: of_people(statements),
            rows_of_people: of_people(rows),
            logins_of_users: if is_application(source) { application_counts } else { !application_counts },
            logins_of_addresses: is_web(source) || !any(&is_web),
        }
    }
}

/// How good a source of record a log of that format is, 0 the best; `None`: it cannot know.
///
/// By name, because what makes one log better than another is more than what it knows; a format without an entry here is
/// judged by what it says it knows.
pub(crate) fn rank(format: &str, measure: Measure) -> Option<u8> {
    let audit = matches!(format, "mariadb_server_audit" | "mysql_audit_json" | "postgres_csv" | "postgres_json");
    let is_own_log = is_own_log(format);
    let knows = FormatSpec::by_name(format)?.knows;
    if format == "auto" {
        // It may hold anything; a log that is named goes before it.
        return (measure != Measure::People).then_some(8);
    }
    match measure {
        Measure::Statements => match format {
            _ if !knows.statements && !is_own_log => None,
            _ if audit => Some(0),
            "mariadb_general_log" => Some(1),
            "mariadb_slow_log" => Some(2),
            "magento_db_log" => Some(3),
            "debezium" => Some(4),
            _ if is_own_log => Some(9),
            _ => Some(5),
        },
        Measure::Rows => match format {
            _ if !knows.rows => None,
            "mariadb_slow_log" => Some(0),
            _ if audit => Some(1),
            "magento_db_log" => Some(2),
            "debezium" => Some(3),
            _ if is_own_log => Some(9),
            _ => Some(5),
        },
        Measure::Logins => match format {
            _ if audit => Some(0),
            "mariadb_error_log" => Some(1),
            "mariadb_general_log" => Some(2),
            "auto" => Some(3),
            _ => None,
        },
        Measure::People => None,
    }
}

/// An application host as web logs name it, for comparison.
pub(crate) fn host_key(web: &str) -> String {
    formats::host(web.into()).to_ascii_lowercase()
}

/// Whether the bytes of portal users are those that the web server sent them; else those of result sets.
fn http_bytes_of_users(settings: &Settings) -> bool {
    let any = |is: &dyn Fn(&FormatSpec) -> bool| {
        settings.sources.iter().filter_map(|source| FormatSpec::by_name(&source.format)).any(is)
    };
    let named = |format: &FormatSpec| !format.is_auto() && !is_own_log(format.name);
    let web = any(&|format| named(format) && format.knows.requests);
    web || any(&|format| format.is_auto()) && !any(&|format| named(format) && format.knows.rows)
}

/// Logs that the application writes itself.
pub(crate) fn is_own_log(format: &str) -> bool {
    matches!(format, "hr_audit_json" | "monolog_json" | "monolog_line")
}

/// Logs that may name tables without their schema, and cannot know it.
pub(crate) fn may_lack_schema(format: &str) -> bool {
    is_own_log(format) || format == "magento_db_log"
}

fn tables_behind(settings: &Settings) -> BTreeMap<Box<str>, Vec<TableBehind>> {
    let mut behind: BTreeMap<Box<str>, Vec<TableBehind>> = BTreeMap::new();
    for BehindName { name, through, tables, .. } in settings.classification.behind() {
        let tables = tables.iter().filter_map(|table| table.split_once('.')).map(|(schema, name)| TableBehind {
            schema: schema.into(),
            name: name.into(),
            through,
        });
        behind.entry(name.to_ascii_lowercase().into()).or_default().extend(tables);
    }
    behind
}

pub(crate) fn classes(patterns: &BTreeMap<String, String>) -> impl Iterator<Item = (&str, DataClass)> {
    patterns.iter().filter_map(|(pattern, class)| Some((pattern.as_str(), DataClass::parse(class)?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use formats::Behind;

    #[test]
    fn what_formats_must_know_reaches_them() {
        let settings: Settings = toml::from_str(
            r#"
            network.trusted_proxies = ["::ffff:10.0.0.0/104"]
            attribution.app_hosts = { "[2001:DB8::1]:443" = "10.0.0.9" }
            [classification]
            columns = { "*.*.Salary" = "hr" }
            views = { "hr.V_staff" = ["hr.employees"] }
            functions = { "hr.Pay_of" = ["hr.payroll"] }
            triggers = { "hr.employees" = ["hr.history"], "hr.leave" = { insert = ["hr.a"], update = ["hr.b"], delete = ["hr.c"] } }
            [[sources]]
            name = "access"
            format = "nginx_json"
            app_host = "web1"
            "#,
        )
        .expect("settings");
        let plan = Plan::new(&settings, 0, &Arc::default(), Span::ZERO).expect("a source");
        assert_eq!((plan.app_host("2001:db8::1"), plan.app_host("2001:db8::2")), ("10.0.0.9", "2001:db8::2"));
        let context = plan.context;
        assert_eq!(context.app_host.as_deref(), Some("web1"));
        assert!(context.trusted_proxies[0].to_string() == "10.0.0.0/8" && context.watched_columns.contains("salary"));
        let behind = |name: &str| {
            context.tables_behind[name].iter().map(|table| (&*table.name, table.through)).collect::<Vec<_>>()
        };
        assert_eq!(behind("hr.v_staff"), [("employees", Behind::View)]);
        assert_eq!(behind("hr.employees"), [("history", Behind::Trigger)]);
        assert_eq!(behind("hr.pay_of"), [("payroll", Behind::Function)]);
        assert_eq!(
            behind("hr.leave"),
            [("a", Behind::InsertTrigger), ("b", Behind::UpdateTrigger), ("c", Behind::DeleteTrigger)]
        );
    }
}
