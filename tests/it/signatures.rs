//! Signature rules of a user: checked with all their mistakes, told as they say, taken up on SIGHUP and when their folder changes, or not
//! at all.

use crate::harness::{BINARY, Daemon, Scratch, broker, contents, free_port, get, kafka_address, topic, unique, until};
use detector::{Alert, Severity};
use std::{path::Path, process::Command};
use stream::Outgoing;

/// A rule for a word in an address.
fn rule(title: &str, word: &str, more: &str) -> String {
    format!(
        "title: {title}\nlevel: high\ntags: [attack.t1190]\nlogsource:\n    category: webserver\ndetection:\n    \
         selection:\n        cs-uri|contains: {word}\n    condition: selection\n{more}"
    )
}

fn line(path: &str, second: u32) -> String {
    format!("203.0.113.7 - - [23/Nov/2026:13:04:{second:02} +0000] \"GET {path} HTTP/1.1\" 200 9 \"-\" \"curl/8\"\n")
}

#[test]
fn a_users_rule_raises_its_alert_and_pages_only_if_it_says_so() {
    let scratch = Scratch::new("signatures");
    std::fs::create_dir(scratch.0.join("rules")).unwrap();
    scratch.write("rules/quiet.yml", rule("An old shop's export asked for", "oldexport", ""));
    scratch.write("rules/loud.yml", rule("The trap asked for", "honeytrap", "name: trap\nbreachd:\n    page: true\n"));
    let config = scratch.write("breachd.toml", "[signatures]\nfolder = \"rules\"\noff = [\"scanner_agent\"]\n");
    let log =
        [line("/old%65xport?all=1", 1), line("/honeytrap/x", 2), line("/honeytrap/y", 3), line("/.git/config", 4)];
    // What does not page is told when its hour is over.
    let later: String = (14..20).map(|hour| line("/", 5).replace("13:04", &format!("{hour}:04"))).collect();
    let input = scratch.write("web.log", log.concat() + &later);
    let alerts = scratch.0.join("alerts.jsonl");
    let output = Command::new(BINARY)
        .args(["replay", "--config", config.to_str().unwrap(), "--alerts", alerts.to_str().unwrap()])
        .arg("--input")
        .arg(format!("web:access_combined={}", input.display()))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let alerts = std::fs::read_to_string(&alerts).unwrap();
    let mut told: Vec<_> = alerts
        .lines()
        .map(|line| Alert::from_json(line.as_bytes()).unwrap())
        .map(|alert| {
            assert_eq!(&*alert.subject.id, "203.0.113.7");
            (alert.detector, alert.page, alert.severity, alert.observed as u64, alert.attack.join(","))
        })
        .collect();
    told.sort();
    assert_eq!(
        told,
        [
            ("an_old_shop_s_export_asked_for".to_owned(), false, Severity::High, 1, "T1190".to_owned()),
            ("trap".to_owned(), true, Severity::High, 2, "T1190".to_owned()),
            ("version_control_asked".to_owned(), false, Severity::Low, 1, "T1595.003,T1213.003".to_owned()),
            ("version_control_served".to_owned(), false, Severity::High, 1, "T1213.003,T1552.001".to_owned()),
        ]
    );
}

fn check(config: &Path) -> (Option<i32>, String) {
    let output = Command::new(BINARY).args(["check", "--config", config.to_str().unwrap()]).output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

#[test]
fn check_tells_every_mistake_of_every_rule_beside_those_of_the_configuration() {
    let scratch = Scratch::new("signatures-check");
    std::fs::create_dir(scratch.0.join("rules")).unwrap();
    scratch.write("rules/a.yml", rule("A", "aaaa", "").replace("condition: selection", "condition: selektion"));
    scratch.write("rules/b.yaml", rule("B", "bbbb", "").replace("cs-uri", "uri").replace("level: high", "level: hi"));
    scratch.write("rules/c.yml", "title: [\n");
    let text = "[signatures]\nfolder = \"rules\"\noff = [\"nobody\"]\n[console]\nlisten = \"0.0.0.0:8420\"\n";
    let config = scratch.write("breachd.toml", text);
    let (code, said) = check(&config);
    assert_eq!(code, Some(2), "{said}");
    for expected in [
        "rules/a.yml:9: `condition` there is no selection `selektion`; there are: selection",
        "rules/b.yaml:2: `level` must be",
        "rules/b.yaml:8: no `uri` in category `webserver`",
        "rules/c.yml:2: is no YAML",
        ":3: `signatures.off`: `off` names a rule `nobody`",
        ":5: `console.listen`",
        "6 mistakes in the configuration",
    ] {
        assert!(said.contains(expected), "{expected} in\n{said}");
    }
    for file in ["a.yml", "b.yaml", "c.yml"] {
        std::fs::remove_file(scratch.0.join("rules").join(file)).unwrap();
    }
    scratch.write("breachd.toml", "[signatures]\nfolder = \"rules\"\n");
    let (code, said) = check(&config);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("29 signature rules"), "{said}");
}

#[test]
fn check_refuses_an_exception_for_a_rule_that_is_not_in_force() {
    let scratch = Scratch::new("signatures-excepted");
    let exception = |name: &str| {
        format!(
            "[[detector.exceptions]]\nsubject = {{ kind = \"address\", id = \"203.0.113.9\" }}\ndetectors = [\"volume\", \"{name}\"]\n\
             owner = \"Jana Weiss\"\nreason = \"our own scanner\"\nfrom = \"2026-03-01\"\nuntil = \"2026-05-31\"\n"
        )
    };
    let (code, said) = check(&scratch.write("right.toml", exception("scanner_agent")));
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = check(&scratch.write("wrong.toml", exception("scanner_agents")));
    assert_eq!(code, Some(2), "{said}");
    let expected = "`detector.exceptions[0].detectors`: there is no detector and no signature rule in force that is called `scanner_agents`";
    assert!(said.contains(expected), "{said}");
}

#[test]
fn new_rules_are_taken_up_on_sighup_and_wrong_ones_leave_the_old_in_force() {
    let scratch = Scratch::new("signatures-reload");
    let prefix = unique("rules");
    let raw = format!("{prefix}-web");
    let broker = broker();
    broker.create_topics(&[topic(&raw, 1)]).unwrap();
    let console = format!("127.0.0.1:{}", free_port());
    std::fs::create_dir(scratch.0.join("rules")).unwrap();
    scratch.write("rules/a.yml", rule("First", "firstword", "breachd: { page: true }\n"));
    let config = scratch.write(
        "breachd.toml",
        format!(
            "instance = \"one\"\n[kafka]\nbootstrap_servers = \"{}\"\n[topics]\nprefix = \"{prefix}\"\n\
             [console]\nlisten = \"{console}\"\n[signatures]\nfolder = \"rules\"\nshipped = false\n\
             [[sources]]\nname = \"web\"\nformat = \"access_combined\"\ntopic = \"{raw}\"\n",
            kafka_address(),
        ),
    );
    let mut daemon = Daemon::run(&config, &["--roles", "ingest,detector"], scratch.0.join("daemon.log"));
    until("it is ready", || get(&console, "/readyz").filter(|(status, _)| *status == 200));
    let successful = |wanted: char| {
        let (_, text) = get(&console, "/metrics")?;
        text.lines().any(|line| line == format!("breachd_last_reload_successful {wanted}")).then_some(())
    };
    let mut writer = broker.transactor(&format!("{prefix}-writer")).unwrap();
    let mut ask = |path: &str, second: u32| {
        writer.begin().unwrap();
        let payload = line(path, second).trim_end().as_bytes().to_vec();
        writer
            .send(Outgoing { topic: raw.clone(), partition: Some(0), key: None, payload, headers: Vec::new() })
            .unwrap();
        assert!(writer.commit(None).is_ok());
    };
    let told = |name: &str| {
        let alerts = contents(broker.as_ref(), &format!("{prefix}.alerts"));
        let is_it = |(_, json): &(i32, Vec<u8>)| Alert::from_json(json).is_ok_and(|alert| alert.detector == name);
        alerts.iter().any(is_it).then_some(())
    };
    ask("/firstword", 1);
    until("the first rule pages", || told("first"));
    scratch.write("rules/a.yml", rule("Second", "secondword", "breachd: { page: true }\n"));
    scratch.write("rules/b.yml", "title: broken\n");
    daemon.hang_up();
    until("broken rules are refused", || successful('0'));
    let log = std::fs::read_to_string(scratch.0.join("daemon.log")).unwrap();
    assert!(log.contains("b.yml:1: lacks `level`") && log.contains("b.yml:1: lacks `detection`"), "{log}");
    // All or nothing: neither is the right half of the new set in force, nor has the old one gone.
    ask("/secondword", 2);
    std::fs::remove_file(scratch.0.join("rules/b.yml")).unwrap();
    daemon.hang_up();
    until("right rules are taken up", || successful('1'));
    until("ingest has them", || {
        std::fs::read_to_string(scratch.0.join("daemon.log"))
            .ok()?
            .contains("new signature rules are in force")
            .then_some(())
    });
    assert_eq!(told("second"), None, "it was asked for before the rule was there");
    ask("/secondword", 3);
    until("the second rule pages", || told("second"));
    assert_eq!(daemon.terminate(), Some(0));
}

#[test]
fn a_changed_folder_is_taken_up_without_a_signal_and_a_broken_one_is_not() {
    let scratch = Scratch::new("signatures-watch");
    let prefix = unique("watch");
    let raw = format!("{prefix}-web");
    broker().create_topics(&[topic(&raw, 1)]).unwrap();
    let console = format!("127.0.0.1:{}", free_port());
    std::fs::create_dir(scratch.0.join("rules")).unwrap();
    scratch.write("rules/a.yml", rule("First", "firstword", ""));
    let config = scratch.write(
        "breachd.toml",
        format!(
            "instance = \"one\"\n[kafka]\nbootstrap_servers = \"{}\"\n[topics]\nprefix = \"{prefix}\"\n\
             [console]\nlisten = \"{console}\"\n[signatures]\nfolder = \"rules\"\nshipped = false\nlook_every = \"1s\"\n\
             [[sources]]\nname = \"web\"\nformat = \"access_combined\"\ntopic = \"{raw}\"\n",
            kafka_address(),
        ),
    );
    let mut daemon = Daemon::run(&config, &["--roles", "ingest"], scratch.0.join("daemon.log"));
    until("it is ready", || get(&console, "/readyz").filter(|(status, _)| *status == 200));
    let shown = |lines: &[&str]| {
        let (_, text) = get(&console, "/metrics")?;
        lines.iter().all(|line| text.lines().any(|found| found == *line)).then_some(())
    };
    let log = scratch.0.join("daemon.log");
    let said = |what: &str| std::fs::read_to_string(&log).unwrap().matches(what).count();
    until("one rule is in force", || shown(&["breachd_signature_rules 1"]));
    scratch.write("rules/b.yml", rule("Second", "secondword", ""));
    until("an added rule is taken up", || shown(&["breachd_signature_rules 2"]));
    until("ingest has it", || (said("new signature rules are in force") == 1).then_some(()));
    scratch.write("rules/c.yml", "title: broken\n");
    scratch.write("rules/b.yml", rule("Third", "thirdword", ""));
    until("a broken folder is refused", || shown(&["breachd_signature_last_reload_successful 0"]));
    assert!(said("c.yml:1") > 0 && shown(&["breachd_signature_rules 2"]).is_some(), "the old rules are whole");
    std::fs::remove_file(scratch.0.join("rules/c.yml")).unwrap();
    until("a mended folder is taken up", || shown(&["breachd_signature_last_reload_successful 1"]));
    std::fs::remove_file(scratch.0.join("rules/b.yml")).unwrap();
    until("a removed rule is gone", || {
        shown(&["breachd_signature_rules 1", "breachd_signature_last_reload_successful 1"])
    });
    assert_eq!(daemon.terminate(), Some(0));
}
