"""When a plan fails, in words."""

import numpy as np
import pandas as pd
import pytest

from sim.answers.failure import failure
from sim.errors import AnswerError


def draws(count: int = 200) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    return pd.DataFrame(rng.uniform(size=(count, 4)), columns=["reach", "need", "level", "same"])


def test_a_plan_that_never_fails_never_does() -> None:
    x = draws()
    found = failure(x, x["reach"] > 2.0, seed=1)
    assert str(found) == "Never: in none of 200 draws."


def test_the_conditions_of_failure_are_found() -> None:
    x = draws()
    found = failure(x, (x["reach"] > 0.7) & (x["need"] < 0.4), seed=1)
    worst = found.patterns[0]
    assert worst.failures == worst.draws == found.failures
    said = " ".join(worst.conditions)
    assert "reach above 0.7" in said
    assert "need below 0." in said
    assert sum(one.draws for one in found.patterns) == 200
    assert sum(one.failures for one in found.patterns) == found.failures


def test_chance_has_no_pattern() -> None:
    x = draws()
    luck = pd.Series(np.random.default_rng(9).random(200) < 0.3)
    found = failure(x, luck, seed=1)
    assert len(found.patterns) == 1
    assert "nothing of what is drawn tells in which" in str(found)


def test_few_failures_have_no_pattern() -> None:
    x = draws()
    found = failure(x, x["reach"] > x["reach"].nlargest(3).min() - 1e-9, seed=1)
    assert found.failures == 3
    assert str(found) == "In 3 of 200 draws; nothing of what is drawn tells in which."


def test_infinite_and_constant_parameters_do_no_harm() -> None:
    x = draws().assign(same=1.0)
    x["reach"] = x["reach"].where(x["reach"] < 0.7, np.inf)
    found = failure(x, np.isinf(x["reach"]), seed=1)
    assert found.patterns[0].conditions[0].startswith("reach above")


def test_without_scikit_learn_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sim.answers.failure.find_spec", lambda _: None)
    x = draws()
    with pytest.raises(AnswerError, match=r"equiscan\[answers\]"):
        failure(x, x["reach"] > 0.5, seed=1)
