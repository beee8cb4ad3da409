"""A sweep on a cluster with SLURM: each job is a node's worth of Dask workers, and points go to whoever is free.

    pip install "brianff[cluster]" dask-jobqueue
    python sweep_on_slurm.py sweep.toml DIRECTORY [JOBS]

Run it where it may stay as long as the sweep, on the login node or as a small job of its own, with DIRECTORY and the
data (BRIANFF_DATA) in folders that all nodes see. Whatever ends first, the same command goes on. Queue, account and
module loads are those of your cluster: change them below. Other batch systems: PBSCluster, LSFCluster, SGECluster, ...
"""

import sys

from dask_jobqueue import SLURMCluster

from brianff.protocols import Cluster, Sweep

CORES = 16


def jobs_of_slurm(count: int) -> SLURMCluster:
    """Return so many jobs, each with one worker of one thread on each of its cores; SLURM starts them when it can."""
    jobs = SLURMCluster(
        cores=CORES,
        processes=CORES,
        memory="32 GB",
        walltime="04:00:00",
        # queue="compute", account="my-project",
        job_script_prologue=[  # and "module load ...", "source .../bin/activate"
            "export OMP_NUM_THREADS=1",
            # Dask would let workers give freed memory back at once, and trainings take a third longer.
            "export MALLOC_TRIM_THRESHOLD_=1073741824 MALLOC_MMAP_THRESHOLD_=33554432",
        ],
        # Workers leave before their job ends: their points go on elsewhere, from their checkpoints.
        worker_extra_args=["--lifetime", "225m", "--lifetime-stagger", "10m"],
    )
    jobs.scale(jobs=count)
    return jobs


if __name__ == "__main__":
    file, directory, *count = sys.argv[1:]
    with jobs_of_slurm(int(*count or [4])) as jobs, Cluster(scheduler=jobs.scheduler_address) as cluster:
        print(Sweep.from_file(file).run(directory, map=cluster))
