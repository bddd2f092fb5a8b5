//! Which account numbers a statement writes, and to whose rows.
//!
//! Read are literals only, in `iban = '…'` outside of conditions and in `INSERT … (employee_id, iban) VALUES (7, '…')`. Whose they become,
//! the condition says, or in an INSERT the first column called `…_id`. Of several sorts of records in a condition
//! (`employee_id = 7 AND account_id = 3`) the first counts, as one change would else count as two people. Not known: expressions,
//! variables, placeholders of prepared statements, CASE.

use super::{account_number::is_payee, records};
use activity::{Payee, Record, Resource};

/// Of one statement at most; the rest is not named.
const PAYEES_MAX: usize = 64;

/// What a text has written so far.
#[derive(Debug, Default)]
pub(super) struct Payees<'a> {
    found: Vec<Payee>,
    /// Written by `column = '…'` in the present statement, whose condition is still to come.
    assigned: Vec<u64>,
    /// The last name was a column of account numbers.
    is_column: bool,
    /// Of an INSERT: the cell in its row, that of the account number, and that of the record with its column.
    cell: usize,
    account_at: Option<usize>,
    record_at: Option<(usize, &'a str)>,
    /// Behind VALUES.
    values: bool,
    /// Of the row that is being read.
    row: (Option<u64>, Option<Record>),
}

impl<'a> Payees<'a> {
    /// The name of a column; `listed`: in the list of an INSERT's columns.
    pub(super) fn column(&mut self, name: &'a str, listed: bool) {
        self.is_column = is_payee(name);
        if !listed || self.values {
            return;
        }
        if self.is_column {
            self.account_at.get_or_insert(self.cell);
        } else if self.record_at.is_none() && name.len() > 3 && records::record(name, "0", &[]).is_some() {
            self.record_at = Some((self.cell, name));
        }
    }

    pub(super) fn values(&mut self) {
        self.values = true;
    }

    pub(super) fn open_row(&mut self) {
        self.cell = 0;
        self.row = (None, None);
    }

    pub(super) fn next_cell(&mut self) {
        self.cell += 1;
    }

    pub(super) fn close_row(&mut self) {
        if let (Some(account), of) = std::mem::take(&mut self.row) {
            self.push(Payee { account, of });
        }
    }

    /// A literal behind `=`, outside of conditions.
    pub(super) fn assigned(&mut self, literal: &str) {
        if self.is_column && self.assigned.len() < PAYEES_MAX {
            self.assigned.extend(Payee::account(literal));
        }
    }

    /// A literal that is a cell of an INSERT's row.
    pub(super) fn cell(&mut self, literal: &str, tables: &[Resource<'_>]) {
        if !self.values {
            return;
        }
        if self.account_at == Some(self.cell) {
            self.row.0 = Payee::account(literal);
        } else if let Some((_, column)) = self.record_at.filter(|(at, _)| *at == self.cell) {
            self.row.1 = records::record(column, literal, tables);
        }
    }

    /// The statement is over; `records`: those that its condition names.
    pub(super) fn end_statement(&mut self, records: &[Record]) {
        let sort = records.first().map(|record| record.sort());
        for account in std::mem::take(&mut self.assigned) {
            // What ON DUPLICATE KEY UPDATE writes once more has been told of its row.
            if records.is_empty() && !self.found.iter().any(|known| known.account == account) {
                self.push(Payee { account, of: None });
            }
            for record in records.iter().filter(|record| Some(record.sort()) == sort) {
                self.push(Payee { account, of: Some(*record) });
            }
        }
        (self.is_column, self.values, self.account_at, self.record_at) = (false, false, None, None);
    }

    pub(super) fn take(&mut self) -> Vec<Payee> {
        std::mem::take(&mut self.found)
    }

    fn push(&mut self, payee: Payee) {
        if self.found.len() < PAYEES_MAX && !self.found.contains(&payee) {
            self.found.push(payee);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::Context;
    use crate::sql::{Completeness, Statement};
    use activity::{Payee, Record};

    const ONE: &str = "DE89370400440532013000";
    const OTHER: &str = "FR7630006000011234567890189";

    fn read(text: &str) -> Vec<Payee> {
        Statement::read(text, "hr", Completeness::Whole, &Context::default()).payees
    }

    fn payee(number: &str, employee: Option<&str>) -> Payee {
        let account = Payee::account(number).expect("an account number");
        Payee { account, of: employee.map(|id| Record::new("employee", id)) }
    }

    #[test]
    fn an_update_says_whose_account_it_becomes() {
        let text = format!(
            "UPDATE `hr_bank` SET iban = '{ONE}', bic = 'MARKDEF1100' WHERE (`employee_id` = '7') /*user='u1'*/"
        );
        assert_eq!(read(&text), [payee(ONE, Some("7"))]);
        let text = "UPDATE b SET b.account_number = 1234567890, changed = '2026' WHERE employee_id IN (7, 8) AND account_id = 3";
        assert_eq!(read(text), [payee("1234567890", Some("7")), payee("1234567890", Some("8"))]);
        assert_eq!(read(&format!("UPDATE b SET iban = '{ONE}' WHERE department = 3")), [payee(ONE, None)]);
    }

    #[test]
    fn an_insert_says_it_row_by_row() {
        let text = format!(
            "INSERT INTO b (employee_id, bic, iban) VALUES (7, 'X1234567', '{ONE}'), (8, LOWER('Y'), '{OTHER}')"
        );
        assert_eq!(read(&text), [payee(ONE, Some("7")), payee(OTHER, Some("8"))]);
        assert_eq!(read(&format!("REPLACE INTO b (iban) VALUES ('{ONE}')")), [payee(ONE, None)]);
        assert_eq!(read(&format!("INSERT INTO b SET employee_id = 7, iban = '{ONE}'")), [payee(ONE, None)]);
    }

    #[test]
    fn each_statement_of_a_text_has_its_own() {
        let text =
            format!("UPDATE b SET iban='{ONE}' WHERE employee_id=7; UPDATE b SET iban='{OTHER}' WHERE employee_id=8");
        assert_eq!(read(&text), [payee(ONE, Some("7")), payee(OTHER, Some("8"))]);
    }

    #[test]
    fn what_is_read_or_unknown_is_no_payee() {
        for text in [
            format!("SELECT * FROM b WHERE iban = '{ONE}'"),
            format!("UPDATE b SET checked = 1 WHERE iban = '{ONE}'"),
            format!("UPDATE b SET iban = CASE employee_id WHEN 7 THEN '{ONE}' END WHERE employee_id = 7"),
            format!("UPDATE b SET iban = UPPER('{ONE}') WHERE employee_id = 7"),
            "UPDATE b SET iban = ? WHERE employee_id = 7".into(),
            "UPDATE b SET iban = '' WHERE employee_id = 7".into(),
            "UPDATE b SET swift_code = 'COBADEFF123456' WHERE employee_id = 7".into(),
        ] {
            assert_eq!(read(&text), [], "{text}");
        }
        let cut = format!("UPDATE b SET iban = '{}", &ONE[..20]);
        assert_eq!(Statement::read(&cut, "hr", Completeness::MaybeCut, &Context::default()).payees, []);
    }
}
