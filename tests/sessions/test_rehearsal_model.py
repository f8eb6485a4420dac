"""The rehearsal model: it plays a scenario from the messages of each request, and keeps nothing between them."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pytest

from capture.event import TemplateFrame
from capture.testing import make_event
from workbench.errors import ConfigurationError, UsageError
from workbench.sessions import scenario
from workbench.sessions.brief import CONTINUE
from workbench.sessions.rehearsal import Position, RehearsalModel, position, reply

SCENARIO = scenario.parse(
    {
        "name": "t",
        "script": [
            {
                "exception_type": "KeyError",
                "turn": [
                    {
                        "step": [
                            {
                                "text": "first",
                                "tool": [{"name": "Bash", "input": {"command": "${python} ${worktree}/x"}}],
                            },
                            {"tool": [{"name": "Write", "input": {"a": [1, "${python}"], "b": {"c": "${worktree}"}}}]},
                            {"text": "done"},
                        ]
                    },
                    {"step": [{"text": "again", "tool": [{"name": "Read"}]}]},
                ],
            },
            {"status": 404, "turn": [{"step": [{"text": "not a bug"}]}]},
        ],
    },
    "test",
)
NAMES = {"worktree": "/w", "python": "/p"}


def user(*blocks):
    return {"role": "user", "content": [{"type": "text", "text": b} if isinstance(b, str) else b for b in blocks]}


def call(turn, step, i=0):
    block = {"type": "tool_use", "id": f"toolu_rehearsal_{turn}_{step}_{i}_abcd", "name": "Bash", "input": {}}
    return {"role": "assistant", "content": [block]}


def result(content="ok", **more):
    return {"type": "tool_result", "tool_use_id": "x", "content": content, **more}


BRIEF = user("<system-reminder>\nx", "Fix bug B-012.")
CUT = "[Request interrupted by user for tool use]"
KILLED = "[Tool call interrupted: the session ended before this call's result was recorded, so its outcome is unknown."


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([], Position(0, 0)),
        ([BRIEF], Position(0, 0)),
        ([{"role": "user", "content": "Fix bug B-012."}], Position(0, 0)),
        ([BRIEF, {"role": "system", "content": "budget"}], Position(0, 0)),
        ([BRIEF, call(0, 0), user(result())], Position(0, 1)),
        ([BRIEF, call(0, 0), user(result()), call(0, 1), user(result(is_error=True))], Position(0, 2)),
        ([BRIEF, call(0, 0), user(result()), call(0, 1), user(CONTINUE)], Position(0, 1)),
        ([BRIEF, call(0, 0), user(result()), call(0, 1), user(result(KILLED)), user(CONTINUE)], Position(0, 1)),
        ([BRIEF, call(0, 0), user(result(CUT)), user(CUT), user(CONTINUE)], Position(0, 0)),
        ([BRIEF, call(0, 0), user(result([{"type": "text", "text": CUT}])), user(CONTINUE)], Position(0, 0)),
        ([BRIEF, call(0, 0), user(result()), user("no, do better")], Position(1, 0)),
        ([BRIEF, call(0, 0), user(result()), user("no"), call(1, 0), user(result())], Position(1, 1)),
    ],
)
def test_the_position_follows_from_the_messages(messages, expected):
    assert position(messages) == expected


def request(*messages, tools=True):
    return {"model": "m", "messages": list(messages), **({"tools": [{"name": "Bash"}]} if tools else {})}


def test_steps_are_played_with_the_names_filled_in():
    first = reply(SCENARIO, make_event(), request(BRIEF), NAMES)
    assert first.text == "first"
    assert first.tools[0].input == {"command": "/p /w/x"}
    second = reply(SCENARIO, make_event(), request(BRIEF, call(0, 0), user(result())), NAMES)
    assert second.tools[0].input == {"a": [1, "/p"], "b": {"c": "/w"}}


def test_what_the_scenario_does_not_have_is_said_honestly():
    other = make_event(exceptions=(), status=500)
    said = reply(SCENARIO, other, request(BRIEF), NAMES).text
    assert "no script for this bug" in said
    assert "--rehearse FILE.toml" in said
    assert (
        "no answer to this message" in reply(SCENARIO, make_event(), request(BRIEF, user("a"), user("b")), NAMES).text
    )
    assert (
        reply(SCENARIO, make_event(), request(BRIEF, user("a"), call(1, 0), user(result())), NAMES).text
        == "That is all."
    )
    assert reply(SCENARIO, make_event(), request(BRIEF, tools=False), NAMES).text == "Rehearsal"
    assert reply(SCENARIO, make_event(exceptions=(), status=404), request(BRIEF), NAMES).text == "not a bug"


@pytest.fixture
def model():
    with RehearsalModel(SCENARIO, make_event(), worktree="/w", python="/p") as model:
        yield model


def post(model, body, path="/v1/messages?beta=true", key=None):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    asked = urllib.request.Request(
        model.environ["ANTHROPIC_BASE_URL"] + path, data=data, headers={"x-api-key": key or model.key}
    )
    with urllib.request.urlopen(asked, timeout=10) as answer:
        return answer.read().decode()


def test_a_reply_is_a_stream_of_events_with_usage(model):
    lines = post(model, request(BRIEF)).split("\n\n")
    data = [json.loads(line.split("data: ")[1]) for line in lines if line]
    assert [each["type"] for each in data] == [
        *("message_start", "content_block_start", "content_block_delta", "content_block_stop"),
        *("content_block_start", "content_block_delta", "content_block_stop", "message_delta", "message_stop"),
    ]
    assert data[0]["message"]["usage"]["input_tokens"] > 10
    assert data[4]["content_block"]["id"].startswith("toolu_rehearsal_0_0_0_")
    assert json.loads(data[5]["delta"]["partial_json"]) == {"command": "/p /w/x"}
    assert data[-2]["delta"]["stop_reason"] == "tool_use"
    assert data[-2]["usage"]["output_tokens"] > 1


def test_a_client_that_is_faster_than_its_runner_waits_for_the_event():
    with (
        RehearsalModel(SCENARIO, None, worktree="/w", python="/p", is_event_known=False) as model,
        ThreadPoolExecutor(1) as asking,
    ):
        answer = asking.submit(post, model, request(BRIEF))
        assert wait([answer], timeout=0.3).not_done
        model.tell(make_event())
        assert "first" in answer.result(timeout=20)


def test_who_waits_for_an_event_in_vain_is_let_go():
    with ThreadPoolExecutor(1) as asking:
        with RehearsalModel(SCENARIO, None, worktree="/w", python="/p", is_event_known=False) as model:
            answer = asking.submit(post, model, request(BRIEF))
            assert wait([answer], timeout=0.3).not_done
        assert wait([answer], timeout=8).done  # before its own patience ends


def test_other_requests_are_answered_too(model):
    assert json.loads(post(model, {}, path="/v1/messages/count_tokens"))["input_tokens"] == 0
    for method in ("GET", "HEAD"):
        asked = urllib.request.Request(model.environ["ANTHROPIC_BASE_URL"], method=method)
        with urllib.request.urlopen(asked, timeout=10) as answer:
            assert answer.status == 200


def test_strangers_and_nonsense_are_turned_away(model):
    for body, key, status in [
        (request(BRIEF), "guessed", 401),
        (b"{", None, 400),
        (b"[]", None, 400),
        ({"tools": 1, "messages": 7}, None, 400),
    ]:
        with pytest.raises(urllib.error.HTTPError) as caught:
            post(model, body, key=key)
        assert caught.value.code == status
        caught.value.close()


def test_a_file_is_loaded_by_path_and_ours_by_name(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('name = "mine"\n[[script]]\n[[script.turn]]\n[[script.turn.step]]\ntext = "x"\ndelay = 1\n')
    assert scenario.load(str(path)).name == "mine"
    assert scenario.load("happy").summary
    assert "happy" in scenario.names()
    with pytest.raises(UsageError, match="no rehearsal scenario") as caught:
        scenario.load("sad")
    assert "happy" in caught.value.cure
    with pytest.raises(UsageError, match="cannot be read"):
        scenario.load(str(tmp_path / "none.toml"))
    path.write_text("name = ")
    with pytest.raises(ConfigurationError, match="not valid TOML"):
        scenario.load(str(path))


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("", "a name and at least one"),
        ('name = "x"', "at least one"),
        ("name = 7\n[[script]]", "name has a value of the wrong kind"),
        ('name = "x"\n[[script]]', "script 1: a script has at least one"),
        ('name = "x"\nscript = [7]', "script 1: a table is expected"),
        ('name = "x"\n[[script]]\ntypo = 1', "script 1: unknown key 'typo'"),
        ('name = "x"\n[[script]]\nstatus = true', "status has a value of the wrong kind"),
        ('name = "x"\n[[script]]\n[[script.turn]]', "script 1, turn 1: a turn has at least one"),
        ('name = "x"\n[[script]]\n[[script.turn]]\n[[script.turn.step]]', "step 1: a step has a text or a tool"),
        (
            'name = "x"\n[[script]]\n[[script.turn]]\n[[script.turn.step]]\n[[script.turn.step.tool]]',
            "tool 1: a tool has a name",
        ),
    ],
)
def test_mistakes_are_named_with_their_place(tmp_path, text, mistake):
    path = Path(tmp_path, "s.toml")
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=mistake):
        scenario.load(str(path))


def test_scripts_are_chosen_by_the_template_too():
    table = {"name": "x", "script": [{"template": "card.html", "function": "f", "turn": [{"step": [{"text": "t"}]}]}]}
    found = scenario.parse(table, "x")
    event = make_event(template=TemplateFrame(name="card.html", lineno=1))
    assert found.script_for(event) is None
    assert found.script_for(None) is None
