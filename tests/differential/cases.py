"""Cases for differential.py: a world, and deployments into it with what the user does in between; the same number, the same case.

Names are few, so that they collide often. Nothing of a case leads out of its own folder when it is written through: links of
the world stay below its top, links of a bundle go up three levels at most, which is how deep the destinations lie.
"""
import dataclasses
import json
import posixpath
import random

from reference import FILE, FOLDER, LINK, Node, with_mode

NAMES = ["a", "b", "c", "d"] * 6 + ["a.txt", "b.txt", ".dot", "with blank", " lead", "trail ", "new\nline", "\udcff", "\u00e9", "*"]
TIMES = [1_000_000_000, 1_000_000_001, 1_700_000_000, 1]  # seconds, of files
MODES = [0o644] * 6 + [0o600, 0o755, 0o755, 0o640, 0o4755, 0o2755, 0o6711, 0o2644, 0o444, 0]
FOLDER_MODES = [0o755] * 6 + [0o700, 0o2775, 0o1777, 0o750]
OWNERS = [(0, 0)] * 6 + [(1, 1), (2, 0), (65534, 65534), (12345, 54321)]
DEPTH = "u/v/w"  # of the destinations below the top
ELSEWHERE = "/etc/passwd"


@dataclasses.dataclass
class Step:
    changes: list  # (path, Node or None, other name or None): what the user does first
    entries: dict  # of the bundle: relative name -> Node, without its appspec
    hard: dict  # of the bundle: relative name -> the earlier one that it is a hard link to
    appspec: dict
    text: str  # the same as YAML
    behavior: str
    group: str
    umask: int


class Maker:
    def __init__(self, seed, number, top):
        self.random = random.Random(f"{seed}:{number}")
        self.top, self.base = top, posixpath.join(top, DEPTH)

    def chance(self, percent):
        return self.random.random() * 100 < percent

    def name(self):
        return self.random.choice(NAMES)

    def file(self):
        uid, gid = self.random.choice(OWNERS)
        content = f"{self.random.randrange(4)}\n" * self.random.choice([0, 1, 1, 1, 3])
        return Node(FILE, self.random.choice(MODES), uid, gid, content, self.random.choice(TIMES))

    def folder(self):
        uid, gid = self.random.choice(OWNERS)
        return Node(FOLDER, self.random.choice(FOLDER_MODES), uid, gid)

    def with_acl(self, node):
        """A folder that hands an ACL down, mostly, or has one itself, or none any more."""
        acl = [(True, *each) for each in self.acl()] if self.chance(80) else []
        if self.chance(30):
            acl += [(False, *each) for each in self.acl()]
        return with_mode(dataclasses.replace(node, acl=tuple(acl)), node.mode)

    def owned(self, node):
        other = self.folder()
        return with_mode(dataclasses.replace(other, acl=node.acl), other.mode)

    def acl(self):
        named = [("user", who, self.random.randrange(8)) for who in self.random.sample([1, 2, 12345], self.random.choice([0, 1, 1, 2]))]
        named += [("group", who, self.random.randrange(8)) for who in self.random.sample([1, 54321], self.random.choice([0, 0, 1]))]
        mask = [("mask", None, self.random.choice([7, 7, 5, 6, 0]))] if named or self.chance(10) else []
        return [("user", None, self.random.choice([7, 7, 7, 6, 0])), ("group", None, self.random.choice([5, 5, 7, 0])),
                ("other", None, self.random.choice([5, 0, 4, 7]))] + named + mask

    def some_names(self):
        return "/".join(self.name() for _ in range(self.random.choice([1, 1, 1, 2])))

    def tree(self, link, count):
        """Relative names with their nodes; parents are there before their children."""
        entries = {}
        folders = [""]
        for _ in range(count):
            parent = self.random.choice(folders)
            name = posixpath.join(parent, self.name())
            if name in entries:
                continue
            kind = self.random.choices([FILE, FOLDER, LINK], [6, 3, 2])[0]
            entries[name] = {FILE: self.file, FOLDER: self.folder, LINK: lambda at=name: link(at)}[kind]()
            if kind == FOLDER and name.count("/") < 3:
                folders.append(name)
        return entries

    def world_link(self, name):
        up = "../" * self.random.randint(0, name.count("/"))
        target = self.random.choice([up + self.some_names(), up + self.some_names(), posixpath.join(self.base, self.some_names()),
                                     posixpath.join(self.top, "out"), ELSEWHERE, "/nonexistent/x", up or "."])
        return Node(LINK, 0, *self.random.choice(OWNERS), target)

    def bundle_link(self, name):
        up = "../" * self.random.randint(0, min(3, name.count("/")))
        target = self.random.choice([up + self.some_names()] * 6 + ["../../.."[:self.random.choice([2, 5, 8])], ELSEWHERE,
                                                                    "/nonexistent/x", posixpath.join(self.top, "out"),
                                                                    posixpath.join(self.base, self.some_names())])
        return Node(LINK, 0, *self.random.choice(OWNERS), target)

    def world(self):
        nodes = {"u": Node(FOLDER), "u/v": Node(FOLDER), DEPTH: Node(FOLDER), "out": self.folder(), "out/a": self.file()}
        for name, node in self.tree(self.world_link, self.random.choice([0, 0, 3, 6, 10])).items():
            nodes[posixpath.join(DEPTH, name)] = node
        if self.chance(30):
            for name, node in nodes.items():
                if node.kind == FOLDER and self.chance(60):
                    nodes[name] = self.with_acl(node)
        return {posixpath.join(self.top, name): node for name, node in nodes.items()}

    def spelt(self, path):
        """PATH as careless people write it."""
        return self.random.choice([path] * 8 + [path + "/", path.replace("/", "//", 2), path + "/x/..", path + "/.", path[1:],
                                                posixpath.join(posixpath.dirname(path), "nothing/../" + posixpath.basename(path))])

    def yaml_name(self):
        """One that a YAML scalar can hold."""
        name = self.name()
        return name if name.isprintable() else "a"

    def destination(self):
        if self.chance(1):
            return ""
        levels = self.random.choice([0, 0, 0, 1, 1, 2])
        return self.spelt("/".join([self.base] + [self.yaml_name() for _ in range(levels)]))

    def source(self, entries):
        if self.chance(2):
            return "nowhere/" + self.name().encode("ascii", "ignore").decode().strip() + "x"
        if self.chance(1):
            return "../" * self.random.choice([1, 2]) + "etc"
        sayable = [name for name in entries if name.isprintable()] + ["/"]
        name = self.random.choice(sayable)
        return self.random.choice([name, name, name, "/" + name.lstrip("/"), "./" + name.lstrip("/")])

    def permission(self, files):
        places = [entry["destination"] for entry in files if entry["destination"]] or [self.base]
        places = [place if place.startswith("/") else "/" + place for place in places]
        if self.chance(30):
            places = [posixpath.join(place, self.yaml_name()) for place in places]
        entry = {"object": self.random.choice(places)}
        if self.chance(50):
            entry["pattern"] = self.random.choice(["**", "*", "*", "a*", "b*", "*.txt", "a", "c", "*b", "*a*t", "?", "[ab]", "a/b", "*/*",
                                                   "**/a", "*/", "with blank", "\u00e9", ".*"])
        if self.chance(20):
            entry["except"] = self.random.sample(["a", "*.txt", "**", "b*", "c", "a/b", "*/a", "/a"], self.random.randint(1, 2))
        if self.chance(50):
            entry["type"] = self.random.choice([["file"], ["directory"], ["file", "directory"]])
        if self.chance(75):
            entry["mode"] = self.random.choice(["644", "0755", "4755", "2750", "600", "7", "01777", "6755", "0", "1700", "2644"])
        if self.chance(40):
            entry["owner"] = self.random.choice(["daemon", "root", "nobody"] * 12 + ["no-such-user"])
        if self.chance(40):
            entry["group"] = self.random.choice(["daemon", "root", "nogroup"] * 12 + ["no-such-group"])
        if self.chance(15):
            entry["acls"] = self.acls(entry)
        return entry

    def acls(self, entry):
        entries = ["u:daemon:7", "bin:r-x", "user:nobody:", "g:daemon:rw", "group:nogroup:5", "m:4", "mask:rwx"]
        if "directory" in entry.get("type", ["directory"]) and ("file" not in entry.get("type", ["file"]) or self.chance(5)):
            entries += ["d:u:daemon:7", "default:g:daemon:r", "d:m:5", "d::rx", "d:o:0"]
        chosen = self.random.sample(entries, self.random.randint(1, 3))
        for mask in ({"m:4", "mask:rwx"},):  # one of a kind
            if mask <= set(chosen):
                chosen.remove("m:4")
        return chosen + (["u:no-such-user:7"] if self.chance(3) else [])

    def rules(self):
        below = ["/**", "/*", "/**/" + self.random.choice("abcd"), "/" + self.random.choice("abcd"), "/?/**", "/**/*.txt", "/**/[ab]",
                 "/**/[!a]", "/*/*", "/**/" + self.random.choice("abcd") + "/**"]
        return [{"path": self.base + self.random.choice(below), "behavior": self.random.choice(["RETAIN"] * 3 + ["OVERWRITE", "DISALLOW"])}
                for _ in range(self.random.choice([1, 1, 2, 3]))]

    def appspec(self, entries):
        files = [{"source": self.source(entries), "destination": self.destination()}
                 for _ in range(self.random.choice([0] + [1] * 9 + [2, 2, 3]))]
        appspec = {"files": files} if files else {}
        if self.chance(50):
            appspec["permissions"] = [self.permission(files) for _ in range(self.random.choice([1, 1, 2]))]
        if self.chance(30):
            appspec["file_exists_behavior"] = self.random.choice(["DISALLOW"] * 5 + ["OVERWRITE", "RETAIN"] * 10 + ["overwrite"])
        if self.chance(25):
            appspec["slipway"] = {"overwrite": self.rules()}
        return appspec

    def next_entries(self, last):
        """Another bundle, or the last one with something changed, as revisions are."""
        if last is None or self.chance(30):
            return self.tree(self.bundle_link, self.random.choice([1, 3, 6, 10] * 8 + [60]))
        entries = dict(last)
        for name in list(entries):
            if self.chance(12) and not any(other.startswith(name + "/") for other in entries):
                del entries[name]
            elif self.chance(20) and entries[name].kind == FILE:
                entries[name] = self.file()
        for name, node in self.tree(self.bundle_link, 2).items():
            parent = posixpath.dirname(name)
            if name not in entries and (not parent or parent in entries and entries[parent].kind == FOLDER):
                entries[name] = node
        return entries

    def step(self, last, changes):
        entries = self.next_entries(last.entries if last else None)
        hard = self.hard_links(entries)
        appspec = self.appspec(entries)
        if last and self.chance(70):
            changed = self.random.choice([None, None, "files", "permissions", "file_exists_behavior", "slipway"])
            appspec = {key: value for each in (last.appspec, appspec) for key, value in each.items() if (each is appspec) == (key == changed)}
        return Step(changes, entries, hard, appspec, text_of(appspec), self.random.choice(["DISALLOW", "OVERWRITE", "OVERWRITE", "RETAIN"]),
                    "other" if last and self.chance(10) else "group", self.random.choice([0o022] * 4 + [0o027, 0o077]))

    def hard_links(self, entries):
        """Some files of ENTRIES become the same as an earlier one."""
        files, hard = [name for name, node in entries.items() if node.kind == FILE], {}
        for at, name in enumerate(files):
            if at and self.chance(5):
                first = self.random.choice(files[:at])
                hard[name] = hard.get(first, first)
                entries[name] = entries[hard[name]]
        return hard

    def changes(self, world):
        """What the user does to WORLD (which is changed, too) between two deployments, at places that are no links' doing."""
        done = []
        for _ in range(self.random.choice([0, 0, 0, 1, 2, 3])):
            below = [path for path in world.nodes if path.startswith(self.base + "/")]
            folders = [self.base] + [path for path in below if world.nodes[path].kind == FOLDER]
            files = [path for path in below if world.nodes[path].kind != FOLDER]
            what = self.random.choice(["add", "edit", "edit", "touch", "remove", "folder", "own", "acl", "link", "hard link", "move"])
            if what == "move":
                done += self.move(world, folders[1:])
                continue
            path, other = self.random.choice(files if files and what not in ("add", "own", "acl") else folders), None
            if what in ("add", "hard link"):
                other = path if what == "hard link" else None
                path = posixpath.join(self.random.choice(folders), self.name())
                if path in world.nodes or other and world.nodes[other].kind != FILE:
                    continue
            elif what not in ("own", "acl") and not files:
                continue
            node = {"add": self.file, "edit": self.file, "own": lambda at=path: self.owned(world.nodes[at]), "folder": self.folder,
                    "acl": lambda at=path: self.with_acl(world.nodes[at]), "remove": lambda: None,
                    "touch": lambda at=path: self.touched(world.nodes[at]), "hard link": lambda at=other: world.nodes[at],
                    "link": lambda at=path: self.world_link(posixpath.relpath(at, self.base))}[what]()
            if node is None:
                del world.nodes[path]
            else:
                world.nodes[path] = node
            done.append((path, node, other))
        return done

    def touched(self, node):
        """Written anew, without its ACL, and with another time."""
        return dataclasses.replace(node, mtime=self.random.choice(TIMES), acl=()) if node.kind == FILE else node

    def move(self, world, folders):
        """A folder to another name, with a link in its place."""
        if not folders:
            return []
        path, to = self.random.choice(folders), posixpath.join(self.top, "out", f"moved{self.random.randrange(1000)}")
        inside = [each for each in world.nodes if each == path or each.startswith(path + "/")]
        if to in world.nodes:
            return []
        for each in inside:
            world.nodes[to + each[len(path):]] = world.nodes.pop(each)
        world.nodes[path] = Node(LINK, 0, 0, 0, to)
        return [(to, None, path), (path, world.nodes[path], None)]

    def step_count(self):
        return self.random.choice([1, 2, 2, 3, 3, 4])


def text_of(appspec):
    """YAML in its JSON-like spelling; most modes without quotes, which must be read as they are written."""
    lines = ["version: 0.0", "os: linux"]
    for key in ("files", "permissions"):
        if key in appspec:
            lines.append(f"{key}:")
            for entry in appspec[key]:
                words = [f"{name}: {value if name == 'mode' and len(value) > 2 else json.dumps(value)}"
                         for name, value in entry.items()]
                lines += ["  - " + words[0]] + ["    " + word for word in words[1:]]
    if "slipway" in appspec:
        lines.append("slipway: " + json.dumps(appspec["slipway"]))
    if "file_exists_behavior" in appspec:
        lines.append(f"file_exists_behavior: {appspec['file_exists_behavior']}")
    return "\n".join(lines) + "\n"
