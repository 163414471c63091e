"""The claims that papers make about learning, tested: "gradient-equivalent", "on par with BPTT", "constant memory".

Not to be confused with `gradcert.certify.claims`, where an implementation says which rule it computes. Here networks
are trained on the engine itself, so that the gradient that is certified is the gradient that trains.

`claims/` holds one claim of a paper a file, with its verdict rule, written before the run; `verdicts/` decides, paired
over seeds; `training/` holds optimisers, gradients by name and planted mistakes; `data/` gets data sets from registries
at run time; `runs/` does the work, resumable; `report/` makes pages. A new claim is a file in `claims/` and a row of
`CLAIMS`.

What it may import: `gradcert.certify` (budgets, executors, styles of pages), `gradcert.reference`, NumPy.
"""

from gradcert.papers.claim import Claim, Job, Published, Result
from gradcert.papers.claims import CLAIMS, claim_named
from gradcert.papers.verdicts import Part, Verdict, combined, paired

__all__ = ["CLAIMS", "Claim", "Job", "Part", "Published", "Result", "Verdict", "claim_named", "combined", "paired"]
