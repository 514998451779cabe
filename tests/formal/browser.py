"""A headless Chromium, driven by chromedriver's HTTP protocol (W3C WebDriver), for the tests of pages.

Without either program the test fails in CI, and is skipped elsewhere.
"""

import base64
import json
import os
import shutil
import subprocess
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from attrs import frozen

FLAGS: Final = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--window-size=1100,1400",
)


@frozen
class Browser:
    """A session of the driver; ``url`` is its address."""

    url: str

    def ask(self, method: str, path: str, **body: Any) -> Any:
        """One command of the protocol, and its value."""
        return asked(method, f"{self.url}{path}", body)

    def open(self, page: Path) -> None:
        """Load a file."""
        self.ask("POST", "/url", url=page.as_uri())

    def run(self, script: str, *arguments: Any) -> Any:
        """Run a script in the page, and give what it returns. The page's own policy doesn't bind the driver."""
        return self.ask("POST", "/execute/sync", script=script, args=list(arguments))

    def element(self, css: str) -> str:
        """The address of the element that the selector finds."""
        found = self.ask("POST", "/element", using="css selector", value=css)
        return f"/element/{next(iter(found.values()))}"

    def click(self, css: str) -> None:
        """Click it, as a person would: it must be visible, and nothing may lie over it."""
        self.ask("POST", f"{self.element(css)}/click")

    def type(self, css: str, text: str) -> None:
        """Type into it."""
        self.ask("POST", f"{self.element(css)}/value", text=text)

    def command(self, name: str, **parameters: Any) -> Any:
        """One of Chromium's own commands."""
        return self.ask("POST", "/goog/cdp/execute", cmd=name, params=parameters)

    def screenshot(self) -> bytes:
        """What is to be seen, as PNG."""
        return base64.b64decode(self.ask("GET", "/screenshot"))


def asked(method: str, url: str, body: dict[str, Any]) -> Any:
    """One request to the driver; a refusal raises with what the driver says."""
    data = json.dumps(body).encode() if method == "POST" else None
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)  # noqa: S310
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=60) as answer:
            return json.load(answer)["value"]
    except urllib.error.HTTPError as error:
        raise AssertionError(error.read().decode()) from error


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser with an empty profile, gone in the end."""
    driver, chromium = shutil.which("chromedriver"), shutil.which("chromium")
    if driver is None or chromium is None:
        missing = "chromedriver" if driver is None else "chromium"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(
            f"no browser was started: {missing} is missing"
        )
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [driver, "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        try:
            with _session(_port(process), chromium, profile) as found:
                yield found
        finally:
            process.terminate()
            process.wait(timeout=20)
            assert process.stdout is not None
            process.stdout.close()


def _port(process: "subprocess.Popen[str]") -> int:
    """The port that the driver chose, which it prints once it listens there."""
    assert process.stdout is not None
    for line in process.stdout:
        _, found, port = line.partition("started successfully on port ")
        if found:
            return int(port.strip().rstrip("."))
    raise AssertionError("chromedriver ended before it listened")


@contextmanager
def _session(port: int, chromium: str, profile: str) -> Iterator[Browser]:
    root = f"http://127.0.0.1:{port}/session"
    options = {"binary": chromium, "args": [*FLAGS, f"--user-data-dir={profile}"]}
    wanted = {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
    started = asked("POST", root, {"capabilities": {"alwaysMatch": wanted}})
    found = Browser(f"{root}/{started['sessionId']}")
    try:
        yield found
    finally:
        found.ask("DELETE", "")
