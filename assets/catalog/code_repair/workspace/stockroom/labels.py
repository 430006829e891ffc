"""Text for shelf labels."""


def shorten(text, width):
    """Return the text cut to `width` characters at a word; "..." (which counts) shows that something is missing."""
    text = " ".join(text.split())
    if len(text) <= width:
        return text
    kept = text[: width - 3]
    if text[width - 3] != " " and " " in kept:
        kept = kept[: kept.rindex(" ")]
    return kept.rstrip() + "..."


def label(part, name, width=24):
    """Return the two lines of a shelf label."""
    return [part, shorten(name, width)]
