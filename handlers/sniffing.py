# SPDX-License-Identifier: Apache-2.0
"""What the first octets of a file say that it is, whatever the mail calls it.

Enters: decoded octets. Leaves: a media type, text/plain for what reads as text, application/octet-stream for the rest.
Archives and office files are not opened: a .docx is a ZIP archive here. Looks at 1 KB.
"""

LOOKED_AT = 1024
UNKNOWN = "application/octet-stream"

# offset, octets, type; the first that fits
_SIGNATURES = (
    (0, b"%PDF-", "application/pdf"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (8, b"WAVE", "audio/wav"),
    (8, b"AVI ", "video/x-msvideo"),
    (0, b"II*\x00", "image/tiff"),
    (0, b"MM\x00*", "image/tiff"),
    (0, b"BM", "image/bmp"),
    (0, b"\x00\x00\x01\x00", "image/vnd.microsoft.icon"),
    (4, b"ftypheic", "image/heic"),
    (4, b"ftypmif1", "image/heic"),
    (4, b"ftypavif", "image/avif"),
    (4, b"ftypqt", "video/quicktime"),
    (4, b"ftypM4A", "audio/mp4"),
    (4, b"ftyp", "video/mp4"),
    (0, b"PK\x03\x04", "application/zip"),
    (0, b"PK\x05\x06", "application/zip"),
    (0, b"\x1f\x8b", "application/gzip"),
    (0, b"BZh", "application/x-bzip2"),
    (0, b"\xfd7zXZ\x00", "application/x-xz"),
    (0, b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (0, b"Rar!\x1a\x07", "application/vnd.rar"),
    (0, b"MSCF", "application/vnd.ms-cab-compressed"),
    (257, b"ustar", "application/x-tar"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (0, b"{\\rtf", "application/rtf"),
    (0, b"%!PS", "application/postscript"),
    (0, b"MZ", "application/vnd.microsoft.portable-executable"),
    (0, b"\x7fELF", "application/x-executable"),
    (0, b"\xcf\xfa\xed\xfe", "application/x-mach-binary"),
    (0, b"\xca\xfe\xba\xbe", "application/java-vm"),
    (0, b"\x4c\x00\x00\x00\x01\x14\x02\x00", "application/x-ms-shortcut"),
    (0, b"#!", "text/x-script"),
    (0, b"\x78\x9f\x3e\x22", "application/vnd.ms-tnef"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"\xff\xfb", "audio/mpeg"),
    (0, b"OggS", "application/ogg"),
    (0, b"fLaC", "audio/flac"),
    (0, b"\x1aE\xdf\xa3", "video/x-matroska"),
    (0, b"SQLite format 3\x00", "application/vnd.sqlite3"),
    (0, b"BEGIN:VCALENDAR", "text/calendar"),
    (0, b"BEGIN:VCARD", "text/vcard"),
)
_WORDS = (b"BM", b"MZ", b"ID3", b"MSCF", b"OggS")  # a text may begin so
_PAGES = ((b"<!doctype html", "text/html"), (b"<html", "text/html"), (b"<svg", "image/svg+xml"), (b"<?xml", "text/xml"))
_CONTROLS = bytes(code for code in range(32) if code not in b"\t\n\r\f\x1b")


def sniff(octets: bytes) -> str:
    """The media type by the octets alone."""
    head = octets[:LOOKED_AT]
    is_text = bool(head) and head.translate(None, _CONTROLS) == head
    for offset, signature, found in _SIGNATURES:
        if head.startswith(signature, offset) and not (is_text and signature in _WORDS):
            return found
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for begin, found in _PAGES:
        if text.startswith(begin):
            return "image/svg+xml" if found == "text/xml" and b"<svg" in text else found
    return "text/plain" if is_text else UNKNOWN
