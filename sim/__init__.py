"""Equiscan: where does the next dollar make medical imaging AI fairer?"""
