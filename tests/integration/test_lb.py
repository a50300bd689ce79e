"""slipway.haproxy, slipway.nginx and the ready-made hooks that shift load, against the real programs: no request of a strict
client may fail while revisions change behind them."""
import contextlib
import json
import os
import pathlib
import random
import re
import signal
import socket
import subprocess
import threading
import time

import pytest
from balancer_kit import SBIN, TWO_POOLS, Clients, Haproxy, Nginx, Services, balancer, free_port, place  # noqa: F401
from conftest import BUILD, CHECKOUT, Agent, wait_until

ROUNDS = 20 if os.environ.get("SLIPWAY_SLOW_TESTS") else 3
KILLS = 5 if os.environ.get("SLIPWAY_SLOW_TESTS") else 2  # each takes as long as two rounds


@pytest.fixture
def services(place, target):
    s = Services(place / "services", target.path / "version")
    yield s
    s.stop()


@pytest.fixture
def lua(agent, tmp_path):
    """lua(text) -> the outcome of `slipway hook`; SOCKET, MAP, CONF... of WHERE are locals of the text."""
    def run(text, **where):
        path = tmp_path / "script.lua"
        values = " ".join(f'local {name.upper()} = "{value}"' for name, value in where.items())
        path.write_text(f"{values} {text}")
        return agent("hook", path, env={"PATH": SBIN})

    return run


def test_states_weights_and_maps_of_haproxy(balancer, lua):
    haproxy = balancer(Haproxy, TWO_POOLS)
    done = lua("""
local h = slipway.haproxy.open{ socket = SOCKET }
slipway.wait_for{ fn = function() return h:state("green/two").op == "down" end, interval = 0.05 }
print(slipway.json.encode(h:servers("green")[2]))
h:weight("green/two", 256)
h:drain("green/two")
print(h:state("green/two").weight, h:state("green/two").admin, h:sessions("green/two"))
h:maint("green/two")
print(h:state("green/two").admin)
h:ready("green/two", { wait = false })
print(h:state("green/two").admin)
print(h:map_get(MAP, "shop"), h:map_get(MAP, "other"))
h:map_set(MAP, "shop", "green")
print(h:map_get(MAP, "shop"), slipway.fs.read(MAP))
h:map_set(MAP, "shop", "green", { file = true, backend = true })
h:map_set(MAP, "percent", "10", { file = true })
print(h:map_get(MAP, "percent"), slipway.fs.read(MAP))
print((h:command("show info"):match("Name: (%w+)")))
""", socket=haproxy.socket, map=haproxy.map)
    assert done.code == 0, done.err
    assert [line for line in done.out.splitlines() if "a condition" not in line] == [
        '{"admin":"ready","name":"two","op":"down","sessions":0,"weight":7}', "256 drain 0", "maint", "ready", "blue nil",
        "green # which slot", "", "shop blue", "", "10 # which slot", "", "shop green", "percent 10", "", "HAProxy"]


def test_a_map_file_stays_when_haproxy_does_not_take_the_value(lua, place):
    """A server in haproxy's place that shows the map and lets nobody change it."""
    held = place / "active.map"
    held.write_text("shop blue\n")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{place}/admin.sock")
        listener.listen(5)

        def serve():
            for _ in range(3):
                connection, _ = listener.accept()
                with connection:
                    shown = connection.recv(1000).startswith(b"show")
                    connection.sendall(b"0x5608 shop blue\n\n" if shown else b"Permission denied.\n\n")

        thread = threading.Thread(target=serve)
        thread.start()
        done = lua('\nslipway.haproxy.open{ socket = SOCKET }:map_set(MAP, "shop", "green", { file = true })',
                   socket=f"{place}/admin.sock", map=held)
        thread.join()
    assert done.code == 1
    assert done.err.startswith(f"script.lua:2: haproxy: set map {held} shop green: Permission denied.\n"), done
    assert held.read_text() == "shop blue\n"


def shop_of(folder, port):
    """nginx's configuration with an include that leads to a port."""
    return f"include {folder}/slot.conf;", f"upstream shop {{ server 127.0.0.1:{port}; }}\n"


@pytest.fixture
def nginx(place, balancer, services, target):
    """One that runs, with a service behind it that answers `one`."""
    target.write("version", "one")
    port = free_port()
    text, content = shop_of(place / "nginx-0", port)
    (place / "nginx-0").mkdir()
    (place / "nginx-0/slot.conf").write_text(content)
    os.spawnl(os.P_WAIT, services.ctl, "ctl", "start", "x", f"127.0.0.1:{port}")
    nginx = balancer(Nginx, text)
    wait_until(lambda: nginx.ask() == (200, "one"))
    nginx.backend = port
    return nginx


def of(nginx):
    return {"conf": nginx.folder / "nginx.conf", "prefix": nginx.folder, "pid": nginx.pid_file, "path": nginx.include}


def test_an_include_is_changed_and_loaded(nginx, lua):
    done = lua("""
local options = { conf = CONF, prefix = PREFIX, pid_file = PID, path = PATH, wait_old = 60 }
options.content = slipway.fs.read(PATH)
print(slipway.nginx.include(options))
options.content = options.content .. "map $uri $x { default 1; }\\n"
print(slipway.nginx.include(options))
slipway.nginx.test{ conf = CONF, prefix = PREFIX }
slipway.nginx.reload{ conf = CONF, prefix = PREFIX, pid_file = PID }
""", **of(nginx))
    assert done.code == 0, done.err
    assert [line for line in done.out.splitlines() if "nginx:" not in line] == ["false", "true"]
    assert nginx.ask() == (200, "one")


@pytest.mark.parametrize("content, said", [
    ("nonsense;", 'nginx -t: unknown directive "nonsense" in PATH:1'),
    ("", 'nginx -t: host not found in upstream "shop" in '),
    ("upstream shop { server 127.0.0.1:BACKEND; }\\nserver { listen 127.0.0.1:BACKEND; }", "waited 0.5 s for nginx: new workers: "
     "the old ones serve"),
], ids=["wrong", "empty", "port"])
def test_an_include_that_nginx_does_not_take_is_put_back(nginx, lua, content, said):
    """The third passes the test of the configuration, but nginx cannot bind to the port."""
    before = pathlib.Path(nginx.include).read_text()
    done = lua("""
slipway.nginx.include{ conf = CONF, prefix = PREFIX, pid_file = PID, path = PATH, timeout = 0.5, content = "%s" }
""" % content.replace("BACKEND", str(nginx.backend)), **of(nginx))
    assert done.code == 1
    assert done.err.startswith(f"script.lua:2: {said}".replace("PATH", nginx.include)), done.err
    assert pathlib.Path(nginx.include).read_text() == before
    assert nginx.ask() == (200, "one")


def test_an_nginx_that_does_not_run_is_told(nginx, lua):
    nginx.stop()
    done = lua("\nslipway.nginx.reload{ conf = CONF, prefix = PREFIX, pid_file = PID }", **of(nginx))
    assert done.err.startswith(f"script.lua:2: nginx: no process id in '{nginx.pid_file}': it does not run"), done
    pathlib.Path(nginx.include).write_text("nonsense;")
    done = lua("\nslipway.nginx.reload{ conf = CONF, prefix = PREFIX, pid_file = PID }", **of(nginx))
    assert done.err.startswith("script.lua:2: nginx -t: unknown directive"), done


def own(hooks):
    """Hooks below 'slipway', as text of an appspec (JSON is YAML)."""
    return "slipway: " + json.dumps({"hooks": hooks}) + "\n"


def no_failure(clients, least=1):
    assert clients.failed == []
    assert min(clients.count.values()) >= least, clients.count


# Two backends, each a host with an agent of its own.

class Pair:
    """Two agents with a service each, behind one haproxy."""

    def __init__(self, place, balancer, tmp_path, bundle):
        self.ports = {name: free_port() for name in ("a", "b")}
        self.agents = {name: Agent(tmp_path / f"root-{name}") for name in self.ports}
        self.versions = {name: tmp_path / f"version-{name}" for name in self.ports}
        self.services = {name: Services(place / name, tmp_path / f"installed-{name}/version") for name in self.ports}
        self.tmp_path = tmp_path
        self.haproxy = balancer(Haproxy, "  default_backend shop\nbackend shop\n" + "".join(
            f"  server {name} 127.0.0.1:{port}\n" for name, port in self.ports.items()))
        self.bundle = bundle

    def command(self, line):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(self.haproxy.socket)
            s.sendall(line.encode() + b"\n")
            return b"".join(iter(lambda: s.recv(65536), b"")).decode()

    def states(self):
        """(name, op, admin) of each server."""
        rows = [line.split() for line in self.command("show servers state shop").splitlines()[2:] if line]
        return [(row[3], row[5], row[6]) for row in rows]

    def sessions(self, name):
        rows = [line.split(",") for line in self.command("show stat shop 4 -1").splitlines() if line]
        return sum(int(row[4]) for row in rows if row[1] == name)

    def deploy(self, name, version, **drain):
        ctl, where = self.services[name].ctl, f"127.0.0.1:{self.ports[name]}"
        servers = {"sockets": self.haproxy.socket, "servers": f"shop/{name}"}
        made = self.bundle(appspec="version: 0.0\nos: linux\nfiles:\n- source: version\n"
                           f"  destination: {self.tmp_path}/installed-{name}\n" + own({
                               "ApplicationStop": [{"use": "haproxy-drain", "with": {**servers, **drain}},
                                                   {"location": "stop.sh"}],
                               "ApplicationStart": [{"location": "start.sh"}],
                               "ValidateService": [{"use": "http-check", "with": {"url": f"http://{where}/", "interval": "20ms"}},
                                                   {"use": "haproxy-ready", "with": servers}]}))
        (made / "version").write_text(version)
        for action in ("start", "stop"):
            (made / f"{action}.sh").write_text(f"#!/bin/sh\nexec {ctl} {action} service {where}\n")
            (made / f"{action}.sh").chmod(0o755)
        return self.agents[name].local(made)


@pytest.fixture
def pair(place, balancer, tmp_path, bundle):
    p = Pair(place, balancer, tmp_path, bundle)
    yield p
    for services in p.services.values():
        services.stop()


def test_no_request_fails_while_two_backends_are_drained_deployed_and_made_ready(pair):
    for name in ("a", "b"):
        done = pair.deploy(name, "0")
        assert done.code == 0, done.err
    with Clients(pair.haproxy.port) as clients:
        for n in range(1, ROUNDS + 1):
            for name in ("a", "b"):
                done = pair.deploy(name, str(n))
                assert done.code == 0, done.err
            assert {pair.haproxy.ask() for _ in range(4)} == {(200, str(n))}
    no_failure(clients, ROUNDS)
    print(clients.count)


def test_the_last_server_is_not_drained(pair):
    assert pair.deploy("a", "1").code == 0
    wait_until(lambda: pair.haproxy.ask() == (200, "1"))
    with Clients(pair.haproxy.port) as clients:
        done = pair.deploy("a", "2")
        assert done.code == 6
        assert "without shop/a, 0 other servers of its backend would be up, and 1 must be" in done.err, done
        assert pair.haproxy.ask() == (200, "1")
    no_failure(clients)


def test_a_request_that_does_not_end_holds_up_the_drain_unless_it_is_forced(pair, agent):
    for name in ("a", "b"):
        assert pair.deploy(name, "0").code == 0
        (pair.services[name].folder / "hold").touch()
    words = [f"--with=sockets={pair.haproxy.socket}", "--with=servers=[shop/a, shop/b]"]
    drain = ["hook", "--use", "haproxy-drain", *words, "--with=others=0", "--with=timeout=200ms"]
    answers = []
    held = threading.Thread(target=lambda: answers.append(pair.haproxy.ask("/hold")))
    held.start()
    try:
        wait_until(lambda: "without sessions" in agent(*drain).err)
        done = agent(*drain, "--with=force=true")
    finally:
        for services in pair.services.values():
            (services.folder / "hold").unlink()
        held.join()
    assert (done.code, answers) == (0, [(200, "0")]), done
    assert "without sessions: 1 (" in done.out, done
    assert pair.haproxy.ask()[0] == 503
    assert agent("hook", "--use", "haproxy-ready", *words).code == 0
    assert pair.haproxy.ask() == (200, "0")


@pytest.mark.parametrize("admin", ["ready", "drain"])
def test_a_drain_that_fails_leaves_what_was_ready_ready(pair, agent, admin):
    """Nothing has been stopped, so no later hook and no restore would let the server get requests again."""
    for name in ("a", "b"):
        assert pair.deploy(name, "0").code == 0
    (pair.services["a"].folder / "hold").touch()
    words = [f"--with=sockets={pair.haproxy.socket}", "--with=servers=shop/a", "--with=timeout=200ms"]
    answers, held = [], []
    wait_until(lambda: [s for s in pair.states() if s[1:] == ("2", "0")] and len(pair.states()) == 2)
    for _ in range(2):  # one of the two is at a
        held.append(threading.Thread(target=lambda: answers.append(pair.haproxy.ask("/hold"))))
        held[-1].start()
    try:
        wait_until(lambda: pair.sessions("a") > 0)
        if admin == "drain":
            pair.command("set server shop/a state drain")
        done = agent("hook", "--use", "haproxy-drain", *words)
        after = dict((name, state) for name, _, state in pair.states())
    finally:
        (pair.services["a"].folder / "hold").unlink()
        for thread in held:
            thread.join()
    assert done.code == 1 and "for haproxy: shop/a without sessions: 1 (" in done.err, done
    assert (after["a"] == "0") is (admin == "ready"), after
    assert ("shop/a gets requests again" in done.out) is (admin == "ready"), done.out


class Changing(threading.Thread):
    """In haproxy's place: a backend with two servers, of which the other goes as soon as somebody drains the first."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.admin, self.asked = {"a": 0, "b": 0}, []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(5)
        self.start()

    def answer(self, line):
        self.asked.append(line)
        if line.startswith("show servers state"):
            return "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight\n" + "".join(
                f"3 shop 1 {name} 127.0.0.1 2 {admin} 1\n" for name, admin in self.admin.items())
        if line.startswith("show stat"):
            return "# pxname,svname,qcur,qmax,scur\nshop,a,0,0,0\nshop,b,0,0,0\n"
        _, _, server, _, state = line.split()
        self.admin[server[-1]] = {"drain": 8, "ready": 0}[state]
        if state == "drain":
            self.admin["b"] = 8
        return ""

    def run(self):
        while True:
            connection = self.listener.accept()[0]
            with connection:
                connection.sendall((self.answer(connection.recv(1000).decode().strip()) + "\n").encode())


def test_two_hosts_that_drain_at_the_same_moment_do_not_both_go(agent, place):
    changing = Changing(f"{place}/admin.sock")
    done = agent("hook", "--use", "haproxy-drain", "--with=servers=shop/a", f"--with=sockets={place}/admin.sock")
    assert done.code == 1
    assert "without shop/a, 0 other servers of its backend would be up, and 1 must be" in done.err, done
    assert [line for line in changing.asked if line.startswith("set")] == ["set server shop/a state drain", "set server shop/a state ready"]


@pytest.mark.parametrize("use", ["haproxy-drain", "haproxy-ready"])
def test_an_haproxy_may_have_an_address_of_ipv6(agent, use):
    done = agent("hook", "--use", use, "--with=servers=shop/a", "--with=sockets=['[::1]:1']")
    assert re.search(r"connecting to \[::1\]:1: (Connection refused|Cannot assign requested address)\n", done.err), done


# Two slots of one service.

class Slots:
    """A service with the slots blue and green, and what leads to them."""

    def __init__(self, way, place, balancer, services, bundle):
        self.way, self.services, self.bundle = way, services, bundle
        self.slots = {name: f"{place}/{name}.sock" if way == "link" else free_port() for name in ("blue", "green")}
        self.styles = Clients.STYLES
        self.with_ = {"switch": way, "slots": self.slots, "drain": "20s", "for": "20s",
                      "start": [f"{services.ctl}", "start", "{slot}", "{address}"],
                      "stop": [f"{services.ctl}", "stop", "{slot}"], "check": "/health"}
        getattr(self, way.replace("-", "_"))(place, balancer)

    def link(self, place, balancer):
        self.balancer = balancer(Nginx, f"upstream shop {{ server unix:{place}/live.sock; }}")
        self.with_["link"] = f"{place}/live.sock"

    def nginx(self, place, balancer):
        (place / "nginx-0").mkdir()
        (place / "nginx-0/slot.conf").write_text("")
        self.balancer = Nginx(place / "nginx-0", f"include {place}/nginx-0/slot.conf;\nupstream other {{ server 127.0.0.1:1; }}")
        # nginx does not start with an upstream that is not there
        (place / "nginx-0/slot.conf").write_text("upstream shop { server 127.0.0.1:%d; }\n" % self.slots["blue"])
        self.balancer = balancer(lambda *_: self.balancer, "")
        self.with_ |= {"include": self.balancer.include, "upstream": "shop", "prefix": f"{self.balancer.folder}",
                       "conf": f"{self.balancer.folder}/nginx.conf", "pid_file": self.balancer.pid_file,
                       "content": "upstream {upstream} { server {address}; }"}
        # When workers change, nginx closes connections that wait for a request, whether one is on its way or not.
        self.styles = ("new",)

    def haproxy_map(self, _, balancer):
        self.balancer = balancer(Haproxy, """
  http-request set-var(txn.pool) str(shop),map({map},blue)
  use_backend shop-%[var(txn.pool)]
""".replace("shop-%", "%") + "".join(f"backend {name}\n  server one 127.0.0.1:{port}\n" for name, port in self.slots.items()))
        self.with_ |= {"socket": self.balancer.socket, "map": self.balancer.map, "key": "shop"}

    def haproxy_weight(self, _, balancer):
        self.balancer = balancer(Haproxy, "  default_backend shop\nbackend shop\n" + "".join(
            f"  server {name} 127.0.0.1:{port}\n" for name, port in self.slots.items()))
        self.with_ |= {"socket": self.balancer.socket, "backend": "shop"}

    def deploy(self, agent, version, *words, **hooks):
        made = self.bundle({"version": version}, hooks=hooks, extra=own({
            "ApplicationStart": [{"use": "slot-switch", "with": self.with_}]}))
        return agent.local(made, *words, env={"PATH": SBIN})


WAYS = ("link", "nginx", "haproxy-map", "haproxy-weight")


@pytest.fixture
def slots(place, balancer, services, bundle, request):
    return Slots(request.param, place, balancer, services, bundle)


@pytest.mark.parametrize("slots", WAYS, indirect=True)
def test_no_request_fails_while_slots_are_switched(slots, agent):
    done = slots.deploy(agent, "0")
    assert done.code == 0, done.err
    before = slots.services.running
    with Clients(slots.balancer.port, slots.styles) as clients:
        for n in range(1, ROUNDS + 1):
            done = slots.deploy(agent, str(n))
            assert done.code == 0, done.err
            assert slots.balancer.ask() == (200, str(n))
            assert len(slots.services.running) == 1 and slots.services.running != before
            before = slots.services.running
    no_failure(clients, ROUNDS)
    print(clients.count)


@pytest.mark.parametrize("slots", WAYS, indirect=True)
def test_a_slot_that_does_not_come_up_leaves_the_live_one_alone(slots, agent):
    assert slots.deploy(agent, "good").code == 0
    live = slots.services.running
    slots.with_["start"] = ["false", "{slot}"]
    with Clients(slots.balancer.port) as clients:
        done = slots.deploy(agent, "bad", "--on-failure", "none")
        assert done.code == 1
        assert slots.services.running == live
        assert slots.balancer.ask() == (200, "good")
    no_failure(clients)
    assert "ended with exit code 1" in done.err and "'false " in done.err, done


@pytest.mark.parametrize("slots", WAYS, indirect=True)
def test_a_failure_after_the_switch_brings_the_previous_revision_back(slots, agent):
    assert slots.deploy(agent, "good").code == 0
    with Clients(slots.balancer.port, slots.styles) as clients:
        done = slots.deploy(agent, "bad", ValidateService="exit 3")
        assert done.code == 6
        assert slots.balancer.ask() == (200, "good")
        assert len(slots.services.running) == 1
    no_failure(clients)


@pytest.mark.parametrize("slots", WAYS, indirect=True)
def test_a_slot_that_answers_wrongly_gets_no_request(slots, agent):
    assert slots.deploy(agent, "good").code == 0
    slots.with_["for"] = "2s"
    with Clients(slots.balancer.port, slots.styles) as clients:
        done = slots.deploy(agent, "broken", "--on-failure", "none")
        assert done.code == 1
        assert slots.balancer.ask() == (200, "good")
    no_failure(clients)
    assert re.search(r"waited 2 s for slot (blue|green): GET /health = 200: (503|.*refused|.*No such file)", done.err), done


def tree_below(pid):
    """PID and its descendants, without the services that it has started."""
    path = pathlib.Path(f"/proc/{pid}/task/{pid}/children")
    found = []
    with contextlib.suppress(OSError):
        if b"service.py" not in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes():
            found = [pid] + [each for child in path.read_text().split() for each in tree_below(int(child))]
    return found


@pytest.mark.parametrize("slots", WAYS, indirect=True)
def test_a_hook_that_is_killed_at_any_moment_fails_no_request_and_is_put_right(slots, target):
    words = [f"--with={name}={value if isinstance(value, str) else json.dumps(value)}" for name, value in slots.with_.items()]
    moments = random.Random(slots.way)

    def start(version):
        target.write("version", version)
        return subprocess.Popen([BUILD / "slipway", "hook", "--use", "slot-switch", *words], stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True, env={**os.environ, "PATH": SBIN})

    with start("0") as first:
        assert first.communicate()[0] and first.returncode == 0
    with Clients(slots.balancer.port, slots.styles) as clients:
        for n in range(1, KILLS + 1):
            with start(f"killed {n}") as killed:
                time.sleep(moments.random() * 0.5)
                for pid in tree_below(killed.pid):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                killed.communicate()
            assert slots.balancer.ask()[0] == 200
            with start(str(n)) as done:
                said = done.communicate()[0]
            assert done.returncode == 0, said
            assert slots.balancer.ask() == (200, str(n)) and len(slots.services.running) == 1, said
    no_failure(clients)


@pytest.mark.parametrize("slots", ["nginx"], indirect=True)
def test_a_switch_that_was_interrupted_before_the_reload_is_put_right(slots, agent):
    """nginx still serves from the slot before, which the file does not name any more: it must not be taken for the idle one."""
    assert slots.deploy(agent, "1").code == 0
    (live,) = slots.services.running
    idle = {"blue": "green", "green": "blue"}[live]
    pathlib.Path(slots.balancer.include).write_text(
        f"# slot: {idle}, not loaded, before: {live}\nupstream shop {{ server 127.0.0.1:{slots.slots[idle]}; }}\n")
    with Clients(slots.balancer.port, slots.styles) as clients:
        assert slots.deploy(agent, "2").code == 0
        assert slots.balancer.ask() == (200, "2")
        assert slots.services.running == [idle]
    no_failure(clients)


@pytest.mark.parametrize("slots", ["haproxy-weight", "haproxy-map"], indirect=True)
def test_a_restart_of_haproxy_does_not_confuse_the_slots(slots, agent):
    for n in range(1, 4):
        assert slots.deploy(agent, str(n)).code == 0
        slots.balancer.stop()
        slots.balancer.start()
        wait_until(lambda: slots.balancer.ask() == (200, str(n)))
    with Clients(slots.balancer.port) as clients:
        assert slots.deploy(agent, "4").code == 0
        assert slots.balancer.ask() == (200, "4")
    no_failure(clients)


@pytest.mark.parametrize("content, said", [
    ("upstream shop { server 127.0.0.1:80810; }", "names none of 127.0.0.1:8081 and 127.0.0.1:8082"),
    ("upstream shop { server 127.0.0.1:8081; server 127.0.0.1:8082; }", "names both of 127.0.0.1:8081 and 127.0.0.1:8082"),
    ("# slot: red\n", "'red' is neither blue nor green"),
])
def test_an_include_that_leads_elsewhere_is_left_alone(agent, place, content, said):
    include = place / "slot.conf"
    include.write_text(content)
    done = agent("hook", "--use", "slot-switch", "--with=switch=nginx", f"--with=include={include}", "--with=upstream=shop",
                 "--with=start=[true, '{slot}']", "--with=stop=[true, '{slot}']", "--with=slots={blue: 8081, green: 8082}")
    assert done.code == 1
    assert "cannot tell which slot serves: " in done.err and said in done.err, done
    assert include.read_text() == content


@pytest.mark.parametrize("change, said", [
    ({"slots": {"blue": 1}}, "with: slots: two expected, got 1"),
    ({"slots": {"blue": 1, "green": "x"}}, "with: slots: green: a port, HOST:PORT or an absolute path expected, got 'x'"),
    ({"slots": {"a b": 1, "green": 2}}, "with: slots: 'a b' is no name for a slot"),
    ({"switch": "link"}, "with: 'link' is needed for 'switch: link'"),
    ({"switch": "link", "link": "/x"}, "with: slots: 'switch: link' needs Unix sockets"),
    ({"switch": "nginx"}, "with: 'include' is needed for 'switch: nginx'"),
    ({"switch": "nginx", "include": "/x"}, "with: 'upstream' is needed for 'switch: nginx'"),
    ({"switch": "haproxy-map", "map": "/x"}, "with: 'key' is needed for 'switch: haproxy-map'"),
    ({"switch": "haproxy-weight"}, "with: 'backend' is needed for 'switch: haproxy-weight'"),
    ({"stop": None}, "with: either 'unit', or 'start' and 'stop' are needed"),
    ({"slots": {"blue": 1, "green": 1}}, "with: slots: is '127.0.0.1:1' for both slots"),
    ({"unit": "shop.service"}, "with: unit: is 'shop.service' for both slots"),
    ({"stop": "systemctl stop shop"}, "with: stop: is 'systemctl stop shop' for both slots"),
    ({"start": ["shop", "--port", "80"]}, "with: start: is 'shop --port 80' for both slots"),
    ({"switch": "nginx", "include": "/x", "content": "server 127.0.0.1:80;"}, "with: content: is 'server 127.0.0.1:80;' for both slots"),
    ({"switch": "haproxy-map", "map": "/x", "key": "k", "backend": "shop"}, "with: backend: is 'shop' for both slots"),
    ({"switch": "haproxy-weight", "backend": "shop", "weight": 0}, "with: weight: 1 to 256 expected, got 0"),
])
def test_wrong_arguments_of_a_switch_are_told(agent, change, said):
    arguments = {"slots": {"blue": 1, "green": 2}, "switch": "link", "start": "on-{slot}", "stop": "off-{slot}"} | change
    words = [f"--with={name}={value if isinstance(value, str) else json.dumps(value)}" for name, value in arguments.items()
             if value is not None]
    done = agent("hook", "--use", "slot-switch", *words)
    assert done.code == 1
    assert done.err.startswith(f"use: slot-switch:") or said in done.err
    assert said in done.err, done


def test_slots_may_be_units_of_systemd(lua, place):
    """The hook as it is, with functions in place of those that talk to systemd."""
    hook = (CHECKOUT / "hooks/slot-switch.lua").read_text()
    with socket.socket(socket.AF_UNIX) as blue:
        blue.bind(f"{place}/blue.sock")
        blue.listen(5)
        done = lua("""
slipway.systemd = setmetatable({}, { __index = function(_, name)
  return function(unit) return name ~= "reset_failed" and print(name, unit, slipway.fs.stat(PLACE .. "/live", { follow = false }) ~= nil) end
end })
slipway.with = { slots = { blue = PLACE .. "/blue.sock", green = PLACE .. "/green.sock" }, link = PLACE .. "/live",
  switch = "link", unit = "shop@{slot}", enable = true, ["for"] = 0.2, drain = 20 }
load(HOOK, "=hook")()
print(select(2, pcall(load(HOOK, "=hook"))).kind)
""".replace("HOOK", f"[==[{hook}]==]"), place=place)
    assert done.code == 0, done.err
    assert [line.replace(f"{place}/", "") for line in done.out.splitlines() if "waiting for" not in line] == [
        "slot blue (blue.sock) is started, none serves yet", "restart shop@blue false", "slot blue serves", "enable shop@blue true",
        "slot green (green.sock) is started, blue serves", "restart shop@green true", "stop shop@green true", "timeout"]


def test_a_slot_may_have_an_address_of_ipv6(agent, place):
    include = place / "slot.conf"
    include.write_text("upstream shop { server [::1]:8081; server [::1]:8082; }")
    done = agent("hook", "--use", "slot-switch", "--with=switch=nginx", f"--with=include={include}", "--with=upstream=shop",
                 "--with=unit=shop@{slot}", "--with=slots={blue: '[::1]:8081', green: '[::1]:8082'}")
    assert "names both of [::1]:8081 and [::1]:8082" in done.err, done
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as blue:
        include.write_text("# slot: green\n")
        done = agent("hook", "--use", "slot-switch", "--with=switch=nginx", f"--with=include={include}", "--with=upstream=shop",
                     "--with=start=[true, '{slot}']", "--with=stop=[true, '{slot}']", "--with=conf=/no/nginx.conf",
                     f"--with=slots={{blue: '[::1]:{blue.getsockname()[1]}', green: '[::1]:1'}}")
    assert "slot blue ([::1]:" in done.out and "nginx" in done.err and "waited" not in done.err, done


def test_a_link_that_leads_elsewhere_is_left_alone(agent, place):
    link = place / "live.sock"
    link.symlink_to("/run/other.sock")
    done = agent("hook", "--use", "slot-switch", "--with=switch=link", f"--with=link={link}", "--with=start=[true, '{slot}']",
                 "--with=stop=[true, '{slot}']", "--with=slots={blue: /run/blue.sock, green: /run/green.sock}")
    assert "cannot tell which slot serves: '/run/other.sock' is neither blue nor green" in done.err, done
    assert link.readlink() == pathlib.Path("/run/other.sock")


def test_a_try_touches_no_load_balancer(agent, bundle):
    done = agent("try", bundle({"a": "1"}, extra=own({
        "ApplicationStop": [{"use": "haproxy-drain", "with": {"servers": "a/b"}}],
        "ApplicationStart": [{"use": "slot-switch", "with": {"switch": "link", "slots": {"a": 1, "b": 2}}}],
        "ValidateService": [{"use": "haproxy-ready", "with": {"servers": "a/b"}}, {"use": "nginx-reload"}]})))
    assert done.code == 0, done
