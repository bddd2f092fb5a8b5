//! Ids of commands that the command line sends.

use activity::Timestamp;
use anyhow::Context as _;
use sha2::{Digest, Sha256};

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

/// An id that comes from what asked for it, so that asking twice is one command: 16 bytes of SHA-256 over the length-prefixed parts.
pub fn derived(from: &str, parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    format!("{from}-{}", hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect::<String>())
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
