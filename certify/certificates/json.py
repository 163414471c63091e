"""The certificate as JSON, checked against the published schema before it leaves."""

from __future__ import annotations

import json

from gradcert.certify.certificates.certificate import Certificate
from gradcert.certify.certificates.schema import check


def write(certificate: Certificate) -> str:
    """Return the certificate as indented JSON with sorted keys."""
    record = certificate.to_dict()
    check(record)
    return json.dumps(record, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
