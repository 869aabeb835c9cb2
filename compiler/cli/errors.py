"""From exceptions to messages and exit codes, for every command alike."""

import sys
import traceback
from typing import Any

from ppc.ir.diagnostic import UserError
from ppc.runtime.errors import PartyError

OK, FAILED, UNUSABLE, BUG, INTERRUPTED = 0, 1, 2, 3, 130


def run_reporting_errors(app: Any) -> int:
    """Run the command line; every failure ends as text on stderr and one of the exit codes above."""
    import typer

    usage: Any = typer.BadParameter.__mro__[2]  # ClickException: click's own, or the copy of click inside newer typer

    try:
        result = app(standalone_mode=False)
        return int(result) if isinstance(result, int) else OK
    except (UserError, PartyError) as e:
        print(e, file=sys.stderr)
        return FAILED
    except (typer.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except usage as e:
        e.show()
        return UNUSABLE
    except OSError as e:
        print(f"ppc: {e.filename or ''}: {e.strerror or e}", file=sys.stderr)
        return UNUSABLE
    except Exception:
        traceback.print_exc()
        print(
            "ppc: this is a bug of ppc, not of your model (PPC9001); please report it with the text above",
            file=sys.stderr,
        )
        return BUG
