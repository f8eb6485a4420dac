"""Several files changed at once, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench import edits
from workbench.edits import Edit
from workbench.errors import ConfigurationError


def names(folder: Path) -> list[str]:
    """Return what is in a folder."""
    return sorted(path.name for path in folder.iterdir())


def test_files_are_written_with_their_permissions_and_line_ends(tmp_path: Path) -> None:
    script = tmp_path / "run"
    script.write_bytes(b"one\r\n")
    script.chmod(0o755)

    written = edits.write([Edit(script, "one\r\n", "two\r\n"), Edit(tmp_path / "new", None, "new\n")])

    assert written == [script, tmp_path / "new"]
    assert script.read_bytes() == b"two\r\n"
    assert script.stat().st_mode & 0o777 == 0o755
    assert names(tmp_path) == ["new", "run"]


def test_when_one_cannot_be_written_the_others_are_as_before(tmp_path: Path) -> None:
    there, new = tmp_path / "there", tmp_path / "new"
    there.write_text("old\n")
    (tmp_path / "folder").mkdir()

    with pytest.raises(ConfigurationError, match="Nothing was changed"):
        edits.write(
            [Edit(there, "old\n", "edited\n"), Edit(new, None, "new\n"), Edit(tmp_path / "gone" / "x", None, "text\n")]
        )

    assert there.read_text() == "old\n"
    assert names(tmp_path) == ["folder", "there"]


def test_when_the_last_step_fails_what_was_replaced_is_put_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there, new, last = tmp_path / "there", tmp_path / "new", tmp_path / "last"
    there.write_text("old\n")
    replace = Path.replace

    def failing(draft: Path, target: Path) -> Path:
        if target == last:
            raise OSError(28, "No space left on device", str(target))
        return replace(draft, target)

    monkeypatch.setattr(Path, "replace", failing)

    with pytest.raises(ConfigurationError, match="No space left on device"):
        edits.write([Edit(there, "old\n", "edited\n"), Edit(new, None, "new\n"), Edit(last, None, "last\n")])

    assert there.read_text() == "old\n"
    assert names(tmp_path) == ["there"]


def test_a_diff_marks_new_files_and_missing_line_ends(tmp_path: Path) -> None:
    shown = edits.diff([Edit(tmp_path / "a", None, "one"), Edit(Path("/etc/b"), "x\n", "y\n")], tmp_path)

    assert shown == (
        "--- /dev/null\n+++ b/a\n@@ -0,0 +1 @@\n+one\n\\ No newline at end of file\n"
        "--- a//etc/b\n+++ b//etc/b\n@@ -1 +1 @@\n-x\n+y\n"
    )


def test_a_file_is_removed_with_the_others_or_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A removal is an edit like any other: shown, and undone when another one fails."""
    gone, last = tmp_path / "gone", tmp_path / "last"
    gone.write_text("old\n")
    removal = Edit(gone, "old\n", None)
    assert edits.diff([removal], tmp_path) == "--- a/gone\n+++ /dev/null\n@@ -1 +0,0 @@\n-old\n"

    def failing(draft: Path, target: Path) -> Path:
        if target == last:
            raise OSError(28, "No space left on device", str(target))
        return draft.rename(target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", failing)
        with pytest.raises(ConfigurationError, match="Nothing was changed"):
            edits.write([removal, Edit(last, None, "new\n")])
    assert names(tmp_path) == ["gone"]
    assert gone.read_text() == "old\n"

    assert edits.write([removal]) == [gone]
    assert names(tmp_path) == []
