"""What the code calls of TensorRT and CUDA is there, in NVIDIA's real bindings: names, parameters, what can be set.

The bindings come without the libraries they are bound to: one that has the same names and does nothing lets them be
imported. Put any versions into folders of .venv/bindings, each by
`pip install --no-deps --target .venv/bindings/VERSION tensorrt-cu13-bindings==VERSION`.
"""

from __future__ import annotations

import importlib.util
import inspect
import json
import os
import re
import shutil
import subprocess
import sys
import typing
from functools import cache
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("onnx")

from engines.backends import cuda, tensorrt_api
from engines.backends.tensorrt_api import version_of

pytestmark = pytest.mark.slow  # every version is imported in a process of its own

ROOT = Path(__file__).parents[3]
FOLDERS = sorted((Path(sys.prefix) / "bindings").glob("*/tensorrt_bindings/tensorrt.so"))
REAL = {
    "Builder": "Builder",
    "BuilderConfig": "IBuilderConfig",
    "NetworkDefinition": "INetworkDefinition",
    "OnnxParser": "OnnxParser",
    "ParserError": "ParserError",
    "ExecutionContext": "IExecutionContext",
    "CudaEngine": "ICudaEngine",
    "Runtime": "Runtime",
    "HostMemory": "IHostMemory",
}
MEMBERS = {
    "BuilderFlag": ["TF32"],
    "MemoryPoolType": ["WORKSPACE"],
    "TensorIOMode": ["INPUT", "OUTPUT"],
    "DataType": ["FLOAT"],
    "ILogger": ["INTERNAL_ERROR", "ERROR", "WARNING"],
}

versions = pytest.mark.parametrize(
    "library",
    FOLDERS
    or [
        pytest.param(
            Path(), marks=pytest.mark.skip("needs TensorRT's bindings in .venv/bindings, as this file's head says")
        )
    ],
    ids=lambda path: path.parts[-3] if path.parts else "none",
)


def run(*arguments: str, folder: Path | None = None, libraries: Path | None = None) -> Any:
    paths = [str(ROOT), *([str(folder)] if folder else [])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "LD_LIBRARY_PATH": str(libraries or "")}
    command = [sys.executable, "-W", "ignore", str(Path(__file__).with_name("bindings_child.py")), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def tool(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def empty_libraries(library: Path, folder: Path) -> None:
    """Libraries under the names that the bindings ask for, with the functions they ask for, which do nothing."""
    needed = re.findall(r"\[(libnv\w+\.so\.\d+)\]", tool("readelf", "-d", str(library)))
    missing = re.findall(r"^ +U (?!Py|_Py|_Z)(\w+)$", tool("nm", "-D", "-u", str(library)), re.MULTILINE)
    source = folder / "empty.c"
    source.write_text("".join(f"int {name}(void) {{ return 0; }}\n" for name in missing))
    for name in needed:
        tool("gcc", "-shared", "-fPIC", "-nostdlib", f"-Wl,-soname,{name}", "-o", str(folder / name), str(source))


@cache
def described(library: Path, folder: Path) -> Any:
    empty_libraries(library, folder)
    return run("tensorrt", folder=library.parents[1], libraries=folder)


@pytest.fixture
def bindings(library: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    lacking = [name for name in ("gcc", "nm", "readelf") if shutil.which(name) is None]
    if lacking:
        pytest.skip(f"needs {' and '.join(lacking)} to stand in for TensorRT's libraries")
    folder = tmp_path_factory.getbasetemp() / f"libraries-{library.parts[-3]}"
    folder.mkdir(exist_ok=True)
    return described(library, folder)


def parameters(signature: str) -> list[tuple[str, bool]]:
    """The parameters of a pybind11 signature without self: name, and whether it may be left out."""
    inner = re.sub(r"<[^<>]*>", "default", signature)  # enumerations as defaults
    while re.search(r"\[[^\[\]]*\]", inner):
        inner = re.sub(r"\[[^\[\]]*\]", "", inner)
    parts = [part.strip() for part in inner.split(",") if part.strip()]
    return [(part.split(":")[0].strip(), "=" in part) for part in parts if not part.startswith("self:")]


def fits(wanted: list[str], signature: str) -> bool:
    real = parameters(signature)
    return [name for name, _ in real[: len(wanted)]] == wanted and all(spare for _, spare in real[len(wanted) :])


def declared(protocol: type) -> dict[str, Any]:
    """Methods, properties and attributes of one of our protocols."""
    members = {name: value for name, value in vars(protocol).items() if not name.startswith("_")}
    return members | {name: None for name in typing.get_type_hints(protocol) if not name.startswith("_")}


def own_parameters(method: Any) -> list[str]:
    return [name for name in inspect.signature(method).parameters if name != "self"]


def test_signatures_are_read_as_pybind11_writes_them() -> None:
    signature = "self: t.X, a: typing.SupportsInt, b: list[tuple[int, str]] = <Kind.ONE: 1>, c: str = None"
    assert parameters(signature) == [("a", False), ("b", True), ("c", True)]
    assert fits(["a"], signature)
    assert fits(["a", "b"], signature)
    assert not fits(["b"], signature)
    assert not fits([], signature)


@versions
@pytest.mark.parametrize("name", REAL)
def test_every_member_is_there_with_its_parameters(bindings: Any, name: str) -> None:
    real = bindings["classes"][REAL[name]]
    for member, value in declared(getattr(tensorrt_api, name)).items():
        assert member in real, member
        if isinstance(value, property):
            assert real[member]["kind"] == "property", member
        elif value is None:
            assert real[member] == {"kind": "property", "settable": True}, member
        else:
            wanted = own_parameters(value)
            assert any(fits(wanted, each) for each in real[member]["signatures"]), (member, real[member])


@versions
def test_classes_are_made_with_these_arguments(bindings: Any) -> None:
    for name in ("Builder", "OnnxParser", "Runtime"):
        wanted = own_parameters(getattr(tensorrt_api.TensorRt, name))
        real = bindings["classes"][name]["__init__"]["signatures"]
        assert any(fits(wanted, each) for each in real), (name, real)


@versions
def test_the_module_has_every_class_and_enumeration(bindings: Any) -> None:
    wanted = {name for name in vars(tensorrt_api.TensorRt) if name[0].isupper()}
    assert wanted <= bindings["classes"].keys()
    for name, members in MEMBERS.items():
        assert set(members) <= bindings["classes"][name].keys(), name


@versions
def test_strong_typing_must_be_asked_for_in_version_10(bindings: Any) -> None:
    if version_of(bindings["version"]) < (11, 0):
        assert "STRONGLY_TYPED" in bindings["classes"]["NetworkDefinitionCreationFlag"]


@versions
def test_callbacks_have_the_parameters_that_they_are_called_with(bindings: Any) -> None:
    classes = bindings["classes"]
    assert fits(
        ["phase_name", "parent_phase", "num_steps"], classes["IProgressMonitor"]["phase_start"]["signatures"][0]
    )
    assert fits(["phase_name", "step"], classes["IProgressMonitor"]["step_complete"]["signatures"][0])
    assert fits(["phase_name"], classes["IProgressMonitor"]["phase_finish"]["signatures"][0])
    assert fits(["severity", "msg"], classes["ILogger"]["log"]["signatures"][0])


@versions
def test_classes_derived_from_the_bindings_work(bindings: Any) -> None:
    assert bindings["derived"] == {
        "kinds": [True, True],
        "logged": ["ERROR no memory"],
        "told": [["Building", 0, 2], ["Building", 1, 2]],
        "went on": True,
    }


needs_cuda = pytest.mark.skipif(
    importlib.util.find_spec("cuda") is None or importlib.util.find_spec("cuda.bindings") is None,
    reason="needs NVIDIA's CUDA bindings: pip install cuda-bindings",
)


def cuda_calls() -> dict[str, Any]:
    return {name: value for name, value in declared(cuda.CudaRuntime).items() if not isinstance(value, property)}


@needs_cuda
def test_cuda_has_every_call_with_its_parameters_and_results() -> None:
    found = run("cuda", *cuda_calls())
    for name, value in cuda_calls().items():
        inner = found["signatures"][name].partition("(")[2].rstrip(")")
        real = [re.sub(r":.*", "", part).split()[-1] for part in inner.split(",") if part.strip()]
        assert real == own_parameters(value), name
        results = typing.get_args(typing.get_type_hints(value)["return"])
        assert found["driver"] or found["results"][name] == len(results), name


@needs_cuda
def test_cuda_has_every_member_of_its_enumerations() -> None:
    found = run("cuda")["members"]
    pairs = (("cudaMemcpyKind", cuda.MemcpyKind), ("cudaStreamCaptureMode", cuda.CaptureMode))
    for name, protocol in (*pairs, ("cudaDeviceAttr", cuda.DeviceAttribute)):
        assert set(declared(protocol)) <= set(found[name])
