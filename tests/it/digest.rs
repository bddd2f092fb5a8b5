//! The daily digest: one a day, whatever restarts and whoever is killed; over a real SMTP conversation.

use crate::harness::{BINARY, Daemon, Scratch, broker, contents, free_port, get, kafka_address, unique, until};
use activity::{DataClass, Entity, EntityKind, KnownBy, Mode, Timestamp};
use breachd::{cli::RoleName, run, settings::Settings, topics::Topics};
use detector::{Alert, AlertId, AlertWindow, Severity};
use notifier::sandbox::{Sandbox, SmtpOptions, SmtpSandbox};
use std::{collections::BTreeSet, path::PathBuf, process::Command, sync::Arc};
use stream::{Broker, Outgoing};

/// An alert that interrupts nobody.
pub(crate) fn quiet(user: &str) -> Alert {
    let subject = Entity::new(EntityKind::PortalUser, user);
    let from = Timestamp::from_secs(1_772_485_200);
    let window = AlertWindow { from, to: Timestamp::from_secs(1_772_488_800) };
    Alert {
        id: AlertId::of("drift", &subject, &subject, window, Mode::Live),
        raised_at: from,
        window,
        entity: subject.clone(),
        subject,
        detector: "drift".into(),
        severity: Severity::Low,
        page: false,
        suppressed_by: None,
        data_classes: DataClass::Hr.into(),
        observed: 40.0,
        expected: 12.0,
        unit: "records".into(),
        p_value: Some(1e-4),
        why: format!("{user} read somewhat more than usual"),
        facts: Vec::new(),
        actor_known_by: KnownBy::SqlTag,
        affected_records: 40,
        named: None,
        attack: Vec::new(),
        evidence: Vec::new(),
        mode: Mode::Live,
    }
}

/// A configuration whose digest is due since midnight.
fn config(scratch: &Scratch, instance: &str, prefix: &str, smtp: &SmtpSandbox) -> PathBuf {
    let text = format!(
        "instance = \"{instance}\"\n[kafka]\nbootstrap_servers = \"{kafka}\"\n[topics]\nprefix = \"{prefix}\"\n\
         [console]\nlisten = \"127.0.0.1:{console}\"\n[fallback]\nchannels = [\"mail\"]\n\
         [digest]\nchannels = [\"mail\"]\nat = \"00:00\"\nzone = \"UTC\"\n\
         [[channels]]\nname = \"mail\"\nkind = \"email\"\nhost = \"127.0.0.1\"\nport = {smtp}\ntls = \"none\"\n\
         from = \"breachd@example.com\"\nto = [\"privacy@example.com\"]\n",
        kafka = kafka_address(),
        console = free_port(),
        smtp = smtp.port(),
    );
    scratch.write(&format!("{instance}.toml"), text)
}

pub(crate) fn raise(broker: &dyn Broker, topics: &Topics, alert: &Alert) {
    let mut appender = broker.appender().unwrap();
    let payload = alert.to_json().into_bytes();
    appender
        .send(Outgoing { topic: topics.alerts(), partition: None, key: None, payload, headers: Vec::new() })
        .unwrap();
    appender.flush().unwrap();
}

/// Journal entries of this kind.
fn journaled(broker: &dyn Broker, topics: &Topics, kind: &str) -> usize {
    let kind = format!("\"kind\":\"{kind}\"");
    let entries = contents(broker, &topics.journal());
    entries.iter().filter(|(_, line)| String::from_utf8_lossy(line).contains(&kind)).count()
}

pub(crate) fn mails(smtp: &SmtpSandbox) -> Vec<String> {
    // Soft line breaks of quoted-printable are none of the text's.
    smtp.received().iter().map(|mail| String::from_utf8_lossy(&mail.raw).replace("=\r\n", "")).collect()
}

/// What a day's digest must have come to. At least once is what delivery promises: a repeat has the same Message-ID.
fn assert_one_digest(smtp: &SmtpSandbox, broker: &dyn Broker, topics: &Topics) {
    let ids: BTreeSet<String> = smtp.received().into_iter().map(|mail| mail.id).collect();
    assert_eq!(ids.len(), 1, "{:#?}", mails(smtp));
    assert_eq!(journaled(broker, topics, "digest_made"), 1);
    for mail in mails(smtp) {
        assert!(
            mail.contains("[DIGEST] 1 alert that interrupted nobody") && mail.contains("u1 read somewhat more"),
            "{mail}"
        );
    }
}

#[test]
fn one_mail_a_day_over_the_log_in_memory_whatever_restarts() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let smtp = runtime.block_on(SmtpSandbox::start(SmtpOptions::default())).unwrap();
    let scratch = Scratch::new("digest-memory");
    let settings = |instance: &str| {
        let file = config(&scratch, instance, "breachd", &smtp);
        Arc::new(Settings::load(&[file], &[]).unwrap())
    };
    let broker = stream::memory();
    let topics = Topics::new(settings("one").topics.clone());
    topics.prepare(broker.as_ref()).unwrap();
    raise(broker.as_ref(), &topics, &quiet("u1"));
    let begin = |instance: &str| {
        let roles = [RoleName::Notifier, RoleName::Console];
        runtime.block_on(run::start(settings(instance), Arc::clone(&broker), &roles)).unwrap()
    };
    let first = begin("one");
    until("the digest is mailed", || (!smtp.received().is_empty()).then_some(()));
    until("its delivery is journaled", || (journaled(broker.as_ref(), &topics, "delivery_recorded") > 0).then_some(()));
    until("the console shows the digest and what it told", || {
        let (_, body) = get(&first.console.to_string(), "/api/v1/alerts")?;
        let page: serde_json::Value = serde_json::from_str(&body).unwrap();
        let told = page["digests"][0]["state"] == "accepted" && page["digests"][1].is_null();
        (told && page["alerts"][0]["why"] == "u1 read somewhat more than usual").then_some(())
    });
    assert!(first.stop());
    raise(broker.as_ref(), &topics, &quiet("u2"));
    let second = begin("two");
    until("the next day's alert waits", || (journaled(broker.as_ref(), &topics, "alert_ranked") == 2).then_some(()));
    assert!(second.stop());
    assert_one_digest(&smtp, broker.as_ref(), &topics);
}

#[test]
fn one_mail_a_day_over_kafka_whoever_is_killed() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let smtp = runtime.block_on(SmtpSandbox::start(SmtpOptions::default())).unwrap();
    let scratch = Scratch::new("digest-kafka");
    let prefix = unique("digest");
    let broker = broker();
    let configs = ["one", "two"].map(|instance| config(&scratch, instance, &prefix, &smtp));
    let topics = Topics::new(Settings::load(&configs[..1], &[]).unwrap().topics.clone());
    topics.prepare(broker.as_ref()).unwrap();
    raise(broker.as_ref(), &topics, &quiet("u1"));
    let run = |at: usize| Daemon::run(&configs[at], &["--roles", "notifier"], scratch.0.join(format!("{at}.log")));
    let mut daemon = run(0);
    // Killed as soon as the decision is there, before or after the mail is.
    until("the digest is decided", || (journaled(broker.as_ref(), &topics, "digest_made") == 1).then_some(()));
    daemon.kill();
    raise(broker.as_ref(), &topics, &quiet("u2"));
    let mut both = [run(0), run(1)];
    until("the digest is mailed", || (!smtp.received().is_empty()).then_some(()));
    until("the next day's alert waits", || (journaled(broker.as_ref(), &topics, "alert_ranked") == 2).then_some(()));
    until("its delivery is journaled", || (journaled(broker.as_ref(), &topics, "delivery_recorded") > 0).then_some(()));
    for daemon in &mut both {
        assert_eq!(daemon.terminate(), Some(0));
    }
    assert_one_digest(&smtp, broker.as_ref(), &topics);
}

#[test]
fn check_tells_what_is_wrong_with_a_digest() {
    let scratch = Scratch::new("digest-check");
    scratch.write("key", "0123456789abcdef0123456789abcdef");
    let check = |digest: &str| {
        let text = format!(
            "[digest]\n{digest}\n[fallback]\nchannels = [\"pager\"]\n[[channels]]\nname = \"pager\"\nkind = \"pagerduty\"\n\
             routing_key_file = \"key\"\n[[channels]]\nname = \"mail\"\nkind = \"email\"\nhost = \"mail.example.com\"\n\
             from = \"breachd@example.com\"\nto = [\"privacy@example.com\"]\n"
        );
        let file = scratch.write("breachd.toml", text);
        let output = Command::new(BINARY).args(["check", "--config", file.to_str().unwrap()]).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    };
    let (code, said) =
        check("channels = [\"pager\", \"nobody\"]\nat = \"8 o'clock\"\nzone = \"Europe/Atlantis\"\nlines = 0");
    assert_eq!(code, Some(2), "{said}");
    for expected in [
        ":2: `digest.channels`: `pager` may interrupt people",
        ":2: `digest.channels`: there is no channel `nobody`",
        ":3: `digest.at`: `8 o'clock` is no time of day",
        ":4: `digest.zone`: there is no zone `Europe/Atlantis`",
        ":5: `digest.lines`: must lie between 1 and 100",
    ] {
        assert!(said.contains(expected), "{expected} in\n{said}");
    }
    let (code, said) =
        check("channels = [\"mail\"]\nat = \"08:00\"\nzone = \"Europe/Berlin\"\nwhen_empty = false\nlines = 50");
    assert_eq!(code, Some(0), "{said}");
}
