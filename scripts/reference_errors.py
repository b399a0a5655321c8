"""The error reference, read from the sources: every code, its status, what it says."""

from __future__ import annotations

import ast
import importlib
import pkgutil
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import unisono
from unisono.kit.errors import UnisonoError

HEAD = """Every error over the API is a problem document (RFC 9457, `application/problem+json`):

```json
{"type": "urn:unisono:error:person_not_found", "title": "Not found", "status": 404,
 "detail": "There is no person 7.", "code": "person_not_found", "instance": "/api/people/7"}
```
`code` is stable: programs decide by it. `detail` says what happened this time, `hint` (not always there) what to do.
429 and 503 carry `Retry-After` in seconds. On the command line the same errors end with exit code 2. A request the
framework itself refuses has the code `http_` and its status, such as `http_405`; … stands for what is filled in.

The collector is milder than the rest: an event that cannot be written does not fail its request. It is answered 200 and
kept as a failed event with one of the codes of the second table, to be replayed when the cause is mended.

"""


REASON = 0
"""Stands in place of a status for codes that come inside an answer: reasons, and items that were refused."""

SENDING = -1
"""Stands in place of a status for what became of a message when it was handed over."""


class Said(NamedTuple):
    """One place in the sources that names a code."""

    code: str
    status: int | None
    text: str


def error_classes() -> dict[str, type[UnisonoError]]:
    """Every error class of the package, by name."""
    for module in pkgutil.walk_packages(unisono.__path__, "unisono."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found: dict[str, type[UnisonoError]] = {}
    waiting = [UnisonoError]
    while waiting:
        one = waiting.pop()
        found[one.__name__] = one
        waiting += one.__subclasses__()
    return found


def sources() -> Iterator[ast.Module]:
    """Every module of the package, parsed."""
    for path in sorted(Path(unisono.__path__[0]).rglob("*.py")):
        yield ast.parse(path.read_text("utf-8"))


def texts(node: ast.expr | None) -> list[str]:
    """What an expression can spell; an ellipsis stands for what is filled in."""
    match node:
        case ast.Constant(value=str(value)):
            return [value]
        case ast.IfExp(body=body, orelse=orelse):
            return texts(body) + texts(orelse)
        case ast.JoinedStr(values=values):
            return ["".join(value.value if isinstance(value, ast.Constant) else "…" for value in values)]
        case ast.Call(func=ast.Attribute(value=inner)):
            return texts(inner)
    return []


def said(classes: dict[str, type[UnisonoError]]) -> Iterator[Said]:
    """Every code the sources name, with what is said beside it."""
    for one in classes.values():
        text = " ".join((one.__doc__ or one.title).split("\n\n")[0].split())
        yield Said(one.code, None if one.__name__ == "Rejected" else one.status, text)
    for module in sources():
        for node in ast.walk(module):
            if isinstance(node, ast.Call):
                yield from _of_call(node, classes)


def _of_call(call: ast.Call, classes: dict[str, type[UnisonoError]]) -> Iterator[Said]:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    if name in classes:
        status = None if name == "Rejected" else classes[name].status
        text = texts(call.args[0]) if call.args else texts(given.get("detail"))
        for code in texts(given.get("code")):
            yield Said(code, status, text[0] if text else "")
    elif name in ("Reason", "not_among"):
        code = call.args[0] if call.args else given.get("code")
        text = call.args[1] if len(call.args) > 1 else given.get("text")
        for spelled in texts(code):
            yield Said(spelled, REASON, (texts(text) or [""])[0])
    elif name == "Refusal":
        for code in texts(given.get("code")):
            yield Said(code, REASON, "")
    elif name == "Sent":
        for code in texts(given.get("code")):
            yield Said(code, SENDING, (texts(given.get("detail")) or [""])[0])
    elif name == "Failure" and call.args:
        for code in texts(call.args[0]):
            yield Said(code, None, (texts(call.args[1]) or ["PostgreSQL refuses a value."])[0])
    elif name == "fail" and len(call.args) > 2:
        for code in texts(call.args[1]):
            yield Said(code, None, (texts(call.args[2]) or [""])[0])


def errors() -> str:
    """The page below its title."""
    answers: dict[tuple[str, int], list[str]] = defaultdict(list)
    reasons: dict[str, list[str]] = defaultdict(list)
    failed: dict[str, list[str]] = defaultdict(list)
    sendings: dict[str, list[str]] = defaultdict(list)
    apart = {None: failed, REASON: reasons, SENDING: sendings}
    for code, status, spelled in said(error_classes()):
        known = apart[status][code] if status is None or status <= REASON else answers[code, status]
        text = spelled.replace("``", "`")
        if text and text not in known:
            known.append(text)
    answers.pop(("http_…", 500), None)
    answers["validation", 400].append("A parameter or a field is missing or of the wrong type; `errors` names each.")
    lines = ["| code | status | says |", "|---|---|---|"]
    for code, status in sorted(answers):
        lines.append(f"| `{code}` | {status} | {_cell(answers[code, status])} |")
    lines += ["", "## Codes of failed events", "", "| code | says |", "|---|---|"]
    lines += [f"| `{code}` | {_cell(failed[code])} |" for code in sorted(failed)]
    lines += [
        "",
        "## Codes of reasons",
        "",
        "Why a promotion, a line, an item or a slot is as it is; inside answers.",
        "",
    ]
    lines += ["| code | says |", "|---|---|"]
    lines += [f"| `{code}` | {_cell(reasons[code])} |" for code in sorted(reasons)]
    lines += ["", "## Codes of sendings", ""]
    lines += ["Why a message was not handed over, beside the codes the provider itself gives (`…`).", ""]
    lines += ["| code | says |", "|---|---|"]
    lines += [
        f"| `{code}` | {_cell(sendings[code], 'What the provider or the network says.')} |" for code in sorted(sendings)
    ]
    return HEAD + "## Codes of answers\n\n" + "\n".join(lines) + "\n"


def _cell(said: list[str], otherwise: str = "Something went wrong.") -> str:
    return "<br>".join(text.replace("|", "\\|").replace("\n", " ") for text in said) or otherwise
