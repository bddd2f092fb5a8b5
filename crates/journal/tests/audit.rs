//! Every change of one entry of a journal of 10,000 is found, and named.
//!
//! A change at entry `n` leaves the entries before it alone, so they are read once for all: the audit that has read them is
//! copied, and reads what was changed and what follows until it finds it. That makes every position of every kind affordable; for
//! a seeded few the whole journal is read from its beginning, and must give the same finding.

use journal::{Audit, Chain, Checkpoint, Entry, Fault, Finding, SigningKey, Tree, Why};
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::OnceLock};

const N: usize = 10_000;

/// Entries between two checkpoints; the last entry has one, too.
const EVERY: usize = 10;

struct Journal {
    lines: Vec<Vec<u8>>,
    entries: Vec<Entry>,
    checkpoints: Vec<Checkpoint>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    /// One digit of it.
    Edited,
    /// With its own hash put right.
    EditedAndHashed,
    Deleted,
    Doubled,
    /// Swapped with the next one.
    Swapped,
    /// One from later on was moved before it.
    MovedForward,
    /// It was moved a few places back.
    MovedBack,
    /// A forged entry of the same number was put before it, and fits.
    PutIn,
    /// A line that is no entry at all was put before it.
    Rubbish,
    /// It and all later ones cut off.
    CutOff,
    /// Edited, and all later hashes put right.
    AllHashed,
    /// Rolled back to before it, then gone on with other decisions.
    RolledBack,
}

use Change::*;

/// What the chain alone finds, and what only checkpoints show.
const BY_CHAIN: [Change; 9] =
    [Edited, EditedAndHashed, Deleted, Doubled, Swapped, MovedForward, MovedBack, PutIn, Rubbish];
const BY_CHECKPOINT: [Change; 3] = [CutOff, AllHashed, RolledBack];

/// What stands in the place of entry `n` and later ones, and from which index on the journal goes on as it was.
struct Tail {
    lines: Vec<Vec<u8>>,
    goes_on: usize,
}

fn body(n: usize) -> Value {
    json!({"kind": "noted", "incident": format!("INC-{}", n / 7), "because": format!("reason {n}"), "n": n})
}

fn journal() -> &'static Journal {
    static JOURNAL: OnceLock<Journal> = OnceLock::new();
    JOURNAL.get_or_init(written)
}

fn written() -> Journal {
    let key = SigningKey::new("example.com/journal", &[1; 32]).expect("a key");
    let (mut chain, mut tree) = (Chain::new(), Tree::new());
    let mut journal = Journal { lines: Vec::new(), entries: Vec::new(), checkpoints: Vec::new() };
    for n in 1..=N {
        let entry = chain.append(n as i64, "noted", body(n), BTreeMap::from([("t/0".to_owned(), n as i64)]));
        let line = entry.to_line().into_bytes();
        tree.push(&line);
        journal.lines.push(line);
        journal.entries.push(entry);
        if n % EVERY == 0 {
            journal.checkpoints.push(Checkpoint::sign(&tree, &key).stated);
        }
    }
    journal
}

impl Journal {
    /// Those from entry `n` on, written anew as far as the checkpoint that shows it.
    fn rewritten(&self, n: usize, body: impl Fn(usize) -> Value) -> Vec<Vec<u8>> {
        let mut chain = if n == 1 { Chain::new() } else { Chain::resume(self.entries[n - 2].head()) };
        let until = n.next_multiple_of(EVERY);
        (n..=until)
            .map(|at| chain.append(at as i64, "noted", body(at), BTreeMap::new()).to_line().into_bytes())
            .collect()
    }

    fn changed(&self, change: Change, n: usize) -> Tail {
        let line = |n: usize| self.lines[n - 1].clone();
        let forged = || self.rewritten(n, |_| json!({"forged": true})).swap_remove(0);
        let with = |lines: Vec<Vec<u8>>, goes_on: usize| Tail { lines, goes_on };
        match change {
            Edited => {
                let text = String::from_utf8(line(n)).expect("text");
                with(vec![text.replacen("reason ", "reasom ", 1).into_bytes()], n)
            }
            EditedAndHashed => with(vec![forged()], n),
            Deleted => with(Vec::new(), n),
            Doubled => with(vec![line(n), line(n)], n),
            Swapped => with(vec![line(n + 1), line(n)], n + 1),
            MovedForward => with(vec![line((n + 5).min(N))], n - 1),
            MovedBack => with(vec![line(n + 1)], n + 1),
            PutIn => with(vec![forged()], n - 1),
            Rubbish => with(vec![b"{}".to_vec()], n - 1),
            CutOff => with(Vec::new(), N),
            AllHashed => with(self.rewritten(n, |at| if at == n { json!({"n": "other"}) } else { body(at) }), n),
            RolledBack => with(self.rewritten(n, |at| json!({"went": "on", "n": at})), n),
        }
    }

    /// What is found by an audit that has read what lies before.
    fn found(&self, mut audit: Audit, tail: &Tail) -> Result<(), Finding> {
        for line in tail.lines.iter().chain(&self.lines[tail.goes_on..]) {
            audit.push(line)?;
        }
        audit.finish().map(drop)
    }
}

/// Whether a change at that entry is one, and shows without a checkpoint.
fn shows(change: Change, n: usize) -> bool {
    match change {
        // The last entry has no successor: of it, only a checkpoint tells.
        EditedAndHashed | Deleted | Swapped | MovedForward | MovedBack => n < N,
        _ => true,
    }
}

#[test]
fn the_chain_finds_every_change_of_one_entry_but_of_the_last() {
    let journal = journal();
    let mut audit = Audit::new([]);
    for n in 1..=N {
        for change in BY_CHAIN.into_iter().filter(|change| shows(*change, n)) {
            let Finding { first, last, why } =
                journal.found(audit.clone(), &journal.changed(change, n)).expect_err("a change is found");
            assert_eq!((first, last), (n as u64, n as u64), "{change:?} at {n}: {why}");
        }
        audit.push(&journal.lines[n - 1]).unwrap();
    }
    let audited = audit.finish().unwrap();
    assert_eq!((audited.head, audited.vouched), (journal.entries[N - 1].head(), 0));
}

#[test]
fn checkpoints_find_every_end_cut_off_and_every_rewriting() {
    let journal = journal();
    let mut audit = Audit::new(&journal.checkpoints);
    for n in 1..=N {
        for change in BY_CHECKPOINT.into_iter().chain([EditedAndHashed]).filter(|change| shows(*change, n) || n == N) {
            let Finding { first, last, why } =
                journal.found(audit.clone(), &journal.changed(change, n)).expect_err("a change is found");
            let (n, to) = (n as u64, n.next_multiple_of(EVERY) as u64);
            match (change, &why) {
                (CutOff, Fault::CutOff { size }) => assert_eq!((first, last, *size), (n, n, N as u64)),
                (EditedAndHashed, Fault::Replaced) => assert_eq!((first, last), (n, n)),
                (_, Fault::OtherRoot { size }) => {
                    assert!(first <= n && n <= last && last == *size, "{change:?} at {n}: {first} to {last}");
                    assert_eq!((first, last), (to - EVERY as u64 + 1, to));
                }
                _ => panic!("{change:?} at {n}: {why}"),
            }
        }
        audit.push(&journal.lines[n - 1]).unwrap();
    }
    let audited = audit.finish().unwrap();
    assert_eq!((audited.vouched, audited.n_checkpoints), (N as u64, (N / EVERY) as u64));
}

#[test]
fn from_the_beginning_it_is_the_same() {
    let journal = journal();
    // Steps of a multiplicative generator modulo a prime: positions all over the journal, the same in every run.
    let positions = std::iter::successors(Some(4_711_usize), |at| Some(at * 48_271 % 9_973)).take(3).chain([1, N - 1]);
    for n in positions {
        for change in BY_CHAIN.into_iter().chain(BY_CHECKPOINT) {
            let tail = journal.changed(change, n);
            let mut audit = Audit::new(&journal.checkpoints);
            journal.lines[..n - 1].iter().for_each(|line| drop(audit.push(line).unwrap()));
            let stepwise = journal.found(audit, &tail).unwrap_err();
            let lines = [&journal.lines[..n - 1], &tail.lines, &journal.lines[tail.goes_on..]].concat();
            let whole = journal.found(Audit::new(&journal.checkpoints), &Tail { lines, goes_on: N }).unwrap_err();
            assert_eq!(whole, stepwise, "{change:?} at {n}");
            assert!(whole.first <= n as u64 && n as u64 <= whole.last, "{change:?} at {n}: {whole}");
        }
    }
}

#[test]
fn findings_are_told_in_words() {
    let journal = journal();
    let told = |change, n, checkpoints: &[Checkpoint]| {
        journal
            .found(Audit::new(checkpoints), &{
                let tail = journal.changed(change, n);
                Tail { lines: [&journal.lines[..n - 1], &tail.lines].concat(), goes_on: tail.goes_on }
            })
            .unwrap_err()
            .to_string()
    };
    assert!(told(Edited, 42, &[]).starts_with("the journal is bad at entry 42: its hash is"));
    assert!(told(Deleted, 42, &[]).starts_with("the journal is bad at entry 42: entry 43 is there instead"));
    assert!(told(Doubled, 42, &[]).starts_with("the journal is bad at entry 42: it is there twice"));
    assert!(
        told(EditedAndHashed, 42, &[])
            .starts_with("the journal is bad at entry 42: it was changed and its hash put right")
    );
    assert!(
        told(RolledBack, 42, &journal.checkpoints)
            .starts_with("the journal is bad at one of the entries 41 to 50: a signed")
    );
    let cut = told(CutOff, 42, &journal.checkpoints);
    assert_eq!(
        cut,
        "the journal is bad at entry 42: it is missing: the journal ends before it, and a signed checkpoint says that there were 10000 entries"
    );
}

#[test]
fn two_checkpoints_of_one_size_cannot_both_hold() {
    let journal = journal();
    let mut checkpoints = journal.checkpoints[..2].to_vec();
    checkpoints.push(Checkpoint { root: checkpoints[1].root, ..checkpoints[0].clone() });
    let mut audit = Audit::new(&checkpoints);
    let found = journal.lines.iter().find_map(|line| audit.push(line).err()).unwrap();
    assert_eq!((found.first, found.last, &found.why), (1, 10, &Fault::OtherRoot { size: 10 }));
    // Of no entries there is one root only, and no entries are a journal.
    let none = Checkpoint { size: 0, root: Tree::new().root(), ..checkpoints[0].clone() };
    assert_eq!(Audit::new([&none]).finish().unwrap().n_checkpoints, 1);
    let other = Checkpoint { root: checkpoints[1].root, ..none };
    assert!(matches!(Audit::new([&other]).finish(), Err(Finding { why: Fault::OtherRoot { size: 0 }, .. })));
    assert!(Audit::new([&other]).push(&journal.lines[0]).is_err());
}

#[test]
fn an_entry_of_another_journal_is_told_apart_where_a_checkpoint_vouches() {
    let journal = journal();
    let mut audit = Audit::new(&journal.checkpoints[..1]);
    journal.lines[..10].iter().for_each(|line| drop(audit.push(line).unwrap()));
    let mut other = Chain::new();
    let stranger = (0..11).map(|at| other.append(at, "noted", json!({}), BTreeMap::new())).last().unwrap();
    let found = audit.push(stranger.to_line().as_bytes()).unwrap_err();
    assert_eq!(found.first, 11);
    assert!(matches!(found.why, Fault::Entry(Why::OtherPredecessor { .. })), "{found}");
}
