//! What people say of alerts, exceptions, two configurations and the digest, as the command line shows them.

use crate::harness::{
    BINARY, Daemon, Scratch, broker, contents, free_port, get, kafka_address, lines, post, topic, unique, until,
};
use detector::{Alert, AlertId};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{Command, Output},
};
use stream::Outgoing;

fn breachd(arguments: &[&str]) -> Output {
    Command::new(BINARY).args(arguments).output().expect("the binary under test")
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A working day on which an administrator grants rights in each hour from 08:00 to 17:00, and once puts a tag where it does not belong.
fn log(scratch: &Scratch) -> PathBuf {
    let mut text = String::new();
    for hour in 8..18 {
        for (minute, statement) in [
            (5, "SELECT name FROM employees WHERE id = 1"),
            (10, "GRANT SELECT ON hr.* TO 'x'@'10.0.0.1'"),
            (20, "SELECT name FROM employees WHERE id = 2 /* uid=u1 */ LIMIT 1"),
            (50, "SELECT name FROM employees WHERE id = 3"),
        ] {
            let statement = statement.replace('\'', "\\'");
            text.push_str(&format!(
                "20260302 {hour:02}:{minute:02}:00,db,dba,10.0.9.9,17,{hour}{minute},QUERY,hr,'{statement}',0\n"
            ));
        }
    }
    scratch.write("audit.log", text)
}

const CONFIG: &str = "[detector]\nfalse_pages_per_week = 2\n[classification.tables]\n\"hr.*\" = \"hr\"\n[attribution]\nsql_tags = [{ key = \"uid\", position = \"front\" }]\n";

fn exception(until: &str) -> String {
    format!(
        "{CONFIG}[[detector.exceptions]]\nsubject = {{ kind = \"db_account\", id = \"dba@10.0.9.9\" }}\nowner = \"Jana Weiss\"\n\
         reason = \"CHG-1\"\nfrom = \"2026-03-02T12:00:00Z\"\nuntil = \"{until}\"\n"
    )
}

fn replay(scratch: &Scratch, config: &Path, log: &Path, more: &[&str]) -> (Output, BTreeMap<String, Alert>) {
    let out = scratch.0.join("alerts.jsonl");
    let input = format!("mariadb_server_audit={}@UTC", log.display());
    let mut arguments =
        vec!["replay", "--config", config.to_str().unwrap(), "--input", &input, "--alerts", out.to_str().unwrap()];
    arguments.extend(more);
    let output = breachd(&arguments);
    let text = std::fs::read_to_string(&out).unwrap_or_default();
    let alerts = text.lines().map(|line| Alert::from_json(line.as_bytes()).expect("an alert"));
    (output, alerts.map(|alert| (alert.id.to_string(), alert)).collect())
}

/// Hours of the day in which a grant paged.
fn pages(alerts: &BTreeMap<String, Alert>) -> Vec<i64> {
    let grants = alerts.values().filter(|alert| alert.page && alert.detector == "grant");
    let mut hours: Vec<i64> = grants.map(|alert| alert.window.from.bucket().hour().rem_euclid(24)).collect();
    hours.sort_unstable();
    hours
}

#[test]
fn a_verdict_counts_from_its_time_on_and_explain_says_who_answers_for_it() {
    let scratch = Scratch::new("verdicts");
    let (config, log) = (scratch.write("breachd.toml", CONFIG), log(&scratch));
    let (output, before) = replay(&scratch, &config, &log, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(pages(&before), (8..18).collect::<Vec<_>>(), "{before:?}");
    let first =
        before.values().filter(|alert| alert.detector == "grant").min_by_key(|alert| alert.raised_at).expect("a grant");
    let id = first.id.to_string();
    let verdict = [
        "alert",
        "verdict",
        &id,
        "--expected",
        "--by",
        "Jana Weiss",
        "--reason",
        "CHG-1",
        "--at",
        "2026-03-02T09:20:00Z",
        "--except-until",
        "2026-03-02T15:00:00Z",
        "--print",
    ];
    let line = breachd(&verdict);
    assert_eq!(line.status.code(), Some(0), "{}", said(&line));
    let verdicts = scratch.write("verdicts.jsonl", &line.stdout);
    let (output, after) = replay(&scratch, &config, &log, &["--verdicts", verdicts.to_str().unwrap()]);
    assert_eq!(pages(&after), [8, 9, 10, 15, 16, 17]);
    assert!(said(&output).contains("4 alerts would have paged but for an exception"), "{}", said(&output));
    assert!(said(&output).contains("1 verdicts; 0 alerts that they name were not raised here"), "{}", said(&output));
    let quiet = |alerts: &BTreeMap<String, Alert>| {
        alerts.values().map(|alert| (alert.id, alert.severity, alert.why.clone())).collect::<Vec<_>>()
    };
    assert_eq!(quiet(&before), quiet(&after), "everything is raised all the same");
    let (_, split) = replay(&scratch, &config, &log, &["--verdicts", verdicts.to_str().unwrap(), "--partitions", "5"]);
    assert_eq!(after, split);

    let suppressed = after.values().find(|alert| alert.suppressed_by.is_some()).expect("one under the exception");
    let file = scratch.0.join("alerts.jsonl");
    let explained = said(&breachd(&["explain", &suppressed.id.to_string(), "--alerts", file.to_str().unwrap()]));
    for part in [
        "it would have paged; Jana Weiss answers for it that it did not, until 2026-03-02T15:00:00Z: CHG-1",
        "seen: 1 statements in the hour of Monday",
        "a rule without a probability",
        "normal: a rule: nothing is learned",
        "--expected --by NAME --reason TEXT --config FILE",
        "entity = { kind = \"db_account\", id = \"dba@10.0.9.9\" }, detectors = [\"grant\"]",
    ] {
        assert!(explained.contains(part), "{part} in\n{explained}");
    }

    let wrong = scratch.write("wrong.jsonl", "{\"alert_id\":\"x\"}\n");
    let (output, _) = replay(&scratch, &config, &log, &["--verdicts", wrong.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains("wrong.jsonl:1: not a verdict"), "{}", said(&output));
    let too_long = verdict.map(|word| if word == "2026-03-02T15:00:00Z" { "2026-05-02T15:00:00Z" } else { word });
    assert_eq!(breachd(&too_long).status.code(), Some(2));
    let both = breachd(&["alert", "verdict", &id, "--expected", "--true", "--by", "x", "--reason", "y", "--print"]);
    assert_eq!(both.status.code(), Some(2), "one verdict, please");
}

#[test]
fn check_refuses_an_exception_without_an_end_and_warns_of_one_that_is_over() {
    let scratch = Scratch::new("exceptions");
    let check = |text: String| {
        let file = scratch.write("breachd.toml", text);
        let output = breachd(&["check", "--config", file.to_str().unwrap()]);
        (output.status.code(), said(&output))
    };
    let (code, text) = check(exception("2026-03-04"));
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("`detector.exceptions[0]` is over") && text.contains("Jana Weiss answers for it"), "{text}");
    let (code, text) = check(exception("2026-12-24"));
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains(":12: `detector.exceptions[0].until`: must lie after `from`, by at most 180 days"), "{text}");
    let (code, text) = check(exception("2026-03-04").replace("reason = \"CHG-1\"\n", ""));
    assert_eq!(code, Some(2));
    assert!(text.contains("`detector.exceptions[0].reason`"), "{text}");
}

#[test]
fn two_configurations_are_compared_over_the_same_logs() {
    let scratch = Scratch::new("against");
    let (before, log) = (scratch.write("before.toml", CONFIG), log(&scratch));
    let after = scratch.write("after.toml", exception("2026-03-04"));
    let input = format!("mariadb_server_audit={}@UTC", log.display());
    let against = |input: &str, more: &[&str]| {
        let (before, after) = (before.to_str().unwrap(), after.to_str().unwrap());
        let mut arguments = vec!["replay", "--config", before, "--against", after, "--input", input];
        arguments.extend(more);
        breachd(&arguments)
    };
    let output = against(&input, &[]);
    let text = said(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    let row = text.lines().find(|line| line.starts_with("grant")).expect("a row");
    assert_eq!(row.split_whitespace().collect::<Vec<_>>()[..3], ["grant", "10", "4"], "{text}");
    assert!(text.contains("6 paging alerts gone") && text.contains("(after: under an exception)"), "{text}");
    assert!(text.contains("0 paging alerts new") && text.contains("4 paging alerts the same"), "{text}");
    let json: serde_json::Value =
        serde_json::from_slice(&against(&input, &["--json", "--partitions", "3"]).stdout).expect("JSON");
    assert_eq!((json["before"]["pages"].as_u64(), json["after"]["pages"].as_u64()), (Some(10), Some(4)));
    assert_eq!(json["gone"][0]["otherwise"], "suppressed");
    assert_eq!(json["same"].as_array().map(Vec::len), Some(4));
    let output = against("mariadb_server_audit=-@UTC", &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("standard input can be read only once"), "{}", said(&output));
    assert_eq!(against(&input, &["--digest", "x.md"]).status.code(), Some(2));
}

#[test]
fn the_digest_ranks_what_paged_nobody() {
    let scratch = Scratch::new("digest");
    let (config, log) = (scratch.write("breachd.toml", exception("2026-03-04")), log(&scratch));
    let out = scratch.0.join("digest.md");
    let (output, alerts) = replay(&scratch, &config, &log, &["--digest", out.to_str().unwrap(), "--digest-lines", "7"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let text = std::fs::read_to_string(&out).expect("the digest");
    let n = alerts.values().filter(|alert| !alert.page).count();
    assert!(text.contains(&format!("## 2026-03-02: {n} alerts")), "{text}");
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("- ")).collect();
    assert_eq!(lines.len(), 8, "{text}");
    assert!(
        lines[0].contains("high **db_account dba@10.0.9.9** grant") && lines[0].contains("Jana Weiss answers"),
        "{text}"
    );
    assert!(lines[6].contains("misplaced_tag") && lines[7] == format!("- … and {} more", n - 7), "{text}");
}

/// What a verdict can change of an alert.
fn essence(alert: &Alert) -> (AlertId, bool, Option<String>) {
    (alert.id, alert.page, alert.suppressed_by.as_ref().map(|by| format!("{} {} {}", by.owner, by.reason, by.until)))
}

#[test]
fn a_running_breachd_hears_verdicts_as_a_replay_does() {
    let scratch = Scratch::new("live-verdicts");
    let prefix = unique("live-verdicts");
    let console = format!("127.0.0.1:{}", free_port());
    let config = scratch.write(
        "breachd.toml",
        format!(
            "{CONFIG}[kafka]\nbootstrap_servers = \"{}\"\n[topics]\nprefix = \"{prefix}\"\ntally_partitions = 3\n[console]\nlisten = \"{console}\"\n\
             [[sources]]\nname = \"mariadb_server_audit\"\nformat = \"mariadb_server_audit\"\nzone = \"UTC\"\ntopic = \"{prefix}-audit\"\n",
            kafka_address()
        ),
    );
    let log = log(&scratch);
    let (_, plain) = replay(&scratch, &config, &log, &[]);
    let first =
        plain.values().filter(|alert| alert.detector == "grant").min_by_key(|alert| alert.raised_at).expect("a grant");
    let exception = "\"exception\":{\"until\":\"2026-03-02T15:00:00Z\",\"subject\":{\"kind\":\"db_account\",\"id\":\"dba@10.0.9.9\"}}";
    let line = format!(
        "{{\"alert_id\":\"{}\",\"verdict\":\"expected\",\"at\":\"2026-03-02T09:20:00Z\",\"by\":\"Ada\",\"reason\":\"CHG-1\",{exception}}}\n",
        first.id
    );
    let verdicts = scratch.write("verdicts.jsonl", line);
    let (_, replayed) = replay(&scratch, &config, &log, &["--verdicts", verdicts.to_str().unwrap()]);
    assert_eq!(pages(&replayed), [8, 9, 10, 15, 16, 17]);

    let broker = broker();
    broker.create_topics(&[topic(&format!("{prefix}-audit"), 1)]).unwrap();
    let mut daemon = Daemon::run(&config, &[], scratch.0.join("daemon.log"));
    until("the daemon is ready", || get(&console, "/readyz").filter(|(status, _)| *status == 200));
    let command = format!(
        "{{\"id\":\"c1\",\"by\":\"Ada\",\"at\":\"2026-03-02T09:20:00Z\",\"incident\":null,\"action\":{{\"action\":\"judge_alert\",\
         \"alert\":\"{}\",\"verdict\":\"expected\",\"reason\":\"CHG-1\",{exception}}}}}",
        first.id
    );
    let mut appender = broker.appender().unwrap();
    let mut send = |topic: String, payload: &[u8]| {
        let message = Outgoing { topic, partition: Some(0), key: None, payload: payload.to_vec(), headers: Vec::new() };
        appender.send(message).unwrap();
        appender.flush().unwrap();
    };
    let judged = |n: usize| {
        until("the journal has the verdict", || {
            let journal = contents(broker.as_ref(), &format!("{prefix}.journal"));
            let about = |(_, line): &(i32, Vec<u8>)| String::from_utf8_lossy(line).contains("\"alert_judged\"");
            (journal.iter().filter(|entry| about(entry)).count() == n).then_some(())
        });
    };
    send(format!("{prefix}.commands"), command.as_bytes());
    judged(1);
    let text = std::fs::read(&log).unwrap();
    lines(&text).into_iter().for_each(|line| send(format!("{prefix}-audit"), line));
    let raised = || {
        let alerts = contents(broker.as_ref(), &format!("{prefix}.alerts"));
        alerts.iter().map(|(_, payload)| Alert::from_json(payload).expect("an alert")).collect::<Vec<_>>()
    };
    let live = until("run raises what replay raised", || Some(raised()).filter(|live| live.len() >= replayed.len()));
    let sorted = |alerts: &mut dyn Iterator<Item = &Alert>| {
        let mut essences: Vec<_> = alerts.map(essence).collect();
        essences.sort();
        essences
    };
    assert_eq!(sorted(&mut live.iter()), sorted(&mut replayed.values()));

    // The API and the command line say the same in the same way.
    let body = "{\"verdict\":\"true\",\"by\":\"Ada\",\"reason\":\"looked into it\"}";
    let (status, answer) = post(&console, &format!("/api/v1/alerts/{}/verdict", first.id), body).unwrap();
    assert_eq!(status, 200, "{answer}");
    let (status, answer) =
        post(&console, &format!("/api/v1/alerts/{}/verdict", first.id), &body.replace("true", "maybe")).unwrap();
    assert_eq!(status, 422, "{answer}");
    let (id, file) = (first.id.to_string(), config.to_str().unwrap());
    let sent = breachd(&["alert", "verdict", &id, "--benign-once", "--by", "Ada", "--reason", "x", "--config", file]);
    assert_eq!(sent.status.code(), Some(0), "{}", said(&sent));
    judged(3);

    // The console shows the alert, its figures, and what was said of it.
    let shown = until("the console has all verdicts", || {
        let (status, body) = get(&console, &format!("/api/v1/alerts/{id}"))?;
        assert_eq!(status, 200, "{body}");
        let alert: serde_json::Value = serde_json::from_str(&body).unwrap();
        (alert["verdicts"].as_array().map(Vec::len) == Some(3)).then_some(alert)
    });
    let said: Vec<_> = (0..3).map(|at| shown["verdicts"][at]["verdict"].as_str().unwrap().to_owned()).collect();
    assert_eq!(said, ["expected", "true", "benign_once"]);
    assert!(shown["verdicts"][0]["exception_until"].is_string() && shown["verdicts"][1]["exception_until"].is_null());
    let figures: Vec<_> = shown["figures"].as_array().unwrap().iter().map(|figure| figure["name"].clone()).collect();
    assert!(figures.contains(&"seen".into()) && figures.contains(&"normal".into()), "{figures:?}");
    let (status, page) = get(&console, &format!("/alerts/{id}")).unwrap();
    assert!(status == 200 && page.contains("looked into it") && page.contains("Record verdict…"), "{page}");
    assert_eq!(get(&console, "/alerts").map(|(status, _)| status), Some(200));

    // A restart hears them before the first tally, and raises nothing new.
    assert_eq!(daemon.terminate(), Some(0));
    let mut daemon = Daemon::run(&config, &[], scratch.0.join("daemon.log"));
    until("the daemon is ready again", || get(&console, "/readyz").filter(|(status, _)| *status == 200));
    assert_eq!(sorted(&mut raised().iter()), sorted(&mut replayed.values()));
    assert_eq!(daemon.terminate(), Some(0));
}
