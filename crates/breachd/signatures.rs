//! `[signatures]`: which rules are in force, and where those of the user are.
//!
//! The rules that ship with breachd are part of the program; those of `folder` come on top. All of them are read when breachd starts, on
//! SIGHUP together with the rest of the configuration, and whenever the folder has changed ([`crate::rules_watch`]): either all that
//! was written is right and takes effect, or nothing does, each mistake is told with its file and line, and
//! `breachd_signature_last_reload_successful` is 0 (after SIGHUP `breachd_last_reload_successful`). Ingest goes on with the same state by another
//! set, from the next record on; what was matched before stays matched. The detector needs no rules: tallies carry what an alert says.
//!
//! *Same input, same answer* holds between two changes, as for networks and people: see [`crate::reload`].

use serde::Deserialize;
use signatures::{File, Set};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// Files of rules in a folder. Beyond: refused.
const FILES_MAX: usize = 512;

/// Time between two looks at the folder, from and to.
const LOOK_EVERY: std::ops::RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(3_600);

macro_rules! shipped {
    ($($name:literal),* $(,)?) => {
        /// The rules that ship with breachd, by their files' names.
        pub const SHIPPED: &[(&str, &str)] =
            &[$((concat!($name, ".yml"), include_str!(concat!("../../config/signatures/", $name, ".yml")))),*];
    };
}

shipped! {
    "account_created",
    "address_file_upload",
    "administrator_made",
    "blind_injection",
    "catalogue_emptied",
    "code_in_headers",
    "content_by_api",
    "cosmicsting",
    "directive_in_address",
    "dump_served",
    "health_check_posted",
    "load_file",
    "log_file_moved",
    "passwords_by_path",
    "scanner_agent",
    "schema_by_union",
    "script_below_files_runs",
    "script_in_content",
    "script_in_options",
    "secrets_asked",
    "server_functions",
    "session_file_in_media",
    "setup_tools_asked",
    "style_smuggler",
    "style_smuggler_agent",
    "trigger_on_payments",
    "unknown_root_script",
    "version_control_asked",
    "version_control_served",
}

/// `[signatures]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SignatureSettings {
    /// The rules that ship with breachd are in force.
    pub shipped: bool,
    /// Where rules of your own are (`*.yml`, `*.yaml`), looked for beside the configuration file first. Absent: none.
    pub folder: Option<PathBuf>,
    /// Names of rules that are not in force.
    pub off: Vec<String>,
    /// Time between two looks at the folder; what has changed and rests is taken up at the second look.
    pub look_every: notifier::Period,
}

impl Default for SignatureSettings {
    fn default() -> Self {
        SignatureSettings { shipped: true, folder: None, off: Vec::new(), look_every: notifier::Period::from_secs(3) }
    }
}

/// What is wrong: in a file of rules, or in `[signatures]` itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wrong {
    File { file: PathBuf, line: usize, problem: String },
    Setting { key: &'static str, problem: String },
}

/// Reads all rules that are in force.
///
/// # Errors
/// Every mistake of every file.
pub fn read(settings: &SignatureSettings) -> Result<Set, Vec<Wrong>> {
    let mut wrong = Vec::new();
    if !LOOK_EVERY.contains(&settings.look_every.0) {
        let problem = format!("`{}` must be between 1s and 1h", settings.look_every);
        wrong.push(Wrong::Setting { key: "look_every", problem });
    }
    let mut texts: Vec<(String, String)> = Vec::new();
    if settings.shipped {
        texts.extend(SHIPPED.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())));
    }
    if let Some(folder) = &settings.folder {
        match files(folder) {
            Ok(files) => {
                for file in files {
                    match std::fs::read_to_string(&file) {
                        Ok(text) => texts.push((file.display().to_string(), text)),
                        Err(error) => {
                            let problem = format!("cannot be read: {error}");
                            wrong.push(Wrong::File { file, line: 1, problem });
                        }
                    }
                }
            }
            Err(problem) => wrong.push(Wrong::Setting { key: "folder", problem }),
        }
    }
    let files: Vec<File<'_>> = texts.iter().map(|(name, text)| File { name, text }).collect();
    let reserved: Vec<&str> = detector::DETECTORS.iter().map(|detector| detector.name).collect();
    match Set::read(&files, &reserved, &settings.off) {
        Ok(set) if wrong.is_empty() => Ok(set),
        Ok(_) => Err(wrong),
        Err(mistakes) => {
            wrong.extend(mistakes.into_iter().map(|mistake| match mistake.file.as_str() {
                "" if mistake.problem.starts_with("`off`") => Wrong::Setting { key: "off", problem: mistake.problem },
                "" => Wrong::Setting { key: "folder", problem: mistake.problem },
                file => Wrong::File { file: file.into(), line: mistake.line, problem: mistake.problem },
            }));
            Err(wrong)
        }
    }
}

/// The files of rules in a folder, by name; hidden ones are left out (editors and mounted volumes have some).
pub fn files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let unreadable = |error: std::io::Error| format!("`{}` cannot be read: {error}", folder.display());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let is_hidden = path.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.'));
        let is_rules = path.extension().is_some_and(|extension| extension == "yml" || extension == "yaml");
        if is_rules && !is_hidden {
            files.push(path);
        }
        if FILES_MAX < files.len() {
            return Err(format!("`{}` holds more than {FILES_MAX} files of rules", folder.display()));
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_files_of_the_repository_are_shipped_and_right() {
        let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/config/signatures"));
        let names: Vec<String> = files(folder)
            .unwrap()
            .iter()
            .map(|file| file.file_name().unwrap().to_string_lossy().into_owned())
            .collect();
        assert_eq!(SHIPPED.iter().map(|(name, _)| *name).collect::<Vec<_>>(), names);
        let set = read(&SignatureSettings::default()).unwrap();
        assert_eq!(set.rules().len(), names.len(), "one rule in each, and none named like a detector");
    }

    #[test]
    fn rules_of_the_user_come_on_top_and_any_may_be_off() {
        let folder = std::env::temp_dir().join(format!("breachd-signatures-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let rule = |title: &str| {
            format!(
                "title: {title}\nlevel: low\nlogsource: {{ category: webserver }}\n\
                 detection: {{ a: {{ cs-uri|contains: abcd }}, condition: a }}\n"
            )
        };
        std::fs::write(folder.join("own.yaml"), rule("of our own")).unwrap();
        std::fs::write(folder.join(".hidden.yml"), "no rule").unwrap();
        std::fs::write(folder.join("notes.txt"), "no rule").unwrap();
        let names = |off: &[&str], shipped: bool| {
            let off = off.iter().map(|name| (*name).to_owned()).collect();
            let set = read(&SignatureSettings {
                shipped,
                folder: Some(folder.clone()),
                off,
                ..SignatureSettings::default()
            })?;
            Ok::<Vec<String>, Vec<Wrong>>(set.rules().iter().map(|rule| rule.mark.rule.to_string()).collect())
        };
        assert_eq!(names(&[], false).unwrap(), ["of_our_own"]);
        assert_eq!(names(&[], true).unwrap().len(), SHIPPED.len() + 1);
        assert!(!names(&["scanner_agent"], true).unwrap().contains(&"scanner_agent".to_owned()));
        assert!(matches!(&names(&["scanner"], true).unwrap_err()[..], [Wrong::Setting { key: "off", .. }]));
        std::fs::write(folder.join("b.yml"), rule("scanner agent")).unwrap();
        let taken = names(&[], true).unwrap_err();
        let said = |wrong: &Wrong| matches!(wrong, Wrong::File { line: 1, problem, .. } if problem.contains("there already: scanner_agent.yml:1"));
        assert!(taken.len() == 1 && said(&taken[0]), "{taken:?}");
        std::fs::remove_dir_all(&folder).unwrap();
        assert!(matches!(&names(&[], true).unwrap_err()[..], [Wrong::Setting { key: "folder", .. }]));
    }
}
