"""Columns that may record who must not get mail, but that this program does not understand.

A column that status_and_consent_columns.py does not know is suspected by its heading or by its cells, in the languages of the
program and in some others:

    the heading speaks of leaving (`Opted out on`, `Abgemeldet`)       a cell that is filled in, and is not a no
    the heading speaks of permission (`Newsletter?`, `Einwilligung`)   a cell that is a no
    any other heading                                                 a cell that is a word for an opt-out (`unsubscribed`); under
                                                                      `Tags` and the like, one of several words

Only a person can say what such a column means: see ColumnMeaning. Pure.
"""

import re
from collections.abc import Callable
from enum import StrEnum

from mailer.csv.rows import Status
from mailer.csv.status_and_consent_columns import EMPTY, NO, OPT_OUT_WORDS, YES, VendorStatusColumn

Suspicion = Callable[[str], bool]
"""Whether a cell of the column may be an opt-out."""


class ColumnMeaning(StrEnum):
    """The meaning of a column, as the settings of its list state it."""

    OPT_OUT = "opt-out"  # a cell that is filled in, and is not a no, unsubscribes
    OPT_IN = "opt-in"  # only a yes or a date gets mail; a no unsubscribes
    FIELD = "field"  # says nothing about mail

    @property
    def status_column(self) -> VendorStatusColumn | None:
        """The statuses of the column's cells; None for a field."""
        return _STATUS_COLUMNS.get(self)


_STATUS_COLUMNS = {
    ColumnMeaning.OPT_OUT: VendorStatusColumn(
        words=dict.fromkeys(NO, Status.SUBSCRIBED), other=Status.UNSUBSCRIBED, empty=EMPTY - NO
    ),
    ColumnMeaning.OPT_IN: VendorStatusColumn(
        words={
            **dict.fromkeys(EMPTY, Status.UNCONFIRMED),
            **dict.fromkeys(YES, Status.SUBSCRIBED),
            **dict.fromkeys(NO, Status.UNSUBSCRIBED),
        },
        other=Status.UNKNOWN,
        date=Status.SUBSCRIBED,
        empty=frozenset(),
    ),
}

# The beginnings of words in field names without accents (columns.py).
_SPEAKS_OF_LEAVING = re.compile(
    r"""(?:^|_)(?:
    unsub|opt_?out|opted_?out|optedout|do_?not|dont|dnc|dne|dnm|no_?e?_?mail|no_contact|no_news|no_marketing|bounc|complain|spam
    |black_?list|block_?list|blocked|suppress|inactiv|deactiv|disabled|delet|remov|cancel|quit|left|leav|resign|withdr|revok|eras
    |forgotten|undeliverable|invalid|stop_?mail|stopped|exclu|churn                                                  # English
    |abgemeld|abmeld|abbestell|austritt|ausgetreten|gekundigt|kundigung|widerruf|widerspr|gesperrt|sperr|geloscht|kein|inaktiv
    |unzustellbar|deaktiv                                                                                            # German
    |desabon|desinscri|resili|refus|oppos|bloqu|supprim|inactif|ne_pas|rejet|plainte                                 # French
    |baja|rechaz|no_enviar|no_contactar|no_molestar|elimin|desuscri|anul|queja                                       # Spanish
    |descadastr|inativ|nao_enviar|nao_contatar|excluid|saiu|saida                                                    # Portuguese
    |disiscri|annull|bloccat                                                                                         # Italian
    |הסר|הוסר|ביטל|ביטול|חסום|חסומ|עזב|להסר|الغاء|الغى|محظور|انسحب|ملغ
    |uitgeschreven|uitschr|afgemeld|afmeld|avregistr|avmeld|avslut|avprenum|peruut                  # Dutch, Scandinavian, Finnish
    |wypis|rezygn|odhlas|отпис|відпис|заблок                                                        # Polish, Czech, Russian
    )""",
    re.VERBOSE,
)
_SPEAKS_OF_PERMISSION = re.compile(
    r"""(?:^|_)(?:
    subscri|news|notif|contact|e_?mail|mails?(?:_|$)|opt_?in|opted_?in|optedin|consent|permission|marketing|mailing|activ|confirm|verif|want
    |accept|receiv|allow|agree|may_|can_|send|ok|approved|enabled|gdpr|rgpd|lgpd|dsgvo                # English
    |einwillig|zustimm|angemeldet|abonn|aktiv|bestatigt|erlaub|erhalt|mochte|wunsch  # German
    |inscri|actif|accord|souhait|veut|recev|suscri|acept|permis|autoriz|desea|recib|quiere                   # French, Spanish
    |assina|ativ|aceit|quer|deseja|recebe|iscri|attiv                                                        # Portuguese, Italian
    |הסכמ|רשומ|רשום|מנוי|פעיל|موافق|مشترك|نشط
    |toestemming|ingeschreven|actief|samtyk|prenum|zgod|souhlas|соглас|подпис|згод|підпис
    )""",
    re.VERBOSE,
)
_HOLDS_SEVERAL = re.compile(
    r"tag|label|list|group|segment|interest|categor|flag|note|gruppe|etikett|etiquet|kategor|הערות|תגיות|وسوم"
)
_BETWEEN_WORDS = re.compile(r"[,;|/]")
_REFERENCE = re.compile(r"(?:^|_)(?:url|link|token|hash|key|id|uuid|code|campaign|title|html)$")
_NOT_EMPTY = frozenset({*EMPTY, *NO})


def find_suspicion(name: str) -> Suspicion:
    """Returns what makes a cell of the column suspicious. `name`: the column's field name without accents."""
    if not _REFERENCE.search(name):
        if _SPEAKS_OF_LEAVING.search(name):
            return _is_filled
        if _SPEAKS_OF_PERMISSION.search(name):
            return _is_no_or_opt_out
    return _has_opt_out_word if _HOLDS_SEVERAL.search(name) else is_opt_out_word


def _is_filled(cell: str) -> bool:
    return cell.strip().casefold() not in _NOT_EMPTY


def _is_no_or_opt_out(cell: str) -> bool:
    word = cell.strip().casefold()
    return word in NO or word in OPT_OUT_WORDS


def is_opt_out_word(cell: str) -> bool:
    """Whether the whole cell is a word for an opt-out."""
    return cell.strip().casefold() in OPT_OUT_WORDS


def _has_opt_out_word(cell: str) -> bool:
    """Whether one of several words in the cell (`vip, unsubscribed`) is a word for an opt-out."""
    return any(part.strip() in OPT_OUT_WORDS for part in _BETWEEN_WORDS.split(cell.casefold()))


OPT_OUT_CELLS = frozenset(
    form for word in OPT_OUT_WORDS for form in (word, word.capitalize(), word.title(), word.upper())
)
"""The cells that `is_opt_out_word` accepts, in the usual spellings: for a quick test of many cells."""
