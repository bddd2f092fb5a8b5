//! The rules that come with breachd do what their examples say, and leave ordinary logs alone.

#![allow(clippy::unwrap_used)]

use formats::{Context, FormatSpec, Parsed, Scratch};
use signatures::{File, Matcher, Set};
use std::{collections::BTreeMap, fs, path::Path, sync::Arc};

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn files() -> BTreeMap<String, String> {
    fs::read_dir(root().join("config/signatures"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yml"))
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(&path).unwrap()))
        .collect()
}

fn shipped() -> Arc<Set> {
    let files = files();
    let files: Vec<File<'_>> = files.iter().map(|(name, text)| File { name, text }).collect();
    let set = Set::read(&files, &[], &[]).unwrap_or_else(|mistakes| {
        let lines: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        panic!("{}", lines.join("\n"))
    });
    Arc::new(set)
}

#[test]
fn every_rule_has_examples_of_both_kinds_and_the_name_of_its_file() {
    // That each does what it says is checked whenever a rule is read.
    let set = shipped();
    let names: Vec<String> = files().into_keys().collect();
    for rule in set.rules() {
        let (matches, passes): (Vec<_>, Vec<_>) = rule.examples.iter().partition(|example| example.matches);
        assert!(matches.len() > 1 && passes.len() > 1, "{}", rule.mark.rule);
        assert!(names.contains(&format!("{}.yml", rule.mark.rule)), "{}", rule.mark.rule);
        assert!(!rule.mark.techniques.is_empty(), "{}", rule.mark.rule);
    }
    assert_eq!(set.rules().len(), names.len());
}

#[test]
fn every_match_comes_through_the_sieve() {
    let set = shipped();
    let mut matcher = Matcher::new(Arc::clone(&set));
    for rule in set.rules() {
        for example in &rule.examples {
            let mut scratch = Scratch::default();
            let parsed = example.format.parse(example.entry.as_bytes(), &mut scratch, &Context::default()).unwrap();
            let Parsed::Activity(activity) = parsed else { panic!("{}", example.entry) };
            let marks = matcher.marks(&activity).to_vec();
            assert_eq!(marks.contains(&rule.mark), example.matches, "{}", example.entry);
            assert_eq!(marks, set.marks_unsieved(&activity), "{}", example.entry);
        }
    }
}

#[test]
fn ordinary_logs_of_a_shop_match_nothing() {
    let mut matcher = Matcher::new(shipped());
    let mut entries = 0;
    for (format, file) in [
        ("nginx_json", "crates/formats/tests/golden/nginx_json/normal.log"),
        ("apache_json", "crates/formats/tests/golden/apache_json/normal.log"),
        ("mariadb_server_audit", "crates/formats/tests/golden/mariadb_server_audit/normal.log"),
        ("hr_audit_json", "crates/formats/tests/golden/hr_audit_json/hr_audit.log"),
        ("nginx_json", "tests/samples/nginx-access_json_normal.log.zst"),
        ("mariadb_server_audit", "tests/samples/mariadb_server_audit_file-normal.log.zst"),
        ("nginx_json", "tests/samples/quiet-access.log.zst"),
        ("mariadb_server_audit", "tests/samples/quiet-audit.log.zst"),
    ] {
        let bytes = fs::read(root().join(file)).unwrap();
        let text = if file.ends_with(".zst") { zstd::decode_all(&*bytes).unwrap() } else { bytes };
        let format = FormatSpec::by_name(format).unwrap();
        let before = entries;
        for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let mut scratch = Scratch::default();
            if let Ok(Parsed::Activity(activity)) = format.parse(line, &mut scratch, &Context::default()) {
                let marks = matcher.marks(&activity);
                assert!(marks.is_empty(), "{}: {}", marks[0].rule, String::from_utf8_lossy(line));
                entries += 1;
            }
        }
        assert!(before < entries, "{file}");
    }
    assert!(entries > 5_000, "{entries}");
}
