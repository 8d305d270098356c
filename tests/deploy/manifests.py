"""Reads the manifests as strictly as kubectl does, and finds values in them."""

import pathlib
import re

import yaml

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
FOLDER = REPOSITORY / "deploy" / "router"
MISSING = object()


class StrictLoader(yaml.SafeLoader):
    """The safe loader, but a key that stands twice in one mapping is an error instead of silently winning."""


def _mapping_without_repeats(loader, node):
    seen = set()
    for key_node, _ in node.value:
        key = loader.construct_object(key_node, deep=True)
        if key in seen:
            raise yaml.constructor.ConstructorError(None, None, f"key {key!r} stands twice", key_node.start_mark)
        seen.add(key)
    return loader.construct_mapping(node, deep=True)


StrictLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping_without_repeats)


def parse(text):
    """All documents of a YAML stream; an empty one (a stray `---`) is an error."""
    documents = list(yaml.load_all(text, Loader=StrictLoader))
    if not documents or any(not isinstance(document, dict) for document in documents):
        raise ValueError("every document of a manifest must be an object")
    return documents


def load(file_name):
    return parse((FOLDER / file_name).read_text(encoding="utf-8"))


def of_kind(documents, kind):
    """The one object of that kind; several or none is an error."""
    found = [document for document in documents if document.get("kind") == kind]
    if len(found) != 1:
        raise LookupError(f"{len(found)} objects of kind {kind}, expected 1")
    return found[0]


_STEP = re.compile(r"([^.\[\]]+)|\[([^\]]*)\]")


def find(value, path):
    """The value at a path, or MISSING.

    Steps are joined by dots. `[x]` picks from a list by index when x is a number, else the one element whose `name` (or
    `topologyKey`, `kind`, `type`) is x; from an object it picks the key x, for keys with dots in them.
    """
    for plain, bracket in _STEP.findall(path):
        if plain or isinstance(value, dict):
            key = plain or bracket
            if not isinstance(value, dict) or key not in value:
                return MISSING
            value = value[key]
        elif not isinstance(value, list):
            return MISSING
        elif bracket.isdigit():
            if int(bracket) >= len(value):
                return MISSING
            value = value[int(bracket)]
        else:
            names = ("name", "topologyKey", "kind", "type")
            hits = [item for item in value if isinstance(item, dict) and bracket in [item.get(name) for name in names]]
            if len(hits) != 1:
                return MISSING
            value = hits[0]
    return value


def strings(value):
    """Every string in a parsed value, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from strings(key)
            yield from strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)
