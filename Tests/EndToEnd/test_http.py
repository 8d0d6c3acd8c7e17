# SPDX-License-Identifier: Apache-2.0
"""Bad bytes and bad JSON against a real socket: an answer that says so, and a server that goes on."""

import json
import time

import pytest
import requests

from support import Server, default_model


def post(body, *fields, target="/v1/completions", version="1.1"):
    head = [f"POST {target} HTTP/{version}", "Host: localhost", "Content-Type: application/json", *fields]
    if not any(field.lower().startswith(("content-length", "transfer-encoding")) for field in fields):
        head.append(f"Content-Length: {len(body)}")
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


@pytest.fixture(autouse=True)
def still_alive(server):
    yield
    assert server.get("/livez").status_code == 200
    assert server.complete(prompt="a", max_tokens=1)["usage"]["completion_tokens"] == 1


@pytest.mark.parametrize(
    "data, status",
    [
        (b"GET / HTTP/1.1\r\n\r\n", 400),  # RFC 9112 3.2: no Host
        (b"GET /livez HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", 400),  # two of them
        (b"GET /livez HTTP/1.1\nHost: localhost\n\n", 400),  # 2.2: bare LF
        (b"GET /livez HTTP/1.1\r\nHost : localhost\r\n\r\n", 400),  # 5.1: space before the colon
        (b"GET /livez HTTP/1.1\r\nHost: localhost\r\nA: b\r\n c\r\n\r\n", 400),  # 5.2: folded line
        (b"GET /livez HTTP/2.0\r\nHost: localhost\r\n\r\n", 505),  # 9110 15.6.6
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),  # TLS hello
        (b"BREW / HTTP/1.1\r\nHost: localhost\r\n\r\n", 501),  # 9110 9.1
        (b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 414),  # 9112 3
        (b"GET /livez HTTP/1.1\r\nHost: localhost\r\nA: " + b"a" * 20000 + b"\r\n\r\n", 431),
        (post(b"{}", "Content-Length: 2", "Transfer-Encoding: chunked"), 400),  # 6.1: smuggling
        (post(b"", "Content-Length: -1"), 400),  # 9110 8.6
        (post(b"", "Content-Length: 99999999999999999999"), (400, 413)),
        (post(b"zz\r\n{}\r\n0\r\n\r\n", "Transfer-Encoding: chunked"), 400),  # 7.1: chunk size
        (post(b"2\n{}\r\n0\r\n\r\n", "Transfer-Encoding: chunked"), 400),  # bare LF in a chunk line
        (post(b"{}", "Transfer-Encoding: gzip, chunked"), (400, 501)),
    ],
)
def test_malformed_http_is_refused_and_the_connection_closed(server, data, status):
    answer = server.raw(data)
    assert answer.startswith(b"HTTP/1.1 "), answer[:200]
    assert int(answer[9:12]) in (status if isinstance(status, tuple) else (status,)), answer[:300]
    # A method that is not known is no fault of framing: the connection may be used on.
    assert status == 501 or b"\r\nconnection: close" in answer.lower()


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[1,]", b'{"prompt":"a",}', b'{"prompt":"a","prompt":"b"}', b'{"prompt":"\xff"}', b"nul", b"{} {}",
        b'{"prompt":"\\ud800"}', b'{"prompt":"a","temperature":1e999}', b'{"prompt":"a","temperature":NaN}',
        b"[" * 100_000, b'{"prompt":"a\n"}', b"\xef\xbb\xbf{}", '{"prompt":"a"}'.encode("utf-16"), b'"text"', b"[]",
    ],
)
def test_bad_json_is_400_in_the_usual_shape(server, body):
    began = time.monotonic()
    answer = server.raw(post(body, "Connection: close"))
    assert answer.startswith(b"HTTP/1.1 400 "), answer[:300]
    error = json.loads(answer.split(b"\r\n\r\n", 1)[1])["error"]
    assert error["message"] and error["type"] == "invalid_request_error"
    assert time.monotonic() - began < 2


def test_chunked_and_pipelined_requests_are_answered_in_order(server):
    chunked = post(b'9\r\n{"content\r\n6\r\n":"a"}\r\n0\r\n\r\n', "Transfer-Encoding: chunked", target="/tokenize")
    data = chunked + b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n" + post(
        b'{"content":"b"}', "Connection: close", target="/tokenize")
    answer = server.raw(data)
    assert answer.count(b"HTTP/1.1 200 ") == 3, answer
    assert answer.count(b'"tokens"') == 2


def test_head_has_the_head_of_get_and_no_body(server):
    answer = server.raw(b"HEAD /v1/models HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    head, body = answer.split(b"\r\n\r\n", 1)
    assert head.startswith(b"HTTP/1.1 200 ") and body == b""
    assert b"content-length: " in head.lower() and b"content-length: 0" not in head.lower()


@pytest.mark.parametrize("method, path, status", [
    ("GET", "/v1/completions", 405), ("POST", "/v1/models", 405), ("GET", "/no/such/route", 404),
    ("GET", "/../etc/passwd", (400, 404)), ("GET", "/%2e%2e/etc/passwd", (400, 404)), ("TRACE", "/livez", (405, 501)),
])
def test_routes_and_methods_that_do_not_exist(server, method, path, status):
    answer = server.raw(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    assert int(answer[9:12]) in (status if isinstance(status, tuple) else (status,)), answer[:300]
    if answer[9:12] == b"405":
        assert b"\r\nallow: " in answer.lower()


@pytest.fixture(scope="module")
def locked(tmp_path_factory):
    """A server that wants a key."""
    keys = tmp_path_factory.mktemp("keys") / "keys"
    keys.touch(mode=0o600)
    keys.write_text("secret\n")
    with Server(default_model(), arguments=["--key-file", keys]) as running:
        yield running


@pytest.mark.parametrize("line, fields, status", [
    ("POST /v1/completions", ["Content-Type: application/json"], b"401 Unauthorized"),
    ("POST /v1/completions", ["Authorization: Bearer no", "Content-Type: application/json"], b"401 Unauthorized"),
    ("POST /nope", ["Authorization: Bearer secret", "Content-Type: application/json"], b"404 Not Found"),
    ("POST /health", ["Content-Type: application/json"], b"405 Method Not Allowed"),
    ("POST /", ["Content-Type: application/json"], b"405 Method Not Allowed"),
    ("POST /tokenize", ["Authorization: Bearer secret", "Content-Type: text/plain"], b"415 Unsupported Media Type"),
])
@pytest.mark.parametrize("expectation", [["Expect: 100-continue"], []])
def test_what_a_head_decides_is_answered_before_the_body(locked, line, fields, status, expectation):
    head = [f"{line} HTTP/1.1", "Host: localhost", *fields, *expectation, "Content-Length: 16000000"]
    began = time.monotonic()
    answer = locked.raw("\r\n".join(head).encode() + b"\r\n\r\n", wait=10)
    assert answer.startswith(b"HTTP/1.1 " + status + b"\r\n"), answer[:300]
    assert b"\r\nconnection: close" in answer.lower()
    assert time.monotonic() - began < 5
    assert json.loads(answer.split(b"\r\n\r\n", 1)[1])["error"]["message"]


@pytest.mark.parametrize("method, path, status, allow", [
    ("OPTIONS", "/v1/completions", 204, "POST, OPTIONS"), ("OPTIONS", "/livez", 204, "GET, HEAD, OPTIONS"),
    ("OPTIONS", "/", 204, "GET, HEAD, OPTIONS"), ("DELETE", "/", 405, "GET, HEAD, OPTIONS"),
    ("PUT", "/tokenize", 405, "POST, OPTIONS"), ("OPTIONS", "/nope", 404, None),
])
def test_allow_tells_the_methods_of_a_path(server, method, path, status, allow):
    answer = requests.request(method, server.url + path, timeout=10)
    assert answer.status_code == status and answer.headers.get("Allow") == allow


@pytest.mark.parametrize("host, status", [
    ("localhost", 200), ("127.0.0.1", 200), ("localhost:{port}", 200), ("[::1]:{port}", 200),
    ("evil.example", (403, 421)), ("evil.example:{port}", (403, 421)), ("localhost.evil.example", (403, 421)),
])
def test_on_loopback_only_local_names_are_served(server, host, status):
    host = host.format(port=server.port)
    answer = server.raw(f"GET /v1/models HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    assert int(answer[9:12]) in (status if isinstance(status, tuple) else (status,)), answer[:300]


def test_a_form_from_another_site_is_not_a_request(server):
    fields = ("Content-Type: text/plain", "Origin: http://evil.example")
    head = ["POST /v1/completions HTTP/1.1", "Host: localhost", *fields, "Content-Length: 14", "Connection: close"]
    answer = server.raw("\r\n".join(head).encode() + b'\r\n\r\n{"prompt":"a"}')
    assert int(answer[9:12]) in (403, 415), answer[:300]


def test_a_slow_reader_does_not_hold_up_others(server):
    import socket

    body = json.dumps({"prompt": "a", "max_tokens": 300, "n": 16, "stream": True, "ignore_eos": True}).encode()
    with socket.create_connection(("127.0.0.1", server.port)) as idle:
        idle.sendall(post(body))
        time.sleep(0.2)
        began = time.monotonic()
        assert server.get("/livez").status_code == 200
        server.complete(prompt="a", max_tokens=4)
        assert time.monotonic() - began < 5
