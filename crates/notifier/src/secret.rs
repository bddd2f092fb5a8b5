//! Secrets: read from a file or the environment, never shown.

use crate::SECRET_BYTES_MAX;
use serde::{Deserialize, Serialize};
use std::{fmt, path::PathBuf};

/// A secret's text. `Debug` does not show it, there is no `Display`, and it is not serialisable.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// Where a secret lies: exactly one of the two.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretSource {
    pub file: Option<PathBuf>,
    pub env: Option<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    #[error("the secret file `{file}` cannot be read: {error}")]
    File { file: PathBuf, error: std::io::Error },
    #[error("the environment variable `{name}` is not set, or is no UTF-8")]
    Environment { name: String },
    #[error("{place} is empty, has more than one line, or is longer than {SECRET_BYTES_MAX} bytes")]
    Unfit { place: String },
    #[error("no secret is configured: give it by file or by environment variable")]
    Missing,
}

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Secret(text.into())
    }

    /// The secret itself. Call it where it goes over the wire and nowhere else.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The text with every occurrence of the secret blanked: services echo what they were sent.
    pub fn redact(&self, text: &str) -> String {
        if self.0.len() < 4 { text.to_owned() } else { text.replace(&self.0, "[secret]") }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl SecretSource {
    pub fn of(file: &Option<PathBuf>, env: &Option<String>) -> Self {
        SecretSource { file: file.clone(), env: env.clone() }
    }

    pub fn is_given(&self) -> bool {
        self.file.is_some() || self.env.is_some()
    }

    /// What is wrong with how it is configured, without reading it; `name` is the setting without `_file` or `_env`.
    pub(crate) fn problem(&self, name: &str) -> Option<String> {
        match (&self.file, &self.env) {
            (None, None) => Some(format!("is missing: give `{name}_file` or `{name}_env`")),
            (Some(_), Some(_)) => Some(format!("is given twice: keep one of `{name}_file` and `{name}_env`")),
            _ => None,
        }
    }

    /// Reads it: one line, surrounding white space dropped.
    pub fn read(&self) -> Result<Secret, SecretError> {
        let (text, place) = match (&self.file, &self.env) {
            (Some(file), _) => {
                let text =
                    std::fs::read_to_string(file).map_err(|error| SecretError::File { file: file.clone(), error })?;
                (text, format!("the secret file `{}`", file.display()))
            }
            (None, Some(name)) => {
                let text = std::env::var(name).map_err(|_| SecretError::Environment { name: name.clone() })?;
                (text, format!("the environment variable `{name}`"))
            }
            (None, None) => return Err(SecretError::Missing),
        };
        let line = text.trim();
        if line.is_empty() || line.len() > SECRET_BYTES_MAX || line.chars().any(char::is_control) {
            return Err(SecretError::Unfit { place });
        }
        Ok(Secret(line.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_read_from_a_file_and_never_shown() {
        let file = std::env::temp_dir().join(format!("breachd-secret-{}", std::process::id()));
        std::fs::write(&file, "hunter22\n").unwrap();
        let source = SecretSource { file: Some(file.clone()), env: None };
        let secret = source.read().unwrap();
        assert_eq!(secret.expose(), "hunter22");
        assert_eq!(format!("{secret:?}"), "[secret]");
        assert_eq!(secret.redact("you sent hunter22, ha"), "you sent [secret], ha");
        std::fs::write(&file, "two\nlines").unwrap();
        assert!(matches!(source.read(), Err(SecretError::Unfit { .. })));
        std::fs::remove_file(&file).unwrap();
        assert!(matches!(source.read(), Err(SecretError::File { .. })));
    }

    #[test]
    fn must_be_given_exactly_once() {
        let file = Some(PathBuf::from("x"));
        let env = Some("X".to_owned());
        assert!(SecretSource::of(&None, &None).problem("key").is_some());
        assert!(SecretSource::of(&file, &env).problem("key").is_some());
        assert!(SecretSource::of(&file, &None).problem("key").is_none());
        assert!(matches!(SecretSource::default().read(), Err(SecretError::Missing)));
        let unset = SecretSource { file: None, env: Some("BREACHD_TEST_NEVER_SET".into()) };
        assert!(matches!(unset.read(), Err(SecretError::Environment { .. })));
    }
}
