//! A mail server: EHLO, STARTTLS, AUTH PLAIN, MAIL, RCPT, DATA, RSET, NOOP, QUIT (RFC 5321, 3207, 4954).
//!
//! Strict where senders go wrong: commands in order, nothing before TLS if TLS is offered, lines end in CRLF and only so,
//! nothing is read ahead across STARTTLS.

use super::{Base, Fault, Ledger, Received, Sandbox, short};
use crate::clock::wall_now;
use base64::{Engine, engine::general_purpose::STANDARD};
use std::{collections::BTreeSet, io, sync::Arc};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;

/// Bytes of a line (RFC 5321 §4.5.3.1 asks for 512 and 1000). Beyond: the connection is closed.
const LINE_BYTES_MAX: usize = 4096;
/// Bytes of a message. Beyond: 552.
const MESSAGE_BYTES_MAX: usize = 1024 * 1024;

#[derive(Clone, Debug, Default)]
pub struct SmtpOptions {
    /// Offered as STARTTLS, and then required.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// TLS from the first byte instead of STARTTLS.
    pub implicit: bool,
    /// User and password: offered as AUTH PLAIN, and then required.
    pub account: Option<(String, String)>,
    /// Recipients that are refused with 550.
    pub unknown: BTreeSet<String>,
}

#[derive(Debug)]
pub struct SmtpSandbox {
    base: Base,
}

impl SmtpSandbox {
    pub async fn start(options: SmtpOptions) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let ledger = Ledger::new();
        let (shared, options) = (ledger.clone(), Arc::new(options));
        let task = tokio::spawn(async move {
            let mut sessions = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let session = Session::new(stream, options.clone(), shared.clone());
                // A session that breaks is the sender's affair.
                sessions.spawn(async move { session.run().await.is_ok() });
                while sessions.try_join_next().is_some() {}
            }
        });
        Ok(SmtpSandbox { base: Base { port, ledger, task } })
    }
}

impl Sandbox for SmtpSandbox {
    fn base(&self) -> &Base {
        &self.base
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

struct Session {
    stream: BufReader<Box<dyn Stream>>,
    options: Arc<SmtpOptions>,
    ledger: Ledger,
    greeted: bool,
    secured: bool,
    authenticated: bool,
    from: Option<String>,
    to: Vec<String>,
    lose_answer: bool,
}

impl Session {
    fn new(stream: TcpStream, options: Arc<SmtpOptions>, ledger: Ledger) -> Self {
        Session {
            stream: BufReader::new(Box::new(stream)),
            options,
            ledger,
            greeted: false,
            secured: false,
            authenticated: false,
            from: None,
            to: Vec::new(),
            lose_answer: false,
        }
    }

    async fn run(mut self) -> io::Result<()> {
        if let Some(tls) = self.options.tls.clone().filter(|_| self.options.implicit) {
            self = self.handshake(tls).await?;
        }
        self.say("220 sandbox ESMTP").await?;
        loop {
            let line = self.line().await?;
            let line = String::from_utf8_lossy(&line).into_owned();
            let (verb, rest) = line.split_once(' ').unwrap_or((&line, ""));
            match verb.to_ascii_uppercase().as_str() {
                "EHLO" if !rest.is_empty() => self.greet().await?,
                "STARTTLS" => match self.options.tls.clone() {
                    Some(tls) if !self.secured => self = self.secure(tls).await?,
                    _ => self.say("503 5.5.1 no TLS here").await?,
                },
                "NOOP" => self.say("250 2.0.0 ok").await?,
                "RSET" => {
                    (self.from, self.to) = (None, Vec::new());
                    self.say("250 2.0.0 ok").await?;
                }
                "QUIT" => return self.say("221 2.0.0 bye").await,
                _ if !self.greeted => self.say("503 5.5.1 say EHLO first").await?,
                _ if self.options.tls.is_some() && !self.secured => {
                    self.say("530 5.7.0 Must issue a STARTTLS command first").await?;
                }
                "AUTH" => self.authenticate(rest).await?,
                _ if self.options.account.is_some() && !self.authenticated => {
                    self.say("530 5.7.0 Authentication required").await?;
                }
                "MAIL" => {
                    if !self.mail(rest).await? {
                        return Ok(());
                    }
                }
                "RCPT" => self.recipient(rest).await?,
                "DATA" => {
                    if !self.data().await? {
                        return Ok(());
                    }
                }
                _ => self.say("500 5.5.2 unknown command").await?,
            }
        }
    }

    async fn greet(&mut self) -> io::Result<()> {
        self.greeted = true;
        let mut offers = vec!["sandbox".to_owned(), "8BITMIME".into(), format!("SIZE {MESSAGE_BYTES_MAX}")];
        if self.options.tls.is_some() && !self.secured {
            offers.push("STARTTLS".into());
        } else if self.options.account.is_some() {
            offers.push("AUTH PLAIN".into());
        }
        let last = offers.pop().unwrap_or_default();
        for offer in offers {
            self.say(&format!("250-{offer}")).await?;
        }
        self.say(&format!("250 {last}")).await
    }

    async fn secure(mut self, tls: Arc<rustls::ServerConfig>) -> io::Result<Self> {
        self.say("220 2.0.0 go ahead").await?;
        if !self.stream.buffer().is_empty() {
            return Err(io::Error::other("something was sent before TLS"));
        }
        self.handshake(tls).await
    }

    async fn handshake(self, tls: Arc<rustls::ServerConfig>) -> io::Result<Self> {
        let stream = TlsAcceptor::from(tls).accept(self.stream.into_inner()).await?;
        Ok(Session { stream: BufReader::new(Box::new(stream)), greeted: false, secured: true, ..self })
    }

    async fn authenticate(&mut self, rest: &str) -> io::Result<()> {
        let encoded = match rest.split_once(' ') {
            Some((method, encoded)) if method.eq_ignore_ascii_case("PLAIN") => encoded.to_owned(),
            None if rest.eq_ignore_ascii_case("PLAIN") => {
                self.say("334 ").await?;
                String::from_utf8_lossy(&self.line().await?).into_owned()
            }
            _ => return self.say("504 5.5.4 PLAIN only").await,
        };
        let wanted = self.options.account.as_ref().map(|(user, password)| format!("\0{user}\0{password}").into_bytes());
        self.authenticated = wanted.is_some() && STANDARD.decode(encoded).ok() == wanted;
        let answer =
            if self.authenticated { "235 2.7.0 welcome" } else { "535 5.7.8 Authentication credentials invalid" };
        self.say(answer).await
    }

    /// False: the connection is to be cut.
    async fn mail(&mut self, rest: &str) -> io::Result<bool> {
        match self.ledger.arrive() {
            Some(Fault::Answer { status, .. }) => {
                self.say(&format!("{status} {}.3.0 told to answer so", status / 100)).await?;
                return Ok(true);
            }
            Some(Fault::Hang) => std::future::pending().await,
            Some(Fault::Reset) => return Ok(false),
            Some(Fault::LoseAnswer) => self.lose_answer = true,
            Some(Fault::Pass | Fault::Stall | Fault::Rubbish) | None => {}
        }
        match (address(rest, "FROM:"), &self.from) {
            (Some(from), None) => {
                self.from = Some(from);
                self.say("250 2.1.0 ok").await?;
            }
            (None, _) => self.say("501 5.5.4 MAIL FROM:<address>").await?,
            (_, Some(_)) => self.say("503 5.5.1 one MAIL at a time").await?,
        }
        Ok(true)
    }

    async fn recipient(&mut self, rest: &str) -> io::Result<()> {
        match address(rest, "TO:") {
            _ if self.from.is_none() => self.say("503 5.5.1 MAIL first").await,
            None => self.say("501 5.5.4 RCPT TO:<address>").await,
            Some(to) if self.options.unknown.contains(&to) => self.say("550 5.1.1 no such user here").await,
            Some(to) => {
                self.to.push(to);
                self.say("250 2.1.5 ok").await
            }
        }
    }

    /// False: the connection is to be cut.
    async fn data(&mut self) -> io::Result<bool> {
        if self.to.is_empty() {
            self.say("503 5.5.1 RCPT first").await?;
            return Ok(true);
        }
        self.say("354 end with a dot").await?;
        let mut message = Vec::new();
        loop {
            let line = self.line().await?;
            if line == b"." {
                break;
            }
            message.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
            message.extend_from_slice(b"\r\n");
            if message.len() > MESSAGE_BYTES_MAX {
                self.say("552 5.3.4 too long").await?;
                return Ok(false);
            }
        }
        let (id, subject) = (header(&message, "message-id"), decoded(&header(&message, "subject")));
        let summary = short(&format!("to {}: {subject}", self.to.join(", ")));
        self.ledger.record(Received {
            service: "smtp",
            at: wall_now(),
            id,
            summary,
            status: 250,
            headers: Vec::new(),
            raw: message,
        });
        (self.from, self.to) = (None, Vec::new());
        if self.lose_answer {
            return Ok(false);
        }
        self.say("250 2.0.0 queued").await?;
        Ok(true)
    }

    async fn say(&mut self, line: &str) -> io::Result<()> {
        self.stream.write_all(format!("{line}\r\n").as_bytes()).await?;
        self.stream.flush().await
    }

    /// A line without its CRLF.
    async fn line(&mut self) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        let mut bounded = (&mut self.stream).take(LINE_BYTES_MAX as u64);
        bounded.read_until(b'\n', &mut line).await?;
        let Some(content) = line.strip_suffix(b"\r\n") else {
            return Err(io::Error::other("a line without CRLF, or too long"));
        };
        if content.contains(&b'\r') {
            return Err(io::Error::other("a bare CR"));
        }
        Ok(content.to_vec())
    }
}

/// `FROM:<a@b> SIZE=…` without the angle brackets.
fn address(rest: &str, prefix: &str) -> Option<String> {
    let start = rest.get(..prefix.len()).filter(|start| start.eq_ignore_ascii_case(prefix))?;
    let (address, _) = rest[start.len()..].trim_start().strip_prefix('<')?.split_once('>')?;
    Some(address.to_owned())
}

/// A header's value, unfolded.
fn header(message: &[u8], name: &str) -> String {
    let text = String::from_utf8_lossy(message);
    let head = text.split("\r\n\r\n").next().unwrap_or_default().replace("\r\n ", " ").replace("\r\n\t", " ");
    head.split("\r\n")
        .filter_map(|line| line.split_once(':'))
        .find(|(found, _)| found.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim().to_owned())
        .unwrap_or_default()
}

/// RFC 2047, as far as senders here use it: `=?utf-8?b?…?=`, and white space between two of them is none.
fn decoded(text: &str) -> String {
    let mut plain = String::new();
    let mut after_encoded = false;
    for word in text.split(' ') {
        let encoded = word
            .strip_prefix("=?utf-8?b?")
            .and_then(|rest| STANDARD.decode(rest.strip_suffix("?=")?).ok())
            .and_then(|bytes| String::from_utf8(bytes).ok());
        let joins = plain.is_empty() || (after_encoded && encoded.is_some());
        if !joins {
            plain.push(' ');
        }
        after_encoded = encoded.is_some();
        plain.push_str(encoded.as_deref().unwrap_or(word));
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_unfold_and_decode() {
        let message =
            b"Subject: [INCIDENT] =?utf-8?b?w7w=?=\r\n =?utf-8?b?w7w=?= x\r\nMessage-ID: <a@b>\r\n\r\nSubject: no\r\n";
        assert_eq!(decoded(&header(message, "Subject")), "[INCIDENT] üü x");
        assert_eq!(header(message, "message-id"), "<a@b>");
        assert_eq!(header(message, "none"), "");
    }

    #[test]
    fn addresses_stand_in_angle_brackets() {
        assert_eq!(address("FROM:<a@b> SIZE=10", "FROM:"), Some("a@b".into()));
        assert_eq!(address("to:<>", "TO:"), Some(String::new()));
        assert_eq!(address("FROM:a@b", "FROM:"), None);
        assert_eq!(address("x", "FROM:"), None);
    }
}
