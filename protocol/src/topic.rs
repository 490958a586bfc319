//! Which names a topic may have.

use core::fmt;

/// The longest name in bytes: names of files end at 255, and `-<partition>` and `.index` follow.
pub const NAME_BYTES_MAX: usize = 249;

/// Why no topic can have a name (Kafka: `INVALID_TOPIC_EXCEPTION`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum NameError {
    /// It is empty.
    Empty,
    /// It is `.` or `..`, which file systems keep for themselves.
    Dots,
    /// It has so many bytes, more than [`NAME_BYTES_MAX`].
    TooLong(usize),
    /// It has a character that names of files, of metrics or of both do not have.
    Character,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("topic name must not be empty"),
            Self::Dots => f.write_str("topic name must not be '.' or '..'"),
            Self::TooLong(value) => {
                write!(f, "topic name is {value} bytes long; {NAME_BYTES_MAX} are allowed")
            }
            Self::Character => f.write_str(
                "topic name has a character other than ASCII letters, digits, '.', '_' and '-'",
            ),
        }
    }
}

impl core::error::Error for NameError {}

/// Checks a topic's name by Kafka's rules.
///
/// # Errors
///
/// See [`NameError`].
pub fn check_name(name: &str) -> Result<(), NameError> {
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
            assert_eq!(check_name(name), verdict, "{name}");
        }
        assert_eq!(check_name(&"a".repeat(250)), Err(NameError::TooLong(250)));
    }
}
