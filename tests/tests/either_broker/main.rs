//! One client, two brokers: these tests run against broker-lite, embedded, and with
//! `OTTLA_TEST_BOOTSTRAP=HOST:PORT` against the Apache Kafka there (`tests/peers/apache_kafka.sh`
//! starts one). What differs is written down where it is expected, with the reason.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod admin;
mod configs;
mod consume;
mod judged;
mod produce;
mod refusals;
mod times;
mod versions;
mod world;
