//! Rebuilds a table of balances by reading a topic from its beginning, as a service does at start.
//!
//!     cargo run --example replay

use std::collections::BTreeMap;
use std::error::Error;

use broker_lite::Cluster;
use ottla::{Client, Record, Start};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let cluster = Cluster::builder().topic("payments", 1).start().await?;
    let client = Client::builder(&cluster.bootstrap()).build()?;

    let producer = client.producer().build()?;
    for (account, amount) in [("ann", 30), ("bob", 20), ("ann", -5), ("bob", 7), ("ann", 100)] {
        let amount = amount.to_string();
        producer.enqueue(Record::to("payments").key(account).value(amount.as_bytes())).await?;
    }
    producer.flush().await?;

    let first = replay(&client).await?;
    for (account, balance) in &first {
        println!("{account:<8} {balance:>5}");
    }
    assert_eq!(first, BTreeMap::from([("ann".to_owned(), 125), ("bob".to_owned(), 27)]));

    // the topic is the truth: whoever reads it again gets the same table
    assert_eq!(first, replay(&client).await?);
    Ok(())
}

async fn replay(client: &Client) -> Result<BTreeMap<String, i64>, Box<dyn Error>> {
    let consumer = client.consumer().build()?;
    consumer.assign([("payments", 0, Start::Earliest)])?;
    let end = consumer.end_offsets([("payments", 0)]).await?.into_values().next();
    let mut balances = BTreeMap::new();
    while Some(consumer.position(("payments", 0)).await?) < end {
        for record in &consumer.poll().await? {
            let account = String::from_utf8_lossy(record.key().unwrap_or_default()).into_owned();
            let amount: i64 = std::str::from_utf8(record.value().unwrap_or_default())?.parse()?;
            *balances.entry(account).or_default() += amount;
        }
    }
    Ok(balances)
}
