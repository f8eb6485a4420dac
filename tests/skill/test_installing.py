"""What install writes and uninstall takes away: exactly ours, beside whatever else is there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from workbench.errors import ConfigurationError, Refused
from workbench.skill import document, installing, settings
from workbench.skill.installing import Place, apply, install, installed, uninstall

THEIRS = """\
{
    "permissions": {"allow": ["Bash(make test)"]},
    "hooks": {
        "Stop": [{"hooks": [{"type": "command", "command": "say «done»"}]}],
        "SessionStart": [
            {
                "matcher": "startup",
                "hooks": [{"type": "command", "command": "date"}]
            }
        ]
    },
    "limit": 1.50
}"""


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return installing.in_repository(tmp_path)


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())
    return path


def files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*"))


def marked(body: str, version: int) -> str:
    """Return a SKILL.md as another version of ours would have written it."""
    mine = document.text()
    mark = mine[mine.rindex("<!--") :]
    checksum = mark.split()[-2]
    made = f"{body}\n{mark}".replace(checksum, document._checksum(body))
    return made.replace(f"version {document.VERSION},", f"version {version},")


def test_it_installs_both_files_once_and_takes_both_away(place: Place, tmp_path: Path) -> None:
    assert apply(place, install(place)) == [place.skill, place.settings]
    assert installed(place) == installing.Installed(place, "current", "current")
    assert install(place) == ()

    assert apply(place, uninstall(place)) == [place.skill, place.settings]
    assert files(tmp_path) == []
    assert uninstall(place) == ()
    assert installed(place) == installing.Installed(place, "missing", "missing")


def test_settings_are_merged_and_come_back_as_they_were(place: Place) -> None:
    """Order, indentation, other hooks of the same event, letters and the missing line end all survive."""
    write(place.settings, THEIRS)
    apply(place, install(place))
    merged = place.settings.read_text()
    data = json.loads(merged)
    assert list(data) == ["permissions", "hooks", "limit"]
    assert data["hooks"]["SessionStart"] == [
        {"matcher": "startup", "hooks": [{"type": "command", "command": "date"}]},
        {"hooks": [settings.HANDLER]},
    ]
    assert "say «done»" in merged
    assert '\n    "hooks"' in merged
    assert merged.endswith("}")

    apply(place, uninstall(place))
    assert json.loads(place.settings.read_text()) == json.loads(THEIRS)


def test_hooks_of_other_events_stay(place: Place) -> None:
    theirs = {"hooks": {"Stop": [{"hooks": [{"type": "command", "command": "date"}]}]}}
    write(place.settings, json.dumps(theirs))
    apply(place, install(place))
    apply(place, uninstall(place))
    assert json.loads(place.settings.read_text()) == theirs


def test_line_ends_of_settings_are_kept(place: Place) -> None:
    write(place.settings, '{\r\n\t"a": 1\r\n}\r\n')
    apply(place, install(place))
    text = place.settings.read_bytes().decode()
    assert text.startswith('{\r\n\t"a": 1,\r\n\t"hooks": {\r\n')
    assert text.endswith("}\r\n")
    apply(place, uninstall(place))
    assert place.settings.read_bytes() == b'{\r\n\t"a": 1\r\n}\r\n'


def test_an_empty_settings_file_is_like_none(place: Place) -> None:
    write(place.settings, "\n")
    apply(place, install(place))
    assert installed(place).hook == "current"


def test_an_older_hook_is_brought_up_to_date_where_it_stands(place: Place) -> None:
    """A time limit that a person chose stays; a second one of ours goes, and what stood beside it does not."""
    old = {"type": "command", "command": "workbench skill session-start --old", "timeout": 60}
    other = {"type": "command", "command": "date"}
    write(place.settings, json.dumps({"hooks": {"SessionStart": [{"hooks": [other, old]}, {"hooks": [old]}]}}))
    assert installed(place).hook == "older"
    apply(place, install(place))
    groups = json.loads(place.settings.read_text())["hooks"]["SessionStart"]
    assert groups == [{"hooks": [other, old | {"command": settings.COMMAND}]}]
    apply(place, uninstall(place))
    assert json.loads(place.settings.read_text())["hooks"]["SessionStart"] == [{"hooks": [other]}]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "not JSON"),
        ('{"a": 1, "a": 2}', "'a' stands twice"),
        ("[]", "not a JSON object"),
        ('{"hooks": []}', "not a list"),
        ('{"hooks": {"SessionStart": {}}}', "not a list"),
        ('{"hooks": {"SessionStart": ["x"]}}', "no list of hooks"),
        ('{"hooks": {"SessionStart": [{"hooks": {}}]}}', "no list of hooks"),
    ],
)
def test_settings_that_cannot_be_read_are_refused_with_a_cure(place: Place, text: str, why: str) -> None:
    write(place.settings, text)
    for act in (install, uninstall, installed):
        with pytest.raises(ConfigurationError, match=why) as caught:
            act(place)
        assert "Mend" in caught.value.cure
    assert place.settings.read_text() == text


def test_settings_that_are_not_utf_8_are_refused(place: Place) -> None:
    write(place.settings, "").write_bytes(b"\xff")
    with pytest.raises(ConfigurationError, match="not UTF-8"):
        install(place)


def test_an_older_version_of_ours_is_replaced(place: Place) -> None:
    write(place.skill, marked("# As it was\n", 0))
    assert installed(place).skill == "older"
    apply(place, install(place))
    assert place.skill.read_text() == document.text()


def test_ours_with_other_line_ends_is_ours(place: Place) -> None:
    write(place.skill, document.text().replace("\n", "\r\n"))
    assert installed(place).skill == "current"


@pytest.mark.parametrize(
    ("text", "state", "why"),
    [
        ("# My own bugs\n", "foreign", "not written by us"),
        (document.text().replace("**Brief.**", "**My brief.**"), "changed", "changed by hand"),
        (marked("# To come\n", document.VERSION + 1), "newer", "later version"),
    ],
)
def test_what_is_not_plainly_ours_is_never_overwritten(place: Place, text: str, state: str, why: str) -> None:
    write(place.skill, text)
    assert installed(place).skill == state
    with pytest.raises(Refused, match=why) as caught:
        install(place)
    assert caught.value.cure
    assert place.skill.read_text() == text


def test_uninstall_leaves_a_foreign_skill_and_takes_the_hook(place: Place) -> None:
    apply(place, install(place))
    write(place.skill, "# My own bugs\n")
    apply(place, uninstall(place))
    assert place.skill.read_text() == "# My own bugs\n"
    assert not place.settings.exists()


def test_uninstall_refuses_to_lose_what_a_person_has_changed(place: Place) -> None:
    apply(place, install(place))
    place.skill.write_text(document.text().replace("**Brief.**", "**My brief.**"))
    with pytest.raises(Refused, match="changed by hand") as caught:
        uninstall(place)
    assert caught.value.cure == "Keep what is yours of it elsewhere, delete it, and uninstall again."


def test_a_link_stays_a_link(place: Place, tmp_path: Path) -> None:
    """Who keeps the settings among other dotfiles and links to them finds the link, and the hook behind it."""
    kept = write(tmp_path / "dotfiles" / "claude.json", "{}\n")
    place.folder.mkdir()
    (place.folder / "settings.json").symlink_to(kept)
    apply(place, install(place))
    assert (place.folder / "settings.json").is_symlink()
    assert settings.COMMAND in json.loads(kept.read_text())["hooks"]["SessionStart"][0]["hooks"][0]["command"]


def test_nothing_is_left_of_an_install_that_fails(place: Place, tmp_path: Path) -> None:
    planned = install(place)
    write(place.settings, "{}")  # somebody else, in the meantime
    with pytest.raises(Refused, match="changed in the meantime"):
        apply(place, planned)
    assert files(tmp_path) == [".claude", ".claude/settings.json"]


def test_the_user_s_place_is_where_claude_code_looks(tmp_path: Path, clean_environment: Path) -> None:
    assert installing.of_user({}).folder == clean_environment / ".claude"
    assert installing.of_user({"CLAUDE_CONFIG_DIR": str(tmp_path)}).settings == tmp_path / "settings.json"


def test_the_front_matter_is_within_claude_code_s_limits() -> None:
    front = document.text().split("---\n")[1]
    fields = dict(line.split(": ", 1) for line in front.splitlines())
    assert fields["name"] == "bugs"
    assert len(fields["description"]) <= 1_536
    allowed = fields["allowed-tools"].split(", ")
    reads = tuple(f"Bash(workbench {each}" for each in ("bugs list", "bugs show", "bugs brief", "skill issues"))
    assert all(tool.startswith(reads) for tool in allowed), "only what reads"
