"""The preamble of an archive, between headline and articles: the photo, the editor's note, the signature.

    read_preamble(paragraphs, top)   `top`: the number of paragraphs before the contents

Text that fits no part goes into the note, where it was, with a Doubt. A photo without a picture, as in a text archive, is
written into the front matter as a comment, and not into the note, where the editor would seem to say its words.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from mailer.importers.markdown_escaping import unwrapped
from mailer.importers.model import ImportDoubt, ImportedPhoto
from mailer.importers.paragraphs import ImportedParagraph

_NOTE = re.compile(
    r"[\[(]?\s*(?:an?\s+)?(?:editor['’]s\s+)?"
    r"(?:note|anmerkung|notiz|vorbemerkung|nota|opmerking|הערה|הערת|ملاحظة)"
    r"(?:\s+(?:by|from|of|von|de|da|do|por|par|van|di|מאת|من|بقلم)(?=\s))?[\s:]*(?P<name>[^\])\n]{0,80}?)\s*[\])]?:?",
    re.IGNORECASE,
)
_SIGNATURE = re.compile(r"(?:--+|—|––?|-\s?-)\s*(?P<name>[^\s-].{0,100})")
_CREDIT = re.compile(
    r"(?P<caption>.*?)\s*[(\[](?P<credit>[^()\[\]]*\b(?:photo|photos|photograph|picture|image|foto|fotos|fotografia|"
    r"bild|credit|צילום|תמונה|تصوير|صورة)\b[^()\[\]]*)[)\]]\.?",
    re.IGNORECASE | re.DOTALL,
)
_LONGEST_PHOTO_TEXT = 600  # characters; a longer paragraph is part of the note
_LONGEST_TITLE = 100  # characters of “Note by …”
_NO_PICTURE = (
    "a photo is described, but the file has no picture: its caption and credit are in the fields at the top, in lines that begin "
    "with #; to show the photo, add its file there and remove the #"
)


@dataclass(slots=True)
class Preamble:
    editor: str = ""
    signature: str = ""
    photo: ImportedPhoto | None = None
    note: list[ImportedParagraph] = field(default_factory=list)
    doubts: list[ImportDoubt] = field(default_factory=list)

    def doubt(self, paragraph: ImportedParagraph, message: str) -> None:
        self.doubts.append(ImportDoubt(line=paragraph.line, message=message))


def read_preamble(paragraphs: Sequence[ImportedParagraph], top: int) -> Preamble:
    """Returns the parts of `paragraphs`, from which the contents were removed."""
    preamble = Preamble()
    before, note = _at_note(paragraphs)
    before = _without_photo(before, max(top, 3), preamble)
    if note is None:
        rest = _unsigned(before, preamble)
        if rest:
            preamble.doubt(
                rest[0], "there is no “[Note by …]”; the text before the first article was imported as the note"
            )
    else:
        preamble.editor = note[0]
        rest = [*before, *_unsigned(note[1], preamble)]
        if before:
            preamble.doubt(
                before[0], f"{_lines(before)} above the note could not be placed; kept at the beginning of the note"
            )
    preamble.note = rest
    preamble.editor = unwrapped(preamble.editor or preamble.signature)
    preamble.signature = unwrapped(preamble.signature)
    return preamble


def _at_note(
    paragraphs: Sequence[ImportedParagraph],
) -> tuple[list[ImportedParagraph], tuple[str, list[ImportedParagraph]] | None]:
    """Returns the paragraphs before “[Note by NAME]”; the name, and the paragraphs after it."""
    for index, each in enumerate(paragraphs):
        first = each.lines[0]
        match = _NOTE.fullmatch(first) if len(first) <= _LONGEST_TITLE else None
        if match and (first[0] in "[(" or each.level or (match["name"] and match["name"].istitle())):
            rest = each.split(1)[1]
            after = [rest, *paragraphs[index + 1 :]] if rest.lines else list(paragraphs[index + 1 :])
            return list(paragraphs[:index]), (match["name"].strip(" :"), after)
    return list(paragraphs), None


def _without_photo(paragraphs: list[ImportedParagraph], top: int, preamble: Preamble) -> list[ImportedParagraph]:
    """Returns `paragraphs` without the photo and its caption; those of a photo that has no picture stay."""
    for index, each in enumerate(paragraphs[:top]):
        following = paragraphs[index + 1] if index + 1 < len(paragraphs) else None
        if each.picture:
            match = _CREDIT.fullmatch(following.text) if following else None
            is_caption = following is not None and (match is not None or following.is_caption)
            caption = following.text if following and is_caption else ""
            preamble.photo = ImportedPhoto(
                caption=unwrapped(match["caption"] if match else caption),
                credit=unwrapped(match["credit"]) if match else "",
                alt=unwrapped(each.text),
                address=each.picture,
            )
            if not each.text.strip():
                preamble.doubt(each, "the photo has no description (alt text); write what it shows")
            return [*paragraphs[:index], *paragraphs[index + 1 + is_caption :]]
        if len(each.text) <= _LONGEST_PHOTO_TEXT and (match := _CREDIT.fullmatch(each.text)):
            preamble.photo = ImportedPhoto(caption=unwrapped(match["caption"]), credit=unwrapped(match["credit"]))
            preamble.doubt(each, _NO_PICTURE)
            return [*paragraphs[:index], *paragraphs[index + 1 :]]
    return paragraphs


def _unsigned(paragraphs: list[ImportedParagraph], preamble: Preamble) -> list[ImportedParagraph]:
    """Returns `paragraphs` without the signature, the last line that is one."""
    for index in reversed(range(len(paragraphs))):
        each = paragraphs[index]
        last = each.lines[-1]
        match = _SIGNATURE.fullmatch(last)
        if match or (preamble.editor and last.casefold() == preamble.editor.casefold()):
            preamble.signature = match["name"].strip() if match else last
            behind = paragraphs[index + 1 :]
            if behind and not preamble.editor:
                preamble.doubt(each, f"“{last}” looks like a signature, but text follows it; kept in the note")
                preamble.signature = ""
                return paragraphs
            if behind:
                preamble.doubt(
                    behind[0],
                    f"{_lines(behind)} between the signature and the first article could not be placed; kept in the note",
                )
            rest = each.split(len(each.lines) - 1)[0]
            return [*paragraphs[:index], *([rest] if rest.lines else []), *behind]
    return paragraphs


def _lines(paragraphs: Sequence[ImportedParagraph]) -> str:
    first, last = paragraphs[0].line, paragraphs[-1].line + len(paragraphs[-1].lines) - 1
    return f"line {first}" if first == last else f"lines {first} to {last}"
