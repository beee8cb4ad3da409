"""Studies: everything that trains in order to make a table."""
