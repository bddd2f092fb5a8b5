//! What signature rules cost beside parsing: `cargo bench --bench signatures`, `-- --quick`, `-- nginx`.
//!
//! Measured: real lines of `tests/samples`, parsed (`floor_parse`), and parsed and then matched with the rules that ship with breachd
//! (`with_rules`), and with five hundred (`with_many_rules`: the same, and generated ones of a word each). One thread, everything in
//! memory. `quiet_…`: a portal's ordinary day; the samples beside it hold attacks and oddities. `hostile`: lines each of which matches a rule, which is what an attacker could make it cost.

#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

mod ratio;

use breachd::signatures::SHIPPED;
use criterion::Criterion;
use formats::{Context, FormatSpec, Parsed, Scratch};
use ratio::Compared;
use signatures::{File, Matcher, Set};
use std::{hint::black_box, path::Path, sync::Arc};

/// Rules of `with_many_rules`.
const MANY: usize = 500;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let samples = [
        ("nginx_json", vec!["nginx-access_json_normal"]),
        ("access_combined", vec!["nginx-access_extended", "apache-access_combined"]),
        ("mariadb_server_audit", vec!["mariadb_server_audit_file-normal", "mariadb_server_audit_file-breach"]),
    ];
    for (format, names) in samples {
        let text: Vec<u8> = names.iter().flat_map(|name| unpacked(name)).collect();
        compare(&mut criterion, format, format, &text);
    }
    compare(&mut criterion, "quiet_access", "nginx_json", &unpacked("quiet-access"));
    compare(&mut criterion, "quiet_audit", "mariadb_server_audit", &unpacked("quiet-audit"));
    let line = "203.0.113.7 - - [23/Nov/2026:13:03:54 +0000] \"GET /x/%2egit/HEAD?a=%7B%7Bblock HTTP/1.1\" 404 9 \"-\" \"sqlmap/1\"\n";
    compare(&mut criterion, "hostile", "access_combined", &line.repeat(2000).into_bytes());
}

fn compare(criterion: &mut Criterion, name: &'static str, format: &str, text: &[u8]) {
    let format = FormatSpec::by_name(format).expect("a format of ours");
    let (shipped, many) = (set(SHIPPED.len()), set(MANY));
    Compared::new(criterion, name, lines(text).count() as u64, "line")
        .measure("floor_parse", || run(format, text, None))
        .measure("with_rules", || run(format, text, Some(&mut Matcher::new(Arc::clone(&shipped)))))
        .measure("with_many_rules", || run(format, text, Some(&mut Matcher::new(Arc::clone(&many)))))
        .finish();
}

/// The shipped rules, and generated ones up to that number.
fn set(rules: usize) -> Arc<Set> {
    let more: String = (SHIPPED.len()..rules)
        .map(|at| {
            let (category, field) = [("webserver", "cs-uri"), ("database", "query")][at % 2];
            // Words of no language.
            let word: String =
                (0..4u64).map(|n| char::from(b'a' + ((at as u64 * 7919 + n * 104_729) / 13 % 26) as u8)).collect();
            format!(
                "title: generated {at}\nlevel: low\nlogsource: {{ category: {category} }}\n\
                 detection: {{ a: {{ '{field}|contains': 'q{word}-{at}' }}, condition: a }}\n---\n"
            )
        })
        .collect();
    let mut files: Vec<File<'_>> = SHIPPED.iter().map(|(name, text)| File { name, text }).collect();
    if !more.is_empty() {
        files.push(File { name: "generated", text: &more });
    }
    Arc::new(Set::read(&files, &[], &[]).expect("rules of ours"))
}

/// Entries that are activities, and matches.
fn run(format: &FormatSpec, text: &[u8], mut matcher: Option<&mut Matcher>) -> (usize, usize) {
    let (mut scratch, context) = (Scratch::default(), Context::default());
    let (mut entries, mut matches) = (0, 0);
    for line in lines(text) {
        if let Ok(Parsed::Activity(activity)) = format.parse(line, &mut scratch, &context) {
            entries += 1;
            matches += matcher.as_mut().map_or(0, |matcher| matcher.marks(&activity).len());
            black_box(activity);
        }
    }
    (entries, matches)
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty())
}

fn unpacked(name: &str) -> Vec<u8> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples").join(format!("{name}.log.zst"));
    zstd::decode_all(std::fs::read(file).expect("a sample of ours").as_slice()).expect("a sound sample")
}
