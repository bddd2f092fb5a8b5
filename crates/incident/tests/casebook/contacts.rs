//! Contacts tested, confirmed, attested, and told of when nobody does.

use crate::{escalation::with_contacts, world::*};
use activity::Span;
use incident::*;

const CONTACTS: &str = r#"
[[contacts]]
name = "ada"
title = "Ada Lovelace"
addresses = { email = "ada@example.com" }
reviewed_on = "2026-01-15"
[[contacts]]
name = "dpa"
title = "Data protection authority"
addresses = { email = "breach@dpa.example" }
owner = "ada"
obligations = ["eu-gdpr-33-authority"]
[[contacts]]
name = "ben"
title = "Ben Okri"
"#;

fn world() -> World {
    let mut world = World::with("");
    let settings = "[digest]\nchannels = [\"mail\"]\nwhen_empty = false\n";
    world.book.set_policy(with_contacts(settings, CONTACTS));
    world
}

fn test(contact: &str) -> Action {
    Action::TestContact { contact: contact.into(), channel: None }
}

/// Of the contact's last test, by its place among the notices.
fn confirm_one(world: &World, contact: &str, at: usize) -> Action {
    let test = world.book.contact(contact).and_then(|record| record.tests.get(at).cloned());
    Action::ConfirmContact { contact: contact.into(), test, reason: "by the link in the message".into() }
}

fn confirm(world: &World, contact: &str) -> Action {
    confirm_one(world, contact, 0)
}

fn attest(contact: &str) -> Action {
    Action::AttestContact { contact: contact.into(), reason: "right as of today".into() }
}

fn refused(world: &mut World, by: &str, action: Action) -> String {
    world.ask(by, None, action).unwrap_err().to_string()
}

#[test]
fn a_contact_is_attested_by_its_owner_after_a_test_came_back() {
    let mut world = world();
    assert!(refused(&mut world, "ada", attest("ada")).contains("no test of `ada` was confirmed"));
    assert!(
        {
            let asked = confirm(&world, "ada");
            refused(&mut world, "ada", asked)
        }
        .contains("no test was sent")
    );
    let decisions = world.ask("ada", None, test("ada")).unwrap();
    let [Decision::NoticeRequested { notice, .. }, Decision::ContactTested { notices, .. }] = &decisions[..] else {
        panic!("{decisions:?}")
    };
    let recipient = notice.recipient.as_ref().unwrap();
    assert_eq!((notice.channel.as_str(), recipient.address.as_str()), ("mail", "ada@example.com"));
    assert_eq!(notices[..], *std::slice::from_ref(&notice.id));
    assert_eq!(world.book.unsent().count(), 1);
    world.report(&notices[0], DeliveryResult::Accepted { receipt: "250 OK".into() });
    assert_eq!(world.book.unsent().count(), 0);
    assert!(refused(&mut world, "ada", attest("ada")).contains("no test of `ada` was confirmed"), "sent is not seen");
    world.ask("ada", None, confirm(&world, "ada")).unwrap();
    assert_eq!(refused(&mut world, "ben", attest("ada")), "`ada` answers for contact `ada`, and nobody else");
    world.ask("ada (name as given)", None, attest("ada")).unwrap();
    let due = |world: &World, at: usize| world.book.reviews()[at].due_at;
    assert_eq!(due(&world, 0), Some(world.now + Span::from_hours(90 * 24)));
    assert!(
        refused(&mut world, "ada", attest("ada")).contains("since its last attestation"),
        "each takes a test of its own"
    );
    // The journal alone says the same.
    let mut folded = Casebook::new(policy(""));
    let text: Vec<_> = world.journal.iter().map(Decision::to_json).collect();
    text.iter().for_each(|json| folded.apply(&Decision::from_json(json).unwrap()));
    assert_eq!(folded, world.book);
    assert_eq!(folded.contact("ada").unwrap().attested.as_ref().unwrap().at, world.now);
}

#[test]
fn a_test_holds_for_a_week_and_a_confirmation_for_a_month() {
    let mut world = world();
    world.ask("ada", None, test("ada")).unwrap();
    world.after(Span::from_hours(7 * 24 + 1));
    assert!(
        {
            let asked = confirm(&world, "ada");
            refused(&mut world, "ada", asked)
        }
        .contains("no test was sent to `ada` within 7 d")
    );
    world.ask("ada", None, test("ada")).unwrap();
    world.ask("ada", None, confirm(&world, "ada")).unwrap();
    world.after(Span::from_hours(30 * 24 + 1));
    assert!(refused(&mut world, "ada", attest("ada")).contains("within 30 d"));
}

#[test]
fn an_authority_is_sent_no_test_and_attested_all_the_same() {
    let mut world = world();
    assert!(refused(&mut world, "ada", test("dpa")).contains("is sent no tests"));
    assert_eq!(refused(&mut world, "dpa", attest("dpa")), "`ada` answers for contact `dpa`, and nobody else");
    world.ask("ada", None, attest("dpa")).unwrap();
    assert!(!world.book.reviews()[2].is_overdue(world.now));
    assert_eq!(refused(&mut world, "ada", test("ben")), "no channel is configured for which `ben` has an address");
    assert!(refused(&mut world, "ada", test("eve")).contains("there is no contact `eve`"));
    let over = Action::TestContact { contact: "ada".into(), channel: Some("pager".into()) };
    assert!(refused(&mut world, "ada", over).contains("channel `pager` does not reach `ada`"));
}

#[test]
fn a_test_that_does_not_arrive_is_undeliverable_and_no_incident() {
    let mut world = world();
    let decisions = world.ask("ada", None, test("ada")).unwrap();
    let Decision::ContactTested { notices, .. } = &decisions[1] else { panic!("{decisions:?}") };
    let decisions = world.report(&notices[0], DeliveryResult::Rejected { reason: "550 no such user".into() });
    let kinds: Vec<&str> = decisions.iter().map(Decision::kind).collect();
    assert_eq!(kinds, ["delivery_recorded", "notice_undeliverable"]);
    assert_eq!(world.book.counts().reports_unknown, 0);
    assert!(world.book.notice(&notices[0]).unwrap().undeliverable);
    assert_eq!(world.after(Span::from_hours(1)), []);
}

#[test]
fn a_command_cut_off_before_its_last_entry_is_carried_out_again_under_the_same_ids() {
    let mut world = world();
    let command = Command { id: "x".into(), by: "ada".into(), at: world.now, incident: None, action: test("ada") };
    let first = world.book.command(world.now, &command).unwrap();
    world.take(first[..1].to_vec());
    let again = world.book.command(world.now, &command).unwrap();
    assert_eq!(again, first);
    world.take(again);
    assert_eq!(world.book.unsent().count(), 1);
    assert_eq!(world.book.command(world.now, &command).unwrap(), []);
}

#[test]
fn the_digest_names_who_is_overdue() {
    let mut world = world();
    world.now = "2026-04-16T09:00:00Z".parse().unwrap();
    let decisions = world.book.daily(world.now);
    let Decision::NoticeRequested { notice, .. } = &decisions[0] else { panic!("{decisions:?}") };
    assert_eq!(
        notice.reasons,
        ["contacts overdue for review: ada, ben, dpa; `breachd contacts list` says since when"],
        "though there is nothing else to say"
    );
    world.take(decisions);
    world.book.set_policy(policy(""));
    assert_eq!(world.book.reviews(), []);
}

#[test]
fn each_address_is_proved_by_a_test_of_its_own_and_a_changed_one_voids_the_attestation() {
    let with_pager =
        CONTACTS.replace("email = \"ada@example.com\"", "email = \"ada@example.com\", sms = \"+4930123456\"");
    let settings = "[digest]\nchannels = [\"mail\"]\nwhen_empty = false\n";
    let mut world = World::with("");
    world.book.set_policy(with_contacts(settings, &with_pager));
    world.ask("ada", None, test("ada")).unwrap();
    let tests = world.book.contact("ada").unwrap().tests.len();
    assert_eq!(tests, 2, "one over each kind of channel");
    for at in 0..tests {
        assert!(refused(&mut world, "ada", attest("ada")).contains("no test of `ada` was confirmed"), "{at}");
        let asked = confirm_one(&world, "ada", at);
        world.ask("ada", None, asked).unwrap();
    }
    world.ask("ada", None, attest("ada")).unwrap();
    let attested_at = |world: &World| world.book.reviews()[0].reviewed_at;
    assert_eq!(attested_at(&world), Some(world.now));
    world.book.set_policy(with_contacts(settings, &with_pager.replace("+4930123456", "+4930123457")));
    assert_eq!(attested_at(&world), Some("2026-01-15T00:00:00Z".parse().unwrap()), "only what the file says is left");
    let other =
        Action::ConfirmContact { contact: "ada".into(), test: Some(NoticeId("0".repeat(32))), reason: "r".into() };
    assert!(refused(&mut world, "ada", other).contains("a newer test was sent"));
}
