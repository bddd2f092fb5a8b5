//! What can go wrong, whose fault it is, and whether to try again.

/// A failure of the host or of how it is used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// No broker answers, or not in time.
    #[error(
        "cannot {doing}: no answer from `{servers}`: {reason}; check `bootstrap_servers` and whether the brokers run"
    )]
    Unreachable { doing: &'static str, servers: String, reason: String },
    #[error("there is no topic `{topic}`; create it, or correct its name")]
    NoSuchTopic { topic: String },
    /// Authentication or authorisation.
    #[error("cannot {doing}: the broker does not allow it: {reason}; check credentials and ACLs")]
    NotAllowed { doing: &'static str, reason: String },
    #[error("a message of {bytes} bytes for topic `{topic}` is too large; {bytes_max} are allowed")]
    TooLarge { topic: String, bytes: usize, bytes_max: usize },
    #[error(
        "fenced: another instance has taken over as `{id}`, or the brokers took this one for dead; start it again, and give each \
         instance a name of its own"
    )]
    Fenced { id: String },
    #[error("the settings are refused: {0}")]
    Settings(String),
    /// A call that makes no sense now, e.g. a message outside a transaction.
    #[error("misuse: {0}")]
    Misuse(&'static str),
    #[error("cannot {doing}: {reason}")]
    Failed { doing: &'static str, reason: String, retry: bool },
}

/// Who has to do something about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Whoever configured this program or the broker's permissions.
    Configuration,
    /// Whoever runs the brokers or the network.
    Broker,
    /// This program.
    Program,
}

impl StreamError {
    pub fn fault(&self) -> Fault {
        match self {
            StreamError::NoSuchTopic { .. }
            | StreamError::NotAllowed { .. }
            | StreamError::Fenced { .. }
            | StreamError::Settings(_) => Fault::Configuration,
            StreamError::Unreachable { .. } | StreamError::Failed { .. } => Fault::Broker,
            StreamError::TooLarge { .. } | StreamError::Misuse(_) => Fault::Program,
        }
    }

    /// Whether the same call may succeed later without anybody changing anything.
    pub fn retry(&self) -> bool {
        match self {
            StreamError::Unreachable { .. } => true,
            StreamError::Failed { retry, .. } => *retry,
            _ => false,
        }
    }
}
