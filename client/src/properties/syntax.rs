//! The syntax of `.properties` files, as `java.util.Properties` reads them.

use super::error::{Origin, PropertiesError};

/// A key, its value, and the line it starts at, counted from 1.
pub(super) type Line = (String, String, usize);

/// Reads `text`; `file` names it in errors.
///
/// `#` and `!` start a comment line; `=`, `:` or white space ends the key; a backslash at the end
/// joins the next line; `\t`, `\n`, `\r`, `\f` and `\uXXXX` are escapes, and a backslash before any
/// other character is that character.
pub(super) fn parse(file: &str, text: &str) -> Result<Vec<Line>, PropertiesError> {
    let mut found = Vec::new();
    let mut lines = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
    let mut number = 0;
    while let Some(first) = lines.next() {
        number += 1;
        let start = number;
        let first = first.trim_start_matches(BLANK);
        if first.is_empty() || first.starts_with(['#', '!']) {
            continue;
        }
        let mut logical = first.to_owned();
        while goes_on(&logical) {
            logical.pop();
            let Some(next) = lines.next() else { break };
            number += 1;
            logical.push_str(next.trim_start_matches(BLANK));
        }
        let (key, value) = split(&logical);
        let at = || Origin::line(file, start);
        let key = unescape(key).map_err(|reason| PropertiesError::Syntax { at: at(), reason })?;
        if key.is_empty() {
            let reason = "has a value without a key: expected key=value".to_owned();
            return Err(PropertiesError::Syntax { at: at(), reason });
        }
        let value =
            unescape(value).map_err(|reason| PropertiesError::Syntax { at: at(), reason })?;
        found.push((key, value, start));
    }
    Ok(found)
}

/// What Java takes for white space here.
const BLANK: [char; 3] = [' ', '\t', '\u{c}'];

/// Whether the line ends in an odd number of backslashes.
fn goes_on(line: &str) -> bool {
    line.chars().rev().take_while(|&c| c == '\\').count() % 2 == 1
}

/// Splits at the first `=`, `:` or white space that is not escaped.
fn split(line: &str) -> (&str, &str) {
    let mut escaped = false;
    let end = line.char_indices().find(|&(_, c)| {
        let ends = !escaped && (c == '=' || c == ':' || BLANK.contains(&c));
        escaped = !escaped && c == '\\';
        ends
    });
    let Some((end, _)) = end else { return (line, "") };
    let (key, rest) = line.split_at(end);
    let rest = rest.trim_start_matches(BLANK);
    let value = rest.strip_prefix(['=', ':']).unwrap_or(rest);
    (key, value.trim_start_matches(BLANK))
}

fn unescape(text: &str) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut units = Vec::new(); // of UTF-16: a character may take two escapes
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        let plain = match c {
            '\\' => match rest.next() {
                Some('u') => {
                    let digits: String = rest.by_ref().take(4).collect();
                    let hex = digits.len() == 4 && digits.chars().all(|c| c.is_ascii_hexdigit());
                    let unit = u16::from_str_radix(&digits, 16).ok().filter(|_| hex);
                    // what stands there is not shown: it may be part of a password
                    let wrong = "has \\u without four hex digits behind it; a backslash is \\\\";
                    units.push(unit.ok_or_else(|| wrong.to_owned())?);
                    continue;
                }
                Some('t') => '\t',
                Some('n') => '\n',
                Some('r') => '\r',
                Some('f') => '\u{c}',
                Some(other) => other,
                None => continue,
            },
            c => c,
        };
        flush(&mut units, &mut out)?;
        out.push(plain);
    }
    flush(&mut units, &mut out)?;
    Ok(out)
}

fn flush(units: &mut Vec<u16>, out: &mut String) -> Result<(), String> {
    let text = String::from_utf16(units);
    out.push_str(&text.map_err(|_| "has \\u escapes that are half a character".to_owned())?);
    units.clear();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_as_java_reads_it() {
        let text = "# comment\n\n  ! another\na=1\r\n b : 2\nc 3\nd\ne=\\\n   one,\\\n   two\n\
                    f\\=g=h\\:i\\\\\nj=\\u0041\\t\\ud83d\\ude00\nk==x \n# no \\\nl=\\\\\nm=\\";
        let read = parse("x", text).unwrap();
        let read: Vec<_> = read.iter().map(|(k, v, at)| (&**k, &**v, *at)).collect();
        let expected = [
            ("a", "1", 4),
            ("b", "2", 5),
            ("c", "3", 6),
            ("d", "", 7),
            ("e", "one,two", 8),
            ("f=g", "h:i\\", 11),
            ("j", "A\t\u{1f600}", 12),
            ("k", "=x ", 13),
            ("l", "\\", 15),
            ("m", "", 16),
        ];
        assert_eq!(read, expected);
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_its_line() {
        for (text, error) in [
            (
                "a=1\nb=\\u00g1",
                "x:2: has \\u without four hex digits behind it; a backslash is \\\\",
            ),
            ("b=\\u+123", "x:1: has \\u without four hex digits behind it; a backslash is \\\\"),
            ("b=\\ud83d", "x:1: has \\u escapes that are half a character"),
            ("=1", "x:1: has a value without a key: expected key=value"),
        ] {
            assert_eq!(parse("x", text).unwrap_err().to_string(), error);
        }
    }
}
