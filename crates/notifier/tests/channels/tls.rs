//! Every channel against servers that are not who they should be: a failed try, a reason that says why, and not one byte of
//! the notice on the wire.

use crate::support::{World, file, notice, only, with};
use incident::{DeliveryReport, DeliveryResult};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

/// A server at a port of its own, and what has come through to it.
struct Server {
    port: u16,
    /// Whatever could be read: behind TLS what was sent after a handshake, without TLS every byte.
    read: Arc<Mutex<Vec<u8>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// `None`: plain text where TLS is spoken.
    async fn start(tls: Option<Arc<rustls::ServerConfig>>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let read: Arc<Mutex<Vec<u8>>> = Arc::default();
        let kept = read.clone();
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                match &tls {
                    Some(config) => {
                        let acceptor = tokio_rustls::TlsAcceptor::from(config.clone());
                        // An error is what is hoped for: the client hangs up.
                        if let Ok(stream) = acceptor.accept(stream).await {
                            keep(stream, &kept).await;
                        }
                    }
                    None => {
                        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
                        keep(stream, &kept).await;
                    }
                }
            }
        });
        Server { port, read, task }
    }

    fn heard_of_an_incident(&self) -> bool {
        let read = self.read.lock().unwrap();
        let text = String::from_utf8_lossy(&read);
        ["INC-", "u1042", "POST ", "authorization"].iter().any(|word| text.contains(word))
    }
}

async fn keep(mut stream: impl AsyncRead + Unpin, kept: &Mutex<Vec<u8>>) {
    let mut chunk = [0; 4096];
    while let Ok(n_bytes @ 1..) = stream.read(&mut chunk).await {
        kept.lock().unwrap().extend_from_slice(&chunk[..n_bytes]);
    }
}

/// A self-signed certificate for this name, over since 2020 or not, and what trusts it.
fn certificate(name: &str, expired: bool) -> (Arc<rustls::ServerConfig>, String) {
    let mut params = rcgen::CertificateParams::new([name.to_owned()]).unwrap();
    if expired {
        params.not_before = rcgen::date_time_ymd(2019, 1, 1);
        params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    }
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    (Arc::new(config), certificate.pem())
}

/// One table of every kind, and ServiceNow's ways to say who asks.
fn tables(port: u16) -> Vec<Value> {
    let url = format!("https://127.0.0.1:{port}");
    let servicenow = json!({ "name": "c", "kind": "servicenow", "instance": url });
    vec![
        json!({ "name": "c", "kind": "pagerduty", "url": url, "routing_key_file": file("e93facc04764012d7bfb002500d5d1a6") }),
        with(&servicenow, json!({ "user": "breachd", "password_file": file("a long password") })),
        with(&servicenow, json!({ "client_id": "breachd", "client_secret_file": file("a long secret") })),
        json!({
            "name": "c", "kind": "webhook", "url": format!("{url}/hook"),
            "secret_file": file("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"),
        }),
        json!({ "name": "c", "kind": "slack", "url_file": file(&format!("{url}/services/T0/B0/secret")) }),
        json!({ "name": "c", "kind": "teams", "url_file": file(&format!("{url}/invoke?sig=secret")) }),
        json!({ "name": "c", "kind": "alertmanager", "url": url, "token_file": file("a long token") }),
        json!({
            "name": "c", "kind": "sms", "url": url, "to": ["+4915112345678"],
            "header_files": { "Authorization": file("Bearer token") }, "body": { "to": "{recipient}", "text": "{text}" },
        }),
        json!({
            "name": "c", "kind": "email", "host": "127.0.0.1", "port": port, "tls": "implicit",
            "from": "breachd <breachd@example.com>", "to": ["dpo@example.com"],
        }),
    ]
}

/// Why the first try failed.
async fn reason(table: &Value) -> String {
    let mut world = World::new(only(table));
    world.submit(&notice());
    let DeliveryReport { result, .. } = world.next().await;
    match result {
        DeliveryResult::Retrying { reason, .. } | DeliveryResult::Rejected { reason } => reason,
        other => panic!("{}: {other:?}", table["kind"]),
    }
}

async fn assert_refused(server: &Server, tables: &[Value], words: &[&str]) {
    for table in tables {
        let reason = reason(table).await;
        let said = reason.to_lowercase();
        assert!(words.iter().any(|word| said.contains(word)), "{}: {reason}", table["kind"]);
        assert!(!server.heard_of_an_incident(), "{} sent it all the same", table["kind"]);
    }
}

/// The tables that trust this certificate. PagerDuty's addresses are the vendor's, and so are the certificates.
fn trusting(tables: &[Value], pem: &str) -> Vec<Value> {
    let ca_file = file(pem);
    let tables = tables.iter().filter(|table| table["kind"] != "pagerduty");
    tables.map(|table| with(table, json!({ "ca_file": ca_file }))).collect()
}

#[tokio::test(start_paused = true)]
async fn a_certificate_that_nobody_vouches_for_is_refused() {
    let (config, _) = certificate("127.0.0.1", false);
    let server = Server::start(Some(config)).await;
    assert_refused(&server, &tables(server.port), &["unknownissuer", "unknown issuer"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_certificate_of_another_name_is_refused() {
    let (config, pem) = certificate("other.example.com", false);
    let server = Server::start(Some(config)).await;
    let words = ["not valid for name", "notvalidforname"];
    assert_refused(&server, &trusting(&tables(server.port), &pem), &words).await;
}

#[tokio::test(start_paused = true)]
async fn an_expired_certificate_is_refused() {
    let (config, pem) = certificate("127.0.0.1", true);
    let server = Server::start(Some(config)).await;
    assert_refused(&server, &trusting(&tables(server.port), &pem), &["expired"]).await;
}

/// That what is refused above is the certificate, and not everything.
#[tokio::test(start_paused = true)]
async fn the_right_certificate_lets_the_notice_through() {
    let (config, pem) = certificate("127.0.0.1", false);
    let server = Server::start(Some(config)).await;
    let tables = trusting(&tables(server.port), &pem);
    let webhook = tables.iter().find(|table| table["kind"] == "webhook").unwrap();
    let world = World::new(only(webhook));
    world.submit(&notice());
    while !server.heard_of_an_incident() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn plain_text_where_tls_is_spoken_is_refused() {
    let server = Server::start(None).await;
    let words = ["corrupt message", "invalidcontenttype", "invalid content type"];
    assert_refused(&server, &tables(server.port), &words).await;
}

/// `.invalid` is nobody's (RFC 6761 §6.4).
#[tokio::test(start_paused = true)]
async fn a_name_that_is_gone_is_a_failed_try() {
    let table = json!({
        "name": "c", "kind": "webhook", "url": "https://hooks.invalid/hook",
        "secret_file": file("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"),
    });
    let reason = reason(&table).await.to_lowercase();
    assert!(reason.contains("dns") || reason.contains("resolve") || reason.contains("lookup"), "{reason}");
}
