//! A client as plain as can be: it sends what it is given, so that it can send what no decent client would.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::oneshot,
    task::JoinHandle,
};

use crate::desk::SampleDesk;

/// A console on a port of its own.
pub(crate) struct Console {
    pub(crate) desk: Arc<SampleDesk>,
    pub(crate) address: SocketAddr,
    shutdown: Mutex<Option<oneshot::Sender<()>>>,
    server: tokio::sync::Mutex<JoinHandle<()>>,
}

/// A file with this token, of the caller alone: tests run side by side, and one that is written again is empty for a moment.
pub(crate) fn token_file(token: &str) -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("console-token-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&file, format!("{token}\n")).expect("room for a file");
    file
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Console {
    pub(crate) async fn start() -> Console {
        Self::start_with(console::Settings::default()).await
    }

    pub(crate) async fn start_with(settings: console::Settings) -> Console {
        let desk = Arc::new(SampleDesk::default());
        let mut listen = settings.listen;
        listen.set_port(0);
        let settings = console::Settings { listen, ..settings };
        let server = console::Server::bind(&settings, desk.clone()).await.expect("a free port");
        let mut address = server.local_addr();
        if address.ip().is_unspecified() {
            address.set_ip([127, 0, 0, 1].into());
        }
        let (shutdown, stopped) = oneshot::channel();
        let server = tokio::spawn(server.run(async {
            let _ = stopped.await;
        }));
        Console { desk, address, shutdown: Mutex::new(Some(shutdown)), server: tokio::sync::Mutex::new(server) }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], "").await
    }

    /// With a right `Host`, unless the headers name one.
    pub(crate) async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        if !headers.iter().any(|(name, _)| *name == "Host") {
            request += &format!("Host: {}\r\n", self.address);
        }
        for (name, value) in headers {
            request += &format!("{name}: {value}\r\n");
        }
        if !body.is_empty() {
            request += &format!("Content-Length: {}\r\n", body.len());
        }
        self.send(&format!("{request}\r\n{body}")).await
    }

    pub(crate) async fn post_json(&self, path: &str, body: &str) -> Answer {
        self.ask("POST", path, &[("Content-Type", "application/json")], body).await
    }

    pub(crate) async fn send(&self, request: &str) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.expect("it listens");
        stream.write_all(request.as_bytes()).await.expect("it reads");
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.expect("it answers and closes");
        Answer::parse(&String::from_utf8(bytes).expect("all we send is UTF-8"))
    }

    /// Asks the server to end; it may still have answers to give.
    pub(crate) fn stop(&self) {
        let shutdown = self.shutdown.lock().expect("no test panics while it holds this").take();
        shutdown.expect("stopped once").send(()).expect("it runs");
    }

    /// Waits until nobody accepts connections any more.
    pub(crate) async fn refuses_connections(&self) {
        while TcpStream::connect(self.address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    }

    /// Waits until the server has ended.
    pub(crate) async fn ended(&self) {
        (&mut *self.server.lock().await).await.expect("it does not panic");
    }
}

impl Answer {
    fn parse(text: &str) -> Answer {
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        assert!(!head.to_ascii_lowercase().contains("transfer-encoding"), "bodies are sent with their length");
        Answer { status, head: head.to_owned(), body: body.to_owned() }
    }

    pub(crate) fn header<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.headers(name).next()
    }

    pub(crate) fn headers<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let fields = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        fields.filter(move |(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).expect("JSON")
    }

    /// The kind of problem, if it is one in due form.
    pub(crate) fn problem(&self) -> Option<String> {
        if self.header("content-type") != Some("application/problem+json") {
            return None;
        }
        let details = self.json();
        assert_eq!(details["status"], self.status);
        assert!(details["title"].is_string() && details["detail"].is_string());
        details["type"].as_str().and_then(|kind| kind.strip_prefix("urn:breachd:problem:")).map(str::to_owned)
    }
}
