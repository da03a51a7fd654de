"""Columns that may record who must not get mail, but that this program does not understand.

A column that csv/columns/vendor_status.py does not know is suspected by its heading or by its cells, in the languages of the
program and in some others:

    the heading speaks of leaving (`Opted out on`, `Abgemeldet`)       a cell that is filled in, and is not a no
    the heading speaks of permission (`Newsletter?`, `Einwilligung`)   a cell that is a no, or begins with one (`No, thanks`)
    any other heading                                                 a cell that is a word for an opt-out (`unsubscribed`)
    none, `Tags`, `Comments`, `Statut` and the like                   also one of several words, or a word with its date
                                                                      (`unsubscribed on 3 May 2024`)
    none, `Comments` and the like, or it speaks of permission         a sentence that asks for no mail (`will keine Mails mehr`)

Only a person can say what such a column means: see ColumnMeaning. Pure.
"""

import re
import unicodedata
from collections.abc import Callable
from enum import StrEnum

from mailer.csv.columns.vendor_status import EMPTY, NO, OPT_OUT_WORDS, YES, VendorStatusColumn, normalize_word
from mailer.csv.rows import Status

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

# The beginnings of words in field names without accents (csv/columns/header_row.py).
_SPEAKS_OF_LEAVING = re.compile(
    r"""unsub|opt_?out|optedout|do_?not_?(?:e?mail|contact|send)|black_?list|block_?list|suppress|bounced  # also in EmailOptOut
    |abgemeld|abmeld|desabon|desinscri|descadastr|uitgeschr
    |(?:^|_)(?:
    unsub|opt_?out|opted_?out|optedout|do_?not|dont|dnc|dne|dnm|no_?e?_?mail|no_contact|no_news|no_marketing|bounc|complain|spam
    |black_?list|block_?list|blocked|suppress|inactiv|deactiv|disabled|delet|remov|cancel|quit|left|leav|resign|withdr|revok|eras
    |forgotten|undeliverable|invalid|stop_?mail|stopped|exclu|churn|on_hold|deceased  # English
    |abgemeld|abmeld|abbestell|austritt|ausgetreten|gekundigt|kundigung|widerruf|widerspr|gesperrt|sperr|geloscht|kein|inaktiv
    |unzustellbar|deaktiv|verstorben  # German
    |desabon|desinscri|resili|refus|oppos|bloqu|supprim|inactif|ne_pas|rejet|plainte|decede  # French
    |baja|rechaz|no_enviar|no_contactar|no_molestar|elimin|desuscri|anul|queja  # Spanish
    |descadastr|inativ|nao_enviar|nao_contatar|excluid|saiu|saida  # Portuguese
    |disiscri|annull|bloccat  # Italian
    |הסר|הוסר|ביטל|ביטול|חסום|חסומ|עזב|להסר|الغاء|الغى|محظور|انسحب|ملغ
    |uitgeschreven|uitschr|afgemeld|afmeld|avregistr|avmeld|avslut|avprenum|peruut                  # Dutch, Scandinavian, Finnish
    |wypis|rezygn|odhlas|отпис|відпис|заблок                                                        # Polish, Czech, Russian
    )""",
    re.VERBOSE,
)
_SPEAKS_OF_PERMISSION = re.compile(
    r"""(?:^|_)(?:
    subscri|news|notif|contact|e_?mail|mails?(?:_|$)|opt_?in|opted_?in|optedin|consent|permission|marketing|mailing|activ|confirm|verif|want
    |accept|receiv|frequen|allow|agree|may_|can_|send|ok|approved|enabled|gdpr|rgpd|lgpd|dsgvo  # English
    |versand|versend|zusend|empfang|kontakt|einwillig|zustimm|angemeldet|abonn|abo(?:_|$)|rundbrief|verteiler|aktiv|bestatigt|erlaub
    |erhalt|mochte|wunsch  # German
    |inscri|envo[iy]|comunica|lettre|infolettre|boletin|bulletin|boletim|actif|accord|souhait|veut|recev|suscri|acept|permis|autoriz
    |desea|recib|quiere|envi[ao]  # French, Spanish
    |assina|ativ|aceit|quer|deseja|recebe|iscri|attiv|ricev|invi[ao]  # Portuguese, Italian
    |(?:האם_)?ל(?:שלוח|קבל)|ניוזלטר|דיוור|הסכמ|רשומ|רשום|מנוי|פעיל|موافق|مشترك|نشط|ارسال|النشره|النشرة|الاشتراك
    |toestemming|nieuwsbrief|ingeschreven|actief|samtyk|prenum|zgod|souhlas|соглас|рассыл|подпис|згод|підпис
    )""",
    re.VERBOSE,
)
_HOLDS_SEVERAL = re.compile(
    r"tag|label|list|group|segment|interest|categor|flag|gruppe|etikett|etiquet|kategor|תגיות|وسوم"
    r"|nota|note|comment|coment|remark|memo|bemerk|anmerk|kommentar|remarque|observ|opmerk|הערות|ملاحظ"
    r"|(?:^|_)(?:info|misc|other|hinweis|notiz|sonstig|autre|otro|outro|altro|feedback|answer|reply|replies|respon|antwort"
    r"|respuesta|resposta|reponse|rispost|reason|grund|motiv|raison)"
    r"|stat(?:us|ut|o)|estado|situac|סטטוס|מצב|الحاله|الحالة"
)
_WORDS = r"(?:\S+\ ){0,5}?"
_SENTENCE = re.compile(  # lower case; a word that asks for no mail, or a no with a word for mail near it
    rf"""(?<!\w)(?:
    unsubscrib\w*\b(?!\ (?:his|her|its|their)\b)|opt(?:s|ed|ing)?[ -]?out\b
    |(?:off|from|leave|leaving|left|quit)\ (?:the|this|that|your|our|my|any|all)\ {_WORDS}lists?\b
    |(?:take|remove|delete|drop)\ (?:me|him|her|them|us)\b
    |(?:no|not|never|don['’]?t|do(?:es)?n['’]?t|won['’]?t|stop\w*|without)\ {_WORDS}
      (?:e-?mails?|mail(?:ing)?s?|newsletters?|contact\w*|send\w*|receiv\w*|hear(?:ing)?\ from)\b
    |(?:no|not|never|don['’]?t|do(?:es)?n['’]?t)\ {_WORDS}(?:want|wish|interested)\w*\b
                                                                                                    # English
    |abgemeld|abmeld|abbestell|austrag|ausgetragen|auszutragen|widerspr[iou]ch|gekündigt|von\ {_WORDS}(?:liste|verteiler)\b
    |(?:kein\w*|nicht|nichts|nie|niemals)\ {_WORDS}(?:e-?mail|mail|newsletter|rundbrief|zusend|post\b|anschreib|angeschrieben
      |schick|send|bekomm|erhalt|kontaktier|belieferung|beliefern|zuschick|interess)
    |(?:will|wollen?|möcht\w*|wünsch\w*|soll\w*|bitte|darf)\ {_WORDS}(?:nicht|nichts|nie|kein\w*)(?:\ \S+)?\ mehr\b
    |(?:will|wollen?|möcht\w*|wünsch\w*)\ {_WORDS}(?:nicht|nichts|kein\w*)\b
    |bitte\ {_WORDS}(?:lösch|gelöscht|streich|gestrichen|entfern|rausnehm|stopp)                      # German
    |désabonn|désinscri|(?:retir|enlev|ôt|supprim)\w*\ {_WORDS}liste\b|(?:veut|veux|souhait\w*|désir\w*)\ (?:plus|pas)\b
    |(?:ne|n['’]|plus|pas|aucun\w*|stop\w*|cesse\w*|arrêt\w*)\ ?{_WORDS}(?:recevoir|reçoi\w*|envo[iy]\w*|écri\w*|contact\w*
      |e-?mails?|mails?|courri\w*|lettres?|newsletters?|infolettres?)\b                                             # French
    |(?:dar|darse|dado|dada|da|dio|dió|pide|solicita)\ (?:la\ )?(?:de\ )?baja|desuscri|(?:quit|borr|elimin)\w*\ {_WORDS}lista\b
    |(?:no|ningún|ninguna|nunca)\ {_WORDS}(?:recib\w*|envi\w*|correos?|e-?mails?|mails?|bolet\w*|contact\w*|escrib\w*|desea
      |quiere|interes\w*)\b
    |descadastr|cancel\w*\ {_WORDS}(?:inscri|assinatura|suscrip)|(?:remov|exclu|retir|tir)\w*\ {_WORDS}lista\b
    |(?:não|nao|nenhum\w*|nunca)\ {_WORDS}(?:receb\w*|envi\w*|correios?|e-?mails?|mails?|bolet\w*|contat\w*|escrev\w*
      |deseja|quer|interess\w*)\b
    |disiscri|(?:non|nessun\w*|mai)\ {_WORDS}(?:ricev\w*|invi\w*|e-?mail|mail|contatt\w*|scriv\w*|vuole|desidera)\b
                                                                                                    # Spanish, Portuguese, Italian
    |ל?הסיר|הסר|(?:ה?ביטול|לבטל|ביטל)|לא\ {_WORDS}(?:רוצה|מעוני|לקבל|לשלוח|דיוור|מייל|ניוזלטר)
    |[إا]لغاء|(?:لا|لم|عدم|ليس)\ {_WORDS}(?:يريد|تريد|يرغب|ترغب|استلام|تلقي|ترسل|إرسال|ارسال|رسائل|بريد|مهتم)
    |uitgeschreven|uitschrij|afgemeld|afmeld|(?:niet|geen|nooit)\ {_WORDS}(?:e-?mails?|mails?|nieuwsbrie\w*|ontvang\w*
      |sturen|wil)\b  # Hebrew, Arabic, Dutch
    )""",
    re.VERBOSE,
)
_BETWEEN_WORDS = re.compile(r"[,;|/:]")
_AROUND_WORDS = " \"'[](){}*#"
_WORD = re.compile(r"[^\W_]+")
_FIRST_WORDS = NO | {  # of an answer such as “No, thanks”
    "never", "not", "no", "don't", "dont", "stop", "remove", "nie", "niemals", "kein", "keine", "nicht", "jamais", "pas", "nunca",
    "mai", "aucun", "aucune", "ninguno", "ninguna", "nenhum", "nenhuma", "nooit", "geen", "niet", "никогда", "אף", "أبدا",
}  # fmt: skip
_DATED = re.compile(r"(?P<word>[^\d(:,;]*?[^\W\d])[ :,;-]*(?:(?:on|at|am|seit|per|le|el|em|il|op) )?(?:\d.*|\(.*)")
_SHORT_ANSWER = 40  # characters
_LONGEST_REMARK = 1000  # characters that are searched for a sentence
_CROSSES = frozenset("❌✗✘☐✖")  # under an opt-out, they may mean either
_COUNTS = re.compile(
    r"(?:^|_)(?:num|number|count|total|dropped|opened|opens|clicks?|clicked|seen|sent|delivered|rate|score|rating)(?:_|$)|mails?_received"
)
_REFERENCE = re.compile(r"(?:^|_)(?:url|link|token|hash|key|id|uuid|code|campaign|title|html)$")
_OTHER_CHANNEL = re.compile(r"(?:^|_)(?:sms|whatsapp|push|fax|phone|telefon|donotcall|do_not_call)(?:_|$)")
_NOT_EMPTY = frozenset({*EMPTY, *NO})


def find_suspicion(name: str) -> Suspicion:
    """Returns what makes a cell of the column suspicious. `name`: the column's field name without accents."""
    if _OTHER_CHANNEL.search(name) and "mail" not in name:
        return _is_nothing
    if not _REFERENCE.search(name):
        if _SPEAKS_OF_LEAVING.search(name):
            return _is_filled
        if _SPEAKS_OF_PERMISSION.search(name) and not _COUNTS.search(name):
            return _is_no_or_opt_out
    return _has_opt_out_word if not name or _HOLDS_SEVERAL.search(name) else is_opt_out_word


def _is_nothing(_cell: str) -> bool:
    return False


def _is_filled(cell: str) -> bool:
    return normalize_word(cell) not in _NOT_EMPTY


def _is_no_or_opt_out(cell: str) -> bool:
    word = normalize_word(cell)
    if word in NO or word in OPT_OUT_WORDS or not _CROSSES.isdisjoint(word):
        return True
    first = _WORD.search(word) if len(word) <= _SHORT_ANSWER else None
    return (first is not None and first[0] in _FIRST_WORDS) or _has_opt_out_word(cell)


def is_opt_out_word(cell: str) -> bool:
    """Whether the whole cell is a word for an opt-out."""
    return normalize_word(cell) in OPT_OUT_WORDS


def _has_opt_out_word(cell: str) -> bool:
    """Whether the cell, or one of several words in it (`vip, unsubscribed`), is a word for an opt-out, perhaps with its date or
    with a remark in brackets; or whether it has a sentence that asks for no mail.
    """
    return any(map(_is_dated_opt_out, (cell, *_BETWEEN_WORDS.split(cell)))) or _asks_for_no_mail(cell)


def _asks_for_no_mail(cell: str) -> bool:
    words = " ".join(normalize_word(cell[:_LONGEST_REMARK]).split())
    return " " in words and _SENTENCE.search(words) is not None


def _is_dated_opt_out(text: str) -> bool:
    word = normalize_word(text.strip(_AROUND_WORDS))
    dated = _DATED.fullmatch(word)
    return word in OPT_OUT_WORDS or (dated is not None and dated["word"] in OPT_OUT_WORDS)


OPT_OUT_CELLS = frozenset(
    unicodedata.normalize(composition, form)
    for word in OPT_OUT_WORDS
    for form in (word, word.capitalize(), word.title(), word.upper())
    for composition in ("NFC", "NFD")
)
"""The cells that `is_opt_out_word` accepts, in the usual spellings: for a quick test of many cells."""
