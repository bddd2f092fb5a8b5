//! The audit trail: what the notifier signs is held against the journal, by itself, by `breachd audit` and by another program.

use crate::harness::{BINARY, Scratch, contents, until};
use activity::{DataClass, Entity, EntityKind, Timestamp};
use breachd::{
    audit::{self, Trust},
    cli::RoleName,
    roles::RoleError,
    run,
    settings::Settings,
    topics::Topics,
};
use detector::Severity;
use incident::{Action, Command as Ask};
use notifier::sandbox::{Sandbox, SmtpOptions, SmtpSandbox};
use std::{path::Path, process::Command, sync::Arc};
use stream::{Broker, Outgoing};

fn breachd(arguments: &[&str]) -> (bool, String) {
    let output = Command::new(BINARY).args(arguments).output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

fn send(broker: &dyn Broker, topic: String, payloads: impl IntoIterator<Item = Vec<u8>>) {
    let mut appender = broker.appender().unwrap();
    for payload in payloads {
        appender.send(Outgoing { topic: topic.clone(), partition: Some(0), payload, ..Outgoing::default() }).unwrap();
    }
    appender.flush().unwrap();
}

fn declaration(n: usize) -> Vec<u8> {
    let action = Action::Declare {
        subject: Entity::new(EntityKind::PortalUser, format!("u{n}")),
        severity: Severity::High,
        data_classes: DataClass::Hr.into(),
        reason: "a colleague says so".into(),
    };
    let at = Timestamp::from_secs(1_772_485_200);
    Ask { id: format!("c{n}"), by: "Ada".into(), at, incident: None, action }.to_json().into_bytes()
}

#[test]
fn what_is_signed_is_held_against_the_journal() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let smtp = runtime.block_on(SmtpSandbox::start(SmtpOptions::default())).unwrap();
    let scratch = Scratch::new("audit");
    let key = scratch.0.join("audit-key");
    let (made, public) = breachd(&["audit", "keygen", "--name", "example.com/journal", "--out", key.to_str().unwrap()]);
    assert!(made && breachd(&["audit", "key", "--file", key.to_str().unwrap()]).1 == public, "{public}");
    // The first life knows no digest, so that the second one's tells of something.
    let digest = "[digest]\nchannels = [\"mail\"]\nat = \"00:00\"\nzone = \"UTC\"\n";
    let text = format!(
        "instance = \"one\"\n[kafka]\nbootstrap_servers = \"127.0.0.1:9\"\n[console]\nlisten = \"127.0.0.1:0\"\n\
         [audit]\nkey_file = \"audit-key\"\n[fallback]\nchannels = [\"mail\"]\n\
         [[channels]]\nname = \"mail\"\nkind = \"email\"\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\n\
         from = \"breachd@example.com\"\nto = [\"privacy@example.com\"]\n",
        smtp.port()
    );
    let files = [scratch.write("breachd.toml", text), scratch.write("digest.toml", digest)];
    let lives = [&files[..1], &files[..]].map(|files| Arc::new(Settings::load(files, &[]).unwrap()));
    let settings = &lives[1];
    let topics = Topics::new(settings.topics.clone());
    let begin = |life: usize, broker: &Arc<dyn Broker>| {
        runtime.block_on(run::start(Arc::clone(&lives[life]), Arc::clone(broker), &[RoleName::Notifier])).unwrap()
    };
    let broker = stream::memory();
    topics.prepare(broker.as_ref()).unwrap();

    // Two lives, each with decisions of people.
    for life in 0..2 {
        send(broker.as_ref(), topics.commands(), (0..3).map(|n| declaration(3 * life + n)));
        let daemon = begin(life, &broker);
        let opened = || {
            let entries = contents(broker.as_ref(), &topics.journal());
            let opened = |line: &[u8]| String::from_utf8_lossy(line).contains("\"kind\":\"incident_opened\"");
            entries.iter().filter(|(_, line)| opened(line)).count()
        };
        until("the incidents are opened", || (opened() == 3 * (life + 1)).then_some(()));
        let digests = || smtp.received().iter().filter(|mail| mail.summary.contains("DIGEST")).count();
        until("the digest is mailed", || (digests() == life).then_some(()));
        assert!(daemon.stop());
    }
    let keys = &settings.journal_keys;
    let trust = Trust { keys: keys.public.clone(), checkpoints: Vec::new() };
    let mut said = Vec::new();
    audit::verify_topic(broker.as_ref(), &topics, &trust, &mut said).unwrap();
    let said = String::from_utf8(said).unwrap();
    assert!(said.contains("signed checkpoints hold"), "{said}");

    // The export says the same to the binary, and to a program that is not ours.
    let folder = scratch.0.join("export");
    let mut exported = Vec::new();
    audit::export_to(broker.as_ref(), &topics, keys, &folder, &mut exported).unwrap();
    assert_eq!(String::from_utf8(exported).unwrap(), said);
    let folder = folder.to_str().unwrap();
    assert_eq!(breachd(&["audit", "verify", "--file", folder, "--key", public.trim()]), (true, said.clone()));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/audit/verify.py");
    let output = Command::new("python3").arg(script).args([folder, public.trim()]).output().unwrap();
    let python = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success() && python.contains("checkpoints hold"), "{python}");

    // The digest's mail, saved as it came, knows what the journal was.
    let digest = smtp.received().into_iter().find(|mail| mail.summary.contains("DIGEST")).unwrap();
    let mail = scratch.write("mail.eml", &digest.raw);
    let of_mail = |lines: &str| {
        let file = scratch.write("journal.jsonl", lines);
        let (file, mail) = (file.to_str().unwrap(), mail.to_str().unwrap());
        breachd(&["audit", "verify", "--file", file, "--checkpoints", mail, "--key", public.trim()])
    };
    let lines = std::fs::read_to_string(Path::new(folder).join("journal.jsonl")).unwrap();
    let (good, said) = of_mail(&lines);
    assert!(good && said.contains("signed checkpoints hold"), "{said}");
    let first = lines.lines().next().unwrap();
    let (good, said) = of_mail(&format!("{first}\n"));
    assert!(!good && said.contains("the journal is bad at entry 2: it is missing"), "{said}");

    // Rolled back by an entry before the last checkpoint: nothing is notified on such a journal.
    let vouched = contents(broker.as_ref(), &topics.checkpoints());
    let size = |note: &[u8]| String::from_utf8_lossy(note).lines().nth(1).unwrap().parse::<usize>().unwrap();
    let vouched_for = vouched.iter().map(|(_, note)| size(note)).max().unwrap();
    let rolled_back = stream::memory();
    topics.prepare(rolled_back.as_ref()).unwrap();
    let kept: Vec<&str> = lines.lines().take(vouched_for - 1).collect();
    send(rolled_back.as_ref(), topics.journal(), kept.iter().map(|line| line.as_bytes().to_vec()));
    send(rolled_back.as_ref(), topics.checkpoints(), vouched.iter().map(|(_, note)| note.clone()));
    let daemon = begin(1, &rolled_back);
    let (_, outcome) = until("the notifier refuses", || daemon.ended());
    let Err(RoleError::JournalBroken(why)) = outcome else { panic!("{outcome:?}") };
    assert!(why.contains(&format!("bad at entry {vouched_for}: it is missing")), "{why}");
    assert_eq!(contents(rolled_back.as_ref(), &topics.journal()).len(), kept.len());
}
