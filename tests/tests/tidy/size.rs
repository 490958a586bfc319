//! Rules about the shape of a file: lengths, and the documentation of settings.

use super::code::alert;
use super::shape::Setter;
use super::source::is_test;
use super::{Complaint, Source};

const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;

/// What a program plugs in, not what it sets: Kafka has nothing to compare.
const SEAMS: [&str; 4] = ["clock", "connector", "layer", "seed"];

/// A file has one subject, a function fits on a screen. Functions of tests may be longer tables.
pub(crate) fn lengths(source: &Source) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let lines = source.text.lines().count();
    if lines > FILE_LINES_MAX {
        let what = format!("{lines} lines, at most {FILE_LINES_MAX}: split by subject");
        complaints.push(alert(source, lines, &what));
    }
    if !is_test(&source.path) {
        let long = source.shape.functions.iter().filter(|f| f.lines > FUNCTION_LINES_MAX);
        complaints.extend(long.map(|f| {
            let what = format!("fn {}: {} lines, at most {FUNCTION_LINES_MAX}", f.name, f.lines);
            alert(source, f.line, &what)
        }));
    }
    complaints
}

/// A public setter of a client's builder says what happens without it and what Kafka calls it.
pub(crate) fn settings(source: &Source) -> Vec<Complaint> {
    if !source.path.starts_with("client/src/") {
        return Vec::new();
    }
    let setters = source.shape.setters.iter().filter(|s| !SEAMS.contains(&&*s.name));
    setters.flat_map(|setter| judge(source, setter)).collect()
}

fn judge(source: &Source, setter: &Setter) -> Vec<Complaint> {
    let wanted = [("efault", "its default"), ("afka", "Kafka's name, or that Kafka has none")];
    let missing = wanted.iter().filter(|(word, _)| !setter.doc.contains(word));
    let say = |what: &str| alert(source, setter.line, &format!("fn {}: say {what}", setter.name));
    missing.map(|(_, what)| say(what)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_file_is_named() {
        let text = "// x\n".repeat(FILE_LINES_MAX + 1);
        assert_eq!(lengths(&Source::parse("client/src/a.rs", &text)).len(), 1);
        assert_eq!(lengths(&Source::parse("tests/tests/a.rs", &text)).len(), 1);
        assert!(lengths(&Source::parse("client/src/a.rs", &text[5..])).is_empty());
    }

    #[test]
    fn a_long_function_is_named() {
        let function = |lines: usize| format!("fn f() {{\n{}}}\n", "a();\n".repeat(lines - 2));
        let method = |lines| format!("impl A {{\n{}}}\n", function(lines));
        for shape in [&function as &dyn Fn(usize) -> String, &method] {
            let judge = |lines| lengths(&Source::parse("client/src/a.rs", &shape(lines))).len();
            assert_eq!((judge(FUNCTION_LINES_MAX + 1), judge(FUNCTION_LINES_MAX)), (1, 0));
        }
    }

    #[test]
    fn a_setting_without_default_or_kafka_name_is_named() {
        let judge = |doc: &str| {
            let text = format!("impl XBuilder {{ {doc} pub fn a(mut self) -> Self {{ self }} }}");
            settings(&Source::parse("client/src/a.rs", &text)).len()
        };
        assert_eq!(judge(""), 2);
        assert_eq!(judge("/** Default 1. */"), 1);
        assert_eq!(judge("/** How long. Default 1 ms (Kafka: `linger.ms`, 5). */"), 0);
    }
}
