"""Points on a real scheduler's worker processes: the same results, whoever is killed; wrong workers are refused."""

import json
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from brianff.errors import BrianffError, ConfigurationError, DataError, MissingDependencyError
from brianff.protocols import Cluster, Sweep, load_protocol
from brianff.protocols.studies.study import Study
from brianff.protocols.sweep import run_sweep

VALUES = {
    "learning.epochs": [4],
    "learning.batch": [8, 16],
    "network.layers.0.neurons": [20],
    "data.training_images": [32],
    "evaluation.training_images": [10],
    "evaluation.epoch_images": [10],
    "engine.name": ["lanes"],
}


def sweep(*seeds):
    return Sweep(protocol="msnn-digits", values=VALUES, seeds=seeds)


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """The table of points that were run one after the other."""
    directory = tmp_path_factory.mktemp("one-by-one")
    sweep(1, 2).run(directory, progress=False)
    return (directory / "sweep.csv").read_bytes()


class Processes:
    """A scheduler, and workers of it, in a directory that is not that of this process."""

    def __init__(self, directory):
        self.directory, self.running = directory, {}
        file = directory / "scheduler.json"
        self.start("scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", file)
        while not file.exists() or not file.read_text().endswith("}"):
            time.sleep(0.05)
        self.address = json.loads(file.read_text())["address"]

    def start(self, name, *arguments):
        kind = "scheduler" if name == "scheduler" else "worker"
        command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", "--no-dashboard", *map(str, arguments)]
        log = (self.directory / f"{name}.log").open("w")
        self.running[name] = subprocess.Popen(command, cwd=self.directory, stderr=log, stdout=log)

    def worker(self, name, *arguments):
        self.start(name, self.address, "--nthreads", "1", "--no-nanny", "--name", name, *arguments)

    def wait_for(self, *names):
        with Cluster(scheduler=self.address) as cluster:
            cluster._client.wait_for_workers(len(names), timeout=60)
            assert {one["name"] for one in cluster._client.scheduler_info()["workers"].values()} == {*names}

    def kill(self, name):
        self.running[name].kill()
        self.running[name].wait()


@pytest.fixture
def processes(tmp_path):
    pytest.importorskip("distributed")
    (tmp_path / "elsewhere").mkdir()
    started = Processes(tmp_path / "elsewhere")
    yield started
    for name in started.running:
        started.kill(name)


def when(directory, pattern, do, count=1):
    """Do something as soon as there are so many files in a directory."""

    def watch():
        while len(list(directory.glob(pattern))) < count:
            time.sleep(0.01)
        do()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    return thread


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_whoever_is_killed_nothing_is_lost_or_different(processes, expected, tmp_path):
    directory = tmp_path / "sweep"
    for name in "ab":
        processes.worker(name)
    processes.wait_for("a", "b")
    with Cluster(scheduler=processes.address) as cluster:
        when(directory, "*/checkpoint.npz", lambda: processes.kill("a"))
        sweep(1).run(directory, progress=False, map=cluster)
        assert processes.running["a"].returncode == -9
    with Cluster(scheduler=processes.address) as cluster:
        when(directory, "*/checkpoint.npz", lambda: processes.kill("scheduler"), count=3)
        with pytest.raises(BrianffError, match=rf"scheduler {processes.address} ended.*goes on once it runs again"):
            sweep(1, 2).run(directory, progress=False, map=cluster)
    processes.kill("b")
    sweep(1, 2).run(directory, progress=False)
    assert (directory / "sweep.csv").read_bytes() == expected


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_workers_that_are_not_fit_are_refused_by_their_names(processes, expected, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez("own.npz", images=np.ones((20, 8, 8), np.uint8), labels=np.arange(20) % 10)
    (processes.directory / "older.py").write_text("import brianff\nbrianff.__version__ = '0.0.1'\n")
    older = "--preload", "older.py"
    processes.worker("old", *older)
    processes.wait_for("old")
    with (
        Cluster(scheduler=processes.address) as cluster,
        pytest.raises(ConfigurationError, match=r"worker old at tcp://\S+ has brianff 0\.0\.1, and this is"),
    ):
        sweep(1, 2).run("refused", progress=False, map=cluster)
    processes.kill("old")
    processes.worker("poor")
    time.sleep(0.5)
    processes.wait_for("poor")
    own = Sweep(protocol="msnn-digits", values={"data.dataset": ["own.npz"]})
    with (
        Cluster(scheduler=processes.address) as cluster,
        pytest.raises(DataError, match=r"worker poor at tcp://\S+: .*own\.npz"),
    ):
        own.run("absent", progress=False, map=cluster)
    # One that comes later is sent away, and the others go on; the folder is not shared.
    with Cluster(scheduler=processes.address, shared_folder=False) as cluster:
        ended = []
        when(tmp_path, "returned/*/checkpoint.npz", lambda: processes.worker("late", *older))
        table = sweep(1, 2).run("returned", progress=False, map=cluster)
        ended.append(processes.running["late"].wait(60))
    assert "worker late at" in (processes.directory / "late.log").read_text()
    assert (tmp_path / "returned" / "sweep.csv").read_bytes() == expected
    for run in table["run"]:
        assert {"config.toml", "history.csv", "summary.json", "checkpoint.npz"} <= {
            path.name for path in (tmp_path / "returned" / run).iterdir()
        }
    assert not list(processes.directory.rglob("sweep-*"))


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_workers_of_the_command(expected, tmp_path):
    pytest.importorskip("distributed")
    values = "\n".join(f'"{key}" = {json.dumps(value)}' for key, value in VALUES.items())
    (tmp_path / "few.toml").write_text(f'protocol = "msnn-digits"\nseeds = [1, 2]\n[values]\n{values}')
    command = [sys.executable, "-m", "brianff", "sweep", "few.toml", "--out", "out", "--workers", "2"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    assert (tmp_path / "out" / "sweep.csv").read_bytes() == expected
    again = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    assert "4 of 4 points are there" in again.stdout
    assert (tmp_path / "out" / "sweep.csv").read_bytes() == expected


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_runs_and_tables_of_studies_come_back(tmp_path):
    pytest.importorskip("distributed")
    settings = [f"{key}={json.dumps(*value)}" for key, value in VALUES.items() if len(value) == 1]
    runs = {name: load_protocol("msnn-digits", [*settings, f"name={name}"]) for name in ("one", "other")}
    expected = run_sweep(runs, tmp_path / "here", progress=False)
    from brianff.engines.lanes.workers import processors

    with Cluster(workers=1, shared_folder=False) as cluster:
        found = run_sweep(runs, tmp_path / "there", progress=False, map=cluster)
        table = Study(tmp_path, {}).fill("few", [{"n": 3}], lambda n: [{"has": n * processors()}], False, cluster)
    assert table.to_dict("list") == {"n": [3], "has": [3]}  # the others are for other points
    assert [*found] == ["one", "other"]
    assert all(found[name]["weights_digest"] == expected[name]["weights_digest"] for name in runs)
    for file in ("config.toml", "history.csv"):
        assert (tmp_path / "there/other" / file).read_bytes() == (tmp_path / "here/other" / file).read_bytes()
    assert run_sweep(runs, tmp_path / "there", progress=False) == found  # read, not made again


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_processes_here_are_as_this_one_is(monkeypatch, tmp_path):
    pytest.importorskip("distributed")
    (tmp_path / "json.py").write_text("raise ImportError('from the working directory')")
    monkeypatch.chdir(tmp_path)
    for value in ("one", "two"):  # the second time, the process from which they are forked is there already
        monkeypatch.setenv("BRIANFF_OF_THE_TEST", value)
        before = dict(os.environ)
        with Cluster(workers=2) as cluster:
            assert dict(os.environ) == before
            found = dict(cluster(lambda point: (point, (os.environ["BRIANFF_OF_THE_TEST"], os.getcwd())), range(4)))
            assert len(cluster._client.nthreads()) == 2
            assert [*cluster(lambda point: (point, None), [])] == []
        assert found == dict.fromkeys(range(4), (value, str(tmp_path)))


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_an_interruption_waits_until_workers_have_begun(monkeypatch):
    distributed = pytest.importorskip("distributed")
    clusters = []

    class Interrupted(distributed.LocalCluster):
        def __init__(self, *arguments, **options):
            signal.raise_signal(signal.SIGINT)
            super().__init__(*arguments, **options)
            clusters.append(self)

    monkeypatch.setattr(distributed, "LocalCluster", Interrupted)
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), Cluster(workers=1):
        pytest.fail("nothing was interrupted")
    assert [one.status.name for one in clusters] == ["closed"]
    assert signal.getsignal(signal.SIGINT) is before


def test_wrong_clusters(monkeypatch):
    for options, message in [
        ({}, "either a number of workers"),
        ({"workers": 1, "scheduler": "tcp://127.0.0.1:1"}, "either a number of workers"),
        ({"workers": 0}, "at least 1"),
    ]:
        with pytest.raises(ConfigurationError, match=message):
            Cluster(**options)
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'brianff\[cluster\]'"), Cluster(workers=1):
        pass
