"""The providers there are, by name."""

from __future__ import annotations

from typing import Final

from unisono.commerce.orders.payments.counter import BankTransfer, CardTerminal, Cash
from unisono.commerce.orders.payments.port import CannotPay, PaymentProvider
from unisono.commerce.orders.payments.trial import TrialProvider

PROVIDERS: Final[dict[str, PaymentProvider]] = {
    provider.name: provider for provider in (Cash(), CardTerminal(), BankTransfer(), TrialProvider())
}

AT_THE_COUNTER: Final = frozenset({"cash", "terminal"})
"""Providers only staff may name: a customer who says he paid cash has not."""


def provider_of(name: str) -> PaymentProvider:
    """Raises CannotPay for a provider that is none of ours."""
    provider = PROVIDERS.get(name)
    if provider is None:
        raise CannotPay(f"The provider is one of {', '.join(sorted(PROVIDERS))}.", code="unknown_provider")
    return provider
