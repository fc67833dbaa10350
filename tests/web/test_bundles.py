"""Several files as one: in their order, each for itself, and nothing that would silently mean something else."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from bot.web.assets import Assets
from bot.web.bundles import BUNDLES, BundleError, bundle
from bot.web.page import Pages

NODE = shutil.which("node")


def run(files: dict[str, str], *names: str, tmp_path: Path) -> str:
    """What the bundle prints."""
    (tmp_path / "bundle.mjs").write_text(bundle(files.__getitem__, names))
    done = subprocess.run([str(NODE), str(tmp_path / "bundle.mjs")], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.skipif(NODE is None, reason="no node on this machine to run scripts with")
def test_modules_run_once_in_their_order_and_keep_their_names(tmp_path: Path) -> None:
    files = {
        "a/one.js": 'import { two as second, deep } from "./two.js"\nimport * as all from "../three.js"\n'
        "const mine = 1\nconsole.log(mine, second(), deep, all.three)",
        "a/two.js": 'import { three } from "../three.js"\nconst mine = 2\n'
        "export async function later() { await 1 }\nexport function two() { return mine }\n"
        "export const deep = three + 1",
        "three.js": 'console.log("once")\nexport const three = 3\nexport class Four {}',
        "side.js": 'import "./three.js"\nconst mine = 5\nconsole.log(mine)',
    }
    assert run(files, "a/one.js", "side.js", tmp_path=tmp_path) == "once\n1 2 4 3\n5"


def test_a_sheet_is_its_parts_one_behind_the_other() -> None:
    assert bundle({"a.css": "a{}", "b.css": "b{}"}.__getitem__, ["a.css", "b.css"]) == "a{}\nb{}"


@pytest.mark.parametrize(
    "text",
    [
        "export default 1",
        "export { a }",
        "export let a = 1",
        'import a from "./b.js"',
        'const a = await import("./b.js")',
        "await nothing",
    ],
)
def test_what_it_cannot_put_together_is_refused(text: str) -> None:
    with pytest.raises(BundleError, match="cannot be bundled"):
        bundle({"a.js": text, "b.js": ""}.__getitem__, ["a.js"])


def test_a_circle_is_refused() -> None:
    files = {"a.js": 'import { b } from "./b.js"', "b.js": 'import { a } from "./a.js"'}
    with pytest.raises(BundleError, match=r"a\.js -> b\.js -> a\.js"):
        bundle(files.__getitem__, ["a.js"])


def test_every_bundle_is_served_and_small() -> None:
    assets = Assets()
    for name in BUNDLES:
        assert assets.url(name).endswith(name)
        content = assets.text(name)
        assert not re.search(r"^(import|export)\b", content, re.MULTILINE)
        packed = assets._files[name].packed
        assert packed is not None
        assert len(packed) <= (30_000 if name.endswith(".js") else 12_000), f"{name} is over its budget"


def test_every_template_can_be_read() -> None:
    shown = Pages(Assets(), {})
    shown.read_all()
    assert "desk/case.html" in shown.environment.list_templates()
