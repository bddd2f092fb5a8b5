//! Mailpit, a mail server that is not ours, reads what people get and refuses it as relays do. For `tests/nightly`, which builds it and
//! names its binary in `BREACHD_TEST_MAILPIT`.
//!
//! aiosmtpd, in the tests of every change, keeps mails and no more. Mailpit parses them, knows which mail programs support what is in their
//! HTML, and fails a share of what it is told to fail. It costs a Go toolchain and minutes to build: hence nightly.

use crate::{
    digest::{quiet, raise},
    harness::{PATIENCE, Scratch, contents, free_port, get, post, put, until, within},
    mailing::{LAW, address, approve, directory, mailing},
    places::alert,
    smtp::certificate,
};
use breachd::{
    cli::RoleName,
    run::{self, Daemon},
    settings::Settings,
    topics::Topics,
};
use notifier::sandbox::{Sandbox as _, SmtpOptions, SmtpSandbox};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
};
use stream::Broker;

/// Percent of what mail programs support wholly, and not at all, by caniemail.com's data in Mailpit: of each mail's HTML, weighted as
/// Mailpit does. The rest they support in part, as Outlook does margins and padding, which no mail with a layout can do without.
const SUPPORTED_AT_LEAST: f64 = 70.0;
const UNSUPPORTED_AT_MOST: f64 = 2.0;
/// Of senders, recipients and log-ins, while the relay is in trouble.
const FAILING_PERCENT: u32 = 30;

const USER: &str = "breachd";
pub(crate) const PASSWORD: &str = "relay-password";

/// Demands STARTTLS and a log-in; its mails outlive it in the scratch directory. Ended when dropped.
pub(crate) struct Mailpit {
    child: Child,
    pub(crate) port: u16,
    api: String,
    pub(crate) certificate: PathBuf,
}

impl Mailpit {
    pub(crate) fn start(scratch: &Scratch) -> Mailpit {
        Mailpit::start_at(scratch, free_port())
    }

    pub(crate) fn start_at(scratch: &Scratch, port: u16) -> Mailpit {
        let binary = std::env::var_os("BREACHD_TEST_MAILPIT").expect("BREACHD_TEST_MAILPIT: see tests/nightly");
        let (certificate, key) = certificate(scratch);
        let accounts = scratch.write("mailpit-accounts", format!("{USER}:{PASSWORD}\n"));
        let api = format!("127.0.0.1:{}", free_port());
        let child = Command::new(binary)
            .args(["--smtp", &format!("127.0.0.1:{port}"), "--listen", &api, "--max", "0"])
            .arg("--database")
            .arg(scratch.0.join("mailpit.db"))
            .arg("--smtp-tls-cert")
            .arg(&certificate)
            .arg("--smtp-tls-key")
            .arg(&key)
            .arg("--smtp-auth-file")
            .arg(&accounts)
            .args(["--smtp-require-starttls", "--smtp-disable-rdns", "--smtp-strict-rfc-headers"])
            .args(["--disable-version-check", "--block-remote-css-and-fonts", "--enable-chaos", "--quiet"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("mailpit");
        let mailpit = Mailpit { child, port, api, certificate };
        until("Mailpit listens", || {
            let up = get(&mailpit.api, "/readyz").is_some_and(|(status, _)| status == 200);
            (up && std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()).then_some(())
        });
        mailpit
    }

    fn ask(&self, path: &str) -> Value {
        let (status, body) = get(&self.api, path).expect("Mailpit answers");
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).expect("JSON")
    }

    pub(crate) fn n_mails(&self) -> u64 {
        self.ask("/api/v1/messages?limit=1")["total"].as_u64().expect("a number")
    }

    /// Summaries of all mails, in no order.
    pub(crate) fn mails(&self) -> Vec<Value> {
        const PAGE: usize = 5_000;
        let mut all = Vec::new();
        loop {
            let page = self.ask(&format!("/api/v1/messages?start={}&limit={PAGE}", all.len()));
            let mails = page["messages"].as_array().expect("messages");
            all.extend(mails.iter().cloned());
            if mails.len() < PAGE {
                return all;
            }
        }
    }

    /// The mail itself, with its headers under `headers`.
    fn mail(&self, summary: &Value) -> Value {
        let id = summary["ID"].as_str().expect("an ID");
        let mut mail = self.ask(&format!("/api/v1/message/{id}"));
        mail["headers"] = self.ask(&format!("/api/v1/message/{id}/headers"));
        mail
    }

    /// From now on answers so many percent of senders, recipients and log-ins with these codes.
    fn fail(&self, percent: [u32; 3], codes: [u32; 3]) {
        let trigger = |of: usize| json!({ "ErrorCode": codes[of], "Probability": percent[of] });
        let [sender, recipient, login] = [0, 1, 2].map(trigger);
        let chaos = json!({ "Sender": sender, "Recipient": recipient, "Authentication": login });
        let (status, body) = put(&self.api, "/api/v1/chaos", &chaos.to_string()).expect("Mailpit answers");
        assert_eq!(status, 200, "{body}");
    }
}

impl Drop for Mailpit {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The address of the one recipient.
pub(crate) fn to(mail: &Value) -> &str {
    let to = mail["To"].as_array().expect("recipients");
    assert_eq!(to.len(), 1, "each a mail of their own: {mail}");
    to[0]["Address"].as_str().expect("an address")
}

/// Lines of a channel at the relay.
pub(crate) fn channel(certificate: &Path, port: u16, mails_per_minute: u32) -> String {
    format!(
        "[[channels]]\nname = \"mail\"\nkind = \"email\"\nhost = \"localhost\"\nport = {port}\nca_file = \"{}\"\n\
         user = \"{USER}\"\npassword_file = \"relay-password\"\nfrom = \"Privacy office <privacy@example.com>\"\nto = [\"dpo@example.com\"]\n\
         rate_per_minute = 600\nmails_per_minute = {mails_per_minute}\nretry = {{ first = \"1s\", max = \"2s\" }}\n",
        certificate.display()
    )
}

/// breachd over the log in memory, with Mailpit as its relay and a second one for what the first does not take.
struct Office {
    mailpit: Mailpit,
    backup: SmtpSandbox,
    broker: Arc<dyn Broker>,
    topics: Topics,
    daemon: Daemon,
    console: String,
    runtime: tokio::runtime::Runtime,
    _scratch: Scratch,
}

impl Office {
    fn open(name: &str, n_employees: u32) -> Office {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let scratch = Scratch::new(name);
        let mailpit = Mailpit::start(&scratch);
        let backup = runtime.block_on(SmtpSandbox::start(SmtpOptions::default())).unwrap();
        scratch.write("law.yaml", LAW);
        scratch.write("relay-password", PASSWORD);
        directory(&scratch, (1..=n_employees).map(|id| (id, address(id), "DE")));
        let file = scratch.write(
            "breachd.toml",
            format!(
                "instance = \"one\"\n[console]\nlisten = \"127.0.0.1:0\"\n[directory]\nfile = \"directory.csv\"\n[obligations]\nfile = \"law.yaml\"\n\
                 [jurisdictions]\napplicable = [\"*\"]\n[organisation]\nname = \"Bäckerei Example GmbH\"\ncontact = \"dpo@example.com\"\n\
                 [digest]\nchannels = [\"mail\"]\nat = \"00:00\"\nzone = \"UTC\"\n[fallback]\nchannels = [\"backup\"]\n\
                 [[triggers]]\nchannels = [\"mail\"]\n\
                 [[drafts]]\nobligations = [\"de-people\"]\napprovers = [\"Ada\"]\nchannel = \"mail\"\n{mail}\
                 [[channels]]\nname = \"backup\"\nkind = \"email\"\nhost = \"127.0.0.1\"\nport = {backup}\ntls = \"none\"\n\
                 from = \"breachd@example.com\"\nto = [\"board@example.com\"]\n",
                mail = channel(&mailpit.certificate, mailpit.port, 600),
                backup = backup.port(),
            ),
        );
        let settings = Arc::new(Settings::load(&[file], &[]).unwrap());
        let broker = stream::memory();
        let topics = Topics::new(settings.topics.clone());
        topics.prepare(broker.as_ref()).unwrap();
        let roles = [RoleName::Notifier, RoleName::Console];
        let daemon = runtime.block_on(run::start(settings, Arc::clone(&broker), &roles)).unwrap();
        let console = daemon.console.to_string();
        Office { mailpit, backup, broker, topics, daemon, console, runtime, _scratch: scratch }
    }

    /// An alert that names these employees.
    fn breach(&self, user: &str, employees: std::ops::Range<u64>) {
        raise(self.broker.as_ref(), &self.topics, &alert(user, employees, 0));
    }

    /// What the journal has of a kind.
    fn journaled(&self, kind: &str) -> Vec<Value> {
        let entries = contents(self.broker.as_ref(), &self.topics.journal());
        let entries = entries.iter().map(|(_, line)| journal::Entry::from_line(line).unwrap());
        entries.filter(|entry| entry.kind == kind).map(|entry| entry.body).collect()
    }

    /// Results of attempts to bring notices over the relay, by notice.
    fn results(&self) -> BTreeMap<String, Vec<String>> {
        let requested = self.journaled("notice_requested");
        let here = requested.iter().filter(|body| body["notice"]["channel"] == "mail");
        let mut results: BTreeMap<String, Vec<String>> =
            here.map(|body| (body["notice"]["id"].as_str().unwrap().to_owned(), Vec::new())).collect();
        for body in self.journaled("delivery_recorded") {
            if let Some(of) = results.get_mut(body["report"]["notice"].as_str().unwrap()) {
                of.push(body["report"]["result"]["outcome"].as_str().unwrap().to_owned());
            }
        }
        results
    }

    fn close(self) {
        assert!(self.daemon.stop());
        drop(self.backup);
        self.runtime.shutdown_background();
    }
}

fn header<'a>(mail: &'a Value, name: &str) -> &'a str {
    let values = mail["headers"][name].as_array().unwrap_or_else(|| panic!("no {name}: {}", mail["headers"]));
    assert_eq!(values.len(), 1, "{name}");
    values[0].as_str().unwrap()
}

#[test]
#[ignore = "nightly"]
fn nightly_mailpit_reads_notices_letters_and_the_digest() {
    let office = Office::open("mailpit", 3);
    raise(office.broker.as_ref(), &office.topics, &quiet("u9"));
    office.breach("u1", 1..4);
    approve(&office.console);
    until("the letters", || mailing(&office.console).filter(|page| page["state"] == "completed"));
    let everything = |mails: &Vec<Value>| {
        let has = |start: &str| mails.iter().any(|mail| mail["Subject"].as_str().unwrap().starts_with(start));
        has("[DIGEST]") && has("[INCIDENT]") && mails.iter().filter(|mail| to(mail) != "dpo@example.com").count() == 3
    };
    let mails = until("digest, notice and letters", || Some(office.mailpit.mails()).filter(everything));
    let mails: Vec<Value> = mails.iter().map(|mail| office.mailpit.mail(mail)).collect();
    let mut threads: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut shown = BTreeSet::new();
    for mail in &mails {
        let subject = mail["Subject"].as_str().unwrap();
        assert_eq!(mail["From"], json!({ "Name": "Privacy office", "Address": "privacy@example.com" }));
        assert_eq!(mail["ReturnPath"], "privacy@example.com");
        assert_eq!(mail["Username"], USER, "logged in");
        assert_eq!(header(mail, "Auto-Submitted"), "auto-generated");
        assert_eq!(header(mail, "X-Auto-Response-Suppress"), "All");
        assert_eq!(header(mail, "In-Reply-To"), header(mail, "References"));
        let id = mail["MessageID"].as_str().unwrap();
        assert!(id.len() == 32 + "@example.com".len() && id.ends_with("@example.com"), "{id}");
        let (text, html) = (mail["Text"].as_str().unwrap(), mail["HTML"].as_str().unwrap());
        assert!(html.starts_with("<!DOCTYPE html>") && html.contains("<h1"), "{html}");
        assert!(mail["Attachments"].as_array().unwrap().is_empty() && mail["Inline"].as_array().unwrap().is_empty());
        let kind = match to(mail) {
            "dpo@example.com" if subject.starts_with("[DIGEST]") => "digest",
            "dpo@example.com" => "notice",
            _ => "letter",
        };
        threads.entry(if kind == "letter" { to(mail) } else { kind }).or_default().insert(header(mail, "References"));
        match kind {
            "digest" => assert!(text.contains("u9 read somewhat more") && html.contains("u9 read somewhat more")),
            "notice" => assert!(subject.contains("INC-1") && text.contains("INC-1") && html.contains("INC-1")),
            _ => {
                let said = "Bäckerei Example GmbH";
                assert!(text.contains(said) && html.contains(said) && !text.contains("INC-1"), "{text}");
            }
        }
        let check = office.mailpit.ask(&format!("/api/v1/message/{}/html-check", mail["ID"].as_str().unwrap()));
        let [supported, partly, unsupported] =
            ["Supported", "Partial", "Unsupported"].map(|of| check["Total"][of].as_f64().unwrap());
        if shown.insert(kind) {
            let n = &check["Total"]["Tests"];
            println!(
                "{kind}: {n} tests of mail programs: {supported:.1} %, partly {partly:.1} %, not {unsupported:.1} %"
            );
            for warning in check["Warnings"].as_array().unwrap() {
                let score = &warning["Score"];
                let [partly, unsupported] = ["Partial", "Unsupported"].map(|of| score[of].as_f64().unwrap());
                println!(
                    "  {} ({} times): partly {partly:.1} %, not {unsupported:.1} %",
                    warning["Title"], score["Found"]
                );
            }
        }
        assert!(supported >= SUPPORTED_AT_LEAST, "{kind}: {supported} % are supported");
        assert!(unsupported <= UNSUPPORTED_AT_MOST, "{kind}: {unsupported} % are not supported");
    }
    assert_eq!(threads.len(), 5, "{threads:?}");
    assert!(threads.values().all(|of| of.len() == 1), "one thread each: {threads:?}");
    let all: BTreeSet<&str> = threads.values().flatten().copied().collect();
    assert_eq!(all.len(), 5, "and nobody's is another's: {threads:?}");
    office.close();
}

#[test]
#[ignore = "nightly"]
fn nightly_mailpit_refuses_for_a_while_and_for_good() {
    const N: u32 = 60;
    let office = Office::open("mailpit-chaos", N);
    office.mailpit.fail([FAILING_PERCENT; 3], [451, 451, 454]);
    for incident in 1..=8 {
        // The first names them all.
        office.breach(&format!("u{incident}"), 1..if incident == 1 { u64::from(N) + 1 } else { 2 });
    }
    approve(&office.console);
    let done = within(PATIENCE * 5, "the letters", || {
        mailing(&office.console).filter(|page| page["state"] == "completed" || page["state"] == "stopped")
    });
    assert_eq!(
        (&done["state"], &done["n_reached"], &done["not_reached"]),
        (&json!("completed"), &json!(N), &json!([]))
    );
    let taken = |of: &Vec<String>| of.iter().any(|result| result == "accepted");
    let results = within(PATIENCE * 5, "every notice is taken", || {
        Some(office.results()).filter(|all| all.len() >= 8 && all.values().all(taken))
    });
    let n_retries = results.values().flatten().filter(|result| *result == "retrying").count();
    println!("{} notices, {n_retries} attempts that failed; {N} letters", results.len());
    assert!(n_retries > 0, "the journal says that the relay was in trouble");
    assert!(results.values().flatten().all(|result| result == "accepted" || result == "retrying"), "{results:?}");
    let mut ids: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
    for mail in office.mailpit.mails() {
        let id = mail["MessageID"].as_str().unwrap().to_owned();
        *ids.entry(to(&mail).to_owned()).or_default().entry(id).or_default() += 1;
    }
    for id in 1..=N {
        let of = &ids[&address(id)];
        assert_eq!((of.len(), of.values().max()), (1, Some(&1)), "{id}: refused before it was taken, so never twice");
    }
    let of_office = &ids["dpo@example.com"];
    assert_eq!((of_office.len(), of_office.values().max()), (results.len(), Some(&1)), "each notice once");
    assert!(
        office.journaled("incident_opened").len() == 8 && office.backup.received().is_empty(),
        "nobody else was told"
    );

    // For good: each is tried once, and somebody else hears of it.
    let before = office.mailpit.mails().len();
    office.mailpit.fail([0, 100, 0], [451, 550, 454]);
    office.breach("u9", 1..6);
    let new = until("it is refused", || {
        let all = office.results();
        let new: Vec<Vec<String>> =
            all.into_iter().filter(|(id, _)| !results.contains_key(id)).map(|(_, of)| of).collect();
        Some(new).filter(|new| !new.is_empty() && new.iter().all(|of| !of.is_empty()))
    });
    assert!(new.iter().all(|of| *of == ["rejected"]), "tried once: {new:?}");
    until("the board hears of it", || {
        let received = office.backup.received();
        received.iter().any(|mail| mail.summary.contains("INC-9")).then_some(())
    });
    let approve = json!({ "command": "draft_approve", "draft": 1, "version": 1, "by": "Ada", "comment": "read" });
    let commands = "/api/v1/incidents/INC-9/commands";
    until("the draft", || {
        get(&office.console, "/api/v1/incidents/INC-9/drafts/1").filter(|(status, _)| *status == 200)
    });
    assert_eq!(post(&office.console, commands, &approve.to_string()).unwrap().0, 200);
    let page = until("the letters stop", || {
        let (status, body) = get(&office.console, "/api/v1/incidents/INC-9/drafts/1/mailing")?;
        let page: Value = (status == 200).then(|| serde_json::from_str(&body).unwrap())?;
        Some(page).filter(|page| page["state"] == "stopped")
    });
    assert_eq!((&page["n_reached"], &page["n_left"]), (&json!(0), &json!(5)), "nobody is blamed: {page:#}");
    assert_eq!(office.mailpit.mails().len(), before, "nothing was taken");

    // The relay is mended, and a person goes on.
    office.mailpit.fail([0; 3], [451, 451, 454]);
    assert_eq!(post(&office.console, commands, &approve.to_string()).unwrap().0, 200);
    until("the letters go on", || {
        let (_, body) = get(&office.console, "/api/v1/incidents/INC-9/drafts/1/mailing")?;
        Some(()).filter(|()| serde_json::from_str::<Value>(&body).unwrap()["state"] == "completed")
    });
    office.close();
}
