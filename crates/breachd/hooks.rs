//! Who may post to us, and with which secrets: read from the configuration, anew with each reload.

use notifier::{ChannelHook, ChannelSettings};
use std::collections::BTreeMap;

/// All hooks that are open.
#[derive(Clone, Debug, Default)]
pub struct Hooks {
    channels: BTreeMap<String, ChannelHook>,
}

impl Hooks {
    /// Reads the secrets; what is wrong goes to `mistakes`: (key path, problem).
    pub(crate) fn read(channels: &[ChannelSettings], mistakes: &mut Vec<(String, String)>) -> Hooks {
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
        hooks
    }

    pub fn channel(&self, name: &str) -> Option<&ChannelHook> {
        self.channels.get(name)
    }

    /// Their names as they stand in addresses and metrics.
    pub fn names(&self) -> Vec<String> {
        self.channels.keys().cloned().collect()
    }
}
