"""The site's sources: nothing is left out, formulas and cards are those of the project, links are checked."""

import re
from pathlib import Path

import pytest

from docs.site import api, cards, links, results_index, stage

ROOT = Path(__file__).parents[2]
FIGURES = ROOT / "figures"


def test_every_page_of_the_project_is_shown():
    shown = stage.pages()
    wanted = {
        str(path.relative_to(ROOT)) for folder in ("docs", "theory/pages") for path in (ROOT / folder).rglob("*.md")
    }
    own = {name for name in wanted if name.startswith("docs/site/")}
    assert wanted - own <= set(shown)
    assert {"index.md", "docs/start.md", "docs/how_to.md", "docs/about.md", "README.md", "CHANGELOG.md"} <= set(shown)


def test_every_page_stands_in_a_table_of_contents():
    shown = {name.removesuffix(".md") for name in stage.pages() if name.endswith(".md")}
    listed = {"index", "docs/api/index", "docs/gallery/index", "docs/results/index"}
    below = stage.contents(stage.pages())
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "site" / "pages").glob("*.md")]
    for text in [*texts, *below.values(), results_index.results_page(ROOT)]:
        for part in re.findall(r"```\{toctree\}(.*?)```", text, re.DOTALL):
            for line in part.strip().splitlines():
                if line and not line.startswith(":"):
                    listed.add(line.lstrip("/") if line.startswith("/") else f"docs/{line}")
    assert shown - {name.removesuffix(".md") for name in stage.ORPHAN} <= listed


def test_anchors_become_targets_and_numbers_in_tables_stay_together():
    text = '<a id="a-label"></a>\n\n## Title\n\n| 1.0 ± 0.1 | [2, 3] |\n\n1.0 ± 0.1 and [2, 3]\n'
    staged = stage.staged_text(text)
    assert staged.startswith("(a-label)=\n")
    assert "| 1.0\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}0.1 | [2,\N{NO-BREAK SPACE}3] |" in staged
    assert staged.endswith("1.0 ± 0.1 and [2, 3]\n")


def test_an_unchanged_page_is_not_written_again(tmp_path):
    page = tmp_path / "page.md"
    stage.write(page, "text")
    before = page.stat().st_mtime_ns
    stage.write(page, "text")
    assert page.stat().st_mtime_ns == before
    stage.write(page, "other")
    assert page.read_text(encoding="utf-8") == "other"


def test_the_reference_has_every_public_name_once():
    import slt_toys

    names = [name for group in api.grouped().values() for name in group]
    assert sorted(names) == sorted(slt_toys.__all__)
    assert api.configuration("phase_diagram") == "PhaseDiagram"
    assert "   PhaseDiagram\n" in api.api_pages()["docs/api/index.md"]


def test_a_name_that_left_the_public_api_is_said(monkeypatch):
    monkeypatch.setitem(api.GROUPS, "Energies", "Potential NoSuchName")
    with pytest.raises(ValueError, match="NoSuchName"):
        api.grouped()


def test_results_count_every_claim():
    for name, record in results_index.records(ROOT).items():
        counts = results_index.counted(record)
        assert sum(counts.values()) == len(record["claims"]), name
    page = results_index.results_page(ROOT)
    assert set(re.findall(r"\]\((\w+)\.md\)", page)) == {path.stem for path in (ROOT / "docs" / "results").glob("*.md")}
    recorded = {
        path.stem for path in (ROOT / "docs" / "results").glob("*.md") if (FIGURES / f"{path.stem}.json").is_file()
    }
    assert set(re.findall(r"^\| \[.*\]\((\w+)\.md\)", page, re.MULTILINE)) == recorded


def test_every_experiment_and_model_has_a_card_with_what_a_card_has():
    shown = results_index.records(ROOT)
    for name, record in shown.items():
        if not (ROOT / "docs" / "results" / f"{name}.md").is_file():
            continue
        text = cards.record_card(ROOT, name, record, cards._labels(name))
        assert f"link: /docs/results/{name}" in text
        assert f"</figures/{name}.json>" in text
        assert re.search(r"`python -m [\w.]+", text), f"{name} has no command"
        assert re.search(r"\d+(\.\d)? (s|min|h) ·", text), f"{name} does not say how long it took"
        assert not record["figures"] or f"(/figures/{record['figures'][0]}.png)" in text
        assert name == "zoo" or "$$" in text, f"{name} has no formula; give it a label in docs/site/cards.py"


def test_labels_of_cards_are_equations():
    assert set(cards.EQUATIONS.values()) <= set(cards.equations(ROOT))


def test_formulas_of_cards_are_those_of_the_pages():
    page, formula = cards.equations(ROOT)["sgd-temperature"]
    assert page == "theory/pages/sgd.md"
    text = (ROOT / page).read_text(encoding="utf-8")
    assert formula in " ".join(text[text.index('id="sgd-temperature"') :].split())


def test_every_potential_has_its_formula():
    from slt_toys.potentials.catalogue import catalogue

    shown = {name: cards.formula(potential) for name, potential in catalogue().items()}
    assert shown["curve_against_point"].startswith("L = ") and shown["flat_topped_barrier"].startswith("L' = ")
    assert shown["barrier_spectrum"] == r"L = \sum_j \mathrm{height}_j\, (- \mathrm{tilt}\, w_j + (w_j^{2} - 1)^{2})"
    assert shown["flat_directions"] == "L = w_{1}^{2} + w_{2}^{2}"
    assert all(4 < len(text) < 110 for text in shown.values())


def test_potentials_are_drawn_with_their_values(tmp_path):
    from slt_toys.potentials.catalogue import find_potential

    for name in ("regular_double_well", "normal_crossing", "flat_directions"):
        potential = find_potential(name)
        text = cards.potential_card(name, potential, tmp_path)
        assert (tmp_path / f"docs/gallery_data/{name}.png").read_bytes()[:4] == b"\x89PNG"
        rows = (tmp_path / f"docs/gallery_data/{name}.csv").read_text(encoding="utf-8").splitlines()
        *place, energy = (float(x) for x in rows[len(rows) // 3].split(","))
        rest = [float(x) for x in potential.phases[0].minimum][len(place) :]
        assert energy == pytest.approx(float(potential.energy_function()([place + rest])[0]), abs=1e-4)
        assert "λ = " in text


def test_links_that_lead_nowhere_are_found(tmp_path):
    (tmp_path / "a.html").write_text(
        '<a href="b.html#here">1</a><a href="b.html#gone">2</a><a href="c.html">3</a><img src="d.png">'
        '<a href="#top">4</a><h1 id="top"></h1><a href="https://example.org/x">5</a>',
        encoding="utf-8",
    )
    (tmp_path / "b.html").write_text('<p id="here"></p><a href="a.html">back</a>', encoding="utf-8")
    assert links.broken_links(tmp_path) == ["a.html: b.html#gone", "a.html: c.html", "a.html: d.png"]


def test_pages_load_nothing_from_other_hosts(tmp_path):
    (tmp_path / "a.html").write_text(
        '<a href="https://example.org/x">1</a><script src="https://example.org/x.js"></script>'
        '<link rel="stylesheet" href="//example.org/x.css"><link rel="author" href="https://example.org/me">',
        encoding="utf-8",
    )
    assert links.broken_links(tmp_path) == ["a.html: https://example.org/x.js", "a.html: //example.org/x.css"]


@pytest.mark.parametrize("name", sorted(path.name for path in (ROOT / "docs" / "tutorials").glob("*.md")))
def test_tutorials_are_listed_and_open_as_notebooks(name):
    text = (ROOT / "docs" / "tutorials" / name).read_text(encoding="utf-8")
    if name == "README.md":
        return
    assert f"]({name})" in (ROOT / "docs" / "tutorials" / "README.md").read_text(encoding="utf-8")
    assert text.startswith("---\njupytext:") and "format_name: myst" in text
    cells = re.findall(r"```\{code-cell\} ipython3\n(.*?)```", text, re.DOTALL)
    assert len(cells) >= 4
    for cell in cells:
        compile(cell, name, "exec")
        assert max(map(len, cell.splitlines())) <= 92, "wider than the site's column"
