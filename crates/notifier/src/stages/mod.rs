//! What happens to a notice, written down once.
//!
//! The lane ([`crate::lane`]) walks this list; each stage is one file of pure decisions that take the time as an argument.

pub(crate) mod attempt;
pub(crate) mod classify;
pub(crate) mod confirm;
pub(crate) mod dedup;
pub(crate) mod hold;
pub(crate) mod limit;
pub(crate) mod record;
pub(crate) mod retry;

/// The stages in order: name, and what the stage decides.
pub const STAGES: [(&str, &str); 8] = [
    ("dedup", "a notice id that is known is not taken in again"),
    ("hold", "nothing leaves before `hold_until`; one incident's notices keep their order; the gravest go first"),
    ("limit", "attempts per minute, attempts at once, pauses the service asked for"),
    ("attempt", "one try, with its time limit; a panic is a failed try"),
    ("classify", "an answer or its absence: taken, refused for good, or worth another try"),
    ("retry", "when the next try is: exponential, spread by chance, never past `expires_at`"),
    ("confirm", "the service is asked whether it shows what it accepted"),
    ("record", "one report for each attempt and one at the end; metrics"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stage_is_a_file_and_every_file_a_stage() {
        let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/stages");
        let mut files: Vec<String> = std::fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
            .filter(|name| name != "mod")
            .collect();
        let mut stages: Vec<String> = STAGES.iter().map(|(name, _)| (*name).to_owned()).collect();
        files.sort();
        stages.sort();
        assert_eq!(files, stages);
        assert!(STAGES.iter().all(|(_, decides)| !decides.contains('\n') && !decides.ends_with('.')));
    }
}
