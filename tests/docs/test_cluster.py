"""What docs/cluster.md says of Python is so, as a script without any guard."""

import os
import re
import subprocess
import sys
from ast import literal_eval
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_example_runs_as_a_script(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "cluster.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    script = tmp_path / "example.py"
    script.write_text(code, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(
        [sys.executable, script], env=environment, capture_output=True, text=True, check=True
    )
    assert [sorted(literal_eval(line).items()) for line in ran.stdout.splitlines()] == [
        [("first", 1), ("second", 4)]
    ] * 2
    assert not ran.stderr
