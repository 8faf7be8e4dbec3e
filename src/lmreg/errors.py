"""The two ways in which a run ends early on purpose."""


class LmregError(Exception):
    """Something the user can mend: shown as one line without a traceback, exit code 2."""


class Interrupted(BaseException):
    """The run was asked to stop, has saved its state and can be resumed by the same command.

    Like KeyboardInterrupt no `Exception`: it must end a whole sweep, not just one of its jobs.
    """

    def __init__(self, message: str, signal_number: int):
        super().__init__(message)
        self.signal_number = signal_number
