"""What privacy keeps about people: that they asked."""

from __future__ import annotations

from unisono.kit.marking import N_
from unisono.kit.personal import BY_PERSON, KIND, STATE, WHEN, PersonalData, Table

PERSONAL = PersonalData(
    "privacy",
    [
        Table(
            name="privacy_archive",
            whose="request_id in (select id from privacy_request where person_id = any($1::bigint[]))",
            unshown="Copies made before this one.",
        ),
        Table(
            name="privacy_request",
            whose=BY_PERSON,
            deed="blank",
            blanks={
                "person_id": "null",
                "reason": "''",
                "settings": "case when kind = 'erasure' and state = 'running' then settings else '{}' end",
                "expires_at": "null",
                "state": "case when kind = 'access' and state in ('open', 'running') or state = 'open'"
                " then 'refused' else state end",
                "settled_at": "case when kind = 'erasure' and state = 'running' then settled_at"
                " else coalesce(settled_at, now()) end",
            },
            why=N_("That a request was answered, and when, must stay provable (GDPR art. 5.2); it names nobody."),
            kept={
                "kind": "a word of ours",
                "requested_by": "a colleague or a key",
                "receipt": "counts",
                "progress": "a word of ours",
                "material": "encrypted, and gone when the erasure has ended",
            },
            section=N_("Privacy requests"),
            columns={
                "requested_at": WHEN,
                "kind": KIND,
                "state": STATE,
                "requested_by": N_("By whom"),
                "settled_at": N_("Settled"),
            },
            order="requested_at",
        ),
    ],
)
"""Requests and their archives."""
