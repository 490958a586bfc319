//! Who leads the metadata log. With one voter that is settled at once: a start is an election it
//! wins, in a new epoch, which it writes down before it acts (Kafka: `quorum-state`).

use std::io;
use std::sync::Arc;

use ottla_protocol::ids::{LeaderEpoch, NodeId};
use serde_json::{Value, json};

use crate::log::disk::{self, Disk, join};

const FILE: &str = "quorum-state";

/// Why the election could not be held.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ElectionError {
    #[error("quorum-state cannot be read or written: {0}")]
    Io(#[from] io::Error),
    #[error("quorum-state is damaged: {0}")]
    Malformed(&'static str),
    #[error("quorum-state knows epoch {0}, the last there is")]
    Epochs(i32),
}

/// Elects the only voter, in the epoch after the last that `dir` knows.
///
/// # Errors
///
/// See [`ElectionError`]; nobody leads then.
pub(crate) fn elect(
    disk: &Arc<dyn Disk>,
    dir: &str,
    node: NodeId,
) -> Result<LeaderEpoch, ElectionError> {
    let path = join(dir, FILE);
    let known = match disk::read_all(&**disk, &path) {
        Ok(bytes) => epoch(&bytes)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        Err(error) => return Err(error.into()),
    };
    let epoch = known.checked_add(1).ok_or(ElectionError::Epochs(known))?;
    // version 0: the voters are known from the start (kraft.version 0)
    let state = json!({
        "clusterId": "",
        "leaderId": node.0,
        "leaderEpoch": epoch,
        "votedId": -1,
        "appliedOffset": 0,
        "currentVoters": [{"voterId": node.0}],
        "data_version": 0,
    });
    disk::replace(&**disk, &path, state.to_string().as_bytes())?;
    Ok(LeaderEpoch(epoch))
}

fn epoch(bytes: &[u8]) -> Result<i32, ElectionError> {
    let state: Value =
        serde_json::from_slice(bytes).map_err(|_| ElectionError::Malformed("it is not JSON"))?;
    let epoch = state.get("leaderEpoch").and_then(Value::as_i64);
    epoch
        .and_then(|epoch| i32::try_from(epoch).ok())
        .filter(|epoch| *epoch >= 0)
        .ok_or(ElectionError::Malformed("leaderEpoch is missing or no epoch"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::disk::MemoryDisk;

    #[test]
    fn every_start_is_a_new_epoch() {
        let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
        disk.create_dir("d").unwrap();
        for epoch in 1..4 {
            assert_eq!(elect(&disk, "d", NodeId(7)).unwrap(), LeaderEpoch(epoch));
        }
        let text = disk::read_all(&*disk, "d/quorum-state").unwrap();
        assert!(String::from_utf8(text).unwrap().contains("\"leaderEpoch\":3"));
    }

    #[test]
    fn a_damaged_state_is_an_error_and_not_epoch_zero() {
        let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
        disk.create_dir("d").unwrap();
        for text in ["", "{}", "{\"leaderEpoch\":-1}", "{\"leaderEpoch\":\"3\"}"] {
            disk::replace(&*disk, "d/quorum-state", text.as_bytes()).unwrap();
            let error = elect(&disk, "d", NodeId(7)).unwrap_err();
            assert!(matches!(error, ElectionError::Malformed(_)), "{text}: {error}");
        }
    }
}
