"""Templates: the one way in which pages and Markdown are made from records.

Reads the templates that lie beside a package's modules, and house.css, which any of them may
include; writes nothing.
"""

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined


def templates(package: str, *, escape: bool = True) -> Environment:
    """The templates of a package; a name that is not given is an error, never an empty text.

    Args:
        package: whose folder holds them, such as "burnish.evaluate".
        escape: for HTML; Markdown escapes foreign text itself, and keeps its last line end.
    """
    return Environment(
        loader=ChoiceLoader([PackageLoader(package, "."), PackageLoader("burnish.pages", ".")]),
        autoescape=escape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=not escape,
    )
