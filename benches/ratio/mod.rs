//! A criterion group whose members are set beside a floor of the same run.
//!
//! The ratio is of processor time over all samples: a shared machine's other work delays a thread, but is not counted as its
//! time. Criterion's own report of each member (wall time, with its spread) stands above the table. Behind each figure stand the median
//! of the samples and between which two of them 95 % lie, of ten samples the least and the greatest.

use criterion::{BenchmarkGroup, Criterion, SamplingMode, Throughput, measurement::WallTime};
use std::{
    hint::black_box,
    time::{Duration, Instant},
};

pub(crate) struct Compared<'a> {
    group: BenchmarkGroup<'a, WallTime>,
    name: &'static str,
    /// What is counted, for the table.
    unit: &'static str,
    elements: u64,
    /// Name and processor time of one element in nanoseconds, over all samples and of each.
    figures: Vec<(String, f64, Vec<f64>)>,
}

impl<'a> Compared<'a> {
    /// `elements` of `unit` are what one call of every member works off.
    pub(crate) fn new(criterion: &'a mut Criterion, name: &'static str, elements: u64, unit: &'static str) -> Self {
        let mut group = criterion.benchmark_group(name);
        group.sampling_mode(SamplingMode::Flat).sample_size(10).measurement_time(Duration::from_secs(3));
        group.warm_up_time(Duration::from_millis(500)).throughput(Throughput::Elements(elements));
        Compared { group, name, unit, elements, figures: Vec::new() }
    }

    pub(crate) fn measure<T>(mut self, member: &str, mut work: impl FnMut() -> T) -> Self {
        let (mut cpu_ns, mut elements, mut samples) = (0, 0, Vec::new());
        let each = self.elements;
        self.group.bench_function(member, |bencher| {
            bencher.iter_custom(|n| {
                let (began, before) = (Instant::now(), thread_cpu_ns());
                (0..n).for_each(|_| drop(black_box(work())));
                let took = began.elapsed();
                let spent = thread_cpu_ns() - before;
                samples.push(spent as f64 / (n * each) as f64);
                cpu_ns += spent;
                elements += n * each;
                took
            });
        });
        // A filter on the command line leaves members out.
        if cpu_ns > 0 && elements > 0 {
            samples.sort_by(f64::total_cmp);
            self.figures.push((member.to_owned(), cpu_ns as f64 / elements as f64, samples));
        }
        self
    }

    /// Prints every member's ratio to each floor (members whose name begins with `floor`).
    pub(crate) fn finish(self) {
        self.group.finish();
        let floors: Vec<_> = self.figures.iter().filter(|(member, _, _)| member.starts_with("floor")).collect();
        for (member, ns, samples) in &self.figures {
            let quantile = |part: f64| samples[(part * (samples.len() - 1) as f64).round() as usize];
            let ratios: Vec<String> = floors
                .iter()
                .filter(|(floor, _, _)| floor != member)
                .map(|(floor, base, _)| format!("{:.2} x {floor}", ns / base))
                .collect();
            println!(
                "ratio  {}/{member}: {ns:.0} CPU ns per {} (median {:.0}, 95 % {:.0}-{:.0}), {:.0} k/s of one core   {}",
                self.name,
                self.unit,
                quantile(0.5),
                quantile(0.025),
                quantile(0.975),
                1e6 / ns,
                ratios.join(", ")
            );
        }
    }
}

/// Processor time of this thread. The kernel renews it at its ticks, some milliseconds apart: less than a sample takes.
fn thread_cpu_ns() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux with scheduler statistics");
    text.split(' ').next().and_then(|ns| ns.parse().ok()).expect("nanoseconds come first")
}
