//! The kept corpus of the fuzzer, as an ordinary test: what once broke, or reached code that nothing else did.

// Shared with the fuzz targets, which need more of it.
#[path = "../../../tests/fuzz/src/lib.rs"]
#[allow(unreachable_pub, reason = "a library of its own where the fuzzer uses it")]
mod fuzz;

use std::{fs, path::PathBuf};

#[test]
fn the_kept_corpus_holds_what_must_hold() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus");
    let manifest = fs::read_to_string(folder.join("../Cargo.toml")).expect("the fuzz targets");
    let targets = manifest.lines().filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'));
    let targets: Vec<&str> = targets.filter(|name| !matches!(*name, "corpus" | "breachd-fuzz")).collect();
    for format in formats::FORMATS {
        assert!(targets.contains(&format.name), "`{}` has no fuzz target", format.name);
    }
    for target in targets {
        let packed = fs::read(folder.join(format!("{target}.zst"))).expect("every target has a kept corpus");
        let inputs = fuzz::unpack(&packed);
        assert!(inputs.len() >= 10, "{target}: {} inputs", inputs.len());
        for input in inputs {
            fuzz::check(target, &input);
        }
    }
}
