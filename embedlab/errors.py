"""One family of errors, written for the person who reads them.

A `UserError` is one sentence: which file or setting, which row, what is wrong, what to do.
It never holds a traceback, a path of the server beyond what the person typed, or corpus text.
"""


class UserError(Exception):
    """Something the person can put right. Shown as it stands; the command line exits with 2."""


class CorpusError(UserError):
    """A file or a column that cannot become a corpus."""


class ModelError(UserError):
    """A model that is not there, not safe to load, or not of a kind we know."""


class TrainingError(UserError):
    """A plan that cannot be trained as asked, or a run that had to stop."""


class MeasureError(UserError, ValueError):
    """A number that is not defined for the data given."""


class StoreError(UserError):
    """The workspace: something damaged, missing, full or made by a newer version."""


class NotShippedError(UserError):
    """What was left out of the results that come with EmbedLab; the demo, made here, has it."""


class JobError(UserError):
    """A job that cannot be started, found, cancelled or resumed."""
