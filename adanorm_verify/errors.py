"""What can keep a check from taking place."""


class CannotCheck(Exception):
    """Nothing was decided about the subject: no such module, a constructor that refuses, nothing to compare.

    The message is one or two lines: what was wrong, the value, what is allowed.
    """
