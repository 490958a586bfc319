"""kafka-python, by assignment: it needs no group for anything here."""

from common import *
from kafka import (
    KafkaAdminClient,
    KafkaConsumer,
    KafkaProducer,
    OffsetSpec,
    TopicPartition,
)
from kafka.admin import ConfigResource, NewTopic
from kafka.errors import (
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    TopicAlreadyExistsError,
    UnknownTopicOrPartitionError,
)


def producer(**options):
    return KafkaProducer(bootstrap_servers=BOOTSTRAP, **options)


def send(lines, name, **options):
    """Sends to partition 0 and returns the offsets that were acknowledged."""
    with producer(**options) as client:
        futures = [client.send(topic(name), line, partition=0) for line in lines]
        client.flush(timeout=60)
        return [future.get(timeout=60).offset for future in futures]


def read(name, count, offset=0):
    partition = TopicPartition(topic(name), 0)
    with consumer() as client:
        client.assign([partition])
        client.seek(partition, offset)
        records = []
        while len(records) < count:
            batch = client.poll(timeout_ms=30_000)
            if not batch:
                fail(f"{name}: only {len(records)} of {count} records")
            records += batch[partition]
        return records


def consumer():
    return KafkaConsumer(bootstrap_servers=BOOTSTRAP, auto_offset_reset="none")


def create(admin):
    sized = {"max.message.bytes": str(MESSAGE_BYTES_MAX)}
    plain = ["keyed", "idempotent", "times"] + CODECS
    topics = [NewTopic(topic(name), 1, 1) for name in plain]
    topics.append(NewTopic(topic("small"), 1, 1, topic_configs=sized))
    topics.append(NewTopic(topic("three"), 3, 1))
    admin.create_topics(topics)
    missing = {new.name for new in topics} - set(admin.list_topics())
    equal("topics not listed", set(), missing)
    again = lambda: admin.create_topics([NewTopic(topic("three"), 1, 1)])
    raises("created twice", TopicAlreadyExistsError, again)
    (three,) = admin.describe_topics([topic("three")])
    equal("partitions", 3, len(three["partitions"]))
    resource = ConfigResource("TOPIC", topic("small"))
    found = admin.describe_configs([resource])["topic"][topic("small")]
    equal("a config", sized["max.message.bytes"], found["max.message.bytes"]["value"])
    ok("create")
    ok("describe")


def codecs():
    for codec in CODECS:
        option = None if codec == "none" else codec
        offsets = send(LINES, codec, compression_type=option, linger_ms=20)
        equal(f"{codec}: offsets", list(range(len(LINES))), offsets)
        lines_equal(codec, LINES, [r.value for r in read(codec, len(LINES))])
        ok(codec)
    ours = read("ours", 5 * len(LINES))
    lines_equal("written by our client", 5 * LINES, [r.value for r in ours])


def keys_and_headers():
    headers = [("a", b"1"), ("b", b""), ("a", b"2")]
    with producer(acks="all") as client:
        client.send(topic("keyed"), b"one", b"ann", headers).get(timeout=30)
        client.send(topic("keyed"), None, b"ann").get(timeout=30)
    one, gone = read("keyed", 2)
    equal(
        "key, value, headers",
        (b"ann", b"one", headers),
        (one.key, one.value, list(one.headers)),
    )
    equal("a tombstone", (b"ann", None), (gone.key, gone.value))
    with producer() as client:
        sent = [client.send(topic("three"), b"", b"k%d" % i) for i in range(300)]
        used = {future.get(timeout=30).partition for future in sent}
    equal("partitions by key", {0, 1, 2}, used)
    ok("keys and headers")


def idempotence():
    offsets = send(
        LINES, "idempotent", enable_idempotence=True, acks="all", batch_size=1000
    )
    equal("idempotent offsets", list(range(len(LINES))), offsets)
    ok("idempotence")


def by_offset_and_time(admin):
    partition = TopicPartition(topic("times"), 0)
    with producer() as client:
        for i in range(100):
            time = FIRST_TIME + i * STEP
            client.send(topic("times"), b"%d" % i, partition=0, timestamp_ms=time)
        client.flush(timeout=30)
    equal(
        "from an offset",
        list(range(60, 100)),
        [r.offset for r in read("times", 40, 60)],
    )
    ok("by offset")
    with consumer() as client:
        equal("beginning", {partition: 0}, client.beginning_offsets([partition]))
        equal("end", {partition: 100}, client.end_offsets([partition]))
        for time, expected in [
            (0, 0),
            (FIRST_TIME + 41 * STEP - 1, 41),
            (FIRST_TIME + 99 * STEP, 99),
        ]:
            found = client.offsets_for_times({partition: time})[partition]
            stamp = FIRST_TIME + expected * STEP
            equal(f"at {time}", (expected, stamp), (found.offset, found.timestamp))
        later = {partition: FIRST_TIME + 99 * STEP + 1}
        equal("later than all", {partition: None}, client.offsets_for_times(later))
    latest = admin.list_partition_offsets({partition: OffsetSpec.MAX_TIMESTAMP})[
        partition
    ]
    equal(
        "the latest time",
        (99, FIRST_TIME + 99 * STEP),
        (latest.offset, latest.timestamp),
    )
    ok("by timestamp")


def errors(admin):
    missing = TopicPartition(topic("missing"), 0)
    with producer(max_block_ms=2000) as client:
        unknown = lambda: client.send(missing.topic, b"x").get(timeout=30)
        raises(
            "send to an unknown topic",
            (UnknownTopicOrPartitionError, KafkaTimeoutError),
            unknown,
        )
    # its idempotent producer is of no more use after such an error
    with producer(enable_idempotence=False) as client:
        large = lambda: client.send(topic("small"), OVERSIZED).get(timeout=30)
        raises("an oversized record", MessageSizeTooLargeError, large)
        client.send(topic("small"), b"small").get(timeout=30)
    gone = lambda: admin.delete_topics([missing.topic])
    raises("delete an unknown topic", UnknownTopicOrPartitionError, gone)
    ok("unknown topic")
    ok("oversized record")


def alter_configs(admin):
    name = topic("times")
    admin.alter_configs([ConfigResource("TOPIC", name, {"max.message.bytes": "5000"})])
    found = admin.describe_configs([ConfigResource("TOPIC", name)])["topic"][name]
    equal("altered", "5000", found["max.message.bytes"]["value"])
    large = lambda: send([OVERSIZED], "times", enable_idempotence=False)
    raises("more than was altered", MessageSizeTooLargeError, large)
    ok("alter configs")


def delete_records(admin):
    partition = TopicPartition(topic("times"), 0)
    deleted = admin.delete_records({partition: 40})[partition]
    equal("low watermark", 40, deleted["low_watermark"])
    with consumer() as client:
        equal("beginning", {partition: 40}, client.beginning_offsets([partition]))
    ok("delete records")


def log_dirs(admin):
    (node,) = admin.describe_log_dirs([topic("times")])
    topics = [t for d in node["log_dirs"] for t in d["topics"]]
    equal("topics in log dirs", [topic("times")], [t["name"] for t in topics])
    (partition,) = topics[0]["partitions"]
    if partition["partition_size"] <= 0:
        fail(f"log dirs: {topics}")
    ok("log dirs")


def delete(admin):
    admin.delete_topics([topic("three")])
    equal("still listed", False, topic("three") in admin.list_topics())
    ok("delete")


def main():
    admin = KafkaAdminClient(bootstrap_servers=BOOTSTRAP)
    create(admin)
    codecs()
    keys_and_headers()
    idempotence()
    by_offset_and_time(admin)
    errors(admin)
    alter_configs(admin)
    delete_records(admin)
    log_dirs(admin)
    delete(admin)
    admin.close()


main()
