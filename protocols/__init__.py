"""Experiments: negatives, goodness, modulators, plasticity, optimisers, training, studies; named protocols as TOML."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
