//! From end to end: an HR breach and a payment breach in a real Kafka, receivers that fail, a daemon that is killed, and an oracle
//! over what arrived and what the journal says: everyone was told, in time, of each incident once, and it is proven.
//!
//! Other people's code judges what arrives: ServiceNow's sandbox is driven and read by PySNC, webhooks are verified by the
//! libraries of Standard Webhooks and CloudEvents, mail goes over STARTTLS to aiosmtpd and is read back by Python's mail
//! parser, and a real Alertmanager, late like the mail server, mirrors what is open. `tests/run` installs them and names their interpreter in `BREACHD_TEST_PYTHON`; where it is not named, the test says
//! so and is over.

use crate::{
    harness::{BINARY, Daemon, Scratch, broker, contents, free_port, get, kafka_address, topic, unique, until},
    smtp::SmtpServer,
};
use notifier::sandbox::{All, Fault, Sandbox};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};
use stream::{Broker, Outgoing};

/// Both by an account and from a host of its own: two incidents.
const HR: &str = r"20261123 12:57:10,vm,hr_batch,10.0.1.5,179,33992,QUERY,magento,'SELECT employee_id, ssn, iban, salary INTO OUTFILE \'/srv/out/staff.csv\' FROM hr_employee',0";
const PAYMENT: &str = r"20261123 12:57:11,vm,shop_batch,10.0.2.7,180,33993,QUERY,magento,'SELECT entity_id, cc_last_4, cc_owner FROM sales_order_payment INTO OUTFILE \'/srv/out/cards.csv\'',0";

const WEBHOOK_SECRET: &str = "whsec_dG9sZC10b2xkLXRvbGQtdG9sZC10b2xkLXRvbGQ=";

fn python() -> Option<PathBuf> {
    let python = std::env::var_os("BREACHD_TEST_PYTHON").map(PathBuf::from);
    assert!(python.is_some() || std::env::var_os("BREACHD_TEST_SERVERS").is_none(), "tests/run names an interpreter");
    python
}

fn receiver(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/receivers").join(name)
}

/// The receiver of webhooks, ended when dropped.
struct Webhooks {
    child: Child,
    port: u16,
    out: PathBuf,
}

impl Webhooks {
    fn start(python: &Path, scratch: &Scratch, faults: &[&str]) -> Webhooks {
        let out = scratch.0.join("webhooks.jsonl");
        let mut child = Command::new(python)
            .arg(receiver("webhook.py"))
            .arg(WEBHOOK_SECRET)
            .arg(&out)
            .args(faults)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut port = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut port).unwrap();
        Webhooks { child, port: port.trim().parse().unwrap(), out }
    }

    fn lines(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(&self.out).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl Drop for Webhooks {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Debian's Alertmanager, ended when dropped.
struct Alertmanager(Child);

impl Alertmanager {
    fn start(scratch: &Scratch, port: u16) -> Alertmanager {
        let config = scratch.write("alertmanager.yml", "route: { receiver: nobody }\nreceivers: [{ name: nobody }]\n");
        let child = Command::new("prometheus-alertmanager")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.path={}", scratch.0.join("alertmanager").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .args(["--cluster.listen-address=", "--log.level=error"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("prometheus-alertmanager: tests/run installs it");
        until("Alertmanager listens", || std::net::TcpStream::connect(("127.0.0.1", port)).ok());
        Alertmanager(child)
    }
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a script of ours prints.
fn printed(python: &Path, arguments: &[&str]) -> String {
    let output = Command::new(python).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn servicenow(python: &Path, what: &str, url: &str) -> String {
    let script = receiver("servicenow.py");
    printed(python, &[script.to_str().unwrap(), what, url, "breachd", "sandbox-password"])
}

/// The journal's decisions, as (kind, body).
pub(crate) fn journal(broker: &dyn Broker, prefix: &str) -> Vec<(String, Value)> {
    contents(broker, &format!("{prefix}.journal"))
        .iter()
        .map(|(_, line)| journal::Entry::from_line(line).unwrap())
        .map(|entry| (entry.kind, entry.body))
        .collect()
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Notices that were requested, by id, and the reports on each, in order.
pub(crate) struct Told {
    pub(crate) notices: BTreeMap<String, Value>,
    reports: BTreeMap<String, Vec<Value>>,
}

impl Told {
    pub(crate) fn of(journal: &[(String, Value)]) -> Told {
        let of_kind = |kind: &'static str| journal.iter().filter(move |(found, _)| found == kind).map(|(_, body)| body);
        let notices =
            of_kind("notice_requested").map(|body| (text(body, "/notice/id").to_owned(), body["notice"].clone()));
        let notices: Vec<(String, Value)> = notices.collect();
        let n_requested = notices.len();
        let notices: BTreeMap<String, Value> = notices.into_iter().collect();
        assert_eq!(notices.len(), n_requested, "a notice was requested twice");
        let mut reports: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for body in of_kind("delivery_recorded") {
            reports.entry(text(body, "/report/notice").to_owned()).or_default().push(body["report"].clone());
        }
        Told { notices, reports }
    }

    /// Whether somebody took it.
    pub(crate) fn is_taken(&self, id: &str) -> bool {
        let taken = |report: &Value| matches!(text(report, "/result/outcome"), "accepted" | "confirmed");
        self.reports.get(id).is_some_and(|reports| reports.iter().any(taken))
    }

    fn to(&self, channel: &str) -> BTreeMap<&str, &Value> {
        let there = self.notices.iter().filter(|(_, notice)| text(notice, "/channel") == channel);
        there.map(|(id, notice)| (id.as_str(), notice)).collect()
    }
}

#[test]
fn everyone_is_told_once_and_in_time_whatever_fails() {
    let Some(python) = python() else { return eprintln!("BREACHD_TEST_PYTHON is not set: see tests/run") };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let secrets = Scratch::new("told-secrets");
    let sandbox = runtime.block_on(All::start(&secrets.0)).unwrap();
    let broker = broker();
    let scratch = Scratch::new("told");
    let prefix = unique("told");
    let webhooks = Webhooks::start(&python, &scratch, &["503:1", "reset", "lost", "429:1"]);
    // The mail server comes late: its port refuses connections at first. Its certificate has to be there from the start.
    let smtp_port = free_port();
    drop(SmtpServer::start_at(&scratch, smtp_port));
    let mirror_port = free_port();

    servicenow(&python, "drive", &sandbox.servicenow.url());
    assert_eq!(servicenow(&python, "list", &sandbox.servicenow.url()), "", "PySNC has tidied up");

    let console = format!("127.0.0.1:{}", free_port());
    scratch.write("webhook-secret", WEBHOOK_SECRET);
    let secret = |name: &str| secrets.0.join(name).display().to_string();
    let config = scratch.write(
        "breachd.toml",
        format!(
            "instance = \"one\"\n[kafka]\nbootstrap_servers = \"{kafka}\"\n[topics]\nprefix = \"{prefix}\"\n\
             [ingest]\nflush_interval = \"50ms\"\n[console]\nlisten = \"{console}\"\n\
             [[sources]]\nname = \"audit\"\nformat = \"mariadb_server_audit\"\nzone = \"UTC\"\ntopic = \"{prefix}-audit\"\n\
             [[triggers]]\nseverity_at_least = \"high\"\nchannels = [\"pager\", \"tickets\", \"hook\", \"mirror\"]\n\
             [[triggers]]\ndata_classes = [\"hr\"]\nchannels = [\"works-council\"]\n\
             [[triggers]]\ndata_classes = [\"payment\"]\nchannels = [\"acquirer\"]\n\
             [awareness]\nseverity_at_least = \"high\"\ndata_classes = [\"hr\", \"payment\"]\n\
             [jurisdictions]\napplicable = [\"eu-gdpr-33-authority\", \"card-visa-notify\"]\n\
             [[channels]]\nname = \"pager\"\nkind = \"pagerduty\"\nurl = \"{pager}\"\nrouting_key_file = \"{key}\"\napi_token_file = \"{token}\"\n\
             retry = {{ first = \"1s\", max = \"2s\" }}\n\
             [[channels]]\nname = \"tickets\"\nkind = \"servicenow\"\ninstance = \"{tickets}\"\nuser = \"breachd\"\npassword_file = \"{password}\"\n\
             assignment_group = \"Privacy office\"\nretry = {{ first = \"1s\", max = \"2s\" }}\n\
             [[channels]]\nname = \"hook\"\nkind = \"webhook\"\nurl = \"http://127.0.0.1:{hook}/hook\"\nsecret_file = \"webhook-secret\"\n\
             retry = {{ first = \"1s\", max = \"2s\" }}\n\
             [[channels]]\nname = \"mirror\"\nkind = \"alertmanager\"\nurl = \"http://127.0.0.1:{mirror_port}\"\n\
             retry = {{ first = \"1s\", max = \"2s\" }}\n{council}{acquirer}",
            kafka = kafka_address(),
            pager = sandbox.pagerduty.url(),
            tickets = sandbox.servicenow.url(),
            hook = webhooks.port,
            key = secret("pagerduty-routing-key"),
            token = secret("pagerduty-api-token"),
            password = secret("servicenow-password"),
            council = mail_channel("works-council", smtp_port),
            acquirer = mail_channel("acquirer", smtp_port),
        ),
    );
    broker.create_topics(&[topic(&format!("{prefix}-audit"), 1)]).unwrap();

    for fault in [
        Fault::status(500),
        Fault::LoseAnswer,
        Fault::Answer { status: 429, retry_after: Some("1".into()) },
        Fault::Reset,
    ] {
        sandbox.pagerduty.fail_next(fault);
    }
    // The first look for an existing record passes; the answer to the record's making is lost.
    for fault in [Fault::Pass, Fault::LoseAnswer, Fault::status(503), Fault::Reset] {
        sandbox.servicenow.fail_next(fault);
    }
    let log = scratch.0.join("daemon.log");
    let mut daemon = Daemon::run(&config, &[], log.clone());
    until("the daemon is ready", || get(&console, "/readyz").filter(|(status, _)| *status == 200));
    let mut appender = broker.appender().unwrap();
    for line in [HR, PAYMENT] {
        let topic = format!("{prefix}-audit");
        appender.send(Outgoing { topic, partition: Some(0), payload: line.into(), ..Outgoing::default() }).unwrap();
    }
    appender.flush().unwrap();

    // Killed while notices are on their way, twice; the mail server comes in between.
    runtime.block_on(sandbox.pagerduty.arrived(2));
    daemon.kill();
    let mut daemon = Daemon::run(&config, &[], log.clone());
    runtime.block_on(sandbox.servicenow.arrived(5));
    daemon.kill();
    let smtp = SmtpServer::start_at(&scratch, smtp_port);
    let _mirror = Alertmanager::start(&scratch, mirror_port);
    let mut daemon = Daemon::run(&config, &[], log);
    until("the daemon is ready again", || get(&console, "/readyz").filter(|(status, _)| *status == 200));

    let entries = until("everyone was told", || {
        let entries = journal(broker.as_ref(), &prefix);
        let told = Told::of(&entries);
        let channels = ["pager", "tickets", "hook", "mirror", "works-council", "acquirer"];
        let all_heard = channels.iter().all(|channel| !told.to(channel).is_empty());
        (all_heard && told.notices.keys().all(|id| told.is_taken(id))).then_some(entries)
    });
    let told = Told::of(&entries);

    // In time: before the notice's own end, and far within the laws' limits.
    for (id, notice) in &told.notices {
        let first =
            told.reports[id].iter().find(|report| matches!(text(report, "/result/outcome"), "accepted" | "confirmed"));
        let (at, end) = (text(first.unwrap(), "/at"), text(notice, "/expires_at"));
        assert!(at < end, "{id} was taken at {at}, its time ended at {end}");
    }
    let opened: Vec<&Value> =
        entries.iter().filter(|(kind, _)| kind == "incident_opened").map(|(_, body)| body).collect();
    let incidents: BTreeSet<&str> = opened.iter().map(|body| text(body, "/incident")).collect();
    assert_eq!((opened.len(), incidents.len()), (2, 2), "{opened:?}");
    let armed: BTreeSet<&str> = (entries.iter().filter(|(kind, _)| kind == "deadline_armed"))
        .map(|(_, body)| text(body, "/deadline/obligation"))
        .collect();
    assert!(armed.contains("eu-gdpr-33-authority") && armed.contains("card-visa-notify"), "{armed:?}");

    // Nobody has two incidents for one.
    let pages = sandbox.pagerduty.alerts();
    let opened_pages: Vec<_> = pages.values().filter(|alert| alert.generation == 1 && alert.notified == 1).collect();
    assert_eq!(opened_pages.len(), pages.len(), "a page was raised twice: {pages:?}");
    let listed = servicenow(&python, "list", &sandbox.servicenow.url());
    let tickets: Vec<Value> = listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let correlated: BTreeSet<&str> = tickets.iter().map(|ticket| text(ticket, "/correlation_id")).collect();
    assert_eq!((tickets.len(), correlated.len()), (2, 2), "{tickets:?}");
    assert!(tickets.iter().all(|ticket| !text(ticket, "/short_description").is_empty()), "{tickets:?}");
    let (_, mirrored) = get(&format!("127.0.0.1:{mirror_port}"), "/api/v2/alerts").unwrap();
    let mirrored: Value = serde_json::from_str(&mirrored).unwrap();
    let of_incidents =
        mirrored.as_array().unwrap().iter().filter(|alert| alert["labels"]["alertname"] == "BreachdIncident");
    let mirrored: Vec<&str> = of_incidents.map(|alert| text(alert, "/labels/incident")).collect();
    assert_eq!((mirrored.len(), mirrored.iter().copied().collect::<BTreeSet<_>>()), (2, incidents.clone()));
    let events = webhooks.lines();
    assert!(events.iter().all(|event| event["refused"].is_null()), "{events:?}");
    let event_ids: BTreeSet<&str> = events.iter().map(|event| text(event, "/id")).collect();
    assert_eq!(event_ids.len(), told.to("hook").len(), "each notice under one id, whatever was repeated");

    // Each data class's own people, and nobody else's.
    let mails = smtp.mails();
    let parser = "import sys,json,email,email.policy\n\
                  mail=email.message_from_file(sys.stdin,policy=email.policy.default)\n\
                  print(json.dumps({'id':mail['message-id'],'to':mail['to'],'subject':mail['subject'],'auto':mail['auto-submitted'],'text':mail.get_body(('plain',)).get_content(),'html':mail.get_body(('html',)).get_content()}))";
    let mails: Vec<Value> = mails.iter().map(|mail| parsed(&python, parser, mail)).collect();
    for (channel, of_class) in [("works-council", "hr_batch"), ("acquirer", "shop_batch")] {
        let address = format!("{channel}@example.com");
        let to_them: Vec<&Value> = mails.iter().filter(|mail| text(mail, "/to").contains(&address)).collect();
        let ids: BTreeSet<&str> = to_them.iter().map(|mail| text(mail, "/id")).collect();
        assert_eq!(ids.len(), told.to(channel).len(), "{channel}: {ids:?}");
        for mail in to_them {
            assert_eq!(text(mail, "/auto"), "auto-generated");
            assert!(text(mail, "/text").contains(of_class) && text(mail, "/html").contains(of_class), "{mail}");
        }
    }

    let verified = Command::new(BINARY).args(["audit", "verify", "--config"]).arg(&config).output().unwrap();
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
    assert_eq!(daemon.terminate(), Some(0));
}

fn mail_channel(name: &str, port: u16) -> String {
    format!(
        "[[channels]]\nname = \"{name}\"\nkind = \"email\"\nhost = \"localhost\"\nport = {port}\nca_file = \"smtp.pem\"\n\
         from = \"breachd <breachd@example.com>\"\nto = [\"{name}@example.com\"]\nretry = {{ first = \"1s\", max = \"2s\" }}\n"
    )
}

/// A mail as Python's parser understands it.
fn parsed(python: &Path, parser: &str, mail: &str) -> Value {
    use std::io::Write;
    let mut child =
        Command::new(python).args(["-c", parser]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(mail.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}
