//! The judge of requests: which rules match, and what they ask for together.

use core::time::Duration;
use std::collections::BTreeMap;

use ottla_protocol::api_key::ApiKey;
use ottla_protocol::error_code::ErrorCode;
use ottla_runtime::watch;

use super::{Action, Fault};

/// The topics and partitions that a request names.
pub(crate) trait Targets {
    /// Whether the request names this topic, and in it this partition; `None` stands for any.
    fn names(&self, topic: Option<&str>, partition: Option<i32>) -> bool;
}

impl<F: Fn(Option<&str>, Option<i32>) -> bool> Targets for F {
    fn names(&self, topic: Option<&str>, partition: Option<i32>) -> bool {
        self(topic, partition)
    }
}

/// What the rules ask for one request.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Verdict {
    pub(crate) delay: Duration,
    pub(crate) disconnect_before: bool,
    pub(crate) disconnect_after: bool,
    pub(crate) silence: bool,
    pub(crate) corrupt: bool,
    errors: Vec<(Option<String>, Option<i32>, ErrorCode)>,
}

impl Verdict {
    /// The error that this topic, or this partition of it, is to get instead of being served.
    pub(crate) fn error_for(&self, topic: &str, partition: Option<i32>) -> Option<ErrorCode> {
        let hit = |(t, p, _): &&(Option<String>, Option<i32>, ErrorCode)| {
            t.as_ref().is_none_or(|t| t == topic)
                && p.is_none_or(|p| partition.is_none_or(|asked| asked == p))
        };
        self.errors.iter().find(hit).map(|(_, _, code)| *code)
    }

    /// The error that the whole request is to get, in an API whose reply has no topics.
    pub(crate) fn error(&self) -> Option<ErrorCode> {
        self.errors.first().map(|(_, _, code)| *code)
    }
}

#[derive(Debug)]
struct Rule {
    fault: Fault,
    matched: u64,
    hits: watch::Sender<u64>,
}

impl Rule {
    /// Counts the request if the rule is about it; `true` if it is hit.
    fn hit(&mut self, api: ApiKey, client_id: Option<&str>, targets: &dyn Targets) -> bool {
        let fault = &self.fault;
        let about_client = fault.client_id.is_none() || fault.client_id.as_deref() == client_id;
        if fault.api != api || !about_client {
            return false;
        }
        let by_target = fault.topic.is_some() || fault.partition.is_some();
        if by_target && !targets.names(fault.topic.as_deref(), fault.partition) {
            return false;
        }
        self.matched += 1;
        let hits = *self.hits.borrow();
        let hit = self.matched >= fault.first && hits < fault.times;
        if hit {
            self.hits.send_replace(hits + 1);
        }
        hit
    }
}

/// The rules in the order they were added.
#[derive(Debug, Default)]
pub(super) struct Rules {
    rules: BTreeMap<u64, Rule>,
    next_id: u64,
}

impl Rules {
    pub(super) fn add(&mut self, fault: Fault, hits: watch::Sender<u64>) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        self.rules.insert(id, Rule { fault, matched: 0, hits });
        id
    }

    pub(super) fn remove(&mut self, id: u64) {
        self.rules.remove(&id);
    }

    pub(super) fn clear(&mut self) {
        self.rules.clear();
    }

    pub(super) fn len(&self) -> usize {
        self.rules.len()
    }

    pub(super) fn judge(
        &mut self,
        api: ApiKey,
        client_id: Option<&str>,
        targets: &dyn Targets,
    ) -> Verdict {
        let mut verdict = Verdict::default();
        for rule in self.rules.values_mut() {
            if !rule.hit(api, client_id, targets) {
                continue;
            }
            let fault = &rule.fault;
            match fault.action {
                Action::Error(code) => {
                    verdict.errors.push((fault.topic.clone(), fault.partition, code));
                }
                Action::Delay(wait) => verdict.delay = verdict.delay.saturating_add(wait),
                Action::DisconnectBefore => verdict.disconnect_before = true,
                Action::DisconnectAfter => verdict.disconnect_after = true,
                Action::Silence => verdict.silence = true,
                Action::CorruptReply => verdict.corrupt = true,
                Action::Observe => {}
            }
        }
        verdict
    }
}

#[cfg(test)]
mod tests {
    use super::super::Faults;
    use super::*;

    const TOPICS: [(&str, i32); 3] = [("a", 0), ("a", 1), ("b", 0)];

    fn targets(topic: Option<&str>, partition: Option<i32>) -> bool {
        TOPICS.iter().any(|(t, p)| {
            topic.is_none_or(|topic| topic == *t) && partition.is_none_or(|index| index == *p)
        })
    }

    fn judge(faults: &Faults, api: ApiKey, client: Option<&str>) -> Verdict {
        faults.judge(api, client, &targets)
    }

    #[test]
    fn a_rule_hits_what_it_is_about() {
        let on = || Fault::on(ApiKey::PRODUCE).then(Action::Silence);
        for (rule, fault, api, client, hit) in [
            ("another api", on(), ApiKey::FETCH, None, false),
            ("the api", on(), ApiKey::PRODUCE, None, true),
            ("a topic it names", on().topic("b"), ApiKey::PRODUCE, None, true),
            ("a topic it does not", on().topic("c"), ApiKey::PRODUCE, None, false),
            ("a partition", on().topic("a").partition(1), ApiKey::PRODUCE, None, true),
            ("no such partition", on().topic("b").partition(1), ApiKey::PRODUCE, None, false),
            ("any topic's partition", on().partition(1), ApiKey::PRODUCE, None, true),
            ("the client", on().client_id("x"), ApiKey::PRODUCE, Some("x"), true),
            ("another client", on().client_id("x"), ApiKey::PRODUCE, Some("y"), false),
            ("a client without id", on().client_id("x"), ApiKey::PRODUCE, None, false),
        ] {
            let faults = Faults::default();
            let handle = faults.add(fault);
            assert_eq!(judge(&faults, api, client).silence, hit, "{rule}");
            assert_eq!(handle.hits(), u64::from(hit), "{rule}");
        }
    }

    #[test]
    fn nth_and_times_choose_among_the_matches() {
        let faults = Faults::default();
        let fault = Fault::on(ApiKey::PRODUCE).nth(3).times(2).then(Action::DisconnectAfter);
        let handle = faults.add(fault);
        let hits: Vec<bool> =
            (0..6).map(|_| judge(&faults, ApiKey::PRODUCE, None).disconnect_after).collect();
        assert_eq!(hits, [false, false, true, true, false, false]);
        assert_eq!(handle.hits(), 2);
    }

    #[test]
    fn an_error_is_for_what_the_rule_names() {
        let faults = Faults::default();
        let (six, two) = (ErrorCode(6), ErrorCode(2));
        faults.add(Fault::on(ApiKey::PRODUCE).topic("a").partition(1).then(Action::Error(six)));
        faults.add(Fault::on(ApiKey::PRODUCE).topic("b").then(Action::Error(two)));
        let verdict = judge(&faults, ApiKey::PRODUCE, None);
        let errors: Vec<_> = TOPICS.iter().map(|(t, p)| verdict.error_for(t, Some(*p))).collect();
        assert_eq!(errors, [None, Some(six), Some(two)]);
    }

    #[test]
    fn a_removed_rule_hits_no_more() {
        let faults = Faults::default();
        let handle = faults.add(Fault::on(ApiKey::FETCH));
        judge(&faults, ApiKey::FETCH, None);
        handle.remove();
        judge(&faults, ApiKey::FETCH, None);
        assert_eq!(handle.hits(), 1);
    }

    #[tokio::test]
    async fn waiting_for_hits_ends_with_the_hit_or_the_rule() {
        let faults = Faults::default();
        let handle = faults.add(Fault::on(ApiKey::FETCH));
        let act = async {
            judge(&faults, ApiKey::FETCH, None);
            judge(&faults, ApiKey::FETCH, None);
        };
        assert_eq!(tokio::join!(handle.wait(2), act).0, 2);
        let act = async { faults.clear() };
        assert_eq!(tokio::join!(handle.wait(9), act).0, 2);
    }
}
