"""The one error for bad input, shared by every edge of the tool: images, logs, JSON, options."""


class InputError(Exception):
    """Something that was given to the tool can't be used; the message is one clear line.

    It names the file, the line, offset or field, what was expected and what was found.
    """


class NothingSelected(Exception):
    """What was asked for names nothing that there is: that must not look like success.

    The message is one line that says what was asked for, and what comes near it.
    """
