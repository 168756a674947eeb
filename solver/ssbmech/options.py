"""Options that several commands have."""

from __future__ import annotations

from typing import Annotated

import typer

Ranks = Annotated[
    int | None, typer.Option("-n", "--ranks", min=1, help="Number of MPI ranks.", show_default=False)
]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY.PATH=VALUE", help="Put a value over that of the case.", show_default=False
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace earlier results.")]
