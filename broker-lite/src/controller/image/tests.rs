//! What an image keeps of the events it is made of.

use bytes::Bytes;
use ottla_protocol::metadata_records::{
    BrokerEndpoint, ConfigRecord, FeatureLevelRecord, RegisterBrokerRecord, TopicRecord,
};

use super::*;

#[test]
fn nothing_of_a_request_or_a_read_of_the_log_stays_in_memory() {
    let frame = Bytes::from(b"orders and much more".to_vec());
    let text = || Str::try_from(frame.slice(.."orders".len())).unwrap();
    let end_points = vec![BrokerEndpoint { host: text(), ..Default::default() }];
    let register = RegisterBrokerRecord { end_points, rack: Some(text()), ..Default::default() };
    let topic = TopicRecord { name: text(), topic_id: Uuid([1; 16]), ..Default::default() };
    let config = ConfigRecord {
        resource_type: TOPIC_RESOURCE,
        resource_name: text(),
        name: text(),
        value: Some(text()),
        ..Default::default()
    };
    let feature = FeatureLevelRecord { name: text(), feature_level: 1, ..Default::default() };
    let mut image = Image::default();
    for event in [
        Event::RegisterBroker(register),
        Event::Topic(topic),
        Event::Config(config),
        Event::FeatureLevel(feature),
    ] {
        let before = image.clone();
        image.apply(&event);
        assert_ne!(image, before, "{event:?}");
    }
    assert!(frame.is_unique(), "the events are gone: {image:?}");
}
