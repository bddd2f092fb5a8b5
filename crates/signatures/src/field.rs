//! What a rule may ask about, and what an entry answers.
//!
//! | field | of a request |
//! |---|---|
//! | `cs-method` | `GET`, `POST` |
//! | `cs-uri`, `c-uri` | path and query |
//! | `cs-uri-stem`, `c-uri-stem` | path |
//! | `cs-uri-query`, `c-uri-query` | query; and path with query, because the rules of SigmaHQ look for paths there |
//! | `cs-user-agent`, `c-useragent` | agent |
//! | `cs-referer`, `cs-referrer` | referer |
//! | `cs-host` | virtual host, where it is logged |
//! | `sc-status`, `sc-bytes` | status, bytes of the answer |
//! | `c-ip`, `src_ip` | client, behind the proxies that are trusted |
//! | `cs-username` | who is logged in, or tried to |
//!
//! | field | of a statement |
//! |---|---|
//! | `db.statement`, `query` | its text |
//! | `db.user`, `user` | database account, or the person where the application's own log says it |
//! | `db.host` | client, as the database names it |
//! | `c-ip`, `src_ip` | client, if that is an address |
//! | `db.table` | each table it touches, as `name` and as `schema.name` |
//! | `db.operation` | `read`, `write`, `administer` or `other` |
//!
//! **Forms.** Addresses are looked at as they were sent, percent-decoded up to [`DECODINGS_MAX`] times (`+` is a blank in a query), and
//! with `//`, `/./` and `/../` resolved; statements as they are written, and with each comment and stretch of white space as one blank
//! (what stands in `/*! … */` runs, and stays). A value matches if any form does, so a rule is written once. The price: `not` asks
//! that *no* form matches.
//!
//! What is beyond [`REQUEST_TEXT_BYTES_MAX`] in one text of a request is not seen. Statements are as long as an entry may be.

use crate::limits::{DECODINGS_MAX, REQUEST_TEXT_BYTES_MAX};
use activity::{Activity, Actor, Operation, Resource};
use formats::{comparable_path, percent_decoded};
use std::{borrow::Cow, cell::OnceCell};

/// Which entries a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Category {
    /// Requests.
    Webserver,
    /// Statements.
    Database,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    Method,
    Uri,
    Stem,
    Query,
    Agent,
    Referer,
    Host,
    Status,
    Bytes,
    Address,
    User,
    Statement,
    ClientHost,
    Table,
    Operation,
}

impl Category {
    pub(crate) const ALL: [Category; 2] = [Category::Webserver, Category::Database];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Category::Webserver => "webserver",
            Category::Database => "database",
        }
    }

    /// Of the entry; `None`: it is neither a request nor a statement.
    pub(crate) fn of(activity: &Activity<'_>) -> Option<Self> {
        match activity.asked {
            Some(_) => Some(Category::Webserver),
            None => activity.statement.as_ref().map(|_| Category::Database),
        }
    }

    /// Names of its fields; the first of each is the one to recommend.
    pub(crate) const fn fields(self) -> &'static [(&'static str, Field)] {
        match self {
            Category::Webserver => &[
                ("cs-method", Field::Method),
                ("cs-uri", Field::Uri),
                ("c-uri", Field::Uri),
                ("cs-uri-stem", Field::Stem),
                ("c-uri-stem", Field::Stem),
                ("cs-uri-query", Field::Query),
                ("c-uri-query", Field::Query),
                ("cs-user-agent", Field::Agent),
                ("c-useragent", Field::Agent),
                ("cs-referer", Field::Referer),
                ("cs-referrer", Field::Referer),
                ("cs-host", Field::Host),
                ("sc-status", Field::Status),
                ("sc-bytes", Field::Bytes),
                ("c-ip", Field::Address),
                ("src_ip", Field::Address),
                ("cs-username", Field::User),
            ],
            Category::Database => &[
                ("db.statement", Field::Statement),
                ("query", Field::Statement),
                ("db.user", Field::User),
                ("user", Field::User),
                ("db.host", Field::ClientHost),
                ("c-ip", Field::Address),
                ("src_ip", Field::Address),
                ("db.table", Field::Table),
                ("db.operation", Field::Operation),
            ],
        }
    }

    /// Where a keyword without a field is looked for.
    pub(crate) const fn keyword_fields(self) -> &'static [Field] {
        match self {
            Category::Webserver => &[Field::Uri, Field::Agent, Field::Referer],
            Category::Database => &[Field::Statement],
        }
    }
}

impl Field {
    pub(crate) const COUNT: usize = 15;

    /// Numbers that can be compared.
    pub(crate) const fn is_number(self) -> bool {
        matches!(self, Field::Status | Field::Bytes)
    }
}

/// One form of a field.
#[derive(Clone, Debug)]
pub(crate) struct Text<'a> {
    pub(crate) plain: Cow<'a, str>,
    /// With small ASCII letters.
    pub(crate) lower: String,
}

impl<'a> Text<'a> {
    fn new(plain: Cow<'a, str>) -> Self {
        let lower = plain.to_ascii_lowercase();
        Text { plain, lower }
    }
}

/// The forms of an entry's fields, made when a rule asks.
pub(crate) struct View<'a> {
    activity: &'a Activity<'a>,
    forms: [OnceCell<Vec<Text<'a>>>; Field::COUNT],
}

impl<'a> View<'a> {
    pub(crate) fn new(activity: &'a Activity<'a>) -> Self {
        View { activity, forms: [const { OnceCell::new() }; Field::COUNT] }
    }

    /// All forms of a field; none if the entry does not have it.
    pub(crate) fn texts(&self, field: Field) -> &[Text<'a>] {
        self.forms[field as usize].get_or_init(|| {
            let mut forms: Vec<Cow<'a, str>> = Vec::new();
            self.collect(field, &mut forms);
            forms.retain(|form| !form.is_empty());
            forms.into_iter().map(Text::new).collect()
        })
    }

    pub(crate) fn number(&self, field: Field) -> Option<i64> {
        match field {
            Field::Status => self.activity.asked.as_ref().map(|asked| i64::from(asked.status)),
            Field::Bytes => self.activity.measures.bytes.map(|bytes| i64::try_from(bytes).unwrap_or(i64::MAX)),
            _ => None,
        }
    }

    pub(crate) fn address(&self) -> Option<std::net::IpAddr> {
        self.activity.address
    }

    fn collect(&self, field: Field, forms: &mut Vec<Cow<'a, str>>) {
        let activity = self.activity;
        let asked = activity.asked.as_ref();
        let bounded = |text: &'a str| Cow::Borrowed(within(text));
        match field {
            Field::Method => forms.extend(asked.map(|asked| bounded(&asked.method))),
            Field::Stem | Field::Uri => addresses(activity, field == Field::Uri, forms),
            Field::Query => {
                if let Some(asked) = asked {
                    decodings(within(&asked.query), true, forms);
                }
                addresses(activity, true, forms);
            }
            Field::Agent => forms.extend(activity.agent.as_deref().map(bounded)),
            Field::Referer => forms.extend(asked.map(|asked| bounded(&asked.referer))),
            Field::Host => forms.extend(asked.map(|asked| bounded(&asked.host))),
            Field::Status | Field::Bytes => {
                forms.extend(self.number(field).map(|number| Cow::Owned(number.to_string())));
            }
            Field::Address => forms.extend(activity.address.map(|address| Cow::Owned(address.to_string()))),
            Field::User => match &activity.actor {
                Actor::PortalUser(user) | Actor::DbAccount(user) => forms.push(bounded(user)),
                Actor::IntegrationKey(_) | Actor::Anonymous => {}
            },
            Field::Statement => {
                if let Some(text) = activity.statement.as_deref() {
                    forms.push(Cow::Borrowed(text));
                    forms.extend(folded(text).map(Cow::Owned));
                }
            }
            Field::ClientHost => forms.extend(activity.client_host.as_deref().map(bounded)),
            Field::Table => {
                for resource in &activity.resources {
                    if let Resource::Table { schema, name } = resource {
                        forms.push(bounded(name));
                        if !schema.is_empty() {
                            forms.push(resource.name());
                        }
                    }
                }
            }
            Field::Operation => {
                let name = match activity.operation {
                    Operation::Read | Operation::TableRead => "read",
                    Operation::Write | Operation::TableWrite => "write",
                    Operation::Administer => "administer",
                    _ => "other",
                };
                forms.push(Cow::Borrowed(name));
            }
        }
    }
}

/// The path of a request.
pub(crate) fn path<'a>(activity: &'a Activity<'a>) -> &'a str {
    let path = activity.resources.iter().find_map(|resource| match resource {
        Resource::Route(path) => Some(&**path),
        Resource::Table { .. } => None,
    });
    within(path.unwrap_or_default())
}

/// The query of a request.
pub(crate) fn query<'a>(activity: &'a Activity<'a>) -> &'a str {
    within(activity.asked.as_ref().map_or("", |asked| &asked.query))
}

/// The forms of an address: as it was sent, decoded once and again, resolved.
fn addresses<'a>(activity: &'a Activity<'a>, with_query: bool, forms: &mut Vec<Cow<'a, str>>) {
    let (path, query) = (path(activity), if with_query { query(activity) } else { "" });
    let whole = |path: Cow<'a, str>, query: &str| {
        if query.is_empty() { path } else { Cow::Owned(format!("{path}?{query}")) }
    };
    let resolved = comparable_path(path);
    let first = forms.len();
    forms.push(whole(Cow::Borrowed(path), query));
    let (mut path, mut query) = (Cow::Borrowed(path), Cow::Borrowed(query));
    for _ in 0..DECODINGS_MAX {
        (path, query) = (decoded(path, false), decoded(query, true));
        forms.push(whole(path.clone(), &query));
    }
    forms.push(whole(resolved, &query));
    dedup(forms, first);
}

/// A text as it was sent, and decoded once and again.
fn decodings<'a>(text: &'a str, plus: bool, forms: &mut Vec<Cow<'a, str>>) {
    let first = forms.len();
    let mut text = Cow::Borrowed(text);
    forms.push(text.clone());
    for _ in 0..DECODINGS_MAX {
        text = decoded(text, plus);
        forms.push(text.clone());
    }
    dedup(forms, first);
}

fn dedup(forms: &mut Vec<Cow<'_, str>>, first: usize) {
    let mut at = first + 1;
    while at < forms.len() {
        if forms[first..at].contains(&forms[at]) {
            forms.remove(at);
        } else {
            at += 1;
        }
    }
}

pub(crate) fn decoded(text: Cow<'_, str>, plus: bool) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => percent_decoded(text, plus),
        Cow::Owned(text) => Cow::Owned(percent_decoded(&text, plus).into_owned()),
    }
}

/// As much as is looked at.
pub(crate) fn within(text: &str) -> &str {
    let mut end = text.len().min(REQUEST_TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// A statement with each comment and stretch of white space outside of literals as one blank; `None` if it has none but single blanks.
///
/// It never brings together what did not stand together: whatever goes leaves a blank. The sieve relies on that.
fn folded(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let is_plain = |at: usize| match bytes[at] {
        b'\t' | b'\n' | b'\r' | b'\x0b' | b'\x0c' => false,
        b' ' => bytes.get(at + 1) != Some(&b' '),
        b'/' => bytes.get(at + 1) != Some(&b'*'),
        _ => true,
    };
    if (0..bytes.len()).all(is_plain) {
        return None;
    }
    let mut folded = String::with_capacity(text.len());
    let mut quote = None;
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let mut length = character.len_utf8();
        if let Some(open) = quote {
            folded.push(character);
            if character == '\\' && open != '`' {
                let escaped = rest[length..].chars().next();
                folded.extend(escaped);
                length += escaped.map_or(0, char::len_utf8);
            } else if character == open {
                quote = None;
            }
        } else if let Some(comment) = rest.strip_prefix("/*") {
            length = match comment.strip_prefix('!') {
                Some(code) => 3 + code.bytes().take_while(u8::is_ascii_digit).count(),
                None => comment.find("*/").map_or(rest.len(), |end| end + 4),
            };
            blank(&mut folded);
        } else if rest.starts_with("*/") {
            length = 2;
            blank(&mut folded);
        } else if character.is_ascii_whitespace() || character == '\x0b' {
            blank(&mut folded);
        } else {
            quote = matches!(character, '\'' | '"' | '`').then_some(character);
            folded.push(character);
        }
        rest = &rest[length..];
    }
    Some(folded)
}

fn blank(folded: &mut String) {
    if !folded.ends_with(' ') {
        folded.push(' ');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use activity::{Asked, Timestamp};

    fn forms(path: &str, query: &str, field: Field) -> Vec<String> {
        let mut activity = Activity::new(Timestamp::from_secs(0), Operation::Request);
        activity.resources.push(Resource::Route(path.into()));
        activity.asked = Some(Asked { query: query.into(), ..Asked::default() });
        View::new(&activity).texts(field).iter().map(|text| text.plain.to_string()).collect()
    }

    #[test]
    fn an_address_has_each_form_once() {
        assert_eq!(forms("/a", "", Field::Uri), ["/a"]);
        assert_eq!(forms("/a", "b=1+2", Field::Uri), ["/a?b=1+2", "/a?b=1 2"]);
        assert_eq!(forms("/%2561", "", Field::Stem), ["/%2561", "/%61", "/a"]);
        assert_eq!(forms("/x/../app//etc/", "", Field::Stem), ["/x/../app//etc/", "/app/etc"]);
        assert_eq!(forms("/a", "%62", Field::Query), ["%62", "b", "/a?%62", "/a?b"]);
        assert!(forms("", "", Field::Stem).is_empty());
    }

    #[test]
    fn comments_and_white_space_are_one_blank() {
        for (text, expected) in [
            ("SELECT a FROM b", None),
            ("SELECT  a", Some("SELECT a")),
            ("INTO/**/OUTFILE", Some("INTO OUTFILE")),
            ("INTO/* x */ \n\t/**/OUTFILE", Some("INTO OUTFILE")),
            ("1/*!50000UNION*//*!SELECT*/ 2", Some("1 UNION SELECT 2")),
            ("SELECT '/*', x INTO/**/OUTFILE '*/'", Some("SELECT '/*', x INTO OUTFILE '*/'")),
            ("SELECT 'a\\'/*', 1/**/+1", Some("SELECT 'a\\'/*', 1 +1")),
            ("SELECT `/*`  x", Some("SELECT `/*` x")),
            ("a /* open", Some("a ")),
        ] {
            assert_eq!(folded(text).as_deref(), expected, "{text}");
        }
    }
}
