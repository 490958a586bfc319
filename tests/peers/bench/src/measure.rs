//! What a process used.

use core::fmt;
use core::time::Duration;
use std::fs;
use std::str::FromStr;
use std::time::Instant;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

use crate::job::Outcome;

/// From here to [`Meter::stop`].
pub(crate) struct Meter {
    cpu_us: i64,
    started: Instant,
}

/// What one run of a client used. As text: three numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    /// User and system, all threads.
    pub(crate) cpu: Duration,
    pub(crate) wall: Duration,
    /// Of the whole process, so also of its payloads: half a megabyte, or four at 1 KiB.
    pub(crate) peak_kib: u32,
}

impl Meter {
    pub(crate) fn start() -> Outcome<Self> {
        Ok(Self { cpu_us: cpu_us()?, started: Instant::now() })
    }

    pub(crate) fn stop(&self) -> Outcome<Cost> {
        let wall = self.started.elapsed();
        let cpu = Duration::from_micros((cpu_us()? - self.cpu_us).try_into()?);
        Ok(Cost { cpu, wall, peak_kib: peak_kib()? })
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.cpu.as_micros(), self.wall.as_micros(), self.peak_kib)
    }
}

impl FromStr for Cost {
    type Err = Box<dyn core::error::Error + Send + Sync>;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let words: Vec<_> = text.split_whitespace().collect();
        let [cpu, wall, peak_kib] = &words[..] else {
            return Err(format!("not a cost: {text:?}").into());
        };
        let time = |word: &str| word.parse().map(Duration::from_micros);
        Ok(Self { cpu: time(cpu)?, wall: time(wall)?, peak_kib: peak_kib.parse()? })
    }
}

fn cpu_us() -> Outcome<i64> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    Ok((usage.user_time() + usage.system_time()).num_microseconds())
}

fn peak_kib() -> Outcome<u32> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    Ok(line.and_then(|line| line.split_whitespace().next()).ok_or("no VmHWM")?.parse()?)
}

/// CPU time of another process, in the kernel's steps of 10 ms.
pub(crate) fn cpu_of(pid: u32) -> Outcome<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, fields) = stat.rsplit_once(')').ok_or("no name in stat")?; // the name may have blanks
    let fields: Vec<_> = fields.split_whitespace().collect();
    let [user, system] = fields.get(11..13).ok_or("stat is short")? else {
        return Err("stat is short".into());
    };
    let ticks = user.parse::<u64>()? + system.parse::<u64>()?;
    Ok(Duration::from_millis(ticks * 10)) // USER_HZ is 100 on every Linux that we know
}
