//! The disk of a simulated machine: it takes its time, fails, fills up, and loses at a power failure
//! what was not synced.

use core::fmt;
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use broker_lite::Storage;
use broker_lite::log::disk::testing::{Crash, Fault, Keeper, Started, UnrulyDisk};
use ottla_runtime::{Clock, Scope};

/// The controller waits for its syncs on a thread outside of the runtime, and time stands still
/// meanwhile: they take none, or they would never end.
const METADATA: &str = "__cluster_metadata";

/// What a disk did to who used it.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Misdeed {
    /// A write failed.
    FailedWrite,
    /// There was no room.
    Full,
    /// A sync failed, and what it was for is lost.
    FailedSync,
    /// A sync took seconds.
    StalledSync,
    /// The power failed, and something was not on the device.
    PowerFailure,
}

/// How a disk behaves.
#[derive(Clone, Copy, Debug)]
pub struct Manners {
    /// A sync takes up to this long.
    pub sync_max: Duration,
    /// How many syncs of a thousand stall.
    pub stalls_permille: u16,
    /// A sync that stalls takes this long.
    pub stall: Duration,
    /// How many syncs of a thousand fail.
    pub failed_syncs_permille: u16,
    /// How many writes of a thousand fail.
    pub failed_writes_permille: u16,
    /// Whether there is no room.
    pub is_full: bool,
}

impl Manners {
    /// A good disk.
    pub const GOOD: Self = Self {
        sync_max: Duration::from_millis(2),
        stalls_permille: 0,
        stall: Duration::ZERO,
        failed_syncs_permille: 0,
        failed_writes_permille: 0,
        is_full: false,
    };
}

/// The disk of one machine. Clones are the same.
#[derive(Clone)]
pub struct SimDisk(Arc<Mutex<State>>);

struct State {
    disk: UnrulyDisk,
    mind: Mind,
}

/// What outlives a power failure: the disk's behaviour, not what is on it.
#[derive(Clone)]
struct Mind(Arc<Mutex<Whims>>);

struct Whims {
    clock: Clock,
    /// Holds the syncs under way.
    scope: Scope,
    rng: fastrand::Rng,
    manners: Manners,
    done: BTreeMap<Misdeed, u64>,
}

impl SimDisk {
    /// An empty disk.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[must_use]
    pub fn new(clock: &Clock, seed: u64) -> Self {
        let whims = Whims {
            clock: clock.clone(),
            scope: Scope::current().expect("a runtime"),
            rng: fastrand::Rng::with_seed(seed),
            manners: Manners::GOOD,
            done: BTreeMap::new(),
        };
        let mind = Mind(Arc::new(Mutex::new(whims)));
        let disk = UnrulyDisk::kept_by(mind.clone());
        Self(Arc::new(Mutex::new(State { disk, mind })))
    }

    /// What a node starts on: what is there now.
    #[must_use]
    pub fn storage(&self) -> Storage {
        Storage::on(Arc::new(self.state().disk.clone()))
    }

    /// How it behaves from now on.
    pub fn set_manners(&self, manners: Manners) {
        self.state().mind.whims().manners = manners;
    }

    /// The process that used it has ended: what it wrote is there, syncs it waits for are of no
    /// concern any more. To be called when it no longer runs.
    pub fn end_process(&self) {
        let state = self.state();
        state.mind.forget_syncs();
        state.disk.end_process();
    }

    /// The power failed: what was not synced is lost, or torn, or there in part. To be called when
    /// nobody uses it any more.
    pub fn fail_power(&self) {
        let seed = {
            let state = self.state();
            let mut whims = state.mind.whims();
            *whims.done.entry(Misdeed::PowerFailure).or_default() += 1;
            whims.rng.u64(..)
        };
        let crash = match seed % 3 {
            0 => Crash::Power,
            1 => Crash::Torn(seed),
            _ => Crash::Reordered(seed),
        };
        let mut state = self.state();
        state.mind.forget_syncs();
        state.disk = state.disk.found_after(crash, state.mind.clone());
    }

    /// Somebody puts an empty one in its place. To be called when nobody uses it any more.
    pub fn replace(&self) {
        let mut state = self.state();
        state.mind.forget_syncs();
        state.disk = UnrulyDisk::kept_by(state.mind.clone());
    }

    /// How often it did what.
    #[must_use]
    pub fn misdeeds(&self) -> BTreeMap<Misdeed, u64> {
        self.state().mind.whims().done.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for SimDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SimDisk({:?})", self.misdeeds())
    }
}

impl Mind {
    fn forget_syncs(&self) {
        let scope = Scope::current().expect("a runtime");
        core::mem::replace(&mut self.whims().scope, scope).kill();
    }

    fn whims(&self) -> MutexGuard<'_, Whims> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Keeper for Mind {
    fn call(&mut self, what: &'static str, _: &str) -> Option<Fault> {
        let mut whims = self.whims();
        match what {
            "append to" | "create_dir" if whims.manners.is_full => {
                whims.did(Misdeed::Full);
                Some(if whims.rng.bool() { Fault::NoSpace } else { Fault::Short })
            }
            "append to" | "rename" | "truncate" => {
                let permille = whims.manners.failed_writes_permille;
                whims.strikes(permille, Misdeed::FailedWrite).then_some(Fault::Device)
            }
            "sync" | "sync_dir" => {
                let permille = whims.manners.failed_syncs_permille;
                whims.strikes(permille, Misdeed::FailedSync).then_some(Fault::Device)
            }
            _ => None,
        }
    }

    fn started(&mut self, sync: Started) {
        let mut whims = self.whims();
        let manners = whims.manners;
        let mut takes = manners.sync_max.mul_f64(whims.rng.f64());
        if whims.strikes(manners.stalls_permille, Misdeed::StalledSync) {
            takes += manners.stall;
        }
        if sync.path().contains(METADATA) {
            takes = Duration::ZERO;
        }
        let fails = whims.strikes(manners.failed_syncs_permille, Misdeed::FailedSync);
        let clock = whims.clock.clone();
        whims.scope.spawn(async move {
            if takes > Duration::ZERO {
                clock.sleep(takes).await;
            }
            sync.end(fails.then_some(Fault::Device));
        });
    }
}

impl Whims {
    fn strikes(&mut self, permille: u16, what: Misdeed) -> bool {
        let strikes = self.rng.u16(..1_000) < permille;
        if strikes {
            self.did(what);
        }
        strikes
    }

    fn did(&mut self, what: Misdeed) {
        *self.done.entry(what).or_default() += 1;
    }
}

#[cfg(test)]
mod tests;
