//! Which records a request asks for: `/rest/V1/hr/employees/1042`, `?employee_id=1042`, a search by id.
//!
//! Ids stand in the path behind a word (`employees/1042`, Magento's `view/id/7` and `employee_id/7`), in parameters called `id`, `entity_id`,
//! `…_id` or `…Id`, several with commas or `[]`, and in Magento's `searchCriteria` where such a field is to be equal to a value or in a list.
//! In a path only whole numbers and UUIDs are taken for ids unless configuration says where the id stands, as words there are pages.
//! What the number is of, the parameter says (`employee_id`: an employee), or for a bare one the last word of the path before it that
//! is no verb (`employee/view/id/7`).
//!
//! What it cannot know: bodies are in no log, so what a POST asks for is not named. Nor is what a list, a search by name or an export returns: for
//! those the rows tell how many there were. Numbers behind words such as `page` and `year`, and ids of sessions, shops and the like
//! name no records.

use crate::limits::{REQUESTED_MAX, ROUTE_ID_BYTES_MAX, ROUTE_QUERY_BYTES_MAX};
use formats::percent_decoded;
use formats::sql::{noun_of_column, noun_of_table};
use std::borrow::Cow;

/// An id in a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RouteId<'a> {
    /// What it is of; empty: of whatever the route is about.
    pub(crate) noun: Cow<'a, str>,
    pub(crate) id: Cow<'a, str>,
}

/// Words behind which a number is none of a record.
const NO_RECORDS: &[&str] = &[
    "api",
    "app",
    "block",
    "client",
    "correlation",
    "customer_group",
    "day",
    "device",
    "form",
    "group",
    "limit",
    "month",
    "offset",
    "p",
    "page",
    "per_page",
    "quarter",
    "request",
    "session",
    "store",
    "theme",
    "trace",
    "version",
    "visitor",
    "website",
    "week",
    "year",
];

/// Words of a path that say what is done, not with what.
pub(crate) const VERBS: &[&str] = &[
    "create", "delete", "detail", "details", "download", "edit", "export", "get", "index", "list", "new", "open",
    "print", "save", "search", "show", "update", "view",
];

/// Ids in the path, in their order. `path` is as [`formats::comparable_path`] gives it.
pub(crate) fn in_path(path: &str) -> Vec<RouteId<'_>> {
    let mut found = Vec::new();
    let mut words: Vec<&str> = Vec::new();
    let mut before = "";
    for step in path.split('/').filter(|step| !step.is_empty()) {
        if is_word(step) {
            words.push(step);
        } else if is_word(before)
            && is_path_id(step)
            && found.len() < REQUESTED_MAX
            && let Some(noun) = noun_of_path(&words)
        {
            found.push(RouteId { noun, id: Cow::Borrowed(step) });
        }
        before = step;
    }
    found
}

/// The step of the path, counted from 1, if it may be an id.
pub(crate) fn at_step(path: &str, step: usize) -> Option<&str> {
    let found = path.split('/').filter(|step| !step.is_empty()).nth(step.checked_sub(1)?)?;
    is_id(found).then_some(found)
}

/// Ids in the query, in its order; what they are of is empty where the parameter does not say.
pub(crate) fn in_query(query: &str) -> Vec<RouteId<'_>> {
    let mut found = Vec::new();
    for (name, value) in parameters(query) {
        if let Some(noun) = noun_of_parameter(&name) {
            push_list(&mut found, &noun, &value);
        }
    }
    for (field, value) in searches(query) {
        if let Some(noun) = noun_of_parameter(&field) {
            push_list(&mut found, &noun, &value);
        }
    }
    found
}

/// Ids that the parameter of that name gives, or the step of the path behind it, or a search by that field.
pub(crate) fn of_parameter<'a>(path: &'a str, query: &'a str, wanted: &str) -> Vec<RouteId<'a>> {
    let mut found = Vec::new();
    let noun = noun_of_parameter(wanted).unwrap_or_default().into_owned();
    let mut steps = path.split('/').filter(|step| !step.is_empty());
    while let Some(step) = steps.next() {
        if step.eq_ignore_ascii_case(wanted)
            && let Some(value) = steps.next()
        {
            push_list(&mut found, &noun, value);
        }
    }
    for (name, value) in parameters(query).chain(searches(query)) {
        if name.eq_ignore_ascii_case(wanted) {
            push_list(&mut found, &noun, &value);
        }
    }
    found
}

fn push_list(found: &mut Vec<RouteId<'_>>, noun: &str, values: &str) {
    let ids = values.split(',').map(str::trim).filter(|id| is_id(id));
    let room = REQUESTED_MAX.saturating_sub(found.len());
    found.extend(ids.take(room).map(|id| RouteId { noun: Cow::Owned(noun.into()), id: Cow::Owned(id.into()) }));
}

/// Names, of what is in brackets the last (`filter[employee_id]`, `ids[]`), and values that are not empty.
fn parameters(query: &str) -> impl Iterator<Item = (String, Cow<'_, str>)> {
    pairs(query).filter(|(name, _)| !is_search(name)).map(|(name, value)| {
        let bare = name.strip_suffix("[]").unwrap_or(&name);
        let inner = bare.strip_suffix(']').and_then(|inner| inner.rsplit_once('[')).map(|(_, inner)| inner);
        (inner.unwrap_or(bare).to_owned(), value)
    })
}

/// Field and values of each condition of Magento's `searchCriteria` that wants them to be equal.
fn searches(query: &str) -> impl Iterator<Item = (String, Cow<'_, str>)> {
    #[derive(Default)]
    struct Condition<'a> {
        of: String,
        field: String,
        values: Cow<'a, str>,
        is_other: bool,
    }
    let mut conditions: Vec<Condition<'_>> = Vec::new();
    for (name, value) in pairs(query).filter(|(name, _)| is_search(name)) {
        let Some((of, part)) = name.strip_suffix(']').and_then(|name| name.rsplit_once('[')) else { continue };
        let at = conditions.iter().position(|known| known.of == of).unwrap_or_else(|| {
            conditions.push(Condition { of: of.to_owned(), ..Condition::default() });
            conditions.len() - 1
        });
        let Some(condition) = conditions.get_mut(at) else { continue };
        match part {
            "field" => condition.field = value.into_owned(),
            "value" => condition.values = value,
            "condition_type" | "conditionType" => {
                condition.is_other = !["eq", "in", "finset"].contains(&&*value);
            }
            _ => {}
        }
    }
    conditions
        .into_iter()
        .filter(|condition| !condition.is_other && !condition.field.is_empty())
        .map(|condition| (condition.field, condition.values))
}

fn is_search(name: &str) -> bool {
    name.starts_with("searchCriteria[") || name.starts_with("search_criteria[")
}

fn pairs(query: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    let query = &query[..query.floor_char_boundary(ROUTE_QUERY_BYTES_MAX)];
    let pairs = query.split('&').filter_map(|pair| pair.split_once('=')).filter(|(_, value)| !value.is_empty());
    pairs.map(|(name, value)| (percent_decoded(name, true), percent_decoded(value, true)))
}

/// What the ids of a parameter are of; empty if it does not say. `None`: it names no records.
fn noun_of_parameter(name: &str) -> Option<Cow<'_, str>> {
    let single = name.strip_suffix('s').filter(|single| single.ends_with("id") || single.ends_with("Id"));
    let single = single.unwrap_or(name);
    if let Some(noun) = noun_of_column(single) {
        return (!is_one_of(NO_RECORDS, noun)).then_some(Cow::Borrowed(noun));
    }
    // `payRunId` is `pay_run_id`.
    let noun = single.strip_suffix("Id").filter(|noun| noun.ends_with(|sign: char| sign.is_ascii_lowercase()))?;
    let mut snake = String::with_capacity(noun.len() + 4);
    for sign in noun.chars() {
        if sign.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(sign.to_ascii_lowercase());
    }
    (!is_one_of(NO_RECORDS, &snake)).then_some(Cow::Owned(snake))
}

/// What the number behind these words of a path is of.
fn noun_of_path<'a>(words: &[&'a str]) -> Option<Cow<'a, str>> {
    let (last, before) = words.split_last()?;
    if is_one_of(NO_RECORDS, last) {
        return None;
    }
    match noun_of_parameter(last) {
        Some(noun) if !noun.is_empty() => return Some(noun),
        Some(_) => {}
        // `store_id/2`: of no record.
        None if noun_of_column(last).is_some() => return None,
        None if !is_one_of(VERBS, last) => return Some(Cow::Borrowed(noun_of_table(last))),
        None => {}
    }
    let about = before.iter().rev().find(|word| !is_one_of(VERBS, word) && noun_of_column(word).is_none())?;
    (!is_one_of(NO_RECORDS, about)).then(|| Cow::Borrowed(noun_of_table(about)))
}

/// What a route is about: its last word that is no verb and no parameter.
pub(crate) fn noun_of_route(path: &str) -> Option<&str> {
    let mut words = path.split('/').filter(|step| is_word(step));
    let about = |word: &&str| !is_one_of(VERBS, word) && noun_of_column(word).is_none() && !is_one_of(NO_RECORDS, word);
    words.rfind(about).map(noun_of_table)
}

fn is_one_of(words: &[&str], word: &str) -> bool {
    words.iter().any(|known| known.eq_ignore_ascii_case(word))
}

fn is_word(step: &str) -> bool {
    !step.is_empty()
        && step.len() <= ROUTE_ID_BYTES_MAX
        && step.bytes().all(|byte| byte.is_ascii_alphabetic() || b"_-".contains(&byte))
}

/// A whole number, or a UUID.
fn is_path_id(step: &str) -> bool {
    let is_number = step.len() <= 19 && step.bytes().all(|byte| byte.is_ascii_digit());
    let is_uuid = step.len() == 36
        && step.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        });
    is_number || is_uuid
}

/// What may be an id: letters, digits and a few signs.
fn is_id(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= ROUTE_ID_BYTES_MAX
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(found: Vec<RouteId<'_>>) -> String {
        found.iter().map(|RouteId { noun, id }| format!("{noun}:{id}")).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn numbers_behind_words_of_a_path_are_ids() {
        for (path, expected) in [
            ("/rest/V1/hr/employees/1042", "employee:1042"),
            ("/rest/V1/hr/employees/1042/payslips/9", "employee:1042 payslip:9"),
            ("/hr/employee/view/id/7", "employee:7"),
            ("/hr/employee/view/employee_id/7", "employee:7"),
            ("/portal/hr/employee/view/7", "employee:7"),
            ("/documents/3f2504e0-4f89-11d3-9a0c-0305e82c3301", "document:3f2504e0-4f89-11d3-9a0c-0305e82c3301"),
            ("/hr/employees/page/3", ""),
            ("/hr/payroll/year/2026/month/3", ""),
            ("/hr/employees/store_id/2", ""),
            ("/rest/V1/1042", ""),
            ("/hr/employees/anna", ""),
            ("/1042", ""),
        ] {
            assert_eq!(told(in_path(path)), expected, "{path}");
        }
        assert_eq!(in_path(&"/a/1".repeat(1000)).len(), REQUESTED_MAX);
    }

    #[test]
    fn parameters_called_an_id_name_records() {
        for (query, expected) in [
            ("employee_id=1042", "employee:1042"),
            ("x=1&id=7&session_id=8&store_id=9&p=3", ":7"),
            ("payRunId=5&employeeIds=1%2C2&filter%5Bemployee_id%5D=3", "pay_run:5 employee:1 employee:2 employee:3"),
            ("ids[]=1&ids[]=2", ":1 :2"),
            ("employee_id=1%20OR%201=1&employee_id=&grid=5&paid=6", ""),
        ] {
            assert_eq!(told(in_query(query)), expected, "{query}");
        }
        let many: Vec<String> = (0..1000).map(|n| n.to_string()).collect();
        assert_eq!(in_query(&format!("ids={}", many.join(","))).len(), REQUESTED_MAX);
    }

    #[test]
    fn searches_by_id_name_records() {
        let condition = |group: u8, field: &str, value: &str, kind: &str| {
            let of = format!("searchCriteria%5Bfilter_groups%5D%5B{group}%5D%5Bfilters%5D%5B0%5D");
            format!("{of}%5Bvalue%5D={value}&{of}%5Bfield%5D={field}&{of}%5Bcondition_type%5D={kind}&")
        };
        let query = condition(0, "employee_id", "7%2C8", "in")
            + &condition(1, "entity_id", "9", "eq")
            + &condition(2, "employee_id", "10", "gt")
            + &condition(3, "name", "11", "eq");
        assert_eq!(told(in_query(&query)), "employee:7 employee:8 :9");
        assert_eq!(told(in_query("searchCriteria[currentPage]=3&searchCriteria[pageSize]=100")), "");
    }

    #[test]
    fn where_an_id_stands_can_be_said() {
        assert_eq!(at_step("/hr/file/E-1042/pdf", 3), Some("E-1042"));
        assert_eq!((at_step("/hr", 3), at_step("/hr", 0), at_step("/hr/a b", 2)), (None, None, None));
        assert_eq!(told(of_parameter("/hr/view/Key/12", "key=13&x[key]=14", "key")), ":12 :13 :14");
        assert_eq!(told(of_parameter("/hr", "employee_id=E7", "employee_id")), "employee:E7");
    }
}
