//! JSON as it is written: commas, escapes, base64, and names as Kafka spells them.

use core::fmt::{Display, Write};

/// A line of JSON that grows.
#[derive(Debug, Default)]
pub(super) struct Text {
    out: String,
    /// Whether something stands in front, on this level.
    behind: bool,
}

impl Text {
    pub(super) fn finish(self) -> String {
        self.out
    }

    /// Begins an object or an array.
    pub(super) fn open(&mut self, bracket: char) {
        self.out.push(bracket);
        self.behind = false;
    }

    /// Ends an object or an array.
    pub(super) fn close(&mut self, bracket: char) {
        self.out.push(bracket);
        self.behind = true;
    }

    /// Begins an item of an array.
    pub(super) fn item(&mut self) {
        if self.behind {
            self.out.push(',');
        }
        self.behind = true;
    }

    /// Begins a member of an object.
    pub(super) fn member(&mut self, name: &str) {
        self.item();
        self.string(name);
        self.out.push(':');
    }

    pub(super) fn null(&mut self) {
        self.out.push_str("null");
    }

    /// A number, `true` or `false`.
    pub(super) fn display(&mut self, value: impl Display) {
        // writing to a String does not fail
        let _ = write!(self.out, "{value}");
    }

    /// A number; as text if JSON has no such number, as Kafka does it.
    pub(super) fn float(&mut self, value: f64) {
        let _ = match value {
            value if value.is_finite() => write!(self.out, "{value:?}"),
            value if value.is_nan() => write!(self.out, "\"NaN\""),
            value if value > 0.0 => write!(self.out, "\"Infinity\""),
            _ => write!(self.out, "\"-Infinity\""),
        };
    }

    pub(super) fn string(&mut self, text: &str) {
        self.out.push('"');
        for c in text.chars() {
            match c {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                '\n' => self.out.push_str("\\n"),
                '\r' => self.out.push_str("\\r"),
                '\t' => self.out.push_str("\\t"),
                c if c.is_control() => {
                    let _ = write!(self.out, "\\u{:04x}", u32::from(c));
                }
                c => self.out.push(c),
            }
        }
        self.out.push('"');
    }

    /// Bytes with the standard alphabet and padding (RFC 4648).
    pub(super) fn base64(&mut self, bytes: &[u8]) {
        const ALPHABET: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        self.out.reserve(bytes.len().div_ceil(3) * 4 + 2);
        self.out.push('"');
        for group in bytes.chunks(3) {
            let bits = group.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte));
            let bits = bits << (8 * (3 - group.len()));
            for place in 0..4 {
                let digit = usize::try_from(bits >> (18 - 6 * place) & 63);
                let letter = digit.ok().filter(|_| place <= group.len());
                let letter = letter.and_then(|digit| ALPHABET.get(digit));
                self.out.push(char::from(*letter.unwrap_or(&b'=')));
            }
        }
        self.out.push('"');
    }
}

/// A field's name as Kafka's JSON has it.
pub(super) fn camel(snake: &str) -> String {
    // the only acronym that would not come back: KRaft
    let (start, rest) = match snake.strip_prefix("kraft_") {
        Some(rest) => ("kRaft_", rest),
        None => ("", snake),
    };
    let mut name = String::with_capacity(snake.len());
    let mut upper = false;
    for c in start.chars().chain(rest.chars()) {
        match c {
            '_' => upper = true,
            c if upper => {
                name.push(c.to_ascii_uppercase());
                upper = false;
            }
            c => name.push(c),
        }
    }
    name
}

/// `ApiVersions` as `API_VERSIONS`.
pub(super) fn screaming(name: &str) -> String {
    let mut text = String::with_capacity(name.len() + 8);
    for c in name.chars() {
        if c.is_ascii_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.push(c.to_ascii_uppercase());
    }
    text
}
