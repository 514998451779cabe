"""The one error for bad input, shared by every edge of the tool: images, logs, JSON, options."""


class InputError(Exception):
    """Something that was given to the tool can't be used; the message is one clear line.

    It names the file, the line, offset or field, what was expected and what was found.
    """
