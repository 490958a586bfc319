//! What a data directory must survive: a crash after any change to the disk, and the failure of any
//! call to it.

mod compacted;
mod crashes;
mod expected;
mod faults;
mod model;
mod script;
mod transacted;
mod transactions;

/// What `OTTLA_SEEDS` says, for looking further than the plain tests do: `1000..9000`.
fn seeds() -> Option<std::ops::Range<u64>> {
    let seeds = std::env::var("OTTLA_SEEDS").ok()?;
    let (from, to) = seeds.split_once("..").expect("as in 1000..9000");
    Some(from.parse().expect("a number")..to.parse().expect("a number"))
}
