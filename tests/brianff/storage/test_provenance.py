"""Which commit made a result."""

import os
import subprocess

from brianff.storage.provenance import commit, provenance


def git(folder, *arguments):
    identity = ["-c", "user.name=tester", "-c", "user.email=tester@example.org"]
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True)


def test_a_checkout_has_a_commit_that_tells_of_changes(tmp_path):
    assert commit(tmp_path) is None
    git(tmp_path, "init")
    assert commit(tmp_path) is None  # nothing committed yet
    (tmp_path / "code.py").write_text("1")
    git(tmp_path, "add", "code.py")
    git(tmp_path, "commit", "-m", "first")
    first = commit(tmp_path)
    assert len(first) == 12
    (tmp_path / "code.py").write_text("2")
    assert commit(tmp_path) == f"{first}+changes"


def test_a_checkout_is_only_looked_at(tmp_path):
    git(tmp_path, "init")
    (tmp_path / "code.py").write_text("1")
    git(tmp_path, "add", "code.py")
    git(tmp_path, "commit", "-m", "first")
    os.utime(tmp_path / "code.py", (1e9, 1e9))  # git status alone would write that into its index, under a lock
    before = (tmp_path / ".git" / "index").read_bytes()
    assert "+changes" not in commit(tmp_path)
    assert (tmp_path / ".git" / "index").read_bytes() == before


def test_versions_are_told():
    found = provenance()
    assert found["packages"]["brian2"][0].isdigit()
    assert found["python"].count(".") == 2
