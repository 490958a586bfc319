//! What the rules share.

use super::source::Token;
use super::{Complaint, Source};

pub(crate) fn alert(source: &Source, line: usize, what: &str) -> Complaint {
    format!("{}:{line}: {what}", source.path)
}

/// One complaint for each place where one of `patterns` occurs.
pub(crate) fn each(source: &Source, patterns: &[&str], why: &str) -> Vec<Complaint> {
    let found = patterns.iter().flat_map(|p| source.find(p).into_iter().map(move |line| (line, p)));
    found.map(|(line, p)| alert(source, line, &format!("`{}` {why}", p.replace(' ', "")))).collect()
}

/// Whether `path` is one of `places`, or below one that ends in `/`.
pub(crate) fn is_below(path: &str, places: &[&str]) -> bool {
    places.iter().any(|place| path == *place || place.ends_with('/') && path.starts_with(place))
}

/// The tokens of the first braced group.
pub(crate) fn body(tokens: &[Token]) -> &[Token] {
    let Some(open) = tokens.iter().position(|t| t.text == "{") else { return &[] };
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match &*token.text {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return &tokens[open..at];
        }
    }
    &tokens[open..]
}
