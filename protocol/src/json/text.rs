//! JSON as it is written: commas, escapes, base64, and names as Kafka spells them.

use core::fmt::{self, Display, Write};

use crate::error::{DecodeError, DecodeReason};

/// A line of JSON that grows up to a bound.
#[derive(Debug)]
pub(super) struct Text {
    out: String,
    bytes_max: usize,
    /// Whether something was left out, as is all that follows.
    full: bool,
    /// Whether something stands in front, on this level.
    behind: bool,
}

/// All text goes through here. An error stops what formats it; [`Text::check`] says it later.
impl Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.full |= text.len() > self.bytes_max - self.out.len();
        if self.full {
            return Err(fmt::Error);
        }
        self.out.push_str(text);
        Ok(())
    }
}

impl Text {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { out: String::new(), bytes_max, full: false, behind: false }
    }

    /// Whether nothing was left out; asked after each value, so that little is done in vain.
    pub(super) fn check(&self) -> Result<(), DecodeError> {
        let reason = DecodeReason::TooMuchText(self.bytes_max);
        if self.full { Err(DecodeError::new(reason)) } else { Ok(()) }
    }

    /// All of it, which shows `message`.
    pub(super) fn finish(self, message: &'static str, version: i16) -> Result<String, DecodeError> {
        self.check().map_err(|error| error.in_message(message, version))?;
        Ok(self.out)
    }

    fn put(&mut self, text: &str) {
        let _ = self.write_str(text); // if it is full, check tells
    }

    fn put_char(&mut self, c: char) {
        let _ = self.write_char(c);
    }

    /// Begins an object or an array.
    pub(super) fn open(&mut self, bracket: char) {
        self.put_char(bracket);
        self.behind = false;
    }

    /// Ends an object or an array.
    pub(super) fn close(&mut self, bracket: char) {
        self.put_char(bracket);
        self.behind = true;
    }

    /// Begins an item of an array.
    pub(super) fn item(&mut self) {
        if self.behind {
            self.put_char(',');
        }
        self.behind = true;
    }

    /// Begins a member of an object.
    pub(super) fn member(&mut self, name: &str) {
        self.item();
        self.string(name);
        self.put_char(':');
    }

    pub(super) fn null(&mut self) {
        self.put("null");
    }

    /// A number, `true` or `false`.
    pub(super) fn display(&mut self, value: impl Display) {
        let _ = write!(self, "{value}");
    }

    /// A number; as text if JSON has no such number, as Kafka does it.
    pub(super) fn float(&mut self, value: f64) {
        let _ = match value {
            value if value.is_finite() => write!(self, "{value:?}"),
            value if value.is_nan() => write!(self, "\"NaN\""),
            value if value > 0.0 => write!(self, "\"Infinity\""),
            _ => write!(self, "\"-Infinity\""),
        };
    }

    pub(super) fn string(&mut self, text: &str) {
        self.put_char('"');
        for c in text.chars() {
            match c {
                '"' => self.put("\\\""),
                '\\' => self.put("\\\\"),
                '\n' => self.put("\\n"),
                '\r' => self.put("\\r"),
                '\t' => self.put("\\t"),
                c if c.is_control() => {
                    let _ = write!(self, "\\u{:04x}", u32::from(c));
                }
                c => self.put_char(c),
            }
        }
        self.put_char('"');
    }

    /// Bytes with the standard alphabet and padding (RFC 4648).
    pub(super) fn base64(&mut self, bytes: &[u8]) {
        const ALPHABET: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let length = (bytes.len().div_ceil(3)).saturating_mul(4).saturating_add(2);
        self.full |= length > self.bytes_max - self.out.len();
        if self.full {
            return; // nothing is encoded in vain
        }
        self.out.reserve(length);
        self.put_char('"');
        for group in bytes.chunks(3) {
            let bits = group.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte));
            let bits = bits << (8 * (3 - group.len()));
            for place in 0..4 {
                let digit = usize::try_from(bits >> (18 - 6 * place) & 63);
                let letter = digit.ok().filter(|_| place <= group.len());
                let letter = letter.and_then(|digit| ALPHABET.get(digit));
                self.put_char(char::from(*letter.unwrap_or(&b'=')));
            }
        }
        self.put_char('"');
    }

    /// Whether nothing that follows would be kept.
    pub(super) fn is_full(&self) -> bool {
        self.full
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
