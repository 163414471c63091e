"""The pytest plugin: a subject becomes tests, one per check.

    import gradcert

    test_ostl = gradcert.subject_tests("mypackage.learning:gradients", rule="ostl", cells="snu")

    @gradcert.cases(rule="bptt", cells="rnn", depths=1)
    def test_mine(problem):          # the test is the subject
        return gradients(problem)

Every case of the claim is a test of its own, ``test_ostl[snu/1/squared_error-every/dyadic/0]``, and so are ``controls``
(known-wrong variants fail on these cases) and what ``gradcert certify`` asks beside the cases: ``repeat`` (asked again,
the subject says the same), ``threads`` (with ordinary threads too), ``calls`` (call after call), ``reach`` (problems
that may reach lines that never ran) and ``prefixes`` (the first steps of a sequence). A stepwise learner that claims to
be online has ``online/causality``, ``online/memory``, ``online/prefix`` and ``online/reset`` too. A test stands alone:
``-k``, ``-x``, ``--lf`` and ``pytest-xdist`` work as ever. Failures that are known are listed in a reviewed file
(`gradcert.expected_failures`).
"""

from gradcert.pytest_plugin.declare import cases, subject_tests
from gradcert.pytest_plugin.hooks import (
    gradcert_check,
    pytest_addoption,
    pytest_collection_modifyitems,
    pytest_configure,
    pytest_generate_tests,
    pytest_itemcollected,
    pytest_make_collect_report,
    pytest_report_header,
    pytest_sessionfinish,
    pytest_terminal_summary,
    pytest_testnodedown,
    pytest_unconfigure,
)

__all__ = [
    "cases",
    "gradcert_check",
    "pytest_addoption",
    "pytest_collection_modifyitems",
    "pytest_configure",
    "pytest_generate_tests",
    "pytest_itemcollected",
    "pytest_make_collect_report",
    "pytest_report_header",
    "pytest_sessionfinish",
    "pytest_terminal_summary",
    "pytest_testnodedown",
    "pytest_unconfigure",
    "subject_tests",
]
