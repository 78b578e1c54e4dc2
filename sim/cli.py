# ruff: noqa: PLC0415 - a command imports what it runs, so that --help answers at once
"""Command line: parse, call, print. Every expected error ends as clear text and an exit code."""

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from sim import terminal
from sim.cli_data import data
from sim.cli_files import new, scenarios
from sim.cli_machine import doctor
from sim.cli_profile import profile
from sim.cli_results import compare, export, report, runs, translation
from sim.cli_scenario import calibrate, run, schema, validate
from sim.cli_stages import claims, matrix, stages
from sim.cli_trace import replay, trace
from sim.cli_trade_offs import alternatives, certificate, explore, frontier, gain, ring_fence
from sim.cli_uncertainties import assumptions, drivers, information, measuring, regret
from sim.errors import SimError
from sim.terminal import example

ANYWHERE = frozenset({"--json", "-q", "--quiet", "-v", "--verbose"})
"""Options of every command, which may stand before its name or after."""
USAGE: type[Exception] = typer.BadParameter.__mro__[2]
"""What a wrong use of the command line raises, whether typer brings its own click or not."""


class Commands(TyperGroup):
    """The only place where errors become text: no traceback for what a user can put right."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take the options that every command has wherever they stand."""
        end = args.index("--") if "--" in args else len(args)
        first = [word for word in args[:end] if word in ANYWHERE]
        rest = [word for word in args[:end] if word not in ANYWHERE]
        return super().parse_args(ctx, [*first, *rest, *args[end:]])

    def invoke(self, ctx: Any) -> object:
        """Run a command; ``SimError`` ends with its exit code, other failed files with 2.

        What nobody expected ends with 1, and is written down; see ``sim.fault``.
        """
        try:
            found = super().invoke(ctx)
        except SimError as error:
            terminal.stop(f"error: {error}", error.exit_code)
        except (BrokenPipeError, typer.Exit, typer.Abort, USAGE):
            raise
        except OSError as error:
            where = f"'{error.filename}': " if error.filename else ""
            terminal.stop(f"error: {where}{error.strerror or error}.", SimError.exit_code)
        except KeyboardInterrupt:
            terminal.stop(
                "interrupted; finished replications are kept, run again with the same --out to "
                "resume",
                terminal.INTERRUPTED,
            )
        except Exception as error:
            from sim.fault import said_of

            terminal.stop(f"error: {said_of(error, ctx.obj)}", 1)
        terminal.close()
        return found


app = typer.Typer(
    cls=Commands,
    help="Find where the next dollar makes medical imaging AI fairer.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # loading rich takes longer than all the rest of --help
)


def _say_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"equiscan {version('equiscan')}")
        raise typer.Exit


@app.callback()
def equiscan(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=_say_version, is_eager=True),
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no prose.")] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="A line for everything that begins.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document, at the end.")] = False,
) -> None:
    """Set how every command speaks."""
    del version
    if quiet and verbose:
        raise typer.BadParameter("either --quiet or --verbose.")
    terminal.speak(quiet=quiet, verbose=verbose, as_json=as_json)


for command, shown in (
    (new, "new kenya.yaml --regions Kenya --modality ct"),
    (validate, "validate kenya.yaml --set budget_usd_per_year=2e6"),
    (run, "run kenya.yaml --out runs/kenya --dry-run"),
    (scenarios, "scenarios"),
    (runs, "runs"),
    (report, "report runs/kenya --pdf kenya.pdf --language fr"),
    (translation, "translation es.po --language es"),
    (compare, "compare runs/kenya runs/kenya_more"),
    (export, "export runs/kenya --xlsx kenya.xlsx"),
    (explore, "explore runs/kenya --budget 0.5 --budget 1"),
    (claims, "claims runs/east_africa"),
    (replay, "replay runs/kenya --policy plan --draw 3"),
    (trace, "trace runs/kenya --table jobs"),
    (calibrate, "calibrate ct_targets.yaml --out ct_overlay.yaml"),
    (schema, "schema > schema.json"),
    (doctor, "doctor --json"),
):
    app.command(epilog=example(shown))(command)
answer = typer.Typer(help="What a finished run says beyond its plan.", no_args_is_help=True)
for asked in (
    *(information, drivers, assumptions, regret, measuring),
    *(stages, matrix),
    *(frontier, ring_fence, gain, certificate, alternatives),
):
    name = asked.__name__.replace("_", "-")
    further = " groups.rural.reach --people 400" if asked is measuring else ""
    answer.command(name, epilog=example(f"answer {name} runs/kenya{further}"))(asked)
app.add_typer(answer, name="answer")
app.add_typer(data, name="data")
app.add_typer(profile, name="profile")


def main() -> None:
    """Run the command line."""
    app(prog_name="equiscan")


if __name__ == "__main__":
    main()
