//! Which names a topic may have.

use ottla_protocol::Str;

/// The longest name: file names end at 255 bytes, and `-<partition>` and `.index` follow.
const NAME_BYTES_MAX: usize = 249;

/// The topic of the controller's own log; nobody may make or write one of this name.
pub(crate) const METADATA_TOPIC: &str = "__cluster_metadata";

/// Topics that clients do not write to: coordinators do.
pub(crate) fn is_internal(name: &str) -> bool {
    matches!(name, "__consumer_offsets" | "__transaction_state" | "__share_group_state")
}

/// Why a name is refused (Kafka: `INVALID_TOPIC_EXCEPTION`).
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum NameError {
    #[error("topic name must not be empty")]
    Empty,
    #[error("topic name must not be '.' or '..'")]
    Dots,
    #[error("topic name is {0} bytes long; {NAME_BYTES_MAX} are allowed")]
    TooLong(usize),
    #[error("topic name has a character other than ASCII letters, digits, '.', '_' and '-'")]
    Character,
}

/// Checks a topic's name by Kafka's rules.
pub(crate) fn check(name: &str) -> Result<(), NameError> {
    let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    if name.is_empty() {
        Err(NameError::Empty)
    } else if name == "." || name == ".." {
        Err(NameError::Dots)
    } else if name.len() > NAME_BYTES_MAX {
        Err(NameError::TooLong(name.len()))
    } else if !name.bytes().all(legal) {
        Err(NameError::Character)
    } else {
        Ok(())
    }
}

/// What metrics make of a name: two names with the same one collide.
pub(crate) fn metric_name(name: &str) -> Str {
    if name.contains('.') { name.replace('.', "_").into() } else { name.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_kafkas_rules() {
        let long = "a".repeat(NAME_BYTES_MAX);
        for (name, verdict) in [
            ("orders", Ok(())),
            ("a.b_c-D9", Ok(())),
            (long.as_str(), Ok(())),
            ("...", Ok(())),
            ("", Err(NameError::Empty)),
            (".", Err(NameError::Dots)),
            ("..", Err(NameError::Dots)),
            ("a/b", Err(NameError::Character)),
            ("caf\u{e9}", Err(NameError::Character)),
        ] {
            assert_eq!(check(name), verdict, "{name}");
        }
        assert_eq!(check(&"a".repeat(250)), Err(NameError::TooLong(250)));
        assert_eq!(metric_name("a.b_c"), metric_name("a_b.c"));
    }
}
