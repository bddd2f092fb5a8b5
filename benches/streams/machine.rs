//! What processes cost, by `/proc`.

use super::broker::{Fallible, cpu_seconds};
use std::{collections::BTreeSet, fs};

/// User and system time of the children of this process that have ended, and of theirs, in seconds.
pub(crate) fn children_cpu_seconds() -> Fallible<f64> {
    let text = fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = text.rsplit_once(") ").ok_or("/proc/self/stat has another shape")?;
    // cutime and cstime are the 16th and 17th field, in the kernel's USER_HZ.
    let ticks: Result<Vec<u64>, _> = fields.split(' ').skip(13).take(2).map(str::parse).collect();
    Ok(ticks?.iter().sum::<u64>() as f64 / 100.0)
}

/// Resident bytes of a process.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Resident {
    pub(crate) now: u64,
    /// The most it ever had.
    pub(crate) peak: u64,
}

impl Resident {
    pub(crate) fn of(pid: u32) -> Fallible<Resident> {
        let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let bytes = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            let kib = line.and_then(|line| line.split_whitespace().next()).and_then(|kib| kib.parse::<u64>().ok());
            kib.map_or(0, |kib| kib << 10)
        };
        Ok(Resident { now: bytes("VmRSS:"), peak: bytes("VmHWM:") })
    }
}

/// The broker's processor time: that of whoever listens at its address on this machine. `None`: it cannot be told.
#[derive(Debug)]
pub(crate) struct Listener(Option<u32>);

impl Listener {
    pub(crate) fn at(address: &str) -> Listener {
        let port = address.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
        Listener(port.and_then(|port| owner(&sockets(port))))
    }

    /// In seconds, since it started.
    pub(crate) fn cpu_seconds(&self) -> Option<f64> {
        self.0.and_then(|pid| cpu_seconds(pid).ok())
    }
}

/// Inodes of the sockets that listen at a port.
fn sockets(port: u16) -> BTreeSet<String> {
    let mut inodes = BTreeSet::new();
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        for line in fs::read_to_string(table).unwrap_or_default().lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let (Some(local), Some(&"0A"), Some(inode)) = (fields.get(1), fields.get(3), fields.get(9)) else {
                continue;
            };
            let at = local.rsplit_once(':').and_then(|(_, port)| u16::from_str_radix(port, 16).ok());
            if at == Some(port) {
                inodes.insert(format!("socket:[{inode}]"));
            }
        }
    }
    inodes
}

fn owner(sockets: &BTreeSet<String>) -> Option<u32> {
    let processes = fs::read_dir("/proc").ok()?.flatten();
    processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()).find(|pid| {
        let open = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        open.filter_map(|file| fs::read_link(file.path()).ok()).any(|to| sockets.contains(&*to.to_string_lossy()))
    })
}
