"""Points side by side, here or on a cluster: a `map` over the workers of Dask, for sweeps and studies."""

from __future__ import annotations

import sys
import uuid
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import brianff
from brianff.errors import BrianffError, ConfigurationError, MissingDependencyError
from brianff.imports import IMPORTED
from brianff.protocols.processes import processes_here

if TYPE_CHECKING:
    from brianff.protocols.studies.study import Point

__all__ = ["Cluster", "here"]


class Cluster:
    """Workers of Dask, on which points are measured side by side; use it in a ``with`` statement.

    Results are bit for bit those of one point after the other. A point whose worker is killed is measured again on
    another one, from its checkpoint where the folder is shared.

    Parameters
    ----------
    workers : int, optional
        Start so many processes here, with one thread each. In a script the call must then stand below
        ``if __name__ == "__main__":``, since processes are spawned.
    scheduler : str, optional
        Or use the workers of a scheduler that runs, by its address: "tcp://host:8786". Start them with one thread each
        (``dask worker ADDRESS --nthreads 1 --nworkers 16``).
    shared_folder : bool
        Whether workers see the directory of the sweep under the same path; if not, run directories come back through
        the scheduler.

    Raises
    ------
    MissingDependencyError
        Without Dask.
    ConfigurationError
        If there is no scheduler at the address, or `workers` and `scheduler` are both given, or none.

    Examples
    --------
    >>> from brianff.protocols import Cluster, Sweep
    >>> sweep = Sweep(protocol="msnn-digits", values={"learning.epochs": [1, 2]}, seeds=[1, 2, 3])
    >>> with Cluster(workers=2) as cluster:  # doctest: +SKIP
    ...     table = sweep.run("runs/epochs", map=cluster)
    """

    def __init__(self, workers: int | None = None, scheduler: str | None = None, shared_folder: bool = True):
        if (workers is None) == (scheduler is None):
            raise ConfigurationError("a cluster needs either a number of workers, or the address of a scheduler")
        if workers is not None and (not isinstance(workers, int) or workers < 1):
            from brianff.description.fields import shown

            raise ConfigurationError(f"workers is {shown(workers)}; it must be a whole number, at least 1")
        self.workers, self.scheduler, self.shared_folder = workers, scheduler, shared_folder
        self._stack = ExitStack()
        self._client: Any = None
        self._importing: list[Any] = []
        self._prepared = False

    def __enter__(self) -> Self:
        if not find_spec("distributed"):
            raise MissingDependencyError("points side by side need Dask: pip install 'brianff[cluster]'")
        with ExitStack() as stack:
            address: Any = self.scheduler
            if self.workers is not None:
                address = stack.enter_context(processes_here(self.workers))
            from distributed import Client

            try:
                self._client = Client(address, set_as_default=False)
            except (OSError, ValueError) as error:
                reason = " ".join(str(error).split()) or type(error).__name__
                raise ConfigurationError(f"no scheduler of Dask answers at {address}: {reason}") from None
            stack.callback(self._client.close, timeout=5)
            for worker in self._client.nthreads() if self.workers else ():  # while this process imports the same
                self._importing.append(self._client.submit(_import, workers=[worker], pure=False))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    def prepare(self, check: Callable[[], Any]) -> None:
        """Let each worker, also one that comes later, check that it can measure points; those that cannot are refused.

        Parameters
        ----------
        check : callable
            Raises an error where points cannot be measured.

        Raises
        ------
        ConfigurationError
            If a worker has another version of brianff, or lacks modules of one's own.
        BrianffError
            What `check` raises, with the name of the worker.
        """
        import cloudpickle

        name = f"brianff-{uuid.uuid4()}"
        modules = {str(Path(one).resolve()) if one.endswith(".py") else one: digest for one, digest in IMPORTED.items()}
        with self._connected():
            asked = set(self._client.nthreads())
            if not asked:
                warnings.warn(f"{self.scheduler} has no workers yet: points wait for the first one", stacklevel=2)
            self._stack.callback(self._forget, name)
            plugin = _preparation(brianff.__version__, modules, cloudpickle.dumps(check), asked)
            self._client.register_plugin(plugin, name=name)
        self._prepared = True

    def _forget(self, name: str) -> None:
        with suppress(Exception):  # the scheduler may be gone, and its plug-ins with it
            self._client.unregister_worker_plugin(name)

    def __call__(
        self, function: Callable[[Point], tuple[Point, Any]], points: Iterable[Point]
    ) -> Iterator[tuple[Point, Any]]:
        """Yield what a function gives for each point, as the workers end them."""
        from distributed import KilledWorker

        if not self._prepared:
            self.prepare(_fit_as_it_is)
        with self._connected():
            ended, of_key = self._submitted(function, points)
            for future in ended:
                point = of_key.pop(future.key)
                try:
                    result = future.result()
                except KilledWorker:
                    message = "each worker that had this point was killed: if memory was short, use fewer workers"
                    result = point, BrianffError(message)
                del future
                yield result

    def _submitted(self, function, points) -> tuple[Any, dict[str, Any]]:
        """Return futures as they end, and the point of each one's key.

        Nothing else holds the futures: workers drop a result that nobody holds any more.
        """
        from distributed import as_completed

        listed = list(points)
        futures = self._client.map(function, listed, pure=False)
        of_key = {future.key: point for future, point in zip(futures, listed, strict=True)}
        return as_completed(futures, loop=self._client.loop), of_key

    @contextmanager
    def _connected(self) -> Iterator[None]:
        """Say in one line that the scheduler is gone."""
        import asyncio

        from distributed import CancelledError
        from distributed.comm import CommClosedError

        lost = CancelledError, asyncio.CancelledError, CommClosedError
        try:
            yield
        except (*lost, TimeoutError, OSError) as error:
            if self._client.status == "running" and not isinstance(error, lost):
                raise
            raise BrianffError(
                f"the scheduler {self.scheduler or ''} ended or cannot be reached; what is finished is kept: the same "
                "call goes on once it runs again"
            ) from None


def _import() -> None:
    """Import what most points need."""
    import_module("brianff.protocols.trainer")


def _fit_as_it_is() -> None:
    """Whatever is measured: the same brianff and modules are all that it needs."""


def here() -> Any:
    """Return the Dask worker that this thread belongs to; None elsewhere."""
    if "distributed" not in sys.modules:
        return None
    from distributed import get_worker

    try:
        return get_worker()
    except ValueError:
        return None


def name_of(worker: Any) -> str:
    """Return how a worker is named in errors."""
    named = f"{worker.name} " if worker.name != worker.address else ""
    return f"worker {named}at {worker.address}"


def _preparation(version: str, modules: dict[str, str], check: bytes, asked: set[str]) -> Any:
    """Return a plug-in of workers, which raises where they cannot measure; one that was not asked, a later one, closes.

    It is defined in here so that it is sent whole: theirs may be another brianff.
    """
    from distributed import WorkerPlugin

    class Preparation(WorkerPlugin):
        def setup(self, worker):
            try:
                self.check(f"worker {worker.name} at {worker.address}")
            except Exception:
                if worker.address not in asked:
                    worker.loop.add_callback(worker.close)
                raise

        def check(self, who):
            try:
                import brianff
                from brianff.errors import BrianffError, ConfigurationError
            except ImportError:
                raise RuntimeError(f"{who} has no brianff: install version {version} there") from None
            if brianff.__version__ != version:
                raise ConfigurationError(
                    f"{who} has brianff {brianff.__version__}, and this is {version}: install the same on all"
                )
            import cloudpickle

            from brianff import imports

            try:
                imports.import_parts(modules)
                imports.check(modules)
                cloudpickle.loads(check)()
            except BrianffError as error:
                raise type(error)(f"{who}: {error}") from None

    return Preparation()
