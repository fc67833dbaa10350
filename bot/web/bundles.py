"""Several of our files as one, so that a first visit makes few requests. Put together when the desk starts, in memory.

The files stay what they are: modules that find each other by relative names, readable by themselves. In a bundle each
becomes a function of its own, called once, in the order in which they need each other; so no name meets another. Their
remarks stay behind.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

BUNDLES: Final[Mapping[str, Sequence[str]]] = {
    "desk/queue.all.js": ("desk/frame.js", "desk/queue.js", "desk/offer.js"),
    "desk/queue.all.css": ("tokens.css", "desk/desk.css", "desk/queue.css"),
    "desk/case.all.js": ("desk/frame.js", "desk/case.js"),
    "desk/case.all.css": ("tokens.css", "desk/desk.css", "desk/case.css", "desk/writing.css"),
    "desk/team.all.js": ("desk/frame.js", "desk/floor.js", "desk/team.js"),
    "desk/team.all.css": ("tokens.css", "desk/desk.css", "desk/team.css", "desk/floor.css"),
    "desk/me.all.js": ("desk/frame.js", "desk/me.js"),
    "desk/people.all.js": ("desk/frame.js", "desk/people.js"),
    "desk/people.all.css": ("tokens.css", "desk/desk.css", "desk/team.css", "desk/people.css"),
    "desk/me-slack.all.js": ("desk/frame.js", "desk/me-slack.js"),
    "desk/gate.all.js": ("desk/frame.js", "desk/gate.js"),
    "desk/channels.all.js": ("desk/frame.js", "desk/channels.js"),
    "desk/channels.all.css": ("tokens.css", "desk/desk.css", "desk/team.css", "desk/channels.css"),
    "desk/customers.all.js": ("desk/frame.js", "desk/customers.js"),
    "desk/customers.all.css": ("tokens.css", "desk/desk.css", "desk/team.css", "desk/customers.css"),
    "desk/search.all.js": ("desk/frame.js", "desk/search.js"),
    "desk/search.all.css": ("tokens.css", "desk/desk.css", "desk/search.css"),
    "desk/macros.all.js": ("desk/frame.js", "desk/macrospage.js"),
    "desk/macros.all.css": ("tokens.css", "desk/desk.css", "desk/team.css", "desk/macrospage.css"),
    "desk/gate.all.css": ("tokens.css", "desk/desk.css", "desk/team.css", "desk/gate.css"),
}
"""What is served under which name; where a part does not exist there is no bundle of it."""

_IMPORT: Final = re.compile(r'^import (?:(\{[^}]*\}|\* as \w+) from )?"([^"]+)";?$', re.MULTILINE)
_AS: Final = re.compile(r"\s+as\s+")
_EXPORT: Final = re.compile(r"^export (?=(?:async )?(function\*?|const|class) (\w+))", re.MULTILINE)
_REMARK: Final = re.compile(r"^[ \t]*(?://.*|/\*\*(?:[^*]|\*(?!/))*\*/[ \t]*)\n", re.MULTILINE)
"""A line, or lines, of nothing but a remark: for who reads the file, not for who fetches it."""
_OTHER: Final = re.compile(r"^(?:import|export)\b.*$|^await\b.*$|\bimport\s*\(.*$", re.MULTILINE)

Read = Callable[[str], str]


class BundleError(Exception):
    """A module is written in a way that this does not understand."""


def bundle(read: Read, names: Sequence[str]) -> str:
    """The files of these names as one text: styles one behind the other, modules each behind what it imports."""
    if names[0].endswith(".css"):
        return "\n".join(read(name) for name in names)
    modules: dict[str, str] = {}
    for name in names:
        _gather(read, name, modules, ())
    return "\n".join(modules.values())


def _gather(read: Read, name: str, modules: dict[str, str], on_the_way: tuple[str, ...]) -> None:
    if name in modules:
        return
    if name in on_the_way:
        raise BundleError(f"{' -> '.join((*on_the_way, name))}: modules import each other in a circle.")
    text = read(name)
    for found in _IMPORT.finditer(text):
        _gather(read, _beside(name, found[2]), modules, (*on_the_way, name))
    exported = [found[2] for found in _EXPORT.finditer(text)]
    text = _IMPORT.sub(lambda found: _taken(found[1], _beside(name, found[2])), text)
    text = _REMARK.sub("", _EXPORT.sub("", text))
    if other := _OTHER.search(text):
        raise BundleError(f'{name}: "{other[0]}" cannot be bundled. Import and export by name, at the top.')
    modules[name] = f"const {_variable(name)} = (() => {{\n{text}\nreturn {{ {', '.join(exported)} }}\n}})()"


def _taken(what: str | None, module: str) -> str:
    """An import as the reading of names from a module that was called before."""
    if what is None:
        return ""
    if what.startswith("*"):
        return f"const {what.removeprefix('* as ')} = {_variable(module)}"
    return f"const {_AS.sub(': ', what)} = {_variable(module)}"


def _beside(name: str, other: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), other))


def _variable(name: str) -> str:
    return "$" + re.sub(r"\W", "_", name)
