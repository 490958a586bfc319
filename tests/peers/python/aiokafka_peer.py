"""aiokafka, by assignment. Its admin client hands replies on as they came: codes, no exceptions."""

import asyncio
import logging

from common import *
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import (
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    OffsetOutOfRangeError,
    TopicAlreadyExistsError,
    UnknownTopicOrPartitionError,
)


async def raises(what, error, call):
    try:
        got = await call
    except error:
        return
    except Exception as caught:
        fail(f"{what}: {error} expected, not {caught!r}")
    fail(f"{what}: {error} expected, not {got!r}")


def producer(**options):
    return AIOKafkaProducer(bootstrap_servers=BOOTSTRAP, **options)


def consumer():
    return AIOKafkaConsumer(bootstrap_servers=BOOTSTRAP, auto_offset_reset="none")


async def send(lines, name, **options):
    """Sends to partition 0 and returns the offsets that were acknowledged."""
    async with producer(**options) as client:
        sent = [await client.send(topic(name), line, partition=0) for line in lines]
        return [(await future).offset for future in sent]


async def read(name, count, offset=0):
    partition = TopicPartition(topic(name), 0)
    async with consumer() as client:
        client.assign([partition])
        client.seek(partition, offset)
        records = []
        while len(records) < count:
            batch = await client.getmany(timeout_ms=30_000)
            if not batch:
                fail(f"{name}: only {len(records)} of {count} records")
            records += batch[partition]
        return records


async def config(admin, name, key):
    resource = ConfigResource(ConfigResourceType.TOPIC, topic(name))
    (reply,) = await admin.describe_configs([resource])
    ((code, _, _, found, entries),) = reply.resources
    equal("described", (0, topic(name)), (code, found))
    return {entry[0]: entry[1] for entry in entries}[key]


async def create(admin):
    sized = {"max.message.bytes": str(MESSAGE_BYTES_MAX)}
    plain = ["keyed", "idempotent", "times"] + CODECS
    topics = [NewTopic(topic(name), 1, 1) for name in plain]
    topics.append(NewTopic(topic("small"), 1, 1, topic_configs=sized))
    topics.append(NewTopic(topic("three"), 3, 1))
    reply = await admin.create_topics(topics)
    equal("created", {0}, {result[1] for result in reply.topic_errors})
    missing = {new.name for new in topics} - set(await admin.list_topics())
    equal("topics not listed", set(), missing)
    (three,) = await admin.describe_topics([topic("three")])
    equal("partitions", 3, len(three["partitions"]))
    again = await admin.create_topics([NewTopic(topic("three"), 1, 1)])
    code = again.topic_errors[0][1]
    equal("created twice", TopicAlreadyExistsError.errno, code)
    found = await config(admin, "small", "max.message.bytes")
    equal("a config", sized["max.message.bytes"], found)
    ok("create")
    ok("describe")


async def codecs():
    for codec in CODECS:
        option = None if codec == "none" else codec
        offsets = await send(LINES, codec, compression_type=option, linger_ms=20)
        equal(f"{codec}: offsets", list(range(len(LINES))), offsets)
        records = await read(codec, len(LINES))
        lines_equal(codec, LINES, [record.value for record in records])
        ok(codec)
    ours = [record.value for record in await read("ours", 5 * len(LINES))]
    lines_equal("written by our client", 5 * LINES, ours)


async def keys_and_headers():
    headers = [("a", b"1"), ("b", b""), ("a", b"2")]
    async with producer(acks="all") as client:
        name = topic("keyed")
        await client.send_and_wait(name, b"one", b"ann", headers=headers)
        await client.send_and_wait(name, None, b"ann")
        sent = [await client.send(topic("three"), b"", b"k%d" % i) for i in range(300)]
        used = {(await future).partition for future in sent}
    one, gone = await read("keyed", 2)
    got = (one.key, one.value, list(one.headers))
    equal("key, value, headers", (b"ann", b"one", headers), got)
    equal("a tombstone", (b"ann", None), (gone.key, gone.value))
    equal("partitions by key", {0, 1, 2}, used)
    ok("keys and headers")


async def idempotence():
    options = {"enable_idempotence": True, "max_batch_size": 1000}
    offsets = await send(LINES, "idempotent", **options)
    equal("idempotent offsets", list(range(len(LINES))), offsets)
    ok("idempotence")


async def by_offset_and_time():
    partition = TopicPartition(topic("times"), 0)
    async with producer() as client:
        for i in range(100):
            time = FIRST_TIME + i * STEP
            await client.send(topic("times"), b"x", partition=0, timestamp_ms=time)
    records = await read("times", 40, 60)
    equal("from an offset", list(range(60, 100)), [r.offset for r in records])
    equal("a timestamp", FIRST_TIME + 60 * STEP, records[0].timestamp)
    ok("by offset")
    async with consumer() as client:
        beginning = await client.beginning_offsets([partition])
        end = await client.end_offsets([partition])
        equal("the ends", (0, 100), (beginning[partition], end[partition]))
        middle, last = FIRST_TIME + 41 * STEP - 1, FIRST_TIME + 99 * STEP
        for time, expected in [(0, 0), (middle, 41), (last, 99)]:
            found = (await client.offsets_for_times({partition: time}))[partition]
            stamp = FIRST_TIME + expected * STEP
            equal(f"at {time}", (expected, stamp), (found.offset, found.timestamp))
        later = await client.offsets_for_times({partition: last + 1})
        equal("later than all", {partition: None}, later)
    ok("by timestamp")


async def errors(admin):
    unknown = (UnknownTopicOrPartitionError, KafkaTimeoutError)
    async with producer(request_timeout_ms=2000) as client:
        logging.disable()  # it says so every 100 ms
        sent = client.send_and_wait(topic("missing"), b"x")
        await raises("send to an unknown topic", unknown, sent)
        logging.disable(logging.NOTSET)
    reply = await admin.delete_topics([topic("missing")])
    code = reply.topic_error_codes[0][1]
    equal("delete an unknown topic", UnknownTopicOrPartitionError.errno, code)
    ok("unknown topic")
    sent = send([OVERSIZED], "small")
    await raises("an oversized record", MessageSizeTooLargeError, sent)
    equal("a small one", [0], await send([b"small"], "small"))
    ok("oversized record")


async def alter_configs(admin):
    name = topic("times")
    change = {"max.message.bytes": "5000"}
    resource = ConfigResource(ConfigResourceType.TOPIC, name, change)
    replies = await admin.alter_configs([resource])
    codes = [result[0] for reply in replies for result in reply.resources]
    equal("altered", [0], codes)
    equal("altered", "5000", await config(admin, "times", "max.message.bytes"))
    sent = send([OVERSIZED], "times")
    await raises("more than was altered", MessageSizeTooLargeError, sent)
    ok("alter configs")


async def delete_records(admin):
    partition = TopicPartition(topic("times"), 0)
    deleted = await admin.delete_records({partition: RecordsToDelete(40)})
    equal("low watermark", {partition: 40}, deleted)
    await raises("below the start", OffsetOutOfRangeError, read("times", 1, 39))
    equal("the new start", 40, (await read("times", 1, 40))[0].offset)
    ok("delete records")


async def delete(admin):
    await admin.delete_topics([topic("three")])
    equal("still listed", False, topic("three") in await admin.list_topics())
    ok("delete")


async def main():
    admin = AIOKafkaAdminClient(bootstrap_servers=BOOTSTRAP)
    await admin.start()
    await create(admin)
    await codecs()
    await keys_and_headers()
    await idempotence()
    await by_offset_and_time()
    await errors(admin)
    await alter_configs(admin)
    await delete_records(admin)
    await delete(admin)
    await admin.close()


asyncio.run(main())
