//! What the tests of the formats have in common.

use crate::{Context, FormatSpec, Lines, Parsed, Rejected, Step};
use activity::Activity;

/// Reads one entry, and keeps for ever what the answer borrows from.
pub(crate) fn parsed(format: &FormatSpec, entry: &str, context: &Context) -> Result<Parsed<'static>, Rejected> {
    let bytes: &'static [u8] = Box::leak(entry.as_bytes().to_vec().into_boxed_slice());
    format.parse(bytes, Box::leak(Box::default()), context)
}

/// What has to be an activity.
pub(crate) fn activity(parsed: Result<Parsed<'static>, Rejected>) -> Activity<'static> {
    match parsed {
        Ok(Parsed::Activity(activity)) => activity,
        other => panic!("{other:?}"),
    }
}

/// What must not be ignored.
pub(crate) fn not_ignored(parsed: Result<Parsed<'static>, Rejected>) -> Result<Activity<'static>, Rejected> {
    match parsed? {
        Parsed::Activity(activity) => Ok(activity),
        Parsed::Ignored(rule) => panic!("ignored: {rule}"),
    }
}

/// The steps of lines as letters: `B` begins an entry, `.` goes on, `-` is a banner, `?` belongs to none.
pub(crate) fn steps<'a>(tracker: &mut dyn Lines, lines: impl IntoIterator<Item = &'a str>) -> String {
    let letter = |step| match step {
        Step::Begin => 'B',
        Step::Continue => '.',
        Step::Banner => '-',
        Step::Orphan => '?',
    };
    lines.into_iter().map(|line| letter(tracker.step(line.as_bytes()))).collect()
}
