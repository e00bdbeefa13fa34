"""Imports NVIDIA's bindings in a process of its own and prints what they have, as JSON. Run by test_bindings.py."""

from __future__ import annotations

import importlib
import json
import logging
import os
import re
import sys
from typing import Any, cast

from engines.backends.tensorrt_api import TensorRt, check_version, logger_of
from engines.backends.tensorrt_build import Progress, _monitor, _Watch


def describe(member: Any) -> dict[str, Any]:
    """A property, and whether it can be set; or a function's signatures, one for each overload; or anything else."""
    if isinstance(member, property):
        return {"kind": "property", "settable": member.fset is not None}
    signatures = re.findall(r"^(?:\d+\. )?\w+\((.*)\) -> ", getattr(member, "__doc__", None) or "", re.MULTILINE)
    return {"kind": "function" if signatures else "other", "signatures": [s for s in signatures if s[:1] != "*"]}


def tensorrt() -> dict[str, Any]:
    sys.setdlopenflags(os.RTLD_LAZY)  # nothing of the libraries is called
    module: Any = importlib.import_module("tensorrt_bindings")
    classes = {name: value for name, value in vars(module).items() if isinstance(value, type)}
    return {
        "version": module.__version__,
        "classes": {
            name: {member: describe(getattr(value, member)) for member in dir(value)} for name, value in classes.items()
        },
        "derived": derived(module),
    }


def derived(module: Any) -> dict[str, Any]:
    """What comes of the classes that Lipcast derives from TensorRT's, made and called as TensorRT would."""
    check_version(module.__version__)
    records: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: records.append(f"{record.levelname} {record.getMessage()}")  # type: ignore[method-assign]
    logging.getLogger("engines.backends.tensorrt_api").addHandler(handler)
    logger = logger_of(cast(TensorRt, module))
    logger.log(severity=module.ILogger.Severity.ERROR, msg="no memory")
    told: list[Progress] = []

    def tell(progress: Progress) -> bool:
        told.append(progress)
        return True

    monitor = _monitor(cast(TensorRt, module), _Watch(tell))
    monitor.phase_start(phase_name="Building", parent_phase=None, num_steps=2)
    went_on = monitor.step_complete(phase_name="Building", step=0)
    monitor.phase_finish(phase_name="Building")
    return {
        "kinds": [isinstance(logger, module.ILogger), isinstance(monitor, module.IProgressMonitor)],
        "logged": records,
        "told": [[progress.phase, progress.done, progress.steps] for progress in told],
        "went on": went_on,
    }


def cuda() -> dict[str, Any]:
    """Names and signatures, and how many values each call gives: without a driver all of them refuse, in full form."""
    module: Any = importlib.import_module("cuda.bindings.runtime")
    functions = {name: value for name, value in vars(module).items() if name.startswith("cuda") and callable(value)}
    arguments = {
        "cudaGetErrorString": (module.cudaError_t.cudaErrorInvalidValue,),
        "cudaGetLastError": (),
        "cudaMemGetInfo": (),
        "cudaDeviceGetAttribute": (module.cudaDeviceAttr.cudaDevAttrComputeCapabilityMajor, 0),
        "cudaMemcpyAsync": (0, 0, 0, module.cudaMemcpyKind.cudaMemcpyHostToDevice, 0),
        "cudaStreamBeginCapture": (0, module.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal),
        "cudaGraphInstantiate": (0, 0),
        "cudaGraphLaunch": (0, 0),
    }
    no_driver = int(module.cudaGetDeviceCount()[0]) != 0
    return {
        "driver": not no_driver,
        "signatures": {name: (value.__doc__ or "").split("\n")[0] for name, value in functions.items()},
        "members": {
            name: dir(getattr(module, name)) for name in ("cudaMemcpyKind", "cudaStreamCaptureMode", "cudaDeviceAttr")
        },
        "results": {name: len(getattr(module, name)(*arguments.get(name, (0,)))) for name in sys.argv[2:] if no_driver},
    }


if __name__ == "__main__":
    print(json.dumps({"tensorrt": tensorrt, "cuda": cuda}[sys.argv[1]]()))  # noqa: T201  this is how it answers
