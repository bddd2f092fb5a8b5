//! The folder of signature rules, read again when it changes: files added, edited, removed.
//!
//! The same look as at the networks and the HR directory ([`crate::reload`]): every few seconds each file's modification time, length and
//! inode, and a change is taken up once two looks in a row find the same. Notifications by the kernel (inotify) were weighed and left:
//! they tell nothing of folders on a network or of the symbolic links that Kubernetes exchanges behind a mounted ConfigMap, they
//! overflow, and they would come file by file, so that one had to wait for rest all the same. The price of looking is a `stat` per file.
//!
//! All files are read and checked together, as at a start. A mistake in one, a folder that is gone, or a rule named in `off` that was
//! removed: each is told with its place, the old rules stay in force as a whole, and `breachd_signature_last_reload_successful` is 0 until
//! a reading succeeds. What is wrong is read again only when something has changed.
//!
//! SIGHUP may put another configuration, with another folder, in force meanwhile. Rules are taken up only under the configuration
//! under which they were read, and a new configuration is followed by a look of its own.

use crate::{
    context::Context,
    reload::{Stamp, stamp},
    settings::Settings,
    signatures::{self, Wrong},
};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// What tells one content of the folder from another without reading it; a folder that cannot be listed is one name without a stamp.
type Content = Vec<(PathBuf, Stamp)>;

/// What was last seen, and under which configuration.
#[derive(Debug)]
struct Watcher<S> {
    under: Option<Arc<S>>,
    /// Of the rules that are in force, or that were refused.
    taken: Content,
    /// At the last look.
    seen: Content,
}

/// Looks at the folder until the context says stop.
pub async fn watch(context: Arc<Context>) {
    let mut watcher = Watcher { under: None, taken: Content::new(), seen: Content::new() };
    while !context.stop.requested() {
        tokio::time::sleep(context.latest().signatures.look_every.0).await;
        let shared = Arc::clone(&context);
        // The folder may lie on a network that hangs: not on the runtime's own threads.
        let looked = tokio::task::spawn_blocking(move || {
            let latest = shared.latest();
            if watcher.changed(&latest, latest.signatures.folder.as_deref()) {
                take_up(&shared, &latest);
            }
            watcher
        });
        match looked.await {
            Ok(back) => watcher = back,
            Err(error) if error.is_panic() => {
                tracing::error!(%error, "reading the signature rules failed; the old ones stay, and the folder is looked at again");
                context.metrics.signature_reload(false);
                watcher = Watcher { under: None, taken: Content::new(), seen: Content::new() };
            }
            Err(_) => return,
        }
    }
}

impl<S> Watcher<S> {
    /// Whether the folder holds what has come to rest and was not read under this configuration.
    fn changed(&mut self, latest: &Arc<S>, folder: Option<&Path>) -> bool {
        let now = folder.map_or_else(Content::new, content);
        let rests = now == self.seen;
        self.seen.clone_from(&now);
        let known = self.under.as_ref().is_some_and(|under| Arc::ptr_eq(under, latest));
        if folder.is_none() || !rests || (known && now == self.taken) {
            return false;
        }
        self.taken = now;
        self.under = Some(Arc::clone(latest));
        true
    }
}

fn content(folder: &Path) -> Content {
    signatures::files(folder).map_or_else(
        |_| vec![(folder.to_owned(), None)],
        |files| files.into_iter().map(|file| (file.clone(), stamp(&file))).collect(),
    )
}

fn take_up(context: &Context, latest: &Arc<Settings>) {
    match signatures::read(&latest.signatures) {
        Ok(rules) if rules.digest() == context.rules.get().digest() => context.metrics.signature_reload(true),
        Ok(rules) => {
            let (n, digest) = (rules.rules().len(), rules.digest().to_owned());
            if context.take_rules(latest, Arc::new(rules)) {
                tracing::info!(rules = n, digest, "the folder of signature rules has changed, and is taken up");
            }
        }
        Err(wrong) => {
            for wrong in wrong {
                let (place, problem) = match wrong {
                    Wrong::File { file, line, problem } => (format!("{}:{line}", file.display()), problem),
                    Wrong::Setting { key, problem } => (format!("signatures.{key}"), problem),
                };
                tracing::error!(%place, %problem, "the folder of signature rules has changed, but is not taken up: the old rules stay in force");
            }
            context.metrics.signature_reload(false);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn what_is_added_edited_or_removed_is_seen_once_and_only_when_it_rests() {
        let folder = std::env::temp_dir().join(format!("breachd-rules-watch-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let mut watcher = Watcher { under: None, taken: Content::new(), seen: Content::new() };
        let first = Arc::new(());
        let mut look = |under: &Arc<()>| watcher.changed(under, Some(&folder));
        // What changed between the reading at the start and the first look would be missed: it is read once more.
        assert!(look(&first) && !look(&first));
        fs::write(folder.join("a.yml"), "a").unwrap();
        assert!(!look(&first) && look(&first) && !look(&first));
        fs::write(folder.join("a.yml"), "ab").unwrap();
        assert!(!look(&first));
        fs::write(folder.join("a.yml"), "abc").unwrap();
        assert!(!look(&first), "it may still be written");
        assert!(look(&first) && !look(&first));
        fs::write(folder.join("notes.txt"), "no rules").unwrap();
        assert!(!look(&first) && !look(&first));
        fs::remove_file(folder.join("a.yml")).unwrap();
        assert!(!look(&first) && look(&first) && !look(&first));
        let second = Arc::new(());
        assert!(look(&second) && !look(&second), "another configuration means other rules");
        fs::remove_dir_all(&folder).unwrap();
        assert!(!look(&second) && look(&second) && !look(&second), "gone: told once");
        assert!(!watcher.changed(&first, None), "no folder, nothing to look at");
    }
}
