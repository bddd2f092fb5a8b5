//! `breachd audit`: the journal outside the daemon: verified, exported; and the keys of its checkpoints.

use crate::{
    checkpoints::{self, Keys, Sorted},
    replay,
    settings::{Usage, limits},
    topics::Topics,
};
use activity::Timestamp;
use anyhow::{Context as _, bail};
use journal::{Audit, Audited, PublicKey, SigningKey};
use std::{
    fs::{File, OpenOptions},
    io::{BufRead, BufWriter, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};
use stream::Broker;

/// Files of an export.
const JOURNAL: &str = "journal.jsonl";
const CHECKPOINTS: &str = "checkpoints.txt";
const KEYS: &str = "keys.txt";
const READ_ME: &str = "README.txt";

/// Bytes of a file of checkpoints or keys, at most: a million checkpoints are 250 MB.
const TEXT_BYTES_MAX: u64 = 512 << 20;

/// The dash before a signature, as a saved mail may hold it: quoted-printable.
const QUOTED_DASH: &str = "=E2=80=94";

/// What an export says of itself.
const EXPLANATION: &str = r#"breachd's journal, exported.

journal.jsonl    the decisions, a line of JSON each, in their order
checkpoints.txt  signed checkpoints: C2SP tlog checkpoints (c2sp.org/tlog-checkpoint), an empty line between two
keys.txt         the public keys of those who signed them (c2sp.org/signed-note): compare them with what you were given

With breachd:     breachd audit verify --file . [--key KEY]
Without breachd:  deploy/audit/verify.py of its repository needs nothing but Python
By yourself:
- An entry's hash: cut the last `,"hash":"..."` out of its line, put `breachd journal 1` and a line feed before what is left, and take the
  SHA-256. `prev` is the hash of the line before (64 zeros in the first), `seq` its number, without a gap from 1.
- A checkpoint's root hash is that of the RFC 6962 Merkle tree whose leaves are the lines, without line breaks, up to its size.
Entries after the last checkpoint are covered by the chain alone, which cannot show that they were cut off or written anew.
"#;

/// What a journal is compared with, beside itself.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    pub keys: Vec<PublicKey>,
    /// Files that hold checkpoints, among whatever else: mails, say.
    pub checkpoints: Vec<PathBuf>,
}

/// Verifies a file of journal entries, one a line, or the folder of an export.
///
/// # Errors
/// What is wrong with the journal, as much as what is wrong with the files.
pub fn verify_file(file: &Path, trust: &Trust, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut trust = trust.clone();
    let mut own_keys = false;
    let mut file = file.to_owned();
    if file.is_dir() {
        if trust.keys.is_empty() {
            trust.keys = keys_in(&file.join(KEYS))?;
            own_keys = !trust.keys.is_empty();
        }
        trust.checkpoints.push(file.join(CHECKPOINTS));
        file.push(JOURNAL);
    }
    let sorted = sort(&trust, Sorted::default())?;
    let mut reader = replay::open(&file).with_context(|| format!("`{}` cannot be opened", file.display()))?;
    let mut audit = Audit::new(&sorted.believed);
    let mut line = Vec::new();
    loop {
        line.clear();
        let bytes_max = stream::limits::MESSAGE_BYTES_MAX as u64;
        if reader.by_ref().take(bytes_max).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        audit.push(&line)?;
    }
    report(&audit.finish()?, &sorted, &trust.keys, own_keys, out)
}

/// Verifies the journal topic, against the checkpoints topic too.
///
/// # Errors
/// As [`verify_file`].
pub fn verify_topic(broker: &dyn Broker, topics: &Topics, trust: &Trust, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut sorted = Sorted::default();
    checkpoints::read(broker, topics, &mut |text| sorted.take(text, &trust.keys))?;
    let sorted = sort(trust, sorted)?;
    let mut audit = Audit::new(&sorted.believed);
    each_line(broker, topics, &mut |line| Ok(audit.push(line).map(drop)?))?;
    report(&audit.finish()?, &sorted, &trust.keys, false, out)
}

/// Writes the journal's entries, one a line.
pub fn export(broker: &dyn Broker, topics: &Topics, out: &mut dyn Write) -> anyhow::Result<()> {
    each_line(broker, topics, &mut |line| {
        out.write_all(line)?;
        Ok(out.write_all(b"\n")?)
    })
}

/// Writes everything that an auditor needs to a folder, and verifies it on the way. A bad journal is exported all the same: it is evidence.
///
/// # Errors
/// As [`verify_file`]; then the export is complete nevertheless.
pub fn export_to(
    broker: &dyn Broker,
    topics: &Topics,
    keys: &Keys,
    folder: &Path,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("`{}` cannot be made", folder.display()))?;
    let create = |name: &str| {
        let file = folder.join(name);
        File::create(&file).map(BufWriter::new).with_context(|| format!("`{}` cannot be written", file.display()))
    };
    let mut sorted = Sorted::default();
    checkpoints::read(broker, topics, &mut |text| sorted.take(text, &keys.public))?;
    let mut notes = create(CHECKPOINTS)?;
    sorted.notes.iter().try_for_each(|note| writeln!(notes, "{note}"))?;
    notes.flush()?;
    let mut public = create(KEYS)?;
    keys.public.iter().try_for_each(|key| writeln!(public, "{key}"))?;
    public.flush()?;
    std::fs::write(folder.join(READ_ME), EXPLANATION)?;
    let mut lines = create(JOURNAL)?;
    let mut audit = Audit::new(&sorted.believed);
    let mut finding = None;
    each_line(broker, topics, &mut |line| {
        if finding.is_none() {
            finding = audit.push(line).err();
        }
        lines.write_all(line)?;
        Ok(lines.write_all(b"\n")?)
    })?;
    lines.flush()?;
    match finding {
        None => report(&audit.finish()?, &sorted, &keys.public, false, out),
        Some(finding) => Err(finding.into()),
    }
}

/// Makes a key pair: the private key into a new file that only its owner may read, the public one told.
pub fn keygen(name: &str, file: &Path, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).context("the system gives no random bytes")?;
    let key = SigningKey::new(name, &seed).map_err(|error| Usage(error.to_string()))?;
    let mut secret = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
        .with_context(|| format!("`{}` cannot be written; a key is never written over another", file.display()))?;
    writeln!(secret, "{}", key.to_text())?;
    secret.sync_all()?;
    writeln!(out, "{}", key.public())?;
    Ok(())
}

/// Shows the public key of a private one.
pub fn show_key(file: &Path, out: &mut dyn Write) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(file).with_context(|| format!("`{}` cannot be read", file.display()))?;
    let key = SigningKey::parse(&text).with_context(|| format!("`{}`", file.display()))?;
    writeln!(out, "{}", key.public())?;
    Ok(())
}

fn keys_in(file: &Path) -> anyhow::Result<Vec<PublicKey>> {
    let parse = |text: &str| PublicKey::parse(text).with_context(|| format!("`{}`: `{text}`", file.display()));
    text_of(file)?.split_whitespace().map(parse).collect()
}

fn text_of(file: &Path) -> anyhow::Result<String> {
    let read = || -> std::io::Result<String> {
        let mut bytes = Vec::new();
        replay::open(file)?.take(TEXT_BYTES_MAX).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    read().with_context(|| format!("`{}` cannot be read", file.display()))
}

/// Without the quotes of quoted-printable (RFC 2045, section 6.7). Of a whole mail: what is not quoted so may be spoilt, and then holds no
/// checkpoint.
fn unquoted(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let quoted = |digits: &[u8]| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok();
        rest = match (first, behind) {
            (b'=', [b'\r', b'\n', behind @ ..] | [b'\n', behind @ ..]) => behind,
            (b'=', [high, low, behind @ ..]) if let Some(byte) = quoted(&[*high, *low]) => {
                bytes.push(byte);
                behind
            }
            _ => {
                bytes.push(*first);
                behind
            }
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The checkpoints in the files that were named, beside those already there.
fn sort(trust: &Trust, mut sorted: Sorted) -> anyhow::Result<Sorted> {
    for file in &trust.checkpoints {
        let before = sorted.notes.len();
        let text = text_of(file)?;
        sorted.take(&text, &trust.keys);
        if text.contains(QUOTED_DASH) {
            sorted.take(&unquoted(&text), &trust.keys);
        }
        // The export of a journal that nobody signs holds an empty one.
        let own = file.file_name().is_some_and(|name| name == CHECKPOINTS);
        if sorted.notes.len() == before && !own {
            bail!("there is no checkpoint in `{}`", file.display());
        }
    }
    if sorted.n_unknown > 0 && trust.keys.is_empty() {
        return Err(
            Usage("there are checkpoints but no public key to verify them with: name one by --key".into()).into()
        );
    }
    Ok(sorted)
}

/// Every line of the journal topic, in its order.
pub(crate) fn each_line(
    broker: &dyn Broker,
    topics: &Topics,
    each: &mut dyn FnMut(&[u8]) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let topic = topics.journal();
    if broker.partitions(&topic)?.is_none() {
        bail!("there is no topic `{topic}`: has `breachd run` ever run here?");
    }
    let mut reader = broker.read(&[(&topic, Vec::new())])?;
    let mut outcome = Ok(());
    while !reader.caught_up() && outcome.is_ok() {
        reader.poll(limits::POLL_RECORDS, limits::POLL_WAIT, &mut |record| {
            if outcome.is_ok() {
                outcome = each(record.payload.unwrap_or_default());
            }
        })?;
    }
    outcome
}

/// `own_keys`: those that came with the export.
fn report(
    audited: &Audited,
    sorted: &Sorted,
    keys: &[PublicKey],
    own_keys: bool,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let Audited { head, at, n_checkpoints, vouched, .. } = audited;
    let of = at.map_or(String::new(), |at| format!(", of {},", Timestamp::from_millis(at)));
    writeln!(out, "{} entries, each follows from the one before; the last{of} has the hash {}", head.seq, head.hash)?;
    if *n_checkpoints > 0 {
        writeln!(out, "{n_checkpoints} signed checkpoints hold; they vouch for all entries up to {vouched}")?;
    }
    if sorted.n_unknown > 0 {
        writeln!(out, "{} checkpoints are signed by none of the keys given and say nothing", sorted.n_unknown)?;
    }
    match head.seq - vouched {
        0 => {}
        n if *vouched == 0 => writeln!(
            out,
            "no checkpoint vouches for the {n} entries: a chain alone cannot show that its end was cut off or all of it written anew; compare the hash with one kept elsewhere"
        )?,
        n => writeln!(out, "the last {n} entries are younger than every checkpoint: of them only the chain tells")?,
    }
    if own_keys {
        keys.iter().try_for_each(|key| {
            writeln!(out, "believed because it came with the export; is it the one you know? {key}")
        })?;
    }
    match sorted.forged.as_slice() {
        [] => Ok(()),
        [first, others @ ..] => bail!("{first} ({} more like it); the journal itself is in order", others.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use journal::{Chain, Checkpoint, Tree};
    use serde_json::json;
    use std::collections::BTreeMap;

    struct World {
        folder: PathBuf,
        broker: std::sync::Arc<dyn Broker>,
        topics: Topics,
        key: SigningKey,
    }

    impl Drop for World {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }

    /// A journal of 12 entries with checkpoints of 5 and 10.
    fn world(name: &str) -> World {
        let folder = std::env::temp_dir().join(format!("breachd-audit-{name}-{}", std::process::id()));
        let broker = stream::memory();
        let topics = Topics::new(crate::topics::TopicSettings::default());
        topics.prepare(broker.as_ref()).unwrap();
        let key = SigningKey::new("example.com/journal", &[1; 32]).unwrap();
        let mut appender = broker.appender().unwrap();
        let mut send = |topic: String, text: String| {
            appender.send(stream::Outgoing { topic, payload: text.into_bytes(), ..Default::default() }).unwrap();
        };
        let (mut chain, mut tree) = (Chain::new(), Tree::new());
        for n in 1..=12 {
            let line = chain.append(n, "noted", json!({"n": n}), BTreeMap::new()).to_line();
            tree.push(line.as_bytes());
            send(topics.journal(), line);
            if n % 5 == 0 {
                send(topics.checkpoints(), Checkpoint::sign(&tree, &key).to_string());
            }
        }
        appender.flush().unwrap();
        World { folder, broker, topics, key }
    }

    fn said(verify: impl FnOnce(&mut Vec<u8>) -> anyhow::Result<()>) -> String {
        let mut out = Vec::new();
        let result = verify(&mut out);
        let out = String::from_utf8(out).unwrap();
        result.map_or_else(|error| format!("{out}ERROR {error:#}"), |()| out.clone())
    }

    #[test]
    fn an_export_says_what_the_topics_say() {
        let world = world("export");
        let public = world.key.public().clone();
        let keys = Keys { signing: None, public: vec![public.clone()] };
        let trust = Trust { keys: keys.public.clone(), checkpoints: Vec::new() };
        let of_topic = said(|out| verify_topic(world.broker.as_ref(), &world.topics, &trust, out));
        assert!(of_topic.starts_with("12 entries") && of_topic.contains("2 signed checkpoints hold"), "{of_topic}");
        assert!(of_topic.contains("the last 2 entries are younger than every checkpoint"), "{of_topic}");
        let of_export = said(|out| export_to(world.broker.as_ref(), &world.topics, &keys, &world.folder, out));
        assert_eq!(of_export, of_topic);
        assert_eq!(said(|out| verify_file(&world.folder, &trust, out)), of_topic);
        let unasked = said(|out| verify_file(&world.folder, &Trust::default(), out));
        assert!(
            unasked.starts_with(&of_topic) && unasked.ends_with(&format!("is it the one you know? {public}\n")),
            "{unasked}"
        );
        let file = world.folder.join(JOURNAL);
        let alone = said(|out| verify_file(&file, &Trust::default(), out));
        assert!(alone.contains("no checkpoint vouches for the 12 entries"), "{alone}");
        let mut lines = Vec::new();
        export(world.broker.as_ref(), &world.topics, &mut lines).unwrap();
        assert_eq!(lines, std::fs::read(&file).unwrap());
    }

    #[test]
    fn damage_is_named_and_what_is_not_signed_is_not_believed() {
        let world = world("damage");
        let keys = Keys { signing: None, public: vec![world.key.public().clone()] };
        export_to(world.broker.as_ref(), &world.topics, &keys, &world.folder, &mut Vec::new()).unwrap();
        let verify = |trust: &Trust| said(|out| verify_file(&world.folder, trust, out));
        let file = world.folder.join(JOURNAL);
        let text = std::fs::read_to_string(&file).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        std::fs::write(&file, lines[..8].join("\n")).unwrap();
        let cut = verify(&Trust::default());
        assert!(cut.contains("ERROR the journal is bad at entry 9: it is missing"), "{cut}");
        std::fs::write(&file, text.replacen("\"n\":7", "\"n\":8", 1)).unwrap();
        assert!(verify(&Trust::default()).contains("bad at entry 7: its hash is"));
        std::fs::write(&file, &text).unwrap();
        let stranger = SigningKey::new("example.com/journal", &[2; 32]).unwrap().public().clone();
        let unknown = verify(&Trust { keys: vec![stranger], checkpoints: Vec::new() });
        assert!(unknown.contains("2 checkpoints are signed by none of the keys given"), "{unknown}");
        // A checkpoint that came by mail knows more than the folder.
        let mail = world.folder.join("mail.txt");
        let mut tree = Tree::new();
        (0..13).for_each(|n: i64| tree.push(n.to_string().as_bytes()));
        let note = Checkpoint::sign(&tree, &world.key).to_string().replace('\n', " ");
        std::fs::write(&mail, format!("Good morning,\n> {note}\nyours")).unwrap();
        let mailed = verify(&Trust { keys: keys.public.clone(), checkpoints: vec![mail.clone()] });
        assert!(mailed.contains("bad at entry 13: it is missing"), "{mailed}");
        std::fs::write(&mail, note.replacen(" 13 ", " 12 ", 1)).unwrap();
        let forged = verify(&Trust { keys: keys.public.clone(), checkpoints: vec![mail.clone()] });
        assert!(forged.contains("ERROR the checkpoint of 12 entries bears the name of the key"), "{forged}");
        std::fs::write(&mail, "nothing").unwrap();
        let nothing = verify(&Trust { keys: keys.public, checkpoints: vec![mail] });
        assert!(nothing.contains("ERROR there is no checkpoint in"), "{nothing}");
    }

    #[test]
    fn a_key_is_made_once_and_shown_in_public_only() {
        let file = std::env::temp_dir().join(format!("breachd-audit-keygen-{}", std::process::id()));
        let made = said(|out| keygen("example.com/journal", &file, out));
        assert!(made.starts_with("example.com/journal+"), "{made}");
        assert_eq!(said(|out| show_key(&file, out)), made);
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&file).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
        assert!(said(|out| keygen("example.com/journal", &file, out)).contains("never written over another"));
        assert!(said(|out| keygen("a b", &file, out)).contains("without spaces"));
        std::fs::remove_file(file).unwrap();
    }
}
