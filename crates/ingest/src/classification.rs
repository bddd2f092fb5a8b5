//! What a table or a route holds: patterns with a class, the most specific one decides.
//!
//! What is configured goes before what is built in, however specific the latter. The built-in patterns know Magento's own
//! tables and the names that HR extensions use; nobody else's schema can be known, so `breachd discover` proposes more.
//! A route is compared as the application sees it ([`formats::comparable_path`]).

use activity::DataClass;
use formats::{Glob, Specificity};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use DataClass::{Credentials, Customer, Hr, None as Nothing, Payment};

/// Tables known without configuration.
pub const BUILT_IN_TABLES: &[(&str, DataClass)] = &[
    ("*.*employee*", Hr),
    ("*.hr_*", Hr),
    ("*.*payroll*", Hr),
    ("*.*payslip*", Hr),
    ("*.*salar*", Hr),
    ("*.*benefit*", Hr),
    ("*.*absence*", Hr),
    ("*.leave_*", Hr),
    ("*.*_leave", Hr),
    ("*.*medical*", Hr),
    ("*.*review*", Hr),
    // Magento's product reviews.
    ("*.review", Nothing),
    ("*.review_detail", Nothing),
    ("*.review_entity*", Nothing),
    ("*.review_status", Nothing),
    ("*.review_store", Nothing),
    ("*.sales_order*", Payment),
    ("*.sales_invoice*", Payment),
    ("*.sales_creditmemo*", Payment),
    ("*.quote_payment", Payment),
    ("*.*vault*", Payment),
    ("*.customer_*", Customer),
    ("*.newsletter_subscriber", Customer),
    ("*.quote_address", Customer),
    ("*.admin_user*", Credentials),
    ("*.admin_passwords", Credentials),
    ("*.authorization_rule", Credentials),
    ("*.authorization_role", Credentials),
    ("*.oauth_*", Credentials),
    ("*.integration", Credentials),
    ("*.portal_users", Credentials),
    ("*.*_session", Credentials),
    ("mysql.user", Credentials),
    ("mysql.global_priv", Credentials),
];

/// Routes known without configuration.
pub const BUILT_IN_ROUTES: &[(&str, DataClass)] = &[
    ("**/hr/**", Hr),
    ("**/employee/**", Hr),
    ("**/employees/**", Hr),
    ("**/payroll/**", Hr),
    ("**/payslip*/**", Hr),
    ("**/salary/**", Hr),
    ("**/benefits/**", Hr),
    ("**/absence*/**", Hr),
    ("**/leave/**", Hr),
    ("**/timesheet*/**", Hr),
    ("**/medical/**", Hr),
    ("/rest/**/customers/**", Customer),
    ("/rest/**/orders/**", Payment),
];

/// Steps of paths that are those of pages in any application.
const PAGES: &[&str] = &[
    "account",
    "admin",
    "api",
    "auth",
    "catalog",
    "category",
    "checkout",
    "customer",
    "customers",
    "employee-portal",
    "forgotpassword",
    "index",
    "login",
    "logout",
    "newsletter",
    "order",
    "orders",
    "page",
    "pages",
    "portal",
    "product",
    "products",
    "profile",
    "report",
    "reports",
    "rest",
    "sales",
    "search",
    "subscribe",
    "user",
    "users",
];

/// Steps of paths that are known to be those of pages, and so nobody's name: those of patterns, and of words for what is done.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pages {
    /// Lower-case.
    steps: BTreeSet<Box<str>>,
    /// Of steps such as `payslip*`, what stands before the star.
    beginnings: BTreeSet<Box<str>>,
}

impl Pages {
    /// `patterns`: of routes, beside those built in.
    pub(crate) fn new<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Self {
        let mut pages = Pages::default();
        let built_in = BUILT_IN_ROUTES.iter().map(|(pattern, _)| *pattern);
        let words = PAGES.iter().chain(crate::route_ids::VERBS).copied();
        for step in patterns.into_iter().chain(built_in).chain(words).flat_map(|pattern| pattern.split('/')) {
            match step.strip_suffix('*') {
                None if !step.contains('*') => pages.steps.insert(step.to_ascii_lowercase().into()),
                Some(beginning) if !beginning.is_empty() && !beginning.contains('*') => {
                    pages.beginnings.insert(beginning.to_ascii_lowercase().into())
                }
                _ => false,
            };
        }
        pages
    }

    /// A step of a path as it may be shown: itself, or the pattern's step that it matches.
    pub(crate) fn shown<'a>(&self, step: &'a str) -> Option<Cow<'a, str>> {
        if self.steps.contains(step) {
            return Some(Cow::Borrowed(step));
        }
        let beginning = self.beginnings.iter().rev().find(|beginning| step.starts_with(&***beginning))?;
        Some(Cow::Owned(format!("{beginning}*")))
    }
}

/// Patterns of one kind with their classes.
#[derive(Clone, Debug, Default)]
pub struct Patterns {
    configured: Vec<Pattern>,
    built_in: Vec<Pattern>,
    /// Of routes: the digits that stand in a pattern, one bit each, and one that stands in none, if there is any.
    digits: u16,
    any_digit: Option<u8>,
}

#[derive(Clone, Debug)]
struct Pattern {
    glob: Glob,
    /// For tables: the part behind the dot, for names whose schema is not known. None if that is only stars.
    name: Option<Glob>,
    class: DataClass,
}

impl Patterns {
    /// For tables; configured patterns that are none are left out ([`crate::Settings::check`] names them).
    pub fn of_tables<'a>(configured: impl IntoIterator<Item = (&'a str, DataClass)>) -> Self {
        let pattern = |(pattern, class): (&str, DataClass)| {
            let name = pattern.split_once('.').map_or(pattern, |(_, name)| name);
            let name = name.bytes().any(|byte| byte != b'*').then(|| Glob::table(name)).flatten();
            Some(Pattern { glob: Glob::table(pattern)?, name, class })
        };
        Patterns {
            configured: configured.into_iter().filter_map(pattern).collect(),
            built_in: BUILT_IN_TABLES.iter().copied().filter_map(pattern).collect(),
            ..Patterns::default()
        }
    }

    /// For routes.
    pub fn of_routes<'a>(configured: impl IntoIterator<Item = (&'a str, DataClass)>) -> Self {
        let pattern =
            |(pattern, class): (&str, DataClass)| Some(Pattern { glob: Glob::path(pattern)?, name: None, class });
        let configured: Vec<Pattern> = configured.into_iter().filter_map(pattern).collect();
        let built_in: Vec<Pattern> = BUILT_IN_ROUTES.iter().copied().filter_map(pattern).collect();
        let texts = configured.iter().chain(&built_in).flat_map(|pattern| pattern.glob.pattern().bytes());
        let digits = texts.filter(u8::is_ascii_digit).fold(0, |digits: u16, digit| digits | 1 << (digit - b'0'));
        let any_digit = (b'0'..=b'9').find(|digit| digits >> (digit - b'0') & 1 == 0);
        Patterns { configured, built_in, digits, any_digit }
    }

    /// The class of a path, or of `schema.table`; a table whose schema is not known is `.table`.
    pub fn class(&self, text: &str) -> DataClass {
        Self::best(&self.configured, text).or_else(|| Self::best(&self.built_in, text)).unwrap_or(DataClass::None)
    }

    /// Writes a text that has the same class, and is the same for many texts: digits that stand in no pattern are all the same one. (A
    /// pattern looks at a byte either as itself or as any other, see [`Glob`].) So the class of a page is looked up once and not for each
    /// id in its path, of which there are more than anybody remembers.
    pub(crate) fn alike(&self, text: &str, to: &mut Vec<u8>) {
        to.clear();
        match self.any_digit {
            Some(any) => to.extend(text.bytes().map(|byte| {
                let is_any = byte.is_ascii_digit() && self.digits >> (byte - b'0') & 1 == 0;
                if is_any { any } else { byte }
            })),
            None => to.extend_from_slice(text.as_bytes()),
        }
    }

    fn best(patterns: &[Pattern], text: &str) -> Option<DataClass> {
        let without_schema = text.strip_prefix('.');
        let mut best: Option<(Specificity, DataClass)> = None;
        for Pattern { glob, name, class } in patterns {
            let matched = match (without_schema, name) {
                (Some(text), Some(name)) => name.matches(text),
                (Some(_), None) => false,
                (None, _) => glob.matches(text),
            };
            if matched {
                let specificity = glob.specificity();
                best = match best {
                    Some((known, _)) if specificity < known => best,
                    // Two equally specific patterns: the more sensitive class.
                    Some((known, other)) if specificity == known => Some((known, other.min(*class))),
                    _ => Some((specificity, *class)),
                };
            }
        }
        best.map(|(_, class)| class)
    }
}

/// What a pattern is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatternKind {
    Table,
    Route,
}

impl PatternKind {
    fn glob(self, pattern: &str) -> Option<Glob> {
        match self {
            PatternKind::Table => Glob::table(pattern),
            PatternKind::Route => Glob::path(pattern),
        }
    }

    const fn separator(self) -> char {
        match self {
            PatternKind::Table => '.',
            PatternKind::Route => '/',
        }
    }

    fn patterns<'a>(self, configured: impl IntoIterator<Item = (&'a str, DataClass)>) -> Patterns {
        match self {
            PatternKind::Table => Patterns::of_tables(configured),
            PatternKind::Route => Patterns::of_routes(configured),
        }
    }
}

/// What of some patterns is probably not meant: the pattern, and why. `seen`: names or paths that logs hold; empty if not
/// known.
///
/// Whether one pattern covers another is tried on texts made from it, a star standing for nothing, a letter, or (two stars)
/// a separator between letters. That can miss a case, which costs a note.
pub(crate) fn lint(written: &[(&str, DataClass)], seen: &[&str], kind: PatternKind) -> Vec<(String, String)> {
    let mut notes = Vec::new();
    let without_any = kind.patterns([]);
    for (at, (pattern, class)) in written.iter().enumerate() {
        let Some(glob) = kind.glob(pattern) else { continue };
        let mut note = |text: String| notes.push(((*pattern).to_owned(), text));
        let texts = samples(pattern, kind);
        let others: Vec<_> =
            written.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, other)| other).collect();
        // Who decides about a text, if this pattern is asked last or is not there at all.
        let closest = |text: &str| {
            let matching = others.iter().filter_map(|(other, of)| {
                let other_glob = kind.glob(other).filter(|glob| glob.matches(text))?;
                Some((other_glob.specificity(), *other, *of))
            });
            matching.max_by_key(|(specificity, _, of)| (*specificity, std::cmp::Reverse(*of)))
        };
        let decides = |text: &String| {
            closest(text).is_none_or(|(specificity, _, of)| {
                specificity < glob.specificity() || specificity == glob.specificity() && *class <= of
            })
        };
        if !texts.iter().any(decides) {
            let by = texts.first().and_then(|text| closest(text)).map_or("", |(_, other, _)| other);
            note(format!("never decides: `{by}` always does"));
        } else if let Some((_, by, _)) = texts.first().and_then(|text| closest(text))
            && texts.iter().all(|text| closest(text).is_some_and(|(_, _, of)| of == *class))
        {
            note(format!("says nothing that `{by}` does not say: the same class without it"));
        }
        if *class == Nothing {
            let hidden = hidden_hr(pattern, &glob, &without_any, kind);
            if let Some(hidden) = hidden {
                note(format!("class `none` hides what the built-in pattern `{hidden}` calls `hr`"));
            }
        }
        if !seen.is_empty() && *class != Nothing && !seen.iter().any(|text| glob.matches(text)) {
            note("matches nothing in the logs that were read: is it spelt as they do?".into());
        }
    }
    notes
}

/// A built-in HR pattern of which `pattern` takes something.
fn hidden_hr(pattern: &str, glob: &Glob, built_in: &Patterns, kind: PatternKind) -> Option<&'static str> {
    let known = match kind {
        PatternKind::Table => BUILT_IN_TABLES,
        PatternKind::Route => BUILT_IN_ROUTES,
    };
    let hr = known.iter().filter(|(_, class)| *class == Hr);
    let of_both = |other: &str| {
        let mut texts = samples(pattern, kind);
        texts.extend(samples(other, kind));
        if let (PatternKind::Table, Some((schema, _)), Some((_, name))) =
            (kind, pattern.split_once('.'), other.split_once('.'))
        {
            texts.extend(samples(&format!("{schema}.{name}"), kind));
        }
        let other = kind.glob(other);
        texts.iter().any(|text| {
            glob.matches(text) && other.as_ref().is_some_and(|other| other.matches(text)) && built_in.class(text) == Hr
        })
    };
    hr.map(|(other, _)| *other).find(|other| of_both(other))
}

/// Texts that a pattern matches.
fn samples(pattern: &str, kind: PatternKind) -> Vec<String> {
    let separator = kind.separator();
    let one = ["q", "", "zz"];
    let many = ["q".to_owned(), String::new(), format!("q{separator}z")];
    one.iter().zip(&many).map(|(one, many)| pattern.replace("**", many).replace('*', one)).collect()
}

/// Columns with classes: patterns of `schema.table.column`.
///
/// The reader of SQL is told which names to watch for ([`Columns::names`], so a column's own name holds no star), and says
/// which of them a statement names, or `*`. It does not say which table of a join a column belongs to: every table of the
/// statement that the pattern allows gets the class. That errs towards protecting, at the price of a class too many for the
/// other tables of a join.
#[derive(Clone, Debug, Default)]
pub struct Columns {
    /// By column name, lower-case: which tables, which class.
    by_name: BTreeMap<Box<str>, Vec<(Glob, DataClass)>>,
}

impl Columns {
    /// Patterns that are none are left out ([`crate::Settings::check`] names them).
    pub fn new<'a>(configured: impl IntoIterator<Item = (&'a str, DataClass)>) -> Self {
        let mut by_name: BTreeMap<Box<str>, Vec<(Glob, DataClass)>> = BTreeMap::new();
        for (pattern, class) in configured {
            if let Some((table, column)) = Self::parts(pattern) {
                by_name.entry(column.to_lowercase().into()).or_default().push((table, class));
            }
        }
        Columns { by_name }
    }

    /// The pattern of the table and the name of the column; `None` if it is no such pattern.
    pub(crate) fn parts(pattern: &str) -> Option<(Glob, &str)> {
        let (table, column) = pattern.rsplit_once('.')?;
        let plain = !column.is_empty() && !column.contains('*') && table.contains('.');
        plain.then(|| Glob::table(table)).flatten().map(|table| (table, column))
    }

    /// Names to watch for, lower-case.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(|name| &**name)
    }

    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// The class that the columns named give a table, of `schema.table`: the most sensitive. `*` names all of them.
    pub fn class<'a>(&self, table: &str, named: impl IntoIterator<Item = &'a str>) -> Option<DataClass> {
        let of = |patterns: &[(Glob, DataClass)]| {
            patterns.iter().filter(|(glob, _)| glob.matches(table)).map(|(_, class)| *class).min()
        };
        let of_name = |name: &str| {
            if name == "*" {
                self.by_name.values().filter_map(|patterns| of(patterns)).min()
            } else {
                self.by_name.get(name).and_then(|patterns| of(patterns))
            }
        };
        named.into_iter().filter_map(of_name).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_alike_has_one_class() {
        let patterns = Patterns::of_routes([("/rest/V1/hr/4*/**", Hr), ("/7/**", Payment)]);
        let alike = |text: &str| {
            let mut to = Vec::new();
            patterns.alike(text, &mut to);
            String::from_utf8(to).expect("digits are text")
        };
        assert_eq!(alike("/rest/V1/hr/4711/90ä"), "/rest/V1/hr/4711/00ä");
        let digits = ["0", "1", "4", "7", "9", "42", "77", "x"];
        for path in ["/rest/V#/hr/#", "/rest/V1/hr/#/2", "/#/a", "/7/#", "/leave/#", "/#"] {
            for digits in digits {
                let path = path.replace('#', digits);
                assert_eq!(patterns.class(&alike(&path)), patterns.class(&path), "{path}");
            }
        }
        assert_eq!(alike("/view/id/31208"), alike("/view/id/51639"), "ids differ, pages do not");
        let all = Patterns::of_routes([("/0123456789", Hr)]);
        let mut to = Vec::new();
        all.alike("/9", &mut to);
        assert_eq!(to, b"/9");
    }

    #[test]
    fn built_in_tables() {
        let patterns = Patterns::of_tables([]);
        for (table, class) in [
            ("magento.hr_payroll", Hr),
            ("portal.employees", Hr),
            ("portal.reviews", Hr),
            ("magento.review_detail", Nothing),
            ("magento.sales_order_payment", Payment),
            ("magento.customer_entity", Customer),
            ("magento.customer_visitor", Customer),
            ("magento.admin_user", Credentials),
            ("magento.employee_portal_session", Credentials),
            ("magento.catalog_product_entity", Nothing),
            (".hr_payroll", Hr),
            (".catalog_product_entity", Nothing),
        ] {
            assert_eq!(patterns.class(table), class, "{table}");
        }
    }

    #[test]
    fn built_in_routes() {
        let patterns = Patterns::of_routes([]);
        for (route, class) in [
            ("/rest/V1/hr/employees", Hr),
            ("/portal/hr/employee/view", Hr),
            ("/employee-portal/dashboard", Nothing),
            ("/employee-portal/hr/payroll/export", Hr),
            ("/rest/V1/customers/7", Customer),
            ("/product-7.html", Nothing),
        ] {
            assert_eq!(patterns.class(route), class, "{route}");
        }
    }

    #[test]
    fn what_is_configured_goes_first_and_the_more_specific_wins() {
        let patterns = Patterns::of_tables([
            ("hr.*", Hr),
            ("hr.portal_users", Credentials),
            ("*.employees", DataClass::HrAdjacent),
            ("shop.x*", Customer),
            ("shop.*x", Payment),
        ]);
        assert_eq!(patterns.class("hr.anything"), Hr);
        assert_eq!(patterns.class("hr.portal_users"), Credentials);
        assert_eq!(patterns.class("hr.employees"), DataClass::HrAdjacent, "more literal characters");
        assert_eq!(patterns.class("shop.xx"), Payment, "equally specific: the more sensitive");
        assert_eq!(patterns.class(".portal_users"), Credentials);
        assert_eq!(patterns.class(".anything"), Nothing, "a bare star says nothing without its schema");
    }

    #[test]
    fn all_built_in_patterns_are_patterns() {
        assert_eq!(Patterns::of_tables([]).built_in.len(), BUILT_IN_TABLES.len());
        assert_eq!(Patterns::of_routes([]).built_in.len(), BUILT_IN_ROUTES.len());
    }
}
