//! The file that ships, and files with mistakes in them.

use crate::worked::Facts;
use law::{Catalogue, Holds, NotACatalogue, Verified};

fn one(changes: &[(&str, &str)]) -> String {
    let mut fields = vec![
        ("id", "a"),
        ("group", "g"),
        ("name", "n"),
        ("citation", "c"),
        ("recipient", "authority"),
        ("applies_to", "[hr]"),
        ("starts", "[suspicion]"),
        ("limit", "{ hours: 72 }"),
        ("status", "in_force"),
        ("verified", "yes"),
        ("as_of", "2026-01-01"),
        ("sources", "[]"),
    ];
    for change in changes {
        fields.retain(|(key, _)| *key != change.0);
        fields.push(*change);
    }
    let lines: Vec<_> =
        fields.iter().filter(|(_, value)| !value.is_empty()).map(|(key, value)| format!("{key}: {value}")).collect();
    format!("- {}\n", lines.join("\n  "))
}

fn file(obligations: &[String]) -> String {
    format!("schema_version: 1\nversion: \"1\"\nobligations:\n{}", obligations.concat())
}

fn refused(obligations: &[String]) -> String {
    Catalogue::parse(&file(obligations)).expect_err("it has a mistake").to_string()
}

#[test]
fn the_file_that_ships_is_whole() {
    let catalogue = Catalogue::parse(Catalogue::DEFAULT).unwrap();
    assert_eq!(catalogue.obligations().len(), 148);
    assert_eq!(catalogue.left_out(), []);
    for obligation in catalogue.obligations() {
        assert!(!obligation.citation.is_empty() && !obligation.addressee().is_empty(), "{}", obligation.id);
        // Who counts as verified can be looked up.
        assert!(obligation.verified != Verified::Yes || !obligation.as_of.is_empty(), "{}", obligation.id);
        assert_eq!(
            obligation.unarmed().is_some(),
            obligation.verified == Verified::No || obligation.id == "eu-digital-omnibus-33",
            "{}",
            obligation.id
        );
    }
}

#[test]
fn a_file_is_known_by_its_version_and_its_bytes() {
    let yaml = file(&[one(&[])]);
    let (one, same) = (Catalogue::parse(&yaml).unwrap(), Catalogue::parse(&yaml).unwrap());
    let commented = Catalogue::parse(&format!("# reviewed\n{yaml}")).unwrap();
    assert_eq!(one.edition(), same.only(|_| false).edition());
    assert_eq!(one.edition().version, commented.edition().version);
    assert_ne!(one.edition().sha256, commented.edition().sha256);
    let told = one.edition().to_string();
    assert!(told.starts_with("1 (SHA-256 ") && told.len() == "1 (SHA-256 …)".len() + 16, "{told}");
    let long = yaml.replace("version: \"1\"", &format!("version: \"{}\"", "1".repeat(101)));
    assert!(Catalogue::parse(&long).unwrap_err().to_string().contains("`version` is longer than 100 characters"));
}

#[test]
fn every_mistake_is_told_with_its_obligation() {
    let bad = [
        one(&[("id", "a"), ("starts", "")]),
        one(&[("id", "a")]),
        one(&[("id", "b"), ("limit", ""), ("phrase", "")]),
        one(&[("id", "c"), ("after_sending", "nobody")]),
        one(&[("id", "d"), ("limit", "{ business_days: 3, calendar: moon }")]),
        one(&[("id", "e"), ("thresholds", "[{ at_least: 5, of: residents }]")]),
        one(&[("id", "f"), ("starts", ""), ("limit", ""), ("order", "{ before: g }")]),
        one(&[("id", "g"), ("starts", ""), ("after_sending", "f")]),
    ];
    let told = refused(&bad);
    for line in [
        "obligation `a`: give `starts` or `after_sending`, or `order`",
        "obligation `a`: the id is used twice",
        "obligation `b`: give a `limit`, or the `phrase` of a law that has none",
        "obligation `c`: there is no `nobody`",
        "obligation `d`: there is no calendar `moon`",
        "obligation `e`: a threshold of residents needs `residents_of`",
        "obligation `f`: it hangs on itself",
        "obligation `g`: it hangs on itself",
    ] {
        assert!(told.lines().any(|other| other == line), "`{line}` is not among\n{told}");
    }
    assert_eq!(told.lines().count(), 8, "{told}");
}

#[test]
fn what_is_not_of_this_form_is_refused_with_its_place() {
    for (changes, told) in [
        (("limit", "{ hours: 72, months: 1 }"), "give one of"),
        (("limit", "{ hours: 0 }"), "at least 1"),
        (("limit", "{ business_days: 4 }"), "`calendar`"),
        (("limit", "{ calendar_days: 99999 }"), "ten years"),
        (("zone", "Europe/Atlantis"), "there is no zone `Europe/Atlantis`"),
        (("applies_to", "[hr, moon]"), "`moon` is no class of data"),
        (("starts", "[tomorrow]"), "tomorrow"),
        (("thresholds", "[{ at_least: 5, more_than: 4, of: people }]"), "give one of"),
        (("in_force_from", "2026-02-30"), "`2026-02-30` is no day"),
        (("colour", "red"), "colour"),
    ] {
        let problem = refused(&[one(&[changes])]);
        assert!(problem.contains(told), "{changes:?}: {problem}");
        assert!(problem.contains("line"), "it says where: {problem}");
    }
    assert_eq!(Catalogue::parse("schema_version: 2\nversion: x\nobligations: []\n"), Err(NotACatalogue::Schema(2)));
}

/// Maryland's attorney general before residents: the residents' notice says that it waits, until the other was sent.
#[test]
fn a_notice_that_has_to_wait_for_another_says_so() {
    let catalogue = Catalogue::parse(Catalogue::DEFAULT).unwrap();
    let after = |facts: &str| {
        let facts = Facts::read(facts, "us-md-individuals");
        let standing = catalogue.standing("us-md-individuals", &facts.case()).unwrap();
        standing.after.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(after("discovery 2026-03-02T15:00:00Z"), ["us-md-ag"]);
    assert_eq!(after("discovery 2026-03-02T15:00:00Z; sent:us-md-ag 2026-03-05T15:00:00Z"), Vec::<String>::new());
    // Nobody lives there: nobody has to be told first.
    assert_eq!(after("discovery 2026-03-02T15:00:00Z; people 4; DE 4"), Vec::<String>::new());
}

#[test]
fn an_obligation_that_leans_on_one_left_out_is_named() {
    let catalogue = Catalogue::parse(Catalogue::DEFAULT).unwrap();
    let some =
        catalogue.only(|obligation| matches!(obligation.id.as_str(), "us-ca-ag" | "us-md-ag" | "us-md-individuals"));
    assert_eq!(some.left_out(), [("us-ca-ag", "us-ca-individuals")]);
    let facts = Facts::read("discovery 2026-03-02T15:00:00Z", "");
    let standing = some.standing("us-ca-ag", &facts.case()).unwrap();
    assert!(matches!(standing.holds, Holds::Waiting(_)));
}

/// Counsel who confirms an entry arms it.
#[test]
fn a_reviewed_entry_runs_though_it_was_not_verified() {
    let facts = Facts::read("suspicion 2026-03-02T15:00:00Z", "");
    let holds = |changes: &[(&str, &str)]| {
        let catalogue = Catalogue::parse(&file(&[one(changes)])).unwrap();
        catalogue.standing("a", &facts.case()).unwrap().holds
    };
    assert!(matches!(holds(&[("verified", "no")]), Holds::Unarmed(_)));
    assert!(matches!(holds(&[("status", "proposed")]), Holds::Unarmed(_)));
    assert!(matches!(holds(&[("verified", "no"), ("reviewed_by", "A. Counsel")]), Holds::Running(_)));
}
