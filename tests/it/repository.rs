//! The repository itself: what the design fences off stays fenced off.

use std::{collections::BTreeMap, fs, path::Path};

/// Which of ours each crate may know; an arrow is added here after it has been discussed.
const ARROWS: [(&str, &[&str]); 15] = [
    ("activity", &[]),
    ("formats", &["activity"]),
    ("tally", &["activity"]),
    ("signatures", &["activity", "formats"]),
    ("ingest", &["activity", "formats", "signatures", "tally"]),
    ("detector", &["activity", "tally"]),
    ("law", &["activity"]),
    ("oncall", &["activity"]),
    ("draft", &["activity", "law"]),
    ("incident", &["activity", "detector", "draft", "law", "oncall"]),
    ("notifier", &["activity", "detector", "draft", "incident"]),
    ("console", &["activity", "incident"]),
    ("journal", &[]),
    ("stream", &["activity"]),
    ("simulator", &["activity", "formats", "tally", "ingest", "detector", "incident"]),
];

/// Crates that stay a pure function of time and input.
const PURE: [&str; 10] =
    ["activity", "tally", "formats", "signatures", "ingest", "detector", "law", "draft", "oncall", "incident"];

const IMPURE: [&str; 8] = ["tokio", "rdkafka", "reqwest", "axum", "lettre", "rand", "getrandom", "tracing"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn dependencies(name: &str) -> Vec<String> {
    let manifest = fs::read_to_string(root().join("crates").join(name).join("Cargo.toml")).expect("a manifest");
    let table: toml::Table = manifest.parse().expect("TOML");
    table
        .get("dependencies")
        .and_then(toml::Value::as_table)
        .map(|table| table.keys().cloned().collect())
        .unwrap_or_default()
}

#[test]
fn crates_depend_on_each_other_as_drawn() {
    let allowed: BTreeMap<&str, &[&str]> = ARROWS.into_iter().collect();
    for (name, arrows) in &allowed {
        for dependency in dependencies(name).iter().filter(|dependency| allowed.contains_key(dependency.as_str())) {
            assert!(arrows.contains(&dependency.as_str()), "`{name}` must not know `{dependency}`");
        }
    }
}

#[test]
fn the_heart_is_pure() {
    for name in PURE {
        for dependency in dependencies(name) {
            assert!(!IMPURE.contains(&dependency.as_str()), "`{name}` must not depend on `{dependency}`");
        }
        let fence = fs::read_to_string(root().join("crates").join(name).join("clippy.toml")).expect("a fence");
        assert!(fence.contains("SystemTime::now") && fence.contains("Instant::now"), "`{name}` lacks its fence");
    }
    for name in ["ingest", "detector", "incident", "notifier", "console", "journal", "formats", "tally"] {
        assert!(!dependencies(name).contains(&"rdkafka".to_owned()), "only `stream` knows rdkafka");
    }
}

/// The lint can be allowed anywhere; what it is allowed for is decided here.
#[test]
fn unsafe_code_is_in_one_file() {
    let mut allowed = Vec::new();
    let mut folders = ["crates", "benches", "tests"].map(|name| root().join(name)).to_vec();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") && path != root().join(file!()) {
                let text = fs::read_to_string(&path).expect("text");
                if text.contains("unsafe_code") || text.contains("unsafe {") {
                    allowed.push(path.strip_prefix(root()).expect("below it").display().to_string());
                }
            }
        }
    }
    assert_eq!(allowed, ["crates/stream/src/kafka/standing.rs"]);
}

#[test]
fn the_top_level_holds_what_it_should() {
    let allowed = [
        "Cargo.toml",
        "Cargo.lock",
        "crates",
        "deploy",
        "config",
        "benches",
        "tests",
        "README.md",
        "CHANGELOG.md",
        "LICENSE",
        "target",
    ];
    for entry in fs::read_dir(root()).expect("the repository") {
        let name = entry.expect("an entry").file_name().to_string_lossy().into_owned();
        assert!(name.starts_with('.') || allowed.contains(&name.as_str()), "`{name}` does not belong at the top level");
    }
}

#[test]
fn the_readme_lists_every_format_and_detector() {
    let readme = fs::read_to_string(root().join("README.md")).expect("README.md");
    for format in formats::FORMATS {
        let row = format!("| `{}` | {} |", format.name, format.summary);
        assert!(readme.contains(&row), "README.md lacks the row {row}");
    }
    for detector in detector::DETECTORS {
        assert!(readme.contains(&format!("`{}`", detector.name)), "README.md does not name `{}`", detector.name);
    }
}

#[test]
fn dashboards_and_rules_use_only_metrics_that_exist() {
    let known: Vec<&str> = breachd::metrics::NAMES.iter().map(|metric| metric.name).collect();
    for file in ["deploy/grafana/breachd.json", "deploy/prometheus/breachd.rules.yml", "README.md"] {
        let text = fs::read_to_string(root().join(file)).expect(file);
        let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        for word in words.filter(|word| word.starts_with("breachd_")) {
            let base =
                ["_bucket", "_sum", "_count"].iter().find_map(|suffix| word.strip_suffix(suffix)).unwrap_or(word);
            assert!(known.contains(&word) || known.contains(&base), "{file} uses `{word}`, which does not exist");
        }
    }
}
