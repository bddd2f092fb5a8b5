//! Signature rules: what ingest found entries to match becomes an alert, one for each rule, entity and hour.
//!
//! The alert's detector is the rule's name, and everything it says of the rule came with the tally: the engine knows no rule. A match that
//! pages is told at once; the others when the hour is over, when it is known which of them the hour's tally has kept. So both are
//! *monotone*: a mark that pages is never left out of a tally (see [`tally::Marks`]), and of an hour that is over there is one answer.
//!
//! Rules have no p-value, so no threshold holds their false pages down: what they may cost is `shares.signature` of the budget, a
//! declaration. The rules that ship with breachd page only for what no shop does; rules of others do not page unless each says so.

use crate::{
    alert::Severity,
    detectors::{Finding, Window, count, shown},
};
use activity::{Level, Mark};
use std::sync::Arc;
use tally::Marks;

/// What the marks of an hour come to, without those of rules that have been told of it: most tallies only repeat them.
pub(crate) fn findings(id: &str, marks: &Marks, closing: bool, said: &[Arc<str>]) -> Vec<(Arc<Mark>, Finding)> {
    let shed = marks.shed();
    let told = marks.iter().filter(|(mark, _)| (closing || mark.page) && !said.contains(&mark.rule));
    told.enumerate()
        .map(|(at, (mark, times))| {
            let entries = if times == 1 { "entry" } else { "entries" };
            let more = if closing && at == 0 && shed > 0 {
                format!("; {} more matches of other rules found no room and are not told", count(shed as f64))
            } else {
                String::new()
            };
            let why = format!(
                "{}: {} ({} {entries}, rule `{}`){more}",
                shown(id),
                activity::printable_within(&mark.title, Mark::TITLE_BYTES_MAX),
                count(times as f64),
                shown(&mark.rule)
            );
            let finding = Finding {
                window: Window::Hour,
                page: mark.page,
                severity: severity(mark.level),
                observed: times as f64,
                expected: 0.0,
                unit: "entries",
                p_value: None,
                why,
                affected_records: 0,
                attack: &[],
            };
            (Arc::clone(mark), finding)
        })
        .collect()
}

const fn severity(level: Level) -> Severity {
    match level {
        Level::Low => Severity::Low,
        Level::Medium => Severity::Medium,
        Level::High => Severity::High,
        Level::Critical => Severity::Critical,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_left_out_is_said_once_when_the_hour_is_over() {
        let mut marks = Marks::default();
        for at in 0..40 {
            let rule = format!("r{at:02}");
            let mark = Mark {
                page: at == 39,
                level: Level::Low,
                rule: rule.into(),
                title: "x".into(),
                techniques: Arc::new([]),
            };
            marks.insert(&Arc::new(mark), 2);
        }
        let open = findings("10.0.0.1", &marks, false, &[]);
        assert_eq!(open.len(), 1, "only what pages does not wait");
        assert_eq!(open[0].1.why, "10.0.0.1: x (2 entries, rule `r39`)");
        let said = [open[0].0.rule.clone()];
        let closed = findings("10.0.0.1", &marks, true, &said);
        assert_eq!(closed.len(), Mark::MAX - 1, "and not what has been told");
        let told: Vec<usize> = (0..closed.len()).filter(|at| closed[*at].1.why.contains("16 more matches")).collect();
        assert_eq!(told, [0]);
    }
}
