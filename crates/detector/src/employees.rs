//! Employees by their number, for who writes to them.
//!
//! Alerts name employees by number ([`Record`]); the directory has numbers and addresses. Of somebody with several rows the one that
//! begins last says what holds now, as for where people live ([`crate::Residents`]); an address in an older row stays good where the
//! newest has none. Two rows that begin together with different addresses leave nobody to be written to: a letter about a person must
//! not go to another one. Built when somebody is to be written to and dropped after that: it is as large as the directory.

use crate::{Directory, Person};
use activity::{Record, Timestamp, printable_within};
use std::collections::BTreeMap;

/// Characters of a number. Beyond: cut.
const NUMBER_MAX: usize = 64;

/// Employees who have a number, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Employees {
    of: BTreeMap<Record, Employee>,
    digest: Box<str>,
    n_without_number: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Employee {
    /// As it is told apart: `2946`, also where a row says `0002946`.
    pub number: Box<str>,
    /// `None`: there is none, or two rows contradict each other.
    pub email: Option<Box<str>>,
    /// Tag of BCP 47; empty: unknown.
    pub language: Box<str>,
    /// Where the person lives; empty: unknown, or two rows contradict each other.
    pub home: Box<str>,
}

impl Employees {
    pub fn of(directory: &Directory) -> Employees {
        let mut rows_of: BTreeMap<Record, Vec<&Person>> = BTreeMap::new();
        let mut n_without_number = 0;
        for rows in directory.rows() {
            // Logins without a number are one person each.
            n_without_number += u64::from(rows.iter().any(|row| row.employee_id.is_empty()));
            for row in rows.iter().filter(|row| !row.employee_id.is_empty()) {
                rows_of.entry(Record::new("employee", &row.employee_id)).or_default().push(row);
            }
        }
        let of = rows_of.into_iter().map(|(record, rows)| (record, Employee::of(record, &rows))).collect();
        Employees { of, digest: directory.digest().into(), n_without_number }
    }

    pub fn get(&self, number: Record) -> Option<&Employee> {
        self.of.get(&number)
    }

    pub fn iter(&self) -> impl Iterator<Item = (Record, &Employee)> {
        self.of.iter().map(|(record, employee)| (*record, employee))
    }

    /// SHA-256 of the directory's file, in hexadecimal.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Logins without an employee's number.
    pub fn n_without_number(&self) -> u64 {
        self.n_without_number
    }
}

impl Employee {
    fn of(record: Record, rows: &[&Person]) -> Employee {
        let latest = |of: fn(&Person) -> &str| -> Option<Box<str>> {
            let begins: Option<Option<Timestamp>> =
                rows.iter().filter(|row| !of(row).is_empty()).map(|row| row.from).max();
            let mut said = rows.iter().filter(|row| Some(row.from) == begins && !of(row).is_empty()).map(|row| of(row));
            let first = said.next()?;
            said.all(|other| other == first).then(|| first.into())
        };
        Employee {
            number: number(record, rows.first().map_or("", |row| &row.employee_id)),
            email: latest(|row| &row.email),
            language: latest(|row| &row.language).unwrap_or_default(),
            home: latest(|row| &row.jurisdiction).unwrap_or_default(),
        }
    }
}

/// The same for every way to write it that stands for one record.
fn number(record: Record, written: &str) -> Box<str> {
    match record.number() {
        Some(number) => number.to_string().into(),
        None => printable_within(&written.to_ascii_lowercase(), NUMBER_MAX).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn employees(rows: &str) -> Employees {
        let header = "user,role,department,employee_id,from,to,zone,email,language,jurisdiction\n";
        Employees::of(&Directory::parse(&format!("{header}{rows}")).unwrap())
    }

    fn email(employees: &Employees, number: &str) -> Option<String> {
        employees.get(Record::new("employee", number))?.email.as_deref().map(str::to_owned)
    }

    #[test]
    fn a_person_is_found_by_number_with_the_newest_address() {
        let all = employees(
            "u1,ess,d,0007,2020-01-01,,UTC,old@example.com,de,DE\nu1b,ess,d,7,2024-01-01,,UTC,new@example.com,,\n\
             ,,,8,2020-01-01,,,bo@example.com,,FR\n,,,8,2024-01-01,,,,,DE\nu9,ess,d,,,,UTC,no@example.com,,\n,,,E-1,,,,x@example.com,,\n",
        );
        assert_eq!(all.iter().count(), 3);
        assert_eq!(all.n_without_number(), 1);
        let seven = all.get(Record::new("employee", "7")).unwrap();
        assert_eq!((&*seven.number, seven.email.as_deref(), &*seven.language), ("7", Some("new@example.com"), "de"));
        assert_eq!(email(&all, "8").as_deref(), Some("bo@example.com"), "an older address is better than none");
        assert_eq!(&*all.get(Record::new("employee", "8")).unwrap().home, "DE");
        assert_eq!(&*all.get(Record::new("employee", "e-1")).unwrap().number, "e-1");
        assert!(all.get(Record::new("employee", "9")).is_none());
    }

    #[test]
    fn rows_that_contradict_each_other_leave_no_address() {
        let all = employees(
            "u1,ess,d,7,2020-01-01,,UTC,one@example.com,,DE\nu2,ess,d,7,2020-01-01,,UTC,two@example.com,,DE\n\
             u3,ess,d,8,,,UTC,,,DE\n",
        );
        assert_eq!((email(&all, "7"), email(&all, "8")), (None, None));
        assert_eq!(&*all.get(Record::new("employee", "7")).unwrap().home, "DE");
    }
}
