"""The guarded client: whether a request left, what came back, whom it never connects to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from email import message_from_bytes
from typing import Any

import pytest

from unisono.kit import http as client
from unisono.kit.http import Cut, File, Http, NotSent, url_problem

Serve = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def answering(serve: Serve) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server that does as told with each request's bytes; its address, and what it was sent."""
    asked: list[bytes] = []

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                size = 0
                for line in head.lower().split(b"\r\n"):
                    if line.startswith(b"content-length:"):
                        size = int(line.split(b":")[1])
                body = await reader.readexactly(size)
                asked.append(head + body)
                await serve(head + body, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(one, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/x", asked
    finally:
        server.close()


async def ok(_: bytes, writer: asyncio.StreamWriter) -> None:
    """200 and a little JSON."""
    writer.write(b'HTTP/1.1 200 OK\r\nX-Name: \xe9\r\ncontent-length: 8\r\n\r\n{"a": 1}')


@asynccontextmanager
async def speaking(**more: Any) -> AsyncIterator[Http]:
    """A client that may speak to this machine."""
    http = Http(private=True, **more)
    yield http
    await http.close()


async def test_a_whole_answer_comes_back() -> None:
    """Status, headers by name, body as JSON."""
    async with answering(ok) as (url, asked), speaking() as http:
        reply = await http.request("POST", url, json={"b": [1]}, headers={"Authorization": "Bearer x"})
    assert (reply.status, reply.ok, reply.header("x-name"), reply.json()) == (200, True, "é", {"a": 1})
    assert b"content-type: application/json" in asked[0]
    assert b"authorization: Bearer x" in asked[0]
    assert asked[0].endswith(b'{"b":[1]}')


async def test_forms_and_files_are_written_as_servers_read_them() -> None:
    """application/x-www-form-urlencoded, and multipart/form-data with quoted names."""
    async with answering(ok) as (url, asked), speaking() as http:
        await http.request("POST", url, form=[("To", "+39"), ("Body", "è & così"), ("To", "b")])
        await http.request(
            "POST", url, parts={"chat_id": "5", "photo": File('a"b\r\n.jpg', "image/jpeg", b"\x00\xff\r\n--")}
        )
    assert asked[0].endswith(b"To=%2B39&Body=%C3%A8+%26+cos%C3%AC&To=b")
    head, _, body = asked[1].partition(b"\r\n\r\n")
    media = next(line for line in head.split(b"\r\n") if line.startswith(b"content-type"))
    mail = message_from_bytes(media + b"\r\n\r\n" + body)
    fields = {
        part.get_param("name", header="content-disposition"): part for part in mail.walk() if not part.is_multipart()
    }
    assert fields["chat_id"].get_payload(decode=True) == b"5"
    assert fields["photo"].get_payload(decode=True) == b"\x00\xff\r\n--"


async def test_nobody_there_is_not_sent() -> None:
    """No connection, no name, no TLS: nothing left."""
    async with answering(ok) as (url, _):
        pass
    async with speaking() as http:
        for address in (url, "http://nobody.invalid/", "https://nobody.invalid/"):
            with pytest.raises(NotSent):
                await http.request("POST", address, content=b"x")
    async with answering(ok) as (url, asked), speaking() as http:
        with pytest.raises(NotSent):
            await http.request("POST", url.replace("http:", "https:"), content=b"x", seconds=0.5)
    assert asked == []


async def test_a_slow_connection_is_not_sent_and_a_slow_answer_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same time-out means two things."""

    async def silent(_: bytes, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(30)

    async with answering(silent) as (url, _), speaking() as http:
        with pytest.raises(Cut, match="No answer within"):
            await http.request("POST", url, content=b"x", seconds=1.0)

    async def never(host: str, port: int) -> list[str]:
        await asyncio.sleep(30)
        return []

    monkeypatch.setattr(client, "resolve", never)
    async with speaking() as http:
        with pytest.raises(NotSent, match="No answer within"):
            await http.request("POST", "http://slow.example/", content=b"x", seconds=1.0)


@pytest.mark.parametrize(
    "answer",
    [b"", b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf", b"nonsense\r\n\r\n", b"HTTP/1.1 200"],
    ids=["hung up", "half", "nonsense", "begun"],
)
async def test_half_an_answer_is_cut_and_nothing_is_posted_twice(answer: bytes) -> None:
    """It may have been taken, so the client leaves it at one."""

    async def half(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()
        writer.close()

    async with answering(half) as (url, asked), speaking() as http:
        with pytest.raises(Cut):
            await http.request("POST", url, content=b"x")
        assert len(asked) == 1


async def test_a_kept_connection_the_server_closed_is_noticed_before_it_is_used() -> None:
    """The next request goes over a new one."""

    async def once(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    async with answering(once) as (url, asked), speaking() as http:
        for _ in range(5):
            assert (await http.request("POST", url, content=b"x")).status == 200
            await asyncio.sleep(0.02)
        assert len(asked) == 5


async def test_a_long_answer_is_read_as_far_as_asked() -> None:
    """And its connection is not used again."""

    async def long(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n" + b"x" * 1_000_000)

    async with answering(long) as (url, _), speaking() as http:
        reply = await http.request("GET", url, read_at_most=1000)
        assert len(reply.body) == 1000
        assert (await http.request("GET", url)).status == 200


async def test_a_header_that_cannot_be_written_is_not_sent() -> None:
    """No second header hides in the first."""
    async with answering(ok) as (url, asked), speaking() as http:
        for value in ("a\r\nX-Evil: 1", "→"):
            with pytest.raises(NotSent):
                await http.request("GET", url, headers={"x-ours": value})
        assert asked == []


async def test_an_address_inside_is_not_connected_to() -> None:
    """Neither a name nor a number of this machine."""
    async with answering(ok) as (url, asked):
        http = Http(private=False)
        for address in (url, url.replace("127.0.0.1", "localhost")):
            with pytest.raises(NotSent, match="inside this network"):
                await http.request("POST", address, content=b"x")
        await http.close()
        assert asked == []


def test_json_that_is_none_is_empty() -> None:
    """Providers answer with pages when they are in trouble."""
    for body in (b"", b"<html>", b"[" * 5000, b"\xff"):
        assert client.Reply(500, (), body).json() == {}
    assert client.Reply(500, (), b"\x00a" * 400).words() == "a" * 150


@pytest.mark.parametrize(
    ("url", "private", "good"),
    [
        ("https://api.example/x", False, True),
        ("http://api.example/x", False, False),
        ("http://127.0.0.1:8080/x", True, True),
        ("https://127.0.0.1/x", False, False),
        ("https://user:pass@api.example/", True, False),
        ("https://", True, False),
        ("https://a b", True, False),
        ("https://x.example:0/", True, False),
        ("ftp://x.example/", True, False),
        ("https://" + "x" * 2000, True, False),
    ],
    ids=["https", "http", "local", "inside", "password", "empty", "space", "port", "ftp", "long"],
)
def test_what_can_be_called(url: str, private: bool, good: bool) -> None:
    """https to the internet; http and this network only where allowed."""
    assert (url_problem(url, private=private) is None) is good
