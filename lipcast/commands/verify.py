"""Is a video marked as AI-generated, and is it signed? Reads the mark of any maker, and C2PA manifests if it can."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path

import av

from lipcast.commands.errors import CommandError
from streamer.recording.mark import GENERATED, NOTICE, marked, xmp_of
from streamer.recording.signing import INSTALL

# What becomes of a manifest; the first three are C2PA's validation states (C2PA 2.2, section 14.3.4).
TRUSTED, VALID, INVALID, NONE, UNKNOWN = "trusted", "valid", "invalid", "none", "not checked"
SENTENCES = {
    TRUSTED: "valid, by a signer on the trust list",
    VALID: "valid, unchanged since it was signed; the signer is not on a trust list",
    INVALID: "NOT valid: the file was changed since it was signed, or was signed wrongly",
    NONE: "none",
    UNKNOWN: f"not checked: {INSTALL}",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a file says of itself.

    xmp, comment: does it hold the mark; manifest: the state of its C2PA manifest; signer: as its certificate names it;
    generated: does the manifest say that the file is AI-generated; problems: C2PA's codes.
    """

    path: Path
    xmp: bool
    comment: bool
    manifest: str
    signer: str = ""
    generated: bool = False
    problems: tuple[str, ...] = ()

    @property
    def marked(self) -> bool:
        return self.xmp or self.comment or self.generated

    @property
    def good(self) -> bool:
        """It is marked, and no manifest says something else than the file."""
        return self.marked and self.manifest != INVALID

    def body(self) -> dict[str, object]:
        """As JSON."""
        return {
            "file": str(self.path),
            "ai_generated": self.marked,
            "mark": {"xmp": self.xmp, "comment": self.comment, "manifest": self.generated},
            "c2pa": {"state": self.manifest, "signer": self.signer, "problems": list(self.problems)},
        }

    def text(self) -> str:
        places = [
            name
            for name, there in (("XMP", self.xmp), ("comment", self.comment), ("C2PA manifest", self.generated))
            if there
        ]
        mark = f"yes ({', '.join(places)})" if places else "no: nothing in the file says so"
        signer = f"; signed by {self.signer}" if self.signer else ""
        problems = f"\n  {', '.join(self.problems)}" if self.problems else ""
        return (
            f"{self.path}\nmarked as AI-generated: {mark}\nC2PA manifest: {SENTENCES[self.manifest]}{signer}{problems}"
        )


def verify(path: Path) -> Verdict:
    """
    Raises:
        CommandError: there is no such file, or it is no audio or video.
    """
    try:
        with av.open(str(path)) as container:
            comment = container.metadata.get("comment", "") == NOTICE
        xmp = marked(xmp_of(path))
    except (av.FFmpegError, OSError) as error:
        raise CommandError(f"{path}: cannot be read as video ({error}); give the name of a video file") from error
    state, signer, generated, problems = manifest_of(path)
    return Verdict(path, xmp, comment, state, signer, generated, problems)


def manifest_of(path: Path) -> tuple[str, str, bool, tuple[str, ...]]:
    """State, signer, whether it says AI-generated, and problems of the file's C2PA manifest."""
    if importlib.util.find_spec("c2pa") is None:
        return UNKNOWN, "", False, ()
    import c2pa  # late: an extra

    try:
        with c2pa.Reader(str(path)) as reader:
            found = json.loads(reader.json())
    except c2pa.C2paError as error:
        if "ManifestNotFound" in str(error):
            return NONE, "", False, ()
        return INVALID, "", False, (str(error),)
    manifest = found["manifests"][found["active_manifest"]]
    problems = tuple(each["code"] for each in found.get("validation_status", ()))
    signer = manifest.get("signature_info", {}).get("issuer", "")
    assertions = json.dumps(manifest.get("assertions", []))
    generated = any(f"digitalsourcetype/{name}" in assertions for name in GENERATED)
    return found["validation_state"].lower(), signer, generated, problems
