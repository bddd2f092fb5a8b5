//! The file of contacts, and `breachd contacts`: who can be called, who is on call, when somebody last answered for each.
//!
//! The command line reads the journal like a notifier and asks by [`crate::asked`]. It needs no running console.

use crate::{
    asked::{Journal, carry_out},
    links::LinkKey,
    settings::{
        ContactSettings, Settings, Usage,
        load::{Mistake, Tree},
    },
};
use activity::{Timestamp, printable};
use anyhow::bail;
use incident::Action;
use law::Recipient;
use oncall::{Book, ReviewState, Written};
use std::{
    io::Write,
    path::{Path, PathBuf},
};
use stream::Broker;

/// What is read of a configuration's contacts; `None`: there are none.
pub fn read(settings: &ContactSettings) -> Result<Option<Book>, Vec<Mistake>> {
    let Some(file) = &settings.file else { return Ok(None) };
    let whole = |problem: String| vec![Mistake { place: Some((file.clone(), None)), key: String::new(), problem }];
    bounded(file).map_err(whole)?;
    let tree = Tree::read(std::slice::from_ref(file), &[])?;
    let written: Written = tree.parse()?;
    let calendar = |name: &str| bounded(Path::new(name));
    Book::new(written, &calendar)
        .map(Some)
        .map_err(|found| found.into_iter().map(|(key, problem)| tree.mistake(&key, problem)).collect())
}

/// The text of a file that people write.
fn bounded(file: &Path) -> Result<String, String> {
    let length = std::fs::metadata(file).map_err(|error| format!("cannot be read: {error}"))?.len();
    if length > oncall::limits::FILE_BYTES_MAX {
        return Err(format!("has {length} bytes, at most {}", oncall::limits::FILE_BYTES_MAX));
    }
    std::fs::read_to_string(file).map_err(|error| format!("cannot be read: {error}"))
}

/// A mistake about the file of contacts as a whole or one of its keys.
pub fn mistake(settings: &ContactSettings, key: &str, problem: String) -> Mistake {
    let file: Vec<PathBuf> = settings.file.iter().cloned().collect();
    match Tree::read(&file, &[]) {
        Ok(tree) => tree.mistake(key, problem),
        Err(_) => Mistake { place: None, key: key.to_owned(), problem },
    }
}

/// What is right in form but leaves somebody uncalled or unreviewed, as far as files say.
pub fn findings(policy: &incident::Policy, reviews: &[oncall::Review<'_>], now: Timestamp) -> Vec<String> {
    let Some(contacts) = policy.contacts() else { return Vec::new() };
    let book = &contacts.book;
    let mut findings = book.gaps(now);
    findings.extend(reviews.iter().filter_map(|review| review.finding(now)));
    let told = |recipient: Recipient| matches!(recipient, Recipient::Authority | Recipient::CardBrandViaAcquirer);
    for obligation in policy.law().obligations().iter().filter(|obligation| told(obligation.recipient)) {
        if !book.contacts().any(|contact| contact.obligations.contains(&obligation.id)) {
            let (id, name) = (&obligation.id, &obligation.name);
            findings
                .push(format!("no contact says where the notice of `{id}` ({name}) goes: name it in `obligations`"));
        }
    }
    for contact in book.contacts() {
        let unknown = contact.obligations.iter().filter(|id| policy.law().get(id).is_none());
        findings.extend(unknown.map(|id| {
            format!(
                "contact `{}` is for obligation `{id}`, which is not among `jurisdictions.applicable`",
                contact.name
            )
        }));
    }
    findings
}

/// `breachd contacts list`. False: something has to be done.
pub fn list(broker: &dyn Broker, settings: &Settings, now: Timestamp, out: &mut dyn Write) -> anyhow::Result<bool> {
    let policy = settings.policy();
    let Some(contacts) = policy.contacts() else { return Err(no_file().into()) };
    let journal = Journal::read(broker, settings)?;
    let reviews = journal.casebook.reviews();
    for review in &reviews {
        let contact = review.contact;
        let state = match (review.state(now), review.due_at) {
            (ReviewState::Reviewed, Some(due_at)) => format!("reviewed, due {due_at}"),
            (ReviewState::Overdue, Some(due_at)) => format!("OVERDUE since {due_at}"),
            _ => "NEVER REVIEWED".to_owned(),
        };
        line(out, &format!("{}: {}; {state}; owner {}", contact.name, contact.title, contact.owner))?;
        let addresses: Vec<String> =
            contact.addresses.iter().map(|(kind, address)| format!("{kind} {address}")).collect();
        let zone = contact.zone.as_ref().and_then(|zone| zone.iana_name()).unwrap_or_default();
        let more = [contact.roles.join(", "), addresses.join(", "), contact.language.clone(), zone.to_owned()];
        let more: Vec<String> = more.into_iter().filter(|part| !part.is_empty()).collect();
        line(out, &format!("    {}", if more.is_empty() { "no address".into() } else { more.join("; ") }))?;
        if !contact.obligations.is_empty() {
            line(out, &format!("    for {}", contact.obligations.join(", ")))?;
        }
        if let Some(record) = journal.casebook.contact(&contact.name) {
            let acts = [("tested", &record.tested), ("confirmed", &record.confirmed), ("attested", &record.attested)];
            let acts: Vec<String> = acts
                .into_iter()
                .filter_map(|(what, act)| act.as_ref().map(|act| format!("{what} {} by {}", act.at, act.by)))
                .collect();
            line(out, &format!("    {}", acts.join("; ")))?;
        }
    }
    for schedule in contacts.book.schedules() {
        let on_call = schedule.on_call(now).map_or_else(
            || "nobody is on call".to_owned(),
            |on_call| format!("{} is on call ({})", on_call.contact, on_call.because),
        );
        line(out, &format!("schedule {}: {on_call}", schedule.name))?;
    }
    let findings = findings(&policy, &reviews, now);
    findings.iter().try_for_each(|finding| line(out, &format!("finding: {finding}")))?;
    Ok(findings.is_empty())
}

/// One line, without control characters.
fn line(out: &mut dyn Write, words: &str) -> std::io::Result<()> {
    writeln!(out, "{}", printable(words))
}

/// The journal, if there is a file of contacts.
fn of_contacts(broker: &dyn Broker, settings: &Settings) -> anyhow::Result<Journal> {
    if settings.policy().contacts().is_none() {
        return Err(no_file().into());
    }
    Journal::read(broker, settings)
}

fn no_file() -> Usage {
    Usage("no file of contacts is configured: write `[contacts] file`".into())
}

/// `breachd contacts test`.
pub fn test(
    broker: &dyn Broker,
    settings: &Settings,
    (contact, channel): (String, Option<String>),
    by: String,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    if !settings.links().is_set() {
        return Err(Usage(
            "a test has to be confirmed: write `[contacts] key_file`, which signs links and codes".into(),
        )
        .into());
    }
    let journal = of_contacts(broker, settings)?;
    let name = contact.clone();
    carry_out(broker, settings, journal, by, Action::TestContact { contact, channel })?;
    line(out, &format!("a test of `{name}` was requested; whoever gets it opens its link, or gives you its code:"))?;
    line(out, &format!("    breachd contacts confirm {name} CODE --config …"))?;
    Ok(())
}

/// `breachd contacts confirm`.
pub fn confirm(
    broker: &dyn Broker,
    settings: &Settings,
    (contact, code): (String, &str),
    by: String,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let journal = of_contacts(broker, settings)?;
    let tests = journal.casebook.contact(&contact).map_or(&[][..], |record| &record.tests);
    let links: &LinkKey = settings.links();
    let test = tests.iter().find(|test| links.code(test).as_deref() == Some(code.trim())).cloned();
    if test.is_none() {
        bail!("the code is not that of the last test of `{}`", printable(&contact));
    }
    let name = contact.clone();
    let reason = "by the code in the message".to_owned();
    carry_out(broker, settings, journal, by, Action::ConfirmContact { contact, test, reason })?;
    Ok(line(
        out,
        &format!(
            "confirmed: the test of `{name}` arrived; once each of its addresses is confirmed, its owner can attest it"
        ),
    )?)
}

/// `breachd contacts attest`.
pub fn attest(
    broker: &dyn Broker,
    settings: &Settings,
    (contact, reason): (String, String),
    by: String,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let journal = of_contacts(broker, settings)?;
    let name = contact.clone();
    let casebook = carry_out(broker, settings, journal, by, Action::AttestContact { contact, reason })?;
    let due =
        casebook.reviews().into_iter().find(|review| review.contact.name == name).and_then(|review| review.due_at);
    let due = due.map_or(String::new(), |due| format!("; the next review is due {due}"));
    Ok(line(out, &format!("attested: `{name}`{due}"))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_have_the_line_of_their_file() {
        let path = std::env::temp_dir().join(format!("breachd-contacts-{}.toml", std::process::id()));
        let settings = ContactSettings { file: Some(path.clone()), ..ContactSettings::default() };
        std::fs::write(&path, "[[contacts]]\nname = \"ada\"\ntitle = \"Ada\"\nzone = \"Berlin\"\n[[teams]]\nname = \"t\"\nmembers = [\"eve\"]\nsize = 1\n").unwrap();
        let found: Vec<String> = read(&settings).unwrap_err().iter().map(Mistake::to_string).collect();
        assert_eq!(found.len(), 1, "unknown keys first: {found:?}");
        assert!(found[0].contains(".toml:8: `teams[0].size`: unknown key"), "{found:?}");
        let text = std::fs::read_to_string(&path).unwrap().replace("size = 1\n", "");
        std::fs::write(&path, text).unwrap();
        let found: Vec<String> = read(&settings).unwrap_err().iter().map(Mistake::to_string).collect();
        assert!(found[0].contains(".toml:4: `contacts[0].zone`: there is no zone"), "{found:?}");
        assert!(found[1].contains(".toml:7: `teams[0].members[0]`: there is no contact `eve`"), "{found:?}");
        assert!(mistake(&settings, "teams", "x".into()).to_string().contains(".toml:5: `teams`: x"));
        std::fs::remove_file(path).unwrap();
        assert!(read(&settings).unwrap_err()[0].problem.contains("cannot be read"));
        assert_eq!(read(&ContactSettings::default()).unwrap(), None);
    }
}
