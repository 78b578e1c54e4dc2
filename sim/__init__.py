"""Equiscan: find where the next dollar makes medical imaging AI fairer."""
