"""The page in a real browser, opened from disk: it sorts, filters, compares, and reports no error."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from occset.benchmark.leaderboards import build
from occset.benchmark.leaderboards.tables import read_tables
from tests.benchmark import result_files
from tests.benchmark.result_files import AddControls, AddResult

webdriver = pytest.importorskip("selenium.webdriver")
from selenium.webdriver.chrome.service import Service  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.remote.webdriver import WebDriver  # noqa: E402
from selenium.webdriver.remote.webelement import WebElement  # noqa: E402
from selenium.webdriver.support.ui import Select  # noqa: E402

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = [
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="chromium and chromedriver are not installed"),
    pytest.mark.xdist_group("browser"),
]
add_result, add_controls = result_files.add_result, result_files.add_controls
add_masks = result_files.add_masks
HOSTILE = "<img src=x onerror=alert(1)>"
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-dev-shm-usage --window-size=1280,1600"
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebDriver]:
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in [*FLAGS.split(), f"--user-data-dir={tmp_path_factory.mktemp('profile')}"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def page(browser: WebDriver, tmp_path: Path, add_result: AddResult, add_controls: AddControls) -> Iterator[WebDriver]:
    """Two tables, a hostile name, a method without ID and one without a rank; asserts at the end that nothing was logged."""
    add_result("good", 0.8, given=[], pictures=4)
    add_result(HOSTILE, 0.6, seed=1, pictures=4)
    add_result("steady", 0.5, seed=2, arcface=None, id_missing="no ArcFace file was found", pictures=4)
    add_result("partial", 0.7, seed=3, samples=20)
    add_controls(pictures=4)
    add_result("good", 0.8, given=[], protocol="sunglasses", limit=24)
    site = build(tmp_path / "results", tmp_path / "site")["html"]
    browser.get(site.as_uri())
    yield browser
    assert browser.get_log("browser") == []


def section(page: WebDriver, protocol: str = "types") -> WebElement:
    """The table of a protocol; that of "types" has pictures."""
    return next(
        s
        for s in page.find_elements(By.CSS_SELECTOR, "section.table")
        if s.find_element(By.TAG_NAME, "h2").text.startswith(protocol)
    )


def methods(section: WebElement) -> list[str]:
    return [e.text for e in section.find_elements(By.CSS_SELECTOR, "tbody .name")]


def means(section: WebElement, metric: str) -> list[str]:
    return [e.text for e in section.find_elements(By.CSS_SELECTOR, f"tbody td[data-metric={metric}] .mean")]


def sort_by(section: WebElement, key: str) -> str | None:
    """Click a heading; returns the aria-sort of its column."""
    section.find_element(By.CSS_SELECTOR, f"[data-sort={key}]").click()
    return (
        section.find_element(By.CSS_SELECTOR, f"[data-sort={key}]")
        .find_element(By.XPATH, "..")
        .get_attribute("aria-sort")
    )


def test_sorts_by_clicking_a_heading(page: WebDriver) -> None:
    table = section(page)
    controls = ["truth", "input"]
    assert methods(table) == ["good", "partial", HOSTILE, "steady", *controls]
    assert sort_by(table, "l1") == "descending"
    assert methods(table) == ["steady", HOSTILE, "partial", "good", *controls[::-1]]
    assert sort_by(table, "ssim") == "descending", "the first click puts the best on top"
    assert methods(table) == ["good", "partial", HOSTILE, "steady", *controls]
    assert sort_by(table, "ssim") == "ascending"
    shown = [float(text) for text in means(table, "ssim")]
    assert shown[:4] == sorted(shown[:4])
    assert sort_by(table, "method") == "ascending"
    assert methods(table) == [HOSTILE, "good", "partial", "steady", "input", "truth"]
    assert len(table.find_elements(By.CSS_SELECTOR, "[aria-sort]")) == 1
    sort_by(table, "id")
    assert methods(table)[:4] == ["good", "partial", HOSTILE, "steady"], "no figure comes last"


def test_sorts_by_keyboard_and_keeps_the_focus(page: WebDriver) -> None:
    table = section(page)
    table.find_element(By.CSS_SELECTOR, "[data-sort=psnr]").send_keys(Keys.ENTER)
    assert page.switch_to.active_element.get_attribute("data-sort") == "psnr"
    page.switch_to.active_element.send_keys(Keys.ENTER)
    assert methods(table)[0] == "steady"


def test_filters_by_type_with_the_means_of_that_type(page: WebDriver, tmp_path: Path) -> None:
    table = section(page)
    expected = next(t for t in read_tables([tmp_path / "results"]) if t.about.protocol == "types")
    options = Select(table.find_element(By.CSS_SELECTOR, "[data-role=type]"))
    assert [o.text for o in options.options] == ["All types (24)", "hair (8)", "mask (8)", "sunglasses (8)"]
    before = means(table, "l1")
    options.select_by_value("hair")
    cells = {row.result.method: row.cells["hair"]["l1"] for row in expected.rows}
    assert means(table, "l1") == [f"{cells[m].mean:.4f}" for m in methods(table)]
    assert means(table, "l1") != before
    intervals = [e.text for e in table.find_elements(By.CSS_SELECTOR, "tbody td[data-metric=l1] .interval")]
    assert intervals == [f"{cells[m].low:.4f} to {cells[m].high:.4f}" for m in methods(table)]
    thumbs = table.find_elements(By.CSS_SELECTOR, ".thumbs button")
    assert [t.get_attribute("data-type") for t in thumbs if t.is_displayed()] == ["hair", "hair"]
    options.select_by_value("all")
    assert means(table, "l1") == before


def test_ranks_marks_and_reasons_are_shown(page: WebDriver) -> None:
    table = section(page)
    rows = {r.find_element(By.CSS_SELECTOR, ".name").text: r for r in table.find_elements(By.CSS_SELECTOR, "tbody tr")}
    ranks = {name: row.find_element(By.CSS_SELECTOR, ".rank").text for name, row in rows.items()}
    assert ranks == {"good": "1", HOSTILE: "2", "steady": "3", "partial": "–", "truth": "–", "input": "–"}  # noqa: RUF001
    pills = {name: [p.text for p in row.find_elements(By.CSS_SELECTOR, ".pill")] for name, row in rows.items()}
    assert pills["good"] == ["automatic"]
    assert pills[HOSTILE] == ["given the true mask"]
    assert pills["truth"] == ["control", "ceiling"]
    assert pills["input"] == ["control", "floor"]
    assert "no ArcFace file was found" in rows["steady"].find_element(By.CSS_SELECTOR, "[data-metric=id]").text
    assert "4 of 24 samples are not scored" in rows["partial"].text


def test_secondary_metrics_come_on_demand(page: WebDriver) -> None:
    table = section(page)
    assert not table.find_elements(By.CSS_SELECTOR, "[data-sort=whole_psnr]")
    table.find_element(By.CSS_SELECTOR, "[data-role=secondary]").click()
    assert len(means(table, "whole_psnr")) == 6
    assert table.find_elements(By.CSS_SELECTOR, "[data-sort=table1_01_psnr]")


def test_the_divider_moves_by_keyboard_and_mouse(page: WebDriver) -> None:
    table = section(page)
    stage = table.find_element(By.CSS_SELECTOR, ".stage")
    divider = stage.find_element(By.CSS_SELECTOR, ".divider")
    slider = stage.find_element(By.CSS_SELECTOR, "[data-role=divider]")

    def place() -> float:
        return round((divider.rect["x"] + divider.rect["width"] / 2 - stage.rect["x"]) / stage.rect["width"], 2)

    assert place() == 0.5
    slider.send_keys(Keys.ARROW_RIGHT * 10)
    assert place() == 0.6
    assert "40%" in stage.find_element(By.CSS_SELECTOR, "img.over").value_of_css_property("clip-path")
    slider.send_keys(Keys.HOME)
    assert place() == 0
    quarter = int(stage.rect["width"] * 0.25) - int(stage.rect["width"] / 2)
    webdriver.ActionChains(page).move_to_element_with_offset(slider, quarter, 0).click().perform()
    assert abs(place() - 0.25) < 0.03


def test_any_two_pictures_of_any_sample_can_be_compared(page: WebDriver) -> None:
    table = section(page)
    stage = table.find_element(By.CSS_SELECTOR, ".stage")
    left, right = (Select(table.find_element(By.CSS_SELECTOR, f"[data-role={side}]")) for side in ("left", "right"))
    assert [o.text for o in left.options] == ["Input", "Truth", "good", HOSTILE, "steady"]
    assert (left.first_selected_option.text, right.first_selected_option.text) == ("Input", "good")
    under = stage.find_element(By.CSS_SELECTOR, "img:not(.over)")
    before = under.get_attribute("src")
    right.select_by_visible_text(HOSTILE)
    assert under.get_attribute("src") != before
    assert stage.find_element(By.CSS_SELECTOR, ".caption.right").text == HOSTILE
    chosen = under.get_attribute("src")
    table.find_elements(By.CSS_SELECTOR, ".thumbs button")[2].click()
    assert right.first_selected_option.text == HOSTILE
    assert under.get_attribute("src") != chosen
    assert page.execute_script("return arguments[0].naturalWidth", under) == 32


def test_bars_for_each_type_follow_the_chosen_metric(page: WebDriver) -> None:
    table = section(page)
    heads = [h.text for h in table.find_elements(By.CSS_SELECTOR, ".panel h4")]
    assert heads == ["All types 24 samples", "hair 8 samples", "mask 8 samples", "sunglasses 8 samples"]
    panel = table.find_element(By.CSS_SELECTOR, ".panel")

    def widths() -> list[float]:
        return [bar.rect["width"] for bar in panel.find_elements(By.CSS_SELECTOR, ".fill")]

    assert widths() == sorted(widths()), "L1: the best is the shortest"
    Select(table.find_element(By.CSS_SELECTOR, "[data-role=bar-metric]")).select_by_value("ssim")
    panel = table.find_element(By.CSS_SELECTOR, ".panel")
    assert widths() == sorted(widths(), reverse=True)
    assert len(panel.find_elements(By.CSS_SELECTOR, ".mark.floor")) == 4
    assert "floor, the occluded input" in table.find_element(By.CSS_SELECTOR, ".legend").text


def test_a_hostile_name_is_text_everywhere(page: WebDriver) -> None:
    assert not page.find_elements(By.CSS_SELECTOR, "img[src=x]")
    for details in page.find_elements(By.TAG_NAME, "summary"):
        details.click()
    assert HOSTILE in [e.text for e in page.find_elements(By.TAG_NAME, "dt")]
    assert page.execute_script("return document.querySelectorAll('img:not([src^=\"data:\"])').length") == 0


def test_fits_a_phone(page: WebDriver, tmp_path: Path) -> None:
    page.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    )
    try:
        assert page.execute_script("return document.documentElement.scrollWidth") <= 390
        assert page.save_screenshot(str(tmp_path / "narrow.png"))
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_the_log_would_show_an_error(browser: WebDriver, tmp_path: Path) -> None:
    """So that the empty log of the other tests means something."""
    broken = tmp_path / "broken.html"
    broken.write_text("<script>throw new Error('seen')</script>")
    browser.get(broken.as_uri())
    assert any("seen" in entry["message"] for entry in browser.get_log("browser"))


def test_on_a_narrow_screen_a_shade_shows_that_the_table_goes_on(page: WebDriver) -> None:
    size = page.get_window_size()
    page.set_window_size(500, 900)
    try:
        scroll = section(page).find_element(By.CSS_SELECTOR, ".scroll")
        assert page.execute_script("return arguments[0].scrollWidth > arguments[0].clientWidth", scroll)
        layers = scroll.value_of_css_property("background-attachment")
        assert layers == "local, local, scroll, scroll", "two that move with the table cover two that stay"
    finally:
        page.set_window_size(size["width"], size["height"])


def test_a_table_of_segmentation_has_metrics_and_words_of_its_own(
    browser: WebDriver, tmp_path: Path, add_result: AddResult, add_controls: AddControls, add_masks: AddResult
) -> None:
    add_result("good", 0.8, given=[])
    add_controls()
    for name, quality in (("ns", 0.9), ("colour", 0.5)):
        add_masks(name, quality, given=[])
    add_masks("labels", 0.7, given=["face"])
    add_masks("truth", 1.0, given=["truth"], control=True)
    add_masks("all-face", 0.2, given=[], control=True)
    browser.get(build(tmp_path / "results", tmp_path / "site")["html"].as_uri())
    assert browser.title == "Face occlusion leaderboard"
    table = section(browser, "segmentation")
    assert methods(table) == ["ns", "labels", "colour", "truth", "all-face"], "best first"
    heads = [e.get_attribute("data-sort") for e in table.find_elements(By.CSS_SELECTOR, "thead [data-sort]")]
    assert heads == ["method", "iou", "precision", "recall", "boundary_f", "pooled_iou"]
    assert sort_by(table, "iou") == "ascending"
    assert methods(table)[:3] == ["colour", "labels", "ns"]
    table.find_element(By.CSS_SELECTOR, "[data-role=secondary]").click()
    assert len(means(table, "pooled_recall")) == 5
    pills = [p.text for p in table.find_elements(By.CSS_SELECTOR, "tr[data-method=labels] .pill")]
    assert pills == ["given the data set's own mask"]
    assert "floor, all pixels called face" in table.find_element(By.CSS_SELECTOR, ".legend").text
    assert methods(section(browser)) == ["good", "truth", "input"]
    browser.find_element(By.CSS_SELECTOR, "#conventions summary").click()
    heads = [h.text for h in browser.find_elements(By.CSS_SELECTOR, "#conventions h3")]
    assert heads == ["deocclusion", "segmentation"]
    assert browser.get_log("browser") == []
