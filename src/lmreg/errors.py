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


def is_users(error: BaseException) -> bool:
    """Whether the user can mend it: a bad value, a missing file, too little memory; else it's a bug."""
    return isinstance(error, LmregError | OSError) or _out_of_memory(error) or _not_deterministic(error)


def in_one_line(error: BaseException) -> str:
    """An error for people."""
    if _out_of_memory(error):
        reason = ". ".join(" ".join(str(error).split()).split(". ")[:2]).rstrip(".") or "no memory left"
        return (
            f"out of memory ({reason}); lower trainer.batch_size, scoring.batch_size or network.channels, "
            "or end what else uses that memory"
        )
    if _not_deterministic(error):
        what = " ".join(str(error).split()).partition(", but")[0]
        return f"{what} on this device; pass deterministic=false, and last digits differ from run to run"
    if isinstance(error, OSError) and error.filename:
        return printable(f"{error.strerror or error}: {error.filename}")
    if isinstance(error, LmregError):
        return printable(str(error))
    text = printable(" ".join(str(error).split()))
    return text if isinstance(error, OSError) else f"{type(error).__name__}: {text}"


def printable(text: str) -> str:
    """``text`` in one line; what isn't printable, such as a terminal's commands, as Python writes it.

    Names of files and classes may have anything in them.
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _not_deterministic(error: BaseException) -> bool:
    """Whether torch was told to repeat its numbers and has no kernel that does."""
    return isinstance(error, RuntimeError) and "does not have a deterministic implementation" in str(error)


def _out_of_memory(error: BaseException) -> bool:
    # torch's own class by its name: this module must not import torch.
    known = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    return known or (isinstance(error, RuntimeError) and "can't allocate memory" in str(error))
