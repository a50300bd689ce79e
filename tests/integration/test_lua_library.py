"""The primitives of the Lua library against the outside world: sockets, full disks, other users; and that the stubs, the
manual page and the functions that are there are the same."""
import os
import pathlib
import re
import socket
import subprocess
import tempfile
import threading

import pytest
from conftest import CHECKOUT
from socket_kit import echo_upper, serve  # noqa: F401 (a fixture)


@pytest.fixture
def lua(agent, tmp_path):
    """lua(text, words of `slipway hook`...) -> its outcome. FOLDER in the text is a folder of the test."""
    count = 0

    def run(text, *words, **rest):
        nonlocal count
        count += 1
        path = tmp_path / f"script-{count}.lua"
        path.write_text(f'local FOLDER = "{tmp_path}" {text}')
        return agent("hook", *words, path, **rest)

    return run


def test_lines_go_both_ways(lua, serve):
    for unix in (True, False):
        done = lua("""
local connection <close> = slipway.socket.connect{ %s, timeout = 60 }
assert(connection:send("one\\n") == connection and connection:line() == "ONE")
connection:send("two\\nthree\\r\\nquit\\n")
for line in connection.line, connection do print(line) end
assert(connection:line() == nil and connection:read(1) == nil and connection:all() == "")
""" % serve(echo_upper, unix))
        assert (done.code, done.out) == (0, "TWO\nTHREE\n"), done.err


def test_bytes_are_taken_as_asked_for(lua, serve):
    def answer(connection):
        connection.sendall(b"first\n12345\0" + b"x" * 1_000_000 + b"end")

    done = lua("""
local c = slipway.socket.connect{ %s, timeout = 60 }
assert(c:line() == "first" and c:read(6) == "12345\\0")
local rest = c:all()
assert(#rest == 1000003 and rest:sub(-3) == "end")
c:close() c:close()
local ok, why = pcall(c.line, c)
print(why)
c = slipway.socket.connect{ %s, timeout = 60 }
local text = c:read(10000000)
assert(#text == 1000015 and c:read(1) == nil)
""" % ((serve(answer),) * 2))
    assert done.code == 0, done.err
    assert done.out == "script-1.lua:7: slipway.Connection:line: self: open connection expected, got one that is closed\n"


def test_what_is_sent_may_be_large(lua, serve):
    def answer(connection):
        count = 0
        while count < 5_000_000:
            count += len(connection.recv(100_000))
        connection.sendall(b"%d" % count)

    done = lua('print(slipway.socket.connect{ %s }:send(("x"):rep(5000000)):line())' % serve(answer, True))
    assert (done.code, done.out) == (0, "5000000\n"), done.err


@pytest.mark.parametrize("text, kind, message", [
    ("c:line()", "failed", r"127.0.0.1:\d+ sent a line of more than 65536 bytes"),
    ("c:all()", "failed", r"127.0.0.1:\d+ sent more than 16777216 bytes"),
], ids=["line", "all"])
def test_a_flood_ends_at_its_limit(lua, serve, text, kind, message):
    def answer(connection):
        while True:
            connection.sendall(b"x" * 100_000)

    done = lua("local c = slipway.socket.connect{ %s, timeout = 60 }\nlocal ok, e = pcall(function() return %s end)\n"
               "assert(not ok)\nprint(e.kind, e.message)" % (serve(answer), text))
    assert re.fullmatch(f"{kind} {message}\n", done.out), done


def test_every_wait_has_a_limit(lua, serve):
    held = threading.Event()
    address = serve(lambda connection: held.wait(120), unix=True)
    done = lua("""
local c = slipway.socket.connect{ %s, timeout = 0.1 }
local function try(fn, ...)
  local ok, e = pcall(fn, ...)
  print(ok, e.kind, (e.message:gsub("^.*/", "")))
end
try(c.line, c)
try(c.read, c, 5)
try(c.all, c)
try(c.send, c, ("x"):rep(5000000))
""" % address)
    held.set()
    assert done.out == "false timeout 0.sock: nothing happened for 0.1 s\n" * 4, done


def test_a_wait_ends_with_the_script(lua, serve):
    held = threading.Event()
    done = lua("\nlocal c = slipway.socket.connect{ %s, timeout = 1000 }\nwhile true do pcall(c.line, c) end"
               % serve(lambda connection: held.wait(120)), "--timeout", "1")
    held.set()
    assert done.code == 1
    assert "script-1.lua timed out: it did not end within 1 s\n" in done.err
    assert "script-1.lua:3: still running when its time was over\n" in done.err


@pytest.mark.parametrize("options, kind, errno, message", [
    ('path = FOLDER .. "/none"', "unreachable", "ENOENT", r"connecting to \S+/none: No such file or directory"),
    ('path = FOLDER', "unreachable", "ECONNREFUSED", r"connecting to \S+: Connection refused"),
    ('path = ("/x"):rep(100)', "unreachable", "ENAMETOOLONG", r"connecting to \S+: File name too long"),
    ('host = "127.0.0.1", port = 1', "unreachable", "ECONNREFUSED", "connecting to 127.0.0.1:1: Connection refused"),
    ('host = "::1", port = 1', "unreachable", r"\w+", r"connecting to \[::1\]:1: .*"),
    ('host = "no.such.host.invalid", port = "http"', "unreachable", "nil", "connecting to no.such.host.invalid:http: .*"),
    ('host = "127.0.0.1", port = "no such port"', "unreachable", "nil", "connecting to 127.0.0.1:no such port: Servname .*"),
], ids=["none", "folder", "long", "refused", "ipv6", "name", "service"])
def test_nobody_is_there(lua, options, kind, errno, message):
    done = lua("local ok, e = pcall(slipway.socket.connect, { %s })\nprint(ok, e.kind, e.errno, e.message)" % options)
    assert re.fullmatch(f"false {kind} {errno} {message}\n", done.out), done


def test_a_queue_that_stays_full(lua, tmp_path):
    path = str(tmp_path / "full.sock")
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as first:
        listener.bind(path)
        listener.listen(0)
        first.connect(path)
        done = lua(f'local ok, e = pcall(slipway.socket.connect, {{ path = "{path}", timeout = 0.2 }})\n'
                   "print(ok, e.kind, e.errno)")
    assert done.out == "false unreachable EAGAIN\n", done


def test_a_connection_that_breaks_is_an_error(lua, serve):
    def answer(connection):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # close() resets
        connection.recv(1)

    done = lua("""local c = slipway.socket.connect{ %s, timeout = 60 }
c:send("x")
local ok, e = pcall(c.line, c)
print(ok, e.kind, e.errno)
""" % serve(answer))
    assert done.out == "false system ECONNRESET\n", done


def test_waiting_for_a_socket(lua, tmp_path):
    """The script itself starts the one that it waits for."""
    done = lua(r"""
slipway.run{ shell = "{ sleep 0.3; exec python3 -c '" .. [[
import socket
s = socket.socket(socket.AF_UNIX)
s.bind("]] .. FOLDER .. [[/late.sock")
s.listen()
s.accept()
]] .. "'; } >/dev/null 2>&1 &", check = true }
slipway.socket.wait{ path = FOLDER .. "/late.sock", timeout = 60, interval = 0.02 }
print("there")
""")
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert lines[0] == (f"waiting for {tmp_path}/late.sock (No such file or directory, attempt 1, 60 s left)")
    assert re.fullmatch(rf"{tmp_path}/late.sock: yes, after \d+ attempts, \d+\.\d s", lines[-2])
    assert lines[-1] == "there"


def test_waiting_for_a_socket_in_vain(lua):
    done = lua('\nslipway.socket.wait{ host = "127.0.0.1", port = 1, timeout = 0.1, interval = 0.02 }')
    assert done.code == 1
    assert re.match(r"script-1.lua:2: waited 0.1 s for 127.0.0.1:1: Connection refused \(\d+ attempts\)\n", done.err), done


def test_the_class_of_a_connection_is_out_of_reach(lua, serve):
    done = lua("""
local c = slipway.socket.connect{ %s }
print(getmetatable(c), pcall(setmetatable, c, nil))
""" % serve(echo_upper, True))
    assert done.out == "slipway.Connection false bad argument #1 to 'setmetatable' (table expected, got slipway.Connection)\n", done


def test_a_disk_that_is_full(lua, mount, tmp_path):
    small = tmp_path / "small"
    mount(small, "size=64k")
    done = lua("""
local fs, d = slipway.fs, FOLDER .. "/small"
fs.write(d .. "/a", "old")
fs.write(FOLDER .. "/large", ("x"):rep(100000))
local function try(fn, ...)
  local ok, e = pcall(fn, ...)
  print(ok, e.kind, e.errno, #fs.list(d), fs.read(d .. "/a"))
end
try(fs.write, d .. "/a", ("x"):rep(100000))
try(fs.copy, FOLDER .. "/large", d .. "/a")
try(fs.template, { text = ("x"):rep(100000), vars = {}, to = d .. "/a" })
""")
    assert done.out == "false no_space ENOSPC 1 old\n" * 3, done


def test_a_hook_of_another_user_has_his_rights(agent, as_root):
    """What he may not do fails with its reason; what he may is his."""
    with tempfile.TemporaryDirectory() as folder:  # where everybody may look, unlike in pytest's
        os.chmod(folder, 0o755)
        out, script = pathlib.Path(folder, "out"), pathlib.Path(folder, "x.lua")
        out.mkdir()
        os.chown(out, 65534, 65534)
        script.write_text("""
local fs, out = slipway.fs, "%s"
local function try(what, ...)
  local ok, e = pcall(fs[what], ...)
  print(what, ok or e.errno)
end
try("write", "/etc/slipway-test", "x")
try("write", "/etc/passwd", "x")
try("copy", "/etc/passwd", "/etc/slipway-test")
try("copy", "/etc/shadow", out .. "/shadow")
try("read", "/etc/shadow")
try("mkdir", "/etc/slipway-test")
try("remove", "/etc/passwd")
try("rename", "/etc/passwd", "/etc/passwd2")
try("symlink", "x", "/etc/slipway-test")
try("chmod", "/etc/passwd", "0777")
try("chown", "/etc/passwd", "nobody")
try("list", "/root")
try("sha256", "/etc/shadow")
try("write", out .. "/mine", "x")
""" % out)
        env = {**agent.env, "LIFECYCLE_EVENT": "x", "DEPLOYMENT_ID": "d-1"}
        done = subprocess.run([agent.program, "hook", script], env=env, user=65534, group=65534, extra_groups=[], cwd="/",
                              capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines() == [
            "write EACCES", "write EACCES", "copy EACCES", "copy EACCES", "read EACCES", "mkdir EACCES", "remove EACCES",
            "rename EACCES", "symlink EACCES", "chmod EPERM", "chown EPERM", "list EACCES", "sha256 EACCES", "write true"]
        assert [(p.name, p.stat().st_uid) for p in out.iterdir()] == [("mine", 65534)]


def described():
    """The functions of the stubs; methods as slipway.Connection:line."""
    stubs = (CHECKOUT / "lua/slipway.d.lua").read_text()
    found = set(re.findall(r"^function (slipway[\w.]+)\(", stubs, re.M))
    for name, local in re.findall(r"^---@class (slipway\.\w+).*\nlocal (\w+) = \{\}", stubs, re.M):
        found |= {f"{name}:{method}" for method in re.findall(rf"^function {local}:(\w+)\(", stubs, re.M)}
    return found


def quoted(names):
    return ", ".join(f'"{name}"' for name in names)


def test_stubs_functions_and_manual_page_are_the_same(lua, serve, tmp_path):
    """Every function in one of the three is in all of them; docs/lua.md has a word on each, too."""
    lazy = {f"slipway.{p.relative_to(CHECKOUT / 'lua/slipway').with_suffix('').as_posix().replace('/', '.')}"
            for p in (CHECKOUT / "lua/slipway").rglob("*.lua") if p.parent.name != "internal"}  # for other files of the library

    def methods_in(file):  # a script cannot list them
        source = (CHECKOUT / "agent/script" / file).read_text()
        return re.findall(r'\{ "(\w+)", ', re.search(r"luaL_Reg methods\[\] = \{(.*?);", source, re.S).group(1))

    done = lua("""
for _, name in ipairs{ %s } do assert(load("return " .. name)(), name) end
local function list(prefix, t)
  for name, value in pairs(t) do
    if type(value) == "function" then print(prefix .. name)
    elseif type(value) == "table" and name ~= "env" then list(prefix .. name .. ".", value) end
  end
end
list("slipway.", slipway)
local connection <close> = slipway.socket.connect{ %s }
for _, name in ipairs{ %s } do assert(connection[name]) print("slipway.Connection:" .. name) end
local lock <close> = slipway.fs.lock("%s/lock")
for _, name in ipairs{ %s } do assert(lock[name]) print("slipway.Lock:" .. name) end
for name, value in pairs(getmetatable(slipway.haproxy.open{ socket = "/" }).__index) do
  if type(value) == "function" then print("slipway.Haproxy:" .. name) end
end
""" % (quoted(sorted(lazy)), serve(echo_upper, True), quoted(methods_in("lib_socket.c")), tmp_path,
       quoted(methods_in("lib_lock.c"))))
    assert done.code == 0, done.err
    there = set(done.out.split())
    assert there == {name for name in described() if not name.startswith("slipway.test.")}

    page = (CHECKOUT / "packaging/man/slipway-lua.7").read_text()
    functions = re.search(r"\.SH FUNCTIONS\n(.*?)\n\.SH ", page, re.S).group(1)
    documented = set()
    for head in re.findall(r"^\.TP\n(\..*)", functions, re.M):
        documented |= set(re.findall(r"slipway\.[\w.]*\w", head))
    assert documented == {name for name in there if ":" not in name}
    for name in there:
        assert ":" not in name or re.search(rf"^\.BR {name.split(':')[1]} \(", functions, re.M), name

    text = (CHECKOUT / "docs/lua.md").read_text()
    assert not [name for name in there if ":" not in name and name not in text]
    assert not [name for name in there if ":" in name and f"`{name.split(':')[1]}(" not in text]


def test_what_tests_are_written_with_is_described_everywhere(agent, tmp_path):
    (tmp_path / "x_test.lua").write_text("""
slipway.test.case("names", function()
  for name, value in pairs(slipway.test) do
    if type(value) == "function" then print("slipway.test." .. name) end
  end
end)
""")
    done = agent("hook", "--test", tmp_path)
    assert done.code == 0, done
    there = set(done.err.split())
    assert len(there) > 10 and there == {name for name in described() if name.startswith("slipway.test.")}

    page = (CHECKOUT / "packaging/man/slipway-lua.7").read_text()
    section = re.search(r"\.SH TESTS\n(.*?)\n\.SH ", page, re.S).group(1)
    documented = {name for head in re.findall(r"^\.TP\n(\..*)", section, re.M) for name in re.findall(r"slipway\.[\w.]*\w", head)}
    assert documented == there | {"slipway.test.fake"}
    text = (CHECKOUT / "docs/lua.md").read_text()
    assert not [name for name in there if f"`t.{name.removeprefix('slipway.test.')}(" not in text]
