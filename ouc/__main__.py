"""The `ouc` command, also as `python -m ouc`; Ctrl-C is one line from the first moment on, before anything large is loaded."""

from __future__ import annotations


def main() -> None:
    """Run the command line of this process; see `ouc.cli.main`."""
    try:
        from .cli import main as command

        command()
    except KeyboardInterrupt:
        import sys

        sys.stderr.write("error: interrupted\n")
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
