"""Draws what is missing of a dataset, in one process or several, and says how far it is. Knows nothing of a sample."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from functools import cache
from multiprocessing import get_context
from pathlib import Path

import cv2

from scripts.training.heads.model import load_facekit
from scripts.training.mouth_data.person_sampler import PersonSampler
from scripts.training.mouth_data.plan import Plan, Shard
from scripts.training.mouth_data.region import Region, build_region
from scripts.training.mouth_data.shards import begin, finish, write_shard

SAY_EVERY = 5.0  # seconds


def make(facekit: Path, folder: Path, plan: Plan, workers: int = 1) -> None:
    """Write what is missing of a dataset, then its index.

    Raises:
        FileNotFoundError: the face model is not in facekit.
        OtherDataset: the folder was begun with other settings.
    """
    build_people(facekit, plan.size)  # before anything is written: the model may not be there
    missing = begin(folder, plan)
    progress = _progress(plan.samples, sum(shard.samples for shard in missing))
    if workers < 2:
        for shard in missing:
            _write(facekit, folder, plan, shard, progress)
    else:
        _write_in_parallel(facekit, folder, plan, missing, workers, progress)
    finish(folder, plan)
    print(f"{plan.samples} samples in {folder}", file=sys.stderr)


def _write_in_parallel(
    facekit: Path, folder: Path, plan: Plan, missing: Sequence[Shard], workers: int, drawn: Callable[[int], None]
) -> None:
    # Spawned: numba's and the matrix library's threads do not survive a fork.
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        jobs = {pool.submit(_write, facekit, folder, plan, shard): shard for shard in missing}
        for job in as_completed(jobs):
            job.result()
            drawn(jobs[job].samples)


def build_people(facekit: Path, size: int) -> PersonSampler:
    """Everybody, in pictures of size pixels.

    Raises:
        FileNotFoundError: the face model is not in facekit.
    """
    return PersonSampler(_region(facekit), size)


def _write(
    facekit: Path, folder: Path, plan: Plan, shard: Shard, drawn: Callable[[int], None] = lambda _: None
) -> None:
    with _one_thread():
        write_shard(folder, plan, shard, build_people(facekit, plan.size), drawn)


@cache
def _region(facekit: Path) -> Region:
    """One for the life of a process: it takes seconds to build."""
    return build_region(load_facekit(facekit))


@contextmanager
def _one_thread() -> Iterator[None]:
    """Pictures this small lose more by threads than they win, and the processes share the cores already."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def _progress(samples: int, missing: int) -> Callable[[int], None]:
    """Told of every few samples drawn; says how many are there and how long the rest will take."""
    began, done, said = time.monotonic(), 0, 0.0

    def drawn(count: int) -> None:
        nonlocal done, said
        done += count
        now = time.monotonic()
        if now - said > SAY_EVERY or done == missing:
            said = now
            left = (now - began) * (missing - done) / done
            share = samples - missing + done
            print(
                f"{share}/{samples} samples, {(now - began) / done:.3f} s each, {left / 60:.1f} min left",
                file=sys.stderr,
            )

    return drawn
