//! What a company calls its things: schemas, tables, routes, accounts, and how its statements are written.

use crate::lines::TagStyle;

/// What a table is for. Of the shop only those tables that attacks and jobs name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Table {
    Employees,
    Payslips,
    Leave,
    Benefits,
    Documents,
    Reviews,
    Bank,
    Medical,
    Departments,
    Sessions,
    Accounts,
}

impl Table {
    pub(super) const HR: [Table; 9] = [
        Table::Employees,
        Table::Payslips,
        Table::Leave,
        Table::Benefits,
        Table::Documents,
        Table::Reviews,
        Table::Bank,
        Table::Medical,
        Table::Departments,
    ];

    /// Bytes of an average row on the wire.
    pub(super) fn row_bytes(self) -> i64 {
        match self {
            Table::Employees => 195,
            Table::Payslips => 93,
            Table::Leave => 74,
            Table::Benefits => 82,
            Table::Documents => 130,
            Table::Reviews => 318,
            Table::Bank => 88,
            Table::Medical => 240,
            Table::Departments => 41,
            Table::Sessions => 226,
            Table::Accounts => 231,
        }
    }

    /// Rows for each employee.
    pub(super) fn rows_each(self) -> f64 {
        match self {
            Table::Employees | Table::Bank => 1.0,
            Table::Payslips => 24.0,
            Table::Leave => 9.0,
            Table::Benefits => 3.0,
            Table::Documents | Table::Reviews => 2.0,
            Table::Medical => 0.4,
            Table::Departments => 0.02,
            Table::Sessions => 0.2,
            Table::Accounts => 0.1,
        }
    }
}

/// How statements are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// As Magento's collections do: everything quoted.
    Collections,
    /// As people do.
    ByHand,
}

/// One vendor's way of naming.
#[derive(Debug)]
pub(crate) struct Names {
    pub(crate) schema: &'static str,
    pub(crate) server: &'static str,
    pub(crate) tag: TagStyle,
    pub(super) tag_key: &'static str,
    /// The application's database account.
    pub(super) account: &'static str,
    pub(super) hosts: &'static [&'static str],
    pub(super) dialect: Dialect,
    /// The employee's number in the table of employees, and in all others.
    pub(super) own_key: &'static str,
    pub(super) key: &'static str,
    /// In the order of [`Table`].
    pub(super) tables: [&'static str; 11],
    /// Before every page of the portal.
    pub(super) portal: &'static str,
    /// Between that and the pages about people.
    pub(super) section: &'static str,
    pub(super) login: &'static str,
    pub(super) api: &'static str,
    /// The column of the account number.
    pub(super) iban: &'static str,
}

impl Names {
    pub(super) fn table(&self, table: Table) -> &'static str {
        self.tables[table as usize]
    }

    pub(super) fn key_of(&self, table: Table) -> &'static str {
        if table == Table::Employees { self.own_key } else { self.key }
    }
}

pub(super) const VENDORS: [Names; 4] = [
    Names {
        schema: "magento",
        server: "db1",
        tag: TagStyle::SqlCommenter,
        tag_key: "user",
        account: "magento_app",
        hosts: &["10.20.1.11", "10.20.1.12"],
        dialect: Dialect::Collections,
        own_key: "employee_id",
        key: "employee_id",
        tables: [
            "hr_employee",
            "hr_payroll",
            "hr_leave",
            "hr_benefits",
            "hr_document",
            "hr_performance_review",
            "hr_bank_account",
            "hr_medical",
            "hr_department",
            "employee_portal_session",
            "admin_user",
        ],
        portal: "/employee-portal",
        section: "/hr",
        login: "/employee-portal/login",
        api: "/rest/V1/hr",
        iban: "iban",
    },
    Names {
        schema: "hr",
        server: "mariadb-0",
        tag: TagStyle::End("uid"),
        tag_key: "uid",
        account: "portal_app",
        hosts: &["10.31.4.21", "10.31.4.22", "10.31.4.23"],
        dialect: Dialect::ByHand,
        own_key: "id",
        key: "employee_id",
        tables: [
            "employees",
            "payslips",
            "absences",
            "benefits",
            "documents",
            "reviews",
            "bank_accounts",
            "medical_records",
            "departments",
            "portal_sessions",
            "portal_users",
        ],
        portal: "/portal",
        section: "/people",
        login: "/portal/auth/login",
        api: "/rest/V1/people",
        iban: "iban",
    },
    Names {
        schema: "shop",
        server: "sql-a",
        tag: TagStyle::Front("user"),
        tag_key: "user",
        account: "shop_rw",
        hosts: &["172.20.8.4", "172.20.8.5", "172.20.8.6", "172.20.8.7"],
        dialect: Dialect::Collections,
        own_key: "person_id",
        key: "person_id",
        tables: [
            "staff_person",
            "staff_salary",
            "staff_timeoff",
            "staff_perk",
            "staff_file",
            "staff_appraisal",
            "staff_payment_detail",
            "staff_health",
            "staff_unit",
            "staff_session",
            "staff_account",
        ],
        portal: "/staff",
        section: "/records",
        login: "/staff/account/loginPost",
        api: "/rest/all/V1/staff",
        iban: "account_no",
    },
    Names {
        schema: "mage2",
        server: "percona-2",
        tag: TagStyle::End("emp"),
        tag_key: "emp",
        account: "mage2",
        hosts: &["10.0.12.31", "10.0.12.32"],
        dialect: Dialect::ByHand,
        own_key: "entity_id",
        key: "employee_id",
        tables: [
            "acme_hrm_employee_entity",
            "acme_hrm_paystub",
            "acme_hrm_vacation",
            "acme_hrm_insurance",
            "acme_hrm_attachment",
            "acme_hrm_evaluation",
            "acme_hrm_payout",
            "acme_hrm_sick_note",
            "acme_hrm_team",
            "acme_hrm_token",
            "acme_hrm_login",
        ],
        portal: "/my",
        section: "/hrm",
        login: "/my/session/login",
        api: "/rest/default/V1/hrm",
        iban: "iban",
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_vendor_names_each_thing_once_and_its_login_is_one_to_breachd() {
        let logins = formats::Context::default().login_routes;
        for names in &VENDORS {
            assert_eq!(names.tables.iter().collect::<HashSet<_>>().len(), names.tables.len());
            assert_eq!(names.table(Table::Accounts), names.tables[10]);
            assert!(logins.iter().any(|route| route.matches(names.login)), "{}", names.login);
            assert!(names.hosts.len() >= 2);
        }
    }
}
