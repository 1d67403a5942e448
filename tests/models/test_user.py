from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import pytest
import torch

from assay import models
from assay.errors import SpecError
from assay.models import Inputs

TOLD = Inputs(n_numeric=2, levels=(3,), encode=("onehot",))
NET = """
    import torch
    from torch import nn

    class Net(nn.Module):
        def __init__(self, n_numeric, levels, n_outputs, scale=1.0):
            super().__init__()
            self.scale = scale
            self.levels = nn.Embedding(levels[0], 4)
            self.linear = nn.Linear(n_numeric + 4, n_outputs)

        def forward(self, numeric, codes):
            return self.scale * self.linear(torch.cat([numeric, self.levels(codes[:, 0].int())], dim=1))
"""


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text))
    return path


def build(root: Path, family: str = "python:net:Net", **options: object) -> torch.nn.Module:
    return models.build(family, options, TOLD, 2, root)


def test_a_module_beside_the_spec_is_a_family(tmp_path: Path) -> None:
    path = write(tmp_path, "net.py", NET)
    model = build(tmp_path, scale=3.0)
    assert model.scale == 3.0
    assert model.training
    assert model(torch.randn(4, 2), torch.zeros(4, 1, dtype=torch.int16)).shape == (4, 2)
    assert models.is_torch("python:net:Net")
    assert models.source_of("python:net:Net", tmp_path) == path


def test_a_package_beside_the_spec_may_import_its_own_modules(tmp_path: Path) -> None:
    write(tmp_path, "mine/__init__.py", "")
    write(tmp_path, "mine/parts.py", NET)
    text = "from mine.parts import Net as Base\nfrom . import parts\nclass Net(Base): ..."
    path = write(tmp_path, "mine/nets.py", text)
    assert type(build(tmp_path, "python:mine.nets:Net")).__name__ == "Net"
    assert models.source_of("python:mine.nets:Net", tmp_path) == path


def test_neither_path_nor_module_stays_and_an_edit_counts_at_once(tmp_path: Path) -> None:
    before = (list(sys.path), set(sys.modules))
    write(tmp_path, "one/net.py", NET)
    write(tmp_path, "two/net.py", NET.replace("self.scale = scale", "self.scale = 2 * scale"))
    assert build(tmp_path / "one").scale == 1.0
    assert build(tmp_path / "two").scale == 2.0
    write(tmp_path, "one/net.py", NET.replace("self.scale = scale", "self.scale = 5 * scale"))
    assert build(tmp_path / "one").scale == 5.0
    assert sys.path == before[0]
    assert "net" not in set(sys.modules) - before[1]


@pytest.mark.parametrize(
    ("family", "text", "message"),
    [
        ("python:net", NET, "Allowed: python:package.module:Class"),
        ("python:nte:Net", NET, "there is no module 'nte'"),
        ("python:no.such:Net", NET, "there is no module 'no.such'"),
        ("python:net:Nett", NET, "'Nett' is not in the module. Allowed: Net"),
        ("python:net:torch", NET, "'torch' does not derive from torch.nn.Module. Allowed: Net"),
        ("python:net:Net", "import no_such_module", "importing it raised ModuleNotFoundError"),
        ("python:net:Net", "class Net(:", "importing it raised SyntaxError"),
        ("python:net:Net", NET.replace(", scale=1.0", ", *, depth").replace("= scale", "= 1"), "refuses this call"),
        ("python:net:Net", NET.replace("super().__init__()", "raise ValueError('four')"), "raised ValueError: four"),
        ("python:net:Net", NET.replace("n_outputs)\n", "7)\n"), r"forward returns shape \[2, 7\] for 2 rows"),
        ("python:net:Net", NET.replace("return ", "return 1 or "), "forward returns int"),
        ("python:net:Net", NET.replace("forward", "forwards"), "its forward raised NotImplementedError"),
    ],
)
def test_what_is_wrong_with_it_is_said_in_one_message(tmp_path: Path, family: str, text: str, message: str) -> None:
    write(tmp_path, "net.py", text)
    with pytest.raises(SpecError, match=message) as caught:
        build(tmp_path, family)
    assert len(caught.value.mistakes) == 1


def test_an_unknown_option_is_named(tmp_path: Path) -> None:
    write(tmp_path, "net.py", NET)
    with pytest.raises(SpecError, match="got an unexpected keyword argument 'scal'"):
        build(tmp_path, scal=1)


def test_trying_it_out_draws_nothing_from_torchs_generator(tmp_path: Path) -> None:
    write(tmp_path, "net.py", NET.replace("return ", "torch.rand(3); return "))
    torch.manual_seed(0)
    build(tmp_path)
    after_build = torch.rand(1)
    torch.manual_seed(0)
    torch.nn.Embedding(3, 4), torch.nn.Linear(6, 2)
    assert torch.equal(after_build, torch.rand(1))
