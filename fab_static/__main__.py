"""Runs `fab-static`, also as `python -m fab_static`."""

from __future__ import annotations

from fab_static.errors import lacking


def main() -> None:
    """Run the command line; say what is missing where it cannot start."""
    try:
        # here: where Fabric is missing, that is said in a sentence
        from fab_static.tasks.program import program
    except ModuleNotFoundError as error:
        raise lacking(error) from error
    program.run()


if __name__ == "__main__":
    main()
