//! Who works here: the HR directory, for the peer group of a portal user, and for where people live ([`crate::Residents`]) and how they
//! are written to.

use crate::{
    contact::{is_email, is_language},
    limits::DIRECTORY_ROWS_MAX,
    residents,
    table::{self, TableError},
};
use activity::{Timestamp, printable_within};
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;

/// People by login name. A person may have several rows, one for each employment.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    people: HashMap<Box<str>, Vec<Person>>,
    /// Employees who cannot log in.
    without_login: Vec<Person>,
    digest: Box<str>,
    notes: Vec<TableError>,
}

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    pub role: Box<str>,
    pub department: Box<str>,
    pub employee_id: Box<str>,
    /// First moment; `None` if open.
    pub from: Option<Timestamp>,
    /// The first moment no longer covered; `None` if open. A date alone means to the end of that day.
    pub to: Option<Timestamp>,
    /// IANA name of the time zone. Nothing goes by it yet.
    pub zone: Box<str>,
    /// Address of e-mail; empty: unknown.
    pub email: Box<str>,
    /// Tag of BCP 47, such as `pt-BR`; empty: unknown.
    pub language: Box<str>,
    /// Where the person lives, as [`crate::place`] has it; empty: unknown.
    pub jurisdiction: Box<str>,
}

impl Directory {
    /// Reads a CSV file with the columns user, role, department, employee_id, from, to, zone and, where they are there, email, language,
    /// jurisdiction (any order; others are ignored). `from` and `to` are empty, a date or an RFC 3339 time. `user` may be empty in the row
    /// of an employee without a login who can be written to or placed.
    pub fn parse(csv: &str) -> Result<Directory, TableError> {
        let columns = ["user", "role", "department", "employee_id", "from", "to", "zone"];
        let more = ["email", "language", "jurisdiction"];
        let digest: String = Sha256::digest(csv.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
        let mut directory = Directory { digest: digest.into(), ..Directory::default() };
        let mut lines: HashMap<Box<str>, Vec<usize>> = HashMap::new();
        for (line, [user, role, department, employee_id, from, to, zone], [email, language, jurisdiction]) in
            table::rows_and_more(csv, columns, more, DIRECTORY_ROWS_MAX)?
        {
            let error = |problem: &str| TableError { line, problem: problem.to_owned() };
            // A language alone is of no use.
            if user.is_empty() && (employee_id.is_empty() || (email.is_empty() && jurisdiction.is_empty())) {
                return Err(error("`user` is empty"));
            }
            let from = moment(&from, false).ok_or_else(|| error("`from` is neither a date nor an RFC 3339 time"))?;
            let to = moment(&to, true).ok_or_else(|| error("`to` is neither a date nor an RFC 3339 time"))?;
            if !email.is_empty() && !is_email(&email) {
                return Err(error("`email` is no address such as `ana@example.com`"));
            }
            if !language.is_empty() && !is_language(&language) {
                return Err(error("`language` is no tag of BCP 47 such as `de` or `pt-BR`"));
            }
            let jurisdiction = match &*jurisdiction {
                "" => Box::default(),
                written => residents::place(written).map_err(|problem| {
                    error(&format!("`jurisdiction` {problem}, but `{}`", printable_within(written, SHOWN_MAX)))
                })?,
            };
            let person = Person {
                role: role.into(),
                department: department.into(),
                employee_id: employee_id.into(),
                from,
                to,
                zone: zone.into(),
                email: email.into(),
                language: language.into(),
                jurisdiction,
            };
            match &*user {
                "" => directory.without_login.push(person),
                _ => {
                    lines.entry(user.as_str().into()).or_default().push(line);
                    directory.people.entry(user.into()).or_default().push(person);
                }
            }
        }
        directory.notes = notes(&directory.people, &lines);
        Ok(directory)
    }

    /// Rows that are right and probably not meant, the first of them.
    pub fn notes(&self) -> &[TableError] {
        &self.notes
    }

    /// The same people under other login names, such as pseudonyms.
    #[must_use]
    pub fn renamed(self, name: impl Fn(&str) -> Box<str>) -> Directory {
        Directory { people: self.people.into_iter().map(|(user, rows)| (name(&user), rows)).collect(), ..self }
    }

    /// SHA-256 of the file, in hexadecimal; empty: there is none.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Login names.
    pub fn logins(&self) -> impl Iterator<Item = &str> {
        self.people.keys().map(AsRef::as_ref)
    }

    /// All rows, those of one login together, in no order that means anything.
    pub fn rows(&self) -> impl Iterator<Item = &[Person]> {
        self.people.values().map(Vec::as_slice).chain(self.without_login.iter().map(std::slice::from_ref))
    }

    /// The person at that time; outside all employments, the last row.
    pub fn person(&self, user: &str, at: Timestamp) -> Option<&Person> {
        let rows = self.people.get(user)?;
        let covers = |row: &&Person| row.from.is_none_or(|from| from <= at) && row.to.is_none_or(|to| at < to);
        rows.iter().find(covers).or(rows.last())
    }

    /// What somebody was before the present role, and since when that is over; `None` for who has no other row before the present
    /// one, or the same role in it.
    pub fn former(&self, user: &str, at: Timestamp) -> Option<(&Person, Timestamp)> {
        let rows = self.people.get(user)?;
        let covers = |row: &&Person| row.from.is_none_or(|from| from <= at) && row.to.is_none_or(|to| at < to);
        let present = rows.iter().find(covers)?;
        let before = |from: Option<Timestamp>| rows.iter().filter(move |row| row.from < from);
        // Another department or contract in the same role is no change of roles.
        let former = before(present.from).filter(|row| row.role != present.role).max_by_key(|row| row.from)?;
        let same =
            rows.iter().filter(|row| former.from < row.from && row.from <= present.from && row.role == present.role);
        let since = same.filter_map(|row| row.from).min()?;
        (!former.role.is_empty()).then_some((former, since))
    }

    /// When the last employment of somebody ended who has none now; `None` for who works here, is yet to come or is not known.
    pub fn left(&self, user: &str, at: Timestamp) -> Option<Timestamp> {
        let rows = self.people.get(user)?;
        rows.iter().try_fold(None, |last, row| Some(last.max(Some(row.to.filter(|to| *to <= at)?)))).flatten()
    }

    /// Role of a user; `unknown` if the directory does not know the user or the role.
    pub fn role(&self, user: &str, at: Timestamp) -> &str {
        self.person(user, at).map(|person| &*person.role).filter(|role| !role.is_empty()).unwrap_or("unknown")
    }

    /// Logins.
    pub fn len(&self) -> usize {
        self.people.len()
    }
    pub fn is_empty(&self) -> bool {
        self.people.is_empty()
    }
}

/// `lines`: of each person's rows.
fn notes(people: &HashMap<Box<str>, Vec<Person>>, lines: &HashMap<Box<str>, Vec<usize>>) -> Vec<TableError> {
    let mut notes = Vec::new();
    for (user, rows) in people {
        let mut numbered: Vec<(&Person, usize)> = rows.iter().zip(lines[user].iter().copied()).collect();
        let mut note = |line, problem: &str| notes.push(TableError { line, problem: problem.to_owned() });
        let ends = |row: &Person| row.to.unwrap_or(Timestamp::MAX);
        numbered.retain(|(row, line)| {
            let covers = row.from.is_none_or(|from| from < ends(row));
            if !covers {
                note(*line, "`from` is after `to`: the row never holds");
            }
            covers
        });
        numbered.sort_by_key(|(row, line)| (row.from, *line));
        // Of those before, the two different roles that end last.
        let mut last: Vec<(&str, Timestamp)> = Vec::new();
        for (row, line) in numbered {
            if last.iter().any(|(role, end)| **role != *row.role && row.from.is_none_or(|from| from < *end)) {
                note(line, "the person has another role in another row at the same time; the first of the file counts");
            }
            match last.iter_mut().find(|(role, _)| **role == *row.role) {
                Some((_, end)) => *end = ends(row).max(*end),
                None => last.push((&row.role, ends(row))),
            }
            last.sort_by_key(|(_, end)| std::cmp::Reverse(*end));
            last.truncate(2);
        }
    }
    notes.sort_by_key(|note| note.line);
    notes.truncate(NOTES_MAX);
    notes
}

/// Rows that [`Directory::notes`] tells of. Beyond: not told.
const NOTES_MAX: usize = 10;

/// Characters of what is wrong that an error shows.
const SHOWN_MAX: usize = 20;

/// Empty: `Some(None)`. A date: its start, or with `end` the start of the next day. No time: `None`.
pub(crate) fn moment(text: &str, end: bool) -> Option<Option<Timestamp>> {
    if text.is_empty() {
        return Some(None);
    }
    if text.len() == 10 {
        let day: Timestamp = format!("{text}T00:00:00Z").parse().ok()?;
        return Some(Some(if end { day + activity::Span::from_hours(24) } else { day }));
    }
    text.parse().ok().map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "user,role,department,employee_id,from,to,zone,hobby\n";

    #[test]
    fn knows_roles_over_time() {
        let text =
            format!("{HEADER}u1,ess,d1,7,,2026-03-01,UTC,chess\nu1,payroll,d2,7,2026-03-02,,UTC,\nu2,,d3,8,,,UTC,\n");
        let directory = Directory::parse(&text).unwrap();
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        assert_eq!(directory.role("u1", at("2026-03-01T23:59:59Z")), "ess");
        assert_eq!(directory.role("u1", at("2026-03-02T00:00:00Z")), "payroll");
        assert_eq!(directory.role("u2", at("2026-03-02T00:00:00Z")), "unknown");
        assert_eq!(directory.role("u3", at("2026-03-02T00:00:00Z")), "unknown");
        let later = at("2030-01-01T00:00:00Z");
        assert_eq!((directory.left("u1", later), directory.left("u3", later)), (None, None));
        let former = |at: Timestamp| directory.former("u1", at).map(|(person, since)| (&*person.role, since));
        assert_eq!(former(at("2026-03-01T23:59:59Z")), None, "not yet");
        assert_eq!(former(later), Some(("ess", at("2026-03-02T00:00:00Z"))));
        assert_eq!(directory.former("u2", later), None);
        let gone =
            Directory::parse(&format!("{HEADER}u1,ess,d1,7,,2026-03-01,UTC,\nu1,ess,d1,7,,2025-03-01,UTC,\n")).unwrap();
        assert_eq!(gone.left("u1", at("2026-03-01T23:00:00Z")), None);
        assert_eq!(gone.left("u1", later), Some(at("2026-03-02T00:00:00Z")));
        assert_eq!(directory.len(), 2);
        let renamed = directory.renamed(|user| format!("p-{user}").into());
        assert_eq!(renamed.role("p-u1", at("2026-03-02T00:00:00Z")), "payroll");
    }

    #[test]
    fn rows_that_never_hold_or_contradict_each_other_are_told() {
        let lines = |rows: &[&str]| {
            let text = format!("\u{feff}{HEADER}{}\n", rows.join("\n"));
            let directory = Directory::parse(&text).unwrap();
            directory.notes().iter().map(|note| note.line).collect::<Vec<_>>()
        };
        assert_eq!(lines(&["u1,ess,d,7,2026-03-02,2026-03-01,UTC,", "u1,ess,d,7,2026-03-02,2026-03-02,UTC,"]), [2]);
        assert_eq!(lines(&["u1,ess,d,7,,,UTC,", "u1,payroll,d,7,,,UTC,", "u2,payroll,d,8,,,UTC,"]), [3]);
        assert_eq!(lines(&["u1,ess,d,7,,,UTC,", "u1,ess,e,7,,,UTC,"]), [0; 0], "one role in two departments");
        assert_eq!(lines(&["u1,ess,d,7,,2026-03-01,UTC,", "u1,payroll,d,7,2026-03-02,,UTC,"]), [0; 0]);
        let long = ["u1,a,d,7,,2030-01-01,UTC,", "u1,b,d,7,,2026-01-01,UTC,", "u1,a,d,7,2027-01-01,,UTC,"];
        assert_eq!(lines(&long), [3]);
    }

    #[test]
    fn refuses_with_the_line() {
        let error =
            |row: &str| Directory::parse(&format!("{HEADER}u1,ess,d,1,,,UTC,\n{row}\n")).unwrap_err().to_string();
        assert_eq!(error(",ess,d,1,,,UTC,"), "line 3: `user` is empty");
        assert_eq!(error("u2,ess,d,1,yesterday,,UTC,"), "line 3: `from` is neither a date nor an RFC 3339 time");
        assert!(Directory::parse("user,role\n").unwrap_err().to_string().contains("`department` is missing"));
        let header = "user,role,department,employee_id,from,to,zone,email,language,jurisdiction\n";
        let parse = |row: &str| Directory::parse(&format!("{header}{row}\n"));
        let error = |row: &str| parse(row).unwrap_err().to_string();
        assert_eq!(error("u1,ess,d,1,,,UTC,ana at x,,"), "line 2: `email` is no address such as `ana@example.com`");
        assert_eq!(error("u1,ess,d,1,,,UTC,,de_DE,"), "line 2: `language` is no tag of BCP 47 such as `de` or `pt-BR`");
        let of_place = "line 2: `jurisdiction` is no code of ISO 3166 such as `DE` or `US-CA`, but `California`";
        assert_eq!(error("u1,ess,d,1,,,UTC,,,California"), of_place);
        assert_eq!(error(",ess,d,,,,UTC,ana@example.com,de,DE"), "line 2: `user` is empty");
        assert_eq!(error(",ess,d,7,,,UTC,,de,"), "line 2: `user` is empty");
        let directory = parse("u1,ess,d,1,,,UTC,ana@example.com,pt-BR,PR\n,,,2,,,,bo@example.com,,DE").unwrap();
        assert_eq!((directory.len(), directory.rows().count()), (1, 2), "who cannot log in is no portal user");
        let ana = directory.person("u1", Timestamp::from_secs(0)).unwrap();
        assert_eq!((&*ana.email, &*ana.language, &*ana.jurisdiction), ("ana@example.com", "pt-BR", "US-PR"));
    }
}
