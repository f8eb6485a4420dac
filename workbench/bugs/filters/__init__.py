"""The filter language of the bug list: words, `field:value`, `!` for not, `or`, and brackets."""

from workbench.bugs.filters.completion import Candidate, candidates
from workbench.bugs.filters.conditions import Whose, condition
from workbench.bugs.filters.language import FilterError, asks, fields_of, parse, term

__all__ = ["Candidate", "FilterError", "Whose", "asks", "candidates", "condition", "fields_of", "parse", "term"]
