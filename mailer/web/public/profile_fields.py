"""Form fields for what readers say of themselves, in their language."""

from mailer.i18n.translations import translatable
from mailer.web.public.page_renderer import PageRenderer

PROFILE_PREFIX = "own."  # what the name of a reader's own field begins with in a form
LABELS = {
    "first_name": translatable("First name"),
    "last_name": translatable("Last name"),
    "name": translatable("Name"),
    "city": translatable("City"),
    "country": translatable("Country"),
}


def label(pages: PageRenderer, name: str) -> str:
    """Returns the label of a profile field, in the language of the page if we know the field."""
    return pages.gettext(LABELS[name]) if name in LABELS else name.replace("_", " ").capitalize()


def profile_field(pages: PageRenderer, prefix: str, name: str, value: str) -> tuple[str, str, str, str]:
    """Returns a profile field for the templates: form name, label, value, autocomplete purpose."""
    return prefix + name, label(pages, name), value, autocomplete(name)


def autocomplete(name: str) -> str:
    """Returns the autocomplete purpose of a field (WCAG 2.2, 1.3.5)."""
    known = {"first_name": "given-name", "last_name": "family-name", "name": "name", "city": "address-level2"}
    return known.get(name, "country-name" if name == "country" else "off")
