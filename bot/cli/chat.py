"""`warmline chat`: a customer in the terminal, against a running desk."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import urlsplit

import typer

from bot.cli.terminal import WRONG_USAGE, Refused, safe, say, tell

if TYPE_CHECKING:
    import httpx

LONGEST_PAUSE: Final = 5.0
"""Seconds between two tries while the desk does not answer."""
GIVE_UP: Final = 60.0
"""Seconds of trying when nobody sits at the terminal to press Ctrl-C."""
NOTICED: Final = 3
"""Failures in a row before the reader is told; one or two are what a restart looks like."""
AFTERGLOW: Final = 1.5
"""Seconds of silence after an answer before a piped conversation counts as over."""
_STREAM_SILENCE: Final = 40.0
"""Seconds; the desk says something every 15, so a longer silence is a lost connection."""


def chat(
    url: Annotated[
        str | None, typer.Option(envvar="WARMLINE_URL", help="The desk; default the one of these settings.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Who the customer says they are.")] = None,
    email: Annotated[str | None, typer.Option(help="Where the customer can be reached.")] = None,
    wait: Annotated[
        float, typer.Option(min=0, max=600, help="Seconds to wait for an answer when the input has ended.")
    ] = 8.0,
) -> None:
    """Write to a running desk as a customer would. Ctrl-D ends."""
    _check_who(name, email)
    base = _checked(url) if url is not None else _here()
    try:
        asyncio.run(_converse(base, name=name, email=email, wait=wait))
    except KeyboardInterrupt:
        say()  # the usual way to leave; the shell's prompt goes on a line of its own


def _checked(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise typer.BadParameter("Write it whole, like http://127.0.0.1:8000.", param_hint="--url")
    return url.rstrip("/")


def _check_who(name: str | None, email: str | None) -> None:
    from channels.web.channel import Refused as NotTaken
    from channels.web.channel import who

    try:
        who({"name": name, "email": email})
    except NotTaken as error:
        raise typer.BadParameter(str(error), param_hint=f"--{error.field}") from error


def _here() -> str:
    """Where the desk of these settings listens. Not its public address, which may lead through a proxy."""
    from bot.settings import load_settings

    settings = load_settings()
    if settings.port == 0:
        raise Refused("WARMLINE_PORT is 0, any free port. Name the desk with --url.", code=WRONG_USAGE)
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104 - only compared
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"


async def _converse(base: str, *, name: str | None, email: str | None, wait: float) -> None:
    import httpx

    local = urlsplit(base).hostname in ("127.0.0.1", "::1", "localhost")
    # A proxy that the environment names has no business between us and this machine.
    async with httpx.AsyncClient(base_url=base, timeout=10.0, trust_env=not local) as http:
        await _greet(http, base)
        patient = sys.stdin.isatty()
        if patient:
            tell(f"You are a customer of {base}. Write and press Enter; Ctrl-D ends.")
        talk = Talk(http, name=name, email=email, give_up=None if patient else GIVE_UP)
        listening = asyncio.create_task(talk.listen())
        try:
            async for line in _lines():
                await _take(talk, line, wait=wait, echo=not patient)
            if not patient:
                await talk.linger(wait)
        finally:
            listening.cancel()
            with suppress(asyncio.CancelledError):
                await listening


async def _take(talk: Talk, line: str, *, wait: float, echo: bool) -> None:
    text = line.strip()
    if not text:
        return
    if text.isdigit() and echo and not talk.buttons:
        await talk.await_buttons(wait)  # whoever pipes a number in means a button that is still to come
    text, button = talk.meaning(text)
    if echo:
        say(f"You: {safe(text)}")
    elif button:
        tell(f"({text})")
    await talk.send(text, button)


async def _greet(http: httpx.AsyncClient, base: str) -> None:
    """Raises Refused if no desk is there."""
    import httpx

    advice = "Start one with: warmline run. Or name another with: warmline chat --url URL"
    try:
        answer = await http.get("/healthz")
    except (httpx.TransportError, httpx.InvalidURL) as error:
        raise Refused(f"No desk answers on {base} ({_reason(error)}). {advice}") from error
    if answer.status_code != 200 or answer.text != "ok":
        raise Refused(f"What answers on {base} is no Warmline desk (status {answer.status_code}). {advice}")


class Talk:
    """One conversation: what is sent arrives once, what is answered is shown once, whatever breaks in between."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        *,
        name: str | None = None,
        email: str | None = None,
        give_up: float | None = None,
        show: Callable[[str], None] = say,
    ) -> None:
        self._http = http
        self._who = {key: value for key, value in (("name", name), ("email", email)) if value}
        self._give_up = give_up
        self._show = show
        self._token: str | None = None
        self._begun = asyncio.Event()
        self._seen = 0
        self.buttons: list[tuple[str, str]] = []
        """(id, label) of the newest choices."""
        self._offered = asyncio.Event()
        self._sent_at = self._heard_at = 0.0
        """When something was last sent that is answered, and when something was last heard."""

    def meaning(self, text: str) -> tuple[str, str | None]:
        """(text, button) of a line: the number of a choice stands for its label."""
        if text.isascii() and text.isdigit() and len(text) < 4 and 1 <= int(text) <= len(self.buttons):
            button, label = self.buttons[int(text) - 1]
            self.buttons = []
            self._offered.clear()
            return label, button
        return text, None

    # --- to the desk -------------------------------------------------------------------------------

    async def send(self, text: str, button: str | None = None) -> bool:
        """Send until it is accepted; False if the desk refuses the text itself.

        Raises:
            Refused: nobody has answered for as long as we try.
        """
        id_ = str(uuid.uuid4())
        pauses = _pauses()
        began = time.monotonic()
        while True:
            body = {"conversation": self._token, "id": id_, "text": text, "button": button, **self._who}
            wait, problem = await self._try(body)
            if not problem:
                return True
            if wait is None:
                tell(problem)
                return False
            if self._give_up is not None and time.monotonic() - began > self._give_up:
                raise Refused(f"{problem} This was not delivered: {text}")
            pause = max(wait, next(pauses))
            tell(f"{problem} Your message is kept; trying again in {pause:.0f} s.")
            await asyncio.sleep(pause)

    async def _try(self, body: dict[str, Any]) -> tuple[float | None, str]:
        """(seconds to wait at least, or None for a final refusal; what is wrong, empty if it was accepted)."""
        import httpx

        try:
            answer = await self._http.post("/api/web/messages", json=body)
        except httpx.TransportError as error:
            return 0.0, f"The desk does not answer ({_reason(error)}). Is it running?"
        if answer.status_code == 202:
            self._accepted(str(answer.json()["conversation"]), body["button"])
            return 0.0, ""
        told = _told(answer)
        if answer.status_code == 404 and body["conversation"] is not None:
            self._token = None
            return 0.0, f"{told} A new conversation begins."
        if answer.status_code == 429 or answer.status_code >= 500:
            return _seconds(answer.headers.get("retry-after")), told
        return None, told

    def _accepted(self, token: str, button: str | None) -> None:
        from channels.web.channel import ONLY_NOTED

        if button not in ONLY_NOTED:
            self._sent_at = time.monotonic()
        if token != self._token:
            self._token, self._seen = token, 0
            self._begun.set()

    # --- from the desk -----------------------------------------------------------------------------

    async def listen(self) -> None:
        """Show what comes, until cancelled; a lost connection goes on where it broke."""
        import httpx

        pauses, failures = _pauses(), 0
        while True:
            await self._begun.wait()
            token = self._token
            if token is None:
                await asyncio.sleep(0.1)  # the next accepted message brings a new one
                continue
            try:
                async for event in self._events(token):
                    if failures >= NOTICED:
                        tell("The desk is back.")
                    pauses, failures = _pauses(), 0
                    if event is not None:
                        self._hear(event)
                    if token != self._token:
                        break
            except (httpx.HTTPError, ValueError) as error:
                failures += 1
                if failures == NOTICED:
                    tell(f"The desk does not answer ({_reason(error)}). Is it running? Trying again and again.")
            await asyncio.sleep(next(pauses))

    async def _events(self, token: str) -> AsyncIterator[dict[str, Any] | None]:
        """What comes after what was seen; None once the connection stands."""
        headers = {"Last-Event-ID": str(self._seen), "Accept": "text/event-stream"}
        timeout = _timeout(_STREAM_SILENCE)
        path = f"/api/web/conversations/{token}/events"
        async with self._http.stream("GET", path, headers=headers, timeout=timeout) as stream:
            stream.raise_for_status()
            yield None
            async for line in stream.aiter_lines():
                if line.startswith("data:"):
                    yield json.loads(line.removeprefix("data:"))

    def _hear(self, message: dict[str, Any]) -> None:
        seq = int(message["seq"])
        if seq <= self._seen:
            return
        self._seen = seq
        if message["from"] == "customer":
            return  # our own words
        self._heard_at = time.monotonic()
        author = message["author"] or message["from"]
        first, *more = safe(str(message["text"])).split("\n")
        self._show("\n".join([f"{safe(str(author))}: {first}", *(f"  {line}" if line else "" for line in more)]))
        if message["buttons"]:
            self.buttons = [(str(button["id"]), str(button["label"])) for button in message["buttons"]]
            for number, (_, label) in enumerate(self.buttons, start=1):
                self._show(f"  [{number}] {safe(label)}")
            self._offered.set()

    # --- waiting -----------------------------------------------------------------------------------

    async def await_buttons(self, patience: float) -> None:
        """Until there are choices, or for `patience` seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._offered.wait()

    async def linger(self, patience: float) -> None:
        """Until the last message was answered and nothing more came, or for `patience` seconds."""
        if self._token is None:
            return
        end = time.monotonic() + patience
        while (now := time.monotonic()) < end:
            if self._heard_at > self._sent_at and now > self._heard_at + AFTERGLOW:
                return
            await asyncio.sleep(0.05)
        if self._heard_at < self._sent_at:
            tell(f"Nothing came back within {patience:.0f} s. Your message is kept; thanks and the like get no answer.")


def _pauses() -> Iterator[float]:
    pause = 0.25
    while True:
        pause = min(LONGEST_PAUSE, pause * 2)
        yield pause


def _timeout(read: float) -> httpx.Timeout:
    import httpx

    return httpx.Timeout(10.0, read=read)


def _reason(error: Exception) -> str:
    return str(error).strip() or type(error).__name__


def _told(answer: httpx.Response) -> str:
    """What the desk says is wrong."""
    with suppress(ValueError, KeyError, TypeError):
        return safe(str(answer.json()["error"]["message"]))
    return f"The desk refuses (status {answer.status_code})."


def _seconds(value: str | None) -> float:
    return float(value) if value is not None and value.isascii() and value.isdigit() and len(value) < 6 else 0.0


async def _lines() -> AsyncIterator[str]:
    """The lines of standard input, read by a thread that nobody has to wait for when we leave."""
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[str | None] = asyncio.Queue()

    def pass_on() -> None:
        with suppress(RuntimeError):  # the loop is gone: so are we
            for line in _typed():
                loop.call_soon_threadsafe(lines.put_nowait, line)
            loop.call_soon_threadsafe(lines.put_nowait, None)

    threading.Thread(target=pass_on, name="chat input", daemon=True).start()
    while (line := await lines.get()) is not None:
        yield line


def _typed() -> Iterator[str]:
    # Read without Python's buffer: its lock, held by a thread that waits for a key, would break our exit.
    rest = b""
    while part := os.read(sys.stdin.fileno(), 65536):
        *whole, rest = (rest + part).split(b"\n")
        for line in whole:
            yield line.decode("utf-8", "replace")
    if rest:
        yield rest.decode("utf-8", "replace")
