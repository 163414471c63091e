"""Fixed-point subjects (C, RTL, Python), judged integer by integer against a description of `hardware_models`."""

from gradcert.certify.fixed_point.judge import certify_fixed_point, profile_of
from gradcert.certify.fixed_point.record import STEPS, FixedPointCertificate

__all__ = ["STEPS", "FixedPointCertificate", "certify_fixed_point", "profile_of"]
