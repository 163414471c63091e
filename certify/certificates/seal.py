"""The certificate as canonical JSON (RFC 8785) under a seal: the form that others can verify."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gradcert.certify.certificates.certificate import Certificate
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


def read(data: bytes) -> dict[str, Any]:
    """Return the JSON form of a certificate in any layout.

    Raises
    ------
    GradcertError : if it is no certificate.
    """
    return validated(parse(data, "the certificate"), "certificate", "the certificate")


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

    A record without a seal (``--json``) can only contradict itself.
    """
    found = []
    counts = {v: sum(case["verdict"] == v for case in record["cases"]) for v in record["counts"]}
    if counts != record["counts"]:
        found.append("the counts are not those of the cases")
    judged = [float(case["worst"]) for case in record["cases"] if case["worst"] is not None]
    worst = None if record["worst"] is None else float(record["worst"])
    if str(worst) != str(max(judged, default=None)):  # as text: nan is nan
        found.append("the worst error is not that of the cases")
    if record["verdict"] == "certified" and (counts.get("failed") or record["findings"]):
        found.append("it says certified, with cases that failed")
    if record["verdict"] == "refuted" and not record["findings"]:
        found.append("it says refuted, and nothing was found")
    if "seal" in record and record["seal"] != seal(record):
        found.append("the seal does not fit: something in the file was changed")
    if record["identity"] != identity(record):
        found.append("the identity does not fit what was asked: subject, claim, cases, digests or environment")
    return found
