"""Whether content is what it is said to be."""

from __future__ import annotations

import io

from cluster.content.sniff import sniff
from cluster.errors import UnsupportedMedia
from cluster.settings import IngestSettings

UNKNOWN = "application/octet-stream"
# What servers say when they do not know.
NO_CLAIM = frozenset({"", UNKNOWN, "binary/octet-stream", "application/force-download", "application/download", "application/x-download"})
TEXTUAL = frozenset(
    """application/json application/jsonl application/ld+json application/xml application/xhtml+xml application/javascript
    application/ecmascript application/yaml application/x-yaml application/toml application/sql application/x-sh
    application/x-www-form-urlencoded application/x-ndjson application/rtf message/rfc822 image/svg+xml""".split()
)
# Names that differ, for the same bytes.
SAME = {
    "application/x-pdf": "application/pdf",
    "application/x-zip-compressed": "application/zip",
    "application/x-zip": "application/zip",
    "application/x-gzip": "application/gzip",
    "application/x-tgz": "application/gzip",
    "application/bzip2": "application/x-bzip2",
    "image/jpg": "image/jpeg",
}
# Of these only the first part is compared: signatures of their members overlap.
FAMILIES = frozenset({"image", "audio", "video", "font"})
# Certainly told by their content. Office files may also be found as what is around them, a zip or an OLE file.
RECOGNISED = frozenset(
    {"application/pdf", "application/epub+zip", "application/zip", "application/gzip", "application/x-bzip2", "application/x-xz"}
)
OFFICE = ("application/vnd.openxmlformats-officedocument", "application/msword", "application/vnd.ms-", "application/vnd.oasis.")
AROUND_OFFICE = (*OFFICE, "application/zip", "application/x-ole")


def media_of(header: str | None) -> str:
    """The media type in a Content-Type header, lower-case and without parameters; empty where there is none."""
    media = (header or "").partition(";")[0].strip().lower()
    return media if "/" in media and len(media) <= 200 and media.isascii() and " " not in media else ""


def is_textual(media: str) -> bool:
    return media.startswith("text/") or media in TEXTUAL or media.endswith(("+json", "+xml", "+yaml"))


def found_type(content: bytes, name: str, limits: IngestSettings) -> str:
    """The media type that the content itself shows; UNKNOWN where it shows none. ``name`` only decides among kinds of text."""
    try:
        return sniff(io.BytesIO(content), name, limits)
    except UnsupportedMedia:
        return UNKNOWN


def agrees(declared: str, found: str) -> bool:
    """Whether content that is ``found`` may be called ``declared``. Among kinds of text anything may: nobody can tell them apart. What has
    a name that is not known here may be anything but a page."""
    declared, found = SAME.get(declared, declared), SAME.get(found, found)
    if declared in NO_CLAIM or declared == found:
        return True
    if is_textual(declared):
        return is_textual(found)
    if declared in RECOGNISED:
        return False
    if declared.startswith(OFFICE):
        return found.startswith(AROUND_OFFICE)
    family, found_family = declared.partition("/")[0], found.partition("/")[0]
    if family in FAMILIES:
        # Sound and film come in the same containers; what is not known at all may be a new kind of either.
        return found == UNKNOWN or family == found_family or {family, found_family} == {"audio", "video"}
    return found != "text/html"
