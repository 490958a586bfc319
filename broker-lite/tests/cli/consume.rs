//! `consume` between two places.

use super::Broker;

#[test]
fn records_are_read_between_offsets_times_and_counts() {
    let broker = Broker::start(&["serve", "--topic", "t"]);
    let record = |value: u32| format!("{{\"value\":\"{value}\",\"timestamp\":{}}}\n", value * 1000);
    let lines: String = (0..6).map(record).collect();
    broker.ok(&["produce", "t", "--format", "json"], lines.as_bytes());
    for (from, to, expected) in [
        ("beginning", "end", "0 1 2 3 4 5"),
        ("2", "4", "2 3"),
        ("-2", "end", "4 5"),
        ("-100", "1", "0"),
        ("beginning", "-4", "0 1"),
        ("@2500", "end", "3 4 5"),
        ("1970-01-01T00:00:02Z", "1970-01-01T01:00:04+01:00", "2 3"),
        ("-1h", "end", ""),
        ("beginning", "-1h", "0 1 2 3 4 5"),
        ("4", "2", ""),
        ("end", "end", ""),
        ("beginning", "@9999", "0 1 2 3 4 5"),
    ] {
        let read = broker.ok(&["consume", "t", "--from", from, "--to", to], b"");
        let read: Vec<_> = read.lines().collect();
        assert_eq!(read.join(" "), expected, "from {from} to {to}");
    }
    broker.ok(&["produce", "t"], b"now\n");
    assert_eq!(broker.ok(&["consume", "t", "--from", "-1h"], b""), "now\n");
}
