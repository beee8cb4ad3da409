"""README's script runs as printed and learns."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"


def script():
    (code,) = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    return code


def test_the_script_is_short():
    lines = [line for line in script().splitlines() if line.strip() and not line.startswith(("import", "from"))]
    assert len(lines) <= 20


@pytest.mark.slow
def test_the_script_learns(tmp_path):
    result = subprocess.run([sys.executable, "-c", script()], cwd=tmp_path, capture_output=True, text=True, check=True)
    accuracy = float(re.search(r"test accuracy ([\d.]+)%", result.stdout)[1])
    assert accuracy > 90
