//! The audit log falls silent while the others go on: it was switched off, or its lines are lost on the way.

use super::{Kind, Plot, Scene, ip};
use crate::{
    company::{HOUR_MS, MINUTE_MS},
    lines::Lost,
    log::Statement,
    trial::database,
};

pub(super) const KIND: Kind = Kind { name: "log_silence", lasts_days: 1, on_working_days: true, plot };

const ROOT: (&str, &str) = ("root", "10.0.9.9");

fn plot(scene: &mut Scene<'_>) -> Plot {
    let company = scene.company;
    // While people work, or nobody would miss anything.
    let first = company.profile.sites[0].0;
    let hour = scene.random.real(9.5, 14.0) - first as f64;
    let about_ms = (hour * HOUR_MS as f64) as i64;
    // Just after a line that is there every quarter of an hour: when silence begins is known only from what was heard last.
    let from_ms = company.midnight(scene.day) + about_ms - about_ms.rem_euclid(15 * MINUTE_MS) + 2_000;
    let to_ms = from_ms + scene.count(180, 35) * MINUTE_MS;
    let mut entities: Vec<String> = vec![format!("db:{}@{}", ROOT.0, ROOT.1), "global".into(), "source:audit".into()];
    let mut events = Vec::new();
    if !scene.is_hard() {
        let off = Statement { audit_only: true, ..Statement::plain("SET GLOBAL server_audit_logging=OFF") };
        events.push(database::session(ROOT, from_ms - 5_000, vec![off]));
        entities.push(ip(ROOT.1));
    }
    Plot { events, entities, lost: Some(Lost { from_ms, to_ms, audit_only: true }) }
}
