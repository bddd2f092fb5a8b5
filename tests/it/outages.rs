//! What takes minutes: brokers that die, records that are gone, a full disk. Each on brokers of its own. `tests/nightly` runs them.

use crate::{
    faults::{Running, Site, all_end_well},
    harness::{Scratch, free_port, topic, until},
    simulation::world::{DAYS, PARTITIONS},
};
use std::{
    path::Path,
    process::{Command, Output},
    thread,
    time::Duration,
};
use stream::Outgoing;

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
    let one = site.instance("one");
    let mut running = one.run();
    (0..2).for_each(|day| site.produce(day));
    site.await_taken("access");
    assert_eq!(running.daemon.terminate(), Some(0));
    (2..4).for_each(|day| site.produce(day));
    let access = site.topic("access");
    let ends = site.broker.end_offsets(&access).unwrap();
    let places: Vec<String> = (0..PARTITIONS as usize)
        .map(|number| format!("{{\"topic\":\"{access}\",\"partition\":{number},\"offset\":{}}}", ends[number]))
        .collect();
    let file = cluster.scratch.write("delete.json", format!("{{\"partitions\":[{}],\"version\":1}}", places.join(",")));
    cluster.kafka(&["cli", "delete-records", "--offset-json-file", file.to_str().unwrap()]);
    (4..6).for_each(|day| site.produce(day));
    running.tend();
    site.await_taken("access");
    let said = running.instance.said();
    assert!(said.contains("records were deleted before they were read"), "{said}");
    until("the gap is counted", || {
        let violations = running.violations();
        (violations > 0).then_some(())
    });
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
