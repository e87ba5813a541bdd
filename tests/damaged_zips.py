"""Zips of a run with damage of every kind, drawn from a seed."""

from __future__ import annotations

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Callable

LOCAL, CENTRAL, END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
# Offset and struct format of each number in a header, from its mark on.
LOCAL_FIELDS = [(4, "H"), (6, "H"), (8, "H"), (14, "I"), (18, "I"), (22, "I"), (26, "H"), (28, "H")]
CENTRAL_FIELDS = [
    (4, "H"), (6, "H"), (8, "H"), (10, "H"), (16, "I"), (20, "I"), (24, "I"), (28, "H"), (30, "H"), (32, "H"),
    (34, "H"), (36, "H"), (38, "I"), (42, "I"),
]  # fmt: skip
END_FIELDS = [(4, "H"), (6, "H"), (8, "H"), (10, "H"), (12, "I"), (16, "I"), (20, "H")]
NAMES = [
    "/etc/passwd", "../x", "{id}/../../x", "{id}/./config.json", "{id}//config.json", "C:/x", "{id}\\config.json",
    "{id}/config.json", "{id}/CONFIG.json", "other-run/config.json", "", "/", "{id}", "{id}/", "{id}/a\0b",
    "{id}/\udc80", "{id}/tasks", "{id}/config.json/x", "{id}/" + "x" * 5000, "{id}/\u202e", "{id}/model.pt",
]  # fmt: skip

Rng = random.Random
Damage = Callable[[bytes, Rng], bytes]


def _number(rng: Rng, code: str) -> bytes:
    most = 2 ** (8 * struct.calcsize(f"<{code}")) - 1
    return struct.pack(f"<{code}", rng.choice([0, 1, 8, 99, most // 2, most - 1, most, rng.randint(0, most)]))


def _places(content: bytes, mark: bytes) -> list[int]:
    found, at = [], content.find(mark)
    while at >= 0:
        found.append(at)
        at = content.find(mark, at + 4)
    return found


def _header(mark: bytes, fields: list[tuple[int, str]]) -> Damage:
    def damage(packed: bytes, rng: Rng) -> bytes:
        content = bytearray(packed)
        for _ in range(rng.randint(1, 3)):
            at = rng.choice(_places(packed, mark))
            offset, code = rng.choice(fields)
            value = _number(rng, code)
            content[at + offset : at + offset + len(value)] = value
        return bytes(content)

    return damage


def flipped(packed: bytes, rng: Rng) -> bytes:
    content = bytearray(packed)
    for _ in range(rng.choice([1, 2, 5, 50])):
        content[rng.randrange(len(content))] = rng.randrange(256)
    return bytes(content)


def flipped_at_the_end(packed: bytes, rng: Rng) -> bytes:
    """Where the central directory lies."""
    content, begin = bytearray(packed), packed.find(CENTRAL)
    for _ in range(rng.choice([1, 2, 5])):
        content[rng.randrange(begin, len(content))] = rng.randrange(256)
    return bytes(content)


def cut(packed: bytes, rng: Rng) -> bytes:
    return packed[: rng.randrange(len(packed))]


def moved(packed: bytes, rng: Rng) -> bytes:
    """A piece is taken out, doubled, blanked, or put elsewhere."""
    begin = rng.randrange(len(packed))
    piece = packed[begin : begin + rng.choice([1, 30, 1000, 20_000])]
    rest = packed[:begin] + packed[begin + len(piece) :]
    at = rng.randrange(len(rest) + 1)
    return rng.choice(
        [
            rest,
            packed[:begin] + piece + packed[begin:],
            packed[:begin] + bytes(len(piece)) + packed[begin + len(piece) :],
            rest[:at] + piece + rest[at:],
        ]
    )


def framed(packed: bytes, rng: Rng) -> bytes:
    noise = rng.randbytes(rng.choice([1, 100, 70_000]))
    return rng.choice([noise + packed, packed + noise, noise, packed + packed, b""])


def _rebuilt(packed: bytes, change: Callable[[list[tuple[zipfile.ZipInfo, bytes]], str], None]) -> bytes:
    """A whole zip of other entries."""
    with zipfile.ZipFile(io.BytesIO(packed)) as old:
        entries = [(zipfile.ZipInfo(info.filename), old.read(info)) for info in old.infolist()]
        id_ = old.namelist()[0].partition("/")[0]
    change(entries, id_)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as new:
        for info, content in entries:
            new.writestr(info, content)
    return out.getvalue()


def named(packed: bytes, rng: Rng) -> bytes:
    """An entry more, of a name or a kind that no export writes."""

    def change(entries: list[tuple[zipfile.ZipInfo, bytes]], id_: str) -> None:
        name = rng.choice(NAMES).replace("{id}", id_)
        info = zipfile.ZipInfo(name.encode("utf-8", "replace").decode())
        info.create_system = 3
        mode = rng.choice([0o100644, 0o120777, 0o020666, 0o010644, 0o140755, 0o040755, 0])
        info.external_attr = mode << 16
        entries.insert(rng.randrange(len(entries) + 1), (info, rng.choice([b"", b"/etc/passwd", b"{}"])))

    return _rebuilt(packed, change)


def content(packed: bytes, rng: Rng) -> bytes:
    """A whole zip, in which a file is damaged or packed another way."""

    def change(entries: list[tuple[zipfile.ZipInfo, bytes]], id_: str) -> None:
        place = rng.randrange(len(entries))
        info, old = entries[place]
        damage = rng.choice([flipped, cut, moved, framed, lambda same, _: same])
        info.compress_type = rng.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
        entries[place] = (info, damage(old, rng))

    return _rebuilt(packed, change)


def of_64_bits(packed: bytes, rng: Rng) -> bytes:
    """Sizes and offsets that stand in a zip64 field, and are lies."""
    with zipfile.ZipFile(io.BytesIO(packed)) as old:
        entries = [(info.filename, old.read(info)) for info in old.infolist()]
    liar = rng.randrange(len(entries))
    out, directory = io.BytesIO(), b""
    for place, (name, data) in enumerate(entries):
        at, raw, crc = out.tell(), name.encode(), zlib.crc32(data)
        out.write(LOCAL + struct.pack("<HHHHHIIIHH", 45, 0, 0, 0, 33, crc, len(data), len(data), len(raw), 0))
        out.write(raw + data)
        extra, sizes, offset = b"", (len(data), len(data)), at
        if place == liar:
            lies = [rng.choice([0, 1, len(data), 2**31, 2**40, 2**62, 2**63, 2**64 - 1, at]) for _ in range(3)]
            extra = struct.pack("<HHQQQ", 1, rng.choice([24, 16, 8, 0, 65535]), *lies)[: rng.choice([28, 20, 12, 3])]
            sizes, offset = (2**32 - 1, 2**32 - 1), 2**32 - 1
        numbers = (45, 45, 0, 0, 0, 33, crc, *sizes, len(raw), len(extra), 0, 0, 0, 0, offset)
        directory += CENTRAL + struct.pack("<HHHHHHIIIHHHHHII", *numbers) + raw + extra
    begin = out.tell()
    out.write(directory + END + struct.pack("<HHHHIIH", 0, 0, len(entries), len(entries), len(directory), begin, 0))
    return out.getvalue()


def bomb(packed: bytes, rng: Rng) -> bytes:
    """Much out of little: one file, or many that each stay below what is allowed of one."""

    def change(entries: list[tuple[zipfile.ZipInfo, bytes]], id_: str) -> None:
        files, size = rng.choice([(1, 30_000_000), (40, 900_000), (200, 200_000)])
        for number in range(files):
            info = zipfile.ZipInfo(f"{id_}/queries/{number // 90 + 10}-{number % 90 + 10}.parquet")
            info.compress_type = zipfile.ZIP_DEFLATED
            entries.append((info, bytes(size)))

    return _rebuilt(packed, change)


def shared(packed: bytes, rng: Rng) -> bytes:
    """Many entries of the directory that stand for the same bytes."""
    begin, end = packed.find(CENTRAL), packed.rfind(END)
    entry = packed[begin : packed.find(CENTRAL, begin + 4)]
    times = rng.choice([2, 100, 5000, 21_000])
    directory = bytearray()
    for number in range(times):
        one = bytearray(entry)
        tail = f"{number:05d}".encode()
        one[46 + 5 : 46 + 10] = tail
        directory += one
    lines = struct.pack("<HHHHIIH", 0, 0, times, times, len(directory), begin, 0)
    return packed[:begin] + bytes(directory) + packed[end : end + 4] + lines


DAMAGES: dict[str, Damage] = {
    "flipped": flipped,
    "flipped at the end": flipped_at_the_end,
    "cut": cut,
    "moved": moved,
    "framed": framed,
    "local header": _header(LOCAL, LOCAL_FIELDS),
    "directory": _header(CENTRAL, CENTRAL_FIELDS),
    "end": _header(END, END_FIELDS),
    "named": named,
    "content": content,
    "64 bits": of_64_bits,
    "bomb": bomb,
    "shared": shared,
}


def damaged(packed: bytes, seed: int) -> tuple[str, bytes]:
    """What kind of damage, and the zip: kinds take turns."""
    kind = list(DAMAGES)[seed % len(DAMAGES)]
    return kind, DAMAGES[kind](packed, random.Random(seed))
