"""What Install leaves behind, as the description of the CodeDeploy agent 1.8.1 says it, in a world that is a dictionary.

An independent second opinion for differential.py, written from the specification and not from the C code: first the
previous revision's files go, then instructions are generated (mkdir, copy), then permissions, then all of it is executed.
slipway does it in another order, so that nothing changes before everything is known, but a success must look the same; a
refusal must change nothing at all. Where slipway decided otherwise than the agent, a comment says so with "decided:";
'slipway: overwrite' is written from its description, docs/appspec.md. Section numbers are those of the specification.
"""
import dataclasses
import grp
import posixpath
import pwd
import re

FOLDER, FILE, LINK = "folder", "file", "link"
MAX_LINKS = 40


class Refused(Exception):
    """The install is refused, and nothing has changed."""


class Missing(Exception):
    """No such path, or a way through what is no folder."""


@dataclasses.dataclass(frozen=True)
class Node:
    kind: str
    mode: int = 0o755
    uid: int = 0
    gid: int = 0
    data: str = ""  # content, or the text of a link
    mtime: int = 0  # of a file
    acl: tuple = ()  # (is default, tag, id or None, permissions), sorted; empty when the mode says all

    def __str__(self):
        more = f" of {self.mtime}" if self.kind == FILE else ""
        return f"{self.kind} {self.mode:04o} {self.uid}:{self.gid} {self.data!r}{more}" + "".join(f" {each}" for each in self.acl)


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

    def children(self, folder):
        return sorted(path for path in self.nodes if posixpath.dirname(path) == folder and path != folder)

    def new_group(self, place):
        """A folder with setgid hands its group down to what is made in it."""
        parent = self.lstat(posixpath.dirname(place))
        return (parent.gid, parent.mode & 0o2000) if parent.mode & 0o2000 else (0, 0)

    def default_acl(self, place):
        """Of the folder in which PLACE is made: what it hands down."""
        return [each[1:] for each in self.lstat(posixpath.dirname(place)).acl if each[0]]


class Cleanup:
    """7.1: what the last revision made goes, newest first, a folder only when it is empty. RECORDS: place -> (kind, data).

    What a rule of 'slipway: overwrite' retains because it was edited since is `held`, and so are the folders of ours in
    which there is nothing else.
    """

    def __init__(self, world, records, rules):
        self.held, self.removed = {}, {}  # place -> node
        self.records = {}  # the same by where things are now
        for path in reversed(records):
            try:
                place = world.place(path)
                node = world.lstat(place)
            except Missing:
                continue
            self.records[place] = records[path]
            if node.kind == FOLDER:
                inside = world.children(place)
                if not inside:
                    del world.nodes[place]
                elif all(child in self.held for child in inside):
                    self.held[place] = node
            elif retains(first_rule(rules, place)) and is_edited(records[path], node):
                self.held[place] = node
            else:
                self.removed[place] = node
                del world.nodes[place]


def is_edited(record, node):
    return record != (node.kind, node.data)


def retains(rule):
    return rule is not None and rule["behavior"] == "RETAIN"


def first_rule(rules, *paths):
    return next((rule for rule in rules if any(glob_matches(rule["path"], path) for path in paths)), None)


def glob_matches(pattern, path):
    return components_match(pattern.strip("/").split("/"), path.strip("/").split("/"))


def components_match(patterns, names):
    if not patterns or not names:
        return not patterns and not names
    if patterns[0] == "**":
        rest = patterns[1:]
        return not rest or any(components_match(rest, names[skip:]) for skip in range(len(names)))
    return component_matches(patterns[0], names[0]) and components_match(patterns[1:], names[1:])


def component_matches(pattern, name):
    pattern, name = (each.encode(errors="surrogateescape").decode("latin-1") for each in (pattern, name))  # byte by byte
    parts = re.findall(r"\\.|\[!?[^]]+\]|.", pattern, re.DOTALL)
    wanted = "".join(".*" if part == "*" else "." if part == "?" else part.replace("[!", "[^") if len(part) > 1 and part[0] == "["
                     else re.escape(part[-1]) for part in parts)
    return re.fullmatch(wanted, name, re.DOTALL) is not None


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
        return self.world.children(self.world.real(folder))


class Install:
    """One deployment's Install: generate(), then execute().

    `records` is what the next one removes, `conflicts` what stood in the way: place -> (verdict, who decided).
    """

    def __init__(self, world, bundle, appspec, behavior, umask, cleanup):
        self.world, self.bundle, self.appspec, self.umask, self.cleanup = world, bundle, appspec, umask, cleanup
        self.rules = rules_of(appspec)
        own = appspec.get("file_exists_behavior")
        self.behavior, self.by = own or behavior, "appspec" if own else "deployment"
        self.copies, self.made, self.order = {}, {}, []  # as spelled -> (source, place), place; in order
        self.copied, self.ways, self.kept, self.conflicts, self.records = {}, set(), {}, {}, {}  # by place

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
        for place in self.ways:  # decided: a link cannot be replaced and be a way; the agent writes through it
            if place in self.copied:
                raise Refused(f"{place} is a link that another destination goes through")

    def pin(self, path):
        """Where PATH lies: links on the way are followed (decided: now, once), but not PATH itself."""
        below, at = posixpath.basename(path), posixpath.dirname(path)
        while self.world.kind(at) is None:
            below, at = posixpath.join(posixpath.basename(at), below), posixpath.dirname(at)
        return posixpath.join(self.world.real(at), below)

    def make_ancestors(self, path):
        ancestors = []
        while posixpath.dirname(path) != path:
            path = posixpath.dirname(path)
            ancestors.append(path)
        for folder in reversed(ancestors):
            self.make(folder)

    def make(self, folder):
        """Unless it is there; a held one counts as gone, and is made what it would be if it was made now."""
        if folder == "/":
            return
        place, there = self.pin(folder), self.world.kind(folder)
        if place in self.copied:
            raise Refused(f"a folder and a file are to be {folder}")
        if there == FOLDER:
            if self.world.lstat(place).kind == LINK:
                self.ways.add(place)
            place = self.world.real(folder)
            if place not in self.cleanup.held:
                return
        elif there is not None:
            raise Refused(f"{folder} is to be a folder and is none")  # decided: under every policy
        elif place in self.world.nodes:
            raise Refused(f"{folder} is to be a folder and is a link that leads nowhere")
        if folder not in self.made:
            self.made[folder] = place
            self.order.append(folder)

    def copy_folder(self, source, destination, above):
        real = self.bundle.world.real(source)
        if real in above:
            raise Refused(f"the link {source} leads to a folder that it is in")
        self.make(destination)
        for child in self.bundle.children(source):
            target = posixpath.join(destination, posixpath.basename(child))
            if self.bundle.is_folder(child):
                self.copy_folder(child, target, above + (real,))
            else:
                self.copy_file(child, target)

    def copy_file(self, source, target):
        """7.4: evaluated against the world without the previous revision, never against what this install makes."""
        place = self.pin(target)
        if place in self.copied:  # decided: also by way of a link
            raise Refused(f"two sources for {target}")
        if place in self.made.values():
            raise Refused(f"a file and a folder are to be {target}")
        if not self.stays(source, target, place):
            self.copied[place] = source
            self.copies[target] = source, place
            self.order.append(target)

    def stays(self, source, target, place):
        """Does what stands at PLACE stay there? A link stands for itself, and counts when it leads to something."""
        rule, there = first_rule(self.rules, target, place), self.world.kind(place)
        if self.is_held(rule, place):
            new = self.bundle.world.nodes[source]
            self.world.nodes[place] = self.cleanup.held[place]
            if (new.kind, new.data) == (self.cleanup.held[place].kind, self.cleanup.held[place].data):
                return False
            self.kept[place] = new
            self.conflicts[place] = "retain", "rule"
            return True
        if there is None:
            return False
        behavior, by = (rule["behavior"], "rule") if rule else (self.behavior, self.by)
        if behavior == "DISALLOW":
            raise Refused(f"{target} is there")
        if behavior == "OVERWRITE" and self.world.lstat(place).kind == FOLDER:
            raise Refused(f"{target} is a folder")  # decided
        self.conflicts[place] = {"RETAIN": "retain", "OVERWRITE": "overwrite"}[behavior], by
        return behavior == "RETAIN"

    def is_held(self, rule, place):
        """Also what only a rule speaks of that spells it as the files section does."""
        if place in self.cleanup.removed and retains(rule) and is_edited(self.cleanup.records[place], self.cleanup.removed[place]):
            self.cleanup.held[place] = self.cleanup.removed[place]
        return place in self.cleanup.held and self.cleanup.held[place].kind != FOLDER

    # 7.7

    def permissions(self):
        seen, todo = {}, []
        for number, entry in enumerate(self.appspec.get("permissions", ())):
            paths = self.objects(entry)
            if paths:
                names_of(entry)  # decided: names are known before anything is touched, where they are needed
            for path in paths:
                place = self.place_of(path)
                if seen.setdefault(place, number) != number:
                    raise Refused(f"the permissions of {path} are set twice")
                if path in self.copies and any(is_default for is_default, *_ in acl_entries(entry)):
                    raise Refused(f"a default ACL for the file {path}")
                todo.append((place, entry))
        return todo

    def place_of(self, path):
        return self.copies[path][1] if path in self.copies else self.made[path]

    def objects(self, entry):
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
        for path in self.order:
            place = self.place_of(path)
            if path in self.made:  # decided: one folder with two spellings is made once
                if place not in self.records:
                    self.world.nodes[place] = self.new_folder(place)
                self.records[place] = FOLDER, ""
            else:
                self.world.nodes[place] = self.new_file(self.copies[path][0], place)
                self.records[place] = self.world.nodes[place].kind, self.world.nodes[place].data
        for place, new in self.kept.items():  # still ours, recorded as the revision has it
            self.records[place] = new.kind, new.data
        for place, entry in permissions:
            self.world.nodes[place] = changed(self.world.nodes[place], entry)

    def new_folder(self, place):
        gid, setgid = self.world.new_group(place)
        default = self.world.default_acl(place)
        if not default:
            return Node(FOLDER, 0o777 & ~self.umask | setgid, 0, gid)
        access = [(False, *each) for each in default]
        return with_mode(Node(FOLDER, 0, 0, gid, acl=tuple(access + [(True, *each) for each in default])), mode_of(default) | setgid)

    def new_file(self, source, place):
        node = self.bundle.world.nodes[source]
        if node.kind == LINK:  # made anew: it belongs to the agent
            return Node(LINK, 0, 0, self.world.new_group(place)[0], node.data)
        return with_mode(dataclasses.replace(node, acl=tuple((False, *each) for each in self.world.default_acl(place))), node.mode)


def rules_of(appspec):
    return appspec.get("slipway", {}).get("overwrite", ())


def matches_child(pattern, below):
    """5.8: direct children only; `*` is any run of characters, everything else is meant literally."""
    if "/" in below:
        return False
    wanted = ".*".join(re.escape(part) for part in re.split(r"\*+", pattern))
    return re.fullmatch(wanted, below, re.DOTALL) is not None


def names_of(entry):
    """uid, gid, ACL entries with ids; None: nothing is said."""
    try:
        return (pwd.getpwnam(entry["owner"]).pw_uid if entry.get("owner") else None,
                grp.getgrnam(entry["group"]).gr_gid if entry.get("group") else None,
                [(is_default, tag, id_of(tag, name), perms) for is_default, tag, name, perms in acl_entries(entry)])
    except KeyError as missing:
        raise Refused(str(missing)) from None


def id_of(tag, name):
    if not name:
        return None
    return pwd.getpwnam(name).pw_uid if tag == "user" else grp.getgrnam(name).gr_gid


def acl_entries(entry):
    """5.7, from the right: permissions, name or keyword, type, default."""
    words = {"u": "user", "g": "group", "m": "mask", "o": "other"}
    for text in entry.get("acls", ()):
        parts = text.split(":")
        is_default = parts[0] in ("d", "default")
        parts = parts[1:] if is_default else parts
        perms = int(parts[-1]) if parts[-1].isdigit() else sum({"r": 4, "w": 2, "x": 1, "-": 0}[each] for each in parts[-1])
        if len(parts) == 3:
            tag, name = words.get(parts[0], parts[0]), parts[1]
        elif parts[0] in ("m", "mask", "o", "other"):
            tag, name = words.get(parts[0], parts[0]), ""
        else:
            tag, name = "user", parts[0]
        yield is_default, tag, name, perms


def completed(entries, mode, is_default):
    """7.8, for each object by itself (Q5): the base entries from the mode, and a mask where somebody is named."""
    entries = [each[1:] for each in entries if each[0] == is_default]
    if is_default and not entries:
        return []
    have = {tag: perms for tag, who, perms in entries if who is None}
    for tag, shift in (("user", 6), ("group", 3), ("other", 0)):
        if tag not in have:
            entries.append((tag, None, mode >> shift & 7))
    if any(who is not None for _, who, _ in entries) and "mask" not in have:
        entries.append(("mask", None, have.get("group", mode >> 3 & 7)))
    return [(is_default, *each) for each in entries]


def mode_of(acl):
    """acl(5): the group of a mode is the mask, where there is one."""
    perms = {tag: perms for tag, who, perms in acl if who is None}
    return perms["user"] << 6 | perms.get("mask", perms["group"]) << 3 | perms["other"]


def with_mode(node, mode):
    """chmod(2): it changes user, mask (without one: group) and others of the access ACL; without a mask the mode says all."""
    access, default = [each[1:] for each in node.acl if not each[0]], [each for each in node.acl if each[0]]
    if not any(tag == "mask" for tag, _, _ in access):
        return dataclasses.replace(node, mode=mode, acl=tuple(sorted(default, key=str)))
    shifts = {("user", None): 6, ("mask", None): 3, ("other", None): 0}
    access = [(tag, who, mode >> shifts[tag, who] & 7 if (tag, who) in shifts else perms) for tag, who, perms in access]
    return dataclasses.replace(node, mode=mode, acl=tuple(sorted([(False, *each) for each in access] + default, key=str)))


def with_acl(mode, entries):
    """(the mode, the ACL) when ENTRIES are set on something that has MODE: a mask is what the mode shows for the group."""
    access, default = completed(entries, mode, False), completed(entries, mode, True)
    mask = next((perms for _, tag, _, perms in access if tag == "mask"), None)
    if mask is None:
        access = []  # the mode says all
    else:
        mode = mode & ~0o070 | mask << 3
    return mode, tuple(sorted(access + default, key=str))


def changed(node, entry):
    """7.7: chmod, setfacl, chown, and the special bits of the mode again (Q6); decided: a link has owners, nothing else."""
    mode, owners = node.mode, names_of(entry)
    uid, gid = (node.uid if owners[0] is None else owners[0]), (node.gid if owners[1] is None else owners[1])
    if node.kind == LINK:
        return dataclasses.replace(node, uid=uid, gid=gid)
    if entry.get("mode") is not None:
        mode = int(entry["mode"], 8)
    elif owners[:2] != (None, None) and node.kind == FILE:
        # as chown(2) does it for root: setgid without group execution is something else and stays
        mode &= ~0o4000 & ~(0o2000 if mode & 0o010 else 0)
    node = with_mode(node, mode)
    if owners[2]:
        mode, acl = with_acl(mode, owners[2])
        if not any(is_default for is_default, *_ in owners[2]):  # setfacl --set: the default ACL stays
            acl = tuple(sorted(acl + tuple(each for each in node.acl if each[0]), key=str))
        node = dataclasses.replace(node, mode=mode, acl=acl)
    return dataclasses.replace(node, uid=uid, gid=gid)


def install(world, records, bundle, appspec, behavior, umask):
    """(the world afterwards, the Install); Refused: nothing has changed. WORLD itself is left alone."""
    after = world.copy()
    cleanup = Cleanup(after, records, rules_of(appspec))
    if appspec.get("file_exists_behavior") not in (None, "DISALLOW", "OVERWRITE", "RETAIN"):
        raise Refused("no such file_exists_behavior")
    run = Install(after, bundle, appspec, behavior, umask, cleanup)
    run.generate()
    run.execute(run.permissions())
    return after, run
