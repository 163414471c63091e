"""The certificate as canonical JSON (RFC 8785) under a seal: the form that others can verify."""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from typing import Any

from gradcert.certify.certificates.certificate import Certificate
from gradcert.certify.certificates.held import contradictions
from gradcert.certify.certificates.identity import canonical, identity, seal
from gradcert.certify.certificates.schema import check, validated
from gradcert.reference.errors import GradcertError
from gradcert.reference.outside import parse


def write(certificate: Certificate) -> bytes:
    """Return the bytes of a certificate; the same for two runs on one machine, but for `identity.TIMING`."""
    record = certificate.to_dict()
    record["seal"] = seal(record)
    check(record)
    return canonical(record)


def read(data: bytes, what: str = "the certificate") -> dict[str, Any]:
    """Return the JSON form of a certificate in any layout.

    Parameters
    ----------
    what : names it in errors, such as the name of its file.

    Raises
    ------
    GradcertError : if it is no certificate.

    Examples
    --------
    >>> read("{}".encode("utf-16"), "mine.json")
    Traceback (most recent call last):
    gradcert.reference.errors.GradcertError: mine.json is in UTF-16; allowed: a certificate that gradcert wrote: ...
    """
    begins = data[:64].lstrip(b"\xef\xbb\xbf \t\r\n")
    if begins[:1] != b"{" or b"\0" in begins:
        wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in data[:2]
        said = "is in UTF-16" if wide else f"begins with {begins[:12].decode('latin-1')!r}" if data else "is empty"
        raise GradcertError(f"{what} {said}", allowed="a certificate that gradcert wrote: an object of JSON, in UTF-8")
    return validated(parse(data, what), "certificate", what)


def faults(data: bytes) -> list[str]:
    """Return what is wrong with the bytes of a certificate, without running anything: none where the seal fits them.

    Every byte counts: canonical JSON leaves no choice of layout, and the seal covers every value, timing included.

    Examples
    --------
    >>> faults(b'{"schema": "gradcert-certificate-1"}')[0][:28]
    'the certificate does not fit'
    """
    try:
        record = read(data)
    except GradcertError as error:
        return [str(error)]
    wrong = doubts(record)
    layout = "the file is not canonical JSON (RFC 8785)"
    layout += "" if wrong else ": it was laid out anew; gradcert show FILE --certificate NEW writes it as it was"
    found = [layout] if canonical(record) != data else []
    return [*found, *(["there is no seal"] if "seal" not in record else []), *wrong]


def doubts(record: Mapping[str, Any]) -> list[str]:
    """Return what shows that a certificate, in whatever layout, is not as it was written; none where nothing does.

    A record without a seal (``--json``) can only contradict itself (`gradcert.certify.certificates.held`).
    """
    found = contradictions(record)
    if "seal" in record and record["seal"] != seal(record):
        found.append("the seal does not fit: something in the file was changed")
    if record["identity"] != identity(record):
        found.append("the identity does not fit what was asked: subject, claim, cases, digests or environment")
    return found
