//! Keeps requests in call order while a user's layers delay, fail or drop some of them.

use std::collections::BTreeMap;

/// Hands values out in the order in which their tickets were issued.
#[derive(Debug)]
pub(crate) struct OrderGate<T> {
    issued: u64,
    passed: u64,
    /// What arrived before its turn; `None` for a ticket that will never bring a value.
    early: BTreeMap<u64, Option<T>>,
}

impl<T> Default for OrderGate<T> {
    fn default() -> Self {
        Self { issued: 0, passed: 0, early: BTreeMap::new() }
    }
}

impl<T> OrderGate<T> {
    /// The next place in the order. Whoever holds it must let it [`arrive`](Self::arrive).
    pub(crate) const fn issue(&mut self) -> u64 {
        let ticket = self.issued;
        self.issued += 1;
        ticket
    }

    /// Brings the value of `ticket`, or `None` to let those behind it go.
    ///
    /// Only the first arrival of a ticket counts; gives `value` back if this was a later one.
    pub(crate) fn arrive(&mut self, ticket: u64, value: Option<T>) -> Result<(), Option<T>> {
        assert!(ticket < self.issued); // tickets come from `issue` only
        if ticket < self.passed || self.early.contains_key(&ticket) {
            return Err(value);
        }
        self.early.insert(ticket, value);
        Ok(())
    }

    /// The next value in order, if it has arrived.
    pub(crate) fn pop(&mut self) -> Option<(u64, T)> {
        while let Some(value) = self.early.remove(&self.passed) {
            let ticket = self.passed;
            self.passed += 1;
            if let Some(value) = value {
                return Some((ticket, value));
            }
        }
        None
    }

    /// How many tickets are out or wait behind one that is.
    pub(crate) const fn pending(&self) -> u64 {
        self.issued - self.passed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_leave_in_ticket_order_whatever_order_they_come_in() {
        let mut rng = fastrand::Rng::with_seed(7);
        for _ in 0..500 {
            let mut gate = OrderGate::default();
            let count = rng.u64(1..20);
            let mut tickets: Vec<_> = (0..count).map(|_| gate.issue()).collect();
            rng.shuffle(&mut tickets);
            let (mut left, mut dropped) = (Vec::new(), Vec::new());
            for ticket in tickets {
                let value = (rng.u8(..) >= 64).then_some(ticket);
                if value.is_none() {
                    dropped.push(ticket);
                }
                gate.arrive(ticket, value).unwrap();
                left.extend(core::iter::from_fn(|| gate.pop()));
            }
            let expected: Vec<_> =
                (0..count).filter(|t| !dropped.contains(t)).map(|t| (t, t)).collect();
            assert_eq!(left, expected);
            assert_eq!(gate.pending(), 0);
        }
    }

    #[test]
    fn a_delayed_ticket_holds_back_those_behind_it_and_counts_once() {
        let mut gate = OrderGate::default();
        let (a, b) = (gate.issue(), gate.issue());
        gate.arrive(b, Some("b")).unwrap();
        assert_eq!(gate.pop(), None, "a is still out");
        gate.arrive(a, None).unwrap();
        assert_eq!(gate.arrive(a, Some("late")), Err(Some("late")));
        assert_eq!(gate.pop(), Some((b, "b")));
        assert_eq!(gate.arrive(b, Some("again")), Err(Some("again")));
    }
}
