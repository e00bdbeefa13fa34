"""The mark that says that a video is AI-generated: for people as the file's comment, for programs as XMP.

XMP lies in a box of its own (XMP specification part 3, section 1.1.5, ISO base media files) and names the IPTC's
digital source type, which C2PA manifests use, too. Knows no container library.
"""

from __future__ import annotations

from pathlib import Path
from uuid import UUID
from xml.sax.saxutils import quoteattr

NOTICE = "The picture is AI-generated: a virtual presenter whose lips follow the audio. Made with Lipcast."
# IPTC NewsCodes: real audio over a generated face is a composite that includes generated elements.
SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
GENERATED = ("compositeWithTrainedAlgorithmicMedia", "trainedAlgorithmicMedia")  # source types that count as the mark
XMP_ID = UUID("be7acfcb-97a9-42e8-9c71-999491e3afac")  # XMP specification part 3, table 9
HEADER = 8  # bytes: a box's length and its type, ISO/IEC 14496-12 section 4.2
LONGEST_XMP = 1 << 20  # bytes that are read of a file: packets have some kB
TEMPLATE = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/"'
    ' xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
    " xmp:CreatorTool={tool} Iptc4xmpExt:DigitalSourceType={source}/>"
    '</rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
)


def xmp_box(tool: str = "Lipcast") -> bytes:
    """The box for a file of `tool`. It may stand between any two boxes of a fragmented file, and at the end of any."""
    payload = XMP_ID.bytes + TEMPLATE.format(tool=quoteattr(tool), source=quoteattr(SOURCE_TYPE)).encode()
    return (HEADER + len(payload)).to_bytes(4) + b"uuid" + payload


def xmp_of(path: Path) -> bytes:
    """The file's XMP, empty if it has none or is no ISO base media file.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        size, position = path.stat().st_size, 0
        while position + HEADER <= size:
            file.seek(position)
            header = file.read(HEADER + 8)
            length, kind = int.from_bytes(header[:4]), header[4:8]
            if length == 1:  # a 64-bit length follows
                length = int.from_bytes(header[HEADER:])
            if kind == b"uuid" and header[HEADER:] == XMP_ID.bytes[:8]:
                file.seek(position + HEADER + len(XMP_ID.bytes))
                return file.read(min(max(0, length - HEADER - len(XMP_ID.bytes)), LONGEST_XMP))
            if length < HEADER:  # to the end of the file, or no box at all
                break
            position += length
    return b""


def marked(xmp: bytes) -> bool:
    """Does the XMP name a digital source type that stands for AI-generated media?"""
    return any(f"digitalsourcetype/{name}".encode() in xmp for name in GENERATED)
