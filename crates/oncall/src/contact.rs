//! People and offices that can be reached, and teams of them.

use crate::{Mistakes, limits};
use jiff::{
    civil::Date,
    tz::{TimeZone, TimeZoneDatabase},
};
use serde::Deserialize;
use std::collections::BTreeMap;

/// One person or office.
#[derive(Clone, Debug, PartialEq)]
pub struct Contact {
    /// A word by which schedules, policies and commands name it.
    pub name: String,
    /// As people call it.
    pub title: String,
    pub roles: Vec<String>,
    /// By the kind of channel: `email`, `sms`, …
    pub addresses: BTreeMap<String, String>,
    /// BCP 47, such as `de`; empty: not said.
    pub language: String,
    /// Where its day is; `None`: not said.
    pub zone: Option<TimeZone>,
    /// Who attests that it is right: a contact's name, often its own.
    pub owner: String,
    /// The last review by hand.
    pub reviewed_on: Option<Date>,
    /// It is where these obligations' notices go: an authority's contact data. It is never sent a test.
    pub obligations: Vec<String>,
}

/// Contacts that are called together.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Team {
    pub name: String,
    /// Names of contacts.
    pub members: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrittenContact {
    name: String,
    title: String,
    #[serde(default)]
    roles: Vec<String>,
    #[serde(default)]
    addresses: BTreeMap<String, String>,
    #[serde(default)]
    language: String,
    #[serde(default)]
    zone: Option<String>,
    #[serde(default)]
    owner: Option<String>,
    #[serde(default)]
    reviewed_on: Option<String>,
    #[serde(default)]
    obligations: Vec<String>,
}

impl Contact {
    pub fn email(&self) -> Option<&str> {
        self.addresses.get("email").map(String::as_str)
    }

    /// An authority or another recipient outside, which is never sent a test.
    pub fn is_recipient_of_obligations(&self) -> bool {
        !self.obligations.is_empty()
    }

    pub(crate) fn read(written: WrittenContact, path: &str, mistakes: &mut Mistakes) -> Contact {
        let WrittenContact { name, title, roles, addresses, language, zone, owner, reviewed_on, obligations } = written;
        let mut wrong = |key: &str, problem: String| mistakes.push((format!("{path}.{key}"), problem));
        if let Some(problem) = word_problem(&name) {
            wrong("name", problem);
        }
        if let Some(problem) = text_problem(&title) {
            wrong("title", problem);
        }
        for (at, role) in roles.iter().enumerate() {
            if let Some(problem) = text_problem(role) {
                wrong(&format!("roles[{at}]"), problem);
            }
        }
        if roles.len() > limits::ROLES_MAX || obligations.len() > limits::ROLES_MAX {
            wrong("roles", format!("more than {} roles or obligations", limits::ROLES_MAX));
        }
        for (kind, address) in &addresses {
            if let Some(problem) = word_problem(kind).or_else(|| address_problem(kind, address)) {
                wrong(&format!("addresses.{kind}"), problem);
            }
        }
        if language.len() > 35 || !language.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            wrong("language", format!("`{language}` is no language; write a tag such as `de` or `en-GB`"));
        }
        let zone = zone.and_then(|zone| zone_of(&zone).map_err(|problem| wrong("zone", problem)).ok());
        let reviewed_on = reviewed_on.and_then(|day| {
            day.parse::<Date>().map_err(|_| wrong("reviewed_on", format!("`{day}` is no day; write `2026-03-02`"))).ok()
        });
        let owner = owner.unwrap_or_else(|| name.clone());
        Contact { name, title, roles, addresses, language, zone, owner, reviewed_on, obligations }
    }
}

pub(crate) fn zone_of(name: &str) -> Result<TimeZone, String> {
    TimeZoneDatabase::bundled()
        .get(name)
        .map_err(|_| format!("there is no zone `{name}`; write one such as `Europe/Berlin`"))
}

/// A name is an entry of the journal and a word on the command line.
pub(crate) fn word_problem(word: &str) -> Option<String> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
    let right = (1..=limits::WORD_MAX).contains(&word.len()) && word.bytes().all(fits);
    (!right).then(|| format!("must be 1 to {} of a-z, 0-9, `-` and `_`", limits::WORD_MAX))
}

fn text_problem(text: &str) -> Option<String> {
    let right = !text.trim().is_empty()
        && text.chars().nth(limits::TEXT_MAX).is_none()
        && activity::printable(text).as_ref() == text;
    (!right).then(|| format!("must be 1 to {} printable characters", limits::TEXT_MAX))
}

/// What is wrong with an address of a kind of channel; `None`: nothing that can be seen.
///
/// An address of e-mail is held to a form that every relay takes (one `@`, a domain with a dot, ASCII without spaces, quotes
/// and brackets): an address in quotes is legal and never seen, and what a header could misread is worse than refused.
pub fn address_problem(kind: &str, address: &str) -> Option<String> {
    let plain = text_problem(address);
    match kind {
        _ if plain.is_some() => plain,
        "email" => {
            let fits = |byte: u8| byte.is_ascii_graphic() && !b"\"(),:;<>@[\\]".contains(&byte);
            let right = address.split_once('@').is_some_and(|(local, domain)| {
                !local.is_empty()
                    && local.len() <= 64
                    && local.bytes().all(fits)
                    && domain.contains('.')
                    && domain.split('.').all(|label| {
                        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
                    })
            });
            (!right).then(|| "is no mail address such as `ada@example.com`".to_owned())
        }
        "sms" | "phone" | "voice" => {
            let digits = address.strip_prefix('+').unwrap_or_default();
            let right = (7..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
            (!right).then(|| "is no number in international form, such as `+4930123456`, without spaces".to_owned())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_of_a_form_that_nothing_misreads() {
        for address in ["ada@example.com", "a.b+c@x-y.example", "o'brien@example.com"] {
            assert_eq!(address_problem("email", address), None, "{address}");
        }
        for address in [
            "",
            "ada",
            "ada@localhost",
            "a@b@c.de",
            "a b@c.de",
            "<a@c.de>",
            "a@c.de,b@c.de",
            "a@c.de\nBcc: x@y.z",
            "a@.de",
            "a@c..de",
            "\"a\"@c.de",
            "ä@c.de",
        ] {
            assert!(address_problem("email", address).is_some(), "{address}");
        }
        assert_eq!(address_problem("sms", "+4930123456"), None);
        for number in ["030123456", "+49 30 123456", "+4930", "+49301234567890123"] {
            assert!(address_problem("sms", number).is_some(), "{number}");
        }
        assert_eq!(address_problem("matrix", "@ada:example.com"), None, "a kind that this crate does not know");
    }
}
