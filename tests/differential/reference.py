"""What Install leaves behind, as the description of the CodeDeploy agent 1.8.1 says it, in a world that is a dictionary.

An independent second opinion for differential.py, written from the specification and not from the C code: first the
previous revision's files go, then instructions are generated (mkdir, copy), then permissions, then all of it is executed.
slipway does it in another order, so that nothing changes before everything is known, but a success must look the same; a
refusal must change nothing at all. Where slipway decided otherwise than the agent, a comment says so with "decided:".
Section numbers are those of the specification.
"""
import dataclasses
import grp
import posixpath
import pwd
import re

FOLDER, FILE, LINK = "folder", "file", "link"
MAX_LINKS = 40


class Refused(Exception):
    """The install is refused; UNCLEAR: the specification would bear a success as well."""

    def __init__(self, why, unclear=False):
        super().__init__(why)
        self.unclear = unclear


class Missing(Exception):
    """No such path, or a way through what is no folder."""


@dataclasses.dataclass(frozen=True)
class Node:
    kind: str
    mode: int = 0o755
    uid: int = 0
    gid: int = 0
    data: str = ""  # content, or the text of a link

    def __str__(self):
        return f"{self.kind} {self.mode:04o} {self.uid}:{self.gid} {self.data!r}"


def canonical(path):
    """Absolute (a relative one is below /, decided), without `.`, `..` and doubled slashes, all in the text alone."""
    return posixpath.normpath("/" + path.lstrip("/"))


class World:
    """Everything at and below TOP by absolute path; above it there are folders only, elsewhere one well-known file."""

    def __init__(self, top, elsewhere=()):
        self.top, self.nodes, self.elsewhere = top, {top: Node(FOLDER)}, frozenset(elsewhere)

    def copy(self):
        other = World(self.top, self.elsewhere)
        other.nodes = dict(self.nodes)
        return other

    def lstat(self, path):
        if path in self.nodes:
            return self.nodes[path]
        if path == "/" or any(each.startswith(path + "/") for each in (self.top, *self.elsewhere)):
            return Node(FOLDER)
        if path in self.elsewhere:
            return Node(FILE)
        raise Missing(path)

    def real(self, path):
        """PATH with every link followed, the last one too; Missing when it leads nowhere."""
        todo, at, links = [part for part in path.split("/") if part], "/", 0
        while todo:
            part = todo.pop(0)
            if self.lstat(at).kind != FOLDER:
                raise Missing(path)
            if part == "..":
                at = posixpath.dirname(at)
            elif part != ".":
                step = posixpath.join(at, part)
                node = self.lstat(step)
                if node.kind != LINK:
                    at = step
                    continue
                links += 1
                if links > MAX_LINKS:
                    raise Missing(path)
                if node.data.startswith("/"):
                    at = "/"
                todo = [part for part in node.data.split("/") if part] + todo
        return at

    def place(self, path):
        """PATH with the links of its parent followed, but not itself: where something is made or removed."""
        parent = self.real(posixpath.dirname(path))
        if self.lstat(parent).kind != FOLDER:
            raise Missing(path)
        return posixpath.join(parent, posixpath.basename(path))

    def kind(self, path):
        """Of what is there when links are followed; None: nothing, or a dangling link."""
        try:
            return self.lstat(self.real(path)).kind
        except Missing:
            return None

    def is_empty(self, folder):
        return not any(path.startswith(folder + "/") for path in self.nodes)

    def new_group(self, place):
        """A folder with setgid hands its group down to what is made in it."""
        parent = self.lstat(posixpath.dirname(place))
        return (parent.gid, parent.mode & 0o2000) if parent.mode & 0o2000 else (0, 0)

    def remove_installed(self, paths):
        """7.1: what the last revision made goes, newest first; a folder only when it is empty."""
        for path in reversed(paths):
            try:
                place = self.place(path)
                node = self.lstat(place)
            except Missing:
                continue
            if node.kind != FOLDER or self.is_empty(place):
                del self.nodes[place]


class Bundle:
    """The unpacked archive: a world of its own whose top is `/archive`; nothing outside of it is ever followed."""
    TOP = "/archive"

    def __init__(self, entries):
        self.world = World(self.TOP)
        for name, node in entries.items():
            self.world.nodes[posixpath.join(self.TOP, name)] = node

    def is_folder(self, path):
        """A folder, or a link to one inside of the bundle (decided: a link that leads out is installed as a link)."""
        try:
            real = self.world.real(path)
        except Missing:
            return False
        return self.inside(real) and self.world.lstat(real).kind == FOLDER

    def inside(self, path):
        return path == self.TOP or path.startswith(self.TOP + "/")

    def find(self, source):
        path = posixpath.normpath(self.TOP + "/" + source)
        if not self.inside(path):
            raise Refused(f"the source {source} leads out of the bundle")
        try:
            place = self.world.place(path) if path != self.TOP else path
            node = self.world.lstat(place)
        except Missing:
            raise Refused(f"there is no source {source}") from None  # decided: known before anything is touched
        if not self.inside(place):
            raise Refused(f"the source {source} leads out of the bundle")
        return place, node

    def children(self, folder):
        real = self.world.real(folder)
        return sorted(path for path in self.world.nodes if posixpath.dirname(path) == real and path != real)


class Install:
    """One deployment's Install: generate(), then execute(); `installed` is what the next one removes."""

    def __init__(self, world, bundle, appspec, behavior, umask):
        self.world, self.bundle, self.appspec, self.umask = world, bundle, appspec, umask
        self.behavior = appspec.get("file_exists_behavior") or behavior
        self.copies, self.made, self.installed = {}, {}, []  # canonical path -> source, in order

    # 7.2 and 7.3

    def generate(self):
        for entry in self.appspec.get("files", ()):
            place, _ = self.bundle.find(entry["source"])
            if not entry["destination"]:
                raise Refused("an empty destination")  # decided
            destination = canonical(entry["destination"])
            if self.bundle.is_folder(place):
                self.make_ancestors(destination)
                self.copy_folder(place, destination, ())
            else:
                target = canonical(destination + "/" + posixpath.basename(posixpath.normpath(entry["source"])))
                self.make_ancestors(target)
                self.copy_file(place, target)

    def make_ancestors(self, path):
        missing, at = [], posixpath.dirname(path)
        while at != "/" and self.world.kind(at) is None:
            missing.append(at)
            at = posixpath.dirname(at)
        if at != "/" and self.world.kind(at) != FOLDER:
            raise Refused(f"{at} is to be a folder and is none")  # decided: under every policy
        for folder in reversed(missing):
            self.make(folder)

    def make(self, folder):
        if folder in self.copies:
            raise Refused(f"a folder and a file are to be {folder}")
        if folder not in self.made:
            self.made[folder] = None
            self.installed.append(folder)

    def copy_folder(self, source, destination, above):
        real = self.bundle.world.real(source)
        if real in above:
            raise Refused(f"the link {source} leads to a folder that it is in")
        if self.world.kind(destination) != FOLDER:
            self.make(destination)
        for child in self.bundle.children(source):
            target = posixpath.join(destination, posixpath.basename(child))
            if self.bundle.is_folder(child):
                self.copy_folder(child, target, above + (real,))
            else:
                self.copy_file(child, target)

    def copy_file(self, source, target):
        """7.4: evaluated against the world without the previous revision, never against what this install makes."""
        there = self.world.kind(target)
        if there is not None:
            if self.behavior == "RETAIN":
                return
            if self.behavior == "DISALLOW":
                raise Refused(f"{target} is there")
            if there == FOLDER:  # decided; nobody says what a link to a folder counts as
                link = self.world.lstat(self.world.place(target)).kind == LINK
                raise Refused(f"{target} is a folder", unclear=link)
        if target in self.copies:
            raise Refused(f"two sources for {target}")
        if target in self.made:
            raise Refused(f"a file and a folder are to be {target}")
        self.copies[target] = source
        self.installed.append(target)

    # 7.7

    def permissions(self):
        seen, todo = set(), []
        for entry in self.appspec.get("permissions", ()):
            for path in self.objects(entry):
                if path in seen:
                    raise Refused(f"the permissions of {path} are set twice")
                seen.add(path)
                todo.append((path, entry))
        return todo

    def objects(self, entry):
        owners_of(entry)  # decided: known before anything is touched, of whatever the entry speaks
        top, types = canonical(entry["object"].strip()), entry.get("type", ["file", "directory"])
        if top in self.copies:
            if "file" not in types:
                return []
            if entry.get("pattern", "**") != "**" or entry.get("except"):
                raise Refused(f"a pattern for the file {top}")
            return [top]
        if top not in self.made and self.world.kind(top) != FOLDER:
            return []
        wanted = (list(self.copies) if "file" in types else []) + (list(self.made) if "directory" in types else [])
        return [path for path in wanted if self.matches(entry, top, path)]

    @staticmethod
    def matches(entry, top, path):
        if not path.startswith(top.rstrip("/") + "/"):
            return False
        below, pattern = path[len(top.rstrip("/")) + 1:], entry.get("pattern", "**")
        return ((pattern == "**" or matches_child(pattern, below)) and
                not any(matches_child(each, below) for each in entry.get("except") or ()))

    # 7.5

    def execute(self, permissions):
        places, written = {}, set()
        for path in self.installed:
            try:
                place = self.world.place(path)
            except Missing:
                raise Refused(f"{path} lies below what is no folder") from None
            if place in written:  # decided for files: by way of a link two destinations are the same
                raise Refused(f"{path} is installed twice by way of a link", unclear=path in self.made)
            there = self.world.nodes.get(place)
            if path in self.made:
                if there is not None:
                    raise Refused(f"{path} is to be a folder, and is there", unclear=there.kind == LINK)
                self.world.nodes[place] = self.new_folder(place)
            else:
                if there is not None and there.kind == FOLDER:
                    raise Refused(f"{path} is a folder")
                self.world.nodes[place] = self.new_file(self.copies[path], place)
            places[path] = place
            written.add(place)
        self.installed = list(places.values())  # decided: where a link led then, not where it leads next time
        for path, entry in permissions:
            self.world.nodes[places[path]] = changed(self.world.nodes[places[path]], entry)

    def new_folder(self, place):
        gid, setgid = self.world.new_group(place)
        return Node(FOLDER, 0o777 & ~self.umask | setgid, 0, gid)

    def new_file(self, source, place):
        node = self.bundle.world.nodes[source]
        if node.kind == LINK:  # made anew: it belongs to the agent
            return Node(LINK, 0, 0, self.world.new_group(place)[0], node.data)
        return node


def matches_child(pattern, below):
    """5.8: direct children only; `*` is any run of characters, everything else is meant literally."""
    if "/" in below:
        return False
    wanted = ".*".join(re.escape(part) for part in re.split(r"\*+", pattern))
    return re.fullmatch(wanted, below, re.DOTALL) is not None


def owners_of(entry):
    try:
        return (pwd.getpwnam(entry["owner"]).pw_uid if entry.get("owner") else None,
                grp.getgrnam(entry["group"]).gr_gid if entry.get("group") else None)
    except KeyError as missing:
        raise Refused(str(missing)) from None


def changed(node, entry):
    """7.7: chmod, then chown, and the mode again (Q6); decided: a link has owners, but no mode."""
    mode, owners = node.mode, owners_of(entry)
    uid, gid = (node.uid if owners[0] is None else owners[0]), (node.gid if owners[1] is None else owners[1])
    if node.kind == LINK:
        return dataclasses.replace(node, uid=uid, gid=gid)
    if entry.get("mode") is not None:
        mode = int(entry["mode"], 8)
    elif owners != (None, None) and node.kind == FILE:
        # as chown(2) does it for root: setgid without group execution is something else and stays
        mode &= ~0o4000 & ~(0o2000 if mode & 0o010 else 0)
    return dataclasses.replace(node, mode=mode, uid=uid, gid=gid)


def install(world, installed, bundle, appspec, behavior, umask):
    """(the world afterwards, what was installed); Refused: nothing has changed. WORLD itself is left alone."""
    after = world.copy()
    after.remove_installed(installed)
    if appspec.get("file_exists_behavior") not in (None, "DISALLOW", "OVERWRITE", "RETAIN"):
        raise Refused("no such file_exists_behavior")
    run = Install(after, bundle, appspec, behavior, umask)
    run.generate()
    run.execute(run.permissions())
    return after, run.installed
