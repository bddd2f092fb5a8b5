//! What can be configured, and what is wrong with it.

use crate::world::POLICY;
use incident::{Policy, Settings};
use law::Catalogue;

fn mistakes(toml: &str) -> Vec<String> {
    let settings: Settings = toml::from_str(toml).unwrap();
    let jurisdictions = Catalogue::parse(Catalogue::DEFAULT).unwrap();
    match Policy::new(settings, &jurisdictions) {
        Ok(_) => Vec::new(),
        Err(mistakes) => mistakes.into_iter().map(|(key, problem)| format!("{key}: {problem}")).collect(),
    }
}

#[test]
fn every_mistake_at_once() {
    let bad = r#"
[[triggers]]
channels = []
hold = "25h"
data_classes = ["none"]
[[triggers]]
channels = [""]
hold = "5m"
[escalation]
after = "0s"
[notices]
expire_after = "8d"
link_base = "javascript:alert(1)"
[jurisdictions]
applicable = ["eu-gdpr-33-authority", "mars-art-1"]
internal_target = "1s"
targets = { "uk-gdpr-34" = "24h" }
"#;
    let found = mistakes(bad);
    for key in [
        "triggers[0].channels:",
        "triggers[0].hold:",
        "triggers[0].may_stop:",
        "triggers[0].data_classes:",
        "triggers[1].may_stop:",
        "triggers[1].channels[0]:",
        "escalation.after:",
        "notices.expire_after:",
        "notices.link_base:",
        "jurisdictions.internal_target:",
        "jurisdictions.targets.uk-gdpr-34:",
        "jurisdictions.applicable[1]:",
    ] {
        assert_eq!(found.iter().filter(|mistake| mistake.starts_with(key)).count(), 1, "{key} in {found:#?}");
    }
    assert_eq!(found.len(), 12, "{found:#?}");
    assert_eq!(mistakes(POLICY), Vec::<String>::new());
    assert_eq!(mistakes("").len(), 0, "a replay tells nobody");
}

#[test]
fn unknown_keys_and_words_are_refused() {
    for (toml, problem) in [
        ("[[triggers]]\nchanels = []", "chanels"),
        ("[[triggers]]\nchannels = []\nseverity_at_least = \"urgent\"", "urgent"),
        ("[[triggers]]\nchannels = []\ndata_classes = [\"secrets\"]", "data_classes"),
        ("[escalation]\nafter = \"15\"", "`15` is no length of time"),
        ("[awarenes]", "awarenes"),
    ] {
        let error = toml::from_str::<Settings>(toml).unwrap_err().to_string();
        assert!(error.contains(problem), "{error}");
    }
}

#[test]
fn named_channels_come_with_their_keys() {
    let settings: Settings = toml::from_str(POLICY).unwrap();
    let channels = settings.channels();
    let named: Vec<_> = channels.iter().map(|(key, name)| (key.as_str(), name.as_str())).collect();
    assert_eq!(
        named,
        [
            ("triggers[0].channels[0]", "console"),
            ("triggers[1].channels[0]", "pager"),
            ("triggers[1].channels[1]", "privacy-mail"),
            ("escalation.channels[0]", "manager"),
            ("fallback.channels[0]", "phone"),
        ]
    );
}

#[test]
fn the_example_is_sound() {
    assert_eq!(mistakes(include_str!("../../../../config/examples/routing.toml")), Vec::<String>::new());
}
