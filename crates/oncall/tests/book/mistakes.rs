use crate::support::read;

fn mistakes(text: &str) -> Vec<String> {
    read(text, "").unwrap_err().into_iter().map(|(key, problem)| format!("{key}: {problem}")).collect()
}

#[test]
fn every_mistake_is_told_with_its_key() {
    let found = mistakes(
        r#"
[[contacts]]
name = "Dora!"
title = " "
addresses = { email = "dora", sms = "030" }
language = "Deutsch, bitte"
zone = "Berlin"
owner = "nobody"
reviewed_on = "yesterday"
[[contacts]]
name = "ada"
title = "Another"
[[teams]]
name = "privacy"
members = ["eve"]
[[schedules]]
name = "desk"
zone = "UTC"
[[schedules.layers]]
members = ["ada", "eve"]
turn = "8h"
hand_over = "9"
weekdays = ["monday"]
hours = "9-17"
[[schedules.layers]]
calendar_file = "rota.ics"
members = ["ada"]
[[schedules.overrides]]
contact = "eve"
from = "2026-03-04T12:00"
until = "2026-03-04"
reason = ""
[[policies]]
name = "hr"
repeat = 10
[[policies.steps]]
whom = ["ada", "team:none"]
channels = []
timeout = "0s"
[[policies]]
name = "empty"
steps = []
"#,
    );
    let expected = [
        "contacts[3].name: must be 1 to 40",
        "contacts[3].title: must be",
        "contacts[3].addresses.email: is no mail address",
        "contacts[3].addresses.sms: is no number",
        "contacts[3].language: `Deutsch, bitte` is no language",
        "contacts[3].zone: there is no zone `Berlin`",
        "contacts[3].reviewed_on: `yesterday` is no day",
        "contacts[4].name: `ada` is used twice",
        "contacts: `owner` of contact `Dora!`: `nobody` is no contact",
        "teams[0].members[0]: there is no contact `eve`",
        "schedules[0].layers[0].weekdays[0]: `monday` is none",
        "schedules[0].layers[0].weekdays: must name a day",
        "schedules[0].layers[0].hours: `9-17` is not",
        "schedules[0].layers[0].members[1]: there is no contact `eve`",
        "schedules[0].layers[0]: `from` is missing",
        "schedules[0].layers[0].turn: `8h` is no number of days",
        "schedules[0].layers[0].hand_over: is no time of day",
        "schedules[0].layers[1].calendar_file: a calendar says who",
        "schedules[0].layers[1].calendar_file: `rota.ics`: line 1: is no calendar",
        "schedules[0].overrides[0].contact: there is no contact `eve`",
        "schedules[0].overrides[0].reason: say why",
        "schedules[0].overrides[0].until: `2026-03-04` is no time",
        "policies[0].repeat: must be at most 9",
        "policies[0].steps[0].channels: must be 1 to 16",
        "policies[0].steps[0].whom[0]: `ada` is none of",
        "policies[0].steps[0].timeout: `0s` is no time",
        "policies[0].steps[0].whom: there is no team `none`",
        "policies[1].steps: must be 1 to 16",
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found} / {expected}");
    }
}

#[test]
fn an_authority_answers_for_nobody() {
    let found =
        mistakes("[[contacts]]\nname = \"dpa\"\ntitle = \"Authority\"\nobligations = [\"eu-gdpr-33-authority\"]\n");
    assert_eq!(found, ["contacts: `owner` of contact `dpa`: `dpa` is no contact of your own"]);
}

#[test]
fn the_example_is_sound_and_somebody_is_on_call() {
    let text = include_str!("../../../../config/examples/contacts.toml");
    let book = oncall::Book::new(toml::from_str(text).unwrap(), &|_| Err("no file".into())).unwrap();
    assert_eq!(book.gaps(crate::support::at("2026-03-02T09:00:00Z")), [""; 0]);
    assert_eq!(book.policy("privacy").unwrap().length(), 6);
}
