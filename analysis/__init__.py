"""Looks at what came out: figures, latents, the equivalence with a gradient, energy, reports."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
