"""The commands, one a file. Heavy imports stand inside them: `--help` must answer at once."""

from .bench import bench
from .check import check
from .gate import gate
from .listing import listing
from .survey import survey_command

COMMANDS = (check, gate, survey_command, bench, listing)
"""In the order of `--help`."""
