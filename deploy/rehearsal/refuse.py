"""Wrong usage, or what is needed is not there."""

import sys
from typing import NoReturn

CODE = 2


def refuse(why: str) -> NoReturn:
    print(f"rehearse: {why}", file=sys.stderr)
    sys.exit(CODE)
