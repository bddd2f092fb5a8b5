//! Another program, in another language and with its own arithmetic, says the same of an export.

use journal::{Chain, Checkpoint, SigningKey, Tree};
use serde_json::json;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

struct Export(PathBuf);

impl Export {
    /// Two keys, one after the other; texts that are hard to write.
    fn new(name: &str) -> Export {
        let folder = std::env::temp_dir().join(format!("breachd-export-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("written");
        let key = |seed| SigningKey::new("example.com/journal", &[seed; 32]).expect("written");
        let (mut chain, mut tree, mut lines, mut notes) = (Chain::new(), Tree::new(), String::new(), String::new());
        for n in 1..=300_i64 {
            let body = json!({"n": n, "text": "é \"\\\n\u{1b}\u{202e}", "a": {"hash": "0".repeat(64)}, "list": [null, true, -1]});
            let line = chain.append(n, "noted", body, BTreeMap::from([("t/0".to_owned(), n)])).to_line();
            tree.push(line.as_bytes());
            lines += &format!("{line}\n");
            if n % 37 == 0 || n == 300 {
                notes += &format!("{}\n", Checkpoint::sign(&tree, &key(if n < 150 { 1 } else { 2 })));
            }
        }
        fs::write(folder.join("journal.jsonl"), lines).expect("written");
        fs::write(folder.join("checkpoints.txt"), notes).expect("written");
        fs::write(folder.join("keys.txt"), format!("{}\n{}\n", key(2).public(), key(1).public())).expect("written");
        Export(folder)
    }

    /// Standard output and error, after these bytes were replaced in that file.
    fn verify(&self, file: &str, from: &str, to: &str, keys: &[&str]) -> (bool, String) {
        let file = self.0.join(file);
        let before = fs::read_to_string(&file).expect("a file");
        assert!(before.contains(from), "{from}");
        fs::write(&file, before.replacen(from, to, 1)).expect("a file");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/audit/verify.py");
        let output = Command::new("python3").arg(script).arg(&self.0).args(keys).output().expect("python3");
        fs::write(&file, before).expect("a file");
        let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        (output.status.success(), said.into_owned())
    }
}

impl Drop for Export {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_page_of_python_says_the_same() {
    let export = Export::new("python");
    let text = fs::read_to_string(export.0.join("journal.jsonl")).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let (good, said) = export.verify("journal.jsonl", "", "", &[]);
    assert!(good && said.contains("300 entries") && said.contains("9 checkpoints hold, the last of 300"), "{said}");
    let one = |from: &str, to: &str| export.verify("journal.jsonl", from, to, &[]);
    for ((good, said), expected) in [
        (one("\"n\":42,", "\"n\":43,"), "entry 42: its hash"),
        (one(&format!("{}\n", lines[41]), ""), "entry 42: entry 43"),
        (one(&format!("{}\n{}", lines[41], lines[42]), &format!("{}\n{}", lines[42], lines[41])), "entry 42: entry 43"),
        (one(&format!("{}\n", lines[299]), ""), "entry 300: it is missing, a checkpoint says that there were 300"),
        (export.verify("checkpoints.txt", "\n37\n", "\n38\n", &[]), "the checkpoint of 38 entries is forged"),
    ] {
        assert!(!good && said.contains(expected), "{said} instead of {expected}");
    }
    // Of a stranger's keys nothing holds; of one of two, what it has signed.
    let stranger = SigningKey::new("example.com/journal", &[3; 32]).unwrap().public().to_string();
    assert!(export.verify("journal.jsonl", "", "", &[&stranger]).1.contains("0 checkpoints hold"));
    let old = SigningKey::new("example.com/journal", &[1; 32]).unwrap().public().to_string();
    assert!(export.verify("journal.jsonl", "", "", &[&old]).1.contains("4 checkpoints hold, the last of 148"));
    // Rewritten with all its hashes: only the checkpoint tells.
    let mut chain = Chain::new();
    let rewritten: String =
        (1..=300).map(|n| chain.append(n, "noted", json!({"n": n}), BTreeMap::new()).to_line() + "\n").collect();
    let (good, said) = one(&text, &rewritten);
    assert!(!good && said.contains("entries 1 to 37: the checkpoint of 37 entries has another root"), "{said}");
}
