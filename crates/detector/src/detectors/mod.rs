//! The detectors, in the order the documentation should show them. One more is one file and one line here.
//!
//! Every detector looks at one entity and one hour that is open, and says what it finds. What it says must be *monotone*:
//! what holds of a part of the hour's tallies holds of all of them (sums only grow, sets only grow), given the same
//! closed state. Then it does not matter when, how often or in which order it is asked: an alert that fires early is one
//! that the whole hour would raise too, and asking once more when the hour closes finds the rest.

mod bank_details;
mod chain;
mod crowd;
mod drift;
mod enumeration;
mod facts;
mod first_seen;
mod former_role;
mod leaver;
mod login_failures;
mod login_spray;
mod new_records;
mod off_hours;
mod page_depth;
mod shared_session;
mod signature;
mod silence;
mod travel;
mod unexplained;
mod volume;

use crate::{
    alert::Severity,
    baseline::Baseline,
    budget::Budget,
    entity::{EntityState, HourState},
    fleet::Peers,
    settings::Settings,
};
use activity::{EntityKind, printable_within};

/// One entry of the manual: a detector's name, and what it notices in one line.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    /// As in an alert.
    pub name: &'static str,
    pub summary: &'static str,
    /// The manual page, Markdown.
    pub manual: &'static str,
    pub(crate) judge: fn(&Spec, &Look<'_>, &mut Vec<Finding>),
}

/// All detectors.
pub const DETECTORS: &[Spec] = &[
    volume::SPEC,
    first_seen::SPEC,
    new_records::SPEC,
    enumeration::SPEC,
    page_depth::SPEC,
    drift::SPEC,
    bank_details::SPEC,
    off_hours::SPEC,
    leaver::SPEC,
    former_role::SPEC,
    crowd::SPEC,
    login_failures::SPEC,
    login_spray::SPEC,
    shared_session::SPEC,
    travel::SPEC,
    signature::INTO_OUTFILE,
    signature::DUMP_SHAPE,
    signature::GRANT,
    signature::AUDIT_OFF,
    signature::CANARY_RECORD,
    signature::FORGED_DRILL_MARK,
    signature::FORGED_ENTRY,
    signature::HANDLER_READ,
    signature::MISPLACED_TAG,
    signature::SQL_INJECTION,
    signature::TEMPLATE_INJECTION,
    signature::SCRIPT_IN_FILES,
    signature::PERSONAL_DATA_IN_URL,
    unexplained::SPEC,
    chain::SPEC,
    silence::SPEC,
];

/// Detectors that say that somebody does something new.
pub(crate) const NEWS: [&str; 3] = ["new_records", "drift", "enumeration"];

/// How much less probable a second page about a new duty has to be than the first.
const AGAIN: f64 = 1e-3;

/// The greatest p-value the digest lists, of a detector that pages up to this bound with one test a day.
fn digest_bound(bound: f64) -> f64 {
    (100.0 * bound).min(1e-2)
}

/// What a detector may look at. Everything but `hour` and the day's amounts is closed state, fixed for this hour.
pub(crate) struct Look<'a> {
    pub(crate) entity: &'a EntityState,
    pub(crate) hour: &'a HourState,
    pub(crate) baseline: &'a Baseline,
    /// What the entity's group does; `None`: nothing known.
    pub(crate) peers: Option<&'a Peers>,
    /// Of a portal user, what all of them do.
    pub(crate) everyone: Option<&'a Peers>,
    /// Name of the peer group for a sentence: "payroll".
    pub(crate) role: &'a str,
    pub(crate) settings: &'a Settings,
    pub(crate) budget: &'a Budget,
    /// A person's own number among the records, if the directory has one.
    pub(crate) employee: Option<u64>,
    /// Of a portal user who changed roles: what he was before.
    pub(crate) former: Option<Former<'a>>,
    /// Days since the end of the last employment, of somebody the directory knows to have left.
    pub(crate) left: Option<i64>,
    /// Of late it was said that this person does something new, and nobody has judged that.
    pub(crate) told: bool,
    /// The calendar expects more than usual.
    pub(crate) busy: bool,
    /// Of an application host, what was left behind anywhere, as far as it is known for this hour.
    pub(crate) footholds: &'a [Foothold],
    /// Of a source, when the hour closes: all sources in this hour.
    pub(crate) sources: &'a Sources,
    /// Of a session, when the hour closes: it went over to another browser at another address.
    pub(crate) handed_over: bool,
    /// Of a session, when the hour closes: it went on from another access line within minutes.
    pub(crate) jumped: bool,
    /// The hour is complete: what is found now is final.
    pub(crate) closing: bool,
}

impl Look<'_> {
    pub(crate) fn kind(&self) -> EntityKind {
        self.entity.key.kind
    }
    pub(crate) fn drill(&self) -> bool {
        self.entity.key.mode.is_drill()
    }
    /// What a p-value has to be below to page: who has just been reported for doing something new does more of it, and that is
    /// a second page only if it is [`AGAIN`] times as probable, or once a person has judged the first. A factor that rises to one over the
    /// two weeks lost: it found no attack more, and paged three times more for one person's new duty, a week after it began.
    pub(crate) fn page_bound(&self, bound: f64) -> f64 {
        if self.told { bound * AGAIN } else { bound }
    }
    /// ` for this payroll`, to follow what is usual; empty without a peer group.
    pub(crate) fn for_role(&self) -> String {
        if self.role.is_empty() { String::new() } else { format!(" for this {}", shown(self.role)) }
    }
    /// The last hour that counts as past.
    pub(crate) fn past(&self) -> i64 {
        self.hour.hour - 2
    }
}

/// What a detector found.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Finding {
    pub(crate) window: Window,
    /// Interrupts; else it is for the digest, and counts only once its window is over.
    pub(crate) page: bool,
    pub(crate) severity: Severity,
    pub(crate) observed: f64,
    pub(crate) expected: f64,
    pub(crate) unit: &'static str,
    pub(crate) p_value: Option<f64>,
    pub(crate) why: String,
    pub(crate) affected_records: u64,
    pub(crate) attack: &'static [&'static str],
}

/// The nominal window of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Window {
    Hour,
    Day,
}

pub(crate) use bank_details::{SHARED_ACCOUNT, shared_account};
pub(crate) use chain::{Foothold, footholds, stages, tells_of_awaited};
pub(crate) use drift::{Evidence as DriftEvidence, Norm, STREAMS as DRIFT_STREAMS, norms, streams};
pub(crate) use enumeration::walk;
pub(crate) use facts::{facts, facts_of_mark};
pub(crate) use first_seen::{NEWCOMERS, established, is_newcomer};
pub(crate) use former_role::Former;
pub(crate) use login_spray::strangers;
pub(crate) use new_records::{fresh, is_judged as counts_records, novelty, share, share_step};
pub(crate) use off_hours::{NIGHTS_HOURS, off_hours};
pub(crate) use page_depth::deep as deep_pages;
pub(crate) use shared_session::{HANDED_OVER, JUMPED, changed_hands, jumped};
pub(crate) use silence::{DAYS_KNOWN, SourceHour, Sources};
pub(crate) use volume::gates;

/// Makes a spec; the manual is the detector's module documentation, kept beside its code.
macro_rules! manual {
    ($($line:literal)*) => {
        concat!($($line, "\n"),*)
    };
}
pub(crate) use manual;

/// An id fit for a sentence.
pub(crate) fn shown(id: &str) -> String {
    printable_within(id, crate::limits::SHOWN_CHARACTERS_MAX)
}

/// 1840 → "1,840"; fractions only below ten.
pub(crate) fn count(n: f64) -> String {
    if n < 9.95 && n.fract() > 0.05 {
        return format!("{n:.1}");
    }
    let digits = format!("{:.0}", n.max(0.0));
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_detector_has_a_name_of_its_own_and_a_whole_manual() {
        let mut names: Vec<&str> = DETECTORS.iter().map(|spec| spec.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), DETECTORS.len());
        assert!(DETECTORS.len() <= 32, "the bits of `paged`");
        for spec in DETECTORS {
            assert!(spec.name.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{}", spec.name);
            assert!(!spec.summary.is_empty() && !spec.summary.contains('\n') && !spec.summary.ends_with('.'));
            for section in
                ["## What it notices", "## Why", "## Example", "## What it misses", "## Settings", "## Reference"]
            {
                assert!(spec.manual.contains(section), "{} lacks `{section}`", spec.name);
            }
        }
    }

    #[test]
    fn counts_read_well() {
        assert_eq!(
            [0.0, 0.4, 9.0, 12.4, 1840.0, 1_234_567.0].map(count),
            ["0", "0.4", "9", "12", "1,840", "1,234,567"]
        );
    }
}
