"""`python covered.py REPORT OUT`: the number that `make coverage` found, and what made it."""

import json
import sys
from pathlib import Path


def main(report: str, out: str) -> None:
    from tas_lib.provenance import facts

    totals = json.loads(Path(report).read_text())["totals"]
    made = {"command": "make coverage", **facts()}
    if made["commit"].endswith("-dirty"):
        print(f"{out} is left as it was: the code has changes that are not committed")
        return
    made |= {"percent": round(totals["percent_covered"], 1), "statements": totals["num_statements"]}
    Path(out).write_text(json.dumps(made, indent=1) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
