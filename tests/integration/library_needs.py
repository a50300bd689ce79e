"""What cases of the Lua library need of the world outside (tests/cases/library/README.md): each fixture gives names and what
stands for them in a case."""
import socket

import pytest
from balancer_kit import TWO_POOLS, Haproxy, Nginx, balancer, place  # noqa: F401 (fixtures)
from conftest import wait_until
from http_kit import http_server
from socket_kit import Server, echo_upper
from systemd_kit import manager  # noqa: F401 (a fixture)


@pytest.fixture
def need_http():
    """{{http}}: the URL of a server, {{http_port}}: its port; /404 answers 404, http_kit.py has the other paths."""
    with http_server() as server:
        server.elsewhere = "/moved"
        yield {"http": server.url, "http_port": server.server_address[1]}


@pytest.fixture
def need_http_socket(place):  # noqa: F811
    """{{http_socket}}: the path of a Unix socket where such a server listens."""
    with http_server(path=place / "http.sock"):
        yield {"http_socket": place / "http.sock"}


@pytest.fixture
def need_lines(place):  # noqa: F811
    """{{lines}}: the path of a Unix socket whose server answers each line in capitals, "quit" by hanging up, and with silence until
    there is one; {{port}}: the same on a port of 127.0.0.1."""
    servers = [Server(socket.AF_UNIX, f"{place}/lines.sock", echo_upper), Server(socket.AF_INET, ("127.0.0.1", 0), echo_upper)]
    yield {"lines": place / "lines.sock", "port": servers[1].listener.getsockname()[1]}
    for server in servers:
        server.stop()


@pytest.fixture
def need_rude(place):  # noqa: F811
    """{{rude}}: the path of a Unix socket whose server hangs up on everybody at once."""
    server = Server(socket.AF_UNIX, f"{place}/rude.sock", lambda _: None)
    yield {"rude": place / "rude.sock"}
    server.stop()


@pytest.fixture
def need_systemd(manager):  # noqa: F811
    """{{bus}}: the address of a bus with the stand-in for systemd, for DBUS_SYSTEM_BUS_ADDRESS."""
    return {"bus": manager.variable.split("=", 1)[1]}


@pytest.fixture
def need_haproxy(balancer):  # noqa: F811
    """{{haproxy}}: the socket of an HAProxy with the backends blue (server one) and green (one and two, which are down, and
    unchecked, which is up); {{map}}: a map in it, with shop at blue."""
    haproxy = balancer(Haproxy, f"{TWO_POOLS}  server unchecked 127.0.0.1:1 no-check\n")
    wait_until(lambda: ask(haproxy.socket, b"show stat green 4 -1\n").count(b",DOWN,") == 2, 60)
    return {"haproxy": haproxy.socket, "map": haproxy.map}


def ask(path, command):
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(60)
        s.connect(path)
        s.sendall(command)
        return s.makefile("rb").read()


@pytest.fixture
def need_nginx(place, balancer):  # noqa: F811
    """{{nginx}}: the options that lead to an nginx that runs; {{include}}: the file that its configuration includes."""
    folder = place / "nginx-0"
    folder.mkdir()
    (folder / "slot.conf").write_text("upstream shop { server 127.0.0.1:1; }\n")
    nginx = balancer(Nginx, f"include {folder}/slot.conf;")
    return {"nginx": f'program = "/usr/sbin/nginx", prefix = "{folder}", conf = "{folder}/nginx.conf", '
                     f'pid_file = "{nginx.pid_file}"',
            "nginx_files": f'program = "/usr/sbin/nginx", prefix = "{folder}", conf = "{folder}/nginx.conf"',
            "include": nginx.include}
