"""Writes kafka-schemas.tsv from the message schemas that the released jars of Kafka carry.

    python3 kafka-schemas.py > kafka-schemas.tsv         Maven fetches the jars
    python3 kafka-schemas.py DIR > kafka-schemas.tsv     the jars are in DIR

When Kafka moves, only kafka-pom.xml does; tests/kafka_schemas.rs then says what is declared
otherwise.
Versions are cut to those of the message and of the struct around the field.
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile
import zipfile

JARS = {  # where a jar has its schemas
    "kafka-clients": "common/message/",
    "kafka-metadata": "common/metadata/",
    "kafka-group-coordinator": "common/message/",
    "kafka-transaction-coordinator": "common/message/",
    "kafka-share-coordinator": "common/message/",
    "kafka-raft": "common/message/",
    "kafka-storage": "message/",
}
HEAD = """\
# Message schemas of Apache Kafka {} (Copyright The Apache Software Foundation, Apache License
# 2.0), made smaller by kafka-schemas.py. A message: its name, versions, first flexible version, the
# number of its API or its type of record, and the listeners that take it. A field, behind as many
# dots as structs are around it: name, type, versions, versions with null, tag, "ignorable",
# default. "-" where there is none. Tagged fields follow the others.
"""


def jar_of(dir, name):
    [jar] = pathlib.Path(dir).glob(f"{name}-[0-9]*.jar")
    return jar


def schemas(dir):
    """Every schema of the jars, parsed, by the name of its message."""
    found = {}
    for jar, folder in JARS.items():
        with zipfile.ZipFile(jar_of(dir, jar)) as entries:
            for entry in entries.namelist():
                if re.fullmatch(re.escape(folder) + r"\w+\.json", entry):
                    schema = load(entries.read(entry).decode())
                    if found.setdefault(schema["name"], schema) is not schema:
                        sys.exit(f"{schema['name']} is in two jars")
    return [found[name] for name in sorted(found)]


def load(text):
    lines = [line for line in text.splitlines() if not re.match(r"\s*//", line)]
    return json.loads("\n".join(lines), strict=False)


def cut(text, low, high):
    """The versions of `text` within low..=high; None if there are none."""
    if text is None or text == "none":
        return None
    first, _, last = text.rstrip("+").partition("-")
    last = high if text.endswith("+") else int(last or first)
    first, last = max(int(first), low), min(last, high)
    return (first, last) if first <= last else None


def shown(versions):
    return "-" if versions is None else "{}-{}".format(*versions)


def snake(name):
    name = name.replace("KRaft", "Kraft").replace("kRaft", "kraft")
    name = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name)
    return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).lower()


def fields(of, common, around, depth):
    tagged = sorted((field for field in of if "tag" in field), key=lambda field: field["tag"])
    for field in [field for field in of if "tag" not in field] + tagged:
        versions = cut(field.get("versions", field.get("taggedVersions")), *around)
        if versions is None:
            continue
        kind, inner = field["type"], field.get("fields") or common.get(field["type"].lstrip("[]"))
        kind = "[]" * kind.startswith("[]") + ("struct" if inner else kind.lstrip("[]"))
        default = field.get("default")  # "null" is a default; null is none
        default = "-" if default is None else str(default).lower() or "-"
        if re.match(r"0x", default):
            default = str(int(default, 16))
        print("." * depth + snake(field["name"]), kind.replace("records", "bytes"), shown(versions),
              shown(cut(field.get("nullableVersions"), *versions)), field.get("tag", "-"),
              "ignorable" if field.get("ignorable") else "-", default, sep="\t")
        fields(inner or [], common, versions, depth + 1)


def write(dir):
    release = jar_of(dir, "kafka-clients").stem.removeprefix("kafka-clients-")
    print(HEAD.format(release), end="")
    for message in schemas(dir):
        valid = cut(message["validVersions"], 0, 1 << 14)
        if valid is None:
            continue  # removed from Kafka; only its number is still taken
        flexible = cut(message["flexibleVersions"], *valid)
        listeners = ",".join(sorted(message.get("listeners", []))) or "-"
        print(message["name"], shown(valid), flexible[0] if flexible else "-",
              message.get("apiKey", "-"), listeners, sep="\t")
        structs = {struct["name"]: struct["fields"] for struct in message.get("commonStructs", [])}
        fields(message["fields"], structs, valid, 1)


if len(sys.argv) > 1:
    write(sys.argv[1])
else:
    with tempfile.TemporaryDirectory() as dir:
        subprocess.run([pathlib.Path(__file__).with_name("kafka-jars.sh"), dir], check=True)
        write(dir)
