"""Scores with images for the tests of the HTML page, and the page taken apart."""

import itertools
import json
from html.parser import HTMLParser

import cv2
import numpy as np
from score_frames import frame, run

import reports
from reports.evidence import Evidence

VOID = {"meta", "img", "input", "br", "link"}
METHODS = {"bicubic": 4.0, "ike": 1.0, "my_own": 2.0}  # name -> how much it blurs
LEVEL = {"a": 20.0, "b": 30.0, "c": 25.0}  # of the PSNR of an image


def scores_of_three(**changes):
    """Three images, two kinds, three methods."""
    cells = itertools.product(LEVEL, ("median", "random"), METHODS)
    shift = {"shift_y": 0.5, "shift_x": -0.25, "psnr_registered": 30.0}
    rows = [run(m, LEVEL[i] - METHODS[m], i, kind=k, **shift | changes) for i, k, m in cells]
    return frame(*rows)


def photo(name, height=192, width=320):
    """Noise of several sizes, with all of the fine one, which is gray, in the lower right corner."""
    random = np.random.default_rng(len(name) + ord(name[0]))
    coarse = cv2.resize(random.uniform(60, 190, (height // 32, width // 32, 3)), (width, height))
    coarse[height // 2 :, width // 2 :] += random.normal(0, 40, (height - height // 2, width - width // 2, 1))
    return np.clip(coarse, 0, 255).astype(np.uint8)


def load(score, which):
    hr = photo(score["image"])
    if which == "hr":
        return hr
    if which == "lr":
        return cv2.resize(hr, None, fx=1 / score["scale"], fy=1 / score["scale"], interpolation=cv2.INTER_AREA)
    return cv2.GaussianBlur(hr, (0, 0), METHODS[score["method"]])


def page(folder, scores=None, load=load):
    """Write the page of scores; gives its path."""
    scores = scores_of_three() if scores is None else scores
    path, *_ = reports.write_report(scores, folder, formats=["html"], evidence=Evidence(load=load))
    return path


class Parsed(HTMLParser):
    """Tags of a page with their attributes, and texts by the tag around them; fails where tags do not close."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts, self._open = [], [], []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if self._open:
            self.texts.append((self._open[-1], data))

    def all(self, tag, **attributes):
        return [
            found
            for name, found in self.tags
            if name == tag and all(found.get(key.rstrip("_")) == value for key, value in attributes.items())
        ]

    def inside(self, tag):
        return [text for name, text in self.texts if name == tag]


def data_of(text):
    """The scores inside a page."""
    return json.loads(text.split('id="data">')[1].split("</script>")[0])
