//! `simulator`: writes seeded worlds to files, and judges breachd on some of them. See the library.

use anyhow::{Context, Result, bail, ensure};
use clap::{Parser, Subcommand};
use simulator::{
    World,
    attacks::{ATTACKS, Attack},
    bench,
    company::Settings,
    demo,
    judge::{self, Options},
    scenario::{self, Labels},
    score,
    workload::{Log, Shape, Workload},
};
use std::{
    fs::{self, File},
    io::{self, BufWriter, Read as _, Write as _},
    ops::RangeInclusive,
    path::{Path, PathBuf},
};

/// Writes the logs of seeded companies, and judges breachd by them: the same seed gives the same bytes.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// The data of `breachd demo` and `breachd drill`, as kept in the repository
    Demo {
        /// The folder, made if it is not there
        out: PathBuf,
    },
    /// A labelled world: logs, directory, geography, calendar and labels.json
    World {
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Length of the data in weeks, the first half of them clean: there alerts do not count
        #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(i64).range(1..=104))]
        weeks: i64,
        /// Portal users, service logins included
        #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u32).range(20..=20_000))]
        users: u32,
        /// `none`, `all`, or names with commas between them: dump, stuffing, skimming, export, enumeration, drip
        #[arg(long, default_value = "none")]
        attacks: String,
        /// The folder, made if it is not there
        #[arg(long)]
        out: PathBuf,
    },
    /// Makes seeded worlds, attacked and quiet, lets breachd read them, and says what it found
    Judge {
        /// The binary; default: `breachd` beside this one
        #[arg(long)]
        breachd: Option<PathBuf>,
        /// One seed, or `A..B` with both included
        #[arg(long, default_value = "1..3", value_parser = seeds)]
        seeds: RangeInclusive<u64>,
        /// Length of each world in weeks
        #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(i64).range(4..=104))]
        weeks: i64,
        /// Weeks at the start that do not count: 3, of quiet worlds 2
        #[arg(long, value_parser = clap::value_parser!(i64).range(1..=52))]
        warm_up: Option<i64>,
        /// From 0 to 1: how far attacks shrink towards everyday life
        #[arg(long, default_value_t = 0.5, value_parser = share)]
        difficulty: f64,
        /// `false_pages_per_week` of breachd's configuration
        #[arg(long, default_value_t = 2.0)]
        budget: f64,
        /// Only worlds without attacks
        #[arg(long)]
        quiet: bool,
        /// Also people and programs that work on payments, and attacks on those; other worlds than without it
        #[arg(long)]
        payment: bool,
        /// Where worlds and alerts are left; default: `breachd-judge` in the system's folder for temporary files
        #[arg(long)]
        out: Option<PathBuf>,
        /// All figures as JSON instead of the table
        #[arg(long)]
        json: bool,
        /// Say which commands are run, what was missed, and which pages were false
        #[arg(long)]
        verbose: bool,
    },
    /// Counts what alerts are worth against a world's labels
    Score {
        labels: PathBuf,
        /// What `breachd replay --alerts` wrote
        alerts: PathBuf,
        /// The same of the world without attacks
        #[arg(long)]
        quiet: Option<PathBuf>,
    },
    /// A long mixed stream for benches: 70 % nginx JSON, 30 % audit rows
    Bench {
        #[arg(long)]
        records: u64,
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// The file
        #[arg(long)]
        out: PathBuf,
    },
    /// The day of `cargo bench --bench streams` as `access.jsonl` and `audit.log`, for profiles with `breachd replay`
    Workload {
        #[arg(long, default_value_t = 2_000_000)]
        records: u64,
        #[arg(long, default_value_t = 1)]
        seed: u64,
        #[arg(long, default_value_t = 5_000)]
        users: u64,
        #[arg(long, default_value_t = 40)]
        tables: u64,
        /// The folder, made if it is not there
        #[arg(long)]
        out: PathBuf,
    },
}

/// zstd's level for files that are soon thrown away.
const SCRATCH_COMPRESSION_LEVEL: i32 = 5;

fn main() -> Result<()> {
    match Arguments::parse().command {
        Command::Demo { out } => write_files(&out, &demo::files(), demo::COMPRESSION_LEVEL),
        Command::World { seed, weeks, users, attacks, out } => {
            let settings =
                Settings { seed, days: weeks * 7, users: users as usize, shop_visits_per_day: f64::from(users) * 2.0 };
            let attacks = spread(&chosen(&attacks)?, settings.days)?;
            let world = World::new(settings, &attacks);
            write_files(&out, &scenario::files(&world, settings.days / 2), SCRATCH_COMPRESSION_LEVEL)
        }
        Command::Judge { breachd, seeds, weeks, warm_up, difficulty, budget, quiet, payment, out, json, verbose } => {
            let options = Options {
                breachd: breachd.map_or_else(beside, Ok)?,
                out: out.unwrap_or_else(|| std::env::temp_dir().join("breachd-judge")),
                seeds,
                weeks,
                warm_up_weeks: warm_up.unwrap_or(if quiet { 2 } else { 3 }),
                difficulty,
                budget,
                quiet_only: quiet,
                payment,
                verbose,
            };
            let report = judge::run(&options, &mut io::stderr())?;
            let mut out = io::stdout().lock();
            if json {
                serde_json::to_writer_pretty(&mut out, &report)?;
                writeln!(out)?;
            } else {
                write!(out, "{report}")?;
            }
            Ok(())
        }
        Command::Score { labels, alerts, quiet } => {
            let text =
                |path: &Path| fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()));
            let labels: Labels = serde_json::from_str(&text(&labels)?).context("labels")?;
            let quiet = quiet.map_or(Ok(Vec::new()), |path| score::read(&text(&path)?))?;
            let result = score::score(&labels, &score::read(&text(&alerts)?)?, &quiet);
            write!(io::stdout().lock(), "{}", judge::verdict(&labels, result))?;
            Ok(())
        }
        Command::Bench { records, seed, out } => {
            let file = File::create(&out).with_context(|| format!("cannot create `{}`", out.display()))?;
            bench::write(seed, records, &mut BufWriter::new(file))
                .with_context(|| format!("cannot write `{}`", out.display()))
        }
        Command::Workload { records, seed, users, tables, out } => {
            let workload = Workload { seed, records, users, tables, shape: Shape::Mixed };
            write_workload(workload, &out).with_context(|| format!("cannot write to `{}`", out.display()))
        }
    }
}

fn write_workload(workload: Workload, folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let create = |name: &str| File::create(folder.join(name)).map(BufWriter::new);
    let (mut access, mut audit) = (create("access.jsonl")?, create("audit.log")?);
    workload.write(&mut |log, line| match log {
        Log::Access => writeln!(access, "{line}"),
        Log::Audit => writeln!(audit, "{line}"),
    })?;
    access.flush()?;
    audit.flush()
}

/// `A..B`, both included, or one seed.
fn seeds(text: &str) -> Result<RangeInclusive<u64>> {
    let (first, last) = text.split_once("..").unwrap_or((text, text));
    let seed = |text: &str| text.parse::<u64>().with_context(|| format!("`{text}` is no seed"));
    let (first, last) = (seed(first)?, seed(last.trim_start_matches('='))?);
    ensure!(first <= last, "the last seed comes before the first");
    Ok(first..=last)
}

fn share(text: &str) -> Result<f64> {
    let share: f64 = text.parse()?;
    ensure!((0.0..=1.0).contains(&share), "`{text}` is not between 0 and 1");
    Ok(share)
}

/// The binary that was built with this one.
fn beside() -> Result<PathBuf> {
    Ok(std::env::current_exe()?.with_file_name("breachd"))
}

fn chosen(names: &str) -> Result<Vec<&'static Attack>> {
    let attack = |name: &str| {
        let all: Vec<&str> = ATTACKS.iter().map(|attack| attack.name).collect();
        Attack::by_name(name)
            .with_context(|| format!("no attack is called `{name}`: use none, all, or some of {}", all.join(", ")))
    };
    match names {
        "none" => Ok(Vec::new()),
        "all" => Ok(ATTACKS.to_vec()),
        names => names.split(',').map(|name| attack(name.trim())).collect(),
    }
}

/// Working days of the second half, as far apart as they can be, and early enough for each to come to its end.
fn spread(attacks: &[&'static Attack], days: i64) -> Result<Vec<(&'static Attack, i64)>> {
    let mut begun = Vec::new();
    for (nth, attack) in attacks.iter().enumerate() {
        let possible: Vec<i64> = (days / 2..=days - attack.lasts_days).filter(|day| day % 7 < 5).collect();
        let Some(day) = possible.get(nth * possible.len() / attacks.len()) else {
            bail!(
                "`{}` lasts {} days and does not fit into the second half: use more weeks",
                attack.name,
                attack.lasts_days
            )
        };
        begun.push((*attack, *day));
    }
    Ok(begun)
}

/// Writes the files that are not yet as they should be. One that holds the right text stays, even if another version of zstd
/// would pack it otherwise.
fn write_files(folder: &Path, files: &[(&'static str, String)], level: i32) -> Result<()> {
    for (name, text) in files {
        let path = folder.join(name);
        let packed = name.ends_with(".zst");
        if let Ok(kept) = fs::read(&path)
            && if packed { unpacked(&kept).is_ok_and(|kept| kept == text.as_bytes()) } else { kept == text.as_bytes() }
        {
            continue;
        }
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).with_context(|| format!("cannot make `{}`", parent.display()))?;
        }
        let bytes = if packed { compressed(text, level)? } else { text.clone().into_bytes() };
        fs::write(&path, &bytes).with_context(|| format!("cannot write `{}`", path.display()))?;
    }
    Ok(())
}

fn compressed(text: &str, level: i32) -> Result<Vec<u8>> {
    let mut encoder = zstd::Encoder::new(Vec::new(), level)?;
    encoder.long_distance_matching(true)?;
    encoder.window_log(demo::WINDOW_LOG)?;
    encoder.include_checksum(true)?;
    encoder.write_all(text.as_bytes())?;
    Ok(encoder.finish()?)
}

fn unpacked(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut decoder = zstd::Decoder::new(bytes)?;
    decoder.window_log_max(demo::WINDOW_LOG)?;
    let mut text = Vec::new();
    decoder.read_to_end(&mut text)?;
    Ok(text)
}
