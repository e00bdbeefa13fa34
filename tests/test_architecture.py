"""The rules of the architecture, read from the source: who may import whom, who may look at a clock or start a task."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
LONGEST_MODULE = 500  # lines
LONGEST_FUNCTION = 60  # lines

# Where names become objects: the only module of the streamer that knows an engine by more than its contract.
WIRING = ("streamer.wiring",)
# Where an avatar's loop is decoded, and where a new one is made of a picture or a film.
MEDIA_READERS = ("engines.face.avatar", "engines.face.enrolment")


def modules(package: str) -> list[str]:
    paths = sorted((ROOT / package).rglob("*.py"))
    return [".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in paths]


def path_of(module: str) -> Path:
    path = ROOT / Path(*module.split("."))
    return path / "__init__.py" if (path / "__init__.py").is_file() else path.with_suffix(".py")


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(path_of(module).read_text(encoding="utf-8"))


def imports(module: str) -> set[str]:
    """Everything that the module imports, anywhere in it: a.b for `import a.b`, a.b.c for `from a.b import c`."""
    found: set[str] = set()
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: a relative import"
            found |= {f"{node.module}.{name.name}" for name in node.names}
    return found


def imported_modules(module: str, among: set[str]) -> set[str]:
    names = imports(module)
    return (names | {name.rpartition(".")[0] for name in names}) & among - {module}


def inside(name: str, packages: tuple[str, ...]) -> bool:
    return any(name == package or name.startswith(package + ".") for package in packages)


def calls(module: str) -> Iterator[tuple[str, ast.Call]]:
    """Every call as its dotted name, as written."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


# Commands join the streamer with the engines, so they stand above both, outside the import rule.
LIPCAST, STREAMER, ENGINES = modules("lipcast"), modules("streamer"), modules("engines")
INSTALLED = LIPCAST + STREAMER + ENGINES
BENCHMARKS, SCRIPTS = modules("benchmarks"), modules("scripts")
SOURCE = INSTALLED + BENCHMARKS + SCRIPTS


def importers(among: list[str], packages: tuple[str, ...], less: tuple[str, ...] = ()) -> dict[str, set[str]]:
    """Who of `among`, less those inside `less`, imports something of `packages`, and what."""
    found = {
        module: {name for name in imports(module) if inside(name, packages)}
        for module in among
        if not inside(module, less)
    }
    return {module: names for module, names in found.items() if names}


def test_the_streamer_knows_engines_by_their_contract_only() -> None:
    known = importers(STREAMER, ("engines",), less=WIRING)
    beyond = {module: names for module, names in known.items() if not all(inside(n, ("engines.api",)) for n in names)}
    assert beyond == {}


def test_engines_know_neither_the_streamer_nor_time_nor_the_network() -> None:
    foreign = ("lipcast", "streamer", "asyncio", "aiortc", "aioice", "socket", "starlette", "uvicorn", "time")
    assert importers(ENGINES, foreign) == {}


def test_engines_read_media_where_avatars_are_read_and_nowhere_else() -> None:
    assert importers(ENGINES, ("av",), less=MEDIA_READERS) == {}


def test_one_package_alone_knows_the_webrtc_library() -> None:
    assert importers(LIPCAST + STREAMER, ("aiortc",), less=("streamer.webrtc", "lipcast.commands.doctor")) == {}


def test_one_module_alone_asks_the_system_for_the_time() -> None:
    assert importers(LIPCAST + STREAMER, ("time",), less=("streamer.clock",)) == {}


def test_the_streamer_does_not_know_the_commands() -> None:
    assert importers(STREAMER, ("lipcast",)) == {}


def test_nothing_that_is_installed_needs_what_is_not() -> None:
    assert importers(INSTALLED, ("tests", "benchmarks", "scripts")) == {}


def test_nobody_unpickles() -> None:
    assert importers(INSTALLED, ("pickle", "shelve", "marshal", "dill", "joblib")) == {}


def test_tests_use_fakes_and_not_mocks() -> None:
    assert importers(modules("tests"), ("unittest", "mock")) == {}


def test_benchmarks_measure_with_scripts_and_scripts_do_not_know_benchmarks() -> None:
    assert importers(SCRIPTS, ("benchmarks", "tests")) == {}
    assert importers(BENCHMARKS, ("tests",)) == {}


def test_no_imports_go_in_circles() -> None:
    everything = set(SOURCE)
    assert circles({module: imported_modules(module, everything) for module in everything}) == {}


def test_no_packages_of_the_scripts_need_each_other_in_circles() -> None:
    """Each folder of scripts is one node."""
    needs: dict[str, set[str]] = {package(module): set() for module in SCRIPTS}
    for module in SCRIPTS:
        needs[package(module)] |= {package(other) for other in imported_modules(module, set(SCRIPTS))}
    assert circles({name: others - {name} for name, others in needs.items()}) == {}


def package(module: str) -> str:
    """scripts.training.heads of scripts.training.heads.people.mira; a module directly in a folder stands for itself."""
    return ".".join(module.split(".")[:3])


def circles(needs: dict[str, set[str]]) -> dict[str, set[str]]:
    """What is left of a graph when what needs nothing of the rest is taken away, again and again."""
    left = dict(needs)
    while leaves := {name for name, others in left.items() if not others & set(left)}:
        left = {name: others for name, others in left.items() if name not in leaves}
    return left


def test_every_task_belongs_to_a_group() -> None:
    groups = ("tasks", "_tasks", "drawings")
    starters = ("create_task", "ensure_future", "run_coroutine_threadsafe")
    orphans = [
        f"{module}:{call.lineno}: {name}"
        for module in SOURCE
        for name, call in calls(module)
        if last(name) in starters and not (last(name) == "create_task" and last(name.rpartition(".")[0]) in groups)
    ]
    assert orphans == []


def test_every_queue_is_bounded() -> None:
    unbounded = [
        f"{module}:{call.lineno}: {name}"
        for module in SOURCE
        for name, call in calls(module)
        if (last(name) in ("Queue", "LifoQueue", "PriorityQueue") and not (call.args or call.keywords))
        or (last(name) == "deque" and not any(word.arg == "maxlen" for word in call.keywords))
    ]
    assert unbounded == []


def last(name: str) -> str:
    return name.rpartition(".")[2]


def test_every_module_says_what_it_is() -> None:
    assert [module for module in SOURCE if not ast.get_docstring(tree(module))] == []


def test_modules_and_functions_are_small() -> None:
    long_modules = [module for module in SOURCE if lines_of(module) > LONGEST_MODULE]
    long_functions = [
        f"{module}.{node.name}"
        for module in SOURCE
        for node in ast.walk(tree(module))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno >= LONGEST_FUNCTION
    ]
    assert (long_modules, long_functions) == ([], [])


def lines_of(module: str) -> int:
    return path_of(module).read_text(encoding="utf-8").count("\n")


def test_no_option_of_a_command_line_can_be_abbreviated() -> None:
    """argparse would take --look for --lookahead-ms, until another option begins like it."""
    lenient = [
        f"{module}:{call.lineno}"
        for module in INSTALLED + modules("benchmarks") + modules("scripts")
        for name, call in calls(module)
        if last(name) == "ArgumentParser"
        and not any(word.arg == "allow_abbrev" and ast.unparse(word.value) == "False" for word in call.keywords)
    ]
    assert lenient == []
