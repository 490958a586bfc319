//! Topics with a meaning of their own, and what makes two names one.

use ottla_protocol::Str;

/// The topic of the controller's own log; nobody may make or write one of this name.
pub(crate) const METADATA_TOPIC: &str = "__cluster_metadata";

/// Topics that clients do not write to: coordinators do.
pub(crate) fn is_internal(name: &str) -> bool {
    matches!(name, "__consumer_offsets" | "__transaction_state" | "__share_group_state")
}

/// What metrics make of a name: two names with the same one collide.
pub(crate) fn metric_name(name: &str) -> Str {
    if name.contains('.') { name.replace('.', "_").into() } else { name.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_and_underscores_are_one_to_metrics() {
        assert_eq!(metric_name("a.b_c"), metric_name("a_b.c"));
        assert_ne!(metric_name("a-b"), metric_name("a_b"));
    }
}
