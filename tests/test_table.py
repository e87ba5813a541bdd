"""The paper's table, to the last character, from summaries made by hand."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pandas as pd
import pytest

from acl.cli import main
from acl.plugins.registry import choices
from acl.results.cohorts import FULL_LABEL
from acl.results.frames import as_csv
from acl.results.table import escaped
from acl.runs.folder import create
from acl.system.files import write_json
from tests.conftest import small_config
from tests.house import modules

PUBLISHED = Path(__file__).resolve().parent.parent / "assets" / "published.csv"


@pytest.fixture
def finished(runs):
    """finished(A, F, **settings) makes a run with that summary, in fractions."""

    def make(a, f, **settings):
        run = create(small_config(**settings), runs)
        write_json(run.path / "summary.json", {"A": a, "F": f})
        return run

    return make


@pytest.fixture
def table(runs, capsys):
    def call(*arguments):
        code = main(["table", *map(str, arguments), "--runs", str(runs)])
        out, err = capsys.readouterr()
        return code, out, err

    return call


@pytest.fixture
def paper(finished):
    """Two CL methods, two memory sizes, three strategies and Full; not every cell."""
    for strategy, values in {
        "full": [(0.9, 0.1), (0.92, 0.08)],
        "accuacl": [(0.60, 0.40), (0.70, 0.30)],
        "entropy": [(0.50, 0.20), (0.50, 0.25)],
        "uniform": [(0.40, 0.35), (0.50, 0.35)],
    }.items():
        for seed, (a, f) in enumerate(values):
            finished(a, f, strategy=strategy, seed=seed)
    for seed in (0, 1):
        finished(0.8, 0.1 * seed, learner="er_ace", strategy="uniform", memory=20, seed=seed)


def test_markdown(paper, table):
    code, out, err = table()
    assert (code, err) == (0, "")
    assert out == (
        "| CL method | Strategy | SplitDigits, M=10: accuracy ↑ | SplitDigits, M=10: forgetting ↓ "
        "| SplitDigits, M=20: accuracy ↑ | SplitDigits, M=20: forgetting ↓ |\n"
        "| --- | --- | ---: | ---: | ---: | ---: |\n"
        "| ER | Full | 91.0 ± 1.4 | 9.0 ± 1.4 | – | – |\n"
        "| ER | Uniform | 45.0 ± 7.1 | <u>35.0 ± 0.0</u> | – | – |\n"
        "| ER | Entropy | <u>50.0 ± 0.0</u> | **22.5 ± 3.5** | – | – |\n"
        "| ER | AccuACL | **65.0 ± 7.1** | <u>35.0 ± 7.1</u> | – | – |\n"
        "| ER-ACE | Uniform | – | – | 80.0 ± 0.0 | 5.0 ± 7.1 |\n"
        "\n"
        "Accuracy after the last task (higher is better) and forgetting (lower is better) in percent, mean ± sample "
        "standard deviation over n = 2 seeds. In each CL method best in bold, second underlined; full labels stand "
        "apart.\n"
    )


def test_a_learner_without_memory_stands_in_every_column_once(finished, table):
    for memory in (10, 20):
        finished(0.6, 0.2, strategy="uniform", memory=memory)
        finished(0.3, 0.9, strategy="uniform", memory=memory, learner="finetune")
    code, out, err = table()
    assert code == 0 and "has the same settings and seed" in err
    assert "| Fine-tuning | Uniform | 30.0 | 90.0 | 30.0 | 90.0 |" in out
    assert table("--format", "csv")[1].count("Fine-tuning") == 2


def test_without_any_memory_the_column_is_of_none(finished, table):
    finished(0.3, 0.9, strategy="uniform", learner="finetune")
    assert table("--format", "csv")[1].endswith("Fine-tuning,Uniform,SplitDigits,0,30.00,,90.00,,1\n")


def test_csv_is_tidy(paper, table):
    assert table("--format", "csv")[1] == (
        "learner,strategy,dataset,memory,A_mean,A_std,F_mean,F_std,n\n"
        "ER,Full,SplitDigits,10,91.00,1.41,9.00,1.41,2\n"
        "ER,Uniform,SplitDigits,10,45.00,7.07,35.00,0.00,2\n"
        "ER,Entropy,SplitDigits,10,50.00,0.00,22.50,3.54,2\n"
        "ER,AccuACL,SplitDigits,10,65.00,7.07,35.00,7.07,2\n"
        "ER-ACE,Uniform,SplitDigits,20,80.00,0.00,5.00,7.07,2\n"
    )


def test_latex(paper, table):
    out = table("--format", "latex")[1]
    assert out.splitlines()[1:] == [
        r"\begin{tabular}{llrrrr}",
        r"\toprule",
        r"CL method & Strategy & \multicolumn{2}{c}{SplitDigits, $M=10$} & \multicolumn{2}{c}{SplitDigits, $M=20$} \\",
        r" &  & accuracy $\uparrow$ & forgetting $\downarrow$ & accuracy $\uparrow$ & forgetting $\downarrow$ \\",
        r"\midrule",
        r"ER & Full & 91.0 $\pm$ 1.4 & 9.0 $\pm$ 1.4 & -- & -- \\",
        r" & Uniform & 45.0 $\pm$ 7.1 & \underline{35.0 $\pm$ 0.0} & -- & -- \\",
        r" & Entropy & \underline{50.0 $\pm$ 0.0} & \textbf{22.5 $\pm$ 3.5} & -- & -- \\",
        r" & AccuACL & \textbf{65.0 $\pm$ 7.1} & \underline{35.0 $\pm$ 7.1} & -- & -- \\",
        r"\midrule",
        r"ER-ACE & Uniform & -- & -- & 80.0 $\pm$ 0.0 & 5.0 $\pm$ 7.1 \\",
        r"\bottomrule",
        r"\end{tabular}",
    ]
    assert out.startswith("% Accuracy after the last task (higher is better) and forgetting")


def test_latex_escapes():
    assert escaped(r"a_b & 5% {x}#$~^\ ") == (
        r"a\_b \& 5\% \{x\}\#\$\textasciitilde{}\textasciicircum{}\textbackslash{} "
    )


def test_one_seed_has_no_spread_and_unequal_n_stand_in_the_cells(finished, table):
    finished(0.5, 0.5, strategy="uniform")
    assert "| 50.0 | 50.0 |" in table()[1] and "over n = 1 seed." in table()[1]
    assert table("--format", "csv")[1].endswith("ER,Uniform,SplitDigits,10,50.00,,50.00,,1\n")
    finished(0.7, 0.5, strategy="uniform", seed=1)
    finished(0.7, 0.5, strategy="entropy")
    out = table()[1]
    assert "| ER | Uniform | <u>60.0 ± 14.1 (n=2)</u> | **50.0 ± 0.0 (n=2)** |" in out
    assert "| ER | Entropy | **70.0 (n=1)** | **50.0 (n=1)** |" in out and "over n seeds." in out


def test_runs_that_differ_in_more_are_kept_apart_and_it_is_said(finished, table):
    finished(0.1, 0.5, strategy="uniform", epochs=3)
    finished(0.3, 0.5, strategy="uniform", epochs=4, seed=1)
    code, out, err = table("--format", "csv")
    assert code == 0 and "differ in epochs" in err and err.count("\n") == 1
    assert "ER,Uniform,SplitDigits (epochs=3),10,10.00,,50.00,,1\n" in out
    assert "ER,Uniform,SplitDigits (epochs=4),10,30.00,,50.00,,1\n" in out


def test_a_plugins_own_settings_head_its_rows_and_only_its(finished, table):
    finished(0.1, 0.5, strategy="accuacl")
    finished(0.2, 0.5, strategy="accuacl", seed=1, **{"lambda": 0.3})
    # λ means nothing to Uniform: these two are seeds of one cell. So does the memory's policy to ER-ACE.
    finished(0.3, 0.5, strategy="uniform")
    finished(0.5, 0.5, strategy="uniform", seed=1, **{"lambda": 0.3})
    finished(0.7, 0.5, learner="er_ace", strategy="uniform", memory_policy="reservoir")
    finished(0.9, 0.5, learner="er_ace", strategy="uniform", seed=1)
    code, out, err = table("--format", "csv")
    assert "differ in lambda:" in err
    assert [line.split(",")[:2] for line in out.splitlines()[1:]] == [
        ["ER", "Uniform"],
        ["ER", "AccuACL (lambda=0.3)"],
        ["ER", "AccuACL (lambda=auto)"],
        ["ER-ACE", "Uniform"],
    ]
    assert out.endswith("ER-ACE,Uniform,SplitDigits,10,80.00,14.14,50.00,0.00,2\n")
    assert "ER,Uniform,SplitDigits,10,40.00,14.14,50.00,0.00,2\n" in out


def test_settings_without_effect_and_double_runs_do_not_count_twice(finished, table):
    older = finished(0.1, 0.5, strategy="uniform")
    finished(0.1, 0.5, strategy="uniform", snapshots="off")
    finished(0.1, 0.5, strategy="uniform", oversample=3)
    code, out, err = table("--format", "csv")
    assert out.endswith(",1\n") and err.count("same settings and seed") == err.count("\n") == 2
    assert table(older.id, older.path)[2] == ""


def test_only_finished_runs_and_the_others_are_named(finished, table, runs):
    done = finished(0.1, 0.5)
    unfinished = create(small_config(seed=1), runs)
    (runs / "damaged-run").mkdir()
    code, out, err = table("--format", "csv")
    assert code == 0 and out.endswith(",1\n")
    assert f"{unfinished.id} is left out: it is not finished." in err and "damaged-run is left out" in err
    for names in ([done.id], [done.path], [runs]):
        assert table(*names, "--format", "csv")[:2] == (0, out)


def test_a_file_instead_of_stdout(finished, table, tmp_path):
    finished(0.1, 0.5)
    out = table("--format", "latex")[1]
    assert table("--format", "latex", "-o", tmp_path / "t.tex") == (0, "", "")
    assert (tmp_path / "t.tex").read_text("utf-8") == out
    for bad, why in ((tmp_path, "it is a folder"), (tmp_path / "no" / "t.tex", "no")):
        code, out, err = table("-o", bad)
        assert code == 2 and out == "" and str(bad) in err and why in err and err.count("\n") == 1


def test_bad_input_is_one_sentence(table, runs):
    for _ in range(2):  # without a runs folder, then with one where nothing is finished
        for arguments, expected in {
            (): "There is no finished run in",
            ("20260101-000000-er-x-y-s0-0000",): "There is no run '2026",
            ("--format", "pdf"): "invalid choice: 'pdf'",
        }.items():
            code, out, err = table(*arguments)
            assert code == 2 and out == "" and expected in err and err.startswith("acl: ") and err.count("\n") == 1
        create(small_config(), runs)


def test_the_published_table_is_whole_and_speaks_our_names():
    rows = list(csv.DictReader(io.StringIO(PUBLISHED.read_text("utf-8"))))
    sizes = {"SplitCIFAR10": ("100", "200"), "SplitCIFAR100": ("500", "1000"), "SplitTinyImageNet": ("2000", "5000")}
    learners = [choices("learners")[name].label for name in ("er", "gss", "derpp", "er_ace")]
    paper = ("uniform", "entropy", "least_confidence", "kcenter", "badge", "bait", "accuacl")
    strategies = [FULL_LABEL, *(choices("strategies")[name].label for name in paper)]
    expected = [(a, b, data, m) for a in learners for b in strategies for data in sizes for m in sizes[data]]
    found = [(row["learner"], row["strategy"], row["dataset"], row["memory"]) for row in rows]
    assert len(found) == 192 and sorted(found) == sorted(expected)
    for row in rows:
        figures = [row[name] for name in ("A_mean", "F_mean")]
        assert all(0 <= float(x) <= 100 for x in figures if x)
        assert all(figures) or row["strategy"] == "BAIT"


def test_wrong_labels_never_enter_a_mean_silently(finished, table):
    for seed in (0, 1):
        finished(0.5, 0.5, strategy="uniform", seed=seed, label_noise=0.25)
    code, out, err = table()
    assert code == 0 and "label_noise=0.25" in err


# -- CSV ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["=1+1", "+1-2", "-1+2", "@SUM(A1)", "=cmd|' /C calc'!A0", "-", "+x"])
def test_a_spreadsheet_works_out_no_text_of_a_table(text):
    table = pd.DataFrame({text: [text, "a"], "n": [-1.5, 2], "mixed": [text, -3]}, index=[text, "b"])
    rows = list(csv.reader(io.StringIO(as_csv(table, index=True), newline="")))
    assert rows == [
        ["", f"'{text}", "n", "mixed"],
        [f"'{text}", f"'{text}", "-1.5", f"'{text}"],
        ["b", "a", "2.0", "-3"],
    ]


@pytest.mark.parametrize("text", ["a=1", "-1", "+1.5", "–", "λ", "a-b"])
def test_what_is_no_formula_stays_as_it_is(text):
    assert list(csv.reader(io.StringIO(as_csv(pd.DataFrame({"x": [text]}))))) == [["x"], [text]]


def test_a_tab_or_a_line_break_ends_no_cell():
    assert as_csv(pd.DataFrame({"x": ["\t=1", "\r\n=1"]})) == "x\n\\t=1\n\\r\\n=1\n"


def test_every_csv_goes_through_that_door():
    """No other line of acl or app writes one."""
    files = [*modules("acl"), *modules("app")]
    assert [
        path.name for path in files if re.search(r"\.to_csv\b|csv\.(writer|DictWriter)", path.read_text("utf-8"))
    ] == ["frames.py"]
