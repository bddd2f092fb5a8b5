//! The chain verifies, and nothing that is not the chain does.

use journal::{Chain, Entry, Hash, Head, NotAnEntry, Verifier, Why};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Reads all lines; the head at the end, or what broke.
fn verify<'a>(lines: impl IntoIterator<Item = &'a [u8]>) -> Result<Head, journal::Broken> {
    let mut verifier = Verifier::new();
    lines.into_iter().try_for_each(|line| verifier.push(line))?;
    Ok(verifier.head())
}

fn slices(lines: &[Vec<u8>]) -> impl Iterator<Item = &[u8]> {
    lines.iter().map(Vec::as_slice)
}

fn bodies() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

prop_compose! {
    fn chains()(
        entries in prop::collection::vec(
            (any::<i64>(), "[a-z_\"é]{0,12}", bodies(), prop::collection::btree_map("[a-z./\"0-9]{1,12}", any::<i64>(), 0..3)),
            2..8,
        )
    ) -> (Vec<Entry>, Head) {
        let mut chain = Chain::new();
        let written = entries.into_iter().map(|(at, kind, body, positions)| chain.append(at, &kind, body, positions)).collect();
        (written, chain.head())
    }
}

proptest! {
    #[test]
    fn what_is_appended_reads_back_and_verifies((entries, head) in chains()) {
        let lines: Vec<_> = entries.iter().map(|entry| entry.to_line().into_bytes()).collect();
        for (entry, line) in entries.iter().zip(&lines) {
            prop_assert!(!line.contains(&b'\n'));
            prop_assert_eq!(&Entry::from_line(line).unwrap(), entry);
        }
        prop_assert_eq!(verify(slices(&lines)).unwrap(), head);
    }

    #[test]
    fn any_flipped_bit_breaks_it((entries, head) in chains(), which in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), bit in 0..8u8) {
        let mut lines: Vec<_> = entries.iter().map(|entry| entry.to_line().into_bytes()).collect();
        let which = which.index(lines.len());
        let at = at.index(lines[which].len());
        lines[which][at] ^= 1 << bit;
        let broken = verify(slices(&lines)).unwrap_err();
        prop_assert_eq!(broken.seq, which as u64 + 1);
        prop_assert!(head.seq >= broken.seq);
    }

    #[test]
    fn a_deleted_doubled_or_swapped_entry_breaks_it((entries, head) in chains(), which in any::<prop::sample::Index>()) {
        let lines: Vec<_> = entries.iter().map(|entry| entry.to_line().into_bytes()).collect();
        let which = which.index(lines.len());

        let mut deleted = lines.clone();
        deleted.remove(which);
        // Without its last entry a chain is a shorter chain: only the known head tells.
        prop_assert_eq!(verify(slices(&deleted)).is_ok(), which + 1 == lines.len());
        let mut verifier = Verifier::new();
        let all_fit = slices(&deleted).all(|line| verifier.push(line).is_ok());
        prop_assert!(!all_fit || verifier.expect(head).is_err());

        let mut doubled = lines.clone();
        doubled.insert(which, lines[which].clone());
        prop_assert!(verify(slices(&doubled)).is_err());

        let mut swapped = lines.clone();
        swapped.swap(which, (which + 1) % lines.len());
        prop_assert!(verify(slices(&swapped)).is_err());
    }

    #[test]
    fn an_edit_with_its_own_hash_put_right_breaks_what_follows((entries, _) in chains(), which in any::<prop::sample::Index>()) {
        let which = which.index(entries.len() - 1);
        let mut forger = match which.checked_sub(1) {
            None => Chain::new(),
            Some(before) => Chain::resume(entries[before].head()),
        };
        let original = &entries[which];
        let forged = forger.append(original.at, &original.kind, json!({"forged": original.body}), original.positions.clone());
        let mut lines: Vec<_> = entries.iter().map(|entry| entry.to_line().into_bytes()).collect();
        lines[which] = forged.to_line().into_bytes();
        let broken = verify(slices(&lines)).unwrap_err();
        prop_assert_eq!(broken.seq, which as u64 + 2);
        prop_assert!(matches!(broken.why, Why::OtherPredecessor { .. }), "{}", broken);
    }

    #[test]
    fn the_order_in_which_members_were_inserted_does_not_matter(members in prop::collection::btree_map("[a-z]{1,4}", any::<i64>(), 0..6)) {
        let forward: serde_json::Map<_, _> = members.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        let backward: serde_json::Map<_, _> = members.iter().rev().map(|(name, value)| (name.clone(), json!(value))).collect();
        let hash = |body| Chain::new().append(0, "k", Value::Object(body), BTreeMap::new()).hash;
        prop_assert_eq!(hash(forward), hash(backward));
    }
}

#[test]
fn the_format_does_not_change() {
    let mut chain = Chain::new();
    let positions = BTreeMap::from([("breachd.alerts/0".to_owned(), 42)]);
    let entry = chain.append(1_772_486_040_000, "noted", json!({"text": "é", "n": 1}), positions);
    let line = entry.to_line();
    // The digest is what `printf 'breachd journal 1\n%s' "$LINE_WITHOUT_HASH" | sha256sum` says.
    assert_eq!(
        line,
        concat!(
            r#"{"at":1772486040000,"body":{"n":1,"text":"é"},"#,
            r#""hash":"b059cb05fa8d381f120a8a8c18f648dbf77637546f43f2c8bd07bd6559a99c53","#,
            r#""kind":"noted","positions":{"breachd.alerts/0":42},"#,
            r#""prev":"0000000000000000000000000000000000000000000000000000000000000000","seq":1}"#
        )
    );
}

#[test]
fn other_spellings_of_the_same_json_are_refused() {
    let line = Chain::new().append(1, "k", json!({"a": "b"}), BTreeMap::new()).to_line();
    for (from, to) in [(r#""b""#, r#""\u0062""#), (":1,", ": 1,"), (r#""a":"#, r#""a":1,"a":"#)] {
        let other = line.replacen(from, to, 1);
        assert_ne!(other, line);
        assert_eq!(Entry::from_line(other.as_bytes()), Err(NotAnEntry::NotCanonical), "{other}");
    }
    let more = line.replacen('{', r#"{"aa":0,"#, 1);
    assert_eq!(Entry::from_line(more.as_bytes()), Err(NotAnEntry::Unknown("aa".into())));
    let forged = line.replacen("\"b\"", "\"c\"", 1);
    assert!(matches!(Entry::from_line(forged.as_bytes()), Err(NotAnEntry::WrongHash { .. })));
}

#[test]
fn a_chain_goes_on_where_it_was_left() {
    let mut whole = Chain::new();
    let lines: Vec<_> = (0..3).map(|at| whole.append(at, "k", json!(at), BTreeMap::new()).to_line()).collect();
    let mut verifier = Verifier::new();
    verifier.push(lines[0].as_bytes()).unwrap();
    let mut resumed = Chain::resume(verifier.head());
    assert_eq!(resumed.append(1, "k", json!(1), BTreeMap::new()).to_line(), lines[1]);
    assert_eq!(Hash::parse(&whole.head().hash.to_string()), Some(whole.head().hash));
}
