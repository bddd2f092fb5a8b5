//! A real SMTP server that demands STARTTLS.

use crate::harness::{Scratch, free_port, until};
use std::{
    path::PathBuf,
    process::{Child, Command, Stdio},
};

/// `smtp.pem` in the scratch directory, and its key; made at the first call.
pub(crate) fn certificate(scratch: &Scratch) -> (PathBuf, PathBuf) {
    let certificate = scratch.0.join("smtp.pem");
    let key = scratch.0.join("smtp.key");
    if !certificate.exists() {
        let identity = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()])
            .expect("a certificate");
        scratch.write("smtp.pem", identity.cert.pem());
        scratch.write("smtp.key", identity.signing_key.serialize_pem());
    }
    (certificate, key)
}

/// Keeps what it gets as a maildir.
pub(crate) struct SmtpServer {
    child: Child,
    pub(crate) port: u16,
    maildir: PathBuf,
    pub(crate) certificate: PathBuf,
}

impl SmtpServer {
    pub(crate) fn start(scratch: &Scratch) -> SmtpServer {
        SmtpServer::start_at(scratch, free_port())
    }

    pub(crate) fn start_at(scratch: &Scratch, port: u16) -> SmtpServer {
        let (certificate, key) = certificate(scratch);
        let maildir = scratch.0.join("maildir");
        let child = Command::new("/usr/bin/python3")
            .args(["-m", "aiosmtpd", "-n", "-c", "aiosmtpd.handlers.Mailbox"])
            .arg("-l")
            .arg(format!("127.0.0.1:{port}"))
            .arg("--tlscert")
            .arg(&certificate)
            .arg("--tlskey")
            .arg(&key)
            .arg(&maildir)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("python3 with aiosmtpd: tests/run installs it");
        until("the SMTP server listens", || std::net::TcpStream::connect(("127.0.0.1", port)).ok());
        SmtpServer { child, port, maildir, certificate }
    }

    pub(crate) fn mails(&self) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.maildir.join("new")) else { return Vec::new() };
        entries
            .filter_map(|entry| std::fs::read(entry.ok()?.path()).ok())
            .map(|mail| String::from_utf8_lossy(&mail).into_owned())
            .collect()
    }
}

impl Drop for SmtpServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
