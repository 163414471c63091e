"""A campaign, from a claim to a certificate: cases are asked, judged and controlled, the outcome is concluded.

`certify` does all of it while the subject runs; `conclude` turns what was seen into a certificate; `verify` runs a
certificate again; `vectors` does the same offline, with files. Uses every room of `certify` but reports.
"""

from gradcert.certify.campaign import repaired, vectors, where
from gradcert.certify.campaign.again import again
from gradcert.certify.campaign.asked import ask_again, ask_often, judge, judge_all
from gradcert.certify.campaign.beside import BESIDE, beside
from gradcert.certify.campaign.campaign import certify
from gradcert.certify.campaign.claimed import claimed, stepwise
from gradcert.certify.campaign.conclude import control, decide, decisive, explained, explanation
from gradcert.certify.campaign.more import EXPLAINED, ORDINARY, further
from gradcert.certify.campaign.vectors import check
from gradcert.certify.campaign.verify import runs, verify

__all__ = [
    "BESIDE",
    "EXPLAINED",
    "ORDINARY",
    "again",
    "ask_again",
    "ask_often",
    "beside",
    "certify",
    "check",
    "claimed",
    "control",
    "decide",
    "decisive",
    "explained",
    "explanation",
    "further",
    "judge",
    "judge_all",
    "repaired",
    "runs",
    "stepwise",
    "vectors",
    "verify",
    "where",
]
