"""Errors that end a run with a message for the user, and how errors are shown in one line."""


class LmregError(Exception):
    """An error that the user can fix: shown as one line without a traceback, with exit code 2."""


class Interrupted(BaseException):
    """The run was asked to stop and has saved its state; the same command resumes it.

    Like KeyboardInterrupt, it isn't an `Exception`, as it must end a whole sweep, not just one of its jobs.
    """

    def __init__(self, message: str, signal_number: int):
        super().__init__(message)
        self.signal_number = signal_number


def is_user_error(error: BaseException) -> bool:
    """Whether the user can fix it (a bad value, a missing file, too little memory); if not, it's a bug."""
    return isinstance(error, LmregError | OSError) or _out_of_memory(error) or _not_deterministic(error)


def error_line(error: BaseException) -> str:
    """Return an error's message for the user in one line."""
    if _out_of_memory(error):
        reason = ". ".join(" ".join(str(error).split()).split(". ")[:2]).rstrip(".") or "no memory left"
        return (
            f"out of memory ({reason}); lower trainer.batch_size, scoring.batch_size or network.channels, "
            "or stop other programs that use memory"
        )
    if _not_deterministic(error):
        kernel = " ".join(str(error).split()).partition(", but")[0]
        return f"{kernel} on this device; pass deterministic=false, after which last digits vary between runs"
    if isinstance(error, OSError) and error.filename:
        return printable(f"{error.strerror or error}: {error.filename}")
    if isinstance(error, LmregError):
        return printable(str(error))
    text = printable(" ".join(str(error).split()))
    return text if isinstance(error, OSError) else f"{type(error).__name__}: {text}"


def printable(text: str) -> str:
    """Return ``text`` in one line, with characters that aren't printable escaped as in Python.

    Names of files and classes may contain anything, such as control sequences of terminals.
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _not_deterministic(error: BaseException) -> bool:
    """Whether torch has no deterministic kernel although it was asked for deterministic results."""
    return isinstance(error, RuntimeError) and "does not have a deterministic implementation" in str(error)


def _out_of_memory(error: BaseException) -> bool:
    # torch's class is recognised by its name, as this module must not import torch.
    known = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    return known or (isinstance(error, RuntimeError) and "can't allocate memory" in str(error))
