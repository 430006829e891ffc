"""Whether a message of the person only ends the talk, or agrees to go on. English, with thanks in other languages."""

from __future__ import annotations

import re

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
_CORE = frozenset(
    """thanks thank thx ty cheers bye goodbye appreciate appreciated perfect great awesome wonderful excellent brilliant
    lovely fantastic super danke dank merci gracias grazie obrigado obrigada tack takk dziękuję arigato ciao adios
    tschüss 谢谢 再见 thankyou tysm""".split()  # noqa: SIM905
)
_AROUND = frozenset(
    """so much very a an lot million bunch ton again really truly kindly for your you u the this that that's thats is it
    it's was were all help helping assistance today time patience quick fast reply response answer answers info
    information and just now then ok okay alright right good nice have day one evening afternoon morning night weekend
    rest of care take see later everyone i i'm im am i've ive got what we we're set sorted needed need wanted everything
    no nothing else more further else's any other question questions requests that'll that'd be do done clear sounds
    cool you're youre welcome hope wish too same best regards wishes kind warm off to my well ah oh yay hi hey there in
    advance can't couldn't could cannot enough at moment vielen sehr beaucoup muchas mille don't anything""".split()  # noqa: SIM905
)
_THAT_IS_ALL = re.compile(
    r"\b(?:that'?s|that is|that was|that'?ll be|that will be) (?:all|everything|it)\b"
    r"|\bnothing (?:else|more|further)\b|\b(?:i'?m|we'?re) (?:all )?(?:set|done|good)\b"
    r"|\bno (?:more|further|other) (?:questions|requests)\b|\bgood ?bye\b",
    re.IGNORECASE,
)
_AGREES = re.compile(
    r"\A\W*(?:yes|yep|yeah|yup|sure|ok(?:ay)?|please|go ahead|do it|do that|confirmed?|correct|absolutely|definitely|"
    r"of course|certainly|right|sounds good|i confirm|that'?s (?:right|correct|fine)|fine)\b"
    r"|\b(?:go ahead|please do|do (?:it|that|so)|go for it|proceed|i (?:do )?(?:agree|confirm)|carry on)\b",
    re.IGNORECASE,
)


_MORE = frozenset(
    """but still wrong not don't doesn't didn't isn't won't can't please also want would could check change cancel
    update send wait however actually instead unfortunately problem mistake error incorrect yes should why what when how
    except although though missing forgot book move add remove""".split()  # noqa: SIM905
)
"""Words of a message that wants something."""


def only_closes(message: str) -> bool:
    """Return whether a message says nothing but thanks and goodbye. One that asks, agrees to go on or holds a number
    says more."""
    text = message.replace("’", "'")
    if not text.strip() or "?" in text or any(char.isdigit() for char in text) or _agrees_to_go_on(text):
        return False
    words = [word.lower() for word in _WORD.findall(text)]
    if not words or len(words) > 40:
        return False
    if not all(word in _CORE or word in _AROUND for word in words):
        return False
    return any(word in _CORE for word in words) or _THAT_IS_ALL.search(text) is not None


def thanks(message: str) -> bool:
    """Return whether a message says thanks or goodbye, perhaps at length, and wants nothing more. To be asked only when
    nothing is open any more."""
    if only_closes(message):
        return True
    text = message.replace("’", "'").lower()
    if not text.strip() or "?" in text or any(char.isdigit() for char in text):
        return False
    words = _WORD.findall(text)
    return not _CORE.isdisjoint(words) and _MORE.isdisjoint(words)


def agrees(message: str) -> bool:
    """Return whether a message says yes to what the assistant wants to do."""
    return _AGREES.search(message.replace("’", "'")) is not None and not only_closes(message)


def _agrees_to_go_on(text: str) -> bool:
    return re.search(r"\b(?:yes|yep|yeah|go ahead|please|proceed|confirm)\b", text, re.IGNORECASE) is not None
