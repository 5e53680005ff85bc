"""Pixels as a person sees them: upright, opaque, of any depth and colour space, and never black without a word."""

from __future__ import annotations

import itertools
import threading
import warnings
from dataclasses import dataclass

import numpy as np
import pytest
from PIL import Image, PngImagePlugin, features

from dna_deploy.data.decoding import decode, opened
from dna_deploy.data.rendering import Rendering, as_mode
from dna_deploy.errors import UsageError
from dna_deploy.spaces.shapes import FeatureMap
from tests.data.inputs import pictures

COLOUR, GREY = FeatureMap(3, 32, 32), FeatureMap(1, 32, 32)


@dataclass(frozen=True)
class Content:
    """A file that lies nowhere."""

    content: bytes

    def read_bytes(self) -> bytes:
        return self.content


def pixels(content: bytes, shape: FeatureMap = COLOUR, rendering: Rendering | None = None) -> np.ndarray:
    return decode(Content(content), shape, rendering).astype(int)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_images_are_turned_upright(kind: str, orientation: int) -> None:
    if kind == "AVIF" and not features.check("avif"):
        pytest.skip("this Pillow does not write AVIF")
    upright = pixels(pictures.encoded(pictures.HALVES))
    assert np.abs(pixels(pictures.turned(orientation, kind)) - upright).mean() < 6


def test_exif_that_cannot_be_read_leaves_a_sound_picture() -> None:
    content = pictures.encoded(Image.fromarray(pictures.HALVES), exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xffrubbish")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert np.array_equal(pixels(content), pixels(pictures.encoded(pictures.HALVES)))


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "palette-colour", "RGB", "L", "RGBA-webp"])
@pytest.mark.parametrize("shape", [COLOUR, GREY])
def test_transparent_places_show_the_background_and_not_what_lies_under_them(mode: str, shape: FeatureMap) -> None:
    content = pictures.see_through(mode)
    assert pixels(content, shape).min() == 255
    shown = pixels(content, shape, Rendering(background=(255, 0, 0)))
    assert [int(plane.mean()) for plane in shown] == ([255, 0, 0] if shape == COLOUR else [76])


def test_half_transparent_places_are_mixed_with_the_background() -> None:
    assert abs(pixels(pictures.encoded(Image.new("RGBA", (40, 40), (0, 0, 0, 128)))).mean() - 127) <= 1


@pytest.mark.parametrize(
    ("dtype", "lowest", "highest", "white"),
    [
        (np.uint16, 0, 255, 255), (np.uint16, 0, 1023, 255), (np.uint16, 0, 4095, 255), (np.uint16, 0, 65535, 255),
        (np.uint16, 0, 2048, 128), (np.int32, 0, 1_000_000, 255), (np.int32, -1000, 3000, 255), (np.float32, 0, 1, 255),
        (np.float32, 0, 0.5, 128), (np.float32, 0, 200, 200), (np.float32, -1, 1, 255), (np.float32, 0, 4095, 255),
    ],
)  # fmt: skip
def test_deep_images_keep_their_picture(dtype: type[np.generic], lowest: float, highest: float, white: int) -> None:
    plane = pixels(pictures.deep(dtype, highest, lowest), GREY)[0]
    assert plane[0, 0] == 0
    assert abs(plane[0, 31] - white) <= 1


def test_deep_images_of_one_set_share_one_scale() -> None:
    rendering = Rendering(integers=(0, 4095))
    assert pixels(pictures.deep(np.uint16, 1023), GREY, rendering).max() == 63


def test_values_that_are_no_numbers_are_refused_by_name() -> None:
    with pytest.raises(UsageError, match="NaN or infinite"):
        pixels(pictures.deep(np.float32, np.nan))


def test_colours_of_sixteen_bits_are_read_or_refused_but_never_black() -> None:
    assert abs(pixels(pictures.sixteen_bit_colour(32768)).mean() - 128) <= 1
    for value, alpha in itertools.product((255, 1023, 4095), (None, 65535)):
        with pytest.raises(UsageError, match="has 16 bits a channel and uses the lowest of them only"):
            pixels(pictures.sixteen_bit_colour(value, alpha))


def test_a_black_shape_of_sixteen_bits_that_its_alpha_draws_is_read() -> None:
    assert abs(pixels(pictures.sixteen_bit_colour(0, alpha=32768)).mean() - 127) <= 1


def test_lab_images_have_their_colours() -> None:
    assert np.abs(pixels(pictures.lab()) - pixels(pictures.encoded(pictures.HALVES))).mean() < 8


@pytest.mark.parametrize(
    ("mode", "source"),
    [("HSV", "RGB"), ("YCbCr", "RGB"), ("CMYK", "RGB"), ("LA", "L"), ("PA", "P"), ("RGBX", "RGB"), ("La", "LA"),
     ("RGBa", "RGBA"), ("I", "L"), ("F", "L")],
)  # fmt: skip
def test_every_mode_that_a_file_can_hold_is_converted(mode: str, source: str) -> None:
    image = Image.new("L", (16, 16), 200).convert(source).convert(mode)
    for wanted in (as_mode(image, "L", Rendering()), as_mode(image, "RGB", Rendering())):
        low, high = wanted.convert("L").getextrema()
        assert 195 <= low <= high <= 205


@pytest.mark.slow
def test_large_sound_images_load_and_bombs_are_refused_with_the_limit() -> None:
    large = Image.new("L", (9_500, 9_600), 90)
    for kind in ("PNG", "JPEG"):
        assert abs(pixels(pictures.encoded(large, kind), GREY).mean() - 90) <= 1
    bomb = pictures.encoded(Image.new("1", (20_000, 20_000)))
    with pytest.raises(UsageError, match="has 20000x20000 pixels, more than the limit of 250 megapixels"):
        pixels(bomb, GREY)
    with pytest.raises(ValueError, match="limit of 50 megapixels"), opened(pictures.encoded(large), 50):
        pass


def test_pillow_keeps_its_own_limit_and_nobody_elses_warnings_change() -> None:
    limit, filters = Image.MAX_IMAGE_PIXELS, list(warnings.filters)
    threads = [threading.Thread(target=pixels, args=(pictures.noise(number),)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert limit == Image.MAX_IMAGE_PIXELS
    assert filters == list(warnings.filters)


def test_long_texts_in_a_file_do_not_break_it() -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("history", "edited again " * 400_000, zip=True)
    info.add_itxt("xmp", "x" * 3_000_000, zip=True)
    content = pictures.encoded(Image.fromarray(pictures.HALVES), pnginfo=info)
    assert np.array_equal(pixels(content), pixels(pictures.encoded(pictures.HALVES)))


def test_palette_images_are_read_without_a_warning_of_the_library() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for mode in ("P", "palette-colour"):
            pixels(pictures.see_through(mode))


def test_rubbish_never_ends_in_anything_but_a_named_error() -> None:
    rng = np.random.default_rng(0)
    for kind in ("PNG", "JPEG", "GIF", "TIFF", "BMP", "WEBP", "PPM", "TGA"):
        whole = pictures.encoded(Image.fromarray(pictures.HALVES), kind)
        for _ in range(40):
            content = bytearray(whole)
            for place in rng.integers(0, len(content), 8):
                content[place] = rng.integers(0, 256)
            try:
                pixels(bytes(content[: rng.integers(1, len(content))]))
            except UsageError as error:
                assert "is no image" in error.message or "is broken" in error.message or "has " in error.message


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_where_the_lowest_value_is_white_it_is_shown_white(dtype: type[np.generic]) -> None:
    content = pictures.white_is_lowest(pictures.deep(dtype, 1 if dtype is np.float32 else np.iinfo(dtype).max))
    shown = pixels(content, GREY)
    assert (shown[0, :, 0].min(), shown[0, :, -1].max()) == (255, 0)
