//! Rules about every text of ours, code or not.

use super::{Complaint, Source};

/// Words that mark unfinished work; spelt so that this file does not hold them.
const LEFTOVERS: [&str; 5] = [
    concat!("FIX", "ME"),
    concat!("TO", "DO"),
    concat!("XX", "X"),
    concat!("to", "do!"),
    concat!("HA", "CK"),
];

/// Unfinished work is an issue, not a comment.
pub(crate) fn leftovers(path: &str, text: &str) -> Vec<Complaint> {
    lines(path, text, |line| {
        let word = LEFTOVERS.into_iter().find(|word| has_word(line, word))?;
        Some(format!("`{word}` is left over"))
    })
}

fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        ![before, after].into_iter().flatten().any(char::is_alphanumeric)
    })
}

/// No look-alikes, no invisible characters.
pub(crate) fn ascii(path: &str, text: &str) -> Vec<Complaint> {
    lines(path, text, |line| {
        let odd = line.chars().find(|c| !c.is_ascii())?;
        Some(format!("{odd:?} is not ASCII"))
    })
}

/// What judges client and broker shares no code with them: a mistake of theirs must not be its own.
pub(crate) fn judge_is_apart(path: &str, text: &str) -> Vec<Complaint> {
    if !path.starts_with("tests/src/judge/") {
        return Vec::new();
    }
    lines(path, text, |line| {
        let own = line.replace("crate::judge", "");
        let strangers = ["ottla", "broker_lite", "tokio", "crate::"];
        let stranger = strangers.into_iter().find(|stranger| own.contains(stranger))?;
        Some(format!("the judge knows `{stranger}`"))
    })
}

/// Where packages come from is the user's business: no registry or mirror is named.
pub(crate) fn registries(path: &str, text: &str) -> Vec<Complaint> {
    let hosts = [
        concat!("crates", ".io"),
        concat!("pypi", ".org"),
        concat!("pythonhosted", ".org"),
        concat!("npmjs", ".org"),
        concat!("npmjs", ".com"),
        concat!("proxy.golang", ".org"),
        concat!("maven", ".org"),
        concat!("maven.apache", ".org/maven2"),
        concat!("deb.debian", ".org"),
        concat!("replace", "-with"),
    ];
    lines(path, text, |line| {
        let host = hosts.into_iter().find(|host| line.contains(host))?;
        Some(format!("names the registry {host}"))
    })
}

fn lines(path: &str, text: &str, judge: impl Fn(&str) -> Option<String>) -> Vec<Complaint> {
    let numbered = text.lines().zip(1..);
    numbered.filter_map(|(line, n)| Some(format!("{path}:{n}: {}", judge(line)?))).collect()
}

/// Steps of the journeys in ARCHITECTURE.md, written `file::function`, exist.
pub(crate) fn journeys(text: &str, sources: &[Source]) -> Vec<Complaint> {
    let spans = text.split('`').skip(1).step_by(2);
    let steps = spans.filter(|span| span.contains(".rs::"));
    let missing = steps.filter(|step| {
        let (file, function) = step.split_once("::").expect("it contains ::");
        let declared = format!("fn {}", function.rsplit("::").next().unwrap_or_default());
        let ends = |s: &&Source| format!("/{}", s.path).ends_with(&format!("/{file}"));
        !sources.iter().filter(ends).any(|source| !source.find(&declared).is_empty())
    });
    missing.map(|step| format!("ARCHITECTURE.md: there is no `{step}`")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_finds_what_it_forbids() {
        assert_eq!(leftovers("a", concat!("ok\n// TO", "DO: later")).len(), 1);
        assert_eq!(leftovers("a", concat!("    to", "do!()")).len(), 1);
        assert_eq!(ascii("a", "ok\ncaf\u{e9}").len(), 1);
        assert_eq!(registries("a", concat!("see https://crates", ".io/x")).len(), 1);
        for stranger in ["use ottla::Client;", "use crate::raw;", "broker_lite::Cluster"] {
            assert_eq!(judge_is_apart("tests/src/judge/case.rs", stranger).len(), 1);
        }
    }

    #[test]
    fn each_rule_passes_what_it_allows() {
        assert!(leftovers("a", "MYTODOS, mastodon").is_empty());
        assert!(ascii("a", "plain").is_empty());
        assert!(registries("a", "a crate").is_empty());
        assert!(judge_is_apart("tests/src/judge/a.rs", "use crate::judge::judge;").is_empty());
        assert!(judge_is_apart("tests/src/raw.rs", "use ottla::Client;").is_empty());
    }

    #[test]
    fn a_step_that_does_not_exist_is_named() {
        let sources = [Source::parse("client/src/producer/outbox.rs", "fn poll() {}")];
        assert!(journeys("`outbox.rs::poll` and `x`", &sources).is_empty());
        assert_eq!(journeys("`producer/outbox.rs::gone`", &sources).len(), 1);
        assert_eq!(journeys("`elsewhere.rs::poll`", &sources).len(), 1);
    }
}
