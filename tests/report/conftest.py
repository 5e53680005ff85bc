"""One report for all tests that look at it, and a real browser that may reach no network."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dna_deploy.report.write import Written, write_report
from tests.report.story import write_calibrated_story, write_story

FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-default-apps", "--disable-sync", "--disable-dev-shm-usage", "--no-first-run", "--hide-scrollbars",
)  # fmt: skip


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """The report of a finished journey."""
    folder = tmp_path_factory.mktemp("report")
    return write_report([write_story(folder / "run")], folder / "report.html", folder / "pictures")


@pytest.fixture(scope="session")
def calibrated(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """The report of a journey whose ratings were calibrated."""
    folder = tmp_path_factory.mktemp("calibrated")
    return write_report([write_calibrated_story(folder / "run")], folder / "report.html")


@pytest.fixture(scope="session")
def page(written: Written) -> str:
    return written.html.read_text()


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Headless Chromium with a fresh profile."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (chromium and driver):
        pytest.skip("needs a browser: apt-get install chromium chromium-driver")
    webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium: pip install 'dna-deploy[dev]'")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('browser')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    chrome = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    try:
        yield Browser(chrome)
    finally:
        chrome.quit()


class Browser:
    """What the tests ask of a browser."""

    def __init__(self, chrome: Any) -> None:
        self.chrome = chrome

    def open(self, page: Path, *, width: int = 1200, dark: bool = False) -> None:
        """Opens a page at a width in a theme; earlier log entries are forgotten."""
        theme = {"features": [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]}
        self.chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", theme)
        metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self.chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        self.chrome.get_log("browser")
        self.chrome.get_log("performance")
        self.chrome.get(page.as_uri())

    def run(self, script: str, *arguments: object) -> Any:
        return self.chrome.execute_script(script, *arguments)

    def text(self, selector: str) -> str:
        return str(self.run("return document.querySelector(arguments[0]).innerText", selector))

    def press(self, selector: str, *keys: str) -> None:
        from selenium.webdriver.common.by import By

        self.chrome.find_element(By.CSS_SELECTOR, selector).send_keys(*keys)

    def console(self) -> list[str]:
        """What the page's console said since the page was opened."""
        return [entry["message"] for entry in self.chrome.get_log("browser")]

    def requests(self) -> list[str]:
        """Every address that was asked for since the page was opened."""
        messages = [json.loads(entry["message"])["message"] for entry in self.chrome.get_log("performance")]
        return [message["params"]["request"]["url"] for message in messages if message["method"] == "Network.requestWillBeSent"]
