//! Which roles run here, and whether they make progress: what `/livez` and `/readyz` answer.
//!
//! Own state only: a probe that asks Kafka makes every instance restart when Kafka is slow, which helps nobody.

use crate::cli::RoleName;
use dashmap::DashMap;
use std::time::{Duration, Instant};

/// A role whose loop has not come round for this long is not alive.
pub const STALLED_AFTER: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug)]
struct Health {
    ready: bool,
    beat: Instant,
    failed: bool,
}

/// Shared by all roles of one process; each writes its own entry, the console reads all.
#[derive(Debug, Default)]
pub struct Healths {
    roles: DashMap<RoleName, Health>,
}

impl Healths {
    /// A role is about to start: alive, not ready.
    pub fn starting(&self, role: RoleName) {
        self.roles.insert(role, Health { ready: false, beat: Instant::now(), failed: false });
    }

    pub fn beat(&self, role: RoleName) {
        if let Some(mut health) = self.roles.get_mut(&role) {
            health.beat = Instant::now();
        }
    }

    pub fn ready(&self, role: RoleName) {
        if let Some(mut health) = self.roles.get_mut(&role) {
            health.ready = true;
        }
    }

    /// Whether the role plays here, has caught up and has not failed.
    pub fn is_ready(&self, role: RoleName) -> bool {
        self.roles.get(&role).is_some_and(|health| health.ready && !health.failed)
    }

    pub fn failed(&self, role: RoleName) {
        if let Some(mut health) = self.roles.get_mut(&role) {
            health.failed = true;
        }
    }

    /// Every role's loop came round lately.
    pub fn live(&self) -> bool {
        self.roles.iter().all(|health| !health.failed && health.beat.elapsed() < STALLED_AFTER)
    }

    /// Why this process is not ready; empty: it is.
    pub fn unready(&self) -> Vec<String> {
        let mut reasons: Vec<String> = self
            .roles
            .iter()
            .filter_map(|entry| {
                let role = entry.key();
                match entry.value() {
                    health if health.failed => Some(format!("{role} has failed")),
                    health if !health.ready => Some(format!("{role} is starting")),
                    health if health.beat.elapsed() >= STALLED_AFTER => Some(format!("{role} makes no progress")),
                    _ => None,
                }
            })
            .collect();
        reasons.sort();
        reasons
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_means_every_role_is() {
        let healths = Healths::default();
        healths.starting(RoleName::Ingest);
        healths.starting(RoleName::Detector);
        healths.ready(RoleName::Ingest);
        assert_eq!(healths.unready(), ["detector is starting"]);
        healths.ready(RoleName::Detector);
        assert!(healths.unready().is_empty() && healths.live());
        healths.failed(RoleName::Ingest);
        assert_eq!(healths.unready(), ["ingest has failed"]);
        assert!(!healths.live());
    }
}
