"""Whether tests that repeat do so as often as one night allows, instead of a few times: BRIANFF_NIGHT=1."""

import os

NIGHT = os.environ.get("BRIANFF_NIGHT", "") not in ("", "0")
