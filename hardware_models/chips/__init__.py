"""Profiles: families of chips, one file each and a row of `PROFILES`; what one rule alone needs: `catalogue`."""

from __future__ import annotations

from gradcert.hardware_models.chips import bfloat16, brainscales2, loihi, pcm, reckon, spinnaker
from gradcert.hardware_models.chips.q_format import q_format
from gradcert.hardware_models.profile import ROLES, Profile, Staircase

PROFILES: dict[str, Profile] = {
    p.name: p
    for p in (
        q_format(),
        reckon.PROFILE,
        loihi.PROFILE,
        spinnaker.PROFILE,
        bfloat16.PROFILE,
        brainscales2.PROFILE,
        pcm.PROFILE,
    )
}

__all__ = ["PROFILES", "ROLES", "Profile", "Staircase", "q_format"]
