//! Where people live, by the HR directory: laws ask how many residents of a place a breach concerns.
//!
//! An alert names records by the numbers of employees ([`Record`]); the directory has a number and a `jurisdiction` in each row. Here
//! they meet. Of somebody with several rows the one that begins last says where they live; two that begin together and name different
//! places say nothing. So the answer needs no clock, and a move that is entered beforehand counts at once.
//!
//! Whoever is in no row, or in one without a place, may live anywhere, and is counted so: as nobody in the lower bound of a place and as
//! one in the upper bound of each.

use crate::{Directory, Person, limits::RESIDENCE_PLACES_MAX};
use activity::Record;
use std::collections::{BTreeMap, HashMap};

/// People of the directory by where they live.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Residents {
    digest: Box<str>,
    /// Index into `places`, by employee; `None`: the directory does not say where.
    of: HashMap<Record, Option<u16>>,
    /// Code, and how many live there.
    places: Vec<(Box<str>, u64)>,
    n_people: u64,
    n_unplaced: u64,
}

/// What the directory says of where somebody lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Home<'a> {
    /// ISO 3166 code.
    In(&'a str),
    /// There is a row, but no place, or two at once.
    Unsaid,
    /// No row has this number.
    Unlisted,
}

impl Residents {
    pub fn of(directory: &Directory) -> Residents {
        let mut homes: HashMap<Record, Latest<'_>> = HashMap::new();
        let mut others: Vec<Latest<'_>> = Vec::new();
        for rows in directory.rows() {
            // Logins without a number are one person each, whom no log names.
            let mut unnumbered: Option<Latest<'_>> = None;
            for row in rows {
                match &*row.employee_id {
                    "" => unnumbered.get_or_insert_with(Latest::default).hear(row),
                    id => homes.entry(Record::new("employee", id)).or_default().hear(row),
                }
            }
            others.extend(unnumbered);
        }
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        for place in homes.values().chain(&others).filter_map(Latest::place) {
            *counts.entry(place).or_default() += 1;
        }
        if counts.is_empty() {
            return Residents::default();
        }
        // Those of the most people keep their names.
        let mut by_size: Vec<(&str, u64)> = counts.into_iter().collect();
        by_size.sort_by_key(|(place, n)| (std::cmp::Reverse(*n), *place));
        by_size.truncate(RESIDENCE_PLACES_MAX);
        let index: HashMap<&str, u16> = (0..).zip(&by_size).map(|(at, (place, _))| (*place, at)).collect();
        let n_people = (homes.len() + others.len()) as u64;
        let n_placed: u64 = by_size.iter().map(|(_, n)| n).sum();
        Residents {
            digest: directory.digest().into(),
            of: homes
                .iter()
                .map(|(id, home)| (*id, home.place().and_then(|place| index.get(place).copied())))
                .collect(),
            places: by_size.into_iter().map(|(place, n)| (place.into(), n)).collect(),
            n_people,
            n_unplaced: n_people - n_placed,
        }
    }

    /// The directory says of nobody where they live. Then nothing else is known of it either.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// SHA-256 of the file, in hexadecimal.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Where an employee lives.
    pub fn home(&self, employee: Record) -> Home<'_> {
        match self.of.get(&employee) {
            Some(at) => {
                let place = at.and_then(|at| self.places.get(usize::from(at)));
                place.map_or(Home::Unsaid, |(place, _)| Home::In(place))
            }
            None => Home::Unlisted,
        }
    }

    /// Where people of the directory live.
    pub fn places(&self) -> impl Iterator<Item = &str> {
        self.places.iter().map(|(place, _)| &**place)
    }

    /// How many people of the directory live in a place, those of its subdivisions included.
    pub fn n_in(&self, place: &str) -> u64 {
        self.places.iter().filter(|(code, _)| lies_in(code, place)).map(|(_, n)| n).sum()
    }

    /// How many may live there: [`Residents::n_in`], those of whom only the country is known, and those of whom nothing is.
    pub fn n_perhaps_in(&self, place: &str) -> u64 {
        let vague: u64 = self.places.iter().filter(|(code, _)| may_lie_in(code, place)).map(|(_, n)| n).sum();
        self.n_in(place) + vague + self.n_unplaced
    }

    /// Different people: by their numbers, and where there is none by their logins.
    pub fn n_people(&self) -> u64 {
        self.n_people
    }
}

/// The row that begins last.
#[derive(Default)]
struct Latest<'a> {
    row: Option<&'a Person>,
    contradicted: bool,
}

impl<'a> Latest<'a> {
    fn hear(&mut self, row: &'a Person) {
        match self.row {
            Some(other) if row.from < other.from => {}
            Some(other) if row.from == other.from => self.contradicted |= row.jurisdiction != other.jurisdiction,
            _ => *self = Latest { row: Some(row), contradicted: false },
        }
    }

    fn place(&self) -> Option<&'a str> {
        let place = self.row.filter(|_| !self.contradicted).map(|row| &*row.jurisdiction)?;
        (!place.is_empty()).then_some(place)
    }
}

/// Whether a code is this place, or one of its subdivisions.
pub fn lies_in(code: &str, place: &str) -> bool {
    code == place || code.strip_prefix(place).is_some_and(|rest| rest.starts_with('-'))
}

/// Whether who is known to live in `code`, a country, may live in this subdivision of it.
pub fn may_lie_in(code: &str, place: &str) -> bool {
    code != place && lies_in(place, code)
}

/// A place's code as it is counted: ISO 3166-1 (`DE`) or 3166-2 (`US-CA`). Territories of the United States, which have a code of both
/// kinds, go by that of the subdivision, as the laws do.
///
/// # Errors
/// What is wrong with it, in words.
pub fn place(text: &str) -> Result<Box<str>, String> {
    let mut parts = text.split('-');
    let country = parts.next().unwrap_or_default();
    let (subdivision, more) = (parts.next(), parts.next());
    let fits = |part: &str| {
        (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
    };
    let has_form = country.len() == 2 && subdivision.is_none_or(fits) && more.is_none();
    if !has_form || !country.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Err("is no code of ISO 3166 such as `DE` or `US-CA`".into());
    }
    if !COUNTRIES.split_ascii_whitespace().any(|known| known == country) {
        let advice = match country {
            "UK" => "; write `GB`",
            "EL" => "; write `GR`",
            "EU" => "; name the member state",
            _ => "",
        };
        return Err(format!("names no country of ISO 3166-1{advice}"));
    }
    let is_territory = subdivision.is_none() && TERRITORIES.contains(&country);
    Ok(if is_territory { format!("US-{country}").into() } else { text.into() })
}

/// Of the United States, with codes of their own in ISO 3166-1.
const TERRITORIES: [&str; 6] = ["AS", "GU", "MP", "PR", "UM", "VI"];

/// ISO 3166-1 alpha-2, officially assigned.
const COUNTRIES: &str = "\
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ \
    CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR \
    GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP \
    KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT \
    MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW \
    SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ \
    UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW";

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "user,role,department,employee_id,from,to,zone,jurisdiction\n";

    fn residents(rows: &str) -> Residents {
        Residents::of(&Directory::parse(&format!("{HEADER}{rows}")).unwrap())
    }

    fn employee(id: &str) -> Record {
        Record::new("employee", id)
    }

    #[test]
    fn the_row_that_begins_last_says_where_somebody_lives() {
        let moved = "u1,ess,d,7,2025-01-01,,UTC,US-CA\nu1,ess,d,7,,2024-12-31,UTC,DE\n";
        let twice = "u2,ess,d,8,,,UTC,DE\nadm2,admin,d,8,,,UTC,FR\n";
        let residents =
            residents(&format!("{moved}{twice},,,0009,,,,US\nsvc,service,d,,,,UTC,DE\nu3,ess,d,10,,,UTC,\n"));
        assert_eq!(residents.home(employee("7")), Home::In("US-CA"));
        assert_eq!(residents.home(employee("8")), Home::Unsaid, "two rows that contradict each other");
        assert_eq!(residents.home(employee("9")), Home::In("US"), "without a login; numbers, not texts, are compared");
        assert_eq!(residents.home(employee("10")), Home::Unsaid);
        assert_eq!(residents.home(employee("11")), Home::Unlisted);
        assert_eq!(residents.n_people(), 5);
        assert_eq!((residents.n_in("US"), residents.n_in("US-CA"), residents.n_in("DE")), (2, 1, 1));
        // One of whom only the country is known, and two of whom nothing is.
        assert_eq!((residents.n_perhaps_in("US-CA"), residents.n_perhaps_in("FR")), (4, 2));
        assert!(!residents.is_empty() && residents.digest().len() == 64);
        assert!(Residents::default().is_empty());
    }

    #[test]
    fn codes_are_those_of_iso_3166() {
        assert_eq!(place("US-CA").as_deref(), Ok("US-CA"));
        assert_eq!(place("PR").as_deref(), Ok("US-PR"));
        let wrong = |text: &str| place(text).unwrap_err();
        for text in ["", "de", "D", "DEU", "US-", "US-cal", "US-CALI", "US-CA-1", "Ü1"] {
            assert!(wrong(text).contains("no code of ISO 3166"), "{text}");
        }
        assert_eq!(wrong("UK"), "names no country of ISO 3166-1; write `GB`");
        assert_eq!(wrong("XX-1"), "names no country of ISO 3166-1");
        assert_eq!(COUNTRIES.split_ascii_whitespace().count(), 249);
    }

    #[test]
    fn subdivisions_lie_in_their_country_and_in_no_other() {
        assert!(
            lies_in("US-CA", "US")
                && lies_in("US-CA", "US-CA")
                && !lies_in("US", "US-CA")
                && !lies_in("US-CAX", "US-CA")
        );
        assert!(may_lie_in("US", "US-CA") && !may_lie_in("US-CA", "US-CA") && !may_lie_in("DE", "US-CA"));
    }
}
