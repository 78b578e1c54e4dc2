"""The page that says what a profile measured."""
