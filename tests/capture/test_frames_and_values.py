"""Tracebacks as frames, and locals that stay short and harmless whatever they are."""

from __future__ import annotations

import collections
import datetime
import decimal
import enum
import json
import linecache
import pathlib
import sys
import time
import types
import uuid

import msgspec
import pytest
from django.utils.decorators import method_decorator
from django.utils.functional import SimpleLazyObject
from django.views.decorators.debug import sensitive_variables
from hypothesis import given
from hypothesis import strategies as st

from capture import frames, messages, values
from capture.chains import chain_of, with_context
from capture.event import ExceptionInfo, Frame
from capture.fingerprint import fingerprint
from capture.frames import source
from capture.in_app import is_in_app
from capture.local_variables import Budget, describe_locals
from capture.messages import message_of
from capture.scrub import REDACTED
from capture.values import MAX_DESCRIPTION, describe


def caught(function, *arguments):
    try:
        function(*arguments)
    except BaseException as error:  # noqa: BLE001
        return error
    raise AssertionError("nothing was raised")


def whole(raised, *, budget):
    """Return an exception as an event has it: what goes into one is JSON already."""
    return msgspec.json.decode(msgspec.json.encode(with_context(raised, budget=budget)), type=ExceptionInfo)


def inner(species):
    secret_token = "hunter2"
    return {"cat": secret_token}[species]


def outer(pet):
    return inner(pet)


def test_a_function_may_be_called_anything():
    named = types.FunctionType(inner.__code__.replace(co_name="a\ud800b"), {})
    [raised] = chain_of(caught(named, "rabbit"))
    assert whole(raised, budget=Budget()).frames[-1].function == "a\ufffdb"


class Login:
    def post(self, body):
        return json.loads(body)

    def many(self, bodies):
        return [(lambda body=body: self.post(body))() for body in bodies]


class Checkout:
    def post(self, body):
        return json.loads(body)


def own_names(error):
    return [frame.function for frame in chain_of(error)[0].info.frames if frame.in_app][1:]


def test_a_method_is_named_with_its_class():
    assert own_names(caught(Login().post, "{")) == ["Login.post"]
    assert own_names(caught(lambda: Checkout().post("{")))[-1] == "Checkout.post"
    assert own_names(caught(Login().many, ["{"]))[-1] == "Login.post"


class Owner:
    class DoesNotExist(Exception):
        """As Django gives one to each model."""


def test_a_type_that_is_defined_in_a_class_is_known_with_it():
    def raises(kind):
        raise kind

    class Local(Exception):
        """Another one in each call."""

    [owner, local, alone] = [chain_of(caught(raises, kind))[0].info for kind in (Owner.DoesNotExist, Local, KeyError)]
    assert (owner.owner, owner.type) == ("Owner", "DoesNotExist")
    assert (local.owner, alone.owner) == ("", "")


def test_what_surrounds_a_function_is_a_part_of_its_name():
    def nested():
        raise ValueError

    assert own_names(caught(nested)) == ["test_what_surrounds_a_function_is_a_part_of_its_name.nested"]


def test_code_that_was_renamed_keeps_the_name_that_it_was_given():
    code = compile("raise ValueError", "/srv/clinic/pet.html", "exec").replace(co_name="block 'a.b'")
    error = caught(lambda: exec(code, {}))  # noqa: S102
    frame = chain_of(error)[0].info.frames[-1]
    assert frame.function == frame.plain_name == "block 'a.b'"


def test_no_folder_of_a_template_of_jinjas_is_a_part_of_the_key():
    """Its frames are those of code that is named and filed as the template's file."""
    parts = set()
    for release in (42, 43):
        path = f"/srv/releases/{release}/clinic/templates/pets/pet.html"
        code = compile("\n\nraise ValueError", path, "exec").replace(co_name="top-level template code")
        info = chain_of(caught(exec, code, {"__name__": path, "__file__": path}))[0].info
        parts.add(fingerprint(exceptions=(info,)).parts[-1])
    assert {part.value for part in parts} == {"pets/pet.html:top-level template code"}


@pytest.mark.parametrize(
    ("module", "function", "plain"),
    [
        ("clinic.views", "Login.post", "post"),
        ("clinic.views", "post", "post"),
        ("clinic.views", "prices.<listcomp>", "<listcomp>"),
        ("clinic.views", "Login.post.<lambda>", "<lambda>"),
        ("clinic.views", "a\ufffdb", "a\ufffdb"),
        ("pandas._libs.index", "pandas._libs.index.IndexEngine.get_loc", "pandas._libs.index.IndexEngine.get_loc"),
        ("", "Login.post", "post"),
    ],
)
def test_the_plain_name_of_a_function(module, function, plain):
    assert Frame(module=module, function=function, filename="/a.py", lineno=1).plain_name == plain


def test_frames_run_from_outermost_to_innermost():
    [raised] = chain_of(caught(outer, "rabbit"))
    info = whole(raised, budget=Budget())
    assert [frame.function for frame in info.frames] == ["caught", "outer", "inner"]
    last = info.frames[-1]
    assert last.context_line == '    return {"cat": secret_token}[species]'
    assert last.pre_context[-2] == "def inner(species):"
    assert last.post_context[:2] == ("", "")
    assert last.locals == {"species": "'rabbit'", "secret_token": REDACTED}
    assert (info.type, info.module, info.message) == ("KeyError", "builtins", "'rabbit'")


def test_libraries_have_no_locals():
    [raised] = chain_of(caught(json.loads, "{"))
    info = whole(raised, budget=Budget())
    library = [frame for frame in info.frames if not frame.in_app]
    assert library
    assert all(frame.locals is None for frame in library)


def test_causes_and_contexts_are_kept_in_order():
    def cause():
        try:
            inner("rabbit")
        except KeyError as error:
            raise ValueError("second") from error

    def context():
        try:
            cause()
        except ValueError:
            raise TypeError("third")  # noqa: B904

    found = [raised.info for raised in chain_of(caught(context))]
    assert [(info.type, info.link) for info in found] == [
        ("KeyError", "cause"),
        ("ValueError", "context"),
        ("TypeError", None),
    ]


def test_a_context_that_was_ruled_out_is_left_out():
    def hides():
        try:
            inner("rabbit")
        except KeyError:
            raise ValueError("only") from None

    assert len(chain_of(caught(hides))) == 1


def test_a_chain_that_bites_its_tail_ends():
    first, second = ValueError("a"), ValueError("b")
    first.__context__, second.__context__ = second, first
    assert len(chain_of(first)) == 2


def test_of_a_deep_recursion_only_the_calls_that_are_shown_are_looked_at_closely():
    """To work out the line numbers of 100,000 calls would hold up the answer for half a second on a slow machine."""
    asked = []

    class Entry:
        tb_frame = sys._getframe()
        tb_next = None

        @property
        def tb_lineno(self):
            asked.append(self)
            return 1

    first = Entry()
    for _ in range(1_000):
        entry = Entry()
        entry.tb_next, first = first, entry
    assert len(frames.calls_of(first)) == len(asked) == frames.MAX_FRAMES


def test_a_recursion_is_cut():
    def down():
        return down()

    [raised] = chain_of(caught(down))
    assert len(raised.calls) == frames.MAX_FRAMES
    assert raised.info.frames[0].function == "caught"


def test_hostile_messages_cost_only_themselves():
    class Hostile(Exception):
        def __str__(self):
            raise RuntimeError

    assert "cannot be read" in message_of(Hostile())
    assert len(message_of(ValueError("x" * 50_000_000))) <= messages.MAX_MESSAGE
    assert len(message_of(KeyError("x" * 50_000_000))) <= messages.MAX_MESSAGE
    assert message_of(KeyError("rabbit")) == "'rabbit'"
    assert message_of(OSError(2, "gone")) == "[Errno 2] gone"
    assert "hunter2" not in message_of(ValueError("password=hunter2"))
    assert message_of(ValueError("a\x00b\ud800")) == "a\ufffdb\ufffd"


def test_source_that_is_not_there():
    assert source("<nowhere>", 1) == ((), "", ())
    assert source(__file__, 10_000_000) == ((), "", ())
    assert source(__file__, 1)[0] == ()


def test_sources_that_are_looked_up_together_are_kept_apart(monkeypatch):
    """Whoever makes code puts lines into the cache as they like: without an end, or several as one."""
    monkeypatch.setattr("capture.frames._places", {})
    line = "def fn(*rest): rest[0](*rest[1:])"
    functions = []
    for number, cached in enumerate((line, f"{line}\n# with another below\n")):
        made = {}
        exec(compile(line, f"/srv/made/{number}.py", "exec"), made)  # noqa: S102
        monkeypatch.setitem(linecache.cache, f"/srv/made/{number}.py", (1, None, [cached], ""))
        functions.append(made["fn"])
    found = chain_of(caught(*functions, int, "x"))[0].frames
    shown = [frame.context_line for frame in found if frame.filename.startswith("/srv/made/")]
    assert shown == [line, f"{line}\n# with another below"]


def test_remembered_places_are_bounded(monkeypatch):
    monkeypatch.setattr(frames, "_places", {(n, 1): None for n in range(frames.MAX_PLACES)})
    chain_of(caught(lambda: {}["rabbit"]))
    assert 0 < len(frames._places) < 10


def test_the_same_code_under_another_name_is_another_place():
    """`runpy` and reloads run one code object in several modules."""
    code = compile("raise ValueError", "/srv/clinic/shared.py", "exec")
    names = []
    for name in ("first", "second"):
        error = caught(lambda name=name: exec(code, {"__name__": name}))  # noqa: S102
        names.append(chain_of(error)[0].info.frames[-1].module)
    assert names == ["first", "second"]


def test_an_object_in_several_calls_is_described_once():
    basket = ["hay"]
    budget = Budget()
    first = describe_locals({"basket": basket}, budget=budget)
    basket.append("straw")  # which nobody could tell apart from a copy
    assert describe_locals({"again": basket}, budget=budget) == {"again": first["basket"]}


def test_what_is_the_sites_own():
    assert is_in_app("/srv/clinic/views.py")
    assert is_in_app(__file__)
    for filename in (json.__file__, pytest.__file__, frames.__file__, "<string>", "/x/site-packages/a.py"):
        assert not is_in_app(filename)


class Colour(enum.Enum):
    RED = 1


class Hostile:
    """Everything that can be asked of it fails."""

    def __repr__(self, *_):
        raise RuntimeError

    __str__ = __hash__ = __len__ = __iter__ = __getattr__ = __bool__ = __eq__ = __repr__


class HostileDict(dict):
    def items(self):
        raise RuntimeError

    __iter__ = __len__ = __repr__ = items


class Slots:
    __slots__ = ()


class Pet:
    def __init__(self):
        self.name = "Rex"
        self.password = "hunter2"
        self.friend = None
        self._hidden = 1


class Empty:
    pass


class FakeDict:
    __dict__ = 5


class Model:
    _meta = types.SimpleNamespace(pk=types.SimpleNamespace(attname="id"))

    def __init__(self):
        self._state = object()
        self.id = 7


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "None"),
        (True, "True"),
        (12, "12"),
        (10**11, "100000000000"),
        (2**5000, "<int of 5001 bits>"),
        (1.5, "1.5"),
        ("a\x00b", "'a\\x00b'"),
        (b"ab", "b'ab'"),
        (bytearray(b"ab"), "b'ab'"),
        (Colour.RED, "Colour.RED"),
        (datetime.date(2026, 11, 22), "datetime.date(2026, 11, 22)"),
        (decimal.Decimal("1.5"), "Decimal('1.5')"),
        (uuid.UUID(int=1), "UUID('00000000-0000-0000-0000-000000000001')"),
        (pathlib.PurePosixPath("a"), "PurePosixPath('a')"),
        ([1, "a"], "[1, 'a']"),
        ((1,), "(1)"),
        ({1}, "{1}"),
        (frozenset({1}), "frozenset({1})"),
        ({"a": 1, "password": "hunter2", "token": None}, "{'a': 1, 'password': '[redacted]', 'token': None}"),
        (collections.OrderedDict(a=1), "OrderedDict({'a': 1})"),
        (list(range(20)), "[0, 1, 2, 3, 4, 5, 6, 7, … 20 in all]"),
        ([list(range(20))], "[[0, 1, 2, 3, … 20 in all]]"),
        ({n: n for n in range(20)}, "{0: 0, 1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 6, 7: 7, … 20 in all}"),
        ([[[[1]]]], "[[[[…]]]]"),
        ([[[{1: 1}, {}]]], "[[[{…}, {}]]]"),
        ([[{"a": {"b": 1}}]], "[[{'a': {…}}]]"),
        (ValueError("x"), "ValueError('x')"),
        (Pet, f"<class {__name__}.Pet>"),
        (json, "<module json>"),
        (json.loads, "<function loads>"),
        (Pet(), "<Pet name='Rex' password='[redacted]' friend=None>"),
        ([Pet()], "[<Pet>]"),
        (Empty(), "<Empty>"),
        (Slots(), "<Slots>"),
        (FakeDict(), "<FakeDict>"),
        (Model(), "<Model pk=7>"),
        (Hostile(), "<Hostile>"),
        (HostileDict(a=1), "HostileDict({'a': 1})"),
        ([""], "['']"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_are_described_without_asking_them(value, shown):
    assert describe(value) == shown


def test_how_objects_are_described_is_remembered_within_bounds(monkeypatch):
    monkeypatch.setattr(values, "_learnt", {})
    for number in range(values.MAX_LEARNT + 10):
        assert describe(type(f"Made{number}", (), {})()) == f"<Made{number}>"
    assert len(values._learnt) <= values.MAX_LEARNT


def test_what_cannot_be_described_says_so(monkeypatch):
    """Whatever should slip through: a hostile object costs its own description and nothing else."""

    def fails(*_):
        raise RuntimeError

    monkeypatch.setattr(values, "_learnt", {})
    monkeypatch.setattr(values, "_container_of", fails)
    assert describe(Hostile()) == "<Hostile: cannot be described>"


def test_long_texts_are_scrubbed_before_they_are_cut():
    text = describe("x" * 150 + " postgres://me:hunter2@db/x" + "y" * 1000)
    assert "hunt" not in text
    assert text.endswith("(1177 in all)")


def test_described_within_bounds_and_time():
    deep: list = []
    deep.append(deep)
    big = {str(n): ["x" * 10_000] * 1000 for n in range(1000)}
    started = time.perf_counter()
    for value in (deep, big, "x" * 1_000_000, [big] * 1000):
        assert len(describe(value)) <= MAX_DESCRIPTION
    assert time.perf_counter() - started < 1


class Key(dict):
    """A mapping that may be a key, as frozen ones are."""

    __hash__ = object.__hash__
    __eq__ = object.__eq__


def test_keys_that_hold_more_are_described_within_bounds_as_well():
    in_itself = Key(name="rabbit")
    in_itself[in_itself] = 1
    assert "rabbit" in describe(in_itself)
    tree = Key(leaf=1)
    for _ in range(11):
        tree = Key({Key({tree: number}): number for number in range(4)})
    started = time.perf_counter()
    assert len(describe([tree])) <= MAX_DESCRIPTION
    assert time.perf_counter() - started < 1


def test_locals_have_a_budget():
    variables = {f"name{n}": "x" * 100 for n in range(39)}
    described = describe_locals(variables, budget=Budget(500))
    assert len(described) == 6
    assert "…" in described


def test_hidden_locals():
    assert describe_locals({"a": 1, "b": 2}, budget=Budget(), hidden=("a",)) == {"a": REDACTED, "b": "2"}
    assert describe_locals({"a": 1}, budget=Budget(), hidden="__ALL__") == {"a": REDACTED}
    assert describe_locals({"password": None}, budget=Budget()) == {"password": "None"}


def test_names_that_are_no_text_are_left_out():
    """Code can be executed in any dict, whose keys are then its locals."""
    assert describe_locals({7: 1, "a": 2, (): 3}, budget=Budget()) == {"a": "2"}


def test_locals_have_a_time():
    described = describe_locals({"a": 1, "b": 2}, budget=Budget(seconds=-1))
    assert described == {"…": "the rest is left out: the locals of this event are too long"}


class Hangs:
    """Whoever asks it anything waits for ever."""

    def __repr__(self, *_):
        time.sleep(600)

    __str__ = __hash__ = __len__ = __iter__ = __getattr__ = __getattribute__ = __bool__ = __eq__ = __repr__
    __fspath__ = __format__ = __call__ = __repr__
    __class__ = property(__repr__)


class HangingMeta(type):
    def __getattribute__(cls, name):
        time.sleep(600)


def of_a_hanging_class():
    return HangingMeta("Made", (), {"__module__": "clinic"})


class HangingBytes(bytes):
    __getitem__ = __len__ = __iter__ = __repr__ = Hangs.__repr__


class HangingText(str):
    __getitem__ = __len__ = __iter__ = __repr__ = __str__ = Hangs.__repr__


class HangingZone(datetime.tzinfo):
    __repr__ = utcoffset = dst = tzname = Hangs.__repr__


class HangingError(ValueError):
    args = property(Hangs.__repr__)
    __str__ = Hangs.__repr__


class HangingPair(tuple):
    _fields = property(Hangs.__repr__)
    __iter__ = __len__ = __repr__ = Hangs.__repr__


DAY = (2026, 11, 22)


@pytest.mark.parametrize(
    ("made", "shown"),
    [
        (lambda: Hangs(), "<Hangs>"),
        (lambda: [Hangs()], "[<Hangs>]"),
        (of_a_hanging_class, "<class clinic.Made>"),
        (lambda: HangingBytes(b"ab"), "b'ab'"),
        (lambda: HangingText("ab"), "'ab'"),
        (
            lambda: datetime.datetime(*DAY, tzinfo=HangingZone()),
            "datetime.datetime(2026, 11, 22, 0, 0) in a time zone of its own",
        ),
        (
            lambda: datetime.datetime(*DAY, tzinfo=datetime.UTC),
            "datetime.datetime(2026, 11, 22, 0, 0, tzinfo=datetime.timezone.utc)",
        ),
        (lambda: HangingError("x"), "HangingError('x')"),
        (lambda: HangingPair((1, 2)), "(1, 2)"),
        (lambda: types.MethodType(Hangs(), 1), "<function ?>"),
    ],
)
def test_what_would_hang_is_never_asked(made, shown):
    assert describe(made()) == shown


def test_variables_of_exec_may_be_anything():
    class Names(dict):
        items = keys = Hangs.__repr__

    code = compile("x = 5\n1/0", __file__, "exec")
    [raised] = chain_of(caught(exec, code, {"__name__": "made"}, Names()))
    assert whole(raised, budget=Budget()).frames[-1].locals is None


def test_a_loader_that_fails_costs_only_the_source():
    class Loader:
        def get_source(self, name):
            raise RuntimeError

    code = compile("1/0", "made_by_a_loader", "exec")
    [raised] = chain_of(caught(exec, code, {"__name__": "made", "__loader__": Loader()}))
    assert raised.info.frames[-1].context_line == ""


def test_sensitive_variables_of_classes_and_of_stacked_decorators():
    class Page:
        @method_decorator(sensitive_variables("diagnosis"))
        def get(self, diagnosis, chip):
            return self.weigh(diagnosis, chip)

        @sensitive_variables("chip")
        @sensitive_variables("weight")
        def weigh(self, diagnosis, chip):
            weight = 99
            return diagnosis[weight]

    [raised] = chain_of(caught(Page().get, "rabies", "985112"))
    described = whole(raised, budget=Budget()).frames[-1].locals
    assert {name: described[name] for name in ("diagnosis", "chip", "weight")} == dict.fromkeys(
        ("diagnosis", "chip", "weight"), REDACTED
    )


def test_what_a_function_hides_is_hidden_in_what_it_calls():
    def inner(diagnosis, weight):
        return diagnosis[weight]

    @sensitive_variables("diagnosis")
    def outer():
        return inner("rabies", 99)

    @sensitive_variables()
    def hides_all():
        return inner("rabies", 99)

    @sensitive_variables("weight")
    def within():
        return outer()

    for function, shown in ((outer, True), (hides_all, False), (within, False)):
        with pytest.raises(IndexError) as raised:
            function()
        [surfaced] = chain_of(raised.value)
        described = whole(surfaced, budget=Budget()).frames
        assert "rabies" not in str([frame.locals for frame in described])
        assert (described[-1].locals["weight"] == "99") is shown


@pytest.mark.parametrize(
    "value",
    [
        [("password", "hunter2"), ("species", "cat")],
        [["api_token", "hunter2"]],
        [(b"authorization", b"Token hunter2")],
        {b"password": b"hunter2"},
        collections.namedtuple("Login", "user password")("ada", "hunter2"),
    ],
)
def test_secrets_in_pairs_and_named_tuples(value):
    assert "hunter2" not in describe(value)
    assert "password" in describe(value) or "auth" in describe(value) or "token" in describe(value)


def test_a_pair_that_is_open():
    assert describe(("species", "cat")) == "('species', 'cat')"
    assert describe(("password", None)) == "('password', None)"
    assert describe(collections.namedtuple("Size", "width height")(2, 3)) == "Size{'width': 2, 'height': 3}"
    row = collections.namedtuple("Row", [f"column_{number}" for number in range(20)])
    assert describe(row(*range(20))).startswith("Row{'column_0': 0, 'column_1': 1,")
    assert describe(row(*range(20))).endswith("'column_7': 7, … 20 in all}")


class Field(enum.StrEnum):
    USER = "user"
    PASSWORD = "password"


@pytest.mark.parametrize("names", [tuple(Field), (b"user", b"password"), (1, "password")], ids=repr)
def test_the_names_of_a_tuple_tell_what_is_secret_whatever_kind_of_text_they_are(names):
    class Row(tuple):
        _fields = names

    assert "hunter2" not in describe(Row(("ada", "hunter2")))


def test_the_names_of_a_tuple_that_only_looks_named_run_nothing():
    class Name:
        def __hash__(self):
            raise AssertionError("was hashed")

        def __eq__(self, other):
            raise AssertionError("was compared")

    class Odd(tuple):
        _fields = (Name(), Name())

    assert describe(Odd((1, 2))) == "Odd{<Name>: 1, <Name>: 2}"


def test_what_an_object_says_of_its_class_is_not_asked():
    """To look at a lazy object's class loads what it stands for, with a query in the middle of a broken transaction."""
    loaded = []
    lazy = SimpleLazyObject(lambda: loaded.append(1) or "loaded")
    for value in ((lazy, 42), [lazy, 42], {"name": lazy, "value": 1}, {"key": lazy}, ValueError(lazy)):
        describe(value)
    message_of(ValueError(lazy))
    message_of(KeyError(lazy))
    assert loaded == []


def test_a_path_of_a_library_that_is_only_called_alike_is_not_asked_for_its_repr():
    class Loud(pathlib.PurePosixPath):
        __module__ = "pathlibrary.mine"

        def __repr__(self):
            raise AssertionError("was run")

    assert describe(Loud("/x")) == "<Loud>"
    assert describe(pathlib.PurePosixPath("/x")) == "PurePosixPath('/x')"


def test_the_globals_of_a_module_are_no_locals():
    code = compile("x = 5\n1/0", __file__, "exec")
    [raised] = chain_of(caught(exec, code, {"__name__": "made"}))
    assert whole(raised, budget=Budget()).frames[-1].locals is None


_TEXT = st.text(st.characters(exclude_categories=()))
_ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.binary()
    | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
)


@given(_ANY)
def test_any_data_is_described_within_bounds(value):
    text = describe(value)
    assert len(text) <= MAX_DESCRIPTION
    text.encode("utf-8")
    assert "\x00" not in text
