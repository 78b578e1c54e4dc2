"""The first sentence of a report: whether to follow the plan, and what to prefer where not."""

from reports import words
from reports.language import gettext as _
from sim.planning.rules import phrase_of
from sim.studies.result import StudyResult


def headline(result: StudyResult) -> str:
    """Return the recommendation in one or two sentences, no stronger than the evidence."""
    found = _beaten(result)
    rivals = [baseline for policy, baseline in found if policy == "plan"]
    if not rivals:
        return _("This study compares policies; it makes no plan.")
    rivals = sorted(rivals, key=lambda name: name != result.best_rule)

    def named(rival: str) -> str:
        if rival != result.best_rule:
            return words.phrase(rival)
        quoted = phrase_of(rival).startswith("the rule ")
        rule = _("'{label}'").format(label=words.label(rival)) if quoted else words.phrase(rival)
        return _("the best simple rule, {rule}").format(rule=rule)

    beaten = words.enumerated([named(name) for name in rivals if found["plan", name]] or [""])
    unbeaten = [name for name in rivals if not found["plan", name]]
    if not unbeaten:
        return _("Follow the plan: in simulation it beats {rivals}.").format(rivals=beaten)
    if found.get(("plan", "baseline")):
        names = words.enumerated([named(name) for name in unbeaten])
        said = (
            _(
                "The plan is not shown to beat {rivals}: prefer the simpler rule. Spending as "
                "planned is better than buying nothing."
            )
            if preferred_rules(result)
            else _(
                "The plan is not shown to beat {rivals}. Spending as planned is better than "
                "buying nothing."
            )
        )
        return said.format(rivals=names)
    if "baseline" in rivals:
        return _(
            "No plan is shown to beat buying nothing: do not spend on the strength of this study."
        )
    names = words.enumerated([named(name) for name in unbeaten])
    return _(
        "The plan is not shown to beat {rivals}; nothing was compared with buying nothing."
    ).format(rivals=names)


def preferred_rules(result: StudyResult) -> list[str]:
    """Return rules that beat buying nothing, as the plan does, and that it is not shown to beat.

    The best rule first. None where the plan beats the best rule: a rule that comes less far is then
    not beaten only because its interval is wide.
    """
    beats = _beaten(result)
    equal = [rule for (policy, rule), better in beats.items() if policy == "plan" and not better]
    good = [rule for rule in equal if beats.get((rule, "baseline"))]
    if not beats.get(("plan", "baseline")) or beats.get(("plan", result.best_rule)):
        return []
    return sorted(good, key=lambda rule: rule != result.best_rule)


def _beaten(result: StudyResult) -> dict[tuple[str, str], bool]:
    """Return whether the first policy of every comparison beats the second."""
    return {
        (str(row["policy"]), str(row["baseline"])): str(row["verdict"]) == "beats"
        for row in result.comparisons().to_dict("records")
    }
