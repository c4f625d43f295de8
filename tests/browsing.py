"""A real browser, a server for it, and the accessibility rules run in it."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from werkzeug.serving import WSGIRequestHandler, make_server

from lookup.bureau import Bureau
from tests.public_cases import site_of

ROOT = Path(__file__).resolve().parent.parent
CHROMIUM = Path(os.environ.get("CHROMIUM_PATH", "/usr/bin/chromium"))
AXE = Path(os.environ.get("AXE_PATH", ROOT / "node_modules/axe-core/axe.min.js"))
# Of a scheme nothing but colours depends.
AXE_RULES = {
    "light": {
        "rules": {"color-contrast-enhanced": {"enabled": True}, "target-size": {"enabled": True}},
        "resultTypes": ["violations"],
    },
    "dark": {
        "runOnly": {"type": "rule", "values": ["color-contrast", "color-contrast-enhanced"]},
        "resultTypes": ["violations"],
    },
}


class _Silent(WSGIRequestHandler):
    def log(self, *_: Any) -> None:
        """Keep quiet."""


@contextmanager
def serve(bureau: Bureau, threaded: bool = True) -> Iterator[str]:
    """Serve a bureau's pages, several at a time if ``threaded``; the address."""
    app = site_of(bureau)
    server = make_server("127.0.0.1", 0, app, threaded=threaded, request_handler=_Silent)

    def work() -> None:
        server.serve_forever()
        bureau.db.close()

    thread = threading.Thread(target=work)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()


@contextmanager
def launch() -> Iterator[Browser]:
    """A browser without a window."""
    if not CHROMIUM.exists():
        pytest.skip(f"no Chromium at {CHROMIUM}")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM)
        yield launched
        launched.close()


def axe_faults(page: Page) -> list[str]:
    """What the accessibility rules find on a page, in the light and in the dark scheme."""
    if not AXE.exists():
        pytest.skip(f"no axe-core at {AXE}")
    page.evaluate(AXE.read_text("utf-8"))
    faults = []
    for scheme, rules in AXE_RULES.items():
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        found = page.evaluate("rules => axe.run(document, rules)", rules)
        faults += [f"{scheme}: {_said(one)}" for one in found["violations"]]
    return faults


def _said(violation: Any) -> str:
    nodes = (node["html"] + " " + node["failureSummary"] for node in violation["nodes"])
    return f"{violation['id']}: {' | '.join(nodes)}"
