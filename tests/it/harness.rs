//! A broker, a scratch directory, the binary under test, and waiting for what must come.

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};
use stream::{Broker, TopicSpec};

/// How long anything that must happen may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_breachd");

/// `host:port` of a real Kafka.
pub(crate) fn kafka_address() -> &'static str {
    static ADDRESS: OnceLock<String> = OnceLock::new();
    ADDRESS.get_or_init(|| {
        if let Ok(given) = std::env::var("BREACHD_TEST_KAFKA") {
            return given;
        }
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("kafka");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kafka");
        let status =
            Command::new(script).args(["up", "--port", "29492", "--dir"]).arg(directory).stdout(Stdio::null()).status();
        assert!(status.is_ok_and(|status| status.success()), "tests/kafka could not start a broker");
        "127.0.0.1:29492".into()
    })
}

pub(crate) fn broker() -> Arc<dyn Broker> {
    broker_at(kafka_address())
}

pub(crate) fn broker_at(servers: &str) -> Arc<dyn Broker> {
    let settings = stream::Settings { bootstrap_servers: servers.into(), ..stream::Settings::default() };
    stream::kafka(&settings).expect("the test's broker")
}

/// A name no other run of any test has.
pub(crate) fn unique(name: &str) -> String {
    let nanos = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_nanos();
    format!("t{}-{}-{name}", nanos % 1_000_000_000_000, std::process::id())
}

pub(crate) fn topic(name: &str, partitions: u32) -> TopicSpec {
    TopicSpec { name: name.into(), partitions, replication: None, compacted: false, retention: None }
}

/// A directory that goes with the test, unless the test fails.
pub(crate) struct Scratch(pub(crate) PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Scratch {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(unique(name));
        fs::create_dir_all(&path).expect("a scratch directory");
        Scratch(path)
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).expect("a scratch file");
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}

/// A sample log's text, by its name in `tests/samples`.
pub(crate) fn sample(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/samples/{name}.log.zst"));
    let file = fs::File::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut text = Vec::new();
    zstd::stream::read::Decoder::new(file).expect("zstd").read_to_end(&mut text).expect("a sound sample");
    text
}

/// The lines of a text, without their line breaks and without the end's empty one.
pub(crate) fn lines(text: &[u8]) -> Vec<&[u8]> {
    let mut lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
    if lines.last().is_some_and(|last| last.is_empty()) {
        lines.pop();
    }
    lines
}

/// `breachd run`, killed when dropped.
pub(crate) struct Daemon {
    child: Child,
    pub(crate) log: PathBuf,
}

impl Daemon {
    pub(crate) fn run(config: &Path, arguments: &[&str], log: PathBuf) -> Daemon {
        Daemon::run_with(config, arguments, log, &[])
    }

    /// The same with these environment variables.
    pub(crate) fn run_with(config: &Path, arguments: &[&str], log: PathBuf, environment: &[(&str, &str)]) -> Daemon {
        let file = fs::OpenOptions::new().create(true).append(true).open(&log).expect("a log file");
        let child = Command::new(BINARY)
            .args(["--log-format", "json", "run", "--config"])
            .arg(config)
            .args(arguments)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(file)
            .spawn()
            .expect("the binary under test");
        Daemon { child, log }
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("kill -9");
        self.child.wait().expect("a dead child");
    }

    /// SIGTERM; the exit code.
    pub(crate) fn terminate(&mut self) -> Option<i32> {
        let status = Command::new("kill").arg(self.child.id().to_string()).status().expect("kill");
        assert!(status.success());
        until("the daemon ends after SIGTERM", || self.child.try_wait().expect("a child of ours")).code()
    }

    /// SIGHUP: read the configuration again.
    pub(crate) fn hang_up(&self) {
        self.signal("HUP");
    }

    pub(crate) fn signal(&self, name: &str) {
        let arguments = [format!("-{name}"), self.child.id().to_string()];
        let status = Command::new("kill").args(arguments).status().expect("kill");
        assert!(status.success());
    }

    /// What it has used so far: peak of resident memory in MiB, and seconds of processor time, both from `/proc`.
    pub(crate) fn used(&self) -> (u64, f64) {
        let of = |name: &str| fs::read_to_string(format!("/proc/{}/{name}", self.child.id())).expect("a live child");
        let status = of("status");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("VmHWM");
        let kib: u64 = peak.trim().trim_end_matches(" kB").parse().expect("KiB");
        let stat = of("stat");
        let (_, behind_name) = stat.rsplit_once(") ").expect("a name in brackets");
        // proc(5): utime and stime are fields 14 and 15, in ticks of 1/100 s; the first one here is field 3.
        let ticks = behind_name.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<u64>().expect("ticks"));
        (kib / 1024, ticks.sum::<u64>() as f64 / 100.0)
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn exited(&mut self) -> Option<Option<i32>> {
        self.child.try_wait().expect("a child of ours").map(|status| status.code())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = fs::read_to_string(&self.log).unwrap_or_default();
            let tail: Vec<&str> = log.lines().rev().take(60).collect();
            eprintln!("--- the daemon's last words ({})", self.log.display());
            tail.iter().rev().for_each(|line| eprintln!("{line}"));
        }
    }
}

/// Asks again until there is an answer; fails with the question after [`PATIENCE`].
pub(crate) fn until<T>(what: &str, ask: impl FnMut() -> Option<T>) -> T {
    within(PATIENCE, what, ask)
}

/// The same with another end.
pub(crate) fn within<T>(patience: Duration, what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let from = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(from.elapsed() < patience, "waited {patience:?} in vain: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Everything in a topic now: (partition, payload), committed records only.
pub(crate) fn contents(broker: &dyn Broker, topic: &str) -> Vec<(i32, Vec<u8>)> {
    let partitions = until("the broker says what there is", || match broker.partitions(topic) {
        Ok(partitions) => Some(partitions),
        Err(error) if error.retry() => None,
        Err(error) => panic!("{error}"),
    });
    if partitions.is_none() {
        return Vec::new();
    }
    let mut reader = until("the topic can be read", || match broker.read(&[(topic, Vec::new())]) {
        Ok(reader) => Some(reader),
        // A topic is there a moment before its partitions have leaders.
        Err(error) if error.retry() => None,
        Err(error) => panic!("{error}"),
    });
    let mut records = Vec::new();
    let from = Instant::now();
    while !reader.caught_up() {
        assert!(from.elapsed() < PATIENCE, "cannot read `{topic}` to its end");
        reader
            .poll(10_000, Duration::from_millis(100), &mut |record| {
                records.push((record.partition, record.payload.unwrap_or_default().to_vec()));
            })
            .expect("a readable topic");
    }
    records
}

/// GET over plain HTTP, without a client library: (status, body).
pub(crate) fn get(address: &str, path: &str) -> Option<(u16, String)> {
    http(address, &format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"))
}

pub(crate) fn post(address: &str, path: &str, json: &str) -> Option<(u16, String)> {
    with_json("POST", address, path, json)
}

pub(crate) fn put(address: &str, path: &str, json: &str) -> Option<(u16, String)> {
    with_json("PUT", address, path, json)
}

fn with_json(method: &str, address: &str, path: &str, json: &str) -> Option<(u16, String)> {
    let length = json.len();
    http(
        address,
        &format!(
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{json}"
        ),
    )
}

/// As a program that signs what it posts.
pub(crate) fn post_with(address: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Option<(u16, String)> {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = body.len();
    http(
        address,
        &format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
        ),
    )
}

fn http(address: &str, request: &str) -> Option<(u16, String)> {
    use std::io::Write;
    let mut stream = std::net::TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let body = &answer[end + 4..];
    let body = if head.contains("transfer-encoding: chunked") { whole(body)? } else { body.to_vec() };
    Some((status, String::from_utf8_lossy(&body).into_owned()))
}

/// Of its chunks; `None`: it ends too early.
fn whole(mut chunked: &[u8]) -> Option<Vec<u8>> {
    let mut whole = Vec::new();
    loop {
        let end = chunked.windows(2).position(|bytes| bytes == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&chunked[..end]).ok()?, 16).ok()?;
        let (chunk, rest) = chunked.get(end + 2..)?.split_at_checked(size)?;
        if size == 0 {
            return Some(whole);
        }
        whole.extend_from_slice(chunk);
        chunked = rest.strip_prefix(b"\r\n")?;
    }
}

/// A port nobody listens at now, another one each time. Below those that the system gives to outgoing connections (from 32,768 on): a server
/// that starts again on its port must not find a connection there.
pub(crate) fn free_port() -> u16 {
    const FIRST: u32 = 12_000;
    const PORTS: u32 = 20_000;
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    // Other runs on this machine begin elsewhere.
    let begin = std::process::id().wrapping_mul(7_919);
    let ports = (0..PORTS).map(|_| {
        let at = begin.wrapping_add(TAKEN.fetch_add(1, Ordering::Relaxed)) % PORTS;
        u16::try_from(FIRST + at).expect("below 65,536")
    });
    ports.into_iter().find(|port| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok()).expect("a free port")
}
