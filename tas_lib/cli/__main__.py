"""`python -m tas_lib.cli` is the `tas` command."""

from tas_lib.cli import app

if __name__ == "__main__":  # processes that are started from here import it again
    app()
