//! Keeps the corpora: `corpus seed TARGET DIR` writes real entries as inputs, `corpus unpack FILE DIR` and
//! `corpus pack DIR FILE` go between a folder of inputs, as the fuzzer wants it, and the one file that is kept.
//! `corpus slowest TARGET DIR` says how long the slowest input of a folder takes, and fails where that is more than [`SLOWEST_MAX`].

use rustix::time::{ClockId, clock_gettime};
use std::{env, fs, path::Path, process::ExitCode, time::Duration};

/// Inputs longer than this are not kept, in bytes: the corpus is for shapes, not for sizes.
const KEPT_BYTES_MAX: usize = 4096;

/// Inputs of a target that are kept: of all lengths, for the shortest alone hold no whole entry.
const KEPT_INPUTS_MAX: usize = 400;

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["seed", target, folder] => seed(target, Path::new(folder)),
        ["unpack", file, folder] => unpack(Path::new(file), Path::new(folder)),
        ["slowest", target, folder] if slowest(target, Path::new(folder)) => {}
        ["slowest", ..] => return ExitCode::FAILURE,
        ["pack", folder, file] => pack(Path::new(folder), Path::new(file)),
        _ => {
            eprintln!("usage: corpus seed TARGET DIR | unpack FILE DIR | pack DIR FILE | slowest TARGET DIR");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

/// The golden lines of a format; of all formats where the target is none. Entries that span lines come as whole files, cut in
/// pieces that the fuzzer can handle.
fn seed(target: &str, folder: &Path) {
    fs::create_dir_all(folder).expect("a folder");
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crates/formats/tests/golden");
    let mut n = 0;
    for (number, format) in formats::FORMATS.iter().enumerate() {
        if formats::FormatSpec::by_name(target).is_some() && !matches!(target, "auto") && format.name != target {
            continue;
        }
        let Ok(files) = fs::read_dir(golden.join(format.name)) else { continue };
        for file in
            files.map(|file| file.expect("an entry").path()).filter(|path| path.extension().is_some_and(|e| e == "log"))
        {
            let bytes = fs::read(file).expect("a golden file");
            let spans = matches!(format.framing, formats::Framing::Lines(_));
            let pieces: Vec<&[u8]> = if spans {
                bytes.chunks(KEPT_BYTES_MAX - 3).collect()
            } else {
                bytes.split(|byte| *byte == b'\n').collect()
            };
            for piece in pieces {
                let mut input = Vec::new();
                if target == "ingester" {
                    input.extend([number as u8, n as u8, (n / 4) as u8]);
                }
                input.extend_from_slice(piece);
                fs::write(folder.join(format!("seed-{n}")), input).expect("a file");
                n += 1;
            }
        }
    }
    println!("{n} seeds for {target}");
}

fn unpack(file: &Path, folder: &Path) {
    fs::create_dir_all(folder).expect("a folder");
    let Ok(packed) = fs::read(file) else { return };
    for (at, input) in breachd_fuzz::unpack(&packed).into_iter().enumerate() {
        fs::write(folder.join(format!("kept-{at}")), input).expect("a file");
    }
}

/// Those of a folder that are not too long to be kept.
fn inputs(folder: &Path) -> Vec<Vec<u8>> {
    fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| fs::read(entry.expect("an entry").path()).expect("an input"))
        .filter(|input| input.len() <= KEPT_BYTES_MAX)
        .collect()
}

fn pack(folder: &Path, file: &Path) {
    let mut inputs = inputs(folder);
    inputs.sort_by(|a, b| (a.len(), a).cmp(&(b.len(), b)));
    inputs.dedup();
    let n = inputs.len();
    let kept: Vec<usize> = (0..n.min(KEPT_INPUTS_MAX)).map(|nth| nth * n / n.min(KEPT_INPUTS_MAX)).collect();
    let inputs: Vec<&Vec<u8>> = kept.into_iter().map(|at| &inputs[at]).collect();
    let mut plain = Vec::new();
    for input in &inputs {
        plain.extend((input.len() as u32).to_le_bytes());
        plain.extend_from_slice(input);
    }
    fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
    fs::write(file, zstd::encode_all(plain.as_slice(), 19).expect("bytes in memory")).expect("a file");
    println!("{} inputs, {} bytes", inputs.len(), plain.len());
}

/// Of one input, checks included: what a line of [`KEPT_BYTES_MAX`] may take at most.
const SLOWEST_MAX: Duration = Duration::from_millis(5);

/// Runs of each input; the best counts, because the machine does other things too.
const RUNS: usize = 7;

/// The processor's time of this thread: what else runs does not count.
fn spent() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// Whether all inputs are fast enough.
fn slowest(target: &str, folder: &Path) -> bool {
    let inputs = inputs(folder);
    let best = |input: &[u8]| {
        let run = || {
            let from = spent();
            breachd_fuzz::check(target, input);
            spent().saturating_sub(from)
        };
        (0..RUNS).map(|_| run()).min().unwrap_or_default()
    };
    let (took, length) = inputs.iter().map(|input| (best(input), input.len())).max().unwrap_or((Duration::ZERO, 0));
    let holds = took <= SLOWEST_MAX;
    let bound = if holds { String::new() } else { format!(", which is more than {SLOWEST_MAX:?}") };
    println!(
        "{target}: {} inputs, the slowest takes {took:?} for {length} bytes, checks included{bound}",
        inputs.len()
    );
    holds
}
