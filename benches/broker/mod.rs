//! What benches with a real broker and a real daemon share.
//!
//! The broker is `BREACHD_TEST_KAFKA=127.0.0.1:PORT` (topics have a prefix of their own and stay there), or one that
//! `tests/kafka` starts on port 29592 and that is removed at the end. Only loopback.

use std::{
    fs,
    io::{self, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// Longest time for one step.
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);
pub(crate) const PAUSE: Duration = Duration::from_millis(50);

/// Ticks of /proc/PID/stat in a second: the kernel's USER_HZ, 100 on every platform Kafka is run on.
const TICKS_PER_SECOND: f64 = 100.0;

pub(crate) type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

/// `breachd run` with these roles, killed when dropped.
pub(crate) fn breachd(roles: &str, config: &Path) -> Fallible<Daemon> {
    let child = Command::new(env!("CARGO_BIN_EXE_breachd"))
        .args(["--log-level", "warn", "run", "--roles", roles, "--config"])
        .arg(config)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()?;
    Ok(Daemon(child))
}

/// The broker; removed at the end if it is ours.
pub(crate) struct Kafka {
    pub(crate) address: String,
    ours: Option<PathBuf>,
}

impl Kafka {
    pub(crate) fn find() -> Fallible<Kafka> {
        if let Ok(address) = std::env::var("BREACHD_TEST_KAFKA") {
            let host = address.rsplit_once(':').map(|(host, _)| host);
            if !matches!(host, Some("127.0.0.1" | "localhost" | "[::1]")) {
                return Err(format!("BREACHD_TEST_KAFKA is `{address}`: not on this machine").into());
            }
            return Ok(Kafka { address, ours: None });
        }
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("kafka-bench");
        let mut kafka = Kafka { address: "127.0.0.1:29592".into(), ours: Some(folder) };
        if !kafka.tool(&["up", "--port", "29592"]) {
            // Its logs, which it has just named, stay.
            kafka.tool(&["stop"]);
            kafka.ours = None;
            return Err("tests/kafka could not start a broker".into());
        }
        Ok(kafka)
    }

    fn tool(&self, arguments: &[&str]) -> bool {
        let Some(folder) = &self.ours else { return true };
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kafka");
        let status = Command::new(script).args(arguments).arg("--dir").arg(folder).stdout(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    }
}

impl Drop for Kafka {
    fn drop(&mut self) {
        self.tool(&["clean"]);
        if let Some(folder) = &self.ours {
            let _ = fs::remove_dir_all(folder);
        }
    }
}

/// Killed at the end: what is written by then is committed, and nobody goes on.
pub(crate) struct Daemon(Child);

impl From<Child> for Daemon {
    fn from(child: Child) -> Daemon {
        Daemon(child)
    }
}

impl Daemon {
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    pub(crate) fn alive(&mut self) -> Fallible<()> {
        match self.0.try_wait()? {
            None => Ok(()),
            Some(status) => Err(format!("breachd ended by itself: {status}").into()),
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A scratch directory.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> io::Result<Folder> {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path)?;
        Ok(Folder(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// User and system time of a process, all its threads, also those that have ended.
pub(crate) fn cpu_seconds(pid: u32) -> Fallible<f64> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name in brackets may hold anything; behind it come the third field and on: utime is the 14th, stime the 15th.
    let (_, fields) = text.rsplit_once(") ").ok_or("/proc/PID/stat has another shape")?;
    let ticks: Result<Vec<u64>, _> = fields.split(' ').skip(11).take(2).map(str::parse).collect();
    Ok(ticks?.iter().sum::<u64>() as f64 / TICKS_PER_SECOND)
}

pub(crate) fn metrics(address: &str) -> Fallible<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    write!(stream, "GET /metrics HTTP/1.0\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

pub(crate) fn within(began: Instant, what: &str) -> Fallible<()> {
    if began.elapsed() > PATIENCE {
        return Err(format!("{what}: not done after {PATIENCE:?}").into());
    }
    Ok(())
}

/// A prefix no other run has.
pub(crate) fn unique() -> String {
    let millis =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("it is after 1970").as_millis();
    format!("bench-{millis}-{}", std::process::id())
}
