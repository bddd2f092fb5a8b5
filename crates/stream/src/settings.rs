//! `[kafka]`: where the brokers are and how to talk to them.

use crate::limits;
use serde::{Deserialize, Deserializer, de::Error as _};
use std::{collections::BTreeMap, path::PathBuf, time::Duration};

/// How to reach the brokers. Secrets are given by file only, and read anew whenever a connection is set up.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// `host:port`, several with commas between: any of them leads to all.
    pub bootstrap_servers: String,
    pub security_protocol: Protocol,
    /// Certificates (PEM) of the authorities that may sign the brokers'; absent: those of the system.
    pub ssl_ca_file: Option<PathBuf>,
    /// This client's certificate chain (PEM), where the brokers ask for one.
    pub ssl_certificate_file: Option<PathBuf>,
    /// Its private key (PEM).
    pub ssl_key_file: Option<PathBuf>,
    /// File with the key's passphrase.
    pub ssl_key_password_file: Option<PathBuf>,
    pub sasl_mechanism: Option<SaslMechanism>,
    pub sasl_username: Option<String>,
    /// File with the password.
    pub sasl_password_file: Option<PathBuf>,
    /// How long a member of a group may be silent before its partitions are given to others: 6 s to 30 min, if the brokers'
    /// bounds are the usual ones. With static membership also: how long a restart may take without moving partitions.
    #[serde(deserialize_with = "period")]
    pub session_timeout: Duration,
    /// How long a transaction may stay open before the broker aborts it: 1 s to 15 min. What an instance had open when it was killed keeps
    /// readers waiting for as long, unless it comes back.
    #[serde(deserialize_with = "period")]
    pub transaction_timeout: Duration,
    /// Longest wait for one answer, and for the first broker at the start: 1 s to 5 min.
    #[serde(deserialize_with = "period")]
    pub request_timeout: Duration,
    /// How long a message may wait for its acknowledgement, retries included: 1 s to 1 h.
    #[serde(deserialize_with = "period")]
    pub delivery_timeout: Duration,
    /// `none`, `lz4`, `zstd`, `gzip` or `snappy`.
    pub compression: String,
    /// Anything else that librdkafka understands, e.g. `"client.rack" = "a"`. Those on which the guarantees rest are refused.
    pub properties: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    #[default]
    Plaintext,
    Ssl,
    SaslPlaintext,
    SaslSsl,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum SaslMechanism {
    #[serde(rename = "PLAIN")]
    Plain,
    #[serde(rename = "SCRAM-SHA-256")]
    ScramSha256,
    #[serde(rename = "SCRAM-SHA-512")]
    ScramSha512,
    /// Kerberos: only in builds with the feature `kerberos`.
    #[serde(rename = "GSSAPI")]
    Kerberos,
}

/// Properties that are not passed through, and what to do instead.
const DENIED: [(&str, &str); 24] = [
    ("bootstrap.servers", "set `bootstrap_servers`"),
    ("metadata.broker.list", "set `bootstrap_servers`"),
    ("security.protocol", "set `security_protocol`"),
    ("sasl.mechanism", "set `sasl_mechanism`"),
    ("sasl.mechanisms", "set `sasl_mechanism`"),
    ("sasl.username", "set `sasl_username`"),
    ("sasl.password", "secrets are given by file: set `sasl_password_file`"),
    ("ssl.key.password", "secrets are given by file: set `ssl_key_password_file`"),
    ("ssl.key.pem", "secrets are given by file: set `ssl_key_file`"),
    ("session.timeout.ms", "set `session_timeout`"),
    ("transaction.timeout.ms", "set `transaction_timeout`"),
    ("message.timeout.ms", "set `delivery_timeout`"),
    ("delivery.timeout.ms", "set `delivery_timeout`"),
    ("compression.type", "set `compression`"),
    ("compression.codec", "set `compression`"),
    ("group.id", "it is set by the program"),
    ("group.instance.id", "it is set by the program"),
    ("group.protocol", "the guarantees rest on it"),
    ("partition.assignment.strategy", "the guarantees rest on it"),
    ("isolation.level", "the guarantees rest on it"),
    ("enable.auto.commit", "the guarantees rest on it"),
    ("enable.idempotence", "the guarantees rest on it"),
    ("acks", "the guarantees rest on it"),
    ("transactional.id", "it is set by the program"),
];

const COMPRESSIONS: [&str; 5] = ["none", "lz4", "zstd", "gzip", "snappy"];

impl Default for Settings {
    fn default() -> Self {
        Settings {
            bootstrap_servers: "127.0.0.1:9092".into(),
            security_protocol: Protocol::Plaintext,
            ssl_ca_file: None,
            ssl_certificate_file: None,
            ssl_key_file: None,
            ssl_key_password_file: None,
            sasl_mechanism: None,
            sasl_username: None,
            sasl_password_file: None,
            session_timeout: Duration::from_secs(10),
            transaction_timeout: Duration::from_secs(30),
            request_timeout: limits::REQUEST_TIMEOUT,
            delivery_timeout: Duration::from_secs(120),
            compression: "lz4".into(),
            properties: BTreeMap::new(),
        }
    }
}

impl Settings {
    /// All mistakes: key path within this section, and what is wrong. Reads no file but looks whether they are there.
    pub fn check(&self) -> Vec<(String, String)> {
        let mut mistakes = Vec::new();
        let mut mistake = |key: &str, problem: String| mistakes.push((key.to_owned(), problem));
        for server in self.bootstrap_servers.split(',').map(str::trim) {
            let port = server.rsplit_once(':').and_then(|(host, port)| (!host.is_empty()).then(|| port.parse::<u16>()));
            if !matches!(port, Some(Ok(1..))) {
                mistake("bootstrap_servers", format!("`{server}` is not `host:port`"));
            }
        }
        for (key, length, lo, hi) in [
            ("session_timeout", self.session_timeout, 1, 1800),
            ("transaction_timeout", self.transaction_timeout, 1, 900),
            ("request_timeout", self.request_timeout, 1, 300),
            ("delivery_timeout", self.delivery_timeout, 1, 3600),
        ] {
            if length < Duration::from_secs(lo) || Duration::from_secs(hi) < length {
                mistake(key, format!("must be {lo}s to {hi}s"));
            }
        }
        if !COMPRESSIONS.contains(&self.compression.as_str()) {
            mistake("compression", format!("`{}` is none of {}", self.compression, COMPRESSIONS.join(", ")));
        }
        self.check_security(&mut mistake);
        for key in self.properties.keys() {
            if let Some((_, instead)) = DENIED.iter().find(|(denied, _)| denied == key) {
                mistake(&format!("properties.{key}"), format!("cannot be set here: {instead}"));
            }
        }
        mistakes
    }

    fn check_security(&self, mistake: &mut impl FnMut(&str, String)) {
        let tls = matches!(self.security_protocol, Protocol::Ssl | Protocol::SaslSsl);
        let sasl = matches!(self.security_protocol, Protocol::SaslPlaintext | Protocol::SaslSsl);
        for (key, file) in self.files() {
            if let Some(file) = file {
                if key.starts_with("ssl") && !tls {
                    mistake(key, "has no effect without `security_protocol` `ssl` or `sasl_ssl`".into());
                }
                if !file.is_file() {
                    mistake(key, format!("there is no file `{}`", file.display()));
                }
            }
        }
        if self.ssl_certificate_file.is_some() != self.ssl_key_file.is_some() {
            mistake("ssl_certificate_file", "goes together with `ssl_key_file`: set both or neither".into());
        }
        match (sasl, self.sasl_mechanism) {
            (true, None) => mistake("sasl_mechanism", "is needed with this `security_protocol`".into()),
            (false, Some(_)) => {
                mistake("sasl_mechanism", "has no effect without `sasl_plaintext` or `sasl_ssl`".into())
            }
            (true, Some(SaslMechanism::Kerberos)) if cfg!(not(feature = "kerberos")) => {
                mistake("sasl_mechanism", "`GSSAPI` needs a build with the feature `kerberos`".into());
            }
            (true, Some(mechanism)) if mechanism.by_password() => {
                for (key, missing) in [
                    ("sasl_username", self.sasl_username.is_none()),
                    ("sasl_password_file", self.sasl_password_file.is_none()),
                ] {
                    if missing {
                        mistake(key, "is needed with this `sasl_mechanism`".into());
                    }
                }
            }
            _ => {}
        }
    }

    fn files(&self) -> [(&'static str, &Option<PathBuf>); 5] {
        [
            ("ssl_ca_file", &self.ssl_ca_file),
            ("ssl_certificate_file", &self.ssl_certificate_file),
            ("ssl_key_file", &self.ssl_key_file),
            ("ssl_key_password_file", &self.ssl_key_password_file),
            ("sasl_password_file", &self.sasl_password_file),
        ]
    }
}

impl Protocol {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Protocol::Plaintext => "plaintext",
            Protocol::Ssl => "ssl",
            Protocol::SaslPlaintext => "sasl_plaintext",
            Protocol::SaslSsl => "sasl_ssl",
        }
    }
}

impl SaslMechanism {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            SaslMechanism::Plain => "PLAIN",
            SaslMechanism::ScramSha256 => "SCRAM-SHA-256",
            SaslMechanism::ScramSha512 => "SCRAM-SHA-512",
            SaslMechanism::Kerberos => "GSSAPI",
        }
    }

    fn by_password(self) -> bool {
        matches!(self, SaslMechanism::Plain | SaslMechanism::ScramSha256 | SaslMechanism::ScramSha512)
    }
}

/// `"250ms"`, `"10s"`, `"5m"`, `"2h"`.
fn period<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    const UNITS: [(&str, u64); 4] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)];
    let text = String::deserialize(deserializer)?;
    let (number, unit) = text.split_at(text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len()));
    let millis = UNITS
        .iter()
        .find(|(name, _)| *name == unit.trim_start())
        .and_then(|(_, millis)| number.parse::<u64>().ok()?.checked_mul(*millis));
    let no_length =
        || D::Error::custom(format!("`{text}` is no length of time: write a whole number and ms, s, m or h"));
    millis.map(Duration::from_millis).ok_or_else(no_length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(settings: &Settings) -> Vec<String> {
        settings.check().into_iter().map(|(key, _)| key).collect()
    }

    #[test]
    fn the_defaults_are_fine() {
        assert!(keys(&Settings::default()).is_empty());
    }

    #[test]
    fn every_mistake_is_named_at_once() {
        let settings = Settings {
            bootstrap_servers: "kafka:9092,[::1]:9093,nowhere,:1".into(),
            security_protocol: Protocol::SaslPlaintext,
            ssl_ca_file: Some("/no/such/file".into()),
            ssl_key_file: Some("/no/such/key".into()),
            sasl_mechanism: Some(SaslMechanism::ScramSha512),
            session_timeout: Duration::from_millis(10),
            compression: "rar".into(),
            properties: [("acks", "1"), ("client.rack", "a"), ("sasl.password", "x")]
                .map(|(key, value)| (key.into(), value.into()))
                .into(),
            ..Settings::default()
        };
        let expected = [
            "bootstrap_servers",
            "bootstrap_servers",
            "session_timeout",
            "compression",
            "ssl_ca_file",
            "ssl_ca_file",
            "ssl_key_file",
            "ssl_key_file",
            "ssl_certificate_file",
            "sasl_username",
            "sasl_password_file",
            "properties.acks",
            "properties.sasl.password",
        ];
        assert_eq!(keys(&settings), expected);
        assert!(!format!("{:?}", settings.check()).contains("\"x\""));
    }

    #[test]
    fn a_mechanism_without_sasl_says_so() {
        let settings = Settings { sasl_mechanism: Some(SaslMechanism::Plain), ..Settings::default() };
        assert_eq!(keys(&settings), ["sasl_mechanism"]);
    }
}
