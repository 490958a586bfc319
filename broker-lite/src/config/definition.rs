//! What one setting is: name, type, bounds, default.

/// The type of a setting's value and which values it takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    Boolean,
    /// 32 bits, with the lowest value allowed.
    Int(i32),
    /// 32 bits, with the lowest and the highest value allowed.
    IntUpTo(i32, i32),
    /// 32 bits, with the lowest and the highest value allowed; -1 stands for the default.
    Level(i32, i32),
    /// 64 bits, with the lowest value allowed.
    Long(i64),
    /// With the lowest and the highest value allowed.
    Double(f64, f64),
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Any number of these words, with commas between them.
    List(&'static [&'static str]),
}

/// One setting.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Definition {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// `None`: unset unless somebody sets it.
    pub(crate) default: Option<&'static str>,
}

impl Definition {
    /// Checks `value`.
    ///
    /// # Errors
    ///
    /// What would be right instead.
    pub(crate) fn check(&self, value: &str) -> Result<(), String> {
        let at_least = |low: i64, high: i64| format!("a whole number from {low} to {high}");
        let good = match self.kind {
            Kind::Boolean => matches!(value, "true" | "false"),
            Kind::Int(low) => value.trim().parse::<i32>().is_ok_and(|v| v >= low),
            Kind::IntUpTo(low, high) => {
                value.trim().parse::<i32>().is_ok_and(|v| v >= low && v <= high)
            }
            Kind::Level(low, high) => {
                value.trim().parse::<i32>().is_ok_and(|v| v == -1 || (v >= low && v <= high))
            }
            Kind::Long(low) => value.trim().parse::<i64>().is_ok_and(|v| v >= low),
            Kind::Double(low, high) => {
                value.trim().parse::<f64>().is_ok_and(|v| v >= low && v <= high)
            }
            Kind::Choice(words) => words.contains(&value),
            Kind::List(words) => items(value).all(|item| words.contains(&item)),
        };
        if good {
            return Ok(());
        }
        Err(match self.kind {
            Kind::Boolean => "true or false".to_owned(),
            Kind::Int(low) => at_least(low.into(), i32::MAX.into()),
            Kind::IntUpTo(low, high) => at_least(low.into(), high.into()),
            Kind::Level(low, high) => format!("{}, or -1", at_least(low.into(), high.into())),
            Kind::Long(low) => at_least(low, i64::MAX),
            Kind::Double(low, high) => format!("a number from {low} to {high}"),
            Kind::Choice(words) => format!("one of {}", words.join(", ")),
            Kind::List(words) => format!("a list of {}", words.join(", ")),
        })
    }

    /// Kafka's number for the type (`ConfigDef.Type` in DescribeConfigs).
    #[cfg(test)]
    pub(crate) const fn type_code(&self) -> i8 {
        match self.kind {
            Kind::Boolean => 1,
            Kind::Choice(_) => 2,
            Kind::Int(_) | Kind::IntUpTo(..) | Kind::Level(..) => 3,
            Kind::Long(_) => 5,
            Kind::Double(..) => 6,
            Kind::List(_) => 7,
        }
    }
}

/// The items of a list value.
pub(crate) fn items(value: &str) -> impl Iterator<Item = &str> {
    value.split(',').map(str::trim).filter(|item| !item.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_checked_by_type_and_bound() {
        for (kind, value, good) in [
            (Kind::Boolean, "true", true),
            (Kind::Boolean, "yes", false),
            (Kind::Int(1), "0", false),
            (Kind::Int(1), "2147483647", true),
            (Kind::Int(1), "2147483648", false),
            (Kind::IntUpTo(0, 9), "9", true),
            (Kind::IntUpTo(0, 9), "10", false),
            (Kind::Long(-1), "-1", true),
            (Kind::Long(-1), "-2", false),
            (Kind::Long(-1), "1h", false),
            (Kind::Double(0.0, 1.0), "0.5", true),
            (Kind::Double(0.0, 1.0), "1.5", false),
            (Kind::Choice(&["a", "b"]), "b", true),
            (Kind::Choice(&["a", "b"]), "c", false),
            (Kind::List(&["compact", "delete"]), "compact, delete", true),
            (Kind::List(&["compact", "delete"]), "compact,shred", false),
            (Kind::List(&["compact", "delete"]), "", true),
        ] {
            let definition = Definition { name: "x", kind, default: None };
            assert_eq!(definition.check(value).is_ok(), good, "{kind:?} {value}");
        }
    }
}
