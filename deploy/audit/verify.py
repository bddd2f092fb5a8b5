#!/usr/bin/env python3
"""Verifies an export of breachd's journal without breachd: verify.py DIRECTORY [KEY…]

Nothing but Python is needed. KEY: the public keys you were given; without them the export's own keys.txt is believed, which shows
damage but no forger. Exit 0: good; 1: the first bad entry is named. The format is described in crates/journal/src/lib.rs.
"""

import base64
import hashlib
import json
import re
import sys
from pathlib import Path


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


# Ed25519, RFC 8032 section 5.1: slow, but short enough to be read.
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P


def add(a, b):  # in extended coordinates: X, Y, Z, T
    u, v = (a[1] - a[0]) * (b[1] - b[0]), (a[1] + a[0]) * (b[1] + b[0])
    t, z = 2 * a[3] * b[3] * D, 2 * a[2] * b[2]
    e, f, g, h = v - u, z - t, z + t, v + u
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(k, point):
    result = (0, 1, 1, 0)
    while k:
        result, point, k = add(result, point) if k & 1 else result, add(point, point), k >> 1
    return result


def point(data):
    number = int.from_bytes(data, "little")
    y, sign = number & (2**255 - 1), number >> 255
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    x = x if x * x % P == square else x * pow(2, (P - 1) // 4, P) % P
    assert y < P and x * x % P == square, "no point of the curve"
    x = x if x % 2 == sign else P - x
    return x, y, 1, x * y % P


def signed(key, text, signature):
    s = int.from_bytes(signature[32:], "little")
    k = int.from_bytes(hashlib.sha512(signature[:32] + key + text).digest(), "little") % L
    a, b = times(s, point((4 * pow(5, -1, P) % P).to_bytes(32, "little"))), add(point(signature[:32]), times(k, point(key)))
    return s < L and (a[0] * b[2] - b[0] * a[2]) % P == 0 and (a[1] * b[2] - b[1] * a[2]) % P == 0


def checkpoints(text, keys):
    """{entries: {root}} of the checkpoints that one of the keys has signed."""
    public = {}
    for key in keys:
        name, _, data = key.split("+", 2)
        data = base64.b64decode(data)
        assert data[0] == 1 and len(data) == 33, f"{key} is no Ed25519 key"
        public[name, sha256(name.encode(), b"\n", data)[:4]] = data[1:]
    believed = {}
    for origin, size, root, signatures in re.findall(r"(\S+)\n(\d+)\n(\S{44})\n\n((?:— \S+ \S+\n)+)", text):
        for name, signature in re.findall(r"— (\S+) (\S+)\n", signatures):
            signature = base64.b64decode(signature)
            key = public.get((name, signature[:4]))
            if key and name == origin:
                if not signed(key, f"{origin}\n{size}\n{root}\n".encode(), signature[4:]):
                    sys.exit(f"the checkpoint of {size} entries is forged")
                believed.setdefault(int(size), set()).add(base64.b64decode(root))
    return believed


def main(directory, *keys):
    directory = Path(directory)
    keys = keys or (directory / "keys.txt").read_text().split()
    awaited = checkpoints((directory / "checkpoints.txt").read_text(encoding="utf-8"), keys)
    held, vouched, n, before, edge = 0, 0, 0, "0" * 64, []
    with open(directory / "journal.jsonl", "rb") as lines:
        for n, line in enumerate(lines, 1):
            line = line.removesuffix(b"\n")
            # The chain: its own hash is the last member of that name; quotation marks in strings are escaped.
            try:
                entry, at = json.loads(line), line.rindex(b',"hash":"')
            except ValueError:
                sys.exit(f"entry {n}: no entry")
            content = line[:at] + line[at + 74 :]
            if entry["seq"] != n:
                sys.exit(f"entry {n}: entry {entry['seq']} is there instead")
            if entry["hash"] != sha256(b"breachd journal 1\n", content).hex() or entry["hash"] != line[at + 9 : at + 73].decode():
                sys.exit(f"entry {n}: its hash is another one")
            if entry["prev"] != before:
                sys.exit(f"entry {n}: it does not follow from the one before")
            before = entry["hash"]
            # The tree of RFC 6962: (height, root) of complete subtrees, the right edge.
            edge.append((0, sha256(b"\0", line)))
            while len(edge) > 1 and edge[-1][0] == edge[-2][0]:
                height, right = edge.pop()
                edge[-1] = (height + 1, sha256(b"\1", edge[-1][1], right))
            if n in awaited:
                root = edge[-1][1]
                for _, left in reversed(edge[:-1]):
                    root = sha256(b"\1", left, root)
                if awaited.pop(n) != {root}:
                    sys.exit(f"entries {vouched + 1} to {n}: the checkpoint of {n} entries has another root")
                held, vouched = held + 1, n
    awaited.pop(0, None)
    if awaited:
        sys.exit(f"entry {n + 1}: it is missing, a checkpoint says that there were {max(awaited)} entries")
    print(f"{n} entries, each follows from the one before; {held} checkpoints hold, the last of {vouched} entries")


if __name__ == "__main__":
    main(*sys.argv[1:])
