//! # E-mail: a relay that speaks SMTP
//!
//! Each recipient gets a mail of their own, as plain text and as HTML with the same facts. TLS is required and checked:
//! STARTTLS (default) or from the first byte; a relay that does not offer STARTTLS is not spoken to. All mails of an
//! incident belong to one thread, and a repeated notice has the same Message-ID, so that mail programs show it once.
//!
//! ```toml
//! [[channels]]
//! name = "mail"
//! kind = "email"
//! host = "mail.example.com"
//! port = 587
//! tls = "starttls"                                   # starttls, implicit, or none (on loopback only)
//! from = "breachd <breachd@example.com>"
//! to = ["dpo@example.com"]
//! user = "breachd"
//! password_file = "/run/credentials/breachd/smtp"
//! ```
//! A document for people ([`Notice::is_of_mailing`]) goes to one person a notice, at a pace and over connections of its own. Its
//! Message-ID is the notice's id, so that a mail that comes back tells whom it did not reach.
//!
//! Accepted means that the relay took every recipient's mail; nobody can be asked whether it was read. If the relay
//! refuses one recipient for good, the notice is `Rejected` once the others have theirs: somebody was not told.

mod message;

use super::{partly::Partly, read_secret, unfit};
use crate::{
    ChannelError, Pace, Period, RECIPIENTS_MAX, Retry, Secret, SecretSource,
    channel::{Answer, Channel, Receipt},
    settings::{self, Problems, is_loopback},
    stages::classify::{self, Failure, FailureKind},
};
use incident::Notice;
use lettre::{
    AsyncSmtpTransport, AsyncTransport, Tokio1Executor,
    message::Mailbox,
    transport::smtp::{
        authentication::Credentials,
        client::{Certificate, CertificateStore, Tls, TlsParameters},
        extension::ClientId,
    },
};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Characters of a contact's name beside the address. Beyond: cut.
const TITLE_CHARACTERS_MAX: usize = 100;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmailSettings {
    /// Unique; `a-z 0-9 - _`.
    pub name: String,
    /// The relay.
    pub host: String,
    /// 587 for STARTTLS, 465 for implicit TLS, 25 without, unless given.
    pub port: Option<u16>,
    #[serde(default)]
    pub tls: SmtpTls,
    /// Sender: `name <address>` or an address.
    pub from: String,
    /// Recipients: each gets a mail of their own. A notice that is for one contact goes to that contact instead.
    pub to: Vec<String>,
    /// Account at the relay, if it wants one.
    pub user: Option<String>,
    /// File with its password.
    pub password_file: Option<PathBuf>,
    /// Or the environment variable that holds it.
    pub password_env: Option<String>,
    /// PEM certificates to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Longest wait for one recipient's mail to be taken.
    #[serde(default = "settings::default_timeout")]
    pub timeout: Period,
    /// Attempts in any 60 seconds.
    #[serde(default = "settings::default_rate_per_minute")]
    pub rate_per_minute: u32,
    /// Mails to people whose data a breach concerns, in any 60 seconds; beside the attempts of `rate_per_minute`, which they never delay.
    #[serde(default = "settings::default_mails_per_minute")]
    pub mails_per_minute: u32,
    /// Attempts at once.
    #[serde(default = "settings::default_concurrency")]
    pub concurrency: usize,
    #[serde(default)]
    pub retry: Retry,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SmtpTls {
    /// Starts in the clear and must change to TLS before anything is said.
    #[default]
    Starttls,
    /// TLS from the first byte.
    Implicit,
    /// In the clear: refused unless the host is loopback.
    None,
}

impl EmailSettings {
    pub(crate) const fn pace(&self) -> Pace {
        Pace {
            timeout: self.timeout,
            rate_per_minute: self.rate_per_minute,
            concurrency: self.concurrency,
            gap: Period::from_secs(0),
            retry: self.retry,
        }
    }

    pub(crate) fn check(&self, problems: &mut Problems) {
        if self.host.is_empty() || self.host.contains(|c: char| c.is_whitespace() || c.is_control() || c == '/') {
            problems.add("host", "must be a host name or an address");
        }
        if self.tls == SmtpTls::None && !is_loopback(&self.host) {
            problems.add("tls", "must not be `none`: mail in the clear is for loopback only");
        }
        if !(1..=6000).contains(&self.mails_per_minute) {
            problems.add("mails_per_minute", format!("`{}` must be between 1 and 6000", self.mails_per_minute));
        }
        problems.add_some("from", mailbox(&self.from).err());
        if self.to.is_empty() || self.to.len() > RECIPIENTS_MAX {
            problems.add("to", format!("must name 1 to {RECIPIENTS_MAX} recipients"));
        }
        for (index, to) in self.to.iter().enumerate() {
            problems.add_some(&format!("to[{index}]"), mailbox(to).err());
        }
        match (&self.user, self.password().is_given()) {
            (Some(_), _) => problems.add_some("password", self.password().problem("password")),
            (None, true) => problems.add("user", "is missing: a password is given"),
            (None, false) => {}
        }
    }

    fn password(&self) -> SecretSource {
        SecretSource::of(&self.password_file, &self.password_env)
    }
}

fn mailbox(text: &str) -> Result<Mailbox, String> {
    if text.contains(char::is_control) {
        return Err("must not hold control characters".into());
    }
    text.parse().map_err(|_| format!("`{text}` is no mail address"))
}

pub(super) struct Email {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    timeout: Period,
    from: Mailbox,
    to: Vec<Mailbox>,
    password: Option<Secret>,
    partly: Partly,
}

impl Email {
    pub(super) fn new(settings: &EmailSettings) -> Result<Self, ChannelError> {
        let unfit = |problem: String| unfit(&settings.name, problem);
        let password = settings
            .user
            .is_some()
            .then(|| read_secret(&settings.name, "password_file", &settings.password()))
            .transpose()?;
        let tls = || -> Result<TlsParameters, ChannelError> {
            let mut builder = TlsParameters::builder(settings.host.clone());
            if let Some(file) = &settings.ca_file {
                let pem =
                    std::fs::read(file).map_err(|error| unfit(format!("`ca_file` `{}`: {error}", file.display())))?;
                let certificate = Certificate::from_pem(&pem)
                    .map_err(|_| unfit(format!("`ca_file` `{}` holds no PEM certificate", file.display())))?;
                builder = builder.certificate_store(CertificateStore::None).add_root_certificate(certificate);
            }
            builder.build().map_err(|error| unfit(format!("TLS: {error}")))
        };
        let (tls, port) = match settings.tls {
            SmtpTls::Starttls => (Tls::Required(tls()?), 587),
            SmtpTls::Implicit => (Tls::Wrapper(tls()?), 465),
            SmtpTls::None => (Tls::None, 25),
        };
        // `builder_dangerous` only means that TLS is not set yet; it is set in the next line.
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(settings.host.clone())
            .tls(tls)
            .port(settings.port.unwrap_or(port))
            .hello_name(ClientId::default())
            .timeout(Some(settings.timeout.0));
        if let (Some(user), Some(password)) = (&settings.user, &password) {
            builder = builder.credentials(Credentials::new(user.clone(), password.expose().to_owned()));
        }
        Ok(Email {
            transport: builder.build(),
            timeout: settings.timeout,
            from: mailbox(&settings.from).map_err(unfit)?,
            to: settings.to.iter().map(|to| mailbox(to)).collect::<Result<_, _>>().map_err(unfit)?,
            password,
            partly: Partly::default(),
        })
    }

    async fn send_to(&self, notice: &Notice, to: &Mailbox) -> Result<(), Failure> {
        let message = message::of(notice, &self.from, to)
            .map_err(|error| Failure::refused(format!("the mail cannot be written: {error}")))?;
        let sending = self.transport.send(message);
        match tokio::time::timeout(self.timeout.0, sending).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) if notice.is_of_mailing() => Err(classify::smtp_error_of_one_of_many(&error)),
            Ok(Err(error)) => Err(classify::smtp_error(&error)),
            Err(_) => Err(Failure::timed_out(self.timeout.0)),
        }
    }

    /// The contact that the notice is for, or whom this channel tells else.
    fn recipients(&self, notice: &Notice) -> Result<Vec<Mailbox>, Failure> {
        let Some(recipient) = &notice.recipient else { return Ok(self.to.clone()) };
        let address = recipient.address.parse().map_err(|_| {
            Failure::refused(format!("the address of contact `{}` is no mail address", recipient.contact))
        })?;
        let title = activity::printable_within(&recipient.title, TITLE_CHARACTERS_MAX);
        Ok(vec![Mailbox::new((!title.is_empty()).then_some(title), address)])
    }
}

impl Channel for Email {
    fn send<'a>(&'a self, notice: &'a Notice, attempt: u32) -> Answer<'a, Receipt> {
        Box::pin(async move {
            let all = self.recipients(notice)?;
            let mut told = self.partly.told(notice);
            for index in told.open(all.len(), attempt) {
                match self.send_to(notice, &all[index]).await {
                    Ok(()) => {
                        told.taken.insert(index);
                        // At once: this attempt may be cut off while it waits for the next recipient.
                        self.partly.remember(notice, &told);
                    }
                    Err(Failure { reason, kind: FailureKind::Refused }) => told.refuse(index, reason),
                    // Most often it is the relay's trouble, and then the others' too; else the next attempt begins with another.
                    Err(passing) => {
                        self.partly.remember(notice, &told);
                        return Err(passing);
                    }
                }
            }
            self.partly.forget(notice);
            let (n, n_taken) = (all.len(), told.all_taken(all.len())?);
            Ok(Receipt(format!("the relay took {n_taken} of {n} mails, {}", message::id(notice, &self.from, &all[0]))))
        })
    }

    fn reaches_contacts(&self) -> bool {
        true
    }

    fn probe(&self) -> Answer<'_, String> {
        Box::pin(async move {
            match tokio::time::timeout(self.timeout.0, self.transport.test_connection()).await {
                Ok(Ok(true)) => Ok("the relay answers, TLS and log-in included; no mail was sent".into()),
                Ok(Ok(false)) => Err(Failure::passing("the relay hung up")),
                Ok(Err(error)) => Err(classify::smtp_error(&error)),
                Err(_) => Err(Failure::timed_out(self.timeout.0)),
            }
        })
    }

    fn secrets(&self) -> Vec<&Secret> {
        self.password.iter().collect()
    }
}
