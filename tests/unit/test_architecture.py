"""Rules of the source tree that no linter holds. The layers are contracts of import-linter in pyproject.toml."""

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import mailer

ROOT = Path(mailer.__file__).resolve().parents[1]
PACKAGE = ROOT / "mailer"
API = PACKAGE / "web" / "api"
IGNORED = {PACKAGE / "ledger" / "migrations", PACKAGE / "starter"}  # old migrations keep their names; starter is data
MAX_MODULES = 14
_NOQA = re.compile(r"#\s*noqa(?P<codes>:\s*[A-Z]+[0-9]+(,\s*[A-Z]+[0-9]+)*)?(?P<reason>[^#]*)")


def modules() -> Iterator[Path]:
    return (path for path in sorted(PACKAGE.rglob("*.py")) if not IGNORED & set(path.parents))


def place(path: Path) -> str:
    return str(path.relative_to(ROOT))


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def classes(path: Path) -> list[ast.ClassDef]:
    return [node for node in parse(path).body if isinstance(node, ast.ClassDef)]


def api_schemas() -> set[str]:
    """The names of the classes of web/api that derive from Schema, directly or through another of them."""
    bases = {
        node.name: {ast.unparse(base) for base in node.bases} for path in API.glob("*.py") for node in classes(path)
    }
    schemas = {"Schema"}
    while more := {name for name, of in bases.items() if of & schemas} - schemas:
        schemas |= more
    return schemas


def test_class_names_are_unique_but_for_schemas_of_the_api():
    schemas = api_schemas()
    places = defaultdict(list)
    for path in modules():
        for node in classes(path):
            if not (path.parent == API and node.name in schemas):
                places[node.name].append(place(path))
    assert {name: paths for name, paths in places.items() if len(paths) > 1} == {}


def test_no_package_has_more_than_14_modules():
    counts = Counter(place(path.parent) for path in modules() if path.name not in {"__init__.py", "__main__.py"})
    assert {package: count for package, count in counts.items() if count > MAX_MODULES} == {}


def test_modules_that_the_source_and_the_documents_name_exist():
    tests, benchmarks = (ROOT / name for name in ("tests", "benchmarks"))
    there = {path.name for top in (PACKAGE, tests, benchmarks, ROOT / "docs") for path in top.rglob("*.py")}
    texts = {place(path): ast.get_docstring(parse(path)) or "" for path in modules()}
    texts |= {place(path): path.read_text(encoding="utf-8") for path in (ROOT / "docs").glob("*.md")}
    named = {(name, text) for text in texts for name in re.findall(r"(?<![\w*])[a-z_]+\.py\b", texts[text])}
    assert {(name, text) for name, text in named if name not in there} == set()


def test_every_package_opens_with_a_docstring():
    files = sorted({path.parent / "__init__.py" for path in modules()})
    assert [place(file) for file in files if not (file.is_file() and ast.get_docstring(parse(file)))] == []


def test_every_noqa_has_its_codes_and_a_reason():
    paths = [
        path for folder in ("mailer", "tests", "benchmarks", "docs") for path in sorted((ROOT / folder).rglob("*.py"))
    ]
    assert [
        f"{place(path)}:{number}"
        for path in paths
        if path != Path(__file__).resolve()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        for found in _NOQA.finditer(line)
        if not (found["codes"] and found["reason"].strip(" -–:"))
    ] == []


def test_unit_tests_mirror_the_packages():
    tests = ROOT / "tests" / "unit"
    folders = {path.parent.relative_to(tests) for path in tests.rglob("test_*.py")}
    assert [str(folder) for folder in sorted(folders) if not (PACKAGE / folder / "__init__.py").is_file()] == []
