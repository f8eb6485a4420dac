"""Where the terminal's settings come from, and what is said of a bad one."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench import config
from workbench.errors import ConfigurationError, Exit


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    (folder / ".git").mkdir(parents=True)
    (folder / "app").mkdir()
    return folder.resolve()


def test_everything_has_a_default(repo: Path) -> None:
    loaded = config.load(environ={}, start=repo)

    assert {value.source for value in loaded.values.values()} == {"default"}
    assert loaded["tests.command"] == ""


def test_the_checkout_is_found_from_a_folder_below_it(repo: Path) -> None:
    assert config.load(environ={}, start=repo / "app").repo == repo


def test_a_folder_without_git_stands_for_itself(tmp_path: Path) -> None:
    assert config.load(environ={}, start=tmp_path).repo == tmp_path.resolve()


def test_each_source_overrides_the_one_before_it(repo: Path) -> None:
    (repo / "pyproject.toml").write_text(
        '[tool.workbench.agent]\nmodel = "a"\nmax_turns = 1\nmax_minutes = 1\nmax_cost_usd = 1\n'
    )
    (repo / "workbench.toml").write_text("[agent]\nmax_turns = 2\nmax_minutes = 2\nmax_cost_usd = 2\n")
    environ = {"WORKBENCH_AGENT_MAX_MINUTES": "3", "WORKBENCH_AGENT_MAX_COST_USD": "3"}

    loaded = config.load(flags={"agent.max_cost_usd": "4.5", "agent.model": None}, environ=environ, start=repo)

    assert loaded.values["agent.model"] == config.Value("a", "pyproject.toml")
    assert loaded.values["agent.max_turns"] == config.Value(2, "workbench.toml")
    assert loaded.values["agent.max_minutes"] == config.Value(3, "WORKBENCH_AGENT_MAX_MINUTES")
    assert loaded.values["agent.max_cost_usd"] == config.Value(4.5, "flag")


def test_the_repository_is_named_by_a_flag_before_the_variable(repo: Path, tmp_path: Path) -> None:
    environ = {"WORKBENCH_REPO": str(tmp_path / "nowhere")}

    assert config.load(flags={"repository": str(repo)}, environ=environ, start=tmp_path).repo == repo
    assert config.load(environ={"WORKBENCH_REPO": "site"}, start=tmp_path).repo == repo


def test_a_relative_database_lies_in_the_repository(repo: Path) -> None:
    assert config.load(environ={}, start=repo / "app").database_url == f"sqlite:///{repo}/workbench.db"


@pytest.mark.parametrize("url", ["sqlite:////srv/bugs.db", "sqlite:///:memory:", "postgresql://host/name"])
def test_any_other_database_is_taken_as_it_is_written(repo: Path, url: str) -> None:
    assert config.load(flags={"database_url": url}, environ={}, start=repo).database_url == url


def test_bug_files_lie_below_the_repository(repo: Path) -> None:
    (repo / "workbench.toml").write_text('[bugs]\ndirectory = "docs/bugs"\n')

    assert config.load(environ={}, start=repo).bugs_directory == repo / "docs/bugs"


def test_our_own_files_lie_in_the_named_folder_or_the_users_state(tmp_path: Path, clean_environment: Path) -> None:
    assert config.state_dir({"WORKBENCH_STATE_DIR": str(tmp_path)}) == tmp_path.resolve()
    assert config.state_dir({}).is_relative_to(clean_environment)


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("workbench.toml", "[agent\n", "is not valid TOML"),
        ("pyproject.toml", "[tool.workbench]\ncolour = 1\n", "unknown setting 'colour'"),
        ("workbench.toml", "[agent]\nspeed = 1\n", "unknown setting 'agent.speed'"),
        ("workbench.toml", '[agent]\nmax_turns = "many"\n', "agent.max_turns = 'many' is not a whole number"),
        ("workbench.toml", "[agent]\nmax_turns = true\n", "agent.max_turns = True is not a whole number"),
        ("workbench.toml", "[tests]\ncommand = 7\n", "tests.command = 7 is not a string"),
        ("workbench.toml", 'agent = "claude"\n', "unknown setting 'agent'"),
        ("pyproject.toml", '[tool]\nworkbench = "x"\n', "[tool.workbench] is not a table"),
        ("pyproject.toml", "tool = 3\n", "[tool.workbench] is not a table"),
    ],
)
def test_a_bad_setting_is_named_with_its_file(repo: Path, file: str, text: str, said: str) -> None:
    (repo / file).write_text(text)

    with pytest.raises(ConfigurationError) as caught:
        config.load(environ={}, start=repo)

    assert said in str(caught.value)
    assert str(repo / file) in str(caught.value)
    assert caught.value.cure
    assert caught.value.exit_code == Exit.CONFIGURATION


def test_a_bad_variable_is_named(repo: Path) -> None:
    with pytest.raises(
        ConfigurationError, match=r"WORKBENCH_AGENT_MAX_COST_USD: agent.max_cost_usd = 'lots' is not a number"
    ):
        config.load(environ={"WORKBENCH_AGENT_MAX_COST_USD": "lots"}, start=repo)


def test_a_repository_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"There is no folder .*nowhere"):
        config.load(flags={"repository": "nowhere"}, environ={}, start=tmp_path)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("workbench.toml", 'tests.command = "pytest -x"'),
        ("pyproject.toml", '[tool.workbench]\ntests.command="pytest -x"'),
    ],
)
def test_the_nearest_folder_with_settings_is_the_project(repo: Path, file: str, text: str) -> None:
    (repo / "workbench.toml").write_text('tests.command = "make test"')
    (repo / "app" / "inner").mkdir()
    (repo / "app" / "inner" / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    (repo / "app" / file).write_text(text)

    loaded = config.load(environ={}, start=repo / "app" / "inner")

    assert (loaded.repo, loaded.folder) == (repo, "app")
    assert loaded.values["tests.command"] == config.Value("cd app && pytest -x", file)
    assert loaded.bugs_directory == repo / "app" / "bugs"
    assert loaded.database_url == f"sqlite:///{repo}/app/workbench.db"
    assert config.load(environ={}, start=repo)["tests.command"] == "make test"
    assert config.load(flags={"repository": "app"}, environ={}, start=repo).folder == "app"


@pytest.mark.parametrize(
    ("said", "run"),
    [
        ("cd 'my tests' && pytest", "cd 'app/my tests' && pytest"),
        ("A='b c' make test && true", "cd app && A='b c' make test && true"),
        ("pytest 'x", "cd app && pytest 'x"),
        ("", "cd app && python manage.py test"),
    ],
)
def test_the_tests_of_a_project_in_a_folder_run_there(repo: Path, said: str, run: str) -> None:
    (repo / "app" / "workbench.toml").write_text("")
    (repo / "app" / "manage.py").write_text("")
    environ = {"WORKBENCH_TESTS_COMMAND": said}
    assert config.load(environ=environ, start=repo / "app")["tests.command"] == run
    assert config.load(environ=environ, start=repo)["tests.command"] == said
