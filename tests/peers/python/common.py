"""What the Python peers share: where the broker is, what is written, how a check is judged."""

import os

BOOTSTRAP = os.environ["KAFKA_BOOTSTRAP_SERVERS"]
PREFIX = os.environ["PEERS_PREFIX"]
CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
LINES = [
    b"line %06d of a text that any codec makes shorter" % i for i in range(1, 1001)
]
# record i of the topic for timestamps has the time FIRST_TIME + i * STEP
FIRST_TIME = 1_700_000_000_000
STEP = 1000
# the topic for oversized records takes this much, and is sent more, which no codec makes shorter
MESSAGE_BYTES_MAX = 10_000
OVERSIZED = os.urandom(20_000)


def topic(name):
    return f"{PREFIX}-{name}"


def ok(words):
    print(f"ok: {words}", flush=True)


def fail(words):
    print(words, flush=True)
    os._exit(1)  # whatever threads a client has left running


def equal(what, expected, got):
    if expected != got:
        fail(f"{what}\nexpected: {expected}\ngot:      {got}")


def lines_equal(what, expected, got):
    equal(f"{what}: number of records", len(expected), len(got))
    for number, pair in enumerate(zip(expected, got)):
        equal(f"{what}: record {number}", *pair)


def raises(what, error, call):
    """Calls it and returns the error of this class that it must raise."""
    try:
        got = call()
    except error as caught:
        return caught
    except Exception as caught:
        fail(f"{what}: {error} expected, not {caught!r}")
    fail(f"{what}: {error} expected, not {got!r}")
