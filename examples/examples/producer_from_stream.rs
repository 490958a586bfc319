//! Sends what a stream yields. Nothing is buffered but what the producer has room for: a slow
//! broker slows the stream down.
//!
//!     cargo run --example producer_from_stream

use std::error::Error;

use broker_lite::Cluster;
use futures::{StreamExt, TryStreamExt, stream};
use ottla::{Client, Record};

const READINGS: usize = 10_000;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let cluster = Cluster::builder().topic("readings", 4).start().await?;
    let client = Client::builder(&cluster.bootstrap()).build()?;
    let producer = client.producer().build()?;

    // any stream: a socket, a channel, a file read line by line
    let readings = stream::iter(0..READINGS).map(|n| {
        let sensor = format!("sensor-{}", n % 16);
        Record::to("readings").key(sensor.into_bytes()).value(format!("{n}").into_bytes())
    });
    let sent = producer.send_all(readings).await?;
    println!("{sent} readings acknowledged");
    producer.close().await?;

    let consumer = client.consumer().build()?;
    consumer.assign((0..4).map(|p| ("readings", p, ottla::Start::Earliest)))?;
    let read =
        consumer.stream().take(READINGS).try_fold(0, |n, _| async move { Ok(n + 1) }).await?;
    println!("{read} readings read back");
    assert_eq!((sent, read), (10_000, 10_000));
    Ok(())
}
