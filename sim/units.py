"""Constants of the calendar and of physics, and the few conversions between units."""

DAYS_PER_WEEK = 7
WEEKS_PER_YEAR = 52
"""A simulated year has 52 whole weeks, 364 days: rates per year are spread over them."""
DAYS_PER_YEAR = DAYS_PER_WEEK * WEEKS_PER_YEAR
HOURS_PER_WEEK = 168.0
HOURS_PER_YEAR = HOURS_PER_WEEK * WEEKS_PER_YEAR
MINUTES_PER_HOUR = 60.0
JOULES_PER_KWH = 3.6e6
GRAMS_PER_TONNE = 1e6
WATTS_PER_KW = 1e3


def emissions_t_co2e(energy_kwh: float, *, grid_g_co2e_per_kwh: float, pue: float = 1.0) -> float:
    """Return location-based emissions of a load, in tonnes of CO2 equivalent.

    Parameters
    ----------
    energy_kwh : energy drawn by the load, kWh.
    grid_g_co2e_per_kwh : average grid intensity, g CO2e per kWh.
    pue : power usage effectiveness of the room, dimensionless, at least 1.

    >>> emissions_t_co2e(1_000.0, grid_g_co2e_per_kwh=500.0, pue=1.2)
    0.6
    """
    return energy_kwh * pue * grid_g_co2e_per_kwh / GRAMS_PER_TONNE
