"""Views of tensors, the device they are on, and the card's free memory."""

from __future__ import annotations

import pytest
import torch

from nmtool.errors import UsageError
from nmtool.training.engines.cuda import arrays
from tests.refusals import refused

pytestmark = pytest.mark.torch


def test_a_tensor_on_another_device() -> None:
    first, second = torch.device("cuda", 0), torch.device("cuda", 1)
    arrays.check_device(first, first)
    with refused(UsageError, "gpu-differs") as caught:
        arrays.check_device(second, first)
    assert "cuda:1" in caught.value.what


def test_free_memory_includes_unused_memory_of_torch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (100, 1000))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 70)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 30)
    assert arrays.free_bytes(torch.device("cuda", 0)) == 140
    assert arrays.free_bytes(torch.device("cpu")) is None
