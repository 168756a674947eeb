"""The lists of dependencies (Debian, conda-forge, pip, the package itself) name the same things."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import yaml

REPOSITORY = Path(__file__).parents[2]
ENVIRONMENT = REPOSITORY / "environment"


def lines(path: Path) -> list[str]:
    """The lines of a list, without comments and blank ones."""
    stripped = (line.split("#")[0].strip() for line in path.read_text().splitlines())
    return [line for line in stripped if line]


def column(number: int) -> set[str]:
    """One column of the dictionary of names, without the gaps."""
    return {line.split()[number] for line in lines(ENVIRONMENT / "names.txt")} - {"-"}


def bare(requirement: str) -> str:
    """The name in a requirement such as `pydantic>=2.5` or `petsc4py=*=*real*`."""
    return re.split(r"[<>=! ]", requirement, maxsplit=1)[0]


def test_debian_list() -> None:
    assert set(lines(ENVIRONMENT / "packages-debian.txt")) == column(1)


def test_conda_list() -> None:
    requirements = yaml.safe_load((REPOSITORY / "environment.yml").read_text())["dependencies"]
    assert {bare(requirement) for requirement in requirements} - {"python"} == column(2)


def test_package_metadata() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    named = {
        bare(requirement) for requirement in project["dependencies"] + project["optional-dependencies"]["dev"]
    }
    assert named <= column(3) | column(0)


def test_pinned_tools_agree() -> None:
    pins = dict(line.split("==") for line in lines(ENVIRONMENT / "requirements-dev.txt"))
    conda = (REPOSITORY / "environment.yml").read_text()
    project = (REPOSITORY / "pyproject.toml").read_text()
    for name, version in pins.items():
        assert f"- {name}={version}\n" in conda
        assert f'"{name}=={version}"' in project


def test_probe_accepts_this_environment() -> None:
    answer = subprocess.run(
        [sys.executable, ENVIRONMENT / "probe.py"], capture_output=True, encoding="utf-8", check=True
    )
    assert answer.stdout.strip() == "ready"
