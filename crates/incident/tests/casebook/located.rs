//! How many people of which place: from alerts' numbers of employees through the directory to thresholds.

use crate::{
    affected::named,
    world::{World, alert, identified, policy, requested, start},
};
use activity::{DataClass, Span};
use detector::{Alert, Directory, Residents};
use incident::*;
use law::{Catalogue, Headcount, People};
use std::sync::{Arc, LazyLock};

/// New Mexico asks for more than 1,000 residents, California and Maryland for one.
pub(crate) const LAW: &str = r#"
[[triggers]]
channels = ["console"]
[jurisdictions]
applicable = ["eu-gdpr-33-authority", "us-ca-*", "us-nm-*", "us-md-*"]
"#;

/// 1..=600 live in California, 601..=700 in Germany, 701..=710 somewhere in the United States, 711..=720 nowhere known.
pub(crate) fn residents() -> Arc<Residents> {
    static RESIDENTS: LazyLock<Arc<Residents>> = LazyLock::new(|| Arc::new(read()));
    Arc::clone(&RESIDENTS)
}

fn read() -> Residents {
    let mut csv = "user,role,department,employee_id,from,to,zone,jurisdiction\n".to_owned();
    for id in 1..=720 {
        let place = match id {
            1..=600 => "US-CA",
            601..=700 => "DE",
            701..=710 => "US",
            _ => "",
        };
        csv.push_str(&format!("u{id},ess,d,{id},,,UTC,{place}\n"));
    }
    Residents::of(&Directory::parse(&csv).unwrap())
}

fn world(at_most: &str) -> World {
    let mut world = World::with(&format!("{LAW}people_at_most = \"{at_most}\"\n"));
    let policy = world.book.policy().clone().with_residents(residents());
    world.book.set_policy(Arc::new(policy));
    world
}

/// An alert of the `n`th hour that names these employees and tells of so many rows.
fn reads(n: u32, ids: std::ops::Range<u64>, rows: u64) -> Alert {
    identified(Alert { affected_records: rows, named: named("hr.hr_payroll", "employee", ids), ..alert("u1", 60 * n) })
}

fn located(decisions: &[Decision]) -> Option<&Located> {
    let mut found = decisions.iter().filter_map(|decision| match decision {
        Decision::PeopleLocated { located, .. } => Some(&**located),
        _ => None,
    });
    let first = found.next();
    assert_eq!(found.next(), None, "counted once");
    first
}

fn in_place(located: &Located, place: &str) -> Headcount {
    located.places.iter().find(|of| of.place == place).unwrap_or_else(|| panic!("no {place}")).count
}

fn runs(world: &World, obligation: &str) -> bool {
    world.incident(1).deadline(obligation).is_some_and(Deadline::is_running)
}

#[test]
fn people_who_are_named_are_counted_where_they_live() {
    let mut world = world("ids");
    let decisions = world.alert(&reads(0, 595..623, 28));
    let one = located(&decisions).unwrap();
    assert_eq!((in_place(one, "US-CA"), in_place(one, "DE")), (Headcount::exactly(6), Headcount::exactly(22)));
    assert_eq!((in_place(one, "US"), in_place(one, "US-NM")), (Headcount::exactly(6), Headcount::exactly(0)));
    assert_eq!((one.total, one.unlocated), (Headcount::exactly(28), Headcount::exactly(0)));
    assert_eq!(one.directory, residents().digest());
    // Maryland asks for one resident: there is none, and nobody had to type that.
    assert!(
        runs(&world, "us-ca-individuals") && !runs(&world, "us-md-individuals") && !runs(&world, "us-nm-individuals")
    );
    assert!(world.incident(1).deadline("us-ca-individuals").unwrap().assumed.is_empty());
    let missed = world.book.policy().missed_by_number(world.incident(1));
    assert!(missed.iter().any(|(_, because)| because == "it takes at least 1 residents; here it is 0"), "{missed:?}");

    // The same again says nothing new; others do, from the same start.
    assert_eq!(located(&world.alert(&reads(1, 595..623, 28))), None);
    world.after(Span::from_hours(1));
    let decisions = world.alert(&reads(2, 700..715, 15));
    let two = located(&decisions).unwrap();
    // 701..=710 may live in any state, 711..=714 anywhere.
    assert_eq!((in_place(two, "US-CA").lower, in_place(two, "US").lower), (6, 16));
    assert_eq!(two.unlocated.lower, 4);
    let maryland = world.incident(1).deadline("us-md-individuals").unwrap();
    assert_eq!(
        (maryland.starts_at, maryland.assumed.as_slice()),
        (start(), ["at least 1 residents".to_owned()].as_slice())
    );
    assert!(in_place(two, "DE").upper > Some(22), "as of four nothing is known");
    let residences = world.incident(1).residences();
    let places: Vec<_> = residences.iter().map(|of| (&*of.place, of.count.lower)).collect();
    assert_eq!(places, [("DE", 23), ("US", 16), ("US-CA", 6)]);
    assert_eq!(residences[2].n_directory, Some(600));
}

#[test]
fn a_threshold_between_the_bounds_is_open_and_read_strictly() {
    let mut world = world("ids");
    // 1,100 rows of others may be as many people of New Mexico.
    world.alert(&reads(0, 1..101, 1200));
    let new_mexico = world.incident(1).deadline("us-nm-ag").expect("it runs as if it were met");
    assert_eq!((new_mexico.residents_of.as_str(), new_mexico.assumed.len()), ("US-NM", 2));
    assert_eq!(world.incident(1).people_concerned().residents_of("US-NM"), Headcount::between(0, 1100));
    let notice = &world.incident(1).notices[0].notice;
    let fact = notice.deadlines.iter().find(|fact| fact.obligation == "us-nm-ag").unwrap();
    assert!(fact.assumed.contains(&"more than 1000 residents".to_owned()), "{fact:?}");
    let affected = notice.affected.as_ref().unwrap();
    assert_eq!((&*affected.places[0].place, affected.places[0].count), ("US", Headcount::between(100, 1200)));
    assert!(affected.places_reason.contains("1100 more from anywhere"), "{}", affected.places_reason);
    // Who counts stands above it.
    let count =
        |place: &str, n| Action::CountPeople { place: place.into(), lower: n, upper: Some(n), reason: "HR".into() };
    world.ask("dpo", Some(1), count("", 101)).unwrap();
    let new_mexico = world.incident(1).deadline("us-nm-ag").unwrap();
    assert_eq!(new_mexico.settled.as_ref().map(|settled| settled.how), Some(Settlement::Withdrawn));
    // Nobody counts fewer than logs name.
    world.ask("dpo", Some(1), count("US-CA", 3)).unwrap();
    assert_eq!(world.incident(1).people_concerned().residents_of("US-CA").lower, 100);
}

#[test]
fn where_nothing_bounds_the_number_the_directory_does_only_if_it_may() {
    let unbounded = |alert: Alert| {
        let mut bound = Vec::new();
        for at_most in ["person", "ids", "directory"] {
            let mut world = world(at_most);
            let decisions = world.alert(&alert);
            let located = located(&decisions).unwrap().clone();
            bound.push((in_place(&located, "US-CA").upper, in_place(&located, "US-NM").upper));
        }
        bound
    };
    // Of 600 in California, 10 in some state and 10 anywhere.
    let directory = (Some(620), Some(20));
    let silent = Alert { affected_records: 0, named: None, ..alert("u1", 0) };
    assert_eq!(unbounded(silent), [(None, None), (None, None), directory]);
    let others = Alert { named: named("hr.hr_run", "run", 1..3), ..reads(0, 1..2, 2) };
    assert_eq!(unbounded(others), [(None, None), (None, None), directory]);
    let customers =
        Alert { data_classes: [DataClass::Hr, DataClass::Customer].into_iter().collect(), ..reads(0, 1..2, 1) };
    assert_eq!(unbounded(customers), [(None, None); 3], "no directory of employees knows them");
    assert_eq!(unbounded(reads(0, 1..3, 2)), [(None, None), (Some(2), Some(0)), (Some(2), Some(0))]);
    // 9999 is not in the directory, and may live anywhere.
    assert_eq!(unbounded(reads(0, 9999..10000, 1)), [(None, None), (Some(1), Some(1)), (Some(1), Some(1))]);
}

#[test]
fn a_sample_gives_bounds_that_hold() {
    let mut world = world("ids");
    // More than an incident keeps: 1..=600 in California, the others unknown to the directory.
    for n in 0..20 {
        world.alert(&reads(n, 200 * u64::from(n)..200 * u64::from(n) + 200, 200));
    }
    let located = world.incident(1).located.clone().unwrap();
    let california = in_place(&located, "US-CA");
    assert!(california.lower < 600 && 450 < california.lower, "{california}");
    assert!(located.unlocated.lower > 2_500 && located.unlocated.upper.is_some_and(|upper| upper > 3_270));
    assert!(located.reason.contains("estimated from a sample"), "{}", located.reason);
}

#[test]
fn another_directory_is_counted_by_from_then_on_and_old_numbers_stay_in_the_journal() {
    let mut world = world("ids");
    world.alert(&reads(0, 1..11, 10));
    let before = world.incident(1).located.clone().unwrap();
    let csv = "user,role,department,employee_id,from,to,zone,jurisdiction\nu1,ess,d,1,,,UTC,FR\n";
    let moved = Arc::new(Residents::of(&Directory::parse(csv).unwrap()));
    world.book.set_policy(Arc::new(world.book.policy().clone().with_residents(moved.clone())));
    let decisions = world.wait(Span::from_hours(1));
    let now = located(&decisions).unwrap();
    assert_eq!((in_place(now, "FR"), now.unlocated), (Headcount::between(1, 10), Headcount::exactly(9)));
    assert_eq!((now.directory.as_str(), before.directory == now.directory), (moved.digest(), false));
    assert_eq!(world.wait(Span::ZERO), []);
    // A directory that no longer says where anybody lives takes nothing back.
    world.book.set_policy(policy(LAW));
    assert_eq!(located(&world.wait(Span::ZERO)), None);
    assert_eq!(in_place(world.incident(1).located.as_ref().unwrap(), "FR"), Headcount::between(1, 10));
}

#[test]
fn a_state_that_nobody_asks_about_counts_for_the_most_of_one_state() {
    let yaml = "schema_version: 1\nversion: \"1\"\nobligations:\n- { id: a, group: g, name: n, citation: c, recipient: authority, applies_to: [], starts: \
         [suspicion], phrase: p, thresholds: [{ more_than: 15, of: residents_of_one_state }], status: in_force, verified: yes, as_of: d, sources: [] }\n";
    let settings: Settings =
        toml::from_str("[[triggers]]\nchannels = [\"console\"]\n[jurisdictions]\napplicable = [\"a\"]\n").unwrap();
    let policy = Policy::new(settings, &Catalogue::parse(yaml).unwrap()).unwrap().with_residents(residents());
    let mut world = World::of(Arc::new(policy));
    world.alert(&reads(0, 601..621, 20));
    assert!(world.incident(1).deadline("a").is_none(), "Germans live in no state");
    world.alert(&identified(Alert {
        affected_records: 14,
        named: named("t", "employee", 701..715),
        ..alert("u1", 60)
    }));
    let another = world.incident(1).people_concerned().reckoned[People::ANOTHER_STATE];
    assert!(another.lower == 0 && another.upper >= Some(14), "{another}");
}

/// The same file with another limit for the obligation `a`.
fn edition(version: &str, hours: u32) -> Catalogue {
    Catalogue::parse(&format!(
        "schema_version: 1\nversion: \"{version}\"\nobligations:\n- {{ id: a, group: g, name: Notice A, citation: c, recipient: authority, applies_to: [], \
         starts: [suspicion], limit: {{ hours: {hours} }}, status: in_force, verified: yes, as_of: d, sources: [] }}\n"
    ))
    .unwrap()
}

#[test]
fn another_file_of_obligations_says_what_it_changes() {
    let settings = || -> Settings {
        toml::from_str("[[triggers]]\nchannels = [\"console\"]\n[jurisdictions]\napplicable = [\"a\"]\n").unwrap()
    };
    let by = |version, hours| Arc::new(Policy::new(settings(), &edition(version, hours)).unwrap());
    let mut world = World::of(by("2026-01", 72));
    world.alert(&alert("u1", 0));
    let deadline = |world: &World| world.incident(1).deadline("a").unwrap().clone();
    let first = deadline(&world).law.unwrap();
    assert_eq!((first.version.as_str(), first.sha256.len()), ("2026-01", 64));
    // Another file that says the same of it changes nothing that runs.
    world.book.set_policy(by("2026-02", 72));
    assert_eq!(world.after(Span::from_hours(1)), []);
    world.book.set_policy(by("2026-03", 48));
    let decisions = world.after(Span::ZERO);
    let [Decision::DeadlineArmed { because, deadline: armed, .. }, Decision::NoticeRequested { notice, .. }] =
        &decisions[..]
    else {
        panic!("{decisions:?}");
    };
    assert!(
        because.starts_with("now due 2026-03-04T21:00:00Z, before due 2026-03-05T21:00:00Z, as the file"),
        "{because}"
    );
    assert!(because.contains("2026-03 (SHA-256 ") && because.contains("was 2026-01 (SHA-256 "), "{because}");
    assert_eq!(armed.revised.as_ref().map(|revised| &revised.law_was), Some(&first));
    assert_eq!((notice.kind, notice.channel.as_str()), (NoticeKind::DeadlineWarning, "console"));
    assert!(notice.title.starts_with("The time limit of Notice A is now due 2026-03-04"), "{}", notice.title);
    assert_eq!(world.after(Span::ZERO), []);
    // A record from before the file's edition was kept.
    let mut json = serde_json::to_value(deadline(&world)).unwrap();
    for field in ["law", "revised", "residents_of"] {
        json.as_object_mut().unwrap().remove(field);
    }
    let old: Deadline = serde_json::from_value(json).unwrap();
    assert_eq!((old.law, old.revised), (None, None));
}

#[test]
fn names_leave_with_full_only() {
    let told = |figures: &str, user: &str| {
        let mut world =
            World::with(&format!("[[triggers]]\nchannels = [\"mail\"]\n[notices]\nfigures = \"{figures}\"\n"));
        let seen = detector::Fact {
            name: "seen".into(),
            value: Some(1840.0),
            unit: "rows".into(),
            words: "seen: 1,840 rows".into(),
        };
        let decisions = world.alert(&identified(Alert {
            why: format!("{user} read 1,840 rows of hr_payroll"),
            facts: vec![seen],
            ..alert(user, 0)
        }));
        assert_eq!(requested(&decisions).len(), 1);
        world.incident(1).notices[0].notice.clone()
    };
    let words = |notice: &Notice| serde_json::to_string(notice).unwrap();
    assert!(words(&told("full", "jane.doe")).contains("jane.doe"));
    for (figures, reason) in
        [("counts", "volume, critical: seen: 1,840 rows"), ("none", "volume, critical: the console tells why")]
    {
        let notice = told(figures, "jane.doe");
        assert!(!words(&notice).contains("jane.doe") && !words(&notice).contains("hr_payroll"), "{}", words(&notice));
        assert_eq!(notice.reasons, [reason]);
        assert_eq!(notice.subject.to_string(), "portal_user INC-1");
        assert_eq!(notice.title, "Possible breach of data of class hr (critical): portal_user INC-1");
        // A pseudonym is no name.
        assert!(told(figures, "p-82fd79c81927cf79").title.ends_with("portal_user p-82fd79c81927cf79"));
    }
}
