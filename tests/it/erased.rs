//! A person is erased from a journal that still verifies: on a real Kafka, through the notifier and the console as they run.

use crate::{
    digest::{mails, quiet, raise},
    harness::{Scratch, broker, contents, free_port, get, kafka_address, unique, until},
};
use breachd::{audit, cli::RoleName, erase, run, settings::Settings, state, topics::Topics, wall};
use detector::{Alert, AlertId, Severity};
use incident::{Action, Command, IncidentId, Verdict};
use notifier::sandbox::{Sandbox as _, SmtpOptions, SmtpSandbox};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use stream::{Broker, Outgoing};

const NAME: &str = "anna.novak";

fn paging(n: i64) -> Alert {
    let alert = quiet(NAME);
    let later = activity::Span::from_hours(n);
    let window = detector::AlertWindow { from: alert.window.from + later, to: alert.window.to + later };
    let id = AlertId::of("volume", &alert.subject, &alert.entity, window, alert.mode);
    Alert { id, window, detector: "volume".into(), page: true, severity: Severity::High, ..alert }
}

fn ask(broker: &dyn Broker, topics: &Topics, n: u32, action: Action) {
    let (id, incident) = (format!("c{n}"), Some(IncidentId(1)));
    let command = Command { id, by: "dpo".into(), at: wall::now(), incident, action };
    let mut appender = broker.appender().unwrap();
    let payload = command.to_json().into_bytes();
    appender
        .send(Outgoing { topic: topics.commands(), partition: Some(0), key: None, payload, headers: Vec::new() })
        .unwrap();
    appender.flush().unwrap();
}

fn message_id(mail: &str) -> Option<String> {
    mail.lines().find_map(|line| line.strip_prefix("Message-ID: ")).map(|id| id.trim().to_owned())
}

#[test]
fn somebody_is_erased_and_the_journal_still_verifies() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let smtp = runtime.block_on(SmtpSandbox::start(SmtpOptions::default())).unwrap();
    let scratch = Scratch::new("erased");
    let console = format!("127.0.0.1:{}", free_port());
    let file = scratch.write(
        "breachd.toml",
        format!(
            "[kafka]\nbootstrap_servers = \"{}\"\n[topics]\nprefix = \"{}\"\n[console]\nlisten = \"{console}\"\n\
             [[triggers]]\nchannels = [\"mail\"]\n[[channels]]\nname = \"mail\"\nkind = \"email\"\nhost = \"127.0.0.1\"\n\
             port = {}\ntls = \"none\"\nfrom = \"breachd@example.com\"\nto = [\"privacy@example.com\"]\n",
            kafka_address(),
            unique("erased"),
            smtp.port()
        ),
    );
    let settings = Arc::new(Settings::load(&[file], &[]).unwrap());
    let broker = broker();
    let topics = Topics::new(settings.topics.clone());
    topics.prepare(broker.as_ref()).unwrap();
    let roles = [RoleName::Notifier, RoleName::Console];
    // The former life's listener ends with its last connection.
    let start =
        || until("it starts", || runtime.block_on(run::start(Arc::clone(&settings), Arc::clone(&broker), &roles)).ok());
    let daemon = start();
    let journal = || -> Vec<String> {
        let entries = contents(broker.as_ref(), &topics.journal());
        entries.into_iter().map(|(_, line)| String::from_utf8_lossy(&line).into_owned()).collect()
    };
    let has = |kind: &str| journal().iter().any(|line| line.contains(&format!("\"kind\":\"{kind}\""))).then_some(());
    let page = |incident: u32, words: &str| {
        let (status, page) = get(&console, &format!("/incidents/INC-{incident}"))?;
        (status == 200 && page.contains(words)).then_some(page)
    };
    let erase = || {
        let (id, by, reason) = (NAME.to_owned(), "dpo".to_owned(), "request 17".to_owned());
        let mut out = Vec::new();
        erase::run(broker.as_ref(), &settings, erase::Request { kind: None, id, by, reason }, &mut out)
            .map(|()| String::from_utf8(out).unwrap())
            .map_err(|error| error.to_string())
    };

    raise(broker.as_ref(), &topics, &paging(0));
    until("the incident is journaled", || has("incident_opened"));
    until("who reads the console sees the name", || page(1, NAME));
    assert!(journal().iter().all(|line| !line.contains(NAME)), "who reads the journal does not");
    assert_eq!(erase().unwrap_err(), "incident `INC-1` concerns the person and is not closed");
    let no_breach = Action::SetVerdict { verdict: Verdict::NotABreach, reason: "a test".into(), aware_at: None };
    ask(broker.as_ref(), &topics, 1, no_breach);
    ask(broker.as_ref(), &topics, 2, Action::Close);
    until("the incident is closed", || has("closed"));
    let told = |incident: &str| -> BTreeSet<String> {
        mails(&smtp).iter().filter(|mail| mail.contains(incident)).filter_map(|mail| message_id(mail)).collect()
    };
    until("its beginning and its end are told", || (told("INC-1").len() == 2).then_some(()));

    let said = erase().unwrap();
    assert!(said.starts_with("erased: person-"), "{said}");
    let shown = until("the console has forgotten the name", || page(1, "erased-"));
    assert!(!shown.contains(NAME), "{shown}");
    assert!(erase().unwrap_err().starts_with("no token of the journal stands for"), "once");
    // As compaction leaves it: the last value of each key.
    let mut last: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut keep = |key: &str, value: &[u8]| drop(last.insert(key.to_owned(), value.to_vec()));
    state::each(broker.as_ref(), &topics, &mut keep).unwrap();
    assert!(last.values().all(|value| !String::from_utf8_lossy(value).contains(NAME)));
    assert!(last.values().any(|value| String::from_utf8_lossy(value).contains("\"erased\":true")));

    raise(broker.as_ref(), &topics, &paging(5));
    until("whoever comes again has a name again", || page(2, NAME));
    until("it is told", || (told("INC-2").len() == 1).then_some(()));
    assert_eq!(told("INC-1").len(), 2, "what was told before the erasure is not told again");
    assert!(daemon.stop());
    let daemon = start();
    until("after a restart, too", || page(2, NAME));
    let shown = until("and the other is nobody", || page(1, "erased-"));
    assert!(!shown.contains(NAME));
    assert!(journal().iter().all(|line| !line.contains(NAME)));
    audit::verify_topic(broker.as_ref(), &topics, &audit::Trust::default(), &mut Vec::new()).unwrap();
    assert!(daemon.stop());
}
