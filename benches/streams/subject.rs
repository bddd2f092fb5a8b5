//! breachd as it is run, and as it reads the same lines from files.

use super::{
    Backlog, Bench, Topics,
    broker::{Daemon, Fallible, Folder, PAUSE, breachd, cpu_seconds, metrics, within},
    covered::Covered,
    machine::Resident,
};
use std::{
    collections::BTreeMap,
    fs,
    net::TcpListener,
    path::PathBuf,
    process::{Command, Stdio},
    time::{Duration, Instant},
};
use stream::Reader;

const ROLES: &str = "ingest,detector,notifier,console";

/// How old breachd's gauge of the lag may be, generously.
const GAUGE_AGE: Duration = Duration::from_millis(1500);

/// One instance, or several that share the work.
pub(crate) struct Subject<'a> {
    bench: &'a Bench,
    pub(crate) instances: Vec<Instance>,
    pub(crate) prefix: String,
    pub(crate) began: Instant,
    covered: Option<Covered>,
    _folder: Folder,
}

pub(crate) struct Instance {
    config: PathBuf,
    pub(crate) console: String,
    pub(crate) daemon: Daemon,
}

/// When something was worked off, and what it had cost by then.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spent {
    pub(crate) cpu_seconds: f64,
    /// Records a second, from the first sign of progress on.
    pub(crate) rate: f64,
    pub(crate) resident_bytes: u64,
}

impl<'a> Subject<'a> {
    pub(crate) fn start(bench: &'a Bench, topics: &Topics, name: &str, n_instances: usize) -> Fallible<Subject<'a>> {
        let prefix = format!("{}-{name}", topics.name);
        let folder = Folder::new(&prefix)?;
        let mut instances = Vec::new();
        let began = Instant::now();
        for n in 0..n_instances {
            let console = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
            let config = folder.0.join(format!("breachd-{n}.toml"));
            let head = format!(
                "instance = \"bench-{n}\"\n\
                 [kafka]\nbootstrap_servers = \"{}\"\n[topics]\nprefix = \"{prefix}\"\n[console]\nlisten = \"{console}\"\n",
                bench.kafka.address
            );
            fs::write(&config, head + &sources(topics))?;
            let daemon = breachd(ROLES, &config)?;
            instances.push(Instance { config, console, daemon });
        }
        Ok(Subject { bench, instances, prefix, began, covered: None, _folder: folder })
    }

    pub(crate) fn alive(&mut self) -> Fallible<()> {
        self.instances.iter_mut().try_for_each(|instance| instance.daemon.alive())
    }

    pub(crate) fn topic(&self, name: &str) -> String {
        format!("{}.{name}", self.prefix)
    }

    /// Until so many records are tallied and judged.
    pub(crate) fn work_off(&mut self, n_records: u64) -> Fallible<Spent> {
        let began = Instant::now();
        let tallies = self.topic("tallies");
        if self.covered.is_none() {
            let daemon = &mut self.instances[0].daemon;
            self.covered = Some(Covered::wait_for(self.bench.broker.as_ref(), &tallies, began, daemon)?);
        }
        let mut first = None;
        loop {
            within(began, "working records off")?;
            self.alive()?;
            let Some(covered) = &mut self.covered else { unreachable!("it was opened above") };
            covered.poll()?;
            if covered.records > 0 && first.is_none() {
                first = Some((Instant::now(), covered.records));
            }
            if covered.records >= n_records {
                let unread = covered.dead_lettered + covered.late;
                assert_eq!((covered.records, unread), (n_records, 0), "every record is counted, and once");
                break;
            }
        }
        let tallied = Instant::now();
        let caught_up = format!("breachd_consumer_lag_records{{topic=\"{tallies}\"}} 0");
        loop {
            let mut all = tallied.elapsed() >= GAUGE_AGE;
            for instance in &self.instances {
                all = all && metrics(&instance.console)?.lines().any(|line| line == caught_up);
            }
            if all {
                break;
            }
            within(began, "judging")?;
            self.alive()?;
            std::thread::sleep(PAUSE);
        }
        let (mut cpu, mut resident_bytes) = (0.0, 0);
        for instance in &self.instances {
            cpu += cpu_seconds(instance.daemon.id())?;
            resident_bytes += Resident::of(instance.daemon.id())?.peak;
        }
        // All at once: there is no better beginning than the process's.
        let (from, before) = first.filter(|(_, n)| *n < n_records).unwrap_or((self.began, 0));
        let rate = (n_records - before) as f64 / from.elapsed().as_secs_f64();
        Ok(Spent { cpu_seconds: cpu, rate, resident_bytes })
    }

    /// Readable alerts from the beginning on.
    pub(crate) fn alerts(&mut self) -> Fallible<Box<dyn Reader>> {
        let topic = self.topic("alerts");
        let began = Instant::now();
        loop {
            if self.bench.broker.partitions(&topic)?.is_some() {
                match self.bench.broker.read(&[(&topic, Vec::new())]) {
                    Ok(reader) => return Ok(reader),
                    Err(error) if error.retry() => {}
                    Err(error) => return Err(error.into()),
                }
            }
            within(began, "creating topics")?;
            self.alive()?;
            std::thread::sleep(PAUSE);
        }
    }

    /// Waits until exactly these alerts are there: an hour that stays silent is closed by wall time only.
    pub(crate) fn compare(&mut self, expected: &Raised) -> Fallible<()> {
        let mut reader = self.alerts()?;
        let (began, mut raised) = (Instant::now(), Raised::new());
        while raised != *expected {
            self.alive()?;
            let mut texts = Vec::new();
            reader.poll(1000, PAUSE, &mut |record| texts.push(record.payload.unwrap_or_default().to_vec()))?;
            for text in texts {
                let (id, decision) = decision(&text)?;
                if expected.get(&id) != Some(&decision) {
                    return Err(
                        format!("breachd raised {id} as {decision:?}, which a replay of the lines does not").into()
                    );
                }
                raised.insert(id, decision);
            }
            if within(began, "alerts").is_err() {
                return Err(format!("{} of {} alerts of a replay were raised", raised.len(), expected.len()).into());
            }
        }
        Ok(())
    }

    /// kill -9 of the only instance, and another start under its name.
    pub(crate) fn kill_and_start(&mut self) -> Fallible<()> {
        let instance = self.instances.pop().ok_or("nobody to kill")?;
        let Instance { config, console, daemon } = instance;
        // Kills with SIGKILL, and waits for the end.
        drop(daemon);
        self.began = Instant::now();
        let daemon = breachd(ROLES, &config)?;
        self.instances.push(Instance { config, console, daemon });
        Ok(())
    }

    pub(crate) fn pid(&self) -> u32 {
        self.instances[0].daemon.id()
    }
}

fn sources(topics: &Topics) -> String {
    format!(
        "[classification.tables]\n\"hr.*\" = \"hr\"\n[classification.routes]\n\"/api/v1/employees/**\" = \"hr\"\n\
         [[sources]]\nname = \"access\"\nformat = \"nginx_json\"\ntopic = \"{}\"\n\
         [[sources]]\nname = \"audit\"\nformat = \"mariadb_server_audit\"\nzone = \"UTC\"\ntopic = \"{}\"\n",
        topics.access, topics.audit
    )
}

/// Severity and page, by id: what must not depend on who read when.
pub(crate) type Raised = BTreeMap<String, (String, bool)>;

fn decision(json: &[u8]) -> Fallible<(String, (String, bool))> {
    let alert: serde_json::Value = serde_json::from_slice(json)?;
    let text = |name: &str| alert[name].as_str().map(str::to_owned).ok_or(format!("an alert without `{name}`"));
    Ok((text("alert_id")?, (text("severity")?, alert["page"].as_bool().unwrap_or_default())))
}

/// What `breachd replay` raises from the same lines.
pub(crate) fn replayed(bench: &Bench, backlog: &Backlog) -> Fallible<Raised> {
    let folder = Folder::new(&format!("{}-replay", backlog.topics.name))?;
    let (config, alerts) = (folder.0.join("breachd.toml"), folder.0.join("alerts.jsonl"));
    let head = format!("[kafka]\nbootstrap_servers = \"{}\"\n", bench.kafka.address);
    fs::write(&config, head + &sources(&backlog.topics))?;
    let [access, audit] = &backlog.files;
    let status = Command::new(env!("CARGO_BIN_EXE_breachd"))
        .args(["--log-level", "warn", "replay", "--config"])
        .arg(&config)
        .args(["--input", &format!("access:nginx_json={}", access.display())])
        .args(["--input", &format!("audit:mariadb_server_audit={}@UTC", audit.display())])
        .arg("--alerts")
        .arg(&alerts)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()?;
    if !status.success() {
        return Err(format!("breachd replay: {status}").into());
    }
    fs::read_to_string(alerts)?.lines().map(|line| decision(line.as_bytes())).collect()
}
