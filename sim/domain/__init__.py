"""Types that every part shares: pure values, no engine and no solver."""
