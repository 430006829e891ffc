"""Exact arithmetic over the numbers that are given."""

import re
from fractions import Fraction

_LONGEST = 200
_MOST_DECIMALS = 20
_TOKEN = re.compile(r"\s*(?:(\d+(?:\.\d+)?|\.\d+)|([-+*/()]))")


def calculate(expression: str, decimals: int | None = None) -> dict:
    """Work out an arithmetic expression exactly. It may hold numbers, + - * / and brackets.

    Args:
        expression: For example "(19.99 + 5) * 3"; 15 percent of 80 is "80 * 15 / 100". No thousands separators.
        decimals: Round the result half up to this many decimals, 0 to 20. Without it the result is exact, and only one
            with more than 20 decimals is rounded.

    Effect: read
    """
    if decimals is not None and not 0 <= decimals <= _MOST_DECIMALS:
        raise ValueError(f"decimals must be from 0 to {_MOST_DECIMALS}.")
    tokens = _tokens(expression)
    value = _sum(tokens)
    if tokens:
        raise ValueError(f"'{tokens[0]}' stands where the expression should end.")
    text, exact = _written(value, decimals)
    return {"result": text, "exact": exact}


def summarize_numbers(numbers: list[float]) -> dict:
    """Give count, sum, mean, least and greatest of a list of numbers, without rounding errors.

    Args:
        numbers: At least one number.

    Effect: read
    """
    if not numbers:
        raise ValueError("Give at least one number.")
    values = [Fraction(str(number)) for number in numbers]
    parts = {
        "sum": sum(values),
        "mean": sum(values) / len(values),
        "least": min(values),
        "greatest": max(values),
    }
    return {"count": len(values), **{name: _written(value, None)[0] for name, value in parts.items()}}


def _tokens(expression):
    if len(expression) > _LONGEST:
        raise ValueError(f"The expression is longer than {_LONGEST} characters.")
    found, place, text = [], 0, expression.rstrip()
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise ValueError(f"'{text[place:].strip()[:20]}' is no number, operator or bracket.")
        found.append(match.group(1) or match.group(2))
        place = match.end()
    return found


def _sum(tokens):
    value = _product(tokens)
    while tokens and tokens[0] in "+-":
        sign = tokens.pop(0)
        term = _product(tokens)
        value = value + term if sign == "+" else value - term
    return value


def _product(tokens):
    value = _factor(tokens)
    while tokens and tokens[0] in "*/":
        sign = tokens.pop(0)
        factor = _factor(tokens)
        if sign == "/" and factor == 0:
            raise ValueError("The expression divides by zero.")
        value = value * factor if sign == "*" else value / factor
    return value


def _factor(tokens):
    if not tokens:
        raise ValueError("The expression ends too early.")
    token = tokens.pop(0)
    if token in "+-":
        value = _factor(tokens)
        return -value if token == "-" else value
    if token == "(":
        value = _sum(tokens)
        if not tokens or tokens.pop(0) != ")":
            raise ValueError("A bracket is not closed.")
        return value
    if token in "*/)":
        raise ValueError(f"'{token}' stands where a number should be.")
    return Fraction(token)


def _written(value, decimals):
    """Return a number as a decimal text, and whether that is its exact value."""
    places = _MOST_DECIMALS if decimals is None else decimals
    scaled = abs(value) * 10**places
    whole = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
    digits = str(whole).rjust(places + 1, "0")
    text = f"{digits[:-places]}.{digits[-places:]}" if places else digits
    if decimals is None:
        text = text.rstrip("0").rstrip(".")
    return ("-" if value < 0 and whole else "") + text, scaled.denominator == 1
