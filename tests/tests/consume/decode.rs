//! Values as what they mean.

use futures::StreamExt as _;
use ottla::{DecodeError, Decoded, Json, Record};

use crate::{TOPIC, World};

#[tokio::test(start_paused = true)]
async fn a_record_that_cannot_be_decoded_is_an_error_with_its_position_and_the_stream_goes_on() {
    let world = World::new(1).await;
    let producer = world.client.producer().build().unwrap();
    let json = |value: (&str, u32)| Record::to(TOPIC).value_with(&Json, &value).unwrap();
    for record in [
        json(("apples", 2)),
        Record::to(TOPIC).key("k").value("no JSON"),
        Record::to(TOPIC).key("k"),
        json(("pears", 3)),
    ] {
        producer.send(record).await.unwrap();
    }
    let consumer = world.consumer();
    consumer.assign([(TOPIC, 0)]).unwrap();
    let mut fruit = consumer.stream().decode::<(String, u32), _>(Json);
    let mut values = Vec::new();
    let mut errors = Vec::new();
    for _ in 0..4 {
        match fruit.next().await.unwrap() {
            Ok(Decoded { value, record, .. }) => values.push((record.offset.get(), value)),
            Err(DecodeError::Undecodable(bad)) => {
                assert_eq!(bad.record.key.as_deref(), Some(&b"k"[..]), "it can be set aside");
                errors.push((bad.error.offset().get(), bad.to_string()));
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(values, [(0, ("apples".to_owned(), 2)), (3, ("pears".to_owned(), 3))]);
    let undecodable = "the value of orders-0 at offset 1 cannot be decoded".to_owned();
    let null =
        "the value of orders-0 at offset 2 is null, which the type has no place for".to_owned();
    assert_eq!(errors, [(1, undecodable), (2, null)]);
    consumer.close().await;
    assert!(fruit.next().await.is_none(), "it ends with the consumer");
}
