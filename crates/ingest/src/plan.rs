//! What the settings mean for one source: resolved once, shared by its partitions.

use crate::classification::Patterns;
use crate::geo::Geo;
use crate::settings::Settings;
use activity::{DataClass, Span, Timestamp};
use formats::{Context, FormatSpec, Glob, SqlTag, Zone};
use std::{collections::BTreeMap, sync::Arc};

/// How one source is read.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(crate) source: Arc<str>,
    pub(crate) format: &'static FormatSpec,
    pub(crate) context: Context,
    pub(crate) tables: Patterns,
    pub(crate) routes: Patterns,
    pub(crate) geo: Arc<Geo>,
    pub(crate) allowed_lateness: Span,
    /// This source is the one that counts statements of its database (rows and bytes: whichever knows them, which only
    /// slow logs do).
    pub(crate) counts_statements: bool,
    /// Bytes of a portal user come from here; where a slow log is read they come from there, once.
    pub(crate) counts_bytes_of_users: bool,
}

impl Plan {
    /// The plan of `settings.sources[at]`; `None` if there is none, or its format or zone is not known.
    ///
    /// All sources are looked at, because each measure has one source of record: where a database has an audit log, its
    /// statements are counted there, not in its slow log.
    pub fn new(settings: &Settings, at: usize, geo: &Arc<Geo>, allowed_lateness: Span) -> Option<Self> {
        let source = settings.sources.get(at)?;
        let tag = |tag: &crate::settings::Tag| SqlTag { key: tag.key.clone(), position: tag.position.into() };
        let context = Context {
            zone: Zone::parse(&source.zone)?,
            after: Timestamp::MIN,
            sql_tags: settings.attribution.sql_tags.iter().map(tag).collect(),
            login_routes: settings.attribution.login_routes.iter().filter_map(|route| Glob::path(route)).collect(),
            query_log_limit: source.query_log_limit,
            ..Context::default()
        };
        let is_slow_log = |format: &str| format == "mariadb_slow_log";
        let audited = settings
            .sources
            .iter()
            .any(|other| other.database == source.database && other.format == "mariadb_server_audit");
        Some(Plan {
            source: source.name.as_str().into(),
            format: FormatSpec::by_name(&source.format)?,
            context,
            tables: Patterns::of_tables(classes(&settings.classification.tables)),
            routes: Patterns::of_routes(classes(&settings.classification.routes)),
            geo: geo.clone(),
            allowed_lateness,
            counts_statements: !(is_slow_log(&source.format) && audited),
            counts_bytes_of_users: is_slow_log(&source.format)
                || !settings.sources.iter().any(|other| is_slow_log(&other.format)),
        })
    }

    /// Name of the source.
    pub fn source(&self) -> &Arc<str> {
        &self.source
    }

    pub fn format(&self) -> &'static FormatSpec {
        self.format
    }
}

fn classes(patterns: &BTreeMap<String, String>) -> impl Iterator<Item = (&str, DataClass)> {
    patterns.iter().filter_map(|(pattern, class)| Some((pattern.as_str(), DataClass::parse(class)?)))
}
