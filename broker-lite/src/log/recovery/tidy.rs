//! What a crash has left half done among the files of a log.

use std::io;

use ottla_protocol::ids::Offset;

use crate::log::disk::{Disk, join};
use crate::log::scan::{Scanner, Step};
use crate::log::segment;

/// Ends what a crash has interrupted and says which segments there are: `.deleted` and `.cleaned`
/// go, `.swap` takes the place of what it replaces, indexes without a log go. `.swap` goes, too,
/// where a `.cleaned` says that not all of its files were whole yet.
pub(super) fn tidy(disk: &dyn Disk, dir: &str) -> io::Result<Vec<Offset>> {
    let (mut swaps, mut unfinished) = (Vec::new(), None);
    for entry in disk.list(dir)? {
        let (name, path) = (&entry.name, join(dir, &entry.name));
        if entry.directory {
            continue;
        }
        if let Some(name) = name.strip_suffix(".swap") {
            swaps.push(name.to_owned());
            continue;
        }
        if let Some((base, "cleaned")) = base_and_last_suffix(name) {
            unfinished = Some(unfinished.map_or(base, |before: Offset| before.min(base)));
        }
        if [".deleted", ".cleaned", ".tmp"].iter().any(|suffix| name.ends_with(suffix)) {
            disk.remove(&path)?;
        }
    }
    swaps.sort_by_key(|name| !name.ends_with(".log")); // the others describe it
    for name in swaps {
        let base = base_and_last_suffix(&name).map(|(base, _)| base);
        if unfinished.is_some() && base >= unfinished {
            disk.remove(&join(dir, &format!("{name}.swap")))?;
        } else {
            complete_swap(disk, dir, &name)?;
        }
    }
    let mut bases = Vec::new();
    let names = disk.list(dir)?;
    for entry in &names {
        if let Some((base, "log")) = segment::parse_name(&entry.name) {
            bases.push(base);
        }
    }
    for entry in &names {
        if let Some((base, "index" | "timeindex" | "txnindex")) = segment::parse_name(&entry.name)
            && !bases.contains(&base)
        {
            disk.remove(&join(dir, &entry.name))?;
        }
    }
    Ok(bases) // the names are sorted and their numbers padded
}

/// Base offset and last suffix in the name of a file of a segment.
fn base_and_last_suffix(name: &str) -> Option<(Offset, &str)> {
    let (base, suffixes) = segment::parse_name(name)?;
    Some((base, suffixes.rsplit('.').next().unwrap_or(suffixes)))
}

/// Puts `NAME.swap`, a file of a segment that was cleaned or joined from several, into its place.
fn complete_swap(disk: &dyn Disk, dir: &str, name: &str) -> io::Result<()> {
    let (from, to) = (join(dir, &format!("{name}.swap")), join(dir, name));
    if let Some((base, "log")) = segment::parse_name(name) {
        let file = disk.open(&from, false)?;
        let bytes = u32::try_from(file.len()?).map_err(io::Error::other)?;
        let mut last = base;
        let mut scan = Scanner::new(file, 0, bytes, 64 * 1024);
        while let Step::Batch(_, batch) = scan.step()? {
            last = batch.last;
        }
        for entry in disk.list(dir)? {
            if let Some((other, "log")) = segment::parse_name(&entry.name)
                && other > base
                && other <= last
            {
                remove_segment(disk, dir, other)?;
            }
        }
        // they describe the file that is replaced
        for suffix in ["index", "timeindex", "txnindex"] {
            segment::remove_if_there(disk, &segment::path(dir, base, suffix))?;
        }
    }
    disk.rename(&from, &to)
}

/// Removes the files of a segment; says how large its data was.
pub(super) fn remove_segment(disk: &dyn Disk, dir: &str, base: Offset) -> io::Result<u64> {
    let bytes = disk.open(&segment::path(dir, base, "log"), false)?.len()?;
    for suffix in segment::SUFFIXES {
        segment::remove_if_there(disk, &segment::path(dir, base, suffix))?;
    }
    Ok(bytes)
}
