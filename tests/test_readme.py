"""README's scripts run as printed and learn."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"
EXAMPLES = sorted((README.parent / "examples").glob("*.py"))
# Those that need arguments, and a cluster for example, are there to be adapted.
ALONE = [path for path in EXAMPLES if "sys.argv" not in path.read_text(encoding="utf-8")]


def scripts():
    return re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


def run(*arguments, cwd):
    return subprocess.run([sys.executable, *arguments], cwd=cwd, capture_output=True, text=True, check=True).stdout


def test_the_scripts_are_short():
    algorithm, training = ([line for line in script.splitlines() if line.strip()] for script in scripts())
    assert len([line for line in algorithm if not line.startswith(("import", "from"))]) <= 12
    assert len(training) <= 10


@pytest.mark.slow
def test_the_algorithm_learns(tmp_path):
    accuracy = float(re.search(r"test accuracy ([\d.]+)%", run("-c", scripts()[0], cwd=tmp_path))[1])
    assert accuracy > 90


@pytest.mark.slow
def test_a_rule_of_ones_own_trains_and_is_resumed(tmp_path):
    first, again = (run("-c", scripts()[1], cwd=tmp_path) for _ in range(2))
    assert float(first.split()[0]) > 0.8
    assert again == first  # the run was finished: nothing is trained anew
    assert (tmp_path / "runs" / "own-rule" / "figures" / "learning-curve.png").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("example", ALONE, ids=lambda path: path.name)
def test_an_example_runs(example, tmp_path):
    assert len(example.read_text().splitlines()) <= 60
    assert "accuracy" in run(str(example), cwd=tmp_path)
