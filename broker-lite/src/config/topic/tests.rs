use super::*;

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

#[test]
fn the_topic_wins_over_the_broker_over_the_default() {
    let given = [("log.retention.hours".to_owned(), "2".to_owned())];
    let broker = BrokerConfig::new(&given).unwrap();
    let setting = check_topic_setting("retention.ms", Some("5")).unwrap();
    let levels = setting.levels(&broker, &map(&[("retention.ms", "5")]));
    let values: Vec<_> = levels.iter().map(|l| (l.value.as_str(), l.source)).collect();
    assert_eq!(
        values,
        [("5", Source::Topic), ("7200000", Source::StaticBroker), ("604800000", Source::Default)]
    );
}

#[test]
fn defaults_are_kafkas() {
    let broker = BrokerConfig::new(&[]).unwrap();
    let config = log_config(&broker, &BTreeMap::new());
    assert_eq!(config, LogConfig::default());
    for setting in TOPIC_SETTINGS {
        let default = setting.definition.default;
        assert_eq!(default.map_or(Ok(()), |value| setting.definition.check(value)), Ok(()));
    }
    assert!(TOPIC_SETTINGS.is_sorted_by_key(|s| s.definition.name));
}

#[test]
fn a_log_gets_every_setting_that_it_acts_on() {
    let broker = BrokerConfig::new(&[]).unwrap();
    let changed = map(&[
        ("cleanup.policy", "compact"),
        ("compression.gzip.level", "9"),
        ("compression.type", "zstd"),
        ("compression.zstd.level", "-7"),
        ("delete.retention.ms", "9"),
        ("flush.messages", "10"),
        ("flush.ms", "11"),
        ("index.interval.bytes", "1"),
        ("max.compaction.lag.ms", "10"),
        ("max.decompressed.message.bytes", "10"),
        ("ottla.durability", "commit"),
        ("max.message.bytes", "2"),
        ("message.timestamp.after.max.ms", "3"),
        ("message.timestamp.before.max.ms", "4"),
        ("message.timestamp.type", "LogAppendTime"),
        ("min.cleanable.dirty.ratio", "0.25"),
        ("min.compaction.lag.ms", "11"),
        ("min.insync.replicas", "5"),
        ("retention.bytes", "-5"),
        ("retention.ms", "6"),
        ("segment.bytes", "1048576"),
        ("segment.index.bytes", "7"),
        ("segment.jitter.ms", "9"),
        ("segment.ms", "8"),
    ]);
    let expected = LogConfig {
        cleanup: Cleanup { delete: false, compact: true },
        compression: CompressionType::Zstd,
        gzip_level: Some(9),
        zstd_level: -7,
        decompressed_bytes_max: 10,
        flush_messages: 10,
        flush_ms: 11,
        durability: Durability::Commit,
        delete_retention_ms: 9,
        compaction_lag_max_ms: 10,
        compaction_lag_min_ms: 11,
        cleanable_ratio_min: 0.25,
        index_interval_bytes: 1,
        message_bytes_max: 2,
        timestamp_after_max_ms: 3,
        timestamp_before_max_ms: 4,
        timestamp_type: TimestampType::LogAppendTime,
        replicas_in_sync_min: 5,
        segment_bytes: 1_048_576,
        segment_index_bytes: 7,
        segment_ms: 8,
        segment_jitter_ms: 9,
        retention_ms: Some(6),
        retention_bytes: None,
        ..LogConfig::default()
    };
    assert_eq!(log_config(&broker, &changed), expected);
    let bounds = map(&[("retention.bytes", "0"), ("retention.ms", "-1")]);
    let LogConfig { retention_bytes, retention_ms, .. } = log_config(&broker, &bounds);
    assert_eq!((retention_bytes, retention_ms), (Some(0), None));
    let kept = log_config(&broker, &map(&[("cleanup.policy", "")]));
    assert_eq!(kept.cleanup, Cleanup { delete: false, compact: false });
}

#[test]
fn small_segments_have_a_setting_of_their_own() {
    let broker = BrokerConfig::new(&[]).unwrap();
    let both = map(&[("internal.segment.bytes", "4096"), ("segment.bytes", "1048576")]);
    assert_eq!(log_config(&broker, &both).segment_bytes, 4096);
    let setting = check_topic_setting("internal.segment.bytes", Some("4096")).unwrap();
    assert!(setting.levels(&broker, &map(&[])).is_empty(), "shown only if it is set");
}

#[test]
fn what_does_not_fit_gives_way_to_the_next_level() {
    let given = [("log.roll.ms".to_owned(), "9".to_owned())];
    let broker = BrokerConfig::new(&given).unwrap();
    assert_eq!(log_config(&broker, &map(&[("segment.ms", "soon")])).segment_ms, 9);
}

#[test]
fn unknown_and_malformed_settings_are_refused() {
    let unknown = check_topic_setting("retention.m", Some("1")).unwrap_err();
    assert_eq!(
        unknown.to_string(),
        "unknown topic setting retention.m; did you mean retention.ms?"
    );
    assert!(check_topic_setting("segment.bytes", Some("big")).is_err());
    assert!(check_topic_setting("segment.bytes", None).is_err());
    let small = check_topic_setting("segment.bytes", Some("1048575")).unwrap_err();
    assert!(small.to_string().contains("from 1048576 to"), "{small}");
    assert!(check_topic_setting("cleanup.policy", Some("shred")).is_err());
    assert!(check_topic_setting("cleanup.policy", Some("")).is_ok(), "keeps all for ever");
}

#[test]
fn compaction_lags_that_exclude_each_other_are_refused_wherever_each_of_them_stands() {
    let broker = |pairs: &[(&str, &str)]| {
        let pairs: Vec<_> = pairs.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        CompactionLags::of(&BrokerConfig::new(&pairs).unwrap())
    };
    let (min, max) = ("min.compaction.lag.ms", "max.compaction.lag.ms");
    let (nothing, brokers) = (broker(&[]), broker(&[("log.cleaner.max.compaction.lag.ms", "10")]));
    for (lags, topic, fits) in [
        (nothing, &[(min, "11"), (max, "10")][..], false),
        (nothing, &[(max, "10"), (min, "10")], true),
        (nothing, &[(min, "9223372036854775807")], true),
        (brokers, &[(min, "11")], false),
        (brokers, &[(min, "11"), (max, "12")], true),
    ] {
        let checked = check_topic_settings(lags, topic.iter().copied());
        assert_eq!(checked.is_ok(), fits, "{topic:?}: {checked:?}");
    }
    assert_eq!(nothing, CompactionLags::default());
}
