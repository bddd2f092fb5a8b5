//! What hangs is listed, also when nothing of breachd runs.

use crate::{
    digest::{quiet, raise},
    harness::{Scratch, contents, free_port, until},
};
use breachd::{cli::RoleName, outbox, run, settings::Settings, topics::Topics, wall};
use detector::{Alert, AlertId, Severity};
use std::sync::Arc;

#[test]
fn the_outbox_lists_what_hangs_in_the_order_in_which_it_leaves() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let scratch = Scratch::new("outbox");
    // Nobody listens there.
    let (dead, console) = (free_port(), free_port());
    let file = scratch.write(
        "breachd.toml",
        format!(
            "[console]\nlisten = \"127.0.0.1:{console}\"\n[[triggers]]\nchannels = [\"mail\"]\n[[channels]]\nname = \"mail\"\n\
             kind = \"email\"\nhost = \"127.0.0.1\"\nport = {dead}\ntls = \"none\"\nfrom = \"breachd@example.com\"\n\
             to = [\"privacy@example.com\"]\n"
        ),
    );
    let settings = Arc::new(Settings::load(&[file], &[]).unwrap());
    let broker = stream::memory();
    let topics = Topics::new(settings.topics.clone());
    topics.prepare(broker.as_ref()).unwrap();
    let start = run::start(Arc::clone(&settings), Arc::clone(&broker), &[RoleName::Notifier]);
    let daemon = runtime.block_on(start).unwrap();
    for (user, severity) in [("u1", Severity::Medium), ("u2", Severity::Critical)] {
        let alert = quiet(user);
        let id = AlertId::of("volume", &alert.subject, &alert.entity, alert.window, alert.mode);
        raise(broker.as_ref(), &topics, &Alert { id, detector: "volume".into(), page: true, severity, ..alert });
    }
    let retried = |incident: &str| {
        contents(broker.as_ref(), &topics.journal()).iter().any(|(_, line)| {
            let line = String::from_utf8_lossy(line);
            line.contains("\"outcome\":\"retrying\"") && line.contains(&format!("\"incident\":\"{incident}\""))
        })
    };
    until("both were tried in vain", || (retried("INC-1") && retried("INC-2")).then_some(()));
    assert!(daemon.stop());
    let list = |channel: Option<&str>, json: bool| {
        let request = outbox::Request { channel: channel.map(str::to_owned), json };
        let mut out = Vec::new();
        let well = outbox::run(broker.as_ref(), &settings, &request, wall::now(), &mut out).unwrap();
        (well, String::from_utf8(out).unwrap())
    };
    let (well, text) = list(None, false);
    assert!(!well, "{text}");
    let at = |words: &str| text.find(words).unwrap_or_else(|| panic!("no `{words}` in {text}"));
    assert!(at("INC-2 opened over mail (critical)") < at("INC-1 opened over mail (medium)"), "{text}");
    assert!(text.contains("    retrying since ") && text.contains("; next try "), "{text}");
    let (_, json) = list(Some("mail"), true);
    let first: serde_json::Value = serde_json::from_str(json.lines().next().unwrap()).unwrap();
    assert_eq!((&first["incident"], &first["state"]), (&"INC-2".into(), &"retrying".into()));
    assert!(first["attempts"].as_u64() >= Some(1) && first["problem"].is_string(), "{first}");
    assert_eq!(list(Some("other"), false), (true, "nothing waits\n".to_owned()));
}
