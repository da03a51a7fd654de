"""Jinja2 templates: from the workspace's folder first, then from the packaged one.

Sandboxed (no attribute of Python's own, no unbounded call), strict (an undefined name is an error) and, for HTML,
escaping. An error in a template names the template and the line. A template is compiled once a process, and again when its
file changed or an earlier folder got one of its name.

Raises LayoutError.
"""

import logging
import traceback
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateError, TemplateNotFound, TemplateSyntaxError
from jinja2.sandbox import SandboxedEnvironment

from mailer.errors import MailerError

_log = logging.getLogger(__name__)


class LayoutError(MailerError):
    """A template is missing or faulty."""

    exit_code = 1


def builtin_dir() -> Path:
    """Returns the folder of the templates that come with the program: in a wheel, or in its source tree."""
    package = Path(__file__).resolve().parent.parent
    starter = package / "starter" / "templates"
    return starter if starter.is_dir() else package.parent / "templates"


class TemplateSet:
    """The templates of `folders`; the first that has a file wins. `names` are global names of every template."""

    def __init__(self, folders: Sequence[Path], names: Mapping[str, object] | None = None) -> None:
        self._folders = tuple(str(folder) for folder in folders)
        self._environment = _environment(self._folders)
        self._names = names or {}

    def render(self, name: str, context: Mapping[str, object]) -> str:
        """Renders the template `name` with `context`."""
        try:
            return self._environment.get_template(name).render(self._names, **context)
        except TemplateSyntaxError as error:
            raise LayoutError(
                f"{error.filename or error.name or name}:{error.lineno}: {error.message}", "Correct the template."
            ) from None
        except TemplateNotFound as error:
            raise LayoutError(
                f"there is no template “{error.name}” in {', '.join(self._folders) or 'any folder'}",
                "Restore it. To add missing files: mailer init",
            ) from None
        except UnicodeDecodeError as error:
            raise LayoutError(f"the template “{name}” is not UTF-8 ({error.reason})", "Save it as UTF-8.") from None
        except Exception as error:
            where = self._line(error)
            if where is None and not isinstance(error, TemplateError):
                raise
            raise LayoutError(f"{where or name}: {error}", "Correct the template.") from None

    def _line(self, error: Exception) -> str | None:
        """Returns the innermost line of a template in the traceback, which Jinja2 makes point into the source."""
        for frame in reversed(traceback.extract_tb(error.__traceback__)):
            if frame.filename.startswith(self._folders):
                return f"{frame.filename}:{frame.lineno}"
        return None


class FallbackTemplates:
    """The templates of the folder `own`, then the packaged ones, also where one of `own` is faulty.

    For pages and transactional mail, which have no preview: the fault is logged, and the packaged template is used.
    """

    def __init__(self, own: Path) -> None:
        self._own = TemplateSet([own, builtin_dir()])
        self._packaged = TemplateSet([builtin_dir()])

    def render(self, name: str, context: Mapping[str, object]) -> str:
        """Renders the template `name` with `context`."""
        try:
            return self._own.render(name, context)
        except LayoutError as error:
            _log.error("%s The template that comes with mailer is used instead.", error)
            return self._packaged.render(name, context)


@lru_cache(maxsize=16)
def _environment(folders: tuple[str, ...]) -> SandboxedEnvironment:
    return SandboxedEnvironment(
        loader=_Loader(folders),
        undefined=StrictUndefined,
        autoescape=lambda name: name is not None and ".html" in name,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
    )


class _Loader(FileSystemLoader):
    """Also notices a file that an earlier folder got after the template was compiled."""

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        source, filename, is_unchanged = super().get_source(environment, template)
        earlier = []
        for folder in self.searchpath:
            if filename.startswith(f"{folder}/"):
                break
            earlier.append(Path(folder, template))
        return source, filename, lambda: is_unchanged() and not any(path.is_file() for path in earlier)
