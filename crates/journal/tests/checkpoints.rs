//! Keys and signed checkpoints are what other programs make and read.

use journal::{BadKey, Checkpoint, NotBelieved, PublicKey, SigningKey, Tree, checkpoint};
use proptest::prelude::*;

// Made by Go's golang.org/x/mod v0.33 (sumdb/note and sumdb/tlog) from the seed 00 01 … 1f and the leaves `line 0`, `line 1`, ….
const PRIVATE: &str = "PRIVATE+KEY+example.com/journal+e7aaf24a+AQABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";
const PUBLIC: &str = "example.com/journal+e7aaf24a+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4";
const NOTES: [(u64, &str); 3] = [
    (
        1,
        "example.com/journal\n1\nNPUPfQMQ6LoqssHv6Na9aArtpwtn9uPPj8fynkoWGtA=\n\n— example.com/journal 56rySnTOcfc1pAPrNuj2YoEd6cxDk+L+n2c+PxVgiM6k9ZdB512m7Ndx8xJ+83eIv+vHj9C6/1lOBowOtMW+BTgVygc=\n",
    ),
    (
        3,
        "example.com/journal\n3\n6NPjriBkg+DfRQ/yESyfCqdzrrAcPubigZH+pOt7dAI=\n\n— example.com/journal 56rySv2NCA1a/+o5aazo/7lKsMBTT+kxIheIILZpzUk5N1xGNTOln0qyznu0EELpW7auCmM8n7mz9oN6C4puseXMKA4=\n",
    ),
    (
        7,
        "example.com/journal\n7\nd3HO6fpv8VJBQbdMO+Z0VsVoS4m1e5QcthaXFkC0Rm8=\n\n— example.com/journal 56rySv4VrOzX2YPVKxihFtTcLQDkfvzE+24sLnUurynZRi24LlYYp5t9B/Y5HEWX6/XjQQhW4Gsrcv9xUFKJhTxajgw=\n",
    ),
];

fn seed() -> [u8; 32] {
    std::array::from_fn(|at| at as u8)
}

fn tree(n: u64) -> Tree {
    let mut tree = Tree::new();
    (0..n).for_each(|at| tree.push(format!("line {at}").as_bytes()));
    tree
}

#[test]
fn keys_roots_and_signatures_are_those_of_another_implementation() {
    let key = SigningKey::new("example.com/journal", &seed()).unwrap();
    assert_eq!((key.to_text().as_str(), key.public().to_string().as_str()), (PRIVATE, PUBLIC));
    assert_eq!(SigningKey::parse(&format!("{PRIVATE}\n")).unwrap().public(), key.public());
    let public = PublicKey::parse(PUBLIC).unwrap();
    assert_eq!(&public, key.public());
    for (size, note) in NOTES {
        assert_eq!(Checkpoint::sign(&tree(size), &key).to_string(), note);
        let [found] = checkpoint::in_text(note).try_into().unwrap();
        assert_eq!(found.to_string(), note);
        let believed = found.verify(std::slice::from_ref(&public)).unwrap();
        assert_eq!((believed.size, believed.root), (size, tree(size).root()));
    }
}

#[test]
fn the_secret_is_not_shown() {
    let key = SigningKey::parse(PRIVATE).unwrap();
    assert_eq!(format!("{key:?}"), format!("SigningKey({PUBLIC})"));
}

#[test]
fn what_is_no_key_is_refused() {
    for name in ["", "two words", "a+b", "a\u{2003}b", "a\nb", &"x".repeat(201)] {
        assert_eq!(SigningKey::new(name, &seed()).unwrap_err(), BadKey::Name, "{name:?}");
    }
    for (text, why) in [
        (PUBLIC.replace("e7aaf24a", "e7aaf24b"), BadKey::Id),
        (PUBLIC.replace("example.com", "example.org"), BadKey::Id),
        (PUBLIC.replace("e7aaf24a", "E7AAF24A"), BadKey::Public),
        (PUBLIC.replace("+AQ", "+Ag"), BadKey::Public),
        (PUBLIC.replace("VTG4", "VTG"), BadKey::Public),
        (PRIVATE.to_owned(), BadKey::Public),
        (String::new(), BadKey::Public),
    ] {
        assert_eq!(PublicKey::parse(&text).unwrap_err(), why, "{text}");
    }
    assert_eq!(SigningKey::parse(PUBLIC).unwrap_err(), BadKey::Private);
    assert_eq!(SigningKey::parse(&PRIVATE.replace("HR4f", "HR4e")).unwrap_err(), BadKey::Id);
}

#[test]
fn one_is_found_however_it_came() {
    let note = NOTES[2].1;
    let joined = note.split_whitespace().collect::<Vec<_>>().join(" ");
    let quoted: String = note.lines().map(|line| format!("> {line}\r\n")).collect();
    let mail = format!("Daily digest\n- Journal's checkpoint: {joined}\n— Jana Weiss, on call\n");
    let page = format!("<td>{joined}</td> {joined}");
    for text in [note.to_owned(), joined.clone(), quoted, mail, page, format!("x\n\n{joined} trailing")] {
        let found = checkpoint::in_text(&text);
        assert_eq!(found.iter().map(ToString::to_string).collect::<Vec<_>>(), [note], "{text}");
    }
    let all: String = NOTES.iter().map(|(_, note)| format!("{note}\n")).collect();
    let sizes: Vec<u64> = checkpoint::in_text(&all).iter().map(|found| found.stated.size).collect();
    assert_eq!(sizes, [1, 3, 7]);
    assert!(checkpoint::in_text("— a b — c d\n— x\n—").is_empty());
}

#[test]
fn others_may_sign_too_and_a_new_key_does_not_end_the_old_one() {
    let (old, new) = (SigningKey::parse(PRIVATE).unwrap(), SigningKey::new("example.com/journal", &[7; 32]).unwrap());
    let witness = SigningKey::new("witness.example/w1", &[9; 32]).unwrap();
    let signed = |key: &SigningKey, size| Checkpoint::sign(&tree(size), key).to_string();
    let keys = [new.public().clone(), old.public().clone(), witness.public().clone()];
    let of = |text: &str| checkpoint::in_text(text).remove(0);
    assert_eq!(of(&signed(&old, 3)).verify(&keys).unwrap().size, 3);
    assert_eq!(of(&signed(&new, 3)).verify(&keys).unwrap().size, 3);
    assert_eq!(of(&signed(&old, 3)).verify(&keys[..1]), Err(NotBelieved::UnknownKey { size: 3 }));
    // A second signature over the same text; a third in a form that is not known here.
    let again = signed(&new, 3).lines().last().unwrap().to_owned();
    let both = format!("{}{again}\n— other.example/x AAAAAAEC\n", signed(&old, 3));
    assert_eq!(of(&both).verify(&keys[..1]).unwrap().size, 3);
    assert_eq!(of(&both).to_string(), both);
    // Who signs for a journal of another name vouches for nothing.
    let foreign = signed(&witness, 3).replacen("witness.example/w1\n", "example.com/journal\n", 1);
    assert!(checkpoint::in_text(&foreign).is_empty());
    let forged = signed(&new, 3).replacen("\n3\n", "\n4\n", 1);
    assert_eq!(of(&forged).verify(&keys), Err(NotBelieved::Forged { size: 4, key: new.public().to_string() }));
    assert_eq!(of(&signed(&witness, 3)).verify(&keys).unwrap().origin, "witness.example/w1");
}

proptest! {
    #[test]
    fn no_other_text_is_believed(at in any::<prop::sample::Index>(), bit in 0..7u8) {
        let note = NOTES[1].1;
        let mut bytes = note.as_bytes().to_vec();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let public = PublicKey::parse(PUBLIC).unwrap();
        let Ok(text) = String::from_utf8(bytes) else { return Ok(()) };
        for found in checkpoint::in_text(&text) {
            // What is believed all the same is what was signed: one kind of space for another, say.
            if found.verify(std::slice::from_ref(&public)).is_ok() {
                prop_assert_eq!(found.to_string(), note);
            }
        }
    }

    #[test]
    fn any_text_is_read(text in any::<String>(), words in prop::collection::vec(prop::sample::select(&["—", "a", "1", "AAAA", ">", "NPUPfQMQ6LoqssHv6Na9aArtpwtn9uPPj8fynkoWGtA="][..]), 0..40)) {
        checkpoint::in_text(&text);
        for found in checkpoint::in_text(&words.join(" ")) {
            prop_assert!(found.verify(&[PublicKey::parse(PUBLIC).unwrap()]).is_err());
        }
    }
}
