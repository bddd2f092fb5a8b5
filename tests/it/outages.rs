//! What takes minutes: brokers that die, records that are gone, a full disk, a crowd of a million and too little memory. Each on brokers of its own. `tests/nightly` runs them.

use crate::{
    faults::{Running, Site, all_end_well},
    harness::{Scratch, free_port, topic, unique, until, within},
    simulation::world::{DAYS, PARTITIONS},
};
use std::{
    path::Path,
    process::{Command, Output},
    thread,
    time::Duration,
};
use stream::Outgoing;

/// Less than the process needs for the crowd, and more than for the days before.
const TOO_LITTLE_MIB: u64 = 600;
/// A third more than it was seen to need.
const ENOUGH_MIB: u64 = 6_000;
/// How long anything may take that a million lines are in the way of.
const CROWD_WAIT: Duration = Duration::from_secs(900);

/// Kafka brokers of one test, gone with it.
struct Cluster {
    scratch: Scratch,
    port: u16,
    nodes: u16,
}

impl Cluster {
    fn up(nodes: u16, data: Option<&Path>) -> Cluster {
        let scratch = Scratch::new("cluster");
        let cluster = Cluster { port: free_port(), nodes, scratch };
        let (port, nodes) = (cluster.port.to_string(), nodes.to_string());
        if let Some(data) = data {
            // The only node's data lie there.
            std::fs::create_dir_all(cluster.scratch.0.join("node-1")).unwrap();
            std::os::unix::fs::symlink(data, cluster.scratch.0.join("node-1/data")).unwrap();
        }
        cluster.kafka(&["cluster", "up", &nodes, "--port", &port]);
        cluster
    }

    fn servers(&self) -> String {
        let servers: Vec<String> = (0..self.nodes).map(|node| format!("127.0.0.1:{}", self.port + node)).collect();
        servers.join(",")
    }

    fn try_kafka(&self, arguments: &[&str]) -> Output {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kafka");
        Command::new(script).arg("--dir").arg(&self.scratch.0).args(arguments).output().unwrap()
    }

    fn kafka(&self, arguments: &[&str]) -> String {
        let output = self.try_kafka(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.try_kafka(&["clean"]);
    }
}

#[test]
#[ignore = "nightly"]
fn nightly_brokers_that_die_cost_time_and_nothing_else() {
    let cluster = Cluster::up(3, None);
    let site = Site::at(&cluster.servers(), "brokers", 5);
    let mut running = [site.instance("one").run(), site.instance("two").run()];
    until("both are ready", || running[0].is_ready().and_then(|()| running[1].is_ready()));
    site.produce(0);
    cluster.kafka(&["kill", "2"]);
    (1..3).for_each(|day| site.produce(day));
    cluster.kafka(&["start", "2"]);
    site.produce(3);
    cluster.kafka(&["kill"]);
    // The fault itself: nobody is there for a minute.
    for _ in 0..60 {
        thread::sleep(Duration::from_secs(1));
        running.iter_mut().for_each(Running::tend);
    }
    cluster.kafka(&["start"]);
    (4..6).for_each(|day| site.produce(day));
    site.judge(&mut running);
    all_end_well(running.into());
}

/// What is gone cannot be counted; that it is gone must be.
#[test]
#[ignore = "nightly"]
fn nightly_records_deleted_before_they_were_read_are_told() {
    let cluster = Cluster::up(1, None);
    let site = Site::at(&cluster.servers(), "deleted", 6);
    let access = site.topic("access");
    let delete = || {
        let ends = site.broker.end_offsets(&access).unwrap();
        let places: Vec<String> = (0..PARTITIONS as usize)
            .map(|number| format!("{{\"topic\":\"{access}\",\"partition\":{number},\"offset\":{}}}", ends[number]))
            .collect();
        let list = format!("{{\"partitions\":[{}],\"version\":1}}", places.join(","));
        let file = cluster.scratch.write("delete.json", list);
        cluster.kafka(&["cli", "delete-records", "--offset-json-file", file.to_str().unwrap()]);
    };
    let mut running = site.instance("one").run();
    site.produce(0);
    site.await_taken("access");
    assert_eq!(running.daemon.terminate(), Some(0));
    site.produce(1);
    delete();
    site.produce(2);
    running.tend();
    site.await_taken("access");
    let times =
        |running: &Running| running.instance.said().matches("records were deleted before they were read").count();
    let at_a_start = times(&running);
    assert!(0 < at_a_start);
    let counted = until("the gap is counted", || Some(running.violations()).filter(|n| *n > 0));

    // The same while it runs, and is slow.
    running.daemon.signal("STOP");
    site.produce(3);
    delete();
    site.produce(4);
    running.daemon.signal("CONT");
    site.await_taken("access");
    assert!(at_a_start < times(&running));
    until("that gap is counted too", || (running.violations() > counted).then_some(()));
    assert_eq!(running.daemon.terminate(), Some(0));
}

/// Deleted and made again under a running instance: what is in the new one is read from its first record, and that something is gone is
/// said. (One that has grown beyond the old one before anybody looks is read from where the old one was: offsets are all there is to tell.)
#[test]
#[ignore = "nightly"]
fn nightly_a_topic_made_anew_is_read_from_its_first_record() {
    let cluster = Cluster::up(1, None);
    let site = Site::at(&cluster.servers(), "anew", 7);
    let mut running = site.instance("one").run();
    (0..DAYS as usize).for_each(|day| site.produce(day));
    site.await_taken("access");
    let access = site.topic("access");
    let before = site.broker.end_offsets(&access).unwrap();
    cluster.kafka(&["cli", "topics", "--delete", "--topic", &access]);
    until("it is gone", || site.broker.partitions(&access).unwrap().is_none().then_some(()));
    until("it is there again", || {
        running.tend();
        site.broker.create_topics(&[topic(&access, PARTITIONS)]).ok()?;
        site.broker.partitions(&access).unwrap().map(drop)
    });
    (0..2).for_each(|day| site.produce(day));
    let ends = site.broker.end_offsets(&access).unwrap();
    assert!(ends.iter().zip(&before).all(|(end, before)| 0 < *end && end < before), "{ends:?} {before:?}");
    until("all of the new one is told", || {
        running.tend();
        (site.told("access") == ends).then_some(())
    });
    let said = running.instance.said();
    assert!(said.contains("the topic was made anew or has lost its tail"), "{said}");
    until("and counted", || (running.violations() > 0).then_some(()));
    assert_eq!(running.daemon.terminate(), Some(0));
}

/// A file system of its own, which needs root.
struct Small(std::path::PathBuf);

impl Small {
    fn mount(at: std::path::PathBuf, size: &str) -> Small {
        std::fs::create_dir_all(&at).unwrap();
        let status =
            Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(&at).status();
        assert!(status.is_ok_and(|status| status.success()), "only root can mount a file system that is soon full");
        Small(at)
    }

    /// Leaves no room.
    fn fill(&self) {
        let mut filler = std::fs::File::create(self.0.join("filler")).unwrap();
        let block = vec![0_u8; 64 << 10];
        while std::io::Write::write_all(&mut filler, &block).is_ok() {}
    }

    fn empty(&self) {
        std::fs::remove_file(self.0.join("filler")).unwrap();
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// The broker's disk is full in the middle of it; once there is room again and the broker has been started, everything goes on.
#[test]
#[ignore = "nightly"]
fn nightly_a_full_disk_costs_time_and_nothing_else() {
    let scratch = Scratch::new("small-disk");
    let disk = Small::mount(scratch.0.join("disk"), "600m");
    let data = disk.0.join("data");
    std::fs::create_dir(&data).unwrap();
    let cluster = Cluster::up(1, Some(&data));
    let site = Site::at(&cluster.servers(), "full", 2);
    let mut running = [site.instance("one").run(), site.instance("two").run()];
    until("both are ready", || running[0].is_ready().and_then(|()| running[1].is_ready()));
    (0..3).for_each(|day| site.produce(day));
    let filler = format!("{}-filler", site.prefix);
    site.broker.create_topics(&[topic(&filler, 1)]).unwrap();
    disk.fill();
    until("the broker gives up", || {
        running.iter_mut().for_each(Running::tend);
        // It notices with the next thing that it has to write down.
        if let Ok(mut appender) = site.broker.appender() {
            let (topic, payload) = (filler.clone(), vec![0; 64 << 10]);
            let _ = appender.send(Outgoing { topic, partition: Some(0), payload, ..Outgoing::default() });
            let _ = appender.flush();
        }
        cluster.kafka(&["status"]).contains(" down").then_some(())
    });
    disk.empty();
    cluster.kafka(&["start"]);
    (3..6).for_each(|day| site.produce(day));
    site.judge(&mut running);
    all_end_well(running.into());
}

/// A control group (of version 1 or 2) whose memory is limited, which needs root.
struct Memory(std::path::PathBuf);

impl Memory {
    const V1: &str = "/sys/fs/cgroup/memory";

    fn new() -> Memory {
        let root = if Path::new(Self::V1).exists() { Self::V1 } else { "/sys/fs/cgroup" };
        let group = Path::new(root).join(unique("memory"));
        std::fs::create_dir(&group).expect("only root can limit the memory of a process");
        Memory(group)
    }

    fn is_v1(&self) -> bool {
        self.0.starts_with(Self::V1)
    }

    fn limit(&self, mib: u64) {
        let name = if self.is_v1() { "memory.limit_in_bytes" } else { "memory.max" };
        std::fs::write(self.0.join(name), (mib << 20).to_string()).unwrap();
    }

    /// It counts from now on. False: it has ended already.
    fn hold(&self, running: &Running) -> bool {
        std::fs::write(self.0.join("cgroup.procs"), running.daemon.id().to_string()).is_ok()
    }

    /// How often the kernel has killed a process here.
    fn kills(&self) -> u64 {
        let name = if self.is_v1() { "memory.oom_control" } else { "memory.events" };
        let text = std::fs::read_to_string(self.0.join(name)).unwrap();
        text.lines().find_map(|line| line.strip_prefix("oom_kill ")).unwrap().parse().unwrap()
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir(&self.0);
    }
}

/// A million people and a million addresses that nobody knows, within a minute. With too little memory the kernel kills it, again and again;
/// with enough of it, it goes on where it was.
#[test]
#[ignore = "nightly"]
fn nightly_a_crowd_of_a_million_and_too_little_memory_cost_time_and_nothing_else() {
    const CROWD: usize = 1_000_000;
    let cluster = Cluster::up(1, None);
    let site = Site::at(&cluster.servers(), "crowd", 3);
    let mut running = [site.instance("one").run()];
    until("it is ready", || running[0].is_ready());
    (0..3).for_each(|day| site.produce(day));
    site.await_taken("access");
    let memory = Memory::new();
    memory.limit(TOO_LITTLE_MIB);
    assert!(memory.hold(&running[0]));
    site.produce_crowd(2, CROWD);
    within(CROWD_WAIT, "the kernel kills it", || {
        let before = running[0].daemon.id();
        running[0].tend();
        if running[0].daemon.id() != before {
            memory.hold(&running[0]);
        }
        (memory.kills() >= 2).then_some(())
    });
    memory.limit(ENOUGH_MIB);
    let kills = memory.kills();
    (3..DAYS as usize).for_each(|day| site.produce(day));
    within(CROWD_WAIT, "everything is taken in", || {
        running[0].tend();
        site.has_taken("access")
    });
    site.judge(&mut running);
    let (peak_mib, cpu_seconds) = running[0].daemon.used();
    eprintln!("a crowd of {CROWD}: {peak_mib} MiB at most, {cpu_seconds} s of processor time");
    assert_eq!(memory.kills(), kills, "{ENOUGH_MIB} MiB are enough");
    all_end_well(running.into());
}
