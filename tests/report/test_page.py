"""The page is complete, names what is missing, needs no other files, and is safe for any names."""

from __future__ import annotations

import dataclasses
import json
import re
import shlex
import shutil
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from tests.conftest import Compose
from tests.report.conftest import STUDY

from lmreg.commands.report import report
from lmreg.config.identity import result_config
from lmreg.errors import LmregError
from lmreg.report.page import Report
from lmreg.report.provenance import reproducing_commands
from lmreg.report.sources import Sources
from lmreg.space.nasbench201 import NASBench201

VOID = {"meta", "link"}


class Page(HTMLParser):
    """A strict parser, which requires every element to be closed in order; collects attributes and text."""

    def __init__(self, text: str):
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.text = ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.text += data


def page_of(root: Path, composed: Compose, *overrides: str) -> str:
    report(composed("report", f"root={root}", *overrides), [])
    return (root / STUDY / "report" / "index.html").read_text()


@pytest.fixture(scope="module")
def evaluated_study(evaluated_study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy into which pages are written, since other processes read the shared study."""
    root = tmp_path_factory.mktemp("page") / "root"
    shutil.copytree(evaluated_study, root)
    return root


@pytest.fixture(scope="module")
def html(evaluated_study: Path, composed: Compose) -> str:
    return page_of(evaluated_study, composed)


def test_the_page_needs_nothing_from_elsewhere(html: str, evaluated_study: Path) -> None:
    page = Page(html)
    links = [value for tag, name, value in page.attributes if name in ("href", "src", "xlink:href")]
    files = {link for link in links if not link.startswith(("#", "data:,"))}
    assert files == {p.name for p in (evaluated_study / STUDY / "report").glob("*.csv")}
    assert not re.search(r"https?://|@import|url\(|<script|javascript:", html)
    ids = [value for _, name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    assert {link.removeprefix("#") for link in links if link.startswith("#")} <= set(ids)


def test_every_drawing_is_well_formed_and_described(html: str) -> None:
    drawings = re.findall(r"<svg.*?</svg>", html, flags=re.S)
    assert len(drawings) > 20
    for drawing in drawings:
        root = ElementTree.fromstring(drawing)
        assert root.get("aria-label") or root.get("aria-hidden") == "true"
        assert "nan" not in drawing.lower()


def test_the_page_shows_the_results_of_evaluate(html: str, evaluated_study: Path) -> None:
    text = Page(html).text
    paired = pd.read_csv(evaluated_study / STUDY / "evaluate" / "paired.csv")
    mine = paired[(paired["score"] == "loss") & (paired["seed"] == "mean") & (paired["against"] == "none")]
    assert len(mine) == 1
    for column in ("tau_without", "tau_with"):
        assert f"{mine[column].item():.3f}".replace("-", "−") in text
    assert f"{mine['gain'].item():+.3f}".replace("-", "−") in text
    metrics = pd.read_csv(evaluated_study / STUDY / "evaluate" / "metrics.csv")
    assert {str(n) for n in metrics["n"]} >= {"5"}
    for row in metrics.itertuples():
        assert str(row.label) in text
        if row.statistic == "kendall_tau" and np.isfinite(row.value):
            assert f"{row.value:.3f}".replace("-", "−") in text
    assert "5 held-out architectures" in text
    for label in ("spos none", "spos landmark"):  # every super-net is compared with a cheap ranking
        assert re.search(rf"{label}: τ by loss, .* \(best of 16 cheap rankings, chosen on this pool", text)
    assert "The best cheap rankings reach: " in text
    advice = pd.read_csv(evaluated_study / STUDY / "evaluate" / "recommended.csv")
    chosen = advice[advice["recommended"]].iloc[0]
    assert f"Kendall's τ on the pool is {chosen['kendall_tau']:.3f}".replace("-", "−") in text
    assert "Line: the ceiling, " in text
    assert html.count('class="ceiling"') >= 4 + 4  # a line in every row of runs and cheap rankings
    assert "means over 2 paired seeds" in text


def test_the_best_cells_are_drawn(html: str, evaluated_study: Path, space: NASBench201) -> None:
    for folder in (evaluated_study / STUDY / "search").iterdir():
        best = pd.read_csv(folder / "candidates.csv")["arch"][0]
        assert best in html
        (graph,) = space.graphs(space.parse(best))
        described = [f"{graph.nodes[a]} to {graph.nodes[b]}: {label}" for a, b, label in graph.edges]
        assert f'aria-label="cell: {", ".join(described)}"' in html


def test_the_tables_behind_it_hold_everything(evaluated: Path, composed: Compose) -> None:
    page_of(evaluated, composed)
    folder = evaluated / STUDY
    for name, source in (("statistics", "metrics"), ("gains", "paired"), ("baselines", "baselines")):
        mine, original = (folder / "report" / f"{name}.csv", folder / "evaluate" / f"{source}.csv")
        pd.testing.assert_frame_equal(pd.read_csv(mine), pd.read_csv(original), check_like=True)
    scores = pd.read_csv(folder / "report" / "scores.csv")
    for run, group in scores.groupby("run"):
        ranking = pd.read_csv(folder / "evaluate" / f"ranking-{run}.csv")
        assert group["arch"].tolist() == ranking["arch"].tolist()
        assert group["loss_nats"].tolist() == ranking["loss_nats"].tolist()
    assert len(pd.read_csv(folder / "report" / "best.csv")) == 4
    assert set(pd.read_csv(folder / "report" / "training.csv")["step"]) == {4, 8, 12}


def test_the_commands_make_the_same_runs(sources: Sources, composed: Compose) -> None:
    """Composing the search commands again gives exactly the configs of the runs."""
    lines = [shlex.split(line) for line in reproducing_commands(sources)]
    assert [line[1] for line in lines] == ["train-landmarks", "search", "search", "evaluate", "report"]
    wanted = [result_config(run.finished.cfg) for run in sources.runs]
    for config in wanted:
        config.pop("landmarks_hash", None)
    made = []
    for line in lines[1:3]:
        overrides = [part for part in line[2:] if part != "-m" and not part.startswith("seed=")]
        seeds = next(part for part in line if part.startswith("seed=")).removeprefix("seed=").split(",")
        made += [result_config(composed("search", *overrides, f"seed={seed}")) for seed in seeds]
    assert made == wanted
    landmarks = composed("train_landmarks", *lines[0][2:])
    assert result_config(landmarks)["landmarks"]["pool"] == 5
    assert landmarks.trainer.epochs == 0.1


def test_differences_between_the_runs_come_first(html: str) -> None:
    before, _, after = Page(html).text.partition("Configuration that all runs share")
    assert "reg.weight" in before
    assert "momentum: 0.9" in after
    assert "reg.weight" not in after


OPTIONAL = {
    "paired.csv": ("No paired gains", "Nothing to compare yet"),
    "baselines.csv": ("No baselines", "evaluate/baselines.csv does not exist"),
    "ranking-*.csv": ("Left out: there is no evaluate/ranking-<run>.csv",),
}


@pytest.mark.parametrize("missing", OPTIONAL)
def test_a_missing_file_leaves_its_part_out_with_a_note(
    missing: str, html: str, evaluated: Path, composed: Compose
) -> None:
    whole, folder = Page(html).text, evaluated / STUDY / "report"
    assert len(list(folder.glob("*.csv"))) > 5  # the tables of the complete evaluation
    for path in (evaluated / STUDY / "evaluate").glob(missing):
        path.unlink()
    text = Page(page_of(evaluated, composed)).text
    for note in OPTIONAL[missing]:
        assert note in text
        assert note not in whole
    # Tables of an earlier report that the page no longer shows are removed.
    written = {p.name for p in folder.glob("*.csv")}
    gone = {"paired.csv": "gains.csv", "ranking-*.csv": "scores.csv"}.get(missing, missing)
    assert gone not in written


def test_runs_without_training_metrics_are_shown(evaluated: Path, composed: Compose) -> None:
    for path in [*evaluated.glob("*/search/*/metrics.csv"), *evaluated.glob("*/search/*/tracking.csv")]:
        path.unlink()
    assert "Left out: the runs have no metrics.csv" in Page(page_of(evaluated, composed)).text


def test_tau_over_training_is_drawn_where_it_was_tracked(evaluated: Path, composed: Compose) -> None:
    for folder in (evaluated / STUDY / "search").iterdir():
        rows = [
            {"step": s, "epoch": s / 125, "set": role, "score": "loss", "kendall_tau": s / 40, "n": n}
            for s in (4, 8, 12)
            for role, n in (("landmarks", 4), ("pool", 5))
        ]
        pd.DataFrame(rows).to_csv(folder / "tracking.csv", index=False)
    html = page_of(evaluated, composed)
    assert "τ-b on the held-out pool" in html
    assert "τ-b on the landmarks" in html
    figure = html[html.index("τ-b on the held-out pool") :]
    assert figure[: figure.index("</svg>")].count('class="line') == 4  # one per run
    assert len(pd.read_csv(evaluated / STUDY / "report" / "tracking.csv")) == 24


def test_what_is_not_shown_is_named(evaluated: Path, composed: Compose) -> None:
    search, evaluate = evaluated / STUDY / "search", evaluated / STUDY / "evaluate"
    names = sorted(p.name for p in search.iterdir())
    (search / names[0] / "result.json").unlink()
    shutil.rmtree(search / names[1])
    metrics = pd.read_csv(evaluate / "metrics.csv")
    metrics[metrics["run"] != names[2]].to_csv(evaluate / "metrics.csv", index=False)
    text = Page(page_of(evaluated, composed)).text
    assert f"Started but not finished, so not shown: {names[0]}." in text
    assert f"no longer exists, so not shown: {names[0]}, {names[1]}." in text
    assert f"Finished but not evaluated, so not shown: {names[2]}. Run lmreg evaluate." in text
    # Evaluating again would not help a run on other images, so the page doesn't suggest it.
    path = search / names[2] / "result.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"data_hash": "x"}))
    text = Page(page_of(evaluated, composed)).text
    assert "Finished but not evaluated" not in text
    assert (
        f"Trained on other data or other splits than the landmarks and the pool, so not shown: {names[2]}."
        in text
    )


def spoil(evaluate: Path, how: str) -> None:
    metrics = evaluate / "metrics.csv"
    if how == "none":
        shutil.rmtree(evaluate)
    elif how == "older":
        pd.read_csv(metrics).drop(columns="statistic").to_csv(metrics, index=False)
    elif how == "empty":
        metrics.write_text("")
    else:
        (evaluate / "paired.csv").write_text("comparison,score\na,b\n")


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("none", "no evaluation in .*'lmreg evaluate' makes it"),
        ("older", "has no column 'statistic'.*'lmreg evaluate' writes it again"),
        ("empty", "is not a CSV table.*'lmreg evaluate' writes it again"),
        ("paired", "paired.csv has no column"),
    ],
)
def test_an_unusable_evaluation_is_refused_in_one_line(
    how: str, message: str, evaluated: Path, composed: Compose
) -> None:
    spoil(evaluated / STUDY / "evaluate", how)
    shutil.rmtree(evaluated / STUDY / "report", ignore_errors=True)
    with pytest.raises(LmregError, match=message) as error:
        page_of(evaluated, composed)
    assert "\n" not in str(error.value)
    assert not (evaluated / STUDY / "report" / "index.html").exists()


def test_the_leading_score_can_be_chosen(evaluated: Path, composed: Compose) -> None:
    assert "by accuracy" in Page(page_of(evaluated, composed, "score=accuracy")).text.split("Table 1")[0]
    with pytest.raises(LmregError, match="score=acuracy; did you mean 'accuracy'"):
        page_of(evaluated, composed, "score=acuracy")


def test_names_cannot_become_markup(evaluated: Path, composed: Compose) -> None:
    evil = """<script>alert('1')</script>"&amp;"""
    study = "a<b>&c\"d'e"
    (evaluated / STUDY).rename(evaluated / study)
    evaluate = evaluated / study / "evaluate"
    metrics = pd.read_csv(evaluate / "metrics.csv").assign(label=evil)
    metrics.to_csv(evaluate / "metrics.csv", index=False)
    paired = pd.read_csv(evaluate / "paired.csv").assign(comparison=evil)
    paired.to_csv(evaluate / "paired.csv", index=False)
    config = composed("report", f"root={evaluated}")
    config.study, config.title = study, "<img src=x onerror=alert(1)>"
    report(config, [])
    html = (evaluated / study / "report" / "index.html").read_text()
    assert "<script" not in html
    assert "<img" not in html
    page = Page(html)
    assert {name for _, name, _ in page.attributes if name.startswith("on")} == set()
    for name in (evil, study, "<img src=x onerror=alert(1)>"):
        assert name in page.text  # shown unchanged


def test_twenty_runs_of_a_thousand_architectures_stay_small(sources: Sources, tmp_path: Path) -> None:
    rng, run = np.random.default_rng(0), sources.runs[0]
    assert run.ranking is not None
    assert run.training is not None
    truth, rows = f"truth_{sources.truth.pool.column}", 1000
    many = []
    for _ in range(20):
        scores = {"loss_nats": rng.normal(size=rows), "accuracy_percent": rng.normal(size=rows)}
        ranking = pd.DataFrame({"arch": run.ranking["arch"][0], truth: rng.normal(size=rows), **scores})
        steps = np.arange(2000)
        figures = {c: rng.normal(size=2000) for c in ("train_loss_nats", "violated_share", "reg_weight")}
        training = pd.DataFrame({"step": steps, "epoch": steps / 100, **figures})
        many.append(dataclasses.replace(run, ranking=ranking, training=training))
    large = dataclasses.replace(sources, runs=many, pairs=list(zip(many[::2], many[1::2], strict=True)))
    page, *_ = Report(large).write(tmp_path)
    assert page.read_text().count('class="dots') == 20 * 2 * 4  # runs, scores, layers
    assert page.stat().st_size < 2_000_000
