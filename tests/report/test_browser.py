"""The page in a real browser: the slider by keyboard, number and pointer; no errors, no network; every width and theme."""

from __future__ import annotations

import math
import re

import pytest

from dna_deploy.report.write import Written
from dna_deploy.spaces.catalog import find_chain
from tests.report.conftest import Browser
from tests.report.story import calibrated_outcome_of, outcome_of

SLIDER, NUMBER, TILES = "#budget-slider", "#budget-number", "#budget-tiles"


def numbers(browser: Browser) -> dict[str, str]:
    pairs = browser.run(
        "return [...document.querySelectorAll('#budget-tiles > div')].map((tile) => tile.innerText.split('\\n'))"
    )
    return dict(pairs)


def milliseconds(text: str) -> float:
    return float(text.removesuffix(" ms"))


@pytest.mark.slow
def test_the_page_starts_with_the_answer_of_the_search(browser: Browser, written: Written) -> None:
    browser.open(written.html)
    best = outcome_of(find_chain("fashion").with_head()).best
    shown = numbers(browser)
    assert math.isclose(milliseconds(shown["predicted"]), best.targets[0].latency_s * 1e3, abs_tol=5e-4)
    assert math.isclose(float(shown["rating"]), best.rating, abs_tol=5e-4)
    blocks = browser.text("#budget-blocks tbody")
    assert [f"{choice.replace(':', ': ').replace(',', ' ')}" in blocks for choice in best.architecture.split("/")] == [True] * 3


@pytest.mark.slow
def test_arrow_keys_go_to_the_next_network_and_everything_follows(browser: Browser, written: Written) -> None:
    browser.open(written.html)
    points = outcome_of(find_chain("fashion").with_head()).front.points
    browser.press(SLIDER, "\ue011")  # Home
    first = numbers(browser)
    assert first["network"] == f"1 of {len(points)}"
    assert browser.text("#budget-flips").startswith("This is the fastest network")
    browser.press(SLIDER, "\ue014")  # right arrow
    second = numbers(browser)
    assert second["network"] == f"2 of {len(points)}"
    assert math.isclose(milliseconds(second["predicted"]), points[1].costs[0] * 1e3, abs_tol=5e-4)
    assert math.isclose(float(second["rating"]), points[1].rating, abs_tol=5e-4)
    flips = [number for number, (old, new) in enumerate(zip(points[0].architecture.split("/"), points[1].architecture.split("/"), strict=True), 1) if old != new]  # fmt: skip  # noqa: E501
    said = browser.text("#budget-flips").split(".")[2]
    assert [int(number) for number in re.findall(r"block (\d)", browser.text("#budget-flips"))] == flips, said
    browser.press(SLIDER, "\ue010")  # End
    assert numbers(browser)["network"] == f"{len(points)} of {len(points)}"
    assert "No network of the space rates better" in browser.text("#budget-flips")


@pytest.mark.slow
def test_calibrated_ratings_are_told_as_accuracies_in_points(browser: Browser, calibrated: Written) -> None:
    browser.open(calibrated.html)
    points = calibrated_outcome_of(find_chain("fashion").with_head()).front.points
    browser.press(SLIDER, "\ue011", "\ue014")  # Home, right arrow
    accuracy, spread = numbers(browser)["predicted accuracy"].split(" ± ")
    assert math.isclose(float(accuracy), 100 - points[1].rating, abs_tol=6e-3)
    assert 0 < float(spread.removesuffix(" %")) < 10
    gained = re.search(r"rates ([\d.]+) points better", browser.text("#budget-flips"))
    assert gained is not None
    assert math.isclose(float(gained[1]), points[0].rating - points[1].rating, abs_tol=6e-3)
    assert f"predicted accuracy {accuracy} %" in browser.run(
        "return document.querySelector('#budget-slider').getAttribute('aria-valuetext')"
    )
    assert browser.console() == []


@pytest.mark.slow
def test_a_screen_reader_hears_the_network_of_every_position(browser: Browser, written: Written) -> None:
    browser.open(written.html)
    browser.press(SLIDER, "\ue011", "\ue014")
    heard = browser.run("return document.querySelector('#budget-slider').getAttribute('aria-valuetext')")
    shown = numbers(browser)
    assert all(shown[name] in heard for name in ("predicted", "rating", "parameters"))
    assert "flip" in heard


@pytest.mark.slow
def test_a_typed_budget_buys_the_best_network_within_it(browser: Browser, written: Written) -> None:
    browser.open(written.html)
    points = outcome_of(find_chain("fashion").with_head()).front.points
    browser.run("const n = document.querySelector('#budget-number'); n.value = '0.400'; n.dispatchEvent(new Event('input'))")
    best = max(index for index, point in enumerate(points) if point.costs[0] <= 0.4e-3)
    assert numbers(browser)["network"] == f"{best + 1} of {len(points)}"
    assert numbers(browser)["budget"] == "0.400 ms"


@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1200])
def test_a_click_into_the_plot_puts_budget_cursor_and_thumb_there(browser: Browser, written: Written, width: int) -> None:
    browser.open(written.html, width=width)
    places = browser.run(
        """
        const picture = [...document.querySelectorAll(".explorer svg")].find((one) => getComputedStyle(one).display !== "none");
        const box = picture.getBoundingClientRect();
        const at = box.left + box.width * 0.75;
        picture.dispatchEvent(new MouseEvent("click", {clientX: at, clientY: box.top + box.height / 3, bubbles: true}));
        const line = picture.querySelector('[data-role="cursor-line"]').getBoundingClientRect();
        const slider = document.querySelector("#budget-slider");
        const track = slider.getBoundingClientRect();
        const share = (slider.value - slider.min) / (slider.max - slider.min);
        return {at, line: line.left + line.width / 2, thumb: track.left + 8 + share * (track.width - 16)};
        """
    )
    assert abs(places["line"] - places["at"]) < 2
    assert abs(places["thumb"] - places["at"]) < 2


@pytest.mark.slow
@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [320, 390, 1200])
def test_no_errors_no_network_no_sideways_scrolling(browser: Browser, written: Written, width: int, dark: bool) -> None:
    browser.open(written.html, width=width, dark=dark)
    browser.press(SLIDER, "\ue014", "\ue00e")
    assert browser.console() == []
    assert {address for address in browser.requests() if not address.startswith("data:")} == {written.html.as_uri()}
    assert browser.run("return document.documentElement.scrollWidth") == width
    shown = browser.run("return [...document.querySelectorAll('figure svg')].map((one) => getComputedStyle(one).display)")
    assert sorted(set(shown)) == ["block", "none"]
    assert shown.count("block") == shown.count("none") == len(written.pictures)


@pytest.mark.slow
@pytest.mark.parametrize("dark", [False, True])
def test_all_text_has_enough_contrast(browser: Browser, written: Written, dark: bool) -> None:
    """WCAG 2.2 success criterion 1.4.3: at least 4.5 to 1."""
    browser.open(written.html, dark=dark)
    worst = browser.run(
        """
        const channel = (value) => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
        const parse = (colour) => colour.match(/[\\d.]+/g).map(Number);
        const luminance = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
        const ground = (element) => {
          for (; element; element = element.parentElement) {
            const colour = parse(getComputedStyle(element).backgroundColor);
            if (colour.length < 4 || colour[3] > 0) return colour;
          }
          return [255, 255, 255];
        };
        const contrast = (element) => {
          const style = getComputedStyle(element);
          const [one, two] = [luminance(parse(element.ownerSVGElement ? style.fill : style.color)), luminance(ground(element))];
          return (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
        };
        const own = (element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
        return [...document.querySelectorAll("body *")]
          .filter((element) => own(element) && element.checkVisibility() && !["SCRIPT", "STYLE", "TITLE", "DESC", "title", "desc"].includes(element.tagName))
          .map((element) => [contrast(element), element.tagName, element.textContent.trim().slice(0, 40)])
          .sort((one, two) => one[0] - two[0])[0];
        """  # noqa: E501
    )
    assert worst[0] >= 4.5, worst


@pytest.mark.slow
def test_everything_that_can_be_operated_or_seen_has_a_name(browser: Browser, written: Written) -> None:
    """By the browser's own accessibility tree: what assistive technology is given."""
    browser.open(written.html)
    nodes = browser.chrome.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    found = [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in nodes if not node.get("ignored")]
    named = {"image", "slider", "spinbutton", "link", "region", "navigation", "complementary", "heading", "img"}
    assert [role for role, name in found if role in named and not name] == []
    roles = [role for role, _ in found]
    assert roles.count("slider") == 1
    assert sum(role in ("image", "img") for role in roles) == len(written.pictures)


@pytest.mark.slow
def test_ids_are_unique_and_every_reference_has_its_target(browser: Browser, written: Written) -> None:
    browser.open(written.html)
    ids = browser.run("return [...document.querySelectorAll('[id]')].map((one) => one.id)")
    assert len(ids) == len(set(ids))
    links = browser.run(
        "return [...document.querySelectorAll('[href^=\"#\"]')].map((one) => one.getAttribute('href').slice(1))"
    )
    described = browser.run("return [...document.querySelectorAll('[aria-labelledby]')].flatMap((one) => one.getAttribute('aria-labelledby').split(' '))")  # fmt: skip  # noqa: E501
    assert {*links, *described} <= set(ids)


@pytest.mark.slow
def test_printed_pages_hold_the_plots_and_no_controls(browser: Browser, written: Written) -> None:
    browser.open(written.html)
    browser.chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    hidden = browser.run("return ['nav', '.budget'].map((one) => getComputedStyle(document.querySelector(one)).display)")
    wide = browser.run("return getComputedStyle(document.querySelector('svg.wide')).display")
    browser.chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert hidden == ["none", "none"]
    assert wide == "block"
