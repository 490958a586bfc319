//! What two brokers say they serve, side by side: a table, and an error where they differ.
//!
//! ```text
//! api_versions KAFKA BROKER_LITE
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::process::ExitCode;

use ottla_protocol::ApiKey;
use ottla_protocol::messages::api_versions::{ApiVersionsRequest, ApiVersionsResponse};
use ottla_tests::raw::RawClient;

/// The newest version that Apache Kafka 4.3.1 answers.
const VERSION: i16 = 4;

/// What differs on purpose: whatever else the two say of it is wrong.
struct Deliberate {
    table: &'static str,
    name: &'static str,
    kafka: (i16, i16),
    lite: (i16, i16),
    why: &'static str,
}

const API: &str = "API";
const SUPPORTED: &str = "feature, supported";
const FINALIZED: &str = "feature, finalized";

/// Kafka 4.3.1 supports 3.3-IV3 to 4.3-IV0, broker-lite no more than 4.0-IV3.
const DELIBERATE: &[Deliberate] = &[
    Deliberate {
        table: SUPPORTED,
        name: "metadata.version",
        kafka: (7, 30),
        lite: (7, 25),
        why: "what is newer in the metadata log is not needed yet",
    },
    Deliberate {
        table: FINALIZED,
        name: "metadata.version",
        kafka: (30, 30),
        lite: (25, 25),
        why: "the metadata log is written as of 4.0, which every 4.x reads",
    },
];

/// The lowest and the highest of something, by its name.
type Ranges = BTreeMap<String, (i16, i16)>;

#[tokio::main]
async fn main() -> ExitCode {
    let addresses: Vec<String> = env::args().skip(1).collect();
    let [kafka, lite] = &addresses[..] else {
        eprintln!("usage: api_versions KAFKA BROKER_LITE");
        return ExitCode::FAILURE;
    };
    let (kafka, lite) = (ask(kafka).await, ask(lite).await);
    let tables = [
        (API, apis(&kafka), apis(&lite)),
        (SUPPORTED, supported(&kafka), supported(&lite)),
        (FINALIZED, finalized(&kafka), finalized(&lite)),
    ];
    let wrong: usize = tables.iter().map(|(what, kafka, lite)| compare(what, kafka, lite)).sum();
    println!("differences that nobody wants: {wrong}");
    if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn ask(address: &str) -> ApiVersionsResponse {
    let mut client = RawClient::connect_to(address).await.expect("a broker");
    let request = ApiVersionsRequest {
        client_software_name: "ottla".into(),
        client_software_version: "0".into(),
        ..Default::default()
    };
    client.call(&request, VERSION).await
}

fn apis(response: &ApiVersionsResponse) -> Ranges {
    let each = response.api_keys.iter();
    each.map(|api| {
        let name = format!("{:>2} {}", api.api_key, ApiKey(api.api_key).name());
        (name, (api.min_version, api.max_version))
    })
    .collect()
}

fn supported(response: &ApiVersionsResponse) -> Ranges {
    let each = response.supported_features.iter();
    each.map(|feature| (feature.name.to_string(), (feature.min_version, feature.max_version)))
        .collect()
}

fn finalized(response: &ApiVersionsResponse) -> Ranges {
    let each = response.finalized_features.iter();
    each.map(|f| (f.name.to_string(), (f.min_version_level, f.max_version_level))).collect()
}

/// Prints what both have, then what only Kafka has; gives how much is different without a reason.
fn compare(what: &str, kafka: &Ranges, lite: &Ranges) -> usize {
    println!("{what:<32} Kafka    broker-lite");
    let mut wrong = 0;
    for name in kafka.keys().chain(lite.keys()).collect::<BTreeSet<_>>() {
        let (theirs, ours) = (kafka.get(name), lite.get(name));
        if ours.is_none() {
            continue;
        }
        let is_meant = |d: &&Deliberate| {
            (d.table, d.name) == (what, name) && (Some(&d.kafka), Some(&d.lite)) == (theirs, ours)
        };
        let why = DELIBERATE.iter().find(is_meant).map(|d| d.why);
        let note = match why {
            _ if theirs == ours => "",
            Some(why) => why,
            None => "DIFFERENT",
        };
        wrong += usize::from(theirs != ours && why.is_none());
        println!("{name:<32} {:<8} {:<8} {note}", range(theirs), range(ours));
    }
    let absent = kafka.iter().filter(|(name, _)| !lite.contains_key(*name));
    let absent: Vec<_> =
        absent.map(|(name, r)| format!("{} {}", name.trim(), range(Some(r)))).collect();
    println!("not in broker-lite ({}): {}\n", absent.len(), absent.join(", "));
    wrong
}

fn range(range: Option<&(i16, i16)>) -> String {
    range.map_or_else(|| "-".to_owned(), |(low, high)| format!("{low}-{high}"))
}
