"""The page that describes the agents' API: made here from its OpenAPI document, with nothing fetched from elsewhere."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from html import escape
from typing import Any, Final

_STYLE: Final = """
:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
h3{margin:2.5rem 0 .25rem}code,pre{font:14px/1.45 ui-monospace,monospace}
pre{padding:.75rem;overflow-x:auto;border:1px solid #8886;border-radius:6px}
table{border-collapse:collapse;width:100%}td,th{padding:.25rem .75rem .25rem 0;text-align:left;vertical-align:top}
th{font-weight:600}nav ul{columns:2;list-style:none;padding:0}.method{font-weight:700}
@media(max-width:40rem){nav ul{columns:1}}
"""
POLICY: Final = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    f"style-src 'sha256-{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'"
)
_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>{title}</title><style>{style}</style></head>
<body><main><h1>{title}</h1>
<p>Send <code>Authorization: Bearer wl_…</code> with each request; <code>warmline agents add --token</code> prints a
token. A <code>POST</code> to a case takes an <code>Idempotency-Key</code>: the same request with the same key is done
once and answered alike. Every refusal has the shape <code>{{"error": {{"code": …, "message": …}}}}</code>. The same as
data: <a href="/api/openapi.json">/api/openapi.json</a>.</p>
<nav aria-label="Requests"><ul>
{contents}
</ul></nav>
{body}
</main></body></html>
"""


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
    body = "\n".join(_operation(*operation, schemas) for operation in operations)
    return _PAGE.format(title=escape(document["info"]["title"]), style=_STYLE, contents=contents, body=body)


def _operation(anchor: str, method: str, path: str, operation: Mapping[str, Any], schemas: Mapping[str, Any]) -> str:
    title = f'<span class="method">{method.upper()}</span> {escape(path)}'
    parts = [
        f'<section><h3 id="{escape(anchor)}"><code>{title}</code></h3>',
        f"<p>{escape(operation.get('description') or operation.get('summary', ''))}</p>",
    ]
    if parameters := operation.get("parameters"):
        rows = "".join(_parameter(parameter) for parameter in parameters)
        parts.append(f"<table><tr><th>parameter</th><th>in</th><th>what</th></tr>{rows}</table>")
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if content:
        shape = json.dumps(_shape(content.get("schema", {}), schemas), indent=2, ensure_ascii=False)
        parts.append(f"<p>Body:</p><pre>{escape(shape)}</pre>")
    answers = ", ".join(
        f"{escape(status)} {escape(answer['description'])}" for status, answer in operation.get("responses", {}).items()
    )
    parts.append(f"<p>Answers: {answers}</p></section>")
    return "\n".join(parts)


def _parameter(parameter: Mapping[str, Any]) -> str:
    must = "" if parameter.get("required") else " (may be left out)"
    what = " ".join(filter(None, (_kind(parameter.get("schema", {})), parameter.get("description", ""))))
    return (
        f"<tr><td><code>{escape(parameter['name'])}</code>{must}</td><td>{escape(parameter['in'])}</td>"
        f"<td>{escape(what)}</td></tr>"
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
    return " ".join((kind, *bounds))
