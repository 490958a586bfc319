"""confluent-kafka (librdkafka). Its consumer wants a group id; assigned by hand it joins none."""

from common import *
from confluent_kafka import (
    Consumer,
    IsolationLevel,
    KafkaException,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    OffsetSpec,
    ResourceType,
)

SERVERS = {"bootstrap.servers": BOOTSTRAP}


def done(futures):
    """The results of an admin call, in order; raises the first error."""
    return [future.result(timeout=30) for future in futures.values()]


def code(what, call):
    """The name of the error that it must raise."""
    return raises(what, KafkaException, call).args[0].name()


def send(lines, name, **options):
    """Sends to partition 0 and returns the offsets that were acknowledged."""
    client = Producer(SERVERS | {"linger.ms": 20} | options)
    offsets = []

    def delivered(error, message):
        if error is not None:
            raise KafkaException(error)
        offsets.append(message.offset())

    for line in lines:
        client.produce(topic(name), line, partition=0, on_delivery=delivered)
    equal(f"{name}: left in the queue", 0, client.flush(60))
    return offsets


def consumer():
    group = {"group.id": topic("none"), "enable.auto.commit": False}
    return Consumer(SERVERS | group | {"auto.offset.reset": "error"})


def read(name, count, offset=0):
    client = consumer()
    client.assign([TopicPartition(topic(name), 0, offset)])
    records = []
    while len(records) < count:
        batch = client.consume(count - len(records), timeout=30)
        if not batch:
            fail(f"{name}: only {len(records)} of {count} records")
        for record in batch:
            if record.error():
                raise KafkaException(record.error())
        records += batch
    client.close()
    return records


def configs(admin, name):
    resource = ConfigResource(ResourceType.TOPIC, topic(name))
    return done(admin.describe_configs([resource]))[0]


def create(admin):
    sized = {"max.message.bytes": str(MESSAGE_BYTES_MAX)}
    plain = ["keyed", "idempotent", "times"] + CODECS
    topics = [NewTopic(topic(name), 1, 1) for name in plain]
    topics.append(NewTopic(topic("small"), 1, 1, config=sized))
    topics.append(NewTopic(topic("three"), 3, 1))
    done(admin.create_topics(topics))
    listed = admin.list_topics(timeout=30).topics
    equal("topics not listed", set(), {new.topic for new in topics} - set(listed))
    equal("partitions", 3, len(listed[topic("three")].partitions))
    again = lambda: done(admin.create_topics([NewTopic(topic("three"), 1, 1)]))
    equal("created twice", "TOPIC_ALREADY_EXISTS", code("created twice", again))
    found = configs(admin, "small")["max.message.bytes"]
    equal("a config", sized["max.message.bytes"], found.value)
    ok("create")
    ok("describe")


def codecs():
    for codec in CODECS:
        offsets = send(LINES, codec, **{"compression.type": codec})
        equal(f"{codec}: offsets", list(range(len(LINES))), offsets)
        records = read(codec, len(LINES))
        lines_equal(codec, LINES, [record.value() for record in records])
        ok(codec)
    ours = [record.value() for record in read("ours", 5 * len(LINES))]
    lines_equal("written by our client", 5 * LINES, ours)


def keys_and_headers():
    headers = [("a", b"1"), ("b", None), ("a", b"2")]
    client = Producer(SERVERS)
    client.produce(topic("keyed"), b"one", b"ann", headers=headers)
    client.produce(topic("keyed"), None, b"ann")
    partitions = set()
    for i in range(300):
        note = lambda error, message: partitions.add(message.partition())
        client.produce(topic("three"), b"", b"k%d" % i, on_delivery=note)
    equal("left in the queue", 0, client.flush(60))
    one, gone = read("keyed", 2)
    got = (one.key(), one.value(), one.headers())
    equal("key, value, headers", (b"ann", b"one", headers), got)
    equal("a tombstone", (b"ann", None), (gone.key(), gone.value()))
    equal("partitions by key", {0, 1, 2}, partitions)
    ok("keys and headers")


def idempotence():
    options = {"enable.idempotence": True, "batch.num.messages": 20}
    offsets = send(LINES, "idempotent", **options)
    equal("idempotent offsets", list(range(len(LINES))), offsets)
    ok("idempotence")


def by_offset_and_time(admin):
    client = Producer(SERVERS)
    for i in range(100):
        client.produce(topic("times"), b"x", timestamp=FIRST_TIME + i * STEP)
    equal("left in the queue", 0, client.flush(60))
    records = read("times", 40, 60)
    equal("from an offset", list(range(60, 100)), [r.offset() for r in records])
    equal("a timestamp", (1, FIRST_TIME + 60 * STEP), records[0].timestamp())
    ok("by offset")
    client = consumer()
    partition = TopicPartition(topic("times"), 0)
    ends = client.get_watermark_offsets(partition, timeout=30)
    equal("watermarks", (0, 100), ends)
    middle, last = FIRST_TIME + 41 * STEP - 1, FIRST_TIME + 99 * STEP
    for time, expected in [(0, 0), (middle, 41), (last, 99), (last + 1, -1)]:
        asked = TopicPartition(topic("times"), 0, time)
        (found,) = client.offsets_for_times([asked], timeout=30)
        equal(f"at {time}", expected, found.offset)
    client.close()
    specs = {partition: OffsetSpec.max_timestamp()}
    level = IsolationLevel.READ_UNCOMMITTED
    (latest,) = done(admin.list_offsets(specs, isolation_level=level))
    equal("the latest time", (99, last), (latest.offset, latest.timestamp))
    ok("by timestamp")


def errors(admin):
    missing = {"topic.metadata.propagation.max.ms": 500}
    unknown = code("an unknown topic", lambda: send([b"x"], "missing", **missing))
    equal("send to an unknown topic", "UNKNOWN_TOPIC_OR_PART", unknown)
    client, partition = consumer(), TopicPartition(topic("missing"), 0)
    ends = lambda: client.get_watermark_offsets(partition, timeout=30)
    found = code("ends of an unknown topic", ends)
    equal("ends of an unknown topic", "_UNKNOWN_PARTITION", found)
    client.close()
    gone = lambda: done(admin.delete_topics([topic("missing")]))
    found = code("delete an unknown topic", gone)
    equal("delete an unknown topic", "UNKNOWN_TOPIC_OR_PART", found)
    ok("unknown topic")
    for idempotent in (False, True):
        options = {"enable.idempotence": idempotent}
        large = lambda: send([OVERSIZED], "small", **options)
        found = code("an oversized record", large)
        equal("an oversized record", "MSG_SIZE_TOO_LARGE", found)
    equal("a small one", [0], send([b"small"], "small"))
    ok("oversized record")


def alter_configs(admin):
    name, value, change = "max.message.bytes", "5000", AlterConfigOpType.SET
    entry = ConfigEntry(name, value, incremental_operation=change)
    resource = ConfigResource(
        ResourceType.TOPIC, topic("times"), incremental_configs=[entry]
    )
    done(admin.incremental_alter_configs([resource]))
    equal("altered", value, configs(admin, "times")[name].value)
    large = lambda: send([OVERSIZED], "times")
    found = code("more than was altered", large)
    equal("more than was altered", "MSG_SIZE_TOO_LARGE", found)
    ok("alter configs")


def delete_records(admin):
    (deleted,) = done(admin.delete_records([TopicPartition(topic("times"), 0, 40)]))
    equal("low watermark", 40, deleted.low_watermark)
    client = consumer()
    ends = client.get_watermark_offsets(TopicPartition(topic("times"), 0), timeout=30)
    equal("watermarks", (40, 100), ends)
    client.close()
    below = code("below the start", lambda: read("times", 1, 39))
    equal("below the start", "_AUTO_OFFSET_RESET", below)
    ok("delete records")


def delete(admin):
    done(admin.delete_topics([topic("three")]))
    listed = admin.list_topics(timeout=30).topics
    equal("still listed", False, topic("three") in listed)
    ok("delete")


def main():
    admin = AdminClient(SERVERS)
    create(admin)
    codecs()
    keys_and_headers()
    idempotence()
    by_offset_and_time(admin)
    errors(admin)
    alter_configs(admin)
    delete_records(admin)
    delete(admin)


main()
