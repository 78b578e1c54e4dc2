"""Whatever a file holds, the message is short, quick, and says file, line and key."""

from pathlib import Path

import pytest

from sim.errors import LONGEST_LINE, ScenarioError
from sim.scenario.problems import MOST_PROBLEMS
from sim.studies.names import load_scenario
from tests.targets_file import SCENARIO


def problems(folder: Path, old: str, new: str) -> list[str]:
    """Return the lines said of the small scenario with a text of it replaced."""
    assert old in SCENARIO
    path = folder / "x.yaml"
    path.write_text(SCENARIO.replace(old, new), encoding="utf-8")
    with pytest.raises(ScenarioError) as caught:
        load_scenario(path)
    return str(caught.value).splitlines()


@pytest.mark.parametrize(
    ("old", "new", "first"),
    [
        ("[KEN, RWA]", f"[{', '.join(f'X{i}' for i in range(15_000))}]", "regions"),
        ("policies: [", f"policies: [{', '.join(f'p{i}' for i in range(15_000))}, ", "policies.0"),
        ("policies:", "".join(f"key{i}: 1\n" for i in range(9_000)) + "policies:", "key0"),
        ("policies:", "overrides:\n" + "".join(f"  a.b{i}: {{value: 1, source: made up}}\n"
         for i in range(3_000)) + "policies:", "overrides.a.b0"),
        ("policies:", "overrides:\n" + "".join(f"  b{i}: {{valeu: 1}}\n" for i in range(4_000))
         + "policies:", "overrides.b0.source"),
        ("policies:", "policy_steps:\n- {kind: agreement, year: 2027, regions: ["
         + ", ".join(f"X{i}" for i in range(250)) + "]}\npolicies:", "policy_steps.0.regions.0"),
        ("policies:", "backlog:\n  imaging:\n" + "".join(f"    X{i}.ct: 1\n" for i in range(6_000))
         + "policies:", "backlog.imaging.X0.ct"),
    ],
)  # fmt: skip
def test_many_problems_are_one_message_that_counts_them(
    tmp_path: Path, old: str, new: str, first: str
) -> None:
    said = problems(tmp_path, old, new)
    assert len(said) == MOST_PROBLEMS + 2
    assert said[-1].startswith("and ")
    assert said[-1].endswith(" more.")
    assert said[0].endswith(" problems:")
    assert any(f": {first}: " in line for line in said)
    assert sum(map(len, said)) < 40_000


@pytest.mark.parametrize(
    ("readers", "said"),
    [
        ("{by: KEM, serves: [RWA]}", "tele_reading.0.by: 'KEM' is not in this scenario. Did you "
         "mean 'KEN'?"),
        ("{by: KEN, serves: [UGA]}", "tele_reading.0.serves.0: 'UGA' is not in this scenario."),
        ("{by: KEN, serves: [RWA, KEN]}", "tele_reading.0: KEN reads for itself without"),
        ("{by: KEN, serves: [RWA, RWA]}", "tele_reading.0: serves named twice: RWA"),
        ("{by: KEN, serves: []}", "tele_reading.0.serves: "),
        ("{by: KEN, serve: [RWA]}", "tele_reading.0.serve: unknown key. Did you mean 'serves'?"),
        ("{by: KEN, serves: [RWA]}, {by: KEN, serves: [RWA]}", "tele_reading: by KEN twice"),
    ],
)  # fmt: skip
def test_who_reads_for_whom_is_checked(tmp_path: Path, readers: str, said: str) -> None:
    found = problems(tmp_path, "policies:", f"tele_reading: [{readers}]\npolicies:")
    assert any(f": {said}" in line for line in found), found


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("{of: imagin, share: 0.5}", "capacity_calendar.0.of: found 'imagin'"),
        ("{of: imaging, share: 1.5}", "capacity_calendar.0.share: found 1.5"),
        ("{of: imaging, share: 0.5, to_week: 53}", "capacity_calendar.0.to_week: found 53"),
        ("{of: imaging, share: 0.5, from_wek: 3}", "capacity_calendar.0.from_wek: unknown key. Did "
         "you mean 'from_week'?"),
        ("{of: imaging}", "capacity_calendar.0.share: "),
        ("{of: imaging, share: 0.5, regions: [RWB]}", "capacity_calendar.0.regions.0: 'RWB' is not "
         "in this scenario. Did you mean 'RWA'?"),
        ("{of: imaging, share: 0.5, modalities: [ct]}", "capacity_calendar.0.modalities.0: 'ct' is "
         "not in this scenario."),
        ("{of: readers, share: 0.5, professions: [radiologist]}", "capacity_calendar.0.professions"
         ".0: 'radiologist' is not in this scenario."),
        ("{of: imaging, share: 0.5, professions: [dermatologist]}", "capacity_calendar.0: "
         "professions belong to readers; of imaging, name modalities"),
        ("{of: readers, share: 0.5, modalities: [dermoscopy]}", "capacity_calendar.0: modalities "
         "belong to imaging; of readers, name professions"),
        ("{of: readers, share: 0.5, year: 2030, until: 2030}", "capacity_calendar.0: until 2030 is "
         "not after year 2030"),
        ("{of: readers, share: 0.5, year: 2090}", "capacity_calendar.0: year 2090 is after the "
         "last, "),
        ("{of: readers, share: 0.5, until: 2020}", "capacity_calendar.0: until 2020 is not after "
         "the first year that is simulated, "),
    ],
)  # fmt: skip
def test_the_capacity_calendar_is_checked(tmp_path: Path, entry: str, said: str) -> None:
    found = problems(tmp_path, "policies:", f"capacity_calendar: [{entry}]\npolicies:")
    assert any(said in line for line in found), found


@pytest.mark.parametrize("regions", ["", ", regions: [KEN]"])
def test_who_reads_for_others_is_not_closed(tmp_path: Path, regions: str) -> None:
    entry = f"capacity_calendar: [{{of: readers, share: 0.5{regions}}}]"
    lends = "tele_reading: [{by: KEN, serves: [RWA]}]"
    found = problems(tmp_path, "policies:", f"{entry}\n{lends}\npolicies:")
    said = "capacity_calendar.0: readers of KEN read for others (tele_reading), every week;"
    assert any(said in line for line in found), found


LONG = "x" * 400_000


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("[KEN, RWA]", f"[{LONG}]"),
        ("[baseline,", f"[{LONG},"),
        ("policies:", f"{LONG}: 1\npolicies:"),
        ("policies:", f"overrides: {{{LONG}: {{value: 1, source: made up}}}}\npolicies:"),
        ("policies:", f"profile: {LONG}\npolicies:"),
        ("policies:", f"profile: ./{LONG}\npolicies:"),
        ("policies:", f"overlays: [{LONG}]\npolicies:"),
        ("policies:", f"? {LONG[:900]}\n: 1\n? {LONG[:900]}\n: 2\npolicies:"),
        ("urban:", f'"{LONG}":'),
        ("Lesions in", f"Lesions {LONG}"),
        ("policies:", f"backlog: {{imaging: {{{LONG}: 1}}}}\npolicies:"),
        ("policies:", f"extends: {LONG}\npolicies:"),
    ],
)
def test_long_words_are_cut(tmp_path: Path, old: str, new: str) -> None:
    for line in problems(tmp_path, old, new):
        assert len(line) < LONGEST_LINE + 10


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("[baseline, equal_split]", "[]", "policies: found an empty list; must have at least 1"),
        ("equal_split]", "baseline]", "policies: named twice: baseline."),
        ("urban:", '" ":', "groups. : found nothing but blanks; must say something."),
        ("urban:", '"":', "groups.: found nothing but blanks; must say something."),
        ("urban:", '" urban":', "groups. urban: found ' urban'; must be one line, without blanks"),
        ("urban:", '"a\\nb":', "found 'a\\nb'; must be one line, without blanks"),
        ("urban:", '"a\\eb":', "character U+001B is no text."),
        ("urban:", '"a\\u202eb":', "character U+202E is no text."),
        ("title: Lesions in one made-up programme", 'title: "a\\a b"', "U+0007 is no text."),
        ("title: Lesions in one made-up programme", 'title: "    "', "title: found nothing but"),
        ("title: Lesions in one made-up programme", 'title: "a line\\nmore"', "must be one line"),
        ("title: Lesions in one made-up programme", 'title: "a b "', "without blanks around it"),
        ("source: made up", 'source: "    "', "reach.source: found nothing but blanks"),
    ],
)
def test_blank_and_control_characters_are_refused(
    tmp_path: Path, old: str, new: str, expected: str
) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(SCENARIO.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ScenarioError) as caught:
        load_scenario(path)
    said = str(caught.value)
    assert expected in said
    assert "x.yaml:" in said
    assert said.isprintable() or "\n" in said


@pytest.mark.parametrize("name", ["65+", "አማርኛ", "مجموعة", "a.b", "women 50 to 69", "$x^2$"])
def test_any_script_and_sign_makes_a_group_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(SCENARIO.replace("urban:", f'"{name}":', 1), encoding="utf-8")
    assert name in load_scenario(path).groups


WRONG_NAMES = """\
policy_steps: [{kind: agreement, year: 2027, regions: [KEN, UGA]}]
levers: {outreach: {regions: {Kenya: 3, UGA: 1}}}
capacity_calendar:
- {of: imaging, share: 0.5, regions: [KEN, UGA], modalities: [dermoscopy, ct]}
- {of: readers, share: 0.5, regions: [RWA], professions: [radiologist]}
supplies:
- modality: ct
  regions: [UGA]
  exams_per_year: {value: 5, low: 1, high: 9, source: made up}
tele_reading: [{by: UGA, serves: [Rwanda, TZA]}]
backlog: {reading: {KEN.dermoscopy: 5, KEN.ct: 1}}
treasury:
  spending: [{at_most: 0.5, regions: [Kenya, LIC, UGA], groups: [rural, x]}]
  outcomes: {mean_ec: {at_least: 0.1}, kindness: {at_least: 0.1}}
policies:"""


def test_every_name_of_what_the_scenario_lacks_is_said(tmp_path: Path) -> None:
    found = problems(tmp_path, "policies:", WRONG_NAMES)
    assert {line.split(": ")[1] for line in found[1:]} == {
        "policy_steps.0.regions.1",
        "levers.outreach.regions.UGA",
        "capacity_calendar.0.regions.1",
        "capacity_calendar.0.modalities.1",
        "capacity_calendar.1.professions.0",
        "supplies.0.modality",
        "supplies.0.regions.0",
        "tele_reading.0.by",
        "tele_reading.0.serves.1",
        "backlog.reading.KEN.ct",
        "treasury.spending.0.regions.2",
        "treasury.spending.0.groups.1",
        "treasury.outcomes.kindness",
    }
    assert all(" is not in this scenario. " in line for line in found[1:])
