# ruff: noqa: PLC0415 - a command imports what it runs, so that --help answers at once
"""Command line of measured profiles: list them, write a card, measure and fit one's own."""

from pathlib import Path
from typing import Annotated

import typer

from sim import terminal
from sim.cli_options import Cluster, overwrite_option, place_option
from sim.errors import ProfileError
from sim.terminal import example

profile = typer.Typer(
    help="Measured profiles: how data becomes accuracy, by group.", no_args_is_help=True
)


@profile.command("list", epilog=example("profile list"))
def profile_list() -> None:
    """Print the profiles that come with the package."""
    import pandas as pd

    from sim.learning.response import available, load_profile
    from sim.profiles.fit.forms import POWER_RANGE
    from sim.profiles.fit.random_effects import pooled

    rows = [load_profile(name) for name in available()]
    terminal.print_table(
        pd.DataFrame(
            {
                "profile": [row.name for row in rows],
                "modality": [row.modality for row in rows],
                "images": [row.data for row in rows],
                "runs": [row.runs for row in rows],
                "factors": [
                    sum(one.status == "measured" for one in row.factors.values()) for row in rows
                ],
                "best form": [row.best_form.split(" (")[0] for row in rows],
            }
        )
    )
    for name, bounds in (("power", POWER_RANGE), ("floor", (0.0, 1.0))):
        one = pooled([row.draws[name] for row in rows], bounds=bounds)
        terminal.say(
            f"{name} of 1 - sensitivity over {one.profiles} profiles: {one.mean:.2f} "
            f"({one.low:.2f} to {one.high:.2f}); of one more task {one.next_low:.2f} to "
            f"{one.next_high:.2f}"
        )


@profile.command("card", epilog=example("profile card dermoscopy_encoder_site"))
def profile_card(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Profile, or its folder.")],
    task: Annotated[
        str | None, typer.Option(help="One task of a profile of several; else all of them.")
    ] = None,
    out: Annotated[Path | None, place_option("FILE", "Where to write the page.")] = None,
    overwrite: Annotated[bool, overwrite_option("Replace the file in --out.")] = False,
) -> None:
    """Write a profile's card: what was measured, how, and what it does not say."""
    from sim.atomic import require_free
    from sim.learning.response import profile_folder
    from sim.profiles.card.page import write_card

    named = "_".join(filter(None, (Path(name).name, task)))
    place, folder = out or Path(f"{named}_card.html"), profile_folder(name)
    require_free(place, overwrite=overwrite, error=ProfileError)
    terminal.say(f"Card: {write_card(folder, task=task, out=place)}")


@profile.command(
    "measure", epilog=example("profile measure --plan plan.yaml --data images --out runs/mine")
)
def profile_measure(
    plan: Annotated[Path, typer.Option(help="Measurement plan, a YAML file.")],
    out: Annotated[Path, place_option("DIR", "Folder for the runs.")],
    images: Annotated[
        Path | None, typer.Option("--data", help="Images or features: a file, or a folder.")
    ] = None,
    table: Annotated[
        Path | None, typer.Option(help="One row per image, csv or parquet; needed for a folder.")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Processes, a run each; they share cores, memory and GPU.",
            show_default="1",
        ),
    ] = None,
    cluster: Cluster = None,
) -> None:
    """Train and test as a plan says; an interrupted measurement goes on where it stopped."""
    from sim.executors.executor import executor_of
    from sim.profiles.design import MeasurementPlan
    from sim.profiles.measurement import measure
    from sim.profiles.runs import require_some

    asked = MeasurementPlan.load(plan)
    # one run at a time unless more are asked for: each has the plan's number of threads
    number = workers if workers or cluster else 1
    with (
        terminal.progress_bar() as progress,
        executor_of(workers=number, cluster=cluster) as executor,
    ):
        folder = measure(
            asked,
            data=images,
            table=table,
            out=out,
            executor=executor,
            progress=lambda done, total, run: progress(run, done, total),
        )
    require_some(folder)
    terminal.say(f"Runs: {folder}. Next: equiscan profile fit {folder}")


@profile.command("import", epilog=example("profile import my_runs --out my_profile"))
def profile_import(
    folder: Annotated[
        Path,
        typer.Argument(metavar="FOLDER", help="profile.yaml, a table of runs, emissions.csv."),
    ],
    out: Annotated[Path, place_option("DIR", "Folder of the profile.")],
    overwrite: Annotated[bool, overwrite_option("Replace the runs in --out.")] = False,
) -> None:
    """Take training runs of your own, from CSV or MLflow, with what codecarbon says of them."""
    from sim.profiles.importing.own_runs import import_runs

    found = import_runs(folder, out, overwrite=overwrite)
    left = f"; {found.unfinished} that did not finish are left out" if found.unfinished else ""
    terminal.say(
        f"Runs: {out}, {found.runs} with {found.seeds} seeds{left}. "
        f"Next: equiscan profile fit {out}"
    )


@profile.command("features", epilog=example("profile features --data images --out features.npz"))
def profile_features(
    images: Annotated[Path, typer.Option("--data", help="Images: an npz file, or a folder.")],
    out: Annotated[Path, place_option("FILE", "npz file to write.")],
    encoder: Annotated[str, typer.Option(help="Encoder.")] = "efficientnet-lite0",
    px: Annotated[int, typer.Option(min=32, help="Side that the encoder is shown.")] = 160,
    layers: Annotated[
        str,
        typer.Option(
            help="stages: of all of them; last: of the last layer; maps: before the last blocks."
        ),
    ] = "stages",
    table: Annotated[
        Path | None, typer.Option(help="One row per image, csv or parquet; needed for a folder.")
    ] = None,
    file_column: Annotated[
        str, typer.Option("--file-column", help="Column that names the pictures of a folder.")
    ] = "file",
    grey_bits: Annotated[
        int | None,
        typer.Option(min=9, max=16, help="Bits of greyscale pictures with more than eight."),
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="Threads of the processor.")] = 1,
    overwrite: Annotated[bool, overwrite_option("Replace the file in --out.")] = False,
) -> None:
    """Compute a public encoder's features of images once, for models probe and last_blocks."""
    from sim.atomic import require_free
    from sim.profiles.training.encoder import write_features

    require_free(out, overwrite=overwrite, error=ProfileError)
    with terminal.progress_bar() as progress:
        made = write_features(
            images,
            out,
            encoder=encoder,
            image_px=px,
            layers=layers,
            table=table,
            file_column=file_column,
            grey_bits=grey_bits,
            threads=threads,
            progress=lambda done, total: progress("features", done, total),
        )
    terminal.say(
        f"Features: {out}. An image takes {made.flops / 1e6:.3g} MFLOP, {1000 * made.seconds:.3g} "
        f"ms and {made.joules:.3g} J ({made.power_source} power) of {made.hardware}."
    )


@profile.command("gpu", epilog=example("profile gpu --data images --out runs/gpu"))
def profile_gpu(
    images: Annotated[Path, typer.Option("--data", help="Folder of npz files of images.")],
    out: Annotated[Path, place_option("DIR", "Folder for the results.")],
    device: Annotated[str, typer.Option(help="cuda, or cpu to try it.")] = "cuda",
    minutes: Annotated[
        float, typer.Option(min=0.2, help="No run begins that would end later.")
    ] = 7.0,
    steps: Annotated[
        int | None,
        typer.Option(
            min=1, help="Steps of a fine-tuning, to try it.", show_default="those of its plan"
        ),
    ] = None,
) -> None:
    """Measure what takes a GPU, the most valuable first; goes on where it stopped."""
    import pandas as pd

    from sim.profiles.gpu_measurement import DEVICES, measure_gpu

    if device not in DEVICES:
        raise ProfileError(f"--device {device}: must be {' or '.join(DEVICES)}.")
    with terminal.progress_bar() as progress:
        reached = measure_gpu(
            images,
            out,
            device="cuda" if device == "cuda" else "cpu",
            minutes=minutes,
            steps=steps,
            progress=lambda done, total, what: progress(what, done, total),
        )
    terminal.print_table(pd.DataFrame(reached))
    left = [one.step for one in reached if one.done < one.of]
    ends = "Call again for the rest." if left else "Nothing is left to measure."
    terminal.say(f"Results: {out}. {ends}")


@profile.command("fit", epilog=example("profile fit runs/mine"))
def profile_fit(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of measured runs.")],
) -> None:
    """Fit the law that turns data into error to measured runs."""
    from sim.profiles.fit.fitting import fit

    fit(folder)
    terminal.say(f"Fitted: {folder / 'fit.json'}")
