//! Medians and ratios, as Markdown.

use core::fmt::Write as _;

use crate::compare::{Cell, Run, Runs};
use crate::job::{CLIENTS, Client, Outcome, Role};

/// What a cell is called, also in BENCH_ONLY.
pub(crate) fn title(cell: &Cell) -> String {
    let Cell { role, size, partitions, codec, .. } = cell;
    let role = format!("{role:?}").to_lowercase();
    format!("{role} {size} B, {partitions}p, {codec}")
}

/// At most this share of librdkafka's CPU time; lz4 is shown, not bound.
fn bound(cell: &Cell) -> Option<f64> {
    match (cell.role, cell.size, cell.codec) {
        (Role::Consume, 1024, "none") => Some(0.7),
        (_, _, "none") => Some(0.5),
        _ => None,
    }
}

/// A median, and between what it is one.
struct Middle {
    median: f64,
    min: f64,
    max: f64,
}

impl Middle {
    fn of(runs: &[Run], value: impl Fn(&Run) -> f64) -> Outcome<Self> {
        let mut values: Vec<f64> = runs.iter().map(value).collect();
        values.sort_by(f64::total_cmp);
        let [min, .., max] = values[..] else { return Err("two rounds are the least".into()) };
        let half = values.len() / 2;
        let odd = values.len() % 2 == 1;
        let median = if odd { values[half] } else { values[half - 1].midpoint(values[half]) };
        Ok(Self { median, min, max })
    }
}

/// Client CPU seconds per million records.
fn cpu(cell: &Cell, runs: &[Run]) -> Outcome<Middle> {
    Middle::of(runs, |run| run.cost.cpu.as_secs_f64() / millions(cell))
}

fn millions(cell: &Cell) -> f64 {
    cell.records as f64 / 1e6
}

/// librdkafka's cheapest client in any of its settings.
fn cheapest(cell: &Cell, runs: &Runs) -> Outcome<(&'static str, f64)> {
    let mut best: Option<(&'static str, f64)> = None;
    for client in clients(cell).filter(|client| client.settings.is_some()) {
        let median = cpu(cell, &runs[client.name])?.median;
        if best.is_none_or(|(_, least)| median < least) {
            best = Some((client.name, median));
        }
    }
    best.ok_or_else(|| "librdkafka did not run".into())
}

fn clients(cell: &Cell) -> impl Iterator<Item = &'static Client> {
    let role = cell.role;
    CLIENTS.iter().filter(move |client| client.role == role)
}

/// The medians of one client's runs.
struct Row {
    cpu: Middle,
    /// Millions of records per second.
    rate: f64,
    /// The broker's CPU seconds per million records.
    broker: f64,
    peak_mib: f64,
}

impl Row {
    fn of(cell: &Cell, runs: &[Run]) -> Outcome<Self> {
        Ok(Self {
            cpu: cpu(cell, runs)?,
            rate: Middle::of(runs, |run| millions(cell) / run.cost.wall.as_secs_f64())?.median,
            broker: Middle::of(runs, |run| run.broker.as_secs_f64() / millions(cell))?.median,
            peak_mib: Middle::of(runs, |run| f64::from(run.cost.peak_kib) / 1024.0)?.median,
        })
    }
}

/// Every client of a cell.
pub(crate) fn cell(cell: &Cell, runs: &Runs) -> Outcome<String> {
    let (_, least) = cheapest(cell, runs)?;
    let mut out = format!("### {}: {} records\n\n", title(cell), cell.records);
    out += "| client | CPU-s/M (min-max) | ratio | M records/s | broker CPU-s/M | peak MiB |\n";
    out += "|---|---|---|---|---|---|\n";
    for client in clients(cell) {
        let Row { cpu: Middle { median, min, max }, rate, broker, peak_mib } =
            Row::of(cell, &runs[client.name])?;
        let who = if client.settings.is_some() { "rdkafka" } else { "ottla" };
        let (name, ratio) = (client.name, median / least);
        writeln!(
            out,
            "| {who} {name} | {median:.3} ({min:.3}-{max:.3}) | {ratio:.2} | {rate:.2} | \
             {broker:.3} | {peak_mib:.0} |"
        )?;
    }
    Ok(out)
}

/// Our clients' CPU time as a share of librdkafka's cheapest, cell by cell; behind it, the rest of
/// that one and of the first of ours.
pub(crate) fn ratios(done: &[(Cell, Runs)]) -> Outcome<String> {
    let mut out = String::from(
        "| cell | librdkafka's cheapest | its CPU-s/M | our share of that | bound | M records/s \
         | broker CPU-s/M | peak MiB |\n|---|---|---|---|---|---|---|---|\n",
    );
    for (cell, runs) in done {
        let (name, least) = cheapest(cell, runs)?;
        let mut shares = Vec::new();
        for client in clients(cell).filter(|client| client.settings.is_none()) {
            let share = cpu(cell, &runs[client.name])?.median / least;
            shares.push((client.name, format!("{} {share:.2}", client.name)));
        }
        let (first, _) = shares.first().ok_or("ours did not run")?;
        let (ours, theirs) = (Row::of(cell, &runs[first])?, Row::of(cell, &runs[name])?);
        let bound = bound(cell).map_or_else(|| "-".to_owned(), |bound| bound.to_string());
        let shares: Vec<_> = shares.into_iter().map(|(_, share)| share).collect();
        write!(out, "| {} | {name} | {least:.3} | ", title(cell))?;
        write!(out, "{} | {bound} | ", shares.join(", "))?;
        write!(out, "{:.2} / {:.2} | ", ours.rate, theirs.rate)?;
        write!(out, "{:.3} / {:.3} | ", ours.broker, theirs.broker)?;
        writeln!(out, "{:.0} / {:.0} |", ours.peak_mib, theirs.peak_mib)?;
    }
    Ok(out)
}
