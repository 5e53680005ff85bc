"""The spaces that come with the tool: one file a space, one line here."""

from __future__ import annotations

from dna_deploy.errors import UsageError
from dna_deploy.plugins import load_plugin, plugin_names
from dna_deploy.spaces.chain import ChainSpace, as_chain
from dna_deploy.spaces.space import SearchSpace

SPACES = {
    "mbconv": "dna_deploy.spaces.catalog.mbconv:MBCONV",
    "mobile": "dna_deploy.spaces.catalog.mobile:MOBILE",
    "vit": "dna_deploy.spaces.catalog.vit:VIT",
    "windowed": "dna_deploy.spaces.catalog.windowed:WINDOWED",
    "hytra": "dna_deploy.spaces.catalog.hytra:HYTRA",
    "hytra-small": "dna_deploy.spaces.catalog.hytra:HYTRA_SMALL",
    "fashion": "dna_deploy.spaces.catalog.fashion:FASHION",
    "nats-size": "dna_deploy.spaces.catalog.nats_size:NATS_SIZE",
    "catalogue": "dna_deploy.spaces.catalog.catalogue:CATALOGUE",
    "catalogue-colour": "dna_deploy.spaces.catalog.catalogue:CATALOGUE_IN_COLOUR",
}


IN_FILES = {"file": "dna_deploy.records.space_file:find_space_file"}
"""What reads spaces that were made of somebody's own model, or changed by training, from files."""
SUFFIX = ".space.json"
_PREFIXES = ("own-", "shrunk-", "grown-", "ensemble-")


def space_names() -> tuple[str, ...]:
    """Every space that can be named on the command line."""
    return plugin_names("space", SPACES)


def find_space(name: str) -> SearchSpace:
    """The space called ``name``, or ``name@resolution`` for square images of another size.

    A file ``own-0123456789ab.space.json``, or that name alone, is a space made of somebody's own model; ``shrunk-``,
    ``grown-`` and ``ensemble-`` begin the names of those that training has changed.
    """
    if name.startswith(_PREFIXES) or name.endswith(SUFFIX):
        in_file: SearchSpace = load_plugin("space in a file", "file", IN_FILES)(name)
        return in_file
    base, separator, resolution = name.partition("@")
    space = load_plugin("space", base, SPACES)
    if not isinstance(space, SearchSpace):
        raise UsageError(f"the plugin {base!r} is a {type(space).__name__}, not a search space")
    if not separator:
        return space
    if not resolution.isdecimal():
        raise UsageError(f"cannot read the resolution in {name!r}", f"write it like {base}@128")
    return as_chain(space).with_resolution(int(resolution))


def find_chain(name: str) -> ChainSpace:
    """`find_space`, where it is a chain of blocks.

    Raises:
        UsageError: it is another kind of space.
    """
    return as_chain(find_space(name))
