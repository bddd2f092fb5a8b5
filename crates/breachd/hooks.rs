//! Who may post to us, and with which secrets: read from the configuration, anew with each reload.

use crate::hr_systems::{self, HrSystem, HrSystemSettings};
use notifier::{ChannelHook, ChannelSettings};
use std::collections::BTreeMap;

/// All hooks that are open.
#[derive(Clone, Debug, Default)]
pub struct Hooks {
    channels: BTreeMap<String, ChannelHook>,
    hr_systems: BTreeMap<String, HrSystem>,
}

impl Hooks {
    /// Reads the secrets; what is wrong goes to `mistakes`: (key path, problem).
    pub(crate) fn read(
        channels: &[ChannelSettings],
        systems: &[HrSystemSettings],
        mistakes: &mut Vec<(String, String)>,
    ) -> Hooks {
        let mut hooks = Hooks::default();
        for (at, channel) in channels.iter().enumerate() {
            match ChannelHook::of(channel) {
                None => {}
                Some(Ok(hook)) => {
                    hooks.channels.insert(channel.name().to_owned(), hook);
                }
                Some(Err((key, problem))) => mistakes.push((format!("channels[{at}].{key}"), problem)),
            }
        }
        hr_systems::open(systems, channels, &mut hooks, mistakes);
        hooks
    }

    pub fn channel(&self, name: &str) -> Option<&ChannelHook> {
        self.channels.get(name)
    }

    pub fn hr_system(&self, name: &str) -> Option<&HrSystem> {
        self.hr_systems.get(name)
    }

    pub(crate) fn open_hr(&mut self, name: &str, system: HrSystem) {
        self.hr_systems.insert(name.to_owned(), system);
    }

    /// Their names as they stand in addresses and metrics.
    pub fn names(&self) -> Vec<String> {
        self.channels.keys().cloned().chain(self.hr_systems.keys().map(|name| format!("hr/{name}"))).collect()
    }
}
