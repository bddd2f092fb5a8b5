//! Ten times the people, and ten times the tables: what a record costs should hardly change.

use super::{Bench, broker::Fallible, rate::median, subject::Subject};
use simulator::workload::Workload;

pub(crate) fn run(bench: &Bench) -> Fallible<()> {
    let once = bench.mixed();
    let shapes = [
        ("as in `rate`", once),
        ("10 times the people", Workload { users: once.users * 10, ..once }),
        ("10 times the tables", Workload { tables: once.tables * 10, ..once }),
    ];
    let mut costs = Vec::new();
    for (name, workload) in shapes {
        let backlog = bench.backlog(&workload)?;
        let mut spent = Vec::new();
        for n in 0..bench.n_runs {
            let mut subject = Subject::start(bench, &backlog.topics, &format!("growth{n}"), 1)?;
            spent.push(subject.work_off(backlog.n_records)?.cpu_seconds);
        }
        costs.push((name, workload, median(spent) / workload.records as f64 * 1e6));
    }
    println!(
        "\n| {} records | people | tables | CPU s per million | to the first |\n|---|---|---|---|---|",
        once.records
    );
    let first = costs[0].2;
    for (name, workload, cost) in costs {
        println!("| {name} | {} | {} | {cost:.2} | {:.2} |", workload.users, workload.tables, cost / first);
    }
    Ok(())
}
