//! What configuration says of a route: its class, and of which table the records are that its requests name.
//!
//! An id in a request is a number of something. That `/people/1042` shows the row of `hr.employees` whose id is 1042 is known to whoever wrote the
//! application, so configuration says it; then the same person in a statement and in a request counts once. Without such a link ids still
//! count, but apart, and the count of an incident is given as bounds.

use crate::route_ids::{self, RouteId};
use activity::{DataClass, Record};
use formats::sql::noun_of_table;
use formats::{Glob, Specificity};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, MapAccess, Visitor, value},
};
use std::{collections::BTreeMap, fmt};

/// What is written for a pattern of routes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum RouteRule {
    /// A class.
    Class(String),
    Records(RouteRecords),
}

/// The same with where ids stand and what they are of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RouteRecords {
    pub class: String,
    /// The table whose records they are, `schema.name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// Where the id stands: a step of the path, counted from 1, or the name of a parameter. Absent: wherever one is found, of those in the path
    /// the one behind what it is of (`/employees/1042/payslips/9` of employees), else the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<IdAt>,
    /// What the id is of, where the table's name does not say so: `employee` where statements have `employee_id = 7`. A parameter that
    /// says what it is of (`department_id`) goes by that, unless it is the one that `id` names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
}

/// Where an id stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum IdAt {
    Step(u16),
    Parameter(String),
}

/// The rules that say more than a class, by their patterns.
#[derive(Clone, Debug, Default)]
pub(crate) struct RouteRules {
    /// All patterns that are configured: one without records takes routes from one with them.
    rules: Vec<(Glob, Option<RouteRecords>)>,
    has_records: bool,
}

/// Records that a request names.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Named<'a> {
    /// The table that configuration links the route to.
    pub(crate) table: Option<&'a str>,
    pub(crate) records: Vec<Record>,
}

impl RouteRule {
    /// As it is written.
    pub fn class(&self) -> &str {
        match self {
            RouteRule::Class(class) => class,
            RouteRule::Records(records) => &records.class,
        }
    }

    /// What is wrong with it: the key within, and what to do.
    pub(crate) fn problems(&self) -> Vec<(&'static str, String)> {
        let RouteRule::Records(RouteRecords { table, id, of, .. }) = self else { return Vec::new() };
        let mut problems = Vec::new();
        let is_name = |name: &str| {
            !name.contains('*')
                && name.split_once('.').is_some_and(|(schema, table)| !schema.is_empty() && !table.is_empty())
        };
        if table.as_deref().is_some_and(|table| !is_name(table)) {
            problems.push(("table", "must be `schema.name`, without stars".to_owned()));
        }
        let is_nowhere = match id {
            None => false,
            Some(IdAt::Step(step)) => !(1..=STEP_MAX).contains(step),
            Some(IdAt::Parameter(name)) => name.is_empty(),
        };
        if is_nowhere {
            let text = format!("must be a step of the path, from 1 to {STEP_MAX}, or the name of a parameter");
            problems.push(("id", text));
        }
        let is_noun = |of: &str| {
            let plain = of.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            plain && !of.is_empty() && !of.ends_with("_id")
        };
        if of.as_deref().is_some_and(|of| !is_noun(of)) {
            let text =
                "must be what the number is of: `employee` for the column `employee_id` or the table `employees`";
            problems.push(("of", text.to_owned()));
        }
        problems
    }
}

const STEP_MAX: u16 = 64;

impl RouteRules {
    pub(crate) fn new(configured: &BTreeMap<String, RouteRule>) -> Self {
        let rule = |(pattern, rule): (&String, &RouteRule)| {
            let records = if let RouteRule::Records(records) = rule { Some(records.clone()) } else { None };
            Some((Glob::path(pattern)?, records))
        };
        let rules: Vec<_> = configured.iter().filter_map(rule).collect();
        let has_records = rules.iter().any(|(_, records)| records.is_some());
        RouteRules { rules, has_records }
    }

    /// The records that a request names; none where it names none. `path`: as [`formats::comparable_path`] gives it.
    pub(crate) fn named(&self, path: &str, query: &str) -> Named<'_> {
        let rule = self.of(path);
        let table = rule.and_then(|rule| rule.table.as_deref());
        let of = rule.and_then(|rule| rule.of.as_deref());
        let of_table = table.map(|table| noun_of_table(table.rsplit_once('.').map_or(table, |(_, name)| name)));
        let mut ids = match rule.and_then(|rule| rule.id.as_ref()) {
            Some(IdAt::Step(step)) => {
                let id = route_ids::at_step(path, usize::from(*step));
                id.map(|id| RouteId { noun: "".into(), id: id.into() }).into_iter().collect()
            }
            Some(IdAt::Parameter(name)) => {
                let mut ids = route_ids::of_parameter(path, query, name);
                if of.is_some() {
                    // Whoever writes both knows better than the parameter's name.
                    ids.iter_mut().for_each(|id| id.noun = "".into());
                }
                ids
            }
            None => {
                let mut ids = route_ids::in_path(path);
                if let Some(held) = of.or(of_table) {
                    // Of whatever the table holds: the id behind its name, else the last.
                    let named = ids.iter().rposition(|id| id.noun.eq_ignore_ascii_case(held));
                    if let Some(at) = named.or(ids.len().checked_sub(1)) {
                        ids[at].noun = "".into();
                        if table.is_some() {
                            ids = vec![ids.swap_remove(at)];
                        }
                    }
                }
                ids.extend(route_ids::in_query(query));
                ids
            }
        };
        ids.truncate(crate::limits::REQUESTED_MAX);
        // What a bare id is of.
        let about = of.or(of_table).or_else(|| route_ids::noun_of_route(path)).unwrap_or_default();
        let record = |RouteId { noun, id }: &RouteId<'_>| {
            let noun = if noun.is_empty() { about } else { &**noun };
            (!noun.is_empty()).then(|| Record::new(noun, id))
        };
        Named { table, records: ids.iter().filter_map(record).collect() }
    }

    /// What the most specific pattern says; of equals the first.
    fn of(&self, path: &str) -> Option<&RouteRecords> {
        if !self.has_records {
            return None;
        }
        let mut best: Option<(Specificity, Option<&RouteRecords>)> = None;
        for (glob, records) in self.rules.iter().filter(|(glob, _)| glob.matches(path)) {
            if best.is_none_or(|(known, _)| known < glob.specificity()) {
                best = Some((glob.specificity(), records.as_ref()));
            }
        }
        best.and_then(|(_, records)| records)
    }
}

/// The classes that are written, by their patterns.
pub(crate) fn classes(routes: &BTreeMap<String, RouteRule>) -> impl Iterator<Item = (&str, DataClass)> {
    routes.iter().filter_map(|(pattern, rule)| Some((pattern.as_str(), DataClass::parse(rule.class())?)))
}

impl From<&str> for RouteRule {
    fn from(class: &str) -> Self {
        RouteRule::Class(class.into())
    }
}

/// By hand, because an untagged enum would not say which of its keys is wrong.
impl<'de> Deserialize<'de> for RouteRule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ClassOrTable;

        impl<'de> Visitor<'de> for ClassOrTable {
            type Value = RouteRule;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a class, or `{ class = …, table = …, id = …, of = … }`")
            }

            fn visit_str<E: de::Error>(self, class: &str) -> Result<RouteRule, E> {
                Ok(class.into())
            }

            fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<RouteRule, A::Error> {
                RouteRecords::deserialize(value::MapAccessDeserializer::new(entries)).map(RouteRule::Records)
            }
        }

        deserializer.deserialize_any(ClassOrTable)
    }
}

/// A number is a step, also where it is written as text (in the environment).
impl<'de> Deserialize<'de> for IdAt {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct StepOrName;

        impl Visitor<'_> for StepOrName {
            type Value = IdAt;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a step of the path, counted from 1, or the name of a parameter")
            }

            fn visit_u64<E: de::Error>(self, step: u64) -> Result<IdAt, E> {
                // What is too great is refused where all mistakes are told.
                Ok(IdAt::Step(u16::try_from(step).unwrap_or(u16::MAX)))
            }

            fn visit_i64<E: de::Error>(self, step: i64) -> Result<IdAt, E> {
                Ok(IdAt::Step(u16::try_from(step.max(0)).unwrap_or(u16::MAX)))
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<IdAt, E> {
                Ok(name.parse().map_or_else(|_| IdAt::Parameter(name.into()), IdAt::Step))
            }
        }

        deserializer.deserialize_any(StepOrName)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(text: &str) -> BTreeMap<String, RouteRule> {
        toml::from_str(text).expect("rules")
    }

    fn employees(ids: &[&str]) -> Vec<Record> {
        ids.iter().map(|id| Record::new("employee", id)).collect()
    }

    #[test]
    fn a_linked_route_names_what_statements_name() {
        let rules = RouteRules::new(&rules(
            r#"
            "/rest/V1/hr/**" = "hr"
            "/rest/V1/hr/people/**" = { class = "hr", table = "hr.employees" }
            "/rest/V1/hr/people/*/photo" = "none"
            "/portal/file/*/pdf" = { class = "hr", table = "hr.payslips", id = 3, of = "employee" }
            "/portal/card" = { class = "hr", table = "hr.employees", id = "key" }
            "#,
        ));
        let named = |path, query| rules.named(path, query);
        let linked = |records| Named { table: Some("hr.employees"), records };
        assert_eq!(named("/rest/V1/hr/people/1042", ""), linked(employees(&["1042"])));
        assert_eq!(named("/rest/V1/hr/people", "id=7&employee_id=8"), linked(employees(&["7", "8"])));
        assert_eq!(named("/rest/V1/hr/people/7/letters/9", "").records, employees(&["9"]), "of the path the last");
        assert_eq!(named("/portal/card", "key=E7&id=8"), linked(employees(&["E7"])));
        let file = named("/portal/file/1042/pdf", "");
        assert_eq!((file.table, file.records), (Some("hr.payslips"), employees(&["1042"])));
        // The more specific pattern says nothing of records.
        assert_eq!(named("/rest/V1/hr/people/7/photo", "").table, None);
        let unlinked = named("/rest/V1/hr/employees/1042", "id=7");
        assert_eq!((unlinked.table, unlinked.records), (None, employees(&["1042", "7"])));
        assert_eq!(named("/rest/V1/hr/people", "").records, []);
    }

    #[test]
    fn nobody_is_taken_for_somebody_else() {
        let rules = RouteRules::new(&rules(
            r#"
            "/staff/**" = { class = "hr", table = "hr.staff", of = "employee" }
            "/employees/**" = { class = "hr", table = "hr.employees" }
            "/letters/**" = { class = "hr", of = "employee" }
            "/badge" = { class = "hr", table = "hr.badges", id = "person_id", of = "employee" }
            "#,
        ));
        let named = |path, query| rules.named(path, query).records;
        // A parameter says of what it is; where it does not, configuration does.
        assert_eq!(named("/staff", "department_id=5"), [Record::new("department", "5")]);
        assert_eq!(
            named("/staff/7", "department_id=5"),
            [Record::new("employee", "7"), Record::new("department", "5")]
        );
        assert_eq!(named("/staff", "id=7"), employees(&["7"]));
        assert_eq!(named("/badge", "person_id=7&id=8"), employees(&["7"]), "the very parameter that is written there");
        // Of the path the id that stands behind what the table holds, else the last.
        assert_eq!(named("/employees/1042/payslips/9", ""), employees(&["1042"]));
        assert_eq!(named("/employees/view/7/files/1/employees/8/pages", ""), employees(&["8"]), "of several the last");
        assert_eq!(named("/staff/employees/1042/notes/3", ""), employees(&["1042"]));
        assert_eq!(
            named("/letters/employees/1042/drafts/3", ""),
            [Record::new("employee", "1042"), Record::new("draft", "3")]
        );
        assert_eq!(named("/letters/1042", ""), employees(&["1042"]));
    }

    #[test]
    fn what_is_written_is_read_and_mistakes_are_named() {
        let written = rules("a = \"hr\"\nb = { class = \"hr\", id = \"5\" }\nc = { class = \"hr\", id = 5 }");
        assert_eq!(written["a"].class(), "hr");
        assert_eq!(written["b"], written["c"]);
        for (text, key) in [
            ("a = { class = \"hr\", table = \"employees\" }", "table"),
            ("a = { class = \"hr\", table = \"hr.*\" }", "table"),
            ("a = { class = \"hr\", id = 0 }", "id"),
            ("a = { class = \"hr\", id = -1 }", "id"),
            ("a = { class = \"hr\", id = 99999999 }", "id"),
            ("a = { class = \"hr\", id = \"\" }", "id"),
            ("a = { class = \"hr\", of = \"employee_id\" }", "of"),
        ] {
            let problems = rules(text)["a"].problems();
            assert_eq!(problems.iter().map(|(key, _)| *key).collect::<Vec<_>>(), [key], "{text}");
        }
        let problem =
            toml::from_str::<BTreeMap<String, RouteRule>>("a = { class = \"hr\", tabel = \"x\" }").unwrap_err();
        assert!(problem.to_string().contains("tabel"), "{problem}");
    }
}
