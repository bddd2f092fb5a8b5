//! Which records a statement asks for: `WHERE id = 7`, `employee_id IN (7, 8)`.
//!
//! Columns called `id`, `entity_id` or `…_id` name records; others (names, dates, states) do not. What the number is of,
//! the column says (`employee_id`: an employee), or for a bare `id` the first table (`employees`, `customer_entity`). So the
//! person is the same in `employees.id = 7` and `payslips.employee_id = 7`; where a schema names them otherwise, one person
//! counts as two.
//!
//! What it cannot know: conditions on other columns, ranges, `LIKE`, subqueries and joins ask for records that no literal
//! names. For those the rows tell how many there were.

use activity::{Record, Resource};

/// Records of one statement at most; the rest is not named.
pub(super) const RECORDS_MAX: usize = 64;

/// The record that a column and a literal name; `None` if the column names none.
pub(super) fn record(column: &str, literal: &str, tables: &[Resource<'_>]) -> Option<Record> {
    sort(column, tables).and_then(|sort| of_sort(sort, literal))
}

/// The sort of record that a column names, whatever its literal.
pub(super) fn sort<'a>(column: &'a str, tables: &'a [Resource<'_>]) -> Option<&'a str> {
    let sort = match (noun_of_column(column)?, tables.first()) {
        ("", Some(Resource::Table { name, .. })) => noun_of_table(name),
        (noun, _) => noun,
    };
    (!sort.is_empty()).then_some(sort)
}

/// Adds the record that a literal names, once.
pub(super) fn add(records: &mut Vec<Record>, sort: &str, literal: &str) {
    if records.len() < RECORDS_MAX
        && let Some(record) = of_sort(sort, literal)
        && !records.contains(&record)
    {
        records.push(record);
    }
}

fn of_sort(sort: &str, literal: &str) -> Option<Record> {
    let is_named = !literal.is_empty() && literal.len() <= 64;
    is_named.then(|| Record::new(sort, literal))
}

/// What the ids in a column are of; empty if they are of whatever its table holds. `None`: it holds no ids.
pub fn noun_of_column(column: &str) -> Option<&str> {
    if ["id", "entity_id"].iter().any(|bare| column.eq_ignore_ascii_case(bare)) {
        return Some("");
    }
    without_suffix(column, "_id").filter(|noun| !noun.is_empty())
}

/// What a table holds: `employees` → `employee`, `customer_entity` → `customer`.
pub fn noun_of_table(table: &str) -> &str {
    let table = without_suffix(table, "_entity").unwrap_or(table);
    without_suffix(table, "s").unwrap_or(table)
}

fn without_suffix<'a>(text: &'a str, suffix: &str) -> Option<&'a str> {
    let at = text.len().checked_sub(suffix.len())?;
    text.get(at..)?.eq_ignore_ascii_case(suffix).then(|| &text[..at])
}

#[cfg(test)]
mod tests {
    use crate::Context;
    use crate::sql::{Completeness, Statement};
    use activity::Record;

    fn records(text: &str) -> Vec<Record> {
        Statement::read(text, "hr", Completeness::Whole, &Context::default()).records
    }

    fn employees(numbers: &[&str]) -> Vec<Record> {
        numbers.iter().map(|number| Record::new("employee", number)).collect()
    }

    #[test]
    fn a_condition_names_records() {
        assert_eq!(records("SELECT * FROM employees WHERE id=7 /*uid=u1*/"), employees(&["7"]));
        assert_eq!(records("SELECT iban FROM bank_accounts b WHERE b.Employee_ID = '7'"), employees(&["7"]));
        assert_eq!(
            records("SELECT 1 FROM `x` WHERE (`employee_id` IN (1, '2',3)) AND y = 9"),
            employees(&["1", "2", "3"])
        );
        assert_eq!(records("UPDATE t SET manager_id = 5 WHERE employee_id=7"), employees(&["7"]));
        assert_eq!(records("SELECT * FROM customer_entity WHERE entity_id = 4"), [Record::new("customer", "4")]);
        assert_eq!(
            records("DELETE FROM payslips WHERE employee_id = 7 AND run_id = 9"),
            [Record::new("employee", "7"), Record::new("run", "9")]
        );
    }

    #[test]
    fn what_names_no_record_is_left_alone() {
        for text in [
            "SELECT * FROM employees",
            "SELECT 7 AS id FROM employees WHERE name = 'x'",
            "INSERT INTO t (employee_id) VALUES (7)",
            "SELECT * FROM employees WHERE id = ?",
            "SELECT * FROM e WHERE id > 7 AND id <= 9",
            "SELECT * FROM employees LIMIT 7; SELECT id = 7",
        ] {
            assert_eq!(records(text), [], "{text}");
        }
    }

    #[test]
    fn of_many_records_some_are_named() {
        let list: Vec<String> = (0..1000).map(|n| n.to_string()).collect();
        let found = records(&format!("SELECT * FROM employees WHERE id IN ({})", list.join(",")));
        assert_eq!(found.len(), super::RECORDS_MAX);
    }
}
