"""Data sets: named ones, which are checked against published checksums, and a user's own images and spike trains."""

from brianff.data.named import DATASETS, available_datasets, fetch_dataset, load_dataset
from brianff.data.spikes import SpikeTrains
from brianff.data.split import Batch, Dataset, Split

__all__ = ["DATASETS", "Batch", "Dataset", "SpikeTrains", "Split"]
__all__ += ["available_datasets", "fetch_dataset", "load_dataset"]
