from pathlib import Path

import pytest

from models.processor import this_processor


@pytest.mark.parametrize(
    ("flags", "name", "levels"),
    [
        ("flags\t\t: fpu sse avx2 avx512bw avx512_vnni amx_int8", "amx", 127),
        ("flags\t\t: fpu avx2 avx512bw avx512_vnni", "avx512vnni", 127),
        ("flags\t\t: fpu avx2 avx_vnni", "avxvnni", 127),
        ("flags\t\t: fpu avx2 avx512bw", "avx512", 63),
        ("flags\t\t: fpu avx2", "avx2", 63),
        ("Features\t: fp asimd asimddp i8mm", "i8mm", 127),
    ],
)
def test_the_best_flag_names_the_class(tmp_path: Path, flags: str, name: str, levels: int) -> None:
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\nvendor_id\t: x\n{flags}\n\nprocessor\t: 1\n{flags}\n")
    found = this_processor(tmp_path / "cpuinfo")
    assert found.name.endswith(f"-{name}")
    assert found.int8_levels == levels


@pytest.mark.parametrize("content", [None, "", "processor: 0\n", "flags: fpu sse2\n"])
def test_an_unknown_processor_is_treated_with_caution(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "cpuinfo").write_text(content)
    assert this_processor(tmp_path / "cpuinfo").int8_levels == 63
