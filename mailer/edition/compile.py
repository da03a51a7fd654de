"""Compiles a dispatch into an edition: rendered, inlined and divided once, for all variants and all readers.

    compile_edition(dispatch, publication=…, templates=…, references=…, images=…) -> Edition

Pure but for reading the templates' folders, a theme's logo among them. premailer runs once; the HTML holds every branch, and a
variant is made of it by string work. Everything that is the same for two readers is done here.

Raises LayoutError for a faulty template, theme or logo, EditionError for a reference or an image that was not handed in.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from mailer.dispatch.model import Dispatch
from mailer.dispatch.template.expression import Expression
from mailer.edition.dispatch_view import Crop, DispatchView
from mailer.edition.html.page import render_html
from mailer.edition.images.loader import ImageLoader, PhotoError, load_image
from mailer.edition.merge_fields import EscapeContext, MergeField
from mailer.edition.model import Edition, Image
from mailer.edition.plaintext.document import build_plaintext
from mailer.edition.publication import DispatchReference, Publication
from mailer.edition.template_loader import TemplateSet
from mailer.edition.theme import Theme, ThemeError, ThemeFault, fault_at, load_theme
from mailer.line_sanitizer import clean_line


def compile_edition(
    dispatch: Dispatch,
    *,
    publication: Publication,
    templates: Sequence[Path],
    references: Mapping[str, DispatchReference],
    images: Mapping[str, Image],
    crops: Mapping[Crop, Image] | None = None,
    inlined: bool = True,
    load: ImageLoader = load_image,
) -> Edition:
    """Compiles `dispatch`. An edition that is not `inlined` is compiled much faster, and is for browsers only, never for mail.

    `references` are the dispatches that `[[slug]]` and `earlier` may name; `images` are named as the dispatch names
    their files, and `crops` are cut from them (`cropped_files`); of `templates`, the first folder that has a file wins.
    `load` loads the logo: `load_image`, or a cache of it.
    """
    view = DispatchView(
        dispatch=dispatch, publication=publication, references=references, images=images, crops=crops or {}
    )
    view.require_references()
    theme = load_theme(templates)
    logos = _logos(theme, templates, load)
    layout = TemplateSet(templates, theme.names)
    return Edition(
        slug=dispatch.slug,
        title=clean_line(dispatch.title),
        date=dispatch.date,
        language=view.language,
        direction=view.direction,
        from_name=publication.from_name,
        from_address=publication.from_address,
        subject_parts=tuple(
            MergeField(part.source, EscapeContext.HEADER) if isinstance(part, Expression) else clean_line(part)
            for part in dispatch.subject
        ),
        html=render_html(view, layout, theme, logos, inlined=inlined),
        text=build_plaintext(view, layout, marks=theme.text.marks),
        chains=view.chains,
        outline=view.outline,
        embed=publication.images == "embed",
        media_url=publication.media_url,
        flowed=theme.text.flowed,
        images=tuple({image.name: image for image in (*logos, *images.values(), *(crops or {}).values())}.values()),
    )


def theme_faults(templates: Sequence[Path], *, load: ImageLoader = load_image) -> tuple[ThemeFault, ...]:
    """Returns the faults of the theme in these folders; none if it is valid. `load`: as for `compile_edition`."""
    try:
        _logos(load_theme(templates), templates, load)
    except ThemeError as error:
        return error.faults
    return ()


def _logos(theme: Theme, templates: Sequence[Path], load: ImageLoader) -> tuple[Image, ...]:
    """Returns the theme's logo, and the one for dark mode; they may not lie outside of the folder that names them."""
    if theme.logo is None:
        return ()
    found = []
    for key, file in (("file", theme.logo.file), ("dark_file", theme.logo.dark_file)):
        if file is None:
            continue
        root = next(folder for folder in templates if theme.logo.file.is_relative_to(folder))
        try:
            found.append(load(file, root=root))
        except PhotoError as error:
            raise ThemeError([fault_at(templates, ("logo", key), error.message)]) from None
    return tuple(found)
