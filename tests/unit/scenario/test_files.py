"""A scenario file becomes one frozen object, or every problem in it with line, key and remedy."""

import hashlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from pydantic import ValidationError

from sim.domain.bounds import Bounds
from sim.errors import ScenarioError
from sim.scenario.file_schema import schema_of
from sim.scenario.files import read_scenario, resolved_yaml, scenario_hash
from sim.scenario.merged_files import sources
from sim.scenario.name_checks import Names
from sim.scenario.schema import Scenario
from sim.scenario.tree import Budget

PAGE = """\
title: A made-up question
question: Where should the next dollar go?
regions: [NO, KEN]
groups:
  urban:
    share: urban_share
    reach: {value: 0.5, low: 0.3, high: 0.7, source: made up}
  rural:
    share: rural_share
    reach: {value: 0.2, low: 0.1, high: 0.4, source: made up}
modalities: {dermoscopy: 1.0}
horizon:
  decide_years: 3
  score_years: 5
budget_usd_per_year: 1.0e+6
response:
  level: {value: 0.5, low: 0.3, high: 0.8, source: made up}
overrides:
  KEN.population: {value: 5.0e+7, source: made up}
"""
NAMES = Names(
    regions={"NO": "A region called NO", "KEN": "Kenya", "NOR": "Norway", "all": "all"},
    profiles={"dermoscopy_encoder_site": "dermoscopy"},
    places=lambda scenario: scenario.regions,
    areas=lambda scenario: scenario.regions,
    professions=lambda _: ("dermatologist",),
    outcomes=("ede", "worst_ec"),
    overrides=lambda scenario: {
        f"{region}.population": Bounds(1e3, 2e9, "persons") for region in scenario.regions
    },
    choices={
        "policies": {"baseline": "nothing", "plan": ""},
        "objective": {"ede": ""},
        "weekly.stations": {"imaging": ""},
    },
)

Write = Callable[..., Path]


@pytest.fixture
def page(tmp_path: Path) -> Write:
    """Write the page with some text replaced, under a name, and return its path."""

    def write(old: str = "", new: str = "", *, name: str = "x.yaml", text: str = PAGE) -> Path:
        assert old in text
        path = tmp_path / name
        path.write_text(text.replace(old, new) if old else text, encoding="utf-8")
        return path

    return write


def problems(path: Path, **options: object) -> list[str]:
    """Return the problems of a file without its folder."""
    with pytest.raises(ScenarioError) as caught:
        read_scenario(path, names=NAMES, **options)  # type: ignore[arg-type]
    lines = str(caught.value).replace(f"{path.parent}/", "").splitlines()
    return lines[1:] if "problems:" in lines[0] else lines


def test_a_good_page_is_read(page: Write) -> None:
    scenario = read_scenario(page(), names=NAMES)
    assert scenario.regions == ("NO", "KEN")
    assert scenario.budget_usd_per_year == 1e6
    assert scenario.horizon.warm_up_years == 2
    with pytest.raises(ValidationError):
        scenario.title = "another"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "decide_years",
            "decide_yeers",
            "x.yaml:13: horizon.decide_yeers: unknown key. Did you mean 'decide_years'? Allowed: "
            "start_year, decide_years, score_years, warm_up_years.",
        ),
        ("1.0e+6", "-5", "x.yaml:15: budget_usd_per_year: found -5; must be greater than or"),
        ("1.0e+6", ".inf", "x.yaml:15: budget_usd_per_year: found inf; "),
        ("1.0e+6", "'5e6'", "x.yaml:15: budget_usd_per_year: found '5e6'; must be a valid number."),
        ("1.0e+6", "true", "x.yaml:15: budget_usd_per_year: found true; must be a valid number."),
        (
            "budget_usd_per_year: 1.0e+6\n",
            "",
            "x.yaml:1: budget_usd_per_year: required, but missing: New money per year",
        ),
        (
            "source: made up}\n  rural",
            "}\n  rural",
            "x.yaml:7: groups.urban.reach.source: required",
        ),
        (
            "KEN]",
            "kenia]",
            "x.yaml:3: regions.1: unknown region 'kenia'. Did you mean 'KEN'? Allowed: ",
        ),
        ("KEN]", "NO]", "x.yaml:3: regions: named twice: NO."),
        ("[NO, KEN]", "[]", "x.yaml:3: regions: found an empty list; must have at least 1 item."),
        ("[NO, KEN]", "KEN", "x.yaml:3: regions: found 'KEN'; must be a list, such as [KEN]."),
        (
            "dermoscopy:",
            "dermoscpy:",
            "x.yaml:11: modalities.dermoscpy: unknown key. Did you mean 'dermoscopy'? Allowed: ",
        ),
        ("1.0}", "0.9}", "x.yaml:11: modalities: weights add up to 0.9, not 1."),
        (
            "share: urban_share",
            "share: urban",
            "x.yaml:6: groups.urban.share: found 'urban'; must be a valid number or 'urban_share' "
            "or 'rural_share'. Did you mean 'urban_share'?",
        ),
        ("urban_share", "0.7", "x.yaml:4: groups: named shares must be exactly urban_share and"),
        (
            "low: 0.3, high: 0.7",
            "low: 0.6, high: 0.7",
            "x.yaml:7: groups.urban.reach: value 0.5 is",
        ),
        ("high: 0.4", "high: 1.4", "x.yaml:10: groups.rural.reach: a share runs from 0 to 1; 1.4"),
        ("score_years: 5", "score_years: 2", "x.yaml:12: horizon: score_years 2 is shorter than"),
        (
            "decide_years: 3",
            "decide_years: 2.5",
            "x.yaml:13: horizon.decide_years: found 2.5; must",
        ),
        ("low: 0.3, high: 0.8", "low: 0, high: 0.8", "x.yaml:17: response.level: no model is free"),
        (
            "KEN.population",
            "KEN.populaton",
            "x.yaml:19: overrides.KEN.populaton: no such baseline value in this scenario. Did you "
            "mean 'KEN.population'?",
        ),
        ("5.0e+7", "5.0e+7, low: 6.0e+7", "x.yaml:19: overrides.KEN.population: value 5e+07 is"),
        (
            "response:",
            "profile: dermoscopy\nresponse:",
            "x.yaml:16: profile: no such profile. Did you mean 'dermoscopy_encoder_site'? Allowed: "
            "dermoscopy_encoder_site. A folder is written './dermoscopy'.",
        ),
        ("response:", "profile: ./no\nresponse:", "x.yaml:16: profile: there is no folder './no'."),
        ("response:", "profile: ../\nresponse:", "x.yaml:16: profile: '../' leads out of the"),
        ("response:", "profile: /etc\nresponse:", "x.yaml:16: profile: '/etc' leads out of the"),
        (
            "dermoscopy: 1.0",
            "ct: 1.0",
            "x.yaml:16: response.transport: required, as profile 'dermoscopy_encoder_site' was "
            "measured on dermoscopy: say why it may be used for ct.",
        ),
        (
            "response:",
            "policies: [plam]\nresponse:",
            "x.yaml:16: policies.0: found 'plam'. Did you mean 'plan'? Allowed: baseline, plan.",
        ),
        (
            "response:",
            "objective: edi\nresponse:",
            "x.yaml:16: objective: found 'edi'. Did you mean 'ede'? Allowed: ede.",
        ),
        (
            "response:",
            "weekly: {stations: [imagin]}\nresponse:",
            "x.yaml:16: weekly.stations.0: found 'imagin'. Did you mean 'imaging'?",
        ),
        ("response:", "equity: 5\nresponse:", "x.yaml:16: equity: found 5; must be a mapping."),
    ],
)
def test_a_problem_is_told_with_line_key_finding_and_remedy(
    page: Write, old: str, new: str, expected: str
) -> None:
    found = problems(page(old, new))
    assert len(found) == 1, found
    assert found[0].startswith(expected)


def test_all_problems_are_told_at_once_in_the_order_of_the_file(page: Write) -> None:
    text = PAGE.replace("title", "titel").replace("KEN]", "KEM]").replace("1.0e+6", "-1")
    found = problems(page(text=text))
    assert [line.split(" ")[:2] for line in found] == [
        ["x.yaml:1:", "titel:"],
        ["x.yaml:1:", "title:"],
        ["x.yaml:3:", "regions.1:"],
        ["x.yaml:15:", "budget_usd_per_year:"],
    ]


def test_a_scenario_that_is_no_mapping_is_refused(page: Write) -> None:
    assert problems(page(text="- a\n- b\n")) == [
        "x.yaml:1: a scenario is a mapping of keys to values."
    ]


def test_without_names_only_the_schema_is_checked(page: Write) -> None:
    assert read_scenario(page("KEN]", "XXX]")).regions == ("NO", "XXX")


def test_a_scenario_extends_another(page: Write) -> None:
    page(name="base.yaml")
    child = page(text="extends: base.yaml\nbudget_usd_per_year: 7\nhorizon: {decide_years: 2}\n")
    scenario = read_scenario(child, names=NAMES)
    assert scenario.budget_usd_per_year == 7
    assert (scenario.horizon.decide_years, scenario.horizon.score_years) == (2, 5)


def test_null_removes_what_the_parent_says(page: Write) -> None:
    page(name="base.yaml")
    child = "extends: base.yaml\nmodalities: {dermoscopy: null, ct: 1.0}\n"
    scenario = read_scenario(page(text=child))
    assert dict(scenario.modalities) == {"ct": 1.0}


def test_problems_point_at_the_file_in_which_the_key_stands(page: Write) -> None:
    page("decide_years", "decide_yeers", name="base.yaml")
    found = problems(page(text="extends: base.yaml\nbudget_usd_per_year: -7\n"))
    assert [line.split(" ")[0] for line in found] == ["base.yaml:13:", "x.yaml:2:"]


@pytest.mark.parametrize(
    ("parent", "message"),
    [
        ("bas.yaml", "x.yaml:1: extends: there is no file 'bas.yaml' in .*mean 'base.yaml'"),
        ("../base.yaml", "x.yaml:1: extends: found '../base.yaml'; must be the name of a file"),
        ("/etc/passwd", "x.yaml:1: extends: found '/etc/passwd'; must be the name of a file"),
        ("[base.yaml]", "x.yaml:1: extends: found .*; must be the name of a file"),
        ("link.yaml", "x.yaml:1: extends: 'link.yaml' leads out of the folder"),
        ("x.yaml", "x.yaml:1: extends: 'x.yaml' extends itself"),
    ],
)
def test_only_another_file_in_the_folder_is_extended(
    page: Write, tmp_path_factory: pytest.TempPathFactory, parent: str, message: str
) -> None:
    child = page(text=f"extends: {parent}\n")
    page(name="base.yaml")
    outside = tmp_path_factory.mktemp("elsewhere") / "base.yaml"
    outside.write_text(PAGE, encoding="utf-8")
    (child.parent / "link.yaml").symlink_to(outside)
    with pytest.raises(ScenarioError, match=message):
        read_scenario(child)


def test_a_circle_of_files_is_refused(page: Write) -> None:
    page(text="extends: c.yaml\n", name="b.yaml")
    page(text="title: ok\nextends: a.yaml\n", name="c.yaml")
    with pytest.raises(ScenarioError, match=r"c\.yaml:2: extends: 'a.yaml' extends itself"):
        read_scenario(page(text="extends: b.yaml\n", name="a.yaml"))


def test_overrides_are_dotted_and_typed_as_yaml(page: Write) -> None:
    overrides = (
        "budget_usd_per_year=5e6",
        "horizon.decide_years=2",
        "regions=[KEN]",
        "overrides.KEN.population.value=7e6",
        "levers.scanner={max_per_year: 3}",
        "title=A title with = in it",
    )
    scenario = read_scenario(page(), overrides=overrides, names=NAMES)
    assert scenario.budget_usd_per_year == 5e6
    assert scenario.horizon.decide_years == 2
    assert scenario.regions == ("KEN",)
    assert scenario.overrides["KEN.population"].value == 7e6
    assert scenario.levers["scanner"].max_per_year == 3
    assert scenario.title == "A title with = in it"


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("gate.margn=1", "--set gate.margn=1: gate.margn: unknown key. Did you mean 'margin'?"),
        ("budget_usd_per_year=-1", "--set budget_usd_per_year=-1: budget_usd_per_year: found -1;"),
        ("regions=[KEM]", "--set regions=[KEM]: regions.0: unknown region 'KEM'. Did you mean"),
        ("title", "--set title: write KEY=VALUE, such as budget_usd_per_year=5e6."),
        ("=3", "--set =3: write KEY=VALUE"),
        ("title.x=3", "--set title.x=3: title: found a mapping; must be a valid string."),
        ("title=[1", "--set title=[1: not readable as YAML"),
        ("extends=y.yaml", "--set extends=y.yaml: extends: unknown key."),
        ("search.worst_by=regret", "--set search.worst_by=regret: search: worst_by regret needs"),
    ],
)
def test_a_wrong_override_is_named(page: Write, override: str, expected: str) -> None:
    assert problems(page(), overrides=(override,))[0].startswith(expected)


def test_a_required_key_that_is_missing_is_missed_in_the_file(page: Write) -> None:
    found = problems(page("title: A made-up question\n"), overrides=("gate.margin=0.1",))
    assert found[0].startswith("x.yaml:1: title: required, but missing")


def test_a_profile_folder_lies_in_the_folder_unless_allowed(page: Write) -> None:
    inside = page("response:", "profile: ./mine\nresponse:")
    (inside.parent / "mine").mkdir()
    assert read_scenario(inside, names=NAMES).profile == (inside.parent / "mine").as_posix()
    outside = page("response:", f"profile: {Path('/').as_posix()}\nresponse:")
    assert read_scenario(outside, allow_outside=True).profile == "/"


def test_the_resolved_page_says_the_same(page: Write) -> None:
    scenario = read_scenario(page())
    again = read_scenario(page(text=resolved_yaml(scenario), name="resolved.yaml"))
    assert again == scenario
    assert scenario_hash(again) == scenario_hash(scenario)


def test_the_hash_is_of_what_is_said_and_not_of_how(page: Write) -> None:
    scenario = read_scenario(page())
    moved = (
        PAGE.replace("title: A made-up question\n", "") + "# a note\ntitle: A made-up question\n"
    )
    defaults = PAGE + "gate: {margin: 0.05}\n"
    assert scenario_hash(read_scenario(page(text=moved))) == scenario_hash(scenario)
    assert scenario_hash(read_scenario(page(text=defaults))) == scenario_hash(scenario)
    assert scenario_hash(read_scenario(page("1.0e+6", "1.1e+6"))) != scenario_hash(scenario)


def test_the_hash_does_not_know_where_a_profile_folder_lies() -> None:
    page = {"profile": "/home/a/mine"} | _plain()
    elsewhere = page | {"profile": "/home/b/mine"}
    one, other = (Scenario.model_validate(p) for p in (page, elsewhere))
    assert scenario_hash(one) == scenario_hash(other)


def test_the_schema_allows_what_files_may_say() -> None:
    schema = schema_of(NAMES)
    assert list(schema["properties"])[:3] == ["extends", "overlays", "checksums"]
    assert schema["additionalProperties"] is False
    assert {"required": ["extends"]} in schema["anyOf"]
    assert all(field["description"] for field in schema["properties"].values())
    policies = schema["properties"]["policies"]
    assert policies["items"]["enum"] == ["baseline", "plan"]
    assert policies["description"].endswith("``baseline``: nothing.")
    assert schema["$defs"]["Weekly"]["properties"]["stations"]["items"]["enum"] == ["imaging"]


def _plain() -> dict[str, object]:
    def assumed(value: float) -> dict[str, object]:
        return {"value": value, "low": value, "high": value, "source": "made up"}

    return {
        "title": "A test",
        "question": "What happens in a test?",
        "regions": ("KEN",),
        "groups": {"all": {"share": 1.0, "reach": assumed(0.5)}},
        "modalities": {"dermoscopy": 1.0},
        "response": {"level": assumed(1.0)},
        "budget_usd_per_year": 1.0,
    }


def test_the_values_of_all_files_are_counted_together(
    page: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each overlay by itself is short enough."""
    monkeypatch.setattr("sim.scenario.merged_files.Budget", partial(Budget, values=2_500))
    page(name="base.yaml")
    sample = ", ".join(["1.0"] * 1_000)
    for name in ("one", "two", "three"):
        said = f"{{value: 1.0, source: made up, sample: [{sample}]}}"
        page(name=f"{name}.yaml", text=f"overrides: {{KEN.{name}: {said}}}\n")
    text = "extends: base.yaml\noverlays: [{}.yaml]\n"
    assert len(sources(page(text=text.format("one.yaml, two")))) == 4
    with pytest.raises(ScenarioError, match=r"one\.yaml:1: more than 50,000 values, with the fil"):
        sources(page(text=text.format("one.yaml, two.yaml, three")))


def test_what_a_scenario_resolves_to_can_be_read_again(page: Write) -> None:
    """Although it has a value a line, and every default."""
    sample = ", ".join(["1.0e+7"] * 90)
    said = f"{{value: 1.0e+7, source: made up, sample: [{sample}]}}"
    page(name="base.yaml")
    overlay = "\n".join(f"  KEN.n{number}: {said}" for number in range(200))
    page(name="over.yaml", text=f"overrides:\n{overlay}\n")
    scenario = read_scenario(page(text="extends: base.yaml\noverlays: [over.yaml]\n"))
    page(name="again.yaml", text=resolved_yaml(scenario))
    assert read_scenario(page().with_name("again.yaml"), resolved=True) == scenario


@pytest.mark.parametrize("length", [199, 200])
def test_a_profile_elsewhere_is_refused_however_long_its_path(page: Write, length: int) -> None:
    elsewhere = page().parent / "elsewhere"
    (elsewhere / "mine").mkdir(parents=True)
    (elsewhere.parent / "home").mkdir()
    name = "../elsewhere/" + "./" * ((length - 17) // 2) + "/" * ((length - 17) % 2) + "mine"
    assert len(name) == length
    text = f"{PAGE}profile: {name}\n".replace("response:\n", "response:\n  transport: made up\n")
    path = elsewhere.parent / "home" / "x.yaml"
    path.write_text(text)
    assert "leads out of the scenario's folder" in " ".join(problems(path))
    assert read_scenario(path, allow_outside=True).profile == (elsewhere / "mine").as_posix()


def test_a_fit_that_is_a_link_to_elsewhere_is_refused(page: Write, tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "mine").mkdir(parents=True)
    (tmp_path / "fit.json").write_text("{}")
    (home / "mine" / "fit.json").symlink_to(tmp_path / "fit.json")
    path = page(name="home/x.yaml", text=f"{PAGE}profile: ./mine\n")
    assert "leads out of the scenario's folder" in " ".join(problems(path))


def test_a_file_that_has_changed_is_refused_with_what_it_has_now(page: Write) -> None:
    base = page(name="base.yaml")
    stated = hashlib.sha256(base.read_bytes()).hexdigest()
    text = "extends: base.yaml\nchecksums:\n  base.yaml: '{}'\n"
    assert read_scenario(page(text=text.format(stated))) == read_scenario(base)
    base.write_bytes(base.read_bytes() + b"# a word\n")
    now = hashlib.sha256(base.read_bytes()).hexdigest()
    with pytest.raises(ScenarioError, match=rf":3: checksums\.base\.yaml: '{stated[:9]}.*{now}"):
        read_scenario(page(text=text.format(stated)))
    with pytest.raises(ScenarioError, match=r"no file 'bse.yaml'.*base\.yaml"):
        read_scenario(page(text="extends: base.yaml\nchecksums: {bse.yaml: '0'}\n"))
    with pytest.raises(ScenarioError, match=r":2: checksums: must give SHA-256 by name"):
        read_scenario(page(text="extends: base.yaml\nchecksums: base.yaml\n"))


def test_a_misspelt_key_of_files_is_known_by_its_nearest(page: Write) -> None:
    with pytest.raises(ScenarioError, match="Did you mean 'checksums'"):
        read_scenario(page(text=f"{PAGE}checksum: {{}}\n"))
