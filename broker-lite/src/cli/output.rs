//! What a verb prints: a table for people, or one JSON object a line for programs.

use std::io::{self, Write};

use clap::{Args, ValueEnum};
use serde_json::Value;

use super::exit::Failure;

/// What standard output is for.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub(super) enum Format {
    /// People: names, or a table with a line of headings.
    #[default]
    Text,
    /// Programs: one JSON object a line.
    Json,
}

/// The option of every verb that prints.
#[derive(Args, Clone, Copy, Debug)]
pub(super) struct Output {
    /// What to print: text for people, or one JSON object a line.
    #[arg(short = 'o', long, value_enum, default_value_t)]
    pub(super) format: Format,
}

/// A column: its name in JSON, and how people see it.
pub(super) type Column = (&'static str, Shown);

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Shown {
    /// Below this heading, on the left: names.
    Left(&'static str),
    /// Below this heading, on the right: numbers.
    Right(&'static str),
    /// Not at all.
    No,
}

impl Shown {
    const fn heading(self) -> &'static str {
        match self {
            Self::Left(heading) | Self::Right(heading) => heading,
            Self::No => "",
        }
    }
}

/// A cell: what a program gets, and what people see if that is not the same.
pub(super) struct Cell {
    value: Value,
    text: Option<String>,
}

impl Cell {
    pub(super) fn new(value: impl Into<Value>) -> Self {
        Self { value: value.into(), text: None }
    }

    /// With other words for people.
    pub(super) fn shown(value: impl Into<Value>, text: impl Into<String>) -> Self {
        Self { value: value.into(), text: Some(text.into()) }
    }

    fn text(&self) -> String {
        match (&self.text, &self.value) {
            (Some(text), _) => text.clone(),
            (None, Value::String(text)) => text.clone(),
            (None, Value::Null) => "-".to_owned(),
            (None, Value::Array(all)) => {
                let each: Vec<_> = all.iter().map(ToString::to_string).collect();
                if each.is_empty() { "-".to_owned() } else { each.join(",") }
            }
            (None, other) => other.to_string(),
        }
    }
}

/// Prints rows with these columns.
pub(super) fn print<const N: usize>(
    format: Format,
    columns: &[Column; N],
    rows: &[[Cell; N]],
) -> Result<(), Failure> {
    write(&match format {
        Format::Text => table(columns, rows),
        Format::Json => rows.iter().map(|row| object(columns, row)).collect(),
    })
}

/// Prints text as it is.
pub(super) fn write(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout();
    let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    written.map_err(|error| Failure::stdout(&error))
}

fn object<const N: usize>(columns: &[Column; N], row: &[Cell; N]) -> String {
    let field =
        |((name, _), cell): (&Column, &Cell)| format!("{}:{}", Value::from(*name), cell.value);
    let fields: Vec<_> = columns.iter().zip(row).map(field).collect();
    format!("{{{}}}\n", fields.join(","))
}

fn table<const N: usize>(columns: &[Column; N], rows: &[[Cell; N]]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let heads = columns.map(|(_, shown)| shown.heading().to_owned());
    let lines = rows.iter().map(|row| row.each_ref().map(Cell::text));
    let lines: Vec<_> = core::iter::once(heads).chain(lines).collect();
    let mut text = String::new();
    for line in &lines {
        let mut cells = Vec::new();
        for (at, ((_, shown), cell)) in columns.iter().zip(line).enumerate() {
            let widths = lines.iter().filter_map(|line| line.get(at));
            let width = widths.map(|cell| cell.chars().count()).max().unwrap_or_default();
            match shown {
                Shown::Left(_) => cells.push(format!("{cell:<width$}")),
                Shown::Right(_) => cells.push(format!("{cell:>width$}")),
                Shown::No => {}
            }
        }
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// A size in the largest unit of which there is one.
pub(super) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut tenths = u128::from(bytes) * 10;
    let mut unit = "B";
    for larger in UNITS {
        if tenths < 10_240 {
            break;
        }
        tenths /= 1024;
        unit = larger;
    }
    if unit == "B" {
        format!("{bytes} B")
    } else {
        format!("{}.{} {unit}", tenths / 10, tenths % 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 3] =
        [("topic", Shown::Left("TOPIC")), ("size_bytes", Shown::Right("SIZE")), ("id", Shown::No)];

    fn rows() -> [[Cell; 3]; 2] {
        [
            [Cell::new("a"), Cell::shown(2048, bytes(2048)), Cell::new("x\"")],
            [Cell::new("orders"), Cell::new(Value::Null), Cell::new(vec![1, 2])],
        ]
    }

    #[test]
    fn people_get_aligned_columns() {
        let text = "TOPIC      SIZE\na       2.0 KiB\norders        -\n";
        assert_eq!(table(&COLUMNS, &rows()), text);
        assert_eq!(table(&COLUMNS, &[]), "");
    }

    #[test]
    fn programs_get_an_object_a_line() {
        let [first, second] = rows();
        assert_eq!(
            object(&COLUMNS, &first),
            "{\"topic\":\"a\",\"size_bytes\":2048,\"id\":\"x\\\"\"}\n"
        );
        assert_eq!(
            object(&COLUMNS, &second),
            "{\"topic\":\"orders\",\"size_bytes\":null,\"id\":[1,2]}\n"
        );
    }

    #[test]
    fn a_size_has_a_fitting_unit() {
        for (size, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (1024 * 1024 - 1, "1023.9 KiB"),
            (5 << 30, "5.0 GiB"),
            (u64::MAX, "16383.9 PiB"),
        ] {
            assert_eq!(bytes(size), text);
        }
    }
}
