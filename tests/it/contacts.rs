//! People called one by one, from an alert to the answer by a signed link; contacts from the test message to the attestation.

use crate::{
    digest::{mails, quiet, raise},
    harness::{BINARY, Scratch, contents, free_port, get, post, until},
};
use breachd::{cli::RoleName, contacts, run, settings::Settings, topics::Topics, wall};
use detector::{Alert, AlertId, Severity};
use notifier::sandbox::{Sandbox as _, SmtpOptions, SmtpSandbox};
use std::{process::Command, sync::Arc};

const CONTACTS: &str = r#"
[[contacts]]
name = "ada"
title = "Ada Lovelace"
addresses = { email = "ada@example.com" }
[[contacts]]
name = "ben"
title = "Ben Okri"
addresses = { email = "ben@example.com" }
reviewed_on = "2020-01-01"
[[schedules]]
name = "desk"
zone = "Europe/Berlin"
[[schedules.layers]]
members = ["ada"]
from = "2026-01-05"
[[policies]]
name = "privacy"
[[policies.steps]]
whom = ["schedule:desk"]
channels = ["mail"]
timeout = "10m"
"#;

pub(crate) fn paging() -> Alert {
    let alert = quiet("u1");
    let id = AlertId::of("volume", &alert.subject, &alert.entity, alert.window, alert.mode);
    Alert { id, detector: "volume".into(), page: true, severity: Severity::High, ..alert }
}

/// What stands behind the first `/ack/` of a text.
fn token(mail: &str) -> &str {
    let rest = mail.split("/ack/").nth(1).unwrap();
    rest.split(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c))).next().unwrap()
}

#[test]
fn from_an_alert_to_an_answer_by_link_and_from_a_test_to_an_attestation() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let smtp = runtime.block_on(SmtpSandbox::start(SmtpOptions::default())).unwrap();
    let scratch = Scratch::new("contacts");
    let console = format!("127.0.0.1:{}", free_port());
    scratch.write("contacts.toml", CONTACTS);
    scratch.write("key", "0123456789abcdef0123456789abcdef\n");
    let file = scratch.write(
        "breachd.toml",
        format!(
            "instance = \"one\"\n[console]\nlisten = \"{console}\"\n[notices]\nlink_base = \"http://{console}/\"\n\
             [contacts]\nfile = \"contacts.toml\"\nkey_file = \"key\"\n[escalation]\nafter = \"0s\"\npolicy = \"privacy\"\n\
             [fallback]\nchannels = [\"mail\"]\n[[channels]]\nname = \"mail\"\nkind = \"email\"\nhost = \"127.0.0.1\"\n\
             port = {}\ntls = \"none\"\nfrom = \"breachd@example.com\"\nto = [\"privacy@example.com\"]\n",
            smtp.port()
        ),
    );
    let settings = Arc::new(Settings::load(&[file], &[]).unwrap());
    let broker = stream::memory();
    let topics = Topics::new(settings.topics.clone());
    topics.prepare(broker.as_ref()).unwrap();
    let roles = [RoleName::Notifier, RoleName::Console];
    let daemon = runtime.block_on(run::start(Arc::clone(&settings), Arc::clone(&broker), &roles)).unwrap();
    let journal = || -> Vec<String> {
        let entries = contents(broker.as_ref(), &topics.journal());
        entries.into_iter().map(|(_, line)| String::from_utf8_lossy(&line).into_owned()).collect()
    };
    let entry = |kind: &str| journal().into_iter().find(|line| line.contains(&format!("\"kind\":\"{kind}\"")));
    let mail_with = |words: &str| mails(&smtp).into_iter().find(|mail| mail.contains(words));

    raise(broker.as_ref(), &topics, &paging());
    let called = until("Ada is called", || mail_with("Please acknowledge"));
    assert!(
        called.contains("To: \"Ada Lovelace\" <ada@example.com>") || called.contains("ada@example.com"),
        "{called}"
    );
    let stepped = until("the step is journaled", || entry("escalation_stepped"));
    assert!(stepped.contains("on call: schedule `desk`, layer 1, turn from"), "{stepped}");
    let path = format!("/ack/{}", token(&called));
    let (status, page) =
        until("the console knows the incident", || get(&console, &path).filter(|(status, _)| *status == 200));
    assert!(status == 200 && page.contains("Acknowledge INC-1?") && page.contains("Ada Lovelace (ada)"), "{page}");
    assert!(entry("acknowledged").is_none(), "opening a link changes nothing");
    let forged = format!("/ack/{}x", token(&called));
    assert_eq!(post(&console, &forged, "").unwrap().0, 403);
    assert_eq!(post(&console, &path, "").unwrap().0, 200);
    let acknowledged = until("the answer is journaled", || entry("acknowledged"));
    assert!(acknowledged.contains("ada (by signed link)"), "{acknowledged}");
    let again = post(&console, &path, "").unwrap();
    assert_eq!(again.0, 200, "pressed twice is pressed once: {}", again.1);
    until("Ada hears that it is acknowledged", || mail_with("Acknowledged: "));

    let due = |wanted: &dyn Fn(f64) -> bool| {
        let (_, text) = get(&console, "/metrics")?;
        let line =
            text.lines().find(|line| line.starts_with("breachd_contact_review_due_timestamp_seconds "))?.to_owned();
        line.rsplit(' ').next()?.parse().ok().filter(|due| wanted(*due))
    };
    until("Ada was never reviewed", || due(&|due| due == 0.0));
    let mut out = Vec::new();
    let ask = |contact: &str| (contact.to_owned(), None);
    contacts::test(broker.as_ref(), &settings, ask("ada"), "ben".into(), &mut out).unwrap();
    let test = until("the test arrives", || mail_with("[TEST]"));
    let wrong = contacts::confirm(broker.as_ref(), &settings, ("ada".into(), "00000000"), "ben".into(), &mut out);
    let code = test.split("contacts confirm ada ").nth(1).unwrap().get(..8).unwrap().to_owned();
    assert!(wrong.is_err() || code == "00000000");
    let early = contacts::attest(broker.as_ref(), &settings, ("ada".into(), "x".into()), "ada".into(), &mut out);
    assert!(early.unwrap_err().to_string().contains("no test of `ada` was confirmed"));
    contacts::confirm(broker.as_ref(), &settings, ("ada".into(), &code), "ben".into(), &mut out).unwrap();
    contacts::attest(broker.as_ref(), &settings, ("ada".into(), "right".into()), "ada".into(), &mut out).unwrap();
    until("Ben is due since 2020", || due(&|due| due > 1.5e9 && due < 1.6e9));
    contacts::test(broker.as_ref(), &settings, ask("ben"), "ada".into(), &mut out).unwrap();
    let test = until("Ben's test arrives", || mail_with("Confirm as Ben Okri"));
    let path = format!("/ack/{}", token(&test));
    until("the console knows the test", || get(&console, &path).filter(|(status, _)| *status == 200));
    assert_eq!(post(&console, &path, "").unwrap().0, 200);
    until("the confirmation is journaled", || {
        entry("contact_confirmed").filter(|line| line.contains("code") || line.contains("link"))
    });
    let shown = String::from_utf8(out).unwrap();
    assert!(shown.contains("attested: `ada`; the next review is due"), "{shown}");
    let mut out = Vec::new();
    assert!(!contacts::list(broker.as_ref(), &settings, wall::now(), &mut out).unwrap());
    let shown = String::from_utf8(out).unwrap();
    assert!(shown.contains("ada: Ada Lovelace; reviewed, due"), "{shown}");
    assert!(shown.contains("schedule desk: ada is on call"), "{shown}");
    assert!(shown.contains("finding: contact `ben` was reviewed at 2020-01-01T00:00:00Z"), "{shown}");
    assert!(shown.contains("finding: no contact says where the notice of `eu-gdpr-33-authority`"), "{shown}");
    assert!(
        journal().iter().all(|line| !line.contains("/ack/") && !line.contains(&code)),
        "no way to answer is journaled"
    );
    assert!(daemon.stop());
}

#[test]
fn check_tells_what_is_wrong_with_contacts_with_their_own_lines() {
    let scratch = Scratch::new("contacts-check");
    let check = |contacts: &str, more: &str| {
        scratch.write("contacts.toml", contacts);
        let text = format!(
            "[contacts]\nfile = \"contacts.toml\"\n{more}\n[fallback]\nchannels = [\"mail\"]\n[[channels]]\nname = \"mail\"\n\
             kind = \"email\"\nhost = \"mail.example.com\"\nfrom = \"breachd@example.com\"\nto = [\"privacy@example.com\"]\n"
        );
        let file = scratch.write("breachd.toml", text);
        let output = Command::new(BINARY).args(["check", "--config", file.to_str().unwrap()]).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    };
    let (code, said) = check(CONTACTS, "[escalation]\npolicy = \"privacy\"");
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("note: overdue for review as far as the file says: ada, ben; `breachd contacts list` knows"),
        "{said}"
    );
    assert!(said.contains("note: mails to contacts hold no link"), "{said}");
    let wrong = CONTACTS.replace("\"Europe/Berlin\"", "\"Berlin\"").replace("[\"mail\"]", "[\"pigeon\"]");
    let (code, said) = check(&wrong, "review_every = \"1h\"\n[escalation]\npolicy = \"none\"");
    assert_eq!(code, Some(2), "{said}");
    for expected in
        ["contacts.toml:13: `schedules[0].zone`: there is no zone `Berlin`", "breachd.toml:3: `contacts.review_every`"]
    {
        assert!(said.contains(expected), "{expected} in\n{said}");
    }
    let wrong = CONTACTS.replace("[\"mail\"]", "[\"pigeon\"]");
    let (code, said) = check(&wrong, "[escalation]\npolicy = \"none\"");
    assert_eq!(code, Some(2), "{said}");
    for expected in [
        "contacts.toml:17: `policies`: step 1 of policy `privacy`: there is no channel `pigeon`",
        "`escalation.policy`: there is no policy `none`",
    ] {
        assert!(said.contains(expected), "{expected} in\n{said}");
    }
}
