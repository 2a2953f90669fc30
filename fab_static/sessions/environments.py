"""The environments of a folder of inventories: which there are, and each as a value."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fab_static.errors import InventoryError
from fab_static.plan.spelling import spelled

if TYPE_CHECKING:
    from fab_static.plan.inventory import Environment


def read_environment(name: str, inventories: Path) -> Environment:
    """Return the environment that inventories/<name>.yml describes.

    Raises:
        InventoryError: there is none, it cannot be read, or it has problems: all of them are listed.
    """
    from fab_static.plan import inventory  # not above: `fab --list` reads no inventory

    known = environments(inventories)
    if name not in known:  # as the command line spells it
        name = next((one for one in known if spelled(one) == name), name)
    path = inventories / file_of(name, inventories)
    if not path.exists():
        raise InventoryError(
            f'there is no environment "{name}"; there are: {", ".join(known) or "none yet"}',
            where=str(inventories),
            mend=f"write {inventories / name}.yml; inventories/example.yml documents every key",
        )
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InventoryError(
            f"the inventory cannot be read: {error}", where=str(path), mend="mend the file"
        ) from error
    environment = inventory.parse(text, name=name, source=str(path))
    try:
        return inventory.beside(environment, path.parent.absolute())
    except RuntimeError as error:  # pathlib: HOME is not set, and the system does not know the user
        raise InventoryError(
            f"~ cannot be found: {error}",
            where=f"{path}: ssh",
            mend="set HOME, or write the whole paths of ssh.identity and ssh.known_hosts",
        ) from error


def file_of(name: str, inventories: Path) -> str:
    """Return the name of the file that describes an environment: staging.yml, or staging.yaml where only that is."""
    is_yaml = not (inventories / f"{name}.yml").exists() and (inventories / f"{name}.yaml").exists()
    return f"{name}.yaml" if is_yaml else f"{name}.yml"


def own_phases(inventories: Path) -> list[str]:
    """Return the names of the phases that the inventories name as their own; of a file that cannot be read none."""
    found: set[str] = set()
    for ending in ("yml", "yaml"):
        for path in inventories.glob(f"*.{ending}"):
            try:
                text = path.read_text("utf-8")
            except (OSError, UnicodeDecodeError):  # it is refused, in words, when it is asked for
                continue
            if "run:" in text:  # few have any, and the others need not be read for `fab --list`
                from fab_static.plan.inventory.own_phases import spelled_phases

                found.update(spelled_phases(text))
    return sorted(found)


def environments(inventories: Path) -> list[str]:
    """Return the names of all environments: one file each, the documenting example left out."""
    found = {path.stem for ending in ("yml", "yaml") for path in inventories.glob(f"*.{ending}")}
    # .#staging.yml, ._staging.yml: what editors and macOS leave beside a file
    return sorted(name for name in found - {"example"} if not name.startswith("."))
