"""The builder of segments: a form of nested boxes that works by itself, and counts while it is filled in with
scripts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import msgspec
from litestar import Response, get, post
from litestar.types import ControllerRouterHandler

from unisono.access.guards import caller, now_of, requires
from unisono.console import contexts, links
from unisono.console.completing import Completer, located_stores
from unisono.console.deeds import Deed, run_and_go
from unisono.console.pages import AnyRequest, page, pool_of, settings_of, words_of
from unisono.console.routes.products import asked
from unisono.console.routes.segment_numbers import answer_for, count_rule, who_is_meant
from unisono.console.views import segments as views
from unisono.console.views.boxes import FILL_IN, UNREADABLE, Box
from unisono.console.views.codes import code_of
from unisono.console.views.commerce import problem_with_reasons
from unisono.console.views.details import detail_told
from unisono.console.views.segment_form import Drawer, Offers, box_at, offers_for, place_of
from unisono.console.views.segment_templates import ready
from unisono.console.views.segment_tree import Reader, fresh, press, read_box, root_of, sayable
from unisono.console.words import Words
from unisono.customers.identity.service import PersonNotFound
from unisono.customers.segments import service as segments
from unisono.customers.segments.model import Rule, RuleError, encode
from unisono.customers.segments.service import Changes, NewSegment, Segment
from unisono.customers.segments.standing import present_world
from unisono.customers.segments.validation import Warned
from unisono.customers.segments.yaml_io import load_rule
from unisono.kit.database import Connection, connection, transaction
from unisono.kit.errors import UnisonoError
from unisono.kit.marking import N_

SECTION = "segments"
SAVES = ("save", "publish")
GENERAL = ("name", "code", "description", "note", "who")
BAD_CODE = N_("Small letters, digits, - and _ only, beginning with a letter or digit.")
MOST_NAME = 120


class Draft:
    """A segment as it stands in the form."""

    def __init__(self, typed: dict[str, str], root: Box, *, mode: str = "boxes", yaml: str = "") -> None:
        self.typed = typed
        self.root = root
        self.mode = mode
        self.yaml = yaml
        self.faults: dict[str, str] = {}
        self.places: dict[str, str] = {}

    @classmethod
    def of_form(cls, form: dict[str, str]) -> Draft:
        """As it was sent."""
        typed = {name: text for name, text in form.items() if not name.startswith("r.")}
        mode = "yaml" if form.get("mode") == "yaml" else "boxes"
        return cls(typed, read_box(form), mode=mode, yaml=form.get("yaml", ""))

    @classmethod
    def of_rule(cls, plain: dict[str, Any], **typed: str) -> Draft:
        """As it would have been typed; by YAML where boxes cannot say it."""
        if sayable(plain):
            return cls(typed, root_of(plain))
        return cls(typed, Box("all"), mode="yaml", yaml=views.yaml_of(plain))

    @property
    def version(self) -> int:
        """The version that is being changed; 0 for a new segment."""
        text = self.typed.get("version", "0")
        return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0

    @property
    def code(self) -> str:
        """Its code; made of the name where none is typed."""
        return self.typed.get("code", "").strip() or code_of(self.typed.get("name", ""))

    def rule(self) -> dict[str, Any] | None:
        """The rule as it stands; None when something is missing. Raises RuleError for YAML that cannot be read."""
        if self.mode == "yaml":
            return encode(load_rule(self.yaml))
        reader = Reader()
        made = reader.rule(self.root)
        self.faults |= reader.faults
        self.places = reader.places
        return made

    def switch(self, do: str) -> None:
        """From boxes to YAML and back. Raises RuleError."""
        if do == "as_yaml" and self.mode == "boxes":
            made = self.rule()
            self.yaml = views.yaml_of(made) if made else self.yaml
            self.mode = "yaml" if made else "boxes"
        elif do == "as_boxes" and self.mode == "yaml":
            plain = encode(load_rule(self.yaml))
            if sayable(plain):
                self.root, self.mode = root_of(plain), "boxes"

    def check_general(self) -> None:
        """Notes what is wrong with the name and the code."""
        name = self.typed.get("name", "").strip()
        if not name:
            self.faults["name"] = FILL_IN
        elif len(name) > MOST_NAME:
            self.faults["name"] = UNREADABLE
        try:
            msgspec.convert(self.code, segments.Code)
        except msgspec.ValidationError:
            self.faults["code" if name else "name"] = BAD_CODE if name else FILL_IN


class Asked(NamedTuple):
    """What a form led to: the rule if it can be counted, what may be wrong with it, what was found of people."""

    rule: Rule | None = None
    warned: Sequence[Warned] = ()
    numbers: contexts.SegmentNumbers | None = None
    found: Sequence[contexts.PersonLink] = ()
    answer: contexts.WhyAnswer | None = None


async def fields_of(request: AnyRequest) -> dict[str, str]:
    """The fields of the form, each once, without what cannot be stored."""
    form = await request.form()
    return {name: value.replace("\x00", "") for name, value in form.multi_items() if isinstance(value, str)}


async def _usable(conn: Connection, request: AnyRequest, draft: Draft) -> Asked:
    plain = draft.rule()
    if plain is None:
        return Asked()
    world = await present_world(conn, settings_of(request))
    rule, warned = await segments.usable_rule(conn, plain, world, await Completer(request, conn).names())
    return Asked(rule, warned)


async def _ask(request: AnyRequest, draft: Draft, do: str) -> Asked:
    """Count the rule as it stands; with ``do`` people or match look at people too. Raises RuleError."""
    async with connection(pool_of(request)) as conn:
        asked_ = await _usable(conn, request, draft)
        if asked_.rule is None:
            return asked_
        numbers = await count_rule(conn, request, asked_.rule, people=do == "people", warned=asked_.warned)
    asked_ = asked_._replace(numbers=numbers)
    who = draft.typed.get("who", "").strip()[:200]
    if not caller(request).may("people:read") or not (do.startswith("match") and (who or ":" in do)):
        return asked_
    assert asked_.rule is not None
    async with transaction(pool_of(request)) as conn:
        chosen = do.partition(":")[2]
        found = [] if chosen else await who_is_meant(conn, request, who)
        person = int(chosen) if chosen.isascii() and chosen.isdigit() and len(chosen) < 19 else None
        if person is None and len(found) == 1:
            person = found[0].person_id
        if person is None:
            return asked_._replace(found=found)
        try:
            return asked_._replace(answer=await answer_for(conn, request, asked_.rule, person))
        except PersonNotFound:
            return asked_


async def _offers(request: AnyRequest, draft: Draft) -> Offers:
    async with connection(pool_of(request)) as conn:
        world = await present_world(conn, settings_of(request))
        known = await offers_for(Completer(request, conn), draft.root, list(world.computed))
        others = await segments.list_segments(conn, statuses=["live", "draft"], limit=200)
        return Offers(
            known=known,
            segments=[(one.code, one.name) for one in others if one.code != draft.typed.get("code")],
            stores=await located_stores(conn),
        )


def _problem(words: Words, draft: Draft, error: UnisonoError | None, do: str) -> contexts.Problem | None:
    if error is not None:
        return problem_with_reasons(words, error)
    if draft.faults and do in (*SAVES, "as_yaml"):
        return contexts.Problem(what=words.gettext("Something is missing"), do=words.gettext("See the marked fields."))
    return None


async def _show(
    request: AnyRequest,
    draft: Draft,
    *,
    do: str = "",
    focus: str = "",
    found: Asked | None = None,
    error: UnisonoError | None = None,
) -> Response[str]:
    principal = caller(request)
    words, found = words_of(request, principal), found or Asked()
    problem = _problem(words, draft, error, do)
    faults = draft.faults if do in (*SAVES, "as_yaml") else {}
    if isinstance(error, RuleError) and (at := box_at(place_of(error.detail), draft.places)):
        what = detail_told(error.detail.partition(" - at `")[0], words)
        faults, problem = {**faults, at: what}, problem and msgspec.structs.replace(problem, why=what)
    if problem is not None and problem.field in GENERAL:
        faults = {problem.field: problem.what, **faults}
    offers = await _offers(request, draft) if draft.mode == "boxes" else Offers({})
    drawn = Drawer(words, offers, faults, focus).root(draft.root) if draft.mode == "boxes" else None
    typed, version = draft.typed, draft.version
    view = contexts.SegmentBuilder(
        is_new=version == 0,
        code=typed.get("code", ""),
        version=version,
        status=typed.get("status", "draft"),
        name=typed.get("name", ""),
        description=typed.get("description", ""),
        note=typed.get("note", ""),
        mode=cast("Any", draft.mode),
        root=drawn,
        yaml=draft.yaml,
        sentence=views.told_rule(found.rule, words) if found.rule is not None else "",
        numbers=found.numbers,
        unfinished=found.rule is None,
        who=typed.get("who", ""),
        found=found.found,
        answer=found.answer,
        asked_who=do.startswith("match"),
        asked_to_keep=do in (*SAVES, "as_yaml", "as_boxes"),
        back_href=links.segment(typed["code"]) if version and typed.get("code") else links.SEGMENTS,
        can_see_people=principal.may("people:read"),
        faults=[(name, words.gettext(faults[name])) for name in GENERAL if name in faults],
        problem=problem,
    )
    title = words.gettext("Change a segment") if version else words.gettext("New segment")
    failed = error.status if error and do in SAVES else 400 if problem and do in SAVES else 200
    return await page(request, view, title=title, section=SECTION, status=failed)


@get(links.SEGMENT_BUILDER, guards=[requires("segments:write")], include_in_schema=False)
async def open_builder(request: AnyRequest) -> Response[str]:
    """A segment in the form: a new one, a ready one, one there is."""
    words, code, template = words_of(request, caller(request)), asked(request, "code", 80), asked(request, "template")
    if code:
        async with connection(pool_of(request)) as conn:
            one = await segments.find(conn, code)
        draft = _draft_of(one)
    elif template in ready():
        made = ready()[template]
        draft = Draft.of_rule(encode(made.rule), name=words.gettext(made.name))
    else:
        draft = Draft({}, Box("all", {}, [fresh("event")]))
    try:
        found = await _ask(request, draft, "")
    except RuleError as error:
        return await _show(request, draft, error=error)
    return await _show(request, draft, found=found)


def _draft_of(one: Segment) -> Draft:
    return Draft.of_rule(
        one.rule,
        name=one.name,
        code=one.code,
        description=one.description,
        version=str(one.version),
        status=one.status,
    )


async def _keep(
    request: AnyRequest, form: dict[str, str], draft: Draft, rule: dict[str, Any], do: str
) -> Response[Any]:
    principal, now = caller(request), now_of(request)
    words, typed = words_of(request, principal), draft.typed
    note, version = typed.get("note", "").strip()[:500], draft.version

    async def act(conn: Connection) -> Deed:
        said: dict[str, Any] = {
            "name": typed["name"].strip(),
            "description": typed.get("description", "").strip(),
            "rule": rule,
        }
        if version:
            changes = Changes(**said)
            kept = await segments.change(
                conn, draft.code, changes, actor=principal.actor, now=now, note=note, expected_version=version
            )
        else:
            new = NewSegment(code=draft.code, **said)
            kept = await segments.create(conn, new, actor=principal.actor, now=now, note=note)
        if do == "publish":
            kept = await segments.publish(conn, kept.code, now=now)
        text = words.gettext("Saved. It does nothing before you publish it.")
        if kept.status == "live":
            text = (
                words.gettext("It is live: its members are being counted.")
                if kept.counting
                else words.gettext("Saved.")
            )
        action = "segment.publish" if do == "publish" else "segment.change" if version else "segment.create"
        detail = {"segment": kept.code, "version": kept.version, **({"note": note} if note else {})}
        return Deed(text=text, href=links.segment(kept.code), action=action, detail=detail)

    return await run_and_go(request, form, act)


@post(links.SEGMENT_BUILDER, guards=[requires("segments:write")], include_in_schema=False, status_code=200)
async def build(request: AnyRequest) -> Response[Any]:
    """What was pressed: a box added, moved, taken away; counted; people looked at; saved; saved and published."""
    form = await fields_of(request)
    do, draft, found = form.get("do", ""), Draft.of_form(form), Asked()
    focus = press(draft.root, form, do) if draft.mode == "boxes" else ""
    try:
        draft.switch(do)
        found = await _ask(request, draft, do)
        if do in SAVES:
            draft.check_general()
            if found.rule is not None and not draft.faults:
                return await _keep(request, form, draft, encode(found.rule), do)
    except UnisonoError as caught:
        return await _show(request, draft, do=do, focus=focus, found=found, error=caught)
    return await _show(request, draft, do=do, focus=focus, found=found)


routes: list[ControllerRouterHandler] = [open_builder, build]
