//! MariaDB, nginx and rsyslog as child processes of a test, each with its snippet of `deploy/sources` in force.
//!
//! Everything they write lies in the test's scratch directory; they listen on ports of their own on the loopback address and
//! end with the test.

use crate::harness::{Scratch, free_port, until};
use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

/// Where the database is at home.
pub(crate) const TIME_ZONE: &str = "Europe/Berlin";

/// The same for the C library, which may lack the file of that name.
const TIME_ZONE_POSIX: &str = "CET-1CEST,M3.5.0,M10.5.0/3";

pub(crate) const ACCOUNTS: [&str; 2] = ["portal_app", "backup"];
const PASSWORD: &str = "right";

/// Debian packages whose programs are not there.
pub(crate) fn missing() -> Vec<&'static str> {
    let there = |program: &str| {
        std::env::var_os("PATH")
            .iter()
            .flat_map(std::env::split_paths)
            .chain(["/usr/sbin".into(), "/sbin".into()])
            .any(|directory| directory.join(program).is_file())
    };
    let plugin = |path: &str| {
        let libraries = fs::read_dir("/usr/lib").into_iter().flatten().flatten();
        libraries.map(|entry| entry.path()).any(|directory| directory.join(path).is_file())
    };
    let mut missing = Vec::new();
    for (package, is_there) in [
        ("mariadb-server", there("mariadbd") && there("mariadb") && plugin("plugin/server_audit.so")),
        ("nginx-light", there("nginx")),
        ("rsyslog", there("rsyslogd")),
        ("rsyslog-kafka", plugin("rsyslog/omkafka.so")),
        ("php-cli", there("php")),
        ("php-monolog", Path::new("/usr/share/php/Monolog/autoload.php").is_file()),
    ] {
        if !is_there {
            missing.push(package);
        }
    }
    missing
}

/// A snippet of `deploy/sources`, with the test's own paths. What is replaced must be there.
fn snippet(name: &str, replaced: &[(&str, &str)]) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/sources").join(name);
    let mut text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    for (old, new) in replaced {
        assert!(text.contains(old), "{name} does not say {old}");
        text = text.replace(old, new);
    }
    text
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path of ours")
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output().expect("id");
    output.stdout.trim_ascii() == b"0"
}

/// A program of Debian's, wherever it is.
fn command(program: &str) -> Command {
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new(program);
    command.env("PATH", format!("{path}:/usr/sbin:/sbin")).stdin(Stdio::null());
    command
}

/// A server: asked to end when dropped, and made to if it does not.
struct Server {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Server {
    fn start(name: &'static str, scratch: &Scratch, command: &mut Command) -> Server {
        let log = scratch.0.join(format!("{name}.out"));
        let file = fs::File::create(&log).expect("a log file");
        let out = file.try_clone().expect("a file");
        let child = command.stdout(out).stderr(file).spawn().unwrap_or_else(|error| panic!("{name}: {error}"));
        Server { name, child, log }
    }

    fn until<T>(&mut self, what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
        until(what, || {
            if let Some(status) = self.child.try_wait().expect("a child of ours") {
                panic!("{} ended with {status}", self.name);
            }
            ask()
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let from = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) && from.elapsed() < Duration::from_secs(30) {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = fs::read(&self.log).unwrap_or_default();
            let log = String::from_utf8_lossy(&log);
            eprintln!("--- {}\n{}", self.name, log.lines().rev().take(30).collect::<Vec<_>>().join("\n"));
        }
    }
}

/// MariaDB with an audit log and a slow log.
pub(crate) struct Database {
    _server: Server,
    port: u16,
}

/// Accounts and tables are made before the logs are opened: only what the test does stands in them.
const SCHEMA: &str = "FLUSH PRIVILEGES;
CREATE DATABASE hr;
CREATE DATABASE shop;
CREATE TABLE hr.employees (id INT PRIMARY KEY, name VARCHAR(64), iban VARCHAR(34)) ENGINE=InnoDB;
CREATE TABLE hr.payslips (id INT PRIMARY KEY, employee_id INT, net INT) ENGINE=InnoDB;
CREATE TABLE hr.notes (id INT AUTO_INCREMENT PRIMARY KEY, text TEXT) ENGINE=InnoDB;
CREATE TABLE shop.products (id INT PRIMARY KEY) ENGINE=InnoDB;
INSERT INTO hr.employees SELECT seq, CONCAT('name ', seq), CONCAT('DE', seq) FROM hr.seq_1_to_2000;
INSERT INTO hr.payslips SELECT seq, seq, 2000 FROM hr.seq_1_to_2000;
INSERT INTO shop.products VALUES (1), (2), (3);
";

impl Database {
    pub(crate) fn start(scratch: &Scratch) -> Database {
        let data = scratch.0.join("data");
        let (audit_log, slow_log) = (scratch.0.join("audit.log"), scratch.0.join("slow.log"));
        let as_root: &[&str] = if is_root() { &["--user=root"] } else { &[] };
        let datadir = format!("--datadir={}", data.display());
        let installed = command("mariadb-install-db")
            .args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"])
            .args(as_root)
            .arg(&datadir)
            .output()
            .expect("mariadb-install-db");
        assert!(installed.status.success(), "{}", String::from_utf8_lossy(&installed.stderr));
        let mut schema = SCHEMA.to_owned();
        for account in ACCOUNTS {
            schema += &format!(
                "CREATE USER {account}@'127.0.0.1' IDENTIFIED BY '{PASSWORD}';\n\
                 GRANT SELECT, INSERT, UPDATE ON hr.* TO {account}@'127.0.0.1';\nGRANT SELECT ON shop.* TO {account}@'127.0.0.1';\n"
            );
        }
        schema += "GRANT FILE ON *.* TO backup@'127.0.0.1';\n";
        let schema = scratch.write("schema.sql", schema);
        let made = command("mariadbd")
            .args(["--no-defaults", "--bootstrap"])
            .args(as_root)
            .arg(&datadir)
            .stdin(fs::File::open(&schema).expect("the schema"))
            .output()
            .expect("mariadbd");
        let said = String::from_utf8_lossy(&made.stderr);
        assert!(made.status.success() && !said.contains("ERROR"), "{said}");

        let port = free_port();
        let config = scratch.write(
            "my.cnf",
            snippet("mariadb/server_audit.cnf", &[("/var/log/mysql/server_audit.log", text(&audit_log))])
                + &snippet("mariadb/slow_log.cnf", &[("/var/log/mysql/breachd-slow.log", text(&slow_log))]),
        );
        let mut server = Server::start(
            "mariadbd",
            scratch,
            command("mariadbd")
                .arg(format!("--defaults-file={}", config.display()))
                .args(as_root)
                .arg(&datadir)
                // Relative to the data: the name of a socket must be short.
                .args(["--socket=sock", "--bind-address=127.0.0.1", "--skip-name-resolve", "--secure-file-priv="])
                .args(["--innodb-flush-log-at-trx-commit=0", "--character-set-server=utf8mb4"])
                .arg(format!("--port={port}"))
                .env("TZ", TIME_ZONE_POSIX),
        );
        server.until("MariaDB listens", || TcpStream::connect(("127.0.0.1", port)).ok());
        Database { _server: server, port }
    }

    fn client(&self, account: &str, password: &str, sql: &str) -> Output {
        let mut child = command("mariadb")
            .args(["--no-defaults", "--comments", "--batch", "--default-character-set=utf8mb4", "--protocol=tcp"])
            .args(["--host=127.0.0.1", &format!("--port={}", self.port), &format!("--user={account}")])
            .env("MYSQL_PWD", password)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("mariadb");
        // A client that was refused reads nothing.
        let _ = child.stdin.take().expect("a pipe").write_all(sql.as_bytes());
        child.wait_with_output().expect("a child of ours")
    }

    pub(crate) fn run(&self, account: &str, sql: &str) {
        let output = self.client(account, PASSWORD, sql);
        assert!(output.status.success(), "{}\n{sql}", String::from_utf8_lossy(&output.stderr));
    }

    /// Tries a wrong password.
    pub(crate) fn guess(&self, account: &str) {
        let output = self.client(account, "wrong", "SELECT 1;");
        assert!(String::from_utf8_lossy(&output.stderr).contains("Access denied"));
    }
}

/// What is behind nginx: knows who has which session, and refuses wrong logins.
pub(crate) struct Upstream {
    pub(crate) port: u16,
}

impl Upstream {
    /// Its thread ends with the test's process.
    pub(crate) fn start(users: BTreeMap<String, String>) -> Upstream {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let _ = answer(stream, &users);
            }
        });
        Upstream { port }
    }
}

fn answer(mut stream: TcpStream, users: &BTreeMap<String, String>) -> std::io::Result<()> {
    let mut head = Vec::new();
    for line in BufReader::new(stream.try_clone()?).lines() {
        let line = line?;
        if line.is_empty() {
            break;
        }
        head.push(line);
    }
    let request = head.first().map(String::as_str).unwrap_or_default();
    let session = head.iter().find_map(|line| line.split_once("PHPSESSID=")).map(|(_, session)| session);
    let user = session.and_then(|session| users.get(session));
    let status = match request {
        _ if request.starts_with("POST") && request.contains("wrong") => "401 Unauthorized",
        _ if request.starts_with("POST") => "302 Found",
        _ if user.is_none() => "403 Forbidden",
        _ => "200 OK",
    };
    let name = user.map(|user| format!("X-Portal-User: {user}\r\n")).unwrap_or_default();
    write!(stream, "HTTP/1.1 {status}\r\n{name}Content-Length: 2\r\nConnection: close\r\n\r\nok")
}

/// nginx before the upstream.
pub(crate) struct Web {
    _server: Server,
    port: u16,
}

impl Web {
    pub(crate) fn start(scratch: &Scratch, upstream: u16) -> Web {
        let (port, log) = (free_port(), scratch.0.join("access.log"));
        let log_format = scratch
            .write("nginx-log.conf", snippet("nginx/breachd.conf", &[("/var/log/nginx/breachd.json.log", text(&log))]));
        let proxy = scratch.write("nginx-proxy.conf", snippet("nginx/breachd-proxy.conf", &[]));
        let as_root = if is_root() { "user root;" } else { "" };
        let own = scratch.0.display();
        let config = scratch.write(
            "nginx.conf",
            format!(
                "{as_root} daemon off; pid {own}/nginx.pid; error_log {own}/nginx.log; worker_processes 1;\n\
                 events {{ worker_connections 64; }}\nhttp {{\n\
                 client_body_temp_path {own}/n1; proxy_temp_path {own}/n2; fastcgi_temp_path {own}/n3; uwsgi_temp_path {own}/n4;\n\
                 scgi_temp_path {own}/n5; set_real_ip_from 127.0.0.1; real_ip_header X-Forwarded-For;\n\
                 include {log_format};\n\
                 server {{ listen 127.0.0.1:{port}; location / {{ include {proxy}; proxy_pass http://127.0.0.1:{upstream}; }} }}\n}}\n",
                log_format = log_format.display(),
                proxy = proxy.display(),
            ),
        );
        let errors = scratch.0.join("nginx.log");
        let mut server = Server::start("nginx", scratch, command("nginx").arg("-e").arg(errors).arg("-c").arg(config));
        server.until("nginx listens", || TcpStream::connect(("127.0.0.1", port)).ok());
        Web { _server: server, port }
    }

    /// A request of somebody behind the load balancer that the test is.
    pub(crate) fn send(&self, line: &str, address: &str, session: Option<&str>) {
        let cookie = session.map(|session| format!("Cookie: PHPSESSID={session}\r\n")).unwrap_or_default();
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("nginx");
        write!(
            stream,
            "{line} HTTP/1.1\r\nHost: portal\r\nX-Forwarded-For: {address}\r\n{cookie}Content-Length: 0\r\nConnection: close\r\n\r\n"
        )
        .expect("nginx");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        assert!(!answer.to_ascii_lowercase().contains("x-portal-user"), "{answer}");
    }
}

/// The hr_audit log that the Magento module's own classes write.
pub(crate) fn write_hr_audit(scratch: &Scratch, entries: &str) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sources/hr_audit.php");
    let entries = scratch.write("hr_audit.in", entries);
    let entries = fs::File::open(entries).expect("what was written");
    let output = command("php").arg(script).arg(&scratch.0).stdin(entries).output().expect("php");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

/// rsyslog, from files to topics.
pub(crate) struct Shipper {
    _server: Server,
}

impl Shipper {
    /// `files`: access log, audit log, slow log, hr_audit.
    pub(crate) fn start(scratch: &Scratch, kafka: &str, prefix: &str, files: [&Path; 4]) -> Shipper {
        let spool = scratch.0.join("spool");
        fs::create_dir_all(&spool).expect("a directory");
        let [access, audit, slow, hr_audit] = files.map(text);
        let config = snippet(
            "rsyslog/breachd.conf",
            &[
                ("127.0.0.1:9092", kafka),
                ("logs.nginx.access", &format!("{prefix}-access")),
                ("logs.mariadb.audit", &format!("{prefix}-audit")),
                ("logs.mariadb.slow", &format!("{prefix}-slow")),
                ("/var/log/nginx/breachd.json.log", access),
                ("/var/log/mysql/server_audit.log", audit),
                ("/var/log/mysql/breachd-slow.log", slow),
                ("logs.magento.hr_audit", &format!("{prefix}-hr_audit")),
                ("/var/www/magento/var/log/hr_audit.json.log", hr_audit),
                ("/var/spool/rsyslog", text(&spool)),
            ],
        );
        let config = scratch.write("rsyslog.conf", config);
        let server = Server::start(
            "rsyslogd",
            scratch,
            command("rsyslogd").arg("-n").arg("-f").arg(config).arg("-i").arg(spool.join("pid")),
        );
        Shipper { _server: server }
    }
}
