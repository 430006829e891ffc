"""Thoughts in channels: gpt-oss harmony with all, some or none of its tokens, and Gemma's and Gemini's channels."""

from __future__ import annotations

import re
from collections.abc import Iterator

from engine.hygiene.prose import is_mention, without_code

_TOKEN = re.compile(r"<\|(start|channel|message|end|return|call|constrain)\|>")
_CHANNEL = re.compile(r"\s*(?:assistant)?\s*(analysis|commentary|final)\b", re.IGNORECASE)
_SAYS_FINAL = re.compile(r"<\|channel\|>\s*final\b")
_BARE = re.compile(r"\s*(?:assistant\s?)?analysis(?=[A-Z\s\"'(*\d])")
_BARE_FINAL = re.compile(r"(?:assistant\s*final|assistant(?=commentary to=))(?=[A-Z\s\"'(*\d#-]|commentary)")
_BARE_START = re.compile(r"\s*(?:assistantfinal|final(?=[A-Z]))\s*")
_GEMMA = re.compile(
    r"<\|channel>\s{0,3}(?:thought|analysis)?\b(.*?)(?:<channel\|>|\Z)|<ctrl94>(?:thought)?(.*?)(?:<ctrl95>|\Z)",
    re.DOTALL,
)


def cut_channels(text: str) -> tuple[str, list[str]] | None:
    """Return (what the final channel says, what the others thought), or None when there are no channels.

    A preamble in the commentary channel is said to the person and stays. A message to a tool or from one stays as it
    was written: whoever reads calls wants it whole, and what it invents is found in it.
    """
    if "<|channel>" in text or "<ctrl94>" in text:
        return _cut_gemma(text)
    if "<|channel|>" in text or "<|message|>" in text:
        token = _TOKEN.search(without_code(text))
        if token is None or is_mention(text, *token.span()):
            return None
        return _Channels(text).done()
    return _cut_bare(text)


class _Channels:
    """Reads messages one after the other: a header from <|start|> or <|channel|> on, its body behind <|message|>."""

    def __init__(self, text: str) -> None:
        self._text, self._said, self._thoughts = text, list[str](), list[str]()

    def done(self) -> tuple[str, list[str]] | None:
        for raw in self._messages():
            self._message(raw)
        said = "\n\n".join(self._said)
        return (said, self._thoughts) if said != self._text else None

    def _messages(self) -> Iterator[str]:
        """Yield the messages with their tokens. One begins with <|start|>, with <|channel|> where no <|start|> opened
        it, and behind the end of the one before."""
        begin, in_header = 0, False
        for token in _TOKEN.finditer(self._text):
            kind, before = token[1], self._text[begin : token.start()]
            if kind in ("end", "return", "call"):
                yield self._text[begin : token.end()]
                begin, in_header = token.end(), False
            elif kind == "message":
                in_header = False
            else:
                if kind == "start" or not (in_header or before.strip() in ("", "assistant")):
                    yield before
                    begin = token.start()
                in_header = True
        yield self._text[begin:]

    def _message(self, raw: str) -> None:
        header, body = self._parts(raw)
        channel = _CHANNEL.match(header)
        of_other = channel is None and header.strip() not in ("", "assistant")
        if " to=" in header or (of_other and "<|start|>" in raw):
            self._said.append(raw.strip())
        elif (channel and channel[1].lower() == "analysis") or self._unnamed(raw, header):
            self._thoughts.append(body)
        elif body.strip():
            self._said.append(body.strip())

    def _unnamed(self, raw: str, header: str) -> bool:
        """Return whether a message without a header is ended before a final one: then it was a thought."""
        return not header.strip() and raw.rstrip().endswith("<|end|>") and _SAYS_FINAL.search(self._text) is not None

    @staticmethod
    def _parts(raw: str) -> tuple[str, str]:
        """Return (header, body) of a message, both without tokens. Where <|message|> is missing, the channel's word is
        the header; without any header all is body."""
        if "<|message|>" in raw:
            header, _, body = raw.partition("<|message|>")
        else:
            bare = _TOKEN.sub("", raw)
            word = _CHANNEL.match(bare)
            is_header = word is not None and (raw.lstrip().startswith("<|") or (word.start() == 0 and "<|end|>" in raw))
            header, body = (bare[: word.end()], bare[word.end() :]) if word and is_header else ("", raw)
            if " to=" in bare[:80] and is_header:
                header = bare[:80]
        return _TOKEN.sub(" ", header), _TOKEN.sub("", body)


def _cut_gemma(text: str) -> tuple[str, list[str]]:
    thoughts = [first or second for first, second in _GEMMA.findall(text)]
    return _GEMMA.sub("\n\n", text).strip(), thoughts


def _cut_bare(text: str) -> tuple[str, list[str]] | None:
    """Read a reply whose tokens were all dropped: "analysisWe need ...assistantfinalYour order ..."."""
    start = _BARE.match(text) if text.lstrip()[:10].startswith(("analysis", "assistant")) else None
    if start is None:
        plain = _BARE_START.match(text) if text.lstrip()[:14].startswith(("assistantfinal", "final")) else None
        return (text[plain.end() :].strip(), []) if plain else None
    end = _BARE_FINAL.search(text, start.end())
    if end is None:
        glued = not text[start.end() : start.end() + 1].isspace()
        return ("", [text[start.end() :]]) if glued else None
    return text[end.end() :].strip(), [text[start.end() : end.start()]]
