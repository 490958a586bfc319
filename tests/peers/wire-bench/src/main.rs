//! Counts the instructions of each job under callgrind; `run.sh` builds it and says how to use it.

mod counts;

use core::hint::black_box;
use std::process::ExitCode;
use std::{env, fs};

use counts::{Count, Outcome};
use wire_bench::{JOBS, Side};

/// More than this above what the file says is an error; as much below it is worth a new file.
const TOLERANCE: f64 = 0.05;

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let result = match arguments[..] {
        ["turns", job, side, turns] => run_turns(job, side, turns),
        ["table"] => table(),
        ["check", path] => check(path),
        ["write", path] => write(path),
        _ => Err("usage: wire-bench table | check FILE | write FILE".into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// What runs under callgrind.
fn run_turns(name: &str, side: &str, turns: &str) -> Outcome<()> {
    let job = JOBS.iter().find(|job| job.name == name).ok_or("no such job")?;
    let side = if side == "ours" { Side::Ours } else { Side::Theirs };
    let mut turn = job.prepare(side).ok_or("they do no such job")?;
    for _ in 0..turns.parse::<u32>()? {
        black_box(turn());
    }
    Ok(())
}

/// Prints instructions of both, and what of a record's cost is its own.
fn table() -> Outcome<()> {
    println!("| instructions | per | Ottla | kafka-protocol 0.18 | ratio |");
    println!("|---|---|---:|---:|---:|");
    let mut ours = Vec::new();
    for job in JOBS {
        let count = counts::of(job, Side::Ours)?.ok_or("a job of ours is missing")?;
        if let Some(theirs) = counts::of(job, Side::Theirs)? {
            let (name, item, ratio) = (job.name, job.item, theirs.per_item / count.per_item);
            println!(
                "| {name} | {item} | {:.0} | {:.0} | {ratio:.1} |",
                count.per_item, theirs.per_item
            );
        }
        ours.push(count);
    }
    println!();
    println!("| instructions of Ottla per record | all | its checksum | its copy | the rest |");
    println!("|---|---:|---:|---:|---:|");
    for (verb, copies) in [("build", true), ("read", false)] {
        for size in ["100 B", "1 KiB"] {
            let of = |name: &str| {
                let name = format!("{name}, {size}");
                let count = ours.iter().find(|count| count.job == name);
                count.map(|count| count.per_item).ok_or(format!("no job {name:?}"))
            };
            let all = of(&format!("{verb} a batch"))?;
            let checksum = of("checksum")?;
            let copy = if copies { of("copy")? } else { 0.0 };
            let rest = all - checksum - copy;
            println!("| {verb}, {size} | {all:.0} | {checksum:.0} | {copy:.0} | {rest:.0} |");
        }
    }
    Ok(())
}

fn ours() -> Outcome<Vec<Count>> {
    let counts = JOBS.iter().map(|job| counts::of(job, Side::Ours));
    let counts: Outcome<Vec<_>> = counts.collect();
    Ok(counts?.into_iter().flatten().collect())
}

fn write(path: &str) -> Outcome<()> {
    let mut text = String::from(HEADER);
    for Count { job, per_item } in ours()? {
        text.push_str(&format!("{job}\t{per_item:.1}\n"));
    }
    fs::write(path, text)?;
    Ok(())
}

/// The first line of a file of counts.
const HEADER: &str = "job\tinstructions of Ottla per item\n";

/// Compares with the counts of a file.
fn check(path: &str) -> Outcome<()> {
    let text = fs::read_to_string(path)?;
    let rows = text.strip_prefix(HEADER).ok_or("not a file of counts")?.lines();
    let rows: Outcome<Vec<(&str, f64)>> = rows.map(row).collect();
    let rows = rows?;
    let counts = ours()?;
    let mut wrong = Vec::new();
    for (name, _) in &rows {
        if !counts.iter().any(|count| count.job == *name) {
            wrong.push(format!("{name}: no such job any more"));
        }
    }
    for Count { job, per_item } in counts {
        let Some((_, before)) = rows.iter().find(|(name, _)| *name == job) else {
            wrong.push(format!("{job}: {per_item:.1}, and the file does not say what it was"));
            continue;
        };
        let change = per_item / before - 1.0;
        println!("{job}: {per_item:.1}, was {before:.1}, {:+.1} %", 100.0 * change);
        if change > TOLERANCE {
            wrong.push(format!("{job}: {per_item:.1} instructions, was {before:.1}"));
        } else if change < -TOLERANCE {
            println!("^ better: commit what `write` says");
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n").into()) }
}

fn row(line: &str) -> Outcome<(&str, f64)> {
    let (name, count) = line.split_once('\t').ok_or_else(|| format!("not a row: {line:?}"))?;
    Ok((name, count.parse()?))
}
