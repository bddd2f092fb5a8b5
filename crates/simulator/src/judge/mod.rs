//! Judges breachd: makes seeded worlds, lets the built binary read each attacked one and its quiet twin, and counts.
//!
//! The binary is run as its users run it, on files and with a configuration that lie in a folder afterwards: what is
//! measured is what is shipped, and anybody can run the same command again. Calling the detector as a library would be
//! faster and would judge something else.

mod report;

pub use report::{Finding, QuietTotals, Report, Totals, Verdict};

use crate::{
    scenario::Labels,
    score::{self, Alert, Score},
    trial::{Settings, Trial},
};
use anyhow::{Context, Result, bail, ensure};
use std::{
    fs::{self, File},
    io::Write,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    process::Command,
};

/// What is judged, and on what.
#[derive(Clone, Debug)]
pub struct Options {
    /// The binary.
    pub breachd: PathBuf,
    /// Where worlds and alerts are written; what is there is overwritten.
    pub out: PathBuf,
    pub seeds: RangeInclusive<u64>,
    /// Length of a world.
    pub weeks: i64,
    /// Of them at the start: without attacks, and alerts do not count.
    pub warm_up_weeks: i64,
    /// From 0 to 1: how far the attacks shrink towards everyday life.
    pub difficulty: f64,
    /// `false_pages_per_week` of breachd's configuration.
    pub budget: f64,
    /// Only worlds without attacks.
    pub quiet_only: bool,
    /// Worlds with people and programs that work on payments, and with attacks on them.
    pub payment: bool,
    /// Say each command, what was missed and which pages were false.
    pub verbose: bool,
}

/// zstd's level for files that are read once.
const COMPRESSION_LEVEL: i32 = 1;

/// Judges world after world; what happens is said to `progress`, a line each.
///
/// Errors: a folder cannot be written, or breachd fails.
pub fn run(options: &Options, progress: &mut dyn Write) -> Result<Report> {
    ensure!(options.warm_up_weeks < options.weeks, "a world of {} weeks has none left to judge", options.weeks);
    let mut verdicts = Vec::new();
    for seed in options.seeds.clone() {
        let verdict = judge(options, seed, progress)?;
        write!(progress, "{}", report::progress(&verdict, options.verbose))?;
        verdicts.push(verdict);
    }
    Ok(Report::new(options, verdicts))
}

/// What somebody else's alerts are worth, in words.
pub fn verdict(labels: &Labels, score: Score) -> String {
    let mut verdict = Verdict::quiet(labels, 0, Score { weeks: score.weeks, ..Score::default() });
    verdict.add(labels, score);
    report::scored(&verdict)
}

fn judge(options: &Options, seed: u64, progress: &mut dyn Write) -> Result<Verdict> {
    let folder = |name: &str| options.out.join(format!("seed-{seed}")).join(name);
    let (quiet_labels, lines) = make(options, seed, false, &folder("quiet"))?;
    let quiet = replay(options, &folder("quiet"), progress)?;
    let quiet_score = score::score(&quiet_labels, &quiet, &[]);
    let mut verdict = Verdict::quiet(&quiet_labels, lines, quiet_score);
    if !options.quiet_only {
        let (labels, _) = make(options, seed, true, &folder("attacked"))?;
        let alerts = replay(options, &folder("attacked"), progress)?;
        verdict.add(&labels, score::score(&labels, &alerts, &quiet));
    }
    Ok(verdict)
}

/// Writes the world's folder; its labels, and how many lines its logs have.
fn make(options: &Options, seed: u64, attacked: bool, folder: &Path) -> Result<(Labels, usize)> {
    let Options { weeks, warm_up_weeks, difficulty, payment, .. } = *options;
    let trial = Trial::new(Settings { seed, weeks, warm_up_weeks, difficulty, attacked, users: None, payment });
    fs::create_dir_all(folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
    let mut lines = 0;
    for (name, text) in trial.files(options.budget) {
        let path = folder.join(name);
        write(&path, &text).with_context(|| format!("cannot write `{}`", path.display()))?;
        if name.contains(".log") {
            lines += text.bytes().filter(|byte| *byte == b'\n').count();
        }
    }
    Ok((trial.labels, lines))
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let file = File::create(path)?;
    if path.extension().is_some_and(|extension| extension == "zst") {
        let mut encoder = zstd::Encoder::new(file, COMPRESSION_LEVEL)?;
        encoder.write_all(text.as_bytes())?;
        encoder.finish().map(drop)
    } else {
        let mut file = file;
        file.write_all(text.as_bytes())
    }
}

/// What breachd would have raised on the world in this folder.
fn replay(options: &Options, folder: &Path, progress: &mut dyn Write) -> Result<Vec<Alert>> {
    let alerts = folder.join("alerts.jsonl");
    let input = |source: &str, rest: &str| format!("{source}={}{rest}", folder.join(file_of(source)).display());
    let mut command = Command::new(&options.breachd);
    command.arg("replay").arg("--config").arg(folder.join("judge.toml"));
    for input in [
        input("access:nginx_json", ""),
        input("audit:mariadb_server_audit", "@UTC"),
        input("slow:mariadb_slow_log", "@UTC"),
    ] {
        command.arg("--input").arg(input);
    }
    command.arg("--alerts").arg(&alerts);
    if options.verbose {
        writeln!(progress, "{}", as_typed(&command))?;
    }
    let output = command.output().with_context(|| format!("cannot run `{}`", options.breachd.display()))?;
    if !output.status.success() {
        bail!("`{}` failed: {}", as_typed(&command), String::from_utf8_lossy(&output.stderr).trim_end());
    }
    let text = fs::read_to_string(&alerts).with_context(|| format!("cannot read `{}`", alerts.display()))?;
    score::read(&text).with_context(|| format!("in `{}`", alerts.display()))
}

/// The log of the source named before the colon.
fn file_of(source: &str) -> String {
    format!("{}.log.zst", source.split(':').next().unwrap_or(source))
}

/// The command as one would type it, for a shell.
fn as_typed(command: &Command) -> String {
    let words = [command.get_program()].into_iter().chain(command.get_args());
    let quoted = words.map(|word| {
        let word = word.to_string_lossy();
        let plain = |char: char| char.is_ascii_alphanumeric() || "/._-:=@+,".contains(char);
        if word.chars().all(plain) { word.into_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
    });
    quoted.collect::<Vec<_>>().join(" ")
}
