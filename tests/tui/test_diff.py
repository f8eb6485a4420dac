"""A diff on a screen: what changed in which file, in two columns where there is room, and inert."""

from __future__ import annotations

import pytest
from tui.hostile import HOSTILE

from workbench.tui.documents.diff import WIDE, diff_lines, parse

DIFF = """\
diff --git a/clinic/pricing.py b/clinic/pricing.py
index 1111111..2222222 100644
--- a/clinic/pricing.py
+++ b/clinic/pricing.py
@@ -1,5 +1,6 @@ def price_of(species):
 PRICES = {}
-def price_of(species):
-    return PRICES[species]
+def price_of(species: str) -> int:
+    # no price, no bill
+    return PRICES.get(species, 0)
~
 END = 1
\\ No newline at end of file
diff --git a/docs/old.md b/docs/new.md
similarity index 90%
rename from docs/old.md
rename to docs/new.md
diff --git a/x.png b/x.png
new file mode 100644
index 0000000..3333333
Binary files /dev/null and b/x.png differ
""".replace("~", " ")  # a blank line of the file


def shown(diff: str, width: int) -> list[str]:
    return [each.text.rstrip() for each in diff_lines(diff, width)]


def test_the_files_come_first_with_what_was_added_and_removed() -> None:
    lines = shown(DIFF, 100)
    assert lines[0] == "Diff  3 files  +3 −2"
    assert lines[1:4] == [
        "  clinic/pricing.py  +3 −2",
        "  docs/new.md  +0 −0  rename from docs/old.md",
        "  x.png  +0 −0  new file mode 100644",
    ]


def test_lines_have_their_numbers_before_and_after() -> None:
    lines = shown(DIFF, 100)
    start = lines.index("  ⋯ def price_of(species):") + 1
    assert lines[start : start + 9] == [
        "      1    1   PRICES = {}",
        "      2      - def price_of(species):",
        "      3      -     return PRICES[species]",
        "           2 + def price_of(species: str) -> int:",
        "           3 +     # no price, no bill",
        "           4 +     return PRICES.get(species, 0)",
        "      4    5",
        "      5    6   END = 1",
        "               \\ No newline at end of file",
    ]
    inks = {ink for each in diff_lines(DIFF, 100) for _text, ink in each.spans}
    assert {"add", "remove", "keyword", "comment"} <= inks


def test_two_columns_where_there_is_room() -> None:
    lines = shown(DIFF, WIDE)
    beside = [text for text in lines if "│" in text]
    assert [tuple(part.strip() for part in text.split("│")) for text in beside[:4]] == [
        ("1   PRICES = {}", "1   PRICES = {}"),
        ("2 - def price_of(species):", "2 + def price_of(species: str) -> int:"),
        ("3 -     return PRICES[species]", "3 +     # no price, no bill"),
        ("", "4 +     return PRICES.get(species, 0)"),
    ]
    assert all(each.width <= WIDE for each in diff_lines(DIFF, WIDE))
    assert len({text.index("│") for text in beside}) == 1


def test_added_lines_before_removed_ones_are_not_lost() -> None:
    hunk = "diff --git a/a b/a\n@@ -1,3 +1,3 @@\n+one\n-two\n same\n-three\n+four\n-five\n"
    for width in (80, WIDE):
        text = "\n".join(shown(hunk, width))
        assert all(word in text for word in ("one", "two", "same", "three", "four", "five"))


def test_an_empty_change_says_so() -> None:
    assert shown("", 80)[1] == "  The change is empty."


def test_what_is_no_diff_is_shown_as_it_is() -> None:
    assert "  nothing like a diff  +0 −0" in shown("nothing like a diff\n@@ wrong @@\n+x", 80)


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_is_inert_in_both_widths(text: str) -> None:
    diff = f"diff --git a/{text} b/{text}\n@@ -1 +1 @@ {text}\n-{text}\n+{text}\n {text}\n"
    for width in (60, WIDE, 300):
        for each in diff_lines(diff, width):
            assert "\x1b" not in each.text
            assert each.text.isprintable(), each.text
    assert parse([]) == []
