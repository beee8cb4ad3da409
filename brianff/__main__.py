"""`python -m brianff` is the command line."""

from brianff.cli import main

if __name__ == "__main__":
    main()
