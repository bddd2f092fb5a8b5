//! Thresholds against numbers that are only known within bounds.

use crate::worked::Facts;
use law::{Catalogue, Headcount, Holds, People, Standing, Threshold, Whose};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn standing<'a>(catalogue: &'a Catalogue, id: &str, facts: &str) -> Standing<'a> {
    catalogue.standing(id, &Facts::read(facts, id).case()).unwrap()
}

#[test]
fn what_is_assumed_is_said() {
    let catalogue = Catalogue::parse(Catalogue::DEFAULT).unwrap();
    let unknown = standing(&catalogue, "us-tx-ag", "determination 2026-05-01T12:00:00Z");
    let words = |standing: &Standing<'_>| {
        let assumed = standing.assumed.iter();
        assumed.map(|assumed| format!("{}: {}", assumed.threshold, assumed.count)).collect::<Vec<_>>()
    };
    assert_eq!(
        words(&unknown),
        ["at least 1 residents: an unknown number", "at least 250 residents: an unknown number"]
    );
    let known = standing(&catalogue, "us-tx-ag", "determination 2026-05-01T12:00:00Z; people 900; US-TX 300; DE 600");
    assert!(known.assumed.is_empty());
    assert!(known.running().is_some());
    let between = standing(
        &catalogue,
        "us-tx-ag",
        "determination 2026-05-01T12:00:00Z; people 200..900; US-TX 200; elsewhere unknown",
    );
    assert_eq!(words(&between), ["at least 250 residents: 200 to 900"]);
    let Holds::Inapplicable(because) =
        standing(&catalogue, "us-tx-ag", "determination 2026-05-01T12:00:00Z; people 3..40; elsewhere unknown").holds
    else {
        panic!("40 people are no 250 residents");
    };
    assert_eq!(because, "it takes at least 250 residents; here it is 0 to 40");
}

#[test]
fn residents_lie_between_those_known_and_all_who_may_live_there() {
    let people = People {
        total: Headcount::between(90, 100),
        residents: BTreeMap::from([("US-CA".into(), Headcount::exactly(30)), ("DE".into(), Headcount::exactly(40))]),
        unlocated: Headcount::exactly(25),
        ..People::default()
    };
    assert_eq!(people.residents_of("US-CA"), Headcount::between(30, 55));
    assert_eq!(people.residents_of("US-NY"), Headcount::between(0, 25));
    assert_eq!(people.residents_of_one_state(), Headcount::between(30, 55));
    let few = People { total: Headcount::between(30, 42), ..people.clone() };
    assert_eq!(few.residents_of("US-CA"), Headcount::between(30, 42));
    let reckoned =
        BTreeMap::from([("US-NY".into(), Headcount::between(4, 9)), ("US-CA".into(), Headcount::exactly(1))]);
    let closer = People { reckoned, ..few };
    assert_eq!(closer.residents_of("US-NY"), Headcount::between(4, 9));
    assert_eq!(closer.residents_of("US-CA"), Headcount::between(30, 42), "a person's count stands above it");
    assert_eq!(People { total: Headcount::between(2, 6), ..closer }.residents_of("US-NY"), Headcount::between(4, 6));
    assert_eq!(People::unknown().residents_of("US-CA"), Headcount::UNKNOWN);
    assert_eq!(People::unknown().residents_of_one_state(), Headcount::UNKNOWN);
}

proptest! {
    /// Knowing more never turns an answer round: what is met (or missed) for the bounds is met (or missed) for every number between them.
    #[test]
    fn a_certain_answer_holds_for_every_number_between_the_bounds(
        limit in 0_u64..50, lower in 0_u64..50, width in 0_u64..50, inside in 0_u64..50, kind in 0..3
    ) {
        let yaml = |threshold: Threshold| {
            let (word, n) = match threshold {
                Threshold::MoreThan(n, _) => ("more_than", n),
                Threshold::AtLeast(n, _) => ("at_least", n),
                Threshold::FewerThan(n, _) => ("fewer_than", n),
            };
            format!(
                "schema_version: 1\nversion: \"1\"\nobligations:\n- {{ id: a, group: g, name: n, citation: c, recipient: authority, applies_to: [], \
                 starts: [suspicion], phrase: p, thresholds: [{{ {word}: {n}, of: people }}], status: in_force, verified: yes, as_of: d, sources: [] }}\n"
            )
        };
        let threshold = match kind {
            0 => Threshold::MoreThan(limit, Whose::People),
            1 => Threshold::AtLeast(limit, Whose::People),
            _ => Threshold::FewerThan(limit, Whose::People),
        };
        let catalogue = Catalogue::parse(&yaml(threshold)).unwrap();
        let upper = lower + width;
        let n = lower + inside % (width + 1);
        let facts = format!("suspicion 2026-03-02T00:00:00Z; people {lower}..{upper}");
        let standing = standing(&catalogue, "a", &facts);
        match &standing.holds {
            Holds::Inapplicable(_) => prop_assert!(!threshold.meets(n)),
            Holds::Running(_) if standing.assumed.is_empty() => prop_assert!(threshold.meets(n)),
            Holds::Running(_) => prop_assert!(threshold.meets(lower) != threshold.meets(upper)),
            other => prop_assert!(false, "{other:?}"),
        }
    }
}
