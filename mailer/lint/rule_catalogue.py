"""The rules of the checks: what rendered mail has to meet, beyond the grammar of its dispatch.

One table, in the order of docs/checks.md; a finding names its rule, which has severity, reason and remedy.
The limits of a rule are constants beside the function that applies them.
"""

from mailer.dispatch.diagnostics import Severity
from mailer.dispatch.rule_catalogue import RULES as GRAMMAR
from mailer.dispatch.rule_catalogue import Rule, index_rules

ERROR, WARNING, NOTE = Severity.ERROR, Severity.WARNING, Severity.NOTE

_WCAG = "https://www.w3.org/TR/WCAG22/"
_CANIEMAIL = "https://www.caniemail.com"
_GMAIL = "Gmail, sender guidelines: https://support.google.com/mail/answer/81126"
_GMAIL_CSS = "email-bugs 90, Gmail’s limit of styles: https://github.com/hteumeuleu/email-bugs/issues/90"
_CLIPPING = "email-bugs 41, Gmail’s clipping near 102 KB: https://github.com/hteumeuleu/email-bugs/issues/41"
_FTC = "FTC, CAN-SPAM compliance guide: https://www.ftc.gov/business-guidance/resources/can-spam-act-compliance-guide-business"


def _rfc(number: int, section: str) -> str:
    return f"RFC {number}, {section}: https://www.rfc-editor.org/rfc/rfc{number}"


def _wcag(criterion: str, anchor: str) -> str:
    return f"WCAG 2.2, {criterion}: {_WCAG}#{anchor}"


CONTENT_RULES = (
    Rule(
        id="placeholder",
        severity=WARNING,
        title="nothing is left that was to be filled in: TK, TODO, lorem ipsum, what `mailer new` wrote",
        why="What a desk marks for later is printed as it stands when later does not come.",
        source="newspapers’ custom: TK stands for “to come”",
        how="Write what belongs there, or delete it. Code is not searched.",
    ),
    Rule(
        id="merge-tag",
        severity=WARNING,
        title="no field of another program’s is left: `*|FNAME|*`, `%%name%%`",
        why="It means nothing here, so every reader gets it as it was typed.",
        source="docs/editor.md, What differs per reader",
        how='Write `{{ reader.first_name or "reader" }}`, or put it in code if it is meant to be read.',
    ),
    Rule(
        id="empty-field",
        severity=WARNING,
        title="a field that is empty leaves no gap in a sentence",
        why="Lists have gaps. “Dear ,” tells a reader that a machine wrote, and that it did not know the name.",
        source="docs/editor.md, What differs per reader",
        how='Give the field a stand-in, `{{ reader.first_name or "reader" }}`, or put the sentence under `{% if reader.… %}`.',
    ),
    Rule(
        id="subject-length",
        severity=NOTE,
        title="the subject is short enough to be seen whole",
        why="An inbox shows 40 to 80 characters of it, and cuts the rest.",
        source=_rfc(5322, "2.1.1, lines of 78 characters"),
        how="Set `subject:` to a shorter one than the headline, and put what matters first.",
    ),
    Rule(
        id="subject-shouting",
        severity=WARNING,
        title="subject and preheader do not shout: no capitals throughout, no !!!",
        why="Capitals and exclamation marks are what filters for unwanted mail learn first, and readers next.",
        source=_GMAIL,
        how="Write it as a sentence, with at most one exclamation mark.",
    ),
    Rule(
        id="subject-pretence",
        severity=WARNING,
        title="the subject does not pretend to be an answer: no Re: or Fwd:",
        why="It is deceptive where it is not an answer; in many countries that is against the law.",
        source=_FTC,
        how="Take “Re:” or “Fwd:” away.",
    ),
    Rule(
        id="preheader-length",
        severity=NOTE,
        title="the preheader is short enough to be seen",
        why="An inbox shows 40 to 140 characters after the subject.",
        source="Gmail and Apple Mail, as they stand; docs/editor.md, Front matter",
        how="Shorten `preheader:`, and put what matters first.",
    ),
    Rule(
        id="preheader-repeats",
        severity=NOTE,
        title="the preheader says something that the subject does not",
        why="An inbox shows them side by side, so the reader learns nothing more.",
        source="docs/editor.md, Front matter",
        how="Name the second story in `preheader:`, or leave it out: the summary stands in for it.",
    ),
    Rule(
        id="copyright-year",
        severity=WARNING,
        title="the copyright line names the year of the dispatch",
        why="Last year’s line is what is left when a dispatch is made from an older one.",
        source="Berne Convention, 5(2); U.S. Code 17, 401(b)(2)",
        how="Write the year of the dispatch’s date, or leave `copyright:` out: MAILER_COPYRIGHT_HOLDER makes the line.",
    ),
    Rule(
        id="photo-credit",
        severity=WARNING,
        title="a photo has a credit",
        why="Whoever took it has a right to be named, and most licences ask for it.",
        source="Berne Convention, 6bis",
        how="Write `credit:` under `photo:`.",
    ),
    Rule(
        id="date-after",
        severity=WARNING,
        title="no article is dated after the dispatch",
        why="An article of tomorrow is a slip in one of the two dates.",
        source="docs/editor.md, The body",
        how="Mend the date of the article or that of the dispatch.",
    ),
    Rule(
        id="source-link",
        severity=NOTE,
        title="an article links to its source",
        why="Readers want to see for themselves, and a source to be visited.",
        source="docs/editor.md, The body",
        how="Write `link: https://…` under its title.",
    ),
    Rule(
        id="source-spelling",
        severity=WARNING,
        title="a source is spelt as it was before",
        why="Two spellings of one paper look like two papers, in the archive too.",
        source="docs/editor.md, The body",
        how="Spell it as the earlier dispatch does, or mend that one.",
    ),
    Rule(
        id="language-missing",
        severity=WARNING,
        title="an article in another script names its language",
        why="A screen reader reads it aloud as the wrong language, and hyphenation and fonts go wrong.",
        source=_wcag("3.1.2", "language-of-parts"),
        how="Write `language:` under its title, such as `language: he`.",
    ),
    Rule(
        id="alt-words",
        severity=WARNING,
        title="an alt text says what the image shows",
        why="A file name or “image” tells nothing to those who do not see it.",
        source=_wcag("1.1.1", "non-text-content"),
        how="Say in a sentence what somebody would see, in at most 250 characters.",
    ),
)

LINK_RULES = (
    Rule(
        id="link-words",
        severity=WARNING,
        title="the words of a link say where it leads",
        why="Screen readers list links without what stands around them; “here” says nothing, a bare address is spelt out.",
        source=_wcag("2.4.4", "link-purpose-in-context"),
        how="Link the words that name the thing: `[the minutes](https://…)` rather than `[here](https://…)`.",
    ),
    Rule(
        id="link-insecure",
        severity=WARNING,
        title="a link is https",
        why="Anybody on the way can read and change what http carries; browsers warn the reader.",
        source=_rfc(9110, "17.1 and 4.2.2"),
        how="Try the address with https://; nearly every site has it.",
    ),
    Rule(
        id="link-shortener",
        severity=WARNING,
        title="a link shows where it leads: no URL shorteners",
        why="Block lists hold the shorteners, for they hide where a link leads, and they die before the archive does.",
        source="Spamhaus, Domain Blocklist: https://www.spamhaus.org/blocklists/domain-blocklist/",
        how="Open it, and write the address that you arrive at.",
    ),
    Rule(
        id="link-mismatch",
        severity=WARNING,
        title="an address in a link’s words is the one that it leads to",
        why="To show one domain and lead to another is what phishing does, and what filters look for.",
        source="caught by filters for phishing; WCAG 2.2, 2.4.4: https://www.w3.org/TR/WCAG22/#link-purpose-in-context",
        how="Name the site in words, or write the address that the link has.",
    ),
    Rule(
        id="link-private",
        severity=WARNING,
        title="a link leads to a public host by name",
        why="localhost, an intranet’s name or a bare IP address opens for nobody else; filters take the last for an attack.",
        source=_rfc(6761, "6.3; RFC 1918, 3"),
        how="Write the public address of the page.",
    ),
    Rule(
        id="link-unsent",
        severity=NOTE,
        title="a dispatch that is linked to was sent",
        why="Its page in the archive appears when its sending begins; until then the link answers 404.",
        source="docs/editor.md, The body",
        how="Send the other dispatch first, or leave the link out.",
    ),
    Rule(
        id="link-dead",
        severity=WARNING,
        title="what is linked to exists (--online)",
        why="A dead link is noticed by every reader at once, and can be mended in no letter that has left.",
        source=_rfc(9110, "15.5.5 and 15.5.11"),
        how="Open the link, and look for where the page has gone.",
    ),
    Rule(
        id="link-unsure",
        severity=NOTE,
        title="what is linked to answers (--online)",
        why="Some sites refuse programs, others are down for an hour: somebody should look.",
        source=_rfc(9110, "15"),
        how="Open the link in a browser.",
    ),
)

PAGE_RULES = (
    Rule(
        id="theme",
        severity=ERROR,
        title="the theme is one that letters can have, and that can be read",
        why="A letter in colours that nobody can read, or in sizes that no screen has, is worse than none.",
        source=_wcag("1.4.3", "contrast-minimum"),
        how="Mend the line of `templates/theme.toml`, or of the theme that it names; docs/templates.md tells what they may hold.",
        may_be_ignored=False,
    ),
    Rule(
        id="html-size",
        severity=WARNING,
        title="the HTML is well below what Gmail clips: 90 KB",
        why="Gmail cuts a message near 102 KB, and with the rest goes the unsubscribe line.",
        source=_CLIPPING,
        how="Shorten the article that is named, or move it to the next dispatch; the archive can have all of it.",
    ),
    Rule(
        id="html-clipped",
        severity=ERROR,
        title="the HTML is below 100 KB",
        why="Gmail cuts a message near 102 KB, and with the rest goes the unsubscribe line.",
        source=_CLIPPING,
        how="Take out the article that is named, or more.",
    ),
    Rule(
        id="style-size",
        severity=WARNING,
        title="a style block has at most 16 KB",
        why="Gmail throws away a style block beyond that, and every one after it.",
        source=_GMAIL_CSS,
        how="Shorten the style sheet that the templates keep, or divide it into two blocks.",
    ),
    Rule(
        id="style-place",
        severity=WARNING,
        title="style blocks stand in the head",
        why="Gmail and others take a style block from the body away.",
        source=_GMAIL_CSS,
        how="Move it into the head of templates/dispatch.html.j2.",
    ),
    Rule(
        id="image-bytes",
        severity=WARNING,
        title="an image has at most 500 KB, all of them 1.5 MB",
        why="On a phone a reader waits for it and pays for it; a message that embeds its images grows by a third more.",
        source="RFC 2045, 6.8, on what base64 adds: https://www.rfc-editor.org/rfc/rfc2045",
        how="Save it as JPEG, or cut it. Photographs as PNG are the usual reason.",
    ),
    Rule(
        id="image-width",
        severity=WARNING,
        title="an image has the pixels that it is shown with",
        why="The photo is shown 600 pixels wide, and double on a fine screen; a narrower one is blurred.",
        source="docs/editor.md, Front matter",
        how="Use one that is 1200 pixels wide; the program makes wider ones smaller.",
    ),
    Rule(
        id="image-size",
        severity=NOTE,
        title="an image has a width attribute of at most 700",
        why="Outlook for Windows knows no max-width: without it, it shows every pixel and widens the letter.",
        source=f"caniemail, max-width: {_CANIEMAIL}/features/css-max-width/",
        how="Use a file beside the dispatch rather than an address, or give width in the template.",
    ),
    Rule(
        id="image-format",
        severity=WARNING,
        title="an image is JPEG, PNG or GIF",
        why="Mail programs show nothing for other formats.",
        source=f"caniemail, image formats: {_CANIEMAIL}/features/",
        how="Save it as JPEG or PNG; or name a file beside the dispatch, which the program converts.",
    ),
    Rule(
        id="alt-missing",
        severity=ERROR,
        title="every image of the page has an alt attribute",
        why="Where it lacks, a screen reader reads the address aloud. An empty one is right for ornaments.",
        source=_wcag("1.1.1", "non-text-content"),
        how='Write `alt="…"` in the template, or `alt=""` for an ornament.',
    ),
    Rule(
        id="heading-order",
        severity=WARNING,
        title="headings go down one level at a time, from a single h1",
        why="People who cannot see move by headings; a level that is left out looks like a part that is missing.",
        source=_wcag("1.3.1", "info-and-relationships"),
        how="Mend the levels in the template; in a dispatch `###` is the only one below an article’s title.",
    ),
    Rule(
        id="table-role",
        severity=WARNING,
        title="a table for layout says so, a table of data has header cells",
        why="A screen reader announces rows and columns of every table that does not say it is none.",
        source=_wcag("1.3.1", "info-and-relationships"),
        how='Write `role="presentation"` on it in the template, or `<th scope="col">` into its head.',
    ),
    Rule(
        id="page-language",
        severity=ERROR,
        title="the page and its first element name the language",
        why="Webmail drops the html element, so the language must stand in the body again.",
        source=_wcag("3.1.1", "language-of-page"),
        how='Write `lang="{{ language }}" dir="{{ direction }}"` on html and on the first element in the body.',
    ),
    Rule(
        id="anchor-dead",
        severity=WARNING,
        title="a link inside the letter has a place to go to",
        why="The contents lead nowhere.",
        source="HTML, 7.4.6.3, fragments: https://html.spec.whatwg.org/#scroll-to-fragid",
        how='Write `<a name="{{ anchor }}"></a>` into `templates/partials/article.html.j2`.',
    ),
    Rule(
        id="anchor-duplicate",
        severity=WARNING,
        title="no two places have the same anchor",
        why="Every link leads to the first of them.",
        source="HTML, 3.2.6, id: https://html.spec.whatwg.org/#the-id-attribute",
        how="Give each its own in the template.",
    ),
    Rule(
        id="contrast",
        severity=WARNING,
        title="text stands out from its background: 4.5 to 1, large text 3 to 1",
        why="Below that people with weak eyes cannot read it, nor anybody in the sun.",
        source=_wcag("1.4.3", "contrast-minimum"),
        how="Darken the text or lighten the background in templates/.",
    ),
    Rule(
        id="contrast-dark",
        severity=WARNING,
        title="text stands out from its background in dark mode too",
        why="Half of all phones are dark at night. A rule without !important loses to the inlined colour.",
        source=_wcag("1.4.3", "contrast-minimum"),
        how="Set both colours in the dark block of the template, with !important.",
    ),
    Rule(
        id="client-support",
        severity=WARNING,
        title="nothing that matters is lost in the mail programs of MAILER_CLIENTS",
        why="What a mail program does not know it leaves out: a column falls apart, a picture is not there.",
        source=f"caniemail: {_CANIEMAIL}",
        how="Lay it out with tables and inlined styles. What only adorns (rounded corners, fine underlines) is not counted.",
    ),
    Rule(
        id="unsubscribe-missing",
        severity=ERROR,
        title="HTML and plaintext have the link to unsubscribe",
        why="The law of most countries asks for it; who does not find it marks the letter as spam.",
        source=_FTC,
        how="Put `{{ unsubscribe_url }}` back into the template, and `unsubscribe` into `dispatch.txt.j2`.",
        may_be_ignored=False,
    ),
    Rule(
        id="postal-address",
        severity=WARNING,
        title="HTML and plaintext have the postal address",
        why="The law of many countries asks for it, that of the United States by name.",
        source=_FTC,
        how="Set `MAILER_POSTAL_ADDRESS`, and put `postal_address` back into the templates.",
    ),
)

MESSAGE_RULES = (
    Rule(
        id="plaintext",
        severity=ERROR,
        title="the message has a plaintext, first, that says what the HTML says",
        why="Some read nothing else; filters distrust a message without it.",
        source=_rfc(2046, "5.1.4"),
        how="Put the parts back into templates/dispatch.txt.j2.",
        may_be_ignored=False,
    ),
    Rule(
        id="message-headers",
        severity=ERROR,
        title="the message has each of its headers once, and no other",
        why="Receivers refuse a message with two From or Subject lines, for an attacker may have added one.",
        source=_rfc(5322, "3.6"),
        how="This is a fault of the program: please report it.",
        may_be_ignored=False,
    ),
    Rule(
        id="message-lines",
        severity=ERROR,
        title="no line of the message has more than 998 octets, or a bare CR or LF",
        why="Servers break longer lines, and a bare line end lets one message pass for two.",
        source=_rfc(5322, "2.1.1; RFC 5321, 2.3.8"),
        how="This is a fault of the program: please report it.",
        may_be_ignored=False,
    ),
    Rule(
        id="message-encoding",
        severity=ERROR,
        title="each part of the message can be decoded by what it declares",
        why="A reader would see `=E2=80=9C`, or nothing.",
        source=_rfc(2045, "6"),
        how="This is a fault of the program: please report it.",
        may_be_ignored=False,
    ),
    Rule(
        id="one-click",
        severity=ERROR,
        title="the message can be unsubscribed from with one click",
        why="Gmail and Yahoo refuse bulk mail without it.",
        source=_rfc(8058, "3.1"),
        how="Set MAILER_BASE_URL to the https address of `mailer serve`.",
        may_be_ignored=False,
    ),
    Rule(
        id="dkim-cover",
        severity=ERROR,
        title="the signature covers From, Subject, Date and both List-Unsubscribe headers",
        why="What is not signed can be changed on the way; one-click counts only when signed.",
        source=_rfc(8058, "4; RFC 6376, 5.4"),
        how="This is a fault of the program: please report it.",
        may_be_ignored=False,
    ),
    Rule(
        id="dkim-alignment",
        severity=WARNING,
        title="the signature’s domain is that of the sender",
        why="DMARC counts a signature only when both are of one organisation.",
        source=_rfc(7489, "3.1.1"),
        how="Set MAILER_DKIM_DOMAIN to the domain of MAILER_FROM, or the other way round.",
    ),
)

IGNORE_RULES = (
    Rule(
        id="ignore-unknown",
        severity=ERROR,
        title="a rule that is to be ignored exists",
        why="A slip in its name would leave the finding standing, or hide that the rule has gone.",
        source="docs/checks.md, Ignoring a rule",
        how="Spell it as in the brackets at the end of the finding.",
        may_be_ignored=False,
    ),
    Rule(
        id="ignore-refused",
        severity=ERROR,
        title="a rule that is to be ignored may be ignored",
        why="Without an edition, a way to unsubscribe or a sound message nothing can be sent.",
        source="docs/checks.md, Ignoring a rule",
        how="Mend what the rule finds, and take the comment away.",
        may_be_ignored=False,
    ),
    Rule(
        id="ignore-unused",
        severity=NOTE,
        title="a rule that is ignored would have found something",
        why="A comment that is left behind hides what comes next.",
        source="docs/checks.md, Ignoring a rule",
        how="Take the comment away.",
        may_be_ignored=False,
    ),
)

ONLINE_RULES = frozenset({"link-dead", "link-unsure"})
"""Rules that are checked only with --online."""

RULES: dict[str, Rule] = index_rules((*CONTENT_RULES, *LINK_RULES, *PAGE_RULES, *MESSAGE_RULES, *IGNORE_RULES))

RULEBOOK: dict[str, Rule] = index_rules((*GRAMMAR.values(), *RULES.values()))
"""Every rule of `mailer check`, by its id."""
