"""The words of the public pages, in the languages of the product: whoever comes here speaks to no one of us."""

from __future__ import annotations

from typing import Final

WORDS: Final[dict[str, tuple[str, str]]] = {
    "preferences": ("Your preferences", "Le tue preferenze"),
    "preferences.lead": (
        "Choose what we may tell you and where. It counts from now on, for every shop and channel.",
        "Scegli cosa possiamo dirti e dove. Vale da subito, per ogni negozio e canale.",
    ),
    "marketing": ("News and offers", "Novità e offerte"),
    "marketing.lead": (
        "Messages about your orders reach you in any case.",
        "I messaggi sui tuoi ordini arrivano comunque.",
    ),
    "data": ("Your data", "I tuoi dati"),
    "save": ("Save", "Salva"),
    "saved": ("Saved. It counts from now on.", "Salvato. Vale da subito."),
    "unchanged": ("Nothing was changed.", "Non è cambiato nulla."),
    "none": ("No news and offers at all", "Nessuna novità né offerta"),
    "none.lead": ("On every channel, with one click.", "Su ogni canale, con un clic."),
    "none.done": (
        "Done: no news and offers reach you any more, on any channel.",
        "Fatto: non riceverai più novità e offerte, su nessun canale.",
    ),
    "channel.email": ("E-mail", "E-mail"),
    "channel.sms": ("SMS", "SMS"),
    "channel.whatsapp": ("WhatsApp", "WhatsApp"),
    "channel.messenger": ("Messenger", "Messenger"),
    "channel.instagram": ("Instagram", "Instagram"),
    "channel.telegram": ("Telegram", "Telegram"),
    "channel.web_push": ("Notifications of the site", "Notifiche del sito"),
    "channel.app_push": ("Notifications of the app", "Notifiche dell'app"),
    "channel.call": ("Telephone calls", "Telefonate"),
    "channel.mail": ("Letters", "Lettere"),
    "channel.any": ("Every channel", "Tutti i canali"),
    "purpose.profiling": (
        "Choose what to tell me by what I buy and look at",
        "Scegliere cosa dirmi in base a ciò che compro e guardo",
    ),
    "purpose.third_party": ("Pass my data to partners", "Comunicare i miei dati ad aziende partner"),
    "purpose.tracking": (
        "Know whether I open messages and follow their links",
        "Sapere se apro i messaggi e ne seguo i link",
    ),
    "purpose.statistics": ("Count my visits", "Contare le mie visite"),
    "soft": (
        "You get it because you bought from us: only about things like those.",
        "Lo ricevi perché hai comprato da noi: solo su cose simili.",
    ),
    "requested": ("Waiting for your confirmation.", "In attesa della tua conferma."),
    "since.granted": ("Yes, since {date}.", "Sì, dal {date}."),
    "since.withdrawn": ("No, since {date}.", "No, dal {date}."),
    "since.refused": ("No, since {date}.", "No, dal {date}."),
    "since.expired": ("It ended on {date}.", "Terminato il {date}."),
    "unsubscribe": ("No more {what}?", "Non vuoi più ricevere {what}?"),
    "unsubscribe.email": ("news and offers by e-mail", "novità e offerte per e-mail"),
    "unsubscribe.sms": ("news and offers by SMS", "novità e offerte per SMS"),
    "unsubscribe.whatsapp": ("news and offers by WhatsApp", "novità e offerte su WhatsApp"),
    "unsubscribe.other": ("news and offers on this channel", "novità e offerte su questo canale"),
    "unsubscribe.address": ("This is about {address}.", "Riguarda {address}."),
    "unsubscribe.button": ("Unsubscribe", "Annulla l'iscrizione"),
    "unsubscribe.done": ("You are unsubscribed", "Iscrizione annullata"),
    "unsubscribe.done.lead": (
        "You get no more {what}. Messages about your orders reach you in any case.",
        "Non riceverai più {what}. I messaggi sui tuoi ordini arrivano comunque.",
    ),
    "unsubscribe.all": (
        "Choose channel by channel, or change your mind",
        "Scegli canale per canale, o cambia idea",
    ),
    "confirm": ("Confirm {what}", "Conferma {what}"),
    "confirm.what.email": ("your subscription by e-mail", "la tua iscrizione per e-mail"),
    "confirm.what.sms": ("your subscription by SMS", "la tua iscrizione per SMS"),
    "confirm.what.other": ("your subscription", "la tua iscrizione"),
    "confirm.lead": (
        "Somebody, we hope you, asked for news and offers for {address}. Without your confirmation nothing is sent.",
        "Qualcuno, speriamo tu, ha chiesto novità e offerte per {address}. Senza la tua conferma non inviamo nulla.",
    ),
    "confirm.words": ("These are the words you agree to:", "Queste sono le parole che accetti:"),
    "confirm.button": ("I confirm", "Confermo"),
    "confirm.done": ("Confirmed, thank you", "Confermato, grazie"),
    "confirm.done.lead": (
        "You can change your mind at any time, in your preferences or by the link in every message.",
        "Puoi cambiare idea in ogni momento, nelle tue preferenze o con il link in ogni messaggio.",
    ),
    "confirm.over": ("This confirmation came too late", "Questa conferma è arrivata troppo tardi"),
    "confirm.over.lead": (
        "The time to confirm is over. Ask for it again, and a new message reaches you.",
        "Il tempo per confermare è scaduto. Chiedilo di nuovo e riceverai un altro messaggio.",
    ),
    "unknown": ("This link does not work", "Questo link non funziona"),
    "unknown.lead": (
        "It may be incomplete, or what it led to is no more. Copy it whole from the message.",
        "Forse è incompleto, o ciò a cui portava non c'è più. Copialo per intero dal messaggio.",
    ),
    "trouble": ("It did not work", "Non ha funzionato"),
    "trouble.lead": (
        "Nothing was changed. Please try again in a minute.",
        "Non è cambiato nulla. Riprova tra un minuto.",
    ),
    "language": ("Language", "Lingua"),
}
"""Key -> English, Italian."""


def say(key: str, language: str, **values: str) -> str:
    """A word or sentence in a language. Raises KeyError for one there is not."""
    english, italian = WORDS[key]
    return (italian if language == "it" else english).format(**values)
