"""Files through the ingress: uploads by chunks, downloads, ranges, names that must survive as they are."""

import hashlib
import io
import os

from opensandbox.exceptions import SandboxApiException, SandboxException
from opensandbox.models.filesystem import ContentReplaceEntry, DirectoryListEntry, MoveEntry, SearchEntry, WriteEntry

import expect
from flavours import call, pieces

ODD_NAMES = ("plain.txt", "with blank", "a%2Fb", "per%cent", "que?ry=1&x", "ha#sh", "plus+plus", "ü☃", "semi;colon", "..two")


async def base(sandbox):
    return (await call(sandbox.commands.run, "pwd")).logs.stdout[0].text + "/files"


async def write_and_read(world, flavour, sandbox):
    root = await base(sandbox)
    await call(sandbox.files.write_file, root + "/a.txt", "héllo\nwörld\n", mode=640)
    expect.equal(await call(sandbox.files.read_file, root + "/a.txt"), "héllo\nwörld\n", "text")
    info = (await call(sandbox.files.get_file_info, [root + "/a.txt"]))[root + "/a.txt"]
    expect.equal((info.size, info.mode), (14, 640), "size and mode")


async def several_at_once(world, flavour, sandbox):
    root = await base(sandbox)
    entries = [WriteEntry(path="%s/many/%d" % (root, i), data=b"%d" % i) for i in range(20)]
    await call(sandbox.files.write_files, entries)
    listed = await call(sandbox.files.list_directory, DirectoryListEntry(path=root + "/many", depth=1))
    expect.equal(sorted(one.path for one in listed), sorted(one.path for one in entries), "listing")
    found = await call(sandbox.files.search, SearchEntry(path=root + "/many", pattern="1*"))
    expect.equal(len(found), 11, "found 1*")


async def large(world, flavour, sandbox):
    """Chunked both ways where the SDK does so."""
    root = await base(sandbox)
    data = os.urandom(8 << 20)
    await call(sandbox.files.write_file, root + "/large", io.BytesIO(data))
    expect.equal(hashlib.sha256(await call(sandbox.files.read_bytes, root + "/large")).hexdigest(),
                 hashlib.sha256(data).hexdigest(), "digest")
    streamed = await pieces(sandbox.files.read_bytes_stream(root + "/large"))
    expect.equal(hashlib.sha256(streamed).hexdigest(), hashlib.sha256(data).hexdigest(), "digest of the stream")
    expect.equal(await call(sandbox.files.read_bytes, root + "/large", range_header="bytes=1000000-1000999"),
                 data[1000000:1001000], "a range")


async def lines(world, flavour, sandbox):
    root = await base(sandbox)
    await call(sandbox.files.write_file, root + "/lines", "".join("line %d\n" % i for i in range(1, 101)))
    expect.equal(await call(sandbox.files.read_file, root + "/lines", offset=10, limit=2), "line 10\nline 11\n", "lines")


async def names(world, flavour, sandbox):
    root = await base(sandbox)
    for name in ODD_NAMES:
        path = "%s/names/%s" % (root, name)
        await call(sandbox.files.write_file, path, name)
        expect.equal(await call(sandbox.files.read_file, path), name, "content of " + name)
    listed = await call(sandbox.files.list_directory, DirectoryListEntry(path=root + "/names", depth=1))
    expect.equal(sorted(one.path for one in listed), sorted("%s/names/%s" % (root, name) for name in ODD_NAMES), "listing")


async def change(world, flavour, sandbox):
    root = await base(sandbox)
    await call(sandbox.files.create_directories, [WriteEntry(path=root + "/folder/inner", mode=750)])
    await call(sandbox.files.write_file, root + "/folder/inner/old", "one two two")
    await call(sandbox.files.move_files, [MoveEntry(src=root + "/folder/inner/old", dest=root + "/folder/new")])
    await call(sandbox.files.replace_contents,
               [ContentReplaceEntry(path=root + "/folder/new", old_content="two", new_content="2")])
    expect.equal(await call(sandbox.files.read_file, root + "/folder/new"), "one 2 2", "text")
    await call(sandbox.files.delete_files, [root + "/folder/new"])
    error = await expect.refused(SandboxException, "a deleted file", sandbox.files.read_file, root + "/folder/new")
    expect.equal(getattr(error, "status_code", 404), 404, "status of a deleted file")
    await call(sandbox.files.delete_directories, [root + "/folder"])
    error = await expect.refused(SandboxApiException, "a deleted folder", sandbox.files.list_directory,
                                 DirectoryListEntry(path=root + "/folder", depth=1))
    expect.equal(error.status_code, 404, "status of a deleted folder")


CHECKS = (
    ("write, read, info", write_and_read),
    ("20 files in one request, list, search", several_at_once),
    ("8 MiB up, down, as a stream, in part", large),
    ("some lines", lines),
    ("%d names" % len(ODD_NAMES), names),
    ("move, replace, delete", change),
)
