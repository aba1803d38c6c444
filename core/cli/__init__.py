"""The command line, one module a command; a command's module is imported only when it runs."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from core.errors import TeachdeckError, UsageError

__all__ = ["COMMANDS", "main"]

# name -> (module, one line for --help). A new command is a module and a row here. Each module
# has ``add_arguments(parser)`` and ``run(arguments) -> int`` (the exit status).
COMMANDS: dict[str, tuple[str, str]] = {
    "convert": ("core.cli.convert", "convert Keras and TensorFlow.js models"),
    "evaluate": ("core.cli.evaluate", "measure a speech model on folders of recordings"),
    "export": ("core.cli.export", "write a taught model in another format"),
    "inspect": ("core.cli.inspect", "describe a model and say what it can be converted to"),
    "listen": ("core.cli.listen", "say which words are in a recording"),
    "prepare": ("core.cli.prepare", "make the offline model ready"),
    "predict": ("core.cli.predict", "say what is in pictures"),
    "teach": ("core.cli.teach", "teach a model new classes of pictures"),
    "teach-words": ("core.cli.teach_words", "teach words from recordings"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments without the program's name. Defaults to ``sys.argv[1:]``.

    Returns
    -------
    int
        0 when all went well, 1 when some inputs failed, 2 on wrong use.
    """
    arguments_in = list(sys.argv[1:] if argv is None else argv)
    parser = argparse.ArgumentParser(
        prog="python -m core",
        description="Teachdeck without the pages: the same models from the command line.",
    )
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="command")
    for name, (module_name, summary) in COMMANDS.items():
        command_parser = subparsers.add_parser(name, help=summary, description=summary)
        if arguments_in[:1] == [name]:
            importlib.import_module(module_name).add_arguments(command_parser)
    arguments = parser.parse_args(arguments_in)
    module = importlib.import_module(COMMANDS[arguments.command][0])
    try:
        status: int = module.run(arguments)
        sys.stdout.flush()
        return status
    except UsageError as error:
        print(error.message, file=sys.stderr)
        return 2
    except TeachdeckError as error:
        print(error.message, file=sys.stderr)
        return 1
    except BrokenPipeError:
        # The reader of our output went away (for example `| head`); there is no one to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
