//! A service, and its test against a real broker that lives inside the test.
//!
//!     cargo test --example embedded_test

use ottla::{Client, Producer, Record, SendError};

/// The code under test: it knows nothing of the broker it is tested with.
struct Orders {
    producer: Producer,
}

impl Orders {
    fn connect(bootstrap: &str) -> Result<Self, ottla::ConfigError> {
        let client = Client::builder(bootstrap).client_id("orders").build()?;
        Ok(Self { producer: client.producer().build()? })
    }

    async fn place(&self, customer: &str, order: &str) -> Result<(), SendError> {
        let record = Record::to("orders").key(customer).value(order);
        self.producer.send(record).await.map(drop)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let bootstrap = std::env::args().nth(1).ok_or("usage: embedded_test HOST:PORT")?;
    Orders::connect(&bootstrap)?.place("ann", "2 apples").await?;
    println!("placed");
    Ok(())
}

#[cfg(test)]
mod tests {
    use broker_lite::{Action, Cluster, Fault};
    use ottla::{ApiKey, Start};

    use super::*;

    async fn read(cluster: &Cluster, count: usize) -> Vec<String> {
        let client = Client::builder(&cluster.bootstrap()).build().unwrap();
        let consumer = client.consumer().build().unwrap();
        consumer.assign([("orders", 0, Start::Earliest)]).unwrap();
        let mut values = Vec::new();
        while values.len() < count {
            let record = consumer.recv().await.unwrap();
            values.push(
                String::from_utf8_lossy(record.value.as_deref().unwrap_or_default()).into_owned(),
            );
        }
        values
    }

    #[tokio::test]
    async fn an_order_that_was_placed_is_in_the_topic() {
        let cluster = Cluster::builder().topic("orders", 1).start().await.unwrap();
        let orders = Orders::connect(&cluster.bootstrap()).unwrap();
        orders.place("ann", "2 apples").await.unwrap();
        assert_eq!(read(&cluster, 1).await, ["2 apples"]);
    }

    #[tokio::test]
    async fn a_lost_reply_does_not_place_an_order_twice() {
        let cluster = Cluster::builder().topic("orders", 1).start().await.unwrap();
        let fault = Fault::on(ApiKey::PRODUCE).times(1).then(Action::DisconnectAfter);
        let fault = cluster.faults().add(fault);
        let orders = Orders::connect(&cluster.bootstrap()).unwrap();
        orders.place("ann", "2 apples").await.unwrap();
        orders.place("ann", "1 pear").await.unwrap();
        assert_eq!(fault.hits(), 1);
        assert_eq!(read(&cluster, 2).await, ["2 apples", "1 pear"]);
    }
}
