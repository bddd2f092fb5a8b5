//! A criterion group whose members are set beside a floor of the same run.
//!
//! The ratio is of the best samples: on a shared machine the fastest one is the least disturbed. Criterion's own report of
//! each member (with its spread) stands above the table.

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
    /// Name and best time of one element in nanoseconds.
    best: Vec<(String, f64)>,
}

impl<'a> Compared<'a> {
    /// `elements` of `unit` are what one call of every member works off.
    pub(crate) fn new(criterion: &'a mut Criterion, name: &'static str, elements: u64, unit: &'static str) -> Self {
        let mut group = criterion.benchmark_group(name);
        group.sampling_mode(SamplingMode::Flat).sample_size(10).measurement_time(Duration::from_secs(3));
        group.warm_up_time(Duration::from_millis(500)).throughput(Throughput::Elements(elements));
        Compared { group, name, unit, elements, best: Vec::new() }
    }

    pub(crate) fn measure<T>(mut self, member: &str, mut work: impl FnMut() -> T) -> Self {
        let mut best = f64::INFINITY;
        let elements = self.elements as f64;
        self.group.bench_function(member, |bencher| {
            bencher.iter_custom(|n| {
                let began = Instant::now();
                (0..n).for_each(|_| drop(black_box(work())));
                let took = began.elapsed();
                best = best.min(took.as_nanos() as f64 / n as f64 / elements);
                took
            });
        });
        // A filter on the command line leaves members out.
        if best.is_finite() {
            self.best.push((member.to_owned(), best));
        }
        self
    }

    /// Prints every member's ratio to each floor (members whose name begins with `floor`).
    pub(crate) fn finish(self) {
        self.group.finish();
        let floors: Vec<_> = self.best.iter().filter(|(member, _)| member.starts_with("floor")).collect();
        for (member, ns) in &self.best {
            let ratios: Vec<String> = floors
                .iter()
                .filter(|(floor, _)| floor != member)
                .map(|(floor, base)| format!("{:.2} x {floor}", ns / base))
                .collect();
            println!(
                "ratio  {}/{member}: {ns:.0} ns per {}, {:.0} k/s   {}",
                self.name,
                self.unit,
                1e6 / ns,
                ratios.join(", ")
            );
        }
    }
}
