"""Numbers and money the way readers of the active language write them."""

from decimal import ROUND_HALF_UP, Decimal

from django.utils.formats import number_format
from django.utils.translation import get_language

_SYMBOLS = {"USD": "$", "CNY": "¥", "EUR": "€", "GBP": "£", "JPY": "¥", "HKD": "HK$", "TWD": "NT$", "SGD": "S$"}
_WITHOUT_CENTS = {"JPY", "KRW", "VND"}


def number(value: int | float | Decimal | None, decimals: int = 0) -> str:
    """Grouped by thousands; a dash for None."""
    if value is None:
        return "–"
    return number_format(value, decimal_pos=decimals, use_l10n=True, force_grouping=True)


def money(value: int | float | Decimal | None, currency: str) -> str:
    """With the currency's sign where it is unmistakable in the reader's language, else with its code."""
    if value is None:
        return "–"
    decimals = 0 if currency in _WITHOUT_CENTS else 2
    amount = Decimal(value).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
    text = number(abs(amount), decimals)
    sign = "−" if amount < 0 else ""
    if currency == "JPY" or (currency == "CNY" and not (get_language() or "").startswith("zh")):
        return f"{sign}{currency} {text}"
    symbol = _SYMBOLS.get(currency)
    return f"{sign}{symbol}{text}" if symbol else f"{sign}{currency} {text}"


def percent(share: float | Decimal | None, decimals: int = 1) -> str:
    """A share of 0…1 as percent."""
    return "–" if share is None else f"{number(Decimal(str(share)) * 100, decimals)}%"
