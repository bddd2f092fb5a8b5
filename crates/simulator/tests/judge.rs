//! The judge with a breachd of straw: which files it is given, and what becomes of what it says.

// The straw is a shell script, and its `date` is GNU's.
#![cfg(target_os = "linux")]

use simulator::judge::{self, Options};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// Fails unless its configuration and its three logs are there; raises one page in the judged weeks of any world, and one
/// that names everybody as soon as there is something to find.
const STRAW: &str = r#"#!/bin/sh
logs=0
while [ $# -gt 0 ]; do
    case "$1" in
        --config) test -f "$2" || exit 3; folder=$(dirname "$2");;
        --input) file=${2#*=}; test -f "${file%@UTC}" || exit 4; logs=$((logs + 1));;
        --alerts) out=$2;;
    esac
    shift
done
[ "$logs" = 3 ] || exit 5
secs=$(grep -m 1 '"warmup_end"' "$folder/labels.json" | tr -dc 0-9.)
secs=${secs%.*}
page() {
    from=$(date -u -d "@$2" +%Y-%m-%dT%H:%M:%SZ)
    printf '{"raised_at":"%s","window":{"from":"%s","to":"%s"},"subject":{"kind":"portal_user","id":"%s"},"entity":{"kind":"%s","id":"%s"},"detector":"straw","severity":"high","page":true,"p_value":null,"why":"straw"}\n' \
        "$from" "$from" "$from" "$1" "$3" "$4"
}
page nobody $((secs + 7200)) portal_user nobody > "$out"
start=$(grep -A 1 '"kind": "log_silence"' "$folder/labels.json" | grep '"start"' | tr -dc 0-9.)
[ -z "$start" ] || page silence $((${start%.*} + 60)) source audit >> "$out"
"#;

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        // Best effort: it lies among files that are thrown away.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn options(folder: &Path, breachd: PathBuf, quiet_only: bool) -> Options {
    Options {
        breachd,
        out: folder.join("worlds"),
        seeds: 2..=2,
        weeks: 4,
        warm_up_weeks: 3,
        difficulty: 0.5,
        budget: 2.0,
        quiet_only,
        payment: false,
        verbose: true,
    }
}

#[test]
fn the_judge_runs_breachd_on_both_twins_and_counts_its_pages() {
    let folder = Folder(std::env::temp_dir().join(format!("judge-test-{}", std::process::id())));
    fs::create_dir_all(&folder.0).expect("a folder");
    let straw = folder.0.join("breachd");
    fs::write(&straw, STRAW).expect("a file");
    fs::set_permissions(&straw, fs::Permissions::from_mode(0o755)).expect("permissions");

    let mut said = Vec::new();
    let report = judge::run(&options(&folder.0, straw.clone(), false), &mut said).expect("straw does not fail");
    let said = String::from_utf8(said).expect("text");
    assert_eq!(said.matches("breachd replay --config ").count(), 2, "{said}");
    assert!(said.contains("missed webshell") && said.contains("quiet page "), "{said}");
    let world = &report.worlds[0];
    assert_eq!((world.quiet_pages.len(), world.false_pages.len(), world.true_pages), (1, 1, 1));
    let attacked = report.attacked.as_ref().expect("attacks");
    assert_eq!((attacked.found, attacked.kinds["log_silence"], attacked.kinds["webshell"]), (1, (1, 1), (0, 1)));
    assert!(attacked.median_minutes_bursts.is_some_and(|minutes| (0.0..=1.0).contains(&minutes)));
    assert_eq!((report.quiet.pages, report.quiet.weeks, report.quiet.within), (1, 1.0, 1));
    assert!(report.quiet.interval.0 < 1.0 && 1.0 < report.quiet.interval.1);
    let table = report.to_string();
    assert!(table.contains("1/20") && table.contains("1 pages in 1 weeks of 1 worlds"), "{table}");
    assert!(serde_json::to_string(&report).is_ok());

    let quiet = judge::run(&options(&folder.0, straw, true), &mut Vec::new()).expect("straw does not fail");
    assert!(quiet.attacked.is_none() && quiet.worlds[0].findings.is_empty());

    let error = judge::run(&options(&folder.0, "false".into(), true), &mut Vec::new()).expect_err("false fails");
    assert!(error.to_string().starts_with("`false replay --config "), "{error}");
}
