"""What holds for the repository as a whole: the lock file, the documents, the changelog, the shape of the code."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import do

ROOT = Path(__file__).resolve().parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
WORKFLOW = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")

# Modules that are one table and may be longer than 500 lines.
PURE_TABLES = {"ouc/status.py", "ouc/profiles.py"}

# Folders beside those that begin with a dot which hold what was made here, not what is kept.
MADE = {"build", "dist", "node_modules", "site", "wheelhouse"}


def kept(*suffixes: str) -> list[Path]:
    """All files of the repository with one of the suffixes."""

    def walk(folder: Path) -> Iterator[Path]:
        for path in sorted(folder.iterdir()):
            if path.is_dir():
                if path.name == ".github" or not (path.name.startswith(".") or path.name in MADE):
                    yield from walk(path)
            elif path.suffix in suffixes:
                yield path

    return list(walk(ROOT))


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


MODULES = kept(".py")
PAGES = kept(".md")
PACKAGED = [path for path in MODULES if path.relative_to(ROOT).parts[0] in {"ouc", "emulator"}]
TESTS = [path for path in MODULES if path.relative_to(ROOT).parts[0] == "tests"]
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in MODULES}


# --- the lock file ----------------------------------------------------------------------------------------------------


def locked() -> dict[str, tuple[Requirement, str]]:
    """The entries of the lock file by canonical name, each with its whole text."""
    entries = re.split(r"\n(?=[a-zA-Z])", re.sub(r"^\s*#.*\n", "", LOCK, flags=re.MULTILINE).strip())
    requirements = [(Requirement(entry.partition("\\")[0].strip()), entry) for entry in entries]
    return {canonicalize_name(requirement.name): (requirement, entry) for requirement, entry in requirements}


WANTED = [
    Requirement(text)
    for text in (
        *PROJECT["build-system"]["requires"],
        *PROJECT["project"]["dependencies"],
        *PROJECT["dependency-groups"]["dev"],
    )
]


@pytest.mark.parametrize("wanted", WANTED, ids=str)
def test_the_lock_file_satisfies_every_requirement_of_the_project(wanted: Requirement) -> None:
    requirement, _ = locked()[canonicalize_name(wanted.name)]
    (pin,) = requirement.specifier
    assert pin.operator == "=="
    assert wanted.specifier.contains(pin.version, prereleases=True)
    assert requirement.marker is None, "a direct requirement is needed on every system"


def test_every_locked_package_has_one_exact_version_and_hashes() -> None:
    for requirement, entry in locked().values():
        assert [pin.operator for pin in requirement.specifier] == ["=="], entry
        assert re.search(r"--hash=sha256:[0-9a-f]{64}\b", entry), entry


def test_the_lock_file_is_universal() -> None:
    requirement, _ = locked()["colorama"]
    assert requirement.marker is not None
    assert requirement.marker.evaluate({"sys_platform": "win32"})
    assert not requirement.marker.evaluate({"sys_platform": "linux"})


def test_the_lock_file_names_no_host_no_option_of_pip_and_no_local_path() -> None:
    for line in LOCK.splitlines():
        assert "://" not in line
        assert " @ " not in line
        assert re.match(r"(#| +#|[a-zA-Z0-9]| {4}--hash=)", line), f"not a pin, a hash or a comment: {line}"


# --- documents --------------------------------------------------------------------------------------------------------

LINK = re.compile(r"(?<!\\)\]\((?:<([^>]*)>|([^()\s]+))(?:\s+\"[^\"]*\")?\)|^\[[^\]]+\]:\s+(\S+)", re.MULTILINE)
FENCE = re.compile(r"^( *)(```+|~~~+)([^\n]*)\n(.*?)^\1\2 *$", re.MULTILINE | re.DOTALL)
INLINE_CODE = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)")


def prose(page: Path) -> str:
    """A page without its code, where brackets mean something else."""
    return INLINE_CODE.sub("code", FENCE.sub("", page.read_text(encoding="utf-8")))


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as the usual renderers make them."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    found: set[str] = set()
    for heading in re.findall(r"^#{1,6} +(.+?) *#*$", text, flags=re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").replace("*", "")
        anchor = base = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        number = 0
        while anchor in found:
            number += 1
            anchor = f"{base}-{number}"
        found.add(anchor)
    return found


def dead_links(page: Path) -> list[str]:
    # A fragment becomes a part of CHANGELOG.md, so its links start there.
    base = ROOT if page.parent.name == "changelog.d" else page.parent
    dead = []
    for match in LINK.finditer(prose(page)):
        link = next(group for group in match.groups() if group is not None)
        if re.match(r"[a-z][a-z0-9+.-]*:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (base / path).resolve() if path else page
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            dead.append(link)
    return dead


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_inside_the_repository_leads_somewhere(page: Path) -> None:
    assert dead_links(page) == []


def test_the_link_check_sees_files_anchors_and_definitions_but_no_code(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# One `code` & two\n## Same\n## Same\n"
        "[a](page.md) [b](#one-code--two) [c](#same-1) [d](<page.md>) [e](https://example.org/x) `[f](gone-1)`\n"
        "```\n[g](gone-2)\n```\n[h](gone-3.md) ![i](gone-4.png) [j](page.md#gone-5) [k](#same-2)\n\n[l]: gone-6.md\n",
        encoding="utf-8",
    )
    assert dead_links(page) == ["gone-3.md", "gone-4.png", "page.md#gone-5", "#same-2", "gone-6.md"]


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_python_snippet_in_a_document_parses(page: Path) -> None:
    for _, _, language, code in FENCE.findall(page.read_text(encoding="utf-8")):
        if language.strip() == "python":
            compile(code, f"{name(page)}: snippet", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


@pytest.mark.parametrize("example", sorted((ROOT / "docs").rglob("*.py")), ids=name)
def test_every_example_is_shown_by_a_page_and_run_by_a_test(example: Path) -> None:
    assert any(example.name in page.read_text(encoding="utf-8") for page in PAGES), "no page shows it"
    named = re.compile(rf"\b{example.stem}(\.py)?\"")
    assert any(named.search(path.read_text(encoding="utf-8")) for path in TESTS), "no test names it"


@pytest.mark.parametrize("command", do.COMMANDS)
def test_every_command_of_do_is_explained_to_contributors(command: str) -> None:
    assert f"`python3 do.py {command}" in (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("dependency", PROJECT["project"]["dependencies"])
def test_every_dependency_and_its_bounds_are_justified(dependency: str) -> None:
    (row,) = re.findall(
        rf"^\| `{re.escape(dependency)}` \|(.+)\|$", (ROOT / "VERSIONING.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    purpose, bound = (cell.strip() for cell in row.split("|"))
    assert purpose
    assert bound.startswith("none") == ("<" not in dependency), "what is said about the upper bound is not so"


def test_the_licence_is_the_one_the_project_names() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert PROJECT["project"]["license"] == "Apache-2.0"
    assert "Version 2.0, January 2004" in text
    assert [int(number) for number in re.findall(r"^   (\d)\. [A-Z]", text, re.MULTILINE)] == list(range(1, 10))
    assert "END OF TERMS AND CONDITIONS" in text


# --- the changelog ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fragment", sorted((ROOT / "changelog.d").iterdir()), ids=name)
def test_a_changelog_fragment_has_a_valid_name_and_one_to_four_lines(fragment: Path) -> None:
    assert do.FRAGMENT.fullmatch(fragment.name)
    assert 1 <= len(fragment.read_text(encoding="utf-8").strip().splitlines()) <= 4


def test_the_changelog_lists_each_version_once_and_the_newest_first() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert text.startswith("# Changelog\n")
    days = re.findall(r"^## (\S+) \((\d{4}-\d\d-\d\d)\)$", text, re.MULTILINE)
    assert len(days) == len(re.findall(r"^## ", text, re.MULTILINE)) == len({version for version, _ in days})
    assert [day for _, day in days] == sorted((day for _, day in days), reverse=True)


# --- CI ---------------------------------------------------------------------------------------------------------------


def test_the_workflow_runs_every_supported_python_on_the_three_systems() -> None:
    claimed = re.findall(r"Python :: (3\.\d+)$", "\n".join(PROJECT["project"]["classifiers"]), re.MULTILINE)
    (pythons,) = re.findall(r"^ +python: \[(.+)\]$", WORKFLOW, re.MULTILINE)
    (systems,) = re.findall(r"^ +system: \[(.+)\]$", WORKFLOW, re.MULTILINE)
    assert re.findall(r'"([^"]+)"', pythons) == claimed
    assert sorted(system.strip().partition("-")[0] for system in systems.split(",")) == ["macos", "ubuntu", "windows"]


def test_the_workflow_may_only_read_and_pins_every_action() -> None:
    assert re.findall(r"^permissions:\n((?: .+\n)+)", WORKFLOW, re.MULTILINE) == ["  contents: read\n"]
    assert WORKFLOW.count("permissions:") == 1
    actions = re.findall(r"uses: (\S+)", WORKFLOW)
    assert actions
    for action in actions:
        assert re.fullmatch(r"[\w./-]+@(v\d+\.\d+\.\d+|[0-9a-f]{40})", action)


# --- the shape of the code --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", MODULES, ids=name)
def test_no_module_is_longer_than_500_lines_but_pure_tables(module: Path) -> None:
    if name(module) not in PURE_TABLES:
        assert len(module.read_text(encoding="utf-8").splitlines()) <= 500


@pytest.mark.parametrize("table", sorted(PURE_TABLES))
def test_the_functions_of_a_pure_table_stay_below_200_lines(table: str) -> None:
    functions = [node for node in ast.walk(TREES[ROOT / table]) if isinstance(node, ast.FunctionDef)]
    lines = sum((node.end_lineno or node.lineno) - node.lineno + 1 for node in functions)
    assert lines <= 200, "it has grown logic: split it from the table"


@pytest.mark.parametrize("module", MODULES, ids=name)
def test_no_module_has_a_name_that_says_nothing(module: Path) -> None:
    words = {part.removesuffix(".py").strip("_") for part in module.relative_to(ROOT).parts}
    assert not words & {"utils", "util", "common", "helpers", "helper", "manager", "misc"}


@pytest.mark.parametrize("module", PACKAGED, ids=name)
def test_packages_import_their_own_modules_relatively(module: Path) -> None:
    own = module.relative_to(ROOT).parts[0]
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            assert (node.module or "").partition(".")[0] != own, f"line {node.lineno}"
        if isinstance(node, ast.Import):
            assert own not in {alias.name.partition(".")[0] for alias in node.names}, f"line {node.lineno}"


@pytest.mark.parametrize("module", [ROOT / "do.py", *PACKAGED], ids=name)
def test_text_files_are_read_and_written_with_a_named_encoding(module: Path) -> None:
    # Windows would take the code page of the country.
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            named = {keyword.arg for keyword in node.keywords}
            position = {"read_text": 0, "write_text": 1}.get(node.func.attr)
            if position is not None:
                assert "encoding" in named or len(node.args) > position, f"line {node.lineno}"


@pytest.mark.parametrize("module", [path for path in MODULES if path != Path(__file__).resolve()], ids=name)
def test_nothing_is_left_to_be_done(module: Path) -> None:
    text = module.read_text(encoding="utf-8")
    assert not re.search(r"\b(TODO|FIXME)\b|\bNotImplementedError\b", text)


@pytest.mark.parametrize("path", kept(".py", ".md", ".toml", ".lock", ".yml", ".json"), ids=name)
def test_no_file_names_the_folder_it_happens_to_lie_in(path: Path) -> None:
    assert not re.search(rf"(?<![\w./-]){re.escape(str(ROOT))}(?![\w-])", path.read_text(encoding="utf-8"))


def test_every_room_has_its_place_in_the_import_contract() -> None:
    (layers,) = [
        contract["layers"] for contract in PROJECT["tool"]["importlinter"]["contracts"] if contract["type"] == "layers"
    ]
    placed = re.findall(r"ouc\.\w+", " ".join(layers))
    rooms = {
        f"ouc.{path.stem}"
        for path in (ROOT / "ouc").iterdir()
        if (path.suffix == ".py" or (path / "__init__.py").is_file()) and not path.stem.startswith("_")
    }
    assert len(placed) == len(set(placed))
    assert rooms <= set(placed)


@pytest.mark.parametrize(
    "room", [path for path in sorted((ROOT / "ouc").iterdir()) if (path / "__init__.py").is_file()], ids=name
)
def test_every_room_has_tests_of_its_own(room: Path) -> None:
    tests = ROOT / "tests"
    assert [*tests.glob(f"{room.name}/test_*.py"), *tests.glob(f"test_{room.name}.py")]


@pytest.mark.parametrize("folder", sorted({path.parent for path in TESTS}), ids=name)
def test_every_test_folder_is_a_package(folder: Path) -> None:
    # Two test modules of the same name in plain folders would hide each other.
    assert (folder / "__init__.py").is_file()
