"""Machinery of speed: nobody needs to enter it to understand the science."""
