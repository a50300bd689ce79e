"""slipway.http and slipway.notify against real servers on loopback: Python's, and nginx with TLS."""
import base64
import json
import re
import ssl
import subprocess

import pytest
from conftest import wait_until
from http_kit import serve  # noqa: F401 (a fixture)


@pytest.fixture
def server(serve):
    return serve()


@pytest.fixture
def lua(agent, tmp_path):
    """lua(text, words of `slipway hook`...) -> its outcome. In the text, URL and FOLDER are the server's and the test's."""
    count = 0

    def run(text, *words, url="", **rest):
        nonlocal count
        count += 1
        path = tmp_path / f"script-{count}.lua"
        path.write_text(f'local FOLDER, URL, http = "{tmp_path}", "{url}", slipway.http {text}')
        return agent("hook", *words, path, **rest)

    return run


def test_every_method_and_what_goes_along(lua, server):
    done = lua("""
local a = http.post(URL .. "/p", { json = { name = "x", list = { 1, true } }, headers = { ["X-A"] = "b" } })
assert(a.status == 200 and a.json().method == "POST" and a.json().body == '{"list":[1,true],"name":"x"}')
http.put(URL .. "/p", { body = "raw\\0bytes" })
http.put(URL .. "/p", { body = "<a/>", headers = { ["content-type"] = "text/xml" } })
http.post(URL .. "/p", { form = { b = "1 & 2", a = 3, ["ü"] = "~" } })
http.delete(URL .. "/p")
http.post(URL .. "/p")
local h = http.head(URL .. "/large")
assert(h.status == 200 and h.body == "" and h.headers["content-length"] == "1600000")
http.request{ url = URL .. "/p", method = "PATCH", json = slipway.json.null }
http.request{ url = URL .. "/p", method = "OPTIONS" }
http.request{ url = URL .. "/p" }
http.get(URL .. "/p", { json = { query = "all" } })
""", url=server.url)
    assert done.code == 0, done.err
    assert [(a["method"], a["headers"].get("content-type"), a["body"]) for a in server.asked] == [
        ("POST", "application/json", '{"list":[1,true],"name":"x"}'),
        ("PUT", "application/octet-stream", "raw\0bytes"),
        ("PUT", "text/xml", "<a/>"),
        ("POST", "application/x-www-form-urlencoded", "a=3&b=1%20%26%202&%C3%BC=~"),
        ("DELETE", None, ""),
        ("POST", None, ""),
        ("HEAD", None, ""),
        ("PATCH", "application/json", "null"),
        ("OPTIONS", None, ""),
        ("GET", None, ""),
        ("GET", "application/json", '{"query":"all"}'),
    ]
    assert server.asked[0]["headers"]["x-a"] == "b"
    assert server.asked[0]["headers"]["user-agent"].startswith("slipway/")
    assert "expect" not in server.asked[0]["headers"]


def test_a_large_body_goes_at_once(lua, server):
    done = lua('print(#http.post(URL, { body = ("x"):rep(3000000) }).json().body)', url=server.url)
    assert (done.code, done.out) == (0, "3000000\n"), done.err
    assert "expect" not in server.asked[0]["headers"]


def test_another_answer_than_expected_is_an_error(lua, server):
    server.elsewhere = "/x"
    done = lua("""
local function try(...) local ok, e = pcall(...) print(ok, ok and e.status or e.kind .. " " .. e.message) end
try(http.get, URL .. "/204", { expect = { 200, 204 } })
try(http.get, URL .. "/404", { expect = 404 })
try(http.post, URL .. "/503", { expect = 200 })
try(http.head, URL .. "/503", { expect = { 200, 201, 204 } })
try(http.get, URL .. "/elsewhere", { expect = 200, redirects = 0 })
""", url=server.url)
    assert done.out.splitlines() == [
        "true 204", "true 404",
        rf'false failed POST {server.url}/503 answered 503, not 200; body: it is not so\x01',
        f"false failed HEAD {server.url}/503 answered 503, not 200, 201 or 204",
        f'false failed GET {server.url}/elsewhere answered 302, not 200; body: {json.dumps(server.asked[4])[:200]}',
    ], done


def test_what_changes_something_is_not_redirected_unasked(lua, serve, server):
    other = serve()
    server.elsewhere = f"{other.url}/there"
    done = lua("""
for _, method in ipairs{ "GET", "HEAD", "POST", "PUT", "DELETE" } do
  print(method, http.request{ url = URL .. "/elsewhere", method = method, user = "me", password = "hunter22",
                              headers = { authorization = method == "HEAD" and "Bearer x" or nil } }.status)
end
print(http.post(URL .. "/elsewhere", { redirects = 1, body = "x" }).json().method)
""", url=server.url)
    assert done.out.split() == ["GET", "200", "HEAD", "200", "POST", "302", "PUT", "302", "DELETE", "302", "GET"], done
    assert [a["method"] for a in other.asked] == ["GET", "HEAD", "GET"]
    assert all("authorization" in a["headers"] for a in server.asked[:5])
    assert not any("authorization" in a["headers"] for a in other.asked)  # another port is another server


def test_user_and_password(lua, server):
    done = lua("""print(http.get(URL, { user = "me", password = "pass: word" }).json().headers.authorization)
print(http.get(URL, { user = "me" }).json().headers.authorization, http.get(URL).json().headers.authorization)
print("pass: word")""", url=server.url)
    me = base64.b64encode(b"me:pass: word").decode()
    assert done.out.splitlines() == [f"Basic {me}", f"Basic {base64.b64encode(b'me:').decode()} nil", "***"], done


def test_an_answer_as_json(lua, server):
    done = lua("""
local a = http.get(URL .. "/404")
print(pcall(a.json))
print(a.excerpt())
print(http.get(URL).json().path, pcall(http.get(URL .. "/empty").json))
""", url=server.url)
    assert done.out.splitlines()[0].startswith(
        f"false script-1.lua:3: GET {server.url}/404: the answer is not JSON: line 1 column "), done
    assert done.out.splitlines()[1] == r"it is not so\x01"
    assert done.out.splitlines()[2].startswith("/ false script-1.lua:5: GET "), done


def test_an_answer_goes_to_a_file_whole_or_not_at_all(lua, server, tmp_path):
    (tmp_path / "a").write_text("old")
    (tmp_path / "a").chmod(0o640)
    done = lua("""
local function try(...) local ok, e = pcall(...) print(ok, ok and #e.body or e.kind .. " " .. e.message) end
try(http.get, URL .. "/torn", { to = FOLDER .. "/a" })
try(http.get, URL .. "/404", { to = FOLDER .. "/a" })
try(http.get, URL .. "/large", { to = FOLDER .. "/a", max_body = 1599999 })
try(http.get, URL .. "/slow", { to = FOLDER .. "/a", timeout = 0.1 })
try(http.get, URL .. "/large", { to = FOLDER .. "/none/a" })
try(http.get, URL .. "/large", { to = FOLDER })
assert(slipway.fs.read(FOLDER .. "/a") == "old")
try(http.get, URL .. "/large", { to = FOLDER .. "/a", max_body = 1600000 })
assert(slipway.fs.stat(FOLDER .. "/a").size == 1600000 and slipway.fs.stat(FOLDER .. "/a").mode == "0640")
try(http.get, URL .. "/empty", { to = FOLDER .. "/empty" })
try(http.get, URL .. "/404", { to = FOLDER .. "/404", expect = 404 })
try(http.post, URL .. "/x", { to = FOLDER .. "/post", json = {} })
""", url=server.url)
    out = [line.replace(server.url, "").replace(str(tmp_path), "") for line in done.out.splitlines()]
    assert out[0].startswith("false unreachable GET /torn: transfer closed with "), done
    assert out[1] == r"false failed GET /404 answered 404, not 2xx; body: it is not so\x01"
    assert out[2] == "false failed GET /large: the answer is larger than 1599999 bytes"
    assert out[3].startswith("false timeout GET /slow: ")
    assert out[4] == "false system GET /large: writing '/none/a': its folder: No such file or directory"
    assert out[5] == "false failed GET /large: writing '': there is something that is not a file"
    assert out[6:] == ["true 0"] * 4
    assert (tmp_path / "a").read_bytes() == b"0123456789abcdef" * 100_000
    assert (tmp_path / "empty").read_text() == ""
    assert (tmp_path / "404").read_text() == "it is\nnot so\x01"
    assert json.loads((tmp_path / "post").read_text())["method"] == "POST"
    assert not list(tmp_path.glob(".*"))


def test_a_file_for_a_disk_that_is_full(lua, server, mount, tmp_path):
    mount(tmp_path / "small", "size=64k")
    done = lua("""
local ok, e = pcall(http.get, URL .. "/large", { to = FOLDER .. "/small/a" })
print(ok, e.kind, e.errno, #slipway.fs.list(FOLDER .. "/small"))
""", url=server.url)
    assert done.out == "false no_space ENOSPC 0\n", done


def test_a_server_on_a_unix_socket(lua, serve, tmp_path):
    s = serve(path=tmp_path / "s.sock")
    done = lua("""
local a = http.get("http://shop/x?y", { unix_socket = FOLDER .. "/s.sock" }).json()
print(a.path, a.headers.host)
print(http.wait("http://shop/", { unix_socket = FOLDER .. "/s.sock", timeout = 30 }).status)
local ok, e = pcall(http.get, "http://shop/", { unix_socket = FOLDER .. "/none.sock" })
print(e.kind)
""", env={"http_proxy": "http://127.0.0.1:1"})
    assert done.out.splitlines() == ["/x?y shop", "200", "unreachable"], done
    assert len(s.asked) == 2


@pytest.fixture
def authority(tmp_path):
    """A folder with ca.pem, and a server's cert.pem and key for the name localhost."""
    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=tmp_path, check=True, capture_output=True)

    (tmp_path / "ext").write_text("subjectAltName=DNS:localhost\n")
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=test authority",
            "-keyout", "ca.key", "-out", "ca.pem")
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost", "-keyout", "key",
            "-out", "request")
    openssl("x509", "-req", "-in", "request", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "ext", "-out",
            "cert.pem")
    return tmp_path


def test_certificates_are_verified(lua, serve, authority):
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(authority / "cert.pem", authority / "key")
    s = serve(tls=tls)
    (authority / "bad.pem").write_text("no certificate")
    done = lua("""
local function try(url, ca)
  local ok, e = pcall(http.get, url, { ca = ca and FOLDER .. "/" .. ca })
  print(ok, ok and e.status or e.kind .. " " .. e.message:gsub("^GET %S+: ", ""))
end
local named = URL:gsub("127.0.0.1", "localhost")
try(named, "ca.pem")
try(named)
try(URL, "ca.pem")
try(named, "bad.pem")
try(named, "none.pem")
try(URL:gsub("https", "http"))
""", url=s.url)
    out = done.out.splitlines()
    assert out[0] == "true 200", done
    assert out[1].startswith("false unreachable SSL certificate problem: unable to get local issuer certificate")
    assert out[2].startswith("false unreachable SSL: no alternative certificate subject name matches target host name '127.0.0.1'")
    assert out[3].startswith("false failed error ")
    assert out[4].startswith("false failed error ")
    assert out[5].startswith("false unreachable ")
    assert len(s.asked) == 1


@pytest.mark.parametrize("url, options, kind, said", [
    ("http://127.0.0.1:1/", "", "unreachable", "Connection refused"),
    ("http://no.such.host.invalid/", "", "unreachable", "Could not resolve host"),
    ("URL/slow", "timeout = 0.1", "timeout", "timed out"),
    ("URL/loop", "redirects = 3", "unreachable", "Maximum (3) redirects followed"),
    ("URL/large", "max_body = 10", "failed", "the answer is larger than 10 bytes"),
    ("URL/torn", "", "unreachable", "transfer closed"),
    ("ftp://127.0.0.1/", "", "unreachable", 'Protocol "ftp"'),
    ("file:///etc/passwd", "", "unreachable", 'Protocol "file"'),
    ("http://a b/", "", "failed", "URL using bad/illegal format"),
    ("http://", "", "failed", "URL using bad/illegal format"),
    ("http://user:hunter22@127.0.0.1:1/", "", "unreachable", "POST http://***@127.0.0.1:1/: "),
], ids=["refused", "name", "timeout", "loop", "large", "torn", "ftp", "file", "blank", "empty", "user"])
def test_what_can_go_wrong(lua, server, url, options, kind, said):
    url = url.replace("URL", server.url)
    done = lua(f'local ok, e = pcall(http.post, "{url}", {{ redirects = 2, {options} }})\nprint(ok, e.kind, e.message)')
    assert done.out.startswith(f"false {kind} POST ") and said in done.out and "hunter" not in done.out, done


def test_nginx_with_tls_and_http_2(lua, authority):
    (authority / "www").mkdir()
    (authority / "www/index.html").write_text("hello\n")
    (authority / "nginx.conf").write_text(f"""
daemon off; master_process off; pid {authority}/pid; error_log {authority}/error.log;
events {{}}
http {{
  access_log off; client_body_temp_path {authority}/b; proxy_temp_path {authority}/p; fastcgi_temp_path {authority}/f;
  uwsgi_temp_path {authority}/u; scgi_temp_path {authority}/s;
  server {{
    listen unix:{authority}/nginx.sock ssl http2;
    ssl_certificate {authority}/cert.pem; ssl_certificate_key {authority}/key;
    location / {{ root {authority}/www; add_header x-protocol $server_protocol; }}
  }}
}}
""")
    nginx = subprocess.Popen(["/usr/sbin/nginx", "-c", authority / "nginx.conf"], stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: (authority / "nginx.sock").exists())
        done = lua("""
local options = { unix_socket = FOLDER .. "/nginx.sock", ca = FOLDER .. "/ca.pem" }
local a = http.wait("https://localhost/", options)
print(a.status, a.headers["x-protocol"], a.excerpt())
options.to = FOLDER .. "/page"
http.get("https://localhost/index.html", options)
local ok, e = pcall(http.get, "https://localhost/none", options)
print(e.message:sub(1, 54))
""")
        assert done.out.splitlines()[-2:] == ["200 HTTP/2.0 hello ", "GET https://localhost/none answered 404, not 2xx; body"], done
        assert (authority / "page").read_text() == "hello\n"
    finally:
        nginx.terminate()
        nginx.wait()


def test_waiting_for_what_the_answer_says(lua, server):
    done = lua("""
local a = http.wait(URL .. "/starting", { interval = 0.01, json = function(v) return v.status == "UP", "it is " .. v.status end })
print(a.json().status)
""", url=server.url)
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert re.fullmatch(rf"waiting for GET {server.url}/starting = 200 \(not JSON: line 1 column .*, attempt 1, \d+ s left\)", lines[0])
    assert "(it is DOWN, attempt 2, " in lines[1]
    assert lines[-1] == "UP"


@pytest.mark.parametrize("path, options, message", [
    ("/404", "expect = { 200, 204 }", 'GET URL/404 answered 404 for 0.2 s; last body: "it is not so\\x01"'),
    ("/x", "json = function(v) return v.method == 'PUT' end", "GET URL/x answered 200 for 0.2 s (200, but not yet); last body: "),
    ("/x", "json = function(v) return false, 'no' end", "GET URL/x answered 200 for 0.2 s (no); last body: "),
    ("/204", "json = function(v) return true end, expect = 204", "GET URL/204 answered 204 for 0.2 s (not JSON: "),
])
def test_waiting_in_vain(lua, server, path, options, message):
    done = lua(f'\nhttp.wait(URL .. "{path}", {{ timeout = 0.2, interval = 0.05, {options} }})', url=server.url)
    assert done.code == 1
    assert done.err.startswith("script-1.lua:2: " + message.replace("URL", server.url)), done.err


def test_user_and_password_of_a_url_are_not_shown(lua, server):
    url = server.url.replace("//", "//me:hunter@")
    done = lua(f"""
local ok, e = pcall(http.wait, "{url}/404", {{ timeout = 0.1, interval = 0.05 }}) print(e)
ok, e = pcall(slipway.notify, {{ url = "{url}/404", text = "x" }}) print(e)
ok, e = pcall(slipway.notify, {{ url = "{url}/500", text = "x", delay = 0 }}) print(e)
""")
    assert done.out.count("http://***@127.0.0.1:") >= 4 and "hunter" not in done.out, done
    assert server.asked[0]["headers"]["authorization"] == "Basic " + base64.b64encode(b"me:hunter").decode()


def test_a_mistake_in_a_predicate_is_no_answer(lua, server):
    done = lua('\nhttp.wait(URL, { timeout = 60, json = function(v) return v.a.b end })', url=server.url)
    assert done.code == 1
    assert done.err.startswith("script-1.lua:2: attempt to index a nil value (field 'a')"), done.err


def test_a_wait_for_an_answer_ends_with_the_script(lua, server):
    done = lua('\nwhile true do pcall(http.get, URL .. "/slow", { timeout = 1000 }) end', "--timeout", "1", url=server.url)
    assert done.code == 1
    assert "script-1.lua:2: still running when its time was over\n" in done.err


def test_a_notification_says_what_is_deployed(lua, server):
    done = lua("""
print(slipway.notify{ url = URL .. "/hook", text = "deployed", headers = { ["X-Key"] = "k" } })
print(slipway.notify{ url = URL .. "/204", payload = { blocks = { { type = "divider" } } } })
""", "--event", "AfterAllowTraffic", url=server.url)
    assert (done.code, done.out) == (0, "true\ntrue\n"), done.err
    first, second = server.asked
    assert (first["method"], first["headers"]["content-type"], first["headers"]["x-key"]) == ("POST", "application/json", "k")
    assert json.loads(first["body"]) == {"text": "deployed", "application": "try", "group": "try", "deployment": "d-TRYHOOK00",
                                         "event": "AfterAllowTraffic"}
    assert json.loads(second["body"]) == {"blocks": [{"type": "divider"}]}


def test_a_notification_is_tried_three_times(lua, server):
    done = lua('print(slipway.notify{ url = URL .. "/third", text = "x", delay = 0.01 })', url=server.url)
    assert done.out.splitlines()[-1] == "true" and len(server.asked) == 3, done
    done = lua('\nslipway.notify{ url = "http://127.0.0.1:1/x", text = "x", delay = 0.01 }')
    assert re.match(r"script-2.lua:2: slipway.notify: POST http://127.0.0.1:1/x: .*Connection refused \(3 of 3 tries\)\n", done.err), done


def test_a_notification_that_is_refused_is_not_tried_again(lua, server):
    done = lua('\nslipway.notify{ url = URL .. "/404", text = "x", delay = 0.01 }', url=server.url)
    assert done.err.startswith(
        f'script-1.lua:2: slipway.notify: POST {server.url}/404 answered 404: "it is not so\\x01"\n'), done.err
    assert len(server.asked) == 1


def test_an_optional_notification_fails_nothing(lua, server):
    done = lua("""
print(slipway.notify{ url = URL .. "/500", text = "x", delay = 0.01, optional = true })
print(pcall(slipway.notify, { url = URL, payload = { print }, optional = true }))
""", url=server.url)
    assert done.code == 0, done.err
    assert done.out.splitlines()[-3:-1] == [
        f"slipway.notify: POST {server.url}/500 answered 500 (3 of 3 tries); nobody is told", "false"]
    assert done.out.splitlines()[-1].endswith("slipway.notify: payload: what JSON has a form for expected, got function")
