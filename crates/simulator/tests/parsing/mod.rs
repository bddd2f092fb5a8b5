//! The logs of a world, read back by breachd's own parsers.

use activity::Activity;
use formats::Lines as _;
use formats::{Context, FormatSpec, Parsed, Scratch, Step, mariadb_slow_log::Tracker};

/// Reads every entry, and hands on what it says. Returns how many there were.
pub(crate) fn read_all<'a>(
    format: &str,
    mut context: Context,
    entries: impl Iterator<Item = &'a [u8]>,
    mut each: impl FnMut(&Activity<'_>),
) -> usize {
    let format = FormatSpec::by_name(format).expect("a format of ours");
    let mut count = 0;
    for entry in entries {
        let mut scratch = Scratch::default();
        match format.parse(entry, &mut scratch, &context) {
            Ok(Parsed::Activity(activity)) => {
                context.after = activity.at.max(context.after);
                each(&activity);
            }
            Ok(Parsed::Ignored(_)) => {}
            Err(rejected) => panic!("{}: {rejected}: {}", format.name, String::from_utf8_lossy(entry)),
        }
        count += 1;
    }
    count
}

/// The entries of a slow log, put together line by line.
pub(crate) fn slow_entries(text: &str) -> Vec<&[u8]> {
    let (mut tracker, mut entries, mut begins, mut at) = (Tracker::default(), Vec::new(), None, 0);
    for line in text.split_inclusive('\n') {
        match tracker.step(line.trim_end_matches('\n').as_bytes()) {
            Step::Begin => {
                entries.extend(begins.map(|from: usize| text[from..at].trim_end_matches('\n').as_bytes()));
                begins = Some(at);
            }
            Step::Continue => {}
            step => panic!("{step:?}: {line}"),
        }
        at += line.len();
    }
    entries.extend(begins.map(|from| text[from..].trim_end_matches('\n').as_bytes()));
    entries
}

pub(crate) fn lines(text: &str) -> impl Iterator<Item = &[u8]> {
    text.lines().map(str::as_bytes)
}
