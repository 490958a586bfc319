"""Books orders and reads them back: a program as people write it for kafka-python.

It knows nothing of our broker, and stays as it is whatever the broker needs.
"""

import json
import os
from collections import defaultdict

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic
from kafka.errors import TopicAlreadyExistsError

SERVERS = os.environ.get("KAFKA_BOOTSTRAP_SERVERS", "localhost:9092").split(",")
TOPIC = os.environ.get("ORDERS_TOPIC", "orders")
CUSTOMERS = ["ann", "bob", "cay", "dan", "eve", "fay"]
COUNT = 600


def create_topic():
    admin = KafkaAdminClient(bootstrap_servers=SERVERS, client_id="orders-setup")
    try:
        admin.create_topics([NewTopic(TOPIC, num_partitions=3, replication_factor=1)])
    except TopicAlreadyExistsError:
        pass
    finally:
        admin.close()


def book(count):
    producer = KafkaProducer(
        bootstrap_servers=SERVERS,
        client_id="orders-booking",
        acks="all",
        enable_idempotence=True,
        compression_type="gzip",
        linger_ms=5,
        key_serializer=lambda key: key.encode("utf-8"),
        value_serializer=lambda value: json.dumps(value).encode("utf-8"),
    )
    failures, booked = [], []
    for number in range(count):
        customer = CUSTOMERS[number % len(CUSTOMERS)]
        order = {"number": number, "customer": customer, "cents": number * 7 % 1000}
        future = producer.send(TOPIC, key=customer, value=order)
        future.add_callback(booked.append)
        future.add_errback(failures.append)
    producer.flush(timeout=60)
    producer.close(timeout=10)
    if failures:
        raise failures[0]
    return booked


def read_back():
    consumer = KafkaConsumer(
        bootstrap_servers=SERVERS,
        client_id="orders-report",
        group_id=None,
        enable_auto_commit=False,
        consumer_timeout_ms=30_000,
        key_deserializer=lambda key: key.decode("utf-8"),
        value_deserializer=lambda value: json.loads(value.decode("utf-8")),
    )
    partitions = [
        TopicPartition(TOPIC, number)
        for number in sorted(consumer.partitions_for_topic(TOPIC))
    ]
    consumer.assign(partitions)
    consumer.seek_to_beginning(*partitions)
    ends = consumer.end_offsets(partitions)
    orders = []
    for message in consumer:
        orders.append((message.partition, message.key, message.value))
        if all(consumer.position(partition) >= ends[partition] for partition in ends):
            break
    consumer.close()
    return orders


def main():
    create_topic()
    booked = book(COUNT)
    orders = read_back()
    assert len(booked) == COUNT, f"{len(booked)} of {COUNT} orders acknowledged"
    assert len(orders) == COUNT, f"{len(orders)} orders instead of {COUNT}"
    homes, numbers = defaultdict(set), defaultdict(list)
    for partition, customer, order in orders:
        assert order["customer"] == customer, f"{order} under {customer}"
        homes[customer].add(partition)
        numbers[customer].append(order["number"])
    assert sorted(homes) == CUSTOMERS, f"customers: {sorted(homes)}"
    for customer in CUSTOMERS:
        assert len(homes[customer]) == 1, f"{customer} is in {homes[customer]}"
        assert numbers[customer] == sorted(numbers[customer]), f"{customer}: order lost"
    total = sum(order["cents"] for _, _, order in orders)
    assert total == sum(number * 7 % 1000 for number in range(COUNT)), total
    print(f"{len(orders)} orders of {len(homes)} customers, {total} cents")


if __name__ == "__main__":
    main()
