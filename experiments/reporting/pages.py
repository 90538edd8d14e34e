"""Renders the pages of reports: one HTML file each, which needs no other, in one style."""

from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

_OWN = Path(__file__).parent


def render(template: Path, **values: Any) -> str:
    """Renders a template of jinja2, which escapes every text.

    Args:
        template: The file. It has ``style``, for its ``style`` element, and ``sorting``, the
            script of tables whose headings are buttons.
        values: The further names of the template.
    """
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    style, sorting = (
        Markup((_OWN / name).read_text(encoding="utf-8")) for name in ("style.css", "sortable.js")
    )
    page = environment.from_string(template.read_text(encoding="utf-8"))
    return page.render(style=style, sorting=sorting, **values)
