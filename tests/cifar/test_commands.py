"""The command line: a dry run, a small sweep from the archive to the report, and refusals in one line."""

from __future__ import annotations

import pytest

from cifar.__main__ import main
from cifar.sweep.store import Store
from tests.cifar.made_studies import make_sweep, small

SMALL = [
    *("--network", "fully_connected", "--width", "16", "--depth", "1", "--batch-sizes", "20", "40", "--seeds", "1"),
    *("--switch-epochs", "0", "1", "2", "3", "4", "--further-epochs", "1", "--train-images", "80", "--gate", "0"),
    *("--test-images", "40", "--arms", "reset", "--arm-switch-epochs", "2", "--threads", "1"),
]


def test_replicate_status_resume_and_export(tmp_path, archive, capsys):
    results = ["--results", str(tmp_path / "results")]
    assert main(["replicate", "--data", str(archive), *results, *SMALL]) == 0
    said = capsys.readouterr().out
    assert "# Critical periods on made.tar.gz" in said and "12 of 12 runs" in said
    assert main(["status", *results]) == 0
    assert "12 of 12 runs, 20 of 20 epochs" in capsys.readouterr().out
    with Store(tmp_path / "results") as store:
        assert store.facts()["data"]["checksum"]
    assert str(archive).encode() not in (tmp_path / "results" / "sweep.sqlite").read_bytes(), "it can be shown"
    assert main(["export", *results]) == 0
    assert "export.nc" in capsys.readouterr().out


def test_a_study_on_curves_from_the_command_to_the_report_without_torch(tmp_path, capsys):
    results = ["--results", str(tmp_path / "results")]
    sizes = ["--batch-sizes", "32", "64", "--train-images", "128", "--test-images", "64", "--width", "8"]
    epochs = ["--seeds", "2", "--switch-epochs", "0", "1", "2", "3", "4", "--further-epochs", "1", "--gate", "0"]
    options = ["replicate", "--preset", "minutes", *results, *sizes, *epochs, "--arms", "fresh", "--workers", "1"]
    assert main([*options, "--dry-run"]) == 0
    assert "preset minutes: 2 seeds" in capsys.readouterr().out
    assert main(options) == 0
    said = capsys.readouterr().out
    assert "# Critical periods on shapes and textures (drawn)" in said and "40 of 40 runs: perceptron, width 8" in said
    assert "Every epoch draws new curves" in said and "learned by heart within" not in said
    assert (tmp_path / "results" / "cifar_minutes.png").is_file()
    assert main(["resume", *results]) == 0 and main(["status", *results]) == 0
    assert "40 of 40 runs" in capsys.readouterr().out
    assert main(["resume", *results, "--data", "here"]) == 2
    assert "data: this sweep draws its data" in capsys.readouterr().err


def test_a_dry_run_refuses_what_the_run_would_and_writes_nothing(tmp_path, archive, capsys):
    results = tmp_path / "results"
    dry = ["replicate", "--data", str(archive), *SMALL, "--dry-run", "--results", str(results)]

    def refused(*more: str) -> str:
        assert main([*dry, *more]) == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        return said

    assert main(dry) == 0 and "80 training images" in capsys.readouterr().out and not results.exists()
    assert "data: there is no /nowhere" in refused("--data", "/nowhere")
    assert "batch_sizes: 81 exceeds the 80 images of an epoch" in refused("--batch-sizes", "81")
    assert "exceeds the 40 images of an epoch (warm_start" in refused("--arms", "warm_start", "--batch-sizes", "64")
    make_sweep(results, small(), gate=0.0).__exit__()
    assert "has other images" in refused()
    results.joinpath("notes.txt").touch()
    assert "holds notes.txt, which no sweep wrote" in refused()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["replicate", "--data", "/nowhere/at/all"], "data: there is no /nowhere"),
        (["replicate", "--dry-run", "--width", "7"], "width: 7"),
        (["replicate", "--dry-run", "--deficit", "fog"], "deficit: 'fog'"),
        (["replicate", "--dry-run", "--arms", "sideways"], "arms: 'sideways'"),
        (["replicate", "--dry-run", "--batch-sizes", "32", "32"], "batch_sizes:"),
        (["replicate", "--dry-run", "--decay", "1.5"], "decay: 1.5"),
        (["replicate", "--dry-run", "--momentum", "1"], "momentum: 1"),
        (["status", "--results", "/nowhere/at/all"], "there is no sweep"),
        (["report", "--results", "/nowhere/at/all"], "there is no sweep"),
        (["replicate", "--wrong"], "--wrong"),
        (["replicate", "--results", __file__], "results: "),
        (["replicate", "--dry-run", "--width", "wide"], "--width"),
        (["replicate", "--data", "/nowhere", "--devices", "abacus"], "'abacus' is no device"),
        (["replicate", "--dry-run", "--workers", "0"], "workers: 0"),
        (["replicate", "--dry-run", "--num-gpus", "1"], "num_gpus: 1.0 is for Ray"),
        (["replicate", "--dry-run", "--ray", "local", "--devices", "cpu"], "devices: with ray"),
        (["replicate", "--preset", "minutes", "--data", "here"], "data: preset minutes draws its data"),
        (["replicate", "--preset", "minutes", "--devices", "cpu"], "devices: preset minutes"),
        (["benchmark", "--device", "abacus"], "'abacus' is no device"),
        (["benchmark", "--device", "cuda:99"], "cuda:99 is not there"),
        (["benchmark", "--networks", "nothing"], "'nothing'"),
        (["benchmark", "--batch-sizes", "0"], "batch_sizes: (0,)"),
        (["benchmark", "--seconds", "0"], "seconds: 0.0"),
    ],
)
def test_bad_input_is_refused_in_one_line(options, words, capsys):
    assert main(options) == 2
    said = capsys.readouterr().err
    assert words in said and said.count("\n") == 1


def test_status_says_what_is_left(tmp_path, capsys):
    make_sweep(tmp_path / "sweep", small(), missing=1, seconds=3600.0).__exit__()
    assert main(["status", "--results", str(tmp_path / "sweep")]) == 0
    said = capsys.readouterr().out
    # an hour for each epoch
    assert "5 of 6 runs, 26 of 30 epochs, 26.00 hours" in said and "about 4.00 hours" in said
