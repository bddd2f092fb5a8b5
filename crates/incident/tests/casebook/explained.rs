//! The dry run says what would happen, and why not.

use crate::world::{policy, start};
use activity::{DataClass, Entity, EntityKind};
use detector::Severity;
use incident::*;
use law::Headcount;
use std::collections::BTreeMap;

const POLICY: &str = r#"
[wordings]
works_council = "For the works council, under section 80 of the BetrVG; please keep it confidential."
[[triggers]]
data_classes = ["hr"]
severity_at_least = "high"
kinds = ["volume"]
people_at_least = 1000
channels = ["pager"]
[[triggers]]
data_classes = ["hr"]
places = ["DE"]
channels = ["council"]
hold = "30m"
may_stop = ["dpo"]
wording = "works_council"
[[triggers]]
data_classes = ["payment"]
channels = ["card-brands"]
[fallback]
channels = ["phone"]
"#;

fn supposed() -> Supposed {
    Supposed {
        subject: Entity::new(EntityKind::PortalUser, "u1"),
        severity: Severity::Critical,
        data_classes: DataClass::Hr.into(),
        kinds: vec!["volume".into()],
        affected_records: 1200,
        people: None,
        places: BTreeMap::from([("DE".into(), Headcount::exactly(300))]),
        verdict: Verdict::Undecided,
        moments: Vec::new(),
    }
}

/// (channel, held, wording) of the notices.
fn told(explanation: &Explanation) -> Vec<(&str, bool, bool)> {
    let notices = explanation.decisions.iter().filter_map(|decision| match decision {
        Decision::NoticeRequested { notice, .. } => Some(notice),
        _ => None,
    });
    notices.map(|notice| (notice.channel.as_str(), notice.hold_until.is_some(), notice.wording.is_some())).collect()
}

#[test]
fn hr_data_goes_to_the_works_council_and_payment_data_to_the_card_brands() {
    let policy = policy(POLICY);
    let hr = Explanation::of(&policy, start(), &supposed());
    assert_eq!(told(&hr), [("council", true, true), ("pager", false, false)]);
    let matches: Vec<bool> = hr.triggers.iter().map(|trigger| trigger.matches).collect();
    assert_eq!(matches, [true, true, false]);
    let payment = &hr.triggers[2].conditions;
    assert_eq!(
        (payment[0].name, payment[0].met, payment[0].wanted.as_str(), payment[0].found.as_str()),
        ("data_classes", false, "payment", "hr")
    );
    assert!(
        hr.obligations.iter().any(|one| one.obligation == "eu-gdpr-33-authority" && one.runs && one.due_at.is_some())
    );
    let cards = Supposed { data_classes: DataClass::Payment.into(), ..supposed() };
    let cards = Explanation::of(&policy, start(), &cards);
    assert_eq!(told(&cards), [("card-brands", false, false)]);
    assert!(cards.obligations.iter().any(|one| one.obligation == "card-visa-notify" && one.runs));
}

#[test]
fn people_and_places_decide_as_far_as_they_are_known() {
    let policy = policy(POLICY);
    let channels = |people: Option<Headcount>, places: &[(&str, u64)], severity| {
        let places = places.iter().map(|(place, n)| ((*place).to_owned(), Headcount::exactly(*n))).collect();
        let explanation = Explanation::of(&policy, start(), &Supposed { people, places, severity, ..supposed() });
        told(&explanation).into_iter().map(|(channel, ..)| channel.to_owned()).collect::<Vec<_>>()
    };
    let critical = Severity::Critical;
    // Nobody knows where they live, nor how many they are: as many as records, and perhaps there.
    assert_eq!(channels(None, &[], critical), ["council", "pager"]);
    // A person counted them: few.
    assert_eq!(channels(Some(Headcount::exactly(300)), &[("DE", 300)], critical), ["council"]);
    // All of them live elsewhere; nobody is told by a trigger, so the fallback is.
    assert_eq!(channels(Some(Headcount::exactly(300)), &[("US-CA", 300)], critical), ["phone"]);
    assert_eq!(
        channels(Some(Headcount::exactly(1500)), &[("DE-BE", 1500)], critical),
        ["council", "pager"],
        "a part of it"
    );
    assert_eq!(channels(Some(Headcount::exactly(1500)), &[("DE", 0), ("FR", 1500)], critical), ["pager"]);
    assert_eq!(channels(Some(Headcount::exactly(1500)), &[("DE", 1)], Severity::Medium), ["council"]);
}

#[test]
fn a_wording_and_a_place_must_exist() {
    let settings: Settings = toml::from_str(
        "[[triggers]]\nchannels = [\"a\"]\nplaces = [\"Germany\"]\nwording = \"x\"\n[wordings]\ny = \" \"",
    )
    .unwrap();
    let keys: Vec<String> = settings.check().into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, ["triggers[0].places", "triggers[0].wording", "wordings.y"]);
}
