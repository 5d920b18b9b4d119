"""Writes a Debian package or a tarball of installed files, the same bytes for the same input.

    make_package.py MANIFEST OUT

MANIFEST is JSON:
  format    "deb" or "tar.gz"
  machine   "x86_64" or "aarch64"; ELF files of another machine are refused
  root      folder of all below, "usr" for example
  files     [mode, path, source]; *.in is a template, and a path that ends with .gz is compressed
  links     [path, target]
  control   {name: source}: members of a Debian package's control.tar, templates too
  changelog source: in Debian's format; its newest entry is the time of everything
  values    {name: text} for @name@ in templates, in addition to
            DATE, DEB_ARCH, INSTALLED_SIZE (KiB), LIBC_VERSION (the oldest glibc that will do)
"""

import email.utils
import gzip
import hashlib
import io
import json
import posixpath
import re
import struct
import sys
import tarfile
import time

DEB_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
ELF_MACHINES = {62: "x86_64", 183: "aarch64"}
SHT_STRTAB = 3


class Failure(Exception):
    """What is wrong, in one line."""


def read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def is_elf(data: bytes) -> bool:
    return data[:5] == b"\x7fELF\x02"


def elf_machine(data: bytes) -> str:
    (number,) = struct.unpack_from("<H", data, 18)
    return ELF_MACHINES.get(number, f"machine {number}")


def elf_strings(data: bytes) -> set[str]:
    """What the string tables of an ELF64 file hold; the versions that it asks of libc among it."""
    (table,) = struct.unpack_from("<Q", data, 0x28)
    size, count = struct.unpack_from("<HH", data, 0x3A)
    strings: set[str] = set()
    for i in range(count):
        section = struct.unpack_from("<IIQQQQ", data, table + i * size)
        if section[1] == SHT_STRTAB:
            text = data[section[4] : section[4] + section[5]]
            strings.update(text.decode("latin-1").split("\0"))
    return strings


def glibc_needed(files: list[bytes]) -> str:
    versions = [(2, 17)]
    for data in files:
        for string in elf_strings(data):
            match = re.fullmatch(r"GLIBC_(\d+)\.(\d+)(\.\d+)?", string)
            if match:
                versions.append((int(match[1]), int(match[2])))
    return "%d.%d" % max(versions)


def expand(text: str, values: dict[str, str], source: str) -> str:
    def value(match: re.Match[str]) -> str:
        if match[1] not in values:
            raise Failure(f"{source}: nothing is known of @{match[1]}@")
        return values[match[1]]

    return re.sub(r"@([A-Z_]+)@", value, text)


def compress(data: bytes) -> bytes:
    out = io.BytesIO()
    # Neither a name nor a time in its header.
    with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=out, mtime=0) as file:
        file.write(data)
    return out.getvalue()


def parents(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:i]) for i in range(1, len(parts))]


class Tar:
    """A tar file that root owns, sorted, each file with the same time."""

    def __init__(self, mtime: int, prefix: str = ""):
        self.mtime = mtime
        self.prefix = prefix
        self.members: dict[str, tuple[tarfile.TarInfo, bytes]] = {}

    def _add(self, path: str, kind: bytes, mode: int, data: bytes = b"", target: str = "") -> None:
        for parent in parents(path):
            if parent not in self.members:
                self._add(parent, tarfile.DIRTYPE, 0o755)
        if path in self.members:
            raise Failure(f"{path} is there twice")
        info = tarfile.TarInfo(self.prefix + path)
        info.type = kind
        info.mode = mode
        info.size = len(data)
        info.mtime = self.mtime
        info.uname = info.gname = "root"
        info.linkname = target
        self.members[path] = (info, data)

    def add_file(self, path: str, mode: int, data: bytes) -> None:
        self._add(path, tarfile.REGTYPE, mode, data)

    def add_link(self, path: str, target: str) -> None:
        self._add(path, tarfile.SYMTYPE, 0o777, target=target)

    def bytes(self) -> bytes:
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
            for path in sorted(self.members):
                info, data = self.members[path]
                tar.addfile(info, io.BytesIO(data))
        return compress(out.getvalue())


def ar(members: list[tuple[str, bytes]], mtime: int) -> bytes:
    parts = [b"!<arch>\n"]
    for name, data in members:
        header = f"{name:<16}{mtime:<12}{0:<6}{0:<6}{'100644':<8}{len(data):<10}`\n"
        parts += [header.encode(), data, b"\n" * (len(data) % 2)]
    return b"".join(parts)


class Package:
    def __init__(self, manifest: dict):
        self.manifest = manifest
        changelog = read(manifest["changelog"]).decode()
        dates = re.findall(r"^ -- .*>  (.*)$", changelog, re.M)
        if not dates:
            raise Failure(f"{manifest['changelog']} has no date")
        self.mtime = int(email.utils.parsedate_to_datetime(dates[0]).timestamp())
        self.sources = {source: read(source) for _, _, source in manifest["files"]}
        self.values = dict(manifest["values"], **self._found_values())

    def _found_values(self) -> dict[str, str]:
        machine = self.manifest["machine"]
        elves = {source: data for source, data in self.sources.items() if is_elf(data)}
        for source, data in elves.items():
            if elf_machine(data) != machine:
                raise Failure(f"{source} is for {elf_machine(data)}, not for {machine}")
        return {
            "DATE": time.strftime("%Y-%m-%d", time.gmtime(self.mtime)),
            "DEB_ARCH": DEB_ARCHITECTURES[machine],
            "LIBC_VERSION": glibc_needed(list(elves.values())),
        }

    def _filled(self, source: str, data: bytes) -> bytes:
        return expand(data.decode(), self.values, source).encode() if source.endswith(".in") else data

    def _content(self, path: str, source: str) -> bytes:
        data = self._filled(source, self.sources[source])
        return compress(data) if path.endswith(".gz") else data

    def files(self) -> list[tuple[str, int, bytes]]:
        root = self.manifest["root"]
        return [
            (posixpath.join(root, path), int(mode, 8), self._content(path, source))
            for mode, path, source in self.manifest["files"]
        ]

    def data_tar(self, prefix: str) -> bytes:
        tar = Tar(self.mtime, prefix)
        for path, mode, data in self.files():
            tar.add_file(path, mode, data)
        for path, target in self.manifest["links"]:
            tar.add_link(posixpath.join(self.manifest["root"], path), target)
        return tar.bytes()

    def control_tar(self) -> bytes:
        files = self.files()
        self.values["INSTALLED_SIZE"] = str(sum((len(data) + 1023) // 1024 for _, _, data in files))
        tar = Tar(self.mtime, "./")
        sums = [f"{hashlib.md5(data).hexdigest()}  {path}\n" for path, _, data in sorted(files)]
        tar.add_file("md5sums", 0o644, "".join(sums).encode())
        for name, source in self.manifest["control"].items():
            tar.add_file(name, 0o644, self._filled(source, read(source)))
        return tar.bytes()

    def bytes(self) -> bytes:
        if self.manifest["format"] == "tar.gz":
            return self.data_tar("")
        members = [
            ("debian-binary", b"2.0\n"),
            ("control.tar.gz", self.control_tar()),
            ("data.tar.gz", self.data_tar("./")),
        ]
        return ar(members, self.mtime)


def main() -> int:
    try:
        _, manifest, out = sys.argv
        package = Package(json.loads(read(manifest))).bytes()
        with open(out, "wb") as file:
            file.write(package)
    except (Failure, OSError, KeyError, ValueError, struct.error) as error:
        print(f"make_package.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
