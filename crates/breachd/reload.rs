//! Files beside the configuration that are read again when they change: the networks and the HR directory. The folder of signature rules
//! is looked at in the same way, see [`crate::rules_watch`].
//!
//! Every few seconds each file's modification time, length and inode are looked at. A change is taken up once two looks in a
//! row find the same, so that a file being written in place is not read half; replacing it by `mv` is better still. What
//! cannot be read or parsed is said once, the old content stays in force and `breachd_last_reload_successful` is 0 until a
//! reading succeeds. A file that is removed counts as one that cannot be read: no networks at all would be a change for
//! the worse that nobody asked for.
//!
//! Roles ask for [`Current::newer`] in their loops. What is pending is not lost: the ingest role goes on with the same
//! state by another plan, the detector keeps its baselines and looks up roles anew.
//!
//! *Same input, same answer* holds between two changes: when the file changed is part of the input, and a replay knows only
//! its last content.

use crate::{context::Context, settings};
use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

/// Time between two looks at the files.
const LOOK_EVERY: Duration = Duration::from_secs(3);

/// A value that may be replaced; who holds an older one is told.
#[derive(Debug)]
pub struct Current<T> {
    /// A short critical section: the value is cloned or replaced under it, nothing else.
    value: Mutex<Arc<T>>,
    version: AtomicU64,
}

impl<T> Current<T> {
    pub fn new(value: Arc<T>) -> Self {
        Current { value: Mutex::new(value), version: AtomicU64::new(0) }
    }

    pub fn get(&self) -> Arc<T> {
        Arc::clone(&self.value.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn set(&self, value: T) {
        self.put(Arc::new(value));
    }

    pub fn put(&self, value: Arc<T>) {
        *self.value.lock().unwrap_or_else(PoisonError::into_inner) = value;
        self.version.fetch_add(1, Ordering::Release);
    }

    /// The value, if it is another than at `seen`, which is moved on. Costs a load where nothing has changed.
    pub fn newer(&self, seen: &mut u64) -> Option<Arc<T>> {
        let version = self.version.load(Ordering::Acquire);
        (version != *seen).then(|| {
            *seen = version;
            self.get()
        })
    }
}

/// What tells one content of a file from another without reading it; `None`: it is not there.
pub(crate) type Stamp = Option<(SystemTime, u64, u64)>;

/// One file that is looked at.
#[derive(Debug)]
struct Watched {
    path: PathBuf,
    /// Of the content that is in force, or that was refused.
    taken: Stamp,
    /// At the last look.
    seen: Stamp,
}

impl Watched {
    fn new(path: PathBuf) -> Self {
        let taken = stamp(&path);
        Watched { path, taken, seen: taken }
    }

    /// Whether there is new content that has come to rest.
    fn changed(&mut self) -> bool {
        let now = stamp(&self.path);
        let rests = now == self.seen;
        self.seen = now;
        let changed = rests && now != self.taken;
        if changed {
            self.taken = now;
        }
        changed
    }
}

pub(crate) fn stamp(path: &Path) -> Stamp {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len(), metadata.ino()))
}

/// Looks at the files until the context says stop.
pub async fn watch(context: Arc<Context>) {
    let file = |setting: &settings::FileSetting| setting.file.clone().map(Watched::new);
    let geo = &context.settings.geo;
    let mut networks: Vec<Watched> =
        [&geo.file, &geo.operators_file].into_iter().flatten().cloned().map(Watched::new).collect();
    let mut people = file(&context.settings.directory);
    if networks.is_empty() && people.is_none() {
        return;
    }
    while !context.stop.requested() {
        tokio::time::sleep(LOOK_EVERY).await;
        let shared = Arc::clone(&context);
        // Files may lie on a network that hangs: not on the runtime's own threads.
        let looked = tokio::task::spawn_blocking(move || {
            look(&shared, &mut networks, &mut people);
            (networks, people)
        });
        match looked.await {
            Ok(back) => (networks, people) = back,
            Err(_) => return,
        }
    }
}

fn look(context: &Context, networks: &mut [Watched], people: &mut Option<Watched>) {
    // Each is asked, and none twice.
    let changed: Vec<&Watched> = networks.iter_mut().filter_map(|file| file.changed().then_some(&*file)).collect();
    if let Some(file) = changed.first() {
        let read = settings::read_networks(&context.settings.geo).map_err(|(_, problem)| problem);
        report(context, file, read.map(|networks| context.networks.set(networks)));
    }
    if let Some(file) = people
        && file.changed()
    {
        let read = settings::read_people(&file.path, &context.settings.privacy);
        report(context, file, read.map(|people| context.people.set(people)));
    }
}

fn report(context: &Context, file: &Watched, read: Result<(), String>) {
    context.metrics.reload_successful(read.is_ok());
    match read {
        Ok(()) => tracing::info!(file = %file.path.display(), "changed, and taken up"),
        Err(problem) => {
            tracing::error!(file = %file.path.display(), %problem, "changed, but not taken up: the old content stays in force");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_taken_up_once_and_only_when_it_rests() {
        let path = std::env::temp_dir().join(format!("breachd-reload-{}.csv", std::process::id()));
        fs::write(&path, "a").unwrap();
        let mut file = Watched::new(path.clone());
        assert!(!file.changed());
        fs::write(&path, "ab").unwrap();
        assert!(!file.changed(), "it may still be written");
        fs::write(&path, "abc").unwrap();
        assert!(!file.changed());
        assert!(file.changed());
        assert!(!file.changed());
        fs::remove_file(&path).unwrap();
        assert!(!file.changed() && file.changed() && !file.changed());
        fs::write(&path, "abc").unwrap();
        assert!(!file.changed() && file.changed());
        fs::remove_file(&path).unwrap();
    }

    #[test]
    fn holders_are_told_once() {
        let current = Current::new(Arc::new(1));
        let mut seen = 0;
        assert_eq!(current.newer(&mut seen), None);
        current.set(2);
        current.set(3);
        assert_eq!(current.newer(&mut seen).as_deref(), Some(&3));
        assert_eq!(current.newer(&mut seen), None);
    }
}
