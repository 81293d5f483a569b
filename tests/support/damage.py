"""Damage to the structure of a checkpoint, with right checksums around it."""

from __future__ import annotations

import io
import itertools
import json
import pickletools
import random
import zipfile

from tests.support import strange

STRANGE = (0, 1, 2, 3, 7, 255, 65535, 2**31 - 1, 2**31, 2**32, 2**62, 2**63, -1)


def mutant(name: str, content: bytes, chance: random.Random) -> bytes:
    """Change the structure of an honest file, one to three times."""
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        if name.startswith("zip"):
            content = _mutant_zip(content, chance)
        elif name.startswith("legacy"):
            content = _mutant_legacy(content, chance)
        elif name.startswith("bundle"):
            content = _mutant_bundle(content, chance)
        elif name == "ONNX":
            content = _mutant_bytes(content, chance)
        elif name == "exported program":
            content = _mutant_entries(content, chance)
        else:
            content = _mutant_safetensors(content, chance)
    return content


def _mutant_zip(content: bytes, chance: random.Random) -> bytes:
    """Change the pickle or an entry, and write a container with right checksums around it."""
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        entries = [(info.filename, file.read(info)) for info in file.infolist()]
    which = chance.randrange(len(entries))
    found = (k for k, (name, _) in enumerate(entries) if name.endswith("/data.pkl"))
    pickled = next(found, which)
    action = chance.randrange(12)
    if action < 8:
        entries[pickled] = entries[pickled][0], mutated_pickle(entries[pickled][1], chance)
    elif action == 8:
        del entries[which]
    elif action == 9:
        entries[which] = entries[which][0], _resized(entries[which][1], chance)
    elif action == 10:
        other = chance.randrange(len(entries))
        entries[which] = entries[which][0], entries[other][1]
    else:
        entries[which] = _renamed(entries[which][0], chance), entries[which][1]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, data in dict(entries).items():
            file.writestr(name, data)
    return buffer.getvalue()


def _renamed(name: str, chance: random.Random) -> str:
    at = chance.randrange(len(name))
    return name[:at] + chance.choice("0123/._a") + name[at + 1 :]


def _resized(data: bytes, chance: random.Random) -> bytes:
    if chance.random() < 0.5:
        return data[: chance.randrange(len(data) + 1)]
    return data + bytes(chance.randrange(1, 64))


def mutated_pickle(data: bytes, chance: random.Random) -> bytes:
    """Delete, repeat, swap or change opcodes."""
    parts = _opcodes(data)
    if not parts:
        return data
    at, other = chance.randrange(len(parts)), chance.randrange(len(parts))
    action = chance.randrange(7)
    if action == 0:
        del parts[at]
    elif action == 1:
        parts.insert(other, parts[at])
    elif action == 2:
        parts[at], parts[other] = parts[other], parts[at]
    elif action == 3:
        parts[at] = parts[other]
    elif action == 4:
        parts[at] = _other_argument(parts[at], chance)
    elif action == 5:
        parts[at] = bytes([chance.randrange(256)]) + parts[at][1:]
    else:
        numbers = [k for k, part in enumerate(parts) if part[:1] in b"KMJhqjr"]
        at = chance.choice(numbers) if numbers else at
        parts[at] = _other_argument(parts[at], chance)
    return b"".join(parts)


def _opcodes(data: bytes) -> list[bytes]:
    try:
        starts = [position for _, _, position in pickletools.genops(data)]
    except ValueError:  # damaged by the change before: cut anywhere
        starts = list(range(0, len(data), 7))
    return [data[a:b] for a, b in itertools.pairwise([*starts, len(data)])]


def _other_argument(part: bytes, chance: random.Random) -> bytes:
    if len(part) < 2:
        return part
    if part[:1] in b"KhqC" or chance.random() < 0.3:
        at = chance.randrange(1, len(part))
        return part[:at] + bytes([chance.choice(STRANGE) & 0xFF]) + part[at + 1 :]
    if part[:1] == b"X" and chance.random() < 0.5:
        text = chance.choice(strange.NAMES).encode("utf-8", "surrogatepass")
        return b"X" + len(text).to_bytes(4, "little") + text
    return b"\x8a\x08" + (chance.choice(STRANGE) % 2**64).to_bytes(8, "little")


def _mutant_legacy(content: bytes, chance: random.Random) -> bytes:
    """Change the content's pickle, the list of storages, or a count."""
    file = io.BytesIO(content)
    ends = []
    for _ in range(5):
        try:
            for _ in pickletools.genops(file):
                pass
        except (ValueError, IndexError, UnicodeDecodeError):
            break
        ends.append(file.tell())
    which = chance.choice((3, 3, 3, 3, 4, 5))
    if len(ends) < 5:  # damaged by the change before
        return content[: chance.randrange(len(content))]
    if which == 5:  # the count before the first storage; a number itself has no checksum there
        at = ends[-1] + chance.randrange(8)
        return content[:at] + chance.randbytes(1) + content[at + 1 :]
    start, end = ends[which - 1], ends[which]
    return content[:start] + mutated_pickle(content[start:end], chance) + content[end:]


def _mutant_safetensors(content: bytes, chance: random.Random) -> bytes:
    length = int.from_bytes(content[:8], "little")
    try:
        header = json.loads(content[8 : 8 + length])
        name = chance.choice(list(header))
        entry, other = header[name], header[chance.choice(list(header))]
        action = chance.randrange(5)
        if action == 0:
            entry["dtype"] = chance.choice(("F32", "F16", "BF16", "I64", "U8", "C64", "F4", 3))
        elif action == 1:
            entry["shape"] = [*entry["shape"], chance.choice(STRANGE)]
        elif action == 2:
            entry["data_offsets"][chance.randrange(2)] = chance.choice(STRANGE)
        elif action == 3:
            entry["data_offsets"], other["data_offsets"] = (
                other["data_offsets"],
                entry["data_offsets"],
            )
        else:
            del header[name]
    except (ValueError, TypeError, KeyError, IndexError):
        return content[: chance.randrange(len(content))]
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + content[8 + length :]


def _mutant_bundle(content: bytes, chance: random.Random) -> bytes:
    """Change a shard or an entry, and write a ZIP with right checksums around it."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as file:
            entries = [(info.filename, file.read(info)) for info in file.infolist()]
            method = file.infolist()[0].compress_type
    except (zipfile.BadZipFile, IndexError):
        return content[: chance.randrange(len(content) + 1)]
    which = chance.randrange(len(entries))
    name, data = entries[which]
    action = chance.randrange(5)
    if action < 2 and name.endswith(".safetensors") and len(data) > 8:
        entries[which] = name, _mutant_safetensors(data, chance)
    elif action == 2:
        del entries[which]
    elif action == 3:
        entries[which] = name, _resized(data, chance)
    else:
        entries[which] = _renamed(name, chance), data
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as file:
        for name, data in dict(entries).items():
            file.writestr(name, data)
    return buffer.getvalue()


def _mutant_entries(content: bytes, chance: random.Random) -> bytes:
    """Delete, cut or exchange an entry of a ZIP."""
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        entries = {info.filename: file.read(info) for info in file.infolist()}
    name, other = chance.choice(list(entries)), chance.choice(list(entries))
    action = chance.randrange(4)
    if action == 0 and len(entries) > 1:
        del entries[name]
    elif action == 1:
        entries[name] = _resized(entries[name], chance)
    elif action == 2:
        entries[name] = entries[other]
    else:
        entries[_renamed(name, chance)] = entries.pop(name)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for key, data in entries.items():
            file.writestr(key, data)
    return buffer.getvalue()


def _mutant_bytes(content: bytes, chance: random.Random) -> bytes:
    """Delete, repeat or change a run of bytes: lengths in front of it become wrong."""
    at, length = chance.randrange(len(content)), chance.choice((1, 1, 2, 4, 16))
    run = content[at : at + length]
    action = chance.randrange(4)
    if action == 0:
        return content[:at] + content[at + length :]
    if action == 1:
        return content[:at] + run + content[at:]
    if action == 2:
        return content[:at] + bytes([chance.choice(STRANGE) & 0xFF]) + content[at + 1 :]
    return content[:at] + chance.randbytes(length) + content[at + length :]


def flipped(content: bytes, chance: random.Random, end: int) -> bytes:
    """One bit before `end`."""
    at = chance.randrange(end)
    return content[:at] + bytes([content[at] ^ 1 << chance.randrange(8)]) + content[at + 1 :]
