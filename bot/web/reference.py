"""The page that describes the agents' API: made here from its OpenAPI document, with nothing fetched from elsewhere."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from html import escape
from typing import Any, Final

from bot.web import look

_BODY: Final = """<h1>{title}</h1>
<p>Send <code>Authorization: Bearer wl_…</code> with each request; <code>warmline agents add --token</code> prints a
token. A <code>POST</code> to a case takes an <code>Idempotency-Key</code>: within a day the same request with the
same key is done once and answered alike. Every refusal has the shape
<code>{{"error": {{"code": …, "message": …}}}}</code>. The same as data:
<a href="/api/openapi.json">/api/openapi.json</a>.</p>
<nav aria-label="Requests"><ul class="requests">
{contents}
</ul></nav>
{operations}"""


def page(document: Mapping[str, Any]) -> str:
    """The whole page."""
    operations = [
        (f"{method}{path}".replace("/", "-").replace("{", "").replace("}", ""), method, path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    contents = "\n".join(
        f'<li><a href="#{escape(anchor)}"><code>{method.upper()} {escape(path)}</code></a></li>'
        for anchor, method, path, _ in operations
    )
    schemas = document.get("components", {}).get("schemas", {})
    shown = "\n".join(_operation(*operation, schemas) for operation in operations)
    title = document["info"]["title"]
    body = _BODY.format(title=escape(title), contents=contents, operations=shown)
    return look.framed(body, title=title, brand="Warmline", wide=True)


def _operation(anchor: str, method: str, path: str, operation: Mapping[str, Any], schemas: Mapping[str, Any]) -> str:
    title = f'<span class="method">{method.upper()}</span> {escape(path)}'
    parts = [
        f'<section><h2 id="{escape(anchor)}"><code>{title}</code></h2>',
        f"<p>{_prose(operation.get('description') or operation.get('summary', ''))}</p>",
    ]
    if parameters := operation.get("parameters"):
        rows = "".join(_parameter(parameter) for parameter in parameters)
        head = "<thead><tr><th>parameter</th><th>in</th><th>what</th></tr></thead>"
        parts.append(f"<table>{head}<tbody>{rows}</tbody></table>")
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if content:
        shape = json.dumps(_shape(content.get("schema", {}), schemas), indent=2, ensure_ascii=False)
        parts.append(f"<p>Body:</p><pre tabindex='0'>{escape(shape)}</pre>")
    answers = ", ".join(
        f"{escape(status)} {escape(answer['description'])}" for status, answer in operation.get("responses", {}).items()
    )
    parts.append(f"<p>Answers: {answers}</p></section>")
    return "\n".join(parts)


def _prose(text: str) -> str:
    """Text in which `this` is code."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", escape(text))


def _parameter(parameter: Mapping[str, Any]) -> str:
    must = "" if parameter.get("required") else " (may be left out)"
    what = "; ".join(filter(None, (_kind(parameter.get("schema", {})), parameter.get("description", ""))))
    return (
        f"<tr><td><code>{escape(parameter['name'])}</code>{must}</td><td>{escape(parameter['in'])}</td>"
        f"<td>{_prose(what)}</td></tr>"
    )


def _shape(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Any:
    """What to send, as an example whose values say what they are."""
    if "$ref" in schema:
        return _shape(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    if options := schema.get("anyOf"):
        return _shape(next((option for option in options if option.get("type") != "null"), {}), schemas)
    if "properties" in schema:
        return {name: _shape(field, schemas) for name, field in schema["properties"].items()}
    return _kind(schema)


def _kind(schema: Mapping[str, Any]) -> str:
    """A field's type in words: `text`, `number from 1 to 200`, `one of a, b`."""
    if options := schema.get("anyOf"):
        return " or ".join(_kind(option) for option in options if option.get("type") != "null")
    if values := schema.get("enum"):
        return "one of " + ", ".join(map(str, values))
    kind = {"string": "text", "integer": "number"}.get(str(schema.get("type")), str(schema.get("type", "anything")))
    if schema.get("format") == "date-time":
        kind = "time with zone, like 2030-01-31T09:00:00Z"
    bounds = [
        f"{word} {int(schema[bound])}"
        for bound, word in (("minimum", "from"), ("maximum", "to"), ("maxLength", "of at most"))
        if bound in schema
    ]
    return " ".join((kind, *bounds)) + (" characters" if "maxLength" in schema else "")
