"""files.write, read, read_to, list, exists: odd names, paths, sizes, contents and errors."""

import datetime
import hashlib
import inspect
import io
import os
import time

import expect
from flavours import call

# Names that have to survive the way through SDK, router and runtime: written, listed, found and read back.
ODD_NAMES = (
    "plain.txt", "with space.txt", " leading space", "trailing space ", "two  spaces", "100%.txt", "50% off.txt",
    "%", "%%", "%zz", "%G1.txt", "a%", "a%20b", "%41", "%25", "%2Fetc%2Fpasswd", "%2e%2e", "%2E", "%00", "%C3%A9",
    ".hidden", "..x", "x..", "...", "....", "a..b", ". .", "-dash", "--flag",
    "semi;colon", "q?mark", "h#ash", "amp&ersand", "plus+sign", "eq=uals", "at@sign", "co:lon", "com,ma",
    "dol$lar", "ti~lde", "star*", "ex!claim", "pa(ren)", "bra[ck]et", "cur{ly}", "pi|pe", "an<gle>", "ca^ret",
    "back`tick", "back\\slash", "sing'le", 'dou"ble', "é.txt", "Grüße.txt", "日本語.txt", "файл.txt", "\U0001f600.txt",
    "e\u0301 combining.txt", "\u202eright-to-left", "\u00a0no-break space", "list", "download", "upload", "exists",
    "execute", "index.html", "n" * 255, "\u00e9" * 127,
)

ODD_PATHS = (
    "dir/file.txt", "dir with space/file name.txt", "deep/er/and/deep/er/x", "100%/50%.txt", "日本/語.txt",
    "..dots/..x", ".../x", "a;b/c?d/e#f", "download/list/exists",
)

# (path as given, where the SDK's own normalisation says it goes)
NORMALISED = (
    ("/abs/file.txt", "abs/file.txt"), ("./here.txt", "here.txt"), ("norm/../up.txt", "up.txt"),
    ("norm//double.txt", "norm/double.txt"), ("norm/./dot.txt", "norm/dot.txt"), ("norm/trail/", "norm/trail"),
)


def _content(name):
    return b"content of " + name.encode("utf-8") + b"\n"


async def odd_name(world, sandbox, name):
    await call(sandbox.files.write, "names/" + name, _content(name))
    stored = os.path.join(world.file_of(sandbox.sandbox_id, "names"), name)
    with open(stored, "rb") as file:
        expect.equal(file.read(), _content(name), "file in the sandbox")
    expect.equal(await call(sandbox.files.exists, "names/" + name), True, "exists")
    expect.equal(await call(sandbox.files.read, "names/" + name), _content(name), "read")
    sizes = {entry.name: entry.size for entry in await call(sandbox.files.list, "names")}
    expect.equal(sizes.get(name), len(_content(name)), "size in list")


async def odd_path(world, sandbox, path):
    await call(sandbox.files.write, path, _content(path))
    expect.equal(await call(sandbox.files.read, path), _content(path), "read")
    expect.equal(await call(sandbox.files.exists, path), True, "exists")
    folder, name = os.path.split(path)
    expect.equal(await call(sandbox.files.exists, folder), True, "folder exists")
    names = [entry.name for entry in await call(sandbox.files.list, folder)]
    expect.true(name in names, "%r in list of %r: %s" % (name, folder, names))
    with open(world.file_of(sandbox.sandbox_id, path), "rb") as file:
        expect.equal(file.read(), _content(path), "file in the sandbox")


async def normalised_paths(world, sandbox):
    for given, where in NORMALISED:
        await call(sandbox.files.write, given, _content(given))
        expect.equal(await call(sandbox.files.read, where), _content(given), "%s read as %s" % (given, where))
        expect.equal(await call(sandbox.files.read, given), _content(given), "%s read as given" % given)


async def dot_paths(world, sandbox):
    """A lone "." reaches the runtime as /list/ or /list; ".." is folded by the SDK and must not lead outside."""
    await call(sandbox.files.write, "dots.txt", b"x")
    for path in ("", ".", "./"):
        names = [entry.name for entry in await call(sandbox.files.list, path)]
        expect.true("dots.txt" in names, "dots.txt in list(%r): %s" % (path, names))
    for path in ("..", "../", "../..", "dir/../..", "/../.."):
        await expect.refused(RuntimeError, "list(%r)" % path, sandbox.files.list, path)
    for path in ("../dots.txt", "../../etc/passwd", "dir/../../x"):
        await expect.status(403, "exists(%r)" % path, sandbox.files.exists, path)


async def refused_by_the_sdk(world, sandbox):
    for path in ("", " ", ".", "..", "../x", "a/../../x", "a\0b", "a\nb", "a\x7fb", "/"):
        await expect.refused(ValueError, "write(%r)" % path, sandbox.files.write, path, b"x")
        await expect.refused(ValueError, "read(%r)" % path, sandbox.files.read, path)


async def unsafe_paths(world, sandbox):
    """allow_unsafe_paths switches the SDK's check off; the runtime's own stays."""
    unsafe = {"allow_unsafe_paths": True}
    outside = os.path.join(os.path.dirname(world.base_dirs[sandbox.sandbox_id]), "escaped.txt")
    for path in ("../escaped.txt", "dir/../../escaped.txt"):
        await expect.status(403, "write(%r)" % path, sandbox.files.write, path, b"x", **unsafe)
        await expect.status(403, "read(%r)" % path, sandbox.files.read, path, **unsafe)
    expect.true(not os.path.exists(outside), "nothing was written outside the base directory")
    await call(sandbox.commands.run, "ln -sfn /etc outside-link")
    await expect.status(403, "read through a link that leaves", sandbox.files.read, "outside-link/passwd", **unsafe)
    await expect.status(403, "write through a link that leaves",
                        sandbox.files.write, "outside-link/x", b"x", **unsafe)
    await call(sandbox.commands.run, "rm -f outside-link")
    await call(sandbox.files.write, "unsafe/./in/../side.txt", b"inside", **unsafe)
    expect.equal(await call(sandbox.files.read, "unsafe/side.txt"), b"inside", "inside")
    await expect.status(404, "read('/etc/passwd')", sandbox.files.read, "/etc/passwd", **unsafe)


async def contents(world, sandbox):
    every_byte = bytes(range(256)) * 17
    samples = {
        "empty": b"", "one": b"\0", "every byte": every_byte, "crlf": b"\r\n\r\n--\r\n--boundary--\r\n",
        "multipart": b'--abc\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\nfake\r\n--abc--\r\n',
        "gzip": b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x03\0\0\0\0\0\0\0\0\0", "text": "é日本\U0001f600".encode(),
    }
    for name, content in samples.items():
        await call(sandbox.files.write, "content/" + name, content)
        expect.equal(await call(sandbox.files.read, "content/" + name), content, name)
    await call(sandbox.files.write, "content/str", "é text")
    expect.equal(await call(sandbox.files.read, "content/str"), "é text".encode(), "a str is written as UTF-8")
    await call(sandbox.files.write, "content/again", b"a longer first version")
    await call(sandbox.files.write, "content/again", b"second")
    expect.equal(await call(sandbox.files.read, "content/again"), b"second", "overwritten")


class _Destination:
    """Takes what read_to writes; the async SDK awaits its `write`."""

    def __init__(self):
        self.content = b""

    def write(self, chunk):
        self.content += chunk
        return len(chunk)


class _AsyncDestination(_Destination):
    async def write(self, chunk):
        return super().write(chunk)


def _destination(sandbox):
    return _AsyncDestination() if inspect.iscoroutinefunction(sandbox.files.read_to) else _Destination()


async def large_files(world, sandbox):
    block = hashlib.sha512(b"seed").digest() * 1024
    content = b"".join(bytes([n]) + block for n in range(80))  # a little over 5 MB, no two blocks alike
    expect.true(len(content) > 5_000_000, "the sample has over 5 MB")
    wanted = hashlib.sha256(content).hexdigest()
    await call(sandbox.files.write, "large/at-once.bin", content)
    got = await call(sandbox.files.read, "large/at-once.bin")
    expect.equal((len(got), hashlib.sha256(got).hexdigest()), (len(content), wanted), "read")
    await call(sandbox.files.write, "large/streamed.bin", io.BytesIO(content))
    result = await call(sandbox.commands.run, "sha256sum large/streamed.bin")
    expect.equal(result.stdout.split(" ")[0], wanted, "streamed upload")
    target = _destination(sandbox)
    count = await call(sandbox.files.read_to, "large/streamed.bin", target)
    expect.equal((count, hashlib.sha256(target.content).hexdigest()), (len(content), wanted), "read_to")
    target = _destination(sandbox)
    await expect.refused(RuntimeError, "read_to past max_bytes",
                         sandbox.files.read_to, "large/at-once.bin", target, max_bytes=1000)
    expect.true(len(target.content) <= 1000, "%d bytes written, at most 1000 allowed" % len(target.content))
    after = await call(sandbox.commands.run, "echo still here")
    expect.equal(after.stdout, "still here\n", "a call after the download that was given up")


async def listing(world, sandbox):
    before = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=2)
    await call(sandbox.files.write, "listing/sub/inner.txt", b"12345")
    await call(sandbox.files.write, "listing/file.txt", b"123")
    entries = {entry.name: entry for entry in await call(sandbox.files.list, "listing")}
    expect.equal(sorted(entries), ["file.txt", "sub"], "names")
    expect.equal((entries["file.txt"].type, entries["file.txt"].size), ("file", 3), "the file")
    expect.equal(entries["sub"].type, "directory", "the directory")
    now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=2)
    expect.true(before <= entries["file.txt"].modified <= now, "modified is about now")
    await call(sandbox.commands.run, "mkdir -p listing/empty")
    expect.equal(await call(sandbox.files.list, "listing/empty"), [], "an empty directory")
    await call(sandbox.commands.run, "sh -c 'mkdir -p listing/many; cd listing/many; touch $(seq 1500)'")
    expect.equal(len(await call(sandbox.files.list, "listing/many")), 1500, "1500 entries")


async def errors(world, sandbox):
    await call(sandbox.files.write, "errors/file.txt", b"x")
    body = await expect.status(404, "read what is not there", sandbox.files.read, "errors/none.txt")
    expect.equal(body.json(), {"message": "File not found"}, "body")
    await expect.status(404, "read a directory", sandbox.files.read, "errors")
    body = await expect.status(404, "list a file", sandbox.files.list, "errors/file.txt")
    expect.equal(body.json(), {"message": "Path is not a directory"}, "body")
    await expect.status(404, "list what is not there", sandbox.files.list, "errors/none")
    expect.equal(await call(sandbox.files.exists, "errors/none.txt"), False, "exists, not there")
    expect.equal(await call(sandbox.files.exists, "errors"), True, "exists, a directory")
    started = time.monotonic()
    await expect.status(500, "write onto a directory", sandbox.files.write, "errors", b"x")
    expect.true(time.monotonic() - started < 5, "a failed upload is not repeated")
    await expect.refused(NotImplementedError, "delete", sandbox.files.delete, "errors/file.txt")


CHECKS = (
    ("paths the SDK normalises", normalised_paths),
    ("'.' and '..'", dot_paths),
    ("paths the SDK refuses", refused_by_the_sdk),
    ("allow_unsafe_paths stays inside the base directory", unsafe_paths),
    ("contents: empty, every byte, CRLF, multipart, gzip, text", contents),
    ("5 MB at once, streamed up, streamed down", large_files),
    ("list: type, size, time, empty, 1500 entries", listing),
    ("errors: 404, 403, 500", errors),
)
