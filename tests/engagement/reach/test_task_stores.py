"""Whose tasks a clerk may make: people of the own stores' alone."""

from __future__ import annotations

from typing import Any

from tests.support.console import console_site, track


async def test_a_clerk_makes_tasks_for_people_of_the_own_stores_alone(dsn: str) -> None:
    """Somebody only seen in Torino is nobody to a clerk of Milano: no task, and nothing of his is shown."""
    async with console_site(dsn) as site:
        await site.send(track("anna", "Receipt Issued", store_id="milano"), store="milano")
        await site.send(track("bruno", "Receipt Issued", store_id="torino"), store="torino")
        await site.work()
        await site.sign_in_as("clerk", "milano")

        async def make(user: str) -> Any:
            body = {"title": "Call back", "store_id": "milano", "person_id": await site.person("user_id", user)}
            return await site.client.post("/api/tasks", json=body, headers={"x-csrftoken": site.csrf})

        refused, made = await make("bruno"), await make("anna")
    assert (refused.status_code, refused.json()["code"]) == (404, "person_not_found")
    assert made.status_code == 201, made.text
