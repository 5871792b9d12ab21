"""Checkpoints in every form in which people have them, and what is refused."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from slt_toys.learning_coefficient.checkpoint_states import checkpoints_of


def network(scale: float = 1.0) -> nn.Module:
    made = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1)).double()
    with torch.no_grad():
        for part in made.parameters():
            part.fill_(scale)
    return made


def test_modules_states_and_files_are_one(tmp_path):
    like = network()
    paths = tmp_path / "plain.pt", tmp_path / "among.pt"
    torch.save(network(3.0).state_dict(), paths[0])
    torch.save({"step": 4, "model_state_dict": network(4.0).state_dict()}, paths[1])
    given = {40: str(paths[1]), 10: network(1.0), 30: paths[0], 20: network(2.0).state_dict()}
    found = checkpoints_of(given, like)
    assert [each.step for each in found] == [10, 20, 30, 40]
    for number, each in enumerate(found, 1):
        made = each.module(like)
        assert all(bool((part == number).all()) for part in made.parameters())
        assert each.digest() == checkpoints_of([network(float(number))], like)[0].digest()
    assert len({each.digest() for each in found}) == 4
    assert all(bool((part == 1).all()) for part in like.parameters()), "the module is left as it is"


def test_a_generator_may_train_one_module():
    module = network(0.0)

    def training():
        for step in (0, 5, 9):
            yield step, module
            with torch.no_grad():
                dict(module.named_parameters())["0.bias"].add_(1)

    found = checkpoints_of(training(), network())
    assert [float(each.state["0.bias"][0]) for each in found] == [0.0, 1.0, 2.0]
    assert [each.step for each in checkpoints_of([network(), network(2.0)], network())] == [0, 1]


def lacking():
    state = network().state_dict()
    del state["2.bias"]
    return state


def odd(value: float):
    state = network().state_dict()
    state["2.bias"] = torch.tensor([value], dtype=torch.float64)
    return state


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({7: lacking()}, "step 7 is no state of the module: it lacks '2.bias'"),
        ({7: network().state_dict() | {"more": torch.ones(1)}}, "step 7 is no state of the module: the module lacks"),
        ({7: nn.Linear(4, 3).double()}, "step 7 is no state"),
        ({7: odd(float("nan"))}, "step 7: '2.bias' is not finite"),
        ({7: odd(1.0) | {"2.bias": torch.ones(2, dtype=torch.float64)}}, r"step 7: '2.bias' has shape \(2,\)"),
        ({7: network().float()}, "step 7: '0.weight' is of type torch.float32"),
        ({7: 3}, "step 7 is a int; it must be a module, a state dict or a path"),
        ({7: {"model": 3}}, "step 7 holds more than tensors"),
        ({7: "nowhere.pt"}, "step 7: no file nowhere.pt"),
        ({-1: network()}, "step -1 must be a whole number"),
        ({1.5: network()}, "step 1.5 must be a whole number"),
        ([(1, network()), (1, network())], "step 1 is there twice"),
        ([], "none; give at least one"),
        (network().state_dict(), "one state dict"),
        (network(), "one Sequential"),
        ("a.pt", "one str"),
        (None, "one NoneType"),
    ],
)
def test_refusals_name_the_step(given, told):
    with pytest.raises(ValueError, match=rf"^checkpoints: {told}[^\n]*$"):
        checkpoints_of(given, network())


def test_files_that_are_no_weights_are_refused(tmp_path):
    (tmp_path / "text.pt").write_text("no weights")
    with pytest.raises(ValueError, match=r"^checkpoints: step 3: text.pt cannot be read as weights: [^\n]*$"):
        checkpoints_of({3: tmp_path / "text.pt"}, network())
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(ValueError, match=r"^checkpoints: step 3: list.pt holds no state dict[^\n]*$"):
        checkpoints_of({3: tmp_path / "list.pt"}, network())
    torch.save(network(), tmp_path / "whole.pt")  # a whole module would run code as it is read
    with pytest.raises(ValueError, match=r"^checkpoints: step 3: whole.pt cannot be read as weights"):
        checkpoints_of({3: tmp_path / "whole.pt"}, network())
