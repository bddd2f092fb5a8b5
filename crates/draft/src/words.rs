//! The words of all documents, one catalogue per language. A language that lacks one does not compile; a test counts the gaps in each.

mod de;
mod en;

use activity::{DataClass, EntityKind, Timestamp};
use serde::{Deserialize, Serialize};

/// A language that documents are written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Language {
    #[default]
    #[serde(rename = "en")]
    English,
    #[serde(rename = "de")]
    German,
}

impl Language {
    pub const ALL: [Language; 2] = [Language::English, Language::German];

    /// BCP 47: `en`, `de`.
    pub const fn tag(self) -> &'static str {
        match self {
            Language::English => "en",
            Language::German => "de",
        }
    }

    pub(crate) const fn words(self) -> &'static Words {
        match self {
            Language::English => &en::WORDS,
            Language::German => &de::WORDS,
        }
    }
}

/// `{}` marks a gap; [`fill`] fills gaps in their order.
pub(crate) struct Words {
    pub(crate) drill: &'static str,
    pub(crate) not_known: &'static str,
    pub(crate) cut: &'static str,
    pub(crate) and_more: &'static str,

    // To the authority.
    pub(crate) authority_title: &'static str,
    /// Initial, follow-up, final.
    pub(crate) phases: [&'static str; 3],
    pub(crate) reference: &'static str,
    pub(crate) news: &'static str,
    pub(crate) news_since: &'static str,
    pub(crate) no_news: &'static str,
    pub(crate) gone: &'static str,
    pub(crate) controller: &'static str,
    pub(crate) address: &'static str,
    pub(crate) representative: &'static str,
    pub(crate) nature: &'static str,
    pub(crate) confidentiality: &'static str,
    pub(crate) integrity: &'static str,
    /// By [`crate::Sign`].
    pub(crate) signs: [&'static str; 4],
    pub(crate) through: &'static str,
    pub(crate) seen_between: &'static str,
    pub(crate) aware_since: &'static str,
    pub(crate) data: &'static str,
    pub(crate) numbers: &'static str,
    /// What, at least, known by, at most, known by.
    pub(crate) numbers_header: [&'static str; 5],
    pub(crate) people: &'static str,
    pub(crate) people_in: &'static str,
    pub(crate) places_beyond: &'static str,
    pub(crate) records: &'static str,
    pub(crate) no_bound: &'static str,
    /// By [`crate::KnownBy`].
    pub(crate) known_by: [&'static str; 5],
    pub(crate) contact: &'static str,
    pub(crate) consequences: &'static str,
    pub(crate) measures: &'static str,
    pub(crate) contained: &'static str,
    pub(crate) told: &'static str,
    pub(crate) told_at: &'static str,
    pub(crate) delay: &'static str,
    pub(crate) due_was: &'static str,
    pub(crate) remarks: &'static str,

    // To the people.
    pub(crate) people_title: &'static str,
    pub(crate) people_lead: &'static str,
    pub(crate) what_happened: &'static str,
    pub(crate) happened_between: &'static str,
    pub(crate) what_data: &'static str,
    pub(crate) what_it_means: &'static str,
    pub(crate) what_we_do: &'static str,
    pub(crate) what_you_can_do: &'static str,
    pub(crate) whom_to_ask: &'static str,

    /// By [`crate::Open`].
    pub(crate) open: [&'static str; 12],
    /// By [`DataClass`], without the last.
    pub(crate) classes: [&'static str; 5],
    /// One and many, by [`EntityKind`] as in [`kind_at`].
    pub(crate) kinds: [(&'static str, &'static str); 8],
    /// January first.
    pub(crate) months: [&'static str; 12],
    /// Day, month, year, hour, minute.
    pub(crate) time: &'static str,
    pub(crate) thousands: char,
    pub(crate) and: &'static str,
}

impl Words {
    /// `2 March 2026, 21:14 UTC`.
    pub(crate) fn time(&self, at: Timestamp) -> String {
        let (year, month, day, hour, minute, _, _) = at.to_civil();
        let month = self.months.get(month.saturating_sub(1) as usize).copied().unwrap_or_default();
        let clock = [format!("{hour:02}"), format!("{minute:02}")];
        fill(self.time, &[&day.to_string(), month, &year.to_string(), &clock[0], &clock[1]])
    }

    /// `1,840`.
    pub(crate) fn number(&self, number: u64) -> String {
        let digits = number.to_string();
        let mut text = String::new();
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                text.push(self.thousands);
            }
            text.push(digit);
        }
        text
    }

    pub(crate) fn class(&self, class: DataClass) -> Option<&'static str> {
        let at = DataClass::ALL.iter().position(|other| *other == class)?;
        self.classes.get(at).copied()
    }

    /// `2 portal accounts`; `None`: a kind that says nothing to readers outside the house.
    pub(crate) fn counted(&self, kind: EntityKind, n: u64) -> Option<String> {
        let (one, many) = self.kinds.get(kind_at(kind)?)?;
        Some(format!("{} {}", self.number(n), if n == 1 { one } else { many }))
    }

    /// `a, b and c`.
    pub(crate) fn list(&self, items: &[String]) -> String {
        match items {
            [] => String::new(),
            [one] => one.clone(),
            [first @ .., last] => format!("{} {} {last}", first.join(", "), self.and),
        }
    }
}

const fn kind_at(kind: EntityKind) -> Option<usize> {
    match kind {
        EntityKind::PortalUser => Some(0),
        EntityKind::DbAccount => Some(1),
        EntityKind::IntegrationKey => Some(2),
        EntityKind::Address => Some(3),
        EntityKind::Network => Some(4),
        EntityKind::Session => Some(5),
        EntityKind::AppHost => Some(6),
        EntityKind::Route => Some(7),
        EntityKind::Table | EntityKind::UserTable | EntityKind::Source | EntityKind::Fleet => None,
    }
}

/// Fills the gaps of a sentence of ours. What fills them is never looked into.
pub(crate) fn fill(sentence: &str, with: &[&str]) -> String {
    let mut filled = String::new();
    let mut with = with.iter();
    let mut parts = sentence.split("{}");
    filled.push_str(parts.next().unwrap_or_default());
    for part in parts {
        filled.push_str(with.next().copied().unwrap_or("…"));
        filled.push_str(part);
    }
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every sentence of a catalogue, in one order.
    fn all(words: &Words) -> Vec<&'static str> {
        let single = [
            words.drill,
            words.not_known,
            words.cut,
            words.and_more,
            words.authority_title,
            words.reference,
            words.news,
            words.news_since,
            words.no_news,
            words.gone,
            words.controller,
            words.address,
            words.representative,
            words.nature,
            words.confidentiality,
            words.integrity,
            words.through,
            words.seen_between,
            words.aware_since,
            words.data,
            words.numbers,
            words.people,
            words.people_in,
            words.places_beyond,
            words.records,
            words.no_bound,
            words.contact,
            words.consequences,
            words.measures,
            words.contained,
            words.told,
            words.told_at,
            words.delay,
            words.due_was,
            words.remarks,
            words.people_title,
            words.people_lead,
            words.what_happened,
            words.happened_between,
            words.what_data,
            words.what_it_means,
            words.what_we_do,
            words.what_you_can_do,
            words.whom_to_ask,
            words.time,
            words.and,
        ];
        let lists = words.phases.iter().chain(&words.signs).chain(&words.numbers_header).chain(&words.known_by);
        let kinds = words.kinds.iter().flat_map(|(one, many)| [*one, *many]);
        let more = words.open.iter().chain(&words.classes).chain(&words.months);
        single.into_iter().chain(lists.copied()).chain(kinds).chain(more.copied()).collect()
    }

    #[test]
    fn every_language_says_all_of_it_with_the_same_gaps() {
        let english = all(&en::WORDS);
        for language in Language::ALL {
            let words = all(language.words());
            assert_eq!(words.len(), english.len());
            for (word, original) in words.iter().zip(&english) {
                assert!(!word.trim().is_empty(), "`{original}` in {}", language.tag());
                assert_eq!(word.matches("{}").count(), original.matches("{}").count(), "`{word}` for `{original}`");
            }
        }
    }

    #[test]
    fn numbers_and_times_as_people_write_them() {
        let at = "2026-03-02T21:04:00Z".parse().unwrap();
        let (en, de) = (Language::English.words(), Language::German.words());
        assert_eq!(
            (en.time(at), de.time(at)),
            ("2 March 2026, 21:04 UTC".into(), "2. März 2026, 21:04 Uhr UTC".into())
        );
        assert_eq!(
            (en.number(1_234_567), de.number(1_840), en.number(12)),
            ("1,234,567".into(), "1.840".into(), "12".into())
        );
        assert_eq!(en.list(&["a".into(), "b".into(), "c".into()]), "a, b and c");
    }

    #[test]
    fn what_fills_a_gap_is_not_looked_into() {
        assert_eq!(fill("a {} b {}.", &["{}", "x"]), "a {} b x.");
    }
}
