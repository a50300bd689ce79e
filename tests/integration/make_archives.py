"""Archives that nobody should be able to do harm with, and odd ones that must work.

Each case is a Case: a name, a function that writes the archive, and what is expected: the text of the refusal, or None
when the archive is fine. Tests take them with `for case in in_all_formats(): case.write(path)`; by hand:

    make_archives.py FOLDER     writes all of them there, as NAME.bundle
"""

import copy
import gzip
import io
import os
import stat
import struct
import sys
import tarfile
import warnings
import zipfile
from dataclasses import dataclass
from typing import Callable, Optional

APPSPEC = b"version: 0.0\nos: linux\n"


def member(name, content=b"", kind=tarfile.REGTYPE, link="", mode=0o644, size=None):
    info = tarfile.TarInfo(name)
    info.type = kind
    info.linkname = link
    info.mode = mode
    info.size = len(content) if size is None else size
    info.mtime = 1_000_000_000
    return info, content


def folder(name, mode=0o755):
    return member(name, kind=tarfile.DIRTYPE, mode=mode)


def symlink(name, to):
    return member(name, kind=tarfile.SYMTYPE, link=to, mode=0o777)


def hard_link(name, to):
    return member(name, kind=tarfile.LNKTYPE, link=to)


def pack(members, form=tarfile.PAX_FORMAT):
    """The bytes of a tar archive: an appspec, then MEMBERS just as they are named."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form, errors="surrogateescape") as tar:
        for info, content in [member("appspec.yml", APPSPEC), *members]:
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


@dataclass
class Case:
    name: str
    build: Callable[[], bytes]  # the file's bytes
    refusal: Optional[str]  # part of the message; None: unpacks

    def write(self, path):
        with open(path, "wb") as f:
            f.write(self.build())


def zipped(data):
    return gzip.compress(data, 6, mtime=0)


class tgz:
    """MEMBERS as a tgz; the same members make a tar, a tar.zst and, if that can hold them, a zip."""

    def __init__(self, *members, **how):
        self.members, self.how = members, how

    def tar(self):
        return pack(self.members, **self.how)

    def zstd(self):
        return framed(self.tar())

    def zip(self):
        return pack_zip(self.members)

    def fits_zip(self):
        return not any(info.islnk() or "\udc80" <= max(info.name) <= "\udcff" for info, _ in self.members)

    def __call__(self):
        return zipped(self.tar())


def framed(data):
    """DATA as a zstd frame of raw blocks (RFC 8878 section 3.1.1), with its size of 8 bytes in the header."""
    blocks = [data[at:at + 65536] for at in range(0, len(data), 65536)] or [b""]
    out = b"\x28\xb5\x2f\xfd\xc0\x38" + struct.pack("<Q", len(data))
    for block in blocks:
        out += ((len(block) << 3) | (block is blocks[-1])).to_bytes(3, "little") + block
    return out


KINDS = {tarfile.REGTYPE: stat.S_IFREG, tarfile.DIRTYPE: stat.S_IFDIR, tarfile.SYMTYPE: stat.S_IFLNK,
         tarfile.CHRTYPE: stat.S_IFCHR, tarfile.BLKTYPE: stat.S_IFBLK, tarfile.FIFOTYPE: stat.S_IFIFO}


def pack_zip(members, edit=None):
    """The same as a zip; EDIT(zip file) may spoil it before its list is written."""
    out = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        warnings.simplefilter("ignore")  # one name twice is what some of them are about
        for info, content in [member("appspec.yml", APPSPEC), *members]:
            name = info.pax_headers.get("path", info.name)
            one = zipfile.ZipInfo(name + ("/" if info.isdir() and not name.endswith("/") else ""))
            one.external_attr = (KINDS[info.type] | info.mode) << 16
            one.compress_type = zipfile.ZIP_STORED if info.isdir() else zipfile.ZIP_DEFLATED
            z.writestr(one, info.linkname if info.issym() else content)
        if edit:
            edit(z)
    return out.getvalue()


def spoilt(*members, **changes):
    """A zip whose list says of its last member what is not so: attributes of zipfile.ZipInfo."""
    def edit(z):
        for key, value in changes.items():
            setattr(z.infolist()[-1], key, value)
    return lambda: pack_zip(members, edit)


def changed_zip(members, old, new):
    """A zip with the bytes OLD replaced by NEW where they come first: before the member, not in the list."""
    return lambda: pack_zip(members).replace(old, new, 1)


def zip_with_hidden_member():
    def edit(z):
        z.filelist.pop()
    return pack_zip([member("a", b"1"), member("hidden", b"2")], edit)


def zip_with_one_header_for_two():
    """Two names of the list lead to the same bytes: that is how the worst zip bombs are made."""
    def edit(z):
        z.filelist.append(copy.copy(z.filelist[-1]))
        z.filelist[-1].filename = "b"
    return pack_zip([member("a", b"1")], edit)


def zip_bomb(mebibytes):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as z:
        z.writestr("appspec.yml", APPSPEC)
        with z.open("zeros", "w") as f:
            for _ in range(mebibytes):
                f.write(bytes(1 << 20))
    return out.getvalue()


def changed_header(members, at, new):
    """The second header of the archive with NEW at offset AT and its checksum made right."""
    data = bytearray(pack(members, tarfile.USTAR_FORMAT))
    start = 1024  # behind the appspec's header and its one block
    data[start + at : start + at + len(new)] = new
    data[start + 148 : start + 156] = b" " * 8
    total = sum(data[start : start + 512])
    data[start + 148 : start + 156] = b"%06o\0 " % total
    return bytes(data)


def pax_path(path):
    info, content = member("innocent")
    info.pax_headers = {"path": path}
    return info, content


def bomb(mebibytes):
    """One file of zeros, made without holding it in memory."""
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=9, mtime=0) as z:
        with tarfile.open(fileobj=z, mode="w|", format=tarfile.GNU_FORMAT) as tar:
            tar.addfile(*[member("appspec.yml", APPSPEC)[0], io.BytesIO(APPSPEC)])
            tar.addfile(member("zeros", size=mebibytes << 20)[0], Zeros(mebibytes << 20))
    return out.getvalue()


class Zeros(io.RawIOBase):
    def __init__(self, size):
        self.left = size

    def read(self, size=-1):
        size = self.left if size < 0 else min(size, self.left)
        self.left -= size
        return bytes(size)


def many(count):
    return zipped(pack([member(f"d/{i}") for i in range(count)], tarfile.USTAR_FORMAT))


THROUGH = "leads through a symbolic link of the bundle"
UP = "leads out of the bundle by '..'"
ABSOLUTE = "is an absolute path"

CASES = [
    Case("upwards", tgz(member("../x", b"out")), UP),
    Case("upwards-deep", tgz(member("a/b/../../../x", b"out")), UP),
    Case("upwards-by-pax", tgz(pax_path("../x")), UP),
    Case("absolute", tgz(member("/etc/slipway-was-here", b"out")), ABSOLUTE),
    Case("absolute-by-pax", tgz(pax_path("/etc/slipway-was-here")), ABSOLUTE),
    Case("through-link-up", tgz(symlink("l", ".."), member("l/x", b"out")), THROUGH),
    Case("through-link-absolute", tgz(symlink("l", "/tmp"), member("l/x", b"out")), THROUGH),
    Case("through-two-links", tgz(symlink("a", "b"), symlink("b", ".."), member("a/x", b"out")), THROUGH),
    Case("folder-through-link", tgz(symlink("l", ".."), folder("l/d")), THROUGH),
    Case("link-replaces-folder", tgz(folder("d"), symlink("d", ".."), member("d/x", b"out")), THROUGH),
    Case("hard-link-up", tgz(hard_link("h", "../../x")), UP),
    Case("hard-link-absolute", tgz(hard_link("h", "/etc/passwd")), ABSOLUTE),
    Case("hard-link-through-link", tgz(symlink("l", "/etc"), hard_link("h", "l/passwd")), "not in the bundle before it"),
    Case("hard-link-missing", tgz(hard_link("h", "nothing")), "not in the bundle before it"),
    Case("device", tgz(member("null", kind=tarfile.CHRTYPE)), "is a character device"),
    Case("block-device", tgz(member("disk", kind=tarfile.BLKTYPE)), "is a block device"),
    Case("pipe", tgz(member("pipe", kind=tarfile.FIFOTYPE)), "is a named pipe"),
    Case("deep", tgz(member("/".join(["d"] * 129))), "more than 128 folders deep"),
    Case("long-part", tgz(member("n" * 256)), "longer than 255 bytes"),
    Case("long-path", tgz(member("/".join(["n" * 200] * 21))), "longer than 4096 bytes"),
    Case("damaged-header", lambda: damaged(pack([member("a", b"x")]), 1024), "damaged or cut short"),
    Case("damaged-gzip", lambda: damaged(zipped(pack([])), -6), "damaged"),
    Case("truncated", lambda: zipped(pack([member("a", b"x" * 9000)]))[:-20], "cut short"),
    Case("truncated-inside", lambda: pack([member("a", b"x" * 9000)])[:4096], "damaged or cut short"),
    Case("without-end", lambda: pack([member("a", b"x")])[:2048], "without its end mark"),
    Case("empty-file", lambda: b"", "the file is empty"),
    Case("no-archive", lambda: APPSPEC, "holds no archive"),
    Case("zip", lambda: b"PK\x03\x04" + bytes(60), "the zip is damaged"),
    Case("negative-size", lambda: changed_header([member("a", b"x")], 124, b"\xff" * 12), "damaged"),
    Case("ratio-bomb", lambda: bomb(128), "limits: ratio"),
    Case("zip-bomb", lambda: zip_bomb(128), "limits: ratio"),
    Case("zip-encrypted", spoilt(member("a", b"x"), flag_bits=1), "entry 'a' is encrypted"),
    Case("zip-other-name", changed_zip([member("innocent", b"x")], b"innocent", b"appspec!"), "entry 'appspec!' is not as the list"),
    Case("zip-other-name-in-the-list", spoilt(member("aa", b"x"), filename="bb"), "entry 'aa' is not as the list"),
    Case("zip-other-size", spoilt(member("a", b"x"), file_size=2), "entry 'a' is not as the list"),
    Case("zip-other-checksum", spoilt(member("a", b"x"), CRC=1), "damaged"),
    Case("zip-hidden-member", zip_with_hidden_member, "entry 'hidden' is not in the list at the zip's end"),
    Case("zip-one-header-for-two", zip_with_one_header_for_two, "is not as the list at the zip's end says"),
    Case("zip-two-archives", lambda: pack_zip([]) + pack_zip([member("b", b"2")]), "the zip is damaged"),
    Case("zip-two-equal-archives", lambda: pack_zip([]) * 2, "the zip is damaged"),
    Case("zip-trailing-garbage", lambda: pack_zip([]) + b"garbage", "something stands before or behind it"),
    Case("zip-cut-short", lambda: pack_zip([member("a", b"x" * 9000)])[:-30], "the zip is damaged"),
    Case("zip-damaged", lambda: damaged(pack_zip([member("a", os.urandom(999))]), 600), "damaged"),
    Case("zip-method", spoilt(member("a", b"x"), compress_type=12), "is packed by method 12"),
    Case("zip-backslash", tgz(member("a\\b", b"x")).zip, "has a backslash in its name"),
    Case("zip-no-mode", lambda: pack_zip([(member("a", b"x", mode=0)[0], b"x")]), None),
    Case("plain", tgz(folder("d"), member("d/f", b"x")), None),
    Case("gnu", tgz(member("long/" * 30 + "f", b"x"), form=tarfile.GNU_FORMAT), None),
    Case("ustar", tgz(member("a/b", b"x"), form=tarfile.USTAR_FORMAT), None),
    Case("odd-names", tgz(member("new\nline"), member(" blank "), member("\udcff\udcfe"), member("-rf")), None),
    Case("twice", tgz(member("f", b"1"), member("f", b"2")), None),
    Case("hard-links", tgz(member("f", b"1"), hard_link("g", "f")), None),
    Case("empty-folders", tgz(folder("a"), folder("b/c")), None),
    Case("read-only-folder", tgz(folder("r", 0o555), member("r/f", b"x")), None),
    Case("link-out-unused", tgz(symlink("l", "/etc/hostname")), None),
    Case("dot-slash", tgz(folder("./"), member("./a/./b//c", b"x")), None),
    Case("trailing-garbage", lambda: zipped(pack([])) + b"garbage", None),
]


def in_all_formats():
    """CASES, and those made of members in the other formats, too."""
    for case in CASES:
        yield case
        if isinstance(case.build, tgz):
            yield Case(f"{case.name}-tar", case.build.tar, case.refusal)
            yield Case(f"{case.name}-zstd", case.build.zstd, case.refusal)
            if case.build.fits_zip():
                yield Case(f"{case.name}-zip", case.build.zip, case.refusal)


def damaged(data, at):
    out = bytearray(data)
    out[at] ^= 1
    return bytes(out)


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: make_archives.py FOLDER")
    os.makedirs(sys.argv[1], exist_ok=True)
    for case in in_all_formats():
        case.write(os.path.join(sys.argv[1], f"{case.name}.bundle"))
        print(f"{case.name}.bundle\t{case.refusal or 'fine'}")


if __name__ == "__main__":
    main()
