"""The words on paper, in the languages of the product: a slip is printed in the customer's, whoever prints it."""

from __future__ import annotations

from typing import Final

WORDS: Final[dict[str, tuple[str, str]]] = {
    "Receipt": ("Receipt", "Ricevuta"),
    "Pick-up": ("Pick-up", "Ritiro in negozio"),
    "Reservation": ("Reservation", "Prenotazione"),
    "Appointment": ("Appointment", "Appuntamento"),
    "Order": ("Order", "Ordine"),
    "Date": ("Date", "Data"),
    "Store": ("Store", "Punto vendita"),
    "Product": ("Product", "Prodotto"),
    "Quantity": ("Quantity", "Quantità"),
    "Price": ("Price", "Prezzo"),
    "Discount": ("Discount", "Sconto"),
    "Amount": ("Amount", "Importo"),
    "Subtotal": ("Subtotal", "Subtotale"),
    "Shipping": ("Shipping", "Spedizione"),
    "Total": ("Total", "Totale"),
    "Of which VAT": ("Of which VAT {rate}", "Di cui IVA {rate}"),
    "VAT": ("VAT {rate}", "IVA {rate}"),
    "Paid": ("Paid ({method})", "Pagato ({method})"),
    "Given back": ("Given back", "Rimborsato"),
    "cash": ("cash", "contanti"),
    "card": ("card", "carta"),
    "transfer": ("bank transfer", "bonifico"),
    "test": ("test", "prova"),
    "Show this code at the counter": ("Show this code at the counter", "Mostra questo codice in cassa"),
    "Collect until": ("Collect until", "Da ritirare entro"),
    "Ready from": ("Ready from", "Pronto da"),
    "Kept for you until": ("Kept for you until", "Tenuto da parte fino a"),
    "To pay at the counter": ("To pay at the counter", "Da pagare in cassa"),
    "This is not a fiscal document.": ("This is not a fiscal document.", "Documento non fiscale."),
    "For returns, show this page or its code.": (
        "For returns, show this page or its code.",
        "Per un reso, mostra questa pagina o il suo codice.",
    ),
    "over": ("Not valid any more: {state}", "Non più valido: {state}"),
    "collected": ("collected", "ritirato"),
    "handed_over": ("collected", "ritirato"),
    "expired": ("expired", "scaduto"),
    "cancelled": ("cancelled", "annullato"),
    "not_collected": ("not collected", "non ritirato"),
    "delivered": ("delivered", "consegnato"),
    "shipped": ("sent", "spedito"),
    "Reserved: {what}": ("Reserved: {what}", "Prenotato: {what}"),
    "Pick up order {number}": ("Pick up order {number}", "Ritira l'ordine {number}"),
    "Code: {code}": ("Code: {code}", "Codice: {code}"),
}
"""Key -> English, Italian."""


def say(key: str, language: str, **values: str) -> str:
    """A word or sentence in a language; unknown keys (a state of other systems) stand for themselves."""
    english, italian = WORDS.get(key, (key, key))
    return (italian if language == "it" else english).format(**values)
