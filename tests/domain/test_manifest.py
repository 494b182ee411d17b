"""A value in a manifest is replaced alone: every other byte stays, and what is not certain is left with a reason."""

from hypothesis import given
from hypothesis import strategies as st

from tests.domain.given import table
from vanguard.api.policy import ConfigMapKey, EnvVar, Location
from vanguard.api.reasons import Reason
from vanguard.domain import manifest
from vanguard.domain.change import Impossible
from vanguard.domain.manifest import MOST_CHARACTERS, Place, replaced, value_in

KEY = Place("ConfigMap", "shop", "orders-config", Location(config_map_key=ConfigMapKey(name="orders-config", key="K")))
ENV = Place("Deployment", "shop", "orders", Location(env=EnvVar(container="app", name="POOL")))


def config(value: str, *, meta: str = "name: orders-config", more: str = "") -> str:
    return f"# the shop's\nkind: ConfigMap\nmetadata: {{{meta}}}\ndata:\n  A: x  # first\n  K: {value}\n{more}"


def deployment(value: str, *, kind: str = "Deployment") -> str:
    return f"""apiVersion: apps/v1
kind: {kind}
metadata:
  name: orders
spec:
  template:
    spec:
      initContainers: [{{name: app, env: [{{name: POOL, value: "1"}}]}}]
      containers:
      - name: proxy
        env: [{{name: POOL, value: "2"}}]
      - image: app
        env:
        - name: OTHER
          value: "3"
        - name: POOL
          value: {value}
        name: app
"""


@table(
    ("why", "place", "text", "value", "expected"),
    [
        ("double quotes stay", KEY, config('"50"'), "60", config('"60"')),
        ("single quotes stay", KEY, config("'50'"), "60", config("'60'")),
        ("a plain number stays plain", KEY, config("50"), "60", config("60")),
        ("a comment behind it stays", KEY, config('"50"   # fifty'), "60", config('"60"   # fifty')),
        ("plain text that would become a number is quoted", KEY, config("09"), "10", config('"10"')),
        ("the namespace may be written", KEY, config('"5"', meta="name: orders-config, namespace: shop"), "6",
         config('"6"', meta="name: orders-config, namespace: shop")),
        ("among other documents", KEY, "kind: Other\n---\n" + config('"50"') + "---\n# end\n", "60",
         "kind: Other\n---\n" + config('"60"') + "---\n# end\n"),
        ("another namespace's of the same name is another", KEY,
         config('"1"', meta="name: orders-config, namespace: bank") + "---\n" + config('"50"'), "60",
         config('"1"', meta="name: orders-config, namespace: bank") + "---\n" + config('"60"')),
        ("Windows' line ends stay", KEY, config('"50"').replace("\n", "\r\n"), "60",
         config('"60"').replace("\n", "\r\n")),
        ("letters beyond ASCII before it", KEY, "# größer 🐘\n" + config('"50"'), "60",
         "# größer 🐘\n" + config('"60"')),
        ("a mark at the beginning of the file", KEY, "\ufeff" + config('"50"'), "60", "\ufeff" + config('"60"')),
        ("in flow style", KEY, '{"kind": "ConfigMap", "metadata": {"name": "orders-config"}, "data": {"K": "50"}}',
         "60", '{"kind": "ConfigMap", "metadata": {"name": "orders-config"}, "data": {"K": "60"}}'),
        ("no line end at the end", KEY, config('"50"').rstrip(), "60", config('"60"').rstrip()),
        ("an anchor elsewhere is nobody's concern", KEY, config('"50"', more="x: &a 1\ny: *a\n"), "60",
         config('"60"', more="x: &a 1\ny: *a\n")),
        ("an env value of the right container", ENV, deployment('"50"'), "60", deployment('"60"')),
        ("the same value once more", KEY, config('"50"'), "50", config('"50"')),
    ],
)  # fmt: skip
def test_the_value_is_replaced_and_nothing_else(why: str, place: Place, text: str, value: str, expected: str) -> None:
    assert replaced(text, place, value) == expected, why
    assert value_in(expected, place) == value


@table(
    ("why", "place", "text", "said"),
    [
        ("no such document", KEY, "kind: Other\n", "does not declare it"),
        ("another name", KEY, config('"50"', meta="name: other"), "does not declare it"),
        ("another namespace", KEY, config('"50"', meta="name: orders-config, namespace: bank"), "does not declare it"),
        ("another kind", ENV, deployment('"50"', kind="StatefulSet"), "does not declare it"),
        ("no such key", KEY, config('"50"').replace("  K:", "  KK:"), "does not declare it"),
        ("env from elsewhere", ENV, deployment('"50"').replace('value: "50"', "valueFrom: {}"), "does not declare"),
        ("an empty file", KEY, "", "does not declare it"),
        ("two documents", KEY, config('"50"') + "---\n" + config('"50"'), "several times"),
        ("the key twice", KEY, config('"50"', more='  K: "51"\n'), "several times"),
        ("shared by an anchor", KEY, config('&a "50"', more="x: *a\n"), "an anchor shares it"),
        ("taken by an alias", KEY, "x: &a '50'\n" + config("*a"), "an anchor shares it"),
        ("its map is shared", KEY, config('"50"').replace("\ndata:", "\ndata: &d"), "an anchor shares it"),
        ("merged from elsewhere", KEY, "x: &d {K: '50'}\n" + config('"50"').replace('  K: "50"', "  <<: *d"),
         "does not declare it"),
        ("a block of text", KEY, config("|\n    50"), "no single value on one line"),
        ("a list", KEY, config("[50]"), "no single value on one line"),
        ("a template's braces", KEY, config("{{ .Values.pool }}"), "no single value on one line"),
        ("a template's lines", KEY, "{{- if .Values.x }}\n" + config('"50"') + "{{- end }}\n", "is no YAML"),
        ("a tag", KEY, config("!!str 50"), "carries a tag"),
        ("no YAML", KEY, "a: [", "is no YAML"),
        ("control characters", KEY, "a: \x00", "is no YAML"),
        ("too long", KEY, "#" * MOST_CHARACTERS + "\n" + config('"50"'), f"at most {MOST_CHARACTERS}"),
    ],
)  # fmt: skip
def test_what_is_not_certain_is_left_with_a_reason(why: str, place: Place, text: str, said: str) -> None:
    for found in (value_in(text, place), replaced(text, place, "60")):
        assert isinstance(found, Impossible), why
        assert found.reason is Reason.NOT_IN_GIT
        assert said in found.message


def test_the_reason_names_the_place() -> None:
    missing = value_in("", ENV)
    assert isinstance(missing, Impossible)
    assert missing.message == "env POOL of container app of Deployment orders: the file does not declare it"


VALUES = st.one_of(st.integers(0, 10**9).map(str), st.text(max_size=20))


@given(VALUES, VALUES, st.sampled_from(["'{}'", '"{}"', "{}"]))
def test_there_and_back_again_is_the_same_value_and_around_it_the_same_bytes(old: str, new: str, quotes: str) -> None:
    text = config(quotes.format(old))
    if value_in(text, KEY) != old:
        return  # not how this value is written
    there = replaced(text, KEY, new)
    if isinstance(there, Impossible):
        return
    assert there.startswith(text[: text.index("  K: ") + 5])
    assert value_in(there, KEY) == new
    assert isinstance(back := replaced(there, KEY, old), str)
    assert value_in(back, KEY) == old


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.sampled_from(["'{}'", '"{}"', "{}"]))
def test_numbers_there_and_back_again_are_the_same_bytes(old: int, new: int, quotes: str) -> None:
    text = config(quotes.format(old), more="# end\n")
    there = replaced(text, KEY, str(new))
    assert there == config(quotes.format(new), more="# end\n")
    assert replaced(there, KEY, str(old)) == text


def test_the_document_is_never_loaded_only_composed() -> None:
    bomb = config('"50"', more="x: !!python/object/apply:os.system [exit]\n")
    assert manifest.value_in(bomb, KEY) == "50"
