"""Service: conversations, calls, notes, appointments, surveys, tasks."""

from __future__ import annotations

from functools import partial

from unisono.customers.timeline.vocabulary.model import (
    EventSpec,
    Facts,
    Family,
    Flag,
    Id,
    Instant,
    Number,
    Text,
)


class Conversation(Facts, frozen=True, kw_only=True):
    """A conversation. Durations are in seconds."""

    conversation_id: Id | None = None
    conversation_duration: Number | None = None
    channel: Text | None = None
    subject: Text | None = None
    intent: Text | None = None
    agent_id: Id | None = None
    agent_name: Text | None = None
    agent_username: Text | None = None
    team: Text | None = None
    outcome: Text | None = None
    message_id: Id | None = None
    message_body: Text | None = None
    role: Text | None = None


class Message(Conversation, frozen=True, kw_only=True):
    """A message of a conversation."""

    text: Text | None = None
    direction: Text | None = None
    media_type: Text | None = None
    automatic: Flag | None = None


class BotStep(Message, frozen=True, kw_only=True):
    """Something an assistant program did in a conversation."""

    type: Text | None = None
    sub_type: Text | None = None
    action: Text | None = None
    rating: Number | None = None


class Question(Facts, frozen=True, kw_only=True):
    """A question with a key, so that nobody asks it twice."""

    question_key: Text | None = None
    question: Text | None = None
    answer: Text | None = None
    channel: Text | None = None
    agent_id: Id | None = None
    conversation_id: Id | None = None


class Complaint(Facts, frozen=True, kw_only=True):
    """A complaint: while it is open the person gets help, not promotion."""

    complaint_id: Id | None = None
    conversation_id: Id | None = None
    order_id: Id | None = None
    reason: Text | None = None
    outcome: Text | None = None
    agent_id: Id | None = None
    agent_name: Text | None = None


class Call(Facts, frozen=True, kw_only=True):
    """A phone call; the duration is in seconds."""

    call_id: Id | None = None
    direction: Text | None = None
    duration: Number | None = None
    outcome: Text | None = None
    agent: Text | None = None
    agent_id: Id | None = None
    agent_name: Text | None = None
    phone_number: Text | None = None
    subject: Text | None = None
    conversation_id: Id | None = None


class Note(Facts, frozen=True, kw_only=True):
    """A note of one of ours about the person."""

    note_id: Id | None = None
    text: Text | None = None
    channel: Text | None = None
    duration: Number | None = None
    outcome: Text | None = None
    agent_id: Id | None = None
    agent_name: Text | None = None
    clerk_id: Id | None = None
    store_id: Id | None = None


class Task(Facts, frozen=True, kw_only=True):
    """Something one of ours has to do for the person."""

    task_id: Id | None = None
    subject: Text | None = None
    due_at: Instant | None = None
    agent_id: Id | None = None
    agent_name: Text | None = None
    outcome: Text | None = None
    store_id: Id | None = None


class Appointment(Facts, frozen=True, kw_only=True):
    """An appointment."""

    appointment_id: Id | None = None
    service: Text | None = None
    starts_at: Instant | None = None
    ends_at: Instant | None = None
    store_id: Id | None = None
    store_name: Text | None = None
    agent_id: Id | None = None
    agent_name: Text | None = None
    reason: Text | None = None


class Survey(Facts, frozen=True, kw_only=True):
    """A survey sent or answered; the scale is kept with the answer."""

    survey_id: Id | None = None
    kind: Text | None = None
    score: Number | None = None
    scale: Text | None = None
    comment: Text | None = None
    question: Text | None = None
    channel: Text | None = None
    order_id: Id | None = None
    conversation_id: Id | None = None
    store_id: Id | None = None


_talk = partial(
    EventSpec, family=Family.CONVERSATION, channel="messages", schema=Conversation, needs=(("conversation_id",),)
)
_desk = partial(EventSpec, family=Family.CONVERSATION, channel="service")
_visit = partial(
    EventSpec,
    family=Family.APPOINTMENT,
    channel="store",
    schema=Appointment,
    needs=(("appointment_id",), ("starts_at",)),
)
_survey = partial(EventSpec, family=Family.SURVEY, channel="service", schema=Survey)

CONVERSATIONS = (
    _talk(
        name="Conversation Started",
        aliases=("Live Chat Conversation Started", "Chat Started"),
        description="The person opened a conversation, in whatever channel.",
        label_it="Conversazione iniziata",
        says_en="Started a conversation[ on {via}][: {quote}]",
        says_it="Ha iniziato una conversazione[ su {via}][: {quote}]",
    ),
    _talk(
        name="Conversation Assigned",
        description="A conversation was given to an agent or a team.",
        label_it="Conversazione assegnata",
        says_en="The conversation went to {agent}|The conversation went to {team}|The conversation was assigned",
        says_it="Conversazione affidata a {agent}|Conversazione affidata a {team}|Conversazione assegnata",
    ),
    _talk(
        name="Conversation Ended",
        aliases=("Live Chat Conversation Ended", "Conversation Closed", "Conversation Resolved", "Chat Ended"),
        description="A conversation was closed.",
        label_it="Conversazione chiusa",
        says_en="The conversation ended[ after {lasted}][: {outcome}]",
        says_it="Conversazione chiusa[ dopo {lasted}][: {outcome}]",
    ),
    _talk(
        name="Conversation Handed Over",
        aliases=("Bot Handed Over", "Agent Requested"),
        description="The assistant passed the conversation to a colleague.",
        label_it="Conversazione passata a un collega",
        says_en="Passed from the assistant to {agent}|Passed from the assistant to a colleague",
        says_it="Passata dall'assistente a {agent}|Passata dall'assistente a un collega",
    ),
    _talk(
        name="Message Received",
        aliases=("Live Chat Message Sent", "Inbound Message"),
        schema=Message,
        description="The company received a message from the person. (In the live-chat spec of Segment, seen "
        "from the customer, the same is “Live Chat Message Sent”.)",
        label_it="Messaggio ricevuto",
        says_en="Wrote on {via}[: {quote}]|Wrote[: {quote}]",
        says_it="Ha scritto su {via}[: {quote}]|Ha scritto[: {quote}]",
    ),
    _talk(
        name="Message Sent",
        aliases=("Live Chat Message Received", "Outbound Message"),
        schema=Message,
        description="The company wrote to the person in a conversation. (In the live-chat spec of Segment, seen "
        "from the customer, the same is “Live Chat Message Received”.) With `role` or `direction` saying that "
        "the customer wrote it, the line on the timeline follows them.",
        label_it="Messaggio inviato",
        says_en="{agent} wrote on {via}[: {quote}]|We wrote on {via}[: {quote}]|We wrote[: {quote}]",
        says_it="{agent} ha scritto su {via}[: {quote}]|Abbiamo scritto su {via}[: {quote}]|Abbiamo scritto[: {quote}]",
    ),
    _talk(
        name="Action Invoked",
        schema=BotStep,
        description="The assistant did something for the person.",
        label_it="Azione dell'assistente",
        says_en="The assistant did: {action}|The assistant acted",
        says_it="L'assistente ha fatto: {action}|L'assistente ha agito",
    ),
    _talk(
        name="Media Generated",
        schema=BotStep,
        description="The assistant made an image or another medium in a conversation.",
        label_it="Contenuto dell'assistente",
        says_en="The assistant sent: {type}|The assistant sent a medium",
        says_it="L'assistente ha inviato: {type}|L'assistente ha inviato un contenuto",
    ),
    _talk(
        name="Component Loaded",
        schema=BotStep,
        description="The assistant showed a component in a conversation.",
        label_it="Componente mostrato",
        says_en="The assistant showed: {type}|The assistant showed a component",
        says_it="L'assistente ha mostrato: {type}|L'assistente ha mostrato un componente",
    ),
    _talk(
        name="Feedback Submitted",
        schema=BotStep,
        description="The person judged a message of a conversation.",
        label_it="Giudizio su un messaggio",
        says_en="Judged a message: {rating}|Judged a message",
        says_it="Ha giudicato un messaggio: {rating}|Ha giudicato un messaggio",
    ),
)

DESK = (
    _desk(
        name="Call Logged",
        aliases=("Call Made", "Call Received", "Call Completed", "Phone Call Logged"),
        schema=Call,
        channel="call",
        fixed=True,
        needs=(("direction",),),
        description="A phone call between the person and the company; `direction` is in or out.",
        label_it="Telefonata",
        says_en="Phone call[ with {agent}][, {lasted}][: {outcome}]",
        says_it="Telefonata[ con {agent}][, {lasted}][: {outcome}]",
    ),
    _desk(
        name="Note Added",
        aliases=("Note Created",),
        schema=Note,
        needs=(("text",),),
        description="A clerk or an agent wrote a note about the person.",
        label_it="Nota aggiunta",
        says_en="Note[ by {agent}]: {quote}|A note was added",
        says_it="Nota[ di {agent}]: {quote}|È stata aggiunta una nota",
    ),
    _desk(
        name="Question Answered",
        schema=Question,
        channel="",
        needs=(("question_key",),),
        description="The person answered a question that has a key; it will not be asked again while fresh.",
        label_it="Risposta data",
        says_en="Told us {question_key}: {answer}|Answered a question",
        says_it="Ci ha detto {question_key}: {answer}|Ha risposto a una domanda",
    ),
    _desk(
        name="Complaint Opened",
        aliases=("Ticket Opened", "Complaint Made"),
        schema=Complaint,
        description="The person complained; promotion is mute until it is closed.",
        label_it="Reclamo aperto",
        says_en="Complained[ about order {order_id}][: {reason}]",
        says_it="Ha fatto un reclamo[ per l'ordine {order_id}][: {reason}]",
    ),
    _desk(
        name="Complaint Closed",
        aliases=("Ticket Closed", "Complaint Resolved"),
        schema=Complaint,
        description="A complaint was settled.",
        label_it="Reclamo chiuso",
        says_en="The complaint was closed[: {outcome}]",
        says_it="Reclamo chiuso[: {outcome}]",
    ),
    _desk(
        name="Task Created",
        schema=Task,
        fixed=True,
        description="One of ours was asked to do something for the person.",
        label_it="Attività creata",
        says_en="Task[ for {agent}]: {subject}|A task was created",
        says_it="Attività[ per {agent}]: {subject}|Creata un'attività",
    ),
    _desk(
        name="Task Completed",
        aliases=("Task Done",),
        schema=Task,
        fixed=True,
        description="Something to do for the person was done.",
        label_it="Attività conclusa",
        says_en="Done[ by {agent}]: {subject}|A task was done",
        says_it="Fatto[ da {agent}]: {subject}|Un'attività è conclusa",
    ),
)

APPOINTMENTS = (
    _visit(
        name="Appointment Booked",
        aliases=("Booked Appointment", "Appointment Scheduled", "Appointment Created"),
        description="The person booked time with the company.",
        label_it="Appuntamento preso",
        says_en="Booked {service}[ on {day}][ in {where}]|Booked an appointment[ on {day}][ in {where}]",
        says_it="Ha prenotato {service}[ il {day}][ in {where}]|Ha preso appuntamento[ il {day}][ in {where}]",
    ),
    _visit(
        name="Appointment Kept",
        aliases=("Appointment Completed", "Appointment Attended"),
        fixed=True,
        needs=(("appointment_id",),),
        description="The person came to the appointment.",
        label_it="Appuntamento rispettato",
        says_en="Came to the appointment[ of {day}][ in {where}]",
        says_it="Presenza all'appuntamento[ del {day}][ in {where}]",
    ),
    _visit(
        name="Appointment Missed",
        aliases=("Appointment No Show", "No Show"),
        fixed=True,
        needs=(("appointment_id",),),
        description="The person did not come to the appointment.",
        label_it="Appuntamento mancato",
        says_en="Missed the appointment[ of {day}][ in {where}]",
        says_it="Assenza all'appuntamento[ del {day}][ in {where}]",
    ),
    _visit(
        name="Appointment Cancelled",
        aliases=("Appointment Canceled",),
        needs=(("appointment_id",),),
        description="An appointment was called off.",
        label_it="Appuntamento annullato",
        says_en="The appointment[ of {day}] was cancelled[: {reason}]",
        says_it="Appuntamento[ del {day}] annullato[: {reason}]",
    ),
)

SURVEYS = (
    _survey(
        name="Survey Sent",
        needs=(("survey_id",), ("kind",)),
        description="A survey was sent to the person.",
        label_it="Sondaggio inviato",
        says_en="Was asked for an opinion[ ({kind})]",
        says_it="Abbiamo chiesto un parere[ ({kind})]",
    ),
    _survey(
        name="Survey Answered",
        aliases=("Survey Completed", "NPS Submitted", "Survey Responded"),
        needs=(("kind",), ("score",)),
        description="The person answered a survey; `kind` is nps, csat, ces or another.",
        label_it="Sondaggio compilato",
        says_en="Answered {answer}[ ({kind})][: {quote}]|Answered a survey",
        says_it="Ha risposto {answer}[ ({kind})][: {quote}]|Ha risposto a un sondaggio",
    ),
)

EVENTS = (*CONVERSATIONS, *DESK, *APPOINTMENTS, *SURVEYS)
