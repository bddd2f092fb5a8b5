use crate::support::{at, book};
use activity::Span;
use oncall::{Review, ReviewState};

const POLICY: &str = r#"
[[teams]]
name = "privacy"
members = ["ada", "cleo"]
[[schedules]]
name = "desk"
zone = "Europe/Berlin"
[[schedules.layers]]
members = ["ada", "ben"]
from = "2026-03-02"
[[policies]]
name = "hr"
repeat = 1
[[policies.steps]]
whom = ["schedule:desk"]
channels = ["mail"]
timeout = "10m"
[[policies.steps]]
whom = ["contact:ada", "team:privacy", "schedule:desk"]
channels = ["mail", "pager"]
timeout = "30m"
"#;

#[test]
fn steps_repeat_and_call_each_contact_once_with_the_reason() {
    let book = book(POLICY);
    let policy = book.policy("hr").unwrap();
    assert_eq!(policy.length(), 4);
    let timeouts: Vec<_> = (0..5).map(|n| policy.step(n).map(|step| step.timeout)).collect();
    let [short, long] = [10, 30].map(|minutes| Some(Span::from_minutes(minutes)));
    assert_eq!(timeouts, [short, long, short, long, None]);
    let called = |n: u32, time: &str| -> Vec<String> {
        let calling = book.call(policy.step(n).unwrap(), at(time));
        let called = calling.called.iter().map(|called| format!("{}: {}", called.contact.name, called.because));
        called.chain(calling.nobody.clone()).collect()
    };
    assert_eq!(
        called(2, "2026-03-10T00:00:00Z"),
        ["ben: on call: schedule `desk`, layer 1, turn from 2026-03-09T08:00:00Z until 2026-03-16T07:00:00Z"
            .replace("07:00:00Z", "08:00:00Z")]
    );
    assert_eq!(called(0, "2026-03-01T00:00:00Z"), ["nobody is on call by schedule `desk`"]);
    assert_eq!(
        called(1, "2026-03-03T00:00:00Z"),
        ["ada: named in the step", "cleo: member of team `privacy`"],
        "ada is on call as well, and is called once"
    );
    let may: Vec<&str> = book.may_call(policy.step(0).unwrap()).iter().map(|contact| contact.name.as_str()).collect();
    assert_eq!(may, ["ada", "ben"]);
}

#[test]
fn a_review_is_due_so_long_after_the_last_one() {
    let book = book("");
    let review =
        |name: &str, attested_at| Review::of(book.contact(name).unwrap(), attested_at, Span::from_hours(90 * 24));
    let ada = review("ada", None);
    // The day of the file began in Berlin at 23:00 UTC of the day before.
    assert_eq!(ada.due_at, Some(at("2026-04-14T23:00:00Z")));
    assert_eq!(ada.state(at("2026-04-14T22:59:59Z")), ReviewState::Reviewed);
    assert!(
        ada.finding(at("2026-04-14T23:00:00Z")).unwrap().contains("overdue since 2026-04-14T23:00:00Z; `ada` attests")
    );
    assert_eq!(review("ada", Some(at("2026-04-01T00:00:00Z"))).due_at, Some(at("2026-06-30T00:00:00Z")));
    assert_eq!(review("ada", Some(at("2025-01-01T00:00:00Z"))).due_at, ada.due_at, "the later of both");
    assert_eq!(
        review("ben", None).finding(at("1970-01-02T00:00:00Z")).unwrap(),
        "contact `ben` was never reviewed; `ben` attests it"
    );
}
