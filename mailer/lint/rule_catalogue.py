"""The rules for dispatches that can be compiled: for their text, their edition and their message.

The rules of the grammar, which need only the file, are in mailer/dispatch/rule_catalogue.py. A finding names its rule; the rule
has severity, reason and remedy. docs/checks.md is made from these tables (docs/checks.py), in their order. The limits of a rule
are constants beside the function that applies them.

It is longer than most modules: the tables are read together, as docs/checks.md is.
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
        title="no placeholder is left: TK, TODO, lorem ipsum",
        why="A placeholder that is forgotten is sent to every reader.",
        source="newspapers’ convention: TK stands for “to come”",
        how="Replace it, or delete it. Code is not searched.",
    ),
    Rule(
        id="sample-text",
        severity=ERROR,
        title="the sample text of a new dispatch, or of the desk’s Insert menu, is replaced",
        why="Sample text that is forgotten is sent to every reader.",
        source="docs/editor.md",
        how="Replace it by your own.",
    ),
    Rule(
        id="merge-tag",
        severity=WARNING,
        title="there are no merge fields of other programs: `*|FNAME|*`, `%%name%%`",
        why="They are not replaced here; every reader gets them as typed.",
        source="docs/editor.md, What differs per reader",
        how='Write `{{ reader.first_name or "reader" }}`, or mark it as code if it is meant literally.',
    ),
    Rule(
        id="empty-field",
        severity=WARNING,
        title="an empty field leaves no gap in a sentence",
        why="Some readers have no first name in the list, and get “Dear ,”.",
        source="docs/editor.md, What differs per reader",
        how='Give the field a default, `{{ reader.first_name or "reader" }}`, or put the sentence into `{% if reader.… %}`.',
    ),
    Rule(
        id="subject-length",
        severity=NOTE,
        title="the subject is short enough to be shown whole",
        why="Inboxes show 40 to 80 characters and cut the rest.",
        source=_rfc(5322, "2.1.1, lines of 78 characters"),
        how="Write a `subject:` of at most 78 characters, with what matters first.",
    ),
    Rule(
        id="subject-shouting",
        severity=WARNING,
        title="subject and preheader are not all capitals and have at most one exclamation mark",
        why="Spam filters and readers recognise spam by capitals and exclamation marks.",
        source=_GMAIL,
        how="Write it as a sentence, with at most one exclamation mark.",
    ),
    Rule(
        id="subject-pretence",
        severity=WARNING,
        title="the subject does not begin with Re: or Fwd:",
        why="A subject that pretends to be a reply is deceptive, and illegal in many countries.",
        source=_FTC,
        how="Remove “Re:” or “Fwd:”.",
    ),
    Rule(
        id="preheader-length",
        severity=NOTE,
        title="the preheader is short enough to be shown",
        why="Inboxes show 40 to 140 characters after the subject.",
        source="Gmail and Apple Mail in use; docs/editor.md, Front matter",
        how="Shorten `preheader:` to at most 140 characters, with what matters first.",
    ),
    Rule(
        id="preheader-repeats",
        severity=NOTE,
        title="the preheader does not repeat the subject",
        why="Inboxes show them side by side; a repetition tells readers nothing.",
        source="docs/editor.md, Front matter",
        how="Mention the second story in `preheader:`, or remove it; the summary is used instead.",
    ),
    Rule(
        id="copyright-year",
        severity=WARNING,
        title="the copyright line has the year of the dispatch",
        why="The old year often remains when a dispatch is made from an older one.",
        source="Berne Convention, 5(2); U.S. Code 17, 401(b)(2)",
        how="Correct the year, or remove `copyright:`; the line is then made from the settings.",
    ),
    Rule(
        id="photo-credit",
        severity=WARNING,
        title="a photo has a credit",
        why="Photographers have a right to be named, and most licences require it.",
        source="Berne Convention, 6bis",
        how="Add `credit:` under `photo:`.",
    ),
    Rule(
        id="date-after",
        severity=WARNING,
        title="no article is dated after the dispatch",
        why="If an article is newer than the dispatch, one of the two dates is wrong.",
        source="docs/editor.md, The body",
        how="Correct the date of the article or of the dispatch.",
    ),
    Rule(
        id="source-link",
        severity=NOTE,
        title="an article links to its source",
        why="Readers can then read the original.",
        source="docs/editor.md, The body",
        how="Add `link: https://…` under its title. An article whose source is the publication or its editor needs none.",
    ),
    Rule(
        id="source-spelling",
        severity=WARNING,
        title="a source is spelt as in earlier dispatches",
        why="Two spellings of one paper look like two papers, also in the archive.",
        source="docs/editor.md, The body",
        how="Use the earlier spelling, or correct the earlier dispatch.",
    ),
    Rule(
        id="language-missing",
        severity=WARNING,
        title="an article in a different script has a language",
        why="Otherwise screen readers use the wrong voice, and hyphenation and fonts are wrong.",
        source=_wcag("3.1.2", "language-of-parts"),
        how="Add `language:` under its title, such as `language: he`.",
    ),
    Rule(
        id="alt-words",
        severity=WARNING,
        title="an alt text describes the image",
        why="A file name or “image” does not help readers who cannot see it.",
        source=_wcag("1.1.1", "non-text-content"),
        how="Describe what the image shows in one sentence of at most 250 characters.",
    ),
)

LINK_RULES = (
    Rule(
        id="link-words",
        severity=WARNING,
        title="the text of a link says where it leads",
        why="Screen readers list links without the text around them; “here” says nothing, and an address is spelt out.",
        source=_wcag("2.4.4", "link-purpose-in-context"),
        how="Use words that name the target: `[the minutes](https://…)` rather than `[here](https://…)`.",
    ),
    Rule(
        id="link-insecure",
        severity=WARNING,
        title="a link is https",
        why="Anybody on the network can read and change http pages, and browsers warn about them.",
        source=_rfc(9110, "17.1 and 4.2.2"),
        how="Try the address with https://; nearly every site supports it.",
    ),
    Rule(
        id="link-shortener",
        severity=WARNING,
        title="a link does not use a URL shortener",
        why="URL shorteners hide where a link leads, are on block lists, and often stop working.",
        source="Spamhaus, Domain Blocklist: https://www.spamhaus.org/blocklists/domain-blocklist/",
        how="Open the link and use the final address.",
    ),
    Rule(
        id="link-mismatch",
        severity=WARNING,
        title="an address shown as a link’s text is the one that it leads to",
        why="Phishing mails show one domain and lead to another; spam filters look for this.",
        source="phishing filters; WCAG 2.2, 2.4.4: https://www.w3.org/TR/WCAG22/#link-purpose-in-context",
        how="Name the site in words, or show the link’s real address.",
    ),
    Rule(
        id="link-private",
        severity=WARNING,
        title="a link leads to a public host name",
        why="localhost and intranet names work for nobody else, and spam filters distrust IP addresses.",
        source=_rfc(6761, "6.3; RFC 1918, 3"),
        how="Use the public address of the page.",
    ),
    Rule(
        id="link-unsent",
        severity=NOTE,
        title="a dispatch that is linked to has been sent",
        why="Its page in the archive appears when its send starts; until then the link is dead.",
        source="docs/editor.md, The body",
        how="Send that dispatch first, or remove the link.",
    ),
    Rule(
        id="link-dead",
        severity=WARNING,
        title="each link’s page exists (--online)",
        why="A dead link cannot be corrected in messages that have been sent.",
        source=_rfc(9110, "15.5.5 and 15.5.11"),
        how="Look for the new address of the page.",
    ),
    Rule(
        id="link-unsure",
        severity=NOTE,
        title="each link can be opened (--online)",
        why="Some sites refuse programs, others are down for a while; a person should look.",
        source=_rfc(9110, "15"),
        how="Open the link in a browser.",
    ),
)

PAGE_RULES = (
    Rule(
        id="theme",
        severity=ERROR,
        title="the theme is valid and readable",
        why="Unreadable colours or sizes make the whole newsletter unreadable.",
        source=_wcag("1.4.3", "contrast-minimum"),
        how="Correct that line of `templates/theme.toml`, or of the theme that it names; see docs/templates.md.",
        may_be_ignored=False,
    ),
    Rule(
        id="html-size",
        severity=WARNING,
        title="the HTML is below 90 KB",
        why="Gmail cuts messages at about 102 KB, and the unsubscribe link is in the part that is cut off.",
        source=_CLIPPING,
        how="Shorten the article that is named, or move it to the next dispatch.",
    ),
    Rule(
        id="html-clipped",
        severity=ERROR,
        title="the HTML is below 100 KB",
        why="Gmail cuts messages at about 102 KB, and the unsubscribe link is in the part that is cut off.",
        source=_CLIPPING,
        how="Remove or shorten the article that is named.",
    ),
    Rule(
        id="style-size",
        severity=WARNING,
        title="a style block has at most 16 KB",
        why="Gmail ignores larger style blocks, and all that follow.",
        source=_GMAIL_CSS,
        how="Shorten the style sheet, or split it into two blocks.",
    ),
    Rule(
        id="style-place",
        severity=WARNING,
        title="style blocks are in the head",
        why="Gmail and others remove style blocks from the body.",
        source=_GMAIL_CSS,
        how="Move it into the head of templates/dispatch.html.j2.",
    ),
    Rule(
        id="image-bytes",
        severity=WARNING,
        title="an image has at most 500 KB, all images together 1.5 MB",
        why="Large images load slowly and cost readers data; embedded ones grow by another third.",
        source="RFC 2045, 6.8, on what base64 adds: https://www.rfc-editor.org/rfc/rfc2045",
        how="Save it as JPEG, or make it smaller. Photographs in PNG format are the usual cause.",
    ),
    Rule(
        id="image-animated",
        severity=WARNING,
        title="an image is not an animation",
        why="Outlook shows the first picture of an animation only, so that every message has it as a still.",
        source="Can I email, GIF: https://www.caniemail.com/features/image-gif/",
        how="Save the picture that you want as JPEG or PNG, or link to the animation.",
    ),
    Rule(
        id="image-vanishes",
        severity=WARNING,
        title="no image is dark on a transparent ground",
        why="In dark mode the ground is dark too, and the image cannot be seen.",
        source="Can I email, prefers-color-scheme: https://www.caniemail.com/features/css-at-media-prefers-color-scheme/",
        how="Give the image a light ground. For the logo, ask an admin for one for dark mode.",
    ),
    Rule(
        id="image-width",
        severity=WARNING,
        title="an image has enough pixels for its size",
        why="The photo is shown 600 pixels wide, and on sharp screens needs 1200; a narrower one is blurred.",
        source="docs/editor.md, Front matter",
        how="Use one that is at least 1200 pixels wide.",
    ),
    Rule(
        id="image-size",
        severity=NOTE,
        title="an image has a width attribute of at most 700",
        why="Outlook for Windows ignores max-width and shows a wide image in full width.",
        source=f"caniemail, max-width: {_CANIEMAIL}/features/css-max-width/",
        how="Use a file in the dispatch’s folder instead of a web address, or set the width in the template.",
    ),
    Rule(
        id="image-format",
        severity=WARNING,
        title="an image is JPEG, PNG or GIF",
        why="Many mail programs do not show other formats.",
        source=f"caniemail, image formats: {_CANIEMAIL}/features/",
        how="Save it as JPEG or PNG, or use a file in the dispatch’s folder, which is converted automatically.",
    ),
    Rule(
        id="alt-missing",
        severity=ERROR,
        title="every image of the page has an alt attribute",
        why="Without it, screen readers read the address aloud. Decorative images have an empty one.",
        source=_wcag("1.1.1", "non-text-content"),
        how='Add `alt="…"` in the template, or `alt=""` for a decorative image.',
    ),
    Rule(
        id="heading-order",
        severity=WARNING,
        title="headings go down one level at a time, from a single h1",
        why="Screen reader users navigate by headings; a skipped level looks like a missing part.",
        source=_wcag("1.3.1", "info-and-relationships"),
        how="Correct the levels in the template; in a dispatch, `###` is the only level below an article’s title.",
    ),
    Rule(
        id="table-role",
        severity=WARNING,
        title="a layout table has the role “presentation”, a data table has header cells",
        why="Screen readers announce the rows and columns of every other table.",
        source=_wcag("1.3.1", "info-and-relationships"),
        how='Add `role="presentation"` to it in the template, or `<th scope="col">` cells to its head.',
    ),
    Rule(
        id="page-language",
        severity=ERROR,
        title="the page and its first element have a language",
        why="Webmail removes the html element, so the language must also be in the body.",
        source=_wcag("3.1.1", "language-of-page"),
        how='Add `lang="{{ language }}" dir="{{ direction }}"` to html and to the first element in the body.',
    ),
    Rule(
        id="anchor-dead",
        severity=WARNING,
        title="a link inside the message has a target",
        why="Otherwise the links of the contents do nothing.",
        source="HTML, 7.4.6.3, fragments: https://html.spec.whatwg.org/#scroll-to-fragid",
        how='Add `<a name="{{ anchor }}"></a>` to `templates/partials/article.html.j2`.',
    ),
    Rule(
        id="anchor-duplicate",
        severity=WARNING,
        title="each anchor is used once",
        why="All links would lead to the first one.",
        source="HTML, 3.2.6, id: https://html.spec.whatwg.org/#the-id-attribute",
        how="Give each place its own anchor in the template.",
    ),
    Rule(
        id="contrast",
        severity=WARNING,
        title="text has a contrast of 4.5 to 1, large text 3 to 1",
        why="With less contrast, people with weak eyesight cannot read it, and nobody can in sunlight.",
        source=_wcag("1.4.3", "contrast-minimum"),
        how="Darken the text or lighten the background in templates/.",
    ),
    Rule(
        id="contrast-dark",
        severity=WARNING,
        title="text has enough contrast in dark mode, too",
        why="Many readers use dark mode. A rule without !important is overridden by the inlined colour.",
        source=_wcag("1.4.3", "contrast-minimum"),
        how="Set both colours in the dark block of the template, with !important.",
    ),
    Rule(
        id="client-support",
        severity=WARNING,
        title="nothing important is lost in the mail programs of MAILER_CLIENTS",
        why="Mail programs ignore what they do not support: columns break, pictures are missing.",
        source=f"caniemail: {_CANIEMAIL}",
        how="Use tables and inlined styles. Decoration (rounded corners, fine underlines) is not counted.",
    ),
    Rule(
        id="unsubscribe-missing",
        severity=ERROR,
        title="HTML and plaintext have the unsubscribe link",
        why="The law of most countries requires it, and readers who do not find it report spam.",
        source=_FTC,
        how="Put `{{ unsubscribe_url }}` back into the template, and `unsubscribe` into `dispatch.txt.j2`.",
        may_be_ignored=False,
    ),
    Rule(
        id="postal-address",
        severity=WARNING,
        title="HTML and plaintext have the postal address",
        why="The law of many countries requires it, for example in the United States.",
        source=f"{_FTC}; setting MAILER_POSTAL_ADDRESS",
        how="Ask an admin to set the postal address, and to keep `postal_address` in the templates.",
    ),
)

MESSAGE_RULES = (
    Rule(
        id="plaintext",
        severity=ERROR,
        title="the first part of the message is plaintext with the same content as the HTML",
        why="Some readers see only the plaintext, and spam filters distrust messages without it.",
        source=_rfc(2046, "5.1.4"),
        how="Put the parts back into templates/dispatch.txt.j2.",
        may_be_ignored=False,
    ),
    Rule(
        id="message-headers",
        severity=ERROR,
        title="the message has each required header once, and no other",
        why="Receivers refuse a message with two From or Subject lines, because an attacker may have added one.",
        source=_rfc(5322, "3.6"),
        how="This is a fault of the program: please report it.",
        may_be_ignored=False,
    ),
    Rule(
        id="message-lines",
        severity=ERROR,
        title="no line of the message has more than 998 bytes, or a bare CR or LF",
        why="Servers break longer lines, and a bare line end can split one message into two.",
        source=_rfc(5322, "2.1.1; RFC 5321, 2.3.8"),
        how="This is a fault of the program: please report it.",
        may_be_ignored=False,
    ),
    Rule(
        id="message-encoding",
        severity=ERROR,
        title="each part of the message can be decoded as declared",
        why="Otherwise readers see `=E2=80=9C`, or nothing.",
        source=_rfc(2045, "6"),
        how="This is a fault of the program: please report it.",
        may_be_ignored=False,
    ),
    Rule(
        id="one-click",
        severity=ERROR,
        title="the message supports one-click unsubscribe",
        why="Gmail and Yahoo refuse bulk mail without it.",
        source=f"{_rfc(8058, '3.1')}; setting MAILER_BASE_URL",
        how="Ask an admin to set the public https address of this program.",
        may_be_ignored=False,
    ),
    Rule(
        id="dkim-cover",
        severity=ERROR,
        title="the signature covers From, Subject, Date and both List-Unsubscribe headers",
        why="Unsigned headers can be changed on the way, and one-click unsubscribe works only if signed.",
        source=_rfc(8058, "4; RFC 6376, 5.4"),
        how="This is a fault of the program: please report it.",
        may_be_ignored=False,
    ),
    Rule(
        id="dkim-alignment",
        severity=WARNING,
        title="the DKIM domain belongs to the sender’s domain",
        why="DMARC accepts a signature only if both domains belong to the same organisation.",
        source=f"{_rfc(7489, '3.1.1')}; settings MAILER_DKIM_DOMAIN, MAILER_FROM",
        how="Ask an admin to use the same domain for DKIM and for the sender.",
    ),
)

IGNORE_RULES = (
    Rule(
        id="ignore-unknown",
        severity=ERROR,
        title="an ignored rule exists",
        why="A misspelt name ignores nothing.",
        source="docs/checks.md, Ignoring a rule",
        how="Use the name in brackets at the end of the finding.",
        may_be_ignored=False,
    ),
    Rule(
        id="ignore-refused",
        severity=ERROR,
        title="an ignored rule may be ignored",
        why="These rules protect what must be right before anything is sent.",
        source="docs/checks.md, Ignoring a rule",
        how="Fix what the rule reports, and remove the comment.",
        may_be_ignored=False,
    ),
    Rule(
        id="ignore-unused",
        severity=NOTE,
        title="an ignored rule would have found something",
        why="An old comment hides future findings.",
        source="docs/checks.md, Ignoring a rule",
        how="Remove the comment.",
        may_be_ignored=False,
    ),
)

ONLINE_RULES = frozenset({"link-dead", "link-unsure"})
"""Rules that are checked only with --online."""

RULES: dict[str, Rule] = index_rules((*CONTENT_RULES, *LINK_RULES, *PAGE_RULES, *MESSAGE_RULES, *IGNORE_RULES))

RULEBOOK: dict[str, Rule] = index_rules((*GRAMMAR.values(), *RULES.values()))
"""Every rule of `mailer check`, by its id."""
