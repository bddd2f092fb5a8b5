//! Which table of a statement a column belongs to. Read by `breachd discover`, which has the time to read a statement twice.
//!
//! A column goes by the alias or the name of a table before its dot; where there is one table, all are of it. It knows no scopes: an
//! alias that two tables have places nothing, and a bare column beside several tables is placed nowhere, in a subquery neither.

use super::keywords::Keyword;
use super::lexer::{Dialect, Lexer, Token, unquoted};
use super::{Completeness, Statement};
use crate::{Context, pgaudit};
use activity::{Activity, Resource};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The columns of a statement at their tables.
#[derive(Clone, Debug, PartialEq)]
pub struct Placed<'a> {
    /// Those that the text names, which may be more than the log's entry is about.
    pub tables: Vec<Resource<'a>>,
    /// Of [`Activity::columns`], each with its place in `tables`, or without where that cannot be told. One may stand at several.
    pub columns: Vec<(&'a str, Option<usize>)>,
}

/// A name with what stands before its dots.
struct Name<'a> {
    parts: Vec<Cow<'a, str>>,
    /// It stands right behind another one, or behind AS.
    follows: bool,
}

/// `postgres`: it is PostgreSQL's.
pub fn placed<'a>(activity: &'a Activity<'_>, postgres: bool) -> Placed<'a> {
    let text = activity.statement.as_deref().unwrap_or_default();
    let mut tables = Vec::new();
    if postgres {
        tables = Statement::read_postgres(text, pgaudit::SCHEMA, Completeness::Whole, &Context::default()).tables;
    }
    if tables.is_empty() {
        let is_table = |resource: &&Resource<'_>| matches!(resource, Resource::Table { .. });
        tables = activity.resources.iter().filter(is_table).cloned().collect();
    }
    let only = (tables.len() == 1).then_some(0);
    let names = names(Lexer::of(text, if postgres { Dialect::Postgres } else { Dialect::MariaDb }));
    let aliases = aliases(&names, &tables);
    let mut columns: Vec<(&str, Option<usize>)> = Vec::new();
    for Name { parts, .. } in &names {
        let [qualifier @ .., last] = parts.as_slice() else { continue };
        let watched = activity.columns.iter().find(|column| column.eq_ignore_ascii_case(last));
        let Some(column) = watched.filter(|_| table(parts, &tables).is_none()) else { continue };
        let by_alias = match qualifier {
            [alias] => aliases.get(&alias.to_lowercase()).copied(),
            _ => None,
        };
        let at = only.or_else(|| by_alias.unwrap_or_else(|| table(qualifier, &tables)));
        if !columns.contains(&(column, at)) {
            columns.push((column, at));
        }
    }
    // Those inside of literals that are run.
    let is_named =
        |column: &str| names.iter().flat_map(|name| &name.parts).any(|part| column.eq_ignore_ascii_case(part));
    columns.extend(
        activity.columns.iter().filter(|column| *column != "*" && !is_named(column)).map(|column| (&**column, only)),
    );
    Placed { tables, columns }
}

fn names(lexer: Lexer<'_>) -> Vec<Name<'_>> {
    let mut names: Vec<Name<'_>> = Vec::new();
    // Behind a name; behind its dot.
    let (mut follows, mut dotted) = (false, false);
    for token in lexer {
        let name = match token {
            Token::Word { keyword: Keyword::As, .. } if follows && !dotted => continue,
            Token::Word { text, keyword, .. } if dotted || keyword == Keyword::None => Cow::Borrowed(text),
            Token::Quoted { raw, quote, .. } => unquoted(raw, quote),
            token => {
                dotted = follows && token == Token::Sign(b'.');
                follows = dotted;
                continue;
            }
        };
        match names.last_mut() {
            Some(last) if dotted => last.parts.push(name),
            _ => names.push(Name { parts: vec![name], follows }),
        }
        (follows, dotted) = (true, false);
    }
    names
}

/// Lower-case; without a table where several have it.
fn aliases(names: &[Name<'_>], tables: &[Resource<'_>]) -> BTreeMap<String, Option<usize>> {
    let mut aliases: BTreeMap<String, Option<usize>> = BTreeMap::new();
    for pair in names.windows(2) {
        if let [of, Name { parts, follows: true }] = pair
            && let (Some(at), [alias]) = (table(&of.parts, tables), parts.as_slice())
        {
            let known = aliases.entry(alias.to_lowercase()).or_insert(Some(at));
            *known = known.filter(|known| *known == at);
        }
    }
    aliases
}

/// The table that is named so.
fn table(parts: &[Cow<'_, str>], tables: &[Resource<'_>]) -> Option<usize> {
    let [qualifier @ .., last] = parts else { return None };
    tables.iter().position(|table| {
        let Resource::Table { schema, name } = table else { return false };
        let is_schema = |named: &Cow<'_, str>| schema.is_empty() || named.eq_ignore_ascii_case(schema);
        name.eq_ignore_ascii_case(last) && qualifier.last().is_none_or(is_schema)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use activity::{Operation, Timestamp};

    /// `column@table`, for all columns that begin with `c`.
    fn read(text: &str, postgres: bool) -> String {
        let watched = ["c1", "c2", "c3"].into_iter().map(Box::from).collect();
        let context = Context { watched_columns: std::sync::Arc::new(watched), ..Context::default() };
        let mut activity = Activity::new(Timestamp::MIN, Operation::Read);
        if postgres {
            Statement::read_postgres(text, "public", Completeness::Whole, &context).fill(&mut activity);
        } else {
            Statement::read(text, "s", Completeness::Whole, &context).fill(&mut activity);
        }
        let Placed { tables, columns } = placed(&activity, postgres);
        let name = |at: usize| match &tables[at] {
            Resource::Table { name, .. } => name.to_string(),
            Resource::Route(path) => path.to_string(),
        };
        let columns: Vec<_> =
            columns.iter().map(|(column, at)| format!("{column}@{}", at.map_or("?".into(), name))).collect();
        columns.join(" ")
    }

    #[test]
    fn columns_go_by_the_name_before_their_dot() {
        for (text, expected) in [
            ("SELECT c1, x.c2 FROM t", "c1@t c2@t"),
            ("SELECT p.c1, o.c2 FROM a o JOIN pay p ON o.id = p.id", "c1@pay c2@a"),
            ("SELECT p.c1 FROM a AS o, s.pay AS `P`", "c1@pay"),
            ("SELECT `main_table`.`C1`, `t`.* FROM `a` AS `main_table` LEFT JOIN `t` ON t.c2 = 1", "c1@a c2@t"),
            ("SELECT s.pay.c1, pay.c2 FROM a JOIN pay", "c1@pay c2@pay"),
            ("SELECT c1 FROM a JOIN b", "c1@?"),
            ("SELECT a.c1, c1 FROM a JOIN b", "c1@a c1@?"),
            ("SELECT (SELECT c1 FROM inner_one) FROM a", "c1@?"),
            ("SELECT x.c1 FROM a JOIN (SELECT * FROM b) x", "c1@?"),
            ("SELECT x.c1 FROM a x UNION SELECT x.c2 FROM b x", "c1@? c2@?"),
            ("SELECT x.c1 FROM a x UNION SELECT x.c2 FROM a x, b", "c1@a c2@a"),
            ("UPDATE a JOIN b ON a.id = b.id SET b.c1 = 'a.c2'", "c1@b"),
            ("SELECT 'p.c1' /* p.c2 */ FROM a, b p", ""),
            ("EXECUTE IMMEDIATE 'SELECT c1 FROM a'", "c1@a"),
            ("SELECT c1.id FROM c1, c2", ""),
        ] {
            assert_eq!(read(text, false), expected, "{text}");
        }
        assert_eq!(read("SELECT p.\"c1\", \"D\".c2 FROM pay p JOIN \"Dir\" \"D\" USING (id)", true), "c1@pay c2@Dir");
    }

    #[test]
    fn an_entry_about_one_table_of_several() {
        let mut activity = Activity::new(Timestamp::MIN, Operation::Read);
        activity.resources = vec![Resource::Table { schema: "public".into(), name: "dir".into() }];
        activity.statement = Some("select p.net from pay p join dir d using (id)".into());
        activity.columns = vec!["net".into()];
        let placed = placed(&activity, true);
        let names: Vec<_> = placed.tables.iter().map(Resource::name).collect();
        assert_eq!((names.join(" ").as_str(), placed.columns), ("public.pay public.dir", vec![("net", Some(0))]));
    }
}
