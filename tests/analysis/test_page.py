"""The page that reports runs: complete in itself, right in its numbers, and the same for every reader."""

import json
import re
import shlex
import shutil
import subprocess
from html import escape
from html.parser import HTMLParser
from itertools import pairwise

import brian2
import numpy as np
import pytest
from matplotlib.image import imsave
from sympy import exp, symbols

from brianff.analysis.mathematics import _by_rates, _read, expression, model_equations, rendered
from brianff.analysis.page import write_report
from brianff.equations import LIF, MIF, NeuronModel
from brianff.errors import CheckpointError, ConfigurationError
from brianff.protocols import Trainer, load_protocol
from brianff.storage.run_directory import RunDirectory

SMALL = [
    *("data.training_images=32", "network.layers.0.neurons=8", "learning.epochs=2", "engine.name=lanes"),
    *("evaluation.epoch_images=20", "evaluation.training_images=20"),
]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A trained run, the same with another seed and accuracy, and one with other settings and a hostile name."""
    parent = tmp_path_factory.mktemp("runs")
    target, brian2.prefs.codegen.target = brian2.prefs.codegen.target, "numpy"
    first = RunDirectory(parent / "first")
    summary = Trainer(load_protocol("msnn-digits", SMALL)).fit(first.path, progress=False)
    brian2.prefs.codegen.target = target
    first.write_summary(summary | {"test_accuracy": 0.90})
    of_another = {"ignore": shutil.ignore_patterns("checkpoint*")}  # which tell what they were made with
    second = RunDirectory(shutil.copytree(first.path, parent / "second", **of_another))
    second.write_config(first.read_config() | {"seed": 2})
    second.write_summary(summary | {"test_accuracy": 0.94})
    other = RunDirectory(shutil.copytree(first.path, parent / "other", **of_another))
    config = first.read_config()
    config["learning"]["batch"] = 7
    other.write_config(config | {"name": "<img src=x>"})
    other.write_summary(summary | {"test_accuracy": 0.5})
    return [first.path, second.path, other.path]


@pytest.fixture(scope="module")
def page(runs):
    imsave(runs[0] / "figures" / "goodness-layer-0.png", np.zeros((2, 2)))
    return write_report(runs, runs[0].parent / "pages" / "report.html")


class Reader(HTMLParser):
    """Collects tags that are open, addresses, and the text of table cells."""

    def __init__(self, text):
        super().__init__()
        self.open, self.addresses, self.cells = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.addresses += [value for name, value in attributes if name in ("src", "href", "xlink:href", "data")]
        if tag not in ("meta", "link", "img"):
            self.open.append(tag)
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in ("meta", "link", "img"):
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, text):
        if {"td", "th"} & set(self.open):
            self.cells[-1] += text.strip()


def test_a_page_is_whole_and_loads_nothing_from_elsewhere(page):
    reader = Reader(page.read_text(encoding="utf-8"))
    assert reader.open == []
    assert all(address.startswith(("#", "data:")) for address in reader.addresses)
    assert sum(address.startswith("data:image/png") for address in reader.addresses) == 1
    assert sum(address.startswith("data:image/svg") for address in reader.addresses) == 2  # a curve for each setup


def test_it_tells_results_with_their_interval_over_seeds(page):
    cells = Reader(page.read_text(encoding="utf-8")).cells
    row = cells[cells.index("test accuracy", cells.index("quantity")) :][:6]
    # mean of .90 and .94; t(1 degree, 97.5 %) = 12.7062 times the standard error of .02
    assert row == ["test accuracy", "2", "92.00 %", "± 25.41 %", "90.00 %", "94.00 %"]
    assert cells[cells.index("learning.batch") :][:3] == ["learning.batch", "32", "7"]


def test_names_of_users_are_text(page):
    text = page.read_text(encoding="utf-8")
    assert "<img src=x>" not in text
    assert "&lt;img src=x&gt;" in text


def test_the_command_to_repeat_is_that_of_the_same_protocol(page, runs):
    cells = Reader(page.read_text(encoding="utf-8")).cells
    commands = [after for before, after in pairwise(cells) if before == "to repeat"]
    program, train, name, *options = shlex.split(commands[1])
    assert (program, train) == ("brianff", "train")
    assert set(options[::2]) == {"--set"}
    made = load_protocol(name, options[1::2]).model_dump(mode="json")
    assert made == load_protocol("msnn-digits", [*SMALL, "seed=2"]).model_dump(mode="json")
    assert commands[2] == "brianff train config.toml"  # no named protocol has that name


@pytest.mark.parametrize("bad", ["nothing", "unfinished", "directory"])
def test_what_cannot_be_reported_is_told(bad, runs, tmp_path):
    shutil.copy(runs[0] / "config.toml", tmp_path / "config.toml")
    given, out, error = {
        "nothing": ([], tmp_path / "r.html", ConfigurationError),
        "unfinished": ([tmp_path], tmp_path / "r.html", CheckpointError),
        "directory": (runs[:1], tmp_path, ConfigurationError),
    }[bad]
    with pytest.raises(error):
        write_report(given, out)
    assert not (tmp_path / "r.html").exists()


def test_equations_of_memristors_are_written_by_their_rates():
    x, e, v, k, on, off, tau = symbols("x1 E1 v k v_on v_off tau", real=True)
    assert model_equations(MIF)[0].startswith(r"\frac{d\,v}{dt} = ")
    assert model_equations(MIF)[2].endswith(r"\frac{1 - x_{1}}{\tau \left(e^{\frac{E_{1} - v + v_{on}}{k}} + 1\right)}")
    written = _by_rates(_read(MIF.variables["x1"].expr.code).subs(_read("boltzmann"), exp(v / k)), x)
    values = {x: 0.3, e: 0.0, v: 0.08, k: 0.015, on: 0.11, off: 0.005, tau: 1e-4}
    # Kang et al.: ((1 - x) s((v - v_on)/k) - x s((v_off - v)/k)) / tau
    up, down = 1 / (1 + np.exp(2.0)), 1 / (1 + np.exp(5.0))
    assert float(written.subs(values)) == pytest.approx((0.7 * up - 0.3 * down) / 1e-4, rel=1e-12)


def test_formulas_are_drawn_without_a_font_and_others_shown_as_text():
    assert expression("log1p(activity**2)") == r"\log{\left(activity^{2} + 1 \right)}"
    drawn = rendered(expression("activity**2"))
    assert drawn.startswith('<svg role="img" aria-label="activity^{2}" fill="currentColor"')
    assert "<text" not in drawn
    assert rendered(r"\unknown{<}") == r"<code>\unknown{&lt;}</code>"
    assert len(model_equations(LIF)) >= 2
    own = NeuronModel("own", "dv/dt = I/C : volt\nactivity = v/mV : 1\nsensitivity = 1 : 1", {"C": 1 * brian2.pF})
    assert model_equations(own) == [r"\frac{d\,v}{dt} = \frac{I}{C}", r"activity = \frac{v}{mV}", "sensitivity = 1"]


LOOK = """<script>
const head = [...document.querySelectorAll("th button")].find(one => one.textContent === "test accuracy"); head.click();
const column = [...head.closest("tr").cells].indexOf(head.closest("th"));
const sorted = [...head.closest("table").tBodies[0].rows].map(row => row.cells[column].textContent);
const seen = {
  width: document.documentElement.scrollWidth, room: innerWidth, sorted, colour: getComputedStyle(document.body).color,
  images: [...document.images].map(one => one.naturalWidth),
  formulas: [...document.querySelectorAll(".formula > *")].map(one => one.getBoundingClientRect().height),
};
document.title = "SEEN" + JSON.stringify(seen) + "SEEN";
</script>"""


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("chromium"), reason="needs chromium")
def test_a_browser_shows_it_narrow_and_wide_in_light_and_dark(page, tmp_path):
    content = page.read_text(encoding="utf-8").replace("</body>", f"{LOOK}</body>")
    looked, colours = tmp_path / "looked.html", set()
    for width, scheme in ((1400, 1), (400, 1), (400, 0)):  # in a frame: windows are not as narrow
        frame = f'width="{width}" height="900" srcdoc="{escape(content)}"'
        looked.write_text(f'<iframe {frame} onload="document.title = this.contentDocument.title"></iframe>', "utf-8")
        command = [
            "chromium",
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--dump-dom",
            f"--window-size={width},900",
        ]
        command += ["--enable-logging=stderr", f"--blink-settings=preferredColorScheme={scheme}", looked.as_uri()]
        shown = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
        seen = json.loads(re.search("SEEN(.*?)SEEN", shown.stdout).group(1).replace("&amp;", "&"))
        assert "CONSOLE" not in shown.stderr
        assert seen["width"] <= seen["room"] == width
        assert seen["sorted"] == ["50.00 %", "90.00 %", "94.00 %"]
        assert min(seen["images"]) > 0
        assert min(seen["formulas"]) > 10
        colours.add(seen["colour"])
    assert len(colours) == 2
