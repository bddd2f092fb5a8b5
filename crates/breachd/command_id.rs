//! Ids of commands that the command line sends.

use activity::Timestamp;
use anyhow::Context as _;

/// An id that no other command has: a command whose id is known is not carried out. The time alone would do for people, not for
/// scripts, which give two commands within a millisecond.
///
/// # Errors
/// The system gives no random bytes.
pub fn fresh(instance: &str, now: Timestamp) -> anyhow::Result<String> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).context("the system gives no random bytes")?;
    Ok(format!("{instance}-{}-{:016x}", now.as_millis(), u64::from_le_bytes(random)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_in_one_millisecond_differ() {
        let now = Timestamp::from_millis(1);
        assert_ne!(fresh("one", now).unwrap(), fresh("one", now).unwrap());
    }
}
