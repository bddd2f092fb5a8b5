//! The ways are tried on a schedule, and a restart tries nothing again.

use crate::{
    digest::{quiet, raise},
    harness::{Scratch, contents, free_port, get, until},
};
use breachd::{asked, cli::RoleName, probes, run, settings::Settings, topics::Topics};
use notifier::sandbox::{Sandbox as _, SmsSandbox, SmtpOptions, SmtpSandbox};
use std::sync::Arc;

#[test]
fn channels_and_integrations_are_tried_and_the_journal_says_what_came_of_it() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let smtp = runtime.block_on(SmtpSandbox::start(SmtpOptions::default())).unwrap();
    let sms = runtime.block_on(SmsSandbox::start("token")).unwrap();
    let scratch = Scratch::new("probed");
    let console = format!("127.0.0.1:{}", free_port());
    scratch.write("key", "Bearer token\n");
    let config = |status: u16| {
        scratch.write(
            "breachd.toml",
            format!(
                "[console]\nlisten = \"{console}\"\n[probes]\nevery = \"1h\"\n[[triggers]]\nchannels = [\"mail\"]\n\
                 [[channels]]\nname = \"mail\"\nkind = \"email\"\nhost = \"127.0.0.1\"\nport = {mail}\ntls = \"none\"\n\
                 from = \"breachd@example.com\"\nto = [\"privacy@example.com\"]\n\
                 [[channels]]\nname = \"texts\"\nkind = \"sms\"\nurl = \"{texts}\"\nto = [\"+4915112345678\"]\n\
                 header_files = {{ Authorization = \"key\" }}\nbody = {{ to = \"{{recipient}}\", text = \"{{text}}\", ref = \"{{id}}\" }}\n\
                 [[integrations]]\nname = \"payroll\"\nurl = \"http://127.0.0.1:{port}/status\"\nstatus = [{status}]\n\
                 header_files = {{ Authorization = \"key\" }}\n",
                mail = smtp.port(),
                texts = sms.url(),
                port = sms.port(),
            ),
        )
    };
    let load = |status: u16| Arc::new(Settings::load(&[config(status)], &[]).unwrap());
    // What answers there says 404.
    let settings = load(200);
    let broker = stream::memory();
    let topics = Topics::new(settings.topics.clone());
    topics.prepare(broker.as_ref()).unwrap();
    let roles = [RoleName::Notifier, RoleName::Console];
    let start = |settings: &Arc<Settings>| {
        // The former life's listener ends with its last connection.
        until("it starts", || runtime.block_on(run::start(Arc::clone(settings), Arc::clone(&broker), &roles)).ok())
    };
    let recorded = || -> Vec<String> {
        let lines = contents(broker.as_ref(), &topics.journal()).into_iter();
        let lines = lines.map(|(_, line)| String::from_utf8_lossy(&line).into_owned());
        lines.filter(|line| line.contains("\"kind\":\"probe_recorded\"")).collect()
    };
    let metric = |line: &str| {
        let (_, text) = get(&console, "/metrics")?;
        text.lines().any(|found| found == line).then_some(())
    };
    let daemon = start(&settings);
    until("both are tried", || (recorded().len() == 2).then_some(()));
    until("the metric says that the mail relay answers", || metric("breachd_probe_success{probe=\"channel/mail\"} 1"));
    until("and that payroll does not", || metric("breachd_probe_success{probe=\"integration/payroll\"} 0"));
    assert!(daemon.stop());
    assert!(
        recorded().iter().all(|line| !line.contains("Bearer") && !line.contains("channel/texts")),
        "{:?}",
        recorded()
    );
    assert_eq!(smtp.received().len(), 0, "a trial of the relay sends nothing");

    // A restart goes by the journal.
    let daemon = start(&settings);
    until("the last outcome is known again", || metric("breachd_probe_success{probe=\"integration/payroll\"} 0"));
    // Long after the first look at what is due.
    raise(broker.as_ref(), &topics, &quiet("u1"));
    until("the notifier has gone on", || {
        contents(broker.as_ref(), &topics.journal())
            .iter()
            .any(|(_, line)| String::from_utf8_lossy(line).contains("\"kind\":\"alert_ranked\""))
            .then_some(())
    });
    assert!(daemon.stop());
    assert_eq!(recorded().len(), 2);
    let list = |settings: &Settings| {
        let journal = asked::Journal::read(broker.as_ref(), settings).unwrap();
        let mut out = Vec::new();
        let well = probes::list(settings, &journal.casebook, &mut out).unwrap();
        (well, String::from_utf8(out).unwrap())
    };
    let (well, text) = list(&settings);
    assert!(!well && text.contains("channel/mail: passed; last tried"), "{text}");
    assert!(text.contains("integration/payroll: FAILED, since ") && text.contains("it answers 404"), "{text}");
    let mut out = Vec::new();
    assert!(!runtime.block_on(probes::test(&settings, Some("payroll"), &mut out)).unwrap());
    assert!(runtime.block_on(probes::test(&load(404), None, &mut out)).unwrap());
    assert!(runtime.block_on(probes::test(&settings, Some("other"), &mut out)).is_err());
    assert_eq!(recorded().len(), 2, "by hand nothing is journaled");
}
