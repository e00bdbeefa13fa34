"""Signs MP4 files as C2PA says: who made the file, that it is AI-generated, and that nothing changed it since.

The package `c2pa` is an extra. A certificate that is not on C2PA's trust list signs too; checkers then say that they
do not know who it is. Signing is the last step: a file that is converted afterwards has lost it.
"""

from __future__ import annotations

import importlib.util
import json
import os
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from streamer.config import C2paConfig
from streamer.errors import ConfigError
from streamer.recording.fragmented_mp4 import FragmentedMp4
from streamer.recording.mark import SOURCE_TYPE

INSTALL = "pip install 'lipcast[c2pa]'"
TRIAL_SIZE = (64, 64)


class NotSigned(Exception):
    """The message says why."""


class Signer:
    """
    Raises:
        ConfigError: the package, a file or what is in it is not what it should be; a small video has been tried.
    """

    def __init__(self, config: C2paConfig) -> None:
        if importlib.util.find_spec("c2pa") is None:
            raise ConfigError(f"c2pa.certificate = {config.certificate!r}: to sign, {INSTALL}")
        self._config = config
        self._certificate = read_pem(config.certificate, "c2pa.certificate", b"CERTIFICATE")
        self._key = read_pem(config.private_key, "c2pa.private_key", b"PRIVATE KEY")
        with tempfile.TemporaryDirectory() as folder:
            try:
                self.sign(trial(Path(folder) / "trial.mp4"))
            except NotSigned as error:
                raise ConfigError(
                    f"c2pa.certificate = {config.certificate!r}: a video cannot be signed ({error}); expected the"
                    f" certificate of the key, for {config.algorithm}, with the uses that C2PA asks for"
                ) from error

    def sign(self, path: Path) -> None:
        """Sign the file in its place; it is the old or the signed one at any moment. Blocks for as long as reading and
        writing it takes, and the time-stamp server.

        Raises:
            NotSigned: the file is as it was.
        """
        import c2pa  # late: an extra

        fresh = path.with_name(f".{path.name}.signed")
        try:
            with c2pa.Signer.from_info(self._info(c2pa)) as signer, c2pa.Builder(json.dumps(manifest())) as builder:
                builder.sign_file(str(path), str(fresh), signer)
            os.replace(fresh, path)
        except (c2pa.C2paError, OSError) as error:
            raise NotSigned(str(error)) from error
        finally:
            fresh.unlink(missing_ok=True)

    def _info(self, c2pa: Any) -> Any:
        config = self._config
        return c2pa.C2paSignerInfo(
            alg=config.algorithm.encode(),
            sign_cert=self._certificate,
            private_key=self._key,
            ta_url=config.timestamp_url.encode() or None,  # an empty one is taken for an address
        )


def signer_of(config: C2paConfig) -> Signer | None:
    """None where no certificate is configured.

    Raises:
        ConfigError
    """
    return Signer(config) if config.certificate else None


def manifest() -> dict[str, object]:
    """What is signed: one action, that the file was made, and of what (C2PA 2.2, section 18.15)."""
    action = {"action": "c2pa.created", "digitalSourceType": SOURCE_TYPE}
    return {
        "claim_generator_info": [{"name": "Lipcast", "version": version("lipcast")}],
        "format": "video/mp4",
        "assertions": [{"label": "c2pa.actions", "data": {"actions": [action]}}],
    }


def read_pem(path: str, key: str, kind: bytes) -> bytes:
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise ConfigError(
            f"{key} = {path!r}: cannot be read ({error.strerror}); give the path of a PEM file"
        ) from error
    if b"-----BEGIN " + kind + b"-----" not in content:
        raise ConfigError(f"{key} = {path!r}: expected PEM, with a line '-----BEGIN {kind.decode()}-----'")
    return content


def trial(path: Path) -> Path:
    """A video of one frame."""
    file = FragmentedMp4(path, TRIAL_SIZE, 25, "trial")
    file.add_frame(np.zeros((TRIAL_SIZE[1], TRIAL_SIZE[0], 3), np.uint8), 0)
    file.close()
    return path
