//! The command line as people and scripts meet it: exit codes, messages, mistakes.

use crate::harness::{BINARY, Daemon, Scratch, free_port, until};
use std::process::{Command, Output};

fn breachd(arguments: &[&str]) -> Output {
    Command::new(BINARY).args(arguments).output().expect("the binary under test")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn help_names_every_command_and_usage_errors_exit_2() {
    let help = breachd(&["--help"]);
    assert_eq!(help.status.code(), Some(0));
    for command in [
        "demo",
        "run",
        "replay",
        "check",
        "formats",
        "explain",
        "channels",
        "incidents",
        "route",
        "silence",
        "drill",
        "audit",
    ] {
        assert!(text(&help.stdout).contains(command), "{command}");
    }
    assert_eq!(breachd(&["run"]).status.code(), Some(2));
    assert_eq!(breachd(&["frobnicate"]).status.code(), Some(2));
    let formats = breachd(&["formats"]);
    for format in ["nginx_json", "mariadb_server_audit", "mariadb_slow_log"] {
        assert!(text(&formats.stdout).contains(format), "{format}");
    }
}

#[test]
fn check_reports_every_mistake_with_its_line_and_exits_2() {
    let scratch = Scratch::new("check");
    let file = scratch.write(
        "breachd.toml",
        "[detector]\nfalse_pages_per_week = -1\nallowed_latness = \"2m\"\n\n[[sources]]\nname = \"web\"\nformat = \"nginx_jsn\"\n\n\
         [[triggers]]\nchannels = [\"nobody\"]\n\n[console]\nlisten = \"0.0.0.0:8420\"\n\n[directory]\nfile = \"missing.csv\"\n",
    );
    let output = breachd(&["check", "--config", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    let said = text(&output.stderr);
    assert!(said.contains(":3: `detector.allowed_latness`: unknown key"), "{said}");
    // With the unknown key gone, what the values mean is checked, all of it at once.
    let mended = std::fs::read_to_string(&file).unwrap().replace("allowed_latness = \"2m\"\n", "\n");
    std::fs::write(&file, mended).unwrap();
    let output = breachd(&["check", "--config", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stderr);
    for expected in [
        ":2: `detector.false_pages_per_week`",
        ":7: `sources[0].format`",
        ":10: `triggers[0].channels`",
        ":13: `console.listen`",
        ":16: `directory.file`",
    ] {
        assert!(said.contains(expected), "{expected} in\n{said}");
    }
    assert!(said.contains("5 mistakes in the configuration"), "{said}");
    assert!(!said.contains("`[[channels]]`, or use"), "there is none to use: {said}");
}

#[test]
fn check_names_the_line_of_what_lies_behind_views_functions_and_triggers() {
    let scratch = Scratch::new("behind");
    let sound = "[classification.views]\n\"hr.v\" = [\"hr.employees\"]\n[classification.functions]\n\"hr.pay_of\" = [\"hr.payroll\"]\n\
                 [classification.triggers]\n\"hr.leave\" = [\"hr.log\"]\n\"hr.payroll\" = { insert = [\"hr.log\"], delete = [\"hr.log\"] }\n";
    let file = scratch.write("sound.toml", sound);
    assert_eq!(breachd(&["check", "--config", file.to_str().unwrap()]).status.code(), Some(0));
    let file = scratch.write(
        "wrong.toml",
        "[classification.views]\n\"hr.v\" = [\"employees\"]\n\"hr.w\" = [\"hr.W\"]\n\n[classification.functions]\n\"hr.f\" = []\n\n\
         [classification.triggers]\n\"hr.t\" = { insert = [\"hr.log\"],\n  update = [\"log\"] }\n\"hr.u\" = {}\n",
    );
    let output = breachd(&["check", "--config", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stderr);
    for expected in [
        ":2: `classification.views.\"hr.v\"`: `employees` must be `schema.name`",
        ":3: `classification.views.\"hr.w\"`: the view is behind itself",
        ":6: `classification.functions.\"hr.f\"`: names no table",
        ":10: `classification.triggers.\"hr.t\".update`: `log` must be `schema.name`",
        ":11: `classification.triggers.\"hr.u\"`: names no table",
    ] {
        assert!(said.contains(expected), "{expected} in\n{said}");
    }
    assert!(said.contains("5 mistakes in the configuration"), "{said}");
    let file = scratch.write("unknown.toml", "[classification.triggers]\n\"hr.t\" = { truncate = [\"hr.log\"] }\n");
    let output = breachd(&["check", "--config", file.to_str().unwrap()]);
    let said = text(&output.stderr);
    assert!(said.contains(":2: `classification.triggers.\"hr.t\".truncate`: unknown key `truncate`"), "{said}");
}

#[test]
fn discover_reads_a_schema_and_proposes_what_check_accepts() {
    let scratch = Scratch::new("schema");
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let dump = |name: &str| root.join(format!("tests/samples/mariadb_dump-{name}.sql.zst")).display().to_string();
    let both = breachd(&["discover", "--schema", &dump("databases")]);
    assert_eq!(both.status.code(), Some(0), "{}", text(&both.stderr));
    assert!(text(&both.stderr).contains("8 tables; tables behind 7 views, functions and triggers"));
    let file = scratch.write("proposed.toml", &both.stdout);
    let checked = breachd(&["check", "--config", file.to_str().unwrap()]);
    assert_eq!(checked.status.code(), Some(0), "{}", text(&checked.stderr));
    // A dump of one schema names it in a comment only.
    let one = breachd(&["discover", "--schema", &format!("hr={}", dump("hr"))]);
    assert!(text(&one.stdout).contains("\"hr.pay_of\" = [\"hr.people\"]"), "{}", text(&one.stdout));
    let by_heading = breachd(&["discover", "--schema", &dump("hr")]);
    assert_eq!(by_heading.stdout, one.stdout);
    let nameless = scratch.write("nameless.sql", "CREATE TABLE people (salary INT);");
    let output = breachd(&["discover", "--schema", nameless.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("does not say which schema it is of"), "{}", text(&output.stderr));
    assert_eq!(breachd(&["discover"]).status.code(), Some(2), "neither a log nor a schema");
    // Beside logs.
    let log = root.join("tests/samples/quiet-audit.log.zst").display().to_string();
    let beside = breachd(&["discover", "--schema", &dump("hr"), "--input", &format!("mariadb_server_audit={log}@UTC")]);
    let said = text(&beside.stdout);
    assert!(
        said.contains("\"hr.pay_of\"") && said.contains("key = \"uid\"") && said.contains("# schema: 4 tables"),
        "{said}"
    );
}

#[test]
fn auto_without_a_zone_is_refused_before_anything_is_read() {
    let scratch = Scratch::new("auto-zone");
    let config = scratch.write("breachd.toml", "[detector]\nfalse_pages_per_week = 2\n");
    let log = scratch
        .write("audit.log", "20261123 12:57:08,vm,dba,127.0.0.1,178,33938,QUERY,hr,'SELECT 1 FROM employees',0\n");
    let replay = |format: &str, zone: &str| {
        let input = format!("{format}={}{zone}", log.display());
        breachd(&["replay", "--config", config.to_str().unwrap(), "--input", &input])
    };
    for format in ["auto", "mariadb_server_audit"] {
        let output = replay(format, "");
        assert_eq!(output.status.code(), Some(2), "{format}: {}", text(&output.stdout));
        let said = text(&output.stderr);
        assert!(
            said.contains("zone is missing")
                && said.contains(&format!("`{format}`"))
                && said.contains("`Europe/Berlin`"),
            "{said}"
        );
        assert!(output.stdout.is_empty(), "nothing was read: {}", text(&output.stdout));
        let output = replay(format, "@Europe/Berlin");
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let row = text(&output.stdout);
        assert!(row.lines().any(|line| line.starts_with(format)), "{row}");
    }
    // The same for the daemon.
    let config = scratch.write("run.toml", "[[sources]]\nname = \"any\"\nformat = \"auto\"\ntopic = \"t\"\n");
    let output = breachd(&["run", "--config", config.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("`sources[0].zone`: zone is missing"), "{}", text(&output.stderr));
}

#[test]
fn the_shipped_configurations_are_sound() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = breachd(&["check", "--config", root.join("config/breachd.toml").to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}

#[test]
fn a_missing_broker_and_a_missing_topic_are_said_clearly() {
    let scratch = Scratch::new("absent");
    let config = |bootstrap: &str| {
        format!(
            "[kafka]\nbootstrap_servers = \"{bootstrap}\"\n[topics]\nprefix = \"{}\"\n[console]\nlisten = \"127.0.0.1:{}\"\n\
             [[sources]]\nname = \"web\"\nformat = \"nginx_json\"\ntopic = \"no-such-topic-{}\"\n",
            crate::harness::unique("absent"),
            free_port(),
            std::process::id()
        )
    };
    let nobody = format!("127.0.0.1:{}", free_port());
    let file = scratch.write("nobody.toml", config(&nobody));
    let mut daemon = Daemon::run(&file, &[], scratch.0.join("nobody.log"));
    let code = until("it gives up on a broker that is not there", || daemon.exited());
    assert_eq!(code, Some(1));
    let said = std::fs::read_to_string(&daemon.log).unwrap();
    assert!(said.contains(&nobody), "{said}");
    let file = scratch.write("topic.toml", config(crate::harness::kafka_address()));
    let mut daemon = Daemon::run(&file, &[], scratch.0.join("topic.log"));
    let code = until("it gives up on a topic that is not there", || daemon.exited());
    assert_eq!(code, Some(1));
    let said = std::fs::read_to_string(&daemon.log).unwrap();
    assert!(said.contains("no-such-topic-") && said.contains("`web`"), "{said}");
}

#[test]
fn replay_survives_hostile_input_and_counts_it() {
    let scratch = Scratch::new("hostile");
    let config = scratch.write("breachd.toml", "[detector]\nfalse_pages_per_week = 2\n");
    let mut log = b"\x00\xff\x1b[31m\n{\"time\":\"never\"}\n{\n\n".to_vec();
    log.resize(log.len() + 10_000_000, b'{');
    log.extend_from_slice(b"\n{\"time\":\"2026-03-02T00:00:00Z\",\"remote_addr\":\"192.0.2.1\",\"request_method\":\"GET\",\"request_uri\":\"/\",\"status\":200,\"body_bytes_sent\":5}\n");
    let input = scratch.write("access.log", log);
    let output = Command::new(BINARY)
        .args(["replay", "--config"])
        .arg(&config)
        .arg("--input")
        .arg(format!("nginx_json={}", input.display()))
        .output()
        .unwrap();
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let row: Vec<&str> =
        said.lines().find(|line| line.starts_with("nginx_json")).expect("a row").split_whitespace().collect();
    assert_eq!(row[1], "1", "{said}");
    assert_eq!(row[2].parse::<u64>().unwrap() + row[3].parse::<u64>().unwrap(), 5, "{said}");
    assert!(!said.contains('\u{1b}'), "an escape sequence reached the terminal");
    let missing = breachd(&["replay", "--config", config.to_str().unwrap(), "--input", "nginx_json=/no/such/file"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(text(&missing.stderr).contains("/no/such/file"));
}

#[test]
fn a_replay_takes_a_missing_year_from_the_file_or_as_stated_and_nothing_else() {
    let scratch = Scratch::new("written");
    let config = scratch.write("breachd.toml", "[detector]\nfalse_pages_per_week = 2\n");
    let replay = |input: &std::path::Path, more: &[&str]| {
        let alerts = scratch.0.join("alerts.jsonl");
        let output = Command::new(BINARY)
            .args(["replay", "--config"])
            .arg(&config)
            .arg("--alerts")
            .arg(&alerts)
            .arg("--input")
            .arg(format!("mariadb_server_audit={}@UTC", input.display()))
            .args(more)
            .output()
            .unwrap();
        let rows =
            text(&output.stdout).lines().filter(|line| line.starts_with("mariadb_server_audit")).collect::<String>();
        (output.status.code(), rows, std::fs::read(&alerts).unwrap_or_default())
    };
    let changed = |path: &std::path::Path, second: u64| {
        let file = std::fs::File::options().append(true).open(path).unwrap();
        file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(second)).unwrap();
    };
    let input = scratch.write("audit.log", crate::harness::sample("mariadb_server_audit_file-normal"));
    changed(&input, 1_000_000_000);
    let before = replay(&input, &[]);
    assert_eq!(before.0, Some(0));
    changed(&input, 2_000_000_000);
    assert_eq!(replay(&input, &[]), before);
    assert_eq!(replay(&input, &["--written-at", "2040-01-01T00:00:00Z"]), before);

    let line =
        "<150>Nov 23 13:06:01 web1 mysql-server_auditing: magento-prod vm,app,10.0.0.9,253,0,FAILED_CONNECT,,,1045\n";
    let input = scratch.write("syslog.log", line);
    let (code, rows, _) = replay(&input, &[]);
    assert_eq!((code, rows.split_whitespace().nth(3)), (Some(0), Some("0")), "{rows}");
    assert_eq!(replay(&input, &["--written-at", "today"]).0, Some(2));
}

#[test]
fn the_headless_demo_finds_and_delivers() {
    let demo = breachd(&["demo", "--headless"]);
    let said = text(&demo.stdout);
    assert_eq!(demo.status.code(), Some(0), "{said}\n{}", text(&demo.stderr));
    assert!(said.contains("every breach was found and every notice delivered"), "{said}");
    assert_eq!(said.matches("   found ").count(), 4, "{said}");
    assert!(said.contains("time limits") && said.contains("left, until"), "{said}");
}

#[test]
fn route_explain_says_who_would_be_told_and_why_nobody_else() {
    let scratch = Scratch::new("route");
    let file = scratch.write(
        "breachd.toml",
        "[wordings]\ncouncil = \"For the works council.\"\n\n\
         [[triggers]]\ndata_classes = [\"hr\"]\nplaces = [\"DE\"]\nchannels = [\"hook\"]\nwording = \"council\"\n\n\
         [[triggers]]\ndata_classes = [\"payment\"]\nseverity_at_least = \"critical\"\nchannels = [\"hook\"]\n\n\
         [[channels]]\nname = \"hook\"\nkind = \"webhook\"\nurl = \"https://hooks.example.com/breachd\"\nsecret_file = \"key\"\n",
    );
    scratch.write("key", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    let explain = |arguments: &[&str]| {
        let all = [&["route", "explain", "--config", file.to_str().unwrap()], arguments].concat();
        breachd(&all)
    };
    let output = explain(&[
        "--data-class",
        "hr",
        "--severity",
        "critical",
        "--kind",
        "volume",
        "--affected",
        "1200",
        "--place",
        "DE=300",
    ]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    for expected in [
        "1 matches: hook",
        "met: places = DE; there is DE: 300",
        "2 does not match: hook",
        "NOT met: data_classes = payment; there is hr",
        "hook (webhook), at once",
        "begins with: For the works council.",
        "(eu-gdpr-33-authority)",
    ] {
        assert!(said.contains(expected), "{expected} in\n{said}");
    }
    let output = explain(&["--data-class", "payroll"]);
    assert_eq!(output.status.code(), Some(2));
    let output = explain(&["--kind", "volum"]);
    assert!(output.status.code() == Some(2) && text(&output.stderr).contains("there is no detector `volum`"));
}
