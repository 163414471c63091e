"""Certificates: the records of what was found, their identity, their canonical bytes and seal, their schemas, a diff.

A new field of a certificate goes here, and into its schema. Knows nothing of subjects and judging.
"""

from gradcert.certify.certificates import grounds, json, seal
from gradcert.certify.certificates.certificate import (
    CERTIFIED,
    EXIT,
    INCONCLUSIVE,
    REFUTED,
    CaseResult,
    Certificate,
    CheckResult,
    Control,
    Finding,
    from_dict,
    parted,
)
from gradcert.certify.certificates.compare import UNREPEATED, Difference, differences, shown, summary
from gradcert.certify.certificates.held import HELD, NOT_HELD
from gradcert.certify.certificates.identity import (
    canonical,
    environment,
    of_files,
    reference_digest,
    sha256,
    subject_digest,
)
from gradcert.certify.certificates.schema import published, validated
from gradcert.certify.certificates.shapes import check_counterexample
from gradcert.certify.certificates.suite import VERSION

__all__ = [
    "CERTIFIED",
    "EXIT",
    "HELD",
    "INCONCLUSIVE",
    "NOT_HELD",
    "REFUTED",
    "UNREPEATED",
    "VERSION",
    "CaseResult",
    "Certificate",
    "CheckResult",
    "Control",
    "Difference",
    "Finding",
    "canonical",
    "check_counterexample",
    "differences",
    "environment",
    "from_dict",
    "grounds",
    "json",
    "of_files",
    "parted",
    "published",
    "reference_digest",
    "seal",
    "sha256",
    "shown",
    "subject_digest",
    "summary",
    "validated",
]
