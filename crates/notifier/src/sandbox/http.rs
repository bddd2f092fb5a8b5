//! The HTTP side of the sandboxes: an axum server whose connections can be cut in the middle of an answer.

use super::{Base, Fault, Ledger, Received};
use crate::clock::wall_now;
use axum::{
    Router,
    body::{Body, Bytes},
    extract::{ConnectInfo, DefaultBodyLimit, connect_info::Connected},
    http::{HeaderMap, Method, Response, Uri},
    serve::{IncomingStream, Listener},
};
use std::{
    collections::HashMap,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    task::{Context, Poll},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
};

/// Bytes of a body that are read at all; services' own limits lie below.
const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;

pub(super) struct Asked {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) query: HashMap<String, String>,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Asked {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// The answer, and what to remember of the question; an empty `id` is not remembered.
#[derive(Default)]
pub(super) struct Said {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: String,
    pub(super) id: String,
    pub(super) summary: String,
}

impl Said {
    pub(super) fn json(status: u16, json: &serde_json::Value) -> Self {
        Said { status, body: json.to_string(), ..Said::default() }
    }

    pub(super) fn about(self, id: impl Into<String>, summary: impl Into<String>) -> Self {
        Said { id: id.into(), summary: summary.into(), ..self }
    }
}

pub(super) async fn serve(
    service: &'static str,
    logic: impl Fn(&Asked) -> Said + Send + Sync + 'static,
) -> io::Result<Base> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let port = listener.local_addr()?.port();
    let ledger = Ledger::new();
    let (logic, shared) = (Arc::new(logic), ledger.clone());
    let handler =
        move |ConnectInfo(cut): ConnectInfo<Cut>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes| {
            let (logic, ledger) = (logic.clone(), shared.clone());
            async move {
                let fault = ledger.arrive();
                match fault {
                    Some(Fault::Answer { status, retry_after }) => return misbehave(status, retry_after),
                    Some(Fault::Reset) => {
                        cut.0.store(RESET, Ordering::Relaxed);
                        return misbehave(500, None);
                    }
                    Some(Fault::Rubbish) => {
                        let page = Body::from("<!DOCTYPE html><title>Log in</title>");
                        return Response::builder().header("content-type", "text/html").body(page).unwrap_or_default();
                    }
                    Some(Fault::Hang | Fault::LoseAnswer | Fault::Stall | Fault::Pass) | None => {}
                }
                let query = uri.query().unwrap_or_default();
                let asked = Asked { method, path: uri.path().into(), query: parse_query(query), headers, body };
                let said = logic(&asked);
                if !said.id.is_empty() {
                    let (id, summary, status) = (said.id, said.summary, said.status);
                    let headers = asked
                        .headers
                        .iter()
                        .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())));
                    let (headers, raw) = (headers.collect(), asked.body.to_vec());
                    ledger.record(Received { service, at: wall_now(), id, summary, status, headers, raw });
                }
                match fault {
                    Some(Fault::Hang) => std::future::pending::<()>().await,
                    Some(Fault::LoseAnswer) => cut.0.store(RESET, Ordering::Relaxed),
                    Some(Fault::Stall) => cut.0.store(STALL, Ordering::Relaxed),
                    _ => {}
                }
                let response =
                    said.headers.iter().fold(Response::builder().status(said.status), |response, (name, value)| {
                        response.header(*name, value)
                    });
                response.header("content-type", "application/json").body(Body::from(said.body)).unwrap_or_default()
            }
        };
    let router = Router::new().fallback(handler).layer(DefaultBodyLimit::max(BODY_BYTES_MAX));
    let task = tokio::spawn(async move {
        let service = router.into_make_service_with_connect_info::<Cut>();
        // It ends with the task, never by itself.
        let _ = axum::serve(Door(listener), service).await;
    });
    Ok(Base { port, ledger, task })
}

fn misbehave(status: u16, retry_after: Option<String>) -> Response<Body> {
    let mut response = Response::builder().status(status);
    if (300..400).contains(&status) {
        // Whoever follows comes back here and is taken: that is how it shows.
        response = response.header("location", "/hook");
    }
    if let Some(wait) = retry_after {
        response = response.header("retry-after", wait);
    }
    response.body(Body::from(format!("{{\"told to answer\":{status}}}"))).unwrap_or_default()
}

pub(super) fn parse_query(query: &str) -> HashMap<String, String> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (unescape(name), unescape(value))
        })
        .collect()
}

/// `+` and `%xx` of a form-encoded query.
fn unescape(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let hex = after.get(..2).and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        (rest, _) = match (first, hex) {
            (b'%', Some(byte)) => (&after[2..], bytes.push(byte)),
            (b'+', _) => (after, bytes.push(b' ')),
            (other, _) => (after, bytes.push(*other)),
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A connection's switch: once on, the connection breaks, or stops, after a few more bytes.
#[derive(Clone, Debug, Default)]
struct Cut(Arc<AtomicU8>);

const RESET: u8 = 1;
const STALL: u8 = 2;

struct Door(TcpListener);

impl Listener for Door {
    type Io = Breakable;
    type Addr = Cut;

    async fn accept(&mut self) -> (Breakable, Cut) {
        let (stream, _) = <TcpListener as Listener>::accept(&mut self.0).await;
        let cut = Cut::default();
        (Breakable { stream, cut: cut.clone(), written: false }, cut)
    }

    fn local_addr(&self) -> io::Result<Cut> {
        Ok(Cut::default())
    }
}

impl Connected<IncomingStream<'_, Door>> for Cut {
    fn connect_info(stream: IncomingStream<'_, Door>) -> Self {
        stream.remote_addr().clone()
    }
}

struct Breakable {
    stream: TcpStream,
    cut: Cut,
    written: bool,
}

impl AsyncRead for Breakable {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Breakable {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match (self.cut.0.load(Ordering::Relaxed), self.written) {
            (RESET, true) => return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            // Nobody wakes it: it ends with the sandbox.
            (STALL, true) => return Poll::Pending,
            (RESET | STALL, false) => {}
            _ => return Pin::new(&mut self.stream).poll_write(cx, buf),
        }
        self.written = true;
        Pin::new(&mut self.stream).poll_write(cx, &buf[..buf.len().min(12)])
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_unescaped() {
        let query = parse_query("a=1+2%5e%2B&b&c=%zz%4");
        assert_eq!(query["a"], "1 2^+");
        assert_eq!(query["b"], "");
        assert_eq!(query["c"], "%zz%4");
    }
}
