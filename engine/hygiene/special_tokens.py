"""Tokens that no reader should ever see: those of chat templates and tokenizers, and what broken decoding leaves."""

from __future__ import annotations

import re

from engine.hygiene.findings import Context
from engine.hygiene.prose import Prose, is_mention

_TOKEN = re.compile(
    r"<\|/?[A-Za-z][\w:./▁-]{0,60}\|?>|<[A-Za-z_]{2,40}\|>|<｜[^｜<>\n]{1,60}｜?>|<\|[A-Za-z_]{2,30}(?=\s*\Z)"
    r"|</?(?:bos|eos|pad|unk|eod|EOD|eot|EOT|sep|cls|BOS|EOS|PAD|UNK|end_of_turn|start_of_turn|end_of_utterance|"
    r"begin_of_text|"
    r"end_of_text|endoftext|im_start|im_end|start_of_image|end_of_image|extra_id_\d{1,3}|unused_?\d{1,5}|"
    r"reserved_special_token_\d{1,5}|ctrl\d{1,3}|fim_(?:prefix|middle|suffix)|tool_calls?|tool_code|function_calls?|"
    r"arg_key|arg_value|minimax:tool_call|(?:antml:)?invoke|END_OF_CONVERSATION|END_CONVERSATION|end_of_conversation)>"
    r"|</?(?:function|parameter|invoke|antml:\w{1,20})[ =][^<>\n]{1,80}>|</(?:function|parameter)>(?=\s*(?:</|\Z))"
    r"|\[/?(?:INST|SYS|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS?|TOOL_RESULTS?|TOOL_CONTENT|ARGS|CALL_ID|PAD|UNK|CLS|"
    r"MASK|"
    r"EOS|BOS|EOT|gMASK|IMG|end of text|END OF CONVERSATION|END_OF_CONVERSATION)\]|\[(?:SEP|DONE|STOP|END)\](?=\s*\Z)"
    r"|<</?SYS>>|<0x[0-9A-Fa-f]{2}>|\#\#\#(?:STOP|TRANSFER|OUT-OF-SCOPE|END)\#\#\#|(?<!\w)<sop>|<eop>"
)
_BROKEN = re.compile(
    r"�|[À-ÿ][\u0120-\u0130\u0132-\u0140]|[\ud800-\udfff]|[\x00-\x08\x0e-\x1f]|(?<=[a-z.,!?;:'\"])[ĠĊ]|[ĠĊ](?=[ĠĊ])|"
    r"▁(?=\w)|(?<=\w)▁"
    r"|Ã[\x80-\xbf¡-¿€‚ƒ„…†‡ˆ‰Š‹Œ''“”•–—˜™š›œžŸ]|â€[\x80-\xbf™œ“”˜¦\"\x9d]|Â[\xa0£€°§©®]"
)
_STRUCK = re.compile(r"</?s>")
_ENDS = re.compile(
    r"(?:\A|\s)(?:TERMINATE|TASK_COMPLETED?|CONVERSATION_ENDED|END_OF_CONVERSATION|"
    r"\[?END OF CONVERSATION\]?)\W{0,2}\s*\Z"
)


def find(prose: Prose, context: Context) -> str | None:
    """Return the place of the first token that is neither shown as code nor spoken of, or None."""
    text = prose.plain
    if "<" in text or "[" in text or "###" in text:
        for match in _TOKEN.finditer(text):
            if not is_mention(text, *match.span()):
                return prose.quote(*match.span())
        if "s>" in text and (lone := _lone(text)):
            return prose.quote(*lone.span())
    if not text.isascii() or not text.isprintable():
        broken = _BROKEN.search(text)
        if broken:
            return prose.quote(*broken.span())
    ended = _ENDS.search(text) if text.rstrip()[-3:].isupper() or text.rstrip().endswith("]") else None
    return ended and prose.quote(*ended.span())


def _lone(text: str) -> re.Match[str] | None:
    """Find <s> or </s> as tokens: they enclose the whole text, or one of them stands alone. Struck-out text is none."""
    opened = text.count("<s>")
    closed = text.count("</s>")
    whole = text.strip()
    in_order = text.find("<s>") < text.find("</s>")
    if opened == closed and in_order and not (opened == 1 and whole.startswith("<s>") and whole.endswith("</s>")):
        return None
    return _STRUCK.search(text)
