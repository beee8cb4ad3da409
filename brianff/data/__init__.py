"""Image sets: named ones, which are checked against published checksums, and a user's own."""

from brianff.data.named import DATASETS, available_datasets, fetch_dataset, load_dataset
from brianff.data.split import Batch, Dataset, Split

__all__ = ["DATASETS", "Batch", "Dataset", "Split", "available_datasets", "fetch_dataset", "load_dataset"]
