//! How a command ends badly: what was being done, why it failed, and the exit code.

use core::error::Error;
use std::io;
use std::process::ExitCode;

/// A command that did not do all it was asked to.
#[derive(Debug)]
pub(super) struct Failure {
    what: String,
    causes: Vec<String>,
    code: u8,
    /// The reader of our output has gone; nobody is there to be told.
    quiet: bool,
}

impl Failure {
    /// An error while doing `what`, with all its causes: exit code 1.
    pub(super) fn new(what: impl Into<String>, error: &dyn Error) -> Self {
        let mut causes = Vec::new();
        let mut next = Some(error);
        while let Some(cause) = next {
            causes.push(cause.to_string());
            next = cause.source();
        }
        // an error that prints its cause as well would say it twice
        causes.dedup_by(|inner, outer| outer.contains(&**inner));
        Self { what: what.into(), causes, code: 1, quiet: false }
    }

    /// The command cannot mean anything as it was given: exit code 2.
    pub(super) fn usage(what: impl Into<String>, error: &dyn Error) -> Self {
        Self { code: 2, ..Self::new(what, error) }
    }

    /// The same in words only: exit code 2.
    pub(super) fn misused(what: impl Into<String>) -> Self {
        Self { code: 2, ..Self::say(what) }
    }

    /// An error that is only words: exit code 1.
    pub(super) fn say(what: impl Into<String>) -> Self {
        Self { what: what.into(), causes: Vec::new(), code: 1, quiet: false }
    }

    /// Says at last what can be done.
    pub(super) fn with_advice(mut self, advice: String) -> Self {
        self.causes.push(advice);
        self
    }

    /// An error of standard output; the reader's going (`| head`) is a quiet end.
    pub(super) fn stdout(error: &io::Error) -> Self {
        let gone = error.kind() == io::ErrorKind::BrokenPipe;
        let failure = Self::new("writing to standard output", error);
        if gone { Self { code: 0, quiet: true, ..failure } } else { failure }
    }

    pub(super) fn report(&self) -> ExitCode {
        if !self.quiet {
            let causes = self.causes.iter().map(|cause| format!(": {cause}"));
            eprintln!("broker-lite: {}{}", self.what, causes.collect::<String>());
        }
        ExitCode::from(self.code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Layer(&'static str, #[source] Option<Box<Self>>);

    #[test]
    fn every_cause_is_said_once() {
        let inner = Layer("refused", None);
        let middle = Layer("cannot connect to h:1: refused", Some(Box::new(inner)));
        let failure = Failure::new("listing topics", &Layer("no metadata", Some(Box::new(middle))));
        assert_eq!(failure.causes, ["no metadata", "cannot connect to h:1: refused"]);
    }

    #[test]
    fn a_reader_that_has_gone_is_no_error() {
        let failure = Failure::stdout(&io::ErrorKind::BrokenPipe.into());
        assert!(failure.quiet && failure.code == 0);
        assert!(!Failure::stdout(&io::ErrorKind::StorageFull.into()).quiet);
    }
}
