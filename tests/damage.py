"""What may befall bytes and text: bits flip, blocks move, values lie, names lead elsewhere.

A mutation is a function of a file's path and a `random.Random` that rewrites the file. It returns
True where no reader may accept the result: it holds code, or names a file outside its folder, in
`outside` beside it, where valid files lie.
"""

import json

ODD = None, True, -1, 0, 1, 2**31, 1e308, 1e-308, float("nan"), float("inf"), "", "x" * 1000
ODD += "../outside", [], [[]], {}, {"a": 1}, "@deep@", "@digits@"
WORDS = "", "0", "-1", "1e400", "nan", "9" * 5000, "x", "2147483648", "1 2", "\0", "../outside/x"
ELSEWHERE = "../outside/{}", "../../outside/{}", "/etc/passwd", "{root}/outside/{}"


def flip(path, rng):
    content = bytearray(path.read_bytes())
    for _ in range(rng.randint(1, 8)):
        content[_place(content, rng)] ^= 1 << rng.randrange(8)
    path.write_bytes(content)


def cut(path, rng):
    content = path.read_bytes()
    path.write_bytes(content[: rng.choice((0, rng.randrange(len(content)), len(content) - 1))])


def repeat(path, rng):
    content = path.read_bytes()
    block, at = _block(content, rng), rng.randrange(len(content))
    path.write_bytes(content[:at] + content[block] + content[at:])


def zero(path, rng):
    content = bytearray(path.read_bytes())
    block = _block(content, rng)
    content[block] = bytes(block.stop - block.start)
    path.write_bytes(content)


def splice(path, rng):
    content = bytearray(path.read_bytes())
    block = _block(content, rng)
    content[block] = rng.randbytes(rng.randint(0, 512))
    path.write_bytes(content)


def huge(path, rng):
    """Some bytes become the largest number that they can hold, of any sign and byte order."""
    content = bytearray(path.read_bytes())
    size, at = rng.choice((1, 2, 4, 8)), _place(content, rng)
    full = b"\xff" * (size - 1)
    content[at : at + size] = rng.choice((full + b"\xff", b"\x7f" + full, full + b"\x7f"))
    path.write_bytes(content)


def _place(content, rng):
    """Anywhere, and half the time near the beginning, where headers are."""
    return rng.randrange(min(len(content), rng.choice((400, len(content)))))


def _block(content, rng):
    start = _place(content, rng)
    return slice(start, min(len(content), start + rng.choice((1, 4, 64, 4096))))


def lying_json(path, rng):
    path.write_text(lying(path.read_text(), rng))


def lying(text, rng):
    """JSON with one value in it gone, or replaced by an odd one."""
    data = [json.loads(text)]
    holders = [(data, 0)]
    for holder, key in holders:
        value = holder[key]
        if isinstance(value, dict | list):
            keys = value if isinstance(value, dict) else range(len(value))
            holders += [(value, k) for k in keys]
    holder, key = rng.choice(holders)
    if holder is not data and rng.random() < 0.3:
        del holder[key]
    else:
        holder[key] = rng.choice(ODD)
    text = json.dumps(data[0])
    text = text.replace('"@deep@"', "[" * 100_000 + "]" * 100_000)
    return text.replace('"@digits@"', rng.choice(("9" * 400, "9" * 5000)))


def renamed_entry(path, rng):
    manifest = json.loads(path.read_text())
    entry = rng.choice(manifest["recordings"])
    entry["file"] = elsewhere(path, entry["file"], rng)
    path.write_text(json.dumps(manifest))
    return True


def elsewhere(path, name, rng):
    return rng.choice(ELSEWHERE).format(name, root=root(path))


def root(path):
    """The folder that holds `outside` and the folder of the input."""
    return next(p.parent for p in path.parents if p.name == "given")


def lying_lines(path, rng):
    lines = path.read_text().splitlines()
    at = rng.randrange(len(lines))
    mark = next((m for m in ":=," if m in lines[at]), " ")
    name = lines[at].split(mark)[0]
    lines[at] = rng.choice((f"{name}{mark} {rng.choice(WORDS)}", rng.choice(WORDS)))
    path.write_text("\n".join(lines) + "\n")


def foreign_pixels(path, rng):
    """An MHD header whose pixels are those of another folder's file."""
    lines = path.read_text().splitlines()
    name = elsewhere(path, path.with_suffix(".raw").name, rng)
    lines[-1] = rng.choice((f"ElementDataFile = {name}", f"ElementDataFile = LIST\n{name}"))
    path.write_text("\n".join(lines) + "\n")
    return True


ANY = flip, cut, repeat, zero, splice, huge
