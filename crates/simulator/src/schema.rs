//! The tables of the shop and of its HR extension, as the database of a Magento with such an extension has them.

/// A table: its columns (as a dump names them), the bytes of an average row on the wire, its rows per employee or in all.
#[derive(Debug)]
pub struct Table {
    pub name: &'static str,
    pub columns: &'static [&'static str],
    pub row_bytes: i64,
    pub rows: Rows,
}

/// How large a table is.
#[derive(Clone, Copy, Debug)]
pub enum Rows {
    /// This many for every employee.
    PerEmployee(f64),
    /// This many at the start, growing by so many a day.
    Growing(i64, i64),
}

impl Table {
    /// Rows on day `day` of a company with `headcount` employees.
    pub fn rows(&self, headcount: i64, day: i64) -> i64 {
        match self.rows {
            Rows::PerEmployee(each) => (headcount as f64 * each) as i64,
            Rows::Growing(start, per_day) => start + per_day * day,
        }
    }

    /// What the database sends for `rows` rows of the whole table: a header for every column, then the rows.
    pub fn bytes(&self, rows: i64) -> i64 {
        self.columns.len() as i64 * 62 + 16 + rows * self.row_bytes
    }
}

/// The table of this name.
pub fn table(name: &str) -> &'static Table {
    TABLES.iter().find(|table| table.name == name).expect("the simulator names only tables of its schema")
}

const fn fixed(rows: i64) -> Rows {
    Rows::Growing(rows, 0)
}

/// In the order in which a dump goes through them.
#[rustfmt::skip]
pub const TABLES: &[Table] = &[
    Table { name: "admin_user", columns: &["user_id", "firstname", "lastname", "email", "username", "password", "created", "modified", "logdate", "lognum", "is_active", "failures_num", "lock_expires"], row_bytes: 231, rows: Rows::PerEmployee(0.1) },
    Table { name: "authorization_role", columns: &["role_id", "parent_id", "tree_level", "sort_order", "role_type", "user_id", "user_type", "role_name"], row_bytes: 58, rows: Rows::PerEmployee(0.1) },
    Table { name: "catalog_product_entity", columns: &["entity_id", "attribute_set_id", "type_id", "sku", "has_options", "required_options", "created_at", "updated_at"], row_bytes: 84, rows: fixed(2046) },
    Table { name: "core_config_data", columns: &["config_id", "scope", "scope_id", "path", "value", "updated_at"], row_bytes: 96, rows: fixed(412) },
    Table { name: "cron_schedule", columns: &["schedule_id", "job_code", "status", "messages", "created_at", "scheduled_at", "executed_at", "finished_at"], row_bytes: 121, rows: fixed(1800) },
    Table { name: "customer_address_entity", columns: &["entity_id", "parent_id", "city", "company", "country_id", "firstname", "lastname", "postcode", "region", "street", "telephone"], row_bytes: 148, rows: Rows::Growing(9120, 3) },
    Table { name: "customer_entity", columns: &["entity_id", "website_id", "email", "group_id", "store_id", "created_at", "updated_at", "is_active", "firstname", "lastname", "dob", "password_hash", "failures_num", "lock_expires"], row_bytes: 262, rows: Rows::Growing(8460, 3) },
    Table { name: "employee_portal_access_log", columns: &["id", "employee_id", "route", "request_id", "at"], row_bytes: 102, rows: Rows::Growing(61_000, 480) },
    Table { name: "employee_portal_session", columns: &["session_id", "employee_id", "ip", "user_agent", "created_at", "last_seen_at"], row_bytes: 226, rows: Rows::PerEmployee(0.2) },
    Table { name: "hr_benefits", columns: &["benefit_id", "employee_id", "type", "provider", "policy_no", "monthly_cost", "dependants_json"], row_bytes: 82, rows: Rows::PerEmployee(3.0) },
    Table { name: "hr_department", columns: &["department_id", "code", "name", "manager_employee_id"], row_bytes: 41, rows: fixed(14) },
    Table { name: "hr_document", columns: &["document_id", "employee_id", "kind", "filename", "mime", "content", "created_at"], row_bytes: 18_400, rows: Rows::PerEmployee(2.0) },
    Table { name: "hr_employee", columns: &["employee_id", "admin_user_id", "customer_id", "department_id", "employee_no", "firstname", "lastname", "email", "job_title", "hire_date", "termination_date", "salary", "ssn", "iban", "dob", "home_address", "phone", "manager_id", "created_at"], row_bytes: 195, rows: Rows::PerEmployee(1.0) },
    Table { name: "hr_leave", columns: &["leave_id", "employee_id", "kind", "date_from", "date_to", "reason", "status"], row_bytes: 74, rows: Rows::PerEmployee(9.0) },
    Table { name: "hr_payroll", columns: &["payroll_id", "employee_id", "period", "gross", "tax", "net", "iban", "bonus", "paid_at"], row_bytes: 93, rows: Rows::PerEmployee(24.0) },
    Table { name: "hr_performance_review", columns: &["review_id", "employee_id", "reviewer_id", "score", "notes"], row_bytes: 318, rows: Rows::PerEmployee(2.0) },
    Table { name: "hr_staff_order", columns: &["staff_order_id", "employee_id", "order_id", "discount_percent", "payroll_deduction", "created_at"], row_bytes: 66, rows: Rows::Growing(3900, 6) },
    Table { name: "magento_logging_event", columns: &["log_id", "ip", "event_code", "time", "action", "info", "status", "user", "user_id", "fullaction"], row_bytes: 139, rows: Rows::Growing(20_500, 60) },
    Table { name: "quote", columns: &["entity_id", "store_id", "created_at", "updated_at", "is_active", "items_count", "grand_total", "customer_id", "customer_email", "remote_ip", "reserved_order_id"], row_bytes: 128, rows: Rows::Growing(31_200, 12) },
    Table { name: "quote_payment", columns: &["payment_id", "quote_id", "method", "cc_last_4", "additional_information"], row_bytes: 171, rows: Rows::Growing(19_400, 6) },
    Table { name: "sales_order", columns: &["entity_id", "state", "status", "protect_code", "store_id", "customer_id", "grand_total", "increment_id", "customer_email", "customer_firstname", "customer_lastname", "remote_ip", "created_at", "updated_at"], row_bytes: 214, rows: Rows::Growing(18_900, 6) },
    Table { name: "sales_order_address", columns: &["entity_id", "parent_id", "address_type", "email", "lastname", "street", "city", "postcode", "telephone"], row_bytes: 157, rows: Rows::Growing(37_800, 12) },
    Table { name: "sales_order_item", columns: &["item_id", "order_id", "product_id", "sku", "name", "qty_ordered", "price"], row_bytes: 97, rows: Rows::Growing(52_300, 17) },
    Table { name: "sales_order_payment", columns: &["entity_id", "parent_id", "method", "amount_paid", "cc_last_4", "cc_exp_month", "cc_exp_year", "last_trans_id", "additional_information"], row_bytes: 203, rows: Rows::Growing(18_900, 6) },
    Table { name: "url_rewrite", columns: &["url_rewrite_id", "entity_type", "entity_id", "request_path", "target_path", "redirect_type", "store_id"], row_bytes: 112, rows: fixed(4310) },
];
