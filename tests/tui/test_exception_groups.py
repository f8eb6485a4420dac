"""An exception group is shown with each of its members, on the page, in the file, in the issue and in the brief."""

from __future__ import annotations

from capture.event import Event, ExceptionInfo, Frame
from capture.testing import make_event
from workbench.bugs.sections import _stack as file_stack
from workbench.sessions.brief import document
from workbench.tracker.issue_text import _stack as issue_stack
from workbench.tui.documents.stack import stack_lines


def a_group() -> Event:
    frame = Frame(module="clinic.pricing", function="price_of", filename="/srv/clinic/pricing.py", lineno=12)
    cause = ExceptionInfo(type="KeyError", module="builtins", message="'rabbit'", frames=(frame,), link="cause")
    first = ExceptionInfo(type="PriceError", module="clinic", message="no *price*", notes=("in [the](http://x) till",))
    inner = ExceptionGroup("inner", [ValueError()])
    second = ExceptionInfo(type="ExceptionGroup", module="builtins", message=str(inner), members=((first,),))
    group = ExceptionInfo(
        type="ExceptionGroup", module="builtins", message="all", members=((cause, first), (second,)), members_in_all=9
    )
    return make_event(exceptions=(group,))


def test_the_page_shows_each_member_with_its_chain_and_notes() -> None:
    shown = "\n".join(made.text for made in stack_lines(a_group(), 100, frozenset()))
    order = [
        "ExceptionGroup: all",
        "Member 1 of the group:",
        "KeyError: 'rabbit'",
        "The exception above was the direct cause of this one:",
        "clinic.PriceError: no *price*",
        "note: in [the](http://x) till",
        "Member 2 of the group:",
        "Member 2.1 of the group:",
        "… 7 more members were not recorded",
    ]
    places = [shown.index(text) for text in order]
    assert places == sorted(places)


def test_file_and_issue_show_members_as_inert_text() -> None:
    for shown in (file_stack(a_group()), issue_stack(a_group())):
        assert "Member 1: KeyError: 'rabbit'" in shown
        assert "Member 2.1: PriceError: no \\*price\\*" in shown
        assert "[the](" not in shown
        assert "pricing.py:12 in price_of" in shown


def test_the_brief_marks_what_members_say_as_data_of_somebody_else() -> None:
    fields = {field["name"]: field for field in document(12, a_group(), title="")["fields"]}
    assert fields["exceptions[0].member[2.1].message"]["provenance"] == "attacker_writable"
    assert fields["exceptions[0].member[2.1].notes"]["provenance"] == "attacker_writable"
