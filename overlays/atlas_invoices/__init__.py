"""Get MongoDB Atlas invoices out of Atlas and into the tools where people work on cost.

All public names are here: each is listed in its module's `__all__`. A module is imported when one of its names is first
used, so that `import atlas_invoices` and the command start quickly.
"""

from __future__ import annotations

from importlib import import_module
from types import FunctionType

from ._version import __version__ as __version__

# As in `typing`, which takes longer to import than all this.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from ._auth import *
    from ._client import *
    from ._csv import *
    from ._errors import *
    from ._files import *
    from ._focus import *
    from ._http._exchange import *
    from ._http._retry import *
    from ._load import *
    from ._models import *
    from ._money import *
    from ._sync import *

# The same modules; those that import quickly come first, because a name is looked up in this order.
_MODULES = (
    "._errors",
    "._csv",
    "._focus",
    "._load",
    "._money",
    "._files",
    "._http._retry",
    "._models",
    "._http._exchange",
    "._auth",
    "._client",
    "._sync",
)


def __getattr__(name: str) -> object:
    if name == "__all__":
        return ["__version__", *(public for module in _MODULES for public in import_module(module, __name__).__all__)]
    for module in () if name.startswith("_") else _MODULES:
        home = import_module(module, __name__)
        for public in home.__all__:
            _show_as_imported(getattr(home, public))
        if name in home.__all__:
            globals()[name] = value = getattr(home, name)
            _show_types(value)
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _show_as_imported(value: object) -> None:
    """Have `help` name a function or a class of ours as a program imports it."""
    if isinstance(value, (type, FunctionType)) and value.__module__.startswith(f"{__name__}."):
        if isinstance(value, type):
            # Names in a class's types are looked up in its module.
            value.__annotations__ = _types(value)
        value.__module__ = __name__


def _show_types(value: object) -> None:
    """Have `help` show a function's or a class's types instead of their names as text.

    Those it can't find stay text, and so do those with a private one in them, such as every source of a CSV.
    """
    functions = [value, *vars(value).values()] if isinstance(value, type) else [value]
    for function in functions:
        if isinstance(function, FunctionType):
            public = {name: type_ for name, type_ in _types(function).items() if f"{__name__}._" not in repr(type_)}
            function.__annotations__ = {**function.__annotations__, **public}


def _types(value: type | FunctionType) -> dict[str, object]:
    """Return its annotations as types; as they are if there is one that can't be found."""
    from inspect import get_annotations  # noqa: PLC0415 - the command starts without it

    try:
        return get_annotations(value, eval_str=True)
    except (NameError, TypeError):
        return get_annotations(value)


def __dir__() -> list[str]:
    return sorted(import_module(__name__).__all__)
