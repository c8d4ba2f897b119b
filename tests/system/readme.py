"""README.md as the tests read it: blocks of code by the line that stands before them."""

import re

import support

TEXT = (support.ROOT / "README.md").read_text(encoding="utf-8")
RUN_MARK = "<!-- these commands are tested -->"
SCRIPT_MARK = "<!-- this script is tested -->"


def blocks(language, behind=""):
    return re.findall(rf"{re.escape(behind)}\s*```{language}\n(.*?)```", TEXT, re.DOTALL)
