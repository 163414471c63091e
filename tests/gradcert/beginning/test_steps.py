"""`gradcert` alone: what is there to be done."""

import os

from gradcert.beginning.steps import steps


def test_the_last_counterexample_is_first_and_a_watched_step_is_none(tmp_path):
    kept = tmp_path / ".gradcert"
    kept.mkdir()
    for at, name in enumerate(("one.json", "two.json", "watch-step-1.json")):
        (kept / name).write_text("{}")
        os.utime(kept / name, (at, at))
    lines = steps(tmp_path)
    assert "gradcert replay --run .gradcert/two.json" in lines[2]
    assert not any("watch-step" in line for line in lines)


def test_an_empty_folder_begins(tmp_path):
    assert any("gradcert init" in line and "begin in this folder" in line for line in steps(tmp_path))


def test_the_example_is_not_judged_as_the_projects_own(tmp_path):
    from gradcert.beginning import begin

    begin(tmp_path)
    said = "\n".join(steps(tmp_path))
    assert "gradcert certify" not in said and "gradcert's own example stands there" in said


def test_a_checkout_of_gradcert_beside_ones_own_code_is_not_ones_own(tmp_path):
    for folder, project in (("gc", "gradcert"), ("mine", "mine")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "pyproject.toml").write_text(f'[project]\nname = "{project}"\n')
        (tmp_path / folder / "rule.py").write_text("def gradients(problem):\n    return {}\n")
    said = "\n".join(steps(tmp_path))
    assert "1 function to judge" in said and "gc/" not in said


def test_tests_of_ones_own_are_run(tmp_path):
    (tmp_path / "test_rules.py").write_text('import gradcert\ntest_it = gradcert.subject_tests("m:f")\n')
    said = "\n".join(steps(tmp_path))
    assert "pytest test_rules.py" in said and "gradcert init" not in said
