//! An inhibition keeps quiet what follows from an open incident, and hides nothing.

use crate::world::{World, alert, drill, identified, kinds, milder, requested};
use activity::{DataClass, Entity, EntityKind, Span};
use detector::{Alert, Severity};
use incident::*;

const RULE: &str = r#"
[[inhibitions]]
name = "exploited host"
source = { kinds = ["signature"], subjects = ["app_host"] }
target = { kinds = ["first_seen", "volume"] }
within = "2h"
"#;

fn on(entity: Entity, detector: &str, n: u32) -> Alert {
    let raised =
        Alert { subject: entity.clone(), entity, detector: detector.into(), evidence: Vec::new(), ..alert("x", n) };
    identified(raised)
}

fn host() -> Entity {
    Entity::new(EntityKind::AppHost, "10.0.3.17")
}

fn account(n: u32) -> Entity {
    Entity::new(EntityKind::DbAccount, format!("shop{n}@10.0.3.17"))
}

fn world() -> World {
    let mut world = World::with(&format!("{}{RULE}", crate::world::POLICY));
    world.alert(&on(host(), "signature", 0));
    world
}

#[test]
fn an_alert_that_follows_joins_and_pages_nobody() {
    let mut world = world();
    let records = world.incident(1).affected_records;
    let decisions = world.alert(&on(account(1), "volume", 1));
    assert_eq!((kinds(&decisions), requested(&decisions).len()), (vec!["alert_inhibited"], 0));
    assert!(
        decisions[0].because().starts_with("inhibition `exploited host`: same host, until 2026-03-02T23:00:00"),
        "{}",
        decisions[0].because()
    );
    assert_eq!(world.alert(&on(account(1), "volume", 1)), []);
    let incident = world.incident(1);
    assert_eq!((incident.n_alerts, incident.n_inhibited, incident.alerts.len()), (2, 1, 2));
    assert_eq!(incident.affected_records, 2 * records, "it counts");
    assert_eq!(world.book.counts().alerts_inhibited, 1);
    assert!(incident.timeline.iter().any(|line| line.kind == "alert_inhibited"));
    // It can be split off, if it was about something else after all.
    let alerts = vec![on(account(1), "volume", 1).id];
    world.ask("ann", Some(1), Action::Split { alerts, reason: "another matter".into() }).unwrap();
    assert_eq!(world.incident(2).subject, account(1));
}

#[test]
fn it_is_bounded_on_every_side() {
    let opens = |world: &mut World, alert: &Alert| world.alert(alert)[0].kind() == "incident_opened";
    let elsewhere = Entity::new(EntityKind::DbAccount, "shop@10.0.9.9");
    assert!(opens(&mut world(), &on(elsewhere, "volume", 1)), "another host");
    assert!(opens(&mut world(), &on(account(1), "login_failures", 1)), "another kind");
    assert!(opens(&mut world(), &drill(on(account(1), "volume", 1), 4)), "another mode");
    let wider = Alert { data_classes: DataClass::Payment.into(), ..on(account(1), "volume", 1) };
    assert!(opens(&mut world(), &wider), "others would have to know");
    let mut late = world();
    late.now = late.now + Span::from_hours(2);
    assert!(opens(&mut late, &on(account(1), "volume", 1)), "its time is over");
    let mut closed = world();
    closed.ask("dpo", Some(1), crate::world::verdict(Verdict::NotABreach)).unwrap();
    closed.ask("dpo", Some(1), Action::Close).unwrap();
    assert!(opens(&mut closed, &on(account(1), "volume", 1)), "nothing is open that would explain it");
    let mut mild = World::with(&format!("{}{RULE}", crate::world::POLICY));
    mild.alert(&milder(on(host(), "signature", 0), Severity::High, DataClass::Hr));
    assert!(opens(&mut mild, &on(account(1), "volume", 1)), "it is graver");
    // What an inhibited alert was about leads nothing there later.
    let mut other = world();
    other.alert(&on(account(1), "volume", 1));
    assert!(opens(&mut other, &on(account(1), "login_failures", 2)));
}

#[test]
fn what_would_keep_everything_quiet_is_no_configuration() {
    let mistakes = |toml: &str| {
        let settings: Settings = toml::from_str(toml).unwrap();
        settings.check().into_iter().map(|(key, _)| key).collect::<Vec<_>>()
    };
    let rule = |rest: &str| mistakes(&format!("[[inhibitions]]\nname = \"a\"\n{rest}"));
    assert_eq!(
        rule("source = {}\ntarget = {}\nwithin = \"9h\""),
        ["inhibitions[0].within", "inhibitions[0].source", "inhibitions[0].target"]
    );
    assert_eq!(
        rule(
            "source = { kinds = [\"a\"] }\ntarget = { subjects = [\"address\"] }\nsame = \"subject\"\nwithin = \"8h\""
        ),
        [""; 0]
    );
    let twice = "source = { kinds = [\"a\"] }\ntarget = { kinds = [\"b\"] }\nwithin = \"1h\"\n";
    assert_eq!(rule(&format!("{twice}[[inhibitions]]\nname = \"a\"\n{twice}")), ["inhibitions[1].name"]);
}

#[test]
fn what_is_inhibited_keeps_nothing_else_quiet() {
    let mut world = world();
    // It joins by its subject's host, and names another one as its entity.
    let elsewhere = Entity::new(EntityKind::Address, "10.0.9.9");
    let bridge = identified(Alert { entity: elsewhere.clone(), ..on(account(1), "volume", 1) });
    assert_eq!(kinds(&world.alert(&bridge)), ["alert_inhibited"]);
    assert_eq!(world.alert(&on(elsewhere, "volume", 2))[0].kind(), "incident_opened");
}
