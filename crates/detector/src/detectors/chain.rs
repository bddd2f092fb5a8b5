//! Chains: an entry, a foothold and reads of classified data, in this order and within a day, are one story.

use super::{Finding, Look, Spec, Window, count, manual, shown, unexplained};
use crate::{alert::Severity, entity::Steps, limits::CHAIN_HOURS, packed::packed};
use activity::{EntityKind, Level, Mark};
use std::collections::BTreeSet;
use tally::{Metric, Tally};

pub(super) const SPEC: Spec = Spec {
    name: "chain",
    summary: "an attack's entry, its foothold and reads of classified data, in this order within a day",
    manual: MANUAL,
    judge,
};

const MANUAL: &str = manual! {
    "## What it notices"
    "Steps that each are a line in the digest or an alert of their own, and together are a break-in: somebody gets in (an injection,"
    "an exploit), leaves something behind (a script, an account), and classified data is read."
    ""
    "## Why"
    "CosmicSting, SessionReaper, PolyShell, StyleSmuggler and TrojanOrder all went this way. Who is paged needs the whole story and not three"
    "alerts about three entities."
    ""
    "## Example"
    "`10.0.1.12 read classified data (7 statements on hr.payroll_runs that name nobody) on 2026-03-23 at 09:20; before that, at 09:10,"
    "address 203.0.113.7 left a foothold (rule script_below_files_runs, T1505.003, T1190)`"
    ""
    "## How"
    "What a signature rule matches is a step by the techniques it is tagged with, so your own rules take part: *entry* (T1190, T1133, T1195,"
    "T1199, T1189, T1566, and execution by T1059 or T1203; also `sql_injection`, `template_injection` and `script_in_files`), *foothold* (T1505,"
    "T1136, T1098, T1543, T1546, T1554, T1547, T1053, from the level `medium` up). Steps are linked in two ways, within 24 hours:"
    ""
    "- by their actor: an address, person or integration key with an entry and a foothold that then asks for HR data;"
    "- by the fleet: a foothold of anybody (from the level `high` up), followed by statements on an application host that `unexplained_reads` pages for."
    ""
    "Chains of one actor are told when the hour of the reads is over. Footholds reach other entities by the roll-ups, which"
    "count from two hours on; a faster chain is told two hours after its reads, which `unexplained_reads` has paged for at once. Further reads after the same foothold"
    "are no second chain on later days; on one day there is one alert for each entity."
    ""
    "## What it misses"
    "Entries and uploads that no rule sees (bodies are not in access logs): of a host a foothold is enough, of an actor it is not. Who changes the"
    "address between the steps and reads through the web. Uploads that wait for more than a day. Records that come late. Of a drill only chains of one"
    "actor."
    ""
    "## Settings"
    "None. Share of the budget: `shares.signature`."
    ""
    "## Reference"
    "MITRE ATT&CK TA0001, TA0003, TA0009. Hutchins, Cloppert, Amin, Intelligence-Driven Computer Network Defense (2011)."
};

/// What the techniques of a rule say it is a step of: an entry, a foothold.
pub(crate) fn stages(mark: &Mark) -> (bool, bool) {
    const ENTRY: [&str; 8] = ["T1190", "T1133", "T1195", "T1199", "T1189", "T1566", "T1059", "T1203"];
    const FOOTHOLD: [&str; 8] = ["T1505", "T1136", "T1098", "T1543", "T1546", "T1554", "T1547", "T1053"];
    let is_one_of = |all: &[&str]| {
        mark.techniques.iter().any(|technique| {
            let whole = technique.split_once('.').map_or(&**technique, |(whole, _)| whole);
            all.contains(&whole)
        })
    };
    (is_one_of(&ENTRY), is_one_of(&FOOTHOLD) && mark.level >= Level::Medium)
}

/// A foothold that all engines hear of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Foothold {
    /// Minutes since the epoch.
    pub(crate) minute: i64,
    /// Kind and id of who left it.
    pub(crate) who: Box<str>,
    /// Name and techniques of the rule.
    pub(crate) rule: Box<str>,
}

/// Footholds of an entity's hour that is over, as others hear of them: of each rule the first. Only from the level `high` up: with
/// `medium`, as was tried first, a partner's job that asked for a script of its own every hour stood in the story of every dump.
pub(crate) fn footholds(kind: EntityKind, id: &str, steps: &Steps) -> Vec<Foothold> {
    let of_rules = steps.marks.iter().filter(|(mark, _)| stages(mark).1 && mark.level >= Level::High);
    let foothold = of_rules.filter_map(|(mark, bits)| {
        let minute = minutes(steps.hour, *bits).next()?;
        let who = format!("{} {}", kind.as_str().replace('_', " "), shown(id)).into();
        Some(Foothold { minute, who, rule: rule(mark).into() })
    });
    foothold.collect()
}

fn rule(mark: &Mark) -> String {
    format!("rule {}, {}", shown(&mark.rule), mark.techniques.join(", "))
}

fn judge(_: &Spec, look: &Look<'_>, found: &mut Vec<Finding>) {
    // Which rules an hour has matched, and what was read before, is known for certain when it is over.
    if !look.closing {
        return;
    }
    match look.kind() {
        EntityKind::AppHost => found.extend(of_host(look)),
        EntityKind::Address | EntityKind::PortalUser | EntityKind::IntegrationKey => found.extend(of_actor(look)),
        _ => {}
    }
}

/// Entry, foothold and reads of one actor.
fn of_actor(look: &Look<'_>) -> Option<Finding> {
    let hour = look.hour.hour;
    if look.hour.reads == 0 || !look.entity.has_steps() {
        return None;
    }
    let mut all: Vec<Steps> = look.entity.earlier_steps(hour).collect();
    all.push(look.hour.steps());
    let (mut entries, mut footholds) = (BTreeSet::new(), BTreeSet::new());
    for steps in &all {
        for (mark, bits) in &steps.marks {
            let (entry, foothold) = stages(mark);
            for (is_step, of_stage) in [(entry, &mut entries), (foothold, &mut footholds)] {
                if is_step {
                    of_stage.extend(minutes(steps.hour, *bits).map(|minute| (minute, rule(mark))));
                }
            }
        }
        entries.extend(minutes(steps.hour, steps.tried).map(|minute| (minute, "an attack in its address".to_owned())));
    }
    let day = hour.div_euclid(24);
    let told = |foothold: i64| {
        let before = all.iter().flat_map(|steps| minutes(steps.hour, steps.reads));
        before.into_iter().any(|read| foothold <= read && read < day * DAY)
    };
    let chain = minutes(hour, look.hour.reads).find_map(|read| {
        let foothold = latest(&footholds, read)?;
        let entry = latest(&entries, foothold.0)?;
        (read - entry.0 <= CHAIN_HOURS * 60 && !told(foothold.0)).then_some((entry, foothold, read))
    });
    let (entry, foothold, read) = chain?;
    Some(finding(
        3,
        format!(
            "{} asked for classified data on {}; before that, at {}, it left a foothold ({}), after an entry at {} ({})",
            shown(&look.entity.key.id),
            moment(read),
            clock(foothold.0),
            foothold.1,
            clock(entry.0),
            entry.1,
        ),
        &look.hour.tally,
    ))
}

/// The last step up to that minute.
fn latest(steps: &BTreeSet<(i64, String)>, minute: i64) -> Option<&(i64, String)> {
    steps.iter().take_while(|(at, _)| *at <= minute).last()
}

/// A foothold and the first reads after it, of those that are told in this hour.
struct Story<'a> {
    foothold: &'a Foothold,
    /// Minute of the reads.
    read: i64,
    /// The hour they lie in.
    steps: Steps,
    /// Further footholds with reads after them.
    others: usize,
}

/// Whether the story is that of reads two hours ago, and not of the hour that closes.
pub(crate) fn tells_of_awaited(look: &Look<'_>) -> bool {
    look.kind() == EntityKind::AppHost && story(look).is_some_and(|story| story.steps.hour != look.hour.hour)
}

/// Anybody's foothold, and reads of this host that nobody explains.
fn story<'a>(look: &Look<'a>) -> Option<Story<'a>> {
    if look.footholds.is_empty() || look.drill() {
        return None;
    }
    let hour = look.hour.hour;
    let day = hour.div_euclid(24);
    let mut reads: Vec<Steps> = look.entity.earlier_steps(hour).filter(|steps| steps.reads != 0).collect();
    if unexplained::stands_out(look) {
        reads.push(look.hour.steps());
    }
    // When the two of them are known: a foothold from two hours on.
    let decided = |foothold: &Foothold, steps: &Steps| {
        if foothold.minute.div_euclid(60) + 2 <= steps.hour { steps.hour } else { steps.hour + 2 }
    };
    let follows = |foothold: &Foothold, read: i64| (0..=CHAIN_HOURS * 60).contains(&(read - foothold.minute));
    let told = |foothold: &Foothold| {
        reads.iter().any(|steps| {
            decided(foothold, steps) < day * 24 && minutes(steps.hour, steps.reads).any(|read| follows(foothold, read))
        })
    };
    let chain = |foothold: &Foothold| {
        let due = reads.iter().filter(|steps| decided(foothold, steps) == hour);
        let first = due.flat_map(|steps| minutes(steps.hour, steps.reads).map(move |read| (read, steps)));
        first.into_iter().find(|(read, _)| follows(foothold, *read))
    };
    let chains: Vec<_> = look
        .footholds
        .iter()
        .filter_map(|foothold| chain(foothold).map(|read| (foothold, read)))
        .filter(|(foothold, _)| !told(foothold))
        .collect();
    let others = chains.len().saturating_sub(1);
    let (foothold, (read, steps)) = chains.last()?;
    Some(Story { foothold, read: *read, steps: (*steps).clone(), others })
}

fn of_host(look: &Look<'_>) -> Option<Finding> {
    let Story { foothold, read, steps, others } = story(look)?;
    let awaited = look.hour.awaited.as_deref().filter(|_| steps.hour != look.hour.hour);
    let reads = awaited.unwrap_or(&look.hour.tally);
    let others = match others {
        0 => String::new(),
        n => format!(" (and {n} more within {CHAIN_HOURS} h)"),
    };
    Some(finding(
        2,
        format!(
            "{} read classified data ({} {} on {} that name nobody) on {}; before that, at {}, {} left a foothold ({}){others}",
            shown(&look.entity.key.id),
            count(steps.unnamed as f64),
            if steps.unnamed == 1 { "statement" } else { "statements" },
            unexplained::tables(reads),
            moment(read),
            clock(foothold.minute),
            foothold.who,
            foothold.rule,
        ),
        reads,
    ))
}

fn finding(steps: u32, why: String, reads: &Tally) -> Finding {
    Finding {
        window: Window::Day,
        page: true,
        severity: Severity::Critical,
        observed: f64::from(steps),
        expected: 0.0,
        unit: "steps",
        p_value: None,
        why,
        affected_records: reads.get(Metric::RowsSent),
        attack: &["T1190", "T1505.003", "T1213"],
    }
}

/// Minutes in a day.
const DAY: i64 = 24 * 60;

/// Minutes since the epoch, ascending.
fn minutes(hour: i64, bits: u64) -> impl Iterator<Item = i64> {
    (0..60).filter(move |minute| bits & (1 << minute) != 0).map(move |minute| hour * 60 + minute)
}

/// `2026-03-23 at 09:20`
fn moment(minute: i64) -> String {
    let text = activity::Bucket(minute).start().to_string();
    format!("{} at {}", text.get(..10).unwrap_or_default(), clock(minute))
}

/// `09:20`
fn clock(minute: i64) -> String {
    format!("{:02}:{:02}", minute.rem_euclid(DAY) / 60, minute.rem_euclid(60))
}

packed!(Foothold { minute, who, rule });

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn techniques_say_which_step_a_rule_is() {
        let of = |techniques: &[&str], level| {
            let techniques: Vec<Arc<str>> = techniques.iter().map(|technique| Arc::from(*technique)).collect();
            stages(&Mark { page: false, level, rule: "r".into(), title: "t".into(), techniques: techniques.into() })
        };
        assert_eq!(of(&["T1190"], Level::Low), (true, false));
        assert_eq!(of(&["T1505.003", "T1190"], Level::High), (true, true));
        assert_eq!(of(&["T1136"], Level::Low), (false, false), "what is made every day is no foothold");
        assert_eq!(of(&["T1595.003", "T15050"], Level::Critical), (false, false));
    }
}
