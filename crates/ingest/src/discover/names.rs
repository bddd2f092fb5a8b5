//! What names tell: of tables, columns, paths, tags. Lists of words, and nothing kept.

use super::Place;
use crate::classification::Patterns;
use activity::DataClass;
use std::collections::BTreeSet;

/// Columns that tell of a table; lower-case, sorted. Each is in one of the lists below.
pub(super) const COLUMNS: &[&str] = &[
    "absence_type",
    "account_number",
    "annual_salary",
    "bank_account",
    "base_salary",
    "bic",
    "birth_date",
    "birthdate",
    "birthday",
    "bonus",
    "card_number",
    "cc_last_4",
    "cc_number_enc",
    "customer_email",
    "customer_id",
    "date_of_birth",
    "dependants_json",
    "diagnosis",
    "disability",
    "dob",
    "employee_id",
    "employee_no",
    "gehalt",
    "gender",
    "gross",
    "gross_pay",
    "hire_date",
    "hourly_rate",
    "iban",
    "job_title",
    "marital_status",
    "medical_note",
    "national_id",
    "net_pay",
    "ni_number",
    "pass_hash",
    "password",
    "password_hash",
    "payroll_id",
    "payslip_id",
    "pension",
    "pw_hash",
    "religion",
    "rp_token",
    "salary",
    "secret",
    "session_data",
    "sick_days",
    "social_security_number",
    "ssn",
    "tax_code",
    "tax_id",
    "termination_date",
    "token",
    "union_member",
    "wage",
];

/// Of these columns: about employees and nobody else.
const HR_COLUMNS: &[&str] = &[
    "absence_type",
    "annual_salary",
    "base_salary",
    "bonus",
    "dependants_json",
    "diagnosis",
    "disability",
    "employee_id",
    "employee_no",
    "gehalt",
    "gross_pay",
    "hire_date",
    "hourly_rate",
    "job_title",
    "marital_status",
    "medical_note",
    "national_id",
    "net_pay",
    "ni_number",
    "payroll_id",
    "payslip_id",
    "pension",
    "religion",
    "salary",
    "sick_days",
    "social_security_number",
    "ssn",
    "tax_code",
    "termination_date",
    "union_member",
    "wage",
];

/// Secrets.
const SECRET_COLUMNS: &[&str] =
    &["pass_hash", "password", "password_hash", "pw_hash", "rp_token", "secret", "session_data", "token"];

/// Cards and transactions of customers.
const PAYMENT_COLUMNS: &[&str] = &["card_number", "cc_last_4", "cc_number_enc"];

/// Accounts at banks.
const BANK_COLUMNS: &[&str] = &["account_number", "bank_account", "bic", "iban"];

/// People, at work or not: the tables beside tell which.
const PERSONAL_COLUMNS: &[&str] =
    &["birth_date", "birthdate", "birthday", "date_of_birth", "dob", "gender", "gross", "tax_id"];

/// Customers.
const CUSTOMER_COLUMNS: &[&str] = &["customer_email", "customer_id"];

/// What a column tells of its table by itself.
pub(super) fn class_of_column(column: &str) -> DataClass {
    let lists = [
        (HR_COLUMNS, DataClass::Hr),
        (PAYMENT_COLUMNS, DataClass::Payment),
        (BANK_COLUMNS, DataClass::Payment),
        (SECRET_COLUMNS, DataClass::Credentials),
        (PERSONAL_COLUMNS, DataClass::Customer),
        (CUSTOMER_COLUMNS, DataClass::Customer),
    ];
    lists.into_iter().find(|(columns, _)| columns.contains(&column)).map_or(DataClass::None, |(_, class)| class)
}

/// Words that tell of HR on their own, in names of tables and in paths; sorted.
const HR_WORDS: &[&str] = &[
    "absence",
    "absences",
    "appraisal",
    "appraisals",
    "arbeitszeit",
    "attendance",
    "benefit",
    "benefits",
    "compensation",
    "disciplinary",
    "employee",
    "employees",
    "employment",
    "gehalt",
    "grievance",
    "hr",
    "hris",
    "hrm",
    "krankmeldung",
    "leave",
    "lohn",
    "medical",
    "mitarbeiter",
    "payroll",
    "payslip",
    "payslips",
    "pension",
    "pensions",
    "personnel",
    "salaries",
    "salary",
    "sickness",
    "staff",
    "timesheet",
    "timesheets",
    "urlaub",
    "vacation",
    "wage",
    "wages",
];

/// Words that tell of HR beside others only.
const HR_WORDS_IN_COMPANY: &[&str] = &[
    "bank",
    "bonus",
    "contract",
    "contracts",
    "dependants",
    "directory",
    "medical",
    "performance",
    "review",
    "reviews",
];

/// Prefixes under which an extension keeps its tables.
const HR_PREFIXES: &[&str] = &["employee", "hr", "hris", "hrm", "payroll", "personnel", "staff"];

const HR_SCHEMAS: &[&str] = &["hr", "hris", "hrm", "humanresources", "payroll", "personal", "personnel"];

/// Words of a shop: a table with one of them is none of HR by its words alone.
const SHOP_WORDS: &[&str] = &[
    "cart",
    "catalog",
    "catalogsearch",
    "cms",
    "customer",
    "eav",
    "inventory",
    "newsletter",
    "order",
    "product",
    "products",
    "quote",
    "rating",
    "sales",
    "sku",
    "stock",
    "store",
    "wishlist",
];

/// Words of what is sold: its columns are of no person.
const PRODUCT_WORDS: &[&str] = &["catalog", "catalogsearch", "product", "products"];

/// What the other tables of its schema tell of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Schema {
    Other,
    /// Most are of HR.
    MostlyHr,
    /// All but a few are, or its name says so.
    Hr,
}

/// What a table's name and columns tell.
#[derive(Clone, Debug)]
pub(super) struct Hint {
    built_in: DataClass,
    by_word: Option<String>,
    in_company: Option<String>,
    hr_column: Option<&'static str>,
    bank_column: Option<&'static str>,
    personal_column: Option<&'static str>,
    secret_column: Option<&'static str>,
    payment_column: Option<&'static str>,
    customer_column: Option<&'static str>,
    /// A table of a shop by its words.
    of_shop: bool,
    is_review: bool,
    keeps_access: bool,
    keeps_accounts: bool,
    system: bool,
}

impl Hint {
    pub(super) fn of(name: &str, columns: &BTreeSet<&'static str>) -> Self {
        let (_, table) = parts(name);
        let words = words(table);
        let is = |list: &'static [&str]| words.iter().find(|word| list.contains(&word.as_str())).cloned();
        let column = |list: &'static [&str]| columns.iter().copied().find(|column| list.contains(column));
        let any = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
        Hint {
            built_in: Patterns::of_tables([]).class(name),
            by_word: is(HR_WORDS),
            in_company: is(HR_WORDS_IN_COMPANY),
            hr_column: column(HR_COLUMNS),
            bank_column: column(BANK_COLUMNS),
            personal_column: column(PERSONAL_COLUMNS).filter(|_| !any(PRODUCT_WORDS)),
            secret_column: column(SECRET_COLUMNS),
            payment_column: column(PAYMENT_COLUMNS),
            customer_column: column(CUSTOMER_COLUMNS),
            of_shop: any(SHOP_WORDS),
            is_review: any(&["review", "reviews"]),
            keeps_access: any(&["log", "access"]) && any(&["access", "portal", "login"]),
            keeps_accounts: any(&[
                "account", "accounts", "auth", "login", "logins", "oauth", "session", "sessions", "token",
            ]) || any(&["user", "users"]) && !any(&["group", "preference"]),
            system: is_system(name),
        }
    }

    pub(super) fn is_hr(&self) -> bool {
        !self.system && self.built_in != DataClass::Credentials && (self.by_word.is_some() || self.hr_column.is_some())
    }

    /// The class, and why.
    pub(super) fn decide(&self, schema: Schema) -> (DataClass, String) {
        let in_hr_schema = schema == Schema::Hr;
        let because = |class: DataClass, reason: String| (class, reason);
        let none = || (DataClass::None, "nothing tells of personal data".to_owned());
        if self.system {
            return none();
        }
        match self.built_in {
            DataClass::Credentials => return because(DataClass::Credentials, "accounts, sessions or rights".into()),
            DataClass::Payment | DataClass::Customer if self.by_word.is_none() => {
                return because(self.built_in, "one of Magento's own tables".into());
            }
            _ => {}
        }
        if let (Some(column), true) = (self.secret_column, self.keeps_accounts) {
            return because(DataClass::Credentials, format!("column {column} of a table of accounts"));
        }
        if self.keeps_access && (self.by_word.is_some() || in_hr_schema) {
            return because(DataClass::HrAdjacent, "who looked at what".into());
        }
        if let Some(word) = &self.by_word {
            let column = self.hr_column.or(self.bank_column).or(self.personal_column);
            let column = column.map(|column| format!(", column {column}")).unwrap_or_default();
            return because(DataClass::Hr, format!("`{word}` in the name{column}"));
        }
        if let (Some(column), false) = (self.hr_column, self.of_shop) {
            return because(DataClass::Hr, format!("column {column}"));
        }
        if in_hr_schema {
            return because(
                DataClass::Hr,
                match &self.in_company {
                    Some(word) => format!("`{word}` in a schema of HR data"),
                    None => "in a schema of HR data".into(),
                },
            );
        }
        if self.is_review {
            return because(DataClass::None, "reviews of products: nothing of HR beside them".into());
        }
        if let Some(column) = self.payment_column.or(self.bank_column) {
            return because(DataClass::Payment, format!("column {column}"));
        }
        if let (Some(column), Schema::MostlyHr, false) = (self.personal_column, schema, self.of_shop) {
            return because(DataClass::Hr, format!("column {column}, most tables beside are of HR"));
        }
        if let Some(column) = self.customer_column.or(self.personal_column) {
            return because(DataClass::Customer, format!("column {column}"));
        }
        if self.secret_column.is_some() || self.keeps_accounts && !self.of_shop {
            let sessions = "sessions or accounts by the name";
            return because(
                DataClass::Credentials,
                self.secret_column.map_or(sessions.into(), |column| format!("column {column}")),
            );
        }
        if self.built_in == DataClass::Hr && !self.of_shop {
            return because(DataClass::Hr, "by a built-in pattern".into());
        }
        none()
    }
}

/// Schema and table.
pub(super) fn parts(name: &str) -> (&str, &str) {
    name.split_once('.').unwrap_or(("", name))
}

/// Tables of the server itself.
pub(super) fn is_system(name: &str) -> bool {
    let (schema, _) = parts(name);
    ["information_schema", "mysql", "performance_schema", "pg_catalog", "sys"]
        .iter()
        .any(|system| schema.eq_ignore_ascii_case(system))
}

pub(super) fn is_hr_schema(schema: &str) -> bool {
    words(schema).iter().any(|word| HR_SCHEMAS.contains(&word.as_str()))
}

pub(super) fn is_hr_prefix(prefix: &str) -> bool {
    HR_PREFIXES.iter().any(|known| prefix.eq_ignore_ascii_case(known))
}

/// Lower-case words of a name: parted by signs, and where a capital follows a small letter.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut small_before = false;
    for character in name.chars() {
        let parts = !character.is_alphanumeric() || small_before && character.is_uppercase();
        if parts && words.last().is_some_and(|word| !word.is_empty()) {
            words.push(String::new());
        }
        if character.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(character.to_lowercase());
        }
        small_before = character.is_lowercase();
    }
    words.retain(|word| !word.is_empty());
    words
}

/// A route by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Route {
    pub(super) pattern: String,
    pub(super) word: String,
}

/// The pattern of an HR route: all below the first segment that tells so. `in_portal`: other routes under the same first
/// segment are of HR, so that weaker words count too.
pub(super) fn route(path: &str, in_portal: bool) -> Option<Route> {
    let segments: Vec<&str> = path.split('/').collect();
    if segments.iter().any(|segment| words(segment).iter().any(|word| matches!(word.as_str(), "static" | "media"))) {
        return None;
    }
    for (at, segment) in segments.iter().enumerate() {
        let words = words(segment);
        // The portal's own name, and a page of the shop, say nothing.
        if segment.contains("portal") || segment.ends_with(".html") || segment.ends_with(".php") {
            continue;
        }
        let of_shop = segments.iter().any(|segment| ["product", "catalog"].contains(segment));
        let found = words.iter().find(|word| {
            HR_WORDS.contains(&word.as_str())
                || in_portal && 1 < at && !of_shop && HR_WORDS_IN_COMPANY.contains(&word.as_str())
        });
        if let Some(word) = found {
            let pattern = format!("{}/**", segments[..=at].join("/"));
            return Some(Route { pattern, word: word.clone() });
        }
    }
    None
}

/// Pages on which people look at what is their own.
pub(super) fn is_own_page(path: &str) -> bool {
    let last = path.rsplit('/').find(|segment| !segment.is_empty() && *segment != "*").unwrap_or_default();
    words(last).iter().any(|word| {
        ["account", "auth", "dashboard", "home", "index", "login", "logout", "me", "portal", "profile", "start"]
            .contains(&word.as_str())
    })
}

/// A path with its ids as stars.
pub(super) fn collapsed(path: &str) -> String {
    let segment = |segment: &str| -> String {
        if segment.is_empty() {
            return String::new();
        }
        let digits = segment.bytes().filter(u8::is_ascii_digit).count();
        let hexadecimal = segment.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
        let is_id = digits == segment.len()
            || hexadecimal && 8 <= segment.len() && 0 < digits
            || segment.contains(['%', '@', '*', '\'', '"', '<', ' '])
            || 40 < segment.len();
        let is_version = segment
            .strip_prefix('v')
            .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()));
        if is_id {
            "*".into()
        } else if is_version {
            "v*".into()
        } else if 2 <= digits && segment.contains('-') {
            // product-497.html
            let stem: String = segment.chars().filter(|character| !character.is_ascii_digit()).collect();
            stem.replacen('-', "-*", 1)
        } else {
            segment.to_owned()
        }
    };
    let mut segments: Vec<String> = path.split('/').take(12).map(segment).collect();
    if 12 < path.split('/').count() {
        segments.push("**".into());
    }
    segments.join("/")
}

pub(super) fn is_login(path: &str) -> bool {
    let last = path.rsplit('/').find(|segment| !segment.is_empty()).unwrap_or_default();
    words(last)
        .iter()
        .any(|word| ["authenticate", "login", "loginpost", "logon", "signin", "token"].contains(&word.as_str()))
        && !path.ends_with(".php")
}

/// The name of the view that a statement's text defines, as it is written there.
pub(super) fn view_defined(text: &str) -> Option<String> {
    let start = upper(text, 400);
    let create = start.find("CREATE ")?;
    let view = create + start[create..].find(" VIEW ")?;
    // Words of CREATE … VIEW only: no parenthesis or AS before.
    if start[create..view].contains(['(', ';']) || start[create..view].contains(" AS ") {
        return None;
    }
    let mut name = text[view + " VIEW ".len()..].trim_start();
    if upper(name, 14) == "IF NOT EXISTS " {
        name = name[14..].trim_start();
    }
    let end = name.find(|character: char| character.is_whitespace() || character == '(').unwrap_or(name.len());
    let name: String = name[..end].chars().filter(|character| !"`\"".contains(*character)).collect();
    (!name.is_empty() && name.len() <= 128).then_some(name)
}

/// Whether a statement fills one table from others.
pub(super) fn copies(text: &str) -> bool {
    let start = upper(text, 4000);
    let into = ["INSERT INTO ", "INSERT IGNORE INTO ", "REPLACE INTO ", "CREATE TABLE ", "CREATE TEMPORARY TABLE "];
    into.iter().any(|words| start.contains(words)) && start.contains("SELECT ")
}

/// The beginning in capitals; as long in bytes as the text.
fn upper(text: &str, bytes: usize) -> String {
    text[..text.floor_char_boundary(bytes)].to_ascii_uppercase()
}

/// The first word that writes; for telling statements of a table apart.
pub(super) fn verb(text: &str) -> &'static str {
    let start = upper(text, 4000);
    let first =
        ["INSERT", "UPDATE", "DELETE", "REPLACE"].into_iter().filter_map(|verb| Some((start.find(verb)?, verb)));
    first.min().map_or("", |(_, verb)| verb)
}

/// Whether a statement is of a trigger's body, which alone may name the rows of the statement that fired it.
pub(super) fn is_of_a_trigger(text: &str) -> bool {
    let start = upper(text, 4000);
    ["NEW.", "OLD."].iter().any(|row| start.contains(row)) && !start.contains("CREATE ")
}

/// A path of the characters that URLs are made of: anything else is an attack, or a forged line.
pub(super) fn is_plain_path(path: &str) -> bool {
    path.starts_with('/')
        && !path.chars().any(|character| character.is_control() || " []\"<>{}\\^`|*".contains(character))
}

/// A column that tells of its table, in whatever letters it is written.
pub(super) fn column(name: &str) -> Option<&'static str> {
    let place = |name: &str| COLUMNS.binary_search(&name).ok();
    let place = place(name).or_else(|| place(&name.to_ascii_lowercase()))?;
    Some(COLUMNS[place])
}

/// Tags in the comments of a statement: key, value, place.
pub(super) fn tags(text: &str) -> Vec<(&str, &str, Place)> {
    let mut found = Vec::new();
    let mut rest = text;
    for _ in 0..8 {
        let Some((_, after)) = rest.split_once("/*") else { break };
        let Some((comment, behind)) = after.split_once("*/") else { break };
        rest = behind;
        let Some(place) = place(behind) else { continue };
        for pair in comment.split(',').take(16) {
            let Some((key, value)) = pair.split_once('=') else { continue };
            let (key, value) = (key.trim(), value.trim().trim_matches(['\'', '\\', '"']));
            let is_key = !key.is_empty()
                && key.len() <= 40
                && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
            if is_key && !value.is_empty() && value.len() <= 128 {
                found.push((key, value, place));
            }
        }
    }
    found
}

/// Where a comment stands, by what follows it.
fn place(behind: &str) -> Option<Place> {
    let short = behind.len() <= 40 && !behind.bytes().any(|byte| byte.is_ascii_alphabetic());
    if short {
        return Some(Place::End);
    }
    let verb: String = behind.trim_start().chars().take_while(char::is_ascii_alphabetic).collect();
    let is_verb = ["SELECT", "INSERT", "UPDATE", "DELETE", "REPLACE", "WITH", "CALL"]
        .iter()
        .any(|known| verb.eq_ignore_ascii_case(known));
    is_verb.then_some(Place::Front)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_sorted_where_they_are_searched() {
        assert!(COLUMNS.is_sorted() && HR_WORDS.is_sorted());
        let lists =
            [HR_COLUMNS, SECRET_COLUMNS, PAYMENT_COLUMNS, BANK_COLUMNS, PERSONAL_COLUMNS, CUSTOMER_COLUMNS].concat();
        assert!(lists.iter().all(|column| COLUMNS.contains(column)));
        for column in COLUMNS {
            assert_eq!(lists.iter().filter(|other| *other == column).count(), 1, "{column}");
        }
    }

    #[test]
    fn every_column_gives_a_table_a_class() {
        for column in COLUMNS {
            let hint = Hint::of("shop.t", &[*column].into());
            for schema in [Schema::Other, Schema::MostlyHr, Schema::Hr] {
                assert_ne!(hint.decide(schema).0, DataClass::None, "{column} {schema:?}");
            }
        }
    }

    #[test]
    fn tables_by_name_and_columns() {
        let of = |name: &str, columns: &[&'static str], in_hr_schema: bool| {
            let schema = if in_hr_schema { Schema::Hr } else { Schema::Other };
            Hint::of(name, &columns.iter().copied().collect()).decide(schema).0
        };
        for (name, class) in [
            ("magento.hr_payroll", DataClass::Hr),
            ("magento.HrEmployee", DataClass::Hr),
            ("magento.hr_performance_review", DataClass::Hr),
            ("magento.hr_überstunden_残業", DataClass::Hr),
            ("magento.review", DataClass::None),
            ("magento.review_detail", DataClass::None),
            ("magento.yotpo_reviews", DataClass::None),
            ("magento.catalog_product_entity", DataClass::None),
            ("magento.cataloginventory_stock_item", DataClass::None),
            ("magento.url_rewrite", DataClass::None),
            ("magento.core_config_data", DataClass::None),
            ("magento.customer_entity", DataClass::Customer),
            ("magento.sales_order_payment", DataClass::Payment),
            ("magento.vault_payment_token", DataClass::Payment),
            ("magento.admin_user", DataClass::Credentials),
            ("magento.oauth_token", DataClass::Credentials),
            ("magento.session", DataClass::Credentials),
            ("magento.employee_portal_session", DataClass::Credentials),
            ("magento.employee_portal_access_log", DataClass::HrAdjacent),
            ("mysql.proc", DataClass::None),
        ] {
            assert_eq!(of(name, &[], false), class, "{name}");
        }
        assert_eq!(of("hr.reviews", &["employee_id"], true), DataClass::Hr);
        assert_eq!(of("x.people", &["salary"], false), DataClass::Hr);
        assert_eq!(of("x.people", &[], false), DataClass::None);
        assert_eq!(of("magento.quote", &["customer_email"], false), DataClass::Customer);
        assert_eq!(of("hr.portal_users", &["pw_hash"], true), DataClass::Credentials);
        assert_eq!(of("x.mandates", &["bic", "iban"], false), DataClass::Payment);
        assert_eq!(of("x.people", &["dob"], false), DataClass::Customer);
        assert_eq!(Hint::of("x.people", &["dob"].into()).decide(Schema::MostlyHr).0, DataClass::Hr);
        assert_eq!(of("magento.catalog_product_flat_1", &["gender"], false), DataClass::None);
    }

    #[test]
    fn routes_by_name() {
        for (path, in_portal, pattern) in [
            ("/rest/V1/hr/employees/*", false, Some("/rest/V1/hr/**")),
            ("/employee-portal/dashboard", true, None),
            ("/employee-portal/hr/payslip", true, Some("/employee-portal/hr/**")),
            ("/portal/review", true, Some("/portal/review/**")),
            ("/review/product/list", false, None),
            ("/product-*.html", true, None),
            ("/portal/payroll/payslip", true, Some("/portal/payroll/**")),
        ] {
            assert_eq!(route(path, in_portal).map(|route| route.pattern).as_deref(), pattern, "{path}");
        }
    }

    #[test]
    fn ids_become_stars() {
        for (path, pattern) in [
            ("/rest/V1/hr/employees/123", "/rest/V1/hr/employees/*"),
            ("/portal/v2/hr/employee/view", "/portal/v*/hr/employee/view"),
            ("/x/550e8400-e29b-41d4-a716-446655440000/y", "/x/*/y"),
            ("/product-497.html", "/product-*.html"),
            ("/a/o'brien", "/a/*"),
            ("/portal/deadbeef", "/portal/deadbeef"),
        ] {
            assert_eq!(collapsed(path), pattern);
        }
    }

    #[test]
    fn tags_with_their_place() {
        assert_eq!(tags("x,'SELECT 1 FROM t WHERE a=\\'b\\' /*uid=u1*/',0"), [("uid", "u1", Place::End)]);
        assert_eq!(
            tags("/*user='j',route='a%2Fb'*/ SELECT 1"),
            [("user", "j", Place::Front), ("route", "a%2Fb", Place::Front)]
        );
        assert_eq!(tags("SELECT /* uid=u1 */ a FROM t"), []);
        assert_eq!(tags("SELECT 1 /*uid"), []);
    }

    #[test]
    fn views_and_copies_by_their_text() {
        let view = |text: &str| view_defined(text);
        assert_eq!(
            view("x,'CREATE OR REPLACE SQL SECURITY DEFINER VIEW `v`(a) AS SELECT 1 FROM t',0"),
            Some("v".into())
        );
        assert_eq!(view("create view if not exists hr.v as select 1"), Some("hr.v".into()));
        assert_eq!(view("CREATE TABLE t (a int) COMMENT='no VIEW here'"), None);
        assert!(copies("INSERT INTO x SELECT * FROM hr_employee") && !copies("INSERT INTO x VALUES (1)"));
    }

    #[test]
    fn telling_columns_in_any_letters() {
        assert_eq!(
            ["SALARY", "iban", "Net_Pay", "sku", ""].map(column),
            [Some("salary"), Some("iban"), Some("net_pay"), None, None]
        );
    }
}
