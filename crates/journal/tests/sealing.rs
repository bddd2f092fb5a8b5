//! Sealing is undone exactly, erasure leaves nothing, and the structure of an entry is nobody's name.

use journal::sealing::{Person, Seals, is_token, token};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Gives tokens to whoever needs one, as the writer of a journal does.
fn seal(seals: &mut Seals, body: &Value) -> Value {
    let mut sealed = body.clone();
    for person in seals.strangers(body) {
        let number = seals.len() as u128 + 1;
        seals.insert(&token((number << 64 | number).to_be_bytes()), person);
    }
    seals.seal(&mut sealed);
    sealed
}

fn unseal(seals: &Seals, sealed: &Value) -> Value {
    let mut body = sealed.clone();
    seals.unseal(&mut body);
    body
}

fn body() -> Value {
    json!({
        "kind": "incident_opened",
        "because": "portal_user anna.novak read 1,042 rows of hr.hr_payroll from 10.0.0.7; anna.novak's usual is 12",
        "by": "anna.novak",
        "opening": {
            "subject": { "kind": "portal_user", "id": "anna.novak" },
            "entity": { "kind": "user_table", "id": "anna.novak|hr.hr_payroll" },
            "from": { "kind": "address", "id": "10.0.0.7" },
            "host": { "kind": "app_host", "id": "10.0.0.7" },
            "data_classes": ["hr"],
            "why": "anna.novak",
        }
    })
}

#[test]
fn tokens_stand_for_persons_and_nothing_else_changes() {
    let mut seals = Seals::default();
    let sealed = seal(&mut seals, &body());
    let text = sealed.to_string();
    assert_eq!(text.matches("anna.novak").count(), 1, "who acted stays: {text}");
    assert_eq!(sealed["by"], "anna.novak");
    assert_eq!(sealed["opening"]["host"], json!({ "kind": "app_host", "id": "10.0.0.7" }), "a server is no person");
    let user = seals.tokens_of(Some("portal_user"), "anna.novak")[0].to_owned();
    assert!(is_token(&user));
    assert_eq!(sealed["opening"]["entity"]["id"], format!("{user}|hr.hr_payroll"));
    assert_eq!(sealed["opening"]["why"], user.as_str(), "text, though it is a single word");
    assert_eq!(unseal(&seals, &sealed), body());
    assert_eq!(seals.strangers(&body()).len(), 0, "each has one token for good");
    assert_eq!(seals.unknown(&sealed).len(), 0);
    assert_eq!(Seals::default().unknown(&sealed).len(), 2);
}

#[test]
fn what_is_erased_is_nobody_and_the_same_nobody_everywhere() {
    let mut seals = Seals::default();
    let sealed = seal(&mut seals, &body());
    let other = seal(
        &mut seals,
        &json!({ "kind": "noted", "because": "ask ben, not anna.novak", "who": { "kind": "portal_user", "id": "ben" } }),
    );
    let user = seals.tokens_of(None, "anna.novak")[0].to_owned();
    seals.erase(&user);
    assert!(seals.is_erased(&user) && seals.tokens_of(None, "anna.novak").is_empty());
    let read = unseal(&seals, &sealed);
    let name = read["opening"]["subject"]["id"].as_str().unwrap().to_owned();
    assert!(name.starts_with("erased-") && name.len() == 17, "{name}");
    assert_eq!(read["opening"]["entity"]["id"], format!("{name}|hr.hr_payroll"));
    assert_eq!(unseal(&seals, &other)["because"], format!("ask ben, not {name}"));
    assert_eq!(read["opening"]["from"]["id"], "10.0.0.7", "others stay");
    assert!(seals.unknown(&sealed).is_empty(), "known to be erased");
    // Whoever comes again is somebody new.
    let again = seal(&mut seals, &body());
    assert_ne!(again["opening"]["subject"], sealed["opening"]["subject"]);
    assert_eq!(unseal(&seals, &again), body());
}

#[test]
fn a_name_that_is_a_word_or_a_number_takes_no_structure_and_no_figure_along() {
    let mut seals = Seals::default();
    for id in ["hr", "12", "open", "rows"] {
        seal(&mut seals, &json!({ "subject": { "kind": "portal_user", "id": id } }));
    }
    let body = json!({
        "kind": "noted",
        "data_classes": ["hr"],
        "state": "open",
        "because": "12 rows by portal_user 12 of class hr",
    });
    let sealed = seal(&mut seals, &body);
    assert_eq!((&sealed["data_classes"], &sealed["state"]), (&body["data_classes"], &body["state"]));
    let because = sealed["because"].as_str().unwrap();
    assert!(because.starts_with("12 person-") && because.ends_with(" of class hr"), "{because}");
    assert_eq!(because.matches("person-").count(), 2, "{because}");
    assert_eq!(unseal(&seals, &sealed), body);
}

#[test]
fn whoever_stands_in_text_alone_is_found_by_form_or_by_list() {
    let mut seals = Seals::default();
    seals.know(["carla", "42", "al"]);
    let text =
        "carla, 42 or al may have been behind it: from 203.0.113.9, ::1 and 2001:db8::7. portal_user `42` at 12:30";
    let body = json!({ "because": text, "by": "carla" });
    let sealed = seal(&mut seals, &body);
    let because = sealed["because"].as_str().unwrap();
    for name in ["carla", "203.0.113.9", "::1", "2001:db8::7", "`42`"] {
        assert!(!because.contains(name), "{name} in {because}");
    }
    assert!(
        because.contains("42 or al") && because.ends_with("at 12:30"),
        "what may be a figure or a word stays: {because}"
    );
    assert_eq!((unseal(&seals, &sealed), &sealed["by"]), (body, &"carla".into()));
}

#[test]
fn an_address_glued_to_a_letter_is_no_address() {
    let mut seals = Seals::default();
    let body = json!({ "because": "since x10.0.0.7, _::1 and \u{31350}::2, of release 10.0.0.7a" });
    assert_eq!((seal(&mut seals, &body), seals.len()), (body, 0), "nobody gets a token that no text can hold");
}

#[test]
fn the_numbers_of_a_mailing_are_sealed_and_nothing_else_of_that_name() {
    let mut seals = Seals::default();
    let body = json!({
        "kind": "mailing_progressed",
        "because": "2 mails handed over",
        "progress": { "progress": "ended", "refused": ["1042"], "expired": [], "open": ["A 7"] },
    });
    let sealed = seal(&mut seals, &body);
    assert!(
        is_token(sealed["progress"]["refused"][0].as_str().unwrap())
            && is_token(sealed["progress"]["open"][0].as_str().unwrap())
    );
    assert_eq!((unseal(&seals, &sealed), seals.len()), (body, 2));
    let other = json!({ "version": { "open": ["nature"], "persons": ["x"] } });
    assert_eq!(seal(&mut seals, &other), other);
}

#[test]
fn a_numeric_or_short_id_is_found_where_a_text_about_it_begins() {
    let mut seals = Seals::default();
    for id in ["1042", "u7"] {
        let body =
            json!({ "subject": { "kind": "portal_user", "id": id }, "why": format!("{id} read 7 rows, usually {id}") });
        let sealed = seal(&mut seals, &body);
        let why = sealed["why"].as_str().unwrap();
        assert!(why.starts_with("person-") && why.ends_with(&format!("usually {id}")), "{why}");
        assert_eq!(unseal(&seals, &sealed), body);
    }
    let other = json!({ "subject": { "kind": "table", "id": "hr.x" }, "why": "1042 rows were read" });
    assert_eq!(seal(&mut seals, &other), other, "a figure");
}

#[test]
fn text_that_looks_like_a_token_is_sealed_like_a_name() {
    let mut seals = Seals::default();
    let forged = token([7; 16]);
    let body =
        json!({ "because": format!("see {forged}, or x{forged}"), "who": { "kind": "portal_user", "id": forged } });
    let sealed = seal(&mut seals, &body);
    assert_ne!(sealed, body);
    assert_eq!(unseal(&seals, &sealed), body);
}

fn ids() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-c.@|:_0-9-]{0,6}",
        Just("root@10.0.3.17".to_owned()),
        Just("hr".to_owned()),
        Just(token([3; 16])),
        "[g_\u{31350}]{0,1}(::1|10[.]0[.]0[.]7|person-a{26})[g_.:]{0,1}",
        any::<String>()
    ]
}

fn bodies() -> impl Strategy<Value = Value> {
    let kinds = prop_oneof![
        Just("portal_user"),
        Just("db_account"),
        Just("address"),
        Just("user_table"),
        Just("session"),
        Just("table"),
        Just("hr")
    ];
    let entity = (kinds, ids()).prop_map(|(kind, id)| json!({ "kind": kind, "id": id }));
    let text = proptest::collection::vec(ids(), 0..6).prop_map(|parts| Value::String(parts.join(" ")));
    let names = prop_oneof![
        Just("because"),
        Just("by"),
        Just("state"),
        Just("subject"),
        Just("reasons"),
        Just("id"),
        Just("progress"),
        Just("persons"),
        Just("open")
    ];
    let leaf = prop_oneof![entity, text, any::<bool>().prop_map(Value::Bool)];
    leaf.prop_recursive(4, 24, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            proptest::collection::vec((names.clone(), inner), 0..5).prop_map(|members| Value::Object(
                members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
            )),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_sealed_is_unsealed_to_the_byte(all in proptest::collection::vec(bodies(), 1..5)) {
        let mut seals = Seals::default();
        let sealed: Vec<Value> = all.iter().map(|body| seal(&mut seals, body)).collect();
        for (body, sealed) in all.iter().zip(&sealed) {
            prop_assert_eq!(&unseal(&seals, sealed), body);
            prop_assert!(seals.unknown(sealed).is_empty());
        }
    }

    #[test]
    fn nobody_who_was_erased_is_in_an_entity(all in proptest::collection::vec(bodies(), 1..5)) {
        let mut seals = Seals::default();
        let sealed: Vec<Value> = all.iter().map(|body| seal(&mut seals, body)).collect();
        let persons: Vec<Person> = all.iter().flat_map(|body| Seals::default().strangers(body)).collect();
        for person in &persons {
            let tokens: Vec<String> = seals.tokens_of(Some(&person.kind), &person.id).into_iter().map(str::to_owned).collect();
            tokens.iter().for_each(|token| seals.erase(token));
        }
        for sealed in &sealed {
            prop_assert!(seals.strangers(&unseal(&seals, sealed)).iter().all(|person| person.id.starts_with("erased-")));
        }
    }
}
