"""First run, signing in and out, languages and looks."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.support.console import PASSWORD, Site, text_of
from unisono.access import invitations
from unisono.access.sessions import COOKIE

OWNER = {"name": "Ada Rossi", "email": "ada@alpestre.example", "company": "Alpestre", "password": PASSWORD}


async def first_run(site: Site) -> None:
    link = await invitations.first_run_link(site.pool, now=datetime.now(UTC))
    assert link is not None
    answer = await site.client.post("/console/first-run", data={**OWNER, "token": link.token})
    assert answer.status_code == 303, text_of(answer.text)


async def test_a_new_installation_asks_for_its_owner_with_the_printed_link(site: Site) -> None:
    """From any address to the first run, and from the printed link into the console, signed in."""
    start = await site.get("/", follow_redirects=True)
    assert start.url.path == "/console/first-run"
    assert "Setup code" in text_of(start.text)
    link = await invitations.first_run_link(site.pool, now=datetime.now(UTC))
    assert link is not None
    form = await site.get(link.path)
    assert "Create the owner" in text_of(form.text)
    assert "Setup code" not in text_of(form.text)
    answer = await site.client.post("/console/first-run", data={**OWNER, "token": link.token}, follow_redirects=True)
    assert answer.url.path == "/console/people"
    assert "Ada Rossi" in answer.text
    assert (await site.browser().get(link.path)).status_code == 404


async def test_a_mistake_in_the_first_run_keeps_what_was_typed_except_the_password(site: Site) -> None:
    link = await invitations.first_run_link(site.pool, now=datetime.now(UTC))
    assert link is not None
    answer = await site.client.post(
        "/console/first-run", data={**OWNER, "token": link.token, "password": "password1234"}
    )
    assert answer.status_code == 400
    assert "easy to guess" in text_of(answer.text)
    assert 'value="ada@alpestre.example"' in answer.text
    assert "password1234" not in answer.text
    guessed = await site.client.post("/console/first-run", data={**OWNER, "token": "guess"})
    assert guessed.status_code == 404
    assert await site.pool.fetchval("select count(*) from account") == 0


async def test_signing_in_leads_back_to_the_page_that_was_wanted(site: Site) -> None:
    await first_run(site)
    site.client = site.browser()
    asked = await site.get("/console/sources", follow_redirects=True)
    assert asked.url.path == "/console/sign-in"
    assert 'name="next" value="/console/sources"' in asked.text
    answer = await site.client.post(
        "/console/sign-in", data={"email": "ADA@alpestre.example", "password": PASSWORD, "next": "/console/sources"}
    )
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/sources")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie
    assert (await site.get("/console/sources")).status_code == 200


async def test_wrong_credentials_say_so_without_saying_which_and_then_ask_to_wait(site: Site) -> None:
    await first_run(site)
    site.client = site.browser()
    texts = set()
    for email in ("ada@alpestre.example", "nobody@alpestre.example"):
        answer = await site.client.post("/console/sign-in", data={"email": email, "password": "wrong"})
        assert answer.status_code == 401
        assert COOKIE not in answer.cookies
        texts.add(text_of(answer.text))
    assert len(texts) == 1
    for _ in range(6):
        answer = await site.client.post("/console/sign-in", data={"email": "ada@alpestre.example", "password": "no"})
    assert answer.status_code == 429
    assert "Try again in 1 second." in text_of(answer.text)


async def test_signing_out_ends_this_session_and_everywhere_ends_all(site: Site) -> None:
    await first_run(site)
    here, there = site.browser(), site.browser()
    for browser in (here, there):
        await browser.post("/console/sign-in", data={"email": OWNER["email"], "password": PASSWORD})
    tokens = await site.pool.fetch("select csrf from session order by created_at desc, csrf")
    assert len(tokens) == 3
    page = (await here.get("/console/people")).text
    csrf = page.split('name="_csrf_token" value="')[1].split('"')[0]
    answer = await here.post("/console/sign-out", data={"_csrf_token": csrf})
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/sign-in")
    assert (await here.get("/console/people")).status_code == 303
    page = (await there.get("/console/people")).text
    csrf = page.split('name="_csrf_token" value="')[1].split('"')[0]
    await there.post("/console/sign-out", data={"_csrf_token": csrf, "everywhere": "1"})
    assert await site.pool.fetchval("select count(*) from session") == 0


async def test_the_language_is_the_accounts_then_the_addresss_then_the_browsers(site: Site) -> None:
    """Account setting, ``?lang=``, cookie, Accept-Language, setting: the first that answers."""
    await first_run(site)
    visitor = site.browser()
    assert 'lang="en"' in (await visitor.get("/console/sign-in")).text
    assert "Accedi" in (await visitor.get("/console/sign-in", headers={"accept-language": "it-IT,en;q=0.5"})).text
    assert "Accedi" in (await visitor.get("/console/sign-in?lang=it")).text
    await visitor.post("/console/preferences", data={"language": "it"})
    assert "Accedi" in (await visitor.get("/console/sign-in")).text
    await site.sign_in_as("owner")
    await site.post("/console/preferences", {"language": "it", "theme": "dark", "density": "compact"})
    page = (await site.get("/console/people?lang=en", headers={"accept-language": "en"})).text
    assert '<html lang="it" data-theme="dark" data-density="compact">' in page
    assert "Persone" in page


async def test_unknown_preferences_change_nothing(site: Site) -> None:
    await site.sign_in_as("owner")
    await site.post("/console/preferences", {"language": "xx", "theme": "<script>", "density": "huge"})
    page = (await site.get("/console/people")).text
    assert '<html lang="en" data-theme="auto" data-density="comfortable">' in page


async def test_an_invited_colleague_sets_a_password_and_a_forgotten_one_is_replaced(site: Site) -> None:
    """The owner copies the link; it is shown once and works once."""
    await first_run(site)
    await site.sign_in_as("owner")
    answer = await site.post("/console/team", {"name": "Pia Verdi", "email": "pia@alpestre.example", "role": "agent"})
    assert answer.status_code == 200
    path = answer.text.split("http://console.test")[1].split("<")[0]
    assert path.startswith("/console/first-run?token=")
    assert "first-run?token" not in (await site.get("/console/team")).text
    pia = site.browser()
    form = await pia.get(path)
    assert "Welcome, Pia Verdi" in text_of(form.text)
    assert 'name="company"' not in form.text
    token = path.split("token=")[1]
    entered = await pia.post("/console/first-run", data={"token": token, "password": "lampione-tazza-gialla"})
    assert entered.headers["location"] == "/console/people"
    assert "Pia Verdi" in (await pia.get("/console/people")).text
    weak = await site.browser().post("/console/first-run", data={"token": token, "password": "short"})
    assert weak.status_code == 404
    account = await site.pool.fetchval("select id from account where email = 'pia@alpestre.example'")
    again = await site.post(f"/console/team/{account}/link")
    path = again.text.split("http://console.test")[1].split("<")[0]
    weak = await pia.post("/console/first-run", data={"token": path.split("token=")[1], "password": "short"})
    assert "Choose a password for" in text_of(weak.text)
    assert "too short" in text_of(weak.text)


async def test_the_team_changes_roles_and_closes_accounts_with_an_undo(site: Site) -> None:
    await site.sign_in_as("owner")
    await site.sign_in_as("agent")
    await site.sign_in_as("owner")
    agent = await site.pool.fetchval("select id from account where role = 'agent'")
    owner = await site.pool.fetchval("select id from account where role = 'owner'")
    await site.post(f"/console/team/{agent}/role", {"role": "analyst"})
    assert await site.pool.fetchval("select role from account where id = $1", agent) == "analyst"
    missing_store = await site.post(f"/console/team/{agent}/role", {"role": "clerk"})
    assert "A clerk belongs to a store" in text_of(missing_store.text)
    await site.post(f"/console/team/{agent}/disable")
    page = await site.get("/console/team")
    assert "The account of Anna agent is closed." in text_of(page.text)
    assert f"/console/team/{agent}/enable" in page.text
    assert "The account of Anna agent is closed." not in text_of((await site.get("/console/team")).text)
    await site.post(f"/console/team/{agent}/enable")
    assert await site.pool.fetchval("select disabled_at from account where id = $1", agent) is None
    last = await site.post(f"/console/team/{owner}/disable")
    assert last.status_code == 409
    assert "The last owner cannot go" in text_of(last.text)
    assert len(await site.audit("account.role")) == 1
