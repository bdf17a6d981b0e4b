"""The commands, one a file. Heavy imports stand inside them: `--help` must answer at once."""

from .bench import bench
from .check import check
from .gate import gate
from .hunt import hunt
from .identify import identify
from .listing import listing
from .regret import regret
from .replay import replay
from .report import report
from .sharpness import sharpness
from .survey import survey_command
from .theory import theory

COMMANDS = (check, identify, report, replay, gate, sharpness, survey_command, theory, regret, hunt, bench, listing)
"""In the order of `--help`."""
