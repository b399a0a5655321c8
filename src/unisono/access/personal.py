"""What access keeps about customers: their tokens, who looked at them, what was answered about them."""

from __future__ import annotations

from unisono.kit.marking import N_
from unisono.kit.personal import BY_NODE, BY_PERSON, WHEN, PersonalData, Table

STAFF = "About the people who work here, not about customers."

ERASED_ANSWER = (
    """convert_to('{"type":"urn:unisono:error:erased","title":"It was about somebody who was erased","status":410,"""
    """"detail":"It was about somebody who was erased since.","code":"erased"}', 'UTF8')"""
)
"""What a repetition is answered from then on: it must neither be told the first answer nor be done again."""

PERSONAL = PersonalData(
    "access",
    [
        Table(
            name="customer_token",
            whose=BY_NODE,
            soon=False,
            unshown="Keys of a shop front that end within 15 minutes.",
        ),
        Table(
            name="audit_entry",
            written="at",
            whose=BY_PERSON,
            deed="blank",
            blanks={"detail": "'{}'"},
            why=N_("Who looked at or changed what must stay provable (GDPR art. 5.2); it names the person no more."),
            kept={
                "actor": "colleagues, keys, tills",
                "action": "a word of ours",
                "person_id": "a number that leads nowhere any more",
            },
            mentions=("detail",),
            names_too=True,
            section=N_("Who looked at the data"),
            columns={"at": WHEN, "action": N_("What was done"), "actor": N_("By whom")},
            order="at, id",
        ),
        Table(
            name="idempotency",
            written="created_at",
            mentions=("body",),
            on_mention={
                "body": ERASED_ANSWER,
                "status": "410",
                "content_type": "'application/problem+json'",
            },
            names_too=True,
            kept={"scope": "who called", "request_hash": "a digest of the request", "content_type": "a media type"},
            unshown="Answers kept for repetitions: the same facts as in the other sections.",
        ),
        Table(
            name="idempotency",
            written="created_at",
            mentions=("key",),
            on_mention={"key": "'erased:' || gen_random_uuid()", "body": ERASED_ANSWER, "status": "410"},
            names_too=True,
            unshown="Keys that name somebody: a repetition under them is not known any more.",
        ),
        Table(
            name="sign_in_attempt",
            written="last_at",
            mentions=("key",),
            on_mention={"key": "'erased:' || gen_random_uuid()"},
            kept={"scope": "a word of ours"},
            unshown="Counts failed sign-ins of colleagues; a customer's address is in it if he tried it.",
        ),
    ],
    others={
        "source": "Where events come from.",
        "api_key": "Keys of systems.",
        "account": STAFF,
        "invitation": STAFF,
        "session": STAFF,
        "installation": "The company's own name.",
    },
)
"""Tokens, audit, kept answers."""
