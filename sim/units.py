"""Constants of the calendar and of physics."""

DAYS_PER_WEEK = 7
WEEKS_PER_YEAR = 52
"""A simulated year has 52 whole weeks, 364 days: rates per year are spread over them."""
DAYS_PER_YEAR = DAYS_PER_WEEK * WEEKS_PER_YEAR
HOURS_PER_WEEK = 168.0
HOURS_PER_YEAR = HOURS_PER_WEEK * WEEKS_PER_YEAR
MINUTES_PER_HOUR = 60.0
JOULES_PER_KWH = 3.6e6
GRAMS_PER_TONNE = 1e6
MB_PER_TB = 1e6
WATTS_PER_KW = 1e3
