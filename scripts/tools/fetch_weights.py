"""Fetch a standard set of weights for `lipcast pack build sd15`: about 5 GB, into a folder, from the hub or a mirror.

    python -m scripts.tools.fetch_weights --out weights

What was broken off goes on where it ended; what is there is compared and not fetched again. SHA-256 of every file is
written to hashes.json; where the server states it, or --hashes gives such a file from another source, it must agree.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import json
import re
import shutil
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

HUB = "https://huggingface.co"
HASHES = "hashes.json"
PIECE = 1 << 20  # bytes read at a time
ATTEMPTS = 5  # in a row without a byte, before it is given up
TIMEOUT_S = 30.0  # for a server to say something
TELL_S = 1.0  # from one line of progress to the next
MB = 1e6
SHA256 = re.compile(r'"?([0-9a-f]{64})"?')
BROKEN = (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError)

Hashes = dict[str, str]


class FetchError(Exception):
    """The message names the file, what was expected and the fix."""


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file of a model on the hub. Cards need not exist."""

    model: str
    path: str
    optional: bool = False

    @property
    def name(self) -> str:
        return f"{self.model}/{self.path}"


def standard(adapters: tuple[str, ...]) -> list[HubFile]:
    """Stable Diffusion 1.5 inpainting, IP-Adapters with their image encoder, LCM's LoRA, TAESD."""
    files = {
        "stable-diffusion-v1-5/stable-diffusion-inpainting": [
            "model_index.json", "scheduler/scheduler_config.json", "tokenizer/vocab.json", "tokenizer/merges.txt",
            *_model("text_encoder", "model"), *_model("unet"), *_model("vae"),
        ],
        "h94/IP-Adapter": [
            "models/image_encoder/config.json", "models/image_encoder/model.safetensors",
            *(f"models/ip-adapter{'' if kind == 'plain' else '-plus'}_sd15.safetensors" for kind in adapters),
        ],
        "latent-consistency/lcm-lora-sdv1-5": ["pytorch_lora_weights.safetensors"],
        "madebyollin/taesd": ["config.json", "diffusion_pytorch_model.safetensors"],
    }  # fmt: skip
    cards = [HubFile(model, "README.md", optional=True) for model in files]  # they state the licences
    return [*cards, *(HubFile(model, path) for model, paths in files.items() for path in paths)]


def _model(folder: str, stem: str = "diffusion_pytorch_model") -> list[str]:
    return [f"{folder}/config.json", f"{folder}/{stem}.fp16.safetensors"]


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """What a server says of a file. sha256: None where it does not say."""

    bytes: int
    sha256: str | None


@dataclass(frozen=True, slots=True)
class Fetcher:
    """mirror: where files are, as URL/MODEL/resolve/main/PATH; words: told of progress; pause: waits for seconds."""

    mirror: str
    words: TextIO
    now: Callable[[], float] = time.monotonic
    pause: Callable[[float], None] = time.sleep

    def url(self, wanted: HubFile) -> str:
        return f"{self.mirror.rstrip('/')}/{wanted.model}/resolve/main/{wanted.path}"

    def head(self, wanted: HubFile) -> RemoteFile | None:
        """None for an optional file that there is not.

        Raises:
            FetchError: there is no such file, or no answer.
        """
        request = urllib.request.Request(self.url(wanted), method="HEAD")
        for attempt in range(ATTEMPTS):
            try:
                # The hub states size and hash in its own answer, and then sends elsewhere for the content.
                with urllib.request.build_opener(_NoRedirect).open(request, timeout=TIMEOUT_S) as answer:
                    return _remote(answer.headers)
            except urllib.error.HTTPError as error:
                if error.code in (301, 302, 303, 307, 308) and "X-Linked-Size" in error.headers:
                    return _remote(error.headers)
                if error.code in (401, 403, 404) and wanted.optional:
                    return None
                raise FetchError(f"{self.url(wanted)}: the server says {error.code} {error.reason}") from error
            except BROKEN as error:
                self._wait(wanted, attempt, error)
        raise AssertionError("unreachable: the last attempt raises")

    def fetch(self, wanted: HubFile, remote: RemoteFile, path: Path) -> str:
        """Its SHA-256; the file is whole then. Goes on where an earlier call was broken off.

        Raises:
            FetchError: it cannot be had, or is not what the server says it is.
        """
        part = path.with_name(path.name + ".part")
        part.parent.mkdir(parents=True, exist_ok=True)
        attempt = 0
        while (have := part.stat().st_size if part.exists() else 0) < remote.bytes:
            try:
                self._go_on(wanted, remote, part, have)
            except BROKEN as error:
                attempt = attempt + 1 if part.exists() and part.stat().st_size == have else 0
                self._wait(wanted, attempt, error)
        found = sha256(part)
        if part.stat().st_size != remote.bytes or remote.sha256 not in (None, found):
            part.unlink()
            raise FetchError(
                f"{wanted.name}: expected {remote.bytes} bytes of SHA-256 {remote.sha256}, got {found}: thrown away; "
                "start again, or try another --mirror"
            )
        part.replace(path)
        return found

    def _go_on(self, wanted: HubFile, remote: RemoteFile, part: Path, have: int) -> None:
        request = urllib.request.Request(self.url(wanted), headers={"Range": f"bytes={have}-"} if have else {})
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
            goes_on = answer.status == http.HTTPStatus.PARTIAL_CONTENT
            done = have if goes_on else 0
            with part.open("ab" if goes_on else "wb") as file:
                for piece in self._reported(wanted, remote, done, iter(lambda: answer.read(PIECE), b"")):
                    file.write(piece)
        if part.stat().st_size < remote.bytes:
            raise ConnectionError(f"the server sent {part.stat().st_size} of {remote.bytes} bytes")

    def _reported(self, wanted: HubFile, remote: RemoteFile, done: int, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """The pieces, telling how far they are."""
        begun, told, first = self.now(), self.now(), done
        for piece in pieces:
            done += len(piece)
            now = self.now()
            if now - told >= TELL_S or done == remote.bytes:
                told = now
                speed = (done - first) / max(now - begun, 1e-6) / MB
                percent = 100 * done // max(remote.bytes, 1)
                self._say(f"{wanted.name}: {percent} % of {remote.bytes / MB:.1f} MB, {speed:.1f} MB/s")
            yield piece

    def _wait(self, wanted: HubFile, attempt: int, error: Exception) -> None:
        if attempt + 1 >= ATTEMPTS:
            raise FetchError(f"{self.url(wanted)}: {error}; what has come is kept: start again to go on") from error
        self._say(f"{wanted.name}: {error}; trying again")
        self.pause(2.0**attempt)

    def _say(self, line: str) -> None:
        self.words.write(line + "\n")
        self.words.flush()


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *given: Any) -> None:
        """Not followed: the answer itself is wanted."""


def _remote(headers: Any) -> RemoteFile:
    size = headers.get("X-Linked-Size") or headers.get("Content-Length")
    if size is None:
        raise FetchError("expected a server that states the size of its files; try another --mirror")
    found = SHA256.fullmatch(headers.get("X-Linked-Etag") or headers.get("ETag") or "")
    return RemoteFile(int(size), found[1] if found else None)


def fetch_all(wanted: list[HubFile], folder: Path, fetcher: Fetcher, known: Hashes) -> Hashes:
    """SHA-256 of every file by its name in the folder. known: what they must be, as far as it is known.

    Raises:
        FetchError: one cannot be had, is not what it should be, or there is too little room.
    """
    remotes = {each: remote for each in wanted if (remote := fetcher.head(each)) is not None}
    _expect_room(folder, remotes)
    hashes = known | _read_hashes(folder / HASHES)
    for each, remote in remotes.items():
        path = folder / each.model / each.path
        if path.is_file():
            found = sha256(path)
            fetcher.words.write(f"{each.name}: is there\n")
        else:
            found = fetcher.fetch(each, remote, path)
        should = known.get(each.name) or remote.sha256 or hashes.get(each.name)
        if should not in (None, found):
            raise FetchError(f"{path}: expected SHA-256 {should}, found {found}; delete it and start again")
        hashes[each.name] = found
        folder.mkdir(parents=True, exist_ok=True)
        (folder / HASHES).write_text(json.dumps(hashes, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return hashes


def _expect_room(folder: Path, remotes: dict[HubFile, RemoteFile]) -> None:
    there = next(each for each in (folder.absolute(), *folder.absolute().parents) if each.is_dir())
    missing = sum(remote.bytes for each, remote in remotes.items() if not (folder / each.model / each.path).is_file())
    free = shutil.disk_usage(there).free
    if missing > free:
        raise FetchError(f"{folder}: expected {missing / MB:.0f} MB free, found {free / MB:.0f}; give another --out")


def _read_hashes(path: Path) -> Hashes:
    if not path.is_file():
        return {}
    try:
        return {str(name): str(value) for name, value in json.loads(path.read_text(encoding="utf-8")).items()}
    except (ValueError, AttributeError) as error:
        raise FetchError(f"{path}: expected JSON of hashes by name, found {error}; delete it") from error


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--mirror", default=HUB, metavar="URL", help=f"where the files are (default {HUB})")
    parser.add_argument("--adapter", choices=("plus", "plain"), action="append", help="once or twice (default plus)")
    parser.add_argument("--hashes", type=Path, metavar="FILE", help="a hashes.json that the files must agree with")
    options = parser.parse_args()
    try:
        known = _read_hashes(options.hashes) if options.hashes else {}
        wanted = standard(tuple(options.adapter or ["plus"]))
        fetch_all(wanted, options.out, Fetcher(options.mirror, sys.stderr), known)
    except (FetchError, OSError) as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit("stopped; what has come is kept: start again to go on")
    print(f"{options.out}: all there; build a pack with `lipcast pack build sd15 --weights {options.out} --out PACK`")


if __name__ == "__main__":
    main()
