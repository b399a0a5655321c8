"""From bytes to events ready to be written. Pure: no I/O, no clock of its own.

Clients are many and careless: bodies come gzipped without saying so, under any content type, with ids such as
``undefined``. One bad item never spoils its batch; what cannot be used is rejected with a reason and kept.
"""

from __future__ import annotations

import hashlib
import re
import uuid
import zlib
from datetime import datetime, timedelta
from typing import Any

import msgspec

from unisono.access.keys import Sender
from unisono.customers.collect.model import (
    ABSENT,
    Failure,
    Incoming,
    Limits,
    PropertiesHead,
    Rejected,
    WireContext,
    WireEvent,
)
from unisono.customers.collect.rules import (
    RESERVED_TRAITS,
    claims_of,
    correct_clock,
    parse_time,
    text_of,
)
from unisono.customers.identity.rulebook import Rulebook
from unisono.customers.timeline.vocabulary import EventSpec, channel_for, resolve
from unisono.kit.errors import BadRequest, TooLarge
from unisono.kit.nesting import TOKENS, is_deep

TYPES = frozenset({"track", "identify", "page", "screen", "group", "alias"})
MAX_NAME = 255
MAX_MESSAGE_ID = 100
TILL_MADE = {"Receipt Issued": "receipt", "Return Made": "return"}
"""Events of a till that are known by the number the till made, whatever message id they travel under."""

_OURS = re.compile(r"(?:receipt|return|long|derived|made|identity|unisono):")
"""Beginnings of message ids we make; a public key that sends one must not take an event's place."""

_event_decoder = msgspec.json.Decoder(WireEvent)
_context_decoder = msgspec.json.Decoder(WireContext)
_head_decoder = msgspec.json.Decoder(PropertiesHead)
_any_decoder = msgspec.json.Decoder()
_encoder = msgspec.json.Encoder()
_NO_HEAD = PropertiesHead()
_NO_CONTEXT = WireContext()
_raw_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_POISON = re.compile(rb"\\u(?:0000|[dD][89a-fA-F][0-9a-fA-F]{2})")
_ESCAPES = re.compile(
    rb"(?P<pair>\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    rb"|(?P<poison>\\u(?:0000|[dD][89a-fA-F][0-9a-fA-F]{2}))|\\.",
    re.DOTALL,
)
_LONE = re.compile("[\ud800-\udfff]")
_FIXED_NAMES = {
    "identify": "Traits Updated",
    "group": "Company Joined",
    "alias": "Identifier Aliased",
    "page": "Page Viewed",
    "screen": "Screen Viewed",
}


class Envelope(msgspec.Struct):
    """The outer part of a batch."""

    batch: list[msgspec.Raw] | None = None
    writeKey: Any = None
    sentAt: Any = None
    context: msgspec.Raw = msgspec.Raw()


_envelope_decoder = msgspec.json.Decoder(Envelope)


def unpack(body: bytes, limits: Limits) -> bytes:
    """The body without compression, however it was announced.

    Raises TooLarge over the batch limit (decompression stops there), BadRequest for broken compression.
    """
    if body[:2] == b"\x1f\x8b":
        try:
            inflater = zlib.decompressobj(wbits=31)
            body = inflater.decompress(body, limits.max_batch_bytes + 1)
        except zlib.error:
            raise BadRequest("The body begins like gzip but is not.", code="bad_compression") from None
        if not inflater.eof and len(body) <= limits.max_batch_bytes:
            raise BadRequest("The compressed body is cut short.", code="bad_compression")
    if len(body) > limits.max_batch_bytes:
        raise TooLarge(
            f"The body is over {limits.max_batch_bytes} bytes.", code="batch_too_large", hint="Send smaller batches."
        )
    return body.removeprefix(b"\xef\xbb\xbf")


def open_envelope(body: bytes) -> Envelope:
    """The batch as an envelope and the bytes of each item.

    When the whole is not JSON because of one item, the items are told apart by their brackets and each is judged
    alone. Raises BadRequest when nothing can be made of the body.
    """
    try:
        envelope = _envelope_decoder.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return _salvage(body)
    if envelope.batch is None:
        raise BadRequest("There is no batch in the body.", code="no_batch", hint='Send {"batch": [...]}.')
    return envelope


def _salvage(body: bytes) -> Envelope:
    start = re.search(rb'"batch"\s*:\s*\[', body)
    if start is None:
        raise BadRequest("The body is not JSON.", code="invalid_json")
    items, closing = _items(body, start.end())
    if closing is None:
        raise BadRequest("The body is not JSON: the batch does not end.", code="invalid_json")
    rest = body[: start.start()] + b'"batch":[]' + body[closing + 1 :]
    try:
        envelope = _envelope_decoder.decode(rest)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise BadRequest("The body is not JSON.", code="invalid_json") from None
    envelope.batch = items
    return envelope


def _items(body: bytes, position: int) -> tuple[list[msgspec.Raw], int | None]:
    """The items of an array found by brackets, commas and strings alone, and where it ends; None if it does not."""
    depth = 0
    first = position
    items = []
    for token in TOKENS.finditer(body, position):
        mark = token.group()
        if depth == 0 and mark in (b",", b"]"):
            item = body[first : token.start()].strip()
            if item:
                items.append(msgspec.Raw(item))
            if mark == b"]":
                return items, token.start()
            first = token.end()
        elif mark in (b"{", b"["):
            depth += 1
        elif mark in (b"}", b"]"):
            depth = max(0, depth - 1)
    return items, None


class Reader:
    """Reads the items of one request: who sent it, when it arrived, by which rules."""

    def __init__(
        self,
        sender: Sender,
        received_at: datetime,
        rulebook: Rulebook,
        limits: Limits,
        *,
        sent_at: Any = None,
        context: msgspec.Raw | None = None,
    ) -> None:
        self.sender = sender
        self.received_at = received_at
        self.rulebook = rulebook
        self.limits = limits
        self.sent_at = parse_time(sent_at)
        self._skew = timedelta(seconds=limits.max_skew)
        self.kind: str | None = None
        self.incoming: list[Incoming] = []
        self.failures: list[Failure] = []
        self.context = self._shared_context(bytes(context)) if context else {}

    def read(self, raw: bytes, kind: str | None = None) -> None:
        """Read one item; what it gives is added to ``incoming`` or ``failures``. ``kind`` is the type of its path."""
        # Items of a batch arrive at once; a microsecond apart they keep the order they were sent in.
        index = len(self.incoming) + len(self.failures)
        received = self.received_at + timedelta(microseconds=index)
        wire: WireEvent | None = None
        self.kind = kind
        try:
            cleaned, wire = self._decode(raw)
            self.incoming.append(self._event(cleaned, wire, kind, received))
        except Rejected as rejected:
            self.fail(raw, rejected.code, rejected.detail, wire, received)

    def fail(
        self, raw: bytes, code: str, detail: str, wire: WireEvent | None = None, at: datetime | None = None
    ) -> None:
        """Keep an item that cannot be used, with the reason."""
        self.failures.append(
            Failure(
                code,
                detail,
                bytes(raw),
                at or self.received_at,
                self.sender.source_id,
                message_id=printable(wire.messageId) if wire else None,
                name=printable(wire.event or wire.name or wire.type) if wire else None,
                context=self._replay_context(),
            )
        )

    def _replay_context(self) -> str:
        """What must be known beside the bytes to read this item again."""
        return msgspec.json.encode(
            {
                "kind": self.kind,
                "sent_at": self.sent_at,
                "sender": {"key_id": self.sender.key_id, "key_kind": self.sender.key_kind},
            }
        ).decode()

    def _decode(self, raw: bytes) -> tuple[bytes, WireEvent]:
        if len(raw) > self.limits.max_event_bytes:
            raise Rejected(
                f"The event is {len(raw)} bytes, over {self.limits.max_event_bytes}.", code="event_too_large"
            )
        raw = bytes(raw)
        if is_deep(raw):
            raise Rejected("The item is nested too deep.", code="too_deep")
        if b"\\u" in raw and _POISON.search(raw):
            raw = clean(raw)
        try:
            return raw, _event_decoder.decode(raw)
        except msgspec.ValidationError as error:
            raise Rejected(f"The item is not an event: {error}.", code="not_an_object") from None
        except RecursionError:
            raise Rejected("The item is nested too deep.", code="too_deep") from None
        except UnicodeDecodeError:
            raise Rejected("The item is not UTF-8 text.", code="invalid_utf8") from None
        except msgspec.DecodeError as error:
            code = "invalid_utf8" if "utf-8" in str(error).lower() else "invalid_json"
            raise Rejected(f"The item is not JSON: {error}.", code=code) from None

    def _event(self, raw: bytes, wire: WireEvent, path_kind: str | None, received: datetime) -> Incoming:
        kind = wire.type or path_kind
        if not isinstance(kind, str) or kind.lower() not in TYPES:
            raise Rejected(f"There is no type {printable(kind)!r}.", code="unknown_type")
        kind = kind.lower()
        properties = object_text(wire.properties, "properties")
        traits_text = object_text(wire.traits, "traits")
        context_text, context = self._context(wire)
        # Names of the vocabulary are known good; the others are looked at.
        spec = resolve(wire.event) if kind == "track" and type(wire.event) is str else None
        if spec is None:
            name = _name(kind, wire)
            spec = resolve(name)
        canonical = name if spec is None else spec.name
        head = _head(properties) if properties else _NO_HEAD
        traits, traits_text = self._traits(kind, traits_text, context)
        sender = self.sender
        claims = claims_of(wire, context, head, traits, sender, self.rulebook)
        original = parse_time(wire.originalTimestamp if wire.originalTimestamp else wire.timestamp)
        sent = parse_time(wire.sentAt) if wire.sentAt else self.sent_at
        if kind not in ("track", "page", "screen"):
            properties = traits_text or properties
        elif kind in ("page", "screen"):
            properties = _with_title(properties, wire)
        return Incoming(
            self._message_id(wire, head, canonical, raw, original),
            kind,
            canonical,
            _channel(context, wire.channel, kind, spec, sender.key_kind, claims[0].key.namespace),
            received if original is None else correct_clock(received, sent, original, self._skew),
            received,
            sent,
            original,
            claims,
            sender.source_id,
            sender.store_id or (None if head is _NO_HEAD else text_of(head.store_id)),
            _identifiers(wire),
            properties,
            context_text,
            traits if kind == "identify" else None,
            kind,
            raw,
        )

    def _shared_context(self, raw: bytes) -> dict[str, msgspec.Raw]:
        """The envelope's context; one that cannot be used is kept as failed and costs no item."""
        try:
            text = object_text(msgspec.Raw(clean(raw)), "context")
            return _raw_decoder.decode(text) if text else {}
        except Rejected as rejected:
            self.fail(raw, rejected.code, rejected.detail)
        except (msgspec.DecodeError, RecursionError) as error:
            self.fail(raw, "invalid_context", f"The envelope's context cannot be read: {error}.")
        return {}

    def _context(self, wire: WireEvent) -> tuple[str | None, WireContext]:
        text = object_text(wire.context, "context")
        if self.context:
            own = _raw_decoder.decode(text) if text else {}
            text = msgspec.json.encode(self.context | own).decode()
        if not text:
            return None, _NO_CONTEXT
        try:
            return text, _context_decoder.decode(text)
        except msgspec.DecodeError as error:
            raise Rejected(f"The context cannot be read: {error}.", code="invalid_context") from None

    def _traits(self, kind: str, text: str | None, context: WireContext) -> tuple[dict[str, Any], str | None]:
        """Traits of the item and, where RudderStack puts them, of the context; the item's own win.

        Returns them and, as JSON, what of them belongs to the event.
        """
        traits: dict[str, Any] = {}
        aside = object_text(context.traits, "context.traits")
        if aside:
            traits.update(_any_decoder.decode(aside))
        if text and kind == "identify":
            traits.update(_any_decoder.decode(text))
        if kind != "identify":
            return traits, text
        reserved = []
        if not self.sender.trusted:
            reserved = [name for name in traits if name.casefold() in RESERVED_TRAITS]
            for name in reserved:
                del traits[name]
            if reserved:
                self.fail(
                    msgspec.json.encode(dict.fromkeys(reserved)),
                    "reserved_trait",
                    f"A write key cannot set {', '.join(sorted(reserved))}; the rest of the event was written.",
                )
        if aside or reserved:
            text = msgspec.json.encode(traits).decode() if traits else None
        return traits, text

    def _message_id(
        self, wire: WireEvent, head: PropertiesHead, name: str, raw: bytes, original: datetime | None
    ) -> str:
        """The id that makes the event one, however often it is sent."""
        sender = self.sender
        if sender.key_kind == "till" and name in TILL_MADE:
            kind = TILL_MADE[name]
            number = text_of(head.receipt_id if kind == "receipt" else head.return_id)
            if number:
                whole = f"{kind}:{sender.store_id}:{sender.till_id}:{number}"
                return whole if len(whole) <= MAX_MESSAGE_ID else f"{kind}:{_digest(whole.encode())}"
        given = text_of(wire.messageId)
        plain = given is not None and given.isprintable() and len(given) <= MAX_MESSAGE_ID
        if given and plain and (sender.key_kind == "secret" or not _OURS.match(given)):
            return given
        if given or original is not None:
            # Too long an id or one that we make ourselves, or none but a client-made time: the same bytes sent again
            # are the same event.
            return f"long:{_digest(given.encode())}" if given else f"derived:{sender.source_id}:{_digest(raw)}"
        return f"made:{uuid.uuid4()}"


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def _head(properties: str) -> PropertiesHead:
    """The properties the collector looks at; most events have none of them, which is cheaper to see than to decode."""
    if any(mark in properties for mark in _HEAD_MARKS):
        return _head_decoder.decode(properties)
    return _NO_HEAD


_HEAD_MARKS = ('"store_id"', '"receipt_id"', '"return_id"', '"loyalty_card"')

_channels: dict[tuple[Any, ...], str] = {}
_MANY = 4096


def _channel(context: WireContext, said: Any, kind: str, spec: EventSpec | None, key_kind: str, namespace: str) -> str:
    """``channel_for``, remembered: shops have few libraries and devices, and it is asked for every event."""
    device, library = context.device, context.library
    key = (
        context.channel,
        device.get("type") if type(device) is dict else None,
        library.get("name") if type(library) is dict else None,
        said,
        kind,
        spec.name if spec else None,
        key_kind,
        namespace,
    )
    plain = True
    try:
        return _channels[key]
    except KeyError:
        pass
    except TypeError:  # a client sent a list or an object where a word belongs
        plain = False
    found = channel_for(
        {"channel": context.channel, "device": device, "library": library},
        kind,
        spec,
        key_kind,
        channel=said,
        namespace=namespace,
    )
    if plain:
        if len(_channels) > _MANY:
            _channels.clear()
        _channels[key] = found
    return found


def _name(kind: str, wire: WireEvent) -> str:
    if kind != "track":
        return _FIXED_NAMES[kind]
    name = wire.event if isinstance(wire.event, str) else text_of(wire.event)
    if not name or not name.strip():
        raise Rejected("A track call needs the name of its event.", code="event_name_missing")
    if len(name) > MAX_NAME:
        raise Rejected(f"The event's name is over {MAX_NAME} characters.", code="event_name_too_long")
    return " ".join(name.replace("\x00", "").split()) or _nameless()


def _nameless() -> str:
    raise Rejected("The event's name has no readable character.", code="event_name_missing")


def _with_title(properties: str | None, wire: WireEvent) -> str | None:
    """Properties of a page or screen with its name and category among them, where Segment puts them beside."""
    given = {key: value for key, value in (("name", wire.name), ("category", wire.category)) if value}
    if not given:
        return properties
    merged = given | (_any_decoder.decode(properties) if properties else {})
    return msgspec.json.encode(merged).decode()


def _identifiers(wire: WireEvent) -> str | None:
    """The ids as the client gave them, as JSON."""
    given = {}
    if wire.userId:
        given["userId"] = wire.userId
    if wire.anonymousId:
        given["anonymousId"] = wire.anonymousId
    if wire.groupId:
        given["groupId"] = wire.groupId
    if wire.previousId:
        given["previousId"] = wire.previousId
    return _encoder.encode(given).decode() if given else None


def object_text(raw: msgspec.Raw, what: str) -> str | None:
    """The JSON object as text; None when absent or null. Raises Rejected when it is something else."""
    if raw is ABSENT:
        return None
    try:
        text = str(raw, "utf-8")  # Raw is a buffer
    except UnicodeDecodeError:
        raise Rejected(f"{what} is not UTF-8 text.", code="invalid_utf8") from None
    if not text or text == "null":
        return None
    if text[0] != "{":
        raise Rejected(f"{what} is not an object.", code=f"invalid_{what.partition('.')[0]}")
    return text


def clean(raw: bytes) -> bytes:
    """The same JSON with what no database can store as text replaced by U+FFFD: NUL, lone surrogates.

    Works on the escapes alone, so that numbers and everything else stay as they came.
    """
    return _ESCAPES.sub(lambda found: b"\\ufffd" if found["poison"] else found[0], raw)


def printable(value: Any) -> str | None:
    """A short readable form of whatever a client sent."""
    if value is None:
        return None
    text = value if isinstance(value, str) else str(value)
    return _LONE.sub("�", text.replace("\x00", "�"))[:MAX_NAME]
