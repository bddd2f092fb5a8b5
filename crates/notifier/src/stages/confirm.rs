//! Stage 7: when the service is asked whether it shows what it accepted.
//!
//! A 202 means that the service took it. A disabled service, a maintenance window or a suppression rule behind it tell
//! nobody, so what can be asked is asked, at the times of [`CONFIRM_AFTER`]. If it never shows, there is no report beyond
//! `Accepted`: whoever waits for `Confirmed` escalates by a timer of its own.

use crate::{CONFIRM_AFTER, clock::after};
use activity::Timestamp;

/// When to ask next after `tries` looks; `None`: never again.
pub(crate) fn next_look(accepted_at: Timestamp, tries: usize) -> Option<Timestamp> {
    CONFIRM_AFTER.get(tries).map(|wait| after(accepted_at, *wait))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_are_few_and_ever_rarer() {
        let accepted_at = Timestamp::from_secs(100);
        let looks: Vec<_> = (0..).map_while(|tries| next_look(accepted_at, tries)).collect();
        assert_eq!(looks.len(), CONFIRM_AFTER.len());
        assert!(looks.is_sorted() && looks[0] > accepted_at);
    }
}
