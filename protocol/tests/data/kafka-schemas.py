"""Writes kafka-schemas.tsv from Kafka's message schemas.

    python3 kafka-schemas.py DIR... > kafka-schemas.tsv

DIR has the JSON of a release: common/message/ of kafka-clients.jar and common/metadata/ of
kafka-metadata.jar. Versions are cut to those of the message and of the struct around the field.
"""

import json
import pathlib
import re
import sys

HEAD = """\
# Message schemas of Apache Kafka 4.4.0 (Copyright The Apache Software Foundation, Apache License
# 2.0), made smaller by kafka-schemas.py. A message: its name, versions and first flexible version.
# A field, behind as many dots as structs are around it: name, type, versions, versions with null,
# tag, "ignorable", default; "-" where there is none. Tagged fields follow the others.
"""


def load(path):
    lines = path.read_text().splitlines()
    return json.loads("\n".join(line for line in lines if not re.match(r"\s*//", line)), strict=False)


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
        versions = cut(field["versions"], *around)
        if versions is None:
            continue
        kind, inner = field["type"], field.get("fields") or common.get(field["type"].lstrip("[]"))
        kind = "[]" * kind.startswith("[]") + ("struct" if inner else kind.lstrip("[]"))
        default = str(field.get("default", "-")).lower() or "-"
        if re.match(r"0x", default):
            default = str(int(default, 16))
        print("." * depth + snake(field["name"]), kind.replace("records", "bytes"), shown(versions),
              shown(cut(field.get("nullableVersions"), *versions)), field.get("tag", "-"),
              "ignorable" if field.get("ignorable") else "-", default, sep="\t")
        fields(inner or [], common, versions, depth + 1)


print(HEAD, end="")
for path in sorted(path for dir in sys.argv[1:] for path in pathlib.Path(dir).glob("*.json")):
    message = load(path)
    valid = cut(message["validVersions"], 0, 1 << 14)
    if valid is None:
        continue
    flexible = cut(message["flexibleVersions"], *valid)
    print(message["name"], shown(valid), flexible[0] if flexible else "-", sep="\t")
    structs = {struct["name"]: struct["fields"] for struct in message.get("commonStructs", [])}
    fields(message["fields"], structs, valid, 1)
